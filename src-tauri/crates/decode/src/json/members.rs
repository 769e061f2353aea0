//! Members that did not come as expected, and those of maps, whose names are keys.

use super::fault::{Fault, unfit};
use super::scan::{Scanner, peek, skip_space};
use super::text::{string_end, unescape};
use super::trie::Trie;

impl Scanner {
    pub(super) fn unexpected_key(
        &mut self,
        trie: &mut Trie,
        bytes: &[u8],
        at: usize,
        parent: u32,
        previous: u32,
    ) -> Result<(u32, usize), Fault> {
        if peek(bytes, at) != b'"' {
            return Err(unfit(bytes, at, "expected a key in quotes"));
        }
        let (end, escaped) = string_end(bytes, at + 1, self.plain)?;
        let colon = skip_space(bytes, end + 1);
        if peek(bytes, colon) != b':' {
            return Err(unfit(bytes, colon, "expected ':'"));
        }
        let inside = bytes.get(at + 1..end).unwrap_or_default();
        let node = if escaped {
            self.key.clear();
            unescape(inside, &mut self.key);
            trie.child(parent, previous, &self.key)
        } else {
            trie.child(parent, previous, inside)
        };
        Ok((node, skip_space(bytes, colon + 1)))
    }

    /// A member whose name is a key: its name is a leaf. The element it is, and the first byte of its value.
    pub(super) fn member(&mut self, bytes: &[u8], at: usize, name: u32, within: u32) -> Result<(u32, usize), Fault> {
        if peek(bytes, at) != b'"' {
            return Err(unfit(bytes, at, "expected a key in quotes"));
        }
        let element = self.elements.len() as u32;
        self.elements.push(within);
        let end = self.string(bytes, at + 1, name, element)?;
        let colon = skip_space(bytes, end);
        if peek(bytes, colon) != b':' {
            return Err(unfit(bytes, colon, "expected ':'"));
        }
        Ok((element, skip_space(bytes, colon + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::leaf::LeafKind;
    use crate::json::trie::{ROOT, Trie};

    /// Path, text and element of each leaf, with `/m` a map.
    fn leaves(trie: &mut Trie, scanner: &mut Scanner, text: &str) -> Vec<(String, String, u32)> {
        scanner.scan(trie, text.as_bytes()).unwrap();
        let raw = |leaf: &crate::json::leaf::Leaf| String::from_utf8(leaf.raw(text.as_bytes()).to_vec()).unwrap();
        scanner.leaves.iter().map(|leaf| (trie.path(leaf.node), raw(leaf), leaf.element)).collect()
    }

    #[test]
    fn names_of_members_are_leaves_and_members_are_elements() {
        let mut trie = Trie::new(100);
        let map = trie.child(ROOT, crate::json::trie::NONE, b"m");
        assert!(trie.mark_map(map));
        let mut scanner = Scanner::default();
        for text in [r#"{"m":{"A":{"v":1}, "B" : {"v":2}},"x":3}"#, r#"{"m":{"C":{"v":1}, "D\u0041" : {"v":2}},"x":3}"#]
        {
            let found = leaves(&mut trie, &mut scanner, text);
            let places: Vec<_> = found.iter().map(|(path, _, element)| (path.as_str(), *element)).collect();
            assert_eq!(places, [("/m/{*}", 1), ("/m/{*}/v", 1), ("/m/{*}", 2), ("/m/{*}/v", 2), ("/x", 0)]);
        }
        assert_eq!(scanner.leaves[2].kind, LeafKind::Escaped);
        for wrong in [r#"{"m":{1:2}}"#, r#"{"m":{"A" 2}}"#, r#"{"m":{"A":2]}"#, r#"{"m":{"A":2,}}"#, r#"{"m":{"A"#] {
            assert!(scanner.scan(&mut trie, wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
