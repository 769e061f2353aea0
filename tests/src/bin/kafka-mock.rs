//! A cluster of one broker, librdkafka's own mock, in a process of its own so that it can be killed.
//!
//! `kafka-mock TOPIC:PARTITIONS ...` says `servers HOST:PORT` and then does what its standard input asks for, a line each:
//!
//! | line | answer |
//! |---|---|
//! | `send TOPIC COUNT [CODEC]` | `sent TOPIC PARTITION OFFSET SEQ` for each message the broker took, then `done` |
//! | `trickle TOPIC COUNT` | the same, 20 at a time and some thousand a second |
//! | `put TOPIC {"key": .., "headers": {..}, "payload": ..}` | the same; a payload of `null` is a tombstone |
//! | `committed GROUP TOPIC` | `committed GROUP OFFSET,OFFSET,..`, -1 where there is none |
//! | `down`, `up` | `done`: connections are cut and refused, and taken again; what was sent is kept |
//!
//! It ends with its standard input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // It is part of a test.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Message as _, Offset, TopicPartitionList};

const LONG: Duration = Duration::from_secs(60);

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Says what the broker took.
struct Said;

impl ClientContext for Said {}

impl ProducerContext for Said {
    type DeliveryOpaque = Arc<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Arc<u64>) {
        match result {
            Ok(message) => {
                let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
                say(&format!("sent {topic} {partition} {offset} {number}"));
            }
            Err((error, _)) => say(&format!("failed {number} {error}")),
        }
    }
}

struct Mock {
    cluster: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
    servers: String,
    topics: HashMap<String, i32>,
    producers: HashMap<String, ThreadedProducer<Said>>,
    next: u64,
}

impl Mock {
    fn producer(&mut self, codec: &str) -> &ThreadedProducer<Said> {
        let servers = &self.servers;
        self.producers.entry(codec.to_owned()).or_insert_with(|| {
            ClientConfig::new()
                .set("bootstrap.servers", servers)
                .set("compression.codec", codec)
                .set("linger.ms", "5")
                .set("queue.buffering.max.messages", "1000000")
                .create_with_context(Said)
                .expect("a producer")
        })
    }

    fn send(&mut self, topic: &str, count: u64, codec: &str) {
        let partitions = u64::try_from(self.topics[topic]).unwrap();
        let first = self.next;
        self.next += count;
        let producer = self.producer(codec);
        for number in first..first + count {
            let payload = format!("{{\"seq\":{number},\"level\":{}}}", 20 + number * 7919 % 101);
            let key = format!("k{}", number % 16);
            let partition = i32::try_from(number % partitions).unwrap();
            let record = BaseRecord::with_opaque_to(topic, Arc::new(number));
            producer.send(record.key(&key).partition(partition).payload(&payload)).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LONG).expect("the broker takes them");
    }

    fn trickle(&mut self, topic: &str, count: u64) {
        for _ in 0..count / 20 {
            self.send(topic, 20, "none");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn put(&mut self, topic: &str, message: &str) {
        let message: serde_json::Value = serde_json::from_str(message).expect("a message as JSON");
        let number = self.next;
        self.next += 1;
        let mut headers = OwnedHeaders::new();
        for (key, value) in message["headers"].as_object().into_iter().flatten() {
            headers = headers.insert(Header { key, value: value.as_str() });
        }
        let (key, payload) = (message["key"].as_str().unwrap_or_default(), message["payload"].as_str());
        let mut record = BaseRecord::with_opaque_to(topic, Arc::new(number)).key(key).headers(headers).partition(0);
        record.payload = payload;
        let producer = self.producer("none");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(LONG).expect("the broker takes it");
        say("done");
    }

    fn committed(&self, group: &str, topic: &str) {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", group)
            .create()
            .expect("a consumer");
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(topic, 0, self.topics[topic] - 1);
        let answer = consumer.committed_offsets(asked, LONG).expect("an answer");
        let elements = answer.elements();
        let offsets = elements.iter().map(|element| match element.offset() {
            Offset::Offset(offset) => offset.to_string(),
            _ => "-1".to_owned(),
        });
        say(&format!("committed {group} {}", offsets.collect::<Vec<_>>().join(",")));
    }
}

fn main() {
    let cluster = MockCluster::new(1).expect("a cluster");
    let servers = cluster.bootstrap_servers();
    let mut mock = Mock { cluster, servers, topics: HashMap::new(), producers: HashMap::new(), next: 1 };
    for argument in std::env::args().skip(1) {
        let (topic, partitions) = argument.split_once(':').expect("TOPIC:PARTITIONS");
        let partitions = partitions.parse().expect("a number");
        mock.cluster.create_topic(topic, partitions, 1).expect("a topic");
        mock.topics.insert(topic.to_owned(), partitions);
    }
    say(&format!("servers {}", mock.servers));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        match words.as_slice() {
            ["send", topic, rest] => {
                let (count, codec) = rest.split_once(' ').unwrap_or((rest, "none"));
                mock.send(topic, count.parse().expect("a number"), codec);
                say("done");
            }
            ["trickle", topic, count] => {
                mock.trickle(topic, count.parse().expect("a number"));
                say("done");
            }
            ["put", topic, message] => mock.put(topic, message),
            ["committed", group, topic] => mock.committed(group, topic),
            ["down"] => {
                mock.cluster.broker_down(1).expect("a broker");
                say("done");
            }
            ["up"] => {
                mock.cluster.broker_up(1).expect("a broker");
                say("done");
            }
            other => panic!("what is {other:?}?"),
        }
    }
}
