//! Lines of clients that connect to us.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::peer::{Given, Peer};
use super::{LinesOptions, client, words};
use crate::batch::Batch;
use crate::source::Session;
use crate::wire_bytes::{Counted, WireBytes};
use crate::{Clock, ConnectError, SessionError};

/// Clients at once.
pub(super) const CLIENTS: usize = 64;
/// How long a client may take to say the token.
const TOKEN_WITHIN: Duration = Duration::from_secs(10);
/// The longest line that may be the token.
const LONGEST_TOKEN: usize = 1024;
/// After the system refused a connection for want of its own means it is asked again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens.
pub(super) async fn listen(
    options: &LinesOptions,
    at: SocketAddr,
    clock: Clock,
) -> Result<Box<dyn Session>, ConnectError> {
    let listener = TcpListener::bind(at).await.map_err(|error| words::cannot_listen(at, &error))?;
    Ok(Box::new(Listener {
        listener,
        options: options.clone(),
        clock,
        clients: Vec::new(),
        first: 0,
        rest_until: None,
        bytes: WireBytes::default(),
    }))
}

struct Listener {
    listener: TcpListener,
    options: LinesOptions,
    clock: Clock,
    clients: Vec<Client>,
    /// Whose turn it is to be read first: one that never pauses must not keep the others waiting.
    first: usize,
    rest_until: Option<Instant>,
    /// Of all clients.
    bytes: WireBytes,
}

struct Client {
    peer: Peer<Counted<TcpStream>>,
    /// It has said the token, where one is wanted.
    is_known: bool,
    since: Instant,
}

impl Client {
    /// When it is given up, if nothing comes of it.
    fn deadline(&self, idle: Option<Duration>) -> Option<Instant> {
        if self.is_known { idle.map(|idle| self.peer.instant + idle) } else { Some(self.since + TOKEN_WITHIN) }
    }

    /// Tells it why it is turned away, as far as that goes without waiting.
    fn turn_away(&self, why: &[u8]) {
        let _ = self.peer.io.get_ref().try_write(why);
    }
}

impl Listener {
    /// Takes whoever waits; did anybody?
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> bool {
        let mut came = false;
        while self.rest_until.is_none() {
            match self.listener.poll_accept(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok((socket, from))) => self.accept(socket, from),
                Poll::Ready(Err(_)) => self.rest_until = Some(Instant::now() + PAUSE),
            }
            came = true;
        }
        came
    }

    fn accept(&mut self, socket: TcpStream, from: SocketAddr) {
        if !self.options.allows(from.ip()) {
            return;
        }
        client::keep_alive(&socket);
        let is_known = self.options.token.is_none();
        let limit = if is_known { self.options.max_message } else { LONGEST_TOKEN };
        let peer = Peer::new(self.bytes.of(socket), Some(from.to_string().into()), limit, self.clock);
        let client = Client { peer, is_known, since: Instant::now() };
        if self.clients.len() >= CLIENTS {
            client.turn_away(words::TOO_MANY);
        } else {
            self.clients.push(client);
        }
    }

    fn poll_clients(&mut self, cx: &mut Context<'_>, batch: &mut Batch) {
        self.first = (self.first + 1).checked_rem(self.clients.len()).unwrap_or(0);
        let mut gone = Vec::new();
        let order = (self.first..self.clients.len()).chain(0..self.first);
        for at in order.collect::<Vec<_>>() {
            let Some(client) = self.clients.get_mut(at) else { continue };
            if !client.is_known {
                match known(client, &self.options, cx) {
                    Poll::Pending => continue,
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => {
                        gone.push(at);
                        continue;
                    }
                }
            }
            if let Poll::Ready(Given::Ended | Given::Broken(_)) = client.peer.poll_give(cx, batch) {
                gone.push(at);
            }
        }
        // From behind, so that the places of the others stay.
        gone.sort_unstable();
        for at in gone.into_iter().rev() {
            self.clients.swap_remove(at);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter_map(|client| client.deadline(self.options.idle_timeout));
        clients.chain(self.rest_until).min()
    }

    fn give_up_idle(&mut self, batch: &mut Batch) {
        let (now, idle) = (Instant::now(), self.options.idle_timeout);
        self.clients.retain_mut(|client| {
            let stays = client.deadline(idle).is_none_or(|deadline| deadline > now);
            // What came without the token is nobody's.
            if !stays && client.is_known {
                client.peer.unfinished(batch);
            }
            stays
        });
        self.rest_until = self.rest_until.filter(|until| *until > now);
    }
}

/// Has the client said the token? `false`: it has said something else, or has gone.
fn known(client: &mut Client, options: &LinesOptions, cx: &mut Context<'_>) -> Poll<bool> {
    let wanted = options.token.as_ref().map(|token| token.expose().as_bytes()).unwrap_or_default();
    let said = match client.peer.poll_is(cx, |line| is_same(line, wanted)) {
        Poll::Ready(said) => said,
        Poll::Pending if client.peer.is_too_long() => return Poll::Ready(false),
        Poll::Pending => return Poll::Pending,
    };
    client.is_known = said == Some(true);
    if client.is_known {
        client.peer.set_limit(options.max_message);
    } else if said.is_some() {
        client.turn_away(words::NO_TOKEN);
    }
    Poll::Ready(client.is_known)
}

/// Compares in a time that does not tell how much is right.
fn is_same(said: &[u8], wanted: &[u8]) -> bool {
    said.len() == wanted.len() && said.iter().zip(wanted).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[async_trait]
impl Session for Listener {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                () = poll_fn(|cx| {
                    // Who came has a deadline of his own.
                    let came = self.poll_accept(cx);
                    self.poll_clients(cx, batch);
                    if batch.is_empty() && !came { Poll::Pending } else { Poll::Ready(()) }
                }) => {}
                () = async {
                    match deadline {
                        Some(deadline) => sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                } => self.give_up_idle(batch),
            }
            if !batch.is_empty() {
                return Ok(());
            }
        }
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes.get())
    }

    fn detail(&self) -> String {
        let token = if self.options.token.is_some() { "with a token" } else { "without a token" };
        format!("listens, {token}")
    }
}
