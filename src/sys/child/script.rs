//! Whether an interpreter ended because its script is not there.
//!
//! Some end with 2 then, which in an agent's hook blocks every tool call. Nothing is guessed from the command line
//! before: the command has run, and only the interpreter's own words for that script count. In doubt it was there.

use std::io::ErrorKind;
use std::path::Path;

/// How an interpreter says that it cannot open a script.
struct Complaint {
    /// What the interpreter is called, without a version.
    names: &'static [&'static str],
    /// Whether its name stands in front of the complaint, as it was called.
    is_named: bool,
    /// What else starts it, and may stand in the command line instead.
    starter: Option<&'static str>,
    /// What stands before the script's name, and after it.
    before: &'static str,
    after: &'static str,
}

/// The interpreters that end with 2: python 2.7 to 3.13, dash 0.5.12, busybox 1.35, perl 5.36, uv 0.5 and 0.13.
/// bash, zsh, ksh and mksh end with 127, node, ruby, php, bun and deno with 1.
const COMPLAINTS: [Complaint; 6] = [
    Complaint {
        names: &["python", "pypy"],
        is_named: true,
        starter: Some("uv"),
        before: ": can't open file '",
        after: "': [Errno 2] No such file or directory",
    },
    Complaint {
        names: &["sh", "dash"],
        is_named: true,
        starter: None,
        before: ": 0: cannot open ",
        after: ": No such file",
    },
    Complaint {
        names: &["sh", "ash"],
        is_named: true,
        starter: Some("busybox"),
        before: ": can't open '",
        after: "': No such file or directory",
    },
    Complaint {
        names: &["perl"],
        is_named: false,
        starter: None,
        before: "Can't open perl script \"",
        after: "\": No such file or directory",
    },
    Complaint {
        names: &["uv"],
        is_named: false,
        starter: None,
        before: "error: Failed to spawn: ",
        after: "\n  cause: No such file or directory (os error 2)",
    },
    Complaint {
        names: &["uv"],
        is_named: false,
        starter: None,
        before: "error: Failed to spawn: `",
        after: "`\n  Caused by: No such file or directory (os error 2)",
    },
];

/// The script that is not there, if `stderr` is nothing but the complaint of an interpreter in `words` about one of the
/// words behind it, and there is no such file.
#[must_use]
pub fn missing_script<'a>(words: &[String], stderr: &'a str) -> Option<&'a str> {
    COMPLAINTS.iter().find_map(|complaint| complaint.script(words, stderr))
}

impl Complaint {
    fn script<'a>(&self, words: &[String], stderr: &'a str) -> Option<&'a str> {
        let (interpreter, rest) = stderr.trim_end().split_once(self.before)?;
        let script = rest.strip_suffix(self.after)?;
        let is_own = if self.is_named { self.is_name(interpreter) } else { interpreter.is_empty() };
        if !is_own || script.is_empty() || script.contains('\n') {
            return None;
        }
        let is_interpreter = |word: &String| self.is_name(word) || self.starter == Some(file_name(word));
        let at = words.iter().position(is_interpreter)?;
        let (before, after) = words.split_at(at + 1);
        // Python puts the folder in front that it was started in.
        let is_script = |word: &String| {
            script
                .strip_suffix(word.as_str())
                .is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
        };
        let of_script = after.iter().position(|word| !word.is_empty() && is_script(word))?;
        let between = after.get(..of_script).unwrap_or_default();
        // A file before it may be the script, and the complaint about something that it has started.
        if between.iter().any(|word| Path::new(word).is_file()) {
            return None;
        }
        // The command may have changed the folder, and the file be there.
        let is_sure = script.starts_with('/')
            || (before.len() == 1 && !between.iter().any(|word| word.starts_with("--directory")));
        (is_sure && is_missing(Path::new(script))).then_some(script)
    }

    /// Whether a word is the interpreter's name: `/usr/bin/python3.12`.
    fn is_name(&self, word: &str) -> bool {
        let name = file_name(word).trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
        self.names.contains(&name)
    }
}

fn file_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether it is certain that there is no such file.
fn is_missing(path: &Path) -> bool {
    let error = path.metadata().err().map(|error| error.kind());
    matches!(error, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(line: &str, stderr: &str, expected: Option<&str>) {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(missing_script(&words, stderr), expected, "{line}: {stderr}");
    }

    const ERRNO: &str = "[Errno 2] No such file or directory";

    #[test]
    fn the_interpreters_own_words_tell() {
        let python = format!("/usr/bin/python3: can't open file '/none/s.py': {ERRNO}\n");
        for line in [
            "python3 /none/s.py",
            "/usr/bin/python3.12 -u -X dev /none/s.py --strict",
            "timeout 5 env A=b python3 /none/s.py",
            "uv run --directory / /none/s.py",
            "uv run --with rich python s.py",
        ] {
            finds(line, &python, Some("/none/s.py"));
        }
        finds("python2 s.py", &format!("python2: can't open file 's.py': {ERRNO}\n"), Some("s.py"));
        finds("sh /none/s.sh", "sh: 0: cannot open /none/s.sh: No such file\n", Some("/none/s.sh"));
        finds("busybox sh s.sh", "sh: can't open 's.sh': No such file or directory\n", Some("s.sh"));
        let perl = "Can't open perl script \"s.pl\": No such file or directory\n";
        finds("/usr/bin/perl -w s.pl", perl, Some("s.pl"));
        let uv = "error: Failed to spawn: s.py\n  cause: No such file or directory (os error 2)\n";
        finds("uv run s.py", uv, Some("s.py"));
        let uv = "error: Failed to spawn: `s.py`\n  Caused by: No such file or directory (os error 2)\n";
        finds("uv run s.py", uv, Some("s.py"));
    }

    #[test]
    fn in_doubt_it_was_there() {
        let python = format!("python3: can't open file '/none/s.py': {ERRNO}\n");
        // Not an interpreter, not its script, not only its words, not that error.
        finds("guard /none/s.py", &python, None);
        finds("sh -c x /none/s.py", &python, None);
        finds("python3 /none/t.py", &python, None);
        finds("python3 none/s.p", &python, None);
        finds("/none/s.py python3", &python, None);
        finds("python3 /none/s.py", &format!("denied\n{python}"), None);
        finds("python3 /none/s.py", &format!("{python}denied\n"), None);
        finds("python3 /none/s.py", &python.replace("python3:", "guard:"), None);
        finds("python3 /none/s.py", &python.replace(ERRNO, "[Errno 13] Permission denied"), None);
        finds("python3 /none/s.py", "", None);
        // Another script before it, which is there.
        finds("python3 /proc/self/status /none/s.py", &python, None);
        // In another folder it may be there.
        finds("env -C /none dash s.sh", "dash: 0: cannot open s.sh: No such file\n", None);
        let uv = "error: Failed to spawn: s.py\n  cause: No such file or directory (os error 2)\n";
        finds("uv run --directory /none s.py", uv, None);
        finds("uv run --directory=/none s.py", uv, None);
        // It is there.
        let there = "dash: 0: cannot open /proc/self/status: No such file\n";
        finds("dash /proc/self/status", there, None);
    }
}
