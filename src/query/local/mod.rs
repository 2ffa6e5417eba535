//! `LogsQL` without a server: a query is parsed once, and then each record of the outbox is put to it.
//!
//! Invariant: what is answered is what the server would answer to the same records, or could where it is free (which
//! rows a `limit` without an order gives). Everything else is refused with a line that names it.
//!
//! ```text
//! let query = Query::parse(text, &extra_filters, now)?;
//! let mut evaluation = query.start(limit);
//! for line in entry.lines() {
//!     let Some(row) = Row::read(line, &stream_fields) else { continue };
//!     if !row.time().is_some_and(|time| range.contains(&time)) { continue }
//!     if !evaluation.take(row, &mut out)? { break }
//! }
//! evaluation.finish(&mut out)?;
//! ```

mod bucket;
mod filter;
mod hits;
mod lexer;
mod line;
mod moment;
mod number;
mod parse;
mod pipes;
mod regexp;
mod row;
mod run;
mod stats;
#[cfg(test)]
mod tests;
mod text;
mod word;

use std::io;

use crate::record::time::Time;
use filter::Filter;
use parse::QueryParser;
use pipes::Pipe;

pub use hits::Hits;
pub use row::Row;
pub use run::Evaluation;

/// Why a query is not answered here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One line, without a full stop: what is wrong, or what needs the server.
    pub what: String,
    /// The byte of the query where it stands. `None` for what stands in a filter beside the query.
    pub at: Option<usize>,
}

/// What takes the rows of a result: names and values, in the order in which they are shown.
pub type Out<'o> = dyn FnMut(&[(&str, &str)]) -> io::Result<()> + 'o;

/// A query that was understood.
#[derive(Debug)]
pub struct Query {
    filter: Filter,
    pipes: Vec<Pipe>,
}

impl Query {
    /// Parses a query and the filters beside it (`extra_filters`), all of which must hold. Relative times such as
    /// `_time:5m` end at `now`: the end of the range that was asked for, or else the present.
    ///
    /// # Errors
    /// What the server refuses, and what only the server can answer.
    pub fn parse(text: &str, filters: &[String], now: Time) -> Result<Self, Refusal> {
        let mut query = Self::read(text, now)?;
        let mut all = Vec::new();
        for text in filters {
            let beside = Self::read(text, now).map_err(|refusal| Refusal { at: None, ..refusal })?;
            if !beside.pipes.is_empty() {
                return Err(Refusal { what: "a filter beside the query has pipes".to_owned(), at: None });
            }
            all.push(beside.filter);
        }
        if !all.is_empty() {
            all.push(query.filter);
            query.filter = Filter::And(all);
        }
        Ok(query)
    }

    fn read(text: &str, now: Time) -> Result<Self, Refusal> {
        let mut parser = QueryParser::new(text, now.0);
        parser.options()?;
        let filter = parser.filter()?;
        let pipes = if parser.lexer.take(&["|"]) { parser.pipes()? } else { Vec::new() };
        if parser.lexer.is_end() { Ok(Self { filter, pipes }) } else { Err(parser.lexer.unexpected("'|'")) }
    }

    /// The first and the last moment, both included, that a record may have; the query itself says so.
    #[must_use]
    pub fn time_range(&self) -> (Time, Time) {
        let (first, last) = self.filter.time_range();
        (Time(first), Time(last))
    }

    /// Whether each record is answered by itself, so that the query can follow what is appended.
    #[must_use]
    pub fn can_follow(&self) -> bool {
        let is_of_one = |pipe: &Pipe| {
            matches!(pipe, Pipe::Filter(_) | Pipe::Fields(_) | Pipe::Delete(_) | Pipe::Rename(..))
        };
        self.pipes.iter().all(is_of_one)
    }

    /// Begins to answer. Of a query without pipes the newest `limit` rows are given, oldest first; 0 is all, in the
    /// order in which they come. Pipes have limits of their own.
    #[must_use]
    pub fn start(&self, limit: usize) -> Evaluation<'_> {
        Evaluation::new(&self.filter, &self.pipes, limit)
    }

    /// Begins to count the records that pass the filter, as `/select/logsql/hits` does: in steps of `step`
    /// nanoseconds from `offset` on, by the values of this field. Pipes change nothing.
    #[must_use]
    pub fn hits(&self, step: i64, offset: i64, field: &str) -> Hits<'_> {
        Hits::new(&self.filter, step, offset, field)
    }
}
