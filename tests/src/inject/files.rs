//! Captures as lines, and lines as captures.

use std::fs;
use std::path::{Path, PathBuf};

use super::Line;
use super::text::TOPIC;

/// Reads a capture: of `.sse` an event a message, else a line. Receive times are those of the sibling `.ts`, else a grid of
/// 1 ms from 2023-11-14T22:13:20Z.
///
/// # Panics
/// If it cannot be read, or has more messages than times.
pub fn read(path: &Path) -> Vec<Line> {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let times = fs::read_to_string(path.with_extension("ts")).ok();
    let mut times = times.as_deref().map(|times| times.lines().map(|time| time.parse::<f64>().expect("a time")));
    let received = |at: usize| times.as_mut().map_or(GRID + at as f64 / 1e3, |times| times.next().expect("a time"));
    let payloads = if is_events(path) { events(&text) } else { lines(&text) };
    let received: Vec<f64> = (0..payloads.len()).map(received).collect();
    payloads.into_iter().zip(received).map(|(payload, received)| Line { payload, received }).collect()
}

const GRID: f64 = 1_700_000_000.0;

fn is_events(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "sse")
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The events of a stream: what stands between blank lines and has data.
fn events(text: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    let events = text.split("\n\n").map(|event| event.trim_matches('\n'));
    let has_data = |event: &&str| event.lines().any(|line| line.starts_with("data"));
    events.filter(has_data).map(|event| event.as_bytes().to_vec()).collect()
}

/// A message as it stands in a file: one with a topic as the line of an MQTT message.
fn written(payload: &[u8]) -> Vec<u8> {
    let Some(rest) = payload.strip_prefix(TOPIC) else { return payload.to_vec() };
    let text = String::from_utf8_lossy(rest);
    let (topic, payload) = text.split_once('\n').unwrap_or((&text, ""));
    serde_json::json!({ "topic": topic.trim(), "payload": payload }).to_string().into_bytes()
}

/// Writes a capture, and its times if `timed`.
///
/// # Panics
/// If the disk does not let it.
pub fn write(folder: &Path, name: &str, messages: &[Line], timed: bool) -> PathBuf {
    let path = folder.join(name);
    let end: &[u8] = if is_events(&path) { b"\n\n" } else { b"\n" };
    let text: Vec<u8> = messages.iter().flat_map(|line| [&written(&line.payload), end].concat()).collect();
    fs::write(&path, text).expect("a capture");
    if timed {
        let times: String = messages.iter().map(|line| format!("{:.7}\n", line.received)).collect();
        fs::write(path.with_extension("ts"), times).expect("its times");
    }
    path
}
