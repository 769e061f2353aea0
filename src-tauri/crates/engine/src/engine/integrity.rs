//! What a shell asks of the checks: how a feed fared over a span, and the messages that show a finding.

mod matrix;

use feedwatch_model::{Check, FeedId, Finding, LedgerCounts, LedgerSlot, Line, Scorecard, Time};
use feedwatch_store::{Outcome, StoredMessage};

use self::matrix::{Columns, Judged};
use super::Engine;
use super::ask::failure;
use crate::pipeline::NumberedFinding;
use crate::text::many;
use crate::wire::{
    Failure, IntegrityRequest, IntegrityView, LedgerColumn, Level, MessageRow, MessagesRequest, MessagesView, ScoreRow,
};

/// Messages shown on either side of the one that is looked for.
const AROUND: usize = 20;
/// Bytes of a payload that are shown.
const SHOWN: usize = 16 << 10;
/// Columns of the matrix at most.
const COLUMNS: u32 = 500;
/// Findings that are looked at, and those that are told.
const LOOKED_AT: usize = 5_000;
const TOLD: usize = 500;

impl Engine {
    /// How a feed fared over a span: scorecard, checks, ledger and findings.
    ///
    /// # Errors
    /// A [`Failure`] if the span makes no sense, there is no such feed, or the history cannot be read.
    pub fn integrity(&self, request: &IntegrityRequest) -> Result<IntegrityView, Failure> {
        let (from, to) = (time(request.from_ms), time(request.to_ms));
        if from >= to || !(1..=COLUMNS).contains(&request.columns) {
            return Err(failure("bad_request", "A look at the checks needs a span and 1 to 500 columns.", ""));
        }
        let feed = FeedId(request.feed);
        let columns = Columns::of(from, to, request.columns);
        let reader = self.core.history.reader();
        let unreadable = |error: feedwatch_store::StoreError| failure("no_history", error.to_string(), "");
        let (from, to) = (columns.begin(), columns.end());
        let slots: Vec<LedgerSlot> = match &reader {
            Some(reader) => reader.ledger(Some(feed), from, to, columns.width()).map_err(unreadable)?,
            None => Vec::new(),
        };
        let kept = match &reader {
            Some(reader) => reader.findings_of_checks(feed, from, to, LOOKED_AT).map_err(unreadable)?,
            None => Vec::new(),
        };
        let pipeline = self.core.pipeline.lock();
        let stage = pipeline.stage(feed);
        let stage = stage.ok_or_else(|| failure("not_found", "There is no such feed (any more).", ""))?;
        let (title, judged) = (stage.settings().title.clone(), Judged::of(stage));
        let rules = judged.rules();
        // Without a history there is what this run remembers.
        let found: Vec<Finding> = match reader {
            Some(_) => kept,
            None => {
                let here = |numbered: &&NumberedFinding| {
                    numbered.finding.feed == feed && (from..to).contains(&numbered.finding.at)
                };
                pipeline.findings().filter(here).map(|numbered| numbered.finding.clone()).collect()
            }
        };
        let found: Vec<Finding> = found.into_iter().filter(|finding| finding.check != Check::Anomaly).collect();
        let mut sum = LedgerCounts::default();
        let mut ledger = vec![LedgerCounts::default(); columns.count()];
        for slot in &slots {
            sum += &slot.counts;
            if let Some(column) = columns.place(slot.from).and_then(|place| ledger.get_mut(place)) {
                *column += &slot.counts;
            }
        }
        let alarms: Vec<_> = pipeline.alarms().open().filter(|alarm| alarm.source.feed == feed).cloned().collect();
        let rows = (1..).zip(found.iter().rev().take(TOLD));
        let rows =
            rows.map(|(number, finding)| pipeline.finding_row(&NumberedFinding { number, finding: finding.clone() }));
        let rows: Vec<_> = rows.collect();
        drop(pipeline);
        let note = match &self.core.history.reader() {
            None => "Nothing is kept, since there is no history: only what this run remembers is shown.",
            Some(_) if slots.is_empty() => "Nothing was watched in this time.",
            Some(_) => "",
        };
        Ok(IntegrityView {
            feed: request.feed,
            feed_title: title,
            from_ms: from.millis_f64(),
            step_ms: columns.step_ms(),
            scores: scores(&Scorecard::of(&sum), &sum),
            checks: matrix::rows(&judged, &columns, &ledger, &found, &alarms, &sum),
            columns: ledger.iter().map(column).collect(),
            more_findings: u32::try_from(found.len().saturating_sub(TOLD)).unwrap_or(u32::MAX),
            findings: rows,
            rules,
            note: note.to_owned(),
        })
    }

