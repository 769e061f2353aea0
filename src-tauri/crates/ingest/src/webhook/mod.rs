//! HTTP, told by others: a listener for webhooks.
//!
//! A request is answered when its message is on disk, so that a sender that tries again until it is thanked loses nothing:
//! `204` then, `503` with `Retry-After` where that takes longer than 2 s. What comes again after a `503` is flagged as
//! redelivered, and is known again if the first one was kept after all. Nothing but `POST` and `PUT` at the path (or below it: what
//! stands behind is the topic) with the right token is taken. Tokens are compared in constant time, and never kept or shown.
//!
//! | bounded | by |
//! |---|---|
//! | a body | `max_message`, before it is read where its length is told |
//! | bodies at once, being read or waiting to be taken in | 64 MiB, or two of the largest messages |
//! | connections | 64; further ones wait to be taken; who is refused is cut |
//! | a head; a body; between two requests; an answer that is not read | 10 s; 30 s; 10 s; 10 s |
//! | headers kept | 32 of at most 1,024 characters |
//! | messages that wait to be taken in | 64 |

mod gate;
mod patient;
mod server;
mod session;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpListener;

use self::gate::Gate;
use self::server::Reception;
use self::session::WebhookSession;
use crate::source::{Session, Source};
use crate::{Clock, ConnectError, MAX_MESSAGE, Resume, Secret, tls};

/// Where to listen, and for whom.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Address and port.
    pub listen: SocketAddr,
    /// The path; what stands below it is the topic of a message.
    pub path: String,
    /// What a sender must prove to know: in `Authorization: Bearer`, or as the next two say.
    pub token: Secret,
    /// A header that may hold the token instead.
    pub token_header: Option<String>,
    /// A parameter behind the `?` that may hold the token instead.
    pub token_parameter: Option<String>,
    /// Our certificate with what leads to its authority, and its key: PEM, read whenever listening begins. `None`: not
    /// encrypted.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The largest message in bytes.
    pub max_message: usize,
    /// A look: nothing is kept, so nobody is thanked; senders are told at once to try again.
    pub look: bool,
}

impl WebhookOptions {
    /// The options of a listener that needs nothing but its address and its token; the path is `/`.
    pub fn new(listen: SocketAddr, token: Secret) -> WebhookOptions {
        WebhookOptions {
            listen,
            path: "/".to_owned(),
            token,
            token_header: None,
            token_parameter: None,
            tls: None,
            max_message: MAX_MESSAGE,
            look: false,
        }
    }
}

/// A listener for webhooks.
pub struct WebhookSource {
    options: WebhookOptions,
    clock: Clock,
    /// Lives longer than a session: what was not thanked for comes again to the next one.
    reception: Arc<Reception>,
}

impl fmt::Debug for WebhookSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebhookSource").field(&self.options).finish()
    }
}

impl WebhookSource {
    /// A source that does not listen yet.
    pub fn new(options: WebhookOptions, clock: Clock) -> WebhookSource {
        let reception = Arc::new(Reception::new(Gate::new(&options), &options, clock));
        WebhookSource { options, clock, reception }
    }
}

#[async_trait]
impl Source for WebhookSource {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        if self.options.token.expose().is_empty() {
            return Err(ConnectError::Options("A webhook needs a token.".to_owned()));
        }
        let tls = match self.options.tls.clone() {
            Some((cert, key)) => {
                let read = tokio::task::spawn_blocking(move || tls::server_config(&cert, &key)).await;
                Some(read.map_err(|error| ConnectError::Tls(error.to_string()))??)
            }
            None => None,
        };
        let listen = self.options.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| unbound(listen, &error))?;
        Ok(Box::new(WebhookSession::open(listener, tls, Arc::clone(&self.reception), self.address(), self.clock)))
    }

    fn address(&self) -> String {
        format!("webhook://{}{}", self.options.listen, self.options.path)
    }
}

/// Why the address cannot be listened at.
fn unbound(listen: SocketAddr, error: &std::io::Error) -> ConnectError {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    match error.kind() {
        // A program that ends gives it back: worth trying again soon.
        AddrInUse => ConnectError::Network(format!(
            "Port {} of {} is taken by another program, or by another feed. End that, or give `listen` another port.",
            listen.port(),
            listen.ip()
        )),
        AddrNotAvailable => ConnectError::Options(format!(
            "This computer has no address {}. Give `listen` one of its own, as 127.0.0.1:{}.",
            listen.ip(),
            listen.port()
        )),
        PermissionDenied => ConnectError::Options(format!(
            "Listening at port {} is not allowed: those below 1024 are the system's. Give `listen` a higher one.",
            listen.port()
        )),
        _ => ConnectError::Network(format!("Nothing can listen at {listen}: {error}.")),
    }
}

#[cfg(test)]
mod tests;
