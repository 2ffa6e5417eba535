//! `vlog pipe`: lines to records, batches, the copy on stdout, signals, pace.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// `vlog pipe --tee` with INT as it is by default, whatever it is for whoever runs the tests.
fn interruptible(env: &TestEnv) -> Command {
    let mut command = env.command("env");
    command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_vlog"), "pipe", "--tee"]).stdin(Stdio::piped());
    command
}

fn messages(server: &Server) -> Vec<String> {
    server.records().iter().map(|record| record["_msg"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_line_is_a_record_in_order() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run_with(&["pipe", "--service", "x", "a=b", "n:=1"], "one\ntwo\r\n\na\tb \u{e9}\nlast").in_silence();
    assert_eq!(messages(&server), ["one", "two", "a\tb \u{e9}", "last"]);
    let records = server.records();
    for record in &records {
        assert_eq!((&record["service"], &record["a"], &record["n"]), (&json!("x"), &json!("b"), &json!(1)));
        assert_eq!(record["level"], "info");
    }
    let times: Vec<_> = records.iter().map(|record| record["_time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run_with(&["pipe"], b"a\xffb\0c\n").in_silence();
    assert_eq!(messages(&server), ["a\u{fffd}b\0c"]);
}

#[test]
fn no_input_sends_nothing() {
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run_with(&["pipe", "--fail"], "").in_silence();
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_thousand_records_make_a_batch_and_one_connection_serves_all() {
    let server = Server::new(Answer::Accept);
    let input: String = (0..2500).map(|n| format!("{n}\n")).collect();
    TestEnv::for_server(&server).run_with(&["pipe"], input).in_silence();
    let sizes: Vec<_> = server.requests().iter().map(|request| request.records().len()).collect();
    assert_eq!((sizes, server.connections()), (vec![1000, 1000, 500], 1));
    let expected: Vec<_> = (0..2500).map(|n| n.to_string()).collect();
    assert_eq!(messages(&server), expected);
}

#[test]
fn long_lines_make_a_batch_by_their_bytes() {
    let server = Server::new(Answer::Accept);
    let input = format!("{}\n", "x".repeat(100_000)).repeat(10);
    TestEnv::for_server(&server).run_with(&["pipe"], input).in_silence();
    let sizes: Vec<_> = server.requests().iter().map(|request| request.records().len()).collect();
    assert_eq!(sizes, [3, 3, 3, 1]);
}

#[test]
fn a_lonely_line_goes_out_after_a_second() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    stdin.write_all(b"waiting\nnot yet").unwrap();
    server.wait_for(1);
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!(messages(&server), ["waiting"]);
    drop(stdin);
    env::wait(child).in_silence();
    assert_eq!(messages(&server), ["waiting", "not yet"]);
}

#[test]
fn a_line_longer_than_a_record_comes_in_parts() {
    let server = Server::new(Answer::Accept);
    let line = "жλ😀\u{1}".repeat(300_000);
    let input = format!("before\n{line}\r\nafter\n");
    TestEnv::for_server(&server).run_with(&["pipe", "a=b"], input).in_silence();
    let records = server.records();
    assert_eq!((&records[0]["_msg"], &records.last().unwrap()["_msg"]), (&json!("before"), &json!("after")));
    let parts = &records[1..records.len() - 1];
    let text: String = parts.iter().map(|part| part["_msg"].as_str().unwrap()).collect();
    assert!(text == line, "{} of {} bytes", text.len(), line.len());
    for (at, part) in parts.iter().enumerate() {
        assert_eq!(
            (&part["vlog_part"], &part["a"], &part["vlog_id"]),
            (&json!(at + 1), &json!("b"), &parts[0]["vlog_id"])
        );
    }
    let times: Vec<_> = records.iter().map(|record| record["_time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a < b));
    for request in server.requests() {
        assert!(request.body.split(|byte| *byte == b'\n').all(|line| line.len() < 256 * 1024));
    }
}

#[test]
fn tee_copies_byte_for_byte_and_still_logs() {
    let server = Server::new(Answer::Accept);
    let input = b"one\r\n\xff\0\n\nlast without newline";
    let finished = TestEnv::for_server(&server).run_with(&["pipe", "--tee"], input);
    assert_eq!((finished.status, finished.stdout.as_slice()), (Some(0), &input[..]));
    assert_eq!(server.records().len(), 3);
}

#[test]
fn tee_copies_as_it_comes() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "--tee"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for n in 0..3 {
        writeln!(stdin, "line {n}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, format!("line {n}\n"));
    }
    drop(stdin);
    env::wait(child).kept_the_promise();
    assert_eq!(server.records().len(), 3);
}

#[test]
fn when_the_reader_of_the_copy_goes_away_so_does_the_program_upstream() {
    let server = Server::new(Answer::Accept);
    for url in [server.url(), "off".to_owned()] {
        let env = TestEnv::new().with("VLOG_URL", &url);
        // As with tee(1): `yes` is ended by PIPE, and says so by its status.
        let script =
            "{ { yes line; echo upstream $? >&2; } | vlog pipe --tee; echo vlog $? >&2; } | head -n 1";
        let script = format!("timeout 20 env --default-signal=PIPE sh -c '{script}'");
        let finished = env::finish(&mut env.shell(&script));
        assert_eq!(finished.text(), "line\n", "{url}");
        let mut said: Vec<_> = finished.stderr.lines().collect();
        said.sort_unstable();
        assert_eq!(said, ["upstream 141", "vlog 0"], "{url}");
    }
    // What it had read by then, to the last line; the first read has more than one.
    assert!(server.records().len() > 1, "{}", server.records().len());
}

#[test]
fn a_copy_that_cannot_be_written_is_given_up_and_logging_goes_on() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let finished = env::finish(&mut env.shell("seq 3 | vlog pipe --tee > /dev/full"));
    finished.kept_the_promise().saying("could not copy to stdout: no space left on device; logging goes on");
    assert_eq!(messages(&server), ["1", "2", "3"]);
}

#[test]
fn a_record_that_is_lost_is_told_unasked() {
    let env = TestEnv::new();
    let finished = env.run_with(&["pipe", "--no-outbox"], "one\ntwo\n").kept_the_promise();
    assert!(
        finished
            .saying("connection refused; 2 records lost, for there is no outbox (--no-outbox)")
            .stderr
            .ends_with(")\n")
    );
}

#[test]
fn a_pause_loses_no_line() {
    for answer in [Answer::Accept, Answer::Hang] {
        let acknowledges = matches!(answer, Answer::Accept);
        let server = Server::new(answer);
        let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "1GiB");
        let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let feeding = thread::spawn(move || {
            let lines: String = (0..300_000).map(|n| format!("{n}\n")).collect();
            stdin.write_all(lines.as_bytes()).unwrap();
        });
        for before in [200, 1500] {
            thread::sleep(Duration::from_millis(before));
            if child.try_wait().unwrap().is_none() {
                env::signal(&child, "STOP");
                thread::sleep(Duration::from_secs(4));
                env::signal(&child, "CONT");
            }
        }
        feeding.join().unwrap();
        assert_eq!(env::wait(child).status, Some(0));
        let delivered = if acknowledges { messages(&server) } else { Vec::new() };
        let mut found = numbers(&[delivered, env.waiting()]);
        found.dedup();
        assert!(found.iter().copied().eq(0..300_000), "{} lines", found.len());
    }
}

#[test]
fn a_batch_that_takes_its_time_to_be_kept_is_kept_once() {
    // Where strace is there and may be used, each lock of the outbox takes 300 ms.
    let traced = |env: &TestEnv, words: &[&str]| {
        let mut command = env.command("strace");
        command.args(["-f", "-o", "/dev/null", "-e", "trace=flock"]).args(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    if !traced(&env, &["true"]).status().is_ok_and(|status| status.success()) {
        env::skip("this needs strace(1)");
        return;
    }
    let slow = ["-e", "inject=flock:delay_enter=300000", env!("CARGO_BIN_EXE_vlog"), "pipe"];
    let mut child = env::start(traced(&env, &slow).stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(b"one\ntwo\nthree\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(env.waiting(), ["one", "two", "three"]);
}

#[test]
fn two_streams_become_one() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env::finish(&mut env.shell("{ echo out; echo err >&2; } 2>&1 | vlog pipe --service x")).in_silence();
    assert_eq!(messages(&server), ["out", "err"]);
}

#[test]
fn a_slow_server_sets_the_pace_and_nothing_is_lost() {
    let server = Server::new(Answer::Late(Duration::from_millis(300)));
    let env = TestEnv::for_server(&server);
    // Ten batches of 256 KiB: more than the queue takes at once, and than two seconds deliver.
    let line = |n: usize| format!("{n} {}", "x".repeat(2000));
    let input: String = (0..9000).map(|n| line(n) + "\n").collect();
    let mut child = env::spawn(env.vlog().args(["pipe", "--fail"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    stdin.write_all(input.as_bytes()).unwrap();
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    drop(stdin);
    // The end has its own time-out; what the queue then holds may be kept.
    env::wait(child);
    let mut found = [messages(&server), env.waiting()].concat();
    // The request in flight at the end may be answered too late.
    found.sort_by_key(|text| text.split(' ').next().unwrap().parse::<usize>().unwrap());
    found.dedup();
    let expected: Vec<_> = (0..9000).map(line).collect();
    assert!(found == expected, "{} records", found.len());
}

/// Feeds numbered lines slowly enough to see several batches; what came, and what waits.
fn feed(server: &Server, batches: usize) -> (Vec<String>, Vec<String>) {
    let env = TestEnv::for_server(server);
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    for batch in 0..batches {
        let lines: String = (0..1000).map(|n| format!("{}\n", batch * 1000 + n)).collect();
        stdin.write_all(lines.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    drop(stdin);
    env::wait(child).in_silence();
    (messages(server), env.waiting())
}

fn numbers(found: &[Vec<String>]) -> Vec<usize> {
    let mut numbers: Vec<usize> = found.concat().iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn whatever_the_server_does_every_line_is_delivered_or_waits() {
    let all: Vec<_> = (0..10_000).collect();
    let healthy = Server::new(Answer::Accept);
    let (came, waits) = feed(&healthy, 10);
    assert_eq!((numbers(&[came]), waits.len()), (all.clone(), 0));

    let frozen = Server::scripted(|n| if n < 3 { Answer::Accept } else { Answer::Hang });
    let (_, waits) = feed(&frozen, 10);
    // The request that froze came too, but it was never acknowledged.
    let acknowledged = frozen.requests().into_iter().take(3).flat_map(|request| request.records());
    let came = acknowledged.map(|record| record["_msg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(numbers(&[came, waits]), all);

    let refused = TestEnv::new();
    let input: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    refused.run_with(&["pipe"], input).in_silence();
    assert_eq!(numbers(&[refused.waiting()]), all);

    let flapping =
        Server::scripted(|n| if n % 2 == 0 { Answer::Status(503, "", "busy") } else { Answer::Accept });
    let (_, waits) = feed(&flapping, 10);
    let requests = flapping.requests();
    let acknowledged = requests.iter().skip(1).step_by(2).flat_map(crate::server::Request::records);
    let came = acknowledged.map(|record| record["_msg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(numbers(&[came, waits]), all);
}

#[test]
fn what_a_full_outbox_drops_is_told_in_a_last_record() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "300000").with("VLOG_VERBOSE", "1");
    let input: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let finished = env.run_with(&["pipe", "--service", "x", "a=b"], input).kept_the_promise();
    let status = env.status();
    let dropped = status["outbox"]["dropped"].as_u64().unwrap();
    assert!(dropped > 0, "{status}");
    let waiting = env.waiting();
    let (last, lines) = waiting.split_last().unwrap();
    assert_eq!(*last, format!("the outbox was full; {dropped} records dropped, the oldest first"));
    assert_eq!(lines.len() as u64 + dropped, 20_000);
    assert_eq!(lines.last().unwrap(), "19999");
    assert!(finished.stderr.contains(&format!("{dropped} records dropped from it")), "{finished:?}");
    let entry = std::fs::read_to_string(env.entries().last().unwrap()).unwrap();
    let record: serde_json::Value = serde_json::from_str(entry.lines().last().unwrap()).unwrap();
    assert_eq!((&record["vlog_dropped"], &record["level"]), (&json!(dropped), &json!("warn")));
    assert_eq!((&record["service"], &record["a"]), (&json!("x"), &json!("b")));
}

#[test]
fn what_the_first_line_says_is_not_said_again() {
    let env = TestEnv::new();
    env.run_with(&["pipe", "-v"], "1\n2\n3\n").kept_the_promise().saying("; 3 records kept in the outbox");
    let told = env.run(&["run", "-v", "--", "echo", "out"]);
    assert_eq!(told.stderr.lines().count(), 1, "{told:?}");
    assert!(told.stderr.contains("; 2 records kept in the outbox"), "{told:?}");
    // More batches than the first: the sum tells of all, and of this run alone.
    let told = env.run_with(&["pipe", "-v"], "m\n".repeat(2500)).kept_the_promise();
    let lines: Vec<_> = told.stderr.lines().collect();
    assert!(lines[0].ends_with("; 1000 records kept in the outbox"), "{told:?}");
    assert_eq!(lines[1..], ["vlog: could not deliver everything; in all 2500 records kept in the outbox"]);
}

#[test]
fn the_sum_of_what_was_put_aside_does_not_say_that_it_was_kept() {
    let env = TestEnv::new().with("VLOG_URL", "ftp://x");
    let told = env.run_with(&["pipe"], "m\n".repeat(2500)).kept_the_promise();
    let told = told.saying("in all 2500 records put aside, to be offered by vlog flush --rejected");
    assert!(!told.stderr.contains("kept in the outbox"), "{told:?}");
}

#[test]
fn of_a_batch_larger_than_the_outbox_the_end_is_kept() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "20000");
    let lines: String = (0..900).map(|n| format!("{n}\n")).collect();
    let told =
        env.run_with(&["pipe"], lines).kept_the_promise().saying("the outbox may take 20000 bytes only");
    let waiting = env.waiting();
    assert_eq!(waiting.last().unwrap(), "899");
    let expected =
        format!("; {} records kept in the outbox, {} records lost: ", waiting.len(), 900 - waiting.len());
    assert!(told.stderr.contains(&expected), "{told:?}");
}

#[test]
fn at_the_cap_the_sum_of_what_was_kept_is_no_less_than_was_told_before() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "400000");
    let line = format!("{}\n", "x".repeat(100));
    env.run_with(&["pipe"], line.repeat(20)).kept_the_promise();
    let told = env.run_with(&["pipe", "-v"], line.repeat(2500)).kept_the_promise();
    let kept = |line: &str| -> u64 {
        let (before, _) = line.split_once(" records kept in the outbox").unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let lines: Vec<_> = told.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{told:?}");
    assert!(kept(lines[0]) <= kept(lines[1]) && lines[1].contains("dropped from it"), "{told:?}");
}

#[test]
fn a_frozen_server_does_not_stop_the_program_upstream() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "-v"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    stdin.write_all("a line of some length, again and again\n".repeat(100_000).as_bytes()).unwrap();
    assert!(start.elapsed() < crate::env::within(Duration::from_secs(1)), "{:?}", start.elapsed());
    drop(stdin);
    let finished = env::wait(child).kept_the_promise();
    assert!(finished.stderr.contains("records kept in the outbox"), "{finished:?}");
}

#[test]
fn after_a_pause_of_the_server_later_lines_are_delivered() {
    let server = Server::scripted(|n| if n == 0 { Answer::Status(503, "", "busy") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "--fail", "-v"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    server.wait_for(1);
    stdin.write_all(b"second\n").unwrap();
    drop(stdin);
    let finished = env::wait(child);
    assert!(finished.stderr.contains("503"), "{finished:?}");
    assert_eq!(server.requests()[1].records()[0]["_msg"], "second");
    // What was kept is delivered behind it if there is time before the end; then nothing is amiss.
    let left = env.waiting().len();
    assert_eq!((finished.status, left + messages(&server).len()), (Some(i32::from(left > 0)), 3));
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
}

#[test]
fn on_term_and_hup_it_sends_what_it_has_and_ends() {
    for name in ["TERM", "HUP"] {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let mut child = env::spawn(env.vlog().args(["pipe", "--tee"]).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"one\ntwo, unfinished").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 19]).unwrap();
        env::signal(&child, name);
        env::wait(child).in_silence();
        assert_eq!(messages(&server), ["one", "two, unfinished"]);
    }
}

#[test]
fn on_the_first_interrupt_it_keeps_reading_and_on_the_second_it_ends() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(&mut interruptible(&env));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
    env::signal(&child, "INT");
    thread::sleep(Duration::from_millis(200));
    stdin.write_all(b"two\n").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
    env::signal(&child, "INT");
    env::wait(child).in_silence();
    assert_eq!(messages(&server), ["one", "two"]);
}

#[test]
fn on_a_signal_what_lies_in_the_pipe_is_still_taken() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    thread::sleep(Duration::from_millis(200));
    env::signal(&child, "STOP");
    stdin.write_all("last words\n".repeat(5000).as_bytes()).unwrap();
    env::signal(&child, "TERM");
    env::signal(&child, "CONT");
    env::wait(child).in_silence();
    assert_eq!(server.records().len(), 5000);
}

#[test]
fn a_signal_ends_it_even_when_nobody_reads_the_copy() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "--tee"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take();
    // More than the pipe to stdout takes, so that the copy is stuck.
    let feeding = thread::spawn(move || stdin.write_all("stuck\n".repeat(50_000).as_bytes()));
    thread::sleep(Duration::from_millis(500));
    env::signal(&child, "TERM");
    env::wait(child).kept_the_promise();
    drop((stdout, feeding.join()));
    assert!(!server.records().is_empty());
}

#[test]
fn a_signal_during_the_last_delivery_does_not_change_the_status() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(b"one\n").unwrap();
    server.wait_for(1);
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
}

#[test]
fn mistakes_are_a_record_of_their_own() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let finished = env.run_with(&["pipe", "--bogus", "--tee", "stray", "a=b"], "one\ntwo\n");
    assert_eq!((finished.status, finished.text()), (Some(0), "one\ntwo\n"));
    let told = "'stray' is not KEY=VALUE; every line is logged, and a record of its own is marked vlog_error";
    assert_eq!(finished.stderr, format!("vlog: there is no option --bogus\nvlog: {told}\n"));
    let mistakes = "there is no option --bogus; 'stray' is not KEY=VALUE";
    assert_eq!(messages(&server), [mistakes, "one", "two"]);
    for (at, record) in server.records().iter().enumerate() {
        let (level, error) = if at == 0 { ("warn", Some(&json!(mistakes))) } else { ("info", None) };
        assert_eq!((&record["level"], &record["a"]), (&json!(level), &json!("b")));
        assert_eq!(record.get("vlog_error"), error);
    }
}

#[test]
fn below_the_least_level_lines_are_only_copied() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_MIN_LEVEL", "warn");
    let finished = env.run_with(&["pipe", "--tee", "--fail"], "one\n");
    assert_eq!((finished.status, finished.text(), server.connections()), (Some(0), "one\n", 0));
    env.run_with(&["pipe", "--level", "error"], "one\n").in_silence();
    assert_eq!(server.record()["level"], "error");
}

#[test]
fn memory_stays_flat() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let lines = "a line of no great length, many times over\n".repeat(1000);
    for (chunk, times) in [(vec![0; 1 << 20], 200), (lines.into_bytes(), 4000)] {
        let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        for _ in 0..times {
            stdin.write_all(&chunk).unwrap();
        }
        // The peak is asked for while it still runs.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect(&status);
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak <= 32 * 1024, "{peak} KiB");
        drop(stdin);
        assert_eq!(env::wait(child).status, Some(0));
    }
}

#[test]
fn a_kept_connection_that_the_server_closes_costs_nothing() {
    let server = Server::scripted(|n| if n == 1 { Answer::Close } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    let input: String = (0..3000).map(|n| format!("{n}\n")).collect();
    env.run_with(&["pipe", "--fail"], input).in_silence();
    assert_eq!(server.requests().len(), 4);
    assert!(env.entries().is_empty());
}

#[test]
fn lines_are_logged_while_nobody_reads_the_copy_and_a_second_interrupt_ends_it() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(&mut interruptible(&env));
    let mut stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take();
    let feeding = thread::spawn(move || stdin.write_all("stuck\n".repeat(50_000).as_bytes()));
    server.wait_for(1);
    env::signal(&child, "INT");
    thread::sleep(Duration::from_millis(200));
    env::signal(&child, "INT");
    env::wait(child).kept_the_promise();
    drop((stdout, feeding.join()));
}

#[test]
fn the_name_of_a_file_was_meant_as_the_input() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    std::fs::write(env.home.path().join("app.log"), "a line\n").unwrap();
    let meant = "pipe reads its standard input; did you mean: vlog pipe < app.log";
    env.run_with(&["pipe", "app.log"], "another\n").kept_the_promise().saying(meant);
    let records = server.records();
    assert_eq!((records.len(), &records[0]["vlog_error"]), (2, &json!(meant)));
    // Behind an unknown option it may be that one's value.
    let finished = env.run_with(&["pipe", "--bogus", "app.log"], "").kept_the_promise();
    assert!(!finished.stderr.contains("app.log"), "{finished:?}");
}
