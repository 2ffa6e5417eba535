//! The process and its surroundings: descriptors, signals, the terminal, the environment, children, what people are told.
//!
//! It knows nothing of records, servers and settings, and uses no other room.

pub mod cause;
pub mod child;
pub mod duration;
pub mod env;
pub mod memory;
pub mod panics;
pub mod poll;
pub mod queue;
pub mod signals;
pub mod stderr;
pub mod stdin;
pub mod stdio;
pub mod tee;
pub mod terminal;
pub mod text;
pub mod zone;

/// A panic on demand, for the tests of what happens then; not in the release binary.
#[cfg(debug_assertions)]
pub fn panic_if_asked(place: &str) {
    assert!(std::env::var_os("VLOG_TEST_PANIC").is_none_or(|asked| asked != place), "forced in {place}");
}

/// A panic on demand, for the tests of what happens then; not in the release binary.
#[cfg(not(debug_assertions))]
pub fn panic_if_asked(_: &str) {}
