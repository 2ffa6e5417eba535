//! Black-box tests: the real binary, a clean environment, a server that can fail in every way.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::missing_panics_doc, clippy::format_collect)]

mod abuse;
mod child;
mod completions;
mod contract;
mod destination;
mod drain;
mod env;
mod flight;
mod follow;
mod guard;
mod hook;
mod install;
mod local;
mod man;
mod messages;
mod outbox;
mod parse;
mod pipe;
mod protocol;
mod query;
mod readme;
mod redact;
mod rooms;
mod run;
mod screen;
mod select;
mod send;
mod server;
mod settings;
mod signals;
mod status;
mod tls;
