//! What waits in the outbox, taken along or drained: which entries share a request, and what is noted of its outcome.
//!
//! Nothing is sent whose delivery could not be noted, and an entry that makes no progress leaves the list, so that going
//! through it has an end.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::attempt::{Load, Stop};
use super::breaker::Probe;
use super::policy::{Delivery, sooner};
use crate::outbox::{Entry, Outbox, Waiting};
use crate::record::count_lines;
use crate::server::socket::Deadline;

/// What a call takes along from the outbox: this much, and for as long as this if its own delivery was quicker.
pub const DRAIN_TIME: Duration = Duration::from_millis(250);
pub const DRAIN_BYTES: usize = 32 * 1024;

/// No request of a drain is made smaller than this, however thin the line.
pub const LEAST_BYTES: usize = 4 * 1024;

/// The most entries that share a request; each takes a descriptor.
const MAX_SHARING: usize = 16;

/// What a request of a drain has moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Records that the server has now.
    pub delivered: u64,
    /// Records that it refused and that were put aside.
    pub rejected: u64,
    /// What was tried, in bytes.
    pub bytes: usize,
}

/// What became of one round of draining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drained {
    /// There was nothing that this process could have taken, or that it should have tried now.
    Nothing,
    /// The server has answered.
    Some(Moved),
    /// The server did not take all; why.
    Stopped(Moved, String),
}

impl Delivery {
    /// Whether something waits for this server.
    #[must_use]
    pub fn has_entries(&self) -> bool {
        self.entries(false).is_ok_and(|waiting| waiting.is_some_and(|waiting| !waiting.is_empty()))
    }

    /// What waits for this server, oldest first; with `old`, also what it may drop for its age. Entries that this process
    /// has found to be stuck are left out.
    ///
    /// # Errors
    /// Why the outbox cannot be used.
    pub fn entries(&self, old: bool) -> Result<Option<Waiting>> {
        let Ok(store) = &self.store else { return Ok(None) };
        let mut waiting = store.outbox.waiting(&self.destination, old)?;
        waiting.leave_out(&self.stuck.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Some(waiting))
    }

    /// What was put aside and may be offered to this server.
    ///
    /// # Errors
    /// Why the outbox cannot be used.
    pub fn aside(&self) -> Result<Option<Waiting>> {
        self.store.as_ref().ok().map(|store| store.outbox.aside(&self.destination)).transpose()
    }

    /// Takes something along from the outbox after a delivery that took `took`: for twice that time, or 250 ms if that is
    /// longer; for `most` at most. If less time is left than the delivery took, nothing is sent: the request would be cut
    /// off, and the next call would send it again.
    pub fn drain_along(&self, took: Duration, most: Duration, deadline: Deadline) {
        let deadline = sooner(deadline, DRAIN_TIME.max(took * 2).min(most));
        if deadline.is_some_and(|at| at.saturating_duration_since(Instant::now()) < took) {
            return;
        }
        if let Ok(Some(mut waiting)) = self.entries(false) {
            let _ = self.drain(&mut waiting, DRAIN_BYTES, deadline);
        }
    }

    /// Delivers `most` bytes of what waits, or one record if that is larger, whatever the breaker says.
    #[must_use]
    pub fn drain(&self, waiting: &mut Waiting, most: usize, deadline: Deadline) -> Drained {
        self.drain_with(waiting, most, deadline, None)
    }

    /// The same for those who were not asked to drain: they send nothing while the breaker is open.
    #[must_use]
    pub fn drain_if_allowed(&self, waiting: &mut Waiting, most: usize, deadline: Deadline) -> Drained {
        self.store.iter().for_each(|store| store.put_held_back_if_due(&self.destination));
        match self.allowed(deadline) {
            Ok((deadline, probe)) => self.drain_with(waiting, most, deadline, probe),
            Err(_) => Drained::Nothing,
        }
    }

