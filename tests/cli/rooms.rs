//! The rooms of `src/`, and who may use whom: the way goes down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use beside itself.
const ROOMS: [(&str, &[&str]); 9] = [
    ("verbs", &["cli", "delivery", "intake", "outbox", "query", "record", "server", "sys"]),
    ("delivery", &["outbox", "server", "record", "sys"]),
    ("query", &["outbox", "server", "record", "sys"]),
    ("cli", &["server", "record", "sys"]),
    ("outbox", &["record", "sys"]),
    ("server", &["record", "sys"]),
    ("intake", &["record"]),
    ("record", &[]),
    ("sys", &[]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The lines of a file but for its unit tests, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// The rooms that a line names by a path from the crate's root.
fn named(line: &str) -> Vec<String> {
    let rest = line.split("crate::").skip(1);
    let name = |rest: &str| {
        rest.chars().take_while(|char| char.is_ascii_lowercase() || *char == '_').collect::<String>()
    };
    rest.map(name).collect()
}

#[test]
fn every_path_between_rooms_goes_down() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        let folder = source().join(room);
        for path in files(&folder) {
            let text = fs::read_to_string(&path).unwrap();
            let is_front = path == folder.join("mod.rs");
            for (number, line) in lines(&text) {
                let place = format!("{}:{number}", path.strip_prefix(source()).unwrap().display());
                let is_allowed = |other: &String| other == room || allowed.contains(&other.as_str());
                for other in named(line).iter().filter(|other| !is_allowed(other)) {
                    wrong.push(format!("{place}: {room} may use {allowed:?}, not '{other}'"));
                }
                if is_front && line.contains("super::") {
                    wrong.push(format!("{place}: a room's front names others by crate::"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_nine_rooms_and_each_says_what_it_is_for() {
    let mut names: Vec<_> = fs::read_dir(source()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let mut rooms: Vec<_> = ROOMS.iter().map(|(room, _)| *room).chain(["main.rs"]).collect();
    rooms.sort_unstable();
    assert_eq!(names, rooms);
    for path in files(&source()) {
        assert!(fs::read_to_string(&path).unwrap().starts_with("//! "), "{}", path.display());
    }
    let main = fs::read_to_string(source().join("main.rs")).unwrap();
    assert!(main.lines().count() <= 60, "main.rs has {} lines", main.lines().count());
}

/// The name of the type that a line declares, if it does; not of one that a trait asks for.
fn declared(line: &str) -> Option<&str> {
    let line =
        Some(line.trim_start()).filter(|inner| inner.len() == line.len() || !inner.starts_with("type "))?;
    let rest = line.strip_prefix("pub ").or_else(|| {
        line.split_once("pub(").and_then(|(_, rest)| rest.split_once(") ")).map(|(_, rest)| rest)
    });
    let (kind, rest) = rest.unwrap_or(line).split_once(' ')?;
    let end = rest.find(|char: char| !char.is_alphanumeric()).unwrap_or(rest.len());
    ["enum", "struct", "trait", "type"].contains(&kind).then(|| &rest[..end]).filter(|name| !name.is_empty())
}

#[test]
fn a_types_name_means_one_thing() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut twice = Vec::new();
    for path in files(&source()) {
        let text = fs::read_to_string(&path).unwrap();
        for name in lines(&text).filter_map(|(_, line)| declared(line)) {
            if let Some(other) = seen.insert(name.to_owned(), path.clone()) {
                twice.push(format!("{name}: {} and {}", other.display(), path.display()));
            }
        }
    }
    assert!(seen.len() > 100 && twice.is_empty(), "{} names; {twice:#?}", seen.len());
}

#[test]
fn a_path_that_goes_up_is_found() {
    assert_eq!(named("use crate::verbs::x; fn f(a: crate::sys::B)"), ["verbs", "sys"]);
    assert_eq!(declared("pub(super) enum Kind {"), Some("Kind"));
    assert_eq!((declared("    type Value = ();"), declared("type Pair = ();")), (None, Some("Pair")));
    assert_eq!(declared("let kind = structure;"), None);
    assert_eq!(lines("use a;\n#[cfg(test)]\nmod tests {\n    use crate::verbs;").count(), 1);
}
