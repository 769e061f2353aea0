//! The TypeScript types of the page are those of `wire.rs`. `UPDATE_BINDINGS=1` writes them anew.

#![allow(clippy::unwrap_used)] // Its functions beside the tests are tests too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use feedwatch_engine::wire;
use ts_rs::{Config, TS};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/bindings")
}

fn generate(into: &Path) {
    let config = Config::new().with_out_dir(into).with_large_int("number");
    wire::Push::export_all(&config).unwrap();
    wire::FrameRequest::export_all(&config).unwrap();
    wire::Timeline::export_all(&config).unwrap();
    wire::NewFeed::export_all(&config).unwrap();
    wire::ProbeUpdate::export_all(&config).unwrap();
    wire::FeedChange::export_all(&config).unwrap();
    wire::ExportRequest::export_all(&config).unwrap();
    wire::ExportUpdate::export_all(&config).unwrap();
    wire::PictureRequest::export_all(&config).unwrap();
    wire::Failure::export_all(&config).unwrap();
    wire::SeriesRow::export_all(&config).unwrap();
    wire::DrillRow::export_all(&config).unwrap();
    wire::StarterRow::export_all(&config).unwrap();
    wire::IntegrityRequest::export_all(&config).unwrap();
    wire::IntegrityView::export_all(&config).unwrap();
    wire::MessagesRequest::export_all(&config).unwrap();
    wire::MessagesView::export_all(&config).unwrap();
    wire::ProfileRequest::export_all(&config).unwrap();
    wire::ProfileView::export_all(&config).unwrap();
    wire::PinProblem::export_all(&config).unwrap();
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "ts"))
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

#[test]
fn the_page_knows_the_wire_types_as_they_are() {
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        generate(&committed());
    }
    let fresh = tempfile::tempdir().unwrap();
    generate(fresh.path());
    let (committed, fresh) = (files(&committed()), files(fresh.path()));
    let names: std::collections::BTreeSet<&String> = committed.keys().chain(fresh.keys()).collect();
    let stale: Vec<_> = names.into_iter().filter(|&name| committed.get(name) != fresh.get(name)).collect();
    assert!(stale.is_empty(), "run `make bindings` and commit ui/src/bindings: {stale:?} differ");
}
