//! The messages that are measured: tickers as an exchange sends them, and small ones.
//!
//! Every message is made by copying a template and writing over the digits that change, so that a sender is never slower
//! than the fastest reader.

use std::ops::Range;

use feedwatch_model::Time;

const PRODUCTS: [&str; 10] =
    ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "LTC-USD", "DOT-USD", "UNI-USD", "BCH-USD", "XLM-USD"];
/// Every product's first number.
const FIRST: u64 = 37_475_248_783;

/// What a message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 275 bytes, 8 numeric fields, 7 of them strings, a sequence number per product, a time in RFC 3339.
    Ticker,
    /// 60 bytes, 1 numeric field, a sequence number per product, a time in milliseconds.
    Small,
}

impl Shape {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Shape::Ticker => "ticker",
            Shape::Small => "small",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Shape> {
        [Shape::Ticker, Shape::Small].into_iter().find(|shape| shape.word() == word)
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Shape::Ticker => 275,
            Shape::Small => 60,
        }
    }

    fn template(self, product: &str) -> String {
        match self {
            Shape::Ticker => format!(
                "{{\"type\":\"ticker\",\"sequence\":00000000000,\"product_id\":\"{product}\",\"price\":\"55555.55\",\
                 \"open_24h\":\"64675\",\"volume_24h\":\"2867.545\",\"low_24h\":\"64675\",\"high_24h\":\"65253\",\
                 \"best_bid\":\"55555.54\",\"best_ask\":\"55555.56\",\"side\":\"buy\",\
                 \"time\":\"2026-08-09T21:05:48.000000Z\",\"last_size\":0.2037}}"
            ),
            Shape::Small => format!("{{\"s\":\"{product}\",\"n\":000000000,\"p\":55555.55,\"t\":0000000000000}}"),
        }
    }
}

/// Makes message after message: the products take turns, each number is one more than the product's last.
pub(crate) struct Messages {
    shape: Shape,
    templates: Vec<Vec<u8>>,
    places: Places,
    made: u64,
    /// Cents.
    prices: Vec<i64>,
    random: u64,
    second: i64,
    head: String,
}

/// Where the changing digits stand; the same in all templates.
struct Places {
    number: Range<usize>,
    prices: Vec<usize>,
    time: usize,
    /// Three digits of the volume, four of the last size.
    sizes: Vec<Range<usize>>,
}

impl Messages {
    /// Of so many products: 10, or any number up to 10,000.
    pub(crate) fn new(shape: Shape, products: usize) -> Messages {
        let names = (0..products).map(|at| PRODUCTS.get(at).map_or_else(|| made_up(at), |name| (*name).to_owned()));
        let templates: Vec<Vec<u8>> = names.map(|name| shape.template(&name).into_bytes()).collect();
        let text = shape.template(PRODUCTS[0]);
        let find = |needle: &str| text.find(needle).unwrap_or(0);
        let span = |needle: &str| find(needle)..find(needle) + needle.len();
        let places = match shape {
            Shape::Ticker => Places {
                number: span("00000000000"),
                prices: vec![find("55555.55"), find("55555.54"), find("55555.56")],
                time: find("2026-08-09T"),
                sizes: vec![find("867.545")..find("867.545") + 3, span("2037")],
            },
            Shape::Small => Places {
                number: span("000000000"),
                prices: vec![find("55555.55")],
                time: find(":0000000000000}") + 1,
                sizes: Vec::new(),
            },
        };
        assert!(templates.iter().all(|template| template.len() == shape.bytes()), "{} is {}", shape.word(), text.len());
        Messages {
            shape,
            templates,
            places,
            made: 0,
            prices: vec![6_508_366; products],
            random: 0x9E37_79B9_7F4A_7C15,
            second: i64::MIN,
            head: String::new(),
        }
    }

    /// Appends the next message, as it was at `at`.
    pub(crate) fn next(&mut self, at: Time, out: &mut Vec<u8>) {
        let products = self.templates.len() as u64;
        let turn = (self.made % products) as usize;
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let start = out.len();
        out.extend_from_slice(&self.templates[turn]);
        let message = &mut out[start..];
        digits(FIRST + self.made / products, &mut message[self.places.number.clone()]);
        let price = &mut self.prices[turn];
        *price = (*price + (self.random % 21) as i64 - 10).clamp(1_000_000, 9_999_998);
        for (&place, off) in self.places.prices.iter().zip([0, -1, 1]) {
            let cents = (*price + off).unsigned_abs();
            digits(cents / 100, &mut message[place..][..5]);
            digits(cents % 100, &mut message[place + 6..][..2]);
        }
        for place in &self.places.sizes {
            digits(1_000 + (self.random >> 32) % 9_000, &mut message[place.clone()]);
        }
        match self.shape {
            Shape::Ticker => {
                let (second, rest) = (at.nanos().div_euclid(1_000_000_000), at.nanos().rem_euclid(1_000_000_000));
                if second != self.second {
                    self.second = second;
                    self.head = at.to_string();
                    self.head.truncate("2026-08-09T21:05:48".len());
                }
                let time = &mut message[self.places.time..];
                time[..self.head.len()].copy_from_slice(self.head.as_bytes());
                digits(rest as u64 / 1_000, &mut time[20..26]);
            }
            Shape::Small => digits(at.nanos() as u64 / 1_000_000, &mut message[self.places.time..][..13]),
        }
        self.made += 1;
    }
}

/// A name like those of the list.
fn made_up(at: usize) -> String {
    let letter = |place: usize| char::from(b'A' + (at / place % 26) as u8);
    format!("{}{}{}-EUR", letter(676), letter(26), letter(1))
}

/// Writes a number over digits, from the last one on.
fn digits(mut number: u64, into: &mut [u8]) {
    for place in into.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
