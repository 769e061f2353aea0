//! From a connection to a consumer of a stream.
//!
//! What was handed out and not acknowledged, because the last session ended before it was on disk or before the server
//! heard of it, is wanted first and in its order: else numbers within messages would seem lost until `ack_wait` is over. So
//! such a consumer gets, for a moment, an `ack_wait` of 1 ms and room for nothing but those (`max_ack_pending`): the server
//! queues all of them again, sorted, before it may hand out anything new. When the first of them comes, which is asked for
//! alone, the consumer gets its usual configuration back; should this program end in between, the next session gives it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::headers;
use super::jetstream::{ConsumerConfig, ConsumerInfo, MakeConsumer, Retention, StreamInfo, answer, code};
use super::lane::{self, Lane, Log};
use super::options::{NatsOptions, NatsStart, NatsStream};
use super::protocol::Op;
use super::wire::Wire;
use super::words;
use crate::{ConnectError, Resume};

/// So often, and so far apart, it is looked whether a reader is one of ours that has just ended.
const LOOKS: u32 = 8;
const LOOK: Duration = Duration::from_millis(250);
/// The description by which a consumer is known to be ours.
const MARK: &str = "Feedwatch";
/// How long what was handed out is waited for. Nanoseconds.
const ACK_WAIT: i64 = 30_000_000_000;
const AT_ONCE: i64 = 1_000_000;
/// A look that could not say goodbye is forgotten after this. Nanoseconds.
const FORGOTTEN: i64 = 10_000_000_000;

/// Asks JetStream; answers come to subjects below the inbox.
pub(super) struct Asking<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) options: &'a NatsOptions,
    pub(super) host: &'a str,
    /// `_INBOX.x`.
    pub(super) inbox: &'a str,
    pub(super) asked: u64,
}

/// A consumer, ready to be asked for messages.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) consumer: ConsumerInfo,
    pub(super) lane: String,
    pub(super) created: String,
    /// The consumer takes all of the stream and is read by nobody else, and the stream deletes by its limits only: what is
    /// missing between two sequences was deleted.
    pub(super) whole: bool,
    /// The configuration to give back when what was not acknowledged has begun to come.
    pub(super) restore: Option<Value>,
    pub(super) others: bool,
    /// The last sequence that needs no word.
    pub(super) last: Option<u64>,
    /// What the stream has deleted unread: the session tells it and ends.
    pub(super) lost: Option<String>,
}

