//! What the README shows works, and what it lists is what there is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::pty::{Winsize, openpty};
use regex_lite::Regex;

use crate::env::{TestEnv, finish};
use crate::server::{Answer, Server};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Words in capitals that begin with `VLOG_`.
fn variables(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !(char.is_ascii_uppercase() || char == '_'));
    words.filter(|word| word.starts_with("VLOG_") && *word != "VLOG_TEST_PANIC").map(str::to_owned).collect()
}

#[test]
fn every_example_is_understood() {
    // A query that finds nothing may get a hint.
    let server = Server::judging(|_, request| match request.map_or("", |request| request.line.as_str()) {
        line if line.contains("/query ") => Answer::Status(200, "", "{\"_msg\":\"a row\"}\n"),
        line if line.contains("/hits ") => Answer::Status(200, "", "{\"hits\":[]}"),
        _ => Answer::Accept,
    });
    let env = TestEnv::for_server(&server).with("VLOG_VERBOSE", "1").with("msg", "--dashed").with("id", "42");
    let some_cmd = env.home.path().join("some-cmd");
    std::fs::write(&some_cmd, "#!/bin/sh\necho out\necho err >&2\n").unwrap();
    std::fs::set_permissions(&some_cmd, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = read("README.md");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<_> = blocks.flat_map(str::lines).filter(|line| line.contains("vlog ")).collect();
    assert!(examples.len() >= 8, "{examples:#?}");
    for example in examples {
        let before = server.requests().len();
        let installs = example.contains("install ");
        let is_silent = example == "vlog flush" || example.contains("--settings") || installs;
        let finished = finish(&mut env.shell(&format!("PATH=$HOME:$PATH; {example}")));
        let is_fine = |line: &str| line.contains(" delivered to ") || line.contains("vlog flush delivers it");
        let is_fine =
            |line: &str| is_fine(line) || line.contains("nothing waits in the outbox") || line == "err";
        assert_eq!(
            (finished.status, finished.stderr.lines().all(is_fine)),
            (Some(0), !installs),
            "{example}: {}",
            finished.stderr
        );
        if example.contains("--detach") {
            server.wait_for(before + 1);
        }
        // It asks for an insert and for a query.
        let expected = if example.starts_with("vlog status") { 2 } else { usize::from(!is_silent) };
        assert_eq!(server.requests().len(), before + expected, "{example}");
    }
}

/// The blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let (text, fence) = (read("README.md"), format!("```{language}\n"));
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// What a terminal of 80 columns shows of a script, run where no server is; without colours.
fn screen(env: &TestEnv, script: &str) -> String {
    let size = Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let mut command = env.shell(script);
    command
        .env("NO_COLOR", "1")
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::from(pty.slave.try_clone().unwrap()));
    command
        .stdout(std::process::Stdio::from(pty.slave.try_clone().unwrap()))
        .stderr(std::process::Stdio::from(pty.slave));
    let mut child = crate::env::start(&mut command);
    drop(command);
    let mut bytes = Vec::new();
    // Once the other end is closed, reading fails.
    let _ = File::from(pty.master).read_to_end(&mut bytes);
    child.wait().unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The text without what differs from run to run: line breaks, times, hosts, addresses.
fn timeless(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    [
        (r"http://127\.0\.0\.1:\d+", "URL"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME"),
        (r"host=\S+", "host=HOST"),
        (r"after \S+s\b", "after TIME"),
        (r"duration_ms=\d+", "duration_ms=N"),
    ]
    .iter()
    .fold(words, |text, (pattern, name)| Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned())
}

#[test]
fn the_tour_is_what_comes_out() {
    let env = TestEnv::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/demo.sh");
    let shown = screen(&env, &format!("sh '{}'", script.display()));
    // What the last seconds hold depends on how busy the machine is.
    let (last, told) = ("# See when it happened. $ vlog query --histogram", "1s a line");
    let block = &blocks("console")[0];
    let [(shown, drawn), (expected, _)] = [&shown, block].map(|text| {
        let (before, drawn) =
            timeless(text).split_once(last).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(drawn.contains(told), "{drawn}");
        (before, drawn)
    });
    assert_eq!(shown, expected, "{drawn}");
}

#[test]
fn the_cards_are_what_comes_out() {
    let env = TestEnv::new();
    for block in &blocks("console")[1..] {
        for part in format!("\n{block}").split("\n$ ").skip(1) {
            let (command, expected) = part.split_once('\n').unwrap_or((part, ""));
            // The cards show what is seen with a server: no word of one that is down.
            let shown = timeless(&screen(&env, command));
            let told = Regex::new(
                r"vlog: could not reach URL: connection refused; (the outbox answers|\d+ records? kept in the outbox) ?",
            );
            let shown = told.unwrap().replace_all(&shown, "").into_owned();
            assert_eq!(shown.trim(), timeless(expected), "{command}");
        }
    }
}

#[test]
fn the_recipes_work() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let bin = env.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["git", "docker"] {
        std::fs::write(bin.join(name), "#!/bin/sh\necho main\n").unwrap();
        std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let recipes: Vec<_> = blocks("bash").concat().lines().map(str::to_owned).collect();
    assert_eq!(recipes.len(), 3);
    for (at, recipe) in recipes.iter().enumerate() {
        let line = format!("PATH=$HOME/bin:$PATH; {recipe}\nfalse\neval \"$PROMPT_COMMAND\"");
        let finished = finish(&mut env.shell(&line));
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{recipe}");
        server.wait_for(at + 1);
    }
    let messages: Vec<_> = server.records().iter().map(|record| record["_msg"].clone()).collect();
    assert_eq!(messages, ["commit", "main", "status 1"]);
}

#[test]
fn what_a_newcomer_reads_is_not_long() {
    let text = read("README.md");
    let before = text.lines().take_while(|line| *line != "# Reference").count();
    assert!(before <= 200, "{before} lines before the reference");
}

#[test]
fn every_verb_of_the_help_is_in_the_readme_and_every_target_in_the_makefile() {
    let help = TestEnv::new().run(&["--help"]);
    let verbs = help.text().split("Verbs:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let text = read("README.md");
    for verb in verbs.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(text.contains(&format!("vlog {verb}")), "{verb}");
    }
    let targets = "build test lint install uninstall demo bench fuzz size completions clean";
    assert!(text.contains(targets));
    let makefile = read("Makefile");
    for target in targets.split(' ') {
        assert!(makefile.contains(&format!("\n{target}:")), "{target}");
    }
}

/// The variables in a file of the source, but for those in its tests.
fn variables_of(path: &str) -> BTreeSet<String> {
    variables(read(path).split("#[cfg(test)]\nmod ").next().unwrap())
}

#[test]
fn the_table_lists_the_variables_that_are_read() {
    let mut known = variables_of("src/cli/config/mod.rs");
    known.extend(variables_of("src/cli/config/route.rs"));
    let mut of_files = variables_of("src/cli/config/file.rs");
    let text = read("README.md");
    let table = text.split("## Environment").nth(1).unwrap().split("\n## ").next().unwrap();
    assert_eq!(variables(table), of_files);
    // A settings file names no other.
    of_files.remove("VLOG_CONFIG");
    assert_eq!(of_files, known);
}

#[test]
fn the_layout_lists_the_files_that_there_are() {
    let text = read("README.md");
    let listed: BTreeSet<_> = text
        .lines()
        .filter(|line| line.starts_with("src/"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let slash = if entry.file_type().unwrap().is_dir() { "/" } else { "" };
        format!("src/{}{slash}", entry.file_name().to_str().unwrap())
    });
    assert_eq!(listed.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), names.collect());
}
