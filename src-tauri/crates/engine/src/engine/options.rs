//! What an engine is started with.

use std::path::PathBuf;

use feedwatch_demo::{Demo, DemoOptions};
use feedwatch_ingest::{EndpointMode, EndpointRules, Secret};
use feedwatch_model::Time;

use crate::config::{
    Backup, Config, Endpoints, FeedConfig, Paths, SourceConfig, SseConfig, WebSocketConfig, WebhookConfig,
};

/// The demo's feed whose messages are signed.
pub(super) const GATE: &str = "gate";

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The feeds and the console's settings.
    pub config: Config,
    /// The configuration file, to be shown and to be written by *Add a feed*.
    pub config_path: PathBuf,
    /// Where things of this user are.
    pub paths: Paths,
    /// Run the built-in demo feeds?
    pub demo: Option<DemoMode>,
    /// The history file; `None`: none is kept.
    pub history: Option<PathBuf>,
    /// Refuse to start when the history is held by another process?
    pub insist_on_history: bool,
    /// Show alarms as notifications of the desktop?
    pub notifications: bool,
    /// The clock.
    pub clock: fn() -> Time,
}

/// How the demo runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemoMode {
    /// The same seed does the same.
    pub seed: u64,
    /// Do the faults of the published schedule happen?
    pub faults: bool,
}

impl DemoMode {
    pub(super) fn to_options(self) -> DemoOptions {
        DemoOptions { seed: self.seed, faults: self.faults, ..DemoOptions::default() }
    }
}

impl EngineOptions {
    /// For a configuration.
    pub fn of_config(config: Config, config_path: PathBuf, paths: Paths) -> EngineOptions {
        let console = &config.console;
        let file = console.history.as_ref().map_or_else(|| paths.history_file(), |path| paths.expand(path));
        EngineOptions {
            history: console.keep_history.then_some(file),
            notifications: console.notifications,
            insist_on_history: false,
            demo: None,
            clock: crate::clock::now,
            config,
            config_path,
            paths,
        }
    }

    /// For the built-in demo, with a history of its own.
    pub fn of_demo(mode: DemoMode, paths: Paths) -> EngineOptions {
        EngineOptions {
            demo: Some(mode),
            history: Some(paths.data.join("demo.db")),
            ..EngineOptions::of_config(Config::default(), paths.config_file(), paths)
        }
    }
}

/// The demo's feeds as if they stood in a configuration: only bytes cross the loopback.
pub(super) fn demo_feeds(demo: &Demo) -> Vec<FeedConfig> {
    let feed = |name: &str, title: &str, source: SourceConfig| FeedConfig {
        title: Some(title.to_owned()),
        ..FeedConfig::new(name, source)
    };
    // Our own servers give addresses that parse; if one ever did not, that feed would be missing and a test would say so.
    let prices = demo.prices_url().parse().ok().map(|url| SourceConfig::WebSocket(WebSocketConfig::new(url)));
    let plant = demo.plant_url().parse().ok().map(|url| SourceConfig::Sse(SseConfig::new(url)));
    let hook = |listen| {
        SourceConfig::Webhook(WebhookConfig {
            path: demo.gate_path().to_owned(),
            typed: Some(Secret::new(demo.gate_token())),
            ..WebhookConfig::new(listen)
        })
    };
    let [first, second] = demo.gate_addresses();
    let gate = FeedConfig {
        backups: vec![Backup { name: "second".to_owned(), source: hook(second) }],
        endpoints: Endpoints {
            rules: EndpointRules { mode: EndpointMode::Redundant, ..EndpointRules::default() },
            ..Endpoints::default()
        },
        ..feed(GATE, "Gate", hook(first))
    };
    let prices = prices.map(|source| feed("prices", "Spot prices", source));
    let plant = plant.map(|source| feed("plant", "Plant floor", source));
    prices.into_iter().chain(plant).chain([gate]).collect()
}
