//! The real binary in a clean environment, with a home of its own.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::child;
use crate::server::Server;

/// Where a test's commands live.
pub struct Env {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Env {
    /// Commands that use this server.
    pub fn new(server: &Server) -> Self {
        Self::for_url(&server.url())
    }

    /// Commands that use the server at this URL.
    pub fn for_url(url: &str) -> Self {
        let env = Self { home: TempDir::new().unwrap(), variables: Vec::new() };
        env.with("VLOG_URL", url)
    }

    /// Sets a variable for all commands.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The home directory, where commands run.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Puts a shell script of this name on the path.
    pub fn script(&self, name: &str, text: &str) {
        let file = self.home.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `vlog` with an empty environment but for home, path and what was set.
    pub fn vlog(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_vlog"))
    }

    /// Runs `sh -c LINE` with `vlog` on the path.
    pub fn shell(&self, line: &str) -> Finished {
        finish(self.command("sh").args(["-c", line]), b"")
    }

    fn command(&self, program: &str) -> Command {
        let here = Path::new(env!("CARGO_BIN_EXE_vlog")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [here.to_owned(), self.home.path().to_owned()];
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path).env("HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path());
        command
    }

    /// Runs `vlog` with these arguments.
    pub fn run(&self, args: &[&str]) -> Finished {
        finish(self.vlog().args(args), b"")
    }

    /// Runs `vlog send` and asserts that the server has taken it.
    #[track_caller]
    pub fn send<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) {
        finish(self.vlog().args(["send", "--fail", "-v"]).args(args), b"").in_silence();
    }

    /// The same with this on stdin.
    #[track_caller]
    pub fn send_stdin(&self, service: &str, input: impl AsRef<[u8]>) {
        finish(self.vlog().args(["send", "--fail", "-v", "-s", service, "-"]), input).in_silence();
    }

    /// Runs `vlog pipe` with this on stdin and asserts that the server has taken it.
    #[track_caller]
    pub fn pipe(&self, args: &[&str], input: impl AsRef<[u8]>) {
        finish(self.vlog().args(["pipe", "--fail", "-v"]).args(args), input).in_silence();
    }
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
    /// Asserts status 0 and that nothing was printed or said.
    #[track_caller]
    pub fn in_silence(&self) {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        // `-v` confirms what has gone well.
        let said = self.stderr.lines().filter(|line| !line.contains(" delivered to http"));
        assert_eq!(said.collect::<Vec<_>>(), [""; 0]);
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }
}

/// Runs a command that reads `input`.
pub fn finish(command: &mut Command, input: impl AsRef<[u8]>) -> Finished {
    let start = Instant::now();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child::start(command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_vec();
    // A command that does not read all of its input is caught by what it then does not send.
    let feeding = thread::spawn(move || stdin.write_all(&input).ok());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
    Finished { status: status.code(), stdout, stderr, time: start.elapsed() }
}
