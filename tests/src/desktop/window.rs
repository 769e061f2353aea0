//! The real window, driven from outside by WebDriver as an operator would: clicks, keys, and looks at what is there.
//!
//! `WebKitWebDriver` starts the program; its log goes to a file. One driver for one window.

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::Desktop;
use super::picture::Area;
use crate::binary;
use crate::process::Process;
use crate::wait::{LONG, wait_for, wait_until};

/// What is remembered of the page's life from the moment the driver reaches it, which is mostly before its first script
/// has run: violations of its policy, and errors that nobody caught.
const WATCH: &str = "
    if (location.protocol !== 'tauri:' || document.body === null) return false;
    if ('seenByTest' in window) return document.readyState === 'complete';
    window.seenByTest = [];
    const note = (text) => window.seenByTest.push(text);
    document.addEventListener('securitypolicyviolation', (e) => note(`policy ${e.violatedDirective} ${e.blockedURI}`));
    window.addEventListener('error', (e) => {
        if (!String(e.message).startsWith('ResizeObserver loop')) note(`error ${e.message}`);
    });
    window.addEventListener('unhandledrejection', (e) => note(`rejection ${e.reason}`));
    return false;
";

/// An open window. Dropping it kills the program and its driver.
#[derive(Debug)]
pub struct Window {
    client: Option<Client>,
    runtime: Runtime,
    program: Pid,
    _driver: Process,
    log: PathBuf,
}

impl Window {
    /// Opens the window with these arguments; files that it saves go to `saved` in the home.
    ///
    /// # Panics
    /// If it cannot be opened.
    #[track_caller]
    pub fn open(desktop: &Desktop, args: &[&str]) -> Window {
        let home = &desktop.home;
        let (log, number, start) = (home.path("window.log"), home.path("window.pid"), home.path("start-window"));
        let program = binary::built("feedwatch-desktop", "feedwatch-desktop");
        let _ = std::fs::remove_file(&number);
        std::fs::create_dir_all(home.path("saved")).expect("a folder to save to");
        // The driver starts what it is told to and says nothing of its number or its log.
        let script = format!(
            "#!/bin/sh\necho $$ > {number}.new && mv {number}.new {number}\nexec {program} \"$@\" 2>> {log}\n",
            number = number.display(),
            program = program.display(),
            log = log.display(),
        );
        std::fs::write(&start, script).expect("the script that starts the window");
        std::fs::set_permissions(&start, Permissions::from_mode(0o755)).expect("it can be run");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads for the driver's client");
        let (driver, port) = start_driver(desktop);
        let options = json!({ "binary": start.display().to_string(), "args": args });
        let wanted = [("webkitgtk:browserOptions".to_owned(), options)].into_iter().collect();
        let client = runtime.block_on(async {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            builder.capabilities(wanted);
            let address = format!("http://127.0.0.1:{port}");
            tokio::time::timeout(2 * LONG, builder.connect(&address)).await
        });
        let client = match client {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => panic!("no session with the window: {error}{}{}", driver.said(), read(&log)),
            Err(_) => panic!("no session with the window in time{}{}", driver.said(), read(&log)),
        };
        let program = wait_for("the window's number", LONG, || {
            Pid::from_raw(std::fs::read_to_string(&number).ok()?.trim().parse().ok()?)
        });
        let window = Window { client: Some(client), runtime, program, _driver: driver, log };
        // The first answers may still come from the empty page before ours.
        wait_until("the page is loaded", LONG, || window.script(WATCH, vec![]) == Value::Bool(true));
        window
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the window is open")
    }

