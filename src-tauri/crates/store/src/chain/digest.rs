//! SHA-256 over what the history holds, the same for those who write it and those who verify it.
//!
//! A value is a byte that tells its type, the length of texts and blobs as 8 bytes, and its bytes; numbers are 8 bytes
//! little-endian. So no two rows of values give the same bytes.

use std::fmt;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use ring::hmac;
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// What stands before the first link of a chain.
pub(crate) const GENESIS: Digest = [0; 32];

/// A digest in the making.
#[derive(Clone)]
pub(crate) struct Hasher {
    context: Context,
    /// Small values are gathered: that is cheaper than to digest each for itself.
    held: Vec<u8>,
}

/// So much is gathered, in bytes; a value that is longer is digested where it stands.
const GATHERED: usize = 4096;

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    pub(crate) fn new() -> Hasher {
        Hasher { context: Context::new(&SHA256), held: Vec::new() }
    }

    pub(crate) fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.put(&[0]),
            ValueRef::Integer(integer) => self.number(1, integer.cast_unsigned()),
            ValueRef::Real(real) => self.number(2, real.to_bits()),
            ValueRef::Text(bytes) => self.bytes(3, bytes),
            ValueRef::Blob(bytes) => self.bytes(4, bytes),
        }
    }

    /// Values of a row: `count` columns from `first` on.
    pub(crate) fn row(&mut self, row: &Row<'_>, first: usize, count: usize) -> Result<(), rusqlite::Error> {
        (first..first + count).try_for_each(|index| row.get_ref(index).map(|value| self.value(value)))
    }

    fn number(&mut self, tag: u8, bits: u64) {
        let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
        self.put(&[tag, a, b, c, d, e, f, g, h]);
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.number(tag, bytes.len() as u64);
        self.put(bytes);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if self.held.len() + bytes.len() > GATHERED {
            self.context.update(&self.held);
            self.held.clear();
        }
        if bytes.len() > GATHERED {
            self.context.update(bytes);
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    pub(crate) fn finish(mut self) -> Digest {
        self.context.update(&self.held);
        let mut digest = GENESIS;
        for (to, from) in digest.iter_mut().zip(self.context.finish().as_ref()) {
            *to = *from;
        }
        digest
    }
}

/// The digest of some numbers and blobs: a link of a chain.
pub(crate) fn link(numbers: &[i64], word: &str, blobs: &[&[u8]]) -> Digest {
    let mut hasher = Hasher::new();
    numbers.iter().for_each(|number| hasher.value(ValueRef::Integer(*number)));
    hasher.value(ValueRef::Text(word.as_bytes()));
    blobs.iter().for_each(|blob| hasher.value(ValueRef::Blob(blob)));
    hasher.finish()
}

/// A blob that is a digest, if it is one.
pub(crate) fn digest_of(blob: &[u8]) -> Option<Digest> {
    blob.try_into().ok()
}

/// A digest for people.
pub(crate) fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What signs the head of a chain. It is not told by `Debug`.
#[derive(Clone)]
pub struct Key(Arc<hmac::Key>);

impl Key {
    /// From the bytes of a secret.
    pub fn new(bytes: &[u8]) -> Key {
        Key(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// HMAC-SHA-256 of a hash.
    pub(crate) fn sign(&self, hash: &Digest) -> Vec<u8> {
        hmac::sign(&self.0, hash).as_ref().to_vec()
    }

    /// Was this hash signed with this key?
    pub(crate) fn fits(&self, hash: &Digest, signature: &[u8]) -> bool {
        hmac::verify(&self.0, hash, signature).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}
