//! `vlog send`: what becomes of words, flags and variables.

use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// Sends with these arguments; the record that came.
#[track_caller]
fn sent(args: &[&str]) -> serde_json::Map<String, serde_json::Value> {
    let server = Server::new(Answer::Accept);
    let args: Vec<_> = ["send"].iter().chain(args).copied().collect();
    TestEnv::for_server(&server).run(&args).in_silence();
    server.record()
}

#[test]
fn a_message_and_a_field_become_a_record() {
    let server = Server::new(Answer::Accept);
    let before = Timestamp::now();
    let env = TestEnv::for_server(&server);
    env.run(&["send", "observation stored", "service=nmem-capture"]).in_silence();
    let after = Timestamp::now();

    let request = server.request();
    assert_eq!(request.line, "POST /insert/jsonline?_stream_fields=service HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/stream+json");
    assert_eq!(request.headers["content-length"], request.body.len().to_string());
    assert!(!request.headers.contains_key("content-encoding"));
    assert_eq!(request.headers["user-agent"], concat!("vlog/", env!("CARGO_PKG_VERSION")));
    assert!(request.body.ends_with(b"}\n"));

    let record = server.record();
    assert_eq!(record["_msg"], "observation stored");
    assert_eq!(record["service"], "nmem-capture");
    assert_eq!(record["level"], "info");
    let host = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    assert_eq!(record["host"], String::from_utf8(host).unwrap().trim());
    let time: Timestamp = record["_time"].as_str().unwrap().parse().unwrap();
    assert!(before <= time && time <= after);
    assert_eq!(record["_time"].as_str().unwrap().len(), 30);
    assert_eq!(record.len(), 5);
}

#[test]
fn the_first_word_is_the_message_even_with_an_equals_sign() {
    let record = sent(&["a=b", "c=d"]);
    assert_eq!((&record["_msg"], &record["c"]), (&json!("a=b"), &json!("d")));
}

#[test]
fn words_that_are_no_fields_join_the_message() {
    let record = sent(&["disk", "is", "full", "on=sda", "now", "two words=x", "=y"]);
    assert_eq!(record["_msg"], "disk is full now two words=x =y");
    assert_eq!(record["on"], "sda");
}

#[test]
fn a_variable_that_is_not_set_does_not_hide_the_message() {
    for word in ["_msg=", "_msg:=null", "_msg:=\"\""] {
        assert_eq!(sent(&["backup failed", word])["_msg"], "backup failed", "{word}");
    }
    assert_eq!(sent(&["backup failed", "_msg=own", "_msg="])["_msg"], "own");
    let time = sent(&["m", "-t", "2026-11-20T12:00:00Z", "_time="])["_time"].clone();
    assert!(time.as_str().unwrap().starts_with("2026-11-20T12:00:00"), "{time}");
}

#[test]
fn a_stdin_that_cannot_be_read_is_told_and_the_record_goes_with_it() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let why = "could not read stdin: is a directory; the message is what came before";
    env::finish(&mut env.shell("vlog send - code=3 < /")).kept_the_promise().saying(why);
    let record = server.record();
    assert_eq!(
        (&record["_msg"], &record["code"], &record["level"], &record["vlog_error"]),
        (&json!("(empty)"), &json!("3"), &json!("warn"), &json!(why))
    );
}

#[test]
fn with_a_message_option_every_word_is_a_field() {
    let record = sent(&["-m", "-5 degrees", "a=b", "c=d"]);
    assert_eq!(
        (&record["_msg"], &record["a"], &record["c"]),
        (&json!("-5 degrees"), &json!("b"), &json!("d"))
    );
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "--message", "hi", "stray"]).kept_the_promise().saying("'stray' is not KEY=VALUE");
    let record = server.record();
    assert_eq!((&record["_msg"], &record["level"]), (&json!("hi"), &json!("warn")));
    assert_eq!(record["vlog_error"], "'stray' is not KEY=VALUE");
}

