//! A proxy that asks where to: HTTP (CONNECT, and whole addresses) and SOCKS 5 at one port.
//!
//! Every name leads to this computer, so that a name nobody knows shows that the proxy resolved it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Who may come in, if not everybody.
pub const LOGIN: (&str, &str) = ("ann", "s3cr3t-relay");
/// The same as HTTP says it.
const BASIC: &str = "basic yw5uonmzy3izdc1yzwxheq==";
const HEAD: usize = 64 << 10;

#[derive(Debug, Default)]
struct Shared {
    /// Where they wanted to, and how they said it.
    asked: Mutex<Vec<String>>,
    streams: Mutex<Vec<TcpStream>>,
}

/// A running proxy. Its connections end with it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Relay {
    /// One for everybody, or for whoever has [`LOGIN`].
    ///
    /// # Panics
    /// If no port is to be had.
    pub fn start(closed: bool) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its number");
        let shared = Arc::<Shared>::default();
        let relay = Relay { address, shared: Arc::clone(&shared) };
        // Ends with the program that tests: a test has a process of its own.
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that says nothing sensible is left.
                    let _ = serve(&client, closed, &shared);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        relay
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked: `CONNECT host:port`, `GET http://host/`, `SOCKS host:port`, and refusals.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Was this asked?
    pub fn was_asked(&self, what: &str) -> bool {
        self.asked().iter().any(|asked| asked == what)
    }

    /// Cuts every connection; new ones are taken.
    pub fn cut(&self) {
        self.shared.cut();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn note(&self, asked: String) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // One that is gone already cannot be cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Carries the bytes until one side ends.
    fn join(&self, client: &TcpStream, server: &TcpStream) -> io::Result<()> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).extend([client.try_clone()?, server.try_clone()?]);
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        let up = std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let (mut from, mut to) = (server, client);
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = up.join();
        Ok(())
    }
}

fn serve(client: &TcpStream, closed: bool, shared: &Shared) -> io::Result<()> {
    let mut first = [0];
    client.peek(&mut first)?;
    if first == [5] { socks(client, closed, shared) } else { http(client, closed, shared) }
}

fn here(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}

fn http(mut client: &TcpStream, closed: bool, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if closed && !head.to_ascii_lowercase().contains(&format!("proxy-authorization: {BASIC}\r\n")) {
        shared.note("refused".to_owned());
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    }
    shared.note(format!("{method} {place}"));
    let authority = place.strip_prefix("http://").map_or(place, |rest| rest.split('/').next().unwrap_or_default());
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    let Ok(server) = here(port) else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
    };
    if method == "CONNECT" {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        // Servers take whole addresses too (RFC 9112, section 3.2.2); what follows on the connection is for the same one.
        let without: String = head
            .split_inclusive("\r\n")
            .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-authorization:"))
            .collect();
        (&server).write_all(without.as_bytes())?;
    }
    shared.join(client, &server)
}

fn socks(mut client: &TcpStream, closed: bool, shared: &Shared) -> io::Result<()> {
    let text = |mut client: &TcpStream| -> io::Result<String> {
        let mut length = [0];
        client.read_exact(&mut length)?;
        let mut bytes = vec![0; usize::from(length[0])];
        client.read_exact(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut version = [0];
    client.read_exact(&mut version)?;
    let methods = text(client)?;
    let wanted = if closed { 2 } else { 0 };
    if !methods.bytes().any(|method| method == wanted) {
        shared.note("refused".to_owned());
        return client.write_all(&[5, 0xFF]);
    }
    client.write_all(&[5, wanted])?;
    if closed {
        client.read_exact(&mut version)?;
        let given = (text(client)?, text(client)?);
        let is_right = (given.0.as_str(), given.1.as_str()) == LOGIN;
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            shared.note("refused".to_owned());
            return Ok(());
        }
    }
    let mut wish = [0; 4];
    client.read_exact(&mut wish)?;
    let host = match wish[3] {
        1 => {
            let mut number = [0; 4];
            client.read_exact(&mut number)?;
            Ipv4Addr::from(number).to_string()
        }
        3 => text(client)?,
        _ => return client.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]),
    };
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    let port = u16::from_be_bytes(port);
    shared.note(format!("SOCKS {host}:{port}"));
    let Ok(server) = here(port) else { return client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]) };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    shared.join(client, &server)
}
