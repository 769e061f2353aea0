//! Notes shown by the desktop's own notification service, through notify-rust.

use std::collections::VecDeque;

use feedwatch_model::{AlarmId, Severity};
use notify_rust::Notification;

use super::text::{LONGEST_BODY, LONGEST_SUMMARY, escape, one_line};
use super::{Desktop, Note};

/// How many alarms are remembered with the notification that shows them.
const REMEMBERED: usize = 256;

/// The notification service of the desktop.
#[derive(Debug, Default)]
pub struct DBus {
    /// Which notification shows which alarm, oldest first.
    shown: VecDeque<(AlarmId, u32)>,
    /// Does the service read bodies as markup? Asked once it answers.
    markup: Option<bool>,
}

impl Desktop for DBus {
    fn show(&mut self, note: &Note) -> Result<(), String> {
        let markup = *self.markup.get_or_insert_with(platform::reads_markup);
        let mut notification = Notification::new();
        notification.appname("Feedwatch").icon("feedwatch");
        notification.summary(&one_line(&note.title, LONGEST_SUMMARY)).body(&body(note, markup));
        let earlier = self.shown.iter().position(|(alarm, _)| Some(*alarm) == note.alarm);
        let earlier = earlier.and_then(|index| self.shown.remove(index)).map(|(_, id)| id);
        if let Some(id) = earlier {
            notification.id(id);
        }
        let id = platform::show(&mut notification, note.severity == Severity::Critical).inspect_err(|_| {
            // Another service may answer next time.
            self.markup = None;
        })?;
        if let (Some(alarm), Some(id)) = (note.alarm, id) {
            if self.shown.len() == REMEMBERED {
                self.shown.pop_front();
            }
            self.shown.push_back((alarm, id));
        }
        Ok(())
    }
}

/// The feed on a line of its own, then the explanation.
fn body(note: &Note, markup: bool) -> String {
    let safe = |text: &str| {
        let line = one_line(text, LONGEST_BODY);
        if markup { escape(&line) } else { line }
    };
    let lines: Vec<String> =
        [&note.feed, &note.text].into_iter().map(|text| safe(text)).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// What differs between platforms, in one place.
#[cfg(all(unix, not(target_os = "macos")))]
mod platform {
    use notify_rust::{Hint, Notification, Urgency};

    /// Whoever cannot be asked is taken to read markup: an `&amp;` too many does no harm.
    pub(super) fn reads_markup() -> bool {
        notify_rust::get_capabilities().map_or(true, |all| all.iter().any(|one| one == "body-markup"))
    }

    /// Shows it; gives the number by which it can be replaced.
    pub(super) fn show(notification: &mut Notification, critical: bool) -> Result<Option<u32>, String> {
        notification.urgency(if critical { Urgency::Critical } else { Urgency::Normal });
        notification.hint(Hint::DesktopEntry("feedwatch".into()));
        notification.show().map(|shown| Some(shown.id())).map_err(|error| error.to_string())
    }
}

/// Neither urgency that every version has, nor numbers to replace by.
#[cfg(not(all(unix, not(target_os = "macos"))))]
mod platform {
    use notify_rust::Notification;

    pub(super) fn reads_markup() -> bool {
        false
    }

    pub(super) fn show(notification: &mut Notification, _critical: bool) -> Result<Option<u32>, String> {
        notification.show().map(|_| None).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_the_feed_and_holds_no_markup_of_the_feeds() {
        let note = Note {
            alarm: None,
            severity: Severity::Warning,
            feed: "A & B\n<b>".into(),
            title: String::new(),
            text: "<img src=x>\u{7}".into(),
        };
        assert_eq!(body(&note, true), "A &amp; B &lt;b&gt;\n&lt;img src=x&gt;");
        assert_eq!(body(&note, false), "A & B <b>\n<img src=x>");
        assert_eq!(body(&Note { feed: String::new(), ..note }, false), "<img src=x>");
    }
}
