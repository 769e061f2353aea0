//! What several of these tests do.

use std::path::PathBuf;

use feedwatch_tests::binary::root;
use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::wait::LONG;
use serde_json::Value;

/// Lines of the log that tell of something wrong in the page.
pub(crate) fn page_errors(window: &Window) -> Vec<String> {
    window.log().lines().filter(|line| line.contains("ERROR page")).map(str::to_owned).collect()
}

/// Nothing went wrong in the page: no error that nobody caught, none in the log, no violation of its policy.
#[track_caller]
pub(crate) fn all_well(window: &Window) {
    assert_eq!(window.wrongs(), Vec::<String>::new());
    assert_eq!(page_errors(window), Vec::<String>::new());
}

/// Waits until charts are there with values.
#[track_caller]
pub(crate) fn charts_move(window: &Window) {
    window.until("six charts with a value", LONG, "document.querySelectorAll('[data-testid=panel-value]').length >= 6");
    let before = values(window);
    let now = format!("JSON.stringify({VALUES}) !== {}", Value::from(before));
    window.until("last values change", LONG, &now);
}

const VALUES: &str = "[...document.querySelectorAll('[data-testid=panel-value]')].map((value) => value.textContent)";

/// The last values of all charts in sight, as text.
#[track_caller]
pub(crate) fn values(window: &Window) -> String {
    window.value(&format!("JSON.stringify({VALUES})")).as_str().unwrap_or_default().to_owned()
}

/// A file for people to look at.
pub(crate) fn shot(name: &str) -> PathBuf {
    root().join("target/window-shots").join(format!("{name}.png"))
}

/// The tokens of a theme.
pub(crate) fn tokens(theme: &str) -> Value {
    let text = std::fs::read_to_string(root().join("ui/src/theme/tokens.json")).expect("the tokens");
    let tokens: Value = serde_json::from_str(&text).expect("JSON");
    tokens.get(theme).cloned().expect("a theme")
}

/// A colour of a theme.
pub(crate) fn token(theme: &str, name: &str) -> feedwatch_tests::desktop::picture::Colour {
    feedwatch_tests::desktop::picture::colour(tokens(theme).get(name).and_then(Value::as_str).expect("a token"))
}
