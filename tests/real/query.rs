//! `vlog query`: the server's rows, its rules about limits and times, and its words about errors.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::env::{Env, Finished};
use crate::server::{Row, Server, text};

fn rows(finished: &Finished) -> Vec<Row> {
    finished.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn messages(finished: &Finished) -> Vec<String> {
    rows(finished).iter().map(|row| text(row, "_msg").to_owned()).collect()
}

/// `number 1` to `number COUNT`.
fn numbers(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|n| format!("number {n}")).collect()
}

/// Not by `pipe`: where records are a nanosecond apart, VictoriaLogs' search for the newest misses by a few.
fn send_numbers(env: &Env, count: u32) {
    for number in numbers(1..=count) {
        env.send(["-s", "x", &number]);
    }
}

#[test]
fn rows_are_what_the_server_answers_byte_for_byte() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    for message in ["plain", "<b>'q' & \"d\"</b>", "back\\slash", "two\nlines\u{1}", "жλ😀\u{2028}\u{7f}"]
    {
        env.send([message, "nested:={\"a\":[1,{\"b\":\"<\"}],\"c\":1.50}", "-s", "x"]);
    }
    // Long enough for many chunks.
    let many = (0..20_000).fold(String::new(), |mut text, n| {
        writeln!(text, "row {n} {}", "<'ж😀\\\">".repeat(n % 20)).unwrap();
        text
    });
    env.pipe(&["-s", "many"], many);
    let same = |args: &[&str], form: &[(&str, &str)], least: usize| {
        let expected = server.answer(form);
        assert_eq!(expected.status, 200);
        let finished = env.run(&[&["query", "--fail"], args].concat());
        assert_eq!(finished.status, Some(0), "{finished:?}");
        assert!(finished.stdout == expected.body, "{args:?}");
        assert!(finished.text().lines().count() >= least, "{args:?}");
    };
    same(&["service:=x"], &[("query", "service:=x"), ("limit", "100")], 5);
    same(&["service:=x", "-n", "2"], &[("query", "service:=x"), ("limit", "2")], 2);
    same(&["service:=many"], &[("query", "service:=many"), ("limit", "100")], 100);
    let sorted = "service:=many | sort by (_time)";
    same(&[sorted], &[("query", sorted)], 20_000);
    same(&[sorted, "--since", "5m"], &[("query", sorted), ("start", "5m")], 20_000);
    let counted = "* | stats by (service) count() n, max(_time) t | sort by (service)";
    same(&[counted], &[("query", counted)], 2);
    same(&["_msg:=\"two\\nlines\\u0001\""], &[("query", "_msg:=\"two\\nlines\\u0001\"")], 1);
    same(&["nothing-like-it"], &[("query", "nothing-like-it"), ("limit", "100")], 0);
}

#[test]
fn without_pipes_the_newest_come_and_the_oldest_of_them_first() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    send_numbers(&env, 250);
    server.flush();
    let newest = env.run(&["query", "service:=x"]);
    assert_eq!(messages(&newest), numbers(151..=250));
    assert!(newest.stderr.contains("newest 100"), "{newest:?}");
    let five = env.run(&["query", "service:=x", "-n", "5"]);
    assert_eq!(messages(&five), numbers(246..=250));
    let more_than_there_are = env.run(&["query", "service:=x", "--limit", "251"]);
    assert_eq!(messages(&more_than_there_are), numbers(1..=250));
    assert_eq!(more_than_there_are.stderr, "");
    let all = env.run(&["query", "service:=x", "-n", "0"]);
    let mut found = messages(&all);
    found.sort_by_key(|message| message["number ".len()..].parse::<u32>().unwrap());
    assert_eq!(found, numbers(1..=250));
    assert_eq!(messages(&env.run(&["query", "-n", "1"])), numbers(250..=250));
}

#[test]
fn with_pipes_there_is_no_limit_and_no_group_is_cut() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    send_numbers(&env, 250);
    server.flush();
    let counted = env.run(&["query", "service:=x | stats by (_msg) count() n"]);
    assert_eq!(rows(&counted).len(), 250);
    assert_eq!(counted.stderr, "");
    assert_eq!(messages(&env.run(&["query", "* | sort by (_time)"])), numbers(1..=250));
    assert_eq!(messages(&env.run(&["query", "* | sort by (_time) | limit 3"])), numbers(1..=3));
    // None of these is a pipe of the query itself.
    for query in
        ["service:in(x,\"a|b\")", "_msg:~\"number|b\"", "_msg:in(* | fields _msg)", "service:=x # | y"]
    {
        assert_eq!(messages(&env.run(&["query", query])), numbers(151..=250), "{query}");
    }
}

