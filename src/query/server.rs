//! A server answers: the requests for rows, for a histogram and for rows as they come.

use std::io;
use std::time::Duration;

use super::archive::{Archive, Sink, Trouble};
use super::follow::{self, Follow};
use super::print::Printer;
use super::search::{Buckets, Search};
use crate::server::access::Access;
use crate::server::endpoint::Endpoint;
use crate::server::http::{Client, FORM};
use crate::sys::stdio;

const QUERY: &str = "/select/logsql/query";
const HITS: &str = "/select/logsql/hits";

/// The most bytes of a histogram's answer: some hundred levels in each of its buckets take a tenth.
const MAX_HISTOGRAM_BYTES: usize = 16 * 1024 * 1024;

/// A server that answers queries.
pub struct Server<'a> {
    /// Which.
    pub endpoint: &'a Endpoint,
    /// How to get there, and as whom.
    pub access: &'a Access,
    /// The longest pause between two bytes of its answer.
    pub idle: Duration,
}

impl Server<'_> {
    fn client(&self) -> Client {
        Client::for_query(self.endpoint, self.access, stdio::pipe_reader())
    }

    /// A live tail that has not begun.
    #[must_use]
    pub fn tail<'a>(&self, search: &'a Search, printer: Printer) -> Follow<'a> {
        let clients = [self.client(), self.client()];
        Follow::new(search.arguments(), clients, self.idle, stdio::pipe_reader(), printer)
    }

    /// The request in words, its secrets left out: for a histogram, for rows as they come, or for rows.
    #[must_use]
    pub fn describe(&self, search: &Search, buckets: Option<Buckets>, is_live: bool) -> String {
        let (path, form) = match buckets {
            Some(buckets) => (HITS, search.hits_form(buckets)),
            None if is_live => (follow::TAIL, search.tail_form()),
            None => (QUERY, search.form()),
        };
        let head = Client::for_query(self.endpoint, self.access, None).describe(path, FORM);
        format!("{head}\n{form}\n")
    }
}

impl Archive for Server<'_> {
    fn name(&self) -> String {
        self.endpoint.to_string()
    }

    fn is_server(&self) -> bool {
        true
    }

    fn rows(&self, search: &Search, sink: Sink) -> Result<(), Trouble> {
        Ok(self.client().query(QUERY, &search.form(), self.idle, sink)?)
    }

    fn hits(&self, search: &Search, buckets: Buckets) -> Result<Vec<u8>, Trouble> {
        let mut answer = Vec::new();
        self.client().query(HITS, &search.hits_form(buckets), self.idle, &mut |piece| {
            answer.extend_from_slice(piece);
            if answer.len() > MAX_HISTOGRAM_BYTES {
                return Err(io::Error::other("the answer is too long for a histogram"));
            }
            Ok(())
        })?;
        Ok(answer)
    }

    fn follow(&self, search: &Search, printer: Printer) -> Result<(), Trouble> {
        Ok(self.tail(search, printer).run(search.last(), search.since.as_ref())?)
    }
}
