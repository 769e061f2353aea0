//! A look at a source without a history: connect or read, learn the feed, say what was learned. Under `feedwatch probe`
//! and *Add a feed*.

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{Backoff, Clock, Event, Inbox, InboxLimits, Resume, Source, supervise};
use feedwatch_model::{Accounts, MatchValue, Profile, Protocol, Time};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::alarms::Alarms;
use crate::config::{Credentials, FeedConfig, Given, Paths, Purpose};
use crate::known::Knowledge;
use crate::pipeline::{FeedSettings, Known, Pipeline};
use crate::registry::Registry;
use crate::report::{self, FindingReport, SCHEMA};
use crate::sources::{self, Proof};
use crate::wire::{LearnedRow, ProbeSeries, ProbeUpdate};

const FIRST: usize = 5;
const FIRST_CHARS: usize = 600;
const SERIES: usize = 40;
const EVENTS: usize = 512;
const NOT_IN_TIME: &str = "The connection was not made in time.";
/// How the sentence begins that a source ends its reason with where another try may help.
const TRIED_AGAIN: &str = " It is tried again";

/// Why a probe has nothing to say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// No connection was to be had, or the file cannot be read: a sentence with the cure.
    #[error("{0}")]
    Unreachable(String),
}

/// What is told of a capture in which nothing can be read.
fn unreadable(messages: u64, source: &str) -> String {
    format!(
        "{source}: nothing of its {} can be read. This version reads JSON, CSV, plain values, Prometheus text, InfluxDB \
         lines, MessagePack, CBOR, NMEA and Sparkplug B, one message a line (.jsonl, .ndjson, .csv, .txt), in the data of \
         server-sent events (.sse) or a whole scrape (.prom). Of others convert the messages to JSON, one message \
         a line, and try again.",
        crate::text::many(messages, "message")
    )
}

/// What was learned: the object of `feedwatch probe --json`.
#[derive(Clone, Debug, Serialize)]
pub struct ProbeReport {
    /// The version of this shape.
    pub schema: u32,
    /// The address without secrets, or the file.
    pub source: String,
    /// How it was spoken to.
    pub protocol: &'static str,
    /// How long it took.
    pub seconds: f64,
    /// The starter profile that was used.
    pub profile_used: Option<String>,
    /// The books.
    pub accounts: Accounts,
    /// What was learned.
    pub profile: Profile,
    /// What the checks found.
    pub findings: Vec<FindingReport>,
}

/// A look under way.
pub struct Probe {
    inbox: Arc<Inbox>,
    bell: Arc<Notify>,
    source: Arc<dyn Source>,
    proof: Option<Proof>,
    pipeline: Pipeline,
    place: usize,
    clock: Clock,
    began: Time,
    protocol: Protocol,
    protocol_word: &'static str,
    name: String,
    first: Vec<String>,
    connected: bool,
    trouble: Option<String>,
    /// Why the source wants no further connection.
    ended: Option<String>,
    tries: u64,
    over: bool,
    interrupted: bool,
    /// What a person is to know of a look at this feed.
    remark: Option<&'static str>,
    /// The starter profile that is used.
    used: Option<String>,
}

impl Probe {
    /// Prepares a look; nothing is connected before [`Probe::run`].
    pub fn new(feed: &FeedConfig, credentials: &Credentials, paths: &Paths, clock: Clock) -> Probe {
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let inbox = Inbox::new(InboxLimits::default(), Arc::new(move || ring.notify_one()));
        let proof = Proof::of(feed);
        let source = sources::source_of(
            &feed.source,
            &Given {
                feed: &feed.name,
                own: &feed.name,
                in_turns: false,
                credentials,
                paths,
                clock,
                purpose: Purpose::Look,
                format: feed.format,
            },
            proof.as_ref(),
        );
        let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
        let began = clock();
        let place = pipeline.add_feed(
            FeedSettings {
                lines: Vec::new(),
                redundant: false,
                certificates: Vec::new(),
                name: feed.name.clone(),
                title: feed.title().to_owned(),
                protocol_word: feed.source.configured().word(),
                protocol: feed.source.protocol(),
                address: source.address(),
                rate: None,
                decode: sources::decoding(feed),
                watched_until: None,
                known: Known::default(),
            },
            began,
        );
        Probe {
            inbox,
            bell,
            source,
            proof,
            pipeline,
            place,
            clock,
            began,
            protocol: feed.source.protocol(),
            protocol_word: feed.source.configured().word(),
            name: feed.name.clone(),
            first: Vec::new(),
            connected: false,
            trouble: None,
            ended: None,
            tries: 0,
            over: false,
            interrupted: false,
            remark: feed.source.configured().look_remark(),
            used: None,
        }
    }