#[test]
fn values_are_literal_and_json_is_json() {
    let record = sent(&[
        "m",
        "a=\"q\" \\n",
        "n:=1.50",
        "b:=true",
        "o:={\"x\":{\"y\":\"z\"},\"l\":[1,\"2\"]}",
        "u=a=b",
        "z:=null",
    ]);
    assert_eq!(record["a"], "\"q\" \\n");
    assert_eq!(record["n"].to_string(), "1.50");
    assert_eq!(record["b"], true);
    assert_eq!(record["o.x.y"], "z");
    assert_eq!(record["o.l"], "[1,\"2\"]");
    assert_eq!(record["u"], "a=b");
    assert!(!record.contains_key("z") && !record.contains_key("o"));
}

#[test]
fn a_value_that_is_not_the_json_it_claims_to_be_is_kept_as_text() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "m", "n:={oops"]).kept_the_promise().saying("the value of 'n' is not JSON");
    let record = server.record();
    assert_eq!(
        (&record["n"], &record["level"], &record["_msg"]),
        (&json!("{oops"), &json!("warn"), &json!("m"))
    );
}

#[test]
fn after_two_dashes_everything_is_text() {
    assert_eq!(sent(&["--", "--help"])["_msg"], "--help");
    assert_eq!(sent(&["-l", "error", "--", "-v", "a=b"])["_msg"], "-v");
}

#[test]
fn negative_numbers_are_messages() {
    let record = sent(&["-5", "degrees"]);
    assert_eq!(record["_msg"], "-5 degrees");
}

#[test]
fn level_and_service_come_from_flag_variable_or_field() {
    assert_eq!(sent(&["-l", "WARNING", "m"])["level"], "warn");
    assert_eq!(sent(&["--level=err", "m"])["level"], "error");
    assert_eq!(sent(&["m", "level=Critical"])["level"], "fatal");
    assert_eq!(sent(&["m", "level=spooky"])["level"], "spooky");
    assert_eq!(sent(&["m", "level="])["level"], "info");
    assert_eq!(sent(&["m", "-s", "a"])["service"], "a");
    assert_eq!(sent(&["m", "-s", "a", "service=b"])["service"], "b");
    assert_eq!(sent(&["m"])["service"], "vlog");
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_SERVICE", "from-env");
    env.run(&["send", "m"]).in_silence();
    env.run(&["send", "m", "--service", "flag"]).in_silence();
    let services: Vec<_> = server.records().iter().map(|record| record["service"].clone()).collect();
    assert_eq!(services, ["from-env", "flag"]);
}

#[test]
fn a_level_that_is_none_is_told_and_travels_along() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "-l", "loud", "m"])
        .kept_the_promise()
        .saying("could not use --level: 'loud' is no level");
    let record = server.record();
    assert_eq!((&record["_msg"], &record["level"]), (&json!("m"), &json!("warn")));
    assert!(record["vlog_error"].as_str().unwrap().contains("'loud'"));
}

#[test]
fn a_mistake_does_not_lower_the_level() {
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run(&["send", "-l", "fatal", "--bogus", "m"]).kept_the_promise();
    assert_eq!(server.record()["level"], "fatal");
}

#[test]
fn flags_go_over_the_fields_of_the_environment() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", "service=of-env level=debug");
    env.run(&["send", "m"]).in_silence();
    env.run(&["send", "m", "-s", "flag", "-l", "error"]).in_silence();
    env.run(&["send", "m", "-s", "flag", "-l", "error", "service=item", "level=warn"]).in_silence();
    let found: Vec<_> =
        server.records().iter().map(|record| (record["service"].clone(), record["level"].clone())).collect();
    let expected = [("of-env", "debug"), ("flag", "error"), ("item", "warn")];
    assert_eq!(found, expected.map(|(service, level)| (json!(service), json!(level))));
}

