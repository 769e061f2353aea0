//! Sequence numbers: what is missing, what came again, what came late, per (rule, scope).
//!
//! By how the numbers of a rule follow each other, a scope is a [`super::lane`] (they count), a [`super::chain`] (each
//! message names the one before) or a [`super::rising`] (they only grow).
//!
//! - What is missing is one gap, told 8 messages of the scope or 1 s of receive time after the first message behind
//!   it, so that a swap is one `out-of-order` and no gap.
//! - A number that comes after its gap was told is `healed`.
//! - A number that came before is `repeated`.
//! - Behind a reconnect a jump ahead is a gap "while the connection was lost", and much lower numbers (more than 1,000
//!   behind, or 0 or 1) start anew without a word. Without a reconnect three of them in a row are told as a new start.
//! - A message that begins its sequence anew (a snapshot) is compared with nothing; holes that are still held are told first.
//!
//! One message is told once: what a second rule says of it, that the first one has said, is left out.

use std::collections::VecDeque;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, SequenceMark, Severity, Time};

use super::holding::{Holding, shown};
use super::lane::{Filled, Hole, Place, Step, Wait};
use super::rule::{Numbers, Rule};
use super::words;
use super::{Arrival, Scopes};

const MAX_RULES: usize = 64;
const MAX_SCOPES: usize = 100_000;
const MAX_DROPS: usize = 64;
const HELD_NANOS: i64 = NANOS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Sequences {
    feed: FeedId,
    rules: Vec<Rule>,
    /// Counts connections from 1.
    epoch: u32,
    /// Several lines bring the feed at once.
    overlapping: bool,
    /// When the oldest hole becomes a gap.
    deadline: Time,
    /// Scopes with holes that are held.
    holding: Vec<Holding>,
    drops: VecDeque<Drop>,
    due: Vec<Hole>,
    filled: Filled,
}

/// Messages dropped at our inbox, as far as no gap accounts for them yet.
#[derive(Debug)]
struct Drop {
    first: u64,
    last: u64,
    left: u64,
}

/// What is told of a message, merged over its marks.
struct Told {
    kind: FindingKind,
    rule: u32,
    scope: u32,
    from: u64,
    to: u64,
    behind: u64,
    /// How many of them had been told as missing.
    filled: u64,
    restart: bool,
}

impl Sequences {
    pub(super) fn new(feed: FeedId) -> Sequences {
        Sequences {
            feed,
            rules: Vec::new(),
            epoch: 1,
            overlapping: false,
            deadline: Time::MAX,
            holding: Vec::new(),
            drops: VecDeque::new(),
            due: Vec::new(),
            filled: Vec::new(),
        }
    }

    /// Another message: nothing is filled by it yet.
    #[inline]
    pub(super) fn another(&mut self) {
        self.filled.clear();
    }

    pub(super) fn take_filled(&mut self) -> impl Iterator<Item = (Time, u64)> {
        self.filled.drain(..)
    }

    pub(super) fn connected(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
    }

    pub(super) fn overlapping(&mut self, on: bool) {
        self.overlapping = on;
    }

    pub(super) fn dropped(&mut self, first: u64, count: u64) {
        if count == 0 {
            return;
        }
        if self.drops.len() == MAX_DROPS {
            self.drops.pop_front();
        }
        self.drops.push_back(Drop { first, last: first.saturating_add(count - 1), left: count });
    }

    pub(super) fn observe(
        &mut self,
        message: &Message,
        marks: &[SequenceMark],
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        let mut told: Option<Told> = None;
        let (mut any_new, mut any_late, mut any_old) = (false, false, false);
        for mark in marks {
            let place = Place {
                first: mark.first,
                last: mark.last,
                message: message.number,
                at: message.received,
                epoch: self.epoch,
                shared: self.overlapping,
            };
            let goes_on = match self.rule(mark, scopes) {
                None => true,
                Some(Rule::Counting(lanes)) if !mark.restarts && !mark.before => {
                    lanes.get_mut(mark.scope as usize).is_some_and(|lane| lane.next(&place))
                }
                Some(_) => false,
            };
            if goes_on {
                any_new = true;
                continue;
            }
            if mark.before {
                self.begin(mark, &place, out);
                continue;
            }
            let counted = self.filled.len();
            let step = self.slow(mark, &place, scopes, out);
            match step {
                Step::Next | Step::Hole | Step::Restart { .. } => any_new = true,
                Step::Fills { .. } | Step::Before => any_late = true,
                Step::Repeated => any_old = true,
            }
            if step != Step::Next {
                let filled =
                    self.filled.iter().skip(counted).fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
                self.note(mark, (step, filled), &mut told, message, scopes, out);
            }
        }
        self.tell(told, message, scopes, out);
        match (any_new, any_late, any_old) {
            (false, false, true) => Arrival::Duplicate,
            (_, true, _) => Arrival::Late,
            _ => Arrival::Fresh,
        }
    }

