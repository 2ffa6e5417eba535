//! What the user wants: flag over environment over default.
//!
//! The environment is an argument. An empty variable is unset; a bad one is ignored and noted in `warnings`. A
//! bad flag is noted in `mistakes`, and the next source takes its place: nothing here can stop the job.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

use crate::cli::{DeliveryArgs, QueryArgs, ServerArgs};
use crate::item::{self, Item, Word};
use crate::level::Level;
use crate::outbox::Outbox;
use crate::record::safe_name;

/// Looks up a variable of the environment; never gives an empty text.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

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

/// Longer waits are a slip of the pen; instants reach further.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that a file with a secret, headers or certificates may have.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Everything that the verbs need to know.
#[derive(Debug)]
pub struct Config {
    /// Where to; `None` if delivery is off.
    pub endpoint: Option<Endpoint>,
    /// How to get there and as whom.
    pub access: Access,
    /// For one delivery in all; for a query, between two bytes.
    pub timeout: Duration,
    /// Which fields make up the stream.
    pub stream_fields: Vec<String>,
    /// The default service.
    pub service: String,
    /// Where undelivered records are kept; `None` if they are not.
    pub outbox: Option<Outbox>,
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
}

/// How a server is reached: credentials, headers, certificates, proxy.
#[derive(Debug, Default, Clone)]
pub struct Access {
    /// Headers of every request, credentials and tenant among them.
    pub headers: Vec<(String, Secret)>,
    /// Trust these certificates only: PEM text.
    pub ca: Option<Vec<u8>>,
    /// Trust every certificate.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is none to trust"))]
    pub insecure: bool,
    /// A proxy's URL.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it, as in `NO_PROXY`.
    pub no_proxy: Vec<String>,
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// A server's base URL: scheme, host, port and path prefix, without credentials and without a last slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: String,
    loopback: bool,
    https: bool,
    /// `user:password` that stood in the URL.
    userinfo: Option<Secret>,
}

