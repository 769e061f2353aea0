//! Tests that need what is not everywhere.

/// Says why a test is skipped; where CI is said to be set nothing is.
///
/// # Panics
/// If `CI=true`.
#[track_caller]
pub fn unless_ci(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "this cannot be tested here: {why}");
    because(why);
}

/// Says why a test is skipped, also in CI: for what a CI need not be allowed.
pub fn because(why: &str) {
    eprintln!("skipped: {why}");
}
