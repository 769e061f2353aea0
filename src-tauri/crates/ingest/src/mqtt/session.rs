//! One open session with a broker.

use std::fmt::Write as _;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use feedwatch_model::{Certificate, Time};
use rumqttc_v5::mqttbytes::v5::{Publish, SubscribeReasonCode};
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::acks::{Open, complete};
use super::frames::{Next, next};
use super::line::Io;
use super::options::{MqttOptions, MqttTopic, MqttVersion};
use super::packets::{self, GOODBYE, Heard, Welcome};
use super::pen::Pen;
use super::said::{self, Topics};
use super::source::Memory;
use super::trouble;
use crate::batch::Batch;
use crate::error::seconds;
use crate::source::{FlowControl, Session};
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError, SessionError};

/// Bytes asked of the socket at once.
const READ: usize = 64 << 10;
/// Two clients with one name cut each other off as quickly as they come again.
const EARLY: Duration = Duration::from_secs(30);

/// On what the broker has let us in.
pub(super) struct Terms {
    pub(super) version: MqttVersion,
    pub(super) client_id: String,
    pub(super) welcome: Welcome,
    /// What the connection is like.
    pub(super) detail: &'static str,
    /// By which the broker has proved who it is.
    pub(super) certificate: Option<Certificate>,
    /// What came.
    pub(super) bytes: WireBytes,
}

/// One open session with a broker.
pub(super) struct MqttSession {
    io: ReadHalf<Box<dyn Io>>,
    pen: Pen,
    input: BytesMut,
    reading: Reading,
    /// Subscriptions that are not answered.
    subscribing: Vec<(u16, Vec<MqttTopic>)>,
    memory: Arc<Memory>,
    in_turns: bool,
    /// What the broker does not grant, and the sentence about it that is still to be told.
    less: Vec<String>,
    notice: Option<String>,
    shown: String,
    /// Messages that came before their answers.
    first: Batch,
    keep_alive: Duration,
    quiet: Pin<Box<Sleep>>,
    heard: Instant,
    detail: String,
    certificate: Option<Certificate>,
    bytes: WireBytes,
}

/// What is read, and how far.
struct Reading {
    version: MqttVersion,
    client_id: String,
    open: Open,
    topics: Topics,
    /// Answers that are not handed to the pen yet.
    answers: Vec<u8>,
    max_message: usize,
    acknowledges: bool,
    clock: Clock,
    at: Time,
    since: Instant,
}

impl MqttSession {
    /// `input`: what was read behind the broker's answer.
    pub(super) fn new(
        options: &MqttOptions,
        terms: Terms,
        io: Box<dyn Io>,
        input: BytesMut,
        clock: Clock,
        memory: Arc<Memory>,
    ) -> MqttSession {
        let detail = detail(options, &terms);
        let less = kept(options, &terms).map(|kept| format!("the session is kept for {} only", seconds(kept)));
        let less = less.into_iter().collect();
        let Terms { version, client_id, welcome, detail: _, certificate, bytes } = terms;
        let theirs = welcome.keep_alive.filter(|seconds| *seconds > 0);
        // A longer time would leave a dead connection unnoticed for hours; who pings more often than asked is welcome.
        let theirs = theirs.map_or(Duration::MAX, |seconds| Duration::from_secs(seconds.into()));
        let keep_alive = theirs.min(options.keep_alive);
        let (io, out) = tokio::io::split(io);
        let heard = Instant::now();
        let reading = Reading {
            version,
            client_id,
            open: Open::default(),
            topics: Topics::default(),
            answers: Vec::new(),
            max_message: options.max_message,
            acknowledges: options.is_persistent(),
            clock,
            at: clock(),
            since: heard,
        };
        MqttSession {
            io,
            pen: Pen::new(out, keep_alive / 2),
            input,
            reading,
            subscribing: Vec::new(),
            memory,
            in_turns: options.in_turns,
            less,
            notice: None,
            shown: options.shown.clone(),
            first: Batch::default(),
            keep_alive,
            quiet: Box::pin(sleep_until(heard + keep_alive)),
            heard,
            detail,
            certificate,
            bytes,
        }
    }

