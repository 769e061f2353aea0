//! The baseline: a WebSocket is read and nothing else is done. One thread, nothing copied, nothing kept.

use anyhow::Context;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::measure::cpu;
use crate::sender::Sender;
use crate::ticker::Shape;
use crate::{PRODUCTS, WINDOW, pace};

/// Of 16 to 256 KiB this was the fastest here; 128 KiB is the library's own.
const READ_BUFFER: usize = 64 << 10;
/// Told to the sender so often that it never waits, so seldom that it costs nothing.
const TELL: u64 = WINDOW / 4;

/// CPU nanoseconds a message.
pub(crate) fn run(shape: Shape, warm_up: u64, messages: u64) -> anyhow::Result<f64> {
    let mut sender = Sender::start(shape, PRODUCTS, pace())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = TcpStream::connect(sender.url().trim_start_matches("ws://").trim_end_matches('/')).await?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (mut stream, _) = client_async_with_config(sender.url(), socket, Some(config)).await?;
        let total = warm_up + messages;
        sender.allow(WINDOW.min(total))?;
        let (mut read, mut bytes, mut before) = (0, 0, cpu());
        while read < total {
            let message = stream.next().await.context("the sender went away")??;
            bytes += message.len();
            read += 1;
            if read % TELL == 0 {
                sender.allow((read + WINDOW).min(total))?;
            }
            if read == warm_up {
                before = cpu();
            }
        }
        let spent = cpu() - before;
        anyhow::ensure!(bytes as u64 == total * shape.bytes() as u64, "{bytes} bytes were read");
        Ok(spent.as_nanos() as f64 / messages as f64)
    })
}
