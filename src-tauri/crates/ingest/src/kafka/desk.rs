//! What lies between the thread that polls the library and the session: messages on their way in, and how far each
//! partition is handed over, on disk, and committed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use feedwatch_model::{MessageMeta, Time};
use tokio::sync::Notify;

use super::begin::{Lanes, Log};
use crate::{Batch, SessionError};

/// Messages and payload bytes that may lie here.
const MESSAGES: usize = 4_096;
const BYTES: usize = 8 << 20;

/// One message on its way in.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) hold: Hold,
    pub(super) offset: i64,
    pub(super) received: Time,
    pub(super) payload: Bytes,
    pub(super) meta: Box<MessageMeta>,
}

/// The number of one stay of a partition with us: a partition that comes back is another one, so that nothing is
/// acknowledged that was given up meanwhile.
pub(super) type Hold = u32;

/// The next offset of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

#[derive(Debug)]
struct Held {
    topic: Arc<str>,
    partition: i32,
    lane: Arc<str>,
    /// Not given up yet.
    ours: bool,
    /// The next offset behind what the session was handed, what is on disk, and what the group was told; `None`: it was
    /// told nothing, or another.
    handed: i64,
    kept: i64,
    told: Option<i64>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Taken>,
    bytes: usize,
    paused: bool,
    /// A partition has come since reading was paused: it is not.
    came: bool,
    held: HashMap<Hold, Held, foldhash::fast::RandomState>,
    next_hold: Hold,
    lanes: Lanes,
    end: Option<SessionError>,
    stopped: bool,
    gone: bool,
    heard: Option<Time>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    /// For the session: there are messages, or an end.
    news: Notify,
    /// For the thread: there is room, more is on disk, or it is to stop.
    moved: Condvar,
    /// For who waits for the thread's end.
    left: Notify,
}

