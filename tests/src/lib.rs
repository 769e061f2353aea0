//! The kit of the whole-program tests.
