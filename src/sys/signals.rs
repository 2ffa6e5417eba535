//! Signals as something that poll(2) waits for.
//!
//! A flag set by a handler never wakes a blocked read; a byte in a pipe does. A signal that the process was started to
//! ignore (`nohup`) stays ignored, so all functions that catch signals are told which those are. Handlers and their
//! pipes stay for the rest of the process: a handler that writes to a pipe without a reader causes a PIPE, and if that is
//! handled in the same way, this never ends.

use std::fs::File;
use std::io::{self, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use memchr::{memchr, memchr_iter};
use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_shutdown};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// What asks a process to end.
const STOP: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Readable once the process was asked to end: INT, TERM or HUP. A byte for each time.
///
/// # Errors
/// No descriptors left.
pub fn stop(ignored: Ignored) -> io::Result<UnixStream> {
    Inbox::of(STOP, ignored)?.into_stream()
}

/// Readable on INT, the key that a person at a terminal presses. A byte for each time.
///
/// # Errors
/// No descriptors left.
pub fn interrupt(ignored: Ignored) -> io::Result<UnixStream> {
    Inbox::of([SIGINT], ignored)?.into_stream()
}

/// Readable on TERM and HUP. A byte for each time.
///
/// # Errors
/// No descriptors left.
pub fn terminate(ignored: Ignored) -> io::Result<UnixStream> {
    Inbox::of([SIGTERM, SIGHUP], ignored)?.into_stream()
}

/// Takes the bytes of signals that have come, and counts them; without waiting.
pub fn use_up(mut stream: &UnixStream) -> usize {
    io::Read::read(&mut stream, &mut [0; 16]).unwrap_or(0)
}

/// Parents that hand the signals that they ignore on to what they start. Others, the interpreters of most
/// languages among them, ignore PIPE for themselves and start commands with the default.
const PLAIN_PARENTS: [&str; 9] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox", "systemd"];

/// The signals that the process was started to ignore: it goes on to ignore them, and so does what it starts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ignored(u64);

impl Ignored {
    /// Asks the kernel; to be called before anything handles a signal. Where there is no `/proc`, none is known.
    ///
    /// PIPE cannot be read off this process: Rust ignores it before `main`. What the parent does with it decides,
    /// if that is a shell or systemd (whose services ignore PIPE unless told otherwise). It matters, and is asked for,
    /// only if a command is to be started.
    #[must_use]
    pub fn at_start(has_command: bool) -> Self {
        let own = status("self");
        let parent = || status(&std::os::unix::process::parent_id().to_string());
        Self::read(&own, &if has_command { parent() } else { Vec::new() })
    }

    /// Reads what `/proc/PID/status` says of the process and of its parent.
    fn read(own: &[u8], parent: &[u8]) -> Self {
        let ignored = |status| u64::from_str_radix(value(status, "SigIgn"), 16).unwrap_or(0);
        let pipe = Self::bit(SIGPIPE);
        let is_plain = PLAIN_PARENTS.contains(&value(parent, "Name"));
        let by_parent = if is_plain { ignored(parent) & pipe } else { 0 };
        Self((ignored(own) & !pipe) | by_parent)
    }

    /// Whether `signal` is one of them.
    #[must_use]
    pub fn has(self, signal: i32) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    fn bit(signal: i32) -> u64 {
        u32::try_from(signal - 1).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0)
    }
}

/// The beginning of `/proc/PROCESS/status`, in one read: what is asked for stands there, and each read makes the kernel
/// write it anew.
fn status(process: &str) -> Vec<u8> {
    let mut text = vec![0; 4096];
    let read = File::open(format!("/proc/{process}/status")).and_then(|mut file| file.read(&mut text));
    text.truncate(read.unwrap_or(0));
    text
}

/// The value of `name` in a file of `name: value` lines.
fn value<'a>(status: &'a [u8], name: &str) -> &'a str {
    let mut starts = std::iter::once(0).chain(memchr_iter(b'\n', status).map(|at| at + 1));
    let value = |at| status.get(at..)?.strip_prefix(name.as_bytes())?.strip_prefix(b":");
    let rest = starts.find_map(value).unwrap_or_default();
    let (value, _) = rest.split_at(memchr(b'\n', rest).unwrap_or(rest.len()));
    str::from_utf8(value).unwrap_or_default().trim()
}

