//! The checks as rows, time as columns.

use feedwatch_model::{Alarm, Check, Finding, LedgerCounts, LedgerWidth, Profile, Protocol, Severity, Time};

use crate::pipeline::FeedStage;
use crate::text::many;
use crate::wire::{CheckRow, Level};

/// The rows, from the top: a check, what it is called, the line of the scorecard it counts for.
const ROWS: [(Check, &str, &str); 16] = [
    (Check::Sequence, "Nothing is missing", "completeness"),
    (Check::Duplicate, "Nothing comes twice", "completeness"),
    (Check::Connection, "The connection stands", "completeness"),
    (Check::Order, "In the order it was sent", "order"),
    (Check::Silence, "It speaks", "timeliness"),
    (Check::Rate, "At its usual rate", "timeliness"),
    (Check::Lateness, "In time", "timeliness"),
    (Check::Clock, "The source's clock", "timeliness"),
    (Check::Decode, "Readable", "validity"),
    (Check::Schema, "The expected shape", "validity"),
    (Check::Range, "Plausible values", "validity"),
    (Check::Conflict, "No two versions of one", "validity"),
    (Check::Checksum, "Undamaged", "authenticity"),
    (Check::Signature, "Signed", "authenticity"),
    (Check::Agreement, "Lines agree", "authenticity"),
    (Check::Security, "The server's certificate", "authenticity"),
];

/// Whole minutes, hours or days from edge to edge.
pub(super) struct Columns {
    begin: i64,
    step: i64,
    count: usize,
    width: LedgerWidth,
}

impl Columns {
    /// So many at most, that hold all of the span.
    pub(super) fn of(from: Time, to: Time, most: u32) -> Columns {
        let span = to.nanos().saturating_sub(from.nanos()).max(1);
        if most == 1 {
            let minute = LedgerWidth::Minute.nanos();
            let begin = from.nanos().div_euclid(minute).saturating_mul(minute);
            let reach = to.nanos().saturating_sub(begin);
            let step = (reach.div_euclid(minute) + i64::from(reach.rem_euclid(minute) > 0)).saturating_mul(minute);
            return Columns { begin, step: step.max(1), count: 1, width: LedgerWidth::Minute };
        }
        let fits = |width: &LedgerWidth, times: i64| {
            let step = width.nanos().saturating_mul(times);
            // One more, since the span begins anywhere in its first column.
            (span / step).saturating_add(2) <= i64::from(most)
        };
        let steps = [
            (LedgerWidth::Minute, [1, 2, 5, 10, 15, 30]),
            (LedgerWidth::Hour, [1, 2, 3, 4, 6, 12]),
            (LedgerWidth::Day, [1, 2, 7, 14, 28, 91]),
        ];
        let mut choices = steps.iter().flat_map(|(width, times)| times.iter().map(move |times| (*width, *times)));
        let (width, times) = choices
            .find(|(width, times)| fits(width, *times))
            .unwrap_or((LedgerWidth::Day, 1 + span / LedgerWidth::Day.nanos()));
        let step = width.nanos().saturating_mul(times);
        let begin = from.nanos().div_euclid(step).saturating_mul(step);
        let reach = to.nanos().saturating_sub(begin);
        let count = reach.div_euclid(step) + i64::from(reach.rem_euclid(step) > 0);
        Columns { begin, step, count: usize::try_from(count.clamp(1, 1_000)).unwrap_or(1), width }
    }

    pub(super) fn begin(&self) -> Time {
        Time::from_nanos(self.begin)
    }

    pub(super) fn end(&self) -> Time {
        Time::from_nanos(self.begin.saturating_add(self.step.saturating_mul(self.count as i64)))
    }

    pub(super) fn width(&self) -> LedgerWidth {
        self.width
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn step_ms(&self) -> f64 {
        self.step as f64 / 1e6
    }

    pub(super) fn place(&self, at: Time) -> Option<usize> {
        let place = at.nanos().checked_sub(self.begin)?.div_euclid(self.step);
        usize::try_from(place).ok().filter(|place| *place < self.count)
    }
}

/// What of a feed can be checked at all.
pub(super) struct Judged {
    profile: Profile,
    protocol: Protocol,
    lines: usize,
}

impl Judged {
    pub(super) fn of(stage: &FeedStage) -> Judged {
        Judged { profile: stage.profile(), protocol: stage.settings().protocol, lines: stage.settings().lines.len() }
    }

    /// What the checks stand on, a sentence each.
    pub(super) fn rules(&self) -> Vec<String> {
        let held = |checked: u64, violations: u64| {
            format!(
                "held on {} of {}",
                crate::text::count_of(checked.saturating_sub(violations)),
                many(checked, "pair")
            )
        };
        let sequences = self.profile.sequence.iter().map(|rule| {
            let per = if rule.per.is_empty() { "the connection".to_owned() } else { rule.per.join(" and ") };
            let (paths, word) = (rule.paths.join(", "), rule.rule.word());
            format!("{paths} by the rule {word}, for each {per}: {}.", held(rule.checked, rule.violations))
                .replace("for each the connection", "over the whole connection")
        });
        let checksums = self.profile.checksum.iter().map(|rule| {
            format!(
                "{} is {}: fitted in {} of {}.",
                rule.path,
                rule.rule,
                crate::text::count_of(rule.checked.saturating_sub(rule.violations)),
                many(rule.checked, "message")
            )
        });
        let mut times: Vec<String> = Vec::new();
        for time in self.profile.kinds.iter().filter_map(|kind| kind.time.as_ref()) {
            let text = format!("{} is the event time ({}).", time.path, time.unit.word());
            if !times.contains(&text) {
                times.push(text);
            }
        }
        sequences.chain(checksums).chain(times).collect()
    }

