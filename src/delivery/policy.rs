//! The policy of delivery: what is tried, for how long, and what becomes of what could not be delivered.
//!
//! - Trouble with the connection, time-outs and every status but 2xx, 400 and 413 keep a batch: it goes to the
//!   outbox and is tried again by a later call.
//! - 400 and 413 split it, so that one bad record cannot hold back the good ones. A single record is rejected only
//!   if the same server passes its protocol's check in the same call: a wrong path or tenant rejects nothing.
//! - A first request that waited half a second for nothing opens the breaker, and for a while batches go to the outbox
//!   untried. So they do while a server that answered 429 or 503 has the pause that it asked for (`Retry-After`).
//! - Without a destination that can be read nothing is sent: records are put aside, or kept for there.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::breaker::{Breaker, BreakerState, Probe};
use crate::outbox::{DOUBTFUL, DROPPED, Destination, Outbox, Put, Summary, split_lines};
use crate::record::protocol::Protocol;
use crate::record::time::Time;
use crate::record::{Batch, count_lines, hash};
use crate::server::access::Access;
use crate::server::endpoint::Endpoint;
use crate::server::http::{Client, Outcome};
use crate::server::protocol::ORG_ID;
use crate::server::socket::Deadline;
use crate::sys::stderr::records;
use crate::sys::stdio;

/// A request that waited so long for nothing opens the breaker.
pub const IN_VAIN: Duration = Duration::from_millis(500);

/// How often a run that has filled the whole outbox by itself may put another batch: a runaway loop must not wear out
/// a disk.
pub(super) const RUNAWAY_PAUSE: Duration = Duration::from_secs(1);

/// What became of a batch. The texts are sentences that say why, and what became of the data; the numbers are of
/// the records that were not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The server has it.
    Delivered,
    /// The outbox has it, or what is left of it.
    Kept(String, u64),
    /// The outbox has it, for it could not be told how it was to go there. This must be told.
    Withheld(String, u64),
    /// The server refuses it for good, and it was put aside.
    Refused(String, u64),
    /// It was put aside, for it could not be told where it was to go. This must be told.
    PutAside(String, u64),
    /// It is gone, or what is left of it. This must be told.
    Lost(String, u64),
}

/// Where records go and how, and where they wait.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The server; `None` if it cannot be told.
    pub endpoint: Option<Endpoint>,
    /// How to get there, and as whom.
    pub access: Access,
    /// Why nothing may be sent, if so: a setting that says where, or how, cannot be read.
    pub blocked: Option<String>,
    /// How records are sent.
    pub protocol: Protocol,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
    /// For one delivery in all.
    pub timeout: Duration,
    /// Print the request instead of sending it.
    pub dry_run: bool,
    /// Where undelivered records are kept, or why they are not.
    pub outbox: Result<Outbox, String>,
}

impl Setup {
    /// Where the records go: the one value that tells destinations apart, made from the request as it will go out.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let Some(endpoint) = &self.endpoint else { return Destination::unknown(self.stream_fields.clone()) };
        let name =
            || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Destination {
            protocol: self.protocol,
            url: endpoint.to_string(),
            tenant: self.tenant(),
            user: self.access.header("Authorization").and_then(basic_user).unwrap_or_default(),
            host: if endpoint.is_loopback() { name() } else { String::new() },
            stream_fields: self.stream_fields.clone(),
        }
    }

    /// The tenant as the protocol's headers say it. VictoriaLogs' numbers count on every protocol, because it speaks more
    /// than its own.
    fn tenant(&self) -> String {
        let header = |name| self.access.header(name);
        let numbers = ["AccountID", "ProjectID"].map(header);
        let by_numbers = || numbers.map(|number| number.unwrap_or("0")).join(":");
        let org = header(ORG_ID).unwrap_or_default();
        match self.protocol {
            Protocol::Jsonline => by_numbers(),
            _ if numbers == [None, None] => org.to_owned(),
            _ => format!("{org} {}", by_numbers()),
        }
    }
}

/// Takes batches to their server, or keeps them.
#[derive(Debug)]
pub struct Delivery {
    /// Why nothing is sent, or the way there.
    pub(super) client: Result<Client, String>,
    pub(super) destination: Destination,
    timeout: Duration,
    dry_run: bool,
    /// Where undelivered records are kept, or why they are not.
    pub(super) store: Result<Backlog, String>,
    /// Records that the outbox has dropped.
    dropped: AtomicU64,
    run: Mutex<OwnPuts>,
    /// Entries that could not be taken: to try them with every batch would send the same again and again.
    pub(super) stuck: Mutex<BTreeSet<String>>,
}