impl Asking<'_> {
    /// One request.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        subject: &str,
        body: &[u8],
    ) -> Result<Result<T, super::jetstream::ApiError>, ConnectError> {
        self.asked += 1;
        let inbox = format!("{}.{}", self.inbox, self.asked);
        self.wire.output.publish(subject, Some(&inbox), body);
        let said = self.wire.next(|op| match op {
            Op::Message(message) if message.subject == inbox.as_bytes() => {
                if headers::status(message.headers).is_some_and(|status| status.code == 503) {
                    return Some(Err(words::no_jetstream(self.host)));
                }
                Some(answer(message.payload).ok_or_else(|| words::unreadable(self.host)))
            }
            Op::Error(text) => Some(Err(words::refused(&words::text(text), self.options, self.host))),
            _ => None,
        });
        said.await.map_err(|broken| words::not_greeted(&broken, self.options, self.host))?
    }

    fn wrong(&self, doing: &str, error: &super::jetstream::ApiError) -> ConnectError {
        words::api(error, doing, self.options, self.host)
    }

    pub(super) async fn stream(&mut self, name: &str) -> Result<StreamInfo, ConnectError> {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{name}"), b"").await?;
        info.map_err(|error| self.wrong("tell of the stream", &error))
    }

    async fn consumer(&mut self, stream: &NatsStream) -> Result<Option<(ConsumerInfo, Value)>, ConnectError> {
        let subject = format!("$JS.API.CONSUMER.INFO.{}.{}", stream.name, stream.durable);
        let said: Value = match self.ask(&subject, b"").await? {
            Ok(said) => said,
            Err(error) if error.err_code == code::CONSUMER_NOT_FOUND => return Ok(None),
            Err(error) => return Err(self.wrong("tell of the consumer", &error)),
        };
        let config = said.get("config").cloned().unwrap_or_default();
        let info = serde_json::from_value(said).map_err(|_| words::unreadable(self.host))?;
        Ok(Some((info, config)))
    }

    /// Makes a consumer, or gives one of that name this configuration.
    pub(super) async fn make(&mut self, stream: &str, config: &ConsumerConfig) -> Result<ConsumerInfo, ConnectError> {
        let (subject, body) = made(stream, config);
        let info = self.ask(&subject, &body).await?;
        let name = config.name.as_deref().unwrap_or_default();
        info.map_err(|error| self.wrong(&format!("make the consumer {name}"), &error))
    }

    /// The durable consumer of a feed.
    pub(super) async fn attach(
        &mut self,
        stream: &NatsStream,
        resume: &Resume,
        before: Option<(&str, &str)>,
        told: &mut u64,
    ) -> Result<Attached, ConnectError> {
        let info = self.stream(&stream.name).await?;
        let log = Log { first: info.state.first_seq, last: info.state.last_seq };
        let other = before.filter(|(created, _)| *created != info.created).map(|(_, lane)| lane);
        let lane = lane::of(&stream.name, log, resume, other);
        let found = self.left_by_us(stream).await?;
        let floor = found.as_ref().map(|(consumer, _)| consumer.ack_floor.stream_seq).filter(|floor| *floor > 0);
        let limited = info.config.retention == Retention::Limits;
        let filtered = !self.options.subjects.is_empty();
        let mut lost = None;
        if limited && log.first > *told {
            let count = lane::deleted(log, lane.read.max(floor));
            // The next session begins behind it.
            *told = log.first;
            lost = (count > 0).then(|| words::deleted(&stream.name, count, !filtered));
        }
        let (consumer, restore, others) = match found {
            None => {
                let config = self.config(stream, &lane, info.config.retention);
                (self.make(&stream.name, &config).await?, None, false)
            }
            Some((consumer, raw)) => self.take(stream, consumer, raw).await?,
        };
        let whole = limited && !others && !stream.shared && consumer.config.filters().is_empty();
        let last = Some(consumer.delivered.stream_seq.max(told.saturating_sub(1))).filter(|last| *last > 0);
        Ok(Attached { consumer, lane: lane.name, last, created: info.created, whole, restore, others, lost })
    }

    /// The stream's consumer, if there is one. A former session of ours, or a former life, may have ended before the server
    /// knows: what it waited for counts as somebody's who reads for a moment.
    async fn left_by_us(&mut self, stream: &NatsStream) -> Result<Option<(ConsumerInfo, Value)>, ConnectError> {
        let mut found = self.consumer(stream).await?;
        for _ in 0..LOOKS {
            let is_read = found.as_ref().is_some_and(|(consumer, _)| consumer.num_waiting > 0);
            if !is_read || stream.shared {
                break;
            }
            tokio::time::sleep(LOOK).await;
            found = self.consumer(stream).await?;
        }
        Ok(found)
    }

    /// A consumer of our own that is not there yet.
    fn config(&self, stream: &NatsStream, lane: &Lane, retention: Retention) -> ConsumerConfig {
        let (deliver_policy, opt_start_seq, opt_start_time) = begin(stream.start, lane, retention);
        let mut config = ConsumerConfig {
            durable_name: Some(stream.durable.clone()),
            name: Some(stream.durable.clone()),
            description: MARK.to_owned(),
            deliver_policy: deliver_policy.to_owned(),
            opt_start_seq,
            opt_start_time,
            ack_policy: "explicit".to_owned(),
            ack_wait: ACK_WAIT,
            max_ack_pending: stream.max_ack_pending.into(),
            replay_policy: "instant".to_owned(),
            ..ConsumerConfig::default()
        };
        config.filter(&self.options.subjects);
        config
    }

    /// A consumer that is there. One that somebody else made is never changed.
    async fn take(
        &mut self,
        stream: &NatsStream,
        consumer: ConsumerInfo,
        raw: Value,
    ) -> Result<(ConsumerInfo, Option<Value>, bool), ConnectError> {
        let is_ours = consumer.config.description == MARK;
        if let Some(what) = unusable(&consumer.config, &self.options.subjects, is_ours) {
            return Err(words::other_kind(&stream.durable, &what));
        }
        let others = consumer.num_waiting > 0;
        if others && !stream.shared {
            return Err(words::is_read(&stream.durable));
        }
        if !is_ours {
            return Ok((consumer, None, others));
        }
        // What is open of a shared one may be in the hands of a reader that asks for nothing just now.
        let usual = changed(raw, ACK_WAIT, stream.max_ack_pending.into(), &self.options.subjects);
        let pending = i64::try_from(consumer.num_ack_pending).unwrap_or(i64::MAX);
        if pending > 0 && !others && !stream.shared {
            let again = changed(usual.clone(), AT_ONCE, pending, &self.options.subjects);
            let consumer = self.change(stream, &again).await?;
            return Ok((consumer, Some(usual), others));
        }
        Ok((self.change(stream, &usual).await?, None, others))
    }

    async fn change(&mut self, stream: &NatsStream, config: &Value) -> Result<ConsumerInfo, ConnectError> {
        let (subject, body) = changing(stream, config);
        let info = self.ask(&subject, &body).await?;
        info.map_err(|error| self.wrong(&format!("change the consumer {}", stream.durable), &error))
    }

    /// A consumer that ends with a look: the latest messages, and what comes.
    pub(super) async fn look(&mut self, stream: &NatsStream, info: &StreamInfo) -> Result<Attached, ConnectError> {
        let begin =
            info.state.last_seq.saturating_add(1).saturating_sub(NatsOptions::LOOK).max(info.state.first_seq).max(1);
        let mut config = ConsumerConfig {
            name: Some(format!("feedwatch-look-{:016x}", fastrand::u64(..))),
            description: MARK.to_owned(),
            deliver_policy: "by_start_sequence".to_owned(),
            opt_start_seq: Some(begin),
            ack_policy: "none".to_owned(),
            replay_policy: "instant".to_owned(),
            inactive_threshold: FORGOTTEN,
            mem_storage: true,
            ..ConsumerConfig::default()
        };
        config.filter(&self.options.subjects);
        let consumer = self.make(&stream.name, &config).await?;
        let (lane, created) = (stream.name.clone(), info.created.clone());
        Ok(Attached { consumer, lane, created, whole: false, restore: None, others: false, last: None, lost: None })
    }
}

