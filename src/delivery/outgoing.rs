//! The queue of batches between the shipper and the senders, and what these tell each other.
//!
//! While the server answers, a full queue makes the shipper wait: a healthy server sets the pace and nothing overflows.
//! Once the server owes an answer for 500 ms, a full queue gives batches back, until it answers again. A batch has one
//! owner at a time, who delivers or keeps it: the shipper, then the queue, then one of the senders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::missing::Missing;
use super::policy::Fate;
use super::senders::{Doing, OVERDUE, Sender, Sending};
use crate::record::Batch;
use crate::sys::poll::Countdown;
use crate::sys::queue::{Locked, Queue};

/// The queue takes another batch until it holds this many bytes. A batch of control characters, six bytes each as
/// JSON, may have 2 MiB, so with those in hand this is 12 MiB at most.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long, after the end, the senders may take to put what they have in hand into the outbox. That takes
/// milliseconds, unless the disk hangs.
const LAST_PUT: Duration = Duration::from_secs(2);

/// How often an idle sender looks after what waits in the outbox.
const IDLE: Duration = Duration::from_secs(1);

/// How long a sender that has panicked waits for the queue. The others lock it for microseconds; if the sender itself
/// has locked it, it stays locked.
const LOCK_AFTER_PANIC: Duration = Duration::from_millis(100);

/// Batches on their way from the shipper to the senders.
pub(super) struct Outgoing(Queue<Batch, Sending>);

/// What the first sender has to do next.
pub(super) enum Order {
    /// Deliver this by then.
    Deliver(Arc<Batch>, Instant),
    /// Drain the outbox.
    Drain,
    /// Nothing any more.
    End,
}

