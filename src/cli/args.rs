//! The command line as clap sees it: structs and help texts, nothing else.
//!
//! Every value is taken as text: what it means is decided where it is used, so that a bad value can be reported
//! and the job still be done. The verbs are deferred: only the one that runs is built. This file uses nothing of
//! the crate, because the test that generates the completions compiles it too.

use clap::builder::PossibleValuesParser;
use clap::{Args, Command, FromArgMatches};

/// What vlog is for, above the short help.
const BEFORE_HELP: &str = "\
vlog send \"backup done\" size=4GiB        send one record
some-cmd 2>&1 | vlog pipe -s backup       send each line
vlog query level:error --since 1h         read them back";

/// Examples, above the long help.
const BEFORE_LONG_HELP: &str = "\
Examples:
  vlog send \"observation stored\" service=nmem-capture
  vlog send -l error \"backup failed\" code:=3
  some-cmd 2>&1 | vlog pipe --service x
  vlog hook --settings
  vlog run -- backup.sh --all
  vlog query 'level:error' --since 1h
  vlog query 'service:x | stats by (level) count()'";

const AFTER_HELP: &str = "vlog VERB -h lists the options of a verb, vlog help VERB explains them.";

/// Exit statuses, files and variables, below the long help.
const AFTER_LONG_HELP: &str = "\
Settings: ~/.config/vlog/config and /etc/vlog/config, lines such as
VLOG_URL=http://HOST:9428; the environment goes over them: VLOG_URL,
VLOG_SERVICE, VLOG_TIMEOUT, VLOG_FIELDS, VLOG_TOKEN and more. `vlog status`
shows what is in force.

The exit status is 0, whatever happens, unless --fail asks for 1; `vlog run`
ends as its command does.";

/// What the command line asked for.
#[derive(Debug)]
pub enum Verb {
    /// `vlog send`
    Send(SendArgs),
    /// `vlog pipe`
    Pipe(PipeArgs),
    /// `vlog hook`
    Hook(HookArgs),
    /// `vlog run`
    Run(RunArgs),
    /// `vlog query`
    Query(QueryArgs),
    /// `vlog flush`
    Flush(FlushArgs),
    /// `vlog status`
    Status(StatusArgs),
    /// `vlog completions`
    Completions(CompletionsArgs),
}

/// Where records go, how, and what to do about it; shared by all verbs that deliver.
#[derive(Debug, Default, Args)]
pub struct DeliveryArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// Give up after this time in all [default: 2s]
    #[arg(long = "timeout", value_name = "DURATION", help_heading = "Delivery")]
    pub timeout: Option<String>,
    /// jsonline (default), loki, ndjson or otlp
    #[arg(long = "protocol", value_name = "NAME", help_heading = "Delivery")]
    pub protocol: Option<String>,
    /// Fields that make up the log stream
    #[arg(long = "stream-fields", value_name = "NAME,...", help_heading = "Delivery")]
    pub stream_fields: Option<String>,
    /// Do not keep what cannot be delivered
    #[arg(long = "no-outbox", help_heading = "Delivery")]
    pub no_outbox: bool,
}

/// Which server, and as whom; shared by all verbs that use one.
#[derive(Debug, Default, Clone, Args)]
pub struct ServerArgs {
    /// Server, or `off`
    #[arg(long = "url", value_name = "URL", help_heading = "Server")]
    pub url: Option<String>,
    /// Add `Name: value`, or a file of headers
    #[arg(short = 'H', long = "header", value_name = "HEADER|@FILE", help_heading = "Server")]
    pub headers: Vec<String>,
    /// Tenant; for loki and otlp a name
    #[arg(long = "tenant", value_name = "ACCOUNT[:PROJECT]", help_heading = "Server")]
    pub tenant: Option<String>,
    /// Trust the certificates in this PEM file only
    #[arg(long = "ca-file", value_name = "FILE", help_heading = "Server")]
    pub ca_file: Option<String>,
    /// Accept any certificate
    #[arg(long = "insecure", help_heading = "Server")]
    pub insecure: bool,
    /// Exit with 1 when it did not work
    #[arg(long = "fail")]
    pub fail: bool,
    /// Say on stderr how it went
    #[arg(short = 'v', long = "verbose")]
    pub verbose: bool,
}

