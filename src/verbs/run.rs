//! `vlog run`: a command with its output passed through and logged, and its end made vlog's own.
//!
//! The main thread and one thread for each stream do what the command needs (`child`); they know of logging only
//! that somebody looks on. All that has to do with records happens in a thread of its own, behind a queue of
//! bounded size: a panic there parks it, and the command never notices.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic;
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Context;
use super::road::Road;
use super::session::Session;
use crate::cli::args::RunArgs;
use crate::delivery::policy::Delivery;
use crate::delivery::sender::{Progress, ToSender};
use crate::intake::assemble::Source;
use crate::intake::text::lines::{Lines, Piece};
use crate::intake::text::parse::{Mode, Parser};
use crate::record::defaults::Defaults;
use crate::record::item::Item;
use crate::record::level::Level;
use crate::record::time::Time;
use crate::sys::cause::cause;
use crate::sys::child::{
    Command, End, Ended, NotRun, Running, StartError, Stdin, Tail, Tap, Target, linger, prepare,
};
use crate::sys::memory::has_room;
use crate::sys::poll::{Patience, PollFlags, ready};
use crate::sys::signals::{self, Ignored, Inbox};
use crate::sys::stderr::{self, Report, records};
use memchr::{memchr, memchr_iter};
use serde_json::Value;

/// What lies between the streams and the logging thread: as much as half a second's work for it.
const QUEUE_BYTES: usize = 1024 * 1024;

/// How long a full queue holds up the command without anything being taken from it, of vlog's own time. The logging
/// thread waits 500 ms for a server at most; whoever takes longer hangs, on a broken disk for one, and until it goes on
/// lines are given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// The end of the output that goes along with a failure. Six times as much, as control characters take in JSON, is still
/// below the server's longest line.
const TAIL_BYTES: usize = 40 * 1024;

/// What the logging thread needs beside the delivery itself.
const SLACK: Duration = Duration::from_millis(500);

/// Memory that must be there before the command is started: the stacks of four threads, 2 MiB each, and [`ROOM_BYTES`].
/// Without it nothing is logged, and the command is run in vlog's place.
const ROOM_TO_START_BYTES: usize = 8 * 1024 * 1024 + ROOM_BYTES;

/// Memory that must be there before more of the output is taken in: for a line of the longest kind in hand, the record
/// and the batch that it becomes, and the request or entry that these become.
const ROOM_BYTES: usize = 4 * 1024 * 1024;

/// What is left for it once somebody wants vlog to end; and how long it may then do nothing at all.
const HURRY: Duration = Duration::from_secs(2);

/// The status when there is no command: what a shell says of one that it does not find.
const NO_COMMAND: u8 = 127;