/// Gives the oldest batch to a sender, to be delivered by the end that is given.
fn hand_out(
    queue: &mut Locked<'_, Batch, Sending>,
    sender: Sender,
    timeout: Duration,
) -> Option<(Arc<Batch>, Instant)> {
    let batch = Arc::new(queue.take()?);
    let now = Instant::now();
    *queue.state.of(sender) = Doing::Delivering(Arc::clone(&batch), now);
    let latest = now + timeout;
    Some((batch, queue.state.end.map_or(latest, |end| end.min(latest))))
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self(Queue::new(QUEUE_BYTES))
    }

    /// Puts a batch in; waits for room while the server answers, and gives it back when it does not.
    pub(super) fn offer(&self, batch: Batch) -> Result<(), Batch> {
        if batch.records == 0 {
            return Ok(());
        }
        let mut queue = self.0.lock();
        while queue.is_full() && !queue.state.is_gone() && !queue.state.left().is_zero() {
            let left = queue.state.left();
            queue = queue.wait(Some(left));
        }
        if queue.is_full() || queue.state.is_gone() {
            return Err(batch);
        }
        let bytes = batch.lines.len();
        queue.put(batch, bytes);
        Ok(())
    }

    /// Waits until everything is delivered or `end` has come. Gives the batches that no sender has begun, and the one
    /// that a sender had begun who is gone.
    pub(super) fn close(&self, end: Instant) -> Vec<Arc<Batch>> {
        let mut queue = self.0.lock();
        queue.set(|sending| sending.end = Some(end));
        while queue.state.is_busy() || !(queue.is_empty() || queue.state.is_gone()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = queue.wait(Some(left));
        }
        drop(queue);
        self.take_left()
    }

    /// The batches without an owner: what a sender that is gone had in hand, and those in the queue.
    pub(super) fn take_left(&self) -> Vec<Arc<Batch>> {
        let mut queue = self.0.lock();
        let in_hand = [queue.state.first.take_left(), queue.state.second.take_left()];
        let queued = std::iter::from_fn(|| queue.take().map(Arc::new));
        in_hand.into_iter().flatten().chain(queued).collect()
    }

    /// Waits until the senders have delivered or kept what they have in hand, after the end. How many records they still
    /// have if that takes too long.
    pub(super) fn wait_for_senders(&self) -> u64 {
        let mut queue = self.0.lock();
        let mut countdown = Countdown::new(LAST_PUT);
        while queue.state.is_busy() && !countdown.is_over() {
            queue = countdown.step(|time| queue.wait(Some(time)));
        }
        queue.state.being_delivered()
    }

    /// A sender has panicked, and will be parked.
    pub(super) fn lose(&self, sender: Sender) {
        let Some(mut queue) = self.0.lock_within(LOCK_AFTER_PANIC) else { return };
        queue.set(|sending| {
            let doing = sending.of(sender);
            let batch = match std::mem::take(doing) {
                Doing::Delivering(batch, _) => Some(batch),
                Doing::Gone(batch) => batch,
                Doing::NotStarted | Doing::Nothing | Doing::Draining(_) => None,
            };
            *doing = Doing::Gone(batch);
            sending.missing.by_panic = true;
        });
    }

    /// There is no sender at all.
    pub(super) fn go_without_senders(&self) {
        self.0.lock().set(|sending| sending.first = Doing::Gone(None));
    }

    /// Counts what became of a batch, and gives what is to be told of it: of failures in a row only the first.
    pub(super) fn count<'a>(&self, fate: &'a Fate) -> Option<&'a str> {
        let mut queue = self.0.lock();
        let is_failing = *fate != Fate::Delivered;
        let was_failing = std::mem::replace(&mut queue.state.failing, is_failing);
        if is_failing {
            queue.set(|sending| sending.nothing_to_drain = false);
        }
        queue.state.missing.count(fate, was_failing)
    }

    /// How many records were put into the outbox so far.
    pub(super) fn kept(&self) -> u64 {
        self.0.lock().state.missing.kept()
    }

    /// The records that were not delivered, since the start.
    pub(super) fn take_missing(&self) -> Missing {
        std::mem::take(&mut self.0.lock().state.missing)
    }

    /// Notes whether the outbox was seen empty.
    pub(super) fn set_nothing_to_drain(&self, nothing: bool) {
        self.0.lock().set(|sending| sending.nothing_to_drain = nothing);
    }

    /// When all must be over, and whether nothing is left in the queue; `None` as long as more may come.
    pub(super) fn end(&self) -> Option<(Instant, bool)> {
        let queue = self.0.lock();
        queue.state.end.map(|end| (end, queue.is_empty()))
    }

    /// Whether the second sender is to be started now: the queue is full, the first sender waits for an answer, and the
    /// second was never needed before.
    pub(super) fn needs_second(&self) -> bool {
        let mut queue = self.0.lock();
        let is_needed = queue.is_full()
            && matches!(queue.state.second, Doing::NotStarted)
            && matches!(queue.state.first, Doing::Delivering(..));
        if is_needed {
            queue.state.second = Doing::Nothing;
        }
        is_needed
    }

    /// What the first sender has to do next.
    pub(super) fn next(&self, timeout: Duration) -> Order {
        let mut queue = self.0.lock();
        let mut idle_since = Instant::now();
        loop {
            let now = Instant::now();
            let is_over = queue.state.is_gone() || queue.state.end.is_some_and(|end| end <= now);
            if !is_over && let Some((batch, deadline)) = hand_out(&mut queue, Sender::First, timeout) {
                return Order::Deliver(batch, deadline);
            }
            if is_over || queue.state.end.is_some() {
                return Order::End;
            }
            if queue.state.nothing_to_drain {
                idle_since = now;
            }
            let left = IDLE.saturating_sub(idle_since.elapsed());
            if left.is_zero() {
                queue.set(|sending| sending.first = Doing::Draining(now));
                return Order::Drain;
            }
            let idle = (!queue.state.nothing_to_drain).then_some(left);
            queue = queue.wait(idle);
        }
    }

    /// Waits for a batch that the first sender cannot take in time: the queue is full, and the server takes what it is
    /// sent. `None` if there is nothing to do any more.
    pub(super) fn next_if_full(&self, timeout: Duration) -> Option<(Arc<Batch>, Instant)> {
        let mut queue = self.0.lock();
        loop {
            let state = &queue.state;
            if state.is_gone() || state.end.is_some() {
                return None;
            }
            if queue.is_full() && !state.failing && !state.left().is_zero() {
                return hand_out(&mut queue, Sender::Second, timeout);
            }
            queue = queue.wait(None);
        }
    }

    /// Ends the first sender's wait for the server. Whether it is to drain the outbox now, since the server takes what it
    /// is given.
    pub(super) fn end_delivery(&self, delivered: bool) -> bool {
        let drains = delivered && !self.0.lock().state.nothing_to_drain;
        let then = if drains { Doing::Draining(Instant::now()) } else { Doing::Nothing };
        self.end_wait(Sender::First, delivered, then);
        drains
    }

    /// Ends a sender's wait for the server, and says what it does `then`. `answered` says whether the server took what it
    /// was given; one that refuses at once is not slow either.
    pub(super) fn end_wait(&self, sender: Sender, answered: bool, then: Doing) {
        self.0.lock().set(|sending| {
            let doing = sending.of(sender);
            let is_overdue = doing.since().is_some_and(|since| since.elapsed() >= OVERDUE);
            *doing = then;
            sending.is_silent = !answered && (is_overdue || sending.is_silent);
        });
    }
}

#[cfg(test)]
mod tests;
