//! Requests for what an outage held up: text messages that are sent when the connection was made again, filled in with what
//! came before it was lost.
//!
//! `{/path}` in a text is what the last message that had such a place had there (a JSON pointer, RFC 6901), `{time}`,
//! `{time_ms}` and `{time_s}` when the last message came (RFC 3339; milliseconds and seconds since 1970). Between quotation
//! marks a text is put without marks of its own. All else stays as it is, so that braces of JSON and of queries do.

use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::Bytes;
use feedwatch_model::{NANOS_PER_MILLI, NANOS_PER_SECOND, Time};
use memchr::memmem::Finder;
use serde_json::Value;

/// Messages that are remembered, of those that name a place: one that none of them has cannot be told.
const REMEMBERED: usize = 64;
/// Their bytes in all; a larger message is not remembered.
const BYTES: usize = 1 << 20;
/// The longest text that is put in, bytes.
const LONGEST: usize = 4096;

/// The requests of one feed.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Vec<Vec<Part>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A JSON pointer; `quoted`: it stands between quotation marks.
    Place {
        pointer: String,
        quoted: bool,
    },
    Time(Form),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Rfc3339,
    Millis,
    Seconds,
}

/// What the last connections brought.
#[derive(Debug, Default)]
pub(super) struct Recent {
    at: Option<Time>,
    payloads: VecDeque<Bytes>,
}

impl Requests {
    pub(super) fn new(texts: &[String]) -> Requests {
        Requests(texts.iter().map(|text| parts(text)).collect())
    }

    /// Is there anything to be remembered?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a message that has one of the places must hold: the last name on the way to it, which a number is not.
    fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flatten().filter_map(|part| match part {
            Part::Place { pointer, .. } => {
                let name = pointer.rsplit('/').find(|name| name.parse::<usize>().is_err())?;
                Some(name.replace("~1", "/").replace("~0", "~"))
            }
            _ => None,
        })
    }

    /// The texts to send, filled in; empty before the first message.
    ///
    /// # Errors
    /// A sentence: a place that no recent message has.
    pub(super) fn fill(&self, recent: &Recent) -> Result<Vec<String>, String> {
        let Some(at) = recent.at else { return Ok(Vec::new()) };
        self.0.iter().map(|parts| fill(parts, at, &recent.payloads)).collect()
    }
}

impl Recent {
    /// Messages came, the last of them at `at`.
    pub(super) fn note<'a>(
        &mut self,
        requests: &Requests,
        at: Time,
        payloads: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) {
        self.at = Some(at);
        // A name that is written in another way is not found, and the message not remembered.
        let names: Vec<String> = requests.names().collect();
        let finders: Vec<Finder<'_>> = names.iter().map(|name| Finder::new(name.as_bytes())).collect();
        let has_place =
            |payload: &[u8]| payload.len() <= BYTES && finders.iter().any(|finder| finder.find(payload).is_some());
        // Copies: a payload shares its block with others.
        let latest = payloads.rev().filter(|payload| has_place(payload)).take(REMEMBERED);
        let latest: Vec<Bytes> = latest.map(Bytes::copy_from_slice).collect();
        self.payloads.extend(latest.into_iter().rev());
        let mut bytes: usize = self.payloads.iter().map(Bytes::len).sum();
        while self.payloads.len() > REMEMBERED || bytes > BYTES {
            let Some(oldest) = self.payloads.pop_front() else { return };
            bytes -= oldest.len();
        }
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        plain.push_str(before);
        let close = from.find('}');
        let inner = close.and_then(|close| from.get(1..close)).unwrap_or_default();
        let part = match inner {
            "time" => Some(Part::Time(Form::Rfc3339)),
            "time_ms" => Some(Part::Time(Form::Millis)),
            "time_s" => Some(Part::Time(Form::Seconds)),
            pointer if pointer.starts_with('/') => {
                Some(Part::Place { pointer: pointer.to_owned(), quoted: plain.ends_with('"') })
            }
            _ => None,
        };
        match (part, close) {
            (Some(part), Some(close)) => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part);
                rest = from.get(close + 1..).unwrap_or_default();
            }
            _ => {
                plain.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

fn fill(parts: &[Part], at: Time, payloads: &VecDeque<Bytes>) -> Result<String, String> {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Time(form) => {
                // Writing to a text cannot fail.
                let _ = match form {
                    Form::Rfc3339 => write!(out, "{at}"),
                    Form::Millis => write!(out, "{}", at.nanos().div_euclid(NANOS_PER_MILLI)),
                    Form::Seconds => write!(out, "{}", at.nanos().div_euclid(NANOS_PER_SECOND)),
                };
            }
            Part::Place { pointer, quoted } => out.push_str(&place(pointer, *quoted, payloads)?),
        }
    }
    Ok(out)
}

