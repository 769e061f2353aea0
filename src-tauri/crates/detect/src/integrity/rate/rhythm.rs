//! The rhythm of a feed, or of one kind of its messages: counts in slots, and the run of unusual ones.
//!
//! A slot with less than a quarter or more than 4 times of what is expected begins a run. While it goes on its slots are
//! not learned; one that was not told for half an hour and 64 slots is how things are. Messages that are missing in the slots before (16 at most) and then come at once are no burst.

use feedwatch_model::{NANOS_PER_SECOND, Time};

use super::chance::surprise;
use super::learner::{Learner, suiting};
use super::model::{Expected, Model};

const FACTOR: f64 = 4.0;
/// While less than this is known, what is unusual must be more so.
const YOUNG_NANOS: i64 = 600 * NANOS_PER_SECOND;
const YOUNG_FACTOR: f64 = 8.0;
const MIN_SURPRISE: f64 = 16.0;
const MIN_SLOTS: u32 = 2;
/// How far beyond what was ever seen a run must be.
const BEYOND: f64 = 2.0;
const CREDIT_SLOTS: f64 = 16.0;
/// What a new connection brings at once is no burst; so many slots at most.
const SETTLING_SLOTS: u32 = 64;
const BACK_SLOTS: u32 = 2;
const HABIT_SLOTS: u32 = 64;
const HABIT_NANOS: i64 = 1800 * NANOS_PER_SECOND;
const REFIT_SLOTS: u32 = 64;

/// Which way the rate went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Low,
    Burst,
}

/// What the slot that ended tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Told {
    Nothing,
    /// The run is as improbable as it must be to be told.
    Unusual(Run),
    /// The episode is over, at so many messages per second.
    Back(Way, f64),
    /// It goes on for so long that its rate is taken as usual.
    Stays(Way, f64),
}

/// Slots in a row that are unusual in one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) way: Way,
    pub(super) since: Time,
    /// Messages of the whole feed before it.
    pub(super) before: u64,
    pub(super) slots: u32,
    pub(super) count: f64,
    pub(super) expected: Expected,
    longest: i64,
}

impl Run {
    fn expected(&self) -> f64 {
        match self.way {
            Way::Low => self.expected.few,
            Way::Burst => self.expected.many,
        }
    }

    fn ratio(&self) -> f64 {
        self.count / self.expected().max(1e-9)
    }
}

#[derive(Debug)]
struct Episode {
    way: Way,
    told: bool,
    since: Time,
    slots: u32,
    back: u32,
    back_count: u64,
    count: u64,
}

#[derive(Debug)]
pub(super) struct Rhythm {
    count: u64,
    pub(super) start: Time,
    nanos: i64,
    last: Option<Time>,
    longest: i64,
    longest_of: [i64; 2],
    slots: u32,
    /// Messages of the whole feed when the slot began.
    before: u64,
    learner: Option<Learner>,
    model: Model,
    credit: f64,
    settling: u32,
    run: Option<Run>,
    episode: Option<Episode>,
    /// The ratios of the last run that was not told and of the last low and burst that were.
    quiet: f64,
    habits: [f64; 2],
}

impl Rhythm {
    pub(super) fn new(start: Time) -> Rhythm {
        let learner = Learner::new();
        Rhythm {
            count: 0,
            start,
            nanos: learner.nanos(),
            last: None,
            longest: 0,
            longest_of: [0; 2],
            slots: 0,
            before: 0,
            learner: Some(learner),
            model: Model::default(),
            credit: 0.0,
            settling: 0,
            run: None,
            episode: None,
            quiet: 1.0,
            habits: [1.0; 2],
        }
    }

    #[inline]
    pub(super) fn message(&mut self, at: Time) {
        self.count += 1;
        if let Some(last) = self.last {
            self.longest = self.longest.max(at.nanos_since(last));
        }
        self.last = Some(at);
    }

    /// Messages that came and are not seen.
    pub(super) fn unseen(&mut self, count: u64) {
        self.count = self.count.saturating_add(count);
    }

    pub(super) fn end(&self) -> Time {
        self.start.plus_nanos(self.nanos)
    }

