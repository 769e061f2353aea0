//! Asking a proxy for the way: HTTP CONNECT (RFC 9110, section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).
//!
//! Not a byte is read beyond the proxy's own answer: what follows is the other side's.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Hop, HopKind, Target};
use crate::headers::basic_plain;
use crate::{ConnectError, reason};

/// The head of a proxy's answer has at most so many bytes.
const HEAD: usize = 16 << 10;

/// Asks the proxy on `socket` for the way to `target`.
pub(super) async fn through(mut socket: TcpStream, hop: &Hop, target: &Target) -> Result<TcpStream, ConnectError> {
    let asked = match hop.kind {
        HopKind::Http => connect(&mut socket, hop, target).await,
        HopKind::Socks5 => socks(&mut socket, hop, target).await,
    };
    asked.map(|()| socket).map_err(|refusal| match refusal {
        Refusal::Said(error) => error,
        Refusal::Io(error) => {
            let said = reason::cut(&error);
            ConnectError::Network(format!("The proxy {} did not answer. {said}", hop.host_and_port()))
        }
    })
}

enum Refusal {
    Said(ConnectError),
    Io(std::io::Error),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        Refusal::Io(error)
    }
}

async fn connect(socket: &mut TcpStream, hop: &Hop, target: &Target) -> Result<(), Refusal> {
    let place = target.host_and_port();
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some((user, password)) = &hop.login {
        request.push_str(&format!("Proxy-Authorization: {}\r\n", basic_plain(user, password.expose())));
    }
    request.push_str("\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD {
            return Err(no_proxy(hop, "HTTP"));
        }
        head.push(socket.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.splitn(3, ' ');
    let status = match (words.next(), words.next().and_then(|status| status.parse::<u16>().ok())) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => status,
        _ => return Err(no_proxy(hop, "HTTP")),
    };
    if (200..300).contains(&status) { Ok(()) } else { Err(refused(hop, target, status)) }
}

fn refused(hop: &Hop, target: &Target, status: u16) -> Refusal {
    let (proxy, place) = (hop.host_and_port(), target.host_and_port());
    let (sentence, permanent) = match status {
        407 => (login(&proxy, hop.login.is_some()), true),
        502..=504 => (format!("The proxy {proxy} does not reach {place} ({status}). It is tried again."), false),
        _ => (
            format!(
                "The proxy {proxy} does not connect to {place} ({status}). Check the proxy's rules, or the address; if the \
                 feed needs no proxy, write proxy = \"none\" in its table."
            ),
            (400..500).contains(&status),
        ),
    };
    Refusal::Said(ConnectError::Status { status, sentence, permanent, retry_after: None })
}

fn login(proxy: &str, given: bool) -> String {
    let cure = if given {
        "Check both."
    } else {
        "Put them into the address: http://user:password@host:port, kept in a variable or a file."
    };
    format!("The proxy {proxy} wants a user and a password. {cure}")
}

fn no_proxy(hop: &Hop, what: &str) -> Refusal {
    Refusal::Said(ConnectError::Protocol(format!(
        "What answers at {} is no proxy that speaks {what}. Check its address and port.",
        hop.host_and_port()
    )))
}

async fn socks(socket: &mut TcpStream, hop: &Hop, target: &Target) -> Result<(), Refusal> {
    let proxy = hop.host_and_port();
    // Without a login, and with one where there is one.
    let methods: &[u8] = if hop.login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    socket.write_all(methods).await?;
    let mut chosen = [0; 2];
    socket.read_exact(&mut chosen).await?;
    let rejected = |given| {
        let sentence = login(&proxy, given);
        Refusal::Said(ConnectError::Status { status: 407, sentence, permanent: true, retry_after: None })
    };
    match (chosen, &hop.login) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            socket.write_all(&told(user, password.expose(), &proxy)?).await?;
            let mut answer = [0; 2];
            socket.read_exact(&mut answer).await?;
            if answer[1] != 0 {
                return Err(rejected(true));
            }
        }
        ([5, _], _) => return Err(rejected(hop.login.is_some())),
        _ => return Err(no_proxy(hop, "SOCKS 5")),
    }
    socket.write_all(&wish(target)?).await?;
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).await?;
    if answer[0] != 5 {
        return Err(no_proxy(hop, "SOCKS 5"));
    }
    if answer[1] != 0 {
        return Err(Refusal::Said(socks_refusal(answer[1], &proxy, &target.host_and_port())));
    }
    // Where the proxy stands on the other side: of no use to us, but it must be read away.
    let length = match answer[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(socket.read_u8().await?),
        _ => return Err(no_proxy(hop, "SOCKS 5")),
    };
    let mut bound = [0; 255 + 2];
    socket.read_exact(bound.get_mut(..length + 2).unwrap_or_default()).await?;
    Ok(())
}

/// User and password, RFC 1929.
fn told(user: &str, password: &str, proxy: &str) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![1];
    for part in [user, password] {
        let length = u8::try_from(part.len()).map_err(|_| {
            let sentence = format!("The user or the password for the proxy {proxy} is longer than 255 bytes.");
            Refusal::Said(ConnectError::Options(sentence))
        })?;
        bytes.push(length);
        bytes.extend_from_slice(part.as_bytes());
    }
    Ok(bytes)
}

/// Where to connect to, RFC 1928, section 4.
fn wish(target: &Target) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![5, 1, 0];
    match target.number() {
        Some(IpAddr::V4(number)) => {
            bytes.push(1);
            bytes.extend_from_slice(&number.octets());
        }
        Some(IpAddr::V6(number)) => {
            bytes.push(4);
            bytes.extend_from_slice(&number.octets());
        }
        None => {
            let length = u8::try_from(target.host.len()).map_err(|_| {
                Refusal::Said(ConnectError::Options("The name of the host is longer than 255 bytes.".to_owned()))
            })?;
            bytes.extend_from_slice(&[3, length]);
            bytes.extend_from_slice(target.host.as_bytes());
        }
    }
    bytes.extend_from_slice(&target.port.to_be_bytes());
    Ok(bytes)
}

fn socks_refusal(code: u8, proxy: &str, place: &str) -> ConnectError {
    match code {
        2 => ConnectError::Status {
            status: 403,
            sentence: format!(
                "The proxy {proxy} does not allow connections to {place}. Check its rules; if the feed needs no proxy, write \
                 proxy = \"none\" in its table."
            ),
            permanent: true,
            retry_after: None,
        },
        3 => ConnectError::Network(format!("The proxy {proxy} has no way to the network of {place}.")),
        4 => ConnectError::Network(format!("The proxy {proxy} has no way to {place}. Check the address.")),
        5 => ConnectError::Network(format!(
            "Nothing listens at {place}, says the proxy {proxy}. Check the port, and that the server runs."
        )),
        _ => ConnectError::Network(format!("The proxy {proxy} cannot connect to {place} (SOCKS error {code}).")),
    }
}