impl Desk {
    pub(super) fn new(lanes: Lanes) -> Desk {
        Desk { state: Mutex::new(State { lanes, ..State::default() }), ..Desk::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here is half done between two statements that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane of a partition, and the last offset that is known of it.
    pub(super) fn lane(&self, topic: &str, partition: i32, log: Log) -> (String, Option<i64>) {
        self.state().lanes.of(topic, partition, log)
    }

    /// A partition is ours from `at` on; the group knows `group`.
    pub(super) fn hold(&self, topic: &str, partition: i32, lane: &str, at: i64, group: Option<i64>) {
        let mut state = self.state();
        let hold = state.next_hold;
        state.next_hold = hold.wrapping_add(1);
        let held =
            Held { topic: topic.into(), partition, lane: lane.into(), ours: true, handed: at, kept: at, told: group };
        state.held.insert(hold, held);
        state.came |= state.paused;
    }

    /// The stay that a partition has with us, its topic and its lane.
    pub(super) fn held(&self, topic: &str, partition: i32) -> Option<(Hold, Arc<str>, Arc<str>)> {
        let state = self.state();
        let (hold, held) = state.held.iter().find(|(_, held)| held.is(topic, partition))?;
        Some((*hold, Arc::clone(&held.topic), Arc::clone(&held.lane)))
    }

    /// Puts messages down, in order.
    pub(super) fn put(&self, taken: &mut Vec<Taken>) {
        if taken.is_empty() {
            return;
        }
        let mut state = self.state();
        state.bytes += taken.iter().map(|taken| taken.payload.len()).sum::<usize>();
        state.heard = taken.last().map(|taken| taken.received);
        state.queue.extend(taken.drain(..));
        drop(state);
        self.news.notify_one();
    }

    /// Is reading of all partitions to be paused (`true`), or to go on? `None`: it stays as it is. It is paused when there
    /// is no room for longer than `patience`.
    pub(super) fn turn(&self, patience: Duration) -> Option<bool> {
        let state = self.state();
        let patience = if state.paused { Duration::ZERO } else { patience };
        let full = |state: &mut State| state.is_full() && !state.is_over();
        let waited = self.moved.wait_timeout_while(state, patience, full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let full = state.is_full();
        let came = std::mem::take(&mut state.came);
        (std::mem::replace(&mut state.paused, full) != full || came).then_some(full)
    }

    #[cfg(test)]
    pub(super) fn is_paused(&self) -> bool {
        self.state().paused
    }

    /// Waits for messages and takes what the batch has room for; notes them in `out`, in order. May be dropped at any time.
    pub(super) async fn take(&self, batch: &mut Batch, out: &mut VecDeque<(Hold, i64)>) -> Result<(), SessionError> {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(taken) = self.take_now(batch, out) {
                return taken;
            }
            news.await;
        }
    }

    /// Waits for the end of the session, of which nothing more is taken.
    pub(super) async fn ended(&self) -> SessionError {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(end) = self.state().end.clone() {
                return end;
            }
            news.await;
        }
    }

    fn take_now(&self, batch: &mut Batch, out: &mut VecDeque<(Hold, i64)>) -> Option<Result<(), SessionError>> {
        let mut state = self.state();
        let State { queue, bytes, held, lanes, end, .. } = &mut *state;
        let mut hand = |hold: Hold, offset: i64| {
            if let Some(held) = held.get_mut(&hold) {
                held.handed = offset.saturating_add(1);
                lanes.note(&held.lane, offset);
            }
        };
        let mut last = None;
        while !batch.is_full()
            && let Some(Taken { hold, offset, received, payload, meta }) = queue.pop_front()
        {
            *bytes -= payload.len();
            // They come in runs, of which the last one counts.
            if let Some((before, offset)) = last.replace((hold, offset)).filter(|(before, _)| *before != hold) {
                hand(before, offset);
            }
            out.push_back((hold, offset));
            batch.push(received, payload, Some(meta));
        }
        if let Some((hold, offset)) = last {
            hand(hold, offset);
            self.moved.notify_all();
            return Some(Ok(()));
        }
        // What came before the end was received all the same.
        end.clone().map(Err)
    }

    /// These are on disk.
    pub(super) fn kept(&self, messages: impl Iterator<Item = (Hold, i64)>) {
        let mut state = self.state();
        for (hold, offset) in messages {
            if let Some(held) = state.held.get_mut(&hold) {
                held.kept = offset.saturating_add(1);
            }
        }
        state.held.retain(|_, held| held.ours || held.kept < held.handed);
        drop(state);
        self.moved.notify_all();
    }

    /// What the group is to be told; it counts as told.
    pub(super) fn due(&self) -> Vec<Next> {
        self.state().held.values_mut().filter_map(Held::due).collect()
    }

    /// The group was not told: it is tried again.
    pub(super) fn not_told(&self, topic: &str, partition: i32) {
        let mut state = self.state();
        state.held.values_mut().filter(|held| held.is(topic, partition)).for_each(|held| held.told = None);
    }

    /// These partitions are to be given up. What lies here of them is put away, since their new owner reads it; what the
    /// session has is waited for, for at most `wait`. Gives what the group is to be told of them, for the last time.
    pub(super) fn give_up(&self, partitions: &[(String, i32)], wait: Duration) -> Vec<Next> {
        let among = |held: &Held| partitions.iter().any(|(topic, partition)| held.is(topic, *partition));
        let mut state = self.state();
        let State { queue, bytes, held, .. } = &mut *state;
        queue.retain(|taken| {
            let stays = !held.get(&taken.hold).is_some_and(among);
            if !stays {
                *bytes -= taken.payload.len();
            }
            stays
        });
        let until = Instant::now() + wait;
        loop {
            let waits = state.held.values().any(|held| among(held) && held.kept < held.handed);
            let left = until.saturating_duration_since(Instant::now());
            if !waits || left.is_zero() || state.is_over() {
                break;
            }
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let given = state.held.values_mut().filter(|held| among(held));
        let due = given.filter_map(|held| {
            let due = held.due();
            held.ours = false;
            due
        });
        let due = due.collect();
        state.held.retain(|_, held| held.ours || held.kept < held.handed);
        due
    }

    /// The session is over; the first reason counts.
    pub(super) fn end(&self, error: SessionError) {
        let mut state = self.state();
        state.end.get_or_insert(error);
        drop(state);
        self.news.notify_one();
        self.moved.notify_all();
    }

    /// The other side was heard.
    pub(super) fn heard(&self, at: Time) {
        self.state().heard = Some(at);
    }

    pub(super) fn last_heard(&self) -> Option<Time> {
        self.state().heard
    }

    /// Nobody takes anything any more.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.moved.notify_all();
    }

    /// Stopped, or at its end.
    pub(super) fn is_over(&self) -> bool {
        self.state().is_over()
    }

    /// The thread has closed everything.
    pub(super) fn leave(&self) {
        self.state().gone = true;
        self.left.notify_waiters();
    }

    /// Waits for [`Desk::leave`].
    pub(super) async fn is_left(&self) {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            left.as_mut().enable();
            if self.state().gone {
                return;
            }
            left.await;
        }
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.queue.len() >= MESSAGES || self.bytes >= BYTES
    }