    /// Asks for topics; [`MqttSession::is_subscribing`] until the answer is there.
    pub(super) async fn subscribe(&mut self, number: u16, topics: &[MqttTopic]) -> Result<(), ConnectError> {
        let packet = packets::subscribe(self.reading.version, number, topics).ok_or_else(trouble::no_text)?;
        let written = self.pen.write(packet.to_vec()).await;
        written.map_err(|error| ConnectError::Network(error.to_string()))?;
        self.subscribing.push((number, topics.to_vec()));
        Ok(())
    }

    /// Are there subscriptions without an answer?
    pub(super) fn is_subscribing(&self) -> bool {
        !self.subscribing.is_empty()
    }

    /// Receives until all of them are answered, or until there is something in `batch` that was not.
    /// `more` is empty before and after.
    pub(super) async fn until_subscribed(&mut self, batch: &mut Batch, more: &mut Batch) -> Result<(), SessionError> {
        let read = poll_fn(|cx| self.poll_recv(cx, more, true)).await;
        batch.append(more);
        read
    }

    /// What came before the subscriptions were answered is received first.
    pub(super) fn keep(&mut self, first: Batch) {
        self.first = first;
    }

    /// Takes what can be read; pending only while the batch is empty.
    fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut Batch,
        subscribing: bool,
    ) -> Poll<Result<(), SessionError>> {
        loop {
            if let Err(error) = self.take(batch, subscribing) {
                return Poll::Ready(Err(error));
            }
            if self.has_enough(batch, subscribing) {
                return Poll::Ready(Ok(()));
            }
            let read = pin!(self.io.read_buf(&mut self.input)).poll(cx);
            match read {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.reading.cut())),
                Poll::Ready(Ok(_)) => {
                    self.heard = Instant::now();
                    self.reading.at = (self.reading.clock)();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.reading.broke(&error))),
                Poll::Pending if batch.is_empty() => return self.poll_quiet(cx).map(Err),
                Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
    }

    fn has_enough(&self, batch: &Batch, subscribing: bool) -> bool {
        batch.is_full() || subscribing && self.subscribing.is_empty()
    }

    /// Takes the whole packets among the bytes read, and makes room for more bytes.
    fn take(&mut self, batch: &mut Batch, subscribing: bool) -> Result<(), SessionError> {
        let mut missing = 0;
        while !self.has_enough(batch, subscribing) {
            let properties = self.reading.version == MqttVersion::V5;
            match next(&self.input, self.reading.max_message, properties) {
                Ok(Next::Whole(_)) => {
                    let heard = packets::read(self.reading.version, &mut self.input).ok_or_else(trouble::garbled)?;
                    self.hear(heard, batch)?;
                }
                Ok(Next::Missing(bytes)) => {
                    missing = bytes;
                    break;
                }
                Err(refused) => return Err(trouble::session_refusal(refused, self.reading.max_message)),
            }
        }
        self.make_room(missing);
        let answers = std::mem::take(&mut self.reading.answers);
        if answers.is_empty() { Ok(()) } else { self.pen.put(answers) }
    }

    /// Room for what is missing, of which as much is believed as has come.
    fn make_room(&mut self, missing: usize) {
        if self.input.is_empty() && self.input.capacity() > 16 * READ {
            // What a large message left is given back.
            self.input = BytesMut::new();
        }
        let wanted = missing.min(READ.max(self.input.len())).max(READ / 4);
        if self.input.capacity() - self.input.len() < wanted {
            self.input.reserve(wanted.max(READ));
        }
    }

    #[inline]
    fn hear(&mut self, heard: Heard, batch: &mut Batch) -> Result<(), SessionError> {
        match heard {
            Heard::Publish(publish) => self.reading.take(&publish, batch),
            Heard::Release(id) => {
                self.reading.answers.extend(complete(id));
                Ok(())
            }
            Heard::Subscribed(number, codes, text) => self.subscribed(number, &codes, text.as_deref()),
            Heard::Closed(code, text) => Err(trouble::closed(code, text.as_deref(), &self.reading.client_id)),
            Heard::Other => Ok(()),
        }
    }

    /// A subscription is answered: a topic that is refused ends the session.
    fn subscribed(
        &mut self,
        number: u16,
        codes: &[SubscribeReasonCode],
        text: Option<&str>,
    ) -> Result<(), SessionError> {
        let Some(at) = self.subscribing.iter().position(|(asked, _)| *asked == number) else { return Ok(()) };
        let (_, topics) = self.subscribing.swap_remove(at);
        if codes.len() != topics.len() {
            return Err(trouble::garbled());
        }
        for (topic, code) in topics.iter().zip(codes) {
            match code {
                SubscribeReasonCode::Success(qos) if (*qos as u8) < topic.qos => {
                    let less = format!("{} with QoS {} only", topic.filter, *qos as u8);
                    // Writing to a String cannot fail.
                    let _ = write!(self.detail, ", {less}");
                    self.less.push(less);
                }
                SubscribeReasonCode::Success(_) => {}
                refused => return Err(trouble::not_subscribed(&topic.filter, *refused, text)),
            }
        }
        if !self.is_subscribing() {
            self.memory.set_subscribed(true);
            self.notice = self.memory.once(trouble::granted_less(&self.shown, &self.less));
        }
        Ok(())
    }

    /// Nothing came: for too long?
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<SessionError> {
        while self.quiet.as_mut().poll(cx).is_ready() {
            let deadline = self.heard + self.keep_alive;
            if Instant::now() >= deadline {
                return Poll::Ready(SessionError::Idle { after: self.keep_alive });
            }
            self.quiet.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl Reading {
    fn take(&mut self, publish: &Publish, batch: &mut Batch) -> Result<(), SessionError> {
        let (size, limit) = (publish.payload.len(), self.max_message);
        if size > limit {
            return Err(SessionError::TooBig { size: Some(size), limit, option: "max_message" });
        }
        if publish.topic.is_empty() {
            return Err(trouble::no_topic());
        }
        if self.acknowledges {
            self.open.gave(publish.qos as u8, publish.pkid);
        }
        let meta = said::meta(publish, self.acknowledges, &mut self.topics);
        batch.copy(self.at, &publish.payload, Some(Box::new(meta)));
        Ok(())
    }

    fn cut(&self) -> SessionError {
        trouble::cut(self.since.elapsed() < EARLY, &self.client_id)
    }

    fn broke(&self, error: &std::io::Error) -> SessionError {
        match error.kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof => self.cut(),
            _ => SessionError::Cut(crate::reason::cut(error)),
        }
    }
}

#[async_trait]
impl Session for MqttSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if let Some(notice) = self.notice.take() {
            batch.notice(notice);
            return Ok(());
        }
        if !self.first.is_empty() {
            batch.append(&mut self.first);
            return Ok(());
        }
        poll_fn(|cx| self.poll_recv(cx, batch, false)).await
    }

    fn acknowledges(&self) -> bool {
        self.reading.acknowledges
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let packets = self.reading.open.kept(count);
        if packets.is_empty() { Ok(()) } else { self.pen.write(packets).await }
    }

    async fn close(&mut self) {
        if self.pen.write(GOODBYE.to_vec()).await.is_err() {
            return;
        }
        self.pen.end().await;
        self.memory.set_left(self.in_turns && self.reading.open.is_empty());
        // The broker ends the connection when it has read all of it; a reset before that could take back acknowledgements.
        loop {
            self.input.clear();
            self.input.reserve(READ);
            if !matches!(self.io.read_buf(&mut self.input).await, Ok(1..)) {
                return;
            }
        }
    }

    fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes.get())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.reading.at)
    }

    fn flow(&self) -> FlowControl {
        if self.reading.acknowledges { FlowControl::Wait } else { FlowControl::DropOldest }
    }
}

/// What the session is like, for people.
fn detail(options: &MqttOptions, terms: &Terms) -> String {
    let mut detail = terms.detail.to_owned();
    if options.websocket.is_some() {
        detail.push_str(", WebSocket");
    }
    // Writing to a String cannot fail.
    let _ = write!(detail, ", MQTT {}", terms.version.word());
    if terms.version != options.version {
        detail.push_str(" (the broker does not speak 5)");
    }
    if options.is_persistent() {
        detail.push_str(if terms.welcome.session { ", session resumed" } else { ", new session" });
        if let Some(kept) = kept(options, terms) {
            let _ = write!(detail, " that the broker keeps for {} only", seconds(kept));
        }
    }
    detail
}

/// How long the broker keeps the session, if that is not as long as was asked for.
fn kept(options: &MqttOptions, terms: &Terms) -> Option<Duration> {
    let kept = terms.welcome.session_expiry.filter(|_| options.is_persistent());
    let kept = kept.map(|kept| Duration::from_secs(kept.into()));
    kept.filter(|kept| options.session_expiry.is_none_or(|wanted| *kept < wanted))
}
