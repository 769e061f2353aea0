//! A desktop of a test's own: a screen nobody sees (Xvfb), a session bus without activation, and a notification service
//! (dunst) where the test wants one. Nothing is shared with the desktop the test runs on, nor with another test.

pub mod picture;
pub mod window;

use std::process::Command;

use serde_json::Value;

use crate::home::Home;
use crate::process::Process;
use crate::wait::{LONG, wait_for, wait_until};

use self::picture::Picture;

/// Pixels of the screen; the window asks for as many.
pub const SCREEN: (usize, usize) = (1440, 900);

/// No service is started because somebody calls it: without dunst there is no notification service at all.
pub(crate) const BUS: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
    <busconfig><type>session</type><listen>unix:tmpdir=FOLDER</listen><policy context=\"default\">\
    <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
    </policy></busconfig>\n";

/// What is wanted of the desktop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notifications {
    /// Shown by dunst.
    Dunst,
    /// Nobody shows them.
    Nobody,
}

/// The desktop; it ends when dropped. Windows on it must be gone before.
#[derive(Debug)]
pub struct Desktop {
    /// The user's folders.
    pub home: Home,
    // In this order they end.
    dunst: Option<Process>,
    _bus: Process,
    _screen: Process,
    display: String,
    bus_address: String,
}

impl Desktop {
    /// A new one, with a home of its own.
    ///
    /// # Panics
    /// If Xvfb, the bus or dunst cannot be started: `scripts/setup test` installs them.
    #[track_caller]
    pub fn new(notifications: Notifications) -> Desktop {
        let home = Home::new();
        let size = format!("{}x{}x24", SCREEN.0, SCREEN.1);
        let screen = Process::start(home.command("Xvfb".as_ref()).args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            &size,
            "-nolisten",
            "tcp",
        ]));
        let display = format!(":{}", screen.line("its display", LONG, |line| line.parse::<u32>().is_ok()));
        // Its socket goes with the home.
        let folder = home.path("runtime").display().to_string();
        let config = home.write("bus.conf", BUS.replace("FOLDER", &folder));
        let bus = Process::start(
            home.command("dbus-daemon".as_ref())
                .arg(format!("--config-file={}", config.display()))
                .args(["--nofork", "--print-address=1"]),
        );
        let bus_address = bus.line("its address", LONG, |line| line.starts_with("unix:"));
        let mut desktop = Desktop { home, dunst: None, _bus: bus, _screen: screen, display, bus_address };
        if notifications == Notifications::Dunst {
            desktop.dunst = Some(Process::start(&mut desktop.command("dunst")));
            wait_until("dunst answers", LONG, || {
                desktop.command("dunstctl").arg("is-paused").output().is_ok_and(|output| output.status.success())
            });
        }
        desktop
    }

    /// A command on this desktop, with an environment that a user of few settings would have.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.home.command(program.as_ref());
        command
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus_address)
            .env("LANG", "C.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("LANGUAGE")
            .env("NO_AT_BRIDGE", "1")
            .env("GDK_BACKEND", "x11");
        command
    }

    /// Texts of all notifications that the service has shown: headline and body of each.
    ///
    /// # Panics
    /// If dunst does not answer in JSON.
    #[track_caller]
    pub fn shown(&self) -> Vec<String> {
        // Those still on the screen are no history yet.
        self.dunstctl("close-all");
        let history: Value = serde_json::from_str(&self.dunstctl("history")).expect("JSON of dunst");
        let notes = history.pointer("/data/0").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |note: &Value, key: &str| {
            note.pointer(&format!("/{key}/data")).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        notes.iter().map(|note| format!("{}\n{}", text(note, "summary"), text(note, "body"))).collect()
    }

    #[track_caller]
    fn dunstctl(&self, what: &str) -> String {
        let output = self.command("dunstctl").arg(what).output().expect("dunstctl");
        assert!(output.status.success(), "dunstctl {what}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until a notification holds this text; gives it.
    ///
    /// # Panics
    /// If none does in time.
    #[track_caller]
    pub fn notification(&self, text: &str) -> String {
        wait_for(&format!("a notification says {text:?}"), LONG, || {
            self.shown().into_iter().find(|note| note.contains(text))
        })
    }

    /// What the screen shows now, as X has it.
    ///
    /// # Panics
    /// If `import` of ImageMagick cannot take it.
    #[track_caller]
    pub fn screenshot(&self) -> Picture {
        let mut command = self.command("import");
        let output = command.args(["-silent", "-window", "root", "-depth", "8", "rgb:-"]).output().expect("import");
        assert!(output.status.success(), "import: {}", String::from_utf8_lossy(&output.stderr));
        Picture::new(SCREEN, output.stdout)
    }
}
