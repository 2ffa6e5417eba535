//! What the user wants: flag over environment over the caller's settings file over the machine's over default.
//!
//! The environment is an argument. An empty variable is unset; a bad one is ignored and noted in `warnings`. A
//! bad flag is noted in `mistakes`, and the next source takes its place: nothing here can stop the job. Only what
//! says where records go has no substitute: if it cannot be read, the [`Route`] says so, and nothing is sent.

mod file;
mod home;
mod route;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::file::is_variable;
pub use self::home::Folders;
pub use self::sources::Origin;
use self::sources::Sources;
use super::values::{parse_bytes, parse_duration, parse_items, parse_level, parse_names, parse_switch};
use crate::cli::args::{DeliveryArgs, QueryArgs, ServerArgs};
use crate::record::item::Item;
use crate::record::level::Level;
use crate::record::protocol::Protocol;
use crate::record::safe_name;
use crate::server::access::Access;
use crate::server::endpoint::Endpoint;
use crate::sys::env::Env;

/// Everything a delivery takes, to the last byte of the response.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// What undelivered records may take of the disk.
const DEFAULT_OUTBOX_MAX: u64 = 16 * 1024 * 1024;

/// The longest pause in the answer to a query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that the verbs need to know.
#[derive(Debug)]
pub struct Config {
    /// Where to.
    pub route: Route,
    /// How to get there and as whom.
    pub access: Access,
    /// How records are sent there.
    pub protocol: Protocol,
    /// For one delivery in all; for a query, between two bytes.
    pub timeout: Duration,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
    /// The default service.
    pub service: String,
    /// Where undelivered records are kept, or why they are not.
    pub outbox: Result<OutboxSettings, String>,
    /// Records below it are not sent.
    pub min_level: Option<Level>,
    /// Fields of every record.
    pub fields: Vec<Item>,
    /// Print the request instead of sending it.
    pub dry_run: bool,
    /// Ask for status 1 when it did not work.
    pub fail: bool,
    /// Report trouble even if stderr is not a terminal.
    pub verbose: bool,
    /// What was wrong with the flags.
    pub mistakes: Vec<String>,
    /// What was wrong with the environment.
    pub warnings: Vec<String>,
    /// Where settings that are not the default come from, and what was wrong with others.
    pub origins: Vec<Origin>,
    /// The settings files that were read, the caller's before the machine's.
    pub files: Vec<PathBuf>,
}

/// Where undelivered records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxSettings {
    /// The directory.
    pub folder: PathBuf,
    /// What it may take of the disk.
    pub max_bytes: u64,
}

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Nowhere: delivery is off, and nothing is kept either.
    Off,
    /// To this server.
    To(Endpoint),
    /// To this server, but not before a setting can be read that says how; what is wrong.
    Held(Endpoint, String),
    /// Nobody can tell, for a setting that says it cannot be read; what is wrong.
    Unknown(String),
}

impl Route {
    /// The server, if it is known and may be asked.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        if let Self::To(endpoint) = self { Some(endpoint) } else { None }
    }

    /// What is wrong with a setting that says where records go, or how.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Off | Self::To(_) => None,
            Self::Held(_, why) | Self::Unknown(why) => Some(why),
        }
    }
}

impl Config {
    /// For the verbs that deliver records.
    #[must_use]
    pub fn for_delivery(args: &DeliveryArgs, env: Env) -> Self {
        let mut sources = Sources::new(env);
        let protocol = route::protocol(&mut sources, args.protocol.as_deref());
        let mut config = Self::for_server(&args.server, &mut sources, protocol, &["VLOG_URL"]);
        config.timeout = sources
            .first("timeout", ("--timeout", args.timeout.as_deref()), "VLOG_TIMEOUT", parse_duration)
            .unwrap_or(DEFAULT_TIMEOUT);
        let flag = ("--stream-fields", args.stream_fields.as_deref());
        config.stream_fields = sources
            .first("stream_fields", flag, "VLOG_STREAM_FIELDS", |text| {
                // Under the names that the records have them.
                Ok(parse_names(text).iter().map(|name| safe_name(name).into_owned()).collect())
            })
            .unwrap_or_else(|| vec!["service".to_owned()]);
        let service = sources.variable("service", "VLOG_SERVICE", |text| Ok(text.to_owned()));
        config.service = service.unwrap_or_else(|| "vlog".to_owned());
        config.min_level = sources.variable("min_level", "VLOG_MIN_LEVEL", parse_level);
        config.fields = sources.variable("fields", "VLOG_FIELDS", parse_items).unwrap_or_default();
        config.outbox = outbox(&mut sources, args.no_outbox);
        config.with(sources)
    }

