//! Pins as somebody types them in a window. They are written as the table of a configuration and read by its rules, so that
//! there is one set of rules; what is wrong is told of the field that it was typed into.

use std::path::Path;

use feedwatch_decode::Pins;
use toml::de::DeTable;
use toml_edit::Value;

use super::problem::{Problem, Source};
use super::profile::profile;
use super::walk::{Table, Walk};
use crate::wire::{PinProblem, PinsRow, SequencePin, SeriesPin, TimePin};

/// Reads what was typed.
///
/// # Errors
/// Everything that is wrong with it, in its order.
pub fn read_pins(row: &PinsRow) -> Result<Pins, Vec<PinProblem>> {
    let typed = Typed::of(row);
    let source = Source::new(&typed.text, Path::new(""));
    let mut walk = Walk::new(&source);
    let pins = match DeTable::parse(&typed.text) {
        Ok(document) => profile(&mut walk, Table::new(document.get_ref(), 0..0)),
        Err(error) => {
            walk.say(error.span().unwrap_or(0..0), error.message().to_owned(), None);
            Pins::default()
        }
    };
    let mut problems = walk.into_problems();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    if problems.is_empty() { Ok(pins) } else { Err(problems.iter().map(|problem| typed.place(problem)).collect()) }
}

/// Where something that was typed begins: line and column from 1.
struct Place {
    at: (usize, usize),
    section: &'static str,
    index: Option<u32>,
    field: Option<&'static str>,
}

#[derive(Default)]
struct Typed {
    text: String,
    places: Vec<Place>,
    /// The line, and the characters of it so far.
    at: (usize, usize),
}

impl Typed {
    fn of(row: &PinsRow) -> Typed {
        let PinsRow { kinds, times, keys, ignore, series, sequence } = row;
        let mut typed = Typed { at: (1, 0), ..Typed::default() };
        typed.texts("kinds", kinds.as_deref());
        typed.tables("times", times.as_deref(), |TimePin { path, unit, of }| {
            vec![("path", Some(text(path))), ("unit", Some(text(unit))), ("of", texts(of))]
        });
        typed.texts("keys", keys.as_deref());
        typed.texts("ignore", Some(ignore));
        typed.tables("series", Some(series), |SeriesPin { path, kind, unit, low, high, per_second }| {
            vec![
                ("path", Some(text(path))),
                ("kind", said(kind)),
                ("unit", said(unit)),
                ("low", number(low)),
                ("high", number(high)),
                ("per_second", number(per_second)),
            ]
        });
        typed.tables("sequence", sequence.as_deref(), |SequencePin { paths, rule, modulus, per, of, restarts }| {
            vec![
                ("paths", Some(list(paths))),
                ("rule", Some(text(rule))),
                ("modulus", number(modulus)),
                ("per", texts(per)),
                ("of", texts(of)),
                ("restarts", texts(restarts)),
            ]
        });
        typed
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        match text.rsplit_once('\n') {
            Some((before, last)) => self.at = (self.at.0 + 1 + before.matches('\n').count(), last.chars().count()),
            None => self.at.1 += text.chars().count(),
        }
    }

    fn begin(&mut self, section: &'static str, index: Option<usize>, field: Option<&'static str>) {
        let index = index.and_then(|index| u32::try_from(index).ok());
        self.places.push(Place { at: (self.at.0, self.at.1 + 1), section, index, field });
    }

    fn texts(&mut self, section: &'static str, items: Option<&[String]>) {
        self.items(section, items, |typed, item| typed.push(&text(item).to_string()));
    }

