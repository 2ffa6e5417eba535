//! The policy of delivery: what is tried, for how long, and what becomes of what could not be delivered.
//!
//! - Trouble with the connection, time-outs and every status but 2xx, 400 and 413 keep a batch: it goes to the
//!   outbox and is tried again by a later call.
//! - 400 and 413 split it, so that one bad record cannot hold back the good ones. A single record is rejected only
//!   if the same server takes a canned good one in the same call: a wrong path or tenant rejects nothing.
//! - A first request that waited half a second for nothing opens the breaker, and for a while batches go to the outbox untried.
//! - After a quick delivery, what waits in the outbox is drained a little.

use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::breaker::{Breaker, State};
use crate::client::{Client, Outcome};
use crate::config::{Config, Endpoint};
use crate::net::Deadline;
use crate::outbox::{Claim, DOUBTFUL, Destination, ENTRY_BYTES, Outbox, split_lines};
use crate::protocol::{Batch, jsonline};
use crate::report::records;
use crate::stdio;
use crate::time::Time;

/// A delivery that took less leaves time for a drain.
const QUICK: Duration = Duration::from_millis(100);

/// What such a drain may take, in time and in bytes.
const DRAIN_TIME: Duration = Duration::from_millis(250);
const DRAIN_BYTES: usize = 32 * 1024;

/// A request that waited so long for nothing opens the breaker; it is also what a probe may wait.
const IN_VAIN: Duration = Duration::from_millis(500);

/// No piece of a drain is made smaller than this, however thin the line.
const LEAST_BYTES: usize = 4 * 1024;

/// What became of a batch. The texts are sentences that say why, and what became of the data; the numbers are of
/// the records that were not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The server has it.
    Delivered,
    /// The outbox has it, or what is left of it.
    Kept(String, u64),
    /// It is gone, or what is left of it.
    Lost(String, u64),
}

/// What became of one round of draining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drained {
    /// There was nothing that this process could have taken.
    Nothing,
    /// So many records went out, so many were refused and put aside, and so many bytes were tried.
    Some(u64, u64, usize),
    /// The server did not take them; why.
    Stopped(String),
}

/// Takes batches to the endpoint of a configuration, or keeps them.
#[derive(Debug)]
pub struct Delivery {
    endpoint: Endpoint,
    client: Client,
    destination: Destination,
    timeout: Duration,
    dry_run: bool,
    store: Option<Store>,
    /// Records that the outbox has dropped.
    dropped: AtomicU64,
}

/// Where undelivered records are kept, and what is known of their server.
#[derive(Debug)]
struct Store {
    outbox: Outbox,
    breaker: Breaker,
}

impl Delivery {
    /// `None` if delivery is off. A byte to read from `cancel` ends every wait.
    #[must_use]
    pub fn new(config: &Config, cancel: Option<UnixStream>) -> Option<Self> {
        let endpoint = config.endpoint.as_ref()?;
        let destination = destination(config, endpoint);
        let store = config.outbox.clone().filter(|_| !config.dry_run).map(|outbox| {
            let breaker = Breaker::new(outbox.folder(), &destination.server());
            Store { outbox, breaker }
        });
        Some(Self {
            client: Client::new(endpoint, &config.access, cancel),
            endpoint: endpoint.clone(),
            destination,
            timeout: config.timeout,
            dry_run: config.dry_run,
            store,
            dropped: AtomicU64::new(0),
        })
    }

