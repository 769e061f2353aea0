//! The other side: a process of its own, so that its CPU time is not counted, that sends messages over a WebSocket on
//! loopback as fast as they are read.
//!
//! The measured process says over the child's standard input how many messages may have been sent in all. So nothing is
//! ever dropped for want of room, and the bare loop and ours are fed in the same way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context;
use feedwatch_model::Time;
use tokio_tungstenite::tungstenite;

use crate::ticker::{Messages, Shape};

const ARGUMENT: &str = "send";
const BLOCK: usize = 64 << 10;

/// The child, seen from the measured process.
pub(crate) struct Sender {
    child: Child,
    credit: ChildStdin,
    address: SocketAddr,
}

/// When messages are from: first some that are far apart, then as many as come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) from: Time,
    /// How many come slowly, and how many nanoseconds lie between two of them.
    pub(crate) slow: (u64, i64),
    /// Nanoseconds between two of all others.
    pub(crate) step: i64,
}

impl Pace {
    /// The time of the message before which there are so many.
    pub(crate) fn at(&self, number: u64) -> Time {
        let (slow, gap) = self.slow;
        let fast = number.saturating_sub(slow);
        self.from.plus_nanos(number.min(slow) as i64 * gap + fast as i64 * self.step)
    }
}

impl Sender {
    pub(crate) fn start(shape: Shape, products: usize, pace: Pace) -> anyhow::Result<Sender> {
        let Pace { from, slow, step } = pace;
        let numbers = [products as i64, from.nanos(), slow.0 as i64, slow.1, step].map(|number| number.to_string());
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, shape.word()])
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let credit = child.stdin.take().context("the sender has no input")?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().context("the sender has no output")?).read_line(&mut address)?;
        Ok(Sender { child, credit, address: address.trim().parse()? })
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// So many messages may have been sent in all.
    pub(crate) fn allow(&mut self, total: u64) -> io::Result<()> {
        self.credit.write_all(&total.to_le_bytes())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: sends until told otherwise, and gives `true`. Everywhere else: `false`.
pub(crate) fn is_child() -> anyhow::Result<bool> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return Ok(false);
    }
    let shape = arguments.next().as_deref().and_then(Shape::of).context("there is no such shape")?;
    let numbers: Vec<i64> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [products, from, slow, gap, step] = numbers[..] else { anyhow::bail!("there are numbers missing") };
    let pace = Pace { from: Time::from_nanos(from), slow: (u64::try_from(slow)?, gap), step };
    send(Messages::new(shape, usize::try_from(products)?), shape, pace)?;
    Ok(true)
}

fn send(mut messages: Messages, shape: Shape, pace: Pace) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let (stream, _) = listener.accept()?;
    let mut raw = stream.try_clone()?;
    let _handshake = tungstenite::accept(stream)?;
    let mut block = Vec::with_capacity(BLOCK + 512);
    let (mut sent, mut credit) = (0u64, [0; 8]);
    while io::stdin().read_exact(&mut credit).is_ok() {
        let allowed = u64::from_le_bytes(credit);
        while sent < allowed {
            block.clear();
            while sent < allowed && block.len() < BLOCK {
                frame(shape, &mut block);
                messages.next(pace.at(sent), &mut block);
                sent += 1;
            }
            raw.write_all(&block)?;
        }
    }
    Ok(())
}

/// The head of an unmasked text frame (RFC 6455, section 5.2).
fn frame(shape: Shape, out: &mut Vec<u8>) {
    let length = shape.bytes();
    out.push(0x81);
    if length < 126 {
        out.push(length as u8);
    } else {
        out.push(126);
        out.extend_from_slice(&(length as u16).to_be_bytes());
    }
}
