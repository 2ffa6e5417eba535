//! `query --follow`: the last rows, then those that come, over any number of connections.
//!
//! Invariants: no row is shown twice, also when several are alike to the nanosecond; none is left out but those
//! that the server's own tail withholds. Both rest on two overlaps. A tail is opened before the query that fills
//! what lies behind it, and starts some seconds back; a query begins some seconds before what was shown last.
//! [`Shown`] knows the rows of that time again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::client::{Answer, Client, Failure, form};
use crate::output::Printer;
use crate::output::text;
use crate::range::Bound;
use crate::report;
use crate::stdio;
use crate::time::Time;
use crate::wait::{PollFlags, ready};

const QUERY: &str = "/select/logsql/query";

/// The path of the server's live tail.
pub const TAIL: &str = "/select/logsql/tail";

const SECOND: i64 = 1_000_000_000;

/// How far back a new tail starts, and a query behind it. The server shows a record about a second after it has
/// come, its tail waits one more, and looks back five.
const OVERLAP: i64 = 10 * SECOND;

/// How long rows are known again: longer than the overlap, for a reader may be slow.
const MEMORY: i64 = 60 * SECOND;

/// How many rows are known again at most: some 20 MiB.
const MAX_KNOWN: usize = 200_000;

/// The pauses between attempts to connect again: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A tail says nothing while nothing comes. After this silence it is opened anew, in case the server has gone
/// without a word; before proxies lose patience, which is after a minute as a rule.
const SILENCE: Duration = Duration::from_secs(45);

/// After an interruption the outboxes of others deliver late what the tail no longer shows: so it is opened anew, and
/// looked behind, this long after each time.
const LOOKS: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(10), Duration::from_secs(30)];

/// The most rows that a query behind a tail holds at a time; more are fetched in parts, so that they come in order.
const MAX_FETCHED: usize = 5000;

/// How far back a tail starts, as the server is told.
const START_OFFSET: &str = "10s";

/// What the server's tail is asked: `asked`, some seconds back, but not before `since`.
#[must_use]
pub fn arguments<'a>(
    mut asked: Vec<(&'static str, &'a str)>,
    since: Option<&'a Bound>,
) -> Vec<(&'static str, &'a str)> {
    asked.push(("start_offset", START_OFFSET));
    asked.extend(since.map(|bound| ("start", bound.text.as_str())));
    asked
}

/// A live tail.
pub struct Follow<'a> {
    /// The form arguments of every request: the query, and the conditions beside it.
    arguments: Vec<(&'static str, &'a str)>,
    /// Two clients, because a query is made while a tail is open, and each has its own patience.
    tail: Client,
    query: Client,
    idle: Duration,
    reader: Option<OwnedFd>,
    printer: Printer,
    shown: Shown,
    /// Nothing from before was asked for; 1970 stands for "since ever".
    since: i64,
}

impl<'a> Follow<'a> {
    /// Follows what `arguments` ask for; waits at most `idle` for a byte of an answer that must come. `reader` is
    /// who reads the rows, if one can tell whether it still does.
    #[must_use]
    pub fn new(
        arguments: Vec<(&'static str, &'a str)>,
        clients: [Client; 2],
        idle: Duration,
        reader: Option<OwnedFd>,
        printer: Printer,
    ) -> Self {
        let [tail, query] = clients;
        Self { arguments, tail, query, idle, reader, printer, shown: Shown::default(), since: 0 }
    }

