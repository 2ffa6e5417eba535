//! `vlog send`: one record from the command line.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde_json::Value;

use super::{Context, Shared, Verdict, clock, delivery, encoder, level_flag, not_an_item, sort_words, tell};
use crate::cli::args::{DeliveryArgs, SendArgs};
use crate::cli::config::Config;
use crate::delivery::policy::{Delivery, Fate};
use crate::query::range::moment;
use crate::record::Batch;
use crate::record::Record;
use crate::record::item::Item;
use crate::record::time::Time;
use crate::server::socket::Deadline;
use crate::sys::cause::cause;
use crate::sys::poll::{PollFlags, ready};
use crate::sys::signals;
use crate::sys::stderr::{self, Report, records};
use crate::sys::stdio;

/// The most that is kept of a message from stdin; the rest is read and counted, so that its writer is not cut off.
const MAX_STDIN_BYTES: usize = 16 * 1024 * 1024;

/// The most that `--detach` leaves to the outbox.
const MAX_DETACHED_BYTES: usize = 1024 * 1024;

/// Sends the record that `args` describe.
pub fn run(args: SendArgs, context: Context) -> Verdict {
    // A signal is an order to stop waiting, not to lose the record. Without descriptors it ends the process.
    let stop = signals::stop(context.ignored).ok();
    let mut config = Config::for_delivery(&args.delivery, context.env);
    config.dry_run = args.dry_run;
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let level = level_flag(args.level.as_deref(), &mut mistakes);
    crate::sys::panic_if_asked("send");

    let by_option = args.text.is_some();
    let (first, words) = match args.text {
        Some(text) => (Some(text), args.message.into_iter().chain(args.words).collect()),
        None => (args.message, args.words),
    };
    let (mut items, rest) = sort_words(words, &mut mistakes);
    let mut message = match first {
        Some(dash) if dash == "-" && !by_option => from_stdin(stop.as_ref(), &mut items, &mut mistakes),
        Some(text) => text,
        None if context.dropped.is_empty() => {
            mistakes.push("there is no message".to_owned());
            String::new()
        }
        None => context.dropped.join(" "),
    };
    for word in rest {
        if by_option {
            mistakes.push(not_an_item(&word, &context.dropped));
        } else {
            message.push(' ');
            message.push_str(&word);
        }
    }
    let message = take(&mut items, "_msg").unwrap_or(message);
    let field = take(&mut items, "_time");
    let (time, doubtful) = time(field, args.time, &mut items, &mut mistakes, &config);
    tell(&config, &mistakes, report);

    let verdict = |done| Verdict { done, fail: config.fail };
    let shared = Shared::new(&config, level, args.service, items, &mistakes);
    if shared.is_below(config.min_level) {
        return verdict(true);
    }
    let mut batch = Batch::default();
    let record = Record { time, message: &message, level: shared.level, fields: &shared.fields, own: None };
    batch.records = encoder().write(&record, &mut batch.lines);
    let Some(delivery) = delivery(&config, stop) else { return verdict(true) };
    if doubtful {
        delivery.count_doubtful(1);
    }
    // Without a server that may be asked there is nothing to do in the background.
    let detach = args.detach && !config.dry_run && config.route.endpoint().is_some();
    let start = Instant::now();
    let deadline = start.checked_add(config.timeout);
    let fate = if detach {
        hand_over(&delivery, &batch, &args.delivery, deadline)
    } else {
        delivery.deliver(&batch, deadline)
    };
    match fate {
        Fate::Delivered => {
            if !detach {
                delivery.drain_along(start.elapsed(), config.timeout, deadline);
            }
            verdict(true)
        }
        Fate::Kept(why, _) | Fate::Refused(why, _) => {
            report.trouble(&why);
            verdict(false)
        }
        Fate::Withheld(why, _) | Fate::PutAside(why, _) | Fate::Lost(why, _) => {
            stderr::say(&why);
            verdict(false)
        }
    }
}

