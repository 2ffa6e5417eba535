//! stdin read until its end or a signal, and copied to stdout as tee(1) does.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

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

/// Reads to the end, or until the copy has no reader, and only copies.
pub fn copy(upstream: &mut Upstream, signals: &mut Signals, tee: &mut Tee) {
    while let Some(mut bytes) = upstream.next(signals, None) {
        while !bytes.is_empty() {
            bytes = tee.write(bytes, signals, None);
        }
        if *tee == Tee::Orphaned {
            return;
        }
    }
}

/// The signals that end the reading.
pub struct Signals {
    /// INT. The programs upstream got it too, so what they still write is read.
    interrupt: Option<UnixStream>,
    /// TERM and HUP.
    terminate: Option<UnixStream>,
    /// How many interrupts may still come before one ends the reading.
    tolerated: usize,
    /// Whether a signal has ended the reading.
    pub ended: bool,
}

impl Signals {
    /// Without descriptors for it, signals do what they do by default.
    #[must_use]
    pub fn catch(ignored: Ignored) -> Self {
        let tolerated = usize::from(!io::stdin().is_terminal());
        Self {
            interrupt: signals::interrupt(ignored).ok(),
            terminate: signals::terminate(ignored).ok(),
            tolerated,
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
                self.ended |= count > self.tolerated;
                self.tolerated = self.tolerated.saturating_sub(count);
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
pub struct Upstream {
    buffer: Vec<u8>,
    /// Whether anything came so far.
    has_read: bool,
    /// Reads that are left once a signal has come.
    last_reads: usize,
}

impl Default for Upstream {
    fn default() -> Self {
        Self { buffer: vec![0; READ_BYTES], has_read: false, last_reads: LAST_READS }
    }
}

impl Upstream {
    /// The next bytes, or none if `wait` is over first; `None` at the end.
    pub fn next(&mut self, signals: &mut Signals, wait: Option<Duration>) -> Option<&[u8]> {
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
pub enum Tee {
    /// All input goes there.
    Wanted,
    /// Nothing does: it was not asked for, or could not go on.
    Off,
    /// Its reader has gone, as that of `tee` in `tee | head`: there is no point in reading on.
    Orphaned,
}

impl Tee {
    /// `wanted` asks for the copy.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        if wanted { Self::Wanted } else { Self::Off }
    }

    /// Writes what stdout takes within `wait` and returns the rest. A signal to end gives up a copy that is stuck.
    pub fn write<'a>(&mut self, bytes: &'a [u8], signals: &mut Signals, wait: Option<Duration>) -> &'a [u8] {
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
