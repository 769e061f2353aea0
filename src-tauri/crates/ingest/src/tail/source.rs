//! A followed file as a source.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::follow::{Begin, Begun, Follow};
use super::identity::FileId;
use super::session::TailSession;
use super::{TailOptions, words};
use crate::source::{Session, Source};
use crate::{Clock, ConnectError, Resume};

/// How often a file that is not there is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// A file that is followed.
#[derive(Debug)]
pub struct TailSource {
    options: TailOptions,
    clock: Clock,
    shared: Arc<Shared>,
}

/// What outlives a session.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// Left by a session that had a word to say: the next one goes on with the same open files.
    pub(super) follow: Option<Box<Follow>>,
    /// Behind what is on disk, once a session has begun.
    pub(super) kept: Option<Resume>,
    /// The file was not there, which was told.
    waited: bool,
    /// Which file was opened first, where all of it is new and no place in it can be told: it was empty, or waited for.
    first: Option<FileId>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TailSource {
    /// A source that has not looked yet.
    pub fn new(options: TailOptions, clock: Clock) -> TailSource {
        TailSource { options, clock, shared: Arc::default() }
    }

    /// Waits for the file, if it was told that it is not there.
    async fn wait(&self) -> Result<(), ConnectError> {
        loop {
            let path = self.options.path.clone();
            let looked = blocking(move || std::fs::metadata(path)).await?;
            match looked {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let told = std::mem::replace(&mut self.shared.lock().waited, true);
                    if !told {
                        return Err(words::cannot_open(&self.options.path, &error));
                    }
                }
                Err(error) => return Err(words::cannot_open(&self.options.path, &error)),
            }
            sleep(LOOK).await;
        }
    }

    async fn open(&self, known: &Resume) -> Result<Box<Follow>, ConnectError> {
        let begin = {
            let mut state = self.shared.lock();
            let from = state.kept.get_or_insert_with(|| known.clone()).clone();
            Begin { from, known: known.clone(), whole: state.waited, first: state.first }
        };
        let (options, clock, path) = (self.options.clone(), self.clock, &self.options.path);
        let opened = blocking(move || {
            Follow::open(options, clock, &begin).map(|mut follow| {
                // Also without a line there is a place: what the history refuses is read again from there.
                let begun = follow.begun().filter(|_| begin.from.positions().is_empty());
                (Box::new(follow), begun)
            })
        });
        let (follow, begun) = opened.await?.map_err(|error| words::cannot_open(path, &error))?;
        let mut state = self.shared.lock();
        match begun {
            Some(Begun::Behind(place)) => drop(state.kept.as_mut().map(|kept| kept.note(&place))),
            Some(Begun::Whole(file)) => state.first = Some(file),
            None => {}
        }
        drop(state);
        Ok(follow)
    }
}

/// Runs what may wait for a disk where nobody else waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ConnectError> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| ConnectError::Network(format!("The file could not be opened: {error}.")))
}

#[async_trait]
impl Source for TailSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        self.wait().await?;
        let left = self.shared.lock().follow.take();
        let follow = match left {
            Some(follow) => follow,
            None => self.open(resume).await?,
        };
        Ok(Box::new(TailSession::new(follow, self.options.clone(), Arc::clone(&self.shared))))
    }

    fn address(&self) -> String {
        self.options.path.display().to_string()
    }
}
