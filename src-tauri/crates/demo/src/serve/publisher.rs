//! Who is connected, what they are owed, and what they were given.
//!
//! Every client has a queue bounded by bytes (a short message counts as [`FLOOR`] bytes, which bounds their number too). What is
//! *written* was taken by the kernel for that client; what was queued for a client that went away is *abandoned* and never counts.
//! At any moment `queued = written + abandoned + waiting`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::client::{Client, Door, Ending, Queued};
use crate::frame::Frame;

/// The least room a message takes in a queue.
const FLOOR: usize = 1024;
/// So many connections are counted one by one; older ones only in the sum.
const REMEMBERED: usize = 1000;

/// What bounds a publisher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes that may wait for one client.
    pub(crate) queue_bytes: usize,
    /// Clients at a time.
    pub(crate) clients: usize,
    /// A client that takes nothing for so long while a delivery waits for it is closed.
    pub(crate) patience: Duration,
    /// Messages with an id kept for clients that come back; in bytes at most half of `queue_bytes`.
    pub(crate) backlog: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { queue_bytes: 8 << 20, clients: 64, patience: Duration::from_secs(10), backlog: 600 }
    }
}

/// How many there are. Watched by whoever waits for clients or for their queues to empty.
#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    /// Clients that are given messages.
    seated: usize,
    /// Clients that are connected, also those that only get the rest of their queue.
    alive: usize,
    /// Clients that ever were.
    joined: u64,
    written: u64,
}

struct Seat {
    client: Arc<Client>,
    queue: mpsc::UnboundedSender<Queued>,
}

struct State {
    door: Door,
    seats: Vec<Seat>,
    backlog: VecDeque<Arc<Frame>>,
    backlog_bytes: usize,
    connections: VecDeque<Arc<Client>>,
}

/// Sends frames to all clients. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    presence: watch::Sender<Presence>,
    queued: AtomicU64,
    abandoned: AtomicU64,
}

/// A client's end: its queue, and its place among the connected until dropped.
pub(crate) struct Place {
    pub(crate) queue: mpsc::UnboundedReceiver<Queued>,
    pub(crate) ticket: Ticket,
}

/// A client's place among the connected.
pub(crate) struct Ticket {
    publisher: Publisher,
    pub(crate) client: Arc<Client>,
}

impl Ticket {
    /// `count` more messages were taken by the kernel.
    pub(crate) fn wrote(&self, count: u64) {
        self.publisher.wrote(&self.client, count);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.publisher.leave(&self.client);
    }
}

