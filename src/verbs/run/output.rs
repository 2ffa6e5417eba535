//! What a command writes, on its way from the threads that pass it on to the thread that logs it.
//!
//! Between them is a bounded queue. A full one holds up the command as long as something is taken from it; otherwise whole
//! lines are given up, and counted. A panic of the thread that logs abandons the queue, and the command never notices.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use memchr::{memchr, memchr_iter};

use crate::delivery::sender::Progress;
use crate::record::time::Time;
use crate::sys::cause::cause;
use crate::sys::child::{CommandEnd, Target, linger};
use crate::sys::memory::has_room;
use crate::sys::poll::Countdown;
use crate::sys::queue::{Locked, Queue};
use crate::sys::signals::{Inbox, without_signals};
use crate::sys::stderr::{self, records};

/// What lies between the streams and the logging thread: as much as half a second's work for it.
const QUEUE_BYTES: usize = 1024 * 1024;

/// How long a full queue holds up the command without anything being taken from it, of vlog's own time. The logging
/// thread waits 500 ms for a server at most; if it takes longer it hangs, on a broken disk for one, and until it goes on
/// lines are given up.
pub const STUCK_AFTER: Duration = Duration::from_secs(2);

/// Memory that must be there before more of the output is taken in: for a line of the longest kind in hand, the record
/// and the batch that it becomes, and the request or entry that these become.
pub const ROOM_BYTES: usize = 4 * 1024 * 1024;

/// The name of the thread that logs.
pub const LOGGER: &str = "log";

/// What comes from the streams, and how the command ended.
pub struct Output {
    queue: Queue<Chunk, Streams>,
    /// The thread that logs is gone.
    abandoned: AtomicBool,
    /// Shut down when everything is logged.
    of_logger: UnixStream,
    of_waiter: UnixStream,
}

/// What one read of a stream has given.
struct Chunk {
    target: Target,
    time: Time,
    bytes: Vec<u8>,
}

/// How far the streams are.
#[derive(Default)]
struct Streams {
    stdout: InLine,
    stderr: InLine,
    /// How many lines were given up.
    lost: u64,
    /// Nothing has been taken out for so long that no stream waits for room, until something is.
    is_stuck: bool,
    end: Option<CommandEnd>,
}

/// Where in its lines a stream is, between two reads. Only whole lines are given up: a record is all of its line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum InLine {
    /// At the beginning of one.
    #[default]
    Start,
    /// In one whose beginning is in the queue.
    Within,
    /// In one that is given up.
    Lost,
}

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Whatever comes.
    Free,
    /// The end of a line whose beginning is in the queue.
    EndOfLine,
    /// Nothing.
    None,
}

impl Streams {
    fn place(&mut self, target: Target) -> &mut InLine {
        match target {
            Target::Stdout => &mut self.stdout,
            Target::Stderr => &mut self.stderr,
        }
    }

    /// What of a read goes into the queue. The lines that find no room are given up and counted.
    fn admit<'a>(&mut self, target: Target, bytes: &'a [u8], room: Room) -> &'a [u8] {
        let (mut place, mut bytes) = (*self.place(target), bytes);
        if place == InLine::Lost {
            let Some(rest) = after_line(bytes) else { return &[] };
            (place, bytes) = (InLine::Start, rest);
        }
        let (queued, lost): (&[u8], &[u8]) = match (place, room) {
            (_, Room::Free) => (bytes, &[]),
            (InLine::Within, Room::EndOfLine) => {
                bytes.split_at(bytes.len() - after_line(bytes).map_or(0, <[u8]>::len))
            }
            // The line is cut here.
            (InLine::Within, Room::None) => (b"\n", bytes),
            _ => (&[], bytes),
        };
        let after = |bytes: &[u8], open| if bytes.ends_with(b"\n") { InLine::Start } else { open };
        if !queued.is_empty() {
            place = after(queued, InLine::Within);
        }
        if !lost.is_empty() {
            place = after(lost, InLine::Lost);
            self.lost += memchr_iter(b'\n', lost).count() as u64 + u64::from(place == InLine::Lost);
        }
        *self.place(target) = place;
        queued
    }
}

/// What follows the first line; `None` if it does not end.
fn after_line(bytes: &[u8]) -> Option<&[u8]> {
    memchr(b'\n', bytes).and_then(|at| bytes.get(at + 1..))
}

