//! `query --follow`: the last rows, then those that come, over any number of connections.
//!
//! Invariants: no row is shown twice, also when several are alike to the nanosecond; none is left out but those
//! that the server's own tail withholds. Both rest on two overlaps. A tail is opened before the query that fills
//! what lies behind it, and starts some seconds back; a query begins some seconds before what was shown last.
//! [`Shown`] knows the rows of that time again.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::print::{MAX_ROW_BYTES, Printer};
use super::range::Bound;
use crate::record::time::Time;
use crate::server::http::{Answer, Client, Failure, form};
use crate::sys::poll::{PollFlags, ready};
use crate::sys::stderr;
use crate::sys::stdio;
use crate::sys::text;

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

/// The most bytes of such rows; more are asked for again, and shown as they come.
const MAX_FETCHED_BYTES: usize = 16 * 1024 * 1024;

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
    /// Time and hash of a row that is too long to be held, while it is being shown.
    going_on: Option<(i64, u64)>,
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
        let shown = Shown::default();
        Self { arguments, tail, query, idle, reader, printer, shown, going_on: None, since: 0 }
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
            tail.set_waits(until, SILENCE);
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
                        stderr::say(&format!("connection lost: {why}; trying again"));
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
                stderr::say("connected again");
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
            for piece in rows.of(piece) {
                if let Piece::Row(row) = &piece {
                    row.check()?;
                    count += 1;
                    oldest = oldest.min(row.time.unwrap_or(oldest));
                }
                self.put(&piece, true, &mut out);
            }
            self.shown.tidy();
            stdio::write_all(&out).map_err(Failure::Unprinted)?;
        }
        self.break_off()?;
        if last > 0 && count == last {
            // What is older was not asked for.
            self.shown.forget_before(oldest);
        }
        Ok(())
    }

    /// Shows what comes, until the connection ends.
    fn relay(&mut self, live: &mut Answer) -> Failure {
        match self.show_all(live) {
            Ok(()) => Failure::Lost("the server has closed it".to_owned()),
            Err(failure) => failure,
        }
    }

    /// Shows the rows of an answer that were not shown before, as they come, to its end.
    fn show_all(&mut self, answer: &mut Answer) -> Result<(), Failure> {
        let mut rows = Rows::default();
        self.shown.begin();
        let ended = loop {
            match answer.piece() {
                Ok(Some(piece)) => self.show(rows.of(piece))?,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        self.break_off()?;
        ended
    }

    /// Shows those that were not shown before.
    fn show(&mut self, pieces: Vec<Piece>) -> Result<(), Failure> {
        let mut out = Vec::new();
        for piece in pieces {
            self.put(&piece, false, &mut out);
        }
        self.shown.tidy();
        stdio::write_all(&out).map_err(Failure::Unprinted)
    }

    /// Appends what is to be printed of a piece: all of it if it `is_asked` for, otherwise what was not shown before.
    fn put(&mut self, piece: &Piece, is_asked: bool, out: &mut Vec<u8>) {
        match piece {
            Piece::Row(row) => {
                if self.shown.is_new(row) || is_asked {
                    self.going_on = (!row.is_whole).then_some((row.time.unwrap_or(i64::MIN), row.hash));
                    out.extend_from_slice(self.printer.piece(&row.line));
                }
            }
            Piece::More(bytes) if self.going_on.is_some() => {
                out.extend_from_slice(self.printer.piece(bytes));
                if bytes.ends_with(b"\n") {
                    self.going_on = None;
                }
            }
            Piece::More(_) => {}
        }
    }

    /// Ends a row of which no more will come; another answer has all of it.
    fn break_off(&mut self) -> Result<(), Failure> {
        if let Some(id) = self.going_on.take() {
            self.shown.take_back(id);
            stdio::write_all(self.printer.break_off()).map_err(Failure::Unprinted)?;
        }
        Ok(())
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
            let range = Range { from, to, limit: Some(MAX_FETCHED) };
            let page = self.fetch(client, range)?;
            let Some(oldest) = page.oldest.filter(|_| page.count >= MAX_FETCHED) else {
                self.show_page(client, page, range)?;
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
            let mut range = Range { from, to, limit: Some(2 * MAX_FETCHED) };
            let mut page = self.fetch(client, range)?;
            if page.count >= 2 * MAX_FETCHED {
                // Most of them are of one nanosecond, and have no order.
                range.limit = None;
                page.is_held = false;
            }
            self.show_page(client, page, range)?;
        }
        Ok(())
    }

    /// Shows the rows of a range, which are in `page` if they were not too much to hold.
    fn show_page(&mut self, client: &Client, page: Page, range: Range) -> Result<(), Failure> {
        if page.is_held {
            self.shown.begin();
            return self.show(page.rows);
        }
        drop(page);
        self.show_all(&mut self.ask(client, range)?)
    }

    /// The rows of a range.
    fn fetch(&self, client: &Client, range: Range) -> Result<Page, Failure> {
        let mut page = Page { rows: Vec::new(), is_held: true, count: 0, oldest: None };
        let mut bytes = 0;
        let mut rows = Rows::default();
        let mut answer = self.ask(client, range)?;
        while let Some(piece) = answer.piece()? {
            for piece in rows.of(piece) {
                if let Piece::Row(row) = &piece {
                    row.check()?;
                    page.count += 1;
                    page.oldest = row
                        .time
                        .map(|time| page.oldest.map_or(time, |oldest| oldest.min(time)))
                        .or(page.oldest);
                    bytes += row.line.len();
                    page.is_held &= row.is_whole && bytes <= MAX_FETCHED_BYTES;
                }
                if page.is_held {
                    page.rows.push(piece);
                } else {
                    page.rows.clear();
                }
            }
        }
        Ok(page)
    }

    /// Asks for the rows of a range.
    fn ask<'c>(&self, client: &'c Client, range: Range) -> Result<Answer<'c>, Failure> {
        let end = range.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
        let (start, limit) = (range.from.to_string(), range.limit.map(|limit| limit.to_string()));
        let mut arguments = self.arguments.clone();
        arguments.extend([("start", start.as_str()), ("end", end.as_str())]);
        arguments.extend(limit.as_deref().map(|limit| ("limit", limit)));
        client.open(QUERY, &form(&arguments), self.idle)
    }
}

