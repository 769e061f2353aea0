//! The key that signatures are checked with. It stands in no debug output.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Why something is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKey(String);

impl fmt::Display for WrongKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for WrongKey {}

/// What proves who wrote the messages of a feed: a secret shared with the sender, or the sender's public key.
///
/// ```
/// let key = feedwatch_decode::SignatureKey::secret("hunter2");
/// assert_eq!(format!("{key:?}"), "SignatureKey(a secret)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureKey(Key);

#[derive(Clone, PartialEq, Eq)]
enum Key {
    Secret(Arc<[u8]>),
    Public(Kind, Arc<[u8]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
}

impl fmt::Debug for SignatureKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Secret(_) => to.write_str("SignatureKey(a secret)"),
            Key::Public(kind, _) => write!(to, "SignatureKey(public, {kind:?})"),
        }
    }
}

/// A signature algorithm of JWS (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub(super) fn of(name: &str) -> Option<Algorithm> {
        Some(match name {
            "HS256" => Algorithm::Hs256,
            "RS256" => Algorithm::Rs256,
            "PS256" => Algorithm::Ps256,
            "ES256" => Algorithm::Es256,
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return None,
        })
    }

    /// The name of the rule.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "jws-hs256",
            Algorithm::Rs256 => "jws-rs256",
            Algorithm::Ps256 => "jws-ps256",
            Algorithm::Es256 => "jws-es256",
            Algorithm::EdDsa => "jws-eddsa",
        }
    }
}

impl SignatureKey {
    /// A secret shared with the sender, for HMAC and JWS with HS256. What begins with `whsec_` is also tried as the base64 that
    /// Standard Webhooks write.
    pub fn secret(secret: impl AsRef<[u8]>) -> SignatureKey {
        SignatureKey(Key::Secret(secret.as_ref().into()))
    }

    /// The sender's public key for JWS: a SubjectPublicKeyInfo in PEM or DER; RSA, P-256 or Ed25519.
    ///
    /// # Errors
    /// It is none, or one of another kind.
    pub fn public(key: &[u8]) -> Result<SignatureKey, WrongKey> {
        let wrong = |why: &str| WrongKey(format!("this is no public key: {why}"));
        let der = match std::str::from_utf8(key).ok().and_then(|text| text.split_once("-----BEGIN PUBLIC KEY-----")) {
            Some((_, rest)) => {
                let body = rest.split("-----").next().unwrap_or_default();
                let digits: String = body.split_whitespace().collect();
                STANDARD.decode(digits).map_err(|_| wrong("the PEM is no base64"))?
            }
            None => key.to_vec(),
        };
        let (rest, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| wrong("it is no SubjectPublicKeyInfo"))?;
        if !rest.is_empty() {
            return Err(wrong("something stands behind it"));
        }
        let kind = match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => Kind::Rsa,
            "1.2.840.10045.2.1" if info.subject_public_key.data.len() == 65 => Kind::P256,
            "1.3.101.112" if info.subject_public_key.data.len() == 32 => Kind::Ed25519,
            _ => return Err(wrong("it is neither RSA nor P-256 nor Ed25519")),
        };
        Ok(SignatureKey(Key::Public(kind, info.subject_public_key.data.as_ref().into())))
    }

    /// The keys of HMAC; none where it is a public key.
    pub(super) fn macs(&self) -> Vec<hmac::Key> {
        let Key::Secret(secret) = &self.0 else { return Vec::new() };
        let coded = secret.strip_prefix(b"whsec_").and_then(|coded| STANDARD.decode(coded).ok());
        let secrets = std::iter::once(secret.to_vec()).chain(coded);
        secrets.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret)).collect()
    }

    /// Whether the key is of the kind that `algorithm` wants, and `signature` is its over `message`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Key::Public(kind, bytes) = &self.0 else { return false };
        let by: &'static dyn VerificationAlgorithm = match (algorithm, kind) {
            (Algorithm::Rs256, Kind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Algorithm::Ps256, Kind::Rsa) => &signature::RSA_PSS_2048_8192_SHA256,
            (Algorithm::Es256, Kind::P256) => &signature::ECDSA_P256_SHA256_FIXED,
            (Algorithm::EdDsa, Kind::Ed25519) => &signature::ED25519,
            _ => return false,
        };
        UnparsedPublicKey::new(by, bytes).verify(message, signature).is_ok()
    }
}
