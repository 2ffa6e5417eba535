//! Command lines and environments that nobody means to have.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use predicates::prelude::{PredicateBooleanExt, predicate};
use serde_json::json;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

#[test]
fn no_command_line_gives_a_status_but_zero() {
    let lines: [&[&str]; 15] = [
        &[],
        &["sned", "hi"],
        &["--bogus"],
        &[""],
        &["send", "--bogus"],
        &["send", "--level"],
        &["send", "-"],
        &["send", "--", "--"],
        &["send", "-zzz", "-", "--=", "---", "-=-"],
        &["pipe", "--level"],
        &["pipe", "-x", "--y=z", "w"],
        &["query", "--bogus"],
        &["completions"],
        &["completions", "tcsh"],
        &["completions", "--bogus", "bash"],
    ];
    for line in lines {
        let finished = TestEnv::new().run(line);
        assert_eq!(finished.status, Some(0), "{line:?}: {finished:?}");
        assert!(finished.text().is_empty() || line.contains(&"bash"), "{line:?}: {finished:?}");
        assert!(finished.stderr.lines().all(|said| said.starts_with("vlog: ")), "{line:?}: {finished:?}");
        let failing = TestEnv::new().with("VLOG_FAIL", "1").run(line);
        assert!(matches!(failing.status, Some(0 | 1)), "{line:?}: {failing:?}");
    }
}

#[test]
fn an_unknown_verb_is_told_with_the_one_that_was_meant() {
    let nearest = "there is no verb of that name, but there is 'send'; nothing was done";
    TestEnv::new().run(&["sned", "hi"]).kept_the_promise().saying(nearest);
    let lines = [
        &["s3cret"][..],
        &["completions", "s3cret"],
        &["completions", "s3cret", "bash"],
        &["completions", "bash", "s3cret"],
        &["query", "x", "s3cret"],
    ];
    for line in lines {
        let finished = TestEnv::new().run(line).kept_the_promise().saying("nothing was done");
        assert!(!finished.stderr.contains("s3cret"), "{finished:?}");
    }
    TestEnv::new().run(&["s3cret"]).saying("there is no verb of that name; nothing was done");
    TestEnv::new().run(&["completions", "s3cret"]).saying("it is none of bash, zsh, fish");
    assert_eq!(TestEnv::new().with("VLOG_FAIL", "1").run(&["sned", "hi"]).status, Some(1));
}

#[test]
fn a_typo_costs_the_option_and_not_the_record() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "backup failed", "--lvel", "error", "code=3", "-s", "backup"])
        .kept_the_promise()
        .saying("there is no option --lvel; the word behind it is left out, for it may be a secret");
    let record = server.record();
    assert_eq!(record["_msg"], "backup failed");
    assert_eq!(
        (&record["code"], &record["service"], &record["level"]),
        (&json!("3"), &json!("backup"), &json!("warn"))
    );
    let why = "there is no option --lvel; the word behind it is left out, for it may be a secret; \
               did you mean --level?";
    assert_eq!(record["vlog_error"], why);
}

#[test]
fn the_value_of_an_option_that_there_is_not_is_no_message() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let options = [
        "-u",
        "-p",
        "-k",
        "-T",
        "-x",
        "-password",
        "--pwd",
        "--pw",
        "--login",
        "--basic",
        "--api",
        "--apikey",
        "--anything",
    ];
    for (at, option) in options.into_iter().enumerate() {
        let finished = env.run(&["send", option, "admin:s3cret", "the message", "a=b"]).kept_the_promise();
        assert!(!finished.stderr.contains("s3cret"), "{finished:?}");
        env.run(&["send", "the message", "a=b", option, "admin:s3cret"]).kept_the_promise();
        for record in &server.records()[2 * at..] {
            assert_eq!((&record["_msg"], &record["a"]), (&json!("the message"), &json!("b")), "{option}");
            assert!(!json!(record).to_string().contains("s3cret"), "{record:?}");
        }
    }
    let before = server.records().len();
    // What nobody takes a secret by may be the only word that there is, and a field is no message.
    env.run(&["send", "--quiet", "the message"]).kept_the_promise();
    env.run(&["send", "--quiet", "the message", "a=b"]).kept_the_promise();
    env.run(&["send", "-hs3cret", "the message"]).kept_the_promise();
    env.run(&["send", "-uadmin:s3cret", "the message"]).kept_the_promise();
    let records = server.records();
    assert!(records[before..].iter().all(|record| record["_msg"] == "the message"), "{records:?}");
    env.run(&["send", "-uadmin:s3cret"]).kept_the_promise();
    assert_eq!(server.records().last().unwrap()["_msg"], "-u");
}

