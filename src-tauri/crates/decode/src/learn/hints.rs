//! What names say. Evidence goes first; a name breaks ties and speaks where few messages came.

mod numbers;
mod units;

pub(crate) use self::numbers::{
    is_checksum, is_counter, is_date_part, is_label, is_level, is_measure, is_ordinal, is_setting, is_state, is_version,
};
pub(crate) use self::units::{is_value, of_unit_name, unit, written};

/// The words of a name in lower case: `at_ms` is `at`, `ms`; `productId` is `product`, `id`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for letter in name.chars() {
        let starts = letter.is_uppercase() && lower;
        if !letter.is_alphanumeric() || starts {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
        lower = letter.is_lowercase() || letter.is_numeric();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn any(words: &[String], of: &[&str]) -> bool {
    words.iter().any(|word| of.contains(&word.as_str()))
}

/// How well a name fits what tells kinds apart: the lower the better.
pub(crate) fn kind_rank(name: &str) -> Option<usize> {
    const TYPED: [&str; 13] = [
        "event",
        "message",
        "msg",
        "record",
        "packet",
        "frame",
        "notification",
        "update",
        "report",
        "alert",
        "log",
        "telegram",
        "command",
    ];
    const NAMES: [&str; 16] = [
        "channel",
        "type",
        "event",
        "e",
        "feed",
        "table",
        "msg_type",
        "message_type",
        "msgtype",
        "messagetype",
        "kind",
        "method",
        "stream",
        "op",
        "action",
        "topic",
    ];
    let lower = name.to_lowercase();
    let known = NAMES.iter().position(|known| *known == lower);
    // `event_type`, `messageType`; a `vehicle_type` says something of the vehicle.
    let words = words(name);
    let is_type = matches!(words.as_slice(), [of, last] if last == "type" && TYPED.contains(&of.as_str()));
    known.or(is_type.then_some(NAMES.len()))
}

/// Whether a small number of this name may tell kinds apart.
pub(crate) fn is_kind_number(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    ["type", "msgtype", "messagetype", "kind", "op", "opcode"].contains(&last) || name == "e"
}

/// Whether a name is that of an entity: product, device, place.
pub(crate) fn is_entity(name: &str) -> bool {
    const WHOLE: [&str; 15] = [
        "s", "sym", "pair", "wiki", "mmsi", "icao", "imei", "eui", "dev_eui", "instid", "inst_id", "coin", "dev",
        "ric", "isin",
    ];
    const WORDS: [&str; 40] = [
        "entity",
        "thing",
        "equipment",
        "controller",
        "turbine",
        "inverter",
        "tank",
        "robot",
        "truck",
        "ship",
        "camera",
        "patient",
        "pod",
        "symbol",
        "product",
        "instrument",
        "market",
        "ticker",
        "asset",
        "currency",
        "device",
        "sensor",
        "machine",
        "station",
        "node",
        "host",
        "hostname",
        "location",
        "site",
        "room",
        "zone",
        "vessel",
        "vehicle",
        "meter",
        "plant",
        "press",
        "pump",
        "gateway",
        "exchange",
        "venue",
    ];
    if WHOLE.contains(&name.to_lowercase().as_str()) {
        return true;
    }
    // `product`, `product_id`, `device_name`; not `device_temperature`.
    let words = words(name);
    match words.as_slice() {
        [word] => WORDS.contains(&word.as_str()),
        [word, last] => {
            WORDS.contains(&word.as_str()) && ["id", "name", "code", "key", "no", "number"].contains(&last.as_str())
        }
        _ => false,
    }
}

/// Whether a whole number of this name is by its nature that of an entity.
pub(crate) fn is_registered_number(name: &str) -> bool {
    ["mmsi", "imei", "imsi", "iccid", "msisdn", "imo", "icao", "icao24", "eui", "dev_eui"]
        .contains(&name.to_lowercase().as_str())
}

/// Whether a whole number of this name may be that of an entity, if it comes again: `station`, `sensor_id`; a `meter` or
/// a `press` may be what was read from it.
pub(crate) fn is_entity_number(name: &str) -> bool {
    let numbered =
        matches!(words(name).as_slice(), [_, last] if ["id", "no", "number", "code"].contains(&last.as_str()));
    let alone = ["station", "vessel", "vehicle", "device"].contains(&name.to_lowercase().as_str());
    is_registered_number(name) || alone || (numbered && is_entity(name))
}

/// Whether a name is that of something said about an entity, never its name.
pub(crate) fn is_attribute(name: &str) -> bool {
    any(
        &words(name),
        &[
            "side",
            "status",
            "state",
            "type",
            "action",
            "reason",
            "comment",
            "message",
            "text",
            "title",
            "user",
            "description",
            "url",
            "uri",
            "link",
            "version",
            "level",
            "severity",
            "method",
            "result",
            "error",
            "op",
        ],
    )
}

/// Whether a name is one that rows of a table are told apart by, where it does tell them apart.
pub(crate) fn is_row_name(name: &str) -> bool {
    any(&words(name), &["name", "title", "label", "side", "type", "kind"])
}

/// Whether a name is that of a time.
pub(crate) fn is_time(name: &str) -> bool {
    const NONE: [&str; 7] = ["uptime", "downtime", "runtime", "lifetime", "airtime", "timeout", "timezone"];
    let lower = name.to_lowercase();
    let (words, is_span) = (words(name), NONE.iter().any(|span| lower.contains(span)));
    lower.contains("time") && !is_span
        || any(
            &words,
            &[
                "ts",
                "tst",
                "date",
                "datetime",
                "dt",
                "at",
                "t",
                "e",
                "epoch",
                "when",
                "updated",
                "created",
                "modified",
                "start",
                "end",
                "expiry",
                "expires",
                "seen",
                "sent",
                "published",
                "reported",
                "observed",
                "measured",
                "recorded",
                "fetched",
                "stamp",
                "now",
            ],
        )
}

/// Whether a name says outright that a number is a time, so that one of long ago is believed too.
pub(crate) fn is_plain_time(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    is_time(name) && ["time", "timestamp", "ts", "tst", "epoch", "date", "datetime", "updated", "at"].contains(&last)
}

/// Whether a time of this name is that of something else than the message: when it was changed, when it ends.
pub(crate) fn is_side_time(name: &str) -> bool {
    any(
        &words(name),
        &[
            "updated",
            "update",
            "modified",
            "created",
            "start",
            "end",
            "open",
            "close",
            "expiry",
            "expires",
            "expiration",
            "maturity",
            "next",
            "last",
            "first",
            "since",
            "until",
            "registered",
            "funding",
            "boot",
            "in",
            "out",
        ],
    ) && !name.to_lowercase().ends_with("seen")
}

/// Whether a name is that of a number that counts messages.
pub(crate) fn is_sequence(name: &str) -> bool {
    let lower = name.to_lowercase();
    any(&words(name), &["seq", "sequence", "seqno", "seqnum", "seqnr", "nonce", "offset", "fcnt"])
        || ["f_cnt", "sequencenumber", "msg_no", "message_number", "packet_id"].contains(&lower.as_str())
}

/// Whether a name is one that exchanges give to the numbers of book updates: first, last, and last of the one before.
pub(crate) fn is_update_number(name: &str) -> bool {
    let words = words(name);
    ["u", "U", "pu"].contains(&name) || (any(&words, &["update", "change"]) && any(&words, &["id"]))
}

/// Whether a name says no more than that it is a number.
pub(crate) fn is_number(name: &str) -> bool {
    const NAMES: [&str; 12] = ["n", "i", "no", "nr", "num", "number", "index", "idx", "cnt", "count", "counter", "id"];
    NAMES.contains(&name.to_lowercase().as_str())
}

/// Whether a name is one of numbers of messages: a sequence, an update, a mere number or an identifier.
pub(crate) fn is_numbering(name: &str) -> bool {
    is_sequence(name) || is_update_number(name) || is_number(name) || is_identifier(name)
}

/// Whether a name is that of what came before.
pub(crate) fn is_previous(name: &str) -> bool {
    let first = words(name).into_iter().next().unwrap_or_default();
    ["prev", "previous", "prior", "pu", "last", "parent", "before"].contains(&first.as_str())
        || first.starts_with("prev")
}

/// Whether a name is that of a part of a log that numbers its messages by itself.
pub(crate) fn is_partition(name: &str) -> bool {
    any(&words(name), &["partition", "shard", "topic", "stream", "session", "sid", "lane", "queue"])
}

/// Whether what a kind of message is called says that it tells how everything stands, not what changed.
pub(crate) fn is_snapshot(name: &str) -> bool {
    any(&words(name), &["snapshot", "snap", "partial", "init", "initial", "image", "full", "refresh", "resync"])
}

/// Whether a whole number of this name that is no time counts a clock of its own.
pub(crate) fn is_clock(name: &str) -> bool {
    ["timestamp", "time_stamp", "ts", "tst", "tmst"].contains(&name.to_lowercase().as_str())
}

/// Whether a name is that of an identifier.
pub(crate) fn is_identifier(name: &str) -> bool {
    let words = words(name);
    // `mmsi1` is one of several.
    let last = words.last().map_or("", |last| last.trim_end_matches(|digit: char| digit.is_ascii_digit()));
    ["id", "ids", "uid", "uuid", "guid", "hash", "oid", "serial", "mmsi", "imei", "imo", "sha", "md"].contains(&last)
}

/// Whether a number of this name runs with the clock and not with the messages.
pub(crate) fn is_duration(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.contains("uptime") || any(&words(name), &["age", "elapsed", "seconds", "secs", "sec", "duration", "runtime"])
}

/// Whether a name is that of a sum of events, which may go up by one at a time.
pub(crate) fn is_total(name: &str) -> bool {
    words(name).last().is_some_and(|last| ["total", "count"].contains(&last.as_str()))
}

/// Whether a name is only a wrapper around what the message says.
pub(crate) fn is_wrapper(name: &str) -> bool {
    [
        "data",
        "payload",
        "params",
        "result",
        "properties",
        "body",
        "message",
        "msg",
        "event",
        "events",
        "fields",
        "attributes",
        "values",
        "value",
        "tick",
        "object",
        "decoded_payload",
        "uplink_message",
        "decoded",
        "after",
    ]
    .contains(&name.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("productId"), ["product", "id"]);
        assert_eq!(words("price_24h"), ["price", "24h"]);
        assert_eq!(words("at_ms"), ["at", "ms"]);
        assert_eq!(words("tC"), ["t", "c"]);
        assert_eq!(words("MMSI"), ["mmsi"]);
    }

    #[test]
    fn an_attribute_of_a_device_is_not_its_name() {
        assert!(is_entity("product_id") && is_entity("deviceName") && is_entity("symbol") && is_entity("s"));
        assert!(!is_entity("device_temperature") && !is_entity("price") && !is_entity("event_time"));
    }
}
