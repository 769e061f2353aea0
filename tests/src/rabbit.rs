//! RabbitMQ on loopback: a node of its own for a test, with its own epmd, so that no other node is seen or disturbed.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::certificates::{self, CERTIFIED};
use crate::ports;
use crate::process::Process;
use crate::wait::wait_for;

/// A user, its password, and what it is good for: everything.
pub const USER: (&str, &str) = ("ann", "s3cr3t-ann");

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Erlang starts slowly on a busy machine.
const STARTED: Duration = Duration::from_secs(120);

/// A running broker. Its data outlive [`Rabbit::kill`].
#[derive(Debug)]
pub struct Rabbit {
    folder: TempDir,
    /// The port without encryption.
    pub port: u16,
    /// The port with TLS.
    pub tls_port: u16,
    ports: [u16; 2],
    epmd: Option<Process>,
    node: Option<Process>,
}

impl Rabbit {
    /// A broker; `None` where none is installed.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Option<Rabbit> {
        if !Path::new(SERVER).exists() {
            return None;
        }
        // The ports are chosen before they are taken: somebody may be quicker, so it is tried again.
        for _ in 0..3 {
            let [port, tls_port, epmd, distribution] = ports::free();
            let folder = tempfile::Builder::new().prefix("feedwatch-rabbit-").tempdir().expect("a folder");
            let mut rabbit = Rabbit { folder, port, tls_port, ports: [epmd, distribution], epmd: None, node: None };
            rabbit.configure();
            if rabbit.run() {
                return Some(rabbit);
            }
        }
        panic!("RabbitMQ did not start three times");
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        // Dropping a process kills it.
        self.node = None;
    }

    /// Starts it again after [`Rabbit::kill`], with its ports and its data.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.run(), "RabbitMQ did not start again");
    }

    /// Where its clients connect without encryption.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// A file of the broker: `ca.pem`, `other-ca.pem`, `client.pem`, `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody else at this broker.
    ///
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    fn configure(&self) {
        certificates::write(self.folder.path());
        let at = |name: &str| self.file(name).display().to_string();
        let (user, password) = USER;
        let text = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nlisteners.ssl.1 = 127.0.0.1:{}\nssl_options.cacertfile = {}\n\
             ssl_options.certfile = {}\nssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
             ssl_options.fail_if_no_peer_cert = false\nssl_cert_login_from = common_name\nauth_mechanisms.1 = PLAIN\n\
             auth_mechanisms.2 = EXTERNAL\nload_definitions = {}\nlog.console.level = warning\n",
            self.port,
            self.tls_port,
            at("ca.pem"),
            at("server.pem"),
            at("server.key"),
            at("definitions.json"),
        );
        let user_of = |name: &str, password: &str| serde_json::json!({"name": name, "password": password, "tags": ""});
        let may_all = |name: &str| serde_json::json!({"user": name, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"});
        let definitions = serde_json::json!({
            "users": [user_of("guest", "guest"), user_of(user, password), user_of(CERTIFIED, "none")],
            "vhosts": [{"name": "/"}],
            "permissions": [may_all("guest"), may_all(user), may_all(CERTIFIED)],
        });
        let write = |name: &str, text: &str| fs::write(self.file(name), text).expect("a file of the broker");
        write("rabbitmq.conf", &text);
        write("definitions.json", &definitions.to_string());
        write("plugins", "[rabbitmq_auth_mechanism_ssl].");
    }

    /// Starts what does not run; `false` if it ended before it listened.
    fn run(&mut self) -> bool {
        let [epmd_port, distribution] = self.ports;
        let (folder, port) = (self.folder.path(), self.port);
        if self.epmd.is_none() {
            let mut epmd = Command::new("epmd");
            epmd.args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()]);
            self.epmd = Some(Process::start(&mut epmd));
        }
        let mut command = Command::new(SERVER);
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_NODENAME", format!("feedwatch-{port}@localhost"))
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("ERL_EPMD_PORT", epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            // The script becomes Erlang instead of waiting for it, so that it is one process.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env_remove("NOTIFY_SOCKET");
        let mut node = Process::start(&mut command);
        let listens = wait_for("RabbitMQ listens, or has ended", STARTED, || {
            if node.has_ended() {
                return Some(false);
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.tls_port)).ok().map(|_| true)
        });
        if !listens {
            crate::skip::because(&format!("RabbitMQ ended: {}", node.said()));
        }
        self.node = Some(node).filter(|_| listens);
        listens
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        // The node first: it would start an epmd of its own.
        self.node = None;
        self.epmd = None;
    }
}

