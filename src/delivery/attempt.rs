//! One try to deliver lines: in one request or, where the server refuses something in them, in ever smaller pieces.
//!
//! - 400 and 413 split a piece in two, so that one bad record cannot hold back the good ones.
//! - A single record is put aside only if the server takes others in the same attempt: a wrong path or tenant rejects
//!   nothing. Mostly it says so itself, by its protocol's check. A server may also refuse that check, for there is no
//!   record in it; then it counts that it takes a neighbour of the bad record, or has just taken another batch.
//!
//! Pieces are done with in the order of their lines, so that what is left is always the end of them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::policy::Delivery;
use crate::outbox::split_lines;
use crate::record::count_lines;
use crate::server::http::{Client, Outcome};
use crate::server::socket::Deadline;

/// What is to be delivered.
pub(super) struct Load<'a> {
    /// Records, one JSON line each.
    pub(super) lines: &'a [u8],
    /// Which of their fields make up the stream.
    pub(super) stream_fields: &'a [String],
    /// When to give up.
    pub(super) deadline: Deadline,
    /// Whether the server has taken what this process sent last.
    pub(super) after_success: bool,
}

/// What became of some lines.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// How many bytes of them are done with, from the start: delivered or put aside.
    pub(super) done: usize,
    /// Single records among them that the server refuses while it takes others.
    pub(super) rejected: u64,
    /// What the server said when it refused something last.
    pub(super) refusal: String,
    /// Why the rest was not delivered; `None` if all is done with.
    pub(super) stop: Option<Stop>,
}

/// Why an attempt went no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The server did not take the next piece.
    Server {
        why: String,
        /// How long that request took.
        waited: Duration,
        /// Whether nothing at all came in time.
        timed_out: bool,
        /// For how long the server asks to be left alone.
        pause: Option<Duration>,
    },
    /// It refuses a record, which could not be put aside.
    Aside(String),
}

impl Stop {
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Server { why, .. } | Self::Aside(why) => why,
        }
    }
}

impl Delivery {
    /// Tries to deliver lines over this client, and puts aside which of them the server refuses for good.
    pub(super) fn attempt(&self, client: &Client, load: &Load) -> Attempt {
        let mut trial = Trial {
            delivery: self,
            client,
            load,
            to_send: vec![Portion { lines: load.lines, refused: None }],
            evidence: Evidence::NotAsked,
            suspect: None,
            has_taken: false,
            waited: Duration::ZERO,
            attempt: Attempt::default(),
        };
        trial.attempt.stop = trial.run().err();
        self.last_was_taken.store(trial.has_taken, Ordering::Relaxed);
        trial.attempt
    }
}

/// Lines that are still to be delivered.
struct Portion<'a> {
    lines: &'a [u8],
    /// Set for a second half, if the server said how many records of both halves it refused.
    refused: Option<Refused>,
}

/// How many records a server said that it refuses of two halves.
#[derive(Clone, Copy)]
struct Refused {
    in_both: u64,
    /// How many records had been put aside before the first half was sent.
    aside_before: u64,
}

impl Refused {
    /// How many of them are in the second half: those that were not found in the first. `aside` is how many records were
    /// put aside so far.
    fn in_second(self, aside: u64) -> u64 {
        self.in_both.saturating_sub(aside.saturating_sub(self.aside_before))
    }
}

/// What shows that a refusal is about a record, and not about path or tenant.
#[derive(PartialEq, Eq)]
enum Evidence {
    NotAsked,
    /// The server takes records now.
    Sure,
    /// It did so once, and refuses the check, which may be for want of a record.
    Weak,
}

/// What became of a portion that was sent.
enum Sent {
    Taken,
    /// The server refuses something in it: so many records, if it says so.
    Refused(Option<u64>),
}

/// An attempt under way.
struct Trial<'a> {
    delivery: &'a Delivery,
    client: &'a Client,
    load: &'a Load<'a>,
    /// The next piece comes last.
    to_send: Vec<Portion<'a>>,
    evidence: Evidence,
    /// A record that was refused on weak evidence: it is put aside if the server takes the next one.
    suspect: Option<&'a [u8]>,
    /// Whether the server has taken something.
    has_taken: bool,
    /// How long the last request took.
    waited: Duration,
    attempt: Attempt,
}

