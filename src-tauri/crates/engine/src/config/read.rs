//! From the text of a configuration file to a [`Config`], or to everything that is wrong with it.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use feedwatch_decode::Format;
use toml::de::{DeTable, Error};

use super::endpoints;
use super::hidden;
use super::problem::{Problem, Problems, Source};
use super::profile;
use super::signature;
use super::source::{self, Places};
use super::walk::{Field, LIKE, Table, Walk, likeness, quoted};
use super::{Config, Console, FeedConfig, Limits, Rate, SourceConfig, beside};

/// The longest feed name, in characters.
const LONGEST_NAME: usize = 64;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;
/// How long raw messages may be kept: 1 min to 10 years.
const AGES: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3_653 * 86_400);
/// Of what stretch the newest value may be taken.
const CONFLATED: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3_600);
/// Tables of protocols.
const TABLES: [&str; 11] =
    ["websocket", "sse", "file", "kafka", "amqp", "mqtt", "nats", "poll", "webhook", "tail", "lines"];
/// The others, for people.
pub(super) const OTHERS: &str = "sse, poll, webhook, mqtt, nats, kafka, amqp, lines, tail, file";
/// Larger texts are told their first syntax error only: a list of millions helps nobody and costs the memory.
const ALL_ERRORS_UP_TO: usize = 64 << 10;

/// Reads the text of a configuration file. `file` names it in problems, and what it names relative to itself is joined
/// to that file's folder. Pure: no disk, no environment.
///
/// # Errors
/// Every problem there is, in the order of the lines. A text that is no TOML is told its syntax errors only.
pub fn parse(text: &str, file: &Path) -> Result<Config, Problems> {
    // An editor's byte order mark is no problem; replaced by nothing, it would shift the first line's columns.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let source = Source::new(text, file);
    let (document, errors) = if text.len() <= ALL_ERRORS_UP_TO {
        DeTable::parse_recoverable(text)
    } else {
        match DeTable::parse(text) {
            Ok(document) => (document, Vec::new()),
            Err(error) => return Err(syntax(&source, &error).into()),
        }
    };
    if !errors.is_empty() {
        return Err(Problems::new(errors.iter().map(|error| syntax(&source, error)).collect()));
    }
    let source = source.hiding(hidden::of(document.get_ref()));
    let mut walk = Walk::new(&source);
    let config = config(&mut walk, Table::new(document.get_ref(), 0..0));
    let problems = walk.into_problems();
    if problems.is_empty() { Ok(config) } else { Err(Problems::new(problems)) }
}

/// A syntax error as a problem with its place.
fn syntax(source: &Source<'_>, error: &Error) -> Problem {
    let at = error.span().unwrap_or(0..0);
    let line = source.line_at(at.start);
    let broken = hidden::of_broken(source.text.get(line.clone()).unwrap_or_default());
    let broken = line.start + broken.start..line.start + broken.end;
    let secret = Some(&broken);
    if error.message() == "duplicate key" {
        let key = source.text.get(at.clone()).unwrap_or_default();
        let message = format!("{} is defined twice", quoted(key.trim_matches(['"', '\''])));
        return source.problem(at, secret, message, Some("rename one of them, or merge the two".into()));
    }
    source.problem(at, secret, format!("this is not TOML: {}", error.message()), None)
}

fn config(walk: &mut Walk<'_>, mut root: Table<'_>) -> Config {
    let console = match root.take("console").and_then(|field| field.table(walk)) {
        Some(table) => console(walk, table),
        None => Console::default(),
    };
    let mut places = Places::default();
    let mut feeds = Vec::new();
    if let Some(table) = root.take("feed").and_then(|field| field.table(walk)) {
        for (name, field) in table.entries() {
            feeds.extend(feed(walk, name, &field, &mut places));
        }
    }
    root.finish(walk, |_| None);
    let origin = places.origin(walk.source);
    Config { console, feeds, origin }
}

fn console(walk: &mut Walk<'_>, mut table: Table<'_>) -> Console {
    let usual = Console::default();
    let history = table.take("history").and_then(|field| {
        let text = field.text(walk)?;
        if text.trim().is_empty() {
            walk.say(field.at(), "\"history\" is empty", Some("leave the line out for the usual place".into()));
            return None;
        }
        Some(beside(walk.source.file, text))
    });
    let keep_history = table.take("keep_history").and_then(|field| field.flag(walk)).unwrap_or(usual.keep_history);
    let notifications = table.take("notifications").and_then(|field| field.flag(walk)).unwrap_or(usual.notifications);
    let keep_messages = table.take("keep_messages").and_then(|field| field.size(walk, 64 << 10..=1 << 40));
    let keep_messages_for = table.take("keep_messages_for").and_then(|field| field.duration(walk, AGES));
    table.finish(walk, |_| None);
    Console {
        history,
        keep_history,
        notifications,
        keep_messages: keep_messages.unwrap_or(usual.keep_messages),
        keep_messages_for: keep_messages_for.unwrap_or(usual.keep_messages_for),
    }
}

