//! What the protocols share: rounds, ratios, the child that plays the peer, and our side of the comparison.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_ingest::{Backoff, Batch, Bell, Inbox, InboxLimits, Resume, Source, supervise};
use tokio_util::sync::CancellationToken;

use crate::measure::{Spread, cpu};
use crate::ticker::{Messages, Shape};

/// Ours over bare: at least this much of the speed of a loop that only reads.
const GOAL: f64 = 0.8;
const GATE: f64 = 0.8 * GOAL;
const ROUNDS: u64 = 7;
/// How many messages may be under way.
pub(crate) const WINDOW: u64 = 8_192;
/// Told to the peer so often that it never waits, so seldom that it costs nothing.
pub(crate) const TELL: u64 = WINDOW / 4;
/// The first messages are not measured.
const WARM_UP: u64 = 40_000;
/// What a message looks like, and its bytes.
pub(crate) const SHAPE: Shape = Shape::Ticker;
const PRODUCTS: usize = 10;
/// Taken from the inbox in one go, as by the engine.
pub(crate) const PASS: usize = 64;
const BLOCK: usize = 64 << 10;
/// Longer than anything takes.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A protocol, its peer, and the two that are compared.
pub(crate) struct Protocol {
    pub(crate) name: &'static str,
    /// The peer's part until messages may flow; then the frame of each message is put in front of it, and its end behind.
    pub(crate) greet: fn(&mut TcpStream) -> anyhow::Result<()>,
    pub(crate) frame: fn(&mut Vec<u8>),
    pub(crate) end: &'static [u8],
    /// The library alone: CPU nanoseconds a message.
    pub(crate) bare: fn(Peer, Count) -> anyhow::Result<f64>,
    /// Our source.
    pub(crate) source: fn(SocketAddr) -> anyhow::Result<Arc<dyn Source>>,
}

/// How many messages come.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    pub(crate) warm_up: u64,
    pub(crate) total: u64,
}

/// The peer, seen from the measured process: it says how many messages may have been sent in all.
pub(crate) struct Peer {
    child: Child,
    credit: ChildStdin,
    pub(crate) address: SocketAddr,
}

impl Peer {
    fn start(name: &str) -> anyhow::Result<Peer> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["send", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let credit = child.stdin.take().context("the peer has no input")?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("the peer has no output")?).read_line(&mut address)?;
        Ok(Peer { child, credit, address: address.trim().parse()? })
    }

    pub(crate) fn allow(&mut self, total: u64) -> anyhow::Result<()> {
        Ok(self.credit.write_all(&total.to_le_bytes())?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a bare loop counts of what it reads.
pub(crate) struct Reading {
    peer: Peer,
    count: Count,
    read: u64,
    bytes: u64,
    before: Duration,
}

impl Reading {
    /// It begins: the peer may send.
    pub(crate) fn begin(mut peer: Peer, count: Count) -> anyhow::Result<Reading> {
        peer.allow(WINDOW.min(count.total))?;
        Ok(Reading { peer, count, read: 0, bytes: 0, before: cpu() })
    }

    /// A message of so many bytes was read; `true`: it was the last.
    pub(crate) fn message(&mut self, bytes: usize) -> anyhow::Result<bool> {
        self.bytes += bytes as u64;
        self.read += 1;
        if self.read.is_multiple_of(TELL) {
            self.peer.allow((self.read + WINDOW).min(self.count.total))?;
        }
        if self.read == self.count.warm_up {
            self.before = cpu();
        }
        Ok(self.read == self.count.total)
    }

    /// CPU nanoseconds a message.
    pub(crate) fn end(self) -> anyhow::Result<f64> {
        let spent = cpu() - self.before;
        let Count { warm_up, total } = self.count;
        anyhow::ensure!(self.bytes == total * SHAPE.bytes() as u64, "{} bytes were read", self.bytes);
        Ok(spent.as_nanos() as f64 / (total - warm_up) as f64)
    }
}

/// What is measured: a name, and CPU nanoseconds a message of the bare loop and of ours.
pub(crate) struct Pair<'a> {
    pub(crate) name: String,
    pub(crate) bare: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
    pub(crate) ours: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
    /// Ours with all that is behind it, up to another thread; shown, and no goal.
    pub(crate) handed: Option<Box<dyn Fn() -> anyhow::Result<f64> + 'a>>,
}

/// Is this process the peer of one? Then it has done its work.
pub(crate) fn is_peer(protocols: &[Protocol]) -> anyhow::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some("send") {
        return Ok(false);
    }
    let name = arguments.next();
    let protocol = protocols.iter().find(|protocol| Some(protocol.name) == name.as_deref());
    send(protocol.context("there is no such protocol")?)?;
    Ok(true)
}

/// How many messages are measured.
pub(crate) fn messages() -> u64 {
    number("MESSAGES", 1_000_000)
}

/// `ONLY="kafka;sse"` runs these alone.
pub(crate) fn is_wanted(name: &str) -> bool {
    std::env::var("ONLY").map_or(true, |only| only.split(';').any(|only| only == name))
}

fn rounds() -> u64 {
    number("ROUNDS", ROUNDS)
}

pub(crate) fn heading() {
    println!("{} rounds of {} messages: CPU ns a message", rounds(), messages());
    println!("{:34} {:>6} {:>6}   {:>6} {:>15}   handed on", "", "bare", "ours", "ratio", "range");
}

