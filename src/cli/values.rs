//! What the texts of settings mean: durations, sizes, levels, switches, fields, tenants, headers, files.
//!
//! Errors never repeat a text that may be a secret.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use jiff::SignedDuration;
use ureq::{Proxy, ProxyProtocol};

use crate::record::item::{self, Item, Word};
use crate::record::level::Level;
use crate::record::protocol::Protocol;
use crate::server::access::Secret;
use crate::server::protocol::ORG_ID;
use crate::sys::cause::cause;

/// Longer is a typo; this also keeps `Instant` in range.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that a file with a secret, headers or certificates may have.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The longest name of a tenant that Loki takes.
const MAX_ORG_ID_BYTES: usize = 150;

/// `2s`, `500ms`, `1m30s`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration> {
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
pub fn parse_bytes(text: &str) -> Result<u64> {
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
/// It is no level.
pub fn parse_level(text: &str) -> Result<Level> {
    Level::parse(text)
        .with_context(|| format!("'{text}' is no level; take trace, debug, info, warn, error or fatal"))
}

pub fn parse_switch(text: &str) -> Result<bool> {
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
pub fn parse_items(text: &str) -> Result<Vec<Item>> {
    let read = |word| match item::parse(word) {
        Word::Item(item) => Ok(item),
        Word::BadJson(_, why) => bail!("{why}"),
        Word::Text => bail!("'{word}' is not KEY=VALUE"),
    };
    text.split_whitespace().map(read).collect()
}

/// The protocol of that name.
///
/// # Errors
/// There is none.
pub fn parse_protocol(text: &str) -> Result<Protocol> {
    let names = || Protocol::ALL.map(Protocol::name).join(", ");
    Protocol::parse(text).with_context(|| format!("'{text}' is no protocol; take one of {}", names()))
}

/// The headers that name a tenant: `ACCOUNT` or `ACCOUNT:PROJECT`, both unsigned 32-bit numbers, or text where the protocol
/// has text.
///
/// # Errors
/// It is neither, or the protocol has no tenants.
pub fn parse_tenant(text: &str, protocol: Protocol) -> Result<Vec<(String, Secret)>> {
    let text = text.trim();
    ensure!(!text.is_empty(), "it is empty");
    let header = |name: &str, value: String| (name.to_owned(), Secret::new(value));
    match protocol {
        Protocol::Jsonline => {
            let (account, project) = text.split_once(':').unwrap_or((text, "0"));
            let number = |text| parse_tenant_number(text).map(|number| number.to_string());
            Ok(vec![header("AccountID", number(account)?), header("ProjectID", number(project)?)])
        }
        Protocol::Loki | Protocol::Otlp => {
            check_org_id(text)?;
            Ok(vec![header(ORG_ID, text.to_owned())])
        }
        Protocol::Ndjson => bail!("ndjson has no tenants; give what the server wants with --header"),
    }
}

/// Whether Loki takes the text for a tenant. VictoriaLogs takes `ACCOUNT:PROJECT` in its place.
/// <https://grafana.com/docs/loki/latest/operations/multi-tenancy/>
fn check_org_id(text: &str) -> Result<()> {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "!-_.*'()".contains(char);
    let is_numbers = text
        .split_once(':')
        .is_some_and(|(a, b)| [a, b].iter().all(|part| parse_tenant_number(part).is_ok()));
    ensure!(
        is_numbers || text.chars().all(is_allowed),
        "'{text}' is no tenant: letters, digits and !-_.*'() may be in one"
    );
    ensure!(text != "." && text != "..", "'{text}' is no tenant");
    ensure!(text.len() <= MAX_ORG_ID_BYTES, "a tenant has {MAX_ORG_ID_BYTES} characters at most");
    Ok(())
}

pub fn parse_tenant_number(text: &str) -> Result<u32> {
    text.trim().parse().ok().with_context(|| format!("'{text}' is no tenant number"))
}

/// A proxy that speaks HTTP. The URL may hold a password, so it is not repeated.
pub fn parse_proxy(url: &str) -> Result<Secret> {
    let proxy = Proxy::new(url).ok().context("it is no URL such as http://HOST:PORT")?;
    ensure!(
        matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https),
        "vlog knows HTTP proxies only"
    );
    Ok(Secret::new(url.to_owned()))
}

/// The text of a regular file. A pipe could make us wait for ever. The error does not name the file: what was given for
/// its path may be the secret that it should hold.
pub fn read_file(path: &str) -> Result<String> {
    let why = |error: io::Error| anyhow!(cause(&error));
    ensure!(std::fs::metadata(path).map_err(why)?.is_file(), "it is no regular file");
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)).map_err(why)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a header can hold the token, which is not repeated.
pub fn check_token(token: &str) -> Result<()> {
    ensure!(token.chars().all(|char| char.is_ascii_graphic()), "it has characters that no header holds");
    ensure!(token.len() <= 4096, "it is longer than 4 KiB");
    Ok(())
}

/// `Name: value`, or `@FILE` with one of them on each line.
pub fn parse_header(text: &str) -> Result<Vec<(String, Secret)>> {
    let file = text.strip_prefix('@').map(read_file).transpose()?;
    // What stands on the command line is one header, whatever it holds.
    let lines = file.as_deref().map_or_else(|| vec![text], |file| file.lines().collect());
    let read = |line: &str| {
        // The text may be a secret, so it is not repeated.
        let (name, value) = line.split_once(':').context("it is not of the form 'Name: value'")?;
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        ensure!(!name.is_empty() && name.bytes().all(token), "its name is not one of a header");
        ensure!(!value.contains(char::is_control), "its value has control characters");
        if ["AccountID", "ProjectID"].iter().any(|tenant| tenant.eq_ignore_ascii_case(name)) {
            return Ok((name.to_owned(), Secret::new(parse_tenant_number(value)?.to_string())));
        }
        Ok((name.to_owned(), Secret::new(value.to_owned())))
    };
    lines.into_iter().filter(|line| file.is_none() || !line.trim().is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_tenant_is_what_the_protocol_allows() {
        let read = |text, protocol| {
            let headers = parse_tenant(text, protocol).ok()?;
            Some(
                headers
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.expose()))
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        let numbers = Some("AccountID=5 ProjectID=6".to_owned());
        assert_eq!(read("5:6", Protocol::Jsonline), numbers);
        assert_eq!(read("team-a", Protocol::Jsonline), None);
        let long = "x".repeat(151);
        for good in ["team-a", "12:3", "(x)'*!_.", &long[1..]] {
            assert_eq!(read(good, Protocol::Loki), Some(format!("X-Scope-OrgID={good}")));
            assert_eq!(read(good, Protocol::Otlp), Some(format!("X-Scope-OrgID={good}")));
        }
        for bad in ["", "..", "a|b", "a b", "a/b", "é", "a:b", &long] {
            assert_eq!(read(bad, Protocol::Loki), None, "{bad}");
        }
        assert_eq!(read("5", Protocol::Ndjson), None);
    }

    #[test]
    fn headers_are_checked_and_never_repeated_in_errors() {
        assert_eq!(parse_header("X-Key:  v ").unwrap()[0], ("X-Key".to_owned(), Secret::new("v".to_owned())));
        for text in [
            "s3cret",
            ": s3cret",
            "na me: s3cret",
            "X: s3cret\u{1}",
            "X: a\nY: s3cret",
            "@/s3cret/file",
            "@s3cret",
        ] {
            let error = format!("{:#}", parse_header(text).unwrap_err());
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
