//! The faults behind the first two minutes: each does what the schedule says, to what the log says, and to nothing else.

use super::*;

/// Behind the last of them.
const ALL: u64 = 4500;

fn about(ticks: &[Tick], fault: Fault) -> (String, u64, u64) {
    let entry = entry(ticks, fault);
    let (first, last) = entry.sequence.unwrap();
    (entry.product.clone().unwrap_or_default(), first, last)
}

/// The tickers as they were sent, those that can be read.
fn tickers(ticks: &[Tick]) -> Vec<Value> {
    messages(ticks, Feed::Prices).into_iter().filter(|message| message["type"] == "ticker").collect()
}

/// Within which event times a fault lasts.
fn lasts(ticks: &[Tick], fault: Fault) -> std::ops::Range<Time> {
    let entry = entry(ticks, fault);
    entry.at..entry.until.unwrap()
}

fn time_of(message: &Value, field: &str) -> Time {
    Time::parse_rfc3339(message[field].as_str().unwrap()).unwrap()
}

#[test]
fn faults_of_messages_make_no_series_loud() {
    for seed in 0..3 {
        let all = ticks(seed, true, ALL);
        let loud = [Fault::Spike, Fault::LevelShift, Fault::Implausible].map(|fault| name_of(entry(&all, fault)));
        for (name, values) in series(&all).into_iter().filter(|(name, _)| !loud.contains(name)) {
            let (worst, row) = loudest(&values);
            assert!(worst < 1.25, "seed {seed}: {name} has {worst:.2} at row {row}");
        }
    }
}

#[test]
fn one_message_does_not_fit_its_checksum() {
    for seed in 0..5 {
        let all = ticks(seed, true, ALL);
        let mut damaged = Vec::new();
        for frame in frames(&all, Feed::Prices) {
            let Ok(message) = serde_json::from_slice::<Value>(&frame.bytes) else { continue };
            let Some(sum) = message["crc32"].as_str() else { continue };
            let text = std::str::from_utf8(&frame.bytes).unwrap();
            let rest = format!("{}}}", text.split_once(",\"crc32\"").unwrap().0);
            if format!("{:08x}", crc32fast::hash(rest.as_bytes())) != sum {
                let number = message["sequence"].as_u64().unwrap();
                damaged.push((message["product_id"].as_str().unwrap().to_owned(), number, number));
            }
        }
        assert_eq!(damaged, [about(&all, Fault::DamagedMessage)]);
    }
}

#[test]
fn a_contradicted_message_comes_again_with_another_price_and_nothing_else() {
    for seed in 0..5 {
        let all = ticks(seed, true, ALL);
        let (product, number, _) = about(&all, Fault::Conflict);
        let is_it = |message: &Value| message["product_id"] == *product && message["sequence"] == number;
        let [one, other] = <[Value; 2]>::try_from(tickers(&all).into_iter().filter(is_it).collect::<Vec<_>>()).unwrap();
        let differ = one.as_object().unwrap().iter().filter(|(name, value)| other[name.as_str()] != **value);
        assert_eq!(differ.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["crc32", "price"]);
    }
}

#[test]
fn a_field_is_missing_in_every_ticker_of_its_time_and_in_no_other() {
    let all = ticks(2, true, ALL);
    let missing = lasts(&all, Fault::MissingField);
    for message in tickers(&all) {
        assert_eq!(message["last_size"].is_null(), missing.contains(&time_of(&message, "time")));
    }
}

#[test]
fn a_slow_feed_says_one_ticker_a_second_and_each_product_has_its_turn() {
    let all = ticks(2, true, ALL);
    let slow = lasts(&all, Fault::SlowFeed);
    let within: Vec<Value> =
        tickers(&all).into_iter().filter(|message| slow.contains(&time_of(message, "time"))).collect();
    assert_eq!(within.len(), 20);
    for product in within.chunks_exact(4) {
        assert_eq!(product.iter().map(|message| message["product_id"].as_str()).collect::<BTreeSet<_>>().len(), 4);
    }
}

#[test]
fn what_is_held_up_comes_twenty_seconds_later_with_the_times_at_which_it_was_due() {
    for seed in 0..5 {
        let all = ticks(seed, true, ALL);
        let (product, first, last) = about(&all, Fault::HeldUp);
        let due = lasts(&all, Fault::HeldUp);
        let late: Vec<(u64, Value)> = all
            .iter()
            .flat_map(|tick| tickers(std::slice::from_ref(tick)).into_iter().map(move |message| (tick.number, message)))
            .filter(|(_, message)| message["product_id"] == *product && due.contains(&time_of(message, "time")))
            .collect();
        assert!(late.iter().all(|(tick, _)| *tick == 2500 + HELD_UP_TICKS));
        let numbers: Vec<u64> = late.iter().map(|(_, message)| message["sequence"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
        assert_eq!(numbers.len(), 10);
    }
}

#[test]
fn a_stopped_clock_stands_for_eight_seconds_while_numbers_go_on() {
    let all = ticks(2, true, ALL);
    let entry = entry(&all, Fault::StoppedClock);
    let standing: Vec<u64> = messages(&all, Feed::Plant)
        .iter()
        .filter(|message| time_of(message, "at") == entry.at)
        .map(|message| message["seq"].as_u64().unwrap())
        .collect();
    let (first, last) = entry.sequence.unwrap();
    assert_eq!(standing, (first..=last).collect::<Vec<_>>());
    assert_eq!(standing.len(), 80);
}

#[test]
fn a_sensor_without_contact_says_so_for_five_rows_and_nothing_else_does() {
    for seed in 0..5 {
        let all = ticks(seed, true, ALL);
        let entry = entry(&all, Fault::Implausible);
        let mut said = Vec::new();
        for message in messages(&all, Feed::Plant) {
            for press in (1..=4).map(|press| format!("press-{press}")) {
                for (name, value) in message[&press].as_object().unwrap() {
                    if value.as_f64().unwrap() < 0.0 {
                        said.push((format!("/{press}/{name}"), message["seq"].as_u64().unwrap()));
                    }
                }
            }
        }
        let (first, last) = entry.sequence.unwrap();
        assert_eq!(said, (first..=last).map(|seq| (entry.path.clone().unwrap(), seq)).collect::<Vec<_>>());
        assert_eq!(said.len(), 5);
    }
}

#[test]
fn the_gate_tells_both_webhooks_the_same_but_once_and_strangers_knock_eight_times() {
    let all = ticks(4, true, ALL);
    let calls = || all.iter().flat_map(|tick| &tick.calls);
    let of = |line| calls().filter(move |call| call.known && call.line == line).map(|call| call.body.clone());
    let differing: Vec<u64> = of(0)
        .zip(of(1))
        .filter(|(one, other)| one != other)
        .map(|(one, _)| serde_json::from_slice::<Value>(&one).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(differing, [about(&all, Fault::DifferingLines).1]);
    assert_eq!(of(0).count() as u64, ALL / TICKS_PER_SECOND);
    assert_eq!(calls().filter(|call| !call.known).count(), 8);
    let signed = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, GATE_KEY.as_bytes());
    let forged: Vec<u64> = calls()
        .filter(|call| call.known && call.line == 0)
        .filter(|call| {
            let text = std::str::from_utf8(&call.body).unwrap();
            let (rest, tag) = text.split_once(",\"signature\":\"").unwrap();
            let computed = ring::hmac::sign(&signed, format!("{rest}}}").as_bytes());
            let computed: String = computed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            tag != format!("{computed}\"}}")
        })
        .map(|call| serde_json::from_slice::<Value>(&call.body).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(forged, [about(&all, Fault::ForgedMessage).1]);
}
