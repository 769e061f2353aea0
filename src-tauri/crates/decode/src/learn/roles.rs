//! The plan of one kind of message: what each path means. Reading by it is in [`read`] and [`row`].

mod read;
mod row;
mod state;

use std::sync::Arc;

use feedwatch_model::{SeriesKind, TimeUnit, Why};

use self::read::Clock;
use super::extend::name;
use super::hints;
use super::late::Late;
use super::names::{Forms, Names};
use super::sequence::Per;
use super::table::KeyTable;
use crate::json::trie::{NONE, ROOT, Trie};

pub(crate) use self::read::{Found, Seen, Watched, is_around};
pub(crate) use self::state::State;

/// Stands for the topic among key paths.
pub(crate) const TOPIC: u32 = NONE - 1;

/// Stands for the protocol's own identity of a message among paths of numbers.
pub(crate) const EVENT_ID: u32 = NONE - 2;
/// Stands for the last place of a message that is an array.
pub(crate) const LAST_PLACE: u32 = NONE - 3;

/// What a path means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum What {
    /// Nothing is known of it.
    #[default]
    Unseen,
    /// It was only null or empty.
    Pending,
    Series(u32),
    /// The message's time.
    Time(TimeUnit),
    /// The time of an element.
    ElementTime(TimeUnit),
    /// Index into [`Plan::keys`].
    Key(u8),
    /// One of a few texts: an index into [`Plan::states`].
    State(u32),
    Skip,
}

/// What a whole number may be beside its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Watch {
    #[default]
    No,
    /// On trial as a sequence number.
    Trial(u16),
    /// Carries a rule.
    Rule(u16),
    /// Of a kind that may join a rule.
    May(u16),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Role {
    pub(crate) what: What,
    pub(crate) watch: Watch,
    pub(crate) why: Option<Why>,
}

/// In place of a slot's index: there is nothing to read.
const SKIP: u32 = NONE;
/// In place of a slot's index: the role says what to do.
const SLOW: u32 = NONE - 1;

impl Role {
    fn code(&self) -> u32 {
        match (self.what, self.watch) {
            (What::Series(slot), Watch::No) => slot,
            (What::Skip | What::Key(_) | What::ElementTime(_), Watch::No) => SKIP,
            _ => SLOW,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct KeyField {
    pub(crate) node: u32,
    pub(crate) path: Arc<str>,
    /// The element it stands in.
    pub(crate) element: u32,
    guess: usize,
    /// Of a topic: what stands before and behind the level that is the key; empty if all of it is.
    around: (Arc<str>, Arc<str>),
}

impl KeyField {
    pub(crate) fn new(node: u32, path: Arc<str>, element: u32) -> KeyField {
        KeyField { node, path, element, guess: 0, around: ("".into(), "".into()) }
    }

    /// The whole topic.
    pub(crate) fn topic() -> KeyField {
        KeyField::new(TOPIC, "topic".into(), ROOT)
    }

    /// The level `at` of topics like `example`.
    pub(crate) fn topic_level(at: usize, example: &str) -> KeyField {
        let (mut before, mut behind) = (String::new(), String::new());
        for (level, text) in example.split('/').enumerate() {
            if level < at {
                before.extend([text, "/"]);
            } else if level > at {
                behind.extend(["/", text]);
            }
        }
        let path = format!("topic:/{at}");
        KeyField { around: (before.into(), behind.into()), ..KeyField::new(TOPIC, path.into(), ROOT) }
    }

    /// The key in a topic. One of another make is taken whole, so that no two things become one.
    fn of_topic<'a>(&self, topic: &'a str) -> &'a str {
        let (before, behind) = &self.around;
        let level = topic.strip_prefix(&**before).and_then(|rest| rest.strip_suffix(&**behind));
        let is_whole = before.is_empty() && behind.is_empty();
        level.filter(|level| is_whole || !level.contains('/')).unwrap_or(topic)
    }
}

/// A path that is charted, one series for each text of its keys.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) path: Arc<str>,
    /// Index into [`Plan::tables`], or [`NONE`].
    pub(crate) table: u32,
    pub(crate) kind: SeriesKind,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) forms: Forms,
    pub(crate) base: Option<String>,
    /// By number of the key text.
    pub(crate) series: Vec<u32>,
    /// Of the time before its key was found.
    pub(crate) before: Vec<u32>,
    /// Some of it is not charted: there are too many series.
    pub(crate) left_out: bool,
    /// It turned out to be no series, and gets no further points.
    pub(crate) dropped: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) label: String,
    pub(crate) roles: Vec<Role>,
    pub(crate) keys: Vec<KeyField>,
    pub(crate) tables: Vec<KeyTable>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) states: Vec<State>,
    pub(crate) time: Option<(u32, TimeUnit)>,
    pub(crate) other_times: Vec<(u32, TimeUnit)>,
    /// The element and the path of its time.
    pub(crate) element_times: Vec<(u32, u32, TimeUnit)>,
    /// What reading needs of the roles, in a word each; made anew when they have changed.
    codes: Vec<u32>,
    changed: bool,
    /// Per key and slot the series, where there is one table of keys at most; [`NONE`]: to be looked up.
    rows: Vec<u32>,
    /// Per element: the leaf of each key and, last, of the time.
    columns: Vec<u32>,
    scratch: Vec<u8>,
    clock: Clock,
    /// Whether the protocol's identity and the last place of an array are watched.
    pub(crate) event_id: Watch,
    pub(crate) last_place: Watch,
    /// Texts that are no keys and may scope a sequence.
    pub(crate) scoping: Vec<Per>,
    /// Is a message of this kind a report of many counters?
    pub(crate) is_report: bool,
    /// Messages kept to look for keys once more.
    pub(crate) late: Option<Box<Late>>,
}

