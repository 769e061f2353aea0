//! What the operator pins of a feed's messages. What is not pinned is found out.
//!
//! ```toml
//! [feed.spot.profile]
//! kinds = ["/channel"]                   # fields that tell kinds of message apart, at most three
//! times = [{ path = "/ts", unit = "ms" }]   # where event times stand, the best first: rfc3339, s, ms, us, ns or local;
//!                                        # of = ["trade"]: of these kinds of message only
//! keys = ["/product_id", "topic:/1"]     # what names entities: paths, topic, or a level of the topic, counted from 0
//! ignore = ["/debug"]                    # what is not charted, with all below
//! series = [{ path = "/price", kind = "gauge", unit = "USD", low = 0, high = 1e6, per_second = 500 }]
//! sequence = [{ paths = ["/seq"], rule = "plus-one", per = ["/product_id"] }]   # [] for none; two paths where a message
//!                                        # says its first and last number, or names the one before; modulus = 256;
//!                                        # of = ["trade"]: it numbers these kinds of message only; restarts = ["snapshot"]:
//!                                        # these begin it anew
//! ```
//!
//! A path is a JSON pointer with `*` for any element of an array, as `feedwatch probe` tells it. A list that is written is
//! the whole list: `keys = []` pins that there are none.

use feedwatch_decode::{PinnedSequence, PinnedSeries, PinnedTime, Pins};
use feedwatch_model::{SequenceRule, SeriesKind, TimeUnit};
use toml_edit::{Array, InlineTable, Value};

use super::edit::Tables;
use super::walk::{Field, Table, Walk, quoted};

/// Entries of a list.
const MOST: usize = 1000;
/// Fields that tell kinds apart, as many as the decoder takes.
const KINDS: usize = 3;
/// Bytes of a path.
const LONGEST: usize = 1000;

/// Reads `[feed.NAME.profile]`.
pub(super) fn profile(walk: &mut Walk<'_>, mut table: Table<'_>) -> Pins {
    let kinds = table.take("kinds").and_then(|field| {
        let at = field.at();
        let kinds = paths(walk, &field)?;
        if kinds.len() > KINDS {
            let cure = "name the fields that tell most: the others follow from them".to_owned();
            walk.say(at, format!("\"kinds\" has more than {KINDS} paths"), Some(cure));
        }
        Some(kinds)
    });
    let times = list(walk, &mut table, "times", "times = [{ path = \"/ts\", unit = \"ms\" }]", time);
    let keys = table.take("keys").and_then(|field| paths(walk, &field));
    let ignored = table.take("ignore").and_then(|field| paths(walk, &field)).unwrap_or_default();
    let series = list(walk, &mut table, "series", "series = [{ path = \"/price\", unit = \"USD\" }]", series);
    let example = "sequence = [{ paths = [\"/seq\"], rule = \"plus-one\" }]";
    let sequences = list(walk, &mut table, "sequence", example, sequence);
    table.finish(walk, |_| None);
    Pins { kinds, times, keys, ignored, series: series.unwrap_or_default(), sequences }
}