/// Runs the command and ends as it did.
pub fn run(args: RunArgs, mut context: Context) -> ExitCode {
    let command = Command::new(&context.command);
    let ignored = context.ignored;
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    if let (Some(command), None) = (&command, (context.env)("VLOG_SERVICE")) {
        session.config.service = command.name();
    }
    let items = session.fields(args.words);
    session.tell();
    crate::sys::panic_if_asked("run");

    let (cancel, to_cancel) = UnixStream::pair().ok().unzip();
    let delivery = session.delivery(cancel);
    let (timeout, report, on_failure) = (session.config.timeout, session.report, args.on_failure);
    let job = |name| Job { name, session, on_failure, items };
    let Some(command) = command else {
        stderr::say("there is no command; see vlog run --help");
        let end = End::not_run(NotRun { code: NO_COMMAND, why: "there is none".to_owned() });
        if let Some(delivery) = delivery {
            let job = job("the command".to_owned());
            job.log_end(Road::open(ToSender::new(timeout, report), delivery), &end, None, 0);
        }
        return end.pass();
    };
    let Some(delivery) = delivery else { return ExitCode::from(instead(&command, ignored).code) };
    if !has_room(ROOM_TO_START_BYTES) {
        return without_logging(&command, ignored, &ErrorKind::OutOfMemory.into());
    }
    let job = job(command.name());
    let log = match Log::new() {
        Ok(log) => Arc::new(log),
        Err(error) => return without_logging(&command, ignored, &error),
    };
    let tap = |target| {
        let log = Arc::clone(&log);
        Tap { pass: true, see: Box::new(move |bytes| log.push(target, bytes)) }
    };
    let ready = match prepare(Stdin::Inherit, (tap(Target::Stdout), tap(Target::Stderr)), ignored) {
        Ok(ready) => ready,
        Err(error) => return without_logging(&command, ignored, &error),
    };
    keep_promise_on_panic(&ready.running, &log, &command, ignored, report);
    let to_sender = ToSender::new(timeout, report);
    let (running, mut inbox) = match ready.start(&command) {
        Ok(started) => started,
        Err(StartError::Command(why)) => {
            stderr::say(&format!("could not run {}: {}", command.path(), why.why));
            let end = End::not_run(why);
            job.log_end(Road::open(to_sender, delivery), &end, None, 0);
            return end.pass();
        }
        Err(StartError::Setup(error)) => return without_logging(&command, ignored, &error),
    };
    crate::sys::panic_if_asked("run-start");
    let (of_job, by_job) = (Arc::clone(&log), to_sender.clone());
    log.begin(move || job.log(by_job, delivery, &of_job));
    let end = running.wait(&mut inbox);
    crate::sys::panic_if_asked("run-end");
    log.end(&end);
    let time = if end.hurried { timeout.min(HURRY) } else { timeout };
    if !linger(&mut inbox, log.done(), &mut Some(Patience::new(time + SLACK)), Duration::ZERO) {
        // Somebody is in a hurry: what is on its way goes to the outbox.
        let _ = to_cancel.map(|mut cancel| cancel.write(&[0]));
        log.wait_while_it_goes_on(&mut inbox, to_sender.progress());
    }
    end.pass()
}

/// What `run` still owes when it has panicked before its command was there: to run it.
#[allow(clippy::exit, reason = "after a panic there is nobody to return to")]
pub fn carry_on(command: &Command) {
    process::exit(i32::from(instead(command, Ignored::at_start(true)).code));
}

/// Puts the command into the place of this process, since there is nothing to log, or no way to do it. Returns only
/// if that cannot be.
fn instead(command: &Command, ignored: Ignored) -> NotRun {
    signals::catch_pipe(ignored);
    let why = command.exec();
    stderr::say(&format!("could not run {}: {}", command.path(), why.why));
    why
}

fn without_logging(command: &Command, ignored: Ignored, error: &io::Error) -> ExitCode {
    stderr::say(&format!("could not log {}: {}; it runs all the same", command.name(), cause(error)));
    ExitCode::from(instead(command, ignored).code)
}

/// From now on a panic leaves the command alone: the thread that it happened in does what the command needs, and
/// nothing else.
#[allow(clippy::exit, reason = "after a panic there is nobody to return to")]
fn keep_promise_on_panic(
    running: &Arc<Running>,
    log: &Arc<Log>,
    command: &Command,
    ignored: Ignored,
    report: Report,
) {
    let (running, log, command) = (Arc::clone(running), Arc::clone(log), command.clone());
    let main_thread = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        report.trouble(&stderr::bug(panic));
        let thread = thread::current();
        if thread.id() == main_thread {
            let Some(end) = running.wait_again(ignored) else { return carry_on(&command) };
            // What is in the queue is logged, if the logging thread is sound.
            log.end(&end);
            let _ = ready(&[(log.done(), PollFlags::POLLIN)], Some(HURRY));
            end.pass();
            process::exit(i32::from(end.code()));
        }
        match thread.name() {
            Some(name) if running.carry_on(name) => {}
            Some(LOGGER) => log.abandon(),
            _ => {}
        }
        loop {
            thread::park();
        }
    }));
}

/// The name of the thread that logs.
const LOGGER: &str = "log";

/// What comes from the streams, and how it ended; between them and the thread that logs.
struct Log {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Nobody takes anything from it any more.
    abandoned: AtomicBool,
    /// Shut down when everything is logged.
    of_logger: UnixStream,
    of_waiter: UnixStream,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<(Target, Time, Vec<u8>)>,
    bytes: usize,
    /// How many were taken out so far.
    taken: u64,
    /// Nothing has been taken out for so long that nobody waits for room, until something is.
    is_stuck: bool,
    stdout: Place,
    stderr: Place,
    /// How many lines were given up.
    lost: u64,
    end: Option<End>,
}

