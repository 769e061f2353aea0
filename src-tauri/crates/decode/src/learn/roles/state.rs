//! Texts that tell how a thing stands. They are told in the profile, with how often they came; a value is a number, so that
//! they give no points.

use std::sync::Arc;

use feedwatch_model::{SeriesKind, SeriesProfile};

use super::Plan;
use super::read::{Found, Seen};
use crate::json::leaf::Leaf;
use crate::json::trie::NONE;
use crate::learn::names::Forms;
use crate::learn::observed::text_of;

/// Entities of one path that are told.
const MAX_ENTITIES: usize = 1000;

/// A path of states, one for each text of its keys.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) path: Arc<str>,
    /// Index into [`Plan::tables`], or [`NONE`].
    pub(crate) table: u32,
    pub(crate) forms: Forms,
    /// By number of the key text.
    counts: Vec<u64>,
}

impl State {
    pub(crate) fn new(path: Arc<str>, table: u32, forms: Forms) -> State {
        State { path, table, forms, counts: Vec::new() }
    }
}

impl Plan {
    /// Counts a text of the state `at`.
    #[inline(never)]
    pub(super) fn count_state(&mut self, at: u32, leaf: &Leaf, seen: &Seen<'_>, found: &Found<'_>) {
        if text_of(leaf, seen.payload()).is_none() {
            return;
        }
        let Some(table) = self.states.get(at as usize).map(|state| state.table) else { return };
        let key = if table == NONE { Some(0) } else { self.key(table as usize, leaf.element, seen, found.max_series) };
        let Some(state) = self.states.get_mut(at as usize) else { return };
        let Some(key) = key.map(|key| key as usize).filter(|key| *key < MAX_ENTITIES) else { return };
        if state.counts.len() <= key {
            state.counts.resize(key + 1, 0);
        }
        if let Some(count) = state.counts.get_mut(key) {
            *count += 1;
        }
    }

    /// The states as they are told, `named` by `name`.
    pub(crate) fn state_profiles(&self, name: impl Fn(&Forms) -> String) -> Vec<SeriesProfile> {
        let told = |state: &State| {
            let base = name(&state.forms);
            let counts = state.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0);
            counts
                .map(|(key, samples)| {
                    let texts = self.tables.get(state.table as usize).map(|table| table.readable(key));
                    let texts = texts.unwrap_or_default();
                    let parts = texts.iter().map(|(_, text)| &**text).chain([base.as_str()]);
                    let path_of = |field: &usize| self.keys.get(*field).map(|key| key.path.to_string());
                    SeriesProfile {
                        name: parts.collect::<Vec<_>>().join("."),
                        path: state.path.to_string(),
                        key: texts.iter().filter_map(|(at, text)| Some((path_of(at)?, text.to_string()))).collect(),
                        kind: SeriesKind::State,
                        unit: None,
                        samples,
                        min: None,
                        max: None,
                        last: None,
                    }
                })
                .collect::<Vec<_>>()
        };
        self.states.iter().flat_map(told).collect()
    }
}
