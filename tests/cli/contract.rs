//! The promise, verb by fault: status 0, an empty stdout, in time, and 1 only for those who ask.

use std::thread;
use std::time::Duration;

use crate::env::{DEADLINE, Finished, TestEnv};
use crate::server::{Answer, Server};

const HTML: &str = "Content-Type: text/html\r\n";

/// Every way in which a server can fail, by name.
fn faults() -> Vec<(&'static str, Server)> {
    let answer = |answer| Server::new(answer);
    vec![
        ("hangs before its headers", answer(Answer::Hang)),
        ("hangs after its headers", answer(Answer::HangAfterHeaders)),
        ("never reads", answer(Answer::NeverRead)),
        ("trickles", answer(Answer::Trickle)),
        ("closes early", answer(Answer::Close)),
        ("closes in its body", answer(Answer::CloseInBody)),
        ("resets", answer(Answer::Reset)),
        ("answers garbage", answer(Answer::Garbage)),
        ("answers HTML by its type", answer(Answer::Status(200, HTML, "welcome"))),
        ("answers HTML by its looks", answer(Answer::Status(200, "", " <!doctype html><p>welcome"))),
        ("redirects for good", answer(Answer::Status(301, "Location: http://elsewhere.invalid/\r\n", ""))),
        (
            "redirects with the method",
            answer(Answer::Status(307, "Location: http://elsewhere.invalid/\r\n", "")),
        ),
        ("answers 400", answer(Answer::Status(400, "", "cannot parse this"))),
        ("answers 401", answer(Answer::Status(401, "", "\n"))),
        ("answers 403", answer(Answer::Status(403, HTML, "<html>go away"))),
        ("answers 404", answer(Answer::Status(404, "", ""))),
        ("answers 413", answer(Answer::Status(413, "", "too large"))),
        ("answers 429", answer(Answer::Status(429, "", "later"))),
        ("answers 500", answer(Answer::Status(500, "", "oops"))),
        ("answers 503", answer(Answer::Status(503, "", "busy"))),
        ("speaks no TLS", answer(Answer::Accept)),
        ("never completes a connect", Server::full_backlog()),
    ]
}

/// The addresses of all faulty servers, and of some that are none.
fn with_each_fault(check: impl Fn(&str, &str) + Sync) {
    let servers = faults();
    let mut urls: Vec<_> = servers.iter().map(|(name, server)| (*name, server.url())).collect();
    for (fault, url) in &mut urls {
        if *fault == "speaks no TLS" {
            *url = url.replace("http:", "https:");
        }
    }
    urls.push(("refuses", format!("http://{}", Server::refused())));
    urls.push(("has no name", "http://vlog-test.invalid:1".to_owned()));
    thread::scope(|scope| {
        for (fault, url) in &urls {
            let check = &check;
            scope.spawn(move || check(fault, url));
        }
    });
}

#[track_caller]
fn check(fault: &str, finished: &Finished, status: i32) {
    assert_eq!(finished.status, Some(status), "{fault}: {finished:?}");
    assert_eq!(finished.text(), "", "{fault}: {finished:?}");
    assert!(finished.time < crate::env::within(DEADLINE), "{fault}: {finished:?}");
}

#[test]
fn send_keeps_the_promise_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url);
        check(fault, &env.run(&["send", "hello"]).in_silence(), 0);
        check(fault, &env.run(&["send", "--fail", "hello"]), 1);
        check(fault, &env.with("VLOG_FAIL", "1").run(&["send", "hello"]), 1);
    });
}

#[test]
fn send_says_what_went_wrong_when_asked() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url).with("VLOG_VERBOSE", "1");
        let finished = env.run(&["send", "hello"]).kept_the_promise().saying("1 record kept in the outbox");
        assert!(finished.stderr.starts_with("vlog: could not "), "{fault}: {finished:?}");
        assert!(finished.stderr.contains(url), "{fault}: {finished:?}");
        assert!(!finished.stderr.contains("os error"), "{fault}: {finished:?}");
    });
}

#[test]
fn pipe_keeps_the_promise_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url);
        check(fault, &env.run_with(&["pipe"], "one\ntwo\n").in_silence(), 0);
        check(fault, &env.run_with(&["pipe", "--fail"], "one\ntwo\n"), 1);
        let many = "a line that is long enough to fill a socket\n".repeat(20_000);
        check(fault, &env.run_with(&["pipe"], many).in_silence(), 0);
    });
}

#[test]
fn hook_keeps_the_promise_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url).with("VLOG_FAIL", "1");
        let payload = r#"{"hook_event_name":"Stop","session_id":"s"}"#;
        check(fault, &env.run_with(&["hook", "--fail"], payload).in_silence(), 0);
        assert_eq!(env.waiting(), ["Stop"], "{fault}");
        // All of it once more, for a payload that takes some time to come.
        let large = format!("{{\"hook_event_name\":\"Stop\",\"prompt\":\"{}\"}}", "x".repeat(4 << 20));
        check(fault, &env.run_with(&["hook"], large).in_silence(), 0);
    });
}

