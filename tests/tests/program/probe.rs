//! `probe` on captures of real feeds.

use feedwatch_tests::home::Home;
use feedwatch_tests::shared::feeds;
use serde_json::Value;

fn probe(home: &Home, path: &std::path::Path) -> Value {
    home.json(&["probe", &path.display().to_string(), "--json"])
}

fn balanced(accounts: &Value) -> bool {
    let count = |key: &str| accounts[key].as_u64().expect("a count");
    count("received")
        == count("stored") + count("dropped") + count("duplicate") + count("rejected") + count("in_flight")
}

#[test]
fn the_price_feed_is_learned_from_its_capture() {
    let Some(folder) = feeds() else { return };
    let home = Home::new();
    let report = probe(&home, &folder.join("coinbase_advanced.jsonl"));
    let accounts = &report["accounts"];
    assert_eq!(report["protocol"], "file");
    assert_eq!(report["profile_used"], Value::Null);
    for (key, count) in [("received", 1030), ("stored", 1030), ("bytes", 837_896)] {
        assert_eq!(accounts[key], count, "{key}: {accounts}");
    }
    for key in ["dropped", "duplicate", "rejected", "in_flight"] {
        assert_eq!(accounts[key], 0, "{key}: {accounts}");
    }
    let kinds = report["profile"]["kinds"].as_array().expect("kinds");
    let ticker = kinds.iter().find(|kind| kind["match"]["/channel"] == "ticker").expect("tickers");
    assert_eq!(ticker["messages"], 160, "{ticker:#}");
    assert_eq!(ticker["time"]["path"], "/timestamp");
    assert_eq!(ticker["time"]["unit"], "rfc3339");
    assert_eq!(ticker["keys"], serde_json::json!(["/events/*/tickers/*/product_id"]));
    let series = ticker["series"].as_array().expect("series");
    let price = series.iter().find(|series| series["name"] == "BTC-USD.price").expect("a price");
    assert_eq!(price["path"], "/events/*/tickers/*/price");
    assert_eq!(price["key"]["/events/*/tickers/*/product_id"], "BTC-USD");
    assert_eq!(price["kind"], "gauge");
    assert!(price["min"].as_f64() <= price["last"].as_f64() && price["last"].as_f64() <= price["max"].as_f64());
    let sequence = report["profile"]["sequence"].as_array().expect("rules");
    let rule = sequence.iter().find(|rule| rule["paths"] == serde_json::json!(["/sequence_num"])).expect("a rule");
    assert_eq!(
        (&rule["rule"], &rule["checked"], &rule["violations"], &rule["per"]),
        (&"plus-one".into(), &1029.into(), &0.into(), &Value::Array(Vec::new()))
    );
    assert!(report["findings"].as_array().expect("findings").iter().all(|found| found["check"] != "sequence"));
}

#[test]
fn the_event_stream_is_learned_from_its_capture() {
    let Some(folder) = feeds() else { return };
    let home = Home::new();
    let report = probe(&home, &folder.join("wikimedia_recentchange.sse"));
    assert_eq!((&report["accounts"]["received"], &report["accounts"]["rejected"]), (&100.into(), &0.into()));
    let kinds = report["profile"]["kinds"].as_array().expect("kinds");
    let times: Vec<&Value> = kinds.iter().map(|kind| &kind["time"]["path"]).collect();
    assert!(times.iter().any(|path| *path == "/meta/dt" || *path == "/timestamp"), "{times:?}");
    let series: usize = kinds.iter().map(|kind| kind["series"].as_array().map_or(0, Vec::len)).sum();
    assert!(series > 0);
}

#[test]
fn every_other_capture_is_read_without_harm() {
    let Some(folder) = feeds() else { return };
    let home = Home::new();
    let mut read = 0;
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !matches!(kind, "jsonl" | "sse" | "csv" | "prom" | "txt") {
            continue;
        }
        let ended = home.run(&["probe", &path.display().to_string(), "--json"]);
        let report = ended.json();
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", path.display());
        assert!(
            report["accounts"]["rejected"].as_u64() < report["accounts"]["received"].as_u64(),
            "{}",
            path.display()
        );
        assert!(balanced(&report["accounts"]), "{}: {}", path.display(), report["accounts"]);
        assert_eq!(report["accounts"]["in_flight"], 0, "{}", path.display());
        assert!(report["accounts"]["received"].as_u64() > Some(0), "{}", path.display());
        read += 1;
    }
    assert!(read >= 25, "{read} captures");
}
