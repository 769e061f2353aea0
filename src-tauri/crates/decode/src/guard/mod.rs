//! What guards messages against damage and forgery: checksums that are found in the feed itself, signatures with a key.
//!
//! Four sorts, each found and checked by its own module: the checksum that a format has (NMEA), of order books ([`book`]),
//! over a payload or a part of it ([`digest`]), and signatures ([`signature`]). A rule is accepted on evidence of the
//! messages of the learning window, or of later ones, and checks every message from then on; the messages that were held
//! are checked too. Fields that are checksums are not charted, nor is a number that is called `checksum` and the like.
//!
//! A feed without any of these pays one branch a message.

mod book;
mod digest;
pub(crate) mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use feedwatch_model::{Checksum, Guard, Message, Reading};

pub use self::signature::key::{SignatureKey, WrongKey};

use self::book::BookWatch;
use self::digest::Digests;
use self::signature::{Place, Signatures};
use crate::catalogue::{Catalogue, GuardRule};
use crate::format::is_wrapped;
use crate::json::leaf::Leaf;
use crate::json::trie::Trie;
use crate::learn::observed::Observed;
use crate::learn::roles::Seen;

/// Rules of one feed.
const MAX_RULES: usize = 64;
/// Names that only a checksum has.
const NAMES: [&str; 12] =
    ["checksum", "chksum", "cksum", "crc", "crc16", "crc32", "crc32c", "adler32", "md5", "sha1", "sha256", "sha512"];

/// One message as the guards see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    leaves: &'a [Leaf],
    elements: &'a [u32],
    /// The JSON that the leaves stand in.
    text: &'a [u8],
    /// As it came.
    raw: &'a [u8],
    topic: Option<&'a str>,
    /// `None` where only what was kept for learning is at hand.
    message: Option<&'a Message>,
}

impl<'a> View<'a> {
    pub(crate) fn of(seen: &Seen<'a>) -> View<'a> {
        let Seen { leaves, elements, text, message, .. } = *seen;
        let topic = message.meta.as_ref().and_then(|meta| meta.topic.as_deref());
        View { leaves, elements, text, raw: &message.payload, topic, message: Some(message) }
    }

    fn observed(kept: &'a Observed) -> View<'a> {
        let Observed { payload, raw, topic, leaves, elements, .. } = kept;
        View { leaves, elements, text: payload, raw, topic: topic.as_deref(), message: None }
    }

    /// Whether the payload was JSON, perhaps compressed.
    fn is_json(&self) -> bool {
        std::ptr::eq(self.text, self.raw) || is_wrapped(self.raw)
    }

    /// Whether `outer` is the element `inner` or one around it.
    fn is_around(&self, outer: u32, inner: u32) -> bool {
        let mut at = inner;
        while at != outer && at != 0 {
            at = self.elements.get(at as usize).copied().unwrap_or(0);
        }
        at == outer
    }
}

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judged {
    fits: bool,
    stated: u64,
    computed: u64,
}

/// Where a guard stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Node(u32),
    Header(Arc<str>),
    /// The payload is one.
    Payload,
    /// The format has it.
    Format,
}

/// A rule, and how often it was looked at.
#[derive(Clone, Debug)]
struct Tally {
    at: At,
    rule: &'static str,
    checked: u64,
    violations: u64,
    /// The kinds that carry it.
    kinds: u64,
}

/// What gives guards to a reading.
struct Giver<'a> {
    tallies: &'a mut Vec<Tally>,
    kind: u32,
    reading: &'a mut Reading,
    catalogue: &'a mut Catalogue,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Guards {
    /// In the order of [`Catalogue::guards`].
    tallies: Vec<Tally>,
    book: BookWatch,
    digests: Digests,
    signatures: Option<Box<Signatures>>,
    /// Paths that are called like checksums.
    named: Vec<u32>,
    /// The format has a checksum of its own.
    has_sum: bool,
    active: bool,
}

impl Guards {
    pub(crate) fn new(key: Option<&SignatureKey>) -> Guards {
        let signatures = key.map(|key| Box::new(Signatures::new(key)));
        Guards { active: signatures.is_some(), signatures, ..Guards::default() }
    }

    /// Goes on with another key; where the signatures stand, and how they are made, stays known.
    #[cold]
    pub(crate) fn sign_with(&mut self, key: &SignatureKey) {
        match &mut self.signatures {
            Some(signatures) => signatures.sign_with(key),
            None => self.signatures = Some(Box::new(Signatures::new(key))),
        }
        self.active = true;
    }

    /// Whether there is something to check, or to try.
    #[inline]
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Learns from the messages of the learning window, which are read afterwards. `has_sum`: see [`Guards::sum`].
    pub(crate) fn learn(&mut self, trie: &Trie, messages: &[Observed], has_sum: bool) {
        self.has_sum = has_sum;
        for message in messages {
            self.look(trie, &View::observed(message));
        }
        for message in messages {
            self.try_out(&View::observed(message));
        }
        self.book.restart();
    }

    /// Looks at the paths of a message that has new ones.
    pub(crate) fn look(&mut self, trie: &Trie, view: &View<'_>) {
        for leaf in view.leaves {
            let is_known = self.named.contains(&leaf.node) || self.named.len() >= MAX_RULES;
            if !is_known && NAMES.contains(&trie.segment(leaf.node).to_ascii_lowercase().as_str()) {
                self.named.push(leaf.node);
            }
        }
        let book = self.book.look(trie, view);
        let digests = self.digests.look(trie, view, self.has_sum);
        self.active = book || digests || self.signatures.is_some();
    }

