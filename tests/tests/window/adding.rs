//! Feeds of one's own: added, taken back, refused, hostile.

use std::time::Duration;

use feedwatch_engine::clock;
use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::LONG;
use feedwatch_tests::websocket::Server;
use serde_json::{Value, json};

use crate::kit::{all_well, charts_move, shot};

const TICK: Duration = Duration::from_millis(50);

/// A feed of three boilers, twenty messages a second.
fn boilers() -> Server {
    const BOILERS: [(&str, f64); 3] = [("north", 70.0), ("south", 35.0), ("west", 110.0)];
    Server::start(|talk| {
        for (number, (boiler, level)) in BOILERS.iter().cycle().enumerate() {
            let time = clock::now().millis_f64().floor();
            let temperature = level + 5.0 * (number as f64 / 9.0).sin();
            let message = json!({ "boiler": boiler, "time": time as u64, "temp_c": temperature, "load": number % 17 });
            if !talk.send(message.to_string()) || !talk.pause(TICK) {
                return;
            }
        }
    })
}

fn look_at(window: &Window, address: &str) {
    window.click("[data-testid=add-feed]");
    window.fill("[data-testid=add-address]", address);
    window.click("[data-testid=probe-start]");
}

#[test]
fn a_feed_is_looked_at_added_watched_and_taken_back() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &[]);
    charts_move(&window);
    let server = boilers();
    look_at(&window, &server.url());
    window.until("the first messages", LONG, "document.querySelector('[data-testid=probe-messages] pre')");
    let first = window.text("[data-testid=probe-messages]");
    assert!(first.contains("\"temp_c\":") && first.contains("north"), "{first}");
    window.until(
        "the keys are discovered",
        LONG,
        "document.querySelector('dialog .found').innerText.includes('north.temp_c')",
    );
    desktop.screenshot().save(&shot("add"));
    window.until("what is known", LONG, "document.querySelector('[data-testid=add-profile]')");
    window.click("[data-testid=add-profile] summary");
    window.click("[data-testid=pin-keys]");
    window.until("the pin", LONG, "document.querySelector('[data-testid=add-pins]').textContent.includes('1 key')");
    desktop.screenshot().save(&shot("add-pinned"));
    window.click("[data-testid=add-confirm]");
    window.until("the notice with its undo", LONG, "document.querySelector('[data-testid=toast-undo]')");

    let path = desktop.home.path("config/feedwatch/feeds.toml");
    let written = std::fs::read_to_string(&path).expect("a configuration was written");
    assert!(written.contains(&server.url()), "{written}");
    assert!(written.contains("keys = [\"/boiler\"]"), "{written}");
    let panel = "document.querySelector('[data-testid=panel][data-series-name=\"north.temp_c\"]')";
    window.until("a chart of the new feed", LONG, panel);
    let value = format!("{panel}?.querySelector('[data-testid=panel-value]')?.textContent");
    let before = window.until("its value", LONG, &format!("/[0-9]/.test({value} ?? '') && {value}"));
    window.until("its value moves", LONG, &format!("/[0-9]/.test({value} ?? '') && {value} !== {before}"));
    assert_eq!(window.text("[data-testid=demo-pill]"), "", "it is no demo any more");
    desktop.screenshot().save(&shot("added"));

    pinned_in_its_profile(&window, &path);
    desktop.screenshot().save(&shot("profile"));
    window.click("[data-testid=tab-charts]");
    undo(&window, "Changed what is pinned");
    undo(&window, "Added");
    window.until("the demo is back", LONG, "document.querySelector('[data-testid=demo-pill]')");
    window.until("its chart is gone", LONG, &format!("{panel} === null"));
    assert!(!path.exists(), "there was no configuration before");
    charts_move(&window);
    all_well(&window);
}

/// The time is pinned by one press, a limit of a series after what is wrong with it was said.
#[track_caller]
fn pinned_in_its_profile(window: &Window, path: &std::path::Path) {
    window.click("[data-testid=tab-profile]");
    window.until("its keys are pinned", LONG, "document.querySelector('[data-testid=part-keys][data-pinned=true]')");
    window.until("its time", LONG, "document.querySelector('[data-testid=part-times]').innerText.includes('/time')");
    window.click("[data-testid=pin-times]");
    let written = |text: &str| std::fs::read_to_string(path).unwrap_or_default().contains(text);
    feedwatch_tests::wait::wait_until("the time is written", LONG, || {
        written("times = [{ path = \"/time\", unit = \"ms\" }]")
    });
    window.until("it is said", LONG, "document.body.innerText.includes('Changed what is pinned of')");
}

