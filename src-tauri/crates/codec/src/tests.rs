//! What goes in comes out, and nothing else ever does.

use proptest::prelude::*;

use super::*;

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::F64), Just(Kind::I64), Just(Kind::U64), Just(Kind::Bool)]
}

/// Values as feeds have them, and as they must not have them.
fn bits(kind: Kind) -> BoxedStrategy<u64> {
    match kind {
        Kind::F64 => prop_oneof![
            4 => (-100_000i32..100_000).prop_map(|hundredths| (f64::from(hundredths) / 100.0).to_bits()),
            1 => any::<f64>().prop_map(f64::to_bits),
            1 => any::<u64>(),
            1 => Just((-0.0f64).to_bits()),
        ]
        .boxed(),
        Kind::Bool => (0u64..2).boxed(),
        Kind::I64 | Kind::U64 => prop_oneof![any::<u64>(), 0u64..1000].boxed(),
    }
}

fn row(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = Row> {
    let time = prop_oneof![3 => (0i64..5000).prop_map(|millis| millis * 1_000_000), 1 => any::<i64>()];
    (time, any::<i64>(), kind.prop_flat_map(|kind| (Just(kind), bits(kind))), any::<u8>())
        .prop_map(|(at, received, (kind, bits), quality)| Row { at, received, kind, bits, quality })
}

fn columns(rows: &[Row]) -> Columns {
    let mut columns = Columns::default();
    for row in rows {
        assert!(columns.push(*row));
    }
    columns
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    prop_oneof![
        proptest::collection::vec(row(kind()), 0..200),
        kind().prop_flat_map(|kind| proptest::collection::vec(row(Just(kind)), 0..200)),
    ]
}

proptest! {
    #[test]
    fn every_row_comes_back_to_the_bit(rows in any_rows()) {
        let columns = columns(&rows);
        let bytes = encode(&columns);
        let found = decode(&bytes).unwrap();
        prop_assert_eq!(&found, &columns);
        prop_assert_eq!(found.rows().collect::<Vec<_>>(), rows);
        prop_assert_eq!(encode(&found), bytes);
    }

    #[test]
    fn points_are_the_times_and_values_of_the_rows(rows in any_rows()) {
        let mut points = Points::default();
        decode_points(&encode(&columns(&rows)), &mut points).unwrap();
        prop_assert_eq!(&points.at, &rows.iter().map(|row| row.at).collect::<Vec<_>>());
        for (value, row) in points.value.iter().zip(&rows) {
            match row.kind {
                Kind::F64 => prop_assert_eq!(value.to_bits(), row.bits),
                Kind::I64 => prop_assert_eq!(*value, row.bits as i64 as f64),
                Kind::U64 | Kind::Bool => prop_assert_eq!(*value, row.bits as f64),
            }
        }
        prop_assert_eq!(points.value.len(), rows.len());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        let mut versioned = vec![VERSION];
        versioned.extend(bytes);
        let _ = decode(&versioned);
        let _ = decode_points(&versioned, &mut Points::default());
    }

    #[test]
    fn no_change_of_a_byte_panics_and_no_cut_passes(rows in any_rows(), place: prop::sample::Index, new: u8) {
        let mut bytes = encode(&columns(&rows));
        let place = place.index(bytes.len());
        prop_assert!(decode(&bytes[..place]).is_err());
        bytes[place] = new;
        if let Ok(found) = decode(&bytes) {
            prop_assert!(found.len() <= MAX_ROWS);
        }
    }

    #[test]
    fn any_integers_come_back(values in proptest::collection::vec(any::<i64>(), 0..300), step: i64) {
        for values in [values.clone(), values.iter().map(|value| (value % 1000).wrapping_mul(step)).collect()] {
            let mut bytes = Vec::new();
            ints::encode(&values, &mut bytes);
            let mut found = Vec::new();
            ints::decode(&mut Input::new(&bytes), values.len(), &mut found).unwrap();
            prop_assert_eq!(found, values);
        }
    }
}

#[test]
fn a_chunk_is_never_longer_than_its_bound() {
    let mut columns = Columns::default();
    let row = Row { at: 5, received: 5, kind: Kind::Bool, bits: 1, quality: 0 };
    for _ in 0..MAX_ROWS {
        assert!(columns.push(row));
    }
    assert!(!columns.push(row));
    assert_eq!(decode(&encode(&columns)).unwrap().len(), MAX_ROWS);
    let mut hostile = vec![VERSION];
    bits::put_varint(&mut hostile, MAX_ROWS as u64 + 1);
    assert_eq!(decode(&hostile), Err(CodecError::Rows(MAX_ROWS as u64 + 1)));
}

#[test]
fn a_regular_gauge_of_two_decimals_takes_little() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut level = 2_000i32;
    let mut columns = Columns::default();
    for second in 0..1024 {
        level += random.i32(-20..=20);
        let at = second * 1_000_000_000 + random.i64(0..3) * 1_000_000;
        let received = at + random.i64(5..30) * 1_000_000;
        let bits = (f64::from(level) / 100.0).to_bits();
        assert!(columns.push(Row { at, received, kind: Kind::F64, bits, quality: 0 }));
    }
    // 6 bits of value, 5 of delay and at most 4 of time.
    assert!(encode(&columns).len() < 1024 * 2, "{}", encode(&columns).len());
}

#[test]
fn integers_among_fractions_do_not_spoil_the_column() {
    let mut columns = Columns::default();
    for index in 0..1024u64 {
        let (kind, bits) = match index % 4 {
            0 => (Kind::I64, index),
            _ => (Kind::F64, (index as f64 + 0.25).to_bits()),
        };
        assert!(columns.push(Row { at: 0, received: 0, kind, bits, quality: 0 }));
    }
    assert!(encode(&columns).len() < 1024 * 2);
    assert_eq!(decode(&encode(&columns)).unwrap(), columns);
}

#[test]
fn a_few_odd_values_do_not_spoil_the_column() {
    let mut columns = Columns::default();
    for index in 0..1024u32 {
        let value = if index % 100 == 7 { f64::NAN } else { f64::from(index % 50) / 10.0 };
        assert!(columns.push(Row { at: 0, received: 0, kind: Kind::F64, bits: value.to_bits(), quality: 0 }));
    }
    assert!(encode(&columns).len() < 1024 * 9 / 8 + 11 * 9);
}
