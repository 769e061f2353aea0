//! What was seen at one path, and what it is therefore taken for.

use feedwatch_model::{NANOS_PER_SECOND, Time, TimeUnit, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::hints;
use super::observed::Observed;
use crate::format::states;
use crate::hash::hash64;
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::number::{counted, number, unsigned};
use crate::stamp;

/// Distinct values beyond this are not told apart.
const MAX_DISTINCT: usize = 1024;
/// Texts of a path that is a state.
const MAX_STATES: usize = 12;
/// So many occurrences make a pattern.
pub(crate) const ENOUGH: u32 = 8;
const HOUR: u64 = 3600 * NANOS_PER_SECOND.unsigned_abs();

/// What was seen at each of the `wanted` paths, in order of appearance.
pub(crate) fn gather(messages: &[&Observed], wanted: impl Fn(u32) -> bool) -> Vec<(u32, Facts)> {
    let mut places: FxHashMap<u32, usize> = FxHashMap::default();
    let mut facts: Vec<(u32, Facts)> = Vec::new();
    for message in messages {
        for leaf in message.leaves.iter().filter(|leaf| wanted(leaf.node)) {
            let place = *places.entry(leaf.node).or_insert_with(|| {
                facts.push((leaf.node, Facts::default()));
                facts.len() - 1
            });
            if let Some((_, facts)) = facts.get_mut(place) {
                facts.add(leaf, &message.payload, message.received);
            }
        }
    }
    facts
}

/// Counts over the occurrences of one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) seen: u32,
    bools: u32,
    numbers: u32,
    /// Strings that are numbers.
    digits: u32,
    texts: u32,
    /// Of the numbers and digits: whole and not negative.
    whole: u32,
    /// Texts that are no numbers and count all the same: with leading zeros, or hexadecimal.
    counts: u32,
    /// Of them: -1, which may stand for none.
    none: u32,
    /// Of the numbers and digits: from 0 to 1e8, which is before 1973 in every unit. A clock that was not set tells it, and
    /// a time that is not known is 0.
    small: u32,
    min: f64,
    max: f64,
    pub(crate) distinct: FxHashSet<u64>,
    last: Option<(u64, f64)>,
    /// Pairs of occurrences that follow each other, those that changed, and those that grew.
    pairs: u32,
    changed: u32,
    grew: u32,
    /// Texts that cannot be a name: addresses, sentences, hashes, times.
    unfit: u32,
    /// Texts that are more than one short word.
    loose: u32,
    /// Texts that mean yes or no, and which pair of them.
    paired: u32,
    pair: Option<usize>,
    times: Times,
}

#[derive(Clone, Debug, Default)]
struct Times {
    unit: Option<TimeUnit>,
    count: u32,
    mixed: bool,
    local: u32,
    near: u32,
    distance_secs: f64,
    first: Option<(Time, Time)>,
    last: Option<(Time, Time)>,
    earliest: Option<Time>,
    latest: Option<Time>,
    /// Digits behind the second.
    digits: u8,
}

/// What a path is taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Only null or empty so far.
    Empty,
    Boolean,
    Time(TimeUnit),
    /// The count of a clock that is not the calendar's.
    Clock,
    /// Numbers the messages, by its name; whether it does is for the evidence to show.
    Sequence,
    Identifier,
    Checksum,
    /// Set by somebody: a version.
    Setting,
    Number,
    /// Texts that mean yes or no.
    Words,
    /// One of a few texts that tell how a thing stands.
    State,
    Text,
}

