//! Buckets to lines: per column the smallest and largest value, broken where there is a gap.

use feedwatch_model::{Bucket, Time};

use crate::axis::Times;

/// A column of the picture that has values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Column {
    /// From the left edge, 0 to 1: the middle of what it holds.
    pub(crate) place: f64,
    pub(crate) first: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: f64,
    begins: Time,
    ends: Time,
}

/// The gaps of a picture, to ask whether a line must not cross from one time to another.
pub(crate) struct Gaps {
    /// Begin, and the latest end of all gaps that begin no later; ascending.
    sorted: Vec<(Time, Time)>,
}

impl Gaps {
    pub(crate) fn new(gaps: &[(Time, Option<Time>, String)]) -> Gaps {
        let mut sorted: Vec<(Time, Time)> = gaps.iter().map(|(from, to, _)| (*from, to.unwrap_or(Time::MAX))).collect();
        sorted.sort_unstable();
        let mut latest = Time::MIN;
        for (_, to) in &mut sorted {
            latest = latest.max(*to);
            *to = latest;
        }
        Gaps { sorted }
    }

    /// Must no line go from `a` to `b`? So it is where a gap begins before `b`, and begins within `a` or reaches its end.
    fn between(&self, a: &Column, b: &Column) -> bool {
        let before = self.sorted.partition_point(|&(from, _)| from < b.begins);
        let last = before.checked_sub(1).and_then(|index| self.sorted.get(index));
        last.is_some_and(|&(from, latest)| from >= a.begins || latest >= a.ends.min(b.begins))
    }
}

/// The lines of a trace: each a run of columns without a hole.
pub(crate) fn lines(buckets: &[Bucket], width: i64, times: &Times, gaps: &Gaps, columns: usize) -> Vec<Vec<Column>> {
    let mut lines: Vec<Vec<Column>> = Vec::new();
    let mut broken = true;
    for bucket in ascending(buckets).iter() {
        let ends = bucket.start.plus_nanos(width.max(1));
        if ends <= times.from || bucket.start > times.to {
            continue;
        }
        if !(bucket.min.is_finite() && bucket.max.is_finite()) {
            // Counted but not finite: there is something, and it cannot be drawn.
            broken |= bucket.count > 0;
            continue;
        }
        let column = column(bucket, ends, times);
        let was_broken = std::mem::replace(&mut broken, false);
        let line = lines.last_mut().filter(|line| {
            let hole = line.last().is_some_and(|last| gaps.between(last, &column));
            !was_broken && !hole
        });
        match line {
            None => lines.push(vec![column]),
            Some(line) => match line.last_mut().filter(|last| same_column(last, &column, columns)) {
                Some(last) => last.take_in(&column),
                None => line.push(column),
            },
        }
    }
    lines
}

/// In the order of time, which they nearly always have.
fn ascending(buckets: &[Bucket]) -> std::borrow::Cow<'_, [Bucket]> {
    if buckets.is_sorted_by_key(|bucket| bucket.start) {
        return buckets.into();
    }
    let mut sorted = buckets.to_vec();
    sorted.sort_by_key(|bucket| bucket.start);
    sorted.into()
}

fn column(bucket: &Bucket, ends: Time, times: &Times) -> Column {
    let (min, max) = (bucket.min.min(bucket.max), bucket.min.max(bucket.max));
    let or_min = |value: f64| if value.is_finite() { value.clamp(min, max) } else { min };
    let place = (times.place(bucket.start) + times.place(ends)) / 2.0;
    Column { place, first: or_min(bucket.first), min, max, last: or_min(bucket.last), begins: bucket.start, ends }
}

fn same_column(a: &Column, b: &Column, columns: usize) -> bool {
    let index = |column: &Column| (column.place * columns as f64) as usize;
    index(a) == index(b)
}

impl Column {
    fn take_in(&mut self, later: &Column) {
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        self.ends = later.ends;
    }

    /// Its values in the order in which a line goes through them.
    pub(crate) fn values(&self) -> [f64; 4] {
        // It ends nearer to the extreme that is passed last.
        let rises = self.last - self.first >= 0.0;
        if rises { [self.first, self.min, self.max, self.last] } else { [self.first, self.max, self.min, self.last] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feedwatch_model::decimate;
    use proptest::prelude::*;

    fn times(to: i64) -> Times {
        Times { from: Time::from_nanos(0), to: Time::from_nanos(to) }
    }

    fn buckets(starts: impl IntoIterator<Item = i64>) -> Vec<Bucket> {
        decimate(starts.into_iter().map(|start| (Time::from_nanos(start), start as f64)), 10)
    }

    fn gap(from: i64, to: Option<i64>) -> (Time, Option<Time>, String) {
        (Time::from_nanos(from), to.map(Time::from_nanos), String::new())
    }

    fn lengths(buckets: &[Bucket], gaps: &[(Time, Option<Time>, String)]) -> Vec<usize> {
        lines(buckets, 10, &times(10_000), &Gaps::new(gaps), 1000).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let all = buckets((0..1000).step_by(10));
        assert_eq!(lengths(&all, &[]), [100]);
        assert_eq!(lengths(&all, &[gap(495, Some(505))]), [50, 50]);
        let some = buckets((0..1000).step_by(10).filter(|start| !(300..600).contains(start)));
        assert_eq!(lengths(&some, &[gap(295, Some(400))]), [30, 40]);
        assert_eq!(lengths(&some, &[gap(295, None)]), [vec![30], vec![1; 40]].concat());
    }

    #[test]
    fn a_slow_series_without_a_gap_is_one_line() {
        assert_eq!(lengths(&buckets((0..1000).step_by(200)), &[]), [5]);
    }

    #[test]
    fn a_value_that_is_not_finite_breaks_the_line() {
        let mut all = buckets((0..100).step_by(10));
        all[5] = Bucket::new(all[5].start);
        all[5].add(f64::NAN);
        assert_eq!(lengths(&all, &[]), [5, 4]);
    }

    proptest! {
        #[test]
        fn no_extreme_is_lost(values in proptest::collection::vec((0i64..10_000, -1e9f64..1e9), 1..200), columns in 1usize..50) {
            let all = decimate(values.iter().map(|&(at, value)| (Time::from_nanos(at), value)), 10);
            let lines = lines(&all, 10, &times(10_000), &Gaps::new(&[]), columns);
            let extremes = |values: &mut dyn Iterator<Item = f64>| {
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
            };
            let drawn = extremes(&mut lines.iter().flatten().flat_map(Column::values));
            prop_assert_eq!(drawn, extremes(&mut values.iter().map(|&(_, value)| value)));
            prop_assert!(lines.iter().flatten().count() <= columns + 1);
        }
    }
}