    /// Shows the last rows since a time, all if `last` is 0, and then what comes, until it cannot.
    ///
    /// # Errors
    /// The server refuses, or is not there from the start; the rows cannot be printed.
    pub fn run(mut self, last: u64, since: Option<&Bound>) -> Result<(), Failure> {
        self.since = since.map_or(0, |bound| bound.instant.0);
        let (tail, query) = (self.tail.clone(), self.query.clone());
        let mut live = self.open(&tail, since)?;
        self.show_last(&query, last, since)?;
        // Where the interruption has begun, and which looks behind the tail are still to come.
        let mut gap: Option<i64> = None;
        let mut looks = LOOKS.iter();
        loop {
            let until = gap.and_then(|_| looks.next()).map(|look| Instant::now() + *look);
            if until.is_none() {
                gap = None;
                self.shown.keep_from = None;
            }
            tail.set_patience(until, SILENCE);
            let mut why = match self.relay(&mut live) {
                Failure::Unprinted(error) => return Err(Failure::Unprinted(error)),
                // Only time to look again.
                Failure::Silent(_) => None,
                other => Some(other.to_string()),
            };
            if why.is_some() {
                gap = Some(gap.map_or(self.shown.latest, |at| at.min(self.shown.latest)));
                looks = LOOKS.iter();
            }
            let mut pause = FIRST_PAUSE;
            let mut is_told = false;
            live = loop {
                if let Some(why) = why.take() {
                    if !is_told {
                        report::say(&format!("connection lost: {why}; trying again"));
                        is_told = true;
                    }
                    self.rest(pause)?;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                let opened = self.open(&tail, None);
                let caught_up = match opened {
                    Ok(live) => self.catch_up(&query, gap).map(|()| live),
                    Err(failure) => Err(failure),
                };
                match caught_up {
                    Ok(live) => break live,
                    Err(Failure::Unprinted(error)) => return Err(Failure::Unprinted(error)),
                    // The server took this very request before, so whatever it says now may pass.
                    Err(failure) => {
                        gap = gap.or(Some(self.shown.latest));
                        looks = LOOKS.iter();
                        why = Some(failure.to_string());
                    }
                }
            };
            if is_told {
                report::say("connected again");
            }
        }
    }

    /// Waits between two attempts.
    fn rest(&self, pause: Duration) -> Result<(), Failure> {
        let reader: Vec<_> = self.reader.iter().map(|fd| (fd.as_fd(), PollFlags::empty())).collect();
        if ready(&reader, Some(pause)).map_err(Failure::Unprinted)?.contains(&true) {
            return Err(Failure::Unprinted(io::ErrorKind::BrokenPipe.into()));
        }
        Ok(())
    }

    /// A tail that starts some seconds back, but not before `since`.
    fn open<'c>(&self, client: &'c Client, since: Option<&Bound>) -> Result<Answer<'c>, Failure> {
        client.open(TAIL, &form(&arguments(self.arguments.clone(), since)), self.idle)
    }

    /// What was there already.
    fn show_last(&mut self, client: &Client, last: u64, since: Option<&Bound>) -> Result<(), Failure> {
        let last_text = last.to_string();
        let mut arguments = self.arguments.clone();
        // Not what is dated ahead: the tail shows that when its time has come.
        arguments.push(("end", "now"));
        arguments.extend((last > 0).then_some(("limit", last_text.as_str())));
        arguments.extend(since.map(|bound| ("start", bound.text.as_str())));
        let mut rows = Rows::default();
        self.shown.begin();
        let (mut count, mut oldest) = (0, i64::MAX);
        let mut answer = client.open(QUERY, &form(&arguments), self.idle)?;
        while let Some(piece) = answer.piece()? {
            let mut out = Vec::new();
            for row in rows.of(piece) {
                let Some(time) = row.time else { return Err(timeless()) };
                count += 1;
                oldest = oldest.min(time);
                self.shown.add(&row);
                out.extend_from_slice(self.printer.piece(&row.line));
            }
            self.shown.tidy();
            stdio::write_all(&out).map_err(Failure::Unprinted)?;
        }
        if last > 0 && count == last {
            // What is older was not asked for.
            self.shown.forget_before(oldest);
        }
        Ok(())
    }

    /// Shows what comes, until the connection ends.
    fn relay(&mut self, live: &mut Answer) -> Failure {
        let mut rows = Rows::default();
        self.shown.begin();
        loop {
            let piece = match live.piece() {
                Ok(Some(piece)) => piece,
                Ok(None) => return Failure::Lost("the server has closed it".to_owned()),
                Err(failure) => return failure,
            };
            let rows = rows.of(piece);
            if let Err(failure) = self.show(rows) {
                return failure;
            }
        }
    }

    /// Shows those that were not shown before.
    fn show(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        let mut out = Vec::new();
        for row in rows {
            if self.shown.is_new(&row) {
                out.extend_from_slice(self.printer.piece(&row.line));
            }
        }
        self.shown.tidy();
        stdio::write_all(&out).map_err(Failure::Unprinted)
    }

    /// Shows what came in since, while nobody was listening. `gap` is where an interruption has begun.
    fn catch_up(&mut self, client: &Client, gap: Option<i64>) -> Result<(), Failure> {
        let from = gap.unwrap_or(i64::MAX).min(self.shown.latest).saturating_sub(OVERLAP);
        self.shown.keep_from = gap.map(|_| from);
        let from = from.max(self.shown.floor).max(self.since);
        // Backwards to find where pages begin, and forwards to show them.
        let mut pages = Vec::new();
        let mut to = None;
        loop {
            let rows = self.fetch(client, from, to, Some(MAX_FETCHED))?;
            let oldest = rows.iter().filter_map(|row| row.time).min();
            let Some(oldest) = oldest.filter(|_| rows.len() >= MAX_FETCHED) else {
                self.shown.begin();
                self.show(rows)?;
                break;
            };
            // The server widens an end on a whole second to all of that second.
            let end = if (oldest - 1) % SECOND == 0 { oldest - 2 } else { oldest - 1 };
            pages.push((from.max(end + 1), to));
            if end < from {
                break;
            }
            to = Some(end);
        }
        while let Some((from, to)) = pages.pop() {
            let mut rows = self.fetch(client, from, to, Some(2 * MAX_FETCHED))?;
            if rows.len() >= 2 * MAX_FETCHED {
                // Most of them are of one nanosecond, and have no order.
                rows = self.fetch(client, from, to, None)?;
            }
            self.shown.begin();
            self.show(rows)?;
        }
        Ok(())
    }

    /// The newest rows of a range, both ends included, oldest first; or all, in any order.
    fn fetch(
        &self,
        client: &Client,
        from: i64,
        to: Option<i64>,
        limit: Option<usize>,
    ) -> Result<Vec<Row>, Failure> {
        let (from, to) = (from.to_string(), to.map_or_else(|| "now".to_owned(), |to| to.to_string()));
        let limit = limit.map(|limit| limit.to_string());
        let mut arguments = self.arguments.clone();
        arguments.extend([("start", from.as_str()), ("end", to.as_str())]);
        arguments.extend(limit.as_deref().map(|limit| ("limit", limit)));
        let mut found = Vec::new();
        let mut rows = Rows::default();
        let mut answer = client.open(QUERY, &form(&arguments), self.idle)?;
        while let Some(piece) = answer.piece()? {
            found.append(&mut rows.of(piece));
        }
        if found.iter().any(|row: &Row| row.time.is_none()) {
            return Err(timeless());
        }
        Ok(found)
    }
}

