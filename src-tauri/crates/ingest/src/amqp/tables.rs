//! How deep the tables in a frame are nested, found without recursion.
//!
//! The library reads tables within tables by calling itself, on a stack of 2 MiB: a few thousand levels, for which a
//! publisher needs a few KiB of headers, would end the program. A table is a length and pairs of a name and a value; a
//! value is a letter and what it stands for; `F` is a table, `A` an array of values (AMQP 0-9-1, sections 4.2.1 and 4.2.5.5,
//! with the letters as RabbitMQ means them, <https://www.rabbitmq.com/docs/specification>).

/// Tables within tables that are read.
pub(super) const DEEPEST: usize = 32;

/// `connection.start`, the one method of a broker that holds a table; its two version numbers come first.
const START: ([u8; 4], usize) = ([0, 10, 0, 10], 2);
/// What else holds a table: `connection.start-ok`, `exchange.declare`, `bind`, `unbind`, `queue.declare`, `bind`, `unbind`,
/// `basic.consume`.
const OF_CLIENTS: [[u8; 4]; 8] = [
    [0, 10, 0, 11],
    [0, 40, 0, 10],
    [0, 40, 0, 30],
    [0, 40, 0, 40],
    [0, 50, 0, 10],
    [0, 50, 0, 20],
    [0, 50, 0, 50],
    [0, 60, 0, 20],
];

/// Must this method not be read: since only clients say it, or since its table is nested too deep?
pub(super) fn is_hostile(method: &[u8]) -> bool {
    let Some((id, arguments)) = method.split_first_chunk() else { return false };
    match *id {
        id if id == START.0 => is_too_deep(arguments.get(START.1..).unwrap_or_default()),
        id => OF_CLIENTS.contains(&id),
    }
}

/// Are the headers among these properties nested too deep? `properties`: what follows the body size of a content header
/// (section 2.3.5.2): flags, content type, content encoding, headers, and others.
pub(super) fn has_deep_headers(properties: &[u8]) -> bool {
    let mut bytes = Bytes(properties);
    let Some([flags, _]) = bytes.take() else { return false };
    for flag in [0x80, 0x40] {
        if flags & flag != 0 && bytes.skip_name().is_none() {
            return false;
        }
    }
    flags & 0x20 != 0 && is_too_deep(bytes.0)
}

/// Is the table at the beginning of `bytes` nested too deep? What is no table ends the look, as it ends the library's.
fn is_too_deep(bytes: &[u8]) -> bool {
    let mut open = Vec::with_capacity(DEEPEST);
    let mut bytes = Bytes(bytes);
    let Some(table) = bytes.take_long() else { return false };
    open.push((Bytes(table), true));
    while let Some((rest, named)) = open.last_mut() {
        if rest.0.is_empty() {
            open.pop();
            continue;
        }
        match rest.value(*named) {
            Some(Value::Plain) => {}
            Some(Value::Nested { .. }) if open.len() == DEEPEST => return true,
            Some(Value::Nested { content, named }) => open.push((Bytes(content), named)),
            None => return false,
        }
    }
    false
}

/// What is still to be looked at.
struct Bytes<'a>(&'a [u8]);

enum Value<'a> {
    Plain,
    /// A table, whose values are named, or an array.
    Nested {
        content: &'a [u8],
        named: bool,
    },
}