    /// The messages around a place, as they are kept.
    ///
    /// # Errors
    /// A [`Failure`] if there is no history, or it cannot be read.
    pub fn messages(&self, request: &MessagesRequest) -> Result<MessagesView, Failure> {
        let reader = self.core.history.reader().ok_or_else(|| {
            failure(
                "no_history",
                "No messages are kept, since there is no history.",
                "See the status bar for the reason.",
            )
        })?;
        let number = request.number.filter(|number| *number >= 0.0).map(|number| number as u64);
        let (feed, at) = (FeedId(request.feed), time(request.at_ms));
        let unreadable = |error: feedwatch_store::StoreError| failure("no_history", error.to_string(), "");
        let (found, focus) = reader.messages_around(feed, at, number, AROUND, SHOWN).map_err(unreadable)?;
        let note = match (found.is_empty(), number.is_some() && focus.is_none()) {
            (true, _) => "No message of this feed is kept from that time. Raw messages are kept for a while only.",
            (false, true) => "The message itself is no longer kept. These came nearest to it.",
            (false, false) => "",
        };
        Ok(MessagesView {
            messages: found.iter().map(row).collect(),
            focus: focus.and_then(|focus| u32::try_from(focus).ok()),
            note: note.to_owned(),
        })
    }
}

/// A time of the page.
fn time(ms: f64) -> Time {
    Time::from_nanos(if ms.is_finite() { (ms * 1e6) as i64 } else { 0 })
}

fn row((message, bytes): &(StoredMessage, u64)) -> MessageRow {
    let (outcome, reason) = match &message.outcome {
        Outcome::Read => ("read", None),
        Outcome::Late => ("late", None),
        Outcome::Duplicate => ("duplicate", None),
        Outcome::Rejected { offset, reason } => ("rejected", Some(format!("byte {offset}: {reason}"))),
    };
    MessageRow {
        number: message.number as f64,
        at_ms: message.received.millis_f64(),
        topic: message.topic.as_deref().map(str::to_owned),
        outcome: outcome.to_owned(),
        reason,
        text: String::from_utf8_lossy(&message.payload).into_owned(),
        bytes: *bytes as f64,
        cut: (message.payload.len() as u64) < *bytes,
    }
}

fn column(counts: &LedgerCounts) -> LedgerColumn {
    LedgerColumn {
        expected: counts.expected() as f64,
        received: counts.received as f64,
        missing: counts.missing as f64,
        filled: counts.filled as f64,
        duplicate: counts.duplicate as f64,
        late: counts.late.saturating_add(counts.reordered) as f64,
        rejected: counts.rejected as f64,
        bytes: counts.bytes as f64,
    }
}

fn scores(card: &Scorecard, counts: &LedgerCounts) -> Vec<ScoreRow> {
    // What is said of one, and of several or none.
    let messages = |line: &Line, [one, several]: [&str; 2]| match line.faults {
        0 => format!("None of {} {several}.", many(line.of, "message")),
        1 => format!("1 of {} {one}.", many(line.of, "message")),
        faults => format!("{} of {} {several}.", crate::text::count_of(faults), many(line.of, "message")),
    };
    let timeliness = |line: &Line| match counts.timed > 0 && line.of == counts.timed {
        true => messages(line, ["came later than usual"; 2]),
        false => format!("Silent for {} of {}.", seconds(line.faults), seconds(line.of)),
    };
    let authenticity = |line: &Line| {
        format!("{} of {} did not fit.", crate::text::count_of(line.faults), many(line.of, "checksum or signature"))
    };
    let score = |name: &str, line: &Line, known: String, unknown: &str| ScoreRow {
        name: name.to_owned(),
        percent: line.percent,
        text: if line.percent.is_some() { known } else { unknown.to_owned() },
        level: level(name, line),
    };
    let numbers = "Its messages have no numbers by which that would show.";
    vec![
        score("completeness", &card.completeness, messages(&card.completeness, ["is missing", "are missing"]), numbers),
        score(
            "order",
            &card.order,
            messages(
                &card.order,
                ["came in another order than it was sent", "came in another order than they were sent"],
            ),
            numbers,
        ),
        score("timeliness", &card.timeliness, timeliness(&card.timeliness), "Nothing was watched."),
        score(
            "validity",
            &card.validity,
            messages(&card.validity, ["is not as it should be", "are not as they should be"]),
            "No message came.",
        ),
        score(
            "authenticity",
            &card.authenticity,
            authenticity(&card.authenticity),
            "Its messages carry neither checksum nor signature.",
        ),
    ]
}

/// Grey as long as nothing is wrong.
fn level(name: &str, line: &Line) -> Level {
    match (line.faults, name) {
        (0, _) => Level::Ok,
        (_, "authenticity") => Level::Critical,
        (_, "completeness" | "validity") => Level::Warning,
        _ => Level::Info,
    }
}

fn seconds(millis: u64) -> String {
    crate::text::seconds(millis as f64 / 1e3)
}
