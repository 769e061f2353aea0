//! The picture: a card with a head, the plot with its axes, and a caption.

use feedwatch_model::{Severity, Time};
use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::HPos;

use crate::axis::{Times, Values};
use crate::canvas::{Area, Canvas, Medium, Type, Xy};
use crate::trace::{self, Gaps};
use crate::{ChartError, Mark, Picture, Rgba, Tokens, format, marks};

const LABEL_SIZE: f64 = 10.5;
const PAD: f64 = 10.0;
/// The longest offset from UTC in use is 14 h.
const LARGEST_OFFSET: i32 = 18 * 3600;

/// Draws a picture on a backend whose pixels are `scale` times finer.
pub(crate) fn draw<B: DrawingBackend>(
    picture: &Picture,
    backend: B,
    medium: Medium,
    scale: u32,
) -> Result<(), ChartError> {
    let (width, height) = picture.size();
    let card = Area { left: 0.0, top: 0.0, right: f64::from(width), bottom: f64::from(height) };
    let times = Times::new(picture.from, picture.to);
    let scene = Scene {
        picture,
        card,
        times,
        marks: marks::inside(&picture.marks, &times),
        tokens: picture.theme.tokens(),
        offset: picture.utc_offset_secs.clamp(-LARGEST_OFFSET, LARGEST_OFFSET),
    };
    let mut canvas = Canvas::new(backend, medium, scale);
    scene.draw(&mut canvas)?;
    canvas.finish()
}

struct Scene<'a> {
    picture: &'a Picture,
    card: Area,
    times: Times,
    marks: Vec<&'a Mark>,
    tokens: &'static Tokens,
    offset: i32,
}

