//! Values and words as SQLite keeps them, and back: exact to the bit, whatever the type.

use feedwatch_codec::{Kind, Row as Packed};
use feedwatch_model::{Protocol, Quality, Sample, SeriesId, Severity, Time, Value};
use rusqlite::types::{FromSqlError, Type, ValueRef};
use rusqlite::{Error, Row};

/// A value as two columns: its kind, and what stands in `value`. SQLite turns a NaN into NULL, so reals that are not
/// finite are kept as their bits.
pub(crate) fn to_columns(value: Value) -> (i64, rusqlite::types::Value) {
    use rusqlite::types::Value::{Integer, Real};
    match value {
        Value::F64(real) if real.is_finite() => (0, Real(real)),
        Value::I64(integer) => (1, Integer(integer)),
        Value::U64(integer) => (2, Integer(integer.cast_signed())),
        Value::Bool(yes) => (3, Integer(i64::from(yes))),
        Value::F64(real) => (4, Integer(real.to_bits().cast_signed())),
    }
}

/// Back from [`to_columns`].
pub(crate) fn from_columns(kind: i64, value: ValueRef<'_>) -> Result<Value, Error> {
    let unfit = || Error::FromSqlConversionFailure(0, value.data_type(), "a value unlike its kind".into());
    match (kind, value) {
        (0, ValueRef::Real(real)) => Ok(Value::F64(real)),
        (1, ValueRef::Integer(integer)) => Ok(Value::I64(integer)),
        (2, ValueRef::Integer(bits)) => Ok(Value::U64(bits.cast_unsigned())),
        (3, ValueRef::Integer(yes)) => Ok(Value::Bool(yes != 0)),
        (4, ValueRef::Integer(bits)) => Ok(Value::F64(f64::from_bits(bits.cast_unsigned()))),
        _ => Err(unfit()),
    }
}

/// A sample as a row of a packed chunk.
pub(crate) fn packed(sample: &Sample) -> Packed {
    let (kind, bits) = match sample.value {
        Value::F64(real) => (Kind::F64, real.to_bits()),
        Value::I64(integer) => (Kind::I64, integer.cast_unsigned()),
        Value::U64(integer) => (Kind::U64, integer),
        Value::Bool(yes) => (Kind::Bool, u64::from(yes)),
    };
    Packed { at: sample.at.nanos(), received: sample.received.nanos(), kind, bits, quality: sample.quality as u8 }
}

/// Back from [`packed`].
pub(crate) fn unpacked(series: SeriesId, row: Packed) -> Sample {
    Sample {
        series,
        at: Time::from_nanos(row.at),
        received: Time::from_nanos(row.received),
        value: match row.kind {
            Kind::F64 => Value::F64(f64::from_bits(row.bits)),
            Kind::I64 => Value::I64(row.bits.cast_signed()),
            Kind::U64 => Value::U64(row.bits),
            Kind::Bool => Value::Bool(row.bits != 0),
        },
        quality: Quality::from_code(row.quality),
    }
}

/// Reads a word with `parse`; a word nobody knows is damage.
pub(crate) fn word<T>(row: &Row<'_>, index: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    let text = row.get_ref(index)?.as_str().map_err(|error| unfit(index, error))?;
    parse(text).ok_or_else(|| {
        Error::FromSqlConversionFailure(index, Type::Text, format!("the word {text:?} is not known").into())
    })
}

/// Reads JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T, Error> {
    let text = row.get_ref(index)?.as_str().map_err(|error| unfit(index, error))?;
    serde_json::from_str(text).map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, error.into()))
}

/// Writes JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::ToSqlConversionFailure(error.into()))
}

fn unfit(index: usize, error: FromSqlError) -> Error {
    Error::FromSqlConversionFailure(index, Type::Text, error.into())
}

/// An unsigned number that may exceed SQLite's integers.
pub(crate) fn unsigned(row: &Row<'_>, index: usize) -> Result<Option<u64>, Error> {
    Ok(row.get::<_, Option<i64>>(index)?.map(i64::cast_unsigned))
}

/// The word of a severity.
pub(crate) const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// Back from [`severity_word`].
pub(crate) fn severity(word: &str) -> Option<Severity> {
    [Severity::Info, Severity::Warning, Severity::Critical].into_iter().find(|one| severity_word(*one) == word)
}

/// Back from [`Protocol::word`].
pub(crate) fn protocol(word: &str) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(|one| one.word() == word)
}
