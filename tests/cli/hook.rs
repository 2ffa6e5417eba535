//! `vlog hook`: what becomes of an agent's payload, and what the agent must not notice.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::env::{self, Finished, TestEnv};
use crate::server::{Answer, Server};

/// Payloads as agents send them, with made-up values.
fn samples() -> Vec<(String, String, Map<String, Value>)> {
    let read = |line| {
        let sample: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| sample[name].as_str().unwrap().to_owned();
        (text("name"), text("harness"), sample["payload"].as_object().unwrap().clone())
    };
    include_str!("samples/agent-hooks.jsonl").lines().map(read).collect()
}

/// Runs a hook with this payload and checks that the agent notices nothing.
#[track_caller]
fn run(env: &TestEnv, args: &[&str], payload: impl AsRef<[u8]>) -> Finished {
    env.run_with(&[&["hook"][..], args].concat(), payload).in_silence()
}

/// The record of this payload.
#[track_caller]
fn hooked(args: &[&str], payload: &Value) -> Map<String, Value> {
    let server = Server::new(Answer::Accept);
    run(&TestEnv::for_server(&server), args, payload.to_string());
    server.record()
}

/// Asserts the fields of a record.
#[track_caller]
fn has(record: &Map<String, Value>, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(record.get(*name), Some(value), "{name} of {record:#?}");
    }
}

/// Texts of several words anywhere in a value: prompts, commands, output.
fn free_texts(value: &Value, list: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(char::is_whitespace) => list.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| free_texts(value, list)),
        Value::Object(map) => map.values().for_each(|value| free_texts(value, list)),
        _ => {}
    }
}

/// Asserts what every record must be, whatever the payload.
#[track_caller]
fn is_sensible(record: &Map<String, Value>, payload: &Map<String, Value>, what: &str) {
    let text = Value::Object(record.clone()).to_string();
    assert!(text.len() < 16 * 1024, "{what}: {} bytes", text.len());
    for name in ["_msg", "hook", "harness", "service", "level", "host", "_time"] {
        assert!(record[name].as_str().is_some_and(|text| !text.is_empty()), "{what}: {name} of {text}");
    }
    assert!(["info", "warn", "error"].contains(&record["level"].as_str().unwrap()), "{what}: {text}");
    assert!(!record.contains_key("vlog_error"), "{what}: {text}");
    let mut texts = Vec::new();
    for (name, value) in payload.iter().filter(|(name, _)| *name != "message") {
        let before = texts.len();
        free_texts(value, &mut texts);
        // Of a command's failure its status is told.
        texts
            .iter_mut()
            .skip(before)
            .filter(|_| name == "error")
            .for_each(|text| *text = text.replace("Exit code 1\n", ""));
    }
    for free in texts {
        assert!(!text.contains(&free), "{what}: {free:?} in {text}");
    }
    assert!(!text.contains("ana@example.com"), "{what}: {text}");
}

#[test]
fn every_sample_becomes_one_record() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for (at, (name, harness, payload)) in samples().iter().enumerate() {
        run(&env, &[], Value::Object(payload.clone()).to_string());
        let records = server.records();
        assert_eq!(records.len(), at + 1, "{name}");
        let record = &records[at];
        is_sensible(record, payload, name);
        assert_eq!((&record["harness"], &record["service"]), (&json!(harness), &json!(harness)), "{name}");
        let is_named = payload.contains_key("hook_event_name") || payload.contains_key("type");
        assert_eq!(record["hook"] != "unknown", is_named, "{name}");
        let has_session = ["session_id", "sessionId", "conversation_id", "thread-id"]
            .iter()
            .any(|name| payload.contains_key(*name));
        assert_eq!(record.contains_key("session_id"), has_session, "{name}");
    }
}

#[test]
fn a_field_that_is_missing_null_or_of_another_type_harms_nothing() {
    let samples = samples();
    thread::scope(|scope| {
        for half in samples.chunks(samples.len().div_ceil(4)) {
            scope.spawn(move || {
                let server = Server::new(Answer::Accept);
                let env = TestEnv::for_server(&server);
                let mut expected = Vec::new();
                for (name, _, payload) in half {
                    for key in payload.keys() {
                        let mut missing = payload.clone();
                        missing.remove(key);
                        expected.push((format!("{name} without {key}"), missing));
                        let others = [
                            json!(null),
                            json!(7),
                            json!(true),
                            json!({"a": ["b c"]}),
                            json!(["some words"]),
                        ];
                        for other in others {
                            let what = format!("{name} with {key} {other}");
                            let mut changed = payload.clone();
                            changed.insert(key.clone(), other);
                            expected.push((what, changed));
                        }
                    }
                }
                for (_, payload) in &expected {
                    run(&env, &[], Value::Object(payload.clone()).to_string());
                }
                let records = server.records();
                assert_eq!(records.len(), expected.len());
                for (record, (what, payload)) in records.iter().zip(&expected) {
                    is_sensible(record, payload, what);
                }
            });
        }
    });
}

#[test]
fn a_field_of_ten_megabytes_is_told_by_its_size() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut seen = std::collections::BTreeSet::new();
    let long = "long text ".repeat(1 << 20);
    let mut expected = 0;
    for (name, _, payload) in samples() {
        for key in payload.keys().filter(|key| seen.insert((*key).clone())) {
            let mut payload = payload.clone();
            payload.insert(key.clone(), json!(long));
            run(&env, &[], Value::Object(payload.clone()).to_string());
            expected += 1;
            let records = server.records();
            assert_eq!(records.len(), expected, "{name} with a long {key}");
            let record = records.last().unwrap();
            let is_message = key == "message" && record["hook"] == "Notification";
            assert!(Value::Object(record.clone()).to_string().len() < 16 * 1024, "{name}, {key}");
            assert_eq!(record["_msg"].as_str().unwrap().contains("long text"), is_message, "{name}, {key}");
            let untold = ["transcript_path", "agent_transcript_path", "user_email"].contains(&key.as_str())
                || is_message;
            let is_told = record.values().any(|value| *value == json!(10 << 20));
            assert_eq!(is_told, !untold, "{name}, {key}: {record:#?}");
        }
    }
}

