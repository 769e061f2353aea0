//! Why a payload is refused.

use feedwatch_model::Rejected;

/// The first byte that did not fit, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    reason: &'static str,
}

impl Fault {
    #[cold]
    pub(crate) fn at(offset: usize, reason: &'static str) -> Fault {
        Fault { offset, reason }
    }

    /// The same in a text that what was read stands in, from `base` on.
    #[cold]
    pub(crate) fn moved(self, base: usize) -> Fault {
        Fault { offset: self.offset + base, ..self }
    }
}

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Rejected {
        Rejected { offset: fault.offset, reason: fault.reason.to_owned() }
    }
}

/// What stands at `at` is not what was expected, or nothing stands there.
#[cold]
pub(crate) fn unfit(bytes: &[u8], at: usize, expected: &'static str) -> Fault {
    if at >= bytes.len() { Fault::at(at, "the message ends too early") } else { Fault::at(at, expected) }
}