impl<'a> Trial<'a> {
    fn run(&mut self) -> Result<(), Stop> {
        while let Some(piece) = self.to_send.pop() {
            match self.send(&piece)? {
                Sent::Taken => self.note_taken(piece.lines)?,
                Sent::Refused(count) => self.narrow_down(piece.lines, count)?,
            }
        }
        // Nothing came behind it that the server could have taken.
        if self.suspect.is_some() { Err(self.refused()) } else { Ok(()) }
    }

    /// Sends a piece, unless what the server said of both halves tells what it would say.
    fn send(&mut self, piece: &Portion) -> Result<Sent, Stop> {
        let start = Instant::now();
        let outcome = match piece.refused.map(|refused| refused.in_second(self.attempt.rejected)) {
            Some(0) => Outcome::Delivered,
            Some(count) => Outcome::Partly(count, self.attempt.refusal.clone()),
            None => self.client.push(piece.lines, self.load.stream_fields, self.load.deadline),
        };
        self.waited = start.elapsed();
        match outcome {
            Outcome::Delivered => Ok(Sent::Taken),
            Outcome::Rejected(why) => {
                self.attempt.refusal = why;
                Ok(Sent::Refused(None))
            }
            Outcome::Partly(count, why) => {
                self.attempt.refusal = why;
                if count < count_lines(piece.lines) {
                    self.evidence = Evidence::Sure;
                }
                Ok(Sent::Refused(Some(count)))
            }
            Outcome::Retry(why) => Err(self.stop(why, false, None)),
            Outcome::Busy(why, pause) => Err(self.stop(why, false, Some(pause))),
            Outcome::TimedOut(why) => Err(self.stop(why, true, None)),
        }
    }

    /// The server has these lines. So it takes records, and the one that it refused just before is bad.
    fn note_taken(&mut self, lines: &[u8]) -> Result<(), Stop> {
        (self.evidence, self.has_taken) = (Evidence::Sure, true);
        if let Some(suspect) = self.suspect.take() {
            self.put_aside(suspect)?;
        }
        self.attempt.done += lines.len();
        Ok(())
    }

    /// Halves what the server refuses; if that is a single record, puts it aside.
    fn narrow_down(&mut self, lines: &'a [u8], count: Option<u64>) -> Result<(), Stop> {
        if self.evidence == Evidence::NotAsked {
            self.evidence = self.ask().ok_or_else(|| self.refused())?;
        }
        if count_lines(lines) > 1 {
            let (first, second) = split_lines(lines, lines.len() / 2);
            let refused = count.map(|in_both| Refused { in_both, aside_before: self.attempt.rejected });
            self.to_send.push(Portion { lines: second, refused });
            self.to_send.push(Portion { lines: first, refused: None });
            return Ok(());
        }
        match (&self.evidence, self.suspect) {
            (Evidence::Sure, _) => self.put_aside(lines),
            (_, None) => {
                self.suspect = Some(lines);
                Ok(())
            }
            // Two in a row, and nothing was taken: it may be the path after all.
            (_, Some(_)) => Err(self.refused()),
        }
    }

    /// Asks the server whether it takes records; `None` if nothing shows that it does.
    fn ask(&self) -> Option<Evidence> {
        match self.client.check(self.load.stream_fields, self.load.deadline) {
            Outcome::Delivered => Some(Evidence::Sure),
            Outcome::Rejected(_) if !self.client.may_refuse_check() => None,
            Outcome::Rejected(_) if self.load.after_success => Some(Evidence::Sure),
            Outcome::Rejected(_) if self.delivery.has_delivered() => Some(Evidence::Weak),
            _ => None,
        }
    }

    fn put_aside(&mut self, record: &[u8]) -> Result<(), Stop> {
        self.delivery.put_aside(record, self.load.stream_fields).map_err(|error| {
            Stop::Aside(format!("{}; it could not be put aside: {error}", self.attempt.refusal))
        })?;
        self.attempt.done += record.len();
        self.attempt.rejected += 1;
        Ok(())
    }

    /// The end, because of the last refusal.
    fn refused(&self) -> Stop {
        self.stop(self.attempt.refusal.clone(), false, None)
    }

    fn stop(&self, why: String, timed_out: bool, pause: Option<Duration>) -> Stop {
        Stop::Server { why, waited: self.waited, timed_out, pause }
    }
}
