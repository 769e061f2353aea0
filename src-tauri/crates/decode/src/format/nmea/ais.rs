//! What an AIS message says (ITU-R M.1371-5, annex 8): six bits a letter, fields by their places. Names as pyais has them.
//!
//! Not told: spare bits, a repeat indicator of 0, the state of the radio, the binary messages (6, 8, 17, 25, 26) and what manages the link; of these
//! only type and sender. Dates of arrival are one text, and so is the IMO number: it is no measurement.

use super::super::json::Writer;
use super::assembly::{Assembly, Came, part};
use super::sentence::Sentence;
use How::{Flag, Lat, Lon, Name, Tenths, Turn, Unsigned};

/// How bits are to be read; the number in it stands for not available.
#[derive(Clone, Copy, Debug)]
enum How {
    Unsigned(u64),
    Tenths(u64),
    Flag,
    /// Parts of a degree.
    Lat(f64),
    Lon(f64),
    /// Six bits a letter.
    Name,
    /// The rate of turn, in degrees a minute.
    Turn,
}

type Field = (&'static str, u32, u32, How);

/// Every value says something.
const ALL: u64 = u64::MAX;
/// 1/10,000 of a minute.
const FINE: f64 = 600_000.0;
/// 1/10 of a minute.
const COARSE: f64 = 600.0;

const CLASS_A: &[Field] = &[
    ("status", 38, 4, Unsigned(15)),
    ("turn", 42, 8, Turn),
    ("speed", 50, 10, Tenths(1023)),
    ("accuracy", 60, 1, Flag),
    ("lon", 61, 28, Lon(FINE)),
    ("lat", 89, 27, Lat(FINE)),
    ("course", 116, 12, Tenths(3600)),
    ("heading", 128, 9, Unsigned(511)),
    ("second", 137, 6, Unsigned(60)),
    ("maneuver", 143, 2, Unsigned(0)),
    ("raim", 148, 1, Flag),
];
const BASE: &[Field] = &[
    ("accuracy", 78, 1, Flag),
    ("lon", 79, 28, Lon(FINE)),
    ("lat", 107, 27, Lat(FINE)),
    ("epfd", 134, 4, Unsigned(0)),
    ("raim", 148, 1, Flag),
];
const VOYAGE: &[Field] = &[
    ("callsign", 70, 42, Name),
    ("shipname", 112, 120, Name),
    ("ship_type", 232, 8, Unsigned(0)),
    ("to_bow", 240, 9, Unsigned(ALL)),
    ("to_stern", 249, 9, Unsigned(ALL)),
    ("to_port", 258, 6, Unsigned(ALL)),
    ("to_starboard", 264, 6, Unsigned(ALL)),
    ("epfd", 270, 4, Unsigned(0)),
    ("draught", 294, 8, Tenths(0)),
    ("destination", 302, 120, Name),
    ("dte", 422, 1, Flag),
];
const AIRCRAFT: &[Field] = &[
    ("alt", 38, 12, Unsigned(4095)),
    ("speed", 50, 10, Unsigned(1023)),
    ("accuracy", 60, 1, Flag),
    ("lon", 61, 28, Lon(FINE)),
    ("lat", 89, 27, Lat(FINE)),
    ("course", 116, 12, Tenths(3600)),
    ("second", 128, 6, Unsigned(60)),
    ("dte", 142, 1, Flag),
    ("raim", 147, 1, Flag),
];
const CLASS_B: &[Field] = &[
    ("speed", 46, 10, Tenths(1023)),
    ("accuracy", 56, 1, Flag),
    ("lon", 57, 28, Lon(FINE)),
    ("lat", 85, 27, Lat(FINE)),
    ("course", 112, 12, Tenths(3600)),
    ("heading", 124, 9, Unsigned(511)),
    ("second", 133, 6, Unsigned(60)),
    ("raim", 147, 1, Flag),
];
const CLASS_B_LONG: &[Field] = &[
    ("speed", 46, 10, Tenths(1023)),
    ("accuracy", 56, 1, Flag),
    ("lon", 57, 28, Lon(FINE)),
    ("lat", 85, 27, Lat(FINE)),
    ("course", 112, 12, Tenths(3600)),
    ("heading", 124, 9, Unsigned(511)),
    ("second", 133, 6, Unsigned(60)),
    ("shipname", 143, 120, Name),
    ("ship_type", 263, 8, Unsigned(0)),
    ("to_bow", 271, 9, Unsigned(ALL)),
    ("to_stern", 280, 9, Unsigned(ALL)),
    ("to_port", 289, 6, Unsigned(ALL)),
    ("to_starboard", 295, 6, Unsigned(ALL)),
    ("epfd", 301, 4, Unsigned(0)),
    ("raim", 305, 1, Flag),
];
const AID: &[Field] = &[
    ("aid_type", 38, 5, Unsigned(0)),
    ("name", 43, 120, Name),
    ("accuracy", 163, 1, Flag),
    ("lon", 164, 28, Lon(FINE)),
    ("lat", 192, 27, Lat(FINE)),
    ("to_bow", 219, 9, Unsigned(ALL)),
    ("to_stern", 228, 9, Unsigned(ALL)),
    ("to_port", 237, 6, Unsigned(ALL)),
    ("to_starboard", 243, 6, Unsigned(ALL)),
    ("epfd", 249, 4, Unsigned(0)),
    ("second", 253, 6, Unsigned(60)),
    ("off_position", 259, 1, Flag),
    ("raim", 268, 1, Flag),
    ("virtual_aid", 269, 1, Flag),
];
const STATIC_A: &[Field] = &[("shipname", 40, 120, Name)];
const STATIC_B: &[Field] = &[
    ("ship_type", 40, 8, Unsigned(0)),
    ("vendorid", 48, 18, Name),
    ("callsign", 90, 42, Name),
    ("to_bow", 132, 9, Unsigned(ALL)),
    ("to_stern", 141, 9, Unsigned(ALL)),
    ("to_port", 150, 6, Unsigned(ALL)),
    ("to_starboard", 156, 6, Unsigned(ALL)),
];
const LONG_RANGE: &[Field] = &[
    ("accuracy", 38, 1, Flag),
    ("raim", 39, 1, Flag),
    ("status", 40, 4, Unsigned(15)),
    ("lon", 44, 18, Lon(COARSE)),
    ("lat", 62, 17, Lat(COARSE)),
    ("speed", 79, 6, Unsigned(63)),
    ("course", 85, 9, Unsigned(511)),
    ("gnss", 94, 1, Flag),
];

fn table(bits: &Bits<'_>, kind: u64) -> &'static [Field] {
    match kind {
        1..=3 => CLASS_A,
        4 | 11 => BASE,
        5 => VOYAGE,
        9 => AIRCRAFT,
        18 => CLASS_B,
        19 => CLASS_B_LONG,
        21 => AID,
        24 => match bits.unsigned(38, 2) {
            Some(0) => STATIC_A,
            Some(1) => STATIC_B,
            _ => &[],
        },
        27 => LONG_RANGE,
        _ => &[],
    }
}

/// Writes the members of a sentence that carries AIS.
pub(super) fn sentence(sentence: &Sentence<'_>, assembly: &mut Assembly, out: &mut Writer) {
    let channel = sentence.field(3);
    if !channel.is_empty() {
        out.raw(b",\"radio_channel\":");
        out.string(channel);
    }
    part(sentence, out);
    if let Came::Whole(armoured) = assembly.take(sentence) {
        message(&Bits(armoured), out);
    }
}

/// Writes the members of a message; of an empty one nothing.
fn message(bits: &Bits<'_>, out: &mut Writer) {
    let (Some(kind), Some(mmsi)) = (bits.unsigned(0, 6), bits.unsigned(8, 30)) else { return };
    number("msg_type", kind, out);
    if let Some(repeat @ 1..) = bits.unsigned(6, 2) {
        number("repeat", repeat, out);
    }
    number("mmsi", mmsi, out);
    match kind {
        4 | 11 => time(bits, out),
        5 => voyage(bits, out),
        24 => number("partno", bits.unsigned(38, 2).unwrap_or(0), out),
        14 => {
            name_of("text", out);
            text(bits, 40, bits.length().saturating_sub(40), out);
        }
        _ => {}
    }
    for (name, start, length, how) in table(bits, kind) {
        name_of(name, out);
        field(bits, *start, *length, *how, out);
    }
}

fn name_of(name: &str, out: &mut Writer) {
    out.raw(b",\"");
    out.raw(name.as_bytes());
    out.raw(b"\":");
}

fn number(name: &str, value: u64, out: &mut Writer) {
    name_of(name, out);
    out.integer(value.into());
}

fn field(bits: &Bits<'_>, start: u32, length: u32, how: How, out: &mut Writer) {
    if matches!(how, Name) {
        return text(bits, start, length.min(bits.length().saturating_sub(start)), out);
    }
    let Some(value) = bits.unsigned(start, length) else { return out.null() };
    match how {
        Unsigned(nothing) | Tenths(nothing) if value == nothing => out.null(),
        // Behind 360° and behind 59 s stand words about the sensor, not values.
        Unsigned(60) if value > 60 => out.null(),
        Unsigned(511) if value >= 360 => out.null(),
        Tenths(3600) if value > 3600 => out.null(),
        Unsigned(_) => out.integer(value.into()),
        Tenths(_) => out.float(value as f64 / 10.0),
        Flag => out.flag(value != 0),
        Lat(parts) => degrees(signed(value, length), parts, 90.0, out),
        Lon(parts) => degrees(signed(value, length), parts, 180.0, out),
        Turn => turn(signed(value, length), out),
        Name => {}
    }
}

fn signed(value: u64, length: u32) -> i64 {
    let up = 64 - length;
    ((value << up) as i64) >> up
}

/// Six decimals: 0.1 m. Beyond `most` it is not available.
fn degrees(value: i64, parts: f64, most: f64, out: &mut Writer) {
    let degrees = (value as f64 / parts * 1e6).round() / 1e6;
    if degrees.abs() <= most { out.float(degrees) } else { out.null() }
}

/// ±127 and -128 say that there is no indicator.
fn turn(value: i64, out: &mut Writer) {
    let rate = (value as f64 / 4.733).powi(2).round();
    if value.abs() < 127 { out.float(if value < 0 { -rate } else { rate }) } else { out.null() }
}

/// Up to the first `@`, without the blanks at the end.
fn text(bits: &Bits<'_>, start: u32, length: u32, out: &mut Writer) {
    let letter = |at: u32| {
        let six = bits.unsigned(start + at * 6, 6)? as u8;
        Some(if six < 32 { six + 64 } else { six })
    };
    let letters = || (0..length / 6).map_while(letter).take_while(|letter| *letter != b'@');
    let said = letters().enumerate().filter(|(_, letter)| *letter != b' ').last().map_or(0, |(last, _)| last + 1);
    if said == 0 {
        return out.null();
    }
    out.byte(b'"');
    letters().take(said).for_each(|letter| out.escaped(&[letter]));
    out.byte(b'"');
}

fn time(bits: &Bits<'_>, out: &mut Writer) {
    let part = |start, length| bits.unsigned(start, length).unwrap_or(0);
    let (year, month, day) = (part(38, 14), part(52, 4), part(56, 5));
    let (hour, minute, second) = (part(61, 5), part(66, 6), part(72, 6));
    let is_there = (1..=9999).contains(&year) && (1..=12).contains(&month) && day > 0 && hour < 24;
    name_of("time", out);
    if is_there && minute < 60 && second < 60 {
        out.made(format_args!("\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\""));
    } else {
        out.null();
    }
}

fn voyage(bits: &Bits<'_>, out: &mut Writer) {
    let part = |start, length| bits.unsigned(start, length).unwrap_or(0);
    if part(40, 30) > 0 {
        name_of("imo", out);
        out.made(format_args!("\"IMO {}\"", part(40, 30)));
    }
    let (month, day, hour, minute) = (part(274, 4), part(278, 5), part(283, 5), part(288, 6));
    if month > 0 && day > 0 {
        name_of("eta", out);
        out.made(format_args!("\"{month:02}-{day:02} {hour:02}:{minute:02}\""));
    }
}

/// The bits of an armoured payload, six a letter.
struct Bits<'a>(&'a [u8]);

impl Bits<'_> {
    fn length(&self) -> u32 {
        self.0.len() as u32 * 6
    }

    /// `length` bits (at most 58) from `start` on; `None` where they are not all there.
    fn unsigned(&self, start: u32, length: u32) -> Option<u64> {
        let end = start + length;
        let letters = self.0.get((start / 6) as usize..end.div_ceil(6) as usize)?;
        let mut value: u128 = 0;
        for letter in letters {
            value = value << 6 | u128::from(six(*letter)?);
        }
        let behind = end.div_ceil(6) * 6 - end;
        Some((value >> behind) as u64 & ((1 << length) - 1))
    }
}

fn six(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'W' => Some(letter - b'0'),
        b'`'..=b'w' => Some(letter - b'`' + 40),
        _ => None,
    }
}
