//! What the broker announces, read from the bytes before anybody allocates for it.
//!
//! A frame is a type, a channel, a size, the payload and an end mark (AMQP 0-9-1, section 4.2.3). The payload of a content
//! header begins with class, weight and the size of the body to come (section 2.3.5.2). What may hold tables, which are the
//! properties of a message and a few methods, is kept until it is whole, and looked at before the library sees its end.

use std::fmt;

use super::tables;

const HEAD: usize = 7;
/// With class, weight and body size of a content header.
const CONTENT_HEAD: usize = HEAD + 12;
const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;
/// No broker negotiates larger frames than we ask for (128 KiB); one that sends them all the same is refused before the
/// library's buffer is full.
const LARGEST_FRAME: u32 = 1 << 20;

/// What must not be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A message of this size.
    Message(u64),
    /// A frame of this size.
    Frame(u32),
    /// A message with headers that are nested too deep.
    Headers,
    /// A method that no broker says, or not so.
    Method,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Message(size) => write!(f, "a message of {size} bytes is announced"),
            Refused::Frame(size) => write!(f, "a frame of {size} bytes is announced"),
            Refused::Headers => write!(f, "headers are nested deeper than {} levels", tables::DEEPEST),
            Refused::Method => write!(f, "a method comes that no broker says"),
        }
    }
}

impl std::error::Error for Refused {}

/// Where in the frames the bytes stand.
#[derive(Debug)]
pub(super) struct Frames {
    /// The beginning of the frame that is being read.
    head: [u8; CONTENT_HEAD],
    filled: usize,
    /// Bytes of the frame behind that.
    rest: u64,
    /// What they are, where tables may be among them; its bytes so far, at most those of the largest frame.
    kept: Option<Kept>,
    bytes: Vec<u8>,
    largest: u64,
    /// It is no AMQP 0-9-1: the library says so.
    foreign: bool,
    begun: bool,
}

/// What is kept of a frame until it is whole.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Method,
    Properties,
}

impl Frames {
    pub(super) fn new(largest_message: usize) -> Frames {
        let largest = u64::try_from(largest_message).unwrap_or(u64::MAX);
        let (kept, bytes) = (None, Vec::new());
        Frames { head: [0; CONTENT_HEAD], filled: 0, rest: 0, kept, bytes, largest, foreign: false, begun: false }
    }

