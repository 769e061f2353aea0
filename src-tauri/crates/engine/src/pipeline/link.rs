//! Where a feed's connection stands, told from the events of its supervision.

use std::time::Duration;

use feedwatch_ingest::{Missed, Shut};
use feedwatch_model::{AlarmSource, Check, FeedId, FeedState, Finding, FindingKind, Gap, GapCause, Severity, Time};

use super::outages::Outages;
use super::{News, Shared};
use crate::wire::Level;

/// The connection of one feed.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    feed: FeedId,
    state: FeedState,
    reason: String,
    retry_at: Option<Time>,
    open_gap: Option<Gap>,
    silence: Option<Gap>,
    connected_once: bool,
    watched_until: Option<Time>,
    last_message: Option<Time>,
    /// The last gap of messages that were dropped here.
    overflow: Option<Gap>,
    /// Those that are over, and what came of their time since.
    outages: Outages,
    /// No message of the feed is usually later than this, nanoseconds.
    late: i64,
}

/// Drops that end so soon after a gap began are part of it: what is too fast drops thousands of times a second.
const ONE_OVERFLOW: i64 = 100 * feedwatch_model::NANOS_PER_MILLI;

impl Link {
    pub(crate) fn new(feed: FeedId, watched_until: Option<Time>) -> Link {
        Link {
            feed,
            state: FeedState::Connecting,
            reason: String::new(),
            retry_at: None,
            open_gap: None,
            silence: None,
            connected_once: false,
            watched_until,
            last_message: None,
            overflow: None,
            outages: Outages::default(),
            late: feedwatch_model::NANOS_PER_SECOND,
        }
    }

    pub(crate) fn state(&self) -> FeedState {
        self.state
    }

