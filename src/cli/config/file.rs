//! Settings files: lines `VLOG_URL=http://...`, that a shell can source and systemd's `EnvironmentFile=` reads.
//!
//! Invariants: a line means the same here as in a shell, or the file is refused; whoever could write the file may decide
//! for the caller, or it is refused. A refused file sends nothing, for nobody can tell where it meant records to go. No
//! message repeats a value.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::home::{Folders, is_trusted};
use crate::sys::cause::cause;
use crate::sys::env::Env;

/// The file for all users of the machine.
const OF_MACHINE: &str = "/etc/vlog/config";

/// A settings file has some lines; more is another file.
const MAX_BYTES: u64 = 64 * 1024;

/// The mode's bit that lets everybody write.
const OTHERS_WRITE: u32 = 0o002;

/// The settings that say where records go, or as whom: no misspelt one may leave records to the default.
const WHERE: [&str; 11] = [
    "VLOG_URL",
    "VLOG_QUERY_URL",
    "VLOG_PROTOCOL",
    "VLOG_TENANT",
    "VLOG_TOKEN",
    "VLOG_TOKEN_FILE",
    "VLOG_USER",
    "VLOG_USER_FILE",
    "VLOG_PASSWORD",
    "VLOG_PASSWORD_FILE",
    "VLOG_CA_FILE",
];

/// The other settings.
const OTHERS: [&str; 9] = [
    "VLOG_TIMEOUT",
    "VLOG_SERVICE",
    "VLOG_MIN_LEVEL",
    "VLOG_FIELDS",
    "VLOG_STREAM_FIELDS",
    "VLOG_OUTBOX",
    "VLOG_OUTBOX_MAX",
    "VLOG_FAIL",
    "VLOG_VERBOSE",
];

/// Whether it is the name of one of vlog's variables.
#[must_use]
pub fn is_variable(name: &str) -> bool {
    name == "VLOG_CONFIG" || WHERE.contains(&name) || OTHERS.contains(&name)
}

/// What is wrong with a value.
const NO_END: &str = "its quote has no end";
const IS_SPECIAL: &str =
    "a value with characters that a shell does not take as they are needs 'single quotes'";

/// A file's settings.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    /// Names, values and lines, counted from 1; none is empty.
    settings: Vec<(String, String, usize)>,
    /// What is in it and has no meaning.
    pub(super) warnings: Vec<String>,
}

/// The path of a file that cannot be used, and why.
type RefusedFile = (PathBuf, String);

/// Reads the file that `VLOG_CONFIG` names, or else the caller's and the machine's; those that there are.
pub(super) fn all(env: Env, folders: &Folders) -> Vec<Result<SettingsFile, RefusedFile>> {
    match env("VLOG_CONFIG") {
        Some(off) if off == "off" => Vec::new(),
        // One that is named must be there.
        Some(path) => vec![SettingsFile::read(Path::new(&path))],
        None => {
            let of_caller = folders.config().map(|folder| folder.join("vlog/config"));
            let paths = of_caller.into_iter().chain([PathBuf::from(OF_MACHINE)]);
            paths.filter(|path| !is_absent(path)).map(|path| SettingsFile::read(&path)).collect()
        }
    }
}

/// Whether there is no file, or none that the caller may read.
fn is_absent(path: &Path) -> bool {
    let is = |error: io::Error| {
        let kinds = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory, io::ErrorKind::PermissionDenied];
        kinds.contains(&error.kind())
    };
    // What is no regular file is not opened: that could wait for ever, or wind a tape.
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_file() && open(path).is_err_and(is),
        Err(error) => is(error),
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without a wait, should it have become a pipe meanwhile.
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

impl SettingsFile {
    fn read(path: &Path) -> Result<Self, RefusedFile> {
        let text = text(path);
        let read = text.and_then(|text| Self::parse(path, &text));
        read.map_err(|why| (path.to_owned(), why))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let mut file = Self { path: path.to_owned(), settings: Vec::new(), warnings: Vec::new() };
        for (line, number) in text.lines().zip(1..) {
            let setting = setting(line).map_err(|why| format!("line {number}: {why}"))?;
            let Some((name, value)) = setting else { continue };
            if WHERE.contains(&name) || OTHERS.contains(&name) {
                file.settings.push((name.to_owned(), value, number));
                continue;
            }
            let meant = WHERE.into_iter().find(|known| strsim::osa_distance(name, known) <= 1);
            if let Some(meant) = meant {
                return Err(format!("line {number}: there is no {name}; did you mean {meant}?"));
            }
            let place = path.display();
            file.warnings
                .push(format!("could not use {name} in {place}:{number}: it is no setting of vlog's"));
        }
        Ok(file)
    }

    /// The value of a setting and its line. The last line of a name wins, as in a shell.
    pub(super) fn get(&self, name: &str) -> Option<(&str, usize)> {
        let (_, value, line) = self.settings.iter().rev().find(|(known, ..)| known == name)?;
        (!value.is_empty()).then_some((value.as_str(), *line))
    }
}

