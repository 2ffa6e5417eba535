//! `vlog flush` in the background, for `send --detach`.

use std::io;
use std::process::{Command, Stdio};

use nix::unistd::{close, setsid};

use crate::cli::args::DeliveryArgs;

/// Starts `vlog flush` for the same server, so that it outlives this process.
///
/// # Errors
/// It cannot be started.
pub fn start(args: &DeliveryArgs) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["flush", "--detached"]);
    let server = &args.server;
    let options = [
        ("--url", &server.url),
        ("--tenant", &server.tenant),
        ("--ca-file", &server.ca_file),
        ("--timeout", &args.timeout),
        ("--protocol", &args.protocol),
        ("--stream-fields", &args.stream_fields),
    ];
    for (name, value) in options {
        command.args(value.iter().map(|value| format!("{name}={value}")));
    }
    command.args(server.headers.iter().map(|header| format!("--header={header}")));
    command.args(server.insecure.then_some("--insecure"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// Leaves the caller's session, and closes the descriptors that it left open: a program that waits for the end of a pipe
/// must not wait for this process.
pub fn leave_caller() {
    // It fails only for the leader of a group, who has a session to itself.
    let _ = setsid();
    let open: Vec<i32> = std::fs::read_dir("/dev/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // One of them was the listing's own, and is closed already.
        let _ = close(descriptor);
    }
}
