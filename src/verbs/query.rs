//! `vlog query`: asks the server, and prints what it answers.
//!
//! The query goes as it is and is never edited: time range, limit and conditions travel beside it. A command line
//! that is not understood is refused, for a script must not take the answer to another question for its own.

use std::io;

use jiff::Timestamp;

use super::{Context, Verdict, clock, level_flag, tell};
use crate::cli::args::QueryArgs;
use crate::cli::config::{Config, fail_by_environment};
use crate::cli::values::parse_names;
use crate::delivery::policy::print;
use crate::query::follow::{self, Follow};
use crate::query::hints::{hints, mark, place, proposal};
use crate::query::print::{Form, Look, Printer, histogram};
use crate::query::question::{is_any_of, is_at_least, stages, words};
use crate::query::range::{Bound, Clock, End, bound};
use crate::record::time::Time;
use crate::server::endpoint::Endpoint;
use crate::server::http::{Client, FORM, Failure, form};
use crate::sys::signals;
use crate::sys::stderr::{self, Report};
use crate::sys::stdio;
use crate::sys::terminal::Terminal;

/// The most records of a query without pipes unless told otherwise: a screenful and some.
const DEFAULT_LIMIT: u64 = 100;

/// The same before those that `--follow` waits for, as in tail(1).
const FOLLOW_LIMIT: u64 = 10;

/// What a histogram shows unless told otherwise.
const HISTOGRAM_RANGE: i64 = 3600 * 1_000_000_000;

/// The lines of a histogram, if the terminal does not say how many it has, and at least and at most.
const HISTOGRAM_LINES: i64 = 40;
const LEAST_HISTOGRAM_LINES: i64 = 20;
const MAX_HISTOGRAM_LINES: i64 = 50;

/// The most bytes of a histogram's answer: some hundred levels in each of its buckets take a tenth.
const MAX_HISTOGRAM_BYTES: usize = 16 * 1024 * 1024;

const QUERY: &str = "/select/logsql/query";
const HITS: &str = "/select/logsql/hits";

/// Prints what the server finds.
pub fn run(args: &QueryArgs, context: Context) -> Verdict {
    let fail = args.server.fail || fail_by_environment(context.env);
    // A tail ends by a signal, and has not failed then.
    let status = i32::from((fail || args.exit_empty) && !args.follow);
    signals::exit_on_stop(status, context.ignored);
    let mut config = Config::for_query(args, context.env);
    config.dry_run = args.dry_run;
    let report = Report::new(config.verbose);
    crate::sys::panic_if_asked("query");
    let mut mistakes = context.mistakes;
    mistakes.append(&mut config.mistakes);
    let terminal = Terminal::new(context.env);
    let question = Question::new(args, clock(args.utc, config.verbose), &mut mistakes);
    if !mistakes.is_empty() {
        mistakes
            .push("could not query: the command line was not understood; see vlog query --help".to_owned());
    }
    tell(&config, &mistakes, report);
    let fail = config.fail;
    let verdict = |done, found: Found| Verdict {
        done: done && (found.printed > 0 || !args.exit_empty),
        fail: fail || (args.exit_empty && found.printed == 0),
    };
    let mut found = Found::default();
    if !mistakes.is_empty() {
        return verdict(false, found);
    }
    let Some(endpoint) = config.route.endpoint() else {
        stderr::say(&match config.route.trouble() {
            Some(why) => format!("{why}; no query was sent"),
            None => "could not query: delivery is off; set VLOG_URL, or give --url".to_owned(),
        });
        return verdict(false, found);
    };
    let asking = Asking { args, config: &config, endpoint, terminal };
    let asked = if args.dry_run {
        let described = question.describe(&asking);
        described.map_err(|error| Failure::Unprinted(error.downcast().unwrap_or_else(io::Error::other)))
    } else if args.follow {
        question.follow(&asking)
    } else if args.histogram {
        question.draw(&asking, &mut found)
    } else {
        question.print(&asking, &mut found)
    };
    match asked {
        Ok(()) if args.dry_run => return Verdict { done: true, fail },
        Ok(()) => {
            if found.came == 0 && !args.follow && (terminal.is_watched || config.verbose) {
                for hint in hints(&question.query) {
                    stderr::say(&format!("no records; {hint}"));
                }
            }
            return verdict(true, found);
        }
        // Whoever reads the rows has seen enough.
        Err(Failure::Unprinted(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Verdict { done: true, fail };
        }
        Err(failure) => {
            let text = failure.to_string();
            stderr::say(&text);
            if let Some(at) = place(&question.query, &text) {
                let (line, cell) = mark(&question.query, at);
                stderr::mark(&line, cell);
            }
            if let Some(proposal) = proposal(&text).filter(|_| terminal.is_watched || config.verbose) {
                stderr::say(&proposal);
            }
        }
    }
    verdict(false, found)
}

/// How many rows there are.
#[derive(Default, Clone, Copy)]
struct Found {
    /// In the answer.
    came: u64,
    /// On stdout: with `--fields` those that have one of them.
    printed: u64,
}

/// How it is asked: the command line, the server, and who reads the answer.
struct Asking<'a> {
    args: &'a QueryArgs,
    config: &'a Config,
    endpoint: &'a Endpoint,
    terminal: Terminal,
}

