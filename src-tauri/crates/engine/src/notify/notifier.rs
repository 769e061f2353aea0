//! The thread that shows notes.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use feedwatch_model::Time;
use parking_lot::{Condvar, Mutex};

use super::{Coalescer, Desktop, Note};

/// What is said once where nothing can be shown.
pub const NO_SERVICE: &str = "No notification service answers on this desktop; alarms show in the window only.";
/// How long to wait before another try where nothing could be shown.
pub const RETRY: Duration = Duration::from_secs(300);
/// How long stopping waits for a notification that is just being shown.
const PATIENCE: Duration = Duration::from_millis(500);
/// The longest single wait: the clock may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A thread that shows notes at a bearable pace. Dropping it stops it at once; what still waits is not shown any more.
#[derive(Debug)]
pub struct Notifier {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Closed when the thread is done.
    done: Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    coalescer: Coalescer,
    stopped: bool,
}

impl Notifier {
    /// Starts the thread. `on_trouble` is told a sentence, once, when nothing can be shown (and once more after it worked
    /// again meanwhile); it is called on that thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        desktop: impl Desktop + 'static,
        clock: fn() -> Time,
        on_trouble: impl FnMut(String) + Send + 'static,
    ) -> io::Result<Notifier> {
        let shared = Arc::new(Shared::default());
        let (sender, done) = channel();
        let work = Work { shared: Arc::clone(&shared), desktop, clock, on_trouble, troubled: false, _done: sender };
        let thread = Builder::new().name("notifier".into()).spawn(move || work.run())?;
        Ok(Notifier { shared, thread: Some(thread), done })
    }

    /// Takes a note in. Never waits for the desktop.
    pub fn notify(&self, note: Note) {
        self.shared.state.lock().coalescer.offer(note);
        self.shared.changed.notify_one();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_one();
        // A service that never answers must not keep the program from ending: then the thread is left behind.
        let left_behind = self.done.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if let Some(thread) = self.thread.take().filter(|_| !left_behind) {
            // A panic was printed when it happened; nothing depends on this thread.
            let _ = thread.join();
        }
    }
}

struct Work<D, T> {
    shared: Arc<Shared>,
    desktop: D,
    clock: fn() -> Time,
    on_trouble: T,
    /// Has it been told that nothing can be shown?
    troubled: bool,
    _done: Sender<()>,
}

impl<D: Desktop, T: FnMut(String)> Work<D, T> {
    fn run(mut self) {
        while let Some(batch) = self.next() {
            let result = self.desktop.show(batch.note());
            let Err(error) = result else {
                self.troubled = false;
                continue;
            };
            let retry_at = (self.clock)().plus(RETRY);
            self.shared.state.lock().coalescer.give_back(batch, retry_at);
            tracing::debug!(%error, "a notification was not shown");
            if !std::mem::replace(&mut self.troubled, true) {
                (self.on_trouble)(NO_SERVICE.to_owned());
            }
        }
    }

    /// Waits for what is to be shown; `None` when it is time to stop.
    fn next(&self) -> Option<super::Batch> {
        let mut state = self.shared.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            let now = (self.clock)();
            if let Some(batch) = state.coalescer.take(now) {
                return Some(batch);
            }
            let wait =
                state.coalescer.due(now).map(|due| Duration::from_nanos(due.nanos_since(now).max(0).unsigned_abs()));
            match wait {
                None => self.shared.changed.wait(&mut state),
                Some(wait) => {
                    self.shared.changed.wait_for(&mut state, wait.min(LONGEST_WAIT));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feedwatch_model::{AlarmId, Severity};
    use std::sync::mpsc;

    /// Gives notes to the test, and takes from it whether they could be shown.
    struct Fake {
        shown: mpsc::Sender<Note>,
        works: bool,
    }

    impl Desktop for Fake {
        fn show(&mut self, note: &Note) -> Result<(), String> {
            let _ = self.shown.send(note.clone());
            if self.works { Ok(()) } else { Err("no service".into()) }
        }
    }

    /// A service that never answers: until the test lets go.
    struct Hung(mpsc::Receiver<()>, mpsc::Sender<()>);

    impl Desktop for Hung {
        fn show(&mut self, _: &Note) -> Result<(), String> {
            let _ = self.1.send(());
            let _ = self.0.recv();
            Ok(())
        }
    }

    fn noon() -> Time {
        Time::from_millis(43_200_000)
    }

    fn note(id: u64) -> Note {
        Note {
            alarm: Some(AlarmId(id)),
            severity: Severity::Warning,
            feed: "f".into(),
            title: format!("title {id}"),
            text: String::new(),
        }
    }

    #[test]
    fn a_note_reaches_the_desktop() {
        let (shown, seen) = mpsc::channel();
        let notifier = Notifier::start(Fake { shown, works: true }, noon, |_| {}).unwrap();
        notifier.notify(note(1));
        assert_eq!(seen.recv().unwrap(), note(1));
        drop(notifier);
        assert!(seen.recv().is_err(), "the thread must be gone, and the fake with it");
    }

    #[test]
    fn dropping_it_ends_a_wait_at_once() {
        let (shown, seen) = mpsc::channel();
        let notifier = Notifier::start(Fake { shown, works: true }, noon, |_| {}).unwrap();
        notifier.notify(note(1));
        assert_eq!(seen.recv().unwrap(), note(1));
        // The clock stands still: this one would wait for ever.
        notifier.notify(note(2));
        drop(notifier);
        assert!(seen.recv().is_err());
    }

    #[test]
    fn a_missing_service_is_told_once_and_nothing_is_lost() {
        let (shown, seen) = mpsc::channel();
        let (trouble, told) = mpsc::channel();
        let on_trouble = move |sentence| trouble.send(sentence).unwrap();
        let notifier = Notifier::start(Fake { shown, works: false }, noon, on_trouble).unwrap();
        notifier.notify(note(1));
        assert_eq!(seen.recv().unwrap(), note(1));
        assert_eq!(told.recv().unwrap(), NO_SERVICE);
        (2..5).for_each(|id| notifier.notify(note(id)));
        let waiting = notifier.shared.state.lock().coalescer.waiting();
        assert_eq!(waiting, 4);
        let due = notifier.shared.state.lock().coalescer.due(noon());
        assert_eq!(due, Some(noon().plus(RETRY)));
        drop(notifier);
        assert!(seen.recv().is_err() && told.recv().is_err());
    }

    #[test]
    fn a_service_that_never_answers_does_not_keep_the_program_from_ending() {
        let (release, held) = mpsc::channel();
        let (reached, is_reached) = mpsc::channel();
        let notifier = Notifier::start(Hung(held, reached), noon, |_| {}).unwrap();
        notifier.notify(note(1));
        is_reached.recv().unwrap();
        drop(notifier);
        // Only now may the call return; the drop above did not wait for it.
        drop(release);
    }
}
