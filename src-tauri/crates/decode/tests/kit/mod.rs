//! Runs captures and made-up feeds through a decoder.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout)]

use std::path::PathBuf;

use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
use feedwatch_model::{Message, Profile, Reading, Rejected, Time};

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

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/feeds")
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

/// The captures that are there; says so if there are none, and fails then in CI.
pub(crate) fn captures() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have the captures");
        println!("skipped: no captures beside the repository");
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| !name.contains(".sent."))
        .filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The messages of a capture with their receive times; without any, all came at once a while after the capture.
pub(crate) fn messages(name: &str) -> Option<Vec<Message>> {
    if !captures().iter().any(|there| there == name) {
        return None;
    }
    let text = std::fs::read(folder().join(format!("{name}.jsonl"))).unwrap();
    let times = std::fs::read_to_string(folder().join(format!("{name}.ts"))).unwrap_or_default();
    let mut times = times.lines().map(|line| Time::from_secs_f64(line.parse().unwrap()));
    let fallback = Time::parse_rfc3339("2024-01-01T00:00:00Z").unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Some((0..).zip(lines).map(|(at, line)| Message::new(at, times.next().unwrap_or(fallback), line.to_vec())).collect())
}

/// A capture, decoded.
pub(crate) fn capture(name: &str) -> Option<Outcome> {
    messages(name).map(run)
}
