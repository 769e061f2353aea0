//! Lines over TCP: tokio's buffered reader in a loop.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use feedwatch_engine::clock;
use feedwatch_ingest::{LinesOptions, LinesPlace, LinesSource, Source};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::run::{Count, Peer, Protocol, Reading};

pub(crate) const PROTOCOL: Protocol = Protocol { name: "lines", greet, frame, end: b"\n", bare, source };

fn greet(_: &mut TcpStream) -> anyhow::Result<()> {
    Ok(())
}

fn frame(_: &mut Vec<u8>) {}

/// Line after line into one buffer.
fn bare(peer: Peer, count: Count) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(peer.address).await?;
        let mut reader = BufReader::with_capacity(32 << 10, socket);
        let (mut reading, mut line) = (Reading::begin(peer, count)?, Vec::new());
        loop {
            line.clear();
            anyhow::ensure!(reader.read_until(b'\n', &mut line).await? > 0, "the peer went away");
            if reading.message(line.len() - 1)? {
                return reading.end();
            }
        }
    })
}

fn source(address: SocketAddr) -> anyhow::Result<Arc<dyn Source>> {
    let place = LinesPlace::Server { host: address.ip().to_string(), port: address.port(), encrypted: false };
    Ok(Arc::new(LinesSource::new(LinesOptions::new(place), clock::now)))
}
