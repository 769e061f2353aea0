//! Topics of a broker as a source of messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::time::timeout;

use super::options::MqttOptions;
use super::setup;
use crate::source::{Session, Source};
use crate::{Clock, ConnectError, Resume};

/// Topics of a broker.
#[derive(Debug)]
pub struct MqttSource {
    options: MqttOptions,
    clock: Clock,
    subscribed: Subscribed,
}

/// Does a session that the broker has of us know all our topics? Not before it has answered to the last of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscribed(Arc<AtomicBool>);

impl Subscribed {
    pub(super) fn set(&self, all: bool) {
        self.0.store(all, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl MqttSource {
    /// A source that is not connected yet.
    pub fn new(options: MqttOptions, clock: Clock) -> MqttSource {
        MqttSource { options, clock, subscribed: Subscribed::default() }
    }

    async fn open(&self) -> Result<Box<dyn Session>, ConnectError> {
        Ok(Box::new(setup::open(&self.options, self.clock, &self.subscribed).await?))
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
}
