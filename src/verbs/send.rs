//! `vlog send`: one record from the command line.

use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde_json::Value;

use super::flush::detached;
use super::session::{Session, clock, one_record};
use super::{Context, Verdict};
use crate::cli::args::{DeliveryArgs, SendArgs};
use crate::delivery::policy::{Delivery, Fate};
use crate::query::range::moment;
use crate::record::Batch;
use crate::record::item::Item;
use crate::record::time::Time;
use crate::sys::cause::cause;
use crate::sys::signals;
use crate::sys::stderr::{self, records};
use crate::sys::stdin::{self, Content};

/// The most that is kept of a message from stdin; the rest is counted.
const MAX_STDIN_BYTES: usize = 16 * 1024 * 1024;

/// The most that `--detach` leaves to the outbox.
const MAX_DETACHED_BYTES: usize = 1024 * 1024;

/// Sends the record that `args` describe.
pub fn run(args: SendArgs, mut context: Context) -> Verdict {
    // A signal is an order to stop waiting, not to lose the record. Without descriptors it ends the process.
    let stop = signals::stop(context.ignored).ok();
    let mut session = Session::begin(&args.delivery, args.dry_run, args.service, &mut context);
    let level = session.level(args.level.as_deref());
    crate::sys::panic_if_asked("send");
    let (message, mut items) = message(args.text, args.message, args.words, stop.as_ref(), &mut session);
    let message = take(&mut items, "_msg").unwrap_or(message);
    let field = take(&mut items, "_time");
    let (time, doubtful) = time(field, args.time, &mut items, &mut session);

    let defaults = session.defaults(level, items, &session.mistakes);
    let Some(batch) = one_record(&defaults, time, &message) else {
        session.tell("the record is not sent, for it is below VLOG_MIN_LEVEL");
        return session.verdict(true);
    };
    let Some(delivery) = session.delivery(stop) else {
        session.tell("the record is not sent, for delivery is off");
        return session.verdict(true);
    };
    if doubtful {
        delivery.count_doubtful(1);
    }
    let deadline = Instant::now().checked_add(session.config.timeout);
    // Without a server that may be asked there is nothing to do in the background.
    let detach = args.detach && !args.dry_run && session.config.route.endpoint().is_some();
    let handed_over = if detach { hand_over(&delivery, batch, &args.delivery) } else { HandOver::Not(batch) };
    session.verdict(match handed_over {
        HandOver::Done => {
            session.tell("the record is in the outbox, marked vlog_error, and vlog flush delivers it");
            if session.confirms() {
                stderr::say("1 record is in the outbox, and vlog flush delivers it");
            }
            true
        }
        HandOver::Kept(fate) => session.tell_fate(&session.mistakes, &fate),
        HandOver::Not(batch) => {
            session.deliver(&batch, &delivery, (deadline, session.config.timeout), &session.mistakes)
        }
    })
}

/// The message and the fields. With `text`, of `-m`, all words are fields; otherwise the first begins the message, which
/// may come from stdin.
fn message(
    text: Option<String>,
    first: Option<String>,
    words: Vec<String>,
    stop: Option<&UnixStream>,
    session: &mut Session,
) -> (String, Vec<Item>) {
    if let Some(text) = text {
        return (text, session.fields(first.into_iter().chain(words).collect()));
    }
    let (mut items, rest) = session.sort_words(words);
    let mut message = match first {
        Some(dash) if dash == "-" => from_stdin(stop, &mut items, &mut session.mistakes),
        Some(first) => first,
        None if session.dropped.is_empty() => {
            session.mistakes.push("there is no message".to_owned());
            String::new()
        }
        None => session.dropped.join(" "),
    };
    for word in rest {
        message.push(' ');
        message.push_str(&word);
    }
    (message, items)
}

/// What came of handing a batch over to the background.
enum HandOver {
    /// It is in the outbox, and is delivered from there.
    Done,
    /// It is in the outbox, and a later call delivers it.
    Kept(Fate),
    /// This is still to be delivered, here and now.
    Not(Batch),
}

/// Puts the batch into the outbox and starts a `vlog flush` that outlives the caller. Where there is no outbox it is
/// to be delivered here and now.
fn hand_over(delivery: &Delivery, batch: Batch, args: &DeliveryArgs) -> HandOver {
    // A message of many megabytes would push what waits out of the outbox.
    if batch.lines.len() > MAX_DETACHED_BYTES {
        return HandOver::Not(batch);
    }
    let rest = delivery.put(&batch);
    if rest.records > 0 {
        return HandOver::Not(rest);
    }
    // A server that does not answer is not waited for in the background either.
    if delivery.is_paused() {
        return HandOver::Done;
    }
    match detached::start(args) {
        Ok(()) => HandOver::Done,
        Err(error) => {
            let kept = records(batch.records);
            HandOver::Kept(Fate::Kept(
                format!("could not start vlog flush: {}; {kept} kept in the outbox", cause(&error)),
                batch.records,
            ))
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
    session: &mut Session,
) -> (Time, bool) {
    let now = Time::now();
    let (found, text) = match (field, option.filter(|text| !text.is_empty())) {
        (Some(text), _) => (Time::parse(&text), text),
        (None, Some(text)) => {
            let found = moment(&text, &clock(false, session.config.verbose));
            let found = found.map_err(|error| {
                let kept = "it is kept in vlog_time, the record is stamped now";
                session.mistakes.push(format!("could not use --time: {error}; {kept}"));
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
        session.report.trouble(&format!("the time {text} {doubt}"));
        session.has_said = true;
    }
    (time, doubt.is_some())
}

/// All of stdin as one message, without the newline at its end.
fn from_stdin(stop: Option<&UnixStream>, items: &mut Vec<Item>, mistakes: &mut Vec<String>) -> String {
    if io::stdin().is_terminal() {
        stderr::say("reading the message from the terminal; Ctrl-D ends");
    }
    let Content { bytes, dropped, error } = stdin::read_all(stop, MAX_STDIN_BYTES);
    if let Some(why) = error {
        mistakes.push(format!("could not read stdin: {why}; the message is what came before"));
    }
    if dropped > 0 {
        items.push(Item { key: "vlog_dropped_bytes".to_owned(), value: dropped.into() });
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.strip_suffix('\r').unwrap_or(text).to_owned()
}