    /// Tries to deliver by the deadline, and keeps what the server does not take.
    #[must_use]
    pub fn deliver(&self, batch: &Batch, deadline: Deadline) -> Fate {
        if self.dry_run {
            let request = jsonline::request(&batch.lines, &self.destination.stream_fields);
            let head = self.client.describe(&request.path, request.content_type);
            let printed = print(&head, request.body);
            return printed
                .map_or_else(|error| Fate::Lost(format!("{error:#}"), batch.records), |()| Fate::Delivered);
        }
        let deadline =
            match self.store.as_ref().map_or(State::Closed, |store| store.breaker.enter(Time::now())) {
                State::Closed => deadline,
                State::Probe => sooner(deadline, IN_VAIN),
                State::Open(left) => {
                    let again = left.as_secs() + 1;
                    let why =
                        format!("could not reach {}: no answer lately, next try in {again}s", self.endpoint);
                    return self.keep(batch, &why);
                }
            };
        let start = Instant::now();
        let attempt = self.attempt(&batch.lines, &self.destination.stream_fields, deadline);
        let (left, rejected) = self.settle(&attempt, &self.destination);
        let why = attempt.why.unwrap_or_default();
        if !attempt.left.is_empty() && start.elapsed() >= IN_VAIN {
            self.open_breaker();
        }
        if !left.is_empty() {
            let lines = left.concat();
            return self.keep(&Batch { records: count(&lines), lines }, &why);
        }
        self.note_answer();
        if rejected > 0 {
            let text = format!("{why}; {} put aside in the outbox, below rejected", records(rejected));
            return Fate::Kept(text, rejected);
        }
        Fate::Delivered
    }

