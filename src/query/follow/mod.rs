//! `query --follow`: the last rows, then those that come, over any number of connections.
//!
//! Invariants: no row is shown twice, also when several are alike to the nanosecond; none is left out but those
//! that the server's own tail withholds. Both rest on two overlaps. A tail is opened before the query that fills
//! what lies behind it, and starts some seconds back; a query begins some seconds before what was shown last.
//! [`Shown`] knows the rows of that time again.

mod rows;
mod shown;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use self::rows::{RowPart, Rows, TailRow};
use self::shown::Shown;
use super::print::Printer;
use super::range::Bound;
use crate::record::time::Time;
use crate::server::http::{Answer, Client, Failure, form};
use crate::sys::poll::{PollFlags, ready};
use crate::sys::stderr;
use crate::sys::stdio;

const QUERY: &str = "/select/logsql/query";

/// The path of the server's live tail.
pub const TAIL: &str = "/select/logsql/tail";

const SECOND: i64 = 1_000_000_000;

/// How far back a new tail starts, and a query behind it. The server shows a record about a second after it has
/// come, its tail waits one more, and looks back five.
const OVERLAP: i64 = 10 * SECOND;

/// The pauses between attempts to connect again: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A tail is silent while no rows come, and so is one whose server has vanished: after this long it is opened anew. Many
/// proxies cut a silent connection after a minute, so this is less.
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
        let live = self.open(&tail, since)?;
        self.show_last(&query, last, since)?;
        self.keep_on([&tail, &query], live, Gap::default())
    }

    /// Whether the server is there.
    #[must_use]
    pub fn has_server(&self) -> bool {
        self.open(&self.tail, None).is_ok()
    }

    /// Shows rows that wait in the outbox, while there is no server; they are known again once it has them.
    ///
    /// # Errors
    /// They cannot be printed.
    pub fn show_waiting(&mut self, lines: &[u8]) -> io::Result<()> {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.shown.add(&TailRow::new(line.to_vec()));
        }
        self.shown.tidy();
        stdio::write_all(self.printer.piece(lines))
    }

    /// What is older than the rows shown so far was not asked for.
    pub fn forget_older(&mut self) {
        if let Some(oldest) = self.shown.oldest() {
            self.shown.forget_before(oldest);
        }
    }

    /// Goes over to the server: shows what it has beyond what [`Self::show_waiting`] has shown since `began`, and then
    /// what comes.
    ///
    /// # Errors
    /// The rows cannot be printed.
    pub fn go_over(mut self, began: Time, since: Option<&Bound>) -> Result<(), Failure> {
        self.since = since.map_or(0, |bound| bound.instant.0);
        let (tail, query) = (self.tail.clone(), self.query.clone());
        let mut gap = Gap::default();
        gap.begin(began.0);
        let live = self.reconnect([&tail, &query], None, &mut gap)?;
        self.keep_on([&tail, &query], live, gap)
    }

    /// Shows what comes, over any number of connections.
    fn keep_on<'c>(
        &mut self,
        [tail, query]: [&'c Client; 2],
        mut live: Answer<'c>,
        mut gap: Gap,
    ) -> Result<(), Failure> {
        loop {
            let look = gap.next_look();
            if look.is_none() {
                self.shown.keep_from = None;
            }
            tail.set_waits(look.map(|look| Instant::now() + look), SILENCE);
            let why = match self.relay(&mut live) {
                Failure::Unprinted(error) => return Err(Failure::Unprinted(error)),
                // Only time to look again.
                Failure::Silent(_) => None,
                other => Some(other.to_string()),
            };
            if why.is_some() {
                gap.begin(self.shown.latest);
            }
            live = self.reconnect([tail, query], why, &mut gap)?;
        }
    }

    /// Opens the tail anew and shows what came meanwhile, however many attempts it takes. `why` the connection was lost,
    /// if it was: that is told once.
    fn reconnect<'c>(
        &mut self,
        [tail, query]: [&'c Client; 2],
        mut why: Option<String>,
        gap: &mut Gap,
    ) -> Result<Answer<'c>, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut is_told = false;
        loop {
            if let Some(why) = why.take() {
                if !is_told {
                    stderr::say(&format!("connection lost: {why}; trying again"));
                    is_told = true;
                }
                self.rest(pause)?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            let opened = self.open(tail, None);
            match opened.and_then(|live| self.catch_up(query, gap.from).map(|()| live)) {
                Ok(live) => {
                    if is_told {
                        stderr::say("connected again");
                    }
                    return Ok(live);
                }
                Err(Failure::Unprinted(error)) => return Err(Failure::Unprinted(error)),
                // The server took this very request before, so whatever it says now may pass.
                Err(failure) => {
                    gap.begin(self.shown.latest);
                    why = Some(failure.to_string());
                }
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
                if let RowPart::TailRow(row) = &piece {
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
    fn show(&mut self, pieces: Vec<RowPart>) -> Result<(), Failure> {
        let mut out = Vec::new();
        for piece in pieces {
            self.put(&piece, false, &mut out);
        }
        self.shown.tidy();
        stdio::write_all(&out).map_err(Failure::Unprinted)
    }

    /// Appends what is to be printed of a piece: all of it if it `is_asked` for, otherwise what was not shown before.
    fn put(&mut self, piece: &RowPart, is_asked: bool, out: &mut Vec<u8>) {
        match piece {
            RowPart::TailRow(row) => {
                if self.shown.is_new(row) || is_asked {
                    self.going_on = (!row.is_whole).then_some((row.time.unwrap_or(i64::MIN), row.hash));
                    out.extend_from_slice(self.printer.piece(&row.line));
                }
            }
            RowPart::More(bytes) if self.going_on.is_some() => {
                out.extend_from_slice(self.printer.piece(bytes));
                if bytes.ends_with(b"\n") {
                    self.going_on = None;
                }
            }
            RowPart::More(_) => {}
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
            let range = Window { from, to, limit: Some(MAX_FETCHED) };
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
            let mut range = Window { from, to, limit: Some(2 * MAX_FETCHED) };
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
    fn show_page(&mut self, client: &Client, page: Page, range: Window) -> Result<(), Failure> {
        if page.is_held {
            self.shown.begin();
            return self.show(page.rows);
        }
        drop(page);
        self.show_all(&mut self.ask(client, range)?)
    }

    /// The rows of a range.
    fn fetch(&self, client: &Client, range: Window) -> Result<Page, Failure> {
        let mut page = Page { rows: Vec::new(), is_held: true, count: 0, oldest: None };
        let mut bytes = 0;
        let mut rows = Rows::default();
        let mut answer = self.ask(client, range)?;
        while let Some(piece) = answer.piece()? {
            for piece in rows.of(piece) {
                if let RowPart::TailRow(row) = &piece {
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
    fn ask<'c>(&self, client: &'c Client, range: Window) -> Result<Answer<'c>, Failure> {
        let end = range.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
        let (start, limit) = (range.from.to_string(), range.limit.map(|limit| limit.to_string()));
        let mut arguments = self.arguments.clone();
        arguments.extend([("start", start.as_str()), ("end", end.as_str())]);
        arguments.extend(limit.as_deref().map(|limit| ("limit", limit)));
        client.open(QUERY, &form(&arguments), self.idle)
    }
}

/// The time of an interruption, in which rows may have come that no tail has shown.
#[derive(Default)]
struct Gap {
    /// The time of the newest row before it; `None` without an interruption.
    from: Option<i64>,
    /// The looks behind the tail that are still to come.
    looks: std::slice::Iter<'static, Duration>,
}

impl Gap {
    /// Another interruption: all looks are taken again.
    fn begin(&mut self, at: i64) {
        self.from = Some(self.from.map_or(at, |from| from.min(at)));
        self.looks = LOOKS.iter();
    }

    /// How long until the next look. After the last one the gap is closed.
    fn next_look(&mut self) -> Option<Duration> {
        let look = self.looks.next().copied();
        self.from = self.from.filter(|_| look.is_some());
        look
    }
}

/// Rows that are asked for: both ends are included, in nanoseconds, and without one it goes to the present. With a limit
/// the newest, oldest first; without one all, in any order.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: i64,
    to: Option<i64>,
    limit: Option<usize>,
}

/// What there is in a range.
struct Page {
    /// Empty if they are not held.
    rows: Vec<RowPart>,
    is_held: bool,
    count: usize,
    oldest: Option<i64>,
}