#[test]
fn a_secret_in_the_place_of_a_path_is_not_repeated() {
    let server = Server::new(Answer::Accept);
    let none = "no such file or directory";
    for name in ["VLOG_TOKEN_FILE", "VLOG_USER_FILE", "VLOG_PASSWORD_FILE"] {
        let env = TestEnv::for_server(&server).with("VLOG_USER", "u").with(name, "s3cret");
        let env = if name == "VLOG_USER_FILE" { env.with("VLOG_USER", "") } else { env };
        let finished = env.run(&["send", "-v", "m"]).kept_the_promise();
        // Without its user nobody can tell whose the record is.
        let became = if name == "VLOG_USER_FILE" { "put aside" } else { "kept" };
        let finished = finished.saying(&format!("could not use {name}: {none}; 1 record {became}"));
        let status = env.run(&["status"]);
        assert!(!format!("{finished:?}{status:?}").contains("s3cret"), "{finished:?}{status:?}");
    }
    let env = TestEnv::for_server(&server);
    let finished = env.run(&["send", "-v", "m", "-H", "@s3cret"]).kept_the_promise();
    let finished = finished.saying(&format!("could not use --header: {none}; 1 record put aside"));
    assert!(!format!("{finished:?}{}", env.status()).contains("s3cret"), "{finished:?}");
    let aside = std::fs::read_dir(env.outbox().join("rejected")).unwrap().next().unwrap().unwrap();
    assert!(!std::fs::read_to_string(aside.path()).unwrap().contains("s3cret"));
    // A certificate is no secret.
    let env = env.with("VLOG_CA_FILE", "/nonexistent/ca");
    env.run(&["send", "m"])
        .saying(&format!("could not use VLOG_CA_FILE: could not read /nonexistent/ca: {none}"));
}

#[test]
fn off_may_be_written_in_any_case_and_a_url_without_its_colon_is_none() {
    for off in ["OFF", "Off"] {
        let env = TestEnv::new().with("VLOG_URL", off);
        env.run(&["send", "-v", "m"]).in_silence();
        assert!(!env.outbox().exists());
    }
    let env = TestEnv::new().with("VLOG_URL", "http//127.0.0.1:9");
    env.run(&["send", "m"]).kept_the_promise().saying("a : is missing before its //; 1 record put aside");
}

#[test]
fn a_message_that_looks_like_an_option_is_not_lost() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "--oops"]).kept_the_promise().saying("there is no option --oops");
    assert_eq!(server.record()["_msg"], "--oops");
    env.run(&["send", "-- dashes and blanks"]).in_silence();
    assert_eq!(server.records()[1]["_msg"], "-- dashes and blanks");
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let word = |bytes: &'static [u8]| OsStr::from_bytes(bytes);
    let mut command = env.vlog();
    command.arg("send").arg(word(b"bad \xff")).arg(word(b"k\xfe=v\xfd")).arg("-s").arg(word(b"\xc3"));
    env::finish(&mut command).in_silence();
    let record = server.record();
    assert_eq!((&record["_msg"], &record["k\u{fffd}"]), (&json!("bad \u{fffd}"), &json!("v\u{fffd}")));
    assert_eq!(record["service"], "\u{fffd}");
    env::finish(env.vlog().arg(word(b"send")).arg(word(b"--\xff")).arg("m")).kept_the_promise();
    assert_eq!(server.records()[1]["_msg"], "m");
    env::finish(env.vlog().arg("send").arg("m").env("VLOG_SERVICE", word(b"s\xff"))).in_silence();
    assert_eq!(server.records()[2]["service"], "s\u{fffd}");
}