/// Somebody else at the broker: publishes, and looks after queues.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    channel: Channel,
    _connection: Connection,
}

impl Client {
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    fn connect(port: u16) -> Client {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it");
        let (connection, channel) = runtime
            .block_on(async {
                let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
                let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
                let channel = connection.create_channel().await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                lapin::Result::Ok((connection, channel))
            })
            .expect("a session with the broker");
        Client { runtime, channel, _connection: connection }
    }

    /// Makes a durable queue.
    ///
    /// # Panics
    /// If the broker does not let it.
    #[track_caller]
    pub fn make(&self, queue: &str) {
        let made = self.channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), FieldTable::default());
        self.runtime.block_on(made).expect("a queue");
    }

    /// Does any queue get what is published so? It is published.
    ///
    /// # Panics
    /// If the broker does not take it.
    #[track_caller]
    pub fn reaches(&self, exchange: &str, key: &str) -> bool {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = async {
            let properties = BasicProperties::default();
            drop(self.channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await?);
            self.channel.wait_for_confirms().await
        };
        self.runtime.block_on(sent).expect("the broker takes it").is_empty()
    }

    /// Deletes a queue, whoever reads it.
    ///
    /// # Panics
    /// If the broker does not let it.
    #[track_caller]
    pub fn delete(&self, queue: &str) {
        let gone = self.channel.queue_delete(queue.into(), QueueDeleteOptions::default());
        self.runtime.block_on(gone).expect("the queue goes");
    }

    /// Messages in a queue that nobody was given, and how many read it.
    ///
    /// # Panics
    /// If there is no such queue.
    #[track_caller]
    pub fn waiting(&self, queue: &str) -> (u32, u32) {
        let options = QueueDeclareOptions::durable().passive();
        let found = self.channel.queue_declare(queue.into(), options, FieldTable::default());
        let found = self.runtime.block_on(found).expect("there is the queue");
        (found.message_count(), found.consumer_count())
    }

    /// Takes a message out of a queue: its bytes, and whether it was given to somebody before. It is not acknowledged.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn peek(&self, queue: &str) -> (Vec<u8>, bool) {
        let got = self.channel.basic_get(queue.into(), BasicGetOptions::default());
        let got = self.runtime.block_on(got).expect("the queue is there").expect("a message");
        (got.delivery.data.clone(), got.delivery.redelivered)
    }

    /// Publishes persistent messages and waits until all of them are safe at the broker.
    ///
    /// # Panics
    /// If it does not take them.
    #[track_caller]
    pub fn publish<'a>(&self, exchange: &str, messages: impl IntoIterator<Item = (&'a str, String)>) {
        self.publish_as(exchange, messages, BasicProperties::default());
    }

    /// The same with properties.
    ///
    /// # Panics
    /// If it does not take them.
    #[track_caller]
    pub fn publish_as<'a>(
        &self,
        exchange: &str,
        messages: impl IntoIterator<Item = (&'a str, String)>,
        properties: BasicProperties,
    ) {
        let properties = properties.with_delivery_mode(2);
        let sent = async {
            for (key, body) in messages {
                let (exchange, options) = (exchange.into(), BasicPublishOptions::default());
                let sent =
                    self.channel.basic_publish(exchange, key.into(), options, body.as_bytes(), properties.clone());
                // The confirmation is waited for below, with all others.
                drop(sent.await?);
            }
            self.channel.wait_for_confirms().await
        };
        let returned = self.runtime.block_on(sent).expect("the broker takes the messages");
        assert!(returned.is_empty(), "{returned:?}");
    }
}
