//! How the payloads of one feed are read: what was pinned or found, and what reading them so has to remember.

use feedwatch_model::{CSV_HEADER, KindProfile, Message, Rejected, SequenceProfile};
use rustc_hash::FxHashSet;

use super::csv::{Csv, Written};
use super::declared::{Declared, Sheet, topic};
use super::detect::{Found, View, detect};
use super::influx::Influx;
use super::json::Writer;
use super::nested::Nested;
use super::nmea::{Nmea, Sum};
use super::sparkplug::Sparkplug;
use super::states::{self, States};
use super::wrap::Wrap;
use super::{Format, cbor, msgpack, prometheus};
use crate::catalogue::Catalogue;
use crate::hash::hash64;

/// What is inflated of the learning window, in bytes: messages beyond are not learned from.
const MAX_LEARNED: usize = 64 << 20;

/// What reading has to remember, by format.
#[derive(Clone, Debug, Default)]
enum Body {
    #[default]
    Json,
    Nested(Box<Nested>),
    Text,
    Csv(Box<Csv>),
    Prometheus,
    Influx(Influx),
    MessagePack,
    Cbor,
    Sparkplug(Box<Sparkplug>),
    Nmea(Box<Nmea>),
}

impl Body {
    fn of(format: Format) -> Body {
        match format {
            Format::Json => Body::Json,
            Format::Text => Body::Text,
            Format::Csv => Body::Csv(Box::default()),
            Format::Prometheus => Body::Prometheus,
            Format::Influx => Body::Influx(Influx::default()),
            Format::MessagePack => Body::MessagePack,
            Format::Cbor => Body::Cbor,
            Format::Sparkplug => Body::Sparkplug(Box::default()),
            Format::Nmea => Body::Nmea(Box::default()),
        }
    }

