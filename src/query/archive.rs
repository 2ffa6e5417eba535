//! Who answers: a server, or the outbox where there is none. Both give the same kinds of answers, and the same rows.

use std::fmt;
use std::io;

use super::local::Refusal;
use super::print::Printer;
use super::search::{Buckets, Search};
use crate::server::http::Failure;

/// Why there is no answer, or not all of it.
#[derive(Debug)]
pub enum Trouble {
    /// The server, the outbox or whoever reads the rows is the cause.
    Failure(Failure),
    /// The query is not one that the outbox can answer.
    Refusal(Refusal),
}

impl Trouble {
    /// Whether it is none: whoever reads the rows has seen enough.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        matches!(self, Self::Failure(Failure::Unprinted(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The byte of the query that is the cause, if it is known.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        if let Self::Refusal(refusal) = self { refusal.at } else { None }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Failure(failure) => failure.fmt(f),
            Self::Refusal(refusal) => write!(f, "could not query the outbox: {}", refusal.what),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Failure(Failure::Unprinted(error))
    }
}

/// Takes JSON lines.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Who can be asked.
pub trait Archive {
    /// What people call it.
    fn name(&self) -> String;

    /// Whether it is a server, which makes new records searchable after a second or two.
    fn is_server(&self) -> bool;

    /// Hands the rows to `sink` as they are found.
    ///
    /// # Errors
    /// What keeps them from coming, or from coming all.
    fn rows(&self, search: &Search, sink: Sink) -> Result<(), Trouble>;

    /// How many records there are in each bucket, by level, as the server's JSON has it.
    ///
    /// # Errors
    /// The same.
    fn hits(&self, search: &Search, buckets: Buckets) -> Result<Vec<u8>, Trouble>;

    /// Prints the last rows and those that come.
    ///
    /// # Errors
    /// The same.
    fn follow(&self, search: &Search, printer: Printer) -> Result<(), Trouble>;
}