    /// Why a check has nothing to go by.
    fn why_not(&self, check: Check, sum: &LedgerCounts) -> Option<&'static str> {
        let numbered = sum.numbered > 0 || !self.profile.sequence.is_empty();
        let timed = sum.timed > 0 || self.profile.kinds.iter().any(|kind| kind.time.is_some());
        let is_state = self.protocol == Protocol::Poll;
        match check {
            Check::Sequence | Check::Order if is_state => {
                Some("What is asked for is a state: nothing is missing between two.")
            }
            Check::Sequence | Check::Order if !numbered => Some("Its messages are not numbered."),
            Check::Duplicate | Check::Conflict if is_state => Some("The same state twice is no repetition."),
            Check::Duplicate | Check::Conflict if !numbered && !timed => {
                Some("Its messages have neither a number nor a time to know them by.")
            }
            Check::Lateness | Check::Clock if !timed => Some("Its messages tell no time."),
            Check::Lateness | Check::Rate if is_state => Some("It comes when it is asked for."),
            Check::Silence | Check::Rate if self.protocol == Protocol::Webhook => {
                Some("Who calls may have nothing to say.")
            }
            Check::Checksum if self.profile.checksum.is_empty() && sum.checked == 0 => {
                Some("No checksum was found in it.")
            }
            Check::Signature
                if sum.checked == 0 || self.profile.checksum.iter().all(|rule| !is_signature(&rule.rule)) =>
            {
                Some("It is not signed, or no key was given.")
            }
            Check::Agreement if self.lines < 2 => Some("It has one line only."),
            Check::Connection if self.protocol == Protocol::File => Some("A file has no connection."),
            _ => None,
        }
    }
}

fn is_signature(rule: &str) -> bool {
    rule.starts_with("hmac") || rule.starts_with("jws")
}

/// The rows of the matrix.
pub(super) fn rows(
    judged: &Judged,
    columns: &Columns,
    ledger: &[LedgerCounts],
    found: &[Finding],
    alarms: &[Alarm],
    sum: &LedgerCounts,
) -> Vec<CheckRow> {
    let row = |(check, title, score): (Check, &str, &str)| {
        let own: Vec<&Finding> = found.iter().filter(|finding| finding.check == check).collect();
        let mut levels = vec![Level::Ok; columns.count()];
        let mut counts: Vec<u64> = ledger.iter().map(|column| column.findings.get(check)).collect();
        let mut listed = vec![0_u64; columns.count()];
        for finding in &own {
            let Some(place) = columns.place(finding.at) else { continue };
            if let (Some(level), Some(count)) = (levels.get_mut(place), listed.get_mut(place)) {
                *level = (*level).max(finding.severity.into());
                *count += 1;
            }
        }
        for ((count, listed), level) in counts.iter_mut().zip(&listed).zip(&mut levels) {
            // The ledger may not have the latest yet.
            *count = (*count).max(*listed);
            if *count > 0 {
                *level = (*level).max(Level::Info);
            }
        }
        let why_not = judged.why_not(check, sum).filter(|_| own.is_empty());
        let active = alarms.iter().filter(|alarm| alarm.source.check == check && alarm.state.is_active());
        let level = active.map(|alarm| Level::from(alarm.severity)).max().unwrap_or(Level::Ok);
        let total: u64 = counts.iter().sum();
        CheckRow {
            check: check.word().to_owned(),
            title: title.to_owned(),
            score: score.to_owned(),
            judged: why_not.is_none(),
            state: why_not
                .map_or_else(|| state(total, own.iter().max_by_key(|finding| finding.at), level), str::to_owned),
            level,
            counts: counts.into_iter().map(|count| u32::try_from(count).unwrap_or(u32::MAX)).collect(),
            levels,
        }
    };
    ROWS.into_iter().map(row).collect()
}

/// How a check stands, in a sentence.
fn state(total: u64, last: Option<&&Finding>, level: Level) -> String {
    let Some(last) = last else {
        return if total == 0 {
            "Nothing to find fault with.".to_owned()
        } else {
            format!("{} in all.", many(total, "finding"))
        };
    };
    let over = match (level, last.severity) {
        (Level::Ok, Severity::Info) => " It is over.",
        (Level::Ok, _) => "",
        _ => " It goes on.",
    };
    format!("{}. The last: {}{over}", many(total, "finding"), last.text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Columns hold all of the span, are no more than were asked for, and begin where a slot of the ledger does.
        #[test]
        fn columns_hold_the_span(from in -4e18..4e18_f64, span in 1.0..3e18_f64, most in 1..500_u32) {
            let (from, to) = (Time::from_nanos(from as i64), Time::from_nanos((from + span) as i64));
            prop_assume!(to > from);
            let columns = Columns::of(from, to, most);
            prop_assert!(columns.count() <= most as usize, "{} of {most}", columns.count());
            prop_assert!(columns.begin() <= from && columns.end() >= to);
            prop_assert_eq!(columns.begin().nanos().rem_euclid(columns.width().nanos()), 0);
            prop_assert_eq!(columns.place(from), Some(0));
            prop_assert_eq!(columns.place(to.plus_nanos(-1)), Some(columns.count() - 1));
            prop_assert_eq!(columns.place(columns.begin().plus_nanos(-1)), None);
        }
    }

    #[test]
    fn every_check_has_a_row() {
        let rows: Vec<Check> = ROWS.iter().map(|(check, ..)| *check).collect();
        // What a series does says something of the world, not of the feed.
        let others: Vec<Check> = Check::ALL.iter().copied().filter(|check| !rows.contains(check)).collect();
        assert_eq!(others, [Check::Anomaly]);
    }
}
