//! Is everything there, once, in order, and does the feed speak at all?
//!
//! One [`Integrity`] per feed sees every message. Inside, each check is a small pure value of its own: sequence
//! numbers, identities and content, the rhythm of arrivals, unreadable messages, shapes, values, checksums and signatures,
//! who publishes, clocks, lateness, rates. Further checks join as further fields.
//! No check reads a clock: receive times and [`Integrity::elapse`] are all the time there is, and a finding does not
//! depend on how often `elapse` is called, only on whether it was called late enough.
//!
//! Limits: 64 sequence rules, 100,000 scopes in all, 1,024 missing ranges per scope, 4,096 remembered identities. What
//! lies beyond is taken as new and not judged.
//!
//! ```
//! use feedwatch_detect::{Arrival, Integrity, Scopes};
//! use feedwatch_model::{FeedId, Message, Reading, SequenceMark, Time};
//! use std::sync::Arc;
//!
//! struct Names;
//! impl Scopes for Names {
//!     fn per(&self, _rule: u32, _scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
//!         vec![("/product".into(), "BTC-USD".into())]
//!     }
//!     fn rule_name(&self, _rule: u32) -> Arc<str> {
//!         "/sequence".into()
//!     }
//! }
//!
//! let mut integrity = Integrity::new(FeedId(1));
//! let mut findings = Vec::new();
//! for (number, sequence) in [16, 20].into_iter().enumerate() {
//!     let message = Message::new(number as u64, Time::from_millis(100 * number as i64), "");
//!     let mark = SequenceMark { rule: 0, scope: 0, first: sequence, last: sequence, restarts: false, before: false };
//!     let reading = Reading { marks: vec![mark], ..Reading::default() };
//!     assert_eq!(integrity.observe(&message, &reading, &Names, &mut findings), Arrival::Fresh);
//! }
//! integrity.finish(&mut findings);
//! assert_eq!(findings[0].text, "Lost 3 messages of BTC-USD: 17 to 19 never came.");
//! ```

mod certificates;
mod chain;
mod clock;
mod conflict;
mod guards;
mod holding;
mod hole;
mod identity;
mod lane;
mod lateness;
mod range;
mod rate;
mod rejects;
mod rising;
mod rule;
mod schema;
mod security;
mod sequence;
mod silence;
mod stale;
#[cfg(test)]
mod tests;
mod timing;
pub(crate) mod words;

use std::sync::Arc;

use feedwatch_model::{FeedId, FieldType, Finding, Message, NANOS_PER_SECOND, Reading, Rejected, SequenceRule, Time};

pub use certificates::{CERTIFICATE, Certificates};
use conflict::Contents;
use guards::Guards;
use identity::Identities;
use range::Range;
use rejects::Rejects;
use schema::Schema;
use security::Security;
use sequence::Sequences;
use silence::Silence;
use stale::Stale;
use timing::Timing;

/// What a message is, judged by its numbers and its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// New, and where it belongs.
    Fresh,
    /// It came before: its values are known.
    Duplicate,
    /// New, but it belongs before messages that already came; or a number or an identity that came before with other
    /// content: it is kept, and its values are in doubt.
    Late,
}

/// What the numbers in a reading stand for; asked only when there is something new or something to say.
pub trait Scopes {
    /// The (path, text) pairs of a scope; empty where the rule is about the whole connection.
    fn per(&self, rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)>;
    /// Where the numbers of a rule stand: a path.
    fn rule_name(&self, rule: u32) -> Arc<str>;
    /// How the numbers of a rule follow each other, and how many there are, where they begin anew behind a last one: marks
    /// go on counting, the message says the rest.
    fn rule(&self, _rule: u32) -> (SequenceRule, Option<u64>) {
        (SequenceRule::PlusOne, None)
    }
    /// Path and method of a checksum or a signature, and whether it is the latter.
    fn guard(&self, _guard: u32) -> (Arc<str>, Arc<str>, bool) {
        (Arc::from(""), Arc::from(""), false)
    }
    /// The kind of message of a shape, and its fields, ascending, with what stands there.
    fn shape(&self, _shape: u32) -> (u32, &[(u32, FieldType)]) {
        (0, &[])
    }
    /// The path of a field.
    fn field(&self, _field: u32) -> Arc<str> {
        Arc::from("")
    }
    /// The name of a series, for people, and its path.
    fn series(&self, _series: u32) -> (Arc<str>, Arc<str>) {
        (Arc::from(""), Arc::from(""))
    }
    /// Whose series it is: path and text of each of its keys.
    fn entity(&self, _series: u32) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }
    /// What a kind of message is called, for people; empty where the feed has one kind.
    fn kind(&self, _kind: u32) -> String {
        String::new()
    }
}

