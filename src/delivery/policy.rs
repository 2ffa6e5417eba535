//! The policy of delivery: what is tried, for how long, and what becomes of what could not be delivered.
//!
//! - Trouble with the connection, time-outs and every status but 2xx, 400 and 413 keep a batch: it goes to the
//!   outbox and is tried again by a later call. What 400 and 413 lead to is the affair of `attempt.rs`.
//! - A first request that waited half a second for nothing opens the breaker, and for a while batches go to the outbox
//!   untried. So they do while a server that answered 429 or 503 has the pause that it asked for (`Retry-After`).
//! - Without a destination that can be read nothing is sent: records are put aside, or kept for there.

use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Load, Stop};
use super::backlog::Backlog;
use super::breaker::{BreakerState, Probe};
use super::setup::Setup;
use crate::outbox::{DOUBTFUL, Destination, Put, Summary};
use crate::record::time::Time;
use crate::record::{Batch, count_lines};
use crate::server::http::{Client, Outcome};
use crate::server::socket::Deadline;
use crate::sys::stderr::records;
use crate::sys::stdio;

/// A request that waited so long for nothing opens the breaker.
pub const IN_VAIN: Duration = Duration::from_millis(500);

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
    /// Entries that could not be taken: to try them with every batch would send the same again and again.
    pub(super) stuck: Mutex<BTreeSet<String>>,
    /// Whether the server has taken something of what it was sent last.
    pub(super) last_was_taken: AtomicBool,
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
        let store = outbox.map(|outbox| Backlog::new(outbox, &destination));
        Self {
            client,
            destination,
            timeout: setup.timeout,
            dry_run: setup.dry_run,
            store,
            stuck: Mutex::default(),
            last_was_taken: AtomicBool::new(false),
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
            return self.print(client, batch);
        }
        let (deadline, probe) = match self.allowed(deadline) {
            Ok(allowed) => allowed,
            // The error that opened the breaker says more.
            Err(why) => return self.keep_as(batch, &why, false),
        };
        let stream_fields = &self.destination.stream_fields;
        let load = Load { lines: &batch.lines, stream_fields, deadline, after_success: false };
        let attempt = self.attempt(client, &load);
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

    /// What the breaker leaves of the time until the deadline, and whether this is its probe.
    ///
    /// # Errors
    /// Why nothing is to be sent now.
    pub(super) fn allowed(&self, deadline: Deadline) -> Result<(Deadline, Option<Probe>), String> {
        let state =
            self.store.as_ref().map_or(BreakerState::Closed, |store| store.breaker.enter(Time::now()));
        let url = &self.destination.url;
        match state {
            BreakerState::Closed => Ok((deadline, None)),
            BreakerState::Probe(probe) => Ok((sooner(deadline, probe.wait()), Some(probe))),
            BreakerState::Open(left) => {
                Err(format!("could not reach {url}: no answer lately, next try in {}s", left.as_secs() + 1))
            }
            BreakerState::Paused(left) => Err(format!(
                "could not deliver to {url}: it asked for a pause, next try in {}s",
                left.as_secs() + 1
            )),
        }
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
            store.note_delivery(&self.destination);
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
        if store.hold_back(batch) {
            return Fate::Kept(format!("{why}; {} kept in the outbox", records(all)), all);
        }
        let Put { kept, error, .. } = store.put(&self.destination, batch);
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
        let kept = self.store.as_ref().map_or(0..0, |store| store.put(&self.destination, batch).kept);
        let before = batch.lines.get(..kept.start).unwrap_or_default();
        let behind = batch.lines.get(kept.end..).unwrap_or_default();
        Batch::of([before, behind].concat())
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

    /// Puts a record aside that this server refuses for good.
    pub(super) fn put_aside(&self, line: &[u8], stream_fields: &[String]) -> Result<(), String> {
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
        self.store.as_ref().map_or(0, |store| store.end(&self.destination))
    }

    /// Whether this server has ever taken records.
    pub(super) fn has_delivered(&self) -> bool {
        self.store.as_ref().is_ok_and(|store| store.breaker.has_delivered())
    }

    /// Prints a request for `--dry-run`.
    fn print(&self, client: &Client, batch: &Batch) -> Fate {
        let (head, body) = client.describe_push(&batch.lines, &self.destination.stream_fields);
        // Not every protocol's body ends with one, and more requests may follow.
        let end: &[u8] = if body.last() == Some(&b'\n') { b"" } else { b"\n" };
        let printed = stdio::write_all(&[head.as_bytes(), b"\n", &body, end].concat());
        match printed {
            Ok(()) => Fate::Delivered,
            Err(error) => Fate::Lost(format!("could not print the request: {error}"), batch.records),
        }
    }
}

/// The earlier of the deadline and the end of `time` from now.
pub(super) fn sooner(deadline: Deadline, time: Duration) -> Deadline {
    deadline.into_iter().chain(Instant::now().checked_add(time)).min()
}
