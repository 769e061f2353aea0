//! Checksums and signatures that do not fit. The message is kept as evidence.
//!
//! - A guard of one message: the first mismatch of a rule is told at once, further ones together, every 10 s.
//! - A checksum over a book (its method ends with `-book`): once the book is wrong all later ones are too. So a run of
//!   mismatches of a book is one finding, at its first; when 16 in a row fit, it is told since which message, and how many
//!   did not. A run that lasts to the end is told with its count. Books are told apart by what their messages are of: the
//!   scope of their numbers, else the keys of their first value.
//!
//! A checksum is a warning, a signature critical. Limits: 64 rules, those beyond are counted and not told; 256 books of a
//! rule are wrong at once, those beyond are told as one.

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Guard, Message, NANOS_PER_SECOND, Reading, Severity, Time};

use super::{Scopes, words};

const MAX_RULES: usize = 64;
const MAX_BOOKS: usize = 256;
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
    /// Mismatches that are not told yet.
    held: Option<Held>,
    /// The books that are wrong.
    books: Vec<(Of, Held)>,
}

/// What a message is of: path and text of each key.
type Of = Vec<(Arc<str>, Arc<str>)>;

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
                    self.fitted(message, guard.rule, reading, scopes, out);
                }
            } else {
                self.fails += 1;
                self.failed(message, guard, reading, scopes, out);
            }
        }
    }

    #[cold]
    fn failed(
        &mut self,
        message: &Message,
        guard: &Guard,
        reading: &Reading,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
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
        let (known, of) = (&known.clone(), of(reading, scopes));
        if known.of_book {
            self.busy = true;
            if rule.is_wrong(&of, message) {
                return;
            }
            let text = first_sentence(known, guard, &words::label(&of));
            out.push(known.of_book(feed, (message.number, message.received), &of, text));
            let place = if rule.books.len() < MAX_BOOKS { of } else { Of::new() };
            rule.books.push((place, Held::of(message)));
            return;
        }
        let is_quiet = rule.quiet_until.is_some_and(|until| message.received < until);
        match &mut rule.held {
            Some(before) => before.count(message),
            None if !is_quiet => {
                rule.quiet_until = Some(message.received.plus_nanos(PAUSE_NANOS));
                let text = first_sentence(known, guard, &words::label(&of));
                out.push(known.finding(feed, (message.number, message.received), text));
            }
            None => {
                rule.held = Some(Held::of(message));
                self.busy = true;
            }
        }
    }

    /// A checksum fits: of a book that is wrong it may be the one that ends the run.
    #[cold]
    fn fitted(&mut self, message: &Message, rule: u32, reading: &Reading, scopes: &dyn Scopes, out: &mut Vec<Finding>) {
        let feed = self.feed;
        let Some(rule) = self.rules.get_mut(rule as usize).filter(|rule| !rule.books.is_empty()) else { return };
        let of = of(reading, scopes);
        let Some(at) = rule.books.iter().position(|(book, _)| *book == of) else { return };
        let (Some(known), Some((_, held))) = (&rule.known, rule.books.get_mut(at)) else { return };
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
        let called = known.called(&words::label(&of));
        let text = format!("The {called} fits again since message {}, after {many}.", held.back.0);
        let finding = known.of_book(feed, held.back, &of, text);
        out.push(Finding { severity: Severity::Info, ..finding });
        rule.books.swap_remove(at);
        self.busy = self.rules.iter().any(Rule::is_busy);
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
            let Some(known) = &rule.known else { continue };
            let is_due = now.is_none_or(|now| rule.quiet_until.is_none_or(|until| now >= until));
            if let Some(held) = rule.held.take_if(|_| is_due) {
                rule.quiet_until = rule.quiet_until.map(|until| until.plus_nanos(PAUSE_NANOS));
                out.push(known.finding(feed, (held.first, held.at), known.later_sentence(&held, "")));
            }
            if now.is_some() {
                continue;
            }
            // A run of one was told, and is all there is to tell.
            for (of, held) in std::mem::take(&mut rule.books).into_iter().filter(|(_, held)| held.count > 1) {
                let text = known.later_sentence(&held, &words::label(&of));
                out.push(known.of_book(feed, (held.first, held.at), &of, text));
            }
        }
        self.busy = self.rules.iter().any(Rule::is_busy);
    }
}

/// What a message is of, by its numbers, else by its values.
fn of(reading: &Reading, scopes: &dyn Scopes) -> Of {
    let numbered = reading.marks.first().map(|mark| scopes.per(mark.rule, mark.scope)).filter(|of| !of.is_empty());
    let valued = || reading.points.first().map(|point| scopes.entity(point.series));
    numbered.or_else(valued).unwrap_or_default()
}

impl Rule {
    fn is_busy(&self) -> bool {
        self.held.is_some() || !self.books.is_empty()
    }

    /// Whether a book is known to be wrong; then one more message of it is.
    fn is_wrong(&mut self, of: &Of, message: &Message) -> bool {
        let full = self.books.len() > MAX_BOOKS;
        let book = self.books.iter_mut().find(|(book, _)| book == of || full && book.is_empty());
        book.map(|(_, held)| held.count(message)).is_some()
    }
}

impl Held {
    fn of(message: &Message) -> Held {
        let (number, at) = (message.number, message.received);
        Held { count: 1, first: number, last: number, at, fits: 0, back: (0, at) }
    }

    fn count(&mut self, message: &Message) {
        self.count += 1;
        (self.last, self.fits) = (message.number, 0);
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

    /// The same for a book, which is wrong until it is told that it fits again.
    fn of_book(&self, feed: FeedId, place: (u64, Time), of: &Of, text: String) -> Finding {
        let lasting = Some(format!("{} {}", self.path, words::label(of)).into());
        Finding { per: of.clone(), lasting, ..self.finding(feed, place, text) }
    }

    /// `checksum of BTC-USD (/checksum)`.
    fn called(&self, label: &str) -> String {
        let what = if self.is_signature { "signature" } else { "checksum" };
        let path: String = self.path.chars().take(80).collect();
        format!("{what}{} ({path})", words::of(label))
    }

    fn later_sentence(&self, held: &Held, label: &str) -> String {
        let called = self.called(label);
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
