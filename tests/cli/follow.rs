//! `vlog query --follow`: over broken connections each row is shown once.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::env::{self, TestEnv, finish};
use crate::server::{Answer, Request, Server};

/// Generous: pauses, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn row(nanosecond: u32, message: &str) -> String {
    format!(
        "{{\"_time\":\"2026-11-20T10:00:00.{nanosecond:09}Z\",\"_stream_id\":\"s\",\"_msg\":\"{message}\"}}\n"
    )
}

fn rows(rows: &[(u32, &str)]) -> String {
    rows.iter().map(|(at, message)| row(*at, message)).collect()
}

/// The head of an answer and its first chunk; no last one.
fn chunked(body: &str) -> Vec<u8> {
    let chunk = if body.is_empty() { String::new() } else { format!("{:x}\r\n{body}\r\n", body.len()) };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"
    )
    .into_bytes()
}

fn whole(body: &str) -> Answer {
    Answer::Raw([chunked(body), b"0\r\n\r\n".to_vec()].concat())
}

fn is_tail(request: &Request) -> bool {
    request.line == "POST /select/logsql/tail HTTP/1.1"
}

/// A server with these tails, one connection each, and these answers to queries; the last of each again and again.
fn server(tails: Vec<Answer>, queries: Vec<Answer>) -> Server {
    let counts = std::sync::Mutex::new((0, 0));
    Server::judging(move |_, request| {
        let Some(request) = request else { return Answer::Accept };
        let mut counts = counts.lock().unwrap();
        let (count, answers) =
            if is_tail(request) { (&mut counts.0, &tails) } else { (&mut counts.1, &queries) };
        *count += 1;
        answers.get(*count - 1).or(answers.last()).unwrap().clone()
    })
}

/// A running `vlog query -f`, its lines as they come.
struct Following {
    child: env::Running,
    lines: Receiver<String>,
    said: Receiver<String>,
}

impl Following {
    fn start(env: &TestEnv, args: &[&str]) -> Self {
        Self::of(env.vlog().args(["query", "-f"]).args(args))
    }

    fn of(command: &mut std::process::Command) -> Self {
        let mut child = env::spawn(command);
        let lines = lines(child.stdout.take().unwrap());
        let said = lines_of(child.stderr.take().unwrap());
        Self { child, lines, said }
    }

    /// The next lines on stdout.
    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.lines.recv_timeout(PATIENCE).as_deref(), Ok(*expected));
        }
    }

    #[track_caller]
    fn hears(&self, expected: &str) {
        let line = self.said.recv_timeout(PATIENCE).unwrap();
        assert!(line.contains(expected), "{line}");
    }

    /// Ends it as Ctrl-C does; nothing more was printed.
    #[track_caller]
    fn interrupt(mut self) {
        env::signal(&self.child, "INT");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        assert_eq!(self.lines.iter().collect::<Vec<_>>(), [""; 0]);
        assert_eq!(self.said.iter().collect::<Vec<_>>(), [""; 0]);
    }
}

use lines as lines_of;

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    lines
}

