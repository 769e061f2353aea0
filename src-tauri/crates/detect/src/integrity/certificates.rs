//! Server certificates: one that will expire, and one that is another than before.
//!
//! - One that expires within 14 days is told once a day.
//! - Another one than before is told: as information where the former was to expire within 30 days or had done so, which is
//!   what renewal looks like; else as a warning, since somebody else may answer now.
//! - An older version of TLS than before, or no encryption where there was one, is a warning: somebody on the way may have
//!   brought it about.

use std::collections::HashMap;

use feedwatch_model::{Certificate, Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity, Time};

/// The name of what lasts: a certificate expires soon, or is another than before.
pub const CERTIFICATE: &str = "certificate";
const DAY: i64 = 86_400 * NANOS_PER_SECOND;
const SOON: i64 = 14 * DAY;
const RENEWAL: i64 = 30 * DAY;

/// What is known of one endpoint's certificate.
#[derive(Clone, Debug)]
struct Known {
    certificate: Certificate,
    /// When it was last told that it expires.
    told: Option<Time>,
    /// It is in use now.
    open: bool,
}

/// The certificates of a feed's endpoints, by the names of these.
#[derive(Clone, Debug)]
pub struct Certificates {
    feed: FeedId,
    known: HashMap<String, Known>,
    /// The feed has one endpoint, whose name tells it from nothing.
    alone: bool,
    /// When it is next looked whether one expires.
    look: Time,
}

impl Certificates {
    /// With those that were in use when the feed was last watched.
    pub fn new(feed: FeedId, known: impl IntoIterator<Item = (String, Certificate)>) -> Certificates {
        let known = known
            .into_iter()
            .map(|(name, certificate)| (name, Known { certificate, told: None, open: false }))
            .collect();
        Certificates { feed, known, alone: false, look: Time::MIN }
    }

    /// The same of a feed with one endpoint: it is called the server.
    pub fn of_one(feed: FeedId, known: impl IntoIterator<Item = (String, Certificate)>) -> Certificates {
        Certificates { alone: true, ..Certificates::new(feed, known) }
    }

