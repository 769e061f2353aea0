//! Subjects of NATS: a subscription of `async-nats` in a loop, against source, supervision and inbox as in the engine.

use std::io::{BufRead as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_ingest::{Backoff, Bell, Event, Inbox, InboxLimits, NatsOptions, NatsSource, Resume, supervise};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::measure::cpu;
use crate::run::{PASS, Pair, WAIT};

const ARGUMENT: &str = "publish-nats";
/// Messages that may be under way: neither side ever drops one.
const WINDOW: u64 = 8_192;
/// The publisher is told so often.
const TELL: u64 = WINDOW / 4;
const WARM_UP: u64 = 20_000;
const SUBJECTS: u64 = 10;

/// Both sizes of the other bench.
pub(crate) fn pairs(port: u16, messages: u64) -> Vec<Pair<'static>> {
    let of = |size: usize| Pair {
        name: format!("NATS core, messages of {size} bytes"),
        bare: Box::new(move || bare(port, size, messages)),
        ours: Box::new(move || ours(port, size, messages)),
        handed: None,
    };
    vec![of(275), of(60)]
}

/// The publisher, seen from the measured process: it sends as many as it is allowed to.
struct Publisher {
    child: Child,
    credit: ChildStdin,
}

impl Publisher {
    fn start(port: u16, size: usize) -> anyhow::Result<Publisher> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, &port.to_string(), &size.to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        let credit = child.stdin.take().context("the publisher has no input")?;
        Ok(Publisher { child, credit })
    }

    fn allow(&mut self, total: u64) -> anyhow::Result<()> {
        Ok(writeln!(self.credit, "{total}")?)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is this process the publisher? Then it has done its work.
pub(crate) fn is_publisher() -> anyhow::Result<bool> {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some(ARGUMENT) {
        return Ok(false);
    }
    let (port, size): (u16, usize) = (args.next().context("a port")?.parse()?, args.next().context("a size")?.parse()?);
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.set_nodelay(true)?;
    server.write_all(b"CONNECT {\"verbose\":false}\r\n")?;
    // The server's pings are few and need no answer within this time.
    let line = |number: u64| format!("PUB bench.{} {size}\r\n{}\r\n", number % SUBJECTS, "x".repeat(size));
    let lines: Vec<String> = (0..SUBJECTS).map(line).collect();
    let (mut sent, mut block) = (0_u64, Vec::new());
    for total in std::io::stdin().lock().lines() {
        let total: u64 = total?.parse()?;
        while sent < total {
            block.extend_from_slice(lines.get((sent % SUBJECTS) as usize).context("a line")?.as_bytes());
            sent += 1;
            if sent == total || block.len() >= 64 << 10 {
                server.write_all(&block)?;
                block.clear();
            }
        }
    }
    Ok(true)
}

/// CPU nanoseconds a message of a subscription that is read and nothing else.
fn bare(port: u16, size: usize, messages: u64) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = async_nats::connect(format!("nats://127.0.0.1:{port}")).await?;
        let mut subscriber = client.subscribe("bench.>").await?;
        client.flush().await?;
        let mut publisher = Publisher::start(port, size)?;
        let total = WARM_UP + messages;
        publisher.allow(WINDOW.min(total))?;
        let (mut read, mut bytes, mut before) = (0, 0, cpu());
        while read < total {
            let message = subscriber.next().await.context("the server went away")?;
            bytes += message.payload.len();
            read += 1;
            if read % TELL == 0 {
                publisher.allow((read + WINDOW).min(total))?;
            }
            if read == WARM_UP {
                before = cpu();
            }
        }
        anyhow::ensure!(bytes as u64 == total * size as u64, "{bytes} bytes were read");
        Ok((cpu() - before).as_nanos() as f64 / messages as f64)
    })
}

/// The same of ours; what is drained is thrown away.
fn ours(port: u16, size: usize, messages: u64) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let bell = Arc::new(Bell::default());
    let ringing = Arc::clone(&bell);
    let inbox = Inbox::new(InboxLimits::default(), Arc::new(move || ringing.ring()));
    let options = NatsOptions { port, ..NatsOptions::new("127.0.0.1", vec!["bench.>".to_owned()]) };
    let stop = CancellationToken::new();
    let supervision = supervise(
        Arc::new(NatsSource::new(options, clock::now)),
        Arc::clone(&inbox),
        Resume::default(),
        Backoff::default(),
        clock::now,
        stop.clone(),
    );
    let task = runtime.spawn(supervision);
    let mut last = Instant::now();
    // Connecting, connected: then what is published is heard.
    let mut events = Vec::new();
    while events.len() < 2 {
        anyhow::ensure!(last.elapsed() < WAIT, "nobody connects: {events:?}");
        if inbox.drain(PASS, |event| events.push(event)) == 0 {
            bell.wait(last, last + WAIT);
        }
    }
    anyhow::ensure!(matches!(events[..], [_, Event::Connected { .. }]), "{events:?}");
    let mut publisher = Publisher::start(port, size)?;
    let total = WARM_UP + messages;
    publisher.allow(WINDOW.min(total))?;
    let (mut read, mut told, mut before) = (0, 0, None);
    while read < total {
        let drained = inbox.drain(PASS, drop);
        if drained == 0 {
            anyhow::ensure!(last.elapsed() < WAIT, "only {read} messages came");
            bell.wait(last, last + WAIT);
            continue;
        }
        last = Instant::now();
        read += drained as u64;
        if read >= told + TELL {
            told = read;
            publisher.allow((read + WINDOW).min(total))?;
        }
        if read >= WARM_UP && before.is_none() {
            before = Some((read, cpu()));
        }
    }
    let (from, before) = before.context("nothing was measured")?;
    let spent = cpu() - before;
    stop.cancel();
    runtime.block_on(task)?;
    let books = inbox.counters();
    anyhow::ensure!(books.received == total && books.bytes == total * size as u64, "{books:?}");
    Ok(spent.as_nanos() as f64 / (total - from) as f64)
}
