//! The certificate by which a server has proved who it is.

use serde::{Deserialize, Serialize};

use crate::Time;

/// What is remembered of a server's own certificate; not those of its authorities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-256 of the certificate in DER, hexadecimal in small letters.
    pub print: String,
    /// When it begins to be valid (RFC 5280, section 4.1.2.5).
    pub from: Time,
    /// When it expires.
    pub until: Time,
    /// Who signed it, for people.
    pub issuer: String,
    /// The version of TLS of the connection it was shown on: `1.2` or `1.3`; `None` where it was not noted.
    #[serde(default)]
    pub tls: Option<String>,
}
