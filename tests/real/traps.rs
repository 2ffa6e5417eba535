//! What VictoriaLogs drops or mangles while it answers 200: sent by vlog, it is there.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::env::Env;
use crate::server::{Row, Server, text, texts};

/// The line from which on VictoriaLogs drops it.
const TOO_LONG: usize = 256 * 1024;

/// Asserts that the rows are the parts of one record, in order, and puts the field together.
#[track_caller]
fn joined(rows: &[Row], name: &str) -> String {
    assert!(rows.len() > 1, "{} rows", rows.len());
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(text(row, "vlog_part"), (at + 1).to_string());
        assert_eq!(text(row, "vlog_id"), text(&rows[0], "vlog_id"));
        assert_eq!(text(row, "_stream"), text(&rows[0], "_stream"));
    }
    assert!(!text(&rows[0], "vlog_id").is_empty());
    assert!(rows.is_sorted_by(|one, two| time_of(one) < time_of(two)));
    texts(rows, name).concat()
}

fn time_of(row: &Row) -> Timestamp {
    text(row, "_time").parse().unwrap()
}

/// How often the server tells a name in the raw rows of a service.
fn occurrences(server: &Server, service: &str, name: &str) -> usize {
    let answer = server.answer(&[("query", &format!("service:={service}"))]);
    String::from_utf8(answer.body).unwrap().matches(&format!("\"{name}\":")).count()
}

fn ago(hours: i64) -> String {
    (Timestamp::now() - SignedDuration::from_hours(hours)).to_string()
}

#[test]
fn a_message_too_long_for_a_line_is_found_whole() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let units = ["0123456789", "ы", "a😀", "\"\\", "\u{1}\u{0}", "many\nlines\r\n", "\u{1b}[31m<'>"];
    for (at, unit) in units.iter().enumerate() {
        let message = unit.repeat(700_000 / unit.len()) + "end";
        let service = format!("long-{at}");
        env.send_stdin(&service, &message);
        assert!(joined(&server.rows_of(&service), "_msg") == message, "{unit:?}");
    }
    for length in [TOO_LONG, TOO_LONG + 1, 5_000_000] {
        let message = "x".repeat(length);
        let service = format!("of-{length}");
        env.send_stdin(&service, &message);
        assert!(joined(&server.rows_of(&service), "_msg") == message, "{length}");
    }
}

#[test]
fn the_longest_line_that_fits_is_one_record() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let dry = env.run(&["send", "x", "-s", "fits-0", "--dry-run"]);
    let overhead = dry.text().lines().last().unwrap().len() - 1;
    for (service, more, rows) in [("fits-1", 0, 1), ("fits-2", 1, 2)] {
        let message = "x".repeat(TOO_LONG - 1 - overhead + more);
        env.send_stdin(service, &message);
        let found = server.rows_of(service);
        assert_eq!(found.len(), rows);
        assert!(texts(&found, "_msg").concat() == message);
    }
}

#[test]
fn a_long_line_in_a_pipe_leaves_its_neighbours_alone() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let longs: [&[u8]; 5] = [b"0123456789", "жλ😀".as_bytes(), b"\x01\x02", b"\xff\xfe", b"\\\"<"];
    for (at, unit) in longs.iter().enumerate() {
        let service = format!("pipe-{at}");
        let long = unit.repeat(600_000 / unit.len());
        let input = [b"before\nalso before\n", long.as_slice(), b"\nafter\nalso after\n"].concat();
        env.pipe(&["-s", &service, "job=nightly"], input);
        let rows = server.rows_of(&service);
        assert!(rows.iter().all(|row| text(row, "job") == "nightly" && text(row, "level") == "info"));
        let (first, rest) = rows.split_at(2);
        let (parts, last) = rest.split_at(rest.len() - 2);
        assert_eq!(texts(first, "_msg"), ["before", "also before"]);
        assert_eq!(texts(last, "_msg"), ["after", "also after"]);
        assert!(joined(parts, "_msg") == String::from_utf8_lossy(&long), "{unit:?}");
        assert!(first.iter().chain(last).all(|row| text(row, "vlog_part").is_empty()));
    }
}

#[test]
fn two_long_lines_in_one_batch_stay_two() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let (one, two) = ("1".repeat(300_000), "2".repeat(300_000));
    env.pipe(&["-s", "x"], format!("{one}\n{two}\nshort\n"));
    let rows = server.rows_of("x");
    assert_eq!(rows.len(), 5);
    assert!(joined(&rows[..2], "_msg") == one && joined(&rows[2..4], "_msg") == two);
    assert_ne!(text(&rows[0], "vlog_id"), text(&rows[2], "vlog_id"));
    assert_eq!(text(&rows[4], "_msg"), "short");
}

