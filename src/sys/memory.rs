//! Whether there is memory for what comes next. An allocation that fails ends the process, so code that must not end asks
//! beforehand.

use std::hint::black_box;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Whether this process may have so many bytes more. Without a limit of its own (`ulimit -v`, `ulimit -d`) it may: then
/// the system grants more than it has, and no question tells.
#[must_use]
pub fn has_room(bytes: usize) -> bool {
    let is_limited = |resource| getrlimit(resource).is_ok_and(|(most, _)| most != RLIM_INFINITY);
    if !LIMITS.into_iter().any(is_limited) {
        return true;
    }
    let mut room: Vec<u8> = Vec::new();
    let granted = room.try_reserve_exact(bytes).is_ok();
    // Or else the compiler leaves out an allocation that nobody uses.
    black_box(&mut room);
    granted
}

#[cfg(target_os = "linux")]
const LIMITS: [Resource; 2] = [Resource::RLIMIT_AS, Resource::RLIMIT_DATA];

#[cfg(not(target_os = "linux"))]
const LIMITS: [Resource; 1] = [Resource::RLIMIT_DATA];
