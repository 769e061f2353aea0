//! What names say of numbers that are none to be charted, and of texts that are states.

use super::{any, is_counter, is_duration, unit, words};

fn last(words: &[String]) -> &str {
    words.last().map_or("", String::as_str)
}

/// Whether a whole number of this name names a thing: a port, a telephone, a process.
pub(crate) fn is_label(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        "rev",
        "revision",
        "generation",
        "phone",
        "telephone",
        "mobile",
        "fax",
        "pid",
        "tid",
        "zip",
        "postcode",
        "postal",
        "plz",
        "isbn",
        "ean",
        "gtin",
        "sku",
        "asn",
        "vlan",
        "address",
        "addr",
        "partition",
        "shard",
        "namespace",
        "model",
        "thread",
        "endpoint",
    ];
    // The left side of a ship is a port too.
    const PORTS: [&str; 16] = [
        "http",
        "https",
        "tcp",
        "udp",
        "src",
        "dst",
        "source",
        "destination",
        "dest",
        "remote",
        "local",
        "server",
        "client",
        "listen",
        "f",
        "peer",
    ];
    let words = words(name);
    match words.as_slice() {
        [port] if port == "port" => true,
        [.., of, port] if port == "port" => PORTS.contains(&of.as_str()),
        words => NAMES.contains(&last(words)),
    }
}

/// Whether a name is that of a number that places something in a log: it goes up, and counts nothing.
pub(crate) fn is_ordinal(name: &str) -> bool {
    ["lsn", "scn", "gtid", "xid", "txid", "xmin"].contains(&last(&words(name)))
}

/// Whether a name is that of a version.
pub(crate) fn is_version(name: &str) -> bool {
    let words = words(name);
    let last = last(&words);
    last.ends_with("version") || ["firmware", "build", "release", "protocol", "proto", "jsonrpc"].contains(&last)
}

/// Whether a number of this name is set by somebody: it says nothing of how things go.
pub(crate) fn is_setting(name: &str) -> bool {
    let words = words(name);
    let ends = ["timeout", "limit", "precision", "decimals", "interval", "capacity", "cores", "maxprocs", "gomaxprocs"];
    is_version(name)
        || ends.contains(&last(&words))
        || any(&words, &["deadline", "default"])
        || (words.len() > 1 && words.first().is_some_and(|first| first == "max" || first == "limit"))
}

/// Whether a number of this name is measured or counted, so that it is charted though it may look like an identifier or
/// stand still.
pub(crate) fn is_measure(name: &str) -> bool {
    const WORDS: [&str; 58] = [
        "price",
        "rate",
        "qty",
        "quantity",
        "size",
        "amount",
        "volume",
        "value",
        "level",
        "bid",
        "ask",
        "high",
        "low",
        "open",
        "close",
        "mid",
        "mark",
        "temp",
        "temperature",
        "humidity",
        "pressure",
        "power",
        "energy",
        "voltage",
        "current",
        "frequency",
        "speed",
        "course",
        "heading",
        "lat",
        "latitude",
        "lon",
        "lng",
        "longitude",
        "altitude",
        "depth",
        "distance",
        "load",
        "cpu",
        "mem",
        "memory",
        "usage",
        "used",
        "free",
        "available",
        "battery",
        "rssi",
        "snr",
        "latency",
        "lag",
        "count",
        "sum",
        "avg",
        "mean",
        "min",
        "max",
        "balance",
        "cap",
    ];
    let words = words(name);
    let last = last(&words);
    // `messages`, `bytes`, `errors`: what is counted is said in the plural.
    let plural = last.len() > 3 && last.ends_with('s') && !last.ends_with("ss") && !last.ends_with("us");
    plural || any(&words, &WORDS) || is_counter(name) || is_duration(name) || unit(name).is_some()
}

/// Whether a whole number of this name from `min` to `max` is part of a date or of a time of day.
pub(crate) fn is_date_part(name: &str, min: f64, max: f64) -> bool {
    let within = |least: f64, most: f64| min >= least && max <= most;
    match name.to_lowercase().as_str() {
        "second" => within(0.0, 63.0),
        "minute" => within(0.0, 63.0),
        "hour" => within(0.0, 31.0),
        "day" | "weekday" => within(0.0, 31.0),
        "month" => within(0.0, 15.0),
        "year" => within(0.0, 2300.0),
        _ if any(&words(name), &["date"]) => within(19_000_101.0, 21_001_231.0),
        _ => false,
    }
}

/// Whether a name is that of a number that guards others.
pub(crate) fn is_checksum(name: &str) -> bool {
    let words = words(name);
    ["checksum", "crc", "crc32", "crc16", "cksum", "digest", "signature", "hmac"].contains(&last(&words))
}

/// Whether a text of this name tells how a thing stands.
pub(crate) fn is_state(name: &str) -> bool {
    const ENDS: [&str; 18] = [
        "state",
        "status",
        "mode",
        "phase",
        "health",
        "condition",
        "alarm",
        "alert",
        "quality",
        "stage",
        "contact",
        "occupancy",
        "power",
        "relay",
        "door",
        "lock",
        "availability",
        "mood",
    ];
    ENDS.contains(&last(&words(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_or_measured_is_told_from_what_names() {
        for name in ["last_price", "in_msgs", "rx_bytes", "uptime_ms", "best_bid", "batteryLevel", "errors"] {
            assert!(is_measure(name), "{name}");
        }
        for name in ["a", "f", "trade", "status", "address", "bus"] {
            assert!(!is_measure(name), "{name}");
        }
        assert!(is_label("https_port") && is_label("networkAddress") && !is_label("report"));
        assert!(is_version("zclVersion") && is_setting("max_payload") && !is_setting("max") && !is_setting("load"));
    }

    #[test]
    fn a_part_of_a_date_is_small_and_called_so() {
        assert!(is_date_part("second", 0.0, 60.0) && is_date_part("dateCode", 20_191_218.0, 20_191_218.0));
        assert!(!is_date_part("second", 0.0, 500.0) && !is_date_part("seconds", 0.0, 5.0));
    }
}
