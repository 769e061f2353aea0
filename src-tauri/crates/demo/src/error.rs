//! What can go wrong before a publisher stands.

use std::net::SocketAddr;

/// Why a demo or a replay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}. Choose another port, or 0 for any free one.")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A speed that is not a positive number.
    #[error("`{0}` is not a speed. Write a number above 0 such as 1 or 10, or max.")]
    Speed(String),
    /// A faults specification that cannot be read.
    #[error("faults, position {position}: {problem}. {cure}")]
    Faults {
        /// Byte position in the specification, from 0.
        position: usize,
        /// What is wrong there.
        problem: String,
        /// What to write instead.
        cure: String,
    },
}
