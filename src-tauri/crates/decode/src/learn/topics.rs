//! Topics as keys.

use rustc_hash::FxHashSet;

use super::observed::Observed;
use super::roles::KeyField;

/// So many topics, or messages on two of them, show which level differs.
const TOPICS: usize = 3;
const MESSAGES: usize = 8;

/// The key that topics are: the level that differs, if it is the only one; all of it, if several do or topics are of
/// different lengths; none, if all messages have the same topic of one level.
pub(super) fn key(messages: &[&Observed]) -> Option<KeyField> {
    let topics: Vec<&str> = messages.iter().filter_map(|message| message.topic.as_deref()).collect();
    let first = *topics.first()?;
    if topics.iter().all(|topic| *topic == first) {
        return first.contains('/').then(KeyField::topic);
    }
    let levels: Vec<&str> = first.split('/').collect();
    let mut differ = vec![false; levels.len()];
    for topic in &topics {
        if topic.split('/').count() != levels.len() {
            return Some(KeyField::topic());
        }
        for ((level, known), differs) in topic.split('/').zip(&levels).zip(&mut differ) {
            *differs |= level != *known;
        }
    }
    let mut differing = (0..).zip(&differ).filter(|(_, differs)| **differs).map(|(at, _)| at);
    let distinct = topics.iter().collect::<FxHashSet<_>>().len();
    let enough = distinct >= TOPICS || topics.len() >= MESSAGES;
    match (differing.next(), differing.next()) {
        (Some(at), None) if levels.len() > 1 && enough => Some(KeyField::topic_level(at, first)),
        _ => Some(KeyField::topic()),
    }
}
