//! Which format the messages of a feed are in: one that fits nearly all of them.
//!
//! Formats that say most about themselves are asked first. Where none fits, nothing is decided.

use feedwatch_model::Message;

use super::json::Writer;
use super::{Format, cbor, csv, influx, msgpack, nmea, prometheus, sparkplug, states};

/// A message with its payload inflated.
pub(super) type View<'a> = (&'a Message, &'a [u8]);

/// What is found beside the format.
pub(super) enum Found {
    Format(Format),
    Csv(csv::Csv),
}

/// The format of `messages`, which are not JSON; none of them is empty. `header`: what stands beside them as that of a CSV.
pub(super) fn detect(messages: &[View<'_>], header: Option<&[u8]>) -> Option<Found> {
    if messages.is_empty() {
        return None;
    }
    for format in [Format::Sparkplug, Format::Nmea, Format::Prometheus, Format::Influx, Format::Text] {
        let fit = messages.iter().filter(|view| fits(format, view)).count();
        // Many a text could be a plain value: some must look like one.
        let likely = || messages.iter().filter(|(_, payload)| states::is_likely(payload)).count() * 2 >= messages.len();
        if fit * 10 >= messages.len() * 9 && (format != Format::Text || likely()) {
            return Some(Found::Format(format));
        }
    }
    let payloads: Vec<&[u8]> = messages.iter().map(|(_, payload)| *payload).collect();
    if let Some(csv) = csv::Csv::of(&payloads, header, false) {
        return Some(Found::Csv(csv));
    }
    binary(messages).map(Found::Format)
}

/// Whether one message is in a format that names its series itself.
fn fits(format: Format, (message, payload): &View<'_>) -> bool {
    match format {
        Format::Sparkplug => sparkplug::fits(message, payload),
        Format::Nmea => nmea::fits(payload),
        Format::Prometheus => prometheus::fits(payload),
        Format::Influx => influx::fits(payload),
        Format::Text => states::plain(payload).is_some(),
        Format::Json | Format::Csv | Format::MessagePack | Format::Cbor => false,
    }
}

/// MessagePack or CBOR: whichever reads nearly all of it, of both the one in which more keys look like names.
fn binary(messages: &[View<'_>]) -> Option<Format> {
    let mut out = Writer::default();
    let mut read = |is_container: fn(&[u8]) -> bool, transcode: fn(&[u8], &mut Writer) -> _| {
        let (mut fit, mut named) = (0, 0);
        for (_, payload) in messages.iter().filter(|(_, payload)| is_container(payload) && payload.len() > 1) {
            out.clear();
            let transcoded: Result<(), crate::json::fault::Fault> = transcode(payload, &mut out);
            fit += usize::from(transcoded.is_ok());
            named += usize::from(transcoded.is_ok() && has_names(out.text()));
        }
        (fit, named)
    };
    let msgpack = read(msgpack::is_container, msgpack::transcode);
    let cbor = read(cbor::is_container, cbor::transcode);
    let (fit, format) = if cbor.1 > msgpack.1 || cbor.1 == msgpack.1 && cbor.0 > msgpack.0 {
        (cbor, Format::Cbor)
    } else {
        (msgpack, Format::MessagePack)
    };
    // Without a single name it may be anything.
    (fit.0 * 10 >= messages.len() * 9 && fit.1 * 2 >= fit.0).then_some(format)
}

/// Whether there are keys, and all of them look like names.
fn has_names(text: &[u8]) -> bool {
    let mut keys = 0;
    for at in memchr::memmem::find_iter(text, b"\":") {
        keys += 1;
        let before = text.get(..at).unwrap_or_default();
        let start = memchr::memrchr(b'"', before).map_or(0, |quote| quote + 1);
        let key = before.get(start..).unwrap_or_default();
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. /:$@".contains(byte) || *byte >= 0x80;
        if key.is_empty() || !key.iter().all(fits) {
            return false;
        }
    }
    // Long arrays of numbers, as some sensors send them, have none, and are 8 numbers at least.
    keys > 0 || text.iter().filter(|byte| **byte == b',').count() >= 8
}
