//! Topics of a broker as a source of messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// A session that the broker has of us knows all our topics.
    subscribed: Arc<AtomicBool>,
}

impl MqttSource {
    /// A source that is not connected yet.
    pub fn new(options: MqttOptions, clock: Clock) -> MqttSource {
        MqttSource { options, clock, subscribed: Arc::default() }
    }

    async fn open(&self) -> Result<Box<dyn Session>, ConnectError> {
        let known = self.subscribed.load(Ordering::Relaxed);
        let session = setup::open(&self.options, self.clock, known).await?;
        self.subscribed.store(true, Ordering::Relaxed);
        Ok(Box::new(session))
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
        Some(self.subscribed.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<AtomicBool>() {
            self.subscribed = memory;
        }
    }
}