/// What is asked, whatever becomes of the answer.
struct Question {
    query: String,
    /// Conditions beside it.
    filters: Vec<String>,
    since: Option<Bound>,
    until: Option<Bound>,
    limit: Option<u64>,
    clock: Clock,
}

impl Question {
    /// Reads the command line, and notes what is wrong with it.
    fn new(args: &QueryArgs, clock: Clock, mistakes: &mut Vec<String>) -> Self {
        let mut read = |flag: &str, text: &Option<String>, end| {
            let found = bound(text.as_deref()?, end, &clock);
            found.map_err(|error| mistakes.push(format!("could not use {flag}: {error}"))).ok()
        };
        let since = read("--since", &args.since, End::Since);
        let until = read("--until", &args.until, End::Until(since.as_ref().map(|bound| bound.instant)));
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
        Self { query, filters, since, until, limit, clock }
    }

    /// The query and the conditions beside it.
    fn arguments(&self) -> Vec<(&'static str, &str)> {
        let filters = self.filters.iter().map(|filter| ("extra_filters", filter.as_str()));
        [("query", self.query.as_str())].into_iter().chain(filters).collect()
    }

    /// The most rows to ask for; 0 is all. With pipes the server would cut groups, or give the oldest.
    fn limit(&self) -> u64 {
        if stages(&self.query).len() > 1 { 0 } else { self.limit.unwrap_or(DEFAULT_LIMIT) }
    }

    /// The body of the request for rows.
    fn form(&self) -> String {
        let limit = self.limit().to_string();
        let mut arguments = self.arguments();
        let bounds = [("start", &self.since), ("end", &self.until)];
        arguments.insert(1, ("limit", &limit));
        arguments.retain(|(name, value)| *name != "limit" || *value != "0");
        arguments
            .extend(bounds.iter().filter_map(|(name, bound)| Some((*name, bound.as_ref()?.text.as_str()))));
        form(&arguments)
    }

    /// Prints the request instead of sending it.
    fn describe(&self, asking: &Asking) -> anyhow::Result<()> {
        let (path, form) = if asking.args.histogram {
            let (range, step) = self.buckets(asking.terminal);
            (HITS, self.hits_form(range, step))
        } else if asking.args.follow {
            (follow::TAIL, form(&follow::arguments(self.arguments(), self.since.as_ref())))
        } else {
            (QUERY, self.form())
        };
        let head = Client::for_query(asking.endpoint, &asking.config.access, None).describe(path, FORM);
        print(&head, format!("{form}\n").as_bytes())
    }

    fn look(&self, asking: &Asking) -> Look {
        let color = match asking.args.color.as_deref() {
            Some("always") => Some(true),
            Some("never") => Some(false),
            _ => None,
        };
        Look::new(
            asking.terminal.width,
            asking.terminal.color(color),
            asking.terminal.unicode,
            self.clock.zone.clone(),
        )
    }

    fn printer(&self, asking: &Asking) -> Printer {
        let fields = asking.args.fields.as_deref().map(parse_names);
        Printer::new(
            output(asking),
            fields,
            words(&self.query),
            self.look(asking),
            asking.args.follow,
            self.limit(),
        )
    }

