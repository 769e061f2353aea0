//! The subjects of a feed's messages: mostly the same few, again and again.

use std::sync::Arc;

/// Places; one subject each.
const PLACES: usize = 1024;

/// Shares the texts of subjects that were seen lately.
#[derive(Debug)]
pub(super) struct Subjects(Vec<Option<Arc<str>>>);

impl Subjects {
    pub(super) fn new() -> Subjects {
        Subjects(vec![None; PLACES])
    }

    /// The subject as a text; what is no UTF-8 is replaced.
    #[inline]
    pub(super) fn text(&mut self, subject: &[u8]) -> Arc<str> {
        // FNV-1a: subjects are short, and a collision costs an allocation only.
        let hash = subject
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        let place = (hash ^ hash >> 32) as usize % PLACES;
        match self.0.get_mut(place) {
            Some(Some(known)) if known.as_bytes() == subject => Arc::clone(known),
            other => {
                let text: Arc<str> = Arc::from(String::from_utf8_lossy(subject));
                if let Some(place) = other {
                    *place = Some(Arc::clone(&text));
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_subject_is_shared() {
        let mut subjects = Subjects::new();
        let (first, second) = (subjects.text(b"plant.1"), subjects.text(b"plant.1"));
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(
            (&*first, &*subjects.text(b"plant.2"), &*subjects.text(b"\xff")),
            ("plant.1", "plant.2", "\u{fffd}")
        );
        for number in 0..10_000 {
            let subject = format!("s.{number}");
            assert_eq!(&*subjects.text(subject.as_bytes()), subject);
        }
    }
}
