//! An answer on its way to stdout: how it looks, how many rows there are, and what must be said about them.

use anyhow::anyhow;

use super::archive::{Archive, Trouble};
use super::hints::{hints, mark, place, proposal};
use super::print::{Form, Look, Printer, histogram};
use super::question::words;
use super::range::Clock;
use super::search::Search;
use crate::server::http::Failure;
use crate::sys::stderr;
use crate::sys::stdio;
use crate::sys::terminal::Terminal;

/// What must be known of a server by whoever has just sent a record.
const SOON: &str = "new ones are found after a second or two";

/// How many rows there are.
#[derive(Default, Clone, Copy)]
pub struct RowCounts {
    /// In the answer.
    pub came: u64,
    /// On stdout: with `--fields` those that have one of them.
    pub printed: u64,
}

/// How answers look.
pub struct Style {
    /// For people or for programs.
    pub form: Form,
    /// Only these fields, in this order.
    pub fields: Option<Vec<String>>,
    /// In colour, if the terminal is not to decide.
    pub color: Option<bool>,
    /// Where they are shown.
    pub terminal: Terminal,
}

impl Style {
    fn look(&self, clock: &Clock) -> Look {
        let Terminal { width, unicode, .. } = self.terminal;
        Look::new(width, self.terminal.color(self.color), unicode, clock.zone.clone())
    }

    /// Prints rows; those of a live tail never wait for a table.
    #[must_use]
    pub fn printer(&self, search: &Search, is_live: bool) -> Printer {
        let look = self.look(&search.clock);
        Printer::new(self.form, self.fields.clone(), words(&search.query), look, is_live, search.limit())
    }

    /// Prints the rows that an archive has, and counts them.
    ///
    /// # Errors
    /// What keeps them from coming, or from coming all; those that have come are printed and counted.
    pub fn print(
        &self,
        archive: &dyn Archive,
        search: &Search,
        counts: &mut RowCounts,
    ) -> Result<(), Trouble> {
        if search.limit.is_some_and(|limit| limit > 0) && search.has_pipes() {
            stderr::say("--limit was not sent, for the query has pipes; write '| limit N' into it");
        }
        let mut printer = self.printer(search, false);
        let answered = archive.rows(search, &mut |piece| stdio::write_all(printer.piece(piece)));
        let rest = stdio::write_all(printer.end(answered.is_ok()));
        *counts = RowCounts { came: printer.rows(), printed: printer.printed() };
        answered?;
        rest?;
        tell_of_limit(search.limit(), *counts);
        Ok(())
    }

    /// Draws how many records an archive has over time, and counts them.
    ///
    /// # Errors
    /// What keeps the numbers from coming.
    pub fn draw(
        &self,
        archive: &dyn Archive,
        search: &Search,
        counts: &mut RowCounts,
    ) -> Result<(), Trouble> {
        let buckets = search.buckets(self.terminal.height);
        let mut answer = archive.hits(search, buckets)?;
        let mut bars = Vec::new();
        let hits =
            histogram::draw(&answer, buckets.range, buckets.step, &self.look(&search.clock), &mut bars)
                .map_err(|error| Failure::Lost(format!("could not draw: {:#}", anyhow!(error))))?;
        *counts = RowCounts { came: hits, printed: hits };
        if answer.last() != Some(&b'\n') {
            answer.push(b'\n');
        }
        stdio::write_all(if self.form == Form::Json { &answer } else { &bars })?;
        if search.since.is_none() {
            stderr::say("only the last hour shown; --since says from when on");
        }
        Ok(())
    }
}

/// Says so where there may be more rows than were asked for: as many came as were.
fn tell_of_limit(limit: u64, RowCounts { came, printed }: RowCounts) {
    if limit == 0 || came != limit {
        return;
    }
    let limited = stderr::records(limit);
    stderr::say(&if printed == came {
        format!("only the newest {limited} shown; -n 0 gives all")
    } else {
        let some = format!("{printed} of them with one of these fields");
        format!("only the newest {limited} looked at, {some}; -n 0 looks at all")
    });
}

/// Says what went wrong with a query, and marks the place in it on a terminal.
pub fn tell_trouble(trouble: &Trouble, query: &str, is_talkative: bool) {
    let text = trouble.to_string();
    stderr::say(&text);
    if let Some(at) = trouble.place().or_else(|| place(query, &text)) {
        let (line, cell) = mark(query, at);
        stderr::mark(&line, cell);
    }
    if let Some(proposal) = proposal(&text).filter(|_| is_talkative) {
        stderr::say(&proposal);
    }
}

/// Says to people where was looked in vain, and where else there may be something: `waiting` counts what a server cannot
/// have yet.
pub fn tell_nothing(archive: &dyn Archive, search: &Search, waiting: impl FnOnce() -> u64) {
    let nothing = format!("no records{} in {}", search.described(), archive.name());
    stderr::say(&match archive.is_server().then(waiting) {
        None => nothing,
        Some(0) => format!("{nothing}; {SOON}"),
        Some(1) => format!("{nothing}; {SOON}; 1 record waits in the outbox, see --local"),
        Some(count) => format!("{nothing}; {SOON}; {count} records wait in the outbox, see --local"),
    });
}

/// Says what looks like a trap in a query that found nothing.
pub fn tell_traps(query: &str) {
    for hint in hints(query) {
        stderr::say(&format!("no records; {hint}"));
    }
}
