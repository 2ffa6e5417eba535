//! `vlog query` beside the server's own answers: conditions, examples, histograms, hints.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::env::{Env, Finished};
use crate::server::{Server, text};
use crate::values::NASTY;

/// Texts that mean something in `LogsQL`.
const OPERATORS: [&str; 24] = [
    "*",
    "x*",
    "*x",
    "\" or *",
    "\") or *",
    "a or b",
    "and",
    "not x",
    "!x",
    "-x",
    "a | delete _msg",
    "| limit 1",
    "# comment",
    "two\nlines",
    "in(a,b)",
    "i(x)",
    "~\"a.*\"",
    ">5",
    "range[1,2]",
    "{service=\"x\"}",
    "_time:1h",
    "`x`",
    ":=",
    "options(concurrency=1)",
];

#[track_caller]
fn found(finished: &Finished) -> Vec<&str> {
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    finished.text().lines().collect()
}

#[test]
fn every_service_and_session_finds_its_own_record() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let values: Vec<_> = NASTY.into_iter().chain(OPERATORS).collect();
    assert!(values.len() >= 45);
    for (number, value) in values.iter().enumerate() {
        env.send(["-m", &format!("service {number}"), &format!("service={value}")]);
        env.send(["-m", &format!("session {number}"), "service=other", &format!("session_id={value}")]);
    }
    server.flush();
    for (number, value) in values.iter().enumerate() {
        for (option, kind) in [("--service", "service"), ("--session", "session")] {
            let finished = env.run(&["query", "--fail", "-o", "raw", &format!("{option}={value}")]);
            assert_eq!(found(&finished), [format!("{kind} {number}")], "{option} {value:?}");
        }
        let both = env.run(&["query", "--fail", "-o", "raw", "-s", value, "--session", value]);
        assert_eq!(found(&both), [""; 0], "{value:?}");
    }
    let two = env.run(&["query", "--fail", "-o", "raw", "-s", "*", "-s", "and"]);
    assert_eq!(found(&two).len(), 2);
}

#[test]
fn a_level_finds_the_spellings_of_others_and_what_is_worse() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    // As other loggers write them: vlog itself would write one spelling.
    for level in [
        "debug",
        "INFO",
        "Information",
        "warn",
        "WARN",
        "Warning",
        "error",
        "ERR",
        "Error",
        "CRITICAL",
        "fatal",
    ] {
        env.send(["-m", level, "-s", "x", &format!("other:={{\"level\":\"{level}\"}}")]);
    }
    server.flush();
    // The conditions are on `level`, so that is where the texts must be: a server's own pipe can move them.
    let moved = |level: &str| {
        let filter = env.run(&["query", "--dry-run", "-l", level]).text().to_owned();
        let filter = filter.split("extra_filters=").nth(1).unwrap().trim().to_owned();
        let filter = percent_encoding::percent_decode_str(&filter).decode_utf8().unwrap().into_owned();
        let query = format!("service:=x | copy other.level as level | filter {filter} | sort by (_time)");
        crate::server::texts(&server.rows(&query), "_msg")
    };
    assert_eq!(moved("warn"), ["warn", "WARN", "Warning", "error", "ERR", "Error", "CRITICAL", "fatal"]);
    assert_eq!(moved("ERR"), ["error", "ERR", "Error", "CRITICAL", "fatal"]);
    assert_eq!(moved("trace").len(), 11);
    for (level, count) in [("debug", 2), ("info", 2), ("warn", 1), ("error", 1), ("fatal", 0)] {
        let env = Env::new(&server);
        if count == 2 {
            env.send(["-m", "of a level", "-s", "y", "-l", level]);
        }
    }
    env.send(["-m", "of a level", "-s", "y", "-l", "fatal"]);
    server.flush();
    let count = |level: &str| found(&env.run(&["query", "-s", "y", "-l", level, "-o", "raw"])).len();
    assert_eq!(["trace", "debug", "info", "warn", "fatal"].map(count), [3, 3, 2, 1, 1]);
}

