//! Those who listen: the page gets numbered pushes, the terminal gets lines of JSON.

use std::sync::atomic::Ordering;

use feedwatch_model::{AlarmId, Severity};
use serde_json::Value;

use super::{Core, Engine, status};
use crate::notify::Note;
use crate::pipeline::{News, Pipeline};
use crate::report;
use crate::wire::{AlarmRow, Level, Push, PushBody};

/// Findings that a new listener is told, also of earlier runs.
pub(super) const SNAPSHOT: usize = 300;
/// Findings that are told of one pass at most.
const LATEST: usize = 60;
/// Feeds in one push: well under 8 KiB.
pub(super) const FEEDS_PER_PUSH: usize = 12;

/// One who listens. Called from the pipeline thread: it must not block.
pub enum Listener {
    /// Gets pushes, the snapshot first; `false` from the function ends it.
    Page {
        /// The number of the next push.
        next: u32,
        /// Where they go.
        sink: Box<dyn Fn(Push) -> bool + Send>,
    },
    /// Gets a line for every finding, alarm and gap.
    Lines(Follower),
}

/// Where lines for a terminal go.
pub type Follower = Box<dyn Fn(&Value) + Send>;

impl Listener {
    fn push(&mut self, body: &PushBody) -> bool {
        match self {
            Listener::Page { next, sink } => {
                let number = *next;
                *next = next.wrapping_add(1);
                sink(Push { number, body: body.clone() })
            }
            Listener::Lines(_) => true,
        }
    }
}

impl Engine {
    /// From now on the sink is told everything, beginning with all there is.
    pub fn subscribe(&self, sink: Box<dyn Fn(Push) -> bool + Send>) {
        let core = &self.core;
        // The list is locked first, so that what changes meanwhile is told after the snapshot, at worst twice.
        let mut listeners = core.listeners.lock();
        let mut page = Listener::Page { next: 0, sink };
        // There is one window: a page that subscribes again (it was loaded anew, or missed a number) takes the old one's
        // place, which would otherwise be told everything for good.
        listeners.retain(|listener| matches!(listener, Listener::Lines(_)));
        let bodies = snapshot(core);
        if bodies.iter().all(|body| page.push(body)) {
            listeners.push(page);
        }
    }

    /// Nobody is told anything any more.
    pub(crate) fn unsubscribe(&self) {
        self.core.listeners.lock().clear();
    }

    /// From now on the sink gets a line `{"type": "finding|alarm|gap", …}` for each.
    pub fn follow(&self, sink: Follower) {
        self.core.follow(sink);
    }
}

impl Core {
    pub(super) fn follow(&self, sink: Follower) {
        self.listeners.lock().push(Listener::Lines(sink));
        self.followed.store(true, Ordering::SeqCst);
    }
}

fn snapshot(core: &Core) -> Vec<PushBody> {
    let (status, feeds) = status::read(core);
    let mut bodies = vec![PushBody::Snapshot { status }];
    bodies.extend(status::in_pieces(feeds));
    let pipeline = core.pipeline.lock();
    let mut alarms: Vec<AlarmRow> = pipeline.alarms().all().map(|alarm| pipeline.alarm_row(alarm)).collect();
    alarms.sort_by(|one, other| one.raised_ms.total_cmp(&other.raised_ms));
    bodies.extend(alarms.into_iter().map(|alarm| PushBody::Alarm { alarm }));
    let findings = pipeline.latest_findings(SNAPSHOT);
    bodies.extend(findings.into_iter().map(|found| PushBody::Finding { finding: pipeline.finding_row(found) }));
    bodies.push(PushBody::Ready);
    bodies
}

/// News as the page is told, one for each; `None` where it is told otherwise. Of a flood of findings the page gets the
/// latest; all of them are in the history.
pub(super) fn bodies(pipeline: &Pipeline, news: &[News]) -> Vec<Option<PushBody>> {
    let findings = news.iter().filter(|news| matches!(news, News::Finding(_))).count();
    let mut left_out = findings.saturating_sub(LATEST);
    news.iter()
        .map(|news| match news {
            News::Finding(_) if left_out > 0 => {
                left_out -= 1;
                None
            }
            News::Finding(found) => Some(PushBody::Finding { finding: pipeline.finding_row(found) }),
            News::Alarm(change) => Some(PushBody::Alarm { alarm: pipeline.alarm_row(&change.alarm) }),
            // Gaps come with the frames.
            News::Gap(_) => None,
            News::Notice(level, text) => {
                if *level != Level::Info {
                    tracing::warn!("{text}");
                }
                Some(PushBody::Notice { level: *level, text: text.clone() })
            }
        })
        .collect()
}

/// News as lines, if anybody reads lines. The caller holds the pipeline, so the list of listeners must not be locked
/// here: a new listener holds that list and waits for the pipeline.
pub(super) fn lines(pipeline: &Pipeline, news: &[News], core: &Core) -> Vec<Value> {
    if !core.followed.load(Ordering::SeqCst) {
        return Vec::new();
    }
    news.iter().filter_map(|news| report::line(pipeline, news)).collect()
}

/// Tells everybody.
pub(super) fn tell(core: &Core, bodies: &[PushBody], lines: &[Value]) {
    if bodies.is_empty() && lines.is_empty() {
        return;
    }
    core.listeners.lock().retain_mut(|listener| match listener {
        Listener::Lines(sink) => {
            lines.iter().for_each(sink);
            true
        }
        page => bodies.iter().all(|body| page.push(body)),
    });
}

/// An alarm as the desktop tells it.
pub(super) fn note_of(alarm: &AlarmRow, severity: Severity) -> Note {
    // The feed stands in the note's own line.
    let title = match &alarm.series_name {
        Some(series) => format!("{series}: {}", alarm.title),
        None => alarm.title.clone(),
    };
    Note {
        alarm: Some(AlarmId(u64::from(alarm.id))),
        severity,
        feed: alarm.feed_title.clone(),
        title,
        text: alarm.text.clone(),
    }
}