    /// The rule of a mark, with its scope made if it is new; `None` beyond the limits.
    #[inline]
    fn rule(&mut self, mark: &SequenceMark, scopes: &dyn Scopes) -> Option<&mut Rule> {
        let (rule, scope) = (mark.rule as usize, mark.scope as usize);
        if rule >= MAX_RULES || scope >= MAX_SCOPES {
            return None;
        }
        while self.rules.len() <= rule {
            self.rules.push(Rule::new(scopes.rule(self.rules.len() as u32).0));
        }
        let rule = self.rules.get_mut(rule)?;
        rule.reach(scope);
        Some(rule)
    }

    /// A scope begins behind a number that came before its rule was known.
    #[cold]
    fn begin(&mut self, mark: &SequenceMark, place: &Place, out: &mut Vec<Finding>) {
        self.decide_scope(mark, Wait::No, out);
        if let Some(scope) = self.scope_mut(mark) {
            scope.begin(place);
        }
    }

    fn scope_mut(&mut self, mark: &SequenceMark) -> Option<&mut dyn Numbers> {
        self.rules.get_mut(mark.rule as usize)?.scope_mut(mark.scope as usize)
    }

    /// A number that is not simply the next one of those that count.
    fn slow(&mut self, mark: &SequenceMark, place: &Place, scopes: &dyn Scopes, out: &mut Vec<Finding>) -> Step {
        if mark.restarts {
            self.begin(mark, place, out);
            return Step::Restart { silent: true };
        }
        let Sequences { rules, filled, drops, .. } = self;
        let at = mark.scope as usize;
        let Some(rule) = rules.get_mut(mark.rule as usize) else { return Step::Next };
        let Some(scope) = rule.scope(at) else { return Step::Next };
        let (was_holding, held, since) = (scope.is_holding(), scope.held(), scope.last_message());
        let step = rule.step(at, place, filled);
        let Some(scope) = rule.scope_mut(at) else { return step };
        if let Some(hole) = scope.newest().filter(|_| step == Step::Hole) {
            let missing = hole.missing();
            hole.here = attribute(drops, since, place.message, missing);
        }
        if scope.held() > held
            && let Some(held_since) = scope.held_since()
        {
            self.deadline = self.deadline.min(held_since.plus_nanos(HELD_NANOS));
        }
        let is_holding = scope.is_holding();
        if is_holding {
            let known = self.holding.iter().any(|held| (held.rule, held.scope) == (mark.rule, mark.scope));
            if !known {
                let per = scopes.per(mark.rule, mark.scope);
                self.holding.push(Holding { rule: mark.rule, scope: mark.scope, per, modulus: None });
            }
        }
        if was_holding || is_holding {
            // It may have become known since the hole was opened that the numbers go round.
            let (_, modulus) = scopes.rule(mark.rule);
            for held in self.holding.iter_mut().filter(|held| (held.rule, held.scope) == (mark.rule, mark.scope)) {
                held.modulus = modulus;
            }
            let wait = if self.overlapping { Wait::Time } else { Wait::TimeOrMessages };
            self.decide_scope(mark, wait, out);
        }
        step
    }

    /// Tells what was held long enough in one scope.
    fn decide_scope(&mut self, mark: &SequenceMark, wait: Wait, out: &mut Vec<Finding>) {
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        if let Some(rule) = self.rules.get_mut(mark.rule as usize) {
            let held = self.holding.iter().find(|held| (held.rule, held.scope) == (mark.rule, mark.scope));
            if let Some(held) = held {
                held.decide(rule, Time::MIN, wait, &mut due, self.feed, out);
            }
        }
        self.due = due;
    }

