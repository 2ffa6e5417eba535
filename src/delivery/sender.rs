//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] takes batches; a sender thread delivers them one after the other, and between them drains the outbox.
//! While their queue ([`Outgoing`]) is full a second sender, started when first needed, delivers too, over a connection
//! of its own: two requests at once, never three. What finds no room in the queue because the server owes an answer goes
//! to the outbox.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::drain::Drained;
use super::missing::Missing;
use super::outgoing::{Order, Outgoing};
use super::pace::Pace;
use super::policy::{Delivery, Fate};
use super::senders::{Doing, Sender};
use crate::outbox::Waiting;
use crate::record::Batch;
use crate::sys::cause::cause;
use crate::sys::memory::has_room;
use crate::sys::panics::Promises;
use crate::sys::stderr::{Report, records};

/// Memory that must be there before the second sender is started: its stack of 2 MiB, a batch of 2 MiB and the request
/// or entry that this becomes, and as much for the other threads.
const ROOM_FOR_SECOND: usize = 10 * 1024 * 1024;

/// Sends batches off, for the one who makes them. The senders have clones.
#[derive(Clone)]
pub struct Shipper {
    queue: Arc<Outgoing>,
    delivery: Arc<Delivery>,
    report: Report,
    progress: Arc<Progress>,
    promises: Promises,
}

impl Shipper {
    /// Starts the first sender. A panic of a sender leaves what it has in hand to the shipper. `progress` is counted as it
    /// goes.
    #[must_use]
    pub fn start(delivery: Delivery, report: Report, progress: Arc<Progress>, promises: &Promises) -> Self {
        let (queue, delivery, promises) = (Arc::new(Outgoing::new()), Arc::new(delivery), promises.clone());
        let shipper = Self { queue, delivery, report, progress, promises };
        if let Err(error) = shipper.spawn(Sender::First, Self::deliver_all) {
            report.trouble(&format!(
                "could not start the sender: {}; all records go to the outbox",
                cause(&error)
            ));
            shipper.queue.go_without_senders();
        }
        shipper
    }

    /// Starts a thread that does a sender's work.
    fn spawn(&self, sender: Sender, work: fn(&Self)) -> io::Result<()> {
        let (queue, of_thread) = (Arc::clone(&self.queue), self.clone());
        self.promises.thread(sender.name(), move || queue.lose(sender));
        thread::Builder::new().name(sender.name().to_owned()).spawn(move || work(&of_thread)).map(drop)
    }

    /// Starts the second sender the first time that it is needed. Where that cannot be, the first goes on alone.
    fn start_second_if_needed(&self) {
        if self.queue.needs_second() && self.delivery.can_have_second() && has_room(ROOM_FOR_SECOND) {
            let _ = self.spawn(Sender::Second, Self::help);
        }
    }

