//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] takes batches; a sender thread delivers them one after the other. Between them stands a queue of bounded size. While the server answers, a full queue makes the shipper wait: a healthy
//! server sets the pace and nothing overflows. Once the server owes an answer for 500 ms, what does not fit goes
//! to the outbox, until it answers again. Between batches the sender drains the outbox. A batch has one owner at a time,
//! who delivers or keeps it: the shipper, then the queue, then the sender.

use std::collections::VecDeque;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::drain::Drained;
use super::pace::Pace;
use super::policy::{Delivery, Fate};
use crate::outbox::Waiting;
use crate::record::Batch;
use crate::sys::cause::cause;
use crate::sys::poll::Patience;
use crate::sys::stderr::{self, Report, records};

/// The queue takes another batch until it holds this many bytes. A batch of control characters, six bytes each as
/// JSON, may have 2 MiB, so with those in hand this is 10 MiB at most.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long the server may owe an answer before a full queue stops holding up the shipper.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long, after the end, the sender may take to put what it has in hand into the outbox. That is a matter of
/// milliseconds; whoever takes longer hangs, on a broken disk for one.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The name of the thread that delivers.
const SENDER: &str = "sender";

/// How often an idle sender looks after what waits in the outbox.
const IDLE: Duration = Duration::from_secs(1);

/// Sends batches off, for the one who makes them.
pub struct Shipper {
    queue: Arc<Queue>,
    delivery: Arc<Delivery>,
    report: Report,
}

impl Shipper {
    /// Starts the sender.
    #[must_use]
    pub fn start(to_sender: ToSender, delivery: Delivery) -> Self {
        let ToSender { queue, timeout, report } = to_sender;
        let delivery = Arc::new(delivery);
        let (of_sender, by_sender) = (Arc::clone(&queue), Arc::clone(&delivery));
        let sender = move || of_sender.deliver_all(&by_sender, timeout, report);
        if let Err(error) = thread::Builder::new().name(SENDER.to_owned()).spawn(sender) {
            report.trouble(&format!(
                "could not start the sender: {}; all records go to the outbox",
                cause(&error)
            ));
            queue.lock().sender = Sender::Gone(None);
        }
        Self { queue, delivery, report }
    }

    /// How far the records have come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.queue.progress
    }

    /// Sends a batch off; what finds no room goes to the outbox.
    pub fn ship(&self, batch: Batch) {
        if let Err(batch) = self.queue.offer(batch) {
            self.keep(&batch, "the server is slower than the input");
        }
    }

    fn keep(&self, batch: &Batch, why: &str) {
        self.queue.note(batch, &self.delivery.keep(batch, why), self.report);
    }

    /// Waits until all is delivered, for `time` at most; what is not goes to the outbox. What became of the records that
    /// were not delivered, since the start; `tell_dropped` makes the record that says how many the outbox has dropped.
    #[must_use]
    pub fn finish(&self, time: Duration, tell_dropped: impl FnOnce(&str, u64) -> Batch) -> Missing {
        for batch in self.queue.close(Instant::now() + time) {
            self.keep(&batch, "could not deliver everything in time");
        }
        let stuck = self.queue.wait_for_sender();
        let left = self.queue.lock().take_left();
        for batch in left {
            self.keep(&batch, "could not deliver everything");
        }
        let dropped = self.delivery.dropped();
        if dropped > 0 {
            let message = format!("the outbox was full; {} dropped, the oldest first", records(dropped));
            if self.delivery.put(&tell_dropped(&message, dropped)).records > 0 {
                self.report.trouble(&message);
            }
        }
        let missing = std::mem::take(&mut self.queue.lock().missing);
        let left = if missing.kept > 0 { self.delivery.undelivered() } else { 0 };
        Missing { left, dropped, lost: missing.lost + stuck, ..missing }
    }

    /// Counts records whose time the server may not keep, and tells why the first of them.
    pub fn doubt(&self, (doubtful, why): (u64, Option<&'static str>)) {
        if let Some(why) = why {
            self.delivery.count_doubtful(doubtful);
            self.report.trouble(&format!("the time of {} {why}", records(doubtful)));
        }
    }
}

/// Records that were not delivered.
#[derive(Debug, Default, Clone)]
pub struct Missing {
    /// Put into the outbox by this run. What of that has left it since, nobody counts: it is not told from what was there
    /// before.
    kept: u64,
    /// In the outbox at the end, from this run and others.
    left: u64,
    aside: u64,
    /// Of what the outbox held, from this run and before, by its cap.
    dropped: u64,
    lost: u64,
    /// How many of them were told of when it happened, to those who want to hear it.
    told: u64,
    /// The first trouble that is told even to those who did not ask, and how many records it is about.
    alarm: Option<(String, u64)>,
    /// The sender has panicked. That is a bug, which must not show in what a command writes.
    by_panic: bool,
}

