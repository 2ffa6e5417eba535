//! The queue of batches between the shipper and the senders, and what these tell each other.
//!
//! While the server answers, a full queue makes the shipper wait: a healthy server sets the pace and nothing overflows.
//! Once the server owes an answer for 500 ms, a full queue gives batches back, until it answers again. A batch has one
//! owner at a time, who delivers or keeps it: the shipper, then the queue, then one of the senders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::missing::Missing;
use super::policy::Fate;
use crate::record::Batch;
use crate::sys::poll::Countdown;
use crate::sys::queue::{Locked, Queue};

/// The queue takes another batch until it holds this many bytes. A batch of control characters, six bytes each as
/// JSON, may have 2 MiB, so with those in hand this is 12 MiB at most.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long the server may owe an answer before a full queue stops holding up the shipper.
const OVERDUE: Duration = Duration::from_millis(500);

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

/// What shipper and senders tell each other.
#[derive(Default)]
struct Sending {
    first: Doing,
    second: Doing,
    /// Whether the server has taken nothing since it was last waited for in vain; a time-out is no answer.
    is_silent: bool,
    /// No more batches come, and all must be over by then.
    end: Option<Instant>,
    missing: Missing,
    /// Whether the last batch was not delivered.
    failing: bool,
    /// The outbox was seen empty, and nothing was put there since. What an earlier run has left behind is looked after
    /// too.
    nothing_to_drain: bool,
}

/// Who delivers.
#[derive(Clone, Copy)]
pub(super) enum Sender {
    First,
    Second,
}

impl Sender {
    /// The name of its thread.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "sender",
            Self::Second => "second-sender",
        }
    }
}

/// What a sender does, and since when.
#[derive(Default)]
pub(super) enum Doing {
    /// It has had nothing to do so far.
    #[default]
    NotStarted,
    Nothing,
    /// It drains the outbox.
    Draining(Instant),
    /// It delivers this batch, or keeps it; no other thread does.
    Delivering(Arc<Batch>, Instant),
    /// It is gone for ever, and this is what it had in hand.
    Gone(Option<Arc<Batch>>),
}

impl Doing {
    /// Since when it waits for the server.
    fn since(&self) -> Option<Instant> {
        match self {
            Self::Draining(since) | Self::Delivering(_, since) => Some(*since),
            Self::NotStarted | Self::Nothing | Self::Gone(_) => None,
        }
    }

    /// What it has in hand if it is gone, which is then the caller's.
    fn take_left(&mut self) -> Option<Arc<Batch>> {
        if let Self::Gone(batch) = self { batch.take() } else { None }
    }
}

/// What the first sender has to do next.
pub(super) enum Order {
    /// Deliver this by then.
    Deliver(Arc<Batch>, Instant),
    /// Drain the outbox.
    Drain,
    /// Nothing any more.
    End,
}

impl Sending {
    fn of(&mut self, sender: Sender) -> &mut Doing {
        match sender {
            Sender::First => &mut self.first,
            Sender::Second => &mut self.second,
        }
    }

    fn both(&self) -> [&Doing; 2] {
        [&self.first, &self.second]
    }

    /// Whether nothing is sent any more, because a sender is gone.
    fn is_gone(&self) -> bool {
        self.both().into_iter().any(|doing| matches!(doing, Doing::Gone(_)))
    }

    fn is_busy(&self) -> bool {
        self.both().into_iter().any(|doing| doing.since().is_some())
    }

    /// How many records the senders have in hand.
    fn in_hand(&self) -> u64 {
        let records = |doing: &Doing| if let Doing::Delivering(batch, _) = doing { batch.records } else { 0 };
        self.both().into_iter().map(records).sum()
    }

    /// What is left of the time that the server may owe an answer to the oldest request.
    fn left(&self) -> Duration {
        if self.is_silent {
            return Duration::ZERO;
        }
        let oldest = self.both().into_iter().filter_map(Doing::since).min();
        OVERDUE.saturating_sub(oldest.map_or(Duration::ZERO, |since| since.elapsed()))
    }
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
        queue.state.in_hand()
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
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(9);

    fn batch(records: u64) -> Batch {
        Batch { lines: vec![b'x'; QUEUE_BYTES / 4], records }
    }

    #[track_caller]
    fn take(queue: &Outgoing) {
        assert!(matches!(queue.next(LONG), Order::Deliver(..)));
    }

