//! Saving files: the dialogs are opened here, never by the page, which learns no more than the path.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use feedwatch_engine::clock;
use feedwatch_engine::engine::failure;
use feedwatch_engine::wire::{ExportRequest, ExportUpdate, Failure, PictureRequest};
use feedwatch_model::Time;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt as _;

use crate::commands::blocking;

const TELL_EVERY: Duration = Duration::from_millis(200);
/// Stands for the dialog in tests of the whole program: where a save dialog would have led.
const SAVE_TO: &str = "FEEDWATCH_SAVE_TO";

/// Exports that were cancelled.
#[derive(Default)]
pub(crate) struct Exports(Arc<Mutex<HashSet<u32>>>);

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
    let id = blocking(&app, |console| Ok(console.running()?.next_export())).await?;
    let cancelled = Arc::clone(&exports.0);
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
                if lock(&cancelled).contains(&id) {
                    return ControlFlow::Break(());
                }
                if told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    let _ = channel.send(ExportUpdate { fraction: fraction(span, at.at), ..update(at.rows) });
                }
                ControlFlow::Continue(())
            };
            let report = console.running()?.export(&request, &path, &mut progress)?;
            let stopped = lock(&cancelled).remove(&id);
            let path = (!stopped).then(|| path.display().to_string());
            Ok(ExportUpdate { done: true, cancelled: stopped, path, ..update(report.samples + report.gaps) })
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

fn lock(cancelled: &Mutex<HashSet<u32>>) -> std::sync::MutexGuard<'_, HashSet<u32>> {
    cancelled.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tauri::command]
pub(crate) async fn cancel_export(exports: State<'_, Exports>, id: u32) -> Result<(), Failure> {
    lock(&exports.0).insert(id);
    Ok(())
}

#[tauri::command]
pub(crate) async fn save_picture(app: AppHandle, request: PictureRequest) -> Result<Option<String>, Failure> {
    let far = app.clone();
    blocking(&app, move |console| {
        let bytes = console.running()?.picture(&request)?;
        let ending = if request.format == "svg" { "svg" } else { "png" };
        let Some(path) = ask(&far, &format!("chart.{ending}"), "Picture", ending) else { return Ok(None) };
        std::fs::write(&path, bytes).map_err(|error| {
            failure("disk", format!("{} cannot be written: {error}.", path.display()), "Choose another folder.")
        })?;
        Ok(Some(path.display().to_string()))
    })
    .await
}
