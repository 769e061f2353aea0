//! Mosquitto on loopback: a broker of its own for a test, with a listener for every way to connect.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rumqttc_v5::mqttbytes::QoS;
use rumqttc_v5::mqttbytes::v5::{LastWill, Packet, PublishProperties};
use rumqttc_v5::{AsyncClient, Event, EventLoop, MqttOptions, PublishOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::process::Process;
use crate::wait::{LONG, wait_for, wait_until};
use crate::{certificates, ports};

/// A user and its password.
pub const USER: (&str, &str) = ("ann", "s3cr3t-ann");

const SERVER: &str = "/usr/sbin/mosquitto";

/// The listeners of a broker, each with a port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Everybody is let in.
    Plain,
    /// The same over TLS.
    Tls,
    /// Over TLS, who has a client certificate.
    Certified,
    /// Who knows [`USER`]'s password.
    Login,
    /// Everybody, over WebSocket.
    WebSocket,
    /// The same over TLS.
    SecureWebSocket,
}

/// A running broker. Its data outlive [`Mosquitto::kill`].
#[derive(Debug)]
pub struct Mosquitto {
    folder: TempDir,
    ports: [u16; 6],
    node: Option<Process>,
}

impl Mosquitto {
    /// A broker; `None` where none is installed.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Option<Mosquitto> {
        if !Path::new(SERVER).exists() {
            return None;
        }
        // The ports are chosen before they are taken: somebody may be quicker, so it is tried again.
        for _ in 0..3 {
            let folder = tempfile::Builder::new().prefix("feedwatch-mosquitto-").tempdir().expect("a folder");
            let mut broker = Mosquitto { folder, ports: ports::free(), node: None };
            broker.configure();
            if broker.run() {
                return Some(broker);
            }
        }
        panic!("mosquitto did not start three times");
    }

    /// Where a listener is.
    pub fn port(&self, listener: Listener) -> u16 {
        self.ports[listener as usize]
    }

    /// Where its clients connect without encryption.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port(Listener::Plain)))
    }

    /// A file of the broker: `ca.pem`, `other-ca.pem`, `client.pem`, `client.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has it write down what it knows; by itself it forgets in a kill what is under way.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn save(&self) {
        // The file is there again when it is complete: it is written under another name.
        self.forget();
        self.node.iter().for_each(Process::signal_usr1);
        wait_until("the broker has saved", LONG, || self.file("mosquitto.db").exists());
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        // Dropping a process kills it.
        self.node = None;
    }

    /// Starts it again after [`Mosquitto::kill`], with its ports and its data.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.run(), "mosquitto did not start again");
    }

    /// Removes what it has written down of sessions and retained messages.
    pub fn forget(&self) {
        // There is none if nothing was kept.
        let _ = fs::remove_file(self.file("mosquitto.db"));
    }

    /// How many lines of its log since its start have both.
    pub fn logged(&self, what: &str, of: &str) -> usize {
        let lines = self.node.as_ref().map(Process::error_lines).unwrap_or_default();
        lines.iter().filter(|line| line.contains(what) && line.contains(of)).count()
    }

    /// Somebody else at this broker.
    ///
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(MqttOptions::new("somebody-else", ("127.0.0.1", self.port(Listener::Plain))))
    }

    /// Somebody with a last will.
    ///
    /// # Panics
    /// If it is not let in.
    #[track_caller]
    pub fn mortal(&self, topic: &str, will: &str) -> Client {
        let mut options = MqttOptions::new("mortal", ("127.0.0.1", self.port(Listener::Plain)));
        options.set_last_will(LastWill::new(topic, will.to_owned(), QoS::AtLeastOnce, false, None));
        Client::connect(options)
    }

    fn configure(&self) {
        certificates::write(self.folder.path());
        let at = |name: &str| self.file(name).display().to_string();
        let (user, password) = USER;
        let made = Command::new("mosquitto_passwd").args(["-c", "-b", &at("passwords"), user, password]).status();
        assert!(made.is_ok_and(|status| status.success()), "no file of passwords");
        let tls = format!("cafile {}\ncertfile {}\nkeyfile {}\n", at("ca.pem"), at("server.pem"), at("server.key"));
        let anybody = "allow_anonymous true\n";
        let certified = format!("{tls}require_certificate true\nuse_identity_as_username true\n");
        let login = format!("allow_anonymous false\npassword_file {}\n", at("passwords"));
        let websocket = format!("protocol websockets\n{anybody}");
        let listeners = [
            anybody.to_owned(),
            format!("{tls}{anybody}"),
            certified,
            login,
            websocket.clone(),
            format!("{websocket}{tls}"),
        ];
        // What the broker itself would drop for want of room is not what is tested.
        let mut text = format!(
            "per_listener_settings true\nuser root\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nlog_dest stderr\nlog_type all\n",
            self.folder.path().display()
        );
        for (port, settings) in self.ports.iter().zip(listeners) {
            text.push_str(&format!("listener {port} 127.0.0.1\n{settings}"));
        }
        fs::write(self.file("mosquitto.conf"), text).expect("a file of the broker");
    }

    /// `false` if it ended before it listened.
    fn run(&mut self) -> bool {
        let mut command = Command::new(SERVER);
        let mut node = Process::start(command.arg("-c").arg(self.file("mosquitto.conf")));
        let listens = wait_for("mosquitto listens, or has ended", LONG, || {
            if node.has_ended() {
                return Some(false);
            }
            let open = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
            self.ports.iter().all(open).then_some(true)
        });
        if !listens {
            crate::skip::because(&format!("mosquitto ended: {}", node.said()));
        }
        self.node = Some(node).filter(|_| listens);
        listens
    }
}

