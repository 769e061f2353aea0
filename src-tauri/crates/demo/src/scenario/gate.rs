//! The `gate` feed: a gate that counts who passes and calls two webhooks each second, with the same signed message.

use std::fmt::Write;

use bytes::Bytes;
use feedwatch_model::Time;
use ring::hmac;

use super::schedule::{Fault, Now, TICKS_PER_SECOND};
use super::signal::Signal;
use super::{stamp, stream};

/// What the gate signs its messages with (HMAC-SHA-256 over the message without the field `signature`).
pub const GATE_KEY: &str = "feedwatch-demo-gate";
/// Webhooks that are called.
pub const GATE_LINES: usize = 2;

/// At this tick of a second it calls: not when heartbeats come.
const AT: u64 = 5;
/// Ticks from one stranger to the next.
const KNOCKS: u64 = 5;

/// A call of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which one, from 0.
    pub line: usize,
    /// What is posted.
    pub body: Bytes,
    /// Whether the caller knows the token.
    pub known: bool,
}

/// The gate over time.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    key: hmac::Key,
    wait: Signal,
    passed: u64,
    sequence: u64,
}

/// What a message of the gate says.
struct Passing {
    sequence: u64,
    at: Time,
    wait: f64,
    passed: u64,
}

impl Gate {
    pub(crate) fn new(seed: u64) -> Gate {
        let mut rng = stream(seed, 2);
        let wait = Signal::new(24.0, 0.6, 2.0, rng.fork());
        let key = hmac::Key::new(hmac::HMAC_SHA256, GATE_KEY.as_bytes());
        Gate { key, wait, passed: rng.u64(1_000..2_000), sequence: 0 }
    }

    /// The number the next message will bear.
    pub(crate) fn upcoming(&self) -> u64 {
        self.sequence + 1
    }

    /// What is called in this tick.
    pub(crate) fn tick(&mut self, now: Now, at: Time) -> Vec<Call> {
        let mut calls = Vec::new();
        if now.phase % TICKS_PER_SECOND == AT {
            self.sequence += 1;
            let is_forged = now.is(Fault::ForgedMessage);
            // What is not believed is missing in the count, which must not jump behind it.
            self.passed += u64::from(!is_forged);
            let passing = Passing { sequence: self.sequence, at, wait: self.wait.next(), passed: self.passed };
            let body =
                if is_forged { passing.text(&passing.other(), &self.key) } else { passing.text(&passing, &self.key) };
            let other = passing.other();
            let second = if now.is(Fault::DifferingLines) { other.text(&other, &self.key) } else { body.clone() };
            calls.extend([body, second].into_iter().enumerate().map(|(line, body)| Call { line, body, known: true }));
        }
        if now.lasting(Fault::Strangers).is_some_and(|since| since.is_multiple_of(KNOCKS)) {
            calls.push(Call { line: 0, body: Bytes::from_static(b"{\"open\":true}"), known: false });
        }
        calls
    }
}

impl Passing {
    /// Another wait for the same passing.
    fn other(&self) -> Passing {
        Passing { wait: self.wait + 0.2, ..*self }
    }

    fn unsigned(&self) -> String {
        let mut text = String::with_capacity(192);
        let _ = write!(text, "{{\"seq\":{},\"at\":\"{}\"", self.sequence, stamp(self.at));
        let _ = write!(text, ",\"wait_s\":{:.2},\"passed\":{}}}", self.wait, self.passed);
        text
    }

    /// The message, with the signature of `signed`.
    fn text(&self, signed: &Passing, key: &hmac::Key) -> Bytes {
        let tag = hmac::sign(key, signed.unsigned().as_bytes());
        let mut text = self.unsigned();
        text.pop();
        text.push_str(",\"signature\":\"");
        for byte in tag.as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text.push_str("\"}");
        Bytes::from(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_the_signature_of_the_rest() {
        let mut gate = Gate::new(1);
        let calls: Vec<Call> = (0..20)
            .flat_map(|phase| gate.tick(Now { phase, faults: false }, Time::from_millis(phase as i64)))
            .collect();
        assert_eq!(calls.iter().map(|call| call.line).collect::<Vec<_>>(), [0, 1, 0, 1]);
        for call in calls {
            assert!(call.known);
            let text = std::str::from_utf8(&call.body).unwrap();
            let (rest, tag) = text.split_once(",\"signature\":\"").unwrap();
            let tag = tag.trim_end_matches("\"}");
            let tag: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&tag[2 * at..2 * at + 2], 16).unwrap()).collect();
            hmac::verify(&gate.key, format!("{rest}}}").as_bytes(), &tag).unwrap();
        }
    }
}