    /// Puts aside what the server refuses for good, below `rejected`. What is left then, with what could not be put
    /// aside, and how many records were.
    fn settle<'a>(&self, attempt: &Attempt<'a>, destination: &Destination) -> (Vec<&'a [u8]>, u64) {
        let aside = |line: &&[u8]| {
            self.store.as_ref().is_some_and(|store| store.outbox.reject(destination, line).is_ok())
        };
        let (aside, mut left): (Vec<&[u8]>, Vec<&[u8]>) = attempt.rejected.iter().copied().partition(aside);
        left.extend(&attempt.left);
        (left, aside.len() as u64)
    }

    fn note_answer(&self) {
        if let Some(store) = &self.store {
            store.breaker.close();
        }
    }

    fn open_breaker(&self) {
        // The directory must be there first; an outbox that cannot be used has no breaker either.
        if let Some(store) = &self.store {
            store.outbox.prepare().map(|()| store.breaker.open(Time::now())).ok();
        }
    }

    /// Puts a batch into the outbox; `why` begins the sentence that says so.
    #[must_use]
    pub fn keep(&self, batch: &Batch, why: &str) -> Fate {
        let lost = |reason: &str| {
            Fate::Lost(format!("{why}; {} lost{reason}", records(batch.records)), batch.records)
        };
        let Some(store) = &self.store else { return lost("") };
        match store.outbox.put(&self.destination, &batch.lines) {
            Ok(dropped) => {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
                store.outbox.remember(why);
                Fate::Kept(format!("{why}; {} kept in the outbox", records(batch.records)), batch.records)
            }
            Err(error) => lost(&format!(": {error:#}")),
        }
    }

    /// Puts a batch into the outbox, untried; `false` if that is not possible.
    #[must_use]
    pub fn put(&self, batch: &Batch) -> bool {
        self.store.as_ref().is_some_and(|store| store.outbox.put(&self.destination, &batch.lines).is_ok())
    }

    /// Whether something waits for this server.
    #[must_use]
    pub fn has_entries(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.outbox.has_entries(&self.destination))
    }

    /// Whether the server has not answered lately, so that nobody waits for it now.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let state = |store: &Store| store.breaker.look(Time::now());
        matches!(self.store.as_ref().map(state), Some(State::Open(_)))
    }

    /// Whether the breaker lets this caller try now.
    #[must_use]
    pub fn may_try(&self) -> bool {
        let state = |store: &Store| store.breaker.enter(Time::now());
        !matches!(self.store.as_ref().map(state), Some(State::Open(_)))
    }

    /// How many records are in the outbox for this server, waiting or refused.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let summary = |store: &Store| store.outbox.summary(&self.destination).ok();
        self.store.as_ref().and_then(summary).map_or(0, |summary| summary.records + summary.rejected)
    }

    /// How many records wait for this server.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let summary = |store: &Store| store.outbox.summary(&self.destination).ok();
        self.store.as_ref().and_then(summary).map_or(0, |summary| summary.records)
    }

    /// Drains a little after a delivery that was quick, for verbs that must be quick themselves.
    pub fn drain_a_little(&self, took: Duration, deadline: Deadline) {
        if took < QUICK {
            let _ = self.drain(DRAIN_BYTES, sooner(deadline, DRAIN_TIME));
        }
    }

    /// Delivers `most` bytes of what waits, or one record if that is larger.
    #[must_use]
    pub fn drain(&self, most: usize, deadline: Deadline) -> Drained {
        let Some(store) = &self.store else { return Drained::Nothing };
        let claim = match store.outbox.claim(&self.destination) {
            Ok(Some(claim)) => claim,
            Ok(None) => return Drained::Nothing,
            Err(error) => return Drained::Stopped(format!("{error:#}")),
        };
        let destination = claim.destination.clone();
        // Small entries of one stream share a request; a large one does not fit and is sent in pieces.
        let mut claims = vec![claim];
        let mut all: Vec<u8> = claims.iter().flat_map(|claim| claim.lines.iter().copied()).collect();
        while all.len() < LEAST_BYTES.min(most) {
            let next = store.outbox.claim(&self.destination).ok().flatten();
            let Some(next) = next.filter(|claim| claim.destination == destination) else { break };
            all.extend_from_slice(&next.lines);
            claims.push(next);
        }
        let (now, later) = split_lines(&all, most);
        let attempt = self.attempt(now, &destination.stream_fields, deadline);
        let (left, rejected) = self.settle(&attempt, &destination);
        let gone = count(now) - left.iter().map(|lines| count(lines)).sum::<u64>();
        let mut is_noted = true;
        if gone > 0 || attempt.timed_out {
            let mut pieces = Vec::new();
            for lines in left {
                // After a time-out two halves are put back, so that a thin line makes progress.
                let most = if attempt.timed_out { lines.len() / 2 } else { lines.len() };
                let (first, second) = split_lines(lines, most);
                pieces.extend([first, second]);
            }
            pieces.push(later);
            is_noted = Claim::replace(claims, &pieces);
        }
        if gone > rejected {
            self.note_answer();
        }
        match attempt.why.filter(|_| !attempt.left.is_empty()) {
            Some(why) => Drained::Stopped(why),
            // Else the same records would go out again and again.
            None if !is_noted => {
                Drained::Stopped("could not take what was delivered out of the outbox".to_owned())
            }
            None => Drained::Some(gone - rejected, rejected, now.len()),
        }
    }

    /// Delivers lines, in pieces where the server asks for it.
    fn attempt<'a>(&self, lines: &'a [u8], stream_fields: &[String], deadline: Deadline) -> Attempt<'a> {
        let mut attempt = Attempt::default();
        let mut todo = vec![lines];
        let mut canned = None;
        while let Some(piece) = todo.pop() {
            let request = jsonline::request(piece, stream_fields);
            match self.client.insert(&request, deadline) {
                Outcome::Delivered => continue,
                Outcome::Retry(why) => attempt.why = Some(why),
                Outcome::TimedOut(why) => {
                    attempt.why = Some(why);
                    attempt.timed_out = true;
                }
                Outcome::Rejected(why) => {
                    // Without a good record to compare with, it may be the path or the tenant that is wrong.
                    let sound =
                        *canned.get_or_insert_with(|| self.takes_a_canned_record(stream_fields, deadline));
                    attempt.why = Some(why);
                    if sound && count(piece) > 1 {
                        let (first, second) = split_lines(piece, piece.len() / 2);
                        todo.extend([second, first]);
                        continue;
                    }
                    if sound {
                        attempt.rejected.push(piece);
                        continue;
                    }
                }
            }
            attempt.left.push(piece);
            attempt.left.extend(todo.drain(..).rev());
        }
        attempt
    }

    /// Whether the server takes a record that is surely good; it is not stored (`debug=1`).
    #[must_use]
    pub fn takes_a_canned_record(&self, stream_fields: &[String], deadline: Deadline) -> bool {
        self.client.insert(&jsonline::canned(stream_fields), deadline) == Outcome::Delivered
    }

    /// Asks the server whether it would take records now; nothing is stored.
    ///
    /// # Errors
    /// Why it would not.
    pub fn check(&self) -> Result<(), String> {
        let deadline = Instant::now().checked_add(self.timeout);
        match self.client.insert(&jsonline::canned(&self.destination.stream_fields), deadline) {
            Outcome::Delivered => Ok(()),
            Outcome::Retry(why) | Outcome::TimedOut(why) | Outcome::Rejected(why) => Err(why),
        }
    }

    /// Counts records whose time the server may not keep, for `status`.
    pub fn count_doubtful(&self, records: u64) {
        let there = |store: &&Store| store.outbox.is_ours().unwrap_or(false);
        if let Some(store) = self.store.as_ref().filter(there) {
            store.outbox.count(DOUBTFUL, records);
        }
    }

    /// How many records the outbox has dropped in this run, because it was full. If it has, there is room for a
    /// small one to say so.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let mut dropped = self.dropped.load(Ordering::Relaxed);
        if let Some(store) = self.store.as_ref().filter(|_| dropped > 0) {
            dropped += store.outbox.make_room();
        }
        dropped
    }
}