    /// Asks the driver; panics with the program's log if it fails or does not answer.
    #[track_caller]
    fn ask<T>(&self, what: &str, ask: impl AsyncFnOnce(&Client) -> Result<T, fantoccini::error::CmdError>) -> T {
        let answer = self.runtime.block_on(async { tokio::time::timeout(LONG, ask(self.client())).await });
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{what}: {error}\nlog of the window:\n{}", self.log()),
            Err(_) => panic!("{what}: the driver does not answer\nlog of the window:\n{}", self.log()),
        }
    }

    /// Runs a script in the page; gives what it returns.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn script(&self, script: &str, args: Vec<Value>) -> Value {
        self.ask(script, async |client| client.execute(script, args).await)
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.script(&format!("return ({expression});"), vec![])
    }

    /// Waits until an expression is true in the sense of the page's language; gives its value.
    ///
    /// # Panics
    /// If it is not in time.
    #[track_caller]
    pub fn until(&self, what: &str, at_most: Duration, expression: &str) -> Value {
        let (start, mut value) = (std::time::Instant::now(), Value::Null);
        while start.elapsed() < at_most {
            value = self.value(expression);
            if truthy(&value) {
                return value;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let text = self.value("document.body.innerText");
        let text = text.as_str().unwrap_or_default();
        panic!(
            "after {at_most:?} still not: {what} ({value})\nlog of the window:\n{}\nthe page says:\n{text}",
            self.log()
        )
    }

    /// Waits for an element; gives it.
    ///
    /// # Panics
    /// If there is none in time.
    #[track_caller]
    fn element(&self, css: &str) -> Element {
        self.until(css, LONG, &format!("document.querySelector({})", Value::from(css)));
        self.ask(css, async |client| client.find(Locator::Css(css)).await)
    }

    /// Clicks an element with the mouse, once it is there.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let element = self.element(css);
        self.ask(&format!("click {css}"), async |_| element.click().await);
    }

    /// Types into an input, in the place of what was there.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.ask(&format!("clear {css}"), async |_| element.clear().await);
        self.ask(&format!("type into {css}"), async |_| element.send_keys(text).await);
    }

    /// Chooses an option of a list by its value.
    #[track_caller]
    pub fn choose(&self, css: &str, value: &str) {
        let element = self.element(css);
        self.ask(&format!("choose {value} of {css}"), async |_| element.select_by_value(value).await);
    }

    /// Presses and releases a key.
    #[track_caller]
    pub fn press(&self, key: char) {
        let keys =
            KeyActions::new("keys".to_owned()).then(KeyAction::Down { value: key }).then(KeyAction::Up { value: key });
        self.ask("a key", async |client| client.perform_actions(keys).await);
    }

    /// Moves the mouse to a place of the page.
    #[track_caller]
    pub fn point_at(&self, x: usize, y: usize) {
        let there = PointerAction::MoveTo { duration: None, x: x as f64, y: y as f64 };
        let mouse = MouseActions::new("mouse".to_owned()).then(there);
        self.ask("the mouse", async |client| client.perform_actions(mouse).await);
    }

    /// Clicks where the mouse is.
    #[track_caller]
    pub fn press_mouse(&self) {
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.ask("a click", async |client| client.perform_actions(mouse).await);
    }

    /// The text of an element, `""` without.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        let text = self.value(&format!("document.querySelector({})?.innerText ?? ''", Value::from(css)));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Where an element is on the screen: the window fills it from its corner on.
    ///
    /// # Panics
    /// If there is no such element.
    #[track_caller]
    pub fn area(&self, css: &str) -> Area {
        let script = "const b = document.querySelector(arguments[0]).getBoundingClientRect();
            return [Math.ceil(b.x + window.screenX), Math.ceil(b.y + window.screenY), Math.floor(b.width), Math.floor(b.height)];";
        let numbers = self.script(script, vec![css.into()]);
        let number = |index: usize| numbers.get(index).and_then(Value::as_u64).unwrap_or_default() as usize;
        Area { x: number(0), y: number(1), width: number(2).saturating_sub(1), height: number(3).saturating_sub(1) }
    }

    /// Violations of the page's policy and errors that nobody caught, until now.
    ///
    /// # Panics
    /// If the page was loaded again, so that nobody watched it.
    #[track_caller]
    pub fn wrongs(&self) -> Vec<String> {
        let all = self.value("window.seenByTest");
        assert!(all.is_array(), "the page was loaded again: {}", self.log());
        all.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The program's log.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Ends the program as a desktop does when it ends itself, and waits for that. (Closing the window through the driver
    /// would not do: the driver then kills the program.)
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn end(self) {
        // One that has ended already needs no signal.
        let _ = kill_process(self.program, Signal::TERM);
        wait_until("the program ends", LONG, || test_kill_process(self.program).is_err());
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // One that has ended already needs no signal; its page ends with it.
        let _ = kill_process(self.program, Signal::KILL);
    }
}

/// The driver on a port of its own.
fn start_driver(desktop: &Desktop) -> (Process, u16) {
    // The port is chosen before the driver takes it: somebody may be quicker, so it is tried again.
    for _ in 0..5 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();
        drop(listener);
        let mut command = desktop.command("WebKitWebDriver");
        command.args(["--host=127.0.0.1", &format!("--port={port}")]);
        command.env("TAURI_WEBVIEW_AUTOMATION", "true").env("FEEDWATCH_SAVE_TO", desktop.home.path("saved"));
        let mut driver = Process::start(&mut command);
        let listens = wait_for("the driver listens, or has ended", LONG, || {
            match std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(_) => Some(true),
                Err(_) => driver.has_ended().then_some(false),
            }
        });
        if listens && !driver.has_ended() {
            return (driver, port);
        }
    }
    panic!("the driver found no port five times");
}

fn read(path: &std::path::Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
