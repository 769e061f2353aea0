//! What must not be seen in the excerpts of a file: secrets that were written into it, whatever is wrong beside them.

use std::ops::Range;

use feedwatch_ingest::is_secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secrets::is_variable;
use super::walk::{LIKE, likeness};

/// Where texts stand that may be secrets.
pub(super) fn of(document: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    table(document, false, &mut found);
    found
}

/// `all`: whatever stands directly in this table is a secret.
fn table(table: &DeTable<'_>, all: bool, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        look(key.get_ref(), value, all, found);
    }
}

fn look(key: &str, value: &Spanned<DeValue<'_>>, all: bool, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::String(text) if all || may_be_secret(key, text) => found.push(value.span()),
        // The key itself where it should say where the key is kept; a path to a public one may be seen.
        DeValue::Table(inner) if likeness(key, "signature") >= LIKE => inner
            .iter()
            .for_each(|(key, value)| look(key.get_ref(), value, likeness(key.get_ref(), "public_key") < LIKE, found)),
        DeValue::Table(inner) => table(inner, likeness(key, "query") >= LIKE, found),
        DeValue::Array(array) => array.iter().for_each(|item| look(key, item, all, found)),
        _ => {}
    }
}

fn may_be_secret(key: &str, text: &str) -> bool {
    let address = text.contains("://") || likeness(key, "url") >= LIKE;
    // A text where a table of secrets should be, or a token where a variable's name should be.
    let misplaced = is_table_of_secrets(key) || (likeness(key, "env") >= LIKE && !is_variable(text));
    // A word of a command may be one, as behind --password; a name in the keyring, where somebody took it for the place.
    let named = is_secret(key, text) || is_named(key);
    named || misplaced || (address && text.contains(['?', '@']))
}

/// `every` is as much like `query` as a slip is.
fn is_table_of_secrets(key: &str) -> bool {
    key != "every" && ["query", "headers"].iter().any(|word| likeness(key, word) >= LIKE)
}

fn is_named(word: &str) -> bool {
    ["bearer", "command", "keyring"].iter().any(|known| likeness(word, known) >= LIKE)
}

/// The same in a line that is no TOML: everything behind its `=`, if there is a sign of a secret.
pub(super) fn of_broken(line: &str) -> Range<usize> {
    let mut words = line.split(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter));
    let sign = line.contains(['?', '@'])
        || words.any(|word| is_secret(word, "x") || is_named(word) || is_table_of_secrets(word));
    let from = if sign { line.find('=').map_or(0, |at| at + 1) } else { line.len() };
    from..line.len()
}
