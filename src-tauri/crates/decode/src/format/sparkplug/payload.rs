//! `org.eclipse.tahu.protobuf.Payload` of Sparkplug 3.0, section 6.4: what of it concerns us.

use feedwatch_model::Value;

use super::protobuf::{Wire, fields};
use crate::format::json::widened;
use crate::json::fault::Fault;

/// Templates inside templates; deeper ones are refused.
const MAX_TEMPLATES: usize = 16;

/// Datatypes of section 6.4.16.
const INT8: u32 = 1;
const INT16: u32 = 2;
const INT32: u32 = 3;
const INT64: u32 = 4;
pub(super) const DATE_TIME: u32 = 13;

/// What stands beside the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Milliseconds since 1970.
    pub(super) timestamp: Option<u64>,
    pub(super) seq: Option<u64>,
    pub(super) metrics: usize,
}

/// One metric.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Metric<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) alias: Option<u64>,
    pub(super) timestamp: Option<u64>,
    pub(super) datatype: Option<u32>,
    pub(super) is_null: bool,
    pub(super) held: Held<'a>,
}

/// The value of a metric as it stands on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Held<'a> {
    #[default]
    Nothing,
    Whole(u64),
    Float(f32),
    Double(f64),
    Bool(bool),
    /// A text, bytes or a data set: not charted.
    Other,
    /// A template, and where it starts.
    Template(&'a [u8], usize),
}

impl Held<'_> {
    /// The value, of a datatype that may be known from the birth. Signed integers stand on the wire as two's complement.
    pub(super) fn value(self, datatype: Option<u32>) -> Option<Value> {
        Some(match self {
            Held::Whole(bits) => match datatype {
                Some(INT8) => Value::I64((bits as u8).cast_signed().into()),
                Some(INT16) => Value::I64((bits as u16).cast_signed().into()),
                Some(INT32) => Value::I64((bits as u32).cast_signed().into()),
                Some(INT64) => Value::I64(bits.cast_signed()),
                Some(DATE_TIME) => return None,
                _ => i64::try_from(bits).map_or(Value::U64(bits), Value::I64),
            },
            Held::Float(value) => Value::F64(widened(value)),
            Held::Double(value) => Value::F64(value),
            Held::Bool(value) => Value::Bool(value),
            Held::Nothing | Held::Other | Held::Template(..) => return None,
        })
    }
}

/// Reads what stands beside the metrics, and that the payload is one.
///
/// # Errors
/// The first byte that does not fit.
pub(super) fn head(payload: &[u8]) -> Result<Head, Fault> {
    let mut head = Head::default();
    fields(payload, 0, |number, wire| {
        match (number, wire) {
            (1, Wire::Varint(value)) => head.timestamp = Some(value),
            (2, Wire::Bytes(..)) => head.metrics += 1,
            (3, Wire::Varint(value)) => head.seq = Some(value),
            (4 | 5, Wire::Bytes(..)) | (6.., _) => {}
            _ => return Err(Fault::at(0, "this is no payload of Sparkplug B")),
        }
        Ok(())
    })?;
    Ok(head)
}

/// Visits the metrics of a payload. The text is the names of the templates they stand in, each with `/` behind it.
///
/// # Errors
/// The first byte that does not fit.
pub(super) fn metrics<'a>(payload: &'a [u8], mut each: impl FnMut(&str, &Metric<'a>)) -> Result<(), Fault> {
    walk(payload, 0, "", 0, &mut each)
}

fn walk<'a>(
    message: &'a [u8],
    base: usize,
    inside: &str,
    depth: usize,
    each: &mut dyn FnMut(&str, &Metric<'a>),
) -> Result<(), Fault> {
    if depth > MAX_TEMPLATES {
        return Err(Fault::at(base, "more than 16 templates inside each other"));
    }
    fields(message, base, |number, wire| {
        // The metrics of a payload and of a template have the same number.
        let Some((bytes, at)) = wire.bytes().filter(|_| number == 2) else { return Ok(()) };
        let metric = metric(bytes, at)?;
        match metric.held {
            Held::Template(template, at) => {
                let inside = format!("{inside}{}/", metric.name.unwrap_or_default());
                walk(template, at, &inside, depth + 1, each)?;
            }
            _ => each(inside, &metric),
        }
        Ok(())
    })
}

fn metric(message: &[u8], base: usize) -> Result<Metric<'_>, Fault> {
    let mut metric = Metric::default();
    fields(message, base, |number, wire| {
        match (number, wire) {
            (1, Wire::Bytes(name, at)) => {
                let name = std::str::from_utf8(name);
                let name = name.map_err(|error| Fault::at(at + error.valid_up_to(), "this is not UTF-8"))?;
                metric.name = Some(name).filter(|name| !name.is_empty());
            }
            (2, _) => metric.alias = wire.varint(),
            (3, _) => metric.timestamp = wire.varint(),
            (4, _) => metric.datatype = wire.varint().and_then(|value| u32::try_from(value).ok()),
            (7, _) => metric.is_null = wire.varint() == Some(1),
            (10 | 11, Wire::Varint(value)) => metric.held = Held::Whole(value),
            (12, Wire::Fixed32(bits)) => metric.held = Held::Float(f32::from_bits(bits)),
            (13, Wire::Fixed64(bits)) => metric.held = Held::Double(f64::from_bits(bits)),
            (14, Wire::Varint(value)) => metric.held = Held::Bool(value != 0),
            (15..=17, Wire::Bytes(..)) => metric.held = Held::Other,
            (18, Wire::Bytes(template, at)) => metric.held = Held::Template(template, at),
            (1 | 10..=18, _) => return Err(Fault::at(base, "a metric has a field of another type")),
            _ => {}
        }
        Ok(())
    })?;
    Ok(metric)
}
