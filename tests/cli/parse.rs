//! `vlog pipe --parse` and `--multiline`: what becomes of the lines of real programs.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

/// The records of an input, without what every record has.
fn records(args: &[&str], input: impl AsRef<[u8]>) -> Vec<Map<String, Value>> {
    let server = Server::new(Answer::Accept);
    let args = [&["pipe", "--service", "x"], args].concat();
    let env = TestEnv::for_server(&server);
    let start = env::finish(env.command("date").args(["-u", "+%FT%T"])).text().trim().to_owned();
    env.run_with(&args, input).in_silence();
    let mut records = server.records();
    for record in &mut records {
        record.retain(|_, value| value != "x");
        assert!(record.shift_remove("host").is_some());
        // Times that the lines had stay.
        if record["_time"].as_str().unwrap() >= start.as_str() {
            record.shift_remove("_time");
        }
    }
    records
}

#[track_caller]
fn gives(args: &[&str], input: impl AsRef<[u8]>, expected: &[Value]) {
    let found: Vec<_> = records(args, input).into_iter().map(Value::Object).collect();
    assert_eq!(found, expected);
}

#[test]
fn json_lines_become_fields_and_others_are_text() {
    gives(
        &[],
        "{\"level\":\"WARNING\",\"message\":\"low\",\"disk\":{\"free\":3}}\nERROR: full\n{broken\n",
        &[
            json!({"level": "warn", "_msg": "low", "disk.free": 3}),
            json!({"level": "error", "_msg": "ERROR: full"}),
            json!({"level": "info", "_msg": "{broken"}),
        ],
    );
}

#[test]
fn what_a_line_says_wins_over_the_command_line() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", "env=prod team=a");
    let input =
        "{\"level\":\"debug\",\"msg\":\"m\",\"service\":\"own\",\"env\":\"dev\",\"job\":null}\nWARN x\ny\n";
    env.run_with(&["pipe", "-l", "error", "-s", "given", "job=nightly"], input).in_silence();
    let picked: Vec<_> = server
        .records()
        .iter()
        .map(|record| ["level", "service", "env", "team", "job"].map(|name| record[name].clone()))
        .collect();
    assert_eq!(
        picked,
        [
            ["debug", "own", "dev", "a", "nightly"],
            ["warn", "given", "prod", "a", "nightly"],
            ["error", "given", "prod", "a", "nightly"]
        ]
    );
}

#[test]
fn no_record_has_a_name_twice() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let input = "{\"service\":\"a\",\"host\":\"b\",\"level\":\"x\",\"_stream\":1,\"stream\":2,\"a.b\":1,\"a\":{\"b\":2},\"vlog_error\":\"e\"}\nERROR y\n";
    env.run_with(&["pipe", "level=custom", "a.b=3"], input).in_silence();
    let body = String::from_utf8(server.request().body).unwrap();
    for line in body.lines() {
        let record: Map<String, Value> = serde_json::from_str(line).unwrap();
        assert_eq!(line.matches("\":").count(), record.len(), "{line}");
    }
    let records = server.records();
    assert_eq!(
        (&records[0]["vlog_level"], &records[0]["a.b"], &records[0]["stream"]),
        (&json!("x"), &json!(2), &json!(2))
    );
    assert_eq!((&records[1]["level"], &records[1]["a.b"]), (&json!("error"), &json!("3")));
}

#[test]
fn the_least_level_holds_for_each_line() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_MIN_LEVEL", "warn");
    let long = "x".repeat(600_000);
    let input =
        format!("DEBUG a\nERROR b\nc\n{{\"level\":20,\"msg\":\"d\"}}\n[warn] e\n{long}\nERROR {long}\nf\n");
    let finished = env.run_with(&["pipe", "--tee"], input.as_bytes());
    assert_eq!(finished.stdout, input.as_bytes());
    let records = server.records();
    let heads: Vec<_> = records.iter().map(|record| &record["_msg"].as_str().unwrap()[..7]).collect();
    assert_eq!(&heads[..3], ["ERROR b", "[warn] ", "ERROR x"]);
    assert!(heads[3..].iter().all(|head| *head == "xxxxxxx"), "{heads:?}");
    assert!(records.iter().all(|record| record["level"] == "error" || record["level"] == "warn"));
}

