//! `vlog flush`: delivers what waits in the outbox, now.
//!
//! It was asked for, so it tries even while the breaker is open. It ends at the first request that asks for a
//! retry: what is left is tried by the next call. Each entry is looked at once, and nothing is sent whose delivery
//! could not be noted, so it has an end whatever the server and the disk do.

pub mod detached;

use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::session::Session;
use super::{Context, Verdict};
use crate::cli::args::FlushArgs;
use crate::delivery::drain::{Drained, Moved};
use crate::delivery::pace::Pace;
use crate::delivery::policy::Delivery;
use crate::outbox::Waiting;
use crate::sys::signals;
use crate::sys::stderr::{self, records};

/// How long to wait before an entry that another process holds is asked for again.
const HELD_PAUSE: Duration = Duration::from_millis(20);

/// Delivers the outbox.
pub fn run(args: &FlushArgs, mut context: Context) -> Verdict {
    if args.detached {
        detached::leave_caller();
    }
    let stop = signals::stop(context.ignored).ok();
    let session = Session::begin(&args.delivery, false, None, &mut context);
    session.tell("what waits is delivered all the same");
    crate::sys::panic_if_asked("flush");
    let Some(delivery) = session.delivery(stop) else { return session.verdict(true) };
    if let Some(why) = session.config.route.trouble() {
        stderr::say(&format!("{why}; nothing was sent"));
        return session.verdict(false);
    }
    let mut flush = Flush::new(&delivery, session.config.timeout, args.rejected);
    let lists = [Some(delivery.entries(args.old)), args.rejected.then(|| delivery.aside())];
    for list in lists.into_iter().flatten() {
        match list {
            Ok(list) => list.into_iter().for_each(|waiting| flush.deliver(waiting)),
            Err(error) => flush.trouble.push(format!("{error:#}")),
        }
    }
    flush.tell(&session);
    session.verdict(flush.is_done())
}

/// What a flush has done so far.
struct Flush<'a> {
    delivery: &'a Delivery,
    /// Of one request.
    timeout: Duration,
    pace: Pace,
    moved: Moved,
    /// Why the server took no more.
    stopped: Option<String>,
    /// What else went wrong.
    trouble: Vec<String>,
    /// Entries left alone because of their age.
    old: u64,
    /// Whether what was put aside is offered too.
    with_rejected: bool,
}

impl<'a> Flush<'a> {
    fn new(delivery: &'a Delivery, timeout: Duration, with_rejected: bool) -> Self {
        let (pace, moved) = (Pace::default(), Moved::default());
        Self { delivery, timeout, pace, moved, stopped: None, trouble: Vec::new(), old: 0, with_rejected }
    }

    /// Delivers a list of entries until the server takes no more. What other processes hold is waited for as long as
    /// for one request: they send it.
    fn deliver(&mut self, mut waiting: Waiting) {
        let counting = Counting { wanted: io::stderr().is_terminal() };
        let mut since = Instant::now();
        while self.stopped.is_none() {
            let start = Instant::now();
            match self.delivery.drain(&mut waiting, self.pace.bytes, start.checked_add(self.timeout)) {
                Drained::Some(moved) => {
                    self.pace.learn(moved.bytes, start.elapsed(), self.timeout);
                    self.add(moved);
                    since = Instant::now();
                }
                Drained::Stopped(moved, why) => {
                    self.add(moved);
                    self.stopped = Some(why);
                }
                Drained::Nothing if waiting.held() == 0 => break,
                Drained::Nothing if since.elapsed() >= self.timeout => {
                    self.trouble.push(format!("another process holds {}", entries(waiting.held() as u64)));
                    break;
                }
                Drained::Nothing => {
                    thread::sleep(HELD_PAUSE);
                    waiting.retry_held();
                }
            }
            counting.show(self.moved.delivered);
        }
        counting.end();
        self.old += waiting.old;
        self.trouble.extend(waiting.stuck.into_iter().map(|(_, why)| why));
        if waiting.foreign > 0 {
            let text = format!("{} damaged, or of another version of vlog", entries(waiting.foreign));
            self.trouble.push(text);
        }
    }

    fn add(&mut self, moved: Moved) {
        self.moved.delivered += moved.delivered;
        self.moved.rejected += moved.rejected;
    }

    fn is_done(&self) -> bool {
        self.stopped.is_none() && self.trouble.is_empty() && self.moved.rejected == 0
    }

    fn tell(&self, session: &Session) {
        let report = session.report;
        let mut told = format!("{} delivered", records(self.moved.delivered));
        if self.moved.rejected > 0 {
            told = format!("{told}, {} refused and put aside", records(self.moved.rejected));
        }
        if self.old > 0 {
            told = format!("{told}, {} over 6 days old left for vlog flush --old", entries(self.old));
        }
        let first = self.trouble.first().map(|why| format!("could not empty the outbox: {why}"));
        if let Some(why) = self.stopped.clone().or(first) {
            let left = records(if self.with_rejected {
                self.delivery.undelivered()
            } else {
                self.delivery.waiting()
            });
            report.trouble(&format!("{why}; {told}, {left} left in the outbox"));
        } else if self.moved.rejected > 0 || self.old > 0 {
            report.trouble(&told);
        } else if self.moved.delivered > 0 {
            let to = session.config.route.endpoint().map(|endpoint| format!(" to {endpoint}"));
            report.trouble(&format!("{told}{}", to.unwrap_or_default()));
        } else if session.mistakes.is_empty() {
            report.trouble("nothing waits in the outbox for this server");
        }
    }
}

/// `1 entry`, `2 entries`.
fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// One line on a terminal that counts up.
struct Counting {
    wanted: bool,
}

impl Counting {
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