#[test]
fn empty_words_are_words() {
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run(&["send", "", "", "a=", "-s", "", "-l", ""]).kept_the_promise();
    let record = server.record();
    assert_eq!(record["_msg"], " ");
    assert!(!record.contains_key("a"));
    assert_eq!((&record["service"], &record["level"]), (&json!("vlog"), &json!("info")));
}

#[test]
fn a_hundred_and_twenty_eight_kibibytes_of_arguments_are_sent() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    // The longest single argument that Linux takes (MAX_ARG_STRLEN, 128 KiB with its end).
    let long = "x".repeat(128 * 1024 - 1);
    env.run(&["send", &long]).in_silence();
    assert_eq!(server.record()["_msg"], long.as_str());
    let many: Vec<String> = (0..16_000).map(|n| format!("k{n}=v")).collect();
    let mut args = vec!["send", "m"];
    args.extend(many.iter().map(String::as_str));
    env.run(&args).in_silence();
    let record = &server.records()[1];
    let rest: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(record["vlog_overflow"].as_str().unwrap()).unwrap();
    assert_eq!(record.keys().filter(|name| name.starts_with('k')).count() + rest.len(), 16_000);
    let typos = vec!["--bogus"; 16_000];
    env.run(&[&["send", "m"][..], &typos].concat()).kept_the_promise();
    assert_eq!(server.records()[2]["_msg"], "m");
}

#[test]
fn closed_descriptors_in_every_combination_change_nothing() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut expected = 0;
    for closed in 0..8 {
        let redirections: String = [(1, " <&-"), (2, " >&-"), (4, " 2>&-")]
            .iter()
            .filter(|(bit, _)| closed & bit != 0)
            .map(|(_, text)| *text)
            .collect();
        for command in [
            "vlog send m",
            "vlog send -v --bogus m",
            "vlog send -",
            "vlog pipe",
            "vlog pipe --tee",
            "vlog query '*'",
        ] {
            let finished = env::finish(&mut env.shell(&format!("{command}{redirections}; echo status $?")));
            assert!(finished.text().ends_with("status 0\n"), "{command}{redirections}: {finished:?}");
        }
        for command in ["vlog pipe", "vlog pipe --tee"] {
            let script = format!("echo hi | {{ {command}{}; }}", redirections.replace(" <&-", ""));
            assert_eq!(env::finish(&mut env.shell(&script)).status, Some(0), "{script}");
        }
        expected += 3 + 2;
    }
    let records = server.records();
    assert_eq!(
        records
            .iter()
            .filter(|record| record["_msg"] == "hi" || record["_msg"] == "m" || record["_msg"] == "(empty)")
            .count(),
        expected
    );
}

#[test]
fn a_home_is_not_needed() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    // Without a HOME it would be the tester's own that /etc/passwd names.
    let mut bare = env.vlog();
    bare.args(["send", "m"]).env_remove("HOME").env_remove("PATH").env("VLOG_OUTBOX", env.outbox());
    env::finish(&mut bare).in_silence();
    assert_eq!(server.record()["_msg"], "m");
}

#[test]
fn stderr_that_is_full_or_gone_changes_nothing() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for script in
        ["vlog send --bogus m 2>/dev/full", "vlog send --bogus m 2>&- >&-", "vlog --bogus 2>/dev/full"]
    {
        assert_eq!(env::finish(&mut env.shell(script)).status, Some(0), "{script}");
    }
    assert_eq!(server.records().len(), 2);
}

