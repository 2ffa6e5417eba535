//! Stream fields and tenants: what keeps records apart on the server.

use crate::env::Env;
use crate::server::{Server, text, texts};

#[test]
fn the_service_makes_the_stream_unless_told_otherwise() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let streams = |query: &str| texts(&server.rows(&format!("{query} | sort by (_time)")), "_stream");

    env.send(["m", "-s", "x"]);
    env.pipe(&["--service", "x"], "one\ntwo\n");
    assert_eq!(streams("service:=x"), [r#"{service="x"}"#; 3]);
    assert_eq!(server.rows(r#"{service="x"}"#).len(), 3);

    env.send(["m", "-s", "two", "env=prod", "--stream-fields", "service,env"]);
    assert_eq!(streams("service:=two"), [r#"{env="prod",service="two"}"#]);
    env.pipe(&["-s", "other", "env=prod", "--stream-fields", "env"], "line\n");
    assert_eq!(streams("service:=other"), [r#"{env="prod"}"#]);
    env.send(["m", "-s", "none", "--stream-fields", "absent"]);
    assert_eq!(streams("service:=none"), ["{}"]);

    let by_variable = Env::new(&server).with("VLOG_STREAM_FIELDS", "team, service");
    by_variable.send(["m", "-s", "three", "team=a"]);
    assert_eq!(streams("service:=three"), [r#"{service="three",team="a"}"#]);
}

#[test]
fn a_stream_may_have_any_name_and_its_fields_stay_fields() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let names = ["a b", "a\"b", "a\\b", "{a}", "a,b=\"c\"", "a\nb", "ключ 😀", "<'&;%>", "a|b"];
    for name in names {
        env.send(["m", "-s", name, "a:b/c\"=value", "--stream-fields", "service,a:b/c\""]);
    }
    let rows = server.rows("* | sort by (_time)");
    assert_eq!(texts(&rows, "service"), names);
    assert!(rows.iter().all(|row| text(row, "a:b/c\"") == "value"), "{rows:#?}");
    let mut streams = texts(&rows, "_stream");
    streams.sort();
    streams.dedup();
    assert_eq!(streams.len(), names.len(), "{streams:#?}");
}

#[test]
fn the_parts_of_a_split_record_are_in_one_stream() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.pipe(&["-s", "x"], "y".repeat(600_000));
    assert_eq!(texts(&server.rows_of("x"), "_stream"), [r#"{service="x"}"#; 3]);
}

#[test]
fn tenants_do_not_see_each_other() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let tenants = ["0:0", "12:3", "12", "3:12"];
    for tenant in tenants {
        env.send([&format!("of {tenant}"), "--tenant", tenant]);
    }
    env.pipe(&["--tenant", "12:3"], "more of 12:3\n");
    env.send(["of nobody in particular"]);
    server.flush();
    let seen = |env: &Env, args: &[&str]| {
        let query = "* | sort by (_time) | fields _msg";
        let finished = env.run(&[&["query", query, "--fail"], args].concat());
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
        let rows = finished.text().lines().map(|line| serde_json::from_str(line).unwrap());
        rows.map(|row| text(&row, "_msg").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&env, &["--tenant", "12:3"]), ["of 12:3", "more of 12:3"]);
    assert_eq!(seen(&env, &["--tenant", "12"]), ["of 12"]);
    assert_eq!(seen(&env, &["--tenant", "3:12"]), ["of 3:12"]);
    assert_eq!(seen(&env, &["--tenant", "4"]), [""; 0]);
    assert_eq!(seen(&env, &[]), ["of 0:0", "of nobody in particular"]);
    assert_eq!(seen(&Env::new(&server).with("VLOG_TENANT", "3:12"), &[]), ["of 3:12"]);

    let headers = "AccountID: 12\r\nProjectID: 3\r\n";
    let answer = server.answer_for(headers, &[("query", "* | stats count() n")]);
    assert_eq!(String::from_utf8(answer.body).unwrap(), "{\"n\":\"2\"}\n");
}