    fn called<'a>(&self, endpoint: &'a str) -> &'a str {
        if self.alone { "the server" } else { endpoint }
    }

    /// An endpoint is connected and has shown this one. `true`: it is not the one that was known.
    pub fn seen(&mut self, endpoint: &str, certificate: &Certificate, at: Time, out: &mut Vec<Finding>) -> bool {
        let before = self.known.get(endpoint).map(|known| known.certificate.clone());
        let is_new = before.as_ref() != Some(certificate);
        if let Some(before) = before.filter(|before| before.print != certificate.print) {
            let is_renewal = before.until.nanos_since(at) <= RENEWAL;
            let severity = if is_renewal { Severity::Info } else { Severity::Warning };
            let (until, called) = (day(certificate.until), self.called(endpoint));
            let text = if is_renewal {
                format!("The certificate of {called} was renewed. The new one is valid until {until}.")
            } else {
                format!(
                    "The certificate of {called} is another than before. The former was valid until {}; the new one, by \
                     {}, until {until}. Ask the feed's owner if you do not expect that.",
                    day(before.until),
                    certificate.issuer
                )
            };
            let lasting = (severity > Severity::Info).then(|| CERTIFICATE.into());
            let finding = Finding::new(Check::Security, FindingKind::Certificate, self.feed, at, severity, text);
            out.push(Finding { lasting, ..finding });
        }
        let before = self.known.get(endpoint).and_then(|known| known.certificate.tls.clone());
        if let (Some(before), Some(now)) = (before, &certificate.tls)
            && *now < before
        {
            let called = self.called(endpoint);
            let text = format!(
                "The connection to {called} is encrypted by TLS {now}; it was TLS {before} before. Somebody on the way may \
                 have weakened it: ask the feed's owner if you do not expect that."
            );
            out.push(self.warning(at, text));
        }
        let told = if is_new { None } else { self.known.get(endpoint).and_then(|known| known.told) };
        self.known.insert(endpoint.to_owned(), Known { certificate: certificate.clone(), told, open: true });
        self.look = Time::MIN;
        self.elapse(at, out);
        is_new
    }

    /// An endpoint is connected, and showed no certificate: the connection is not encrypted. Told once of one that was.
    pub fn plain(&mut self, endpoint: &str, at: Time, out: &mut Vec<Finding>) {
        if self.known.remove(endpoint).is_none() {
            return;
        }
        let called = self.called(endpoint);
        let text = format!(
            "The connection to {called} is not encrypted any more: everybody on the way can read and change it. If you did \
             not change its address, ask the feed's owner."
        );
        out.push(self.warning(at, text));
    }

    fn warning(&self, at: Time, text: String) -> Finding {
        let finding = Finding::new(Check::Security, FindingKind::Certificate, self.feed, at, Severity::Warning, text);
        Finding { lasting: Some(CERTIFICATE.into()), ..finding }
    }

    /// An endpoint is not connected any more.
    pub fn closed(&mut self, endpoint: &str) {
        if let Some(known) = self.known.get_mut(endpoint) {
            known.open = false;
        }
    }

    /// Time goes by.
    pub fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if now < self.look {
            return;
        }
        self.look = now.plus_nanos(DAY / 24);
        let due = |known: &Known| {
            known.open
                && known.certificate.until.nanos_since(now) <= SOON
                && known.told.is_none_or(|told| now.nanos_since(told) >= DAY)
        };
        let mut names: Vec<&String> = self.known.iter().filter(|(_, known)| due(known)).map(|(name, _)| name).collect();
        names.sort_unstable();
        let names: Vec<String> = names.into_iter().cloned().collect();
        for name in names {
            let called = self.called(&name);
            let Some(known) = self.known.get_mut(&name) else { continue };
            known.told = Some(now);
            let left = known.certificate.until.nanos_since(now);
            let until = day(known.certificate.until);
            let text = match left / DAY {
                _ if left < 0 => format!(
                    "The certificate of {called} has expired, on {until}. The next connection cannot be had: ask the \
                     feed's owner to renew it."
                ),
                days => format!(
                    "The certificate of {called} expires {}, on {until}. From then on no connection can be had: ask the \
                     feed's owner to renew it.",
                    match days {
                        0 => "within a day".to_owned(),
                        1 => "in 1 day".to_owned(),
                        days => format!("in {days} days"),
                    }
                ),
            };
            out.push(self.warning(now, text));
        }
    }

    /// Is any of those in use about to expire?
    pub fn expires(&self, now: Time) -> bool {
        self.known.values().any(|known| known.open && known.certificate.until.nanos_since(now) <= SOON)
    }
}

