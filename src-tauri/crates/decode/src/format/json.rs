//! Writes JSON: what the binary formats say, for the scanner to read.
//!
//! Decided: a NaN is written as `null`, since JSON has no word for it: it is left out. An infinity is written as `1e999`,
//! which the scanner reads as infinity: its sample is of bad quality. A float of 32 bits is written with the digits that
//! tell it from its neighbours (`21.3`, not `21.299999237060547`).

use std::fmt::Write as _;

/// Appends to a buffer that is kept from message to message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    text: Vec<u8>,
}

/// More than this is given back after a message.
const KEPT: usize = 1 << 20;

/// Writes into bytes what can only be text.
struct Digits<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Digits<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Writer {
    /// Begins a message.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT);
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.text.push(byte);
    }

    /// What is JSON already, made of parts.
    pub(crate) fn made(&mut self, parts: std::fmt::Arguments<'_>) {
        let _ = Digits(&mut self.text).write_fmt(parts);
    }

    /// Takes back the byte at `at`.
    pub(crate) fn blank(&mut self, at: usize) {
        if let Some(byte) = self.text.get_mut(at) {
            *byte = b' ';
        }
    }

    /// What is JSON already.
    pub(crate) fn raw(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    pub(crate) fn flag(&mut self, yes: bool) {
        self.raw(if yes { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self) {
        self.raw(b"null");
    }

    pub(crate) fn integer(&mut self, value: i128) {
        // Writing to memory cannot fail.
        let _ = write!(Digits(&mut self.text), "{value}");
    }

    pub(crate) fn float(&mut self, value: f64) {
        if self.is_odd(value) {
            return;
        }
        let _ = write!(Digits(&mut self.text), "{value:?}");
    }

    pub(crate) fn float32(&mut self, value: f32) {
        if self.is_odd(value.into()) {
            return;
        }
        let _ = write!(Digits(&mut self.text), "{value:?}");
    }

    /// Writes what is no number of JSON.
    fn is_odd(&mut self, value: f64) -> bool {
        match value {
            f64::INFINITY => self.raw(b"1e999"),
            f64::NEG_INFINITY => self.raw(b"-1e999"),
            value if value.is_nan() => self.null(),
            _ => return false,
        }
        true
    }

    /// A text with its quotes; what is no UTF-8 is replaced by U+FFFD.
    pub(crate) fn string(&mut self, text: &[u8]) {
        self.byte(b'"');
        for chunk in text.utf8_chunks() {
            self.escaped(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                self.raw("\u{FFFD}".as_bytes());
            }
        }
        self.byte(b'"');
    }

    /// Part of a text, without quotes; it must be UTF-8.
    pub(crate) fn escaped(&mut self, text: &[u8]) {
        for &byte in text {
            match byte {
                b'"' | b'\\' => self.text.extend_from_slice(&[b'\\', byte]),
                b'\n' => self.raw(b"\\n"),
                b'\r' => self.raw(b"\\r"),
                b'\t' => self.raw(b"\\t"),
                ..0x20 => {
                    let _ = write!(Digits(&mut self.text), "\\u{byte:04x}");
                }
                _ => self.byte(byte),
            }
        }
    }

    /// Bytes that are no text: short ones, which may name something, in hexadecimal; of others only how many there are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let mut into = Digits(&mut self.text);
        if bytes.len() > 32 {
            let _ = write!(into, "\"({} bytes)\"", bytes.len());
            return;
        }
        let _ = into.write_char('"');
        for byte in bytes {
            let _ = write!(into, "{byte:02x}");
        }
        let _ = into.write_char('"');
    }
}

/// The double with the digits that tell a float of 32 bits from its neighbours.
pub(crate) fn widened(value: f32) -> f64 {
    if value.is_finite() { value.to_string().parse().unwrap_or_else(|_| value.into()) } else { value.into() }
}
