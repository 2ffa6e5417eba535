//! Where records go, and where they never go: destinations, settings that cannot be read, secrets, homes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::{Value, json};

use crate::env::{self, TestEnv, undelivered};
use crate::outbox::messages;
use crate::server::{Answer, Server};

/// The first line of the only entry in a directory.
#[track_caller]
fn header(folder: &std::path::Path) -> Value {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let entries: Vec<_> = all.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let text = fs::read_to_string(&entries[0]).unwrap();
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

/// The records that were put aside.
fn aside(env: &TestEnv) -> Vec<Value> {
    let all = fs::read_dir(env.outbox().join("rejected")).into_iter().flatten().flatten();
    let texts: Vec<_> = all.map(|entry| undelivered(&entry.path()).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_tenant_is_the_same_in_whatever_case_its_header_is_written() {
    let server = Server::scripted(|n| if n == 0 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "of tenant five", "-H", "accountid: 5", "--tenant", "7:2"]).in_silence();
    assert_eq!(header(&env.outbox())["tenant"], "5:2");
    env.run(&["send", "of nobody"]).in_silence();
    env.run(&["flush", "--tenant", "7:2"]).in_silence();
    assert_eq!(messages(&server), ["of tenant five", "of nobody"]);
    env.run(&["flush", "--tenant", "5:2", "--fail"]).in_silence();
    let last = server.requests().pop().unwrap();
    assert_eq!((last.headers["accountid"].as_str(), last.records().len()), ("5", 1));
}

#[test]
fn users_have_entries_of_their_own_and_tokens_share_them() {
    let server = Server::scripted(|n| if n < 4 { Answer::Status(503, "", "") } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    let send = |text: &str, variables: &[(&str, &str)]| {
        env::finish(env.vlog().args(["send", text]).envs(variables.iter().copied())).in_silence()
    };
    send("hers", &[("VLOG_USER", "ana"), ("VLOG_PASSWORD", "s3cret")]);
    let text = fs::read_to_string(&env.entries()[0]).unwrap();
    assert!(!text.contains("\"ana") && !text.contains("s3cret"), "{text}");
    send("of ben", &[("VLOG_USER", "ben"), ("VLOG_PASSWORD", "s3cret")]);
    send("of one token", &[("VLOG_TOKEN", "one")]);
    send("of another", &[("VLOG_TOKEN", "another")]);
    let url = server.url().replace("http://", "http://ana:new-password@");
    let flush = |arguments: &[&str]| env::finish(env.vlog().arg("flush").args(arguments)).in_silence();
    flush(&["--url", &url]);
    assert_eq!(messages(&server)[4..], ["hers"], "the password is no part of a user");
    flush(&["-H", "authorization: basic YmVuOng="]);
    assert_eq!(messages(&server)[5..], ["of ben"]);
    flush(&[]);
    assert_eq!(messages(&server)[6..], ["of one token", "of another"]);
}

#[test]
fn a_password_that_cannot_be_read_does_not_make_records_somebody_elses() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        env::finish(env.vlog().args(arguments).envs(variables.iter().copied())).kept_the_promise()
    };
    let no_password = ("VLOG_PASSWORD_FILE", "/nonexistent");
    run(&["send", "hers"], &[("VLOG_USER", "alice"), no_password]).saying("1 record kept in the outbox");
    let url = server.url().replace("http://", "http://alice:pw@");
    run(&["send", "hers too"], &[("VLOG_URL", &url), no_password]).saying("1 record kept in the outbox");
    run(&["send", "whose?"], &[("VLOG_USER_FILE", "/nonexistent")]).saying("1 record put aside");
    run(&["flush"], &[("VLOG_TOKEN", "bobs")]);
    assert_eq!(server.connections(), 0);
    run(&["flush"], &[("VLOG_USER", "alice"), ("VLOG_PASSWORD", "pw")]);
    assert_eq!(messages(&server), ["hers", "hers too"]);
}

#[test]
fn records_for_this_machine_remember_which_one_that_is() {
    let name = Command::new("uname").arg("-n").output().unwrap().stdout;
    let name = String::from_utf8(name).unwrap().trim().to_owned();
    for host in ["localhost", "127.0.0.1", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"] {
        let env = TestEnv::new().with("VLOG_URL", &format!("http://{host}:1"));
        env.run(&["send", "m"]).kept_the_promise();
        assert_eq!(header(&env.outbox())["host"], json!(name), "{host}");
    }
}

/// Ways to say badly where records go, as arguments and variables, and what is said.
const BAD: [(&[&str], (&str, &str), &str); 15] = [
    (&["--url", "htp://x"], ("A", "B"), "could not use --url: the scheme must be http or https"),
    (&["--url", ""], ("A", "B"), "could not use --url: it is empty"),
    (&["--url"], ("A", "B"), "could not use --url: it is empty"),
    (&["--urll", "http://127.0.0.1:1"], ("A", "B"), "there is no option --urll"),
    (&["--urll=http://127.0.0.1:1"], ("A", "B"), "there is no option --urll"),
    (&["--tenant", "abc"], ("A", "B"), "could not use --tenant: 'abc' is no tenant number"),
    (&["--protocol", "pigeon"], ("A", "B"), "could not use --protocol: 'pigeon' is no protocol"),
    (&["--protocl", "loki"], ("A", "B"), "there is no option --protocl"),
    (&["--tenat", "5"], ("A", "B"), "there is no option --tenat"),
    (&["-H", "s3cret"], ("A", "B"), "could not use --header: it is not of the form 'Name: value'"),
    (
        &["-H", "X-Job: s3cret\nAccountID: 7"],
        ("A", "B"),
        "could not use --header: its value has control characters",
    ),
    (&["-H", "AccountID: s3cret five"], ("A", "B"), "could not use --header: "),
    (
        &[],
        ("VLOG_URL", "https://logs.example/?x=s3cret"),
        "could not use VLOG_URL: it must end with the path",
    ),
    (&[], ("VLOG_TENANT", "a:b"), "could not use VLOG_TENANT: 'a' is no tenant number"),
    (&["-H", "@/nonexistent"], ("A", "B"), "could not use --header: no such file or directory"),
];

#[test]
fn where_it_cannot_be_told_where_a_record_goes_nothing_is_sent_and_it_is_put_aside() {
    for (arguments, (name, value), why) in BAD {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server).with("VLOG_TOKEN", "t0ken");
        let bad = |verb: &[&str], input: &str| {
            let all: Vec<_> = verb[..1].iter().chain(arguments).chain(&verb[1..]).copied().collect();
            // A value that is missing can only be missing at the end.
            let all = if arguments == ["--url"] { [verb, arguments].concat() } else { all };
            env::finish_with(env.vlog().args(all).env(name, value), input)
        };
        for (verb, input, count) in [
            (&["send", "m"][..], "", 1),
            (&["send", "m", "--detach"], "", 1),
            (&["pipe"], "m\nm\n", 2),
            (&["hook"], "{\"hook_event_name\":\"Stop\"}", 1),
        ] {
            let finished = bad(verb, input).kept_the_promise();
            let told: Vec<_> = finished.stderr.lines().filter(|line| line.contains(why)).collect();
            assert!(!told.is_empty(), "{arguments:?}: {finished:?}");
            let became = if count == 1 {
                "1 record put aside".to_owned()
            } else {
                format!("{count} records put aside")
            };
            assert!(finished.stderr.contains(&became), "{arguments:?}: {finished:?}");
            assert!(!finished.stderr.contains("s3cret") || why.ends_with(": "), "{finished:?}");
        }
        assert_eq!(bad(&["send", "m", "--fail"], "").status, Some(1));
        bad(&["flush"], "").kept_the_promise();
        assert_eq!(bad(&["flush", "--fail"], "").status, Some(1), "{arguments:?}");
        assert_eq!(bad(&["query", "--fail"], "").status, Some(1), "{arguments:?}");
        assert_eq!(server.connections(), 0, "{arguments:?}");
        assert_eq!((aside(&env).len(), env.entries().len()), (6, 0), "{arguments:?}");
        assert_eq!(env.status()["outbox"]["without_destination"], 6);

        // Only who asks for it sends them, once, to the server that is then in force.
        env.run(&["flush", "--fail"]).in_silence();
        assert!(messages(&server).is_empty());
        env.run(&["flush", "--rejected", "-v", "--fail"]).kept_the_promise().saying("6 records delivered");
        assert_eq!((messages(&server).len(), aside(&env).len()), (6, 0));
        env.run(&["flush", "--rejected", "--fail"]).in_silence();
    }
}

