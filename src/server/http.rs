//! Requests to one endpoint over HTTP, and what became of them.
//!
//! ureq speaks HTTP/1.1; the parts below it (names, sockets, TLS) are this room's own. A failed delivery is data, an
//! [`Outcome`], not an error. Redirects are not followed: a POST would lose its body or its credentials on the way.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::{Response, StatusCode, header};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Body, BodyReader, Error, Proxy};

use super::access::Access;
use super::endpoint::Endpoint;
use super::protocol::{Acceptance, Request, TENANT_HEADERS, api};
use super::retry_after;
use super::socket::{Deadline, Names, Sockets, Waits};
use super::words::{is_html, is_html_by_type, is_web_page, refusal, why_unreachable};
use crate::record::protocol::Protocol;
use crate::record::time::Time;

/// Room for a request's headers and for a response's; a batch goes through it in pieces.
const BUFFER_BYTES: usize = 16 * 1024;

/// The same for `query`, where the response is what matters.
const QUERY_BUFFER_BYTES: usize = 128 * 1024;

/// The server reads no other kind of body for a query.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Larger bodies are compressed on their way to another machine. To this one that costs more than it saves.
const COMPRESS_BYTES: usize = 16 * 1024;

/// The most that is read of the answer to an insert. VictoriaLogs answers with nothing or one line.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What became of a batch; the text is the beginning of a sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server has it: a 2xx that is not a web page.
    Delivered,
    /// It may work later, or with other settings.
    Retry(String),
    /// The same, and the server asks to be left alone for this time.
    Busy(String, Duration),
    /// The same, after waiting in vain.
    TimedOut(String),
    /// The server refuses something in this body: 400 or 413.
    Rejected(String),
    /// The server has all records but so many, and does not say which.
    Partly(u64, String),
}

/// Why an answer to a query did not come, or not whole, as a sentence; or why it could not be used.
#[derive(Debug)]
pub enum Failure {
    /// The server does not take this request, in its own words.
    Refused(String),
    /// There is nobody: the name is not found, or no connection comes about.
    Unreached(String),
    /// Another time it may work.
    Lost(String),
    /// The same, after waiting in vain.
    Silent(String),
    /// Whoever the answer was for did not take it.
    Unprinted(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Refused(text) | Self::Unreached(text) | Self::Lost(text) | Self::Silent(text) => {
                f.write_str(text)
            }
            Self::Unprinted(error) => write!(f, "could not print the rows: {error}"),
        }
    }
}

/// The body of a good answer.
pub struct Answer<'a> {
    client: &'a Client,
    body: BodyReader<'static>,
    buffer: Vec<u8>,
    is_first: bool,
    idle: Duration,
}

impl Answer<'_> {
    /// What has come next; `None` at the end.
    ///
    /// # Errors
    /// The rest does not come.
    pub fn piece(&mut self) -> Result<Option<&[u8]>, Failure> {
        let read = self.body.read(&mut self.buffer).map_err(|error| {
            let client = self.client;
            client.failure(&Error::from(error), self.idle, |place, cause| {
                format!("the answer of {place} was cut short: {cause}")
            })
        })?;
        let is_page = self.is_first && is_html(self.buffer.get(..read).unwrap_or_default());
        if is_page {
            return Err(self.web_page());
        }
        self.is_first = false;
        Ok(self.buffer.get(..read).filter(|piece| !piece.is_empty()))
    }

    fn web_page(&self) -> Failure {
        Failure::Lost(format!("{} answered with a web page; is this the right URL?", self.client.endpoint))
    }
}

/// A connection to one endpoint, opened when first used and kept.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    /// The endpoint, and whether a proxy stands before it: a refusal may be the proxy's. Never the proxy's URL, which may
    /// hold a password.
    place: String,
    access: Access,
    protocol: Protocol,
    /// Whether the server has refused a body because it was compressed.
    takes_plain_only: Arc<AtomicBool>,
    agent: Agent,
    waits: Waits,
}

