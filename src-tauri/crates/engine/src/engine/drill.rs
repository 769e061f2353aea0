//! Drills: a feed is failed over on purpose, and it is told and kept what that cost.
//!
//! The connection is cut and measured by [`feedwatch_ingest::supervise_endpoints`]; here the feed's counters before and after
//! say what was lost, filled and repeated. A drill raises no alarm.

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{DrillOrder, Drilled};
use feedwatch_model::{FeedState, Time};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{Core, Engine, failure};
use crate::config::DrillEvery;
use crate::report::SCHEMA;
use crate::text::{many, seconds};
use crate::wire::{Failure, Level};

/// For how long the feed rests on its other endpoint.
pub const HOLD: Duration = Duration::from_secs(5);
/// A hole is held for a second before it counts as lost.
const SETTLE: Duration = Duration::from_millis(1500);
/// How often it is looked whether a drill is due.
const LOOK: Duration = Duration::from_secs(20);
/// A feed is watched for so long before its first drill by schedule.
const FIRST: i64 = 600 * feedwatch_model::NANOS_PER_SECOND;
/// A drill at a fixed time that was missed by more than this waits for the next time.
const MISSED: i64 = 3600 * feedwatch_model::NANOS_PER_SECOND;
const DAY: i64 = 86_400 * feedwatch_model::NANOS_PER_SECOND;

/// What a drill has measured: the last line of `feedwatch drill --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrillReport {
    /// The version of this shape.
    pub schema: u32,
    /// The feed's name.
    pub feed: String,
    /// When it was cut.
    pub at: Time,
    /// The endpoint that was cut.
    pub from: String,
    /// The one that brought the first message after it; null: none did.
    pub to: Option<String>,
    /// From the cut to the first message; null: none came within 30 s.
    pub to_first_message_ms: Option<f64>,
    /// Messages that never came; null where the feed has no numbers that would show it.
    pub lost: Option<u64>,
    /// Messages that were missing and came after all.
    pub filled: u64,
    /// Messages that came more than once; each is stored once.
    pub repeated: u64,
    /// From the wish to return to the first message on the endpoint that was cut; null: it did not come back within 30 s, or
    /// there is no other endpoint.
    pub to_return_ms: Option<f64>,
    /// The same as a sentence.
    pub text: String,
}

impl DrillReport {
    /// Did the feed go on?
    pub fn passed(&self) -> bool {
        self.to.is_some() && (self.to.as_ref() == Some(&self.from) || self.to_return_ms.is_some())
    }

    fn new(feed: &str, drilled: &Drilled, before: &Counts, after: &Counts) -> DrillReport {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let mut report = DrillReport {
            schema: SCHEMA,
            feed: feed.to_owned(),
            at: drilled.cut,
            from: drilled.from.clone(),
            to: drilled.to.clone(),
            to_first_message_ms: drilled.to_first_message.map(ms),
            lost: after.numbered.then(|| after.lost.saturating_sub(before.lost)),
            filled: after.filled.saturating_sub(before.filled),
            repeated: after.repeated.saturating_sub(before.repeated),
            to_return_ms: drilled.to_return.map(ms),
            text: String::new(),
        };
        report.text = report.sentence();
        report
    }

    fn sentence(&self) -> String {
        let Some((to, first)) = self.to.as_ref().zip(self.to_first_message_ms) else {
            return format!("No message came within 30 s after {} was cut.", self.from);
        };
        let lost = match self.lost {
            Some(0) => "nothing was lost".to_owned(),
            Some(lost) => format!("{} lost", many(lost, "message")),
            None => "whether something was lost cannot be told, since the messages have no numbers".to_owned(),
        };
        let back = match (self.to_return_ms, *to == self.from) {
            (Some(back), _) => format!(" The feed returned to {} after {}.", self.from, time(back)),
            (None, true) => String::new(),
            (None, false) => format!(" {} brought nothing within 30 s after it was opened again.", self.from),
        };
        let begun = match *to == self.from {
            true => "The connection was cut; the first message came over a new one".to_owned(),
            false => format!("{} was cut; the first message came over {to}", self.from),
        };
        format!("{begun} after {}, {lost}, {} filled, {} repeated.{back}", time(first), self.filled, self.repeated)
    }
}

/// `33 ms`, `1.2 s`.
fn time(millis: f64) -> String {
    if millis < 1e3 { format!("{millis:.0} ms") } else { seconds(millis / 1e3) }
}

/// Counters of a feed at one moment.
struct Counts {
    numbered: bool,
    lost: u64,
    filled: u64,
    repeated: u64,
}

