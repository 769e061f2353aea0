//! Faults of single messages: lost, repeated, swapped, late, damaged. Each takes its room in its scope.

use std::collections::HashMap;

use super::edits::scaled;
use super::rule::{Mark, Rule, mark};
use super::{By, Fault, HELD_MESSAGES, HELD_SECONDS, Line, Random, text};

/// Places tried for a fault.
const TRIES: usize = 2_000;
/// Nearer to the end of holding than this, in messages and in seconds, nothing is placed: that is for unit tests.
const CLEAR_MESSAGES: usize = 2;
const CLEAR_SECONDS: f64 = 0.1;

/// A message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Behind which message of the input it stands, and where among those there.
    pub(super) slot: (usize, u8),
    pub(super) source: usize,
    pub(super) is_copy: bool,
    pub(super) line: Line,
}

/// A fault at its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) fault: Fault,
    pub(super) source: usize,
    pub(super) what: What,
}

/// What happened, in indices of the input.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// All of `source..=last` in the scope are gone; `next` shows it.
    Lost { last: usize, next: usize },
    /// It came unreadable, or with another number; `next` shows that its number is missing.
    Damaged { next: Option<usize> },
    /// There is a copy.
    Copied,
    /// It comes late; `opener` is the message that shows it missing, `given_up`: it was taken as lost before.
    Late { opener: Option<usize>, given_up: bool },
    /// A checksum does not fit.
    Digit,
    /// A value cannot be.
    Spike,
    /// Few messages come from here on.
    Slow,
}

/// The work on one feed.
pub(super) struct Moves<'a> {
    pub(super) lines: &'a [Line],
    pub(super) rules: &'a [Rule],
    pub(super) marks: Vec<Option<Mark>>,
    from: usize,
    random: Random,
    /// By scope, the messages with a number, from where it begins (anew).
    lanes: Vec<Vec<usize>>,
    /// By message: scope, and place in it.
    places: Vec<Option<(usize, usize)>>,
    taken: Vec<bool>,
    pub(super) items: Vec<Option<Item>>,
    pub(super) copies: Vec<Item>,
    pub(super) placed: Vec<Placed>,
}

