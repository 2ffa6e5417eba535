//! The breaker: a server that hangs costs one wait per half a minute, not one per call.
//!
//! One small file per server, in the outbox's directory, holds the instant of the last wait in vain. It is safe
//! under concurrency, since only the holder of its lock may start a probe, and under clock changes, since an
//! instant in the future counts as long past.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::time::Time;

/// How long calls go straight to the outbox before one of them tries again.
const PAUSE: Duration = Duration::from_secs(30);

/// The breaker of one server.
#[derive(Debug, Clone)]
pub struct Breaker {
    path: PathBuf,
}

/// What a call should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Try as usual.
    Closed,
    /// Do not try; the next probe is due after this time.
    Open(Duration),
    /// Try, for all the others.
    Probe,
}

impl Breaker {
    /// The breaker of `server`, a name that suits a file, in `folder`.
    #[must_use]
    pub fn new(folder: &Path, server: &str) -> Self {
        Self { path: folder.join(format!("breaker.{server}")) }
    }

    /// How things stand, for those who only want to know.
    #[must_use]
    pub fn look(&self, now: Time) -> State {
        // Mostly it is not there; something else than a file is none of ours.
        let is_file = fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_file());
        match is_file.then(|| File::open(&self.path).ok()).flatten().map(|file| opened(&file)) {
            None => State::Closed,
            Some(since) => since.and_then(|since| left(since, now)).map_or(State::Probe, State::Open),
        }
    }

    /// What the caller should do. Of those who come after the pause only one is told to probe; for the others the
    /// pause begins anew.
    #[must_use]
    pub fn enter(&self, now: Time) -> State {
        let state = self.look(now);
        if state != State::Probe {
            return state;
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&self.path) else {
            return State::Closed;
        };
        if file.try_lock().is_err() {
            return State::Open(PAUSE);
        }
        // Another may have been first, between looking and locking.
        if let Some(left) = opened(&file).and_then(|since| left(since, now)) {
            return State::Open(left);
        }
        stamp(&file, now);
        State::Probe
    }

    /// A first request has waited in vain. The directory is there, since its record was kept.
    pub fn open(&self, now: Time) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return;
        }
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
        // Without it the next call waits too: slower, and no harm done.
        let _ = options.open(&self.path).map(|file| stamp(&file, now));
    }

    /// The server has answered.
    pub fn close(&self) {
        // Mostly it is not there.
        let _ = fs::remove_file(&self.path);
    }
}

/// When the breaker was opened; `None` if the file does not say.
fn opened(file: &File) -> Option<Time> {
    let mut text = [0; 20];
    file.read_exact_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text).ok()?.parse().ok().map(Time)
}

/// One write of constant length: a reader sees the old instant or the new one.
fn stamp(file: &File, now: Time) {
    let _ = file.write_all_at(format!("{:020}\n", now.0.max(0)).as_bytes(), 0);
}

/// What is left of the pause.
fn left(since: Time, now: Time) -> Option<Duration> {
    let gone = Duration::from_nanos(u64::try_from(now.0.checked_sub(since.0)?).ok()?);
    PAUSE.checked_sub(gone).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time(1_795_176_000_000_000_000);

    fn after(seconds: i64) -> Time {
        Time(START.0 + seconds * 1_000_000_000)
    }

    fn breaker() -> (tempfile::TempDir, Breaker) {
        let folder = tempfile::tempdir().unwrap();
        let breaker = Breaker::new(folder.path(), "x");
        (folder, breaker)
    }

    #[test]
    fn it_opens_for_half_a_minute_and_then_one_probes() {
        let (_folder, breaker) = breaker();
        assert_eq!(breaker.enter(START), State::Closed);
        breaker.open(START);
        assert_eq!(breaker.enter(after(0)), State::Open(PAUSE));
        assert_eq!(breaker.enter(after(29)), State::Open(Duration::from_secs(1)));
        assert_eq!(breaker.look(after(30)), State::Probe);
        assert_eq!(breaker.enter(after(30)), State::Probe);
        assert_eq!(breaker.enter(after(30)), State::Open(PAUSE));
        assert_eq!(breaker.enter(after(61)), State::Probe);
    }

    #[test]
    fn an_answer_closes_it() {
        let (_folder, breaker) = breaker();
        breaker.open(START);
        breaker.close();
        assert_eq!(breaker.enter(after(1)), State::Closed);
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let (_folder, breaker) = breaker();
        breaker.open(after(3600));
        assert_eq!(breaker.enter(START), State::Probe);
        assert_eq!(breaker.enter(after(1)), State::Open(Duration::from_secs(29)));
    }

    #[test]
    fn a_damaged_file_costs_one_probe() {
        let (_folder, breaker) = breaker();
        fs::write(&breaker.path, "nonsense").unwrap();
        assert_eq!(breaker.enter(START), State::Probe);
        assert_eq!(breaker.enter(START), State::Open(PAUSE));
    }
}