#[test]
fn long_values_are_found_whole() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let values = ["v".repeat(120_000), "ы".repeat(60_000), "\u{1}".repeat(120_000), "\"".repeat(120_000)];
    let words: Vec<_> = values.iter().enumerate().map(|(at, value)| format!("big{at}={value}")).collect();
    env.send(["-s", "x", "message", "small=s"].into_iter().chain(words.iter().map(String::as_str)));
    let rows = server.rows_of("x");
    assert!(rows.iter().all(|row| text(row, "small") == "s"));
    assert_eq!(text(&rows[0], "_msg"), "message");
    for (at, value) in values.iter().enumerate() {
        assert!(joined(&rows, &format!("big{at}")) == *value, "big{at}");
    }
}

#[test]
fn long_names_stay_apart_and_the_record_whole() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let long = "n".repeat(200);
    let longest = "n".repeat(128);
    let wide = "ы".repeat(100);
    env.send([
        "message".to_owned(),
        "service=x".to_owned(),
        format!("{long}1=one"),
        format!("{long}2=two"),
        format!("{longest}=fits"),
        format!("{longest}n=does not"),
        format!("{wide}=wide"),
        format!("deep:={{\"{long}\":{{\"{long}\":\"below\"}}}}"),
        "other=value".to_owned(),
    ]);
    let row = server.row_of("x");
    assert_eq!((text(&row, "_msg"), text(&row, "level")), ("message", "info"));
    assert_eq!((text(&row, "other"), text(&row, &longest)), ("value", "fits"));
    let named = |begin: &str| {
        let mut found: Vec<_> = row
            .iter()
            .filter(|(name, _)| name.starts_with(begin) && **name != longest)
            .map(|(_, value)| value.as_str().unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(named(&"n".repeat(100)), ["does not", "one", "two"]);
    assert_eq!(named("ыыы"), ["wide"]);
    assert_eq!(named("deep.n"), ["below"]);
    assert!(row.keys().all(|name| name.len() <= 128));
}

/// Sends that many fields and asserts that all are stored, be it in `vlog_overflow`.
#[track_caller]
fn all_are_stored(server: &Server, service: &str, sent: &BTreeMap<String, String>) {
    let rows = server.rows_of(service);
    assert!(!rows.is_empty(), "{service}");
    let mut found = BTreeMap::new();
    for row in &rows {
        let fields = row.iter().filter(|(name, _)| name.starts_with("k.") || name.starts_with('f'));
        found.extend(fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
    }
    let overflow = texts(&rows, "vlog_overflow").concat();
    if !overflow.is_empty() {
        let rest: BTreeMap<String, Value> = serde_json::from_str(&overflow).unwrap();
        for (name, value) in rest {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(found.insert(name, value), None, "stored twice");
        }
    }
    assert!(found == *sent, "{service}: {} of {} fields", found.len(), sent.len());
}

#[test]
fn more_fields_than_the_server_takes_are_all_stored() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    // Around what is left beside `_time`, `_msg`, `level`, `service` and `host`.
    for count in (990..=1001).chain([1500, 5000]) {
        let sent: BTreeMap<_, _> = (0..count).map(|n| (format!("f{n}"), format!("\"v\" {n}"))).collect();
        let service = format!("words-{count}");
        let words = sent.iter().map(|(name, value)| format!("{name}={value}"));
        env.send(["message".to_owned(), format!("service={service}")].into_iter().chain(words));
        all_are_stored(&server, &service, &sent);
        assert_eq!(texts(&server.rows_of(&service), "_msg"), ["message"]);
    }
    let sent: BTreeMap<_, _> = (0..1500).map(|n| (format!("k.f{n}"), format!("{n}.50"))).collect();
    let inner: Vec<_> = sent.iter().map(|(name, value)| format!("\"{}\":{value}", &name[2..])).collect();
    env.send(["message", "service=json", &format!("k:={{{}}}", inner.join(","))]);
    all_are_stored(&server, "json", &sent);
    env.pipe(&["service=pipe", &format!("k:={{{}}}", inner.join(","))], "line\n");
    all_are_stored(&server, "pipe", &sent);
}

#[test]
fn too_many_fields_that_are_too_long_as_well_are_all_stored() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let sent: BTreeMap<_, _> = (0..3000).map(|n| (format!("f{n}"), format!("{n} \"\\").repeat(30))).collect();
    let words = sent.iter().map(|(name, value)| format!("{name}={value}"));
    env.send(["message".to_owned(), "service=x".to_owned()].into_iter().chain(words));
    assert!(server.rows_of("x").len() > 1);
    all_are_stored(&server, "x", &sent);
}

