//! What a shell asks of a running engine: frames, lists, the strip of events, acknowledgement, export, pictures.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use feedwatch_model::{AlarmId, Check, FeedId, FindingKind, SeriesId, Severity, Time};
use feedwatch_store::{ExportReport, Progress, Selection};

use super::{Core, Engine};
use crate::frame::{Frame, Past};
use crate::known::Knowledge;
use crate::notify::{DBus, Notifier};
use crate::pipeline::rows::series_row;
use crate::wire::{
    ExportRequest, Failure, FrameRequest, ProfileRequest, ProfileView, PushBody, SeriesRow, Timeline, TimelineEvent,
};

/// Slots of the strip at most.
const MAX_SLOTS: u32 = 2_000;
/// Marks of the strip at most.
const MAX_EVENTS: usize = 400;

/// A failure with its code, words and cure.
pub fn failure(code: &str, message: impl Into<String>, cure: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), cure: cure.into() }
}

impl Engine {
    /// The bytes of a frame: see [`crate::frame`].
    pub fn frame(&self, request: &FrameRequest) -> Vec<u8> {
        let core = &self.core;
        let now = core.now();
        let mut frame = Frame::begin(&mut core.pipeline.lock(), request, now);
        let past = core.history.past(now);
        frame.fill(past.as_ref().map(|past| past as &dyn Past));
        frame.encode()
    }

    /// The series of the feeds that are watched.
    pub fn series(&self) -> Vec<SeriesRow> {
        self.core.pipeline.lock().series().into_iter().map(series_row).collect()
    }

    /// What is known of a feed, and what is pinned of it.
    ///
    /// # Errors
    /// A [`Failure`]: there is no such feed (any more).
    pub fn profile(&self, request: &ProfileRequest) -> Result<ProfileView, Failure> {
        let known = self.core.pipeline.lock().stage(FeedId(request.feed)).map(Knowledge::of);
        let known = known.ok_or_else(|| failure("not_found", "There is no such feed (any more).", ""))?;
        Ok(known.view(request))
    }

    /// A person has seen these alarms. Gives the numbers that are not open (any more).
    pub fn acknowledge(&self, ids: &[u32], note: Option<&str>) -> Vec<u32> {
        let now = self.core.now();
        let mut pipeline = self.core.pipeline.lock();
        let unknown = ids
            .iter()
            .copied()
            .filter(|&id| !pipeline.acknowledge(AlarmId(u64::from(id)), now, note.map(str::to_owned)))
            .collect();
        drop(pipeline);
        self.core.bell.ring();
        unknown
    }

    /// Are notifications of the desktop on?
    pub fn notifies(&self) -> bool {
        self.core.notifications_on.load(Ordering::SeqCst)
    }

    /// Switches notifications of the desktop on or off, until the program ends.
    pub fn set_notifications(&self, on: bool) {
        self.core.notifications_on.store(on, Ordering::SeqCst);
    }

    /// The strip: how many samples came when, and what happened.
    ///
    /// # Errors
    /// A [`Failure`] if the span makes no sense or the history cannot be read.
    pub fn timeline(&self, from: Time, to: Time, slots: u32) -> Result<Timeline, Failure> {
        if from >= to || slots == 0 || slots > MAX_SLOTS {
            return Err(failure("bad_request", "The strip needs a span and 1 to 2,000 slots.", ""));
        }
        let mut timeline =
            Timeline { from_ms: from.millis_f64(), to_ms: to.millis_f64(), density: Vec::new(), events: Vec::new() };
        let unreadable = |error: feedwatch_store::StoreError| failure("no_history", error.to_string(), "");
        if let Some(reader) = self.core.history.reader() {
            let density = reader.density(None, from, to, slots as usize).map_err(unreadable)?;
            timeline.density = density.into_iter().map(|count| u32::try_from(count).unwrap_or(u32::MAX)).collect();
            let alarms = reader.alarms(from, to, MAX_EVENTS).map_err(unreadable)?;
            timeline.events.extend(alarms.into_iter().map(|alarm| TimelineEvent {
                at_ms: alarm.raised.millis_f64(),
                level: alarm.severity.into(),
                text: alarm.title,
                series: alarm.source.series.map(|series| series.0),
            }));
            let findings = reader.findings(from, to, None, MAX_EVENTS).map_err(unreadable)?;
            let quiet = findings.into_iter().filter(|finding| !is_told_by_its_alarm(finding));
            timeline.events.extend(quiet.map(|finding| TimelineEvent {
                at_ms: finding.at.millis_f64(),
                level: finding.severity.into(),
                text: finding.text,
                series: finding.series.map(|series| series.0),
            }));
        } else {
            let pipeline = self.core.pipeline.lock();
            timeline.events.extend(pipeline.alarms().all().map(|alarm| TimelineEvent {
                at_ms: alarm.raised.millis_f64(),
                level: alarm.severity.into(),
                text: alarm.title.clone(),
                series: alarm.source.series.map(|series| series.0),
            }));
        }
        Ok(timeline)
    }

    /// Writes a CSV; `progress` is asked after every piece whether to go on.
    ///
    /// # Errors
    /// A [`Failure`]: no history, or the disk.
    pub fn export(
        &self,
        request: &ExportRequest,
        out: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<ExportReport, Failure> {
        let core = &self.core;
        let reader = core.history.reader().ok_or_else(|| {
            failure("no_history", "There is no history to export from.", "See the status bar for why it is not kept.")
        })?;
        if let Some(writer) = core.writer() {
            writer.flush(std::time::Duration::from_secs(2));
        }
        let series = if request.series.is_empty() {
            core.pipeline.lock().series().into_iter().map(|meta| meta.id).collect()
        } else {
            request.series.iter().map(|&id| SeriesId(id)).collect()
        };
        let time = |ms: Option<f64>, otherwise: Time| match ms {
            Some(ms) if ms.is_finite() => Time::from_millis(ms as i64),
            _ => otherwise,
        };
        let now = core.now();
        let selection = Selection { series, from: time(request.from_ms, Time::MIN), to: time(request.to_ms, now), now };
        feedwatch_store::export(&reader, &selection, out, progress)
            .map_err(|error| failure("disk", error.to_string(), "Choose another folder, or free some space."))
    }
}

/// Findings that raise an alarm stand on the strip as that alarm.
fn is_told_by_its_alarm(finding: &feedwatch_model::Finding) -> bool {
    finding.severity >= Severity::Warning
        || (finding.check == Check::Connection && finding.kind != FindingKind::Resumed)
}

impl Core {
    /// Starts the thread that speaks to the desktop.
    pub(super) fn start_notifier(&self) {
        let trouble = Arc::clone(&self.notifications_trouble);
        let notifier = Notifier::start(DBus::default(), self.options.clock, move |text| {
            tracing::warn!("{text}");
            *trouble.lock() = Some(text);
        });
        match notifier {
            Ok(notifier) => *self.notifier.lock() = Some(notifier),
            Err(error) => *self.notifications_trouble.lock() = Some(format!("Notifications cannot be shown: {error}.")),
        }
    }

    /// Tells one sentence to everybody.
    pub(crate) fn notice(&self, level: crate::wire::Level, text: String) {
        super::listeners::tell(self, &[PushBody::Notice { level, text }], &[]);
    }
}
