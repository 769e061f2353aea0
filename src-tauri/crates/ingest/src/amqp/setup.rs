//! From a socket to a consumer.

use std::net::TcpStream as StdTcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_rs::Runtime;
use feedwatch_model::Certificate;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Consumer, Queue};
use tokio::net::TcpStream;

use super::options::{AmqpOptions, AmqpQueue};
use super::trouble;
use super::wire::{Cutter, Intake, Io, Kit, Wire, connected_by_us};
use crate::certificate;
use crate::dial::{self, Handshake, Target, Traffic, Trust};
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError, reason};

/// What RabbitMQ itself offers: a publisher's headers must fit into a frame.
const FRAME_MAX: u32 = 128 << 10;

/// Connected, perhaps encrypted; nothing of AMQP was said yet.
pub(super) struct Line {
    wire: Wire,
    pub(super) intake: Arc<Intake>,
    pub(super) cutter: Cutter,
    /// What the connection is like.
    pub(super) detail: &'static str,
    pub(super) certificate: Option<Certificate>,
}

/// Connects, and encrypts where that is wanted.
pub(super) async fn line(options: &AmqpOptions, clock: Clock) -> Result<Line, ConnectError> {
    let host = options.host_and_port();
    let target = Target::new(&options.host, options.port, Traffic::Other);
    let socket = dial::tcp(&target, &options.proxy).await?;
    let (socket, twin) = twins(socket).map_err(|error| reason::connect_error(&error, &host))?;
    let cutter = Cutter(twin);
    let bytes = WireBytes::default();
    let socket = bytes.of(socket);
    let (io, detail, certificate): (Box<dyn Io>, _, _) = if options.encrypted {
        let trust = Trust::Files(options.tls.clone());
        let stream = match dial::encrypt(&target, &trust, &[], socket).await {
            Ok(stream) => stream,
            Err(Handshake::Options(error)) => return Err(error),
            Err(Handshake::Failed(error)) => return Err(trouble::tls_error(&error, options)),
        };
        let detail = match stream.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS",
        };
        let certificate = certificate::of(&stream);
        (Box::new(stream), detail, certificate)
    } else {
        (Box::new(socket), "not encrypted", None)
    };
    let intake = Intake::new(options.max_message, bytes, clock);
    let wire = Wire::new(io, options.max_message, Arc::clone(&intake));
    Ok(Line { wire, intake, cutter, detail, certificate })
}

/// The socket, and a second handle that can shut it down whoever holds the first.
fn twins(socket: TcpStream) -> std::io::Result<(TcpStream, StdTcpStream)> {
    socket.set_nodelay(true)?;
    let socket = socket.into_std()?;
    let twin = socket.try_clone()?;
    Ok((TcpStream::from_std(socket)?, twin))
}

/// Logs in over a connected line. The library has no other one to connect.
async fn log_in(options: &AmqpOptions, uri: AMQPUri, wire: Wire) -> Result<Connection, ConnectError> {
    let properties = ConnectionProperties::default()
        .with_connection_name("Feedwatch".into())
        .with_client_property(short("product")?, "Feedwatch".into())
        .with_client_property(short("version")?, env!("CARGO_PKG_VERSION").into());
    let only = Mutex::new(Some(wire));
    let connect = async move |_, _| {
        let wire = only.lock().unwrap_or_else(PoisonError::into_inner).take();
        wire.map(AsyncTcpStream::Plain).ok_or_else(|| lapin::Error::from(connected_by_us()))
    };
    let connected = Connection::connector(uri, Runtime::new(Kit::current()), connect, properties).await;
    connected.map_err(|error| trouble::connect_error(&error, options))
}

impl Line {
    /// Logs in; what is left of the line lives as long as the session.
    pub(super) async fn log_in(
        self,
        options: &AmqpOptions,
        uri: AMQPUri,
    ) -> Result<(Connection, Arc<Intake>, Cutter, &'static str), ConnectError> {
        let Line { wire, intake, cutter, detail, certificate: _ } = self;
        // If this is given up, the cutter goes first, and the library's thread ends.
        let connection = log_in(options, uri, wire).await?;
        Ok((connection, intake, cutter, detail))
    }
}

