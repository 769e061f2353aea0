//! A capture as a live feed: what `feedwatch replay` does. The capture is read here and served by the demo's servers.

use std::net::SocketAddr;
use std::path::Path;

use feedwatch_demo::{DemoError, Frame, Replay, ReplayOptions};
use feedwatch_ingest::{CaptureError, Clock, capture};
use feedwatch_model::{CSV_HEADER, Message, MessageMeta};

pub use feedwatch_demo::{Faults, ReplayProtocol, ReplayReport, Speed};

/// Why a replay cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The capture cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The server cannot be started.
    #[error(transparent)]
    Server(#[from] DemoError),
}

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplaySettings {
    /// As what.
    pub protocol: ReplayProtocol,
    /// Where; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How fast.
    pub speed: Speed,
    /// What goes wrong.
    pub faults: Faults,
}

/// Starts a server that replays a capture to its first client. The first message is read before anything listens, so
/// that a wrong file is told at once; a later line that cannot be read ends the replay there, and `on_trouble` is told.
///
/// # Errors
/// [`ReplayError`].
pub async fn start(
    file: &Path,
    settings: ReplaySettings,
    clock: Clock,
    on_trouble: impl Fn(CaptureError) + Send + 'static,
) -> Result<Replay, ReplayError> {
    let mut capture = capture::read(file, clock)?;
    let first = capture.next().transpose()?;
    let frames = first.map(Ok).into_iter().chain(capture).map_while(move |message| match message {
        Ok(message) => Some(frame_of(message)),
        Err(error) => {
            on_trouble(error);
            None
        }
    });
    let options = ReplayOptions {
        frames: Box::new(frames),
        protocol: settings.protocol,
        listen: settings.listen,
        speed: settings.speed,
        faults: settings.faults,
    };
    Ok(Replay::start(options).await?)
}

fn frame_of(message: Message) -> Frame {
    let Message { received, payload, meta, .. } = message;
    let meta = meta.map(|meta| *meta).unwrap_or_default();
    let MessageMeta { topic, id, headers, .. } = meta;
    // Over the wire the header of a CSV comes with its first record.
    let payload = match headers.iter().find(|(name, _)| &**name == CSV_HEADER) {
        Some((_, header)) => [header.as_bytes(), b"\n", &payload].concat().into(),
        None => payload,
    };
    Frame {
        topic: topic.map(|topic| topic.to_string()),
        id: id.map(|id| id.to_string()),
        ..Frame::new(received, payload)
    }
}
