//! Where packets end (section 2.1.4), and which are refused before they are read.

/// Bytes of the properties of a message, and of any packet that is no message.
const MOST: usize = 256 << 10;
/// The longest topic, and the length of it, of an identifier and of the properties.
const TOPIC: usize = 65_535 + 8;
const PUBLISH: u8 = 3;

/// What stands at the head of the bytes read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A packet of so many bytes.
    Whole(usize),
    /// So many bytes are missing at least.
    Missing(usize),
}

/// What no reading of it goes on behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A message larger than allowed; the bytes of its packet.
    Message(usize),
    /// Properties, or a packet that is no message, larger than any broker needs.
    Packet(usize),
    /// Not MQTT.
    Garbage,
}

/// Looks at the head of `bytes`. `properties`: messages have them (MQTT 5).
#[inline]
pub(super) fn next(bytes: &[u8], max_message: usize, properties: bool) -> Result<Next, Refused> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(Next::Missing(2)) };
    let kind = first >> 4;
    // No broker sends the packets of a client: CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ.
    if matches!(kind, 0 | 1 | 8 | 10 | 12) {
        return Err(Refused::Garbage);
    }
    let (size, length) = match number(rest) {
        Ok(found) => found,
        Err(End::Open) => return Ok(Next::Missing(1)),
        Err(End::Never) => return Err(Refused::Garbage),
    };
    if kind == PUBLISH {
        if size > max_message.saturating_add(TOPIC + MOST) {
            return Err(Refused::Message(size));
        }
    } else if size > MOST {
        return Err(Refused::Packet(size));
    }
    let whole = 1 + length + size;
    if bytes.len() < whole {
        return Ok(Next::Missing(whole - bytes.len()));
    }
    if kind == PUBLISH && properties {
        let body = bytes.get(1 + length..whole).unwrap_or_default();
        check_properties(first, body)?;
    }
    Ok(Next::Whole(whole))
}

/// Every property becomes a text of its own when they are read: their bytes are bounded before.
#[inline]
fn check_properties(first: u8, body: &[u8]) -> Result<(), Refused> {
    let topic = match body {
        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => return Err(Refused::Garbage),
    };
    let id = if first & 0b0110 == 0 { 0 } else { 2 };
    match number(body.get(2 + topic + id..).unwrap_or_default()) {
        Ok((size, _)) if size > MOST => Err(Refused::Packet(size)),
        Ok(_) => Ok(()),
        Err(_) => Err(Refused::Garbage),
    }
}

enum End {
    /// More bytes may complete it.
    Open,
    /// It is longer than four bytes.
    Never,
}

/// A number of one to four bytes (section 1.5.5), and how many they are.
#[inline]
fn number(bytes: &[u8]) -> Result<(usize, usize), End> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    Err(if bytes.len() < 4 { End::Open } else { End::Never })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Result<Next, Refused> {
        next(bytes, 10, true)
    }

    #[test]
    fn a_packet_is_whole_when_its_last_byte_is_there() {
        let packet = [0x30, 5, 0, 1, b'a', 0, b'x', 0xD0, 0];
        for end in 0..7 {
            assert!(matches!(look(&packet[..end]), Ok(Next::Missing(_))), "{end}");
        }
        assert_eq!(look(&packet), Ok(Next::Whole(7)));
        assert_eq!(look(&packet[7..]), Ok(Next::Whole(2)));
        assert_eq!(look(&packet[..4]), Ok(Next::Missing(3)));
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_head() {
        let largest = 10 + TOPIC + MOST;
        let head = |first: u8, size: usize| {
            [first, size as u8 & 0x7F | 0x80, (size >> 7) as u8 & 0x7F | 0x80, (size >> 14) as u8 & 0x7F]
        };
        assert!(matches!(look(&head(0x30, largest)), Ok(Next::Missing(_))));
        assert_eq!(look(&head(0x30, largest + 1)), Err(Refused::Message(largest + 1)));
        assert_eq!(look(&head(0xE0, MOST + 1)), Err(Refused::Packet(MOST + 1)));
        assert_eq!(look(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]), Err(Refused::Garbage));
    }

    #[test]
    fn properties_that_would_fill_the_memory_are_refused() {
        let mut body = vec![0, 1, b'a'];
        let size = MOST + 1;
        body.extend([size as u8 & 0x7F | 0x80, (size >> 7) as u8 & 0x7F | 0x80, (size >> 14) as u8 & 0x7F]);
        assert_eq!(check_properties(0x30, &body), Err(Refused::Packet(size)));
        // Two bytes of an identifier stand before them.
        body.splice(3..3, [0, 1]);
        assert_eq!(check_properties(0x32, &body), Err(Refused::Packet(size)));
    }

    #[test]
    fn what_answers_at_other_ports_is_no_mqtt() {
        assert_eq!(look(b"\x15\x03\x01\x00\x02\x02\x46"), Err(Refused::Garbage), "an alert of TLS");
        assert_eq!(look(&[0x82, 0]), Err(Refused::Garbage), "a broker subscribes to nothing");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, properties: bool) {
            if let Ok(Next::Whole(size)) = next(&bytes, 10, properties) {
                proptest::prop_assert!(size <= bytes.len());
            }
        }
    }
}
