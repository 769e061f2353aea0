//! Runs captures and made-up feeds through a decoder.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
use feedwatch_model::{Message, MessageMeta, Profile, Reading, Rejected, Time};

#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) numbers: Vec<u64>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) rejected: Vec<Rejected>,
    /// Number of each message that was refused, and the byte.
    pub(crate) offsets: Vec<(u64, usize)>,
}

impl Sink for Collected {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading) {
        for point in &reading.points {
            assert!((point.series as usize) < catalogue.series.len());
        }
        for mark in &reading.marks {
            assert!((mark.rule as usize) < catalogue.rules.len() && (mark.scope as usize) < catalogue.scopes.len());
        }
        self.numbers.push(message.number);
        self.readings.push(reading.clone());
    }

    fn rejected(&mut self, message: Message, why: Rejected) {
        self.numbers.push(message.number);
        self.offsets.push((message.number, why.offset));
        self.rejected.push(why);
    }
}

pub(crate) struct Outcome {
    pub(crate) profile: Profile,
    pub(crate) catalogue: Catalogue,
    pub(crate) readings: Vec<Reading>,
    pub(crate) rejected: usize,
    pub(crate) whys: Vec<String>,
    pub(crate) offsets: Vec<(u64, usize)>,
}

impl Outcome {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.catalogue.series.iter().map(|series| series.name.as_ref()).collect()
    }
}

/// Runs messages through a decoder with usual options; checks that each comes out once, in order.
pub(crate) fn run(messages: Vec<Message>) -> Outcome {
    run_with(messages, Options::default())
}

/// [`run`] with other options.
pub(crate) fn run_with(messages: Vec<Message>, options: Options) -> Outcome {
    let window = options.learn_messages;
    let mut decoder = Decoder::new(options);
    let mut sink = Collected::default();
    let numbers: Vec<u64> = messages.iter().map(|message| message.number).collect();
    for message in messages {
        decoder.push(message, &mut sink);
        assert!(decoder.held() < window);
    }
    decoder.finish(&mut sink);
    assert_eq!(sink.numbers, numbers);
    Outcome {
        profile: decoder.profile(),
        catalogue: decoder.catalogue().clone(),
        readings: sink.readings,
        rejected: sink.rejected.len(),
        whys: sink.rejected.iter().map(ToString::to_string).collect(),
        offsets: sink.offsets,
    }
}

/// When made-up feeds start.
pub(crate) fn start() -> Time {
    Time::parse_rfc3339("2026-03-01T12:00:00Z").unwrap()
}

/// Texts received one every `step_millis` from a fixed time on.
pub(crate) fn feed(texts: impl IntoIterator<Item = String>, step_millis: i64) -> Vec<Message> {
    (0..)
        .zip(texts)
        .map(|(at, text)| Message::new(at, start().plus_nanos(at as i64 * step_millis * 1_000_000), text))
        .collect()
}

/// The captures: beside the repository, or farther up for a worktree.
fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("shared/feeds"));
    beside.into_iter().find(|folder| folder.is_dir()).unwrap_or_default()
}

/// A capture as it stands on the disk.
pub(crate) fn file(name: &str) -> Option<Vec<u8>> {
    let read = std::fs::read(folder().join(name)).ok();
    if read.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have the captures");
        println!("skipped: no {name} beside the repository");
    }
    read
}

/// The captures that are there, by file name; says so if there are none, and fails then in CI.
pub(crate) fn files() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have the captures");
        println!("skipped: no captures beside the repository");
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_capture = |name: &String| [".jsonl", ".sse", ".prom"].iter().any(|end| name.ends_with(end));
    let mut names: Vec<String> = names.filter(|name| is_capture(name) && !name.contains(".sent.")).collect();
    names.sort();
    names
}

/// The `.jsonl` captures that are there, without their ending.
pub(crate) fn captures() -> Vec<String> {
    files().iter().filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned())).collect()
}

/// The messages of a capture as the program reads them: those of MQTT without their envelope, with the receive times
/// that the file has, else with a steady grid of 1 ms that begins at `opened`.
pub(crate) fn messages_of(file: &str, opened: Time) -> Option<Vec<Message>> {
    if !files().iter().any(|there| there == file) {
        return None;
    }
    let text = std::fs::read(folder().join(file)).unwrap();
    let (name, end) = file.rsplit_once('.').unwrap();
    let times = std::fs::read_to_string(folder().join(format!("{name}.ts"))).unwrap_or_default();
    let mut times = times.lines().map(|line| Time::from_secs_f64(line.parse().unwrap()));
    let found = match end {
        "prom" => vec![(text, None, None)],
        "sse" => events(std::str::from_utf8(&text).unwrap()),
        _ => text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(opened_envelope).collect(),
    };
    let message = |(at, (payload, meta, own)): (u64, (Vec<u8>, Option<MessageMeta>, Option<Time>))| {
        let grid = opened.plus_nanos(at as i64 * 1_000_000);
        let mut message = Message::new(at, times.next().or(own).unwrap_or(grid), payload);
        message.meta = meta.map(Box::new);
        message
    };
    Some((0..).zip(found).map(message).collect())
}

/// A line of a capture as a message.
pub(crate) fn line(number: u64, line: &str, received: Time) -> Message {
    let (payload, meta, own) = opened_envelope(line.as_bytes());
    let mut message = Message::new(number, own.unwrap_or(received), payload);
    message.meta = meta.map(Box::new);
    message
}

/// A line, or the MQTT message that it is the envelope of, with the time beside it.
fn opened_envelope(line: &[u8]) -> (Vec<u8>, Option<MessageMeta>, Option<Time>) {
    const MEMBERS: [&str; 8] = ["topic", "payload", "timestamp", "tst", "qos", "retain", "payloadlen", "mid"];
    let plain = || (line.to_vec(), None, None);
    let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(line) else { return plain() };
    let text = |name: &str| object.get(name).and_then(serde_json::Value::as_str);
    let (Some(topic), Some(payload)) = (text("topic"), text("payload")) else { return plain() };
    if object.keys().any(|member| !MEMBERS.contains(&member.as_str())) {
        return plain();
    }
    let time = text("tst").and_then(|text| Time::parse_rfc3339(text.trim_end_matches("+0000")).ok());
    let meta = MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() };
    (payload.as_bytes().to_vec(), Some(meta), time)
}

/// The events of an event stream.
fn events(text: &str) -> Vec<(Vec<u8>, Option<MessageMeta>, Option<Time>)> {
    let event = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        let meta = MessageMeta {
            topic: field("event:").map(Into::into),
            id: field("id:").map(Into::into),
            ..MessageMeta::default()
        };
        Some((field("data:")?.into_bytes(), Some(meta), None))
    };
    text.replace('\r', "").split("\n\n").filter_map(event).collect()
}

/// When a capture without receive times is read in tests: years after most of them.
pub(crate) fn opened() -> Time {
    Time::parse_rfc3339("2026-12-01T12:00:00Z").unwrap()
}

/// The messages of a `.jsonl` capture: see [`messages_of`].
pub(crate) fn messages(name: &str) -> Option<Vec<Message>> {
    messages_of(&format!("{name}.jsonl"), opened())
}

/// A capture, decoded.
pub(crate) fn capture(name: &str) -> Option<Outcome> {
    messages(name).map(run)
}