fn timeless() -> Failure {
    Failure::Refused("could not follow: the rows have no _time; let the query keep it".to_owned())
}

/// A row, and what tells it from others.
struct Row {
    line: Vec<u8>,
    time: Option<i64>,
    /// Of its fields, in whatever order they came.
    hash: u64,
}

impl Row {
    fn new(line: Vec<u8>) -> Self {
        let fields = serde_json::from_str::<Map<String, Value>>(&text::text(&line)).unwrap_or_default();
        let time = fields.get("_time").and_then(|time| Time::parse(time.as_str()?));
        let hash = |(name, value): (&String, &Value)| {
            let mut hasher = DefaultHasher::new();
            (name, value.as_str()).hash(&mut hasher);
            hasher.finish()
        };
        // A sum knows no order.
        let hash = fields.iter().map(hash).fold(0, u64::wrapping_add);
        Self { line, time: time.map(|time| time.0), hash }
    }
}

/// The rows shown lately, each with how often.
#[derive(Debug)]
struct Shown {
    rows: BTreeMap<(i64, u64), Count>,
    /// Rows before it are not shown: they were, or were not asked for.
    floor: i64,
    /// The time of the newest row shown.
    latest: i64,
    /// Rows from here on stay known.
    keep_from: Option<i64>,
    /// Which answer is being read.
    answer: u64,
}

#[derive(Debug, Default)]
struct Count {
    shown: u32,
    /// How many came in the answer being read, and which that is. Of two rows alike both are shown, and no third
    /// when an answer repeats the two.
    came: u32,
    answer: u64,
}

impl Default for Shown {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), floor: i64::MIN, latest: i64::MIN, keep_from: None, answer: 0 }
    }
}

impl Shown {
    /// Another answer begins, which may repeat what earlier ones had.
    fn begin(&mut self) {
        self.answer += 1;
    }

