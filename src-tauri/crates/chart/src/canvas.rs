//! A thin layer over the drawing library: logical pixels, colours of the tokens, one error.

use std::error::Error;

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, FontStyle, IntoFont, RGBAColor, ShapeStyle, TextStyle};

use crate::font::FAMILY;
use crate::{ChartError, Rgba};

/// A point in logical pixels.
pub(crate) type Xy = (f64, f64);

/// A box in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// How a text stands to its point.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    /// Of the letters, in logical pixels.
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) color: Rgba,
    pub(crate) anchor: HPos,
}

/// What the library draws on, for where it treats them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Vector,
    Bitmap,
}

/// Something to draw on.
pub(crate) struct Canvas<B> {
    backend: B,
    medium: Medium,
    scale: f64,
}

impl<B: DrawingBackend> Canvas<B> {
    pub(crate) fn new(backend: B, medium: Medium, scale: u32) -> Canvas<B> {
        Canvas { backend, medium, scale: f64::from(scale) }
    }

    pub(crate) fn finish(mut self) -> Result<(), ChartError> {
        self.backend.present().map_err(failed)
    }

    pub(crate) fn fill(&mut self, area: Area, color: Rgba) -> Result<(), ChartError> {
        let (a, b) = (self.pixel((area.left, area.top)), self.pixel((area.right, area.bottom)));
        self.backend.draw_rect(a, b, &self.shape(color, 1.0), true).map_err(failed)
    }

    /// A closed line around an area with rounded corners.
    pub(crate) fn outline(&mut self, area: Area, color: Rgba) -> Result<(), ChartError> {
        let (half, round) = (0.5, 4.0);
        let (left, top) = (area.left + half, area.top + half);
        let (right, bottom) = (area.right - half, area.bottom - half);
        let corners = [(right - round, top + round, -90), (right - round, bottom - round, 0)];
        let more = [(left + round, bottom - round, 90), (left + round, top + round, 180)];
        let mut path: Vec<Xy> = corners
            .into_iter()
            .chain(more)
            .flat_map(|(x, y, from)| {
                (0..=6).map(move |step| {
                    let (sin, cos) = f64::from(from + step * 15).to_radians().sin_cos();
                    (x + round * cos, y + round * sin)
                })
            })
            .collect();
        path.extend(path.first().copied());
        self.path(&path, color, 1.0)
    }

    /// A line through points; nothing for fewer than two.
    pub(crate) fn path(&mut self, points: &[Xy], color: Rgba, width: f64) -> Result<(), ChartError> {
        if points.len() < 2 {
            return Ok(());
        }
        let mut pixels: Vec<(i32, i32)> = points.iter().map(|&point| self.pixel(point)).collect();
        pixels.dedup();
        let style = self.shape(color, width);
        if self.medium == Medium::Vector {
            return self.backend.draw_path(pixels, &style).map_err(failed);
        }
        // On a bitmap a wide path is one polygon, with holes where a line turns back on itself as a trace does.
        pixels.windows(2).try_for_each(|pair| match *pair {
            [from, to] => self.backend.draw_line(from, to, &style).map_err(failed),
            _ => Ok(()),
        })
    }

    /// A filled shape.
    pub(crate) fn shape_of(&mut self, points: &[Xy], color: Rgba) -> Result<(), ChartError> {
        if points.len() < 3 {
            return Ok(());
        }
        let pixels: Vec<(i32, i32)> = points.iter().map(|&point| self.pixel(point)).collect();
        let style = self.shape(color, 1.0);
        self.backend.fill_polygon(pixels, &style).map_err(failed)
    }

    pub(crate) fn circle(&mut self, center: Xy, radius: f64, color: Rgba, fill: bool) -> Result<(), ChartError> {
        let style = self.shape(color, 1.5);
        let radius = (radius * self.scale).round().clamp(1.0, 100.0) as u32;
        self.backend.draw_circle(self.pixel(center), radius, &style, fill).map_err(failed)
    }

    /// A line of text with its middle at the point's height.
    pub(crate) fn text(&mut self, text: &str, at: Xy, form: Type) -> Result<(), ChartError> {
        if text.is_empty() {
            return Ok(());
        }
        let style = if form.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The library counts a font's size with 24 % of room around the letters.
        let font = (FontFamily::Name(FAMILY), form.size * self.scale * 1.24, style).into_font();
        let color = rgba(form.color);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(form.anchor, VPos::Center));
        // On a bitmap the library takes a line of text for higher than its letters are.
        let lower = if self.medium == Medium::Bitmap { form.size * 0.2 } else { 0.0 };
        let at = self.pixel((at.0, at.1 + lower));
        self.backend.draw_text(text, &style, at).map_err(failed)
    }

    fn pixel(&self, (x, y): Xy) -> (i32, i32) {
        // Far outside is as good as outside; the cast saturates, and NaN is 0.
        let whole = |value: f64| (value * self.scale).round().clamp(-40_000.0, 40_000.0) as i32;
        (whole(x), whole(y))
    }

    fn shape(&self, color: Rgba, width: f64) -> ShapeStyle {
        let stroke_width = (width * self.scale).round().max(1.0) as u32;
        ShapeStyle { color: rgba(color), filled: true, stroke_width }
    }
}

fn rgba(Rgba([red, green, blue, alpha]): Rgba) -> RGBAColor {
    RGBAColor(red, green, blue, f64::from(alpha) / 255.0)
}

fn failed(error: impl Error) -> ChartError {
    ChartError::Draw(error.to_string())
}
