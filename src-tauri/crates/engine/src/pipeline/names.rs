//! What the numbers of the decoder are called, for the checks.

use std::sync::Arc;

use feedwatch_decode::Catalogue;
use feedwatch_detect::Scopes;
use feedwatch_model::{FieldType, SequenceRule};

/// Names of what readings and findings number, from the catalogue of the decoder that gave the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(pub &'a Catalogue);

impl Scopes for Names<'_> {
    fn per(&self, _rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.scopes.get(scope as usize).map(|scope| scope.per.clone()).unwrap_or_default()
    }

    fn rule_name(&self, rule: u32) -> Arc<str> {
        let path = self.0.rules.get(rule as usize).and_then(|rule| rule.paths.last());
        path.cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn rule(&self, rule: u32) -> (SequenceRule, Option<u64>) {
        let known = self.0.rules.get(rule as usize);
        known.map_or((SequenceRule::PlusOne, None), |rule| (rule.rule, rule.modulus))
    }

    fn guard(&self, guard: u32) -> (Arc<str>, Arc<str>, bool) {
        let known = self.0.guards.get(guard as usize);
        known.map_or_else(
            || (Arc::from(""), Arc::from(""), false),
            |guard| (guard.path.clone(), guard.rule.clone(), guard.is_signature),
        )
    }

    fn shape(&self, shape: u32) -> (u32, &[(u32, FieldType)]) {
        self.0.shapes.get(shape as usize).map_or((0, &[]), |shape| (shape.kind, &shape.fields))
    }

    fn field(&self, field: u32) -> Arc<str> {
        self.0.fields.get(field as usize).cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn series(&self, series: u32) -> (Arc<str>, Arc<str>) {
        let known = self.0.series.get(series as usize);
        known.map_or_else(|| (Arc::from(""), Arc::from("")), |series| (series.name.clone(), series.path.clone()))
    }

    fn entity(&self, series: u32) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.series.get(series as usize).map(|series| series.key.clone()).unwrap_or_default()
    }

    fn kind(&self, kind: u32) -> String {
        self.0.kinds.get(kind as usize).map(ToString::to_string).unwrap_or_default()
    }
}
