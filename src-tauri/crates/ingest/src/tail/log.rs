//! One file of those that are followed: read on from a place, line by line.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use feedwatch_model::{CSV_HEADER, Cut, MessageMeta, Position, Time};

use super::identity::FileId;
use super::lane::{HEAD, Lane, Place};
use super::left::Closed;
use crate::batch::Batch;
use crate::capture::csv::Header;
use crate::cutter::{Line, LineCutter, without_end};

/// Read at once.
const PIECE: usize = 64 << 10;
/// The longest header of a CSV that is looked for at the beginning of a file.
const LONGEST_HEADER: usize = 64 << 10;

/// A file and how far it was read.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// What it is now; the lanes tell what it was when it was opened, which a copy goes on with.
    pub(super) id: FileId,
    named: FileId,
    since: u64,
    /// The next byte to read.
    read: u64,
    /// Where the line under way begins.
    line: u64,
    cutter: LineCutter,
    /// Its first bytes, as far as it was read.
    head: Vec<u8>,
    /// The lanes of the lines that end in the first KiB, and behind it.
    lanes: [Option<Arc<str>>; 2],
    /// It was begun inside a line, which is not taken.
    inside: bool,
    /// Where the last line begins that was taken.
    last: Option<u64>,
    csv: Csv,
    /// When something last came.
    pub(super) heard: Instant,
}

/// What is known of the header.
#[derive(Debug)]
enum Csv {
    /// It is no CSV, or has no header, or the header was told.
    None,
    /// The first line will tell.
    Unseen,
    /// To be told with the next message.
    Header(Arc<str>),
}

/// What became of a file since it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Same,
    /// It was cut short, or written anew from its beginning.
    Cut,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// When it was first followed: its name among the lanes.
    pub(super) since: u64,
    /// The byte to begin at.
    pub(super) offset: u64,
    /// The rest of the line in which it stands was read before.
    pub(super) behind: bool,
    /// The longest line.
    pub(super) limit: usize,
    /// Its lines are records of a CSV.
    pub(super) csv: bool,
}

impl Log {
    /// Goes on in an opened file; `named`: the identity in its lanes, where it is not its own.
    pub(super) fn new(mut file: File, metadata: &Metadata, named: Option<FileId>, open: Open) -> io::Result<Log> {
        let Open { since, offset, behind, limit, csv } = open;
        let offset = offset.min(metadata.len());
        let head = head_of(&mut file, offset)?;
        let csv = match (csv, offset) {
            (false, _) => Csv::None,
            (true, 0) => Csv::Unseen,
            (true, _) => header_of(&mut file)?,
        };
        let inside = behind
            || offset > 0 && {
                file.seek(SeekFrom::Start(offset - 1))?;
                let mut before = [0];
                file.read_exact(&mut before)?;
                before != *b"\n"
            };
        file.seek(SeekFrom::Start(offset))?;
        let id = FileId::of(metadata);
        Ok(Log {
            file,
            id,
            named: named.unwrap_or(id),
            since,
            read: offset,
            line: offset,
            cutter: LineCutter::new(limit),
            head,
            lanes: [None, None],
            inside,
            last: if behind { Some(offset) } else { offset.checked_sub(1) },
            csv,
            heard: Instant::now(),
        })
    }

    /// Bytes that were read of it, from its beginning on.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Bytes of a line whose end has not come.
    pub(super) fn unfinished(&self) -> u64 {
        self.read - self.line
    }

    /// Where the last line begins: numbers are of first bytes, so that what stands before one is the line before it.
    pub(super) fn position(&mut self) -> Option<Position> {
        let offset = self.last?;
        Some(Position::Offset { lane: self.lane(self.line), offset })
    }

    /// What is to be remembered of it when it is closed, with every lane that lines of it were given.
    pub(super) fn closed(&mut self) -> Option<Closed> {
        let offset = self.last?;
        self.lane(self.line);
        let lanes = self.lanes.iter().flatten().filter_map(|lane| Lane::parse(lane)).collect();
        let made = self.file.metadata().and_then(|metadata| metadata.created()).ok();
        Some(Closed { id: self.id, made, head: self.head.clone(), place: Place { lanes, offset } })
    }

    /// Looks at the file itself.
    pub(super) fn fate(&mut self) -> io::Result<Fate> {
        if self.file.metadata()?.len() < self.read {
            return Ok(Fate::Cut);
        }
        // A file cut short may have grown beyond its old length before anybody looked.
        let now = head_of(&mut self.file, self.head.len() as u64)?;
        self.file.seek(SeekFrom::Start(self.read))?;
        Ok(if now == self.head { Fate::Same } else { Fate::Cut })
    }

    /// When it was last written.
    pub(super) fn modified(&self) -> std::time::SystemTime {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        modified.unwrap_or(std::time::SystemTime::UNIX_EPOCH)
    }