impl Missing {
    /// Whether everything was delivered.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.kept.min(self.left) + self.aside + self.lost == 0
    }

    /// Tells the sum: always if something is gone, or went nowhere because of a setting (but after a panic), otherwise
    /// to those who want to hear of trouble.
    pub fn tell(&self, report: Report) {
        let all = self.kept + self.aside + self.dropped + self.lost;
        let is_told = report.is_talkative() && self.told == all;
        if is_told || (self.is_nothing() && self.dropped == 0) {
            return;
        }
        let in_all = self.in_all();
        let sum = format!("could not deliver everything; {in_all}");
        match &self.alarm {
            _ if self.by_panic => report.trouble(&sum),
            // Those who are talked to have heard of the first already.
            Some(_) if report.is_talkative() => stderr::say(&sum),
            Some((alarm, of_alarm)) if *of_alarm == all => stderr::say(alarm),
            Some((alarm, _)) => stderr::say(&format!("{alarm}; {in_all}")),
            None if self.dropped + self.lost > 0 => stderr::say(&sum),
            None => report.trouble(&sum),
        }
    }

    /// What became of all of them. Only what is true whoever else uses the outbox.
    fn in_all(&self) -> String {
        let part = |count: u64, what: &str| (count > 0).then(|| format!("{} {what}", records(count)));
        let is_less = self.dropped == 0 && self.left < self.kept;
        let kept = if is_less {
            &format!("kept in the outbox, where {} are left", self.left)
        } else {
            "kept in the outbox"
        };
        let dropped = if self.kept > 0 {
            "dropped from it, for it is full"
        } else {
            "dropped from the outbox, for it is full"
        };
        let parts = [
            part(self.kept, kept),
            part(self.dropped, dropped),
            part(self.aside, "put aside, to be offered by vlog flush --rejected"),
            part(self.lost, "lost"),
        ];
        format!("in all {}", parts.into_iter().flatten().collect::<Vec<_>>().join(" and "))
    }

    /// Counts what became of a batch, and gives the sentence that says so; `None` if it was delivered.
    fn count<'a>(&mut self, fate: &'a Fate) -> Option<(&'a str, u64)> {
        let (sum, why, records) = match fate {
            Fate::Delivered => return None,
            Fate::Kept(why, records) | Fate::Withheld(why, records) => (&mut self.kept, why, *records),
            Fate::Refused(why, records) | Fate::PutAside(why, records) => (&mut self.aside, why, *records),
            Fate::Lost(why, records) => (&mut self.lost, why, *records),
        };
        *sum += records;
        if matches!(fate, Fate::Withheld(..) | Fate::PutAside(..) | Fate::Lost(..)) {
            self.alarm.get_or_insert_with(|| (why.clone(), records));
        }
        Some((why, records))
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

/// The way from a shipper to its sender.
#[derive(Clone)]
pub struct ToSender {
    queue: Arc<Queue>,
    timeout: Duration,
    report: Report,
}

impl ToSender {
    /// `timeout` is one batch's. From now on a panic of the sender leaves what it has in hand to the shipper; the
    /// thread itself is left to the hook that was there before. To be made before there are threads: one that has
    /// panicked never leaves the hook, and as long as it is there nobody can set another.
    #[must_use]
    pub fn new(timeout: Duration, report: Report) -> Self {
        let queue = Arc::new(Queue::default());
        let of_hook = Arc::clone(&queue);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() == Some(SENDER) {
                of_hook.lose_sender();
            }
            before(panic);
        }));
        Self { queue, timeout, report }
    }

    /// How far the records have come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.queue.progress
    }
}

/// Batches on their way from the shipper to the sender.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    progress: Progress,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// Their size.
    bytes: usize,
    sender: Sender,
    /// Since when the server has not answered; a time-out is no answer.
    owed_since: Option<Instant>,
    /// No more batches come, and all must be over by then.
    end: Option<Instant>,
    missing: Missing,
    /// Whether the last batch was delivered too.
    failing: bool,
}

/// What the sender does.
#[derive(Default)]
enum Sender {
    #[default]
    Idle,
    /// It drains the outbox.
    Draining,
    /// It delivers this batch, or keeps it: nobody else does either.
    Delivering(Arc<Batch>),
    /// There is none any more, and this is what it had in hand.
    Gone(Option<Arc<Batch>>),
}

