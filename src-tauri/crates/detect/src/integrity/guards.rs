//! Checksums and signatures that do not fit. The message is kept as evidence.
//!
//! - A guard of one message: the first mismatch of a rule is told at once, further ones together, every 10 s.
//! - A checksum over a book (its method ends with `-book`): once the book is wrong all later ones are too. So a run of
//!   mismatches is one finding, at its first; when 16 in a row fit, it is told since which message, and how many did not.
//!   A run that lasts to the end is told with its count.
//!
//! A checksum is a warning, a signature critical. Limit: 64 rules; those beyond are counted and not told.

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Guard, Message, NANOS_PER_SECOND, Reading, Severity, Time};

use super::{Scopes, words};

const MAX_RULES: usize = 64;
const PAUSE_NANOS: i64 = 10 * NANOS_PER_SECOND;
/// So many fitting ones end a run.
const FITS: u32 = 16;

#[derive(Debug)]
pub(super) struct Guards {
    feed: FeedId,
    rules: Vec<Rule>,
    fits: u64,
    fails: u64,
    /// Something is held or a run is open.
    busy: bool,
}

#[derive(Debug, Default)]
struct Rule {
    known: Option<Known>,
    quiet_until: Option<Time>,
    /// Mismatches that are not told yet, or the run of a book.
    held: Option<Held>,
}

#[derive(Clone, Debug)]
struct Known {
    path: Arc<str>,
    of_book: bool,
    is_signature: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    count: u64,
    first: u64,
    last: u64,
    at: Time,
    /// Fitting ones in a row, and the first of them.
    fits: u32,
    back: (u64, Time),
}

impl Guards {
    pub(super) fn new(feed: FeedId) -> Guards {
        Guards { feed, rules: Vec::new(), fits: 0, fails: 0, busy: false }
    }

    /// How many fitted, and how many did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.fits, self.fails)
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        message: &Message,
        reading: &Reading,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        self.elapse(message.received, out);
        for guard in &reading.guards {
            if guard.fits {
                self.fits += 1;
                if self.busy {
                    self.fitted(message, guard.rule, out);
                }
            } else {
                self.fails += 1;
                // What the message is of, by its numbers.
                let of = reading.marks.first().map(|mark| scopes.per(mark.rule, mark.scope)).unwrap_or_default();
                self.failed(message, guard, scopes, &words::label(&of), out);
            }
        }
    }

    #[cold]
    fn failed(&mut self, message: &Message, guard: &Guard, scopes: &dyn Scopes, label: &str, out: &mut Vec<Finding>) {
        let at = guard.rule as usize;
        if at >= MAX_RULES {
            return;
        }
        if self.rules.len() <= at {
            self.rules.resize_with(at + 1, Rule::default);
        }
        let feed = self.feed;
        let Some(rule) = self.rules.get_mut(at) else { return };
        let known = rule.known.get_or_insert_with(|| {
            let (path, method, is_signature) = scopes.guard(guard.rule);
            Known { path, of_book: method.ends_with("-book"), is_signature }
        });
        let held = Held {
            count: 1,
            first: message.number,
            last: message.number,
            at: message.received,
            fits: 0,
            back: (0, message.received),
        };
        let is_quiet = rule.quiet_until.is_some_and(|until| message.received < until);
        match &mut rule.held {
            Some(before) => {
                before.count += 1;
                (before.last, before.fits) = (message.number, 0);
            }
            None if known.of_book || !is_quiet => {
                rule.quiet_until = Some(message.received.plus_nanos(PAUSE_NANOS));
                rule.held = known.of_book.then_some(held);
                let text = first_sentence(known, guard, label);
                out.push(known.finding(feed, (message.number, message.received), text));
                self.busy |= known.of_book;
            }
            None => {
                rule.held = Some(held);
                self.busy = true;
            }
        }
    }

    #[cold]
    fn fitted(&mut self, message: &Message, rule: u32, out: &mut Vec<Finding>) {
        let feed = self.feed;
        let Some(rule) = self.rules.get_mut(rule as usize) else { return };
        let (Some(known), Some(held)) = (&rule.known, &mut rule.held) else { return };
        if !known.of_book {
            return;
        }
        if held.fits == 0 {
            held.back = (message.number, message.received);
        }
        held.fits += 1;
        if held.fits < FITS {
            return;
        }
        let many = if held.count == 1 {
            "1 that did not".to_owned()
        } else {
            format!("{} that did not", words::count(held.count))
        };
        let text = format!("The {} fits again since message {}, after {many}.", known.called(""), held.back.0);
        let finding = known.finding(feed, held.back, text);
        out.push(Finding { severity: Severity::Info, ..finding });
        (rule.held, rule.quiet_until) = (None, None);
        self.busy = self.rules.iter().any(|rule| rule.held.is_some());
    }

    #[inline]
    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if self.busy {
            self.flush(Some(now), out);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        self.flush(None, out);
    }

    #[cold]
    fn flush(&mut self, now: Option<Time>, out: &mut Vec<Finding>) {
        let feed = self.feed;
        for rule in &mut self.rules {
            let (Some(known), Some(held)) = (&rule.known, rule.held) else { continue };
            let is_due = match now {
                None => true,
                Some(now) => !known.of_book && rule.quiet_until.is_none_or(|until| now >= until),
            };
            if !is_due {
                continue;
            }
            rule.held = None;
            rule.quiet_until = rule.quiet_until.map(|until| until.plus_nanos(PAUSE_NANOS));
            if known.of_book && held.count == 1 {
                // It was told, and is all there is to tell.
                continue;
            }
            out.push(known.finding(feed, (held.first, held.at), known.later_sentence(&held)));
        }
        self.busy = self.rules.iter().any(|rule| rule.held.is_some());
    }
}

impl Known {
    fn finding(&self, feed: FeedId, (message, at): (u64, Time), text: String) -> Finding {
        let (check, severity) = match self.is_signature {
            true => (Check::Signature, Severity::Critical),
            false => (Check::Checksum, Severity::Warning),
        };
        Finding { message: Some(message), ..Finding::new(check, FindingKind::Mismatch, feed, at, severity, text) }
    }

    /// `checksum of BTC-USD (/checksum)`.
    fn called(&self, label: &str) -> String {
        let what = if self.is_signature { "signature" } else { "checksum" };
        let path: String = self.path.chars().take(80).collect();
        format!("{what}{} ({path})", words::of(label))
    }

    fn later_sentence(&self, held: &Held) -> String {
        let called = self.called("");
        match held.count {
            1 => format!("The {called} of message {} does not fit. The message is kept as evidence.", held.first),
            count => format!(
                "The {called} did not fit in {}, {} to {}. They are kept as evidence.",
                words::messages(count),
                held.first,
                held.last
            ),
        }
    }
}

/// `The checksum of BTC-USD (/checksum) does not fit: it says 0xdeadbeef, the book gives 0x1. The message is kept as evidence.`
fn first_sentence(known: &Known, guard: &Guard, label: &str) -> String {
    let called = known.called(label);
    let gives = if known.of_book { "book" } else { "message" };
    format!(
        "The {called} does not fit: it says {:#x}, the {gives} gives {:#x}. The message is kept as evidence.",
        guard.stated, guard.computed
    )
}
