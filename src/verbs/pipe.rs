//! `vlog pipe`: each line of stdin is a record, and the program that writes them never waits for the server.
//!
//! This file reads, copies and minds the signals; the server is `ship.rs`'s affair. Input is copied to stdout
//! before anything else is done with it, so that whatever goes wrong here, the pipeline gets its bytes.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use regex_lite::RegexBuilder;

use super::road::Road;
use super::session::Session;
use super::{Context, Verdict};
use crate::cli::args::PipeArgs;
use crate::delivery::sender::ToSender;
use crate::intake::assemble::Source;
use crate::intake::text::join::Joiner;
use crate::intake::text::lines::{Lines, Piece};
use crate::intake::text::parse::{Mode, Parser};
use crate::record::time::Time;
use crate::sys::cause::cause;
use crate::sys::poll::{PollFlags, ready};
use crate::sys::signals::{self, Ignored};
use crate::sys::stderr;
use crate::sys::stdio;

/// What one read takes: the size of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// After a signal to end, what lies in the pipe is still read: as many reads as the largest pipe takes
/// (`/proc/sys/fs/pipe-max-size`, 1 MiB).
const LAST_READS: usize = 16;

/// A pipe that poll(2) calls writable takes this much without blocking (`PIPE_BUF`).
const TEE_BYTES: usize = 4096;

/// The most that a pattern may become; matching takes as long for each byte of input.
const MAX_PATTERN_BYTES: usize = 32 * 1024;

/// What the last delivery may take after a signal to end.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends the lines of stdin.
pub fn run(args: PipeArgs, mut context: Context) -> Verdict {
    let mut signals = Signals::catch(context.ignored);
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    let level = session.level(args.level.as_deref());
    let items = session.fields(args.words);
    let mode = mode_flag(args.parse.as_deref(), &mut session.mistakes);
    let joiner = joiner_flag(args.multiline, args.multiline_start.as_deref(), &mut session.mistakes);
    session.tell();
    let defaults = session.defaults(level, items, &session.mistakes);

    if io::stdin().is_terminal() {
        stderr::say("reading lines from the terminal; Ctrl-D ends");
    }
    let mut input = Input::default();
    let mut tee = Tee::new(args.tee);
    crate::sys::panic_if_asked("pipe");
    let Some(delivery) = session.delivery(None) else {
        copy(&mut input, &mut signals, &mut tee);
        return session.verdict(true);
    };
    let timeout = session.config.timeout;
    let mut intake = Intake {
        lines: Lines::new(args.keep_ansi),
        joiner,
        source: Source::new(&defaults, Parser::new(mode, args.keep_ansi)),
        road: Road::open(ToSender::new(timeout, session.report), delivery),
    };
    while let Some(bytes) = input.next(&mut signals, intake.due_in()) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = tee.write(rest, &mut signals, intake.due_in());
            intake.send_what_is_due();
        }
        intake.feed(bytes);
        crate::sys::panic_if_asked("pipe-line");
        intake.send_what_is_due();
        if tee == Tee::Orphaned {
            stdio::close_stdin();
            break;
        }
    }
    // Whoever sent a signal does not wait for long.
    let time = if signals.ended { timeout.min(SIGNAL_TIMEOUT) } else { timeout };
    let missing = intake.finish().finish(time, &defaults);
    missing.tell(session.report);
    session.verdict(missing.is_nothing())
}

/// The value of `--parse`.
fn mode_flag(name: Option<&str>, mistakes: &mut Vec<String>) -> Mode {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Mode::default() };
    Mode::parse(name).unwrap_or_else(|| {
        let names = Mode::NAMES.map(|(name, _)| name).join(", ");
        mistakes.push(format!("could not use --parse: '{name}' is none of {names}"));
        Mode::default()
    })
}

/// What `--multiline` and `--multiline-start` ask for. A pattern that is none leaves the known shapes.
fn joiner_flag(wanted: bool, start: Option<&str>, mistakes: &mut Vec<String>) -> Option<Joiner> {
    let Some(pattern) = start.filter(|pattern| !pattern.is_empty()) else {
        return wanted.then(|| Joiner::new(None));
    };
    let start = RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .map_err(|error| mistakes.push(format!("could not use --multiline-start: {error}")))
        .ok();
    Some(Joiner::new(start))
}

/// What becomes of the bytes: lines, perhaps joined, then records.
struct Intake<'a> {
    lines: Lines,
    joiner: Option<Joiner>,
    source: Source<'a>,
    road: Road,
}

impl Intake<'_> {
    /// Takes what was read just now.
    fn feed(&mut self, bytes: &[u8]) {
        self.lines_into(|lines, sink| lines.feed(bytes, sink));
    }

    /// Takes the last line and what was held back.
    fn finish(mut self) -> Road {
        self.lines_into(|lines, sink| lines.finish(sink));
        self.release();
        self.road
    }

    /// Hands the lines that `read` finds on to the shipper.
    fn lines_into(&mut self, read: impl FnOnce(&mut Lines, &mut dyn FnMut(Piece))) {
        let Self { lines, joiner, source, road } = self;
        let now = Time::now();
        match joiner {
            None => read(lines, &mut |piece| road.take(piece, now, source)),
            Some(joiner) => {
                let now = (now, Instant::now());
                read(lines, &mut |piece| {
                    joiner.take(piece, now, |piece, time| road.take(piece, time, source));
                });
            }
        }
    }

    /// Hands on the lines that were held back to be joined.
    fn release(&mut self) {
        let Self { joiner: Some(joiner), source, road, .. } = self else { return };
        joiner.flush(|piece, time| road.take(piece, time, source));
    }

    /// How long until something must be done even if nothing comes.
    fn due_in(&self) -> Option<Duration> {
        let held = self.joiner.as_ref().and_then(|joiner| joiner.due_in(Instant::now()));
        self.road.due_in().into_iter().chain(held).min()
    }

    fn send_what_is_due(&mut self) {
        if self.joiner.as_ref().and_then(|joiner| joiner.due_in(Instant::now())) == Some(Duration::ZERO) {
            self.release();
        }
        self.road.ship_if_due();
    }
}

