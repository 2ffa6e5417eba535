//! Two requests under way at once, where the queue is full: what that brings, and that nothing is lost or sent twice
//! because of it.

use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::env::{self, TestEnv, within};
use crate::server::{Answer, Request, Server};

/// As long as half of a thousand records may be, so that about 130 make a batch, and 16 batches fill the queue.
fn lines(count: usize) -> String {
    let filling = "x".repeat(2000);
    (0..count).map(|n| format!("{n} {filling}\n")).collect()
}

/// More than the queue takes, by as much again: about 46 batches.
const MANY: usize = 6000;

/// The numbers of the lines that these messages are, sorted.
fn numbers(messages: &[String]) -> Vec<usize> {
    let number = |text: &String| text.split(' ').next().unwrap().parse().unwrap();
    let mut numbers: Vec<usize> = messages.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// A server, and the messages that it has acknowledged.
fn acknowledging(
    answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<String>>>) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let of_server = Arc::clone(&acknowledged);
    let judge = move |n: usize, request: Option<&Request>| {
        let answer = answer(n);
        if let (Some(request), Answer::Accept | Answer::Late(_)) = (request, &answer)
            && !request.line.contains("debug")
        {
            let messages = request.records().into_iter().map(|mut record| record.remove("_msg").unwrap());
            let texts = messages.map(|message| message.as_str().unwrap().to_owned());
            of_server.lock().unwrap().extend(texts);
        }
        answer
    };
    (Server::judging(judge), acknowledged)
}

/// An environment where no time-out comes, and nothing is dropped.
fn patient(server: &Server) -> TestEnv {
    TestEnv::for_server(server).with("VLOG_TIMEOUT", "30s").with("VLOG_OUTBOX_MAX", "1GiB")
}

#[test]
fn while_the_queue_is_full_two_requests_are_under_way_and_never_three() {
    let (server, acknowledged) = acknowledging(|_| Answer::Late(Duration::from_millis(50)));
    let env = patient(&server);
    let done = env.run_with(&["pipe"], lines(MANY));
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    let at_once = server.at_once();
    assert_eq!((at_once.most, server.connections()), (2, 2), "{at_once:?}");
    // The queue fills with 16 batches, and 16 are left in it at the end: of those between, each waits beside another.
    assert!(at_once.overlapping >= 8, "{at_once:?} of {} requests", server.requests().len());
    let all = [acknowledged.lock().unwrap().clone(), env.waiting()].concat();
    assert!(numbers(&all).into_iter().eq(0..MANY), "{} lines", all.len());
    // Whichever request was first, the times are those of reading.
    let mut records = server.records();
    records.sort_by_key(|record| record["_time"].as_str().unwrap().to_owned());
    let in_order: Vec<_> = records.iter().map(|record| record["_msg"].as_str().unwrap().to_owned()).collect();
    let number = |text: &String| text.split(' ').next().unwrap().parse::<usize>().unwrap();
    assert!(in_order.is_sorted_by_key(number));
}

#[test]
fn where_the_queue_is_not_full_there_is_one_request_at_a_time() {
    let server = Server::new(Answer::Late(Duration::from_millis(50)));
    let env = patient(&server);
    env.run_with(&["pipe", "--fail"], lines(1500));
    assert!(server.requests().len() > 5);
    assert_eq!((server.at_once().most, server.connections()), (1, 1));
}

#[test]
fn a_server_that_freezes_under_two_requests_stops_nobody_and_each_line_is_kept_once() {
    let (server, acknowledged) =
        acknowledging(|n| if n < 2 { Answer::Late(Duration::from_millis(100)) } else { Answer::Hang });
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "1GiB");
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    stdin.write_all(lines(MANY).as_bytes()).unwrap();
    assert!(start.elapsed() < within(Duration::from_millis(1500)), "{:?}", start.elapsed());
    drop(stdin);
    env::wait(child).in_silence();
    assert_eq!(server.at_once().most, 2);
    let all = [acknowledged.lock().unwrap().clone(), env.waiting()].concat();
    assert!(numbers(&all).into_iter().eq(0..MANY), "{} lines", all.len());
}

#[test]
fn whatever_happens_to_one_of_two_requests_each_line_is_delivered_or_kept_once() {
    for fault in [
        Answer::Close,
        Answer::Status(500, "", "no"),
        Answer::Status(503, "", "busy"),
        Answer::Status(413, "", "too large"),
        Answer::Status(400, "", "bad"),
    ] {
        for hit in [1, 2] {
            let fault_here = fault.clone();
            let answer =
                move |n| if n == hit { fault_here.clone() } else { Answer::Late(Duration::from_millis(50)) };
            let (server, acknowledged) = acknowledging(answer);
            let env = patient(&server);
            let done = env.run_with(&["pipe"], lines(4000));
            assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{fault:?}");
            let all = [acknowledged.lock().unwrap().clone(), env.waiting()].concat();
            assert!(numbers(&all).into_iter().eq(0..4000), "{fault:?}: {} lines", all.len());
            assert!(server.at_once().most <= 2, "{fault:?} {hit}: {:?}", server.at_once());
        }
    }
}

#[test]
fn a_signal_to_end_while_two_requests_wait_keeps_both() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "1GiB");
    let mut child = env::spawn(env.vlog().arg("pipe").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    // The end is not that of the input: stdin stays open.
    let feeding = thread::spawn(move || {
        stdin.write_all(lines(3000).as_bytes()).unwrap();
        stdin
    });
    server.wait_for(2);
    let stdin = feeding.join().unwrap();
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    drop(stdin);
    assert_eq!(server.at_once().most, 2);
    let kept = numbers(&env.waiting());
    assert!(kept.iter().copied().eq(0..3000), "{} lines", kept.len());
}

#[test]
fn a_panic_of_the_second_sender_costs_nothing() {
    let (server, acknowledged) = acknowledging(|_| Answer::Late(Duration::from_millis(50)));
    let env = patient(&server).with("VLOG_TEST_PANIC", "second-sender");
    let input = lines(MANY);
    let done = env.run_with(&["pipe", "--tee"], &input);
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""));
    assert!(done.text() == input, "{} bytes of {}", done.stdout.len(), input.len());
    assert!(!env.waiting().is_empty(), "it did not come to the panic");
    let all = [acknowledged.lock().unwrap().clone(), env.waiting()].concat();
    assert!(numbers(&all).into_iter().eq(0..MANY), "{} lines", all.len());
}

#[test]
fn without_memory_for_a_second_sender_a_command_is_logged_by_one() {
    // More than half of it finds no room in the queue before the first answers have come.
    let input = lines(4000);
    for (limit, at_once) in [("26000", 1), ("30000", 2), ("36000", 2), ("unlimited", 2)] {
        let server = Server::new(Answer::Late(Duration::from_millis(100)));
        // One arena, or else glibc takes as many as it likes.
        let env = patient(&server).with("MALLOC_ARENA_MAX", "1");
        std::fs::write(env.home.path().join("lines"), &input).unwrap();
        let script = format!("ulimit -v {limit}; exec vlog run -- sh -c 'cat lines; exit 5'");
        let done = env::finish(&mut env.shell(&script));
        assert_eq!(done.status, Some(5), "{limit}: {}", done.stderr);
        assert!(done.text() == input, "{limit}: {} bytes", done.stdout.len());
        // How much memory is taken at the start is not the same everywhere.
        let most = server.at_once().most;
        assert!((1..=at_once).contains(&most), "{limit}: {most} requests at once");
        assert!(limit != "unlimited" || most == 2);
    }
}
