//! The outbox, the breaker, `flush`, `status` and `--detach`.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

pub fn messages(server: &Server) -> Vec<String> {
    let stored = server.requests().into_iter().filter(|request| !request.line.contains("debug=1"));
    let records = stored.flat_map(|request| request.records());
    records.map(|record| record["_msg"].as_str().unwrap().to_owned()).collect()
}

/// Takes everything but records whose message holds "bad".
fn picky(_: usize, request: Option<&crate::server::Request>) -> Answer {
    let is_bad = request.is_some_and(|request| String::from_utf8_lossy(&request.body).contains("bad"));
    if is_bad { Answer::Status(400, "", "a bad record") } else { Answer::Accept }
}

#[test]
fn what_cannot_be_delivered_is_kept_and_goes_out_with_the_next_record() {
    let env = TestEnv::new();
    for n in 0..3 {
        env.run(&["send", "-v", &format!("kept {n}")])
            .kept_the_promise()
            .saying("1 record kept in the outbox");
    }
    assert_eq!(env.waiting(), ["kept 0", "kept 1", "kept 2"]);
    assert_eq!(env.entries().len(), 1);
    assert_eq!(fs::metadata(env.outbox()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&env.entries()[0]).unwrap().permissions().mode() & 0o777, 0o600);

    // The same server comes up again.
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    env.run(&["send", "--fail", "fresh"]).in_silence();
    assert_eq!(messages(&server), ["fresh", "kept 0", "kept 1", "kept 2"]);
    assert_eq!(env.entries().len(), 0);
}

#[test]
fn an_entry_says_where_its_records_go_and_holds_no_secret() {
    let env = TestEnv::new().with("VLOG_TOKEN", "s3cret");
    env.run(&["send", "m", "--tenant", "1:2", "--stream-fields", "a,b", "-H", "X-Key: s3cret"]).in_silence();
    let text = fs::read_to_string(&env.entries()[0]).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&header["tenant"], &header["stream_fields"]), (&json!("1:2"), &json!(["a", "b"])));
    assert!(header["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    for entry in fs::read_dir(env.outbox()).unwrap() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains("s3cret"));
    }
}