#[test]
fn a_message_that_is_empty_says_so() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["", "service=argument"]);
    env.send(["-m", "", "service=option"]);
    env.send(["", "_msg=", "service=field"]);
    env.send_stdin("stdin", "");
    env.send_stdin("newline", "\n");
    // Otherwise blank lines are no records.
    env.pipe(&["--parse=raw", "service=pipe"], "\n\r\n");
    for service in ["argument", "option", "field", "stdin", "newline", "pipe"] {
        let found = texts(&server.rows_of(service), "_msg");
        assert!(
            !found.is_empty() && found.iter().all(|message| message == "(empty)"),
            "{service}: {found:?}"
        );
    }
    let nothing = env.run(&["send", "--service", "none"]);
    assert_eq!((nothing.status, nothing.stdout.len()), (Some(0), 0), "{nothing:?}");
    let row = server.row_of("none");
    assert_eq!((text(&row, "_msg"), text(&row, "level")), ("(empty)", "warn"));
    env.send([" ", "service=blank"]);
    assert_eq!(text(&server.row_of("blank"), "_msg"), " ");
}

#[test]
fn a_time_that_is_none_is_kept_beside_the_true_one() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let times = [
        "2026-11-20T10:00:00",
        "2026-11-20 10:00:00.5",
        "2026-11-20",
        "10:00",
        "yesterday",
        "now",
        "Fri, 20 Nov 2026 10:00:00 +0000",
        "1e9",
        "-",
        "99999999999999999999",
    ];
    let before = Timestamp::now();
    for (at, time) in times.iter().enumerate() {
        env.send(["m", "-s", &format!("x-{at}"), &format!("_time={time}")]);
    }
    // A person may write more than a program.
    let option = "Fri, 20 Nov 2026 10:00:00 +0000";
    let finished = env.run(&["send", "--fail", "m", "-s", "option", "-t", option]);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let after = Timestamp::now();
    let fields = times.iter().enumerate().map(|(at, time)| (format!("x-{at}"), *time));
    for (service, time) in fields.chain([("option".to_owned(), option)]) {
        let row = server.row_of(&service);
        assert_eq!((text(&row, "vlog_time"), text(&row, "_msg")), (time, "m"));
        assert!(before <= time_of(&row) && time_of(&row) <= after, "{time}: {row:#?}");
    }
}

#[test]
fn a_time_is_stored_to_the_nanosecond() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let second = Timestamp::now().as_second() - 3600;
    let utc = Timestamp::from_second(second).unwrap().to_string();
    let utc = utc.trim_end_matches('Z');
    let east = Timestamp::from_second(second + 2 * 3600).unwrap().to_string();
    let east = east.trim_end_matches('Z');
    for (at, (time, fraction)) in [
        (format!("{utc}Z"), ""),
        (format!("{utc}.123456789Z"), ".123456789"),
        (format!("{}Z", utc.replace('T', " ")), ""),
        (format!("{east}.5+02:00"), ".5"),
        (format!("{second}"), ""),
        (format!("{second}.25"), ".25"),
        (format!("{second}123"), ".123"),
        (format!("{second}123456"), ".123456"),
        (format!("{second}123456789"), ".123456789"),
    ]
    .iter()
    .enumerate()
    {
        let service = format!("time-{at}");
        env.send(["m", "-s", &service, "-t", time]);
        let row = server.row_of(&service);
        assert_eq!(time_of(&row), format!("{utc}{fraction}Z").parse().unwrap(), "{time}");
        assert_eq!(text(&row, "vlog_time"), "");
    }
}