    fn tables<T>(
        &mut self,
        section: &'static str,
        items: Option<&[T]>,
        fields: impl Fn(&T) -> Vec<(&'static str, Option<Value>)>,
    ) {
        let mut index = 0;
        self.items(section, items, |typed, item| {
            typed.push("{");
            for (place, (field, value)) in
                fields(item).into_iter().filter_map(|(field, value)| Some((field, value?))).enumerate()
            {
                typed.push(if place > 0 { ", " } else { " " });
                typed.begin(section, Some(index), Some(field));
                typed.push(&format!("{field} = {}", value.decorated("", "")));
            }
            typed.push(" }");
            index += 1;
        });
    }

    fn items<T>(&mut self, section: &'static str, items: Option<&[T]>, mut write: impl FnMut(&mut Typed, &T)) {
        let Some(items) = items else { return };
        self.begin(section, None, None);
        self.push(&format!("{section} = [\n"));
        for (index, item) in items.iter().enumerate() {
            self.begin(section, Some(index), None);
            write(self, item);
            self.push(",\n");
        }
        self.push("]\n");
    }

    /// A problem of the text as one of what was typed.
    fn place(&self, problem: &Problem) -> PinProblem {
        let at = (problem.line.unwrap_or(1), problem.column.unwrap_or(1));
        let place = self.places.iter().rev().find(|place| place.at <= at);
        let (message, cure) = problem.sentences();
        PinProblem {
            section: place.map_or("", |place| place.section).to_owned(),
            index: place.and_then(|place| place.index),
            field: place.and_then(|place| place.field).map(str::to_owned),
            message,
            cure,
        }
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn said(typed: &str) -> Option<Value> {
    (!typed.trim().is_empty()).then(|| text(typed))
}

fn list(items: &[String]) -> Value {
    items.iter().map(|item| text(item)).collect()
}

fn texts(items: &[String]) -> Option<Value> {
    (!items.is_empty()).then(|| list(items))
}

/// What is no number stays a text, so that it is told what it should be.
fn number(typed: &str) -> Option<Value> {
    let typed = typed.trim();
    let whole = typed.parse::<i64>().ok().map(Value::from);
    let number = || typed.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    said(typed).map(|text| whole.or_else(number).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problems(row: &PinsRow) -> Vec<(String, Option<u32>, Option<String>)> {
        let problems = read_pins(row).unwrap_err();
        problems.into_iter().map(|problem| (problem.section, problem.index, problem.field)).collect()
    }

    fn at(section: &str, index: Option<u32>, field: Option<&str>) -> (String, Option<u32>, Option<String>) {
        (section.to_owned(), index, field.map(str::to_owned))
    }

    #[test]
    fn what_is_wrong_is_told_of_the_field_it_was_typed_into() {
        let series = |path: &str, low: &str, high: &str| SeriesPin {
            path: path.to_owned(),
            low: low.to_owned(),
            high: high.to_owned(),
            ..SeriesPin::default()
        };
        let row = PinsRow {
            kinds: Some(["/a", "/b", "/c", "/d"].map(str::to_owned).to_vec()),
            times: Some(vec![
                TimePin { path: "/t".to_owned(), unit: "ms".to_owned(), of: vec![] },
                TimePin { path: "/ü\n\"".to_owned(), unit: "minutes".to_owned(), of: vec!["x".to_owned()] },
            ]),
            keys: Some(vec!["/id".to_owned(), "id".to_owned()]),
            ignore: vec![String::new()],
            series: vec![
                series("/v", "1", "2"),
                series("/w", "a lot", ""),
                series("/x", "2", "1"),
                series("y", "", ""),
            ],
            sequence: Some(vec![SequencePin { rule: "plus-one".to_owned(), ..SequencePin::default() }]),
        };
        assert_eq!(
            problems(&row),
            [
                at("kinds", None, None),
                at("times", Some(1), Some("unit")),
                at("keys", Some(1), None),
                at("ignore", Some(0), None),
                at("series", Some(1), Some("low")),
                at("series", Some(2), None),
                at("series", Some(3), Some("path")),
                at("sequence", Some(0), None),
            ]
        );
        let told = read_pins(&row).unwrap_err();
        assert_eq!(told[4].message, "\"low\" should be a number, but is a text.");
        assert!(told.iter().all(|problem| problem.message.ends_with('.')), "{told:?}");
    }

    proptest! {
        #[test]
        fn whatever_can_be_pinned_is_read_back_as_it_is_shown(pins in crate::config::tests::pins()) {
            let mut read = pins.clone();
            // An empty text says nothing.
            for series in read.series.iter_mut().filter(|series| series.unit.as_deref() == Some("")) {
                series.unit = None;
            }
            prop_assert_eq!(read_pins(&PinsRow::from(&pins)).unwrap(), read);
        }

        #[test]
        fn no_text_panics(texts in proptest::collection::vec(".{0,8}", 8)) {
            let [a, b, c, d, e, f, g, h] = <[String; 8]>::try_from(texts).unwrap();
            let row = PinsRow {
                kinds: Some(vec![a.clone()]),
                times: Some(vec![TimePin { path: a, unit: b.clone(), of: vec![c.clone()] }]),
                keys: Some(vec![b]),
                ignore: vec![c],
                series: vec![SeriesPin { path: d.clone(), kind: e.clone(), unit: f.clone(), low: g.clone(), high: h, per_second: g }],
                sequence: Some(vec![SequencePin { paths: vec![d], rule: e, modulus: f, ..SequencePin::default() }]),
            };
            if let Err(problems) = read_pins(&row) {
                prop_assert!(problems.iter().all(|problem| !problem.section.is_empty()), "{:?}", problems);
            }
        }
    }
}
