//! The demo: the first thing a newcomer sees.

use std::time::Duration;

use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use serde_json::Value;

use crate::kit::{all_well, charts_move, shot};

/// The first fault comes after 30 s, the next ones every 10 s.
const FAULT: Duration = Duration::from_secs(90);

/// An alarm that needs a person.
const NEED: &str =
    "document.querySelector('[data-testid=alarm]:is([data-state=unacknowledged], [data-state=returned])')";

/// Number and headline of the alarms of a series that need a person.
const HEADLINES: &str = "[...document.querySelectorAll('[data-testid=alarm]:has([data-testid=ack])')]
    .filter((card) => card.querySelector('.source').innerText.includes(' · '))
    .map((card) => [card.dataset.alarmId, card.querySelector('.m').innerText])
    .filter(([, headline]) => headline !== '')";

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
    assert_eq!(feeds, serde_json::json!(["live", "live", "live"]));

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
    // The desktop's own service tells one of them with the words of the window. Which one is not known before: several at
    // once become one notification, and the words may change while the alarm lasts.
    let mut known: Vec<(String, String)> = Vec::new();
    let (first, note) = wait_for("a notification has the headline of an alarm", FAULT, || {
        known.extend(serde_json::from_value::<Vec<_>>(window.value(HEADLINES)).expect("numbers and headlines"));
        if known.is_empty() {
            return None;
        }
        desktop.shown().into_iter().find_map(|note| {
            let (number, _) = known.iter().rev().find(|(_, headline)| note.contains(headline.as_str()))?;
            Some((format!("[data-alarm-id='{number}']"), note))
        })
    });
    let why = window.text(&format!("{first} .why"));
    assert!(why.len() > 20, "because {why:?}");
    assert!(note.lines().count() >= 2, "a notification explains itself: {note:?}");
    desktop.screenshot().save(&shot("alarm"));

    // Show goes to the moment, and the chart stands.
    click_in_list(&window, &first, "show");
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
    click_in_list(&window, &first, "ack");
    let state = |alarm: &str| format!("document.querySelector({})?.dataset.state ?? 'gone'", Value::from(alarm));
    let seen = |alarm: &str| format!("['acknowledged', 'normal', 'gone'].includes({})", state(alarm));
    window.until("the click acknowledges", LONG, &seen(&first));

    // … and the next one by its key: that of the card with the focus, whatever comes meanwhile.
    let second = window.until("another alarm", FAULT, &format!("{NEED}?.dataset.alarmId"));
    let second = format!("[data-alarm-id='{}']", second.as_str().unwrap_or_default());
    window.script("document.querySelector(arguments[0]).focus()", vec![second.as_str().into()]);
    window.press('a');
    window.until("the key acknowledges", LONG, &seen(&second));
    all_well(&window);
}

/// Clicks a button of an alarm. The list moves by itself until it is pointed at, then it stands still: only then is the
/// button where it was seen.
#[track_caller]
fn click_in_list(window: &Window, alarm: &str, button: &str) {
    let css = format!("{alarm} [data-testid={button}]");
    wait_until(&format!("the pointer is on {css}"), LONG, || {
        let card = window.area(alarm);
        window.point_at(card.x + 10, card.y + 10);
        window.point_at(card.x + 12, card.y + 12);
        if window.value("document.querySelector('[data-testid=alarm-list]').dataset.still") != "true" {
            return false;
        }
        let place = window.area(&css);
        let (x, y) = (place.x + place.width / 2, place.y + place.height / 2);
        window.point_at(x, y);
        window.value(&format!("!!document.elementFromPoint({x}, {y})?.closest({})", Value::from(css.as_str()))) == true
    });
    window.press_mouse();
}
