//! The console as a whole, told twice a second.

use std::sync::atomic::Ordering;
use std::time::Instant;

use feedwatch_model::Accounts;

use super::{Core, Engine, Listener, listeners};
use crate::wire::{FeedRow, HistoryRow, Level, PushBody, Status};
use crate::{platform, report};

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    last: Option<(Instant, f64)>,
    cpu_percent: Option<f64>,
    pub(super) demo_log: Option<feedwatch_demo::Log>,
}

impl Health {
    /// Share of one core since the last look at least a second ago, in per cent.
    fn cpu(&mut self) -> Option<f64> {
        let (now, used) = (Instant::now(), platform::cpu_seconds()?);
        match self.last {
            Some((then, before)) if now.duration_since(then).as_secs_f64() >= 1.0 => {
                self.cpu_percent = Some(100.0 * (used - before) / now.duration_since(then).as_secs_f64());
                self.last = Some((now, used));
            }
            Some(_) => {}
            None => self.last = Some((now, used)),
        }
        self.cpu_percent
    }
}

/// The status and the rows of all feeds at this moment.
pub(super) fn read(core: &Core) -> (Status, Vec<FeedRow>) {
    let now = core.now();
    let (rows, accounts, lost, revision, checked) = {
        let mut pipeline = core.pipeline.lock();
        let feeds = core.feeds.lock();
        let mut total = Accounts::default();
        let mut lost = 0;
        let mut checked = now;
        let mut rows = Vec::with_capacity(feeds.len());
        for running in feeds.iter() {
            let accounts = running.accounts(&pipeline, core);
            total += accounts;
            if accounts.in_flight > 0
                && let Some(last) = pipeline.feed(running.place).and_then(|stage| stage.last_message())
            {
                checked = checked.min(last);
            }
            lost += pipeline.feed(running.place).map_or(0, |stage| stage.lost()) + accounts.dropped;
            rows.extend(pipeline.feed_row(running.place, accounts, &running.inbox.lines(), now));
        }
        (rows, total, lost, pipeline.registry().revision(), checked)
    };
    let (notifications, notifications_text) = core.notifications_words();
    let status = Status {
        now_ms: now.millis_f64(),
        demo: core.options.demo.is_some(),
        config_path: core.options.config_path.display().to_string(),
        messages_per_second: rows.iter().map(|row| row.rate).sum(),
        lost,
        accounts: accounts.into(),
        series_revision: revision,
        history: history_row(core, accounts),
        cpu_percent: core.health.lock().cpu(),
        memory_bytes: platform::resident_bytes(),
        notifications,
        notifications_text,
        checked_until_ms: checked.millis_f64(),
    };
    (status, rows)
}

fn history_row(core: &Core, accounts: Accounts) -> HistoryRow {
    match core.writer() {
        Some(writer) => {
            let status = writer.status();
            let not_kept = core.feeds.lock().iter().map(|feed| writer.counts(feed.feed).lost).sum();
            HistoryRow {
                keeping: status.keeping,
                problem: status.problem,
                bytes: status.file_bytes,
                samples: status.samples_total,
                not_kept,
            }
        }
        None => HistoryRow {
            keeping: false,
            problem: Some(match core.history.problem() {
                Some(problem) => problem.to_owned(),
                None => "It is switched off in the configuration (keep_history).".to_owned(),
            }),
            bytes: 0,
            samples: 0,
            not_kept: accounts.stored,
        },
    }
}

/// Rows in pieces that stay under 8 KiB; an empty list is one empty piece.
pub(super) fn in_pieces(rows: Vec<FeedRow>) -> Vec<PushBody> {
    let total = rows.len() as u32;
    if rows.is_empty() {
        return vec![PushBody::Feeds { offset: 0, total, rows }];
    }
    rows.chunks(listeners::FEEDS_PER_PUSH)
        .enumerate()
        .map(|(piece, rows)| PushBody::Feeds {
            offset: (piece * listeners::FEEDS_PER_PUSH) as u32,
            total,
            rows: rows.to_vec(),
        })
        .collect()
}

/// Tells the status to pages, and the accounts to terminals.
pub(super) fn push(core: &Core) {
    if core.renewing.load(Ordering::SeqCst) {
        return;
    }
    let (pages, terminals) = {
        let listeners = core.listeners.lock();
        let pages = listeners.iter().any(|listener| matches!(listener, Listener::Page { .. }));
        (pages, listeners.iter().any(|listener| matches!(listener, Listener::Lines(_))))
    };
    let mut bodies = Vec::new();
    if pages {
        let (status, rows) = read(core);
        bodies.push(PushBody::Status { status });
        bodies.extend(in_pieces(rows));
    }
    let lines: Vec<_> = terminals.then(|| report::accounts_line(&report::accounts(core))).into_iter().collect();
    listeners::tell(core, &bodies, &lines);
}

impl Engine {
    /// The console as a whole, and its feeds.
    pub fn status(&self) -> (Status, Vec<FeedRow>) {
        read(&self.core)
    }
}

impl Core {
    fn notifications_words(&self) -> (Level, String) {
        if !self.notifications_on.load(Ordering::SeqCst) {
            return (Level::Info, "Notifications off".to_owned());
        }
        match &*self.notifications_trouble.lock() {
            Some(trouble) => (Level::Warning, trouble.clone()),
            None => (Level::Ok, "Notifications on".to_owned()),
        }
    }
}
