//! When a note is shown, alone or merged with others. Pure: time is a parameter.
//!
//! Rules: at least [`MIN_PAUSE`] between two notifications and at most [`PER_MINUTE`] in any minute; what waits meanwhile
//! becomes one notification with a count; critical notes go first, and are never merged with others. Two notes of one alarm
//! count once. The count is exact at any length of the queue; only the names of feeds are taken from the first
//! `MAX_WAITING` notes.

use std::collections::VecDeque;
use std::time::Duration;

use feedwatch_model::{Severity, Time};

use super::Note;

/// The least time between two notifications.
pub const MIN_PAUSE: Duration = Duration::from_secs(2);
/// The most notifications in a minute.
pub const PER_MINUTE: usize = 6;
/// How many notes wait with their text; further ones are counted.
const MAX_WAITING: usize = 256;
/// How many feeds a merged note names.
const NAMED_FEEDS: usize = 6;
const MINUTE: Duration = Duration::from_secs(60);

/// Notes that wait for their turn.
#[derive(Debug, Default)]
struct Waiting {
    notes: Vec<Note>,
    /// Those beyond [`MAX_WAITING`].
    more: u64,
}

impl Waiting {
    fn count(&self) -> u64 {
        self.notes.len() as u64 + self.more
    }

    fn add(&mut self, note: Note) {
        if let Some(earlier) = self.notes.iter_mut().find(|other| other.alarm.is_some() && other.alarm == note.alarm) {
            *earlier = note;
        } else if self.notes.len() < MAX_WAITING {
            self.notes.push(note);
        } else {
            self.more += 1;
        }
    }

    /// Puts notes back that were there before all others.
    fn put_back(&mut self, earlier: Waiting) {
        let later = std::mem::replace(self, earlier);
        self.more += later.more;
        later.notes.into_iter().for_each(|note| self.add(note));
    }
}

/// What is to be shown now. Either it is shown, or it goes back by [`Coalescer::give_back`].
#[derive(Debug)]
#[must_use = "what is neither shown nor given back is lost"]
pub struct Batch {
    note: Note,
    taken: Waiting,
}

impl Batch {
    /// The note to show.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// For how many alarms it stands.
    pub fn count(&self) -> u64 {
        self.taken.count()
    }
}

/// Decides when a note is shown, alone or merged with others.
#[derive(Debug, Default)]
pub struct Coalescer {
    critical: Waiting,
    other: Waiting,
    /// The times of the last [`PER_MINUTE`] notifications, ascending.
    shown: VecDeque<Time>,
    not_before: Option<Time>,
}

impl Coalescer {
    /// Takes a note in.
    pub fn offer(&mut self, note: Note) {
        if note.severity == Severity::Critical {
            // It got worse while it waited: it counts once, there where it is seen first.
            self.other.notes.retain(|other| other.alarm.is_none() || other.alarm != note.alarm);
            self.critical.add(note);
        } else if note.alarm.is_some() && self.critical.notes.iter().any(|other| other.alarm == note.alarm) {
            self.critical.add(Note { severity: Severity::Critical, ..note });
        } else {
            self.other.add(note);
        }
    }

    /// How many alarms wait.
    pub fn waiting(&self) -> u64 {
        self.critical.count() + self.other.count()
    }

    /// When [`Coalescer::take`] will give something, `now` or later; `None` while nothing waits.
    pub fn due(&self, now: Time) -> Option<Time> {
        if self.waiting() == 0 {
            return None;
        }
        // Times ahead of `now` were noted before the clock was set back; they would hold everything up.
        let mut past = self.shown.iter().rev().filter(|&&shown| shown <= now);
        let pause = past.clone().next().map(|last| last.plus(MIN_PAUSE));
        let minute = past.nth(PER_MINUTE - 1).map(|first| first.plus(MINUTE));
        [Some(now), pause, minute, self.not_before].into_iter().flatten().max()
    }