/// Who we are, and what we ask for. Nothing is sent before this is known to be usable.
pub(super) fn uri(options: &AmqpOptions) -> Result<AMQPUri, ConnectError> {
    let (userinfo, mechanism) = identity(options)?;
    // 0 would switch them off.
    let heartbeat = options.heartbeat.as_secs().clamp(1, u16::MAX.into());
    short(&options.vhost)?;
    Ok(AMQPUri {
        // Encryption is ours.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: options.host.clone(), port: options.port },
        vhost: options.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(FRAME_MAX),
            heartbeat: u16::try_from(heartbeat).ok(),
            auth_mechanism: Some(mechanism),
            ..AMQPQueryString::default()
        },
    })
}

fn identity(options: &AmqpOptions) -> Result<(AMQPUserInfo, SASLMechanism), ConnectError> {
    let named = |user: &str, password: &str| AMQPUserInfo { username: user.to_owned(), password: password.to_owned() };
    let password = options.login.password.as_ref().map(|password| password.expose()).unwrap_or_default();
    match &options.login.user {
        Some(user) => Ok((named(user, password), SASLMechanism::Plain)),
        None if options.tls.cert.is_some() => Ok((named("", ""), SASLMechanism::External)),
        None if options.is_loopback() => Ok((named("guest", "guest"), SASLMechanism::Plain)),
        None => Err(ConnectError::Options(format!(
            "{} wants to know who asks: give user and password. RabbitMQ lets guest in from its own computer only.",
            options.host_and_port()
        ))),
    }
}

/// The longest name of AMQP has 255 bytes.
pub(super) fn short(text: &str) -> Result<ShortString, ConnectError> {
    ShortString::try_new(text).map_err(|_| {
        let head: String = text.chars().take(40).collect();
        ConnectError::Options(format!("{head:?}... is too long: AMQP has names of at most 255 bytes."))
    })
}

/// Opens a channel and begins to read the queue. Gives what the queue is like, for people.
pub(super) async fn consume(
    connection: &Connection,
    options: &AmqpOptions,
) -> Result<(Channel, Consumer, String), ConnectError> {
    let failed = |error: lapin::Error| trouble::connect_error(&error, options);
    let channel = connection.create_channel().await.map_err(failed)?;
    let prefetch = if options.look { options.prefetch.min(AmqpOptions::LOOK) } else { options.prefetch };
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.map_err(failed)?;
    let (queue, alone) = match &options.queue {
        AmqpQueue::Existing(name) => (passively(&channel, short(name)?).await.map_err(failed)?, false),
        AmqpQueue::Bound { name, exchange, routing_keys, expires } => {
            let queue = match options.look {
                true => channel.queue_declare(short("")?, private(), FieldTable::default()).await,
                false => channel.queue_declare(short(name)?, QueueDeclareOptions::durable(), arguments(*expires)).await,
            };
            let queue = queue.map_err(failed)?;
            for key in routing_keys {
                let (name, exchange, key) = (queue.name().clone(), short(exchange)?, short(key)?);
                let bound = channel.queue_bind(name, exchange, key, QueueBindOptions::default(), FieldTable::default());
                bound.await.map_err(failed)?;
            }
            // Two consoles that read one queue would each get half of it without anybody noticing.
            (queue, !options.look && !options.in_turns)
        }
    };
    let consuming = BasicConsumeOptions { exclusive: alone, ..BasicConsumeOptions::default() };
    let consumer = channel.basic_consume(queue.name().clone(), short("")?, consuming, FieldTable::default());
    let consumer = consumer.await.map_err(failed)?;
    let others = match queue.consumer_count() {
        0 => String::new(),
        1 => ", which somebody else reads too: each gets a part".to_owned(),
        more => format!(", which {more} others read too: each gets a part"),
    };
    Ok((channel, consumer, format!("queue {}{others}", queue.name())))
}

async fn passively(channel: &Channel, name: ShortString) -> lapin::Result<Queue> {
    channel.queue_declare(name, QueueDeclareOptions::default().passive(), FieldTable::default()).await
}

/// It ends with the connection.
fn private() -> QueueDeclareOptions {
    QueueDeclareOptions::exclusive().auto_delete()
}

fn arguments(expires: Option<Duration>) -> FieldTable {
    let mut arguments = FieldTable::default();
    if let (Some(expires), Ok(name)) = (expires, ShortString::try_new("x-expires")) {
        let millis = i64::try_from(expires.as_millis()).unwrap_or(i64::MAX);
        arguments.insert(name, AMQPValue::LongLongInt(millis));
    }
    arguments
}
