//! Runs the cases of Autobahn's fuzzing server against our WebSocket client and prints what it judged: `make conformance`.
//!
//! The first argument is `wstest`; further ones are the cases (`12.*`), all of them unless it is said. Exit 1: a case failed.
#![allow(clippy::print_stdout, clippy::print_stderr)] // The table is its purpose.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, bail};
use feedwatch_ingest::{WebSocketOptions, WebSocketSource};
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_until};
use serde_json::{Value, json};
use tokio::time::timeout;

const AGENT: &str = "Feedwatch";
/// Longer than any case takes: one that hangs has failed.
const CASE: Duration = Duration::from_secs(120);
/// What the suite calls a case that was not passed.
const BAD: [&str; 4] = ["FAILED", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT"];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(3)
        }
    }
}

fn run() -> anyhow::Result<bool> {
    let mut args = std::env::args().skip(1);
    let wstest = args.next().context("usage: conformance WSTEST [CASE...]")?;
    let cases: Vec<String> = args.collect();
    let cases = if cases.is_empty() { vec!["*".to_owned()] } else { cases };
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = format!("ws://127.0.0.1:{port}");
    let specification = json!({
        "url": server, "outdir": folder.path(), "cases": cases, "exclude-cases": [], "exclude-agent-cases": {},
    });
    let path = folder.path().join("specification.json");
    std::fs::write(&path, specification.to_string())?;
    let _server =
        Process::start(Command::new(wstest).args(["--mode", "fuzzingserver", "--webport", "0", "--spec"]).arg(&path));
    wait_until("Autobahn's server listens", 2 * LONG, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(cases_of(&server))?;
    told(&folder.path().join("index.json"))
}

/// Runs every case the server has, and has it write its reports.
async fn cases_of(server: &str) -> anyhow::Result<()> {
    let count = asked(&format!("{server}/getCaseCount")).await?;
    let count: u32 = count.parse().with_context(|| format!("{count:?} is no number of cases"))?;
    for case in 1..=count {
        if case % 25 == 1 {
            eprintln!("case {case} of {count}");
        }
        let url = format!("{server}/runCase?case={case}&agent={AGENT}");
        match timeout(CASE, client(&url).echo(false)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => eprintln!("case {case}: {error}"),
            Err(_) => eprintln!("case {case}: still not at its end after {CASE:?}"),
        }
    }
    let _ = client(&format!("{server}/updateReports?agent={AGENT}")).echo(true).await?;
    Ok(())
}

/// The first message that comes from an address.
async fn asked(url: &str) -> anyhow::Result<String> {
    let (messages, end) = client(url).echo(true).await?;
    let Some(first) = messages.into_iter().next() else { bail!("nothing came from {url}: {end}") };
    Ok(String::from_utf8(first)?)
}

fn client(url: &str) -> WebSocketSource {
    let options = WebSocketOptions { idle_timeout: None, ..WebSocketOptions::new(url) };
    WebSocketSource::new(options, feedwatch_engine::clock::now)
}

/// Prints the judgement by section; `true` if nothing failed.
fn told(report: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(report).with_context(|| format!("{} cannot be read", report.display()))?;
    let report: Value = serde_json::from_str(&text)?;
    let cases = report[AGENT].as_object().context("the report is not about us")?;
    let mut sections: BTreeMap<Vec<u32>, BTreeMap<String, u32>> = BTreeMap::new();
    let mut failed = Vec::new();
    for (case, judged) in cases {
        let word = |key: &str| judged[key].as_str().unwrap_or("FAILED").to_owned();
        let (behaviour, close) = (word("behavior"), word("behaviorClose"));
        // The sections of compression are told part by part.
        let section = case.split('.').take(if case.starts_with("12.") || case.starts_with("13.") { 2 } else { 1 });
        let section: Vec<u32> = section.map(|part| part.parse().unwrap_or(0)).collect();
        let bad = BAD.contains(&behaviour.as_str()) || BAD.contains(&close.as_str());
        *sections.entry(section).or_default().entry(behaviour.clone()).or_default() += 1;
        if bad {
            failed.push(format!("{case}: {behaviour}; at its close: {close} ({})", judged["remoteCloseCode"]));
        }
    }
    let words = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"];
    println!(
        "{:<8} {:>6} {:>10} {:>13} {:>13} {:>6}",
        "section", "OK", "non-strict", "informational", "not offered", "failed"
    );
    let mut total = [0; 5];
    for (section, counts) in &sections {
        let mut row = words.map(|word| counts.get(word).copied().unwrap_or(0)).to_vec();
        row.push(counts.values().sum::<u32>() - row.iter().sum::<u32>());
        total.iter_mut().zip(&row).for_each(|(total, count)| *total += count);
        let section = section.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        println!("{section:<8} {}", columns(&row));
    }
    println!("{:<8} {}", "all", columns(&total));
    failed.iter().for_each(|line| println!("{line}"));
    println!("{} cases, {} failed", cases.len(), failed.len());
    Ok(failed.is_empty() && !cases.is_empty())
}

fn columns(row: &[u32]) -> String {
    let widths = [6, 10, 13, 13, 6];
    let cells = row.iter().zip(widths).map(|(count, width)| format!("{count:>width$}"));
    cells.collect::<Vec<_>>().join(" ")
}
