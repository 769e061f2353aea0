//! Server-sent events: the frames of hyper's body in a loop in which only the ends of events are looked for.

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

use crate::measure::cpu;
use crate::run::{Count, Peer, Protocol, TELL, WINDOW, request};

pub(crate) const PROTOCOL: Protocol = Protocol { name: "sse", greet, frame, end: b"\n\n", bare, source };

fn greet(stream: &mut TcpStream) -> anyhow::Result<()> {
    request(stream)?;
    Ok(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?)
}

fn frame(out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
}

/// The library, read, with the ends of events counted and nothing else.
fn bare(mut peer: Peer, count: Count) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(peer.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        let question = hyper::Request::get("/").header("host", "bench").body(Empty::<Bytes>::new())?;
        let mut body = sender.send_request(question).await?.into_body();
        peer.allow(WINDOW.min(count.total))?;
        let (mut read, mut told, mut before, mut from) = (0, 0, cpu(), 0);
        let mut last = b' ';
        while read < count.total {
            let frame = body.frame().await.context("the peer went away")??;
            let Ok(data) = frame.into_data() else { continue };
            // An event ends with an empty line; its two ends may come apart.
            let mut at = 0;
            while let Some(end) = memchr::memchr(b'\n', &data[at..]) {
                let here = at + end;
                read += u64::from(if here == 0 { last } else { data[here - 1] } == b'\n');
                at = here + 1;
            }
            last = data.last().copied().unwrap_or(last);
            if read >= told + TELL {
                told = read;
                peer.allow((read + WINDOW).min(count.total))?;
            }
            if read >= count.warm_up && from == 0 {
                (before, from) = (cpu(), read);
            }
        }
        Ok((cpu() - before).as_nanos() as f64 / (count.total - from) as f64)
    })
}

fn source(address: SocketAddr) -> anyhow::Result<Arc<dyn Source>> {
    Ok(Arc::new(SseSource::new(SseOptions::new(format!("http://{address}/")), clock::now)))
}
