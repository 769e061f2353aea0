//! Signatures: who wrote a message, proved with a key that the operator gives.
//!
//! Without a key nothing is checked. With one every message is, from the first: a header or a field that is called like a
//! signature, or a JWS, is tried in every usual way till one fits; that way is in force then. Till one does, each message
//! with a signature has a guard that does not fit: the key is another's, or the messages are. A message without a signature,
//! of a kind that had one before, has such a guard too.
//!
//! Decided: the algorithm of a JWS must be one for the key that was given (never `none`), and stays that of the first one
//! that fits.

pub(crate) mod jws;
pub(super) mod key;
mod mac;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use feedwatch_model::Message;
use ring::hmac;

use self::jws::Headers;
use self::key::{Algorithm, SignatureKey};
use self::mac::{OVER_FIELD, OVER_HEADER, Over};
use super::{Judged, View};
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::trie::Trie;
use crate::learn::hints;

/// Where a signature stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Header(Arc<str>),
    Field(u32),
    /// The payload is a JWS.
    Payload,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Mac(Over),
    Jws(Algorithm),
}

#[derive(Clone, Debug)]
pub(super) struct Signatures {
    key: SignatureKey,
    macs: Vec<hmac::Key>,
    headers: Headers,
    place: Option<Place>,
    /// What is in force.
    way: Option<Way>,
    /// The kinds whose messages had one.
    kinds: u64,
}

/// The same bytes, compared in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("signature") || name.contains("hmac") || name.ends_with("-sig") || name.ends_with("-sign")
}

fn is_field(name: &str) -> bool {
    let words = hints::words(name);
    ["signature", "sig", "sign", "hmac", "mac"].iter().any(|known| words.last().is_some_and(|word| word == known))
}

fn bare(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"Bearer ").unwrap_or(value).trim_ascii()
}

/// A signature in a message.
struct Found<'a> {
    place: Place,
    value: &'a [u8],
    leaf: Option<Leaf>,
}

impl Signatures {
    pub(super) fn new(key: &SignatureKey) -> Signatures {
        let (key, macs) = (key.clone(), key.macs());
        Signatures { key, macs, headers: Headers::default(), place: None, way: None, kinds: 0 }
    }

    /// Goes on with another key.
    pub(super) fn sign_with(&mut self, key: &SignatureKey) {
        (self.macs, self.key) = (key.macs(), key.clone());
    }

    /// Checks a message: where the signature stands, the method, and what came of it. `None`: it needs none.
    pub(super) fn check(&mut self, trie: &Trie, view: &View<'_>, kind: u32) -> Option<(Place, &'static str, Judged)> {
        if self.way.is_none() {
            self.find(trie, view);
        }
        let place = self.place.clone()?;
        let bit = 1 << kind.min(63);
        let Some(found) = at(&place, view) else {
            let missing = Judged { fits: false, stated: 0, computed: 0 };
            return (self.kinds & bit != 0).then(|| (place, self.word(&[]), missing));
        };
        self.kinds |= bit;
        let (fits, stated, computed) = self.judge(&found, view);
        Some((place, self.word(found.value), Judged { fits, stated, computed }))
    }

