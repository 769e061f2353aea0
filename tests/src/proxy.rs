//! A TCP proxy that can cut, refuse, hold back, trickle, delay, damage and repeat.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wait::{LONG, wait_for};

/// What the proxy does with what the server sends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Flow {
    /// Hands it on.
    #[default]
    Open,
    /// Keeps it.
    Stalled,
    /// Hands on so many bytes, then waits so long.
    Trickle(usize, Duration),
    /// Hands on what has waited so long.
    Delay(Duration),
    /// Hands on with one wrong bit in each so manieth byte.
    Corrupt(usize),
    /// Hands every piece on twice.
    Duplicate,
}

#[derive(Debug, Default)]
struct State {
    flow: Flow,
    /// What the client sends is kept.
    held: bool,
    streams: Vec<TcpStream>,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    accepted: AtomicU64,
}

/// A proxy in front of a server.
#[derive(Debug)]
pub struct Proxy {
    target: SocketAddr,
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<(Arc<Mutex<bool>>, JoinHandle<()>)>,
}

impl Proxy {
    /// A proxy on a port of its own.
    ///
    /// # Panics
    /// If no port is to be had.
    pub fn to(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its number");
        let mut proxy = Proxy { target, address, shared: Arc::default(), listening: None };
        proxy.listen(listener);
        proxy
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections taken until now.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Cuts every connection; new ones are taken.
    pub fn cut(&self) {
        for stream in self.shared.state().streams.drain(..) {
            // One that is gone already cannot be cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Cuts every connection and refuses new ones.
    pub fn refuse(&mut self) {
        if let Some((over, thread)) = self.listening.take() {
            *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
            // Wakes the thread up; its listener is gone when it has ended.
            let _ = TcpStream::connect(self.address);
            let _ = thread.join();
        }
        self.cut();
    }

    /// Takes connections again, on the same port.
    ///
    /// # Panics
    /// If somebody else has taken the port.
    pub fn allow(&mut self) {
        if self.listening.is_none() {
            let again = || TcpListener::bind(self.address).ok();
            let listener = wait_for("the port is free again", LONG, again);
            self.listen(listener);
        }
    }

    /// Cuts every connection; new ones go to another server.
    pub fn lead_to(&mut self, target: SocketAddr) {
        self.refuse();
        self.target = target;
        self.allow();
    }

    /// Keeps what the server sends from now on.
    pub fn stall(&self) {
        self.set(Flow::Stalled);
    }

    /// Hands on so many bytes at a time, so far apart.
    pub fn trickle(&self, bytes: usize, every: Duration) {
        self.set(Flow::Trickle(bytes, every));
    }

    /// Hands on each piece so much later.
    pub fn delay(&self, by: Duration) {
        self.set(Flow::Delay(by));
    }

    /// Damages one bit in each so manieth byte that the server sends, behind the first KiB of a connection: a greeting that
    /// seems to refuse us would be believed for a minute.
    pub fn corrupt(&self, every: usize) {
        self.set(Flow::Corrupt(every));
    }

    /// Hands each piece that the server sends on twice.
    pub fn duplicate(&self) {
        self.set(Flow::Duplicate);
    }

    /// A connection that stands for both sides and carries nothing, as when a cable is pulled.
    pub fn half_open(&self) {
        self.stall();
        self.hold();
    }

    /// Hands everything on, also what was kept.
    pub fn flow(&self) {
        self.set(Flow::Open);
    }

    /// Keeps what the client sends from now on: a connection that is cut meanwhile loses it.
    pub fn hold(&self) {
        self.set_held(true);
    }

    /// Hands on again what the client sends.
    pub fn release(&self) {
        self.set_held(false);
    }

    fn set_held(&self, held: bool) {
        self.shared.state().held = held;
        self.shared.changed.notify_all();
    }

    fn set(&self, flow: Flow) {
        self.shared.state().flow = flow;
        self.shared.changed.notify_all();
    }

    fn listen(&mut self, listener: TcpListener) {
        let over = Arc::new(Mutex::new(false));
        let (ends, shared, target) = (Arc::clone(&over), Arc::clone(&self.shared), self.target);
        let thread = std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if *ends.lock().unwrap_or_else(PoisonError::into_inner) {
                    return;
                }
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                match TcpStream::connect(target) {
                    Ok(server) => shared.join(&client, &server),
                    Err(_) => drop(client),
                }
            }
        });
        self.listening = Some((over, thread));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.changed.notify_all();
        self.refuse();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Two threads carry the bytes until one side ends.
    fn join(self: &Arc<Shared>, client: &TcpStream, server: &TcpStream) {
        let copy = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        self.state().streams.extend([copy(client), copy(server)]);
        let (up, down) = ((copy(client), copy(server)), (copy(server), copy(client)));
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let (mut from, mut to) = up;
            let mut buffer = vec![0; 16 << 10];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if !shared.may_send() || to.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let (from, to) = down;
            shared.carry(from, &to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }

    /// Waits while what the client sends is kept; `false`: it is over.
    fn may_send(&self) -> bool {
        let held = |state: &mut State| state.held && !state.stopped;
        let state = self.changed.wait_while(self.state(), held).unwrap_or_else(PoisonError::into_inner);
        !state.stopped
    }

    /// From the server to the client, as the flow says.
    fn carry(&self, mut from: TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; 16 << 10];
        let mut carried = 0;
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut rest = buffer.get_mut(..count).unwrap_or_default();
            while !rest.is_empty() {
                let Some((size, flow)) = self.next_piece(rest.len()) else { return };
                let (piece, left) = rest.split_at_mut(size);
                if let Flow::Corrupt(every) = flow
                    && carried >= 1024
                {
                    let first = every - carried % every - 1;
                    piece.iter_mut().skip(first).step_by(every).for_each(|byte| *byte ^= 1 << (carried % 8));
                }
                carried += size;
                let times = if flow == Flow::Duplicate { 2 } else { 1 };
                if (0..times).any(|_| to.write_all(piece).is_err()) {
                    return;
                }
                rest = left;
            }
        }
    }

    /// How much may go now, and how; waits while nothing may. `None`: it is over.
    fn next_piece(&self, left: usize) -> Option<(usize, Flow)> {
        let mut state = self.state();
        loop {
            match state.flow {
                _ if state.stopped => return None,
                flow @ (Flow::Open | Flow::Corrupt(_) | Flow::Duplicate) => return Some((left, flow)),
                Flow::Stalled => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                flow @ (Flow::Trickle(_, wait) | Flow::Delay(wait)) => {
                    let stays = |state: &mut State| state.flow == flow && !state.stopped;
                    drop(self.changed.wait_timeout_while(state, wait, stays));
                    let most = if let Flow::Trickle(bytes, _) = flow { bytes } else { left };
                    return Some((left.min(most), flow));
                }
            }
        }
    }
}