#[test]
fn a_time_that_the_server_does_not_keep_is_warned_of() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    for (time, doubt) in [
        (ago(24 * 10), "over 7 days old"),
        (ago(-24 * 5), "2 days ahead"),
        ("1".to_owned(), "over 7 days old"),
    ] {
        let sent = env.run(&["send", "gone", "-s", "x", "-v", "-t", &time]);
        assert_eq!((sent.status, sent.stdout.len()), (Some(0), 0), "{sent:?}");
        assert!(sent.stderr.contains(doubt) && sent.stderr.lines().count() == 1, "{sent:?}");
        env.run(&["send", "gone", "-s", "x", "-t", &time]).in_silence();
    }
    for (message, time) in [("older", ago(24 * 6)), ("newer", ago(-24))] {
        env.send([message, "-s", "x", "-t", &time]);
    }
    assert_eq!(texts(&server.rows_of("x"), "_msg"), ["older", "newer"]);
}

#[test]
fn a_longer_retention_keeps_what_the_default_drops() {
    let Some(server) = Server::start_with(&["-retentionPeriod=30d", "-futureRetention=30d"]) else { return };
    let env = Env::new(&server);
    for (message, time) in [("past", ago(24 * 20)), ("future", ago(-24 * 20))] {
        assert_eq!(env.run(&["send", message, "-s", "x", "--fail", "-t", &time]).status, Some(0));
    }
    assert_eq!(texts(&server.rows_of("x"), "_msg"), ["past", "future"]);
}

#[test]
fn names_of_the_server_itself_are_not_told_twice() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let words = ["_stream=mine", "_stream_id=mine too", "_stream.sub=below", "_other=free"];
    env.send(["message", "service=send"].iter().chain(&words));
    env.pipe(&["service=pipe", words[0], words[1], words[2], words[3], "_time=t", "_msg=m"], "message\n");
    for service in ["send", "pipe"] {
        let row = server.row_of(service);
        assert_eq!((text(&row, "stream"), text(&row, "stream_id")), ("mine", "mine too"));
        assert_eq!((text(&row, "_stream.sub"), text(&row, "_other")), ("below", "free"));
        assert_eq!(text(&row, "_msg"), "message");
        assert_eq!(text(&row, "_stream"), format!("{{service=\"{service}\"}}"));
        for name in ["_stream", "_stream_id", "_time", "_msg"] {
            assert_eq!(occurrences(&server, service, name), 1, "{service}: {name}");
        }
    }
    let row = server.row_of("pipe");
    assert_eq!((text(&row, "time"), text(&row, "msg")), ("t", "m"));
    env.send(["message", "service=fields", "_msg=taken", "_time=2001-01-01"]);
    let row = server.row_of("fields");
    assert_eq!((text(&row, "_msg"), text(&row, "vlog_time")), ("taken", "2001-01-01"));
}

#[test]
fn of_one_name_the_last_is_stored_and_only_that() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("VLOG_FIELDS", "a=environment e=environment");
    let words = [
        "a=first",
        "a=last",
        "host=mine",
        "level=warning",
        "level=ERROR",
        "service=other",
        "service=x",
        "a.b=1",
        "a:={\"b\":2}",
        "c:={\"d\":1,\"d\":2}",
        "c.d=3",
        "gone=1",
        "gone:=null",
        "empty=1",
        "empty=",
        "d:={\"e\":{\"f\":1}}",
        "d.e:={\"f\":2}",
        "stream=1",
        "_stream=2",
    ];
    env.send(["message"].iter().chain(&words));
    env.pipe(&words, "message\n");
    let rows = server.rows_of("x");
    assert_eq!(rows.len(), 2);
    for row in &rows {
        let expected = [
            ("a", "last"),
            ("a.b", "2"),
            ("c.d", "3"),
            ("d.e.f", "2"),
            ("e", "environment"),
            ("host", "mine"),
            ("level", "error"),
            ("stream", "2"),
            ("gone", ""),
            ("empty", ""),
            ("_msg", "message"),
        ];
        for (name, value) in expected {
            assert_eq!(text(row, name), value, "{name}");
        }
    }
    for name in ["a", "a.b", "c.d", "d.e.f", "e", "host", "level", "service", "stream", "_msg", "_time"] {
        assert_eq!(occurrences(&server, "x", name), 2, "{name}");
    }
}

#[test]
fn the_field_for_the_rest_is_stored_once_even_if_it_was_given() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let sent: BTreeMap<_, _> = (0..1500).map(|n| (format!("f{n}"), n.to_string())).collect();
    let words = sent.iter().map(|(name, value)| format!("{name}={value}"));
    let first = ["message", "service=x", "vlog_overflow=mine"].map(str::to_owned);
    env.send(first.into_iter().chain(words));
    assert_eq!(occurrences(&server, "x", "vlog_overflow"), 1);
}
