//! Signals, whatever the verb: none makes it hang, none changes its status, what is ignored stays ignored.

use std::io::{PipeWriter, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::env::{self, Running, TestEnv};
use crate::server::{Answer, Server};

/// The mask of that name in what the kernel says of a process.
fn mask(child: &Running, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    u64::from_str_radix(value.unwrap_or("0"), 16).unwrap()
}

fn has(mask: u64, signal: Signal) -> bool {
    mask & (1 << (signal as u32 - 1)) != 0
}

/// Waits until a process catches this signal.
#[track_caller]
fn wait_until_caught(child: &Running, signal: Signal) {
    let end = Instant::now() + Duration::from_secs(20);
    while !has(mask(child, "SigCgt"), signal) {
        assert!(Instant::now() < end, "{signal} is not caught");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every verb at work, with a server that does not answer: what waits for its stdin, for the server, for a reader.
const AT_WORK: [&[&str]; 9] = [
    &["send", "-"],
    &["send", "message"],
    &["pipe", "--tee"],
    &["hook"],
    &["hook", "--", "cat"],
    &["query", "*"],
    &["query", "-f", "*"],
    &["flush"],
    &["status"],
];

/// Starts it with signals as they are by default but for the ignored ones, and with input that goes on as long as
/// the pipe is held.
fn start(env: &TestEnv, args: &[&str], ignored: &str) -> (Running, PipeWriter) {
    let (input, writer) = std::io::pipe().unwrap();
    let mut command = env.command("env");
    command.arg("--default-signal");
    if !ignored.is_empty() {
        command.arg(format!("--ignore-signal={ignored}"));
    }
    command.arg(env!("CARGO_BIN_EXE_vlog")).args(args).stdin(input);
    (env::spawn(&mut command), writer)
}

/// An outbox with something to flush, and no memory of a server that hung.
fn with_entry(server: &Server) -> TestEnv {
    let env = TestEnv::for_server(server);
    env::finish(env.vlog().args(["send", "--timeout", "50ms", "kept"]));
    env
}

#[test]
fn whoever_asks_it_to_end_gets_status_0_from_every_verb() {
    let server = Server::new(Answer::Hang);
    thread::scope(|scope| {
        for args in AT_WORK {
            for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
                let server = &server;
                scope.spawn(move || {
                    let env = with_entry(server);
                    let (child, mut writer) = start(&env, args, "");
                    wait_until_caught(&child, signal);
                    writer.write_all(b"{").ok();
                    // An interrupt tells `pipe` that the programs upstream end.
                    let times = if args[0] == "pipe" && signal == Signal::SIGINT { 2 } else { 1 };
                    for _ in 0..times {
                        thread::sleep(Duration::from_millis(200));
                        env::signal(&child, signal.as_str().trim_start_matches("SIG"));
                    }
                    let done = env::wait(child);
                    assert_eq!(done.status, Some(0), "{args:?} {signal}: {done:?}");
                    drop(writer);
                });
            }
        }
    });
}

#[test]
fn completions_that_nobody_reads_end_with_status_0_too() {
    let env = TestEnv::new();
    for signal in ["TERM", "HUP"] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // As much as a pipe takes.
        writer.write_all(&vec![0; 64 * 1024]).unwrap();
        let mut command = env.vlog();
        let mut child = env::start(command.args(["completions", "bash"]).stdout(writer));
        drop(command);
        wait_until_caught(&child, Signal::SIGTERM);
        env::signal(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        drop(reader);
    }
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored_in_every_verb() {
    let server = Server::new(Answer::Hang);
    thread::scope(|scope| {
        for args in AT_WORK.into_iter().chain([&["run", "--", "sleep", "5"][..]]) {
            for (ignored, caught) in [(Signal::SIGHUP, Signal::SIGTERM), (Signal::SIGINT, Signal::SIGHUP)] {
                let server = &server;
                scope.spawn(move || {
                    let env = with_entry(server);
                    let (mut child, writer) = start(&env, args, ignored.as_str().trim_start_matches("SIG"));
                    wait_until_caught(&child, caught);
                    let (is_ignored, is_caught) = (mask(&child, "SigIgn"), mask(&child, "SigCgt"));
                    assert!(has(is_ignored, ignored) && !has(is_caught, ignored), "{args:?} {ignored}");
                    drop(writer);
                    env::signal(&child, "TERM");
                    child.wait().unwrap();
                });
            }
        }
    });
}

#[test]
fn under_nohup_a_hangup_does_not_end_a_pipe() {
    let env = TestEnv::new();
    let mut command = env.command("nohup");
    let mut child =
        env::spawn(command.arg(env!("CARGO_BIN_EXE_vlog")).args(["pipe", "--tee"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    for line in [b"one\n", b"two\n"] {
        stdin.write_all(line).unwrap();
        std::io::Read::read_exact(&mut stdout, &mut [0; 4]).unwrap();
        env::signal(&child, "HUP");
        thread::sleep(Duration::from_millis(100));
    }
    stdin.write_all(b"three\n").unwrap();
    drop(stdin);
    assert_eq!(env::wait(child).status, Some(0));
    assert_eq!(env.waiting(), ["one", "two", "three"]);
}

#[test]
fn a_signal_while_the_payload_comes_leaves_a_record_and_no_command() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let env = TestEnv::new();
        let (child, mut writer) = start(&env, &["hook", "--", "sh", "-c", "cat > ran"], "");
        wait_until_caught(&child, signal);
        writer.write_all(br#"{"hook_event_name":"Stop","#).unwrap();
        env::signal(&child, signal.as_str().trim_start_matches("SIG"));
        env::wait(child).in_silence();
        let waiting = env.waiting();
        let [message] = &waiting[..] else { panic!("{signal}: {waiting:?}") };
        assert!(message.ends_with("sh was not run: a signal came before all of its payload"), "{message}");
        assert!(!env.home.path().join("ran").exists());
    }
}

/// Starts the command and sends it signals until it has ended. `false` if it does not.
fn ends_under_a_rain(command: &mut Command) -> bool {
    let mut child = env::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
    let id = Pid::from_raw(child.id().try_into().unwrap());
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        for signal in [Signal::SIGPIPE, Signal::SIGCHLD, Signal::SIGWINCH, Signal::SIGCONT] {
            // It is not waited for yet, so this is it.
            let _ = kill(id, signal);
        }
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            return false;
        }
    }
}

#[test]
fn no_signal_at_whatever_moment_makes_it_hang() {
    let end = Instant::now() + Duration::from_secs(12);
    thread::scope(|scope| {
        for verb in ["run", "hook", "run", "hook"] {
            scope.spawn(move || {
                let env = TestEnv::new().with("VLOG_OUTBOX", "off");
                let args: &[&str] = if verb == "run" {
                    &["run", "--on-failure", "--", "true"]
                } else {
                    &["hook", "--", "true"]
                };
                // Some thousands, or as many as there is time for.
                for n in 0..2000 {
                    if Instant::now() > end {
                        return;
                    }
                    assert!(ends_under_a_rain(env.vlog().args(args)), "{verb}, start {n}");
                }
            });
        }
    });
}
