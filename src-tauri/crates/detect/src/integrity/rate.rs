//! Rate: far fewer or far more messages than this feed, or one kind of its messages, usually has.
//!
//! Nothing is set: counts in slots of 1 s times a power of two, long enough for 20 messages and for twice the longest
//! pause ([`rhythm`]), are measured by what is usual ([`model`]). Told is a run of 2 slots or more with less than a
//! quarter (more than 4 times) of the usual count, or an eighth (8 times) till 10 minutes are known; half (twice) as far
//! as anything seen of late; and with a chance below 1e-7 by a negative binomial count that varies as this feed does
//! ([`chance`]).
//! `low` of the feed is told while it speaks: a pause of half of the run is a matter of silence. `low` of a kind is told
//! while the others go on. What all kinds show is told of the feed, what one shows of that kind.
//!
//! An episode is told once, and once more, as information, when two slots are usual again, or after half an hour and 64
//! slots, when its rate is taken as usual. Its slots are not learned. An unusual rate that comes twice is a habit.
//!
//! Slots end by time, whoever tells it, message or [`Rate::elapse`]; where nothing comes for 16 slots they begin anew
//! with the next message. Limits: 32 kinds, further ones count for the feed only; less than 1 message in half an hour is too
//! rare to be judged.

mod chance;
mod learner;
mod model;
mod rhythm;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity, Time};

use super::{Scopes, words};
use rhythm::{Rhythm, Run, Told, Way};

const MAX_KINDS: usize = 32;
const MAX_LABEL: usize = 80;
const PAUSE_SLOTS: i64 = 16;
const BACK_NANOS: i64 = 60 * NANOS_PER_SECOND;
/// Beyond this share a kind is the feed.
const MOST: f64 = 0.5;
const MIN_OTHERS: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Rate {
    feed: FeedId,
    judged: bool,
    open: bool,
    messages: u64,
    last: Option<Time>,
    all: Option<Rhythm>,
    kinds: Vec<Option<Kind>>,
    /// When the next slot ends, and before which time went back.
    due: Time,
    floor: Time,
}

#[derive(Debug)]
struct Kind {
    label: String,
    rhythm: Rhythm,
}

impl Rate {
    pub(super) fn new(feed: FeedId) -> Rate {
        Rate {
            feed,
            judged: true,
            open: true,
            messages: 0,
            last: None,
            all: None,
            kinds: Vec::new(),
            due: Time::MIN,
            floor: Time::MIN,
        }
    }

    /// The rate of a feed that has none of its own.
    pub(super) fn unjudged(feed: FeedId) -> Rate {
        Rate { judged: false, ..Rate::new(feed) }
    }

    /// Takes in a message; without a kind if it could not be read.
    #[inline]
    pub(super) fn message(&mut self, at: Time, kind: Option<(u32, &dyn Scopes)>, out: &mut Vec<Finding>) {
        if !self.judged || !self.open {
            return;
        }
        if at >= self.due || at < self.floor {
            self.pass(at, out);
        }
        self.messages = self.messages.saturating_add(1);
        self.last = Some(at);
        if let Some(all) = &mut self.all {
            all.message(at);
        }
        let Some((kind, scopes)) = kind else { return };
        match self.kinds.get_mut(kind as usize) {
            Some(Some(kind)) => kind.rhythm.message(at),
            _ => self.begin(at, kind, scopes),
        }
    }

    #[cold]
    fn begin(&mut self, at: Time, kind: u32, scopes: &dyn Scopes) {
        let index = kind as usize;
        if index >= MAX_KINDS {
            return;
        }
        if index >= self.kinds.len() {
            self.kinds.resize_with(index + 1, || None);
        }
        let Some(slot) = self.kinds.get_mut(index) else { return };
        let label = scopes.kind(kind).chars().take(MAX_LABEL).collect();
        let mut rhythm = Rhythm::new(at);
        rhythm.message(at);
        *slot = Some(Kind { label, rhythm });
        self.look_ahead();
    }