impl Endpoint {
    /// Reads a URL with or without scheme. The paths of the server's own API are taken off its end, since that
    /// is how it is often copied.
    ///
    /// # Errors
    /// No host, another scheme than http and https, a query.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        ensure!(matches!(scheme.as_str(), "http" | "https"), "the scheme must be http or https");
        ensure!(cfg!(feature = "tls") || scheme == "http", "this vlog was built without TLS");
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        ensure!(!path.contains('@'), "a / in user or password must be written as %2F");
        let path = path.trim_end_matches('/');
        let path = ["/insert/jsonline", "/select/logsql/query"]
            .iter()
            .find_map(|api| path.strip_suffix(api))
            .unwrap_or(path)
            .trim_end_matches('/');
        let base = format!("{scheme}://{host}{path}");
        let uri: Uri = base.parse().context("it is no URL")?;
        let name = uri.host().unwrap_or_default();
        ensure!(!name.is_empty(), "it has no host");
        let port = uri.port().map_or(80, |port| port.as_u16());
        ensure!(port != 0 && (uri.port().is_some() || host == name), "its port is not one from 1 to 65535");
        ensure!(uri.query().is_none() && !text.contains('#'), "it must end with the path");
        let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        let loopback = name.eq_ignore_ascii_case("localhost") || literal.is_ok_and(|ip| ip.is_loopback());
        let userinfo = userinfo.map(|text| Secret(percent_decode_str(text).decode_utf8_lossy().into_owned()));
        Ok(Self { loopback, https: scheme == "https", base, userinfo })
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Endpoint {
    /// Whether the host is this machine, by name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl Config {
    /// For the verbs that deliver records.
    #[must_use]
    pub fn for_delivery(args: &DeliveryArgs, env: Env) -> Self {
        let mut config = Self::for_server(&args.server, env, &["VLOG_URL"]);
        let mut sources = Sources { env, mistakes: Vec::new(), warnings: Vec::new() };
        config.timeout = sources
            .first("--timeout", args.timeout.as_deref(), "VLOG_TIMEOUT", parse_duration)
            .unwrap_or(DEFAULT_TIMEOUT);
        config.stream_fields = sources
            .first("--stream-fields", args.stream_fields.as_deref(), "VLOG_STREAM_FIELDS", |text| {
                // Under the names that the records have them.
                Ok(parse_names(text).iter().map(|name| safe_name(name).into_owned()).collect())
            })
            .unwrap_or_else(|| vec!["service".to_owned()]);
        config.service = env("VLOG_SERVICE").unwrap_or_else(|| "vlog".to_owned());
        config.min_level = sources.variable("VLOG_MIN_LEVEL", parse_level);
        config.fields = sources.variable("VLOG_FIELDS", parse_items).unwrap_or_default();
        config.outbox = sources.outbox(args.no_outbox);
        config.mistakes.append(&mut sources.mistakes);
        config.warnings.append(&mut sources.warnings);
        config
    }

    /// For `query`: a cluster answers at another address than it takes records.
    #[must_use]
    pub fn for_query(args: &QueryArgs, env: Env) -> Self {
        let mut config = Self::for_server(&args.server, env, &["VLOG_QUERY_URL", "VLOG_URL"]);
        // VLOG_TIMEOUT is about deliveries: a query may think for longer.
        let mut sources = Sources { env, mistakes: Vec::new(), warnings: Vec::new() };
        let timeout =
            args.timeout.as_deref().and_then(|text| sources.flag("--timeout", text, parse_duration));
        config.timeout = timeout.unwrap_or(QUERY_TIMEOUT);
        config.mistakes.append(&mut sources.mistakes);
        config
    }

    fn for_server(args: &ServerArgs, env: Env, url_variables: &[&str]) -> Self {
        let mut sources = Sources { env, mistakes: Vec::new(), warnings: Vec::new() };
        let parse_url = |text: &str| match text {
            "off" => Ok(None),
            url => Endpoint::parse(url).map(Some),
        };
        let given = args.url.as_deref().and_then(|text| sources.flag("--url", text, parse_url));
        let endpoint = given
            .or_else(|| url_variables.iter().find_map(|name| sources.variable(name, parse_url)))
            .unwrap_or_else(|| Endpoint::parse(DEFAULT_URL).ok());
        let access = endpoint.as_ref().map(|endpoint| sources.access(args, endpoint)).unwrap_or_default();
        Self {
            access,
            endpoint,
            timeout: DEFAULT_TIMEOUT,
            stream_fields: Vec::new(),
            service: String::new(),
            outbox: None,
            min_level: None,
            fields: Vec::new(),
            dry_run: false,
            fail: args.fail || sources.variable("VLOG_FAIL", parse_switch).unwrap_or(false),
            verbose: args.verbose || sources.variable("VLOG_VERBOSE", parse_switch).unwrap_or(false),
            mistakes: sources.mistakes,
            warnings: sources.warnings,
        }
    }
}

/// Whether the environment asks for status 1 on failure; for when the flags cannot be read.
#[must_use]
pub fn fail_by_environment(env: Env) -> bool {
    env("VLOG_FAIL").is_some_and(|text| parse_switch(&text).unwrap_or(false))
}

/// Reads settings and collects what was wrong with them.
struct Sources<'a> {
    env: Env<'a>,
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

impl Sources<'_> {
    /// The flag if it is there and good, else the variable if it is.
    fn first<T>(
        &mut self,
        flag: &str,
        text: Option<&str>,
        variable: &str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        text.and_then(|text| self.flag(flag, text, &read)).or_else(|| self.variable(variable, read))
    }

    fn flag<T>(&mut self, name: &str, text: &str, read: impl Fn(&str) -> Result<T>) -> Option<T> {
        read(text).map_err(|error| self.mistakes.push(format!("could not use {name}: {error:#}"))).ok()
    }

