//! What a terminal shows: the screens in `screens/`, made anew by `BLESS=1`. ESC is written as ␛ there.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};
use unicode_width::UnicodeWidthStr;

use crate::env::{self, TestEnv};
use crate::server::{Answer, Server};

const JSON: &str = "Content-Type: application/stream+json\r\n";

const RECORDS: &str = concat!(
    r#"{"_time":"2026-11-20T09:59:58.1Z","_stream_id":"1","_stream":"{service=\"web\"}","_msg":"GET /cart","level":"info","service":"web","host":"h1","status":"200","duration_ms":"12"}"#,
    "\n",
    r#"{"_time":"2026-11-20T09:59:59Z","_msg":"the upstream did not answer within the time that it was given, so another one was asked, which answered at once and said that it had been waiting for work","level":"warn","service":"payments-gateway","host":"h2","url":"https://example.org/a/rather/long/path/that/goes/on?and=on&and=on&until=it&does=not&fit=any&more=on&a=line"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:00.123456789Z","_msg":"Traceback (most recent call last):\n  File \"cart.py\", line 12, in <module>\n\tmain()\nValueError: no such item","level":"error","service":"web","host":"h1"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:01Z","_msg":"世界中のログを一か所に集めて検索する 😀 café e\u0301 世界中のログを一か所に集めて検索する","level":"fatal","service":"日本語","note":"two words","quote":"a \"b\""}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:02Z","_msg":"\u001b[31mred\u001b[0m \u001b]0;owned\u0007 \u202etxt.exe\r gone \u009b1m","level":"NOTICE","service":"hostile\u001b[2J","key\n":"va\nlue"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:03Z","_msg":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","level":"debug"}"#,
    "\n",
    "this is no JSON \u{1b}[1m\n",
);

const STATS: &str = concat!(
    r#"{"n":"1800","service":"web","level":"info","avg":"12.5"}"#,
    "\n",
    r#"{"n":"6","service":"payments-gateway","level":"error","avg":"NaN"}"#,
    "\n",
    r#"{"n":"42","service":"a-service-with-a-name-that-is-longer-than-a-terminal-of-eighty-columns-is-wide","level":"warn"}"#,
    "\n",
    r#"{"n":"7","service":"\u001b[2J\u202e","level":"debug","avg":"-3"}"#,
    "\n",
);

const HITS: &str = r#"{"hits":[{"fields":{"level":"info"},"timestamps":["2026-11-20T09:00:00Z","2026-11-20T09:20:00Z","2026-11-20T09:40:00Z"],"values":[800,1200,10],"total":2010},{"fields":{"level":"error"},"timestamps":["2026-11-20T09:20:00Z","2026-11-20T09:40:00Z"],"values":[1,90],"total":91},{"fields":{"level":"WARNING"},"timestamps":["2026-11-20T09:10:00Z"],"values":[300],"total":300},{"fields":{},"timestamps":["2026-11-20T09:30:00Z"],"values":[5],"total":5}]}"#;

/// What a terminal of this size is sent by `vlog query`, stdout and stderr.
fn shown(body: &'static str, status: u16, size: (u16, u16), locale: &str, args: &[&str]) -> String {
    let server = Server::new(Answer::Status(status, JSON, body));
    let env = TestEnv::for_server(&server).with("TZ", "CET-1CEST,M3.5.0,M10.5.0/3").with("LANG", locale);
    let size = Winsize { ws_col: size.0, ws_row: size.1, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let mut command = env.vlog();
    command.arg("query").args(args).env("TERM", "xterm-256color");
    command.stdout(Stdio::from(pty.slave.try_clone().unwrap())).stderr(Stdio::from(pty.slave));
    let mut child = env::start(&mut command);
    // It holds the other end too.
    drop(command);
    let mut bytes = Vec::new();
    // Once the other end is closed, reading fails.
    let _ = File::from(pty.master).read_to_end(&mut bytes);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n").replace(&server.url(), "http://SERVER")
}

/// The text without colours; asserts that nothing else would move a terminal.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let end = after.find(|char: char| !(char.is_ascii_digit() || char == ';')).unwrap();
        assert_eq!(&after[end..=end], "m", "{after:?}");
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    assert!(!out.chars().any(|char| char.is_control() && char != '\n'), "{out:?}");
    out
}

/// Compares with the file, or writes it.
#[track_caller]
fn check(name: &str, columns: u16, screen: &str) {
    for line in plain(screen).lines().filter(|line| !line.starts_with("vlog: ")) {
        assert!(line.width() <= columns.into(), "{name}: {} of {columns} cells: {line}", line.width());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cli/screens/{name}-{columns}.txt"));
    let screen = screen.replace('\u{1b}', "␛");
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &screen).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(screen == expected, "{}:\n{screen}", path.display());
}

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];

#[test]
fn records() {
    for size in SIZES {
        check("records", size.0, &shown(RECORDS, 200, size, "C.UTF-8", &["*", "-n", "7"]));
    }
}

#[test]
fn chosen_fields() {
    for size in SIZES {
        check("fields", size.0, &shown(RECORDS, 200, size, "C.UTF-8", &["--fields", "host,_msg,_time"]));
        check(
            "columns",
            size.0,
            &shown(RECORDS, 200, size, "C.UTF-8", &["--fields", "_time,level,service,host"]),
        );
    }
}