/// What `pipe` still owes its neighbours when it has panicked: to take everything, and to pass it on.
pub fn carry_on(tee: bool) {
    let mut signals = Signals::catch(Ignored::at_start(false));
    copy(&mut Input::default(), &mut signals, &mut Tee::new(tee));
}

/// Reads to the end, or as long as somebody reads the copy, and only copies.
fn copy(input: &mut Input, signals: &mut Signals, tee: &mut Tee) {
    while let Some(mut bytes) = input.next(signals, None) {
        while !bytes.is_empty() {
            bytes = tee.write(bytes, signals, None);
        }
        if *tee == Tee::Orphaned {
            return;
        }
    }
}

/// The signals that end the reading.
struct Signals {
    /// The programs upstream got it too, so their last words are awaited.
    interrupt: Option<UnixStream>,
    /// TERM and HUP.
    terminate: Option<UnixStream>,
    /// How many interrupts are still let pass.
    patience: usize,
    /// Whether a signal has ended the reading.
    ended: bool,
}

impl Signals {
    /// Without descriptors for it, signals do what they do by default.
    fn catch(ignored: Ignored) -> Self {
        let patience = usize::from(!io::stdin().is_terminal());
        Self {
            interrupt: signals::interrupt(ignored).ok(),
            terminate: signals::terminate(ignored).ok(),
            patience,
            ended: false,
        }
    }

    /// Waits until a descriptor is ready or a signal has ended the reading, for `wait` at most. Whether the
    /// descriptor is ready.
    fn wait_for(&mut self, fd: BorrowedFd, flags: PollFlags, wait: Option<Duration>) -> bool {
        loop {
            let wait = if self.ended { Some(Duration::ZERO) } else { wait };
            let mut fds = vec![(fd, flags)];
            let streams = [&self.interrupt, &self.terminate];
            fds.extend(streams.iter().filter_map(|fd| Some((fd.as_ref()?.as_fd(), PollFlags::POLLIN))));
            // Should poll fail, reading or writing will tell.
            let Ok(found) = ready(&fds, wait) else { return true };
            let mut found = found.into_iter();
            let is_ready = found.next() == Some(true);
            let interrupted = self.interrupt.is_some() && found.next() == Some(true);
            let terminated = found.next() == Some(true);
            if interrupted {
                let count = self.interrupt.as_ref().map_or(0, signals::use_up);
                self.ended |= count > self.patience;
                self.patience = self.patience.saturating_sub(count);
            }
            if terminated {
                self.terminate.as_ref().map(signals::use_up);
                self.ended = true;
            }
            if is_ready || !(interrupted || terminated) {
                return is_ready;
            }
        }
    }
}

/// stdin until its end, or until a signal asks to end.
struct Input {
    buffer: Vec<u8>,
    /// Whether anything came so far.
    has_read: bool,
    /// Reads that are left once a signal has come.
    last_reads: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: vec![0; READ_BYTES], has_read: false, last_reads: LAST_READS }
    }
}

impl Input {
    /// The next bytes, or none if `wait` is over first; `None` at the end.
    fn next(&mut self, signals: &mut Signals, wait: Option<Duration>) -> Option<&[u8]> {
        let is_ready = signals.wait_for(io::stdin().as_fd(), PollFlags::POLLIN, wait);
        if !is_ready {
            return if signals.ended { None } else { Some(&[]) };
        }
        if signals.ended {
            self.last_reads = self.last_reads.checked_sub(1)?;
        }
        match stdio::read(&mut self.buffer) {
            Ok(0) => None,
            Ok(read) => {
                self.has_read = true;
                Some(self.buffer.get(..read).unwrap_or_default())
            }
            Err(error) => {
                let before = if self.has_read { "what came before was logged" } else { "nothing was logged" };
                stderr::say(&format!("could not read stdin: {}; {before}", cause(&error)));
                None
            }
        }
    }
}

/// The copy on stdout.
#[derive(Debug, PartialEq, Eq)]
enum Tee {
    /// All input goes there.
    Wanted,
    /// Nothing does: nobody asked for it, or it could not go on.
    Off,
    /// Its reader has gone, as that of `tee` in `tee | head`: there is no point in reading on.
    Orphaned,
}

impl Tee {
    fn new(wanted: bool) -> Self {
        if wanted { Self::Wanted } else { Self::Off }
    }

    /// Writes what stdout takes within `wait` and returns the rest. A signal to end gives up a copy that is stuck.
    fn write<'a>(&mut self, bytes: &'a [u8], signals: &mut Signals, wait: Option<Duration>) -> &'a [u8] {
        if *self != Self::Wanted {
            return &[];
        }
        if !signals.wait_for(io::stdout().as_fd(), PollFlags::POLLOUT, wait) {
            if signals.ended {
                *self = Self::Off;
            }
            return bytes;
        }
        let (now, _) = bytes.split_at(TEE_BYTES.min(bytes.len()));
        match stdio::write(now) {
            Ok(written) => bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *self = Self::Orphaned;
                &[]
            }
            Err(error) => {
                stderr::say(&format!("could not copy to stdout: {}; logging goes on", cause(&error)));
                *self = Self::Off;
                &[]
            }
        }
    }
}
