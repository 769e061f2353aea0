//! Subjects and streams of a server as a source of messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::timeout;

use super::attach::{Asking, Attached};
use super::consuming::{Beginning, Consuming, silence};
use super::hello::{self, Endpoint, Greeted};
use super::holes::Holes;
use super::jetstream::Retention;
use super::options::{NatsOptions, NatsRead, NatsStream};
use super::pulls::Pulls;
use super::session::{NatsSession, Reading};
use super::wire::{Broken, Pulse, Wire};
use super::words;
use crate::source::{self, Session, Source};
use crate::{Clock, ConnectError, Resume};

/// The numbers of subscriptions: the answers' own, and of the subjects' the first.
const INBOX: u64 = 1;
const FIRST: u64 = 2;

/// Subjects or a stream of a server.
#[derive(Debug)]
pub struct NatsSource {
    options: NatsOptions,
    clock: Clock,
    memory: Arc<Mutex<Memory>>,
}

/// What one session leaves for the next one.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When the stream was made that was read last, and its lane.
    stream: Option<(String, String)>,
    /// Up to this sequence it was told what the stream has deleted.
    told: u64,
    /// Servers to try first, since the last one is about to end.
    pub(super) elsewhere: Vec<Endpoint>,
}

impl Memory {
    /// Servers of a cluster that are remembered.
    pub(super) const OTHERS: usize = 16;
}

