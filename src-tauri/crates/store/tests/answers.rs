//! Whatever is written in whatever batches, a history answers like a plain list of samples.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod kit;

use feedwatch_model::{Bucket, Quality, Sample, SeriesId, Time, Value, bucket_start};
use feedwatch_store::{Batch, Options, Reader};
use kit::{LONG, all, start, start_with};
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000_000;

/// What one series gets: how far it steps, how much it jitters, and of what type its values are.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let step = prop_oneof![Just(0i64), Just(1), 1i64..1000, Just(MINUTE / 50), Just(40 * MINUTE)];
    let jitter = prop_oneof![Just(0i64), 1i64..10_000, Just(3 * MINUTE), Just(3000 * MINUTE)];
    let count = prop_oneof![1usize..40, 1000usize..9000];
    (step, jitter, count, any::<u64>()).prop_map(|(step, jitter, count, seed)| {
        let mut random = fastrand::Rng::with_seed(seed);
        let decimals = random.bool();
        (0..count as i64)
            .map(|index| {
                let late = if jitter > 0 && random.u8(..) < 20 { random.i64(0..jitter) } else { 0 };
                let at = Time::from_nanos((index * step).wrapping_sub(late));
                Sample {
                    series: SeriesId(random.u32(1..3)),
                    at,
                    received: at.plus_nanos(random.i64(-5..1_000_000)),
                    value: value(&mut random, decimals),
                    quality: Quality::from_code(random.u8(0..3)),
                }
            })
            .collect()
    })
}

fn value(random: &mut fastrand::Rng, decimals: bool) -> Value {
    if decimals {
        return Value::F64(f64::from(random.i32(-10_000..10_000)) / 100.0);
    }
    match random.u8(0..6) {
        0 => Value::F64(f64::NAN),
        1 => Value::F64(f64::INFINITY),
        2 => Value::I64(random.i64(-1000..1000)),
        3 => Value::U64(u64::MAX - random.u64(0..9)),
        4 => Value::Bool(random.bool()),
        _ => Value::F64(random.f64() - 0.5),
    }
}

/// The samples of one series, in order of (time, arrival).
fn of(samples: &[Sample], series: u32) -> Vec<Sample> {
    let mut of: Vec<Sample> = samples.iter().filter(|sample| sample.series.0 == series).copied().collect();
    of.sort_by_key(|sample| sample.at);
    of
}

fn buckets_of(samples: &[Sample], from: Time, to: Time, width: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let slot = |time: Time| time.nanos().div_euclid(width);
    for sample in samples {
        if slot(sample.at) < slot(from) || slot(sample.at) > slot(to.plus_nanos(-1)) {
            continue;
        }
        let start = bucket_start(sample.at, width);
        if buckets.last().is_none_or(|last| last.start != start) {
            buckets.push(Bucket::new(start));
        }
        buckets.last_mut().unwrap().add(sample.value.as_f64());
    }
    buckets
}

/// Equal but for the order in which a sum was added up.
fn same(found: &[Bucket], expected: &[Bucket]) {
    let exact = |bucket: &Bucket| {
        let Bucket { start, count, min, max, first, last, sum: _ } = *bucket;
        // Zero has two signs, and the smaller of them is not defined.
        (start, count, [min + 0.0, max + 0.0, first, last].map(f64::to_bits))
    };
    assert_eq!(found.iter().map(exact).collect::<Vec<_>>(), expected.iter().map(exact).collect::<Vec<_>>());
    for (found, expected) in found.iter().zip(expected) {
        let scale = f64::from(expected.count) * expected.min.abs().max(expected.max.abs()).max(1.0);
        assert!((found.sum - expected.sum).abs() <= 1e-12 * scale, "{found:?} {expected:?}");
    }
}

fn check(reader: &Reader, samples: &[Sample], page: usize, cuts: (i64, i64)) {
    for series in [1, 2] {
        let expected = of(samples, series);
        // NaN is not equal to itself: compare what is printed.
        let found = all(reader, series, page);
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(&expected).all(|(one, other)| format!("{one:?}") == format!("{other:?}")));
        let (Some(first), Some(last)) = (expected.first(), expected.last()) else { continue };
        let span = (last.at.nanos() - first.at.nanos()).max(1);
        let from = first.at.plus_nanos(cuts.0 % (span + 1));
        let to = from.plus_nanos(1 + cuts.1 % (span + 1));
        let least = span / 60_000 + 1;
        for width in [least, 7 * least, (least / MINUTE + 1) * MINUTE, 60 * (least / MINUTE + 1) * MINUTE, i64::MAX / 2]
        {
            same(&reader.buckets(SeriesId(series), from, to, width).unwrap(), &buckets_of(&expected, from, to, width));
            let (first, beyond) = (first.at, last.at.plus_nanos(1));
            same(
                &reader.buckets(SeriesId(series), first, beyond, width).unwrap(),
                &buckets_of(&expected, first, beyond, width),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_answers_like_a_plain_list(
        samples in samples(),
        size in prop_oneof![Just(3usize), 50usize..400, Just(5000)],
        rows in prop_oneof![Just(1usize), Just(700), Just(20_000)],
        page in prop_oneof![Just(997usize), Just(100_000)],
        cuts in (0i64..i64::MAX, 0i64..i64::MAX),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.db");
        let options = Options { commit_rows: rows, ..kit::options(&path) };
        let (writer, reader, _events) = start_with(options);
        for (number, part) in samples.chunks(size.max(samples.len() / 100)).enumerate() {
            writer.submit(Batch { samples: part.to_vec(), ..Batch::default() }).unwrap();
            if number % 7 == 0 {
                prop_assert!(writer.flush(LONG));
            }
        }
        prop_assert!(writer.flush(LONG));
        check(&reader, &samples, page, cuts);
        writer.close(LONG).unwrap();
        let (_writer, reader, _events) = start(&path);
        check(&reader, &samples, page, cuts);
    }
}

#[test]
fn a_page_goes_on_where_it_ended_whatever_is_written_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, reader, _events) = start_with(Options { commit_rows: 150, ..kit::options(&path) });
    // Three at each time, so that pages end amid equal times.
    let samples: Vec<Sample> = (0..1500).map(|index| kit::sample(1, index / 3, index as f64)).collect();
    let mut parts = samples.chunks(100);
    let mut submit = || {
        if let Some(part) = parts.next() {
            writer.submit(Batch { samples: part.to_vec(), ..Batch::default() }).unwrap();
            assert!(writer.flush(LONG));
        }
    };
    submit();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = reader.samples(SeriesId(1), Time::MIN, Time::MAX, after, 7).unwrap();
        found.extend(page.samples);
        submit();
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => break,
        }
    }
    assert!(found.len() >= 100);
    assert_eq!(found, samples[..found.len()]);
}
