//! What the user wants: flag over environment over default.
//!
//! The environment is an argument. An empty variable is unset; a bad one is ignored and noted in `warnings`. A
//! bad flag is noted in `mistakes`, and the next source takes its place: nothing here can stop the job. Only what
//! says where records go has no substitute: if it cannot be read, the [`Route`] says so, and nothing is sent.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::values::{
    check_token, parse_bytes, parse_duration, parse_header, parse_items, parse_level, parse_names,
    parse_protocol, parse_proxy, parse_switch, parse_tenant, read_file,
};
use crate::cli::args::{DeliveryArgs, QueryArgs, ServerArgs};
use crate::record::item::Item;
use crate::record::level::Level;
use crate::record::protocol::Protocol;
use crate::record::safe_name;
use crate::server::access::{Access, Secret};
use crate::server::endpoint::Endpoint;
use crate::sys::env::Env;

/// Where a single-node VictoriaLogs listens unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:9428";

/// Everything a delivery takes, to the last byte of the response.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// Headers that describe the body.
const OWN_HEADERS: [&str; 5] =
    ["Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect"];

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
    pub outbox: Result<Store, String>,
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
}

/// Where undelivered records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
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

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The setting, as `status` calls it.
    pub setting: &'static str,
    /// The flag or variable.
    pub source: &'static str,
    /// Why its value could not be used, if it could not; never the value itself.
    pub wrong: Option<String>,
}

impl Config {
    /// For the verbs that deliver records.
    #[must_use]
    pub fn for_delivery(args: &DeliveryArgs, env: Env) -> Self {
        let mut sources = Sources::new(env);
        let protocol = sources.protocol(args.protocol.as_deref());
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
        config.outbox = sources.outbox(args.no_outbox);
        config.with(sources)
    }

    /// For `query`: a cluster answers at another address than it takes records.
    #[must_use]
    pub fn for_query(args: &QueryArgs, env: Env) -> Self {
        let mut sources = Sources::new(env);
        sources.only_victoria_logs(&args.server);
        let variables = ["VLOG_QUERY_URL", "VLOG_URL"];
        let mut config = Self::for_server(&args.server, &mut sources, Protocol::Jsonline, &variables);
        // VLOG_TIMEOUT is about deliveries: a query may think for longer.
        let timeout = args
            .timeout
            .as_deref()
            .and_then(|text| sources.flag("timeout", "--timeout", text, parse_duration));
        config.timeout = timeout.unwrap_or(QUERY_TIMEOUT);
        // Where there is no server, the outbox answers.
        config.outbox = sources.outbox(false);
        config.with(sources)
    }

