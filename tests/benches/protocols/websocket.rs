//! WebSocket, text frames that are not compressed: tokio-tungstenite in a loop.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_ingest::{Source, WebSocketOptions, WebSocketSource};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::run::{Count, Peer, Protocol, Reading, SHAPE, request};

pub(crate) const PROTOCOL: Protocol = Protocol { name: "websocket", greet, frame, end: b"", bare, source };

fn greet(stream: &mut TcpStream) -> anyhow::Result<()> {
    let head = request(stream)?;
    let key = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim())
    });
    let accept = derive_accept_key(key.context("a key")?.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(stream.write_all(answer.as_bytes())?)
}

/// The head of a text frame.
fn frame(out: &mut Vec<u8>) {
    out.extend([0x81, 126]);
    out.extend((SHAPE.bytes() as u16).to_be_bytes());
}

/// The library, read and nothing else.
fn bare(peer: Peer, count: Count) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut stream, _) = tokio_tungstenite::connect_async(format!("ws://{}/", peer.address)).await?;
        let mut reading = Reading::begin(peer, count)?;
        loop {
            let message = stream.next().await.context("the peer went away")??;
            if reading.message(message.len())? {
                return reading.end();
            }
        }
    })
}

fn source(address: SocketAddr) -> anyhow::Result<Arc<dyn Source>> {
    Ok(Arc::new(WebSocketSource::new(WebSocketOptions::new(format!("ws://{address}/")), clock::now)))
}