    /// Looks at what was read next; gives the bytes of message bodies among it, as announced by their frames.
    pub(super) fn see(&mut self, mut bytes: &[u8]) -> Result<u64, Refused> {
        if let (false, Some(first)) = (self.begun, bytes.first()) {
            self.begun = true;
            // A broker of another version answers with its protocol header.
            self.foreign = *first == b'A';
        }
        if self.foreign {
            return Ok(0);
        }
        let mut bodies = 0;
        while !bytes.is_empty() {
            if self.rest > 0 {
                let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(self.rest).unwrap_or(usize::MAX)));
                self.rest -= now.len() as u64;
                bytes = later;
                if let Some(kept) = self.kept {
                    self.keep(now, kept)?;
                }
                continue;
            }
            let wanted = if self.filled >= HEAD { CONTENT_HEAD } else { HEAD };
            let taken = bytes.len().min(wanted - self.filled);
            let (now, later) = bytes.split_at(taken);
            if let Some(place) = self.head.get_mut(self.filled..self.filled + taken) {
                place.copy_from_slice(now);
            }
            self.filled += taken;
            bytes = later;
            if self.filled == wanted {
                bodies += self.head_is_there()?;
            }
        }
        Ok(bodies)
    }

    /// Keeps what may hold tables, and looks at it when it is whole.
    fn keep(&mut self, now: &[u8], kept: Kept) -> Result<(), Refused> {
        self.bytes.extend_from_slice(now);
        if self.rest > 0 {
            return Ok(());
        }
        let refused = match kept {
            Kept::Method => tables::is_hostile(&self.bytes).then_some(Refused::Method),
            Kept::Properties => tables::has_deep_headers(&self.bytes).then_some(Refused::Headers),
        };
        self.bytes.clear();
        self.kept = None;
        refused.map_or(Ok(()), Err)
    }

    /// The head of a frame, or of a content header, is whole.
    fn head_is_there(&mut self) -> Result<u64, Refused> {
        let [kind, _, _, a, b, c, d, content @ ..] = self.head;
        let size = u32::from_be_bytes([a, b, c, d]);
        let [_, _, _, _, body_size @ ..] = content;
        if self.filled == CONTENT_HEAD {
            let announced = u64::from_be_bytes(body_size);
            if announced > self.largest {
                return Err(Refused::Message(announced));
            }
            self.kept = Some(Kept::Properties);
        } else {
            if size > LARGEST_FRAME {
                return Err(Refused::Frame(size));
            }
            if kind == CONTENT_HEADER && size as usize >= CONTENT_HEAD - HEAD {
                return Ok(0);
            }
            self.kept = (kind == METHOD).then_some(Kept::Method);
        }
        // The end mark belongs to it, and is no part of a table.
        self.rest = u64::from(size) + 1 - (self.filled - HEAD) as u64;
        self.filled = 0;
        Ok(if kind == BODY { size.into() } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame.push(0xCE);
        frame
    }

    fn header(size: u64) -> Vec<u8> {
        let mut payload = vec![0, 60, 0, 0];
        payload.extend(size.to_be_bytes());
        payload.extend([0, 0]);
        frame(CONTENT_HEADER, &payload)
    }

    /// A method, and a message of 5 bytes in two frames, and a heartbeat.
    fn stream() -> Vec<u8> {
        [frame(1, b"method"), header(5), frame(BODY, b"abc"), frame(BODY, b"de"), frame(8, b"")].concat()
    }

    #[test]
    fn bodies_are_counted_however_the_bytes_come() {
        let bytes = stream();
        for size in 1..=bytes.len() {
            let mut frames = Frames::new(5);
            let counted: u64 = bytes.chunks(size).map(|chunk| frames.see(chunk).unwrap()).sum();
            assert_eq!((counted, frames.filled, frames.rest), (5, 0, 0), "in pieces of {size}");
        }
    }

    #[test]
    fn a_message_is_refused_by_its_announced_size() {
        let bytes = [stream(), header(6)].concat();
        for size in 1..=bytes.len() {
            let mut frames = Frames::new(5);
            let told = bytes.chunks(size).find_map(|chunk| frames.see(chunk).err());
            assert_eq!(told, Some(Refused::Message(6)), "in pieces of {size}");
        }
        assert_eq!(Frames::new(5).see(&header(u64::MAX)), Err(Refused::Message(u64::MAX)));
    }

    #[test]
    fn a_frame_is_refused_by_its_announced_size() {
        assert_eq!(Frames::new(5).see(&[1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]), Err(Refused::Frame(u32::MAX)));
    }

    #[test]
    fn tables_nested_too_deep_are_refused_however_the_bytes_come() {
        let headers = |levels| {
            let properties = [&[0x20, 0][..], &tables::tests::nested(levels)].concat();
            frame(CONTENT_HEADER, &[&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5][..], &properties].concat())
        };
        let start = |levels| frame(METHOD, &[&[0, 10, 0, 10, 0, 9][..], &tables::tests::nested(levels)].concat());
        for (frame, refused) in [
            (headers(tables::DEEPEST + 1), Some(Refused::Headers)),
            (headers(tables::DEEPEST), None),
            (start(tables::DEEPEST + 1), Some(Refused::Method)),
            (start(tables::DEEPEST), None),
        ] {
            let bytes = [stream(), frame].concat();
            for size in 1..=bytes.len() {
                let mut frames = Frames::new(5);
                let told = bytes.chunks(size).find_map(|chunk| frames.see(chunk).err());
                assert_eq!((told, frames.bytes.len()), (refused, 0), "in pieces of {size}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(kinds: Vec<(u8, Vec<u8>)>, rest: Vec<u8>, size in 1..40_usize) {
            let bytes = [kinds.iter().flat_map(|(kind, payload)| frame(kind % 4, payload)).collect(), rest].concat();
            let mut frames = Frames::new(5);
            let _ = bytes.chunks(size).find_map(|chunk| frames.see(chunk).err());
        }
    }

    #[test]
    fn a_broker_of_another_version_is_left_to_the_library() {
        let mut frames = Frames::new(5);
        assert_eq!(frames.see(b"AMQP\x00\x01\x00\x00"), Ok(0));
        assert_eq!(frames.see(&[0xFF; 64]), Ok(0));
    }

    #[test]
    fn a_content_header_that_is_too_short_is_skipped() {
        let bytes = [frame(CONTENT_HEADER, b"abc"), stream()].concat();
        assert_eq!(Frames::new(5).see(&bytes), Ok(5));
    }
}
