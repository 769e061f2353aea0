//! From messages to readings: hold the first ones, learn from them, read them in order, then read each as it comes.

use std::sync::Arc;
use std::time::Duration;

use feedwatch_model::{Message, Reading, Rejected, SequenceRule, Time, Why};

use crate::catalogue::{Catalogue, Rule};
use crate::format::Format;
use crate::format::declared::Sheet;
use crate::format::payloads::{Payloads, Read};
use crate::hash::hash64;
use crate::json::scan::Scanner;
use crate::json::trie::Trie;
use crate::learn::extend::Surroundings;
use crate::learn::kinds::{Kinds, decide, starts_kinds};
use crate::learn::names::Names;
use crate::learn::observed::Observed;
use crate::learn::roles::{Found, Plan, Seen, Watch, What};
use crate::learn::sequence::{Accepted, Per, Sequences};

/// Bounds of learning and of what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages held before the profile is made.
    pub learn_messages: usize,
    /// Receive time from the first held message after which the profile is made.
    pub learn_for: Duration,
    /// Payload bytes held before the profile is made.
    pub hold_bytes: usize,
    /// Series of the feed; values beyond are counted in [`Catalogue::beyond_limit`].
    pub max_series: usize,
    /// Paths of the feed; leaves beyond are counted in [`Catalogue::beyond_paths`].
    pub max_nodes: usize,
    /// Keep least, greatest, last and number of the values of each series for the profile.
    pub summarise: bool,
    /// How payloads are written; `None`: found out by the first ones.
    pub format: Option<Format>,
    /// Bytes that a compressed message may be inflated to.
    pub max_inflated: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            learn_messages: 64,
            learn_for: Duration::from_millis(500),
            hold_bytes: 16 << 20,
            max_series: 5000,
            max_nodes: 20_000,
            summarise: true,
            format: None,
            max_inflated: 16 << 20,
        }
    }
}

/// Where readings go.
pub trait Sink {
    /// A message that could be read.
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading);
    /// A message that could not.
    fn rejected(&mut self, message: Message, why: Rejected);
}

/// Reads the messages of one feed. See the crate's example.
#[derive(Clone, Debug)]
pub struct Decoder {
    options: Options,
    pub(crate) trie: Trie,
    scanner: Scanner,
    pub(crate) payloads: Payloads,
    learning: Option<Window>,
    reading: Reading,
    pub(crate) learned: Learned,
}

/// The messages held for learning.
#[derive(Clone, Debug, Default)]
struct Window {
    messages: Vec<Message>,
    bytes: usize,
    since: Option<Time>,
}

/// What was learned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    pub(crate) kinds: Kinds,
    pub(crate) plans: Vec<Plan>,
    pub(crate) catalogue: Catalogue,
    pub(crate) sequences: Sequences,
    names: Names,
    watched: Vec<(u32, Watch, u64)>,
    /// Messages that could be read.
    pub(crate) read: u64,
}

impl Decoder {
    /// A decoder that knows nothing yet.
    pub fn new(options: Options) -> Decoder {
        Decoder {
            trie: Trie::new(options.max_nodes),
            payloads: Payloads::new(options.format, options.max_inflated),
            options,
            scanner: Scanner::default(),
            learning: Some(Window::default()),
            reading: Reading::default(),
            learned: Learned::default(),
        }
    }

    /// Takes a message. What comes out goes to `sink` in order of receipt: nothing while learning, then all that was
    /// held, then each message at once.
    pub fn push(&mut self, message: Message, sink: &mut impl Sink) {
        let Some(window) = &mut self.learning else { return self.read(message, false, sink) };
        let received = message.received;
        window.since.get_or_insert(received);
        window.bytes += message.payload.len();
        window.messages.push(message);
        if window.messages.len() >= self.options.learn_messages || window.bytes >= self.options.hold_bytes {
            self.finish(sink);
        } else {
            self.elapse(received, sink);
        }
    }

    /// Ends the learning window if its time is over at `now` (receive time).
    pub fn elapse(&mut self, now: Time, sink: &mut impl Sink) {
        let since = self.learning.as_ref().and_then(|window| window.since);
        if since.is_some_and(|since| now >= since.plus(self.options.learn_for)) {
            self.finish(sink);
        }
    }