fn feed(walk: &mut Walk<'_>, name: &str, field: &Field<'_>, places: &mut Places) -> Option<FeedConfig> {
    check_name(walk, name, &field.key_at);
    let mut table = field.table(walk)?;
    let title = table.take("title").and_then(|field| title(walk, &field));
    let format = table.take("format").and_then(|field| format(walk, &field));
    let found = sources(walk, name, &mut table, places);
    let backups = endpoints::backups(walk, table.take("backup"), places, |walk, backup, field, places| {
        let mut table = field.table(walk)?;
        let sources = sources(walk, name, &mut table, places);
        let told = table.entries().iter().any(|(_, field)| looks_like_a_protocol(field));
        table.finish(walk, |_| None);
        one_source(walk, &format!("{name}.backup.{backup}"), &field.key_at, sources, told)
    });
    let endpoints = endpoints::endpoints(walk, table.take("endpoints"), backups.is_empty());
    let limits_field = table.take("limits");
    let limits_at = limits_field.as_ref().map(Field::at);
    let limits = limits_field.and_then(|field| field.table(walk)).map(|table| limits(walk, table)).unwrap_or_default();
    let pins = table.take("profile").and_then(|field| field.table(walk)).map(|table| profile::profile(walk, table));
    let pins = pins.unwrap_or_default();
    let signature = table.take("signature").and_then(|field| signature::read(walk, name, &field, places));
    let unknown = |(_, field): &(_, Field<'_>)| looks_like_a_feed(field) || looks_like_a_protocol(field);
    let told = table.entries().iter().any(unknown);
    table.finish(walk, |field| {
        looks_like_a_feed(field).then(|| format!("a name with dots is quoted: [feed.\"{name}.{}\"]", field.key))
    });
    let source = one_source(walk, name, &field.key_at, found, told)?;
    let feed = FeedConfig { name: name.to_owned(), title, format, source, backups, endpoints, limits, pins, signature };
    check_inbox(walk, &feed, limits_at.unwrap_or(field.key_at.clone()));
    Some(feed)
}

/// Reads the tables of protocols.
fn sources<'a>(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'a>,
    places: &mut Places,
) -> Vec<(Field<'a>, Option<SourceConfig>)> {
    let read = |protocol| {
        let field = table.take(protocol)?;
        let source = source::read(walk, feed, &field, places);
        Some((field, source))
    };
    TABLES.into_iter().filter_map(read).collect()
}

/// Is this unknown table a feed, whose name was meant to have a dot in it?
fn looks_like_a_feed(field: &Field<'_>) -> bool {
    field.as_table().is_some_and(|mut table| TABLES.into_iter().any(|key| table.take(key).is_some()))
        && !is_known(field.key)
}

/// Is this unknown table a protocol misspelt? It is told as an unknown key, with the cure.
fn looks_like_a_protocol(field: &Field<'_>) -> bool {
    let like = |key: &str| likeness(field.key, key) >= LIKE;
    field.as_table().is_some() && !is_known(field.key) && TABLES.into_iter().any(like)
}

fn is_known(table: &str) -> bool {
    TABLES.contains(&table) || ["limits", "endpoints", "backup", "profile", "signature"].contains(&table)
}

