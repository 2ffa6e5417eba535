//! `vlog run`: the command's status, output and signals as if vlog were not there, and its records.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// How a command ended, and what it wrote.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Exit status or signal; whether there was a core dump is the machine's affair.
    status: (Option<i32>, Option<i32>),
    stdout: Vec<u8>,
    stderr: String,
}

fn how(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    Outcome { status: how(output.status), stdout: output.stdout, stderr }
}

/// The command alone, behind `run`, and behind `run --on-failure`; all three must end and write alike. Gives the
/// records of the second and the third.
#[track_caller]
fn alike(words: &[&str]) -> (Outcome, [Vec<Map<String, Value>>; 2]) {
    let bare = outcome(TestEnv::new().command(words[0]).args(&words[1..]));
    let records = [&["run"][..], &["run", "--on-failure"]].map(|verb| {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let wrapped = outcome(env.vlog().args(verb).arg("--").args(words));
        assert!(
            wrapped == bare,
            "{verb:?} {words:?}: {} bytes, {:?} {}",
            wrapped.stdout.len(),
            wrapped.status,
            wrapped.stderr
        );
        server.records()
    });
    (bare, records)
}

fn message(record: &Map<String, Value>) -> &str {
    record["_msg"].as_str().unwrap()
}

/// A file in the home of `env`.
fn file(env: &TestEnv, name: &str, mode: u32, text: &str) -> PathBuf {
    let path = env.home.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn each_line_and_the_end_are_records() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "echo one; sleep 0.2; echo two >&2; sleep 0.2; printf 'three\\r\\n\\nlast'; exit 3";
    let done = env.run(&["run", "a=b", "n:=1", "--", "sh", "-c", script]);
    assert_eq!((done.status, done.text(), done.stderr.as_str()), (Some(3), "one\nthree\r\n\nlast", "two\n"));
    let records = server.records();
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            (message(record), record["level"].as_str().unwrap(), record.get("stream").and_then(Value::as_str))
        })
        .collect();
    let (end, lines) = seen.split_last().unwrap();
    let out = Some("stdout");
    assert_eq!(
        lines,
        [
            ("one", "info", out),
            ("two", "warn", Some("stderr")),
            ("three", "info", out),
            ("last", "info", out)
        ]
    );
    assert!(end.0.starts_with("sh ended with 3 after ") && end.1 == "error" && end.2.is_none(), "{end:?}");
    for record in &records {
        assert_eq!((&record["service"], &record["a"], &record["n"]), (&json!("sh"), &json!("b"), &json!(1)));
    }
    let end = records.last().unwrap();
    assert_eq!((&end["exit_code"], end.get("signal")), (&json!(3), None));
    assert!((400..10_000).contains(&end["duration_ms"].as_u64().unwrap()), "{end:?}");
    let times: Vec<_> = records.iter().map(|record| record["_time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn success_is_one_more_record_and_none_with_on_failure() {
    let (_, [lines, failures]) = alike(&["sh", "-c", "echo fine"]);
    assert_eq!((lines.len(), failures.len()), (2, 0));
    assert!(message(&lines[1]).starts_with("sh ended with 0 after "));
    assert_eq!((&lines[1]["level"], &lines[1]["exit_code"]), (&json!("info"), &json!(0)));
}

#[test]
fn a_failure_is_one_record_with_the_end_of_the_output() {
    for code in [1, 2, 127] {
        let script = format!("echo out; sleep 0.1; echo err >&2; sleep 0.1; echo more; exit {code}");
        let (bare, [lines, failures]) = alike(&["sh", "-c", &script]);
        assert_eq!((bare.status, lines.len()), ((Some(code), None), 4));
        let [failure] = &failures[..] else { panic!("{failures:?}") };
        assert!(message(failure).starts_with(&format!("sh ended with {code} after ")), "{failure:?}");
        assert_eq!((&failure["output"], &failure["level"]), (&json!("out\nerr\nmore"), &json!("error")));
        assert_eq!(failure["exit_code"], json!(code));
        assert_eq!(failure.get("vlog_dropped_bytes"), None);
    }
}

#[test]
fn every_signal_that_ends_a_command_ends_vlog() {
    for name in [
        "TERM", "HUP", "INT", "QUIT", "PIPE", "USR1", "USR2", "ALRM", "KILL", "SEGV", "ABRT", "BUS", "XCPU",
        "IO",
    ] {
        let (bare, records) = alike(&["sh", "-c", &format!("echo before; kill -s {name} $$; echo not here")]);
        assert!(bare.status.1.is_some() && bare.stdout == b"before\n", "{name}: {bare:?}");
        for records in records {
            let end = records.last().unwrap();
            assert_eq!(
                (&end["signal"], &end["level"]),
                (&json!(format!("SIG{name}")), &json!("error")),
                "{name}"
            );
            assert!(message(end).starts_with(&format!("sh was ended by SIG{name} after ")), "{end:?}");
            assert_eq!(end.get("exit_code"), None);
        }
    }
}

#[test]
fn a_crash_leaves_no_second_core_dump() {
    let env = TestEnv::new();
    // The shell dumps where it may; vlog, which ends by the same signal, has another name.
    let script = "ulimit -c unlimited; cp $(command -v vlog) ./wrapper; ./wrapper run -- sh -c 'ulimit -c 0; kill -s SEGV $$'";
    let status = env.shell(script).stderr(Stdio::null()).status().unwrap();
    assert_eq!(how(status), (Some(139), None));
    let left: Vec<_> =
        std::fs::read_dir(env.home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().contains("core")), "{left:?}");
}