/// What the sender does next.
enum Task {
    /// Deliver this by then.
    Deliver(Arc<Batch>, Instant),
    /// Look after the outbox.
    Idle,
    /// Nothing any more.
    End,
}

impl State {
    fn is_gone(&self) -> bool {
        matches!(self.sender, Sender::Gone(_))
    }

    fn is_busy(&self) -> bool {
        matches!(self.sender, Sender::Draining | Sender::Delivering(_))
    }

    /// What is nobody's: the batches in the queue, and what a sender that is gone had in hand.
    fn take_left(&mut self) -> Vec<Arc<Batch>> {
        let of_sender = if let Sender::Gone(batch) = &mut self.sender { batch.take() } else { None };
        of_sender.into_iter().chain(self.batches.drain(..).map(Arc::new)).collect()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, or for the time to pass.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Puts a batch in; waits for room while the server answers, and gives it back when it does not.
    fn offer(&self, batch: Batch) -> Result<(), Batch> {
        if batch.records == 0 {
            return Ok(());
        }
        let mut state = self.lock();
        while state.bytes >= QUEUE_BYTES && !state.is_gone() {
            let owed = state.owed_since.map_or(Duration::ZERO, |since| since.elapsed());
            let left = PATIENCE.saturating_sub(owed);
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        if state.bytes >= QUEUE_BYTES || state.is_gone() {
            return Err(batch);
        }
        state.bytes += batch.lines.len();
        state.batches.push_back(batch);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until everything is delivered or `end` has come. What nobody has begun to deliver, or whoever had is gone.
    fn close(&self, end: Instant) -> Vec<Arc<Batch>> {
        let mut state = self.lock();
        state.end = Some(end);
        self.changed.notify_all();
        while !state.is_gone() && (state.is_busy() || !state.batches.is_empty()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        state.take_left()
    }

    /// Waits until the sender has delivered or kept what it has in hand, after the end. How many records it still has
    /// if that takes too long.
    fn wait_for_sender(&self) -> u64 {
        let mut state = self.lock();
        let mut patience = Patience::new(LAST_WORDS);
        while state.is_busy() && !patience.is_over() {
            state = patience.step(|time| self.wait(state, time));
        }
        if let Sender::Delivering(batch) = &state.sender { batch.records } else { 0 }
    }

    /// The sender has panicked, and is parked.
    fn lose_sender(&self) {
        // Were it held by the sender itself, nobody could ever have it again.
        let Ok(mut state) = self.state.try_lock() else { return };
        let batch = match std::mem::take(&mut state.sender) {
            Sender::Delivering(batch) => Some(batch),
            Sender::Gone(batch) => batch,
            Sender::Idle | Sender::Draining => None,
        };
        state.sender = Sender::Gone(batch);
        state.missing.by_panic = true;
        self.changed.notify_all();
    }

    /// The sender's next task. `idle` says how long it may wait for one.
    fn next(&self, timeout: Duration, idle: Option<Duration>) -> Task {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_over = state.is_gone() || state.end.is_some_and(|end| end <= now);
            if let Some(batch) = if is_over { None } else { state.batches.pop_front() } {
                state.bytes -= batch.lines.len();
                let batch = Arc::new(batch);
                state.sender = Sender::Delivering(Arc::clone(&batch));
                state.owed_since.get_or_insert(now);
                self.changed.notify_all();
                return Task::Deliver(batch, state.end.map_or(now + timeout, |end| end.min(now + timeout)));
            }
            if state.end.is_some() {
                return Task::End;
            }
            let Some(idle) = idle else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state = self.wait(state, idle);
            if now.elapsed() >= idle && state.batches.is_empty() && state.end.is_none() {
                return Task::Idle;
            }
        }
    }

    /// Ends a wait for the server, and begins to `drain` or to be idle. `answered` says whether it took what it was
    /// given; whoever refuses at once is not slow either.
    fn end_wait(&self, answered: bool, drain: bool) {
        let mut state = self.lock();
        if answered || state.owed_since.is_some_and(|since| since.elapsed() < PATIENCE) {
            state.owed_since = None;
        }
        if drain {
            state.sender = Sender::Draining;
            state.owed_since.get_or_insert_with(Instant::now);
        } else {
            state.sender = Sender::Idle;
        }
        self.changed.notify_all();
    }

    /// Notes what became of a batch. Of failures in a row only the first is told.
    fn note(&self, batch: &Batch, fate: &Fate, report: Report) {
        self.progress.settled.fetch_add(batch.records, Ordering::Relaxed);
        let mut state = self.lock();
        let was_failing = std::mem::replace(&mut state.failing, *fate != Fate::Delivered);
        let Some((why, records)) = state.missing.count(fate) else { return };
        if !was_failing {
            state.missing.told += records;
            report.trouble(why);
        }
    }

    /// The sender's work.
    fn deliver_all(&self, delivery: &Delivery, timeout: Duration, report: Report) {
        let mut drain = Drain { waiting: None, may_be_more: true, pace: Pace::default() };
        loop {
            match self.next(timeout, drain.may_be_more.then_some(IDLE)) {
                Task::End => return,
                Task::Deliver(batch, deadline) => {
                    crate::sys::panic_if_asked("sender");
                    let start = Instant::now();
                    let fate = delivery.deliver(&batch, Some(deadline));
                    self.note(&batch, &fate, report);
                    let delivered = fate == Fate::Delivered;
                    drain.may_be_more |= !delivered;
                    let more = delivered && drain.may_be_more;
                    self.end_wait(delivered, more);
                    if more {
                        self.drain_after(start.elapsed(), delivery, timeout, &mut drain);
                    }
                }
                Task::Idle => {
                    self.end_wait(true, true);
                    self.drain_after(Duration::ZERO, delivery, timeout, &mut drain);
                }
            }
        }
    }

    /// Takes something out of the outbox after a delivery that took `took`: at the end of a run what can go along with
    /// it, before that whole entries.
    fn drain_after(&self, took: Duration, delivery: &Delivery, timeout: Duration, drain: &mut Drain) {
        let (end, is_last) = {
            let state = self.lock();
            (state.end, state.batches.is_empty())
        };
        let mut answered = true;
        if end.is_none() {
            answered = drain.take(delivery, timeout);
        } else if is_last {
            delivery.drain_along(took, timeout, end);
        }
        self.end_wait(answered, false);
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
    fn take(&mut self, delivery: &Delivery, timeout: Duration) -> bool {
        let start = Instant::now();
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
    fn take(queue: &Queue) {
        assert!(matches!(queue.next(LONG, None), Task::Deliver(..)));
    }

    /// What the sender does when the server has said something, or nothing in time.
    fn answer(queue: &Queue, delivered: bool) {
        queue.end_wait(delivered, false);
    }

    /// A queue that is full while one batch is with the server.
    fn full() -> Queue {
        let queue = Queue::default();
        assert!(queue.offer(batch(1)).is_ok());
        take(&queue);
        for _ in 0..4 {
            assert!(queue.offer(batch(1)).is_ok());
        }
        queue
    }

    fn make_overdue(queue: &Queue) {
        queue.lock().owed_since = Instant::now().checked_sub(PATIENCE);
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
        assert_eq!(queue.lock().batches.len(), 4);
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
        assert!(queue.lock().owed_since.is_some());
        take(&queue);
        answer(&queue, true);
        assert!(queue.lock().owed_since.is_none());
        take(&queue);
        answer(&queue, false);
        assert!(queue.lock().owed_since.is_none());
    }

    #[test]
    fn closing_gives_back_what_the_sender_does_not_have_in_order() {
        let queue = full();
        queue.lock().batches.push_back(batch(7));
        let left: Vec<_> = queue.close(Instant::now()).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 7]);
        assert!(matches!(queue.next(LONG, None), Task::End));
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
        assert!(start.elapsed() >= LAST_WORDS, "{:?}", start.elapsed());
    }

    #[test]
    fn what_a_sender_had_that_is_gone_comes_back_first() {
        let queue = full();
        queue.lock().batches.push_back(batch(7));
        queue.lose_sender();
        let left: Vec<_> = queue.close(Instant::now() + LONG).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 1, 7]);
        assert_eq!((queue.wait_for_sender(), queue.offer(batch(3)).unwrap_err().records), (0, 3));
    }

    #[test]
    fn the_sender_takes_nothing_after_the_end_and_loses_nothing_either() {
        let queue = full();
        queue.lock().end = Some(Instant::now());
        assert!(matches!(queue.next(LONG, None), Task::End));
        assert_eq!(queue.close(Instant::now()).len(), 4);
    }

    #[test]
    fn without_a_sender_everything_comes_back_and_nothing_waits() {
        let queue = Queue::default();
        queue.lock().sender = Sender::Gone(None);
        assert_eq!(queue.offer(batch(3)).unwrap_err().records, 3);
        assert!(queue.close(Instant::now() + LONG).is_empty());
    }

    #[test]
    fn an_idle_sender_looks_after_the_outbox() {
        assert!(matches!(Queue::default().next(LONG, Some(Duration::from_millis(1))), Task::Idle));
    }
}
