//! What the library tells beside messages: partitions that come and go, commits, errors, logs, signs of life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::begin::{Log, begin};
use super::desk::{Desk, Next};
use super::words::{self, Verdict};
use super::{KafkaRole, KafkaStart};
use crate::{Clock, SessionError};

/// So long a rebalance may ask where partitions begin.
const ASK: Duration = Duration::from_secs(10);
/// So long a rebalance waits for what is on its way to the disk.
const TO_DISK: Duration = Duration::from_secs(2);
/// So many of its latest messages a look begins with, in each partition.
const LATEST: i64 = 20;

/// One member of a group, or a look.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) desk: Arc<Desk>,
    pub(super) role: KafkaRole,
    pub(super) start: KafkaStart,
    pub(super) clock: Clock,
    trouble: Mutex<Trouble>,
}

/// What was said about the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble {
    /// The last error, and its reason.
    pub(super) said: Option<(Code, String)>,
    /// No broker can be reached.
    pub(super) all_down: bool,
    /// The session is open: errors end it.
    open: bool,
    /// Bytes received, as last counted.
    received: u64,
}

impl Member {
    pub(super) fn new(desk: Arc<Desk>, role: KafkaRole, start: KafkaStart, clock: Clock) -> Member {
        Member { desk, role, start, clock, trouble: Mutex::default() }
    }

    fn trouble_mut(&self) -> std::sync::MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.trouble_mut().clone()
    }

    /// From now on errors end the session; has one come already?
    pub(super) fn open(&self) -> Trouble {
        let mut trouble = self.trouble_mut();
        trouble.open = true;
        trouble.clone()
    }

    fn came(&self, consumer: &BaseConsumer<Member>, partitions: &mut TopicPartitionList) {
        let placed = match self.role {
            KafkaRole::Look => self.look_at(partitions),
            KafkaRole::Member { .. } => self.place(consumer, partitions),
        };
        if let Err(error) = placed {
            let said = format!("It could not be learned where the partitions begin: {error}.");
            self.desk.end(SessionError::Cut(said));
        }
        if let Err(error) = consumer.incremental_assign(partitions) {
            self.desk.end(SessionError::Cut(format!("Partitions could not be taken over: {error}.")));
        }
    }

    /// The latest messages of each partition.
    pub(super) fn look_at(&self, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        for (topic, partition) in list(partitions) {
            partitions.set_partition_offset(&topic, partition, Offset::OffsetTail(LATEST))?;
            self.desk.hold(&topic, partition, &format!("{topic}/{partition}"), 0, Some(0));
        }
        Ok(())
    }

    /// Decides where each partition begins.
    fn place(&self, consumer: &BaseConsumer<Member>, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        let asked = list(partitions);
        if asked.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + ASK;
        let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let group = consumer.committed_offsets(partitions.clone(), left())?;
        let timed = match self.start {
            KafkaStart::At(time) => {
                let mut times = partitions.clone();
                times.set_all_offsets(Offset::Offset(time.nanos().div_euclid(1_000_000)))?;
                Some(consumer.offsets_for_times(times, left())?)
            }
            _ => None,
        };
        // All of them at once: one after the other many partitions far away would never be done. The two ends are times too.
        let end = |end| {
            let mut ends = partitions.clone();
            ends.set_all_offsets(end)?;
            consumer.offsets_for_times(ends, left())
        };
        let (lows, highs) = (end(Offset::Beginning)?, end(Offset::End)?);
        for (topic, partition) in asked {
            let unknown = || KafkaError::MetadataFetch(Code::UnknownPartition);
            let low = offset(Some(&lows), &topic, partition)?.ok_or_else(unknown)?;
            let high = offset(Some(&highs), &topic, partition)?.ok_or_else(unknown)?;
            let log = Log { low, high };
            let otherwise = match self.start {
                KafkaStart::Earliest => low,
                KafkaStart::Latest => high,
                // None is as new: what comes is.
                KafkaStart::At(_) => offset(timed.as_ref(), &topic, partition)?.unwrap_or(high),
            };
            let known = offset(Some(&group), &topic, partition)?;
            let (lane, read) = self.desk.lane(&topic, partition, log);
            let begin = begin(log, known, read, otherwise);
            partitions.set_partition_offset(&topic, partition, Offset::Offset(begin.at))?;
            self.desk.hold(&topic, partition, &lane, begin.at, known);
            if let Some(from) = begin.lost_from {
                let last = begin.at.saturating_sub(1);
                let said = format!(
                    "The broker has deleted messages of {topic}/{partition} before they were read: offsets {from} to \
                     {last}. Reading goes on behind them."
                );
                self.desk.end(SessionError::Cut(said));
            }
        }
        Ok(())
    }

    fn go(&self, consumer: &BaseConsumer<Member>, partitions: &TopicPartitionList) {
        // Those that were lost are another's already, and without a broker nobody can be told.
        let lost = consumer.assignment_lost() || self.trouble().all_down;
        let due = self.desk.give_up(&list(partitions), if lost { Duration::ZERO } else { TO_DISK });
        if !lost {
            self.commit(consumer, &due);
        }
        let given = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
            _ => consumer.unassign(),
        };
        if let Err(error) = given {
            self.desk.end(SessionError::Cut(format!("Partitions could not be given up: {error}.")));
        }
    }

    /// Tells the group. Asynchronous: the library sends it before it gives up a partition or leaves.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Member>, due: &[Next]) {
        if due.is_empty() || self.role == KafkaRole::Look {
            return;
        }
        let mut offsets = TopicPartitionList::with_capacity(due.len());
        for Next { topic, partition, offset } in due {
            // Offsets of messages can always be written.
            let _ = offsets.add_partition_offset(topic, *partition, Offset::Offset(*offset));
        }
        if let Err(error) = consumer.commit(&offsets, CommitMode::Async) {
            self.not_committed(&error, &offsets);
        }
    }

    fn not_committed(&self, error: &KafkaError, offsets: &TopicPartitionList) {
        tracing::debug!("the group was not told how far messages are kept: {error}");
        list(offsets).iter().for_each(|(topic, partition)| self.desk.not_told(topic, *partition));
    }
}