/// Somebody else at the broker.
pub struct Client {
    runtime: Runtime,
    client: AsyncClient,
    events: EventLoop,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    #[track_caller]
    fn connect(mut options: MqttOptions) -> Client {
        options.set_max_packet_size(Some(64 << 20));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it");
        let (client, events) = AsyncClient::builder(options).capacity(64).build();
        let mut client = Client { runtime, client, events };
        client.until("the broker's welcome", |packet| matches!(packet, Packet::ConnAck(_)));
        client
    }

    /// Goes on until a packet has come.
    #[track_caller]
    fn until(&mut self, what: &str, mut wanted: impl FnMut(&Packet) -> bool) {
        let Client { runtime, events, .. } = self;
        let heard = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(packet)) if wanted(&packet) => return,
                    Ok(_) => {}
                    Err(error) => panic!("{what}: {error}"),
                }
            }
        };
        let found = runtime.block_on(async { tokio::time::timeout(LONG, heard).await });
        assert!(found.is_ok(), "{what} did not come");
    }

    /// Publishes with QoS 1 and waits until the broker has all of it.
    ///
    /// # Panics
    /// If it does not take it.
    #[track_caller]
    pub fn publish<'a>(&mut self, messages: impl IntoIterator<Item = (&'a str, String)>) {
        self.publish_as(PublishOptions::at_least_once(), messages);
    }

    /// The same with QoS 2.
    ///
    /// # Panics
    /// If it does not take it.
    #[track_caller]
    pub fn publish_exactly_once<'a>(&mut self, messages: impl IntoIterator<Item = (&'a str, String)>) {
        self.publish_as(PublishOptions::exactly_once(), messages);
    }

    /// A retained message.
    ///
    /// # Panics
    /// If the broker does not take it.
    #[track_caller]
    pub fn retain(&mut self, topic: &str, payload: &str) {
        self.publish_as(PublishOptions::at_least_once().retained(), [(topic, payload.to_owned())]);
    }

    /// A message with a type and a property.
    ///
    /// # Panics
    /// If the broker does not take it.
    #[track_caller]
    pub fn publish_with(&mut self, topic: &str, payload: &str, content_type: &str, property: (&str, &str)) {
        let properties = PublishProperties {
            content_type: Some(content_type.to_owned()),
            user_properties: vec![(property.0.to_owned(), property.1.to_owned())],
            ..PublishProperties::default()
        };
        let options = PublishOptions::at_least_once().properties(properties);
        self.publish_as(options, [(topic, payload.to_owned())]);
    }

    #[track_caller]
    fn publish_as<'a>(&mut self, options: PublishOptions, messages: impl IntoIterator<Item = (&'a str, String)>) {
        let messages: Vec<(String, String)> =
            messages.into_iter().map(|(topic, payload)| (topic.to_owned(), payload)).collect();
        let mut waiting = messages.len();
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            for (topic, payload) in messages {
                client.publish(topic, payload, options.clone()).await.expect("the client runs");
            }
        });
        while waiting > 0 {
            self.until("the broker's acknowledgement", |packet| {
                matches!(packet, Packet::PubAck(_) | Packet::PubComp(_))
            });
            waiting -= 1;
        }
        self.runtime.block_on(sent).expect("all were sent");
    }

    /// Goes without a word: the broker publishes its will.
    pub fn die(self) {}
}
