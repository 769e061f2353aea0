//! Real feeds: for every capture that lies beside the repository the times, the keys, what must be a series and what must
//! not, with the reason. What the owners of these feeds document is in their README; names of these files stand nowhere but
//! here.

mod kit;

use feedwatch_model::{KindProfile, MatchValue, SeriesKind, TimeUnit, Why};
use kit::{Outcome, messages_of, opened, run};

/// What is expected of one kind of message.
struct Expected {
    file: &'static str,
    /// What tells the kind apart; of an empty path: the only kind, or the most frequent one.
    kind: (&'static str, &'static str),
    time: Option<(&'static str, TimeUnit)>,
    keys: &'static [&'static str],
    series: &'static [(&'static str, SeriesKind)],
    not: &'static [(&'static str, Why)],
}

const MOST: (&str, &str) = ("", "");
const GAUGE: SeriesKind = SeriesKind::Gauge;
const COUNTER: SeriesKind = SeriesKind::Counter;
const STATE: SeriesKind = SeriesKind::State;
const BOOLEAN: SeriesKind = SeriesKind::Boolean;

const TABLE: &[Expected] = &[
    Expected {
        file: "coinbase_advanced.jsonl",
        kind: ("/channel", "ticker"),
        time: Some(("/timestamp", TimeUnit::Rfc3339)),
        keys: &["/events/*/tickers/*/product_id"],
        series: &[("/events/*/tickers/*/price", GAUGE), ("/events/*/tickers/*/best_bid", GAUGE)],
        not: &[("/sequence_num", Why::Sequence), ("/events/*/type", Why::Text)],
    },
    Expected {
        file: "coinbase_advanced.jsonl",
        kind: ("/channel", "heartbeats"),
        time: Some(("/timestamp", TimeUnit::Rfc3339)),
        keys: &[],
        series: &[("/events/*/heartbeat_counter", COUNTER)],
        not: &[("/sequence_num", Why::Sequence)],
    },
    Expected {
        file: "coinbase_exchange_2021.jsonl",
        kind: ("/type", "ticker"),
        time: Some(("/time", TimeUnit::Rfc3339)),
        keys: &["/product_id"],
        series: &[("/price", GAUGE), ("/volume_24h", GAUGE)],
        not: &[("/sequence", Why::Sequence), ("/side", Why::Text)],
    },
    Expected {
        file: "coinbase_exchange_2021.jsonl",
        kind: ("/type", "snapshot"),
        time: None,
        keys: &["/product_id"],
        series: &[("/asks/*/0", GAUGE), ("/bids/*/1", GAUGE)],
        not: &[],
    },
    Expected {
        file: "binance_futures.jsonl",
        kind: ("/data/e", "aggTrade"),
        time: Some(("/data/E", TimeUnit::Millis)),
        keys: &["/data/s"],
        series: &[("/data/p", GAUGE), ("/data/q", GAUGE), ("/data/m", BOOLEAN)],
        not: &[("/data/f", Why::Identifier), ("/data/l", Why::Identifier), ("/data/a", Why::Sequence)],
    },
    Expected {
        file: "binance_futures.jsonl",
        kind: ("/data/e", "kline"),
        time: Some(("/data/E", TimeUnit::Millis)),
        keys: &["/data/s"],
        series: &[("/data/k/c", GAUGE), ("/data/k/v", COUNTER)],
        not: &[("/data/k/f", Why::Identifier), ("/data/k/L", Why::Identifier), ("/data/k/T", Why::Time)],
    },
    Expected {
        file: "binance_us_aggtrade.jsonl",
        kind: ("/data/e", "aggTrade"),
        time: Some(("/data/E", TimeUnit::Millis)),
        keys: &["/data/s"],
        series: &[("/data/p", GAUGE)],
        not: &[("/data/f", Why::Identifier), ("/data/l", Why::Identifier), ("/data/a", Why::Sequence)],
    },
    Expected {
        file: "kraken_v2_book.jsonl",
        kind: ("/type", "update"),
        time: Some(("/data/*/timestamp", TimeUnit::Rfc3339)),
        keys: &["/data/*/symbol"],
        series: &[("/data/*/asks/*/price", GAUGE), ("/data/*/asks/*/qty", GAUGE)],
        not: &[("/data/*/checksum", Why::Checksum)],
    },
    Expected {
        file: "kraken_futures.jsonl",
        kind: ("/feed", "ticker_lite"),
        time: None,
        keys: &["/product_id"],
        series: &[("/bid", GAUGE), ("/volume", GAUGE)],
        not: &[("/maturityTime", Why::Time), ("/tag", Why::Text)],
    },
    Expected {
        file: "bitstamp.jsonl",
        kind: ("/event", "trade"),
        time: Some(("/data/microtimestamp", TimeUnit::Micros)),
        keys: &["/channel"],
        series: &[("/data/price", GAUGE), ("/data/amount", GAUGE)],
        not: &[("/data/id", Why::Identifier), ("/data/buy_order_id", Why::Identifier), ("/data/timestamp", Why::Time)],
    },
    Expected {
        file: "finnhub.jsonl",
        kind: ("/type", "trade"),
        time: Some(("/data/*/t", TimeUnit::Millis)),
        keys: &["/data/*/s"],
        series: &[("/data/*/p", GAUGE), ("/data/*/v", GAUGE)],
        not: &[],
    },
    Expected {
        file: "wikimedia_recentchange.jsonl",
        kind: MOST,
        time: Some(("/meta/dt", TimeUnit::Rfc3339)),
        keys: &["/wiki"],
        series: &[("/length/new", GAUGE), ("/bot", BOOLEAN)],
        not: &[
            ("/meta/offset", Why::Sequence),
            ("/meta/partition", Why::Identifier),
            ("/revision/old", Why::Identifier),
            ("/revision/new", Why::Identifier),
            ("/id", Why::Identifier),
            ("/timestamp", Why::Time),
        ],
    },
    Expected {
        file: "wikimedia_recentchange.sse",
        kind: MOST,
        time: Some(("/meta/dt", TimeUnit::Rfc3339)),
        keys: &["/wiki"],
        series: &[("/length/old", GAUGE)],
        not: &[("/meta/id", Why::Identifier)],
    },
    Expected {
        file: "sse_starlette_metrics.sse",
        kind: MOST,
        time: Some(("/ts", TimeUnit::Seconds)),
        keys: &[],
        // It goes up by equal steps from 1: no sum. The number of the event is the sequence, `/n` beside it is none.
        series: &[("/cpu", GAUGE)],
        not: &[],
    },
    Expected {
        file: "zigbee2mqtt.jsonl",
        kind: MOST,
        time: Some(("/last_seen", TimeUnit::Rfc3339)),
        keys: &["topic:/1"],
        series: &[("/temperature", GAUGE), ("/battery", GAUGE), ("/state", BOOLEAN), ("/color_mode", STATE)],
        not: &[
            ("/device/model", Why::Identifier),
            ("/device/networkAddress", Why::Identifier),
            ("/device/dateCode", Why::Time),
            ("/device/zclVersion", Why::Constant),
        ],
    },
    Expected {
        file: "tasmota.jsonl",
        kind: MOST,
        time: Some(("/Time", TimeUnit::Local)),
        keys: &["topic", "/ZbReceived/TH-PTA1/Device"],
        series: &[("/ENERGY/Power", GAUGE), ("/ENERGY/Total", COUNTER), ("/ESP32/Temperature", GAUGE)],
        not: &[("/TIC/PAPP", Why::Text), ("/ENERGY/TotalStartTime", Why::Time)],
    },
    Expected {
        file: "shelly.jsonl",
        kind: ("/method", "NotifyStatus"),
        time: Some(("/params/ts", TimeUnit::Seconds)),
        keys: &["topic"],
        series: &[("/params/em1:0/act_power", GAUGE), ("/params/switch:0/output", BOOLEAN)],
        not: &[("/params/switch:0/id", Why::Identifier), ("/src", Why::Text)],
    },
    Expected {
        file: "ttn_v3.jsonl",
        kind: MOST,
        time: Some(("/received_at", TimeUnit::Rfc3339)),
        keys: &["/end_device_ids/device_id"],
        series: &[
            ("/uplink_message/decoded_payload/decoded/Temperature", GAUGE),
            ("/uplink_message/rx_metadata/*/rssi", GAUGE),
        ],
        not: &[
            ("/uplink_message/f_cnt", Why::Sequence),
            ("/uplink_message/f_port", Why::Identifier),
            ("/uplink_message/session_key_id", Why::Identifier),
            ("/uplink_message/settings/time", Why::Time),
            ("/uplink_message/settings/timestamp", Why::Time),
            ("/uplink_message/version_ids/firmware_version", Why::Constant),
        ],
    },
    Expected {
        file: "ais_decoded.jsonl",
        kind: ("/msg_type", "1"),
        time: None,
        keys: &["/mmsi"],
        series: &[("/speed", GAUGE), ("/course", GAUGE), ("/lat", GAUGE), ("/accuracy", BOOLEAN)],
        not: &[("/second", Why::Time), ("/repeat", Why::Constant), ("/maneuver", Why::Constant), ("/nmea", Why::Text)],
    },
    Expected {
        file: "ais_decoded.jsonl",
        kind: ("/msg_type", "15"),
        time: None,
        keys: &["/mmsi"],
        series: &[],
        not: &[("/mmsi1", Why::Identifier)],
    },
    Expected {
        file: "usgs_quakes.jsonl",
        kind: MOST,
        // It is read years after it happened.
        time: Some(("/properties/time", TimeUnit::Millis)),
        keys: &["/properties/net"],
        series: &[("/properties/mag", GAUGE), ("/geometry/coordinates/2", GAUGE), ("/properties/status", STATE)],
        not: &[("/id", Why::Identifier), ("/properties/updated", Why::Time), ("/properties/title", Why::Text)],
    },
    Expected {
        file: "nats_varz.jsonl",
        kind: MOST,
        time: Some(("/now", TimeUnit::Rfc3339)),
        // 127.0.0.1 names no machine.
        keys: &[],
        series: &[
            ("/mem", GAUGE),
            ("/in_msgs", COUNTER),
            ("/out_bytes", COUNTER),
            ("/connections", GAUGE),
            ("/slow_consumers", GAUGE),
        ],
        not: &[
            ("/port", Why::Identifier),
            ("/http_port", Why::Identifier),
            ("/server_id", Why::Identifier),
            ("/max_payload", Why::Constant),
            ("/proto", Why::Constant),
            ("/start", Why::Time),
        ],
    },
    Expected {
        file: "mosquitto_sys.jsonl",
        kind: MOST,
        // It stands beside the payload, and is the receive time.
        time: None,
        keys: &["topic"],
        series: &[("", GAUGE)],
        not: &[],
    },
    Expected {
        file: "node_exporter_1.prom",
        kind: MOST,
        time: None,
        keys: &["label:cpu", "label:mode", "label:device", "label:fstype", "label:mountpoint"],
        series: &[("/node_cpu_seconds_total", COUNTER), ("/node_memory_MemFree_bytes", GAUGE), ("/node_load1", GAUGE)],
        not: &[],
    },
    Expected {
        file: "debezium_mysql.jsonl",
        kind: ("/source/table", "items"),
        time: Some(("/ts_ms", TimeUnit::Millis)),
        keys: &[],
        series: &[],
        not: &[("/after/id", Why::Identifier), ("/source/ts_ms", Why::Time), ("/source/pos", Why::Sequence)],
    },
    Expected {
        file: "debezium_mysql.jsonl",
        kind: ("/source/table", "ORACLE_SOURCE_TBL"),
        time: Some(("/ts_ms", TimeUnit::Millis)),
        keys: &[],
        series: &[],
        not: &[("/source/scn", Why::Sequence), ("/after/ID", Why::Identifier)],
    },
    Expected {
        file: "debezium_mysql.jsonl",
        kind: ("/schema/type", "struct"),
        time: Some(("/payload/ts_ns", TimeUnit::Nanos)),
        keys: &[],
        series: &[("/payload/after/value", GAUGE)],
        not: &[("/payload/source/lsn", Why::Sequence), ("/payload/source/sequence#/0", Why::Sequence)],
    },
];