/// `2026-03-01`.
fn day(at: Time) -> String {
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    fn certificate(print: &str, until: &str) -> Certificate {
        let from = at("2026-01-01T00:00:00Z");
        Certificate { print: print.to_owned(), from, until: at(until), issuer: "Test CA".to_owned(), tls: None }
    }

    fn told(findings: &mut Vec<Finding>) -> Vec<(Severity, String)> {
        findings.drain(..).map(|finding| (finding.severity, finding.text)).collect()
    }

    #[test]
    fn one_that_expires_soon_is_told_once_a_day_while_it_is_in_use() {
        let mut certificates = Certificates::new(FeedId(1), []);
        let mut out = Vec::new();
        let soon = certificate("a", "2026-03-15T00:00:00Z");
        assert!(certificates.seen("preferred", &soon, at("2026-02-28T23:00:00Z"), &mut out));
        assert_eq!(told(&mut out), [], "more than 14 days before");
        certificates.elapse(at("2026-03-01T00:30:00Z"), &mut out);
        let text = &told(&mut out)[0].1;
        assert!(text.contains("expires in 13 days, on 2026-03-15"), "{text}");
        certificates.elapse(at("2026-03-01T20:30:00Z"), &mut out);
        assert_eq!(told(&mut out), []);
        certificates.elapse(at("2026-03-02T01:30:00Z"), &mut out);
        assert_eq!(told(&mut out).len(), 1);
        assert!(certificates.expires(at("2026-03-02T01:30:00Z")));
        let said = |certificates: &mut Certificates, now: &str| {
            let mut out = Vec::new();
            certificates.elapse(at(now), &mut out);
            told(&mut out).remove(0).1
        };
        assert!(said(&mut certificates, "2026-03-13T12:00:00Z").contains("expires in 1 day, on"));
        assert!(said(&mut certificates, "2026-03-14T12:30:00Z").contains("expires within a day, on"));
        assert!(said(&mut certificates, "2026-03-15T13:00:00Z").contains("has expired, on 2026-03-15"));
        certificates.closed("preferred");
        certificates.elapse(at("2026-03-17T09:30:00Z"), &mut out);
        assert_eq!(told(&mut out), [], "it is not in use");
    }

    #[test]
    fn weaker_encryption_and_none_are_told_once() {
        let by = |tls: &str| Certificate { tls: Some(tls.to_owned()), ..certificate("a", "2026-12-01T00:00:00Z") };
        let mut certificates = Certificates::of_one(FeedId(1), [("preferred".to_owned(), by("1.3"))]);
        let (now, mut out) = (at("2026-03-01T00:00:00Z"), Vec::new());
        assert!(!certificates.seen("preferred", &by("1.3"), now, &mut out));
        assert_eq!(told(&mut out), []);
        assert!(certificates.seen("preferred", &by("1.2"), now, &mut out), "it is kept");
        let (severity, text) = told(&mut out).remove(0);
        assert!(severity == Severity::Warning && text.contains("by TLS 1.2; it was TLS 1.3 before"), "{text}");
        certificates.seen("preferred", &by("1.2"), now, &mut out);
        certificates.seen("preferred", &by("1.3"), now, &mut out);
        assert_eq!(told(&mut out), [], "the same, and better");
        certificates.plain("preferred", now, &mut out);
        assert!(told(&mut out)[0].1.starts_with("The connection to the server is not encrypted any more"));
        certificates.plain("preferred", now, &mut out);
        certificates.plain("other", now, &mut out);
        assert_eq!(told(&mut out), []);
    }

    #[test]
    fn the_only_endpoint_of_a_feed_is_called_the_server() {
        let known = [("preferred".to_owned(), certificate("a", "2026-12-01T00:00:00Z"))];
        let mut certificates = Certificates::of_one(FeedId(1), known);
        let mut out = Vec::new();
        certificates.seen("preferred", &certificate("b", "2027-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z"), &mut out);
        assert!(told(&mut out)[0].1.starts_with("The certificate of the server is another than before."));
    }

    #[test]
    fn another_one_is_a_warning_unless_the_former_was_about_to_expire() {
        let known = [("preferred".to_owned(), certificate("a", "2026-12-01T00:00:00Z"))];
        let mut certificates = Certificates::new(FeedId(1), known);
        let mut out = Vec::new();
        let same = certificate("a", "2026-12-01T00:00:00Z");
        assert!(!certificates.seen("preferred", &same, at("2026-03-01T00:00:00Z"), &mut out));
        assert_eq!(told(&mut out), []);
        let other = certificate("b", "2027-01-01T00:00:00Z");
        assert!(certificates.seen("preferred", &other, at("2026-03-01T00:00:00Z"), &mut out));
        let (severity, text) = told(&mut out).remove(0);
        assert_eq!(severity, Severity::Warning);
        assert!(text.contains("another than before") && text.contains("Test CA"), "{text}");
        let renewed = certificate("c", "2027-06-01T00:00:00Z");
        certificates.seen("preferred", &renewed, at("2026-12-15T00:00:00Z"), &mut out);
        assert_eq!(told(&mut out)[0].0, Severity::Info);
        certificates.seen("tokyo", &other, at("2026-03-01T00:00:00Z"), &mut out);
        assert_eq!(told(&mut out), [], "each endpoint has its own");
    }
}