/// Send one record
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "vlog send [OPTIONS] [MESSAGE] [KEY=VALUE]...",
    before_long_help = "Examples:\n  \
                        vlog send \"observation stored\" service=nmem-capture\n  \
                        vlog send -l error \"backup failed\" code:=3 host=db1\n  \
                        vlog send -- \"$msg\"\n  \
                        vlog send --detach \"deployed\" version=1.2.3",
    after_long_help = "The first word is the message, even if it holds a `=`. `-` reads it from stdin.\n\
                       Of the later words KEY=TEXT and KEY:=JSON are fields, the others join the\n\
                       message. Put `--` before a message that may begin with a dash."
)]
pub struct SendArgs {
    /// What happened; `-` reads stdin
    #[arg(value_name = "MESSAGE", allow_negative_numbers = true)]
    pub message: Option<String>,
    /// Fields, or more of the message
    #[arg(value_name = "KEY=VALUE", allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// What happened; every word is then a field
    #[arg(short = 'm', long = "message", value_name = "TEXT", allow_hyphen_values = true)]
    pub text: Option<String>,
    /// trace, debug, info, warn, error or fatal [default: info]
    #[arg(short = 'l', long = "level", value_name = "LEVEL")]
    pub level: Option<String>,
    /// The program [default: `$VLOG_SERVICE` or vlog]
    #[arg(short = 's', long = "service", value_name = "NAME")]
    pub service: Option<String>,
    /// When it happened, as `query --since` takes it
    #[arg(short = 't', long = "time", value_name = "TIME", allow_negative_numbers = true)]
    pub time: Option<String>,
    /// Return at once and deliver in the background
    #[arg(long = "detach")]
    pub detach: bool,
    /// Print the request, and send nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Send each line of stdin as a record
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[command(
    override_usage = "COMMAND 2>&1 | vlog pipe [OPTIONS] [KEY=VALUE]...",
    before_long_help = "Examples:\n  \
                        some-cmd 2>&1 | vlog pipe --service x\n  \
                        some-cmd 2>&1 | vlog pipe --tee job=nightly | tail -n 1\n  \
                        some-cmd 2>&1 | vlog pipe --multiline --service x\n  \
                        vlog pipe --service x < app.log",
    after_long_help = "A line keeps the time when it was read. Its level is the one at its head, or the\n\
                       one in its JSON, or --level. Nothing is ever rejected, and a slow or dead\n\
                       server never stops the command upstream."
)]
pub struct PipeArgs {
    /// Fields of every record
    #[arg(value_name = "KEY=VALUE")]
    pub words: Vec<String>,
    /// Of lines that name none [default: info]
    #[arg(short = 'l', long = "level", value_name = "LEVEL")]
    pub level: Option<String>,
    /// The program [default: `$VLOG_SERVICE` or vlog]
    #[arg(short = 's', long = "service", value_name = "NAME")]
    pub service: Option<String>,
    /// auto (default), text, json, logfmt or raw
    #[arg(long = "parse", value_name = "MODE")]
    pub parse: Option<String>,
    /// read (default), or line: what the line says
    #[arg(long = "time", value_name = "WHICH")]
    pub time: Option<String>,
    /// With --time line: local, utc or a name
    #[arg(long = "zone", value_name = "ZONE")]
    pub zone: Option<String>,
    /// Join tracebacks and indented lines
    #[arg(long = "multiline")]
    pub multiline: bool,
    /// Join all lines up to the next that matches
    #[arg(long = "multiline-start", value_name = "REGEX", allow_hyphen_values = true)]
    pub multiline_start: Option<String>,
    /// Leave colours and other codes in the text
    #[arg(long = "keep-ansi")]
    pub keep_ansi: bool,
    /// Take secrets out, as hook does
    #[arg(long = "redact")]
    pub redact: bool,
    /// Copy stdin to stdout as it comes
    #[arg(long = "tee")]
    pub tee: bool,
    /// Print the requests, and send nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Log what an agent tells its hook
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "vlog hook [OPTIONS] [KEY=VALUE]... [-- COMMAND [ARG]...]",
    before_long_help = "Examples:\n  \
                        vlog hook --install claude\n  \
                        vlog hook --include prompt env=dev\n  \
                        vlog hook -- python3 guard.py",
    after_long_help = "Reads the hook's JSON payload from stdin, or takes it as the last word (Codex'\n\
                       notify). The exit status is 0 and stdout stays empty, whatever happens. A\n\
                       COMMAND gets the payload; only if it ends with 0 or 2 its output is passed on,\n\
                       and the 2. Any other end is an error in the logs."
)]
pub struct HookArgs {
    /// Fields of the record
    #[arg(value_name = "KEY=VALUE", allow_negative_numbers = true)]
    pub words: Vec<String>,
    /// Log the text of these too, secrets taken out
    #[arg(long = "include", value_name = "FIELD,...")]
    pub include: Vec<String>,
    /// The event, if the payload does not name it
    #[arg(long = "event", value_name = "NAME")]
    pub event: Option<String>,
    /// The program [default: `$VLOG_SERVICE` or the agent]
    #[arg(short = 's', long = "service", value_name = "NAME")]
    pub service: Option<String>,
    /// Print what belongs into an agent's settings
    ///
    /// The agent is claude, codex, cursor, gemini or copilot.
    #[arg(long = "settings", value_name = "AGENT", num_args = 0..=1, default_missing_value = "claude")]
    pub settings: Option<String>,
    /// Put it into that agent's settings file
    #[arg(long = "install", value_name = "AGENT", num_args = 0..=1, default_missing_value = "")]
    pub install: Option<String>,
    /// Take it out of there
    #[arg(long = "uninstall", value_name = "AGENT", num_args = 0..=1, default_missing_value = "")]
    pub uninstall: Option<String>,
    /// Turn 2, by which the command blocks, into 0
    #[arg(long = "never-block")]
    pub never_block: bool,
    /// Print the request, and send nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Run a command and log what it writes
#[derive(Debug, Default, Args)]
#[command(
    override_usage = "vlog run [OPTIONS] [KEY=VALUE]... -- COMMAND [ARG]...",
    before_long_help = "Examples:\n  \
                        vlog run -- backup.sh --all\n  \
                        vlog run --on-failure team=data -- /opt/sync/run\n  \
                        vlog run job=clock -- date",
    after_long_help = "Everything after the first `--` is run, without a shell. Its input and output\n\
                       pass through as they come, and vlog ends as it does. Lines of stdout are logged\n\
                       as info, those of stderr as warn; a last record has exit_code or signal, and\n\
                       duration_ms. Without a `--` the command begins at the first word that is\n\
                       neither an option nor KEY=VALUE. Programs that ask for a terminal find none on\n\
                       stdout and stderr, but for VLOG_URL=off."
)]
pub struct RunArgs {
    /// Fields of every record
    #[arg(value_name = "KEY=VALUE")]
    pub words: Vec<String>,
    /// Log only a failure: the end of the output
    #[arg(long = "on-failure")]
    pub on_failure: bool,
    /// Take secrets out of what is logged
    #[arg(long = "redact")]
    pub redact: bool,
    /// Its name [default: `$VLOG_SERVICE` or the command's]
    #[arg(short = 's', long = "service", value_name = "NAME")]
    pub service: Option<String>,
    /// Run, print the requests, and send nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Read records back
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Debug, Default, Args)]
#[command(
    before_long_help = "Examples:\n  \
                        vlog query -s nginx -l warn --since '2 hours ago'\n  \
                        vlog query -g 'connection refused' --since today\n  \
                        vlog query -f -s nginx --fields host,_msg\n  \
                        vlog query --histogram level:error --since today\n  \
                        vlog query '* | stats by (service) count() n' --since 1d",
    after_long_help = "LOGSQL is sent as it is; see\n\
                       https://docs.victoriametrics.com/victorialogs/logsql/\n\
                       Without pipes the newest records are printed, oldest first.\n\n\
                       TIME is so long ago (1h, '2 days ago'), on your clock (today, yesterday,\n\
                       'monday 9:00', 10:30, 2026-11-20, '2026-11-20 10:30'), with a zone of its\n\
                       own (RFC 3339), or unix time.\n\n\
                       FORM auto is pretty on a terminal and json elsewhere. json is the server's\n\
                       lines byte for byte; with --fields they are written anew. raw is the messages;\n\
                       with --fields, or in rows without one, the values with tabs between them."
)]
pub struct QueryArgs {
    /// What to look for [default: *]
    #[arg(value_name = "LOGSQL")]
    pub query: Option<String>,
    /// With these words in the message, as they are
    #[arg(short = 'g', long = "grep", value_name = "TEXT", allow_hyphen_values = true)]
    pub texts: Vec<String>,
    /// From this time on
    #[arg(long = "since", value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Up to this time, inclusive
    #[arg(long = "until", value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Of this service; may be repeated
    #[arg(short = 's', long = "service", value_name = "NAME", allow_hyphen_values = true)]
    pub services: Vec<String>,
    /// Of this level or worse, in any spelling
    #[arg(short = 'l', long = "level", value_name = "LEVEL")]
    pub level: Option<String>,
    /// Of this `session_id`; may be repeated
    #[arg(long = "session", value_name = "ID", allow_hyphen_values = true)]
    pub sessions: Vec<String>,
    /// At most this many, 0 for all [default: 100, -f 10]
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<String>,
    /// Ask the outbox and no server
    #[arg(long = "local")]
    pub local: bool,
    /// Go on with records as they come
    #[arg(short = 'f', long = "follow")]
    pub follow: bool,
    /// Draw the hits of the last hour, or --since, instead
    #[arg(long = "histogram")]
    pub histogram: bool,
    /// auto, pretty, json or raw
    #[arg(short = 'o', long = "output", value_name = "FORM", hide_possible_values = true, help_heading = "Output",
        value_parser = PossibleValuesParser::new(["auto", "pretty", "json", "raw"]))]
    pub output: Option<String>,
    /// Print these fields only, in this order
    #[arg(long = "fields", value_name = "NAME,...", help_heading = "Output")]
    pub fields: Option<String>,
    /// auto, always or never
    #[arg(long = "color", value_name = "WHEN", hide_possible_values = true, help_heading = "Output",
        value_parser = PossibleValuesParser::new(["auto", "always", "never"]))]
    pub color: Option<String>,
    /// Show and read times in UTC
    #[arg(long = "utc", help_heading = "Output")]
    pub utc: bool,
    /// Exit with 1 when there are no records
    #[arg(long = "exit-empty")]
    pub exit_empty: bool,
    /// Print the request, and send nothing
    #[arg(long = "dry-run")]
    pub dry_run: bool,
    /// Give up after this long without a byte [30s]
    #[arg(long = "timeout", value_name = "DURATION")]
    pub timeout: Option<String>,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Deliver what waits in the outbox
