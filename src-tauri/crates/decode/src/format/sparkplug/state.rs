//! The state of a host application: `{"online":true,"timestamp":…}`, or `ONLINE` of Sparkplug 2.2.

use feedwatch_model::{Message, SeriesKind, Value};

use crate::catalogue::Series;
use crate::format::declared::{Declared, Said, Sheet, topic};
use crate::format::states::{Plain, pair, plain};
use crate::json::fault::Fault;
use crate::json::leaf::leaves;

const TOPICS: [&str; 2] = ["spBv1.0/STATE/", "STATE/"];

fn host(message: &Message) -> Option<&str> {
    let topic = topic(message)?;
    TOPICS.into_iter().find_map(|prefix| topic.strip_prefix(prefix))
}

pub(super) fn is_state(message: &Message) -> bool {
    host(message).is_some()
}

pub(super) fn read(message: &Message, payload: &[u8], into: &mut Declared, sheet: &mut Sheet<'_>) -> Result<(), Fault> {
    let mut online = match plain(payload) {
        Some(Plain::Word(word)) => pair(word.as_bytes()).map(|(_, yes)| yes),
        _ => None,
    };
    if online.is_none() {
        let read = leaves(payload, |path, raw| match (path, raw) {
            ("/online", "true") => online = Some(true),
            ("/online", "false") => online = Some(false),
            _ => {}
        });
        read.map_err(|why| Fault::at(why.offset, "expected the state of a host"))?;
    }
    let host = host(message).unwrap_or_default();
    let says = || {
        Said::Series(Series {
            name: format!("STATE/{host}").into(),
            path: "/online".into(),
            key: vec![("topic".into(), topic(message).unwrap_or_default().into())],
            unit: None,
            kind: SeriesKind::Boolean,
        })
    };
    let series = into.series(topic(message).unwrap_or_default().as_bytes(), sheet, says);
    if let (Some(series), Some(online)) = (series, online) {
        sheet.point(series, None, Value::Bool(online));
    }
    Ok(())
}