#[test]
fn events_have_a_line_a_level_and_fields() {
    let of = |wanted: &str| {
        let (_, _, payload) = samples().into_iter().find(|(name, ..)| name == wanted).expect(wanted);
        hooked(&[], &Value::Object(payload))
    };
    let is = |wanted: &str, message: &str, level: &str| {
        let record = of(wanted);
        has(&record, &[("_msg", json!(message)), ("level", json!(level))]);
        record
    };
    let record = is("PostToolUse (Bash)", "PostToolUse Bash", "info");
    has(
        &record,
        &[
            ("hook", json!("PostToolUse")),
            ("tool_name", json!("Bash")),
            ("session_id", json!("7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114")),
            ("tool_use_id", json!("toolu_01Hq7VbN3xKpR5sYt8ZwLmDc")),
            ("prompt_id", json!("2d5c8a10-77de-4c0b-9f2c-6b1f0a9d3e55")),
            ("permission_mode", json!("default")),
            ("effort.level", json!("high")),
            ("duration_ms", json!(4187)),
            ("cwd", json!("/home/ana/shop")),
        ],
    );
    assert!(
        record["tool_input_bytes"].as_u64().unwrap() > 50
            && record["tool_response_bytes"].as_u64().unwrap() > 90
    );
    assert!(!record.contains_key("hook_raw") && !record.contains_key("redacted"));

    let record = is("PostToolUseFailure", "PostToolUseFailure Bash: exit code 1", "error");
    has(&record, &[("exit_code", json!(1)), ("is_interrupt", json!(false)), ("error_bytes", json!(47))]);
    has(&is("StopFailure", "StopFailure rate_limit", "error"), &[("error", json!("rate_limit"))]);
    has(&is("PermissionDenied", "PermissionDenied Bash", "warn"), &[("reason_bytes", json!(27))]);
    is("Notification", "Notification: Claude needs your permission", "info");
    has(
        &is("UserPromptSubmit", "UserPromptSubmit", "info"),
        &[("prompt_bytes", json!(33)), ("source", json!("user"))],
    );
    has(&is("SessionEnd", "SessionEnd prompt_input_exit", "info"), &[("reason", json!("prompt_input_exit"))]);
    is("SessionStart", "SessionStart startup", "info");
    is("SubagentStop", "SubagentStop Explore", "info");
    has(&is("Elicitation (form)", "Elicitation crm", "info"), &[("message_bytes", json!(22))]);
    let record = is("unknown future event (made up, to test the open set)", "BrandNewEvent", "info");
    has(&record, &[("some_field_bytes", json!(1))]);

    let record = is("cursor afterShellExecution", "PostToolUse Shell", "info");
    has(
        &record,
        &[
            ("hook_raw", json!("afterShellExecution")),
            ("duration_ms", json!(150)),
            ("session_id", json!("c-1")),
        ],
    );
    let record = is("codex notify (last argv argument, not stdin)", "Stop", "info");
    has(&record, &[("hook_raw", json!("agent-turn-complete")), ("turn_id", json!("12"))]);
    is("gemini AfterTool with an error", "PostToolUse run_shell_command: file_not_found", "error");
    has(
        &is("copilot errorOccurred", "StopFailure TimeoutError", "error"),
        &[("error.name", json!("TimeoutError"))],
    );
    let copilot = samples().into_iter().find(|(name, ..)| name.starts_with("copilot postToolUse")).unwrap().2;
    let record = hooked(&["--event", "postToolUse"], &Value::Object(copilot));
    has(
        &record,
        &[
            ("_msg", json!("PostToolUse bash")),
            ("hook_raw", json!("postToolUse")),
            ("session_id", json!("s-3")),
        ],
    );
}

#[test]
fn an_event_may_be_named_for_payloads_that_do_not() {
    let record = hooked(&["--event", "postToolUse"], &json!({"hook_event_name": "Stop"}));
    has(&record, &[("hook", json!("Stop"))]);
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    run(&env, &["--event", "pre-push"], "refs/heads/main 67890 refs/heads/main 12345\n");
    run(&env, &["--event", "pre-commit"], "");
    let records = server.records();
    has(
        &records[0],
        &[
            ("_msg", json!("pre-push")),
            ("hook", json!("pre-push")),
            ("level", json!("info")),
            ("harness", json!("unknown")),
        ],
    );
    has(&records[0], &[("service", json!("vlog")), ("payload_bytes", json!(44))]);
    has(&records[1], &[("_msg", json!("pre-commit")), ("level", json!("info"))]);
}

#[test]
fn what_is_no_payload_makes_a_record_that_says_so() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let cases: [(&[u8], &str); 9] = [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello there", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[1,2]", "is no JSON object"),
        (b"42", "is no JSON object"),
        (b"\"text\"", "is no JSON object"),
        (b"{\"hook_event_name\":\"Stop\",", "is cut off"),
        (b"{\"hook_event_name\":\"Stop\" oops}", "is cut off"),
    ];
    for (at, (payload, why)) in cases.iter().enumerate() {
        run(&env, &[], payload);
        let records = server.records();
        assert_eq!(records.len(), at + 1, "{why}");
        has(&records[at], &[("level", json!("warn"))]);
        let said = records[at]["vlog_error"].as_str().unwrap();
        assert!(said.contains(why), "{said}");
    }
    has(&server.records()[7], &[("hook", json!("Stop")), ("_msg", json!("Stop"))]);
    env.run_with(&["hook", "-v"], "").kept_the_promise().saying("the payload is empty; the record says so");
}

#[test]
fn claude_code_is_known_by_its_environment_too() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("CLAUDECODE", "1").with("CLAUDE_CODE_SESSION_ID", "s-9");
    run(&env, &[], "");
    has(
        &server.record(),
        &[("harness", json!("claude-code")), ("service", json!("claude-code")), ("session_id", json!("s-9"))],
    );
}