/// Every example of a query that this program's authors know to work.
const EXAMPLES: [&str; 44] = [
    "service:=nmem-capture level:=error",
    "service:nmem-capture AND level:error",
    "level:i(ERROR)",
    "i(traceback)",
    "_msg:traceback",
    "_time:1h",
    "_time:1h30m level:warn",
    "_time:90m",
    "_time:1.5h",
    "_time:-1h",
    "_time:1h 30m",
    "_time:5m offset 10m",
    "_msg:~`\\d+`",
    "'request'",
    "\"level\":=\"error\"",
    "dur_ms:>200",
    "dur_ms:range[1,20]",
    "level:in(error,warn)",
    "level:=\"e\"*",
    "level:err*",
    "level:~\"^(error|warn)$\"",
    "!level:error",
    "-level:error",
    "trace:*",
    "trace:\"\"",
    "*rror",
    "{service=\"web\"}",
    "{service=~\"web|db\",service!=\"db\"}",
    "_stream:{service in (\"web\",\"db\")}",
    "* | fields _time,level",
    "* | sort by (_time desc) | limit 2",
    "* | sort by (dur_ms desc) rank as r limit 2 | fields r, dur_ms",
    "* | stats by (level) count() hits",
    "* | stats by (level) count()",
    "* | stats count(), count() if (level:error) errs",
    "* | stats by (_time:20m) count() n",
    "nothing-like-it | stats count() n, avg(x) a, max(x) m",
    "* | uniq by (level) with hits",
    "* | top 2 by (level)",
    "* | format \"<_time> [<level>] <_msg> <q:service> <uc:service>\" as line | fields line",
    "packed:=1 | unpack_json | fields a.b,s",
    "* | first 2 by (_time)",
    "* | head 1 | stats count() n",
    "* | tail 1",
];

#[test]
fn every_example_gives_the_rows_of_the_server() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    for n in 0..60 {
        let level = ["debug", "info", "warn", "error"][n % 4];
        let service = ["web", "db", "nmem-capture"][n % 3];
        let time = (Timestamp::now() - SignedDuration::from_secs(60 * i64::try_from(n).unwrap())).to_string();
        let trace = if n % 2 == 0 { "trace=t" } else { "" };
        let words = [format!("request {n}"), format!("service={service}"), format!("dur_ms:={}", n * 5)];
        let words = words.iter().map(String::as_str).chain([trace, "-l", level, "-t", time.as_str()]);
        env.send(words.filter(|word| !word.is_empty()));
    }
    env.send(["Traceback (most recent call last)", "-l", "error", "-s", "web"]);
    env.send(["-m", "{\"a\":{\"b\":1},\"s\":\"x y\"}", "packed=1", "-s", "web"]);
    server.flush();
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<_> =
            String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let mut empty = Vec::new();
    for query in EXAMPLES {
        // What lies in the second of "now" moves between two questions; a minute ago does not.
        for range in [&[][..], &[("start", "2h"), ("end", "1m")]] {
            let answer = server.answer(&[&[("query", query), ("limit", "0")], range].concat());
            assert_eq!(answer.status, 200, "{query}");
            let options: &[&str] = if range.is_empty() { &[] } else { &["--since", "2h", "--until", "1m"] };
            let finished = env.run(&[&["query"], options, &["--fail", "-n0", "--", query]].concat());
            assert_eq!(finished.status, Some(0), "{finished:?}");
            assert_eq!(sorted(&finished.stdout), sorted(&answer.body), "{query}");
            if answer.body.is_empty() && range.is_empty() {
                empty.push(query);
            }
        }
    }
    // The traps find nothing, and nothing else does.
    assert_eq!(empty, ["_msg:traceback", "_time:1h 30m", "*rror", "* | tail 1"]);
    // Errors come in the same words.
    for query in ["_time:1M", "_time:1mo", "_time:3600", "(* | limit 1)", "_time:1h options(concurrency=1) *"]
    {
        let answer = server.answer(&[("query", query)]);
        assert_eq!(answer.status, 400, "{query}");
        let words = String::from_utf8(answer.body).unwrap();
        assert_eq!(env.run(&["query", query]).stderr, format!("vlog: {}\n", words.trim()));
    }
}

