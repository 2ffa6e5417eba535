//! The lines that the README opens with, as they stand there.

use std::collections::BTreeMap;

use crate::env::Env;
use crate::server::{Server, text, texts};

const SEND: &str = r#"vlog send "observation stored" service=nmem-capture"#;
const PIPE: &str = "some-cmd 2>&1 | vlog pipe --service x";
const QUERY: &str = "vlog query 'level:error' --since 1h";

#[test]
fn the_three_lines_of_the_readme_work_as_they_stand() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("VLOG_VERBOSE", "1").with("VLOG_FAIL", "1");
    let readme = include_str!("../../README.md");
    for line in [SEND, PIPE, QUERY] {
        assert!(readme.lines().any(|known| known == line), "{line}");
    }

    env.shell(SEND).in_silence();
    let row = server.row_of("nmem-capture");
    assert_eq!((text(&row, "_msg"), text(&row, "level")), ("observation stored", "info"));
    assert_eq!(text(&row, "_stream"), r#"{service="nmem-capture"}"#);

    env.script("some-cmd", "echo to stdout; echo to stderr >&2; echo to stdout again");
    env.shell(PIPE).in_silence();
    let rows = server.rows_of("x");
    assert_eq!(texts(&rows, "_msg"), ["to stdout", "to stderr", "to stdout again"]);

    env.shell(QUERY).in_silence();
    env.send(["observation lost", "-l", "error"]);
    env.send(["observation lost long ago", "-l", "error", "-t", &two_hours_ago()]);
    let expected = server.answer(&[("query", "level:error"), ("start", "1h"), ("limit", "100")]).body;
    let finished = env.shell(QUERY);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    assert_eq!(finished.text(), String::from_utf8(expected).unwrap());
    assert_eq!(finished.text().lines().count(), 1);
    assert!(finished.text().contains("\"observation lost\""));
}

fn two_hours_ago() -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)).to_string()
}

#[test]
fn the_counting_query_counts_every_group() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let levels = [("trace", 1), ("debug", 2), ("info", 3), ("warn", 4), ("error", 5), ("fatal", 6)];
    for (level, count) in levels {
        for n in 0..count {
            env.send([&format!("number {n}"), "service=nmem-capture", "-l", level]);
        }
    }
    env.send(["another", "-s", "other"]);
    server.flush();
    let finished = env.shell("vlog query 'service:nmem-capture | stats by (level) count()'");
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let rows = finished.text().lines().map(|line| serde_json::from_str(line).unwrap());
    let found: BTreeMap<_, _> = rows
        .map(|row| (text(&row, "level").to_owned(), text(&row, "count(*)").parse::<i32>().unwrap()))
        .collect();
    assert_eq!(found, levels.map(|(level, count)| (level.to_owned(), count)).into());
}
