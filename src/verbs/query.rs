//! `vlog query`: asks the server, or the outbox where there is none, and prints what is found.
//!
//! The query goes as it is and is never edited: time range, limit and conditions travel beside it. A command line
//! that is not understood is refused, for a script must not take the answer to another question for its own.

use std::io;

use super::{Context, Verdict, clock, is_outbox_the_store, level_flag, setup, tell};
use crate::cli::args::QueryArgs;
use crate::cli::config::{Config, fail_by_environment};
use crate::cli::values::{parse_names, parse_tenant};
use crate::outbox::Outbox;
use crate::query::answer::{RowCounts, Style, tell_nothing, tell_traps, tell_trouble};
use crate::query::archive::{Archive, Trouble};
use crate::query::outbox::Store;
use crate::query::print::Form;
use crate::query::question::{is_any_of, is_at_least};
use crate::query::range::{Clock, Edge, bound};
use crate::query::search::Search;
use crate::query::server::Server;
use crate::record::protocol::Protocol;
use crate::server::http::Failure;
use crate::sys::signals;
use crate::sys::stderr::{self, Report};
use crate::sys::stdio;
use crate::sys::terminal::Terminal;

/// Prints what is found.
pub fn run(args: &QueryArgs, context: Context) -> Verdict {
    let fail = args.server.fail || fail_by_environment(context.env);
    // A tail ends by a signal, and has not failed then.
    let status = i32::from((fail || args.exit_empty) && !args.follow);
    signals::exit_on_stop(status, context.ignored);
    let mut config = Config::for_query(args, context.env);
    let report = Report::new(config.verbose);
    crate::sys::panic_if_asked("query");
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let search = search(args, clock(args.utc, config.verbose), &mut mistakes);
    if !mistakes.is_empty() {
        mistakes
            .push("could not query: the command line was not understood; see vlog query --help".to_owned());
    }
    tell(&config, &mistakes, report);
    if !mistakes.is_empty() {
        return Verdict { done: false, fail: config.fail || args.exit_empty };
    }
    let outbox = config.outbox.as_ref().map(|store| Outbox::new(store.folder.clone(), store.max_bytes));
    let lookup =
        Lookup { args, config: &config, outbox, search, style: style(args, Terminal::new(context.env)) };
    if args.dry_run {
        return Verdict { done: lookup.describe(), fail: config.fail };
    }
    let mut counts = RowCounts::default();
    let done = lookup.ask(&mut counts);
    Verdict {
        done: done && (counts.printed > 0 || !args.exit_empty),
        fail: config.fail || (args.exit_empty && counts.printed == 0),
    }
}

/// Everything that there is to know about one query.
struct Lookup<'a> {
    args: &'a QueryArgs,
    config: &'a Config,
    /// Where undelivered records are kept, or why they are not.
    outbox: Result<Outbox, &'a String>,
    search: Search,
    style: Style,
}

