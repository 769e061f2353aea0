//! `feedwatch probe`.

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::newfeed::{Secrets, understand, used};
use feedwatch_engine::probe::{Probe, ProbeReport, learned};
use feedwatch_engine::text::many;
use feedwatch_engine::{clock, wire::NewFeed};
use feedwatch_model::Protocol;

use crate::args;
use crate::out::{self, Outcome, Teller, Trouble, could_not, wrong};
use crate::people;
use crate::signals::Interrupt;

pub fn run(args: &args::Probe) -> Result<Outcome, Trouble> {
    let new = NewFeed {
        address: args.source.clone(),
        name: String::new(),
        title: String::new(),
        subscribe: args.send.clone(),
        headers: args.header.clone(),
        token_env: String::new(),
        starter: if args.no_profiles { "none".to_owned() } else { String::new() },
        found: String::new(),
        pins: None,
    };
    let feed = understand(&new, &[], Secrets::Allowed)
        .map_err(|failure| Trouble::Wrong(format!("{} {}", failure.message, failure.cure).trim().to_owned()))?;
    let config = config::Config { feeds: vec![feed.clone()], ..config::Config::default() };
    let secrets = config::resolve_secrets(&config, &|name| std::env::var(name).ok()).map_err(wrong)?;
    let paths = Paths::new(&|name| std::env::var(name).ok()).map_err(could_not)?;
    let used = used(&new.starter, &feed.source).map(|starter| starter.id);
    let mut probe = Probe::new(&feed, secrets.of(&feed.name), &paths, clock::now).with_profile(used);
    let interrupt = Interrupt::watch()?;
    interrupt.all_is_saved();
    let teller = Teller::start()?;
    let voice = teller.voice();
    let follow = args.output.follow;
    let mut told = |line: &serde_json::Value| {
        if follow {
            voice.say(line.to_string());
        }
    };
    interrupt.block_on(probe.run(Some(args.time), interrupt.token(), &mut told, &mut |_| {}))?;
    teller.finish();
    let mut report = probe.report().map_err(|error| match feed.source.protocol() {
        // A capture that is not there is a wrong input; a server that is not there could not be reached.
        Protocol::File => wrong(error),
        _ => could_not(error),
    })?;
    if feed.source.protocol() == Protocol::File {
        // As it was given: the path inside is absolute, for the configuration.
        report.source.clone_from(&args.source);
    }
    let unreadable = probe.unreadable();
    if args.output.json {
        out::object(&report)?;
    } else if unreadable.is_none() {
        say(&report)?;
    }
    if let Some(why) = unreadable {
        return Err(wrong(why));
    }
    if let Some(remark) = probe.remark(cure_for_silence(feed.source.protocol())) {
        out::progress(remark);
    }
    Ok(out::judged(&report.findings, &args.output.fail_on))
}

/// What may bring a feed to speak that has a connection and says nothing.
fn cure_for_silence(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::WebSocket => {
            "It may wait for a message that subscribes to it: --send '{...}'. Or it sends rarely: look longer, --for 1m."
        }
        _ => "It may send rarely: look longer, --for 1m.",
    }
}

fn say(report: &ProbeReport) -> Result<(), Trouble> {
    let accounts = report.accounts;
    out::line(format!(
        "{} ({}): {}, {} in {:.1} s; {} decoded, {} repeated, {} unreadable, {} dropped",
        report.source,
        report.protocol,
        many(accounts.received, "message"),
        many(accounts.bytes, "byte"),
        report.seconds,
        accounts.stored,
        accounts.duplicate,
        accounts.rejected,
        accounts.dropped,
    ))?;
    if let Some(used) = &report.profile_used {
        out::line(format!("{:<18}{used} (--no-profiles looks without it)", "Starter profile"))?;
    }
    for row in learned(&report.profile, accounts) {
        out::line(format!("{:<18}{}", row.label, row.text))?;
    }
    let series: Vec<_> = report.profile.kinds.iter().flat_map(|kind| &kind.series).collect();
    out::line(format!("{:<18}{}", "Series", series.len()))?;
    for series in series {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let unit = series.unit.as_deref().unwrap_or("");
        let (last, low, high) = (number(series.last), number(series.min), number(series.max));
        let name = &series.name;
        out::line(format!(
            "  {name:<44} {:<8} {:>7} sample{}  last {last} {unit}  ({low} to {high})",
            series.kind.word(),
            series.samples,
            if series.samples == 1 { " " } else { "s" },
        ))?;
    }
    for found in &report.findings {
        out::line(people::finding(&serde_json::to_value(found).map_err(could_not)?))?;
    }
    Ok(())
}
