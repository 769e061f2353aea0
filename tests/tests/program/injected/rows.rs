//! The rows of the table: a feed, how it is numbered, and what is done to it.

use feedwatch_model::{Check, SequenceRule};
use feedwatch_tests::inject::{By, Fault, Rule, feeds};

use super::Feed;

/// A row. Its faults are put in once for each seed.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) feed: Feed,
    /// How it is numbered; empty for feeds of our own, which tell it.
    pub(super) rules: Vec<Rule>,
    /// The messages before this one stay as they are.
    pub(super) from: usize,
    pub(super) faults: Vec<Fault>,
    /// There must be room for so many faults.
    pub(super) least: usize,
    /// What is looked at.
    pub(super) checks: Vec<Check>,
    /// The least precision and recall, over all seeds.
    pub(super) floor: (f64, f64),
}

/// Rows that nobody claims yet, and why. Their figures are printed all the same.
pub(super) const LATER: &[(&str, &str)] = &[
    ("rescale: pump pressure", "of several pumps each shows it by itself, and another one is settled first"),
    ("slow: coinbase", SHORT),
    ("slow: kraken", SHORT),
    ("slow: tank", SHORT),
    ("burst: tank", SHORT),
    ("burst: pumps", SHORT),
    ("late: binance", "the feed is too short for the usual lag of its kinds to be known"),
    ("digit: ais", "those that come within 10 s of the first are told together, by the first of them"),
    ("spike: tank", FEW),
    ("spike: pumps", FEW),
];
const SHORT: &str = "a rate is judged when it was seen for a minute, which is longer than the feed";
const FEW: &str = "what is plausible is known by 4,096 samples, which are more than the feed has";

/// Twenty faults of numbered messages.
fn twenty() -> Vec<Fault> {
    let (little, much) = (Fault::Delay { by: By::Little }, Fault::Delay { by: By::Much });
    let runs = (1..=5).map(|run| Fault::Drop { run });
    let others = [Fault::Drop { run: 1 }, Fault::Swap, Fault::Swap, Fault::Swap, Fault::Unreadable, Fault::Unreadable];
    runs.chain(copies()).chain(others).chain([little.clone(), little, much.clone(), much]).collect()
}

fn copies() -> Vec<Fault> {
    [0, 0, 1, 3, 8].map(|behind| Fault::Repeat { behind }).to_vec()
}

fn of_numbers(name: &'static str, feed: Feed, rules: Vec<Rule>) -> Row {
    Row { name, feed, rules, from: 300, faults: twenty(), least: 18, checks: Vec::new(), floor: (1.0, 1.0) }
}

const DEPTH: &[&str] = &["depthUpdate"];
const TRADES: &[&str] = &["aggTrade"];

/// Feeds that number their messages.
pub(super) fn numbered() -> Vec<Row> {
    use SequenceRule::{FirstFollowsLast, Increasing, NamesPrevious, PlusOne};
    let captured = |file, rules| of_numbers(file, Feed::Capture(file), rules);
    let made = |name, make| of_numbers(name, Feed::Made(make, 2_000), Vec::new());
    let trades = || Rule::new(PlusOne, "/data/a", &["/data/s"]).of("/data/e", TRADES);
    let first_last = |sort, first, last| Rule::of_two(sort, [first, last], &["/data/s"]).of("/data/e", DEPTH);
    let short = |file, rules, from, least, faults| Row { from, least, faults, ..captured(file, rules) };
    vec![
        captured(
            "kraken_futures.jsonl",
            vec![Rule::new(PlusOne, "/seq", &["/product_id"]).of("/feed", &["book", "book_snapshot"])],
        ),
        captured("coinbase_advanced.jsonl", vec![Rule::new(PlusOne, "/sequence_num", &[])]),
        captured("binance_futures.jsonl", vec![first_last(NamesPrevious, "/data/pu", "/data/u"), trades()]),
        // Some 130 books of four symbols are left behind the first 300 messages: not all faults have room.
        Row {
            least: 8,
            ..captured("binance_us_aggtrade.jsonl", vec![first_last(FirstFollowsLast, "/data/U", "/data/u"), trades()])
        },
        captured(
            "bitstamp.jsonl",
            vec![Rule::new(Increasing, "/data/microtimestamp", &["/channel"]).of("/event", &["data"])],
        ),
        short(
            "sse_starlette_metrics.sse",
            vec![Rule::new(PlusOne, "attr:id", &[])],
            8,
            3,
            vec![Fault::Drop { run: 1 }, Fault::Repeat { behind: 0 }, Fault::Swap],
        ),
        short(
            "wikimedia_recentchange.jsonl",
            vec![Rule::new(Increasing, "/meta/offset", &["/meta/topic", "/meta/partition"])],
            64,
            6,
            vec![
                Fault::Drop { run: 2 },
                Fault::Repeat { behind: 0 },
                Fault::Repeat { behind: 2 },
                Fault::Swap,
                Fault::Swap,
                Fault::Unreadable,
            ],
        ),
        made("made: plus one modulo 256", feeds::modulo),
        made("made: names the previous", feeds::chain),
        made("made: plus one per key", feeds::per_key),
        made("made: first follows last", feeds::ranges),
        made("made: ids of events", feeds::events),
        made("made: numbers that grow", feeds::offsets),
        made("made: large numbers of two keys", feeds::large),
        made("made: one number over all kinds", feeds::kinds),
        made("made: two bytes that go round once", feeds::two_bytes),
        made("made: per topic", feeds::topics),
        made("made: rows without names", feeds::rows),
        made("made: a chain with snapshots", feeds::snapshots),
        made("made: books that begin with a snapshot", feeds::books),
        made("made: heartbeats that repeat numbers", feeds::heartbeats),
        // One finding more of each is no harm: that its number is odd.
        Row {
            faults: vec![Fault::Misnumber; 3],
            least: 3,
            floor: (0.5, 1.0),
            ..made("made: damaged numbers", feeds::per_key)
        },
        Row { faults: copies(), least: 5, ..made("made: ids without a number", feeds::ids) },
        Row { faults: copies(), least: 5, ..made("made: neither number nor id", feeds::plain) },
    ]
}

