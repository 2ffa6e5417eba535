//! One server: its address, the way there, and what it says.
//!
//! In come requests and a deadline; out go outcomes, which are data and no errors, and the bytes of answers. It knows of
//! no verb, no setting and no outbox.

pub mod access;
pub mod endpoint;
pub mod http;
pub mod protocol;
mod retry_after;
pub mod socket;
#[cfg(feature = "tls")]
mod tls;
mod words;
