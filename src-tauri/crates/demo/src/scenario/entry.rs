//! What the log says of a fault.

use feedwatch_model::Time;

use super::plant::SENSORS;
use super::prices::PRODUCTS;
use super::schedule::{Entry, Fault, Feed, HELD_UP_TICKS, Now, SCHEDULE, Scheduled, Shifted, TICKS_PER_SECOND, starts};
use super::{Scenario, TICK_NANOS};

impl Scenario {
    /// The log entries of the faults that begin now.
    pub(super) fn entries(&self, now: Now, at: Time) -> Vec<Entry> {
        let begins = SCHEDULE.iter().filter(|line| starts(line.fault) == now.phase);
        begins.map(|line| self.entry(*line, now, at)).collect()
    }

    fn entry(&self, line: Scheduled, now: Now, at: Time) -> Entry {
        let ticks = line.ticks.unwrap_or(1);
        let blank = Entry {
            second: self.number / TICKS_PER_SECOND,
            feed: Feed::Prices,
            fault: line.fault,
            at,
            until: line.ticks.map(|ticks| at.plus_nanos(TICK_NANOS * ticks as i64)),
            path: None,
            product: None,
            sequence: None,
            offset: None,
        };
        let of_plant = |sensor: Option<(usize, usize)>, offset: Option<f64>| {
            let first = self.plant.upcoming();
            let path = sensor.map(|(press, sensor)| {
                format!("/press-{}/{}", press + 1, SENSORS.get(sensor).map_or("", |sensor| sensor.name))
            });
            Entry { feed: Feed::Plant, path, sequence: Some((first, first + ticks - 1)), offset, ..blank.clone() }
        };
        let of_product = |index: usize, ticks: u64| {
            let first = self.exchange.upcoming(index);
            let product = PRODUCTS.get(index).map(|product| product.id.to_owned());
            Entry { product, sequence: Some((first, first + ticks - 1)), ..blank.clone() }
        };
        let of_gate = |sequence: bool| {
            let next = self.gate.upcoming();
            Entry { feed: Feed::Gate, sequence: sequence.then_some((next, next)), ..blank.clone() }
        };
        match line.fault {
            Fault::Spike => of_plant(Some(self.plan.spike), Some(self.spike_offset())),
            Fault::Stall => of_plant(Some(self.plan.stall), None),
            Fault::Implausible => of_plant(Some(self.plan.implausible), None),
            Fault::StoppedClock => of_plant(None, None),
            Fault::Silence => Entry { sequence: None, ..of_plant(None, None) },
            Fault::LevelShift => match self.plan.shift {
                Shifted::Sensor(press, sensor) => {
                    of_plant(Some((press, sensor)), self.sensor_shift(now).map(|(_, offset)| offset))
                }
                Shifted::Spread(product) => Entry {
                    path: Some("/spread".to_owned()),
                    offset: Some(self.exchange.spread_offset(now, &self.plan, product)),
                    ..of_product(product, 1)
                },
            },
            Fault::LostMessages => of_product(self.plan.lost, ticks),
            Fault::WithheldMessages => of_product(self.plan.withheld, ticks),
            Fault::DuplicatedMessage => of_product(self.plan.duplicated, 1),
            Fault::LateMessage => of_product(self.plan.late, 1),
            Fault::UnreadableMessage => of_product(self.plan.unreadable, 1),
            Fault::Conflict => of_product(self.plan.conflict, 1),
            Fault::DamagedMessage => of_product(self.plan.damaged, 1),
            Fault::HeldUp => {
                // They get their numbers when they are sent.
                let later = HELD_UP_TICKS - ticks;
                let entry = of_product(self.plan.held_up, ticks);
                Entry { sequence: entry.sequence.map(|(first, last)| (first + later, last + later)), ..entry }
            }
            Fault::MissingField => Entry { path: Some("/last_size".to_owned()), ..blank },
            Fault::ClosedConnection | Fault::SlowFeed => blank,
            Fault::ForgedMessage | Fault::DifferingLines => of_gate(true),
            Fault::Strangers => of_gate(false),
        }
    }
}
