//! Where the records of an entry go: the one value that tells destinations apart.
//!
//! It is made from the request as it will go out. Credentials are no part of it and are never written down, but
//! for a hash of the basic-auth user, since two users of one URL may be two tenants. Bearer tokens rotate, so they
//! are no part of it either: whoever uses two tokens at one URL gives each an outbox of its own (`VLOG_OUTBOX`).

use serde_json::Value;

use crate::record::protocol::Protocol;
use crate::record::{hash, json_string};

/// Whose records an entry holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destination {
    /// How its records are sent: those of one destination never go out in another's way.
    pub protocol: Protocol,
    /// The endpoint's base URL; empty if it could not be told.
    pub url: String,
    /// The tenant, as its headers say it: numbers or text, as the protocol has it.
    pub tenant: String,
    /// A hash of the basic-auth user; empty without one.
    pub user: String,
    /// The machine, if the URL means "this one": a home may be shared between several.
    pub host: String,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
}

impl Destination {
    /// Records whose destination could not be told: they are put aside, never sent by themselves.
    #[must_use]
    pub fn unknown(stream_fields: Vec<String>) -> Self {
        Self { stream_fields, ..Self::default() }
    }

    /// Whether it is known where the records go.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.url.is_empty()
    }

    /// As the members of an entry's first line, without the opening brace.
    pub(super) fn members(&self) -> String {
        let Self { protocol, url, tenant, user, host, stream_fields } = self;
        let protocol = protocol.name();
        let [url, tenant, user, host] = [url, tenant, user, host].map(|text| json_string(text));
        let names = stream_fields.iter().map(|name| json_string(name)).collect::<Vec<_>>().join(",");
        format!(
            "\"protocol\":\"{protocol}\",\"url\":{url},\"tenant\":{tenant},\"user\":{user},\"host\":{host},\
             \"stream_fields\":[{names}]}}"
        )
    }

    /// Reads the members; `None` if they are not there, or are of a protocol that this version does not know.
    pub(super) fn from_members(header: &Value) -> Option<Self> {
        let text = |name: &str| Some(header.get(name)?.as_str()?.to_owned());
        let names = header.get("stream_fields")?.as_array()?.iter();
        let stream_fields = names.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        let protocol = Protocol::parse(header.get("protocol")?.as_str()?)?;
        // Version 1 had no user.
        let user = text("user").unwrap_or_default();
        Some(Self {
            protocol,
            url: text("url")?,
            tenant: text("tenant")?,
            user,
            host: text("host")?,
            stream_fields,
        })
    }

    /// What tells this server's entries and breaker from others', in the names of files.
    #[must_use]
    pub fn server(&self) -> String {
        self.server_with(&self.host, &self.user)
    }

    fn server_with(&self, host: &str, user: &str) -> String {
        let Self { url, tenant, .. } = self;
        let protocol = self.protocol.name();
        let separator = if user.is_empty() { "" } else { "\n" };
        format!("{:016x}", hash(&format!("{protocol}\n{url}\n{tenant}\n{host}{separator}{user}")))
    }

    /// The server parts of the names that this destination's entries may have. Version 1 knew no user, and took fewer
    /// addresses for this machine's.
    pub(super) fn servers(&self) -> Vec<String> {
        let mut all = vec![self.server()];
        if !self.user.is_empty() {
            all.push(self.server_with(&self.host, ""));
        }
        if !self.host.is_empty() {
            all.push(self.server_with("", ""));
        }
        all
    }

    /// Whether an entry with this destination, written by this `version`, is for the same server.
    pub(super) fn takes(&self, other: &Self, version: u64) -> bool {
        let server = other.server();
        server == self.server() || version == 1 && self.servers().contains(&server)
    }

    /// The end of an entry's name: hashes of the server and of the stream fields.
    pub(super) fn suffix(&self) -> String {
        format!(".{}.{:016x}.jsonl", self.server(), hash(&self.stream_fields.join(",")))
    }
}
