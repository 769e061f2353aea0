//! What the numbers in a reading stand for. All lists only ever grow.

use std::sync::Arc;

use feedwatch_model::{FieldType, Reading, SequenceRule, SeriesKind, Value};

/// What a decoder has found so far: [`feedwatch_model::Point::series`], [`feedwatch_model::SequenceMark::rule`] and
/// [`feedwatch_model::SequenceMark::scope`], [`feedwatch_model::Guard::rule`] and [`Reading::shape`] are indices into
/// these lists.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What is charted.
    pub series: Vec<Series>,
    /// What kinds of message are called, by the numbers in [`Reading::kind`]; empty where the feed has one kind.
    pub kinds: Vec<Arc<str>>,
    /// How messages are numbered.
    pub rules: Vec<Rule>,
    /// What the numbers belong to.
    pub scopes: Vec<Scope>,
    /// Checksums and signatures.
    pub guards: Vec<GuardRule>,
    /// Fields that messages have, by the numbers in [`Shape::fields`].
    pub fields: Vec<Arc<str>>,
    /// Which fields messages have.
    pub shapes: Vec<Shape>,
    /// Values whose series would be more than allowed; they are in no reading.
    pub beyond_limit: u64,
    /// Leaves without a path of their own, since there are more paths than allowed.
    pub beyond_paths: u64,
    pub(crate) samples: Vec<Samples>,
}

impl Catalogue {
    pub(crate) fn summarise(&mut self, reading: &Reading) {
        for point in &reading.points {
            if let Some(samples) = self.samples.get_mut(point.series as usize) {
                samples.add(point.value);
            }
        }
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// For people, unique in the feed: `BTC-USD.price`.
    pub name: Arc<str>,
    /// Where its values stand: a JSON pointer with `*` for any array element.
    pub path: Arc<str>,
    /// Path of each key, and its text for this series.
    pub key: Vec<(Arc<str>, Arc<str>)>,
    /// Where the name says it.
    pub unit: Option<Arc<str>>,
    /// What sort it is.
    pub kind: SeriesKind,
}

/// What a sequence number belongs to: a product, a topic, or (with no `per`) the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Index into [`Catalogue::rules`].
    pub rule: u32,
    /// Path and text of what scopes it.
    pub per: Vec<(Arc<str>, Arc<str>)>,
}

/// How messages are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where the numbers stand.
    pub paths: Vec<Arc<str>>,
    /// How they follow each other.
    pub rule: SequenceRule,
    /// Of [`SequenceRule::PlusOneModulo`]: so many numbers there are. It may become known after the first of them came.
    /// Marks go on counting beyond it: what the message says is the rest.
    pub modulus: Option<u64>,
}

/// A checksum or a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardRule {
    /// Where it stands.
    pub path: Arc<str>,
    /// How it is computed: `crc32-book`, `nmea-xor`, `hmac-sha256`, …
    pub rule: Arc<str>,
    /// Whether it proves who wrote the message, not only that it is undamaged.
    pub is_signature: bool,
}

/// Which fields a message has, and what stands there. Messages of one shape differ in their values only (and in how many
/// elements their arrays have).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The kind of message: index into the kinds.
    pub kind: u32,
    /// Indices into [`Catalogue::fields`], ascending, with what stands there; each once.
    pub fields: Box<[(u32, FieldType)]>,
}

/// What the samples of a series were; before the first finite one `min` is above `max`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples {
    pub(crate) count: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: f64,
}

impl Default for Samples {
    fn default() -> Samples {
        Samples { count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, last: f64::NAN }
    }
}

impl Samples {
    #[inline]
    pub(crate) fn add(&mut self, value: Value) {
        self.count += 1;
        let value = value.as_f64();
        if value.is_finite() {
            if value < self.min {
                self.min = value;
            }
            if value > self.max {
                self.max = value;
            }
            self.last = value;
        }
    }
}
