//! Units: what a name ends with, and how units are written beside values.

use super::{any, words};

/// Longer texts are no units.
const LONGEST: usize = 12;

/// The unit a name ends with, where it can mean nothing else.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    let mut words = words(name);
    // Prometheus: what is summed up stands before `_total`.
    if words.len() > 2 && words.last().is_some_and(|last| last == "total") {
        words.pop();
    }
    let (last, before) = words.split_last()?;
    let about = |of: &[&str]| any(before, of);
    if let Some(rate) = before.last().and_then(|of| per_time(of, last)) {
        return Some(rate);
    }
    if let Some(unit) = by_word(last) {
        return Some(unit);
    }
    let is_single = before.is_empty();
    Some(match last.as_str() {
        "ms" | "msec" | "msecs" | "millis" | "milliseconds" if !is_single => "ms",
        "us" | "usec" | "usecs" | "micros" | "microseconds" if !is_single => "µs",
        "ns" | "nsec" | "nanos" | "nanoseconds" if !is_single => "ns",
        "s" | "sec" | "secs" | "seconds" if !is_single => "s",
        "min" | "mins" | "minutes" if about(&["duration", "uptime", "runtime", "elapsed", "age", "delay"]) => "min",
        "c" if about(&["temp", "temperature", "t", "ambient", "dewpoint"]) => "°C",
        "f" if about(&["temp", "temperature", "t", "dewpoint"]) => "°F",
        "v" if about(&["voltage", "volt", "battery", "supply", "bat"]) => "V",
        "mv" if about(&["voltage", "volt", "battery", "supply", "bat"]) => "mV",
        "a" if about(&["current", "amp"]) => "A",
        "ma" if about(&["current", "amp"]) => "mA",
        "w" if about(&["power"]) => "W",
        "va" if about(&["power", "apparent"]) => "VA",
        "usd" | "eur" | "gbp" | "jpy" if !is_single => currency(last),
        "mm" | "cm" | "km" | "kg" if !is_single => metric(last),
        "kb" | "kib" | "mb" | "mib" | "gb" | "gib" if !is_single => size(last),
        "l" | "liters" | "litres" if about(&["volume", "water", "fuel", "level"]) => "l",
        "m" if about(&["depth", "height", "altitude", "alt", "distance", "elevation", "range", "width"]) => "m",
        "deg" | "degrees" if !is_single => "°",
        _ => return None,
    })
}

fn by_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "celsius" | "degc" => "°C",
        "fahrenheit" | "degf" => "°F",
        "kelvin" => "K",
        "percent" | "pct" | "percentage" => "%",
        "bytes" | "octets" => "B",
        "hz" | "hertz" => "Hz",
        "khz" => "kHz",
        "mhz" => "MHz",
        "ghz" => "GHz",
        "bar" => "bar",
        "mbar" => "mbar",
        "kpa" => "kPa",
        "hpa" => "hPa",
        "mpa" => "MPa",
        "psi" => "psi",
        "volts" | "volt" => "V",
        "millivolts" => "mV",
        "amps" | "amperes" => "A",
        "watts" | "watt" => "W",
        "kw" => "kW",
        "wh" => "Wh",
        "kwh" => "kWh",
        "mwh" => "MWh",
        "joules" => "J",
        "rpm" => "rpm",
        "dbm" => "dBm",
        "db" => "dB",
        "ppm" => "ppm",
        "ppb" => "ppb",
        "lux" => "lx",
        "kmh" | "kph" => "km/h",
        "mph" => "mph",
        "knots" => "kn",
        "bps" => "bit/s",
        "kbps" => "kbit/s",
        "mbps" => "Mbit/s",
        _ => return None,
    })
}

fn currency(word: &str) -> &'static str {
    match word {
        "usd" => "USD",
        "eur" => "EUR",
        "gbp" => "GBP",
        _ => "JPY",
    }
}

fn metric(word: &str) -> &'static str {
    match word {
        "mm" => "mm",
        "cm" => "cm",
        "km" => "km",
        _ => "kg",
    }
}

fn size(word: &str) -> &'static str {
    match word {
        "kb" => "kB",
        "kib" => "KiB",
        "mb" => "MB",
        "mib" => "MiB",
        "gb" => "GB",
        _ => "GiB",
    }
}

/// A unit of speed or flow whose stroke a name cannot hold: `vibration_mm_s`.
fn per_time(of: &str, time: &str) -> Option<&'static str> {
    Some(match (of, time) {
        ("mm", "s") => "mm/s",
        ("m", "s") => "m/s",
        ("km", "h") => "km/h",
        ("rad", "s") => "rad/s",
        ("l", "min") => "l/min",
        ("bytes", "s" | "sec") => "B/s",
        _ => return None,
    })
}

/// Of a text that is a unit: the words of what it is the unit of, none for the value beside it. `None`: it is none.
pub(crate) fn of_unit_name(name: &str) -> Option<Vec<String>> {
    let whole = name.to_lowercase();
    if ["unit_of_measurement", "unitofmeasurement", "unit_of_measure", "uom"].contains(&whole.as_str()) {
        return Some(Vec::new());
    }
    let mut words = words(name);
    let last = words.pop()?;
    (["unit", "units"].contains(&last.as_str()) && words.len() < 2).then_some(words)
}

/// Whether a number of this name is what the thing around it is worth.
pub(crate) fn is_value(name: &str) -> bool {
    ["value", "val", "v", "reading", "measurement", "state", "result", "data"].contains(&name.to_lowercase().as_str())
}

/// A unit as it is written beside a value; `None`: it is none.
pub(crate) fn written(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = |letter: char| letter.is_alphanumeric() || "%°/²³µΩ·*^_-. ".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_alphabetic() || "%°µΩ".contains(letter));
    (begins && text.len() <= LONGEST && text.chars().all(fits)).then_some(match text {
        "celsius" | "Celsius" | "C" => "°C",
        "fahrenheit" | "Fahrenheit" | "F" => "°F",
        "percent" => "%",
        text => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_only_where_it_can_mean_nothing_else() {
        let told = [
            ("temp_c", "°C"),
            ("pressure_bar", "bar"),
            ("latency_ms", "ms"),
            ("speed_rpm", "rpm"),
            ("vibration_mm_s", "mm/s"),
            ("current_a", "A"),
            ("node_cpu_seconds_total", "s"),
            ("rx_bytes_total", "B"),
            ("signal_dbm", "dBm"),
            ("energyKwh", "kWh"),
        ];
        for (name, expected) in told {
            assert_eq!(unit(name), Some(expected), "{name}");
        }
        for name in ["side_a", "c", "s", "price", "total", "items_total", "min", "level_m_max"] {
            assert_eq!(unit(name), None, "{name}");
        }
    }

    #[test]
    fn a_unit_beside_a_value_is_short_and_no_sentence() {
        assert_eq!((written("celsius"), written(" kWh "), written("%")), (Some("°C"), Some("kWh"), Some("%")));
        assert_eq!((written(""), written("12"), written("number of visitors a day")), (None, None, None));
    }
}