/// A list of tables.
fn list<T>(
    walk: &mut Walk<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    example: &str,
    read: impl Fn(&mut Walk<'_>, Table<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let items = table.take(key)?.items(walk, "a list of tables", example)?;
    let items = items.into_iter().take(MOST);
    Some(items.filter_map(|item| item.table(walk).and_then(|table| read(walk, table))).collect())
}

fn paths(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Vec<String>> {
    let texts = field.texts(walk)?;
    let kept = texts.into_iter().take(MOST).filter(|(text, at)| {
        let fits = is_path(text);
        if !fits {
            not_a_path(walk, text, at.clone());
        }
        fits
    });
    Some(kept.map(|(text, _)| text.to_owned()).collect())
}

fn path(walk: &mut Walk<'_>, table: &mut Table<'_>) -> Option<String> {
    let Some(field) = table.take("path") else {
        walk.say(table.at.clone(), "there is no path", Some("add path = \"/...\"".into()));
        return None;
    };
    let text = field.text(walk)?;
    if !is_path(text) {
        not_a_path(walk, text, field.at());
        return None;
    }
    Some(text.to_owned())
}

/// What of the pins can stand in a configuration: a list with a path that cannot is left out as a whole.
pub(crate) fn writable(pins: Pins) -> Pins {
    let all = |paths: &[String]| paths.len() <= MOST && paths.iter().all(|path| is_path(path));
    let Pins { kinds, times, keys, ignored, series, sequences } = pins;
    let is_whole = |rule: &PinnedSequence| all(&rule.paths) && all(&rule.per) && rule.per.len() <= 2;
    Pins {
        kinds: kinds.filter(|kinds| all(kinds) && kinds.len() <= KINDS),
        times: times.filter(|times| times.len() <= MOST && times.iter().all(|time| is_path(&time.path))),
        keys: keys.filter(|keys| all(keys)),
        ignored: ignored.into_iter().filter(|path| is_path(path)).take(MOST).collect(),
        series: series.into_iter().filter(|series| is_path(&series.path)).take(MOST).collect(),
        sequences: sequences.filter(|rules| rules.len() <= MOST && rules.iter().all(is_whole)),
    }
}

fn is_path(text: &str) -> bool {
    let level = text.strip_prefix("topic:/").is_some_and(|level| level.parse::<u8>().is_ok());
    let known = text.starts_with('/') || level || ["topic", "attr:id"].contains(&text);
    known && text.len() <= LONGEST
}

fn not_a_path(walk: &mut Walk<'_>, text: &str, at: std::ops::Range<usize>) {
    let cure = "write it as `feedwatch probe` tells it: /field/below, /list/*/field, topic or topic:/1".to_owned();
    walk.say(at, format!("{} is no path", quoted(text)), Some(cure));
}

/// Words of kinds of message.
fn words(walk: &mut Walk<'_>, table: &mut Table<'_>, key: &'static str) -> Vec<String> {
    let texts = table.take(key).and_then(|field| field.texts(walk)).unwrap_or_default();
    texts.into_iter().take(MOST).map(|(text, _)| text.to_owned()).collect()
}

fn time(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<PinnedTime> {
    let path = path(walk, &mut table);
    let unit = match table.take("unit") {
        Some(field) => word(
            walk,
            &field,
            "unit",
            TimeUnit::from_word,
            &TimeUnit::ALL.iter().map(|unit| unit.word()).collect::<Vec<_>>(),
        ),
        None => {
            walk.say(
                table.at.clone(),
                "there is no unit",
                Some("add unit = \"ms\" (or rfc3339, s, us, ns, local)".into()),
            );
            None
        }
    };
    let of = words(walk, &mut table, "of");
    table.finish(walk, |_| None);
    Some(PinnedTime { path: path?, unit: unit?, of })
}

fn series(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<PinnedSeries> {
    let path = path(walk, &mut table);
    let words: Vec<&str> = SeriesKind::ALL.iter().map(|kind| kind.word()).collect();
    let kind = table.take("kind").and_then(|field| word(walk, &field, "kind", SeriesKind::from_word, &words));
    let unit = table.take("unit").and_then(|field| Some(field.text(walk)?.to_owned()));
    let low = table.take("low").and_then(|field| field.number(walk));
    let high = table.take("high").and_then(|field| field.number(walk));
    let fastest = table.take("per_second").and_then(|field| {
        let at = field.at();
        let fastest = field.number(walk)?;
        if fastest <= 0.0 {
            walk.say(at, "\"per_second\" must be above 0", Some("write per_second = 1.5, or leave it out".into()));
            return None;
        }
        Some(fastest)
    });
    if let (Some(low), Some(high)) = (low, high)
        && low >= high
    {
        walk.say(table.at.clone(), "\"low\" is not below \"high\"", Some("exchange them".into()));
    }
    table.finish(walk, |_| None);
    Some(PinnedSeries { path: path?, kind, unit, range: (low, high), fastest })
}

fn sequence(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<PinnedSequence> {
    let at = table.at.clone();
    let paths_given = table.take("paths").and_then(|field| paths(walk, &field));
    let words: Vec<&str> = SequenceRule::ALL.iter().map(|rule| rule.word()).collect();
    let rule = table.take("rule").map(|field| word(walk, &field, "rule", SequenceRule::from_word, &words));
    let modulus = table.take("modulus").and_then(|field| field.count(walk, 2..=1 << 53, 256));
    let per = table.take("per").and_then(|field| paths(walk, &field)).unwrap_or_default();
    let (of, restarts) = (self::words(walk, &mut table, "of"), self::words(walk, &mut table, "restarts"));
    table.finish(walk, |_| None);
    let (Some(paths), Some(rule)) = (paths_given, rule) else {
        walk.say(
            at,
            "a sequence needs its paths and its rule",
            Some("write { paths = [\"/seq\"], rule = \"plus-one\" }".into()),
        );
        return None;
    };
    let rule = rule?;
    let pair = matches!(rule, SequenceRule::FirstFollowsLast | SequenceRule::NamesPrevious);
    let count = if pair { 2 } else { 1 };
    if paths.len() != count {
        let cure = match pair {
            true => "name the path of the first number (or of the one before), then that of the last (or its own)",
            false => "name one path",
        };
        walk.say(
            at,
            format!("{} reads {count} of them, but there are {} paths", rule.word(), paths.len()),
            Some(cure.into()),
        );
        return None;
    }
    if (rule == SequenceRule::PlusOneModulo) != modulus.is_some() {
        let (message, cure) = match modulus {
            None => ("plus-one-modulo needs its modulus", "add modulus = 256: so many numbers there are, from 0 on"),
            Some(_) => ("only plus-one-modulo has a modulus", "write rule = \"plus-one-modulo\", or leave modulus out"),
        };
        walk.say(at, message, Some(cure.into()));
        return None;
    }
    if per.len() > 2 {
        walk.say(at, "\"per\" has more than two paths", Some("two are enough to scope a sequence".into()));
        return None;
    }
    Some(PinnedSequence { paths, rule, modulus, per, of, restarts })
}

/// One of some words.
fn word<T>(
    walk: &mut Walk<'_>,
    field: &Field<'_>,
    what: &str,
    read: impl Fn(&str) -> Option<T>,
    words: &[&str],
) -> Option<T> {
    let text = field.text(walk)?;
    let found = read(text);
    if found.is_none() {
        let near = words.iter().find(|known| strsim::damerau_levenshtein(known, text) <= 2);
        let cure = match near {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("write one of {}", words.join(", ")),
        };
        walk.say(field.at(), format!("there is no {what} {}", quoted(text)), Some(cure));
    }
    found
}

/// Writes what is pinned, if anything is.
pub(super) fn write(tables: &mut Tables, pins: &Pins) {
    if pins.is_empty() {
        return;
    }
    tables.open(".profile");
    for (key, value) in lines(pins) {
        tables.line(key, value);
    }
}

/// The lines of the table: key and value, of what is pinned.
pub(super) fn lines(pins: &Pins) -> impl Iterator<Item = (&'static str, Array)> {
    let Pins { kinds, times, keys, ignored, series, sequences } = pins;
    let some = |texts: &Vec<String>| (!texts.is_empty()).then(|| self::texts(texts));
    let lines = [
        ("kinds", kinds.as_deref().map(texts)),
        ("times", times.as_ref().map(|times| times.iter().map(time_table).collect())),
        ("keys", keys.as_deref().map(texts)),
        ("ignore", some(ignored)),
        ("series", (!series.is_empty()).then(|| series.iter().map(series_table).collect())),
        ("sequence", sequences.as_ref().map(|sequences| sequences.iter().map(sequence_table).collect())),
    ];
    lines.into_iter().filter_map(|(key, value)| Some((key, value?)))
}

fn texts(texts: &[String]) -> Array {
    texts.iter().map(String::as_str).collect()
}

fn time_table(time: &PinnedTime) -> InlineTable {
    let PinnedTime { path, unit, of } = time;
    let mut table = InlineTable::from_iter([("path", Value::from(path.as_str())), ("unit", unit.word().into())]);
    if !of.is_empty() {
        table.insert("of", texts(of).into());
    }
    table
}

fn series_table(series: &PinnedSeries) -> InlineTable {
    let PinnedSeries { path, kind, unit, range: (low, high), fastest } = series;
    let mut table = InlineTable::from_iter([("path", Value::from(path.as_str()))]);
    table.extend(kind.map(|kind| ("kind", Value::from(kind.word()))));
    table.extend(unit.as_deref().map(|unit| ("unit", Value::from(unit))));
    let numbers = [("low", low), ("high", high), ("per_second", fastest)];
    table.extend(numbers.into_iter().filter_map(|(key, number)| Some((key, Value::from((*number)?)))));
    table
}

fn sequence_table(sequence: &PinnedSequence) -> InlineTable {
    let PinnedSequence { paths, rule, modulus, per, of, restarts } = sequence;
    let mut table = InlineTable::from_iter([("paths", Value::from(texts(paths))), ("rule", rule.word().into())]);
    table.extend(modulus.and_then(|modulus| Some(("modulus", Value::from(i64::try_from(modulus).ok()?)))));
    for (key, list) in [("per", per), ("of", of), ("restarts", restarts)] {
        if !list.is_empty() {
            table.insert(key, texts(list).into());
        }
    }
    table
}