impl<'a> Lookup<'a> {
    fn server(&self) -> Option<Server<'a>> {
        let endpoint = self.config.route.endpoint()?;
        Some(Server { endpoint, access: &self.config.access, idle: self.config.timeout })
    }

    fn store(&self) -> Option<Store<'_>> {
        let outbox = self.outbox.as_ref().ok()?;
        let server = self.server().filter(|_| !self.args.local);
        Some(Store { outbox, tenant: self.tenant(), server })
    }

    /// The tenant whose records are wanted; without one all that wait here are.
    fn tenant(&self) -> Option<String> {
        // Where delivery is off no header is made of the flag.
        let flag = self.args.server.tenant.as_deref();
        let flag = flag.and_then(|text| parse_tenant(text, Protocol::Jsonline).ok()).unwrap_or_default();
        let numbers = ["AccountID", "ProjectID"].map(|name| {
            let flag = || flag.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose());
            self.config.access.header(name).or_else(flag).map(str::to_owned)
        });
        let is_named = numbers.iter().any(Option::is_some);
        is_named.then(|| numbers.map(|number| number.unwrap_or_else(|| "0".to_owned())).join(":"))
    }

    /// Why nobody can be asked.
    fn nobody(&self) -> String {
        match (&self.outbox, self.config.route.trouble()) {
            (Err(none), _) if self.args.local => format!("could not query: there is no outbox ({none})"),
            (_, Some(why)) => format!("{why}; no query was sent"),
            _ => "could not query: delivery is off; set VLOG_URL, or give --url, or --local".to_owned(),
        }
    }

    /// Prints the request instead of sending it; whether there is one.
    fn describe(&self) -> bool {
        let Some(server) = self.server() else {
            stderr::say(&self.nobody());
            return false;
        };
        let buckets = self.args.histogram.then(|| self.search.buckets(self.style.terminal.height));
        let request = server.describe(&self.search, buckets, self.args.follow);
        match stdio::write_all(request.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                stderr::say(&format!("could not print the request: {error}"));
                false
            }
            _ => true,
        }
    }

    /// Asks, prints, and says what there is to say; whether all has come, and from whom it was asked.
    fn ask(&self, counts: &mut RowCounts) -> bool {
        let (server, store) = (self.server(), self.store());
        let first: &dyn Archive = match (&server, &store) {
            (_, Some(store)) if self.args.local => store,
            (Some(server), _) if !self.args.local => server,
            _ => {
                stderr::say(&self.nobody());
                return false;
            }
        };
        let asked = self.show(first, counts);
        let instead = store.as_ref().filter(|_| !self.args.local && self.may_fall_back());
        match (asked, instead) {
            (Err(Trouble::Failure(Failure::Unreached(why))), Some(store)) => {
                stderr::say(&format!("{why}; the outbox answers"));
                let asked = self.show(store, counts);
                self.is_done(asked, store, *counts) && is_outbox_the_store(self.config)
            }
            (asked, _) => self.is_done(asked, first, *counts),
        }
    }

    /// Shows what an archive answers.
    fn show(&self, archive: &dyn Archive, counts: &mut RowCounts) -> Result<(), Trouble> {
        if self.args.follow {
            archive.follow(&self.search, self.style.printer(&self.search, true))
        } else if self.args.histogram {
            self.style.draw(archive, &self.search, counts)
        } else {
            self.style.print(archive, &self.search, counts)
        }
    }

    /// Whether the outbox may answer for a server that is not there: for people always, since they read who answers. A
    /// script must not count what is left over while its server restarts, and a tail would miss what was delivered.
    fn may_fall_back(&self) -> bool {
        self.style.terminal.is_watched && !self.args.follow || is_outbox_the_store(self.config)
    }

    /// Says what went wrong, or that there is nothing; whether all went well.
    fn is_done(&self, asked: Result<(), Trouble>, archive: &dyn Archive, counts: RowCounts) -> bool {
        let is_watched = self.style.terminal.is_watched;
        let is_talkative = is_watched || self.config.verbose;
        match asked {
            Err(trouble) if trouble.is_enough() => true,
            Err(trouble) => {
                tell_trouble(&trouble, &self.search.query, is_talkative);
                false
            }
            Ok(()) if counts.came > 0 || self.args.follow => true,
            Ok(()) => {
                if is_watched {
                    tell_nothing(archive, &self.search, || self.waiting());
                }
                if is_talkative {
                    tell_traps(&self.search.query);
                }
                true
            }
        }
    }

    /// How many records wait in the outbox, for whatever server.
    fn waiting(&self) -> u64 {
        let outbox = self.outbox.as_ref().ok().zip(setup(self.config));
        let summary = outbox.and_then(|(outbox, setup)| outbox.summary(&setup.destination()).ok());
        summary.map_or(0, |summary| summary.records + summary.records_of_others)
    }
}

/// What is asked, and what is wrong with the command line.
fn search(args: &QueryArgs, clock: Clock, mistakes: &mut Vec<String>) -> Search {
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
    if !args.sessions.is_empty() {
        filters.push(is_any_of("session_id", &args.sessions));
    }
    let query = args.query.clone().unwrap_or_else(|| "*".to_owned());
    Search { query, filters, since, until, limit, clock }
}

/// How the answer looks: as was asked for, or as suits who reads.
fn style(args: &QueryArgs, terminal: Terminal) -> Style {
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