/// A script for each signal that can be caught that says so and goes on; INT ends it, with a message.
const TRAPS: &str = "for s in HUP TERM USR1 USR2 ALRM ABRT PIPE QUIT CONT; do trap \"echo got $s\" $s; done; \
                     trap 'echo ended by INT; exit 9' INT; echo ready; while :; do sleep 0.02; done";

#[test]
fn signals_are_passed_on_each_time() {
    let answers = |command: &mut Command| {
        let mut child = env::spawn(command);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut read = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line
        };
        let mut lines = vec![read()];
        for name in [
            "HUP", "TERM", "USR1", "USR2", "ALRM", "ABRT", "PIPE", "QUIT", "CONT", "TERM", "TERM", "HUP",
            "INT",
        ] {
            env::signal(&child, name);
            lines.push(read());
        }
        (lines, how(child.wait().unwrap()))
    };
    // Without a terminal, so that vlog shares none.
    let env = TestEnv::new();
    let bare = answers(env.command("setsid").args(["sh", "-c", TRAPS]));
    assert_eq!((bare.0[2].as_str(), bare.1), ("got TERM\n", (Some(9), None)));
    for option in ["--no-outbox", "--on-failure"] {
        let wrapped = answers(
            env.command("setsid")
                .arg(env!("CARGO_BIN_EXE_vlog"))
                .args(["run", option, "--", "sh", "-c", TRAPS]),
        );
        assert_eq!(wrapped, bare);
    }
}

#[test]
fn a_signal_ends_a_command_that_would_never_end_and_vlog_with_it() {
    for name in ["TERM", "HUP", "INT", "QUIT", "PIPE", "USR1", "ABRT", "ALRM"] {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let script = "echo $$; exec sleep 200";
        let mut command = env.command("setsid");
        let mut child =
            env::spawn(command.arg(env!("CARGO_BIN_EXE_vlog")).args(["run", "--", "sh", "-c", script]));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        env::signal(&child, name);
        let status = child.wait().unwrap();
        assert!(status.signal().is_some(), "{name}: {status:?}");
        assert!(!PathBuf::from(format!("/proc/{}", line.trim())).exists(), "{name}");
        let records = server.records();
        let end = records.last().unwrap();
        assert_eq!((&end["signal"], records.len()), (&json!(format!("SIG{name}")), 2));
    }
}

/// Which signals are blocked, ignored and caught where `script` calls `$LOOK`.
#[track_caller]
fn signals(env: &TestEnv, script: &str) -> Vec<u64> {
    let look = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status";
    let done = outcome(env.shell(script).env("LOOK", look));
    let text = String::from_utf8(done.stdout).unwrap();
    let masks = text.lines().map(|line| u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap());
    // 32 to 34 are the C library's own.
    let masks: Vec<_> = masks.map(|mask| mask & !(0b111 << 31)).collect();
    assert_eq!(masks.len(), 3, "{script}: {text} {}", done.stderr);
    masks
}

#[test]
fn the_command_has_the_dispositions_and_the_mask_that_it_would_have() {
    let env = TestEnv::new();
    for before in
        [":", "trap '' HUP", "trap '' INT QUIT", "trap '' PIPE", "trap '' HUP TERM USR1 PIPE XFSZ TSTP"]
    {
        let of = |wrapper: &str| signals(&env, &format!("{before}; {wrapper} sh -c \"exec $LOOK\"; exit 0"));
        let bare = of("");
        for wrapper in [
            "vlog run --",
            "vlog run --on-failure --",
            "VLOG_URL=off vlog run --",
            "VLOG_TEST_PANIC=run vlog run --",
        ] {
            assert_eq!(of(wrapper), bare, "{before}; {wrapper}");
        }
    }
    let of = |wrapper: &str| {
        let block = "env --block-signal=USR2 --block-signal=CHLD --block-signal=TERM";
        signals(&env, &format!("{block} {wrapper} sh -c \"exec $LOOK\""))
    };
    let bare = of("");
    assert_ne!(bare[0], 0);
    for wrapper in ["vlog run --", "vlog run --on-failure --"] {
        assert_eq!(of(wrapper), bare, "{wrapper}");
    }
}

