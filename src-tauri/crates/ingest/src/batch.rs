//! Messages on their way from a session to the inbox: in runs whose payloads share a block of memory.
//!
//! A run of at most 256 messages is handed on whole, so that of a small message nothing but its bytes and 12 bytes beside
//! them go from one thread to the other; a [`Message`] is made of them where it is taken out. A slice of a library's read
//! buffer would need no copy, but as long as one is kept the buffer cannot be used again: tungstenite 0.30 then goes on with
//! one just large enough for the next frame, and reads it in as many calls to the system as there are messages. A copy of
//! some hundred bytes costs a tenth of such a call.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{Message, MessageMeta, Time};

use crate::arena::{Arena, SHARED};

/// A block is given back with every so manieth pause: a steady feed, which pauses after each read, keeps what it needs.
const RESTS: u32 = 16;

/// Messages read in one go. They have no number yet: the inbox gives it.
#[derive(Debug, Default)]
pub struct Batch {
    /// Runs that are complete, the oldest first.
    runs: VecDeque<Run>,
    /// The run under way, whose payloads are in the arena's block.
    open: Entries,
    arena: Arena,
    /// Which of the feed's endpoints is read.
    line: u8,
    /// Messages in all runs.
    count: usize,
    /// Bytes of all messages.
    bytes: usize,
    /// How often [`Batch::rest`] was called.
    rests: u32,
    retry: Option<Duration>,
    alive: Option<Time>,
    missed: Option<Missed>,
    notice: Option<String>,
    turned_away: Option<(u64, String)>,
}

/// Messages that were sent to us and lost before they were ours, as the system tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub count: u64,
    /// After this.
    pub from: Time,
    /// Before this.
    pub to: Time,
    /// A sentence.
    pub reason: String,
}

/// Where the payload of a message stands in its block, and when it was received: nanoseconds after its run.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u32,
    length: u32,
    after: u32,
}

impl Entry {
    fn payload<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let at = self.at as usize;
        block.get(at..at + self.length as usize).unwrap_or_default()
    }
}

/// A message that is not taken out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) received: Time,
    pub(crate) payload: &'a [u8],
    pub(crate) meta: Option<&'a MessageMeta>,
}

impl View<'_> {
    /// As [`Message::size`].
    pub(crate) fn size(&self) -> usize {
        self.payload.len() + self.meta.map_or(0, MessageMeta::size)
    }
}

/// What is known of the messages of a run, their payloads apart.
#[derive(Debug, Default)]
struct Entries {
    /// The first that was not taken out yet.
    next: usize,
    all: Vec<Entry>,
    /// What stands beside each of them; empty where nothing stands beside any.
    metas: Vec<Option<Box<MessageMeta>>>,
    since: Time,
    payload_bytes: u64,
    meta_bytes: usize,
}

impl Entries {
    fn len(&self) -> usize {
        self.all.len() - self.next
    }

    /// How long after the others a message was received; `None`: it has to stand in another run.
    #[inline]
    fn after(&mut self, received: Time) -> Option<u32> {
        if self.all.is_empty() {
            self.since = received;
        }
        u32::try_from(received.nanos_since(self.since)).ok()
    }

    #[inline]
    fn push(&mut self, entry: Entry, meta: Option<Box<MessageMeta>>) {
        self.payload_bytes += u64::from(entry.length);
        if meta.is_some() || !self.metas.is_empty() {
            self.push_meta(meta);
        }
        self.all.push(entry);
    }

    fn push_meta(&mut self, meta: Option<Box<MessageMeta>>) {
        self.meta_bytes += meta.as_ref().map_or(0, |meta| meta.size());
        self.metas.resize_with(self.all.len(), || None);
        self.metas.push(meta);
    }

    /// All of them, in vectors just as long as they must be: they may have to wait. The room stays.
    fn take(&mut self) -> Entries {
        let Entries { all: room, metas, since, .. } = self;
        let all = room.clone();
        room.clear();
        #[allow(clippy::drain_collect)] // See above: what would be taken is too long.
        let metas = metas.drain(..).collect();
        let (payload_bytes, meta_bytes) =
            (std::mem::take(&mut self.payload_bytes), std::mem::take(&mut self.meta_bytes));
        Entries { next: 0, all, metas, since: *since, payload_bytes, meta_bytes }
    }

    fn views<'a>(&'a self, block: &'a [u8]) -> impl DoubleEndedIterator<Item = View<'a>> {
        let entries = self.all.iter().enumerate().skip(self.next);
        entries.map(move |(at, entry)| View {
            received: self.since.plus_nanos(entry.after.into()),
            payload: entry.payload(block),
            meta: self.metas.get(at).and_then(Option::as_deref),
        })
    }
}

/// Messages in a row that share a block.
#[derive(Debug)]
pub(crate) struct Run {
    block: Bytes,
    entries: Entries,
    /// Of the first message left; those behind it count on.
    pub(crate) number: u64,
    pub(crate) line: u8,
}

