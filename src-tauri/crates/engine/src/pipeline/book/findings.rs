//! What is done with what the checks find: the journal, the alarms, the books.

use feedwatch_model::{Check, Finding, FindingKind, Gap, GapCause, Severity};

use super::super::Shared;
use super::Book;
use crate::alarms;

impl Book {
    pub(in super::super) fn tell(&mut self, finding: Option<Finding>, shared: &mut Shared) {
        self.findings.extend(finding);
        self.flush_findings(shared);
    }

    pub(in super::super) fn flush_findings(&mut self, shared: &mut Shared) {
        for finding in std::mem::take(&mut self.findings) {
            self.enter_finding(&finding, shared);
            match (finding.check, finding.kind) {
                (Check::Sequence, FindingKind::Gap) => self.lost_messages(&finding, shared),
                (Check::Order, _) => self.tally.reordered += 1,
                // Of one of its devices it is a warning.
                (Check::Silence, FindingKind::Silent) if finding.severity == Severity::Critical => {
                    self.link.usually(self.usual_lateness());
                    self.link.silent(&finding.text, shared);
                }
                (Check::Silence, FindingKind::Resumed) => self.link.heard(finding.at, shared),
                _ => {}
            }
            if let Some(cause) = alarms::cause_of(&finding).filter(|_| !self.is_cost_of_drill(&finding)) {
                shared.alarms.raise(cause, finding.at);
            } else if let Some((source, condition)) = alarms::ended_by(&finding) {
                shared.alarms.over(&source, &condition, finding.at, &finding.text);
            }
            shared.output.batch_mut(|batch| batch.findings.push(finding.clone()));
            shared.output.finding(finding);
        }
    }

    /// A drill raises no alarm, whatever it costs.
    fn is_cost_of_drill(&self, finding: &Finding) -> bool {
        let is_over = || self.drilled_until.is_none_or(|until| finding.at > until);
        finding.check == Check::Sequence && (self.lines.is_drilled() || !is_over())
    }

    fn lost_messages(&mut self, finding: &Finding, shared: &mut Shared) {
        // Of messages that name the one before them at least that one is missing.
        self.tally.lost = self.tally.lost.saturating_add(finding.missing.unwrap_or(1));
        let gap = Gap {
            feed: self.id,
            from: finding.at,
            to: Some(finding.at),
            cause: GapCause::Sequence,
            missing: finding.missing,
            detail: finding.text.clone(),
        };
        shared.gap_in(gap, finding.per.clone());
    }
}
