//! Checksums of order books, made here in each way that exchanges have: the rule is found, and damage is one failure.

#![allow(clippy::unwrap_used)]

mod kit;

use std::collections::BTreeMap;

use fastrand::Rng;
use kit::{Outcome, feed, run};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    KrakenNew,
    KrakenOld,
    Okx,
    Bitfinex,
    /// Each message is all of the book.
    Whole,
}

const WAYS: [Way; 5] = [Way::KrakenNew, Way::KrakenOld, Way::Okx, Way::Bitfinex, Way::Whole];

/// A book: price in ticks of 0.1 to quantity in units of 1e-8; bids are kept by their price below 0.
struct Market {
    symbol: &'static str,
    channel: u32,
    sides: [BTreeMap<i64, u64>; 2],
    depth: usize,
}

/// Bid (0) or ask, rank, quantity (0: gone).
type Change = (usize, i64, u64);

fn price(rank: i64) -> String {
    format!("{}.{}", rank.abs() / 10, rank.abs() % 10)
}

fn quantity(units: u64) -> String {
    format!("{}.{:08}", units / 100_000_000, units % 100_000_000)
}

/// Bitfinex writes no zeros at the end, and asks below 0.
fn amount(side: usize, units: u64) -> String {
    let text = quantity(units);
    format!("{}{}", if side == 1 { "-" } else { "" }, text.trim_end_matches('0').trim_end_matches('.'))
}

impl Market {
    fn new(symbol: &'static str, channel: u32, depth: usize, rng: &mut Rng) -> Market {
        let mut market = Market { symbol, channel, sides: Default::default(), depth };
        for at in 0..depth as i64 {
            market.sides[0].insert(-(450_000 - 2 * at), rng.u64(1..10_000_000_000));
            market.sides[1].insert(450_010 + 2 * at, rng.u64(1..10_000_000_000));
        }
        market
    }

    /// A few changes, and what comes into the depth when something goes out of it.
    fn step(&mut self, way: Way, rng: &mut Rng) -> Vec<Change> {
        let mut changes = Vec::new();
        // Bitfinex has a message for each change, and tells what falls out of the depth.
        let single = way == Way::Bitfinex;
        for _ in 0..if single { 1 } else { rng.usize(1..4) } {
            let side = rng.usize(0..2);
            let levels = &mut self.sides[side];
            let at = *levels.keys().nth(rng.usize(0..levels.len().min(8))).unwrap();
            match rng.u8(0..4) {
                0 => {
                    levels.remove(&at);
                    changes.push((side, at, 0));
                }
                1 if !levels.contains_key(&(at + 1)) => {
                    levels.insert(at + 1, 70_000_000);
                    changes.push((side, at + 1, 70_000_000));
                }
                _ => {
                    let units = rng.u64(1..10_000_000_000);
                    levels.insert(at, units);
                    changes.push((side, at, units));
                }
            }
        }
        // All changes of a message, then the depth.
        for (side, levels) in self.sides.iter_mut().enumerate() {
            while levels.len() > self.depth {
                let (worst, _) = levels.pop_last().unwrap();
                changes.extend(single.then_some((side, worst, 0)));
            }
            while levels.len() < self.depth {
                let (worst, filled) = (levels.keys().last().unwrap() + rng.i64(1..5), rng.u64(1..10_000_000_000));
                levels.insert(worst, filled);
                changes.push((side, worst, filled));
            }
        }
        changes
    }

    fn checksum(&self, way: Way) -> u32 {
        let plain = |text: String| text.replace('.', "").trim_start_matches('0').to_owned();
        if matches!(way, Way::KrakenNew | Way::KrakenOld) {
            let side = |side: &BTreeMap<i64, u64>| -> String {
                side.iter().take(10).map(|(at, units)| plain(price(*at)) + &plain(quantity(*units))).collect()
            };
            return crc32fast::hash((side(&self.sides[1]) + &side(&self.sides[0])).as_bytes());
        }
        let pairs = |side: usize| {
            let written = move |(at, units): (&i64, &u64)| match way {
                Way::Bitfinex => format!("{}:{}", price(*at), amount(side, *units)),
                _ => format!("{}:{}", price(*at), quantity(*units)),
            };
            self.sides[side].iter().take(25).map(written).collect::<Vec<_>>()
        };
        let (bids, asks) = (pairs(0), pairs(1));
        let both = bids.iter().zip(&asks).flat_map(|(bid, ask)| [bid.clone(), ask.clone()]);
        crc32fast::hash(both.collect::<Vec<_>>().join(":").as_bytes())
    }

