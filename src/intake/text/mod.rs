//! The bytes of a stream in, lines of clean text out, and what each says of itself.

pub mod join;
pub mod lines;
pub mod parse;
mod traces;