/// Where undelivered records are kept, and what is known of their server.
#[derive(Debug)]
pub(super) struct Backlog {
    pub(super) outbox: Outbox,
    pub(super) breaker: Breaker,
}

/// What this process has put into the outbox.
#[derive(Debug, Default)]
pub(super) struct OwnPuts {
    /// How much, since the last delivery.
    bytes: u64,
    pub(super) last: Option<Instant>,
    /// The newest batch, while it would be too soon for another put.
    in_hand: Option<Batch>,
}

impl Delivery {
    /// Delivers as `setup` says. A byte to read from `cancel` ends every wait.
    #[must_use]
    pub fn new(setup: Setup, cancel: Option<UnixStream>) -> Self {
        let destination = setup.destination();
        let client = match (&setup.endpoint, setup.blocked) {
            (_, Some(why)) => Err(why),
            (Some(endpoint), None) => Ok(Client::new(endpoint, &setup.access, setup.protocol, cancel)),
            (None, None) => Err("it is not known where records go".to_owned()),
        };
        let outbox = if setup.dry_run { Err("--dry-run".to_owned()) } else { setup.outbox };
        let store = outbox.map(|outbox| {
            let breaker = Breaker::new(outbox.folder(), &destination.server());
            Backlog { outbox, breaker }
        });
        Self {
            client,
            destination,
            timeout: setup.timeout,
            dry_run: setup.dry_run,
            store,
            dropped: AtomicU64::new(0),
            run: Mutex::default(),
            stuck: Mutex::default(),
        }
    }

    /// What one delivery may take in all.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Tries to deliver by the deadline, and keeps what the server does not take.
    #[must_use]
    pub fn deliver(&self, batch: &Batch, deadline: Deadline) -> Fate {
        match &self.client {
            Ok(client) => self.deliver_over(client, batch, deadline),
            Err(why) if self.dry_run => Fate::Lost(format!("{why}; nothing would be sent"), batch.records),
            Err(why) => self.keep(batch, why),
        }
    }

    /// Whether a second request may be sent while the first waits for an answer. What is printed comes in order.
    #[must_use]
    pub fn can_have_second(&self) -> bool {
        self.client.is_ok() && !self.dry_run
    }

    /// What a second request at once is sent with; `None` if there can be none.
    #[must_use]
    pub fn second(&self) -> Option<Client> {
        self.client.as_ref().ok()?.another().ok()
    }

    /// Tries to deliver with this client of the same server by the deadline, and keeps what the server does not take.
    /// Two threads may do so at once, each with a client of its own.
    #[must_use]
    pub fn deliver_over(&self, client: &Client, batch: &Batch, deadline: Deadline) -> Fate {
        if self.dry_run {
            let (head, body) = client.describe_push(&batch.lines, &self.destination.stream_fields);
            let mut body = body.into_owned();
            // Not every protocol's body ends with one, and more requests may follow.
            if body.last() != Some(&b'\n') {
                body.push(b'\n');
            }
            let printed = print(&head, &body);
            return printed
                .map_or_else(|error| Fate::Lost(format!("{error:#}"), batch.records), |()| Fate::Delivered);
        }
        let state =
            self.store.as_ref().map_or(BreakerState::Closed, |store| store.breaker.enter(Time::now()));
        let (deadline, probe) = match state {
            BreakerState::Closed => (deadline, None),
            BreakerState::Probe(probe) => (sooner(deadline, probe.wait()), Some(probe)),
            BreakerState::Open(left) => {
                let (url, again) = (&self.destination.url, left.as_secs() + 1);
                let why = format!("could not reach {url}: no answer lately, next try in {again}s");
                // The error that opened the breaker says more.
                return self.keep_as(batch, &why, false);
            }
            BreakerState::Paused(left) => {
                let (url, again) = (&self.destination.url, left.as_secs() + 1);
                let why = format!("could not deliver to {url}: it asked for a pause, next try in {again}s");
                return self.keep_as(batch, &why, false);
            }
        };
        let attempt = self.attempt(client, &batch.lines, &self.destination.stream_fields, deadline);
        let left = batch.lines.get(attempt.done..).unwrap_or_default();
        let fate = match &attempt.stop {
            Some(stop) => self.keep(&Batch::of(left.to_vec()), stop.why()),
            None if attempt.rejected > 0 => {
                let text =
                    format!("{}; {} put aside in the outbox", attempt.refusal, records(attempt.rejected));
                Fate::Refused(text, attempt.rejected)
            }
            None => Fate::Delivered,
        };
        // After the batch is kept: on a full disk that has made room.
        self.learn(&attempt, probe, true);
        fate
    }