/// The request that makes a consumer.
fn made(stream: &str, config: &ConsumerConfig) -> (String, Vec<u8>) {
    let name = config.name.as_deref().unwrap_or_default();
    let subject = subject(stream, name, config.filter_subject.as_deref());
    (subject, serde_json::to_vec(&MakeConsumer { stream_name: stream, config }).unwrap_or_default())
}

/// The request that gives a consumer this configuration.
pub(super) fn changing(stream: &NatsStream, config: &Value) -> (String, Vec<u8>) {
    let filter = config.get("filter_subject").and_then(Value::as_str);
    let body = json!({ "stream_name": stream.name, "config": config });
    (subject(&stream.name, &stream.durable, filter), body.to_string().into_bytes())
}

fn subject(stream: &str, name: &str, filter: Option<&str>) -> String {
    let filter = filter.filter(|filter| !filter.is_empty()).map_or_else(String::new, |filter| format!(".{filter}"));
    format!("$JS.API.CONSUMER.CREATE.{stream}.{name}{filter}")
}

/// A configuration as the server told it, with what is ours to say.
fn changed(mut config: Value, ack_wait: i64, max_ack_pending: i64, subjects: &[String]) -> Value {
    if let Some(fields) = config.as_object_mut() {
        fields.insert("ack_wait".to_owned(), ack_wait.into());
        fields.insert("max_ack_pending".to_owned(), max_ack_pending.into());
        fields.remove("filter_subject");
        fields.remove("filter_subjects");
        match subjects {
            [] => None,
            [one] => fields.insert("filter_subject".to_owned(), one.as_str().into()),
            several => fields.insert("filter_subjects".to_owned(), several.into()),
        };
    }
    config
}

/// Where a consumer begins that is not there yet: policy, sequence, time.
fn begin(start: NatsStart, lane: &Lane, retention: Retention) -> (&'static str, Option<u64>, Option<String>) {
    match (retention, lane, start) {
        // What a work queue has nobody has read yet; servers allow nothing else.
        (Retention::WorkQueue, ..) => ("all", None, None),
        (_, Lane { read: Some(read), .. }, _) => ("by_start_sequence", Some(read.saturating_add(1)), None),
        // Of a stream made anew all is wanted: what it took in before we came would have come to us.
        (_, Lane { anew: true, .. }, _) | (_, _, NatsStart::Earliest) => ("all", None, None),
        (_, _, NatsStart::Latest) => ("new", None, None),
        (_, _, NatsStart::At(time)) => ("by_start_time", None, Some(time.to_string())),
    }
}

