//! Subjects and streams of a server as a source of messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::timeout;

use super::attach::{Asking, Attached};
use super::hello::{self, Endpoint, Greeted};
use super::jetstream::Retention;
use super::options::{NatsOptions, NatsRead, NatsStream};
use super::pulls::Pulls;
use super::session::{Beginning, Consuming, NatsSession, Reading, silence};
use super::subjects::Subjects;
use super::wire::{Pulse, Wire};
use super::words;
use crate::arena::Arena;
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
        let (what, consuming) = match &self.options.read {
            NatsRead::Core { queue } => {
                let queue = queue.as_deref().filter(|_| !self.options.look);
                (self.subscribe(&mut wire, FIRST, &self.options.subjects, queue, &host).await?, None)
            }
            NatsRead::Stream(stream) => self.consume(&mut wire, stream, resume, &host).await?,
        };
        let reading = Reading {
            arena: Arena::new(),
            subjects: Subjects::new(),
            max_message: self.options.max_message,
            ending: false,
            memory: Arc::clone(&self.memory),
            consuming,
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

    /// Subscribes, and waits until the server has taken it.
    async fn subscribe(
        &self,
        wire: &mut Wire,
        first: u64,
        subjects: &[String],
        queue: Option<&str>,
        host: &str,
    ) -> Result<String, ConnectError> {
        for (sid, subject) in (first..).zip(subjects) {
            let group = queue.map_or_else(String::new, |queue| format!("{queue} "));
            wire.output.say(format!("SUB {subject} {group}{sid}\r\n").as_bytes());
        }
        match hello::settled(wire).await {
            Ok(Ok(())) => {}
            Ok(Err(said)) => return Err(words::refused(&said, &self.options, host)),
            Err(broken) => return Err(words::not_greeted(&broken, &self.options, host)),
        }
        let what = match subjects {
            [one] => format!("subject {one}"),
            several => format!("{} subjects", several.len()),
        };
        Ok(queue.map_or_else(|| what.clone(), |queue| format!("{what}, a part as a member of {queue}")))
    }

    async fn consume(
        &self,
        wire: &mut Wire,
        stream: &NatsStream,
        resume: &Resume,
        host: &str,
    ) -> Result<(String, Option<Consuming>), ConnectError> {
        let inbox = format!("_INBOX.{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        self.subscribe(wire, INBOX, &[format!("{inbox}.>")], None, host).await?;
        let mut asking = Asking { wire, options: &self.options, host, inbox: &inbox, asked: 0 };
        if self.options.look {
            let info = asking.stream(&stream.name).await?;
            if info.config.retention == Retention::WorkQueue {
                // Nobody else may read such a stream beside its consumers.
                let own = &self.options.subjects;
                let subjects = if own.is_empty() { &info.config.subjects } else { own };
                let what = self.subscribe(wire, FIRST, subjects, None, host).await?;
                return Ok((format!("{what}: what comes for the work queue {}", stream.name), None));
            }
            let attached = asking.look(stream, &info).await?;
            let name = attached.consumer.name.clone();
            let stream = NatsStream { durable: name, ..stream.clone() };
            return Ok((format!("stream {}", stream.name), Some(self.consuming(&stream, attached, inbox))));
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
        Ok((what, Some(self.consuming(stream, attached, inbox))))
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
            missing: None,
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
