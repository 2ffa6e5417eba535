//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] takes batches; a sender thread delivers them one after the other. Between them is a bounded queue.
//! While the server answers, a full queue makes the shipper wait: a healthy server sets the pace and nothing overflows.
//! Once the server owes an answer for 500 ms, what does not fit goes to the outbox, until it answers again. Between
//! batches the sender drains the outbox. A batch has one owner at a time, who delivers or keeps it: the shipper, then the
//! queue, then the sender.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::drain::Drained;
use super::missing::Missing;
use super::pace::Pace;
use super::policy::{Delivery, Fate};
use crate::outbox::Waiting;
use crate::record::Batch;
use crate::sys::cause::cause;
use crate::sys::panics::Promises;
use crate::sys::poll::Countdown;
use crate::sys::queue::Queue;
use crate::sys::stderr::{Report, records};

/// The queue takes another batch until it holds this many bytes. A batch of control characters, six bytes each as
/// JSON, may have 2 MiB, so with those in hand this is 10 MiB at most.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long the server may owe an answer before a full queue stops holding up the shipper.
const OVERDUE: Duration = Duration::from_millis(500);

/// How long, after the end, the sender may take to put what it has in hand into the outbox. That takes milliseconds,
/// unless the disk hangs.
const LAST_PUT: Duration = Duration::from_secs(2);

/// How often an idle sender looks after what waits in the outbox.
const IDLE: Duration = Duration::from_secs(1);

/// The name of the thread that delivers.
const SENDER: &str = "sender";

/// How long a sender that has panicked waits for the queue. The shipper locks it for microseconds; if the sender itself
/// has locked it, it stays locked.
const LOCK_AFTER_PANIC: Duration = Duration::from_millis(100);

/// Sends batches off, for the one who makes them.
pub struct Shipper {
    queue: Arc<Outgoing>,
    delivery: Arc<Delivery>,
    report: Report,
    progress: Arc<Progress>,
}

impl Shipper {
    /// Starts the sender. A panic of it leaves what it has in hand to the shipper. `progress` is counted as it goes.
    #[must_use]
    pub fn start(delivery: Delivery, report: Report, progress: Arc<Progress>, promises: &Promises) -> Self {
        let shipper =
            Self { queue: Arc::new(Outgoing::new()), delivery: Arc::new(delivery), report, progress };
        let of_hook = Arc::clone(&shipper.queue);
        promises.thread(SENDER, move || of_hook.lose_sender());
        let sender = Self {
            queue: Arc::clone(&shipper.queue),
            delivery: Arc::clone(&shipper.delivery),
            progress: Arc::clone(&shipper.progress),
            report,
        };
        if let Err(error) = thread::Builder::new().name(SENDER.to_owned()).spawn(move || sender.deliver_all())
        {
            report.trouble(&format!(
                "could not start the sender: {}; all records go to the outbox",
                cause(&error)
            ));
            shipper.queue.0.lock().state.sender = Sender::Gone(None);
        }
        shipper
    }

