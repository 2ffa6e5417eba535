//! The breaker: a server that hangs costs one wait per half a minute, not one per call, and one that asks for a pause
//! gets it.
//!
//! One small file per server, in the outbox's directory, says when a request last waited without an answer, and how
//! long the next probe may wait: longer each time, so that a slow server is found again. Or it says when the server asked
//! for a pause, and for how long. It is safe under concurrency, since only the holder of its lock may start a probe, and
//! under clock changes, since an instant in the future counts as long past.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::record::time::Time;

/// How long calls go straight to the outbox before one of them tries again.
const PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that a server is given, however long it asks for: a wrong header or clock must not keep a machine
/// silent for a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// How long a probe may wait: the first, the second, and all others.
const PROBES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];
const LONGEST_PROBE: Duration = Duration::from_secs(2);

/// How the name of the file begins that says that a server has taken records.
pub const DELIVERED: &str = "delivered";

/// The breaker of one server.
#[derive(Debug, Clone)]
pub struct Breaker {
    path: PathBuf,
}

/// What a call should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Try as usual.
    Closed,
    /// Do not try, for the server did not answer lately; the next probe is due after this time.
    Open(Duration),
    /// Do not try for this time, for the server asked for that.
    Paused(Duration),
    /// Try, for all the others.
    Probe(Probe),
}

/// A try after the pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// How many before it have failed.
    step: usize,
}

impl Probe {
    /// How long it may wait.
    #[must_use]
    pub fn wait(self) -> Duration {
        PROBES.get(self.step).copied().unwrap_or(LONGEST_PROBE)
    }
}

impl Breaker {
    /// The breaker of `server`, a name that suits a file, in `folder`.
    #[must_use]
    pub fn new(folder: &Path, server: &str) -> Self {
        Self { path: folder.join(format!("breaker.{server}")) }
    }

    /// How things stand, for those who only want to know.
    #[must_use]
    pub fn look(&self, now: Time) -> BreakerState {
        // Mostly it is not there; anything but a file is not vlog's.
        let is_file = fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_file());
        match is_file.then(|| File::open(&self.path).ok()).flatten() {
            None => BreakerState::Closed,
            Some(file) => Stamp::read(&file).state(now),
        }
    }

    /// What the caller should do. Of those who come after the pause only one is told to probe; for the others the
    /// pause begins anew.
    #[must_use]
    pub fn enter(&self, now: Time) -> BreakerState {
        let state = self.look(now);
        if !matches!(state, BreakerState::Probe(_)) {
            return state;
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&self.path) else {
            return BreakerState::Closed;
        };
        if file.try_lock().is_err() {
            return BreakerState::Open(PAUSE);
        }
        // Another may have been first, between looking and locking.
        let stamp = Stamp::read(&file);
        let state = stamp.state(now);
        if matches!(state, BreakerState::Probe(_)) {
            Stamp { since: Some(now), ..stamp }.write(&file);
        }
        state
    }

    /// A first request, or this probe, has waited for `waited` without an answer. Where there is no outbox, nothing is
    /// noted.
    pub fn open(&self, now: Time, probe: Option<Probe>, waited: Duration) {
        // A caller in a hurry has not waited long enough to tell that the next must wait longer.
        let step = probe.map_or(0, |probe| probe.step + usize::from(waited >= probe.wait()));
        self.write(Stamp { since: Some(now), step: step.min(PROBES.len()), pause: Duration::ZERO });
    }

    /// The server asks to be left alone for `time`. It has answered, so no probe is needed after that.
    pub fn pause(&self, now: Time, time: Duration) {
        self.write(Stamp { since: Some(now), step: 0, pause: time.min(LONGEST_PAUSE) });
    }

    fn write(&self, stamp: Stamp) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| !found.is_file()) {
            return;
        }
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
        // Should that fail, the next call waits too.
        let _ = options.open(&self.path).map(|file| stamp.write(&file));
    }

    /// Notes that the server has taken records, once for all, in a file beside the breaker's. The directory is there.
    pub fn note_delivery(&self) {
        // Without it a query takes the outbox for the store, and says so.
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.deliveries());
    }

    /// Whether the server has ever taken records.
    #[must_use]
    pub fn has_delivered(&self) -> bool {
        fs::symlink_metadata(self.deliveries()).is_ok()
    }

    fn deliveries(&self) -> PathBuf {
        self.path.with_file_name(DELIVERED).with_extension(self.path.extension().unwrap_or_default())
    }

    /// The server has answered, or refuses connections, which costs no wait.
    pub fn close(&self) {
        // Mostly it is not there.
        let _ = fs::remove_file(&self.path);
    }
}

/// The most that is read of the file; it has 27 bytes.
const STAMP_BYTES: usize = 32;

/// What the file says. Three numbers in one write, which a counter of the outbox cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    /// When the breaker was opened, or a probe last begun; `None` if the file does not say.
    since: Option<Time>,
    /// How many probes have failed.
    step: usize,
    /// The pause that the server asked for, in whole seconds; zero if it did not.
    pause: Duration,
}