    fn is_over(&self) -> bool {
        self.stopped || self.end.is_some()
    }
}

impl Held {
    fn is(&self, topic: &str, partition: i32) -> bool {
        self.ours && self.partition == partition && &*self.topic == topic
    }

    fn due(&mut self) -> Option<Next> {
        if !self.ours || self.told == Some(self.kept) {
            return None;
        }
        self.told = Some(self.kept);
        Some(Next { topic: Arc::clone(&self.topic), partition: self.partition, offset: self.kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(partition: i32, offset: i64) -> Next {
        Next { topic: "t".into(), partition, offset }
    }

    /// Puts messages of a partition down.
    fn put(desk: &Desk, partition: i32, offsets: std::ops::Range<i64>) {
        let (hold, ..) = desk.held("t", partition).unwrap();
        let mut taken = offsets
            .map(|offset| Taken {
                hold,
                offset,
                received: Time::default(),
                payload: Bytes::from_static(b"xy"),
                meta: Box::default(),
            })
            .collect();
        desk.put(&mut taken);
    }

    fn take(desk: &Desk) -> VecDeque<(Hold, i64)> {
        let mut out = VecDeque::new();
        let _ = desk.take_now(&mut Batch::default(), &mut out);
        out
    }

    fn with_partitions(count: i32) -> Desk {
        let desk = Desk::default();
        (0..count).for_each(|partition| desk.hold("t", partition, &format!("t/{partition}"), 5, Some(5)));
        desk
    }

    fn both() -> Vec<(String, i32)> {
        vec![("t".to_owned(), 0), ("t".to_owned(), 1)]
    }

    #[test]
    fn the_group_is_told_of_what_is_on_disk_only() {
        let desk = with_partitions(2);
        put(&desk, 0, 5..8);
        put(&desk, 1, 5..6);
        assert_eq!(desk.due(), []);
        let mut handed = take(&desk);
        assert_eq!(desk.due(), [], "handed over is not on disk");
        desk.kept(handed.drain(..2));
        assert_eq!(desk.due(), [next(0, 7)]);
        assert_eq!(desk.due(), [], "once");
        desk.kept(handed.drain(..));
        let mut due = desk.due();
        due.sort_by_key(|next| next.partition);
        assert_eq!(due, [next(0, 8), next(1, 6)]);
        desk.not_told("t", 1);
        assert_eq!(desk.due(), [next(1, 6)], "what did not arrive is told again");
    }

    #[test]
    fn where_a_partition_begins_is_told_to_a_group_that_does_not_know_it() {
        let desk = Desk::default();
        desk.hold("t", 0, "t/0", 5, None);
        desk.hold("t", 1, "t/1", 5, Some(3));
        desk.hold("t", 2, "t/2", 5, Some(5));
        let mut due = desk.due();
        due.sort_by_key(|next| next.partition);
        assert_eq!(due, [next(0, 5), next(1, 5)]);
    }

    #[test]
    fn what_was_given_up_is_never_acknowledged_afterwards() {
        let desk = with_partitions(2);
        put(&desk, 0, 5..9);
        let mut handed = take(&desk);
        desk.kept(handed.drain(..1));
        assert_eq!(desk.give_up(&both(), Duration::ZERO), [next(0, 6)]);
        // It comes back from where another member has left it.
        desk.hold("t", 0, "t/0", 20, Some(20));
        desk.kept(handed.drain(..));
        assert_eq!(desk.due(), [], "those were of the former stay");
        assert_eq!(desk.state().held.len(), 1);
    }

    #[test]
    fn what_is_on_its_way_to_the_disk_is_waited_for_before_a_partition_is_given_up() {
        let desk = Arc::new(with_partitions(1));
        put(&desk, 0, 5..9);
        let mut handed = take(&desk);
        let writer = Arc::clone(&desk);
        let thread = std::thread::spawn(move || writer.kept(handed.drain(..)));
        assert_eq!(desk.give_up(&both(), Duration::from_secs(60)), [next(0, 9)]);
        thread.join().unwrap();
    }

    #[test]
    fn nothing_is_waited_for_once_it_is_over() {
        let desk = with_partitions(1);
        put(&desk, 0, 5..9);
        take(&desk);
        desk.stop();
        assert_eq!(desk.give_up(&both(), Duration::from_secs(3600)), []);
    }

    #[test]
    fn what_lies_here_of_a_partition_that_is_given_up_is_put_away() {
        let desk = with_partitions(2);
        put(&desk, 0, 5..9);
        put(&desk, 1, 5..6);
        desk.give_up(&[("t".to_owned(), 0)], Duration::ZERO);
        assert_eq!(take(&desk).into_iter().map(|(_, offset)| offset).collect::<Vec<_>>(), [5]);
        assert_eq!(desk.state().bytes, 0);
    }

    #[test]
    fn what_came_before_the_end_is_received() {
        let desk = with_partitions(1);
        put(&desk, 0, 5..7);
        desk.end(SessionError::Cut("a".into()));
        desk.end(SessionError::Cut("b".into()));
        let mut out = VecDeque::new();
        let mut batch = Batch::default();
        assert_eq!(desk.take_now(&mut batch, &mut out), Some(Ok(())));
        assert_eq!(desk.take_now(&mut batch, &mut out), Some(Err(SessionError::Cut("a".into()))));
    }

    #[test]
    fn it_is_bounded() {
        let desk = with_partitions(1);
        put(&desk, 0, 5..5 + MESSAGES as i64 - 1);
        assert_eq!(desk.turn(Duration::ZERO), None);
        put(&desk, 0, 5000..5001);
        assert_eq!(desk.turn(Duration::ZERO), Some(true));
        assert_eq!(desk.turn(Duration::from_secs(3600)), None, "nobody is waited for then");
        take(&desk);
        assert_eq!(desk.turn(Duration::ZERO), Some(false));
    }

    #[test]
    fn a_partition_that_comes_while_reading_is_paused_is_paused_too() {
        let desk = with_partitions(1);
        put(&desk, 0, 5..5 + MESSAGES as i64);
        assert_eq!(desk.turn(Duration::ZERO), Some(true));
        desk.hold("t", 1, "t/1", 5, Some(5));
        assert_eq!(desk.turn(Duration::from_secs(3600)), Some(true), "all of them, at once");
        assert_eq!(desk.turn(Duration::from_secs(3600)), None);
        // One comes while there is room again: the others go on.
        desk.hold("t", 2, "t/2", 5, Some(5));
        take(&desk);
        assert_eq!(desk.turn(Duration::ZERO), Some(false));
        desk.hold("t", 3, "t/3", 5, Some(5));
        assert_eq!(desk.turn(Duration::ZERO), None, "nothing was paused");
    }

    #[test]
    fn no_offset_is_too_large() {
        let desk = with_partitions(1);
        let (hold, ..) = desk.held("t", 0).unwrap();
        let (payload, meta) = (Bytes::new(), Box::default());
        desk.put(&mut vec![Taken { hold, offset: i64::MAX, received: Time::default(), payload, meta }]);
        let mut handed = take(&desk);
        desk.kept(handed.drain(..));
        assert_eq!(desk.due(), [next(0, i64::MAX)]);
    }

    #[test]
    fn the_end_of_the_thread_is_told_to_who_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let desk = Desk::default();
        runtime.block_on(async {
            tokio::join!(desk.is_left(), async { desk.leave() });
        });
    }
}