#[test]
fn a_payload_may_be_the_last_argument() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let payload = r#"{"type":"agent-turn-complete","thread-id":"t-1","last-assistant-message":"a=b c"}"#;
    // stdin is not read, and may stay open.
    let mut child = env::spawn(env.vlog().args(["hook", "env=prod", payload]).stdin(Stdio::piped()));
    let stdin = child.stdin.take();
    env::wait(child).in_silence();
    drop(stdin);
    has(
        &server.record(),
        &[
            ("harness", json!("codex")),
            ("session_id", json!("t-1")),
            ("env", json!("prod")),
            ("hook", json!("Stop")),
        ],
    );
}

#[test]
fn a_payload_is_read_however_it_comes() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    run(&env, &[], "\u{feff}{\"hook_event_name\":\"Stop\",\"session_id\":\"bom\"}");
    run(&env, &[], " \r\n{\"hook_event_name\":\"Stop\",\"session_id\":\"blank\"}\r\n\n{\"another\":1}");
    // Three bytes at a time.
    let mut child = env::spawn(env.vlog().arg("hook").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    for piece in b"{\"hook_event_name\":\"Stop\",\"session_id\":\"slow\"}".chunks(3) {
        stdin.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    env::wait(child).in_silence();
    // With the pipe left open.
    let mut child = env::spawn(env.vlog().arg("hook").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"hook_event_name\":\"Stop\",\"session_id\":\"open\"}").unwrap();
    env::wait(child).in_silence();
    drop(stdin);
    let sessions: Vec<_> = server.records().iter().map(|record| record["session_id"].clone()).collect();
    assert_eq!(sessions, ["bom", "blank", "slow", "open"]);
}

#[test]
fn an_agent_that_says_no_more_is_given_up() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for part in ["", "{\"hook_event_name\":\"Stop\",\"session"] {
        let start = Instant::now();
        let mut child = env::spawn(env.vlog().arg("hook").stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(part.as_bytes()).unwrap();
        env::wait(child).in_silence();
        assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
        drop(stdin);
    }
    assert_eq!(server.records().len(), 2);
    has(&server.records()[1], &[("hook", json!("Stop"))]);
    // A drop now and then does not go on for ever.
    let start = Instant::now();
    let mut child = env::spawn(env.vlog().arg("hook").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let feeding = thread::spawn(move || {
        while stdin.write_all(b" ").is_ok() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(200));
        }
    });
    assert_eq!(env::wait(child).status, Some(0));
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(start.elapsed() < crate::env::within(Duration::from_secs(9)), "{:?}", start.elapsed());
    feeding.join().unwrap();
    assert_eq!(server.records().len(), 3);
}

#[test]
fn fifty_megabytes_are_taken_to_the_end_in_little_memory() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(env.vlog().args(["hook", "--include", "prompt"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"").unwrap();
    let piece = "words \\n".repeat(1 << 17);
    let mut peak = 0;
    for _ in 0..50 {
        stdin.write_all(piece.as_bytes()).unwrap();
        if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = status.lines().find(|line| line.starts_with("VmHWM"));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            peak = peak.max(kib.unwrap_or(0));
        }
    }
    stdin.write_all(b"\",\"session_id\":\"late\"}").unwrap();
    drop(stdin);
    assert_eq!(env::wait(child).status, Some(0));
    assert!(peak < 24 * 1024, "{peak} KiB");
    let record = server.record();
    has(&record, &[("session_id", json!("late")), ("prompt_bytes", json!(50 * 7 * (1 << 17)))]);
    assert_eq!(record["prompt"].as_str().unwrap().len(), 8 * 1024);
}

#[test]
fn fields_may_be_included() {
    let payload = json!({
        "hook_event_name": "PostToolUse", "tool_name": "Edit",
        "tool_input": {"file_path": "/x/a.rs", "edits": [{"old": "a b", "new": "c d"}], "replace_all": false, "n": 3},
        "tool_response": {"stdout": "some output", "stderr": ""},
        "prompt": "do it now",
    });
    let record = hooked(&["--include", "tool_input, prompt", "--include", "tool_response.stdout"], &payload);
    has(
        &record,
        &[
            ("tool_input.file_path", json!("/x/a.rs")),
            ("tool_input.edits", json!("[{\"old\":\"a b\",\"new\":\"c d\"}]")),
            ("tool_input.replace_all", json!(false)),
            ("tool_input.n", json!(3)),
            ("tool_response.stdout", json!("some output")),
            ("prompt", json!("do it now")),
        ],
    );
    assert!(!record.contains_key("tool_input_bytes") && !record.contains_key("prompt_bytes"));
    assert!(record["tool_response_bytes"].is_u64());
    // The agents' own spelling is understood as well.
    let copilot = json!({"sessionId": "s", "toolName": "bash", "toolArgs": "{\"command\":\"ls -l\"}"});
    for include in ["toolArgs", "tool_input", "tool_args"] {
        has(&hooked(&["--include", include], &copilot), &[("tool_input", json!("{\"command\":\"ls -l\"}"))]);
    }
    let failure = json!({"hook_event_name": "PostToolUseFailure", "tool_name": "Bash", "error": "Exit code 2\nno such file"});
    has(
        &hooked(&["--include", "error"], &failure),
        &[
            ("error", json!("Exit code 2\nno such file")),
            ("_msg", json!("PostToolUseFailure Bash: exit code 2")),
        ],
    );
}

#[test]
fn included_texts_are_cut_and_their_number_is_bounded() {
    let long = "ж ".repeat(100_000);
    let record =
        hooked(&["--include", "prompt"], &json!({"hook_event_name": "UserPromptSubmit", "prompt": long}));
    assert_eq!(record["prompt_bytes"], json!(300_000));
    assert!((8190..=8192).contains(&record["prompt"].as_str().unwrap().len()));
    let mut payload = json!({"hook_event_name": "Stop"});
    let names: Vec<_> = (0..60).map(|n| format!("text_{n}")).collect();
    for name in &names {
        payload[name] = json!("\u{1}".repeat(8000));
    }
    // One record, on one line that the server takes.
    let record = hooked(&["--include", &names.join(",")], &payload);
    assert!(record.contains_key("text_0") && record.contains_key("text_59_bytes"), "{:?}", record.keys());
}