impl<'a> Moves<'a> {
    pub(super) fn new(lines: &'a [Line], rules: &'a [Rule], from: usize, random: Random) -> Moves<'a> {
        let marks: Vec<Option<Mark>> = lines.iter().map(|line| mark(rules, &line.payload)).collect();
        let mut known = HashMap::new();
        let mut lanes: Vec<Vec<usize>> = Vec::new();
        let mut places = vec![None; lines.len()];
        for (at, mark) in marks.iter().enumerate() {
            let Some(mark) = mark else { continue };
            let scope = (mark.rule, mark.per.clone());
            let lane = match known.get(&scope) {
                Some(lane) if !mark.begins => *lane,
                _ => lanes.len(),
            };
            if lane == lanes.len() {
                lanes.push(Vec::new());
                known.insert(scope, lane);
            }
            places[at] = Some((lane, lanes[lane].len()));
            lanes[lane].push(at);
        }
        let item =
            |(at, line): (usize, &Line)| Some(Item { slot: (at, 0), source: at, is_copy: false, line: line.clone() });
        let items = lines.iter().enumerate().map(item).collect();
        let taken = vec![false; lines.len()];
        Moves { lines, rules, marks, from, random, lanes, places, taken, items, copies: Vec::new(), placed: Vec::new() }
    }

    /// Puts a fault where there is room for it; leaves it out where there is none.
    pub(super) fn place(&mut self, fault: &Fault) {
        for _ in 0..TRIES {
            let at = self.random.within(self.from, self.lines.len());
            if at >= self.lines.len() {
                return;
            }
            let what = match fault {
                Fault::Drop { run } => self.lose(at, *run),
                Fault::Repeat { behind } => self.repeat(at, *behind),
                Fault::Swap => self.swap(at),
                Fault::Delay { by } => self.delay(at, *by),
                Fault::Unreadable => self.damage(at),
                Fault::Misnumber => self.misnumber(at),
                Fault::Digit { path } => self.digit(at, path),
                Fault::Spike { path } => self.spike(at, path),
                Fault::Slow { one_in } => self.slow(at, *one_in),
                _ => return,
            };
            if let Some(what) = what {
                self.placed.push(Placed { fault: fault.clone(), source: at, what });
                return;
            }
        }
    }

    /// The message `by` places behind `at` in its scope.
    fn behind(&self, at: usize, by: usize) -> Option<usize> {
        let (lane, rank) = self.places[at]?;
        self.lanes[lane].get(rank + by).copied()
    }

    /// Takes the room from the message before `at` to the one behind `last` in its scope, if it is free.
    fn take(&mut self, at: usize, last: usize) -> Option<usize> {
        let ((lane, rank), (_, last)) = (self.places[at]?, self.places[last]?);
        let room = self.lanes[lane].get(rank.checked_sub(1)?..=last + 1)?;
        if room.iter().any(|message| self.taken[*message]) {
            return None;
        }
        room.iter().for_each(|message| self.taken[*message] = true);
        room.last().copied()
    }

    /// Takes the room of one message: of one without a number only itself, and only where the feed numbers nothing. The next
    /// one of its scope.
    fn take_one(&mut self, at: usize) -> Option<Option<usize>> {
        if !self.rules.is_empty() {
            return self.take(at, at).map(Some);
        }
        (!std::mem::replace(&mut self.taken[at], true)).then_some(None)
    }

    fn lose(&mut self, at: usize, run: usize) -> Option<What> {
        let last = self.behind(at, run.checked_sub(1)?)?;
        let next = self.take(at, last)?;
        let (lane, rank) = self.places[at]?;
        for message in self.lanes[lane].get(rank..rank + run)? {
            self.items[*message] = None;
        }
        Some(What::Lost { last, next })
    }

    fn damage(&mut self, at: usize) -> Option<What> {
        let next = self.take_one(at)?;
        let line = &mut self.items[at].as_mut()?.line;
        let from = line.payload.iter().position(|byte| b"{[".contains(byte))?;
        let marks: Vec<usize> =
            (from..line.payload.len()).filter(|at| b"{:[,]}".contains(&line.payload[*at])).collect();
        // The first, the second or the last sign: what stands between may be part of a text.
        let chosen = [marks.first()?, marks.get(1)?, marks.last()?][self.random.within(0, 3)];
        line.payload[*chosen] ^= 1;
        Some(What::Damaged { next })
    }

    fn misnumber(&mut self, at: usize) -> Option<What> {
        let rule = &self.rules[self.marks[at].as_ref()?.rule];
        let (path, next) = (rule.paths.last()?, self.take(at, at)?);
        let payload = &mut self.items[at].as_mut()?.line.payload;
        let number = text::find(payload, path).into_iter().next()?.value;
        let first = number.start + usize::from(payload[number.start] == b'"');
        payload.insert(first, b'9');
        Some(What::Damaged { next: Some(next) })
    }

    /// The last message of the scope of `at` that came up to `slot`.
    fn passed(&self, at: usize, slot: usize) -> Option<usize> {
        let (lane, rank) = self.places[at]?;
        self.lanes[lane].get(rank..)?.iter().copied().take_while(|message| *message <= slot).last()
    }

    fn repeat(&mut self, at: usize, behind: usize) -> Option<What> {
        let slot = at + behind;
        let received = self.lines.get(slot)?.received;
        match self.passed(at, slot) {
            Some(last) => drop(self.take(at, last)?),
            None => drop(self.take_one(at)?),
        }
        let line = Line { received, ..self.lines[at].clone() };
        self.copies.push(Item { slot: (slot, 1), source: at, is_copy: true, line });
        Some(What::Copied)
    }

    fn swap(&mut self, at: usize) -> Option<What> {
        let other = self.behind(at, 1)?;
        if self.late_by(at, other) > HELD_SECONDS - CLEAR_SECONDS || !self.is_less(at, other) {
            return None;
        }
        self.take(at, other)?;
        for (message, slot) in [(at, other), (other, at)] {
            let item = self.items[message].as_mut()?;
            item.slot = (slot, 0);
            item.line.received = self.lines[slot].received;
        }
        Some(What::Late { opener: Some(other), given_up: false })
    }

    fn late_by(&self, at: usize, slot: usize) -> f64 {
        self.lines[slot].received - self.lines[at].received
    }

    /// Numbers that are equal have no order.
    fn is_less(&self, at: usize, other: usize) -> bool {
        let number = |at: usize| self.marks[at].as_ref().map(|mark| mark.last);
        let counts = self.marks[at].as_ref().is_some_and(|mark| self.rules[mark.rule].shows_loss());
        counts || number(at) < number(other)
    }

    fn delay(&mut self, at: usize, by: By) -> Option<What> {
        let slot = match by {
            By::Little => {
                let by = self.random.within(1, HELD_MESSAGES);
                self.behind(at, by)?
            }
            By::Much if self.random.within(0, 2) == 0 => {
                let by = self.random.within(HELD_MESSAGES + CLEAR_MESSAGES, 2 * HELD_MESSAGES);
                self.behind(at, by)?
            }
            By::Much => {
                let opener = self.behind(at, 1)?;
                let seconds = HELD_SECONDS + CLEAR_SECONDS + self.random.within(0, 500) as f64 / 1e3;
                self.after(opener, seconds)?
            }
            By::Seconds(seconds) => self.after(at, seconds)?,
        };
        let next = self.lines.get(slot + 1)?.received;
        let received = (self.lines[slot].received + next) / 2.0;
        let what = match self.places[at] {
            // Only what has a number is missed.
            None if matches!(by, By::Seconds(_)) && !self.taken[at] => {
                self.taken[at] = true;
                What::Late { opener: None, given_up: false }
            }
            None => return None,
            Some((_, rank)) => {
                let opener = self.behind(at, 1)?;
                let last = self.passed(at, slot).filter(|last| *last != at && self.is_less(at, *last))?;
                let further = self.places[last]?.1 - rank;
                let waited = received - self.lines[opener].received;
                let is_little = further < HELD_MESSAGES && waited < HELD_SECONDS - CLEAR_SECONDS;
                let is_much = further >= HELD_MESSAGES + CLEAR_MESSAGES || waited > HELD_SECONDS + CLEAR_SECONDS;
                let is_wanted = match by {
                    By::Little => is_little,
                    By::Much => is_much,
                    By::Seconds(_) => is_little || is_much,
                };
                if !is_wanted {
                    return None;
                }
                self.take(at, last)?;
                What::Late { opener: Some(opener), given_up: is_much }
            }
        };
        let item = self.items[at].as_mut()?;
        (item.slot, item.line.received) = ((slot, 2), received);
        Some(what)
    }

    /// The first message that came `seconds` or more behind `at`.
    fn after(&self, at: usize, seconds: f64) -> Option<usize> {
        (at + 1..self.lines.len()).find(|later| self.late_by(at, *later) >= seconds)
    }

    fn digit(&mut self, at: usize, path: &str) -> Option<What> {
        if self.taken[at] {
            return None;
        }
        let payload = &mut self.items[at].as_mut()?.line.payload;
        let place = match path {
            "" => 0..payload.iter().rposition(|byte| *byte == b'*')?,
            _ => {
                let spots = text::find(payload, path);
                spots.get(self.random.within(0, spots.len()))?.value.clone()
            }
        };
        let digits: Vec<usize> = place.filter(|at| payload[*at].is_ascii_digit()).collect();
        // The first digit of a number may not become 0, nor the last one be a zero that says nothing.
        let chosen = *digits.get(self.random.within(0, digits.len()))?;
        let other = b'1' + (payload[chosen] - b'0' + 1) % 9;
        payload[chosen] = if other == payload[chosen] { b'9' } else { other };
        self.taken[at] = true;
        Some(What::Digit)
    }

    fn spike(&mut self, at: usize, path: &str) -> Option<What> {
        if self.taken[at] {
            return None;
        }
        let payload = &mut self.items[at].as_mut()?.line.payload;
        let spot = text::find(payload, path).into_iter().next()?;
        let (place, scaled) = scaled(std::str::from_utf8(payload).ok()?, &spot)?;
        payload.splice(place, scaled.into_bytes());
        self.taken[at] = true;
        Some(What::Spike)
    }

    fn slow(&mut self, at: usize, one_in: usize) -> Option<What> {
        // What comes before must be enough to learn from, and what comes behind enough to see it.
        if at > self.from + (self.lines.len() - self.from) / 2 {
            return None;
        }
        for later in at..self.lines.len() {
            if !(later - at).is_multiple_of(one_in) {
                self.items[later] = None;
            }
        }
        self.taken[at..].fill(true);
        Some(What::Slow)
    }
}