#[test]
fn mistakes_leave_the_levels_of_lines_alone() {
    let server = Server::new(Answer::Accept);
    let input = "DEBUG a\nERROR b\n{\"level\":\"info\",\"msg\":\"c\"}\n";
    let finished = TestEnv::for_server(&server).run_with(&["pipe", "--parse", "yaml"], input);
    finished
        .kept_the_promise()
        .saying("could not use --parse: 'yaml' is none of auto, text, json, logfmt, raw");
    let levels: Vec<_> = server.records().iter().map(|record| record["level"].clone()).collect();
    assert_eq!(levels, ["warn", "debug", "error", "info"]);
}

#[test]
fn a_pattern_that_is_none_is_told_and_the_known_shapes_are_joined() {
    let server = Server::new(Answer::Accept);
    let finished = TestEnv::for_server(&server).run_with(&["pipe", "--multiline-start", "("], "a\n  b\nc\n");
    finished.kept_the_promise().saying("could not use --multiline-start: ");
    let messages: Vec<_> = server.records().iter().map(|record| record["_msg"].clone()).collect();
    assert_eq!(messages[1..], ["a\n  b", "c"]);
}

#[test]
fn each_mode_recognises_what_it_says() {
    let json = "{\"level\":\"error\",\"msg\":\"m\"}";
    let logfmt = "level=warn msg=\"a b\" n=1";
    let input = format!("{json}\n{logfmt}\n<3>x\n");
    let text = |level: &str, line: &str| json!({"level": level, "_msg": line});
    let json_fields = json!({"level": "error", "_msg": "m"});
    let logfmt_fields = json!({"level": "warn", "_msg": "a b", "n": "1"});
    gives(&["--parse", "auto"], &input, &[json_fields.clone(), logfmt_fields.clone(), text("error", "<3>x")]);
    gives(&["--parse=text"], &input, &[text("info", json), text("warn", logfmt), text("error", "<3>x")]);
    gives(&["--parse=json"], &input, &[json_fields, text("info", logfmt), text("info", "<3>x")]);
    gives(&["--parse=logfmt"], &input, &[text("info", json), logfmt_fields, text("info", "<3>x")]);
    gives(&["--parse=raw"], &input, &[text("info", json), text("info", logfmt), text("info", "<3>x")]);
}

#[test]
fn a_line_of_logfmt_cannot_take_the_names_that_the_caller_gives() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_STREAM_FIELDS", "service,job");
    let input = "at=info msg=x service=18ms host=example.com job=7 n=1\n";
    env.run_with(&["pipe", "-s", "router", "job=nightly"], input).in_silence();
    let record = &server.records()[0];
    let picked =
        ["service", "job", "line_service", "line_host", "line_job", "n"].map(|name| record[name].clone());
    assert_eq!(picked, ["router", "nightly", "18ms", "example.com", "7", "1"]);
    assert_ne!(record["host"], "example.com");
}

#[test]
fn objects_behind_the_prefixes_of_tools_become_fields() {
    gives(
        &[],
        "web-1  | {\"level\":\"error\",\"msg\":\"m\"}\n[pod/web/app] {\"msg\":\"n\"}\n",
        &[
            json!({"level": "error", "_msg": "m", "vlog_prefix": "web-1  |"}),
            json!({"level": "info", "_msg": "n", "vlog_prefix": "[pod/web/app]"}),
        ],
    );
}

