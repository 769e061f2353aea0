//! What the ledger is told of a feed, by the minute.
//!
//! `received` is what went through the checks: what the inbox dropped is missing, if the feed numbers its messages, and not
//! received; a second copy that the inbox knew is neither. What comes after all is entered in the minute of its gap.

use feedwatch_detect::Arrival;
use feedwatch_model::{
    Check, FeedState, Finding, FindingKind, Message, NANOS_PER_MILLI, NANOS_PER_SECOND, Protocol, Reading, Severity,
    Time,
};

use super::super::Shared;
use super::Book;

/// A longer pause between two looks says nothing of the feed: the program did not run.
const LONGEST: i64 = 10 * NANOS_PER_SECOND;

/// What the ledger needs to know between messages.
#[derive(Debug, Default)]
pub(in super::super) struct Entries {
    /// How many late messages the checks had told of.
    late: u64,
    /// Up to when watching was entered.
    watched: Option<Time>,
}

impl Book {
    /// A message that could be read, and what the checks said of it.
    #[inline]
    pub(super) fn enter_reading(
        &mut self,
        message: &Message,
        reading: &Reading,
        arrival: Arrival,
        shared: &mut Shared,
    ) {
        if !shared.output.keeps() {
            return;
        }
        let late = self.integrity.late();
        let counts = shared.output.ledger.at(self.id, message.received);
        counts.received += 1;
        counts.bytes += message.payload.len() as u64;
        counts.duplicate += u64::from(arrival == Arrival::Duplicate);
        counts.numbered += u64::from(!reading.marks.is_empty());
        counts.timed += u64::from(reading.time.is_some());
        counts.late += late.saturating_sub(self.entries.late);
        for guard in &reading.guards {
            counts.checked += 1;
            counts.failed += u64::from(!guard.fits);
        }
        self.entries.late = late;
    }

    /// What the message filled, behind the findings that it brought.
    #[inline]
    pub(super) fn enter_filled(&mut self, shared: &mut Shared) {
        for (at, came) in self.integrity.take_filled() {
            self.tally.lost = self.tally.lost.saturating_sub(came);
            self.tally.filled = self.tally.filled.saturating_add(came);
            if shared.output.keeps() {
                let counts = shared.output.ledger.at(self.id, at);
                counts.filled = counts.filled.saturating_add(came);
            }
        }
    }

    /// One that its broker sent before, or that could not be read.
    pub(super) fn enter_other(&mut self, message: &Message, rejected: bool, shared: &mut Shared) {
        if !shared.output.keeps() {
            return;
        }
        let counts = shared.output.ledger.at(self.id, message.received);
        counts.received += 1;
        counts.bytes += message.payload.len() as u64;
        *(if rejected { &mut counts.rejected } else { &mut counts.duplicate }) += 1;
    }

    /// What was found.
    pub(super) fn enter_finding(&mut self, finding: &Finding, shared: &mut Shared) {
        if !shared.output.keeps() {
            return;
        }
        let counts = shared.output.ledger.at(self.id, finding.at);
        counts.findings.add(finding.check, 1);
        let counted = finding.severity != Severity::Info;
        match finding.check {
            Check::Sequence if finding.kind == FindingKind::Gap => {
                counts.missing = counts.missing.saturating_add(finding.missing.unwrap_or(1));
            }
            Check::Order => counts.reordered += 1,
            Check::Conflict | Check::Range | Check::Schema if counted => counts.invalid += 1,
            _ => {}
        }
    }

    /// Time passed under watch.
    pub(super) fn enter_time(&mut self, now: Time, shared: &mut Shared) {
        let before = self.entries.watched.replace(now);
        let state = self.link.state();
        let judged = shared.output.keeps() && self.settings.protocol != Protocol::File;
        if !judged || !matches!(state, FeedState::Live | FeedState::Silent) {
            return;
        }
        let passed = before.map_or(0, |before| now.nanos_since(before)).clamp(0, LONGEST) / NANOS_PER_MILLI;
        let counts = shared.output.ledger.at(self.id, now);
        counts.watched_ms += passed.unsigned_abs();
        counts.silent_ms += if state == FeedState::Silent { passed.unsigned_abs() } else { 0 };
    }
}