/// How often messages usually come; what is not known yet is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedRhythm {
    /// Seconds between messages: typical, longest of late, and after how many silence is told.
    pub pauses: Option<(f64, f64, f64)>,
    /// Messages per second.
    pub per_second: Option<f64>,
    /// The same of each kind of message, by its word.
    pub kinds: Vec<(String, f64)>,
}

/// All integrity checks of one feed.
#[derive(Debug)]
pub struct Integrity {
    sequences: Sequences,
    identities: Identities,
    silence: Silence,
    stale: Stale,
    rejects: Rejects,
    contents: Contents,
    schema: Schema,
    range: Range,
    guards: Guards,
    security: Security,
    timing: Timing,
    of_states: bool,
}

impl Integrity {
    /// The checks of a feed of which nothing is known yet. It counts as connected until [`Integrity::lost`].
    pub fn new(feed: FeedId) -> Integrity {
        Integrity {
            sequences: Sequences::new(feed),
            identities: Identities::new(feed),
            silence: Silence::new(feed),
            stale: Stale::new(feed),
            rejects: Rejects::new(feed),
            contents: Contents::new(feed),
            schema: Schema::new(feed),
            range: Range::new(feed),
            guards: Guards::new(feed),
            security: Security::new(feed),
            timing: Timing::new(feed),
            of_states: false,
        }
    }

    /// The same for a feed whose messages are what a state was each time it was asked for. What has the same number, or is
    /// the same, did not change; what is missing between two numbers was never asked for. So neither is judged.
    pub fn of_states(feed: FeedId) -> Integrity {
        Integrity {
            of_states: true,
            stale: Stale::unjudged(feed),
            timing: Timing::of_states(feed),
            ..Integrity::new(feed)
        }
    }

    /// The same for a feed to which nobody is connected: whether its senders have nothing to say or are gone cannot be
    /// known, so silence is not judged.
    pub fn of_calls(feed: FeedId) -> Integrity {
        Integrity {
            silence: Silence::unjudged(feed),
            stale: Stale::unjudged(feed),
            timing: Timing::of_calls(feed),
            ..Integrity::new(feed)
        }
    }

    /// Takes a decoded message in, in the order of receipt.
    pub fn observe(
        &mut self,
        message: &Message,
        reading: &Reading,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        if self.silence.message(message.number, message.received, out) {
            self.stale.interrupted();
        }
        self.rejects.elapse(message.received, out);
        self.sequences.another();
        self.sequences.elapse(message.received, out);
        self.contents.elapse(message.received, out);
        self.schema.observe(message, reading.shape, scopes, out);
        self.guards.observe(message, reading, scopes, out);
        let arrival = self.arrival(message, reading, scopes, out);
        if arrival == Arrival::Fresh {
            self.range.observe(message, reading, scopes, out);
        }
        if arrival != Arrival::Duplicate && !kept(message) {
            self.stale.observe(message.number, message.received, &reading.points, scopes, out);
        }
        self.timing.observe(message, reading, arrival, scopes, out);
        arrival
    }

    #[inline]
    fn arrival(
        &mut self,
        message: &Message,
        reading: &Reading,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        if self.of_states {
            return Arrival::Fresh;
        }
        // Numbers that may repeat tell no repetition: then the message has an identity beside them.
        if let Some(identity) = reading.identity.filter(|_| may_repeat(reading, scopes)) {
            let identity = (identity, reading.time);
            let arrival = self.identities.observe(message, identity, &mut self.contents, out);
            if arrival != Arrival::Fresh {
                return arrival;
            }
        }
        let Some(first) = reading.marks.first() else { return Arrival::Fresh };
        let told = out.len();
        let arrival = self.sequences.observe(message, &reading.marks, scopes, out);
        self.contents.observe(message, first, arrival, told, out)
    }

    /// Takes a message in that could not be read. The first one is told at once, further ones every 10 s.
    pub fn rejected(&mut self, message: &Message, why: &Rejected, out: &mut Vec<Finding>) {
        if self.silence.message(message.number, message.received, out) {
            self.stale.interrupted();
        }
        self.sequences.elapse(message.received, out);
        self.rejects.observe(message, why, out);
        self.timing.rejected(message.received, out);
    }

    /// Messages `first` and the `count - 1` behind it were dropped at our inbox. A sequence gap that shows up later
    /// tells what was dropped here from what was lost before.
    pub fn dropped(&mut self, first: u64, count: u64, at: Time) {
        self.silence.alive(at);
        self.stale.interrupted();
        self.sequences.dropped(first, count);
        self.timing.dropped(count, at);
    }

