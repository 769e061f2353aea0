//! HTTP asked again and again: each answer is one message.
//!
//! The times of asking lie on a grid from the first one on ([`grid`]), so that they do not drift; a slow answer delays the
//! next question and leaves out those it has passed, which is said beside the message. A server that knows `ETag` or
//! `Last-Modified` is asked whether anything changed (RFC 9110, section 13): `304` and `204` bring no message, but show that it
//! lives. One connection is kept; if the server closes it between two questions, which is its right, the next one opens
//! another. Everything else that is no answer ends the session.

mod grid;
mod options;
mod session;

use async_trait::async_trait;

pub use options::PollOptions;
pub(crate) use session::PollSession;

use crate::dial::Trust;
use crate::source::{Session, Source};
use crate::web::asker::{Asker, within};
use crate::{Clock, ConnectError, Resume};

/// An address that is polled.
#[derive(Debug)]
pub struct PollSource {
    options: PollOptions,
    clock: Clock,
    trust: Trust,
}

impl PollSource {
    /// A source that is not connected yet.
    pub fn new(options: PollOptions, clock: Clock) -> PollSource {
        let trust = Trust::Files(options.http.tls.clone());
        PollSource { options, clock, trust }
    }
}

#[async_trait]
impl Source for PollSource {
    /// The first question is asked at once: what is wrong is known before the session begins.
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let mut asker = Asker::new(&self.options.http, self.trust.clone(), self.clock)?;
        asker.connect().await?;
        let question = self.options.question()?;
        let response = within(self.options.timeout, self.options.host(), asker.ask(&question)).await?;
        Ok(Box::new(PollSession::new(asker, &self.options, response)?))
    }

    fn address(&self) -> String {
        self.options.http.address()
    }
}

#[cfg(test)]
mod tests;
