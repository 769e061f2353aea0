//! Errors of sockets as sentences.

use std::io;
use std::net::SocketAddr;

use crate::{ConnectError, reason};

/// Why we cannot listen.
pub(super) fn cannot_listen(at: SocketAddr, error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::AddrInUse => ConnectError::Network(format!(
            "Another program listens at {at} already, or another feed. Name another port, or end the other one."
        )),
        io::ErrorKind::AddrNotAvailable => {
            ConnectError::Options(format!("{} is no address of this computer. Check the address.", at.ip()))
        }
        io::ErrorKind::PermissionDenied => ConnectError::Options(format!(
            "This program may not listen at port {}. Name one above 1023, or allow it to.",
            at.port()
        )),
        _ => ConnectError::Network(format!("It cannot be listened at {at}: {error}.")),
    }
}

/// Why nothing could be encrypted.
pub(super) fn no_tls(error: &io::Error, host: &str) -> ConnectError {
    match reason::connect_error(error, host) {
        ConnectError::Protocol(_) => ConnectError::Protocol(format!(
            "{host} does not speak TLS. Check the port; if it is not encrypted, write tcp:// instead."
        )),
        error => error,
    }
}

/// The server ended the connection.
pub(super) const CLOSED: &str = "The server closed the connection.";
/// What a client is told whose first line is not the token.
pub(super) const NO_TOKEN: &[u8] = b"Feedwatch: the first line of a connection must be the token.\n";
/// What a client is told when there are too many.
pub(super) const TOO_MANY: &[u8] = b"Feedwatch: there are 64 connections already.\n";
/// Nobody gave us an input.
pub(super) const NO_INPUT: &str =
    "Standard input is read by `feedwatch run` and `feedwatch probe -` only, not by the window.";
/// Two want to read it.
pub(super) const TAKEN: &str = "Standard input is read by another feed, or was read before. Keep one feed with stdin:.";
/// There is nothing more.
pub(super) const INPUT_ENDED: &str = "Standard input was read to its end.";