#[test]
fn a_signal_leaves_a_healthy_server_the_time_to_answer() {
    let server = Server::new(Answer::Late(Duration::from_millis(100)));
    let env = TestEnv::for_server(&server);
    let child = env::spawn(env.vlog().args(["send", "--fail", "m"]));
    server.wait_for(1);
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    assert!(env.entries().is_empty());
}

#[test]
fn the_environment_adds_fields_and_the_command_line_overrides_them() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", "env=prod team:=7 host=h");
    env.run(&["send", "m", "env=test"]).in_silence();
    let record = server.record();
    assert_eq!((&record["env"], &record["team"], &record["host"]), (&json!("test"), &json!(7), &json!("h")));
}

#[test]
fn records_below_the_least_level_are_not_sent() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_MIN_LEVEL", "warn");
    env.run(&["send", "--fail", "m"]).in_silence();
    env.run(&["send", "m", "level=debug"]).in_silence();
    assert_eq!(server.connections(), 0);
    env.run(&["send", "-l", "error", "m"]).in_silence();
    assert_eq!(server.record()["level"], "error");
}

#[test]
fn the_time_can_be_given() {
    let time = |args: &[&str]| sent(args)["_time"].clone();
    assert_eq!(time(&["m", "-t", "2026-11-20T12:00:00.5+02:00"]), "2026-11-20T10:00:00.500000000Z");
    assert_eq!(time(&["m", "--time", "1795172400.25"]), "2026-11-20T11:00:00.250000000Z");
    assert_eq!(time(&["m", "_time=1795172400123"]), "2026-11-20T11:00:00.123000000Z");
    assert_eq!(time(&["m", "_time:=1795172400123"]), "2026-11-20T11:00:00.123000000Z");
}

#[test]
fn a_time_that_is_none_is_kept_beside_the_present_one() {
    let before = Timestamp::now();
    for text in ["yesterday", "2026-11-20T10:00:00", "0"] {
        let record = sent(&["m", &format!("_time={text}")]);
        assert_eq!(record["vlog_time"], text);
        assert!(record["_time"].as_str().unwrap().parse::<Timestamp>().unwrap() >= before);
    }
    // What a person wrote and nobody understands is said as well.
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for (at, text) in ["soon", "tomorrow", "2026-13-01", "0"].into_iter().enumerate() {
        let finished = env.run(&["send", "m", "--time", text]).kept_the_promise();
        let finished = finished.saying(&format!("could not use --time: '{text}' is "));
        assert!(finished.stderr.contains("kept in vlog_time, the record is stamped now"), "{finished:?}");
        let record = server.records().remove(at);
        assert_eq!((&record["vlog_time"], &record["level"]), (&json!(text), &json!("warn")));
        assert!(record["vlog_error"].as_str().unwrap().starts_with("could not use --time"), "{record:?}");
        assert!(record["_time"].as_str().unwrap().parse::<Timestamp>().unwrap() >= before);
    }
    assert!(!sent(&["m", "-t", ""]).contains_key("vlog_time"));
}

