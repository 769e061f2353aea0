//! The `prices` feed: four products, ten messages a second each, numbers per product. Each message of a product ends with the
//! CRC-32 of what it is without that field.

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

/// What a message of a product says, in units of the last decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote {
    product: Product,
    pub(crate) sequence: u64,
    /// When it was made.
    pub(crate) at: Time,
    price: u64,
    bid: u64,
    spread: u64,
    size: u64,
    volume: u64,
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

    /// The next message, its spread moved by `spread_offset` dollars. What nobody will see in time (`unseen`) adds next to
    /// nothing to the volume, so that it does not jump behind it: a loss shows in the numbers, and nowhere else.
    pub(crate) fn next(&mut self, at: Time, spread_offset: f64, unseen: bool) -> Quote {
        let product = self.product;
        let Product { decimals, size_decimals, .. } = product;
        self.sequence += 1;
        self.price += product.step * normal(&mut self.rng) + REVERSION * (product.price - self.price);
        let price = quanta(self.price + product.bounce * normal(&mut self.rng), decimals);
        let spread = quanta(self.spread.next() + spread_offset, decimals).max(1);
        // The last trade was somewhere between the two sides of the book.
        let below = (spread as f64 * (0.35 + 0.3 * self.rng.f64())).round() as u64;
        let bid = price.saturating_sub(below);
        let size = quanta(product.size * self.size_factor(), size_decimals).max(1);
        self.volume += if unseen { 1 } else { size };
        Quote { product, sequence: self.sequence, at, price, bid, spread, size, volume: self.volume }
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

impl Quote {
    /// The message; without its `last_size` if that is missing.
    pub(crate) fn bytes(&self, without_size: bool) -> Bytes {
        let Quote { product: Product { id, decimals, size_decimals, .. }, price, bid, spread, .. } = *self;
        let mut text = String::with_capacity(320);
        let _ = write!(
            text,
            "{{\"type\":\"ticker\",\"product_id\":\"{id}\",\"sequence\":{},\"time\":\"{}\",\"price\":\"{}\",\
             \"best_bid\":\"{}\",\"best_ask\":\"{}\",\"spread\":\"{}\"",
            self.sequence,
            stamp(self.at),
            Fixed(price, decimals),
            Fixed(bid, decimals),
            Fixed(bid + spread, decimals),
            Fixed(spread, decimals),
        );
        if !without_size {
            let _ = write!(text, ",\"last_size\":\"{}\"", Fixed(self.size, size_decimals));
        }
        let _ = write!(text, ",\"volume_24h\":\"{}\"}}", Fixed(self.volume, size_decimals));
        let sum = crc32fast::hash(text.as_bytes());
        text.pop();
        let _ = write!(text, ",\"crc32\":\"{sum:08x}\"}}");
        Bytes::from(text)
    }

    /// The same message with another price.
    pub(crate) fn contradicted(&self) -> Quote {
        Quote { price: self.price + 1, ..*self }
    }
}

/// The message with another digit at the end of its price.
pub(crate) fn damaged(message: &Bytes) -> Bytes {
    const PRICE: &[u8] = b"\"price\":\"";
    let mut bytes = message.to_vec();
    let start = bytes.windows(PRICE.len()).position(|part| part == PRICE).map(|at| at + PRICE.len());
    let digit = start.and_then(|start| bytes.iter_mut().skip(start).take_while(|byte| **byte != b'"').last());
    if let Some(digit) = digit {
        // One of 0 and 1, 2 and 3, … for the other.
        *digit ^= 1;
    }
    Bytes::from(bytes)
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
            let value: serde_json::Value = serde_json::from_slice(&message.bytes(false)).unwrap();
            let number = |key: &str| value[key].as_str().unwrap().parse::<f64>().unwrap();
            assert_eq!(value["product_id"], product.id);
            assert_eq!(value["time"], "2023-11-14T22:13:20.100Z");
            assert!((number("best_ask") - number("best_bid") - number("spread")).abs() < 1e-6);
            assert!(number("best_bid") <= number("price") && number("price") <= number("best_ask"));
        }
    }

    #[test]
    fn a_message_ends_with_the_checksum_of_the_rest() {
        for product in PRODUCTS {
            let quote = Walk::new(product, Rng::with_seed(3)).next(Time::from_millis(100), 0.0, false);
            for without_size in [false, true] {
                let text = String::from_utf8(quote.bytes(without_size).to_vec()).unwrap();
                let (rest, sum) = text.split_once(",\"crc32\":\"").unwrap();
                assert_eq!(sum, format!("{:08x}\"}}", crc32fast::hash(format!("{rest}}}").as_bytes())));
                assert_eq!(text.contains("last_size"), !without_size);
            }
        }
    }

    #[test]
    fn a_damaged_message_differs_in_one_digit_of_its_price_and_a_contradicted_one_in_its_price() {
        for product in PRODUCTS {
            let quote = Walk::new(product, Rng::with_seed(5)).next(Time::from_millis(100), 0.0, false);
            let whole = quote.bytes(false);
            let other = damaged(&whole);
            assert_eq!(whole.iter().zip(&other).filter(|(one, other)| one != other).count(), 1);
            let price = |bytes: &Bytes| serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["price"].clone();
            assert_ne!(price(&whole), price(&other));
            assert_ne!(price(&whole), price(&quote.contradicted().bytes(false)));
        }
    }

    #[test]
    fn the_answer_to_a_subscription_is_json() {
        let value: serde_json::Value = serde_json::from_slice(&subscriptions()).unwrap();
        assert_eq!(value["channels"][0]["product_ids"].as_array().unwrap().len(), PRODUCTS.len());
    }
}
