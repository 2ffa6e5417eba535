//! Whether a command is an interpreter whose script is not there.
//!
//! Interpreters end with a status of their own then, some with 2, which in an agent's hook blocks the tool call.
//! What is not understood for certain counts as there: the interpreter itself will tell.

use std::path::Path;

/// The file that `words` would have an interpreter read, if `exists` says that it is not there.
#[must_use]
pub fn missing_script(words: &[String], exists: impl Fn(&Path) -> bool) -> Option<&str> {
    let script = script(words)?;
    (!exists(Path::new(script))).then_some(script)
}

/// An interpreter and what matters of its command line.
struct Interpreter {
    /// Its names, without a version.
    names: &'static [&'static str],
    /// The word that must come before the script, as in `deno run`; empty if there is none.
    verb: &'static str,
    /// Options whose value is the next word.
    valued: &'static [&'static str],
    /// Letters of short options whose value may be in the same word.
    attached: &'static str,
    /// Letters of short options, and whole long ones, with which no word is a script: programs on the command line,
    /// modules, questions for the version.
    scriptless: &'static str,
    scriptless_long: &'static [&'static str],
}

const INTERPRETERS: [Interpreter; 9] = [
    Interpreter {
        names: &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"],
        verb: "",
        valued: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
        attached: "",
        scriptless: "cs",
        scriptless_long: &["--help", "--version"],
    },
    Interpreter {
        names: &["python", "pypy"],
        verb: "",
        valued: &["-W", "-X", "--check-hash-based-pycs"],
        attached: "WX",
        scriptless: "cmVh",
        scriptless_long: &["--help", "--version"],
    },
    Interpreter {
        names: &["node", "nodejs"],
        verb: "",
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
        attached: "rC",
        scriptless: "epivh",
        scriptless_long: &["--eval", "--print", "--interactive", "--version", "--help", "--test", "--run"],
    },
    Interpreter {
        names: &["ruby"],
        verb: "",
        valued: &["-I", "-r", "-E"],
        attached: "IrEWKTFi0",
        scriptless: "evhSCx",
        scriptless_long: &["--version", "--help"],
    },
    Interpreter {
        names: &["perl"],
        verb: "",
        valued: &["-I"],
        attached: "IMmFCDdil0",
        scriptless: "eEvVhSx",
        scriptless_long: &[],
    },
    Interpreter {
        names: &["php"],
        verb: "",
        valued: &["-c", "-d", "-z", "--php-ini", "--define"],
        attached: "cdz",
        scriptless: "rBRFESaimvhslwf",
        scriptless_long: &["--run", "--version", "--help", "--server", "--info", "--file"],
    },
    Interpreter {
        names: &["deno"],
        verb: "run",
        valued: &["-c", "--config", "--import-map", "--lock", "-L", "--log-level"],
        attached: "",
        scriptless: "h",
        scriptless_long: &["--help"],
    },
    Interpreter {
        names: &["bun"],
        verb: "run",
        valued: &["-r", "--preload", "--cwd", "-c", "--config"],
        attached: "",
        scriptless: "epvh",
        scriptless_long: &["--eval", "--print", "--version", "--help"],
    },
    Interpreter {
        names: &["uv"],
        verb: "run",
        valued: &[
            "-p",
            "--python",
            "--with",
            "--project",
            "--directory",
            "--extra",
            "--group",
            "--env-file",
            "--package",
        ],
        attached: "p",
        scriptless: "mh",
        scriptless_long: &["--module", "--help"],
    },
];

/// How the names of scripts end that are no names of something else, of a package for one.
const ENDINGS: [&str; 8] = [".py", ".js", ".mjs", ".cjs", ".ts", ".mts", ".jsx", ".tsx"];