    /// How far the records have come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many records were put into the outbox so far.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.queue.kept()
    }

    /// Sends a batch off; what finds no room goes to the outbox.
    pub fn ship(&self, batch: Batch) {
        self.start_second_if_needed();
        if let Err(batch) = self.queue.offer(batch) {
            self.keep(&batch, "the server is slower than the input");
        }
    }

    fn keep(&self, batch: &Batch, why: &str) {
        self.note(batch, &self.delivery.keep(batch, why));
    }

    /// Notes what became of a batch. Of failures in a row only the first is told.
    fn note(&self, batch: &Batch, fate: &Fate) {
        self.progress.settled.fetch_add(batch.records, Ordering::Relaxed);
        if let Some(why) = self.queue.count(fate) {
            self.report.trouble(why);
        }
    }

    /// Waits until all is delivered, for `time` at most; what is not goes to the outbox. Gives what became of the records
    /// that were not delivered, since the start; `tell_dropped` makes the record that says how many the outbox has dropped.
    #[must_use]
    pub fn finish(&self, time: Duration, tell_dropped: impl FnOnce(&str, u64) -> Batch) -> Missing {
        for batch in self.queue.close(Instant::now() + time) {
            self.keep(&batch, "could not deliver everything in time");
        }
        let stuck = self.queue.wait_for_senders();
        for batch in self.queue.take_left() {
            self.keep(&batch, "could not deliver everything");
        }
        let dropped = self.delivery.dropped();
        if dropped > 0 {
            let message = format!("the outbox was full; {} dropped, the oldest first", records(dropped));
            // The sum that is told at the end says so too.
            let _ = self.delivery.put(&tell_dropped(&message, dropped));
        }
        self.queue.take_missing().finish(stuck, dropped, |enough| self.delivery.undelivered_up_to(enough))
    }

    /// Counts records whose time the server may not keep, and tells why the first of them.
    pub fn doubt(&self, (doubtful, why): (u64, Option<&'static str>)) {
        if let Some(why) = why {
            self.delivery.count_doubtful(doubtful);
            self.report.trouble(&format!("the time of {} {why}", records(doubtful)));
        }
    }

    /// The first sender's work: it delivers, and drains the outbox.
    fn deliver_all(&self) {
        let mut drain = Drain::default();
        loop {
            match self.queue.next(self.delivery.timeout()) {
                Order::End => return,
                Order::Deliver(batch, deadline) => {
                    crate::sys::panic_if_asked(Sender::First.name());
                    let start = Instant::now();
                    let fate = self.delivery.deliver(&batch, Some(deadline));
                    self.note(&batch, &fate);
                    if self.queue.end_delivery(fate == Fate::Delivered) {
                        self.drain_after(start.elapsed(), &mut drain);
                    }
                }
                Order::Drain => self.drain_after(Duration::ZERO, &mut drain),
            }
        }
    }

    /// The second sender's work: it delivers while the queue is full.
    fn help(&self) {
        let Some(second) = self.delivery.second() else { return };
        while let Some((batch, deadline)) = self.queue.next_if_full(self.delivery.timeout()) {
            crate::sys::panic_if_asked(Sender::Second.name());
            let fate = self.delivery.deliver_over(&second, &batch, Some(deadline));
            self.note(&batch, &fate);
            self.queue.end_wait(Sender::Second, fate == Fate::Delivered, Doing::Nothing);
        }
    }

    /// Takes something out of the outbox after a delivery that took `took`: at the end of a run what can go along with
    /// it, before that whole entries.
    fn drain_after(&self, took: Duration, drain: &mut Drain) {
        let mut answered = true;
        match self.queue.end() {
            None => answered = self.drain_some(drain),
            Some((end, true)) => self.delivery.drain_along(took, self.delivery.timeout(), Some(end)),
            Some((_, false)) => {}
        }
        self.queue.end_wait(Sender::First, answered, Doing::Nothing);
    }

    /// Delivers an entry, or a part of it. Whether the server has answered.
    fn drain_some(&self, drain: &mut Drain) -> bool {
        match drain.take(&self.delivery) {
            Drained::Some(_) => true,
            Drained::Stopped(..) => false,
            Drained::Nothing => {
                // First this, then the look: what others put there meanwhile counts.
                self.queue.set_nothing_to_drain(true);
                if self.delivery.has_entries() {
                    self.queue.set_nothing_to_drain(false);
                }
                true
            }
        }
    }
}

/// How far the records of a run have come.
#[derive(Debug, Default)]
pub struct Progress {
    made: AtomicU64,
    /// Delivered, kept, or told to be lost.
    settled: AtomicU64,
}

impl Progress {
    /// Counts records that were made.
    pub fn made(&self, records: u64) {
        self.made.fetch_add(records, Ordering::Relaxed);
    }

    /// How many records were made.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// How many records are still on their way.
    #[must_use]
    pub fn on_their_way(&self) -> u64 {
        self.made.load(Ordering::Relaxed).saturating_sub(self.settled.load(Ordering::Relaxed))
    }

    /// A number that grows as long as something goes on.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.made.load(Ordering::Relaxed).wrapping_add(self.settled.load(Ordering::Relaxed))
    }
}

/// How the first sender goes through the outbox.
#[derive(Default)]
struct Drain {
    /// What is left of the list of entries.
    waiting: Option<Waiting>,
    pace: Pace,
}

impl Drain {
    /// Delivers an entry, or a part of it.
    fn take(&mut self, delivery: &Delivery) -> Drained {
        let (start, timeout) = (Instant::now(), delivery.timeout());
        // They are listed anew only when all were looked at.
        if self.waiting.is_none() {
            self.waiting = delivery.entries(false).ok().flatten();
        }
        let drained = self.waiting.as_mut().map_or(Drained::Nothing, |waiting| {
            delivery.drain_if_allowed(waiting, self.pace.bytes, start.checked_add(timeout))
        });
        match &drained {
            Drained::Some(moved) => self.pace.learn(moved.bytes, start.elapsed(), timeout),
            Drained::Nothing => self.waiting = None,
            Drained::Stopped(..) => {}
        }
        drained
    }
}
