//! Outages: a server that is stopped, frozen or gone, and a vlog that is killed. No record that was kept is lost.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{self, Running, within};
use crate::env::{Env, finish};
use crate::server::{Server, text};

/// What waits in the outbox, as `status` counts it.
fn waiting(env: &Env) -> u64 {
    let status = env.run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("the status is JSON");
    let outbox = &status["outbox"];
    assert_eq!((&outbox["dropped"], &outbox["rejected"]), (&Value::from(0), &Value::from(0)), "{outbox}");
    outbox["records"].as_u64().expect("a count")
}

/// Flushes until nothing waits.
fn flush_all(env: &Env) {
    let end = Instant::now() + Duration::from_secs(60);
    while waiting(env) > 0 {
        assert!(Instant::now() < end, "it does not come to an end: {:?}", env.run(&["flush", "-v"]));
        env.run(&["flush"]);
    }
}

/// How often the server has each record of a service, told apart by the field `id`, or else by the message.
fn found(server: &Server, service: &str) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for row in server.rows(&format!("service:={service} | fields id, _msg")) {
        let id = if text(&row, "id").is_empty() { text(&row, "_msg") } else { text(&row, "id") };
        *found.entry(id.to_owned()).or_default() += 1;
    }
    found
}

/// Waits until `count` has reached `least`.
fn reach(count: &AtomicUsize, least: usize) {
    let end = Instant::now() + Duration::from_secs(120);
    while count.load(Ordering::SeqCst) < least {
        assert!(Instant::now() < end, "only {count:?} of {least}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_thousand_records_of_two_hundred_processes_survive_a_stopped_frozen_and_killed_server() {
    const PROCESSES: usize = 200;
    let Some(mut server) = Server::start() else { return };
    let env = Env::new(&server);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let process = next.fetch_add(1, Ordering::SeqCst);
                    if process >= PROCESSES {
                        return;
                    }
                    let numbers = "1 2 3 4 5 6 7 8 9 10";
                    let send = format!("vlog send 'it goes on' -s outage id={process}-$n || echo failed");
                    env.shell(&format!("for n in {numbers}; do {send}; done")).in_silence();
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        reach(&done, 20);
        server.stop();
        reach(&done, 50);
        server.start_again();
        reach(&done, 80);
        server.signal("STOP");
        reach(&done, 120);
        server.signal("CONT");
        // It closes the breaker too, so that the next outage meets requests again.
        env.run(&["flush"]);
        reach(&done, 150);
        server.stop();
        reach(&done, 180);
        server.start_again();
        reach(&done, PROCESSES);
    });
    flush_all(&env);
    let found = found(&server, "outage");
    let wanted: HashSet<_> =
        (0..PROCESSES).flat_map(|process| (1..=10).map(move |n| format!("{process}-{n}"))).collect();
    let lost: Vec<_> = wanted.iter().filter(|id| !found.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
    assert_eq!(found.len(), wanted.len());
    // Those whose request was cut after it had been sent: at most one of each process at a time, and a drain.
    let twice: usize = found.values().map(|times| times - 1).sum();
    assert!(twice < 100, "{twice} twice: {:?}", found.iter().filter(|(_, n)| **n > 1).collect::<Vec<_>>());
    eprintln!("{twice} of 2000 records arrived twice");
}

#[test]
fn twenty_flushes_at_once_deliver_ten_thousand_records_once_each() {
    let Some(mut server) = Server::start() else { return };
    let env = Env::new(&server);
    server.stop();
    // As many entries as there are lists of stream fields.
    for part in 0..50 {
        let input: String = (0..200).map(|n| format!("{part}-{n}\n")).collect();
        let fields = format!("service,of_{part}");
        let pipe = finish(env.vlog().args(["pipe", "-s", "many", "--stream-fields", &fields]), input);
        pipe.in_silence();
    }
    assert_eq!(waiting(&env), 10_000);
    server.start_again();
    let flush = || child::start(env.vlog().args(["flush", "--fail"]).stderr(Stdio::piped()));
    let flushes: Vec<_> = (0..20).map(|_| flush()).collect();
    for flush in flushes {
        let output = flush.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }
    assert_eq!(waiting(&env), 0);
    let rows = server.rows("service:=many | stats count() n, count_uniq(_msg) u");
    assert_eq!((text(&rows[0], "n"), text(&rows[0], "u")), ("10000", "10000"));
}

#[test]
fn a_frozen_server_costs_the_first_call_two_seconds_and_the_next_ones_nothing() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["before", "-s", "frozen", "id=before"]);
    server.signal("STOP");
    let times: Vec<_> = (0..=10)
        .map(|n| {
            let sent = env.run(&["send", "meanwhile", "-s", "frozen", &format!("id={n}")]);
            sent.in_silence();
            sent.time
        })
        .collect();
    server.signal("CONT");
    assert!(times[0] > Duration::from_secs(1) && times[0] < within(Duration::from_millis(2500)), "{times:?}");
    assert!(times[1..].iter().all(|time| *time < within(Duration::from_millis(100))), "{times:?}");
    assert_eq!(waiting(&env), 11);
    flush_all(&env);
    let found = found(&server, "frozen");
    assert_eq!(found.len(), 12, "{found:?}");
    // The first was sent, and could not be known to have arrived.
    assert!(found.iter().all(|(id, times)| *times == 1 || (id == "0" && *times == 2)), "{found:?}");
}

