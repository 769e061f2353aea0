//! Secrets that stand behind the `?` of an address.
//!
//! Where a reference says nothing else, the secret is kept as the server is to read it, and is encoded when it is sent
//! (`+` as `%2B`). With `encoded = true` name and value are kept as they stand in the address and sent byte for byte: that
//! is how an address typed in the window stays what it was when it was looked at, however oddly it is encoded.

use url::{Url, form_urlencoded};

use super::SecretRef;

/// A secret that is sent behind the `?` of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuerySecret {
    /// The parameter.
    pub name: String,
    /// Where its value is kept.
    pub secret: SecretRef,
    /// Name and value are kept as they stand in the address.
    pub encoded: bool,
}

impl QuerySecret {
    /// The name as it stands in the address.
    pub(crate) fn sent_name(&self) -> String {
        self.sent(&self.name)
    }

    /// A value as it stands in the address.
    pub(super) fn sent(&self, text: &str) -> String {
        if self.encoded { text.to_owned() } else { encoded(text) }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Name and value of a pair of an address as the server reads them.
pub(crate) fn decoded(pair: &str) -> (String, String) {
    let first = form_urlencoded::parse(pair.as_bytes()).next();
    first.map(|(name, value)| (name.into_owned(), value.into_owned())).unwrap_or_default()
}

/// Is a pair, kept as the server reads it, sent again as it stands in the address?
pub(crate) fn is_plain(pair: &str) -> bool {
    let (name, value) = decoded(pair);
    is_one_line(&value) && value.trim() == value && format!("{}={}", encoded(&name), encoded(&value)) == pair
}

/// What can be kept as a secret of a query.
pub(super) fn is_one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The address with further pairs, as they stand in it, at its end.
pub(crate) fn with_pairs(url: &Url, pairs: impl Iterator<Item = String>) -> Url {
    let typed = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
    let all: Vec<String> = typed.into_iter().chain(pairs).collect();
    let mut url = url.clone();
    if !all.is_empty() {
        url.set_query(Some(&all.join("&")));
    }
    url
}
