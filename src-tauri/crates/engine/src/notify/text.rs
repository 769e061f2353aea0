//! Texts of feeds made fit for the desktop.

use crate::config::is_unprintable;

/// The longest headline, in characters.
pub(super) const LONGEST_SUMMARY: usize = 120;
/// The longest body, in characters.
pub(super) const LONGEST_BODY: usize = 400;

/// One line without control characters, of at most `longest` characters.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    // White space of any sort first, so that words stay apart; twice the length is enough to fill the line.
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        for character in (count > 0).then_some(' ').into_iter().chain(word.chars().filter(|&c| !is_unprintable(c))) {
            if count == longest {
                line.pop();
                line.push('…');
                return line;
            }
            line.push(character);
            count += 1;
        }
    }
    line
}

/// Escapes what a notification service may take for markup: the specification allows a subset of HTML in bodies.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hostile_text_becomes_one_plain_line() {
        assert_eq!(one_line("a\n\tb\u{1b}[2J \u{202E}c", 50), "a b[2J c");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=\"x\"&gt;&amp;");
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_or_has_control_characters(text: String, longest in 1usize..50) {
            let line = one_line(&text, longest);
            prop_assert!(line.chars().count() <= longest);
            prop_assert!(!line.chars().any(is_unprintable));
        }
    }
}
