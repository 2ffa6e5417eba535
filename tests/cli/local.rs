//! `vlog query` without a server: the outbox answers.

use std::fs;

use serde_json::Value;

use crate::env::{Finished, TestEnv};
use crate::server::{Answer, Server};

/// Commands that know of no server at all, and whether nobody listens where one would be by default.
fn unconfigured() -> Option<TestEnv> {
    let is_free = std::net::TcpStream::connect("127.0.0.1:9428").is_err();
    if !is_free {
        crate::env::skip("somebody listens on 127.0.0.1:9428");
    }
    is_free.then(|| TestEnv::new().without("VLOG_URL"))
}

/// The values of a field, row by row.
#[track_caller]
fn values(finished: &Finished, field: &str) -> Vec<String> {
    let row =
        |line: &str| serde_json::from_str::<Value>(line).expect(line)[field].as_str().unwrap().to_owned();
    finished.text().lines().map(row).collect()
}

/// Notes a delivery to the server that the only entry waits for, as a delivery itself would.
fn note_delivery(env: &TestEnv) {
    let name = env.entries()[0].file_name().unwrap().to_str().unwrap().to_owned();
    fs::write(env.outbox().join(format!("delivered.{}", name.split('.').nth(1).unwrap())), "").unwrap();
}

#[test]
fn what_was_sent_is_found_without_a_server() {
    let env = TestEnv::new();
    env.run(&["send", "one", "service=x", "n:=1.50", "text=a \"b\" <c>"]).in_silence();
    env.run_with(&["pipe", "--service", "y"], "two\nthree\n").in_silence();
    let found = env.run(&["query", "--local"]).ending_with(0);
    assert_eq!(values(&found, "_msg"), ["one", "two", "three"]);
    let found = env.run(&["query", "--local", "--fail", "two"]).ending_with(0);
    assert_eq!(
        (values(&found, "_msg").concat(), values(&found, "service").concat()),
        ("two".into(), "y".into())
    );
    let row: Value = serde_json::from_str(env.run(&["query", "--local", "one"]).text()).unwrap();
    assert_eq!(
        (&row["n"], &row["text"], &row["_stream"]),
        (&"1.50".into(), &"a \"b\" <c>".into(), &"{service=\"x\"}".into())
    );
    let found = env.run(&["query", "--local", "-n", "2"]);
    assert_eq!(values(&found, "_msg"), ["two", "three"]);
    assert_eq!(found.stderr, "vlog: only the newest 2 records shown; -n 0 gives all\n");
    assert_eq!(env.run(&["query", "--local", "-o", "raw", "-n0"]).text(), "one\ntwo\nthree\n");
    assert_eq!(env.run(&["query", "--local", "--fields", "_msg", "two"]).text(), "{\"_msg\":\"two\"}\n");
}

#[test]
fn nothing_but_the_outbox_is_asked_where_that_is_wanted() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "there"]).in_silence();
    let away = TestEnv::new();
    let away_url = away.url();
    env.run(&["send", "here", "--url", &away_url]).in_silence();
    let before = server.requests().len();
    assert_eq!(values(&env.run(&["query", "--local"]).ending_with(0), "_msg"), ["here"]);
    let off = env.with("VLOG_URL", "off");
    assert_eq!(values(&off.run(&["query", "--local", "--fail"]).ending_with(0), "_msg"), ["here"]);
    assert_eq!(server.requests().len(), before);
    let none = TestEnv::new().with("VLOG_OUTBOX", "off");
    none.run(&["query", "--local", "--fail"]).saying("there is no outbox (VLOG_OUTBOX=off)").ending_with(1);
    let empty = TestEnv::new();
    assert_eq!(empty.run(&["query", "--local", "--fail"]).ending_with(0).text(), "");
    empty.run(&["query", "--local", "--exit-empty"]).ending_with(1);
    assert!(!empty.outbox().exists(), "asking makes nothing");
    empty.run(&["query", "--local", "--dry-run"]).ending_with(0);
}

#[test]
fn the_outbox_answers_where_it_is_the_only_store_there_ever_was() {
    let Some(env) = unconfigured() else { return };
    env.run(&["send", "observation stored", "service=nmem-capture"]).in_silence();
    let instead = "could not reach http://127.0.0.1:9428: connection refused; the outbox answers";
    let found = env.run(&["query", "--fail", "stored"]).saying(instead).ending_with(0);
    assert_eq!(values(&found, "_msg"), ["observation stored"]);
    // Whoever names a server wants its answer, not what is left over.
    for args in [&["query", "--fail", "--url", "http://127.0.0.1:9428"][..], &["query", "--fail"]] {
        if args.len() == 2 {
            note_delivery(&env);
        }
        let finished = env.run(args).saying("connection refused\n").ending_with(1);
        assert_eq!(finished.text(), "", "{args:?}");
    }
}

#[test]
fn a_first_delivery_is_noted_once() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let stamps = || {
        let names = fs::read_dir(env.outbox()).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("delivered.")).collect::<Vec<_>>()
    };
    assert_eq!(stamps(), Vec::<String>::new());
    env.run(&["send", "one"]).in_silence();
    let first = stamps();
    assert_eq!(first.len(), 1);
    env.run(&["send", "two"]).in_silence();
    assert_eq!(stamps(), first);
    assert_eq!(env.status()["outbox"]["foreign_files"], 0);
}

#[test]
fn whoever_names_a_tenant_gets_its_records() {
    let env = TestEnv::new();
    env.run(&["send", "ours"]).in_silence();
    env.run(&["send", "theirs", "--tenant", "5"]).in_silence();
    assert_eq!(values(&env.run(&["query", "--local"]).ending_with(0), "_msg"), ["ours", "theirs"]);
    assert_eq!(values(&env.run(&["query", "--local", "--tenant", "5:0"]).ending_with(0), "_msg"), ["theirs"]);
    assert_eq!(values(&env.run(&["query", "--local", "--tenant", "0"]).ending_with(0), "_msg"), ["ours"]);
}

#[test]
fn what_was_put_aside_or_delivered_is_not_found() {
    let env = TestEnv::new();
    env.run(&["send", "aside", "--tenant", "nobody"]);
    let server = Server::new(Answer::Accept);
    env.run(&["send", "delivered", "--url", &server.url()]).in_silence();
    env.run(&["send", "waits"]).in_silence();
    assert_eq!(values(&env.run(&["query", "--local"]).ending_with(0), "_msg"), ["waits"]);
}
