//! Late messages: those whose event time is behind the feed's watermark.
//!
//! `watermark = greatest event time - usual lag of its source - allowed lateness`
//!
//! A source is the first series of the message, or its kind where it has none; its usual lag is a running mean, judged
//! from its 5th message on. What a message lags beyond that is its disorder; the allowed lateness is what a message
//! exceeds with a chance of 1e-6, and at least 1 s and 4 times the greatest disorder, by all that came
//! ([`disorder`]). Nothing is late before 64 such messages, nor what numbers or flags know as late or repeated.
//!
//! Late messages in a row are held until one comes that is not: then they are told, the first of a burst at once,
//! further ones together every 10 s. Where 8 in a row for 2 s are late it was the source's clock that went back, and
//! the watermark goes with it. An event time further ahead than `max(60 s, 4 allowed)` counts once 8 in a row bear it out.
//! What was late is usual only when it comes again: of two bursts, a minute apart, the lesser one.
//!
//! Limits: 4,096 series and 64 kinds; what lies beyond is not judged.

mod disorder;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, Reading, Severity, Time};

use super::words;
use disorder::Disorder;

const MAX_KINDS: usize = 64;
const MAX_SERIES: usize = 4096;
const MIN_OF_SOURCE: u32 = 4;
const MIN_AHEAD_NANOS: i64 = 60 * NANOS_PER_SECOND;
const IN_A_ROW: u64 = 8;
const MOVED_NANOS: i64 = 2 * NANOS_PER_SECOND;
/// Late messages so far apart are two bursts.
const BURST_NANOS: i64 = 60 * NANOS_PER_SECOND;
const PAUSE_NANOS: i64 = 10 * NANOS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Lateness {
    feed: FeedId,
    greatest: Option<Greatest>,
    /// How many in a row are far ahead of it.
    ahead: u64,
    sources: Vec<Source>,
    disorder: Disorder,
    /// Late ones in a row, of which it is open what they show.
    row: Option<Late>,
    /// Late ones that are not told yet.
    held: Option<Late>,
    /// When the next finding may be told.
    quiet_until: Time,
    late: u64,
    /// The worst of the burst that goes on, and when it last did.
    burst: Option<(i64, Time)>,
}

#[derive(Clone, Copy, Debug)]
struct Greatest {
    event: Time,
    received: Time,
}

#[derive(Clone, Copy, Debug, Default)]
struct Source {
    messages: u32,
    lag: i64,
}

#[derive(Clone, Copy, Debug)]
struct Late {
    count: u64,
    first: u64,
    since: Time,
    last: u64,
    at: Time,
    worst: i64,
    greatest: Time,
}

impl Late {
    fn with(self, more: &Late) -> Late {
        Late {
            count: self.count.saturating_add(more.count),
            last: more.last,
            at: more.at,
            worst: self.worst.max(more.worst),
            greatest: self.greatest.max(more.greatest),
            ..self
        }
    }
}

impl Lateness {
    pub(super) fn new(feed: FeedId) -> Lateness {
        Lateness {
            feed,
            greatest: None,
            ahead: 0,
            sources: Vec::new(),
            disorder: Disorder::new(),
            row: None,
            held: None,
            quiet_until: Time::MIN,
            late: 0,
            burst: None,
        }
    }

    /// Messages found late so far.
    pub(super) fn count(&self) -> u64 {
        self.late
    }

    /// Takes in a message with an event time that is new and in order as far as numbers tell.
    #[inline]
    pub(super) fn observe(&mut self, message: &Message, reading: &Reading, event: Time, out: &mut Vec<Finding>) {
        let index = match reading.points.first() {
            Some(point) => (point.series as usize).saturating_add(MAX_KINDS),
            None => (reading.kind as usize).min(MAX_KINDS - 1),
        };
        if index >= self.sources.len() && !self.grow(index) {
            return;
        }
        let lag = self.lag(event, message.received);
        let (allowed, known) = (self.disorder.allowed(), self.disorder.known());
        let Some(source) = self.sources.get_mut(index) else { return };
        let beyond = lag.saturating_sub(source.lag);
        if known && beyond > allowed && source.messages >= MIN_OF_SOURCE {
            self.is_late(message, event, beyond);
            return;
        }
        source.messages = source.messages.saturating_add(1);
        if source.messages <= MIN_OF_SOURCE {
            source.lag = lag;
            return;
        }
        self.disorder.add(beyond);
        source.lag = source.lag.saturating_add(beyond.min(allowed) / 16);
        if self.row.is_some() {
            self.confirm(out);
        }
    }

