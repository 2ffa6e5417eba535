//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] gathers records into batches; a sender thread delivers them one after the other. Between them
//! stands a queue of bounded size. While the server answers, a full queue makes the shipper wait: a healthy
//! server sets the pace and nothing is lost. Once the server owes an answer for 500 ms, what does not fit is
//! dropped and counted, until it answers again.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::deliver::Delivery;
use crate::level::Level;
use crate::line::Piece;
use crate::protocol::Batch;
use crate::record::{Encoder, Fields, Parts, Record};
use crate::report::{Report, records};
use crate::time::Time;

/// A batch goes out when it has this many records...
const BATCH_RECORDS: u64 = 1000;

/// ...or this many bytes: VictoriaLogs takes most per second in bodies of 100 to 250 KB...
const BATCH_BYTES: usize = 256 * 1024;

/// ...or when its first record is this old.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// Records read at once are so far apart in time. VictoriaLogs finds the newest N by halving the time range, and
/// misses some that are less than 10 ns apart.
const STEP_NANOSECONDS: i64 = 100;

/// The queue takes another batch until it holds this many bytes. A batch of control characters, six bytes each as
/// JSON, may have 2 MiB, so with those in hand this is 10 MiB at most.
const QUEUE_BYTES: usize = 4 * 1024 * 1024;

/// How long the server may owe an answer before a full queue stops holding up the shipper.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a sender in the middle of its last failure needs to say so.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// Turns lines into records and sends them off.
pub struct Shipper<'a> {
    level: Option<Level>,
    fields: &'a Fields,
    encoder: Encoder,
    /// The time of the newest record; each is later than the one before.
    last: Time,
    /// A line that comes in pieces.
    long: Option<Parts<'a>>,
    batch: Batch,
    opened: Option<Instant>,
    queue: Arc<Queue>,
    timeout: Duration,
}

impl<'a> Shipper<'a> {
    /// Starts the sender; every record gets `level` and `fields`.
    pub fn start(
        config: &Arc<Config>,
        report: Report,
        encoder: Encoder,
        level: Option<Level>,
        fields: &'a Fields,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let (of_sender, settings) = (Arc::clone(&queue), Arc::clone(config));
        let sender = move || of_sender.deliver_all(&settings, report);
        if let Err(error) = thread::Builder::new().name("sender".to_owned()).spawn(sender) {
            report.trouble(&format!("could not start the sender: {error}; all records are lost"));
            queue.lock().closed = true;
        }
        let timeout = config.timeout;
        let (last, long, batch, opened) = (Time(0), None, Batch::default(), None);
        Self { level, fields, encoder, last, long, batch, opened, queue, timeout }
    }

    /// Takes a piece of what was read at `now`.
    pub fn take(&mut self, piece: Piece, now: Time) {
        let time = now.max(Time(self.last.0.saturating_add(STEP_NANOSECONDS)));
        let (level, fields) = (self.level, self.fields);
        let out = &mut self.batch.lines;
        let written = match piece {
            Piece::Line(text) => {
                self.last = Time(time.0 - 1);
                self.encoder.write(&Record { time, message: &text, level, fields }, out)
            }
            Piece::Part(text) => {
                let parts = self.long.get_or_insert_with(|| {
                    self.last = Time(time.0 - 1);
                    self.encoder.split(time, level, fields)
                });
                parts.push_message(&text, out)
            }
            Piece::End => self.long.take().map_or(0, |parts| parts.finish(out)),
        };
        // The parts of a record are a nanosecond apart.
        self.last.0 = self.last.0.saturating_add_unsigned(written);
        self.batch.records += written;
        if written > 0 && self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        if self.batch.records >= BATCH_RECORDS || self.batch.lines.len() >= BATCH_BYTES {
            self.ship();
        }
    }

    /// How long until the batch in hand must go; `None` if there is none.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        self.opened.map(|at| BATCH_AGE.saturating_sub(at.elapsed()))
    }

    /// Sends the batch in hand off if it is due.
    pub fn ship_if_due(&mut self) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            self.ship();
        }
    }

    fn ship(&mut self) {
        self.opened = None;
        self.queue.offer(std::mem::take(&mut self.batch));
    }

    /// Sends off the rest and waits until all is delivered, one timeout at most; how many records were lost since
    /// the start.
    #[must_use]
    pub fn finish(mut self) -> u64 {
        self.ship();
        self.queue.close(Instant::now() + self.timeout)
    }
}