#[test]
fn records_of_one_destination_never_go_to_another() {
    let env = TestEnv::new();
    env.run(&["send", "for the first"]).in_silence();
    let server = Server::new(Answer::Accept);
    let other = |tenant: &str| {
        vec!["flush".to_owned(), format!("--url={}", server.url()), format!("--tenant={tenant}")]
    };
    env::finish(env.vlog().args(other("0"))).in_silence();
    env::finish(env.vlog().args(["send", "own", "--url", &server.url(), "--tenant", "5"])).in_silence();
    assert_eq!(messages(&server), ["own"]);
    assert_eq!(env.waiting(), ["for the first"]);

    // The same server, another tenant; then the right one, whose stream fields are remembered.
    let server = Server::scripted(|n| if n == 0 { Answer::Status(500, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m", "--tenant", "5", "--stream-fields", "a"]).in_silence();
    env.run(&["flush"]).in_silence();
    assert_eq!(server.requests().len(), 1);
    env.run(&["flush", "--tenant", "5"]).in_silence();
    let request = server.requests().pop().unwrap();
    assert_eq!(
        (request.headers["accountid"].as_str(), request.line.contains("_stream_fields=a ")),
        ("5", true)
    );
}

#[test]
fn trouble_keeps_and_only_a_refusal_of_one_record_rejects() {
    for status in [401, 403, 404, 429, 500, 502, 503] {
        let server = Server::new(Answer::Status(status, "", "no"));
        let env = TestEnv::for_server(&server);
        env.run(&["send", "m"]).in_silence();
        env.run(&["flush"]).in_silence();
        assert_eq!(env.waiting(), ["m"], "{status}");
        assert!(!env.outbox().join("rejected").exists(), "{status}");
        assert_eq!(server.requests().len(), 2, "{status}");
    }
    for status in [400, 413] {
        // A wrong path or tenant: whatever is sent is refused.
        let server = Server::new(Answer::Status(status, "", "unsupported path"));
        let env = TestEnv::for_server(&server);
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        env.run_with(&["pipe"], lines).in_silence();
        env.run(&["flush"]).in_silence();
        assert_eq!(env.waiting().len(), 1000, "{status}");
        assert!(server.requests().len() <= 6, "{status}: {} requests", server.requests().len());
    }
}

#[test]
fn one_bad_record_does_not_hold_back_the_good_ones() {
    let server = Server::judging(picky);
    let env = TestEnv::for_server(&server);
    let lines: String =
        (0..1000).map(|n| if n == 333 { "bad\n".to_owned() } else { format!("{n}\n") }).collect();
    let finished = env.run_with(&["pipe", "-v", "--fail"], lines);
    assert_eq!(finished.status, Some(1));
    assert!(finished.stderr.contains("1 record put aside"), "{finished:?}");
    assert!(env.waiting().is_empty());
    let status = env.status();
    assert_eq!((&status["outbox"]["rejected"], &status["outbox"]["records"]), (&json!(1), &json!(0)));
    let accepted: BTreeSet<_> = server
        .requests()
        .iter()
        .filter(|request| !String::from_utf8_lossy(&request.body).contains("bad"))
        .flat_map(crate::server::Request::records)
        .map(|record| record["_msg"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(accepted.len(), 999 + 1, "the canned record counts too");
}

#[test]
fn a_bad_record_in_the_outbox_is_put_aside_by_a_flush() {
    let server =
        Server::judging(|n, request| if n < 3 { Answer::Status(503, "", "") } else { picky(n, request) });
    let env = TestEnv::for_server(&server);
    for message in ["one", "bad", "two"] {
        env.run(&["send", message]).in_silence();
    }
    assert_eq!(env.waiting(), ["one", "bad", "two"]);
    let flushed =
        env.run(&["flush", "--fail", "-v"]).saying("2 records delivered, 1 record refused and put aside");
    assert_eq!(flushed.status, Some(1));
    assert!(env.waiting().is_empty());
    assert_eq!(env.status()["outbox"]["rejected"], 1);
    let rejected = fs::read_dir(env.outbox().join("rejected")).unwrap().next().unwrap().unwrap().path();
    assert!(fs::read_to_string(rejected).unwrap().contains("bad"));
}

#[test]
fn a_torn_line_is_closed_and_left_out() {
    let server = Server::scripted(|n| if n < 2 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "before"]).in_silence();
    OpenOptions::new().append(true).open(&env.entries()[0]).unwrap().write_all(b"{\"_msg\":\"to").unwrap();
    env.run(&["send", "after"]).in_silence();
    assert_eq!(env.entries().len(), 1);
    env.run(&["flush", "--fail"]).in_silence();
    assert_eq!(messages(&server)[2..], ["before", "after"]);
    assert!(env.entries().is_empty());
}

#[test]
fn foreign_and_damaged_files_are_left_alone_and_told() {
    let server = Server::scripted(|n| if n < 1 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let name = entry.file_name().unwrap().to_str().unwrap();
    let name = name.replacen("open", "01795176000000000000-1-0123456789abcdef", 1);
    fs::write(env.outbox().join("notes.txt"), "mine").unwrap();
    fs::write(env.outbox().join(name), "no header\n{\"_msg\":\"x\"}\n").unwrap();
    fs::create_dir(env.outbox().join("a-directory.jsonl")).unwrap();
    assert_eq!(env.status()["outbox"]["foreign_files"], 3);
    let flushed =
        env.run(&["flush", "--fail", "-v"]).saying("1 entry damaged, or of another version of vlog");
    assert_eq!(flushed.status, Some(1));
    assert_eq!(messages(&server), ["m", "m"]);
    assert_eq!(fs::read_to_string(env.outbox().join("notes.txt")).unwrap(), "mine");
    assert_eq!(env.status()["outbox"]["foreign_files"], 3);
}

#[test]
fn a_hung_server_costs_one_wait() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let first = env.run(&["send", "first", "--timeout", "1s"]).in_silence();
    assert!(first.time >= Duration::from_secs(1), "{first:?}");
    for n in 0..10 {
        let next = env.run(&["send", "-v", &format!("next {n}")]).kept_the_promise();
        let next = next.saying("no answer lately, next try in");
        assert!(next.time < crate::env::within(Duration::from_millis(500)), "{next:?}");
    }
    env.run_with(&["pipe"], "line\n").in_silence();
    assert_eq!(server.connections(), 1);
    assert_eq!(env.waiting().len(), 12);
    let status = env.status();
    assert!(status["outbox"]["next_try"].as_str().unwrap().starts_with("in "), "{status}");
    assert!(status["outbox"]["last_error"].as_str().unwrap().contains("no answer"), "{status}");
}

/// Makes the breaker's last wait so many seconds older.
pub fn age_breaker(env: &TestEnv, seconds: i64) {
    let files = fs::read_dir(env.outbox()).unwrap().map(|entry| entry.unwrap().path());
    let mut breakers =
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("breaker."));
    let path = breakers.next().expect("there is a breaker");
    let text = fs::read_to_string(&path).unwrap();
    let (stamp, step) = text.split_once(' ').unwrap();
    let stamp: i64 = stamp.parse().unwrap();
    fs::write(&path, format!("{:020} {step}", stamp - seconds * 1_000_000_000)).unwrap();
}

#[test]
fn after_half_a_minute_one_call_probes_and_an_answer_closes_the_breaker() {
    let server = Server::scripted(|n| if n < 2 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "one", "--timeout", "600ms"]).in_silence();
    age_breaker(&env, 31);
    let probe = env.run(&["send", "two"]).in_silence();
    assert!(
        probe.time >= Duration::from_millis(500) && probe.time < crate::env::within(Duration::from_secs(1)),
        "{probe:?}"
    );
    env.run(&["send", "three"]).in_silence();
    assert_eq!(server.connections(), 2);
    age_breaker(&env, 31);
    env.run(&["send", "--fail", "four"]).in_silence();
    env.run(&["send", "--fail", "five"]).in_silence();
    let requests = server.requests();
    let last: Vec<_> = requests[2..]
        .iter()
        .flat_map(crate::server::Request::records)
        .map(|record| record["_msg"].clone())
        .collect();
    assert_eq!(last, ["four", "one", "two", "three", "five"]);
}

#[test]
fn a_clock_set_back_does_not_keep_the_breaker_open() {
    let server = Server::scripted(|n| if n < 1 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "one", "--timeout", "600ms"]).in_silence();
    age_breaker(&env, -3600);
    env.run(&["send", "--fail", "two"]).in_silence();
}

#[test]
fn a_refused_connection_is_always_tried() {
    let env = TestEnv::new();
    env.run(&["send", "one"]).in_silence();
    env.run(&["send", "-v", "two"]).kept_the_promise().saying("connection refused");
}

#[test]
fn over_the_cap_the_oldest_go_and_are_counted() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1M");
    let message = "x".repeat(100_000);
    for n in 0..20 {
        env.run(&["send", &format!("{n} {message}")]).in_silence();
        let used: u64 = env.entries().iter().map(|path| fs::metadata(path).unwrap().blocks() * 512).sum();
        assert!(used <= 1 << 20, "{used} bytes after {n}");
    }
    let waiting = env.waiting();
    let status = env.status();
    let dropped = status["outbox"]["dropped"].as_u64().unwrap();
    assert_eq!(
        (waiting.len() as u64 + dropped, status["outbox"]["records"].as_u64()),
        (20, Some(waiting.len() as u64))
    );
    assert!(waiting.last().unwrap().starts_with("19 ") && waiting.len() >= 5, "{} waiting", waiting.len());
}

