//! Lines as a source.

use async_trait::async_trait;
use tokio::time::timeout;

use super::{LinesOptions, LinesPlace, client, datagrams, input, listener};
use crate::source::{Session, Source};
use crate::{Clock, ConnectError, Resume};

/// Where lines come from.
#[derive(Debug)]
pub struct LinesSource {
    options: LinesOptions,
    clock: Clock,
}

impl LinesSource {
    /// A source that is not connected yet.
    pub fn new(options: LinesOptions, clock: Clock) -> LinesSource {
        LinesSource { options, clock }
    }
}

#[async_trait]
impl Source for LinesSource {
    async fn connect(&self, _resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let LinesSource { options, clock } = self;
        match &options.place {
            LinesPlace::Server { host, port, encrypted } => {
                let after = options.connect_timeout;
                let connected = client::connect(options, (host, *port, *encrypted), *clock);
                let late = |_| Err(ConnectError::TimedOut { host: format!("{host}:{port}"), after });
                timeout(after, connected).await.unwrap_or_else(late)
            }
            LinesPlace::Listen(at) => listener::listen(options, *at, *clock).await,
            LinesPlace::Datagrams(at) => datagrams::listen(options, *at, *clock).await,
            LinesPlace::Input => input::open(options, *clock),
        }
    }

    fn address(&self) -> String {
        self.options.place.to_string()
    }
}
