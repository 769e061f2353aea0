//! Server-sent events: the frames of hyper's body in a loop that takes the data of each event out of them.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use feedwatch_engine::clock;
use feedwatch_ingest::{Source, SseOptions, SseSource};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::run::{Count, Peer, Protocol, Reading, request};

pub(crate) const PROTOCOL: Protocol = Protocol { name: "sse", greet, frame, end: b"\n\n", bare, source };

fn greet(stream: &mut TcpStream) -> anyhow::Result<()> {
    request(stream)?;
    Ok(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?)
}

fn frame(out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
}

/// The library, read, and the data of each event looked at: all events are one line. What a frame cuts off waits for the next.
fn bare(peer: Peer, count: Count) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(peer.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let question = hyper::Request::get("/").header("host", "bench").body(Empty::<Bytes>::new())?;
        let mut body = sender.send_request(question).await?.into_body();
        let (mut reading, mut cut) = (Reading::begin(peer, count)?, Vec::new());
        loop {
            let frame = body.frame().await.context("the peer went away")??;
            let Ok(data) = frame.into_data() else { continue };
            let mut rest = &data[..];
            if !cut.is_empty() {
                let end = if cut.ends_with(b"\n") && rest.starts_with(b"\n") {
                    1
                } else {
                    rest.windows(2).position(|two| two == b"\n\n").map_or(rest.len(), |at| at + 2)
                };
                cut.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
                if let Some(event) = cut.strip_suffix(b"\n\n") {
                    if reading.message(event.len() - b"data: ".len())? {
                        return reading.end();
                    }
                    cut.clear();
                }
            }
            while let Some(end) = memchr::memchr(b'\n', rest)
                && rest.get(end + 1) == Some(&b'\n')
            {
                let event = rest[..end].strip_prefix(b"data: ").context("this is no data")?;
                if reading.message(event.len())? {
                    return reading.end();
                }
                rest = &rest[end + 2..];
            }
            cut.extend_from_slice(rest);
        }
    })
}

fn source(address: SocketAddr) -> anyhow::Result<Arc<dyn Source>> {
    Ok(Arc::new(SseSource::new(SseOptions::new(format!("http://{address}/")), clock::now)))
}