#[test]
fn without_an_outbox_records_are_lost_and_that_is_told() {
    let env = TestEnv::new();
    env.run(&["send", "-v", "--no-outbox", "m"]).kept_the_promise().saying("1 record lost");
    assert!(!env.outbox().exists());
    let off = TestEnv::new().with("VLOG_OUTBOX", "off");
    let none = "connection refused; 1 record lost, for there is no outbox (VLOG_OUTBOX=off)";
    off.run(&["send", "m"]).kept_the_promise().saying(none);
    off.run_with(&["pipe"], "m\n").kept_the_promise().saying(none);
    off.run_with(&["pipe"], "m\n".repeat(3000)).kept_the_promise().saying("in all 3000 records lost");
    off.run_with(&["hook"], "{}").kept_the_promise().saying(none);
    off.run(&["run", "--", "true"]).kept_the_promise().saying(none);
    off.run(&["flush", "--fail"]).in_silence();
    assert!(!off.outbox().exists());
}

#[test]
fn an_outbox_that_cannot_be_used_is_told_on_one_line() {
    for (place, why) in [("/dev/null/x", "not a directory"), ("/proc/x/y", "no such file")] {
        let env = TestEnv::new().with("VLOG_OUTBOX", place);
        for verb in [&["send", "m"][..], &["send", "-v", "m"], &["pipe"], &["hook"], &["run", "--", "true"]] {
            let finished = env.run_with(verb, "{}\n").kept_the_promise();
            assert!(finished.stderr.to_lowercase().contains(why), "{finished:?}");
            assert!(finished.stderr.contains("1 record lost: "), "{finished:?}");
        }
        env.run(&["flush"]).in_silence();
        // Where there is no directory nothing waits; something else in its place may hide it.
        assert_eq!(env.run(&["flush", "--fail"]).status, Some(i32::from(place.starts_with("/dev"))));
        assert_eq!(env.run(&["status"]).status, Some(0));
    }
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let env = TestEnv::new();
    let place = env.home.path().join("shared");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    let env = env.with("VLOG_OUTBOX", place.to_str().unwrap());
    env.run(&["send", "-v", "m"]).kept_the_promise().saying("is not a directory of your own");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
}

