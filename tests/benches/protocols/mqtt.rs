//! MQTT 5 with QoS 0, on one topic.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use feedwatch_engine::clock;
use feedwatch_ingest::{MqttOptions, MqttSource, MqttTopic, Source};
use rumqttc_v5::mqttbytes::QoS;
use rumqttc_v5::mqttbytes::v5::Packet;
use rumqttc_v5::{AsyncClient, Event};

use crate::run::{Count, Peer, Protocol, Reading, SHAPE};

pub(crate) const PROTOCOL: Protocol = Protocol { name: "mqtt", greet, frame, end: b"", bare, source };

const TOPIC: &str = "prices/spot/ticker";

/// A packet of a client: its body, which is short.
fn packet(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; head[1].into()];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn greet(stream: &mut TcpStream) -> anyhow::Result<()> {
    packet(stream)?;
    stream.write_all(&[0x20, 3, 0, 0, 0])?;
    let subscribe = packet(stream)?;
    stream.write_all(&[0x90, 4, subscribe[0], subscribe[1], 0, 0])?;
    Ok(())
}

/// The head of PUBLISH.
fn frame(out: &mut Vec<u8>) {
    let length = 2 + TOPIC.len() + 1 + SHAPE.bytes();
    out.extend([0x30, length as u8 & 0x7F | 0x80, (length >> 7) as u8, 0, TOPIC.len() as u8]);
    out.extend(TOPIC.as_bytes());
    out.push(0);
}

/// The library's event loop, read and nothing else.
fn bare(peer: Peer, count: Count) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let address = (peer.address.ip().to_string(), peer.address.port());
        let options = rumqttc_v5::MqttOptions::new("bare", address);
        let (client, mut events) = AsyncClient::builder(options).capacity(10).build();
        client.subscribe(TOPIC, QoS::AtMostOnce).await?;
        let mut reading = Reading::begin(peer, count)?;
        loop {
            let Event::Incoming(Packet::Publish(publish)) = events.poll().await? else { continue };
            if reading.message(publish.payload.len())? {
                return reading.end();
            }
        }
    })
}

fn source(address: SocketAddr) -> anyhow::Result<Arc<dyn Source>> {
    let topic = MqttTopic { filter: TOPIC.to_owned(), qos: 0 };
    let options = MqttOptions { port: address.port(), ..MqttOptions::new(address.ip().to_string(), [topic]) };
    Ok(Arc::new(MqttSource::new(options, clock::now)))
}