impl Facts {
    pub(crate) fn add(&mut self, leaf: &Leaf, payload: &[u8], received: Time) {
        let raw = leaf.raw(payload);
        self.seen += 1;
        let value = match leaf.kind {
            LeafKind::Null | LeafKind::EmptyArray | LeafKind::EmptyObject => return,
            LeafKind::True | LeafKind::False => {
                self.bools += 1;
                None
            }
            LeafKind::Number => number(raw),
            LeafKind::Text | LeafKind::Escaped if raw.is_empty() => return,
            LeafKind::Text | LeafKind::Escaped => number(raw),
        };
        let hash = hash64(raw, 0);
        if self.distinct.len() < MAX_DISTINCT {
            self.distinct.insert(hash);
        }
        let size = value.map_or(f64::NAN, Value::as_f64);
        if let Some((before, smaller)) = self.last.replace((hash, size)) {
            self.pairs += 1;
            self.changed += u32::from(before != hash);
            self.grew += u32::from(size > smaller);
        }
        match value {
            Some(value) => self.add_number(value, size, unsigned(raw).is_some(), leaf.is_string(), received),
            None if leaf.is_string() => self.add_text(raw, received),
            None => {}
        }
    }

    fn add_number(&mut self, value: Value, size: f64, whole: bool, quoted: bool, received: Time) {
        if self.numbers + self.digits == 0 {
            (self.min, self.max) = (size, size);
        }
        *(if quoted { &mut self.digits } else { &mut self.numbers }) += 1;
        self.whole += u32::from(whole);
        self.none += u32::from(size == -1.0);
        self.small += u32::from((0.0..1e8).contains(&size));
        (self.min, self.max) = (self.min.min(size), self.max.max(size));
        if let Some((unit, time)) = stamp::epoch(value, received).or_else(|| long_ago(value)) {
            self.times.add(unit, time, received, digits_of(unit, size));
        }
    }

    fn add_text(&mut self, raw: &[u8], received: Time) {
        self.texts += 1;
        self.counts += u32::from(counted(raw).is_some());
        self.loose += u32::from(raw.len() > 40 || raw.contains(&b' '));
        if let Some((at, _)) = states::pair(raw) {
            self.paired += u32::from(*self.pair.get_or_insert(at) == at);
        }
        if let Some(time) = stamp::rfc3339(raw) {
            let behind = raw.iter().skip_while(|byte| **byte != b'.').skip(1);
            let digits = behind.take_while(|byte| byte.is_ascii_digit()).count();
            self.times.add(TimeUnit::Rfc3339, time, received, digits.min(9) as u8);
            self.unfit += 1;
        } else if stamp::is_local(raw) {
            self.times.local += 1;
            self.unfit += 1;
        } else {
            self.unfit += u32::from(!is_name(raw));
        }
    }

    /// Occurrences that say something.
    pub(crate) fn told(&self) -> u32 {
        self.bools + self.numbers + self.digits + self.texts
    }

    pub(crate) fn is_text(&self) -> bool {
        self.texts > 0 && self.texts == self.told()
    }

    /// Whether all of it is whole numbers (also as strings).
    pub(crate) fn is_whole(&self) -> bool {
        self.whole > 0 && self.whole == self.told()
    }

    /// Whether all of it is texts that count.
    pub(crate) fn counts(&self) -> bool {
        self.counts > 0 && self.counts + self.whole == self.told()
    }

    /// The same where -1 may stand for none: a message that names the one before it, and is the first.
    pub(crate) fn is_whole_or_none(&self) -> bool {
        self.whole + self.none > 0 && self.whole + self.none == self.told()
    }

    /// Whether its texts can be names at all.
    pub(crate) fn may_name(&self) -> bool {
        self.unfit == 0
    }

    /// Whether its texts could be names that recur. Of a telling name it takes more to show that they do not: a feed
    /// may begin with one message of each entity.
    pub(crate) fn is_namelike(&self, named: bool) -> bool {
        let enough = if named { 4 * ENOUGH } else { ENOUGH };
        self.may_name() && (self.told() < enough || self.distinct.len() as u32 * 2 <= self.told() + 4)
    }

    /// Whether a telling name may be believed although nothing says that its texts recur: each is one short word.
    pub(crate) fn is_wordlike(&self) -> bool {
        self.may_name() && self.loose == 0 && self.is_text()
    }