/// Made-up secrets of every class, in halves so that nobody's scanner takes them for real ones; with each the part that must
/// not arrive.
fn secrets() -> Vec<String> {
    let list = [
        ("AKIA", "IOSFODNN7EXAMPLE"),
        ("ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
        (
            "github_pat_",
            "11AAAAAAA0123456789abc_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123",
        ),
        ("glpat-", "0123456789abcdefghij"),
        ("xoxb-", "012345678901-012345678901-abcdefghijklmnopqrstuvwx"),
        ("https://hooks.slack.com/", "services/T00000000/B00000000/aBcDeFgHiJkLmNoPqRsTuVwY"),
        ("sk-ant-", "api03-abcdefghij0123456789abcdefghij"),
        ("sk-proj-", "abcdefghij0123456789abcdefghij"),
        ("sk-", "abcdefghijABCDEFGHIJ0123456789abcdefghij01234567"),
        ("sk-or-v1-", "0123456789abcdef0123456789abcdef"),
        ("sk_live_", "0123456789abcdefghijABCD"),
        ("whsec_", "0123456789abcdefghijABCDEFGHIJ01"),
        ("AIza", "SyA0123456789abcdefghijABCDEFGHIJ01"),
        ("npm_", "0123456789abcdefghijABCDEFGHIJ012345"),
        ("hf_", "abcdefghijABCDEFGHIJabcdefghijABCD"),
        ("sbp_", "0123456789abcdef0123456789abcdef01234567"),
        ("dop_v1_", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("hvs.", "CAESIJ0123456789abcdefghij"),
        ("SG.", "0123456789abcdefghijAB.0123456789abcdefghijABCDEFGHIJ0123456789abc"),
        ("0123456789:", "AAabcdefghij0123456789ABCDEFGHIJ012"),
        ("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.0123456789abcdefghijABCDEFGHIJ"),
        (
            "-----BEGIN PRIVATE",
            " KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----",
        ),
        ("Authorization: Bearer ", "abcdefghij.klmnop"),
        ("bearer ", "0123456789abcdefghij"),
        ("curl -u ana:", "correcthorsebattery"),
        ("postgres://ana:", "correcthorsebattery@db/x"),
        ("DB_PASSWORD=", "correcthorsebattery"),
        ("\"client_secret\": \"", "correct horse battery\""),
        ("--api-key ", "correcthorsebattery"),
    ];
    list.iter().map(|(first, second)| format!("{first}{second}")).collect()
}

/// Pieces of a secret none of which may arrive.
fn traces(secret: &str) -> Vec<&str> {
    let parts = secret.split(['\n', ' ', '"', ':', '=', '@', '/']);
    let known = [
        "PRIVATE",
        "KEY-----",
        "-----BEGIN",
        "-----END",
        "Authorization",
        "DB_PASSWORD",
        "client_secret",
        "--api-key",
    ];
    let other = ["https", "hooks.slack.com", "postgres", "services", "Bearer", "bearer", "0123456789"];
    parts.filter(|part| part.len() > 5 && !known.contains(part) && !other.contains(part)).collect()
}

#[test]
fn no_secret_of_any_class_arrives_from_anywhere() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let nobody = TestEnv::new();
    let include = ["--include", "tool_input,tool_response,error,prompt,title,list,tool_calls,cwd,session_id"];
    for secret in secrets() {
        let traces = traces(&secret);
        assert!(!traces.is_empty(), "{secret}");
        let mut payloads = vec![json!({
            "hook_event_name": "PostToolUseFailure",
            "session_id": secret, "cwd": format!("/home/{secret}"), "tool_name": secret,
            "error": format!("Exit code 1\nfailed: {secret}\n"),
            "prompt": secret,
            "tool_input": {"command": format!("run {secret} && echo 'x'"), "deep": {"er": [{"est": format!("x {secret}")}]}},
            "tool_response": format!("{{\"a\":{}}}", json!(secret)),
            "list": ["a", secret, ["b", {"c": secret}]],
            "tool_calls": [{"tool_input": {"command": secret}}],
            "title": json!({"nested": json!({"in": secret}).to_string()}).to_string(),
            secret.clone(): 1, format!("x {secret}"): "text of it",
        })];
        // Wherever the cut to 8 KiB falls in it, and the one before.
        for limit in [8192, 32_768] {
            for before in [1, 5, 12, 20, secret.len() / 2, secret.len()] {
                let text =
                    format!("{} {secret} and more {}", "y".repeat(limit - before), "z ".repeat(40_000));
                payloads.push(json!({"hook_event_name": "UserPromptSubmit", "prompt": text, "list": [text], "tool_input": {"a": text}}));
            }
        }
        for message in [format!("Claude says {secret}"), format!("{} {secret}", "y".repeat(8185))] {
            payloads.push(json!({"hook_event_name": "Notification", "message": message}));
        }
        payloads.push(json!({"hook_event_name": secret}));
        for payload in payloads {
            let before = server.requests().len();
            run(&env, &include, payload.to_string());
            run(&nobody, &include, payload.to_string());
            let requests = server.requests();
            assert_eq!(requests[before..].iter().map(|request| request.records().len()).sum::<usize>(), 1);
            let arrived = String::from_utf8(requests[before].body.clone()).unwrap();
            for trace in &traces {
                assert!(!arrived.contains(trace), "{trace} of {secret:?} in {arrived}");
                // The beginning of one tells as much.
                assert!(
                    trace.len() < 24 || !arrived.contains(&trace[..trace.len() - 6]),
                    "{trace} of {secret:?} in {arrived}"
                );
            }
        }
        for entry in nobody.entries() {
            let kept = std::fs::read_to_string(&entry).unwrap();
            for trace in &traces {
                assert!(!kept.contains(trace), "{trace} of {secret:?} in the outbox");
            }
            std::fs::remove_file(entry).unwrap();
        }
    }
}

#[test]
fn values_of_the_environment_with_secret_names_are_taken_out_wherever_they_stand() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server)
        .with("DB_PASSWORD", "quiet-river-stone")
        .with("FEATURE_TOKEN", "true")
        .with("SSH_AUTH_SOCK", "/tmp/agent-socket");
    let payload = json!({"hook_event_name": "Notification",
        "message": "quiet-river-stone is true for /tmp/agent-socket"});
    run(&env, &["note=xquiet-river-stonex"], payload.to_string());
    let expected = "Notification: [REDACTED:environment] is true for /tmp/agent-socket";
    has(
        &server.record(),
        &[("_msg", json!(expected)), ("note", json!("x[REDACTED:environment]x")), ("redacted", json!(2))],
    );
}

