//! `--redact` of `pipe` and `run`: no secret of a line arrives, and the rest of the line is understood as ever.

use serde_json::{Value, json};

use crate::env::{TestEnv, finish};
use crate::server::{Answer, Server};

const TOKEN: &str = concat!("ghp_", "0123456789abcdefghijABCDEFGHIJ012345");

fn messages(server: &Server) -> Vec<String> {
    server.records().iter().map(|record| record["_msg"].as_str().unwrap().to_owned()).collect()
}

/// What arrives of `input` by `vlog pipe --redact`.
fn piped(words: &[&str], input: &str) -> Vec<serde_json::Map<String, Value>> {
    let server = Server::new(Answer::Accept);
    let words = [&["pipe", "--redact"], words].concat();
    TestEnv::for_server(&server).run_with(&words, input).in_silence();
    server.records()
}

/// The lines of a private key, the last one short.
fn key_lines() -> Vec<String> {
    let line = |n: u8| format!("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ/{n}+abcdefgh");
    let ends = ["-----BEGIN RSA PRIVATE", "-----END RSA PRIVATE"].map(|end| format!("{end} KEY-----"));
    let [begin, end] = ends;
    [vec![begin], (0..5).map(line).collect(), vec!["Zm9vYmFy".to_owned(), end]].concat()
}

#[test]
fn secrets_leave_with_a_line_unless_redact_takes_them_out() {
    let line = format!("ERROR login with password=hunter-two and {TOKEN} failed\n");
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run_with(&["pipe"], &line).in_silence();
    assert_eq!(messages(&server), [line.trim_end()]);
    let records = piped(&[], &line);
    let clean = "ERROR login with password=[REDACTED:secret] and [REDACTED:github-token] failed";
    assert_eq!((&records[0]["_msg"], &records[0]["level"]), (&json!(clean), &json!("error")));
}

