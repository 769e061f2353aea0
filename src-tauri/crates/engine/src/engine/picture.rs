//! A chart as a picture, drawn by the chart crate from what a frame holds.

use feedwatch_chart::{Mark, Picture, Theme};
use feedwatch_model::{GapCause, SeriesId, Severity, Time};

use super::Engine;
use super::ask::failure;
use crate::frame::{self, Frame, Past};
use crate::live::{LiveBucket, width_for};
use crate::wire::{Failure, FrameRequest, PanelRequest, PictureRequest};

const COLUMNS: u32 = 900;

impl Engine {
    /// The picture of a chart: SVG text or PNG bytes.
    ///
    /// # Errors
    /// A [`Failure`]: no such series, or no font for a PNG.
    pub fn picture(&self, request: &PictureRequest) -> Result<Vec<u8>, Failure> {
        let picture = self.picture_of(request)?;
        let drawn = match request.format.as_str() {
            "svg" => feedwatch_chart::svg(&picture).map(String::into_bytes),
            "png" => feedwatch_chart::png(&picture),
            other => return Err(failure("bad_request", format!("There is no format {other}."), "Take svg or png.")),
        };
        drawn.map_err(|error| failure("internal", error.to_string(), ""))
    }

    fn picture_of(&self, request: &PictureRequest) -> Result<Picture, Failure> {
        let series = SeriesId(request.series);
        let meta = self.core.pipeline.lock().registry().meta(series).cloned();
        let meta = meta.ok_or_else(|| failure("not_found", "There is no such series (any more).", ""))?;
        let panel = PanelRequest { series: request.series, columns: COLUMNS, cursor: None };
        let span_ms = request.to_ms - request.from_ms;
        let wanted = FrameRequest { span_ms, until_ms: Some(request.to_ms), panels: vec![panel] };
        let mut drawn = Frame::begin(&mut self.core.pipeline.lock(), &wanted, self.core.now());
        let past = self.core.history.past(self.core.now());
        drawn.fill(past.as_ref().map(|past| past as &dyn Past));
        let panel = drawn.panels().first().ok_or_else(|| failure("internal", "Nothing was drawn.", ""))?;
        let time = |ms: f64| Time::from_nanos((ms * 1e6) as i64);
        let bucket = |point: &LiveBucket| feedwatch_model::Bucket {
            start: point.start,
            count: 1,
            min: point.min,
            max: point.max,
            first: point.min,
            last: point.max,
            sum: 0.0,
        };
        let mark = |&(at, value, level): &(f64, f64, u32)| Mark {
            at: time(at),
            value,
            severity: match level {
                3 => Severity::Critical,
                2 => Severity::Warning,
                _ => Severity::Info,
            },
            label: String::new(),
        };
        let cause = |code: u32| frame::cause_of(code).map_or("", GapCause::word).to_owned();
        Ok(Picture {
            title: match self.core.pipeline.lock().thinned(meta.feed) {
                Some(thinned) => format!("{} ({thinned})", meta.name),
                None => meta.name.to_string(),
            },
            unit: meta.unit.map(|unit| unit.to_string()),
            from: time(request.from_ms),
            to: time(request.to_ms),
            width: 1200,
            height: 480,
            theme: if request.theme == "light" { Theme::Light } else { Theme::Dark },
            buckets: panel.points.iter().map(bucket).collect(),
            bucket_width_ns: width_for((span_ms * 1e6) as i64, COLUMNS).0,
            band: panel
                .points
                .iter()
                .filter(|point| point.low.is_finite())
                .map(|point| (point.start, point.low, point.high))
                .collect(),
            gaps: panel
                .gaps
                .iter()
                .map(|&(from, to, code)| (time(from), to.is_finite().then(|| time(to)), cause(code)))
                .collect(),
            marks: panel.marks.iter().map(mark).collect(),
            utc_offset_secs: request.utc_offset_minutes.clamp(-1_440, 1_440) * 60,
        })
    }
}
