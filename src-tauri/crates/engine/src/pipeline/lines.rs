//! Where the endpoints of one feed stand: what of it concerns the feed, and what only the endpoint. Pure.

use feedwatch_ingest::Shut;
use feedwatch_model::{Check, FeedId, Finding, FindingKind, Severity, Time};

/// An endpoint as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSettings {
    /// Its name; of the preferred one `preferred`.
    pub name: String,
    /// The address without secrets.
    pub address: String,
}

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineState {
    /// It is not needed.
    #[default]
    Standby,
    /// It is being connected.
    Connecting,
    /// It is connected.
    Up,
    /// It was lost, or cannot be had.
    Down,
    /// It has ended.
    Ended,
}

impl LineState {
    /// The word in JSON and window.
    pub const fn word(self) -> &'static str {
        match self {
            LineState::Standby => "standby",
            LineState::Connecting => "connecting",
            LineState::Up => "up",
            LineState::Down => "down",
            LineState::Ended => "ended",
        }
    }
}

/// An endpoint, seen.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// How it is configured.
    pub settings: LineSettings,
    /// Where it stands.
    pub state: LineState,
    /// Why it is not up, where it should be.
    pub reason: String,
    /// It was told that it is down.
    told: bool,
    /// A drill has cut it.
    drilled: bool,
}

/// The endpoints of a feed, the preferred one first. A feed with one has one line.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    feed: FeedId,
    lines: Vec<Line>,
    redundant: bool,
}

/// What an event about one line means for the feed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Meaning {
    /// The feed's own connection began or ended with it.
    pub(crate) concerns_feed: bool,
    /// What is to be told of the line.
    pub(crate) finding: Option<Finding>,
}

fn is_up(line: &Line) -> bool {
    line.state == LineState::Up
}

impl Lines {
    pub(crate) fn new(feed: FeedId, settings: &[LineSettings], redundant: bool) -> Lines {
        let mut lines: Vec<Line> =
            settings.iter().map(|settings| Line { settings: settings.clone(), ..Line::default() }).collect();
        if lines.is_empty() {
            lines.push(Line::default());
        }
        Lines { feed, lines, redundant }
    }

    /// All of them; empty where there is only one.
    pub(crate) fn all(&self) -> &[Line] {
        if self.lines.len() > 1 { &self.lines } else { &[] }
    }

    /// What a line is called.
    pub(crate) fn name(&self, line: u8) -> &str {
        let line = self.lines.get(usize::from(line));
        line.map(|line| line.settings.name.as_str()).filter(|name| !name.is_empty()).unwrap_or("the server")
    }

    /// How many are connected.
    pub(crate) fn up(&self) -> usize {
        self.lines.iter().filter(|line| line.state == LineState::Up).count()
    }

    /// A drill is under way.
    pub(crate) fn is_drilled(&self) -> bool {
        self.lines.iter().any(|line| line.drilled)
    }

    /// Is the end of this line the end of the feed?
    pub(crate) fn ends_with(&self, line: u8) -> bool {
        let others = self.lines.iter().enumerate().filter(|(number, _)| *number != usize::from(line));
        others.into_iter().all(|(_, other)| other.state == LineState::Ended)
    }

    /// What is not as it should be although the feed is live, in a few words.
    pub(crate) fn degraded(&self) -> Option<String> {
        if self.lines.len() < 2 || self.is_drilled() {
            return None;
        }
        // The best one is in use: what the others do matters only where all are wanted.
        let wanted = if self.redundant { self.lines.len() } else { self.lines.iter().position(is_up)? };
        let wanted = self.lines.iter().take(wanted);
        let down: Vec<&Line> = wanted.filter(|line| line.state == LineState::Down).collect();
        let names: Vec<&str> = down.iter().map(|line| line.settings.name.as_str()).collect();
        let first = down.first()?;
        if self.redundant {
            let of = format!("{} of {}", self.up(), self.lines.len());
            Some(format!("{of} endpoints, without {}: {}", names.join(" and "), first.reason))
        } else {
            let over = self.lines.iter().find(|line| is_up(line))?;
            Some(format!("over {}, since {} is down: {}", over.settings.name, first.settings.name, first.reason))
        }
    }

    pub(crate) fn connecting(&mut self, line: u8) -> bool {
        let Some(of) = self.lines.get_mut(usize::from(line)) else { return false };
        if of.state != LineState::Down {
            of.state = LineState::Connecting;
        }
        self.up() == 0
    }