    /// Why it is not live, for people; empty where it is.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn retry_at(&self) -> Option<Time> {
        self.retry_at
    }

    pub(crate) fn last_message(&self) -> Option<Time> {
        self.last_message
    }

    /// Is it known, and told in gaps, what comes and what does not?
    pub(crate) fn is_accounted(&self) -> bool {
        matches!(self.state, FeedState::Live | FeedState::Silent) || self.open_gap.is_some()
    }

    pub(crate) fn message(&mut self, at: Time) {
        self.last_message = Some(at);
    }

    /// Nothing comes: a hole in the charts from the last message on.
    pub(crate) fn silent(&mut self, reason: &str, shared: &mut Shared) {
        if self.state != FeedState::Live {
            return;
        }
        self.state = FeedState::Silent;
        if let Some(from) = self.last_message {
            let detail = reason.to_owned();
            let gap = Gap { feed: self.feed, from, to: None, cause: GapCause::Silent, missing: None, detail };
            shared.gap(gap.clone());
            self.silence = Some(gap);
        }
    }

    /// Messages come again, or the silence has become an outage.
    pub(crate) fn heard(&mut self, at: Time, shared: &mut Shared) {
        if self.state == FeedState::Silent {
            self.state = FeedState::Live;
        }
        if let Some(gap) = self.silence.take() {
            self.over(Gap { to: Some(at), ..gap }, shared);
        }
    }

    pub(crate) fn connecting(&mut self) {
        self.retry_at = None;
    }

    /// The connection stands. Gives the finding that it does again, if it did not.
    pub(crate) fn connected(&mut self, at: Time, shared: &mut Shared) -> Option<Finding> {
        self.state = FeedState::Live;
        self.reason.clear();
        self.retry_at = None;
        let gap = self.open_gap.take();
        self.connected_once = true;
        // Also one of an earlier run, of which no gap is open here.
        shared.alarms.clear(&self.source(), at, "The connection stands.");
        self.watched_again(at, shared);
        let gap = gap?;
        let length = at.secs_since(gap.from);
        self.over(Gap { to: Some(at), ..gap }, shared);
        let text = format!("Connected again after {length:.1} s.");
        Some(Finding::new(Check::Connection, FindingKind::Resumed, self.feed, at, Severity::Info, text))
    }

    /// The time since the program last watched the feed is a gap.
    fn watched_again(&mut self, at: Time, shared: &mut Shared) {
        let Some(from) = self.watched_until.take() else { return };
        let gap = Gap {
            feed: self.feed,
            from,
            to: Some(at.max(from)),
            cause: GapCause::Stopped,
            missing: None,
            detail: "The feed was not being watched.".to_owned(),
        };
        self.over(gap, shared);
    }

    fn over(&mut self, gap: Gap, shared: &mut Shared) {
        shared.gap(gap.clone());
        self.outages.over(gap, self.late);
    }

    /// The feed was well until now: no message of it is usually later than so many nanoseconds.
    pub(crate) fn usually(&mut self, late: i64) {
        self.late = late;
    }

    /// Was a message that came now held up by an outage? It was sent at this time, by its own word or its broker's.
    #[inline]
    pub(crate) fn held_up(&mut self, sent: Time, received: Time, kept: bool) -> bool {
        self.outages.held_up(sent, received, kept)
    }

    /// Tells in the gaps of outages how much of them was filled since.
    pub(crate) fn tell_filled(&mut self, now: Time, title: &str, shared: &mut Shared) {
        self.outages.told(now).for_each(|gap| shared.gap(gap));
        if let Some(came) = self.outages.settled(now) {
            let came = crate::text::many(came, "message");
            let text = format!("{title}: {came} of an outage came after all, and stand at the time they were sent.");
            shared.output.news.push(News::Notice(Level::Info, text));
        }
    }

    /// The feed is no longer watched: the gaps tell what came until now.
    pub(crate) fn finish(&mut self, shared: &mut Shared) {
        let now = self.last_message.unwrap_or_default();
        self.outages.told(now).for_each(|gap| shared.gap(gap));
    }

    /// The connection is lost or not to be had. Gives a finding for the first failure of an outage, and when a person
    /// turns out to be needed.
    pub(crate) fn lost(
        &mut self,
        at: Time,
        last_good: Time,
        reason: String,
        refused: bool,
        retry_in: Duration,
        shared: &mut Shared,
    ) -> Option<Finding> {
        self.heard(at, shared);
        self.watched_again(last_good, shared);
        // A drill that goes wrong is an outage from here on.
        let drilled = self.open_gap.take_if(|gap| gap.cause == GapCause::Drill);
        let from = if drilled.is_some() { at } else { last_good };
        if let Some(gap) = drilled {
            self.over(Gap { to: Some(at), ..gap }, shared);
        }
        let begins = self.open_gap.is_none();
        let worse = refused && self.state != FeedState::Refused;
        self.state = if refused { FeedState::Refused } else { FeedState::Down };
        self.retry_at = Some(at.plus(retry_in));
        let cause = if self.connected_once { GapCause::Disconnected } else { GapCause::Unreachable };
        if begins {
            let gap = Gap { feed: self.feed, from, to: None, cause, missing: None, detail: reason.clone() };
            shared.gap(gap.clone());
            self.open_gap = Some(gap);
        }
        let finding = (begins || worse).then(|| {
            let kind = if refused || !self.connected_once { FindingKind::Refused } else { FindingKind::Closed };
            let severity = if refused { Severity::Critical } else { Severity::Warning };
            Finding::new(Check::Connection, kind, self.feed, at, severity, reason.clone())
        });
        self.reason = reason;
        finding
    }

    /// We have closed the only connection ourselves: a hole, but nothing is wrong.
    pub(crate) fn stood_down(&mut self, at: Time, last_good: Time, why: Shut, shared: &mut Shared) {
        self.heard(at, shared);
        self.state = FeedState::Connecting;
        if why == Shut::Drill && self.open_gap.is_none() {
            let detail = "The connection was cut on purpose, to see what an outage costs.".to_owned();
            let gap = Gap { feed: self.feed, from: last_good, to: None, cause: GapCause::Drill, missing: None, detail };
            shared.gap(gap.clone());
            self.open_gap = Some(gap);
        }
    }

    /// Messages were dropped here, the first received at `from` and the last at `to`.
    pub(crate) fn dropped(&mut self, count: u64, from: Time, to: Time, shared: &mut Shared) {
        let near = |gap: &Gap| from == gap.from || to.nanos_since(gap.from) < ONE_OVERFLOW;
        let before = self.overflow.take().filter(near);
        let missing = count + before.as_ref().and_then(|gap| gap.missing).unwrap_or(0);
        let gap = Gap {
            feed: self.feed,
            from: before.as_ref().map_or(from, |gap| gap.from),
            to: before.and_then(|gap| gap.to).max(Some(to)),
            cause: GapCause::Overflow,
            missing: Some(missing),
            detail: format!("{missing} messages came faster than they could be read; they were dropped here."),
        };
        self.overflow = Some(gap.clone());
        shared.gap(gap);
    }

    /// The source is finished: an outage before it is over.
    pub(crate) fn ended(&mut self, at: Time, reason: String, shared: &mut Shared) {
        self.watched_again(at, shared);
        self.close_gaps(at, shared);
        for check in [Check::Connection, Check::Silence] {
            let source = AlarmSource { feed: self.feed, series: None, check };
            shared.alarms.clear(&source, at, "The source has ended.");
        }
        self.state = FeedState::Stopped;
        self.reason = reason;
        self.retry_at = None;
    }

    /// The feed is watched no more: what lasted, lasted up to here.
    pub(crate) fn close_gaps(&mut self, at: Time, shared: &mut Shared) {
        self.heard(at, shared);
        if let Some(gap) = self.open_gap.take() {
            shared.gap(Gap { to: Some(at), ..gap });
        }
    }

    fn source(&self) -> AlarmSource {
        AlarmSource { feed: self.feed, series: None, check: Check::Connection }
    }
}

/// What was lost before it came here. Where the feed is numbered its own numbers count it, so it is not counted twice.
pub(super) fn missed(feed: FeedId, missed: &Missed, is_numbered: bool) -> Finding {
    let Missed { count, from: _, to, reason } = missed;
    let missing = Some(*count).filter(|_| !is_numbered);
    let found = Finding::new(Check::Sequence, FindingKind::Gap, feed, *to, Severity::Warning, reason.clone());
    Finding { missing, ..found }
}