/// Where in its lines a stream is, between two reads. Only whole lines are given up: a record is all of its line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of one.
    #[default]
    Start,
    /// In one whose beginning is in the queue.
    Within,
    /// In one that is given up.
    Lost,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES
    }

    /// Puts in what was read. If it is full, only the end of a line that is in it already; the lines behind that
    /// are given up, and counted. Without memory all of them are.
    fn put(&mut self, target: Target, time: Time, mut bytes: &[u8], has_memory: bool) {
        let mut place = *self.place(target);
        if place == Place::Lost {
            let Some(rest) = after_line(bytes) else { return };
            (place, bytes) = (Place::Start, rest);
        }
        let (now, lost) = match place {
            _ if has_memory && !self.is_full() => (bytes, &[][..]),
            Place::Within if has_memory && self.bytes < 2 * QUEUE_BYTES => {
                bytes.split_at(after_line(bytes).map_or(bytes.len(), |rest| bytes.len() - rest.len()))
            }
            // A line without an end, or without memory for it.
            Place::Within => {
                self.bytes += 1;
                self.chunks.push_back((target, time, b"\n".to_vec()));
                (&[][..], bytes)
            }
            Place::Start | Place::Lost => (&[][..], bytes),
        };
        let ends_line = |bytes: &[u8]| bytes.ends_with(b"\n");
        if !now.is_empty() {
            self.bytes += now.len();
            self.chunks.push_back((target, time, now.to_vec()));
            place = if ends_line(now) { Place::Start } else { Place::Within };
        }
        if !lost.is_empty() {
            let open = usize::from(!ends_line(lost));
            self.lost += (memchr_iter(b'\n', lost).count() + open) as u64;
            place = if open == 0 { Place::Start } else { Place::Lost };
        }
        *self.place(target) = place;
    }

    fn place(&mut self, target: Target) -> &mut Place {
        match target {
            Target::Stdout => &mut self.stdout,
            Target::Stderr => &mut self.stderr,
        }
    }
}

/// What follows the first line; `None` if it does not end.
fn after_line(bytes: &[u8]) -> Option<&[u8]> {
    memchr(b'\n', bytes).and_then(|at| bytes.get(at + 1..))
}

/// What the logging thread has to do next.
enum Task {
    /// These bytes were read from that stream at that time.
    Take(Target, Time, Vec<u8>),
    /// Nothing came in time.
    Wait,
    /// The command has ended, and so many lines were given up.
    End(End, u64),
}

impl Log {
    fn new() -> io::Result<Self> {
        let (of_logger, of_waiter) = UnixStream::pair()?;
        let (queue, changed) = (Mutex::default(), Condvar::new());
        Ok(Self { queue, changed, abandoned: AtomicBool::new(false), of_logger, of_waiter })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, time: Duration) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Starts the thread that logs.
    fn begin(&self, work: impl FnOnce() + Send + 'static) {
        // Signals are the main thread's affair.
        let mask = nix::sys::signal::SigSet::thread_get_mask();
        let _ = nix::sys::signal::SigSet::all().thread_block();
        if let Err(error) = thread::Builder::new().name(LOGGER.to_owned()).spawn(work) {
            stderr::say(&format!("could not log the command: {}; it runs all the same", cause(&error)));
            self.abandon();
        }
        let _ = mask.map(|mask| mask.thread_set_mask());
    }