    pub(crate) fn connected(&mut self, line: u8, at: Time) -> Meaning {
        let first = self.up() == 0;
        let (feed, alone, drilling) = (self.feed, self.lines.len() < 2, self.is_drilled());
        let Some(of) = self.lines.get_mut(usize::from(line)) else {
            return Meaning { concerns_feed: false, finding: None };
        };
        (of.state, of.drilled) = (LineState::Up, false);
        of.reason.clear();
        let told = std::mem::take(&mut of.told);
        let name = of.settings.name.clone();
        let mut finding = None;
        let tells = |kind, severity, text| Some(Finding::new(Check::Connection, kind, feed, at, severity, text));
        // The feed is where it belongs, and its alarm ends, when the backup is not needed any more.
        let returns = !self.redundant && self.lines.iter().skip(usize::from(line) + 1).any(is_up);
        let wanted = if self.redundant { self.lines.len() } else { usize::from(line) };
        let lost = self.lines.iter().take(wanted).find(|other| other.state == LineState::Down);
        if alone {
        } else if let Some(lost) = lost.filter(|_| first) {
            let text = format!("The feed goes on over {name}. {} is down: {}", lost.settings.name, lost.reason);
            finding = tells(FindingKind::FailedOver, Severity::Warning, text);
        } else if drilling && line > 0 {
            finding = tells(FindingKind::FailedOver, Severity::Info, format!("Drill: the feed goes on over {name}."));
        } else if told && !returns {
            // The alarm of the connection ends when no line is down any more.
            let whole = self.lines.iter().all(|line| line.state != LineState::Down);
            let kind = if whole { FindingKind::Resumed } else { FindingKind::FailedOver };
            finding = tells(kind, Severity::Info, format!("{name} is connected again."));
        }
        Meaning { concerns_feed: first, finding }
    }

    pub(crate) fn lost(&mut self, line: u8, at: Time, reason: &str, refused: bool) -> Meaning {
        let feed = self.feed;
        let before = self.up();
        let Some(of) = self.lines.get_mut(usize::from(line)) else {
            return Meaning { concerns_feed: false, finding: None };
        };
        (of.state, of.drilled) = (LineState::Down, false);
        reason.clone_into(&mut of.reason);
        let told = std::mem::replace(&mut of.told, true);
        let name = of.settings.name.clone();
        let after: Vec<&str> = self
            .lines
            .iter()
            .filter(|line| line.state == LineState::Up)
            .map(|line| line.settings.name.as_str())
            .collect();
        let concerns_feed = after.is_empty();
        let kind = if before > after.len() { FindingKind::Closed } else { FindingKind::Refused };
        let finding = (!concerns_feed && !told).then(|| {
            let text = format!("{name} is down; the feed goes on over {}. {reason}", after.join(" and "));
            // One that needs a person gets no better by the other's being there.
            let severity = if refused { Severity::Critical } else { Severity::Warning };
            Finding::new(Check::Connection, kind, feed, at, severity, text)
        });
        Meaning { concerns_feed, finding }
    }

    pub(crate) fn stood_down(&mut self, line: u8, at: Time, why: Shut) -> Meaning {
        let feed = self.feed;
        let Some(of) = self.lines.get_mut(usize::from(line)) else {
            return Meaning { concerns_feed: false, finding: None };
        };
        let was_up = of.state == LineState::Up;
        of.state = LineState::Standby;
        of.drilled = why == Shut::Drill;
        of.reason.clear();
        let told = std::mem::take(&mut of.told);
        let name = of.settings.name.clone();
        // That it is not needed any more ends what was said of it, and of the one before it.
        let is_well = self.lines.iter().all(|line| line.state != LineState::Down);
        let over = self.lines.iter().take(usize::from(line)).find(|line| is_up(line));
        let text = match over {
            Some(over) if was_up && why == Shut::NotNeeded => {
                Some(format!("The feed is back on {}.", over.settings.name))
            }
            _ => (told && self.up() > 0).then(|| format!("{name} is not needed any more.")),
        };
        let tells = |text| Finding::new(Check::Connection, FindingKind::Resumed, feed, at, Severity::Info, text);
        let finding = text.filter(|_| is_well).map(tells);
        Meaning { concerns_feed: was_up && self.up() == 0, finding }
    }