    fn variable<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T>) -> Option<T> {
        let text = (self.env)(name)?;
        read(&text)
            .map_err(|error| self.warnings.push(format!("could not use {name}: {error:#}; it is ignored")))
            .ok()
    }

    /// The directory named, or the usual one below the user's, or the service's, state.
    fn outbox(&mut self, unwanted: bool) -> Option<Outbox> {
        let named = (self.env)("VLOG_OUTBOX");
        if unwanted || named.as_deref() == Some("off") {
            return None;
        }
        // The XDG specification has relative paths ignored.
        let state = |name: &str| (self.env)(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let of_service = || (self.env)("STATE_DIRECTORY")?.split(':').next().map(PathBuf::from);
        let usual = || {
            state("XDG_STATE_HOME").or_else(of_service).or_else(|| Some(state("HOME")?.join(".local/state")))
        };
        let folder = named.map(PathBuf::from).or_else(|| Some(usual()?.join("vlog/outbox")));
        if folder.is_none() {
            self.warnings.push("there is no outbox, for HOME is not set; set it, or VLOG_OUTBOX".to_owned());
        }
        let most = self.variable("VLOG_OUTBOX_MAX", parse_bytes).unwrap_or(DEFAULT_OUTBOX_MAX);
        Some(Outbox::new(folder?, most))
    }

    fn access(&mut self, args: &ServerArgs, endpoint: &Endpoint) -> Access {
        let mut access = Access { insecure: args.insecure, ..Access::default() };
        if let Some(headers) = self.first("--tenant", args.tenant.as_deref(), "VLOG_TENANT", parse_tenant) {
            access.headers.extend(headers);
        }
        for text in &args.headers {
            match parse_header(text) {
                Ok(headers) => access.headers.extend(headers),
                Err(error) => self.mistakes.push(format!("could not use --header: {error:#}")),
            }
        }
        if !access.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Authorization")) {
            access.headers.extend(self.authorization(endpoint));
        }
        let read = |path: &str| {
            let pem = read_file(path)?;
            ensure!(pem.contains("-----BEGIN CERTIFICATE-----"), "{path} holds no certificate in PEM form");
            Ok(pem.into_bytes())
        };
        access.ca = self.first("--ca-file", args.ca_file.as_deref(), "VLOG_CA_FILE", read);
        if !endpoint.loopback {
            // curl's rule: by the scheme of the URL, lower case before upper.
            let names = if endpoint.https {
                ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
            } else {
                ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
            };
            access.proxy = names.iter().find_map(|name| self.variable(name, parse_proxy));
            let direct = (self.env)("no_proxy").or_else(|| (self.env)("NO_PROXY")).unwrap_or_default();
            access.no_proxy = parse_names(&direct);
        }
        access
    }

    /// A token before a user before what stands in the URL.
    fn authorization(&mut self, endpoint: &Endpoint) -> Option<(String, Secret)> {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        let value = if let Some(token) = self.token() {
            format!("Bearer {token}")
        } else if let Some(user) = self.secret("VLOG_USER") {
            basic(&format!("{user}:{}", self.secret("VLOG_PASSWORD").unwrap_or_default()))
        } else {
            basic(&endpoint.userinfo.as_ref()?.0)
        };
        Some(("Authorization".to_owned(), Secret(value)))
    }

    fn token(&mut self) -> Option<String> {
        let token = self.secret("VLOG_TOKEN")?;
        check_token(&token)
            .map_err(|error| self.warnings.push(format!("could not use VLOG_TOKEN: {error}; it is ignored")))
            .ok()?;
        Some(token)
    }

    /// A variable, or the file named by the variable with `_FILE` added, without its last newline.
    fn secret(&mut self, name: &str) -> Option<String> {
        (self.env)(name).or_else(|| {
            self.variable(&format!("{name}_FILE"), |path| {
                Ok(read_file(path)?.trim_end_matches(['\r', '\n']).to_owned())
            })
        })
    }
}

/// `2s`, `500ms`, `1m30s`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<Duration> {
    let text = text.trim();
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok()),
    };
    let duration = duration.with_context(|| format!("'{text}' is no duration such as 2s, 500ms or 1m30s"))?;
    ensure!(!duration.is_zero(), "it must be more than 0");
    ensure!(duration <= LONGEST_TIMEOUT, "it must be a day at most");
    Ok(duration)
}

/// `16MiB`, `500K`, `1G`, or bytes.
fn parse_bytes(text: &str) -> Result<u64> {
    let text = text.trim();
    let digits = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => bail!("'{text}' is no size such as 16MiB"),
    };
    let number: u64 = number.parse().with_context(|| format!("'{text}' is no size such as 16MiB"))?;
    Ok(number.saturating_mul(1 << shift))
}