    /// What is to be shown at `now`, if anything is.
    pub fn take(&mut self, now: Time) -> Option<Batch> {
        if self.due(now)? > now {
            return None;
        }
        let critical = self.critical.count() > 0;
        let taken = std::mem::take(if critical { &mut self.critical } else { &mut self.other });
        let lately =
            self.shown.back().is_some_and(|&last| last <= now && now.nanos_since(last) < MINUTE.as_nanos() as i64);
        let note = merged(&taken, critical, lately)?;
        self.not_before = None;
        self.shown.retain(|&shown| shown <= now);
        if self.shown.len() == PER_MINUTE {
            self.shown.pop_front();
        }
        self.shown.push_back(now);
        Some(Batch { note, taken })
    }

    /// Takes back what could not be shown; nothing is given before `not_before`.
    pub fn give_back(&mut self, batch: Batch, not_before: Time) {
        let Batch { note, taken } = batch;
        if note.severity == Severity::Critical { &mut self.critical } else { &mut self.other }.put_back(taken);
        self.shown.pop_back();
        self.not_before = Some(not_before);
    }
}

/// One note for all that wait.
fn merged(waiting: &Waiting, critical: bool, lately: bool) -> Option<Note> {
    let first = waiting.notes.first()?;
    if waiting.count() == 1 {
        return Some(first.clone());
    }
    let more = if lately { "more " } else { "" };
    let word = if critical { "critical alarms" } else { "alarms" };
    Some(Note {
        alarm: None,
        severity: if critical { Severity::Critical } else { Severity::Warning },
        feed: String::new(),
        title: format!("{} {more}{word}", waiting.count()),
        text: feeds(&waiting.notes),
    })
}