impl Plan {
    pub(crate) fn role(&self, node: u32) -> Role {
        self.roles.get(node as usize).copied().unwrap_or_default()
    }

    /// What a topic says of the entity: the path and the text of the key that it is, else all of it.
    pub(crate) fn topic_of(&self, topic: &str) -> Option<(Arc<str>, Arc<str>)> {
        let key = self.keys.iter().find(|key| key.node == TOPIC);
        Some(key.map_or_else(|| ("topic".into(), topic.into()), |key| (key.path.clone(), key.of_topic(topic).into())))
    }

    pub(crate) fn watch(&self, node: u32) -> Watch {
        match node {
            EVENT_ID => self.event_id,
            LAST_PLACE => self.last_place,
            _ => self.role(node).watch,
        }
    }

    pub(crate) fn set_watch(&mut self, node: u32, watch: Watch) {
        match node {
            EVENT_ID => self.event_id = watch,
            LAST_PLACE => self.last_place = watch,
            _ => {
                if let Some(role) = self.role_mut(node) {
                    role.watch = watch;
                }
            }
        }
    }

    /// A number is seen to count messages. One that was charted before, and whose name does not speak for it, goes on being
    /// charted: it may be a ramp.
    pub(crate) fn count_messages(&mut self, trie: &Trie, node: u32, names: &mut Names) {
        if matches!(node, EVENT_ID | LAST_PLACE) {
            return;
        }
        let role = self.role(node);
        match role.what {
            What::Series(slot) => {
                if let Some(slot) = self.slots.get(slot as usize).filter(|slot| slot.series.is_empty()) {
                    names.withdraw(&slot.forms);
                    self.set_what(node, What::Skip, Why::Sequence);
                } else if hints::is_numbering(&name(trie, node)) {
                    self.drop_series(node, Why::Sequence);
                }
            }
            What::Skip if role.why != Some(Why::Time) => self.set_what(node, What::Skip, Why::Sequence),
            _ => {}
        }
    }

    pub(crate) fn role_mut(&mut self, node: u32) -> Option<&mut Role> {
        if self.roles.len() <= node as usize {
            self.roles.resize(node as usize + 1, Role::default());
        }
        self.changed = true;
        self.roles.get_mut(node as usize)
    }

    /// What is charted at `node` turned out to be no series: it gets no further points.
    pub(crate) fn drop_series(&mut self, node: u32, why: Why) {
        if let What::Series(slot) = self.role(node).what {
            if let Some(slot) = self.slots.get_mut(slot as usize) {
                slot.dropped = true;
            }
            self.set_what(node, What::Skip, why);
        }
    }

    /// What was read by it is no longer true.
    pub(crate) fn set_changed(&mut self) {
        self.changed = true;
    }

    pub(crate) fn set_what(&mut self, node: u32, what: What, why: Why) {
        if let Some(role) = self.role_mut(node) {
            (role.what, role.why) = (what, Some(why));
        }
    }
}