#[test]
fn pipe_passes_its_input_on_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url);
        let input = b"one\r\ntwo\xff\n\nthree".repeat(4_000);
        let finished = env.run_with(&["pipe", "--tee"], &input);
        assert_eq!(finished.status, Some(0), "{fault}");
        assert!(finished.stdout == input, "{fault}: {} bytes of {}", finished.stdout.len(), input.len());
        assert!(finished.time < crate::env::within(DEADLINE), "{fault}: {:?}", finished.time);
    });
}

#[test]
fn query_keeps_the_promise_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        // It waits longer than this by default, and has no limit for the whole: a trickle may take its time.
        if matches!(fault, "trickles" | "closes in its body") {
            return;
        }
        let env = TestEnv::new().with("VLOG_URL", url);
        let finished = env.run(&["query", "*", "--timeout", "1s"]);
        check(fault, &finished, 0);
        assert!(finished.stderr.starts_with("vlog: "), "{fault}: {finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{fault}: {finished:?}");
        check(fault, &env.run(&["query", "*", "--timeout", "1s", "--fail"]), 1);
    });
}

#[test]
fn run_ends_as_its_command_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url).with("VLOG_FAIL", "1");
        for option in ["--fail", "--on-failure"] {
            let finished = env.run(&["run", option, "--", "sh", "-c", "echo out; echo err >&2; exit 5"]);
            assert_eq!((finished.status, finished.text()), (Some(5), "out\n"), "{fault}: {finished:?}");
            assert_eq!(finished.stderr, "err\n", "{fault}: {finished:?}");
            assert!(finished.time < crate::env::within(DEADLINE), "{fault}: {finished:?}");
        }
        // Three lines, and one with the end of the output.
        assert_eq!(env.waiting().len(), 4, "{fault}: {:?}", env.waiting());
    });
}

#[test]
fn flush_and_status_keep_the_promise_whatever_the_server_does() {
    with_each_fault(|fault, url| {
        let env = TestEnv::new().with("VLOG_URL", url);
        env.run(&["send", "kept"]).kept_the_promise();
        check(fault, &env.run(&["flush"]).in_silence(), 0);
        check(fault, &env.run(&["flush", "--fail"]), 1);
        assert_eq!(env.waiting(), ["kept"], "{fault}");
        for (arguments, status) in [(&["status"][..], 0), (&["status", "--json", "--fail"], 1)] {
            let finished = env.run(arguments);
            assert_eq!(
                (finished.status, finished.stderr.as_str()),
                (Some(status), ""),
                "{fault}: {finished:?}"
            );
            assert!(
                finished.text().contains("accepting") && finished.time < crate::env::within(DEADLINE),
                "{fault}: {finished:?}"
            );
        }
    });
}

/// Every verb that logs, with its input and the status that it ends with.
const LOGGING: [(&[&str], &str, i32); 4] = [
    (&["send", "m"], "", 0),
    (&["pipe"], "m\n", 0),
    (&["hook"], "{\"hook_event_name\":\"Stop\"}", 0),
    (&["run", "--", "sh", "-c", "exit 5"], "", 5),
];

#[test]
fn a_slow_server_gets_everything() {
    thread::scope(|scope| {
        for late in [300, 1200] {
            for (verb, input, status) in LOGGING {
                scope.spawn(move || {
                    let server = Server::new(Answer::Late(Duration::from_millis(late)));
                    let env = TestEnv::for_server(&server).with("VLOG_FAIL", "1");
                    let finished = env.run_with(verb, input);
                    // A hook has one second in all.
                    let delivered = usize::from(verb != ["hook"] || late < 1000);
                    assert_eq!(finished.status, Some(status), "{verb:?} at {late} ms: {finished:?}");
                    assert_eq!(
                        (server.requests().len(), env.waiting().len()),
                        (1, 1 - delivered),
                        "{verb:?}"
                    );
                    assert_eq!(env.run(&["status", "--fail"]).status, Some(0));
                    env.run(&["flush"]).in_silence();
                    assert!(env.waiting().is_empty());
                });
            }
        }
    });
}

