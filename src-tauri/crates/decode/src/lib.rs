//! Payloads to readings, and discovery of a feed's profile. Pure: no clock, no I/O; the same messages give the same
//! readings, however they are batched.
//!
//! The primary type is [`Decoder`]: messages go in, readings come out, and what they mean is in its [`Catalogue`].
//!
//! ```
//! use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
//! use feedwatch_model::{Message, Reading, Rejected, Time};
//!
//! #[derive(Default)]
//! struct Printer(Vec<String>);
//!
//! impl Sink for Printer {
//!     fn reading(&mut self, catalogue: &Catalogue, _: Message, reading: &Reading) {
//!         for point in &reading.points {
//!             self.0.push(format!("{} {}", catalogue.series[point.series as usize].name, point.value.as_f64()));
//!         }
//!     }
//!     fn rejected(&mut self, _: Message, why: Rejected) {
//!         self.0.push(why.to_string());
//!     }
//! }
//!
//! let mut decoder = Decoder::new(Options::default());
//! let mut printer = Printer::default();
//! let received = Time::parse_rfc3339("2026-03-01T12:00:00Z").unwrap();
//! decoder.push(Message::new(0, received, r#"{"product_id":"BTC-USD","price":"97204.10"}"#), &mut printer);
//! decoder.push(Message::new(1, received, "ping"), &mut printer);
//! decoder.finish(&mut printer);
//! assert_eq!(printer.0, ["BTC-USD.price 97204.1", "byte 0: expected a value"]);
//! ```
//!
//! Inside: `json` flattens a payload into leaves, `format` brings other formats there, `learn` gives paths their meaning,
//! `guard` checks what guards the messages, `decoder` puts them together.

mod as_learned;
mod catalogue;
mod decoder;
mod format;
mod guard;
mod hash;
mod json;
mod learn;
mod pins;
mod profile;
mod stamp;

pub use catalogue::{Catalogue, GuardRule, Rule, Scope, Series, Shape};
pub use decoder::{Decoder, Options, Sink};
pub use format::Format;
pub use guard::{SignatureKey, WrongKey};
pub use json::leaf::{Flattener, leaves};
pub use pins::{PinnedSequence, PinnedSeries, PinnedTime, Pins};
