//! The policy of delivery: what is tried, for how long, and what becomes of what could not be delivered.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};

use crate::client::{Client, Outcome};
use crate::config::{Config, Endpoint};
use crate::net::Deadline;
use crate::protocol::{Batch, jsonline};
use crate::report::records;

/// Takes batches to the endpoint of a configuration.
#[derive(Debug)]
pub struct Delivery<'a> {
    config: &'a Config,
    endpoint: &'a Endpoint,
    client: Client,
}

impl<'a> Delivery<'a> {
    /// `None` if delivery is off. A byte to read from `cancel` ends every wait.
    ///
    /// # Errors
    /// Settings that the client cannot use.
    pub fn new(config: &'a Config, cancel: Option<UnixStream>) -> Result<Option<Self>> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let client = Client::new(endpoint, &config.access, cancel)?;
        Ok(Some(Self { config, endpoint, client }))
    }

    /// Tries once, until the deadline; what is wrong comes back as a sentence that says what became of the data.
    ///
    /// # Errors
    /// The batch was not delivered and is gone.
    pub fn deliver(&self, batch: &Batch, deadline: Deadline) -> Result<(), String> {
        let request = jsonline::request(batch, &self.config.stream_fields);
        if self.config.dry_run {
            let head = self.client.describe(&request.path, request.content_type);
            return print(&head, request.body).map_err(|error| format!("{error:#}"));
        }
        let (verb, why) = match self.client.insert(&request, deadline) {
            Outcome::Delivered => return Ok(()),
            Outcome::Retry(why) => ("reach", why),
            Outcome::Rejected(why) => ("deliver to", why),
        };
        Err(format!("could not {verb} {}: {why}; {} lost", self.endpoint, records(batch.records)))
    }
}

/// Prints a request for `--dry-run`.
///
/// # Errors
/// stdout does not take it.
pub fn print(head: &str, body: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out
        .write_all(head.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.write_all(body))
        .and_then(|()| out.flush());
    written.context("could not print the request")
}