    fn drain_with(
        &self,
        waiting: &mut Waiting,
        most: usize,
        deadline: Deadline,
        probe: Option<Probe>,
    ) -> Drained {
        let (Ok(client), Ok(store)) = (&self.client, &self.store) else { return Drained::Nothing };
        let (mut shares, lines) = gather(waiting, most);
        let Some(first) = shares.first() else { return Drained::Nothing };
        let stream_fields = &first.entry.destination.stream_fields.clone();
        let after_success = self.last_was_taken.load(Ordering::Relaxed);
        let attempt = self.attempt(client, &Load { lines: &lines, stream_fields, deadline, after_success });
        let delivered = count_lines(lines.get(..attempt.done).unwrap_or_default()) - attempt.rejected;
        let moved = Moved { delivered, rejected: attempt.rejected, bytes: lines.len() };
        divide(&mut shares, attempt.done);
        note(&store.outbox, waiting, shares, attempt.stop.as_ref());
        let stuck = waiting.stuck.iter().map(|(name, _)| name.clone());
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner).extend(stuck);
        self.learn(&attempt, probe, false);
        match attempt.stop {
            Some(Stop::Server { why, .. }) => Drained::Stopped(moved, why),
            Some(Stop::Aside(_)) | None => Drained::Some(moved),
        }
    }
}

/// An entry's share of a request.
struct Share {
    entry: Box<Entry>,
    /// How many of its bytes are in the request.
    bytes: usize,
    /// How many of them are done with.
    done: usize,
}

/// Claims the next entry, and more of the same stream while they fit into `most` bytes, or into less if a request for the
/// first has timed out before; at least one record. Gives the shares, and the records of all.
fn gather(waiting: &mut Waiting, most: usize) -> (Vec<Share>, Vec<u8>) {
    let (mut shares, mut body): (Vec<Share>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut most = most;
    while shares.len() < MAX_SHARING && (shares.is_empty() || body.len() < most) {
        let next = match shares.last() {
            None => waiting.claim(),
            Some(last) => waiting.claim_like(last.entry.name()),
        };
        let Some(mut entry) = next else { break };
        if let Err(error) = entry.confirm() {
            // What is delivered of it could not be noted, so nothing of it is sent.
            waiting.stuck.push((entry.name().to_owned(), format!("could not write to an entry: {error}")));
            continue;
        }
        if shares.is_empty() && entry.most > 0 {
            most = most.min(entry.most);
        }
        let lines = entry.next(most - body.len());
        if !body.is_empty() && body.len() + lines.len() > most {
            waiting.put_back(&entry);
            break;
        }
        body.extend_from_slice(lines);
        let bytes = lines.len();
        shares.push(Share { entry, bytes, done: 0 });
    }
    if std::mem::take(&mut waiting.lacks_descriptors) {
        // The connection needs one too.
        for share in shares.drain(1.min(shares.len())..).rev() {
            waiting.put_back(&share.entry);
        }
        body.truncate(shares.first().map_or(0, |share| share.bytes));
    }
    (shares, body)
}

/// Says of each share how much of it is done with, where the first `done` bytes of the request are.
fn divide(shares: &mut [Share], done: usize) {
    let mut left = done;
    for share in shares {
        share.done = share.bytes.min(left);
        left -= share.done;
    }
}

/// Notes in the entries how far they are delivered. One of which something is left goes back to the list of those that
/// wait, unless it makes no progress: then it counts as stuck.
fn note(outbox: &Outbox, waiting: &mut Waiting, mut shares: Vec<Share>, stop: Option<&Stop>) {
    let sent: usize = shares.iter().map(|share| share.bytes).sum();
    let first_left = shares.iter().position(|share| share.done < share.bytes);
    // From the newest on, so that the oldest is put back as the next.
    for (at, Share { entry, bytes, done }) in shares.iter_mut().enumerate().rev() {
        let noted = if *done > 0 { outbox.advance(entry, *done) } else { Ok(()) };
        let stuck = match (noted, stop) {
            // Else the same records would go out again and again.
            (Err(error), _) => Some(format!("{error:#}")),
            (Ok(()), Some(Stop::Aside(why))) if first_left == Some(at) => Some(why.clone()),
            _ => None,
        };
        if let Some(why) = stuck {
            waiting.stuck.push((entry.name().to_owned(), why));
            continue;
        }
        let is_timed_out = matches!(stop, Some(Stop::Server { timed_out: true, .. })) && done < bytes;
        if is_timed_out {
            // Half as much may come through in time.
            entry.limit((sent / 2).max(LEAST_BYTES));
        }
        if is_timed_out || !entry.is_over() {
            waiting.put_back(entry);
        }
    }
}
