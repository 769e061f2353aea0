//! `feedwatch verify`.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use feedwatch_engine::text::many;
use feedwatch_engine::verify::{self, Verified};
use serde_json::json;

use crate::args;
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals::Interrupt;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);

pub fn run(args: &args::Verify) -> Result<Outcome, Trouble> {
    let interrupt = Interrupt::watch()?;
    interrupt.all_is_saved();
    let stop = interrupt.token();
    let mut told = Instant::now();
    let progress = move |checked: u64| {
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            out::progress(format!("{} checked", many(checked, "record")));
        }
        if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let verified = verify::history(&args.file, None, progress)
        .map_err(|error| if error.is_wrong_input() { wrong(error) } else { could_not(error) })?;
    let notes = verify::notes(&verified, false);
    if args.json {
        object(&verified, &notes)?;
    } else {
        sentences(&args.file.display().to_string(), &verified, &notes)?;
    }
    Ok(match verified.whole {
        Some(false) => Outcome::No,
        Some(true) | None => Outcome::Done,
    })
}

fn object(verified: &Verified, notes: &[String]) -> Result<(), Trouble> {
    let uncovered = verified.uncovered;
    out::fields(&json!({
        "whole": verified.whole,
        "checked": verified.checked,
        "problems": verified.problems,
        "covered_from": verified.covered_from,
        "covered_until": verified.covered_until,
        "uncovered": {
            "messages": uncovered.messages,
            "samples": uncovered.samples,
            "ledger": uncovered.ledger,
            "marks": uncovered.marks,
            "before": uncovered.before,
        },
        "head": verified.head,
        "signed": verified.signed,
        "note": notes.join(" "),
    }))
}

fn sentences(file: &str, verified: &Verified, notes: &[String]) -> Result<(), Trouble> {
    let checked = many(verified.checked, "record");
    match verified.whole {
        Some(true) => out::line(format!("{file} is whole: {checked} are what was written."))?,
        Some(false) => {
            let problems = many(verified.problems.len() as u64, "problem");
            out::line(format!("{file} is not what was written: {problems}, {checked} checked."))?;
        }
        None => out::line(format!("Interrupted after {checked}: whether {file} is whole is not known."))?,
    }
    for problem in &verified.problems {
        out::line(format!("  {problem}"))?;
    }
    if verified.whole.is_some() {
        for note in notes {
            out::line(note)?;
        }
        if let Some(head) = &verified.head {
            out::line(format!("The head of the chain is {head}."))?;
        }
    }
    Ok(())
}
