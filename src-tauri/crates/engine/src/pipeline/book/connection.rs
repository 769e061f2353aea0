//! What becomes of a feed's connections.

use std::time::Duration;

use feedwatch_ingest::Shut;
use feedwatch_model::{AlarmSource, Certificate, Check, Protocol, Time};

use super::super::Shared;
use super::super::lines::Meaning;
use super::Book;

/// So long after a connection that a drill brought about a hole may show that it tore, nanoseconds.
const AFTER_DRILL: i64 = 5 * feedwatch_model::NANOS_PER_SECOND;

impl Book {
    /// An endpoint is connected.
    pub(in super::super) fn connected(
        &mut self,
        at: Time,
        line: u8,
        certificate: Option<&Certificate>,
        shared: &mut Shared,
    ) {
        match certificate {
            Some(certificate) => self.shown(at, line, certificate, shared),
            // Between two requests nobody knows.
            None if self.settings.protocol == Protocol::Poll => {}
            None => {
                self.certificates.plain(self.lines.name(line), at, &mut self.findings);
                self.flush_findings(shared);
            }
        }
        if self.lines.is_drilled() {
            self.drilled_until = Some(at.plus_nanos(AFTER_DRILL));
        }
        self.redelivery.connected(at);
        let meaning = self.lines.connected(line, at);
        if meaning.concerns_feed {
            let finding = self.link.connected(at, shared);
            self.integrity.connected(at);
            self.tell(finding, shared);
        }
        self.integrity.overlapping(self.lines.up() > 1);
        self.tell(meaning.finding, shared);
    }

    /// An endpoint has shown its certificate.
    fn shown(&mut self, at: Time, line: u8, certificate: &Certificate, shared: &mut Shared) {
        let name = self.lines.name(line).to_owned();
        if self.certificates.seen(&name, certificate, at, &mut self.findings) {
            let id = self.id;
            shared.output.batch_mut(|batch| batch.certificates.push((id, name, certificate.clone())));
        }
        if !self.certificates.expires(at) {
            let source = AlarmSource { feed: self.id, series: None, check: Check::Security };
            shared.alarms.over(
                &source,
                feedwatch_detect::CERTIFICATE,
                at,
                "No certificate has changed since, and those in use are valid for more than 14 days.",
            );
        }
        self.flush_findings(shared);
    }

    /// An endpoint was lost, or cannot be had.
    pub(in super::super) fn lost(&mut self, line: u8, at: Time, reason: &str, refused: bool) -> Meaning {
        self.certificates.closed(self.lines.name(line));
        self.lines.lost(line, at, reason, refused)
    }

    /// Nothing brings the feed any more.
    pub(in super::super) fn down(
        &mut self,
        at: Time,
        last_good: Time,
        reason: String,
        refused: bool,
        retry_in: Duration,
        shared: &mut Shared,
    ) {
        self.link.usually(self.usual_lateness());
        let finding = self.link.lost(at, last_good, reason, refused, retry_in, shared);
        self.integrity.lost(at);
        self.tell(finding, shared);
    }

    /// We have closed an endpoint ourselves.
    pub(in super::super) fn stood_down(&mut self, at: Time, line: u8, last_good: Time, why: Shut, shared: &mut Shared) {
        if why == Shut::Silent {
            let reason = "It brought nothing while another endpoint did. The connection was taken for dead.";
            let meaning = self.lost(line, at, reason, false);
            self.tell(meaning.finding, shared);
            if meaning.concerns_feed {
                // The other one was lost just before.
                self.down(at, last_good, reason.to_owned(), false, Duration::ZERO, shared);
            }
        } else {
            self.certificates.closed(self.lines.name(line));
            let meaning = self.lines.stood_down(line, at, why);
            self.tell(meaning.finding, shared);
            if meaning.concerns_feed {
                self.link.usually(self.usual_lateness());
                self.link.stood_down(at, last_good, why, shared);
                self.integrity.lost(at);
            }
        }
        self.integrity.overlapping(self.lines.up() > 1);
    }
}