#[test]
fn stdin_that_cannot_be_read_is_told() {
    let env = TestEnv::new();
    env::finish(&mut env.shell("vlog pipe < /"))
        .kept_the_promise()
        .saying("could not read stdin: is a directory; nothing was logged");
}

#[test]
fn help_and_version_go_to_stdout() {
    let env = TestEnv::new();
    let vlog = |args: &[&str]| {
        let mut command = env.vlog();
        command.args(args);
        assert_cmd::Command::from_std(command).assert().success().stderr("")
    };
    vlog(&["--version"]).stdout(concat!("vlog ", env!("CARGO_PKG_VERSION"), "\n"));
    vlog(&["--help"])
        .stdout(predicate::str::contains("vlog send \"observation stored\" service=nmem-capture"));
    vlog(&["-h"])
        .stdout(predicate::str::contains("Usage: vlog").and(predicate::str::contains("completions")));
    vlog(&["send", "--help"])
        .stdout(predicate::str::contains("--level").and(predicate::str::contains("KEY:=JSON")));
    vlog(&["pipe", "--help"]).stdout(predicate::str::contains("--tee"));
    vlog(&["query", "--help"]).stdout(predicate::str::contains("--since"));
    vlog(&["send", "--bogus", "--help"]).stdout(predicate::str::contains("--level"));
}

#[test]
fn help_fits_a_terminal_of_eighty_columns() {
    let verbs = ["", "send", "pipe", "hook", "run", "query", "flush", "status", "completions"];
    for (verb, help) in verbs.into_iter().flat_map(|verb| ["-h", "--help"].map(|help| (verb, help))) {
        let args: Vec<_> = [verb, help].into_iter().filter(|word| !word.is_empty()).collect();
        let finished = TestEnv::new().run(&args);
        let wide: Vec<_> = finished.text().lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{args:?}: {wide:#?}");
    }
}

#[test]
fn help_is_short_where_it_is_asked_for_shortly_and_begins_with_examples() {
    let env = TestEnv::new();
    let help = |args: &[&str]| env.run(args).text().to_owned();
    let short = help(&["-h"]);
    let first: Vec<_> = short.lines().take(3).map(str::trim).collect();
    assert!(first[0].starts_with("vlog send ") && first[1].contains("| vlog pipe "), "{short}");
    assert!(first[2].starts_with("vlog query "), "{short}");
    for verb in ["send", "pipe", "hook", "run", "query", "flush", "status"] {
        let (short, long) = (help(&[verb, "-h"]), help(&[verb, "--help"]));
        assert!(short.len() < long.len() && !short.contains("Examples:"), "{verb}: {short}");
        assert!(long.starts_with("Examples:\n") && long.contains(&format!("vlog {verb}")), "{long}");
    }
}

#[test]
fn help_and_version_are_verbs_too() {
    let env = TestEnv::new();
    let same = |args: &[&str], option: &[&str]| {
        let (verb, option) = (env.run(args), env.run(option));
        assert_eq!(
            (verb.status, verb.stderr.as_str(), verb.text()),
            (Some(0), "", option.text()),
            "{args:?}"
        );
    };
    same(&["help"], &["--help"]);
    same(&["version"], &["--version"]);
    same(&["help", "send"], &["send", "--help"]);
    same(&["help", "run"], &["run", "--help"]);
    env.run(&["help", "sned"])
        .kept_the_promise()
        .saying("there is no verb of that name, but there is 'send'");
    // As a message they are messages.
    assert!(env.run(&["send", "--dry-run", "help"]).text().contains("\"_msg\":\"help\""));
}

#[test]
fn a_query_of_several_words_is_told_to_need_quotes() {
    let finished = TestEnv::new().run(&["query", "first", "record"]).kept_the_promise();
    finished.saying("one with blanks needs quotes, as in vlog query 'connection refused'; nothing was done");
}

#[test]
fn a_terminal_gets_trouble_told_without_asking() {
    let env = TestEnv::new();
    // script(1) gives the command a terminal.
    let mut command = env.shell("script -qec 'vlog send m; echo status $?' /dev/null");
    let finished = env::finish(command.stdin(Stdio::null()));
    if finished.status != Some(0) {
        env::skip("there is no script(1) here");
        return;
    }
    let text = finished.text();
    assert!(
        text.contains("vlog: could not reach http://127.0.0.1:")
            && text.contains("connection refused; 1 record kept in the outbox"),
        "{text}"
    );
    assert!(text.ends_with("status 0\r\n"), "{text}");
}

#[test]
fn options_may_come_before_the_verb() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["-v", "send", "one"]).kept_the_promise().saying("1 record delivered to http://");
    env.run(&["--level", "warn", "send", "two"]).in_silence();
    assert_eq!(env.run_with(&["-v", "pipe", "--tee"], "three\n").text(), "three\n");
    let records = server.records();
    assert_eq!(
        (&records[0]["_msg"], &records[1]["level"], &records[2]["_msg"]),
        (&json!("one"), &json!("warn"), &json!("three"))
    );
}