    fn word(&mut self, value: &[u8]) -> &'static str {
        match &self.way {
            Some(Way::Mac(_)) => "hmac-sha256",
            Some(Way::Jws(algorithm)) => algorithm.word(),
            None => match jws::parts(bare(value)) {
                Some([header, ..]) => self.headers.algorithm(header).map_or("jws", Algorithm::word),
                None => "hmac-sha256",
            },
        }
    }

    fn judge(&mut self, found: &Found<'_>, view: &View<'_>) -> (bool, u64, u64) {
        let Signatures { key, macs, headers, way, .. } = self;
        match (jws::parts(bare(found.value)), &way) {
            (Some([header, body, sum]), None | Some(Way::Jws(_))) => match headers.algorithm(header) {
                Some(algorithm) if way.as_ref().is_none_or(|way| *way == Way::Jws(algorithm)) => {
                    headers.verify([header, body, sum], algorithm, view.raw, key, macs)
                }
                _ => (false, 0, 0),
            },
            (_, Some(Way::Mac(over))) => mac::verify(macs, over, found.value, view, found.leaf.as_ref()),
            (None, None) => mac::verify(macs, &Over::Payload, found.value, view, found.leaf.as_ref()),
            (None, Some(Way::Jws(_))) => (false, 0, 0),
        }
    }

    /// Looks for a signature that fits; the first place of one, if none does.
    #[cold]
    fn find(&mut self, trie: &Trie, view: &View<'_>) {
        for found in candidates(trie, view).into_iter().take(MAX_CANDIDATES) {
            if let Some(way) = self.way_of(&found, view) {
                (self.place, self.way) = (Some(found.place), Some(way));
                return;
            }
            self.place.get_or_insert(found.place);
        }
    }

    fn way_of(&mut self, found: &Found<'_>, view: &View<'_>) -> Option<Way> {
        if let Some([header, body, sum]) = jws::parts(bare(found.value)) {
            let algorithm = self.headers.algorithm(header)?;
            let (fits, ..) = self.headers.verify([header, body, sum], algorithm, view.raw, &self.key, &self.macs);
            return fits.then_some(Way::Jws(algorithm));
        }
        let leaf = found.leaf.as_ref();
        let mut ways = if leaf.is_some() { OVER_FIELD.to_vec() } else { OVER_HEADER.to_vec() };
        ways.retain(|over| mac::verify(&self.macs, over, found.value, view, leaf).0);
        ways.into_iter().next().map(Way::Mac)
    }
}

/// Texts of a message that are tried as signatures: each is computed over all of it, in several ways.
const MAX_CANDIDATES: usize = 8;

fn headers<'a>(view: &View<'a>) -> &'a [(Arc<str>, Arc<str>)] {
    view.message.and_then(|message: &'a Message| message.meta.as_deref()).map_or(&[], |meta| meta.headers.as_slice())
}

/// What stands at a place that is known.
fn at<'a>(place: &Place, view: &View<'a>) -> Option<Found<'a>> {
    let (value, leaf) = match place {
        Place::Header(name) => {
            let found = headers(view).iter().find(|(there, _)| there.eq_ignore_ascii_case(name));
            (found.map(|(_, text)| text.as_bytes())?, None)
        }
        Place::Field(node) => {
            let leaf = view.leaves.iter().find(|leaf| leaf.node == *node)?;
            (leaf.raw(view.text), Some(*leaf))
        }
        Place::Payload => (Some(view.raw.trim_ascii()).filter(|raw| jws::parts(raw).is_some())?, None),
    };
    Some(Found { place: place.clone(), value, leaf })
}

/// The signatures that may stand in a message.
fn candidates<'a>(trie: &Trie, view: &View<'a>) -> Vec<Found<'a>> {
    let mut all = Vec::new();
    if jws::parts(view.raw.trim_ascii()).is_some() {
        all.push(Found { place: Place::Payload, value: view.raw.trim_ascii(), leaf: None });
    }
    for (name, value) in headers(view) {
        let value = value.as_bytes();
        if is_header(name) && mac::is_one(value) || jws::parts(bare(value)).is_some() {
            all.push(Found { place: Place::Header(name.clone()), value, leaf: None });
        }
    }
    for leaf in view.leaves.iter().filter(|leaf| leaf.element == 0 && leaf.kind == LeafKind::Text) {
        let value = leaf.raw(view.text);
        if jws::parts(value).is_some() || value.len() >= 43 && is_field(&trie.segment(leaf.node)) && mac::is_one(value)
        {
            all.push(Found { place: Place::Field(leaf.node), value, leaf: Some(*leaf) });
        }
    }
    all
}