#[test]
fn lines_that_a_container_runtime_has_cut_are_one_record() {
    let at = "2026-11-20T10:00:00.1Z";
    let input =
        format!("{at} stdout P {{\"level\":\"error\",\n{at} stderr F x\n{at} stdout F \"msg\":\"m\"}}\n");
    gives(
        &[],
        &input,
        &[
            json!({"level": "info", "_msg": format!("{at} stderr F x")}),
            json!({"level": "error", "_msg": "m", "vlog_prefix": format!("{at} stdout F")}),
        ],
    );
    assert_eq!(records(&["--parse", "raw"], &input).len(), 3);
}

#[test]
fn blank_lines_are_records_only_in_raw_and_stay_inside_groups() {
    let input = "\u{feff}one\n\n \t\ntwo\n";
    let messages =
        |args: &[&str]| records(args, input).iter().map(|record| record["_msg"].clone()).collect::<Vec<_>>();
    assert_eq!(messages(&[]), ["one", "two"]);
    assert_eq!(messages(&["--parse", "raw"]), ["one", "(empty)", " \t", "two"]);
    gives(
        &["--multiline"],
        "a:\n  b\n\n  c\n\nd\n",
        &[json!({"level": "info", "_msg": "a:\n  b\n\n  c"}), json!({"level": "info", "_msg": "d"})],
    );
}

/// Lines of the shapes that real systems write, made up; each with the level that it has.
#[test]
fn the_levels_of_real_systems_are_found() {
    let samples = [
        ("081109 203615 148 WARN dfs.DataNode$PacketResponder: got an exception", "warn"),
        ("03-17 16:13:38.811  1702  2395 E WindowManager: no window", "error"),
        (
            "api.log.1.2026-05-16_13:53:08 2026-05-16 00:00:00.008 25746 WARNING nova.api [req-1 - -] slow",
            "warn",
        ),
        (
            "- 1117838570 2026.06.03 R02-M1-N0 2026-06-03-15.42.50.675872 R02-M1-N0 RAS KERNEL FATAL parity error",
            "fatal",
        ),
        ("[Sun Dec 04 04:47:44 2026] [error] mod_jk child in error state 6", "error"),
        ("2026-07-29 17:41:44,747 - WARN  [QuorumPeer[myid=1]/0:0:0:0:2181:X@774] - timed out", "warn"),
        ("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; uid=0", "info"),
        ("20261223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579", "info"),
        ("134681 node-246 unix.hw state_change.unavailable 1077804742 1 error state", "info"),
    ];
    let input: String = samples.iter().map(|(line, _)| format!("{line}\n")).collect();
    let found: Vec<_> = records(&[], input).iter().map(|record| record["level"].clone()).collect();
    assert_eq!(found, samples.map(|(_, level)| level));
}

/// The times of the records of lines, and what was said.
fn times(args: &[&str], lines: &str) -> (Vec<String>, String) {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    let finished = env.run_with(&[&["pipe"], args].concat(), lines).kept_the_promise();
    let text = |record: &Map<String, Value>| record["_time"].as_str().unwrap().to_owned();
    (server.records().iter().map(text).collect(), finished.stderr.clone())
}

#[test]
fn with_time_line_a_line_has_its_own_time_and_what_says_none_that_of_the_line_before() {
    let lines = "2026-01-20T10:00:00Z a\nmore\n[20/Jan/2026:12:00:01 +0100] b\n1768906802.5 c\n2026-01-20 11:00:03,5 d\nJan 20 10:00:00 host e\n";
    let (found, said) = times(&["--time", "line"], lines);
    let read = &found[0] == "2026-01-20T10:00:00.000000000Z";
    assert!(read && said.is_empty(), "{found:?} {said}");
    assert_eq!(
        found[1..],
        [
            "2026-01-20T10:00:00.000000100Z",
            "2026-01-20T11:00:01.000000000Z",
            "2026-01-20T11:00:02.500000000Z",
            "2026-01-20T11:00:02.500000100Z",
            "2026-01-20T11:00:02.500000200Z"
        ]
    );
    let summer = "2026-07-20 12:00:00 a\n{\"asctime\":\"2026-07-20 12:00:01,5\",\"msg\":\"b\"}\n";
    for (zone, hour) in [("local", "10"), ("utc", "12"), ("EST5", "17")] {
        let (found, said) = times(&["--time=line", "--zone", zone], summer);
        let expected =
            [format!("2026-07-20T{hour}:00:00.000000000Z"), format!("2026-07-20T{hour}:00:01.500000000Z")];
        assert_eq!((found, said.as_str()), (expected.to_vec(), ""), "{zone}");
    }
    let (found, _) = times(&[], "2026-01-20T10:00:00Z a\n");
    assert_ne!(found, ["2026-01-20T10:00:00.000000000Z"]);
}