    pub(super) fn nanos(&self) -> i64 {
        self.nanos
    }

    pub(super) fn known(&self) -> bool {
        self.learner.is_none()
    }

    /// Messages per second, as usual.
    pub(super) fn rate(&self) -> f64 {
        self.model.rate()
    }

    pub(super) fn run(&self) -> Option<Way> {
        self.run.map(|run| run.way)
    }

    pub(super) fn episode(&self) -> Option<(Way, bool)> {
        self.episode.as_ref().map(|episode| (episode.way, episode.told))
    }

    /// Slots begin anew: what was before is not continued.
    pub(super) fn restart(&mut self, at: Time, before: u64) {
        (self.start, self.count, self.before) = (at, 0, before);
        (self.last, self.longest, self.credit, self.run) = (None, 0, 0.0, None);
        self.settling = SETTLING_SLOTS;
    }

    /// Our clock was set.
    pub(super) fn shift(&mut self, nanos: i64) {
        self.start = self.start.plus_nanos(nanos);
        self.last = self.last.map(|last| last.plus_nanos(nanos));
    }

    /// What is unusual now is told, or known otherwise: it is watched till it is over.
    pub(super) fn open(&mut self, way: Way, told: bool, end: Time) {
        let run = self.run.take();
        let (since, slots) = run.map_or((end, 0), |run| (run.since, run.slots));
        if let (Some(run), true) = (run, told) {
            self.habit(&run);
        }
        self.episode = Some(Episode { way, told, since, slots, back: 0, back_count: 0, count: 0 });
    }

    /// Of two episodes alike the lesser one is usual.
    fn habit(&mut self, run: &Run) {
        let (ratio, way) = (run.ratio(), run.way);
        let Some(before) = self.habits.get_mut(way as usize) else { return };
        let habit = if way == Way::Low { ratio.max(*before) } else { ratio.min(*before) };
        *before = ratio;
        self.model.allow(run.slots, habit);
    }

    /// The slot ended. `all`: messages of the whole feed so far.
    pub(super) fn close(&mut self, all: u64) -> Told {
        let (count, start, end) = (std::mem::take(&mut self.count), self.start, self.end());
        let longest = std::mem::take(&mut self.longest).max(self.last.map_or(0, |last| end.nanos_since(last)));
        let before = std::mem::replace(&mut self.before, all);
        self.start = end;
        if self.learner.is_some() {
            self.learn_first(count, longest, end);
            return Told::Nothing;
        }
        let expected = self.model.expected(start, self.nanos);
        if self.episode.is_some() {
            return self.watch(count, expected, end);
        }
        let way = self.way(count, expected);
        if self.run.is_some_and(|run| Some(run.way) != way) {
            self.end_quietly();
        }
        let Some(way) = way else {
            self.usual(count, longest, end);
            return Told::Nothing;
        };
        let begun = Run { way, since: start, before, slots: 0, count: 0.0, expected: Expected::default(), longest: 0 };
        let run = self.run.get_or_insert(begun);
        run.slots += 1;
        run.count += count as f64;
        if way == Way::Burst {
            run.count -= std::mem::take(&mut self.credit);
        } else {
            self.credit = (self.credit + expected.few - count as f64).clamp(0.0, CREDIT_SLOTS * expected.few);
        }
        run.expected.few += expected.few;
        run.expected.many += expected.many;
        run.longest = run.longest.max(longest);
        let run = *run;
        if run.slots >= HABIT_SLOTS && end.nanos_since(run.since) >= HABIT_NANOS {
            // Not told for so long: it is how things are.
            self.run = None;
            let rate = run.count.max(0.0) / end.secs_since(run.since);
            self.model.settle_at(rate, run.slots, self.nanos, end);
            return Told::Nothing;
        }
        if self.improbable(&run) { Told::Unusual(run) } else { Told::Nothing }
    }

    fn learn_first(&mut self, count: u64, longest: i64, end: Time) {
        let Some(learner) = &mut self.learner else { return };
        let found = learner.add(count, longest);
        self.nanos = learner.nanos();
        if let Some((nanos, counts)) = found {
            self.nanos = nanos;
            self.learner = None;
            self.longest_of = [0, longest.max(nanos / 4)];
            self.model.learn_first(&counts, nanos, end);
        }
    }

