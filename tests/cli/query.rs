//! `vlog query`: what is asked, what is printed, what is said.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

const ROWS: &str = "{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"one\"}\n{\"_msg\":\"two \\u003c\"}\n";
const JSON: &str = "Content-Type: application/stream+json\r\n";

/// What the server was asked by these arguments.
fn asked(args: &[&str]) -> Vec<(String, Option<String>)> {
    let server = Server::new(Answer::Status(200, JSON, ""));
    let args: Vec<_> = ["query"].iter().chain(args).copied().collect();
    TestEnv::for_server(&server).run(&args).kept_the_promise();
    let request = server.request();
    assert_eq!(request.line, "POST /select/logsql/query HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(!request.headers.contains_key("accept-encoding"));
    ["query", "limit", "start", "end"].iter().map(|name| ((*name).to_owned(), request.form(name))).collect()
}

#[track_caller]
fn asks(args: &[&str], expected: [Option<&str>; 4]) {
    let found: Vec<_> = asked(args).into_iter().map(|(_, value)| value).collect();
    assert_eq!(found, expected.map(|value| value.map(str::to_owned)), "{args:?}");
}

#[test]
fn the_query_goes_as_it_is_and_the_rest_beside_it() {
    asks(&["level:error", "--since", "1h"], [Some("level:error"), Some("100"), Some("1h"), None]);
    asks(&[], [Some("*"), Some("100"), None, None]);
    asks(&["a", "-n", "5", "--until", "now-1d"], [Some("a"), Some("5"), None, Some("now-1d")]);
    asks(&["a", "-n0"], [Some("a"), None, None, None]);
    asks(&["a", "--since", "-1h"], [Some("a"), Some("100"), Some("-1h"), None]);
    let nasty = "_msg:=\"a|b\\\"&;%+\u{e9}\n\" # c";
    asks(&[nasty], [Some(nasty), Some("100"), None, None]);
}

#[test]
fn a_query_with_pipes_gets_no_limit() {
    let counting = "service:nmem-capture | stats by (level) count()";
    asks(&[counting], [Some(counting), None, None, None]);
    asks(&["\"a | b\""], [Some("\"a | b\""), Some("100"), None, None]);
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["query", "* | uniq by (a)", "-n", "5"]).kept_the_promise().saying("--limit was not sent");
    // All were asked for, and all come.
    env.run(&["query", "* | sort by (_time)", "-n", "0"]).in_silence();
}

#[test]
fn rows_are_printed_byte_for_byte() {
    let body = b"{\"_msg\":\"\xff\xfe\"}\n{}\r\nno json at all\n\n{\"_msg\":\"no newline\"}";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let server = Server::new(Answer::Raw([head.as_bytes(), body].concat()));
    let finished = TestEnv::for_server(&server).run(&["query", "--fail", "*"]);
    assert_eq!(
        (finished.status, finished.stdout.as_slice(), finished.stderr.as_str()),
        (Some(0), &body[..], "")
    );
}

#[test]
fn rows_are_printed_as_they_come() {
    let first =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{ROWS}\r\n", ROWS.len());
    let (send, rest) = std::sync::mpsc::channel::<()>();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(first.as_bytes()).unwrap();
        rest.recv_timeout(Duration::from_secs(60)).unwrap();
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let env = TestEnv::new();
    let mut child = env::spawn(env.vlog().args(["query", "*", "--url", &url]));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, ROWS.lines().next().unwrap().to_owned() + "\n");
    send.send(()).unwrap();
    assert_eq!(env::wait(child).status, Some(0));
    serving.join().unwrap();
}

#[test]
fn exactly_as_many_rows_as_the_limit_are_remarked() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let finished =
        env.run(&["query", "*", "-n", "2"]).saying("only the newest 2 records shown; -n 0 gives all");
    assert_eq!(finished.text(), ROWS);
    assert_eq!(env.run(&["query", "*", "-n", "3"]).stderr, "");
    assert_eq!(env.run(&["query", "*", "-n", "0"]).stderr, "");
}

#[test]
fn errors_of_the_server_are_shown_in_its_words() {
    let words = "cannot parse query [foo:(]: missing filter after '('; context: [foo:(]";
    let server = Server::new(Answer::Status(
        400,
        "",
        "cannot parse query [foo:(]: missing filter after '('; context: [foo:(]\n",
    ));
    let env = TestEnv::for_server(&server);
    let finished = env.run(&["query", "foo:("]).kept_the_promise();
    assert_eq!(finished.stderr, format!("vlog: {words}\n"));
    assert_eq!(env.run(&["query", "--fail", "foo:("]).status, Some(1));
}

#[test]
fn an_answer_cut_short_is_an_error_and_not_an_end() {
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{ROWS}\r\n", ROWS.len());
    let counted = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{ROWS}");
    for answer in [chunked, counted] {
        let server = Server::new(Answer::Raw(answer.into_bytes()));
        let env = TestEnv::for_server(&server);
        let finished = env
            .run(&["query", "*"])
            .saying("was cut short: connection closed before the answer was complete");
        assert_eq!((finished.status, finished.text()), (Some(0), ROWS));
        assert_eq!(env.run(&["query", "--fail", "*"]).status, Some(1));
    }
}

