//! Who we are at a broker.

use crate::Secret;

/// What a broker is told. All of it may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A token instead.
    pub token: Option<Secret>,
}
