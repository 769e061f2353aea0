//! What is written first: every message becomes a `serde_json::Value`, its numbers are found under paths of `String`, a
//! running mean and variance is kept per path in a `HashMap`, every value is a row of SQLite, one transaction per 250 ms.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::StreamExt;
use rusqlite::{Connection, Statement, params};
use serde_json::Value;
use tokio_tungstenite::connect_async;

use crate::measure::cpu;
use crate::sender::Sender;
use crate::ticker::Shape;
use crate::{PRODUCTS, WINDOW, pace};

const COMMIT: Duration = Duration::from_millis(250);

#[derive(Default)]
struct Usual {
    mean: f64,
    variance: f64,
}

/// CPU nanoseconds a message; `folder` is where the database goes, `None`: no database.
pub(crate) fn run(shape: Shape, warm_up: u64, messages: u64, folder: Option<&Path>) -> anyhow::Result<f64> {
    let mut sender = Sender::start(shape, PRODUCTS, pace())?;
    let database = folder.map(|folder| open(&folder.join("naive.db"))).transpose()?;
    let mut insert = database
        .as_ref()
        .map(|database| database.prepare("INSERT INTO samples (path, at, value) VALUES (?1, ?2, ?3)"))
        .transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut stream, _) = connect_async(sender.url()).await?;
        let total = warm_up + messages;
        let mut usual: HashMap<String, Usual> = HashMap::new();
        let (mut unusual, mut read, mut before, mut begun) = (0u64, 0, cpu(), Instant::now());
        sender.allow(WINDOW.min(total))?;
        while read < total {
            let message = stream.next().await.context("the sender went away")??;
            let value: Value = serde_json::from_str(message.to_text()?)?;
            let product =
                ["product_id", "s"].into_iter().find_map(|name| value.get(name)?.as_str()).unwrap_or_default();
            let at = ["time", "t"].into_iter().find_map(|name| value.get(name)).map(Value::to_string);
            let mut row = |path: String, value: f64| -> rusqlite::Result<()> {
                if let Some(insert) = &mut insert {
                    write(insert, &path, at.as_deref(), value)?;
                }
                unusual += u64::from(judge(usual.entry(path).or_default(), value));
                Ok(())
            };
            flatten(product.to_owned(), &value, &mut row)?;
            if let Some(database) = database.as_ref().filter(|_| begun.elapsed() >= COMMIT || read + 1 == total) {
                database.execute_batch("COMMIT; BEGIN")?;
                begun = Instant::now();
            }
            read += 1;
            if read % (WINDOW / 4) == 0 {
                sender.allow((read + WINDOW).min(total))?;
            }
            if read == warm_up {
                before = cpu();
            }
        }
        let spent = cpu() - before;
        std::hint::black_box(unusual);
        Ok(spent.as_nanos() as f64 / messages as f64)
    })
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE samples (path TEXT, at TEXT, value REAL); BEGIN",
    )?;
    Ok(database)
}

fn write(insert: &mut Statement<'_>, path: &str, at: Option<&str>, value: f64) -> rusqlite::Result<()> {
    insert.execute(params![path, at, value]).map(drop)
}

fn flatten(
    path: String,
    value: &Value,
    row: &mut impl FnMut(String, f64) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    match value {
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, value)| flatten(format!("{path}.{name}"), value, row))
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, value)| flatten(format!("{path}.{at}"), value, row))
        }
        Value::Number(number) => number.as_f64().map_or(Ok(()), |number| row(path, number)),
        Value::String(text) => text.parse().map_or(Ok(()), |number| row(path, number)),
        Value::Bool(yes) => row(path, f64::from(u8::from(*yes))),
        Value::Null => Ok(()),
    }
}

fn judge(usual: &mut Usual, value: f64) -> bool {
    let off = value - usual.mean;
    let is_unusual = off * off > 36.0 * usual.variance;
    usual.mean += 0.05 * off;
    usual.variance += 0.05 * (off * off - usual.variance);
    is_unusual
}
