//! The picture of given points as SVG or PNG.
