//! NMEA 0183 and AIS as JSON: each sentence an object, its members named by the sentence's type.
//!
//! ```text
//! !AIVDM,1,1,,A,13RlIW?04F1beOVEFLB9bRvH0L0L,0*6C
//!   ->  {"talker":"AI","type":"VDM","radio_channel":"A","msg_type":1,"mmsi":237836700,"speed":27.8,…,"checksum":"6C"}
//! $GPHDT,054.7,T*0D   ->   {"talker":"GP","type":"HDT","heading":54.7,"checksum":"0D"}
//! ```
//!
//! A message is one sentence, or several lines of them: then it is an array. A tag block (`\s:station,c:1700000000*hh\`)
//! may stand before a sentence. Latitude and longitude are degrees with a fraction; a date and a time become `time`
//! (RFC 3339), a time of the day alone is `utc`. What AIS calls not available is null. An AIS message in several sentences
//! is read with the last of them; the others tell only which part they are. A sentence of an unknown type has its `fields`
//! by number.
//!
//! The checksum is the exclusive or of the bytes between `!` or `$` and `*`. Of a sentence whose checksum is wrong only
//! talker and type are told: what else stands there may be anything, and must become neither a chart nor a vessel.
//!
//! Decided: read here and not by a crate. `nmea-parser` keeps every fragment and every vessel it ever saw, the others are
//! young or know either GNSS or AIS.
//!
//! Limits: [`MAX_SENTENCE`] bytes a sentence, [`assembly::MAX_PARTIAL`] unfinished AIS messages; the oldest goes.

mod ais;
mod assembly;
mod fields;
mod sentence;
#[cfg(test)]
mod tests;

use self::assembly::Assembly;
use self::sentence::Sentence;
use super::json::Writer;
use crate::json::fault::Fault;

/// A longer line is no sentence: the standard allows 82, tag blocks and AIS receivers more.
const MAX_SENTENCE: usize = 1024;

/// The checksum of a message: as it stands there, and as it was computed.
pub(crate) type Sum = (u8, u8);

/// What reading sentences has to remember.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nmea {
    assembly: Assembly,
    sum: Option<Sum>,
}

/// Whether a message is one of NMEA: sentences with checksums that fit, or of types that are known.
pub(super) fn fits(payload: &[u8]) -> bool {
    let mut lines = lines(payload).map(|(_, line)| Sentence::of(line)).peekable();
    let fits = |sentence: &Sentence<'_>| match sentence.stated {
        Some(stated) => stated == sentence.computed,
        None => fields::is_known(sentence.kind),
    };
    lines.peek().is_some() && lines.all(|line| line.is_ok_and(|sentence| fits(&sentence)))
}

/// The lines of a message that are not empty, and where they start.
fn lines(payload: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    payload
        .split(|byte| *byte == b'\n')
        .map(move |line| {
            let at = start;
            start += line.len() + 1;
            (at, line.trim_ascii_end())
        })
        .filter(|(_, line)| !line.is_empty())
}

impl Nmea {
    /// Forgets unfinished messages.
    pub(super) fn forget(&mut self) {
        *self = Nmea::default();
    }

    /// The checksum of the message that was read last: the first of its sentences that does not fit, else its first one.
    pub(super) fn sum(&self) -> Option<Sum> {
        self.sum
    }

    /// Writes `payload` to `out`.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(super) fn transcode(&mut self, payload: &[u8], out: &mut Writer) -> Result<(), Fault> {
        self.sum = None;
        let several = lines(payload).nth(1).is_some();
        if several {
            out.byte(b'[');
        }
        let mut written = 0;
        for (at, line) in lines(payload) {
            if written > 0 {
                out.byte(b',');
            }
            let sentence = Sentence::of(line).map_err(|fault| fault.moved(at))?;
            self.sentence(&sentence, out);
            written += 1;
        }
        if several {
            out.byte(b']');
        }
        if written == 0 { Err(Fault::at(payload.len(), "expected a sentence of NMEA 0183")) } else { Ok(()) }
    }

    fn sentence(&mut self, sentence: &Sentence<'_>, out: &mut Writer) {
        let sum = sentence.stated.map(|stated| (stated, sentence.computed));
        let fits = sum.is_none_or(|(stated, computed)| stated == computed);
        if !fits && self.sum.is_none_or(|(stated, computed)| stated == computed) || self.sum.is_none() {
            self.sum = sum;
        }
        out.raw(b"{\"talker\":");
        out.string(sentence.talker);
        out.raw(b",\"type\":");
        out.string(sentence.kind);
        if fits {
            if let Some(tag) = sentence.tag {
                fields::tag(tag, out);
            }
            match sentence.kind {
                b"VDM" | b"VDO" if sentence.encapsulated => ais::sentence(sentence, &mut self.assembly, out),
                _ => fields::sentence(sentence, out),
            }
        }
        if let Some(stated) = sentence.stated {
            out.raw(b",\"checksum\":\"");
            let digit = |half: u8| b"0123456789ABCDEF".get(usize::from(half)).copied().unwrap_or(b'0');
            out.byte(digit(stated >> 4));
            out.byte(digit(stated & 15));
            out.byte(b'"');
        }
        out.byte(b'}');
    }
}