#[test]
fn friendly_times_bound_what_is_found() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("TZ", "XYZ-5:30");
    let now = Timestamp::now();
    let ago = |minutes| (now - SignedDuration::from_mins(minutes)).to_string();
    for (name, minutes) in [("two days", 2 * 24 * 60), ("three hours", 180), ("half an hour", 30)] {
        env.send([name, "-t", &ago(minutes), "-s", "x"]);
    }
    server.flush();
    let found = |args: &[&str]| {
        let finished = env.run(&[&["query", "--fail", "-o", "raw"], args].concat());
        found(&finished).join(", ")
    };
    assert_eq!(found(&["--since", "1 hour ago"]), "half an hour");
    assert_eq!(found(&["--since", "3 days ago", "--until", "100 m"]), "two days, three hours");
    let here = |minutes| {
        let offset = jiff::tz::Offset::from_seconds(5 * 3600 + 1800).unwrap();
        let local = offset.to_datetime(now - SignedDuration::from_mins(minutes));
        local.strftime("%F %T").to_string()
    };
    assert_eq!(found(&["--since", &here(200), "--until", &here(60)]), "three hours");
    // What pretty shows can be asked for.
    let shown = env.run(&["query", "-o", "pretty", "three"]);
    let time = &shown.text()[..23];
    assert_eq!(found(&["--since", time, "--until", &here(170)]), "three hours");
}

#[test]
fn a_time_without_a_zone_is_here_and_not_where_the_server_is() {
    let Some(server) = Server::start() else { return };
    // Ahead of Greenwich by more than the server is behind it, and not by whole hours.
    let env = Env::new(&server).with("TZ", "XYZ-5:45");
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(5 * 3600 + 45 * 60).unwrap());
    let day = zone.to_datetime(Timestamp::now() - SignedDuration::from_hours(48)).date();
    let midnight = day.at(0, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
    let at = |hours: i64, nanoseconds: i64| {
        let from = SignedDuration::from_hours(hours) + SignedDuration::from_nanos(nanoseconds);
        (midnight + from).to_string()
    };
    let records = [
        ("before", at(0, -1)),
        ("midnight", at(0, 0)),
        ("ten", at(10, 0)),
        ("eleven", at(11, 500_000_000)),
        ("last", at(24, -1)),
        ("after", at(24, 0)),
    ];
    for (name, time) in &records {
        env.send([*name, "-t", time]);
    }
    // On this clock too.
    env.send(["typed", "-s", "typed", "-t", &format!("{day} 10:00")]);
    server.flush();
    let typed: Timestamp = text(&server.row_of("typed"), "_time").parse().unwrap();
    assert_eq!(typed, midnight + SignedDuration::from_hours(10));
    let asked = |args: &[&str]| {
        let finished = env.run(&[&["query", "--fail", "-n", "50", "-o", "raw", "-s", "vlog"], args].concat());
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        found(&finished).join(", ")
    };
    let day = day.to_string();
    assert_eq!(asked(&["--since", &day, "--until", &day]), "midnight, ten, eleven, last");
    for separator in ["T", " "] {
        let time = |text: &str| format!("{day}{separator}{text}");
        for ten in ["10", "10:00", "10:00:00", "10:00:00.0"] {
            assert_eq!(asked(&["--since", &time(ten), "--until", &day]), "ten, eleven, last");
            // The server takes all of a whole second.
            assert_eq!(asked(&["--since", &day, "--until", &time(ten)]), "midnight, ten");
        }
        assert_eq!(asked(&["--since", &time("10:00:00.001"), "--until", &time("11:00")]), "eleven");
        assert_eq!(asked(&["--since", &time("10:00:01"), "--until", &time("11:00:00.4")]), "");
    }
    let utc = |instant: Timestamp| instant.to_string();
    let ten = utc(midnight + SignedDuration::from_hours(10));
    let bare = ten.trim_end_matches('Z');
    assert_eq!(asked(&["--utc", "--since", bare, "--until", bare]), "ten");
    assert_eq!(asked(&["--since", &ten, "--until", &ten]), "ten");
}

