//! What lands on the disk, and is there again after a restart.

use std::fs;

use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::{LONG, wait_for, wait_until};

use crate::kit::{all_well, charts_move, shot, token};

#[test]
fn a_csv_and_pictures_of_a_chart_land_on_the_disk() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &["demo", "--no-faults"]);
    charts_move(&window);
    window.until(
        "a history",
        LONG,
        "/[1-9][0-9.,]* .?samples/.test(document.querySelector('[data-testid=status-history]').innerText)",
    );
    window.click("[data-testid=export-open]");
    window.click("[data-testid=export-start]");
    window.until("the export is done", LONG, "document.querySelector('[data-testid=export-done]')");
    let done = window.text("[data-testid=export-done]");
    let path = desktop.home.path("saved/feedwatch.csv");
    assert!(done.contains(&path.display().to_string()), "{done}");
    csv_is_sound(&fs::read(&path).expect("the CSV"));
    window.press('\u{e00c}');
    window.until("the dialog is closed", LONG, "document.querySelector('dialog[open]') === null");

    for (ending, begins) in [("svg", b"<svg ".as_slice()), ("png", b"\x89PNG\r\n\x1a\n")] {
        let panel = window.area("[data-testid=panel]");
        window.point_at(panel.x + panel.width / 2, panel.y + panel.height / 2);
        window.click("[data-testid=panel] .more");
        let item = format!(
            "[...document.querySelectorAll('[role=menuitem]')].find((item) => item.innerText.includes('{}'))",
            ending.to_uppercase()
        );
        window.until("the menu", LONG, &item);
        window.script(&format!("{item}.click()"), vec![]);
        let path = desktop.home.path(&format!("saved/chart.{ending}"));
        let saved = format!("document.querySelector('.notices').innerText.includes('chart.{ending}')");
        window.until("the page says that it is saved", LONG, &saved);
        let bytes = fs::read(&path).expect("the picture");
        assert!(bytes.starts_with(begins) && bytes.len() > 1000, "{} begins otherwise", path.display());
    }
    all_well(&window);
}

fn csv_is_sound(bytes: &[u8]) {
    let mut table = csv::Reader::from_reader(bytes);
    let header: Vec<_> = table.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header, ["time", "receive_time", "feed", "series", "value", "unit", "quality", "gap_seconds"]);
    let rows: Vec<_> = table.records().collect::<Result<_, _>>().expect("rows of eight fields each");
    assert!(rows.len() > 100, "{} rows", rows.len());
    let mut before = String::new();
    for row in rows {
        let field = |index: usize| row.get(index).unwrap_or_default();
        assert!(field(0).ends_with('Z') && *field(0) >= *before, "{row:?} after {before}");
        assert!(!field(2).is_empty() && !field(3).is_empty(), "{row:?}");
        let boolean = ["true", "false"].contains(&field(4));
        assert!((boolean || field(4).parse::<f64>().is_ok()) && field(6) == "good", "{row:?}");
        before = field(0).to_owned();
    }
}

/// The second of the spans.
const SPAN_MS: f64 = 300_000.0;

#[test]
fn a_restart_shows_the_time_before_and_the_gap() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &["demo", "--no-faults"]);
    charts_move(&window);
    let marks = "Number(document.querySelector('[data-testid=accounts] dd')?.innerText.replace(/[^0-9]/g, ''))";
    window.click("[data-testid=feed]");
    window.until("ten seconds of the feed", LONG, &format!("{marks} > 400"));
    let started = window.value("Date.now()");
    window.end();
    let log = std::fs::metadata(desktop.home.path("data/feedwatch/demo.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0, "the history was not closed");

    let window = Window::open(&desktop, &["demo", "--no-faults"]);
    // Five minutes: what was before stays in sight, however long the window took to open.
    window.press('2');
    charts_move(&window);
    let chart = window.area("[data-testid=panel] .uplot");
    let plot = "const u = document.querySelector('[data-testid=panel] .u-over').getBoundingClientRect();
        return [u.x, u.width, u.y, u.height];";
    let numbers = window.script(plot, vec![]);
    let number = |index: usize| numbers.get(index).and_then(serde_json::Value::as_f64).unwrap_or_default();
    let (left, width, top, height) = (number(0), number(1), number(2), number(3));
    // The span is as wide as the plot.
    let x_of = |ago_ms: f64| (left + width * (1.0 - ago_ms / SPAN_MS)) as usize;
    let trace = theme_colour(&window, "trace");
    let (y, tall) = (top as usize, height as usize);
    let now = || window.value("Date.now()").as_f64().unwrap_or_default();
    let stopped = started.as_f64().unwrap_or_default();
    let painted = |from: usize, to: usize| {
        let area = feedwatch_tests::desktop::picture::Area { x: from, y, width: to.saturating_sub(from), height: tall };
        desktop.screenshot().count(area, trace, 60)
    };
    wait_for("the line left of the gap", LONG, || {
        let ago = now() - stopped;
        (painted(x_of(ago + 8_000.0), x_of(ago + 1_000.0)) > 10).then_some(())
    });
    desktop.screenshot().save(&shot("restart"));
    // The crosshair tells the gap in words.
    let mut read = String::new();
    wait_until("the gap is told under the crosshair", LONG, || {
        for step in 0..60_u32 {
            let x = x_of(now() - stopped) + step as usize;
            window.point_at(x, y + tall / 2);
            read = window.text("[data-testid=panel] .readout");
            if read.contains("Console stopped") {
                return true;
            }
        }
        false
    });
    assert!(chart.width > 100 && read.contains(" to "), "{read}");
    all_well(&window);
}

fn theme_colour(window: &Window, name: &str) -> feedwatch_tests::desktop::picture::Colour {
    let theme = window.value("document.documentElement.dataset.theme");
    token(theme.as_str().unwrap_or_default(), name)
}
