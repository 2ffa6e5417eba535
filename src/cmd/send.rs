//! `vlog send`: one record from the command line.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde_json::Value;

use super::{Context, Shared, Verdict, encoder, level_flag, sort_words, tell};
use crate::cli::SendArgs;
use crate::config::Config;
use crate::deliver::Delivery;
use crate::item::Item;
use crate::protocol::Batch;
use crate::record::Record;
use crate::report::{Report, records};
use crate::signals;
use crate::time::Time;
use crate::wait::{PollFlags, ready};

/// The most that is kept of a message from stdin; the rest is read and counted, so that its writer is not cut off.
const MAX_STDIN_BYTES: usize = 16 * 1024 * 1024;

/// Sends the record that `args` describe.
pub fn run(args: SendArgs, context: Context) -> Verdict {
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let level = level_flag(args.level.as_deref(), &mut mistakes);
    // A signal is an order to stop waiting, not to lose the record. Without descriptors there is nothing to wait for.
    let stop = signals::stop().ok();
    crate::panic_if_asked("send");

    let by_option = args.text.is_some();
    let (first, words) = match args.text {
        Some(text) => (Some(text), args.message.into_iter().chain(args.words).collect()),
        None => (args.message, args.words),
    };
    let (mut items, rest) = sort_words(words, &mut mistakes);
    let mut message = match first {
        Some(dash) if dash == "-" && !by_option => from_stdin(stop.as_ref(), &mut items),
        Some(text) => text,
        None if context.dropped.is_empty() => {
            mistakes.push("there is no message".to_owned());
            String::new()
        }
        None => context.dropped.join(" "),
    };
    for word in rest {
        if by_option {
            mistakes.push(format!("'{word}' is not KEY=VALUE"));
        } else {
            message.push(' ');
            message.push_str(&word);
        }
    }
    let message = take(&mut items, "_msg").unwrap_or(message);
    let time = time(take(&mut items, "_time").or(args.time), &mut items, report);
    tell(&config, &mistakes, report);

    let verdict = |done| Verdict { done, fail: config.fail };
    let shared = Shared::new(&config, level, args.service, items, &mistakes);
    if shared.is_below(config.min_level) {
        return verdict(true);
    }
    let mut batch = Batch::default();
    let record = Record { time, message: &message, level: shared.level, fields: &shared.fields };
    batch.records = encoder().write(&record, &mut batch.lines);
    let delivered = match Delivery::new(&config, stop) {
        Ok(None) => Ok(()),
        Ok(Some(delivery)) => delivery.deliver(&batch, Instant::now().checked_add(config.timeout)),
        Err(error) => Err(format!("{error:#}; {} lost", records(batch.records))),
    };
    if let Err(trouble) = &delivered {
        report.trouble(trouble);
    }
    verdict(delivered.is_ok())
}

/// Takes out all items of that name; the value of the last, as text.
fn take(items: &mut Vec<Item>, name: &str) -> Option<String> {
    let (taken, kept) = std::mem::take(items).into_iter().partition(|item| item.key == name);
    *items = kept;
    let taken: Vec<Item> = taken;
    taken.into_iter().next_back().map(|item| match item.value {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

/// The record's time: now unless given. A text that is no time is kept as `vlog_time`.
fn time(given: Option<String>, items: &mut Vec<Item>, report: Report) -> Time {
    let now = Time::now();
    let Some(text) = given else { return now };
    if let Some(time) = Time::parse(&text) {
        if let Some(doubt) = time.doubt(now) {
            report.trouble(&format!("the time {text} {doubt}"));
        }
        return time;
    }
    items.push(Item { key: "vlog_time".to_owned(), value: Value::String(text) });
    now
}

/// All of stdin as one message, to its end or to a signal, without the newline at its end.
fn from_stdin(stop: Option<&UnixStream>, items: &mut Vec<Item>) -> String {
    let mut kept = Vec::new();
    let mut dropped = 0_usize;
    // A copy of the descriptor: std's handle would buffer behind poll's back.
    if let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() {
        let mut stdin = File::from(stdin);
        let mut buffer = vec![0; 64 * 1024];
        while wait_for(&stdin, stop) {
            let read = match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) =>
                {
                    continue;
                }
                Err(_) => break,
            };
            let room = (MAX_STDIN_BYTES - kept.len()).min(read.len());
            kept.extend_from_slice(read.get(..room).unwrap_or_default());
            dropped += read.len() - room;
        }
    }
    if dropped > 0 {
        items.push(Item { key: "vlog_dropped_bytes".to_owned(), value: dropped.into() });
    }
    let text = String::from_utf8_lossy(&kept);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}

/// Waits until there is something to read; `false` once a signal came, which is used up thereby.
fn wait_for(stdin: &File, stop: Option<&UnixStream>) -> bool {
    let mut fds = vec![(stdin.as_fd(), PollFlags::POLLIN)];
    fds.extend(stop.map(|stop| (stop.as_fd(), PollFlags::POLLIN)));
    let stopped = ready(&fds, None).is_ok_and(|ready| ready.get(1) == Some(&true));
    !(stopped && stop.is_some_and(|mut stop| stop.read(&mut [0]).is_ok()))
}