/// What the newest message that has this place has there, as JSON.
fn place(pointer: &str, quoted: bool, payloads: &VecDeque<Bytes>) -> Result<String, String> {
    let found = payloads.iter().rev().find_map(|payload| {
        let value: Value = serde_json::from_slice(payload).ok()?;
        let value = value.pointer(pointer)?;
        (!value.is_object() && !value.is_array() && !value.is_null()).then(|| value.to_string())
    });
    let missing = || format!("What was missed cannot be asked for: none of the last messages has {pointer}.");
    let text = found.ok_or_else(missing)?;
    if text.len() > LONGEST {
        return Err(format!("What was missed cannot be asked for: what stands at {pointer} is too long."));
    }
    // A text is written with its marks, and with all in it that would end it escaped.
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|_| quoted);
    Ok(bare.unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recent(requests: &Requests, payloads: &[&str]) -> Recent {
        let payloads: Vec<Bytes> = payloads.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
        let mut recent = Recent::default();
        recent.note(requests, Time::from_millis(1_700_000_000_250), payloads.iter().map(|payload| &payload[..]));
        recent
    }

    fn filled(text: &str, payloads: &[&str]) -> Result<String, String> {
        let requests = Requests::new(&[text.to_owned()]);
        requests.fill(&recent(&requests, payloads)).map(|mut texts| texts.remove(0))
    }

    #[test]
    fn places_and_times_are_put_in_and_braces_stay() {
        let last = r#"{"seq":17,"data":{"id":"a\"b"}}"#;
        assert_eq!(filled(r#"{"op":"replay","from":{/seq}}"#, &[last]).unwrap(), r#"{"op":"replay","from":17}"#);
        assert_eq!(filled(r#"{"after":"{/data/id}"}"#, &[last]).unwrap(), r#"{"after":"a\"b"}"#);
        assert_eq!(filled(r#"{"after":{/data/id}}"#, &[last]).unwrap(), r#"{"after":"a\"b"}"#);
        assert_eq!(
            filled("{time} {time_ms} {time_s}", &[]).unwrap(),
            "2023-11-14T22:13:20.250000000Z 1700000000250 1700000000"
        );
        for text in [r#"{"a":{}}"#, "query{price}", "{", "}{", "{/", "{{time"] {
            assert_eq!(filled(text, &[]).unwrap(), text);
        }
    }

    #[test]
    fn the_newest_message_that_has_the_place_tells_it() {
        let payloads = [r#"{"seq":1}"#, r#"{"seq":2}"#, "no JSON", r#"{"type":"heartbeat"}"#, r#"{"seq":null}"#];
        assert_eq!(filled("{/seq}", &payloads).unwrap(), "2");
        let missing = filled("{/sequence}", &payloads).unwrap_err();
        assert_eq!(missing, "What was missed cannot be asked for: none of the last messages has /sequence.");
    }

    #[test]
    fn before_the_first_message_nothing_is_asked_for() {
        let requests = Requests::new(&["{/seq}".to_owned()]);
        assert_eq!(requests.fill(&Recent::default()), Ok(Vec::new()));
    }

    #[test]
    fn messages_without_the_place_and_large_ones_do_not_push_it_out() {
        let requests = Requests::new(&["{/data/0/seq}".to_owned()]);
        let mut recent = recent(&requests, &[r#"{"data":[{"seq":7}]}"#]);
        let large = format!(r#"{{"data":[{{"seq":8}}],"rest":"{}"}}"#, "x".repeat(BYTES));
        for text in [r#"{"type":"heartbeat"}"#, &large].repeat(100) {
            recent.note(&requests, Time::default(), [text.as_bytes()].into_iter());
        }
        assert_eq!(requests.fill(&recent).unwrap(), ["7"]);
        let half = format!(r#"{{"data":[{{"seq":9}}],"rest":"{}"}}"#, "x".repeat(BYTES / 2));
        for _ in 0..5 {
            recent.note(&requests, Time::default(), [half.as_bytes()].into_iter());
        }
        assert!(recent.payloads.iter().map(Bytes::len).sum::<usize>() <= BYTES);
        assert_eq!(requests.fill(&recent).unwrap(), ["9"]);
    }

    #[test]
    fn few_messages_are_remembered_and_none_where_none_is_needed() {
        let requests = Requests::new(&["{/seq}".to_owned()]);
        let many: Vec<String> = (0..200).map(|seq| format!(r#"{{"seq":{seq}}}"#)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let recent = recent(&requests, &many);
        assert_eq!(recent.payloads.len(), REMEMBERED);
        assert_eq!(requests.fill(&recent).unwrap(), ["199"]);
        let requests = Requests::new(&["{time_s}".to_owned()]);
        assert_eq!(super::tests::recent(&requests, &many).payloads.len(), 0);
    }

    proptest! {
        /// Whatever a feed sends: what is put between the marks of a text cannot end it.
        #[test]
        fn a_feed_cannot_break_out_of_a_request(id in any::<String>(), template in any::<String>()) {
            let last = serde_json::json!({ "id": id }).to_string();
            if let Ok(text) = filled(r#"{"op":"replay","after":"{/id}"}"#, &[&last]) {
                let sent: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(sent, serde_json::json!({ "op": "replay", "after": id }));
            }
            let _ = filled(&template, &[&last]);
        }
    }
}