/// Reads a level in any spelling.
///
/// # Errors
/// Another word.
pub fn parse_level(text: &str) -> Result<Level> {
    Level::parse(text)
        .with_context(|| format!("'{text}' is no level; take trace, debug, info, warn, error or fatal"))
}

fn parse_switch(text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => bail!("'{text}' is neither 1 nor 0"),
    }
}

/// Names between commas. The server does not trim them, so they are trimmed here.
#[must_use]
pub fn parse_names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Items between white space.
fn parse_items(text: &str) -> Result<Vec<Item>> {
    let read = |word| match item::parse(word) {
        Word::Item(item) => Ok(item),
        Word::BadJson(_, why) => bail!("{why}"),
        Word::Text => bail!("'{word}' is not KEY=VALUE"),
    };
    text.split_whitespace().map(read).collect()
}

/// `ACCOUNT` or `ACCOUNT:PROJECT`, both unsigned 32-bit numbers.
fn parse_tenant(text: &str) -> Result<[(String, Secret); 2]> {
    let (account, project) = text.split_once(':').unwrap_or((text, "0"));
    let number =
        |text: &str| text.trim().parse::<u32>().with_context(|| format!("'{text}' is no tenant number"));
    let header = |name: &str, number: u32| (name.to_owned(), Secret(number.to_string()));
    Ok([header("AccountID", number(account)?), header("ProjectID", number(project)?)])
}

/// A proxy that speaks HTTP. The URL may hold a password, so it is not repeated.
fn parse_proxy(url: &str) -> Result<Secret> {
    let proxy = Proxy::new(url).ok().context("it is no URL such as http://HOST:PORT")?;
    ensure!(
        matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https),
        "vlog knows HTTP proxies only"
    );
    Ok(Secret(url.to_owned()))
}

