//! Batches to a server or the outbox: what is tried, for how long, how much at once, and what becomes of the rest.
//!
//! In come batches and deadlines; out goes what became of them, as data. It knows of no setting and no verb.

mod attempt;
mod backlog;
pub mod breaker;
pub mod drain;
pub mod missing;
mod outgoing;
pub mod pace;
pub mod policy;
pub mod sender;
mod senders;
pub mod setup;
