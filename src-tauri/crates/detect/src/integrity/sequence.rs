//! Sequence numbers, rule `plus-one`: each is the one before plus one, per (rule, scope).
//!
//! - Missing numbers are one gap, told 8 messages of the scope or 1 s of receive time after the first message behind
//!   it, so that a swap is one `out-of-order` and no gap.
//! - A number that comes after its gap was told is `healed`.
//! - A number that came before is `repeated`.
//! - Behind a reconnect a jump ahead is a gap "while the connection was lost", and much lower numbers (more than 1,000
//!   behind, or 0 or 1) start anew without a word. Without a reconnect three of them in a row are told as a new start.

use std::collections::VecDeque;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, SequenceMark, Severity, Time};

use super::lane::{Hole, Lane, Per, Place, Step, Wait};
use super::words;
use super::{Arrival, Scopes};

const MAX_RULES: usize = 64;
const MAX_SCOPES: usize = 100_000;
const MAX_DROPS: usize = 64;
const HELD_NANOS: i64 = NANOS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Sequences {
    feed: FeedId,
    /// By rule, then by scope.
    lanes: Vec<Vec<Lane>>,
    /// Counts connections from 1.
    epoch: u32,
    /// Several lines bring the feed at once.
    overlapping: bool,
    /// When the oldest hole becomes a gap.
    deadline: Time,
    /// Lanes with holes that are held.
    holding: Vec<(u32, u32)>,
    drops: VecDeque<Drop>,
    due: Vec<Hole>,
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
    restart: bool,
}

