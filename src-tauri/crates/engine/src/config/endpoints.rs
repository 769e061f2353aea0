//! Further endpoints of a feed, and how they share the work.
//!
//! ```toml
//! [feed.spot.websocket]                  # the preferred endpoint
//! url = "wss://one.example/feed"
//!
//! [feed.spot.backup.tokyo.websocket]     # further ones, in the order of the file; any protocol, with all its keys
//! url = "wss://two.example/feed"
//!
//! [feed.spot.endpoints]                  # all optional
//! mode = "failover"                      # one at a time, back to the preferred one when it is well; or "redundant": all at
//!                                        # once, the first copy of each message counts
//! return_after = "30s"                   # failover: so long the preferred one must stand before the feed returns to it
//! window = "10s"                         # within it equal messages of two endpoints are copies of one
//! drill = "weekly"                       # fail over on purpose: "daily", "weekly", or "sunday 03:00" (UTC); or "never"
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use feedwatch_ingest::{EndpointMode, EndpointRules, MAX_LINES};

use super::SourceConfig;
use super::edit::Tables;
use super::read::is_name;
use super::source::Places;
use super::units::duration_text;
use super::walk::{Field, Walk, quoted};

/// How long a preferred endpoint may have to stand.
const RETURNS: std::ops::RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(86_400);
/// How far one endpoint may be behind another.
const WINDOWS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);

/// What the first endpoint of a feed is called.
pub const PREFERRED: &str = "preferred";

/// A further endpoint of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Letters, digits, `-`, `_` and `.`; unique in its feed.
    pub name: String,
    /// How it is reached.
    pub source: SourceConfig,
}

/// How a feed's endpoints share the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Which are connected when.
    pub rules: EndpointRules,
    /// How often the feed is failed over on purpose; `None`: never.
    pub drill: Option<DrillEvery>,
}

/// When a drill is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillEvery {
    /// A day after the last one.
    Day,
    /// A week after the last one.
    Week,
    /// On this day (0 is Monday), at this minute of the day, UTC.
    At {
        /// 0 is Monday.
        day: u8,
        /// From 0 to 1,439.
        minute: u16,
    },
}

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl fmt::Display for DrillEvery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DrillEvery::Day => f.write_str("daily"),
            DrillEvery::Week => f.write_str("weekly"),
            DrillEvery::At { day, minute } => {
                let name = DAYS.get(usize::from(*day)).copied().unwrap_or(DAYS[0]);
                write!(f, "{name} {:02}:{:02}", minute / 60, minute % 60)
            }
        }
    }
}

impl FromStr for DrillEvery {
    type Err = ();

    fn from_str(text: &str) -> Result<DrillEvery, ()> {
        match text {
            "daily" => return Ok(DrillEvery::Day),
            "weekly" => return Ok(DrillEvery::Week),
            _ => {}
        }
        let (day, time) = text.split_once(' ').ok_or(())?;
        let day = DAYS.iter().position(|name| *name == day.to_ascii_lowercase()).ok_or(())?;
        let (hour, minute) = time.split_once(':').ok_or(())?;
        let number = |text: &str, below: u16| {
            let digits = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| digits && *number < below).ok_or(())
        };
        let minute = number(hour, 24)? * 60 + number(minute, 60)?;
        Ok(DrillEvery::At { day: day as u8, minute })
    }
}

/// Reads `backup`: a table of names, each with the table of one protocol, which `one` reads.
pub(super) fn backups(
    walk: &mut Walk<'_>,
    field: Option<Field<'_>>,
    places: &mut Places,
    one: impl Fn(&mut Walk<'_>, &str, &Field<'_>, &mut Places) -> Option<SourceConfig>,
) -> Vec<Backup> {
    let Some(table) = field.and_then(|field| field.table(walk)) else { return Vec::new() };
    let mut backups = Vec::new();
    for (name, field) in table.entries() {
        if !is_name(name) {
            let cure = "use letters a to z, digits, - _ .".to_owned();
            walk.say(field.key_at.clone(), format!("{} is no name for an endpoint", quoted(name)), Some(cure));
        }
        if name == PREFERRED {
            let cure = "give the backup another name".to_owned();
            walk.say(field.key_at.clone(), "the feed's first endpoint is called preferred", Some(cure));
        }
        if backups.len() + 1 == MAX_LINES {
            let message = format!("a feed has at most {MAX_LINES} endpoints");
            walk.say(field.key_at.clone(), message, Some("take the others out".to_owned()));
            break;
        }
        let Some(source) = one(walk, name, &field, places) else { continue };
        if matches!(source, SourceConfig::File(_)) {
            let cure = "name a live endpoint, or make the capture a feed of its own".to_owned();
            walk.say(field.key_at.clone(), "a capture cannot stand in for a live endpoint", Some(cure));
            continue;
        }
        backups.push(Backup { name: name.to_owned(), source });
    }
    backups
}

