//! What vlog says: each message is one line in lower case, without words of a debugger, and says what became of the data.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::env::TestEnv;
use crate::server::{Answer, Server};

/// What may have become of data, in the words of the messages.
const FATES: [&str; 23] = [
    "was sent",
    "kept in the outbox",
    "put aside",
    "lost",
    "every line is logged",
    "the command is run",
    "no query was sent",
    "nothing was done",
    "nothing was sent",
    "not sent",
    "delivered",
    "left in the outbox",
    "the status is that without it",
    "the script is printed",
    "the record is marked",
    "the outbox answers",
    "nothing would be sent",
    "no records",
    "shown",
    "in the outbox",
    "the record says so",
    "could not run",
    "there is no command",
];

/// Words of a programmer that nobody else needs.
const DEBUG_WORDS: [&str; 9] =
    ["os error", "panicked", "unwrap", "Err(", "Some(", "None", "Os {", "kind:", "thread '"];

#[track_caller]
fn is_well_said(line: &str, what: &str) {
    let text = line.strip_prefix("vlog: ").unwrap_or_else(|| panic!("{what}: {line}"));
    let first = text.chars().next().unwrap();
    assert!(!first.is_uppercase(), "{what}: {line}");
    assert!(!text.ends_with('.') && !text.contains("  "), "{what}: {line}");
    assert!(!DEBUG_WORDS.iter().any(|word| text.contains(word)), "{what}: {line}");
}

#[test]
fn every_mistake_says_what_became_of_the_data() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    std::fs::write(env.home.path().join("app.log"), "a line\n").unwrap();
    let lines = "every line is logged, and a record of its own is marked vlog_error";
    for (args, said) in [
        (
            &["send", "m", "--levl"][..],
            "there is no option --levl; did you mean --level? The record was sent, marked vlog_error",
        ),
        (
            &["send", "m", "-l", "loud"],
            "could not use --level: 'loud' is no level; take trace, debug, info, warn, error or fatal; the record was sent, marked vlog_error",
        ),
        (&["send"], "there is no message; the record was sent, marked vlog_error"),
        (&["send", "-m", "m", "stray"], "'stray' is not KEY=VALUE; the record was sent, marked vlog_error"),
        (
            &["send", "m", "--url", "off", "--bogus"],
            "there is no option --bogus; the record is not sent, for delivery is off",
        ),
        (
            &["send", "m", "--dry-run", "--bogus"],
            "there is no option --bogus; the record is marked vlog_error",
        ),
        (
            &["send", "m", "--url", "ftp://x"],
            "could not use --url: the scheme must be http or https; 1 record put aside, to be offered by vlog flush --rejected",
        ),
        (&["pipe", "--levl=warn"], "there is no option --levl; did you mean --level?"),
        (&["pipe", "stray"], &format!("'stray' is not KEY=VALUE; {lines}")),
        (&["pipe", "app.log"], "pipe reads its standard input; did you mean: vlog pipe < app.log"),
        (
            &["pipe", "--parse", "yaml"],
            &format!("could not use --parse: 'yaml' is none of auto, text, json, logfmt, raw; {lines}"),
        ),
        (&["pipe", "--zone", "utc"], &format!("could not use --zone: it goes with --time line; {lines}")),
        (
            &["run", "--onfailure", "--", "true"],
            "there is no option --onfailure; did you mean --on-failure? The command is run, and a record of its own is marked vlog_error",
        ),
        (&["run"], "there is no command; see vlog run --help"),
        (&["hook", "stray"], "'stray' is not KEY=VALUE; the record was sent, marked vlog_error"),
        (
            &["query", "--sinse", "1h"],
            "there is no option --sinse; did you mean --since? No query was sent, see vlog query --help",
        ),
        (
            &["query", "first", "record"],
            "could not read the command line: there are more words than it takes; one with blanks needs quotes, as in vlog query 'connection refused'; nothing was done, see vlog query --help",
        ),
        (
            &["query", "-o", "table"],
            "could not use --output: it is none of auto, pretty, json, raw; nothing was done, see vlog query --help",
        ),
        (
            &["query", "-n", "many"],
            "could not use --limit: 'many' is no number; no query was sent, see vlog query --help",
        ),
        (&["flush", "--bogus"], "there is no option --bogus; what waits is delivered all the same"),
        (&["status", "--bogus"], "there is no option --bogus; the status is that without it"),
        (
            &["completions", "bash", "--bogus"],
            "there is no option --bogus; the script is printed all the same",
        ),
        (&["completions", "tcsh"], "could not use <SHELL>: it is none of bash, zsh, fish, man"),
        (
            &["snd", "m"],
            "there is no verb of that name, but there is 'send'; nothing was done, see vlog --help",
        ),
        (&[], "there is no verb; nothing was done, see vlog --help"),
    ] {
        let finished = env.run_with(args, "{\"hook_event_name\":\"Stop\"}\n");
        let last = finished.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("vlog: {said}")), "{args:?}\nsays   {last}\nshould {said}");
        for line in finished.stderr.lines() {
            is_well_said(line, &format!("{args:?}"));
        }
        let fates = FATES.iter().chain(&["what waits is delivered"]);
        assert!(fates.into_iter().any(|fate| last.to_lowercase().contains(fate)), "{last}");
    }
}

