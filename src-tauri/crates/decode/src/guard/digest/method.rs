//! The checksums and hashes that are tried, and how their values are written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crc::{CRC_16_IBM_3740, CRC_16_MODBUS, CRC_16_XMODEM, CRC_32_ISCSI, Crc, Table};
use md5::Digest as _;
use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CCITT: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_IBM_3740);
static XMODEM: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_XMODEM);
static MODBUS: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_MODBUS);

/// Bytes of the longest one.
const MOST: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Xor,
    Ccitt,
    Xmodem,
    Modbus,
    Crc32,
    Crc32c,
    Adler32,
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// The bytes of a checksum or a hash, the greatest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    length: u8,
    bytes: [u8; MOST],
}

impl Sum {
    pub(crate) fn of(bytes: &[u8]) -> Option<Sum> {
        let mut all = [0; MOST];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (!bytes.is_empty()).then_some(Sum { length: bytes.len() as u8, bytes: all })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The number it is; of a long one the first eight bytes.
    pub(crate) fn first(&self) -> u64 {
        self.bytes().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

impl PartialEq for Sum {
    fn eq(&self, other: &Sum) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Method {
    pub(crate) const ALL: [Method; 11] = [
        Method::Xor,
        Method::Ccitt,
        Method::Xmodem,
        Method::Modbus,
        Method::Crc32,
        Method::Crc32c,
        Method::Adler32,
        Method::Md5,
        Method::Sha1,
        Method::Sha256,
        Method::Sha512,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Method::Xor => "xor",
            Method::Ccitt => "crc16-ccitt",
            Method::Xmodem => "crc16-xmodem",
            Method::Modbus => "crc16-modbus",
            Method::Crc32 => "crc32",
            Method::Crc32c => "crc32c",
            Method::Adler32 => "adler32",
            Method::Md5 => "md5",
            Method::Sha1 => "sha1",
            Method::Sha256 => "sha256",
            Method::Sha512 => "sha512",
        }
    }

    /// How many bytes it makes.
    pub(crate) const fn length(self) -> usize {
        match self {
            Method::Xor => 1,
            Method::Ccitt | Method::Xmodem | Method::Modbus => 2,
            Method::Crc32 | Method::Crc32c | Method::Adler32 => 4,
            Method::Md5 => 16,
            Method::Sha1 => 20,
            Method::Sha256 => 32,
            Method::Sha512 => 64,
        }
    }

    /// Of the bytes of `parts`, one behind the other.
    pub(crate) fn compute(self, parts: &[&[u8]]) -> Option<Sum> {
        let crc16 = |crc: &'static Crc<u16, Table<16>>| {
            let mut digest = crc.digest();
            parts.iter().for_each(|part| digest.update(part));
            Sum::of(&digest.finalize().to_be_bytes())
        };
        let ring = |algorithm: &'static digest::Algorithm| {
            let mut context = digest::Context::new(algorithm);
            parts.iter().for_each(|part| context.update(part));
            Sum::of(context.finish().as_ref())
        };
        match self {
            Method::Xor => Sum::of(&[parts.iter().copied().flatten().fold(0, |sum, byte| sum ^ byte)]),
            Method::Ccitt => crc16(&CCITT),
            Method::Xmodem => crc16(&XMODEM),
            Method::Modbus => crc16(&MODBUS),
            Method::Crc32 => {
                let mut hasher = crc32fast::Hasher::new();
                parts.iter().for_each(|part| hasher.update(part));
                Sum::of(&hasher.finalize().to_be_bytes())
            }
            Method::Crc32c => {
                let mut digest = CRC32C.digest();
                parts.iter().for_each(|part| digest.update(part));
                Sum::of(&digest.finalize().to_be_bytes())
            }
            Method::Adler32 => {
                let mut adler = adler2::Adler32::new();
                parts.iter().for_each(|part| adler.write_slice(part));
                Sum::of(&adler.checksum().to_be_bytes())
            }
            Method::Md5 => {
                let mut hash = md5::Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                Sum::of(&hash.finalize())
            }
            Method::Sha1 => ring(&SHA1_FOR_LEGACY_USE_ONLY),
            Method::Sha256 => ring(&SHA256),
            Method::Sha512 => ring(&SHA512),
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Hex,
    Base64,
    /// A whole number, also as text, signed or not.
    Integer,
}

/// Without `sha256=`, `sha256:`.
fn bare(text: &[u8]) -> &[u8] {
    let mark = text.iter().take(10).position(|byte| matches!(byte, b'=' | b':'));
    let behind = mark.filter(|at| *at >= 3).and_then(|at| text.get(at + 1..));
    behind.filter(|rest| rest.len() > 2 && rest != b"=").unwrap_or(text)
}

fn hex(text: &[u8]) -> Option<Sum> {
    let half = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let (pairs, rest) = text.as_chunks::<2>();
    let mut bytes = [0; MOST];
    if !rest.is_empty() {
        return None;
    }
    for (at, [high, low]) in pairs.iter().enumerate() {
        *bytes.get_mut(at)? = half(*high)? << 4 | half(*low)?;
    }
    Sum::of(bytes.get(..pairs.len())?)
}

fn base64(text: &[u8]) -> Option<Sum> {
    let mut bytes = [0; MOST + 3];
    let padded = STANDARD.decode_slice(text, &mut bytes);
    let length = padded.or_else(|_| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes)).ok()?;
    Sum::of(bytes.get(..length)?)
}

/// A value of `length` bytes as it stands in the message; texts without their quotes.
pub(crate) fn read(text: &[u8], written: Written, length: usize) -> Option<Sum> {
    match written {
        Written::Hex => hex(bare(text)).filter(|sum| sum.bytes().len() == length),
        Written::Base64 => base64(bare(text)).filter(|sum| sum.bytes().len() == length),
        Written::Integer => integer(text, length),
    }
}

fn integer(text: &[u8], length: usize) -> Option<Sum> {
    let digits = text.strip_prefix(b"-");
    let value = crate::json::number::unsigned(digits.unwrap_or(text))?;
    let most = 1_u64.checked_shl(8 * length as u32).unwrap_or(0);
    let fits = if digits.is_some() { value <= most / 2 } else { value < most };
    let value = if digits.is_some() { most.wrapping_sub(value) } else { value };
    let bytes = value.to_be_bytes();
    Sum::of(bytes.get(8_usize.checked_sub(length)?..)?).filter(|_| fits && most > 0)
}

/// The ways in which `text` may be the value of a method.
pub(super) fn shapes(text: &[u8], is_string: bool) -> impl Iterator<Item = (Method, Written)> {
    let all = Method::ALL.into_iter().filter(|method| *method != Method::Xor);
    all.flat_map(move |method| {
        let mut ways = [None; 3];
        let length = method.length();
        if is_string && length >= 2 {
            ways[0] = read(text, Written::Hex, length).map(|_| Written::Hex);
            // Short texts of letters are words.
            let is_padded = length > 4 || text.ends_with(b"=");
            ways[1] = read(text, Written::Base64, length).filter(|_| is_padded).map(|_| Written::Base64);
        }
        if length <= 4 {
            ways[2] = read(text, Written::Integer, length).map(|_| Written::Integer);
        }
        ways.into_iter().flatten().map(move |written| (method, written))
    })
}
