//! Where records go and how, as the settings say it; and the name that this gives to their destination.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::outbox::{Destination, Outbox};
use crate::record::hash;
use crate::record::protocol::Protocol;
use crate::server::access::Access;
use crate::server::endpoint::Endpoint;
use crate::server::protocol::ORG_ID;

/// Where records go and how, and where they wait.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The server; `None` if it cannot be told.
    pub endpoint: Option<Endpoint>,
    /// How to get there, and as whom.
    pub access: Access,
    /// Why nothing may be sent, if so: a setting that says where, or how, cannot be read.
    pub blocked: Option<String>,
    /// How records are sent.
    pub protocol: Protocol,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
    /// For one delivery in all.
    pub timeout: Duration,
    /// Print the request instead of sending it.
    pub dry_run: bool,
    /// Where undelivered records are kept, or why they are not.
    pub outbox: Result<Outbox, String>,
}

impl Setup {
    /// Where the records go: the one value that tells destinations apart, made from the request as it will go out.
    #[must_use]
    pub fn destination(&self) -> Destination {
        let Some(endpoint) = &self.endpoint else { return Destination::unknown(self.stream_fields.clone()) };
        let name =
            || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Destination {
            protocol: self.protocol,
            url: endpoint.to_string(),
            tenant: self.tenant(),
            user: self.access.header("Authorization").and_then(basic_user).unwrap_or_default(),
            host: if endpoint.is_loopback() { name() } else { String::new() },
            stream_fields: self.stream_fields.clone(),
        }
    }

    /// The tenant as the protocol's headers say it. VictoriaLogs' numbers count on every protocol, because it speaks more
    /// than its own.
    fn tenant(&self) -> String {
        let header = |name| self.access.header(name);
        let numbers = ["AccountID", "ProjectID"].map(header);
        let by_numbers = || numbers.map(|number| number.unwrap_or("0")).join(":");
        let org = header(ORG_ID).unwrap_or_default();
        match self.protocol {
            Protocol::Jsonline => by_numbers(),
            _ if numbers == [None, None] => org.to_owned(),
            _ => format!("{org} {}", by_numbers()),
        }
    }
}

/// A hash of the user in a header of basic authentication.
fn basic_user(authorization: &str) -> Option<String> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded =
        scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(encoded.trim()).ok())??;
    let user = decoded.split(|byte| *byte == b':').next()?;
    Some(format!("{:016x}", hash(&String::from_utf8_lossy(user))))
}