#[test]
fn values_that_look_like_options_cost_no_more_than_themselves() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let input = "line\n".repeat(50_000);
    for args in [["-s", "-1"], ["--timeout", "-1"], ["--timeout", "1e19"], ["--stream-fields", "-inf"]] {
        let finished = env.run_with(&[&["pipe", "--tee"][..], &args].concat(), &input);
        assert_eq!(finished.status, Some(0), "{args:?}");
        assert!(finished.text() == input, "{args:?}: {} bytes", finished.stdout.len());
    }
    env.run(&["send", "kept", "-s", "-inf"]).kept_the_promise();
    assert_eq!(server.records().last().unwrap()["_msg"], "kept");
}

#[test]
fn a_message_that_begins_like_help_is_a_message() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "-http-timeout"]).kept_the_promise().saying("there is no option -h");
    env.run(&["send", "-host db1 down"]).in_silence();
    let messages: Vec<_> = server.records().iter().map(|record| record["_msg"].clone()).collect();
    assert_eq!(messages, ["-http-timeout", "-host db1 down"]);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let fifo = env.home.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (fifo, header) = (fifo.to_str().unwrap().to_owned(), format!("@{}", fifo.display()));
    for option in [["--ca-file", &fifo], ["-H", &header]] {
        env.run(&["send", "m", option[0], option[1]]).kept_the_promise().saying("is no regular file");
    }
    for name in ["VLOG_TOKEN_FILE", "VLOG_CA_FILE"] {
        let env = TestEnv::for_server(&server).with(name, &fifo);
        env.run(&["send", "m"]).kept_the_promise().saying("is no regular file; 1 record kept in the outbox");
    }
    assert_eq!(server.records().len(), 0);
}

#[test]
fn few_descriptors_are_enough_to_copy() {
    let env = TestEnv::new();
    for limit in [4, 5, 6, 7, 8, 10] {
        let script = format!("seq 100000 | {{ ulimit -n {limit}; exec vlog pipe --tee; }}");
        let finished = env::finish(&mut env.shell(&script));
        assert_eq!(finished.status, Some(0), "{limit}: {}", finished.stderr);
        assert_eq!(finished.text().lines().count(), 100_000, "{limit}: {}", finished.stderr);
    }
}

#[test]
fn a_header_that_would_make_the_server_drop_records_is_refused() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_TOKEN", "t");
    for header in ["Content-Encoding: br", "content-type: text/plain", "Content-Length: 3"] {
        env.run(&["send", "m", "-H", header]).kept_the_promise().saying("is vlog's own");
    }
    env.run(&["send", "m", "-H", "Authorization: mine"]).in_silence();
    let requests = server.requests();
    assert!(requests.iter().all(|request| !request.headers.contains_key("content-encoding")));
    assert_eq!(requests[3].headers["authorization"], "mine");
}