    pub(crate) fn ended(&mut self, line: u8) {
        if let Some(of) = self.lines.get_mut(usize::from(line)) {
            of.state = LineState::Ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(redundant: bool) -> Lines {
        let settings =
            ["preferred", "tokyo"].map(|name| LineSettings { name: name.to_owned(), address: String::new() });
        Lines::new(FeedId(1), &settings, redundant)
    }

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn told(meaning: &Meaning) -> Option<(FindingKind, Severity, String)> {
        meaning.finding.as_ref().map(|finding| (finding.kind, finding.severity, finding.text.clone()))
    }

    #[test]
    fn a_feed_that_fails_over_is_told_and_so_is_its_return() {
        let mut lines = lines(false);
        lines.connecting(0);
        assert_eq!(lines.connected(0, at(0)), Meaning { concerns_feed: true, finding: None });
        let lost = lines.lost(0, at(1), "It was cut.", false);
        assert_eq!(lost, Meaning { concerns_feed: true, finding: None }, "the feed itself is down");
        let over = lines.connected(1, at(2));
        let text = "The feed goes on over tokyo. preferred is down: It was cut.".to_owned();
        assert_eq!(told(&over), Some((FindingKind::FailedOver, Severity::Warning, text)));
        assert!(over.concerns_feed);
        assert_eq!(lines.degraded().unwrap(), "over tokyo, since preferred is down: It was cut.");
        let back = lines.connected(0, at(3));
        assert_eq!(back, Meaning { concerns_feed: false, finding: None }, "it is on tokyo still");
        let returned = lines.stood_down(1, at(4), Shut::NotNeeded);
        let text = "The feed is back on preferred.".to_owned();
        assert_eq!(told(&returned), Some((FindingKind::Resumed, Severity::Info, text)));
        assert!(!returned.concerns_feed);
        assert_eq!(lines.degraded(), None);
    }

    #[test]
    fn one_line_of_a_redundant_feed_is_told_once_and_does_not_concern_the_feed() {
        let mut lines = lines(true);
        lines.connected(0, at(0));
        lines.connected(1, at(0));
        let lost = lines.lost(1, at(1), "It was cut.", false);
        assert!(!lost.concerns_feed);
        assert_eq!(told(&lost).unwrap().2, "tokyo is down; the feed goes on over preferred. It was cut.");
        assert_eq!(told(&lines.lost(1, at(2), "Nobody there.", false)), None, "it is still down");
        assert_eq!(lines.degraded().unwrap(), "1 of 2 endpoints, without tokyo: Nobody there.");
        assert_eq!(told(&lines.connected(1, at(3))).unwrap().0, FindingKind::Resumed);
        assert_eq!(lines.degraded(), None);
    }

    #[test]
    fn when_all_lines_of_a_redundant_feed_were_down_the_one_that_still_is_is_told_again() {
        let mut lines = lines(true);
        lines.connected(0, at(0));
        lines.connected(1, at(0));
        lines.lost(1, at(1), "It was cut.", false);
        assert!(lines.lost(0, at(2), "So was this.", false).concerns_feed);
        let back = lines.connected(0, at(3));
        let text = "The feed goes on over preferred. tokyo is down: It was cut.".to_owned();
        assert_eq!(told(&back), Some((FindingKind::FailedOver, Severity::Warning, text)));
        assert_eq!(told(&lines.connected(1, at(4))).unwrap().0, FindingKind::Resumed);
    }

    #[test]
    fn a_backup_that_cannot_be_had_does_not_degrade_a_feed_that_is_back_on_its_preferred_endpoint() {
        let mut lines = lines(false);
        lines.connected(0, at(0));
        lines.lost(0, at(1), "It was cut.", false);
        lines.lost(1, at(2), "Nobody there.", false);
        assert_eq!(lines.degraded(), None, "it is down");
        lines.connected(0, at(3));
        assert_eq!(lines.degraded(), None);
    }

    #[test]
    fn what_was_said_of_a_backup_that_could_not_be_had_ends_when_it_is_not_needed() {
        let mut lines = lines(false);
        lines.connected(0, at(0));
        lines.connecting(1);
        let refused = lines.lost(1, at(1), "It wants another password.", true);
        assert_eq!(told(&refused).unwrap().1, Severity::Critical, "it was asked since the other was quiet");
        assert_eq!(told(&lines.stood_down(1, at(2), Shut::NotNeeded)).unwrap().0, FindingKind::Resumed);
    }

    #[test]
    fn a_drill_is_no_loss() {
        let mut lines = lines(false);
        lines.connected(0, at(0));
        assert!(lines.stood_down(0, at(1), Shut::Drill).concerns_feed);
        let over = lines.connected(1, at(1));
        assert_eq!(told(&over).unwrap().1, Severity::Info);
        assert!(lines.is_drilled() && lines.degraded().is_none());
        assert_eq!(told(&lines.connected(0, at(2))), None);
        assert!(!lines.is_drilled());
    }

    #[test]
    fn of_a_feed_with_one_endpoint_everything_concerns_the_feed() {
        let mut lines = Lines::new(FeedId(1), &[], false);
        assert_eq!(lines.connected(0, at(0)), Meaning { concerns_feed: true, finding: None });
        assert_eq!(lines.lost(0, at(1), "x", true), Meaning { concerns_feed: true, finding: None });
        assert_eq!(lines.connected(0, at(2)), Meaning { concerns_feed: true, finding: None });
        assert!(lines.all().is_empty());
    }
}
