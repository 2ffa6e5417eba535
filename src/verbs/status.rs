//! `vlog status`: every setting with where it came from, whether the server takes records, what waits.

use serde_json::{Map, Value, json};

use super::{Context, Verdict, delivery, is_outbox_the_store, setup, tell};
use crate::cli::args::StatusArgs;
use crate::cli::config::{Config, Route, fail_by_environment, query_url};
use crate::delivery::breaker::{Breaker, BreakerState};
use crate::record::time::Time;
use crate::server::protocol::ORG_ID;
use crate::sys::duration;
use crate::sys::env::Env;
use crate::sys::signals;
use crate::sys::stderr::{self, Report};
use crate::sys::stdio;
use crate::sys::text::harmless;

/// Prints how things stand.
pub fn run(args: &StatusArgs, context: Context) -> Verdict {
    let fail = args.delivery.server.fail || fail_by_environment(context.env);
    signals::exit_on_stop(i32::from(fail), context.ignored);
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    tell(&config, &mistakes, report);
    crate::sys::panic_if_asked("status");

    let server = server(&config);
    let accepting = server.get("accepting") == Some(&json!(true));
    let all = [("settings", settings(&config, context.env)), ("server", server), ("outbox", outbox(&config))];
    let text = if args.json {
        let all: Map<_, _> =
            all.into_iter().map(|(name, part)| (name.to_owned(), Value::Object(part))).collect();
        format!("{}\n", Value::Object(all))
    } else {
        let parts = all.iter().map(|(name, part)| format!("{name}\n{}", table(part)));
        // A server's words are among it.
        harmless(&parts.collect::<String>()).into_owned()
    };
    let printed = stdio::write_all(text.as_bytes());
    if let Err(error) = &printed {
        stderr::say(&format!("could not print the status: {error}"));
    }
    Verdict { done: printed.is_ok() && (accepting || config.route == Route::Off), fail: config.fail }
}

/// Each setting with its value, where that comes from, and what is wrong with others. Of what may be a secret only
/// that it is there.
fn settings(config: &Config, env: Env) -> Map<String, Value> {
    let (query_url, of_query) = query_url(env);
    let origins: Vec<_> = config.origins.iter().chain(&of_query).collect();
    let is_set = |name: &str| origins.iter().any(|origin| origin.setting == name && origin.wrong.is_none());
    let secret = |name: &str| if is_set(name) { json!("(set)") } else { Value::Null };
    let url = match &config.route {
        Route::Off => json!("off"),
        Route::To(endpoint) | Route::Held(endpoint, _) => json!(endpoint.to_string()),
        Route::Unknown(_) => Value::Null,
    };
    let tenant = |name| config.access.header(name).map(str::to_owned);
    let tenant = tenant("AccountID").map(|account| {
        let project = tenant("ProjectID").unwrap_or_else(|| "0".to_owned());
        format!("{account}:{project}")
    });
    let tenant = tenant.or_else(|| config.access.header(ORG_ID).map(str::to_owned));
    let headers: Vec<_> = config.access.headers.iter().map(|(name, _)| name.as_str()).collect();
    let fields: Vec<_> = config.fields.iter().map(|item| format!("{}={}", item.key, item.value)).collect();
    let outbox =
        config.outbox.as_ref().map_or("off".to_owned(), |outbox| outbox.folder.display().to_string());
    let outbox_max = config.outbox.as_ref().ok().map(|outbox| outbox.max_bytes);
    let files: Vec<_> = config.files.iter().map(|path| path.display().to_string()).collect();
    let rows = [
        ("url", url),
        ("query_url", json!(query_url.map(|endpoint| endpoint.to_string()))),
        ("protocol", json!(config.protocol.name())),
        ("timeout", json!(duration::told(config.timeout))),
        ("service", json!(config.service)),
        ("min_level", json!(config.min_level.map(crate::record::level::Level::name))),
        ("fields", json!(fields.join(" "))),
        ("stream_fields", json!(config.stream_fields.join(","))),
        ("tenant", json!(tenant)),
        ("token", secret("token")),
        ("user", secret("user")),
        ("password", secret("password")),
        ("headers", json!(headers.join(", "))),
        ("ca_file", secret("ca_file")),
        ("proxy", secret("proxy")),
        ("outbox", json!(outbox)),
        ("outbox_max", json!(outbox_max)),
        ("fail", json!(config.fail)),
        ("verbose", json!(config.verbose)),
        ("config", json!(files.join(", "))),
    ];
    let rows = rows.into_iter().map(|(name, value)| {
        let of_this = || origins.iter().filter(|origin| origin.setting == name);
        let in_force = of_this().find(|origin| origin.wrong.is_none());
        // Nothing takes the place of what says where records go.
        let in_force = in_force.or_else(|| {
            of_this().next().filter(|_| ["url", "protocol", "tenant", "headers"].contains(&name))
        });
        let source = in_force.map_or("default", |origin| origin.source.as_ref());
        let mut row = json!({"value": value, "source": source});
        let wrong: Vec<_> = of_this().filter_map(|origin| origin.wrong.as_deref()).collect();
        if let (Some(row), false) = (row.as_object_mut(), wrong.is_empty()) {
            row.insert("wrong".to_owned(), json!(wrong.join("; ")));
        }
        (name.to_owned(), row)
    });
    rows.collect()
}

