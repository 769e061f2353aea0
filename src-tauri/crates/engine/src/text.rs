//! Numbers and spans of time as an operator would say them.

/// A span: `0.3 s`, `48 s`, `6 min`, `2.5 h`, `3 days`.
pub(crate) fn seconds(secs: f64) -> String {
    let secs = secs.max(0.0);
    match secs {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 5_970.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// An integer with thousands set apart: `12,480`.
pub(crate) fn count_of(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 message`, `12,480 messages`.
pub fn many(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", count_of(count), if count == 1 { "" } else { "s" })
}

/// Bytes: `412 kB`, `1.9 MB`.
pub(crate) fn bytes(count: f64) -> String {
    match count {
        count if count < 999.5 => format!("{count:.0} B"),
        count if count < 99_950.0 => format!("{:.1} kB", count / 1e3),
        count if count < 999_500.0 => format!("{:.0} kB", count / 1e3),
        count if count < 99_950_000.0 => format!("{:.1} MB", count / 1e6),
        count if count < 999_500_000.0 => format!("{:.0} MB", count / 1e6),
        count => format!("{:.1} GB", count / 1e9),
    }
}

/// What came over the wire and what was in it, `per` nothing or `/s`:
/// `412 kB/s on the wire, 1.9 MB/s of payload: 78 % saved by compression`.
pub fn traffic(wire: Option<f64>, payload: f64, per: &str) -> String {
    let of_payload = format!("{}{per} of payload", bytes(payload));
    let Some(wire) = wire else { return of_payload };
    let saved = if payload > 0.0 { ((1.0 - wire / payload) * 100.0).round() } else { 0.0 };
    let saved = if saved >= 1.0 { format!(": {saved:.0} % saved by compression") } else { String::new() };
    format!("{}{per} on the wire, {of_payload}{saved}", bytes(wire))
}

/// A value to about a tenth of `scale`, thousands set apart: `6.3`, `3,932`.
pub(crate) fn about(value: f64, scale: f64) -> String {
    let (size, scale) = (value.abs(), scale.abs());
    if !value.is_finite() || size >= 1e15 || (size != 0.0 && size < 1e-4) {
        return format!("{value:.2e}");
    }
    let decimals = if scale > 0.0 { (1.0 - scale.log10().floor()).clamp(0.0, 9.0) as usize } else { 2 };
    let text = format!("{size:.decimals$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count_of);
    let sign = if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let said: Vec<String> = [0.25, 48.0, 360.0, 9_000.0, 259_200.0].into_iter().map(seconds).collect();
        assert_eq!(said, ["0.2 s", "48 s", "6 min", "2.5 h", "3 days"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count_of), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn traffic_tells_what_compression_saves_where_it_saves_anything() {
        assert_eq!(
            traffic(Some(412_000.0), 1_900_000.0, "/s"),
            "412 kB/s on the wire, 1.9 MB/s of payload: 78 % saved by compression"
        );
        assert_eq!(traffic(Some(1_040.0), 1_000.0, ""), "1.0 kB on the wire, 1.0 kB of payload");
        assert_eq!(traffic(None, 12.0, "/s"), "12 B/s of payload");
        assert_eq!(traffic(Some(20.0), 0.0, "/s"), "20 B/s on the wire, 0 B/s of payload");
    }

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!([0, 1, 2_000].map(|count| many(count, "row")), ["0 rows", "1 row", "2,000 rows"]);
    }

    #[test]
    fn a_level_has_the_digits_that_its_move_is_worth() {
        let said: Vec<String> = [(6.312, 1.9), (3_931.84, 20.0), (-0.04, 5.0), (f64::NAN, 1.0), (12.0, 0.0)]
            .map(|(value, scale)| about(value, scale))
            .to_vec();
        assert_eq!(said, ["6.3", "3,932", "0", "NaN", "12"]);
    }
}
