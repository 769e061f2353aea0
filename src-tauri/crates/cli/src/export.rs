//! `feedwatch export`.

use feedwatch_engine::clock;
use feedwatch_engine::config::Paths;
use feedwatch_engine::export::{self, ExportError};
use feedwatch_engine::text::many;
use feedwatch_model::Time;
use serde_json::json;

use crate::args::{self, moment};
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals::Interrupt;

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
    let thinned = export::thinned(&reader, &series).map_err(told)?;
    for (feed, kept) in &thinned {
        out::progress(format!("{feed}: its rate limit kept {kept} of each series."));
    }
    let interrupt = Interrupt::watch()?;
    if args.out.is_none() {
        interrupt.all_is_saved();
    }
    let mut told_rows = 0;
    let mut progress = |at: feedwatch_engine::export::Progress| {
        if at.rows >= told_rows + 1_000_000 {
            told_rows = at.rows;
            out::progress(many(at.rows, "row"));
        }
        interrupt.flow()
    };
    let mut stdout = std::io::stdout().lock();
    let report =
        export::write(&reader, (series, from, to), args.out.as_deref(), &mut stdout, &mut progress).map_err(told)?;
    drop(stdout);
    let rows = report.samples + report.gaps;
    match &args.out {
        Some(path) if args.json => {
            // Of an export that was cancelled there is no file.
            let (rows, out) = if report.cancelled { (0, None) } else { (rows, Some(path.display().to_string())) };
            out::fields(
                &json!({ "rows": rows, "series": count, "out": out, "cancelled": report.cancelled, "thinned": thinned }),
            )?;
        }
        Some(path) if report.cancelled => out::progress(format!("Cancelled: {} was not written.", path.display())),
        Some(path) => out::line(format!("{} of {count} series in {}", many(rows, "row"), path.display()))?,
        None if report.cancelled => out::progress(format!("Cancelled after {}.", many(rows, "row"))),
        None => out::progress(format!("{} of {count} series", many(rows, "row"))),
    }
    Ok(Outcome::Done)
}

fn told(error: ExportError) -> Trouble {
    if error.is_broken_pipe() {
        return Trouble::Unheard;
    }
    match error {
        ExportError::Store(_) | ExportError::Read { .. } => could_not(error),
        other => wrong(other),
    }
}