impl Stamp {
    fn read(file: &File) -> Self {
        let mut text = [0; STAMP_BYTES];
        let read = file.read_at(&mut text, 0).unwrap_or(0);
        let text = text.get(..read).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        // Version 0.1.0 wrote the time only.
        let mut words = text.split_whitespace();
        let since = words.next().and_then(|word| word.parse().ok()).map(Time);
        let step = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { since, step, pause: Duration::from_secs(seconds) }
    }

    /// One write of constant length: a reader sees the old stamp or the new one.
    fn write(self, file: &File) {
        let since = self.since.map_or(0, |since| since.0.max(0));
        let text = format!("{since:020} {} {:03}\n", self.step, self.pause.as_secs());
        let _ = file.write_all_at(text.as_bytes(), 0);
    }

    fn state(self, now: Time) -> BreakerState {
        match (self.pause.is_zero(), self.left(now)) {
            (true, Some(left)) => BreakerState::Open(left),
            (true, None) => BreakerState::Probe(Probe { step: self.step }),
            (false, Some(left)) => BreakerState::Paused(left),
            (false, None) => BreakerState::Closed,
        }
    }

    /// What is left of the pause.
    fn left(self, now: Time) -> Option<Duration> {
        let gone = Duration::from_nanos(u64::try_from(now.0.checked_sub(self.since?.0)?).ok()?);
        let pause = if self.pause.is_zero() { PAUSE } else { self.pause };
        pause.checked_sub(gone).filter(|left| !left.is_zero())
    }
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

    const FIRST: BreakerState = BreakerState::Probe(Probe { step: 0 });

    fn waited_in_vain(breaker: &Breaker, now: Time) {
        breaker.open(now, None, PAUSE);
    }

    #[test]
    fn it_opens_for_half_a_minute_and_then_one_probes() {
        let (_folder, breaker) = breaker();
        assert_eq!(breaker.enter(START), BreakerState::Closed);
        waited_in_vain(&breaker, START);
        assert_eq!(breaker.enter(after(0)), BreakerState::Open(PAUSE));
        assert_eq!(breaker.enter(after(29)), BreakerState::Open(Duration::from_secs(1)));
        assert_eq!(breaker.look(after(30)), FIRST);
        assert_eq!(breaker.enter(after(30)), FIRST);
        assert_eq!(breaker.enter(after(30)), BreakerState::Open(PAUSE));
        assert_eq!(breaker.enter(after(61)), FIRST);
    }

    #[test]
    fn each_probe_that_waits_its_time_in_vain_lets_the_next_wait_longer() {
        let (_folder, breaker) = breaker();
        waited_in_vain(&breaker, START);
        let mut waits = Vec::new();
        for n in 1..6 {
            let now = after(n * 30);
            let BreakerState::Probe(probe) = breaker.enter(now) else { panic!("no probe at {n}") };
            waits.push(probe.wait().as_millis());
            // The second caller has less time than the probe may take, and learns nothing.
            breaker.open(now, Some(probe), if n == 2 { Duration::from_millis(100) } else { probe.wait() });
        }
        assert_eq!(waits, [500, 1000, 1000, 2000, 2000]);
    }

    #[test]
    fn a_server_gets_the_pause_that_it_asks_for_five_minutes_at_most_and_then_no_probe() {
        let (_folder, breaker) = breaker();
        waited_in_vain(&breaker, START);
        breaker.pause(START, Duration::from_secs(7));
        assert_eq!(breaker.enter(after(6)), BreakerState::Paused(Duration::from_secs(1)));
        assert_eq!(breaker.enter(after(7)), BreakerState::Closed);
        assert_eq!(breaker.enter(after(-1)), BreakerState::Closed, "the clock was set back");
        breaker.pause(START, Duration::from_secs(86400));
        assert_eq!(breaker.look(after(299)), BreakerState::Paused(Duration::from_secs(1)));
        assert_eq!(breaker.look(after(300)), BreakerState::Closed);
        waited_in_vain(&breaker, START);
        assert_eq!(breaker.look(after(7)), BreakerState::Open(Duration::from_secs(23)));
    }

    #[test]
    fn an_answer_closes_it() {
        let (_folder, breaker) = breaker();
        waited_in_vain(&breaker, START);
        breaker.close();
        assert_eq!(breaker.enter(after(1)), BreakerState::Closed);
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let (_folder, breaker) = breaker();
        waited_in_vain(&breaker, after(3600));
        assert_eq!(breaker.enter(START), FIRST);
        assert_eq!(breaker.enter(after(1)), BreakerState::Open(Duration::from_secs(29)));
    }

    #[test]
    fn a_damaged_file_costs_one_probe_and_one_of_an_older_version_is_understood() {
        let (_folder, breaker) = breaker();
        fs::write(&breaker.path, "nonsense").unwrap();
        assert_eq!(breaker.enter(START), FIRST);
        assert_eq!(breaker.enter(START), BreakerState::Open(PAUSE));
        fs::write(&breaker.path, format!("{:020}\n", START.0)).unwrap();
        assert_eq!(breaker.enter(after(10)), BreakerState::Open(Duration::from_secs(20)));
        assert_eq!(breaker.enter(after(30)), FIRST);
    }
}
