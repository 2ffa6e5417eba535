//! What waits in the outbox, taken along or drained: which entries share a request, and what is noted of its outcome.
//!
//! Nothing is sent whose delivery could not be noted, and an entry that makes no progress leaves the list, so that going
//! through it has an end.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::breaker::{BreakerState, Probe};
use super::policy::{Delivery, RUNAWAY_PAUSE, Stop, sooner};
use crate::outbox::{Entry, Waiting};
use crate::record::count_lines;
use crate::record::time::Time;
use crate::server::socket::Deadline;

/// What may be added to a call to take something along from the outbox, in time at the least and in bytes.
pub const DRAIN_TIME: Duration = Duration::from_millis(250);
pub const DRAIN_BYTES: usize = 32 * 1024;

/// No piece of a drain is made smaller than this, however thin the line.
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

    /// What waits for this server, oldest first; with `old`, also what it may drop for its age. What this process could
    /// not take once is left out.
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

    /// Takes something along from the outbox after a delivery that took `took`: for as long again twice, or 250 ms if
    /// that is more; for `most` at most. With less time than the delivery took it would be cut off, and sent again by
    /// the next call.
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

    /// The same for those who were not asked for it: they wait as the breaker says.
    #[must_use]
    pub fn drain_if_allowed(&self, waiting: &mut Waiting, most: usize, deadline: Deadline) -> Drained {
        if let Ok(store) = &self.store
            && self.run().last.is_some_and(|last| last.elapsed() >= RUNAWAY_PAUSE)
        {
            self.put_in_hand(store);
        }
        match self.store.as_ref().map_or(BreakerState::Closed, |store| store.breaker.enter(Time::now())) {
            BreakerState::Closed => self.drain_with(waiting, most, deadline, None),
            BreakerState::Probe(probe) => {
                self.drain_with(waiting, most, sooner(deadline, probe.wait()), Some(probe))
            }
            BreakerState::Open(_) | BreakerState::Paused(_) => Drained::Nothing,
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
        let (mut parts, body) = gather(waiting, most);
        let Some(stream_fields) = parts.first().map(|part| part.entry.destination.stream_fields.clone())
        else {
            return Drained::Nothing;
        };
        let attempt = self.attempt(client, &body, &stream_fields, deadline);
        let moved = Moved {
            delivered: count_lines(body.get(..attempt.done).unwrap_or_default()) - attempt.rejected,
            rejected: attempt.rejected,
            bytes: body.len(),
        };
        let mut left = attempt.done;
        for part in &mut parts {
            part.done = part.bytes.min(left);
            left -= part.done;
        }
        let first_left = parts.iter().position(|part| part.done < part.bytes);
        // From the newest on, so that the oldest is put back as the next.
        for (at, Share { entry, bytes, done }) in parts.iter_mut().enumerate().rev() {
            let noted = if *done > 0 { store.outbox.advance(entry, *done) } else { Ok(()) };
            match (&attempt.stop, noted) {
                // Else the same records would go out again and again.
                (_, Err(error)) => waiting.stuck.push((entry.name().to_owned(), format!("{error:#}"))),
                (Some(Stop::Aside(why)), _) if first_left == Some(at) => {
                    waiting.stuck.push((entry.name().to_owned(), why.clone()));
                }
                (Some(Stop::Server { timed_out: true, .. }), _) if done < bytes => {
                    entry.limit((body.len() / 2).max(LEAST_BYTES));
                    waiting.put_back(entry);
                }
                _ if entry.is_over() => {}
                _ => waiting.put_back(entry),
            }
        }
        self.stuck
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(waiting.stuck.iter().map(|(name, _)| name.clone()));
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

/// Claims the next entry, and more of the same stream while they fit into `most` bytes, or what the first is known
/// to need; at least one record. With the records of all.
fn gather(waiting: &mut Waiting, most: usize) -> (Vec<Share>, Vec<u8>) {
    let (mut parts, mut body): (Vec<Share>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut most = most;
    while parts.len() < MAX_SHARING && (parts.is_empty() || body.len() < most) {
        let next = match parts.last() {
            None => waiting.claim(),
            Some(last) => waiting.claim_like(last.entry.name()),
        };
        let Some(mut entry) = next else { break };
        if let Err(error) = entry.confirm() {
            // What is delivered of it could not be noted, so nothing of it is sent.
            waiting.stuck.push((entry.name().to_owned(), format!("could not write to an entry: {error}")));
            continue;
        }
        if parts.is_empty() && entry.most > 0 {
            most = most.min(entry.most);
        }
        let lines = entry.next(most - body.len());
        if !body.is_empty() && body.len() + lines.len() > most {
            waiting.put_back(&entry);
            break;
        }
        body.extend_from_slice(lines);
        let bytes = lines.len();
        parts.push(Share { entry, bytes, done: 0 });
    }
    if std::mem::take(&mut waiting.lacks_descriptors) {
        // The connection needs one too.
        for part in parts.drain(1.min(parts.len())..).rev() {
            waiting.put_back(&part.entry);
        }
        body.truncate(parts.first().map_or(0, |part| part.bytes));
    }
    (parts, body)
}
