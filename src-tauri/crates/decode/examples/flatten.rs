//! How long a ticker message takes: UTF-8 check, strict scan, paths, values, keys, time, sequence: a whole reading.
//! The baseline of the same run is serde_json checking the same bytes without keeping anything.
//!
//! `cargo run --release -p feedwatch-decode --example flatten`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
use feedwatch_model::{Message, Reading, Rejected, Time};

const PRODUCTS: [&str; 4] = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"];
const MESSAGES: usize = 4096;
const ROUNDS: usize = 15;

/// Counts points, so that nothing is optimised away.
#[derive(Default)]
struct Counter {
    points: usize,
    rejected: usize,
}

impl Sink for Counter {
    fn reading(&mut self, _: &Catalogue, message: Message, reading: &Reading) {
        self.points += black_box(reading).points.len();
        black_box(message);
    }

    fn rejected(&mut self, _: Message, _: Rejected) {
        self.rejected += 1;
    }
}

fn ticker(number: usize, sequence: bool) -> String {
    let product = PRODUCTS[number % PRODUCTS.len()];
    let cents = number % 100;
    let millis = number % 1000;
    let counted =
        if sequence { format!("\"sequence\":{},", 37_475_248_783_u64 + (number / 4) as u64) } else { String::new() };
    format!(
        "{{\"type\":\"ticker\",{counted}\"product_id\":\"{product}\",\"price\":\"6508{}.{cents:02}\",\"open_24h\":\"64675.22\",\
         \"volume_24h\":\"2867.54532609\",\"low_24h\":\"64675.22\",\"high_24h\":\"65252.99\",\"best_bid\":\"65083.66\",\
         \"best_ask\":\"65083.67\",\"side\":\"buy\",\"time\":\"2026-08-09T21:05:48.{millis:03}568Z\",\"last_size\":0.2037}}",
        number % 10
    )
}

fn main() {
    let start = Time::parse_rfc3339("2026-08-09T21:05:48Z").unwrap();
    for sequence in [false, true] {
        let texts: Vec<String> = (0..MESSAGES).map(|number| ticker(number, sequence)).collect();
        let messages: Vec<Message> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Message::new(at as u64, start.plus_nanos(at as i64 * 1_000_000), text.clone()))
            .collect();
        let bytes = texts.iter().map(String::len).sum::<usize>() / MESSAGES;
        let mut decoder = Decoder::new(Options::default());
        let mut counter = Counter::default();
        for message in &messages {
            decoder.push(message.clone(), &mut counter);
        }
        if let Ok(rounds) = std::env::var("ONLY") {
            for _ in 0..rounds.parse().unwrap_or(400) {
                messages.iter().for_each(|message| decoder.push(message.clone(), &mut counter));
            }
            continue;
        }
        let (mut ours, mut checks, mut visits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(nanos(|| messages.iter().for_each(|message| decoder.push(message.clone(), &mut counter))));
            checks.push(nanos(|| {
                for text in &texts {
                    black_box(serde_json::from_slice::<serde::de::IgnoredAny>(text.as_bytes()).is_ok());
                }
            }));
            visits.push(nanos(|| {
                for text in &texts {
                    black_box(serde_json::from_str::<serde_json::Value>(text).is_ok());
                }
            }));
        }
        let points = counter.points as f64 / (MESSAGES * (ROUNDS + 1)) as f64;
        println!(
            "{bytes} bytes, {points:.2} points, {} rejected, {}",
            counter.rejected,
            if sequence { "numbered" } else { "hashed" }
        );
        println!("  a reading            {:>7.1} ns (best {:.1})", median(&mut ours), ours[0]);
        println!("  serde_json, skipping {:>7.1} ns (best {:.1})", median(&mut checks), checks[0]);
        println!("  serde_json::Value    {:>7.1} ns (best {:.1})", median(&mut visits), visits[0]);
    }
}

fn nanos(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64 / MESSAGES as f64
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
