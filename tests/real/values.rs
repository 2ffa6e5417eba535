//! Texts and JSON of every kind: what is stored is what was sent.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::env::Env;
use crate::server::{Server, text, texts};

/// Texts that something on the way might take for syntax. None has a newline or NUL in it.
pub const NASTY: [&str; 40] = [
    "'",
    "\"",
    "\"quoted\"",
    "\\",
    "\\\\",
    "\\n",
    "a\\\"b",
    "\\u0041",
    "\\q\\x",
    "\\ud83d",
    "%s%n%00",
    "$(id)`id`",
    "a=b",
    "a:=b",
    "-",
    "--",
    "--help",
    "-v",
    "{",
    "}",
    "{}",
    "[]",
    "null",
    "{\"a\":\"b\"",
    "a,b",
    "a;b",
    "a&b=c",
    "<b>&amp;</b>",
    " leading",
    "trailing ",
    "\ttabs\t",
    "\u{1}\u{2}\u{1f}\u{7f}",
    "\u{8}\u{c}\u{b}\u{1b}",
    "\u{feff}bom",
    "\u{2028}\u{2029}\u{85}\u{a0}",
    "é e\u{301}",
    "ключ",
    "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "\u{10ffff}\u{fffd}\u{fffe}",
    "\u{202e}right to left",
];

#[test]
fn nasty_texts_are_stored_as_they_are() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    for nasty in NASTY {
        env.send(["-s", "send", &format!("value={nasty}"), "-m", nasty]);
    }
    let rows = server.rows_of("send");
    assert_eq!(texts(&rows, "_msg"), NASTY);
    assert_eq!(texts(&rows, "value"), NASTY);
    for nasty in ["-", "--help", "a=b", "\"", "😀"] {
        // A lone dash after `--` would still be stdin.
        let nasty = if nasty == "-" { "-x" } else { nasty };
        env.send(["-s", "dashes", "--", nasty, "word", &format!("value={nasty}")]);
    }
    let rows = server.rows_of("dashes");
    assert_eq!(texts(&rows, "_msg"), ["-x word", "--help word", "a=b word", "\" word", "😀 word"]);
    assert_eq!(texts(&rows, "value"), ["-x", "--help", "a=b", "\"", "😀"]);
}

#[test]
fn nasty_lines_are_stored_as_they_are() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    // An object on a line of its own is not text but fields.
    let lines: Vec<_> = NASTY.into_iter().filter(|line| *line != "{}").chain(["nul \0 inside"]).collect();
    for (service, newline) in [("unix", "\n"), ("dos", "\r\n")] {
        env.pipe(&["-s", service, "--keep-ansi"], lines.join(newline));
        assert_eq!(texts(&server.rows_of(service), "_msg"), lines);
    }
}

#[test]
fn a_message_from_stdin_is_stored_as_it_is() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let more =
        ["two\nlines", "\n\nblank lines around\n\n", "nul \0 nul", "\0", "a\r\nb", "\t{\n\t\"a\": 1\n}"];
    for message in NASTY.iter().chain(&more) {
        env.send_stdin("stdin", format!("{message}\n"));
    }
    let sent: Vec<_> = NASTY.iter().chain(&more).copied().collect();
    assert_eq!(texts(&server.rows_of("stdin"), "_msg"), sent);
}

#[test]
fn bytes_that_are_no_utf_8_become_replacement_characters() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let texts_sent: [&[u8]; 6] =
        [b"a\xffb", b"\xc3", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"latin \xe9\xe8"];
    let expected = texts_sent.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for bytes in texts_sent {
        let value = [b"value=".as_slice(), bytes].concat();
        env.send([OsString::from_vec(bytes.to_vec()), "service=send".into(), OsString::from_vec(value)]);
        env.send_stdin("stdin", bytes);
    }
    env.pipe(&["service=pipe"], texts_sent.join(b"\n".as_slice()));
    for service in ["send", "stdin", "pipe"] {
        assert_eq!(texts(&server.rows_of(service), "_msg"), expected, "{service}");
    }
    assert_eq!(texts(&server.rows_of("send"), "value"), expected);
}