impl Run {
    fn of(block: Bytes, entries: Entries) -> Run {
        Run { block, entries, number: 0, line: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held for the messages left ([`Message::size`]).
    pub(crate) fn size(&self) -> usize {
        self.entries.payload_bytes as usize + self.entries.meta_bytes
    }

    /// Bytes of all payloads.
    pub(crate) fn payload_bytes(&self) -> u64 {
        self.entries.payload_bytes
    }

    /// Keeps the messages of which `is_kept` says so.
    pub(crate) fn retain(&mut self, is_kept: impl FnMut(View<'_>) -> bool) {
        let kept: Vec<bool> = self.entries.views(&self.block).map(is_kept).collect();
        match kept.iter().filter(|kept| **kept).count() {
            count if count == kept.len() => return,
            0 => {
                self.entries = Entries::default();
                return;
            }
            _ => {}
        }
        let Entries { since, next, all, metas, .. } = std::mem::take(&mut self.entries);
        self.entries.since = since;
        let mut metas = metas.into_iter().skip(next);
        for (entry, kept) in all.into_iter().skip(next).zip(kept) {
            let meta = metas.next().flatten();
            if kept {
                self.entries.push(entry, meta);
            }
        }
        if self.entries.payload_bytes * 4 < self.block.len() as u64 {
            self.compact();
        }
    }

    /// Keeps no more of the block than is left of its messages.
    fn compact(&mut self) {
        let mut block = Vec::with_capacity(self.entries.payload_bytes as usize);
        for entry in &mut self.entries.all {
            let at = block.len() as u32;
            block.extend_from_slice(entry.payload(&self.block));
            entry.at = at;
        }
        self.block = block.into();
    }

    /// The first `count` messages, of at least as many.
    fn split(&mut self, count: usize) -> Run {
        let mut first = Entries { since: self.entries.since, ..Entries::default() };
        for _ in 0..count {
            if let Some((entry, meta)) = self.take_entry() {
                first.push(entry, meta);
            }
        }
        Run::of(self.block.clone(), first)
    }

    #[inline]
    fn take_entry(&mut self) -> Option<(Entry, Option<Box<MessageMeta>>)> {
        let Entries { next, all, metas, payload_bytes, meta_bytes, .. } = &mut self.entries;
        let entry = *all.get(*next)?;
        let meta = metas.get_mut(*next).and_then(Option::take);
        *next += 1;
        *payload_bytes -= u64::from(entry.length);
        *meta_bytes -= meta.as_ref().map_or(0, |meta| meta.size());
        Some((entry, meta))
    }
}

/// Takes messages out.
impl Iterator for Run {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        let (Entry { at, length, after }, meta) = self.take_entry()?;
        let at = at as usize;
        let payload = self.block.slice(at..at + length as usize);
        let (number, received) = (self.number, self.entries.since.plus_nanos(after.into()));
        self.number += 1;
        Some(Message { number, received, payload, meta, line: self.line })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl Batch {
    const MESSAGES: usize = 256;
    pub(crate) const BYTES: usize = 1 << 20;

    /// An empty one for what comes from one of the feed's endpoints.
    pub(crate) fn of_line(line: u8) -> Batch {
        Batch { line, ..Batch::default() }
    }

    /// Adds a message, copying its payload.
    #[inline]
    pub fn copy(&mut self, received: Time, payload: &[u8], meta: Option<Box<MessageMeta>>) {
        if payload.len() >= SHARED {
            return self.own(received, Bytes::copy_from_slice(payload), meta);
        }
        // Who takes a run takes all of it.
        if self.open.len() >= Self::MESSAGES {
            self.close();
        }
        if !self.arena.has_room(payload.len()) {
            self.close();
            self.arena.turn();
        }
        let after = match self.open.after(received) {
            Some(after) => after,
            None => {
                self.close();
                self.open.since = received;
                0
            }
        };
        let (at, length) = (self.arena.put(payload), payload.len() as u32);
        self.add(payload.len(), meta.as_deref());
        self.open.push(Entry { at, length, after }, meta);
    }

    #[inline]
    fn add(&mut self, payload: usize, meta: Option<&MessageMeta>) {
        self.count += 1;
        self.bytes += payload + meta.map_or(0, MessageMeta::size);
    }

    /// Adds a message. A payload of less than 8 KiB is copied.
    pub fn push(&mut self, received: Time, payload: Bytes, meta: Option<Box<MessageMeta>>) {
        if payload.len() < SHARED { self.copy(received, &payload, meta) } else { self.own(received, payload, meta) }
    }

    /// Adds a message whose payload has memory of its own.
    fn own(&mut self, received: Time, payload: Bytes, meta: Option<Box<MessageMeta>>) {
        self.close();
        // No source lets in a message of more than 1 GiB.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.add(payload.len(), meta.as_deref());
        let mut entries = Entries { since: received, ..Entries::default() };
        entries.push(Entry { at: 0, length, after: 0 }, meta);
        self.runs.push_back(Run::of(payload, entries));
    }

    /// The run under way is complete.
    fn close(&mut self) {
        if self.open.len() > 0 {
            self.runs.push_back(Run::of(self.arena.take(), self.open.take()));
        }
    }

    /// No more should be added: 256 messages, or 1 MiB of them and of what stands beside them.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.count >= Self::MESSAGES || self.bytes >= Self::BYTES
    }

    /// Nothing was read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many messages were read.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The bytes of the messages, in order.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.views().map(|view| view.payload)
    }

    /// Takes the messages out and drops them.
    pub fn clear(&mut self) {
        drop(self.take(usize::MAX));
    }

    /// The messages in order, the newest last.
    pub(crate) fn views(&self) -> impl DoubleEndedIterator<Item = View<'_>> {
        let closed = self.runs.iter().flat_map(|run| run.entries.views(&run.block));
        closed.chain(self.open.views(self.arena.filled()))
    }

    /// When the first and the last of them were received.
    pub(crate) fn times(&self) -> Option<(Time, Time)> {
        let mut times = self.views().map(|message| message.received);
        let first = times.next()?;
        Some((first, times.next_back().unwrap_or(first)))
    }

    /// What stands beside the messages that have something beside them.
    pub(crate) fn metas_mut(&mut self) -> impl Iterator<Item = &mut MessageMeta> {
        let closed = self.runs.iter_mut().flat_map(|run| run.entries.metas.iter_mut());
        closed.chain(self.open.metas.iter_mut()).filter_map(Option::as_deref_mut)
    }

    /// The server says how long to wait before connecting again.
    pub fn set_retry(&mut self, retry: Duration) {
        self.retry = Some(retry);
    }

    /// The other side was asked and has nothing new: no message, and no silence either.
    pub fn alive(&mut self, at: Time) {
        self.alive = Some(at);
    }

    /// Something a person should know that is neither a message nor the end of the connection: a sentence.
    pub fn notice(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// So many were turned away who had no valid token, the last one at this address. Of several calls the counts add up.
    pub fn turned_away(&mut self, count: u64, who: String) {
        let before = self.turned_away.as_ref().map_or(0, |(count, _)| *count);
        self.turned_away = Some((before.saturating_add(count), who));
    }

    /// What [`Batch::turned_away`] left, once.
    pub(crate) fn take_turned_away(&mut self) -> Option<(u64, String)> {
        self.turned_away.take()
    }

    /// What [`Batch::notice`] left, once.
    pub(crate) fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// What [`Batch::alive`] left, once.
    pub(crate) fn take_alive(&mut self) -> Option<Time> {
        self.alive.take()
    }

    /// What [`Batch::set_retry`] left, once.
    pub(crate) fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// Puts all messages of another batch behind these.
    pub(crate) fn append(&mut self, other: &mut Batch) {
        self.close();
        self.bytes += other.bytes;
        self.count += other.count;
        self.runs.extend(other.take(usize::MAX));
    }

    /// Messages were lost before they were ours; told behind the messages of this batch.
    pub(crate) fn set_missed(&mut self, missed: Missed) {
        self.missed = Some(missed);
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.missed.is_some()
    }

    /// What [`Batch::set_missed`] left, once.
    pub(crate) fn take_missed(&mut self) -> Option<Missed> {
        self.missed.take()
    }

    /// Takes the first `count` messages out, or all there are; the room stays for the next ones.
    pub(crate) fn take(&mut self, count: usize) -> VecDeque<Run> {
        self.close();
        let mut taken = if count >= self.count {
            (self.count, self.bytes) = (0, 0);
            std::mem::take(&mut self.runs)
        } else {
            self.count -= count;
            self.first(count)
        };
        let line = self.line;
        taken.iter_mut().for_each(|run| run.line = line);
        taken
    }

    /// The first `count` messages, of more.
    fn first(&mut self, mut count: usize) -> VecDeque<Run> {
        let mut taken = VecDeque::new();
        while count > 0
            && let Some(run) = self.runs.front_mut()
        {
            let run = if run.len() > count { Some(run.split(count)) } else { self.runs.pop_front() };
            let Some(run) = run else { break };
            count -= run.len();
            self.bytes -= run.size();
            taken.push_back(run);
        }
        taken
    }

    /// All that was there was read: what a burst left is given back, a block from time to time.
    pub(crate) fn rest(&mut self) {
        self.rests = self.rests.wrapping_add(1);
        if self.rests.is_multiple_of(RESTS) {
            self.arena.rest();
        }
    }

    /// The messages, as they would be taken out.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<Message> {
        let message = |view: View<'_>| Message {
            number: 0,
            received: view.received,
            payload: Bytes::copy_from_slice(view.payload),
            meta: view.meta.cloned().map(Box::new),
            line: self.line,
        };
        self.views().map(message).collect()
    }
}

#[cfg(test)]
mod tests;
