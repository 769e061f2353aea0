//! The sentences of the integrity checks.

use std::sync::Arc;

/// `1,234,567`: for counts. Sequence numbers are names and stay as they are.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `2,000 messages`.
pub(super) fn messages(number: u64) -> String {
    if number == 1 { "1 message".to_owned() } else { format!("{} messages", count(number)) }
}

/// `17`, `17 to 19`.
pub(super) fn range(from: u64, to: u64) -> String {
    if from == to { from.to_string() } else { format!("{from} to {to}") }
}

/// `0.25 s`, `12 s`, `3 min`, `2 h`, `5 days`: two digits are enough for people.
pub(crate) fn span(secs: f64) -> String {
    let (value, unit) = match secs {
        s if s < 90.0 => (s, "s"),
        s if s < 5_400.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "days"),
    };
    if value < 0.001 {
        "less than 1 ms".to_owned()
    } else if value < 0.095 {
        format!("{:.0} ms", value * 1e3)
    } else if value < 9.95 {
        let text = format!("{value:.1}");
        format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
    } else {
        format!("{value:.0} {unit}")
    }
}

/// What the numbers belong to: the texts of the scope (`BTC-USD`), or nothing for the whole connection.
pub(super) fn label(per: &[(Arc<str>, Arc<str>)]) -> String {
    let mut text = String::new();
    for (_, name) in per {
        if !text.is_empty() {
            text.push(' ');
        }
        // A feed names its scopes; a hostile name must not fill the journal.
        text.extend(name.chars().take(80));
    }
    text
}

/// ` of BTC-USD`, or nothing.
pub(super) fn of(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(" of {label}") }
}

/// So many names stand in a sentence, the rest is counted.
const NAMED: usize = 5;

/// `/a`, `/a and /b`, `/a, /b, /c, /d, /e and 3 more`.
pub(super) fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let all = names.len();
    let mut names: Vec<String> = names.take(NAMED).collect();
    let last = if all > NAMED { Some(format!("{} more", count((all - NAMED) as u64))) } else { names.pop() };
    match (names.is_empty(), last) {
        (true, last) => last.unwrap_or_default(),
        (false, last) => format!("{} and {}", names.join(", "), last.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_spans_are_short() {
        assert_eq!(count(1), "1");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(
            [0.0001, 0.02, 0.1, 2.44, 48.0, 120.0, 7_200.0, 400_000.0].map(span),
            ["less than 1 ms", "20 ms", "0.1 s", "2.4 s", "48 s", "2 min", "2 h", "4.6 days"]
        );
    }
}
