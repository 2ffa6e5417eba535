//! Signals as something that poll(2) waits for.
//!
//! A flag set by a handler never wakes a blocked read; a byte in a pipe does. Handlers stay for the rest of the
//! process, so only verbs that answer to a signal call these.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_shutdown};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook::low_level::pipe;

/// A stream that becomes readable when one of `signals` arrives, once for each.
fn readable_on(signals: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, write.try_clone()?)?;
    }
    read.set_nonblocking(true)?;
    Ok(read)
}

/// Readable once somebody wants the process to end: INT, TERM or HUP.
///
/// # Errors
/// No descriptors left.
pub fn stop() -> io::Result<UnixStream> {
    readable_on(&[SIGINT, SIGTERM, SIGHUP])
}

/// Readable on INT, the key that a person at a terminal presses.
///
/// # Errors
/// No descriptors left.
pub fn interrupt() -> io::Result<UnixStream> {
    readable_on(&[SIGINT])
}

/// Readable on TERM and HUP.
///
/// # Errors
/// No descriptors left.
pub fn terminate() -> io::Result<UnixStream> {
    readable_on(&[SIGTERM, SIGHUP])
}

/// Parents that hand the signals that they ignore on to what they start. Others, the interpreters of most
/// languages among them, ignore PIPE for themselves and start commands with the default.
const PLAIN_PARENTS: [&str; 9] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox", "systemd"];

/// The signals that the process was started to ignore, and that what it starts must ignore too.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ignored(u64);

impl Ignored {
    /// Asks the kernel; to be called before anything handles a signal. Where there is no `/proc`, none is known.
    ///
    /// PIPE cannot be read off this process: Rust ignores it before `main`. What the parent does with it decides,
    /// if that is a shell or systemd (whose services ignore PIPE unless told otherwise).
    #[must_use]
    pub fn at_start() -> Self {
        let own = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let parent = format!("/proc/{}/status", std::os::unix::process::parent_id());
        Self::read(&own, &fs::read_to_string(parent).unwrap_or_default())
    }

    /// Reads what `/proc/PID/status` says of the process and of its parent.
    fn read(own: &str, parent: &str) -> Self {
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

/// The value of `name` in a file of `name: value` lines.
fn value<'a>(status: &'a str, name: &str) -> &'a str {
    let rest = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    status.lines().find_map(rest).unwrap_or_default().trim()
}

/// Signals that came, by number; several of one number that come at once count as one, as in the kernel.
#[derive(Debug)]
pub struct Inbox(SignalDelivery<UnixStream, SignalOnly>);

impl Inbox {
    /// Catches `signals` from now on.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn of(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        SignalDelivery::with_pipe(read, write, SignalOnly, signals).map(Self)
    }

    /// What has come since the last call.
    pub fn take(&mut self) -> impl Iterator<Item = i32> + use<> {
        self.0.pending()
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
pub fn catch_pipe() {
    // Should the kernel take no handler, it stays ignored.
    let _ = register(SIGPIPE, Arc::new(AtomicBool::new(false)));
}

/// Makes a write beyond the limit of file sizes (`ulimit -f`) fail like any other, instead of ending the process.
pub fn survive_file_limits(ignored: Ignored) {
    if !ignored.has(SIGXFSZ) {
        // Should the kernel take no handler, the limit ends the process, as it does by default.
        let _ = register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }
}

/// Makes INT, TERM and HUP end the process at once with `status`.
///
/// # Errors
/// The kernel takes no handler.
pub fn exit_on_stop(status: i32) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        register_conditional_shutdown(signal, status, Arc::new(AtomicBool::new(true)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::consts::SIGQUIT;

    #[track_caller]
    fn ignores(own: u64, parent: &str, parents: u64, expected: &[i32]) {
        let status =
            |name: &str, mask| format!("Name:\t{name}\nSigBlk:\t0\nSigIgn:\t{mask:016x}\nSigCgt:\t1\n");
        let ignored = Ignored::read(&status("vlog", own), &status(parent, parents));
        let found: Vec<_> = (1..=64).filter(|signal| ignored.has(*signal)).collect();
        assert_eq!(found, expected, "{own:x} {parent} {parents:x}");
    }

    #[test]
    fn what_is_ignored_is_read_from_the_kernel() {
        ignores(0, "sh", 0, &[]);
        ignores(0b101, "python3", 0, &[SIGHUP, SIGQUIT]);
        ignores(1 << 63, "sh", 0, &[64]);
        assert_eq!(Ignored::read("", ""), Ignored(0), "no /proc");
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
