//! The fields of the usual sentences of NMEA 0183, by their numbers.

use super::super::json::Writer;
use super::sentence::Sentence;
use How::{Day, Lat, Lon, Number, Side, Text, Utc};

/// How a field is to be read.
#[derive(Clone, Copy, Debug)]
enum How {
    Number,
    /// A number whose sign is told by the letter behind it: west and south are below 0.
    Side,
    Text,
    /// Degrees and minutes, the hemisphere behind them.
    Lat,
    Lon,
    /// `hhmmss.sss`; with the date in field N of the sentence.
    Utc(Option<usize>),
    /// Day, month and year in three fields, the time before them.
    Day,
}

type Field = (usize, &'static str, How);

/// Fields of a sentence whose type is known.
const MAX_FIELDS: usize = 64;

#[rustfmt::skip]
const KINDS: &[(&[u8], &[Field])] = &[
    (b"GGA", &[(0, "utc", Utc(None)), (1, "lat", Lat), (3, "lon", Lon), (5, "quality", Number), (6, "satellites", Number), (7, "hdop", Number),
        (8, "altitude_m", Number), (10, "geoid_m", Number), (12, "dgps_age_s", Number), (13, "dgps_station", Text)]),
    (b"RMC", &[(0, "time", Utc(Some(8))), (1, "status", Text), (2, "lat", Lat), (4, "lon", Lon), (6, "speed", Number), (7, "course", Number),
        (9, "variation", Side), (11, "mode", Text)]),
    (b"VTG", &[(0, "course", Number), (2, "course_magnetic", Number), (4, "speed", Number), (6, "speed_kmh", Number), (8, "mode", Text)]),
    (b"GLL", &[(0, "lat", Lat), (2, "lon", Lon), (4, "utc", Utc(None)), (5, "status", Text), (6, "mode", Text)]),
    (b"GNS", &[(0, "utc", Utc(None)), (1, "lat", Lat), (3, "lon", Lon), (5, "mode", Text), (6, "satellites", Number), (7, "hdop", Number),
        (8, "altitude_m", Number), (9, "geoid_m", Number), (10, "dgps_age_s", Number), (11, "dgps_station", Text)]),
    (b"GSA", &[(0, "selection", Text), (1, "fix", Number), (14, "pdop", Number), (15, "hdop", Number), (16, "vdop", Number)]),
    (b"GST", &[(0, "utc", Utc(None)), (1, "rms", Number), (5, "lat_error_m", Number), (6, "lon_error_m", Number), (7, "altitude_error_m", Number)]),
    (b"GSV", &[(2, "satellites", Number)]),
    (b"ZDA", &[(0, "time", Day)]),
    (b"HDT", &[(0, "heading", Number)]),
    (b"THS", &[(0, "heading", Number), (1, "mode", Text)]),
    (b"HDM", &[(0, "heading_magnetic", Number)]),
    (b"HDG", &[(0, "heading_magnetic", Number), (1, "deviation", Side), (3, "variation", Side)]),
    (b"ROT", &[(0, "turn", Number), (1, "status", Text)]),
    (b"RSA", &[(0, "rudder", Number), (1, "status", Text), (2, "rudder_port", Number), (3, "status_port", Text)]),
    (b"RPM", &[(0, "source", Text), (1, "shaft", Text), (2, "rpm", Number), (3, "pitch", Number), (4, "status", Text)]),
    (b"MWV", &[(0, "wind_angle", Number), (1, "reference", Text), (2, "wind_speed", Number), (3, "unit", Text), (4, "status", Text)]),
    (b"MWD", &[(0, "wind_direction", Number), (2, "wind_direction_magnetic", Number), (4, "wind_speed_knots", Number), (6, "wind_speed", Number)]),
    (b"VWR", &[(0, "wind_angle", Number), (1, "side", Text), (2, "wind_speed_knots", Number), (4, "wind_speed", Number)]),
    (b"VHW", &[(0, "heading", Number), (2, "heading_magnetic", Number), (4, "speed", Number), (6, "speed_kmh", Number)]),
    (b"VLW", &[(0, "distance_total", Number), (2, "distance", Number)]),
    (b"DBT", &[(0, "depth_feet", Number), (2, "depth_m", Number), (4, "depth_fathoms", Number)]),
    (b"DBS", &[(0, "depth_feet", Number), (2, "depth_m", Number), (4, "depth_fathoms", Number)]),
    (b"DBK", &[(0, "depth_feet", Number), (2, "depth_m", Number), (4, "depth_fathoms", Number)]),
    (b"DPT", &[(0, "depth_m", Number), (1, "offset_m", Number), (2, "range_m", Number)]),
    (b"MTW", &[(0, "water_temperature_celsius", Number)]),
    (b"MTA", &[(0, "air_temperature_celsius", Number)]),
    (b"MMB", &[(0, "pressure_inches", Number), (2, "pressure_bar", Number)]),
    (b"XTE", &[(0, "status", Text), (2, "cross_track", Number), (3, "steer", Text), (4, "unit", Text)]),
    (b"XDR", &[]),
    (b"TXT", &[(3, "text", Text)]),
];

fn known(kind: &[u8]) -> Option<&'static [Field]> {
    KINDS.iter().find(|(name, _)| *name == kind).map(|(_, fields)| *fields)
}

