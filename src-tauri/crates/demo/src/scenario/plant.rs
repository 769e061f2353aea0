//! The `plant` feed: four presses with three sensors each and the line's counter, ten events a second.

use std::fmt::Write;

use bytes::Bytes;
use fastrand::Rng;
use feedwatch_model::Time;

use super::signal::Signal;
use super::stamp;

/// How many presses there are.
pub(crate) const PRESSES: usize = 4;

/// What a sensor is like, in its own unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sensor {
    pub(crate) name: &'static str,
    base: f64,
    sigma: f64,
    swing: f64,
}

pub(crate) const SENSORS: [Sensor; 3] = [
    Sensor { name: "temp_c", base: 71.0, sigma: 0.12, swing: 1.6 },
    Sensor { name: "pressure_bar", base: 5.1, sigma: 0.06, swing: 0.3 },
    Sensor { name: "vibration_mm_s", base: 1.84, sigma: 0.07, swing: 0.2 },
];

/// A sensor and what it said last.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    signal: Signal,
    last: f64,
}

impl Gauge {
    pub(crate) fn sigma(&self) -> f64 {
        self.signal.sigma()
    }
}

/// What faults do to one sensor in one row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effect {
    /// Added to the value.
    pub(crate) offset: f64,
    /// It says what it said last, and time stands still for it, so that it goes on without a jump.
    pub(crate) frozen: bool,
    /// It says this instead, and goes on as if it had not.
    pub(crate) says: Option<f64>,
}

/// The presses on their way through time.
#[derive(Clone, Debug)]
pub(crate) struct Plant {
    gauges: Vec<[Gauge; SENSORS.len()]>,
    parts: u64,
    sequence: u64,
}

impl Plant {
    pub(crate) fn new(mut rng: Rng) -> Plant {
        let mut gauge = |sensor: Sensor| {
            let base = sensor.base * (0.95 + 0.1 * rng.f64());
            Gauge { signal: Signal::new(base, sensor.sigma, sensor.swing, rng.fork()), last: base }
        };
        let gauges = (0..PRESSES).map(|_| SENSORS.map(&mut gauge)).collect();
        Plant { gauges, parts: rng.u64(10_000..20_000), sequence: 0 }
    }

    pub(crate) fn gauge(&self, press: usize, sensor: usize) -> Option<&Gauge> {
        self.gauges.get(press)?.get(sensor)
    }

    /// The number the next event will bear.
    pub(crate) fn upcoming(&self) -> u64 {
        self.sequence + 1
    }

    /// The next event and its number. `counts`: the line makes a part.
    pub(crate) fn next(&mut self, at: Time, counts: bool, effect: impl Fn(usize, usize) -> Effect) -> (u64, Bytes) {
        self.sequence += 1;
        self.parts += u64::from(counts);
        let mut text = String::with_capacity(480);
        let _ = write!(text, "{{\"seq\":{},\"at\":\"{}\"", self.sequence, stamp(at));
        for (press, gauges) in self.gauges.iter_mut().enumerate() {
            let _ = write!(text, ",\"press-{}\":{{", press + 1);
            for (index, (gauge, sensor)) in gauges.iter_mut().zip(SENSORS).enumerate() {
                let Effect { offset, frozen, says } = effect(press, index);
                if !frozen {
                    gauge.last = gauge.signal.next() + offset;
                }
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(text, "{comma}\"{}\":{:.2}", sensor.name, says.unwrap_or(gauge.last));
            }
            text.push('}');
        }
        let _ = write!(text, ",\"line\":{{\"running\":true,\"parts\":{}}}}}", self.parts);
        (self.sequence, Bytes::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_with_every_sensor() {
        let mut plant = Plant::new(Rng::with_seed(1));
        let (sequence, bytes) = plant.next(Time::from_millis(100), true, |_, _| Effect::default());
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["seq"], sequence);
        assert_eq!(value["at"], "1970-01-01T00:00:00.100Z");
        assert_eq!(value["line"]["running"], true);
        for press in 1..=PRESSES {
            for sensor in SENSORS {
                assert!(value[format!("press-{press}")][sensor.name].is_f64());
            }
        }
    }
}
