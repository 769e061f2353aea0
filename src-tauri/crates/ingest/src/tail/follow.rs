//! Following a path over whatever becomes of the file there: renamed and made anew, copied and cut short, deleted, a link
//! that leads elsewhere.
//!
//! Every file stays open until it was quiet for [`LINGER`] after another one took its place: who rotates tells the writer
//! later. Files are read in the order of their age. What nothing can save is told in a word, which ends the session.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use feedwatch_model::Position;

use super::TailOptions;
use super::beside::{self, Beside};
use super::identity::FileId;
use super::lane::{HEAD, Place, places};
use super::left::Left;
use super::log::{Fate, Log, Open, head_of, opened};
use super::words;
use crate::batch::Batch;
use crate::{Clock, Resume, TailStart};

/// How long a file that was rotated away may be quiet before it is closed.
const LINGER: Duration = Duration::from_secs(10);
/// How long the path may lead nowhere before that is told: a rotation is quicker.
const GONE: Duration = Duration::from_secs(2);
/// Of so many files it is waited whether somebody still writes to them.
const LINGERING: usize = 8;
/// Files that are open at once: where rotations left more behind, the oldest are read first.
const LOGS: usize = 64;

/// Everything that is open of one followed path.
#[derive(Debug)]
pub(super) struct Follow {
    options: TailOptions,
    clock: Clock,
    /// The oldest first; the last one is, or was, at the path.
    logs: VecDeque<Log>,
    /// Places by which files opened from here on may be known.
    known: Vec<Place>,
    left: Left,
    /// The last number given to a file.
    since: u64,
    /// Since when the path leads nowhere, and whether that was told.
    gone: Option<(Instant, bool)>,
    word: Option<String>,
}

/// What a step brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There may be more at once.
    Read,
    /// Everything that is there was read.
    Idle,
    /// Something a person must know of; what it is about was read before.
    Word(String),
}

/// Where to begin.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    /// Behind what was kept.
    pub(super) from: Resume,
    /// Everything that was ever read, kept or not: by it files are known again.
    pub(super) known: Resume,
    /// The file was waited for: all that is in it is new.
    pub(super) whole: bool,
    /// The file that was opened first, if nothing of it is kept and all that is in it is new, and in those after it.
    pub(super) first: Option<FileId>,
}

/// Where it was begun for the first time.
#[derive(Clone, Debug)]
pub(super) enum Begun {
    /// Behind this place.
    Behind(Position),
    /// At the first byte of this file, where there is nothing to stand behind.
    Whole(FileId),
}

impl Follow {
    /// Opens what is there.
    ///
    /// # Errors
    /// The system's, about the path itself.
    pub(super) fn open(options: TailOptions, clock: Clock, begin: &Begin) -> io::Result<Follow> {
        let (from, known) = (places(&begin.from), places(&begin.known));
        let since = from.iter().chain(&known).map(Place::since).max().unwrap_or(0);
        let mut follow = Follow {
            options,
            clock,
            logs: VecDeque::new(),
            known,
            left: Left::default(),
            since,
            gone: None,
            word: None,
        };
        let (file, metadata) = opened(&follow.options.path)?;
        if from.is_empty() {
            follow.begin(file, &metadata, begin)?;
        } else {
            follow.resume(&from, file, &metadata)?;
        }
        Ok(follow)
    }

    /// The first time, or once more where nothing is kept.
    fn begin(&mut self, mut file: File, metadata: &Metadata, begin: &Begin) -> io::Result<()> {
        let id = FileId::of(metadata);
        if let Some(first) = begin.first.filter(|first| *first != id) {
            let all = beside::all(&self.options.path);
            if let Some(found) = all.iter().find(|beside| beside.id == first) {
                let came = beside::after(&all, first, found.modified);
                for beside in [found].into_iter().chain(came).filter(|beside| beside.id != id) {
                    if !self.add(&beside.path, None, None) {
                        return Ok(());
                    }
                }
            }
        }
        let offset = match self.options.start {
            _ if begin.whole || begin.first.is_some() => 0,
            TailStart::Beginning => 0,
            TailStart::End => metadata.len(),
            TailStart::Recent(bytes) => metadata.len().saturating_sub(bytes),
        };
        let open = Open { offset, ..self.open_anew(&mut file, metadata)? };
        self.logs.push_back(Log::new(file, metadata, None, open)?);
        Ok(())
    }

