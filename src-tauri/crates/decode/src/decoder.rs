//! From messages to readings: hold the first ones, learn from them, read them in order, then read each as it comes.

use std::sync::Arc;
use std::time::Duration;

use feedwatch_model::{Cut, Message, Reading, Rejected, Time};

use crate::catalogue::Catalogue;
use crate::format::Format;
use crate::format::declared::Sheet;
use crate::format::payloads::{Payloads, Read};
use crate::guard::SignatureKey;
use crate::json::scan::Scanner;
use crate::json::trie::{NONE, ROOT, Trie};
use crate::learn::learned::{Learned, identity};
use crate::learn::observed::Observed;
use crate::learn::{maps, rows};
use crate::pins::Pins;

/// Bounds of learning and of what is kept.
#[derive(Clone, Debug, PartialEq)]
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
    /// What is known beforehand.
    pub pins: Arc<Pins>,
    /// What signatures are checked with; `None`: they are not.
    pub signature: Option<SignatureKey>,
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
            pins: Arc::default(),
            signature: None,
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

impl Decoder {
    /// A decoder that knows nothing yet.
    pub fn new(options: Options) -> Decoder {
        Decoder {
            trie: Trie::new(options.max_nodes),
            payloads: Payloads::new(options.format, options.max_inflated),
            learned: Learned::new(Arc::clone(&options.pins), options.signature.as_ref()),
            options,
            scanner: Scanner::default(),
            learning: Some(Window::default()),
            reading: Reading::default(),
        }
    }

    /// Checks signatures with `key` from the next message on: it is known now, or another one holds. Where the signatures
    /// stand, and how they are made, stays known. Messages held for learning are checked with it too.
    pub fn sign_with(&mut self, key: &SignatureKey) {
        self.learned.guards.sign_with(key);
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
        if window.messages.iter().any(|message| not_whole(message).is_some()) {
            let whole = window.messages.iter().filter(|message| not_whole(message).is_none());
            self.learn(&whole.cloned().collect::<Vec<_>>());
        } else {
            self.learn(&window.messages);
        }
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

    /// What it was told beforehand.
    pub(crate) fn pins(&self) -> &Pins {
        &self.options.pins
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
        let pins = &self.options.pins;
        let has_maps = maps::mark(&mut self.trie, &observed, pins);
        if rows::mark(&mut self.trie, &observed, pins) || has_maps {
            self.scanner = Scanner::default();
            observed.clear();
            for (message, payload) in &opened {
                let Some(text) = self.payloads.tree(payload) else { continue };
                if self.scanner.scan(&mut self.trie, text).is_ok() {
                    observed.push(Observed::new(message, text, &self.scanner));
                }
            }
        }
        self.payloads.begin();
        let named: Vec<u32> =
            self.payloads.kind_fields().iter().map(|name| self.trie.child(ROOT, NONE, name.as_bytes())).collect();
        self.learned.learn(&self.trie, &observed, &named);
    }

    fn read(&mut self, message: Message, held: bool, sink: &mut impl Sink) {
        if let Some(why) = not_whole(&message) {
            return sink.rejected(message, why);
        }
        let not_json = match self.payloads.is_json().then(|| self.scanner.scan(&mut self.trie, &message.payload)) {
            Some(Ok(())) => {
                let Decoder { options, trie, scanner, learned, reading, .. } = self;
                learned.catalogue.beyond_paths = scanner.beyond;
                let seen = scanner.seen(&message.payload, &message);
                learned.read(trie, scanner, &seen, held, options.max_series, reading);
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
                learned.read(trie, scanner, &scanner.seen(text, message), held, max_series, reading);
                if let Some(sum) = payloads.sum() {
                    learned.guards.sum(trie, sum, reading, &mut learned.catalogue);
                }
            }
            Read::Points => {
                learned.read += 1;
                reading.identity = identity(message, reading, &learned.catalogue);
                if learned.guards.is_active() {
                    learned.guards.read_points(trie, message, reading, &mut learned.catalogue);
                }
            }
            Read::Nothing => learned.read += 1,
        }
        Ok(())
    }
}

/// Why a message of which only the beginning came along is not read.
#[inline]
fn not_whole(message: &Message) -> Option<Rejected> {
    let reason = match message.meta.as_ref()?.cut? {
        Cut::TooLarge { bytes } => format!("the message has {bytes} bytes, more than `max_message` allows"),
        Cut::Unfinished => "the connection ended in the middle of the message".to_owned(),
    };
    Some(Rejected { offset: message.payload.len(), reason })
}