#[test]
fn the_outbox_is_where_the_environment_says() {
    let env = TestEnv::new();
    let place = |name: &str| env.home.path().join(name);
    let holds =
        |folder: std::path::PathBuf| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    env::finish(env.vlog().args(["send", "m"]).env("XDG_STATE_HOME", place("xdg"))).in_silence();
    assert!(holds(place("xdg/vlog/outbox")));
    env::finish(env.vlog().args(["send", "m"]).env("STATE_DIRECTORY", place("unit"))).in_silence();
    assert!(holds(place("unit/vlog/outbox")));
    env::finish(env.vlog().args(["send", "m"]).env("VLOG_OUTBOX", place("own"))).in_silence();
    assert!(holds(place("own")));
    env::finish(env.vlog().args(["send", "m"]).env("XDG_STATE_HOME", "relative")).in_silence();
    assert!(holds(env.outbox()));
}

#[test]
fn twenty_flushes_at_once_deliver_every_record_once() {
    let env = TestEnv::new();
    let lines: String = (0..10_000).map(|n| format!("{n}\n")).collect();
    env.run_with(&["pipe"], lines).in_silence();
    assert!(env.entries().len() >= 5, "{}", env.entries().len());
    let address = env.url();
    let server = Server::at(address.trim_start_matches("http://"), Answer::Late(Duration::from_millis(5)));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| env.run(&["flush", "--fail"]).in_silence());
        }
    });
    let mut found: Vec<u32> = messages(&server).iter().map(|message| message.parse().unwrap()).collect();
    found.sort_unstable();
    assert!(found == (0..10_000).collect::<Vec<_>>(), "{} records", found.len());
    assert!(env.entries().is_empty());
}

