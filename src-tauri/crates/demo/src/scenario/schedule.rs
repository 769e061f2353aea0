//! The published schedule of the demo's faults, and which series a seed lets them meet.

use feedwatch_model::Time;
use serde::{Deserialize, Serialize};

use fastrand::Rng;

use super::plant::{PRESSES, SENSORS};
use super::prices::PRODUCTS;

/// Ticks a second, of both feeds.
pub const TICKS_PER_SECOND: u64 = 10;
/// The schedule begins anew after so many seconds.
pub const PERIOD_SECONDS: u64 = 600;
/// A level shift is taken back slowly between these seconds of the schedule, so that the next one starts from the usual level.
pub(crate) const SHIFT_FADES: (f64, f64) = (150.0, 550.0);

/// One of the two demo feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// Prices of four products over a WebSocket.
    Prices,
    /// Sensors of four presses over Server-Sent Events.
    Plant,
}

impl Feed {
    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Feed::Prices => "prices",
            Feed::Plant => "plant",
        }
    }
}

/// What the publisher does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Two rows of one sensor far off.
    Spike,
    /// Three numbers of one product never sent.
    LostMessages,
    /// One series moves to another level and stays there.
    LevelShift,
    /// One message of one product sent twice.
    DuplicatedMessage,
    /// One message of one product sent after the three that follow it.
    LateMessage,
    /// One sensor frozen.
    Stall,
    /// The first half of a message, before the whole of it.
    UnreadableMessage,
    /// The WebSocket closed with 1001 and refused for a while; numbers go on.
    ClosedConnection,
    /// The plant sends nothing over an open connection; its numbers wait.
    Silence,
}

/// One line of the published schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduled {
    /// Seconds after the first client was connected.
    pub second: u64,
    /// What happens.
    pub fault: Fault,
    /// How many ticks it lasts; `None`: till it fades after the last fault.
    pub ticks: Option<u64>,
}

const fn line(second: u64, fault: Fault, ticks: u64) -> Scheduled {
    Scheduled { second, fault, ticks: Some(ticks) }
}

/// The schedule: the same for every seed, begun anew every [`PERIOD_SECONDS`].
///
/// | second | fault | feed | how |
/// |---|---|---|---|
/// | 30 | spike | plant | 2 rows of one sensor, 15 to 18 sigma up or down |
/// | 40 | lost messages | prices | 3 numbers of one product |
/// | 50 | level shift | either | one sensor, or the spread of one product: 12 to 15 sigma; fades from 150 s to 550 s |
/// | 60 | duplicated message | prices | one frame of one product sent twice |
/// | 65 | late message | prices | one frame sent behind the three that follow it |
/// | 75 | stall | plant | one sensor frozen for 10 s |
/// | 90 | unreadable message | prices | the first part of a message, before the whole of it |
/// | 100 | closed connection | prices | 1001, then refused for 1.5 s; numbers go on |
/// | 110 | silence | plant | nothing for 5 s; numbers wait |
pub const SCHEDULE: [Scheduled; 9] = [
    line(30, Fault::Spike, 2),
    line(40, Fault::LostMessages, 3),
    Scheduled { second: 50, fault: Fault::LevelShift, ticks: None },
    line(60, Fault::DuplicatedMessage, 1),
    line(65, Fault::LateMessage, 1),
    line(75, Fault::Stall, 100),
    line(90, Fault::UnreadableMessage, 1),
    line(100, Fault::ClosedConnection, 15),
    line(110, Fault::Silence, 50),
];

/// The second of the schedule at which a fault begins, in ticks of the period.
pub(crate) fn starts(fault: Fault) -> u64 {
    SCHEDULE.iter().find(|line| line.fault == fault).map_or(u64::MAX, |line| line.second * TICKS_PER_SECOND)
}

/// How many ticks a fault has lasted at `tick` of the period, while it lasts.
pub(crate) fn lasting(fault: Fault, tick: u64) -> Option<u64> {
    let line = SCHEDULE.iter().find(|line| line.fault == fault)?;
    let since = tick.checked_sub(line.second * TICKS_PER_SECOND)?;
    (line.ticks.is_none_or(|ticks| since < ticks)).then_some(since)
}

/// Where a level shift happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shifted {
    /// The spread of a product.
    Spread(usize),
    /// A sensor, as (press, sensor).
    Sensor(usize, usize),
}

/// What a seed makes of the schedule in one period. Products, presses and sensors by index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) spike: (usize, usize),
    pub(crate) spike_sigmas: f64,
    pub(crate) shift: Shifted,
    pub(crate) shift_sigmas: f64,
    pub(crate) stall: (usize, usize),
    pub(crate) lost: usize,
    pub(crate) duplicated: usize,
    pub(crate) late: usize,
    pub(crate) unreadable: usize,
}

impl Plan {
    /// The plan of period `cycle`. Spike, shift and stall never meet the same sensor.
    pub(crate) fn new(seed: u64, cycle: u64) -> Plan {
        let mut rng = super::stream(seed, 1000 + cycle);
        let mut sensors: Vec<(usize, usize)> =
            (0..PRESSES).flat_map(|press| (0..SENSORS.len()).map(move |sensor| (press, sensor))).collect();
        rng.shuffle(&mut sensors);
        let sensor = |index: usize| sensors.get(index).copied().unwrap_or_default();
        let product = |rng: &mut Rng| rng.usize(0..PRODUCTS.len());
        let size = |rng: &mut Rng, from: f64| from + 3.0 * rng.f64();
        let sign = |rng: &mut Rng| if rng.bool() { 1.0 } else { -1.0 };
        // The spike is greater, because it meets detectors when they are young.
        let spike_sigmas = size(&mut rng, 15.0) * sign(&mut rng);
        let (shift, shift_sigmas) = if rng.bool() {
            // Upwards only: a spread is not negative.
            (Shifted::Spread(product(&mut rng)), size(&mut rng, 12.0))
        } else {
            let (press, sensor) = sensor(1);
            (Shifted::Sensor(press, sensor), size(&mut rng, 12.0) * sign(&mut rng))
        };
        Plan {
            spike: sensor(0),
            spike_sigmas,
            shift,
            shift_sigmas,
            stall: sensor(2),
            lost: product(&mut rng),
            duplicated: product(&mut rng),
            late: product(&mut rng),
            unreadable: product(&mut rng),
        }
    }

    /// How much of the level shift stands at `tick` of the period: 0 before, 1 from its start, then slowly back to 0.
    pub(crate) fn shift_share(tick: u64) -> f64 {
        if lasting(Fault::LevelShift, tick).is_none() {
            return 0.0;
        }
        let (from, to) = SHIFT_FADES;
        let faded = ((tick as f64 / TICKS_PER_SECOND as f64 - from) / (to - from)).clamp(0.0, 1.0);
        0.5 + 0.5 * (std::f64::consts::PI * faded).cos()
    }
}

/// What the publisher did, as its log has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The second of the schedule, counted on through the periods (30, 40, …, 630, …).
    pub second: u64,
    /// The feed.
    pub feed: Feed,
    /// What it did.
    pub fault: Fault,
    /// Event time of the first tick it touches.
    pub at: Time,
    /// Event time of the first tick it no longer touches; `None` for a level shift, which fades.
    pub until: Option<Time>,
    /// The value it is about, as a JSON pointer into the message (`/press-2/temp_c`, `/spread`).
    pub path: Option<String>,
    /// The product it is about.
    pub product: Option<String>,
    /// First and last number it is about: of the product, or of the plant.
    pub sequence: Option<(u64, u64)>,
    /// By how much the value is off, in its unit.
    pub offset: Option<f64>,
}
