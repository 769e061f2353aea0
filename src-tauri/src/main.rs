//! The window's entry.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any other thread runs and before GTK looks at the environment.
    feedwatch_desktop::platform::prepare();
    feedwatch_desktop::run()
}