#[test]
fn many_senders_at_once_lose_nothing() {
    let env = TestEnv::new();
    thread::scope(|scope| {
        for sender in 0..8 {
            let env = &env;
            scope.spawn(move || {
                for n in 0..25 {
                    env.run(&["send", &format!("{sender}.{n}")]).kept_the_promise();
                }
            });
        }
    });
    let waiting: BTreeSet<_> = env.waiting().into_iter().collect();
    assert_eq!(waiting.len(), 200);
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    env.run(&["flush", "--fail"]).in_silence();
    assert_eq!(messages(&server).len(), 200);
}

#[test]
fn a_recovered_server_is_not_stormed() {
    let env = TestEnv::new();
    for _ in 0..20 {
        env.run_with(&["pipe"], "a waiting record of about a hundred bytes\n".repeat(50)).in_silence();
    }
    let bytes: u64 = env.entries().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    for n in 0..100 {
        env.run(&["send", "--fail", &n.to_string()]).in_silence();
    }
    let most = 100 + bytes / (32 * 1024) + 10;
    assert!(server.requests().len() as u64 <= most, "{} requests, {most} allowed", server.requests().len());
    assert_eq!(messages(&server).len(), 1100);
    let largest = server.requests().iter().map(|request| request.body.len()).max().unwrap();
    assert!(largest <= 32 * 1024, "{largest} bytes in one request");
}

#[test]
fn a_flush_says_what_it_did_and_fails_only_for_those_who_ask() {
    let env = TestEnv::new();
    env.run_with(&["pipe"], "a\nb\n").in_silence();
    env.run(&["flush"]).in_silence();
    let finished = env.run(&["flush", "-v"]).kept_the_promise();
    finished.saying("connection refused; 0 records delivered, 2 records left in the outbox");
    assert_eq!(env.run(&["flush", "--fail"]).status, Some(1));
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    env.run(&["flush", "-v", "--fail"]).kept_the_promise().saying("2 records delivered");
    assert_eq!(messages(&server), ["a", "b"]);
    env.run(&["flush", "-v", "--fail"]).kept_the_promise().saying("nothing waits in the outbox");
    env.run(&["flush", "--fail"]).in_silence();
}

#[test]
fn a_flush_tries_even_while_the_breaker_is_open() {
    let server = Server::scripted(|n| if n == 0 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m", "--timeout", "600ms"]).in_silence();
    env.run(&["flush", "--fail"]).in_silence();
    env.run(&["send", "--fail", "the breaker is closed again"]).in_silence();
}

/// Passes connections on to `server` at so many bytes a second.
fn thin_line(server: &Server, rate: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = server.address;
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                // Small buffers, so that what is on the way does not hide how thin the line is.
                let mut server = TcpStream::connect(target).unwrap();
                let (mut back, mut answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut answers, &mut back));
                let mut buffer = vec![0; rate / 50];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    if server.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    url
}

#[test]
fn a_thin_line_makes_progress_with_every_flush() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::new().with("VLOG_URL", &thin_line(&server, 100_000)).with("VLOG_TIMEOUT", "1s");
    // Kept at once, through the breaker, so that the test need not wait for each batch.
    let refused = env.url();
    let line = format!("{}\n", "x".repeat(1000));
    let lines: String = (0..1500).map(|n| format!("{n} {line}")).collect();
    env.run_with(&["pipe"], lines).kept_the_promise();
    let mut before = env.waiting().len();
    assert!(before > 500, "{before} records wait at {refused}");
    for run in 0..30 {
        let finished = env.run(&["flush", "--fail"]);
        let entries = env.entries().len();
        let left = env.waiting().len();
        assert!(left < before || entries > 1, "run {run} made no progress: {finished:?}");
        before = left;
        if left == 0 {
            break;
        }
    }
    assert_eq!(before, 0, "records are left after 30 runs");
    let found = messages(&server);
    let unique: BTreeSet<_> =
        found.iter().map(|message| message.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(unique.len(), 1500);
    assert!(found.len() < 3 * 1500, "{} records came, {} of them once", found.len(), unique.len());
}

