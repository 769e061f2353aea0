use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::yardstick::loudest;
use super::*;

mod faults;

const START: i64 = 1_700_000_000_000;

fn at(tick: u64) -> Time {
    Time::from_millis(START).plus_nanos(TICK_NANOS * tick as i64)
}

fn ticks(seed: u64, faults: bool, count: u64) -> Vec<Tick> {
    let mut scenario = Scenario::new(seed, faults);
    (0..count).map(|tick| scenario.tick(at(tick))).collect()
}

fn frames(ticks: &[Tick], of: Feed) -> impl Iterator<Item = &Frame> {
    ticks.iter().flat_map(|tick| &tick.frames).filter(move |(feed, _)| *feed == of).map(|(_, frame)| frame)
}

/// Every readable message of a feed.
fn messages(ticks: &[Tick], of: Feed) -> Vec<Value> {
    frames(ticks, of).filter_map(|frame| serde_json::from_slice(&frame.bytes).ok()).collect()
}

fn entries(ticks: &[Tick]) -> Vec<&Entry> {
    ticks.iter().flat_map(|tick| &tick.entries).collect()
}

fn entry(ticks: &[Tick], fault: Fault) -> &Entry {
    ticks.iter().flat_map(|tick| &tick.entries).find(|entry| entry.fault == fault).unwrap()
}

/// The series that a fault is about.
fn name_of(entry: &Entry) -> String {
    match &entry.product {
        Some(product) => format!("{product}/spread"),
        None => entry.path.as_deref().unwrap_or_default().trim_start_matches('/').to_owned(),
    }
}

/// Every numeric series by its name, in the order sent; a price by its number, so that a late one stands where it belongs.
fn series(ticks: &[Tick]) -> BTreeMap<String, Vec<f64>> {
    let mut prices: BTreeMap<(String, u64), Value> = BTreeMap::new();
    for message in messages(ticks, Feed::Prices) {
        if let Some(product) = message["product_id"].as_str() {
            prices.insert((product.to_owned(), message["sequence"].as_u64().unwrap()), message);
        }
    }
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for ((product, _), message) in prices {
        for name in ["price", "best_bid", "best_ask", "spread", "last_size", "volume_24h"] {
            // One field is missing for a while.
            let Some(value) = message[name].as_str() else { continue };
            all.entry(format!("{product}/{name}")).or_default().push(value.parse().unwrap());
        }
    }
    for message in messages(ticks, Feed::Plant) {
        for press in (1..=4).map(|press| format!("press-{press}")) {
            for (name, value) in message[&press].as_object().unwrap() {
                all.entry(format!("{press}/{name}")).or_default().push(value.as_f64().unwrap());
            }
        }
        all.entry("line/parts".to_owned()).or_default().push(message["line"]["parts"].as_f64().unwrap());
    }
    all
}

#[test]
fn faults_stand_at_the_seconds_of_the_published_schedule() {
    for seed in [1, 2, 99] {
        let all = ticks(seed, true, 2 * PERIOD_SECONDS * TICKS_PER_SECOND);
        let seen: Vec<(u64, Fault)> = entries(&all).iter().map(|entry| (entry.second, entry.fault)).collect();
        let lines = |from| SCHEDULE.iter().map(move |line| (line.second + from, line.fault));
        assert_eq!(seen, lines(0).chain(lines(PERIOD_SECONDS)).collect::<Vec<_>>());
        assert!(entries(&all).iter().all(|entry| entry.at == at(entry.second * TICKS_PER_SECOND)));
    }
}

#[test]
fn seeds_meet_different_series() {
    let of = |fault: Fault| -> BTreeSet<String> {
        (0..20)
            .map(|seed| {
                let all = ticks(seed, true, 1200);
                let entry = entry(&all, fault);
                format!("{:?} {:?}", entry.path, entry.product)
            })
            .collect()
    };
    assert!(of(Fault::Spike).len() > 4);
    assert!(of(Fault::LevelShift).len() > 4);
    assert!(of(Fault::LostMessages).len() > 2);
}

