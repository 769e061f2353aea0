//! Columns of samples to bytes and back, lossless to the bit. Pure.
