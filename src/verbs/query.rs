//! `vlog query`: asks the server, or the outbox where there is none, and prints what is found.
//!
//! The query goes as it is and is never edited: time range, limit and conditions travel beside it. A command line
//! that is not understood is refused, for a script must not take the answer to another question for its own.

mod flags;

use std::io;

use self::flags::{search, style, tenant};
use super::{Context, Verdict, clock, is_outbox_the_store, setup, tell, tell_mistakes};
use crate::cli::args::QueryArgs;
use crate::cli::config::{Config, fail_by_environment};
use crate::outbox::Outbox;
use crate::query::answer::{RowCounts, Style, tell_nothing, tell_traps, tell_trouble};
use crate::query::archive::{Archive, Trouble};
use crate::query::outbox::Store;
use crate::query::search::Search;
use crate::query::server::Server;
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
    tell_mistakes(mistakes.iter(), "no query was sent, see vlog query --help");
    tell(&config, &[], "", report);
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
        Some(Store { outbox, tenant: tenant(self.args, self.config), server })
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
        summary.map_or(0, |summary| summary.records + summary.records_of_others())
    }
}
