//! A capture as a source: as fast as the inbox takes it, nothing dropped, then the end.
//!
//! Every message tells where it stands: `file:NUMBER:DIGEST`, the messages up to it and a digest of all lines up to it.
//! The next connection reads on behind the last one that was kept, so that a capture is stored once however often the
//! program starts; what has grown since is read from there on. A file that does not begin with the same lines, be it
//! shorter, edited or another one, is read anew. Where it lies and when it was changed does not matter.
//!
//! Limit: to find its place, the part that was read before is read once more, without being told.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use feedwatch_model::{MessageMeta, Position};
use tokio::task::spawn_blocking;

use super::{Capture, CaptureError, read};
use crate::batch::Batch;
use crate::source::{FlowControl, Session, Source};
use crate::{Clock, ConnectError, Resume, SessionError};

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
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let (path, clock, resume) = (self.path.clone(), self.clock, resume.position().cloned());
        let opened = spawn_blocking(move || open(&path, clock, resume.as_ref())).await;
        let opened =
            opened.map_err(|error| ConnectError::Network(format!("The file could not be opened: {error}.")))?;
        // A person must act: nobody will put the file there for us.
        let (capture, resumed) = opened.map_err(|error| ConnectError::Options(error.to_string()))?;
        Ok(Box::new(FileSession { capture: Some(Box::new(capture)), unread: resumed, read: Batch::default() }))
    }

    fn address(&self) -> String {
        self.path.display().to_string()
    }
}

/// Opens the file behind what was read before; tells whether it is that file.
fn open(path: &Path, clock: Clock, resume: Option<&Position>) -> Result<(Capture, bool), CaptureError> {
    let mut capture = read(path, clock)?;
    match resume {
        Some(position) if capture.resume(position) => Ok((capture, true)),
        Some(_) => Ok((read(path, clock)?, false)),
        None => Ok((capture, false)),
    }
}

struct FileSession {
    /// Away while a batch is read, and for good when the future that reads it was dropped.
    capture: Option<Box<Capture>>,
    /// It was read before, and nothing new has come since.
    unread: bool,
    /// What is read to on the way; empty in between.
    read: Batch,
}

#[async_trait]
impl Session for FileSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        let Some(mut capture) = self.capture.take() else { return Err(ended("The file was read before.")) };
        // A disk may take its time, and must not take the runtime's.
        let mut read = std::mem::take(&mut self.read);
        let filled = spawn_blocking(move || {
            let end = fill(&mut capture, &mut read);
            (capture, read, end)
        });
        let (capture, mut read, end) = filled.await.map_err(|error| ended(&format!("Reading stopped: {error}.")))?;
        self.capture = Some(capture);
        self.unread &= read.is_empty();
        batch.append(&mut read);
        self.read = read;
        match end {
            None => Ok(()),
            // A person must act: what stands behind that place is not read.
            Some(End::Error(error)) => Err(SessionError::Refused(ConnectError::Options(error.to_string()))),
            Some(End::Reached) if self.unread => {
                Err(ended("The file was read to its end before, and there is nothing new in it."))
            }
            Some(End::Reached) => Err(ended("The file was read to its end.")),
        }
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

/// Why a batch is not full.
enum End {
    Reached,
    Error(CaptureError),
}

/// Reads till the batch is full; otherwise says why it is not.
fn fill(capture: &mut Capture, batch: &mut Batch) -> Option<End> {
    while !batch.is_full() {
        match capture.next() {
            Some(Ok(message)) => {
                // Also the event id of an .sse capture makes way: nobody could be asked for it here.
                let position = Some(capture.place());
                let meta = MessageMeta { position, ..message.meta.map(|meta| *meta).unwrap_or_default() };
                batch.push(message.received, message.payload, Some(Box::new(meta)));
            }
            Some(Err(error)) => return Some(End::Error(error)),
            None => return Some(End::Reached),
        }
    }
    None
}

fn ended(reason: &str) -> SessionError {
    SessionError::Ended(reason.to_owned())
}
