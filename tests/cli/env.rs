//! The real binary in a clean environment, with a home of its own.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::child::heed_signals;
pub use crate::child::{Running, start, within};
use crate::server::{Nobody, Server};

/// The two seconds of the promise, and half a second to start and to end; [`within`] a machine's means.
pub const DEADLINE: Duration = Duration::from_millis(2500);

/// Where a test's commands live.
#[must_use]
pub struct TestEnv {
    pub home: TempDir,
    variables: Vec<(String, String)>,
    _nobody: Nobody,
}

impl TestEnv {
    /// Commands that know of no server; the default address is not theirs to use.
    pub fn new() -> Self {
        heed_signals();
        let nobody = Nobody::new();
        let url = format!("http://{}", nobody.address());
        let env = Self { home: TempDir::new().unwrap(), variables: Vec::new(), _nobody: nobody };
        // No settings of whoever runs the tests, or of their machine.
        env.with("VLOG_URL", &url).with("VLOG_CONFIG", "off")
    }

    /// Commands that use this server.
    pub fn for_server(server: &Server) -> Self {
        Self::new().with("VLOG_URL", &server.url())
    }

    /// Sets a variable for all commands.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a variable out for all commands.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// The server that commands use.
    pub fn url(&self) -> String {
        self.variables.iter().find(|(name, _)| name == "VLOG_URL").unwrap().1.clone()
    }

    /// The usual place of the outbox.
    pub fn outbox(&self) -> std::path::PathBuf {
        self.home.path().join(".local/state/vlog/outbox")
    }

    /// The entries in the outbox, oldest first.
    pub fn entries(&self) -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(self.outbox()).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut entries: Vec<_> =
            all.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect();
        entries.sort();
        entries
    }

    /// The messages of the records in the outbox, oldest first.
    pub fn waiting(&self) -> Vec<String> {
        let read = || self.entries().iter().map(|path| undelivered(path)).collect::<Option<Vec<_>>>();
        // An entry that got another name between the list and the reading is in the next list.
        let texts = (0..100).find_map(|_| read()).expect("entries that stay");
        let lines = texts.iter().flat_map(|text| text.lines());
        let parsed = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        parsed.map(|record| record["_msg"].as_str().unwrap().to_owned()).collect()
    }

    /// `vlog status --json`.
    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(self.run(&["status", "--json"]).text()).unwrap()
    }

    /// `vlog` with an empty environment but for home, path and what was set.
    pub fn vlog(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_vlog"))
    }

    /// Another program in the same environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path()).env("HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path()).stdin(Stdio::null());
        command
    }

    /// `sh -c SCRIPT` with `vlog` on the path.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.command("sh");
        let here = std::path::Path::new(env!("CARGO_BIN_EXE_vlog")).parent().unwrap();
        let path = format!("{}:{}", here.display(), path().display());
        command.args(["-c", script]).env("PATH", path);
        command
    }

    /// Runs `vlog` with these arguments.
    pub fn run(&self, args: &[&str]) -> Finished {
        finish(self.vlog().args(args))
    }

    /// Runs `vlog` with these arguments and this on stdin.
    pub fn run_with(&self, args: &[&str], input: impl AsRef<[u8]>) -> Finished {
        finish_with(self.vlog().args(args), input)
    }
}

/// Says that a test is skipped, past the test runner, which hides what a test that passes prints.
pub fn skip(why: &str) {
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// The lines of an entry that its first line does not say are delivered; `None` if it is gone.
pub fn undelivered(entry: &std::path::Path) -> Option<String> {
    let text = std::fs::read_to_string(entry).ok()?;
    if text.is_empty() {
        // It is just being made.
        return Some(text);
    }
    let (first, _) = text.split_once('\n').unwrap();
    let header: serde_json::Value = serde_json::from_str(first).unwrap();
    let sent: usize = header["sent"].as_str().unwrap().parse().unwrap();
    Some(text[sent.max(first.len() + 1)..].to_owned())
}

/// The folders to look for programs in that one may look into: another one makes "not found" a "permission denied".
fn path() -> OsString {
    let all = std::env::var_os("PATH").unwrap();
    let open = std::env::split_paths(&all).filter(|folder| folder.join(".").exists());
    std::env::join_paths(open).unwrap()
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub time: Duration,
}

impl Finished {
    fn new(output: Output, time: Duration) -> Self {
        let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
        Self { status: output.status.code(), stdout: output.stdout, stderr, time }
    }

    /// Asserts the promise: status 0, nothing on stdout, in time.
    #[track_caller]
    pub fn kept_the_promise(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        assert!(self.time < within(DEADLINE), "{self:?}");
        self
    }

    /// Asserts status 0 and that nothing was said.
    #[track_caller]
    pub fn in_silence(self) -> Self {
        let finished = self.kept_the_promise();
        assert_eq!(finished.stderr, "");
        finished
    }

    /// Asserts the exit status.
    #[track_caller]
    pub fn ending_with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:?}");
        self
    }

    /// Asserts one line on stderr, of the form that all of vlog's have, with this in it.
    #[track_caller]
    pub fn saying(self, expected: &str) -> Self {
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("vlog: ") && self.stderr.ends_with('\n'), "{self:?}");
        assert!(self.stderr.contains(expected), "{self:?}\nshould say {expected:?}");
        self
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Finished {
    let start = Instant::now();
    let output = spawn(command).wait_with_output().unwrap();
    Finished::new(output, start.elapsed())
}

/// Runs a command that reads `input`.
pub fn finish_with(command: &mut Command, input: impl AsRef<[u8]>) -> Finished {
    let start = Instant::now();
    let mut child = spawn(command.stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // A command that does not read all of its input is caught by what it then does not send.
    let feeding = thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    Finished::new(output, start.elapsed())
}

/// Starts a command with stdout and stderr to be read.
pub fn spawn(command: &mut Command) -> Running {
    start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

/// Sends a signal to a child.
pub fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// Waits for a child that was started with [`spawn`].
pub fn wait(child: Running) -> Finished {
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    Finished::new(output, start.elapsed())
}
