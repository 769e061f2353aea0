//! Subjects and names of NATS (<https://docs.nats.io/nats-concepts/subjects>). Pure.

/// Bytes of a subject or a name. Servers read lines of 4,096 bytes.
const LONGEST: usize = 255;

/// Why this can be no subject.
pub(super) fn wrong(subject: &str) -> Option<&'static str> {
    let mut words = subject.split('.').peekable();
    if subject.is_empty() {
        return Some("is empty");
    }
    if subject.len() > LONGEST {
        return Some("is longer than 255 bytes");
    }
    if subject.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Some("has a space in it");
    }
    while let Some(word) = words.next() {
        match word {
            "" => return Some("has a dot too many"),
            ">" if words.peek().is_some() => return Some("has more behind >, which stands for all that follows"),
            "*" | ">" => {}
            word if word.contains(['*', '>']) => return Some("has * or > within a word: they stand for whole words"),
            _ => {}
        }
    }
    None
}

/// Is there a message that both get?
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

/// The first that is wrong, and why.
pub(super) fn first_wrong(subjects: &[String]) -> Option<(&str, String)> {
    subjects.iter().enumerate().find_map(|(at, subject)| {
        let twice = subjects.iter().take(at).find(|other| overlap(other, subject));
        let twice = twice.map(|other| format!("overlaps with {other:?}: messages would come twice"));
        wrong(subject).map(str::to_owned).or(twice).map(|wrong| (subject.as_str(), wrong))
    })
}

/// Can a stream, a consumer or a queue group be named so?
pub(super) fn is_name(name: &str) -> bool {
    let no = |letter: char| letter.is_whitespace() || letter.is_control() || ".*>/\\".contains(letter);
    !name.is_empty() && name.len() <= LONGEST && !name.chars().any(no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_words_with_dots_between() {
        for subject in ["a", "a.b", "a.*", "*.b", "a.>", ">", "*", "$JS.x", "ä.1"] {
            assert_eq!(wrong(subject), None, "{subject}");
        }
        for subject in ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB", "a.>.b", "a*", "a.b>", &"x".repeat(256)] {
            assert!(wrong(subject).is_some(), "{subject}");
        }
    }

    #[test]
    fn subjects_that_share_a_message_are_known() {
        for (one, other) in
            [("a", "a"), ("a.>", "a.b"), ("a.*", "*.b"), (">", "x.y"), ("a.*.c", "a.b.>"), ("*.*", "a.>")]
        {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("a.>", "a"), ("a.*", "a"), ("a.*", "b.*"), ("a.b", "a.b.c"), ("*.a", "*.b")] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_name_is_one_word() {
        assert!(is_name("ORDERS") && is_name("feedwatch-a=b_1") && !is_name("a.b") && !is_name("") && !is_name("a b"));
        assert!(!is_name("a*") && !is_name("a/b") && !is_name(&"x".repeat(256)));
    }
}
