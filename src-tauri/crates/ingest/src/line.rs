//! One of a feed's endpoints under supervision: what is read, whether it is wanted, and what others see of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use feedwatch_model::{Position, Time};
use tokio::sync::{mpsc, watch};

use crate::{Batch, Endpoint, Resume, Shut, Source};

/// Is a connection wanted?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Shut(Shut),
}

/// What a line tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Connected,
    /// The connection was lost or not to be had.
    Failed,
    /// It was closed because it is not wanted.
    StoodDown,
    /// There is nothing more to come, ever.
    Ended,
    /// The first message of a connection, or since one was asked for, and when it was received.
    First(Time),
}

/// What can be seen of a line at any time.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    messages: AtomicU64,
    /// The next message is to be told as a first one.
    asked: AtomicBool,
}

impl Pulse {
    /// Messages since the program began.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Asks for the next message to be told.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }
}

/// One endpoint of a feed.
pub(crate) struct Line {
    /// 0 for the preferred one.
    pub(crate) number: u8,
    pub(crate) source: Arc<dyn Source>,
    gate: watch::Receiver<Gate>,
    told: Option<mpsc::UnboundedSender<(u8, Said)>>,
    pub(crate) pulse: Arc<Pulse>,
    /// What the lanes of a backup are called in the history: brokers number each by itself.
    lanes: Lanes,
    /// The next message is the first of its connection.
    fresh: bool,
}

impl Line {
    /// The only one, always wanted.
    pub(crate) fn only(source: Arc<dyn Source>) -> Line {
        let (_, gate) = watch::channel(Gate::Open);
        Line { number: 0, source, gate, told: None, pulse: Arc::default(), lanes: Lanes::default(), fresh: false }
    }

    /// One of several, whose gate somebody moves and who is told what becomes of it.
    pub(crate) fn of(
        number: u8,
        endpoint: &Endpoint,
        gate: watch::Receiver<Gate>,
        told: mpsc::UnboundedSender<(u8, Said)>,
    ) -> Line {
        let prefix = (number > 0).then(|| format!("{}|", endpoint.name));
        let (source, lanes) = (Arc::clone(&endpoint.source), Lanes { prefix, last: None });
        Line { number, source, gate, told: Some(told), pulse: Arc::default(), lanes, fresh: false }
    }

    /// Of the positions in the history those of this endpoint, as its source calls them.
    pub(crate) fn own(&self, resume: &Resume) -> Resume {
        resume.positions().iter().filter_map(|position| self.lanes.own(position)).collect()
    }

    /// Calls the positions of a batch as the history does.
    pub(crate) fn name_lanes(&mut self, batch: &mut Batch) {
        if self.lanes.prefix.is_some() {
            for meta in batch.metas_mut() {
                if let Some(Position::Offset { lane, .. }) = &mut meta.position {
                    self.lanes.name(lane);
                }
            }
        }
    }

    /// Waits until a connection is wanted. Where nobody moves the gate it stays as it is.
    pub(crate) async fn wanted(&mut self) {
        if self.gate.wait_for(|gate| *gate == Gate::Open).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until none is wanted any more, and tells why.
    pub(crate) fn unwanted(&self) -> impl Future<Output = Shut> + use<> {
        let mut gate = self.gate.clone();
        async move {
            if let Ok(gate) = gate.wait_for(|gate| *gate != Gate::Open).await
                && let Gate::Shut(why) = *gate
            {
                return why;
            }
            std::future::pending().await
        }
    }

    pub(crate) fn say(&mut self, said: Said) {
        self.fresh = said == Said::Connected;
        if let Some(told) = &self.told {
            // Who asked for it may be gone: the feed is being stopped.
            let _ = told.send((self.number, said));
        }
    }

    /// Messages were read, the first of them received at `first`.
    pub(crate) fn read(&mut self, messages: u64, first: Time) {
        self.pulse.messages.fetch_add(messages, Ordering::Relaxed);
        let asked = self.pulse.asked.load(Ordering::Relaxed) && self.pulse.asked.swap(false, Ordering::Relaxed);
        if (std::mem::take(&mut self.fresh) || asked)
            && let Some(told) = &self.told
        {
            let _ = told.send((self.number, Said::First(first)));
        }
    }
}

/// What stands before the names of a backup's lanes, and the last name that was made.
#[derive(Debug, Default)]
struct Lanes {
    prefix: Option<String>,
    last: Option<(Arc<str>, Arc<str>)>,
}

impl Lanes {
    fn own(&self, position: &Position) -> Option<Position> {
        let Position::Offset { lane, offset } = position else { return Some(position.clone()) };
        let lane: Arc<str> = match &self.prefix {
            Some(prefix) => lane.strip_prefix(prefix.as_str())?.into(),
            None => Arc::clone(lane),
        };
        Some(Position::Offset { lane, offset: *offset })
    }

    fn name(&mut self, lane: &mut Arc<str>) {
        let Some(prefix) = &self.prefix else { return };
        if self.last.as_ref().is_none_or(|(known, _)| known != lane) {
            self.last = Some((Arc::clone(lane), format!("{prefix}{lane}").into()));
        }
        if let Some((_, named)) = &self.last {
            *lane = Arc::clone(named);
        }
    }
}
