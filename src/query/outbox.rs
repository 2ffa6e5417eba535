//! The outbox answers: what waits there is put to the query, by `local/`.
//!
//! Rows are JSON lines with text values only, as the server's are.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use memchr::memchr_iter;

use super::archive::{Archive, Sink, Trouble};
use super::follow::Follow;
use super::local::{Evaluation, Query, Refusal, Row};
use super::print::Printer;
use super::search::{Buckets, Search};
use super::server::Server;
use crate::outbox::{Outbox, OutboxReader};
use crate::record::count_lines;
use crate::record::time::Time;
use crate::server::http::Failure;
use crate::sys::poll::{PollFlags, ready};
use crate::sys::stdio;

/// How often a server that was not there is asked whether it is by now.
const ASK: Duration = Duration::from_secs(2);

/// How often the outbox is looked at for what comes: a record appears within half a second.
const LOOK: Duration = Duration::from_millis(200);

const SECOND: i64 = 1_000_000_000;

/// The outbox as an archive.
pub struct Store<'a> {
    /// Which.
    pub outbox: &'a Outbox,
    /// Whose records are wanted (`ACCOUNT:PROJECT`); `None` is everybody's.
    pub tenant: Option<String>,
    /// The server that it stands in for: a tail goes over to that once it answers.
    pub server: Option<Server<'a>>,
}

impl Store<'_> {
    fn reader(&self) -> Result<OutboxReader, Trouble> {
        let reader = self.outbox.reader(self.tenant.clone());
        reader.map_err(|error| Trouble::Failure(Failure::Lost(format!("{error:#}"))))
    }
}

impl Archive for Store<'_> {
    fn name(&self) -> String {
        "the outbox".to_owned()
    }

    fn is_server(&self) -> bool {
        false
    }

    fn rows(&self, search: &Search, sink: Sink) -> Result<(), Trouble> {
        let query = parse(search)?;
        let limit = usize::try_from(search.limit()).unwrap_or(usize::MAX);
        let mut matches = Matches::new(search, &query, limit);
        matches.read(&mut self.reader()?, sink)?;
        Ok(matches.finish(sink)?)
    }

    fn hits(&self, search: &Search, buckets: Buckets) -> Result<Vec<u8>, Trouble> {
        let query = parse(search)?;
        let mut hits = query.hits(buckets.step * SECOND, buckets.offset * SECOND, "level");
        let range = range(search, &query);
        let to = if search.until.is_some() { range.1 } else { range.1.min(buckets.range.1) };
        let range = (range.0.max(buckets.range.0), to);
        self.reader()?.pass(&mut |destination, lines| {
            each_record(lines, &destination.stream_fields, range, &mut |row| {
                hits.take(&row);
                Ok(true)
            })
        })?;
        Ok(hits.finish())
    }

    fn follow(&self, search: &Search, printer: Printer) -> Result<(), Trouble> {
        let query = parse(search)?;
        if !query.can_follow() {
            let what = "a pipe needs all rows, and --follow never has them all".to_owned();
            return Err(Trouble::Refusal(Refusal { what, at: None }));
        }
        let began = Time::now();
        let mut screen = match &self.server {
            Some(server) => Screen::Tail(Box::new(server.tail(search, printer))),
            None => Screen::Plain(Box::new(printer)),
        };
        let mut reader = self.reader()?;
        screen.begin(search, &query, &mut reader)?;
        let mut matches = Matches::new(search, &query, 0);
        let readers = stdio::pipe_reader();
        let readers: Vec<_> = readers.iter().map(|fd| (fd.as_fd(), PollFlags::empty())).collect();
        let mut asked = Instant::now();
        while !screen.has_server(&mut asked) {
            if ready(&readers, Some(LOOK))?.contains(&true) {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
            }
            matches.read(&mut reader, &mut |lines| screen.show(lines))?;
        }
        screen.go_over(began, search)
    }
}

/// Where the rows of a tail are shown.
enum Screen<'a> {
    /// By the tail that goes on with what a server has.
    Tail(Box<Follow<'a>>),
    /// There is no server to wait for.
    Plain(Box<Printer>),
}