    fn way(&mut self, count: u64, expected: Expected) -> Option<Way> {
        let count = count as f64;
        if count < expected.few / FACTOR {
            return Some(Way::Low);
        }
        if self.settling > 0 {
            self.settling = if count > 2.0 * expected.many { self.settling - 1 } else { 0 };
            return None;
        }
        (count - self.credit > FACTOR * expected.many).then_some(Way::Burst)
    }

    fn usual(&mut self, count: u64, longest: i64, end: Time) {
        if self.settling > 0 {
            return;
        }
        let expected = self.model.expected(end.plus_nanos(-self.nanos), self.nanos).few;
        self.credit = (self.credit + expected - count as f64).clamp(0.0, CREDIT_SLOTS * expected);
        self.model.learn(count, self.nanos, end);
        self.longest_of[0] = self.longest_of[0].max(longest);
        self.slots += 1;
        if self.slots.is_multiple_of(REFIT_SLOTS) {
            self.refit();
        }
    }

    /// The length of slot that suits what is usual by now.
    fn refit(&mut self) {
        let longest = self.longest_of[0].max(self.longest_of[1]);
        if let Some(nanos) = suiting(self.model.rate() / 1e9, longest)
            && (nanos > self.nanos || nanos < self.nanos / 2)
        {
            self.nanos = nanos;
            self.credit = 0.0;
        }
        self.longest_of = [0, self.longest_of[0]];
    }

    fn end_quietly(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.way == Way::Burst {
            self.model.spread(run.count.max(0.0), run.expected, run.slots);
            return;
        }
        // One pause is none; two are a habit.
        let habit = run.ratio().max(self.quiet);
        self.quiet = run.ratio();
        self.model.allow(run.slots, habit);
    }

    fn improbable(&self, run: &Run) -> bool {
        let (expected, ratio) = (run.expected(), run.ratio());
        let (least, greatest) = self.model.extremes(run.slots);
        let young = self.nanos.saturating_mul(self.model.slots().into()) < YOUNG_NANOS;
        let factor = if young { YOUNG_FACTOR } else { FACTOR };
        let beyond = match run.way {
            Way::Low => ratio < (1.0 / factor).min(least / BEYOND),
            Way::Burst => ratio > factor.max(greatest * BEYOND),
        };
        run.slots >= MIN_SLOTS
            && beyond
            && surprise(run.count.max(0.0), expected, self.model.over(run.slots, expected)) > MIN_SURPRISE
    }

    /// Few messages came, but not because none came for half of the time.
    pub(super) fn speaks(run: &Run, nanos: i64) -> bool {
        run.way == Way::Burst || run.longest <= nanos.saturating_mul(i64::from(run.slots)) / 2
    }

    fn watch(&mut self, count: u64, expected: Expected, end: Time) -> Told {
        let Some(episode) = &mut self.episode else { return Told::Nothing };
        let back = match episode.way {
            Way::Low => count as f64 >= expected.few / 2.0,
            Way::Burst => count as f64 <= expected.many * 2.0,
        };
        episode.slots = episode.slots.saturating_add(1);
        episode.count = episode.count.saturating_add(count);
        (episode.back, episode.back_count) =
            if back { (episode.back + 1, episode.back_count.saturating_add(count)) } else { (0, 0) };
        let slot = self.nanos as f64 / 1e9;
        let (way, told) = (episode.way, episode.told);
        if episode.back >= BACK_SLOTS {
            let rate = episode.back_count as f64 / slot / f64::from(BACK_SLOTS);
            self.episode = None;
            self.settling = SETTLING_SLOTS;
            return if told { Told::Back(way, rate) } else { Told::Nothing };
        }
        if episode.slots >= HABIT_SLOTS && end.nanos_since(episode.since) >= HABIT_NANOS {
            let rate = episode.count as f64 / slot / f64::from(episode.slots);
            let slots = episode.slots;
            self.episode = None;
            self.model.settle_at(rate, slots, self.nanos, end);
            return if told { Told::Stays(way, rate) } else { Told::Nothing };
        }
        Told::Nothing
    }
}