/// What checks other than those of numbers find nothing of in a feed without faults.
const CLEAN: [Check; 9] = [
    Check::Conflict,
    Check::Lateness,
    Check::Rate,
    Check::Clock,
    Check::Schema,
    Check::Range,
    Check::Decode,
    Check::Checksum,
    Check::Signature,
];

fn clean(name: &'static str, feed: Feed) -> Row {
    Row { checks: [super::NUMBERS.as_slice(), &CLEAN].concat(), ..other(name, feed, Check::Schema, Vec::new()) }
}

fn other(name: &'static str, feed: Feed, check: Check, faults: Vec<Fault>) -> Row {
    let least = faults.len();
    Row { name, feed, rules: Vec::new(), from: 300, faults, least, checks: vec![check], floor: (1.0, 1.0) }
}

const COINBASE: Feed = Feed::Capture("coinbase_advanced.jsonl");
const KRAKEN: Feed = Feed::Capture("kraken_futures.jsonl");
const BINANCE: Feed = Feed::Capture("binance_futures.jsonl");
const TANK: Feed = Feed::Made(feeds::plain, 3_000);
const PUMPS: Feed = Feed::Made(feeds::per_key, 3_000);

const PRICE: &str = "/events/*/tickers/*/price";

/// What has no number to tell it.
pub(super) fn others() -> Vec<Row> {
    let schema = |name, feed, fault| other(name, feed, Check::Schema, vec![fault]);
    let clock = |name, feed, fault| other(name, feed, Check::Clock, vec![fault]);
    let rate = |name, feed, fault| other(name, feed, Check::Rate, vec![fault]);
    let (binance, time): (&[&str], &[&str]) = (&["/data/E", "/data/T"], &["/time"]);
    let late = || vec![Fault::Delay { by: By::Seconds(5.0) }; 3];
    vec![
        clean("clean: coinbase", COINBASE),
        clean("clean: kraken", KRAKEN),
        clean("clean: binance", BINANCE),
        clean("clean: bitstamp", Feed::Capture("bitstamp.jsonl")),
        clean("clean: coinbase 2021", Feed::Capture("coinbase_exchange_2021.jsonl")),
        clean("clean: tank", TANK),
        clean("clean: pumps", PUMPS),
        clean("clean: books", Feed::Made(feeds::chain, 3_000)),
        clean("clean: orders", Feed::Made(feeds::ids, 3_000)),
        schema("retype to text: coinbase price", COINBASE, Fault::Retype { path: PRICE, to: "\"abc\"" }),
        schema("retype to boolean: binance B", BINANCE, Fault::Retype { path: "/data/B", to: "true" }),
        schema("retype to text: tank level", TANK, Fault::Retype { path: "/level", to: "\"abc\"" }),
        schema("rename: coinbase price", COINBASE, Fault::Rename { path: PRICE, to: "last_price" }),
        schema("rename: tank level", TANK, Fault::Rename { path: "/level", to: "level_m" }),
        schema("rename: pump pressure", PUMPS, Fault::Rename { path: "/pressure_bar", to: "pressure" }),
        schema("rescale: coinbase price", COINBASE, Fault::Rescale { path: PRICE }),
        schema("rescale: tank level", TANK, Fault::Rescale { path: "/level" }),
        schema("rescale: pump pressure", PUMPS, Fault::Rescale { path: "/pressure_bar" }),
        clock("stopped: binance", BINANCE, Fault::Stop { paths: binance }),
        clock("stopped: tank", TANK, Fault::Stop { paths: time }),
        clock("stopped: pumps", PUMPS, Fault::Stop { paths: time }),
        clock("step: binance", BINANCE, Fault::Step { paths: binance, seconds: 30 }),
        clock("step: tank", TANK, Fault::Step { paths: time, seconds: 30 }),
        clock("step: pumps", PUMPS, Fault::Step { paths: time, seconds: -30 }),
        rate("slow: coinbase", COINBASE, Fault::Slow { one_in: 40 }),
        rate("slow: kraken", KRAKEN, Fault::Slow { one_in: 40 }),
        rate("slow: tank", TANK, Fault::Slow { one_in: 40 }),
        rate("burst: tank", TANK, Fault::Burst { messages: 500, times: 20.0, paths: time }),
        rate("burst: pumps", PUMPS, Fault::Burst { messages: 500, times: 20.0, paths: time }),
        other("late: binance", BINANCE, Check::Lateness, late()),
        other("late: tank", TANK, Check::Lateness, late()),
        other("unreadable: coinbase", COINBASE, Check::Decode, vec![Fault::Unreadable]),
        other("unreadable: tank", TANK, Check::Decode, vec![Fault::Unreadable]),
        other("digit: ais", Feed::Capture("ais_nmea.txt"), Check::Checksum, vec![Fault::Digit { path: "" }; 5]),
        other("spike: tank", TANK, Check::Range, vec![Fault::Spike { path: "/level" }; 3]),
        other("spike: pumps", PUMPS, Check::Range, vec![Fault::Spike { path: "/pressure_bar" }; 3]),
    ]
}
