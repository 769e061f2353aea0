//! Feeds of a running engine: started, stopped, asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feedwatch_decode::SignatureKey;
use feedwatch_ingest::{DrillOrder, Endpoint, EndpointMode, EndpointSet, Inbox, supervise_endpoints};
use feedwatch_model::{Accounts, FeedId, FeedState, Protocol};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Core, Engine, worker};
use crate::config::{Credentials, DrillEvery, FeedConfig, Given, Purpose, SourceConfig};
use crate::pipeline::{FeedSettings, Known, LineSettings, Pipeline};
use crate::sources::{self, Proof};

/// How long the last session of a feed that is started anew is waited for.
const LAST_SESSION: Duration = Duration::from_secs(3);

/// A feed under supervision.
pub struct Running {
    /// Its name in the configuration.
    pub name: String,
    pub(crate) feed: FeedId,
    pub(crate) place: usize,
    pub(crate) protocol: Protocol,
    pub(crate) inbox: Arc<Inbox>,
    /// What signatures are checked with, if they are.
    pub(crate) proof: Option<Proof>,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: Option<JoinHandle<()>>,
    /// Its connection has ended or was lost since [`Core::quiet`].
    pub(crate) disconnected: AtomicBool,
    /// Who fails it over on purpose.
    pub(crate) drills: Arc<tokio::sync::Mutex<mpsc::Sender<DrillOrder>>>,
    /// When that is due.
    pub(crate) drill: Option<DrillEvery>,
    /// As it was started.
    pub(crate) config: FeedConfig,
    /// It is about to be started anew: that its connection ends is our own doing.
    pub(crate) leaving: AtomicBool,
}

fn line_settings(config: &FeedConfig) -> Vec<LineSettings> {
    let lines = config.sources().zip(config.endpoint_names());
    let settings =
        |(source, name): (&SourceConfig, &str)| LineSettings { name: name.to_owned(), address: source.shown_address() };
    lines.map(settings).collect()
}

impl Engine {
    /// Starts a feed.
    pub fn add_feed(&self, config: &FeedConfig, credentials: &Credentials) -> Option<FeedId> {
        let core = &self.core;
        let proof = Proof::of(config);
        let endpoints = self.endpoints_of(config, credentials, proof.as_ref());
        let bell = Arc::clone(&core.bell);
        let carried = core.pipeline.lock().carried(&config.name);
        let inbox = Inbox::numbered_from(carried, sources::inbox_limits(config), Arc::new(move || bell.ring()));
        let now = core.now();
        // The disk is asked before the pipeline is locked.
        let known = core.pipeline.lock().feed_id(&config.name);
        let comes_again = config.sources().any(|source| source.configured().comes_again());
        let (watched_until, known, certificates) = match known {
            Some(id) => {
                (core.history.watched_until(id), core.history.known(id, comes_again), core.history.certificates(id))
            }
            None => (None, Known { in_any_order: comes_again, ..Known::default() }, Vec::new()),
        };
        let resume = known.positions.iter().cloned().collect();
        let settings = FeedSettings {
            name: config.name.clone(),
            title: config.title().to_owned(),
            protocol_word: config.source.configured().word(),
            protocol: config.source.protocol(),
            address: config.source.shown_address(),
            lines: line_settings(config),
            certificates,
            redundant: config.endpoints.rules.mode == EndpointMode::Redundant,
            rate: config.limits.rate,
            // Nobody asks a feed that is watched for its profile.
            decode: feedwatch_decode::Options { summarise: false, ..sources::decoding(config) },
            watched_until,
            known,
        };
        let (place, feed) = {
            let mut pipeline = core.pipeline.lock();
            let place = pipeline.add_feed(settings, now);
            (place, pipeline.feed(place)?.id())
        };
        let cancel = CancellationToken::new();
        let (drills, ordered) = mpsc::channel(1);
        let supervision = supervise_endpoints(
            EndpointSet { endpoints, rules: config.endpoints.rules },
            Arc::clone(&inbox),
            resume,
            sources::backoff(),
            core.options.clock,
            cancel.clone(),
            ordered,
        );
        let task = self.spawn(supervision)?;
        core.feeds.lock().push(Running {
            name: config.name.clone(),
            feed,
            place,
            protocol: config.source.protocol(),
            inbox,
            proof,
            cancel,
            task: Some(task),
            disconnected: AtomicBool::new(false),
            drills: Arc::new(tokio::sync::Mutex::new(drills)),
            drill: config.endpoints.drill,
            config: config.clone(),
            leaving: AtomicBool::new(false),
        });
        Some(feed)
    }

    fn endpoints_of(&self, config: &FeedConfig, credentials: &Credentials, proof: Option<&Proof>) -> Vec<Endpoint> {
        let options = &self.core.options;
        let none = Credentials::default();
        let credentials = std::iter::once(credentials).chain(&credentials.backups).chain(std::iter::repeat(&none));
        let redundant = config.endpoints.rules.mode == EndpointMode::Redundant;
        let endpoints = config.sources().zip(config.endpoint_names()).zip(credentials).enumerate();
        let endpoints = endpoints.map(|(number, ((source, name), credentials))| {
            let own = if number > 0 { format!("{}.{name}", config.name) } else { config.name.clone() };
            // What is named after the feed (a queue, a consumer, a group) is read by one endpoint after the other, so that
            // the next one goes on behind the last; but not by two at once, each of which is to get all of it.
            let feed = if redundant { own.as_str() } else { config.name.as_str() };
            let in_turns = !redundant && !config.backups.is_empty();
            let (paths, clock, purpose) = (&options.paths, options.clock, Purpose::Watch);
            let format = config.format;
            let given = Given { feed, own: &own, in_turns, credentials, paths, clock, purpose, format };
            Endpoint { name: name.to_owned(), source: sources::source_of(source, &given, proof) }
        });
        endpoints.collect()
    }