#[test]
fn the_last_rows_come_first_and_then_the_live_ones() {
    let tail = Answer::Open(chunked(&rows(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")])));
    let server = server(vec![tail], vec![whole(&rows(&[(2, "b"), (3, "c")]))]);
    let env = TestEnv::for_server(&server);
    let following = Following::start(&env, &["x", "-n", "2", "-s", "web", "-o", "raw"]);
    // What is older than the last two was not asked for.
    following.expect(&["b", "c", "d"]);
    following.interrupt();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    // The tail first: what comes between the two requests is in it.
    assert!(is_tail(&requests[0]));
    assert!(!requests[0].headers.contains_key("accept-encoding"));
    for request in &requests {
        assert_eq!(request.form("query").as_deref(), Some("x"));
        assert_eq!(request.form("extra_filters").as_deref(), Some("\"service\":=\"web\""));
    }
    assert_eq!(requests[0].form("start_offset").as_deref(), Some("10s"));
    assert_eq!(requests[1].form("limit").as_deref(), Some("2"));
    assert_eq!(requests[1].form("end").as_deref(), Some("now"));
}

#[test]
fn ten_rows_come_first_unless_told_otherwise() {
    let limit = |args: &[&str]| {
        let server = server(vec![Answer::Open(chunked(""))], vec![whole(&row(1, "a"))]);
        let following = Following::start(&TestEnv::for_server(&server), args);
        following.lines.recv_timeout(PATIENCE).unwrap();
        following.interrupt();
        server.requests()[1].form("limit")
    };
    assert_eq!(limit(&[]).as_deref(), Some("10"));
    assert_eq!(limit(&["-n", "0"]), None);
    // The server's tail takes these pipes, so the newest are what it gives for the limit.
    assert_eq!(limit(&["* | fields _time, _msg"]).as_deref(), Some("10"));
}

#[test]
fn over_a_lost_connection_each_row_is_shown_once() {
    // Two alike in one nanosecond, and a row cut in the middle.
    let mut first = chunked(&rows(&[(1, "a"), (5, "twin")]));
    first.extend_from_slice(b"20\r\n{\"_time\":\"2026-11-20T10:00:00.00");
    let second = Answer::Open(chunked(&rows(&[(5, "twin"), (5, "twin"), (8, "late"), (9, "z")])));
    let queries = vec![
        whole(&rows(&[(0, "0"), (1, "a")])),
        whole(&rows(&[(0, "0"), (1, "a"), (5, "twin"), (5, "twin"), (5, "other"), (6, "b")])),
    ];
    let server = server(vec![Answer::Raw(first), second], queries);
    let following = Following::start(&TestEnv::for_server(&server), &["x", "-o", "raw"]);
    following.expect(&["0", "a", "twin"]);
    following.hears("connection lost: ");
    following.expect(&["twin", "other", "b", "late", "z"]);
    following.hears("connected again");
    following.interrupt();
    let requests = server.requests();
    assert_eq!(requests.iter().map(is_tail).collect::<Vec<_>>(), [true, false, true, false]);
    // From some seconds before what was shown last.
    assert_eq!(requests[3].form("start").as_deref(), Some("1795168790000000005"));
    assert_eq!(requests[3].form("end").as_deref(), Some("now"));
}

#[test]
fn a_row_of_any_length_passes_through_once_and_whole() {
    let long = row(5, &"x".repeat(48 << 20));
    let other = row(5, &"y".repeat(5 << 20));
    // Lost in the middle of the long row.
    let half = &long[..20 << 20];
    let first = Answer::Raw(chunked(&format!("{}{half}", row(1, "a"))));
    let tail = Answer::Open(chunked(&format!("{long}{}{}", row(8, "b"), row(9, "c"))));
    let behind = whole(&format!("{}{long}{other}{}", row(1, "a"), row(8, "b")));
    let server = server(vec![first, tail], vec![whole(""), behind]);
    let env = TestEnv::for_server(&server);
    // KiB of address space, program and stack included.
    let following = Following::of(&mut env.shell("ulimit -v 131072; exec vlog query -f x -o json"));
    following.expect(&[row(1, "a").trim_end()]);
    let line = || following.lines.recv_timeout(PATIENCE).unwrap();
    assert!(line() == half);
    following.hears("connection lost: ");
    for expected in [&long, &other, &row(8, "b"), &row(9, "c")] {
        let line = line();
        assert!(line == expected.trim_end(), "{} of {}", line.len(), expected.len());
    }
    following.hears("connected again");
    following.interrupt();
}

#[test]
fn a_server_that_is_away_is_tried_with_growing_pauses() {
    let tails = vec![
        Answer::Raw(chunked(&row(1, "a"))),
        Answer::Status(503, "", "busy"),
        Answer::Close,
        Answer::Open(chunked(&row(2, "b"))),
    ];
    let server = server(tails, vec![whole("")]);
    let start = Instant::now();
    let following = Following::start(&TestEnv::for_server(&server), &["x", "-o", "raw"]);
    following.hears("trying again");
    following.hears("connected again");
    // 0.5, 1 and 2 seconds.
    assert!(start.elapsed() > Duration::from_millis(3400));
    following.expect(&["a", "b"]);
    following.interrupt();
}

#[test]
fn many_rows_of_an_interruption_come_in_order() {
    const COUNT: u32 = 12_000;
    let all: Vec<(u32, String)> = (1..=COUNT).map(|n| (n, n.to_string())).collect();
    let count = std::sync::Mutex::new(0);
    let server = Server::judging(move |_, request| {
        let Some(request) = request else { return Answer::Accept };
        if is_tail(request) {
            let mut count = count.lock().unwrap();
            *count += 1;
            return if *count == 1 { Answer::Raw(chunked(&row(0, "0"))) } else { Answer::Open(chunked("")) };
        }
        // As VictoriaLogs: the newest of the range, oldest first.
        let number = |name| request.form(name).and_then(|text| text.parse::<i64>().ok());
        let base = 1_795_168_800_000_000_000;
        let (from, to) = (number("start").unwrap_or(i64::MAX), number("end").unwrap_or(i64::MAX));
        let found: Vec<_> =
            all.iter().filter(|(at, _)| (from..=to).contains(&(base + i64::from(*at)))).collect();
        let limit = request.form("limit").map_or(usize::MAX, |text| text.parse().unwrap());
        whole(
            &found[found.len().saturating_sub(limit)..]
                .iter()
                .map(|(at, text)| row(*at, text))
                .collect::<String>(),
        )
    });
    let following = Following::start(&TestEnv::for_server(&server), &["x", "-o", "raw"]);
    let expected: Vec<_> = (0..=COUNT).map(|n| n.to_string()).collect();
    following.expect(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    following.hears("connection lost");
    following.hears("connected again");
    following.interrupt();
}

#[test]
fn json_rows_are_followed_byte_for_byte() {
    let body = "{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"\\u003c\\u0027 é\",\"a\":\"1\"}";
    let server = server(vec![Answer::Open(chunked(&format!("{body}\n")))], vec![whole("")]);
    let following = Following::start(&TestEnv::for_server(&server), &["x"]);
    following.expect(&[body]);
    following.interrupt();
}

#[test]
fn a_query_that_cannot_be_followed_is_refused_in_the_words_of_the_server() {
    let words = "the query [* | stats count(*)] cannot be used in live tailing";
    let server = Server::new(Answer::Status(400, "", words));
    let env = TestEnv::for_server(&server);
    env.run(&["query", "-f", "* | stats count()"]).kept_the_promise().saying(words);
    assert_eq!(env.run(&["query", "-f", "--fail", "* | stats count()"]).status, Some(1));
    assert_eq!(server.requests().len(), 2);
    let timeless = self::server(vec![Answer::Open(chunked(""))], vec![whole("{\"_msg\":\"a\"}\n")]);
    let finished = TestEnv::for_server(&timeless).run(&["query", "-f", "* | fields _msg"]);
    finished.kept_the_promise().saying("the rows have no _time");
    let nobody = TestEnv::new().run(&["query", "-f"]).kept_the_promise();
    nobody.saying("connection refused");
}

#[test]
fn a_reader_that_goes_away_ends_it_though_nothing_comes() {
    let server = server(vec![Answer::Open(chunked(""))], vec![whole(&rows(&[(1, "a"), (2, "b")]))]);
    let env = TestEnv::for_server(&server);
    let finished = finish(&mut env.shell("{ vlog query -f -o raw; echo status $? >&2; } | head -n 1"));
    assert_eq!((finished.text(), finished.stderr.as_str()), ("a\n", "status 0\n"));
    // Also in a pause between two attempts.
    let away = self::server(vec![Answer::Raw(chunked(&row(1, "a"))), Answer::Close], vec![whole("")]);
    let env = TestEnv::for_server(&away);
    let mut child = env::start(env.vlog().args(["query", "-f"]).stdout(Stdio::piped()).stderr(Stdio::null()));
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for (args, why) in [
        (&["-f", "--until", "1h"][..], "--follow has no end"),
        (&["-f", "--histogram"], "a histogram does not"),
        (&["--histogram", "-n", "5"], "a histogram counts all"),
        (&["--histogram", "-o", "raw"], "a histogram has no messages"),
        (&["--histogram", "--fields", "a"], "a histogram has none"),
    ] {
        let finished = env.run(&[&["query", "--fail"], args].concat());
        assert_eq!(finished.status, Some(1));
        assert!(finished.stderr.contains(why), "{finished:?}");
    }
    assert_eq!(server.connections(), 0);
}