    /// Nobody logs any more, and nobody waits for it.
    fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        let _ = self.of_logger.shutdown(Shutdown::Write);
    }

    /// Takes what a stream's thread has read. Waits for room while the other side goes on.
    fn push(&self, target: Target, bytes: &[u8]) {
        crate::sys::panic_if_asked("run-stream");
        let now = Time::now();
        let is_abandoned = || self.abandoned.load(Ordering::Relaxed);
        let mut queue = self.lock();
        let (mut taken, mut patience) = (queue.taken, Patience::new(PATIENCE));
        // What is in it will be memory again.
        let is_short = |queue: &Queue| queue.bytes > 0 && !has_room(ROOM_BYTES);
        while (queue.is_full() || is_short(&queue)) && !queue.is_stuck && !is_abandoned() {
            queue = patience.step(|time| self.wait(queue, time));
            if queue.taken != taken {
                (taken, patience) = (queue.taken, Patience::new(PATIENCE));
            }
            queue.is_stuck |= patience.is_over();
        }
        if !is_abandoned() {
            queue.put(target, now, bytes, has_room(ROOM_BYTES));
            self.changed.notify_all();
        }
    }

    /// Waits until everything is logged, as long as something goes on: what there is fits into memory, so this ends. What
    /// is then still on its way is given up, and that is told.
    fn wait_while_it_goes_on(&self, inbox: &mut Inbox, progress: &Progress) {
        loop {
            let before = (self.lock().taken, progress.steps());
            if linger(inbox, self.done(), &mut Some(Patience::new(HURRY)), HURRY) {
                return;
            }
            let queue = self.lock();
            if (queue.taken, progress.steps()) != before {
                continue;
            }
            let lines = queue.chunks.iter().map(|(_, _, bytes)| memchr_iter(b'\n', bytes).count() as u64);
            // And the end's own, which comes last.
            let lost = lines.sum::<u64>() + progress.on_their_way() + queue.lost + 1;
            return stderr::say(&format!(
                "could not log everything: nothing went on for {}s; {} lost",
                HURRY.as_secs(),
                records(lost)
            ));
        }
    }

    /// Tells how the command ended.
    fn end(&self, end: &End) {
        self.lock().end = Some(end.clone());
        self.changed.notify_all();
    }

    /// Readable once everything is logged.
    fn done(&self) -> std::os::fd::BorrowedFd<'_> {
        self.of_waiter.as_fd()
    }

    /// What comes next, within `time` if that is given.
    fn next(&self, time: Option<Duration>) -> Task {
        let start = Instant::now();
        let mut queue = self.lock();
        loop {
            if let Some((target, time, bytes)) = queue.chunks.pop_front() {
                queue.bytes -= bytes.len();
                queue.taken += 1;
                queue.is_stuck = false;
                self.changed.notify_all();
                return Task::Take(target, time, bytes);
            }
            if let Some(end) = queue.end.take() {
                return Task::End(end, queue.lost);
            }
            queue = match time.map(|time| time.saturating_sub(start.elapsed())) {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Task::Wait,
                Some(left) => self.wait(queue, left),
            };
        }
    }
}

/// A command, and what its records say.
struct Job {
    /// What the command is called.
    name: String,
    session: Session,
    /// Only a failure is worth a record.
    on_failure: bool,
    items: Vec<Item>,
}

impl Job {
    /// Logs what comes until the command has ended, and then that.
    fn log(&self, to_sender: ToSender, delivery: Delivery, log: &Log) {
        if self.on_failure {
            self.log_failure(to_sender, delivery, log);
        } else {
            self.log_lines(to_sender, delivery, log);
        }
        let _ = log.of_logger.shutdown(Shutdown::Write);
    }

    /// Logs the end of the output with a failure, and nothing otherwise.
    fn log_failure(&self, to_sender: ToSender, delivery: Delivery, log: &Log) {
        let mut output = Tail::new(TAIL_BYTES);
        let (end, lost) = loop {
            match log.next(None) {
                Task::Take(_, _, bytes) => output.push(&bytes),
                Task::Wait => {}
                Task::End(end, lost) => break (end, lost),
            }
            crate::sys::panic_if_asked("run-line");
        };
        if !end.is_success() {
            self.log_end(Road::open(to_sender, delivery), &end, Some(&output), lost);
        }
    }