    /// Ends the learning window: at the end of a file, or when there is no time to wait.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        if self.learning.as_ref().is_none_or(|window| window.messages.is_empty()) {
            return;
        }
        let window = self.learning.take().unwrap_or_default();
        self.learn(&window.messages);
        for message in window.messages {
            self.read(message, true, sink);
        }
    }

    /// Messages held for learning.
    pub fn held(&self) -> usize {
        self.learning.as_ref().map_or(0, |window| window.messages.len())
    }

    /// What the numbers in readings stand for.
    pub fn catalogue(&self) -> &Catalogue {
        &self.learned.catalogue
    }

    fn learn(&mut self, messages: &[Message]) {
        let mut inflated = Vec::new();
        let opened = self.payloads.open(messages, &mut inflated);
        let mut observed = Vec::new();
        let mut is_json = vec![false; opened.len()];
        if self.payloads.is_json() {
            for ((message, payload), is_json) in opened.iter().zip(&mut is_json) {
                if self.scanner.scan(&mut self.trie, payload).is_ok() {
                    *is_json = true;
                    observed.push(Observed::new(message, payload, &self.scanner));
                }
            }
        }
        self.payloads.decide(&opened, &is_json);
        if !self.payloads.is_json() {
            observed.clear();
            (self.trie, self.scanner) = (Trie::new(self.options.max_nodes), Scanner::default());
            for (message, payload) in &opened {
                let Some(text) = self.payloads.tree(payload) else { continue };
                if self.scanner.scan(&mut self.trie, text).is_ok() {
                    observed.push(Observed::new(message, text, &self.scanner));
                }
            }
        }
        self.learned.learn(&self.trie, &observed);
    }

    fn read(&mut self, message: Message, held: bool, sink: &mut impl Sink) {
        let not_json = match self.payloads.is_json().then(|| self.scanner.scan(&mut self.trie, &message.payload)) {
            Some(Ok(())) => {
                let Decoder { options, trie, scanner, learned, reading, .. } = self;
                learned.catalogue.beyond_paths = scanner.beyond;
                learned.read(trie, scanner, &message.payload, &message, held, options.max_series, reading);
                return self.give(message, sink);
            }
            Some(Err(why)) => Some(why),
            None => None,
        };
        match self.read_otherwise(&message, not_json, held) {
            Ok(()) => self.give(message, sink),
            Err(why) => sink.rejected(message, why),
        }
    }

    #[inline]
    fn give(&mut self, message: Message, sink: &mut impl Sink) {
        if self.options.summarise {
            self.learned.catalogue.summarise(&self.reading);
        }
        sink.reading(&self.learned.catalogue, message, &self.reading);
    }

    /// Reads a message of another format than JSON, or one of JSON that is none.
    #[inline(never)]
    fn read_otherwise(&mut self, message: &Message, not_json: Option<Rejected>, held: bool) -> Result<(), Rejected> {
        let read = self.read_payload(message, not_json, held);
        // What was held was looked at together.
        let is_open = !held && self.learned.read == self.payloads.silent();
        if read.is_err() && is_open && self.payloads.switch(message) {
            return self.read_payload(message, None, held);
        }
        read
    }

    fn read_payload(&mut self, message: &Message, not_json: Option<Rejected>, held: bool) -> Result<(), Rejected> {
        let Decoder { options, trie, scanner, payloads, learned, reading, .. } = self;
        let max_series = options.max_series;
        reading.clear();
        let Learned { catalogue, names, .. } = learned;
        let sheet = &mut Sheet { reading, catalogue, names, max_series };
        match payloads.read(message, not_json, sheet)? {
            Read::Tree(place) => {
                let text = payloads.text(place, message);
                scanner.scan(trie, text).map_err(|why| place.rejected(why))?;
                learned.catalogue.beyond_paths = scanner.beyond;
                learned.read(trie, scanner, text, message, held, max_series, reading);
            }
            Read::Points => {
                learned.read += 1;
                reading.identity = identity(message, reading);
            }
            Read::Nothing => learned.read += 1,
        }
        Ok(())
    }
}

