//! What each protocol makes of a batch, and of the answers to it; one file per protocol.
//!
//! A batch is always the JSON lines that VictoriaLogs takes (`record`). A protocol makes a request of them and says what an
//! answer means. Elsewhere only their names are known (`record/protocol`), and what each takes as a tenant (`cli/values`).

mod jsonline;
mod log_line;
mod loki;
mod ndjson;
mod otlp;

use std::borrow::Cow;
use std::fmt;

use crate::record::protocol::Protocol;

/// The headers that name a tenant: they are part of what tells destinations apart, and are no secret.
pub const TENANT_HEADERS: [&str; 3] = ["AccountID", "ProjectID", ORG_ID];

/// Loki's header for the tenant, which OpenTelemetry collectors use too.
pub const ORG_ID: &str = "X-Scope-OrgID";

/// An HTTP API that takes log records.
pub trait PushApi: fmt::Debug + Sync {
    /// Paths that URLs are often copied with, and that are no part of the base URL.
    fn own_paths(&self) -> &'static [&'static str];

    /// The request that delivers these lines. The stream fields are those that make up the log stream.
    fn push<'a>(&self, lines: &'a [u8], stream_fields: &[String]) -> Request<'a>;

    /// A request that asks whether records would be taken, and stores nothing.
    fn check(&self, stream_fields: &[String]) -> Request<'static>;

    /// Whether a server of this kind that takes records may refuse the check all the same, because there is none in it.
    fn may_refuse_check(&self) -> bool {
        false
    }

    /// What the answer to a push says of its records.
    fn acceptance(&self, status: u16, answer: &str) -> Acceptance {
        let _ = answer;
        Acceptance::by_status(status)
    }

    /// Whether the answer to a check says that records would be taken.
    fn is_yes(&self, status: u16, answer: &str) -> bool {
        self.acceptance(status, answer) == Acceptance::All
    }
}

/// The API of a protocol.
#[must_use]
pub fn api(protocol: Protocol) -> &'static dyn PushApi {
    match protocol {
        Protocol::Jsonline => &jsonline::Jsonline,
        Protocol::Loki => &loki::Loki,
        Protocol::Ndjson => &ndjson::Ndjson,
        Protocol::Otlp => &otlp::Otlp,
    }
}

/// What a protocol wants sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Below the base URL, query included; empty or beginning with a slash.
    pub path: Cow<'static, str>,
    /// Never one of a form: VictoriaLogs would eat the body and answer 200.
    pub content_type: &'static str,
    /// Headers beside the content type.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body.
    pub body: Cow<'a, [u8]>,
}

/// What became of the records of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// The server has them.
    All,
    /// It has all but so many, and does not say which it refuses.
    AllBut(u64),
    /// It refuses the request for what is in it. It may have some of the records nevertheless.
    Refused,
    /// It did not take them this time.
    NotNow,
}

impl Acceptance {
    /// What the status alone says: 400 and 413 are about the body, everything else but 2xx may be over another time.
    #[must_use]
    pub fn by_status(status: u16) -> Self {
        match status {
            200..=299 => Self::All,
            400 | 413 => Self::Refused,
            _ => Self::NotNow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_is_found_by_its_name_and_has_a_check_that_differs_from_a_push() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::parse(&protocol.name().to_uppercase()), Some(protocol));
            let line = b"{\"_time\":\"2026-11-20T12:00:00.000000000Z\",\"_msg\":\"m\"}\n";
            let (push, check) = (api(protocol).push(line, &[]), api(protocol).check(&[]));
            assert!(push.path != check.path || push.body != check.body, "{protocol:?}");
            assert_eq!(push.content_type, check.content_type);
        }
        assert_eq!(Protocol::parse("carrier pigeon"), None);
    }
}