/// Takes back what the notice tells that begins so.
#[track_caller]
fn undo(window: &Window, what: &str) {
    let notice = format!(
        "[...document.querySelectorAll('[data-testid=notice]')].find((one) => one.textContent.trim().startsWith('{what}'))"
    );
    window.until(what, LONG, &notice);
    window.until("its undo", LONG, &format!("({notice})?.querySelector('[data-testid=toast-undo]')?.click() ?? true"));
    window.until("it is taken back", LONG, &format!("{notice} === undefined"));
}

#[test]
fn an_address_that_cannot_be_watched_says_why() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &[]);
    charts_move(&window);
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let refused = format!("ws://{}/", free.local_addr().expect("its number"));
    drop(free);
    for (address, word) in [("nonsense", "nonsense"), ("ftp://example/feed", "ftp"), (refused.as_str(), "refused")] {
        look_at(&window, address);
        window.until("a problem", LONG, "document.querySelector('[data-testid=probe-problem]')");
        let problem = window.text("[data-testid=probe-problem]");
        assert!(
            problem.to_lowercase().contains(word) && problem.split_whitespace().count() >= 5,
            "{address}: {problem}"
        );
        assert_eq!(window.value("document.querySelector('[data-testid=add-confirm]').disabled"), json!(true));
        window.press('\u{e00c}');
        window.until("the dialog is closed", LONG, "document.querySelector('dialog[open]') === null");
    }
    assert!(!desktop.home.path("config/feedwatch/feeds.toml").exists(), "nothing was written");
    all_well(&window);
}

#[test]
fn a_hostile_feed_is_text_and_runs_nothing() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &[]);
    charts_move(&window);
    let server = hostile();
    look_at(&window, &server.url());
    window.until("the first messages", LONG, "document.querySelector('[data-testid=probe-messages] pre')");
    window.until("the series", LONG, "document.querySelector('dialog ul .name')");
    unharmed(&window);
    desktop.screenshot().save(&shot("hostile-look"));
    window.click("[data-testid=add-confirm]");
    let panel = "document.querySelector('[data-testid=panel][data-series-name*=\"<img\"] [data-testid=panel-value]')";
    window.until("its charts", LONG, &format!("/[0-9]/.test({panel}?.textContent ?? '')"));
    assert!(
        window.text("[data-testid=panel][data-series-name*='<img'] .p").contains("<img"),
        "markup is shown as text"
    );
    unharmed(&window);
    desktop.screenshot().save(&shot("hostile"));
    all_well(&window);
}

fn hostile() -> Server {
    let image = "<img src=x onerror=\"window.harmed=1\">";
    let (long, too_long) = ("n".repeat(240), "m".repeat(600));
    let first = json!({
        image: 1.5,
        long.as_str(): 2,
        too_long.as_str(): 6,
        "long text": too_long.as_str(),
        "<script>window.harmed=1</script>": 3,
        "text": "\"><svg onload=window.harmed=1>",
        "${window.harmed=1}{{window.harmed=1}}": 4,
        "\u{202e}desrever": 5,
    });
    Server::start(move |talk| {
        let mut message = first.clone();
        let mut number = 0.0;
        loop {
            number += 1.0;
            message[image] = Value::from(number);
            if !talk.send(message.to_string()) || !talk.pause(TICK) {
                return;
            }
        }
    })
}

#[track_caller]
fn unharmed(window: &Window) {
    assert_eq!(window.value("window.harmed"), Value::Null, "something of the feed ran");
    assert_eq!(
        window.value("document.querySelectorAll('img, iframe, object, script:not([src]), svg[onload]').length"),
        json!(0)
    );
    let wide =
        window.value("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - window.innerWidth");
    assert!(wide.as_f64().unwrap_or(1.0) <= 0.0, "the page is {wide} pixels wider than the window");
}