    fn all(&self) -> Vec<Change> {
        let side = |at: usize| self.sides[at].iter().map(move |(rank, units)| (at, *rank, *units));
        side(0).chain(side(1)).collect()
    }

    /// The message of some changes, or of a snapshot.
    fn message(&self, way: Way, changes: &[Change], snapshot: bool) -> String {
        let (symbol, channel, sum) = (self.symbol, self.channel, self.checksum(way));
        let rows = |side: usize, row: &dyn Fn(String, String) -> String| {
            let rows = changes.iter().filter(|change| change.0 == side);
            rows.map(|(_, at, units)| row(price(*at), quantity(*units))).collect::<Vec<_>>().join(",")
        };
        let texts = |side| rows(side, &|price, quantity| format!("[\"{price}\",\"{quantity}\",\"0\",\"13\"]"));
        match way {
            Way::KrakenNew => {
                let objects = |side| rows(side, &|price, quantity| format!(r#"{{"price":{price},"qty":{quantity}}}"#));
                let kind = if snapshot { "snapshot" } else { "update" };
                format!(
                    r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{}],"asks":[{}],"checksum":{sum}}}]}}"#,
                    objects(0),
                    objects(1)
                )
            }
            Way::KrakenOld if snapshot => {
                let (bids, asks) = (texts(0), texts(1));
                format!(r#"[{channel},{{"as":[{asks}],"bs":[{bids}]}},"book-10","{symbol}"]"#)
            }
            Way::KrakenOld => {
                let named = |side: usize, name: &str| {
                    Some(texts(side)).filter(|rows| !rows.is_empty()).map(|rows| format!("\"{name}\":[{rows}]"))
                };
                let mut parts: Vec<String> = [named(1, "a"), named(0, "b")].into_iter().flatten().collect();
                let last = parts.pop().unwrap();
                parts.push(format!("{last},\"c\":\"{sum}\""));
                let parts: Vec<String> = parts.iter().map(|part| format!("{{{part}}}")).collect();
                format!(r#"[{channel},{},"book-10","{symbol}"]"#, parts.join(","))
            }
            Way::Okx => {
                let action = if snapshot { "snapshot" } else { "update" };
                format!(
                    r#"{{"arg":{{"channel":"books","instId":"{symbol}"}},"action":"{action}","data":[{{"asks":[{}],"bids":[{}],"checksum":{}}}]}}"#,
                    texts(1),
                    texts(0),
                    sum as i32
                )
            }
            Way::Bitfinex => {
                let row = |(side, at, units): &Change| match units {
                    0 => format!("[{},0,{}]", price(*at), if *side == 0 { 1 } else { -1 }),
                    _ => format!("[{},3,{}]", price(*at), amount(*side, *units)),
                };
                let rows: Vec<String> = changes.iter().map(row).collect();
                if snapshot { format!("[{channel},[{}]]", rows.join(",")) } else { format!("[{channel},{}]", rows[0]) }
            }
            Way::Whole => {
                format!(r#"{{"s":"{symbol}","bids":[{}],"asks":[{}],"cs":{}}}"#, texts(0), texts(1), sum as i32)
            }
        }
    }
}