#[test]
fn without_its_certificates_a_record_is_kept_for_its_server() {
    for (arguments, (name, value)) in [
        (&["--ca-file", "/nonexistent"][..], ("A", "B")),
        (&[], ("VLOG_CA_FILE", "/dev/null")),
        (&[], ("VLOG_TOKEN_FILE", "/nonexistent")),
    ] {
        let server = Server::new(Answer::Accept);
        let env = TestEnv::for_server(&server).with("VLOG_STREAM_FIELDS", "a");
        let mut send = env.vlog();
        send.args(["send", "m"]).args(arguments).env(name, value);
        env::finish(&mut send).kept_the_promise().saying("1 record kept in the outbox");
        assert_eq!(server.connections(), 0);
        env.run(&["flush", "--fail"]).in_silence();
        assert_eq!(messages(&server), ["m"]);
    }
}

#[test]
fn a_refused_record_is_offered_again_only_to_those_who_ask_and_stays_if_it_is_refused_again() {
    let server = Server::judging(|n, request| {
        let text =
            request.map(|request| String::from_utf8_lossy(&request.body).into_owned()).unwrap_or_default();
        match (text.contains("bad"), text.contains("worse")) {
            (true, false) if n < 10 => Answer::Status(400, "", "a bad record"),
            (_, true) => Answer::Status(400, "", "a bad record"),
            _ => Answer::Accept,
        }
    });
    let env = TestEnv::for_server(&server);
    for text in ["bad 1", "worse", "bad 2"] {
        env.run(&["send", text]).in_silence();
    }
    assert_eq!(aside(&env).len(), 3);
    env.run(&["flush", "--fail"]).in_silence();
    for _ in server.requests().len()..10 {
        env.run(&["send", "good"]).in_silence();
    }
    let told = "2 records delivered, 1 record refused and put aside";
    let flushed = env.run(&["flush", "--rejected", "--fail", "-v"]).saying(told);
    assert_eq!((flushed.status, aside(&env).len()), (Some(1), 1));
    // What another server refused is not this one's affair.
    let other = Server::new(Answer::Accept);
    env.run(&["flush", "--rejected", "--url", &other.url()]).in_silence();
    assert_eq!((other.connections(), aside(&env).len()), (0, 1));
}

