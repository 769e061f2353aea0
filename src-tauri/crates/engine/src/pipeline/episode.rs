//! From the verdicts of a series' detector to findings, marks and alarms: one finding and at most one alarm an episode.

use feedwatch_detect::{ALARM_BAR, Episode, Verdict, explain};
use feedwatch_model::{AlarmSource, Check, FeedId, Finding, FindingKind, Severity};

use super::book::{Mark, SeriesState};
use super::{News, Shared, shift};
use crate::alarms::{Allowed, Cause, headline};
use crate::wire::Level;

/// Marks that a series' chart remembers.
pub(super) const MARKS: usize = 200;

/// An episode that is not over.
#[derive(Clone, Debug)]
pub(crate) struct OpenEpisode {
    number: u32,
    finding: Finding,
    alarmed: bool,
    /// Does the history have it as it is now?
    kept: bool,
}

impl SeriesState {
    /// How the series is now: an open episode colours its chart.
    pub(crate) fn level(&self) -> Level {
        match &self.episode {
            Some(open) => Level::from(open.finding.severity),
            None => Level::Ok,
        }
    }
}

/// Takes a verdict in.
pub(super) fn follow(feed: FeedId, state: &mut SeriesState, verdict: &Verdict, shared: &mut Shared) {
    match verdict.episode {
        Episode::None => {}
        Episode::Opened => {
            end(feed, state, verdict, shared);
            open(feed, state, verdict, shared);
        }
        Episode::Open | Episode::Escalated => judge(feed, state, verdict, shared),
        Episode::Settled => {
            // Judged first: what the history gets is the finding with its final severity.
            judge(feed, state, verdict, shared);
            settle(feed, state, verdict, shared);
        }
        Episode::Closed => end(feed, state, verdict, shared),
    }
}

/// What is still open when a feed ends is handed to the history as it stands.
pub(super) fn keep_open(state: &mut SeriesState, shared: &mut Shared) {
    if let Some(open) = &mut state.episode {
        keep(open, shared);
    }
}

fn words(state: &SeriesState, verdict: &Verdict, shared: &Shared) -> String {
    let meta = shared.registry.meta(state.id);
    let name = meta.map_or("", |meta| &meta.name);
    explain(name, meta.and_then(|meta| meta.unit.as_deref()), verdict).text
}

fn kind_of(verdict: &Verdict) -> FindingKind {
    verdict.kind.or(verdict.guess).unwrap_or(FindingKind::NewExtreme)
}

fn open(feed: FeedId, state: &mut SeriesState, verdict: &Verdict, shared: &mut Shared) {
    let text = words(state, verdict, shared);
    let at = verdict.onset.map_or(verdict.at, |onset| onset.at);
    let finding = Finding {
        series: Some(state.id),
        expectation: Some(verdict.expectation()),
        ..Finding::new(Check::Anomaly, kind_of(verdict), feed, at, Severity::Info, text)
    };
    if state.marks.len() >= MARKS {
        state.marks.remove(0);
    }
    let value = verdict.onset.map_or(verdict.value, |onset| onset.value);
    state.marks.push(Mark { at, value, level: Level::Info });
    let number = shared.output.finding(finding.clone());
    state.episode = Some(OpenEpisode { number, finding, alarmed: false, kept: false });
    judge(feed, state, verdict, shared);
}

/// Raises an alarm where the episode has grown above the bar for a lone series.
fn judge(feed: FeedId, state: &mut SeriesState, verdict: &Verdict, shared: &mut Shared) {
    let severity = verdict.peak_severity.max(verdict.severity);
    let above = severity >= ALARM_BAR;
    let Some(open) = &mut state.episode else { return };
    if !above || open.alarmed {
        return;
    }
    open.alarmed = true;
    open.finding.severity = Severity::Warning;
    open.finding.expectation = Some(verdict.expectation());
    if let Some(mark) = state.marks.last_mut() {
        mark.level = Level::Warning;
    }
    shared.output.settle(open.number, open.finding.clone());
    if std::mem::replace(&mut open.kept, false) {
        keep(open, shared);
    }
    match shared.alarms.allow_lone_series(feed, verdict.at) {
        Allowed::Yes => {}
        Allowed::Spent => return,
        Allowed::SpentNow => {
            let text = "So many series were unusual that further ones are marked in the charts, but raise no alarm \
                        for now: at most 48 at once, then one in 30 min.";
            shared.output.news.push(News::Notice(Level::Info, text.to_owned()));
            return;
        }
    }
    let (title, text) = headline(&words(state, verdict, shared));
    let kind = kind_of(verdict);
    let cause = Cause { source: source(feed, state), kind, severity: Severity::Warning, title, text };
    shared.alarms.raise(cause, verdict.at);
}

fn settle(feed: FeedId, state: &mut SeriesState, verdict: &Verdict, shared: &mut Shared) {
    let said = words(state, verdict, shared);
    let source = source(feed, state);
    let Some(open) = &mut state.episode else { return };
    open.finding.kind = kind_of(verdict);
    open.finding.text.clone_from(&said);
    open.finding.expectation = Some(verdict.expectation());
    shared.output.settle(open.number, open.finding.clone());
    if open.alarmed {
        let (title, text) = headline(&said);
        shared.alarms.reword(&source, open.finding.kind, title, text);
    }
    keep(open, shared);
}

fn end(feed: FeedId, state: &mut SeriesState, verdict: &Verdict, shared: &mut Shared) {
    let source = source(feed, state);
    let Some(mut open) = state.episode.take() else { return };
    let mut why = "The series is as usual again.";
    // A verdict that opens the next episode tells nothing of how this one ended.
    if open.finding.kind == FindingKind::LevelShift && verdict.episode == Episode::Closed {
        let meta = shared.registry.meta(state.id);
        if let Some(end) = shift::end(verdict, state.live.last(), meta.and_then(|meta| meta.unit.as_deref())) {
            why = end.why;
            (open.finding.kind, open.finding.text, open.kept) = (end.kind, end.text, false);
            shared.output.settle(open.number, open.finding.clone());
            if open.alarmed {
                let (title, text) = headline(&open.finding.text);
                shared.alarms.reword(&source, open.finding.kind, title, text);
            }
        }
    }
    keep(&mut open, shared);
    if open.alarmed {
        shared.alarms.clear(&source, verdict.at, why);
    }
}

fn keep(open: &mut OpenEpisode, shared: &mut Shared) {
    if !std::mem::replace(&mut open.kept, true) {
        shared.output.batch_mut(|batch| batch.findings.push(open.finding.clone()));
    }
}

fn source(feed: FeedId, state: &SeriesState) -> AlarmSource {
    AlarmSource { feed, series: Some(state.id), check: Check::Anomaly }
}