#[test]
fn pipe_overflows_into_the_outbox_and_nothing_is_lost() {
    let server = Server::scripted(|n| if n == 0 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server).with("VLOG_TIMEOUT", "1s");
    let lines: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let finished = env.run_with(&["pipe", "-v"], lines).kept_the_promise();
    assert!(finished.stderr.contains("kept in the outbox"), "{finished:?}");
    env.run(&["flush", "--fail"]).kept_the_promise();
    let found: BTreeSet<u32> = server.requests()[1..]
        .iter()
        .flat_map(crate::server::Request::records)
        .map(|record| record["_msg"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(found.len(), 100_000);
}

#[test]
fn a_running_pipe_drains_the_outbox() {
    let server = Server::scripted(|n| if n == 0 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "kept"]).in_silence();
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let stdin = child.stdin.take().unwrap();
    server.wait_for(2);
    assert_eq!(messages(&server), ["kept", "kept"]);
    drop(stdin);
    env::wait(child).in_silence();
    assert!(env.entries().is_empty());
}

#[test]
fn a_signal_during_delivery_keeps_the_record() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let child = env::spawn(env.vlog().args(["send", "m", "--timeout", "30s"]));
    server.wait_for(1);
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    assert_eq!(env.waiting(), ["m"]);
}

#[test]
fn detached_returns_at_once_and_delivers_later() {
    let server = Server::new(Answer::Late(Duration::from_millis(700)));
    let env = TestEnv::for_server(&server);
    // The shell waits for the end of its pipes, also of descriptor 3, which nobody asked vlog to close.
    let finished = env::finish(&mut env.shell("exec 3>&1; vlog send --detach --fail later a=b"));
    finished.in_silence();
    let start = Instant::now();
    server.wait_for(1);
    assert_eq!(messages(&server), ["later"]);
    while !env.entries().is_empty() {
        assert!(start.elapsed() < crate::env::within(Duration::from_secs(5)), "the entry is still there");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn detached_does_not_wait_for_a_hung_server() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let finished = env::finish(&mut env.shell("vlog send --detach m | cat")).in_silence();
    assert!(finished.time < crate::env::within(Duration::from_millis(500)), "{finished:?}");
    server.wait_for(1);
}

#[test]
fn detached_takes_the_server_along_and_works_without_an_outbox() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::new();
    env.run(&["send", "--detach", "m", "--url", &server.url(), "--tenant", "7", "-H", "X-A: b"]).in_silence();
    server.wait_for(1);
    assert_eq!(
        (server.request().headers["accountid"].as_str(), server.request().headers["x-a"].as_str()),
        ("7", "b")
    );
    env.run(&["send", "--detach", "--no-outbox", "n", "--url", &server.url()]).in_silence();
    assert_eq!(messages(&server), ["m", "n"]);
}

#[test]
fn status_says_where_every_setting_comes_from() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server)
        .with("VLOG_SERVICE", "s")
        .with("VLOG_TOKEN", "s3cret")
        .with("VLOG_TIMEOUT", "soon");
    let finished = env.run(&["status", "--json", "--fail", "--tenant", "1:2"]);
    assert!(!finished.text().contains("s3cret"));
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let status: serde_json::Value = serde_json::from_str(finished.text()).unwrap();
    let setting =
        |name: &str| (status["settings"][name]["value"].clone(), status["settings"][name]["source"].clone());
    assert_eq!(setting("url"), (json!(server.url()), json!("VLOG_URL")));
    assert_eq!(setting("service"), (json!("s"), json!("VLOG_SERVICE")));
    assert_eq!(setting("tenant"), (json!("1:2"), json!("--tenant")));
    assert_eq!(setting("timeout"), (json!("2s"), json!("default")));
    assert_eq!(setting("token"), (json!("(set)"), json!("VLOG_TOKEN")));
    assert_eq!(status["server"]["accepting"], true);
    assert!(server.requests()[0].line.contains("debug=1"));
    let text = env.run(&["status"]);
    assert!(text.text().contains("VLOG_SERVICE") && !text.text().contains("s3cret"), "{}", text.text());
}

