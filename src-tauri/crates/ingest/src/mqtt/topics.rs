//! Topic filters (sections 4.7 and 4.8.2).

/// The longest topic or filter, in bytes.
const LONGEST: usize = 65_535;

/// What is wrong with a topic filter, if anything.
///
/// ```
/// use feedwatch_ingest::wrong_mqtt_filter;
///
/// assert_eq!(wrong_mqtt_filter("plant/+/temp/#"), None);
/// assert_eq!(wrong_mqtt_filter("$share/consoles/plant/#"), None);
/// assert_eq!(wrong_mqtt_filter("plant/#/temp"), Some("has a # that is not its last level"));
/// ```
pub fn wrong_filter(filter: &str) -> Option<&'static str> {
    if filter.len() > LONGEST {
        return Some("is longer than 65535 bytes");
    }
    if filter.contains(|letter: char| letter.is_control() || ('\u{FDD0}'..='\u{FDEF}').contains(&letter)) {
        return Some("has a character that no topic may have");
    }
    let filter = match shared(filter) {
        None => filter,
        Some((group, filter)) => {
            if group.is_empty() || group.contains(['+', '#']) || filter.is_empty() {
                return Some("is no shared subscription: it is written $share/group/filter");
            }
            filter
        }
    };
    if filter.is_empty() {
        return Some("is empty");
    }
    let levels: Vec<&str> = filter.split('/').collect();
    let last = levels.len() - 1;
    levels.iter().enumerate().find_map(|(at, level)| match *level {
        "#" if at != last => Some("has a # that is not its last level"),
        "#" | "+" => None,
        level if level.contains('#') => Some("has a # that is no level of its own"),
        level if level.contains('+') => Some("has a + that is no level of its own"),
        _ => None,
    })
}

/// Group and filter of a shared subscription.
fn shared(filter: &str) -> Option<(&str, &str)> {
    let rest = filter.strip_prefix("$share/")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Is it shared with others?
pub(super) fn is_shared(filter: &str) -> bool {
    shared(filter).is_some()
}

/// The filter without the group with which it is shared.
pub(super) fn plain_filter(filter: &str) -> &str {
    shared(filter).map_or(filter, |(_, filter)| filter)
}

/// Does it stand for more than one topic?
pub(super) fn has_wildcard(filter: &str) -> bool {
    plain_filter(filter).split('/').any(|level| matches!(level, "+" | "#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_whole_levels_and_a_hash_is_the_last() {
        for filter in ["a", "a/b", "+", "#", "+/a/#", "/", "a//b", "$SYS/#", "$share/g/+/x", "ä/°C", "$share-not"] {
            assert_eq!(wrong_filter(filter), None, "{filter}");
        }
        for filter in
            ["", "a#", "a/b#", "#/a", "a+/b", "a/+b", "$share/", "$share/g", "$share/g/", "$share/+/a", "a\0b"]
        {
            assert!(wrong_filter(filter).is_some(), "{filter}");
        }
        assert!(wrong_filter(&"a".repeat(65_536)).is_some());
    }

    #[test]
    fn a_shared_filter_is_known_with_and_without_its_group() {
        assert_eq!(plain_filter("$share/g/plant/#"), "plant/#");
        assert!(is_shared("$share/g/plant") && !is_shared("share/g/plant"));
        assert!(has_wildcard("$share/g/plant/#") && has_wildcard("+") && !has_wildcard("$share/g/plant"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = (wrong_filter(&text), has_wildcard(&text));
        }
    }
}
