//! `vlog query`: which records are asked for, and in which form those that come are printed.

use crate::env::{Finished, TestEnv, finish};
use crate::server::{Answer, Request, Server};

const JSON: &str = "Content-Type: application/stream+json\r\n";

const ROWS: &str = "{\"_time\":\"2026-11-20T10:00:00.5Z\",\"_stream_id\":\"0\",\"_stream\":\"{}\",\"_msg\":\"one\\ntwo\",\
                    \"level\":\"error\",\"host\":\"db1\"}\n{\"_msg\":\"thr\\u003cee\",\"n\":\"1\"}\n";

/// What the server was asked by these arguments, in a zone an hour ahead.
fn asked(args: &[&str]) -> Request {
    let server = Server::new(Answer::Status(200, JSON, ""));
    let args: Vec<_> = ["query"].iter().chain(args).copied().collect();
    TestEnv::for_server(&server).with("TZ", "CET-1").run(&args).kept_the_promise();
    server.request()
}

/// What these arguments print of the rows.
#[track_caller]
fn printed(args: &[&str]) -> Finished {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let args: Vec<_> = ["query", "--fail"].iter().chain(args).copied().collect();
    let finished = TestEnv::for_server(&server).with("TZ", "CET-1").run(&args);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    finished
}

#[test]
fn conditions_travel_beside_the_query() {
    let request = asked(&["a or b", "-s", "x\" or *", "--session", "s|1", "-l", "fatal"]);
    assert_eq!(request.form("query").as_deref(), Some("a or b"));
    let filters = request.forms("extra_filters");
    assert_eq!(filters[0], r#""service":="x\" or *""#);
    assert!(filters[1].starts_with(r#""level":in("fatal","FATAL","Fatal","#), "{filters:?}");
    assert_eq!(filters[2], r#""session_id":="s|1""#);
    assert_eq!(asked(&["-s", "a", "-s", "b"]).forms("extra_filters"), [r#""service":in("a","b")"#]);
    assert_eq!(asked(&["-s", ""]).forms("extra_filters"), [r#""service":="""#]);
    assert_eq!(asked(&["*"]).forms("extra_filters"), [""; 0]);
}

#[test]
fn a_level_comes_with_those_that_are_worse() {
    let filter = asked(&["-l", "WARNING"]).forms("extra_filters").remove(0);
    for spelling in ["warn", "Warning", "ERROR", "err", "crit", "Fatal", "EMERG"] {
        assert!(filter.contains(&format!("\"{spelling}\"")), "{filter}");
    }
    assert!(!filter.contains("info"));
    let server = Server::new(Answer::Accept);
    let finished = TestEnv::for_server(&server).run(&["query", "-l", "loud", "--fail"]);
    assert_eq!((finished.status, server.connections()), (Some(1), 0));
    assert!(finished.stderr.contains("'loud' is no level"), "{finished:?}");
}

#[test]
fn what_is_relative_to_now_goes_as_it_is_and_other_times_by_the_clock_here_with_a_zone() {
    for text in ["now", "1h", "-1h", "now-1h", "1h30m"] {
        let request = asked(&["--since", text, "--until", text]);
        assert_eq!(request.form("start").as_deref(), Some(text));
        assert_eq!(request.form("end").as_deref(), Some(text));
    }
    // The zone is an hour ahead of Greenwich.
    for (text, start, end) in [
        ("2026-11-20", "2026-11-19T23:00:00.000000000Z", "2026-11-20T22:59:59.999999999Z"),
        ("2026-11", "2026-10-31T23:00:00.000000000Z", "2026-11-30T22:59:59.999999999Z"),
        ("2026", "2025-12-31T23:00:00.000000000Z", "2026-12-31T22:59:59.999999999Z"),
        ("2026-11-20T10", "2026-11-20T09:00:00.000000000Z", ""),
        ("2026-11-20T10:00", "2026-11-20T09:00:00.000000000Z", ""),
        ("2026-11-20 10:00", "2026-11-20T09:00:00.000000000Z", ""),
        ("2026-11-20T10:00:00", "2026-11-20T09:00:00.000000000Z", ""),
        ("2026-11-20 10:00:00", "2026-11-20T09:00:00.000000000Z", ""),
        ("2026-11-20T10:00:00.25", "2026-11-20T09:00:00.250000000Z", ""),
        ("2026-11-20T10:00Z", "2026-11-20T10:00:00.000000000Z", ""),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00.000000000Z", ""),
        ("1795172400", "2026-11-20T11:00:00.000000000Z", ""),
    ] {
        let request = asked(&["--since", text, "--until", text]);
        assert_eq!(request.form("start").as_deref(), Some(start), "{text}");
        assert_eq!(request.form("end").as_deref(), Some(if end.is_empty() { start } else { end }), "{text}");
    }
    for (text, start) in [
        ("2026-11-20", "2026-11-20T00:00:00.000000000Z"),
        ("2026-11-20T10:00", "2026-11-20T10:00:00.000000000Z"),
        ("2026-11-20 10:00", "2026-11-20T10:00:00.000000000Z"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00.000000000Z"),
    ] {
        assert_eq!(asked(&["--utc", "--since", text]).form("start").as_deref(), Some(start), "{text}");
    }
    let request = asked(&["--since", "yesterday", "--until", "yesterday"]);
    let (start, end) = (request.form("start").unwrap(), request.form("end").unwrap());
    assert!(
        start.ends_with("T23:00:00.000000000Z") && end.ends_with("T22:59:59.999999999Z"),
        "{start} {end}"
    );
    let ago = asked(&["--since", "1h ago"]).form("start").unwrap();
    assert!(ago.parse::<jiff::Timestamp>().is_ok(), "{ago}");
    let env = TestEnv::new().with("TZ", "CET-1");
    for kind in ["-f", "--histogram"] {
        let request = env.run(&["query", kind, "--since", "2026-11-20T10:00", "--dry-run"]);
        let start = "start=2026%2D11%2D20T09%3A00%3A00%2E000000000Z";
        assert!(request.text().contains(start), "{request:?}");
    }
}

#[test]
fn a_time_of_day_is_one_that_has_been() {
    // Whatever time of day this runs at: each hour of today and of this day of the week.
    let days = ["", "monday ", "tuesday ", "wednesday ", "thursday ", "friday ", "saturday ", "sunday "];
    for (at, text) in
        days.iter().flat_map(|day| ["00:00", "12:00", "23:59:59"].map(|time| (*day, format!("{day}{time}"))))
    {
        let start: jiff::Timestamp = asked(&["--since", &text]).form("start").unwrap().parse().unwrap();
        let ago = jiff::Timestamp::now().as_second() - start.as_second();
        let again = if at.is_empty() { 86_400 } else { 7 * 86_400 };
        assert!((0..again + 100).contains(&ago), "{text}: {start}");
    }
}

#[test]
fn a_bad_time_is_refused() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for option in ["--since", "--until"] {
        let finished = env.run(&["query", "*", option, "soon", "--fail"]);
        assert_eq!((finished.status, server.connections()), (Some(1), 0));
        assert!(
            finished
                .stderr
                .contains(&format!("could not use {option}: 'soon' is no time; take one such as 1h"))
        );
    }
}

#[test]
fn raw_is_the_messages() {
    assert_eq!(printed(&["-o", "raw"]).text(), "one\ntwo\nthr<ee\n");
    assert_eq!(printed(&["-o", "raw", "--fields", "host,_msg"]).text(), "db1\tone\ntwo\n\tthr<ee\n");
    let server = Server::new(Answer::Status(200, JSON, "{\"count(*)\":\"17\"}\n"));
    assert_eq!(TestEnv::for_server(&server).run(&["query", "-o", "raw", "* | count()"]).text(), "17\n");
}

#[test]
fn fields_are_chosen_without_touching_the_query() {
    assert_eq!(
        printed(&["--fields", "level, _msg"]).text(),
        "{\"level\":\"error\",\"_msg\":\"one\\ntwo\"}\n{\"_msg\":\"thr<ee\"}\n"
    );
    // As with the server's own pipe, a row with none of them is no row.
    assert_eq!(printed(&["--fields", "n"]).text(), "{\"n\":\"1\"}\n");
    assert_eq!(asked(&["a", "--fields", "n"]).form("query").as_deref(), Some("a"));
    let pretty = printed(&["-o", "pretty", "--fields", "host,_msg,_stream_id"]);
    assert_eq!(pretty.text(), "one\ntwo  host=db1 _stream_id=0\nthr<ee\n");
}

#[test]
fn pretty_shows_the_time_of_this_place() {
    let expected =
        "2026-11-20 11:00:00.500 error one\n                              two  host=db1\nthr<ee  n=1\n";
    assert_eq!(printed(&["-o", "pretty"]).text(), expected);
    let utc = printed(&["-o", "pretty", "--utc"]);
    assert!(utc.text().starts_with("2026-11-20 10:00:00.500Z error one\n"), "{}", utc.text());
}

#[test]
fn a_zone_that_there_is_not_is_said_and_utc_taken() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server).with("TZ", "Nowhere/Land");
    let quiet = env.run(&["query", "-o", "pretty"]);
    assert!(quiet.text().starts_with("2026-11-20 10:00:00.500Z error"), "{quiet:?}");
    assert_eq!(quiet.stderr, "");
    env.run(&["query", "-o", "pretty", "-v"]).saying("could not find the local time zone; times are in UTC");
}

#[test]
fn only_the_file_of_a_zone_is_read_for_it() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let fifo = env.home.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(env.home.path().join("big"), vec![b'T'; 1 << 20]).unwrap();
    let fifo = fifo.to_str().unwrap();
    for name in
        ["/dev/zero", ":/dev/zero", "/dev/../dev/zero", "zero", fifo, "big", "/etc", "../../../dev/zero"]
    {
        // KiB of address space: /dev/zero has no end.
        let line = "ulimit -v 131072; timeout 20 vlog query -o pretty --since 2026-11-20T10:00";
        let finished = finish(env.shell(line).env("TZ", name).env("TZDIR", "/dev"));
        assert!(finished.text().starts_with("2026-11-20 10:00:00.500Z error"), "{name}: {finished:?}");
        assert_eq!(finished.stderr, "", "{name}");
        let sent =
            finish(env.shell("ulimit -v 131072; timeout 20 vlog send m -t 2026-11-20T10:00").env("TZ", name));
        assert_eq!((sent.status, sent.stderr.as_str()), (Some(0), ""), "{name}");
    }
    for record in server.records() {
        assert_eq!(record["_time"], "2026-11-20T10:00:00.000000000Z");
    }
}

#[test]
fn colour_is_as_asked_for() {
    let shown = |args: &[&str], variables: &[(&str, &str)]| {
        let server = Server::new(Answer::Status(200, JSON, ROWS));
        let mut env = TestEnv::for_server(&server);
        for (name, value) in variables {
            env = env.with(name, value);
        }
        env.run(&[&["query", "-o", "pretty"], args].concat()).text().contains('\u{1b}')
    };
    assert!(!shown(&[], &[]));
    assert!(shown(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(shown(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!shown(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!shown(&["--color=never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn what_is_no_text_is_harmless_when_pretty_and_untouched_otherwise() {
    let body = b"{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"a\xff\\u001b[2Jb\xe2\x80\xae\"}\n";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let server = Server::new(Answer::Raw(answer));
    let env = TestEnv::for_server(&server);
    let pretty = env.run(&["query", "-o", "pretty", "--utc"]);
    assert_eq!(pretty.text(), "2026-11-20 10:00:00.000Z       a\\xff\\x1b[2Jb\\u202e\n");
    assert_eq!(env.run(&["query"]).stdout, body);
    assert_eq!(env.run(&["query", "-o", "raw"]).stdout, b"a\xff\x1b[2Jb\xe2\x80\xae\n");
    let chosen = env.run(&["query", "--fields", "_msg"]);
    assert_eq!(chosen.stdout, b"{\"_msg\":\"a\xff\\u001b[2Jb\xe2\x80\xae\"}\n");
}

#[test]
fn nothing_found_can_be_a_status() {
    let (empty, full) = (Server::new(Answer::Accept), Server::new(Answer::Status(200, JSON, ROWS)));
    let status = |server: &Server, args: &[&str]| {
        TestEnv::for_server(server).run(&[&["query", "*", "--exit-empty"], args].concat()).status
    };
    assert_eq!(status(&empty, &[]), Some(1));
    assert_eq!(status(&full, &[]), Some(0));
    for form in ["raw", "pretty"] {
        assert_eq!((status(&empty, &["-o", form]), status(&full, &["-o", form])), (Some(1), Some(0)));
    }
    // Nothing was found either where nobody could be asked.
    assert_eq!(TestEnv::new().run(&["query", "*", "--exit-empty"]).status, Some(1));
    assert_eq!(status(&full, &["--since", "soon"]), Some(1));
    assert_eq!(status(&full, &["--no-such-option"]), Some(1));
    assert_eq!(TestEnv::for_server(&empty).run(&["query", "*"]).status, Some(0));
}

#[test]
fn rows_without_a_chosen_field_are_not_counted_as_shown() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let query = |args: &[&str]| env.run(&[&["query", "*"], args].concat());
    for form in ["json", "raw", "pretty"] {
        let nothing = query(&["-o", form, "--exit-empty", "--fields", "nosuch"]);
        assert_eq!((nothing.status, nothing.text(), nothing.stderr.as_str()), (Some(1), "", ""), "{form}");
        assert_eq!(query(&["-o", form, "--exit-empty", "--fields", "n"]).status, Some(0), "{form}");
        let limited = query(&["-o", form, "--fields", "nosuch", "-n", "2"]);
        let limited = limited.saying(
            "only the newest 2 records looked at, 0 of them with one of these fields; -n 0 looks at all",
        );
        assert_eq!(limited.text(), "");
        query(&["-o", form, "--fields", "n", "-n", "2"])
            .saying("looked at, 1 of them with one of these fields");
        query(&["-o", form, "--fields", "_msg", "-n", "2"])
            .saying("only the newest 2 records shown; -n 0 gives all");
    }
    // A last row without its line end is one too, and an empty line none.
    let last = Server::new(Answer::Status(200, JSON, "{\"_msg\":\"a\"}"));
    assert_eq!(TestEnv::for_server(&last).run(&["query", "--exit-empty"]).status, Some(0));
    let blank = Server::new(Answer::Status(200, JSON, "\n\r\n"));
    assert_eq!(TestEnv::for_server(&blank).run(&["query", "--exit-empty"]).status, Some(1));
    // The query is not to blame.
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    TestEnv::for_server(&server).run(&["query", "-v", "level:ERROR", "--fields", "nosuch"]).in_silence();
}

#[test]
fn plain_words_go_as_a_condition_beside_the_query() {
    let server = Server::new(Answer::Status(200, JSON, ROWS));
    let env = TestEnv::for_server(&server);
    let texts = ["a | b (c", "-x", "say \"no\"", ""];
    let args = texts.iter().flat_map(|text| ["-g", text]);
    let finished = env.run(&[&["query"][..], &args.collect::<Vec<_>>(), &["level:error"]].concat());
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let request = server.request();
    assert_eq!(request.form("query").as_deref(), Some("level:error"));
    let body = String::from_utf8(request.body).unwrap();
    assert_eq!(body.matches("extra_filters=").count(), 3, "{body}");
    // The outbox takes them as the server does.
    let env = TestEnv::new();
    env.run(&["send", "the connection was refused: (a | b)"]).in_silence();
    env.run(&["send", "refused the connection"]).in_silence();
    for (text, count) in [("connection was refused", 1), ("refused", 2), ("(a | b)", 1), ("refus", 0)] {
        let found = env.run(&["query", "--local", "-g", text]);
        assert_eq!(found.text().lines().count(), count, "{text}: {found:?}");
    }
}

#[test]
fn hints_are_for_those_who_look_on() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["query", "* | limt 3"]).in_silence();
    let said = env.run(&["query", "-v", "* | limt 3"]);
    said.saying(
        "no records; '| limt' is no pipe: the server looked for the word 'limt'; did you mean '| limit'?",
    );
    env.run(&["query", "-v", "level:ERROR"]).saying("or --level error, which finds every spelling");
    env.run(&["query", "-v", "level:error"]).in_silence();
    let full = Server::new(Answer::Status(200, JSON, ROWS));
    assert_eq!(TestEnv::for_server(&full).run(&["query", "-v", "level:ERROR"]).stderr, "");
}

#[test]
fn a_histogram_asks_for_hits_by_level_in_round_buckets() {
    let body = "{\"hits\":[{\"fields\":{\"level\":\"error\"},\"timestamps\":[\"2026-11-20T10:02:00Z\"],\"values\":[3],\
                \"total\":3}]}";
    let server = Server::new(Answer::Status(200, "Content-Type: application/json\r\n", body));
    let env = TestEnv::for_server(&server).with("TZ", "CET-1");
    let range = ["--since", "2026-11-20T10:00:00Z", "--until", "2026-11-20T10:03:00Z"];
    let finished =
        env.run(&[&["query", "--histogram", "level:error", "-s", "x", "--fail"], &range[..]].concat());
    let shown = format!("{body}\n");
    assert_eq!((finished.status, finished.text(), finished.stderr.as_str()), (Some(0), shown.as_str(), ""));
    let request = server.request();
    assert_eq!(request.line, "POST /select/logsql/hits HTTP/1.1");
    for (name, value) in [
        ("query", "level:error"),
        ("extra_filters", "\"service\":=\"x\""),
        ("field", "level"),
        ("step", "10s"),
        ("offset", "-3600s"),
        ("start", "2026-11-20T10:00:00.000000000Z"),
        ("end", "2026-11-20T10:03:00.000000000Z"),
    ] {
        assert_eq!(request.form(name).as_deref(), Some(value), "{name}");
    }
    let drawn = env.run(&[&["query", "--histogram", "-o", "pretty"], &range[..]].concat());
    assert!(drawn.text().starts_with("11:00:00  0\n11:00:10  0\n"), "{}", drawn.text());
    assert!(drawn.text().contains("\n11:02:00  3  EEEE"), "{}", drawn.text());
    assert!(drawn.text().ends_with(", 10s a line\nE error 3\n"), "{}", drawn.text());
    assert!(drawn.text().is_ascii() && drawn.text().lines().all(|line| line.len() <= 80), "{}", drawn.text());
    let usual = env.run(&["query", "--histogram", "--fail"]);
    usual.saying("only the last hour shown; --since says from when on");
    assert_eq!(server.requests()[2].form("step").as_deref(), Some("120s"));
    let strange = Server::new(Answer::Status(200, JSON, ROWS));
    let finished = TestEnv::for_server(&strange).run(&["query", "--histogram", "-o", "pretty"]);
    finished.saying("could not draw: the answer holds no hits");
}

#[test]
fn what_a_server_says_is_harmless_wherever_it_is_told() {
    const NASTY: &str =
        "no \u{202e}txt.exe\u{2066}a\u{2069}\u{200b}\u{feff} \u{1b}[31mred\u{1b}[0m\u{9b}1m\r\u{7}\u{ad}";
    const SHOWN: &str =
        "no \\u202etxt.exe\\u2066a\\u2069\\u200b\\ufeff \\x1b[31mred\\x1b[0m\\u009b1m\\r\\x07\\u00ad";
    for status in [400, 422, 500, 503] {
        let server = Server::new(Answer::Status(status, "", NASTY));
        let env = TestEnv::for_server(&server);
        env.run(&["query", "*"]).kept_the_promise().saying(SHOWN);
        env.run(&["query", "-f", "*"]).kept_the_promise().saying(SHOWN);
        env.run(&["send", "-v", "m"]).kept_the_promise().saying(SHOWN);
        let shown = env.run(&["status"]);
        assert!(shown.text().contains(SHOWN), "{shown:?}");
        let is_bad =
            |char: char| char != '\n' && char.is_control() || "\u{202e}\u{2066}\u{200b}".contains(char);
        assert!(!shown.text().chars().any(is_bad), "{shown:?}");
    }
}

#[test]
fn credentials_and_tenant_go_with_every_kind_of_question() {
    let server = Server::new(Answer::Status(400, "", "no"));
    let env = TestEnv::for_server(&server).with("VLOG_TOKEN", "t0ken").with("VLOG_TENANT", "7:8");
    for (option, path) in [("-n1", "query"), ("-f", "tail"), ("--histogram", "hits")] {
        env.run(&["query", option]).kept_the_promise().saying("no");
        let request = server.requests().pop().unwrap();
        assert_eq!(request.line, format!("POST /select/logsql/{path} HTTP/1.1"));
        let header = |name: &str| request.headers[name].as_str();
        assert_eq!(
            (header("authorization"), header("accountid"), header("projectid")),
            ("Bearer t0ken", "7", "8")
        );
        let dry = env.run(&["query", option, "--dry-run"]);
        assert!(dry.text().starts_with(&format!("POST /select/logsql/{path} HTTP/1.1\n")), "{dry:?}");
        assert!(!dry.text().contains("t0ken"), "{dry:?}");
    }
}

#[test]
fn memory_stays_flat_however_many_rows_come() {
    let rows: &'static str = ROWS.repeat(400_000).leak();
    let server = Server::new(Answer::Status(200, JSON, rows));
    let env = TestEnv::for_server(&server);
    for form in ["json", "pretty", "raw"] {
        // KiB of address space, program and stack included.
        let line = format!("ulimit -v 65536; vlog query --fail -n 0 -o {form} --fields _msg,n | wc -l");
        let finished = finish(&mut env.shell(&line));
        assert_eq!(finished.stderr, "", "{form}");
        assert_eq!(finished.text().trim(), if form == "json" { "800000" } else { "1200000" });
    }
}

#[test]
fn memory_stays_flat_however_long_a_row_is() {
    let long = format!("{{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"{}\"}}\n", "x".repeat(48 << 20));
    let last = "{\"_msg\":\"last\",\"n\":\"1\"}\n";
    let body: &'static str = format!("{ROWS}{long}{last}").leak();
    let server = Server::new(Answer::Status(200, JSON, body));
    let env = TestEnv::for_server(&server);
    let query = |args: &str| {
        // KiB of address space, program and stack included.
        let finished =
            finish(&mut env.shell(&format!("ulimit -v 65536; vlog query --fail -n 0 {args} > out")));
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{args}");
        std::fs::read_to_string(env.home.path().join("out")).unwrap()
    };
    assert!(query("-o json") == body);
    assert!(query("-o json --fields n") == format!("{{\"n\":\"1\"}}\n{long}{{\"n\":\"1\"}}\n"));
    assert!(query("-o raw") == format!("one\ntwo\nthr<ee\n{long}last\n"));
    assert!(query("-o raw --fields n") == format!("\n1\n{long}1\n").trim_start());
    let pretty = query("-o pretty --utc");
    assert!(pretty.len() < 10_000, "{}", pretty.len());
    let lines: Vec<_> = pretty.lines().collect();
    assert!(lines[3].starts_with("{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"xxx"), "{}", lines[3]);
    assert!(lines[3].ends_with(" (cut: a row of more than 4 MiB; -o json gives all of it)"), "{}", lines[3]);
    assert_eq!(lines[4], "last  n=1");
    // As the rows of a table, many of which wait to be measured.
    let wide = format!("{{\"n\":\"{}\"}}\n", "x".repeat(1 << 20)).repeat(64);
    let server = Server::new(Answer::Status(200, JSON, wide.leak()));
    let env = TestEnv::for_server(&server);
    let line = "ulimit -v 65536; vlog query --fail -n 0 -o pretty | wc -l";
    let finished = finish(&mut env.shell(line));
    assert_eq!((finished.text().trim(), finished.stderr.as_str()), ("65", ""));
}

#[test]
fn a_row_that_is_too_long_and_without_end_is_cut_short_like_any_other() {
    let long = "x".repeat(5 << 20);
    let half = format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{long}");
    let server = Server::new(Answer::Raw(half.into_bytes()));
    let env = TestEnv::for_server(&server);
    let raw = env.run(&["query", "-o", "raw"]).saying("was cut short");
    assert!(raw.text() == format!("{long}\n"));
    let pretty = env.run(&["query", "-o", "pretty"]).saying("was cut short");
    assert!(pretty.text().starts_with("xxx") && pretty.text().lines().count() == 1);
}

#[test]
fn an_answer_cut_short_prints_no_half_row() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"_msg\":\"whole\"}\n{\"_msg\":\"hal";
    let server = Server::new(Answer::Raw(half.as_bytes().to_vec()));
    let env = TestEnv::for_server(&server);
    for form in ["raw", "pretty"] {
        let finished = env.run(&["query", "-o", form]).saying("was cut short");
        assert_eq!(finished.text(), "whole\n");
    }
    let finished = finish(env.vlog().args(["query", "-o", "pretty", "* | stats count() n"]));
    assert_eq!(finished.text(), "whole\n");
}
