//! Where the command of `run` and `hook` begins. It is taken off before anything else is read, so that its words stay as
//! they are.

use std::ffi::OsString;

use super::args;
use super::salvage::{ArgKind, is_in_one_word, looks_like_option, verb_at};
use crate::record::item::{self, Word};

/// Verbs that run a command.
const WRAPPERS: [&str; 2] = ["run", "hook"];

/// Takes the command off the end of a command line whose verb runs one: all that follows the first `--`. Without a
/// `--`, `run` takes it to begin at the first word that is neither an option nor a field, as env(1) does.
///
/// The rest becomes text: a record holds text only, and a strange byte must not stop it.
#[must_use]
pub fn split_command(words: Vec<OsString>) -> (Vec<String>, Vec<OsString>) {
    let mut words = words;
    let argv: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let at = match argv.get(1) {
        Some(word) if looks_like_option(word) => verb_at(&args::command(), &argv),
        word => word.map(|_| 1),
    };
    let Some(at) = at else { return (argv, Vec::new()) };
    let verb = argv.get(at).map(String::as_str).unwrap_or_default();
    if !WRAPPERS.contains(&verb) {
        return (argv, Vec::new());
    }
    let dashes = argv.iter().position(|word| word == "--");
    let (end, start) = match dashes {
        // `vlog -- run` has no verb.
        Some(dashes) if dashes < at => return (argv, Vec::new()),
        Some(dashes) => (dashes, dashes + 1),
        None if verb == "run" => {
            let start = first_plain(verb, &argv, at + 1);
            (start, start)
        }
        None => return (argv, Vec::new()),
    };
    let command = words.split_off(start.min(words.len()));
    (argv.into_iter().take(end).collect(), command)
}

/// The first word from `start` on that is neither an option, nor its value, nor a field.
fn first_plain(verb: &str, argv: &[String], start: usize) -> usize {
    let mut root = args::command();
    root.build();
    let Some(command) = root.find_subcommand(verb) else { return argv.len() };
    let mut words = argv.iter().enumerate().skip(start).peekable();
    while let Some((at, word)) = words.next() {
        match ArgKind::of(command, word) {
            ArgKind::Plain if item::parse(word) == Word::Text => return at,
            ArgKind::WantsValue { dashes, .. } => {
                words.next_if(|(_, value)| dashes || !looks_like_option(value));
            }
            // The word that `salvage` leaves out too.
            ArgKind::Unknown { hides: true } if is_in_one_word(word) => {
                words.next_if(|(_, value)| !looks_like_option(value));
            }
            _ => {}
        }
    }
    argv.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn splits(line: &[&str], expected: &[&str], command: &[&str]) {
        let words = ["vlog"].iter().chain(line).map(OsString::from).collect();
        let (argv, found) = split_command(words);
        assert_eq!(
            (argv.get(1..).unwrap(), found),
            (words_of(expected).as_slice(), command.iter().map(OsString::from).collect()),
            "{line:?}"
        );
    }

    fn words_of(line: &[&str]) -> Vec<String> {
        line.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_is_all_that_follows_the_first_dashes() {
        splits(&["run", "--", "make", "-j4", "--", "a=b"], &["run"], &["make", "-j4", "--", "a=b"]);
        splits(
            &["run", "a=b", "--bogus", "-s", "x", "--", "make"],
            &["run", "a=b", "--bogus", "-s", "x"],
            &["make"],
        );
        splits(&["-v", "run", "--", "make"], &["-v", "run"], &["make"]);
        splits(&["hook", "a=b", "--", "cmd", "-h"], &["hook", "a=b"], &["cmd", "-h"]);
        splits(&["run", "--"], &["run"], &[]);
        splits(&["run", "service", "--", "make"], &["run", "service"], &["make"]);
    }

    #[test]
    fn without_dashes_a_command_begins_at_the_first_plain_word() {
        splits(&["run", "make", "-j4", "a=b"], &["run"], &["make", "-j4", "a=b"]);
        splits(&["run", "a=b", "c:=1", "make", "d=e"], &["run", "a=b", "c:=1"], &["make", "d=e"]);
        splits(
            &["run", "-s", "x", "--on-failure", "--url=U", "make"],
            &["run", "-s", "x", "--on-failure", "--url=U"],
            &["make"],
        );
        splits(&["run", "--bogus", "make"], &["run", "--bogus"], &["make"]);
        splits(&["run", "--token", "X", "make", "-j4"], &["run", "--token", "X"], &["make", "-j4"]);
        splits(&["run", "-u", "X", "make"], &["run", "-u", "X"], &["make"]);
        splits(&["run", "--urll", "X", "make"], &["run", "--urll", "X"], &["make"]);
        splits(&["run", "--token=X", "make"], &["run", "--token=X"], &["make"]);
        splits(&["run", "-uX", "make"], &["run", "-uX"], &["make"]);
        splits(&["-v", "run", "make"], &["-v", "run"], &["make"]);
        splits(&["run", "a=b"], &["run", "a=b"], &[]);
        splits(&["run", "--help"], &["run", "--help"], &[]);
        splits(&["hook", "{}"], &["hook", "{}"], &[]);
    }

    #[test]
    fn other_verbs_have_no_command() {
        splits(&["send", "--", "run", "--", "x"], &["send", "--", "run", "--", "x"], &[]);
        splits(&["send", "run"], &["send", "run"], &[]);
        splits(&["--", "run", "x"], &["--", "run", "x"], &[]);
        splits(&[], &[], &[]);
    }
}