    fn try_out(&mut self, view: &View<'_>) -> bool {
        let book = !self.book.is_settled() && self.book.try_out(view);
        let digests = self.digests.is_on_trial() && self.digests.try_out(view);
        self.active = self.book.is_active() || self.digests.is_active() || self.signatures.is_some();
        book || digests
    }

    /// The paths of checksums, which are not to be charted.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> {
        self.book.nodes().iter().chain(self.digests.nodes()).chain(&self.named).copied()
    }

    /// Checks a message of JSON, or what was made of another format; whether there are new [`Guards::nodes`]. `held`: it
    /// was learned from.
    #[inline(never)]
    pub(crate) fn read(
        &mut self,
        trie: &Trie,
        view: &View<'_>,
        held: bool,
        reading: &mut Reading,
        catalogue: &mut Catalogue,
    ) -> bool {
        let kind = reading.kind;
        let Guards { tallies, book, digests, signatures, .. } = self;
        let mut giver = Giver { tallies, kind, reading, catalogue };
        book.check(view, |node, judged| giver.give(trie, At::Node(node), "crc32-book", judged));
        digests.check(view, |node, method, judged| giver.give(trie, At::Node(node), method, judged));
        if let Some((place, method, judged)) = signatures.as_mut().and_then(|all| all.check(trie, view, kind)) {
            giver.give(trie, place.into(), method, judged);
        }
        !held && self.try_out(view)
    }

    /// Checks the signature of a message whose format names its series itself.
    pub(crate) fn read_points(
        &mut self,
        trie: &Trie,
        message: &Message,
        reading: &mut Reading,
        catalogue: &mut Catalogue,
    ) {
        let seen = Seen { leaves: &[], elements: &[], text: &[], message, outer: Default::default() };
        let found = self.signatures.as_mut().and_then(|all| all.check(trie, &View::of(&seen), 63));
        if let Some((place, method, judged)) = found {
            let tallies = &mut self.tallies;
            Giver { tallies, kind: 63, reading, catalogue }.give(trie, place.into(), method, judged);
        }
    }

    /// Takes the checksum that the format itself has: as it stands there, and as it was computed.
    pub(crate) fn sum(
        &mut self,
        trie: &Trie,
        (stated, computed): (u8, u8),
        reading: &mut Reading,
        catalogue: &mut Catalogue,
    ) {
        let judged = Judged { fits: stated == computed, stated: stated.into(), computed: computed.into() };
        let (tallies, kind) = (&mut self.tallies, reading.kind);
        Giver { tallies, kind, reading, catalogue }.give(trie, At::Format, "nmea-xor", judged);
    }

    /// What was found, with its evidence. `place`: the number of a kind in the profile.
    pub(crate) fn profile(&self, catalogue: &Catalogue, kinds: &[Option<usize>]) -> Vec<Checksum> {
        let of = |tally: &Tally, rule: &GuardRule| Checksum {
            kinds: (0..kinds.len()).filter(|at| tally.kinds & bit(kinds.get(*at).copied().flatten()) != 0).collect(),
            path: rule.path.to_string(),
            rule: rule.rule.to_string(),
            checked: tally.checked,
            violations: tally.violations,
        };
        self.tallies.iter().zip(&catalogue.guards).map(|(tally, rule)| of(tally, rule)).collect()
    }
}

/// The bit of a kind; the last one is that of messages without a kind.
fn bit(kind: Option<usize>) -> u64 {
    1 << kind.unwrap_or(63).min(63)
}

impl From<Place> for At {
    fn from(place: Place) -> At {
        match place {
            Place::Header(name) => At::Header(name),
            Place::Field(node) => At::Node(node),
            Place::Payload => At::Payload,
        }
    }
}

impl Giver<'_> {
    fn give(&mut self, trie: &Trie, at: At, rule: &'static str, judged: Judged) {
        let known = self.tallies.iter().position(|tally| tally.rule == rule && tally.at == at);
        let Some(number) = known.or_else(|| self.add(trie, at, rule)) else { return };
        let Some(tally) = self.tallies.get_mut(number) else { return };
        tally.checked += 1;
        tally.violations += u64::from(!judged.fits);
        tally.kinds |= bit(Some(self.kind as usize));
        let Judged { fits, stated, computed } = judged;
        self.reading.guards.push(Guard { rule: number as u32, fits, stated, computed });
    }

    #[cold]
    fn add(&mut self, trie: &Trie, at: At, rule: &'static str) -> Option<usize> {
        let number = self.tallies.len();
        if number >= MAX_RULES {
            return None;
        }
        let path = match &at {
            At::Node(node) => trie.path(*node).into(),
            At::Header(name) => format!("header:{name}").into(),
            At::Payload => "".into(),
            At::Format => "/checksum".into(),
        };
        let is_signature = rule.starts_with("hmac") || rule.starts_with("jws");
        self.catalogue.guards.push(GuardRule { path, rule: rule.into(), is_signature });
        self.tallies.push(Tally { at, rule, checked: 0, violations: 0, kinds: 0 });
        Some(number)
    }
}
