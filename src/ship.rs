//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] gathers records into batches; a sender thread delivers them one after the other. Between them
//! stands a queue of bounded size. While the server answers, a full queue makes the shipper wait: a healthy
//! server sets the pace and nothing overflows. Once the server owes an answer for 500 ms, what does not fit goes
//! to the outbox, until it answers again. Between batches the sender drains the outbox. A batch has one owner at a time,
//! who delivers or keeps it: the shipper, then the queue, then the sender.

use std::collections::VecDeque;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::deliver::{DRAIN_TIME, Delivery, Drained, Fate, Pace};
use crate::level::Level;
use crate::line::Piece;
use crate::outbox::Waiting;
use crate::parse::Parser;
use crate::protocol::Batch;
use crate::record::{Encoder, Fields, OwnFields, Parts, Record};
use crate::report::{self, Report, records};
use crate::time::Time;
use crate::wait::Patience;

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

/// How long, after the end, the sender may take to put what it has in hand into the outbox. That is a matter of
/// milliseconds; whoever takes longer hangs, on a broken disk for one.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The name of the thread that delivers.
const SENDER: &str = "sender";

/// How often an idle sender looks after what waits in the outbox.
const IDLE: Duration = Duration::from_secs(1);

/// What the records of a stream have in common.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// The level of lines that say none; `None` if the fields say it in words of their own.
    pub level: Option<Level>,
    /// No record has less.
    pub floor: Option<Level>,
    /// Records below it are left out.
    pub min_level: Option<Level>,
    /// Fields of every record, where a line has none of that name.
    pub fields: &'a Fields,
}

impl Common<'_> {
    /// The level of a record whose line says this one; `Err` if it is left out.
    fn level(&self, of_line: Option<Level>) -> Result<Option<Level>, ()> {
        let level = of_line.or(self.level).map(|level| self.floor.map_or(level, |floor| level.max(floor)));
        let is_below = level.zip(self.min_level).is_some_and(|(level, least)| level < least);
        if is_below { Err(()) } else { Ok(level) }
    }
}

/// One stream of lines.
pub struct Source<'a> {
    common: Common<'a>,
    parser: Parser,
    long: Long<'a>,
}

/// A line that comes in pieces.
enum Long<'a> {
    /// There is none.
    Nothing,
    /// The record that they make.
    Record(Parts<'a>),
    /// It is below the least level.
    LeftOut,
}

impl<'a> Source<'a> {
    /// `parser` understands the lines.
    #[must_use]
    pub fn new(common: Common<'a>, parser: Parser) -> Self {
        Self { common, parser, long: Long::Nothing }
    }
}

/// Turns lines into records and sends them off.
pub struct Shipper {
    encoder: Encoder,
    /// The time of the newest record; each is later than the one before.
    last: Time,
    own_times: OwnTimes,
    batch: Batch,
    opened: Option<Instant>,
    /// Records whose own time the server may not keep, and why the first of them.
    doubtful: (u64, Option<&'static str>),
    queue: Arc<Queue>,
    delivery: Arc<Delivery>,
    report: Report,
}

impl Shipper {
    /// Starts the sender.
    #[must_use]
    pub fn start(to_sender: ToSender, delivery: Delivery, encoder: Encoder) -> Self {
        let ToSender { queue, timeout, report } = to_sender;
        let delivery = Arc::new(delivery);
        let (of_sender, by_sender) = (Arc::clone(&queue), Arc::clone(&delivery));
        let sender = move || of_sender.deliver_all(&by_sender, timeout, report);
        if let Err(error) = thread::Builder::new().name(SENDER.to_owned()).spawn(sender) {
            report.trouble(&format!("could not start the sender: {error}; all records go to the outbox"));
            queue.lock().sender = Sender::Gone(None);
        }
        let (last, batch, opened, doubtful) = (Time(0), Batch::default(), None, (0, None));
        let own_times = OwnTimes::default();
        Self { encoder, last, own_times, batch, opened, doubtful, queue, delivery, report }
    }

    /// Takes a piece of what was read from `source` at `now`.
    pub fn take(&mut self, piece: Piece, now: Time, source: &mut Source) {
        let time = now.max(Time(self.last.0.saturating_add(STEP_NANOSECONDS)));
        let Source { common, parser, long } = source;
        let fields = common.fields;
        let out = &mut self.batch.lines;
        let written = match piece {
            Piece::Line(text) => {
                let line = parser.parse(&text);
                let level = if line.has_own_level { Ok(line.level) } else { common.level(line.level) };
                let Ok(level) = level else { return };
                if let Some(doubt) = line.time.and_then(|own| own.doubt(now)) {
                    self.doubtful = (self.doubtful.0 + 1, self.doubtful.1.or(Some(doubt)));
                }
                let of_line = line.time.map_or(time, |own| self.own_times.next(own));
                let record =
                    Record { time: of_line, message: &line.message, level, fields, own: line.fields };
                self.last = Time(time.0 - 1);
                self.encoder.write(&record, out)
            }
            Piece::Part(text) => {
                if matches!(long, Long::Nothing) {
                    *long = common.level(parser.level(&text)).map_or(Long::LeftOut, |level| {
                        self.last = Time(time.0 - 1);
                        Long::Record(self.encoder.split(time, level, fields))
                    });
                }
                let Long::Record(parts) = long else { return };
                parts.push_message(&text, out)
            }
            Piece::End => match std::mem::replace(long, Long::Nothing) {
                Long::Record(parts) => parts.finish(out),
                Long::Nothing | Long::LeftOut => 0,
            },
        };
        // The parts of a record are a nanosecond apart.
        self.last.0 = self.last.0.saturating_add_unsigned(written);
        self.batch.records += written;
        self.queue.progress.made.fetch_add(written, Ordering::Relaxed);
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
        if let Err(batch) = self.queue.offer(std::mem::take(&mut self.batch)) {
            self.keep(&batch, "the server is slower than the input");
        }
    }

