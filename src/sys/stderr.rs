//! What vlog tells people: lines on stderr that begin with `vlog: `.
//!
//! What a terminal would obey in them is written out, whether a server, a file or the caller has sent it.
//! Mistakes of the command line are always told. Trouble in delivery is told only on a terminal or when asked
//! for, because cron mails what it reads there and agents show it. Write errors are ignored.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use crate::sys::terminal;
use crate::sys::text::{harmless, width};

/// Where the further lines of a message begin on a terminal: below its first word.
const INDENT: usize = 6;

/// Tells or keeps quiet.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Whether trouble is told.
    talkative: bool,
}

impl Report {
    /// Trouble is told with `verbose`, or where stderr is a terminal.
    #[must_use]
    pub fn new(verbose: bool) -> Self {
        Self { talkative: verbose || io::stderr().is_terminal() }
    }

    /// Whether trouble is told.
    #[must_use]
    pub fn is_talkative(self) -> bool {
        self.talkative
    }

    /// Tells trouble, if trouble is told.
    pub fn trouble(self, text: &str) {
        if self.talkative {
            say(text);
        }
    }
}

/// Tells what must be told.
pub fn say(text: &str) {
    // One write, so that lines of several processes do not mix.
    let line = format!("vlog: {}", harmless(text).replace('\n', " "));
    let columns =
        Some(io::stderr()).filter(IsTerminal::is_terminal).and_then(|stderr| terminal::columns(&stderr));
    let line = columns.map_or(line.clone(), |columns| wrapped(&line, columns));
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The line with its words on lines of at most so many cells, where that can be; the first word stands alone at the left.
fn wrapped(line: &str, columns: usize) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let mut used = 0;
    for word in line.split(' ') {
        let cells = width(word);
        if used > INDENT && used + 1 + cells > columns {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', INDENT));
            used = INDENT;
        } else if !out.is_empty() {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += cells;
    }
    out
}

/// What there is to tell of a panic.
#[must_use]
pub fn bug(panic: &PanicHookInfo) -> String {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    format!("could not go on: a bug in vlog at {place}; please report it")
}

/// Shows a line of the query and marks a cell of it, if stderr is a terminal.
pub fn mark(line: &str, cell: usize) {
    if io::stderr().is_terminal() {
        let line = harmless(line).replace('\n', " ");
        let _ = io::stderr().write_all(format!("vlog:   {line}\nvlog:   {:cell$}^\n", "").as_bytes());
    }
}

/// `1 record`, `2 records`.
#[must_use]
pub fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

/// Writes what another program has to say, as it is.
pub fn pass(bytes: &[u8]) {
    let _ = io::stderr().write_all(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_terminal_words_are_kept_whole() {
        for (text, columns, expected) in [
            ("vlog: short", 80, "vlog: short"),
            ("vlog: one two three", 14, "vlog: one two\n      three"),
            ("vlog: one two three", 1, "vlog: one\n      two\n      three"),
            ("vlog: averylongwordindeed no", 10, "vlog: averylongwordindeed\n      no"),
        ] {
            assert_eq!(wrapped(text, columns), expected);
        }
    }
}
