//! `vlog query`: the server's answer on stdout, byte for byte.
//!
//! The query goes as it is and is never edited: time range and limit travel beside it. A command line that is
//! not understood is refused, for a script must not take the answer to another question for its own.

use std::io;

use anyhow::Result;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Context, Verdict, tell};
use crate::cli::QueryArgs;
use crate::client::Client;
use crate::config::{Config, Endpoint};
use crate::deliver;
use crate::report::{self, Report};
use crate::signals;
use crate::stdio;

/// The most records of a query without pipes unless told otherwise: a screenful and some.
const DEFAULT_LIMIT: u64 = 100;

const PATH: &str = "/select/logsql/query";

/// The server reads no other kind of body.
const FORM: &str = "application/x-www-form-urlencoded";

/// Prints what the server finds.
pub fn run(args: &QueryArgs, context: Context) -> Verdict {
    let mut config = Config::for_query(args, context.env);
    config.dry_run = args.dry_run;
    let report = Report::new(config.verbose);
    crate::panic_if_asked("query");
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let limit = args.limit.as_deref().map(|text| {
        text.trim()
            .parse::<u64>()
            .map_err(|_| mistakes.push(format!("could not use --limit: '{text}' is no number")))
    });
    if !mistakes.is_empty() {
        mistakes
            .push("could not query: the command line was not understood; see vlog query --help".to_owned());
    }
    tell(&config, &mistakes, report);
    let verdict = |done| Verdict { done, fail: config.fail };
    if !mistakes.is_empty() {
        return verdict(false);
    }
    let Some(endpoint) = &config.endpoint else {
        report::say("could not query: delivery is off; set VLOG_URL, or give --url");
        return verdict(false);
    };
    // Without a handler a signal does what it does by default.
    let _ = signals::exit_on_stop(i32::from(config.fail));
    let Err(error) = ask(args, &config, endpoint, limit.and_then(Result::ok)) else { return verdict(true) };
    match error.downcast_ref::<io::Error>() {
        // Whoever reads the rows has seen enough.
        Some(unwritten) if unwritten.kind() == io::ErrorKind::BrokenPipe => return verdict(true),
        Some(unwritten) => report::say(&format!("could not print the rows: {unwritten}")),
        None => report::say(&format!("{error:#}")),
    }
    verdict(false)
}

/// Sends the query and prints the rows. An `io::Error` comes from printing them.
fn ask(args: &QueryArgs, config: &Config, endpoint: &Endpoint, limit: Option<u64>) -> Result<()> {
    let query = args.query.as_deref().unwrap_or("*");
    let piped = has_pipe(query);
    if piped && limit.is_some() {
        report::say("--limit was not sent, for the query has pipes; write '| limit N' into it");
    }
    let limit = if piped { 0 } else { limit.unwrap_or(DEFAULT_LIMIT) };
    let limit_text = (limit > 0).then(|| limit.to_string());
    let arguments = [
        ("query", Some(query)),
        ("limit", limit_text.as_deref()),
        ("start", args.since.as_deref()),
        ("end", args.until.as_deref()),
    ];
    let form = form(&arguments);
    let client = Client::for_query(endpoint, &config.access);
    if config.dry_run {
        let head = client.describe(PATH, FORM);
        return deliver::print(&head, format!("{form}\n").as_bytes());
    }
    let mut rows = 0_u64;
    client.query(PATH, FORM, &form, config.timeout, |piece| {
        rows += piece.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        stdio::write_all(piece)
    })?;
    if limit > 0 && rows == limit {
        report::say(&format!("only the newest {} shown; -n 0 gives all", report::records(limit)));
    }
    Ok(())
}

/// The arguments that are there, as the body of a form.
fn form(arguments: &[(&str, Option<&str>)]) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let pairs = arguments.iter().filter_map(|(name, value)| Some(format!("{name}={}", encode((*value)?))));
    pairs.collect::<Vec<_>>().join("&")
}

/// Whether the query has a pipe of its own: outside quotes, comments and the brackets of subqueries.
///
/// With pipes the server appends the limit as one more pipe, which cuts groups, or gives the oldest rows.
fn has_pipe(query: &str) -> bool {
    let mut depth = 0_usize;
    let mut chars = query.chars();
    while let Some(char) = chars.next() {
        match char {
            '|' if depth == 0 => return true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '#' => drop(chars.by_ref().find(|char| *char == '\n')),
            '`' | '"' | '\'' => {
                let mut escaped = false;
                let mut inside = chars.clone();
                let end = inside.find(|inner| {
                    let end = *inner == char && !escaped;
                    escaped = *inner == '\\' && !escaped && char != '`';
                    end
                });
                // A quote without its end is a character like any other: `don't`.
                if end.is_some() {
                    chars = inside;
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_told_from_what_looks_like_them() {
        for query in [
            "* | count()",
            "a|b",
            "\"x\" | limit 1",
            "'it''s' | x",
            "\"\\\\\" | x",
            "in(a) | x",
            "# c\n| x",
            "range[1,2) | x",
            "!don't | x",
        ] {
            assert!(has_pipe(query), "{query}");
        }
        for query in [
            "",
            "*",
            "\"a | b\"",
            "'a | b'",
            "`a | b`",
            "\"\\\" | \"",
            "x # | y",
            "id:in(a | fields id)",
            "{a=\"|\"}",
        ] {
            assert!(!has_pipe(query), "{query}");
        }
    }

    #[test]
    fn form_values_are_encoded() {
        assert_eq!(
            form(&[("query", Some("a:\"b c\" & ж;")), ("limit", None), ("start", Some("1h"))]),
            "query=a%3A%22b%20c%22%20%26%20%D0%B6%3B&start=1h"
        );
    }
}