impl Learned {
    fn learn(&mut self, trie: &Trie, messages: &[Observed]) {
        self.kinds.set_fields(&decide(trie, messages));
        let mut by_kind: Vec<Vec<&Observed>> = Vec::new();
        let mut of_message = Vec::new();
        for message in messages {
            let kind = self.kinds.of(&message.leaves, &message.payload) as usize;
            if by_kind.len() <= kind {
                by_kind.resize(kind + 1, Vec::new());
            }
            by_kind[kind].push(message);
            of_message.push(kind as u32);
        }
        for (kind, messages) in (0..).zip(&by_kind) {
            self.extend(trie, kind, messages);
        }
        for (&kind, message) in of_message.iter().zip(messages) {
            self.try_sequences(kind, message);
        }
        let accepted = self.sequences.accept(false);
        self.put_in_force(trie, &accepted);
    }

    fn plan(&mut self, kind: u32) -> &mut Plan {
        let kind = kind as usize;
        if self.plans.len() <= kind {
            self.plans.resize(kind + 1, Plan::default());
        }
        &mut self.plans[kind]
    }

    fn extend(&mut self, trie: &Trie, kind: u32, messages: &[&Observed]) {
        let mut plan = std::mem::take(self.plan(kind));
        let Learned { kinds, names, sequences, plans, .. } = self;
        let keys: Vec<u32> = plans.iter().flat_map(|plan| plan.keys.iter().map(|key| key.node)).collect();
        plan.extend(kind, messages, &mut Surroundings { trie, kinds, keys: &keys, names, sequences });
        *self.plan(kind) = plan;
    }

    fn try_sequences(&mut self, kind: u32, message: &Observed) {
        let Some(plan) = self.plans.get(kind as usize) else { return };
        for leaf in message.leaves.iter().filter(|leaf| leaf.element == 0) {
            let Watch::Trial(candidate) = plan.role(leaf.node).watch else { continue };
            let Some(value) = crate::json::number::unsigned(leaf.raw(&message.payload)) else { continue };
            self.sequences.observe(candidate, kind, value, |per| match per {
                Per::Connection => None,
                Per::Path(node) => message.text(node),
                Per::Topic => message.topic.as_deref().map(str::as_bytes),
            });
        }
    }

    /// Lets the kinds that carry an accepted rule carry it, and the others join it if they may.
    fn put_in_force(&mut self, trie: &Trie, accepted: &[Accepted]) {
        for accepted in accepted {
            let path: Arc<str> = trie.path(accepted.node).into();
            self.catalogue.rules.push(Rule { paths: vec![path], rule: SequenceRule::PlusOne });
            for (kind, plan) in (0..).zip(&mut self.plans) {
                let role = plan.role(accepted.node);
                if role.watch != Watch::Trial(accepted.candidate) {
                    continue;
                }
                let carries = accepted.kinds.contains(&kind);
                let watch = match (carries, accepted.open) {
                    (true, _) => Watch::Rule(accepted.rule),
                    (false, true) => Watch::May(accepted.rule),
                    (false, false) => continue,
                };
                // A number that was charted before it was seen to count messages goes on being charted.
                let charted = match role.what {
                    What::Series(slot) => plan.slots.get(slot as usize).filter(|slot| slot.series.is_empty()),
                    _ => None,
                };
                if let Some(slot) = charted.filter(|_| carries) {
                    self.names.withdraw(&slot.forms);
                    plan.set_what(accepted.node, What::Skip, Why::Sequence);
                } else if carries && role.what == What::Skip {
                    plan.set_what(accepted.node, What::Skip, Why::Sequence);
                }
                if let Some(role) = plan.role_mut(accepted.node) {
                    role.watch = watch;
                }
            }
        }
    }

