//! The thread that opens the library's consumer, polls it, and closes it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use feedwatch_model::Time;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientConfig, Message, TopicPartitionList};
use tokio::sync::oneshot;

use super::desk::{Desk, Hold, Taken};
use super::group::Member;
use super::message::meta;
use super::settings::settings;
use super::{KafkaOptions, KafkaRole, words};
use crate::arena::Arena;
use crate::{Clock, ConnectError, SessionError};

/// The longest wait for a message: so late a commit or a stop is noticed.
const POLL: Duration = Duration::from_millis(100);
/// The shortest time between two commits.
const COMMIT: Duration = Duration::from_millis(300);
/// Messages handed over at once.
const AT_ONCE: usize = 256;
/// So long it is waited for room before partitions are paused, which throws away what the library has read ahead.
const ROOM: Duration = Duration::from_secs(1);
/// Topics named where one is not there.
const OTHERS: usize = 8;

/// What the session is to know of an open connection.
pub(super) type Opened = Result<String, ConnectError>;

/// Opens, says so, polls till the end, closes.
pub(super) fn run(options: &KafkaOptions, desk: &Arc<Desk>, clock: Clock, opened: oneshot::Sender<Opened>) {
    match open(options, desk, clock) {
        Ok((consumer, detail)) => {
            // Who waited for it may be gone: then the desk is stopped.
            let _ = opened.send(Ok(detail));
            Polling::new(&consumer, desk, options.max_message, clock).till_the_end();
            // Gives up the partitions and leaves the group.
            drop(consumer);
        }
        Err(error) => drop(opened.send(Err(error))),
    }
    desk.leave();
}

fn open(
    options: &KafkaOptions,
    desk: &Arc<Desk>,
    clock: Clock,
) -> Result<(BaseConsumer<Member>, String), ConnectError> {
    let mut config = ClientConfig::new();
    config.set_log_level(RDKafkaLogLevel::Info);
    for (name, value) in settings(options, fastrand::u64(..))? {
        config.set(name, value);
    }
    let tls = &options.tls;
    [&tls.ca, &tls.cert, &tls.key].into_iter().flatten().try_for_each(|path| is_readable(path))?;
    let member = Member::new(Arc::clone(desk), options.role.clone(), options.start, clock);
    let consumer: BaseConsumer<Member> = config.create_with_context(member).map_err(|error| {
        let said = match error {
            KafkaError::ClientCreation(said) => said,
            error => error.to_string(),
        };
        ConnectError::Options(format!("The settings cannot be used: {said}."))
    })?;
    let opening = Opening { consumer: &consumer, options, desk, began: Instant::now() };
    let detail = opening.open()?;
    let trouble = consumer.context().open();
    if trouble.all_down {
        return Err(opening.unreachable());
    }
    Ok((consumer, detail))
}

fn is_readable(path: &Path) -> Result<(), ConnectError> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(ConnectError::Options(format!("{} cannot be read: {error}.", path.display()))),
    }
}

/// A connection being made.
struct Opening<'a> {
    consumer: &'a BaseConsumer<Member>,
    options: &'a KafkaOptions,
    desk: &'a Desk,
    began: Instant,
}