#[test]
fn since_and_until_bound_the_time() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let ago = |minutes| (now - SignedDuration::from_mins(minutes)).to_string();
    for (name, time) in [("three", 180), ("two", 120), ("one", 60), ("now", 0)] {
        env.send([name, "-t", &ago(time)]);
    }
    server.flush();
    let found = |args: &[&str]| {
        let finished = env.run(&[&["query", "*", "--fail"], args].concat());
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        messages(&finished)
    };
    assert_eq!(found(&["--since", "150m"]), ["two", "one", "now"]);
    assert_eq!(found(&["--since", "-2h30m"]), ["two", "one", "now"]);
    assert_eq!(found(&["--until", "90m"]), ["three", "two"]);
    assert_eq!(found(&["--since", "2.5h", "--until", "30m"]), ["two", "one"]);
    assert_eq!(found(&["--since", &ago(120), "--until", &ago(60)]), ["two", "one"]);
    let second = (now - SignedDuration::from_hours(1)).as_second().to_string();
    assert_eq!(found(&["--since", &second]), ["one", "now"]);
    assert_eq!(found(&["--since", &second, "--until", &second, "-n", "0"]), ["one"]);
    assert_eq!(found(&["--since", "1s", "--until", "2h"]), [""; 0]);
}

#[test]
fn errors_are_told_in_the_words_of_the_server() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let asked = |query: &str, args: &[&str], form: &[(&str, &str)]| {
        let answer = server.answer(&[&[("query", query), ("limit", "100")], form].concat());
        assert_eq!(answer.status, 400, "{query}");
        let words = String::from_utf8(answer.body).unwrap();
        for (fail, status) in [(&[][..], 0), (&["--fail"], 1)] {
            let finished = env.run(&[&["query", query], args, fail].concat());
            assert_eq!(finished.status, Some(status), "{finished:?}");
            assert_eq!(finished.stderr, format!("vlog: {}\n", words.trim()));
            assert!(finished.stdout.is_empty());
        }
    };
    asked("foo:(", &[], &[]);
    asked("_time:1M", &[], &[]);
    asked("\"open", &[], &[]);
    asked("* | stats by (", &["--since", "1h"], &[("start", "1h")]);
}

#[test]
fn basic_authentication_opens_the_server_for_all_verbs() {
    let password = "p@ss:w\"rd ü%";
    let options = ["-httpAuth.username=us er", &format!("-httpAuth.password={password}")];
    let Some(server) = Server::start_with(&options) else { return };
    let env = || Env::new(&server).with("VLOG_USER", "us er");
    let known = env().with("VLOG_PASSWORD", password);
    known.send(["sent", "-s", "x"]);
    known.pipe(&["-s", "x"], "piped\n");
    server.flush();
    assert_eq!(messages(&known.run(&["query", "*"])), ["sent", "piped"]);
    let encoded = "us%20er:p%40ss%3Aw%22rd%20%C3%BC%25@";
    let url = server.url().replace("://", &format!("://{encoded}"));
    assert_eq!(messages(&Env::new(&server).run(&["query", "*", "--url", &url])), ["sent", "piped"]);

    for stranger in [env().with("VLOG_PASSWORD", "wr0ng"), Env::new(&server)] {
        for args in [&["send", "m", "-v"], &["query", "*", "-v"]] {
            for (fail, status) in [(&[][..], 0), (&["--fail"], 1)] {
                let finished = stranger.run(&[&args[..], fail].concat());
                assert_eq!(finished.status, Some(status), "{finished:?}");
                assert!(finished.stdout.is_empty() && finished.stderr.contains("401"), "{finished:?}");
                assert!(!finished.stderr.contains("wr0ng"), "{finished:?}");
            }
        }
    }
    assert_eq!(server.rows("*").len(), 2);
}

#[test]
fn a_path_prefix_is_kept() {
    let Some(server) = Server::start_with(&["-http.pathPrefix=/vl/x"]) else { return };
    assert!(server.url().ends_with("/vl/x"));
    let env = Env::new(&server);
    env.send(["sent", "-s", "x"]);
    let slashed = Env::new(&server).with("VLOG_URL", &format!("{}/", server.url()));
    slashed.pipe(&["-s", "x"], "piped\n");
    server.flush();
    for env in [env, slashed] {
        assert_eq!(messages(&env.run(&["query", "service:=x", "--fail"])), ["sent", "piped"]);
    }
    let bare = server.url().replace("/vl/x", "");
    let lost = Env::new(&server).run(&["send", "m", "--fail", "-v", "--url", &bare]);
    assert_eq!(lost.status, Some(1), "{lost:?}");
}