#[derive(Debug, Default, Args)]
#[command(before_long_help = "Examples:\n  vlog flush\n  vlog flush --url http://old.example:9428")]
pub struct FlushArgs {
    /// Also what is over 6 days old, which the server may drop
    #[arg(long = "old")]
    pub old: bool,
    /// Also what was refused, or had no readable destination
    #[arg(long = "rejected")]
    pub rejected: bool,
    /// Leave the caller's session and descriptors first
    #[arg(long = "detached", hide = true)]
    pub detached: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Show the settings, the server and the outbox
#[derive(Debug, Default, Args)]
#[command(
    before_long_help = "Examples:\n  vlog status\n  vlog status --all\n  vlog status --url http://HOST:9428"
)]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long = "json")]
    pub json: bool,
    /// Show what is the default, empty or zero too
    #[arg(long = "all")]
    pub all: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Print the completion script for a shell, or the manual page
#[derive(Debug, Default, Args)]
pub struct CompletionsArgs {
    /// Which shell, or man
    #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(["bash", "zsh", "fish", "man"]))]
    pub shell: String,
}

/// A verb: its name, what it does, and its own options.
type VerbEntry = (&'static str, &'static str, fn(Command) -> Command);

const VERBS: [VerbEntry; 8] = [
    ("send", "Send one record", SendArgs::augment_args),
    ("pipe", "Send each line of stdin as a record", PipeArgs::augment_args),
    ("hook", "Log what an agent tells its hook", |command| {
        // An agent takes any failure for trouble, so there is none to ask for.
        let command = HookArgs::augment_args(command).mut_arg("fail", |fail| fail.hide(true));
        command.mut_arg("timeout", |time| time.help("Give up after this time, 1s at most"))
    }),
    ("run", "Run a command and log what it writes", |command| {
        // The status is the command's, so there is no failure to ask for.
        RunArgs::augment_args(command).mut_arg("fail", |fail| fail.hide(true))
    }),
    ("query", "Read records back", QueryArgs::augment_args),
    ("flush", "Deliver what waits in the outbox", FlushArgs::augment_args),
    ("status", "Show the settings, the server and the outbox", StatusArgs::augment_args),
    ("completions", "Print a shell's completion script, or man's", CompletionsArgs::augment_args),
];

