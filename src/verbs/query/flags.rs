//! What the options of `query` mean: what is asked, whose records are wanted, and how the answer looks.

use crate::cli::args::QueryArgs;
use crate::cli::config::Config;
use crate::cli::values::{parse_names, parse_tenant};
use crate::query::answer::Style;
use crate::query::print::Form;
use crate::query::question::{has_words, is_any_of, is_at_least};
use crate::query::range::{Clock, Edge, bound};
use crate::query::search::Search;
use crate::record::protocol::Protocol;
use crate::sys::terminal::Terminal;
use crate::verbs::level_flag;

/// What is asked, and what is wrong with the command line.
pub fn search(args: &QueryArgs, clock: Clock, mistakes: &mut Vec<String>) -> Search {
    let mut read = |flag: &str, text: &Option<String>, end| {
        let found = bound(text.as_deref()?, end, &clock);
        found.map_err(|error| mistakes.push(format!("could not use {flag}: {error}"))).ok()
    };
    let since = read("--since", &args.since, Edge::Since);
    let until = read("--until", &args.until, Edge::Until(since.as_ref().map(|bound| bound.instant)));
    let limit = args.limit.as_deref().and_then(|text| {
        let number = text.trim().parse();
        number.map_err(|_| mistakes.push(format!("could not use --limit: '{text}' is no number"))).ok()
    });
    let is_raw = args.output.as_deref() == Some("raw");
    for (is_wrong, why) in [
        (args.follow && args.until.is_some(), "could not use --until: --follow has no end"),
        (args.follow && args.histogram, "could not use --follow: a histogram does not"),
        (args.histogram && is_raw, "could not use --output: a histogram has no messages"),
        (args.histogram && args.limit.is_some(), "could not use --limit: a histogram counts all records"),
        (args.histogram && args.fields.is_some(), "could not use --fields: a histogram has none"),
        (args.dry_run && args.local, "could not use --dry-run: the outbox is sent no request"),
    ] {
        mistakes.extend(is_wrong.then(|| why.to_owned()));
    }
    let mut filters = Vec::new();
    if !args.services.is_empty() {
        filters.push(is_any_of("service", &args.services));
    }
    filters.extend(level_flag(args.level.as_deref(), mistakes).map(is_at_least));
    filters.extend(args.texts.iter().filter(|text| !text.is_empty()).map(|text| has_words(text)));
    if !args.sessions.is_empty() {
        filters.push(is_any_of("session_id", &args.sessions));
    }
    let query = args.query.clone().unwrap_or_else(|| "*".to_owned());
    Search { query, filters, since, until, limit, clock }
}

/// How the answer looks: as was asked for, or as suits who reads.
pub fn style(args: &QueryArgs, terminal: Terminal) -> Style {
    let form = match args.output.as_deref() {
        Some("pretty") => Form::Pretty,
        Some("json") => Form::Json,
        Some("raw") => Form::Raw,
        _ if terminal.is_watched => Form::Pretty,
        _ => Form::Json,
    };
    let color = match args.color.as_deref() {
        Some("always") => Some(true),
        Some("never") => Some(false),
        _ => None,
    };
    Style { form, fields: args.fields.as_deref().map(parse_names), color, terminal }
}

/// The tenant whose records are wanted; without one all that wait here are.
pub fn tenant(args: &QueryArgs, config: &Config) -> Option<String> {
    // Where delivery is off no header is made of the flag.
    let flag = args.server.tenant.as_deref();
    let flag = flag.and_then(|text| parse_tenant(text, Protocol::Jsonline).ok()).unwrap_or_default();
    let numbers = ["AccountID", "ProjectID"].map(|name| {
        let flag = || flag.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose());
        config.access.header(name).or_else(flag).map(str::to_owned)
    });
    let is_named = numbers.iter().any(Option::is_some);
    is_named.then(|| numbers.map(|number| number.unwrap_or_else(|| "0".to_owned())).join(":"))
}
