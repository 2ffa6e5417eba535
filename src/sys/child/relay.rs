//! What a command reads and writes, on its way: one thread per stream.
//!
//! Bytes go first where they belong, then to whoever looks on. A slow reader holds up its own stream only, as it
//! would without vlog. Once nobody reads, the command's own writes fail too, as they would without vlog.

use std::io::{self, ErrorKind, PipeReader, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::poll::{PollFlags, events};
use crate::sys::stderr;
use crate::sys::stdio;

/// What one read takes: the size of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// How long after the command a pipe is read that another process holds open.
const GRACE: Duration = Duration::from_millis(500);

/// What is then still read of what lies in the pipe: the size of the largest (`/proc/sys/fs/pipe-max-size`).
const LAST_BYTES: usize = 1024 * 1024;

/// Where a command's stdin comes from.
#[derive(Debug)]
pub enum Stdin {
    /// From where vlog's own does.
    Inherit,
    /// These bytes, and then the end.
    Feed(Arc<Vec<u8>>),
}

/// One of vlog's own streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// stdout
    Stdout,
    /// stderr
    Stderr,
}

impl Target {
    /// The name of the stream, and of the thread that looks after it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Does something with the descriptor.
    fn with<T>(self, act: impl FnOnce(BorrowedFd) -> T) -> T {
        match self {
            Self::Stdout => act(io::stdout().as_fd()),
            Self::Stderr => act(io::stderr().as_fd()),
        }
    }
}

/// Sees the bytes of a stream.
type Onlooker = dyn Fn(&[u8]) + Send + Sync;

/// What becomes of the bytes of a stream.
pub struct Tap {
    /// Whether they are passed on.
    pub pass: bool,
    /// Sees them, after they were passed on.
    pub see: Box<Onlooker>,
}

/// One stream of a command.
pub struct Pump {
    target: Target,
    tap: Tap,
    /// The command's end of it is the only other one, unless it has handed it on.
    from: Mutex<Option<Arc<PipeReader>>>,
    /// Why not all could be written, the first time; a reader that is gone is no such reason.
    unwritten: OnceLock<String>,
    /// Shut down by the other side when the command has ended, and by this side when all is done.
    this_side: UnixStream,
    other_side: UnixStream,
}

impl Pump {
    /// For the stream that comes out of `from`.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn new(target: Target, tap: Tap, from: PipeReader) -> io::Result<Self> {
        let (this_side, other_side) = UnixStream::pair()?;
        let (from, unwritten) = (Mutex::new(Some(Arc::new(from))), OnceLock::new());
        Ok(Self { target, tap, from, unwritten, this_side, other_side })
    }

    /// Which stream it is.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// Why not all of the stream could be written, as a sentence; `None` if it was, or if its reader was gone.
    #[must_use]
    pub fn unwritten(&self) -> Option<String> {
        self.unwritten.get().map(|why| format!("could not write {}: {why}", self.target.name()))
    }

    /// Says that the command has ended.
    pub fn command_ended(&self) {
        let _ = self.other_side.shutdown(Shutdown::Write);
    }

    /// Readable once all is done.
    #[must_use]
    pub fn done(&self) -> BorrowedFd<'_> {
        self.other_side.as_fd()
    }

    /// Works until the stream ends, its reader goes away, or [`GRACE`] after the command. Without `seen` nobody looks
    /// on: that is for a thread whose onlooker has panicked.
    pub fn run(&self, seen: bool) {
        let from = self.from.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(from) = from {
            let is_read = self.copy(&from, seen);
            if !is_read && !seen {
                // The panic has left a handle behind, so this cannot be closed: read on, that the command not hang.
                let mut rest = &*from;
                let _ = io::copy(&mut rest, &mut io::sink());
            }
        }
        // With the last handle the pipe is closed, and the command's next write fails.
        drop(self.from.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.this_side.shutdown(Shutdown::Write);
    }

    /// Copies to the end; `false` if nobody reads.
    fn copy(&self, mut from: &PipeReader, seen: bool) -> bool {
        let mut buffer = vec![0; READ_BYTES];
        let mut is_watched = self.tap.pass;
        let mut end: Option<Instant> = None;
        let mut last_bytes = LAST_BYTES;
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let (has_bytes, has_reader) = self.target.with(|to| {
                let mut fds = vec![(from.as_fd(), PollFlags::POLLIN)];
                if end.is_none() {
                    fds.push((self.this_side.as_fd(), PollFlags::POLLIN));
                }
                if is_watched {
                    fds.push((to, PollFlags::empty()));
                }
                // Should poll fail, reading tells.
                let Ok(found) = events(&fds, left) else { return (true, true) };
                if end.is_none() && found.get(1).is_some_and(|found| !found.is_empty()) {
                    end = Instant::now().checked_add(GRACE);
                }
                let state = found.get(fds.len() - 1).filter(|_| is_watched).copied();
                let state = state.unwrap_or(PollFlags::empty());
                // A terminal that was hung up has both; its writers get errors, and no signal.
                is_watched &= !state.contains(PollFlags::POLLHUP);
                let is_gone = is_watched && state.contains(PollFlags::POLLERR);
                (found.first().is_some_and(|found| !found.is_empty()), !is_gone)
            });
            if !has_reader {
                return false;
            }
            if !has_bytes {
                if end.is_some_and(|end| end <= Instant::now()) {
                    return true;
                }
                continue;
            }
            let read = match from.read(&mut buffer) {
                Ok(0) => return true,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return true,
            };
            if end.is_some_and(|end| end <= Instant::now()) {
                // What the command wrote lies in front of what others still write.
                last_bytes = last_bytes.saturating_sub(read);
                if last_bytes == 0 {
                    return true;
                }
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            if self.tap.pass {
                match self.target.with(|to| stdio::write_all_to(to, bytes)) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return false,
                    // The command would have met this error, and gone on or not: it goes on, and its end tells.
                    Err(error) => {
                        if self.unwritten.set(error.to_string()).is_ok() {
                            let why = self.unwritten().unwrap_or_default();
                            stderr::say(&format!("{why}; the command goes on"));
                        }
                    }
                }
            }
            if seen {
                (self.tap.see)(bytes);
            }
        }
    }
}

/// Writes `bytes` to a command that may not read them, or not all, and then closes its stdin.
pub fn feed(to: &io::PipeWriter, bytes: &[u8]) {
    // A command that reads no further is no failure.
    let _ = stdio::write_all_to(to.as_fd(), bytes);
}