    /// Goes on where it was left: in the files that were read, then in those that came meanwhile.
    fn resume(&mut self, from: &[Place], mut file: File, metadata: &Metadata) -> io::Result<()> {
        let id = FileId::of(metadata);
        let all = beside::all(&self.options.path);
        let newest = from.len().saturating_sub(1);
        let mut came = None;
        // A link may have been led back to a file that was read before another one.
        let mut at_path = None;
        // Older files too: who wrote them may have gone on after they were rotated away.
        for (number, place) in from.iter().enumerate().skip(from.len().saturating_sub(RECENT)) {
            let is_newest = number == newest;
            if is_at(place, &mut file, metadata)? {
                at_path = Some(place);
                continue;
            }
            let renamed = all.iter().find(|beside| beside.id != id && is_beside(place, beside, Some(beside.id)));
            // A file that was cut short keeps its identity; what was in it may lie in a copy.
            let copied = || {
                let mut there = all.iter().map(|beside| beside.id).chain([id]);
                let was_cut = there.any(|id| place.lanes.iter().any(|lane| lane.id == id));
                let copies = beside::rotated(&all).into_iter().rev();
                was_cut.then_some(copies).into_iter().flatten().find(|beside| is_beside(place, beside, None))
            };
            let found = renamed.or_else(copied);
            if is_newest {
                came = Some(match found {
                    Some(found) => beside::after(&all, found.id, found.modified),
                    None => beside::after(&all, id, since_of(place)),
                });
                if found.is_none() {
                    self.word = Some(words::lost_file(&self.options.path));
                }
            }
            if let Some(found) = found {
                let open = self.open_behind(place);
                self.add(&found.path, named(place), Some(open));
            }
        }
        for beside in came.unwrap_or_default() {
            // A link may lead to one of them.
            if beside.id != id && !self.add(&beside.path, None, None) {
                return Ok(());
            }
        }
        let (named, open) = match at_path {
            Some(place) => (named(place), self.open_behind(place)),
            None => (None, self.open_anew(&mut file, metadata)?),
        };
        self.logs.push_back(Log::new(file, metadata, named, open)?);
        Ok(())
    }

    /// Reads what is there into the batch.
    ///
    /// # Errors
    /// The system's, while a file was read.
    pub(super) fn step(&mut self, batch: &mut Batch) -> io::Result<Step> {
        if self.word.is_none() {
            self.look()?;
        }
        let told = self.word.is_some();
        let mut at = 0;
        while let Some(log) = self.logs.get_mut(at) {
            // What is new comes behind the word.
            if !(told && log.read() == 0) && log.read_into(batch, self.clock)? {
                return Ok(Step::Read);
            }
            let is_quiet = log.heard.elapsed() >= LINGER;
            let newer = self.logs.len() - at - 1;
            if newer > 0 && (is_quiet || newer >= LINGERING) && !told {
                self.close(at, batch);
            } else {
                at += 1;
            }
        }
        if !batch.is_empty() {
            return Ok(Step::Read);
        }
        Ok(self.word.take().map_or(Step::Idle, Step::Word))
    }

    /// Where it was begun; before the first step.
    pub(super) fn begun(&mut self) -> Option<Begun> {
        // Of several files the first is the one that was begun.
        let log = self.logs.front_mut()?;
        Some(log.position().map_or(Begun::Whole(log.id), Begun::Behind))
    }

