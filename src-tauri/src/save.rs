//! Saving files: the dialogs are opened here, never by the page, which learns no more than the path.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use feedwatch_engine::clock;
use feedwatch_engine::engine::failure;
use feedwatch_engine::platform::sync_name;
use feedwatch_engine::wire::{ExportRequest, ExportUpdate, Failure, PictureRequest};
use feedwatch_model::Time;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt as _;

use crate::commands::blocking;

const TELL_EVERY: Duration = Duration::from_millis(200);
/// Stands for the dialog in tests of the whole program: where a save dialog would have led.
const SAVE_TO: &str = "FEEDWATCH_SAVE_TO";

/// Exports under way. Their numbers are the window's, whatever engine it has.
#[derive(Default)]
pub(crate) struct Exports {
    next: AtomicU32,
    running: Running,
}

/// Is it cancelled? By number.
type Running = Arc<Mutex<HashMap<u32, Arc<AtomicBool>>>>;

impl Exports {
    fn begin(&self) -> Export {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let cancelled = Arc::new(AtomicBool::new(false));
        lock(&self.running).insert(id, Arc::clone(&cancelled));
        Export { id, cancelled, running: Arc::clone(&self.running) }
    }

    /// An export that has ended is left as it is.
    fn cancel(&self, id: u32) {
        if let Some(cancelled) = lock(&self.running).get(&id) {
            cancelled.store(true, Ordering::SeqCst);
        }
    }
}

fn lock(running: &Running) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<AtomicBool>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One export, known by its number until it is dropped.
struct Export {
    id: u32,
    cancelled: Arc<AtomicBool>,
    running: Running,
}

impl Export {
    fn flow(&self) -> ControlFlow<()> {
        if self.cancelled.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

/// Asks where to save. `None`: cancelled. Blocks.
fn ask(app: &AppHandle, name: &str, kind: &str, ending: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(SAVE_TO) {
        return Some(PathBuf::from(folder).join(name));
    }
    let chosen = app.dialog().file().set_file_name(name).add_filter(kind, &[ending]).blocking_save_file()?;
    chosen.into_path().ok()
}

#[tauri::command]
pub(crate) async fn export_csv(
    app: AppHandle,
    exports: State<'_, Exports>,
    request: ExportRequest,
    channel: Channel<ExportUpdate>,
) -> Result<u32, Failure> {
    blocking(&app, |console| console.running().map(drop)).await?;
    let export = exports.begin();
    let id = export.id;
    let far = app.clone();
    // Not awaited: the page gets the number at once, so that it can cancel.
    tauri::async_runtime::spawn(async move {
        let end = channel.clone();
        let dialogs = far.clone();
        let result = blocking(&far, move |console| {
            let update = |rows| ExportUpdate {
                id,
                rows,
                fraction: None,
                done: false,
                cancelled: false,
                path: None,
                problem: None,
            };
            let Some(path) = ask(&dialogs, "feedwatch.csv", "CSV", "csv") else {
                return Ok(ExportUpdate { done: true, cancelled: true, ..update(0) });
            };
            let span = (request.from_ms, request.to_ms.unwrap_or_else(|| clock::now().millis_f64()));
            let mut told = Instant::now();
            let mut progress = |at: feedwatch_engine::export::Progress| {
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    let _ = channel.send(ExportUpdate { fraction: fraction(span, at.at), ..update(at.rows) });
                }
                export.flow()
            };
            let report = console.running()?.export(&request, &path, &mut progress)?;
            let path = (!report.cancelled).then(|| path.display().to_string());
            let rows = report.samples + report.gaps;
            Ok(ExportUpdate { done: true, cancelled: report.cancelled, path, ..update(rows) })
        })
        .await;
        let last = result.unwrap_or_else(|failure| ExportUpdate {
            id,
            rows: 0,
            fraction: None,
            done: true,
            cancelled: false,
            path: None,
            problem: Some(format!("{} {}", failure.message, failure.cure).trim().to_owned()),
        });
        let _ = end.send(last);
    });
    Ok(id)
}

/// How far the times written have come; unknown where the beginning is.
fn fraction((from, to): (Option<f64>, f64), at: Time) -> Option<f64> {
    let from = from.filter(|&from| to > from)?;
    Some(((at.millis_f64() - from) / (to - from)).clamp(0.0, 1.0))
}

#[tauri::command]
pub(crate) async fn cancel_export(exports: State<'_, Exports>, id: u32) -> Result<(), Failure> {
    exports.cancel(id);
    Ok(())
}

#[tauri::command]
pub(crate) async fn save_picture(app: AppHandle, request: PictureRequest) -> Result<Option<String>, Failure> {
    let far = app.clone();
    blocking(&app, move |console| {
        let bytes = console.running()?.picture(&request)?;
        let ending = if request.format == "svg" { "svg" } else { "png" };
        let Some(path) = ask(&far, &format!("chart.{ending}"), "Picture", ending) else { return Ok(None) };
        write_whole(&path, &bytes).map_err(|error| {
            failure("disk", format!("{} cannot be written: {error}.", path.display()), "Choose another folder.")
        })?;
        Ok(Some(path.display().to_string()))
    })
    .await
}

/// Writes a file whole or not at all: to `.part`, to the disk, and only then under its name.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    if written.is_ok() {
        sync_name(path);
    }
    if written.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_export_under_way_can_be_cancelled() {
        let exports = Exports::default();
        let (one, other) = (exports.begin(), exports.begin());
        exports.cancel(one.id);
        assert!(one.flow().is_break() && other.flow().is_continue());
        let ended = one.id;
        drop(one);
        exports.cancel(ended);
        assert_eq!(lock(&exports.running).len(), 1, "nothing is left of those that ended");
        let next = exports.begin();
        assert!(next.flow().is_continue() && next.id != ended && next.id != other.id);
    }

    #[test]
    fn a_picture_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.png");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_whole(&taken, b"three").is_err());
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "no part: {left:?}");
    }
}