#[test]
fn a_time_is_read_as_query_reads_it_on_the_clock_here() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("TZ", "CET-1");
    let at = |text: &str| {
        env.run(&["send", "m", "-t", text]).in_silence();
        let record = server.records().pop().unwrap();
        assert!(!record.contains_key("vlog_time"), "{text}");
        record["_time"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let ago = |time: Timestamp| Timestamp::now().as_second() - time.as_second();
    for text in ["2026-11-20 10:00", "2026-11-20T10:00", "2026-11-20T10:00:00"] {
        assert_eq!(at(text).to_string(), "2026-11-20T09:00:00Z", "{text}");
    }
    assert_eq!(at("2026-11-20").to_string(), "2026-11-19T23:00:00Z");
    assert_eq!(at("2026").to_string(), "2025-12-31T23:00:00Z");
    for text in ["1h", "1h ago", "an hour ago", "now-1h"] {
        assert!((3600..3700).contains(&ago(at(text))), "{text}");
    }
    let yesterday = at("yesterday");
    assert!(yesterday.to_string().ends_with("T23:00:00Z"), "{yesterday}");
    assert!((86_400..2 * 86_400 + 100).contains(&ago(yesterday)), "{yesterday}");
    // Into the past, at whatever time of day this runs.
    for text in ["00:00", "6:00", "12:00", "18:00", "23:59:59"] {
        assert!((0..86_500).contains(&ago(at(text))), "{text}");
    }
}

#[test]
fn a_time_that_the_server_may_drop_is_sent_and_warned_of() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "-v", "m", "-t", "2001-01-01T00:00:00Z"])
        .kept_the_promise()
        .saying("is over 7 days old");
    env.run(&["send", "-v", "m", "-t", "2101-01-01T00:00:00Z"])
        .kept_the_promise()
        .saying("is more than 2 days ahead");
    env.run(&["send", "m", "-t", "2001-01-01T00:00:00Z"]).in_silence();
    assert_eq!(server.records()[0]["_time"], "2001-01-01T00:00:00.000000000Z");
}

#[test]
fn reserved_names_are_not_sent() {
    let record =
        sent(&["m", "_stream=a", "_stream_id=b", "_msg=other", "a.b=1", "a:={\"b\":2}", "x=1", "x=2"]);
    assert_eq!(record["_msg"], "other");
    assert_eq!((&record["stream"], &record["stream_id"]), (&json!("a"), &json!("b")));
    assert_eq!((&record["a.b"], &record["x"]), (&json!(2), &json!("2")));
}

#[test]
fn an_empty_message_is_sent_as_such() {
    let record = sent(&[""]);
    assert_eq!((&record["_msg"], &record["level"]), (&json!("(empty)"), &json!("info")));
    assert!(!record.contains_key("vlog_error"));
}

#[test]
fn a_missing_message_is_told() {
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run(&["send"]).kept_the_promise().saying("there is no message");
    let record = server.record();
    assert_eq!((&record["_msg"], &record["vlog_error"]), (&json!("(empty)"), &json!("there is no message")));
}

#[test]
fn a_dash_reads_the_message_from_stdin() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run_with(&["send", "-", "a=b"], "one\ntwo \u{fffd}\r\n").in_silence();
    env.run_with(&["send", "-"], b"bad \xff byte").in_silence();
    env.run_with(&["send", "-"], "").in_silence();
    env.run_with(&["send", "-m", "-"], "not read").in_silence();
    let messages: Vec<_> = server.records().iter().map(|record| record["_msg"].clone()).collect();
    assert_eq!(messages, ["one\ntwo \u{fffd}", "bad \u{fffd} byte", "(empty)", "-"]);
    assert_eq!(server.records()[0]["a"], "b");
}

#[test]
fn stdin_is_not_touched_otherwise() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    // A pipe that stays open: a hook's stdin.
    let mut child = env::spawn(env.vlog().args(["send", "m"]).stdin(Stdio::piped()));
    let stdin = child.stdin.take().unwrap();
    env::wait(child).in_silence();
    drop(stdin);
    let rest = env::finish_with(&mut env.shell("vlog send m; cat"), "kept");
    assert_eq!(rest.text(), "kept");
}

#[test]
fn of_a_huge_stdin_sixteen_mebibytes_are_kept_and_the_rest_is_counted() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let input = "0123456789abcde\n".repeat((20 << 20) / 16);
    let finished = env.run_with(&["send", "-", "--timeout", "20s"], &input);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let records = server.records();
    let text: String = records.iter().map(|record| record["_msg"].as_str().unwrap()).collect();
    assert!(text == input[..(16 << 20) - 1], "{} bytes", text.len());
    for (at, record) in records.iter().enumerate() {
        assert_eq!((&record["vlog_dropped_bytes"], &record["vlog_part"]), (&json!(4 << 20), &json!(at + 1)));
        assert_eq!(record["vlog_id"], records[0]["vlog_id"]);
    }
}

