//! The window: a thin shell over the engine. This is the one place that knows Tauri.

mod args;
mod commands;
pub mod platform;
mod save;
mod tray;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use feedwatch_engine::Console;
use tauri::{Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogKind};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::commands::Probes;
use crate::save::Exports;

/// Runs the window until it is closed.
pub fn run() -> ExitCode {
    let filter = EnvFilter::try_from_env("FEEDWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let allowed = filter_fn(feedwatch_engine::log::allowed);
    let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(allowed).with(lines).init();
    let options = match args::read() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(text) => return cannot_start(&text, 2),
    };
    if !platform::has_display() {
        tracing::error!(
            "There is no display to open a window on (DISPLAY, WAYLAND_DISPLAY). `feedwatch run` needs none."
        );
        return ExitCode::from(3);
    }
    let console = match Console::start(options) {
        Ok(console) => Arc::new(console),
        Err(error) => return cannot_start(&error.to_string(), 3),
    };
    match build(Arc::clone(&console)) {
        Ok(app) => {
            let ending = Arc::clone(&console);
            app.run(move |_, event| {
                if let RunEvent::Exit = event {
                    ending.stop();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("The window cannot be opened: {error}. Is there a display (DISPLAY, WAYLAND_DISPLAY)?");
            console.stop();
            ExitCode::from(3)
        }
    }
}

/// How long the box stays that says why there is no window.
const BOX_STAYS: Duration = Duration::from_secs(300);

/// Says why there is no window: in the log, and where nobody may read that, in a box.
fn cannot_start(text: &str, code: u8) -> ExitCode {
    tracing::error!("{text}");
    if platform::has_display() && !std::io::stderr().is_terminal() {
        let words = shortened(text);
        let app = tauri::Builder::default()
            .plugin(tauri_plugin_dialog::init())
            .setup(move |app| {
                let handle = app.handle().clone();
                let late = handle.clone();
                // Who started it may wait for the end, and nobody may be there to press the button.
                std::thread::spawn(move || {
                    std::thread::park_timeout(BOX_STAYS);
                    late.exit(code.into());
                });
                app.dialog()
                    .message(words)
                    .title("Feedwatch cannot start")
                    .kind(MessageDialogKind::Error)
                    .show(move |_| handle.exit(code.into()));
                Ok(())
            })
            .build(context());
        match app {
            Ok(app) => app.run(|_, _| {}),
            Err(error) => tracing::error!(%error, "that could not be shown in a box"),
        }
    }
    ExitCode::from(code)
}

/// What a box of a screen's height can show.
fn shortened(text: &str) -> String {
    const LINES: usize = 16;
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(..LINES) {
        Some(first) if lines.len() > LINES + 2 => {
            let more = "There is more: `feedwatch check` with this file tells all of it.";
            format!("{}\n\n{more}", first.join("\n"))
        }
        _ => text.to_owned(),
    }
}

#[allow(clippy::disallowed_methods)] // Tauri's macro for the context of a build that failed.
fn context() -> tauri::Context {
    tauri::generate_context!()
}

fn build(console: Arc<Console>) -> tauri::Result<tauri::App> {
    tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .manage(console)
        .manage(Probes::default())
        .manage(Exports::default())
        .invoke_handler(tauri::generate_handler![
            commands::subscribe,
            commands::frame,
            commands::series,
            commands::acknowledge,
            commands::timeline,
            commands::starters,
            commands::integrity,
            commands::messages,
            commands::probe_start,
            commands::probe_stop,
            commands::probe_profile,
            commands::profile,
            commands::check_profile,
            commands::set_profile,
            commands::add_feed,
            commands::remove_feed,
            commands::undo_feed_change,
            commands::drill,
            commands::drills,
            commands::set_notifications,
            commands::page_error,
            save::export_csv,
            save::cancel_export,
            save::save_picture,
        ])
        .setup(|app| {
            let window = WebviewWindowBuilder::new(app, "main", WebviewUrl::default())
                .title("Feedwatch")
                .inner_size(1440.0, 900.0)
                .min_inner_size(900.0, 560.0)
                // The page is ours alone: it goes nowhere else, whatever a feed says.
                .on_navigation(|url| {
                    matches!(url.scheme(), "tauri") || url.host_str() == Some("tauri.localhost") || cfg!(dev)
                })
                .build()?;
            platform::watch_web_process(&window);
            platform::end_on_signals(app.handle());
            tray::add(app.handle());
            Ok(())
        })
        .build(context())
}

/// The console, from a command's state.
pub(crate) fn console(app: &tauri::AppHandle) -> Arc<Console> {
    Arc::clone(app.state::<Arc<Console>>().inner())
}