/// Exactly one protocol, else a problem.
fn one_source(
    walk: &mut Walk<'_>,
    name: &str,
    at: &Range<usize>,
    mut sources: Vec<(Field<'_>, Option<SourceConfig>)>,
    told: bool,
) -> Option<SourceConfig> {
    // In the order of the file, so that the caret stands under the one that came last.
    sources.sort_by_key(|(field, _)| field.key_at.start);
    match sources.len() {
        0 if told => None,
        0 => {
            let cure = format!("add a table [feed.{}.websocket] with url = \"wss://...\" (or {OTHERS})", bare(name));
            walk.say(at.clone(), format!("feed {} has no protocol", quoted(name)), Some(cure));
            None
        }
        1 => sources.pop().and_then(|(_, source)| source),
        _ => {
            let words: Vec<&str> = sources.iter().map(|(field, _)| field.key).collect();
            let message = format!("feed {} has more than one protocol: {}", quoted(name), words.join(", "));
            let last = sources.pop().map_or(at.clone(), |(field, _)| field.key_at);
            walk.say(last, message, Some("keep one, and make the other a feed of its own".into()));
            None
        }
    }
}

/// A feed's name as it is written in a header.
pub(crate) fn bare(name: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// May a feed be named so?
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(allowed)
}

fn check_name(walk: &mut Walk<'_>, name: &str, at: &Range<usize>) {
    if !is_name(name) {
        let message = format!("{} is no name for a feed", quoted(name));
        let cure =
            format!("use 1 to {LONGEST_NAME} of: letters a to z, digits, - _ . (title = \"...\" takes any text)");
        walk.say(at.clone(), message, Some(cure));
    }
}

fn title(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let title = field.text(walk)?;
    let wrong = if title.trim().is_empty() {
        "the title is empty"
    } else if title.chars().count() > LONGEST_TITLE {
        "the title is longer than 200 characters"
    } else if title.chars().any(super::is_unprintable) {
        "the title has characters that cannot be shown"
    } else {
        return Some(title.to_owned());
    };
    walk.say(field.at(), wrong, Some("leave the line out to show the feed's name".into()));
    None
}

/// How payloads are written.
fn format(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Format> {
    let word = field.text(walk)?;
    let format = Format::from_word(word);
    if format.is_none() {
        let words = Format::ALL.map(Format::word);
        let near = words.into_iter().find(|known| strsim::damerau_levenshtein(known, word) <= 2);
        let cure = match near {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("write one of {}, or leave the line out: then it is found out", words.join(", ")),
        };
        walk.say(field.at(), format!("there is no format {}", quoted(word)), Some(cure));
    }
    format
}

fn limits(walk: &mut Walk<'_>, mut table: Table<'_>) -> Limits {
    let usual = Limits::default();
    let series = table.take("series").and_then(|field| field.count(walk, 1..=1_000_000, usual.series.into()));
    let messages = usual.inbox_messages as u64;
    let messages = table.take("inbox_messages").and_then(|field| field.count(walk, 1..=1 << 24, messages));
    let bytes = table.take("inbox_bytes").and_then(|field| field.size(walk, 1 << 10..=64 << 30));
    let rate = table.take("rate").and_then(|field| field.table(walk)).and_then(|table| rate(walk, table));
    table.finish(walk, |_| None);
    Limits {
        series: series.and_then(|series| u32::try_from(series).ok()).unwrap_or(usual.series),
        inbox_messages: messages.and_then(|messages| usize::try_from(messages).ok()).unwrap_or(usual.inbox_messages),
        inbox_bytes: bytes.unwrap_or(usual.inbox_bytes),
        rate,
    }
}

/// Which samples are charted and kept: one of three ways to say it.
fn rate(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<Rate> {
    let count = |walk: &mut Walk<'_>, field: &Field<'_>, range, usual| {
        field.count(walk, range, usual).and_then(|count| u32::try_from(count).ok())
    };
    let newest = table.take("conflate").map(|field| field.duration(walk, CONFLATED).map(Rate::Newest));
    let every = table.take("every").map(|field| count(walk, &field, 2..=1_000_000, 10).map(Rate::Every));
    let at_most = table.take("at_most").map(|field| count(walk, &field, 1..=1_000_000, 5).map(Rate::AtMost));
    let at = table.at.clone();
    table.finish(walk, |_| None);
    let mut said = [newest, every, at_most].into_iter().flatten();
    match (said.next(), said.next()) {
        (Some(one), None) => one,
        (None, _) => {
            let cure = "write rate = { conflate = \"250ms\" }, { every = 10 } or { at_most = 5 }".to_owned();
            walk.say(at, "\"rate\" says no limit", Some(cure));
            None
        }
        (Some(_), Some(_)) => {
            let cure = "keep one of conflate, every and at_most".to_owned();
            walk.say(at, "\"rate\" says more than one limit", Some(cure));
            None
        }
    }
}

/// A message that is allowed to come must be able to wait.
fn check_inbox(walk: &mut Walk<'_>, feed: &FeedConfig, at: Range<usize>) {
    let FeedConfig { name: _, title: _, format: _, source, backups, endpoints: _, limits, pins: _, signature: _ } =
        feed;
    let Limits { series: _, inbox_messages: _, inbox_bytes, rate: _ } = limits;
    let sources = backups.iter().map(|backup| &backup.source).chain([source]);
    let Some(max_message) = sources.filter_map(|source| source.configured().max_message()).max() else { return };
    if max_message > *inbox_bytes {
        let (largest, room) = (super::size_text(max_message), super::size_text(*inbox_bytes));
        let message =
            format!("a message of {largest} (max_message) could never wait in an inbox of {room} (inbox_bytes)");
        walk.say(at, message, Some(format!("lower max_message to \"{room}\", or raise inbox_bytes")));
    }
}