    fn format(&self) -> Format {
        match self {
            Body::Json | Body::Nested(_) => Format::Json,
            Body::Text => Format::Text,
            Body::Csv(_) => Format::Csv,
            Body::Prometheus => Format::Prometheus,
            Body::Influx(_) => Format::Influx,
            Body::MessagePack => Format::MessagePack,
            Body::Cbor => Format::Cbor,
            Body::Sparkplug(_) => Format::Sparkplug,
            Body::Nmea(_) => Format::Nmea,
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payloads {
    body: Body,
    pinned: bool,
    /// Bytes that a message may be inflated to.
    limit: usize,
    /// What a message was wrapped in last.
    wrapped: Option<Wrap>,
    inflated: Vec<u8>,
    written: Writer,
    declared: Declared,
    states: States,
    /// Topics on which objects or arrays came while the feed was learned: there nothing else is a plain value.
    containers: FxHashSet<u64>,
    /// Messages that say nothing.
    silent: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// JSON for the scanner.
    Tree(Place),
    /// Points that are in the reading.
    Points,
    /// There is nothing in it.
    Nothing,
}

/// Where the JSON of a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Payload,
    Inflated,
    Written,
}

impl Place {
    /// A fault of the scanner, at its place in the payload.
    pub(crate) fn rejected(self, why: Rejected) -> Rejected {
        match self {
            Place::Payload => why,
            // What was inflated has no place in the payload.
            Place::Inflated => inflated(&why),
            Place::Written => Rejected { offset: 0, ..why },
        }
    }
}

#[cold]
fn inflated(why: &Rejected) -> Rejected {
    Rejected { offset: 0, reason: format!("byte {} of what was inflated: {}", why.offset, why.reason) }
}

/// A message without a payload that is meant so: a deletion, or MQTT's clearing of a topic.
fn says_nothing(message: &Message) -> bool {
    message.payload.is_empty() && message.meta.as_ref().is_some_and(|meta| meta.deleted || meta.topic.is_some())
}

fn is_container(payload: &[u8]) -> bool {
    matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn place_of(message: &Message) -> Option<u64> {
    topic(message).map(|topic| hash64(topic.as_bytes(), 0))
}

/// The header of a CSV that stands beside a message.
fn header(message: &Message) -> Option<&[u8]> {
    let headers = &message.meta.as_ref()?.headers;
    headers.iter().find(|(name, _)| &**name == CSV_HEADER).map(|(_, line)| line.as_bytes())
}

impl Payloads {
    /// `limit`: bytes that a message may be inflated to.
    pub(crate) fn new(format: Option<Format>, limit: usize) -> Payloads {
        let body = format.map_or(Body::Json, Body::of);
        Payloads { body, pinned: format.is_some(), limit, ..Payloads::default() }
    }

    /// Whether messages are to be scanned as they are.
    #[inline]
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.body, Body::Json)
    }

    /// The payloads of the learning window, inflated where they are wrapped; those that say nothing, or cannot be
    /// inflated, are left out.
    pub(crate) fn open<'a>(&mut self, messages: &'a [Message], inflated: &'a mut Vec<Vec<u8>>) -> Vec<View<'a>> {
        let mut room = MAX_LEARNED;
        for message in messages {
            let mut plain = Vec::new();
            if let Some(wrap) = Wrap::of(&message.payload) {
                // What cannot be inflated stays empty, and is left out.
                if wrap.open(&message.payload, &mut plain, self.limit.min(room)).is_err() {
                    plain.clear();
                }
                room = room.saturating_sub(plain.len());
            }
            inflated.push(plain);
        }
        let opened = messages.iter().zip(inflated.iter()).map(|(message, plain)| {
            let payload = if Wrap::of(&message.payload).is_some() { plain.as_slice() } else { &message.payload };
            (message, payload)
        });
        opened.filter(|(_, payload)| !payload.is_empty()).collect()
    }

    /// Decides on the format by the learning window. `json`: which of the messages are JSON.
    pub(crate) fn decide(&mut self, messages: &[View<'_>], json: &[bool]) {
        let header = messages.iter().find_map(|(message, _)| self::header(message));
        match &self.body {
            Body::Csv(_) => {
                let payloads: Vec<&[u8]> = messages.iter().map(|(_, payload)| *payload).collect();
                self.body = Body::Csv(Csv::of(&payloads, header, true).map(Box::new).unwrap_or_default());
            }
            Body::Json if !self.pinned => {
                let fit = json.iter().filter(|fits| **fits).count();
                if fit > 0 && fit * 10 >= messages.len() * 9 {
                    let plain = |(_, payload): &View<'_>| !is_container(payload) && states::plain(payload).is_some();
                    if messages.iter().all(plain) {
                        self.body = Body::Text;
                    }
                } else {
                    self.found(detect(messages, header));
                }
            }
            _ => {}
        }
        if matches!(self.body, Body::Json) {
            let json = messages.iter().zip(json).filter(|(_, fits)| **fits).map(|((_, payload), _)| *payload);
            self.body = Nested::of(json).map_or(Body::Json, |nested| Body::Nested(Box::new(nested)));
        }
        if matches!(self.body, Body::Json | Body::Nested(_) | Body::Text) {
            let read = messages.iter().zip(json).filter(|((_, payload), fits)| **fits && is_container(payload));
            self.containers = read.filter_map(|((message, _), _)| place_of(message)).collect();
            self.states.learn(messages.iter().copied().filter(|(_, payload)| !is_container(payload)));
        }
    }

    fn found(&mut self, found: Option<Found>) {
        match found {
            Some(Found::Csv(csv)) => self.body = Body::Csv(Box::new(csv)),
            Some(Found::Format(format)) => self.body = Body::of(format),
            None => {}
        }
    }

    /// What there is to scan and learn from in a message of the learning window.
    pub(crate) fn tree<'a>(&'a mut self, payload: &'a [u8]) -> Option<&'a [u8]> {
        self.written.clear();
        match &mut self.body {
            Body::Json => return Some(payload),
            Body::Text => return Some(payload).filter(|payload| is_container(payload)),
            Body::Nested(nested) => nested.transcode(payload, &mut self.written).is_ok(),
            Body::Csv(csv) => matches!(csv.transcode(payload, &mut self.written), Ok(Written::Records)),
            Body::MessagePack => msgpack::transcode(payload, &mut self.written).is_ok(),
            Body::Cbor => cbor::transcode(payload, &mut self.written).is_ok(),
            Body::Nmea(nmea) => nmea.transcode(payload, &mut self.written).is_ok(),
            Body::Prometheus | Body::Influx(_) | Body::Sparkplug(_) => false,
        }
        .then(|| self.written.text())
    }

    /// What was read while learning is read once more.
    pub(crate) fn begin(&mut self) {
        if let Body::Nmea(nmea) = &mut self.body {
            nmea.forget();
        }
    }

    /// The fields that tell kinds of message apart, where the format says so: a receiver sends each sentence once a second,
    /// too seldom to learn it. Such messages have a checksum of their own.
    pub(crate) fn kind_fields(&self) -> &'static [&'static str] {
        if matches!(self.body, Body::Nmea(_)) { &["type", "msg_type"] } else { &[] }
    }

    /// The checksum of the message that was read last, where its format has one.
    pub(crate) fn sum(&self) -> Option<Sum> {
        if let Body::Nmea(nmea) = &self.body { nmea.sum() } else { None }
    }

    /// Another format, since nothing could be read yet in this one and `message` is in that one.
    pub(crate) fn switch(&mut self, message: &Message) -> bool {
        if self.pinned {
            return false;
        }
        let before = self.body.format();
        let messages = std::slice::from_ref(message);
        let mut inflated = Vec::new();
        let opened = self.open(messages, &mut inflated);
        if opened.iter().any(|(_, payload)| is_container(payload)) {
            self.body = Body::Json;
        } else {
            self.found(detect(&opened, header(message)));
        }
        before != self.body.format()
    }

    /// How many messages said nothing.
    pub(crate) fn silent(&self) -> u64 {
        self.silent
    }

    /// Reads a message that is not scanned as it is. `not_json`: what the scanner says of it, if it was.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(crate) fn read(
        &mut self,
        message: &Message,
        not_json: Option<Rejected>,
        sheet: &mut Sheet<'_>,
    ) -> Result<Read, Rejected> {
        let read = if says_nothing(message) {
            Ok(Read::Nothing)
        } else if let Some(wrap) = Wrap::of(&message.payload) {
            let mut plain = std::mem::take(&mut self.inflated);
            let opened = wrap.open(&message.payload, &mut plain, self.limit);
            let read = opened.and_then(|()| {
                self.wrapped = Some(wrap);
                self.read_plain(message, &plain, Place::Inflated, None, sheet).map_err(|why| inflated(&why))
            });
            self.inflated = plain;
            read
        } else {
            self.read_plain(message, &message.payload, Place::Payload, not_json, sheet)
        };
        match read {
            Ok(Read::Points) => self.declared.count(),
            Ok(Read::Nothing) => self.silent += 1,
            _ => {}
        }
        read
    }

