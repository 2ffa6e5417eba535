//! What a command reads and writes, on its way: one thread per stream.
//!
//! Bytes are passed on first, and then shown to the code that logs them. As without vlog, a slow reader holds up its own
//! stream only, and once the reader is gone the command's own writes fail.

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

    /// Works until the stream ends, its reader goes away, or [`GRACE`] after the command. Without `seen` the
    /// bytes are only passed on: that is for a thread that has panicked when it saw some.
    pub fn run(&self, seen: bool) {
        let from = self.from.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(from) = from {
            let is_read = self.copy(&from, seen);
            if !is_read && !seen {
                // The panic has left a handle behind, so this cannot be closed: read on, or the command would hang.
                let mut rest = &*from;
                let _ = io::copy(&mut rest, &mut io::sink());
            }
        }
        // With the last handle the pipe is closed, and the command's next write fails.
        drop(self.from.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.this_side.shutdown(Shutdown::Write);
    }

    /// Copies to the end; `false` if the reader is gone.
    fn copy(&self, mut from: &PipeReader, seen: bool) -> bool {
        let mut buffer = vec![0; READ_BYTES];
        let mut wait = Wait { has_reader: self.tap.pass, end: None };
        let mut last_bytes = LAST_BYTES;
        loop {
            match self.wait(from, &mut wait) {
                Awaited::NoReader => return false,
                Awaited::Nothing if wait.is_over() => return true,
                Awaited::Nothing => continue,
                Awaited::Bytes => {}
            }
            let read = match from.read(&mut buffer) {
                Ok(0) => return true,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return true,
            };
            if wait.is_over() {
                // What the command wrote lies in front of what other processes still write.
                last_bytes = last_bytes.saturating_sub(read);
                if last_bytes == 0 {
                    return true;
                }
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            if self.tap.pass && !self.pass_on(bytes) {
                return false;
            }
            if seen {
                (self.tap.see)(bytes);
            }
        }
    }

    /// Waits until there is something to read, the command has ended, or [`GRACE`] after that.
    fn wait(&self, from: &PipeReader, wait: &mut Wait) -> Awaited {
        let left = wait.end.map(|end| end.saturating_duration_since(Instant::now()));
        self.target.with(|to| {
            let mut fds = vec![(from.as_fd(), PollFlags::POLLIN)];
            if wait.end.is_none() {
                fds.push((self.this_side.as_fd(), PollFlags::POLLIN));
            }
            if wait.has_reader {
                fds.push((to, PollFlags::empty()));
            }
            // Should poll fail, reading tells.
            let Ok(found) = events(&fds, left) else { return Awaited::Bytes };
            if wait.end.is_none() && found.get(1).is_some_and(|found| !found.is_empty()) {
                wait.end = Instant::now().checked_add(GRACE);
            }
            let of_reader = found.last().filter(|_| wait.has_reader).copied().unwrap_or(PollFlags::empty());
            // A terminal that was hung up has both; its writers get errors, and no signal.
            wait.has_reader &= !of_reader.contains(PollFlags::POLLHUP);
            if wait.has_reader && of_reader.contains(PollFlags::POLLERR) {
                Awaited::NoReader
            } else if found.first().is_some_and(|found| !found.is_empty()) {
                Awaited::Bytes
            } else {
                Awaited::Nothing
            }
        })
    }

    /// Passes bytes on; `false` if the reader is gone.
    fn pass_on(&self, bytes: &[u8]) -> bool {
        match self.target.with(|to| stdio::write_all_to(to, bytes)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return false,
            // The command would have seen this error itself. It keeps running; stderr says so, and its end fails.
            Err(error) => {
                if self.unwritten.set(error.to_string()).is_ok() {
                    let why = self.unwritten().unwrap_or_default();
                    stderr::say(&format!("{why}; the command goes on"));
                }
            }
        }
        true
    }
}

/// What a pump waits for.
struct Wait {
    /// Whether the stream is passed on to a reader that can go away.
    has_reader: bool,
    /// When the pipe is read no longer, once the command has ended.
    end: Option<Instant>,
}

impl Wait {
    /// Whether [`GRACE`] is over.
    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }
}

/// What a pump has waited for.
enum Awaited {
    /// Something to read, or the end of it.
    Bytes,
    /// Neither.
    Nothing,
    /// The reader of what is passed on has gone.
    NoReader,
}

/// Writes `bytes` to a command that may not read them, or not all, and then closes its stdin.
pub fn feed(to: &io::PipeWriter, bytes: &[u8]) {
    // A command that reads no further is no failure.
    let _ = stdio::write_all_to(to.as_fd(), bytes);
}
