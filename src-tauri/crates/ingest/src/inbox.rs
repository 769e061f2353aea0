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
use crate::batch::{Batch, Missed, Run};

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
    /// Clients without a valid token were turned away: at most one such event a second.
    TurnedAway {
        /// When the last of them was.
        at: Time,
        /// How many since the last such event.
        count: u64,
        /// The address of the last of them; empty where it is not known.
        who: String,
    },
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

/// What waits.
enum Item {
    Messages(Run),
    /// Anything but a message.
    Word(Event),
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
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

    /// Takes `enough` events out, or all there are, the oldest first, and hands on one after the other; what was read
    /// together with the last of them comes with it. Returns how many. While they are handed on nobody waits.
    pub fn drain(&self, enough: usize, mut each: impl FnMut(Event)) -> usize {
        let mut taken = Vec::new();
        let mut queue = self.lock();
        let mut count = 0;
        while count < enough
            && let Some(item) = queue.pop()
        {
            count += item.len();
            taken.push(item);
        }
        drop(queue);
        if count == 0 {
            return 0;
        }
        self.room.notify_waiters();
        for item in taken {
            match item {
                Item::Messages(run) => run.for_each(|message| each(Event::Message(message))),
                Item::Word(event) => each(event),
            }
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
        let was_empty = queue.items.is_empty();
        for run in batch.take(usize::MAX) {
            queue.take(self.first, run);
        }
        while queue.is_over(self.limits) && queue.forget_oldest() {}
        let rings = was_empty && !queue.items.is_empty();
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
    pub(crate) fn announce(&self, event: Event) {
        let mut queue = self.lock();
        let was_empty = queue.items.is_empty();
        queue.words += 1;
        if let Some(arbiter) = &mut queue.arbiter {
            match event {
                Event::Lost { line, .. } | Event::StoodDown { line, .. } | Event::Ended { line, .. } => {
                    arbiter.lost(line);
                }
                _ => {}
            }
        }
        queue.items.push_back(Item::Word(event));
        drop(queue);
        if was_empty {
            (self.doorbell)();
        }
    }

    /// The other side lives and has nothing new. Of many such signs with nothing between them the last one stays.
    pub(crate) fn alive(&self, now: Time) {
        let mut queue = self.lock();
        if let Some(Item::Word(Event::Alive { at })) = queue.items.back_mut() {
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
        let was_empty = queue.items.is_empty();
        let (mut messages, mut bytes) = (queue.counters.queued as usize, queue.queued_bytes);
        let fits = batch.views().take_while(|view| {
            let first = messages == 0;
            messages += 1;
            bytes = bytes.saturating_add(view.size());
            first || messages <= self.limits.messages && bytes <= self.limits.bytes
        });
        let count = fits.count();
        for run in batch.take(count) {
            queue.take(self.first, run);
        }
        let rings = was_empty && !queue.items.is_empty();
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

impl Item {
    fn len(&self) -> usize {
        match self {
            Item::Messages(run) => run.len(),
            Item::Word(_) => 1,
        }
    }
}

impl Queue {
    /// Takes the oldest item out.
    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        match &item {
            Item::Messages(run) => {
                self.counters.queued -= run.len() as u64;
                self.queued_bytes -= run.size();
            }
            Item::Word(Event::Dropped { .. }) => {}
            Item::Word(_) => self.words -= 1,
        }
        Some(item)
    }

    fn next_number(&self, first: u64) -> u64 {
        first + self.counters.received - self.counters.duplicate
    }

    fn take(&mut self, first: u64, mut run: Run) {
        run.number = self.next_number(first);
        let came = run.len();
        self.counters.received += came as u64;
        self.counters.bytes += run.payload_bytes();
        if let Some(arbiter) = &mut self.arbiter {
            let line = run.line;
            run.retain(|message| arbiter.is_first(line, message));
            self.counters.duplicate += (came - run.len()) as u64;
        }
        if run.is_empty() {
            return;
        }
        self.counters.queued += run.len() as u64;
        self.queued_bytes += run.size();
        self.items.push_back(Item::Messages(run));
    }

    fn is_over(&self, limits: InboxLimits) -> bool {
        self.counters.queued > 1 && (self.counters.queued > limits.messages as u64 || self.queued_bytes > limits.bytes)
    }

    /// Only connection events, drops, and messages that must not be forgotten stand before the oldest that may be, so the
    /// search is short, and the drop right before it, if there is one, ends where this one begins. `false`: none may go.
    fn forget_oldest(&mut self) -> bool {
        let kept = self.kept_for_us;
        let may_go = |run: &Run| kept & 1u8.checked_shl(run.line.into()).unwrap_or(0) == 0;
        let oldest = self.items.iter().position(|item| matches!(item, Item::Messages(run) if may_go(run)));
        let Some(at) = oldest else { return false };
        let Some(Item::Messages(run)) = self.items.get_mut(at) else { return false };
        let Some(message) = run.next() else { return false };
        if run.is_empty() {
            self.items.remove(at);
        }
        let size = message.payload.len();
        self.counters.queued -= 1;
        self.counters.dropped += 1;
        self.queued_bytes -= message.size();
        if let Some(Item::Word(Event::Dropped { count, bytes, to, .. })) =
            at.checked_sub(1).and_then(|before| self.items.get_mut(before))
        {
            *count += 1;
            *bytes += size as u64;
            *to = message.received;
        } else {
            let (first, time) = (message.number, message.received);
            let dropped = Event::Dropped { first, count: 1, bytes: size as u64, from: time, to: time };
            self.items.insert(at, Item::Word(dropped));
        }
        true
    }
}

#[cfg(test)]
mod tests;
