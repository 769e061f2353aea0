//! What a checksum costs: a feed with one beside the same feed without, in the same run.
//!
//! `cargo run --release -p feedwatch-decode --example guards`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use feedwatch_decode::{Catalogue, Decoder, Options, SignatureKey, Sink};
use feedwatch_model::{Message, Reading, Rejected, Time};

const MESSAGES: usize = 4096;
const ROUNDS: usize = 15;

#[derive(Default)]
struct Counter {
    guards: usize,
    fits: usize,
}

impl Sink for Counter {
    fn reading(&mut self, _: &Catalogue, message: Message, reading: &Reading) {
        self.guards += black_box(reading).guards.len();
        self.fits += reading.guards.iter().filter(|guard| guard.fits).count();
        black_box(message);
    }

    fn rejected(&mut self, _: Message, _: Rejected) {}
}

/// Nanoseconds a message, the best of some rounds, and guards a message.
fn measure(name: &str, text: impl Fn(usize) -> String, key: Option<SignatureKey>) {
    let start = Time::parse_rfc3339("2026-08-09T21:05:48Z").unwrap();
    let message = |at: usize| Message::new(at as u64, start.plus_nanos(at as i64 * 1_000_000), text(at));
    let messages: Vec<Message> = (0..MESSAGES).map(message).collect();
    let mut decoder = Decoder::new(Options { signature: key, ..Options::default() });
    let mut best = f64::INFINITY;
    let mut counter = Counter::default();
    for _ in 0..ROUNDS {
        let round = messages.clone();
        counter = Counter::default();
        let began = Instant::now();
        for message in round {
            decoder.push(message, &mut counter);
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / MESSAGES as f64);
    }
    println!("{name:<34} {best:7.1} ns, {} guards, {} fit", counter.guards, counter.fits);
}

fn body(at: usize) -> String {
    format!(
        r#"{{"id":"pump-{}","temp":{}.{:02},"state":"on","note":"{}"}}"#,
        at % 4,
        20 + at % 9,
        at % 100,
        "x".repeat(150)
    )
}

fn sentence(at: usize) -> String {
    let body = format!(
        "GPGGA,12{:02}{:02},4807.0{:02},N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        at / 60 % 60,
        at % 60,
        at % 100
    );
    format!("${body}*{:02X}", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

/// A book of ten levels a side, of which one quantity changes.
fn book(at: usize, sum: bool) -> String {
    let text = |at: usize| format!("{}.{:08}", at % 9 + 1, at);
    let changed = |side: usize, level: usize| {
        (0..=at / 20 * 20 + side * 10 + level).rev().step_by(1).next().map_or(0, |last| {
            let turn = side * 10 + level;
            if at % 20 >= turn { at / 20 * 20 + turn } else { (at / 20).saturating_sub(1) * 20 + turn }
                .min(last.max(turn))
        })
    };
    let price = |side: usize, level: usize| if side == 0 { 1000 + level } else { 999 - level };
    let row = |side: usize, level: usize| {
        format!(r#"{{"price":{}.5,"qty":{}}}"#, price(side, level), text(changed(side, level)))
    };
    let rows = |side: usize| match at {
        0 => (0..10).map(|level| row(side, level)).collect::<Vec<_>>().join(","),
        _ if at % 20 / 10 == side => row(side, at % 10),
        _ => String::new(),
    };
    let plain = |text: String| text.replace('.', "").trim_start_matches('0').to_owned();
    let side = |side: usize| -> String {
        let level = |level| plain(format!("{}.5", price(side, level))) + &plain(text(changed(side, level)));
        (0..10).map(level).collect()
    };
    let sum = if sum {
        format!(r#","checksum":{}"#, crc32fast::hash((side(0) + &side(1)).as_bytes()))
    } else {
        String::new()
    };
    let kind = if at == 0 { "snapshot" } else { "update" };
    let (asks, bids) = (rows(0), rows(1));
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"ETH/USD","bids":[{bids}],"asks":[{asks}]{sum}}}]}}"#
    )
}

fn main() {
    measure("a payload of 230 bytes", body, None);
    measure(
        "its CRC-32 in a field",
        |at| {
            let body = body(at);
            format!(r#"{},"crc":{}}}"#, &body[..body.len() - 1], crc32fast::hash(body.as_bytes()))
        },
        None,
    );
    measure(
        "its SHA-256 in a field",
        |at| {
            let body = body(at);
            let sum = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
            let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r#"{},"sha256":"{hex}"}}"#, &body[..body.len() - 1])
        },
        None,
    );
    measure(
        "its HMAC-SHA-256 in a field",
        |at| {
            let body = body(at);
            let sum = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"k"), body.as_bytes());
            let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!(r#"{},"signature":"{hex}"}}"#, &body[..body.len() - 1])
        },
        Some(SignatureKey::secret("k")),
    );
    measure("a book without a checksum", |at| book(at, false), None);
    measure("a book with one", |at| book(at, true), None);
    measure("a sentence of NMEA 0183", sentence, None);
}
