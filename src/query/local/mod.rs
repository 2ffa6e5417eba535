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

mod row;

use std::io;

use crate::record::time::Time;

pub use row::Row;

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
    words: Vec<String>,
    range: (Time, Time),
    pipes: usize,
}

impl Query {
    /// Parses a query and the filters beside it (`extra_filters`), all of which must hold. Relative times such as
    /// `_time:5m` end at `now`: the end of the range that was asked for, or else the present.
    ///
    /// # Errors
    /// What the server refuses, and what only the server can answer.
    pub fn parse(text: &str, filters: &[String], now: Time) -> Result<Self, Refusal> {
        let _ = now;
        let texts = [text].into_iter().chain(filters.iter().map(String::as_str));
        let words = texts.flat_map(str::split_whitespace).filter(|word| *word != "*");
        let plain = |word: &str| word.chars().all(char::is_alphanumeric);
        let words: Vec<_> = words.map(str::to_owned).collect();
        match words.iter().find(|word| !plain(word)) {
            Some(word) => Err(Refusal { what: format!("'{word}' needs the server"), at: text.find(word) }),
            None => Ok(Self { words, range: (Time(i64::MIN), Time(i64::MAX)), pipes: 0 }),
        }
    }

    /// The first and the last moment, both included, that a record may have; the query itself says so.
    #[must_use]
    pub fn time_range(&self) -> (Time, Time) {
        self.range
    }

    /// Whether each record is answered by itself, so that the query can follow what is appended.
    #[must_use]
    pub fn can_follow(&self) -> bool {
        self.pipes == 0
    }

    /// Begins to answer. Of a query without pipes the newest `limit` rows are given, oldest first; 0 is all, in the
    /// order in which they come.
    #[must_use]
    pub fn start(&self, limit: usize) -> Evaluation<'_> {
        Evaluation { query: self, limit, kept: Vec::new() }
    }
}

/// A query at work.
#[derive(Debug)]
pub struct Evaluation<'q> {
    query: &'q Query,
    limit: usize,
    kept: Vec<(Time, Vec<(String, String)>)>,
}

impl Evaluation<'_> {
    /// Puts a record to the query, and gives the rows that are certain already. `false`: no further record can
    /// change the answer.
    ///
    /// # Errors
    /// `out` has failed.
    pub fn take(&mut self, row: Row, out: &mut Out) -> io::Result<bool> {
        let message = row.value("_msg");
        if !self.query.words.iter().all(|word| message.contains(word.as_str())) {
            return Ok(true);
        }
        let time = row.time().unwrap_or(Time(0));
        let fields = row.into_fields();
        if self.limit == 0 {
            give(&fields, out)?;
            return Ok(true);
        }
        self.kept.push((time, fields));
        if self.kept.len() >= self.limit.saturating_mul(2) {
            self.trim();
        }
        Ok(true)
    }

    /// Gives what is left.
    ///
    /// # Errors
    /// `out` has failed.
    pub fn finish(mut self, out: &mut Out) -> io::Result<()> {
        self.trim();
        self.kept.iter().try_for_each(|(_, fields)| give(fields, out))
    }

    fn trim(&mut self) {
        self.kept.sort_by_key(|(time, _)| *time);
        let older = self.kept.len().saturating_sub(self.limit);
        self.kept.drain(..older);
    }
}

fn give(fields: &[(String, String)], out: &mut Out) -> io::Result<()> {
    let row: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    out(&row)
}
