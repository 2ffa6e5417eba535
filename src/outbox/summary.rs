//! What lies in the outbox, for people.

use std::fs;

use anyhow::Result;

use super::counters::{self, Counter};
use super::destination::Destination;
use super::entry::{self, cost};
use super::names;
use super::waiting::youngest;
use super::{BYTES, DOUBTFUL, DROPPED, LAST_ERROR, Outbox, REJECTED};
use crate::record::time::Time;

/// What waits, for people.
#[derive(Debug, Default)]
pub struct Summary {
    /// Records that wait for this server.
    pub records: u64,
    /// The bytes of their entries.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<Time>,
    /// Those of them that only `flush --old` sends.
    pub old: u64,
    /// How many records wait for each of the other servers.
    pub others: Vec<(Destination, u64)>,
    /// Records that their server refused.
    pub rejected: u64,
    /// Records put aside because it could not be told where they were to go.
    pub misdirected: u64,
    /// Records dropped by the cap since the outbox was made.
    pub dropped: u64,
    /// Records sent whose time the server may not keep.
    pub doubtful: u64,
    /// Files that are no entries, damaged ones, and those of other versions.
    pub foreign: u64,
}

impl Summary {
    /// How many records wait for all other servers.
    #[must_use]
    pub fn records_of_others(&self) -> u64 {
        self.others.iter().map(|(_, records)| records).sum()
    }

    fn add_other(&mut self, destination: Destination, records: u64) {
        let server = destination.server();
        match self.others.iter_mut().find(|(known, _)| known.server() == server) {
            Some((_, sum)) => *sum += records,
            None if records > 0 => self.others.push((destination, records)),
            None => {}
        }
    }
}

impl Outbox {
    /// Counts what lies in the outbox, and sets its counter of bytes right.
    ///
    /// # Errors
    /// It is not the caller's own.
    pub fn summary(&self, destination: &Destination) -> Result<Summary> {
        let mut summary = Summary::default();
        if !self.is_ours()? {
            return Ok(summary);
        }
        summary.dropped = counters::read(&self.folder.join(DROPPED));
        summary.doubtful = counters::read(&self.folder.join(DOUBTFUL));
        summary.foreign = self.strangers();
        let youngest = youngest();
        let mut bytes = 0;
        for name in names::list(&self.folder) {
            let Some(look) = entry::look(&self.folder, &name) else {
                summary.foreign += 1;
                continue;
            };
            bytes += cost(look.bytes);
            if !destination.takes(&look.header.destination, look.header.version) {
                summary.add_other(look.header.destination, look.records);
            } else if look.records > 0 {
                summary.records += look.records;
                summary.bytes += look.bytes;
                summary.oldest = summary.oldest.min(Some(look.header.since)).or(Some(look.header.since));
                summary.old += if look.header.since < youngest { look.records } else { 0 };
            }
        }
        if let Ok(counter) = Counter::open(&self.folder.join(BYTES)) {
            counter.set(bytes);
        }
        let rejected = self.folder.join(REJECTED);
        for look in names::list(&rejected).iter().filter_map(|name| entry::look(&rejected, name)) {
            let known = look.header.destination.is_known();
            *(if known { &mut summary.rejected } else { &mut summary.misdirected }) += look.records;
        }
        Ok(summary)
    }

    /// How many records are undelivered: those that wait for `destination`, and those put aside. The newest are counted
    /// first, and only until there are `enough`: a large outbox is not read for what one run has put there.
    #[must_use]
    pub fn undelivered(&self, destination: &Destination, enough: u64) -> u64 {
        let aside = self.folder.join(REJECTED);
        let in_folder = |folder| names::list(folder).into_iter().rev().map(move |name| (folder, name));
        let mut count = 0;
        for (folder, name) in in_folder(&self.folder).chain(in_folder(&aside)) {
            if count >= enough {
                break;
            }
            let is_meant = |look: &entry::Overview| {
                *folder == aside || destination.takes(&look.header.destination, look.header.version)
            };
            count += entry::look(folder, &name).filter(is_meant).map_or(0, |look| look.records);
        }
        count
    }

    /// How many files are none of ours by their names.
    fn strangers(&self) -> u64 {
        let ours = |name: &str| {
            let kind = name.split('.').next().unwrap_or_default();
            [BYTES, DROPPED, DOUBTFUL, REJECTED].contains(&name)
                || [LAST_ERROR, "breaker", "delivered"].contains(&kind)
        };
        let all = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_strange = |entry: &fs::DirEntry| {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            entry.file_name().to_str().is_none_or(|name| !(ours(name) || is_file && names::is_name(name)))
        };
        all.filter(is_strange).count() as u64
    }
}
