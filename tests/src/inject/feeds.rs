//! Feeds of our own making, each numbered by another rule. The same number of messages gives the same feed.

use feedwatch_model::{SequenceRule, Time};

use super::{Line, Random, Rule};

const BEGIN_MS: i64 = 1_790_000_000_000;

/// Messages `gap_ms` apart on average that came 20 to 40 ms after they were made. `text` gets the number of a message, the time
/// it was made at in ms, and some chance.
fn feed(count: usize, gap_ms: usize, mut text: impl FnMut(usize, i64, &mut Random) -> String) -> Vec<Line> {
    let mut random = Random::new(count as u64);
    let (mut made, mut last) = (BEGIN_MS, 0.0_f64);
    let mut line = |at| {
        made += random.within(gap_ms / 2, gap_ms * 3 / 2) as i64;
        let late = random.within(200, 400) as f64 / 10.0;
        // What was sent later does not come earlier.
        last = last.max((made as f64 + late) / 1e3);
        Line { payload: text(at, made, &mut random).into_bytes(), received: last }
    };
    (0..count).map(&mut line).collect()
}

fn rfc3339(ms: i64) -> String {
    // Whole milliseconds: `…:20.250Z`.
    let text = Time::from_millis(ms).to_string();
    text.get(..23).map_or(text.clone(), |text| format!("{text}Z"))
}

/// A level that wanders, with two places.
fn level(random: &mut Random, at: usize) -> String {
    format!("{:.2}", 20.0 + (at as f64 / 90.0).sin() * 4.0 + random.within(0, 100) as f64 / 200.0)
}

/// One sensor that numbers its messages from 0 to 255.
pub fn modulo(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 40, |at, ms, random| {
        format!(r#"{{"seq":{},"ts":{ms},"temp_c":{},"fan":{}}}"#, (at + 77) % 256, level(random, at), at / 50 % 2 == 0)
    });
    let rule = Rule { modulus: Some(256), ..Rule::new(SequenceRule::PlusOneModulo, "/seq", &[]) };
    (lines, vec![rule])
}

const PRODUCTS: [&str; 3] = ["BTC-USDT", "ETH-USDT", "SOL-USDT"];

/// Books of three products whose updates name the one before.
pub fn chain(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [7_000_000_u64, 91_000_000, 420_000];
    let lines = feed(count, 15, |at, ms, random| {
        let which = random.within(0, PRODUCTS.len());
        let (product, previous) = (PRODUCTS[which], last[which]);
        last[which] += random.within(1, 30) as u64;
        let (this, price, size) = (last[which], level(random, at), random.within(1, 900));
        format!(
            r#"{{"arg":{{"channel":"books","instId":"{product}"}},"data":{{"asks":[["{price}","{size}"]],"bids":[],"ts":"{ms}","prevSeqId":{previous},"seqId":{this}}}}}"#
        )
    });
    (lines, vec![Rule::of_two(SequenceRule::NamesPrevious, ["/data/prevSeqId", "/data/seqId"], &["/arg/instId"])])
}