#[test]
fn without_a_token_that_a_header_holds_nothing_is_sent() {
    let server = Server::new(Answer::Accept);
    for token in ["two\nlines", "ж", &"x".repeat(5000)] {
        let env = TestEnv::for_server(&server).with("VLOG_TOKEN", token);
        let finished = env.run(&["send", "m"]).kept_the_promise();
        finished.saying("could not use VLOG_TOKEN: it ").saying("1 record kept in the outbox");
        assert_eq!(env.run(&["send", "--fail", "m"]).status, Some(1));
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_line_for_which_there_is_no_memory_does_not_end_the_command() {
    let server = Server::new(Answer::Accept);
    // One arena, or else glibc takes as many as it likes.
    let env = TestEnv::for_server(&server).with("MALLOC_ARENA_MAX", "1");
    let ends_with = |limit: usize, line: &str| {
        std::fs::write(env.home.path().join("line"), format!("{line}\n")).unwrap();
        let script = format!("ulimit -v {limit}; exec vlog run -- sh -c 'cat line; echo more; exit 5'");
        env::finish(&mut env.shell(&script)).status
    };
    let members = |count: usize| (0..count).map(|n| format!("\"{n:x}\":1")).collect::<Vec<_>>().join(",");
    let deep = format!("{{\"{}\":", "a".repeat(3000)).repeat(31);
    let part = format!("{{\"{}\":{{{}}}}}", "p".repeat(100), members(2600));
    let nested: Vec<_> = (0..9).map(|n| format!("\"o{n}\":{part}")).collect();
    let lines = [
        format!("{deep}{{{}}}{}", members(12_000), "}".repeat(31)),
        format!("{{{}}}", nested.join(",")),
        format!("{{\"a\":[{}]}}", vec!["1"; 120_000].join(",")),
    ];
    // Room enough for lines of that length.
    for line in &lines {
        assert_eq!(ends_with(150_000, line), Some(5));
        let last = server.records().pop().unwrap();
        assert_eq!((&last["exit_code"], &last["service"]), (&json!(5), &json!("sh")));
    }
    assert_eq!(server.records().iter().filter(|record| record["_msg"] == "more").count(), lines.len());
    // Hardly more than a command takes.
    let text = "x".repeat(250_000);
    let least =
        (5_000..60_000).step_by(1000).rev().take_while(|limit| ends_with(*limit, &text) == Some(5)).last();
    for line in &lines {
        let limit = least.unwrap() + 3000;
        assert_eq!(ends_with(limit, line), Some(5), "{limit} KiB: {line:.60}");
    }
}

#[test]
fn without_memory_a_command_runs_and_ends_as_it_does() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("MALLOC_ARENA_MAX", "1");
    let payload = format!("{{\"hook_event_name\":\"PreToolUse\",\"a\":\"{}\"}}", "x".repeat(8_000_000));
    std::fs::write(env.home.path().join("payload"), &payload).unwrap();
    let mut complaints = 0;
    for limit in (14_000..40_000).step_by(2000) {
        let command = "head -c 20000000 /dev/zero | tr '\\0' x; exit 7";
        let script = format!("ulimit -v {limit}; exec vlog run -- sh -c \"{command}\"");
        let finished = env::finish(&mut env.shell(&script));
        let told = &finished.stderr;
        assert_eq!((finished.status, finished.stdout.len()), (Some(7), 20_000_000), "{limit}: {told}");
        complaints += usize::from(told.contains("memory"));
        let script = format!("ulimit -v {limit}; exec vlog hook -- sh -c 'wc -c; exit 2' < payload");
        let finished = env::finish(&mut env.shell(&script));
        assert_eq!(finished.status, Some(2), "{limit}: {finished:?}");
        assert_eq!(finished.text().trim(), payload.len().to_string(), "{limit}: {finished:?}");
    }
    assert!(complaints > 0, "there was memory enough");
}
