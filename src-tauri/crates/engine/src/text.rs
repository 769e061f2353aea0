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
}
