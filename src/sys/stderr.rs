//! What vlog tells people: lines on stderr that begin with `vlog: `.
//!
//! What a terminal would obey in them is written out, whether a server, a file or the caller has sent it.
//! Mistakes of the command line are always told. Trouble in delivery is told only on a terminal or when asked
//! for, because cron mails what it reads there and agents show it. Write errors are ignored.

use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use crate::sys::text::harmless;

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
    let line = harmless(text).replace('\n', " ");
    let _ = io::stderr().write_all(format!("vlog: {line}\n").as_bytes());
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
        say(&format!("  {line}"));
        say(&format!("  {:cell$}^", ""));
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