impl<'a> Bytes<'a> {
    fn value(&mut self, named: bool) -> Option<Value<'a>> {
        if named {
            self.skip_name()?;
        }
        let [letter] = self.take()?;
        let size = match letter {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' => return self.take_long().map(|_| Value::Plain),
            b'A' | b'F' => {
                return self.take_long().map(|content| Value::Nested { content, named: letter == b'F' });
            }
            _ => return None,
        };
        self.split(size).map(|_| Value::Plain)
    }

    fn skip_name(&mut self) -> Option<()> {
        let [length] = self.take()?;
        self.split(length.into()).map(|_| ())
    }

    /// Of a length before it.
    fn take_long(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.take()?);
        self.split(usize::try_from(length).ok()?)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.split(N)?.try_into().ok()
    }

    fn split(&mut self, size: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(first)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use lapin::types::parsing::parse_field_table;
    use lapin::types::{AMQPValue, FieldTable};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn long(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes(), content].concat()
    }

    /// A table of so many levels, itself among them: arrays within arrays.
    pub(in super::super) fn nested(levels: usize) -> Vec<u8> {
        // Written from the inside out, and turned at the end: each level is as long as all within it.
        let mut turned = Vec::new();
        for _ in 1..levels {
            let length = (turned.len() as u32).to_be_bytes();
            turned.extend(length.iter().rev());
            turned.push(b'A');
        }
        turned.extend([b'h', 1]);
        let length = (turned.len() as u32).to_be_bytes();
        turned.extend(length.iter().rev());
        turned.reverse();
        turned
    }

    /// So deep the library has read.
    fn depth(value: &AMQPValue) -> usize {
        match value {
            AMQPValue::FieldTable(table) => of_table(table),
            AMQPValue::FieldArray(values) => 1 + values.as_slice().iter().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn of_table(table: &FieldTable) -> usize {
        1 + table.inner().values().map(depth).max().unwrap_or(0)
    }

    #[test]
    fn more_than_32_levels_are_too_deep_and_what_stands_beside_them_does_not_hide_them() {
        assert!(!is_too_deep(&nested(1)) && !is_too_deep(&nested(DEEPEST)));
        assert!(is_too_deep(&nested(DEEPEST + 1)) && is_too_deep(&nested(26_000)));
        let deep = nested(DEEPEST);
        let beside =
            b"\x01at\x01\x01bb\x02\x01cB\x03\x01ds\x00\x04\x01eU\x00\x05\x01fu\x00\x06\x01gI\0\0\0\x07\x01hi\0\0\0\x08\
            \x01iL\0\0\0\0\0\0\0\x09\x01jl\0\0\0\0\0\0\0\x0a\x01kf\0\0\0\0\x01ld\0\0\0\0\0\0\0\0\x01mD\x02\0\0\0\x01\
            \x01nS\0\0\0\x01x\x01oT\0\0\0\0\0\0\0\0\x01px\0\0\0\x01x\x01qV\x01rA\0\0\0\x02VV\x01zF";
        let (table, expected) = (long(&[&beside[..], &deep].concat()), DEEPEST + 1);
        assert!(is_too_deep(&table));
        assert_eq!(of_table(&parse_field_table(&table[..]).unwrap().1), expected, "the library reads all of it too");
    }

    #[test]
    fn headers_are_found_behind_the_properties_before_them() {
        let deep = nested(DEEPEST + 1);
        for (before, flags) in [(&b""[..], 0x20), (b"\x01a", 0xA0), (b"\x01b", 0x60), (b"\x01a\x00", 0xE0)] {
            assert!(has_deep_headers(&[&[flags, 0], before, &deep].concat()), "{flags:x}");
            assert!(!has_deep_headers(&[&[flags, 0], before, &nested(3)].concat()), "{flags:x}");
            assert!(!has_deep_headers(&[&[flags & !0x20, 0], before, &deep].concat()), "no headers: {flags:x}");
        }
    }

    #[test]
    fn a_method_with_a_table_is_taken_from_a_broker_only_where_brokers_say_it() {
        let start = |table: &[u8]| [&[0, 10, 0, 10, 0, 9][..], table].concat();
        assert!(is_hostile(&start(&nested(DEEPEST + 1))) && !is_hostile(&start(&nested(2))));
        assert!(is_hostile(&[&[0, 50, 0, 10][..], &nested(1)].concat()));
        assert!(!is_hostile(&[0, 60, 0, 60, 1]) && !is_hostile(&[0, 60]));
    }

    /// A value of any depth, of which some tables and arrays have several values.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let leaf = prop_oneof![Just(b"V".to_vec()), any::<u8>().prop_map(|byte| vec![b'b', byte])];
        let branches = leaf.prop_recursive(4, 30, 3, |inner| {
            let array = vec(inner.clone(), 1..3).prop_map(|values| [b"A".to_vec(), long(&values.concat())].concat());
            prop_oneof![array, vec(inner, 1..3).prop_map(|values| table(&values))]
        });
        (branches, vec(any::<bool>(), 0..40)).prop_map(|(value, around)| {
            around.iter().fold(value, |value, named| match named {
                true => table(&[value]),
                false => [b"A".to_vec(), long(&value)].concat(),
            })
        })
    }

    fn table(values: &[Vec<u8>]) -> Vec<u8> {
        let named = values.iter().zip(b'a'..).map(|(value, name)| [&[1, name][..], value].concat());
        [b"F".to_vec(), long(&named.collect::<Vec<_>>().concat())].concat()
    }

    proptest! {
        #[test]
        fn the_library_finds_as_many_levels(value in value()) {
            let table = long(&[&b"\x01a"[..], &value].concat());
            let (_, read) = parse_field_table(&table[..]).unwrap();
            prop_assert_eq!(is_too_deep(&table), of_table(&read) > DEEPEST);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(prop_oneof![any::<u8>(), Just(0), Just(b'A'), Just(b'F')], 0..200)) {
            let _ = (is_too_deep(&bytes), has_deep_headers(&bytes), is_hostile(&bytes));
        }
    }
}
