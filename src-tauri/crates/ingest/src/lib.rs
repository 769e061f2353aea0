//! Sources of messages and the one loop that keeps them connected.
