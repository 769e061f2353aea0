//! What is to be acknowledged, and how far that has come.
//!
//! Acknowledgements are sent in the order of the messages (section 4.6). Messages of QoS 0 are counted like all others,
//! and need none.

use std::collections::VecDeque;

/// PUBACK, PUBREC, PUBCOMP: their first byte. With a good reason and no properties both versions write them alike.
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBCOMP: u8 = 0x70;

/// Messages given that are not acknowledged, in their order.
#[derive(Debug, Default)]
pub(super) struct Open {
    waiting: VecDeque<Waiting>,
    /// Messages given, of any QoS.
    given: u64,
}

#[derive(Debug)]
struct Waiting {
    /// How many messages were given when this one was.
    place: u64,
    qos: u8,
    id: u16,
}

impl Open {
    /// A message was given.
    pub(super) fn gave(&mut self, qos: u8, id: u16) {
        self.given += 1;
        if qos > 0 {
            self.waiting.push_back(Waiting { place: self.given, qos, id });
        }
    }

    /// Is nothing left to be acknowledged?
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The first `count` messages are kept: the packets that say so.
    pub(super) fn kept(&mut self, count: u64) -> Vec<u8> {
        let new = self.waiting.partition_point(|message| message.place <= count);
        let packets = self.waiting.drain(..new);
        packets.flat_map(|message| packet(if message.qos == 1 { PUBACK } else { PUBREC }, message.id)).collect()
    }
}

/// The answer to a PUBREL: a message of QoS 2 is through. One that is not known is answered alike (section 4.3.3).
pub(super) fn complete(id: u16) -> [u8; 4] {
    packet(PUBCOMP, id)
}

fn packet(kind: u8, id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [kind, 2, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_acknowledged_in_order_and_once() {
        let mut open = Open::default();
        for (qos, id) in [(1, 7), (0, 0), (2, 8), (1, 9)] {
            open.gave(qos, id);
        }
        assert!(open.kept(0).is_empty() && !open.is_empty());
        assert_eq!(open.kept(2), [0x40, 2, 0, 7]);
        assert!(open.kept(2).is_empty());
        assert!(open.kept(1).is_empty());
        assert_eq!(open.kept(99), [0x50, 2, 0, 8, 0x40, 2, 0, 9]);
        assert!(open.is_empty());
        open.gave(1, 0x0102);
        assert_eq!(open.kept(5), [0x40, 2, 1, 2]);
    }

    #[test]
    fn a_number_is_used_again_after_its_acknowledgement() {
        let mut open = Open::default();
        open.gave(1, 1);
        assert_eq!(open.kept(1), [0x40, 2, 0, 1]);
        open.gave(1, 1);
        assert_eq!(open.kept(2), [0x40, 2, 0, 1]);
    }
}