/// The script's name, if the words are an interpreter's and say one.
fn script(words: &[String]) -> Option<&str> {
    let (program, words) = without_launchers(words).split_first()?;
    let name = Path::new(program).file_name()?.to_str()?;
    // python3.12
    let name = name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
    let interpreter = INTERPRETERS.iter().find(|known| known.names.contains(&name))?;
    let words = match words.split_first() {
        Some((verb, rest)) if !interpreter.verb.is_empty() && verb == interpreter.verb => rest,
        // `bun script.js`
        Some((word, _)) if name == "bun" && looks_like_script(word) => words,
        _ if interpreter.verb.is_empty() => words,
        _ => return None,
    };
    let at = first_plain(interpreter, words)?;
    let word = words.get(at)?;
    if interpreter.verb.is_empty() {
        // `node inspect script.js`
        return (word != "-" && !(name.starts_with("node") && word == "inspect")).then_some(word);
    }
    if name == "uv" && !looks_like_script(word) {
        // `uv run python script.py`
        return words.get(at..).and_then(script);
    }
    looks_like_script(word).then_some(word)
}

/// Where the first word is that is no option; `None` if an option says that it is no script.
fn first_plain(interpreter: &Interpreter, words: &[String]) -> Option<usize> {
    let mut words = words.iter().map(String::as_str).enumerate();
    while let Some((at, word)) = words.next() {
        let letters = word.strip_prefix(['-', '+']).filter(|letters| !letters.is_empty());
        let Some(letters) = letters else { return Some(at) };
        if word == "--" {
            return words.next().map(|(at, _)| at);
        }
        if word.starts_with("--") {
            let name = word.split('=').next().unwrap_or(word);
            if interpreter.scriptless_long.contains(&name) {
                return None;
            }
        } else {
            // Up to the letter whose value is the rest of the word.
            let end = letters.find(|letter| interpreter.attached.contains(letter)).unwrap_or(letters.len());
            let (switches, _) = letters.split_at(end);
            if switches.contains(|letter| interpreter.scriptless.contains(letter)) {
                return None;
            }
        }
        // `set -euo pipefail` is a habit in shells.
        let is_shells =
            interpreter.valued.contains(&"+o") && !word.starts_with("--") && letters.ends_with('o');
        if interpreter.valued.contains(&word) || is_shells {
            words.next();
        }
    }
    None
}

/// Whether it is a file, and no address or name of something else.
fn looks_like_script(word: &str) -> bool {
    let is_address = word.contains("://") || word.starts_with("npm:") || word.starts_with("jsr:");
    let is_path = word.starts_with('/') || word.starts_with("./") || word.starts_with("../");
    !is_address && (is_path || ENDINGS.iter().any(|ending| word.ends_with(ending)))
}

/// What `timeout`, `nice` and the like would start, for words that begin with them.
fn without_launchers(words: &[String]) -> &[String] {
    let mut rest = words;
    loop {
        let program =
            rest.first().and_then(|word| Path::new(word).file_name()).and_then(|name| name.to_str());
        // Options with a value of their own, and how many words come before the command.
        let (valued, before): (&[&str], usize) = match program {
            Some("env") => {
                rest = without_env(rest);
                continue;
            }
            Some("nohup" | "setsid") => (&[], 0),
            Some("nice") => (&["-n", "--adjustment"], 0),
            Some("timeout") => (&["-s", "--signal", "-k", "--kill-after"], 1),
            Some("stdbuf") => (&["-i", "-o", "-e", "--input", "--output", "--error"], 0),
            _ => return rest,
        };
        rest = rest.get(1..).unwrap_or_default();
        while let Some((word, after)) = rest.split_first().filter(|(word, _)| word.starts_with('-')) {
            let skipped = usize::from(valued.contains(&word.as_str()));
            rest = after.get(skipped..).unwrap_or_default();
        }
        rest = rest.get(before..).unwrap_or_default();
    }
}

