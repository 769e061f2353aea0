//! Staleness: one device, product or ship of many says nothing while the others go on.
//!
//! An entity is what the keys of a series name. Its pauses are counted from a second on: what it says within a second of
//! the last counted message is one report. `typical` is their running mean (1/64), `spread` that of their distances from
//! it, `longest` the largest one of this window and the one before; a window lasts 10 minutes and 20 longest pauses at
//! least. Only an entity with a steady rhythm is judged: 32 pauses are known, `spread` is at most 0.3 `typical` (of what
//! comes by chance it is 0.7) and `longest` at most 2.25. It is stale when nothing came of it for
//!
//! `limit = max(6 typical, 3 longest, 5 s)`
//!
//! by the receive time of a message of another entity: what keeps the whole feed back is a matter of silence. Pauses in
//! which the feed was silent, not connected or not fully read begin anew. All that are found within a second are one
//! finding, and so are those that speak again. A pause that was told is no normal one; of two the shorter one is. After
//! an hour and 60 typical pauses an entity is no longer awaited, which is told too.
//!
//! Limits: 10,000 entities of the first 100,000 series; further ones are not judged.

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Point, Severity, Time};
use rustc_hash::FxHashMap;

use super::{Scopes, words};

/// The name of what lasts.
const CONDITION: &str = "entities";
const MAX_ENTITIES: usize = 10_000;
const MAX_SERIES: u32 = 100_000;
/// A series without a key, or of an entity beyond the limit.
const NONE: u32 = u32::MAX;
const REPORT: i64 = NANOS_PER_SECOND;
const MIN_PAUSES: u32 = 32;
const STEADY: f64 = 2.25;
const STEADY_SPREAD: f64 = 0.3;
const MIN_LIMIT: f64 = 5.0 * NANOS_PER_SECOND as f64;
const WINDOW: f64 = 600.0 * NANOS_PER_SECOND as f64;
const GONE: f64 = 3600.0 * NANOS_PER_SECOND as f64;
const GONE_PAUSES: f64 = 60.0;
/// More stale ones are not looked through for one that is part of another.
const COMPARED: usize = 64;

/// Path and text of each key.
type Key = Arc<[(Arc<str>, Arc<str>)]>;

#[derive(Debug)]
pub(super) struct Stale {
    feed: FeedId,
    judged: bool,
    /// Of each series.
    entity_of: Vec<u32>,
    entities: Vec<Entity>,
    index: FxHashMap<Key, u32>,
    /// When the next second ends.
    due: Time,
    /// Which spoke again, and in which message; told at the end of the second.
    back: Vec<(u32, u64, f64)>,
}

#[derive(Debug)]
struct Entity {
    key: Key,
    /// When its last report began, and when its last message came; `None`: its pause is not known.
    last: Option<(Time, Time)>,
    pauses: u32,
    /// Nanoseconds.
    typical: f64,
    spread: f64,
    longest: [f64; 2],
    window_start: Time,
    stale: bool,
    /// Length of the last pause that was told.
    told: f64,
}

impl Stale {
    pub(super) fn new(feed: FeedId) -> Stale {
        Stale {
            feed,
            judged: true,
            entity_of: Vec::new(),
            entities: Vec::new(),
            index: FxHashMap::default(),
            due: Time::MIN,
            back: Vec::new(),
        }
    }

    /// Of a feed whose entities need not speak.
    pub(super) fn unjudged(feed: FeedId) -> Stale {
        Stale { judged: false, ..Stale::new(feed) }
    }

    /// How many are stale.
    fn count(&self) -> usize {
        self.entities.iter().filter(|entity| entity.stale).count()
    }

