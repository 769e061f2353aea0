//! Kafka: the consumer of rdkafka polled in a loop, against a topic that is full. The broker is librdkafka's mock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use feedwatch_engine::clock;
use feedwatch_ingest::{KafkaOptions, KafkaRole, KafkaServers, KafkaSource, KafkaStart};
use feedwatch_tests::kafka::Broker;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::measure::cpu;
use crate::run::{Count, Pair, received};

/// What the mock keeps of a partition is bounded: by 100,000 messages, and 5 MiB.
const PARTITIONS: u64 = 16;
const COUNT: Count = Count { warm_up: 40_000, total: 320_000 };

/// A topic that is full, and its two readers.
pub(crate) fn pair() -> anyhow::Result<Pair<'static>> {
    let mut broker = Broker::start(env!("CARGO_BIN_EXE_kafka-mock"), &[&format!("prices:{PARTITIONS}")]);
    broker.send("prices", COUNT.total);
    let servers = broker.servers.clone();
    Ok(Pair {
        name: format!("kafka, {} messages", COUNT.total - COUNT.warm_up),
        bare: Box::new({
            let servers = servers.clone();
            move || bare(&servers)
        }),
        ours: Box::new(move || {
            // The broker lives as long as its readers.
            let _ = &broker;
            let servers = KafkaServers::parse(&format!("kafka://{servers}"))?;
            let role = KafkaRole::Member { group: format!("bench-{}", fresh()) };
            let topics = vec!["prices".to_owned()];
            let options = KafkaOptions { topics, start: KafkaStart::Earliest, ..KafkaOptions::new(servers, role) };
            received(Arc::new(KafkaSource::new(options, clock::now)), COUNT, |_| Ok(()))
        }),
        handed: None,
    })
}

/// Of each round a group of its own: nobody waits for a former member.
fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Message after message, their bytes counted.
fn bare(servers: &str) -> anyhow::Result<f64> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("group.id", format!("bare-{}", fresh()))
        .set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.set("auto.offset.reset", "earliest").create()?;
    consumer.subscribe(&["prices"])?;
    let (mut read, mut bytes, mut before, began) = (0, 0, cpu(), Instant::now());
    while read < COUNT.total {
        // A rebalance is none.
        let Some(message) = consumer.poll(Duration::from_secs(1)) else {
            anyhow::ensure!(began.elapsed() < Duration::from_secs(60), "only {read} messages came");
            continue;
        };
        let message = message?;
        bytes += message.payload().map_or(0, <[u8]>::len);
        read += 1;
        if read == COUNT.warm_up {
            before = cpu();
        }
    }
    let spent = cpu() - before;
    anyhow::ensure!(bytes > 0, "nothing was read");
    Ok(spent.as_nanos() as f64 / (COUNT.total - COUNT.warm_up) as f64)
}
