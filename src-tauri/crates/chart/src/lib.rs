//! The picture of given points, as SVG or PNG: the look of the window's panels, for reports and scripts.
//!
//! A card with the last value, the title and a tag of the worst mark; the band of what was expected; the trace, which shows
//! the smallest and largest value of each column and is never averaged; gaps as hatched holes with their cause, and no line
//! over them; marks in the colour and shape of their severity. Labels are local time, the caption gives the range in UTC.
//! All colours come from the page's token file, `ui/src/theme/tokens.json`.
//!
//! ```
//! use feedwatch_chart::{Picture, Theme, svg};
//! use feedwatch_model::{Time, decimate};
//!
//! let samples = (0..60).map(|second| (Time::from_millis(second * 1000), (second as f64 / 9.0).sin()));
//! let picture = Picture {
//!     unit: Some("bar".into()),
//!     buckets: decimate(samples, 1_000_000_000),
//!     bucket_width_ns: 1_000_000_000,
//!     ..Picture::new("press-4.pressure", Time::from_millis(0), Time::from_millis(60_000))
//! };
//! assert!(svg(&picture).unwrap().contains("press-4.pressure"));
//! # let _ = Theme::Light;
//! ```
//!
//! Limits: width and height are brought into [`MIN_SIZE`]`..=`[`MAX_SIZE`] pixels; texts are cut to what has room, by the
//! usual widths of letters, so a text in another script may be cut early or late. A PNG needs a font of the system.

mod axis;
mod canvas;
mod draw;
mod font;
mod format;
mod marks;
mod tokens;
mod trace;

use feedwatch_model::{Bucket, Severity, Time};
use plotters::backend::{BitMapBackend, SVGBackend};

use canvas::Medium;

pub use tokens::{Rgba, Theme, Tokens};

/// The smallest width and height in pixels.
pub const MIN_SIZE: (u32, u32) = (160, 100);
/// The largest width or height in pixels.
pub const MAX_SIZE: u32 = 8192;
/// Pictures of more pixels are drawn without smoothing, to bound the memory.
const SMOOTHED_PIXELS: u64 = 8 << 20;

/// Everything a picture shows. Times outside `from..to` are left out; values that are not finite break the line.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The series' name.
    pub title: String,
    /// The unit of its values.
    pub unit: Option<String>,
    /// The left edge.
    pub from: Time,
    /// The right edge.
    pub to: Time,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Dark or light.
    pub theme: Theme,
    /// The values, smallest and largest of each slot.
    pub buckets: Vec<Bucket>,
    /// How long a slot is, in nanoseconds.
    pub bucket_width_ns: i64,
    /// What was expected: time, lower and upper end; not finite where nothing was.
    pub band: Vec<(Time, f64, f64)>,
    /// Holes: begin, end (`None` while it lasts) and cause.
    pub gaps: Vec<(Time, Option<Time>, String)>,
    /// Findings.
    pub marks: Vec<Mark>,
    /// Seconds east of UTC, for the labels of the time axis.
    pub utc_offset_secs: i32,
}

/// A finding on the chart.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub at: Time,
    /// The value it is about; not finite where it is about none.
    pub value: f64,
    /// Gives colour and shape.
    pub severity: Severity,
    /// In a word: `Jumped`.
    pub label: String,
}

impl Picture {
    /// An empty picture of the usual size, in UTC, dark.
    pub fn new(title: impl Into<String>, from: Time, to: Time) -> Picture {
        Picture {
            title: title.into(),
            unit: None,
            from,
            to,
            width: 800,
            height: 300,
            theme: Theme::Dark,
            buckets: Vec::new(),
            bucket_width_ns: 1,
            band: Vec::new(),
            gaps: Vec::new(),
            marks: Vec::new(),
            utc_offset_secs: 0,
        }
    }

    /// Width and height as they are drawn.
    fn size(&self) -> (u32, u32) {
        (self.width.clamp(MIN_SIZE.0, MAX_SIZE), self.height.clamp(MIN_SIZE.1, MAX_SIZE))
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// No font was found in the folders of the system.
    #[error("There is no font for a PNG: install DejaVu Sans (package fonts-dejavu-core), or write an SVG instead.")]
    NoFont,
    /// The drawing library failed.
    #[error("The picture could not be drawn: {0}")]
    Draw(String),
    /// The picture could not be packed.
    #[error("The picture could not be packed as PNG: {0}")]
    Encode(String),
}

/// The picture as SVG 1.1. Needs no font: it names the usual ones.
///
/// # Errors
/// [`ChartError::Draw`].
pub fn svg(picture: &Picture) -> Result<String, ChartError> {
    const SCALE: u32 = 2;
    let (width, height) = picture.size();
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, (width * SCALE, height * SCALE));
    draw::draw(picture, backend, Medium::Vector, SCALE)?;
    // The library knows whole pixels only. Drawn at twice the size and shown at half of it, lines are twice as exact.
    let drawn = format!("<svg width=\"{}\" height=\"{}\" ", width * SCALE, height * SCALE);
    let shown = format!("<svg role=\"img\" width=\"{width}\" height=\"{height}\" ");
    Ok(text.replacen(&drawn, &shown, 1))
}

/// The picture as PNG, 8-bit RGB.
///
/// # Errors
/// [`ChartError::NoFont`] where the system has no font, else [`ChartError::Draw`] or [`ChartError::Encode`].
pub fn png(picture: &Picture) -> Result<Vec<u8>, ChartError> {
    font::register()?;
    let (width, height) = picture.size();
    let scale = if u64::from(width) * u64::from(height) <= SMOOTHED_PIXELS { 2 } else { 1 };
    let (wide, high) = (width * scale, height * scale);
    let mut pixels = vec![0; wide as usize * high as usize * 3];
    draw::draw(picture, BitMapBackend::with_buffer(&mut pixels, (wide, high)), Medium::Bitmap, scale)?;
    let pixels = if scale == 2 { halve(&pixels, wide as usize) } else { pixels };
    pack(&pixels, width, height).map_err(|error| ChartError::Encode(error.to_string()))
}

/// Averages each square of four pixels: smooth edges from a library that has few.
fn halve(pixels: &[u8], wide: usize) -> Vec<u8> {
    let row = wide * 3;
    let mut half = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(row * 2) {
        let (upper, lower) = rows.split_at(row);
        for (up, low) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            if let (&[a, b, c, d, e, f], &[g, h, i, j, k, l]) = (up, low) {
                half.extend([[a, d, g, j], [b, e, h, k], [c, f, i, l]].map(mean));
            }
        }
    }
    half
}

fn mean(four: [u8; 4]) -> u8 {
    let sum: u16 = four.into_iter().map(u16::from).sum();
    // At most 255: the mean of four bytes.
    ((sum + 2) / 4) as u8
}

fn pack(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Best);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