#[test]
fn a_stalled_sensor_says_the_same_for_ten_seconds_and_goes_on_without_a_jump() {
    for seed in 0..10 {
        let all = ticks(seed, true, 1000);
        let entry = entry(&all, Fault::Stall);
        let (first, last) = entry.sequence.unwrap();
        assert_eq!(last - first, 99);
        let path = entry.path.as_deref().unwrap();
        let values: Vec<f64> = messages(&all, Feed::Plant)
            .iter()
            .map(|message| message.pointer(path).unwrap().as_f64().unwrap())
            .collect();
        // Numbers begin at 1: the event with number n stands at n - 1, and repeats what the one before it said.
        let frozen = &values[first as usize - 2..last as usize];
        assert!(frozen.iter().all(|value| *value == frozen[0]), "seed {seed}");
        let longest = values.chunk_by(|one, other| one == other).map(<[f64]>::len).max().unwrap();
        // Chance may add an equal row at either end.
        assert!((101..=104).contains(&longest), "seed {seed}: {longest}");
    }
}

#[test]
fn a_silent_plant_sends_nothing_and_its_numbers_wait() {
    let all = ticks(3, true, 1300);
    let silent = all.iter().filter(|tick| tick.frames.iter().all(|(feed, _)| *feed != Feed::Plant));
    assert_eq!(silent.map(|tick| tick.number).collect::<Vec<_>>(), (1100..1150).collect::<Vec<_>>());
    let numbers: Vec<u64> = messages(&all, Feed::Plant).iter().map(|m| m["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn an_event_id_is_its_number() {
    let all = ticks(3, false, 20);
    for frame in frames(&all, Feed::Plant) {
        let message: Value = serde_json::from_slice(&frame.bytes).unwrap();
        assert_eq!(frame.id.as_deref(), Some(message["seq"].to_string().as_str()));
    }
}

#[test]
fn a_level_shift_stays_till_the_last_fault_and_is_taken_back_before_the_next() {
    assert_eq!(Plan::shift_share(499), 0.0);
    assert!((500..1500).all(|tick| Plan::shift_share(tick) == 1.0));
    assert!((1500..5500).all(|tick| Plan::shift_share(tick) >= Plan::shift_share(tick + 1)));
    assert_eq!(Plan::shift_share(5999), 0.0);
}

#[test]
fn an_outage_lasts_a_second_and_a_half() {
    let all = ticks(5, true, 1200);
    let shut: Vec<u64> = all.iter().filter(|tick| !tick.prices_open).map(|tick| tick.number).collect();
    assert_eq!(shut, (1000..1015).collect::<Vec<_>>());
}

#[test]
fn without_faults_no_series_is_loud() {
    let mut loud = Vec::new();
    for seed in 0..3 {
        for (name, values) in series(&ticks(seed, false, 6500)) {
            // The two minutes of the schedule, and ten minutes: a bar that old is met now and then by any noise at all.
            for (rows, limit) in [(1300, 0.9), (6500, 1.25)] {
                let (worst, row) = loudest(&values[..rows.min(values.len())]);
                if worst >= limit {
                    loud.push(format!("seed {seed}: {name} has {worst:.2} at row {row}"));
                }
            }
        }
    }
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn a_spike_and_a_level_shift_are_louder_than_everything_else() {
    for seed in 0..10 {
        let all = ticks(seed, true, 745);
        let faulty = [Fault::Spike, Fault::LevelShift].map(|fault| name_of(entry(&all, fault)));
        for (name, values) in series(&all) {
            let (worst, row) = loudest(&values);
            if faulty.contains(&name) {
                // Lost messages shift the rows of their product.
                assert!(
                    worst > 1.1 && [300, 301, 497, 500].contains(&row),
                    "seed {seed}: {name} has {worst:.2} at {row}"
                );
            } else {
                assert!(worst < 0.9, "seed {seed}: {name} has {worst:.2} at row {row}");
            }
        }
    }
}

#[test]
fn a_value_is_seldom_the_same_as_the_one_before() {
    for (name, values) in series(&ticks(2, false, 3000)) {
        let same = values.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / values.len() as f64;
        assert!(same < 0.1, "{name}: {same}");
        assert!(!values.windows(7).any(|row| row.iter().all(|value| *value == row[0])), "{name} stands still");
    }
}

#[test]
fn counters_only_grow() {
    let all = ticks(2, false, 2000);
    let parts: Vec<u64> = messages(&all, Feed::Plant).iter().map(|m| m["line"]["parts"].as_u64().unwrap()).collect();
    assert!(parts.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let mut volumes: BTreeMap<String, f64> = BTreeMap::new();
    for message in messages(&all, Feed::Prices) {
        let Some(product) = message["product_id"].as_str() else { continue };
        let volume: f64 = message["volume_24h"].as_str().unwrap().parse().unwrap();
        assert!(volumes.insert(product.to_owned(), volume).is_none_or(|before| before < volume));
    }
}

/// What a client of `prices` that checks the numbers per product would say.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    gaps: Vec<(String, u64, u64)>,
    repeated: Vec<(String, u64)>,
    late: Vec<(String, u64)>,
    unreadable: usize,
}

fn check(all: &[Tick]) -> Seen {
    let mut seen = Seen::default();
    let mut highest: BTreeMap<String, u64> = BTreeMap::new();
    let mut open: BTreeSet<(String, u64)> = BTreeSet::new();
    for frame in frames(all, Feed::Prices) {
        let Ok(message) = serde_json::from_slice::<Value>(&frame.bytes) else {
            seen.unreadable += 1;
            continue;
        };
        let Some(product) = message["product_id"].as_str().map(str::to_owned) else { continue };
        let number = message["sequence"].as_u64().unwrap();
        let before = *highest.get(&product).unwrap_or(&(number - 1));
        if number > before {
            open.extend((before + 1..number).map(|missing| (product.clone(), missing)));
            highest.insert(product, number);
        } else if open.remove(&(product.clone(), number)) {
            seen.late.push((product, number));
        } else {
            seen.repeated.push((product, number));
        }
    }
    for (product, number) in open {
        match seen.gaps.last_mut() {
            Some((of, _, to)) if *of == product && *to + 1 == number => *to = number,
            _ => seen.gaps.push((product, number, number)),
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_same_seed_does_the_same(seed: u64, faults: bool) {
        let (one, other) = (ticks(seed, faults, 1200), ticks(seed, faults, 1200));
        for (one, other) in one.iter().zip(&other) {
            prop_assert_eq!(&one.frames, &other.frames);
            prop_assert_eq!(&one.entries, &other.entries);
        }
    }

    #[test]
    fn numbers_go_up_by_one_except_where_the_log_says_otherwise(seed: u64) {
        let all = ticks(seed, true, 2900);
        let about = |fault| {
            let entry = entry(&all, fault);
            let (from, to) = entry.sequence.unwrap();
            (entry.product.clone().unwrap(), from, to)
        };
        let (lost, late, twice) = (about(Fault::LostMessages), about(Fault::LateMessage), about(Fault::DuplicatedMessage));
        let (withheld, conflict) = (about(Fault::WithheldMessages), about(Fault::Conflict));
        prop_assert_eq!((lost.2 - lost.1, withheld.2 - withheld.1), (2, 2));
        let mut all_late = vec![(late.0, late.1)];
        all_late.extend((withheld.1..=withheld.2).map(|number| (withheld.0.clone(), number)));
        let expected = Seen {
            gaps: vec![lost],
            late: all_late,
            repeated: vec![(twice.0, twice.1), (conflict.0, conflict.1)],
            unreadable: 1,
        };
        prop_assert_eq!(check(&all), expected);
    }

    #[test]
    fn without_faults_nothing_is_logged_and_no_number_is_missing(seed: u64) {
        let all = ticks(seed, false, 1300);
        prop_assert!(entries(&all).is_empty());
        prop_assert!(all.iter().all(|tick| tick.prices_open));
        prop_assert_eq!(check(&all), Seen::default());
        prop_assert_eq!(frames(&all, Feed::Plant).count(), 1300);
        prop_assert_eq!(frames(&all, Feed::Prices).count(), 4 * 1300 + 130);
        prop_assert_eq!(all.iter().map(|tick| tick.calls.len()).sum::<usize>(), 2 * 130);
    }

    #[test]
    fn faults_change_only_the_series_the_log_names(seed: u64) {
        // Up to the silence, behind which the plant is five seconds younger.
        let (with, without) = (ticks(seed, true, 1100), ticks(seed, false, 1100));
        let named: BTreeSet<&str> = entries(&with).iter().filter_map(|entry| entry.path.as_deref()).collect();
        let plant = |all: &[Tick]| messages(all, Feed::Plant);
        for (one, other) in plant(&with).into_iter().zip(plant(&without)) {
            for press in 1..=4 {
                for name in ["temp_c", "pressure_bar", "vibration_mm_s"] {
                    let path = format!("/press-{press}/{name}");
                    if !named.contains(path.as_str()) {
                        prop_assert_eq!(one.pointer(&path), other.pointer(&path));
                    }
                }
            }
        }
    }
}
