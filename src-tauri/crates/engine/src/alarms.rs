//! From findings to alarms: which findings need a person, what keeps an alarm up, and what ends it. Pure.
//!
//! | source | raised by | severity | over when |
//! |---|---|---|---|
//! | connection | the connection is lost or not to be had, or one of several endpoints is | warning; critical where a person must act | all that should stand stand again |
//! | silence | no message for longer than usual | critical | messages come again |
//! | silence | a device says nothing while others go on | warning | all speak again, or are no longer awaited |
//! | security | a server's certificate expires within 14 days, or is another than before | warning | none of those in use expires soon, at the next connection |
//! | security | clients without a valid token, a publisher not seen before | warning | nothing of it for 60 s |
//! | sequence | messages are lost | warning | nothing was lost for 60 s |
//! | decode | a message cannot be read | warning | all could be read for 60 s |
//! | conflict | the same identity came with other content | warning | nothing of it for 60 s |
//! | checksum, signature | one does not fit | warning; critical | nothing of it for 60 s; a book: it fits again |
//! | agreement | redundant lines bring different things | warning | nothing of it for 60 s |
//! | rate | the feed, or a kind of message, comes at a fraction of its rate | warning | the rate is back |
//! | clock | the source's clock stands or was set | warning | it goes again; nothing of it for 60 s |
//! | anomaly | an episode above the bar for a lone series | warning | the series is usual again |
//!
//! Repeated, late and reordered messages, changes of the schema and implausible values are findings only. A lone series has a daily budget per feed: one alarm in 30 min
//! on average, 48 at once; what is beyond stays a finding, and that is said once.

mod lasting;
mod losses;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use feedwatch_model::{
    Alarm, AlarmEvent, AlarmId, AlarmSource, AlarmState, AlarmTransition, Check, FeedId, Finding, FindingKind,
    NANOS_PER_SECOND, Severity, Time,
};

use self::lasting::{Lasting, Left};
pub use self::losses::Found;
use self::losses::Losses;

/// How long after the last loss or unreadable message its alarm ends.
const QUIET: i64 = 60 * NANOS_PER_SECOND;
/// Closed alarms that are remembered for the window.
const PAST: usize = 100;
const BUDGET: f64 = 48.0;
const REFILL_SECS: f64 = 1800.0;

/// An alarm that changed, with the transition where its state did.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmChange {
    /// The alarm as it is now.
    pub alarm: Alarm,
    /// What happened to it; `None` where only its text or count changed.
    pub transition: Option<AlarmTransition>,
}

/// What is wrong, for [`Alarms::raise`].
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// What the alarm is about.
    pub source: AlarmSource,
    /// What was found.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// The headline.
    pub title: String,
    /// The explanation.
    pub text: String,
}

/// All alarms of the console.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    next: u64,
    open: BTreeMap<u64, Alarm>,
    by_source: HashMap<AlarmSource, u64>,
    past: VecDeque<Alarm>,
    changes: Vec<AlarmChange>,
    budgets: HashMap<FeedId, Budget>,
    losses: Losses,
    lasting: Lasting,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    left: f64,
    at: Time,
    told: bool,
}

/// What became of a lone series that wants an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// It may.
    Yes,
    /// The budget is spent; this is the first time it is.
    SpentNow,
    /// The budget is spent.
    Spent,
}

impl Alarms {
    /// With the alarms that were open when the program last ran, and the next free number.
    pub fn restore(open: Vec<Alarm>, next: AlarmId) -> Alarms {
        let mut alarms = Alarms { next: next.0.max(1), ..Alarms::default() };
        for alarm in open {
            alarms.next = alarms.next.max(alarm.id.0 + 1);
            alarms.by_source.insert(alarm.source.clone(), alarm.id.0);
            alarms.open.insert(alarm.id.0, alarm);
        }
        alarms
    }