    /// Logs each line, and at last the end.
    fn log_lines(&self, to_sender: ToSender, delivery: Delivery, log: &Log) {
        let stdout = self.of_stream(Target::Stdout, Level::Info);
        let stderr = self.of_stream(Target::Stderr, Level::Warn);
        let [mut stdout, mut stderr] = [&stdout, &stderr].map(|defaults| Stream {
            lines: Lines::default(),
            source: Source::new(defaults, Parser::default()),
        });
        let mut road = Road::open(to_sender, delivery);
        let (end, lost) = loop {
            match log.next(road.due_in()) {
                Task::Take(target, time, bytes) => {
                    let Stream { lines, source } = match target {
                        Target::Stdout => &mut stdout,
                        Target::Stderr => &mut stderr,
                    };
                    lines.feed(&bytes, |piece| road.take(piece, time, source));
                    crate::sys::panic_if_asked("run-line");
                }
                Task::Wait => {}
                Task::End(end, lost) => break (end, lost),
            }
            road.ship_if_due();
        };
        for Stream { lines, source } in [&mut stdout, &mut stderr] {
            lines.finish(|piece| road.take(piece, Time::now(), source));
        }
        self.log_end(road, &end, None, lost);
    }

    /// Logs how the command ended, with what is kept of its output and how many lines were given up, and waits until
    /// all is delivered.
    fn log_end(&self, mut road: Road, end: &End, output: Option<&Tail>, lost: u64) {
        let item = |key: &str, value| Item { key: key.to_owned(), value };
        let End { ended, time, .. } = end;
        let mut items = self.items.clone();
        items.extend(ended.code().map(|code| item("exit_code", Value::from(code))));
        items.extend(ended.signal().map(|name| item("signal", Value::from(name))));
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        items.push(item("duration_ms", Value::from(milliseconds)));
        let level = if end.is_success() { Level::Info } else { Level::Error };
        if level == Level::Error {
            // Whatever level its lines were to have.
            items.push(item("level", Value::from(level.name())));
        }
        if let Some(output) = output {
            items.push(item("output", Value::from(output.text())));
            if output.dropped() > 0 {
                items.push(item("vlog_dropped_bytes", Value::from(output.dropped())));
            }
        }
        let mut mistakes = [&self.session.mistakes[..], &end.unwritten].concat();
        if lost > 0 {
            items.push(item("vlog_dropped_lines", Value::from(lost)));
            let lines = if lost == 1 { "1 line" } else { &format!("{lost} lines") };
            let text = format!(
                "could not log {lines}: there was no memory, or nothing went on for {}s; they are lost",
                PATIENCE.as_secs()
            );
            stderr::say(&text);
            mistakes.push(text);
        }
        let message = match ended {
            Ended::NotRun(_) => format!("{} {ended}", self.name),
            Ended::Code(_) | Ended::Signal(_) => format!("{} {ended} after {}", self.name, told(*time)),
        };
        let defaults = self.session.defaults(Some(level), items, &mistakes);
        // A command may be called `error`.
        let mut source = Source::new(&defaults, Parser::new(Mode::Raw, true));
        road.take(Piece::Line(message.into()), Time::now(), &mut source);
        road.finish(self.session.config.timeout, &defaults).tell(self.session.report);
    }

    /// What the records of a stream have in common. Mistakes go with the last record only: the lines keep their
    /// level.
    fn of_stream(&self, target: Target, level: Level) -> Defaults {
        let stream = Item { key: "stream".to_owned(), value: Value::from(target.name()) };
        let items = [stream].into_iter().chain(self.items.iter().cloned()).collect();
        self.session.defaults(Some(level), items, &[])
    }
}

/// One of the command's streams, as it is logged.
struct Stream<'a> {
    lines: Lines,
    source: Source<'a>,
}

