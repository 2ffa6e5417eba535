//! `vlog query` without a server: the outbox answers.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use serde_json::Value;

use crate::env::{self, Finished, TestEnv, within};
use crate::server::{Answer, Server};

/// Commands that know of no server at all, and whether nobody listens where one would be by default.
fn unconfigured() -> Option<TestEnv> {
    let is_free = std::net::TcpStream::connect("127.0.0.1:9428").is_err();
    if !is_free {
        env::skip("somebody listens on 127.0.0.1:9428");
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

#[test]
fn what_is_put_while_it_is_followed_appears_and_what_goes_does_no_harm() {
    let env = TestEnv::new();
    env.run(&["send", "before", "service=x"]).in_silence();
    let mut child = env::spawn(env.vlog().args(["query", "--local", "-f", "-o", "raw"]));
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || rows.next().unwrap().unwrap();
    assert_eq!(next(), "before");
    // Entries that are full and removed meanwhile.
    let filler = "x".repeat(100_000);
    for n in 0..5 {
        let start = Instant::now();
        env.run(&["send", &format!("row {n}"), &format!("filler={filler}")]).in_silence();
        assert_eq!(next(), format!("row {n}"));
        assert!(start.elapsed() < within(Duration::from_secs(1)), "{:?}", start.elapsed());
        if n == 2 {
            fs::remove_file(&env.entries()[0]).unwrap();
        }
    }
    env::signal(&child, "INT");
    assert_eq!(env::wait(child).status, Some(0));
}

#[test]
fn a_query_that_needs_all_rows_is_not_followed() {
    let env = TestEnv::new();
    let finished = env.run(&["query", "--local", "-f", "--fail", "* | stats count()"]);
    finished.saying("could not query the outbox: ").ending_with(1);
}

#[test]
fn the_options_mean_what_they_mean_to_a_server() {
    let env = TestEnv::new();
    env.run(&["send", "old", "service=a", "-l", "error", "-t", "2 hours ago", "session_id=s1"]).in_silence();
    env.run(&["send", "new", "service=a", "-l", "warn", "session_id=s2"]).in_silence();
    env.run(&["send", "other", "service=b", "-l", "debug"]).in_silence();
    for (args, expected) in [
        (&["--since", "1h"][..], &["new", "other"][..]),
        (&["--until", "1h"], &["old"]),
        (&["--since", "3 hours ago", "--until", "1h"], &["old"]),
        (&["-s", "a"], &["old", "new"]),
        (&["-s", "a", "-l", "error"], &["old"]),
        (&["-l", "warn"], &["old", "new"]),
        (&["--session", "s2"], &["new"]),
        (&["-n", "1"], &["other"]),
        (&["* | sort by (_time desc) | limit 1"], &["other"]),
    ] {
        let found = env.run(&[&["query", "--local"], args].concat()).ending_with(0);
        assert_eq!(values(&found, "_msg"), expected, "{args:?}");
    }
    let counted = env.run(&["query", "--local", "* | stats by (service) count() n | sort by (service)"]);
    assert_eq!(counted.text(), "{\"service\":\"a\",\"n\":\"2\"}\n{\"service\":\"b\",\"n\":\"1\"}\n");
    let drawn = env
        .run(&["query", "--local", "--histogram", "--since", "3 hours ago", "-o", "pretty"])
        .ending_with(0);
    assert!(drawn.text().contains("\n3 records from "), "{drawn:?}");
    assert!(drawn.text().ends_with("E error 1  W warn 1  D debug 1\n"), "{drawn:?}");
}

#[test]
fn where_it_is_the_store_status_tells_how_far_back_it_reaches() {
    let Some(env) = unconfigured() else { return };
    let reach = |env: &TestEnv| env.status()["outbox"]["reaches_back"].clone();
    env.run(&["send", "first"]).in_silence();
    let text = reach(&env).as_str().unwrap().to_owned();
    assert!(text.starts_with("to 20") && text.ends_with(" of 16777216 bytes; then the oldest go"), "{text}");
    note_delivery(&env);
    assert_eq!((reach(&env), reach(&TestEnv::new())), (Value::Null, Value::Null));
}

#[test]
fn a_person_is_told_who_answers_and_where_nothing_was_found() {
    let env = TestEnv::new();
    env.run(&["send", "one", "service=x"]).in_silence();
    let screen = on_terminal(&env, &["query", "one", "--utc"]);
    let url = env.url();
    let (first, rest) = screen.split_once('\n').unwrap();
    assert_eq!(first, format!("vlog: could not reach {url}: connection refused; the outbox answers"));
    assert!(rest.contains("one") && rest.lines().count() == 1, "{screen}");
    let screen = on_terminal(&env, &["query", "two", "--since", "2026-01-01", "--utc"]);
    let nothing = "vlog: no records since 2026-01-01 00:00:00 that match 'two' in the outbox";
    assert_eq!(screen.lines().nth(1), Some(nothing), "{screen}");
    let server = Server::new(Answer::Status(200, "", ""));
    let screen = on_terminal(&env, &["query", "--url", &server.url()]);
    let nothing = "new ones are found after a second or two; 1 record waits in the outbox, see --local";
    assert_eq!(screen.replace("\n      ", " "), format!("vlog: no records in {}; {nothing}\n", server.url()));
    // A tail would miss what is delivered from there.
    let screen = on_terminal(&env, &["query", "-f"]);
    assert_eq!(screen, format!("vlog: could not reach {url}: connection refused\n"));
}

/// What a terminal is sent by `vlog` with these arguments, stdout and stderr.
fn on_terminal(env: &TestEnv, args: &[&str]) -> String {
    let mut command = env.vlog();
    command.args(args);
    shown(command)
}

/// What a terminal of 100 columns is sent by a command.
fn shown(mut command: Command) -> String {
    let size = Winsize { ws_col: 100, ws_row: 40, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    command.env("TERM", "dumb").env("LANG", "C.UTF-8");
    command.stdout(Stdio::from(pty.slave.try_clone().unwrap())).stderr(Stdio::from(pty.slave));
    let mut child = env::start(&mut command);
    // It holds the other end too.
    drop(command);
    let mut bytes = Vec::new();
    // Once the other end is closed, reading fails.
    let _ = fs::File::from(pty.master).read_to_end(&mut bytes);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// A screen without what differs from run to run: times, the machine's name and where that makes lines break, and how the
/// records lie in the histogram.
fn timeless(screen: &str) -> String {
    let replacements = [
        (r"\n {4,}", " "),
        (r" +", " "),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?", "TIME"),
        (r"host=\S+", "host=HOST"),
        (r"after \d+ms", "after 0ms"),
        (r"duration_ms=\d+", "duration_ms=0"),
        (r"(?m)^\d\d:\d\d:\d\d .*\n", ""),
    ];
    replacements.iter().fold(screen.trim().to_owned(), |screen, (pattern, instead)| {
        regex_lite::Regex::new(pattern).unwrap().replace_all(&screen, *instead).into_owned()
    })
}

#[test]
fn the_readme_begins_with_what_the_demo_shows() {
    let Some(env) = unconfigured() else { return };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = env.shell(&format!("sh {}", folder.join("tests/demo.sh").display()));
    command.env("TZ", "UTC0");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let (before, rest) = readme.split_once("```console\n").unwrap();
    assert!(before.lines().count() < 25, "the tour is on the first screen");
    // What the last seconds hold depends on how busy the machine is.
    let tour = |text: &str| timeless(text).split("# See when it happened.").next().unwrap().to_owned();
    assert_eq!(tour(&shown(command)), tour(rest.split_once("\n```").unwrap().0));
}
