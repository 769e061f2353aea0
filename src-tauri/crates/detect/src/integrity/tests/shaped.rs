//! A feed of shapes, values and guards, played to the checks.

use std::sync::Arc;

use feedwatch_model::{
    Check, FeedId, FieldType, Finding, FindingKind, Guard, Message, Point, Reading, SequenceMark, Time, Value,
};

use crate::integrity::{Arrival, Integrity, Scopes};

/// A kind, and its fields with what stands there.
type Shape = (u32, Vec<(u32, FieldType)>);

#[derive(Default)]
pub(super) struct Catalogue {
    fields: Vec<String>,
    shapes: Vec<Shape>,
}

impl Scopes for Catalogue {
    fn per(&self, _rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        vec![("/product".into(), format!("P{scope}").into())]
    }

    fn rule_name(&self, _rule: u32) -> Arc<str> {
        "/sequence".into()
    }

    fn guard(&self, guard: u32) -> (Arc<str>, Arc<str>, bool) {
        match guard {
            0 => ("/checksum".into(), "crc32-book".into(), false),
            1 => ("*".into(), "nmea-xor".into(), false),
            _ => ("header:signature".into(), "hmac-sha256".into(), true),
        }
    }

    fn shape(&self, shape: u32) -> (u32, &[(u32, FieldType)]) {
        self.shapes.get(shape as usize).map_or((0, &[]), |(kind, fields)| (*kind, fields.as_slice()))
    }

    fn field(&self, field: u32) -> Arc<str> {
        self.fields.get(field as usize).map_or("", String::as_str).into()
    }

    /// Ten series of each path.
    fn series(&self, series: u32) -> (Arc<str>, Arc<str>) {
        (format!("s{series}").into(), format!("/path{}", series / 10).into())
    }

    fn kind(&self, kind: u32) -> String {
        if kind == 0 { String::new() } else { format!("kind{kind}") }
    }
}

impl Catalogue {
    pub(super) fn shape_of(&mut self, kind: u32, fields: &[(&str, FieldType)]) -> u32 {
        let mut numbers = Vec::new();
        for (path, is) in fields {
            let known = self.fields.iter().position(|known| known == path);
            let number = known.unwrap_or_else(|| {
                self.fields.push((*path).to_owned());
                self.fields.len() - 1
            });
            numbers.push((number as u32, *is));
        }
        numbers.sort_by_key(|(number, _)| *number);
        let shape = (kind, numbers);
        let known = self.shapes.iter().position(|known| *known == shape);
        known.unwrap_or_else(|| {
            self.shapes.push(shape);
            self.shapes.len() - 1
        }) as u32
    }
}

pub(super) struct Shaped {
    pub(super) integrity: Integrity,
    pub(super) catalogue: Catalogue,
    pub(super) number: u64,
    pub(super) now: Time,
    pub(super) line: u8,
    pub(super) found: Vec<Finding>,
}

impl Shaped {
    pub(super) fn new() -> Shaped {
        Shaped {
            integrity: Integrity::new(FeedId(1)),
            catalogue: Catalogue::default(),
            number: 0,
            now: Time::from_millis(0),
            line: 0,
            found: Vec::new(),
        }
    }

    /// One message, 100 ms behind the one before.
    pub(super) fn play(&mut self, payload: &str, reading: &Reading) -> Arrival {
        let mut message = Message::new(self.number, self.now, payload.to_owned());
        message.line = self.line;
        self.number += 1;
        self.now = self.now.plus_nanos(100_000_000);
        self.integrity.observe(&message, reading, &self.catalogue, &mut self.found)
    }

    pub(super) fn fields(&mut self, times: usize, fields: &[(&str, FieldType)]) {
        self.fields_of(0, times, fields);
    }

    pub(super) fn fields_of(&mut self, kind: u32, times: usize, fields: &[(&str, FieldType)]) {
        let shape = Some(self.catalogue.shape_of(kind, fields));
        for _ in 0..times {
            self.play("", &Reading { kind, shape, ..Reading::default() });
        }
    }

    pub(super) fn value(&mut self, value: f64) {
        self.values(&[(0, value)]);
    }

    pub(super) fn values(&mut self, values: &[(u32, f64)]) {
        let points =
            values.iter().map(|(series, value)| Point { series: *series, time: None, value: Value::F64(*value) });
        self.play("", &Reading { points: points.collect(), ..Reading::default() });
    }

    pub(super) fn guard(&mut self, rule: u32, fits: bool) {
        let guard = Guard { rule, fits, stated: 0xDEAD_BEEF, computed: if fits { 0xDEAD_BEEF } else { 0x17 } };
        self.play("", &Reading { guards: vec![guard], ..Reading::default() });
    }

    pub(super) fn numbered(&mut self, sequence: u64, payload: &str) -> Arrival {
        let mark = SequenceMark { rule: 0, scope: 0, first: sequence, last: sequence, restarts: false, before: false };
        self.play(payload, &Reading { marks: vec![mark], ..Reading::default() })
    }

    pub(super) fn identified(&mut self, identity: u64, time: Option<i64>, payload: &str) -> Arrival {
        let time = time.map(Time::from_millis);
        self.play(payload, &Reading { identity: Some(identity), time, ..Reading::default() })
    }

    pub(super) fn finish(&mut self) -> Vec<Finding> {
        self.integrity.finish(&mut self.found);
        std::mem::take(&mut self.found)
    }
}

/// Check, kind and message.
pub(super) fn brief(found: &[Finding]) -> Vec<(Check, FindingKind, Option<u64>)> {
    found.iter().map(|finding| (finding.check, finding.kind, finding.message)).collect()
}