#[test]
fn split_records_of_two_runs_have_two_ids() {
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let server = Server::new(Answer::Accept);
            TestEnv::for_server(&server).run_with(&["send", "-"], "x".repeat(300_000)).in_silence();
            server.records()[0]["vlog_id"].clone()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_signal_ends_the_wait_for_stdin_and_what_was_read_is_sent() {
    use std::io::Write;
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["send", "-"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"half a message").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    assert_eq!(server.record()["_msg"], "half a message");
}

#[test]
fn a_signal_ends_the_wait_for_the_server() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    for name in ["TERM", "HUP", "INT"] {
        let before = server.requests().len();
        let child = env::spawn(env.vlog().args(["send", "-v", "m", "--timeout", "30s"]));
        server.wait_for(before + 1);
        env::signal(&child, name);
        env::wait(child).kept_the_promise().saying("stopped by a signal; 1 record kept in the outbox");
    }
}

#[test]
fn stream_fields_tenant_headers_and_credentials_are_sent() {
    let server = Server::new(Answer::Accept);
    let env =
        TestEnv::for_server(&server).with("VLOG_TOKEN", "t0ken").with("VLOG_STREAM_FIELDS", "service, host");
    let file = env.home.path().join("headers");
    std::fs::write(&file, "X-One: 1\n\nX-Two: 2\n").unwrap();
    let from_file = format!("@{}", file.display());
    env.run(&["send", "m", "--tenant", "12:3", "-H", "X-Scope: a b", "-H", &from_file]).in_silence();
    env.run(&["send", "m", "--stream-fields", "a,b c"]).in_silence();
    let requests = server.requests();
    let header = |name: &str| requests[0].headers[name].as_str();
    assert_eq!((header("accountid"), header("projectid")), ("12", "3"));
    assert_eq!((header("x-scope"), header("x-one"), header("x-two")), ("a b", "1", "2"));
    assert_eq!(header("authorization"), "Bearer t0ken");
    assert!(requests[0].line.contains("?_stream_fields=service,host "));
    assert!(requests[1].line.contains("?_stream_fields=a,b%20c "));
}

#[test]
fn secrets_come_from_files_and_urls_too() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::new();
    let file = env.home.path().join("password");
    std::fs::write(&file, "p\n").unwrap();
    let url = format!("http://u:p@{}", server.address);
    env.run(&["send", "m", "--url", &url]).in_silence();
    let env = env.with("VLOG_URL", &server.url()).with("VLOG_USER", "u");
    env.with("VLOG_PASSWORD_FILE", file.to_str().unwrap()).run(&["send", "m"]).in_silence();
    for request in server.requests() {
        assert_eq!(request.headers["authorization"], "Basic dTpw");
        assert!(!request.line.contains('@') && !request.headers["host"].contains('@'));
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_password_may_have_any_character() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_USER", "u").with("VLOG_PASSWORD", "p \u{e4}");
    env.run(&["send", "-v", "m"]).kept_the_promise().saying("1 record delivered to ");
    assert_eq!(server.request().headers["authorization"], "Basic dTpwIMOk");
}

#[test]
fn secrets_are_never_shown() {
    let env = TestEnv::new().with("VLOG_TOKEN", "s3cret").with("VLOG_VERBOSE", "1");
    let url = format!("http://user:s3cret@{}", Server::refused());
    let runs = [
        env.run(&["send", "m"]),
        env.run(&["send", "m", "--url", &url]),
        env.run(&["send", "m", "--url", "ftp://user:s3cret@x"]),
        env.run(&["send", "m", "-H", "s3cret"]),
        env.run(&["send", "m", "--heder=s3cret"]),
        env.run(&["send", "m", "-uuser:s3cret"]),
        env.run_with(&["pipe", "--headr", "Authorization: Bearer s3cret"], "m\n"),
        env.run(&["send", "m", "--url", "http://user:12/34s3cret@h:9/"]),
        env.run(&["send", "m", "-H", "X-Key: s3cret", "--dry-run", "--url", &url]),
        env.run(&["query", "*", "--url", &url]),
    ];
    for finished in runs {
        assert!(!finished.stderr.contains("s3cret") && !finished.text().contains("s3cret"), "{finished:?}");
        assert_eq!(finished.status, Some(0));
    }
}