/// Signals that came, by number; several of one number that come at once count as one, as in the kernel.
#[derive(Debug)]
pub struct Inbox(ManuallyDrop<SignalDelivery<UnixStream, SignalOnly>>);

/// The most that is taken out of an inbox at once: a signal that comes without a pause must not keep the caller from
/// everything else. More than there are signals.
const MOST_AT_ONCE: usize = 128;

impl Inbox {
    /// Catches `signals` from now on, but for those that are ignored.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn of(signals: impl IntoIterator<Item = i32>, ignored: Ignored) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let nothing: [i32; 0] = [];
        let inbox = Self(ManuallyDrop::new(SignalDelivery::with_pipe(read, write, SignalOnly, nothing)?));
        signals
            .into_iter()
            .filter(|signal| !ignored.has(*signal))
            .try_for_each(|signal| inbox.catch(signal))?;
        Ok(inbox)
    }

    /// Catches this one too, even if it is ignored.
    ///
    /// # Errors
    /// The kernel takes no handler.
    pub fn catch(&self, signal: i32) -> io::Result<()> {
        self.0.handle().add_signal(signal)
    }

    /// What has come since the last call, each number once.
    pub fn take(&mut self) -> Vec<i32> {
        let mut found: Vec<i32> = self.0.pending().take(MOST_AT_ONCE).collect();
        found.dedup();
        found
    }

    /// The pipe alone: a byte for each signal.
    fn into_stream(self) -> io::Result<UnixStream> {
        let stream = self.0.get_read().try_clone()?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

impl AsFd for Inbox {
    /// Readable when something has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

/// Catches PIPE. Rust ignores it, and what this process would be replaced by would, too; what is caught becomes the
/// default there.
pub fn catch_pipe(ignored: Ignored) {
    if !ignored.has(SIGPIPE) {
        // Should the kernel take no handler, it stays ignored.
        let _ = register(SIGPIPE, Arc::new(AtomicBool::new(false)));
    }
}

/// Makes a write beyond the limit of file sizes (`ulimit -f`) fail like any other, instead of ending the process.
pub fn survive_file_limits(ignored: Ignored) {
    if !ignored.has(SIGXFSZ) {
        // Should the kernel take no handler, the limit ends the process, as it does by default.
        let _ = register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }
}

/// Starts threads that get no signals: they are for the main thread, which `start` is called in.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let own = SigSet::thread_get_mask();
    let _ = SigSet::all().thread_block();
    let started = start();
    let _ = own.map(|own| own.thread_set_mask());
    started
}

/// Makes INT, TERM and HUP end the process at once with `status`, but for those that are ignored.
pub fn exit_on_stop(status: i32, ignored: Ignored) {
    for signal in STOP.into_iter().filter(|signal| !ignored.has(*signal)) {
        // Should the kernel take no handler, the signal does what it does by default.
        let _ = register_conditional_shutdown(signal, status, Arc::new(AtomicBool::new(true)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGQUIT;

    #[track_caller]
    fn ignores(own: u64, parent: &str, parents: u64, expected: &[i32]) {
        let status =
            |name: &str, mask| format!("Name:\t{name}\nSigBlk:\t0\nSigIgn:\t{mask:016x}\nSigCgt:\t1\n");
        let ignored = Ignored::read(status("vlog", own).as_bytes(), status(parent, parents).as_bytes());
        let found: Vec<_> = (1..=64).filter(|signal| ignored.has(*signal)).collect();
        assert_eq!(found, expected, "{own:x} {parent} {parents:x}");
    }

    #[test]
    fn what_is_ignored_is_read_from_the_kernel() {
        ignores(0, "sh", 0, &[]);
        ignores(0b101, "python3", 0, &[SIGHUP, SIGQUIT]);
        ignores(1 << 63, "sh", 0, &[64]);
        assert_eq!(Ignored::read(b"", b""), Ignored(0), "no /proc");
    }

    #[test]
    fn pipe_is_ignored_where_a_shell_or_systemd_ignores_it() {
        let pipe = 1 << 12;
        ignores(pipe, "sh", 0, &[]);
        ignores(pipe, "bash", pipe, &[SIGPIPE]);
        ignores(pipe | 1, "systemd", pipe | 2, &[SIGHUP, SIGPIPE]);
        ignores(pipe, "python3", pipe, &[]);
        ignores(pipe, "node", pipe, &[]);
    }
}