#[test]
fn a_zone_or_a_time_that_is_none_is_told_and_the_lines_are_logged() {
    for (args, said) in [
        (&["--time", "then"][..], "could not use --time: 'then' is neither read nor line"),
        (
            &["--time", "line", "--zone", "No/Where"],
            "could not use --zone: no zone 'No/Where'; times without a zone are not read",
        ),
        (&["--zone", "utc"], "could not use --zone: it goes with --time line"),
    ] {
        let (found, stderr) = times(args, "2026-07-20 12:00:00 a\n");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        assert!(found.len() == 2 || found.len() == 1, "{found:?}");
    }
}

#[test]
fn a_time_of_its_own_is_the_records_time_and_an_old_one_is_told() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_VERBOSE", "1");
    let input = "{\"time\":\"2001-02-03T04:05:06Z\",\"msg\":\"a\"}\n{\"time\":\"10:00\",\"msg\":\"b\"}\n";
    env.run_with(&["pipe"], input).kept_the_promise().saying("the time of 1 record is over 7 days old");
    let records = server.records();
    assert_eq!(
        (&records[0]["_time"], records[0].get("vlog_time")),
        (&json!("2001-02-03T04:05:06.000000000Z"), None)
    );
    assert_eq!(records[1]["vlog_time"], "10:00");
}

#[test]
fn groups_are_one_record_each_and_the_last_comes_at_the_end() {
    let input =
        "ERROR failed\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 1\nnext\n  indented";
    gives(
        &["--multiline"],
        input,
        &[
            json!({"level": "error", "_msg": "ERROR failed\nTraceback (most recent call last):\n  File \"a\"\nKeyError: 1"}),
            json!({"level": "info", "_msg": "next\n  indented"}),
        ],
    );
    gives(
        &["--multiline-start", "^-"],
        "-a\nb\n\n-c\nd",
        &[json!({"level": "info", "_msg": "-a\nb\n"}), json!({"level": "info", "_msg": "-c\nd"})],
    );
}

#[test]
fn a_group_goes_out_when_nothing_has_come_for_a_while() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["pipe", "--multiline"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let start = Instant::now();
    stdin.write_all(b"head\n  more\n").unwrap();
    // Half a second of quiet, and a second in the batch.
    server.wait_for(1);
    assert!(start.elapsed() >= Duration::from_millis(1400), "{:?}", start.elapsed());
    stdin.write_all(b"  no more\n").unwrap();
    drop(stdin);
    env::wait(child).in_silence();
    let messages: Vec<_> = server.records().iter().map(|record| record["_msg"].clone()).collect();
    assert_eq!(messages, ["head\n  more", "  no more"]);
}

#[test]
fn terminal_codes_go_unless_they_are_to_stay() {
    let input = b"\x1b[31mERROR\x1b[0m x\n 10%\r100%\n\x1b]0;title\x07{\"msg\":\"\\u001b[1mm\\u001b[0m\"}\n";
    let text = |level: &str, line: &str| json!({"level": level, "_msg": line});
    gives(&[], input, &[text("error", "ERROR x"), text("info", "100%"), text("info", "m")]);
    gives(
        &["--keep-ansi"],
        input,
        &[
            text("info", "\u{1b}[31mERROR\u{1b}[0m x"),
            text("info", "100%"),
            text("info", "\u{1b}]0;title\u{7}{\"msg\":\"\\u001b[1mm\\u001b[0m\"}"),
        ],
    );
}