#[test]
fn what_may_be_a_secret_is_neither_told_nor_logged() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_VERBOSE", "1");
    for line in [
        &["send", "--token", "s3cret", "msg"][..],
        &["send", "--token=s3cret", "msg"],
        &["send", "msg", "--pasword", "s3cret"],
        &["send", "msg", "--api-key", "s3cret", "-x"],
        &["send", "--heder", "Authorization: s3cret", "msg"],
        &["flush", "--token", "s3cret"],
        &["flush", "s3cret"],
        &["flush", "s3cret", "s3cret"],
        &["status", "--token", "s3cret"],
        &["status", "--json", "s3cret"],
        &["query", "--token", "s3cret", "*"],
        &["pipe", "--token", "s3cret"],
        &["hook", "--token", "s3cret"],
        &["run", "--token", "s3cret", "--", "echo", "x"],
    ] {
        let finished = env.run_with(line, "{}");
        assert_eq!(finished.status, Some(0), "{line:?}");
        let shown = [finished.text(), &finished.stderr].concat();
        assert!(!shown.contains("s3cret"), "{line:?}: {shown}");
        assert!(finished.stderr.starts_with("vlog: "), "{line:?}: {finished:?}");
    }
    let sent: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    assert!(!String::from_utf8(sent.concat()).unwrap().contains("s3cret"));
    assert!(
        messages(&server).iter().filter(|text| text.as_str() == "msg").count() >= 4,
        "{:?}",
        messages(&server)
    );
    for entry in env.entries() {
        assert!(!fs::read_to_string(entry).unwrap().contains("s3cret"));
    }
}

