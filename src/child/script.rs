//! Whether a command is an interpreter whose script is not there.
//!
//! Interpreters end with a status of their own then, and with 2 some of them, which in an agent's hook blocks the
//! tool call. What is not understood for certain counts as there: the interpreter will tell.

use std::path::Path;

/// The file that `words` would have an interpreter read, if `exists` says that it is not there.
#[must_use]
pub fn missing_script<'a>(words: &'a [String], exists: impl Fn(&Path) -> bool) -> Option<&'a str> {
    let script = script(words)?;
    (!exists(Path::new(script))).then_some(script)
}

/// An interpreter and those of its options that matter here.
struct Interpreter {
    /// Its name without a version.
    name: &'static str,
    /// A word that must come first, if any: `deno run`.
    verb: &'static [&'static str],
    /// Options whose value is the next word.
    valued: &'static [&'static str],
    /// Options after which nothing is a script: programs on the command line, modules, versions.
    other: &'static [&'static str],
}

const SHELL_VALUED: &[&str] = &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"];
const SHELL_OTHER: &[&str] = &["-c", "-s", "--help", "--version"];

const INTERPRETERS: [Interpreter; 17] = [
    shell("sh"),
    shell("bash"),
    shell("dash"),
    shell("ash"),
    shell("zsh"),
    shell("ksh"),
    shell("mksh"),
    python("python"),
    python("pypy"),
    Interpreter {
        name: "node",
        verb: &[],
        valued: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "-C",
            "--conditions",
            "--env-file",
        ],
        other: &[
            "-e",
            "--eval",
            "-p",
            "--print",
            "-pe",
            "-i",
            "--interactive",
            "-v",
            "--version",
            "-h",
            "--help",
            "--test",
            "--run",
            "inspect",
        ],
    },
    Interpreter {
        name: "ruby",
        verb: &[],
        valued: &["-I", "-r", "-E", "-C", "-x"],
        other: &["-e", "-v", "-h", "--version", "--help", "-S", "-C", "-x"],
    },
    Interpreter {
        name: "perl",
        verb: &[],
        valued: &["-I"],
        other: &["-e", "-E", "-v", "-V", "-h", "-S", "-x"],
    },
    Interpreter {
        name: "php",
        verb: &[],
        valued: &["-c", "-d", "-z"],
        other: &[
            "-r",
            "-B",
            "-R",
            "-F",
            "-E",
            "-S",
            "-a",
            "-i",
            "-m",
            "-v",
            "-h",
            "-s",
            "-l",
            "-w",
            "--run",
            "--version",
            "--help",
            "--server",
        ],
    },
    Interpreter {
        name: "deno",
        verb: &["run"],
        valued: &["-c", "--config", "--import-map", "--lock", "-L"],
        other: &["-", "-h", "--help"],
    },
    Interpreter {
        name: "bun",
        verb: &["run", ""],
        valued: &["-r", "--preload", "--cwd", "-c", "--config"],
        other: &["-e", "--eval", "-p", "--print", "-v", "--version", "-h", "--help"],
    },
    Interpreter {
        name: "uv",
        verb: &["run"],
        valued: &[
            "-p",
            "--python",
            "--with",
            "--project",
            "--directory",
            "--extra",
            "--group",
            "--env-file",
            "--index-url",
            "--default-index",
            "--index",
            "--package",
        ],
        other: &["-m", "--module", "-h", "--help"],
    },
    Interpreter {
        name: "tsx",
        verb: &[],
        valued: &["--tsconfig", "--require", "-r", "--import"],
        other: &["-e", "--eval", "-p", "--print", "watch", "-v", "--version", "-h", "--help"],
    },
];

const fn shell(name: &'static str) -> Interpreter {
    Interpreter { name, verb: &[], valued: SHELL_VALUED, other: SHELL_OTHER }
}

const fn python(name: &'static str) -> Interpreter {
    Interpreter {
        name,
        verb: &[],
        valued: &["-W", "-X", "--check-hash-based-pycs"],
        other: &["-c", "-m", "-V", "-VV", "--version", "-h", "--help"],
    }
}

/// The script's name, if the words are an interpreter's and say one.
fn script(words: &[String]) -> Option<&str> {
    let words = without_env(words);
    let (program, mut words) = words.split_first()?;
    let name = Path::new(program).file_name()?.to_str()?;
    // python3.12, bash5, pypy3
    let name = name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.').trim_end_matches('-');
    let interpreter = INTERPRETERS.iter().find(|known| known.name == name)?;
    if let Some((verb, rest)) = words.split_first()
        && !interpreter.verb.is_empty()
    {
        if interpreter.verb.contains(&verb.as_str()) {
            words = rest;
        } else if !interpreter.verb.contains(&"") {
            return None;
        }
    }
    // Some of these words are names of other things: packages, commands, entries of package.json.
    let is_file_only = interpreter.verb.is_empty();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            return words.next().filter(|word| is_file_only || looks_like_file(word));
        }
        if !word.starts_with(['-', '+']) || word == "-" {
            return Some(word).filter(|word| {
                *word != "-" && !interpreter.other.contains(word) && (is_file_only || looks_like_file(word))
            });
        }
        if is_other(interpreter, word) {
            return None;
        }
        if interpreter.valued.contains(&word) {
            words.next();
        }
    }
    None
}

/// Whether an option, or one of several short ones in a word, leaves no room for a script.
fn is_other(interpreter: &Interpreter, word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    if word.starts_with("--") {
        return interpreter.other.contains(&name);
    }
    interpreter.other.contains(&word)
        || word.chars().skip(1).take_while(char::is_ascii_alphabetic).any(|letter| {
            interpreter.other.iter().any(|other| {
                let mut letters = other.chars().skip(1);
                other.starts_with('-') && letters.next() == Some(letter) && letters.next().is_none()
            })
        })
}

/// `a/b`, `a.py`: a file and no name of something else.
fn looks_like_file(word: &str) -> bool {
    let is_url = word.contains("://") || word.starts_with("npm:") || word.starts_with("jsr:");
    !is_url
        && (word.contains('/')
            || [".py", ".js", ".ts", ".mjs", ".mts", ".cjs", ".tsx", ".jsx"]
                .iter()
                .any(|end| word.ends_with(end)))
}

/// What `env` would start, for words that begin with it.
fn without_env(words: &[String]) -> &[String] {
    let is_env = |word: &String| Path::new(word).file_name().is_some_and(|name| name == "env");
    let Some((first, mut rest)) = words.split_first().filter(|(first, _)| is_env(first)) else {
        return words;
    };
    debug_assert!(is_env(first));
    while let Some((word, after)) = rest.split_first() {
        match word.as_str() {
            "-u" | "--unset" | "-C" | "--chdir" => {
                rest = after.split_first().map_or(&[][..], |(_, rest)| rest)
            }
            "-i" | "-" | "--ignore-environment" | "--" => rest = after,
            // Its words are in one.
            "-S" | "--split-string" => return &[],
            word if word.starts_with('-') || word.contains('=') => rest = after,
            _ => break,
        }
    }
    rest
}