/// Messages of two books, which of them have a checksum, and before which of those one quantity changed near the best.
fn made(way: Way, steps: usize, seed: u64) -> (Vec<String>, Vec<usize>, Vec<usize>) {
    let rng = &mut Rng::with_seed(seed);
    let depth = match way {
        Way::KrakenNew | Way::KrakenOld => 10,
        _ => 50,
    };
    let mut markets = [("BTC-USD", 17), ("ETH-USD", 23)].map(|(name, number)| Market::new(name, number, depth, rng));
    let (mut texts, mut checked, mut near) = (Vec::new(), Vec::new(), Vec::new());
    for market in &markets {
        if !matches!(way, Way::KrakenOld | Way::Bitfinex) {
            checked.push(texts.len());
        }
        texts.push(market.message(way, &market.all(), true));
    }
    for _ in 0..steps {
        let market = &mut markets[rng.usize(0..2)];
        let changes = market.step(way, rng);
        match way {
            Way::Bitfinex => {
                texts.extend(changes.iter().map(|change| market.message(way, std::slice::from_ref(change), false)));
                texts.push(format!("[{},\"hb\"]", market.channel));
                texts.push(format!("[{},\"cs\",{}]", market.channel, market.checksum(way) as i32));
            }
            Way::Whole => texts.push(market.message(way, &market.all(), false)),
            _ => texts.push(market.message(way, &changes, false)),
        }
        checked.push(texts.len() - 1);
        if changes.len() == 1 && changes[0].2 > 0 {
            near.push(texts.len() - 1);
        }
    }
    (texts, checked, near)
}

fn path(way: Way) -> &'static [&'static str] {
    match way {
        Way::KrakenNew | Way::Okx => &["/data/*/checksum"],
        Way::KrakenOld => &["/1/c", "/2/c"],
        Way::Bitfinex => &["/2"],
        Way::Whole => &["/cs"],
    }
}

/// Numbers of the messages with a guard that does not fit.
fn failing(outcome: &Outcome) -> Vec<usize> {
    let fails = |at: &usize| outcome.readings[*at].guards.iter().any(|guard| !guard.fits);
    (0..outcome.readings.len()).filter(fails).collect()
}

#[test]
fn every_way_of_writing_a_book_is_found_and_each_message_checked() {
    for way in WAYS {
        for seed in 0..5 {
            let (texts, checked, _) = made(way, 400, seed);
            let outcome = run(feed(texts, 10));
            let rules = &outcome.profile.checksum;
            assert!(rules.iter().all(|rule| rule.rule == "crc32-book" && rule.violations == 0), "{way:?} {rules:?}");
            let mut paths: Vec<&str> = rules.iter().map(|rule| rule.path.as_str()).collect();
            paths.sort_unstable();
            assert_eq!(paths, path(way), "{way:?}");
            assert_eq!(rules.iter().map(|rule| rule.checked).sum::<u64>(), checked.len() as u64, "{way:?} {seed}");
            let guarded = |at: &usize| !outcome.readings[*at].guards.is_empty();
            assert_eq!((0..outcome.readings.len()).filter(guarded).collect::<Vec<_>>(), checked, "{way:?}");
            let charted = outcome.profile.kinds.iter().flat_map(|kind| &kind.series);
            assert!(charted.into_iter().all(|series| !paths.contains(&series.path.as_str())), "{way:?}");
        }
    }
}

#[test]
fn a_damaged_quantity_is_one_failure() {
    for way in WAYS {
        for seed in 0..5 {
            let (mut texts, _, near) = made(way, 400, seed);
            let known = run(feed(texts.clone(), 10));
            assert_eq!(failing(&known), [] as [usize; 0], "{way:?}");
            let (mut damaged, start) = (None, texts.len() / 2);
            for at in near.into_iter().filter(|at| *at > start) {
                let row = if way == Way::Bitfinex { at - 2 } else { at };
                if let Some(other) = worsened(&texts[row], way) {
                    texts[row] = other;
                    damaged = Some(at);
                    break;
                }
            }
            let damaged = damaged.expect("a message with a quantity");
            assert_eq!(failing(&run(feed(texts, 10))), [damaged], "{way:?} {seed}");
        }
    }
}

/// Another digit behind the point of the first quantity.
fn worsened(text: &str, way: Way) -> Option<String> {
    let start = match way {
        Way::KrakenNew => text.find("\"qty\":")? + 6,
        Way::Bitfinex => text.rfind(',')? + 1,
        _ => text.find("[\"")? + 2 + text[text.find("[\"")? + 2..].find("\",\"")? + 3,
    };
    let end = start + text[start..].find(['"', '}', ']'])?;
    let value = &text[start..end];
    let point = start + value.find('.')? + 1;
    let digit = text.as_bytes()[point];
    let other = if digit == b'9' { '1' } else { char::from(digit + 1) };
    Some(format!("{}{other}{}", &text[..point], &text[point + 1..]))
}

