//! The command line, the environment and the settings in; what the user wants out, whatever is wrong with it.

pub mod args;
pub mod config;
pub mod salvage;
pub mod values;
pub mod wrapped;

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::sys::stderr::say;
use args::Verb;

/// What a command line asks for, and what was wrong with it.
#[derive(Debug)]
pub struct Understood {
    /// What to do.
    pub verb: Verb,
    /// What was wrong, one sentence each.
    pub mistakes: Vec<String>,
    /// The words that were taken out.
    pub dropped: Vec<String>,
    /// The words left in that may be secrets, for they stand behind options that there are not.
    pub doubtful: Vec<String>,
}

/// Reads a command line, whatever is wrong with it. Whoever gives a command wants it run, and no help.
///
/// # Errors
/// What clap says, where nothing can be done with it; or the help that was asked for.
pub fn read(argv: &[String], has_command: bool) -> Result<Understood, clap::Error> {
    let argv = &spelt_as_options(argv);
    let error = match args::parse(argv) {
        Ok(verb) => {
            let (mistakes, dropped, doubtful) = Default::default();
            return Ok(Understood { verb, mistakes, dropped, doubtful });
        }
        // `send -host` is not a request for help.
        Err(error) if !error.use_stderr() && salvage::wants_help(argv) && !has_command => return Err(error),
        Err(error) => error,
    };
    let helpless = has_command.then(|| salvage::without_help(argv));
    let Some(good) = salvage::salvage(helpless.as_deref().unwrap_or(argv)) else { return Err(error) };
    let salvage::Salvaged { argv, mistakes, dropped, doubtful } = good;
    match args::parse(&argv) {
        Ok(verb) => Ok(Understood { verb, mistakes, dropped, doubtful }),
        Err(error) => {
            // Not before the help that was asked for, which says it better.
            mistakes.iter().filter(|_| error.use_stderr()).for_each(|mistake| say(mistake));
            Err(error)
        }
    }
}

/// `help`, `help VERB` and `version` as the options that they mean.
fn spelt_as_options(argv: &[String]) -> Cow<'_, [String]> {
    let words: Vec<_> = argv.iter().map(String::as_str).collect();
    let meant = match *words.as_slice() {
        // Whoever types the name alone wants to know what there is; a script does not.
        [name] if io::stdout().is_terminal() => vec![name, "-h"],
        [name, "help"] => vec![name, "--help"],
        [name, "help", verb, ..] => vec![name, verb, "--help"],
        [name, "version"] => vec![name, "--version"],
        _ => return Cow::Borrowed(argv),
    };
    Cow::Owned(meant.into_iter().map(str::to_owned).collect())
}

/// What clap says, on one line.
#[must_use]
pub fn complaint(error: &clap::Error, argv: &[String]) -> String {
    let verb = argv.get(1).filter(|word| args::is_verb(word));
    let help = verb.map_or("vlog --help".to_owned(), |verb| format!("vlog {verb} --help"));
    if matches!(
        error.kind(),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return "there is no verb; nothing was done, see vlog --help".to_owned();
    }
    // None repeats the word, which may be a secret.
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let near = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(names)) => names.first(),
                _ => None,
            };
            let near = near.map(|name| format!(", but there is '{name}'")).unwrap_or_default();
            return format!("there is no verb of that name{near}; nothing was done, see vlog --help");
        }
        ErrorKind::InvalidValue => {
            let (Some(of), Some(ContextValue::Strings(names))) =
                (error.get(ContextKind::InvalidArg), error.get(ContextKind::ValidValue))
            else {
                return format!("could not read the command line; nothing was done, see {help}");
            };
            let names = names.join(", ");
            let of = of.to_string();
            let name = of.split(' ').next().unwrap_or_default();
            return format!("could not use {name}: it is none of {names}; nothing was done, see {help}");
        }
        ErrorKind::UnknownArgument => {
            let is_option = |value: &ContextValue| value.to_string().starts_with('-');
            if !error.get(ContextKind::InvalidArg).is_some_and(is_option) {
                let why = "there are more words than it takes; one with blanks needs quotes, as in \
                           vlog query 'connection refused'";
                return format!("could not read the command line: {why}; nothing was done, see {help}");
            }
        }
        _ => {}
    }
    let text = error.render().to_string();
    let lines: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let first = lines.join(" ").trim_start_matches("error: ").to_owned();
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let tip = tip.map(|tip| format!("; {tip}")).unwrap_or_default();
    let text = format!("could not read the command line: {first}{tip}; nothing was done, see {help}");
    text.replace("subcommand", "verb")
}

/// Whether the flag stands somewhere; for when the command line cannot be read, or not yet.
#[must_use]
pub fn has_flag(argv: &[String], flag: &str) -> bool {
    argv.iter().any(|word| word == flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_are_read_as_the_parser_reads_them() {
        for verb in ["send", "pipe", "hook", "run"] {
            for words in [&[][..], &["a"], &["", "b=c"], &["help", "d:=1", "caf\u{e9}"], &["send", "send"]] {
                let read = |middle: &[&str]| {
                    let argv = [&["vlog", verb], middle, words].concat();
                    format!("{:?}", args::parse(&argv.into_iter().map(str::to_owned).collect::<Vec<_>>()))
                };
                // Behind two dashes a word is plain for the parser too.
                assert_eq!(read(&[]), read(&["--"]), "{verb} {words:?}");
            }
        }
    }
}
