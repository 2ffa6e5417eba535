//! The records of a run that were not delivered: how many, where they are, and how that is told.
//!
//! Each trouble is told when it happens, to those who want to hear it; the sum is told once, at the end.

use super::policy::Fate;
use crate::sys::stderr::{self, Report, records};

/// Records that were not delivered.
#[derive(Debug, Default, Clone)]
pub struct Missing {
    /// Put into the outbox by this run. Some of it may have been delivered since: what this run has put there cannot be
    /// told from what others have.
    kept: u64,
    /// In the outbox at the end, from this run and others.
    left: u64,
    aside: u64,
    /// Of what the outbox held, from this run and before, by its cap.
    dropped: u64,
    lost: u64,
    /// How many of them were told of when it happened, to those who want to hear it.
    told: u64,
    /// The first trouble that is told even to those who did not ask, and how many records it is about.
    alarm: Option<(String, u64)>,
    /// The sender has panicked. That is a bug, which must not show in what a command writes.
    pub(super) by_panic: bool,
}

impl Missing {
    /// How many records were put into the outbox so far.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// Whether some were told of.
    #[must_use]
    pub fn was_told(&self) -> bool {
        self.told > 0
    }

    /// Whether everything was delivered.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.kept.min(self.left) + self.aside + self.lost == 0
    }

    /// Tells the sum: always if something is gone, or went nowhere because of a setting (but after a panic), otherwise
    /// to those who want to hear of trouble.
    pub fn tell(&self, report: Report) {
        let all = self.kept + self.aside + self.dropped + self.lost;
        let is_told = report.is_talkative() && self.told == all;
        if is_told || (self.is_nothing() && self.dropped == 0) {
            return;
        }
        let in_all = self.in_all();
        let sum = format!("could not deliver everything; {in_all}");
        match &self.alarm {
            _ if self.by_panic => report.trouble(&sum),
            // Those who are talked to have heard of the first already.
            Some(_) if report.is_talkative() => stderr::say(&sum),
            Some((alarm, of_alarm)) if *of_alarm == all => stderr::say(alarm),
            Some((alarm, _)) => stderr::say(&format!("{alarm}; {in_all}")),
            None if self.dropped + self.lost > 0 => stderr::say(&sum),
            None => report.trouble(&sum),
        }
    }

    /// What became of all of them; only what stays true while other processes use the outbox.
    fn in_all(&self) -> String {
        let part = |count: u64, what: &str| (count > 0).then(|| format!("{} {what}", records(count)));
        let is_less = self.dropped == 0 && self.left < self.kept;
        let kept = if is_less {
            &format!("kept in the outbox, where {} are left", self.left)
        } else {
            "kept in the outbox"
        };
        let dropped = if self.kept > 0 {
            "dropped from it, for it is full"
        } else {
            "dropped from the outbox, for it is full"
        };
        let parts = [
            part(self.kept, kept),
            part(self.dropped, dropped),
            part(self.aside, "put aside, to be offered by vlog flush --rejected"),
            part(self.lost, "lost"),
        ];
        format!("in all {}", parts.into_iter().flatten().collect::<Vec<_>>().join(" and "))
    }

    /// Counts what became of a batch, and gives the sentence to be told; none if it was delivered, or is `told_already`.
    pub(super) fn count<'a>(&mut self, fate: &'a Fate, told_already: bool) -> Option<&'a str> {
        let (sum, why, records) = match fate {
            Fate::Delivered => return None,
            Fate::Kept(why, records) | Fate::Withheld(why, records) => (&mut self.kept, why, *records),
            Fate::Refused(why, records) | Fate::PutAside(why, records) => (&mut self.aside, why, *records),
            Fate::Lost(why, records) => (&mut self.lost, why, *records),
        };
        *sum += records;
        if matches!(fate, Fate::Withheld(..) | Fate::PutAside(..) | Fate::Lost(..)) {
            self.alarm.get_or_insert_with(|| (why.clone(), records));
        }
        if told_already {
            return None;
        }
        self.told += records;
        Some(why)
    }

    /// At the end: `stuck` records that a sender did not let go of are lost, the outbox has `dropped` some, and if this
    /// run has put any into it, `undelivered` says how many are still there, counted up to that number.
    pub(super) fn finish(self, stuck: u64, dropped: u64, undelivered: impl FnOnce(u64) -> u64) -> Self {
        let left = if self.kept > 0 { undelivered(self.kept) } else { 0 };
        Self { left, dropped, lost: self.lost + stuck, ..self }
    }
}