    /// The condition holds: raises an alarm, or keeps the one of its source up.
    pub fn raise(&mut self, found: impl Into<Found>, at: Time) {
        let Found { mut cause, missing, lasting } = found.into();
        if let Some(alarm) = self.by_source.get(&cause.source).and_then(|id| self.open.get_mut(id)) {
            // What got worse than it was when a person saw it needs a person again.
            let worse = cause.severity > alarm.severity && alarm.state == AlarmState::Acknowledged;
            if alarm.state == AlarmState::Returned {
                // It was over and comes again: what lasts now began now. When it began before is in its transitions.
                alarm.raised = at;
            }
            alarm.findings += 1;
            self.losses.more(alarm.id, missing, alarm.findings, &mut cause);
            cause.text = self.lasting.told(alarm.id, lasting.as_ref(), &cause.title, &cause.text, at);
            alarm.kind = cause.kind;
            alarm.severity = alarm.severity.max(cause.severity);
            alarm.title = cause.title;
            alarm.text = cause.text;
            let mut transition = alarm.apply(AlarmEvent::Raise, at, None);
            if worse {
                (alarm.state, alarm.acknowledged) = (AlarmState::Unacknowledged, None);
                let (id, state) = (alarm.id, alarm.state);
                transition = Some(AlarmTransition { id, at, event: AlarmEvent::Raise, state, note: None });
            }
            self.changes.push(AlarmChange { alarm: alarm.clone(), transition });
            return;
        }
        let id = AlarmId(self.next.max(1));
        self.next = id.0 + 1;
        self.losses.first(id, missing);
        cause.text = self.lasting.told(id, lasting.as_ref(), &cause.title, &cause.text, at);
        let alarm = Alarm {
            id,
            source: cause.source.clone(),
            kind: cause.kind,
            state: AlarmState::Unacknowledged,
            severity: cause.severity,
            raised: at,
            last_seen: at,
            cleared: None,
            acknowledged: None,
            findings: 1,
            title: cause.title,
            text: cause.text,
        };
        let transition =
            AlarmTransition { id, at, event: AlarmEvent::Raise, state: AlarmState::Unacknowledged, note: None };
        self.by_source.insert(cause.source, id.0);
        self.open.insert(id.0, alarm.clone());
        self.changes.push(AlarmChange { alarm, transition: Some(transition) });
    }

    /// What an open alarm is about has settled: other words for the same.
    pub fn reword(&mut self, source: &AlarmSource, kind: FindingKind, title: String, text: String) {
        let Some(alarm) = self.by_source.get(source).and_then(|id| self.open.get_mut(id)) else { return };
        if (alarm.kind, &alarm.title, &alarm.text) != (kind, &title, &text) {
            (alarm.kind, alarm.title, alarm.text) = (kind, title, text);
            self.changes.push(AlarmChange { alarm: alarm.clone(), transition: None });
        }
    }

    /// The condition of a source is over.
    pub fn clear(&mut self, source: &AlarmSource, at: Time, why: &str) {
        if let Some(&id) = self.by_source.get(source) {
            self.apply(id, AlarmEvent::Clear, at, Some(why.to_owned()));
        }
    }

    /// A condition of a source is over: the alarm ends with the last of them, and what does not last by quiet.
    pub fn over(&mut self, source: &AlarmSource, condition: &str, at: Time, why: &str) {
        let Some(&id) = self.by_source.get(source) else { return };
        match self.lasting.over(AlarmId(id), condition) {
            Left::Nothing => self.clear(source, at, why),
            Left::Passing => {}
            Left::Conditions(title, text) => {
                let Some(kind) = self.open.get(&id).map(|alarm| alarm.kind) else { return };
                self.reword(source, kind, title, text);
            }
        }
    }

    /// The program was started again: what is learned anew (series, rates, clocks) is judged anew, and feeds that are not watched any
    /// more can neither hold nor end anything.
    pub fn restarted(&mut self, watched: &[FeedId], at: Time) {
        let sources: Vec<AlarmSource> = self.by_source.keys().cloned().collect();
        for source in sources {
            if !watched.contains(&source.feed) {
                self.clear(&source, at, "The feed is not watched any more.");
            } else if source.check == Check::Anomaly {
                self.clear(&source, at, "The console was started again; the series is judged anew.");
            } else if matches!(source.check, Check::Rate | Check::Clock) {
                self.clear(&source, at, "The console was started again; this is judged anew.");
            }
        }
    }

    /// Clears everything of a feed that is no longer watched.
    pub fn clear_feed(&mut self, feed: FeedId, at: Time, why: &str) {
        let sources: Vec<AlarmSource> = self.by_source.keys().filter(|source| source.feed == feed).cloned().collect();
        for source in sources {
            self.clear(&source, at, why);
        }
    }

    /// A person has seen it. `false`: there is no such open alarm.
    pub fn acknowledge(&mut self, id: AlarmId, at: Time, note: Option<String>) -> bool {
        if !self.open.contains_key(&id.0) {
            return false;
        }
        self.apply(id.0, AlarmEvent::Acknowledge, at, note);
        true
    }

    fn apply(&mut self, id: u64, event: AlarmEvent, at: Time, note: Option<String>) {
        let Some(alarm) = self.open.get_mut(&id) else { return };
        let Some(transition) = alarm.apply(event, at, note) else { return };
        if event == AlarmEvent::Clear {
            self.lasting.forget(alarm.id);
        }
        self.changes.push(AlarmChange { alarm: alarm.clone(), transition: Some(transition) });
        if alarm.state == AlarmState::Normal {
            self.by_source.remove(&alarm.source);
            self.losses.forget(alarm.id);
            self.lasting.forget(alarm.id);
            if let Some(closed) = self.open.remove(&id) {
                self.past.push_front(closed);
                self.past.truncate(PAST);
            }
        }
    }