    /// For `query`: a cluster answers at another address than it takes records.
    #[must_use]
    pub fn for_query(args: &QueryArgs, env: Env) -> Self {
        let mut sources = Sources::new(env);
        route::only_victoria_logs(&mut sources, &args.server);
        let variables = ["VLOG_QUERY_URL", "VLOG_URL"];
        let mut config = Self::for_server(&args.server, &mut sources, Protocol::Jsonline, &variables);
        // VLOG_TIMEOUT is about deliveries: a query may think for longer.
        let timeout = args
            .timeout
            .as_deref()
            .and_then(|text| sources.flag("timeout", "--timeout", text, parse_duration));
        config.timeout = timeout.unwrap_or(QUERY_TIMEOUT);
        // Where there is no server, the outbox answers.
        config.outbox = outbox(&mut sources, false);
        config.with(sources)
    }

    fn for_server(
        args: &ServerArgs,
        sources: &mut Sources,
        protocol: Protocol,
        url_variables: &[&'static str],
    ) -> Self {
        let (route, access) = route::find(sources, args, protocol, url_variables);
        let fail = sources.switch("fail", ("--fail", args.fail), "VLOG_FAIL");
        let verbose = sources.switch("verbose", ("--verbose", args.verbose), "VLOG_VERBOSE");
        Self {
            route,
            access,
            protocol,
            timeout: DEFAULT_TIMEOUT,
            stream_fields: Vec::new(),
            service: String::new(),
            outbox: Err("this verb needs none".to_owned()),
            min_level: None,
            fields: Vec::new(),
            dry_run: false,
            fail,
            verbose,
            mistakes: Vec::new(),
            warnings: Vec::new(),
            origins: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Whether a flag or a variable names the server.
    #[must_use]
    pub fn names_server(&self) -> bool {
        self.origins.iter().any(|origin| origin.setting == "url")
    }

    fn with(mut self, sources: Sources) -> Self {
        self.mistakes = sources.mistakes;
        self.warnings = sources.warnings;
        self.files = sources.files.iter().map(|file| file.path.clone()).collect();
        self.origins = sources.origins;
        self
    }
}

/// The server that queries go to if it has a variable of its own, and where that comes from; for `status`.
#[must_use]
pub fn query_url(env: Env) -> (Option<Endpoint>, Vec<Origin>) {
    let mut sources = Sources::new(env);
    let endpoint = sources.variable("query_url", "VLOG_QUERY_URL", Endpoint::parse);
    (endpoint, sources.origins)
}

/// Whether the environment asks for status 1 on failure; for when the settings cannot be read, or not yet.
#[must_use]
pub fn fail_by_environment(env: Env) -> bool {
    env("VLOG_FAIL").is_some_and(|text| parse_switch(&text).unwrap_or(false))
}

/// The directory named, or the usual one below the user's, or the service's, state.
fn outbox(sources: &mut Sources, unwanted: bool) -> Result<OutboxSettings, String> {
    if unwanted {
        sources.note_flag("outbox", "--no-outbox");
        return Err("--no-outbox".to_owned());
    }
    let most = sources.variable("outbox_max", "VLOG_OUTBOX_MAX", parse_bytes);
    let named = sources.variable("outbox", "VLOG_OUTBOX", |text| Ok(PathBuf::from(text)));
    if named.as_deref() == Some(Path::new("off")) {
        return Err("VLOG_OUTBOX=off".to_owned());
    }
    let folder = named.or_else(|| Some(sources.folders.state()?.join("vlog/outbox")));
    let max_bytes = most.unwrap_or(DEFAULT_OUTBOX_MAX);
    folder.map(|folder| OutboxSettings { folder, max_bytes }).ok_or_else(|| {
        let why = "there is no home directory to keep records in; set HOME, or VLOG_OUTBOX";
        sources.warnings.push(why.to_owned());
        why.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::parse_tenant;

    fn config(flags: &DeliveryArgs, variables: &[(&str, &str)]) -> Config {
        let env = |name: &str| {
            let found = variables
                .iter()
                .chain(&[("HOME", "/home/me"), ("VLOG_CONFIG", "off")])
                .find(|(known, _)| *known == name);
            found.map(|(_, text)| (*text).to_owned()).filter(|text| !text.is_empty())
        };
        Config::for_delivery(flags, &env)
    }

    fn url(text: &str) -> DeliveryArgs {
        let server = ServerArgs { url: Some(text.to_owned()), ..ServerArgs::default() };
        DeliveryArgs { server, ..DeliveryArgs::default() }
    }

    fn header<'a>(config: &'a Config, name: &str) -> Option<&'a str> {
        config.access.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose())
    }

    fn goes_to(config: &Config) -> String {
        config.route.endpoint().unwrap_or_else(|| panic!("{:?}", config.route)).to_string()
    }

    #[test]
    fn a_flag_goes_over_the_environment_and_that_over_the_default() {
        assert_eq!(goes_to(&config(&DeliveryArgs::default(), &[])), route::DEFAULT_URL);
        let variables = [("VLOG_URL", "http://env:1")];
        assert_eq!(goes_to(&config(&DeliveryArgs::default(), &variables)), "http://env:1");
        assert_eq!(goes_to(&config(&url("http://flag:1"), &variables)), "http://flag:1");
    }

    #[test]
    fn off_turns_delivery_off() {
        for off in ["off", "OFF", " Off"] {
            assert_eq!(config(&DeliveryArgs::default(), &[("VLOG_URL", off)]).route, Route::Off);
        }
        goes_to(&config(&url("http://x"), &[("VLOG_URL", "off")]));
    }

    #[test]
    fn what_says_where_records_go_has_no_substitute() {
        let variables =
            [("VLOG_URL", "http://env:1"), ("VLOG_TENANT", "5"), ("VLOG_CA_FILE", "/nonexistent/ca")];
        let why = |args: &DeliveryArgs, variables: &[(&str, &str)]| match config(args, variables).route {
            Route::Unknown(why) => why,
            route => panic!("{route:?}"),
        };
        let server = |change: fn(&mut ServerArgs)| {
            let mut args = DeliveryArgs::default();
            change(&mut args.server);
            args
        };
        assert_eq!(
            why(&url("ftp://flag"), &variables),
            "could not use --url: the scheme must be http or https"
        );
        assert!(why(&url(""), &variables).starts_with("could not use --url: "));
        let bad_tenant = server(|server| server.tenant = Some("abc".to_owned()));
        assert_eq!(why(&bad_tenant, &variables[..1]), "could not use --tenant: 'abc' is no tenant number");
        let bad_header = server(|server| server.headers = vec!["accountid: five".to_owned()]);
        assert_eq!(why(&bad_header, &[]), "could not use --header: 'five' is no tenant number");
        let bad_header = server(|server| server.headers = vec!["s3cret".to_owned()]);
        assert_eq!(why(&bad_header, &[]), "could not use --header: it is not of the form 'Name: value'");
        for variable in [("VLOG_URL", "https://logs.example/?x=1"), ("VLOG_TENANT", "a:b")] {
            assert!(
                why(&DeliveryArgs::default(), &[variable])
                    .starts_with(&format!("could not use {}: ", variable.0))
            );
        }
    }

    #[test]
    fn without_a_ca_or_credentials_that_can_be_read_it_is_clear_where_records_go() {
        for variable in [
            ("VLOG_CA_FILE", "/nonexistent/ca"),
            ("VLOG_TOKEN_FILE", "/nonexistent/token"),
            ("VLOG_PASSWORD_FILE", "/dev/zero"),
            ("VLOG_TOKEN", "two words"),
        ] {
            let config = config(&DeliveryArgs::default(), &[("VLOG_URL", "http://env:1"), variable]);
            let Route::Held(endpoint, why) = &config.route else { panic!("{:?}", config.route) };
            assert_eq!(endpoint.to_string(), "http://env:1");
            assert!(why.starts_with(&format!("could not use {}: ", variable.0)), "{why}");
        }
    }

    #[test]
    fn the_last_header_of_a_name_wins_in_any_spelling() {
        let mut args = DeliveryArgs::default();
        args.server.tenant = Some("7:1".to_owned());
        args.server.headers = vec!["accountid: 5".to_owned(), "AUTHORIZATION: Basic dTpw".to_owned()];
        let config = config(&args, &[("VLOG_TOKEN", "t")]);
        assert_eq!(
            (config.access.header("AccountID"), config.access.header("ProjectID")),
            (Some("5"), Some("1"))
        );
        assert_eq!(config.access.header("Authorization"), Some("Basic dTpw"));
        assert_eq!(config.access.headers.len(), 3);
    }

    #[test]
    fn a_bad_variable_is_noted_and_ignored() {
        for (name, text) in [
            ("VLOG_TIMEOUT", "soon"),
            ("VLOG_MIN_LEVEL", "loud"),
            ("VLOG_FIELDS", "nonsense"),
            ("VLOG_FAIL", "perhaps"),
            ("VLOG_VERBOSE", "perhaps"),
        ] {
            let config = config(&DeliveryArgs::default(), &[(name, text)]);
            let [warning] = config.warnings.as_slice() else { panic!("{name}: {:?}", config.warnings) };
            assert!(warning.starts_with(&format!("could not use {name}: ")), "{warning}");
            assert!(config.mistakes.is_empty());
        }
    }

    #[test]
    fn credentials_become_headers_and_stay_hidden() {
        let token = config(&DeliveryArgs::default(), &[("VLOG_TOKEN", "t0ken"), ("VLOG_USER", "u")]);
        assert_eq!(header(&token, "Authorization"), Some("Bearer t0ken"));
        let basic = config(&DeliveryArgs::default(), &[("VLOG_USER", "u"), ("VLOG_PASSWORD", "p")]);
        assert_eq!(header(&basic, "Authorization"), Some("Basic dTpw"));
        let in_url = config(&url("http://u:p%40@x"), &[]);
        assert_eq!(header(&in_url, "Authorization"), Some("Basic dTpwQA=="));
        for config in [token, basic, in_url] {
            let shown = format!("{config:?}");
            assert!(!shown.contains("t0ken") && !shown.contains("dTpw") && !shown.contains("u:p"), "{shown}");
        }
    }

    #[test]
    fn a_tenant_becomes_two_headers() {
        let config = config(&DeliveryArgs::default(), &[("VLOG_TENANT", "12:3")]);
        assert_eq!((header(&config, "AccountID"), header(&config, "ProjectID")), (Some("12"), Some("3")));
        assert_eq!(parse_tenant("7", Protocol::Jsonline).unwrap()[1].1.expose(), "0");
        assert!(
            parse_tenant("4294967296", Protocol::Jsonline).is_err()
                && parse_tenant("", Protocol::Jsonline).is_err()
                && parse_tenant("1:2:3", Protocol::Jsonline).is_err()
        );
    }

    #[test]
    fn a_proxy_is_chosen_by_scheme_and_never_for_loopback() {
        let variables =
            [("HTTP_PROXY", "http://plain:1"), ("HTTPS_PROXY", "http://tls:1"), ("NO_PROXY", "a, b")];
        let proxy = |text| config(&url(text), &variables).access.proxy.map(|url| url.expose().to_owned());
        assert_eq!(proxy("http://logs.example").as_deref(), Some("http://plain:1"));
        #[cfg(feature = "tls")]
        assert_eq!(proxy("https://logs.example").as_deref(), Some("http://tls:1"));
        assert_eq!(proxy("http://localhost"), None);
        assert_eq!(proxy("http://127.0.0.1:9428"), None);
        assert_eq!(config(&url("http://logs.example"), &variables).access.no_proxy, ["a", "b"]);
    }

    #[test]
    fn fields_and_names_are_lists() {
        let config = config(
            &DeliveryArgs::default(),
            &[("VLOG_FIELDS", "env=prod  team:=1"), ("VLOG_STREAM_FIELDS", "a, b,,c")],
        );
        assert_eq!(config.fields.len(), 2);
        assert_eq!(config.stream_fields, ["a", "b", "c"]);
    }
}
