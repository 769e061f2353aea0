//! The published schedule of the demo's faults, and which series a seed lets them meet.

use feedwatch_model::Time;
use serde::{Deserialize, Serialize};

use fastrand::Rng;

use super::plant::{PRESSES, SENSORS};
use super::prices::PRODUCTS;

/// Ticks a second, of prices and plant; the gate calls once a second.
pub const TICKS_PER_SECOND: u64 = 10;
/// The schedule begins anew after so many seconds.
pub const PERIOD_SECONDS: u64 = 600;
/// A level shift is taken back slowly between these seconds of the schedule, so that the next one starts from the usual level.
pub(crate) const SHIFT_FADES: (f64, f64) = (150.0, 550.0);

/// One of the demo feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// Prices of four products over a WebSocket.
    Prices,
    /// Sensors of four presses over Server-Sent Events.
    Plant,
    /// A gate that calls two webhooks of ours, each with the same signed message.
    Gate,
}

impl Feed {
    /// Its name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Feed::Prices => "prices",
            Feed::Plant => "plant",
            Feed::Gate => "gate",
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
    /// One number of one product sent again with another price.
    Conflict,
    /// Three numbers of one product sent [`WITHHELD_TICKS`] later.
    WithheldMessages,
    /// No ticker has its `last_size`.
    MissingField,
    /// One digit of one message is another than the checksum was made of.
    DamagedMessage,
    /// One ticker a second instead of forty; numbers wait.
    SlowFeed,
    /// What one product did within a second comes [`HELD_UP_TICKS`] later, with the times at which it was due.
    HeldUp,
    /// The plant's clock stands still, while its events come and their numbers go on.
    StoppedClock,
    /// One message of the gate is another than was signed.
    ForgedMessage,
    /// Callers who do not know the token knock at the gate's first webhook.
    Strangers,
    /// The gate tells its two webhooks different things, each signed.
    DifferingLines,
    /// One sensor says what no sensor can measure.
    Implausible,
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

/// So much later come messages that were withheld.
pub const WITHHELD_TICKS: u64 = 50;
/// So much later come messages that were held up.
pub const HELD_UP_TICKS: u64 = 200;

/// The schedule: the same for every seed, begun anew every [`PERIOD_SECONDS`].
///
/// | second | fault | feed | how | check |
/// |---|---|---|---|---|
/// | 30 | spike | plant | 2 rows of one sensor, 15 to 18 sigma up or down | anomaly |
/// | 40 | lost messages | prices | 3 numbers of one product | sequence |
/// | 50 | level shift | either | one sensor, or the spread of one product: 12 to 15 sigma; fades from 150 s to 550 s | anomaly |
/// | 60 | duplicated message | prices | one frame of one product sent twice | duplicate |
/// | 65 | late message | prices | one frame sent behind the three that follow it | order |
/// | 75 | stall | plant | one sensor frozen for 10 s | anomaly |
/// | 90 | unreadable message | prices | the first part of a message, before the whole of it | decode |
/// | 100 | closed connection | prices | 1001, then refused for 1.5 s; numbers go on | connection, sequence |
/// | 110 | silence | plant | nothing for 5 s; numbers wait | silence |
/// | 140 | conflict | prices | one number of one product again with another price | conflict |
/// | 150 | withheld messages | prices | 3 numbers of one product, sent 5 s later | sequence |
/// | 170 | missing field | prices | no `last_size` for 20 s | schema |
/// | 200 | damaged message | prices | one digit changed, the checksum stands | checksum |
/// | 210 | slow feed | prices | one ticker a second for 20 s; numbers wait | rate |
/// | 250 | held up | prices | one second of one product comes 20 s later, by its own times | lateness |
/// | 290 | stopped clock | plant | the time stands for 8 s, numbers go on | clock |
/// | 310 | forged message | gate | one message changed behind its signature | signature |
/// | 320 | strangers | gate | 8 calls without the token in 4 s | security |
/// | 335 | differing lines | gate | the second webhook is told another value | agreement |
/// | 440 | implausible | plant | 5 rows of one sensor say -999.9 | range |
///
/// What must be learned first decides when: a range is known after 4,096 rows.
pub const SCHEDULE: [Scheduled; 20] = [
    line(30, Fault::Spike, 2),
    line(40, Fault::LostMessages, 3),
    Scheduled { second: 50, fault: Fault::LevelShift, ticks: None },
    line(60, Fault::DuplicatedMessage, 1),
    line(65, Fault::LateMessage, 1),
    line(75, Fault::Stall, 100),
    line(90, Fault::UnreadableMessage, 1),
    line(100, Fault::ClosedConnection, 15),
    line(110, Fault::Silence, 50),
    line(140, Fault::Conflict, 1),
    line(150, Fault::WithheldMessages, 3),
    line(170, Fault::MissingField, 200),
    line(200, Fault::DamagedMessage, 1),
    line(210, Fault::SlowFeed, 200),
    line(250, Fault::HeldUp, 10),
    line(290, Fault::StoppedClock, 80),
    line(310, Fault::ForgedMessage, TICKS_PER_SECOND),
    line(320, Fault::Strangers, 40),
    line(335, Fault::DifferingLines, TICKS_PER_SECOND),
    line(440, Fault::Implausible, 5),
];

/// A tick of the period, and whether faults happen at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) phase: u64,
    pub(crate) faults: bool,
}

impl Now {
    /// How many ticks a fault has lasted, while it lasts.
    pub(crate) fn lasting(self, fault: Fault) -> Option<u64> {
        lasting(fault, self.phase).filter(|_| self.faults)
    }

    pub(crate) fn is(self, fault: Fault) -> bool {
        self.lasting(fault).is_some()
    }
}

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
    pub(crate) conflict: usize,
    pub(crate) withheld: usize,
    pub(crate) damaged: usize,
    pub(crate) held_up: usize,
    pub(crate) implausible: (usize, usize),
}

impl Plan {
    /// The plan of period `cycle`. Spike, shift, stall and what cannot be never meet the same sensor.
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
            conflict: product(&mut rng),
            withheld: product(&mut rng),
            damaged: product(&mut rng),
            held_up: product(&mut rng),
            implausible: sensor(3),
        }
    }

    /// How far the level shift stands from the usual level, in standard deviations.
    pub(crate) fn shift_sigmas_at(&self, now: Now) -> f64 {
        if now.faults { self.shift_sigmas * Plan::shift_share(now.phase) } else { 0.0 }
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
    /// First and last number it is about: of the product, of the plant, or of the gate.
    pub sequence: Option<(u64, u64)>,
    /// By how much the value is off, in its unit.
    pub offset: Option<f64>,
}
