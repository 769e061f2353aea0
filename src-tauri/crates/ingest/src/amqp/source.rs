//! A queue of a broker as a source of messages.

use async_trait::async_trait;
use tokio::time::timeout;

use super::options::AmqpOptions;
use super::session::{AmqpSession, Reading, Tags};
use super::setup;
use crate::source::{Session, Source};
use crate::{Clock, ConnectError, Resume};

/// A queue of a broker.
#[derive(Debug)]
pub struct AmqpSource {
    options: AmqpOptions,
    clock: Clock,
}

impl AmqpSource {
    /// A source that is not connected yet.
    pub fn new(options: AmqpOptions, clock: Clock) -> AmqpSource {
        AmqpSource { options, clock }
    }

    async fn open(&self) -> Result<Box<dyn Session>, ConnectError> {
        let options = &self.options;
        let uri = setup::uri(options)?;
        let mut line = setup::line(options, self.clock).await?;
        let certificate = line.certificate.take();
        let (connection, intake, cutter, encryption) = line.log_in(options, uri).await?;
        let (channel, consumer, queue) = setup::consume(&connection, options).await?;
        let detail = format!("{encryption}, {queue}");
        let reading = Reading {
            queue: options.queue.name().to_owned(),
            intake,
            tags: Tags::default(),
            topic: None,
            max_message: options.max_message,
            acknowledges: !options.look,
            clock: self.clock,
            detail,
            certificate,
            _cutter: cutter,
        };
        Ok(Box::new(AmqpSession { connection, channel, consumer, reading }))
    }
}

#[async_trait]
impl Source for AmqpSource {
    /// The broker itself knows where it stands.
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let after = self.options.connect_timeout;
        let host = || self.options.host_and_port();
        timeout(after, self.open()).await.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host(), after }))
    }

    fn address(&self) -> String {
        self.options.shown.clone()
    }
}