#[test]
fn a_path_prefix_is_kept_and_an_api_path_is_taken_off() {
    let server = Server::new(Answer::Accept);
    for suffix in ["/vl/x", "/vl/x/", "/vl/x/insert/jsonline"] {
        let env = TestEnv::new().with("VLOG_URL", &format!("{}{suffix}", server.address));
        env.run(&["send", "m"]).in_silence();
    }
    let lines: Vec<_> = server.requests().iter().map(|request| request.line.clone()).collect();
    assert_eq!(lines, ["POST /vl/x/insert/jsonline?_stream_fields=service HTTP/1.1"; 3]);
}

#[test]
fn off_means_off() {
    let env = TestEnv::new().with("VLOG_URL", "off");
    env.run(&["send", "--fail", "-v", "m"]).in_silence();
    env.run_with(&["pipe", "--fail"], "m\n").in_silence();
    assert_eq!(env.run_with(&["pipe", "--tee"], "m\n").text(), "m\n");
    assert_eq!(env.run(&["query", "--fail", "*"]).saying("delivery is off").status, Some(1));
}

#[test]
fn localhost_is_this_machine_and_never_behind_a_proxy() {
    let server = Server::new(Answer::Accept);
    let dead = format!("http://{}", Server::refused());
    let url = format!("http://localhost:{}", server.address.port());
    let env = TestEnv::new().with("VLOG_URL", &url);
    let env = env.with("HTTP_PROXY", &dead).with("http_proxy", &dead).with("ALL_PROXY", &dead);
    env.run(&["send", "--fail", "m"]).in_silence();
    env.with("VLOG_URL", &server.url()).run(&["send", "--fail", "m"]).in_silence();
    assert_eq!(server.records().len(), 2);
}

#[test]
fn another_host_is_reached_through_the_proxy() {
    // A proxy that opens the tunnel and then answers the request in it.
    let tunnel = b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let proxy = Server::new(Answer::Raw(tunnel.to_vec()));
    let dead = format!("http://{}", Server::refused());
    let env = TestEnv::new().with("VLOG_URL", "http://logs.invalid:9428").with("HTTPS_PROXY", &dead);
    env.with("HTTP_PROXY", &proxy.url()).run(&["send", "m"]).kept_the_promise();
    assert_eq!(proxy.requests()[0].line, "CONNECT logs.invalid:9428 HTTP/1.1");
}

#[test]
fn a_dry_run_prints_the_request_and_sends_nothing() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_TOKEN", "s3cret");
    let finished =
        env.run(&["send", "--dry-run", "m", "a=b", "--tenant", "1:2", "-t", "2026-11-20T10:00:00Z"]);
    let (head, body) = finished.text().split_once("\n\n").unwrap();
    let expected = format!(
        "POST /insert/jsonline?_stream_fields=service HTTP/1.1\nHost: {}\nContent-Type: application/stream+json\n\
         AccountID: 1\nProjectID: 2\nAuthorization: (redacted)",
        server.address
    );
    assert_eq!(head, expected);
    assert!(
        body.starts_with("{\"_time\":\"2026-11-20T10:00:00.000000000Z\",\"level\":\"info\",\"_msg\":\"m\""),
        "{body}"
    );
    assert_eq!((finished.status, server.connections()), (Some(0), 0));
}

