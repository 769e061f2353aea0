//! As long as it is listened.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::Time;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::server::{Delivery, Reception};
use crate::batch::Batch;
use crate::source::{FlowControl, Session};
use crate::{Clock, SessionError};

/// Messages that wait to be taken in.
const WAITING: usize = 64;
/// Requests without the token are told to people once in so long,
const TELL: Duration = Duration::from_secs(60);
/// and to who judges them once in so long, together.
const COUNT: Duration = Duration::from_secs(1);

/// Listening ends with it.
pub(super) struct WebhookSession {
    reception: Arc<Reception>,
    address: String,
    deliveries: mpsc::Receiver<Delivery>,
    over: CancellationToken,
    task: JoinHandle<()>,
    /// Who waits for the thanks, in the order of the messages.
    waiting: VecDeque<oneshot::Sender<()>>,
    thanked: u64,
    turned_away: TurnedAway,
    heard: Time,
    clock: Clock,
    is_encrypted: bool,
}

/// What was told of requests without the token.
struct TurnedAway {
    told: u64,
    next: Instant,
    counted: u64,
    next_count: Instant,
}

impl WebhookSession {
    pub(super) fn open(
        listener: TcpListener,
        tls: Option<ServerConfig>,
        reception: Arc<Reception>,
        address: String,
        clock: Clock,
    ) -> WebhookSession {
        let (sender, deliveries) = mpsc::channel(WAITING);
        let over = CancellationToken::new();
        let is_encrypted = tls.is_some();
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let task = tokio::spawn(Arc::clone(&reception).serve(listener, acceptor, sender, over.clone()));
        let turned_away = TurnedAway::new(reception.turned_away());
        WebhookSession {
            reception,
            address,
            deliveries,
            over,
            task,
            waiting: VecDeque::new(),
            thanked: 0,
            turned_away,
            heard: clock(),
            clock,
            is_encrypted,
        }
    }

    fn take(&mut self, delivery: Delivery, batch: &mut Batch) {
        let Delivery { received, payload, meta, kept, room } = delivery;
        self.heard = received;
        if self.reception.thanks() {
            self.waiting.push_back(kept);
        }
        batch.push(received, payload, Some(meta));
        drop(room);
    }
}

impl TurnedAway {
    fn new(so_far: u64) -> TurnedAway {
        let now = Instant::now();
        TurnedAway { told: so_far, next: now, counted: so_far, next_count: now }
    }

    /// Waits until there are requests without the token to be counted: how many are new, and how many are to be told of.
    async fn more(&mut self, reception: &Reception) -> (u64, u64) {
        while reception.turned_away() == self.counted {
            // Of what is counted already people may not have been told.
            let untold = self.told != self.counted;
            tokio::select! {
                () = reception.another_turned_away() => {}
                () = sleep_until(self.next), if untold => return (0, self.tell()),
            }
        }
        sleep_until(self.next_count).await;
        self.next_count = Instant::now() + COUNT;
        let now = reception.turned_away();
        let fresh = now - std::mem::replace(&mut self.counted, now);
        (fresh, if Instant::now() >= self.next { self.tell() } else { 0 })
    }

    fn tell(&mut self) -> u64 {
        self.next = Instant::now() + TELL;
        self.counted - std::mem::replace(&mut self.told, self.counted)
    }
}

#[async_trait]
impl Session for WebhookSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        let delivery = tokio::select! {
            biased;
            delivery = self.deliveries.recv() => delivery,
            (fresh, count) = self.turned_away.more(&self.reception) => {
                if fresh > 0 {
                    batch.turned_away(fresh, self.reception.last_away());
                }
                if count == 0 {
                    return Ok(());
                }
                let requests = if count == 1 { "A request was".to_owned() } else { format!("{count} requests were") };
                batch.notice(format!(
                    "{requests} turned away at {}: without the token, or with a wrong one.",
                    self.address
                ));
                return Ok(());
            }
        };
        let Some(delivery) = delivery else {
            return Err(SessionError::Cut("Listening has ended by itself.".to_owned()));
        };
        self.take(delivery, batch);
        while !batch.is_full()
            && let Ok(delivery) = self.deliveries.try_recv()
        {
            self.take(delivery, batch);
        }
        Ok(())
    }

    fn acknowledges(&self) -> bool {
        self.reception.thanks()
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let fresh = usize::try_from(count.saturating_sub(self.thanked)).unwrap_or(usize::MAX).min(self.waiting.len());
        self.thanked += fresh as u64;
        for sender in self.waiting.drain(..fresh) {
            // Who has given up waiting tries again, and is known.
            let _ = sender.send(());
        }
        Ok(())
    }

    /// Whoever still waits is told to try again.
    async fn close(&mut self) {
        self.over.cancel();
        self.waiting.clear();
        self.deliveries.close();
        while self.deliveries.try_recv().is_ok() {}
        let _ = (&mut self.task).await;
    }

    fn detail(&self) -> String {
        let encrypted = if self.is_encrypted { "TLS" } else { "not encrypted" };
        format!("listening, {encrypted}")
    }

    fn last_heard(&self) -> Option<Time> {
        // Nobody has to speak: as long as we listen, nothing is missed.
        Some((self.clock)().max(self.heard))
    }

    /// A sender can wait.
    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

impl Drop for WebhookSession {
    fn drop(&mut self) {
        self.over.cancel();
    }
}
