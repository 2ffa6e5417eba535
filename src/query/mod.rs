//! A question in, what a person or a program reads out: conditions, times, the tail, hints, and how rows are printed.

pub mod follow;
pub mod hints;
#[expect(dead_code, reason = "read by `vlog query --local`, which comes next")]
pub mod local;
pub mod print;
pub mod question;
pub mod range;
