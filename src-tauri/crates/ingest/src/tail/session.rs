//! Following a file, asynchronously: a thread of the runtime's own reads, one step at a time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::Position;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::follow::{Follow, Step};
use super::source::Shared;
use super::{TailOptions, words};
use crate::SessionError;
use crate::batch::Batch;
use crate::source::{FlowControl, Session};

/// How often it is looked while lines come, and how often else.
const BUSY: Duration = Duration::from_millis(100);
const QUIET: Duration = Duration::from_millis(250);
/// After so long without a line it is quiet.
const QUIET_AFTER: Duration = Duration::from_secs(5);

/// What one step leaves: the open files, what was read, and how it ended.
type Stepped = (Box<Follow>, Batch, io::Result<Step>);

pub(super) struct TailSession {
    options: TailOptions,
    shared: Arc<Shared>,
    /// Away while a step is under way.
    follow: Option<Box<Follow>>,
    /// The step under way: the future that waits for it may be dropped, the step not.
    step: Option<JoinHandle<Stepped>>,
    /// Messages given so far, and the places behind those that are not acknowledged.
    given: u64,
    places: VecDeque<(u64, Vec<Position>)>,
    /// What is read to on the way; empty in between.
    read: Batch,
    last: Instant,
}

impl TailSession {
    pub(super) fn new(follow: Box<Follow>, options: TailOptions, shared: Arc<Shared>) -> TailSession {
        TailSession {
            options,
            shared,
            follow: Some(follow),
            step: None,
            given: 0,
            places: VecDeque::new(),
            read: Batch::default(),
            last: Instant::now(),
        }
    }

    async fn stepped(&mut self) -> Result<(Batch, io::Result<Step>), SessionError> {
        let step = match &mut self.step {
            Some(step) => step,
            none => {
                let Some(mut follow) = self.follow.take() else { return Err(over("it was given up before")) };
                let mut read = std::mem::take(&mut self.read);
                none.insert(spawn_blocking(move || {
                    let step = follow.step(&mut read);
                    (follow, read, step)
                }))
            }
        };
        let stepped = step.await;
        self.step = None;
        let (follow, read, step) = stepped.map_err(|error| over(&error.to_string()))?;
        self.follow = Some(follow);
        Ok((read, step))
    }

    /// Hands on what was read.
    fn give(&mut self, read: &mut Batch, batch: &mut Batch) {
        let mut last: Vec<Position> = Vec::new();
        for position in read.views().filter_map(|message| message.meta?.position.as_ref()) {
            match last.iter_mut().find(|known| known.lane() == position.lane()) {
                Some(known) => known.clone_from(position),
                None => last.push(position.clone()),
            }
        }
        self.given += read.len() as u64;
        batch.append(read);
        self.places.push_back((self.given, last));
        self.last = Instant::now();
    }
}

fn over(why: &str) -> SessionError {
    SessionError::Cut(format!("Reading stopped: {why}."))
}

#[async_trait]
impl Session for TailSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            let (mut read, step) = self.stepped().await?;
            if !read.is_empty() {
                self.give(&mut read, batch);
            }
            self.read = read;
            match step {
                Ok(Step::Word(word)) => {
                    // Nothing is wrong with what is open: the next session goes on with it.
                    self.shared.lock().follow = self.follow.take();
                    return Err(SessionError::Cut(word));
                }
                Err(error) => return Err(SessionError::Cut(words::cannot_read(&self.options.path, &error))),
                Ok(_) if !batch.is_empty() => return Ok(()),
                Ok(_) => sleep(if self.last.elapsed() < QUIET_AFTER { BUSY } else { QUIET }).await,
            }
        }
    }

    fn acknowledges(&self) -> bool {
        true
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let mut state = self.shared.lock();
        while self.places.front().is_some_and(|(last, _)| *last <= count) {
            let (Some((_, places)), Some(kept)) = (self.places.pop_front(), &mut state.kept) else { break };
            places.iter().for_each(|position| kept.note(position));
        }
        Ok(())
    }

    fn detail(&self) -> String {
        "lines as they are written".to_owned()
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}
