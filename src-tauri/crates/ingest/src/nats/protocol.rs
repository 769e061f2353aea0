//! What a server says, read from the bytes before anybody allocates for it.
//!
//! Lines end with CR LF; `MSG` and `HMSG` tell the sizes of what follows them
//! (<https://docs.nats.io/reference/reference-protocols/nats-protocol>). Nothing is copied here.

use std::fmt;

/// The longest line: an `INFO` names all servers of a cluster.
pub(super) const LONGEST_LINE: usize = 64 << 10;
/// The largest headers of a message.
pub(super) const LARGEST_HEADERS: usize = 1 << 20;
/// A line that is shown as a part of a sentence.
const SHOWN: usize = 60;

/// What must not be read further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A message of this size.
    Message(usize),
    /// Headers of this size.
    Headers(usize),
    /// A line without an end.
    Line,
    /// A line that nobody knows: how it begins.
    Foreign(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Message(size) => write!(f, "a message of {size} bytes is announced"),
            Refused::Headers(size) => write!(f, "headers of {size} bytes are announced"),
            Refused::Line => write!(f, "a line of more than {LONGEST_LINE} bytes"),
            Refused::Foreign(line) => write!(f, "{line:?}"),
        }
    }
}

/// One thing that a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Op<'a> {
    /// What it is like: JSON.
    Info(&'a [u8]),
    Message(Message<'a>),
    Ping,
    Pong,
    /// An acknowledgement that we did not ask for.
    Fine,
    /// What it complains about, without quotation marks.
    Error(&'a [u8]),
}

/// A message as it stands in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) subject: &'a [u8],
    /// The subscription it is for.
    pub(super) sid: u64,
    /// Where an answer goes.
    pub(super) reply: Option<&'a [u8]>,
    /// The block of headers with its first line; empty without headers.
    pub(super) headers: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// Something whole, in so many bytes.
    Op(Op<'a>, usize),
    /// There must be at least so many bytes before it is worth another look.
    More(usize),
}

/// Reads one thing from the beginning of `bytes`.
#[inline]
pub(super) fn read(bytes: &[u8], largest: usize) -> Result<Read<'_>, Refused> {
    let Some(end) = memchr::memchr(b'\n', bytes.get(..LONGEST_LINE).unwrap_or(bytes)) else {
        return if bytes.len() >= LONGEST_LINE { Err(Refused::Line) } else { Ok(Read::More(bytes.len() + 1)) };
    };
    let line = bytes.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let used = end + 1;
    if let Some(rest) = line.strip_prefix(b"MSG ") {
        return message(bytes, used, rest, false, largest).unwrap_or_else(|| Err(foreign(line)));
    }
    if let Some(rest) = line.strip_prefix(b"HMSG ") {
        return message(bytes, used, rest, true, largest).unwrap_or_else(|| Err(foreign(line)));
    }
    let op = match line {
        b"PING" => Op::Ping,
        b"PONG" => Op::Pong,
        b"+OK" => Op::Fine,
        _ => match (line.strip_prefix(b"INFO "), line.strip_prefix(b"-ERR")) {
            (Some(info), _) => Op::Info(info),
            (_, Some(said)) => {
                let said = said.trim_ascii();
                Op::Error(said.strip_prefix(b"'").and_then(|said| said.strip_suffix(b"'")).unwrap_or(said))
            }
            _ => return Err(foreign(line)),
        },
    };
    Ok(Read::Op(op, used))
}

fn foreign(line: &[u8]) -> Refused {
    let begins = line.get(..SHOWN).unwrap_or(line);
    Refused::Foreign(String::from_utf8_lossy(begins).into_owned())
}

/// `subject sid [reply] [size of headers] size of all`. `None`: the line is none of these.
#[inline]
fn message<'a>(
    bytes: &'a [u8],
    used: usize,
    line: &'a [u8],
    with_headers: bool,
    largest: usize,
) -> Option<Result<Read<'a>, Refused>> {
    let mut words = line.split(|byte| *byte == b' ' || *byte == b'\t').filter(|word| !word.is_empty());
    let (subject, sid) = (words.next()?, number(words.next()?)?);
    let rest = (words.next()?, words.next(), words.next());
    if words.next().is_some() {
        return None;
    }
    let (reply, headers, total) = match (with_headers, rest) {
        (false, (total, None, None)) => (None, None, total),
        (false, (reply, Some(total), None)) => (Some(reply), None, total),
        (true, (headers, Some(total), None)) => (None, Some(headers), total),
        (true, (reply, Some(headers), Some(total))) => (Some(reply), Some(headers), total),
        _ => return None,
    };
    // What is no number of this machine is larger than anything allowed.
    let size = |word: &[u8]| match number(word) {
        Some(size) => Some(usize::try_from(size).unwrap_or(usize::MAX)),
        None => word.iter().all(u8::is_ascii_digit).then_some(usize::MAX),
    };
    let total = size(total)?;
    let headers = headers.map_or(Some(0), size)?;
    let payload = total.checked_sub(headers)?;
    if headers > LARGEST_HEADERS {
        return Some(Err(Refused::Headers(headers)));
    }
    if payload > largest {
        return Some(Err(Refused::Message(payload)));
    }
    // With CR LF. Both are bounded by now.
    let end = used.saturating_add(total).saturating_add(2);
    let Some(body) = bytes.get(used..end) else { return Some(Ok(Read::More(end))) };
    let (headers, payload) = body.get(..total)?.split_at_checked(headers)?;
    if body.get(total..) != Some(b"\r\n") {
        return None;
    }
    Some(Ok(Read::Op(Op::Message(Message { subject, sid, reply, headers, payload }), end)))
}