/// Reads `endpoints`.
pub(super) fn endpoints(walk: &mut Walk<'_>, field: Option<Field<'_>>, alone: bool) -> Endpoints {
    let usual = Endpoints::default();
    let Some((key_at, mut table)) = field.and_then(|field| Some((field.key_at.clone(), field.table(walk)?))) else {
        return usual;
    };
    let mode = table.take("mode").and_then(|field| mode(walk, &field));
    let return_after = table.take("return_after").and_then(|field| field.duration(walk, RETURNS));
    let window = table.take("window").and_then(|field| field.duration(walk, WINDOWS));
    let drill = table.take("drill").and_then(|field| drill(walk, &field));
    table.finish(walk, |_| None);
    if alone && mode == Some(EndpointMode::Redundant) {
        let cure = "add a second one: [feed.NAME.backup.other.websocket] and below it url = \"wss://...\"".to_owned();
        walk.say(key_at, "the feed has one endpoint only, so none is redundant", Some(cure));
    }
    let rules = EndpointRules {
        mode: mode.unwrap_or(usual.rules.mode),
        return_after: return_after.unwrap_or(usual.rules.return_after),
        window: window.unwrap_or(usual.rules.window),
    };
    Endpoints { rules, drill: drill.flatten() }
}

fn mode(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<EndpointMode> {
    match field.text(walk)? {
        "failover" => Some(EndpointMode::Failover),
        "redundant" => Some(EndpointMode::Redundant),
        other => {
            let message = format!("there is no mode {}", quoted(other));
            walk.say(field.at(), message, Some("write \"failover\" or \"redundant\"".to_owned()));
            None
        }
    }
}

fn drill(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Option<DrillEvery>> {
    let text = field.text(walk)?;
    if text == "never" {
        return Some(None);
    }
    let every = text.parse().ok();
    if every.is_none() {
        let message = format!("{} is no time for a drill", quoted(text));
        let cure = "write \"daily\", \"weekly\", or a day with a time in UTC, as \"sunday 03:00\"".to_owned();
        walk.say(field.at(), message, Some(cure));
    }
    every.map(Some)
}

/// Writes the table; what is usual is left out, and with it an empty table.
pub(super) fn write(tables: &mut Tables, endpoints: &Endpoints) {
    let usual = Endpoints::default();
    if *endpoints == usual {
        return;
    }
    let Endpoints { rules: EndpointRules { mode, return_after, window }, drill } = endpoints;
    tables.open(".endpoints");
    tables.line_unless("mode", mode, &usual.rules.mode, |mode| {
        match mode {
            EndpointMode::Failover => "failover",
            EndpointMode::Redundant => "redundant",
        }
        .into()
    });
    tables.line_unless("return_after", return_after, &usual.rules.return_after, |&time| duration_text(time).into());
    tables.line_unless("window", window, &usual.rules.window, |&time| duration_text(time).into());
    tables.line_unless("drill", drill, &usual.drill, |drill| {
        drill.map_or_else(|| "never".to_owned(), |every| every.to_string()).into()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_for_drills_is_read_as_it_is_written() {
        for text in ["daily", "weekly", "monday 00:00", "sunday 03:05", "friday 23:59"] {
            assert_eq!(text.parse::<DrillEvery>().unwrap().to_string(), text);
        }
        for text in
            ["", "hourly", "sunday", "sunday 3:00", "sunday 24:00", "sunday 03:60", "someday 03:00", "sunday +3:00"]
        {
            assert!(text.parse::<DrillEvery>().is_err(), "{text}");
        }
    }
}