/// The text of a file that may decide where records go, or why it may not.
fn text(path: &Path) -> Result<String, String> {
    let why = |error: io::Error| cause(&error);
    if !fs::metadata(path).map_err(why)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let file = open(path).map_err(why)?;
    let metadata = file.metadata().map_err(why)?;
    let wrong = [
        (!metadata.is_file(), "it is no regular file"),
        (!is_trusted(metadata.uid()), "it belongs to another user"),
        (metadata.mode() & OTHERS_WRITE != 0, "everybody may write it"),
        (metadata.len() > MAX_BYTES, "it is larger than 64 KiB"),
    ];
    if let Some((_, why)) = wrong.iter().find(|(is_wrong, _)| *is_wrong) {
        return Err((*why).to_owned());
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => cause(&error),
    })?;
    Ok(text)
}

/// `NAME=VALUE`, with or without `export` and quotes; `None` for an empty line or a comment.
fn setting(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let bare = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
    let (name, rest) = bare.unwrap_or(line).trim_start().split_once('=').ok_or("it is not NAME=VALUE")?;
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err("it is not NAME=VALUE");
    }
    let (value, rest) = if let Some(text) = rest.strip_prefix('\'') {
        text.split_once('\'').map(|(value, rest)| (value.to_owned(), rest)).ok_or(NO_END)?
    } else if let Some(text) = rest.strip_prefix('"') {
        in_double_quotes(text)?
    } else {
        bare_value(rest)?
    };
    // A shell and systemd take `a b` and `'a'b` for different things.
    let is_over = rest.is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'));
    if is_over { Ok(Some((name, value))) } else { Err("a value with blanks needs quotes around all of it") }
}

/// The value up to a blank, and what follows.
fn bare_value(text: &str) -> Result<(String, &str), &'static str> {
    let (value, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    let is_special = |char: char| "$`\"'\\;&|<>()".contains(char);
    if value.contains(is_special) || value.starts_with('~') {
        Err(IS_SPECIAL)
    } else {
        Ok((value.to_owned(), rest))
    }
}

/// The value up to the closing quote, and what follows. A backslash takes away the meaning of what has one.
fn in_double_quotes(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '$' | '`' => return Err(IS_SPECIAL),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => return Err(NO_END),
            },
            other => value.push(other),
        }
    }
    Err(NO_END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_setting_a_comment_or_nothing() {
        for (line, expected) in [
            ("VLOG_URL=http://x", Some(("VLOG_URL", "http://x"))),
            ("  export\tVLOG_URL=http://x # ours", Some(("VLOG_URL", "http://x"))),
            ("VLOG_FIELDS='env=prod team=a'", Some(("VLOG_FIELDS", "env=prod team=a"))),
            (r#"A="a \"b\" \$c \d" # e"#, Some(("A", r#"a "b" $c \d"#))),
            ("A='$x`\"#'\r", Some(("A", "$x`\"#"))),
            ("A=a#b", Some(("A", "a#b"))),
            ("A=", Some(("A", ""))),
            ("A=''", Some(("A", ""))),
            ("exported=1", Some(("exported", "1"))),
            ("", None),
            ("   # VLOG_URL=x", None),
        ] {
            let found = setting(line).unwrap_or_else(|why| panic!("{line}: {why}"));
            assert_eq!(found.as_ref().map(|(name, value)| (*name, value.as_str())), expected, "{line}");
        }
    }

    #[test]
    fn a_line_that_a_shell_reads_in_another_way_is_refused() {
        for line in [
            "VLOG_URL",
            "VLOG URL=x",
            "=x",
            "A= x",
            "A=a b",
            "A='a'b",
            "A='a' b",
            "A=\"a\"'b'",
            "A=$B",
            "A=\"$B\"",
            "A=`b`",
            "A=a\\b",
            "A=~/ca",
            "A=x?a&b",
            "A='x",
            "A=\"x",
            "A=\"x\\",
            "unset A",
            "A=it's",
        ] {
            assert!(setting(line).is_err(), "{line}: {:?}", setting(line));
        }
    }

    #[test]
    fn a_misspelt_name_leaves_no_record_to_the_default() {
        let parse = |text| SettingsFile::parse(Path::new("/f"), text);
        let why = "line 2: there is no VLOG_ULR; did you mean VLOG_URL?";
        assert_eq!(parse("# a\nVLOG_ULR=http://x\n").unwrap_err(), why);
        let file =
            parse("VLOG_COLOUR=1\nNO_COLOR=1\nVLOG_URL=http://x\nVLOG_URL=http://y\nVLOG_USER=\n").unwrap();
        assert_eq!(file.warnings.len(), 2);
        assert!(file.warnings[0].starts_with("could not use VLOG_COLOUR in /f:1: "), "{:?}", file.warnings);
        assert_eq!((file.get("VLOG_URL"), file.get("VLOG_USER")), (Some(("http://y", 4)), None));
    }
}
