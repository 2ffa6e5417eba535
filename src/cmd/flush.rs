//! `vlog flush`: delivers what waits in the outbox, now.
//!
//! It tries even while the breaker is open, for somebody asked. It ends at the first request that asks for a
//! retry: what is left is tried by the next call.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::unistd::{close, setsid};

use super::{Context, Verdict, tell};
use crate::cli::{DeliveryArgs, FlushArgs};
use crate::config::Config;
use crate::deliver::{Delivery, Drained, Pace};
use crate::report::{Report, records};
use crate::signals;

/// Delivers the outbox.
pub fn run(args: &FlushArgs, context: Context) -> Verdict {
    if args.detached {
        leave_caller();
    }
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    tell(&config, &mistakes, report);
    crate::panic_if_asked("flush");
    let verdict = |done| Verdict { done, fail: config.fail };
    let Some(delivery) = Delivery::new(&config, signals::stop().ok()) else { return verdict(true) };
    let progress = Progress { wanted: io::stderr().is_terminal() };
    let (mut delivered, mut refused) = (0, 0);
    let mut pace = Pace::default();
    let stopped = loop {
        let start = Instant::now();
        match delivery.drain(pace.bytes, start.checked_add(config.timeout)) {
            Drained::Nothing => break None,
            Drained::Stopped(why) => break Some(why),
            Drained::Some(sent, rejected, bytes) => {
                delivered += sent;
                refused += rejected;
                progress.show(delivered);
                pace.learn(bytes, start.elapsed(), config.timeout);
            }
        }
    };
    progress.end();
    let mut told = format!("{} delivered", records(delivered));
    if refused > 0 {
        told = format!("{told}, {} refused and put aside", records(refused));
    }
    if let Some(why) = &stopped {
        report.trouble(&format!("{why}; {told}, {} left in the outbox", records(delivery.waiting())));
    } else if delivered + refused > 0 {
        report.trouble(&told);
    }
    verdict(stopped.is_none() && refused == 0)
}

/// Starts `vlog flush` with the same server and as good as no tie to this process.
///
/// # Errors
/// It cannot be started.
pub fn start_detached(args: &DeliveryArgs) -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["flush", "--detached"]);
    let server = &args.server;
    let options = [
        ("--url", &server.url),
        ("--tenant", &server.tenant),
        ("--ca-file", &server.ca_file),
        ("--timeout", &args.timeout),
        ("--stream-fields", &args.stream_fields),
    ];
    for (name, value) in options {
        command.args(value.iter().map(|value| format!("{name}={value}")));
    }
    command.args(server.headers.iter().map(|header| format!("--header={header}")));
    command.args(server.insecure.then_some("--insecure"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// Leaves the caller's session, and closes what it left open: whoever waits for the end of a pipe must not wait
/// for us.
fn leave_caller() {
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

/// One line on a terminal that counts up.
struct Progress {
    wanted: bool,
}

impl Progress {
    fn show(&self, delivered: u64) {
        if self.wanted {
            let _ = write!(io::stderr(), "\rvlog: {} delivered", records(delivered));
        }
    }

    /// Makes room for the next message.
    fn end(&self) {
        if self.wanted {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