    /// Tells the breaker how an attempt has gone. Only a first request of a delivery, or a probe, may open it; the pause
    /// that a server asks for counts, whoever was told.
    pub(super) fn learn(&self, attempt: &Attempt, probe: Option<Probe>, may_open: bool) {
        let Ok(store) = &self.store else { return };
        let is_in_vain = |waited: Duration, timed_out: bool| match probe {
            Some(_) => timed_out || waited >= IN_VAIN,
            None => may_open && waited >= IN_VAIN,
        };
        match &attempt.stop {
            Some(Stop::Server { pause: Some(pause), .. }) => store.breaker.pause(Time::now(), *pause),
            Some(Stop::Server { waited, timed_out, .. }) if is_in_vain(*waited, *timed_out) => {
                store.breaker.open(Time::now(), probe, *waited);
            }
            // A server that refuses at once costs no wait.
            _ if probe.is_some() || attempt.done > 0 => store.breaker.close(),
            _ => {}
        }
        if attempt.done > 0 {
            self.put_in_hand(store);
            self.run().bytes = 0;
            if !store.breaker.has_delivered() && store.outbox.prepare().is_ok() {
                store.breaker.note_delivery();
            }
        }
    }

    /// Puts a batch into the outbox; `why` begins the sentence that says so.
    #[must_use]
    pub fn keep(&self, batch: &Batch, why: &str) -> Fate {
        self.keep_as(batch, why, true)
    }

    fn keep_as(&self, batch: &Batch, why: &str, is_news: bool) -> Fate {
        let all = batch.records;
        let store = match &self.store {
            Ok(store) => store,
            Err(none) => {
                return Fate::Lost(
                    format!("{why}; {} lost, for there is no outbox ({none})", records(all)),
                    all,
                );
            }
        };
        if self.postpone(store, batch) {
            return Fate::Kept(format!("{why}; {} kept in the outbox", records(all)), all);
        }
        let Put { kept, error, .. } = self.put_into(store, batch);
        if let Some(error) = error {
            let kept = count_lines(batch.lines.get(kept).unwrap_or_default());
            let lost = all.saturating_sub(kept);
            let of_it =
                if kept > 0 { format!("{} kept in the outbox, ", records(kept)) } else { String::new() };
            return Fate::Lost(format!("{why}; {of_it}{} lost: {error:#}", records(lost)), lost);
        }
        if is_news {
            store.outbox.remember(&self.destination, why);
        }
        if !self.destination.is_known() {
            let text = format!("{why}; {} put aside, to be offered by vlog flush --rejected", records(all));
            return Fate::PutAside(text, all);
        }
        let text = format!("{why}; {} kept in the outbox", records(all));
        if self.client.is_err() { Fate::Withheld(text, all) } else { Fate::Kept(text, all) }
    }

    /// Puts a batch into the outbox, untried; what of it is not kept there.
    #[must_use]
    pub fn put(&self, batch: &Batch) -> Batch {
        let kept = self.store.as_ref().map_or(0..0, |store| self.put_into(store, batch).kept);
        let before = batch.lines.get(..kept.start).unwrap_or_default();
        let behind = batch.lines.get(kept.end..).unwrap_or_default();
        Batch::of([before, behind].concat())
    }

    /// Puts a batch where it belongs.
    fn put_into(&self, store: &Backlog, batch: &Batch) -> Put {
        let put = if self.destination.is_known() {
            store.outbox.put(&self.destination, &batch.lines)
        } else {
            store.outbox.put_aside(&self.destination, &batch.lines)
        };
        let mut run = self.run();
        run.bytes += put.kept.len() as u64;
        run.last = Some(Instant::now());
        self.dropped.fetch_add(put.dropped, Ordering::Relaxed);
        put
    }