impl Engine {
    /// Fails a feed over on purpose; takes [`HOLD`] and some seconds.
    ///
    /// # Errors
    /// A [`Failure`]: there is no such feed, it has no connection now, or another drill is under way.
    pub async fn drill(&self, feed: &str, hold: Duration) -> Result<DrillReport, Failure> {
        self.core.drill(feed, hold).await
    }

    /// The latest drills of a feed, the latest first.
    ///
    /// # Errors
    /// A [`Failure`]: there is no such feed, or the history cannot be read.
    pub fn drills(&self, feed: &str, most: usize) -> Result<Vec<DrillReport>, Failure> {
        self.core.drills(feed, most)
    }
}

impl Core {
    fn counts(&self, place: usize) -> Option<Counts> {
        let inbox = self.feeds.lock().iter().find(|feed| feed.place == place)?.inbox.counters();
        let pipeline = self.pipeline.lock();
        let stage = pipeline.feed(place)?;
        let repeated = stage.duplicate() + inbox.duplicate;
        Some(Counts { numbered: stage.is_numbered(), lost: stage.lost(), filled: stage.filled(), repeated })
    }

    pub(crate) async fn drill(&self, feed: &str, hold: Duration) -> Result<DrillReport, Failure> {
        let found = {
            let feeds = self.feeds.lock();
            let running = feeds.iter().find(|running| running.name == feed);
            running.map(|running| (running.place, running.feed, Arc::clone(&running.drills)))
        };
        let no_feed = || failure("not_found", format!("There is no feed named {feed:?}."), "Check the name.");
        let (place, id, drills) = found.ok_or_else(no_feed)?;
        // Held till the end: a second drill would count what the first one cost.
        let drills = drills
            .try_lock()
            .map_err(|_| failure("bad_request", "A drill of this feed is under way.", "Wait for its end."))?;
        let before = self.counts(place).ok_or_else(no_feed)?;
        let (reply, answer) = oneshot::channel();
        let ended = |_| failure("bad_request", "The feed has ended.", "");
        drills.try_send(DrillOrder { hold, reply }).map_err(ended)?;
        let stopped = || failure("connect", "The feed was stopped during the drill.", "");
        let drilled = answer.await.map_err(|_| stopped())?;
        let drilled = drilled.map_err(|why| failure("connect", why, ""))?;
        tokio::time::sleep(SETTLE).await;
        let after = self.counts(place).ok_or_else(stopped)?;
        let report = DrillReport::new(feed, &drilled, &before, &after);
        let json = serde_json::to_string(&report).unwrap_or_default();
        let level = if report.passed() { Level::Info } else { Level::Warning };
        let mut pipeline = self.pipeline.lock();
        let title = pipeline.feed(place).map_or(feed, |stage| &stage.settings().title);
        let told = format!("Drill of {title}: {}", report.text);
        pipeline.drilled(id, report.at, json, (level, told));
        Ok(report)
    }

    pub(crate) fn drills(&self, feed: &str, most: usize) -> Result<Vec<DrillReport>, Failure> {
        let Some(id) = self.pipeline.lock().feed_id(feed) else {
            return Err(failure("not_found", format!("There is no feed named {feed:?}."), "Check the name."));
        };
        let Some(reader) = self.history.reader() else { return Ok(Vec::new()) };
        let drills = reader.drills(id, most).map_err(|error| failure("disk", error.to_string(), ""))?;
        // What another version wrote may have another shape.
        Ok(drills.into_iter().filter_map(|(_, json)| serde_json::from_str(&json).ok()).collect())
    }

    /// Drills what is due, for as long as the engine runs.
    pub(super) async fn drill_by_schedule(self: Arc<Core>) {
        let mut look = tokio::time::interval(LOOK);
        let mut tried: std::collections::HashMap<String, Time> = std::collections::HashMap::new();
        loop {
            look.tick().await;
            let now = self.now();
            for (name, every) in self.scheduled() {
                let last = self.last_drill(&name).await.max(tried.get(&name).copied());
                let since = self.live_since(&name);
                if since.is_some_and(|since| is_due(every, last, since, now)) {
                    // A drill that fails is not tried again at once.
                    tried.insert(name.clone(), now);
                    if let Err(failure) = self.drill(&name, HOLD).await {
                        tracing::warn!("the drill of {name} that was due did not take place: {}", failure.message);
                    }
                }
            }
        }
    }

    /// When a feed was last drilled. The history is not read where sockets are.
    async fn last_drill(self: &Arc<Core>, feed: &str) -> Option<Time> {
        let (core, feed) = (Arc::clone(self), feed.to_owned());
        let drills = tokio::task::spawn_blocking(move || core.drills(&feed, 1)).await.ok()?.ok()?;
        drills.first().map(|drill| drill.at)
    }

