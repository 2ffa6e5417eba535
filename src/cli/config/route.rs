//! Where records go, how they get there, and as whom: URL, tenant, headers, credentials, certificates, proxy.
//!
//! Invariant: credentials, tenant and certificates of a settings file go to no other server than that file's.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Route;
use super::sources::{SettingText, Sources, Stake, Unreadable};
use crate::cli::args::ServerArgs;
use crate::cli::values::{
    check_token, parse_header, parse_names, parse_protocol, parse_proxy, parse_tenant, read_file,
};
use crate::record::protocol::Protocol;
use crate::server::access::{Access, Secret};
use crate::server::endpoint::Endpoint;

/// Where a single-node VictoriaLogs listens unless told otherwise.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:9428";

/// Headers that describe the body.
const OWN_HEADERS: [&str; 5] =
    ["Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect"];

/// Which server (the flag, the first of these variables that is set, or the default), how to get there, and as whom.
pub(super) fn find(
    sources: &mut Sources,
    args: &ServerArgs,
    protocol: Protocol,
    variables: &[&'static str],
) -> (Route, Access) {
    let mut access = Access { insecure: args.insecure, ..Access::default() };
    let parse = |text: &str| {
        let is_off = text.trim().eq_ignore_ascii_case("off");
        if is_off { Ok(None) } else { Endpoint::parse_for(text, protocol).map(Some) }
    };
    let text = sources.flag_or("--url", args.url.as_deref(), variables);
    let distance = text.as_ref().map(|value| value.distance);
    let url = text.and_then(|text| sources.needed(Stake::Where, "url", &text, parse).ok());
    let Some(endpoint) = url.unwrap_or_else(|| Endpoint::parse(DEFAULT_URL).ok()) else {
        return (Route::Off, access);
    };
    sources.keep_secrets_from(&endpoint);
    tenant_and_headers(sources, args, protocol, &mut access);
    credentials(sources, &endpoint, distance, &mut access);
    access.ca = certificates(sources, args);
    if !endpoint.is_loopback() {
        proxy(sources, &endpoint, &mut access);
    }
    let route = match (sources.unknown.take(), sources.held.take()) {
        (Some(why), _) => Route::Unknown(why),
        (None, Some(why)) => Route::Held(endpoint, why),
        (None, None) => Route::To(endpoint),
    };
    (route, access)
}

/// How records are sent.
pub(super) fn protocol(sources: &mut Sources, flag: Option<&str>) -> Protocol {
    let text = sources.flag_or("--protocol", flag, &["VLOG_PROTOCOL"]);
    let read = text.and_then(|text| sources.needed(Stake::Where, "protocol", &text, parse_protocol).ok());
    read.unwrap_or_default()
}

/// Queries are LogsQL. Where records go to another kind of server, and no VictoriaLogs is named to ask, nobody is asked.
pub(super) fn only_victoria_logs(sources: &mut Sources, args: &ServerArgs) {
    if sources.flag_or("--url", args.url.as_deref(), &["VLOG_QUERY_URL"]).is_some() {
        return;
    }
    let instead = match protocol(sources, None) {
        Protocol::Jsonline => return,
        Protocol::Loki => "logcli asks Loki",
        Protocol::Ndjson | Protocol::Otlp => "ask where the collector stores them",
    };
    let why = format!(
        "could not query: records go out by VLOG_PROTOCOL, and vlog reads VictoriaLogs only; {instead}, VLOG_QUERY_URL names a VictoriaLogs"
    );
    sources.unknown.get_or_insert(why);
}

fn tenant_and_headers(sources: &mut Sources, args: &ServerArgs, protocol: Protocol, access: &mut Access) {
    let tenant = match args.tenant.as_deref() {
        Some(text) => Some(SettingText::of_flag("--tenant", text)),
        None => sources.find_private("tenant", &["VLOG_TENANT"]),
    };
    let read = |text: &str| parse_tenant(text, protocol);
    let tenant = tenant.and_then(|text| sources.needed(Stake::Where, "tenant", &text, read).ok());
    access.extend(tenant.into_iter().flatten());
    for text in &args.headers {
        let text = SettingText::of_flag("--header", text);
        let headers = sources.needed(Stake::Where, "headers", &text, parse_header);
        let is_own = |name: &str| OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
        let (own, headers): (Vec<_>, Vec<_>) =
            headers.into_iter().flatten().partition(|(name, _)| is_own(name));
        sources.mistakes.extend(own.iter().map(|(name, _)| {
            format!("could not use --header: {name} is vlog's own: with another the server would drop records and say 200")
        }));
        access.extend(headers);
    }
}

/// A header goes over all else. Then the source counts that is nearest to the command line; in one, a token goes over a
/// user, and that over what stands in the URL, `url` steps away. The user is part of what tells destinations apart; a token
/// or a password is not.
fn credentials(sources: &mut Sources, endpoint: &Endpoint, url: Option<usize>, access: &mut Access) {
    if access.header("Authorization").is_some() {
        return;
    }
    let token = sources.find_private("token", &["VLOG_TOKEN", "VLOG_TOKEN_FILE"]);
    let user = sources.find_private("user", &["VLOG_USER", "VLOG_USER_FILE"]);
    let of_url = endpoint.userinfo().zip(url);
    let distance = |value: &Option<SettingText>| value.as_ref().map(|value| value.distance);
    let (to_token, to_user) = (distance(&token), distance(&user));
    let nearest = [to_token, to_user, of_url.map(|(_, distance)| distance)].into_iter().flatten().min();
    let value = if let Some(token) = token.filter(|_| to_token == nearest) {
        secret(sources, Stake::How, "token", &token).ok().map(|token| format!("Bearer {token}"))
    } else {
        let password = password(sources, nearest);
        match user.filter(|_| to_user == nearest) {
            Some(user) => {
                let user = secret(sources, Stake::Where, "user", &user).ok();
                user.map(|user| basic(&format!("{user}:{password}")))
            }
            None => of_url.map(|(userinfo, _)| basic(userinfo.expose())),
        }
    };
    access.extend(value.map(|value| ("Authorization".to_owned(), Secret::new(value))));
}

/// The password beside the user, who is `nearest`. One that stands further from the command line is another user's. Without one
/// that can be read nothing is sent, and it is known whose the records are.
fn password(sources: &mut Sources, nearest: Option<usize>) -> String {
    let password = sources.find_private("password", &["VLOG_PASSWORD", "VLOG_PASSWORD_FILE"]);
    let password = password.filter(|password| nearest.is_none_or(|nearest| password.distance <= nearest));
    password.and_then(|password| secret(sources, Stake::How, "password", &password).ok()).unwrap_or_default()
}

fn basic(text: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(text))
}

