//! Records to the server in the background, so that the one who makes them never waits for it.
//!
//! The [`Shipper`] gathers records into batches; a sender thread delivers them one after the other. Between them
//! stands a queue of bounded size. While the server answers, a full queue makes the shipper wait: a healthy
//! server sets the pace and nothing overflows. Once the server owes an answer for 500 ms, what does not fit goes
//! to the outbox, until it answers again. Between batches the sender drains the outbox.

use std::collections::VecDeque;
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

/// What a sender in the middle of its last failure needs to put its batch into the outbox.
const LAST_WORDS: Duration = Duration::from_millis(100);

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
    /// Starts the sender; `timeout` is one batch's.
    #[must_use]
    pub fn start(delivery: Delivery, timeout: Duration, report: Report, encoder: Encoder) -> Self {
        let (queue, delivery) = (Arc::new(Queue::default()), Arc::new(delivery));
        let (of_sender, by_sender) = (Arc::clone(&queue), Arc::clone(&delivery));
        let sender = move || of_sender.deliver_all(&by_sender, timeout, report);
        if let Err(error) = thread::Builder::new().name("sender".to_owned()).spawn(sender) {
            report.trouble(&format!("could not start the sender: {error}; all records go to the outbox"));
            queue.lock().closed = true;
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
        self.queue.note(&self.delivery.keep(batch, why), self.report);
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
        let dropped = self.delivery.dropped();
        if dropped > 0 {
            self.tell_dropped(dropped, common);
        }
        let (doubtful, why) = self.doubtful;
        if let Some(why) = why {
            self.delivery.count_doubtful(doubtful);
            self.report.trouble(&format!("the time of {} {why}", records(doubtful)));
        }
        let missing = self.queue.lock().missing.clone();
        // Some may have been delivered since.
        let kept = if missing.kept > 0 { missing.kept.min(self.delivery.undelivered()) } else { 0 };
        Missing { kept, dropped, ..missing }
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
    /// The first trouble that is told even to those who did not ask.
    alarm: Option<String>,
}

impl Missing {
    /// Whether everything was delivered.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.kept + self.lost == 0
    }

    /// Tells the sum, if there is anything to tell.
    pub fn tell(&self, report: Report) {
        let kept = (self.kept > 0).then(|| format!("{} kept in the outbox", records(self.kept)));
        let dropped =
            (self.dropped > 0).then(|| format!("{} dropped from it, for it is full", records(self.dropped)));
        let lost = (self.lost > 0).then(|| format!("{} lost", records(self.lost)));
        let parts: Vec<_> = kept.into_iter().chain(dropped).chain(lost).collect();
        let sum = parts.join(" and ");
        match &self.alarm {
            _ if parts.is_empty() => {}
            // What it says of the first batch was not told yet.
            Some(alarm) if !report.is_talkative() => report::say(&format!("{alarm}; in all {sum}")),
            _ => report.trouble(&format!("could not deliver everything; in all {sum}")),
        }
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
    batches: VecDeque<Arc<Batch>>,
    /// Their size.
    bytes: usize,
    /// The batch that is being delivered.
    in_hand: Option<Arc<Batch>>,
    /// Since when the server has not answered; a time-out is no answer.
    owed_since: Option<Instant>,
    /// Whether the outbox is being drained.
    draining: bool,
    /// No more batches come, and all must be over by then.
    end: Option<Instant>,
    /// There is no sender, or it is not waited for any more.
    closed: bool,
    missing: Missing,
    /// Whether the last batch was delivered too.
    failing: bool,
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
        while state.bytes >= QUEUE_BYTES && !state.closed {
            let owed = state.owed_since.map_or(Duration::ZERO, |since| since.elapsed());
            let left = PATIENCE.saturating_sub(owed);
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        if state.bytes >= QUEUE_BYTES || state.closed {
            return Err(batch);
        }
        state.bytes += batch.lines.len();
        state.batches.push_back(Arc::new(batch));
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until everything is delivered or `end` has come; what was not.
    fn close(&self, end: Instant) -> Vec<Arc<Batch>> {
        let mut state = self.lock();
        state.end = Some(end);
        self.changed.notify_all();
        while !state.closed && (state.in_hand.is_some() || state.draining || !state.batches.is_empty()) {
            let left = (end + LAST_WORDS).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        state.closed = true;
        state.in_hand.take().into_iter().chain(std::mem::take(&mut state.batches)).collect()
    }

    /// The sender's next task. `idle` says how long it may wait for one.
    fn next(&self, timeout: Duration, idle: Option<Duration>) -> Task {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_over = state.closed || state.end.is_some_and(|end| end <= now);
            if let Some(batch) = if is_over { None } else { state.batches.pop_front() } {
                state.bytes -= batch.lines.len();
                state.in_hand = Some(Arc::clone(&batch));
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

    /// Begins a wait for the server that is not about a batch; not any more when the end has come.
    fn begin_drain(&self) -> bool {
        let mut state = self.lock();
        state.draining = state.end.is_none();
        if state.draining {
            state.owed_since.get_or_insert_with(Instant::now);
        }
        state.draining
    }

    /// Ends a wait for the server. `answered` says whether it took what it was given; whoever refuses at once is
    /// not slow either.
    fn end_wait(&self, answered: bool) {
        let mut state = self.lock();
        state.draining = false;
        if answered || state.owed_since.is_some_and(|since| since.elapsed() < PATIENCE) {
            state.owed_since = None;
        }
        self.changed.notify_all();
    }

    /// Notes what became of records. Of failures in a row only the first is told.
    fn note(&self, fate: &Fate, report: Report) {
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
                state.missing.alarm.get_or_insert_with(|| why.clone());
                why
            }
            Fate::Lost(why, records) => {
                state.missing.lost += records;
                state.missing.alarm.get_or_insert_with(|| why.clone());
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
        let mut took = None;
        loop {
            match self.next(timeout, drain.may_be_more.then_some(IDLE)) {
                Task::End => break,
                Task::Deliver(batch, deadline) => {
                    crate::panic_if_asked("sender");
                    let start = Instant::now();
                    let fate = delivery.deliver(&batch, Some(deadline));
                    // Whoever closed the queue meanwhile has taken the batch over.
                    if self.lock().in_hand.take().is_some() {
                        self.note(&fate, report);
                    }
                    let delivered = fate == Fate::Delivered;
                    took = delivered.then(|| start.elapsed());
                    self.end_wait(delivered);
                    drain.may_be_more |= !delivered;
                    if delivered && drain.may_be_more {
                        self.drain(delivery, timeout, &mut drain);
                    }
                }
                Task::Idle => self.drain(delivery, timeout, &mut drain),
            }
        }
        let end = self.lock().end;
        if let (Some(took), true) = (took, end.is_some()) {
            delivery.drain_along(took, DRAIN_TIME.max(took * 2), end);
        }
    }

    /// Delivers an entry of the outbox, or a part of it.
    fn drain(&self, delivery: &Delivery, timeout: Duration, drain: &mut Drain) {
        if !self.begin_drain() {
            return;
        }
        let start = Instant::now();
        // They are listed anew only when all were looked at.
        if drain.waiting.is_none() {
            drain.waiting = delivery.entries(false).ok().flatten();
        }
        let Drain { waiting, may_be_more, pace } = drain;
        let drained = waiting.as_mut().map_or(Drained::Nothing, |waiting| {
            delivery.drain_if_allowed(waiting, pace.bytes, start.checked_add(timeout))
        });
        if let Drained::Some(moved) = &drained {
            pace.learn(moved.bytes, start.elapsed(), timeout);
        }
        self.end_wait(!matches!(drained, Drained::Stopped(..)));
        if drained == Drained::Nothing {
            *waiting = None;
            *may_be_more = delivery.has_entries();
        }
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
        queue.lock().in_hand = None;
        queue.end_wait(delivered);
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
    fn closing_gives_back_what_was_not_delivered_in_order() {
        let queue = full();
        queue.lock().batches.push_back(Arc::new(batch(7)));
        let left: Vec<_> = queue.close(Instant::now()).iter().map(|batch| batch.records).collect();
        assert_eq!(left, [1, 1, 1, 1, 1, 7]);
        assert!(matches!(queue.next(LONG, None), Task::End));
    }

    #[test]
    fn the_sender_takes_nothing_after_the_end_and_loses_nothing_either() {
        let queue = full();
        queue.lock().end = Some(Instant::now());
        assert!(matches!(queue.next(LONG, None), Task::End));
        assert_eq!(queue.close(Instant::now()).len(), 5);
    }

    #[test]
    fn without_a_sender_everything_comes_back_and_nothing_waits() {
        let queue = Queue::default();
        queue.lock().closed = true;
        assert_eq!(queue.offer(batch(3)).unwrap_err().records, 3);
        assert!(queue.close(Instant::now() + LONG).is_empty());
    }

    #[test]
    fn an_idle_sender_looks_after_the_outbox() {
        assert!(matches!(Queue::default().next(LONG, Some(Duration::from_millis(1))), Task::Idle));
    }
}
