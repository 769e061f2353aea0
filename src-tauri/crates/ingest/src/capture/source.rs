//! A capture as a source: as fast as the inbox takes it, nothing dropped, then the end.

use std::path::PathBuf;

use async_trait::async_trait;
use feedwatch_model::Position;
use tokio::task::spawn_blocking;

use super::{Capture, read};
use crate::source::{Batch, FlowControl, Session, Source};
use crate::{Clock, ConnectError, SessionError};

/// A capture file.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    clock: Clock,
}

impl FileSource {
    /// A source that is not opened yet.
    pub fn new(path: impl Into<PathBuf>, clock: Clock) -> FileSource {
        FileSource { path: path.into(), clock }
    }
}

#[async_trait]
impl Source for FileSource {
    async fn connect(&self, _resume: Option<&Position>) -> Result<Box<dyn Session>, ConnectError> {
        let (path, clock) = (self.path.clone(), self.clock);
        let opened = spawn_blocking(move || read(path, clock)).await;
        let opened =
            opened.map_err(|error| ConnectError::Network(format!("The file could not be opened: {error}.")))?;
        // A person must act: nobody will put the file there for us.
        let capture = opened.map_err(|error| ConnectError::Options(error.to_string()))?;
        Ok(Box::new(FileSession { capture: Some(Box::new(capture)) }))
    }

    fn address(&self) -> String {
        self.path.display().to_string()
    }
}

struct FileSession {
    /// Away while a batch is read, and for good when the future that reads it was dropped.
    capture: Option<Box<Capture>>,
}

#[async_trait]
impl Session for FileSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        let Some(mut capture) = self.capture.take() else { return Err(ended("The file was read before.")) };
        // A disk may take its time, and must not take the runtime's.
        let filled = spawn_blocking(move || {
            let mut read = Batch::default();
            let end = fill(&mut capture, &mut read);
            (capture, read, end)
        });
        let (capture, mut read, end) = filled.await.map_err(|error| ended(&format!("Reading stopped: {error}.")))?;
        self.capture = Some(capture);
        for message in read.drain(usize::MAX) {
            batch.push(message.received, message.payload, message.meta);
        }
        end.map_or(Ok(()), Err)
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

/// Reads till the batch is full; otherwise says why it is not.
fn fill(capture: &mut Capture, batch: &mut Batch) -> Option<SessionError> {
    while !batch.is_full() {
        match capture.next() {
            Some(Ok(message)) => batch.push(message.received, message.payload, message.meta),
            Some(Err(error)) => return Some(ended(&error.to_string())),
            None => return Some(ended("The file was read to its end.")),
        }
    }
    None
}

fn ended(reason: &str) -> SessionError {
    SessionError::Ended(reason.to_owned())
}