impl Opening<'_> {
    fn open(&self) -> Opened {
        let (patterns, names): (Vec<&str>, Vec<&str>) =
            self.options.topics.iter().map(String::as_str).partition(|topic| topic.starts_with('^'));
        let mut partitions = TopicPartitionList::new();
        let mut brokers = 0;
        for topic in &names {
            let found = self.ask(|time| self.consumer.fetch_metadata(Some(topic), time))?;
            brokers = found.brokers().len();
            self.add(topic, &found, &mut partitions)?;
        }
        if names.is_empty() {
            brokers = self.ask(|time| self.consumer.fetch_metadata(None, time))?.brokers().len();
        }
        let group = match &self.options.role {
            KafkaRole::Look if patterns.is_empty() => {
                self.placed(self.consumer.context().look_at(&mut partitions))?;
                self.placed(self.consumer.assign(&partitions))?;
                String::new()
            }
            role => {
                if let (KafkaRole::Member { .. }, Some(first)) = (role, partitions.elements().first()) {
                    self.group_lets_us(first.topic(), first.partition())?;
                }
                let topics: Vec<&str> = self.options.topics.iter().map(String::as_str).collect();
                self.placed(self.consumer.subscribe(&topics))?;
                self.group().map(|group| format!(", group {group}")).unwrap_or_default()
            }
        };
        let tls = if self.options.servers.tls() { ", TLS" } else { "" };
        let brokers = if brokers == 1 { "1 broker".to_owned() } else { format!("{brokers} brokers") };
        Ok(format!("{brokers}{tls}{group}"))
    }

    fn group(&self) -> Option<&str> {
        match &self.options.role {
            KafkaRole::Member { group } => Some(group),
            KafkaRole::Look => None,
        }
    }

    /// Is the topic there, and are we let in? Adds its partitions.
    fn add(&self, topic: &str, found: &Metadata, partitions: &mut TopicPartitionList) -> Result<(), ConnectError> {
        let Some(found) = found.topics().iter().find(|found| found.name() == topic) else {
            return Err(self.unknown(topic));
        };
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Err(self.unknown(topic)),
            Some(code) => {
                if let Some(refused) = words::refused(code, topic, self.group().unwrap_or_default()) {
                    return Err(refused);
                }
            }
            None => {}
        }
        for partition in found.partitions() {
            partitions.add_partition(topic, partition.id());
        }
        Ok(())
    }

    fn unknown(&self, topic: &str) -> ConnectError {
        let all = self.consumer.fetch_metadata(None, Duration::from_secs(2)).ok();
        let mut others: Vec<String> = all
            .iter()
            .flat_map(|all| all.topics())
            .map(|topic| topic.name().to_owned())
            .filter(|name| !name.starts_with("__") && name != topic)
            .collect();
        others.sort();
        others.truncate(OTHERS);
        words::unknown_topic(topic, &self.brokers(), &others)
    }

    /// A question that only members may ask: otherwise it would be told when the session is open already.
    fn group_lets_us(&self, topic: &str, partition: i32) -> Result<(), ConnectError> {
        self.ask(|time| {
            let mut asked = TopicPartitionList::new();
            asked.add_partition(topic, partition);
            let answer = self.consumer.committed_offsets(asked, time)?;
            answer.find_partition(topic, partition).map_or(Ok(()), |element| element.error())
        })
    }

    /// Asks until there is an answer, with more patience each time; in between it is heard what the library says.
    fn ask<T>(&self, question: impl Fn(Duration) -> KafkaResult<T>) -> Result<T, ConnectError> {
        let mut patience = Duration::from_millis(400);
        loop {
            let left = self.options.connect_timeout.saturating_sub(self.began.elapsed());
            let asked = Instant::now();
            let error = match question(patience.min(left).max(Duration::from_millis(1))) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.listen();
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            let topic = self.options.topics.first().map(String::as_str).unwrap_or_default();
            if let Some(refused) = words::refused(code, topic, self.group().unwrap_or_default()) {
                return Err(refused);
            }
            let trouble = self.consumer.context().trouble();
            let unreachable = self.unreachable();
            if trouble.all_down || (trouble.said.is_some() && unreachable.is_permanent()) {
                return Err(unreachable);
            }
            if self.began.elapsed() >= self.options.connect_timeout || self.desk.is_over() {
                return Err(unreachable);
            }
            patience = patience.saturating_mul(2);
            // An answer that comes at once, as that a coordinator is being looked for, is asked for again not at once.
            if asked.elapsed() < POLL {
                let _ = self.consumer.poll(POLL);
            }
        }
    }

    /// Serves what the library has to say; there are no messages yet.
    fn listen(&self) {
        for _ in 0..100 {
            let _ = self.consumer.poll(Duration::from_millis(1));
            if self.consumer.context().trouble().all_down {
                return;
            }
        }
    }

    fn unreachable(&self) -> ConnectError {
        match self.consumer.context().trouble().said {
            Some((code, reason)) => words::connect_error(code, &reason, &self.brokers()),
            None => ConnectError::TimedOut { host: self.brokers(), after: self.options.connect_timeout },
        }
    }

    fn brokers(&self) -> String {
        self.options.servers.bootstrap()
    }

    fn placed(&self, result: KafkaResult<()>) -> Result<(), ConnectError> {
        result
            .map_err(|error| ConnectError::Options(format!("The topics cannot be asked for: {error}. Check `topics`.")))
    }
}

