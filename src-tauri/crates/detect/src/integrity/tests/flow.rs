//! Synthetic feeds with event times, for the checks of time.

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Point, Reading, Severity, Time, Value};

use super::super::{Integrity, Scopes};

pub(super) const SECOND: f64 = 1e9;

/// One message: when it came, its event time, its kind and its series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) received: i64,
    pub(super) event: Option<i64>,
    pub(super) kind: u32,
    pub(super) series: u32,
}

pub(super) struct Kinds;

impl Scopes for Kinds {
    fn per(&self, _rule: u32, _scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }

    fn rule_name(&self, _rule: u32) -> Arc<str> {
        "".into()
    }

    fn kind(&self, kind: u32) -> String {
        format!("kind {kind}")
    }
}

/// 2026-03-01T00:00:00Z.
pub(super) const MIDNIGHT: i64 = 1_772_323_200_000_000_000;

/// Random draws, in seconds.
pub(super) struct Draw(pub(super) fastrand::Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Draw {
        Draw(fastrand::Rng::with_seed(seed))
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -self.0.f64().max(1e-12).ln() * mean
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.0.f64().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * self.0.f64()).cos()
    }

    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }
}

/// Messages for `secs` with pauses drawn at each moment, each delayed by `delay` on its way, in the order of receipt.
pub(super) fn feed(
    secs: f64,
    draw: &mut Draw,
    mut pause: impl FnMut(&mut Draw, f64) -> f64,
    mut delay: impl FnMut(&mut Draw) -> f64,
) -> Vec<Sent> {
    let (mut sent, mut now, mut latest) = (Vec::new(), 0.0, 0.0f64);
    while now < secs {
        now += pause(draw, now);
        // One connection keeps the order.
        latest = latest.max(now + delay(draw));
        let received = MIDNIGHT + (latest * SECOND) as i64;
        sent.push(Sent { received, event: Some(MIDNIGHT + (now * SECOND) as i64), kind: 0, series: 0 });
    }
    sent
}

pub(super) fn one(integrity: &mut Integrity, number: u64, sent: &Sent, out: &mut Vec<Finding>) {
    let message = Message::new(number, Time::from_nanos(sent.received), "");
    let mut reading = Reading { kind: sent.kind, time: sent.event.map(Time::from_nanos), ..Reading::default() };
    reading.points.push(Point { series: sent.series, time: None, value: Value::F64(1.0) });
    integrity.observe(&message, &reading, &Kinds, out);
}

/// Plays a feed, calling `elapse` at about every `step` nanoseconds. Findings of silence are not of interest.
pub(super) fn play(sent: &[Sent], step: Option<i64>) -> Vec<Finding> {
    let mut integrity = Integrity::new(FeedId(1));
    let mut out = Vec::new();
    let mut now = sent.first().map_or(0, |sent| sent.received);
    for (number, sent) in sent.iter().enumerate() {
        if let Some(step) = step {
            now = now.max(sent.received.saturating_sub(100 * step));
            while now.saturating_add(step) < sent.received {
                now += step;
                integrity.elapse(Time::from_nanos(now), &mut out);
            }
        }
        one(&mut integrity, number as u64, sent, &mut out);
    }
    integrity.finish(&mut out);
    out.retain(|finding| finding.check != Check::Silence);
    out.sort_by_key(|finding| (finding.check.word(), finding.at));
    out
}

/// Kind and severity of what was found.
pub(super) fn heads(found: &[Finding]) -> Vec<(FindingKind, Severity)> {
    found.iter().map(|finding| (finding.kind, finding.severity)).collect()
}

/// Seconds from midnight.
pub(super) fn after(finding: &Finding) -> f64 {
    (finding.at.nanos() - MIDNIGHT) as f64 / SECOND
}