    /// Whether whole numbers come again among others, as those of devices do and those of events do not.
    pub(crate) fn comes_again(&self) -> bool {
        self.is_whole() && (self.distinct.len() as u32) < self.told() && self.grew * 10 < self.pairs * 9
    }

    /// Whether whole numbers are so large, and change, that they hardly count anything else than messages.
    pub(crate) fn is_large(&self) -> bool {
        self.is_whole() && self.min >= 10_000.0 && (self.changed > 0 || self.pairs == 0)
    }

    /// The share of pairs that changed; 1 where there is no pair.
    pub(crate) fn change(&self) -> f64 {
        if self.pairs == 0 { 1.0 } else { f64::from(self.changed) / f64::from(self.pairs) }
    }

    /// Mean distance from the receive time, in seconds.
    pub(crate) fn distance_secs(&self) -> f64 {
        self.times.distance_secs / f64::from(self.times.count.max(1))
    }

    /// Digits behind the second of its times.
    pub(crate) fn digits(&self) -> u8 {
        self.times.digits
    }

    /// Whether its times lie so close together, for their distance from the receive time, that an old recording tells
    /// them; dates of birth do not.
    pub(crate) fn are_together(&self) -> bool {
        let (Some(earliest), Some(latest)) = (self.times.earliest, self.times.latest) else { return false };
        latest.secs_since(earliest) <= 0.1 * self.distance_secs()
    }

    /// The least and the greatest of its numbers.
    pub(crate) fn range(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        if self.told() == 0 {
            return Verdict::Empty;
        }
        if self.bools == self.told() {
            return Verdict::Boolean;
        }
        if let Some(unit) = self.time(name) {
            return Verdict::Time(unit);
        }
        let numeric = self.numbers + self.digits;
        if numeric == 0 || self.texts * 10 > numeric {
            return self.text(name);
        }
        if hints::is_clock(name) && self.told() < ENOUGH && self.small == self.told() && self.max < 1e6 {
            // A clock that was not set when it was seen first.
            return Verdict::Clock;
        }
        if hints::is_version(name) && self.distinct.len() == 1 {
            return Verdict::Setting;
        }
        let is_whole = self.is_whole() || (hints::is_previous(name) && self.is_whole_or_none());
        if is_whole { self.whole_number(name) } else { Verdict::Number }
    }

    fn whole_number(&self, name: &str) -> Verdict {
        match () {
            () if hints::is_clock(name) && self.min >= 1e6 => Verdict::Clock,
            () if hints::is_date_part(name, self.min, self.max) => Verdict::Clock,
            () if hints::is_checksum(name) => Verdict::Checksum,
            () if hints::is_sequence(name) || hints::is_ordinal(name) => Verdict::Sequence,
            () if hints::is_update_number(name) && self.max >= 1e6 => Verdict::Sequence,
            () if hints::is_identifier(name) || hints::is_registered_number(name) => Verdict::Identifier,
            () if hints::is_label(name) => Verdict::Identifier,
            () if !hints::is_measure(name) && self.is_identifying() => Verdict::Identifier,
            () => Verdict::Number,
        }
    }

    fn text(&self, name: &str) -> Verdict {
        let is_told = hints::is_state(name);
        if self.is_text() && self.paired == self.texts && (is_told || self.distinct.len() == 2) {
            return Verdict::Words;
        }
        let few = self.is_wordlike() && self.distinct.len() <= MAX_STATES && !hints::is_identifier(name);
        // What keeps its text most of the time tells how a thing stands, whatever it is called.
        let stays = self.distinct.len() > 1 && self.told() >= 4 * ENOUGH && self.change() <= 0.25;
        if few && (is_told || (stays && !hints::is_attribute(name))) { Verdict::State } else { Verdict::Text }
    }

