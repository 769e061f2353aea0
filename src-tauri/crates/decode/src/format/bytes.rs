//! A place in the bytes of a binary message: nothing is read behind their end, and nothing is allocated by a length that
//! they claim.

use crate::json::fault::Fault;

/// Deeper messages are refused, as in JSON.
pub(crate) use crate::json::scan::MAX_DEPTH;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or_else(|| self.ended())?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| self.ended())?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let taken = self.take(N as u64)?;
        taken.try_into().map_err(|_| self.ended())
    }

    /// A whole number of `width` bytes (at most eight), the greatest first.
    pub(crate) fn unsigned(&mut self, width: u32) -> Result<u64, Fault> {
        let taken = self.take(width.into())?;
        Ok(taken.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    #[cold]
    pub(crate) fn fault(&self, reason: &'static str) -> Fault {
        Fault::at(self.at, reason)
    }

    #[cold]
    fn ended(&self) -> Fault {
        Fault::at(self.bytes.len(), "the message ends too early")
    }

    pub(crate) fn end(&self) -> Result<(), Fault> {
        if self.is_at_end() { Ok(()) } else { Err(self.fault("the message goes on behind its value")) }
    }
}
