//! What an alarm is about, where it lasts until it is told as over: the alarm ends with the last of it.
//!
//! A feed has one alarm of a check, and may have several conditions of it at once: two kinds of message that come too
//! rarely, a clock that stands and one that was set. The alarm speaks of the last one that was told, and names the others.
//! What does not last (a message that is damaged) ends by quiet, once nothing that lasts is left.

use std::collections::HashMap;
use std::sync::Arc;

use feedwatch_model::{AlarmId, Time};

/// A condition in words.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    name: Arc<str>,
    title: String,
    text: String,
}

/// The conditions of the open alarms. Detectors bound how many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Lasting(HashMap<AlarmId, Conditions>);

#[derive(Clone, Debug, Default)]
struct Conditions {
    open: Vec<Condition>,
    /// When something was told last that does not last.
    passing: Option<Time>,
}

/// What is left of an alarm when one of its conditions is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Left {
    /// Nothing.
    Nothing,
    /// What ends by quiet.
    Passing,
    /// Other conditions: title and text of the last of them.
    Conditions(String, String),
}

impl Lasting {
    /// Something was told: `name` where it lasts. The text that tells of it and of what else lasts.
    pub(super) fn told(&mut self, id: AlarmId, name: Option<&Arc<str>>, title: &str, text: &str, at: Time) -> String {
        let conditions = self.0.entry(id).or_default();
        match name {
            Some(name) => {
                conditions.open.retain(|open| open.name != *name);
                let text = with_others(text, &conditions.open);
                let (title, own) = (title.to_owned(), text.clone());
                conditions.open.push(Condition { name: Arc::clone(name), title, text: own });
                text
            }
            None => {
                conditions.passing = Some(at);
                with_others(text, &conditions.open)
            }
        }
    }

    /// A condition is over.
    pub(super) fn over(&mut self, id: AlarmId, name: &str) -> Left {
        let Some(conditions) = self.0.get_mut(&id) else { return Left::Nothing };
        conditions.open.retain(|open| &*open.name != name);
        let left = match conditions.open.split_last() {
            Some((last, others)) => Left::Conditions(last.title.clone(), with_others(&last.text, others)),
            None if conditions.passing.is_some() => Left::Passing,
            None => Left::Nothing,
        };
        if let (Left::Conditions(_, text), Some(last)) = (&left, conditions.open.last_mut()) {
            last.text.clone_from(text);
        }
        left
    }

    /// Whether something lasts.
    pub(super) fn is_open(&self, id: AlarmId) -> bool {
        self.0.get(&id).is_some_and(|conditions| !conditions.open.is_empty())
    }

    pub(super) fn forget(&mut self, id: AlarmId) {
        self.0.remove(&id);
    }
}

/// `text`, and what else is so.
fn with_others(text: &str, others: &[Condition]) -> String {
    let own = text.split_once(BESIDES).map_or(text, |(own, _)| own).trim_end();
    if others.is_empty() {
        return own.to_owned();
    }
    let titles: Vec<&str> = others.iter().map(|other| other.title.as_str()).collect();
    format!("{own} {BESIDES}{}.", titles.join("; ")).trim_start().to_owned()
}

const BESIDES: &str = "At the same time: ";