fn kind<'a>(outcome: &'a Outcome, (path, text): (&str, &str)) -> &'a KindProfile {
    let wanted = text.parse().map_or_else(|_| MatchValue::Text(text.to_owned()), MatchValue::Number);
    let mut kinds = outcome.profile.kinds.iter();
    kinds.find(|kind| path.is_empty() || kind.matches.get(path) == Some(&wanted)).expect(text)
}

#[test]
fn every_capture_is_understood() {
    let mut wrong = Vec::new();
    for expected in TABLE {
        let Some(messages) = messages_of(expected.file, opened()) else { continue };
        let outcome = run(messages);
        let kind = kind(&outcome, expected.kind);
        let place = format!("{} {}", expected.file, expected.kind.1);
        let time = kind.time.as_ref().map(|time| (time.path.as_str(), time.unit));
        if (time, kind.keys.as_slice())
            != (expected.time, &expected.keys.iter().map(ToString::to_string).collect::<Vec<_>>())
        {
            wrong.push(format!("{place}: time {time:?}, keys {:?}", kind.keys));
        }
        for &(path, sort) in expected.series {
            let found = kind.series.iter().find(|series| series.path == path).map(|series| series.kind);
            if found != Some(sort) {
                wrong.push(format!("{place}: {path} is {found:?}"));
            }
        }
        for &(path, why) in expected.not {
            let found = kind.ignored.iter().find(|ignored| ignored.path == path).map(|ignored| ignored.why);
            if found != Some(why) || kind.series.iter().any(|series| series.path == path) {
                wrong.push(format!("{place}: {path} is left out: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_clock_that_was_not_set_places_nothing() {
    let Some(messages) = messages_of("shelly.jsonl", opened()) else { return };
    let outcome = run(messages);
    let times: Vec<_> = outcome.readings.iter().filter_map(|reading| reading.time).collect();
    let year = |time: &feedwatch_model::Time| time.to_string()[..4].parse::<u32>().unwrap();
    assert_eq!(times.len(), 6, "seven tell a time, one of them 1.61");
    assert!(times.iter().all(|time| year(time) >= 2022), "{times:?}");
}

#[test]
fn units_are_told_where_names_or_neighbours_say_them() {
    let units = [
        ("shelly.jsonl", "/params/switch:0/temperature/tC", "°C"),
        ("tasmota.jsonl", "/ESP32/Temperature", "°C"),
        ("tasmota.jsonl", "/UptimeSec", "s"),
        ("nats_varz.jsonl", "/in_bytes", "B"),
        ("node_exporter_1.prom", "/node_cpu_seconds_total", "s"),
        ("node_exporter_1.prom", "/node_disk_read_bytes_total", "B"),
    ];
    for (file, path, unit) in units {
        let Some(messages) = messages_of(file, opened()) else { continue };
        let outcome = run(messages);
        let mut series = outcome.profile.kinds.iter().flat_map(|kind| &kind.series);
        let found = series.find(|series| series.path == path).expect(path);
        assert_eq!(found.unit.as_deref(), Some(unit), "{path}");
    }
}
