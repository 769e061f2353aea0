//! `feedwatch export`.

use std::ops::ControlFlow;

use feedwatch_engine::clock;
use feedwatch_engine::config::Paths;
use feedwatch_engine::export::{self, ExportError};
use feedwatch_model::Time;
use serde_json::json;

use crate::args::{self, moment};
use crate::out::{self, Outcome, Trouble, could_not, wrong};

pub fn run(args: &args::Export) -> Result<Outcome, Trouble> {
    let now = clock::now();
    let time = |text: &Option<String>, otherwise| match text {
        Some(text) => moment(text, now).map_err(wrong),
        None => Ok(otherwise),
    };
    let (from, to) = (time(&args.from, Time::MIN)?, time(&args.to, Time::MAX)?);
    let paths = Paths::new(&|name| std::env::var(name).ok()).map_err(could_not)?;
    let reader = export::open(&args.from_what, &paths).map_err(told)?;
    let series = export::select(&reader, &args.series).map_err(told)?;
    let count = series.len();
    let mut told_rows = 0;
    let mut progress = |at: feedwatch_engine::export::Progress| {
        if at.rows >= told_rows + 1_000_000 {
            told_rows = at.rows;
            out::progress(format!("{} rows", at.rows));
        }
        ControlFlow::Continue(())
    };
    let mut stdout = std::io::stdout().lock();
    let report =
        export::write(&reader, (series, from, to), args.out.as_deref(), &mut stdout, &mut progress).map_err(told)?;
    drop(stdout);
    let rows = report.samples + report.gaps;
    match &args.out {
        Some(_) if args.json => {
            let out = args.out.as_ref().map(|path| path.display().to_string());
            out::fields(&json!({ "rows": rows, "series": count, "out": out }))?;
        }
        Some(path) => out::line(format!("{rows} rows of {count} series in {}", path.display())),
        None => out::progress(format!("{rows} rows of {count} series")),
    }
    Ok(Outcome::Done)
}

fn told(error: ExportError) -> Trouble {
    match error {
        ExportError::Store(_) | ExportError::Read { .. } => could_not(error),
        other => wrong(other),
    }
}
