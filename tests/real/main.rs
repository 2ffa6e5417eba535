//! Tests against a real VictoriaLogs: what the real binary sent is there, whole and in order, and is read.
//!
//! The server is the program named by `VICTORIA_LOGS_BIN`, or `victoria-logs` on the path; where there is
//! none the tests say so and pass. So it is with `LOKI_BIN` and `VLAGENT_BIN`. `VLOG_REAL_LONG=1` makes the test of order
//! longer, and has the outbox and the server asked more.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::missing_panics_doc, clippy::format_collect, clippy::print_stderr)]

#[path = "../cli/child.rs"]
mod child;
mod cluster;
mod env;
mod follow;
mod http;
mod local;
mod loki;
mod order;
mod outage;
mod query;
mod read;
mod readme;
mod samples;
mod server;
mod slow;
mod streams;
mod traps;
mod values;