#[test]
fn a_parent_that_ignores_its_children_costs_no_status() {
    let env = TestEnv::new();
    let mut command = env.command("env");
    command.args(["--ignore-signal=CHLD", env!("CARGO_BIN_EXE_vlog"), "run", "--", "sh", "-c", "exit 7"]);
    assert_eq!(how(command.status().unwrap()), (Some(7), None));
}

#[test]
fn a_terminals_ctrl_c_reaches_the_command_once() {
    let env = TestEnv::new();
    let script = "trap 'echo INT' INT; trap 'echo ended; exit 4' TERM; echo ready; \
                  while :; do sleep 0.05; done";
    let file = file(&env, "job", 0o755, script);
    let line = format!("exec {} run -- {}", env!("CARGO_BIN_EXE_vlog"), file.display());
    let mut command = env.command("script");
    let mut child = env::spawn(command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut read = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(read(), "ready");
    for _ in 0..3 {
        stdin.write_all(b"\x03").unwrap();
        stdin.flush().unwrap();
        assert_eq!(read(), "^CINT");
    }
    // A second one of each would show up before this.
    std::thread::sleep(Duration::from_millis(300));
    let jobs = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"/bin/sh\0")
            && line.windows(file.as_os_str().len()).any(|part| part == file.as_os_str().as_encoded_bytes())
    });
    let jobs: Vec<_> = jobs.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert!(Command::new("kill").args(["-s", "TERM", &jobs[0]]).status().unwrap().success());
    assert_eq!(read(), "ended");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn under_nohup_a_hangup_ends_neither() {
    let answers = |wrapper: &[&str]| {
        let env = TestEnv::new();
        let script = "echo ready; sleep 0.3; echo survived; kill -s HUP $$; echo again";
        let mut command = env.command("nohup");
        let mut child = env::spawn(command.args(wrapper).args(["sh", "-c", script]));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        stdout.read_line(&mut text).unwrap();
        env::signal(&child, "HUP");
        stdout.read_to_string(&mut text).unwrap();
        (text, how(child.wait().unwrap()))
    };
    let bare = answers(&[]);
    assert_eq!(bare, ("ready\nsurvived\nagain\n".to_owned(), (Some(0), None)));
    assert_eq!(answers(&[env!("CARGO_BIN_EXE_vlog"), "run", "--"]), bare);
}

#[test]
fn a_reader_that_goes_away_is_the_commands_own_affair() {
    let env = TestEnv::new();
    for script in [
        // Ended by PIPE; not ended, because it ignores that; never told.
        "yes | cat",
        "trap '' PIPE; while echo x 2>&-; do :; done; echo told >&2; exit 5",
        "echo first; sleep 0.5; exit 6",
        "echo first; sleep 0.5; echo second; exit 8",
    ] {
        let status = |wrapper: &str| {
            let script = format!("{{ {wrapper} sh -c \"{script}\"; echo status $? >&2; }} | head -n 1");
            outcome(&mut env.shell(&script))
        };
        let bare = status("");
        for wrapper in ["vlog run --", "vlog run --on-failure --", "VLOG_TEST_PANIC=run-line vlog run --"] {
            assert_eq!(status(wrapper), bare, "{script}");
        }
    }
}

#[test]
fn much_output_passes_whole_and_is_logged_whole() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_TIMEOUT", "30s");
    let script = "seq 300000; seq 300000 >&2; exit 4";
    let bare = outcome(env.command("sh").args(["-c", script]));
    let wrapped = outcome(env.vlog().args(["run", "--", "sh", "-c", script]));
    assert!(wrapped == bare, "{} bytes, {:?}", wrapped.stdout.len(), wrapped.status);
    let mut records = server.records();
    assert_eq!(records.len(), 600_001);
    // Of two requests under way at once either may come first; the order is that of the times.
    records.sort_by_key(|record| record["_time"].as_str().unwrap().to_owned());
    for stream in ["stdout", "stderr"] {
        let of_stream =
            records.iter().filter(|record| record.get("stream").is_some_and(|name| name == stream));
        let numbers: Vec<u32> = of_stream.map(|record| message(record).parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(1..=300_000), "{stream}");
    }
}

