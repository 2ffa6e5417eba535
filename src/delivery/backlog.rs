//! The outbox as a delivery uses it, with the breaker beside it.
//!
//! A run that has filled the whole outbox by itself puts one batch a second, the newest, and counts the others as dropped:
//! a runaway loop must not wear out a disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use crate::outbox::{DROPPED, Destination, Outbox, Put};
use crate::record::Batch;

/// How often a run that has filled the outbox may put a batch.
const RUNAWAY_PAUSE: Duration = Duration::from_secs(1);

/// Where undelivered records are kept, and what is known of their server.
#[derive(Debug)]
pub(super) struct Backlog {
    pub(super) outbox: Outbox,
    pub(super) breaker: Breaker,
    /// Records that the outbox has dropped since the start of this process.
    dropped: AtomicU64,
    puts: Mutex<OwnPuts>,
}

/// What this process has put into the outbox.
#[derive(Debug, Default)]
struct OwnPuts {
    /// How many bytes, since the last delivery.
    bytes: u64,
    last: Option<Instant>,
    /// The newest batch, while it is too soon for another put.
    held_back: Option<Batch>,
}

impl Backlog {
    /// The outbox and the breaker of the server that these records are for.
    pub(super) fn new(outbox: Outbox, destination: &Destination) -> Self {
        let breaker = Breaker::new(outbox.folder(), &destination.server());
        Self { outbox, breaker, dropped: AtomicU64::new(0), puts: Mutex::default() }
    }

    /// Puts a batch where it belongs: among what waits or, if it cannot be told what for, aside.
    pub(super) fn put(&self, destination: &Destination, batch: &Batch) -> Put {
        let put = if destination.is_known() {
            self.outbox.put(destination, &batch.lines)
        } else {
            self.outbox.put_aside(destination, &batch.lines)
        };
        let mut puts = self.puts();
        puts.bytes += put.kept.len() as u64;
        puts.last = Some(Instant::now());
        self.dropped.fetch_add(put.dropped, Ordering::Relaxed);
        put
    }

    /// Keeps a batch in memory where it is too soon for another put, in place of the one that was held back before, which
    /// counts as dropped. Whether it was too soon.
    pub(super) fn hold_back(&self, batch: &Batch) -> bool {
        let mut puts = self.puts();
        let is_due = puts.last.is_none_or(|last| last.elapsed() >= RUNAWAY_PAUSE);
        let too_soon = puts.bytes >= self.outbox.max_bytes() && !is_due;
        let before = if too_soon { puts.held_back.replace(batch.clone()) } else { puts.held_back.take() };
        if let Some(before) = before {
            self.outbox.count(DROPPED, before.records);
            self.dropped.fetch_add(before.records, Ordering::Relaxed);
        }
        too_soon
    }

    /// Puts what was held back, once that is no longer too soon.
    pub(super) fn put_held_back_if_due(&self, destination: &Destination) {
        if self.puts().last.is_some_and(|last| last.elapsed() >= RUNAWAY_PAUSE) {
            self.put_held_back(destination);
        }
    }

    /// Puts what was held back. How many records of it could not be kept whole.
    fn put_held_back(&self, destination: &Destination) -> u64 {
        let held_back = self.puts().held_back.take();
        held_back.map_or(0, |batch| match self.put(destination, &batch).error {
            Some(_) => batch.records,
            None => 0,
        })
    }

    /// The server has taken something: what was put before that fills the outbox no more.
    pub(super) fn note_delivery(&self, destination: &Destination) {
        self.put_held_back(destination);
        self.puts().bytes = 0;
        if !self.breaker.has_delivered() && self.outbox.prepare().is_ok() {
            self.breaker.note_delivery();
        }
    }

    /// Ends a run: how many records the outbox has dropped in it, because it was full. If it has, there is room now for a
    /// small one that says so.
    pub(super) fn end(&self, destination: &Destination) -> u64 {
        let lost = self.put_held_back(destination);
        let dropped = self.dropped.load(Ordering::Relaxed) + lost;
        if dropped > 0 { dropped + self.outbox.make_room() } else { 0 }
    }

    fn puts(&self) -> MutexGuard<'_, OwnPuts> {
        self.puts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