    /// Says which starter profile the feed's pins are from.
    #[must_use]
    pub fn with_profile(self, used: Option<&str>) -> Probe {
        Probe { used: used.map(str::to_owned), ..self }
    }

    /// Looks until the source ends, `at_most` is over (files are read whole) or `stop` is cancelled. `told` gets a line
    /// for each finding, alarm and gap, and the accounts now and then; `progress` is called a few times a second. Neither
    /// may block.
    pub async fn run(
        &mut self,
        at_most: Option<Duration>,
        stop: CancellationToken,
        told: &mut (dyn FnMut(&Value) + Send),
        progress: &mut (dyn FnMut(&Probe) + Send),
    ) {
        let supervision = supervise(
            Arc::clone(&self.source),
            Arc::clone(&self.inbox),
            Resume::default(),
            Backoff::default(),
            self.clock,
            stop.clone(),
        );
        let task = tokio::spawn(supervision);
        let at_most = at_most.filter(|_| self.protocol != Protocol::File);
        let deadline = at_most.map(|time| tokio::time::Instant::now() + time);
        let mut look = tokio::time::interval(Duration::from_millis(200));
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let bell = Arc::clone(&self.bell);
        while !self.over && !stop.is_cancelled() {
            tokio::select! {
                () = bell.notified() => self.take(told).await,
                _ = look.tick() => {
                    self.pipeline.elapse((self.clock)(), false);
                    self.take(told).await;
                    let accounts = std::iter::once((self.name.clone(), self.accounts())).collect();
                    told(&report::accounts_line(&accounts));
                    progress(self);
                }
                () = stop.cancelled() => {}
                () = until(deadline) => break,
            }
        }
        self.interrupted = stop.is_cancelled();
        stop.cancel();
        // Supervision ends within its own time-outs; what it brought until then is read.
        let _ = task.await;
        self.take(told).await;
        self.pipeline.finish();
        self.tell(told);
        self.over = true;
        progress(self);
    }