#[test]
fn a_hundred_megabytes_pass_in_flat_memory() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script =
        "head -c 100000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 3";
    for option in ["--no-outbox", "--on-failure"] {
        let mut child = env::spawn(env.vlog().args(["run", option, "--", "sh", "-c", script]));
        let peak = format!("/proc/{}/status", child.id());
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let errors = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()).unwrap());
        let mut buffer = vec![0; 1 << 20];
        let (mut total, mut most) = (0, 0);
        loop {
            let read = stdout.read(&mut buffer).unwrap();
            if read == 0 {
                break;
            }
            total += read;
            let status = std::fs::read_to_string(&peak).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: 0 kB");
            most = most.max(line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap());
        }
        assert_eq!((total, errors.join().unwrap()), (100_000_000, 1_000_000));
        assert_eq!(how(child.wait().unwrap()), (Some(3), None));
        assert!(most > 0 && most < 48 * 1024, "{option}: {most} KiB");
    }
    let end = server.records().pop().unwrap();
    let output = end["output"].as_str().unwrap();
    assert_eq!(output.len(), 40 * 1024);
    assert_eq!(end["vlog_dropped_bytes"], json!(101_000_000 - 40 * 1024));
}

#[test]
fn a_grandchild_that_holds_the_pipes_is_waited_for_half_a_second() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "(echo first; sleep 0.2; echo late; sleep 100; echo never) & exit 5";
    let start = Instant::now();
    let done = outcome(env.vlog().args(["run", "--", "sh", "-c", script]));
    let time = start.elapsed();
    assert_eq!((done.status, done.stdout.as_slice()), ((Some(5), None), &b"first\nlate\n"[..]));
    assert!(
        time >= Duration::from_millis(500) && time < crate::env::within(Duration::from_secs(10)),
        "{time:?}"
    );
    let records = server.records();
    assert_eq!((records.len(), message(&records[1])), (3, "late"));
}

#[test]
fn what_cannot_be_run_ends_as_in_a_shell() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let plain = file(&env, "plain", 0o644, "echo hi\n");
    let orphan = file(&env, "orphan", 0o755, "#!/nonexistent/interpreter\n");
    let below = plain.join("below");
    for (program, why) in [
        ("nonexistent-command", "No such file or directory"),
        ("/nonexistent/command", "No such file or directory"),
        ("", "No such file or directory"),
        (plain.to_str().unwrap(), "Permission denied"),
        ("/etc", "Permission denied"),
        (orphan.to_str().unwrap(), "No such file or directory"),
        (below.to_str().unwrap(), "Not a directory"),
    ] {
        let shell = env::finish(env.command("sh").args(["-c", "\"$0\"", program]));
        for option in ["--no-outbox", "--on-failure", "--url=off"] {
            let before = server.requests().len();
            let done = env.run(&["run", option, "--", program, "x"]);
            assert_eq!((done.status, done.text()), (shell.status, ""), "{program} {option}: {shell:?}");
            assert_eq!(done.stderr, format!("vlog: could not run {program}: {why}\n"));
            if option == "--url=off" {
                continue;
            }
            assert_eq!(server.requests().len(), before + 1);
            let record = server.records().pop().unwrap();
            let name = program.rsplit('/').next().unwrap();
            let code = done.status.unwrap();
            assert_eq!(message(&record), format!("{name} could not be run: {why}"));
            assert_eq!((&record["exit_code"], &record["level"]), (&json!(code), &json!("error")));
        }
    }
}

#[test]
fn a_file_without_a_first_line_of_its_own_is_the_shells() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    file(&env, "script", 0o755, "echo \"$# $1\"; exit 4\n");
    file(&env, "-dashed", 0o755, "echo dashed\n");
    let path = format!("{}:/usr/bin:/bin", env.home.path().display());
    for (program, expected) in [("./script", "1 a b\n"), ("script", "1 a b\n"), ("-dashed", "dashed\n")] {
        for url in [server.url(), "off".to_owned()] {
            let done =
                env::finish(env.vlog().env("PATH", &path).args(["run", "--url", &url, "--", program, "a b"]));
            assert_eq!((done.text(), done.stderr.as_str()), (expected, ""), "{program}");
        }
    }
    assert_eq!(server.records()[0]["service"], "script");
}

