//! An address of which only HTTP is known: an event stream, or a document that is asked for again and again.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use feedwatch_model::Protocol;
use tokio::time::timeout;

use super::Kind;
use super::asker::{Asker, is_ok};
use crate::dial::Trust;
use crate::poll::{PollOptions, PollSession};
use crate::source::{self, Session, Source};
use crate::sse::{SseOptions, finished, no_events, question, session};
use crate::{Clock, ConnectError, Resume};

/// Events are wanted most.
const ACCEPT: &str = "text/event-stream, application/json;q=0.9, text/plain;version=0.0.4;q=0.8, */*;q=0.5";

/// A source that finds out by the first answer's `Content-Type` what it is, and stays with that.
#[derive(Debug)]
pub struct EventsOrPoll {
    events: SseOptions,
    poll: PollOptions,
    clock: Clock,
    found: Arc<OnceLock<Protocol>>,
}

impl EventsOrPoll {
    /// A source that is not connected yet; the two options have the same address.
    pub fn new(events: SseOptions, poll: PollOptions, clock: Clock) -> EventsOrPoll {
        EventsOrPoll { events, poll, clock, found: Arc::default() }
    }

    async fn open(&self, mut asker: Asker, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let response = asker.ask(&question(ACCEPT, &self.events.http, resume)?).await?;
        finished(&response)?;
        if !is_ok(&response) {
            return Err(asker.status_error(&response));
        }
        match Kind::of(response.headers()) {
            Kind::Events => {
                let _ = self.found.set(Protocol::Sse);
                session(&mut asker, response, &self.events, self.clock)
            }
            Kind::Document => {
                let _ = self.found.set(Protocol::Poll);
                Ok(Box::new(PollSession::new(asker, &self.poll, response)?))
            }
            Kind::Other => Err(no_events(&response, Kind::Other)),
        }
    }
}

#[async_trait]
impl Source for EventsOrPoll {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let http = &self.events.http;
        let asker = Asker::new(http, Trust::Files(http.tls.clone()), self.clock)?;
        let (host, after) = (asker.host(), http.connect_timeout);
        let opened = timeout(after, self.open(asker, resume)).await;
        opened.unwrap_or_else(|_| Err(ConnectError::TimedOut { host, after }))
    }

    fn address(&self) -> String {
        self.events.http.address()
    }

    fn found(&self) -> Option<Protocol> {
        self.found.get().copied()
    }

    fn memory(&self) -> Option<source::Memory> {
        Some(self.found.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<OnceLock<Protocol>>() {
            self.found = memory;
        }
    }
}

#[cfg(test)]
mod tests;
