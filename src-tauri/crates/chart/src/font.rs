//! The font of a PNG: one of the system's own, found at run time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plotters::style::{FontStyle, register_font};

use crate::ChartError;

/// The name of the font: a list for browsers, and the name under which the file is known to the drawing library.
pub(crate) const FAMILY: &str = "Inter, 'DejaVu Sans', system-ui, sans-serif";

/// Regular and bold faces, the wanted one first.
const FACES: &[(&str, &str)] = &[
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("segoeui.ttf", "segoeuib.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("arial.ttf", "arialbd.ttf"),
];
/// How deep below a font folder, and how many entries in all, are looked at.
const DEPTH: usize = 4;
const ENTRIES: usize = 20_000;
/// Larger files are no text fonts.
const LARGEST: u64 = 32 << 20;

/// Where the platform keeps its fonts.
fn folders() -> Vec<PathBuf> {
    let fixed: &[&str] = if cfg!(target_os = "macos") {
        &["/System/Library/Fonts", "/Library/Fonts"]
    } else if cfg!(windows) {
        &["C:\\Windows\\Fonts"]
    } else {
        &["/usr/share/fonts", "/usr/local/share/fonts", "/run/current-system/sw/share/X11/fonts"]
    };
    fixed.iter().map(PathBuf::from).collect()
}

/// Makes the font known to the drawing library, once.
pub(crate) fn register() -> Result<(), ChartError> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    if *FOUND.get_or_init(|| register_from(&folders())) { Ok(()) } else { Err(ChartError::NoFont) }
}

fn register_from(folders: &[PathBuf]) -> bool {
    let mut files = Vec::new();
    let mut left = ENTRIES;
    folders.iter().for_each(|folder| collect(folder, DEPTH, &mut left, &mut files));
    let find = |name: &str| files.iter().find(|path| path.file_name().is_some_and(|file| file == name));
    let face = FACES.iter().find(|(regular, _)| find(regular).is_some_and(|path| add(path, FontStyle::Normal)));
    if let Some(path) = face.and_then(|(_, bold)| find(bold)) {
        // Where it is unfit, the regular face stands in.
        add(path, FontStyle::Bold);
    }
    face.is_some()
}

fn collect(folder: &Path, depth: usize, left: &mut usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, left, files);
            }
        } else if FACES.iter().any(|(regular, bold)| entry.file_name() == *regular || entry.file_name() == *bold) {
            files.push(path);
        }
    }
}

fn add(path: &Path, style: FontStyle) -> bool {
    if fs::metadata(path).map_or(true, |metadata| metadata.len() > LARGEST) {
        return false;
    }
    // The library wants a font for as long as the program runs; there are two of them, read once.
    fs::read(path).is_ok_and(|bytes| register_font(FAMILY, style, Box::leak(bytes.into_boxed_slice())).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_font_folder_there_is_no_font() {
        assert!(!register_from(&[PathBuf::from("/nowhere/at/all")]));
        assert!(ChartError::NoFont.to_string().contains("SVG"));
    }
}
