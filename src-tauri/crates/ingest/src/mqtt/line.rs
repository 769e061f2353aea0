//! From a name to bytes: TCP, TLS and WebSocket, as far as they are wanted.

use feedwatch_model::Certificate;
use http::HeaderValue;
use http::header::{SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::options::MqttOptions;
use super::trouble;
use super::ws::Frames;
use crate::certificate;
use crate::dial::{self, Handshake, Target, Traffic, Trust};
use crate::wire_bytes::{Counted, WireBytes};
use crate::{Clock, ConnectError, reason, websocket};

/// Bytes of any kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connected; nothing of MQTT was said yet.
pub(super) struct Line {
    pub(super) io: Box<dyn Io>,
    /// What the connection is like.
    pub(super) detail: &'static str,
    /// By which the broker has proved who it is.
    pub(super) certificate: Option<Certificate>,
    /// What came.
    pub(super) bytes: WireBytes,
}

/// What a WebSocket message may hold beside the largest message: several packets, their topics and properties.
const AROUND: usize = 1 << 20;
/// No option makes a WebSocket message larger than this.
const LARGEST: usize = 1 << 30;

/// Connects, encrypts and opens a WebSocket, as wanted.
pub(super) async fn line(options: &MqttOptions, clock: Clock) -> Result<Line, ConnectError> {
    let traffic = match (&options.websocket, options.encrypted) {
        (None, _) => Traffic::Other,
        (Some(_), false) => Traffic::Http,
        (Some(_), true) => Traffic::Https,
    };
    let target = Target::new(&options.host, options.port, traffic);
    let bytes = WireBytes::default();
    let socket = bytes.of(dial::tcp(&target, &options.proxy).await?);
    let line = match options.encrypted {
        true => encrypt(options, &target, socket, bytes).await?,
        false => Line { io: Box::new(socket), detail: "not encrypted", certificate: None, bytes },
    };
    match &options.websocket {
        Some(path) => Ok(Line { io: Box::new(upgrade(options, path, line.io, clock).await?), ..line }),
        None => Ok(line),
    }
}

async fn encrypt(
    options: &MqttOptions,
    target: &Target,
    socket: Counted<TcpStream>,
    bytes: WireBytes,
) -> Result<Line, ConnectError> {
    let trust = Trust::Files(options.tls.clone());
    let stream = match dial::encrypt(target, &trust, &[], socket).await {
        Ok(stream) => stream,
        Err(Handshake::Options(error)) => return Err(error),
        Err(Handshake::Failed(error)) => return Err(trouble::tls_error(&error, options)),
    };
    let detail = match stream.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS",
    };
    Ok(Line { certificate: certificate::of(&stream), io: Box::new(stream), detail, bytes })
}

async fn upgrade(
    options: &MqttOptions,
    path: &str,
    io: Box<dyn Io>,
    clock: Clock,
) -> Result<Frames<Box<dyn Io>>, ConnectError> {
    const AGENT: HeaderValue = HeaderValue::from_static(concat!("Feedwatch/", env!("CARGO_PKG_VERSION")));
    let host = options.host_and_port();
    // Encryption is ours, so that the request is one without.
    let request = format!("ws://{host}{path}").into_client_request();
    let mut request =
        request.map_err(|error| ConnectError::Options(format!("The address cannot be used: {error}.")))?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
    request.headers_mut().insert(USER_AGENT, AGENT);
    let limit = options.max_message.saturating_add(AROUND).min(LARGEST);
    let config = WebSocketConfig::default()
        .read_buffer_size(32 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    // The handshake's future is large, and is held only for a moment.
    let shaken = Box::pin(client_async_with_config(request, io, Some(config))).await;
    let (socket, _) = shaken.map_err(|error| match reason::alert(&error) {
        Some(alert) => trouble::refused_us(alert, options),
        None => websocket::handshake_error(&error, &host, clock()),
    })?;
    Ok(Frames::new(socket))
}