/// Puts the batch into the outbox and starts a `vlog flush` that outlives the caller. Where there is no outbox it is
/// delivered here and now.
fn hand_over(delivery: &Delivery, batch: &Batch, args: &DeliveryArgs, deadline: Deadline) -> Fate {
    // A message of many megabytes would push what waits out of the outbox.
    if batch.lines.len() > MAX_DETACHED_BYTES {
        return delivery.deliver(batch, deadline);
    }
    let rest = delivery.put(batch);
    if rest.records > 0 {
        return delivery.deliver(&rest, deadline);
    }
    // A server that does not answer is not waited for in the background either.
    if delivery.is_paused() {
        return Fate::Delivered;
    }
    match super::flush::start_detached(args) {
        Ok(()) => Fate::Delivered,
        Err(error) => {
            let kept = records(batch.records);
            Fate::Kept(
                format!("could not start vlog flush: {}; {kept} kept in the outbox", cause(&error)),
                batch.records,
            )
        }
    }
}

/// Takes out all items of that name; the value of the last, as text. One without a text, of a variable that is not set,
/// is none.
fn take(items: &mut Vec<Item>, name: &str) -> Option<String> {
    let (taken, kept): (Vec<_>, Vec<_>) =
        std::mem::take(items).into_iter().partition(|item| item.key == name);
    *items = kept;
    let mut texts = taken.into_iter().map(|item| match item.value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    });
    texts.rfind(|text| !text.is_empty())
}

/// The record's time: now unless given; and whether the server may drop it for that. `field` is the value of a field
/// `_time`, made by a program; `option` what a person wrote. A text that is no time is kept as `vlog_time`.
fn time(
    field: Option<String>,
    option: Option<String>,
    items: &mut Vec<Item>,
    mistakes: &mut Vec<String>,
    config: &Config,
) -> (Time, bool) {
    let now = Time::now();
    let (found, text) = match (field, option.filter(|text| !text.is_empty())) {
        (Some(text), _) => (Time::parse(&text), text),
        (None, Some(text)) => {
            let found = moment(&text, &clock(false, config.verbose));
            let found = found.map_err(|error| {
                let kept = "it is kept in vlog_time, the record is stamped now";
                mistakes.push(format!("could not use --time: {error}; {kept}"));
            });
            (found.ok(), text)
        }
        (None, None) => return (now, false),
    };
    let Some(time) = found else {
        items.push(Item { key: "vlog_time".to_owned(), value: Value::String(text) });
        return (now, false);
    };
    let doubt = time.doubt(now);
    if let Some(doubt) = doubt {
        Report::new(config.verbose).trouble(&format!("the time {text} {doubt}"));
    }
    (time, doubt.is_some())
}

/// All of stdin as one message, to its end, a signal or an error, without the newline at its end.
fn from_stdin(stop: Option<&UnixStream>, items: &mut Vec<Item>, mistakes: &mut Vec<String>) -> String {
    if io::stdin().is_terminal() {
        stderr::say("reading the message from the terminal; Ctrl-D ends");
    }
    let mut kept = Vec::new();
    let mut dropped = 0_usize;
    let mut buffer = vec![0; 64 * 1024];
    while wait_for_stdin(stop) {
        let read = match stdio::read(&mut buffer) {
            Ok(0) => break,
            Err(error) => {
                let why = cause(&error);
                mistakes.push(format!("could not read stdin: {why}; the message is what came before"));
                break;
            }
            Ok(read) => buffer.get(..read).unwrap_or_default(),
        };
        let room = (MAX_STDIN_BYTES - kept.len()).min(read.len());
        kept.extend_from_slice(read.get(..room).unwrap_or_default());
        dropped += read.len() - room;
    }
    if dropped > 0 {
        items.push(Item { key: "vlog_dropped_bytes".to_owned(), value: dropped.into() });
    }
    let text = String::from_utf8_lossy(&kept);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}

/// Waits until there is something to read; `false` once a signal came, which is used up thereby.
fn wait_for_stdin(stop: Option<&UnixStream>) -> bool {
    let stdin = io::stdin();
    let mut fds = vec![(stdin.as_fd(), PollFlags::POLLIN)];
    fds.extend(stop.map(|stop| (stop.as_fd(), PollFlags::POLLIN)));
    let stopped = ready(&fds, None).is_ok_and(|ready| ready.get(1) == Some(&true));
    !(stopped && stop.is_some_and(|stop| signals::use_up(stop) > 0))
}
