//! `vlog status`: what works, what does not and what to do about it; then the settings, the server and the outbox.

mod outbox;
mod settings;
mod verdict;

use std::io;

use serde_json::{Map, Value, json};

use self::outbox::{flush_command, outbox};
use self::settings::{is_special, settings, unknown_variables};
use self::verdict::verdict;
use super::{Context, Verdict, clock, delivery, tell};
use crate::cli::args::{QueryArgs, StatusArgs};
use crate::cli::config::{Config, Route, fail_by_environment};
use crate::outbox::Summary;
use crate::query::archive::Archive;
use crate::query::search::Search;
use crate::query::server::Server;
use crate::sys::env::Environment;
use crate::sys::signals;
use crate::sys::stderr::{self, Report, records};
use crate::sys::stdio;
use crate::sys::text::harmless;

/// What a server that answers queries answers quickly.
const ANY_RECORD: &str = "* | limit 1";

/// Prints how things stand.
pub fn run(args: &StatusArgs, context: Context) -> Verdict {
    let fail = args.delivery.server.fail || fail_by_environment(context.env);
    signals::exit_on_stop(i32::from(fail), context.ignored);
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    tell(&config, &mistakes, "the status is that without it", report);
    crate::sys::panic_if_asked("status");

    let found = Health::look(args, &config, context.env);
    let (outbox, summary) = outbox(&config);
    let settings = settings(&config, context.env);
    let text = if args.json {
        let all = [("settings", settings), ("server", found.part()), ("outbox", outbox)];
        let all: Map<_, _> =
            all.into_iter().map(|(name, part)| (name.to_owned(), Value::Object(part))).collect();
        format!("{}\n", Value::Object(all))
    } else {
        let shown = settings.into_iter().filter(|(_, row)| args.all || is_special(row));
        let page = StatusText { found: &found, config: &config, summary: &summary, all: args.all };
        let text = page.text(&shown.collect(), &outbox);
        // A server's words are among it.
        harmless(&text).into_owned()
    };
    let printed = stdio::write_all(text.as_bytes());
    if let Err(error) = &printed {
        stderr::say(&format!("could not print the status: {error}"));
    }
    let is_fine = found.accepting.is_ok() || config.route == Route::Off;
    Verdict { done: printed.is_ok() && is_fine, fail: config.fail }
}

/// What the servers said.
struct Health {
    /// A real insert that is not stored.
    accepting: Result<(), String>,
    /// Who was asked a real query, and why there was no answer.
    answering: Option<(String, Result<(), String>)>,
}

impl Health {
    fn look(args: &StatusArgs, config: &Config, env: crate::sys::env::Env) -> Self {
        let delivery = delivery(config, None);
        let accepting = delivery.map_or(Err("delivery is off".to_owned()), |delivery| delivery.check());
        let timeout = args.delivery.timeout.clone().unwrap_or_else(|| "2s".to_owned());
        let query = QueryArgs {
            server: args.delivery.server.clone(),
            timeout: Some(timeout),
            ..QueryArgs::default()
        };
        let of_query = Config::for_query(&query, env);
        let asked = of_query.route.endpoint();
        // One that takes no records is not asked another thing.
        let asked = asked.filter(|asked| accepting.is_ok() || Some(*asked) != config.route.endpoint());
        let answering = asked.map(|endpoint| {
            let server = Server { endpoint, access: &of_query.access, idle: of_query.timeout };
            let search = Search::of(ANY_RECORD, clock(true, false));
            // The first piece of an answer is enough.
            let answer = server.rows(&search, &mut |_| Err(io::ErrorKind::BrokenPipe.into()));
            let answer =
                answer.or_else(|trouble| if trouble.is_enough() { Ok(()) } else { Err(trouble.to_string()) });
            (endpoint.to_string(), answer)
        });
        Self { accepting, answering }
    }

    /// As JSON.
    fn part(&self) -> Map<String, Value> {
        let answering = self.answering.as_ref().map(|(_, answer)| answer);
        let rows = [
            ("accepting", json!(self.accepting.is_ok())),
            ("error", json!(self.accepting.as_ref().err())),
            ("answering", json!(answering.map(Result::is_ok))),
            ("query_error", json!(answering.and_then(|answer| answer.as_ref().err()))),
        ];
        rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What is shown to people.
struct StatusText<'a> {
    found: &'a Health,
    config: &'a Config,
    summary: &'a Summary,
    /// Also what goes without saying.
    all: bool,
}

impl StatusText<'_> {
    fn text(&self, settings: &Map<String, Value>, outbox: &Map<String, Value>) -> String {
        let mut text = verdict(self.found, self.config, self.summary).join("\n");
        text.push_str("\n\nsettings\n");
        text.push_str(&table(settings));
        if !self.all {
            text.push_str("  the others are the default; --all shows them\n");
        }
        let unknown = unknown_variables(&Environment::now().0).into_iter();
        text.extend(
            unknown.map(|name| format!("  {name} is no variable of vlog's, and counts for nothing\n")),
        );
        text.push_str("server\n");
        text.push_str(&table(&self.worth_showing(self.found.part())));
        text.push_str("outbox\n");
        text.push_str(&table(&self.worth_showing(outbox.clone())));
        text.extend(self.summary.others.iter().map(|(destination, waiting)| {
            format!("  {} for {}: {}\n", wait(*waiting), destination.url, flush_command(destination))
        }));
        text
    }

    /// The rows that say something.
    fn worth_showing(&self, mut part: Map<String, Value>) -> Map<String, Value> {
        let says_nothing = |value: &Value| *value == Value::Null || *value == json!(0) || *value == json!("");
        part.retain(|name, value| self.all || name == "records" || !says_nothing(value));
        part
    }
}

/// `1 record waits`, `2 records wait`.
fn wait(count: u64) -> String {
    format!("{} {}", records(count), if count == 1 { "waits" } else { "wait" })
}

/// Rows of name, value and, for settings, source.
fn table(part: &Map<String, Value>) -> String {
    let plain = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |(name, value): (&String, &Value)| match (value.get("value"), value.get("source")) {
        (Some(shown), Some(source)) => {
            let wrong = value.get("wrong").map(|wrong| format!("\n    {}", plain(wrong))).unwrap_or_default();
            format!("  {name:14} {:40} {}{wrong}\n", plain(shown), plain(source))
        }
        _ => format!("  {:25} {}\n", name.replace('_', " "), plain(value)),
    };
    part.iter().map(row).collect::<Vec<_>>().concat()
}