/// Why a consumer cannot be used.
fn unusable(config: &ConsumerConfig, subjects: &[String], is_ours: bool) -> Option<String> {
    if config.deliver_subject.as_deref().is_some_and(|subject| !subject.is_empty()) {
        return Some("sends by itself (push), where one is wanted that is asked (pull)".to_owned());
    }
    if config.ack_policy != "explicit" {
        return Some(format!("has the acknowledgement policy {:?} in place of \"explicit\"", config.ack_policy));
    }
    let (mut there, mut wanted) = (config.filters(), subjects.iter().map(String::as_str).collect::<Vec<_>>());
    there.sort_unstable();
    wanted.sort_unstable();
    if !is_ours && !wanted.is_empty() && there != wanted {
        return Some(format!(
            "takes other subjects ({})",
            if there.is_empty() { "all".into() } else { there.join(", ") }
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use feedwatch_model::Time;

    use super::*;

    fn lane(read: Option<u64>, anew: bool) -> Lane {
        Lane { name: "S".into(), read, anew }
    }

    #[test]
    fn a_consumer_begins_where_the_history_ends() {
        let begin = |start, read, anew, retention| begin(start, &lane(read, anew), retention);
        let limits = Retention::Limits;
        assert_eq!(begin(NatsStart::Latest, Some(7), false, limits), ("by_start_sequence", Some(8), None));
        assert_eq!(begin(NatsStart::Latest, None, false, limits), ("new", None, None));
        assert_eq!(begin(NatsStart::Earliest, None, false, limits), ("all", None, None));
        assert_eq!(begin(NatsStart::Latest, None, true, limits), ("all", None, None));
        assert_eq!(begin(NatsStart::Latest, Some(7), false, Retention::WorkQueue), ("all", None, None));
        let at = NatsStart::At(Time::from_millis(0));
        assert_eq!(
            begin(at, None, false, limits),
            ("by_start_time", None, Some("1970-01-01T00:00:00.000000000Z".to_owned()))
        );
    }

    #[test]
    fn a_consumer_of_another_kind_is_told_from_ours() {
        let pull = ConsumerConfig { ack_policy: "explicit".into(), ..ConsumerConfig::default() };
        assert_eq!(unusable(&pull, &[], false), None);
        let push = ConsumerConfig { deliver_subject: Some("x".into()), ..pull.clone() };
        assert!(unusable(&push, &[], false).is_some_and(|what| what.contains("push")));
        let none = ConsumerConfig { ack_policy: "none".into(), ..pull.clone() };
        assert!(unusable(&none, &[], true).is_some_and(|what| what.contains("\"none\"")));
        let wanted = ["a".to_owned()];
        assert!(unusable(&pull, &wanted, false).is_some_and(|what| what.contains("(all)")));
        assert_eq!(unusable(&pull, &wanted, true), None, "ours gets the new subjects");
    }

    #[test]
    fn what_else_stands_in_a_configuration_stays() {
        let before = json!({"num_replicas": 3, "ack_wait": 1, "filter_subjects": ["x", "y"]});
        let after = changed(before, ACK_WAIT, 8, &["a".to_owned()]);
        assert_eq!(
            after,
            json!({"num_replicas": 3, "ack_wait": ACK_WAIT, "max_ack_pending": 8, "filter_subject": "a"})
        );
        let after = changed(after, 1, 2, &[]);
        assert_eq!(after, json!({"num_replicas": 3, "ack_wait": 1, "max_ack_pending": 2}));
    }

    #[test]
    fn the_filter_stands_in_the_subject_of_the_request() {
        let mut config = ConsumerConfig { name: Some("d".into()), ..ConsumerConfig::default() };
        assert_eq!(made("S", &config).0, "$JS.API.CONSUMER.CREATE.S.d");
        config.filter(&["a.>".to_owned()]);
        assert_eq!(made("S", &config).0, "$JS.API.CONSUMER.CREATE.S.d.a.>");
    }
}
