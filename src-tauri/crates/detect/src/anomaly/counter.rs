//! Does a series only count up? Then a fall is a reset of its source, and nothing unusual (detection.md 5.1).
//!
//! Shares are running means over 128 rows. A counter from 64 rows on: at most 2 % fall, at least half rise, and it has
//! come 20 usual changes above its lowest value. It is none any more when 5 % fall.
//!
//! Limit: values are judged as they come, not as rates; a counter's rate is what its residual shows.

const RATE: f64 = 1.0 / 128.0;
const MIN_ROWS: u32 = 64;
const FALLS: f64 = 0.02;
const TOO_MANY_FALLS: f64 = 0.05;
const RISES: f64 = 0.5;
const CLIMB: f64 = 20.0;

#[derive(Clone, Debug)]
pub(super) struct Counter {
    last: f64,
    lowest: f64,
    rising: f64,
    falling: f64,
    /// Running mean of what a rise adds.
    step: f64,
    rows: u32,
    counts: bool,
}

impl Counter {
    pub(super) fn new() -> Counter {
        Counter { last: f64::NAN, lowest: f64::INFINITY, rising: 0.0, falling: 0.0, step: 0.0, rows: 0, counts: false }
    }

    /// Whether the row is a reset.
    pub(super) fn row(&mut self, x: f64) -> bool {
        let change = x - self.last;
        self.last = x;
        self.lowest = self.lowest.min(x);
        if change.is_nan() {
            return false;
        }
        self.rows = self.rows.saturating_add(1);
        let rate = RATE.max(1.0 / f64::from(self.rows));
        let falls = change < 0.0;
        self.rising += rate * (f64::from(u8::from(change > 0.0)) - self.rising);
        self.falling += rate * (f64::from(u8::from(falls)) - self.falling);
        self.step += rate * (change.max(0.0) - self.step);
        let reset = self.counts && falls;
        if self.counts {
            self.counts = self.falling <= TOO_MANY_FALLS;
        } else if self.rows >= MIN_ROWS && self.falling <= FALLS && self.rising >= RISES {
            self.counts = x - self.lowest > CLIMB * self.step;
        }
        reset
    }
}