    /// How far the records have come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sends a batch off; what finds no room goes to the outbox.
    pub fn ship(&self, batch: Batch) {
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
        let mut queue = self.queue.0.lock();
        let was_failing = std::mem::replace(&mut queue.state.failing, *fate != Fate::Delivered);
        let told = queue.state.missing.count(fate, was_failing);
        drop(queue);
        if let Some(why) = told {
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
        let stuck = self.queue.wait_for_sender();
        for batch in self.queue.take_left() {
            self.keep(&batch, "could not deliver everything");
        }
        let dropped = self.delivery.dropped();
        if dropped > 0 {
            let message = format!("the outbox was full; {} dropped, the oldest first", records(dropped));
            if self.delivery.put(&tell_dropped(&message, dropped)).records > 0 {
                self.report.trouble(&message);
            }
        }
        let missing = std::mem::take(&mut self.queue.0.lock().state.missing);
        missing.finish(stuck, dropped, |enough| self.delivery.undelivered_up_to(enough))
    }

    /// Counts records whose time the server may not keep, and tells why the first of them.
    pub fn doubt(&self, (doubtful, why): (u64, Option<&'static str>)) {
        if let Some(why) = why {
            self.delivery.count_doubtful(doubtful);
            self.report.trouble(&format!("the time of {} {why}", records(doubtful)));
        }
    }

    /// The sender's work.
    fn deliver_all(&self) {
        let timeout = self.delivery.timeout();
        let mut drain = Drain { waiting: None, may_be_more: true, pace: Pace::default() };
        loop {
            match self.queue.next(timeout, drain.may_be_more.then_some(IDLE)) {
                Order::End => return,
                Order::Deliver(batch, deadline) => {
                    crate::sys::panic_if_asked("sender");
                    let start = Instant::now();
                    let fate = self.delivery.deliver(&batch, Some(deadline));
                    self.note(&batch, &fate);
                    let delivered = fate == Fate::Delivered;
                    drain.may_be_more |= !delivered;
                    let more = delivered && drain.may_be_more;
                    self.queue.end_wait(delivered, more);
                    if more {
                        self.drain_after(start.elapsed(), &mut drain);
                    }
                }
                Order::Drain => {
                    self.queue.end_wait(true, true);
                    self.drain_after(Duration::ZERO, &mut drain);
                }
            }
        }
    }

    /// Takes something out of the outbox after a delivery that took `took`: at the end of a run what can go along with
    /// it, before that whole entries.
    fn drain_after(&self, took: Duration, drain: &mut Drain) {
        let (end, is_last) = {
            let queue = self.queue.0.lock();
            (queue.state.end, queue.is_empty())
        };
        let mut answered = true;
        if end.is_none() {
            answered = drain.take(&self.delivery);
        } else if is_last {
            self.delivery.drain_along(took, self.delivery.timeout(), end);
        }
        self.queue.end_wait(answered, false);
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

/// Batches on their way from the shipper to the sender.
struct Outgoing(Queue<Batch, Sending>);

/// What shipper and sender tell each other.
#[derive(Default)]
struct Sending {
    sender: Sender,
    /// Since when the server has not answered; a time-out is no answer.
    owed_since: Option<Instant>,
    /// No more batches come, and all must be over by then.
    end: Option<Instant>,
    missing: Missing,
    /// Whether the last batch was not delivered.
    failing: bool,
}

/// What the sender does.
#[derive(Default)]
enum Sender {
    #[default]
    Idle,
    /// It drains the outbox.
    Draining,
    /// It delivers this batch, or keeps it; no other thread does.
    Delivering(Arc<Batch>),
    /// There is none any more, and this is what it had in hand.
    Gone(Option<Arc<Batch>>),
}

/// What the sender has to do next.
enum Order {
    /// Deliver this by then.
    Deliver(Arc<Batch>, Instant),
    /// Drain the outbox.
    Drain,
    /// Nothing any more.
    End,
}

impl Sending {
    fn is_gone(&self) -> bool {
        matches!(self.sender, Sender::Gone(_))
    }

    fn is_busy(&self) -> bool {
        matches!(self.sender, Sender::Draining | Sender::Delivering(_))
    }

    /// What is left of the time that the server may owe an answer.
    fn left(&self) -> Duration {
        OVERDUE.saturating_sub(self.owed_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

impl Outgoing {
    fn new() -> Self {
        Self(Queue::new(QUEUE_BYTES))
    }

    /// Puts a batch in; waits for room while the server answers, and gives it back when it does not.
    fn offer(&self, batch: Batch) -> Result<(), Batch> {
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

    /// Waits until everything is delivered or `end` has come. Gives the batches that the sender has not begun, and the one
    /// that it had begun if it is gone.
    fn close(&self, end: Instant) -> Vec<Arc<Batch>> {
        let mut queue = self.0.lock();
        queue.set(|sending| sending.end = Some(end));
        while !queue.state.is_gone() && (queue.state.is_busy() || !queue.is_empty()) {
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
    fn take_left(&self) -> Vec<Arc<Batch>> {
        let mut queue = self.0.lock();
        let in_hand = if let Sender::Gone(batch) = &mut queue.state.sender { batch.take() } else { None };
        let queued = std::iter::from_fn(|| queue.take().map(Arc::new));
        in_hand.into_iter().chain(queued).collect()
    }

    /// Waits until the sender has delivered or kept what it has in hand, after the end. How many records it still has
    /// if that takes too long.
    fn wait_for_sender(&self) -> u64 {
        let mut queue = self.0.lock();
        let mut countdown = Countdown::new(LAST_PUT);
        while queue.state.is_busy() && !countdown.is_over() {
            queue = countdown.step(|time| queue.wait(Some(time)));
        }
        if let Sender::Delivering(batch) = &queue.state.sender { batch.records } else { 0 }
    }

    /// The sender has panicked, and will be parked.
    fn lose_sender(&self) {
        let Some(mut queue) = self.0.lock_within(LOCK_AFTER_PANIC) else { return };
        queue.set(|sending| {
            let batch = match std::mem::take(&mut sending.sender) {
                Sender::Delivering(batch) => Some(batch),
                Sender::Gone(batch) => batch,
                Sender::Idle | Sender::Draining => None,
            };
            sending.sender = Sender::Gone(batch);
            sending.missing.by_panic = true;
        });
    }

    /// What the sender has to do next. `idle` says how long it may wait for a batch.
    fn next(&self, timeout: Duration, idle: Option<Duration>) -> Order {
        let mut queue = self.0.lock();
        loop {
            let now = Instant::now();
            let end = queue.state.end;
            let is_over = queue.state.is_gone() || end.is_some_and(|end| end <= now);
            if let Some(batch) = if is_over { None } else { queue.take() } {
                let batch = Arc::new(batch);
                queue.state.sender = Sender::Delivering(Arc::clone(&batch));
                queue.state.owed_since.get_or_insert(now);
                return Order::Deliver(batch, end.map_or(now + timeout, |end| end.min(now + timeout)));
            }
            if end.is_some() {
                return Order::End;
            }
            queue = queue.wait(idle);
            let is_idle = idle.is_some_and(|idle| now.elapsed() >= idle);
            if is_idle && queue.is_empty() && queue.state.end.is_none() {
                return Order::Drain;
            }
        }
    }

    /// Ends a wait for the server, and begins to `drain` or to be idle. `answered` says whether it took what it was
    /// given; a server that refuses at once is not slow either.
    fn end_wait(&self, answered: bool, drain: bool) {
        self.0.lock().set(|sending| {
            if answered || !sending.left().is_zero() {
                sending.owed_since = None;
            }
            sending.sender = if drain { Sender::Draining } else { Sender::Idle };
            if drain {
                sending.owed_since.get_or_insert_with(Instant::now);
            }
        });
    }
}

/// How the sender goes through the outbox.
struct Drain {
    /// What is left of the list of entries.
    waiting: Option<Waiting>,
    /// Whether there may be entries. What an earlier run has left behind is looked after too.
    may_be_more: bool,
    pace: Pace,
}

impl Drain {
    /// Delivers an entry, or a part of it. Whether the server has answered.
    fn take(&mut self, delivery: &Delivery) -> bool {
        let (start, timeout) = (Instant::now(), delivery.timeout());
        // They are listed anew only when all were looked at.
        if self.waiting.is_none() {
            self.waiting = delivery.entries(false).ok().flatten();
        }
        let drained = self.waiting.as_mut().map_or(Drained::Nothing, |waiting| {
            delivery.drain_if_allowed(waiting, self.pace.bytes, start.checked_add(timeout))
        });
        match drained {
            Drained::Some(moved) => {
                self.pace.learn(moved.bytes, start.elapsed(), timeout);
                true
            }
            Drained::Stopped(..) => false,
            Drained::Nothing => {
                self.waiting = None;
                self.may_be_more = delivery.has_entries();
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(9);

    fn batch(records: u64) -> Batch {
        Batch { lines: vec![b'x'; QUEUE_BYTES / 4], records }
    }

    #[track_caller]
    fn take(queue: &Outgoing) {
        assert!(matches!(queue.next(LONG, None), Order::Deliver(..)));
    }

    /// What the sender does when the server has said something, or nothing in time.
    fn answer(queue: &Outgoing, delivered: bool) {
        queue.end_wait(delivered, false);
    }

    /// A queue that is full while one batch is with the server.
    fn full() -> Outgoing {
        let queue = Outgoing::new();
        assert!(queue.offer(batch(1)).is_ok());
        take(&queue);
        for _ in 0..4 {
            assert!(queue.offer(batch(1)).is_ok());
        }
        queue
    }

    fn make_overdue(queue: &Outgoing) {
        queue.0.lock().state.owed_since = Instant::now().checked_sub(OVERDUE);
    }

    #[test]
    fn a_full_queue_waits_for_a_server_that_answers() {
        let queue = full();
        thread::scope(|scope| {
            let offering = scope.spawn(|| queue.offer(batch(10)).is_ok());
            answer(&queue, true);
            take(&queue);
            assert!(offering.join().unwrap());
        });
        assert_eq!(queue.0.lock().iter().count(), 4);
    }

    #[test]
    fn a_full_queue_gives_back_what_comes_when_an_answer_is_overdue() {
        let queue = full();
        make_overdue(&queue);
        assert_eq!(queue.offer(batch(10)).unwrap_err().records, 10);
    }

    #[test]
    fn a_time_out_is_no_answer_but_a_refusal_is() {
        let queue = full();
        make_overdue(&queue);
        answer(&queue, false);
        assert!(queue.0.lock().state.owed_since.is_some());
        take(&queue);
        answer(&queue, true);
        assert!(queue.0.lock().state.owed_since.is_none());
        take(&queue);
        answer(&queue, false);
        assert!(queue.0.lock().state.owed_since.is_none());
    }

    #[test]
    fn closing_gives_back_what_the_sender_does_not_have_in_order() {
        let queue = full();
        queue.0.lock().put(batch(7), 1);
        let left: Vec<_> = queue.close(Instant::now()).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 7]);
        assert!(matches!(queue.next(LONG, None), Order::End));
    }

    #[test]
    fn what_the_sender_has_in_hand_is_its_own_however_long_it_takes() {
        let queue = full();
        assert_eq!(queue.close(Instant::now()).len(), 4);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait_for_sender());
            thread::sleep(Duration::from_millis(300));
            answer(&queue, false);
            assert_eq!(waiting.join().unwrap(), 0);
        });
        assert!(queue.close(Instant::now()).is_empty());
    }

    #[test]
    fn a_sender_that_hangs_is_not_waited_for_for_ever_and_its_batch_is_counted() {
        let queue = full();
        let start = Instant::now();
        assert_eq!((queue.close(start).len(), queue.wait_for_sender()), (4, 1));
        assert!(start.elapsed() >= LAST_PUT, "{:?}", start.elapsed());
    }

    #[test]
    fn what_a_sender_had_that_is_gone_comes_back_first() {
        let queue = full();
        queue.0.lock().put(batch(7), 1);
        queue.lose_sender();
        let left: Vec<_> = queue.close(Instant::now() + LONG).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 1, 7]);
        assert_eq!((queue.wait_for_sender(), queue.offer(batch(3)).unwrap_err().records), (0, 3));
    }

    #[test]
    fn the_sender_takes_nothing_after_the_end_and_loses_nothing_either() {
        let queue = full();
        queue.0.lock().state.end = Some(Instant::now());
        assert!(matches!(queue.next(LONG, None), Order::End));
        assert_eq!(queue.close(Instant::now()).len(), 4);
    }

    #[test]
    fn without_a_sender_everything_comes_back_and_nothing_waits() {
        let queue = Outgoing::new();
        queue.0.lock().state.sender = Sender::Gone(None);
        assert_eq!(queue.offer(batch(3)).unwrap_err().records, 3);
        assert!(queue.close(Instant::now() + LONG).is_empty());
    }

    #[test]
    fn an_idle_sender_looks_after_the_outbox() {
        assert!(matches!(Outgoing::new().next(LONG, Some(Duration::from_millis(1))), Order::Drain));
    }
}
