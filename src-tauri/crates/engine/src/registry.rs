//! The numbers of feeds and series: the same for the same feed and series over every restart.

use std::collections::HashMap;
use std::sync::Arc;

use feedwatch_model::{FeedId, SeriesId, SeriesKind, SeriesMeta};

type Key = Vec<(Arc<str>, Arc<str>)>;

/// Gives numbers, and remembers those given.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    feeds: HashMap<Arc<str>, FeedId>,
    next_feed: u32,
    series: HashMap<(FeedId, Arc<str>, Key), SeriesId>,
    metas: HashMap<SeriesId, SeriesMeta>,
    next_series: u32,
    revision: u32,
}

/// A series as decoding describes it.
pub struct Described<'a> {
    /// For people.
    pub name: &'a Arc<str>,
    /// Where its values stand.
    pub path: &'a Arc<str>,
    /// The keys that tell its entity.
    pub key: &'a [(Arc<str>, Arc<str>)],
    /// Its unit.
    pub unit: &'a Option<Arc<str>>,
    /// What sort it is.
    pub kind: SeriesKind,
}

impl Registry {
    /// With what the history knows.
    pub fn restore(feeds: impl IntoIterator<Item = (Arc<str>, FeedId)>, series: Vec<SeriesMeta>) -> Registry {
        let mut registry = Registry::default();
        for (name, id) in feeds {
            registry.next_feed = registry.next_feed.max(id.0.saturating_add(1));
            registry.feeds.insert(name, id);
        }
        for meta in series {
            registry.next_series = registry.next_series.max(meta.id.0.saturating_add(1));
            registry.series.insert((meta.feed, Arc::clone(&meta.path), meta.key.clone()), meta.id);
            registry.metas.insert(meta.id, meta);
        }
        registry
    }

    /// The feed's number; the second part tells whether it is new.
    pub fn feed(&mut self, name: &str) -> (FeedId, bool) {
        if let Some(&id) = self.feeds.get(name) {
            return (id, false);
        }
        let id = FeedId(self.next_feed);
        self.next_feed = self.next_feed.saturating_add(1);
        self.feeds.insert(Arc::from(name), id);
        (id, true)
    }

    /// The number of a feed that is known by this name.
    pub fn known_feed(&self, name: &str) -> Option<FeedId> {
        self.feeds.get(name).copied()
    }

    /// The name a feed was known by.
    pub fn name_of(&self, feed: FeedId) -> Option<String> {
        self.feeds.iter().find(|(_, id)| **id == feed).map(|(name, _)| name.to_string())
    }

    /// The series' number, and its record where it is new or now described otherwise.
    pub fn series(&mut self, feed: FeedId, described: &Described<'_>) -> (SeriesId, Option<SeriesMeta>) {
        let identity = (feed, Arc::clone(described.path), described.key.to_vec());
        let known = self.series.get(&identity).copied();
        let id = known.unwrap_or(SeriesId(self.next_series));
        let meta = SeriesMeta {
            id,
            feed,
            name: Arc::clone(described.name),
            path: Arc::clone(described.path),
            key: described.key.to_vec(),
            unit: described.unit.clone(),
            kind: described.kind,
        };
        if known.is_none() {
            self.next_series = self.next_series.saturating_add(1);
            self.series.insert(identity, id);
        }
        if self.metas.get(&id) == Some(&meta) {
            return (id, None);
        }
        self.metas.insert(id, meta.clone());
        self.revision = self.revision.wrapping_add(1);
        (id, Some(meta))
    }

    /// What is known of a series.
    pub fn meta(&self, id: SeriesId) -> Option<&SeriesMeta> {
        self.metas.get(&id)
    }

    /// All series, by feed and number.
    pub fn all(&self) -> Vec<&SeriesMeta> {
        let mut all: Vec<&SeriesMeta> = self.metas.values().collect();
        all.sort_by_key(|meta| (meta.feed, meta.id));
        all
    }

    /// Goes up whenever the list of series changed.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// Tells that the list is to be read anew.
    pub fn touch(&mut self) {
        self.revision = self.revision.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(registry: &mut Registry, path: &str, product: &str) -> (SeriesId, bool) {
        let (name, path): (Arc<str>, Arc<str>) = (Arc::from(format!("{product}{path}")), Arc::from(path));
        let key = [(Arc::from("/product_id"), Arc::from(product))];
        let described = Described { name: &name, path: &path, key: &key, unit: &None, kind: SeriesKind::Gauge };
        let (id, fresh) = registry.series(FeedId(0), &described);
        (id, fresh.is_some())
    }

    #[test]
    fn numbers_stay_over_a_restart() {
        let mut before = Registry::default();
        let (feed, _) = before.feed("spot");
        let (price, fresh) = describe(&mut before, "/price", "BTC-USD");
        assert!(fresh);
        let metas = before.all().into_iter().cloned().collect();
        let mut after = Registry::restore([(Arc::from("spot"), feed)], metas);
        assert_eq!(after.feed("spot"), (feed, false));
        assert_eq!(describe(&mut after, "/price", "BTC-USD"), (price, false));
        let (other, fresh) = describe(&mut after, "/price", "ETH-USD");
        assert!(fresh && other != price);
        assert!(after.feed("plant").1);
    }
}
