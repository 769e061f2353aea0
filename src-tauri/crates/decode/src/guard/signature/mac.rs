//! HMAC-SHA-256 in a header or a field: how the value is written, and what it is computed over.
//!
//! | who | value | over |
//! |---|---|---|
//! | GitHub, most | `sha256=HEX`, hex or base64 alone | the payload |
//! | Stripe | `t=TIME,v1=HEX` | `TIME.PAYLOAD` |
//! | Slack | `v0=HEX`, the time in a header | `v0:TIME:PAYLOAD` |
//! | Standard Webhooks | `v1,BASE64`, id and time in headers | `ID.TIME.PAYLOAD` |
//! | a field | hex or base64 | the payload without the field |

use feedwatch_model::Message;
use ring::hmac;

use super::super::View;
use super::super::digest::input::Input;
use super::super::digest::method::{Sum, Written, read};
use super::same;
use crate::json::leaf::Leaf;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Payload,
    /// `TIME.PAYLOAD`
    Dotted,
    /// `v0:TIME:PAYLOAD`
    Slack,
    /// `ID.TIME.PAYLOAD`
    Standard,
    /// The payload without the field.
    Field(Input),
}

pub(super) const OVER_HEADER: [Over; 4] = [Over::Payload, Over::Dotted, Over::Slack, Over::Standard];
pub(super) const OVER_FIELD: [Over; 5] = [
    Over::Field(Input::Cut),
    Over::Field(Input::CutAlone),
    Over::Field(Input::Put(b"\"\"")),
    Over::Field(Input::Put(b"null")),
    Over::Payload,
];

/// Several signatures may stand in one value while keys are changed.
const MAX_SIGNATURES: usize = 4;

/// A value taken apart: signatures, and the time in it.
fn signatures<'a>(value: &'a [u8]) -> (impl Iterator<Item = Sum> + use<'a>, Option<&'a [u8]>) {
    let time = value.split(|byte| *byte == b',').find_map(|part| part.trim_ascii().strip_prefix(b"t="));
    let parts = value.split(|byte| matches!(byte, b',' | b' '));
    let bare = parts.map(|part| {
        let versions: [&[u8]; 3] = [b"v0=", b"v1=", b"v1:"];
        versions.iter().find_map(|version| part.strip_prefix(*version)).unwrap_or(part)
    });
    let sums = bare.filter_map(|part| read(part, Written::Hex, 32).or_else(|| read(part, Written::Base64, 32)));
    (sums.take(MAX_SIGNATURES), time)
}

/// Whether a value looks like one.
pub(super) fn is_one(value: &[u8]) -> bool {
    signatures(value).0.next().is_some()
}

/// The header whose name ends so.
fn header<'a>(message: &'a Message, ending: &str) -> Option<&'a [u8]> {
    let ends = |name: &str| {
        let start = name.len().checked_sub(ending.len());
        start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    let headers = &message.meta.as_ref()?.headers;
    headers.iter().find(|(name, _)| ends(name)).map(|(_, text)| text.as_bytes())
}

/// The HMAC of a message; `None` where what is signed is not all there.
fn compute(
    key: &hmac::Key,
    over: &Over,
    view: &View<'_>,
    leaf: Option<&Leaf>,
    time: Option<&[u8]>,
) -> Option<hmac::Tag> {
    let sign = |parts: &[&[u8]]| {
        let mut context = hmac::Context::with_key(key);
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    };
    let said = |ending| header(view.message?, ending);
    let time = || time.or_else(|| said("timestamp"));
    match over {
        Over::Payload => Some(sign(&[view.raw])),
        Over::Dotted => Some(sign(&[time()?, b".", view.raw])),
        Over::Slack => Some(sign(&[b"v0:", time()?, b":", view.raw])),
        Over::Standard => Some(sign(&[said("-id")?, b".", time()?, b".", view.raw])),
        Over::Field(input) => input.with(view, leaf, &mut Vec::new(), sign),
    }
}

/// Whether a value is the HMAC of a message; stated, computed.
pub(super) fn verify(
    keys: &[hmac::Key],
    over: &Over,
    value: &[u8],
    view: &View<'_>,
    leaf: Option<&Leaf>,
) -> (bool, u64, u64) {
    let (stated, time) = signatures(value);
    let (mut first, mut computed) = (None, 0);
    for sum in stated {
        first.get_or_insert(sum.first());
        for key in keys {
            let Some(tag) = compute(key, over, view, leaf, time) else { continue };
            computed = tag.as_ref().get(..8).and_then(Sum::of).map_or(0, |sum| sum.first());
            if same(tag.as_ref(), sum.bytes()) {
                return (true, sum.first(), computed);
            }
        }
    }
    (false, first.unwrap_or(0), computed)
}
