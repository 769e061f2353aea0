//! JSON in strings of JSON: `{"value":"{\"price\":1}"}` is written as `{"value#":{"price":1}}`, so that the path of the price
//! is `/value#/price`.
//!
//! A path is entered if nine tenths of the strings that stood there while the feed was learned, and [`MAX_PATHS`] paths at
//! most, hold an object or an array. A string there that holds none stays what it is. One level is entered.

use feedwatch_model::Rejected;
use rustc_hash::FxHashMap;

use super::json::Writer;
use crate::json::leaf::Leaf;
use crate::json::scan::Scanner;
use crate::json::text::unescape;
use crate::json::trie::{Step, Trie};

/// Paths that are entered.
const MAX_PATHS: usize = 16;
/// Paths of a message that are told apart.
const MAX_NODES: usize = 20_000;

/// Finds the strings of a feed that hold JSON, and takes them out of it.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    trie: Trie,
    scanner: Scanner,
    /// The paths that are entered.
    nodes: Vec<u32>,
    inner: Inner,
}

/// Reads the text of one string.
#[derive(Clone, Debug)]
struct Inner {
    trie: Trie,
    scanner: Scanner,
    plain: Vec<u8>,
}

impl Inner {
    /// Whether the text of `leaf` is an object or an array; it is in `plain` then.
    fn holds(&mut self, leaf: &Leaf, payload: &[u8]) -> bool {
        if !leaf.is_string() || !matches!(leaf.raw(payload).trim_ascii_start().first(), Some(b'{' | b'[')) {
            return false;
        }
        self.plain.clear();
        unescape(leaf.raw(payload), &mut self.plain);
        self.scanner.scan(&mut self.trie, &self.plain).is_ok()
    }
}

impl Nested {
    /// `None` if no string of the payloads holds JSON.
    pub(crate) fn of<'a>(payloads: impl Iterator<Item = &'a [u8]>) -> Option<Nested> {
        let inner = Inner { trie: Trie::new(1), scanner: Scanner::default(), plain: Vec::new() };
        let mut nested = Nested { trie: Trie::new(MAX_NODES), scanner: Scanner::default(), nodes: Vec::new(), inner };
        let mut seen: FxHashMap<u32, (usize, usize)> = FxHashMap::default();
        // An object in a string has quotes, which are escaped.
        for payload in payloads.filter(|payload| memchr::memmem::find(payload, b"\\\"").is_some()) {
            if nested.scanner.scan(&mut nested.trie, payload).is_err() {
                continue;
            }
            for leaf in nested.scanner.leaves.iter().filter(|leaf| leaf.is_string()) {
                let (all, fit) = seen.entry(leaf.node).or_default();
                *all += 1;
                *fit += usize::from(nested.inner.holds(leaf, payload));
            }
        }
        let is_member = |node: u32| nested.trie.step(node) == Step::Key;
        let fits = |(node, (all, fit)): &(&u32, &(usize, usize))| is_member(**node) && *fit * 10 >= *all * 9;
        let mut nodes: Vec<u32> = seen.iter().filter(fits).map(|(node, _)| *node).collect();
        nodes.sort_unstable();
        nodes.truncate(MAX_PATHS);
        nested.nodes = nodes;
        (!nested.nodes.is_empty()).then_some(nested)
    }

    /// Writes `payload` with its strings entered.
    ///
    /// # Errors
    /// The first byte that is not JSON.
    pub(crate) fn transcode(&mut self, payload: &[u8], into: &mut Writer) -> Result<(), Rejected> {
        self.scanner.scan(&mut self.trie, payload)?;
        let mut written = 0;
        for leaf in self.scanner.leaves.iter().filter(|leaf| self.nodes.contains(&leaf.node)) {
            let (start, end) = (leaf.start as usize, leaf.end as usize);
            let Some(key) = key_end(payload, start).filter(|_| self.inner.holds(leaf, payload)) else { continue };
            into.raw(payload.get(written..key).unwrap_or_default());
            into.raw(b"#");
            into.raw(payload.get(key..start - 1).unwrap_or_default());
            into.raw(&self.inner.plain);
            written = end + 1;
        }
        into.raw(payload.get(written..).unwrap_or_default());
        Ok(())
    }
}

/// Where the closing quote of the key stands whose string begins at `start`.
fn key_end(payload: &[u8], start: usize) -> Option<usize> {
    let before = payload.get(..start.checked_sub(1)?)?.trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end();
    before.strip_suffix(b"\"").map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entered(texts: &[&str]) -> Option<Vec<String>> {
        let mut nested = Nested::of(texts.iter().map(|text| text.as_bytes()))?;
        let written = texts.iter().map(|text| {
            let mut writer = Writer::default();
            nested.transcode(text.as_bytes(), &mut writer).unwrap();
            String::from_utf8(writer.text().to_vec()).unwrap()
        });
        Some(written.collect())
    }

    #[test]
    fn a_string_that_holds_json_is_entered_and_others_stay() {
        let text = r#"{"key":"k","value" : "{\"price\":1.50,\"s\":\"a\\\"b\"}","at":1}"#;
        let other = r#"{"key":"k","value":null}"#;
        assert_eq!(
            entered(&[text, other]).unwrap(),
            [r#"{"key":"k","value#" : {"price":1.50,"s":"a\"b"},"at":1}"#, other]
        );
        assert_eq!(entered(&[r#"{"a":"say \"no\"","b":"{\"c"}"#]), None, "what only looks like it");
        assert_eq!(entered(&[r#"["{\"a\":1}"]"#]), None, "no member has it");
    }

    proptest! {
        #[test]
        fn what_is_entered_is_json_and_nothing_panics(inner in "\\PC{0,12}", edits: Vec<(prop::sample::Index, u8)>) {
            let text = serde_json::json!({ "a": serde_json::json!({ "b": inner, "c": 1 }).to_string() }).to_string();
            let mut nested = Nested::of(std::iter::once(text.as_bytes())).unwrap();
            let mut writer = Writer::default();
            nested.transcode(text.as_bytes(), &mut writer).unwrap();
            let value: serde_json::Value = serde_json::from_slice(writer.text()).unwrap();
            prop_assert_eq!(&value["a#"]["b"], &serde_json::json!(inner));
            let mut bytes = text.into_bytes();
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            writer.clear();
            if nested.transcode(&bytes, &mut writer).is_ok() {
                prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(writer.text()).is_ok());
            }
            let _ = Nested::of(std::iter::once(bytes.as_slice()));
        }
    }
}
