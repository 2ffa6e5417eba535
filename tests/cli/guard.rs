//! `vlog hook -- COMMAND`: what the agent sees of a hook, and what it is spared.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::env::{self, Finished, TestEnv};
use crate::server::{Answer, Server};

const PAYLOAD: &str =
    r#"{"hook_event_name":"PreToolUse","session_id":"s-1","tool_name":"Bash","tool_input":{"command":"ls"}}"#;

/// Runs a hook's command on the usual payload; what the agent sees, and the record.
#[track_caller]
fn guarded(options: &[&str], command: &[&str]) -> (Finished, Map<String, Value>) {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let finished = env.run_with(&[&["hook"][..], options, &["--"], command].concat(), PAYLOAD);
    (finished, server.record())
}

#[track_caller]
fn shell(options: &[&str], script: &str) -> (Finished, Map<String, Value>) {
    guarded(options, &["sh", "-c", script])
}

/// Asserts that the agent sees nothing, and that the record is an error with these fields.
#[track_caller]
fn fails(command: &[&str], message: &str, expected: &[(&str, Value)]) -> Map<String, Value> {
    let (finished, record) = guarded(&[], command);
    finished.in_silence();
    assert_eq!(record["_msg"], format!("PreToolUse Bash: {message}"), "{record:#?}");
    assert_eq!(
        (&record["level"], &record["hook"], &record["session_id"]),
        (&json!("error"), &json!("PreToolUse"), &json!("s-1"))
    );
    for (name, value) in expected {
        assert_eq!(record.get(*name), Some(value), "{name} of {record:#?}");
    }
    record
}

#[test]
fn a_command_gets_the_payload_and_its_output_reaches_the_agent() {
    let (finished, record) = shell(&["a=b"], "cat; echo aside >&2");
    assert_eq!((finished.status, finished.text(), finished.stderr.as_str()), (Some(0), PAYLOAD, ""));
    assert_eq!(
        (&record["_msg"], &record["level"], &record["a"]),
        (&json!("PreToolUse Bash"), &json!("info"), &json!("b"))
    );
    assert_eq!((&record["exit_code"], &record["command"]), (&json!(0), &json!("sh")));
    assert!(record["duration_ms"].is_u64() && !record.contains_key("stderr"), "{record:#?}");
    assert!(!Value::Object(record).to_string().contains("aside"));
}

#[test]
fn a_two_blocks_with_its_reason_and_is_a_warning() {
    let (finished, record) = shell(&[], "echo '{\"decision\":\"block\"}'; echo 'not here' >&2; exit 2");
    assert_eq!(
        (finished.status, finished.text(), finished.stderr.as_str()),
        (Some(2), "{\"decision\":\"block\"}\n", "not here\n")
    );
    assert_eq!(
        (&record["_msg"], &record["level"]),
        (&json!("PreToolUse Bash: blocked by sh"), &json!("warn"))
    );
    assert_eq!((&record["exit_code"], &record["decision"]), (&json!(2), &json!("block")));
}

#[test]
fn of_the_reason_to_block_only_the_size_is_logged_unless_it_is_asked_for() {
    for options in [&[][..], &["--never-block"], &["--include", "tool_input"]] {
        let (_, record) = shell(options, "echo 'refused: rm -rf /srv/ana' >&2; exit 2");
        assert_eq!((&record["level"], &record["stderr_bytes"]), (&json!("warn"), &json!(25)), "{record:#?}");
        assert!(!Value::Object(record).to_string().contains("rm -rf"));
    }
    let (_, record) = shell(&["--include", "stderr"], "echo 'refused: rm -rf /srv/ana' >&2; exit 2");
    assert_eq!(record["stderr"], "refused: rm -rf /srv/ana");
    assert!(!record.contains_key("stderr_bytes"), "{record:#?}");
}

