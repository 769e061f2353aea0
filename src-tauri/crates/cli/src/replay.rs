//! `feedwatch replay`.

use feedwatch_engine::clock;
use feedwatch_engine::replay::{self, ReplayError, ReplaySettings};
use serde_json::json;

use crate::args;
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals::Interrupt;

pub fn run(args: &args::Replay) -> Result<Outcome, Trouble> {
    let settings =
        ReplaySettings { protocol: args.protocol, listen: args.listen, speed: args.speed, faults: args.faults.clone() };
    if !args.listen.ip().is_loopback() {
        return Err(wrong(format!("A replay is served on loopback only, and {} is not.", args.listen.ip())));
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let interrupt = Interrupt::watch()?;
    let asked = interrupt.token();
    let report = interrupt.block_on(async {
        let trouble = move |error| drop(sender.send(error));
        let replay = replay::start(&args.file, settings, clock::now, trouble).await.map_err(|error| match error {
            ReplayError::Capture(error) => wrong(error),
            other => could_not(other),
        })?;
        out::line(replay.address())?;
        tokio::select! {
            report = replay.finished() => Ok(report),
            () = asked.cancelled() => {
                replay.stop();
                Ok(replay.finished().await)
            }
        }
    })??;
    if let Ok(error) = receiver.try_recv() {
        return Err(wrong(error));
    }
    if args.json {
        out::fields(&json!({
            "messages": report.messages,
            "sent": report.sent,
            "dropped": report.dropped,
            "repeated": report.repeated,
            "delayed": report.delayed,
            "cuts": report.cuts,
            "lost": report.lost,
            "complete": report.complete,
        }))?;
    } else {
        out::progress(format!("{} of {} messages sent", report.sent, report.messages));
    }
    Ok(Outcome::Done)
}
