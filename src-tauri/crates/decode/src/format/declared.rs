//! Series that the messages declare themselves: a metric with its labels, a measurement with its tags, a topic. Nothing
//! about them need be learned.
//!
//! A series is found by its head, the bytes that name it as they stand in the message; only a head that was never met is
//! taken apart.

use feedwatch_model::{
    Ignored, KindProfile, Message, Point, Reading, SeriesKind, SeriesProfile, Time, TimeProfile, TimeUnit, Value, Why,
};
use rustc_hash::FxHashMap;

use crate::catalogue::{Catalogue, Samples, Series};
use crate::json::number::number;
use crate::learn::hints;
use crate::learn::names::Names;
use crate::stamp;

/// No series: the head is known and left out.
const LEFT_OUT: u32 = u32::MAX;
/// Heads a series may have: labels in another order.
const HEADS: usize = 4;
/// Longer heads are not remembered.
const MAX_HEAD: usize = 4096;
/// Paths that are told to be left out.
const MAX_IGNORED: usize = 1000;

/// Where the points of a message go.
pub(crate) struct Sheet<'a> {
    pub(crate) reading: &'a mut Reading,
    pub(crate) catalogue: &'a mut Catalogue,
    pub(crate) names: &'a mut Names,
    pub(crate) max_series: usize,
}

/// What a head says.
pub(crate) enum Said {
    Series(Series),
    /// What stands at this path is not charted.
    LeftOut(String, Why),
}

/// The series declared so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    heads: FxHashMap<Box<[u8]>, u32>,
    /// By path and key: labels may come in another order.
    known: FxHashMap<String, u32>,
    series: Vec<u32>,
    ignored: Vec<Ignored>,
    messages: u64,
    time: Option<TimeUnit>,
}

impl Declared {
    /// The series of `head`, which is taken apart by `says` if it is new.
    #[inline]
    pub(crate) fn series(&mut self, head: &[u8], sheet: &mut Sheet<'_>, says: impl FnOnce() -> Said) -> Option<u32> {
        match self.heads.get(head) {
            Some(&LEFT_OUT) => None,
            Some(&series) => Some(series),
            None => self.new_head(head, sheet, says()),
        }
    }

    #[cold]
    fn new_head(&mut self, head: &[u8], sheet: &mut Sheet<'_>, said: Said) -> Option<u32> {
        let made = match said {
            Said::LeftOut(path, why) => {
                self.leave_out(path, why);
                LEFT_OUT
            }
            Said::Series(new) => self.new_series(new, sheet)?,
        };
        if head.len() <= MAX_HEAD && self.heads.len() < HEADS.saturating_mul(sheet.max_series) {
            self.heads.insert(head.into(), made);
        }
        (made != LEFT_OUT).then_some(made)
    }

    fn new_series(&mut self, mut new: Series, sheet: &mut Sheet<'_>) -> Option<u32> {
        let identity = identity(&new);
        if let Some(&known) = self.known.get(&identity) {
            return Some(known);
        }
        if sheet.catalogue.series.len() >= sheet.max_series {
            sheet.catalogue.beyond_limit += 1;
            self.leave_out(new.path.to_string(), Why::Limit);
            return None;
        }
        let made = u32::try_from(sheet.catalogue.series.len()).ok()?;
        self.known.insert(identity, made);
        new.name = sheet.names.take(&new.name).into();
        sheet.catalogue.series.push(new);
        sheet.catalogue.samples.push(Samples::default());
        self.series.push(made);
        Some(made)
    }

    pub(crate) fn leave_out(&mut self, path: String, why: Why) {
        let ignored = Ignored { path, why };
        if self.ignored.len() < MAX_IGNORED && !self.ignored.contains(&ignored) {
            self.ignored.push(ignored);
        }
    }