    fn read(
        &mut self,
        trie: &Trie,
        scanner: &Scanner,
        text: &[u8],
        message: &Message,
        held: bool,
        max_series: usize,
        reading: &mut Reading,
    ) {
        let seen = Seen { leaves: &scanner.leaves, elements: &scanner.elements, text, message };
        let mut kind = self.kinds.of(seen.leaves, text);
        // Twice at most: once the new paths are learned, nothing is unknown.
        for strict in [true, false] {
            reading.clear();
            self.watched.clear();
            let Learned { plans, catalogue, names, watched, .. } = self;
            let found = &mut Found { reading, watched, catalogue, names, max_series };
            let known = plans.get_mut(kind as usize).map(|plan| plan.read(&seen, strict, found));
            if matches!(known, Some(Ok(()))) {
                break;
            }
            kind = self.learn_late(trie, scanner, &seen, kind);
        }
        reading.kind = kind;
        self.kinds.count(kind);
        self.read += 1;
        if !self.watched.is_empty() {
            self.follow_sequences(trie, &seen, kind, held, max_series, reading);
        }
        reading.identity = identity(message, reading);
    }

    /// New paths, perhaps a new field that tells kinds apart: the kind of the message after learning.
    #[cold]
    fn learn_late(&mut self, trie: &Trie, scanner: &Scanner, seen: &Seen<'_>, kind: u32) -> u32 {
        let observed = Observed::new(seen.message, seen.text, scanner);
        let mut kind = kind;
        // A kind that has a text of its own needs no further field.
        let explained = self.kinds.messages(kind as usize) == 0 && !self.kinds.label(kind as usize).is_empty();
        for leaf in observed.leaves.iter().filter(|_| !explained) {
            let is_new = self.plans.iter().all(|plan| plan.role(leaf.node).what == What::Unseen);
            if is_new && self.read > 0 && starts_kinds(trie, leaf, seen.text) && self.kinds.adopt(leaf.node) {
                kind = self.kinds.of(&observed.leaves, &observed.payload);
                break;
            }
        }
        self.extend(trie, kind, &[&observed]);
        kind
    }

    fn follow_sequences(
        &mut self,
        trie: &Trie,
        seen: &Seen<'_>,
        kind: u32,
        held: bool,
        max_scopes: usize,
        reading: &mut Reading,
    ) {
        let text = |per: Per| seen.text(per);
        let mut tried = false;
        for at in 0..self.watched.len() {
            let Some(&(node, watch, value)) = self.watched.get(at) else { continue };
            let (rule, joins) = match watch {
                Watch::No => continue,
                Watch::Trial(_) if held => continue,
                Watch::Trial(candidate) => {
                    if self.sequences.is_on_trial(candidate) {
                        self.sequences.observe(candidate, kind, value, text);
                        tried = true;
                    } else if let Some(role) = self.plan(kind).role_mut(node) {
                        role.watch = Watch::No;
                    }
                    continue;
                }
                Watch::Rule(rule) => (rule, false),
                Watch::May(rule) => (rule, true),
            };
            let Some(state) = self.sequences.rules.get_mut(usize::from(rule)) else { continue };
            if joins {
                if !state.fits(value, text) {
                    continue;
                }
                state.kinds.push(kind);
            }
            let path_of = |per: Per| match per {
                Per::Path(node) => trie.path(node).into(),
                _ => "topic".into(),
            };
            reading.marks.extend(state.mark(rule.into(), value, text, path_of, &mut self.catalogue, max_scopes));
            if joins && let Some(role) = self.plan(kind).role_mut(node) {
                role.watch = Watch::Rule(rule);
            }
        }
        if tried {
            let accepted = self.sequences.accept(true);
            self.put_in_force(trie, &accepted);
        }
    }
}

/// What makes a message the same as another one, beside its sequence numbers.
fn identity(message: &Message, reading: &Reading) -> Option<u64> {
    let meta = message.meta.as_deref();
    if let Some(id) = meta.and_then(|meta| meta.id.as_deref()) {
        return Some(hash64(id.as_bytes(), 1));
    }
    if !reading.marks.is_empty() || reading.time.is_none() {
        return None;
    }
    let topic = meta.and_then(|meta| meta.topic.as_deref()).map_or(2, |topic| hash64(topic.as_bytes(), 3));
    Some(hash64(&message.payload, topic))
}