#[test]
fn a_denial_by_json_is_a_decision_and_a_warning() {
    for (printed, decision, told) in [
        (
            r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"rm"}}"#,
            "deny",
            "denied by sh",
        ),
        (r#"{"hookSpecificOutput":{"permissionDecision":"ask"}}"#, "ask", "put to the user by sh"),
        (r#"{"hookSpecificOutput":{"decision":{"behavior":"deny"}}}"#, "deny", "denied by sh"),
        (r#"{"decision":"block","reason":"rm"}"#, "block", "blocked by sh"),
        (r#"{"permissionDecision":"deny"}"#, "deny", "denied by sh"),
        (r#"{"permission":"deny","userMessage":"rm"}"#, "deny", "denied by sh"),
        (r#"{"continue":false,"stopReason":"rm"}"#, "stop", "stopped by sh"),
    ] {
        let (finished, record) = shell(&[], &format!("echo '{printed}'"));
        assert_eq!((finished.status, finished.text().trim_end()), (Some(0), printed));
        assert_eq!((&record["decision"], &record["level"]), (&json!(decision), &json!("warn")), "{printed}");
        assert_eq!(record["_msg"], format!("PreToolUse Bash: {told}"));
        assert!(!record.values().any(|value| value == "rm"), "{record:#?}");
    }
    for printed in [
        r#"{"hookSpecificOutput":{"permissionDecision":"allow"}}"#,
        r#"{"continue":true,"systemMessage":"deny"}"#,
        "deny",
        r#"{"decision":"block""#,
    ] {
        let (finished, record) = shell(&[], &format!("echo '{printed}'"));
        assert_eq!(finished.text().trim_end(), printed);
        assert!(record["level"] == "info" && !record.contains_key("decision"), "{record:#?}");
    }
    // It is not forwarded, so it decides nothing.
    let (_, record) = shell(&[], "echo '{\"decision\":\"block\"}'; exit 1");
    assert!(!record.contains_key("decision"), "{record:#?}");
}

#[test]
fn with_never_block_a_two_is_a_nought_and_says_nothing() {
    let (finished, record) =
        shell(&["--never-block"], "echo '{\"decision\":\"block\"}'; echo no >&2; exit 2");
    finished.in_silence();
    assert_eq!(
        (&record["_msg"], &record["exit_code"]),
        (&json!("PreToolUse Bash: not blocked by sh"), &json!(2))
    );
    let (finished, _) = shell(&["--never-block"], "echo context");
    assert_eq!((finished.status, finished.text()), (Some(0), "context\n"));
}

#[test]
fn a_crash_is_a_record_and_nothing_else() {
    fails(
        &["sh", "-c", "echo '{\"half\":'; echo oops >&2; exit 1"],
        "sh ended with 1",
        &[("exit_code", json!(1)), ("stderr", json!("oops"))],
    );
    fails(&["sh", "-c", "kill -s SEGV $$"], "sh was ended by SIGSEGV", &[("signal", json!("SIGSEGV"))]);
    fails(&["sh", "-c", "exit 127"], "sh ended with 127", &[("exit_code", json!(127))]);
    fails(
        &["/nonexistent/guard"],
        "guard could not be run: No such file or directory",
        &[("exit_code", json!(127))],
    );
    fails(&["/"], "/ could not be run: Permission denied", &[("exit_code", json!(126))]);
    fails(&[""], " could not be run: No such file or directory", &[("exit_code", json!(127))]);
}

/// A folder for the path with commands in it, each of which runs this script.
fn commands(env: &TestEnv, names: &[&str], script: &str) -> String {
    let folder = env.home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    for name in names {
        let path = folder.join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn a_guard_is_run_wherever_its_interpreter_finds_it() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let path = commands(
        &env,
        &["uv", "bun", "node", "python3", "guard.sh"],
        "#!/bin/sh\ncat > \"$HOME/payload\"; echo no >&2; exit 2\n",
    );
    for command in [
        &["uv", "run", "--directory", "/hooks", "guard.py"][..],
        &["bun", "run", "--cwd", "/hooks", "guard.ts"],
        &["node", "guard"],
        &["python3", "-m", "guard"],
        &["python3", "guard.py"],
        &["bash", "guard.sh"],
    ] {
        let args = [&["hook", "--"], command].concat();
        let finished = env::finish_with(env.vlog().args(&args).env("PATH", &path), PAYLOAD);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(2), "no\n"), "{command:?}");
        let payload = env.home.path().join("payload");
        assert_eq!(std::fs::read_to_string(&payload).unwrap(), PAYLOAD, "{command:?}");
        std::fs::remove_file(payload).unwrap();
    }
    assert!(server.records().iter().all(|record| record["level"] == "warn"));
}

#[test]
fn an_interpreter_that_says_that_its_script_is_missing_does_not_block() {
    for program in ["python3", "dash", "perl", "busybox sh", "uv run --offline", "uv run --offline python"] {
        let words: Vec<_> = program.split(' ').collect();
        if std::process::Command::new(words[0]).arg("-h").output().is_err() {
            env::skip(&format!("there is no {} here", words[0]));
            continue;
        }
        let command = [&words[..], &["/nonexistent/guard.py"]].concat();
        let record = fails(
            &command,
            "guard.py could not be run: /nonexistent/guard.py is not there",
            &[("command", json!("guard.py")), ("exit_code", json!(2))],
        );
        assert!(record["stderr"].as_str().unwrap().contains("guard.py"), "{record:#?}");
    }
    // They end with 127 and 1.
    fails(&["bash", "/nonexistent/guard.sh"], "guard.sh ended with 127", &[]);
}

#[test]
fn in_doubt_a_two_blocks() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let says = "python3: can't open file '/nonexistent/guard.py': [Errno 2] No such file or directory";
    let own = env.home.path().join("guard.py");
    std::fs::write(&own, "").unwrap();
    let own_words = says.replace("/nonexistent/guard.py", own.to_str().unwrap());
    for (said, printed, script) in [
        // It prints something, or says more, or something else.
        (says, "x", "/nonexistent/guard.py"),
        (&format!("{says}\nno"), "", "/nonexistent/guard.py"),
        (&says.replace("[Errno 2]", "[Errno 13]"), "", "/nonexistent/guard.py"),
        // It is about another file, or the file is there.
        (says, "", "guard.py --strict"),
        (&own_words, "", own.to_str().unwrap()),
    ] {
        let text = format!("#!/bin/sh\nprintf %s '{printed}'\ncat >&2 <<'END'\n{said}\nEND\nexit 2\n");
        let path = commands(&env, &["python3"], &text);
        let args = ["hook", "--", "python3", script];
        let finished = env::finish_with(env.vlog().args(args).env("PATH", &path), PAYLOAD);
        assert_eq!((finished.status, finished.text()), (Some(2), printed), "{said} {script}");
        assert_eq!(finished.stderr, format!("{said}\n"));
    }
}

#[test]
fn with_few_descriptors_a_guard_is_run_all_the_same() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut in_place = 0;
    // dash needs one of its own.
    for limit in 4..24 {
        let script = format!("ulimit -n {limit}; exec vlog hook -- sh -c 'cat; exit 2'");
        let finished = env::finish_with(&mut env.shell(&script), PAYLOAD);
        assert_eq!((finished.status, finished.text()), (Some(2), PAYLOAD), "{limit}: {finished:?}");
        if !finished.stderr.is_empty() {
            // What the error is called is the C library's.
            let finished = finished.saying("vlog: could not log sh: ");
            assert!(
                finished.stderr.ends_with("; it runs all the same\n")
                    && !finished.stderr.contains("os error"),
                "{finished:?}"
            );
            in_place += 1;
        }
        // What may not block does not take vlog's place.
        let script = format!("ulimit -n {limit}; exec vlog hook --never-block -- sh -c 'exit 2'");
        assert_eq!(env::finish_with(&mut env.shell(&script), PAYLOAD).status, Some(0), "{limit}");
    }
    assert!(in_place > 3, "only {in_place} of them were in vlog's place");
}

#[test]
fn a_script_is_known_by_its_name() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    std::fs::write(env.home.path().join("guard.sh"), "echo \"$1\"; exit 5").unwrap();
    env.run_with(&["hook", "--", "sh", "guard.sh", "x"], PAYLOAD).in_silence();
    assert_eq!(server.record()["_msg"], "PreToolUse Bash: guard.sh ended with 5");
    let plain = env.home.path().join("no-shebang");
    std::fs::write(&plain, "echo \"shell says $1\"").unwrap();
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o755)).unwrap();
    let finished = env.run_with(&["hook", "--", "./no-shebang", "hello"], PAYLOAD);
    assert_eq!((finished.status, finished.text()), (Some(0), "shell says hello\n"));
}