    pub(super) fn run(&self) -> MutexGuard<'_, OwnPuts> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run that has filled the whole outbox by itself puts one batch a second, the newest; the others count as
    /// dropped. Whether this one was taken into the hand for that.
    fn postpone(&self, store: &Backlog, batch: &Batch) -> bool {
        let mut run = self.run();
        let is_due = run.last.is_none_or(|last| last.elapsed() >= RUNAWAY_PAUSE);
        let postponed = run.bytes >= store.outbox.max_bytes() && !is_due;
        let before = if postponed { run.in_hand.replace(batch.clone()) } else { run.in_hand.take() };
        if let Some(before) = before {
            store.outbox.count(DROPPED, before.records);
            self.dropped.fetch_add(before.records, Ordering::Relaxed);
        }
        postponed
    }

    /// Puts what was postponed, where no batch that comes after it does so. Whether all of it is kept.
    pub(super) fn put_in_hand(&self, store: &Backlog) -> bool {
        let in_hand = self.run().in_hand.take();
        in_hand.is_none_or(|batch| self.put_into(store, &batch).error.is_none())
    }

    /// Whether nothing is sent now: the server did not answer lately, or asked for a pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let state = |store: &Backlog| store.breaker.look(Time::now());
        self.client.is_err()
            || matches!(self.store.as_ref().map(state), Ok(BreakerState::Open(_) | BreakerState::Paused(_)))
    }

    /// How many records are in the outbox for this server, waiting or put aside.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let summary = self.summary();
        summary.records + summary.rejected + summary.misdirected
    }

    /// The same, counted until there are `enough`.
    #[must_use]
    pub fn undelivered_up_to(&self, enough: u64) -> u64 {
        self.store.as_ref().map_or(0, |store| store.outbox.undelivered(&self.destination, enough))
    }

    /// How many records wait for this server.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.summary().records
    }

    fn summary(&self) -> Summary {
        let summary = |store: &Backlog| store.outbox.summary(&self.destination).ok();
        self.store.as_ref().ok().and_then(summary).unwrap_or_default()
    }

    /// Delivers lines, in pieces where the server asks for it.
    pub(super) fn attempt(
        &self,
        client: &Client,
        lines: &[u8],
        stream_fields: &[String],
        deadline: Deadline,
    ) -> Attempt {
        let mut attempt = Attempt::default();
        let mut todo = vec![Portion { lines, refused: None }];
        let mut passes_check = None;
        while let Some(portion) = todo.pop() {
            let lines = portion.lines;
            let start = Instant::now();
            let outcome = match portion.refused_of(attempt.rejected) {
                Some(0) => Outcome::Delivered,
                Some(refused) => Outcome::Partly(refused, attempt.refusal.clone()),
                None => client.push(lines, stream_fields, deadline),
            };
            let waited = start.elapsed();
            let stop = |why, timed_out| Some(Stop::Server { why, waited, timed_out, pause: None });
            let (refusal, refused) = match outcome {
                Outcome::Delivered => {
                    attempt.done += lines.len();
                    continue;
                }
                Outcome::Retry(why) => {
                    attempt.stop = stop(why, false);
                    break;
                }
                Outcome::Busy(why, pause) => {
                    attempt.stop = Some(Stop::Server { why, waited, timed_out: false, pause: Some(pause) });
                    break;
                }
                Outcome::TimedOut(why) => {
                    attempt.stop = stop(why, true);
                    break;
                }
                Outcome::Rejected(why) => (why, None),
                Outcome::Partly(refused, why) => (why, Some((refused, attempt.rejected))),
            };
            // Otherwise it may be the path or the tenant that is wrong.
            let is_sound = *passes_check
                .get_or_insert_with(|| client.check(stream_fields, deadline) == Outcome::Delivered);
            if !is_sound {
                attempt.stop = stop(refusal, false);
                break;
            }
            attempt.refusal = refusal;
            if count_lines(lines) > 1 {
                let (first, second) = split_lines(lines, lines.len() / 2);
                todo.push(Portion { lines: second, refused });
                todo.push(Portion { lines: first, refused: None });
                continue;
            }
            if let Err(error) = self.put_aside(lines, stream_fields) {
                let why = format!("{}; it could not be put aside: {error}", attempt.refusal);
                attempt.stop = Some(Stop::Aside(why));
                break;
            }
            attempt.done += lines.len();
            attempt.rejected += 1;
        }
        attempt
    }

    /// Puts a record aside that this server refuses for good.
    fn put_aside(&self, line: &[u8], stream_fields: &[String]) -> Result<(), String> {
        let store = self.store.as_ref().map_err(|none| format!("there is no outbox ({none})"))?;
        let destination = Destination { stream_fields: stream_fields.to_vec(), ..self.destination.clone() };
        store.outbox.put_aside(&destination, line).error.map_or(Ok(()), |error| Err(format!("{error:#}")))
    }

    /// Asks the server whether it would take records now; nothing is stored. A yes does not end a pause that it asked for:
    /// that was about the records.
    ///
    /// # Errors
    /// Why it would not.
    pub fn check(&self) -> Result<(), String> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let deadline = Instant::now().checked_add(self.timeout);
        match client.check(&self.destination.stream_fields, deadline) {
            Outcome::Delivered => {
                if let Ok(store) = &self.store
                    && !matches!(store.breaker.look(Time::now()), BreakerState::Paused(_))
                {
                    store.breaker.close();
                }
                Ok(())
            }
            Outcome::Retry(why)
            | Outcome::Busy(why, _)
            | Outcome::TimedOut(why)
            | Outcome::Rejected(why)
            | Outcome::Partly(_, why) => Err(why),
        }
    }

    /// Counts records whose time the server may not keep, for `status`.
    pub fn count_doubtful(&self, records: u64) {
        let there = |store: &&Backlog| store.outbox.is_ours().unwrap_or(false);
        if let Some(store) = self.store.as_ref().ok().filter(there) {
            store.outbox.count(DOUBTFUL, records);
        }
    }

    /// Ends a run: how many records the outbox has dropped in it, because it was full. If it has, there is room for a
    /// small one to say so.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let Ok(store) = &self.store else { return 0 };
        let in_hand = self.run().in_hand.as_ref().map_or(0, |batch| batch.records);
        let lost = if self.put_in_hand(store) { 0 } else { in_hand };
        let mut dropped = self.dropped.load(Ordering::Relaxed) + lost;
        if dropped > 0 {
            dropped += store.outbox.make_room();
        }
        dropped
    }
}