#[test]
fn words_and_environment_reach_the_command_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let strange = std::ffi::OsStr::from_bytes(b"a\xff\n b=\xc3");
    for url in [server.url(), "off".to_owned()] {
        let mut command = env.vlog();
        command.env("STRANGE", strange).args(["run", "--url", &url, "--", "sh", "-c"]);
        command
            .arg("printf '%s|' \"$@\" \"$STRANGE\"")
            .args(["sh", "--", "-h", "--url", "x=y", ""])
            .arg(strange);
        let done = outcome(&mut command);
        assert_eq!(done.stdout, b"--|-h|--url|x=y||a\xff\n b=\xc3|a\xff\n b=\xc3|");
    }
}

#[test]
fn stdin_is_the_commands_alone() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let input: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 256).unwrap()).collect();
    let done = env.run_with(&["run", "--on-failure", "--", "cat"], &input);
    assert!(done.stdout == input && done.status == Some(0));
    // What the command leaves, the next one reads.
    let done = env::finish_with(&mut env.shell("vlog run -- head -c 3; cat"), "abcdef");
    assert_eq!(done.text(), "abcdef");
}

#[test]
fn output_is_live_on_both_streams() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "while read -r line; do printf %s \"$line\"; printf %s \"$line\" >&2; done";
    let mut child = env::spawn(env.vlog().args(["run", "--", "sh", "-c", script]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    for word in ["no", "ne", "wl"] {
        writeln!(stdin, "{word}").unwrap();
        for stream in [&mut stdout as &mut dyn Read, &mut stderr] {
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes).unwrap();
            assert_eq!(bytes, word.as_bytes());
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_slow_reader_of_stdout_holds_up_the_command_but_not_stderr() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "(for n in 1 2 3; do echo $n >&2; sleep 0.1; done; echo last >&2) & head -c 3000000 /dev/zero; echo written >&2; wait";
    let mut child = env::spawn(env.vlog().args(["run", "--", "sh", "-c", script]));
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    // Nobody reads stdout so far.
    let lines: Vec<_> = (0..4).map(|_| stderr.next().unwrap().unwrap()).collect();
    assert_eq!(lines, ["1", "2", "3", "last"]);
    let mut bytes = Vec::new();
    stdout.read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len(), stderr.next().unwrap().unwrap().as_str()), (3_000_000, "written"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_is_late_gets_everything_and_a_signal_ends_the_wait_for_him() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let command = |script: &str| {
        let child = env::spawn(env.vlog().args(["run", "--", "sh", "-c", script]));
        std::thread::sleep(Duration::from_millis(1200));
        child
    };
    let mut late = command("head -c 200000 /dev/zero; kill -9 $$");
    let mut bytes = Vec::new();
    late.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len(), how(late.wait().unwrap())), (200_000, (None, Some(9))));
    // 64 KiB in each of two pipes and some in vlog's hand: the command ends, vlog is left with the rest. Of more,
    // the command is left with some too.
    for (bytes, expected) in [(100_000, (Some(6), None)), (1_000_000, (None, Some(15)))] {
        let mut never = command(&format!("head -c {bytes} /dev/zero; exit 6"));
        assert_eq!(never.try_wait().unwrap(), None);
        let start = Instant::now();
        env::signal(&never, "TERM");
        assert_eq!(how(never.wait().unwrap()), expected);
        assert!(start.elapsed() < crate::env::within(Duration::from_secs(8)), "{:?}", start.elapsed());
    }
}

#[test]
fn a_hung_server_costs_one_deadline_at_the_end_and_nothing_before() {
    for answer in [Answer::Hang, Answer::NeverRead, Answer::Trickle] {
        let server = Server::new(answer);
        for option in ["--verbose", "--on-failure"] {
            let env = TestEnv::for_server(&server);
            let start = Instant::now();
            let script = "for n in 1 2 3 4 5; do echo $n; sleep 0.3; done; exit 3";
            let mut child = env::spawn(env.vlog().args(["run", option, "--", "sh", "-c", script]));
            let lines: Vec<_> =
                BufReader::new(child.stdout.take().unwrap()).lines().take(5).map(Result::unwrap).collect();
            let written = start.elapsed();
            assert_eq!(lines, ["1", "2", "3", "4", "5"]);
            assert!(written < crate::env::within(Duration::from_millis(2300)), "{written:?}");
            let done = env::wait(child);
            assert_eq!(done.status, Some(3), "{done:?}");
            assert!(
                start.elapsed() < crate::env::within(Duration::from_millis(1500 + 2800)),
                "{option}: {:?}",
                start.elapsed()
            );
            assert_eq!(env.waiting().len(), if option == "--verbose" { 6 } else { 1 });
        }
    }
}