    /// Does `path` hold a copy of what was read, and perhaps more?
    pub(super) fn is_copied_to(&self, path: &Path) -> bool {
        let same = || {
            let mut file = File::open(path)?;
            let is_long = file.metadata()?.len() >= self.read;
            Ok::<_, io::Error>(is_long && head_of(&mut file, self.head.len() as u64)? == self.head)
        };
        same().unwrap_or(false)
    }

    /// Goes on in a copy of what was read.
    pub(super) fn go_on_in(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.read))?;
        self.id = FileId::of(&file.metadata()?);
        self.file = file;
        self.heard = Instant::now();
        Ok(())
    }

    /// Puts what can be read into the batch until it is full. `false`: the end was reached.
    pub(super) fn read_into(&mut self, batch: &mut Batch, clock: crate::Clock) -> io::Result<bool> {
        let mut cutter = std::mem::take(&mut self.cutter);
        let read = self.read_by(&mut cutter, batch, clock);
        self.cutter = cutter;
        read
    }

    fn read_by(&mut self, cutter: &mut LineCutter, batch: &mut Batch, clock: crate::Clock) -> io::Result<bool> {
        let mut received = None;
        loop {
            while !batch.is_full() {
                let Some((line, taken)) = cutter.next() else { break };
                let received = *received.get_or_insert_with(clock);
                self.take(line, taken, received, batch);
            }
            if batch.is_full() {
                return Ok(true);
            }
            let before = cutter.held().len();
            let count = cutter.fill(PIECE, |room| self.file.read(room))?;
            if count == 0 {
                return Ok(false);
            }
            received = Some(clock());
            self.heard = Instant::now();
            if self.head.len() < HEAD && self.head.len() as u64 == self.read {
                let came = cutter.held().get(before..).unwrap_or_default();
                let missing = (HEAD - self.head.len()).min(came.len());
                self.head.extend_from_slice(came.get(..missing).unwrap_or_default());
            }
            self.read += count as u64;
        }
    }

    /// The end of a file that nobody writes any more: its last line needs no end of its own.
    pub(super) fn end(&mut self, batch: &mut Batch, received: Time) {
        let mut cutter = std::mem::take(&mut self.cutter);
        if let Some((line, taken)) = cutter.rest() {
            self.take(line, taken, received, batch);
        }
        self.cutter = cutter;
    }

    fn take(&mut self, line: Line<'_>, taken: u64, received: Time, batch: &mut Batch) {
        let begin = self.line;
        self.line += taken;
        if std::mem::replace(&mut self.inside, false) {
            return;
        }
        let (payload, cut) = match line {
            Line::Whole(line) if begin == 0 => (line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line), None),
            Line::Whole(line) => (line, None),
            Line::TooLong { head, bytes } => (head, Some(Cut::TooLarge { bytes })),
        };
        if payload.trim_ascii().is_empty() {
            return;
        }
        if matches!(self.csv, Csv::Unseen) {
            self.csv = Csv::of(payload);
            if matches!(self.csv, Csv::Header(_)) {
                return;
            }
        }
        let headers = match std::mem::replace(&mut self.csv, Csv::None) {
            Csv::Header(line) => vec![(CSV_HEADER.into(), line)],
            _ => Vec::new(),
        };
        self.last = Some(begin);
        let position = self.position();
        let meta = MessageMeta { position, headers, cut, ..MessageMeta::default() };
        batch.copy(received, payload, Some(Box::new(meta)));
    }

    fn lane(&mut self, end: u64) -> Arc<str> {
        let Log { lanes, since, named, head, .. } = self;
        let lane = &mut lanes[usize::from(end >= HEAD as u64)];
        Arc::clone(lane.get_or_insert_with(|| Lane::of(*since, *named, head, end).into()))
    }
}

impl Csv {
    fn of(line: &[u8]) -> Csv {
        Header::of(without_end(line)).line().map_or(Csv::None, Csv::Header)
    }
}

/// Opens a file, and nothing else: a pipe would keep us waiting.
pub(super) fn opened(path: &Path) -> io::Result<(File, Metadata)> {
    let is_file = |metadata: &Metadata| match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Ok(()),
        (false, true) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        (false, false) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    is_file(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    is_file(&metadata)?;
    Ok((file, metadata))
}

/// The first bytes of a file, at most [`HEAD`] and as many as there are before `end`.
pub(super) fn head_of(file: &mut File, end: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(end.min(HEAD as u64)).read_to_end(&mut head)?;
    Ok(head)
}

fn header_of(file: &mut File) -> io::Result<Csv> {
    file.seek(SeekFrom::Start(0))?;
    let mut beginning = Vec::new();
    file.take(LONGEST_HEADER as u64).read_to_end(&mut beginning)?;
    let line = memchr::memchr(b'\n', &beginning).and_then(|end| beginning.get(..end));
    let line = line.map(|line| line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line));
    Ok(line.map_or(Csv::None, Csv::of))
}
