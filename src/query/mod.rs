//! A question in, what a person or a program reads out: conditions, times, the tail, hints, and how rows are printed.

pub mod follow;
pub mod hints;
pub mod print;
pub mod question;
pub mod range;
