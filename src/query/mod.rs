//! A question in, what a person or a program reads out: conditions, times, the tail, hints, and how rows are printed.

pub mod answer;
pub mod archive;
pub mod follow;
pub mod hints;
pub mod local;
pub mod outbox;
pub mod print;
pub mod question;
pub mod range;
pub mod search;
pub mod server;