#[test]
fn a_frozen_server_does_not_hold_up_a_command_that_writes_much() {
    let server = Server::new(Answer::NeverRead);
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "200MiB");
    let start = Instant::now();
    let mut child = env::spawn(env.vlog().args(["run", "--", "sh", "-c", "seq 1000000; echo done >&2"]));
    let mut stdout = child.stdout.take().unwrap();
    let reading = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let written = start.elapsed();
    assert_eq!((line.as_str(), reading.join().unwrap()), ("done", 6_888_896));
    assert!(child.wait().unwrap().success());
    assert!(written < crate::env::within(Duration::from_secs(6)), "{written:?}");
    assert_eq!(env.status()["outbox"]["records"], 1_000_002, "{}", env.status());
}

#[test]
fn a_dead_server_leaves_the_lines_in_the_outbox() {
    let env = TestEnv::new();
    let done = env.run(&["run", "--", "sh", "-c", "echo one; exit 2"]);
    assert_eq!((done.status, done.text(), done.stderr.as_str()), (Some(2), "one\n", ""));
    let waiting = env.waiting();
    assert!(waiting[0] == "one" && waiting[1].starts_with("sh ended with 2 after "), "{waiting:?}");
    let done = env.run(&["run", "--on-failure", "--fail", "--no-outbox", "-v", "--", "true"]);
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let done = env.run(&["run", "--fail", "--no-outbox", "-v", "--", "true"]);
    assert_eq!(done.status, Some(0));
    assert!(done.stderr.contains("1 record lost"), "{done:?}");
}

#[test]
fn a_panic_changes_nothing_for_the_command() {
    let script = "echo one; cat; echo err >&2; sleep 0.1; head -c 5000000 /dev/zero; kill -s USR1 $$";
    let input = "x".repeat(100_000);
    let bare = {
        let env = TestEnv::new();
        let mut child = env::spawn(env.command("sh").args(["-c", script]).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let text = input.clone();
        let feeding = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        feeding.join().unwrap().unwrap();
        (how(output.status), output.stdout, output.stderr)
    };
    assert_eq!(bare.0, (None, Some(10)));
    let server = Server::new(Answer::Accept);
    for place in ["main", "run", "run-start", "run-stream", "run-line", "run-end", "sender", "none"] {
        for option in ["--on-failure", "--no-outbox"] {
            let env = TestEnv::for_server(&server).with("VLOG_TEST_PANIC", place);
            let start = Instant::now();
            let mut child =
                env::spawn(env.vlog().args(["run", option, "--", "sh", "-c", script]).stdin(Stdio::piped()));
            let mut stdin = child.stdin.take().unwrap();
            let text = input.clone();
            let feeding = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
            let output = child.wait_with_output().unwrap();
            feeding.join().unwrap().unwrap();
            // Records that are lost are told behind what the command says.
            let stderr = String::from_utf8(output.stderr).unwrap();
            let told: String = stderr.split_inclusive('\n').filter(|line| !line.contains(" lost")).collect();
            assert_eq!(
                (how(output.status), told.as_bytes()),
                (bare.0, bare.2.as_slice()),
                "{place} {option}"
            );
            assert!(output.stdout == bare.1, "{place} {option}: {} bytes", output.stdout.len());
            assert!(
                start.elapsed() < crate::env::within(Duration::from_secs(8)),
                "{place} {option}: {:?}",
                start.elapsed()
            );
        }
    }
    let told = TestEnv::new().with("VLOG_TEST_PANIC", "run-line").run(&["run", "-v", "--", "echo", "x"]);
    assert_eq!((told.status, told.text()), (Some(0), "x\n"));
    told.saying("a bug in vlog at src/");
}

#[test]
fn a_bad_command_line_never_stops_the_job() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for (options, mistake) in [
        (&["--bogus"][..], "there is no option --bogus"),
        (&["--bogus=1", "-q", "a=b"], "there is no option --bogus; there is no option -q"),
        (&["-s"], "-s needs a value"),
        (&["word"], "'word' is not KEY=VALUE"),
        (&["n:={"], "the value of 'n' is not JSON"),
        (&["--timeout", "soon"], "could not use --timeout"),
        (&["--on-failure=yes", "--service"], "--on-failure takes no value; --service needs a value"),
    ] {
        let before = server.records().len();
        let mut args = vec!["run"];
        args.extend(options);
        args.extend(["--", "sh", "-c", "echo done; exit 1", "--bogus", "--"]);
        let done = env.run(&args);
        assert_eq!((done.status, done.text()), (Some(1), "done\n"), "{options:?}");
        assert!(done.stderr.contains(mistake.split("; ").next().unwrap()), "{done:?}");
        let records = server.records();
        let marked: Vec<_> = records[before..].iter().filter_map(|record| record.get("vlog_error")).collect();
        assert!(marked.len() == 1 && marked[0].as_str().unwrap().starts_with(mistake), "{marked:?}");
        assert_eq!(records[before]["_msg"], *marked[0]);
        assert_eq!(records.last().unwrap()["exit_code"], 1);
    }
}