#[test]
fn secrets_are_known_by_their_names_and_counted() {
    let payload = json!({
        "hook_event_name": "PreToolUse", "api_key": 4711,
        "tool_input": {"password": "hunter2", "user": "ana", "headers": {"Authorization": "x", "Accept": "y"}, "auth": {"pin": 5}},
        "list": [{"secretKey": "hunter2"}, "--token", "hunter2"],
    });
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", "team=a db_password=hunter2");
    run(
        &env,
        &["--include", "tool_input,list", "x_token=hunter2", "note=password=hunter2"],
        payload.to_string(),
    );
    let record = server.record();
    assert!(!String::from_utf8(server.request().body).unwrap().contains("hunter2"));
    let gone = json!("[REDACTED:secret]");
    has(
        &record,
        &[
            ("tool_input.password", gone.clone()),
            ("tool_input.user", json!("ana")),
            ("tool_input.headers.Authorization", gone.clone()),
            ("tool_input.headers.Accept", json!("y")),
            ("tool_input.auth", gone.clone()),
            ("list", json!("[{\"secretKey\":\"[REDACTED:secret]\"},\"--token\",\"[REDACTED:secret]\"]")),
            ("x_token", gone.clone()),
            ("db_password", gone),
            ("note", json!("password=[REDACTED:secret]")),
            ("api_key_bytes", json!(4)),
            ("redacted", json!(8)),
        ],
    );
}

#[test]
fn files_with_secrets_are_never_shown() {
    let content = "PORT=1 marker";
    let cases = [
        json!({"tool_name": "Read", "tool_input": {"file_path": "/x/.env.local"}, "tool_response": {"file": {"content": content}}}),
        json!({"tool_name": "Write", "tool_input": {"content": content, "file_path": "/x/server.pem"}}),
        json!({"tool_name": "Bash", "tool_input": {"command": "cat ~/.ssh/id_rsa"}, "tool_response": {"stdout": content}}),
        json!({"tool_name": "Bash", "tool_input": {"command": format!("echo {content} > .env")}}),
        json!({"tool_calls": [{"tool_input": {"file_path": "/x/credentials"}, "tool_response": content}]}),
        json!({"toolName": "view", "toolArgs": "{\"path\":\"/x/.env\"}", "toolResult": {"textResultForLlm": content}}),
        json!({"hook_event_name": "beforeReadFile", "conversation_id": "c", "file_path": "/x/.env", "content": content}),
        json!({"tool_input": {"content": format!("{}{content}", "x ".repeat(50_000)), "file_path": "/x/.env"}}),
        json!({"tool_name": "Read", "tool_response": {"file": {"filePath": "/x/.envrc", "content": content}}}),
        json!({"tool_input": {"command": ["bash", "-lc", "cat .env"]}, "tool_response": content}),
        json!({"tool_input": {"args": ["cat", "prod.env.bak"]}, "tool_response": content}),
        json!({"tool_input": {"target_file": "old_id_rsa"}, "tool_response": content}),
        json!({"tool_input": {"file": "credentials~"}, "tool_response": content}),
        json!({"tool_input": {"filename": "aws_credentials"}, "tool_response": content}),
        json!({"tool_input": {"relative_path": "x/service-account.json"}, "tool_response": content}),
        json!({"tool_input": {"uri": "file:///home/ana/.docker/config.json"}, "tool_response": content}),
        json!({"tool_input": {"paths": ["a", "x.pem.bak"]}, "tool_response": content}),
        json!({"tool_input": {"files": [{"path": ".netrc"}]}, "tool_response": content}),
        json!({"tool_input": {"file_paths": [".pgpass"]}, "tool_response": content}),
        json!({"tool_input": {"script": "cat kubeconfig"}, "tool_response": content}),
        json!({"attachments": [{"file_path": "/x/.npmrc"}], "content": content}),
        json!({"tool_input": {"command": format!("{} cat .env", "x ".repeat(50_000))}, "tool_response": content}),
        json!({"tool_input": {"file_path": format!("/{}/.env", "x/".repeat(50_000))}, "tool_response": content}),
    ];
    for payload in cases {
        let names =
            "tool_input,tool_response,tool_calls,content,tool_input.file_path,tool_response.file.content";
        let record = hooked(&["--include", names], &payload);
        let text = Value::Object(record.clone()).to_string();
        assert!(!text.contains("marker"), "{payload}: {text}");
        assert_eq!(record["vlog_withheld"], "it names a file with secrets", "{payload}");
        let path = payload["tool_input"]["file_path"].as_str();
        if path.is_some_and(|path| path.len() < 1000) {
            assert_eq!(record["tool_input.file_path"], payload["tool_input"]["file_path"]);
        }
    }
    let record = hooked(
        &["--include", "tool_input"],
        &json!({"tool_input": {"file_path": "/x/env.rs", "content": "let x"}}),
    );
    has(&record, &[("tool_input.content", json!("let x"))]);
}