    /// What became of the path and of the file there.
    fn look(&mut self) -> io::Result<()> {
        let Some(newest) = self.logs.back_mut() else { return Err(io::ErrorKind::NotFound.into()) };
        let metadata = match fs::metadata(&self.options.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.gone();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.gone = None;
        if FileId::of(&metadata) != newest.id {
            return self.rotated();
        }
        match newest.fate()? {
            Fate::Same => Ok(()),
            Fate::Cut => self.cut(),
        }
    }

    fn gone(&mut self) {
        let (since, told) = self.gone.get_or_insert_with(|| (Instant::now(), false));
        if since.elapsed() >= GONE && !*told {
            *told = true;
            self.word = Some(words::gone(&self.options.path));
        }
    }

    /// Another file stands at the path, and perhaps others were rotated away meanwhile. It may be one that was there before:
    /// a link is led back, a rotation undone.
    fn rotated(&mut self) -> io::Result<()> {
        let (file, metadata) = match opened(&self.options.path) {
            // It is being rotated at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let all = beside::all(&self.options.path);
        let came = match self.logs.back() {
            Some(newest) => beside::after(&all, newest.id, newest.modified()),
            None => Vec::new(),
        };
        let id = FileId::of(&metadata);
        for beside in came {
            if beside.id != id && !self.add(&beside.path, None, None) {
                return Ok(());
            }
        }
        let open = self.logs.iter().position(|log| log.id == id);
        let log = match open.and_then(|at| self.logs.remove(at)) {
            Some(log) => log,
            None => self.log(file, &metadata)?,
        };
        self.logs.push_back(log);
        Ok(())
    }

    /// Begins a file, or goes on behind where it was left.
    fn log(&mut self, mut file: File, metadata: &Metadata) -> io::Result<Log> {
        let (named, open) = match self.left.place(&mut file, metadata)? {
            Some(place) => (named(place), self.open_behind(place)),
            None => (None, self.open_anew(&mut file, metadata)?),
        };
        Log::new(file, metadata, named, open)
    }

    /// The file at the path was cut short: it is read from its beginning, and its rest from a copy, if there is one.
    fn cut(&mut self) -> io::Result<()> {
        let (file, metadata) = match opened(&self.options.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let all = beside::all(&self.options.path);
        let Some(newest) = self.logs.back_mut() else { return Ok(()) };
        let mut copies = beside::rotated(&all).into_iter().rev();
        let copy = copies.find(|beside| beside.id != newest.id && newest.is_copied_to(&beside.path));
        self.word =
            Some(words::cut(&self.options.path, copy.map(|copy| &*copy.path), newest.read(), newest.unfinished()));
        match copy {
            Some(copy) => newest.go_on_in(&copy.path)?,
            None => drop(self.logs.pop_back()),
        }
        // Never one that is known: it has lost what it was known by.
        let since = self.next_number();
        let open = self.open_as(since);
        self.logs.push_back(Log::new(file, &metadata, None, open)?);
        Ok(())
    }

    /// Opens a file that was rotated away. `false`: so many are open that this and what
    /// came after it must wait.
    fn add(&mut self, path: &Path, named: Option<FileId>, open: Option<Open>) -> bool {
        if self.logs.len() >= LOGS {
            return false;
        }
        // One that cannot be opened is gone.
        if let Ok(Some(log)) = self.opened_beside(path, named, open) {
            self.logs.push_back(log);
        }
        true
    }

    fn opened_beside(&mut self, path: &Path, named: Option<FileId>, open: Option<Open>) -> io::Result<Option<Log>> {
        let (file, metadata) = opened(path)?;
        let id = FileId::of(&metadata);
        if self.logs.iter().any(|log| log.id == id) {
            return Ok(None);
        }
        match open {
            Some(open) => Log::new(file, &metadata, named, open).map(Some),
            None => self.log(file, &metadata).map(Some),
        }
    }

    /// Closes a file that was rotated away and read to its end.
    fn close(&mut self, at: usize, batch: &mut Batch) {
        if let Some(mut log) = self.logs.remove(at) {
            log.end(batch, (self.clock)());
            if let Some(closed) = log.closed() {
                self.left.note(closed);
            }
        }
    }

    /// The number under which a file is followed: the one it had, or a new one.
    fn named(&mut self, file: &mut File, metadata: &Metadata) -> io::Result<u64> {
        for place in self.known.iter().rev() {
            if is_at(place, file, metadata)? {
                return Ok(place.since());
            }
        }
        Ok(self.next_number())
    }

    fn next_number(&mut self) -> u64 {
        let now = u64::try_from((self.clock)().nanos() / 1_000_000).unwrap_or(0);
        self.since = now.max(self.since + 1);
        self.since
    }

    /// At its beginning, under its number.
    fn open_anew(&mut self, file: &mut File, metadata: &Metadata) -> io::Result<Open> {
        let since = self.named(file, metadata)?;
        Ok(self.open_as(since))
    }

    fn open_behind(&self, place: &Place) -> Open {
        Open { offset: place.offset, behind: true, ..self.open_as(place.since()) }
    }

    fn open_as(&self, since: u64) -> Open {
        Open { since, offset: 0, behind: false, limit: self.options.max_message, csv: self.options.csv }
    }
}

/// Files that were read last and may still have been written to.
const RECENT: usize = 16;

/// When a file was first followed.
fn since_of(place: &Place) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_millis(place.since())
}

fn named(place: &Place) -> Option<FileId> {
    place.lanes.first().map(|lane| lane.id)
}

/// Is this the file of the place, and as long as it was?
fn is_at(place: &Place, file: &mut File, metadata: &Metadata) -> io::Result<bool> {
    let id = FileId::of(metadata);
    let can_be = metadata.len() > place.offset && place.lanes.iter().all(|lane| lane.id == id);
    Ok(can_be && place.is_of(Some(id), &head_of(file, HEAD as u64)?))
}

/// The same for a file beside the path; `id`: its identity, unless it may be a copy.
fn is_beside(place: &Place, beside: &Beside, id: Option<FileId>) -> bool {
    let can_be = beside.size > place.offset && id.is_none_or(|id| place.lanes.iter().all(|lane| lane.id == id));
    let is_of = || Ok::<_, io::Error>(place.is_of(id, &head_of(&mut opened(&beside.path)?.0, HEAD as u64)?));
    can_be && is_of().unwrap_or(false)
}

#[cfg(test)]
mod tests;