#[test]
fn a_mistake_is_told_with_where_the_record_is() {
    let env = TestEnv::new();
    env.run(&["send", "m", "--bogus"])
        .kept_the_promise()
        .saying("there is no option --bogus; the record is kept in the outbox, marked vlog_error");
    // With its own sentence about the place only once.
    let told = env.run(&["send", "m", "--bogus", "-v"]).kept_the_promise();
    assert_eq!(told.stderr.matches("kept in the outbox").count(), 1, "{told:?}");
    assert!(told.stderr.starts_with("vlog: there is no option --bogus; the record is marked vlog_error\n"));
    let refusing = Server::judging(|_, request| match request {
        Some(request) if request.line.contains("debug=1") => Answer::Accept,
        _ => Answer::Status(400, "", "no"),
    });
    let env = TestEnv::for_server(&refusing);
    let told = env.run(&["send", "m", "--bogus"]).kept_the_promise();
    assert!(told.stderr.lines().count() == 1 && told.stderr.contains("marked vlog_error"), "{told:?}");
}

#[test]
fn what_has_gone_well_is_said_to_those_who_ask() {
    let server = Server::new(Answer::Accept);
    let (env, url) = (TestEnv::for_server(&server), server.url());
    let one = format!("1 record delivered to {url}");
    for args in [&["send", "-v", "m"][..], &["pipe", "-v"], &["hook", "-v"], &["run", "-v", "--", "true"]] {
        env.run_with(args, "{\"hook_event_name\":\"Stop\"}\n").kept_the_promise().saying(&one);
    }
    env.run_with(&["pipe", "-v"], "a\nb\n")
        .kept_the_promise()
        .saying(&format!("2 records delivered to {url}"));
    env.run(&["flush", "-v"]).kept_the_promise().saying("nothing waits in the outbox");
    env.run(&["send", "-v", "m", "--detach"])
        .kept_the_promise()
        .saying("1 record is in the outbox, and vlog flush delivers it");
    server.wait_for(6);
}

/// All files of the source.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// The texts in quotes of a file, but for those of its tests, as they are when the program runs.
fn literals(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines =
        code.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with("#["));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut texts = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\'' => {
                // A character, or a lifetime.
                let next = chars.next();
                if next == Some('\\') || chars.peek() == Some(&'\'') {
                    chars.by_ref().find(|char| *char == '\'');
                }
            }
            '"' => {
                let mut text = String::new();
                while let Some(char) = chars.next().filter(|char| *char != '"') {
                    match char {
                        '\\' if chars.peek() == Some(&'\n') => {
                            while chars.next_if(|char| char.is_whitespace()).is_some() {}
                        }
                        '\\' => text.extend(chars.next().map(|char| if char == 'n' { '\n' } else { char })),
                        char => text.push(char),
                    }
                }
                texts.push(text);
            }
            _ => {}
        }
    }
    texts
}

#[test]
fn every_sentence_in_the_source_is_one_line_in_lower_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sentences = BTreeSet::new();
    for path in sources(&root.join("src")) {
        // Help texts are made of whole sentences, and these shapes are code for other programs.
        if path.ends_with("src/cli/args.rs") || path.to_str().unwrap().ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        sentences.extend(literals(&text).into_iter().filter(|text| text.contains("could not ")));
    }
    assert!(sentences.len() >= 60, "{sentences:#?}");
    for text in &sentences {
        assert!(!text.contains('\n') && !text.contains("  ") && !text.ends_with('.'), "{text:?}");
        assert!(!text.contains(":?}") && !DEBUG_WORDS.iter().any(|word| text.contains(word)), "{text:?}");
        let (before, after) = text.split_once("could not ").unwrap();
        assert!(before.is_empty() || before.ends_with([' ', '"']), "{text:?}");
        assert!(after.starts_with(|char: char| char.is_ascii_lowercase() || char == '{'), "{text:?}");
    }
}