    /// What was heard until now says nothing of the pause that goes on.
    pub(super) fn interrupted(&mut self) {
        for entity in self.entities.iter_mut().filter(|entity| !entity.stale) {
            entity.last = None;
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        number: u64,
        at: Time,
        points: &[Point],
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        if !self.judged {
            return;
        }
        let mut before = NONE;
        for point in points {
            let known = self.entity_of.get(point.series as usize).copied();
            let entity = known.unwrap_or_else(|| self.assign(point.series, scopes));
            if entity != before && entity != NONE {
                self.heard(entity, number, at);
            }
            before = entity;
        }
        if at >= self.due {
            self.sweep(number, at, out);
        }
    }

    /// Which entity the series up to this one belong to.
    #[cold]
    fn assign(&mut self, series: u32, scopes: &dyn Scopes) -> u32 {
        if series >= MAX_SERIES {
            return NONE;
        }
        while self.entity_of.len() <= series as usize {
            let key = scopes.entity(self.entity_of.len() as u32);
            let entity = if key.is_empty() { NONE } else { self.entity(key.into()) };
            self.entity_of.push(entity);
        }
        self.entity_of.get(series as usize).copied().unwrap_or(NONE)
    }

    fn entity(&mut self, key: Key) -> u32 {
        if let Some(&known) = self.index.get(&key) {
            return known;
        }
        if self.entities.len() >= MAX_ENTITIES {
            return NONE;
        }
        let made = self.entities.len() as u32;
        self.index.insert(Arc::clone(&key), made);
        self.entities.push(Entity::new(key));
        made
    }

    #[inline]
    fn heard(&mut self, number: u32, message: u64, at: Time) {
        let Some(entity) = self.entities.get_mut(number as usize) else { return };
        match &mut entity.last {
            // Within the same report.
            Some((began, last)) if at.nanos_since(*began) < REPORT => *last = at.max(*last),
            _ => {
                if let Some(pause) = entity.reports(at) {
                    self.back.push((number, message, pause));
                }
            }
        }
    }

    /// Once a second: who is stale, who is back, who is gone.
    #[cold]
    fn sweep(&mut self, message: u64, at: Time, out: &mut Vec<Finding>) {
        self.due = at.plus_nanos(NANOS_PER_SECOND);
        self.tell_back(at, out);
        let (mut stale, mut gone) = (Vec::new(), Vec::new());
        for (number, entity) in self.entities.iter_mut().enumerate() {
            let Some((_, last)) = entity.last else { continue };
            let pause = at.nanos_since(last) as f64;
            if entity.stale {
                if pause > GONE.max(GONE_PAUSES * entity.typical) {
                    *entity = Entity::new(Arc::clone(&entity.key));
                    gone.push((number as u32, pause));
                }
            } else if entity.is_judged() && pause > entity.limit() {
                entity.stale = true;
                stale.push((number as u32, pause));
            }
        }
        if !stale.is_empty() {
            let text = self.stale_text(&stale);
            out.push(self.finding(FindingKind::Silent, &stale, message, at, text));
        }
        if !gone.is_empty() {
            let text =
                format!("{} no longer awaited: nothing came for {}.", self.who(&gone, "is", "are"), longest(&gone));
            out.push(self.finding(FindingKind::Resumed, &gone, message, at, text));
        }
    }

    fn stale_text(&self, stale: &[(u32, f64)]) -> String {
        let keys =
            stale.iter().filter_map(|(number, _)| self.entities.get(*number as usize)).map(|found| found.key.len());
        let shortest = keys.min().unwrap_or_default();
        let goes_on = |entity: &&Entity| entity.last.is_some() && !entity.stale && entity.key.len() <= shortest;
        let awaited = self.entities.iter().filter(goes_on).count();
        let others = match awaited {
            0 => String::new(),
            1 => " Another one goes on.".to_owned(),
            many => format!(" {} others go on.", words::count(many as u64)),
        };
        let usual = match stale {
            [(number, _)] => self.entities.get(*number as usize).map_or_else(String::new, |entity| {
                format!(" It usually speaks every {}.", words::span(entity.typical / 1e9))
            }),
            _ => " Each is usually heard far more often.".to_owned(),
        };
        format!("{} said nothing for {}.{usual}{others}", self.who(stale, "has", "have"), longest(stale))
    }

    fn tell_back(&mut self, at: Time, out: &mut Vec<Finding>) {
        let back = std::mem::take(&mut self.back);
        let Some(&(_, message, _)) = back.first() else { return };
        let back: Vec<(u32, f64)> = back.into_iter().map(|(number, _, pause)| (number, pause)).collect();
        let text = format!("{} again, after {}.", self.who(&back, "speaks", "speak"), longest(&back));
        out.push(self.finding(FindingKind::Resumed, &back, message, at, text));
    }

    /// `P1 is`, `P1 and P2 are`.
    fn who(&self, found: &[(u32, f64)], one: &str, many: &str) -> String {
        let keys: Vec<&Key> = found
            .iter()
            .filter_map(|(number, _)| self.entities.get(*number as usize))
            .map(|entity| &entity.key)
            .collect();
        // What stands within another one is that one's.
        let part = |key: &Key| {
            keys.len() <= COMPARED
                && keys.iter().any(|other| other.len() < key.len() && other.iter().all(|pair| key.contains(pair)))
        };
        let names: Vec<String> = keys.iter().filter(|key| !part(key)).map(|key| words::label(key)).collect();
        let verb = if names.len() == 1 { one } else { many };
        format!("{} {verb}", words::list(names.into_iter()))
    }

    /// What was found in `message`; with the key where it is about one entity.
    fn finding(&self, kind: FindingKind, found: &[(u32, f64)], message: u64, at: Time, text: String) -> Finding {
        let severity = if kind == FindingKind::Silent { Severity::Warning } else { Severity::Info };
        let one = if let [(number, _)] = found { self.entities.get(*number as usize) } else { None };
        let per = one.map(|entity| entity.key.to_vec()).unwrap_or_default();
        // It is over with the last one.
        let lasting = (kind == FindingKind::Silent || self.count() == 0).then(|| CONDITION.into());
        Finding {
            message: Some(message),
            per,
            lasting,
            ..Finding::new(Check::Silence, kind, self.feed, at, severity, text)
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        let at = self.due.plus_nanos(-NANOS_PER_SECOND);
        self.tell_back(at, out);
    }
}

/// The longest of these pauses, for people.
fn longest(found: &[(u32, f64)]) -> String {
    words::span(found.iter().map(|(_, pause)| *pause).fold(0.0, f64::max) / 1e9)
}

impl Entity {
    fn new(key: Key) -> Entity {
        Entity {
            key,
            last: None,
            pauses: 0,
            typical: 0.0,
            spread: 0.0,
            longest: [0.0; 2],
            window_start: Time::MIN,
            stale: false,
            told: 0.0,
        }
    }

    /// A report begins; how long nothing was heard, if that was told.
    fn reports(&mut self, at: Time) -> Option<f64> {
        let (began, last) = self.last.replace((at, at))?;
        let pause = at.nanos_since(began).max(0) as f64;
        let was_stale = std::mem::take(&mut self.stale);
        if was_stale {
            // Two alike are a habit; one is none.
            let habit = pause.min(self.told);
            self.told = pause;
            self.longest[0] = self.longest[0].max(habit);
        } else {
            self.learn(pause, at);
        }
        was_stale.then(|| at.nanos_since(last) as f64)
    }

    fn learn(&mut self, pause: f64, at: Time) {
        self.pauses = self.pauses.saturating_add(1);
        let share = 1.0 / f64::from(self.pauses.min(64));
        self.typical += (pause - self.typical) * share;
        self.spread += ((pause - self.typical).abs() - self.spread) * share;
        self.longest[0] = self.longest[0].max(pause);
        let age = at.nanos_since(self.window_start) as f64;
        if age > WINDOW.max(20.0 * self.longest()) {
            self.longest = [0.0, self.longest[0]];
            self.window_start = at;
        }
    }

    fn longest(&self) -> f64 {
        self.longest[0].max(self.longest[1])
    }

    fn is_judged(&self) -> bool {
        let steady = self.spread <= STEADY_SPREAD * self.typical && self.longest() <= STEADY * self.typical;
        steady && self.pauses >= MIN_PAUSES
    }

    fn limit(&self) -> f64 {
        (6.0 * self.typical).max(3.0 * self.longest()).max(MIN_LIMIT)
    }
}
