//! Where a feed's messages wait for the pipeline: bounded by messages and by bytes.
//!
//! The reader never waits. When the inbox is full the oldest messages are forgotten; an [`Event::Dropped`] stands in the
//! queue where they stood, so that the checks can tell what was lost upstream from what was dropped here. At every moment
//! received = drained + dropped + duplicate + queued.
//!
//! A feed with several endpoints has one inbox for all of them: of the copies of a message the first is taken, further ones
//! are counted (see [`crate::arbiter`]) and get no number.
//!
//! Limits: the newest message is kept even if it alone is larger than the limit of bytes (its source bounds it). The limit
//! is of payload bytes and of the text beside them ([`feedwatch_model::Message::size`]), the books are of payload bytes; a
//! payload shares the block it was copied to, so what is held is near the bytes on the wire.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use feedwatch_model::{Certificate, Message, Time};
use tokio::sync::{Notify, watch};

use crate::acks::{Acks, Kept};
use crate::arbiter::{Arbiter, LineCounters};
use crate::{Batch, Missed};

/// What a feed's source has to tell, in the order it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A try begins.
    Connecting {
        /// When.
        at: Time,
        /// Which of the feed's endpoints; 0 for the preferred one.
        line: u8,
        /// 1 for the first try since the feed was started or was last healthy.
        attempt: u32,
    },
    /// The connection is open; messages can come.
    Connected {
        /// When.
        at: Time,
        /// Which of the feed's endpoints.
        line: u8,
        /// The address, without passwords and tokens.
        endpoint: String,
        /// What the connection is like: `TLS 1.3`. May be empty.
        detail: String,
        /// By which the server has proved who it is.
        certificate: Option<Box<Certificate>>,
    },
    /// A message.
    Message(Message),
    /// Messages that stood here were forgotten because the inbox was full.
    Dropped {
        /// The number of the first of them; they are consecutive.
        first: u64,
        /// How many.
        count: u64,
        /// Their payload bytes.
        bytes: u64,
        /// The receive time of the first of them.
        from: Time,
        /// The receive time of the last of them.
        to: Time,
    },
    /// The other side was asked and has nothing new.
    Alive {
        /// When.
        at: Time,
    },
    /// Messages were lost before they came here.
    Missed(Missed),
    /// Something a person should know that is neither a message nor the end of the connection.
    Notice {
        /// When.
        at: Time,
        /// A sentence.
        text: String,
    },
    /// The connection is lost, or was not to be had.
    Lost {
        /// When it was noticed.
        at: Time,
        /// Which of the feed's endpoints.
        line: u8,
        /// When the source was last heard; before the first connection, when it was first tried.
        last_good: Time,
        /// A sentence with the cure.
        reason: String,
        /// A person must act; it is tried again slowly.
        refused: bool,
        /// The next try begins after this.
        retry_in: Duration,
    },
    /// We have closed it ourselves; it is not tried again until it is wanted.
    StoodDown {
        /// When.
        at: Time,
        /// Which of the feed's endpoints.
        line: u8,
        /// When the source was last heard.
        last_good: Time,
        /// Why.
        why: Shut,
    },
    /// The source is finished: no further tries.
    Ended {
        /// When.
        at: Time,
        /// Which of the feed's endpoints.
        line: u8,
        /// A sentence.
        reason: String,
    },
}

/// Why we close a connection ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// It is not needed: an endpoint before it does.
    NotNeeded,
    /// A drill: the connection is cut without a goodbye.
    Drill,
    /// It brought nothing while another endpoint did: it is taken for dead, cut, and tried anew.
    Silent,
}

/// What an inbox holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxLimits {
    /// Messages; at least one is kept.
    pub messages: usize,
    /// Bytes of payload and of the text beside it; the newest message is kept whatever its size.
    pub bytes: usize,
}

impl Default for InboxLimits {
    /// 65,536 messages, 64 MiB.
    fn default() -> InboxLimits {
        InboxLimits { messages: 65_536, bytes: 64 << 20 }
    }
}

/// The books of an inbox at one moment, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboxCounters {
    /// Everything that came.
    pub received: u64,
    /// The payload bytes of everything that came.
    pub bytes: u64,
    /// Forgotten because the inbox was full.
    pub dropped: u64,
    /// Further copies, of lines that were not the first to bring them.
    pub duplicate: u64,
    /// Waiting here.
    pub queued: u64,
    /// Bytes that came over the wire for all of that; `None` where no source tells.
    pub wire_bytes: Option<u64>,
}