impl Screen<'_> {
    /// Shows the last rows there are.
    fn begin(&mut self, search: &Search, query: &Query, reader: &mut OutboxReader) -> io::Result<()> {
        let last = search.last();
        let mut matches = Matches::new(search, query, usize::try_from(last).unwrap_or(usize::MAX));
        let mut count = 0;
        let mut sink = |lines: &[u8]| {
            count += count_lines(lines);
            self.show(lines)
        };
        matches.read(reader, &mut sink)?;
        matches.finish(&mut sink)?;
        if let Self::Tail(tail) = self
            && last > 0
            && count == last
        {
            tail.forget_older();
        }
        Ok(())
    }

    fn show(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Tail(tail) => tail.show_waiting(lines),
            Self::Plain(printer) => stdio::write_all(printer.piece(lines)),
        }
    }

    /// Whether the server is there by now; it is `asked` now and then.
    fn has_server(&self, asked: &mut Instant) -> bool {
        let Self::Tail(tail) = self else { return false };
        if asked.elapsed() < ASK {
            return false;
        }
        *asked = Instant::now();
        tail.has_server()
    }

    /// Goes on with what the server has.
    fn go_over(self, began: Time, search: &Search) -> Result<(), Trouble> {
        match self {
            Self::Tail(tail) => Ok(tail.go_over(began, search.since.as_ref())?),
            Self::Plain(_) => Ok(()),
        }
    }
}

/// A query as the outbox understands it.
fn parse(search: &Search) -> Result<Query, Trouble> {
    let end = search.until.as_ref().map_or_else(Time::now, |bound| bound.instant);
    Query::parse(&search.query, &search.filters, end).map_err(Trouble::Refusal)
}

/// The range in which there may be rows: both ends belong to it.
fn range(search: &Search, query: &Query) -> (Time, Time) {
    let (asked, own) = (search.range(), query.time_range());
    (asked.0.max(own.0), asked.1.min(own.1))
}

/// Puts the records of a range among these lines, each of which ends with a newline, to `take`; `false` if that wants no more.
fn each_record<'a>(
    lines: &'a [u8],
    stream_fields: &'a [String],
    range: (Time, Time),
    take: &mut dyn FnMut(Row<'a>) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut start = 0;
    for end in memchr_iter(b'\n', lines) {
        let line = lines.get(start..end).unwrap_or_default();
        start = end + 1;
        let Some(row) = Row::read(line, stream_fields) else { continue };
        let is_in = row.time().is_some_and(|time| (range.0..=range.1).contains(&time));
        if is_in && !take(row)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows on their way.
struct Matches<'q> {
    range: (Time, Time),
    evaluation: Evaluation<'q>,
    /// Rows that were found and not yet given.
    found: Vec<u8>,
}

impl<'q> Matches<'q> {
    fn new(search: &Search, query: &'q Query, limit: usize) -> Self {
        Self { range: range(search, query), evaluation: query.start(limit), found: Vec::new() }
    }

    /// Looks through what is new, and hands the rows that are certain to `sink`.
    fn read(&mut self, reader: &mut OutboxReader, sink: Sink) -> io::Result<()> {
        let Self { range, evaluation, found } = self;
        reader.pass(&mut |destination, lines| {
            let goes_on = each_record(lines, &destination.stream_fields, *range, &mut |row| {
                evaluation.take(row, &mut |fields| write_row(fields, found))
            })?;
            give(found, sink)?;
            Ok(goes_on)
        })
    }

    /// Hands the rest to `sink`.
    fn finish(mut self, sink: Sink) -> io::Result<()> {
        let found = &mut self.found;
        self.evaluation.finish(&mut |fields| write_row(fields, found))?;
        give(found, sink)
    }
}

/// Hands rows to `sink` and forgets them.
fn give(found: &mut Vec<u8>, sink: Sink) -> io::Result<()> {
    let given = if found.is_empty() { Ok(()) } else { sink(found) };
    found.clear();
    given
}

/// Appends a row as a JSON line. A field without a value is none, and a row without fields is none.
fn write_row(fields: &[(&str, &str)], out: &mut Vec<u8>) -> io::Result<()> {
    let start = out.len();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.len() == start { b'{' } else { b',' });
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        serde_json::to_writer(&mut *out, value)?;
    }
    if out.len() > start {
        out.extend_from_slice(b"}\n");
    }
    Ok(())
}
