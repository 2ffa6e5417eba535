//! How a batch of records becomes a request; one file per kind of destination.

pub mod jsonline;

/// Records on their way, as JSON lines.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// One JSON object and a newline each.
    pub lines: Vec<u8>,
    /// How many lines.
    pub records: u64,
}

/// What a protocol wants sent.
#[derive(Debug)]
pub struct Request<'a> {
    /// Below the endpoint, query included; begins with a slash.
    pub path: String,
    /// Never one of a form: the server would eat the body and answer 200.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a [u8],
}