    fn scheduled(&self) -> Vec<(String, DrillEvery)> {
        let feeds = self.feeds.lock();
        feeds.iter().filter_map(|feed| Some((feed.name.clone(), feed.drill?))).collect()
    }

    /// Since when a feed is watched that is well now.
    fn live_since(&self, name: &str) -> Option<Time> {
        let place = self.feeds.lock().iter().find(|feed| feed.name == name)?.place;
        let pipeline = self.pipeline.lock();
        let stage = pipeline.feed(place)?;
        let is_well = stage.state() == FeedState::Live && stage.degraded().is_none() && stage.last_message().is_some();
        is_well.then(|| stage.since())
    }
}

/// Is a drill due? `last`: when the last one was; `since`: since when the feed is watched in this run.
fn is_due(every: DrillEvery, last: Option<Time>, since: Time, now: Time) -> bool {
    let after = |wait: i64| match last {
        Some(last) => now.nanos_since(last) >= wait,
        None => now.nanos_since(since) >= FIRST,
    };
    match every {
        DrillEvery::Day => after(DAY),
        DrillEvery::Week => after(7 * DAY),
        DrillEvery::At { day, minute } => {
            // 1970-01-01 was a Thursday: day 3 of a week that begins on Monday.
            let of_week =
                (i64::from(day) - 3).rem_euclid(7) * DAY + i64::from(minute) * 60 * feedwatch_model::NANOS_PER_SECOND;
            let behind = (now.nanos() - of_week).rem_euclid(7 * DAY);
            let scheduled = now.plus_nanos(-behind);
            behind <= MISSED && last.is_none_or(|last| last < scheduled)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_weekly_drill_is_due_a_week_after_the_last_one() {
        let start = at("2026-03-01T00:00:00Z");
        let last = Some(at("2026-03-02T10:00:00Z"));
        assert!(!is_due(DrillEvery::Week, last, start, at("2026-03-09T09:59:59Z")));
        assert!(is_due(DrillEvery::Week, last, start, at("2026-03-09T10:00:00Z")));
        assert!(is_due(DrillEvery::Day, last, start, at("2026-03-03T10:00:00Z")));
        assert!(!is_due(DrillEvery::Week, None, start, at("2026-03-01T00:09:59Z")));
        assert!(
            is_due(DrillEvery::Week, None, start, at("2026-03-01T00:10:00Z")),
            "the first, when it ran for a while"
        );
    }

    #[test]
    fn a_drill_at_a_time_is_due_then_once_and_not_much_later() {
        let sunday = DrillEvery::At { day: 6, minute: 180 };
        let start = at("2026-03-01T00:00:00Z");
        // The 8th of March 2026 is a Sunday.
        assert!(!is_due(sunday, None, start, at("2026-03-08T02:59:59Z")));
        assert!(is_due(sunday, None, start, at("2026-03-08T03:00:00Z")));
        assert!(is_due(sunday, Some(at("2026-03-01T03:00:05Z")), start, at("2026-03-08T03:30:00Z")));
        assert!(!is_due(sunday, Some(at("2026-03-08T03:00:05Z")), start, at("2026-03-08T03:30:00Z")));
        assert!(!is_due(sunday, None, start, at("2026-03-08T04:00:01Z")));
    }

    #[test]
    fn what_was_measured_is_told_in_a_sentence() {
        let counts = |lost, filled, repeated| Counts { numbered: true, lost, filled, repeated };
        let drilled = Drilled {
            from: "preferred".to_owned(),
            to: Some("tokyo".to_owned()),
            cut: at("2026-03-08T03:00:00Z"),
            to_first_message: Some(Duration::from_millis(240)),
            to_return: Some(Duration::from_millis(100)),
        };
        let report = DrillReport::new("spot", &drilled, &counts(2, 0, 0), &counts(3, 2, 9));
        assert!(report.passed());
        assert_eq!((report.lost, report.filled, report.repeated), (Some(1), 2, 9));
        assert_eq!(
            report.text,
            "preferred was cut; the first message came over tokyo after 240 ms, 1 message lost, 2 filled, 9 repeated. The \
             feed returned to preferred after 100 ms."
        );
        let same = Drilled { to: Some("preferred".to_owned()), to_return: None, ..drilled.clone() };
        let report = DrillReport::new("spot", &same, &counts(0, 0, 0), &counts(0, 0, 0));
        assert_eq!(
            report.text,
            "The connection was cut; the first message came over a new one after 240 ms, nothing was lost, 0 filled, 0 \
             repeated."
        );
        let dead = Drilled { to: None, to_first_message: None, to_return: None, ..drilled };
        let report = DrillReport::new("spot", &dead, &counts(0, 0, 0), &counts(0, 0, 0));
        assert!(!report.passed());
        assert_eq!(report.text, "No message came within 30 s after preferred was cut.");
    }
}
