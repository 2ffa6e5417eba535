//! `vlog flush`: delivers what waits in the outbox, now.
//!
//! It tries even while the breaker is open, for somebody asked. It ends at the first request that asks for a
//! retry: what is left is tried by the next call.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{close, setsid};

use super::{Context, Verdict, tell};
use crate::cli::{DeliveryArgs, FlushArgs};
use crate::config::Config;
use crate::deliver::{Delivery, Drained};
use crate::outbox::ENTRY_BYTES;
use crate::report::{Report, records};
use crate::signals;

/// A request that took longer tells how thin the line is.
const SLOW: Duration = Duration::from_millis(500);

/// The least that a request carries, however thin the line.
const LEAST_BYTES: usize = 4 * 1024;

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
    let mut delivered = 0;
    let mut most = ENTRY_BYTES;
    loop {
        let start = Instant::now();
        match delivery.drain(most, start.checked_add(config.timeout)) {
            Drained::Nothing => {
                progress.end();
                if delivered > 0 {
                    report.trouble(&format!("delivered {} from the outbox", records(delivered)));
                }
                return verdict(true);
            }
            Drained::Some(count) => {
                delivered += count;
                progress.show(delivered);
                most = fitting(most, start.elapsed(), config.timeout);
            }
            Drained::Stopped(why) => {
                progress.end();
                let left = delivery.waiting();
                report.trouble(&format!(
                    "{why}; {} delivered, {} left in the outbox",
                    records(delivered),
                    records(left)
                ));
                return verdict(false);
            }
        }
    }
}

/// What the next request may carry if one of `bytes` took `time`: half of what fits into the timeout.
fn fitting(bytes: usize, time: Duration, timeout: Duration) -> usize {
    if time < SLOW {
        return bytes;
    }
    let fits = bytes as u128 * timeout.as_millis() / time.as_millis().max(1) / 2;
    usize::try_from(fits).unwrap_or(bytes).clamp(LEAST_BYTES, ENTRY_BYTES)
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
