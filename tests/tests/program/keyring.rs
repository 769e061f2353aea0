//! Secrets of the desktop's keyring, against GNOME Keyring.

use feedwatch_tests::binary::feedwatch;
use feedwatch_tests::keyring::Keyring;
use feedwatch_tests::process::Process;
use feedwatch_tests::python::serve;
use feedwatch_tests::skip;
use feedwatch_tests::wait::LONG;

const MISSING: &str = "there is no gnome-keyring or no secret-tool, which `scripts/setup test` installs";

fn config(port: u16) -> String {
    let url = format!("url = \"http://127.0.0.1:{port}/state\"\nevery = \"100ms\"");
    format!(
        "[feed.spot.poll]\n{url}\nbearer = {{ keyring = \"spot\" }}\n\
         [feed.absent.poll]\n{url}\nbearer = {{ keyring = \"absent\" }}\n"
    )
}

/// Runs the program until a line has `told` and another one is what is `wanted`; gives everything that was said.
fn watch(keyring: &Keyring, told: &str, wanted: impl FnMut(&str) -> bool) -> String {
    let mut command = keyring.command(feedwatch());
    let running = Process::start(command.args(["run", "feeds.toml", "--json", "--follow", "--for", "120s"]));
    running.line(told, LONG, |line| line.contains(told));
    running.line("what is wanted", LONG, wanted);
    running.interrupt();
    let ended = running.end(LONG);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    format!("{ended:?}")
}

#[test]
fn a_secret_is_read_from_the_keyring_and_what_is_wrong_with_it_is_told() {
    let Some(keyring) = Keyring::start() else { return skip::unless_ci(MISSING) };
    let home = &keyring.home;
    let server = serve("expiring.py", &[&home.path("token").display().to_string(), "1000000"]);
    let token = std::fs::read_to_string(home.path("token")).expect("the token");
    keyring.put("spot", token.trim());
    home.write("feeds.toml", config(server.port));
    let check = Process::start(keyring.command(feedwatch()).args(["check", "feeds.toml"])).end(LONG);
    assert_eq!(check.code, Some(0), "the keyring is not asked: {check:?}");

    let absent = "The keyring has no entry \\\"absent\\\". Put it there: secret-tool store";
    let came = |line: &str| {
        let said: serde_json::Value = serde_json::from_str(line).expect("JSON");
        said["accounts"]["spot"]["received"].as_u64() > Some(0)
    };
    let said = watch(&keyring, absent, came);
    assert!(server.process.lines().iter().any(|line| line.contains("\"status\": 200")), "it was let in");
    assert!(
        !server.process.lines().iter().any(|line| line.contains("\"status\": 401")),
        "and the other one did not try"
    );
    assert!(!said.contains(token.trim()), "{said}");

    keyring.lock();
    let locked = "The keyring with the entry \\\"spot\\\" is locked. Unlock it";
    watch(&keyring, absent, |line| line.contains(locked));

    // Nobody answers there: the program is not on the bus of a desktop.
    let mut alone = home.command(feedwatch());
    alone.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", home.path("nothing").display()));
    let running = Process::start(alone.args(["run", "feeds.toml", "--json", "--follow", "--for", "120s"]));
    running.line("no keyring", LONG, |line| line.contains("No keyring answers ("));
    running.interrupt();
    assert_eq!(running.end(LONG).code, Some(0));
}