#[test]
fn a_damaged_checksum_is_one_failure_and_the_book_goes_on() {
    for way in WAYS {
        let (mut texts, checked, _) = made(way, 300, 11);
        let at = checked[150];
        let sum = texts[at].rfind(|letter: char| letter.is_ascii_digit() && way != Way::KrakenOld);
        let sum = sum.unwrap_or_else(|| texts[at].find("\"c\":\"").unwrap_or(0) + 7);
        let digit = if texts[at].as_bytes()[sum] == b'5' { "6" } else { "5" };
        texts[at].replace_range(sum..=sum, digit);
        let outcome = run(feed(texts, 10));
        assert_eq!(failing(&outcome), [at], "{way:?}");
        let guards: usize = outcome.readings.iter().map(|reading| reading.guards.len()).sum();
        assert_eq!(guards, checked.len(), "{way:?}");
    }
}

#[test]
fn a_checksum_of_0_is_none_and_one_without_a_snapshot_is_not_judged() {
    let (mut texts, _, _) = made(Way::Okx, 300, 3);
    for text in texts.iter_mut().skip(200) {
        let at = text.find("\"checksum\":").unwrap() + 11;
        let end = text.rfind("}]}").unwrap();
        text.replace_range(at..end, "0");
    }
    let outcome = run(feed(texts.clone(), 10));
    assert_eq!((outcome.profile.checksum[0].checked, outcome.profile.checksum[0].violations), (200, 0));
    let outcome = run(feed(texts.split_off(2), 10));
    assert_eq!(outcome.profile.checksum, []);
    assert!(outcome.names().iter().all(|name| !name.contains("checksum")), "{:?}", outcome.names());
}

#[test]
fn random_numbers_are_no_checksum() {
    let rng = &mut Rng::with_seed(5);
    let (texts, _, _) = made(Way::KrakenNew, 300, 5);
    let texts = texts.into_iter().map(|text| {
        let at = text.find("\"checksum\":").unwrap() + 11;
        format!("{}{}}}]}}", &text[..at], rng.u32(..))
    });
    let outcome = run(feed(texts, 10));
    assert_eq!(outcome.profile.checksum, []);
    assert!(outcome.readings.iter().all(|reading| reading.guards.is_empty()));
}

#[test]
fn a_snapshot_that_comes_late_is_learned_from() {
    let (texts, _, _) = made(Way::Okx, 300, 9);
    let quiet = (0..100).map(|at| format!(r#"{{"event":"tick","at":{at}}}"#));
    let outcome = run(feed(quiet.chain(texts), 10));
    let [rule] = outcome.profile.checksum.as_slice() else { panic!("{:?}", outcome.profile.checksum) };
    assert!(rule.checked >= 298 && rule.violations == 0, "{rule:?}");
}

#[test]
fn a_message_with_more_books_than_can_be_followed_is_not_judged_and_costs_no_more() {
    let (mut texts, _, _) = made(Way::KrakenNew, 200, 2);
    let block = |at: usize| format!(r#"{{"symbol":"S{at}","bids":[{{"price":1,"qty":{at}}}],"checksum":{}}}"#, 1 << 30);
    let blocks: Vec<String> = (0..50_000).map(block).collect();
    texts[150] = format!(r#"{{"channel":"book","type":"snapshot","data":[{}]}}"#, blocks.join(","));
    let outcome = run(feed(texts, 10));
    assert_eq!(failing(&outcome), [] as [usize; 0]);
    // All books are unknown from there on.
    assert!(outcome.readings[150..].iter().all(|reading| reading.guards.is_empty()));
}

#[test]
fn a_lost_message_is_one_failure_at_most_till_the_book_is_right_again() {
    let mut found = 0;
    for way in [Way::KrakenNew, Way::KrakenOld] {
        for seed in 0..10 {
            let (mut texts, _, near) = made(way, 400, seed);
            let lost = near[near.len() / 2];
            texts.remove(lost);
            let failed = failing(&run(feed(texts, 10)));
            assert!(
                failed.len() <= 1 && failed.iter().all(|at| (lost..lost + 20).contains(at)),
                "{way:?} {seed} {failed:?}"
            );
            found += failed.len();
        }
    }
    // Where the next message tells the same level anew, nothing is wrong.
    assert!(found >= 15, "{found}");
}
