//! What happens, in one line each, for people.

use std::collections::{HashMap, HashSet};

use feedwatch_model::GapCause;
use serde_json::Value;

/// Makes lines for people out of those for scripts.
#[derive(Debug, Default)]
pub struct People {
    /// Alarms that hold.
    holding: HashSet<u64>,
    /// The begin of the last gap told, by feed and cause: a gap that grows is told once.
    told: HashMap<(String, String), String>,
}

impl People {
    /// A line of `--follow` for people; nothing for what they need not be told.
    pub fn line(&mut self, told: &Value) -> Option<String> {
        match text(told, "type") {
            "finding" => Some(finding(told)),
            "alarm" => self.alarm(told),
            "gap" => self.gap(told),
            _ => None,
        }
    }

    /// Raised or cleared; that it was seen by a person or holds one more finding is nothing new here.
    fn alarm(&mut self, told: &Value) -> Option<String> {
        let id = told["id"].as_u64()?;
        let holds = matches!(text(told, "state"), "unacknowledged" | "acknowledged");
        let (at, word) = match (holds, told["cleared"].is_null()) {
            (true, _) => ("raised", "alarm"),
            (false, true) => return None,
            (false, false) => ("cleared", "cleared"),
        };
        let news = if holds { self.holding.insert(id) } else { self.holding.remove(&id) };
        news.then(|| line(text(told, at), word, told, &format!("{} ({})", text(told, "title"), text(told, "severity"))))
    }

    fn gap(&mut self, told: &Value) -> Option<String> {
        if told["to"].is_null() {
            // What made it is a finding already; the gap is told when its length is known.
            return None;
        }
        let key = (text(told, "feed").to_owned(), text(told, "cause").to_owned());
        let from = text(told, "from").to_owned();
        let known = self.told.insert(key, from.clone()).is_some_and(|last| last == from);
        (!known).then(|| gap(told))
    }
}

/// A finding.
pub fn finding(told: &Value) -> String {
    line(text(told, "at"), text(told, "severity"), told, text(told, "text"))
}

/// A gap, also one that lasts.
pub fn gap(told: &Value) -> String {
    let cause = text(told, "cause");
    let mut said = GapCause::from_code(cause).map_or_else(|| cause.to_owned(), |cause| cause.word().to_owned());
    match told["seconds"].as_f64() {
        Some(seconds) => said += &format!(", {seconds:.3} s"),
        None => said += ", it lasts",
    }
    match &told["missing"] {
        Value::Null => {}
        Value::String(missing) => said += &format!(", {missing} messages missing"),
        missing if missing.as_u64() == Some(1) => said += ", 1 message missing",
        missing => said += &format!(", {missing} messages missing"),
    }
    // What came of an outage behind it stands at the end of what was seen.
    if let Some((_, came)) =
        text(told, "detail").rsplit_once(". ").filter(|(_, last)| last.ends_with("came after all."))
    {
        said += &format!("; {}", came.trim_end_matches('.'));
    }
    line(text(told, "from"), "gap", told, &said)
}

fn line(at: &str, word: &str, told: &Value, said: &str) -> String {
    let feed = text(told, "feed");
    let place = match told["series"].as_str() {
        Some(series) => format!("{feed}/{series}"),
        None => feed.to_owned(),
    };
    format!("{at}  {word:<8} {place:<22} {said}")
}

fn text<'a>(told: &'a Value, key: &str) -> &'a str {
    told[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finding_names_its_feed_and_series() {
        let told = json!({ "type": "finding", "at": "T", "severity": "warning", "feed": "spot", "series": "price",
            "text": "It jumped." });
        assert_eq!(People::default().line(&told).unwrap(), "T  warning  spot/price             It jumped.");
    }

    #[test]
    fn an_alarm_is_told_when_it_is_raised_and_when_it_is_over() {
        let mut people = People::default();
        let mut say = |state: &str, cleared: Value| {
            people.line(&json!({ "type": "alarm", "id": 3, "state": state, "raised": "R", "cleared": cleared,
                "feed": "spot", "series": null, "severity": "critical", "title": "No message for 48 s" }))
        };
        assert_eq!(
            say("unacknowledged", Value::Null).unwrap(),
            "R  alarm    spot                   No message for 48 s (critical)"
        );
        assert_eq!(say("unacknowledged", Value::Null), None, "one more finding");
        assert_eq!(say("acknowledged", Value::Null), None);
        assert_eq!(
            say("normal", json!("C")).unwrap(),
            "C  cleared  spot                   No message for 48 s (critical)"
        );
        assert_eq!(say("normal", json!("C")), None);
        assert!(say("unacknowledged", json!(null)).is_some(), "raised once more");
    }

    #[test]
    fn a_gap_is_told_once_when_its_length_is_known() {
        let mut people = People::default();
        let mut say = |from: &str, to: Value, missing: Value| {
            people.line(&json!({ "type": "gap", "feed": "spot", "from": from, "to": to, "seconds": 1.5,
                "cause": "sequence", "missing": missing, "detail": "" }))
        };
        assert_eq!(say("A", Value::Null, Value::Null), None);
        assert_eq!(
            say("A", json!("B"), json!(3)).unwrap(),
            "A  gap      spot                   messages lost, 1.500 s, 3 messages missing"
        );
        assert_eq!(say("A", json!("C"), json!(4)), None);
        assert!(
            say("D", json!("E"), json!("9007199254740993")).unwrap().ends_with(", 9007199254740993 messages missing")
        );
    }

    #[test]
    fn accounts_are_for_scripts() {
        assert_eq!(People::default().line(&json!({ "type": "accounts", "accounts": {} })), None);
    }
}
