use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::*;

const LIMIT: usize = 1 << 20;

/// A sender as the RFC describes it.
struct Sender {
    stream: Compress,
    forgets: bool,
}

impl Sender {
    fn new(forgets: bool) -> Sender {
        Sender { stream: Compress::new(Compression::default(), false), forgets }
    }

    fn deflate(&mut self, plain: &[u8]) -> Vec<u8> {
        if plain.is_empty() {
            // Section 7.2.3.6; zlib says nothing where nothing came since the last flush.
            return vec![0];
        }
        let mut out = Vec::with_capacity(plain.len() + 1024);
        let start = self.stream.total_in();
        while self.stream.total_in() - start < plain.len() as u64 || out.len() == out.capacity() {
            out.reserve(1024);
            let at = (self.stream.total_in() - start) as usize;
            self.stream.compress_vec(&plain[at..], &mut out, FlushCompress::None).unwrap();
        }
        loop {
            out.reserve(64);
            self.stream.compress_vec(&[], &mut out, FlushCompress::Sync).unwrap();
            if out.len() < out.capacity() {
                break;
            }
        }
        if self.forgets {
            self.stream.reset();
        }
        assert!(out.ends_with(&TAIL), "{out:?}");
        out.truncate(out.len() - TAIL.len());
        out
    }

    /// A message in frames of at most `piece` bytes, with a ping between any two.
    fn message(&mut self, plain: &[u8], compressed: bool, piece: usize) -> Vec<u8> {
        let payload = if compressed { self.deflate(plain) } else { plain.to_vec() };
        let pieces: Vec<&[u8]> = if payload.is_empty() { vec![&[]] } else { payload.chunks(piece).collect() };
        let mut out = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let opcode = if at == 0 { 2 } else { 0 };
            let rsv1 = if at == 0 && compressed { RSV1 } else { 0 };
            let fin = if at + 1 == pieces.len() { FIN } else { 0 };
            write_head(fin | rsv1 | opcode, piece.len(), &mut out);
            out.extend_from_slice(piece);
            if fin == 0 {
                out.extend_from_slice(&[0x89, 2, b'h', b'i']);
            }
        }
        out
    }
}

/// The data messages and the number of control frames in plain frames.
fn read(mut frames: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let (mut messages, mut open, mut control) = (Vec::new(), Vec::new(), 0);
    while !frames.is_empty() {
        let first = frames[0];
        assert_eq!(first & RESERVED, 0, "no extension is left");
        let head = (2..=10).find(|end| length(&frames[..*end]).is_some()).unwrap();
        let end = head + length(&frames[..head]).unwrap() as usize;
        if first & CONTROL == 0 {
            open.extend_from_slice(&frames[head..end]);
            if first & FIN != 0 {
                messages.push(std::mem::take(&mut open));
            }
        } else {
            control += 1;
        }
        frames = &frames[end..];
    }
    (messages, control)
}

fn inflater(forgets: bool) -> Inflater {
    Inflater::new(Deflate { server_forgets: forgets }, LIMIT)
}

