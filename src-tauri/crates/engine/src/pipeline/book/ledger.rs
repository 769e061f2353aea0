//! What the ledger is told of a feed, by the minute.
//!
//! `received` is what went through the checks: what the inbox dropped is missing, if the feed numbers its messages, and not
//! received; a second copy that the inbox knew is neither. What comes after all is entered in the minute of its gap, of
//! which the last 256 are remembered; of an older one, in the minute in which it came.

use std::collections::VecDeque;
use std::sync::Arc;

use feedwatch_detect::Arrival;
use feedwatch_model::{
    Check, FeedState, Finding, FindingKind, Message, NANOS_PER_MILLI, NANOS_PER_SECOND, Protocol, Reading, Severity,
    Time,
};

use super::super::Shared;
use super::Book;

/// Gaps whose minute is remembered.
const GAPS: usize = 256;
/// A longer pause between two looks says nothing of the feed: the program did not run.
const LONGEST: i64 = 10 * NANOS_PER_SECOND;

/// What the ledger needs to know between messages.
#[derive(Debug, Default)]
pub(in super::super) struct Entries {
    gaps: VecDeque<Missed>,
    /// How many late messages the checks had told of.
    late: u64,
    /// Up to when watching was entered.
    watched: Option<Time>,
}

#[derive(Debug)]
struct Missed {
    per: Vec<(Arc<str>, Arc<str>)>,
    from: u64,
    to: u64,
    at: Time,
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
        let range = finding.from.zip(finding.to);
        if (finding.check, finding.kind) == (Check::Sequence, FindingKind::Healed) {
            let came = range.map_or(1, |(from, to)| to.saturating_sub(from).saturating_add(1));
            let at = self.entries.gap_of(finding).unwrap_or(finding.at);
            let counts = shared.output.ledger.at(self.id, at);
            counts.filled = counts.filled.saturating_add(came);
        }
        let counts = shared.output.ledger.at(self.id, finding.at);
        counts.findings.add(finding.check, 1);
        let counted = finding.severity != Severity::Info;
        match finding.check {
            Check::Sequence if finding.kind == FindingKind::Gap => {
                counts.missing = counts.missing.saturating_add(finding.missing.unwrap_or(1));
                self.entries.remember(finding);
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

impl Entries {
    fn remember(&mut self, finding: &Finding) {
        let Some((from, to)) = finding.from.zip(finding.to) else { return };
        if self.gaps.len() == GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(Missed { per: finding.per.clone(), from, to, at: finding.at });
    }

    /// When the gap was that a finding heals.
    fn gap_of(&self, finding: &Finding) -> Option<Time> {
        let number = finding.from?;
        let holds = |gap: &&Missed| gap.per == finding.per && (gap.from..=gap.to.max(gap.from)).contains(&number);
        self.gaps.iter().rev().find(holds).map(|gap| gap.at)
    }
}
