//! Topics of a broker as a source of messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::timeout;

use super::options::MqttOptions;
use super::setup;
use crate::source::{self, Session, Source};
use crate::{Clock, ConnectError, Resume};

/// Topics of a broker.
#[derive(Debug)]
pub struct MqttSource {
    options: MqttOptions,
    clock: Clock,
    memory: Arc<Memory>,
}

/// What one session leaves for the next one.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// A session that the broker has of us knows all our topics: it has answered to the last of them.
    subscribed: AtomicBool,
    /// The last session ended with a goodbye, all of it acknowledged, and another endpoint is read since: see
    /// [`MqttOptions::in_turns`].
    left: AtomicBool,
    /// What was told last of what the broker does not grant.
    told: Mutex<String>,
}

impl Memory {
    pub(super) fn set_subscribed(&self, all: bool) {
        self.subscribed.store(all, Ordering::Relaxed);
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::Relaxed)
    }

    pub(super) fn set_left(&self, left: bool) {
        self.left.store(left, Ordering::Relaxed);
    }

    pub(super) fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// A sentence, unless it was told already: it would come with every connection.
    pub(super) fn once(&self, sentence: String) -> Option<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == sentence {
            return None;
        }
        told.clone_from(&sentence);
        (!sentence.is_empty()).then_some(sentence)
    }
}

impl MqttSource {
    /// A source that is not connected yet.
    pub fn new(options: MqttOptions, clock: Clock) -> MqttSource {
        MqttSource { options, clock, memory: Arc::default() }
    }

    async fn open(&self) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(setup::open(&self.options, self.clock, &self.memory).await?))
    }
}

#[async_trait]
impl Source for MqttSource {
    /// The broker itself knows where its session stands.
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let after = self.options.connect_timeout;
        let host = || self.options.host_and_port();
        timeout(after, self.open()).await.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host(), after }))
    }

    fn address(&self) -> String {
        self.options.shown.clone()
    }

    fn memory(&self) -> Option<source::Memory> {
        Some(self.memory.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<Memory>() {
            self.memory = memory;
        }
    }
}
