//! A consumer that is asked for messages, within a session.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{MessageMeta, Position};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep};

use super::attach::changing;
use super::headers;
use super::holes::Holes;
use super::jetstream::{Place, StreamInfo, answer};
use super::options::NatsStream;
use super::protocol::Message;
use super::pulls::{HEARTBEAT, Meaning, Pulls};
use super::wire::Output;
use super::words;
use crate::SessionError;

/// What was handed out and not acknowledged is there by then, if it comes at all.
const AGAIN: Duration = Duration::from_secs(2);

/// A consumer that is asked for messages.
pub(super) struct Consuming {
    pub(super) stream: NatsStream,
    /// To which requests go.
    pub(super) next: String,
    /// To which answers come: `_INBOX.x`.
    pub(super) inbox: String,
    pub(super) lane: Arc<str>,
    pub(super) pulls: Pulls,
    pub(super) asked: u64,
    /// Where acknowledgements go, in the order in which messages were given.
    pub(super) open: VecDeque<Bytes>,
    pub(super) acknowledged: u64,
    /// Without acknowledgements: a look.
    pub(super) look: bool,
    pub(super) beginning: Beginning,
    pub(super) whole: bool,
    /// The last sequence, where all of the stream is read.
    pub(super) last: Option<u64>,
    /// What did not come, while it is asked whether it was deleted.
    pub(super) holes: Holes,
    /// When the server must have said something of the consumer.
    pub(super) silence: Pin<Box<Sleep>>,
    /// What was deleted unread before the session began: it is told, and the next one goes on.
    pub(super) lost: Option<String>,
}

/// What was handed out to a former session comes first: see [`attach`](super::attach).
pub(super) enum Beginning {
    /// Its first message is asked for, alone: more would come again and again until the configuration is given back.
    Again(Value, Pin<Box<Sleep>>),
    /// The configuration is being given back.
    GivingBack,
    /// All is as usual.
    Over,
}

impl Beginning {
    /// With the configuration to give back, if there is one.
    pub(super) fn of(restore: Option<Value>) -> Beginning {
        restore.map_or(Beginning::Over, |config| Beginning::Again(config, Box::pin(sleep(AGAIN))))
    }
}

/// Longer than two of the consumer's signs of life.
const SILENT: Duration = Duration::from_nanos(HEARTBEAT * 3);

/// When the consumer is taken for dead, from now on.
pub(super) fn silence() -> Pin<Box<Sleep>> {
    Box::pin(sleep(SILENT))
}

impl Consuming {
    /// Asks for messages, if fewer are open than should be, and about those that are missing.
    pub(super) fn ask(&mut self, output: &mut Output) {
        let pull = match &self.beginning {
            Beginning::Over => self.pulls.next(),
            Beginning::Again(..) => self.pulls.one(),
            Beginning::GivingBack => None,
        };
        if let Some(pull) = pull {
            self.asked += 1;
            let reply = format!("{}.pull{}", self.inbox, self.asked);
            output.publish(&self.next, Some(&reply), &serde_json::to_vec(&pull).unwrap_or_default());
        }
        if !self.holes.is_empty() && self.holes.asks(Instant::now()) {
            let reply = format!("{}.stream", self.inbox);
            output.publish(&format!("$JS.API.STREAM.INFO.{}", self.stream.name), Some(&reply), b"");
        }
    }

    /// A message of the stream came.
    #[inline]
    pub(super) fn came(&mut self, place: Place, meta: &mut MessageMeta, output: &mut Output) {
        self.alive();
        self.pulls.came();
        meta.position = Some(Position::Offset { lane: Arc::clone(&self.lane), offset: place.sequence });
        meta.offset = Some(place.sequence);
        meta.stamp = Some(place.stamp);
        meta.redelivered = place.delivered > 1;
        if meta.redelivered {
            self.give_back(output);
        }
        if !self.whole || meta.redelivered {
            return;
        }
        if let Some(last) = self.last {
            self.holes.came(last, place.sequence);
        }
        self.last = Some(self.last.map_or(place.sequence, |last| last.max(place.sequence)));
    }

    /// The consumer gets its usual configuration back.
    pub(super) fn give_back(&mut self, output: &mut Output) {
        if let Beginning::Again(config, _) = &self.beginning {
            let (subject, body) = changing(&self.stream, config);
            output.publish(&subject, Some(&format!("{}.change", self.inbox)), &body);
            self.beginning = Beginning::GivingBack;
        }
    }

    /// The server has said something of the consumer.
    #[inline]
    fn alive(&mut self) {
        let until = Instant::now() + SILENT;
        // Moved seldom: it costs more than a message.
        if until > self.silence.deadline() + SILENT / 8 {
            self.silence.as_mut().reset(until);
        }
    }

    /// What came is no message of the stream: a status, or an answer to what was asked beside.
    pub(super) fn answer(&mut self, message: &Message<'_>, limit: usize) -> Result<(), SessionError> {
        let Some(about) = message.subject.strip_prefix(self.inbox.as_bytes()) else { return Ok(()) };
        let status = headers::status(message.headers);
        match about {
            b".stream" => return self.is_missing(message.payload),
            b".change" => {
                let refused = match (status, answer::<Value>(message.payload)) {
                    (None, Some(Ok(_))) => {
                        self.beginning = Beginning::Over;
                        return Ok(());
                    }
                    (None, Some(Err(error))) => words::text(error.description.as_bytes()),
                    _ => "no answer".to_owned(),
                };
                return Err(words::closed(format!(
                    "The server did not give the consumer {} its configuration back ({refused}).",
                    self.stream.durable
                )));
            }
            _ => {}
        }
        let Some(status) = status else { return Ok(()) };
        self.alive();
        match self.pulls.said(&status) {
            Meaning::GoesOn => Ok(()),
            Meaning::TooLarge => Err(SessionError::TooBig { size: None, limit, option: "max_message" }),
            Meaning::Over(sentence) => Err(words::closed(sentence)),
        }
    }

    /// Were the sequences that are missing deleted before they were read? Those that are not there at all were deleted
    /// one by one, on purpose, and are no loss.
    fn is_missing(&mut self, json: &[u8]) -> Result<(), SessionError> {
        // Without an answer that can be read it is asked again, later.
        let Some(Ok(info)) = answer::<StreamInfo>(json) else { return Ok(()) };
        match self.holes.answered(info.state.first_seq) {
            0 => Ok(()),
            lost => Err(words::closed(words::deleted(&self.stream.name, lost, true))),
        }
    }
}
