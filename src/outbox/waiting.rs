//! A list of entries to go through, oldest first.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::destination::Destination;
use super::entry::{Claimed, Entry};
use super::names;
use super::{Outbox, REJECTED};
use crate::record::time::Time;

/// VictoriaLogs keeps 7 days by default and drops older records while it answers 200 (`-retentionPeriod`).
const OLD: Duration = Duration::from_secs(6 * 24 * 60 * 60);

impl Outbox {
    /// What waits for `destination`, oldest first. Entries over 6 days old are passed over unless `old` asks for them, since
    /// the server would drop their records.
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn waiting(&self, destination: &Destination, old: bool) -> Result<Waiting> {
        self.list(self.folder.clone(), vec![destination.clone()], old)
    }

    /// What was put aside for `destination`, and what has no known destination.
    ///
    /// # Errors
    /// The directory is not the caller's own.
    pub fn aside(&self, destination: &Destination) -> Result<Waiting> {
        let all = vec![destination.clone(), Destination::unknown(Vec::new())];
        self.list(self.folder.join(REJECTED), all, true)
    }

    fn list(&self, folder: PathBuf, destinations: Vec<Destination>, old: bool) -> Result<Waiting> {
        let youngest = if old { Time(i64::MIN) } else { youngest() };
        let mut names = if self.is_ours()? { names::list(&folder) } else { Vec::new() };
        // Usually there are none, and then the hashes need not be computed: they cost more than the listing.
        if !names.is_empty() {
            let servers: Vec<_> = destinations.iter().flat_map(Destination::servers).collect();
            names.retain(|name| servers.iter().any(|server| names::server(name) == Some(server)));
        }
        Ok(Waiting {
            folder,
            destinations,
            youngest,
            names: names.into(),
            held: VecDeque::new(),
            stuck: Vec::new(),
            lacks_descriptors: false,
            old: 0,
            foreign: 0,
        })
    }
}

/// Entries that came before this are old.
pub(super) fn youngest() -> Time {
    Time(Time::now().0.saturating_sub_unsigned(u64::try_from(OLD.as_nanos()).unwrap_or(u64::MAX)))
}

/// Entries that wait for one destination, oldest first, as they were listed. Each is looked at once, so that going
/// through them has an end whatever the server and the disk do; only what another process holds can be asked for again.
#[derive(Debug)]
pub struct Waiting {
    folder: PathBuf,
    destinations: Vec<Destination>,
    /// Entries that came before this are left alone.
    youngest: Time,
    names: VecDeque<String>,
    held: VecDeque<String>,
    /// Entries that could not be taken, and why.
    pub stuck: Vec<(String, String)>,
    /// Whether there was no descriptor left for the next.
    pub lacks_descriptors: bool,
    /// Entries left alone because of their age.
    pub old: u64,
    /// Files left alone because they are none of ours, or of another version.
    pub foreign: u64,
}

impl Waiting {
    /// The next entry.
    pub fn claim(&mut self) -> Option<Box<Entry>> {
        while let Some(name) = self.names.pop_front() {
            if names::arrival(&name).is_some_and(|arrival| arrival < self.youngest) {
                self.old += 1;
                continue;
            }
            match Entry::find(&self.folder, &name) {
                Claimed::Entry(entry) if entry.since < self.youngest => self.old += 1,
                // Somebody may have renamed it: what its first line says counts.
                Claimed::Entry(entry) if self.takes(&entry) => return Some(entry),
                Claimed::Entry(_) | Claimed::Gone => {}
                Claimed::Foreign => self.foreign += 1,
                Claimed::Held => self.held.push_back(name),
                Claimed::Stuck(why) => self.stuck.push((name, why)),
                Claimed::NoDescriptor => {
                    self.names.push_front(name);
                    self.lacks_descriptors = true;
                    return None;
                }
            }
        }
        None
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.destinations.iter().any(|destination| destination.takes(&entry.destination, entry.version()))
    }

    /// The next entry, if it may share a request with the one called `name`.
    pub fn claim_like(&mut self, name: &str) -> Option<Box<Entry>> {
        let next = self.names.front().filter(|next| names::suffix(next) == names::suffix(name))?.clone();
        let claimed = self.claim();
        match claimed {
            // The one that was looked at is gone, and the one claimed instead belongs to another stream.
            Some(entry) if names::suffix(entry.name()) != names::suffix(&next) => {
                self.put_back(&entry);
                None
            }
            claimed => claimed,
        }
    }

    /// Makes an entry the next one again.
    pub fn put_back(&mut self, entry: &Entry) {
        self.names.push_front(entry.name().to_owned());
    }

    /// Leaves these entries out.
    pub fn leave_out(&mut self, names: &BTreeSet<String>) {
        self.names.retain(|name| !names.contains(name));
    }

    /// Whether nothing is left to be claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many entries other processes held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Asks again for what other processes held.
    pub fn retry_held(&mut self) {
        self.names.append(&mut self.held);
    }
}