/// Runs all of them; `true`: one is too slow.
pub(crate) fn all(protocols: &[Protocol]) -> anyhow::Result<bool> {
    let count = Count { warm_up: WARM_UP, total: WARM_UP + messages() };
    let mut missed = false;
    for protocol in protocols.iter().filter(|protocol| is_wanted(protocol.name)) {
        missed |= pair(&Pair {
            name: format!("{}, messages of {} bytes", protocol.name, SHAPE.bytes()),
            bare: Box::new(|| (protocol.bare)(Peer::start(protocol.name)?, count)),
            ours: Box::new(|| session(protocol, count)),
            handed: Some(Box::new(|| handed(protocol, count))),
        })?;
    }
    Ok(missed)
}

/// Runs one and tells; `true`: it is too slow.
pub(crate) fn pair(pair: &Pair<'_>) -> anyhow::Result<bool> {
    let (mut bare, mut own, mut far) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        bare.push((pair.bare)().context("the bare loop")?);
        own.push((pair.ours)().context("our receive path")?);
        if let Some(handed) = &pair.handed {
            far.push(handed().context("our receive path, handed on")?);
        }
    }
    let far: Vec<f64> = bare.iter().zip(&far).map(|(bare, far)| bare / far).collect();
    let ratio = Spread::of(bare.iter().zip(&own).map(|(bare, own)| bare / own));
    let [bare, own] = [bare, own].map(|nanos| Spread::of(nanos).median);
    let (Spread { median, low, high }, name) = (ratio, &pair.name);
    print!("{name:34} {bare:>6.0} {own:>6.0}   {median:>6.3} {low:>6.3} .. {high:.3}");
    if !far.is_empty() {
        let Spread { median, low, high } = Spread::of(far);
        print!("   {median:>6.3} {low:>6.3} .. {high:.3}");
    }
    println!();
    let text = format!("{name}: received at {median:.3} of the bare loop's speed");
    if median < GATE {
        eprintln!("FAILED: {text}, the least allowed is {GATE}.");
    } else if median < GOAL {
        println!("WARNING: {text}; the goal is {GOAL}.");
    }
    Ok(median < GATE)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A session read into batches, as the bare loop is.
fn session(protocol: &Protocol, count: Count) -> anyhow::Result<f64> {
    let peer = Peer::start(protocol.name)?;
    let source = (protocol.source)(peer.address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut session = source.connect(&Resume::default()).await?;
        let (mut reading, mut batch) = (Reading::begin(peer, count)?, Batch::default());
        loop {
            session.recv(&mut batch).await?;
            for payload in batch.payloads() {
                if reading.message(payload.len())? {
                    return reading.end();
                }
            }
            batch.clear();
        }
    })
}

/// Source, supervision, inbox and its bell as in the engine, against a peer that is told how much it may send.
fn handed(protocol: &Protocol, count: Count) -> anyhow::Result<f64> {
    let mut peer = Peer::start(protocol.name)?;
    let source = (protocol.source)(peer.address)?;
    received(source, count, |total| peer.allow(total))
}

/// CPU nanoseconds a message of a source under supervision into an inbox; what is drained is thrown away and counts as kept.
/// `allow` is told how many messages may have been sent in all.
pub(crate) fn received(
    source: Arc<dyn Source>,
    count: Count,
    mut allow: impl FnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let bell = Arc::new(Bell::default());
    let ringing = Arc::clone(&bell);
    let inbox = Inbox::new(InboxLimits::default(), Arc::new(move || ringing.ring()));
    let stop = CancellationToken::new();
    let (resume, policy) = (Resume::default(), Backoff::default());
    let task = runtime.spawn(supervise(source, Arc::clone(&inbox), resume, policy, clock::now, stop.clone()));
    let (mut before, mut told) = (cpu(), 0);
    let mut last = Instant::now();
    loop {
        let counters = inbox.counters();
        let done = counters.received - counters.queued;
        anyhow::ensure!(counters.dropped == 0, "messages were dropped");
        if done >= count.warm_up && told < count.warm_up {
            before = cpu();
        }
        if done >= told + TELL || told == 0 || done >= count.warm_up && told < count.warm_up {
            told = done.max(1);
            let end = if done < count.warm_up { count.warm_up } else { count.total };
            inbox.kept_below(done);
            allow((done + WINDOW).min(end))?;
        }
        if done >= count.total {
            break;
        }
        anyhow::ensure!(last.elapsed() < WAIT, "only {done} messages came");
        match inbox.drain(PASS, drop) {
            0 => bell.wait(last, last + WAIT),
            _ => last = Instant::now(),
        }
    }
    let spent = cpu() - before;
    // A broker that keeps them would send them to the next reader.
    inbox.kept_below(count.total);
    stop.cancel();
    runtime.block_on(task)?;
    Ok(spent.as_nanos() as f64 / (count.total - count.warm_up) as f64)
}

/// The head of a client's request.
pub(crate) fn request(stream: &mut TcpStream) -> anyhow::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8(head)?)
}

/// In the child: sends until told otherwise.
fn send(protocol: &Protocol) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let (mut stream, _) = listener.accept()?;
    (protocol.greet)(&mut stream)?;
    let (mut messages, now) = (Messages::new(SHAPE, PRODUCTS), clock::now());
    let mut block = Vec::with_capacity(BLOCK + 1_024);
    let (mut sent, mut credit) = (0, [0; 8]);
    while std::io::stdin().read_exact(&mut credit).is_ok() {
        let allowed = u64::from_le_bytes(credit);
        while sent < allowed {
            block.clear();
            while sent < allowed && block.len() < BLOCK {
                (protocol.frame)(&mut block);
                messages.next(now.plus_nanos(sent as i64 * 1_000), &mut block);
                block.extend_from_slice(protocol.end);
                sent += 1;
            }
            stream.write_all(&block)?;
        }
    }
    Ok(())
}