/// Four machines, each with numbers of its own.
pub fn per_key(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [10_u64, 5_000, 123, 88_000_000];
    let lines = feed(count, 25, |at, ms, random| {
        let which = random.within(0, last.len());
        last[which] += 1;
        let (number, value) = (last[which], level(random, at));
        format!(
            r#"{{"machine":"pump-{}","counter":{number},"time":"{}","pressure_bar":{value},"state":"{}"}}"#,
            which + 1,
            rfc3339(ms),
            ["run", "idle"][at / 70 % 2]
        )
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/counter", &["/machine"])])
}

/// One counter over two kinds of message, with updates that cover several numbers.
pub fn ranges(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [3_000_u64, 2_000_000];
    let lines = feed(count, 20, |at, ms, random| {
        let which = random.within(0, last.len());
        let first = last[which] + 1;
        last[which] = first + random.within(0, 4) as u64;
        let (symbol, end, price) = (["AAA", "BBB"][which], last[which], level(random, at));
        format!(r#"{{"s":"{symbol}","E":{ms},"U":{first},"u":{end},"b":[["{price}","1.5"]],"a":[]}}"#)
    });
    (lines, vec![Rule::of_two(SequenceRule::FirstFollowsLast, ["/U", "/u"], &["/s"])])
}

/// A stream of events that are numbered by their ids.
pub fn events(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 50, |at, ms, random| {
        let data = format!(r#"{{"ts":{}.{:03},"cpu":{}}}"#, ms / 1000, ms % 1000, level(random, at));
        format!("id: {}\nevent: metric\ndata: {data}", at + 41)
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "attr:id", &[])])
}

/// A gauge without any number, ten times a second.
pub fn plain(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 100, |at, ms, random| {
        let (level, flow) = (level(random, at), random.within(300, 340));
        format!(r#"{{"time":"{}","tank":"north","level":{level},"flow":{flow},"pump":"on"}}"#, rfc3339(ms))
    });
    (lines, Vec::new())
}

/// Orders with an id each, and no number.
pub fn ids(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 30, |at, ms, random| {
        let id = [random.number(), random.number()].map(|half| format!("{half:016x}")).concat();
        let (amount, shop) = (level(random, at), random.within(1, 5));
        format!(r#"{{"id":"{id}","created_at":"{}","shop":"shop-{shop}","amount":{amount}}}"#, rfc3339(ms))
    });
    (lines, Vec::new())
}

/// Numbers that only grow, with holes, per partition of a topic.
pub fn offsets(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [880_000_000_000_u64, 17_000_000_000, 1_000_000];
    let lines = feed(count, 20, |at, ms, random| {
        let which = random.within(0, last.len());
        last[which] += random.within(1, 6) as u64;
        let (offset, value) = (last[which], level(random, at));
        format!(r#"{{"meta":{{"partition":{which},"offset":{offset},"dt":"{}"}},"load":{value}}}"#, rfc3339(ms))
    });
    (lines, vec![Rule::new(SequenceRule::Increasing, "/meta/offset", &["/meta/partition"])])
}

/// Numbers beyond 2^53 as text, one more each, per venue and symbol.
pub fn large(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last =
        [9_007_199_254_741_000_u64, 9_207_199_254_740_000, 9_407_199_254_740_000, 18_000_000_000_000_000_000];
    let lines = feed(count, 20, |at, ms, random| {
        let which = random.within(0, last.len());
        last[which] += 1;
        let (venue, symbol) = (["X", "Y"][which / 2], ["AAA", "BBB"][which % 2]);
        let (number, price) = (last[which], level(random, at));
        format!(r#"{{"venue":"{venue}","symbol":"{symbol}","seqNum":"{number}","ts":{ms},"px":"{price}"}}"#)
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/seqNum", &["/venue", "/symbol"])])
}

/// One number over all kinds of message of a connection, heartbeats among them.
pub fn kinds(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 25, |at, ms, random| {
        let (number, price, size) = (at + 1, level(random, at), random.within(1, 90));
        match random.within(0, 10) {
            0 => format!(r#"{{"type":"heartbeat","sequence":{number},"time":{ms}}}"#),
            1..4 => format!(r#"{{"type":"trade","sequence":{number},"time":{ms},"price":"{price}","size":"{size}"}}"#),
            _ => format!(r#"{{"type":"quote","sequence":{number},"time":{ms},"bid":{price},"ask":{price}1}}"#),
        }
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/sequence", &[])])
}

/// A counter of two bytes that goes round once.
pub fn two_bytes(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 25, |at, ms, random| {
        let (number, value) = ((at + 64_900) % 65_536, level(random, at));
        format!(r#"{{"frame":{number},"t":{}.{:03},"rpm":{value}}}"#, ms / 1000, ms % 1000)
    });
    let rule = Rule { modulus: Some(65_536), ..Rule::new(SequenceRule::PlusOneModulo, "/frame", &[]) };
    (lines, vec![rule])
}

/// Readings of two meters over MQTT, numbered per topic.
pub fn topics(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [400_u64, 77_000];
    let lines = feed(count, 50, |at, ms, random| {
        let which = random.within(0, last.len());
        last[which] += 1;
        let (number, value) = (last[which], level(random, at));
        format!("topic: plant/meter {}/state\n{{\"n\":{number},\"ts\":{ms},\"kw\":{value}}}", which + 1)
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/n", &["topic:/1"])])
}

/// Rows without names: a channel, a price and a size, and the number of the message at the end.
pub fn rows(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let lines = feed(count, 25, |at, ms, random| {
        let (price, size) = (level(random, at), random.within(1, 90));
        format!("[17,\"te\",[{price},{size}.5],{},{ms}]", at + 900)
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/3", &[])])
}

/// As [`chain`], with a snapshot now and then that names nothing, and numbers that jump there.
pub fn snapshots(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [1_000_000_u64, 22_000_000, 333_000];
    let lines = feed(count, 15, |at, ms, random| {
        let which = random.within(0, PRODUCTS.len());
        let is_snapshot = random.within(0, 60) == 0;
        let (product, previous) = (PRODUCTS[which], last[which]);
        last[which] += if is_snapshot { 50_000 } else { random.within(1, 9) as u64 };
        let (this, price) = (last[which], level(random, at));
        let (action, previous) =
            if is_snapshot { ("snapshot", "-1".to_owned()) } else { ("update", previous.to_string()) };
        format!(
            r#"{{"action":"{action}","instId":"{product}","ts":{ms},"prevSeqId":{previous},"seqId":{this},"px":"{price}"}}"#
        )
    });
    let rule = Rule::of_two(SequenceRule::NamesPrevious, ["/prevSeqId", "/seqId"], &["/instId"]);
    (lines, vec![Rule { restarts: Some(("/action", &["snapshot"])), ..rule }])
}

/// Numbers per product, and heartbeats that repeat the last one.
pub fn heartbeats(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [41_000_u64, 52_000, 6_300];
    let lines = feed(count, 20, |at, ms, random| {
        let which = random.within(0, PRODUCTS.len());
        let beats = random.within(0, 12) == 0;
        last[which] += u64::from(!beats);
        let (product, number, time) = (PRODUCTS[which], last[which], rfc3339(ms));
        if beats {
            return format!(r#"{{"type":"heartbeat","product_id":"{product}","sequence":{number},"time":"{time}"}}"#);
        }
        let (price, size) = (level(random, at), random.within(1, 70));
        format!(
            r#"{{"type":"match","product_id":"{product}","sequence":{number},"time":"{time}","price":"{price}","size":"{size}"}}"#
        )
    });
    (lines, vec![Rule::new(SequenceRule::PlusOne, "/sequence", &["/product_id"]).of("/type", &["match"])])
}

/// Books as a large exchange sends them: what comes first of each names nothing, and the numbers stand in a list of one.
pub fn books(count: usize) -> (Vec<Line>, Vec<Rule>) {
    let mut last = [10_000_000_u64, 20_000_000, 30_000_000];
    let lines = feed(count, 15, |at, ms, random| {
        let which = if at < PRODUCTS.len() { at } else { random.within(0, PRODUCTS.len()) };
        let (action, previous) =
            if at < PRODUCTS.len() { ("snapshot", "-1".to_owned()) } else { ("update", last[which].to_string()) };
        last[which] += random.within(1, 9) as u64;
        let (product, this, price) = (PRODUCTS[which], last[which], level(random, at));
        format!(
            r#"{{"arg":{{"channel":"books","instId":"{product}"}},"action":"{action}","data":[{{"asks":[["{price}","3"]],"ts":"{ms}","prevSeqId":{previous},"seqId":{this}}}]}}"#
        )
    });
    let rule = Rule::of_two(SequenceRule::NamesPrevious, ["/data/*/prevSeqId", "/data/*/seqId"], &["/arg/instId"]);
    (lines, vec![Rule { restarts: Some(("/action", &["snapshot"])), ..rule }])
}