proptest! {
    #[test]
    fn what_is_sent_comes_out_however_it_is_cut(
        messages in prop::collection::vec((prop::collection::vec(0_u8..8, 0..3000), any::<bool>()), 1..12),
        piece in 1..2000_usize,
        chunk in 1..900_usize,
        forgets in any::<bool>(),
    ) {
        let mut sender = Sender::new(forgets);
        let sent: Vec<u8> =
            messages.iter().flat_map(|(plain, compressed)| sender.message(plain, *compressed, piece)).collect();
        let (mut inflater, mut out) = (inflater(forgets), Vec::new());
        for bytes in sent.chunks(chunk) {
            inflater.take(bytes, &mut out).unwrap();
        }
        let (came, control) = read(&out);
        prop_assert_eq!(came, messages.into_iter().map(|(plain, _)| plain).collect::<Vec<_>>());
        prop_assert_eq!(control, sent.windows(4).filter(|four| *four == [0x89, 2, b'h', b'i']).count());
    }

    #[test]
    fn no_bytes_panic_or_grow_beyond_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..600), chunk in 1..70_usize) {
        let (mut inflater, mut out) = (Inflater::new(Deflate::default(), 1000), Vec::new());
        for bytes in [&[0xC1, 126, 2, 0][..], &bytes].concat().chunks(chunk) {
            if inflater.take(bytes, &mut out).is_err() {
                break;
            }
            prop_assert!(inflater.plain.len() <= 1000);
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_whole() {
    let bomb = Sender::new(false).message(&vec![0; 64 << 20], true, usize::MAX);
    assert!(bomb.len() < 100_000);
    let mut inflater = inflater(false);
    assert_eq!(inflater.take(&bomb, &mut Vec::new()), Err(Broken::TooBig(LIMIT)));
    assert!(inflater.plain.capacity() <= 2 * LIMIT);
}

#[test]
fn a_bomb_in_many_frames_is_refused_too() {
    let bomb = Sender::new(false).message(&vec![0; 64 << 20], true, 100);
    assert_eq!(inflater(false).take(&bomb, &mut Vec::new()), Err(Broken::TooBig(LIMIT)));
}

/// RFC 7692, section 7.2.3: the same text five ways.
#[test]
fn the_examples_of_the_standard_are_read() {
    let examples: [&[u8]; 5] = [
        &[0xC1, 7, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        &[0x41, 3, 0xF2, 0x48, 0xCD, 0x80, 4, 0xC9, 0xC9, 0x07, 0x00],
        &[0xC1, 11, 0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
        &[0xC1, 8, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
        &[0xC1, 13, 0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
    ];
    for example in examples {
        let mut out = Vec::new();
        inflater(true).take(example, &mut out).unwrap();
        assert_eq!(read(&out).0, [b"Hello"], "{example:02X?}");
    }
    // The window of the first message serves the second.
    let mut out = Vec::new();
    let mut remembers = inflater(false);
    remembers.take(&[0xC1, 7, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], &mut out).unwrap();
    remembers.take(&[0xC1, 5, 0xF2, 0x00, 0x11, 0x00, 0x00], &mut out).unwrap();
    assert_eq!(read(&out).0, [b"Hello", b"Hello"]);
}

#[test]
fn damage_is_told_and_broken_framing_is_left_to_the_library() {
    let mut out = Vec::new();
    assert_eq!(inflater(false).take(&[0xC1, 3, 0xFF, 0xFF, 0xFF], &mut out), Err(Broken::Damaged));
    for broken in [&[0xA1, 1, b'x'][..], &[0x81, 0x81, 1, 2, 3, 4, b'x'], &[0xC9, 0], &[0x01, 0, 0xC0, 0]] {
        let mut out = Vec::new();
        let mut inflater = inflater(false);
        inflater.take(broken, &mut out).unwrap();
        inflater.take(b"and so on", &mut out).unwrap();
        assert_eq!(out, [broken, b"and so on"].concat());
    }
}

#[tokio::test]
async fn frames_behind_the_answer_wait_until_it_is_known_what_they_are() {
    let frames = Sender::new(false).message(b"price", true, 100);
    let answers = [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
        "\r\n\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\n\r\n",
    ];
    for (answer, inflates) in answers.iter().flat_map(|answer| [(answer.as_bytes(), false), (answer.as_bytes(), true)])
    {
        let sent = [answer, &frames].concat();
        let mut stream = Inflating::new(&sent[..]);
        let mut head = vec![0; 4096];
        let count = stream.read(&mut head).await.unwrap();
        assert_eq!(&head[..count], answer);
        stream.begin(inflates.then(|| inflater(false))).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        if inflates {
            assert_eq!(read(&rest).0, [b"price"]);
        } else {
            assert_eq!(rest, frames);
        }
    }
}