    /// A time beside the values, in the unit that its magnitude tells.
    pub(crate) fn time(&mut self, text: &[u8], received: Time) -> Option<Time> {
        let value = number(text)?;
        let (unit, time) = stamp::epoch(value, received).or_else(|| by_digits(value))?;
        self.time = Some(unit);
        Some(time)
    }

    /// The messages of the feed tell their time in `unit`.
    pub(crate) fn tells_time(&mut self, unit: TimeUnit) {
        self.time = Some(unit);
    }

    /// A message was read by it.
    pub(crate) fn count(&mut self) {
        self.messages += 1;
    }

    /// What was declared, as a kind of message; `None` if there was none of it. `time`: where times stand.
    pub(crate) fn profile(&self, catalogue: &Catalogue, time: &str) -> Option<KindProfile> {
        if self.messages == 0 {
            return None;
        }
        let all = || self.series.iter().filter_map(|at| Some((*at as usize, catalogue.series.get(*at as usize)?)));
        let mut keys: Vec<String> = Vec::new();
        for (path, _) in all().flat_map(|(_, series)| &series.key) {
            if !keys.iter().any(|known| **known == **path) {
                keys.push(path.to_string());
            }
        }
        Some(KindProfile {
            messages: self.messages,
            time: self.time.map(|unit| TimeProfile { path: time.to_owned(), unit }),
            keys,
            series: all().filter_map(|(at, series)| Some(profile(series, catalogue.samples.get(at)?))).collect(),
            ignored: self.ignored.clone(),
            ..KindProfile::default()
        })
    }
}

/// What identifies a series.
fn identity(series: &Series) -> String {
    let key = series.key.iter().map(|(path, text)| format!("\n{path}\n{text}"));
    std::iter::once(series.path.to_string()).chain(key).collect()
}

/// A series with what its samples were.
pub(crate) fn profile(series: &Series, samples: &Samples) -> SeriesProfile {
    let finite = |value: f64| value.is_finite().then_some(value);
    SeriesProfile {
        name: series.name.to_string(),
        path: series.path.to_string(),
        key: series.key.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect(),
        kind: series.kind,
        unit: series.unit.as_deref().map(str::to_owned),
        samples: samples.count,
        min: finite(samples.min),
        max: finite(samples.max),
        last: finite(samples.last),
    }
}

/// Far from the receive time the number of digits tells the unit, for the years 2001 to 2286.
fn by_digits(value: Value) -> Option<(TimeUnit, Time)> {
    let unit = match value.as_f64() {
        1e9..1e10 => TimeUnit::Seconds,
        1e12..1e13 => TimeUnit::Millis,
        1e15..1e16 => TimeUnit::Micros,
        1e18..1e19 => TimeUnit::Nanos,
        _ => return None,
    };
    Some((unit, stamp::from_epoch(value, unit)?))
}

impl Sheet<'_> {
    pub(crate) fn point(&mut self, series: u32, time: Option<Time>, value: Value) {
        self.reading.points.push(Point { series, time, value });
    }

    /// The message's time is that of its latest point, if it has none of its own.
    pub(crate) fn time_of_points(&mut self) {
        if self.reading.time.is_none() {
            self.reading.time = self.reading.points.iter().filter_map(|point| point.time).max();
        }
    }
}

/// A segment of a path as it stands in a JSON pointer (RFC 6901).
pub(crate) fn segment(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// The topic of a message, if it has one.
pub(crate) fn topic(message: &Message) -> Option<&str> {
    message.meta.as_ref().and_then(|meta| meta.topic.as_deref())
}

/// A number as a value; what is no number of JSON, but one all the same, as a float.
pub(crate) fn value(text: &[u8]) -> Option<Value> {
    number(text).or_else(|| std::str::from_utf8(text).ok()?.parse().ok().map(Value::F64))
}

/// The kind that a name tells.
pub(crate) fn kind_of(name: &str) -> SeriesKind {
    if hints::is_counter(name) { SeriesKind::Counter } else { SeriesKind::Gauge }
}
