//! The text of a book's best levels that its checksum is computed over.

use super::levels::{Book, Side};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Kraken: asks, then bids; price and quantity without point and without the zeros before it, all run together.
    Digits,
    /// OKX, Bitfinex, Bitget: bid and ask by turns, `price:quantity:price:quantity`; where one side ends, the other goes on.
    Colons,
}

/// What is written, and of how many levels a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    form: Form,
    top: usize,
}

const fn text(form: Form, top: usize) -> Text {
    Text { form, top }
}

/// What is tried, the most usual first.
pub(super) const TEXTS: [Text; 10] = [
    text(Form::Digits, 10),
    text(Form::Colons, 25),
    text(Form::Colons, 10),
    text(Form::Digits, 25),
    text(Form::Colons, 100),
    text(Form::Colons, 50),
    text(Form::Colons, 20),
    text(Form::Colons, 5),
    text(Form::Digits, 5),
    text(Form::Digits, 100),
];

impl Text {
    /// CRC-32 (IEEE) of the text of `book`; `buffer` is kept for the next.
    pub(super) fn checksum(self, book: &Book, buffer: &mut Vec<u8>) -> u32 {
        buffer.clear();
        match self.form {
            Form::Digits => {
                for level in book.best(Side::Asks).take(self.top).chain(book.best(Side::Bids).take(self.top)) {
                    digits(level.price.text(), buffer);
                    digits(level.quantity.text(), buffer);
                }
            }
            Form::Colons => {
                let (mut bids, mut asks) = (book.best(Side::Bids).take(self.top), book.best(Side::Asks).take(self.top));
                loop {
                    let (bid, ask) = (bids.next(), asks.next());
                    if bid.is_none() && ask.is_none() {
                        break;
                    }
                    for level in bid.into_iter().chain(ask) {
                        for part in [level.price.text(), level.quantity.text()] {
                            if !buffer.is_empty() {
                                buffer.push(b':');
                            }
                            buffer.extend_from_slice(part);
                        }
                    }
                }
            }
        }
        crc32fast::hash(buffer)
    }
}

/// Without the point, then without the zeros at the beginning.
fn digits(number: &[u8], into: &mut Vec<u8>) {
    let digits = number.iter().filter(|byte| **byte != b'.');
    into.extend(digits.skip_while(|byte| **byte == b'0'));
}
