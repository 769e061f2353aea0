//! Ports that nobody uses.

use std::net::{Ipv4Addr, TcpListener};

/// So many free ports of loopback, all at once, so that they differ. Somebody may be quicker in taking them.
///
/// # Panics
/// If there are none.
pub fn free<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    listeners.map(|listener| listener.local_addr().map(|address| address.port()).unwrap_or_default())
}