/// Rows that are asked for: both ends are included, in nanoseconds, and without one it goes to the present. With a limit
/// the newest, oldest first; without one all, in any order.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: i64,
    to: Option<i64>,
    limit: Option<usize>,
}

/// What there is in a range.
struct Page {
    /// Empty if they are not held.
    rows: Vec<Piece>,
    is_held: bool,
    count: usize,
    oldest: Option<i64>,
}

fn timeless() -> Failure {
    Failure::Refused("could not follow: the rows have no _time; let the query keep it".to_owned())
}

/// A row, and what tells it from others.
struct Row {
    /// With its line end; the beginning of one that is too long to be held.
    line: Vec<u8>,
    is_whole: bool,
    time: Option<i64>,
    /// Of its fields, in whatever order they came; of one that cannot be read, of its bytes.
    hash: u64,
}

impl Row {
    fn new(line: Vec<u8>) -> Self {
        let hash = |what: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            what(&mut hasher);
            hasher.finish()
        };
        let is_whole = line.ends_with(b"\n");
        let text = text::text(&line);
        let (time, hash) = match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(fields) => {
                let hashes =
                    fields.iter().map(|(name, value)| hash(&|hasher| (name, value.as_str()).hash(hasher)));
                // A sum knows no order.
                let hash = hashes.fold(0, u64::wrapping_add);
                (fields.get("_time").and_then(|time| Time::parse(time.as_str()?)), hash)
            }
            // How much there is of a row that is too long is left to chance.
            Err(_) => {
                (time_in(&text), hash(&|hasher| line.get(..MAX_ROW_BYTES).unwrap_or(&line).hash(hasher)))
            }
        };
        Self { time: time.map(|time| time.0), hash, is_whole, line }
    }

    /// Asserts that it has a time: without one it cannot be told whether it was shown.
    fn check(&self) -> Result<(), Failure> {
        // In one that is too long to be held the time may come later.
        if self.time.is_none() && self.is_whole { Err(timeless()) } else { Ok(()) }
    }
}