/// Numbers from a seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// The documented cleaning of one line, written anew: the last state that shows something, without colours.
fn cleaned(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
    let mut states: Vec<String> = Vec::new();
    for state in text.split('\r') {
        let mut out = String::new();
        let mut rest = state;
        while let Some((before, code)) = rest.split_once("\u{1b}[") {
            out.push_str(before);
            rest = code.split_once('m').map_or("", |(_, rest)| rest);
        }
        out.push_str(rest);
        states.push(out);
    }
    let last = states.iter().rev().find(|state| state.bytes().any(|byte| byte > b' ' && byte != 0x7f));
    let shown = last.or(states.iter().find(|state| !state.is_empty())).cloned().unwrap_or_default();
    if shown.is_empty() { "(empty)".to_owned() } else { shown }
}

#[test]
fn whatever_comes_is_copied_as_it_is_and_logged_line_by_line() {
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let mut random = Random(seed.into());
    let bits: [&[u8]; 14] = [
        b"\n",
        b"\r",
        b"\r\n",
        b"\x1b[31m",
        b"\x1b[0;1m",
        b"ERROR",
        b" ",
        b"{\"a\":1}",
        "\u{436}".as_bytes(),
        b"\xd0",
        b"\xff\0",
        b"\x07",
        b"level=info",
        b"word",
    ];
    for _ in 0..20 {
        let input: Vec<u8> =
            (0..random.below(3000)).flat_map(|_| bits[random.below(bits.len())].iter().copied()).collect();
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let mut child =
            env::spawn(env.vlog().args(["pipe", "--tee", "--parse", "raw"]).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let fed = input.clone();
        let pieces: Vec<_> = (0..50).map(|_| 1 + random.below(400)).collect();
        let feeding = std::thread::spawn(move || {
            let mut rest = fed.as_slice();
            for piece in pieces {
                let (now, later) = rest.split_at(piece.min(rest.len()));
                stdin.write_all(now).unwrap();
                rest = later;
            }
            stdin.write_all(rest).unwrap();
        });
        let finished = env::wait(child);
        feeding.join().unwrap();
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "seed {seed}");
        assert!(finished.stdout == input, "seed {seed}");
        let mut lines: Vec<_> = input.split(|byte| *byte == b'\n').collect();
        lines.pop_if(|last| last.is_empty());
        let expected: Vec<_> = lines.into_iter().map(cleaned).collect();
        let found: Vec<_> =
            server.records().iter().map(|record| record["_msg"].as_str().unwrap().to_owned()).collect();
        assert!(found == expected, "seed {seed}");
    }
}

/// Beside each `NAME.txt` lie its expected records in `NAME.jsonl`; `BLESS=1` writes them anew.
#[test]
fn the_output_of_real_programs_becomes_the_records_it_should() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/samples");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|kind| kind == "txt"));
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    for path in names {
        let input = std::fs::read(&path).unwrap();
        let args: &[&str] = match path.file_stem().unwrap().to_str().unwrap() {
            name if name.ends_with("logfmt") => &["--parse", "logfmt"],
            name if name.contains("panic")
                || name.contains("crash")
                || name.contains("trace")
                || name == "pytest" =>
            {
                &["--multiline"]
            }
            _ => &[],
        };
        let found: Vec<_> =
            records(args, &input).iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let expected = path.with_extension("jsonl");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, found.join("\n") + "\n").unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{}", path.display());
    }
}

