//! Sessions against librdkafka's mock of a broker: what a program as a whole cannot be brought to do on purpose.

use std::time::Duration;

use feedwatch_model::Position;
use futures_util::FutureExt;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{KafkaOptions, KafkaRole, KafkaServers, KafkaSource, KafkaStart};
use crate::testkit::clock;
use crate::{Batch, Resume, Session, SessionError, Source};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> Mock {
    let cluster = Mock::new(1).unwrap();
    cluster.create_topic("t", partitions, 1).unwrap();
    cluster
}

fn send(cluster: &Mock, partition: i32, numbers: std::ops::Range<u64>) {
    let producer: ThreadedProducer<_> =
        ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
    for number in numbers {
        let payload = number.to_string();
        producer.send(BaseRecord::<(), str>::to("t").partition(partition).payload(&payload)).map_err(|e| e.0).unwrap();
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

fn member(cluster: &Mock) -> KafkaSource {
    let servers = KafkaServers::parse(&format!("kafka://{}", cluster.bootstrap_servers())).unwrap();
    let options = KafkaOptions::new(servers, KafkaRole::Member { group: "g".into() });
    KafkaSource::new(KafkaOptions { topics: vec!["t".into()], start: KafkaStart::Earliest, ..options }, clock)
}

fn committed(cluster: &Mock, partition: i32) -> Option<i64> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", "g")
        .create()
        .unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition("t", partition);
    let answer = consumer.committed_offsets(asked, Duration::from_secs(30)).unwrap();
    match answer.find_partition("t", partition).unwrap().offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// Receives so many messages; their numbers in order.
async fn receive(session: &mut dyn Session, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let mut batch = Batch::default();
        session.recv(&mut batch).await.unwrap();
        let read =
            |message: &feedwatch_model::Message| std::str::from_utf8(&message.payload).unwrap().parse::<u64>().unwrap();
        numbers.extend(batch.messages().iter().map(read));
    }
    numbers
}

async fn until(condition: impl Fn() -> bool) {
    let looked = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looked).await.expect("it does not come to be");
}

#[tokio::test]
async fn while_nobody_takes_messages_reading_is_paused_and_nothing_is_lost() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..20_000);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    for _ in 0..2 {
        until(|| source.desk().is_paused()).await;
        receive(session.as_mut(), 1).await;
        // There is room again as soon as a batch was taken.
        until(|| !source.desk().is_paused()).await;
    }
    let mut numbers = receive(session.as_mut(), 20_000 - 2 * 256).await;
    assert_eq!(numbers.split_off(0), (512..20_000).collect::<Vec<u64>>(), "each once, in order");
    session.close().await;
}

#[tokio::test]
async fn the_group_is_told_of_nothing_that_was_not_acknowledged() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..100);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    assert!(session.acknowledges());
    receive(session.as_mut(), 100).await;
    until(|| committed(&cluster, 0) == Some(0)).await;
    session.ack(30).await.unwrap();
    until(|| committed(&cluster, 0) == Some(30)).await;
    session.ack(40).await.unwrap();
    // What was acknowledged is told when we leave, and nothing else.
    session.close().await;
    assert_eq!(committed(&cluster, 0), Some(40));
    let mut session = source.connect(&Resume::default()).await.unwrap();
    assert_eq!(receive(session.as_mut(), 60).await, (40..100).collect::<Vec<u64>>());
}

#[tokio::test]
async fn without_the_groups_memory_our_own_is_gone_on_from() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..100);
    let known = Position::Offset { lane: "t/0".into(), offset: 69 };
    let mut session = member(&cluster).connect(&[known].into_iter().collect()).await.unwrap();
    assert_eq!(receive(session.as_mut(), 30).await, (70..100).collect::<Vec<u64>>());
    session.close().await;
}

#[tokio::test]
async fn a_broker_that_goes_away_ends_the_session() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..10);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    receive(session.as_mut(), 10).await;
    cluster.broker_down(1).unwrap();
    let ended = session.recv(&mut Batch::default()).await;
    assert_eq!(ended, Err(SessionError::Cut("The connection to all brokers is lost.".into())));
    drop(session);
    let told = source.connect(&Resume::default()).await.err().unwrap();
    assert!(!told.is_permanent() && told.to_string().contains("Nothing listens at"), "{told}");
}

#[tokio::test]
async fn what_the_broker_has_deleted_unread_is_told_once_and_reading_goes_on_behind_it() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..10);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    receive(session.as_mut(), 10).await;
    session.ack(10).await.unwrap();
    session.close().await;
    // The mock keeps 5 MiB of a partition.
    let large = "1".repeat(200_000);
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("linger.ms", "0")
        .create()
        .unwrap();
    for _ in 0..60 {
        producer.send(BaseRecord::<(), str>::to("t").partition(0).payload(&large)).map_err(|e| e.0).unwrap();
        producer.flush(Duration::from_secs(60)).unwrap();
    }
    let (low, high) = producer.client().fetch_watermarks("t", 0, Duration::from_secs(30)).unwrap();
    assert!(low > 10, "the mock has deleted something: {low} to {high}");

    let mut session = source.connect(&Resume::default()).await.unwrap();
    let told = session.recv(&mut Batch::default()).await.unwrap_err().to_string();
    let expected = format!("deleted messages of t/0 before they were read: offsets 10 to {}.", low - 1);
    assert!(told.contains(&expected), "{told}");
    drop(session);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    let mut offsets = Vec::new();
    while offsets.len() < (high - low) as usize {
        let mut batch = Batch::default();
        session.recv(&mut batch).await.unwrap();
        offsets.extend(batch.messages().iter().filter_map(|message| message.meta.as_ref()?.offset));
    }
    assert_eq!(offsets, (low as u64..high as u64).collect::<Vec<u64>>());
    session.close().await;
}

#[tokio::test]
async fn many_partitions_of_a_broker_far_away_are_begun() {
    let cluster = cluster(300);
    send(&cluster, 299, 7..8);
    cluster.broker_round_trip_time(1, Duration::from_millis(50)).unwrap();
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    assert_eq!(receive(session.as_mut(), 1).await, [7]);
}

#[tokio::test]
async fn while_nothing_can_be_kept_reading_stops() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..80_000);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    let mut numbers = receive(session.as_mut(), 65_536).await;
    until(|| source.desk().is_paused()).await;
    assert!(session.recv(&mut Batch::default()).now_or_never().is_none(), "messages are there");
    // The last batch may have brought 255 more than it had to.
    session.ack(2_000).await.unwrap();
    numbers.extend(receive(session.as_mut(), 800).await);
    session.ack(numbers.len() as u64).await.unwrap();
    numbers.extend(receive(session.as_mut(), 80_000 - numbers.len()).await);
    assert_eq!(numbers, (0..80_000).collect::<Vec<u64>>(), "each once, in order");
    session.close().await;
}

#[tokio::test]
async fn the_end_is_told_also_while_nothing_can_be_kept() {
    let cluster = cluster(1);
    send(&cluster, 0, 0..80_000);
    let source = member(&cluster);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    receive(session.as_mut(), 65_536).await;
    cluster.broker_down(1).unwrap();
    let ended = session.recv(&mut Batch::default()).await;
    assert_eq!(ended, Err(SessionError::Cut("The connection to all brokers is lost.".into())));
}
