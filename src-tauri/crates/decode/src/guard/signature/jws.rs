//! JWS in its compact form (RFC 7515): `header.payload.signature`, each base64url. Detached (appendix F): nothing stands
//! between the dots, the payload is the message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::super::digest::method::Sum;
use super::key::{Algorithm, SignatureKey};
use super::same;

/// Longer headers are no headers.
const MAX_HEADER: usize = 4096;

/// The parts of a text that is a JWS.
pub(crate) fn parts(text: &[u8]) -> Option<[&[u8]; 3]> {
    // `{"` in base64.
    if !text.starts_with(b"eyJ") {
        return None;
    }
    let mut parts = text.split(|byte| *byte == b'.');
    let found = [parts.next()?, parts.next()?, parts.next()?];
    let plain = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_signed = found.last().is_some_and(|signature| !signature.is_empty());
    (parts.next().is_none() && found.iter().all(|part| plain(part)) && is_signed).then_some(found)
}

/// What was made of a header: most messages of a feed have the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers {
    last: Vec<u8>,
    algorithm: Option<Algorithm>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Headers {
    /// The algorithm that a header names.
    pub(super) fn algorithm(&mut self, header: &[u8]) -> Option<Algorithm> {
        if self.last != header {
            self.last.clear();
            self.last.extend_from_slice(header);
            self.algorithm = read(header);
        }
        self.algorithm
    }

    /// Whether the signature of `parts` is the key's; stated, computed. `payload`: what it is about, if it is detached.
    pub(super) fn verify(
        &mut self,
        [header, body, signature]: [&[u8]; 3],
        algorithm: Algorithm,
        payload: &[u8],
        key: &SignatureKey,
        macs: &[hmac::Key],
    ) -> (bool, u64, u64) {
        let Headers { message, signature: bytes, .. } = self;
        bytes.clear();
        if URL_SAFE_NO_PAD.decode_vec(signature, bytes).is_err() {
            return (false, 0, 0);
        }
        message.clear();
        message.extend_from_slice(header);
        message.push(b'.');
        if body.is_empty() {
            let start = message.len();
            message.resize(start + payload.len().div_ceil(3) * 4, 0);
            let coded = URL_SAFE_NO_PAD.encode_slice(payload, message.get_mut(start..).unwrap_or_default());
            message.truncate(start + coded.unwrap_or(0));
        } else {
            message.extend_from_slice(body);
        }
        let first = |bytes: &[u8]| bytes.get(..8).and_then(Sum::of).map_or(0, |sum| sum.first());
        let stated = first(bytes);
        if algorithm != Algorithm::Hs256 {
            let fits = key.verifies(algorithm, message, bytes);
            return (fits, stated, if fits { stated } else { 0 });
        }
        let mut computed = 0;
        for mac in macs {
            let tag = hmac::sign(mac, message);
            computed = first(tag.as_ref());
            if same(tag.as_ref(), bytes) {
                return (true, stated, computed);
            }
        }
        (false, stated, computed)
    }
}

fn read(header: &[u8]) -> Option<Algorithm> {
    let text = URL_SAFE_NO_PAD.decode(header.get(..header.len().min(MAX_HEADER))?).ok()?;
    let mut algorithm = None;
    let read = crate::json::leaf::leaves(&text, |path, raw| {
        if path == "/alg" {
            algorithm = Algorithm::of(raw.trim_matches('"'));
        }
    });
    read.ok().and(algorithm)
}
