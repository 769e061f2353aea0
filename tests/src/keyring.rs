//! GNOME Keyring on a bus of its own, empty and unlocked.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::desktop::BUS;
use crate::home::Home;
use crate::process::Process;
use crate::wait::{LONG, wait_until};

const SERVER: &str = "/usr/bin/gnome-keyring-daemon";
const CLIENT: &str = "/usr/bin/secret-tool";

/// The keyring; it ends when dropped.
#[derive(Debug)]
pub struct Keyring {
    /// The user's folders.
    pub home: Home,
    // In this order they end.
    _server: Process,
    _bus: Process,
    bus_address: String,
}

impl Keyring {
    /// One that is unlocked; `None` where none is installed.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Option<Keyring> {
        if ![SERVER, CLIENT].iter().all(|program| Path::new(program).exists()) {
            return None;
        }
        let home = Home::new();
        let folder = home.path("runtime").display().to_string();
        let config = home.write("bus.conf", BUS.replace("FOLDER", &folder));
        let bus = Process::start(
            home.command("dbus-daemon".as_ref())
                .arg(format!("--config-file={}", config.display()))
                .args(["--nofork", "--print-address=1"]),
        );
        let bus_address = bus.line("its address", LONG, |line| line.starts_with("unix:"));
        let mut server = home.command(SERVER.as_ref());
        server.env("DBUS_SESSION_BUS_ADDRESS", &bus_address).args(["--foreground", "--unlock", "--components=secrets"]);
        let (server, mut password) = Process::start_told(&mut server);
        password.write_all(b"a password").expect("it reads");
        drop(password);
        let keyring = Keyring { home, _server: server, _bus: bus, bus_address };
        wait_until("the keyring is on the bus", LONG, || {
            keyring.call("OpenSession", &["string:plain", "variant:string:"])
        });
        Some(keyring)
    }

    /// A command of this user's session.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = self.home.command(program);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus_address);
        command
    }

    fn call(&self, method: &str, words: &[&str]) -> bool {
        let method = format!("org.freedesktop.Secret.Service.{method}");
        let at = ["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"];
        let mut command = self.command("dbus-send".as_ref());
        command.args(at).arg(method).args(words).output().is_ok_and(|output| output.status.success())
    }

    /// Puts a secret under a name, as the documents say it.
    ///
    /// # Panics
    /// If it is not taken.
    #[track_caller]
    pub fn put(&self, name: &str, secret: &str) {
        let mut command = self.command(CLIENT.as_ref());
        command.args(["store", &format!("--label=Feedwatch {name}"), "service", "feedwatch", "username", name]);
        let mut running = command.stdin(Stdio::piped()).spawn().expect("secret-tool");
        running.stdin.take().expect("its input").write_all(secret.as_bytes()).expect("it reads");
        assert!(running.wait().expect("its end").success(), "secret-tool stores {name}");
    }

    /// Locks all that is in it.
    ///
    /// # Panics
    /// If it does not let itself be locked.
    #[track_caller]
    pub fn lock(&self) {
        assert!(self.call("Lock", &["array:objpath:/org/freedesktop/secrets/collection/login"]), "it is locked");
    }
}