/// Batches on their way from the shipper to the sender.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// Their size.
    bytes: usize,
    /// Records of the batch that is being delivered.
    in_hand: u64,
    /// Since when the server has not answered; a time-out is no answer.
    owed_since: Option<Instant>,
    /// No more batches come, and all must be over by then.
    end: Option<Instant>,
    /// There is no sender.
    closed: bool,
    lost: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, or for the time to pass.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Puts a batch in; waits for room while the server answers, and drops it when it does not.
    fn offer(&self, batch: Batch) {
        if batch.records == 0 {
            return;
        }
        let mut state = self.lock();
        while state.bytes >= QUEUE_BYTES && !state.closed {
            let owed = state.owed_since.map_or(Duration::ZERO, |since| since.elapsed());
            let left = PATIENCE.saturating_sub(owed);
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        if state.bytes < QUEUE_BYTES && !state.closed {
            state.bytes += batch.lines.len();
            state.batches.push_back(batch);
            self.changed.notify_all();
        } else {
            state.lost += batch.records;
        }
    }

    /// Waits until everything is delivered or `end` has come; how many records were not.
    fn close(&self, end: Instant) -> u64 {
        let mut state = self.lock();
        state.end = Some(end);
        self.changed.notify_all();
        while !state.closed && (state.in_hand > 0 || !state.batches.is_empty()) {
            let left = (end + LAST_WORDS).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        let waiting: u64 = state.batches.iter().map(|batch| batch.records).sum();
        state.lost + state.in_hand + waiting
    }

    /// The next batch and the instant by which it must be delivered; `None` when no more come.
    fn next(&self, timeout: Duration) -> Option<(Batch, Instant)> {
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.batches.pop_front() {
                let now = Instant::now();
                state.bytes -= batch.lines.len();
                state.in_hand = batch.records;
                state.owed_since.get_or_insert(now);
                self.changed.notify_all();
                return Some((batch, state.end.map_or(now + timeout, |end| end.min(now + timeout))));
            }
            if state.end.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes what became of the batch in hand.
    fn answered(&self, delivered: bool) {
        let mut state = self.lock();
        let records = std::mem::take(&mut state.in_hand);
        if !delivered {
            state.lost += records;
        }
        // Whoever refuses at once is not slow.
        if delivered || state.owed_since.is_some_and(|since| since.elapsed() < PATIENCE) {
            state.owed_since = None;
        }
        self.changed.notify_all();
    }

    /// The sender's work. Of failures in a row only the first is told.
    fn deliver_all(&self, config: &Config, report: Report) {
        let delivery = Delivery::new(config, None);
        let mut failing = false;
        while let Some((batch, deadline)) = self.next(config.timeout) {
            crate::panic_if_asked("sender");
            let delivered = match &delivery {
                Ok(Some(delivery)) => delivery.deliver(&batch, Some(deadline)),
                Ok(None) => Ok(()),
                Err(error) => Err(format!("{error:#}; {} lost", records(batch.records))),
            };
            if let (Err(trouble), false) = (&delivered, failing) {
                report.trouble(trouble);
            }
            failing = delivered.is_err();
            self.answered(!failing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: u64) -> Batch {
        Batch { lines: vec![b'x'; QUEUE_BYTES / 4], records }
    }

    /// A queue that is full while one batch is with the server.
    fn full() -> Queue {
        let queue = Queue::default();
        queue.offer(batch(1));
        assert!(queue.next(Duration::from_secs(9)).is_some());
        for _ in 0..4 {
            queue.offer(batch(1));
        }
        queue
    }

    #[test]
    fn a_full_queue_waits_for_a_server_that_answers() {
        let queue = full();
        thread::scope(|scope| {
            scope.spawn(|| queue.offer(batch(10)));
            queue.answered(true);
            assert!(queue.next(Duration::from_secs(9)).is_some());
        });
        let state = queue.lock();
        assert_eq!((state.lost, state.batches.len()), (0, 4));
    }

    #[test]
    fn a_full_queue_drops_when_an_answer_is_overdue() {
        let queue = full();
        queue.lock().owed_since = Instant::now().checked_sub(PATIENCE);
        queue.offer(batch(10));
        assert_eq!(queue.lock().lost, 10);
    }

    #[test]
    fn a_time_out_is_no_answer_but_a_refusal_is() {
        let queue = full();
        queue.lock().owed_since = Instant::now().checked_sub(PATIENCE);
        queue.answered(false);
        assert!(queue.lock().owed_since.is_some());
        assert!(queue.next(Duration::from_secs(9)).is_some());
        queue.answered(true);
        assert!(queue.lock().owed_since.is_none());
        assert!(queue.next(Duration::from_secs(9)).is_some());
        queue.answered(false);
        assert!(queue.lock().owed_since.is_none());
    }

    #[test]
    fn closing_counts_what_was_not_delivered() {
        let queue = full();
        assert_eq!(queue.close(Instant::now()), 5);
        assert!(queue.next(Duration::ZERO).is_some());
    }

    #[test]
    fn without_a_sender_everything_is_lost_and_nothing_waits() {
        let queue = Queue::default();
        queue.lock().closed = true;
        queue.offer(batch(3));
        assert_eq!(queue.close(Instant::now() + Duration::from_secs(9)), 3);
    }
}