#[test]
fn a_histogram_counts_what_the_server_counts() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("TZ", "XYZ-5:30");
    let start: Timestamp = "2026-11-18T18:30:00Z".parse().unwrap();
    for n in 0..40 {
        let time = (start + SignedDuration::from_mins(n * 90)).to_string();
        let level = if n % 5 == 0 { "error" } else { "info" };
        env.send([&format!("number {n}"), "-t", &time, "-l", level, "-s", "x"]);
    }
    server.flush();
    let range = ["--since", "2026-11-19 00:00", "--until", "2026-11-21 23:59:59"];
    let numbers = env.run(&[&["query", "--histogram", "--fail"], &range[..]].concat());
    let numbers: Value = serde_json::from_str(numbers.text()).unwrap();
    let total = |level: &str| {
        let groups = numbers["hits"].as_array().unwrap().iter();
        groups
            .filter(|group| group["fields"]["level"] == level)
            .map(|group| group["total"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((total("error"), total("info")), (8, 32));
    // Three days of the clock here, a line every three hours, from midnight on.
    let drawn = env.run(&[&["query", "--histogram", "-o", "pretty", "--fail"], &range[..]].concat());
    let lines: Vec<_> = drawn.text().lines().collect();
    assert_eq!(lines.len(), 24 + 2, "{}", drawn.text());
    let counts: BTreeMap<_, u64> = lines[..24]
        .iter()
        .map(|line| (&line[..11], line[11..].split_whitespace().next().unwrap().parse().unwrap()))
        .collect();
    assert_eq!(counts.values().sum::<u64>(), 40);
    assert_eq!((counts["11-19 00:00"], counts["11-21 09:00"], counts["11-21 12:00"]), (2, 2, 0));
    assert_eq!(counts["11-21 21:00"], 0);
    assert_eq!(
        lines[24..],
        ["40 records from 2026-11-19 00:00:00 to 2026-11-21 23:59:59, 3h a line", "E error 8  I info 32"]
    );
    let none = env.run(&["query", "--histogram", "-o", "pretty", "nothing", "--exit-empty", "--since", "1h"]);
    assert_eq!(none.status, Some(1));
    assert!(none.text().starts_with("0 records from "), "{none:?}");
}

#[test]
fn what_hints_say_of_the_server_is_so() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["m", "-s", "nmem-capture", "-l", "error", "host=db1", "path=C:\\d"]);
    server.flush();
    let source = include_str!("../../src/query/hints.rs");
    let pipes = source.split("const PIPES").nth(1).unwrap().split("];").next().unwrap();
    let pipes: Vec<_> =
        pipes.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\",")).collect();
    assert!(pipes.len() > 50);
    for pipe in pipes {
        let answer = server.answer(&[("query", &format!("* | {pipe} (("))]);
        let words = String::from_utf8(answer.body).unwrap();
        assert!(answer.status == 400 && !words.contains("unexpected pipe"), "{pipe}: {words}");
    }
    let refused = env.run(&["query", "-v", "* | stast by (level) count()"]);
    assert!(refused.stderr.ends_with("\nvlog: did you mean '| stats'?\n"), "{refused:?}");
    // The trap finds nothing, and what is proposed instead finds the record.
    for (trap, instead, hint) in [
        ("* | bogus", "*", "is no pipe"),
        ("* | limt 3", "* | limit 3", "did you mean '| limit'?"),
        ("level:ERROR", "level:error", "level:error"),
        ("level=error", "level:error", "write level:error"),
        ("{host=\"db1\"}", "host:=db1", "host:=... finds it anywhere"),
    ] {
        let trapped = env.run(&["query", "-v", trap]);
        assert!(trapped.stdout.is_empty() && trapped.stderr.contains(hint), "{trapped:?}");
        assert_eq!(trapped.stderr.lines().count(), 1, "{trapped:?}");
        let good = env.run(&["query", "-v", "--exit-empty", instead]);
        assert_eq!((good.status, good.stderr.as_str()), (Some(0), ""), "{instead}");
    }
}

#[test]
fn an_error_is_marked_where_the_server_stopped() {
    let Some(server) = Server::start() else { return };
    for (query, expected) in [
        ("foo:(", "foo:("),
        ("(a or", "(a or"),
        ("a \"open", "a \""),
        ("* | stats foo()", "* | stats foo"),
        ("a | unknown((x) | y", "a | unknown"),
        (&format!("{} foo:(", "word ".repeat(30)), &format!("{} foo:(", "word ".repeat(30))),
    ] {
        let words = String::from_utf8(server.answer(&[("query", query)]).body).unwrap();
        // What vlog marks is the end of what the server says that it has read.
        let context = words.trim().rsplit_once("; context: [").unwrap().1.strip_suffix(']').unwrap();
        assert!(expected.ends_with(context), "{query}: {words}");
    }
}
