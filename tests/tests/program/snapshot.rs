//! What an outage of a WebSocket held up is asked for when it is over, and kept at the time it was sent.

use std::time::Duration;

use feedwatch_model::{Quality, Time};
use feedwatch_tests::home::Home;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::python::serve;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, state};

#[test]
fn what_an_outage_held_up_is_asked_for_and_kept_with_its_own_time() {
    let server = serve("replay.py", &[]);
    let mut proxy = Proxy::to(([127, 0, 0, 1], server.port).into());
    let home = Home::new();
    let engine = home.engine(&format!(
        "[feed.far.websocket]\nurl = \"ws://{}/\"\nsnapshot = ['{{\"op\":\"replay\",\"after\":{{/seq}}}}']\n",
        proxy.address()
    ));
    wait_until("messages", LONG, || accounts(&engine, "far").received > 120);
    proxy.refuse();
    state(&engine, "far", "down");
    let down = feedwatch_engine::clock::now();
    wait_until("the outage has lasted", LONG, || {
        feedwatch_engine::clock::now().nanos_since(down) > Duration::from_millis(2_500).as_nanos() as i64
    });
    let before = accounts(&engine, "far").received;
    proxy.allow();
    wait_until("messages again", LONG, || accounts(&engine, "far").received > before + 100);
    let reader = engine.reader().expect("a history");
    let report = engine.stop();

    assert!(server.process.lines().iter().any(|line| line.contains("replay")), "{:?}", server.process.lines());
    let gap = report.gaps.iter().find(|gap| gap.cause == "disconnected").expect("the outage");
    let (from, to) = (gap.from, gap.to.expect("it is over"));
    assert!(gap.detail.contains("messages of this time came after all"), "{:?}", report.gaps);
    let feed = reader.feeds().expect("feeds")[0].id;
    let kept = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let seqs: Vec<u64> = kept
        .iter()
        .map(|message| serde_json::from_slice::<serde_json::Value>(&message.payload).expect("JSON")["seq"].as_u64())
        .map(|seq| seq.expect("a number"))
        .collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "each once, in order: {seqs:?}");
    let series = reader.series().expect("series");
    let level = series.iter().find(|series| series.name.ends_with("level")).expect("the level");
    let samples = reader.samples(level.id, Time::MIN, Time::MAX, None, 100_000).expect("samples").samples;
    assert_eq!(samples.len(), seqs.len());
    let late: Vec<_> = samples.iter().filter(|sample| sample.quality == Quality::Backfilled).collect();
    assert!(late.len() > 30, "{} of {} were held up", late.len(), samples.len());
    assert!(
        late.iter().all(|sample| from < sample.at && sample.at < to && sample.received > to),
        "{from} {to} {late:?}"
    );
    let wrong = samples.iter().filter(|sample| ![Quality::Good, Quality::Backfilled].contains(&sample.quality)).count();
    assert_eq!(wrong, 0);
}