#[test]
fn status_tells_a_dead_server_and_what_waits() {
    let env = TestEnv::new();
    env.run_with(&["pipe"], "a\nb\n").in_silence();
    env.run(&["send", "m", "-t", "2001-01-01T00:00:00Z"]).in_silence();
    let status = env.status();
    assert_eq!(status["server"]["accepting"], false);
    assert!(status["server"]["error"].as_str().unwrap().contains("connection refused"));
    let outbox = &status["outbox"];
    assert_eq!(
        (&outbox["records"], &outbox["rejected"], &outbox["dropped"]),
        (&json!(3), &json!(0), &json!(0))
    );
    assert_eq!(outbox["doubtful_times"], 1);
    assert!(
        outbox["bytes"].as_u64().unwrap() > 100 && outbox["oldest"].as_str().unwrap().starts_with("20"),
        "{outbox}"
    );
    assert!(outbox["last_error"].as_str().unwrap().contains("connection refused"), "{outbox}");
    assert_eq!(env.run(&["status", "--fail"]).status, Some(1));
    assert_eq!(env::finish(&mut env.shell("vlog status > /dev/full")).status, Some(0));
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_that_it_said_it_kept() {
    let env = TestEnv::new();
    let mut kept = BTreeSet::new();
    for n in 0..100_u64 {
        let mut child = env::spawn(env.vlog().args(["send", "-v", &format!("record {n}")]));
        thread::sleep(Duration::from_micros(n * 37 % 4000));
        // It may have ended already.
        let _ = child.kill();
        if env::wait(child).stderr.contains("1 record kept") {
            kept.insert(format!("record {n}"));
        }
    }
    env.run(&["send", "the last one"]).in_silence();
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    env.run(&["flush", "--fail"]).in_silence();
    let found: BTreeSet<_> = messages(&server).into_iter().collect();
    assert!(kept.is_subset(&found), "lost: {:?}", kept.difference(&found));
    assert!(found.contains("the last one") && !kept.is_empty());
}

#[test]
fn a_server_that_fails_slowly_opens_the_breaker_too() {
    let answer = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = Server::new(Answer::LateRaw(Duration::from_millis(700), answer));
    let env = TestEnv::for_server(&server);
    env.run(&["send", "one"]).in_silence();
    env.run(&["send", "-v", "two"]).kept_the_promise().saying("no answer lately");
    assert_eq!(server.connections(), 1);
}

#[test]
fn after_the_clock_was_set_back_records_still_share_an_entry() {
    let env = TestEnv::new();
    env.run(&["send", "0"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let text = fs::read_to_string(&entry).unwrap().replacen("\"since\":\"01", "\"since\":\"02", 1);
    fs::write(&entry, text).unwrap();
    for n in 1..20 {
        env.run(&["send", &n.to_string()]).in_silence();
    }
    assert!(env.entries().len() <= 2, "{:#?}", env.entries());
}

#[test]
fn a_small_cap_drops_the_oldest_and_not_what_was_just_kept() {
    for cap in ["8K", "20K", "200K"] {
        let env = TestEnv::new().with("VLOG_OUTBOX_MAX", cap);
        for n in 0..100 {
            env.run(&["send", &format!("{n} {}", "x".repeat(500))]).in_silence();
            let waiting = env.waiting();
            assert!(waiting.last().is_some_and(|last| last.starts_with(&format!("{n} "))), "{cap}: {n}");
        }
        assert_eq!(
            env.waiting().len() as u64 + env.status()["outbox"]["dropped"].as_u64().unwrap(),
            100,
            "{cap}"
        );
    }
}

#[test]
fn a_limit_of_file_sizes_is_no_end() {
    let env = TestEnv::new();
    let finished =
        env::finish(&mut env.shell("ulimit -f 0; vlog send -v m 2>&1 | cat; echo line | vlog pipe --tee"));
    let text = finished.text();
    assert!(
        text.contains("could not write to") && text.contains("1 record lost") && text.ends_with("line\n"),
        "{text}"
    );
}

#[test]
fn pipes_and_directories_in_the_place_of_files_are_not_waited_for() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m"]).in_silence();
    fs::create_dir_all(env.outbox()).unwrap();
    fs::set_permissions(env.outbox(), fs::Permissions::from_mode(0o700)).unwrap();
    let dead = TestEnv::new();
    dead.run(&["send", "m"]).in_silence();
    let entry = dead.entries().pop().unwrap();
    let name = entry.file_name().unwrap().to_str().unwrap();
    let breaker = format!("breaker.{}", name.split('.').nth(1).unwrap());
    let last_error = breaker.replace("breaker", "last_error");
    for place in [breaker.as_str(), last_error.as_str(), "dropped", "bytes", "doubtful_times"] {
        let path = dead.outbox().join(place);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    dead.run(&["send", "m", "-t", "2001-01-01T00:00:00Z"]).in_silence();
    assert_eq!(dead.run(&["status"]).status, Some(0));
    assert_eq!(dead.waiting().len(), 2);
}

#[test]
fn an_entry_is_sent_where_it_says_and_not_where_its_name_says() {
    let server = Server::scripted(|n| if n == 0 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let text = fs::read_to_string(&entry).unwrap().replace(&server.url(), "http://192.0.2.1:9428");
    fs::write(&entry, text).unwrap();
    env.run(&["flush"]).in_silence();
    assert_eq!((server.requests().len(), env.waiting()), (1, vec!["m".to_owned()]));
}

#[test]
fn a_huge_file_in_the_place_of_an_entry_is_left_alone() {
    let server = Server::scripted(|n| if n == 0 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m"]).in_silence();
    let entry = env.entries().pop().unwrap();
    OpenOptions::new().append(true).open(&entry).unwrap().set_len(1 << 30).unwrap();
    env.run(&["flush"]).in_silence();
    assert_eq!((server.requests().len(), env.entries().len()), (1, 1));
    assert_eq!(env.status()["outbox"]["foreign_files"], 1);
}

#[test]
fn a_pipe_that_ends_in_the_middle_of_a_drain_waits_for_it() {
    let server = Server::scripted(|n| match n {
        0 => Answer::Status(503, "", ""),
        _ => Answer::Late(Duration::from_millis(400)),
    });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "kept"]).in_silence();
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let stdin = child.stdin.take().unwrap();
    server.wait_for(2);
    drop(stdin);
    env::wait(child).in_silence();
    assert!(env.entries().is_empty());
    env.run(&["flush"]).in_silence();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_window_of_loss_is_what_a_killed_pipe_holds() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "--tee"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"young\n").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    child.kill().unwrap();
    env::wait(child);
    assert!(server.requests().is_empty() && env.entries().is_empty());
}

#[test]
fn the_window_of_duplication_is_a_request_that_was_taken_and_not_answered() {
    let server = Server::scripted(|n| if n == 0 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m", "--timeout", "300ms"]).in_silence();
    env.run(&["flush", "--fail"]).in_silence();
    assert_eq!(messages(&server), ["m", "m"]);
}

#[test]
fn a_flush_shows_its_progress_on_a_terminal() {
    let env = TestEnv::new();
    env.run_with(&["pipe"], "line\n".repeat(3000)).in_silence();
    let server = Server::at(env.url().trim_start_matches("http://"), Answer::Accept);
    // script(1) gives the command a terminal.
    let finished = env::finish(&mut env.shell("script -qec 'vlog flush' /dev/null"));
    if finished.status != Some(0) {
        env::skip("there is no script(1) here");
        return;
    }
    let text = finished.text();
    assert!(text.contains("\rvlog: ") && text.contains("vlog: 3000 records delivered"), "{text:?}");
    assert_eq!(messages(&server).len(), 3000);
}
