//! One message as a publisher sends it, and its form on the wire of Server-Sent Events.

use bytes::{BufMut, Bytes, BytesMut};
use feedwatch_model::Time;

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it is due on the publisher's own time axis (a replay keeps the distances between these).
    pub at: Time,
    /// The payload, as it is: a text frame if it is UTF-8, else a binary one.
    pub bytes: Bytes,
    /// The event id, where the feed has one (SSE only).
    pub id: Option<String>,
    /// The topic or event name, where the feed has one (SSE only: the `event` field).
    pub topic: Option<String>,
}

impl Frame {
    /// A message without id and topic.
    pub fn new(at: Time, bytes: impl Into<Bytes>) -> Frame {
        Frame { at, bytes: bytes.into(), id: None, topic: None }
    }

    /// The same with an event id.
    pub fn with_id(self, id: impl Into<String>) -> Frame {
        Frame { id: Some(id.into()), ..self }
    }

    /// Appends the event as the `text/event-stream` format has it (WHATWG HTML, 9.2.5).
    ///
    /// Line ends inside the payload (LF, CR, CRLF) become several `data` lines, so a client sees each as LF. The event ends with
    /// the only blank line in it: whoever counts blank lines counts events. An id or a topic that has a line end (or, for an id,
    /// a NUL) cannot be said in this format and is left out.
    pub(crate) fn encode_event(&self, out: &mut BytesMut) {
        if let Some(id) = self.id.as_deref().filter(|id| !id.contains(['\n', '\r', '\0'])) {
            put_line(out, b"id: ", id.as_bytes());
        }
        if let Some(topic) = self.topic.as_deref().filter(|topic| !topic.contains(['\n', '\r'])) {
            put_line(out, b"event: ", topic.as_bytes());
        }
        let mut rest: &[u8] = &self.bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, tail) = rest.split_at(end);
            put_line(out, b"data: ", line);
            rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();
        }
        put_line(out, b"data: ", rest);
        out.put_u8(b'\n');
    }
}

fn put_line(out: &mut BytesMut, field: &[u8], value: &[u8]) {
    out.reserve(field.len() + value.len() + 2);
    out.put_slice(field);
    out.put_slice(value);
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(frame: &Frame) -> String {
        let mut out = BytesMut::new();
        frame.encode_event(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_payload_with_line_ends_becomes_several_data_lines() {
        let frame = Frame::new(Time::default(), "a\nb\r\nc\rd").with_id("7");
        assert_eq!(event(&frame), "id: 7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    }

    #[test]
    fn a_topic_is_the_event_name() {
        let frame = Frame { topic: Some("trade".into()), ..Frame::new(Time::default(), "x") };
        assert_eq!(event(&frame), "event: trade\ndata: x\n\n");
    }

    #[test]
    fn an_id_that_would_break_the_format_is_left_out() {
        let frame = Frame::new(Time::default(), "x").with_id("7\ndata: forged");
        assert_eq!(event(&frame), "data: x\n\n");
    }

    proptest! {
        #[test]
        fn whatever_the_payload_an_event_has_one_blank_line_at_its_end(bytes: Vec<u8>, id in proptest::option::of(".*")) {
            let mut out = BytesMut::new();
            Frame { id, ..Frame::new(Time::default(), bytes) }.encode_event(&mut out);
            let blank = out.windows(2).filter(|pair| pair == b"\n\n").count();
            prop_assert_eq!(blank, 1);
            prop_assert!(out.ends_with(b"\n\n"));
            prop_assert!(!out.contains(&b'\r'));
        }
    }
}
