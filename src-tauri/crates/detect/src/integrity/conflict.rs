//! The same number or identity with other content, by a print of each of the last 4,096 messages.
//!
//! - A number that came before, with the same content, is a repetition; with other content it is a conflict instead.
//! - While several lines bring the feed, copies from two of them that differ are told as that (check `agreement`): the
//!   first at once, further ones together, every 10 s. It is judged only where at least 64 messages came meanwhile and
//!   at most one in 20 differed: lines that are made differently agree in nothing.
//!
//! The print is 64 bits of all bytes of the payload, so a repetition of which one byte differs is a conflict.
//!
//! Limit: of a number more than 4,096 messages back the content is not known: it is a repetition.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, SequenceMark, Severity, Time};

use super::{Arrival, words};

const REMEMBERED: usize = 4096;
const PAUSE_NANOS: i64 = 10 * NANOS_PER_SECOND;
/// Lines agree if of so many messages at most one in so many differs.
const AGREE: (u64, u64) = (64, 20);

/// What is remembered of a message.
#[derive(Clone, Copy, Debug)]
struct Seen {
    rule: u32,
    scope: u32,
    /// Its own number, the last one of several.
    last: u64,
    content: u64,
    message: u64,
    line: u8,
}

#[derive(Debug)]
pub(super) struct Contents {
    ring: Vec<Seen>,
    next: usize,
    lines: Lines,
}

impl Contents {
    pub(super) fn new(feed: FeedId) -> Contents {
        Contents { ring: Vec::new(), next: 0, lines: Lines::new(feed) }
    }

    pub(super) fn overlapping(&mut self, on: bool) {
        self.lines.overlapping = on;
    }

    /// Behind the sequence check, which took the message for `arrival` and has told what stands in `out` from `told` on.
    #[inline]
    pub(super) fn observe(
        &mut self,
        message: &Message,
        mark: &SequenceMark,
        arrival: Arrival,
        told: usize,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        self.lines.count();
        let content = print(&message.payload);
        if arrival == Arrival::Duplicate {
            return self.again(message, mark, content, told, out);
        }
        let (rule, scope, last) = (mark.rule, mark.scope, mark.last);
        self.keep(Seen { rule, scope, last, content, message: message.number, line: message.line });
        arrival
    }

    #[inline]
    fn keep(&mut self, seen: Seen) {
        if self.ring.len() < REMEMBERED {
            // All at once, so that it never grows again.
            self.ring.reserve_exact(REMEMBERED - self.ring.len());
            self.ring.push(seen);
        } else if let Some(oldest) = self.ring.get_mut(self.next) {
            *oldest = seen;
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    #[cold]
    fn again(
        &mut self,
        message: &Message,
        mark: &SequenceMark,
        content: u64,
        told: usize,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        let (new, old) = self.ring.split_at(self.next.min(self.ring.len()));
        let is_same = |seen: &&Seen| (seen.rule, seen.scope, seen.last) == (mark.rule, mark.scope, mark.last);
        let Some(first) = new.iter().rev().chain(old.iter().rev()).find(is_same) else { return Arrival::Duplicate };
        if first.content == content {
            return Arrival::Duplicate;
        }
        if self.lines.overlapping {
            self.lines.differ(message, first.line, first.message, out);
            return Arrival::Duplicate;
        }
        let is_repetition = |finding: &&mut Finding| finding.kind == FindingKind::Repeated;
        let Some(finding) = out.get_mut(told..).into_iter().flatten().find(is_repetition) else {
            return Arrival::Duplicate;
        };
        let numbers = words::range(finding.from.unwrap_or(mark.first), finding.to.unwrap_or(mark.last));
        let of = words::of(&words::label(&finding.per));
        finding.text = format!(
            "{numbers}{of} came again with other content: message {} differs from {}.",
            message.number, first.message
        );
        (finding.check, finding.kind) = (Check::Conflict, FindingKind::SameIdentity);
        Arrival::Late
    }

    /// Whether copies of several lines are expected; if so, one with the identity of another that differs is taken in.
    pub(super) fn differs(&mut self, message: &Message, line: u8, first: u64, out: &mut Vec<Finding>) -> bool {
        if self.lines.overlapping {
            self.lines.differ(message, line, first, out);
        }
        self.lines.overlapping
    }

    /// A message came that has no number.
    #[inline]
    pub(super) fn count(&mut self) {
        self.lines.count();
    }

    #[inline]
    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if self.lines.held.is_some() && now >= self.lines.quiet_until {
            self.lines.flush(out);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        self.lines.flush(out);
    }
}

/// Lines that bring the feed at once, and whether they bring the same.
#[derive(Debug)]
struct Lines {
    feed: FeedId,
    overlapping: bool,
    messages: u64,
    differing: u64,
    quiet_until: Time,
    /// How many are not told yet, the first and the last of them, and when that came.
    held: Option<(u64, u64, u64, Time)>,
}

impl Lines {
    fn new(feed: FeedId) -> Lines {
        Lines { feed, overlapping: false, messages: 0, differing: 0, quiet_until: Time::MIN, held: None }
    }

    #[inline]
    fn count(&mut self) {
        self.messages += u64::from(self.overlapping);
    }

    fn differ(&mut self, message: &Message, line: u8, first: u64, out: &mut Vec<Finding>) {
        if line == message.line {
            return;
        }
        self.differing += 1;
        if self.messages < AGREE.0 || self.differing.saturating_mul(AGREE.1) > self.messages {
            return;
        }
        let (number, at) = (message.number, message.received);
        if at >= self.quiet_until {
            self.flush(out);
            self.quiet_until = at.plus_nanos(PAUSE_NANOS);
            let text = format!(
                "Two lines differ: message {number} of line {} is not what line {line} brought as message {first}.",
                message.line
            );
            return out.push(self.finding(number, at, text));
        }
        let held = self.held.get_or_insert((0, number, number, at));
        (held.0, held.2) = (held.0 + 1, number);
    }

    fn flush(&mut self, out: &mut Vec<Finding>) {
        let Some((count, first, last, at)) = self.held.take() else { return };
        self.quiet_until = self.quiet_until.plus_nanos(PAUSE_NANOS);
        let numbers = words::range(first, last);
        let text = format!("Lines differ in {}: {numbers}.", words::messages(count));
        out.push(self.finding(first, at, text));
    }

    fn finding(&self, message: u64, at: Time, text: String) -> Finding {
        Finding {
            message: Some(message),
            ..Finding::new(Check::Agreement, FindingKind::LinesDiffer, self.feed, at, Severity::Warning, text)
        }
    }
}

/// A number that other bytes do not share, but by chance. Not against somebody who means to.
#[inline]
pub(super) fn print(bytes: &[u8]) -> u64 {
    // Odd numbers of wyhash (Wang Yi, public domain); each step is one to one in the word that it takes in.
    const BY: u64 = 0xA076_1D64_78BD_642F;
    let step = |lane: u64, word: u64| (lane ^ word).wrapping_mul(BY).rotate_left(29);
    let word = |eight: &[u8]| u64::from_le_bytes(eight.try_into().unwrap_or_default());
    // Four lanes, so that no multiplication waits for the one before.
    let mut lanes = [0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3, bytes.len() as u64];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, eight) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = step(*lane, word(eight));
        }
    }
    let mut rest = blocks.remainder().chunks_exact(8);
    let mut sum = lanes.into_iter().fold(0, step);
    for eight in &mut rest {
        sum = step(sum, word(eight));
    }
    let last = rest.remainder().iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
    let sum = step(step(sum, last), sum);
    sum ^ sum >> 32
}