#[test]
fn lines_of_any_characters_are_stored_as_they_are() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    // Escape and bracket would make a colour, which is not text.
    let pieces = NASTY.into_iter().filter(|piece| !piece.contains('\u{1b}')).chain([
        "\0",
        "x",
        " ",
        "{\"_msg\":\"y\"}",
        "}\u{1}",
        "\",\"_time\":\"0",
    ]);
    let pieces: Vec<_> = pieces.collect();
    // A small generator with a fixed seed: the same lines in every run.
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    };
    let lines: Vec<String> = (0..5000)
        .map(|n| format!("{n} ") + &(0..=below(12)).map(|_| pieces[below(pieces.len())]).collect::<String>())
        .collect();
    env.pipe(&["-s", "x"], lines.join("\n"));
    let found = texts(&server.rows_of("x"), "_msg");
    assert_eq!(found.len(), lines.len());
    for (found, sent) in found.iter().zip(&lines) {
        assert_eq!(found, sent);
    }
}

#[test]
fn json_is_flattened_and_numbers_keep_their_digits() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let fields = [
        ("n:=1.50", "n", "1.50"),
        ("e:=1e+3", "e", "1e+3"),
        ("large:=123456789012345678901234567890", "large", "123456789012345678901234567890"),
        ("tiny:=1.000000000000000000000001e-400", "tiny", "1.000000000000000000000001e-400"),
        ("zero:=-0", "zero", "-0"),
        ("text=007", "text", "007"),
        ("yes:=true", "yes", "true"),
        ("no:=false", "no", "false"),
        ("null:=null", "null", ""),
        ("string:=\"a \\\"b\\\" \\u00e9\"", "string", "a \"b\" é"),
        (
            "array:=[1.50,\"x\",null,{\"z\":[true]},\"<'é\"]",
            "array",
            "[1.50,\"x\",null,{\"z\":[true]},\"<'é\"]",
        ),
        ("none:=[]", "none", "[]"),
        ("o:={\"p\":{\"q\":{\"r\":1.0}},\"s\":\"t\",\"u\":[{}],\"v\":{}}", "o.p.q.r", "1.0"),
        ("", "o.s", "t"),
        ("", "o.u", "[{}]"),
        ("", "o.v", ""),
        ("names:={\"a b\":1,\"n\\u0000\\n\":6,\"x\\\"y\":2,\"ключ\":3,\"*\":4,\"d.e\":5}", "names.a b", "1"),
        ("", "names.x\"y", "2"),
        ("", "names.ключ", "3"),
        ("", "names.*", "4"),
        ("", "names.d.e", "5"),
        ("", "names.n\0\n", "6"),
        ("and=1", "and", "1"),
        ("a:b=2", "a:b", "2"),
        ("a\"b=3", "a\"b", "3"),
        ("<tag>=4", "<tag>", "4"),
    ];
    let words: Vec<_> = fields.iter().map(|(word, ..)| *word).filter(|word| !word.is_empty()).collect();
    env.send(["message", "service=send"].iter().chain(&words));
    env.pipe(&[&["service=pipe"], words.as_slice()].concat(), "message\n");
    for service in ["send", "pipe"] {
        let row = server.row_of(service);
        for (_, name, value) in fields {
            assert_eq!(text(&row, name), value, "{service}: {name}");
        }
        assert_eq!(text(&row, "vlog_error"), "");
        assert!(!row.keys().any(|name| name == "o" || name == "names"), "{row:#?}");
    }
}

#[test]
fn what_is_no_json_is_stored_as_text_and_said() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    let deep = format!("deep:={}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    for (service, word, name) in [("bad", "bad:={oops", "bad"), ("deep", deep.as_str(), "deep")] {
        let sent = env.run(&["send", "message", "-s", service, word]);
        assert_eq!((sent.status, sent.stdout.len()), (Some(0), 0));
        assert!(sent.stderr.contains(&format!("the value of '{name}' is not JSON")), "{sent:?}");
        let row = server.row_of(service);
        assert_eq!(text(&row, name), word.split_once(":=").unwrap().1);
        assert_eq!((text(&row, "_msg"), text(&row, "level")), ("message", "warn"));
        assert!(text(&row, "vlog_error").contains("is not JSON"));
    }
    // As deep as it goes.
    env.send(["message", "-s", "fits", &format!("d:={}1{}", "{\"a\":".repeat(60), "}".repeat(60))]);
    assert_eq!(text(&server.row_of("fits"), &format!("d{}", ".a".repeat(60))), "1");
}
