//! A server's address, and whether that is this machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use percent_encoding::percent_decode_str;
use ureq::http::Uri;

use super::access::Secret;
use super::protocol::api;
use crate::record::protocol::Protocol;

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
    /// Reads the URL of a VictoriaLogs, with or without scheme. The paths of its API are taken off the end, since that is
    /// how a URL is often copied.
    ///
    /// # Errors
    /// No host, another scheme than http and https, a query.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_for(text, Protocol::Jsonline)
    }

    /// The same for a server of this protocol.
    ///
    /// # Errors
    /// As [`Endpoint::parse`].
    pub fn parse_for(text: &str, protocol: Protocol) -> Result<Self> {
        let text = text.trim();
        ensure!(!text.is_empty(), "it is empty");
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        ensure!(matches!(scheme.as_str(), "http" | "https"), "the scheme must be http or https");
        ensure!(cfg!(feature = "tls") || scheme == "http", "this vlog was built without TLS");
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // `http//logs.example` has no host called http.
        ensure!(text.contains("://") || !path.starts_with("//"), "a : is missing before its //");
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        ensure!(!path.contains('@'), "a / in user or password must be written as %2F");
        let path = path.trim_end_matches('/');
        let own = api(protocol).own_paths();
        let path = own.iter().find_map(|own| path.strip_suffix(own)).unwrap_or(path).trim_end_matches('/');
        let base = format!("{scheme}://{host}{path}");
        let uri: Uri = base.parse().context("it is no URL")?;
        let name = uri.host().unwrap_or_default();
        ensure!(!name.is_empty(), "it has no host");
        let port = uri.port().map_or(80, |port| port.as_u16());
        ensure!(port != 0 && (uri.port().is_some() || host == name), "its port is not one from 1 to 65535");
        ensure!(uri.query().is_none() && !text.contains('#'), "it must end with the path");
        let loopback = is_this_machine(name);
        let userinfo =
            userinfo.map(|text| Secret::new(percent_decode_str(text).decode_utf8_lossy().into_owned()));
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

    /// Whether it is reached through TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the other one has the same scheme, host and port, whatever the paths.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.authority().eq_ignore_ascii_case(other.authority()) && self.https == other.https
    }

    /// Host and port; without the port if that is the scheme's own.
    fn authority(&self) -> &str {
        let rest = self.base.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        authority.strip_suffix(if self.https { ":443" } else { ":80" }).unwrap_or(authority)
    }

    /// `user:password` that stood in the URL.
    #[must_use]
    pub fn userinfo(&self) -> Option<&Secret> {
        self.userinfo.as_ref()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// Whether the host of a URL means this machine, however it is written: `localhost`, `127.0.0.1`, `127.1`,
/// `0.0.0.0`, `::1`, `::ffff:127.0.0.1`.
fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    // RFC 6761: names below localhost are this machine too.
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let is_own = |ip: Ipv4Addr| ip.is_loopback() || ip.is_unspecified();
    match host.parse() {
        Ok(IpAddr::V4(ip)) => is_own(ip),
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(is_own)
        }
        Err(_) => short_ipv4(&host).is_some_and(is_own),
    }
}

/// Reads an address as `inet_aton(3)` does: one to four numbers, the last of which fills what is left, each decimal,
/// octal or hexadecimal.
fn short_ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        None => part.parse().ok(),
    };
    let numbers = text.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let (last, bytes) = numbers.split_last()?;
    let places = 4_u32.checked_sub(u32::try_from(bytes.len()).ok()?).filter(|places| *places > 0)?;
    let fits = u64::from(*last) < 1 << (8 * places) && bytes.iter().all(|byte| *byte < 256);
    let high = bytes.iter().fold(0_u64, |high, byte| high << 8 | u64::from(*byte)) << (8 * places);
    fits.then(|| u32::try_from(high | u64::from(*last)).ok().map(Ipv4Addr::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

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
        endpoint("http://logs.example//insert/jsonline", "http://logs.example");
        endpoint("http://[::1]:9428", "http://[::1]:9428");
        endpoint("http://user:p%40ss@logs.example:1/x", "http://logs.example:1/x");
    }

    #[test]
    fn the_path_that_records_are_pushed_to_may_be_part_of_the_url() {
        for (protocol, text, base) in [
            (Protocol::Loki, "http://x/loki/api/v1/push", "http://x"),
            (Protocol::Loki, "http://x/insert/loki/api/v1/push/", "http://x/insert"),
            (Protocol::Otlp, "http://x/otlp/v1/logs", "http://x/otlp"),
            (Protocol::Ndjson, "http://x/v1/logs", "http://x/v1/logs"),
            (Protocol::Jsonline, "http://x/v1/logs", "http://x/v1/logs"),
        ] {
            assert_eq!(Endpoint::parse_for(text, protocol).unwrap().to_string(), base);
        }
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
            "http//127.0.0.1:9",
            "HTTPS//x",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_by_name_and_address_in_every_form() {
        let is = |text: &str| Endpoint::parse(text).unwrap().loopback;
        for text in [
            "localhost",
            "LOCALHOST.:1",
            "http://vl.localhost",
            "http://127.0.0.1:1",
            "127.9.9.9",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.01",
            "0.0.0.0:9428",
            "0",
            "http://[::1]:1",
            "http://[::]",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(is(text), "{text}");
        }
        for text in [
            "http://192.0.2.1",
            "localhost.example",
            "http://[::2]",
            "http://[::ffff:192.0.2.1]",
            "192.1",
            "1.2.3.4.127",
            "127.256.1",
            "127.1.example",
            "0x7g.1",
        ] {
            assert!(!is(text), "{text}");
        }
    }
}