/// What `env` would start, for words that begin with it.
fn without_env(words: &[String]) -> &[String] {
    let is_env = |word: &String| Path::new(word).file_name().is_some_and(|name| name == "env");
    let Some((_, mut rest)) = words.split_first().filter(|(first, _)| is_env(first)) else { return words };
    while let Some((word, after)) = rest.split_first() {
        rest = match word.as_str() {
            "-u" | "--unset" => after.split_first().map_or(after, |(_, rest)| rest),
            "-i" | "-" | "--ignore-environment" => after,
            word if !word.starts_with('-') && word.contains('=') => after,
            // Other options move elsewhere, or have a command in them.
            word if word.starts_with('-') => return &[],
            _ => break,
        };
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(line: &str, expected: Option<&str>) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(missing_script(&words, |_| false), expected, "{line}");
        assert_eq!(missing_script(&words, |_| true), None, "{line}");
    }

    #[test]
    fn the_script_of_a_known_interpreter_is_found() {
        for line in [
            "python s",
            "python3 s",
            "python3.12 s",
            "/usr/bin/python3 s",
            "pypy3 s",
            "python3 -u s",
            "python3 -W ignore s",
            "python3 -X dev -B s a b",
            "python3 -- s",
            "sh s",
            "bash s -c",
            "bash -eu s",
            "bash -euo pipefail s",
            "bash -o pipefail s",
            "bash +x s",
            "bash --norc s",
            "dash s",
            "zsh -f s",
            "node s",
            "node --no-warnings s",
            "node -r x s",
            "node --require x s -e",
            "node --inspect=1 s",
            "nodejs s",
            "ruby s",
            "ruby -w s",
            "ruby -I lib s",
            "perl s",
            "perl -w s",
            "perl -I lib s",
            "perl -Ilib s",
            "php s",
            "php -d a=b s",
            "env python3 s",
            "/usr/bin/env python3 -u s",
            "env A=b -u C -i bash s",
            "perl -I/home/me/lib s",
            "perl -Mfeature=say -MData::Dumper s",
            "python3 -Xfaulthandler -Wignore s",
            "ruby -Iservice -rjson s",
            "php -dxdebug.mode=off s",
            "timeout 5 python3 s",
            "timeout -k 1 -s TERM 5 env A=b nice -n 5 python3 -u s",
            "nohup stdbuf -oL bash s",
        ] {
            reads(line, Some("s"));
        }
        for line in [
            "deno run s.ts",
            "deno run -A --allow-read=/ s.ts",
            "deno run -c d.json s.ts",
            "bun run s.ts",
            "bun s.ts",
            "bun run --preload p.ts s.ts",
            "uv run s.ts",
            "uv run --with rich s.ts",
            "uv run python s.ts",
            "uv run --python 3.12 python3 -u s.ts",
            "/usr/bin/env -i uv run s.ts",
        ] {
            reads(line, Some("s.ts"));
        }
    }

    #[test]
    fn programs_modules_and_questions_are_no_scripts() {
        for line in [
            "python3 -c s",
            "python3 -m s",
            "python3 -um s",
            "python3 --version",
            "python3 -",
            "python3",
            "bash -c s",
            "bash -lc s",
            "bash -ec s",
            "sh -s s",
            "bash --version s",
            "node -e s",
            "node -p s",
            "node --eval s",
            "node --eval=s t",
            "node --test s",
            "node inspect s",
            "ruby -e s",
            "ruby -ne s",
            "perl -e s",
            "perl -pe s",
            "perl -ne s t",
            "php -r s",
            "php -S localhost:80",
            "php -f s",
            "deno s.ts",
            "deno task s",
            "deno run https://x/s.ts",
            "deno run npm:s",
            "bun run build",
            "bun test",
            "bun -e s",
            "bun install",
            "uv run -m s",
            "uv run pytest",
            "uv run pytest tests.py",
            "uv pip install s.py",
            "uv run python -c s",
            "env",
            "env -S python3 s",
            "env -C dir python3 s",
            "env A=b",
        ] {
            reads(line, None);
        }
    }

    #[test]
    fn other_commands_are_not_interpreters() {
        for line in [
            "guard s",
            "./python3/guard s",
            "python-config s",
            "pythonista s",
            "shfmt s",
            "noder s",
            "cat s",
            "sh.real s",
            "",
        ] {
            reads(line, None);
        }
        assert_eq!(missing_script(&[], |_| false), None);
    }
}