/// A duration for people: `350ms`, `1.2s`, `2m05s`, `3h07m`.
fn told(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        let cases = [(0, "0ms"), (350, "350ms"), (1290, "1.2s"), (59_999, "59.9s"), (125_000, "2m05s")];
        for (milliseconds, expected) in cases {
            assert_eq!(told(Duration::from_millis(milliseconds)), expected);
        }
        assert_eq!(told(Duration::from_secs(11_280)), "3h08m");
    }

    #[test]
    fn a_full_queue_is_waited_for_and_then_lines_are_given_up_until_somebody_takes_from_it() {
        let log = Log::new().unwrap();
        let bytes = vec![b'\n'; QUEUE_BYTES];
        log.push(Target::Stdout, &bytes);
        let start = Instant::now();
        log.push(Target::Stdout, b"waits\n");
        assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
        let start = Instant::now();
        log.push(Target::Stderr, b"does not wait\nnor this\n");
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        assert!(matches!(log.next(None), Task::Take(Target::Stdout, _, taken) if taken == bytes));
        log.push(Target::Stdout, b"later\n");
        assert!(matches!(log.next(None), Task::Take(Target::Stdout, _, taken) if taken == b"later\n"));
        assert!(matches!(log.next(Some(Duration::ZERO)), Task::Wait));
        log.end(&End::not_run(NotRun { code: 1, why: String::new() }));
        assert!(matches!(log.next(None), Task::End(_, 3)));
    }

    /// What is queued of these reads of a stream, if the queue is full for those that are marked so; and how many
    /// lines are lost.
    fn queued(reads: &[(&str, bool)]) -> (String, u64) {
        let mut queue = Queue::default();
        let mut found = String::new();
        for (text, is_full) in reads {
            queue.bytes = if *is_full { QUEUE_BYTES } else { 0 };
            queue.put(Target::Stdout, Time(0), text.as_bytes(), true);
            queue.put(Target::Stderr, Time(0), b"", true);
            found.extend(queue.chunks.drain(..).map(|(_, _, bytes)| String::from_utf8(bytes).unwrap()));
        }
        (found, queue.lost)
    }

    #[test]
    fn only_whole_lines_are_given_up_and_each_is_counted() {
        let cases = [
            (&[("a\nb", false), ("c\nd\n", true), ("e\n", false)][..], "a\nbc\ne\n", 1),
            (&[("a\nb", false), ("c\nd", true), ("e\nf\n", false)], "a\nbc\nf\n", 1),
            (&[("a\n", false), ("b\nc", true), ("d", true), ("e", false), ("\nf\n", false)], "a\nf\n", 2),
            (&[("a", false), ("b", true), ("c\n", true), ("d", true)], "abc\n", 1),
            (&[("a\n", false), ("\n\n\n", true), ("b", false)], "a\nb", 3),
            (&[("a\n", true), ("b\nc", true), ("d\n", true)], "", 3),
        ];
        for (reads, text, lost) in cases {
            assert_eq!(queued(reads), (text.to_owned(), lost), "{reads:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_does_not_grow_the_queue_for_ever() {
        let (mut queue, bytes) = (Queue::default(), vec![b'x'; 64 * 1024]);
        for _ in 0..100 {
            queue.put(Target::Stdout, Time(0), &bytes, true);
        }
        assert!(queue.bytes <= 2 * QUEUE_BYTES + 64 * 1024, "{}", queue.bytes);
        assert_eq!((queue.lost, queue.stdout), (1, Place::Lost));
        assert_eq!(queue.chunks.back().unwrap().2, b"\n");
    }

    #[test]
    fn without_memory_a_line_ends_where_it_is() {
        let mut queue = Queue::default();
        for (text, has_memory) in [("a\nb", true), ("b", false), ("c\nd\n", false), ("e\n", true)] {
            queue.put(Target::Stdout, Time(0), text.as_bytes(), has_memory);
        }
        assert_eq!(queue.bytes, queue.chunks.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>());
        let chunks: Vec<_> = queue.chunks.into_iter().flat_map(|(_, _, bytes)| bytes).collect();
        assert_eq!((chunks.as_slice(), queue.lost), (&b"a\nb\ne\n"[..], 2));
    }

    #[test]
    fn a_full_queue_waits_for_one_who_takes_from_it() {
        let log = Arc::new(Log::new().unwrap());
        let taker = Arc::clone(&log);
        log.push(Target::Stdout, &vec![0; QUEUE_BYTES]);
        let taking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            while let Task::Take(_, _, bytes) = taker.next(None) {
                if bytes == b"last" {
                    return;
                }
            }
        });
        for _ in 0..10 {
            log.push(Target::Stderr, &vec![0; QUEUE_BYTES]);
        }
        log.push(Target::Stderr, b"last");
        taking.join().unwrap();
        assert!(!log.abandoned.load(Ordering::Relaxed));
    }
}