#[test]
fn a_pause_in_the_answer_is_bounded_and_the_whole_is_not() {
    let trickle = Server::new(Answer::Trickle);
    let finished = TestEnv::for_server(&trickle).run(&["query", "--fail", "*", "--timeout", "1s"]);
    assert_eq!((finished.status, finished.text(), finished.stderr.as_str()), (Some(0), "", ""));
    assert!(finished.time > Duration::from_secs(5));
    let hanging = Server::new(Answer::HangAfterHeaders);
    let finished = TestEnv::for_server(&hanging).run(&["query", "*", "--timeout", "300ms"]);
    let finished = finished.kept_the_promise().saying("no answer within 300ms");
    assert!(finished.time < crate::env::within(Duration::from_secs(1)));
}

#[test]
fn the_timeout_of_deliveries_is_not_one_of_queries() {
    let server = Server::new(Answer::Late(Duration::from_millis(600)));
    let env = TestEnv::for_server(&server).with("VLOG_TIMEOUT", "200ms");
    env.run(&["query", "--fail", "*"]).in_silence();
    assert_eq!(env.run(&["send", "--fail", "m"]).status, Some(1));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let rows: &'static str = ROWS.repeat(100_000).leak();
    let server = Server::new(Answer::Status(200, JSON, rows));
    let env = TestEnv::for_server(&server);
    let finished =
        env::finish(&mut env.shell("{ vlog query --fail -n 0 '*'; echo status $? >&2; } | head -n 1"));
    assert_eq!(finished.text().lines().count(), 1);
    assert_eq!(finished.stderr, "status 0\n");
}

#[test]
fn a_full_disk_is_told() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let finished = env::finish(&mut env.shell("vlog query '*' > /dev/full"));
    finished.kept_the_promise().saying("could not print the rows: no space left on device");
    assert_eq!(env::finish(&mut env.shell("vlog query --fail '*' > /dev/full")).status, Some(1));
}

#[test]
fn signals_end_it_quietly() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    for name in ["INT", "TERM", "HUP"] {
        let before = server.requests().len();
        let child = env::spawn(env.vlog().args(["query", "*"]));
        server.wait_for(before + 1);
        env::signal(&child, name);
        env::wait(child).in_silence();
    }
}

#[test]
fn a_command_line_not_understood_is_refused_rather_than_answered_wrongly() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let lines: [&[&str]; 8] = [
        &["query", "--sicne=1h"],
        &["query", "-fx"],
        &["query", "*", "--sinse", "1h"],
        &["query", "*", "--since"],
        &["query", "*", "-n", "many"],
        &["query", "*", "-n", "-1"],
        &["query", "one", "two"],
        &["query", "*", "--tenant", "x"],
    ];
    for line in lines {
        let finished = env.run(line).kept_the_promise();
        assert!(
            finished.stderr.starts_with("vlog: ") && finished.stderr.contains("see vlog"),
            "{finished:?}"
        );
        assert_eq!(env.run(&[&["query", "--fail"], &line[1..]].concat()).status, Some(1), "{line:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn options_may_stand_anywhere() {
    asks(&["-n3"], [Some("*"), Some("3"), None, None]);
    asks(&["-n3", "service:bulk"], [Some("service:bulk"), Some("3"), None, None]);
    asks(&["-vn3", "--", "-level:error"], [Some("-level:error"), Some("3"), None, None]);
    asks(&["!don't | stats count()"], [Some("!don't | stats count()"), None, None, None]);
}

#[test]
fn without_an_address_that_can_be_read_nothing_is_asked() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_QUERY_URL", "ftp://x").with("VLOG_TOKEN", "t0ken");
    let expected = "could not use VLOG_QUERY_URL: the scheme must be http or https; no query was sent";
    env.run(&["query", "*"]).kept_the_promise().saying(expected);
    assert_eq!(env.run(&["query", "*", "--fail"]).status, Some(1));
    let env = TestEnv::for_server(&server).with("VLOG_TENANT", "a");
    env.run(&["query", "*"]).kept_the_promise().saying("could not use VLOG_TENANT: 'a' is no tenant number");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_cluster_is_asked_elsewhere_than_it_is_told() {
    let (insert, select) = (Server::new(Answer::Accept), Server::new(Answer::Accept));
    let env = TestEnv::for_server(&insert).with("VLOG_QUERY_URL", &select.url());
    env.run(&["query", "*"]).in_silence();
    env.run(&["send", "m"]).in_silence();
    assert_eq!((insert.requests().len(), select.requests().len()), (1, 1));
}

#[test]
fn credentials_and_tenant_go_with_a_query_too() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_USER", "u").with("VLOG_PASSWORD", "p");
    env.run(&["query", "*", "--tenant", "7"]).in_silence();
    let headers = server.request().headers;
    assert_eq!((headers["authorization"].as_str(), headers["accountid"].as_str()), ("Basic dTpw", "7"));
}

#[test]
fn a_dry_run_prints_the_request() {
    let server = Server::new(Answer::Accept);
    let finished = TestEnv::for_server(&server).run(&["query", "level:error", "--since", "1h", "--dry-run"]);
    let expected = format!(
        "POST /select/logsql/query HTTP/1.1\nHost: {}\nContent-Type: application/x-www-form-urlencoded\n\n\
         query=level%3Aerror&limit=100&start=1h\n",
        server.address
    );
    assert_eq!((finished.text(), server.connections()), (expected.as_str(), 0));
}