    /// Remembers a row as shown.
    fn add(&mut self, row: &Row) {
        if let Some(time) = row.time {
            self.latest = self.latest.max(time);
            let count = self.rows.entry((time, row.hash)).or_default();
            count.came = if count.answer == self.answer { count.came + 1 } else { 1 };
            count.answer = self.answer;
            count.shown = count.shown.max(count.came);
        }
    }

    /// Whether the row was not shown before; then it counts as shown.
    fn is_new(&mut self, row: &Row) -> bool {
        let Some(time) = row.time else { return true };
        if time < self.floor {
            return false;
        }
        let before = self.rows.get(&(time, row.hash)).map_or(0, |count| count.shown);
        self.add(row);
        self.rows.get(&(time, row.hash)).is_some_and(|count| count.shown > before)
    }

    /// Forgets what is too old, or too much.
    fn tidy(&mut self) {
        let old = self.latest.saturating_sub(MEMORY);
        let old = self.keep_from.map_or(old, |from| from.min(old));
        if old > self.floor {
            self.forget_before(old);
        }
        while self.rows.len() > MAX_KNOWN {
            let Some(((time, _), _)) = self.rows.pop_first() else { break };
            self.forget_before(time.saturating_add(1));
        }
    }

    fn forget_before(&mut self, time: i64) {
        self.floor = self.floor.max(time);
        while self.rows.first_key_value().is_some_and(|((time, _), _)| *time < self.floor) {
            self.rows.pop_first();
        }
    }
}

/// Puts rows together again that were cut into pieces.
#[derive(Default)]
struct Rows {
    partial: Vec<u8>,
}

impl Rows {
    /// Every row that is whole now.
    fn of(&mut self, piece: &[u8]) -> Vec<Row> {
        let mut rows = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(part);
            if part.ends_with(b"\n") {
                rows.push(Row::new(std::mem::take(&mut self.partial)));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: i64, message: &str) -> Row {
        let time = Time(second * SECOND);
        Row::new(format!("{{\"_time\":\"{time}\",\"_msg\":\"{message}\"}}\n").into_bytes())
    }

    #[test]
    fn a_row_is_shown_once_and_two_that_are_alike_twice() {
        let mut shown = Shown::default();
        shown.begin();
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(100, "b")));
        shown.begin();
        let again: Vec<_> = (0..3).map(|_| shown.is_new(&row(100, "a"))).collect();
        assert_eq!(again, [false, false, true]);
        assert!(!shown.is_new(&row(100, "b")));
    }

    #[test]
    fn fields_in_another_order_make_the_same_row() {
        let one = Row::new(b"{\"_time\":\"2026-11-20T10:00:00Z\",\"a\":\"1\",\"b\":\"<\"}\n".to_vec());
        let other =
            Row::new(b"{\"b\":\"\\u003c\",\"a\":\"1\",\"_time\":\"2026-11-20T10:00:00Z\"}\n".to_vec());
        assert_eq!((one.time, one.hash), (other.time, other.hash));
        assert_ne!(
            one.hash,
            Row::new(b"{\"_time\":\"2026-11-20T10:00:00Z\",\"a\":\"2\",\"b\":\"<\"}\n".to_vec()).hash
        );
    }

    #[test]
    fn what_is_forgotten_is_not_shown_again() {
        let mut shown = Shown::default();
        shown.begin();
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(200, "b")));
        shown.tidy();
        assert_eq!(shown.rows.len(), 1);
        shown.begin();
        assert!(!shown.is_new(&row(100, "a")));
        // Late, but within memory.
        assert!(shown.is_new(&row(150, "c")));
    }

    #[test]
    fn memory_has_an_end() {
        let mut shown = Shown::default();
        shown.begin();
        for n in 0..i64::try_from(MAX_KNOWN).unwrap() + 10 {
            shown.add(&Row { line: Vec::new(), time: Some(n), hash: 0 });
        }
        shown.tidy();
        assert_eq!((shown.rows.len(), shown.floor), (MAX_KNOWN, 10));
    }

    #[test]
    fn rows_are_put_together() {
        let mut rows = Rows::default();
        let pieces = ["a\nb", "c", "\n\nd\n", "e"];
        let found: Vec<_> =
            pieces.iter().flat_map(|piece| rows.of(piece.as_bytes())).map(|row| row.line).collect();
        assert_eq!(found, [&b"a\n"[..], b"bc\n", b"\n", b"d\n"]);
    }
}