    /// Checks the signatures of a feed with a key that stands in no configuration.
    pub(super) fn sign_with(&self, name: &str, key: &SignatureKey) {
        let place = self.core.feeds.lock().iter().find(|feed| feed.name == name).map(|feed| feed.place);
        if let Some(place) = place {
            self.core.pipeline.lock().sign_with(place, key);
        }
    }

    /// Stops a feed. `false`: there is none of that name.
    pub fn remove_feed(&self, name: &str) -> bool {
        self.take_out(name, "The feed was removed.").is_some()
    }

    /// Starts a feed anew, since its configuration says something else: it connects and learns again, and keeps its place
    /// and its history. Blocks for at most 3 s, till its last session has ended.
    pub fn renew_feed(&self, config: &FeedConfig, credentials: &Credentials) -> Option<FeedId> {
        let ended = {
            let mut feeds = self.core.feeds.lock();
            let running = feeds.iter_mut().find(|feed| feed.name == config.name)?;
            running.leaving.store(true, Ordering::SeqCst);
            running.cancel.cancel();
            running.task.take()
        };
        let handle = self.running.lock().as_ref().map(|parts| parts.runtime.handle().clone());
        if let (Some(handle), Some(ended)) = (handle, ended) {
            // What it listens on or is known by must be free again.
            let _ = handle.block_on(async { tokio::time::timeout(LAST_SESSION, ended).await });
        }
        // Nobody is told of the moment in which it is not there.
        self.core.renewing.store(true, Ordering::SeqCst);
        let index = self.take_out(&config.name, "The configuration of the feed was changed.");
        let feed = self.add_feed(config, credentials);
        if let (Some(index), true) = (index, feed.is_some()) {
            let mut feeds = self.core.feeds.lock();
            if let Some(last) = feeds.pop() {
                let place = index.min(feeds.len());
                feeds.insert(place, last);
            }
        }
        self.core.renewing.store(false, Ordering::SeqCst);
        feed
    }

    /// Does the feed of this name run as it is configured here?
    pub fn runs_as(&self, config: &FeedConfig) -> bool {
        self.core.feeds.lock().iter().any(|feed| feed.config == *config)
    }

    /// Stops a feed; gives its place in the list.
    fn take_out(&self, name: &str, why: &str) -> Option<usize> {
        let core = &self.core;
        let (index, running) = {
            let mut feeds = core.feeds.lock();
            let index = feeds.iter().position(|feed| feed.name == name)?;
            (index, feeds.remove(index))
        };
        running.cancel.cancel();
        // What it still sends is not wanted; what came before is read, in pieces, so that others get their turn.
        loop {
            let mut pipeline = core.pipeline.lock();
            let leaving = running.leaving.load(Ordering::SeqCst);
            let drained = running.inbox.drain(worker::PASS, |event| {
                if !(leaving && worker::is_end(&event)) {
                    pipeline.step(running.place, event);
                }
            });
            if drained == 0 {
                pipeline.remove_feed(running.place, running.inbox.counters(), core.now(), why);
                break;
            }
        }
        core.bell.ring();
        Some(index)
    }

    /// Where a feed stands, whether a message has come, and why it is not live.
    pub fn feed_state(&self, name: &str) -> Option<(FeedState, bool, String)> {
        let place = self.core.feeds.lock().iter().find(|feed| feed.name == name)?.place;
        let pipeline = self.core.pipeline.lock();
        let stage = pipeline.feed(place)?;
        Some((stage.state(), stage.last_message().is_some(), stage.reason().to_owned()))
    }

    /// Names of the feeds that are watched, in their order.
    pub fn feed_names(&self) -> Vec<String> {
        self.core.feeds.lock().iter().map(|feed| feed.name.clone()).collect()
    }
}

impl Running {
    /// The feed's books at this moment; the pipeline's lock makes it one moment.
    pub(crate) fn accounts(&self, pipeline: &Pipeline, core: &Core) -> Accounts {
        let kept = core.writer().map(|writer| writer.counts(self.feed));
        pipeline.accounts(self.place, self.inbox.counters(), kept)
    }
}

/// Waits until every feed has noticed the end of its connection; one that listens has none.
pub(super) async fn until_disconnected(core: &Core, at_most: Duration) {
    let ended = async {
        // The pipeline thread sets the flags; there is no event to wait on across the two worlds but its pace.
        let mut look = tokio::time::interval(Duration::from_millis(5));
        let is_over = |feed: &Running| feed.protocol == Protocol::Webhook || feed.disconnected.load(Ordering::SeqCst);
        while !core.feeds.lock().iter().all(is_over) {
            look.tick().await;
        }
    };
    let _ = tokio::time::timeout(at_most, ended).await;
}

/// Tells every feed to end; gives the tasks to wait for.
pub(super) fn cancel_all(core: &Core) -> Vec<JoinHandle<()>> {
    let mut feeds = core.feeds.lock();
    feeds
        .iter_mut()
        .filter_map(|feed| {
            feed.cancel.cancel();
            feed.task.take()
        })
        .collect()
}