impl Publisher {
    pub(crate) fn new(limits: Limits) -> Publisher {
        let state = State {
            door: Door::Open,
            seats: Vec::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            connections: VecDeque::new(),
        };
        let shared = Shared {
            limits,
            state: Mutex::new(state),
            presence: watch::Sender::new(Presence::default()),
            queued: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        };
        Publisher { shared: Arc::new(shared) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way; a poisoned one is as good.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a client would be let in.
    pub(crate) fn door(&self) -> Door {
        let state = self.state();
        match state.door {
            Door::Open if self.shared.presence.borrow().alive >= self.shared.limits.clients => Door::Shut,
            door => door,
        }
    }

    /// Shuts or opens the door; returns what it was. Those inside stay.
    pub(crate) fn set_door(&self, door: Door) -> Door {
        std::mem::replace(&mut self.state().door, door)
    }

    /// Seats a client. With `after`, the kept messages behind the one with that id come first. `None` if the door is not open.
    pub(crate) fn join(&self, now: CancellationToken, after: Option<&str>) -> Option<Place> {
        let (queue, receiver) = mpsc::unbounded_channel();
        let client = Arc::new(Client::new(now, self.shared.limits.queue_bytes));
        let seat = Seat { client: Arc::clone(&client), queue };
        {
            let mut state = self.state();
            if state.door != Door::Open || self.shared.presence.borrow().alive >= self.shared.limits.clients {
                return None;
            }
            let known = after.and_then(|id| state.backlog.iter().position(|frame| frame.id.as_deref() == Some(id)));
            if let Some(known) = known {
                // The backlog is at most half a queue, so it fits.
                let _ = state.backlog.iter().skip(known + 1).all(|frame| self.offer(&seat, frame));
            }
            state.seats.push(seat);
            state.connections.push_back(Arc::clone(&client));
            if state.connections.len() > REMEMBERED {
                state.connections.pop_front();
            }
            self.shared.presence.send_modify(|presence| {
                presence.seated += 1;
                presence.alive += 1;
                presence.joined += 1;
            });
        }
        Some(Place { queue: receiver, ticket: Ticket { publisher: self.clone(), client } })
    }

    fn leave(&self, client: &Arc<Client>) {
        client.now.cancel();
        let mut state = self.state();
        self.unseat(&mut state, client);
        self.shared.abandoned.fetch_add(client.waiting(), Relaxed);
        self.shared.presence.send_modify(|presence| presence.alive -= 1);
    }

    fn wrote(&self, client: &Client, count: u64) {
        client.written.fetch_add(count, Relaxed);
        self.shared.presence.send_modify(|presence| presence.written += count);
    }

    fn room_for(&self, frame: &Frame) -> u32 {
        // What is greater than a whole queue goes alone.
        let bytes = frame.bytes.len().max(FLOOR).min(self.shared.limits.queue_bytes);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// Puts a frame into a queue if there is room.
    fn offer(&self, seat: &Seat, frame: &Arc<Frame>) -> bool {
        match Arc::clone(&seat.client.room).try_acquire_many_owned(self.room_for(frame)) {
            Ok(room) => {
                self.put(seat, frame, room);
                true
            }
            Err(_) => false,
        }
    }

    /// Only under the lock of the state: a client that leaves is then counted with all that was queued for it.
    fn put(&self, seat: &Seat, frame: &Arc<Frame>, room: OwnedSemaphorePermit) {
        if seat.queue.send(Queued { frame: Arc::clone(frame), _room: room }).is_ok() {
            seat.client.queued.fetch_add(1, Relaxed);
            self.shared.queued.fetch_add(1, Relaxed);
        }
    }

    fn keep(&self, state: &mut State, frame: &Arc<Frame>) {
        if frame.id.is_none() || self.shared.limits.backlog == 0 {
            return;
        }
        let room = |frame: &Frame| self.room_for(frame) as usize;
        state.backlog_bytes += room(frame);
        state.backlog.push_back(Arc::clone(frame));
        while state.backlog.len() > self.shared.limits.backlog
            || state.backlog_bytes > self.shared.limits.queue_bytes / 2
        {
            let Some(oldest) = state.backlog.pop_front() else { break };
            state.backlog_bytes -= room(&oldest);
        }
    }

    /// Gives frames to every client, now, and none comes or goes between them. A client whose queue is full is closed.
    /// Returns how many got them.
    pub(crate) fn publish(&self, frames: impl IntoIterator<Item = Frame>) -> usize {
        let mut slow: Vec<Arc<Client>> = Vec::new();
        let mut state = self.state();
        for frame in frames {
            let frame = Arc::new(frame);
            self.keep(&mut state, &frame);
            state.seats.retain(|seat| {
                let taken = self.offer(seat, &frame);
                if !taken {
                    slow.push(Arc::clone(&seat.client));
                }
                taken
            });
        }
        let reached = state.seats.len();
        self.shared.presence.send_if_modified(|presence| {
            presence.seated = reached;
            !slow.is_empty()
        });
        drop(state);
        slow.iter().for_each(|client| client.let_go(Ending::TooSlow));
        reached
    }

    /// Gives a frame to every client, waiting for a first one if there is none, and for room in the queues.
    /// A client that makes no room within the limit's patience is closed.
    pub(crate) async fn deliver(&self, frame: Frame) {
        let frame = Arc::new(frame);
        self.keep(&mut self.state(), &frame);
        loop {
            self.wait_for_client().await;
            let mut full = Vec::new();
            let mut reached = 0;
            for seat in &self.state().seats {
                if self.offer(seat, &frame) {
                    reached += 1;
                } else {
                    full.push(Arc::clone(&seat.client));
                }
            }
            for client in full {
                let room = Arc::clone(&client.room).acquire_many_owned(self.room_for(&frame));
                tokio::select! {
                    () = client.now.cancelled() => {}
                    room = tokio::time::timeout(self.shared.limits.patience, room) => match room {
                        Ok(Ok(room)) => {
                            let state = self.state();
                            let seat = state.seats.iter().find(|seat| Arc::ptr_eq(&seat.client, &client));
                            seat.inspect(|seat| self.put(seat, &frame, room));
                            reached += usize::from(seat.is_some());
                        }
                        _ => self.let_go(&client, Ending::TooSlow),
                    },
                }
            }
            if reached > 0 {
                return;
            }
        }
    }

    /// Takes one client's seat and stops it at once.
    fn let_go(&self, client: &Arc<Client>, ending: Ending) {
        self.unseat(&mut self.state(), client);
        client.let_go(ending);
    }

    fn unseat(&self, state: &mut State, client: &Arc<Client>) {
        state.seats.retain(|seat| !Arc::ptr_eq(&seat.client, client));
        self.shared.presence.send_modify(|presence| presence.seated = state.seats.len());
    }

    /// Ends every client once it has all that was queued for it.
    pub(crate) fn end_all(&self, ending: Ending) {
        let mut state = self.state();
        // Dropping a seat closes its queue: the task writes the rest, then the ending.
        for seat in state.seats.drain(..) {
            seat.client.end(ending);
        }
        self.shared.presence.send_modify(|presence| presence.seated = 0);
    }

    /// Returns once a client is seated.
    pub(crate) async fn wait_for_client(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.shared.presence.subscribe().wait_for(|presence| presence.seated > 0).await;
    }

    /// Returns once all that was queued is written, or its client is gone.
    pub(crate) async fn flushed(&self) {
        let settled = |presence: &Presence| {
            self.shared.queued.load(Relaxed) <= presence.written + self.shared.abandoned.load(Relaxed)
        };
        let _ = self.shared.presence.subscribe().wait_for(settled).await;
    }

    /// Returns once nobody is connected, or nobody took anything for the limit's patience.
    pub(crate) async fn emptied(&self) {
        let mut presence = self.shared.presence.subscribe();
        while presence.borrow_and_update().alive > 0 {
            if tokio::time::timeout(self.shared.limits.patience, presence.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Returns once it is so: looked at whenever a client came, went, or took something.
    #[cfg(test)]
    pub(crate) async fn until(&self, mut so: impl FnMut(&Publisher) -> bool) {
        let mut presence = self.shared.presence.subscribe();
        let settled = async {
            while !so(self) {
                presence.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("it never came to be");
    }

    /// Clients that ever were.
    pub(crate) fn joined(&self) -> u64 {
        self.shared.presence.borrow().joined
    }

    /// Messages the kernel has taken, over all clients that ever were.
    pub(crate) fn written(&self) -> u64 {
        self.shared.presence.borrow().written
    }

    /// Messages queued for clients that went away before they were written.
    pub(crate) fn abandoned(&self) -> u64 {
        self.shared.abandoned.load(Relaxed)
    }

    /// Messages the kernel has taken per connection, in order; at most the last [`REMEMBERED`].
    pub(crate) fn written_each(&self) -> Vec<u64> {
        self.state().connections.iter().map(|client| client.written.load(Relaxed)).collect()
    }

    /// Puts a frame into the queue of one client only: the answer to what it said.
    pub(crate) fn answer(&self, client: &Arc<Client>, frame: Frame) {
        let state = self.state();
        let seat = state.seats.iter().find(|seat| Arc::ptr_eq(&seat.client, client));
        // A client that floods with requests fills its own queue: further answers are left out.
        let _ = seat.is_some_and(|seat| self.offer(seat, &Arc::new(frame)));
    }
}
