//! Findings: a shape and a colour for each severity, never a colour alone.

use feedwatch_model::Severity;
use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::HPos;

use crate::axis::{Times, Values};
use crate::canvas::{Area, Canvas, Type, Xy};
use crate::{ChartError, Mark, Rgba, Tokens, format};

/// How many marks are drawn; the worst first, then the latest.
const MOST: usize = 500;
/// How many of them have their label beside them.
const LABELLED: usize = 12;
const LABEL_SIZE: f64 = 10.5;

/// The colour of a severity.
pub(crate) fn color(severity: Severity, tokens: &Tokens) -> Rgba {
    match severity {
        Severity::Critical => tokens.crit,
        Severity::Warning => tokens.warn,
        Severity::Info => tokens.info,
    }
}

/// A triangle is critical, a diamond a warning, a ring an information: as in the window.
pub(crate) fn shape<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    severity: Severity,
    (x, y): Xy,
    tokens: &Tokens,
) -> Result<(), ChartError> {
    let color = color(severity, tokens);
    match severity {
        Severity::Critical => canvas.shape_of(&[(x, y - 5.0), (x + 5.5, y + 4.5), (x - 5.5, y + 4.5)], color),
        Severity::Warning => canvas.shape_of(&[(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)], color),
        Severity::Info => canvas.circle((x, y), 3.5, color, false),
    }
}

/// The marks inside the picture, the worst first, then the latest.
pub(crate) fn inside<'a>(marks: &'a [Mark], times: &Times) -> Vec<&'a Mark> {
    let mut inside: Vec<&Mark> = marks.iter().filter(|mark| times.contains(mark.at)).collect();
    inside.sort_by_key(|mark| std::cmp::Reverse((mark.severity, mark.at)));
    inside.truncate(MOST);
    inside
}

/// Draws marks, the worst on top, and labels where there is room.
pub(crate) fn draw<B: DrawingBackend>(
    canvas: &mut Canvas<B>,
    marks: &[&Mark],
    (plot, times, values): (Area, &Times, &Values),
    tokens: &Tokens,
) -> Result<(), ChartError> {
    let place = |mark: &Mark| {
        let x = plot.left + times.place(mark.at) * plot.width();
        let value = if mark.value.is_finite() { values.place(mark.value) } else { 1.0 };
        let y = plot.bottom - value * plot.height() - 9.0;
        (x.clamp(plot.left + 6.0, plot.right - 6.0), y.clamp(plot.top + 6.0, plot.bottom - 6.0))
    };
    for mark in marks.iter().rev() {
        shape(canvas, mark.severity, place(mark), tokens)?;
    }
    let mut taken: Vec<Area> = Vec::new();
    for mark in marks.iter().take(LABELLED) {
        let (x, y) = place(mark);
        let label = format::fit(&mark.label, LABEL_SIZE, 120.0);
        let width = format::width(&label, LABEL_SIZE);
        let beside = |left: f64| Area { left, top: y - 7.0, right: left + width, bottom: y + 7.0 };
        let free = |area: &Area| {
            let apart = |other: &Area| {
                area.right < other.left || area.left > other.right || area.bottom < other.top || area.top > other.bottom
            };
            area.left >= plot.left && area.right <= plot.right && taken.iter().all(apart)
        };
        let Some(area) = [beside(x + 9.0), beside(x - 9.0 - width)].into_iter().find(free) else { continue };
        let form = Type { size: LABEL_SIZE, bold: false, color: color(mark.severity, tokens), anchor: HPos::Left };
        canvas.text(&label, (area.left, y), form)?;
        taken.push(area);
    }
    Ok(())
}
