//! `vlog status`: every setting with where it came from, whether the server takes records, what waits.

use serde_json::{Map, Value, json};

use super::{Context, Verdict, tell};
use crate::breaker::{Breaker, State};
use crate::cli::StatusArgs;
use crate::config::{Config, Env};
use crate::deliver::{Delivery, destination};
use crate::report::{self, Report};
use crate::stdio;
use crate::time::Time;

/// Prints how things stand.
pub fn run(args: &StatusArgs, context: Context) -> Verdict {
    let mut config = Config::for_delivery(&args.delivery, context.env);
    let report = Report::new(config.verbose);
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    tell(&config, &mistakes, report);
    crate::panic_if_asked("status");

    let server = server(&config);
    let accepting = server.get("accepting") == Some(&json!(true));
    let all =
        [("settings", settings(args, &config, context.env)), ("server", server), ("outbox", outbox(&config))];
    let text = if args.json {
        let all: Map<_, _> =
            all.into_iter().map(|(name, part)| (name.to_owned(), Value::Object(part))).collect();
        format!("{}\n", Value::Object(all))
    } else {
        all.iter().map(|(name, part)| format!("{name}\n{}", table(part))).collect::<Vec<_>>().concat()
    };
    let printed = stdio::write_all(text.as_bytes());
    if let Err(error) = &printed {
        report::say(&format!("could not print the status: {error}"));
    }
    Verdict { done: printed.is_ok() && (accepting || config.endpoint.is_none()), fail: config.fail }
}

/// Each setting with its value and its source. Secrets are only said to be there.
fn settings(args: &StatusArgs, config: &Config, env: Env) -> Map<String, Value> {
    let delivery = &args.delivery;
    let set = |name: &str| env(name).or_else(|| env(&format!("{name}_FILE"))).map(|_| json!("(set)"));
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let off = || Some("off".to_owned());
    let headers: Vec<_> = config.access.headers.iter().map(|(name, _)| name.as_str()).collect();
    let fields =
        config.fields.iter().map(|item| format!("{}={}", item.key, item.value)).collect::<Vec<_>>().join(" ");
    let flag = |given: bool, name: &'static str| given.then_some(name);
    let rows = [
        (
            "url",
            text(config.endpoint.as_ref().map(ToString::to_string).or_else(off)),
            flag(delivery.server.url.is_some(), "--url"),
            "VLOG_URL",
        ),
        ("query_url", text(env("VLOG_QUERY_URL")), None, "VLOG_QUERY_URL"),
        (
            "timeout",
            json!(format!("{:?}", config.timeout)),
            flag(delivery.timeout.is_some(), "--timeout"),
            "VLOG_TIMEOUT",
        ),
        ("service", json!(config.service), None, "VLOG_SERVICE"),
        ("min_level", json!(config.min_level.map(crate::level::Level::name)), None, "VLOG_MIN_LEVEL"),
        ("fields", json!(fields), None, "VLOG_FIELDS"),
        (
            "stream_fields",
            json!(config.stream_fields.join(",")),
            flag(delivery.stream_fields.is_some(), "--stream-fields"),
            "VLOG_STREAM_FIELDS",
        ),
        (
            "tenant",
            text(delivery.server.tenant.clone().or_else(|| env("VLOG_TENANT"))),
            flag(delivery.server.tenant.is_some(), "--tenant"),
            "VLOG_TENANT",
        ),
        ("token", set("VLOG_TOKEN").unwrap_or_default(), None, "VLOG_TOKEN"),
        ("user", set("VLOG_USER").unwrap_or_default(), None, "VLOG_USER"),
        ("password", set("VLOG_PASSWORD").unwrap_or_default(), None, "VLOG_PASSWORD"),
        ("headers", json!(headers.join(", ")), flag(!delivery.server.headers.is_empty(), "--header"), ""),
        (
            "ca_file",
            text(delivery.server.ca_file.clone().or_else(|| env("VLOG_CA_FILE"))),
            flag(delivery.server.ca_file.is_some(), "--ca-file"),
            "VLOG_CA_FILE",
        ),
        ("proxy", json!(config.access.proxy.as_ref().map(|_| "(set)")), None, ""),
        (
            "outbox",
            text(config.outbox.as_ref().map(|outbox| outbox.folder().display().to_string()).or_else(off)),
            flag(delivery.no_outbox, "--no-outbox"),
            "VLOG_OUTBOX",
        ),
        (
            "outbox_max",
            json!(config.outbox.as_ref().map(crate::outbox::Outbox::max_bytes)),
            None,
            "VLOG_OUTBOX_MAX",
        ),
        ("fail", json!(config.fail), flag(delivery.server.fail, "--fail"), "VLOG_FAIL"),
        ("verbose", json!(config.verbose), flag(delivery.server.verbose, "--verbose"), "VLOG_VERBOSE"),
    ];
    let is_bad = |what: &str| {
        config.warnings.iter().any(|warning| warning.starts_with(&format!("could not use {what}:")))
    };
    let rows = rows.into_iter().map(|(name, value, flag, variable)| {
        let of_variable = || {
            [variable.to_owned(), format!("{variable}_FILE")]
                .into_iter()
                .find(|name| env(name).is_some() && !is_bad(name))
        };
        let source = flag.map(str::to_owned).or_else(of_variable).unwrap_or_else(|| "default".to_owned());
        (name.to_owned(), json!({"value": value, "source": source}))
    });
    rows.collect()
}

/// Whether the server takes records now: a real insert that is not stored.
fn server(config: &Config) -> Map<String, Value> {
    let mut part = Map::new();
    let Some(delivery) = Delivery::new(config, None) else {
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
    let (Some(outbox), Some(endpoint)) = (&config.outbox, &config.endpoint) else { return part };
    let destination = destination(config, endpoint);
    let summary = match outbox.summary(&destination) {
        Ok(summary) => summary,
        Err(error) => {
            part.insert("error".to_owned(), json!(format!("{error:#}")));
            return part;
        }
    };
    let last = outbox.last_error();
    let next = match Breaker::new(outbox.folder(), &destination.server()).look(Time::now()) {
        State::Closed => "with the next call".to_owned(),
        State::Probe => "now, by the next call".to_owned(),
        State::Open(left) => format!("in {}s", left.as_secs() + 1),
    };
    let rows = [
        ("records", json!(summary.records)),
        ("bytes", json!(summary.bytes)),
        ("oldest", json!(summary.oldest.map(|time| time.to_string()))),
        ("records_for_other_servers", json!(summary.records_of_others)),
        ("rejected", json!(summary.rejected)),
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
        (Some(value), Some(source)) => format!("  {name:14} {:40} {}\n", plain(value), plain(source)),
        _ => format!("  {:25} {}\n", name.replace('_', " "), plain(value)),
    };
    part.iter().map(row).collect::<Vec<_>>().concat()
}