    /// Slots that ended before a message are closed; after a pause, or where time went back, they begin anew.
    #[cold]
    fn pass(&mut self, at: Time, out: &mut Vec<Finding>) {
        if self.all.is_none() {
            self.all = Some(Rhythm::new(at));
        }
        let back = at < self.floor;
        if !back {
            self.close(at, out);
        }
        let messages = self.messages;
        for rhythm in self.rhythms() {
            if back || rhythm.end() <= at {
                rhythm.restart(at, messages);
            }
        }
        self.look_ahead();
    }

    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if now >= self.due && self.judged && self.open {
            self.close(now, out);
            self.look_ahead();
        }
    }

    /// Usual messages per second of the feed (no word) and of its kinds, as far as they are known.
    pub(super) fn usual(&self) -> Vec<(Option<&str>, f64)> {
        let all = self.all.iter().map(|rhythm| (None, rhythm));
        let kinds = self.kinds.iter().flatten().map(|kind| (Some(kind.label.as_str()), &kind.rhythm));
        let known = all.chain(kinds).filter(|(_, rhythm)| self.judged && rhythm.known());
        known.map(|(word, rhythm)| (word, rhythm.rate())).collect()
    }

    /// Closes what ended until `now`, in the order in which it ended; kinds before the feed.
    fn close(&mut self, now: Time, out: &mut Vec<Finding>) {
        let Some(last) = self.last else { return };
        loop {
            let open = |rhythm: &Rhythm| {
                rhythm.end() <= now && rhythm.start.nanos_since(last) < rhythm.nanos().saturating_mul(PAUSE_SLOTS)
            };
            let kinds = self.kinds.iter().enumerate().filter_map(|(index, kind)| Some((index, &kind.as_ref()?.rhythm)));
            let all = self.all.iter().map(|all| (MAX_KINDS, all));
            let next = kinds.chain(all).filter(|(_, rhythm)| open(rhythm)).min_by_key(|(_, rhythm)| rhythm.end());
            let Some((index, end)) = next.map(|(index, rhythm)| (index, rhythm.end())) else { return };
            let messages = self.messages;
            let told = match self.rhythm(index) {
                Some(rhythm) => rhythm.close(messages),
                None => return,
            };
            self.tell(index, end, told, out);
        }
    }

    fn rhythms(&mut self) -> impl Iterator<Item = &mut Rhythm> {
        self.kinds.iter_mut().flatten().map(|kind| &mut kind.rhythm).chain(&mut self.all)
    }

    /// Of a kind, or at [`MAX_KINDS`] of the feed.
    fn rhythm(&mut self, index: usize) -> Option<&mut Rhythm> {
        if index == MAX_KINDS {
            return self.all.as_mut();
        }
        self.kinds.get_mut(index)?.as_mut().map(|kind| &mut kind.rhythm)
    }

    fn look_ahead(&mut self) {
        let due = self.rhythms().map(|rhythm| rhythm.end()).min().unwrap_or(Time::MAX);
        let floor = self.rhythms().map(|rhythm| rhythm.start).min().unwrap_or(Time::MIN);
        (self.due, self.floor) = (due, floor.plus_nanos(-BACK_NANOS));
    }

    fn tell(&mut self, index: usize, end: Time, told: Told, out: &mut Vec<Finding>) {
        match told {
            Told::Nothing => {}
            Told::Unusual(run) if index == MAX_KINDS => self.feed_is(&run, end, out),
            Told::Unusual(run) => self.kind_is(index, &run, end, out),
            Told::Back(way, rate) => {
                let text = format!("The rate{} is back at {}.", self.of(index), per_time(rate));
                self.push((index, way), end, Severity::Info, text, out);
            }
            Told::Stays(way, rate) => {
                let text =
                    format!("The rate{} stays at {}, which is taken as usual now.", self.of(index), per_time(rate));
                self.push((index, way), end, Severity::Info, text, out);
            }
        }
    }

    /// The feed as a whole is unusual, unless a kind is not, or one was told.
    fn feed_is(&mut self, run: &Run, end: Time, out: &mut Vec<Finding>) {
        let Some(all) = &mut self.all else { return };
        if !Rhythm::speaks(run, all.nanos()) {
            return;
        }
        let (rate, span) = (all.rate(), end.nanos_since(run.since));
        let kinds = || self.kinds.iter().flatten().map(|kind| &kind.rhythm);
        if kinds().any(|kind| kind.episode() == Some((run.way, true))) {
            all.open(run.way, false, end);
            return;
        }
        let others = |kind: &&Rhythm| kind.known() && kind.nanos() <= span && kind.rate() < (1.0 - MOST / 5.0) * rate;
        if kinds().filter(others).any(|kind| kind.run() != Some(run.way) && kind.episode().is_none()) {
            return;
        }
        all.open(run.way, true, end);
        for kind in self.kinds.iter_mut().flatten().filter(|kind| kind.rhythm.episode().is_none()) {
            kind.rhythm.open(run.way, false, end);
        }
        self.unusual(MAX_KINDS, run, rate, end, out);
    }

    /// A kind is unusual, and the others are not.
    fn kind_is(&mut self, index: usize, run: &Run, end: Time, out: &mut Vec<Finding>) {
        let (Some(all), Some(Some(kind))) = (&self.all, self.kinds.get_mut(index)) else { return };
        if all.episode().is_some_and(|(way, _)| way == run.way) {
            kind.rhythm.open(run.way, false, end);
            return;
        }
        let rate = kind.rhythm.rate();
        let expected = (all.rate() - rate).max(0.0) * end.secs_since(run.since);
        let count = self.messages.saturating_sub(run.before) as f64 - run.count.max(0.0);
        let alone = if expected < MIN_OTHERS {
            rate < MOST * all.rate() && count >= 3.0
        } else {
            match run.way {
                Way::Low => count >= 0.5 * expected,
                Way::Burst => count <= 2.5 * expected,
            }
        };
        if all.known() && alone {
            kind.rhythm.open(run.way, true, end);
            self.unusual(index, run, rate, end, out);
        }
    }

    fn unusual(&mut self, index: usize, run: &Run, usual: f64, end: Time, out: &mut Vec<Finding>) {
        let span = end.secs_since(run.since);
        let (rate, since) = (per_time(run.count.max(0.0) / span), words::span(span));
        let (of, usual) = (self.of(index), per_time(usual));
        let text = match run.way {
            Way::Low if run.count < 0.5 => format!("No message{of} for {since}, while others come; usually {usual}."),
            Way::Low => format!("Far fewer messages{of} than usual: {rate} over {since}, usually {usual}."),
            Way::Burst => format!("Far more messages{of} than usual: {rate} over {since}, usually {usual}."),
        };
        self.push((index, run.way), end, Severity::Warning, text, out);
    }

    fn of(&self, index: usize) -> String {
        self.kinds.get(index).and_then(Option::as_ref).map_or(String::new(), |kind| words::of(&kind.label))
    }

    fn push(&self, (index, way): (usize, Way), at: Time, severity: Severity, text: String, out: &mut Vec<Finding>) {
        let kind = match way {
            Way::Low => FindingKind::Low,
            Way::Burst => FindingKind::Burst,
        };
        let lasting = Some(format!("{} {index}", kind.word()).into());
        out.push(Finding { lasting, ..Finding::new(Check::Rate, kind, self.feed, at, severity, text) });
    }

    /// Messages that came and were dropped at our inbox: of which kind is not known.
    pub(super) fn dropped(&mut self, count: u64, at: Time) {
        // No inbox drops more at once.
        let count = count.min(u64::from(u32::MAX));
        let messages = self.messages.saturating_add(count);
        self.messages = messages;
        if let Some(all) = &mut self.all {
            all.unseen(count);
        }
        for kind in self.kinds.iter_mut().flatten() {
            if at >= kind.rhythm.start {
                kind.rhythm.restart(at, messages);
            }
        }
        self.look_ahead();
    }

    pub(super) fn connected(&mut self, at: Time) {
        self.open = true;
        self.last = self.last.map(|_| at);
        let messages = self.messages;
        self.rhythms().for_each(|rhythm| rhythm.restart(at, messages));
        self.look_ahead();
    }

    pub(super) fn lost(&mut self) {
        self.open = false;
    }

    /// Our own clock was set by so many nanoseconds.
    pub(super) fn own_step(&mut self, nanos: i64) {
        self.last = self.last.map(|last| last.plus_nanos(nanos));
        self.rhythms().for_each(|rhythm| rhythm.shift(nanos));
        self.look_ahead();
    }
}

/// `12 messages/s`, `0.3 messages/s`, `4 messages/min`, `2 messages/h`.
fn per_time(rate: f64) -> String {
    let (value, unit) = match rate {
        rate if rate >= 0.1 => (rate, "s"),
        rate if rate * 60.0 >= 0.1 => (rate * 60.0, "min"),
        rate => (rate * 3600.0, "h"),
    };
    if value >= 9.95 {
        return format!("{} messages/{unit}", words::count(value.round() as u64));
    }
    let text = format!("{value:.1}");
    format!("{} messages/{unit}", text.strip_suffix(".0").unwrap_or(&text))
}