/// The time of a row that is not all there.
fn time_in(text: &str) -> Option<Time> {
    struct Fields<'a>(&'a mut Option<Time>);

    impl<'de> Visitor<'de> for Fields<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a row")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut fields: M) -> Result<(), M::Error> {
            while let Some(name) = fields.next_key::<String>()? {
                if name == "_time" {
                    *self.0 = Time::parse(&fields.next_value::<String>()?);
                } else {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }

    let mut time = None;
    // It ends in an error where the row is cut.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Fields(&mut time));
    time
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

    /// A row, by its time and hash, was not shown to its end.
    fn take_back(&mut self, id: (i64, u64)) {
        if let Some(count) = self.rows.get_mut(&id) {
            count.shown = count.shown.saturating_sub(1);
        }
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

/// A row, or more of one that is too long to be held.
enum Piece {
    Row(Row),
    More(Vec<u8>),
}

/// Puts rows together again that were cut into pieces.
#[derive(Default)]
struct Rows {
    partial: Vec<u8>,
    /// The beginning of the row at hand was given, for it is too long to be held.
    is_too_long: bool,
}

impl Rows {
    /// Every row that is whole now, or too long.
    fn of(&mut self, piece: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if self.is_too_long {
                pieces.push(Piece::More(part.to_vec()));
                self.is_too_long = !is_end;
                continue;
            }
            self.partial.extend_from_slice(part);
            if is_end || self.partial.len() > MAX_ROW_BYTES {
                self.is_too_long = !is_end;
                pieces.push(Piece::Row(Row::new(std::mem::take(&mut self.partial))));
            }
        }
        pieces
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
            shown.add(&Row { line: Vec::new(), is_whole: true, time: Some(n), hash: 0 });
        }
        shown.tidy();
        assert_eq!((shown.rows.len(), shown.floor), (MAX_KNOWN, 10));
    }

    /// The rows of an answer that comes in these pieces, and what follows the beginning of those that are too long.
    fn put_together<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
        let mut rows = Rows::default();
        let found = pieces.into_iter().flat_map(|piece| rows.of(piece)).map(|piece| match piece {
            Piece::Row(row) => row.line,
            Piece::More(more) => more,
        });
        found.collect()
    }

    #[test]
    fn rows_are_put_together() {
        let pieces = ["a\nb", "c", "\n\nd\n", "e"];
        assert_eq!(put_together(pieces.map(str::as_bytes)), [&b"a\n"[..], b"bc\n", b"\n", b"d\n"]);
    }

    #[test]
    fn a_row_without_end_is_not_held_to_its_end() {
        let long = vec![b'x'; MAX_ROW_BYTES];
        let found = put_together([b"a\n", &long[..], b"y", b"z", b"\nb\n"]);
        assert_eq!(found.len(), 5);
        assert_eq!(
            (found[1].len(), &found[2..]),
            (MAX_ROW_BYTES + 1, &[b"z".to_vec(), b"\n".to_vec(), b"b\n".to_vec()][..])
        );
    }

    #[test]
    fn the_time_of_a_row_that_is_cut_is_found_before_the_cut() {
        let time = Time::parse("2026-11-20T10:00:00Z");
        for text in [
            "{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"a",
            "{\"a\":[{\"_time\":1}],\"_time\":\"2026-11-20T10:00:00Z\",\"b\":{\"c\":",
        ] {
            assert_eq!(time_in(text), time, "{text}");
        }
        for text in
            ["", "x", "{\"_time\":\"2026-11-20T10", "{\"_msg\":\"\\\"_time\\\":\\\"2026-11-20T10:00:00Z\\\""]
        {
            assert_eq!(time_in(text), None, "{text}");
        }
    }
}