    /// Ends what has been quiet for long enough.
    pub fn elapse(&mut self, now: Time) {
        let quiet: Vec<AlarmSource> = self
            .open
            .values()
            .filter(|alarm| alarm.state.is_active() && ends_by_quiet(alarm.source.check))
            .filter(|alarm| !self.lasting.is_open(alarm.id))
            .filter(|alarm| now.nanos_since(alarm.last_seen) >= QUIET)
            .map(|alarm| alarm.source.clone())
            .collect();
        for source in quiet {
            self.clear(&source, now, "Nothing more of it for 60 s.");
        }
    }

    /// May a lone series of this feed raise an alarm now?
    pub fn allow_lone_series(&mut self, feed: FeedId, at: Time) -> Allowed {
        let budget = self.budgets.entry(feed).or_insert(Budget { left: BUDGET, at, told: false });
        let earned = (at.secs_since(budget.at) / REFILL_SECS).max(0.0);
        budget.left = (budget.left + earned).min(BUDGET);
        budget.at = budget.at.max(at);
        if budget.left >= 1.0 {
            budget.left -= 1.0;
            budget.told = false;
            return Allowed::Yes;
        }
        if std::mem::replace(&mut budget.told, true) { Allowed::Spent } else { Allowed::SpentNow }
    }

    /// The open alarm of a source.
    pub fn of(&self, source: &AlarmSource) -> Option<&Alarm> {
        self.by_source.get(source).and_then(|id| self.open.get(id))
    }

    /// Open alarms by number, then closed ones, the latest first.
    pub fn all(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values().chain(&self.past)
    }

    /// Open alarms by number.
    pub fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values()
    }

    /// Did anything change since [`Alarms::take_changes`]?
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What changed since the last call: every transition, but of an alarm that was only raised again and again no more
    /// than its last state.
    pub fn take_changes(&mut self) -> Vec<AlarmChange> {
        let mut last = std::collections::HashSet::new();
        let mut kept: Vec<AlarmChange> = std::mem::take(&mut self.changes)
            .into_iter()
            .rev()
            .filter(|change| last.insert(change.alarm.id) || change.transition.is_some())
            .collect();
        kept.reverse();
        kept
    }
}

/// Whether nothing more of it ends an alarm of which nothing lasts.
fn ends_by_quiet(check: Check) -> bool {
    matches!(
        check,
        Check::Sequence
            | Check::Decode
            | Check::Conflict
            | Check::Checksum
            | Check::Signature
            | Check::Agreement
            | Check::Clock
            | Check::Security
    )
}

/// The alarm that a finding of the feed's integrity raises, if it raises one.
pub fn cause_of(finding: &Finding) -> Option<Found> {
    let raises = matches!(
        (finding.check, finding.kind),
        (Check::Sequence, FindingKind::Gap)
            | (Check::Silence, FindingKind::Silent)
            | (Check::Decode, FindingKind::Rejected)
            | (Check::Conflict | Check::Checksum | Check::Signature | Check::Agreement, _)
            | (Check::Rate, FindingKind::Low)
            | (Check::Clock, FindingKind::Stopped | FindingKind::Step)
            | (Check::Security, _)
            | (Check::Connection, FindingKind::Closed | FindingKind::Refused | FindingKind::FailedOver)
    );
    if !raises || finding.severity == Severity::Info {
        return None;
    }
    let (title, text) = headline(&finding.text);
    let cause = Cause { source: source_of(finding), kind: finding.kind, severity: finding.severity, title, text };
    Some(Found { cause, missing: finding.missing, lasting: condition_of(finding) })
}

/// The alarm of which a finding ends a condition, and the condition's name.
pub fn ended_by(finding: &Finding) -> Option<(AlarmSource, Arc<str>)> {
    let is_over = finding.check != Check::Connection || finding.kind == FindingKind::Resumed;
    let name = condition_of(finding).filter(|_| is_over && finding.severity == Severity::Info)?;
    Some((source_of(finding), name))
}

/// What lasts: a connection that is lost does till it stands again.
fn condition_of(finding: &Finding) -> Option<Arc<str>> {
    let of_connection = || (finding.check == Check::Connection).then(|| "connection".into());
    finding.lasting.clone().or_else(of_connection)
}

fn source_of(finding: &Finding) -> AlarmSource {
    AlarmSource { feed: finding.feed, series: finding.series, check: finding.check }
}

/// The first sentence is the headline, without its full stop; the rest explains.
pub fn headline(text: &str) -> (String, String) {
    // A full stop ends a sentence where a capital letter follows: `0.2 s` does not end one, nor does one in brackets.
    let is_outside = |place: usize| {
        let count = |bracket: char| text.get(..place).map_or(0, |before| before.matches(bracket).count());
        count('(') == count(')')
    };
    let end = text
        .match_indices(". ")
        .find(|(place, _)| text[place + 2..].chars().next().is_some_and(char::is_uppercase) && is_outside(*place));
    match end {
        Some((place, _)) => (text[..place].to_owned(), text[place + 2..].trim().to_owned()),
        None => (text.trim_end_matches('.').to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests;