/// The whole tree; the verbs' own options appear when they are needed.
#[must_use]
pub fn command() -> Command {
    with_verbs(|_| true)
}

/// The tree with some of the verbs.
fn with_verbs(wanted: impl Fn(&str) -> bool) -> Command {
    let root = Command::new("vlog")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Send log records to VictoriaLogs from hooks and scripts, and read them back")
        .before_help(BEFORE_HELP)
        .before_long_help(BEFORE_LONG_HELP)
        .after_help(AFTER_HELP)
        .after_long_help(AFTER_LONG_HELP)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand_value_name("VERB")
        .subcommand_help_heading("Verbs");
    let verbs = VERBS.into_iter().filter(|(name, ..)| wanted(name));
    verbs.fold(root, |root, (name, about, arguments)| {
        root.subcommand(Command::new(name).about(about).args_override_self(true).defer(arguments))
    })
}

/// Whether there is a verb of that name.
#[must_use]
pub fn is_verb(word: &str) -> bool {
    VERBS.iter().any(|(name, ..)| *name == word)
}

/// The verb of a command line without any option, of the verbs that are called often: there every word is as it stands, and
/// building a parser to find that out would be a third of a `send`.
fn plain_words(argv: &[String]) -> Option<Verb> {
    let (verb, words) = argv.get(1..)?.split_first()?;
    if words.iter().any(|word| word.starts_with('-')) {
        return None;
    }
    let mut words = words.iter().cloned();
    Some(match verb.as_str() {
        "send" => {
            let (message, words) = (words.next(), words.collect());
            Verb::Send(SendArgs { message, words, ..SendArgs::default() })
        }
        "pipe" => Verb::Pipe(PipeArgs { words: words.collect(), ..PipeArgs::default() }),
        "hook" => Verb::Hook(HookArgs { words: words.collect(), ..HookArgs::default() }),
        "run" => Verb::Run(RunArgs { words: words.collect(), ..RunArgs::default() }),
        _ => return None,
    })
}

