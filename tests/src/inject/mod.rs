//! Faults put into captures on purpose, and what they look like to whoever checks them.
//!
//! [`inject`] is pure: the same lines, plan and seed give the same faults. It knows the feed's rule of numbering from its
//! caller and so says exactly which findings each fault must give, by the words of the terminal shell's documentation:
//!
//! - lost messages are one gap, shown by the next message of their scope; where numbers only grow they are invisible;
//! - a copy is a repetition, shown by the copy, also where a feed numbers nothing;
//! - a swap, or a message that is late by at most [`HELD_MESSAGES`] messages of its scope and [`HELD_SECONDS`], is one
//!   message out of order and no gap; one that is later is a gap, and then healed;
//! - a message that cannot be read is rejected, and missing;
//! - one whose number is damaged is missing by its true number; what is said of the other one is not laid down;
//! - what changes from a message on is shown by the first message that has it.
//!
//! Faults of messages keep clear of each other: between two of them in one scope stands at least one message that nothing
//! was done to. A fault for which there is no room is left out. Everything that no fault touches stays as it was to the byte.

mod edits;
mod expect;
pub mod feeds;
pub mod files;
mod moves;
mod random;
mod rule;
pub mod score;
#[cfg(test)]
mod tests;
pub mod text;

use feedwatch_model::{Check, FindingKind};

pub use self::random::Random;
pub use self::rule::{Mark, Per, Rule, Which, mark};

use self::moves::Moves;

/// A message and when it came, in seconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What came, without the end of its line.
    pub payload: Vec<u8>,
    /// When.
    pub received: f64,
}

/// A gap is told so many messages of its scope behind it.
pub const HELD_MESSAGES: usize = 8;
/// Or so long.
pub const HELD_SECONDS: f64 = 1.0;

/// How late a message is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    /// So little that it is only out of order.
    Little,
    /// So much that it was taken as lost.
    Much,
    /// So many seconds, whatever its number makes of that.
    Seconds(f64),
}

/// What is done to a feed. Paths are those of [`text::find`].
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// So many messages of one scope, in a row, never come.
    Drop {
        /// How many.
        run: usize,
    },
    /// A message comes again.
    Repeat {
        /// Behind so many further messages.
        behind: usize,
    },
    /// Two neighbours of one scope change places.
    Swap,
    /// A message comes late.
    Delay {
        /// How late.
        by: By,
    },
    /// A byte is flipped so that a message cannot be read.
    Unreadable,
    /// The number of a message has a further digit, so that it is far off.
    Misnumber,
    /// A digit is another one, so that a checksum does not fit.
    Digit {
        /// Where; empty: anywhere before the last `*` of a line.
        path: &'static str,
    },
    /// In one message a number is a thousand times as much.
    Spike {
        /// Where.
        path: &'static str,
    },
    /// From a message on another type stands in a field.
    Retype {
        /// Where.
        path: &'static str,
        /// What stands there, as JSON.
        to: &'static str,
    },
    /// From a message on a field has another name.
    Rename {
        /// Where.
        path: &'static str,
        /// Its new name.
        to: &'static str,
    },
    /// From a message on a number is a thousand times as much.
    Rescale {
        /// Where.
        path: &'static str,
    },
    /// From a message on event times stay the same.
    Stop {
        /// All fields with times that the source makes.
        paths: &'static [&'static str],
    },
    /// From a message on event times are off.
    Step {
        /// All fields with times that the source makes.
        paths: &'static [&'static str],
        /// By so much, in seconds.
        seconds: i64,
    },
    /// From a message on one of so many comes.
    Slow {
        /// How many.
        one_in: usize,
    },
    /// For a while messages are made and come many times as fast.
    Burst {
        /// How many messages.
        messages: usize,
        /// How many times as fast.
        times: f64,
        /// All fields with times that the source makes.
        paths: &'static [&'static str],
    },
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The messages before this one stay as they are.
    pub from: usize,
    /// How the feed numbers its messages.
    pub rules: Vec<Rule>,
    /// The faults, each at a place that the seed chooses.
    pub faults: Vec<Fault>,
}

/// A finding that must come.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Which check.
    pub check: Check,
    /// What it finds.
    pub kind: FindingKind,
    /// The scope of the rule.
    pub per: Per,
    /// The message that shows it: its index in the output.
    pub message: usize,
    /// The last message by which it must be found; `message` where the place is exact.
    pub until: usize,
    /// When the two came.
    pub between: (f64, f64),
    /// First and last number; `None`: not said here.
    pub numbers: Option<(u64, u64)>,
    /// How many numbers are missing.
    pub missing: Option<u64>,
}

/// A fault that was put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// What was done.
    pub fault: Fault,
    /// The message it was done to: its index in the input.
    pub source: usize,
    /// The same in the output; for what is lost the message behind it.
    pub message: usize,
    /// The findings it must give; none where it cannot be seen.
    pub expected: Vec<Expected>,
}

/// A feed with faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// The messages as they come.
    pub messages: Vec<Line>,
    /// What was done to them, by place.
    pub truth: Vec<Truth>,
}

impl Injected {
    /// All findings that must come.
    pub fn expected(&self) -> Vec<Expected> {
        self.truth.iter().flat_map(|truth| truth.expected.iter().cloned()).collect()
    }
}

/// Puts the faults of a plan into a feed. Receive times must not fall.
pub fn inject(messages: &[Line], plan: &Plan, seed: u64) -> Injected {
    let mut random = Random::new(seed);
    let mut lines = messages.to_vec();
    let (of_messages, lasting): (Vec<&Fault>, Vec<&Fault>) = plan.faults.iter().partition(|fault| fault.is_one_time());
    let changes: Vec<_> =
        lasting.iter().filter_map(|fault| edits::change(&mut lines, fault, plan.from, &mut random)).collect();
    let mut moves = Moves::new(&lines, &plan.rules, plan.from, random);
    // Those that take most room first.
    let mut order = of_messages;
    order.sort_by_key(|fault| std::cmp::Reverse(fault.room()));
    order.into_iter().for_each(|fault| moves.place(fault));
    expect::tell(moves, changes)
}

impl Fault {
    fn is_one_time(&self) -> bool {
        use Fault::{Burst, Rename, Rescale, Retype, Step, Stop};
        let lasts =
            matches!(self, Retype { .. } | Rename { .. } | Rescale { .. } | Stop { .. } | Step { .. } | Burst { .. });
        !lasts
    }

    fn room(&self) -> usize {
        match self {
            Fault::Delay { by: By::Little } => HELD_MESSAGES,
            Fault::Delay { .. } => 2 * HELD_MESSAGES,
            Fault::Drop { run } => *run,
            Fault::Repeat { behind } => 1 + behind,
            Fault::Slow { .. } => usize::MAX,
            _ => 1,
        }
    }
}
