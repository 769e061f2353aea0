//! Kafka: librdkafka's mock of a broker in a process of its own, and a peer that refuses every password.

use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStdin, Command};

use crate::process::Process;
use crate::wait::{LONG, wait_for};

/// A cluster of one broker; killed when dropped.
#[derive(Debug)]
pub struct Broker {
    process: Process,
    input: ChildStdin,
    /// How many answers were waited for.
    answers: usize,
    /// `HOST:PORT`.
    pub servers: String,
}

/// A message that the broker took.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// Where it went.
    pub topic: String,
    /// Within the topic.
    pub partition: i32,
    /// Within the partition.
    pub offset: u64,
    /// What stands in the payload.
    pub seq: u64,
}

impl Broker {
    /// Starts `program`, the `kafka-mock` of this package, with topics as `prices:4`.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start(program: &str, topics: &[&str]) -> Broker {
        let (process, input) = Process::start_told(Command::new(Path::new(program)).args(topics));
        let line = process.line("its address", LONG, |line| line.starts_with("servers "));
        let servers = line.trim_start_matches("servers ").to_owned();
        Broker { process, input, answers: 0, servers }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never: it said so itself.
    pub fn address(&self) -> SocketAddr {
        let (_, port) = self.servers.rsplit_once(':').expect("HOST:PORT");
        SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().expect("a port")))
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("it listens");
    }

    /// Does it, and waits until it is done.
    ///
    /// # Panics
    /// If it does not get done.
    #[track_caller]
    pub fn does(&mut self, line: &str) {
        self.begins(line);
        self.is_done();
    }

    /// Begins it; [`Broker::is_done`] waits for its end.
    ///
    /// # Panics
    /// If it does not listen.
    pub fn begins(&mut self, line: &str) {
        self.tell(line);
        self.answers += 1;
    }

    /// Waits until all that was begun is done.
    ///
    /// # Panics
    /// If it does not get done.
    #[track_caller]
    pub fn is_done(&mut self) {
        let wanted = self.answers;
        wait_for("what was begun is done", 2 * LONG, || {
            let done = self.process.lines().iter().filter(|line| *line == "done").count();
            (done >= wanted).then_some(())
        });
    }

    /// Sends so many messages, over all partitions in turn.
    #[track_caller]
    pub fn send(&mut self, topic: &str, count: u64) {
        self.does(&format!("send {topic} {count}"));
    }

    /// What it took of a topic until now.
    ///
    /// # Panics
    /// If something could not be sent.
    #[track_caller]
    pub fn sent(&self, topic: &str) -> Vec<Sent> {
        let lines = self.process.lines();
        assert!(!lines.iter().any(|line| line.starts_with("failed")), "{}", self.process.said());
        let read = |line: &String| {
            let words: Vec<&str> = line.split(' ').collect();
            let ["sent", topic, partition, offset, seq] = words.as_slice() else { return None };
            Some(Sent {
                topic: (*topic).to_owned(),
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
                seq: seq.parse().ok()?,
            })
        };
        lines.iter().filter_map(read).filter(|sent| sent.topic == topic).collect()
    }

    /// The offsets that a group has committed, by partition; -1 where there is none.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn committed(&mut self, group: &str, topic: &str) -> Vec<i64> {
        let begin = format!("committed {group} ");
        let count = |process: &Process| process.lines().iter().filter(|line| line.starts_with(&begin)).count();
        let before = count(&self.process);
        self.tell(&format!("committed {group} {topic}"));
        let line = wait_for("what is committed", LONG, || {
            let lines = self.process.lines();
            lines.iter().filter(|line| line.starts_with(&begin)).nth(before).cloned()
        });
        let offsets = line.trim_start_matches(&begin);
        offsets.split(',').map(|offset| offset.parse().expect("an offset")).collect()
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// A peer that speaks just enough of Kafka to refuse a login: ApiVersions, SaslHandshake, SaslAuthenticate.
///
/// # Panics
/// If no port is to be had.
pub fn refuses_logins() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its number");
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || refuse(stream));
        }
    });
    address
}

fn refuse(mut stream: TcpStream) {
    let mut size = [0; 4];
    while stream.read_exact(&mut size).is_ok() {
        let mut request = vec![0; u32::from_be_bytes(size) as usize];
        if stream.read_exact(&mut request).is_err() {
            return;
        }
        let number = |at: usize| i16::from_be_bytes([request[at], request[at + 1]]);
        let mut answer = request[4..8].to_vec();
        match number(0) {
            // ApiVersions: version 0 is spoken, and whoever asks for another one is told so.
            18 => {
                let error: i16 = if number(2) == 0 { 0 } else { 35 };
                answer.extend(error.to_be_bytes());
                let apis: [(i16, i16); 3] = [(17, 1), (18, 0), (36, 0)];
                answer.extend((apis.len() as u32).to_be_bytes());
                for (key, version) in apis {
                    answer.extend([key, 0, version].map(i16::to_be_bytes).concat());
                }
            }
            17 => {
                answer.extend([0, 0, 0, 0, 0, 3]);
                for name in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
                    answer.extend((name.len() as u16).to_be_bytes());
                    answer.extend(name.as_bytes());
                }
            }
            // SASL_AUTHENTICATION_FAILED, with a text and no bytes.
            36 => {
                let text = "Authentication failed";
                answer.extend(58_i16.to_be_bytes());
                answer.extend((text.len() as u16).to_be_bytes());
                answer.extend(text.as_bytes());
                answer.extend(0_u32.to_be_bytes());
            }
            _ => return,
        }
        let size = (answer.len() as u32).to_be_bytes();
        if stream.write_all(&[&size[..], &answer].concat()).is_err() {
            return;
        }
    }
}
