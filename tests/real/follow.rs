//! `vlog query --follow` over a server that stops and comes back.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::child::{self, Running};
use crate::env::Env;
use crate::server::{self, Server};

/// A running `vlog query -f`, its lines as they come.
struct Following {
    child: Running,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Following {
    fn start(env: &Env, args: &[&str]) -> Self {
        let mut command = env.vlog();
        command.args(["query", "-f", "-o", "raw"]).args(args);
        let mut child =
            child::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines, seen: Vec::new() }
    }

    /// Waits until all of these were seen.
    #[track_caller]
    fn sees(&mut self, expected: &[String]) {
        let end = Instant::now() + Duration::from_secs(60);
        while !expected.iter().all(|line| self.seen.contains(line)) {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("{:?} of {expected:?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("it has ended after {:?}", self.seen),
            }
        }
    }

    /// Waits until so many were seen.
    #[track_caller]
    fn counts(&mut self, count: usize) {
        while self.seen.len() < count {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.seen.push(line),
                Err(why) => panic!("{why} after {} of {count}", self.seen.len()),
            }
        }
    }

    /// Waits for what should not come any more, ends it, and gives all that it has shown.
    fn end(mut self, wait: Duration) -> Vec<String> {
        thread::sleep(wait);
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.seen.extend(self.lines.iter());
        self.seen
    }
}

fn numbers(name: &str, count: u32) -> Vec<String> {
    (1..=count).map(|n| format!("{name} {n}")).collect()
}

#[test]
fn over_a_restart_every_row_is_shown_once() {
    let Some(mut server) = Server::start_with(&["-http.maxGracefulShutdownDuration=1s"]) else { return };
    let env = Env::new(&server);
    let send = |name: &str, at: Option<&str>| {
        for message in numbers(name, 5) {
            let time = at.map_or(vec![], |at| vec!["-t", at]);
            env.run(&[vec!["send", "-s", "x", &message], time].concat());
        }
    };
    send("old", None);
    server.flush();
    let mut following = Following::start(&env, &["service:=x", "-n", "3"]);
    following.sees(&numbers("old", 5)[2..]);
    // Of one nanosecond, twice: the second half comes when the first was shown.
    let now = Timestamp::now().to_string();
    send("same", Some(&now));
    following.sees(&numbers("same", 5));
    send("before", None);
    following.sees(&numbers("before", 5));
    server.stop();
    // They wait in the outbox, with the time of now.
    send("during", None);
    thread::sleep(Duration::from_secs(2));
    server.start_again();
    send("after", None);
    env.run(&["flush", "--fail"]);
    following.sees(&[numbers("during", 5), numbers("after", 5)].concat());
    let mut seen = following.end(Duration::from_secs(5));
    let mut expected = numbers("old", 5).split_off(2);
    for name in ["same", "before", "during", "after"] {
        expected.extend(numbers(name, 5));
    }
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn rows_that_are_alike_are_all_shown() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let now = Timestamp::now().to_string();
    for _ in 0..3 {
        env.send(["twin", "-s", "x", "-t", &now]);
    }
    server.flush();
    let mut following = Following::start(&env, &["-s", "x"]);
    following.sees(&["twin".to_owned()]);
    env.send(["last", "-s", "x"]);
    following.sees(&["last".to_owned()]);
    assert_eq!(following.end(Duration::from_secs(2)), ["twin", "twin", "twin", "last"]);
}

#[test]
fn since_now_is_only_what_comes() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["old", "-s", "x"]);
    server.flush();
    thread::sleep(Duration::from_millis(1100));
    let mut following = Following::start(&env, &["-l", "error", "--since", "now"]);
    // When it begins is its own business; once it has begun, the next one comes.
    let end = Instant::now() + Duration::from_secs(60);
    while following.seen.is_empty() {
        assert!(Instant::now() < end, "nothing comes");
        env.send(["harmless", "-s", "x"]);
        env.send(["new", "-s", "x", "-l", "error"]);
        following.seen.extend(following.lines.recv_timeout(Duration::from_secs(1)));
    }
    assert!(following.end(Duration::ZERO).iter().all(|line| line == "new"));
}

/// Two requests of `pipe` are under way at a time, and the server's tail shows first what came first: so the lines of one
/// request may come before those of the one before it, but none twice and all of them.
#[test]
fn a_burst_is_shown_whole() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["first", "-s", "x"]);
    server.flush();
    let mut following = Following::start(&env, &["-s", "x"]);
    // It listens from here on.
    following.sees(&["first".to_owned()]);
    let mut lines = numbers("line", 20_000);
    env.pipe(&["-s", "x"], lines.join("\n"));
    following.counts(1 + lines.len());
    let mut seen = following.end(Duration::from_secs(1)).split_off(1);
    seen.sort_unstable();
    lines.sort_unstable();
    assert!(seen == lines, "{} lines, {} of them different", seen.len(), {
        seen.dedup();
        seen.len()
    });
}

/// It takes the default port, so server and tail have the loopback of a network namespace to themselves.
#[test]
fn a_tail_goes_over_from_the_outbox_to_a_server_without_gap_or_repeat() {
    let Some(program) = server::named("victoria-logs", "VICTORIA_LOGS_BIN") else { return };
    let alone = |program: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-rn", program]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    };
    if !alone("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a tail that goes over to a server: this machine allows no network namespaces");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/go_over.sh");
    let mut command = alone("sh");
    command.args([script, env!("CARGO_BIN_EXE_vlog")]).arg(program).arg(folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let mut rows: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    let mut expected = numbers("row", 20);
    rows.sort_unstable();
    expected.sort();
    assert_eq!(rows, expected, "{said}");
    assert!(output.status.success() && said.contains("the outbox answers"), "{said}");
}