/// A decimal number without a sign.
#[inline]
pub(super) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LARGEST: usize = 16;

    fn all(mut bytes: &[u8]) -> Vec<Op<'_>> {
        let mut ops = Vec::new();
        while let Ok(Read::Op(op, used)) = read(bytes, LARGEST) {
            ops.push(op);
            bytes = &bytes[used..];
        }
        ops
    }

    fn message<'a>(subject: &'a str, reply: Option<&'a str>, headers: &'a [u8], payload: &'a [u8]) -> Op<'a> {
        let reply = reply.map(str::as_bytes);
        Op::Message(Message { subject: subject.as_bytes(), sid: 9, reply, headers, payload })
    }

    #[test]
    fn everything_a_server_says_is_understood() {
        let said = b"INFO {\"a\":1}\r\n+OK\r\nPING\r\nPONG\r\nMSG a.b 9 2\r\nhi\r\nMSG a.b 9 r.1 0\r\n\r\n\
                     HMSG a.b 9 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG a.b 9 r.1 12 12\r\nNATS/1.0\r\n\r\n\r\n\
                     -ERR 'Stale Connection'\r\n-ERR\r\n";
        let block = b"NATS/1.0\r\n\r\n";
        let expected = vec![
            Op::Info(b"{\"a\":1}"),
            Op::Fine,
            Op::Ping,
            Op::Pong,
            message("a.b", None, b"", b"hi"),
            message("a.b", Some("r.1"), b"", b""),
            message("a.b", None, block, b"hi"),
            message("a.b", Some("r.1"), block, b""),
            Op::Error(b"Stale Connection"),
            Op::Error(b""),
        ];
        assert_eq!(all(said), expected);
    }

    #[test]
    fn what_is_not_whole_says_how_much_is_missing() {
        let said = b"MSG a 9 5\r\nhello\r\n";
        for end in 0..said.len() {
            let Ok(Read::More(wanted)) = read(&said[..end], LARGEST) else { panic!("{end}") };
            assert!((end + 1..=said.len()).contains(&wanted), "{end}: {wanted}");
            assert!(end < 11 || wanted == said.len(), "behind the line all is known");
        }
    }

    #[test]
    fn a_message_is_refused_by_its_announced_size() {
        let refused = |line: &str| read(line.as_bytes(), LARGEST).unwrap_err();
        assert_eq!(refused("MSG a 1 17\r\n"), Refused::Message(17));
        assert_eq!(refused("MSG a 1 18446744073709551615\r\n"), Refused::Message(usize::MAX));
        assert_eq!(refused("MSG a 1 99999999999999999999999\r\n"), Refused::Message(usize::MAX));
        assert_eq!(refused("HMSG a 1 12 1000000\r\n"), Refused::Message(999_988));
        assert_eq!(refused("HMSG a 1 2000000 2000001\r\n"), Refused::Headers(2_000_000));
    }

    #[test]
    fn what_is_no_nats_is_told() {
        for line in
            ["HTTP/1.1 400 Bad Request", "MSG", "MSG a", "MSG a b 1", "MSG a 1 x", "HMSG a 1 9 8", "MSG a 1 r 0 0", ""]
        {
            let said = format!("{line}\r\n");
            assert!(matches!(read(said.as_bytes(), LARGEST), Err(Refused::Foreign(_))), "{line}");
        }
        assert!(matches!(read(b"MSG a 1 2\r\nhi--", LARGEST), Err(Refused::Foreign(_))), "its end is not there");
        assert_eq!(read(&[b'x'; LONGEST_LINE], LARGEST), Err(Refused::Line));
        assert_eq!(read(&[b'x'; 100], LARGEST), Ok(Read::More(101)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, LARGEST);
        }

        #[test]
        fn no_line_makes_it_panic(
            line in "(MSG|HMSG|INFO|-ERR|PING) ?[a-z.]{0,4} ?[0-9 ]{0,30}\r\n[ -~]{0,40}\r\n",
        ) {
            match read(line.as_bytes(), LARGEST) {
                Ok(Read::Op(_, used)) => prop_assert!(used <= line.len()),
                Ok(Read::More(wanted)) => prop_assert!(wanted > line.len() && wanted <= line.len() + LARGEST + LARGEST_HEADERS + 4),
                Err(_) => {}
            }
        }
    }
}