    #[cold]
    fn grow(&mut self, index: usize) -> bool {
        if index < MAX_KINDS + MAX_SERIES {
            self.sources.resize_with(index + 1, Source::default);
        }
        index < MAX_KINDS + MAX_SERIES
    }

    /// How far it lags behind the greatest event time, which it may become.
    #[inline]
    fn lag(&mut self, event: Time, received: Time) -> i64 {
        let Some(greatest) = &mut self.greatest else {
            self.greatest = Some(Greatest { event, received });
            return 0;
        };
        let ahead = event.nanos_since(greatest.event);
        if ahead <= 0 {
            self.ahead = 0;
            return ahead.saturating_neg();
        }
        let far = self.disorder.allowed().saturating_mul(4).max(MIN_AHEAD_NANOS);
        if ahead.saturating_sub(received.nanos_since(greatest.received).max(0)) > far {
            self.ahead += 1;
            if self.ahead < IN_A_ROW {
                return 0;
            }
            // What others lag behind this is not known yet.
            self.sources.fill(Source::default());
        }
        self.ahead = 0;
        *greatest = Greatest { event, received };
        0
    }

    #[cold]
    fn is_late(&mut self, message: &Message, event: Time, beyond: i64) {
        let (number, at) = (message.number, message.received);
        let one = Late { count: 1, first: number, since: at, last: number, at, worst: beyond, greatest: event };
        let row = self.row.map_or(one, |row| row.with(&one));
        self.row = Some(row);
        if row.count >= IN_A_ROW && at.nanos_since(row.since) >= MOVED_NANOS {
            self.row = None;
            self.greatest = Some(Greatest { event: row.greatest, received: at });
        }
    }

    /// The feed goes on where it was: those were late.
    #[cold]
    fn confirm(&mut self, out: &mut Vec<Finding>) {
        let Some(row) = self.row.take() else { return };
        if let Some((worst, last)) = self.burst
            && row.since.nanos_since(last) > BURST_NANOS
        {
            self.burst = None;
            self.disorder.late(worst);
            if row.worst <= self.disorder.allowed() {
                return;
            }
        }
        let worst = self.burst.map_or(0, |(worst, _)| worst).max(row.worst);
        self.burst = Some((worst, row.at));
        self.late = self.late.saturating_add(row.count);
        if row.since >= self.quiet_until {
            self.quiet_until = row.at.plus_nanos(PAUSE_NANOS);
            self.tell(&row, out);
            return;
        }
        self.held = Some(self.held.map_or(row, |held| held.with(&row)));
    }

    /// Time passes; before every message too.
    #[inline]
    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if now >= self.quiet_until
            && let Some(held) = self.held.take()
        {
            self.quiet_until = self.quiet_until.plus_nanos(PAUSE_NANOS);
            self.tell(&held, out);
        }
    }

    /// Our own clock was set by so many nanoseconds.
    pub(super) fn own_step(&mut self, nanos: i64) {
        self.quiet_until = self.quiet_until.plus_nanos(nanos);
        for late in [&mut self.row, &mut self.held].into_iter().flatten() {
            (late.since, late.at) = (late.since.plus_nanos(nanos), late.at.plus_nanos(nanos));
        }
        if let Some(greatest) = &mut self.greatest {
            greatest.received = greatest.received.plus_nanos(nanos);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        self.confirm(out);
        if let Some(held) = self.held.take() {
            self.tell(&held, out);
        }
    }

    fn tell(&self, late: &Late, out: &mut Vec<Finding>) {
        let worst = words::span(late.worst as f64 / 1e9);
        let usual = words::span(self.disorder.usual() as f64 / 1e9);
        let text = if late.count == 1 {
            format!("Message {} came {worst} late by its event time; usually it is at most {usual}.", late.first)
        } else {
            format!(
                "{} came late by their event times, {} to {}: up to {worst}; usually it is at most {usual}.",
                words::messages(late.count),
                late.first,
                late.last
            )
        };
        out.push(Finding {
            message: Some(late.first),
            ..Finding::new(Check::Lateness, FindingKind::Late, self.feed, late.at, Severity::Warning, text)
        });
    }
}
