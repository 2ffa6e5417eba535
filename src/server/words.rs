//! What went wrong with a request, in words for people: why a server could not be reached, and what it said.
//!
//! What a server says is made harmless for terminals, and is cut to a length that fits a message.

use std::io;
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::{Body, Error, Timeout};

use super::endpoint::Endpoint;
use super::socket::Waits;
use crate::sys::cause::cause;
use crate::sys::duration;
use crate::sys::text::harmless;

/// What servers say, with 400, to one who speaks http where https is spoken: Go, nginx, Apache.
const HTTPS_WANTED: [&str; 3] = [
    "HTTP request to an HTTPS server",
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
];

/// The most that is shown of an answer, in characters.
const SHOWN_ANSWER_CHARS: usize = 300;

/// Why no answer came, `waited` for in vain.
pub fn why_unreachable(error: &Error, waited: Duration, endpoint: &Endpoint, waits: &Waits) -> String {
    let is_https = endpoint.is_https();
    let is_closed = || matches!(error, Error::Io(error) if is_end(error.kind()));
    if let Some(speaks) = waits.stranger(is_https).filter(|_| !matches!(error, Error::Timeout(_))) {
        return speaks_instead(endpoint, speaks);
    }
    // A server that expects TLS may close instead of saying so.
    if !is_https && is_closed() && waits.expects_tls() {
        return speaks_instead(endpoint, "https");
    }
    match error {
        Error::Timeout(Timeout::Connect) => "no connection in time".to_owned(),
        Error::Timeout(Timeout::Resolve) => "the name lookup took too long".to_owned(),
        Error::Timeout(_) => format!("no answer within {}", duration::told(waited)),
        Error::HostNotFound => "no such host".to_owned(),
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection reset".to_owned(),
            io::ErrorKind::UnexpectedEof => "connection closed before the answer was complete".to_owned(),
            // A TLS failure comes as an io::Error around a rustls one.
            #[cfg(feature = "tls")]
            _ => super::tls::why_refused(error).unwrap_or_else(|| one_line(&cause(error))),
            #[cfg(not(feature = "tls"))]
            _ => one_line(&cause(error)),
        },
        Error::Protocol(_) if !is_https => "the answer is not HTTP".to_owned(),
        other => one_line(&other.to_string()),
    }
}

/// Whether the other side has closed the connection.
fn is_end(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// `the server at 127.0.0.1:9428 speaks https, not http`.
fn speaks_instead(endpoint: &Endpoint, speaks: &str) -> String {
    let url = endpoint.to_string();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let place = rest.split('/').next().unwrap_or_default();
    format!("the server at {place} speaks {speaks}, not {scheme}")
}

/// The status of a bad answer, and the first line of what the server says about it.
pub fn refusal(response: &Response<Body>, answer: &str, endpoint: &Endpoint) -> String {
    let status = response.status();
    // nginx, Apache and Go answer in plain text to one who does not speak TLS.
    if status == StatusCode::BAD_REQUEST
        && !endpoint.is_https()
        && HTTPS_WANTED.iter().any(|text| answer.contains(text))
    {
        return speaks_instead(endpoint, "https");
    }
    let mut text = format!("the server answered {status}");
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let said = if is_web_page(response, answer.as_bytes()) { "" } else { answer.trim() };
    if let Some(location) = location.filter(|_| status.is_redirection()) {
        // The target may carry credentials in its query, and before its host.
        let target = location.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = target.split_once("://").unwrap_or(("", target));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let target = if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") };
        text = format!("{text}, a redirect to {}; use that URL", one_line(&target));
    } else if status == StatusCode::UNAUTHORIZED {
        // Loki's word for a missing tenant.
        let is_tenant = said.contains("no org id");
        text.push_str(if is_tenant {
            "; it wants a tenant: set VLOG_TENANT"
        } else {
            "; check VLOG_TOKEN, or VLOG_USER and VLOG_PASSWORD"
        });
    } else if !said.is_empty() {
        text = format!("{text}: {}", one_line(said));
    }
    text
}

/// Whether an answer is a page for people, as portals and proxies give it, with 200 too.
pub fn is_web_page(response: &Response<Body>, body: &[u8]) -> bool {
    is_html_by_type(response) || is_html(body)
}

pub fn is_html_by_type(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.to_ascii_lowercase().contains("html"))
}

/// No answer of the servers that vlog knows begins with `<`.
pub fn is_html(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The first line, harmless wherever it is shown or kept, of a length that fits a message.
fn one_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    harmless(line).chars().take(SHOWN_ANSWER_CHARS).collect()
}