    /// Takes all that waits.
    async fn take(&mut self, told: &mut (dyn FnMut(&Value) + Send)) {
        let inbox = Arc::clone(&self.inbox);
        let pass = |probe: &mut Self| {
            inbox.drain(EVENTS, |event| {
                probe.note(&event);
                Proof::hand_on(probe.proof.as_ref(), &event, &mut probe.pipeline, probe.place);
                probe.pipeline.step(probe.place, event);
            })
        };
        while pass(self) > 0 {
            self.tell(told);
            // A long capture must not keep the runtime's only thread.
            tokio::task::yield_now().await;
        }
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Message(message) if self.first.len() < FIRST => self.first.push(excerpt(&message.payload)),
            Event::Connecting { .. } => self.tries += 1,
            Event::Connected { .. } => {
                self.connected = true;
                self.trouble = None;
            }
            Event::Lost { reason, refused, .. } => {
                self.trouble = Some(reason.clone());
                // What a person must mend is not worth waiting for.
                self.over |= *refused && (!self.connected || self.protocol == Protocol::File);
            }
            Event::Ended { reason, .. } => {
                self.over = true;
                // That a capture has an end is nothing to tell.
                self.ended = Some(reason.clone()).filter(|_| self.protocol != Protocol::File);
            }
            _ => {}
        }
    }

    fn tell(&mut self, told: &mut (dyn FnMut(&Value) + Send)) {
        let news = self.pipeline.take_output().news;
        news.iter().filter_map(|news| report::line(&self.pipeline, news)).for_each(|line| told(&line));
    }

    fn accounts(&self) -> Accounts {
        self.pipeline.accounts(self.place, self.inbox.counters(), None)
    }

    /// How it is spoken to, once that is known.
    pub fn protocol(&self) -> Protocol {
        self.source.found().unwrap_or(self.protocol)
    }

    fn profile(&self) -> Profile {
        self.pipeline.feed(self.place).map(|stage| stage.profile()).unwrap_or_default()
    }

    /// What is known so far of what is looked at; `None` before anything is.
    pub fn known(&self) -> Option<Knowledge> {
        self.pipeline.feed(self.place).map(Knowledge::of)
    }

    /// What was learned, at the end.
    ///
    /// # Errors
    /// [`ProbeError::Unreachable`] if there never was a connection and nothing came, unless the look was interrupted: then
    /// that is what there is to say.
    pub fn report(&self) -> Result<ProbeReport, ProbeError> {
        let accounts = self.accounts();
        if accounts.received == 0 && !self.connected && !self.interrupted {
            return Err(ProbeError::Unreachable(self.why().unwrap_or_else(|| NOT_IN_TIME.to_owned())));
        }
        Ok(ProbeReport {
            schema: SCHEMA,
            source: self.source.address(),
            protocol: self.protocol().word(),
            seconds: (self.clock)().secs_since(self.began),
            profile_used: self.used.clone(),
            accounts,
            profile: self.profile(),
            findings: self.pipeline.findings().map(|found| report::finding_report(&self.pipeline, found)).collect(),
        })
    }

    /// Why there is no connection, or no longer: nothing where there is one. A look that is over tries nothing again.
    fn why(&self) -> Option<String> {
        let trouble = || {
            let trouble = self.trouble.as_deref()?;
            let (said, _) = trouble.split_once(TRIED_AGAIN).filter(|_| self.over)?;
            let tried = format!(" It was tried {} in {}.", crate::text::many(self.tries, "time"), self.elapsed());
            Some(format!("{said}{}", if self.tries > 1 { tried.as_str() } else { "" }))
        };
        self.ended.clone().or_else(trouble).or_else(|| self.trouble.clone())
    }

    fn elapsed(&self) -> String {
        crate::text::seconds((self.clock)().secs_since(self.began))
    }

    /// What a person is to be told beside the report: that nothing came, and why, or that the feed is finished. `cure` is
    /// for a feed that has a connection and says nothing.
    pub fn remark(&self, cure: &str) -> Option<String> {
        if !self.over || self.protocol == Protocol::File {
            return None;
        }
        if self.accounts().received > 0 {
            return self.ended.clone().or_else(|| self.remark.map(str::to_owned));
        }
        let silent = || if self.connected { cure } else { NOT_IN_TIME }.to_owned();
        Some(format!("Nothing came in {}. {}", self.elapsed(), self.why().unwrap_or_else(silent)))
    }

    /// The same for the dialog.
    fn problem(&self) -> Option<String> {
        let cure = match self.protocol {
            Protocol::WebSocket => "It may wait for a message that subscribes to it: write one below More.",
            _ => "It may send rarely: look once more, or add it anyway.",
        };
        let unreadable = self.over.then(|| self.unreadable()).flatten();
        unreadable.or_else(|| self.remark(cure).filter(|_| self.connected)).or_else(|| self.why())
    }

    /// Why a capture could not be read to its end, or not one of its messages: it is in a format that is not read yet.
    pub fn unreadable(&self) -> Option<String> {
        if self.protocol == Protocol::File && self.trouble.is_some() {
            return self.why();
        }
        let accounts = self.accounts();
        let nothing =
            self.protocol == Protocol::File && accounts.received > 0 && accounts.rejected == accounts.received;
        nothing.then(|| unreadable(accounts.received, &self.source.address()))
    }

    /// What is known so far, for the dialog.
    pub fn update(&self) -> ProbeUpdate {
        let accounts = self.accounts();
        let profile = self.profile();
        let all: Vec<_> = profile.kinds.iter().flat_map(|kind| &kind.series).collect();
        let came = crate::text::many(accounts.received, "message");
        let text = match (self.over, self.connected, accounts.received) {
            (true, _, _) => format!("{came} looked at."),
            (false, true, _) if self.trouble.is_some() => format!("{came} until the connection was lost."),
            (false, true, 0) => "Connected. Waiting for the first message…".to_owned(),
            (false, true, _) => format!("Connected. {came} so far."),
            (false, false, _) => "Connecting…".to_owned(),
        };
        ProbeUpdate {
            done: self.over,
            text,
            problem: self.problem(),
            suggested_name: self.name.clone(),
            protocol: Some(self.source.found().map_or(self.protocol_word, Protocol::word).to_owned()),
            messages: u32::try_from(accounts.received).unwrap_or(u32::MAX),
            first: self.first.clone(),
            learned: learned(&profile, accounts),
            series: all
                .iter()
                .take(SERIES)
                .map(|series| ProbeSeries {
                    name: series.name.clone(),
                    unit: series.unit.clone(),
                    last: series.last,
                    samples: u32::try_from(series.samples).unwrap_or(u32::MAX),
                })
                .collect(),
            series_total: all.len() as u32,
        }
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The beginning of a payload as text; what is not text is shown as such.
fn excerpt(payload: &[u8]) -> String {
    // Four bytes a character at most: no need to look at all of a payload of megabytes.
    let head = payload.get(..FIRST_CHARS * 4).unwrap_or(payload);
    String::from_utf8_lossy(head).chars().take(FIRST_CHARS).collect()
}

/// What was learned, line by line, for people.
pub fn learned(profile: &Profile, accounts: Accounts) -> Vec<LearnedRow> {
    let mut rows = Vec::new();
    let mut add = |label: &str, text: String| {
        if !text.is_empty() {
            rows.push(LearnedRow { label: label.to_owned(), text });
        }
    };
    add("Format", profile.format.clone());
    if profile.kinds.len() > 1 {
        let kind = |kind: &feedwatch_model::KindProfile| {
            let said = kind.matches.values().filter_map(|value| match value {
                MatchValue::Text(text) => Some(text.clone()),
                MatchValue::Number(number) => Some(number.to_string()),
                MatchValue::Present(_) => None,
            });
            let said: Vec<String> = said.collect();
            let name = if said.is_empty() { "other" } else { &said.join(" ") };
            format!("{name} ({})", crate::text::count_of(kind.messages))
        };
        add("Kinds of message", joined(profile.kinds.iter().map(kind)));
    }
    let times = profile.kinds.iter().filter_map(|kind| kind.time.as_ref());
    add("Event time", joined(times.map(|time| format!("{} ({})", time.path, time.unit.word()))));
    add("Keys", joined(profile.kinds.iter().flat_map(|kind| kind.keys.iter().cloned())));
    let rules = profile.sequence.iter().map(|rule| {
        let per =
            if rule.per.is_empty() { "per connection".to_owned() } else { format!("per {}", rule.per.join(", ")) };
        let held = rule.checked.saturating_sub(rule.violations);
        format!("{} {} {per}, held on {held} of {}", rule.paths.join(", "), rule.rule.word(), rule.checked)
    });
    add("Sequence", joined(rules));
    if accounts.rejected > 0 {
        add("Unreadable", crate::text::many(accounts.rejected, "message"));
    }
    rows
}

/// Without repetitions, at most 8.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let mut seen: Vec<String> = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    let more = seen.len().saturating_sub(8);
    seen.truncate(8);
    let all = seen.join("; ");
    if more > 0 { format!("{all}; and {more} more") } else { all }
}