#[test]
fn too_much_output_is_a_failure_for_cut_json_is_worse_than_none() {
    let record = fails(
        &["sh", "-c", "head -c 100000000 /dev/zero; echo done >&2"],
        "sh wrote more than 1 MiB to stdout",
        &[("exit_code", json!(0))],
    );
    assert_eq!(record["stderr"], "done");
    let (finished, _) = shell(&[], "head -c 1048576 /dev/zero");
    assert_eq!((finished.status, finished.stdout.len()), (Some(0), 1 << 20));
    // A decision to block stands, whatever else was written.
    let (finished, _) =
        shell(&[], "head -c 2000000 /dev/zero; head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 2");
    assert_eq!((finished.status, finished.stdout.len(), finished.stderr.len()), (Some(2), 0, 256 * 1024));
}

#[test]
fn a_grandchild_that_keeps_the_pipes_costs_half_a_second() {
    let (finished, record) = shell(&[], "sleep 60 & echo ok");
    assert_eq!((finished.status, finished.text()), (Some(0), "ok\n"));
    assert!(finished.time < crate::env::within(env::DEADLINE), "{finished:?}");
    assert_eq!(record["exit_code"], 0);
}

#[test]
fn a_command_that_closes_its_streams_or_reads_nothing_is_fine() {
    let (finished, record) = shell(&[], "exec >&- 2>&- <&-; sleep 0.2; exit 0");
    finished.in_silence();
    assert_eq!(record["exit_code"], 0);
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let large =
        format!("{{\"hook_event_name\":\"PostToolUse\",\"tool_response\":\"{}\"}}\n", "x".repeat(10 << 20));
    let finished = env.run_with(&["hook", "--", "sh", "-c", "exit 0"], &large);
    assert_eq!((finished.status, finished.stdout.len()), (Some(0), 0));
    let finished = env.run_with(&["hook", "--", "wc", "-c"], &large);
    assert_eq!(finished.text().trim(), large.len().to_string());
    assert_eq!(server.records()[1]["tool_response_bytes"], 10 << 20);
}