/// The partitions of a list.
fn list(partitions: &TopicPartitionList) -> Vec<(String, i32)> {
    partitions.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

/// The offset that an answer holds for a partition; `None` where there is none.
fn offset(answer: Option<&TopicPartitionList>, topic: &str, partition: i32) -> KafkaResult<Option<i64>> {
    let Some(element) = answer.and_then(|answer| answer.find_partition(topic, partition)) else { return Ok(None) };
    element.error()?;
    Ok(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    })
}

impl ClientContext for Member {
    fn log(&self, level: Level, facility: &str, line: &str) {
        // What it calls an error is mostly a broker that went away, which is told as an event.
        match level {
            Level::Emerg | Level::Alert | Level::Critical => tracing::warn!(target: "librdkafka", "{facility}: {line}"),
            Level::Error | Level::Warning | Level::Notice => tracing::info!(target: "librdkafka", "{facility}: {line}"),
            Level::Info | Level::Debug => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Counted {
            rx_bytes: u64,
        }
        let Ok(Counted { rx_bytes }) = serde_json::from_slice(statistics) else { return };
        let before = std::mem::replace(&mut self.trouble_mut().received, rx_bytes);
        if rx_bytes > before {
            self.desk.heard((self.clock)());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        tracing::debug!(target: "librdkafka", "{code:?}: {reason}");
        let mut trouble = self.trouble_mut();
        trouble.all_down |= code == Code::AllBrokersDown;
        if words::is_about_the_connection(code) {
            trouble.said = Some((code, reason.to_owned()));
        }
        if !trouble.open {
            return;
        }
        drop(trouble);
        if let Verdict::Cut(said) = words::verdict(code, reason) {
            self.desk.end(SessionError::Cut(said));
        }
    }
}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Member>, code: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        tracing::debug!("{code:?}: {:?}", list(partitions));
        match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.came(consumer, partitions),
            _ => self.go(consumer, partitions),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        if let Err(error) = result {
            self.not_committed(&error, offsets);
        }
    }
}
