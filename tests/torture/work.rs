//! One process of `vlog`: what it is told to do, what it promises by that, and how it ended.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::random::Random;

/// What a process is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Send,
    Large,
    Detach,
    Pipe,
    Run,
    Hook,
    Flush,
    Status,
    Query,
}

const VERBS: [Verb; 12] = [
    Verb::Send,
    Verb::Send,
    Verb::Send,
    Verb::Large,
    Verb::Detach,
    Verb::Pipe,
    Verb::Pipe,
    Verb::Run,
    Verb::Hook,
    Verb::Flush,
    Verb::Status,
    Verb::Query,
];

/// A process that was started.
pub struct Work {
    pub verb: Verb,
    /// The marks of its records.
    pub marks: Vec<String>,
    /// Whether it got a signal after which it promises nothing.
    pub is_ended: bool,
    child: Child,
    /// What it writes. Not into files: their size may be limited.
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    start: Instant,
    stopped: Option<Instant>,
    paused: Duration,
}

/// How a process ended.
pub struct End {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Without the time that it was stopped.
    pub time: Duration,
    /// What it took of the processors.
    pub cpu: Duration,
}

/// What all processes of a round have in common.
pub struct Setting<'a> {
    pub binary: &'a str,
    /// Their variables.
    pub variables: Vec<(String, String)>,
    /// What limits a shell sets before.
    pub limits: &'a str,
    /// Where their files go.
    pub folder: &'a Path,
}

impl Work {
    /// Starts one. `name` is its number in the round; its records go to `url`, the server of that number.
    pub fn start(setting: &Setting, name: &str, server: usize, url: &str, random: &mut Random) -> Self {
        let verb = random.pick(&VERBS);
        let count = match verb {
            Verb::Pipe | Verb::Run => random.pick(&[1, 10, 3000, 40_000]),
            Verb::Flush | Verb::Status | Verb::Query => 0,
            Verb::Send | Verb::Large | Verb::Detach | Verb::Hook => 1,
        };
        let marks: Vec<String> = (1..=count).map(|n| format!("{name}.{n}.{server}")).collect();
        let input = setting.folder.join(format!("{name}.in"));
        fs::write(&input, input_of(verb, &marks, random)).unwrap();
        let script = format!("{} exec \"$@\"", setting.limits);
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", setting.binary]).args(arguments(verb, name, server, count));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("VLOG_URL", url);
        command.envs(setting.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(File::open(&input).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
        Self {
            verb,
            marks,
            is_ended: false,
            child,
            stdout,
            stderr,
            start: Instant::now(),
            stopped: None,
            paused: Duration::ZERO,
        }
    }

    pub fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::SIGSTOP => self.stopped = self.stopped.or(Some(Instant::now())),
            Signal::SIGCONT => self.paused += self.stopped.take().map_or(Duration::ZERO, |at| at.elapsed()),
            Signal::SIGCHLD => {}
            _ => self.is_ended = true,
        }
        // It may have ended just now.
        let _ = kill(self.pid(), signal);
    }

    /// How long it has been running, but for the time that it was stopped.
    pub fn time(&self) -> Duration {
        let now = self.stopped.map_or(Duration::ZERO, |at| at.elapsed());
        self.start.elapsed().saturating_sub(self.paused + now)
    }

    /// How it ended, if it did.
    pub fn end(&mut self) -> Option<End> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        if waitid(Id::Pid(self.pid()), flags).unwrap() == WaitStatus::StillAlive {
            return None;
        }
        let (time, cpu) = (self.time(), self.cpu());
        let status = self.child.wait().unwrap();
        let text =
            |of: Option<JoinHandle<String>>| of.and_then(|reader| reader.join().ok()).unwrap_or_default();
        let (stdout, stderr) = (text(self.stdout.take()), text(self.stderr.take()));
        // One that a signal has ended.
        self.is_ended |= status.signal().is_some();
        Some(End { status: status.code(), stdout, stderr, time, cpu })
    }

    /// What a command that was run has written, if it is what it writes without `vlog`.
    pub fn expected_output(&self) -> String {
        match self.verb {
            Verb::Run => self.marks.iter().map(|mark| format!("mark:{mark};\n")).collect(),
            _ => String::new(),
        }
    }

    /// Ends it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Of a process that has ended and was not waited for; the kernel counts in hundredths of a second.
    fn cpu(&self) -> Duration {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> =
            text.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0);
        Duration::from_millis(10 * (ticks(11) + ticks(12)))
    }
}

fn read_all(from: Option<impl Read + Send + 'static>) -> Option<JoinHandle<String>> {
    let mut from = from?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

fn arguments(verb: Verb, name: &str, server: usize, count: u64) -> Vec<String> {
    let message = format!("mark:{name}.1.{server}; a message");
    let field = format!("torture=mark:{name}.1.{server};");
    let words: Vec<&str> = match verb {
        Verb::Send => vec!["send", &message, "service=torture", "n:=1"],
        Verb::Large => vec!["send", "-"],
        Verb::Detach => vec!["send", "--detach", &message],
        Verb::Pipe => vec!["pipe", "--service", "torture"],
        Verb::Run => {
            let format = format!("mark:{name}.%.0f.{server};");
            return ["run", "--", "seq", "-f", &format, &count.to_string()].map(str::to_owned).to_vec();
        }
        Verb::Hook => vec!["hook", &field],
        Verb::Flush => vec!["flush"],
        Verb::Status => vec!["status", "--json"],
        Verb::Query => vec!["query", "--local", "-n", "50", "*"],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn input_of(verb: Verb, marks: &[String], random: &mut Random) -> String {
    let first = marks.first().map_or("", String::as_str);
    match verb {
        Verb::Large => {
            let length = random.pick(&[100_000, 300_000, 1_500_000]);
            format!("mark:{first}; {}", "x".repeat(length))
        }
        Verb::Pipe => marks
            .iter()
            .map(|mark| match random.below(4) {
                0 => format!("{{\"level\":\"warn\",\"msg\":\"mark:{mark};\",\"took\":1.5}}\n"),
                1 => format!("2026-01-02T03:04:05Z ERROR mark:{mark}; it went wrong\n"),
                2 => format!("level=info msg=\"mark:{mark};\" user=ana\n"),
                _ => format!("mark:{mark}; a line without a shape\n"),
            })
            .collect(),
        Verb::Hook => "{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"x\"}\n".to_owned(),
        _ => String::new(),
    }
}
