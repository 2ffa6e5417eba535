//! What `pipe` and `run` do with lines: make records of them, gather these to batches, hand those to the sender.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Session, encoder};
use crate::delivery::policy::Delivery;
use crate::delivery::sender::{Progress, Shipper};
use crate::intake::assemble::{Assembler, Source};
use crate::intake::text::lines::Piece;
use crate::intake::text::parse::{Mode, Parser};
use crate::record::defaults::Defaults;
use crate::record::item::Item;
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

    /// Logs what was wrong with the command line as one record of its own, with these fields.
    pub fn log_mistakes(&mut self, session: &Session, items: &[Item]) {
        // What keeps all records from being sent is told with what becomes of them.
        if !session.mistakes.is_empty() && session.config.route.trouble().is_none() {
            let defaults = session.defaults(None, items.to_vec(), &session.mistakes);
            let mut source = Source::new(&defaults, Parser::new(Mode::Raw, true));
            self.take(Piece::Line(session.mistakes.join("; ").into()), Time::now(), &mut source);
        }
    }

    /// How long until the batch in hand must go; `None` if there is none.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        self.assembler.due_in()
    }

    /// How many records were put into the outbox so far.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.shipper.kept()
    }

    /// Sends the batch in hand off if it is due.
    pub fn ship_if_due(&mut self) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            self.shipper.ship(self.assembler.give());
        }
    }

    /// Sends off the rest and waits until all is delivered, for `time` at most; what is not goes to the outbox. If that
    /// was full, a last record with the fields of `defaults` says how many it dropped. Tells what became of the records
    /// since the start; `true` if all were delivered.
    pub fn finish(mut self, time: Duration, defaults: &Defaults, session: &Session) -> bool {
        self.shipper.ship(self.assembler.give());
        let assembler = &mut self.assembler;
        let missing =
            self.shipper.finish(time, |message, dropped| assembler.tell_dropped(message, dropped, defaults));
        let doubtful = self.assembler.doubtful();
        self.shipper.doubt(doubtful);
        missing.tell(session.report);
        if missing.is_nothing() && !missing.was_told() && doubtful.1.is_none() {
            session.confirm(self.shipper.progress().count());
        }
        missing.is_nothing()
    }
}