    /// Prints the rows, and counts them.
    fn print(&self, asking: &Asking, found: &mut Found) -> Result<(), Failure> {
        let limit = self.limit();
        if self.limit.is_some_and(|limit| limit > 0) && stages(&self.query).len() > 1 {
            stderr::say("--limit was not sent, for the query has pipes; write '| limit N' into it");
        }
        let mut printer = self.printer(asking);
        let client = Client::for_query(asking.endpoint, &asking.config.access, stdio::pipe_reader());
        let answered = client.query(QUERY, &self.form(), asking.config.timeout, &mut |piece| {
            stdio::write_all(printer.piece(piece))
        });
        let is_complete = answered.is_ok();
        let rest = stdio::write_all(printer.end(is_complete)).map_err(Failure::Unprinted);
        *found = Found { came: printer.rows(), printed: printer.printed() };
        answered?;
        rest?;
        let Found { came, printed } = *found;
        let limited = stderr::records(limit);
        let some = format!("{printed} of them with one of these fields");
        // Where exactly as many came there may be more.
        match (limit > 0 && came == limit, printed == came) {
            (true, true) => stderr::say(&format!("only the newest {limited} shown; -n 0 gives all")),
            (true, false) => {
                stderr::say(&format!("only the newest {limited} looked at, {some}; -n 0 looks at all"));
            }
            (false, _) => {}
        }
        Ok(())
    }

    /// Prints the last rows and those that come.
    fn follow(&self, asking: &Asking) -> Result<(), Failure> {
        let client = || Client::for_query(asking.endpoint, &asking.config.access, stdio::pipe_reader());
        let printer = self.printer(asking);
        let clients = [client(), client()];
        let follow =
            Follow::new(self.arguments(), clients, asking.config.timeout, stdio::pipe_reader(), printer);
        follow.run(self.limit.unwrap_or(FOLLOW_LIMIT), self.since.as_ref())
    }

    /// Draws hits over time, and counts them.
    fn draw(&self, asking: &Asking, found: &mut Found) -> Result<(), Failure> {
        let (range, step) = self.buckets(asking.terminal);
        let client = Client::for_query(asking.endpoint, &asking.config.access, stdio::pipe_reader());
        let mut answer = Vec::new();
        client.query(HITS, &self.hits_form(range, step), asking.config.timeout, &mut |piece| {
            answer.extend_from_slice(piece);
            if answer.len() > MAX_HISTOGRAM_BYTES {
                return Err(io::Error::other("the answer is too long for a histogram"));
            }
            Ok(())
        })?;
        let mut out = Vec::new();
        let hits = histogram::draw(&answer, range, step, &self.look(asking), &mut out)
            .map_err(|error| Failure::Lost(format!("could not draw: {error}")))?;
        *found = Found { came: hits, printed: hits };
        let shown = if output(asking) == Form::Json { &answer } else { &out };
        stdio::write_all(shown).map_err(Failure::Unprinted)?;
        if self.since.is_none() {
            stderr::say("only the last hour shown; --since says from when on");
        }
        Ok(())
    }

    /// The range of a histogram, and the width of its buckets in seconds.
    fn buckets(&self, terminal: Terminal) -> (histogram::Range, i64) {
        let to = self.until.as_ref().map_or_else(Time::now, |bound| bound.instant);
        let hour_before = || Time(to.0.saturating_sub(HISTOGRAM_RANGE));
        let from = self.since.as_ref().map_or_else(hour_before, |bound| bound.instant);
        // The prompt, the totals and what is said of the range take some lines.
        let lines = terminal.height.and_then(|lines| i64::try_from(lines).ok()).unwrap_or(HISTOGRAM_LINES);
        let lines = (lines - 4).clamp(LEAST_HISTOGRAM_LINES, MAX_HISTOGRAM_LINES);
        ((from, to), histogram::step((from, to), lines))
    }

    fn hits_form(&self, range: histogram::Range, step: i64) -> String {
        let step = format!("{step}s");
        let ends = [range.0, range.1].map(|end| end.to_string());
        let [from, to] = &ends;
        // Days begin at midnight here, not in Greenwich.
        let at = Timestamp::from_nanosecond(range.1.0.into()).unwrap_or_default();
        let offset = format!("{}s", -self.clock.zone.to_offset(at).seconds());
        let mut arguments = self.arguments();
        arguments.extend([("field", "level"), ("step", &step), ("offset", &offset)]);
        arguments.push(("start", self.since.as_ref().map_or(from, |bound| &bound.text)));
        arguments.push(("end", self.until.as_ref().map_or(to, |bound| &bound.text)));
        form(&arguments)
    }
}

/// The form that was asked for, or that suits who reads.
fn output(asking: &Asking) -> Form {
    match asking.args.output.as_deref() {
        Some("pretty") => Form::Pretty,
        Some("json") => Form::Json,
        Some("raw") => Form::Raw,
        _ if asking.terminal.is_watched => Form::Pretty,
        _ => Form::Json,
    }
}