    fn time(&self, name: &str) -> Option<TimeUnit> {
        let told = self.told();
        if self.times.local == told {
            return Some(TimeUnit::Local);
        }
        let unset = if hints::is_time(name) { self.small } else { 0 };
        let is_whole = self.times.count == told || (self.times.count > unset && self.times.count + unset == told);
        let unit = self.times.unit.filter(|_| is_whole && !self.times.mixed)?;
        let is_far = self.distance_secs() > stamp::PLAUSIBLE_SECS;
        let shown = match unit {
            TimeUnit::Rfc3339 => true,
            // Ten digits are also ids and counts: the name, or its pace, must speak for it.
            TimeUnit::Seconds if is_far => hints::is_plain_time(name),
            TimeUnit::Seconds => hints::is_time(name) || (self.times.near == told && self.times.keeps_pace()),
            _ => hints::is_time(name) || self.times.near == told,
        };
        shown.then_some(unit)
    }

    /// Large whole numbers, nearly all different, that lie close together or are written as strings: numbers of trades,
    /// orders, updates.
    fn is_identifying(&self) -> bool {
        let told = self.told();
        if told < ENOUGH || self.min < 1e6 || (self.distinct.len() as f64) < 0.9 * f64::from(told) {
            return false;
        }
        let close = (self.max - self.min) / self.max < 0.01 && f64::from(self.grew) >= 0.9 * f64::from(self.pairs);
        close || self.digits == told
    }
}

impl Times {
    fn add(&mut self, unit: TimeUnit, time: Time, received: Time, digits: u8) {
        self.mixed |= self.unit.is_some_and(|known| known != unit);
        self.unit = Some(unit);
        self.count += 1;
        let distance = time.nanos_since(received).unsigned_abs();
        self.near += u32::from(distance <= HOUR);
        self.distance_secs += distance as f64 / 1e9;
        self.first.get_or_insert((time, received));
        self.last = Some((time, received));
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
        self.latest = Some(self.latest.map_or(time, |latest| latest.max(time)));
        self.digits = self.digits.max(digits);
    }

    /// Whether it went on as the receive time went on, over two seconds at least.
    fn keeps_pace(&self) -> bool {
        let (Some((from, start)), Some((to, end))) = (self.first, self.last) else { return false };
        let passed = end.secs_since(start);
        passed >= 2.0 && (to.secs_since(from) - passed).abs() <= 1.0 + 0.1 * passed
    }
}

/// Digits behind the second that a number can tell.
fn digits_of(unit: TimeUnit, size: f64) -> u8 {
    match unit {
        TimeUnit::Seconds if size.fract() == 0.0 => 0,
        TimeUnit::Seconds | TimeUnit::Micros => 6,
        TimeUnit::Millis => 3,
        _ => 9,
    }
}

/// A time of the years 1990 to 2100: a capture may be older than [`stamp::epoch`] looks back.
fn long_ago(value: Value) -> Option<(TimeUnit, Time)> {
    const UNITS: [(TimeUnit, f64); 4] =
        [(TimeUnit::Seconds, 1.0), (TimeUnit::Millis, 1e3), (TimeUnit::Micros, 1e6), (TimeUnit::Nanos, 1e9)];
    let size = value.as_f64();
    let (unit, _) = UNITS.into_iter().find(|(_, per_second)| (6.3e8..4.1e9).contains(&(size / per_second)))?;
    Some((unit, stamp::from_epoch(value, unit)?))
}

/// Whether a text can be a name: short, of few words, no address, no hash.
fn is_name(raw: &[u8]) -> bool {
    let spaces = raw.iter().filter(|byte| **byte == b' ').count();
    let hex = raw.iter().filter(|byte| byte.is_ascii_hexdigit() || **byte == b'-').count();
    let is_hash = raw.len() >= 24 && hex == raw.len();
    // What every machine calls itself names none.
    let is_anyone = raw.starts_with(b"127.") || [&b"localhost"[..], b"0.0.0.0", b"::", b"::1"].contains(&raw);
    raw.len() <= 64 && spaces <= 3 && !is_hash && !is_anyone && memchr::memmem::find(raw, b"://").is_none()
}