/// Whether it is a type whose fields have names here.
pub(super) fn is_known(kind: &[u8]) -> bool {
    known(kind).is_some() || kind == b"VDM" || kind == b"VDO"
}

/// Writes the members of a sentence.
pub(super) fn sentence(sentence: &Sentence<'_>, out: &mut Writer) {
    let Some(named) = known(sentence.kind) else { return all(sentence, out) };
    let mut fields = [&[][..]; MAX_FIELDS];
    let mut count = 0;
    for (place, field) in fields.iter_mut().zip(sentence.fields()) {
        *place = field;
        count += 1;
    }
    let there = fields.get(..count).unwrap_or_default();
    let field = |at: usize| there.get(at).copied().unwrap_or_default();
    for (at, name, how) in named {
        let (text, side) = (field(*at), field(at + 1));
        member(name, out);
        match how {
            Number => number(text, false, out),
            Side => number(text, matches!(side, b"W" | b"S"), out),
            Text if text.is_empty() => out.null(),
            Text => out.string(text),
            Lat => degrees(text, side, 90.0, out),
            Lon => degrees(text, side, 180.0, out),
            Utc(None) => utc(text, out),
            Utc(Some(date)) => time(text, date_of(field(*date)), out),
            Day => time(text, day(field(at + 1), field(at + 2), field(at + 3)), out),
        }
    }
    match sentence.kind {
        b"GSV" => {
            groups(there, "view", 3, &[("prn", true), ("elevation", false), ("azimuth", false), ("snr", false)], out)
        }
        b"XDR" => {
            groups(there, "transducers", 0, &[("type", true), ("value", false), ("unit", true), ("name", true)], out)
        }
        _ => {}
    }
}

/// What a tag block says: when and by whom the sentence was received.
pub(super) fn tag(tag: &[u8], out: &mut Writer) {
    let said = memchr::memchr(b'*', tag).and_then(|end| tag.get(..end)).unwrap_or(tag);
    for part in said.split(|byte| *byte == b',') {
        match part {
            [b'c', b':', time @ ..] if is_number(time) => {
                member("tag_time", out);
                number(time, false, out);
            }
            [b's', b':', source @ ..] if !source.is_empty() => {
                member("tag_source", out);
                out.string(source);
            }
            _ => {}
        }
    }
}

fn member(name: &str, out: &mut Writer) {
    out.raw(b",\"");
    out.raw(name.as_bytes());
    out.raw(b"\":");
}

/// The fields of an unknown type, in their order.
fn all(sentence: &Sentence<'_>, out: &mut Writer) {
    member("fields", out);
    out.byte(b'[');
    for (at, field) in sentence.fields().enumerate() {
        if at > 0 {
            out.byte(b',');
        }
        match field {
            [] => out.null(),
            // A leading zero is that of an id here.
            [b'0', b'0'..=b'9', ..] => out.string(field),
            _ => number(field, false, out),
        }
    }
    out.byte(b']');
}

/// Fields that come again and again from `first` on, as an array of objects; `true`: a text.
fn groups(fields: &[&[u8]], name: &str, first: usize, parts: &[(&str, bool)], out: &mut Writer) {
    member(name, out);
    out.byte(b'[');
    let mut at = first;
    while at + parts.len() <= fields.len() {
        out.byte(if at == first { b'{' } else { b',' });
        if at > first {
            out.byte(b'{');
        }
        for (offset, (name, is_text)) in parts.iter().enumerate() {
            if offset > 0 {
                out.byte(b',');
            }
            out.string(name.as_bytes());
            out.byte(b':');
            let field = fields.get(at + offset).copied().unwrap_or_default();
            if *is_text { out.string(field) } else { number(field, false, out) }
        }
        out.byte(b'}');
        at += parts.len();
    }
    out.byte(b']');
}

fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let points = digits.iter().filter(|byte| **byte == b'.').count();
    let plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    plain && points <= 1 && digits.len() > points && digits.len() <= 32
}

/// A number without the sign, zeros and point that JSON does not have; what is none, as a text.
fn number(text: &[u8], below: bool, out: &mut Writer) {
    if text.is_empty() {
        return out.null();
    }
    if !is_number(text) {
        return out.string(text);
    }
    let negative = text.starts_with(b"-") != below;
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let point = memchr::memchr(b'.', digits).unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(point);
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let whole = whole.get(zeros..).filter(|whole| !whole.is_empty()).unwrap_or(b"0");
    if negative {
        out.byte(b'-');
    }
    out.raw(whole);
    if fraction.len() > 1 {
        out.raw(fraction);
    }
}

/// `ddmm.mmmm`, to 1e-8 of a degree.
fn degrees(text: &[u8], side: &[u8], most: f64, out: &mut Writer) {
    let value = std::str::from_utf8(text).ok().filter(|_| is_number(text)).and_then(|text| text.parse::<f64>().ok());
    let Some(value) = value else { return out.null() };
    let whole = (value / 100.0).trunc();
    let degrees = whole + (value - whole * 100.0) / 60.0;
    let degrees = if matches!(side, b"S" | b"W") { -degrees } else { degrees };
    let rounded = (degrees * 1e8).round() / 1e8;
    if rounded.abs() <= most { out.float(rounded) } else { out.null() }
}

/// `hhmmss.sss` taken apart.
fn clock(text: &[u8]) -> Option<[&[u8]; 4]> {
    let (hour, minute, second) = (text.get(..2)?, text.get(2..4)?, text.get(4..6)?);
    let rest = text.get(6..)?;
    let fraction = if matches!(rest, [] | [b'.']) { &[] } else { rest };
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let fits = digits(hour) && digits(minute) && digits(second) && fraction.len() <= 10;
    let fraction_fits = fraction.strip_prefix(b".").is_some_and(digits) || fraction.is_empty();
    (fits && fraction_fits).then_some([hour, minute, second, fraction])
}

fn write_clock([hour, minute, second, fraction]: [&[u8]; 4], out: &mut Writer) {
    out.raw(hour);
    out.byte(b':');
    out.raw(minute);
    out.byte(b':');
    out.raw(second);
    out.raw(fraction);
}

fn utc(text: &[u8], out: &mut Writer) {
    let Some(clock) = clock(text) else { return out.null() };
    out.byte(b'"');
    write_clock(clock, out);
    out.byte(b'"');
}

/// Year, month and day of `ddmmyy`.
fn date_of(text: &[u8]) -> Option<[[u8; 2]; 4]> {
    let &[d1, d2, m1, m2, y1, y2] = text else { return None };
    let is_date = text.iter().all(u8::is_ascii_digit);
    // GPS began in 1980.
    let century = if y1 >= b'8' { *b"19" } else { *b"20" };
    is_date.then_some([century, [y1, y2], [m1, m2], [d1, d2]])
}

/// The same of three fields behind the time.
fn day(day: &[u8], month: &[u8], year: &[u8]) -> Option<[[u8; 2]; 4]> {
    let (&[d1, d2], &[m1, m2], &[c1, c2, y1, y2]) = (day, month, year) else { return None };
    let is_date = [day, month, year].iter().all(|part| part.iter().all(u8::is_ascii_digit));
    is_date.then_some([[c1, c2], [y1, y2], [m1, m2], [d1, d2]])
}

fn time(text: &[u8], date: Option<[[u8; 2]; 4]>, out: &mut Writer) {
    let (Some(clock), Some([century, year, month, day])) = (clock(text), date) else { return out.null() };
    out.byte(b'"');
    out.raw(&century);
    out.raw(&year);
    out.byte(b'-');
    out.raw(&month);
    out.byte(b'-');
    out.raw(&day);
    out.byte(b'T');
    write_clock(clock, out);
    out.raw(b"Z\"");
}
