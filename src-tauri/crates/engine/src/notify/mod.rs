//! Notifications of the desktop: what needs a person is said outside the window too, but never as a flood.
//!
//! An alarm becomes a [`Note`]; the [`Coalescer`] lets at most one through per 2 s and six per minute, and merges what
//! comes faster; the [`Notifier`] is the thread that drives it; [`Desktop`] is whoever shows the result ([`DBus`] by the
//! Desktop Notifications Specification 1.2).
//!
//! Feeds are hostile: titles and texts are cut, stripped of control characters and escaped before they leave.
//!
//! Limits: a notification service that accepts a call and never answers holds the thread; notes then wait, merged and
//! bounded, and stopping leaves the thread behind.
//!
//! ```
//! use feedwatch_engine::notify::{Coalescer, Note};
//! use feedwatch_model::{AlarmId, Severity, Time};
//!
//! let mut coalescer = Coalescer::default();
//! for id in 0..4 {
//!     coalescer.offer(Note {
//!         alarm: Some(AlarmId(id)),
//!         severity: Severity::Warning,
//!         feed: "Spot prices".into(),
//!         title: "No message for 48 s".into(),
//!         text: "It usually sends every 0.2 s.".into(),
//!     });
//!     let shown = coalescer.take(Time::from_millis(0));
//!     assert_eq!(shown.is_some(), id == 0);
//! }
//! let merged = coalescer.take(Time::from_millis(2000)).unwrap();
//! assert_eq!((merged.note().title.as_str(), merged.note().text.as_str()), ("3 more alarms", "Spot prices"));
//! ```

mod coalesce;
mod dbus;
mod notifier;
mod text;

use feedwatch_model::{AlarmId, Severity};

pub use coalesce::{Batch, Coalescer, MIN_PAUSE, PER_MINUTE};
pub use dbus::DBus;
pub use notifier::{NO_SERVICE, Notifier, RETRY};

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The alarm it is about: a later note of the same alarm takes its place. `None` for one that stands for several.
    pub alarm: Option<AlarmId>,
    /// Critical notes go first and stay until they are dismissed.
    pub severity: Severity,
    /// The feed's title; empty for a note that stands for several.
    pub feed: String,
    /// The headline: `No message for 48 s`.
    pub title: String,
    /// The explanation.
    pub text: String,
}

/// Whoever shows notes.
pub trait Desktop: Send {
    /// Shows a note, in place of an earlier one of the same alarm where that is possible.
    ///
    /// # Errors
    /// Why it could not be shown, for the log.
    fn show(&mut self, note: &Note) -> Result<(), String>;
}