#[test]
fn a_mistake_is_logged_where_only_a_failure_is_and_there_is_none() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let done = env.run(&["run", "--on-failure", "--bogus", "--", "true"]);
    assert_eq!((done.status, done.text()), (Some(0), ""));
    assert_eq!(server.record()["vlog_error"], "there is no option --bogus");
    env.run(&["run", "--on-failure", "--", "true"]).in_silence();
    assert_eq!(server.records().len(), 1);
}

#[test]
fn who_gives_a_command_wants_it_run_and_no_help() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for option in ["-h", "--help", "-V", "--version"] {
        let done = env.run(&["run", option, "--", "echo", "done"]);
        assert_eq!((done.status, done.text(), done.stderr.as_str()), (Some(0), "done\n", ""), "{option}");
    }
}

#[test]
fn without_dashes_the_command_begins_at_the_first_plain_word() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let done = env.run(&["run", "a=b", "-s", "svc", "echo", "-n", "c=d", "-s"]);
    assert_eq!((done.status, done.text(), done.stderr.as_str()), (Some(0), "c=d -s", ""));
    let end = server.records().pop().unwrap();
    assert_eq!((&end["a"], &end["service"], end.get("c")), (&json!("b"), &json!("svc"), None));
    for args in [&["run"][..], &["run", "a=b"], &["run", "--"], &["run", "--on-failure", "--"]] {
        let done = env.run(args).saying("there is no command; see vlog run --help");
        assert_eq!((done.status, done.text()), (Some(127), ""));
        assert_eq!(server.records().pop().unwrap()["exit_code"], 127);
    }
    let help = env.run(&["run", "--help"]);
    assert!(help.status == Some(0) && help.text().contains("vlog run [OPTIONS] [KEY=VALUE]... -- COMMAND"));
}

#[test]
fn the_service_is_the_command_unless_given() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let service = || server.records().pop().unwrap()["service"].as_str().unwrap().to_owned();
    env.run(&["run", "--", "/bin/echo"]);
    assert_eq!(service(), "echo");
    env.run(&["run", "service=item", "--", "echo"]);
    assert_eq!(service(), "item");
    env::finish(env.vlog().env("VLOG_SERVICE", "variable").args(["run", "--", "echo"]));
    assert_eq!(service(), "variable");
    env::finish(env.vlog().env("VLOG_SERVICE", "variable").args(["run", "--service", "flag", "--", "echo"]));
    assert_eq!(service(), "flag");
}

#[test]
fn the_least_level_keeps_lines_back_and_not_the_failure() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_MIN_LEVEL", "warn");
    env.run(&["run", "--", "sh", "-c", "echo out; echo err >&2; exit 1"]);
    let records = server.records();
    assert_eq!((records.len(), message(&records[0])), (2, "err"));
    env.run(&["run", "level=debug", "--", "sh", "-c", "echo out; echo err >&2; exit 1"]);
    assert_eq!(server.records().len(), 3);
}

#[test]
fn with_delivery_off_the_command_takes_vlogs_place() {
    let env = TestEnv::new().with("VLOG_URL", "off");
    let mut child = env::spawn(env.vlog().args(["run", "--", "sh", "-c", "echo $$; exit 3"]));
    let id = child.id();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text, how(child.wait().unwrap())), (format!("{id}\n"), (Some(3), None)));
}

#[test]
fn without_descriptors_the_command_runs_all_the_same() {
    let env = TestEnv::new();
    let done = env::finish(&mut env.shell("ulimit -n 6; exec vlog run -- sh -c 'echo out; exit 3'"));
    assert_eq!((done.status, done.text()), (Some(3), "out\n"));
    assert!(done.stderr.contains("it runs all the same"), "{done:?}");
}

#[test]
fn what_cannot_be_written_is_told_once_and_the_command_goes_on() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script =
        "vlog run -- sh -c 'echo one; sleep 0.2; echo two; sleep 0.2; echo three >&2; exit 3' > /dev/full";
    let done = env::finish(&mut env.shell(script));
    assert_eq!(done.status, Some(3));
    assert_eq!(
        done.stderr,
        "vlog: could not write stdout: no space left on device; the command goes on\nthree\n"
    );
    assert_eq!(server.records().len(), 4);
}