#[test]
fn a_private_key_in_a_list_of_lines_goes_to_its_end() {
    let begin = concat!("-----BEGIN RSA PRI", "VATE KEY-----");
    let end = concat!("-----END RSA PRI", "VATE KEY-----");
    let lines = |prefix: &str, end: &str| {
        json!([
            "before",
            format!("{prefix}{begin}"),
            format!("{prefix}MIIEmarker"),
            format!("{prefix}ZZmarker"),
            end
        ])
    };
    for prefix in ["", "+", "-", "  "] {
        let (whole, endless) = (lines(prefix, &format!("{prefix}{end} behind")), lines(prefix, "marker"));
        let record = hooked(
            &["--include", "lines,endless,deep,after"],
            &json!({"lines": whole, "endless": endless, "after": "it stays", "deep": {"patch": [
                {"type": "text", "text": begin}, {"type": "text", "text": "marker"}, [["marker"]]]}}),
        );
        let text = Value::Object(record.clone()).to_string();
        assert!(!text.contains("marker") && text.contains("private-key"), "{text}");
        assert!(text.contains("before") && text.contains(" behind"), "{text}");
        has(&record, &[("after", json!("it stays"))]);
    }
}

#[test]
fn a_name_and_its_value_side_by_side_are_a_secret() {
    let record = hooked(
        &["--include", "env,headers,list,text"],
        &json!({
            "env": [{"name": "DB_PASSWORD", "value": "hunter2xyz"}, {"name": "COLOUR", "value": "red"}],
            "headers": [["Authorization", "hunter2xyz"], {"key": "Authorization", "value": ["hunter2xyz"]}],
            "list": ["Host", "example.com", "Authorization", "hunter2xyz", "Accept", "any"],
            "text": "[{\"name\": \"DB_PASSWORD\", \"value\": \"hunter2xyz\"}]",
        }),
    );
    let text = Value::Object(record.clone()).to_string();
    assert!(!text.contains("hunter2xyz"), "{text}");
    for part in ["red", "example.com", "any", "COLOUR"] {
        assert!(text.contains(part), "{part} of {text}");
    }
    has(&record, &[("redacted", json!(5))]);
}

#[test]
fn names_and_the_service_are_searched_for_secrets_too() {
    let secret = concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", &format!("c.{secret}=3"));
    let of_environment = TestEnv::for_server(&server).with("VLOG_SERVICE", secret);
    run(&env, &[&format!("{secret}=1"), &format!("a.{secret}=2"), "--service", secret], "{}");
    run(&of_environment, &[], "{}");
    for request in server.requests() {
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(!body.contains(secret) && body.contains("[REDACTED:github-token]"), "{body}");
    }
    has(&server.records()[0], &[("a.[REDACTED:github-token]", json!("2")), ("redacted", json!(4))]);
}

#[test]
fn parts_of_a_payload_among_the_words_are_shown_nowhere() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let payload =
        r#"{"type":"agent-turn-complete","thread-id":"t-1","last-assistant-message":"some marker"}"#;
    run(&env, &[&format!("\u{feff}{payload}")], "");
    let odd = r#"{"a":"x=marker"}"#;
    for args in [
        &[odd, payload][..],
        &[payload, "\u{feff} {\"a\":\"marker\"}"],
        &[r#"["marker"]"#],
        &["\"marker\""],
        &[" [marker=1"],
    ] {
        let finished = env.run_with(&[&["hook"][..], args].concat(), "").kept_the_promise();
        assert!(!finished.stderr.contains("marker"), "{}", finished.stderr);
        finished.saying("a word is not KEY=VALUE");
    }
    let records = server.records();
    assert_eq!(records.len(), 6);
    has(&records[0], &[("session_id", json!("t-1")), ("level", json!("info"))]);
    for record in records {
        let text = Value::Object(record).to_string();
        assert!(!text.contains("marker"), "{text}");
    }
}

#[test]
fn a_call_is_one_record_whatever_its_words_hold() {
    let long = "\u{1}".repeat(60_000);
    let items: Vec<_> = (0..20).map(|n| format!("k{n}={long}")).collect();
    let mut args = vec!["--event", &long, "--service", &long, "--include", "prompt", &long];
    args.extend(items.iter().map(String::as_str));
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_FIELDS", &format!("x={long}"));
    let payload = json!({"prompt": long, "message": long});
    env.run_with(&[&["hook"][..], &args].concat(), payload.to_string()).kept_the_promise();
    let record = server.record();
    assert!(!record.contains_key("vlog_part"), "{:?}", record.keys());
    has(&record, &[("k19_bytes", json!(60_000))]);
    assert!(record["hook"].as_str().unwrap().len() <= 8192 && record.contains_key("k0"));
    let many: Vec<_> = (0..1500).map(|n| format!("k{n}=1")).collect();
    let args: Vec<_> = std::iter::once("hook").chain(many.iter().map(String::as_str)).collect();
    env.run_with(&args, "{}").kept_the_promise().saying("1200 more fields are not logged");
    assert_eq!(server.records().len(), 2);
}

#[test]
fn names_that_mean_something_else_in_a_record_are_kept_apart() {
    let payload = json!({"hook_event_name": "Stop", "level": 7, "service": true, "_msg": 1, "_time": 2, "vlog_part": 3, "hook": false});
    let record = hooked(&[], &payload);
    has(
        &record,
        &[
            ("_msg", json!("Stop")),
            ("level", json!("info")),
            ("service", json!("claude-code")),
            ("hook", json!("Stop")),
        ],
    );
    has(&record, &[("payload_level", json!(7)), ("payload_msg", json!(1)), ("payload_vlog_part", json!(3))]);
}

#[test]
fn more_fields_than_anybody_sends_are_counted() {
    let fields: Map<String, Value> = (0..5000).map(|n| (format!("field_{n}"), json!("text of it"))).collect();
    let mut payload = Value::Object(fields);
    payload["hook_event_name"] = json!("Stop");
    payload["session_id"] = json!("s-1");
    let record = hooked(&[], &payload);
    has(&record, &[("hook", json!("Stop")), ("session_id", json!("s-1")), ("more_fields", json!(4900))]);
}

