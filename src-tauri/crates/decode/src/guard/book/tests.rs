use super::levels::{Row, Side};
use super::*;

fn book(bids: &[(&str, &str)], asks: &[(&str, &str)]) -> Books {
    let mut books = Books::default();
    books.begin();
    for (side, rows) in [(Side::Bids, bids), (Side::Asks, asks)] {
        for (price, quantity) in rows {
            let row = Row { side, price: price.as_bytes(), quantity: quantity.as_bytes(), gone: false };
            books.row(1, true, row);
        }
    }
    books.end();
    books
}

/// The documented example of Kraken's "Spot Websockets (v1) Book Checksum".
#[test]
fn krakens_example_has_its_checksum() {
    let prices = |from: i32, left_out: i32, step: i32| {
        let all = (0..).map(move |at| from + step * at).filter(move |price| *price != left_out);
        all.take(10).map(|price| (format!("0.{price:05}"), "0.00000500")).collect::<Vec<_>>()
    };
    let (asks, bids) = (prices(5005, 0, 5), prices(5000, 4985, -5));
    let plain = |rows: &[(String, &'static str)]| -> Vec<(String, &'static str)> { rows.to_vec() };
    let (asks, bids) = (plain(&asks), plain(&bids));
    let view = |rows: &'static [(String, &'static str)]| {
        rows.iter().map(|(price, size)| (price.as_str(), *size)).collect::<Vec<_>>()
    };
    let (asks, bids): (&'static [_], &'static [_]) = (asks.leak(), bids.leak());
    let mut books = book(&view(bids), &view(asks));
    let checksum = TEXTS[0].checksum(books.book(1).unwrap(), &mut Vec::new());
    assert_eq!(checksum, 974_947_235);
}

/// Where one side is shorter, the other goes on alone.
#[test]
fn colons_part_bids_and_asks_by_turns() {
    let mut books = book(&[("3366.1", "7")], &[("3366.8", "9"), ("3368", "8"), ("3372", "8")]);
    let mut text = Vec::new();
    TEXTS[1].checksum(books.book(1).unwrap(), &mut text);
    assert_eq!(text, b"3366.1:7:3366.8:9:3368:8:3372:8");
}

#[test]
fn books_are_bounded_and_what_does_not_fit_is_not_judged() {
    let mut books = Books::default();
    for key in 0..1000 {
        books.begin();
        let row = Row { side: Side::Bids, price: b"1", quantity: b"1", gone: false };
        books.row(key, true, row);
        books.end();
    }
    assert!(books.book(255).is_some() && books.book(256).is_none());
    books.begin();
    let long = Row { side: Side::Bids, price: b"1.0000000000000000000000000001", quantity: b"1", gone: false };
    books.row(0, false, long);
    books.end();
    assert!(!books.book(0).unwrap().whole);
    books.begin();
    for price in 0..2000 {
        let price = price.to_string();
        books.row(1, true, Row { side: Side::Asks, price: price.as_bytes(), quantity: b"1", gone: false });
    }
    books.end();
    assert!(!books.book(1).unwrap().whole);
}

#[test]
fn checksums_may_be_signed() {
    assert_eq!(pass::checksum(b"-1"), Some(u32::MAX));
    assert_eq!(pass::checksum(b"-2147483648"), Some(1 << 31));
    assert_eq!(pass::checksum(b"4294967295"), Some(u32::MAX));
    assert_eq!((pass::checksum(b"4294967296"), pass::checksum(b"1.5")), (None, None));
}
