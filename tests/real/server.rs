//! A VictoriaLogs of the test's own: found, started, asked, and stopped.

use std::collections::HashSet;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::child::heed_signals;
use crate::http::{self, Answer};

/// A stored record as the server tells it: all values are texts.
pub type Row = Map<String, Value>;

/// A running server; it ends with this value.
pub struct Server {
    child: Child,
    program: PathBuf,
    options: Vec<String>,
    /// `TZ`.
    zone: &'static str,
    port: u16,
    /// Where it keeps its data.
    folder: TempDir,
    /// What all its paths begin with.
    prefix: String,
    /// Header lines that it wants to see.
    credentials: String,
}

impl Server {
    /// Starts a server; `None`, and a line on stderr, where there is no such program.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// The same with more options.
    pub fn start_with(options: &[&str]) -> Option<Self> {
        // Its clock is nobody's business.
        Self::start_in("America/New_York", options)
    }

    /// The same on the clock of a zone, which times without one in a query are on.
    pub fn start_in(zone: &'static str, options: &[&str]) -> Option<Self> {
        let program = program()?;
        heed_signals();
        let option = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
        let prefix = option("-http.pathPrefix=").unwrap_or_default().to_owned();
        let credentials = option("-httpAuth.username=").map_or(String::new(), |user| {
            use base64::prelude::{BASE64_STANDARD, Engine};
            let password = option("-httpAuth.password=").unwrap_or_default();
            format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
        });
        // The port may be taken by somebody else before the server has it.
        for _ in 0..5 {
            let folder = TempDir::new().unwrap();
            let port = free_port();
            let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
            let child = launch(&program, &options, zone, port, folder.path());
            let (program, prefix, credentials) = (program.clone(), prefix.clone(), credentials.clone());
            let mut server = Self { child, program, options, zone, port, folder, prefix, credentials };
            if server.comes_up() {
                return Some(server);
            }
            eprintln!("{}", server.log());
        }
        panic!("{} does not start", program.display());
    }

    /// Ends it as an init system would: it writes down what it has taken first.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let end = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the server does not stop");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it again after [`Server::stop`], on the same port and with the same data.
    pub fn start_again(&mut self) {
        self.child = launch(&self.program, &self.options, self.zone, self.port, self.folder.path());
        assert!(self.comes_up(), "the server does not start again");
    }

    /// Waits until it answers; `false` if it ends instead.
    fn comes_up(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            // With TLS it cannot be asked in plain text.
            let is_up = if self.options.iter().any(|option| option == "-tls") {
                TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            } else {
                self.post("/health", "", &[]).is_ok_and(|answer| answer.status == 200)
            };
            if is_up {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// What it has written to its log that is worth a look.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| !line.contains("\tinfo\t")).collect::<Vec<_>>().join("\n")
    }

    /// Its URL, path prefix included.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.prefix)
    }

    /// Sends it a signal, by its process id.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        // It goes on until each of its threads has noticed.
        while name == "STOP" && !self.is_stopped() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether none of its threads runs, as far as the system tells.
    fn is_stopped(&self) -> bool {
        let threads =
            std::fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let is_stopped = |folder: &Path| {
            let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
            !status.lines().any(|line| line.starts_with("State:") && !line.contains("stopped"))
        };
        threads.into_iter().all(|thread| is_stopped(&thread.path()))
    }

    /// Its answer to a query with these arguments, all that was sent before included.
    pub fn answer(&self, form: &[(&str, &str)]) -> Answer {
        self.answer_for("", form)
    }

    /// The same with more header lines.
    pub fn answer_for(&self, headers: &str, form: &[(&str, &str)]) -> Answer {
        self.flush();
        self.post("/select/logsql/query", headers, form).unwrap()
    }

    /// The rows that a query finds.
    pub fn rows(&self, query: &str) -> Vec<Row> {
        let answer = self.answer(&[("query", query)]);
        let body = String::from_utf8(answer.body).expect("rows are UTF-8");
        assert_eq!(answer.status, 200, "{body}");
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The rows of a service in the order of their time.
    pub fn rows_of(&self, service: &str) -> Vec<Row> {
        self.rows(&format!("service:={service} | sort by (_time)"))
    }

    /// The one row of a service.
    #[track_caller]
    pub fn row_of(&self, service: &str) -> Row {
        let mut rows = self.rows_of(service);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows.remove(0)
    }

    /// Makes what was sent visible at once.
    pub fn flush(&self) {
        assert_eq!(self.post("/internal/force_flush", "", &[]).unwrap().status, 200);
    }

    fn post(&self, path: &str, headers: &str, form: &[(&str, &str)]) -> std::io::Result<Answer> {
        let path = format!("{}{path}", self.prefix);
        http::post(self.port, &path, &format!("{}{headers}", self.credentials), form)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

/// Starts the program; its log goes on where an earlier one has ended.
fn launch(program: &Path, options: &[String], zone: &str, port: u16, folder: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(program)
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg(format!("-storageDataPath={}", folder.join("data").display()))
        .args(options)
        .env("TZ", zone)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("could not start {}: {error}", program.display()))
}

/// The text of a field; empty where the row does not have it, as for the server.
pub fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).map_or("", |value| value.as_str().expect("values are texts"))
}

/// A field's texts over several rows.
pub fn texts(rows: &[Row], name: &str) -> Vec<String> {
    rows.iter().map(|row| text(row, name).to_owned()).collect()
}

/// The server program: the one named, or the one on the path.
fn program() -> Option<PathBuf> {
    named("victoria-logs", "VICTORIA_LOGS_BIN")
}

/// The program that the variable names, or the one of this name on the path; where there is none that is said once.
pub fn named(name: &str, variable: &str) -> Option<PathBuf> {
    static TOLD: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let named = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let found = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    });
    if found.is_none() && TOLD.lock().unwrap().insert(name.to_owned()) {
        // Not by a macro: the harness would keep it to itself.
        let line = format!("SKIPPED: no {name}; set {variable}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// A port that no other server of these tests has or had.
pub fn free_port() -> u16 {
    static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if TAKEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}
