//! The built-in demo feeds and the replay of captures: servers on loopback.