#[test]
fn a_command_that_never_ends_ends_with_the_signal_that_vlog_gets() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let mut child = env::spawn(
        env.vlog()
            .args(["hook", "--", "sh", "-c", "echo up >&2; exec sleep 60"])
            .stdin(std::process::Stdio::piped()),
    );
    child.stdin.take().unwrap().write_all(PAYLOAD.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    env::signal(&child, "TERM");
    env::wait(child).in_silence();
    let record = server.record();
    assert_eq!(
        (&record["signal"], &record["level"], &record["stderr"]),
        (&json!("SIGTERM"), &json!("error"), &json!("up"))
    );
}

#[test]
fn secrets_of_a_crash_do_not_leave() {
    let token = concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345");
    let script = format!(
        "head -c 30000 /dev/zero | tr '\\0' '\\n' >&2; echo 'PASSWORD=hunter22 {token}' >&2; echo 'Authorization: Bearer abcdefgh12345678' >&2; exit 1"
    );
    let record = fails(&["sh", "-c", &script], "sh ended with 1", &[]);
    let text = Value::Object(record).to_string();
    for secret in [token, "hunter22", "abcdefgh12345678"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("[REDACTED:github-token]") && text.contains("\"redacted\":"), "{text}");
    // Blocking is between the hook and the agent: the reason arrives there as it is.
    let (finished, record) = shell(&[], &format!("echo {token} >&2; exit 2"));
    assert_eq!(finished.stderr, format!("{token}\n"));
    assert!(!Value::Object(record).to_string().contains(token));
}