    fn read_plain(
        &mut self,
        message: &Message,
        payload: &[u8],
        place: Place,
        not_json: Option<Rejected>,
        sheet: &mut Sheet<'_>,
    ) -> Result<Read, Rejected> {
        let Payloads { body, written, declared, states, .. } = self;
        written.clear();
        let read = match body {
            Body::Json => return self.unlike_json(message, payload, place, not_json, sheet),
            Body::Nested(nested) => match nested.transcode(payload, written) {
                Ok(()) => return Ok(Read::Tree(Place::Written)),
                Err(why) => return self.unlike_json(message, payload, place, Some(why), sheet),
            },
            Body::Text if is_container(payload) => return Ok(Read::Tree(place)),
            Body::Text if states.read(message, payload, declared, sheet) => Ok(Read::Points),
            Body::Text => return Err(Rejected { offset: 0, reason: "expected a number or a word".to_owned() }),
            Body::Csv(csv) => {
                if let Some(header) = header(message) {
                    csv.take_header(header);
                }
                csv.transcode(payload, written).map(|found| match found {
                    Written::Records => Read::Tree(Place::Written),
                    Written::Header => Read::Nothing,
                })
            }
            Body::MessagePack => msgpack::transcode(payload, written).map(|()| Read::Tree(Place::Written)),
            Body::Cbor => cbor::transcode(payload, written).map(|()| Read::Tree(Place::Written)),
            Body::Nmea(nmea) => nmea.transcode(payload, written).map(|()| Read::Tree(Place::Written)),
            Body::Prometheus => prometheus::read(message, payload, declared, sheet).map(|()| Read::Points),
            Body::Influx(influx) => influx.read(message, payload, declared, sheet).map(|()| Read::Points),
            Body::Sparkplug(sparkplug) => sparkplug.read(message, payload, declared, sheet).map(|()| Read::Points),
        };
        read.map_err(Rejected::from)
    }

    /// A message of a feed of JSON that may be none: on a topic that never had an object it may be a plain value.
    fn unlike_json(
        &mut self,
        message: &Message,
        payload: &[u8],
        place: Place,
        not_json: Option<Rejected>,
        sheet: &mut Sheet<'_>,
    ) -> Result<Read, Rejected> {
        let Some(why) = not_json else { return Ok(Read::Tree(place)) };
        let plain = place_of(message).is_some_and(|topic| !self.pinned && !self.containers.contains(&topic));
        if plain && self.states.read(message, payload, &mut self.declared, sheet) {
            return Ok(Read::Points);
        }
        Err(why)
    }

    /// The JSON of the message that was read last.
    pub(crate) fn text<'a>(&'a self, place: Place, message: &'a Message) -> &'a [u8] {
        match place {
            Place::Payload => &message.payload,
            Place::Inflated => &self.inflated,
            Place::Written => self.written.text(),
        }
    }

    /// The format for people: `gzip+msgpack`; of two, that of most feeds of their sort first. `trees`: whether there were
    /// any.
    pub(crate) fn words(&self, catalogue: &Catalogue, trees: bool) -> String {
        let word = self.body.format().word();
        let word = match (self.body.format(), trees, self.kind(catalogue).is_some()) {
            (Format::Json, true, true) => "json, text",
            (Format::Json, false, true) => "text",
            (Format::Text, true, true) => "text, json",
            (Format::Text, true, false) => "json",
            _ => word,
        };
        self.wrapped.map_or_else(|| word.to_owned(), |wrap| format!("{}+{word}", wrap.word()))
    }

    /// What the messages declared themselves.
    pub(crate) fn kind(&self, catalogue: &Catalogue) -> Option<KindProfile> {
        let time = if matches!(self.body, Body::Sparkplug(_)) { "/timestamp" } else { "attr:timestamp" };
        self.declared.profile(catalogue, time)
    }

    pub(crate) fn sequence(&self) -> Option<SequenceProfile> {
        if let Body::Sparkplug(sparkplug) = &self.body { sparkplug.sequence() } else { None }
    }
}