/// Whether the server takes records now: a real insert that is not stored.
fn server(config: &Config) -> Map<String, Value> {
    let mut part = Map::new();
    let Some(delivery) = delivery(config, None) else {
        part.insert("accepting".to_owned(), json!(false));
        part.insert("error".to_owned(), json!("delivery is off"));
        return part;
    };
    let answer = delivery.check();
    part.insert("accepting".to_owned(), json!(answer.is_ok()));
    part.insert("error".to_owned(), json!(answer.err()));
    part
}

/// What waits, what was dropped, what went wrong last.
fn outbox(config: &Config) -> Map<String, Value> {
    let mut part = Map::new();
    let Some(setup) = setup(config) else { return part };
    let Ok(outbox) = &setup.outbox else { return part };
    let destination = setup.destination();
    let summary = match outbox.summary(&destination) {
        Ok(summary) => summary,
        Err(error) => {
            part.insert("error".to_owned(), json!(format!("{error:#}")));
            return part;
        }
    };
    let last = outbox.last_error(&destination);
    let next = match Breaker::new(outbox.folder(), &destination.server()).look(Time::now()) {
        BreakerState::Closed => "with the next call".to_owned(),
        BreakerState::Probe(_) => "now, by the next call".to_owned(),
        BreakerState::Open(left) => format!("in {}s", left.as_secs() + 1),
    };
    let (used, most) = (summary.bytes, outbox.max_bytes());
    // Where nothing ever leaves it but by the cap, that is how far back a query reaches.
    let reach = is_outbox_the_store(config).then(|| match summary.oldest {
        Some(oldest) => format!("to {oldest}, with {used} of {most} bytes; then the oldest go"),
        None => format!("there is no record yet; {most} bytes of them will be kept"),
    });
    let rows = [
        ("records", json!(summary.records)),
        ("bytes", json!(summary.bytes)),
        ("reaches_back", json!(reach)),
        ("oldest", json!(summary.oldest.map(|time| time.to_string()))),
        ("older_than_6_days", json!(summary.old)),
        ("records_for_other_servers", json!(summary.records_of_others)),
        ("rejected", json!(summary.rejected)),
        ("without_destination", json!(summary.misdirected)),
        ("dropped", json!(summary.dropped)),
        ("doubtful_times", json!(summary.doubtful)),
        ("foreign_files", json!(summary.foreign)),
        ("last_error", json!(last.as_ref().map(|(_, error)| error))),
        ("last_error_time", json!(last.as_ref().map(|(time, _)| time.to_string()))),
        ("next_try", json!(next)),
    ];
    part.extend(rows.map(|(name, value)| (name.to_owned(), value)));
    part
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
