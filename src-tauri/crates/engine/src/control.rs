//! How another program of the same user asks a running engine: lines of JSON over a Unix socket that only the user can open.
//!
//! The socket is named after the history (or, where none is kept, the configuration), so whoever would start an engine on it
//! finds the one that runs. One request a connection, one line each way:
//! `{"drill": "spot"}` and `{"done": {…}}` or `{"failure": {"code", "message", "cure"}}`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::{Core, DrillReport, EngineOptions, HOLD};
use crate::wire::Failure;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Fail this feed over on purpose.
    Drill(String),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(DrillReport),
    Failure(Failure),
}

/// The longest line of either side.
const LONGEST: u64 = 64 << 10;
/// A drill takes at most three steps of 30 s, and its hold.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest name of a socket that every system takes (sockaddr_un, with its closing zero).
const LONGEST_PATH: usize = 103;

/// Where the engine with these options listens.
pub fn socket_of(options: &EngineOptions) -> Option<PathBuf> {
    let named = options.history.as_ref().unwrap_or(&options.config_path);
    let named = feedwatch_store::true_path(named);
    let mut hash = DefaultHasher::new();
    named.hash(&mut hash);
    let path = options.paths.runtime.join(format!("engine-{:016x}.sock", hash.finish()));
    (path.as_os_str().len() <= LONGEST_PATH).then_some(path)
}

/// Why a running engine did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No engine runs there.
    #[error("No console runs with this history.")]
    Nobody,
    /// The engine says why not.
    #[error("{} {}", .0.message, .0.cure)]
    Refused(Failure),
    /// The connection to it broke.
    #[error("The running console gave no answer: {0}.")]
    Broken(#[from] io::Error),
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::time::timeout;

    use super::*;

    /// Listens. What lies at this path and answers nobody is left of a process that is gone.
    pub(crate) fn listen(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
        if let Some(folder) = path.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // Where no history is kept there is no lock.
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = std::os::unix::net::UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    pub(crate) async fn serve(core: Arc<Core>, listener: std::os::unix::net::UnixListener) {
        let Ok(listener) = UnixListener::from_std(listener) else { return };
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No descriptor is free; one may be later.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let core = Arc::clone(&core);
            tokio::spawn(async move {
                if let Err(error) = answer(&core, stream).await {
                    tracing::warn!(%error, "somebody asked and went away");
                }
            });
        }
    }

    async fn answer(core: &Core, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        timeout(Duration::from_secs(5), (&mut stream).take(LONGEST).read_line(&mut line)).await??;
        let answer = match serde_json::from_str(&line) {
            Ok(Request::Drill(feed)) => match core.drill(&feed, HOLD).await {
                Ok(report) => Answer::Done(report),
                Err(failure) => Answer::Failure(failure),
            },
            Err(error) => Answer::Failure(crate::engine::failure("bad_request", error.to_string(), "")),
        };
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line).await
    }

    pub(super) async fn ask(path: &Path, request: &Request) -> Result<DrillReport, AskError> {
        let stream = UnixStream::connect(path).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Nobody,
            _ => AskError::Broken(error),
        })?;
        let mut stream = BufReader::new(stream);
        let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line).await?;
        let mut answer = String::new();
        let read = timeout(PATIENCE, (&mut stream).take(LONGEST).read_line(&mut answer)).await;
        read.map_err(io::Error::from)??;
        match serde_json::from_str(&answer).map_err(io::Error::from)? {
            Answer::Done(report) => Ok(report),
            Answer::Failure(failure) => Err(AskError::Refused(failure)),
        }
    }
}

#[cfg(unix)]
pub(crate) use unix::{listen, serve};

/// Asks the engine that listens at `path`.
///
/// # Errors
/// [`AskError::Nobody`] where none does.
pub async fn ask(path: &Path, request: &Request) -> Result<DrillReport, AskError> {
    #[cfg(unix)]
    {
        unix::ask(path, request).await
    }
    #[cfg(not(unix))]
    {
        let _ = (path, request, PATIENCE, LONGEST);
        Err(AskError::Nobody)
    }
}
