//! Names of series: unique in the feed, and short.
//!
//! `BTC-USD.price` for `/events/*/tickers/*/price`: names of arrays and of mere wrappers (`data`, `payload`, …) add
//! nothing. Where two paths would share a name, a ticker keeps it; others get their arrays back (`trades.price`), else
//! the kind in front (`match.price`), else a number behind.

use rustc_hash::{FxHashMap, FxHashSet};

use super::hints;
use crate::json::trie::{Step, Trie};

/// The names a path could have, the shortest first.
#[derive(Clone, Debug)]
pub(crate) struct Forms {
    short: String,
    long: String,
    is_ticker: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    short: FxHashMap<String, u32>,
    /// How many tickers share a short name.
    tickers: FxHashMap<String, u32>,
    long: FxHashMap<String, u32>,
    taken: FxHashSet<String>,
}

impl Forms {
    pub(crate) fn of(trie: &Trie, node: u32, kind: &str) -> Forms {
        let chain = trie.chain(node);
        let mut short: Vec<String> = Vec::new();
        let mut long: Vec<String> = Vec::new();
        for (at, &step) in chain.iter().enumerate() {
            let is_last = at + 1 == chain.len();
            if matches!(trie.step(step), Step::Element | Step::Member | Step::Name) {
                continue;
            }
            let segment = trie.segment(step);
            let below = chain.get(at + 1).map(|below| trie.step(*below));
            let is_array = matches!(below, Some(Step::Element | Step::Member));
            if !is_last && hints::is_wrapper(&segment) {
                continue;
            }
            // A place in an array says nothing without the array's name.
            let names_positions =
                chain.get(at + 1..).unwrap_or_default().iter().all(|below| trie.step(*below) != Step::Key);
            if !is_array || names_positions {
                short.push(segment.clone());
            }
            long.push(segment);
        }
        let is_ticker = kind.to_lowercase().contains("ticker") || long.iter().any(|segment| segment.contains("ticker"));
        let join = |parts: Vec<String>| if parts.is_empty() { "value".to_owned() } else { parts.join(".") };
        Forms { short: join(short), long: join(long), is_ticker }
    }
}

impl Names {
    pub(crate) fn announce(&mut self, forms: &Forms) {
        *self.short.entry(forms.short.clone()).or_default() += 1;
        *self.long.entry(forms.long.clone()).or_default() += 1;
        *self.tickers.entry(forms.short.clone()).or_default() += u32::from(forms.is_ticker);
    }

    pub(crate) fn withdraw(&mut self, forms: &Forms) {
        let less = |map: &mut FxHashMap<String, u32>, name: &String, by: u32| {
            if let Some(count) = map.get_mut(name) {
                *count = count.saturating_sub(by);
            }
        };
        less(&mut self.short, &forms.short, 1);
        less(&mut self.long, &forms.long, 1);
        less(&mut self.tickers, &forms.short, u32::from(forms.is_ticker));
    }

    /// The name of a path of the kind called `kind`, among all that were announced.
    pub(crate) fn settle(&self, forms: &Forms, kind: &str) -> String {
        let count = |map: &FxHashMap<String, u32>, name: &String| map.get(name).copied().unwrap_or(0);
        let is_the_ticker = forms.is_ticker && count(&self.tickers, &forms.short) <= 1;
        if count(&self.short, &forms.short) <= 1 || is_the_ticker {
            forms.short.clone()
        } else if count(&self.long, &forms.long) <= 1 || kind.is_empty() {
            forms.long.clone()
        } else {
            format!("{kind}.{}", forms.long)
        }
    }

    /// `name`, or `name#2` and so on if it is taken.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.taken.insert(unique.clone()) {
            unique = format!("{name}#{number}");
            number += 1;
        }
        unique
    }
}
