//! What can still be done with a command line that clap refuses.
//!
//! The options that the verb knows are kept with their values; every other word that looks like one is taken
//! out and told; all else is a plain word. What remains is a command line that clap accepts, so that a typo
//! costs an option and never the job. One pass, however long the line is.

use clap::{Arg, ArgAction, Command};

use crate::cli;

/// A command line made good.
#[derive(Debug)]
pub struct Salvaged {
    /// Words that clap accepts.
    pub argv: Vec<String>,
    /// What was wrong, one sentence each.
    pub mistakes: Vec<String>,
    /// The words that were taken out, in order.
    pub dropped: Vec<String>,
}

/// Makes good a command line that begins with the program's name and a known verb; `None` without a verb.
#[must_use]
pub fn salvage(argv: &[String]) -> Option<Salvaged> {
    let mut root = cli::command();
    root.build();
    let argv = verb_first(&root, argv);
    let (name, rest) = argv.split_first()?;
    let (verb, words) = rest.split_first()?;
    let command = root.find_subcommand(verb)?;
    let mut salvaged =
        Salvaged { argv: vec![name.clone(), verb.clone()], mistakes: Vec::new(), dropped: Vec::new() };
    // What follows `--` is a command then, and not touched.
    let wraps = command.get_arguments().any(Arg::is_last_set);
    let mut plain = Vec::new();
    let mut wrapped = None;
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            if wraps {
                wrapped = Some(words);
            } else {
                plain.extend(words);
            }
            break;
        }
        match Kind::of(command, word) {
            // It would have to stand behind `--`.
            Kind::Plain if wraps && looks_like_option(word) => {
                salvaged.drop(word, "a word that begins with a dash is not KEY=VALUE".to_owned());
            }
            Kind::Plain => plain.push(word),
            Kind::Complete => salvaged.argv.push(word.to_owned()),
            Kind::Unknown => salvaged.drop(word, format!("there is no option {}", without_value(word))),
            Kind::NeedlessValue => {
                let name = without_value(word);
                salvaged.argv.push(name.to_owned());
                salvaged.mistakes.push(format!("{name} takes no value"));
            }
            Kind::WantsValue { dashes } => match words.next_if(|value| dashes || !looks_like_option(value)) {
                // In one word, for clap takes some values for options that are none.
                Some(value) => salvaged.argv.push(format!("{word}={value}")),
                None => salvaged.drop(word, format!("{word} needs a value")),
            },
        }
    }
    let dashes = [String::from("--")];
    let plain = plain.into_iter().map(str::to_owned);
    if wraps {
        salvaged.argv.extend(plain);
        let wrapped =
            wrapped.into_iter().flat_map(|words| dashes.iter().cloned().chain(words.map(str::to_owned)));
        salvaged.argv.extend(wrapped);
    } else {
        salvaged.argv.extend(dashes.into_iter().chain(plain));
    }
    Some(salvaged)
}

impl Salvaged {
    fn drop(&mut self, word: &str, mistake: String) {
        self.dropped.push(word.to_owned());
        self.mistakes.push(mistake);
    }
}

/// What a word is to the verb.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// No option.
    Plain,
    /// An option, or several short ones, with their values.
    Complete,
    /// An option whose value is the next word; that may begin with a dash only if `dashes`.
    WantsValue { dashes: bool },
    /// `--switch=value`.
    NeedlessValue,
    /// It looks like an option, but the verb has none of that name.
    Unknown,
}

impl Kind {
    fn of(command: &Command, word: &str) -> Self {
        if !looks_like_option(word) {
            return Self::Plain;
        }
        let kind = match word.strip_prefix("--") {
            Some(long) => Self::of_long(command, long),
            None => Self::of_short(command, word.trim_start_matches('-')),
        };
        // `send "- milk"`: a message, not a mistake.
        if kind == Self::Unknown && word.contains(char::is_whitespace) { Self::Plain } else { kind }
    }

    /// `fail`, `level`, `level=error`.
    fn of_long(command: &Command, long: &str) -> Self {
        let name = long.split('=').next().unwrap_or(long);
        let Some(argument) = command.get_arguments().find(|argument| argument.get_long() == Some(name))
        else {
            return Self::Unknown;
        };
        match (takes_value(argument), long.len() > name.len()) {
            (true, false) => Self::wants(argument),
            (false, true) => Self::NeedlessValue,
            _ => Self::Complete,
        }
    }

    /// `v`, `lerror`, `vl`.
    fn of_short(command: &Command, letters: &str) -> Self {
        for (at, letter) in letters.char_indices() {
            if letter == 'h' && letters.len() > 1 {
                // `-host` is no cry for help.
                return Self::Unknown;
            }
            let Some(argument) =
                command.get_arguments().find(|argument| argument.get_short() == Some(letter))
            else {
                return Self::Unknown;
            };
            if takes_value(argument) {
                let is_last = at + letter.len_utf8() == letters.len();
                return if is_last { Self::wants(argument) } else { Self::Complete };
            }
        }
        Self::Complete
    }

    fn wants(argument: &Arg) -> Self {
        Self::WantsValue { dashes: argument.is_allow_hyphen_values_set() }
    }
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// A dash alone is a plain word, and so is a negative number.
fn looks_like_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<f64>().is_err()
}

