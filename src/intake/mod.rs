//! Foreign bytes in, records out: lines of any program, payloads of agents, with levels, times, fields and secrets found.
//!
//! No input and no output happens here; the environment comes as a closure.

pub mod assemble;
pub mod json;
pub mod payload;
pub mod redact;
pub mod text;