#[test]
fn status_shows_no_password_of_any_address() {
    let secret = "http://alice:s3cret@logs.example:9428";
    for (name, value) in
        [("VLOG_URL", secret), ("VLOG_QUERY_URL", secret), ("VLOG_QUERY_URL", "ftp://u:s3cret@x")]
    {
        // Delivery is off, so that nobody is asked.
        let env = TestEnv::new().with("VLOG_URL", "off").with(name, value).with("VLOG_TIMEOUT", "300ms");
        for form in [&["status", "-v"][..], &["status", "--json"]] {
            let finished = env.run(form);
            let shown = [finished.text(), &finished.stderr].concat();
            assert!(!shown.contains("s3cret"), "{shown}");
            assert!(shown.contains("logs.example") != value.starts_with("ftp"), "{shown}");
        }
    }
}

#[test]
fn status_says_what_is_wrong_with_a_setting_and_which_counts_instead() {
    let env = TestEnv::new().with("VLOG_TIMEOUT", "700ms").with("VLOG_MIN_LEVEL", "loud");
    let status = |arguments: &[&str]| -> Value {
        let finished = env.run(&[&["status", "--json"], arguments].concat());
        serde_json::from_str(finished.text()).unwrap()
    };
    let setting = |status: &Value, name: &str| {
        let row = &status["settings"][name];
        (row["value"].clone(), row["source"].clone(), row["wrong"].clone())
    };
    let bad = status(&["--timeout", "soon"]);
    let wrong = json!("could not use --timeout: 'soon' is no duration such as 2s, 500ms or 1m30s");
    assert_eq!(setting(&bad, "timeout"), (json!("700ms"), json!("VLOG_TIMEOUT"), wrong));
    let (value, source, wrong) = setting(&bad, "min_level");
    assert_eq!((value, source), (Value::Null, json!("default")));
    assert!(
        wrong.as_str().unwrap().starts_with("could not use VLOG_MIN_LEVEL: 'loud' is no level"),
        "{wrong}"
    );
    assert_eq!(setting(&status(&[]), "service"), (json!("vlog"), json!("default"), Value::Null));
    let bad = status(&["--url", "ftp://x"]);
    let (value, source, _) = setting(&bad, "url");
    assert_eq!((value, source), (Value::Null, json!("--url")));
    assert_eq!(bad["server"]["error"], "could not use --url: the scheme must be http or https");
    assert!(env.run(&["status", "--timeout", "soon"]).text().contains("    could not use --timeout: 'soon'"));
}

#[test]
fn the_last_error_is_that_of_the_server_at_hand() {
    let env = TestEnv::new();
    env.run(&["send", "m"]).in_silence();
    let server = Server::new(Answer::Accept);
    let other = env::finish(env.vlog().args(["status", "--json", "--url", &server.url()]));
    let other: Value = serde_json::from_str(other.text()).unwrap();
    assert_eq!(other["outbox"]["last_error"], Value::Null);
    assert_eq!(other["outbox"]["records_for_other_servers"], 1);
    assert!(env.status()["outbox"]["last_error"].as_str().unwrap().contains("connection refused"));
}