impl Sequences {
    pub(super) fn new(feed: FeedId) -> Sequences {
        Sequences {
            feed,
            lanes: Vec::new(),
            epoch: 1,
            overlapping: false,
            deadline: Time::MAX,
            holding: Vec::new(),
            drops: VecDeque::new(),
            due: Vec::new(),
        }
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
            };
            let Some(lane) = lane(&mut self.lanes, mark) else {
                any_new = true;
                continue;
            };
            if lane.next(&place) {
                any_new = true;
                continue;
            }
            let step = self.slow(mark, &place, scopes, out);
            match step {
                Step::Next | Step::Hole | Step::Restart { .. } => any_new = true,
                Step::Fills { .. } | Step::Before => any_late = true,
                Step::Repeated => any_old = true,
            }
            self.note(mark, step, &mut told, message, scopes, out);
        }
        self.tell(told, message, scopes, out);
        match (any_new, any_late, any_old) {
            (false, false, true) => Arrival::Duplicate,
            (_, true, _) => Arrival::Late,
            _ => Arrival::Fresh,
        }
    }

    /// A number that is not simply the next one.
    fn slow(&mut self, mark: &SequenceMark, place: &Place, scopes: &dyn Scopes, out: &mut Vec<Finding>) -> Step {
        let Some(lane) = lane(&mut self.lanes, mark) else { return Step::Next };
        let was_holding = lane.is_holding();
        let since = lane.last_message();
        let step = lane.step(place);
        if step == Step::Hole {
            lane.per(|| scopes.per(mark.rule, mark.scope));
            if let Some(hole) = lane.newest() {
                hole.here = attribute(&mut self.drops, since, place.message, hole.missing());
                self.deadline = self.deadline.min(hole.at.plus_nanos(HELD_NANOS));
            }
            if !was_holding {
                self.holding.push((mark.rule, mark.scope));
            }
        }
        let mut due = std::mem::take(&mut self.due);
        let wait = if self.overlapping { Wait::Time } else { Wait::TimeOrMessages };
        lane.take_due(Time::MIN, wait, &mut due);
        self.report(mark.rule, mark.scope, &mut due, out);
        self.due = due;
        step
    }

    /// Merges what the marks of one message tell: a batch that comes again is one finding.
    fn note(
        &mut self,
        mark: &SequenceMark,
        step: Step,
        told: &mut Option<Told>,
        message: &Message,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        let kind = match step {
            // Another line has it, or had it before.
            Step::Fills { held: true, .. } | Step::Before | Step::Repeated if self.overlapping => return,
            Step::Fills { held: true, .. } | Step::Before | Step::Restart { silent: false } => FindingKind::OutOfOrder,
            Step::Fills { .. } => FindingKind::Healed,
            Step::Repeated => FindingKind::Repeated,
            Step::Next | Step::Hole | Step::Restart { silent: true } => return,
        };
        let last = mark.last.max(mark.first);
        let restart = matches!(step, Step::Restart { .. });
        if let Some(before) = told {
            let same_lane = (before.rule, before.scope) == (mark.rule, mark.scope);
            if before.kind == kind && !restart && same_lane && before.to.checked_add(1) == Some(mark.first) {
                before.to = last;
                return;
            }
            // The same message by another rule or scope: one repetition is told once.
            if before.kind == kind && kind == FindingKind::Repeated {
                return;
            }
        }
        let behind = lane(&mut self.lanes, mark).map_or(0, |lane| lane.highest());
        let (from, to) = (mark.first, last);
        let next = Told { kind, rule: mark.rule, scope: mark.scope, from, to, behind, restart };
        self.tell(told.replace(next), message, scopes, out);
    }

    fn tell(&mut self, told: Option<Told>, message: &Message, scopes: &dyn Scopes, out: &mut Vec<Finding>) {
        let Some(told) = told else { return };
        let per = scopes.per(told.rule, told.scope);
        let of = words::of(&words::label(&per));
        let numbers = words::range(told.from, told.to);
        let (check, severity, text) = match told.kind {
            FindingKind::Healed => {
                (Check::Sequence, Severity::Info, format!("{numbers}{of} came after all, after it was taken as lost."))
            }
            FindingKind::Repeated => (Check::Duplicate, Severity::Warning, format!("{numbers}{of} came again.")),
            _ if told.restart => {
                let name = scopes.rule_name(told.rule);
                let text = format!(
                    "The numbers{of} ({}) start anew at {}, though the connection was not lost.",
                    words::label(&[(name.clone(), name)]),
                    told.from
                );
                (Check::Order, Severity::Warning, text)
            }
            _ => (Check::Order, Severity::Warning, format!("{numbers}{of} came late, behind {}.", told.behind)),
        };
        out.push(Finding {
            per,
            message: Some(message.number),
            from: Some(told.from),
            to: Some(told.to),
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
        let mut holding = std::mem::take(&mut self.holding);
        let mut due = std::mem::take(&mut self.due);
        let wait = match (all, self.overlapping) {
            (true, _) => Wait::No,
            (false, true) => Wait::Time,
            (false, false) => Wait::TimeOrMessages,
        };
        self.deadline = Time::MAX;
        holding.retain(|&(rule, scope)| {
            let Some(lane) = find(&mut self.lanes, rule, scope) else { return false };
            lane.take_due(opened_before, wait, &mut due);
            let since = lane.held_since();
            self.report(rule, scope, &mut due, out);
            if let Some(since) = since {
                self.deadline = self.deadline.min(since.plus_nanos(HELD_NANOS));
            }
            since.is_some()
        });
        self.due = due;
        self.holding = holding;
    }

    fn report(&mut self, rule: u32, scope: u32, due: &mut Vec<Hole>, out: &mut Vec<Finding>) {
        for hole in due.drain(..) {
            let Some(lane) = find(&mut self.lanes, rule, scope) else { continue };
            let per = lane.per(Per::new).clone();
            let text = sentence(&hole, &words::label(&per));
            out.push(Finding {
                per,
                message: Some(hole.message),
                from: Some(hole.from),
                to: Some(hole.to),
                missing: Some(hole.missing()),
                ..Finding::new(Check::Sequence, FindingKind::Gap, self.feed, hole.at, Severity::Warning, text)
            });
        }
    }
}

/// `Lost 3 messages of BTC-USD: 17 to 19 never came.`
fn sentence(hole: &Hole, label: &str) -> String {
    let missing = hole.missing();
    let when = if hole.outage { " while the connection was lost" } else { "" };
    let head = format!(
        "Lost {}{}{when}: {} never came",
        words::messages(missing),
        words::of(label),
        words::range(hole.from, hole.to)
    );
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

fn find(lanes: &mut [Vec<Lane>], rule: u32, scope: u32) -> Option<&mut Lane> {
    lanes.get_mut(rule as usize)?.get_mut(scope as usize)
}

/// The lane of a mark, made if it is new; `None` beyond the limits.
#[inline]
fn lane<'a>(lanes: &'a mut Vec<Vec<Lane>>, mark: &SequenceMark) -> Option<&'a mut Lane> {
    let (rule, scope) = (mark.rule as usize, mark.scope as usize);
    if rule >= MAX_RULES || scope >= MAX_SCOPES {
        return None;
    }
    if lanes.len() <= rule {
        lanes.resize_with(rule + 1, Vec::new);
    }
    let scopes = lanes.get_mut(rule)?;
    if scopes.len() <= scope {
        scopes.resize_with(scope + 1, Lane::default);
    }
    scopes.get_mut(scope)
}