/// Reads the command line, the program's name included.
///
/// # Errors
/// What clap could not make sense of; also help and version, which clap treats as errors.
pub fn parse(argv: &[String]) -> Result<Verb, clap::Error> {
    if let Some(verb) = plain_words(argv) {
        return Ok(verb);
    }
    // A branch that is not needed is not built, and none is taken down: that would cost a tenth of a `send` each.
    let first = argv.get(1).filter(|first| is_verb(first));
    let mut command = with_verbs(|name| first.is_none_or(|first| first == name));
    let matches = command.try_get_matches_from_mut(argv);
    std::mem::forget(command);
    let Some((name, mut matches)) = matches?.remove_subcommand() else {
        return Err(self::command().error(clap::error::ErrorKind::MissingSubcommand, "no verb given"));
    };
    let of_verb = &mut matches;
    let verb = match name.as_str() {
        "send" => SendArgs::from_arg_matches_mut(of_verb).map(Verb::Send),
        "pipe" => PipeArgs::from_arg_matches_mut(of_verb).map(Verb::Pipe),
        "hook" => HookArgs::from_arg_matches_mut(of_verb).map(Verb::Hook),
        "run" => RunArgs::from_arg_matches_mut(of_verb).map(Verb::Run),
        "query" => QueryArgs::from_arg_matches_mut(of_verb).map(Verb::Query),
        "flush" => FlushArgs::from_arg_matches_mut(of_verb).map(Verb::Flush),
        "status" => StatusArgs::from_arg_matches_mut(of_verb).map(Verb::Status),
        _ => CompletionsArgs::from_arg_matches_mut(of_verb).map(Verb::Completions),
    };
    std::mem::forget(matches);
    verb
}
