//! nginx as a server of documents and streams: plain and over TLS, with a token, killed and started again.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::certificates;
use crate::process::Process;
use crate::wait::{LONG, wait_for};

const SERVER: &str = "/usr/sbin/nginx";
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// What `/secret` wants to be told.
pub const TOKEN: &str = "s3cret-t0ken";

/// A running nginx. Below `/` it serves files; below `/secret/` the same to who has [`TOKEN`]; below `/certified/` to who
/// has a client certificate; `/publish` and `/feed` are nchan's, as WebSocket and as server-sent events. `/moved` redirects to `/`.
#[derive(Debug)]
pub struct Nginx {
    folder: TempDir,
    process: Process,
    /// Its port without encryption.
    pub port: u16,
    /// Its port with TLS.
    pub tls_port: u16,
}

impl Nginx {
    /// Starts one; `None` if it is not installed.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start() -> Option<Nginx> {
        if !Path::new(NCHAN).exists() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        // Files are read by a process that may be somebody else's.
        fs::create_dir(folder.path().join("www")).expect("a folder");
        certificates::write(folder.path());
        // Ports are chosen before they are taken: somebody may be quicker, so it is tried again.
        for _ in 0..5 {
            let [port, tls_port] = [free_port(), free_port()];
            if let Some(process) = run(folder.path(), port, tls_port) {
                return Some(Nginx { folder, process, port, tls_port });
            }
        }
        panic!("nginx found no ports five times");
    }

    /// Writes a file that is served: at once, never half of it.
    ///
    /// # Panics
    /// If that cannot be done.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) {
        let (fresh, path) = (self.folder.path().join("fresh"), self.folder.path().join("www").join(name));
        fs::write(&fresh, text).expect("a file");
        fs::rename(fresh, path).expect("in its place");
    }

    /// How many requests it has answered with this status.
    pub fn answered(&self, status: u16) -> usize {
        let all = fs::read_to_string(self.file("answers.txt")).unwrap_or_default();
        all.lines().filter(|line| *line == status.to_string()).count()
    }

    /// A file of its certificates.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same ports.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        let (folder, port, tls_port) = (self.folder.path().to_owned(), self.port, self.tls_port);
        self.process = wait_for("nginx starts again", LONG, || run(&folder, port, tls_port));
    }
}

/// `None`: somebody else has the port.
fn run(folder: &Path, port: u16, tls_port: u16) -> Option<Process> {
    let path = folder.join("nginx.conf");
    fs::write(&path, configuration(folder, port, tls_port)).expect("nginx's configuration");
    let mut command = Command::new(SERVER);
    command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(&path);
    let mut process = Process::start(&mut command);
    let listens = wait_for("nginx listens, or has ended", LONG, || match TcpStream::connect(("127.0.0.1", port)) {
        Ok(_) => Some(true),
        Err(_) => process.has_ended().then_some(false),
    });
    if listens && !process.has_ended() {
        return Some(process);
    }
    let said = process.said();
    assert!(said.contains("Address already in use"), "nginx cannot start: {said}");
    None
}

/// One process only: a worker would outlive a master that is killed.
fn configuration(folder: &Path, port: u16, tls_port: u16) -> String {
    let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {}/{what};", folder.display()))
        .join("\n");
    format!(
        "load_module {NCHAN};\n{user}\ndaemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\n\
         log_format status \"$status\";\naccess_log {folder}/answers.txt status;\n{temporary}\ngzip on;\ngzip_types application/json text/plain;\ngzip_min_length 100;\n\
         types {{ application/json json; text/plain prom txt; text/html html; }}\nkeepalive_requests 5;\nserver {{\n\
         listen 127.0.0.1:{port};\nlisten 127.0.0.1:{tls_port} ssl http2;\nserver_name localhost;\n\
         ssl_certificate {folder}/server.pem;\nssl_certificate_key {folder}/server.key;\n\
         ssl_client_certificate {folder}/ca.pem;\nssl_verify_client optional;\n\
         location / {{ root {folder}/www; }}\n\
         location /secret/ {{ if ($http_authorization != \"Bearer {TOKEN}\") {{ return 401; }} alias {folder}/www/; }}\n\
         location /certified/ {{ if ($ssl_client_verify != SUCCESS) {{ return 403; }} alias {folder}/www/; }}\n\
         location /moved {{ return 302 /state.json; }}\n\
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
