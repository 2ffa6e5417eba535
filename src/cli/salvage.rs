//! What can still be done with a command line that clap refuses.
//!
//! The options that the verb knows are kept with their values; every other word that looks like one is taken
//! out and told; all else is a plain word. What remains is a command line that clap accepts, so that a typo
//! costs an option and never the job. One pass, however long the line is.

use std::iter::Peekable;
use std::slice::Iter;

use clap::{Arg, ArgAction, Command};

use crate::cli::args;
use crate::record::item::{self, Word};

/// Options that say where records go, or as whom: one that is misspelt or has no value must not leave the record to
/// the default.
const WHERE: [&str; 5] = ["url", "protocol", "tenant", "header", "ca-file"];

/// What the name of an option has in it if its value may be a secret.
const SECRET: [&str; 14] = [
    "token", "pas", "pw", "secret", "key", "auth", "cred", "user", "login", "basic", "api", "cookie",
    "bearer", "jwt",
];

/// Short options that other programs take secrets by.
const SECRET_LETTERS: [char; 5] = ['u', 'U', 'p', 'k', 'T'];

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be taken for the other misspelt: `uri` for `url`.
const ALIKE: f64 = 0.8;

/// A command line that clap accepts, and what was wrong with the one given.
#[derive(Debug)]
pub struct Salvaged {
    /// Words that clap accepts.
    pub argv: Vec<String>,
    /// What was wrong, one sentence each.
    pub mistakes: Vec<String>,
    /// The words that were taken out, in order.
    pub dropped: Vec<String>,
    /// The plain words behind options that there are not: they may be those options' values, and secrets.
    pub doubtful: Vec<String>,
}

/// Repairs a command line that begins with the program's name and a known verb; `None` without a verb.
#[must_use]
pub fn salvage(argv: &[String]) -> Option<Salvaged> {
    let mut root = args::command();
    root.build();
    let argv = verb_first(&root, argv);
    let (name, rest) = argv.split_first()?;
    let (verb, words) = rest.split_first()?;
    let command = root.find_subcommand(verb)?;
    let mut sorter = WordSorter::new(command);
    sorter.kept.extend([name.clone(), verb.clone()]);
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            sorter.plain.extend(words.map(|text| Plain { text, unknown: None }));
            break;
        }
        sorter.take(word, &mut words);
    }
    if command.get_positionals().next().is_none() {
        sorter.ignore_plain(verb);
    }
    if ["send", "query"].contains(&verb.as_str()) {
        sorter.leave_out_values();
    }
    Some(sorter.finish())
}

/// What is said of an option whose value may be the word behind it.
const LEFT_OUT: &str = "; the word behind it is left out, for it may be a secret";

/// The words that are still to come.
type Rest<'a> = Peekable<Iter<'a, String>>;

/// A word that is no option.
#[derive(Clone, Copy)]
struct Plain<'a> {
    text: &'a str,
    /// The mistake about the option that it stands behind, if that is unknown and has no value.
    unknown: Option<usize>,
}

/// What is wrong with a word.
struct Mistake<'a> {
    text: String,
    /// The option that was meant, perhaps.
    meant: Option<&'a str>,
}

/// Sorts words into options that the verb has, mistakes, and plain words.
struct WordSorter<'a> {
    command: &'a Command,
    /// What clap accepts so far.
    kept: Vec<String>,
    mistakes: Vec<Mistake<'a>>,
    dropped: Vec<String>,
    plain: Vec<Plain<'a>>,
    /// The option without a value that the word at hand follows, by its mistake.
    unknown: Option<usize>,
}

impl<'a> WordSorter<'a> {
    fn new(command: &'a Command) -> Self {
        let (kept, mistakes) = (Vec::new(), Vec::new());
        Self { command, kept, mistakes, dropped: Vec::new(), plain: Vec::new(), unknown: None }
    }

