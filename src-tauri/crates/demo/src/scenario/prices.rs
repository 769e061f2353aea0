//! The `prices` feed: four products, ten messages a second each, numbers per product.

use std::fmt::Write;

use bytes::Bytes;
use fastrand::Rng;
use feedwatch_model::Time;

use super::signal::{Signal, normal};
use super::stamp;

/// How strongly a price is drawn back to its base, per row: so weak that nobody sees it, so that no hour runs away.
const REVERSION: f64 = 2e-4;
/// Spread of ln(last_size).
const SIZE_SPREAD: f64 = 0.3;
/// The tails of ln(last_size) are cut nearer than those of other noise, because they are long on one side.
const SIZE_TAIL: f64 = 1.7;

/// What a product is like. Prices and sizes in dollars and coins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub(crate) id: &'static str,
    price: f64,
    decimals: u32,
    /// Standard deviation of the walk, per row.
    step: f64,
    /// Standard deviation of the bounce between buyers and sellers.
    bounce: f64,
    spread: f64,
    spread_noise: f64,
    size: f64,
    size_decimals: u32,
    volume: f64,
}

pub(crate) const PRODUCTS: [Product; 4] = [
    Product {
        id: "BTC-USD",
        price: 97_204.10,
        decimals: 2,
        step: 0.7,
        bounce: 4.2,
        spread: 1.84,
        spread_noise: 0.11,
        size: 0.0412,
        size_decimals: 4,
        volume: 18_412.75,
    },
    Product {
        id: "ETH-USD",
        price: 3_512.44,
        decimals: 2,
        step: 0.034,
        bounce: 0.21,
        spread: 0.62,
        spread_noise: 0.045,
        size: 0.6180,
        size_decimals: 4,
        volume: 204_881.5,
    },
    Product {
        id: "SOL-USD",
        price: 187.312,
        decimals: 3,
        step: 0.0026,
        bounce: 0.015,
        spread: 0.064,
        spread_noise: 0.0045,
        size: 8.450,
        size_decimals: 3,
        volume: 1_830_221.125,
    },
    Product {
        id: "ADA-USD",
        price: 0.91234,
        decimals: 5,
        step: 0.000_02,
        bounce: 0.000_12,
        spread: 0.000_64,
        spread_noise: 0.000_045,
        size: 812.5,
        size_decimals: 1,
        volume: 92_440_318.5,
    },
];

/// A message of a product with the number it bears.
#[derive(Clone, Debug)]
pub(crate) struct Ticker {
    pub(crate) sequence: u64,
    pub(crate) bytes: Bytes,
}

/// A product on its way through time.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    product: Product,
    price: f64,
    spread: Signal,
    /// In units of the last decimal, so that the sum of what was told is exact.
    volume: u64,
    sequence: u64,
    rng: Rng,
}

impl Walk {
    pub(crate) fn new(product: Product, mut rng: Rng) -> Walk {
        let spread = Signal::new(product.spread, product.spread_noise, product.spread_noise * 2.0, rng.fork());
        let volume = quanta(product.volume * (0.9 + 0.2 * rng.f64()), product.size_decimals);
        let price = product.price * (0.98 + 0.04 * rng.f64());
        let product = Product { price, ..product };
        Walk { product, price, spread, volume, sequence: rng.u64(10_000..90_000), rng }
    }