#[test]
fn service_level_and_fields_come_from_where_they_are_given() {
    let payload = json!({"hook_event_name": "Stop", "session_id": "s"});
    has(
        &hooked(&["-s", "mine", "env=prod", "n:=3"], &payload),
        &[("service", json!("mine")), ("env", json!("prod")), ("n", json!(3))],
    );
    has(
        &hooked(&["service=word", "level=debug", "session_id=other"], &payload),
        &[("service", json!("word")), ("level", json!("debug")), ("session_id", json!("other"))],
    );
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server)
        .with("VLOG_SERVICE", "variable")
        .with("VLOG_FIELDS", "team=a level=debug");
    run(&env, &[], payload.to_string());
    has(&server.record(), &[("service", json!("variable")), ("team", json!("a")), ("level", json!("info"))]);
    let env = TestEnv::for_server(&server).with("VLOG_MIN_LEVEL", "warn");
    run(&env, &[], payload.to_string());
    run(&env, &[], json!({"hook_event_name": "StopFailure"}).to_string());
    let records = server.records();
    assert_eq!(records.len(), 2);
    has(&records[1], &[("hook", json!("StopFailure")), ("level", json!("error"))]);
}

#[test]
fn a_bad_command_line_still_logs_and_leaves_the_command_alone() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let payload = json!({"hook_event_name": "Stop", "session_id": "s"}).to_string();
    for args in [
        &["--bogus"][..],
        &["--include"],
        &["-x", "--", "true", "--fail"],
        &["stray"],
        &["- dash"],
        &["--timeout", "soon"],
        &["--event"],
        &["n:={"],
    ] {
        let before = server.records().len();
        let finished = env.run_with(&[&["hook"][..], args].concat(), &payload).kept_the_promise();
        assert!(finished.stderr.lines().all(|line| line.starts_with("vlog: ")), "{finished:?}");
        let records = server.records();
        assert_eq!(records.len(), before + 1, "{args:?}");
        has(
            records.last().unwrap(),
            &[("hook", json!("Stop")), ("session_id", json!("s")), ("level", json!("warn"))],
        );
        assert!(records.last().unwrap().contains_key("vlog_error"), "{args:?}");
    }
    let said = env.run_with(&["hook", concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345")], &payload);
    said.kept_the_promise().saying("'[REDACTED:github-token]' is not KEY=VALUE");
    // What follows `--` is no mistake.
    run(&env, &["a=b", "--", "guard", "--fail", "-v"], &payload);
}

#[test]
fn a_server_that_hangs_costs_one_second_and_the_record_is_kept() {
    let payload = json!({"hook_event_name": "SessionEnd", "reason": "other"}).to_string();
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server).with("VLOG_FAIL", "1").with("VLOG_TIMEOUT", "30s");
    let finished = run(&env, &["--fail"], &payload);
    assert!(
        finished.time >= Duration::from_secs(1)
            && finished.time < crate::env::within(Duration::from_millis(1500)),
        "{finished:?}"
    );
    assert_eq!(env.waiting(), ["SessionEnd other"]);
    // The breaker spares the next one the wait.
    assert!(run(&env, &[], &payload).time < crate::env::within(Duration::from_millis(500)));
    assert_eq!(env.waiting().len(), 2);
    // A shorter timeout is heeded.
    let env = TestEnv::for_server(&server).with("VLOG_TIMEOUT", "200ms");
    assert!(run(&env, &[], &payload).time < crate::env::within(Duration::from_millis(800)));
}

#[test]
fn a_hook_takes_along_what_waits() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::new();
    run(&env, &[], json!({"hook_event_name": "Stop"}).to_string());
    assert_eq!(env.waiting(), ["Stop"]);
    let address = env.url().replace("http://", "");
    let back = Server::at(&address, Answer::Accept);
    run(&env, &[], json!({"hook_event_name": "SessionEnd"}).to_string());
    assert_eq!((back.records().len(), env.waiting().len()), (2, 0));
    drop(server);
    // With delivery off the agent is still listened to.
    run(&env.with("VLOG_URL", "off"), &[], "x".repeat(1 << 20));
}