    /// The other side was asked and has nothing new: that is no silence, and tells nothing of the rhythm.
    pub fn alive(&mut self, at: Time, out: &mut Vec<Finding>) {
        self.silence.unchanged(at, out);
    }

    /// The connection stands (again).
    pub fn connected(&mut self, at: Time) {
        self.silence.connected(at);
        self.stale.interrupted();
        self.timing.connected(at);
        self.sequences.connected();
    }

    /// Several connections bring the feed at once, or no longer. Meanwhile a number that comes again is a copy, and one that
    /// fills a hole comes from another line: neither is told, and holes are held for their time whatever else comes.
    pub fn overlapping(&mut self, on: bool) {
        self.sequences.overlapping(on);
        self.contents.overlapping(on);
    }

    /// Limits of a series that are judged exactly and instead of what was learned: its lowest and highest value, and its
    /// fastest change in a second, in its own unit. What has no limit is infinite; with three infinities it learns again.
    pub fn pin(&mut self, series: u32, low: f64, high: f64, fastest_per_second: f64) {
        self.range.pin(series, low, high, fastest_per_second);
    }

    /// How often messages usually come.
    pub fn rhythm(&self) -> FeedRhythm {
        let usual = self.timing.usual();
        let seconds = |nanos: f64| nanos / NANOS_PER_SECOND as f64;
        FeedRhythm {
            pauses: self
                .silence
                .rhythm()
                .map(|(typical, longest, limit)| (seconds(typical), seconds(longest), seconds(limit))),
            per_second: usual.iter().find(|(word, _)| word.is_none()).map(|(_, rate)| *rate),
            kinds: usual.into_iter().filter_map(|(word, rate)| Some((word?.to_owned(), rate))).collect(),
        }
    }

    /// What the last message observed filled: how many numbers that had been told as missing, and the time of the gap by
    /// which they were told. Of messages that name the one before them a gap counts as one, filled when it is closed.
    /// Each is given once; what is not taken before the next message is forgotten.
    pub fn take_filled(&mut self) -> impl Iterator<Item = (Time, u64)> {
        self.sequences.take_filled()
    }

    /// How many checksums and signatures fitted, and how many did not.
    pub fn guarded(&self) -> (u64, u64) {
        self.guards.counts()
    }

    /// Somebody without a valid token was turned away: an address, or whatever tells them apart.
    pub fn refused_client(&mut self, at: Time, who: &str, out: &mut Vec<Finding>) {
        self.refused_clients(at, 1, who, out);
    }

    /// The same for `count` of them at once, `who` the last.
    pub fn refused_clients(&mut self, at: Time, count: u64, who: &str, out: &mut Vec<Finding>) {
        self.security.refused(at, count, who, out);
    }

    /// A publisher or client, by its id, sent a message.
    pub fn publisher(&mut self, at: Time, id: &str, out: &mut Vec<Finding>) {
        self.security.publisher(at, id, out);
    }

    /// The connection is lost: until [`Integrity::connected`] no silence is judged.
    pub fn lost(&mut self, _at: Time) {
        self.silence.lost();
        self.timing.lost();
    }

    /// This computer's clock was set: receive times from `at` on are later by so many nanoseconds. Call it before two
    /// seconds of such messages are observed, so that the source's clock is not blamed.
    pub fn own_step(&mut self, at: Time, nanos: i64, out: &mut Vec<Finding>) {
        self.timing.own_step(at, nanos, out);
    }

    /// How many messages were found late so far.
    pub fn late(&self) -> u64 {
        self.timing.late()
    }

    /// Time passes. Call it a few times a second; it costs nothing when nothing is due.
    pub fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        self.silence.elapse(now, out);
        self.rejects.elapse(now, out);
        self.sequences.elapse(now, out);
        self.contents.elapse(now, out);
        self.guards.elapse(now, out);
        self.security.elapse(now, out);
        self.timing.elapse(now, out);
    }

    /// Nothing more will come: what is still held is decided.
    pub fn finish(&mut self, out: &mut Vec<Finding>) {
        self.sequences.finish(out);
        self.rejects.finish(out);
        self.contents.finish(out);
        self.schema.finish(out);
        self.range.finish(out);
        self.guards.finish(out);
        self.security.finish(out);
        self.stale.finish(out);
        self.timing.finish(out);
    }
}

/// Whether a broker kept it and hands it out again: that tells nothing of when it was sent.
#[inline]
fn kept(message: &Message) -> bool {
    message.meta.as_ref().is_some_and(|meta| meta.retained || meta.redelivered)
}

/// Whether no number of the message tells whether it came before.
#[inline]
fn may_repeat(reading: &Reading, scopes: &dyn Scopes) -> bool {
    reading.marks.iter().all(|mark| scopes.rule(mark.rule).0 == SequenceRule::NonDecreasing)
}