impl Scene<'_> {
    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) -> Result<(), ChartError> {
        let values = self.values();
        let rows = ((self.card.height() - 78.0) / 40.0).clamp(2.0, 12.0) as usize;
        let (labels, step) = values.labels(rows);
        let labels: Vec<(f64, String)> = labels.into_iter().map(|value| (value, format::value(value, step))).collect();
        let widest = labels.iter().map(|(_, text)| format::width(text, LABEL_SIZE)).fold(30.0, f64::max);
        let right = self.card.right - PAD - (widest + 6.0).min(self.card.width() / 3.0);
        let plot = Area { left: PAD, top: 42.0, right, bottom: self.card.bottom - 36.0 };
        let gaps = Gaps::new(&self.picture.gaps);

        canvas.fill(self.card, self.tokens.card)?;
        self.head(canvas)?;
        self.value_axis(canvas, plot, &values, &labels)?;
        self.time_axis(canvas, plot)?;
        self.band(canvas, plot, &values, &gaps)?;
        self.holes(canvas, plot)?;
        self.trace(canvas, plot, &values, &gaps)?;
        marks::draw(canvas, &self.marks, (plot, &self.times, &values), self.tokens)?;
        self.caption(canvas)?;
        canvas.outline(self.card, self.border())
    }

    /// Around what is shown. A band far wider than the values does not flatten them.
    fn values(&self) -> Values {
        let inside = |at: Time| self.times.contains(at);
        let width = self.picture.bucket_width_ns.max(1);
        let shown =
            self.picture.buckets.iter().filter(|bucket| inside(bucket.start) || inside(bucket.start.plus_nanos(width)));
        let drawn = shown.flat_map(|bucket| [bucket.min, bucket.max]);
        let marked = self.marks.iter().map(|mark| mark.value);
        let known: Vec<f64> = drawn.chain(marked).filter(|value| value.is_finite()).collect();
        let low = known.iter().copied().fold(f64::INFINITY, f64::min);
        let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = high / 2.0 - low / 2.0;
        let near = |value: f64| if room > 0.0 { value.clamp(low - room, high + room) } else { value };
        let band = self.picture.band.iter().filter(|(at, _, _)| inside(*at)).flat_map(|&(_, low, high)| [low, high]);
        Values::around(known.iter().copied().chain(band.filter(|value| value.is_finite()).map(near)))
    }

    fn worst(&self) -> Option<&Mark> {
        self.marks.first().copied()
    }

    fn border(&self) -> Rgba {
        match self.worst() {
            Some(mark) if mark.severity > Severity::Info => marks::color(mark.severity, self.tokens),
            _ => self.tokens.line,
        }
    }

    /// The last value, unit and title, and the worst mark as a tag.
    fn head<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) -> Result<(), ChartError> {
        const LINE: f64 = 20.0;
        let mut right = self.card.right - PAD;
        if let Some(mark) = self.worst().filter(|mark| !mark.label.is_empty()) {
            let color = marks::color(mark.severity, self.tokens);
            let label = format::fit(&mark.label, 11.0, self.card.width() / 3.0);
            let left = right - format::width(&label, 11.0) - 24.0;
            canvas.outline(Area { left, top: LINE - 9.0, right, bottom: LINE + 9.0 }, color)?;
            marks::shape(canvas, mark.severity, (left + 10.0, LINE), self.tokens)?;
            canvas.text(&label, (left + 19.0, LINE), self.plain(11.0, color))?;
            right = left - 8.0;
        }
        let mut left = PAD;
        let mut write = |text: &str, size: f64, bold: bool, color: Rgba| {
            let text = format::fit(text, size, right - left);
            let form = Type { size, bold, color, anchor: HPos::Left };
            let result = canvas.text(&text, (left, LINE), form);
            // Bold letters are wider.
            left += format::width(&text, size) * if bold { 1.15 } else { 1.0 } + 8.0;
            result
        };
        if let Some(value) = self.last_value() {
            write(&format::alone(value), 19.0, true, self.tokens.text)?;
        }
        if let Some(unit) = self.picture.unit.as_deref() {
            write(unit, 12.0, false, self.tokens.text)?;
        }
        write(&self.picture.title, 12.0, false, self.tokens.dim)
    }

    fn last_value(&self) -> Option<f64> {
        let shown =
            self.picture.buckets.iter().filter(|bucket| self.times.contains(bucket.start) && bucket.last.is_finite());
        shown.max_by_key(|bucket| bucket.start).map(|bucket| bucket.last)
    }

    fn value_axis<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<B>,
        plot: Area,
        values: &Values,
        labels: &[(f64, String)],
    ) -> Result<(), ChartError> {
        let room = self.card.right - plot.right - 10.0;
        for (value, text) in labels {
            let y = plot.bottom - values.place(*value) * plot.height();
            canvas.path(&[(plot.left, y), (plot.right, y)], self.tokens.line, 1.0)?;
            let text = format::fit(text, LABEL_SIZE, room);
            canvas.text(&text, (plot.right + 6.0, y), self.plain(LABEL_SIZE, self.tokens.dim))?;
        }
        if let Some(unit) = self.picture.unit.as_deref() {
            let unit = format::fit(unit, LABEL_SIZE, room);
            canvas.text(&unit, (plot.right + 6.0, plot.top - 6.0), self.plain(LABEL_SIZE, self.tokens.dim))?;
        }
        Ok(())
    }

    fn time_axis<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, plot: Area) -> Result<(), ChartError> {
        let (labels, step) = self.times.labels((plot.width() / 90.0).max(1.0) as usize, self.offset);
        let mut free_from = 2.0;
        for at in labels {
            let x = self.x(plot, at);
            let text = format::time(at.plus_nanos(i64::from(self.offset) * 1_000_000_000), step);
            let half = format::width(&text, LABEL_SIZE) / 2.0;
            if x - half < free_from || x + half > self.card.right - 2.0 {
                continue;
            }
            free_from = x + half + 6.0;
            canvas.path(&[(x, plot.bottom), (x, plot.bottom + 3.0)], self.tokens.faint, 1.0)?;
            let form = Type { anchor: HPos::Center, ..self.plain(LABEL_SIZE, self.tokens.dim) };
            canvas.text(&text, (x, plot.bottom + 11.0), form)?;
        }
        Ok(())
    }

    fn band<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<B>,
        plot: Area,
        values: &Values,
        gaps: &Gaps,
    ) -> Result<(), ChartError> {
        // The band is a trace of its own: the same columns, the same holes.
        let mut buckets: Vec<feedwatch_model::Bucket> = Vec::with_capacity(self.picture.band.len());
        for &(at, low, high) in &self.picture.band {
            let mut bucket = feedwatch_model::Bucket::new(at);
            bucket.add(low);
            bucket.add(if low.is_finite() { high } else { f64::NAN });
            if !high.is_finite() {
                bucket.min = f64::NAN;
            }
            buckets.push(bucket);
        }
        for line in trace::lines(&buckets, 1, &self.times, gaps, plot.width() as usize) {
            let x = |column: &trace::Column| plot.left + column.place * plot.width();
            let y = |value: f64| plot.bottom - values.place(value) * plot.height();
            let upper = line.iter().map(|column| (x(column), y(column.max)));
            let lower = line.iter().rev().map(|column| (x(column), y(column.min)));
            canvas.shape_of(&upper.chain(lower).collect::<Vec<Xy>>(), self.tokens.band)?;
        }
        Ok(())
    }

    fn trace<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<B>,
        plot: Area,
        values: &Values,
        gaps: &Gaps,
    ) -> Result<(), ChartError> {
        let width = self.picture.bucket_width_ns;
        let lines = trace::lines(&self.picture.buckets, width, &self.times, gaps, plot.width() as usize);
        if lines.is_empty() {
            let middle = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
            let form = Type { anchor: HPos::Center, ..self.plain(12.0, self.tokens.dim) };
            return canvas.text("No values in this time", middle, form);
        }
        for line in lines {
            let point = |column: &trace::Column, value: f64| -> Xy {
                (plot.left + column.place * plot.width(), plot.bottom - values.place(value) * plot.height())
            };
            let points: Vec<Xy> =
                line.iter().flat_map(|column| column.values().map(|value| point(column, value))).collect();
            canvas.path(&points, self.tokens.trace, 1.3)?;
            if let [alone] = line.as_slice() {
                canvas.circle(point(alone, alone.last), 1.5, self.tokens.trace, true)?;
            }
        }
        Ok(())
    }

    /// Gaps as hatched strips with their cause.
    fn holes<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, plot: Area) -> Result<(), ChartError> {
        let mut free_from = plot.left;
        for (area, cause) in self.strips(plot) {
            canvas.fill(area, self.tokens.hover)?;
            let height = area.height();
            let mut begin = area.left - height;
            while begin < area.right {
                let (left, right) = (begin.max(area.left), (begin + height).min(area.right));
                let y = |x: f64| area.bottom - (x - begin);
                canvas.path(&[(left, y(left)), (right, y(right))], self.tokens.line, 1.0)?;
                begin += 8.0;
            }
            for x in [area.left, area.right] {
                canvas.path(&[(x, area.top), (x, area.bottom)], self.tokens.faint, 1.0)?;
            }
            // A narrow strip may have its cause stand out at both sides, if no other is in the way.
            let room = if area.width() < 16.0 { 0.0 } else { (area.width() - 6.0).max(110.0) };
            let cause = format::fit(&cause, LABEL_SIZE, room);
            let half = format::width(&cause, LABEL_SIZE) / 2.0;
            let middle = ((area.left + area.right) / 2.0).min(plot.right - half).max(plot.left + half);
            if middle - half >= free_from {
                free_from = middle + half + 6.0;
                let form = Type { anchor: HPos::Center, ..self.plain(LABEL_SIZE, self.tokens.dim) };
                canvas.text(&cause, (middle, area.top + 9.0), form)?;
            }
        }
        Ok(())
    }

    /// The strips of the gaps, at least two pixels wide; those that touch are one.
    fn strips(&self, plot: Area) -> Vec<(Area, String)> {
        let mut gaps: Vec<(f64, f64, &str)> = self
            .picture
            .gaps
            .iter()
            .map(|(from, to, cause)| (*from, to.unwrap_or(self.times.to), cause))
            .filter(|(from, to, _)| from <= to && *from <= self.times.to && *to >= self.times.from)
            .map(|(from, to, cause)| (self.x(plot, from), self.x(plot, to), cause.as_str()))
            .collect();
        gaps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut strips: Vec<(Area, String)> = Vec::new();
        for (left, right, cause) in gaps {
            let left = left.min(plot.right - 2.0);
            let right = right.max(left + 2.0);
            match strips.last_mut().filter(|(area, _)| left <= area.right) {
                Some((area, causes)) => {
                    area.right = area.right.max(right);
                    if causes != cause {
                        "several gaps".clone_into(causes);
                    }
                }
                None => strips.push((Area { left, right, ..plot }, cause.to_owned())),
            }
        }
        strips
    }

    /// The range in UTC, and whose time the labels are in.
    fn caption<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) -> Result<(), ChartError> {
        let y = self.card.bottom - 10.0;
        let range = format::utc_range(self.times.from, self.times.to);
        let range = format::fit(&range, 10.0, self.card.width() - 2.0 * PAD);
        canvas.text(&range, (PAD, y), self.plain(10.0, self.tokens.dim))?;
        let zone = format!("labels in {}", format::offset(self.offset));
        if format::width(&range, 10.0) + format::width(&zone, 10.0) + 4.0 * PAD < self.card.width() {
            let form = Type { anchor: HPos::Right, ..self.plain(10.0, self.tokens.dim) };
            canvas.text(&zone, (self.card.right - PAD, y), form)?;
        }
        Ok(())
    }

    fn x(&self, plot: Area, at: Time) -> f64 {
        plot.left + self.times.place(at) * plot.width()
    }

    fn plain(&self, size: f64, color: Rgba) -> Type {
        Type { size, bold: false, color, anchor: HPos::Left }
    }
}
