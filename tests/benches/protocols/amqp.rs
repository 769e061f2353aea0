//! RabbitMQ: a consumer of lapin in a loop that acknowledges a thousand at a time, against a queue that is full.

use std::sync::Arc;

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_ingest::{AmqpOptions, AmqpQueue, AmqpSource};
use feedwatch_tests::rabbit::{Client, Rabbit};
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

use crate::measure::cpu;
use crate::run::{Count, Pair, SHAPE, received};

const COUNT: Count = Count { warm_up: 10_000, total: 60_000 };
const QUEUE: &str = "bench";

/// A broker and its two readers; `None` where none is installed.
pub(crate) fn pair() -> anyhow::Result<Option<Pair<'static>>> {
    let Some(rabbit) = Rabbit::start() else {
        println!("RabbitMQ is not installed: not measured.");
        return Ok(None);
    };
    let client = Arc::new(rabbit.client());
    client.make(QUEUE);
    let port = rabbit.port;
    Ok(Some(Pair {
        name: format!("rabbitmq, {} messages of {} bytes", COUNT.total - COUNT.warm_up, SHAPE.bytes()),
        bare: Box::new({
            let client = Arc::clone(&client);
            move || {
                fill(&client);
                bare(port)
            }
        }),
        handed: None,
        ours: Box::new(move || {
            // The broker lives as long as its readers.
            let _ = &rabbit;
            fill(&client);
            let options = AmqpOptions {
                port,
                login: AmqpOptions::login_of("guest", "guest"),
                ..AmqpOptions::new("127.0.0.1", AmqpQueue::Existing(QUEUE.to_owned()))
            };
            received(Arc::new(AmqpSource::new(options, clock::now)), COUNT, |_| Ok(()))
        }),
    }))
}

/// Not measured.
fn fill(client: &Client) {
    let body = "x".repeat(SHAPE.bytes());
    for _ in 0..COUNT.total / 10_000 {
        client.publish("", (0..10_000).map(|_| (QUEUE, body.clone())));
    }
}

fn bare(port: u16) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(AmqpOptions::PREFETCH, BasicQosOptions::default()).await?;
        let consuming = BasicConsumeOptions::default();
        let mut consumer = channel.basic_consume(QUEUE.into(), "".into(), consuming, FieldTable::default()).await?;
        let (mut read, mut bytes, mut before) = (0, 0, cpu());
        while read < COUNT.total {
            let delivery = consumer.next().await.context("the broker went away")??;
            bytes += delivery.data.len();
            read += 1;
            if read % 1_000 == 0 {
                delivery.ack(BasicAckOptions { multiple: true }).await?;
            }
            if read == COUNT.warm_up {
                before = cpu();
            }
        }
        let spent = cpu() - before;
        anyhow::ensure!(bytes as u64 == COUNT.total * SHAPE.bytes() as u64, "{bytes} bytes were read");
        connection.close(0, "".into()).await?;
        Ok(spent.as_nanos() as f64 / (COUNT.total - COUNT.warm_up) as f64)
    })
}
