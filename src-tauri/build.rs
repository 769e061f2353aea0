//! Makes the window's page part of the program, and opens exactly our own commands to it.

use std::path::Path;
use std::{fs, io};

const COMMANDS: [&str; 24] = [
    "subscribe",
    "frame",
    "series",
    "acknowledge",
    "timeline",
    "starters",
    "integrity",
    "messages",
    "probe_start",
    "probe_stop",
    "probe_profile",
    "profile",
    "check_profile",
    "set_profile",
    "add_feed",
    "remove_feed",
    "undo_feed_change",
    "drill",
    "drills",
    "export_csv",
    "cancel_export",
    "save_picture",
    "set_notifications",
    "page_error",
];

const PLACEHOLDER: &str = "<!doctype html><meta charset=utf-8><title>Feedwatch</title>\
<p>The page of this window was not built. Run <code>make run</code>, or <code>npm ci && npm run build</code> in ui, and build again.";

fn main() -> io::Result<()> {
    let page = Path::new("../ui/dist/index.html");
    if !page.exists() {
        // A missing folder would be a compile error that names neither the cause nor the cure.
        fs::create_dir_all("../ui/dist")?;
        fs::write(page, PLACEHOLDER)?;
        println!("cargo::warning=ui/dist is missing: the window will only say how to build it");
    }
    println!("cargo::rerun-if-changed=../ui/dist");
    let manifest = tauri_build::AppManifest::new().commands(&COMMANDS);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)).map_err(io::Error::other)
}