#[test]
fn statistics() {
    let query = "* | stats by (service, level) count() n, avg(x) avg";
    for size in SIZES {
        check("stats", size.0, &shown(STATS, 200, size, "C.UTF-8", &[query]));
    }
    check("stats", 30, &shown(STATS, 200, (30, 24), "C", &[query]));
    check("stats", 12, &shown(STATS, 200, (12, 24), "C", &[query]));
}

#[test]
fn histograms() {
    let args = ["--histogram", "--since", "2026-11-20 10:00", "--until", "2026-11-20 10:59"];
    for size in SIZES {
        check("histogram", size.0, &shown(HITS, 200, size, "C.UTF-8", &args));
        check("histogram-ascii", size.0, &shown(HITS, 200, size, "C", &args));
        let plain = [&args[..], &["--color=never"]].concat();
        check("histogram-plain", size.0, &shown(HITS, 200, size, "C.UTF-8", &plain));
    }
}

#[test]
fn a_place_in_the_query() {
    let words =
        "cannot parse query [level:error foo:(]: missing filter after '('; context: [level:error foo:(]";
    check("error", 80, &shown(words, 400, SIZES[0], "C.UTF-8", &["level:error foo:("]));
}

#[test]
fn a_hint() {
    check("hint", 80, &shown("", 200, SIZES[0], "C.UTF-8", &["* | limt 3"]));
}

#[test]
fn the_narrowest_terminals_get_lines_that_fit() {
    for columns in 1..80 {
        for body in [RECORDS, STATS] {
            let screen = plain(&shown(body, 200, (columns, 24), "C.UTF-8", &[]));
            for line in screen.lines().filter(|line| !line.starts_with("vlog: ")) {
                // A wide character has nowhere to go on a terminal of one column.
                assert!(line.width() <= usize::from(columns).max(2), "{columns}: {line}");
            }
        }
    }
}

const PICTURED: &str = concat!(
    r#"{"_time":"2026-11-20T09:59:58.102Z","_msg":"412 orders read","level":"info","service":"shop","ms":"31"}"#,
    "\n",
    r#"{"_time":"2026-11-20T09:59:59.250Z","_msg":"order 17 has no price","level":"warn","service":"shop","order":"17"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:00.123Z","_msg":"PostToolUse Bash","level":"info","service":"claude-code","tool_name":"Bash","duration_ms":"840"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:03.007Z","_msg":"Traceback (most recent call last):\n  File \"pay.py\", line 12, in <module>\nTimeoutError: no answer from the bank","level":"error","service":"payments"}"#,
    "\n",
    r#"{"_time":"2026-11-20T10:00:04.911Z","_msg":"backup.sh ended with 3 after 2s","level":"error","service":"backup.sh","exit_code":"3"}"#,
    "\n",
);

/// The colour of a style's codes.
fn fill(codes: &str) -> &'static str {
    match codes.split(';').next_back() {
        Some("31") => "#ff7b72",
        Some("32") => "#7ee787",
        Some("33") => "#e3b341",
        Some("34" | "36") => "#79c0ff",
        Some("35") => "#d2a8ff",
        Some("2" | "90") => "#8b949e",
        _ => "#e6edf3",
    }
}

/// A line of a screen as the spans of a picture.
fn spans(line: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut pieces = line.split("\u{1b}[");
    let mut out = escape(pieces.next().unwrap());
    for piece in pieces {
        let (codes, text) = piece.split_once('m').unwrap();
        if !text.is_empty() {
            let weight = if codes.starts_with("1;") { " font-weight=\"bold\"" } else { "" };
            write!(out, "<tspan fill=\"{}\"{weight}>{}</tspan>", fill(codes), escape(text)).unwrap();
        }
    }
    out
}

#[test]
fn the_picture_of_the_readme() {
    let size = (80, 24);
    let hits = ["--histogram", "--since", "2026-11-20 10:00", "--until", "2026-11-20 10:59"];
    let mut screen = "$ vlog query --since 10m\n".to_owned();
    screen.push_str(&shown(PICTURED, 200, size, "C.UTF-8", &["--since", "2026-11-20 10:00", "-n", "9"]));
    screen.push_str("\n$ vlog query --histogram --since 10:00\n");
    screen.push_str(&shown(HITS, 200, size, "C.UTF-8", &hits));
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{0}\" viewBox=\"0 0 720 {0}\">\n\
         <title>vlog query: records in colour, and a histogram by level</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n\
         <g font-family=\"monospace\" font-size=\"14\" fill=\"#e6edf3\" xml:space=\"preserve\">\n",
        screen.lines().count() * 18 + 32
    );
    for (at, line) in screen.lines().enumerate() {
        let length = plain(line).width() * 86 / 10;
        let fit = if length > 0 { format!(" textLength=\"{length}\"") } else { String::new() };
        writeln!(picture, "<text x=\"16\" y=\"{}\"{fit}>{}</text>", at * 18 + 30, spans(line)).unwrap();
    }
    picture.push_str("</g>\n</svg>\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/screens/readme.svg");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == picture, "{picture}");
}
