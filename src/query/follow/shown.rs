//! Which rows were shown lately, so that none is shown twice.

use std::collections::BTreeMap;

use super::SECOND;
use super::rows::TailRow;

/// How long rows are known again: longer than the overlap, for a reader may be slow.
const MEMORY: i64 = 60 * SECOND;

/// How many rows are known again at most: some 20 MiB.
const MAX_KNOWN: usize = 200_000;

/// The rows shown lately, each with how often.
#[derive(Debug)]
pub(super) struct Shown {
    rows: BTreeMap<(i64, u64), Count>,
    /// Rows before it are not shown: they were, or were not asked for.
    pub(super) floor: i64,
    /// The time of the newest row shown.
    pub(super) latest: i64,
    /// Rows from here on stay known.
    pub(super) keep_from: Option<i64>,
    /// Which answer is being read.
    answer: u64,
}

#[derive(Debug, Default)]
struct Count {
    shown: u32,
    /// How many came in the answer being read, and which that is. Of two rows alike both are shown, and no third
    /// when an answer repeats the two.
    came: u32,
    answer: u64,
}

impl Default for Shown {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), floor: i64::MIN, latest: i64::MIN, keep_from: None, answer: 0 }
    }
}

impl Shown {
    /// Another answer begins, which may repeat what earlier ones had.
    pub(super) fn begin(&mut self) {
        self.answer += 1;
    }

    /// Remembers a row as shown.
    pub(super) fn add(&mut self, row: &TailRow) {
        if let Some(time) = row.time {
            self.latest = self.latest.max(time);
            let count = self.rows.entry((time, row.hash)).or_default();
            count.came = if count.answer == self.answer { count.came + 1 } else { 1 };
            count.answer = self.answer;
            count.shown = count.shown.max(count.came);
        }
    }

    /// Whether the row was not shown before; then it counts as shown.
    pub(super) fn is_new(&mut self, row: &TailRow) -> bool {
        let Some(time) = row.time else { return true };
        if time < self.floor {
            return false;
        }
        let before = self.rows.get(&(time, row.hash)).map_or(0, |count| count.shown);
        self.add(row);
        self.rows.get(&(time, row.hash)).is_some_and(|count| count.shown > before)
    }

    /// A row, by its time and hash, was not shown to its end.
    pub(super) fn take_back(&mut self, id: (i64, u64)) {
        if let Some(count) = self.rows.get_mut(&id) {
            count.shown = count.shown.saturating_sub(1);
        }
    }

    /// Forgets what is too old, or too much.
    pub(super) fn tidy(&mut self) {
        let old = self.latest.saturating_sub(MEMORY);
        let old = self.keep_from.map_or(old, |from| from.min(old));
        if old > self.floor {
            self.forget_before(old);
        }
        while self.rows.len() > MAX_KNOWN {
            let Some(((time, _), _)) = self.rows.pop_first() else { break };
            self.forget_before(time.saturating_add(1));
        }
    }

    /// The time of the oldest row that is known.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.rows.first_key_value().map(|((time, _), _)| *time)
    }

    pub(super) fn forget_before(&mut self, time: i64) {
        self.floor = self.floor.max(time);
        while self.rows.first_key_value().is_some_and(|((time, _), _)| *time < self.floor) {
            self.rows.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::time::Time;

    fn row(second: i64, message: &str) -> TailRow {
        let time = Time(second * SECOND);
        TailRow::new(format!("{{\"_time\":\"{time}\",\"_msg\":\"{message}\"}}\n").into_bytes())
    }

    #[test]
    fn a_row_is_shown_once_and_two_that_are_alike_twice() {
        let mut shown = Shown::default();
        shown.begin();
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(100, "b")));
        shown.begin();
        let again: Vec<_> = (0..3).map(|_| shown.is_new(&row(100, "a"))).collect();
        assert_eq!(again, [false, false, true]);
        assert!(!shown.is_new(&row(100, "b")));
    }

    #[test]
    fn what_is_forgotten_is_not_shown_again() {
        let mut shown = Shown::default();
        shown.begin();
        assert!(shown.is_new(&row(100, "a")));
        assert!(shown.is_new(&row(200, "b")));
        shown.tidy();
        assert_eq!(shown.rows.len(), 1);
        shown.begin();
        assert!(!shown.is_new(&row(100, "a")));
        // Late, but within memory.
        assert!(shown.is_new(&row(150, "c")));
    }

    #[test]
    fn memory_has_an_end() {
        let mut shown = Shown::default();
        shown.begin();
        for n in 0..i64::try_from(MAX_KNOWN).unwrap() + 10 {
            shown.add(&TailRow { line: Vec::new(), is_whole: true, time: Some(n), hash: 0 });
        }
        shown.tidy();
        assert_eq!((shown.rows.len(), shown.floor), (MAX_KNOWN, 10));
    }
}
