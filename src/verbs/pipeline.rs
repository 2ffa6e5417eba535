//! What `pipe` and `run` do with lines: make records of them, gather these to batches, hand those to the sender.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Session, encoder};
use crate::delivery::missing::Missing;
use crate::delivery::policy::Delivery;
use crate::delivery::sender::{Progress, Shipper};
use crate::intake::assemble::{Assembler, Source};
use crate::intake::text::lines::Piece;
use crate::record::defaults::Defaults;
use crate::record::time::Time;

/// Where lines go in, and records go out to the sender.
pub struct Pipeline {
    assembler: Assembler,
    shipper: Shipper,
}

impl Pipeline {
    /// Starts the sender. `progress` counts the records on their way.
    #[must_use]
    pub fn open(session: &Session, delivery: Delivery, progress: Arc<Progress>) -> Self {
        let shipper = Shipper::start(delivery, session.report, progress, &session.promises);
        Self { assembler: Assembler::new(encoder()), shipper }
    }

    /// Takes a piece of what was read from `source` at `now`.
    pub fn take(&mut self, piece: Piece, now: Time, source: &mut Source) {
        let made = self.assembler.take(piece, now, source);
        self.shipper.progress().made(made);
        if self.assembler.is_full() {
            self.shipper.ship(self.assembler.give());
        }
    }

    /// How long until the batch in hand must go; `None` if there is none.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        self.assembler.due_in()
    }

    /// Sends the batch in hand off if it is due.
    pub fn ship_if_due(&mut self) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            self.shipper.ship(self.assembler.give());
        }
    }

    /// Sends off the rest and waits until all is delivered, for `time` at most; what is not goes to the outbox. If that
    /// was full, a last record with the fields of `defaults` says how many it dropped. Gives what became of the records
    /// that were not delivered, since the start.
    #[must_use]
    pub fn finish(mut self, time: Duration, defaults: &Defaults) -> Missing {
        self.shipper.ship(self.assembler.give());
        let assembler = &mut self.assembler;
        let missing =
            self.shipper.finish(time, |message, dropped| assembler.tell_dropped(message, dropped, defaults));
        self.shipper.doubt(self.assembler.doubtful());
        missing
    }
}
