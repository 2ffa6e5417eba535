//! `vlog pipe`: each line of stdin is a record, and the program that writes them never waits for the server.
//!
//! This file reads, copies and minds the signals; the server is `ship.rs`'s affair. Input is copied to stdout
//! before anything else is done with it, so that whatever goes wrong here, the pipeline gets its bytes.

use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::{Context, Shared, Verdict, encoder, level_flag, not_an_item, sort_words, tell};
use crate::cli::PipeArgs;
use crate::config::Config;
use crate::deliver::Delivery;
use crate::line::Lines;
use crate::report::{self, Report};
use crate::ship::{Shipper, Source};
use crate::signals;
use crate::stdio;
use crate::time::Time;
use crate::wait::{PollFlags, ready};

/// What one read takes: the size of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// After a signal to end, what lies in the pipe is still read: as many reads as the largest pipe takes
/// (`/proc/sys/fs/pipe-max-size`, 1 MiB).
const LAST_READS: usize = 16;

/// A pipe that poll(2) calls writable takes this much without blocking (`PIPE_BUF`).
const TEE_BYTES: usize = 4096;

/// What the last delivery may take after a signal to end.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends the lines of stdin.
pub fn run(args: PipeArgs, context: Context) -> Verdict {
    let mut config = Config::for_delivery(&args.delivery, context.env);
    config.dry_run = args.dry_run;
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let level = level_flag(args.level.as_deref(), &mut mistakes);
    let (items, rest) = sort_words(args.words, &mut mistakes);
    mistakes.extend(rest.iter().map(|word| not_an_item(word, &context.dropped)));
    tell(&config, &mistakes, report);
    let shared = Shared::new(&config, level, args.service, items, &mistakes);
    let delivery = Delivery::new(&config, None).filter(|_| !shared.is_below(config.min_level));

    let verdict = |done| Verdict { done, fail: config.fail };
    if io::stdin().is_terminal() {
        report::say("reading lines from the terminal; Ctrl-D ends");
    }
    let mut input = Input::default();
    let mut signals = Signals::catch();
    let mut tee = Tee { wanted: args.tee };
    crate::panic_if_asked("pipe");
    let Some(delivery) = delivery else {
        copy(&mut input, &mut signals, &mut tee, report);
        return verdict(true);
    };
    let mut shipper = Shipper::start(delivery, config.timeout, report, encoder());
    let mut source = Source::new(shared.level, &shared.fields);
    let mut lines = Lines::default();
    while let Some(bytes) = input.next(&mut signals, shipper.due_in()) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = tee.write(rest, &mut signals, shipper.due_in(), report);
            shipper.ship_if_due();
        }
        let now = Time::now();
        lines.feed(bytes, |piece| shipper.take(piece, now, &mut source));
        crate::panic_if_asked("pipe-line");
        shipper.ship_if_due();
    }
    lines.finish(|piece| shipper.take(piece, Time::now(), &mut source));
    // Whoever sent a signal does not wait for long.
    let time = if signals.ended { config.timeout.min(SIGNAL_TIMEOUT) } else { config.timeout };
    let missing = shipper.finish(time);
    if let Some(told) = missing.told() {
        report.trouble(&told);
    }
    verdict(missing.is_nothing())
}

/// What `pipe` still owes its neighbours when it has panicked: to take everything, and to pass it on.
pub fn carry_on(tee: bool) {
    copy(&mut Input::default(), &mut Signals::catch(), &mut Tee { wanted: tee }, Report::new(false));
}

/// Reads to the end and only copies.
fn copy(input: &mut Input, signals: &mut Signals, tee: &mut Tee, report: Report) {
    while let Some(mut bytes) = input.next(signals, None) {
        while !bytes.is_empty() {
            bytes = tee.write(bytes, signals, None, report);
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
    fn catch() -> Self {
        let patience = usize::from(!io::stdin().is_terminal());
        Self {
            interrupt: signals::interrupt().ok(),
            terminate: signals::terminate().ok(),
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
                let count = use_up(self.interrupt.as_ref());
                self.ended |= count > self.patience;
                self.patience = self.patience.saturating_sub(count);
            }
            if terminated {
                use_up(self.terminate.as_ref());
                self.ended = true;
            }
            if is_ready || !(interrupted || terminated) {
                return is_ready;
            }
        }
    }
}

/// Takes the signals that have come and counts them.
fn use_up(signal: Option<&UnixStream>) -> usize {
    signal.and_then(|mut stream| stream.read(&mut [0; 16]).ok()).unwrap_or(0)
}

/// stdin until its end, or until a signal asks to end.
struct Input {
    buffer: Vec<u8>,
    /// Reads that are left once a signal has come.
    last_reads: usize,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: vec![0; READ_BYTES], last_reads: LAST_READS }
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
            Ok(read) => Some(self.buffer.get(..read).unwrap_or_default()),
            Err(error) => {
                report::say(&format!("could not read stdin: {error}; what came before was logged"));
                None
            }
        }
    }
}

/// The copy on stdout; without `--tee`, and once nobody reads it any more, nothing.
struct Tee {
    wanted: bool,
}

impl Tee {
    /// Writes what stdout takes within `wait` and returns the rest. A signal to end gives up a copy that is stuck.
    fn write<'a>(
        &mut self,
        bytes: &'a [u8],
        signals: &mut Signals,
        wait: Option<Duration>,
        report: Report,
    ) -> &'a [u8] {
        if !self.wanted {
            return &[];
        }
        if !signals.wait_for(io::stdout().as_fd(), PollFlags::POLLOUT, wait) {
            self.wanted = !signals.ended;
            return bytes;
        }
        let (now, _) = bytes.split_at(TEE_BYTES.min(bytes.len()));
        match stdio::write(now) {
            Ok(written) => bytes.get(written..).unwrap_or_default(),
            Err(error) => {
                if error.kind() != ErrorKind::BrokenPipe {
                    report.trouble(&format!("could not copy to stdout: {error}; logging goes on"));
                }
                self.wanted = false;
                &[]
            }
        }
    }
}
