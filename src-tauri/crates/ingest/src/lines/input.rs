//! Lines of our own standard input.
//!
//! There is one in a process: a program with a shell behind it offers it, and the first feed that wants it takes it. It is
//! read by a thread of its own, which a read that never comes back keeps until the process ends.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::peer::{self, PIECE};
use super::{LinesOptions, words};
use crate::batch::Batch;
use crate::cutter::LineCutter;
use crate::source::{FlowControl, Session};
use crate::{Clock, ConnectError, SessionError};

/// Pieces that were read and not taken.
const PIECES: usize = 8;

static STATE: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const OFFERED: u8 = 1;
const TAKEN: u8 = 2;

/// This program's standard input may be read as a feed. Without it none is: a window has no input that is anybody's.
pub fn offer_standard_input() {
    let _ = STATE.compare_exchange(NONE, OFFERED, Ordering::SeqCst, Ordering::SeqCst);
}

/// Takes it.
pub(super) fn open(options: &LinesOptions, clock: Clock) -> Result<Box<dyn Session>, ConnectError> {
    match STATE.compare_exchange(OFFERED, TAKEN, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {}
        Err(NONE) => return Err(ConnectError::Options(words::NO_INPUT.to_owned())),
        Err(_) => return Err(ConnectError::Options(words::TAKEN.to_owned())),
    }
    session(io::stdin(), options, clock).map(|session| Box::new(session) as Box<dyn Session>)
}

fn session(input: impl Read + Send + 'static, options: &LinesOptions, clock: Clock) -> Result<Input, ConnectError> {
    let (sender, pieces) = mpsc::channel(PIECES);
    let thread = std::thread::Builder::new().name("feedwatch-input".to_owned());
    thread
        .spawn(move || read(input, &sender))
        .map_err(|error| ConnectError::Network(format!("Standard input cannot be read: {error}.")))?;
    Ok(Input { pieces, cutter: LineCutter::new(options.max_message), clock })
}

/// Reads to the end, or until nobody wants it any more.
fn read(mut input: impl Read, to: &mpsc::Sender<io::Result<Bytes>>) {
    let mut room = vec![0; PIECE];
    loop {
        let piece = match input.read(&mut room) {
            Ok(0) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(count) => Ok(Bytes::copy_from_slice(room.get(..count).unwrap_or_default())),
            Err(error) => Err(error),
        };
        let failed = piece.is_err();
        if to.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

struct Input {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    cutter: LineCutter,
    clock: Clock,
}

impl Input {
    fn give(&mut self, batch: &mut Batch) {
        let received = (self.clock)();
        while !batch.is_full()
            && let Some((line, _)) = self.cutter.next()
        {
            peer::put(line, None, received, batch);
        }
    }
}

#[async_trait]
impl Session for Input {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            self.give(batch);
            if batch.is_full() {
                return Ok(());
            }
            let piece = match self.pieces.try_recv() {
                Ok(piece) => Some(piece),
                Err(mpsc::error::TryRecvError::Empty) if !batch.is_empty() => return Ok(()),
                Err(_) => self.pieces.recv().await,
            };
            match piece {
                Some(Ok(piece)) => self.cutter.push(&piece),
                Some(Err(error)) => {
                    return Err(SessionError::Ended(format!("Standard input cannot be read any further: {error}.")));
                }
                None => {
                    // Who wrote it has said all: the last line needs no end.
                    if let Some((line, _)) = self.cutter.rest() {
                        peer::put(line, None, (self.clock)(), batch);
                    }
                    return Err(SessionError::Ended(words::INPUT_ENDED.to_owned()));
                }
            }
        }
    }

    fn flow(&self) -> FlowControl {
        FlowControl::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinesPlace;
    use crate::testkit::clock;

    #[tokio::test]
    async fn an_input_is_read_to_its_end_and_its_last_line_needs_none() {
        let text: String = (0..5_000).map(|number| format!("{number}\r\n")).collect::<String>() + "last";
        let options = LinesOptions::new(LinesPlace::Input);
        let mut session = session(io::Cursor::new(text), &options, clock).unwrap();
        let mut lines = Vec::new();
        let end = loop {
            let mut batch = Batch::default();
            let end = session.recv(&mut batch).await;
            lines.extend(batch.messages().iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()));
            if let Err(error) = end {
                break error;
            }
        };
        let expected: Vec<String> = (0..5_000).map(|number| number.to_string()).chain(["last".to_owned()]).collect();
        assert_eq!(lines, expected);
        assert_eq!(end, SessionError::Ended(words::INPUT_ENDED.to_owned()));
    }

    #[test]
    fn an_input_is_taken_once_and_only_where_it_is_offered() {
        let options = LinesOptions::new(LinesPlace::Input);
        let told = |options| open(options, clock).err().map(|error| error.to_string());
        assert_eq!(told(&options).as_deref(), Some(words::NO_INPUT));
        offer_standard_input();
        assert_eq!(told(&options), None);
        offer_standard_input();
        assert_eq!(told(&options).as_deref(), Some(words::TAKEN));
    }
}