#[test]
fn no_trouble_with_files_changes_an_outcome() {
    let file = |env: &TestEnv| {
        let path = env.home.path().join("file");
        std::fs::write(&path, "").unwrap();
        path
    };
    let troubles = [
        ("an outbox below a file", "VLOG_OUTBOX", Some("outbox")),
        ("a file as the outbox", "VLOG_OUTBOX", Some("")),
        ("a home that is a file", "HOME", Some("")),
        ("a device as the outbox", "VLOG_OUTBOX", None),
    ];
    for (trouble, variable, below) in troubles {
        for accepts in [true, false] {
            let server = Server::new(Answer::Accept);
            let env = if accepts { TestEnv::for_server(&server) } else { TestEnv::new() };
            let place = match below {
                Some("") => file(&env),
                Some(name) => file(&env).join(name),
                None => "/dev/full".into(),
            };
            let run = |arguments: &[&str], input: &str| {
                crate::env::finish_with(env.vlog().args(arguments).env(variable, &place), input)
            };
            for (verb, input, status) in LOGGING {
                let finished = run(verb, input);
                assert_eq!(finished.status, Some(status), "{trouble}: {finished:?}");
                assert_eq!(finished.text(), "", "{trouble}: {finished:?}");
                if accepts {
                    assert_eq!(finished.stderr, "", "{trouble}");
                } else {
                    let finished = finished.saying("1 record lost");
                    assert!(finished.time < crate::env::within(DEADLINE), "{trouble}: {finished:?}");
                }
            }
            run(&["flush"], "").kept_the_promise();
            assert_eq!(run(&["status"], "").status, Some(0), "{trouble}");
            assert_eq!(run(&["query", "*"], "").status, Some(0), "{trouble}");
        }
    }
}

#[test]
fn a_timeout_bounds_the_whole_delivery() {
    for answer in [Answer::Hang, Answer::Trickle, Answer::NeverRead, Answer::HangAfterHeaders] {
        let server = Server::new(answer);
        let env = TestEnv::for_server(&server);
        let finished = env.run(&["send", "--timeout", "300ms", "hello"]).in_silence();
        assert!(
            finished.time >= Duration::from_millis(300)
                && finished.time < crate::env::within(Duration::from_millis(800)),
            "{finished:?}"
        );
        let finished = env.run_with(&["pipe", "--timeout", "300ms"], "hello\n").in_silence();
        assert!(
            finished.time >= Duration::from_millis(300)
                && finished.time < crate::env::within(Duration::from_millis(800)),
            "{finished:?}"
        );
    }
}

#[test]
fn a_connection_is_given_up_after_half_a_second() {
    let server = Server::full_backlog();
    let finished = TestEnv::for_server(&server).run(&["send", "-v", "hello"]).kept_the_promise();
    let finished = finished.saying("no connection in time");
    assert!(finished.time < crate::env::within(Duration::from_secs(1)), "{finished:?}");
}

#[test]
fn a_server_that_reads_a_byte_at_a_time_does_not_hold_a_large_record_beyond_the_timeout() {
    // The socket's buffers fill up, and then each write makes a little progress.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        use std::io::Read;
        let (mut stream, _) = listener.accept().unwrap();
        while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let env = TestEnv::new().with("VLOG_URL", &url);
    // Less than the outbox takes.
    env.run_with(&["send", "-"], "x".repeat(12 << 20)).in_silence();
}

#[test]
fn redirects_are_told_with_the_address_that_would_work() {
    let server = Server::new(Answer::Status(308, "Location: https://logs.example/x?token=s3cret\r\n", ""));
    let env = TestEnv::for_server(&server);
    let finished = env.run(&["send", "-v", "hello"]).kept_the_promise();
    let finished = finished.saying("a redirect to https://logs.example/x; use that URL");
    assert!(!finished.stderr.contains("s3cret"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_panic_changes_nothing_for_the_caller() {
    let server = Server::new(Answer::Accept);
    for place in ["send", "pipe", "query", "flush", "status", "completions", "main"] {
        let env = TestEnv::for_server(&server).with("VLOG_TEST_PANIC", place);
        let verb = if place == "main" { "send" } else { place };
        let argument = match verb {
            "completions" => "bash",
            "flush" | "status" => "--no-outbox",
            _ => "a=b",
        };
        env.run_with(&[verb, argument], "one\n").in_silence();
        let told = env.run_with(&[verb, argument, "-v"], "one\n").kept_the_promise();
        if verb != "completions" {
            told.saying("a bug in vlog at src/");
        }
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_panic_in_pipe_leaves_the_pipeline_running() {
    let server = Server::new(Answer::Accept);
    let input = "a line\n".repeat(200_000);
    for place in ["main", "pipe", "pipe-line", "sender"] {
        let env = TestEnv::for_server(&server).with("VLOG_TEST_PANIC", place);
        let finished = env.run_with(&["pipe", "--tee"], &input);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{place}");
        assert!(finished.text() == input, "{place}: {} bytes of {}", finished.stdout.len(), input.len());
        let quiet = env.run_with(&["pipe"], &input);
        assert_eq!((quiet.status, quiet.text()), (Some(0), ""), "{place}");
        // The program upstream is not told of a broken pipe.
        let upstream = crate::env::finish(&mut env.shell("{ seq 100000 && echo survived >&2; } | vlog pipe"));
        assert_eq!(upstream.stderr, "survived\n", "{place}");
    }
}

#[test]
fn a_panic_is_a_failure_to_those_who_ask() {
    let env = TestEnv::new().with("VLOG_TEST_PANIC", "send");
    assert_eq!(env.run(&["send", "--fail", "x"]).status, Some(1));
}
