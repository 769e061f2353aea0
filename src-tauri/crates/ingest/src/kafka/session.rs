//! The source and its session: thin ends of the thread's desk.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::Time;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::begin::Lanes;
use super::client;
use super::desk::{Desk, Hold};
use super::{KafkaOptions, KafkaRole};
use crate::batch::Batch;
use crate::source::{self, FlowControl, Session, Source};
use crate::{Clock, ConnectError, Resume, SessionError};

/// So long the former session's goodbye is waited for: its partitions are free for the next one then.
const GOODBYE: Duration = Duration::from_secs(3);

/// Messages that may be handed over and not on disk: as many as the inbox holds. While the history can keep nothing, no
/// more are read.
const UNKEPT: usize = 65_536;

/// Topics of a cluster.
pub struct KafkaSource {
    options: Arc<KafkaOptions>,
    clock: Clock,
    /// The last session's desk: the next one begins when its thread has left the group, if it can.
    former: Arc<Mutex<Option<Arc<Desk>>>>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource").field("options", &self.options).finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// `clock` tells the receive time.
    pub fn new(options: KafkaOptions, clock: Clock) -> KafkaSource {
        KafkaSource { options: Arc::new(options), clock, former: Arc::default() }
    }

    #[cfg(test)]
    pub(super) fn desk(&self) -> Arc<Desk> {
        self.former.lock().unwrap().clone().unwrap()
    }

    fn exchange(&self, desk: Option<Arc<Desk>>) -> Option<Arc<Desk>> {
        std::mem::replace(&mut *self.former.lock().unwrap_or_else(PoisonError::into_inner), desk)
    }
}

#[async_trait]
impl Source for KafkaSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        if let Some(former) = self.exchange(None) {
            // One that cannot say goodbye to its broker ends by itself, later.
            let _ = timeout(GOODBYE, former.is_left()).await;
        }
        let desk = Arc::new(Desk::new(Lanes::new(resume)));
        self.exchange(Some(Arc::clone(&desk)));
        let (opened, open) = oneshot::channel();
        let (options, clock, at) = (Arc::clone(&self.options), self.clock, Arc::clone(&desk));
        let stop = Stop(Arc::clone(&desk));
        let thread = std::thread::Builder::new().name("kafka".to_owned());
        if let Err(error) = thread.spawn(move || client::run(&options, &at, clock, opened)) {
            desk.leave();
            return Err(ConnectError::Network(format!("No thread could be started: {error}.")));
        }
        // The thread bounds the time itself; if it panicked nothing is sent.
        let ended = || ConnectError::Network("The connection could not be made.".to_owned());
        let detail = open.await.map_err(|_| ended())??;
        let member = matches!(self.options.role, KafkaRole::Member { .. });
        Ok(Box::new(KafkaSession { stop, detail, member, handed: VecDeque::new(), acknowledged: 0 }))
    }

    fn address(&self) -> String {
        self.options.servers.to_string()
    }

    fn memory(&self) -> Option<source::Memory> {
        Some(self.former.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<Mutex<Option<Arc<Desk>>>>() {
            self.former = memory;
        }
    }
}

/// The thread ends when nobody wants it any more.
struct Stop(Arc<Desk>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

struct KafkaSession {
    stop: Stop,
    detail: String,
    member: bool,
    /// What is not acknowledged yet, in the order in which it was handed over.
    handed: VecDeque<(Hold, i64)>,
    acknowledged: u64,
}

#[async_trait]
impl Session for KafkaSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if self.handed.len() >= UNKEPT {
            return Err(self.stop.0.ended().await);
        }
        let taken = self.stop.0.take(batch, &mut self.handed).await;
        if !self.member {
            self.handed.clear();
        }
        taken
    }

    fn acknowledges(&self) -> bool {
        self.member
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let more = usize::try_from(count.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
        let more = more.min(self.handed.len());
        self.acknowledged = count.max(self.acknowledged);
        self.stop.0.kept(self.handed.drain(..more));
        Ok(())
    }

    async fn close(&mut self) {
        self.stop.0.stop();
        self.stop.0.is_left().await;
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn last_heard(&self) -> Option<Time> {
        self.stop.0.last_heard()
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}