/// Whether this test may become somebody else; says so if not.
fn is_root() -> bool {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        env::skip("this needs root");
    }
    is_root
}

fn chown(path: &std::path::Path, user: &str) {
    assert!(Command::new("chown").arg(user).arg(path).status().unwrap().success());
}

#[test]
fn root_makes_nothing_in_a_home_that_is_another_users() {
    if !is_root() {
        return;
    }
    let env = TestEnv::new();
    chown(env.home.path(), "12345");
    // Where root's records go instead is looked at only: it is the tester's own home.
    let outbox = |variable: Option<&std::path::Path>| {
        let mut status = env.vlog();
        status.args(["status", "--json"]).envs(variable.map(|path| ("XDG_STATE_HOME", path)));
        let status: Value = serde_json::from_str(env::finish(&mut status).text()).unwrap();
        status["settings"]["outbox"]["value"].as_str().unwrap().to_owned()
    };
    let theirs = env.home.path().to_str().unwrap();
    assert!(!outbox(None).starts_with(theirs));
    assert!(!outbox(Some(&env.home.path().join("not/yet/there"))).starts_with(theirs));
    let roots = tempfile::tempdir().unwrap();
    assert!(outbox(Some(roots.path())).starts_with(roots.path().to_str().unwrap()));
    let mut send = env.vlog();
    env::finish(send.args(["send", "m"]).env("XDG_STATE_HOME", roots.path())).in_silence();
    assert!(roots.path().join("vlog/outbox").exists());
    assert_eq!(fs::read_dir(env.home.path()).unwrap().count(), 0);
    // A home of root's own, as in a container.
    chown(env.home.path(), "0");
    env.run(&["send", "m"]).in_silence();
    assert_eq!(env.waiting(), ["m"]);
}

#[test]
fn somebody_elses_symbolic_link_is_not_followed_as_the_outbox() {
    let env = TestEnv::new();
    let (target, link) = (env.home.path().join("target"), env.home.path().join("link"));
    fs::create_dir(&target).unwrap();
    symlink(&target, &link).unwrap();
    let env = env.with("VLOG_OUTBOX", link.to_str().unwrap());
    env.run(&["send", "m"]).in_silence();
    assert!(fs::read_dir(&target).unwrap().count() > 0, "a link of one's own is followed");
    if is_root() {
        assert!(Command::new("chown").args(["-h", "12345"]).arg(&link).status().unwrap().success());
        let before = fs::read_dir(&target).unwrap().count();
        env.run(&["send", "m"]).kept_the_promise().saying("1 record lost: could not use");
        assert_eq!(fs::read_dir(&target).unwrap().count(), before);
    }
}

#[test]
fn without_a_home_of_ones_own_the_one_in_etc_passwd_counts() {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    let id = String::from_utf8(id).unwrap().trim().to_owned();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(id.as_str()));
    let Some(home) = line.and_then(|line| line.split(':').nth(5)) else {
        env::skip("there is no home in /etc/passwd");
        return;
    };
    // Nothing is written: delivery is off.
    let env = TestEnv::new().with("VLOG_URL", "off");
    let outbox = |home: Option<&str>| {
        let mut status = env.vlog();
        status.args(["status", "--json"]).env_remove("HOME").envs(home.map(|home| ("HOME", home)));
        let status: Value = serde_json::from_str(env::finish(&mut status).text()).unwrap();
        status["settings"]["outbox"]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(outbox(None), format!("{home}/.local/state/vlog/outbox"));
    assert_eq!(outbox(Some("relative")), format!("{home}/.local/state/vlog/outbox"));
    assert_eq!(outbox(Some("/")), "/.local/state/vlog/outbox");
    if is_root() {
        chown(env.home.path(), "12345");
        let theirs = env.home.path().to_str().unwrap();
        assert_eq!(outbox(Some(theirs)), format!("{home}/.local/state/vlog/outbox"));
    }
}
