//! What is told of holes that were held long enough, and of numbers that are damaged.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Severity, Time};

use super::lane::{Hole, Per, Place, Wait};
use super::rule::Rule;
use super::words;

/// A scope with holes that are held, and what it is called.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) rule: u32,
    pub(super) scope: u32,
    pub(super) per: Per,
    pub(super) modulus: Option<u64>,
}

impl Holding {
    /// Tells what was held long enough, and which numbers are damaged.
    pub(super) fn decide(
        &self,
        rule: &mut Rule,
        opened_before: Time,
        wait: Wait,
        due: &mut Vec<Hole>,
        feed: FeedId,
        out: &mut Vec<Finding>,
    ) {
        let chained = matches!(rule, Rule::Chain(_));
        let Some(scope) = rule.scope_mut(self.scope as usize) else { return };
        scope.take_due(opened_before, wait, due);
        out.extend(scope.take_alone().iter().map(|place| self.alone(place, feed)));
        out.extend(due.iter().map(|hole| self.gap(hole, feed, chained)));
    }

    /// A number far ahead of all others, while the numbers went on as before.
    #[cold]
    fn alone(&self, place: &Place, feed: FeedId) -> Finding {
        let (from, to) = (shown(place.first, self.modulus), shown(place.last, self.modulus));
        let text = format!(
            "{}{} stands alone, far ahead of those before and behind it: the number is damaged.",
            words::range(from, to),
            words::of(&words::label(&self.per))
        );
        Finding {
            per: self.per.clone(),
            message: Some(place.message),
            from: Some(from),
            to: Some(to),
            ..Finding::new(Check::Order, FindingKind::OutOfOrder, feed, place.at, Severity::Warning, text)
        }
    }

    fn gap(&self, hole: &Hole, feed: FeedId, chained: bool) -> Finding {
        let label = words::label(&self.per);
        let shown = |number| shown(number, self.modulus);
        let (from, to) = (shown(hole.from), shown(hole.to));
        let missing = (!chained).then(|| hole.missing());
        let text = match missing {
            Some(missing) => sentence(hole, missing, &words::range(from, to), &label),
            None => chained_sentence(hole, &label),
        };
        Finding {
            per: self.per.clone(),
            message: Some(hole.message),
            from: Some(from),
            to: Some(to),
            missing,
            ..Finding::new(Check::Sequence, FindingKind::Gap, feed, hole.at, Severity::Warning, text)
        }
    }
}

/// A number as the message says it.
pub(super) fn shown(number: u64, modulus: Option<u64>) -> u64 {
    modulus.and_then(|modulus| number.checked_rem(modulus)).unwrap_or(number)
}

/// `Lost 3 messages of BTC-USD: 17 to 19 never came.`
fn sentence(hole: &Hole, missing: u64, numbers: &str, label: &str) -> String {
    let head =
        format!("Lost {}{}{}: {numbers} never came", words::messages(missing), words::of(label), when(hole.outage));
    let here = hole.here.min(missing);
    if here == 0 {
        return format!("{head}.");
    }
    let dropped = format!("{} dropped here because the queue was full", words::count(here));
    if here == missing {
        format!("{head}; {dropped}.")
    } else {
        format!("{head}; {dropped}, {} lost before they came.", words::count(missing - here))
    }
}

/// `Lost messages of BTC-USD: 17, which the next one names as the one before it, never came.`
fn chained_sentence(hole: &Hole, label: &str) -> String {
    let here = if hole.here > 0 { " Messages were dropped here meanwhile because the queue was full." } else { "" };
    format!(
        "Lost messages{}{}: {}, which the next one names as the one before it, never came.{here}",
        words::of(label),
        when(hole.outage),
        hole.from
    )
}

fn when(outage: bool) -> &'static str {
    if outage { " while the connection was lost" } else { "" }
}