#[test]
fn what_the_agent_says_of_its_tool_is_kept_apart() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let payload = json!({"hook_event_name": "PostToolUse", "tool_name": "Bash", "duration_ms": 4217});
    env.run_with(&["hook", "--", "true"], payload.to_string()).in_silence();
    let record = server.record();
    assert_eq!((&record["tool_duration_ms"], &record["exit_code"]), (&json!(4217), &json!(0)));
    assert_ne!(record["duration_ms"], 4217);
}

#[test]
fn the_real_work_is_done_without_a_server_and_before_a_bug() {
    let block = "cat >/dev/null; echo no >&2; exit 2";
    for (name, value) in
        [("VLOG_URL", "off"), ("VLOG_TEST_PANIC", "hook-record"), ("VLOG_OUTBOX", "off"), ("VLOG_FAIL", "1")]
    {
        let env = TestEnv::new().with(name, value);
        let finished = env.run_with(&["hook", "--", "sh", "-c", block], PAYLOAD);
        // A record that is lost is told behind it.
        let told = finished.stderr.lines().filter(|line| !line.contains("1 record lost")).collect::<Vec<_>>();
        assert_eq!((finished.status, told), (Some(2), vec!["no"]), "{name}");
        let finished = env.run_with(&["hook", "--", "echo", "context"], PAYLOAD);
        assert_eq!((finished.status, finished.text()), (Some(0), "context\n"), "{name}");
    }
    let env = TestEnv::new();
    env.run_with(&["hook", "--", "sh", "-c", "exit 9"], PAYLOAD).in_silence();
    assert_eq!(env.waiting(), ["PreToolUse Bash: sh ended with 9"]);
}

#[test]
fn a_server_that_hangs_costs_one_second_after_the_command() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    let start = Instant::now();
    let finished = env.run_with(&["hook", "--", "sh", "-c", "sleep 1; exit 2"], PAYLOAD);
    assert_eq!(finished.status, Some(2));
    let time = start.elapsed();
    assert!(
        time >= Duration::from_secs(2) && time < crate::env::within(Duration::from_millis(2900)),
        "{time:?}"
    );
}

#[test]
fn a_payload_that_is_none_reaches_the_command_too() {
    for payload in ["", "no json", "{\"cut\":", "[1]"] {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server);
        let finished = env.run_with(&["hook", "--", "cat"], payload);
        assert_eq!((finished.status, finished.text()), (Some(0), payload));
        assert!(server.record().contains_key("vlog_error"), "{payload}");
    }
}

#[test]
fn a_payload_behind_the_commands_words_is_logged_too() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let payload = r#"{"type":"agent-turn-complete","thread-id":"t1"}"#;
    let finished = env.run_with(&["hook", "--", "echo", payload], "");
    assert_eq!((finished.status, finished.text().trim()), (Some(0), payload));
    let record = server.record();
    assert_eq!(
        (&record["hook"], &record["session_id"], &record["harness"]),
        (&json!("Stop"), &json!("t1"), &json!("codex"))
    );
}

#[test]
fn the_rest_of_a_key_that_was_cut_does_not_arrive() {
    let line = "MIIEvQIBADANBgkq".repeat(4);
    let script = format!(
        "for i in $(seq 2000); do echo {line}; done >&2; echo AbC= >&2; echo 'it failed' >&2; exit 1"
    );
    let (_, record) = shell(&[], &script);
    assert_eq!((&record["stderr"], &record["redacted"]), (&json!("it failed"), &json!(1)), "{record:#?}");
}
