//! Real feeds: what discovery says of captures that lie beside the repository. What it does not manage yet is not
//! claimed; see the comments.

mod kit;

use std::collections::BTreeMap;

use feedwatch_model::{KindProfile, MatchValue, SequenceProfile, SequenceRule, SeriesKind, TimeUnit, Why};
use kit::{Outcome, capture, captures};

fn kind<'a>(outcome: &'a Outcome, path: &str, value: &str) -> &'a KindProfile {
    let wanted = value.parse().map_or_else(|_| MatchValue::Text(value.to_owned()), MatchValue::Number);
    outcome.profile.kinds.iter().find(|kind| kind.matches.get(path) == Some(&wanted)).expect(value)
}

fn time(kind: &KindProfile) -> Option<(&str, TimeUnit)> {
    kind.time.as_ref().map(|time| (time.path.as_str(), time.unit))
}

fn why(kind: &KindProfile, path: &str) -> Option<Why> {
    kind.ignored.iter().find(|ignored| ignored.path == path).map(|ignored| ignored.why)
}

/// The last path, scope, pairs and broken pairs of each rule.
fn rules(outcome: &Outcome) -> Vec<(&str, Vec<&str>, u64, u64)> {
    let rule = |rule: &'_ SequenceProfile| (rule.checked, rule.violations);
    let rules = outcome.profile.sequence.iter();
    rules
        .map(|found| {
            let (checked, violations) = rule(found);
            (
                found.paths.last().map_or("", String::as_str),
                found.per.iter().map(String::as_str).collect(),
                checked,
                violations,
            )
        })
        .collect()
}

#[test]
fn coinbase_advanced_has_channels_and_one_sequence_over_all_of_them() {
    let Some(outcome) = capture("coinbase_advanced") else { return };
    assert_eq!(outcome.profile.kinds.len(), 6);
    let ticker = kind(&outcome, "/channel", "ticker");
    assert_eq!((ticker.messages, time(ticker)), (160, Some(("/timestamp", TimeUnit::Rfc3339))));
    assert_eq!(ticker.keys, ["/events/*/tickers/*/product_id"]);
    let price = ticker.series.iter().find(|series| series.name == "BTC-USD.price").unwrap();
    assert_eq!((price.path.as_str(), price.samples), ("/events/*/tickers/*/price", 73));
    assert_eq!(price.key.values().collect::<Vec<_>>(), ["BTC-USD"]);
    let trades = kind(&outcome, "/channel", "market_trades");
    assert_eq!(trades.keys, ["/events/*/trades/*/product_id"]);
    assert_eq!(why(trades, "/events/*/trades/*/trade_id"), Some(Why::Identifier));
    assert!(trades.other_times.iter().any(|time| time.path == "/events/*/trades/*/time"));
    assert_eq!(kind(&outcome, "/channel", "l2_data").keys, ["/events/*/product_id"]);
    assert_eq!(rules(&outcome), [("/sequence_num", vec![], 1029, 0)]);
    assert_eq!(outcome.profile.sequence[0].kinds, [0, 1, 2, 3, 4, 5]);
    // Trades have times of their own.
    let kinds: Vec<_> =
        outcome.readings.iter().map(|reading| reading.points.iter().any(|point| point.time.is_some())).collect();
    assert!(kinds.iter().any(|own| *own));
}

#[test]
fn wikimedia_has_times_and_a_wiki_and_offsets_with_holes() {
    let Some(outcome) = capture("wikimedia_recentchange") else { return };
    let [only] = outcome.profile.kinds.as_slice() else { panic!("{:?}", outcome.profile.kinds) };
    assert!(only.matches.is_empty());
    assert_eq!(time(only), Some(("/meta/dt", TimeUnit::Rfc3339)));
    assert!(only.other_times.iter().any(|time| (time.path.as_str(), time.unit) == ("/timestamp", TimeUnit::Seconds)));
    assert_eq!(only.keys, ["/wiki"]);
    assert_eq!(rules(&outcome), [("/meta/offset", vec!["/meta/topic", "/meta/partition"], 99, 0)]);
    assert_eq!(outcome.profile.sequence[0].rule, SequenceRule::Increasing);
    assert_eq!((why(only, "/meta/offset"), why(only, "/id")), (Some(Why::Sequence), Some(Why::Identifier)));
    let names = outcome.names();
    assert!(names.contains(&"enwiki.length.new") && names.contains(&"enwiki.bot"));
}