    /// Takes a word, and its value from `words` if that is the next one.
    fn take(&mut self, word: &'a str, words: &mut Rest<'a>) {
        let unknown = self.unknown.take();
        match ArgKind::of(self.command, word) {
            ArgKind::Plain => self.plain.push(Plain { text: word, unknown }),
            ArgKind::Complete => self.kept.push(word.to_owned()),
            ArgKind::Unknown { hides } => self.take_unknown(word, hides, words),
            ArgKind::NeedlessValue => {
                let name = without_value(word);
                self.kept.push(name.to_owned());
                self.mistakes.push(Mistake { text: format!("{name} takes no value"), meant: None });
            }
            ArgKind::WantsValue { dashes, optional, name } => {
                match words.next_if(|value| dashes || !looks_like_option(value)) {
                    // In one word, for clap takes some values for options that are none.
                    Some(value) => self.kept.push(format!("{word}={value}")),
                    None if optional => self.kept.push(word.to_owned()),
                    None if WHERE.contains(&name) => self.kept.push(format!("--{name}=")),
                    None => self.drop(word, format!("{word} needs a value"), None),
                }
            }
        }
    }

    /// Takes out an option that there is not, and the next word if that may be its secret value.
    fn take_unknown(&mut self, word: &'a str, hides: bool, words: &mut Rest<'a>) {
        let name = without_value(word);
        let mut mistake = format!("there is no option {name}");
        let takes_next = is_in_one_word(word);
        if hides && takes_next && words.next_if(|value| !looks_like_option(value)).is_some() {
            mistake.push_str(LEFT_OUT);
        } else if takes_next {
            self.unknown = Some(self.mistakes.len());
        }
        let meant = nearest(self.command, name);
        self.drop(if hides { name } else { word }, mistake, meant);
        self.kept.extend(meant.filter(|meant| WHERE.contains(meant)).map(|meant| format!("--{meant}=")));
    }

    fn drop(&mut self, word: &str, text: String, meant: Option<&'a str>) {
        self.dropped.push(word.to_owned());
        self.mistakes.push(Mistake { text, meant });
    }

    /// Of a verb that takes options only. The words are not repeated: they may be anything, secrets too.
    fn ignore_plain(&mut self, verb: &str) {
        let words = match self.plain.len() {
            0 => return,
            1 => "1 word is".to_owned(),
            count => format!("{count} words are"),
        };
        let text = format!("vlog {verb} takes options only; {words} ignored");
        self.mistakes.push(Mistake { text, meant: None });
        self.plain.clear();
    }

    /// Takes out the words that may be the values of unknown options, as long as others are left to be the message.
    fn leave_out_values(&mut self) {
        let is_text = |word: &Plain| item::parse(word.text) == Word::Text;
        let mut texts = self.plain.iter().filter(|word| is_text(word)).count();
        let first = self.plain.first().filter(|word| word.unknown.is_none()).map(|word| word.text);
        let mistakes = &mut self.mistakes;
        self.plain.retain(|word| {
            // A field is not a message, unless it is the first word.
            let others = texts - usize::from(is_text(word));
            let is_left_out = is_text(word) && (others > 0 || first.is_some());
            let mistake = word.unknown.filter(|_| is_left_out).and_then(|at| mistakes.get_mut(at));
            let Some(mistake) = mistake else { return true };
            mistake.text.push_str(LEFT_OUT);
            texts = others;
            false
        });
    }

    fn finish(mut self) -> Salvaged {
        self.kept.push("--".to_owned());
        let doubtful = self.plain.iter().filter(|word| word.unknown.is_some());
        let doubtful = doubtful.map(|word| word.text.to_owned()).collect();
        self.kept.extend(self.plain.into_iter().map(|word| word.text.to_owned()));
        let told = |Mistake { text, meant }: Mistake| match meant {
            Some(meant) => format!("{text}; did you mean --{meant}?"),
            None => text,
        };
        let mistakes = self.mistakes.into_iter().map(told).collect();
        Salvaged { argv: self.kept, mistakes, dropped: self.dropped, doubtful }
    }
}

/// What a word is to the verb.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ArgKind<'a> {
    /// No option.
    Plain,
    /// An option, or several short ones, with their values.
    Complete,
    /// An option whose value is the next word; that may begin with a dash only if `dashes`, and be missing only if
    /// `optional`.
    WantsValue { dashes: bool, optional: bool, name: &'a str },
    /// `--switch=value`.
    NeedlessValue,
    /// It looks like an option, but the verb has none of that name. Its value may be a secret if `hides`: by its name, or
    /// because another one was meant that says where records go.
    Unknown { hides: bool },
}

impl<'a> ArgKind<'a> {
    pub(super) fn of(command: &'a Command, word: &str) -> Self {
        if !looks_like_option(word) {
            return Self::Plain;
        }
        let kind = match word.strip_prefix("--") {
            Some(long) => Self::of_long(command, long),
            None => Self::of_short(command, word.trim_start_matches('-')),
        };
        match kind {
            Some(kind) => kind,
            // `send "- milk"`: a message, not a mistake.
            None if word.contains(char::is_whitespace) => Self::Plain,
            None => Self::Unknown { hides: is_secret(word) || misspelt(command, word).is_some() },
        }
    }

