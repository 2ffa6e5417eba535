//! `vlog pipe`: each line of stdin is a record, and the program that writes them never waits for the server.
//!
//! This file reads, copies and minds the signals; the server is `ship.rs`'s affair. Input is copied to stdout
//! before anything else is done with it, so that whatever goes wrong here, the pipeline gets its bytes.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use super::{Context, Shared, Verdict, encoder, level_flag, sort_words, tell};
use crate::cli::PipeArgs;
use crate::config::Config;
use crate::line::Lines;
use crate::report::{self, Report, records};
use crate::ship::Shipper;
use crate::signals;
use crate::time::Time;
use crate::wait::{PollFlags, ready};

/// What one read takes: the size of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// After a signal to end, what lies in the pipe is still read: as many reads as the largest pipe takes
/// (`/proc/sys/fs/pipe-max-size`, 1 MiB).
const LAST_READS: usize = 16;

/// A pipe that poll(2) calls writable takes this much without blocking (`PIPE_BUF`).
const TEE_BYTES: usize = 4096;

/// Sends the lines of stdin.
pub fn run(args: PipeArgs, context: Context) -> Verdict {
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let level = level_flag(args.level.as_deref(), &mut mistakes);
    let (items, rest) = sort_words(args.words, &mut mistakes);
    mistakes.extend(rest.into_iter().map(|word| format!("'{word}' is not KEY=VALUE")));
    tell(&config, &mistakes, report);
    let shared = Shared::new(&config, level, args.service, items, &mistakes);
    let wanted = config.endpoint.is_some() && !shared.is_below(config.min_level);

    let config = Arc::new(config);
    let verdict = |done| Verdict { done, fail: config.fail };
    let mut input = match Input::open() {
        Ok(input) => input,
        Err(error) => {
            report::say(&format!("could not read stdin: {error}; nothing was logged"));
            return verdict(false);
        }
    };
    if input.is_terminal {
        report::say("reading lines from the terminal; Ctrl-D ends");
    }
    let signals = Signals::catch();
    let mut tee = Tee::open(args.tee);
    crate::panic_if_asked("pipe");
    if !wanted {
        while let Some(bytes) = input.next(&signals, None) {
            tee.write(bytes, &signals, report);
        }
        return verdict(true);
    }
    let mut shipper = Shipper::start(&config, report, encoder(), shared.level, &shared.fields);
    let mut lines = Lines::default();
    while let Some(bytes) = input.next(&signals, shipper.due_in()) {
        tee.write(bytes, &signals, report);
        let now = Time::now();
        lines.feed(bytes, |piece| shipper.take(piece, now));
        crate::panic_if_asked("pipe-line");
        shipper.ship_if_due();
    }
    lines.finish(|piece| shipper.take(piece, Time::now()));
    let lost = shipper.finish();
    if lost > 0 {
        report.trouble(&format!("could not deliver everything; {} lost in all", records(lost)));
    }
    verdict(lost == 0)
}

/// What `pipe` still owes its neighbours when it has panicked: to take everything, and to pass it on.
pub fn carry_on(tee: bool) {
    let Ok(mut input) = Input::open() else { return };
    let signals = Signals::catch();
    let mut tee = Tee::open(tee);
    while let Some(bytes) = input.next(&signals, None) {
        tee.write(bytes, &signals, Report::new(false));
    }
}

/// The signals that end the reading.
struct Signals {
    /// The programs upstream got it too, so their last words are awaited.
    interrupt: Option<UnixStream>,
    /// TERM and HUP.
    terminate: Option<UnixStream>,
}

impl Signals {
    /// Without descriptors for it, signals do what they do by default.
    fn catch() -> Self {
        Self { interrupt: signals::interrupt().ok(), terminate: signals::terminate().ok() }
    }
}

/// stdin until its end, or until a signal asks to end.
struct Input {
    stdin: File,
    buffer: Vec<u8>,
    is_terminal: bool,
    interrupts: usize,
    /// Reads that are left, once a signal has come.
    last_reads: Option<usize>,
}