/// An open connection being polled.
struct Polling<'a> {
    consumer: &'a BaseConsumer<Member>,
    desk: &'a Desk,
    max_message: usize,
    clock: Clock,
    arena: Arena,
    /// The partition that the last message came from: they come in runs.
    last: Option<Partition>,
    taken: Vec<Taken>,
}

struct Partition {
    topic: Arc<str>,
    partition: i32,
    hold: Hold,
    lane: Arc<str>,
}

impl<'a> Polling<'a> {
    fn new(consumer: &'a BaseConsumer<Member>, desk: &'a Desk, max_message: usize, clock: Clock) -> Polling<'a> {
        Polling { consumer, desk, max_message, clock, arena: Arena::default(), last: None, taken: Vec::new() }
    }

    fn till_the_end(mut self) {
        let mut committed = Instant::now();
        while !self.desk.is_over() {
            if committed.elapsed() >= COMMIT {
                committed = Instant::now();
                self.consumer.context().commit(self.consumer, &self.desk.due());
            }
            if let Some(pause) = self.desk.turn(ROOM) {
                self.pause(pause);
            }
            self.poll_once();
        }
    }

    /// Takes what there is, waiting for the first message only.
    fn poll_once(&mut self) {
        let (mut wait, mut received) = (POLL, None);
        // A rebalance happens within a poll: partitions are looked up anew after it.
        self.last = None;
        while self.taken.len() < AT_ONCE {
            match self.consumer.poll(wait) {
                // What is polled without waiting came by then, or within the millisecond that this takes.
                Some(Ok(message)) => self.take(&message, *received.get_or_insert_with(self.clock)),
                // Told to the member already, with its reason.
                Some(Err(_)) => {}
                None => break,
            }
            wait = Duration::ZERO;
        }
        if self.taken.is_empty() {
            self.arena.rest();
        }
        self.desk.put(&mut self.taken);
    }

    fn take(&mut self, message: &BorrowedMessage<'_>, received: Time) {
        let payload = message.payload().unwrap_or_default();
        if payload.len() > self.max_message {
            let (size, limit) = (Some(payload.len()), self.max_message);
            return self.desk.end(SessionError::TooBig { size, limit, option: "max_message" });
        }
        let (topic, partition) = (message.topic(), message.partition());
        let same = |last: &&Partition| last.partition == partition && &*last.topic == topic;
        if self.last.as_ref().filter(same).is_none() {
            // One that is not ours is not read: its owner does.
            let Some((hold, topic, lane)) = self.desk.held(topic, partition) else { return };
            self.last = Some(Partition { topic, partition, hold, lane });
        }
        let Some(of) = &self.last else { return };
        let meta = Box::new(meta(message, &of.topic, &of.lane));
        let payload = self.arena.copy(payload);
        self.taken.push(Taken { hold: of.hold, offset: message.offset(), received, payload, meta });
    }

    /// While nobody takes messages the library is polled on, so that the group does not take us for dead.
    fn pause(&self, pause: bool) {
        let changed = self.consumer.assignment().and_then(|partitions| {
            if pause { self.consumer.pause(&partitions) } else { self.consumer.resume(&partitions) }
        });
        if let Err(error) = changed {
            self.desk.end(SessionError::Cut(format!("Reading could not be paused: {error}.")));
        }
    }
}