/// The text of a regular file. A pipe could make us wait for ever.
fn read_file(path: &str) -> Result<String> {
    let context = || format!("could not read {path}");
    ensure!(
        std::fs::metadata(path).with_context(context)?.is_file(),
        "could not read {path}: it is no regular file"
    );
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .with_context(context)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a header can hold the token, which is not repeated.
fn check_token(token: &str) -> Result<()> {
    ensure!(token.chars().all(|char| char.is_ascii_graphic()), "it has characters that no header holds");
    ensure!(token.len() <= 4096, "it is longer than 4 KiB");
    Ok(())
}

/// `Name: value`, or `@FILE` with one of them on each line.
fn parse_header(text: &str) -> Result<Vec<(String, Secret)>> {
    let lines = match text.strip_prefix('@') {
        Some(path) => read_file(path)?,
        None => text.to_owned(),
    };
    let read = |line: &str| {
        // The text may be a secret, so it is not repeated.
        let (name, value) = line.split_once(':').context("it is not of the form 'Name: value'")?;
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        ensure!(!name.is_empty() && name.bytes().all(token), "its name is not one of a header");
        ensure!(!value.contains(char::is_control), "its value has control characters");
        let own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        ensure!(!own, "{name} is vlog's own: with another the server would drop records and say 200");
        Ok((name.to_owned(), Secret(value.to_owned())))
    };
    lines.lines().filter(|line| !line.trim().is_empty()).map(read).collect()
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
        config.access.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.0.as_str())
    }

    #[track_caller]
    fn endpoint(text: &str, base: &str) {
        assert_eq!(Endpoint::parse(text).unwrap().to_string(), base, "{text}");
    }

    #[test]
    fn urls_come_in_many_forms() {
        endpoint("http://127.0.0.1:9428", "http://127.0.0.1:9428");
        endpoint("127.0.0.1:9428", "http://127.0.0.1:9428");
        endpoint("logs.example", "http://logs.example");
        endpoint("HTTP://logs.example/", "http://logs.example");
        endpoint("http://logs.example/vl/x/", "http://logs.example/vl/x");
        endpoint("http://logs.example/vl/insert/jsonline", "http://logs.example/vl");
        endpoint("http://logs.example/select/logsql/query", "http://logs.example");
        endpoint("http://[::1]:9428", "http://[::1]:9428");
        endpoint("http://user:p%40ss@logs.example:1/x", "http://logs.example:1/x");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "http://",
            "ftp://x",
            "http://x:port",
            "http://x:0",
            "http://x/?a=b",
            "http://x/#a",
            "http://a b",
            "x y",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_by_name_and_address() {
        let is = |text| Endpoint::parse(text).unwrap().loopback;
        assert!(is("localhost") && is("http://127.0.0.1:1") && is("127.9.9.9") && is("http://[::1]:1"));
        assert!(!is("http://192.0.2.1") && !is("localhost.example") && !is("http://[::2]"));
    }

    #[test]
    fn a_flag_goes_over_the_environment_and_that_over_the_default() {
        assert_eq!(config(&DeliveryArgs::default(), &[]).endpoint.unwrap().to_string(), DEFAULT_URL);
        let variables = [("VLOG_URL", "http://env:1")];
        assert_eq!(
            config(&DeliveryArgs::default(), &variables).endpoint.unwrap().to_string(),
            "http://env:1"
        );
        assert_eq!(config(&url("http://flag:1"), &variables).endpoint.unwrap().to_string(), "http://flag:1");
        let bad = config(&url("ftp://flag"), &variables);
        assert_eq!(bad.endpoint.unwrap().to_string(), "http://env:1");
        assert_eq!(bad.mistakes, ["could not use --url: the scheme must be http or https"]);
    }

    #[test]
    fn off_turns_delivery_off() {
        assert_eq!(config(&DeliveryArgs::default(), &[("VLOG_URL", "off")]).endpoint, None);
        assert!(config(&url("http://x"), &[("VLOG_URL", "off")]).endpoint.is_some());
    }

    #[test]
    fn a_bad_variable_is_noted_and_ignored() {
        for (name, text) in [
            ("VLOG_URL", "ftp://x"),
            ("VLOG_TIMEOUT", "soon"),
            ("VLOG_TENANT", "a:b"),
            ("VLOG_MIN_LEVEL", "loud"),
            ("VLOG_FIELDS", "nonsense"),
            ("VLOG_FAIL", "perhaps"),
            ("VLOG_VERBOSE", "perhaps"),
            ("VLOG_TOKEN_FILE", "/nonexistent/token"),
            ("VLOG_CA_FILE", "/nonexistent/ca"),
        ] {
            let config = config(&DeliveryArgs::default(), &[(name, text)]);
            let [warning] = config.warnings.as_slice() else { panic!("{name}: {:?}", config.warnings) };
            assert!(warning.starts_with(&format!("could not use {name}: ")), "{warning}");
            assert!(config.mistakes.is_empty());
        }
    }

    #[test]
    fn durations_are_read() {
        let read = |text| parse_duration(text).ok().map(|duration| duration.as_millis());
        for (text, milliseconds) in
            [("2s", 2000), ("500ms", 500), ("1m30s", 90_000), ("2", 2000), ("0.5", 500), (" 3s ", 3000)]
        {
            assert_eq!(read(text), Some(milliseconds), "{text}");
        }
        for text in ["", "0", "-1s", "-1", "soon", "0s", "inf", "nan", "1e400"] {
            assert_eq!(read(text), None, "{text}");
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
        assert_eq!(parse_tenant("7").unwrap()[1].1.0, "0");
        assert!(
            parse_tenant("4294967296").is_err()
                && parse_tenant("").is_err()
                && parse_tenant("1:2:3").is_err()
        );
    }

    #[test]
    fn headers_are_checked_and_never_repeated_in_errors() {
        assert_eq!(parse_header("X-Key:  v ").unwrap()[0], ("X-Key".to_owned(), Secret("v".to_owned())));
        for text in ["s3cret", ": s3cret", "na me: s3cret", "X: s3cret\u{1}", "@/nonexistent/file"] {
            let error = format!("{:#}", parse_header(text).unwrap_err());
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_chosen_by_scheme_and_never_for_loopback() {
        let variables =
            [("HTTP_PROXY", "http://plain:1"), ("HTTPS_PROXY", "http://tls:1"), ("NO_PROXY", "a, b")];
        let proxy = |text| config(&url(text), &variables).access.proxy.map(|url| url.0);
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