/// One feed's queue between its source and the pipeline.
pub struct Inbox {
    limits: InboxLimits,
    queue: Mutex<Queue>,
    doorbell: Arc<dyn Fn() + Send + Sync>,
    /// Told whenever something was taken out.
    room: Notify,
    acks: Acks,
    /// The number of the first message.
    first: u64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Events about the connection: neither messages nor what stands for dropped ones.
    words: usize,
    /// Bytes of the messages queued, with the text beside them.
    queued_bytes: usize,
    counters: InboxCounters,
    /// Of a feed with several endpoints.
    arbiter: Option<Arbiter>,
    /// A bit for each line whose messages somebody keeps until they are acknowledged: they are not forgotten here.
    kept_for_us: u8,
}

impl Inbox {
    /// Connection events that may wait unread before the next try waits for them: nobody is reading.
    const WORDS: usize = 1024;

    /// An empty inbox. `doorbell` rings after something was put into an **empty** inbox: who hears it must drain until
    /// nothing is left.
    pub fn new(limits: InboxLimits, doorbell: Arc<dyn Fn() + Send + Sync>) -> Arc<Inbox> {
        Arc::new(Inbox {
            limits,
            queue: Mutex::default(),
            doorbell,
            room: Notify::new(),
            acks: Acks::default(),
            first: 0,
        })
    }

    /// The same, its first message with this number: a feed that comes back counts on.
    pub fn numbered_from(first: u64, limits: InboxLimits, doorbell: Arc<dyn Fn() + Send + Sync>) -> Arc<Inbox> {
        Arc::new(Inbox { limits, queue: Mutex::default(), doorbell, room: Notify::new(), acks: Acks::default(), first })
    }

    /// The feed has so many endpoints, of which one may be as far as `window` behind another. Before the first message.
    pub fn arbitrate(&self, lines: usize, window: Duration) {
        self.lock().arbiter = (lines > 1).then(|| Arbiter::new(lines, window));
    }

    /// What each of the feed's endpoints has brought; empty for a feed with one.
    pub fn lines(&self) -> Vec<LineCounters> {
        self.lock().arbiter.as_ref().map(Arbiter::counters).unwrap_or_default()
    }

    /// All messages with smaller numbers are on disk, or decided on where no history is kept: the broker may forget them.
    pub fn kept_below(&self, number: u64) {
        self.acks.below(number);
    }

    /// The history refused messages: what is not acknowledged yet must not be.
    pub fn refused(&self) {
        self.acks.refused();
    }

    /// The history takes messages again: what was refused is to be had again from a broker that kept it.
    pub fn recovered(&self) {
        self.acks.recovered();
    }

    /// A line of the feed is connected at `at`. Its session goes on where the last one ended, or does not; its messages are
    /// kept by the other side until they are acknowledged, or are not.
    pub(crate) fn begins(&self, line: u8, at: Time, resumes: bool, acknowledges: bool) {
        let mut queue = self.lock();
        let bit = 1u8.checked_shl(line.into()).unwrap_or(0);
        queue.kept_for_us = if acknowledges { queue.kept_for_us | bit } else { queue.kept_for_us & !bit };
        if let Some(arbiter) = &mut queue.arbiter {
            arbiter.connected(line, at, resumes);
        }
    }

    pub(crate) fn kept(&self) -> watch::Receiver<Kept> {
        self.acks.watch()
    }

    /// So many more bytes came over the wire, messages or not.
    pub(crate) fn on_wire(&self, bytes: u64) {
        let mut queue = self.lock();
        let before = queue.counters.wire_bytes.unwrap_or(0);
        queue.counters.wire_bytes = Some(before + bytes);
    }

    /// The number that the next message gets.
    pub(crate) fn next_number(&self) -> u64 {
        self.lock().next_number(self.first)
    }

    /// Moves at most `at_most` events, the oldest first, to the end of `out`. Returns how many.
    pub fn drain(&self, out: &mut Vec<Event>, at_most: usize) -> usize {
        let mut queue = self.lock();
        let count = at_most.min(queue.events.len());
        let Queue { events, words, queued_bytes, counters, .. } = &mut *queue;
        for event in events.drain(..count) {
            match &event {
                Event::Message(message) => {
                    *queued_bytes -= message.size();
                    counters.queued -= 1;
                }
                Event::Dropped { .. } => {}
                _ => *words -= 1,
            }
            out.push(event);
        }
        drop(queue);
        if count > 0 {
            self.room.notify_waiters();
        }
        count
    }

    /// The books, all of one moment.
    pub fn counters(&self) -> InboxCounters {
        self.lock().counters
    }