    pub(crate) fn id(&self) -> &'static str {
        self.product.id
    }

    /// What cannot be foreseen of the spread, in dollars.
    pub(crate) fn spread_sigma(&self) -> f64 {
        self.spread.sigma()
    }

    /// The number the next message will bear.
    pub(crate) fn upcoming(&self) -> u64 {
        self.sequence + 1
    }

    /// The next message, its spread moved by `spread_offset` dollars. What nobody will see (`unseen`) trades next to nothing, so
    /// that the volume behind a loss does not jump: a loss shows in the numbers, and nowhere else.
    pub(crate) fn next(&mut self, at: Time, spread_offset: f64, unseen: bool) -> Ticker {
        let Product { id, decimals, size_decimals, .. } = self.product;
        self.sequence += 1;
        self.price += self.product.step * normal(&mut self.rng) + REVERSION * (self.product.price - self.price);
        let price = quanta(self.price + self.product.bounce * normal(&mut self.rng), decimals);
        let spread = quanta(self.spread.next() + spread_offset, decimals).max(1);
        // The last trade was somewhere between the two sides of the book.
        let below = (spread as f64 * (0.35 + 0.3 * self.rng.f64())).round() as u64;
        let bid = price.saturating_sub(below);
        let size = if unseen { 1 } else { quanta(self.product.size * self.size_factor(), size_decimals).max(1) };
        self.volume += size;

        let mut text = String::with_capacity(288);
        let _ = write!(
            text,
            "{{\"type\":\"ticker\",\"product_id\":\"{id}\",\"sequence\":{},\"time\":\"{}\",\"price\":\"{}\",\
             \"best_bid\":\"{}\",\"best_ask\":\"{}\",\"spread\":\"{}\",\"last_size\":\"{}\",\"volume_24h\":\"{}\"}}",
            self.sequence,
            stamp(at),
            Fixed(price, decimals),
            Fixed(bid, decimals),
            Fixed(bid + spread, decimals),
            Fixed(spread, decimals),
            Fixed(size, size_decimals),
            Fixed(self.volume, size_decimals),
        );
        Ticker { sequence: self.sequence, bytes: Bytes::from(text) }
    }

    fn size_factor(&mut self) -> f64 {
        loop {
            let value = normal(&mut self.rng);
            if value.abs() <= SIZE_TAIL {
                return (SIZE_SPREAD * value).exp();
            }
        }
    }
}

/// The message that says the connection is alive.
pub(crate) fn heartbeat(at: Time) -> Bytes {
    Bytes::from(format!("{{\"type\":\"heartbeat\",\"time\":\"{}\"}}", stamp(at)))
}

/// The answer to a client's subscription.
pub(crate) fn subscriptions() -> Bytes {
    let ids: Vec<String> = PRODUCTS.iter().map(|product| format!("\"{}\"", product.id)).collect();
    let ids = ids.join(",");
    Bytes::from(format!(
        "{{\"type\":\"subscriptions\",\"channels\":[{{\"name\":\"ticker\",\"product_ids\":[{ids}]}}]}}"
    ))
}

/// A value in units of its last decimal. Never negative: no price, size or volume is.
fn quanta(value: f64, decimals: u32) -> u64 {
    (value * 10f64.powi(decimals as i32)).round().max(0.0) as u64
}

/// A number in units of its last decimal, written with all its decimals.
struct Fixed(u64, u32);

impl std::fmt::Display for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = 10u64.pow(self.1);
        write!(f, "{}.{:0width$}", self.0 / unit, self.0 % unit, width = self.1 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_decimals() {
        assert_eq!(Fixed(9_720_410, 2).to_string(), "97204.10");
        assert_eq!(Fixed(42, 5).to_string(), "0.00042");
    }

    #[test]
    fn a_message_is_json_whose_sides_differ_by_the_spread() {
        for product in PRODUCTS {
            let mut walk = Walk::new(product, Rng::with_seed(3));
            let message = walk.next(Time::from_millis(1_700_000_000_100), 0.0, false);
            let value: serde_json::Value = serde_json::from_slice(&message.bytes).unwrap();
            let number = |key: &str| value[key].as_str().unwrap().parse::<f64>().unwrap();
            assert_eq!(value["product_id"], product.id);
            assert_eq!(value["time"], "2023-11-14T22:13:20.100Z");
            assert!((number("best_ask") - number("best_bid") - number("spread")).abs() < 1e-6);
            assert!(number("best_bid") <= number("price") && number("price") <= number("best_ask"));
        }
    }

    #[test]
    fn the_answer_to_a_subscription_is_json() {
        let value: serde_json::Value = serde_json::from_slice(&subscriptions()).unwrap();
        assert_eq!(value["channels"][0]["product_ids"].as_array().unwrap().len(), PRODUCTS.len());
    }
}
