//! What can be said without a broker; what needs one is a test of the whole program.
