//! How a batch of records becomes a request; one file per kind of destination.

pub mod jsonline;

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