    /// Takes all messages of the batch, numbers them, and forgets the oldest if there are too many.
    pub fn put(&self, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        let mut queue = self.lock();
        let was_empty = queue.events.is_empty();
        for message in batch.drain(usize::MAX) {
            queue.take(self.first, message);
            while queue.is_over(self.limits) && queue.forget_oldest() {}
        }
        let rings = was_empty && !queue.events.is_empty();
        drop(queue);
        if rings {
            (self.doorbell)();
        }
    }

    /// Takes all messages of the batch, waiting for room: nothing is forgotten.
    pub async fn put_when_room(&self, batch: &mut Batch) {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            self.put_what_fits(batch);
            if batch.is_empty() {
                return;
            }
            room.await;
        }
    }

    /// Puts a word about the connection behind what is queued.
    pub fn announce(&self, event: Event) {
        let mut queue = self.lock();
        let was_empty = queue.events.is_empty();
        if !matches!(event, Event::Message(_) | Event::Dropped { .. }) {
            queue.words += 1;
        }
        if let Some(arbiter) = &mut queue.arbiter {
            match event {
                Event::Lost { line, .. } | Event::StoodDown { line, .. } | Event::Ended { line, .. } => {
                    arbiter.lost(line);
                }
                _ => {}
            }
        }
        queue.events.push_back(event);
        drop(queue);
        if was_empty {
            (self.doorbell)();
        }
    }

    /// The other side lives and has nothing new. Of many such signs with nothing between them the last one stays.
    pub(crate) fn alive(&self, now: Time) {
        let mut queue = self.lock();
        if let Some(Event::Alive { at }) = queue.events.back_mut() {
            *at = now;
            return;
        }
        drop(queue);
        self.announce(Event::Alive { at: now });
    }

    /// Waits until so few connection events are unread that another round of them may be announced.
    pub(crate) async fn room_for_words(&self) {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if self.lock().words < Self::WORDS {
                return;
            }
            room.await;
        }
    }

    fn put_what_fits(&self, batch: &mut Batch) {
        let mut queue = self.lock();
        let was_empty = queue.events.is_empty();
        let (mut messages, mut bytes) = (queue.counters.queued as usize, queue.queued_bytes);
        let fits = batch.messages().iter().take_while(|message| {
            let first = messages == 0;
            messages += 1;
            bytes = bytes.saturating_add(message.size());
            first || messages <= self.limits.messages && bytes <= self.limits.bytes
        });
        let count = fits.count();
        for message in batch.drain(count) {
            queue.take(self.first, message);
        }
        let rings = was_empty && !queue.events.is_empty();
        drop(queue);
        if rings {
            (self.doorbell)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The books are whole between any two statements that can panic, so a poisoned lock is as good as any.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("limits", &self.limits)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl Queue {
    fn next_number(&self, first: u64) -> u64 {
        first + self.counters.received - self.counters.duplicate
    }

    fn take(&mut self, first: u64, mut message: Message) {
        message.number = self.next_number(first);
        self.counters.received += 1;
        self.counters.bytes += message.payload.len() as u64;
        if let Some(arbiter) = &mut self.arbiter
            && !arbiter.is_first(message.line, &message)
        {
            self.counters.duplicate += 1;
            return;
        }
        self.counters.queued += 1;
        self.queued_bytes += message.size();
        self.events.push_back(Event::Message(message));
    }

    fn is_over(&self, limits: InboxLimits) -> bool {
        self.counters.queued > 1 && (self.counters.queued > limits.messages as u64 || self.queued_bytes > limits.bytes)
    }

    /// Only connection events, drops, and messages that must not be forgotten stand before the oldest that may be, so the
    /// search is short, and the drop right before it, if there is one, ends where this one begins. `false`: none may go.
    fn forget_oldest(&mut self) -> bool {
        let kept = self.kept_for_us;
        let may_go = |message: &Message| kept & 1u8.checked_shl(message.line.into()).unwrap_or(0) == 0;
        let oldest = self.events.iter().position(|event| matches!(event, Event::Message(message) if may_go(message)));
        let Some(at) = oldest else { return false };
        let Some(Event::Message(message)) = self.events.remove(at) else { return false };
        let size = message.payload.len();
        self.counters.queued -= 1;
        self.counters.dropped += 1;
        self.queued_bytes -= message.size();
        if let Some(Event::Dropped { count, bytes, to, .. }) =
            at.checked_sub(1).and_then(|before| self.events.get_mut(before))
        {
            *count += 1;
            *bytes += size as u64;
            *to = message.received;
        } else {
            let (first, time) = (message.number, message.received);
            self.events.insert(at, Event::Dropped { first, count: 1, bytes: size as u64, from: time, to: time });
        }
        true
    }
}

#[cfg(test)]
mod tests;
