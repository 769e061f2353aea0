//! When the engine is silent, and when nobody shows notifications.

use std::time::Duration;

use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::LONG;

use crate::kit::{all_well, charts_move, shot};

/// Requests of the page are kept until they are let go: for the page the engine has stopped answering.
const STALL: &str = "
    const real = window.fetch;
    const kept = [];
    window.fetch = (...args) => new Promise((resolve, reject) => kept.push(() => real(...args).then(resolve, reject)));
    window.letGo = () => { window.fetch = real; kept.forEach((go) => go()); };
";

#[test]
fn old_data_do_not_look_live() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &["demo", "--no-faults"]);
    charts_move(&window);
    assert_eq!(window.text("[data-testid=frozen]"), "");
    window.script(STALL, vec![]);
    window.until("the page says so", LONG, "document.querySelector('[data-testid=frozen]')");
    let words = window.text("[data-testid=frozen]");
    assert!(words.contains("DATA FROZEN") && words.contains("old"), "{words}");
    desktop.screenshot().save(&shot("frozen"));
    window.script("window.letGo();", vec![]);
    window.until("it goes on", LONG, "document.querySelector('[data-testid=frozen]') === null");
    charts_move(&window);
    all_well(&window);
}

#[test]
fn without_a_notification_service_the_window_goes_on_and_says_so_once() {
    const SENTENCE: &str = "No notification service answers on this desktop; alarms show in the window only.";
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &["demo"]);
    charts_move(&window);
    let footer = "document.querySelector('footer').innerText.includes('notification service')";
    window.until("the status bar tells it", Duration::from_secs(90), footer);
    assert!(window.text("footer").contains(SENTENCE), "{}", window.text("footer"));
    // Another alarm does not make the log repeat it.
    let second = "document.querySelectorAll('[data-testid=alarm]').length > 1";
    window.until("a second alarm", Duration::from_secs(90), second);
    assert_eq!(window.log().matches(SENTENCE).count(), 1, "{}", window.log());
    charts_move(&window);
    all_well(&window);
}