    fn keep(&self, batch: &Batch, why: &str) {
        self.queue.note(batch, &self.delivery.keep(batch, why), self.report);
    }

    /// Sends off the rest and waits until all is delivered, for `time` at most; what is not goes to the outbox. If
    /// that was full, a last record with the fields of `common` says how many it dropped. What became of the
    /// records that were not delivered, since the start.
    #[must_use]
    pub fn finish(mut self, time: Duration, common: &Common) -> Missing {
        self.ship();
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
            self.tell_dropped(dropped, common);
        }
        let (doubtful, why) = self.doubtful;
        if let Some(why) = why {
            self.delivery.count_doubtful(doubtful);
            self.report.trouble(&format!("the time of {} {why}", records(doubtful)));
        }
        let missing = std::mem::take(&mut self.queue.lock().missing);
        // Some may have been delivered since.
        let kept = if missing.kept > 0 { missing.kept.min(self.delivery.undelivered()) } else { 0 };
        Missing { kept, dropped, lost: missing.lost + stuck, ..missing }
    }

    /// Puts a record into the outbox that says what it has dropped.
    fn tell_dropped(&mut self, dropped: u64, common: &Common) {
        let message = format!("the outbox was full; {} dropped, the oldest first", records(dropped));
        let mut own = OwnFields::default();
        own.push("", "vlog_dropped", &dropped.to_string());
        let time = Time::now().max(Time(self.last.0.saturating_add(STEP_NANOSECONDS)));
        let level = Some(Level::Warn);
        let record = Record { time, message: &message, level, fields: common.fields, own: Some(&own) };
        let mut batch = Batch::default();
        batch.records = self.encoder.write(&record, &mut batch.lines);
        if !self.delivery.put(&batch) {
            self.report.trouble(&message);
        }
    }
}

/// Times that lines have of their own. Several in a row that are the same, since their logger counts milliseconds, are
/// spread a little, so that their order by time is that in which they came.
#[derive(Default)]
struct OwnTimes {
    last: Option<Time>,
    /// How many have had it before.
    count: i64,
}

impl OwnTimes {
    fn next(&mut self, own: Time) -> Time {
        self.count = if self.last == Some(own) { self.count + 1 } else { 0 };
        self.last = Some(own);
        Time(own.0.saturating_add(self.count.saturating_mul(STEP_NANOSECONDS)))
    }
}

/// Records that were not delivered.
#[derive(Debug, Default, Clone)]
pub struct Missing {
    kept: u64,
    /// Of what the outbox held, from this run and before, by its cap.
    dropped: u64,
    lost: u64,
    /// The first trouble that is told even to those who did not ask, and how many records it is about.
    alarm: Option<(String, u64)>,
    /// The sender has panicked. That is a bug, which must not show in what a command writes.
    by_panic: bool,
}

impl Missing {
    /// Whether everything was delivered.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.kept + self.lost == 0
    }

    /// Tells the sum: always if something is gone, or went nowhere because of a setting (but after a panic), otherwise
    /// to those who want to hear of trouble.
    pub fn tell(&self, report: Report) {
        let part = |count: u64, what: &str| (count > 0).then(|| format!("{} {what}", records(count)));
        let parts = [
            part(self.kept, "kept in the outbox"),
            part(self.dropped, "dropped from it, for it is full"),
            part(self.lost, "lost"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return;
        }
        let sum = format!("could not deliver everything; in all {}", parts.join(" and "));
        match &self.alarm {
            _ if self.by_panic => report.trouble(&sum),
            // Those who are talked to have heard of the first already.
            Some(_) if report.is_talkative() => report::say(&sum),
            Some((alarm, all)) if *all == self.kept + self.dropped + self.lost => report::say(alarm),
            Some((alarm, _)) => report::say(&format!("{alarm}; in all {}", parts.join(" and "))),
            None if self.dropped + self.lost > 0 => report::say(&sum),
            None => report.trouble(&sum),
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
        let why = match fate {
            Fate::Delivered => return,
            Fate::Kept(why, records) => {
                state.missing.kept += records;
                why
            }
            Fate::Withheld(why, records) => {
                state.missing.kept += records;
                state.missing.alarm.get_or_insert_with(|| (why.clone(), *records));
                why
            }
            Fate::Lost(why, records) => {
                state.missing.lost += records;
                state.missing.alarm.get_or_insert_with(|| (why.clone(), *records));
                why
            }
        };
        if !was_failing {
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
                    crate::panic_if_asked("sender");
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
            delivery.drain_along(took, DRAIN_TIME.max(took * 2), end);
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