/// How much a request of a drain may carry: as much as the line has shown to carry in time.
#[derive(Debug)]
pub struct Pace {
    /// The next request's size.
    pub bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes: DRAIN_BYTES }
    }
}

impl Pace {
    /// Learns from a request of `sent` bytes that was answered in `time`: a quick one allows more, up to a whole entry;
    /// a slow one as much as takes half of the timeout. The small rest of an entry says nothing.
    pub fn learn(&mut self, sent: usize, time: Duration, timeout: Duration) {
        let fits = sent as u128 * timeout.as_millis() / time.as_millis().max(1) / 2;
        let most = match time < IN_VAIN {
            true if sent < self.bytes / 2 => return,
            true => self.bytes * 4,
            false => usize::try_from(fits).unwrap_or(ENTRY_BYTES),
        };
        self.bytes = most.clamp(LEAST_BYTES, ENTRY_BYTES);
    }
}

/// What became of some lines.
#[derive(Debug, Default)]
struct Attempt<'a> {
    /// What the server does not have, in order.
    left: Vec<&'a [u8]>,
    /// Single records that it refuses while it takes others.
    rejected: Vec<&'a [u8]>,
    /// Why, if anything is left or rejected.
    why: Option<String>,
    /// Whether a request waited for nothing.
    timed_out: bool,
}

/// Where the records of a configuration go.
#[must_use]
pub fn destination(config: &Config, endpoint: &Endpoint) -> Destination {
    let header = |wanted: &str| {
        let found = config.access.headers.iter().find(|(name, _)| name == wanted);
        found.map_or("0", |(_, value)| value.0.as_str())
    };
    let name =
        || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Destination {
        url: endpoint.to_string(),
        tenant: format!("{}:{}", header("AccountID"), header("ProjectID")),
        host: if endpoint.is_loopback() { name() } else { String::new() },
        stream_fields: config.stream_fields.clone(),
    }
}

/// The earlier of the deadline and the end of `time` from now.
fn sooner(deadline: Deadline, time: Duration) -> Deadline {
    deadline.into_iter().chain(Instant::now().checked_add(time)).min()
}

/// How many lines.
fn count(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Prints a request for `--dry-run`.
///
/// # Errors
/// stdout does not take it.
pub fn print(head: &str, body: &[u8]) -> Result<()> {
    stdio::write_all(&[head.as_bytes(), b"\n", body].concat()).context("could not print the request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_grows_with_quick_answers_and_shrinks_with_slow_ones() {
        let timeout = Duration::from_secs(2);
        let quick = Duration::from_millis(10);
        let mut pace = Pace::default();
        pace.learn(pace.bytes, quick, timeout);
        assert_eq!(pace.bytes, 4 * DRAIN_BYTES);
        pace.learn(pace.bytes, quick, timeout);
        pace.learn(pace.bytes, quick, timeout);
        assert_eq!(pace.bytes, ENTRY_BYTES);
        pace.learn(100_000, Duration::from_secs(1), timeout);
        assert_eq!(pace.bytes, 100_000);
        pace.learn(1000, quick, timeout);
        assert_eq!(pace.bytes, 100_000, "the rest of an entry says nothing about the line");
        pace.learn(4096, Duration::from_secs(2), timeout);
        assert_eq!(pace.bytes, LEAST_BYTES);
    }
}