    /// `fail`, `level`, `level=error`.
    fn of_long(command: &'a Command, long: &str) -> Option<Self> {
        let name = long.split('=').next().unwrap_or(long);
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name))?;
        Some(match (takes_value(argument), long.len() > name.len()) {
            (true, false) => Self::wants(argument),
            (false, true) => Self::NeedlessValue,
            _ => Self::Complete,
        })
    }

    /// `v`, `lerror`, `vl`.
    fn of_short(command: &'a Command, letters: &str) -> Option<Self> {
        for (at, letter) in letters.char_indices() {
            if letter == 'h' && letters.len() > 1 {
                // `-host` is not a request for help.
                return None;
            }
            let argument = command.get_arguments().find(|argument| argument.get_short() == Some(letter))?;
            if takes_value(argument) {
                let is_last = at + letter.len_utf8() == letters.len();
                return Some(if is_last { Self::wants(argument) } else { Self::Complete });
            }
        }
        Some(Self::Complete)
    }

    fn wants(argument: &'a Arg) -> Self {
        let name = argument.get_long().unwrap_or_default();
        let optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
        Self::WantsValue { dashes: argument.is_allow_hyphen_values_set(), optional, name }
    }
}

/// The option that says where records go, if the name of this one is most like one of those.
fn misspelt<'a>(command: &'a Command, word: &str) -> Option<&'a str> {
    nearest(command, without_value(word)).filter(|known| WHERE.contains(known))
}

/// The option that a name with its dashes is most like, if it is like one.
fn nearest<'a>(command: &'a Command, name: &str) -> Option<&'a str> {
    let name = name.strip_prefix("--")?;
    let likeness = |known: &&str| strsim::jaro_winkler(name, known);
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let options = shown.filter_map(Arg::get_long).filter(|known| likeness(known) >= ALIKE);
    options.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// Whether the value of an option that there is not may be a secret, by its name.
fn is_secret(word: &str) -> bool {
    has_secret_name(word)
        || (!word.starts_with("--")
            && word.chars().nth(1).is_some_and(|letter| SECRET_LETTERS.contains(&letter)))
}

fn has_secret_name(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word).to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}

/// Whether an option that there is not has no value in its own word, so that the next may be it: `--token`, `-u`,
/// `-password`; not `--token=x` or `-uadmin:x`.
pub(super) fn is_in_one_word(word: &str) -> bool {
    let is_long = word.starts_with("--") || word.chars().count() == 2;
    let is_name = || word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    !word.contains('=') && (is_long || (is_name() && has_secret_name(word)))
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// A dash alone is a plain word, and so is a negative number.
pub(super) fn looks_like_option(word: &str) -> bool {
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

/// Where the verb stands that comes after options.
pub(super) fn verb_at(root: &Command, argv: &[String]) -> Option<usize> {
    argv.iter().position(|word| root.find_subcommand(word).is_some())
}

/// The words with the verb in the first place, if options stand before it.
fn verb_first(root: &Command, argv: &[String]) -> Vec<String> {
    let mut argv = argv.to_vec();
    if argv.get(1).is_some_and(|word| looks_like_option(word))
        && let Some(at) = verb_at(root, &argv)
    {
        let verb = argv.remove(at);
        argv.insert(1, verb);
    }
    argv
}

/// A command line without what asks for help or the version.
#[must_use]
pub fn without_help(argv: &[String]) -> Vec<String> {
    let is_help = |word: &&String| ["-h", "--help", "-V", "--version"].contains(&word.as_str());
    argv.iter().filter(|word| !is_help(word)).cloned().collect()
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
        assert!(args::parse(&salvaged.argv).is_ok(), "{line:?}");
    }

    #[test]
    fn known_options_survive_unknown_ones_are_told() {
        becomes(
            &["send", "hi", "--lvel", "-l", "warn"],
            &["send", "-l=warn", "--", "hi"],
            &["there is no option --lvel; did you mean --level?"],
        );
        becomes(
            &["send", "--lvel=warn", "hi"],
            &["send", "--", "hi"],
            &["there is no option --lvel; did you mean --level?"],
        );
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