#[test]
fn a_line_in_parts_has_one_level() {
    for level in ["level=loud", "level=error"] {
        let env = TestEnv::new();
        let input = format!("ERROR {}\n", "x".repeat(300_000));
        let finished = env.run_with(&["pipe", "--dry-run", level], input);
        let text = finished.text();
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with('{')).collect();
        assert!(lines.len() > 1, "{text:.300}");
        for line in lines {
            assert_eq!(line.matches("\"level\":").count(), 1, "{line:.300}");
        }
    }
}

/// JSON lines of a quarter of a megabyte, made to become more than that.
fn hostile_lines() -> Vec<(&'static str, String)> {
    let members = |count: usize| (0..count).map(|n| format!("\"{n:x}\":1")).collect::<Vec<_>>().join(",");
    let deep = format!("{{\"{}\":", "a".repeat(3000));
    let nested = format!("{{\"{}\":{{{}}}}}", "p".repeat(120), members(26_000));
    let some = format!("\"{}\":{{{}}}", "p".repeat(2000), members(2500));
    let several: Vec<_> = (0..8).map(|n| format!("\"{n}\":{{{some}}}")).collect();
    vec![
        ("deep", format!("{}{{{}}}{}", deep.repeat(31), members(12_000), "}".repeat(31))),
        ("one long name", format!("{{\"{}\":{{{}}}}}", "n".repeat(100_000), members(15_000))),
        ("nested", nested),
        ("several", format!("{{{}}}", several.join(","))),
        ("wide", format!("{{{}}}", members(26_000))),
        ("array", format!("{{\"a\":[{}]}}", vec!["1"; 120_000].join(","))),
        ("objects", format!("{{\"a\":[{}]}}", vec!["{\"a\":\"\"}"; 23_000].join(","))),
        ("escapes", format!("{{\"m\":\"{}\"}}", "\\u0001".repeat(42_000))),
        ("number", format!("{{\"n\":{}}}", "1".repeat(200_000))),
        ("repeated", format!("{{{}}}", vec!["\"k\":1"; 35_000].join(","))),
    ]
}

#[test]
fn a_line_takes_memory_by_its_length_whatever_its_shape() {
    for (name, line) in hostile_lines() {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        // The binary, its threads' stacks and allocator take a good part of this.
        let script = "ulimit -v 120000; exec vlog pipe --service x";
        let finished = env::finish_with(&mut env.shell(script), format!("{line}\nlast\n"));
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{name}");
        let records = server.records();
        assert_eq!(records.last().unwrap()["_msg"], "last", "{name}");
        let bytes: usize = records.iter().map(|record| json!(record).to_string().len()).sum();
        assert!(bytes < 16 * line.len(), "{name}: {bytes} bytes of {}", line.len());
    }
}

#[test]
fn an_object_whose_members_need_too_long_names_stays_text() {
    let members: Vec<_> = (0..100).map(|n| format!("\"k{n}\": {n}")).collect();
    let name = "n".repeat(10_000);
    let line = format!("{{\"a\":1,\"o\":{{\"{name}\":{{{}}},\"b\":2}},\"msg\":\"m\"}}\n", members.join(", "));
    let records = records(&[], line);
    let record = &records[0];
    assert_eq!((&record["a"], &record["o.b"], &record["_msg"]), (&json!(1), &json!(2), &json!("m")));
    let (_, text) = record.iter().find(|(name, _)| name.starts_with("o.nnn")).unwrap();
    let inside: Map<String, Value> = serde_json::from_str(text.as_str().unwrap()).unwrap();
    assert_eq!((inside.len(), &inside["k99"]), (100, &json!(99)));
}

#[test]
fn arrays_are_text_without_blanks() {
    gives(
        &[],
        r#"{"msg":"m","a": [ 1.50, "a b\"c", "caf\u00e9 \/ \\", { "x" : [ ] , "y": null }, "\t" ] }"#,
        &[
            json!({"level": "info", "_msg": "m", "a": r#"[1.50,"a b\"c","café / \\",{"x":[],"y":null},"\t"]"#}),
        ],
    );
}
