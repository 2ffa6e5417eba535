//! What the README shows works, and what it lists is what there is.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