#[test]
fn bad_settings_do_not_stop_the_record() {
    let server = Server::new(Answer::Accept);
    let bad = [
        ("VLOG_TIMEOUT", "soon"),
        ("VLOG_MIN_LEVEL", "loud"),
        ("VLOG_FIELDS", "nonsense"),
        ("VLOG_FAIL", "perhaps"),
    ];
    for (name, value) in bad {
        let env = TestEnv::for_server(&server).with(name, value);
        env.run(&["send", "m"]).in_silence();
        env.run(&["send", "-v", "m"]).kept_the_promise().saying(&format!("could not use {name}: "));
    }
    assert_eq!(server.records().len(), 2 * bad.len());
    for args in [["--timeout", "soon"], ["--level", "loud"]] {
        let env = TestEnv::for_server(&server);
        env.run(&[&["send", "m"][..], &args].concat()).kept_the_promise().saying("could not use --");
        let record = server.records().pop().unwrap();
        assert!(record["vlog_error"].as_str().unwrap().starts_with("could not use --"), "{record:?}");
    }
}

#[test]
fn an_empty_variable_is_unset() {
    let server = Server::new(Answer::Accept);
    let mut env = TestEnv::for_server(&server);
    for name in [
        "VLOG_SERVICE",
        "VLOG_TIMEOUT",
        "VLOG_TENANT",
        "VLOG_TOKEN",
        "VLOG_FIELDS",
        "VLOG_FAIL",
        "VLOG_MIN_LEVEL",
    ] {
        env = env.with(name, "");
    }
    env.run(&["send", "-v", "m"]).kept_the_promise().saying("1 record delivered to ");
    assert_eq!(server.record()["service"], "vlog");
    assert!(!server.request().headers.contains_key("authorization"));
}

#[test]
fn no_thread_is_started_and_no_file_is_opened_for_a_literal_address() {
    let server = Server::new(Answer::Accept);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}", server.address.port());
        let env = TestEnv::new().with("VLOG_URL", &url);
        let trace = env.home.path().join("trace");
        let mut strace = env.command("strace");
        strace.args(["-f", "-e", "trace=clone,clone3,open,openat", "-o", trace.to_str().unwrap()]);
        strace.args([env!("CARGO_BIN_EXE_vlog"), "send", "m"]);
        let Ok(status) = strace.status() else {
            env::skip("there is no strace here");
            return;
        };
        assert!(status.success());
        let text = std::fs::read_to_string(&trace).unwrap();
        // The dynamic loader of a test build opens its libraries, and glibc looks at its own stack.
        let own = |line: &&str| {
            !line.contains("/lib/") && !line.contains("/etc/ld.so") && !line.contains("/proc/self/maps")
        };
        let calls: Vec<_> = text.lines().filter(|line| line.contains('(')).filter(own).collect();
        let calls: Vec<_> = calls.into_iter().filter(|line| !line.contains(".so")).collect();
        // Which signals were ignored at the start, no system call tells.
        let calls: Vec<_> = calls.into_iter().filter(|line| !line.contains("/proc/self/status")).collect();
        // The outbox is looked for, and is not there.
        let calls: Vec<_> = calls.into_iter().filter(|line| !line.contains("/vlog/outbox")).collect();
        assert!(calls.is_empty(), "{calls:#?}");
    }
}

#[test]
fn a_proxy_that_refuses_is_named_and_its_password_is_not() {
    let proxy = format!("http://me:s3cret@{}", Server::refused());
    let env = TestEnv::new().with("VLOG_URL", "http://192.0.2.1").with("HTTP_PROXY", &proxy);
    let why = "could not reach http://192.0.2.1 through the proxy: connection refused; 1 record kept";
    let finished = env.run(&["send", "-v", "m"]).kept_the_promise().saying(why);
    assert!(!finished.stderr.contains("s3cret"), "{finished:?}");
    let asked = env.run(&["query", "*"]).kept_the_promise();
    asked.saying("could not reach http://192.0.2.1 through the proxy: connection refused");
}