    /// Merges what the marks of one message tell: a batch that comes again is one finding.
    #[cold]
    fn note(
        &mut self,
        mark: &SequenceMark,
        (step, filled): (Step, u64),
        told: &mut Option<Told>,
        message: &Message,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        let kind = match step {
            // Another line has it, or had it before.
            Step::Fills { told: false } | Step::Before | Step::Repeated if self.overlapping => return,
            Step::Fills { told: false } | Step::Before | Step::Restart { silent: false } => FindingKind::OutOfOrder,
            Step::Fills { told: true } => FindingKind::Healed,
            Step::Repeated => FindingKind::Repeated,
            Step::Next | Step::Hole | Step::Restart { silent: true } => return,
        };
        let rule = self.rules.get(mark.rule as usize);
        // What names the one before it is one message.
        let first = if matches!(rule, Some(Rule::Counting(_))) { mark.first } else { mark.last };
        let last = mark.last.max(first);
        let restart = matches!(step, Step::Restart { .. });
        if let Some(before) = told {
            let same_lane = (before.rule, before.scope) == (mark.rule, mark.scope);
            if before.kind == kind && !restart && same_lane && before.to.checked_add(1) == Some(first) {
                before.to = last;
                before.filled = before.filled.saturating_add(filled);
                return;
            }
            // The same message by another rule or scope: it is told once.
            let once = matches!(kind, FindingKind::Repeated | FindingKind::OutOfOrder) && before.rule != mark.rule;
            if before.kind == kind && (once || kind == FindingKind::Repeated) {
                return;
            }
        }
        let behind = rule.and_then(|rule| rule.scope(mark.scope as usize)).map_or(0, |scope| scope.highest());
        let next = Told { kind, rule: mark.rule, scope: mark.scope, from: first, to: last, behind, filled, restart };
        self.tell(told.replace(next), message, scopes, out);
    }

    fn tell(&mut self, told: Option<Told>, message: &Message, scopes: &dyn Scopes, out: &mut Vec<Finding>) {
        let Some(told) = told else { return };
        let (_, modulus) = scopes.rule(told.rule);
        let shown = |number| shown(number, modulus);
        let per = scopes.per(told.rule, told.scope);
        let of = words::of(&words::label(&per));
        let numbers = words::range(shown(told.from), shown(told.to));
        let (check, severity, text) = match told.kind {
            FindingKind::Healed => {
                let text = match told.to.saturating_sub(told.from).saturating_add(1) {
                    count if told.filled > 0 && told.filled < count => {
                        format!(
                            "{numbers}{of} came after all; {} of them had been taken as lost.",
                            words::count(told.filled)
                        )
                    }
                    _ => format!("{numbers}{of} came after all, after it was taken as lost."),
                };
                (Check::Sequence, Severity::Info, text)
            }
            FindingKind::Repeated => (Check::Duplicate, Severity::Warning, format!("{numbers}{of} came again.")),
            _ if told.restart => {
                let name = scopes.rule_name(told.rule);
                let text = format!(
                    "The numbers{of} ({}) start anew at {}, though the connection was not lost.",
                    words::label(&[(name.clone(), name)]),
                    shown(told.from)
                );
                (Check::Order, Severity::Warning, text)
            }
            _ => (Check::Order, Severity::Warning, format!("{numbers}{of} came late, behind {}.", shown(told.behind))),
        };
        out.push(Finding {
            per,
            message: Some(message.number),
            from: Some(shown(told.from)),
            to: Some(shown(told.to)),
            ..Finding::new(check, told.kind, self.feed, message.received, severity, text)
        });
    }

    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if now >= self.deadline {
            self.decide(now.plus_nanos(-HELD_NANOS), false, out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        self.decide(Time::MAX, true, out);
    }

    fn decide(&mut self, opened_before: Time, all: bool, out: &mut Vec<Finding>) {
        let wait = match (all, self.overlapping) {
            (true, _) => Wait::No,
            (false, true) => Wait::Time,
            (false, false) => Wait::TimeOrMessages,
        };
        self.deadline = Time::MAX;
        let Sequences { rules, holding, due, deadline, feed, .. } = self;
        holding.retain(|held| {
            let Some(rule) = rules.get_mut(held.rule as usize) else { return false };
            due.clear();
            held.decide(rule, opened_before, wait, due, *feed, out);
            let Some(scope) = rule.scope(held.scope as usize) else { return false };
            if let Some(since) = scope.held_since() {
                *deadline = (*deadline).min(since.plus_nanos(HELD_NANOS));
            }
            scope.is_holding()
        });
    }
}

/// How many of `missing` messages between `since` and `until` were dropped here; each drop accounts for one number.
fn attribute(drops: &mut VecDeque<Drop>, since: u64, until: u64, missing: u64) -> u64 {
    let mut here = 0;
    for drop in drops.iter_mut().filter(|drop| drop.last > since && drop.first < until) {
        let taken = drop.left.min(missing - here);
        drop.left -= taken;
        here += taken;
    }
    drops.retain(|drop| drop.left > 0);
    here
}