#[test]
fn binance_us_numbers_its_trades() {
    let Some(outcome) = capture("binance_us_aggtrade") else { return };
    // All trades are of one symbol here, so that symbol and connection cannot be told apart; the key is taken.
    assert_eq!(rules(&outcome), [("/data/u", vec!["/data/s"], 332, 0), ("/data/a", vec!["/data/s"], 10, 0)]);
    assert_eq!(outcome.profile.sequence[0].rule, SequenceRule::FirstFollowsLast);
    let trades = kind(&outcome, "/data/e", "aggTrade");
    assert_eq!((trades.messages, trades.keys.as_slice()), (11, &["/data/s".to_owned()][..]));
    assert!(matches!(time(trades), Some(("/data/E" | "/data/T", TimeUnit::Millis))));
    let book = kind(&outcome, "/data/e", "depthUpdate");
    assert_eq!((why(book, "/data/U"), why(book, "/data/u")), (Some(Why::Sequence), Some(Why::Sequence)));
}

#[test]
fn binance_futures_names_the_update_before_and_numbers_its_trades() {
    let Some(outcome) = capture("binance_futures") else { return };
    assert_eq!(rules(&outcome), [("/data/u", vec!["/data/s"], 760, 0), ("/data/a", vec!["/data/s"], 87, 0)]);
    let chain = &outcome.profile.sequence[0];
    assert_eq!((chain.rule, chain.paths[0].as_str()), (SequenceRule::NamesPrevious, "/data/pu"));
}

#[test]
fn coinbase_exchange_shares_a_number_between_kinds_that_does_not_fall() {
    let Some(outcome) = capture("coinbase_exchange_2021") else { return };
    let product = || vec!["/product_id"];
    assert_eq!(rules(&outcome), [("/trade_id", product(), 20, 0), ("/sequence", product(), 50, 0)]);
    assert_eq!(outcome.profile.sequence[1].rule, SequenceRule::NonDecreasing);
}

#[test]
fn kraken_futures_numbers_books_and_snapshots_together() {
    let Some(outcome) = capture("kraken_futures") else { return };
    assert_eq!(rules(&outcome), [("/seq", vec!["/product_id"], 3619, 0)]);
    let book = kind(&outcome, "/feed", "book");
    assert_eq!((book.messages, time(book)), (3619, Some(("/timestamp", TimeUnit::Millis))));
    assert_eq!(book.keys, ["/product_id"]);
    assert!(outcome.names().contains(&"PI_ETHUSD.price"));
    let lite = kind(&outcome, "/feed", "ticker_lite");
    assert_eq!((lite.keys.as_slice(), time(lite)), (&["/product_id".to_owned()][..], None));
    let snapshot = kind(&outcome, "/feed", "book_snapshot");
    assert_eq!((snapshot.messages, snapshot.keys.as_slice()), (10, &["/product_id".to_owned()][..]));
}

#[test]
fn bitstamp_tells_time_in_microseconds_as_text() {
    let Some(outcome) = capture("bitstamp") else { return };
    let book = kind(&outcome, "/event", "data");
    assert_eq!((book.messages, time(book)), (717, Some(("/data/microtimestamp", TimeUnit::Micros))));
    assert_eq!(book.keys, ["/channel"]);
    assert_eq!(rules(&outcome), [("/data/microtimestamp", vec!["/channel"], 708, 0)]);
    assert_eq!(outcome.profile.sequence[0].rule, SequenceRule::Increasing);
    let trade = kind(&outcome, "/event", "trade");
    assert_eq!((why(trade, "/data/id"), trade.keys.as_slice()), (Some(Why::Identifier), &["/channel".to_owned()][..]));
}