#[test]
fn a_panic_is_not_noticed_by_the_agent() {
    let payload = json!({"hook_event_name": "Stop", "prompt": "x".repeat(1 << 20)}).to_string();
    for place in ["main", "hook"] {
        let env = TestEnv::new().with("VLOG_TEST_PANIC", place).with("VLOG_FAIL", "1");
        let mut child = env::spawn(env.vlog().args(["hook", "--fail"]).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        // No broken pipe.
        stdin.write_all(payload.as_bytes()).unwrap();
        drop(stdin);
        env::wait(child).in_silence();
    }
}

#[test]
fn a_command_that_has_failed_is_an_error_where_only_its_text_says_so() {
    let gemini = |text: &str| {
        json!({"hook_event_name": "AfterTool", "session_id": "s", "timestamp": "2026-11-21T16:13:12.846Z",
               "tool_name": "run_shell_command", "tool_input": {"command": "x"},
               "tool_response": {"llmContent": text, "returnDisplay": "x"}})
    };
    let ended = "\nExit Code: 3\nProcess Group PGID: 6010\n</untrusted_context>";
    let copilot = |text: &str| {
        json!({"hook_event_name": "PostToolUse", "session_id": "s", "timestamp": "2026-11-21T16:15:34.242Z",
               "tool_name": "Bash", "tool_result": {"result_type": "success", "text_result_for_llm": text}})
    };
    let long = "a line of output\n".repeat(10_000);
    for payload in [
        gemini(&format!("<untrusted_context>\nOutput: gone{ended}")),
        gemini(&format!("<untrusted_context>\nOutput: {long}{ended}")),
        copilot("out\n<shellId: 1 completed with exit code 3>"),
        copilot(&format!("{long}<shellId: 1 completed with exit code 3>")),
    ] {
        let record = hooked(&[], &payload);
        has(&record, &[("level", json!("error")), ("exit_code", json!(3)), ("hook", json!("PostToolUse"))]);
        assert!(record["_msg"].as_str().unwrap().ends_with(": exit code 3"), "{record:#?}");
    }
    let mut read_file = gemini(&format!("text of a file{ended}"));
    read_file["tool_name"] = json!("read_file");
    for payload in [
        read_file,
        gemini("<untrusted_context>\nOutput: x\nExit Code: 0\n</untrusted_context>"),
        gemini("<untrusted_context>\nOutput: x\nProcess Group PGID: 6010\n</untrusted_context>"),
        copilot("out\n<shellId: 1 completed with exit code 0>"),
    ] {
        let record = hooked(&[], &payload);
        assert_eq!((&record["level"], record.get("exit_code")), (&json!("info"), None), "{record:#?}");
    }
    let mut not_found = gemini("Could not read file.");
    not_found["tool_response"]["error"] = json!({"message": "File not found: /x", "type": "file_not_found"});
    let record = hooked(&[], &not_found);
    has(&record, &[("level", json!("error")), ("error_class", json!("file_not_found"))]);
    assert_eq!(record["_msg"], json!("PostToolUse run_shell_command: file_not_found"));
}

#[test]
fn an_event_that_only_hook_name_names_is_known() {
    let record = hooked(
        &[],
        &json!({"hookName": "permissionRequest", "sessionId": "s-1", "timestamp": 1,
        "cwd": "/x", "toolName": "bash", "toolInput": {"command": "x"}, "permissionSuggestions": []}),
    );
    has(
        &record,
        &[
            ("hook", json!("PermissionRequest")),
            ("hook_raw", json!("permissionRequest")),
            ("harness", json!("copilot")),
            ("_msg", json!("PermissionRequest bash")),
        ],
    );
}

#[test]
fn what_goes_on_in_the_background_is_named_as_such() {
    let payload = |response: Value| {
        json!({"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "Bash",
               "tool_input": {"command": "sleep 999", "run_in_background": true}, "tool_response": response})
    };
    let record =
        hooked(&[], &payload(json!({"stdout": "", "backgroundTaskId": "b4", "timedOutAfterMs": 2000})));
    has(
        &record,
        &[
            ("_msg", json!("PostToolUse Bash in the background")),
            ("tool_response.backgroundTaskId", json!("b4")),
            ("tool_response.timedOutAfterMs", json!(2000)),
            ("tool_input.run_in_background", json!(true)),
        ],
    );
    let record = hooked(&[], &payload(json!({"isAsync": true, "status": "async_launched", "agentId": "a1"})));
    has(
        &record,
        &[
            ("_msg", json!("PostToolUse Bash in the background")),
            ("tool_response.status", json!("async_launched")),
            ("tool_response.agentId", json!("a1")),
        ],
    );
    let record = hooked(
        &[],
        &json!({"hook_event_name": "UserPromptSubmit", "session_id": "s",
        "prompt": "<task-notification>\n<task-id>b4</task-id> it is done"}),
    );
    has(
        &record,
        &[("_msg", json!("UserPromptSubmit task-notification")), ("prompt_kind", json!("task-notification"))],
    );
    assert!(!record.contains_key("prompt"));
}

#[test]
fn empty_values_are_left_out_and_useful_ones_inside_a_tools_values_are_not() {
    let record = hooked(
        &[],
        &json!({"hook_event_name": "SubagentStop", "session_id": "s", "agent_type": "",
        "background_tasks": [], "session_crons": [], "options": {}, "last_assistant_message": ""}),
    );
    let is_empty = |name: &&String| {
        ["agent", "background", "crons", "options", "last_"].iter().any(|part| name.contains(part))
    };
    assert_eq!(record.keys().filter(is_empty).count(), 0, "{record:#?}");
    let record = hooked(
        &[],
        &json!({"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "Agent",
        "tool_input": {"file_path": "/home/u/x.txt", "subagent_type": "Explore", "run_in_background": false, "content": "secret text"},
        "tool_response": {"status": "completed", "resolvedModel": "m-5", "totalTokens": 120, "totalDurationMs": 369,
            "totalToolUseCount": 2, "interrupted": false, "userModified": true, "content": "secret text"}}),
    );
    has(
        &record,
        &[
            ("tool_input.file_path", json!("/home/u/x.txt")),
            ("tool_input.subagent_type", json!("Explore")),
            ("tool_response.status", json!("completed")),
            ("tool_response.resolvedModel", json!("m-5")),
            ("tool_response.totalTokens", json!(120)),
            ("tool_response.totalDurationMs", json!(369)),
            ("tool_response.totalToolUseCount", json!(2)),
            ("tool_response.userModified", json!(true)),
        ],
    );
    // Most things are not so, and need not be told.
    assert!(
        !record.contains_key("tool_response.interrupted")
            && !record.contains_key("tool_input.run_in_background")
    );
    assert!(!json!(record).to_string().contains("secret text"));
}

#[test]
fn closed_and_odd_descriptors_change_nothing() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    for script in [
        "vlog hook <&-",
        "vlog hook < /",
        "vlog hook >&- 2>&-",
        "echo '{}' | vlog hook >/dev/full 2>/dev/full",
        "vlog hook </dev/null --bogus 2>/dev/full",
    ] {
        let finished = env::finish(&mut env.shell(&format!("{script}; echo status $?")));
        assert_eq!(finished.text(), "status 0\n", "{script}");
    }
    assert_eq!(server.records().len(), 5);
    has(&server.records()[1], &[("level", json!("warn"))]);
    // script(1) gives the command a terminal.
    let finished = env::finish(&mut env.shell("script -qec 'vlog hook; echo status $?' /dev/null"));
    if finished.status == Some(0) {
        assert!(
            finished.text().contains("belongs in an agent's settings")
                && finished.text().ends_with("status 0\r\n")
        );
        assert_eq!(server.records().len(), 6);
    }
}

#[test]
fn a_signal_ends_the_wait_and_not_the_record() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut command: Command = env.vlog();
    let mut child = env::spawn(command.arg("hook").stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"hook_event_name\":\"Stop\",").unwrap();
    thread::sleep(Duration::from_millis(100));
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    has(&server.record(), &[("hook", json!("Stop"))]);
}