    /// What the sender does when the server has said something, or nothing in time.
    fn answer(queue: &Outgoing, delivered: bool) {
        queue.end_wait(Sender::First, delivered, Doing::Nothing);
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

    /// A queue that is full while each of two batches is with the server.
    fn full_with_two() -> Outgoing {
        let queue = full();
        assert!(queue.next_if_full(LONG).is_some());
        assert!(queue.offer(batch(1)).is_ok());
        queue
    }

    fn make_overdue(queue: &Outgoing, sender: Sender) {
        let mut queue = queue.0.lock();
        let Doing::Delivering(_, since) = queue.state.of(sender) else { panic!("it delivers nothing") };
        *since = Instant::now().checked_sub(OVERDUE).unwrap();
    }

    /// Whether the second sender finds something to do within 100 ms; if not, the queue is closed.
    fn second_takes(queue: &Outgoing) -> bool {
        thread::scope(|scope| {
            let taking = scope.spawn(|| queue.next_if_full(LONG).is_some());
            let start = Instant::now();
            while !taking.is_finished() && start.elapsed() < Duration::from_millis(100) {
                thread::sleep(Duration::from_millis(5));
            }
            if !taking.is_finished() {
                queue.0.lock().set(|sending| sending.end = Some(Instant::now()));
            }
            taking.join().unwrap()
        })
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
        make_overdue(&queue, Sender::First);
        assert_eq!(queue.offer(batch(10)).unwrap_err().records, 10);
    }

    #[test]
    fn a_time_out_is_no_answer_but_a_refusal_is() {
        let queue = full();
        let is_waited_for = || !queue.0.lock().state.left().is_zero();
        make_overdue(&queue, Sender::First);
        answer(&queue, false);
        assert!(!is_waited_for());
        take(&queue);
        answer(&queue, false);
        assert!(!is_waited_for(), "what fails at once is no answer to what was waited for in vain");
        take(&queue);
        answer(&queue, true);
        assert!(is_waited_for());
        take(&queue);
        answer(&queue, false);
        assert!(is_waited_for());
    }

    #[test]
    fn of_two_requests_the_oldest_counts() {
        for overdue in [Sender::First, Sender::Second] {
            let queue = full_with_two();
            make_overdue(&queue, overdue);
            assert_eq!(queue.offer(batch(10)).unwrap_err().records, 10);
            queue.end_wait(overdue, true, Doing::Nothing);
            assert!(!queue.0.lock().state.left().is_zero());
        }
    }

    #[test]
    fn an_answer_to_one_of_two_requests_shows_that_the_server_takes_records() {
        let queue = full_with_two();
        make_overdue(&queue, Sender::First);
        answer(&queue, false);
        assert!(queue.0.lock().state.left().is_zero());
        queue.end_wait(Sender::Second, true, Doing::Nothing);
        assert!(!queue.0.lock().state.left().is_zero());
    }

    #[test]
    fn a_second_is_needed_once_and_only_beside_a_full_queue() {
        let queue = Outgoing::new();
        for _ in 0..4 {
            assert!(!queue.needs_second());
            assert!(queue.offer(batch(1)).is_ok());
        }
        assert!(!queue.needs_second(), "the first does not wait for an answer yet");
        take(&queue);
        assert!(!queue.needs_second());
        assert!(queue.offer(batch(1)).is_ok());
        assert!(queue.needs_second());
        assert!(!queue.needs_second());
    }

    #[test]
    fn the_second_takes_from_a_full_queue_of_a_server_that_takes_records() {
        assert!(second_takes(&full()));
        let not_full = full();
        drop(not_full.0.lock().take());
        assert!(!second_takes(&not_full));
        let overdue = full();
        make_overdue(&overdue, Sender::First);
        assert!(!second_takes(&overdue));
        let failing = full();
        failing.0.lock().state.failing = true;
        assert!(!second_takes(&failing));
        let ended = full();
        ended.0.lock().state.end = Some(Instant::now() + LONG);
        assert!(ended.next_if_full(LONG).is_none());
    }

    #[test]
    fn closing_gives_back_what_the_sender_does_not_have_in_order() {
        let queue = full();
        queue.0.lock().put(batch(7), 1);
        let left: Vec<_> = queue.close(Instant::now()).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 7]);
        assert!(matches!(queue.next(LONG), Order::End));
    }

    #[test]
    fn what_the_sender_has_in_hand_is_its_own_however_long_it_takes() {
        let queue = full();
        assert_eq!(queue.close(Instant::now()).len(), 4);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait_for_senders());
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
        assert_eq!((queue.close(start).len(), queue.wait_for_senders()), (4, 1));
        assert!(start.elapsed() >= LAST_PUT, "{:?}", start.elapsed());
    }

    #[test]
    fn two_that_hang_are_both_counted() {
        let queue = full_with_two();
        assert_eq!((queue.close(Instant::now()).len(), queue.wait_for_senders()), (4, 2));
    }

    #[test]
    fn of_two_what_the_one_had_that_is_gone_comes_back_and_the_other_keeps_its_own() {
        for gone in [Sender::First, Sender::Second] {
            let queue = full_with_two();
            queue.lose(gone);
            assert_eq!(queue.close(Instant::now()).len(), 5);
            assert_eq!(queue.0.lock().state.in_hand(), 1);
            assert!(queue.close(Instant::now()).is_empty());
            assert!(matches!(queue.next(LONG), Order::End) && queue.next_if_full(LONG).is_none());
        }
    }

    #[test]
    fn what_a_sender_had_that_is_gone_comes_back_first() {
        let queue = full();
        queue.0.lock().put(batch(7), 1);
        queue.lose(Sender::First);
        let left: Vec<_> = queue.close(Instant::now() + LONG).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 1, 7]);
        assert_eq!((queue.wait_for_senders(), queue.offer(batch(3)).unwrap_err().records), (0, 3));
    }

    #[test]
    fn the_sender_takes_nothing_after_the_end_and_loses_nothing_either() {
        let queue = full();
        queue.0.lock().state.end = Some(Instant::now());
        assert!(matches!(queue.next(LONG), Order::End));
        assert_eq!(queue.close(Instant::now()).len(), 4);
    }

    #[test]
    fn without_a_sender_everything_comes_back_and_nothing_waits() {
        let queue = Outgoing::new();
        queue.0.lock().state.first = Doing::Gone(None);
        assert_eq!(queue.offer(batch(3)).unwrap_err().records, 3);
        assert!(queue.close(Instant::now() + LONG).is_empty());
    }

    #[test]
    fn an_idle_sender_looks_after_the_outbox() {
        assert!(matches!(Outgoing::new().next(LONG), Order::Drain));
    }
}
