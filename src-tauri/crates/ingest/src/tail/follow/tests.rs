//! What becomes of files, and what of it is read: on a real disk, without time or tasks.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testkit::clock;

/// A folder with a log that is written and followed.
struct World {
    folder: TempDir,
    follow: Option<Follow>,
    /// Where the history stands.
    kept: Resume,
    read: Vec<String>,
    words: Vec<String>,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        World { folder, follow: None, kept: Resume::default(), read: Vec::new(), words: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Copies, and cuts the original short.
    fn copy_and_cut(&self, to: &str) {
        fs::copy(self.path("app.log"), self.path(to)).unwrap();
        OpenOptions::new().write(true).truncate(true).open(self.path("app.log")).unwrap();
    }

    fn options(&self) -> TailOptions {
        TailOptions { start: TailStart::Beginning, max_message: 4000, ..TailOptions::new(self.path("app.log")) }
    }

    fn start(&mut self) {
        self.start_as(self.options());
    }

    fn start_as(&mut self, options: TailOptions) {
        let begin = Begin { from: self.kept.clone(), known: self.kept.clone(), whole: false, first: None };
        self.follow = Some(Follow::open(options, clock, &begin).unwrap());
    }

    /// The program ends, as by `kill -9`.
    fn stop(&mut self) {
        self.follow = None;
    }

    /// Reads all there is; what was read is kept.
    fn read(&mut self) -> Vec<String> {
        let follow = self.follow.as_mut().unwrap();
        let before = self.read.len();
        loop {
            let mut batch = Batch::default();
            let step = follow.step(&mut batch).unwrap();
            for message in batch.messages() {
                self.kept.note(message.position().unwrap());
                self.read.push(String::from_utf8_lossy(&message.payload).into_owned());
            }
            match step {
                Step::Read => {}
                Step::Idle => return self.read.split_off(before),
                Step::Word(word) => self.words.push(word),
            }
        }
    }
}

#[test]
fn lines_are_read_as_they_are_written() {
    let mut world = World::new();
    world.write("app.log", "one\r\ntw");
    world.start();
    assert_eq!(world.read(), ["one"]);
    world.write("app.log", "o\n\n  \nthree\n");
    assert_eq!(world.read(), ["two", "three"]);
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn from_the_end_on_what_is_there_is_not_read_nor_the_rest_of_a_line() {
    let mut world = World::new();
    world.write("app.log", "old\nhalf");
    world.start_as(TailOptions { start: TailStart::End, ..world.options() });
    assert_eq!(world.read(), [""; 0]);
    world.write("app.log", " a line\nnew\n");
    assert_eq!(world.read(), ["new"]);
    world.kept = Resume::default();
    world.start_as(TailOptions { start: TailStart::Recent(10), ..world.options() });
    assert_eq!(world.read(), ["new"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let mut world = World::new();
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.write("app.log", "2\n");
    world.rename("app.log", "app.log.1");
    world.write("app.log", "4\n");
    world.write("app.log.1", "3\n");
    assert_eq!(world.read(), ["2", "3", "4"]);
    world.write("app.log.1", "late\n");
    world.write("app.log", "5\n");
    assert_eq!(world.read(), ["late", "5"], "who wrote the old file goes on for a while");
    assert_eq!(world.words, [""; 0]);
}

impl World {
    /// As a program does that keeps all old logs.
    fn rotate(&self) {
        let name = |number: u32| format!("app.log.{number}");
        let last = (1..).find(|number| !self.path(&name(*number)).exists()).unwrap();
        for number in (1..last).rev() {
            self.rename(&name(number), &name(number + 1));
        }
        self.rename("app.log", "app.log.1");
    }
}

#[test]
fn rotations_between_two_looks_are_all_read() {
    let mut world = World::new();
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    let all = |numbers: std::ops::Range<u32>| numbers.map(|number| number.to_string()).collect::<Vec<_>>();
    for number in 2..200 {
        world.rotate();
        world.write("app.log", &format!("{number}\n"));
    }
    assert_eq!(world.read(), all(2..200));
    world.stop();
    for number in 200..300 {
        world.rotate();
        world.write("app.log", &format!("{number}\n"));
    }
    world.start();
    assert_eq!(world.read(), all(200..300));
    assert!(world.follow.as_ref().unwrap().logs.len() <= LINGERING + 1, "few stay open");
}

#[test]
fn a_file_copied_and_cut_is_read_on_in_its_copy() {
    let mut world = World::new();
    world.write("app.log", "1\n2\n");
    world.start();
    assert_eq!(world.read(), ["1", "2"]);
    world.write("app.log", "3\nhal");
    world.write("app.log", "f\n4\nhal");
    world.copy_and_cut("app.log.1");
    world.write("app.log", "5\n");
    assert_eq!(world.read(), ["3", "half", "4", "5"]);
    assert_eq!(world.words.len(), 1);
    assert!(world.words[0].contains("read from its copy") && world.words[0].contains("app.log.1"), "{:?}", world.words);
}

#[test]
fn a_file_cut_without_a_copy_is_told_and_read_from_its_beginning() {
    let mut world = World::new();
    world.write("app.log", "1\n2\nhalf a line");
    world.start();
    assert_eq!(world.read(), ["1", "2"]);
    fs::write(world.path("app.log"), "3\n").unwrap();
    assert_eq!(world.read(), ["3"]);
    assert!(world.words[0].contains("is lost, and 11 bytes of a line"), "{:?}", world.words);
}

#[test]
fn a_file_written_anew_beyond_its_old_length_is_told_by_its_beginning() {
    let mut world = World::new();
    world.write("app.log", "1\n2\n");
    world.start();
    assert_eq!(world.read(), ["1", "2"]);
    fs::write(world.path("app.log"), "3\n4\n5\n6\n").unwrap();
    assert_eq!(world.read(), ["3", "4", "5", "6"]);
    assert_eq!(world.words.len(), 1);
}

#[test]
fn a_writer_that_kept_its_place_leaves_a_hole_which_is_no_line() {
    let mut world = World::new();
    let mut writer = fs::File::create(world.path("app.log")).unwrap();
    writer.write_all(b"1\n").unwrap();
    world.start();
    assert_eq!(world.read(), ["1"]);
    writer.write_all(&vec![b'x'; 3_000]).unwrap();
    writer.write_all(b"\n").unwrap();
    assert_eq!(world.read().len(), 1);
    world.copy_and_cut("app.log.1");
    writer.write_all(b"2\n").unwrap();
    assert_eq!(world.read(), ["2"]);
    assert_eq!(world.words.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_elsewhere_is_followed() {
    let mut world = World::new();
    world.write("monday.log", "1\n");
    std::os::unix::fs::symlink(world.path("monday.log"), world.path("app.log")).unwrap();
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.write("monday.log", "2\n");
    world.write("tuesday.log", "3\n");
    std::os::unix::fs::symlink(world.path("tuesday.log"), world.path("next")).unwrap();
    world.rename("next", "app.log");
    assert_eq!(world.read(), ["2", "3"]);
    world.stop();
    world.write("tuesday.log", "4\n");
    fs::remove_file(world.path("app.log")).unwrap();
    world.write("wednesday.log", "5\n");
    std::os::unix::fs::symlink(world.path("wednesday.log"), world.path("app.log")).unwrap();
    world.start();
    assert_eq!(world.read(), ["4", "5"]);
    assert_eq!(world.words, [""; 0]);
}

impl World {
    /// Lets `name` lead to another file at once, as `ln -sfn` does.
    #[cfg(unix)]
    fn link(&self, name: &str, to: &str) {
        std::os::unix::fs::symlink(self.path(to), self.path("next")).unwrap();
        self.rename("next", name);
    }

    /// Everything that is open was quiet for so long that it is given up, if another file took its place.
    fn linger(&mut self) {
        let follow = self.follow.as_mut().unwrap();
        follow.logs.iter_mut().for_each(|log| log.heard = Instant::now().checked_sub(LINGER).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_reads_no_line_twice() {
    let mut world = World::new();
    world.write("a.log", "1\n");
    world.write("b.log", "2\n");
    world.link("app.log", "a.log");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.link("app.log", "b.log");
    assert_eq!(world.read(), ["2"]);
    world.link("app.log", "a.log");
    world.write("a.log", "3\n");
    assert_eq!(world.read(), ["3"]);
    world.link("app.log", "b.log");
    world.write("b.log", "4\n");
    assert_eq!(world.read(), ["4"]);
    world.linger();
    assert_eq!(world.read(), [""; 0]);
    assert_eq!(world.follow.as_ref().unwrap().logs.len(), 1, "the other one is closed");
    world.link("app.log", "a.log");
    world.write("a.log", "5\n");
    assert_eq!(world.read(), ["5"], "what was closed is known too");
    world.stop();
    world.write("a.log", "6\n");
    world.write("b.log", "7\n");
    world.start();
    assert_eq!(world.read(), ["7", "6"], "also after a restart, what the link leads to last");
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn a_rotation_that_is_undone_reads_no_line_twice() {
    let mut world = World::new();
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.rename("app.log", "app.log.1");
    world.write("app.log", "2\n");
    assert_eq!(world.read(), ["2"]);
    world.linger();
    assert_eq!(world.read(), [""; 0]);
    world.rename("app.log.1", "app.log");
    world.write("app.log", "3\n");
    assert_eq!(world.read(), ["3"]);
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn a_copy_that_takes_the_place_of_its_original_is_read_on() {
    let mut world = World::new();
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.write("app.log", "2\n");
    world.copy_and_cut("app.log.1");
    world.write("app.log", "3\n");
    assert_eq!(world.read(), ["2", "3"]);
    world.linger();
    assert_eq!(world.read(), [""; 0]);
    world.rename("app.log.1", "app.log");
    world.write("app.log", "4\n");
    assert_eq!(world.read(), ["4"]);
    assert_eq!(world.words.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_to_files_with_dates_is_followed_while_we_are_away() {
    let mut world = World::new();
    world.write("app.log-20261124", "1\n");
    world.link("app.log", "app.log-20261124");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.stop();
    world.write("app.log-20261124", "2\n");
    world.write("app.log-20261125", "3\n");
    world.link("app.log", "app.log-20261125");
    world.start();
    assert_eq!(world.read(), ["2", "3"]);
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn what_was_written_while_we_were_away_is_read_in_every_file() {
    let mut world = World::new();
    world.write("app.log", "1\n2\n");
    world.start();
    assert_eq!(world.read(), ["1", "2"]);
    world.stop();
    world.write("app.log", "3\n");
    world.rename("app.log", "app.log.1");
    world.write("app.log", "4\n");
    world.rename("app.log.1", "app.log.2");
    world.rename("app.log", "app.log.1");
    world.write("app.log", "5\n");
    world.start();
    assert_eq!(world.read(), ["3", "4", "5"]);
    world.stop();
    world.start();
    assert_eq!(world.read(), [""; 0], "nothing is read twice");
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn a_file_copied_and_cut_while_we_were_away_is_read_on_in_its_copy() {
    let mut world = World::new();
    world.write("app.log", "1\n2\n");
    world.start();
    assert_eq!(world.read(), ["1", "2"]);
    world.stop();
    world.write("app.log", "3\n");
    world.copy_and_cut("app.log.1");
    world.write("app.log", "4\n");
    world.start();
    assert_eq!(world.read(), ["3", "4"]);
    assert_eq!(world.words, [""; 0]);
}

#[test]
fn a_file_that_was_deleted_while_we_were_away_is_told() {
    let mut world = World::new();
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.stop();
    fs::remove_file(world.path("app.log")).unwrap();
    // It may have got the number of the deleted file.
    world.write("app.log", "2\n");
    world.start();
    assert_eq!(world.read(), ["2"]);
    assert!(world.words[0].contains("is not there any more"), "{:?}", world.words);
}

#[test]
fn what_the_history_refused_is_read_from_its_very_line_on() {
    let mut world = World::new();
    world.write("app.log", "1\n22\n333\n");
    world.start();
    assert_eq!(world.read(), ["1", "22", "333"]);
    world.stop();
    // The line at byte 2 was refused: what stands before it is the end of the line before.
    let lane = world.kept.positions()[0].lane().into();
    world.kept = [Position::Offset { lane, offset: 1 }].into_iter().collect();
    world.start();
    assert_eq!(world.read(), ["22", "333"]);
}

#[test]
fn an_old_file_beside_the_log_that_was_never_followed_is_left_alone() {
    let mut world = World::new();
    world.write("app.log.1", "ancient\n");
    world.write("app.log", "1\n");
    world.start();
    assert_eq!(world.read(), ["1"]);
    world.stop();
    world.start();
    assert_eq!(world.read(), [""; 0]);
}

#[test]
fn a_line_that_is_too_long_is_passed_over_and_counted() {
    let mut world = World::new();
    world.write("app.log", &format!("1\n{}\n2\n", "x".repeat(1 << 20)));
    world.start();
    let mut batch = Batch::default();
    assert_eq!(world.follow.as_mut().unwrap().step(&mut batch).unwrap(), Step::Read);
    let cut: Vec<_> = batch.messages().iter().map(|message| message.meta.as_ref().unwrap().cut).collect();
    assert_eq!(cut, [None, Some(feedwatch_model::Cut::TooLarge { bytes: 1 << 20 }), None]);
    assert!(batch.messages()[1].payload.len() <= 256);
}

#[test]
fn the_header_of_a_csv_stands_beside_the_first_record_of_each_file() {
    let mut world = World::new();
    world.write("app.log", "time,level\n1,20\n2,21\n");
    let options = TailOptions { csv: true, ..world.options() };
    world.start_as(options.clone());
    let headers = |world: &mut World| {
        let mut batch = Batch::default();
        world.follow.as_mut().unwrap().step(&mut batch).unwrap();
        let of = |message: &feedwatch_model::Message| {
            let header = message.meta.as_ref()?.headers.first().map(|(_, line)| line.to_string());
            world.kept.note(message.position()?);
            Some((String::from_utf8_lossy(&message.payload).into_owned(), header))
        };
        batch.messages().iter().filter_map(of).collect::<Vec<_>>()
    };
    let told = |line: &str, header: Option<&str>| (line.to_owned(), header.map(str::to_owned));
    assert_eq!(headers(&mut world), [told("1,20", Some("time,level")), told("2,21", None)]);
    world.write("app.log", "3,22\n");
    world.start_as(options);
    assert_eq!(headers(&mut world), [told("3,22", Some("time,level"))], "also when it is read on");
    world.rename("app.log", "app.log.1");
    world.write("app.log", "time,flow\n4,1\n");
    assert_eq!(headers(&mut world), [told("4,1", Some("time,flow"))]);
}

#[test]
fn what_is_no_file_is_refused() {
    let world = World::new();
    fs::create_dir(world.path("app.log")).unwrap();
    let begin = Begin { from: Resume::default(), known: Resume::default(), whole: false, first: None };
    let error = Follow::open(world.options(), clock, &begin).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory);
}

/// What can happen between two looks.
#[derive(Clone, Copy, Debug)]
enum Act {
    Write(usize),
    /// A line of which only the beginning is written for now.
    Half,
    Rename,
    Copy,
    Look,
    Kill,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Renaming loses nothing and repeats nothing, whenever it is looked and whenever the program is killed; copying and
    /// cutting neither, as long as nothing is written in between.
    #[test]
    fn every_line_is_read_once(acts in proptest::collection::vec(prop_oneof![
        4 => (1usize..400).prop_map(Act::Write),
        1 => Just(Act::Half),
        2 => Just(Act::Rename),
        1 => Just(Act::Copy),
        3 => Just(Act::Look),
        1 => Just(Act::Kill),
    ], 1..40)) {
        let mut world = World::new();
        // Before the first line there is no place to go on from.
        world.write("app.log", "line 0 of the log\n");
        world.start();
        let (mut next, mut read, mut half) = (1_u32, world.read(), false);
        for act in acts.into_iter().chain([Act::Kill, Act::Look]) {
            match act {
                Act::Write(count) => {
                    let mut text = if half { "\n".to_owned() } else { String::new() };
                    half = false;
                    for _ in 0..count {
                        text.push_str(&format!("line {next} of the log\n"));
                        next += 1;
                    }
                    world.write("app.log", &text);
                }
                Act::Half if !half => {
                    world.write("app.log", &format!("line {next} of the log"));
                    (next, half) = (next + 1, true);
                }
                Act::Half => {}
                Act::Rename | Act::Copy => {
                    if std::mem::replace(&mut half, false) {
                        world.write("app.log", "\n");
                    }
                    if matches!(act, Act::Rename) {
                        world.rotate();
                        world.write("app.log", "");
                    } else {
                        // Two cuts between two looks would leave one copy unknown.
                        read.extend(world.read());
                        let text = fs::read(world.path("app.log")).unwrap();
                        world.rotate();
                        world.rename("app.log.1", "app.log");
                        fs::write(world.path("app.log.1"), text).unwrap();
                        OpenOptions::new().write(true).truncate(true).open(world.path("app.log")).unwrap();
                        read.extend(world.read());
                    }
                }
                Act::Look => read.extend(world.read()),
                Act::Kill => {
                    world.stop();
                    world.start();
                }
            }
        }
        if half {
            world.write("app.log", "\n");
            read.extend(world.read());
        }
        let expected: Vec<String> = (0..next).map(|number| format!("line {number} of the log")).collect();
        let lost = expected.iter().filter(|line| !read.contains(line)).count();
        prop_assert_eq!((read.len(), lost), (expected.len(), 0), "{:?}", world.words);
    }
}