impl Client {
    /// For records. A byte to read from `cancel` ends every wait.
    #[must_use]
    pub fn new(endpoint: &Endpoint, access: &Access, protocol: Protocol, cancel: Option<UnixStream>) -> Self {
        Self { protocol, ..Self::with_buffer(endpoint, access, Waits::new(cancel), BUFFER_BYTES) }
    }

    /// The same with bounds and a connection of its own, for requests at the same time: a client has one deadline.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn another(&self) -> io::Result<Self> {
        let new = Self::new(&self.endpoint, &self.access, self.protocol, self.waits.cancel()?);
        Ok(Self { takes_plain_only: Arc::clone(&self.takes_plain_only), ..new })
    }

    /// For queries. Every wait ends once `reader`, a pipe, has nobody at its other end.
    #[must_use]
    pub fn for_query(endpoint: &Endpoint, access: &Access, reader: Option<OwnedFd>) -> Self {
        Self::with_buffer(endpoint, access, Waits::for_reader(reader), QUERY_BUFFER_BYTES)
    }

    fn with_buffer(endpoint: &Endpoint, access: &Access, waits: Waits, bytes: usize) -> Self {
        let proxy = proxy(access);
        let is_direct = |proxy: &Proxy| endpoint.join("/").parse().is_ok_and(|uri| proxy.is_no_proxy(&uri));
        let through = if proxy.as_ref().is_none_or(is_direct) { "" } else { " through the proxy" };
        let place = format!("{endpoint}{through}");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .input_buffer_size(bytes)
            .output_buffer_size(BUFFER_BYTES)
            .user_agent(concat!("vlog/", env!("CARGO_PKG_VERSION")));
        let chain = ().chain(ConnectProxyConnector::default()).chain(Sockets(waits.clone()));
        #[cfg(feature = "tls")]
        let chain = chain.chain(super::tls::Tls::new(access));
        let agent = Agent::with_parts(config.build(), chain, Names(waits.clone()));
        Self {
            endpoint: endpoint.clone(),
            place,
            access: access.clone(),
            protocol: Protocol::default(),
            takes_plain_only: Arc::default(),
            agent,
            waits,
        }
    }

    /// Sends these lines and waits for the answer, until the deadline.
    #[must_use]
    pub fn push(&self, lines: &[u8], stream_fields: &[String], deadline: Deadline) -> Outcome {
        let api = api(self.protocol);
        let request = api.push(lines, stream_fields);
        self.deliver(&request, deadline, &|status, answer| api.acceptance(status, answer))
    }

    /// Asks whether the server would take records; nothing is stored.
    #[must_use]
    pub fn check(&self, stream_fields: &[String], deadline: Deadline) -> Outcome {
        let api = api(self.protocol);
        self.deliver(&api.check(stream_fields), deadline, &|status, answer| {
            match status {
                _ if api.is_yes(status, answer) => Acceptance::All,
                // A length or a content that the server cannot do with.
                411 | 422 => Acceptance::Refused,
                _ => Acceptance::by_status(status),
            }
        })
    }

    /// Whether the server may refuse the check although it takes records.
    #[must_use]
    pub fn may_refuse_check(&self) -> bool {
        api(self.protocol).may_refuse_check()
    }

    fn deliver(
        &self,
        request: &Request,
        deadline: Deadline,
        judge: &dyn Fn(u16, &str) -> Acceptance,
    ) -> Outcome {
        if self.waits.is_stopped() {
            return Outcome::Retry(format!("could not reach {}: stopped by a signal", self.endpoint));
        }
        let started = Instant::now();
        self.waits.set(deadline, None);
        let failed = |error: &Error| {
            let why = format!("could not reach {}: {}", self.place, self.cause(error, started.elapsed()));
            if matches!(error, Error::Timeout(_)) { Outcome::TimedOut(why) } else { Outcome::Retry(why) }
        };
        let mut response = match self.post_compressed(request) {
            Ok(response) => response,
            Err(error) => return failed(&error),
        };
        let mut answer = Vec::new();
        let read = response.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
        let why = |what: &str| format!("could not deliver to {}: {what}", self.endpoint);
        let text = String::from_utf8_lossy(&answer);
        let acceptance = judge(response.status().as_u16(), &text);
        match (acceptance, read) {
            (Acceptance::Refused, _) => Outcome::Rejected(why(&refusal(&response, &text, &self.endpoint))),
            (Acceptance::NotNow, _) => {
                let why = why(&refusal(&response, &text, &self.endpoint));
                match pause(&response) {
                    Some(pause) => Outcome::Busy(why, pause),
                    None => Outcome::Retry(why),
                }
            }
            (_, Err(error)) => failed(&Error::from(error)),
            _ if is_web_page(&response, &answer) => {
                Outcome::Retry(why("it answered with a web page; is this the right URL?"))
            }
            (Acceptance::All, _) => Outcome::Delivered,
            (Acceptance::AllBut(count), _) => {
                Outcome::Partly(count, why(&refusal(&response, &text, &self.endpoint)))
            }
        }
    }

    /// Sends a request, compressed where that pays; as it is to a server that refuses it otherwise (415).
    fn post_compressed(&self, request: &Request) -> Result<Response<Body>, Error> {
        let pays = request.body.len() > COMPRESS_BYTES && !self.endpoint.is_loopback();
        if pays
            && !self.takes_plain_only.load(Ordering::Relaxed)
            && let Some(compressed) = gzip(&request.body)
        {
            let headers = [request.headers, &[("Content-Encoding", "gzip")]].concat();
            let response = self.post_anew(request, &headers, &compressed)?;
            if response.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE {
                return Ok(response);
            }
            self.takes_plain_only.store(true, Ordering::Relaxed);
        }
        self.post_anew(request, request.headers, &request.body)
    }

    /// Sends a request, and again if a kept connection turns out to be closed. The server may close one at any time; that
    /// says nothing about this request.
    fn post_anew(
        &self,
        request: &Request,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response<Body>, Error> {
        let before = self.waits.connections();
        let send = || self.post(&request.path, request.content_type, headers, body);
        send().or_else(|error| {
            let reused = self.waits.connections() == before && before > 0;
            let may_be_closed = matches!(error, Error::Io(_)) && reused && !self.waits.is_stopped();
            if may_be_closed { send() } else { Err(error) }
        })
    }

    /// Asks for `path` with form arguments, waits at most `idle` for each byte, and hands the body of a good answer
    /// to `sink`, piece by piece.
    ///
    /// # Errors
    /// What kept the answer from coming, or from coming whole; what the sink says.
    pub fn query(
        &self,
        path: &str,
        form: &str,
        idle: Duration,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut answer = self.open(path, form, idle)?;
        while let Some(piece) = answer.piece()? {
            sink(piece).map_err(Failure::Unprinted)?;
        }
        Ok(())
    }

    /// Asks for `path` with form arguments, and waits at most `idle` for each byte until the head of a good answer
    /// has come. The wait for the rest is bounded likewise.
    ///
    /// # Errors
    /// What kept the answer from coming; the server's own words where it has some.
    pub fn open(&self, path: &str, form: &str, idle: Duration) -> Result<Answer<'_>, Failure> {
        self.waits.set(None, Some(idle));
        let mut response = self.post(path, FORM, &[], form.as_bytes()).map_err(|error| {
            match self.failure(&error, idle, |place, cause| format!("could not reach {place}: {cause}")) {
                Failure::Lost(text) | Failure::Silent(text) if self.waits.connections() == 0 => {
                    Failure::Unreached(text)
                }
                failure => failure,
            }
        })?;
        let status = response.status();
        if !status.is_success() {
            let mut answer = Vec::new();
            // A refusal that is cut off is still a refusal.
            let _ = response.body_mut().as_reader().take(MAX_ANSWER_BYTES).read_to_end(&mut answer);
            let answer = String::from_utf8_lossy(&answer);
            // The server's parser words its errors well; whatever else it says needs the address beside it.
            return Err(match status {
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY if !answer.trim().is_empty() => {
                    Failure::Refused(answer.trim().to_owned())
                }
                _ => Failure::Lost(format!(
                    "could not query {}: {}",
                    self.endpoint,
                    refusal(&response, &answer, &self.endpoint)
                )),
            });
        }
        let is_html = is_html_by_type(&response);
        let body = response.into_body().into_reader();
        let answer = Answer { client: self, body, buffer: vec![0; QUERY_BUFFER_BYTES], is_first: true, idle };
        if is_html { Err(answer.web_page()) } else { Ok(answer) }
    }

    /// Sets until when the answer at hand is waited for, beside the pause allowed between two bytes.
    pub fn set_waits(&self, deadline: Deadline, idle: Duration) {
        self.waits.set(deadline, Some(idle));
    }

    fn failure(&self, error: &Error, waited: Duration, say: fn(&str, &str) -> String) -> Failure {
        if self.waits.is_abandoned() {
            return Failure::Unprinted(io::ErrorKind::BrokenPipe.into());
        }
        let text = say(&self.place, &self.cause(error, waited));
        if matches!(error, Error::Timeout(_)) { Failure::Silent(text) } else { Failure::Lost(text) }
    }

    fn post(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response<Body>, Error> {
        let mut request =
            self.agent.post(self.endpoint.join(path)).header(header::CONTENT_TYPE, content_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.access.headers {
            request = request.header(name.as_str(), value.expose());
        }
        request.send(body)
    }

    /// The cause in words; `waited` for an answer in vain.
    fn cause(&self, error: &Error, waited: Duration) -> String {
        why_unreachable(error, waited, &self.endpoint, &self.waits)
    }

    /// The request that delivers these lines, in words, its secrets left out; and its body.
    #[must_use]
    pub fn describe_push<'a>(&self, lines: &'a [u8], stream_fields: &[String]) -> (String, Cow<'a, [u8]>) {
        let request = api(self.protocol).push(lines, stream_fields);
        let mut head = self.describe(&request.path, request.content_type);
        for (name, value) in request.headers {
            // Writing to memory cannot fail.
            let _ = writeln!(head, "{name}: {value}");
        }
        (head, request.body)
    }

    /// A request in words, its secrets left out.
    #[must_use]
    pub fn describe(&self, path: &str, content_type: &str) -> String {
        let url = self.endpoint.join(path);
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let mut text = format!("POST {path} HTTP/1.1\nHost: {host}\nContent-Type: {content_type}\n");
        for (name, value) in &self.access.headers {
            let open = TENANT_HEADERS.iter().any(|tenant| tenant.eq_ignore_ascii_case(name));
            // Writing to memory cannot fail.
            let _ = writeln!(text, "{name}: {}", if open { value.expose() } else { "(redacted)" });
        }
        text
    }
}

/// The arguments of a query as the body of a form.
#[must_use]
pub fn form(arguments: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    arguments.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// For how long a server that takes nothing now asks to be left alone.
fn pause(response: &Response<Body>) -> Option<Duration> {
    let is_busy =
        matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let value = response.headers().get(header::RETRY_AFTER).filter(|_| is_busy)?;
    retry_after::pause(value.to_str().ok()?, Time::now())
}

/// The bytes compressed, at the level that takes the least time: the wire is slower than any.
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to memory cannot fail.
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The proxy of the environment with the hosts that are reached without it.
fn proxy(access: &Access) -> Option<Proxy> {
    let proxy = Proxy::new(access.proxy.as_ref()?.expose()).ok()?;
    let mut builder = Proxy::builder(proxy.protocol()).host(proxy.host()).port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    for host in &access.no_proxy {
        builder = builder.no_proxy(host);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_values_are_encoded() {
        assert_eq!(
            form(&[("query", "a:\"b c\" & ж;"), ("start", "1h")]),
            "query=a%3A%22b%20c%22%20%26%20%D0%B6%3B&start=1h"
        );
    }
}
