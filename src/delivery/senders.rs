//! The two senders: what each does, and what they and the shipper tell each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::missing::Missing;
use crate::record::Batch;

/// How long the server may owe an answer before a full queue stops holding up the shipper.
pub(super) const OVERDUE: Duration = Duration::from_millis(500);

/// What shipper and senders tell each other.
#[derive(Default)]
pub(super) struct Sending {
    pub(super) first: Doing,
    pub(super) second: Doing,
    /// Whether the server has taken nothing since it was last waited for in vain; a time-out is no answer.
    pub(super) is_silent: bool,
    /// No more batches come, and all must be over by then.
    pub(super) end: Option<Instant>,
    pub(super) missing: Missing,
    /// Whether the last batch was not delivered.
    pub(super) failing: bool,
    /// The outbox was seen empty, and nothing was put there since. What an earlier run has left behind is looked after
    /// too.
    pub(super) nothing_to_drain: bool,
}

/// Who delivers.
#[derive(Clone, Copy)]
pub(super) enum Sender {
    First,
    Second,
}

impl Sender {
    /// The name of its thread.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::First => "sender",
            Self::Second => "second-sender",
        }
    }
}

/// What a sender does, and since when.
#[derive(Default)]
pub(super) enum Doing {
    /// It has had nothing to do so far.
    #[default]
    NotStarted,
    Nothing,
    /// It drains the outbox.
    Draining(Instant),
    /// It delivers this batch, or keeps it; no other thread does.
    Delivering(Arc<Batch>, Instant),
    /// It is gone for ever, and this is what it had in hand.
    Gone(Option<Arc<Batch>>),
}

impl Doing {
    /// Since when it waits for the server.
    pub(super) fn since(&self) -> Option<Instant> {
        match self {
            Self::Draining(since) | Self::Delivering(_, since) => Some(*since),
            Self::NotStarted | Self::Nothing | Self::Gone(_) => None,
        }
    }

    /// What it has in hand if it is gone, which is then the caller's.
    pub(super) fn take_left(&mut self) -> Option<Arc<Batch>> {
        if let Self::Gone(batch) = self { batch.take() } else { None }
    }
}

impl Sending {
    pub(super) fn of(&mut self, sender: Sender) -> &mut Doing {
        match sender {
            Sender::First => &mut self.first,
            Sender::Second => &mut self.second,
        }
    }

    fn both(&self) -> [&Doing; 2] {
        [&self.first, &self.second]
    }

    /// Whether nothing is sent any more, because a sender is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.both().into_iter().any(|doing| matches!(doing, Doing::Gone(_)))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.both().into_iter().any(|doing| doing.since().is_some())
    }

    /// How many records the senders are delivering or keeping.
    pub(super) fn being_delivered(&self) -> u64 {
        let records = |doing: &Doing| if let Doing::Delivering(batch, _) = doing { batch.records } else { 0 };
        self.both().into_iter().map(records).sum()
    }

    /// What is left of the time that the server may owe an answer to the oldest request.
    pub(super) fn left(&self) -> Duration {
        if self.is_silent {
            return Duration::ZERO;
        }
        let oldest = self.both().into_iter().filter_map(Doing::since).min();
        OVERDUE.saturating_sub(oldest.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}
