//! What vlog tells people: lines on stderr that begin with `vlog: `. The only place that writes there.
//!
//! Whoever the words are from, a server, a file or the caller, what a terminal would obey in them is written out.
//! Mistakes of the command line are always told. Trouble in delivery is told only on a terminal or when asked
//! for, because cron mails what it reads there and agents show it. A line that cannot be written is not missed.

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
    /// Talkative with `verbose`, or when a person looks on.
    #[must_use]
    pub fn new(verbose: bool) -> Self {
        Self { talkative: verbose || io::stderr().is_terminal() }
    }

    /// Whether trouble is told.
    #[must_use]
    pub fn is_talkative(self) -> bool {
        self.talkative
    }

    /// Tells trouble, if anybody wants to hear it.
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

/// Shows a line of the query and marks a cell of it, for those who look on.
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

/// Passes on what somebody else has to say, as it is.
pub fn pass(bytes: &[u8]) {
    let _ = io::stderr().write_all(bytes);
}
