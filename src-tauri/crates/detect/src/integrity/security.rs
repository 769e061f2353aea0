//! Who knocks and who publishes.
//!
//! - `auth-burst`: more than 5 clients without a valid token were turned away within a minute: told with their count, and
//!   again after a minute, if more than 5 came since.
//! - `new-publisher`: somebody publishes who was not known when the feed was: after an hour since the first publisher, or
//!   1,000 calls. Several within a minute are told together.
//!
//! Limits: 256 publishers; where there are more, anybody publishes, and no more is told. A name is told up to 80 letters.

use std::collections::{HashSet, VecDeque};

use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity, Time};

use super::words;

const MAX_PUBLISHERS: usize = 256;
const MAX_NAME: usize = 80;
const MINUTE: i64 = 60 * NANOS_PER_SECOND;
const HOUR: i64 = 60 * MINUTE;
const KNOWN_CALLS: u64 = 1000;
/// So many are turned away within a minute without a word.
const TURNED_AWAY: usize = 5;

#[derive(Debug)]
pub(super) struct Security {
    feed: FeedId,
    /// The last [`TURNED_AWAY`] and one, and how many each was.
    refused: VecDeque<(Time, u64)>,
    /// Since the last finding, or within the last minute.
    refusals: u64,
    refused_quiet_until: Time,
    last_refused: String,
    publishers: HashSet<Box<str>>,
    /// Who published last.
    last_publisher: Box<str>,
    first_call: Option<Time>,
    calls: u64,
    publisher_quiet_until: Time,
    /// How many new ones are not told yet, and one of them.
    held: Option<(u64, String, Time)>,
}

impl Security {
    pub(super) fn new(feed: FeedId) -> Security {
        Security {
            feed,
            refused: VecDeque::new(),
            refusals: 0,
            refused_quiet_until: Time::MIN,
            last_refused: String::new(),
            publishers: HashSet::new(),
            last_publisher: Box::default(),
            first_call: None,
            calls: 0,
            publisher_quiet_until: Time::MIN,
            held: None,
        }
    }

    pub(super) fn refused(&mut self, at: Time, count: u64, who: &str, out: &mut Vec<Finding>) {
        self.elapse(at, out);
        if self.refused.len() > TURNED_AWAY {
            self.refused.pop_front();
        }
        self.refused.push_back((at, count));
        self.last_refused = short(who);
        if at < self.refused_quiet_until {
            self.refusals = self.refusals.saturating_add(count);
            return;
        }
        let recent = self.refused.iter().filter(|(then, _)| at.nanos_since(*then) <= MINUTE);
        self.refusals = recent.fold(0, |all, (_, count)| all.saturating_add(*count));
        if self.refusals > TURNED_AWAY as u64 {
            self.tell_refused(at, out);
        }
    }

    fn tell_refused(&mut self, at: Time, out: &mut Vec<Finding>) {
        let text = format!(
            "{} clients without a valid token were turned away within a minute, the last one from {}.",
            words::count(self.refusals),
            self.last_refused
        );
        self.refusals = 0;
        self.refused_quiet_until = at.plus_nanos(MINUTE);
        out.push(Finding::new(Check::Security, FindingKind::AuthBurst, self.feed, at, Severity::Warning, text));
    }

    #[inline]
    pub(super) fn publisher(&mut self, at: Time, id: &str, out: &mut Vec<Finding>) {
        self.calls += 1;
        if *self.last_publisher == *id && self.first_call.is_some() {
            return;
        }
        self.other_publisher(at, id, out);
    }

    #[cold]
    fn other_publisher(&mut self, at: Time, id: &str, out: &mut Vec<Finding>) {
        self.elapse(at, out);
        self.last_publisher = id.into();
        let first = *self.first_call.get_or_insert(at);
        if self.publishers.contains(id) || self.publishers.len() >= MAX_PUBLISHERS {
            return;
        }
        self.publishers.insert(id.into());
        let is_known = self.calls > KNOWN_CALLS || at.nanos_since(first) >= HOUR;
        if !is_known || self.publishers.len() == MAX_PUBLISHERS {
            return;
        }
        match &mut self.held {
            Some((count, _, _)) => *count += 1,
            None if at < self.publisher_quiet_until => self.held = Some((1, short(id), at)),
            None => self.tell_publisher(1, &short(id), at, out),
        }
    }

    fn tell_publisher(&mut self, count: u64, id: &str, at: Time, out: &mut Vec<Finding>) {
        self.publisher_quiet_until = at.plus_nanos(MINUTE);
        let text = match count {
            1 => format!("{id} publishes, which it never did before."),
            _ => format!("{} publish that never did before, {id} among them.", words::count(count)),
        };
        out.push(Finding::new(Check::Security, FindingKind::NewPublisher, self.feed, at, Severity::Warning, text));
    }

    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if self.refusals > 0 && now >= self.refused_quiet_until {
            if self.refusals > TURNED_AWAY as u64 {
                self.tell_refused(self.refused_quiet_until, out);
            } else {
                self.refusals = 0;
            }
        }
        if self.held.is_some() && now >= self.publisher_quiet_until {
            self.finish(out);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        if let Some((count, id, at)) = self.held.take() {
            self.tell_publisher(count, &id, at, out);
        }
    }
}

fn short(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}
