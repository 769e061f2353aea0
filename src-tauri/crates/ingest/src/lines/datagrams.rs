//! Lines of datagrams that are sent to us.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::Time;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Framing, LinesOptions, peer, words};
use crate::batch::{Batch, Missed};
use crate::cutter::{Line, without_end};
use crate::reason;
use crate::source::Session;
use crate::{Clock, ConnectError, SessionError};

/// The largest datagram there is.
const LARGEST: usize = 64 << 10;
/// What the system is asked to keep for us while we are busy; it may give less.
const QUEUE: usize = 8 << 20;
/// How often the system is asked what it dropped.
const ASK: Duration = Duration::from_secs(1);
/// What is kept of a message that is too long.
const HEAD: usize = 256;

/// Listens.
pub(super) async fn listen(
    options: &LinesOptions,
    at: SocketAddr,
    clock: Clock,
) -> Result<Box<dyn Session>, ConnectError> {
    let socket = UdpSocket::bind(at).await.map_err(|error| words::cannot_listen(at, &error))?;
    let _ = SockRef::from(&socket).set_recv_buffer_size(QUEUE);
    let drops = Drops::of(&socket);
    let mut ask = interval(ASK);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(Box::new(Datagrams {
        socket,
        options: options.clone(),
        clock,
        room: vec![0; LARGEST].into(),
        from: None,
        drops,
        ask,
        asked: clock(),
        bytes: 0,
    }))
}

struct Datagrams {
    socket: UdpSocket,
    options: LinesOptions,
    clock: Clock,
    room: Box<[u8]>,
    /// The last sender, as it is written.
    from: Option<(SocketAddr, Arc<str>)>,
    drops: Drops,
    ask: Interval,
    /// Up to when it is known what was dropped.
    asked: Time,
    /// Of all datagrams that were taken.
    bytes: u64,
}

impl Datagrams {
    fn poll_read(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Result<(), SessionError>> {
        while !batch.is_full() {
            let mut read = ReadBuf::new(&mut self.room);
            let from = match self.socket.poll_recv_from(cx, &mut read) {
                Poll::Ready(Ok(from)) => from,
                // What an earlier answer of ours met is nothing to a socket that only listens.
                Poll::Ready(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => continue,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(SessionError::Cut(reason::cut(&error)))),
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            };
            if !self.options.allows(from.ip()) {
                continue;
            }
            self.bytes += read.filled().len() as u64;
            let datagram = read.filled();
            let received = (self.clock)();
            let sender = match &self.from {
                Some((known, sender)) if *known == from => Arc::clone(sender),
                _ => Arc::clone(&self.from.insert((from, from.to_string().into())).1),
            };
            let mut put = |line: &[u8]| {
                let line = match line.len() > self.options.max_message {
                    true => Line::TooLong { head: line.get(..HEAD).unwrap_or(line), bytes: line.len() as u64 },
                    false => Line::Whole(line),
                };
                peer::put(line, Some(&sender), received, batch);
            };
            match self.options.framing {
                Framing::Datagram => put(datagram),
                Framing::Newline => datagram.split(|byte| *byte == b'\n').for_each(|line| put(without_end(line))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Tells what the system dropped since it was last asked.
    fn ask(&mut self, batch: &mut Batch) {
        let (from, to) = (self.asked, (self.clock)());
        self.asked = to;
        let count = self.drops.more();
        if count > 0 {
            let datagrams = if count == 1 { "datagram" } else { "datagrams" };
            let reason = format!("The system dropped {count} {datagrams}: they came faster than they were taken.");
            batch.set_missed(Missed { count, from, to, reason });
        }
    }
}

#[async_trait]
impl Session for Datagrams {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        poll_fn(|cx| {
            while self.ask.poll_tick(cx).is_ready() {
                self.ask(batch);
            }
            match self.poll_read(cx, batch) {
                Poll::Pending if batch.has_missed() => Poll::Ready(Ok(())),
                read => read,
            }
        })
        .await
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    fn detail(&self) -> String {
        "listens for datagrams".to_owned()
    }
}

/// How many datagrams the system dropped because its queue for this socket was full: it says so on Linux only, in
/// `/proc/net/udp`, by the socket's inode.
struct Drops {
    inode: Option<String>,
    table: &'static str,
    known: u64,
}

impl Drops {
    fn of(socket: &UdpSocket) -> Drops {
        let is_6 = socket.local_addr().is_ok_and(|at| at.is_ipv6());
        Drops { inode: inode(socket), table: if is_6 { "/proc/net/udp6" } else { "/proc/net/udp" }, known: 0 }
    }

    /// How many more than when it was last asked.
    fn more(&mut self) -> u64 {
        let Some(inode) = &self.inode else { return 0 };
        let Ok(table) = std::fs::read_to_string(self.table) else { return 0 };
        let now = dropped(&table, inode).unwrap_or(self.known);
        let more = now.saturating_sub(self.known);
        self.known = now;
        more
    }
}

#[cfg(target_os = "linux")]
fn inode(socket: &UdpSocket) -> Option<String> {
    use std::os::fd::AsRawFd;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    let text = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
    Some(text.to_owned())
}

#[cfg(not(target_os = "linux"))]
fn inode(_: &UdpSocket) -> Option<String> {
    None
}

/// The last column of the socket's row; its inode stands in the tenth.
fn dropped(table: &str, inode: &str) -> Option<u64> {
    let row = table.lines().skip(1).find(|row| row.split_whitespace().nth(9) == Some(inode))?;
    row.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_dropped_is_the_last_column() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1059: 0100007F:1F95 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 17\n\
             1060: 0100007F:1F96 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0\n";
        assert_eq!((dropped(table, "4711"), dropped(table, "4712"), dropped(table, "1")), (Some(17), Some(0), None));
        assert_eq!(dropped("", "4711"), None);
    }
}