/// The text, or that of the file it names, without its last newline.
fn secret(
    sources: &mut Sources,
    stake: Stake,
    setting: &'static str,
    value: &SettingText,
) -> Result<String, Unreadable> {
    sources.needed(stake, setting, value, |text| {
        let text = if value.name.ends_with("_FILE") { read_file(text)? } else { text.to_owned() };
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        if setting == "token" {
            check_token(&text)?;
        }
        Ok(text)
    })
}

fn certificates(sources: &mut Sources, args: &ServerArgs) -> Option<Vec<u8>> {
    let path = match args.ca_file.as_deref() {
        Some(path) => Some(SettingText::of_flag("--ca-file", path)),
        None => sources.find_private("ca_file", &["VLOG_CA_FILE"]),
    };
    let read = |path: &str| {
        let pem = read_file(path).with_context(|| format!("could not read {path}"))?;
        ensure!(pem.contains("-----BEGIN CERTIFICATE-----"), "{path} holds no certificate in PEM form");
        Ok(pem.into_bytes())
    };
    sources.needed(Stake::How, "ca_file", &path?, read).ok()
}

/// By the scheme of the URL, lower case before upper. curl leaves `HTTP_PROXY` alone, because a web server would make it
/// of a request's header `Proxy`; vlog is no CGI program.
fn proxy(sources: &mut Sources, endpoint: &Endpoint, access: &mut Access) {
    let names = if endpoint.is_https() {
        ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else {
        ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    access.proxy = names.iter().find_map(|name| sources.variable("proxy", name, parse_proxy));
    let direct = (sources.env)("no_proxy").or_else(|| (sources.env)("NO_PROXY")).unwrap_or_default();
    access.no_proxy = parse_names(&direct);
}