#[test]
fn a_line_of_json_stays_one_whatever_is_taken_out_of_it() {
    let cases = [
        (r#"{"password":12345678,"n":1}"#, r#"{"password":"[REDACTED:secret]","n":1}"#),
        (r#"{"n":1,"password":12345678}"#, r#"{"n":1,"password":"[REDACTED:secret]"}"#),
        (
            r#"{"a":"x","pin_token": -1.5e33 ,"b":"y"}"#,
            r#"{"a":"x","pin_token":"[REDACTED:secret]","b":"y"}"#,
        ),
        (r#"{"password":"hunter2","b":"y"}"#, r#"{"password":"[REDACTED:secret]","b":"y"}"#),
        (r#"{"password":"hunt\"er2","b":"y"}"#, r#"{"password":"[REDACTED:secret]","b":"y"}"#),
        (r#"app  | {"token":"abcdefgh1234","b":"y"}"#, r#"{"token":"[REDACTED:secret]","b":"y"}"#),
    ];
    for (line, expected) in cases {
        let record = &piped(&[], &format!("{line}\n"))[0];
        let expected: serde_json::Map<String, Value> = serde_json::from_str(expected).unwrap();
        for (name, value) in expected {
            assert_eq!(record.get(&name), Some(&value), "{name} of {line}: {record:?}");
        }
    }
}

#[test]
fn a_private_key_on_many_lines_leaks_none_of_them() {
    let lines = key_lines();
    let plain = format!("before\n{}\nafter\n", lines.join("\n"));
    let mixed = format!("before\n{}\nafter\n", lines.join("\nGET /items 200 ok from web-1\n"));
    let escaped: Vec<_> = lines
        .iter()
        .map(|line| json!({"log": format!("{line}\n"), "stream": "stdout"}).to_string())
        .collect();
    let prefixed: Vec<_> =
        lines.iter().map(|line| format!("2026-11-20T10:00:00.1Z stdout F {line}")).collect();
    for input in [plain, mixed, escaped.join("\n"), prefixed.join("\n")] {
        let records = piped(&[], &input);
        let arrived = format!("{records:?}");
        for line in lines.iter().skip(1).take(5) {
            for part in [&line[..30], &line[30..]] {
                assert!(!arrived.contains(part), "{part} in {arrived}");
            }
        }
        let has = |text: &str| arrived.contains(text);
        // The short line at the end is known by where it stands.
        assert!(!has("Zm9vYmFy") || input.contains("GET"), "{arrived}");
        assert!(has("[REDACTED:private-key]") && has("before") == input.contains("before"), "{arrived}");
        assert!(has("after") == input.contains("after"), "{arrived}");
        assert_eq!(
            arrived.matches("200 ok from web-1").count(),
            input.matches("200 ok").count(),
            "{arrived}"
        );
    }
}

#[test]
fn a_line_that_only_speaks_of_a_private_key_hides_no_others() {
    let header = concat!("no -----BEGIN PRIVATE", " KEY----- found");
    let others = "loading /usr/share/doc/some-very-long-name-of-a-package/changelog.gz\nd41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204\n";
    let server = Server::new(Answer::Accept);
    TestEnv::for_server(&server).run_with(&["pipe", "--redact"], format!("{header}\n{others}")).in_silence();
    assert_eq!(messages(&server)[1..], others.lines().map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn a_secret_across_the_pieces_of_a_very_long_line_is_taken_out_whole() {
    for before in (261_900..262_250).step_by(25) {
        let line = format!(
            "{} password={} {}\n",
            "x ".repeat(before / 2),
            "hunter-two-".repeat(9),
            "y ".repeat(90_000)
        );
        let records = piped(&["--parse", "raw"], &line);
        let text: String = records.iter().map(|record| record["_msg"].as_str().unwrap()).collect();
        assert!(!text.contains("hunter") && text.contains("password=[REDACTED:secret] y"), "{before}");
        assert_eq!(text.matches("x ").count(), before / 2);
        assert_eq!(text.trim_end().matches(" y").count(), 90_000);
    }
}

#[test]
fn own_words_and_values_of_the_environment_go_too_and_the_copy_stays() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server)
        .with("DB_PASSWORD", "quiet-river-stone")
        .with("VLOG_FIELDS", "api_key=abcdefgh12345678");
    let input = format!("say quiet-river-stone\n{TOKEN}\n");
    let finished = env.run_with(&["pipe", "--redact", "--tee", "token=abcdefgh1234"], &input);
    assert_eq!(finished.stdout, input.as_bytes());
    let record = &server.records()[0];
    let mark = json!("[REDACTED:secret]");
    assert_eq!(record["_msg"], "say [REDACTED:environment]");
    assert_eq!((&record["token"], &record["api_key"]), (&mark, &mark));
}

#[test]
fn run_takes_secrets_out_of_both_streams_and_passes_them_on_as_they_are() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("DEPLOY_TOKEN", "quiet-river-stone");
    let script = format!("echo 'password=hunter-two'; echo '{TOKEN} quiet-river-stone' >&2; exit 3");
    let finished = finish(env.vlog().args(["run", "--redact", "--", "sh", "-c", &script]));
    assert_eq!(finished.stdout, b"password=hunter-two\n");
    assert!(finished.stderr.contains(TOKEN));
    let arrived = format!("{:?}", server.records());
    for secret in ["hunter-two", TOKEN, "quiet-river-stone"] {
        assert!(!arrived.contains(secret), "{secret} in {arrived}");
    }
    assert!(arrived.contains("password=[REDACTED:secret]") && arrived.contains("exit_code"), "{arrived}");
}

#[test]
fn run_on_failure_takes_secrets_out_of_the_end_of_the_output() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = format!("printf '%s\\n' 'token={TOKEN}' '{}' done; exit 3", key_lines().join("' '"));
    finish(env.vlog().args(["run", "--redact", "--on-failure", "--", "sh", "-c", &script]));
    let output = server.record()["output"].as_str().unwrap().to_owned();
    assert_eq!(output, "token=[REDACTED:github-token]\n[REDACTED:private-key]\ndone");
}
