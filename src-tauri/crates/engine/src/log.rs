//! What may be logged, for both shells.
//!
//! Libraries under us write whole requests into their finest logs, bearer tokens among them. Whatever a filter asks for,
//! they are heard from INFO upwards only.

use tracing::{Level, Metadata};

/// The crates that see requests.
const NEAR_SECRETS: [&str; 8] = [
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
    "hyper_util",
    "h2",
    "rustls",
    "tokio_rustls",
    "rustls_platform_verifier",
];

/// A crate whose errors are told by the feed, and that sees passwords.
const SILENT: &str = "lapin";

/// May this be logged?
pub fn allowed(metadata: &Metadata<'_>) -> bool {
    if metadata.target().split("::").next() == Some(SILENT) {
        return false;
    }
    *metadata.level() <= Level::INFO || !is_near_secrets(metadata.target())
}

fn is_near_secrets(target: &str) -> bool {
    NEAR_SECRETS.contains(&target.split("::").next().unwrap_or(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sees_requests_is_known_by_its_crate() {
        assert!(is_near_secrets("tungstenite::handshake::client") && is_near_secrets("hyper"));
        assert!(!is_near_secrets("feedwatch_ingest::websocket") && !is_near_secrets("hyperion"));
    }
}