/// What the logging thread has to do next.
pub enum Next {
    /// Log these bytes, read from that stream at that time.
    Log(Target, Time, Vec<u8>),
    /// Nothing came in time.
    Wait,
    /// Log the end of the command, and that so many lines were given up.
    End(CommandEnd, u64),
}

impl Output {
    /// # Errors
    /// No descriptors left.
    pub fn new() -> io::Result<Self> {
        let (of_logger, of_waiter) = UnixStream::pair()?;
        Ok(Self { queue: Queue::new(QUEUE_BYTES), abandoned: AtomicBool::new(false), of_logger, of_waiter })
    }

    /// Starts the thread that logs.
    pub fn begin(&self, work: impl FnOnce() + Send + 'static) {
        // Signals are for the main thread.
        let started = without_signals(|| thread::Builder::new().name(LOGGER.to_owned()).spawn(work));
        if let Err(error) = started {
            stderr::say(&format!("could not log the command: {}; it runs all the same", cause(&error)));
            self.abandon();
        }
    }

    /// Nothing is logged any more, and no stream waits for room.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.queue.wake();
        self.all_is_logged();
    }

    /// Makes [`Output::done`] readable.
    pub fn all_is_logged(&self) {
        let _ = self.of_logger.shutdown(Shutdown::Write);
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Takes what a stream's thread has read. Waits for room while the logging thread goes on.
    pub fn push(&self, target: Target, bytes: &[u8]) {
        crate::sys::panic_if_asked("run-stream");
        let now = Time::now();
        let mut queue = self.wait_for_room();
        if self.is_abandoned() {
            return;
        }
        let room = match has_room(ROOM_BYTES) {
            true if !queue.is_full() => Room::Free,
            true if queue.bytes() < 2 * QUEUE_BYTES => Room::EndOfLine,
            _ => Room::None,
        };
        let bytes = queue.state.admit(target, bytes, room).to_vec();
        if !bytes.is_empty() {
            let length = bytes.len();
            queue.put(Chunk { target, time: now, bytes }, length);
        }
    }

    fn wait_for_room(&self) -> Locked<'_, Chunk, Streams> {
        let mut queue = self.queue.lock();
        let (mut taken, mut countdown) = (queue.taken(), Countdown::new(STUCK_AFTER));
        // What is in it will be memory again.
        let is_short = |bytes: usize| bytes > 0 && !has_room(ROOM_BYTES);
        while (queue.is_full() || is_short(queue.bytes())) && !queue.state.is_stuck && !self.is_abandoned() {
            queue = countdown.step(|time| queue.wait(Some(time)));
            if queue.taken() != taken {
                (taken, countdown) = (queue.taken(), Countdown::new(STUCK_AFTER));
            }
            queue.state.is_stuck |= countdown.is_over();
        }
        queue
    }

    /// Says how the command ended.
    pub fn end(&self, end: &CommandEnd) {
        self.queue.lock().set(|streams| streams.end = Some(end.clone()));
    }

    /// Readable once everything is logged.
    #[must_use]
    pub fn done(&self) -> BorrowedFd<'_> {
        self.of_waiter.as_fd()
    }

    /// What comes next, within `time` if that is given.
    pub fn next(&self, time: Option<Duration>) -> Next {
        let start = Instant::now();
        let mut queue = self.queue.lock();
        loop {
            if let Some(Chunk { target, time, bytes }) = queue.take() {
                queue.state.is_stuck = false;
                return Next::Log(target, time, bytes);
            }
            if let Some(end) = queue.state.end.take() {
                return Next::End(end, queue.state.lost);
            }
            let left = time.map(|time| time.saturating_sub(start.elapsed()));
            if left == Some(Duration::ZERO) {
                return Next::Wait;
            }
            queue = queue.wait(left);
        }
    }

    /// Waits until everything is logged, as long as something goes on: what there is fits into memory, so this ends. After
    /// `hurry` without any progress what is still on its way is given up, and that is told.
    pub fn wait_while_it_goes_on(&self, inbox: &mut Inbox, progress: &Progress, hurry: Duration) {
        let steps = || (self.queue.lock().taken(), progress.steps());
        loop {
            let before = steps();
            if linger(inbox, self.done(), &mut Some(Countdown::new(hurry)), hurry) {
                return;
            }
            if steps() == before {
                break;
            }
        }
        let queue = self.queue.lock();
        let lines: u64 = queue.iter().map(|chunk| memchr_iter(b'\n', &chunk.bytes).count() as u64).sum();
        // And the last record, of the end.
        let lost = lines + progress.on_their_way() + queue.state.lost + 1;
        stderr::say(&format!(
            "could not log everything: nothing went on for {}s; {} lost",
            hurry.as_secs(),
            records(lost)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::child::NotRun;
    use std::sync::Arc;

    #[test]
    fn a_full_queue_is_waited_for_and_then_lines_are_given_up_until_somebody_takes_from_it() {
        let output = Output::new().unwrap();
        let bytes = vec![b'\n'; QUEUE_BYTES];
        output.push(Target::Stdout, &bytes);
        let start = Instant::now();
        output.push(Target::Stdout, b"waits\n");
        assert!(start.elapsed() >= STUCK_AFTER, "{:?}", start.elapsed());
        let start = Instant::now();
        output.push(Target::Stderr, b"does not wait\nnor this\n");
        assert!(start.elapsed() < STUCK_AFTER, "{:?}", start.elapsed());
        assert!(matches!(output.next(None), Next::Log(Target::Stdout, _, taken) if taken == bytes));
        output.push(Target::Stdout, b"later\n");
        assert!(matches!(output.next(None), Next::Log(Target::Stdout, _, taken) if taken == b"later\n"));
        assert!(matches!(output.next(Some(Duration::ZERO)), Next::Wait));
        output.end(&CommandEnd::not_run(NotRun { code: 1, why: String::new() }));
        assert!(matches!(output.next(None), Next::End(_, 3)));
    }

    /// What is queued of these reads of a stream, each with what there is room for; and how many lines are lost.
    fn queued(reads: &[(&str, Room)]) -> (String, u64) {
        let (mut streams, mut found) = (Streams::default(), Vec::new());
        for (text, room) in reads {
            found.extend_from_slice(streams.admit(Target::Stdout, text.as_bytes(), *room));
            assert_eq!(streams.admit(Target::Stderr, b"", *room), b"", "one stream is not the other");
        }
        (String::from_utf8(found).unwrap(), streams.lost)
    }

    #[test]
    fn only_whole_lines_are_given_up_and_each_is_counted() {
        use Room::{EndOfLine as Full, Free, None};
        let cases = [
            (&[("a\nb", Free), ("c\nd\n", Full), ("e\n", Free)][..], "a\nbc\ne\n", 1),
            (&[("a\nb", Free), ("c\nd", Full), ("e\nf\n", Free)], "a\nbc\nf\n", 1),
            (&[("a\n", Free), ("b\nc", Full), ("d", Full), ("e", Free), ("\nf\n", Free)], "a\nf\n", 2),
            (&[("a", Free), ("b", Full), ("c\n", Full), ("d", Full)], "abc\n", 1),
            (&[("a\n", Free), ("\n\n\n", Full), ("b", Free)], "a\nb", 3),
            (&[("a\n", Full), ("b\nc", Full), ("d\n", Full)], "", 3),
            // Without any room a line ends where it is.
            (&[("a\nb", Free), ("b", None), ("c\nd\n", None), ("e\n", Free)], "a\nb\ne\n", 2),
        ];
        for (reads, text, lost) in cases {
            assert_eq!(queued(reads), (text.to_owned(), lost), "{reads:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_does_not_grow_the_queue_for_ever() {
        let output = Output::new().unwrap();
        output.queue.lock().state.is_stuck = true;
        let bytes = vec![b'x'; 64 * 1024];
        for _ in 0..100 {
            output.push(Target::Stdout, &bytes);
        }
        let queue = output.queue.lock();
        assert!(queue.bytes() <= 2 * QUEUE_BYTES + 64 * 1024, "{}", queue.bytes());
        assert_eq!((queue.state.lost, queue.state.stdout), (1, InLine::Lost));
        assert_eq!(queue.iter().last().unwrap().bytes, b"\n");
    }

    #[test]
    fn a_full_queue_waits_for_one_who_takes_from_it() {
        let output = Arc::new(Output::new().unwrap());
        let taker = Arc::clone(&output);
        output.push(Target::Stdout, &vec![0; QUEUE_BYTES]);
        let taking = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            while let Next::Log(_, _, bytes) = taker.next(None) {
                if bytes == b"last" {
                    return;
                }
            }
        });
        for _ in 0..10 {
            output.push(Target::Stderr, &vec![0; QUEUE_BYTES]);
        }
        output.push(Target::Stderr, b"last");
        taking.join().unwrap();
        assert!(!output.is_abandoned());
    }
}