    fn for_server(
        args: &ServerArgs,
        sources: &mut Sources,
        protocol: Protocol,
        url_variables: &[&'static str],
    ) -> Self {
        let (route, access) = sources.route(args, protocol, url_variables);
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

/// Whether the environment asks for status 1 on failure; for when the flags cannot be read.
#[must_use]
pub fn fail_by_environment(env: Env) -> bool {
    env("VLOG_FAIL").is_some_and(|text| parse_switch(&text).unwrap_or(false))
}

/// Reads settings, and collects where they come from and what was wrong with them.
struct Sources<'a> {
    env: Env<'a>,
    mistakes: Vec<String>,
    warnings: Vec<String>,
    origins: Vec<Origin>,
    /// What is wrong with the first setting that says where records go and cannot be read.
    unknown: Option<String>,
    /// The same of those that say how.
    held: Option<String>,
}

impl<'a> Sources<'a> {
    fn new(env: Env<'a>) -> Self {
        let (mistakes, warnings, origins) = (Vec::new(), Vec::new(), Vec::new());
        Self { env, mistakes, warnings, origins, unknown: None, held: None }
    }

    /// The flag if it is there and good, else the variable if it is.
    fn first<T>(
        &mut self,
        setting: &'static str,
        (flag, text): (&'static str, Option<&str>),
        variable: &'static str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        text.and_then(|text| self.flag(setting, flag, text, &read))
            .or_else(|| self.variable(setting, variable, read))
    }

    fn flag<T>(
        &mut self,
        setting: &'static str,
        name: &'static str,
        text: &str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        self.note(setting, name, read(text)).map_err(|why| self.mistakes.push(why)).ok()
    }

    fn variable<T>(
        &mut self,
        setting: &'static str,
        name: &'static str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        let text = (self.env)(name)?;
        let note = self.note(setting, name, read(&text));
        note.map_err(|why| self.warnings.push(format!("{why}; it is ignored"))).ok()
    }

    /// A flag or variable that has no substitute.
    fn needed<T>(
        &mut self,
        stake: Stake,
        setting: &'static str,
        (flag, text): (&'static str, Option<&str>),
        variables: &[&'static str],
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        if let Some(text) = text {
            let read =
                self.note(setting, flag, read(text)).inspect_err(|why| self.mistakes.push(why.clone()));
            return self.at_stake(stake, read);
        }
        let (name, text) = variables.iter().find_map(|name| Some((*name, (self.env)(name)?)))?;
        let read = self.note(setting, name, read(&text));
        self.at_stake(stake, read)
    }

    /// The value of a setting that has no substitute; the first that cannot be read is remembered.
    fn at_stake<T>(&mut self, stake: Stake, read: Result<T, String>) -> Option<T> {
        let first = match stake {
            Stake::Where => &mut self.unknown,
            Stake::How => &mut self.held,
        };
        read.map_err(|why| first.get_or_insert(why)).ok()
    }

    /// Notes where a value comes from, or what is wrong with it, which is the error.
    fn note<T>(&mut self, setting: &'static str, source: &'static str, read: Result<T>) -> Result<T, String> {
        let read = read.map_err(|error| format!("could not use {source}: {error:#}"));
        self.origins.push(Origin { setting, source, wrong: read.as_ref().err().cloned() });
        read
    }

    fn switch(
        &mut self,
        setting: &'static str,
        (flag, given): (&'static str, bool),
        variable: &'static str,
    ) -> bool {
        if given {
            self.origins.push(Origin { setting, source: flag, wrong: None });
            return true;
        }
        self.variable(setting, variable, parse_switch).unwrap_or(false)
    }

    /// The directory named, or the usual one below the user's, or the service's, state.
    fn outbox(&mut self, unwanted: bool) -> Result<Store, String> {
        if unwanted {
            self.origins.push(Origin { setting: "outbox", source: "--no-outbox", wrong: None });
            return Err("--no-outbox".to_owned());
        }
        let most = self.variable("outbox_max", "VLOG_OUTBOX_MAX", parse_bytes).unwrap_or(DEFAULT_OUTBOX_MAX);
        let named = self.variable("outbox", "VLOG_OUTBOX", |text| Ok(PathBuf::from(text)));
        if named.as_deref() == Some(Path::new("off")) {
            return Err("VLOG_OUTBOX=off".to_owned());
        }
        let folder = named.or_else(|| Some(self.state_folder()?.join("vlog/outbox")));
        folder.map(|folder| Store { folder, max_bytes: most }).ok_or_else(|| {
            let why = "there is no home directory to keep records in; set HOME, or VLOG_OUTBOX";
            self.warnings.push(why.to_owned());
            why.to_owned()
        })
    }

    /// Where programs keep their state.
    fn state_folder(&self) -> Option<PathBuf> {
        // The XDG specification has relative paths ignored.
        let path = |name: &str| (self.env)(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let of_service = || (self.env)("STATE_DIRECTORY")?.split(':').next().map(PathBuf::from);
        let home = || path("HOME").filter(|home| is_usable(home)).or_else(|| home_of_user(&passwd()?));
        path("XDG_STATE_HOME")
            .filter(|path| is_usable(path))
            .or_else(of_service)
            .or_else(|| Some(home()?.join(".local/state")))
    }

    /// How records are sent.
    fn protocol(&mut self, flag: Option<&str>) -> Protocol {
        let flag = ("--protocol", flag);
        self.needed(Stake::Where, "protocol", flag, &["VLOG_PROTOCOL"], parse_protocol).unwrap_or_default()
    }

    /// Queries are LogsQL. Where records go to another kind of server, and no VictoriaLogs is named to ask, nobody is asked.
    fn only_victoria_logs(&mut self, args: &ServerArgs) {
        if args.url.is_some() || (self.env)("VLOG_QUERY_URL").is_some() {
            return;
        }
        let instead = match self.protocol(None) {
            Protocol::Jsonline => return,
            Protocol::Loki => "logcli asks Loki",
            Protocol::Ndjson | Protocol::Otlp => "ask where the collector stores them",
        };
        let why = format!(
            "could not query: records go out by VLOG_PROTOCOL, and vlog reads VictoriaLogs only; {instead}, VLOG_QUERY_URL names a VictoriaLogs"
        );
        self.unknown.get_or_insert(why);
    }

    /// Which server (the flag, the first of these variables that is set, or the default), how to get there, and as whom.
    fn route(
        &mut self,
        args: &ServerArgs,
        protocol: Protocol,
        variables: &[&'static str],
    ) -> (Route, Access) {
        let mut access = Access { insecure: args.insecure, ..Access::default() };
        let parse = |text: &str| {
            let is_off = text.trim().eq_ignore_ascii_case("off");
            if is_off { Ok(None) } else { Endpoint::parse_for(text, protocol).map(Some) }
        };
        let given = self.needed(Stake::Where, "url", ("--url", args.url.as_deref()), variables, parse);
        let Some(endpoint) = given.unwrap_or_else(|| Endpoint::parse(DEFAULT_URL).ok()) else {
            return (Route::Off, access);
        };
        self.tenant_and_headers(args, protocol, &mut access);
        self.credentials(&endpoint, &mut access);
        access.ca = self.needed(
            Stake::How,
            "ca_file",
            ("--ca-file", args.ca_file.as_deref()),
            &["VLOG_CA_FILE"],
            |path| {
                let pem = read_file(path).with_context(|| format!("could not read {path}"))?;
                ensure!(
                    pem.contains("-----BEGIN CERTIFICATE-----"),
                    "{path} holds no certificate in PEM form"
                );
                Ok(pem.into_bytes())
            },
        );
        if !endpoint.is_loopback() {
            self.proxy(&endpoint, &mut access);
        }
        let route = match (self.unknown.take(), self.held.take()) {
            (Some(why), _) => Route::Unknown(why),
            (None, Some(why)) => Route::Held(endpoint, why),
            (None, None) => Route::To(endpoint),
        };
        (route, access)
    }

    fn tenant_and_headers(&mut self, args: &ServerArgs, protocol: Protocol, access: &mut Access) {
        let flag = ("--tenant", args.tenant.as_deref());
        let read = |text: &str| parse_tenant(text, protocol);
        let tenant = self.needed(Stake::Where, "tenant", flag, &["VLOG_TENANT"], read);
        access.extend(tenant.into_iter().flatten());
        for text in &args.headers {
            let headers = self.needed(Stake::Where, "headers", ("--header", Some(text)), &[], parse_header);
            let is_own = |name: &str| OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
            let (own, headers): (Vec<_>, Vec<_>) =
                headers.into_iter().flatten().partition(|(name, _)| is_own(name));
            self.mistakes.extend(own.iter().map(|(name, _)| {
                format!("could not use --header: {name} is vlog's own: with another the server would drop records and say 200")
            }));
            access.extend(headers);
        }
    }

    /// A header, before a token, before a user, before what stands in the URL. The user is part of what tells
    /// destinations apart; a token or a password is not.
    fn credentials(&mut self, endpoint: &Endpoint, access: &mut Access) {
        if access.header("Authorization").is_some() {
            return;
        }
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let value = match self.secret(Stake::How, "token", ["VLOG_TOKEN", "VLOG_TOKEN_FILE"], check_token) {
            Given::Good(token) => Some(format!("Bearer {token}")),
            Given::Bad => None,
            Given::Nothing => {
                let user = self.secret(Stake::Where, "user", ["VLOG_USER", "VLOG_USER_FILE"], |_| Ok(()));
                let names = ["VLOG_PASSWORD", "VLOG_PASSWORD_FILE"];
                // Without a password that can be read nothing is sent, and it is known whose the records are.
                let password = match self.secret(Stake::How, "password", names, |_| Ok(())) {
                    Given::Good(password) => password,
                    Given::Bad | Given::Nothing => String::new(),
                };
                match user {
                    Given::Good(user) => Some(basic(&format!("{user}:{password}"))),
                    Given::Bad => None,
                    Given::Nothing => endpoint.userinfo().map(|userinfo| basic(userinfo.expose())),
                }
            }
        };
        access.extend(value.map(|value| ("Authorization".to_owned(), Secret::new(value))));
    }

    fn proxy(&mut self, endpoint: &Endpoint, access: &mut Access) {
        // By the scheme of the URL, lower case before upper.
        let names = if endpoint.is_https() {
            ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        } else {
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        access.proxy = names.iter().find_map(|name| self.variable("proxy", name, parse_proxy));
        let direct = (self.env)("no_proxy").or_else(|| (self.env)("NO_PROXY")).unwrap_or_default();
        access.no_proxy = parse_names(&direct);
    }

    /// A variable, or the file that the other one names, without its last newline.
    fn secret(
        &mut self,
        stake: Stake,
        setting: &'static str,
        [name, file]: [&'static str; 2],
        check: fn(&str) -> Result<()>,
    ) -> Given {
        let text = (self.env)(name).map(|text| (name, Ok(text)));
        let text = text.or_else(|| Some((file, read_file(&(self.env)(file)?))));
        let Some((source, text)) = text else { return Given::Nothing };
        let text = text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
        let read = self.note(setting, source, text.and_then(|text| check(&text).map(|()| text)));
        self.at_stake(stake, read).map_or(Given::Bad, Given::Good)
    }
}

/// What is at stake with a setting that has no substitute.
#[derive(Debug, Clone, Copy)]
enum Stake {
    /// Where records go, and whose they are: without it nobody can tell.
    Where,
    /// How they get there: they are kept for there.
    How,
}

/// A secret of the environment.
enum Given {
    Good(String),
    /// It cannot be read.
    Bad,
    Nothing,
}

/// Whether a directory may hold what belongs to this process: it, or what it will be made in, is the caller's own or
/// root's. Below the home that sudo(8) leaves set, root would make directories that their user cannot use.
fn is_usable(folder: &Path) -> bool {
    let owner = folder.ancestors().find_map(|folder| Some(fs::metadata(folder).ok()?.uid()));
    owner.is_some_and(|owner| owner == 0 || owner == nix::unistd::geteuid().as_raw())
}

fn passwd() -> Option<String> {
    fs::read_to_string("/etc/passwd").ok()
}

/// The home directory that passwd(5) names for the caller.
fn home_of_user(passwd: &str) -> Option<PathBuf> {
    let user = nix::unistd::geteuid().to_string();
    let homes = passwd.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        fields.get(2).filter(|id| **id == user).and(fields.get(5).copied())
    });
    homes.map(PathBuf::from).find(|home| home.is_absolute() && is_usable(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &DeliveryArgs, variables: &[(&str, &str)]) -> Config {
        let env = |name: &str| {
            let found = variables.iter().chain(&[("HOME", "/home/me")]).find(|(known, _)| *known == name);
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
        assert_eq!(goes_to(&config(&DeliveryArgs::default(), &[])), DEFAULT_URL);
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
    fn a_home_is_looked_up_by_the_user() {
        let me = nix::unistd::geteuid();
        let passwd = format!("nobody:x:4000000000:1::/nonexistent:/bin/false\nme:x:{me}:0:me:/usr:/bin/sh\n");
        assert_eq!(home_of_user(&passwd), Some(PathBuf::from("/usr")));
        assert_eq!(home_of_user("nobody:x:4000000000:1::/usr:/bin/false\n"), None);
        assert_eq!(home_of_user(""), None);
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