/// The feeds of some notes, each once, in the order in which they came.
fn feeds(notes: &[Note]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for note in notes {
        if !names.contains(&note.feed.as_str()) {
            names.push(&note.feed);
        }
    }
    let rest = names.len().saturating_sub(NAMED_FEEDS);
    names.truncate(NAMED_FEEDS);
    let mut text = names.join(", ");
    match rest {
        0 => {}
        1 => text.push_str(" and 1 more feed"),
        rest => text.push_str(&format!(" and {rest} more feeds")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use feedwatch_model::AlarmId;
    use proptest::prelude::*;

    fn note(id: u64, severity: Severity, feed: &str) -> Note {
        let (title, text) = (format!("title {id}"), format!("text {id}"));
        Note { alarm: Some(AlarmId(id)), severity, feed: feed.into(), title, text }
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn titles(coalescer: &mut Coalescer, millis: i64) -> Option<(String, String)> {
        coalescer.take(at(millis)).map(|batch| (batch.note().title.clone(), batch.note().text.clone()))
    }

    #[test]
    fn a_lone_note_is_shown_at_once_as_it_is() {
        let mut coalescer = Coalescer::default();
        coalescer.offer(note(1, Severity::Warning, "Spot prices"));
        assert_eq!(coalescer.take(at(5)).unwrap().note(), &note(1, Severity::Warning, "Spot prices"));
        assert_eq!(coalescer.due(at(5)), None);
    }

    #[test]
    fn what_comes_faster_is_merged_with_the_names_of_the_feeds() {
        let mut coalescer = Coalescer::default();
        coalescer.offer(note(1, Severity::Warning, "Wiki edits"));
        assert!(titles(&mut coalescer, 0).is_some());
        for (id, feed) in [(2, "Spot prices"), (3, "Plant floor"), (4, "Spot prices")] {
            coalescer.offer(note(id, Severity::Warning, feed));
        }
        assert_eq!(titles(&mut coalescer, 1999), None);
        assert_eq!(coalescer.due(at(1999)), Some(at(2000)));
        let merged = Some(("3 more alarms".into(), "Spot prices, Plant floor".into()));
        assert_eq!(titles(&mut coalescer, 2000), merged);
    }

    #[test]
    fn critical_notes_go_first_and_apart() {
        let mut coalescer = Coalescer::default();
        coalescer.offer(note(1, Severity::Warning, "a"));
        coalescer.offer(note(2, Severity::Critical, "b"));
        coalescer.offer(note(3, Severity::Critical, "c"));
        assert_eq!(titles(&mut coalescer, 0), Some(("2 critical alarms".into(), "b, c".into())));
        assert_eq!(titles(&mut coalescer, 2000), Some(("title 1".into(), "text 1".into())));
    }

    #[test]
    fn an_alarm_that_gets_worse_while_it_waits_counts_once() {
        let mut coalescer = Coalescer::default();
        coalescer.offer(note(1, Severity::Warning, "a"));
        coalescer.offer(note(1, Severity::Critical, "a"));
        coalescer.offer(note(1, Severity::Info, "a"));
        assert_eq!(coalescer.waiting(), 1);
        assert_eq!(coalescer.take(at(0)).unwrap().note().severity, Severity::Critical);
    }

    #[test]
    fn the_seventh_of_a_minute_waits_for_the_first_to_be_a_minute_old() {
        let mut coalescer = Coalescer::default();
        for id in 0..6 {
            coalescer.offer(note(id, Severity::Warning, "a"));
            assert!(titles(&mut coalescer, 3000 * id as i64).is_some());
        }
        coalescer.offer(note(6, Severity::Warning, "a"));
        assert_eq!(coalescer.due(at(18_000)), Some(at(60_000)));
        assert_eq!(titles(&mut coalescer, 59_999), None);
        assert!(titles(&mut coalescer, 60_000).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_up() {
        let mut coalescer = Coalescer::default();
        coalescer.offer(note(1, Severity::Warning, "a"));
        assert!(titles(&mut coalescer, 1_000_000).is_some());
        coalescer.offer(note(2, Severity::Warning, "a"));
        assert!(titles(&mut coalescer, 10).is_some());
    }

    #[test]
    fn more_feeds_than_fit_are_counted() {
        let mut coalescer = Coalescer::default();
        (0..9).for_each(|id| coalescer.offer(note(id, Severity::Warning, &format!("f{id}"))));
        let text = "f0, f1, f2, f3, f4, f5 and 3 more feeds".to_owned();
        assert_eq!(titles(&mut coalescer, 0), Some(("9 alarms".into(), text)));
    }

    /// Mostly a few notes, at times more than can wait with their text.
    fn burst() -> impl Strategy<Value = u64> {
        prop_oneof![12 => 0u64..4, 1 => Just(300)]
    }

    proptest! {
        #[test]
        fn every_alarm_is_counted_exactly_once_and_the_pace_is_kept(
            steps in proptest::collection::vec((burst(), 0i64..4000, 0u8..3, any::<bool>()), 1..40),
        ) {
            let mut coalescer = Coalescer::default();
            let (mut now, mut offered, mut counted) = (0, 0u64, 0u64);
            let mut shown: Vec<i64> = Vec::new();
            let mut not_before = 0;
            for (notes, later, severity, works) in steps {
                now += later;
                for _ in 0..notes {
                    let severity = [Severity::Info, Severity::Warning, Severity::Critical][usize::from(severity)];
                    coalescer.offer(note(offered, severity, "a"));
                    offered += 1;
                }
                let due = coalescer.due(at(now));
                let batch = coalescer.take(at(now));
                prop_assert_eq!(batch.is_some(), due == Some(at(now)));
                if let Some(batch) = batch {
                    prop_assert!(now >= not_before);
                    if works {
                        counted += batch.count();
                        shown.push(now);
                    } else {
                        not_before = now + 10_000;
                        coalescer.give_back(batch, at(not_before));
                    }
                }
                prop_assert_eq!(counted + coalescer.waiting(), offered);
            }
            prop_assert!(shown.windows(2).all(|pair| pair[1] - pair[0] >= 2000));
            prop_assert!(shown.windows(7).all(|seven| seven[6] - seven[0] >= 60_000));
        }
    }
}
