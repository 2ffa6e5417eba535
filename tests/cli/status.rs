//! `vlog status`: what works, what does not, and what to type.

use serde_json::json;

use crate::env::TestEnv;
use crate::server::{Answer, Server};

/// The lines above the first empty one.
fn verdict(env: &TestEnv, args: &[&str]) -> Vec<String> {
    let finished = env.run(&[&["status"], args].concat()).ending_with(0);
    finished.text().lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn it_begins_with_what_works() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    assert_eq!(verdict(&env, &[]), [format!("delivering to {}", server.url())]);
    let asked: Vec<_> = server.requests().iter().map(|request| request.line.clone()).collect();
    assert!(asked[0].contains("debug=1") && asked[1].starts_with("POST /select/logsql/query"), "{asked:?}");
    assert_eq!(server.requests()[1].form("query").as_deref(), Some("* | limit 1"));
}

#[test]
fn a_server_that_answers_no_queries_is_told_with_the_setting_for_it() {
    let inserts = Server::judging(|_, request| match request {
        Some(request) if request.line.contains("/select/") => Answer::Status(404, "", "no such path"),
        _ => Answer::Accept,
    });
    let env = TestEnv::for_server(&inserts);
    let lines = verdict(&env, &[]);
    assert_eq!(lines[0], format!("delivering to {}", inserts.url()));
    assert!(lines[1].contains("answers no queries: ") && lines[1].contains("VLOG_QUERY_URL"), "{lines:?}");
    let selects = Server::new(Answer::Accept);
    let env = env.with("VLOG_QUERY_URL", &selects.url());
    assert_eq!(verdict(&env, &[]).len(), 1);
    assert_eq!((env.status()["server"]["answering"].clone(), selects.requests().len()), (json!(true), 2));
}

#[test]
fn where_nothing_is_delivered_it_says_why_and_what_to_do() {
    let env = TestEnv::new();
    let lines = verdict(&env, &[]);
    assert!(lines[0].starts_with(&format!("not delivering: could not reach {}: ", env.url())), "{lines:?}");
    assert!(lines[1].contains("vlog status --url http://HOST:9428"), "{lines:?}");
    // Where none is named it is said how to name one, in words that can be typed as they stand.
    let nowhere = TestEnv::new().without("VLOG_URL").with("VLOG_OUTBOX_MAX", "1MiB");
    let lines = verdict(&nowhere, &["--timeout", "300ms"]);
    if lines[0].starts_with("not delivering") {
        let command = lines.iter().find_map(|line| line.strip_prefix("  mkdir")).unwrap();
        let made =
            crate::env::finish(&mut nowhere.shell(&format!("mkdir{command} && cat .config/vlog/config")));
        assert_eq!(made.text(), "VLOG_URL=http://HOST:9428\n");
    }
    let lost = verdict(&env, &["--no-outbox"]);
    assert!(lost[1].contains("what is logged now is lost"), "{lost:?}");
    let wrong = verdict(&env, &["--url", "htp://x"]);
    assert_eq!(wrong[0], "nothing is sent: could not use --url: the scheme must be http or https");
    assert!(wrong[1].contains("vlog flush --rejected"), "{wrong:?}");
    let off = verdict(&env, &["--url", "off"]);
    assert_eq!(off, ["delivery is off: nothing is sent, and nothing is kept"]);
}

#[test]
fn records_that_wait_are_named_with_the_command_that_delivers_them() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::new();
    env.run(&["send", "m"]).in_silence();
    env.run_with(&["pipe", "--protocol", "loki", "--tenant", "team"], "a\nb\n").in_silence();
    let text = env.run(&["status", "--url", &server.url()]);
    for (count, command) in [
        ("1 record waits", format!("vlog flush --url {}", env.url())),
        ("2 records wait", format!("vlog flush --url {} --protocol loki --tenant 'team'", env.url())),
    ] {
        let line = text.text().lines().find(|line| line.ends_with(&format!(": {command}"))).unwrap();
        assert!(line.contains(&format!("{count} for {}", env.url())), "{line}");
    }
    assert_eq!(env.status()["outbox"]["records_for_other_servers"], 2);
    // The commands are those that deliver.
    let line = text.text().lines().find(|line| line.contains("loki")).unwrap();
    let (_, command) = line.split_once(": vlog").unwrap();
    let told = crate::env::finish(&mut env.shell(&format!("vlog{command} -v")));
    assert!(told.stderr.contains("2 records left in the outbox"), "{told:?}");
    // Of one's own server the verdict says it.
    let own = TestEnv::new();
    own.run(&["send", "m"]).in_silence();
    let _back = Server::at(own.url().trim_start_matches("http://"), Answer::Accept);
    assert_eq!(verdict(&own, &[])[1], "1 record waits; vlog flush delivers what is left");
}

#[test]
fn only_what_is_not_the_default_is_shown_unless_all_is_asked_for() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_TIMEOUT", "soon").with("VLOG_SERVCE", "x");
    let short = env.run(&["status"]);
    let settings: Vec<_> = short.text().lines().filter(|line| line.starts_with("  ")).collect();
    assert!(settings[0].starts_with("  url ") && settings[0].ends_with(" VLOG_URL"), "{settings:?}");
    assert!(short.text().contains("    could not use VLOG_TIMEOUT: 'soon'"), "{short:?}");
    assert!(short.text().contains("VLOG_SERVCE is no variable of vlog's"), "{short:?}");
    assert!(!short.text().contains("stream_fields") && !short.text().contains("dropped"), "{short:?}");
    let all = env.run(&["status", "--all"]);
    for name in ["stream_fields", "outbox_max", "dropped", "last error", "query_url"] {
        assert!(all.text().contains(name), "{name}: {all:?}");
    }
    assert!(short.text().lines().count() < 20 && all.text().lines().count() > 35, "{short:?}");
}
