//! How it looks, as pixels of the screen.

use feedwatch_tests::desktop::picture::Colour;
use feedwatch_tests::desktop::window::Window;
use feedwatch_tests::desktop::{Desktop, Notifications};
use feedwatch_tests::wait::{LONG, wait_until};

use crate::kit::{all_well, charts_move, shot, token};

#[test]
fn both_themes_are_painted_in_their_colours() {
    let desktop = Desktop::new(Notifications::Nobody);
    let window = Window::open(&desktop, &["demo", "--no-faults"]);
    charts_move(&window);
    let dark = paint(&desktop, &window, "dark");
    let light = paint(&desktop, &window, "light");
    assert!(dark.iter().all(|channel| *channel < 80), "{dark:?}");
    assert!(light.iter().all(|channel| *channel > 180), "{light:?}");
    all_well(&window);
}

/// Chooses a theme and waits until the screen has its colours; gives the charts' background.
fn paint(desktop: &Desktop, window: &Window, theme: &str) -> Colour {
    window.click("[data-testid=settings-open]");
    window.choose("[data-testid=theme-select]", theme);
    window.press('\u{e00c}');
    window.until("the dialog is closed", LONG, "document.querySelector('dialog[open]') === null");
    let areas = [
        (window.area("[data-testid=panel]").inside(4), token(theme, "card")),
        (window.area("nav[aria-label=Feeds]").inside(4), token(theme, "pane")),
        (window.area("footer").inside(2), token(theme, "pane")),
    ];
    wait_until(&format!("the screen is {theme}"), LONG, || {
        let screen = desktop.screenshot();
        areas.iter().all(|(area, colour)| screen.dominant(*area) == *colour)
    });
    let screen = desktop.screenshot();
    screen.save(&shot(theme));
    screen.dominant(areas[0].0)
}
