//! Signals as something that poll(2) waits for.
//!
//! A flag set by a handler never wakes a blocked read; a byte in a pipe does. Handlers stay for the rest of the
//! process, so only verbs that answer to a signal call these.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag::{register, register_conditional_shutdown};
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

/// Makes a write beyond the limit of file sizes (`ulimit -f`) fail like any other, instead of ending the process.
pub fn survive_file_limits() {
    // Should the kernel take no handler, the limit ends the process, as it does by default.
    let _ = register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
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
