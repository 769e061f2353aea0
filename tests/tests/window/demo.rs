//! The demo: the first thing a newcomer sees.

use std::time::Duration;

use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::{LONG, wait_for};
use serde_json::Value;

use crate::kit::{all_well, charts_move, shot};

/// The first fault comes after 30 s, the next ones every 10 s.
const FAULT: Duration = Duration::from_secs(90);

const NEED: &str =
    "document.querySelectorAll('[data-testid=alarm]:is([data-state=unacknowledged], [data-state=returned])')";

const INLINE: &str = "
    const script = document.createElement('script');
    script.textContent = 'window.inline = 1';
    document.head.append(script);
";

#[test]
fn the_demo_opens_with_charts_that_move_on_the_screen() {
    let desktop = Desktop::new(Notifications::Dunst);
    let window = Window::open(&desktop, &["demo"]);
    charts_move(&window);
    assert!(window.value("navigator.language") == "en-US", "LANG=C.UTF-8 makes no language");
    let pill = window.text("[data-testid=demo-pill]");
    assert!(pill.contains("DEMO") && pill.contains("Paste an address"), "{pill}");
    let feeds = window.value("[...document.querySelectorAll('[data-testid=feed]')].map((feed) => feed.dataset.state)");
    assert_eq!(feeds, serde_json::json!(["live", "live"]));

    // Not the page's word but the screen's: the inside of a chart is painted anew.
    let chart = window.area("[data-testid=panel] .plot").inside(2);
    let before = desktop.screenshot();
    let after = wait_for("pixels of a chart change", LONG, || {
        let now = desktop.screenshot();
        (now.changed(&before, chart) > 20).then_some(now)
    });
    after.save(&shot("demo"));
    all_well(&window);

    // That nothing was seen means something only if it would have been.
    window.script(INLINE, vec![]);
    window.until("the policy stops a script of the page's text", LONG, "window.seenByTest.length > 0");
    assert!(window.wrongs().iter().all(|wrong| wrong.starts_with("policy script-src")), "{:?}", window.wrongs());
    assert_eq!(window.value("window.inline"), Value::Null);
    window.end();
}

#[test]
fn an_alarm_is_explained_notified_acknowledged_and_shown() {
    let desktop = Desktop::new(Notifications::Dunst);
    let window = Window::open(&desktop, &["demo"]);
    charts_move(&window);
    let first = window.until("an alarm of the spike", FAULT, &format!("{NEED}[0]?.dataset.alarmId"));
    let first = format!("[data-alarm-id='{}']", first.as_str().unwrap_or_default());
    let headline = window.text(&format!("{first} .m"));
    let why = window.text(&format!("{first} .why"));
    assert!(!headline.is_empty() && why.len() > 20, "{headline:?} because {why:?}");

    // The desktop's own service has it, with the words of the window.
    let note = desktop.notification(&headline);
    assert!(note.lines().count() >= 2, "a notification explains itself: {note:?}");
    desktop.screenshot().save(&shot("alarm"));

    // Show goes to the moment, and the chart stands.
    window.click(&format!("{first} [data-testid=show]"));
    window.until("the charts are paused", LONG, "document.querySelector('[data-testid=live]').ariaPressed === 'false'");
    let moment = "document.querySelector('[data-testid=timeline]').ariaValueNow";
    let shown = window.value(moment);
    let lit = window.value("document.querySelector('.panel.lit')?.dataset.seriesName ?? ''");
    let source = window.text(&format!("{first} .source"));
    assert!(source.ends_with(lit.as_str().unwrap_or_default()) && lit != "", "{lit} is lit, {source} is meant");
    let there = "(() => { const b = document.querySelector('.panel.lit').getBoundingClientRect();
        const grid = document.querySelector('.grid').getBoundingClientRect();
        return b.top >= grid.top - 1 && b.bottom <= grid.bottom + 1; })()";
    window.until("its chart is in sight", LONG, there);
    let value = "/[0-9]/.test(document.querySelector('.panel.lit [data-testid=panel-value]')?.textContent ?? '')";
    window.until("its chart has values", LONG, value);
    desktop.screenshot().save(&shot("shown"));
    window.click("[data-testid=live]");
    window.until("the charts are live", LONG, "document.querySelector('[data-testid=live]').ariaPressed === 'true'");
    window.until("the moment moves on", LONG, &format!("{moment} !== {shown}"));

    // Acknowledged by click …
    window.click(&format!("{first} [data-testid=ack]"));
    let state = |alarm: &str| format!("document.querySelector({})?.dataset.state ?? 'gone'", Value::from(alarm));
    let seen = |alarm: &str| format!("['acknowledged', 'normal', 'gone'].includes({})", state(alarm));
    window.until("the click acknowledges", LONG, &seen(&first));

    // … and the next one by its key.
    let second = window.until("another alarm", FAULT, &format!("{NEED}[0]?.dataset.alarmId"));
    let second = format!("[data-alarm-id='{}']", second.as_str().unwrap_or_default());
    window.press('a');
    window.until("the key acknowledges", LONG, &seen(&second));
    all_well(&window);
}
