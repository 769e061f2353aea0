//! A WebSocket server whose every byte a test decides.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept};

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    connections: AtomicU64,
    sent: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
    heard: Mutex<Vec<String>>,
    orders: Mutex<VecDeque<Order>>,
    stopping: Condvar,
}

#[derive(Debug)]
enum Order {
    Send(Message),
    Raw(Vec<u8>),
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server; it ends with all its connections when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// One connection, as a script sees it.
#[derive(Debug)]
pub struct Talk {
    /// Counts connections from 0.
    pub number: u64,
    socket: WebSocket<TcpStream>,
    shared: Arc<Shared>,
}

impl Server {
    /// Every connection follows the script, on a thread of its own.
    ///
    /// # Panics
    /// If no port is to be had.
    pub fn start(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its number");
        let shared = Arc::<Shared>::default();
        let far = Arc::clone(&shared);
        let script = Arc::new(script);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if far.over.load(Ordering::SeqCst) {
                    return;
                }
                lock(&far.streams).extend(stream.try_clone());
                let (shared, script) = (Arc::clone(&far), Arc::clone(&script));
                std::thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let Ok(socket) = accept(stream) else { return };
                    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                    script(&mut Talk { number, socket, shared });
                });
            }
        });
        Server { address, shared, thread: Some(thread) }
    }

    /// A server that sends what [`Server::send`] tells it to.
    pub fn on_order() -> Server {
        Server::start(Talk::obey)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as an address to paste.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Connections until now.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Messages the kernel has taken until now.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// Text messages that clients sent.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.heard).clone()
    }

    /// Sends a message over the newest connection, for servers that obey.
    pub fn send(&self, message: impl Into<Message>) {
        lock(&self.shared.orders).push_back(Order::Send(message.into()));
    }

    /// Sends bytes outside all framing.
    pub fn send_raw(&self, bytes: Vec<u8>) {
        lock(&self.shared.orders).push_back(Order::Raw(bytes));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.stopping.notify_all();
        for stream in lock(&self.shared.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Talk {
    /// Sends a message; `false` once the client is gone.
    pub fn send(&mut self, message: impl Into<Message>) -> bool {
        let sent = self.socket.send(message.into()).is_ok();
        self.shared.sent.fetch_add(u64::from(sent), Ordering::SeqCst);
        sent
    }

    /// Queues a message without handing it to the kernel yet: many make one write.
    pub fn queue(&mut self, message: impl Into<Message>) -> bool {
        let sent = self.socket.write(message.into()).is_ok();
        self.shared.sent.fetch_add(u64::from(sent), Ordering::SeqCst);
        sent
    }

    /// Hands all that was queued to the kernel.
    pub fn flush(&mut self) -> bool {
        self.socket.flush().is_ok()
    }

    /// Sends bytes outside all framing; counts as a message where they are one.
    pub fn raw(&mut self, bytes: &[u8]) -> bool {
        self.socket.flush().is_ok() && self.socket.get_mut().write_all(bytes).is_ok()
    }

    /// Says goodbye with a code.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        let _ = self.socket.close(Some(frame));
        self.hold();
    }

    /// Lets time pass; `false` if the server ends meanwhile.
    pub fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut orders = lock(&self.shared.orders);
        while !self.shared.over.load(Ordering::SeqCst) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            orders = self.shared.stopping.wait_timeout(orders, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Takes what the client says, and answers its pings, until it goes or the server ends.
    pub fn hold(&mut self) {
        while self.listen() {}
    }

    /// Waits for the client's next text message.
    pub fn hear(&mut self) -> Option<String> {
        let before = lock(&self.shared.heard).len();
        while lock(&self.shared.heard).len() == before {
            if !self.listen() {
                return None;
            }
        }
        lock(&self.shared.heard).last().cloned()
    }

    fn obey(&mut self) {
        let _ = self.socket.get_mut().set_read_timeout(Some(Duration::from_millis(3)));
        while self.listen() && self.number + 1 == self.shared.connections.load(Ordering::SeqCst) {
            loop {
                let next = lock(&self.shared.orders).pop_front();
                let done = match next {
                    Some(Order::Send(message)) => self.queue(message),
                    Some(Order::Raw(bytes)) => self.raw(&bytes),
                    None => break,
                };
                if !done {
                    return;
                }
            }
            self.flush();
        }
    }

    /// One read; `false` once the client is gone.
    fn listen(&mut self) -> bool {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                lock(&self.shared.heard).push(text.to_string());
                true
            }
            Ok(_) => true,
            Err(Error::Io(error)) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Err(_) => false,
        }
    }
}
