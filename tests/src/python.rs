//! Servers written by others: Python packages and nginx, which `scripts/setup test` installs.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binary::root;
use crate::process::Process;
use crate::wait::{LONG, wait_for};

/// A server whose first line of output is its port.
#[derive(Debug)]
pub struct Foreign {
    /// The program.
    pub process: Process,
    /// Its port on loopback.
    pub port: u16,
}

/// Starts `tests/servers/NAME`.
///
/// # Panics
/// If the Python environment is missing, or the server does not start.
#[track_caller]
pub fn serve(name: &str, args: &[&str]) -> Foreign {
    let python = root().join(".setup/python/bin/python");
    assert!(python.exists(), "{} is missing: run `scripts/setup test`", python.display());
    let mut command = Command::new(python);
    command.arg("-u").arg(root().join("tests/servers").join(name)).args(args);
    let process = Process::start(&mut command);
    let line = process.line("its port", LONG, |line| line.starts_with("port "));
    let port = line.trim_start_matches("port ").parse().expect("a port");
    Foreign { process, port }
}

/// nginx with nchan, as this user, with everything it writes in `folder`.
///
/// # Panics
/// If it is not installed or does not start.
#[track_caller]
pub fn nginx(folder: &Path) -> Foreign {
    // The port is chosen before nginx takes it: somebody may be quicker, so it is tried again.
    for _ in 0..5 {
        let port = free_port();
        let config = nginx_config(folder, port);
        let path = folder.join("nginx.conf");
        std::fs::write(&path, config).expect("nginx's configuration");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(&path);
        let mut process = Process::start(&mut command);
        let listens = wait_for("nginx listens, or has ended", LONG, || match TcpStream::connect(("127.0.0.1", port)) {
            Ok(_) => Some(true),
            Err(_) => process.has_ended().then_some(false),
        });
        if listens && !process.has_ended() {
            return Foreign { process, port };
        }
        let said = process.said();
        assert!(said.contains("Address already in use"), "nginx cannot start: {said}");
    }
    panic!("nginx found no port five times");
}

/// One process only: a worker would outlive a master that is killed.
fn nginx_config(folder: &Path, port: u16) -> String {
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {}/{what};", folder.display()))
        .join("\n");
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;\n{user}\ndaemon off;\nmaster_process off;\n\
         pid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\nserver {{\n\
         listen 127.0.0.1:{port};\n\
         location /publish {{ nchan_publisher; nchan_channel_id feed; nchan_message_buffer_length 10000; \
         nchan_message_timeout 10m; }}\n\
         location /feed {{ nchan_subscriber websocket eventsource; nchan_channel_id feed; \
         nchan_subscriber_first_message oldest; nchan_eventsource_ping_interval 1; }}\n}}\n}}\n",
        folder = folder.display(),
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().map(|address| address.port()).unwrap_or_default()
}

/// One HTTP request on loopback; gives the whole answer.
///
/// # Panics
/// If the server does not answer.
#[track_caller]
pub fn post(port: u16, path: &str, body: &str) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Is this program there?
pub fn installed(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.exists())
}
