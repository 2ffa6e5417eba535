//! A server on std sockets that does what a test wants, and remembers what it was sent.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 and nothing, as VictoriaLogs.
    Accept,
    /// This status, with these headers and this body.
    Status(u16, &'static str, &'static str),
    /// Takes the request and says nothing more.
    Hang,
    /// Headers that promise a body, then nothing.
    HangAfterHeaders,
    /// Reads nothing at all.
    NeverRead,
    /// A good answer, a byte every 200 ms.
    Trickle,
    /// Closes when the request has come.
    Close,
    /// Closes in the middle of the body of its answer.
    CloseInBody,
    /// Resets the connection.
    Reset,
    /// Bytes that are not HTTP.
    Garbage,
    /// A good answer after this time.
    Late(Duration),
    /// These bytes, word for word.
    Raw(Vec<u8>),
    /// The same, and then nothing, without an end.
    Open(Vec<u8>),
    /// The same, after this time.
    LateRaw(Duration, Vec<u8>),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    /// The body's lines, each a JSON object.
    pub fn records(&self) -> Vec<Map<String, Value>> {
        let text = std::str::from_utf8(&self.body).expect("the body is UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The value of a form argument, decoded; the first if there are more.
    pub fn form(&self, name: &str) -> Option<String> {
        self.forms(name).into_iter().next()
    }

    /// The values of a form argument that may be repeated, decoded.
    pub fn forms(&self, name: &str) -> Vec<String> {
        let body = String::from_utf8(self.body.clone()).unwrap();
        let values = body.split('&').filter_map(|pair| pair.strip_prefix(&format!("{name}=")));
        values.map(Self::decode).collect()
    }

    fn decode(value: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = value.as_bytes();
        while let [first, tail @ ..] = rest {
            if let ([b'%', a, b, ..], true) = (rest, *first == b'%') {
                let digits = [*a, *b];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
                rest = &rest[3..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Request>>,
    changed: Condvar,
    connections: Mutex<usize>,
}

/// A running server; it stops with the test.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    /// Connections that fill a backlog.
    _filling: Vec<TcpStream>,
}

impl Server {
    /// Gives every request this answer.
    pub fn new(answer: Answer) -> Self {
        Self::scripted(move |_| answer.clone())
    }

    /// Gives the n-th request, from 0, the answer that `script` says.
    pub fn scripted(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::judging(move |n, _| script(n))
    }

    /// Gives the n-th request the answer that `judge` finds right for it. `NeverRead` and `Reset` are asked for
    /// before there is a request to look at.
    pub fn judging(script: impl Fn(usize, Option<&Request>) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// Listens where nobody did so far, and gives every request this answer.
    pub fn at(address: &str, answer: Answer) -> Self {
        Self::start(TcpListener::bind(address).unwrap(), move |_, _| answer.clone())
    }

    fn start(
        listener: TcpListener,
        script: impl Fn(usize, Option<&Request>) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (state, script) = (Arc::clone(&shared), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *state.connections.lock().unwrap() += 1;
                let (state, script) = (Arc::clone(&state), Arc::clone(&script));
                // A client that goes away is what many tests are about.
                thread::spawn(move || serve(&stream, &state, script.as_ref()).ok());
            }
        });
        Self { address, shared, _filling: Vec::new() }
    }

    /// An address that nobody listens on.
    pub fn refused() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    /// A server that never completes a connect: it accepts nothing and its backlog is full.
    pub fn full_backlog() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut filling = Vec::new();
        // std asks for a backlog of 128 or more; past it connects hang.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            filling.push(stream);
            assert!(filling.len() < 10_000, "the backlog has no end");
        }
        // Kept open, and never accepted from, for as long as the process runs.
        std::mem::forget(listener);
        Self { address, shared: Arc::default(), _filling: filling }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The only request that has come.
    #[track_caller]
    pub fn request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }

    /// All records that have come, in order.
    pub fn records(&self) -> Vec<Map<String, Value>> {
        let inserts = self.requests().into_iter().filter(|request| request.line.contains("/insert/"));
        inserts.flat_map(|request| request.records()).collect()
    }

    /// The only record that has come.
    #[track_caller]
    pub fn record(&self) -> Map<String, Value> {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records.into_iter().next().unwrap()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }

    /// Waits until so many requests have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let end = Instant::now() + Duration::from_secs(10);
        let mut requests = self.shared.requests.lock().unwrap();
        while requests.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} requests came", requests.len());
            requests = self.shared.changed.wait_timeout(requests, left).unwrap().0;
        }
    }
}

/// Answers the requests of one connection.
fn serve(
    stream: &TcpStream,
    state: &Shared,
    script: &dyn Fn(usize, Option<&Request>) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut out = stream;
    loop {
        let next = script(state.requests.lock().unwrap().len(), None);
        match next {
            Answer::NeverRead => {
                thread::sleep(Duration::from_secs(60));
                return Ok(());
            }
            // Closing with bytes left unread is what makes a reset.
            Answer::Reset => return stream.peek(&mut [0]).map(drop),
            _ => {}
        }
        let Some(request) = read_request(&mut reader)? else { return Ok(()) };
        let mut requests = state.requests.lock().unwrap();
        let answer = script(requests.len(), Some(&request));
        requests.push(request);
        state.changed.notify_all();
        drop(requests);
        match answer {
            Answer::Accept => out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?,
            Answer::Late(time) => {
                thread::sleep(time);
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            }
            Answer::Status(status, headers, body) => {
                write!(
                    out,
                    "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )?;
            }
            Answer::Hang => thread::sleep(Duration::from_secs(60)),
            Answer::HangAfterHeaders => {
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")?;
                thread::sleep(Duration::from_secs(60));
            }
            Answer::Trickle => {
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
                    out.write_all(&[*byte])?;
                    thread::sleep(Duration::from_millis(200));
                }
            }
            Answer::CloseInBody => {
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"_msg\":\"half\"}\n")?;
                return stream.shutdown(Shutdown::Both);
            }
            Answer::Close | Answer::NeverRead | Answer::Reset => return stream.shutdown(Shutdown::Both),
            Answer::Garbage => {
                out.write_all(b"\x00\xff this is not HTTP\r\n\r\n")?;
                return stream.shutdown(Shutdown::Both);
            }
            Answer::Open(bytes) => {
                out.write_all(&bytes)?;
                // Until the client goes.
                let _ = reader.read_line(&mut String::new());
            }
            Answer::LateRaw(time, bytes) => {
                thread::sleep(time);
                out.write_all(&bytes)?;
                return stream.shutdown(Shutdown::Both);
            }
            Answer::Raw(bytes) => {
                out.write_all(&bytes)?;
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        let (name, value) = header.split_once(':').expect("a header");
        headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { line: line.trim_end().to_owned(), headers, body }))
}