impl NatsSource {
    /// A source that is not connected yet.
    pub fn new(options: NatsOptions, clock: Clock) -> NatsSource {
        NatsSource { options, clock, memory: Arc::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint { host: self.options.host.clone(), port: self.options.port }
    }

    /// A connection to the server, or to another one of its cluster while that ends.
    async fn greet(&self) -> Result<(Greeted, Endpoint), ConnectError> {
        let others = std::mem::take(&mut self.memory().elsewhere);
        for other in others {
            let after = self.options.connect_timeout / 4;
            if let Ok(Ok(greeted)) = timeout(after, hello::greet(&self.options, &other, self.clock)).await {
                return Ok((greeted, other));
            }
        }
        let at = self.endpoint();
        Ok((hello::greet(&self.options, &at, self.clock).await?, at))
    }

    async fn open(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let (Greeted { mut wire, detail, certificate, bytes }, at) = self.greet().await?;
        let host = at.shown();
        let mut reading = Reading::new(self.options.max_message, Arc::clone(&self.memory));
        let what = match &self.options.read {
            NatsRead::Core { queue } => {
                let queue = queue.as_deref().filter(|_| !self.options.look);
                self.subscribe(&mut wire, &self.options.subjects, queue, &host, &mut reading).await?
            }
            NatsRead::Stream(stream) => self.consume(&mut wire, stream, resume, &host, &mut reading).await?,
        };
        let pulse = Pulse::new(self.options.ping_interval);
        let elsewhere = if at == self.endpoint() { String::new() } else { format!(", at {host}") };
        Ok(Box::new(NatsSession {
            wire,
            pulse,
            reading,
            detail: format!("{detail}{elsewhere}, {what}"),
            certificate,
            bytes,
        }))
    }

    /// Subscribes to what is read. Messages come as soon as the server has taken it, before that is known here.
    async fn subscribe(
        &self,
        wire: &mut Wire,
        subjects: &[String],
        queue: Option<&str>,
        host: &str,
        reading: &mut Reading,
    ) -> Result<String, ConnectError> {
        reading.subscriptions = (FIRST..).take(subjects.len()).collect();
        self.ask_for(wire, FIRST, subjects, queue);
        let settled = hello::settled(wire, |message| reading.early(message, (self.clock)())).await;
        self.taken(settled, host)?;
        let what = match subjects {
            [one] => format!("subject {one}"),
            several => format!("{} subjects", several.len()),
        };
        Ok(queue.map_or_else(|| what.clone(), |queue| format!("{what}, a part as a member of {queue}")))
    }

    fn ask_for(&self, wire: &mut Wire, first: u64, subjects: &[String], queue: Option<&str>) {
        for (sid, subject) in (first..).zip(subjects) {
            let group = queue.map_or_else(String::new, |queue| format!("{queue} "));
            wire.output.say(format!("SUB {subject} {group}{sid}\r\n").as_bytes());
        }
    }

    /// Has the server taken what was said?
    fn taken(&self, settled: Result<Result<(), String>, Broken>, host: &str) -> Result<(), ConnectError> {
        match settled {
            Ok(Ok(())) => Ok(()),
            Ok(Err(said)) => Err(words::refused(&said, &self.options, host)),
            Err(broken) => Err(words::not_greeted(&broken, &self.options, host)),
        }
    }

    async fn consume(
        &self,
        wire: &mut Wire,
        stream: &NatsStream,
        resume: &Resume,
        host: &str,
        reading: &mut Reading,
    ) -> Result<String, ConnectError> {
        let inbox = format!("_INBOX.{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.ask_for(wire, INBOX, &[format!("{inbox}.>")], None);
        // Nothing was asked that could be answered there.
        let settled = hello::settled(wire, |_| false).await;
        self.taken(settled, host)?;
        let mut asking = Asking { wire, options: &self.options, host, inbox: &inbox, asked: 0 };
        if self.options.look {
            let info = asking.stream(&stream.name).await?;
            if info.config.retention == Retention::WorkQueue {
                // Nobody else may read such a stream beside its consumers.
                let own = &self.options.subjects;
                let subjects = if own.is_empty() { &info.config.subjects } else { own };
                let what = self.subscribe(wire, subjects, None, host, reading).await?;
                return Ok(format!("{what}: what comes for the work queue {}", stream.name));
            }
            let attached = asking.look(stream, &info).await?;
            let name = attached.consumer.name.clone();
            let stream = NatsStream { durable: name, ..stream.clone() };
            reading.consuming = Some(self.consuming(&stream, attached, inbox));
            return Ok(format!("stream {}", stream.name));
        }
        let (before, mut told) = {
            let memory = self.memory();
            (memory.stream.clone(), memory.told)
        };
        let before = before.as_ref().map(|(created, lane)| (created.as_str(), lane.as_str()));
        let attached = asking.attach(stream, resume, before, &mut told).await;
        self.memory().told = told;
        let attached = attached?;
        self.memory().stream = Some((attached.created.clone(), attached.lane.clone()));
        let others = if attached.others { ", which somebody else reads too: each gets a part" } else { "" };
        let what = format!("stream {}, consumer {}{others}", stream.name, stream.durable);
        reading.consuming = Some(self.consuming(stream, attached, inbox));
        Ok(what)
    }

    fn consuming(&self, stream: &NatsStream, attached: Attached, inbox: String) -> Consuming {
        let Attached { consumer, lane, whole, restore, last, lost, .. } = attached;
        let most = u64::from(stream.max_ack_pending);
        Consuming {
            next: format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", stream.name, stream.durable),
            stream: stream.clone(),
            inbox,
            lane: lane.into(),
            pulls: Pulls::new(&consumer.config, most, self.options.max_message),
            asked: 0,
            open: VecDeque::new(),
            acknowledged: 0,
            look: self.options.look,
            beginning: Beginning::of(restore),
            whole,
            last,
            holes: Holes::default(),
            silence: silence(),
            lost,
        }
    }
}

#[async_trait]
impl Source for NatsSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let after = self.options.connect_timeout;
        let host = || self.endpoint().shown();
        timeout(after, self.open(resume)).await.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host(), after }))
    }

    fn address(&self) -> String {
        self.options.shown.clone()
    }

    fn memory(&self) -> Option<source::Memory> {
        Some(self.memory.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<Mutex<Memory>>() {
            self.memory = memory;
        }
    }
}
