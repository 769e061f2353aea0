//! Child processes that end with the test: killed and waited for when dropped.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait_for;

/// Lines of an output, as they come.
#[derive(Debug, Default)]
struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    news: Condvar,
}

impl Lines {
    fn read(self: &Arc<Lines>, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(self);
        std::thread::spawn(move || {
            let mut input = BufReader::new(output);
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                line.clear();
                lines.change(|state| state.0.push(text));
            }
            lines.change(|state| state.1 = true);
        })
    }

    fn change(&self, change: impl FnOnce(&mut (Vec<String>, bool))) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_all();
    }

    fn all(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn first(&self, at_most: Duration, mut wanted: impl FnMut(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + at_most;
        let mut seen = 0;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = state.0.iter().skip(seen).find(|line| wanted(line)) {
                return Some(line.clone());
            }
            seen = state.0.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.1 || left.is_zero() {
                return None;
            }
            state = self.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A running program whose output is read all along.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    out: Arc<Lines>,
    err: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: Vec<String>,
    /// Standard error.
    pub err: String,
}

impl Process {
    /// Starts a program.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Process {
        Process::with_input(command, Stdio::null())
    }

    /// The same, with its standard input for us to write to.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_told(command: &mut Command) -> (Process, ChildStdin) {
        let mut process = Process::with_input(command, Stdio::piped());
        let input = process.child.stdin.take().expect("a pipe");
        (process, input)
    }

    fn with_input(command: &mut Command, input: Stdio) -> Process {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let (out, err) = (Arc::<Lines>::default(), Arc::<Lines>::default());
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(|pipe| out.read(pipe)));
        readers.extend(child.stderr.take().map(|pipe| err.read(pipe)));
        Process { name, child, out, err, readers }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of standard output that is wanted, waiting for it.
    ///
    /// # Panics
    /// If there is none within `at_most`.
    #[track_caller]
    pub fn line(&self, what: &str, at_most: Duration, wanted: impl FnMut(&str) -> bool) -> String {
        self.out.first(at_most, wanted).unwrap_or_else(|| panic!("{} did not say {what}: {}", self.name, self.said()))
    }

    /// The same for standard error.
    ///
    /// # Panics
    /// If there is none within `at_most`.
    #[track_caller]
    pub fn error_line(&self, what: &str, at_most: Duration, wanted: impl FnMut(&str) -> bool) -> String {
        self.err.first(at_most, wanted).unwrap_or_else(|| panic!("{} did not say {what}: {}", self.name, self.said()))
    }

    /// The lines of standard output until now.
    pub fn lines(&self) -> Vec<String> {
        self.out.all()
    }

    /// The lines of standard error until now.
    pub fn error_lines(&self) -> Vec<String> {
        self.err.all()
    }

    /// Everything it said, for a failure's message.
    pub fn said(&self) -> String {
        let tail = |lines: Vec<String>| lines[lines.len().saturating_sub(40)..].join("\n");
        format!("\nstdout:\n{}\nstderr:\n{}", tail(self.out.all()), tail(self.err.all()))
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Asks it to end, as a system that shuts down does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it the first of the signals that every program may give a meaning of its own.
    pub fn signal_usr1(&self) {
        self.signal(Signal::USR1);
    }

    /// Kills it as `kill -9` does, and waits for its end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // It was started here, so it can be waited for.
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // One that has ended already needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it is still there after `at_most`.
    #[track_caller]
    pub fn end(mut self, at_most: Duration) -> Ended {
        let what = format!("the end of {}", self.name);
        let status: ExitStatus = wait_for(&what, at_most, || self.child.try_wait().ok().flatten());
        for reader in self.readers.drain(..) {
            // A reader ends with the pipe; it cannot panic.
            let _ = reader.join();
        }
        Ended { code: status.code(), out: self.out.all(), err: self.err.all().join("\n") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
        }
    }
}
