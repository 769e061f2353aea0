//! A series that stays flat though it usually moves (detection.md 5.2, channel `stall`).
//!
//! With `run` equal values in a row and `longest` the longest earlier run:
//! `value = log2((run + 1) / (longest + 4)) + 1`, for `run > 4`. A series that often repeats itself has long runs by
//! chance; so the run must also be unlikely for the share `m` of rows that usually move: `run * -log10(1 - m)`.
//!
//! Limit: nothing is said before 50 moves, so a constant never stalls.

/// Of `value`; the bar of a finding before caution (detection.md, v4).
pub(super) const LEVEL: f64 = 1.61;
/// -log10 of the chance of a run at the bar.
const CHANCE: f64 = 6.0;
const MIN_MOVES: u32 = 50;
const MIN_RUN: u32 = 4;
const RATE: f64 = 0.01;
/// Per row: a long run is forgotten after some thousands of rows.
const FORGET: f64 = 1.0 - 1.0 / 5000.0;

#[derive(Clone, Debug)]
pub(super) struct Stall {
    last: f64,
    run: u32,
    longest: f64,
    /// Share of rows that move.
    moving: f64,
    moves: u32,
    rows: u32,
}

impl Stall {
    pub(super) fn new() -> Stall {
        Stall { last: f64::NAN, run: 0, longest: 0.0, moving: 0.0, moves: 0, rows: 0 }
    }

    /// Rows without a move, and the longest such run before.
    pub(super) fn runs(&self) -> (u32, u32) {
        (self.run, self.longest.round() as u32)
    }

    /// How many rows moved.
    pub(super) fn moves(&self) -> u32 {
        self.moves
    }

    /// It stays flat for longer than ever, though it usually moves: nothing can be learned from such rows.
    pub(super) fn is_frozen(&self) -> bool {
        self.moves >= MIN_MOVES && self.moving > 0.3 && self.run > MIN_RUN && f64::from(self.run) > self.longest
    }

    /// Takes a row in; `told`: the run that ends here was told as a stall.
    pub(super) fn learn(&mut self, x: f64, told: bool) {
        self.rows = self.rows.saturating_add(1);
        self.longest *= FORGET;
        if x == self.last {
            self.run = self.run.saturating_add(1);
            return;
        }
        let length = f64::from(self.run) + 1.0;
        if !told {
            let rate = (length * RATE.max(1.0 / f64::from(self.rows))).min(1.0);
            self.moving += rate * (1.0 / length - self.moving);
        }
        // A stall is no normal run; when it comes again and again it becomes one.
        let normal = if told { f64::from(self.run).min(2.0 * self.longest + 8.0) } else { f64::from(self.run) };
        self.longest = self.longest.max(normal);
        self.moves = self.moves.saturating_add(1);
        self.last = x;
        self.run = 0;
    }

    /// A gap: whether it moved meanwhile nobody knows.
    pub(super) fn gap(&mut self) {
        self.run = 0;
        self.last = f64::NAN;
    }

    /// The value of the channel were `x` the next row, and its severity for a bar.
    pub(super) fn judge(&self, x: f64, bar: f64) -> (f64, f64) {
        let run = self.run + 1;
        if x != self.last || run <= MIN_RUN || self.moves < MIN_MOVES {
            return (0.0, 0.0);
        }
        let run = f64::from(run);
        let value = ((run + 1.0) / (self.longest + 4.0)).log2() + 1.0;
        let chance = run * -(1.0 - self.moving.clamp(0.0, 0.95)).log10();
        let value = value.max(0.0);
        (value, (value / bar).min(chance / CHANCE))
    }
}