#[test]
fn quakes_happen_when_they_happen_not_when_they_are_updated() {
    let Some(outcome) = capture("usgs_quakes") else { return };
    let [only] = outcome.profile.kinds.as_slice() else { panic!("{:?}", outcome.profile.kinds) };
    assert_eq!(time(only), Some(("/properties/time", TimeUnit::Millis)));
    assert!(only.other_times.iter().any(|time| time.path == "/properties/updated"));
    assert!(only.series.iter().any(|series| series.path == "/properties/mag"));
    assert!(only.series.iter().any(|series| series.path == "/geometry/coordinates/2"));
    assert_eq!(why(only, "/id"), Some(Why::Identifier));
    assert_eq!(rules(&outcome), []);
}

#[test]
fn finnhub_batches_trades() {
    let Some(outcome) = capture("finnhub") else { return };
    let trade = kind(&outcome, "/type", "trade");
    assert_eq!(
        (time(trade), trade.keys.as_slice()),
        (Some(("/data/*/t", TimeUnit::Millis)), &["/data/*/s".to_owned()][..])
    );
    assert_eq!(outcome.names(), ["BINANCE:BTCUSDT.p", "BINANCE:BTCUSDT.v"]);
    assert_eq!(trade.series[0].samples, 12);
    assert_eq!(kind(&outcome, "/type", "ping").series.len(), 0);
    let batch = outcome.readings.iter().find(|reading| !reading.points.is_empty()).unwrap();
    assert_eq!(batch.time, batch.points.iter().filter_map(|point| point.time).max());
}

#[test]
fn ais_names_vessels_by_number() {
    let Some(outcome) = capture("ais_decoded") else { return };
    let position = kind(&outcome, "/msg_type", "1");
    assert_eq!(position.messages, 667);
    assert_eq!(rules(&outcome), []);
    assert_eq!(time(position), None);
    assert_eq!(position.keys, ["/mmsi"]);
    assert_eq!(position.series.iter().filter(|series| series.path == "/speed").count(), 140);
}

#[test]
fn reports_of_a_server_are_no_sequence_and_a_gateways_clock_is_no_chart() {
    if let Some(outcome) = capture("nats_varz") {
        assert_eq!(rules(&outcome), []);
    }
    let Some(outcome) = capture("ttn_v3") else { return };
    let paths = ["/uplink_message/settings/timestamp", "/uplink_message/rx_metadata/*/timestamp"];
    assert_eq!(paths.map(|path| why(&outcome.profile.kinds[0], path)), [Some(Why::Time); 2]);
}

#[test]
fn every_capture_is_read_whole() {
    for name in captures() {
        let Some(outcome) = capture(&name) else { continue };
        let messages: u64 = outcome.profile.kinds.iter().map(|kind| kind.messages).sum();
        assert_eq!(messages, outcome.readings.len() as u64, "{name}");
        assert!(outcome.rejected == 0 && outcome.catalogue.series.len() < 5000, "{name}");
        // Each point belongs to a series of the profile, or to a path that is said not to be one.
        let mut points: BTreeMap<&str, u64> = BTreeMap::new();
        for point in outcome.readings.iter().flat_map(|reading| &reading.points) {
            *points.entry(&outcome.catalogue.series[point.series as usize].name).or_default() += 1;
        }
        let charted = outcome.profile.kinds.iter().flat_map(|kind| &kind.series);
        for series in charted.filter(|series| series.kind != SeriesKind::State) {
            assert_eq!(points.remove(series.name.as_str()), Some(series.samples), "{name}: {}", series.name);
        }
        for left in points.keys() {
            let series = outcome.catalogue.series.iter().find(|series| *series.name == **left).unwrap();
            let ignored = outcome.profile.kinds.iter().flat_map(|kind| &kind.ignored);
            let mut keys = outcome.profile.kinds.iter().flat_map(|kind| &kind.keys);
            let is_key = keys.any(|key| **key == *series.path);
            assert!(is_key || ignored.into_iter().any(|ignored| ignored.path == *series.path), "{name}: {left}");
        }
        for rule in &outcome.profile.sequence {
            assert!(rule.violations * 5 <= rule.checked, "{name}: {rule:?}");
        }
    }
}