/// Kills `vlog` without warning after `micros`, and says what it had told until then.
fn cut_down(mut vlog: Running, micros: u64) -> String {
    thread::sleep(Duration::from_micros(micros));
    // It may have ended already.
    let _ = vlog.kill();
    vlog.wait().unwrap();
    let mut told = String::new();
    vlog.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    told
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_kept_and_deliver_nothing_torn() {
    let Some(mut server) = Server::start() else { return };
    let env = Env::new(&server).with("VLOG_OUTBOX", "outbox").with("VLOG_VERBOSE", "1");
    let random = |n: u64, most: u64| RandomState::new().hash_one(n) % most;
    let start = |args: &[&str]| {
        let mut vlog = env.vlog();
        child::start(vlog.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))
    };
    // A neighbour: a record for another server.
    env.run(&["send", "for another", "--url", "http://127.0.0.1:1/other"]);
    server.stop();
    let fast = env.run(&["send", "at leisure", "-s", "kills", "id=first"]).time;
    let span = u64::try_from(fast.as_micros()).unwrap() * 2;
    let mut kept = HashSet::from(["first".to_owned()]);
    let mut tried = kept.clone();
    for n in 0..60 {
        let id = format!("put-{n}");
        let told =
            cut_down(start(&["send", "in haste", "-s", "kills", &format!("id={id}")]), random(n, span));
        tried.insert(id.clone());
        if told.contains("1 record kept in the outbox") {
            kept.insert(id);
        }
    }
    for part in 0..20 {
        let input: String = (0..50).map(|n| format!("pipe-{part}-{n}\n")).collect();
        let fields = format!("service,of_{part}");
        finish(env.vlog().args(["pipe", "-s", "kills", "--stream-fields", &fields]), input);
        let ids = (0..50).map(|n| format!("pipe-{part}-{n}"));
        kept.extend(ids.clone());
        tried.extend(ids);
    }
    server.start_again();
    for n in 0..40 {
        cut_down(start(&["flush"]), random(n, span));
    }
    flush_all(&env);
    let found = found(&server, "kills");
    let lost: Vec<_> = kept.iter().filter(|id| !found.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
    let strange: Vec<_> = found.keys().filter(|id| !tried.contains(*id)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(kept.len() > 1001, "the kills came too early to tell anything");
    let neighbours: Vec<_> = fs::read_dir(env.home().join("outbox")).unwrap().flatten().collect();
    let entries = neighbours.iter().filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"));
    let entries: Vec<_> = entries.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].contains("for another"), "{entries:?}");
}
