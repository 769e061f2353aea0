//! From faults at their places to the feed as it comes and the findings that it must give.

use std::collections::HashMap;

use feedwatch_model::{Check, FindingKind};

use super::edits::Change;
use super::moves::{Item, Moves, Placed, What};
use super::rule::Mark;
use super::{By, Expected, Fault, Injected, Line, Truth};

/// By then a stopped clock, a rate or a lateness must be told, in seconds.
const TOLD_WITHIN: f64 = 10.0;

/// Where a message of the input, or the copy of it, stands in the output.
type Places = HashMap<(usize, bool), usize>;

pub(super) fn tell(mut moves: Moves<'_>, changes: Vec<Change>) -> Injected {
    let placed = std::mem::take(&mut moves.placed);
    let mut items: Vec<Item> = moves.items.drain(..).flatten().chain(moves.copies.drain(..)).collect();
    items.sort_by_key(|item| (item.slot, item.source));
    let places: Places = items.iter().enumerate().map(|(at, item)| ((item.source, item.is_copy), at)).collect();
    let messages: Vec<Line> = items.into_iter().map(|item| item.line).collect();
    let tale = Tale { moves: &moves, places, messages: &messages };
    let mut truth: Vec<Truth> = placed.into_iter().filter_map(|placed| tale.of_message(placed)).collect();
    truth.extend(changes.into_iter().filter_map(|change| tale.lasting(change)));
    truth.sort_by_key(|truth| truth.message);
    Injected { messages, truth }
}

struct Tale<'a> {
    moves: &'a Moves<'a>,
    places: Places,
    messages: &'a [Line],
}

impl Tale<'_> {
    fn place(&self, source: usize) -> Option<usize> {
        self.places.get(&(source, false)).copied()
    }

    /// A finding shown by one message.
    fn at(&self, check: Check, kind: FindingKind, message: usize) -> Expected {
        let received = self.messages[message].received;
        Expected {
            check,
            kind,
            per: Vec::new(),
            message,
            until: message,
            between: (received, received),
            numbers: None,
            missing: None,
        }
    }

    /// A finding that comes some time behind a message.
    fn soon(&self, check: Check, kind: FindingKind, message: usize) -> Expected {
        let last = self.messages[message].received + TOLD_WITHIN;
        let until = self.messages.iter().rposition(|line| line.received <= last).unwrap_or(message);
        Expected { until, between: (self.messages[message].received, last), ..self.at(check, kind, message) }
    }

    fn of_message(&self, placed: Placed) -> Option<Truth> {
        let Placed { fault, source, what } = placed;
        let mark = self.moves.marks[source].as_ref();
        let own = self.place(source);
        let (message, expected) = match what {
            What::Lost { last, next } => {
                let next = self.place(next)?;
                (next, self.gap(source, last, next).into_iter().collect())
            }
            What::Damaged { next } => {
                let rejected = self.at(Check::Decode, FindingKind::Rejected, own?);
                let gap = next.and_then(|next| self.gap(source, source, self.place(next)?));
                let rejected = (fault == Fault::Unreadable).then_some(rejected);
                (own?, rejected.into_iter().chain(gap).collect())
            }
            What::Copied => {
                let copy = *self.places.get(&(source, true))?;
                (copy, vec![self.numbered(Check::Duplicate, FindingKind::Repeated, copy, mark)])
            }
            What::Late { opener, given_up } => {
                let mut expected = self.late(source, own?, opener, given_up);
                if matches!(fault, Fault::Delay { by: By::Seconds(_) }) {
                    expected.push(self.at(Check::Lateness, FindingKind::Late, own?));
                }
                (own?, expected)
            }
            What::Digit => (own?, vec![self.at(Check::Checksum, FindingKind::Mismatch, own?)]),
            What::Spike => (own?, vec![self.at(Check::Range, FindingKind::Outside, own?)]),
            What::Slow => (own?, vec![self.soon(Check::Rate, FindingKind::Low, own?)]),
        };
        Some(Truth { fault, source, message, expected })
    }

    /// A finding of the check of numbers: whose they are, and which.
    fn numbered(&self, check: Check, kind: FindingKind, message: usize, mark: Option<&Mark>) -> Expected {
        let Some(mark) = mark else { return self.at(check, kind, message) };
        let rule = &self.moves.rules[mark.rule];
        let first = if rule.counts() { mark.first } else { mark.last };
        // What has an equal number is known by its content.
        let by_content = kind == FindingKind::Repeated && !rule.shows_loss() && !rule.is_strict();
        let numbers = (!by_content).then_some((first, mark.last));
        let per = if by_content { Vec::new() } else { mark.per.clone() };
        Expected { per, numbers, ..self.at(check, kind, message) }
    }

    /// That the messages from `first` to `last` of a scope are missing, shown by the output's message `next`; nothing where
    /// the rule does not show it.
    fn gap(&self, first: usize, last: usize, next: usize) -> Option<Expected> {
        let marks = &self.moves.marks;
        let (first, last) = (marks[first].as_ref()?, marks[last].as_ref()?);
        let rule = &self.moves.rules[first.rule];
        if !rule.shows_loss() {
            return None;
        }
        let gap = self.at(Check::Sequence, FindingKind::Gap, next);
        // By a chain only the last of the missing ones is known.
        let from = if rule.counts() { first.first } else { last.last };
        let missing = rule.counts().then(|| match rule.modulus {
            Some(modulus) => (last.last + modulus - from) % modulus + 1,
            None => last.last - from + 1,
        });
        Some(Expected { per: first.per.clone(), numbers: Some((from, last.last)), missing, ..gap })
    }

    fn late(&self, source: usize, own: usize, opener: Option<usize>, given_up: bool) -> Vec<Expected> {
        let (Some(mark), Some(opener)) = (&self.moves.marks[source], opener.and_then(|opener| self.place(opener)))
        else {
            return Vec::new();
        };
        match self.gap(source, source, opener).filter(|_| given_up) {
            Some(gap) => vec![gap, self.numbered(Check::Sequence, FindingKind::Healed, own, Some(mark))],
            None => vec![self.numbered(Check::Order, FindingKind::OutOfOrder, own, Some(mark))],
        }
    }

    fn lasting(&self, change: Change) -> Option<Truth> {
        let Change { fault, source, last } = change;
        // What shows it may be lost itself.
        let message = (source..self.moves.lines.len()).find_map(|source| self.place(source))?;
        let expected = match &fault {
            Fault::Retype { .. } => vec![self.at(Check::Schema, FindingKind::Retyped, message)],
            Fault::Rename { .. } => vec![
                self.at(Check::Schema, FindingKind::Lost, message),
                self.at(Check::Schema, FindingKind::Appeared, message),
            ],
            Fault::Rescale { .. } => vec![self.at(Check::Schema, FindingKind::Rescaled, message)],
            Fault::Stop { .. } => vec![self.soon(Check::Clock, FindingKind::Stopped, message)],
            Fault::Step { .. } => vec![self.soon(Check::Clock, FindingKind::Step, message)],
            Fault::Burst { .. } => {
                let burst = self.soon(Check::Rate, FindingKind::Burst, message);
                let end = last.and_then(|last| self.place(last)).unwrap_or(burst.until);
                vec![Expected { until: burst.until.max(end), ..burst }]
            }
            _ => return None,
        };
        Some(Truth { fault, source, message, expected })
    }
}
