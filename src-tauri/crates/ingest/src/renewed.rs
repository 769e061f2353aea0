//! A source whose secrets change: tokens that expire, passwords that are exchanged.
//!
//! What a secret is kept in is asked at each connection. Where the other side refuses one that may be old, it is asked once
//! more, also what costs something (a program that is run); with another answer it is tried once more at once. With the
//! same answer, or where that is refused too, the refusal stands, and is permanent as ever. A session that ends before it has
//! brought anything may have been refused without a word, so that the next one begins with asking.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use feedwatch_model::{Certificate, Protocol, Time};
use tokio_util::task::AbortOnDropHandle;

use crate::batch::Batch;
use crate::source::{FlowControl, Session, Source};
use crate::{ConnectError, Resume, SessionError};

/// Makes sources with the secrets that hold now.
#[async_trait]
pub trait Renewal: Send + Sync {
    /// The source with the secrets as they are now; `None`: they are those of the source that was made last. `refused`: those
    /// were not accepted, so that what is remembered of them is worth nothing.
    ///
    /// # Errors
    /// [`ConnectError`]: a secret is not to be had.
    async fn source(&self, refused: bool) -> Result<Option<Arc<dyn Source>>, ConnectError>;
}

/// A source whose secrets are asked for at each connection.
#[derive(Clone)]
pub struct RenewedSource(Arc<Inner>);

struct Inner {
    renewal: Box<dyn Renewal>,
    /// The one that was made last.
    current: Mutex<Option<Arc<dyn Source>>>,
    /// The last session has ended, or goes on, without having brought anything: servers of lines cut whom they do not know,
    /// and say nothing.
    unheard: AtomicBool,
    /// What holds has been asked for since the last session was refused.
    asked: AtomicBool,
    address: String,
}

impl Inner {
    fn current(&self) -> Option<Arc<dyn Source>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks anew; is anything different?
    async fn renew(&self, refused: bool) -> Result<bool, ConnectError> {
        let Some(mut source) = self.renewal.source(refused).await? else { return Ok(false) };
        if let (Some(memory), Some(new)) =
            (self.current().and_then(|former| former.memory()), Arc::get_mut(&mut source))
        {
            new.take_over(memory);
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
        Ok(true)
    }
}

impl RenewedSource {
    /// A source that is not connected yet. `address`: for people.
    pub fn new(renewal: impl Renewal + 'static, address: String) -> RenewedSource {
        let (unheard, asked) = (AtomicBool::new(false), AtomicBool::new(false));
        RenewedSource(Arc::new(Inner {
            renewal: Box::new(renewal),
            current: Mutex::new(None),
            unheard,
            asked,
            address,
        }))
    }

    async fn try_once(&self, resume: &Resume, asked: bool) -> Result<Box<dyn Session>, ConnectError> {
        let none = || ConnectError::Options("The secrets of this feed are not to be had.".to_owned());
        let session = self.0.current().ok_or_else(none)?.connect(resume).await?;
        self.0.unheard.store(true, Ordering::Relaxed);
        Ok(Box::new(RenewedSession { session, source: Arc::clone(&self.0), may_ask: !asked, doubted: None }))
    }
}

#[async_trait]
impl Source for RenewedSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let asked = self.0.asked.swap(false, Ordering::Relaxed);
        let unheard = self.0.unheard.swap(false, Ordering::Relaxed) && !asked;
        if let Err(error) = self.0.renew(unheard).await {
            if self.0.current().is_none() {
                return Err(error);
            }
            // What tells the secret may need the network that is down just now: what is known may still be good.
            let tried = self.try_once(resume, true).await;
            return tried.map_err(|refused| if refused.is_permanent() { error } else { refused });
        }
        let asked = asked || unheard;
        match self.try_once(resume, asked).await {
            Err(error) if !asked && error.may_be_a_secret() && self.0.renew(true).await? => {
                self.try_once(resume, true).await
            }
            tried => tried,
        }
    }

    fn address(&self) -> String {
        self.0.address.clone()
    }

    fn found(&self) -> Option<Protocol> {
        self.0.current().and_then(|source| source.found())
    }
}

/// A session that may outlive the token it was opened with.
struct RenewedSession {
    session: Box<dyn Session>,
    source: Arc<Inner>,
    /// A refusal leads to asking for the secret: not if that was done for this very session, and it brought nothing.
    may_ask: bool,
    /// Why it is over, while it is looked whether another secret is to be had.
    doubted: Option<Doubt>,
}

struct Doubt {
    error: SessionError,
    /// On a task of its own, since [`Session::recv`] may be dropped and called again, and a program is not run each time.
    renewal: AbortOnDropHandle<Result<bool, ConnectError>>,
}

impl Doubt {
    /// What is said in the end, and is there another secret? May be dropped and called again.
    async fn end(&mut self) -> (SessionError, bool) {
        match (&mut self.renewal).await {
            Ok(Ok(true)) => {
                let next = "The secret has changed meanwhile: the connection is made anew with the one that holds now.";
                (SessionError::Cut(format!("{} {next}", self.error)), true)
            }
            _ => (self.error.clone(), false),
        }
    }
}

#[async_trait]
impl Session for RenewedSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if self.doubted.is_none() {
            let before = batch.len();
            let received = self.session.recv(batch).await;
            if received.is_ok() || batch.len() > before {
                self.may_ask = true;
                self.source.unheard.store(false, Ordering::Relaxed);
            }
            match received {
                Ok(()) => return Ok(()),
                Err(error) if self.may_ask && error.may_be_a_secret() => {
                    let source = Arc::clone(&self.source);
                    let renewal = AbortOnDropHandle::new(tokio::spawn(async move { source.renew(true).await }));
                    self.doubted = Some(Doubt { error, renewal });
                }
                Err(error) => return Err(error),
            }
        }
        let Some(doubt) = self.doubted.as_mut() else { return Ok(()) };
        let (ended, changed) = doubt.end().await;
        self.doubted = None;
        self.source.asked.store(changed, Ordering::Relaxed);
        Err(ended)
    }

    fn acknowledges(&self) -> bool {
        self.session.acknowledges()
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        self.session.ack(count).await
    }

    async fn close(&mut self) {
        self.session.close().await;
    }

    fn detail(&self) -> String {
        self.session.detail()
    }

    fn certificate(&self) -> Option<Certificate> {
        self.session.certificate()
    }

    fn last_heard(&self) -> Option<Time> {
        self.session.last_heard()
    }

    fn wire_bytes(&self) -> Option<u64> {
        self.session.wire_bytes()
    }

    fn flow(&self) -> FlowControl {
        self.session.flow()
    }
}

#[cfg(test)]
mod tests;