impl Input {
    fn open() -> io::Result<Self> {
        // A copy of the descriptor: std's handle would buffer behind poll's back.
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let is_terminal = stdin.is_terminal();
        Ok(Self { stdin, buffer: vec![0; READ_BYTES], is_terminal, interrupts: 0, last_reads: None })
    }

    /// The next bytes, or none if `wait` is over first; `None` at the end.
    fn next(&mut self, signals: &Signals, wait: Option<Duration>) -> Option<&[u8]> {
        loop {
            let wait = if self.last_reads.is_some() { Some(Duration::ZERO) } else { wait };
            if !self.is_ready(signals, wait) {
                return if self.last_reads.is_some() { None } else { Some(&[]) };
            }
            if let Some(left) = &mut self.last_reads {
                *left = left.checked_sub(1)?;
            }
            match self.stdin.read(&mut self.buffer) {
                Ok(0) => return None,
                Ok(read) => return Some(self.buffer.get(..read).unwrap_or_default()),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => {
                    report::say(&format!("could not read stdin: {error}; what came before was logged"));
                    return None;
                }
            }
        }
    }

    /// Whether there is something to read before `wait` is over. Signals that come meanwhile are noted.
    fn is_ready(&mut self, signals: &Signals, mut wait: Option<Duration>) -> bool {
        loop {
            let mut fds = vec![(self.stdin.as_fd(), PollFlags::POLLIN)];
            let streams = [&signals.interrupt, &signals.terminate];
            fds.extend(streams.iter().filter_map(|fd| Some((fd.as_ref()?.as_fd(), PollFlags::POLLIN))));
            // Should poll fail, a read will tell.
            let Ok(found) = ready(&fds, wait) else { return true };
            let mut found = found.into_iter();
            let readable = found.next() == Some(true);
            let interrupted = signals.interrupt.is_some() && found.next() == Some(true);
            let terminated = found.next() == Some(true);
            if interrupted {
                self.interrupts += use_up(signals.interrupt.as_ref());
            }
            if terminated {
                use_up(signals.terminate.as_ref());
            }
            if terminated || self.interrupts > usize::from(!self.is_terminal) {
                self.last_reads.get_or_insert(LAST_READS);
            }
            if readable || !(interrupted || terminated) {
                return readable;
            }
            if self.last_reads.is_some() {
                wait = Some(Duration::ZERO);
            }
        }
    }
}

/// Takes the signals that have come and counts them.
fn use_up(signal: Option<&UnixStream>) -> usize {
    signal.and_then(|mut stream| stream.read(&mut [0; 16]).ok()).unwrap_or(0)
}

/// The copy on stdout; without `--tee`, and once nobody reads it any more, nothing.
struct Tee {
    stdout: Option<File>,
}

impl Tee {
    fn open(wanted: bool) -> Self {
        let copy = || io::stdout().as_fd().try_clone_to_owned().ok();
        Self { stdout: wanted.then(copy).flatten().map(File::from) }
    }

    /// Writes all of `bytes`, however long the reader takes, unless a signal to end comes meanwhile.
    fn write(&mut self, mut bytes: &[u8], signals: &Signals, report: Report) {
        let Some(stdout) = &mut self.stdout else { return };
        while !bytes.is_empty() {
            let mut fds = vec![(stdout.as_fd(), PollFlags::POLLOUT)];
            fds.extend(signals.terminate.as_ref().map(|fd| (fd.as_fd(), PollFlags::POLLIN)));
            let is_stuck = ready(&fds, None).is_ok_and(|ready| ready.first() == Some(&false));
            let (now, _) = bytes.split_at(TEE_BYTES.min(bytes.len()));
            let result = if is_stuck { Err(ErrorKind::BrokenPipe.into()) } else { stdout.write(now) };
            match result {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => {
                    if error.kind() != ErrorKind::BrokenPipe {
                        report.trouble(&format!("could not copy to stdout: {error}; logging goes on"));
                    }
                    self.stdout = None;
                    return;
                }
            }
        }
    }
}