/// The option's name; its value may be a secret.
fn without_value(word: &str) -> &str {
    let name = word.split('=').next().unwrap_or(word);
    if name.starts_with("--") {
        name
    } else {
        name.char_indices().nth(2).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
    }
}

/// The words with the verb in the first place, if options stand before it.
fn verb_first(root: &Command, argv: &[String]) -> Vec<String> {
    let mut argv = argv.to_vec();
    if argv.get(1).is_some_and(|word| looks_like_option(word))
        && let Some(at) = argv.iter().position(|word| root.find_subcommand(word).is_some())
    {
        let verb = argv.remove(at);
        argv.insert(1, verb);
    }
    argv
}

/// Whether somebody asks for help, or for the version.
#[must_use]
pub fn wants_help(argv: &[String]) -> bool {
    let before = argv.iter().take_while(|word| *word != "--");
    before.into_iter().any(|word| ["-h", "--help", "-V", "--version"].contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(line: &[&str], expected: &[&str], mistakes: &[&str]) {
        let argv: Vec<_> = ["vlog"].iter().chain(line).map(|word| (*word).to_owned()).collect();
        let salvaged = salvage(&argv).unwrap();
        assert_eq!(salvaged.argv[1..], *expected, "{line:?}");
        assert_eq!(salvaged.mistakes, mistakes, "{line:?}");
        assert!(cli::parse(&salvaged.argv).is_ok(), "{line:?}");
    }

    #[test]
    fn known_options_survive_unknown_ones_are_told() {
        becomes(
            &["send", "hi", "--lvel", "-l", "warn"],
            &["send", "-l=warn", "--", "hi"],
            &["there is no option --lvel"],
        );
        becomes(&["send", "--lvel=warn", "hi"], &["send", "--", "hi"], &["there is no option --lvel"]);
        becomes(
            &["send", "-vlerror", "-q", "hi"],
            &["send", "-vlerror", "--", "hi"],
            &["there is no option -q"],
        );
        becomes(
            &["pipe", "--tee", "--bogus", "a=b"],
            &["pipe", "--tee", "--", "a=b"],
            &["there is no option --bogus"],
        );
    }

    #[test]
    fn a_missing_value_costs_only_its_option() {
        becomes(&["send", "hi", "--level"], &["send", "--", "hi"], &["--level needs a value"]);
        becomes(
            &["send", "--level", "--fail", "hi"],
            &["send", "--fail", "--", "hi"],
            &["--level needs a value"],
        );
        becomes(&["send", "-m", "-x", "--", "-y"], &["send", "-m=-x", "--", "-y"], &[]);
    }

    #[test]
    fn a_needless_value_costs_nothing_else() {
        becomes(&["send", "--fail=yes", "hi"], &["send", "--fail", "--", "hi"], &["--fail takes no value"]);
    }

    #[test]
    fn what_cannot_be_an_option_is_a_word() {
        becomes(
            &["send", "- milk and eggs", "-5", "-", "a=b"],
            &["send", "--", "- milk and eggs", "-5", "-", "a=b"],
            &[],
        );
        becomes(&["send", "--", "--lvel"], &["send", "--", "--lvel"], &[]);
        becomes(&["send", "-host"], &["send", "--"], &["there is no option -h"]);
    }

    #[test]
    fn a_verb_may_come_after_its_options() {
        becomes(&["-v", "pipe", "--tee"], &["pipe", "-v", "--tee", "--"], &[]);
        becomes(&["--url", "U", "send", "hi"], &["send", "--url=U", "--", "hi"], &[]);
    }

    #[test]
    fn values_that_clap_takes_for_options_are_values() {
        becomes(&["pipe", "-s", "-1", "--bogus"], &["pipe", "-s=-1", "--"], &["there is no option --bogus"]);
        becomes(&["send", "hi", "--url", "-nan"], &["send", "--url=-nan", "--", "hi"], &[]);
    }

    #[test]
    fn a_wrapped_command_is_not_touched() {
        becomes(
            &["hook", "a=b", "--bogus", "--", "sh", "-c", "--fail", "--", "x"],
            &["hook", "a=b", "--", "sh", "-c", "--fail", "--", "x"],
            &["there is no option --bogus"],
        );
        becomes(&["hook", "--include", "--", "sh"], &["hook", "--", "sh"], &["--include needs a value"]);
        becomes(
            &["hook", "- x", "-5", "word"],
            &["hook", "-5", "word"],
            &["a word that begins with a dash is not KEY=VALUE"],
        );
        becomes(&["hook", "--event", "x", "--", ""], &["hook", "--event=x", "--", ""], &[]);
    }

    #[test]
    fn values_are_not_repeated() {
        becomes(&["send", "x", "-uuser:s3cret"], &["send", "--", "x"], &["there is no option -u"]);
    }

    #[test]
    fn without_a_verb_there_is_nothing_to_salvage() {
        let words = |line: &[&str]| line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(salvage(&words(&["vlog"])).is_none());
        assert!(salvage(&words(&["vlog", "sned", "hi"])).is_none());
        assert!(salvage(&[]).is_none());
    }
}