#[test]
fn a_success_whose_output_cannot_be_written_is_a_failure() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for (option, script, streams, records) in [
        ("--verbose", "seq 3", "> /dev/full", 4),
        ("--on-failure", "seq 3", "> /dev/full", 1),
        ("--verbose", "seq 3 >&2", "2> /dev/full", 4),
        ("--verbose", "kill -s USR1 $$", "> /dev/full", 1),
    ] {
        let before = server.records().len();
        let done = env::finish(&mut env.shell(&format!("vlog run {option} -- sh -c '{script}' {streams}")));
        let name = if streams.starts_with('2') { "stderr" } else { "stdout" };
        let why = format!("could not write {name}: no space left on device");
        let end = server.records().pop().unwrap();
        assert_eq!(server.records().len() - before, records, "{option} {script}");
        if script.starts_with("kill") {
            assert_eq!((done.status, end.get("vlog_error")), (Some(128 + 10), None));
            continue;
        }
        assert_eq!(done.status, Some(1), "{script}: {done:?}");
        assert_eq!((&end["level"], &end["exit_code"]), (&json!("error"), &json!(0)));
        assert_eq!(end["vlog_error"], why);
        if name == "stdout" {
            assert!(done.stderr.starts_with(&format!("vlog: {why}")), "{done:?}");
        }
    }
}

#[test]
fn a_record_that_is_lost_is_told_unasked() {
    let env = TestEnv::new();
    let done = env.run(&["run", "--no-outbox", "--", "echo", "one"]).saying("connection refused");
    assert_eq!((done.status, done.text()), (Some(0), "one\n"));
    assert!(done.stderr.contains("2 records lost"), "{done:?}");
}

#[test]
fn a_pause_loses_no_line() {
    const LINES: u32 = 12_000;
    let late = Answer::Late(Duration::from_millis(300));
    std::thread::scope(|scope| {
        for answer in [late, Answer::Accept, Answer::Hang] {
            scope.spawn(move || {
                let acknowledges = !matches!(answer, Answer::Hang);
                let server = Server::new(answer);
                let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "1GiB");
                let format = format!("%.0f {}", "x".repeat(1000));
                let mut command = env.vlog();
                command.args(["run", "--", "seq", "-f", &format, &LINES.to_string()]);
                let mut child = env::start(command.stdout(Stdio::piped()));
                let mut stdout = child.stdout.take().unwrap();
                // So much that a server that takes its time holds up the command, and is waited for.
                stdout.read_exact(&mut vec![0; 6 << 20]).unwrap();
                let reading = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
                // Now, and again when little is left to do; each longer than anything is waited for.
                for before in [0, 1000] {
                    std::thread::sleep(Duration::from_millis(before));
                    if child.try_wait().unwrap().is_none() {
                        env::signal(&child, "STOP");
                        std::thread::sleep(Duration::from_secs(4));
                        env::signal(&child, "CONT");
                    }
                }
                assert_eq!(child.wait().unwrap().code(), Some(0));
                reading.join().unwrap().unwrap();
                let delivered = if acknowledges { server.records() } else { Vec::new() };
                let delivered = delivered.iter().map(|record| message(record).to_owned());
                let all: Vec<_> = delivered.chain(env.waiting()).collect();
                assert!(all.iter().any(|text| text.starts_with("seq ended with 0 after ")));
                let lines = all.iter().filter_map(|text| text.strip_suffix('x')?.split(' ').next());
                let mut numbers: Vec<u32> = lines.map(|number| number.parse().unwrap()).collect();
                numbers.sort_unstable();
                numbers.dedup();
                assert!(numbers.iter().copied().eq(1..=LINES), "{} lines", numbers.len());
            });
        }
    });
}

#[test]
fn a_dry_run_runs_the_command_and_prints_the_requests() {
    let server = Server::new(Answer::Accept);
    let done = TestEnv::for_server(&server).run(&["run", "--dry-run", "--", "sh", "-c", "echo out; exit 3"]);
    assert_eq!(done.status, Some(3));
    assert!(done.text().starts_with("out\nPOST /insert/jsonline"), "{}", done.text());
    assert!(done.text().contains("\"_msg\":\"sh ended with 3 after "), "{}", done.text());
    assert_eq!(server.connections(), 0);
}

#[test]
fn without_dashes_the_value_of_an_option_that_there_is_not_is_no_command() {
    for option in ["--token", "-u", "--urll"] {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let finished = env.run(&["run", option, "s3cret", "sh", "-c", "exit 7"]);
        assert_eq!(finished.status, Some(7), "{option}: {finished:?}");
        let shown = format!("{finished:?}{:?}{:?}", server.records(), env.waiting());
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