/// Lines that are still to be delivered.
struct Portion<'a> {
    lines: &'a [u8],
    /// Set for a second half, if the server said how many records of both halves it refused: that number, and how many
    /// records had been put aside before the first half was sent.
    refused: Option<(u64, u64)>,
}

impl Portion<'_> {
    /// How many of these the server refuses, if that is known without asking: those that the first half does not explain.
    /// It has the others. `rejected` is how many records were rejected so far.
    fn refused_of(&self, rejected: u64) -> Option<u64> {
        self.refused.map(|(in_both, before)| in_both.saturating_sub(rejected.saturating_sub(before)))
    }
}

/// What became of some lines.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// How many bytes of them are done with, from the start: delivered or put aside.
    pub(super) done: usize,
    /// Single records among them that the server refuses while it takes others.
    pub(super) rejected: u64,
    /// Its words about the last of those.
    pub(super) refusal: String,
    /// What kept the rest.
    pub(super) stop: Option<Stop>,
}

/// Why an attempt went no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The server did not take the next piece, after this time; whether nothing at all came in time, and what pause it
    /// asks for.
    Server { why: String, waited: Duration, timed_out: bool, pause: Option<Duration> },
    /// It refuses a record, which could not be put aside.
    Aside(String),
}

impl Stop {
    fn why(&self) -> &str {
        match self {
            Self::Server { why, .. } | Self::Aside(why) => why,
        }
    }
}

/// A hash of the user in a header of basic authentication.
fn basic_user(authorization: &str) -> Option<String> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded =
        scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(encoded.trim()).ok())??;
    let user = decoded.split(|byte| *byte == b':').next()?;
    Some(format!("{:016x}", hash(&String::from_utf8_lossy(user))))
}

/// The earlier of the deadline and the end of `time` from now.
pub(super) fn sooner(deadline: Deadline, time: Duration) -> Deadline {
    deadline.into_iter().chain(Instant::now().checked_add(time)).min()
}

/// Prints a request for `--dry-run`.
///
/// # Errors
/// stdout does not take it.
pub fn print(head: &str, body: &[u8]) -> Result<()> {
    stdio::write_all(&[head.as_bytes(), b"\n", body].concat()).context("could not print the request")
}
