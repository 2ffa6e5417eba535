//! A server on std sockets that does what a test wants, and remembers what it was sent.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
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
    /// The body's lines, each a JSON object; none of a query, such as `status` sends.
    pub fn records(&self) -> Vec<Map<String, Value>> {
        if self.line.contains("/select/") {
            return Vec::new();
        }
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
    at_once: Mutex<AtOnce>,
    is_over: Mutex<bool>,
    over: Condvar,
}

/// Requests with a body that have come and are not answered.
#[derive(Debug, Default, Clone, Copy)]
pub struct AtOnce {
    now: usize,
    /// How many there were at the most.
    pub most: usize,
    /// How many came while there was another.
    pub overlapping: usize,
}

/// A request that is not answered.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.at_once.lock().unwrap().now -= 1;
    }
}

impl Shared {
    /// Counts a request until it is answered.
    fn open(&self) -> Open<'_> {
        let mut at_once = self.at_once.lock().unwrap();
        at_once.now += 1;
        at_once.most = at_once.most.max(at_once.now);
        at_once.overlapping += usize::from(at_once.now > 1);
        Open(self)
    }

    /// Waits for longer than any client does, or until the server ends.
    fn hang(&self) {
        let is_over = self.is_over.lock().unwrap();
        drop(self.over.wait_timeout_while(is_over, HANGING, |is_over| !*is_over).unwrap());
    }
}

/// How long a request is waited for: longer than any takes to come, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server hangs at most.
const HANGING: Duration = Duration::from_secs(60);

/// A running server; it ends with this value, and nobody listens there any more.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    /// What keeps a backlog full: a listener that accepts nothing, and connections to it.
    full: Option<(TcpListener, Vec<TcpStream>)>,
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.shared.is_over.lock().unwrap() = true;
        self.shared.over.notify_all();
        if self.full.is_none() {
            // Wakes the thread that accepts.
            let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        }
    }
}

/// Addresses that nobody listens on. The sockets are kept, so that no other process gets the port meanwhile.
static NOBODY: Mutex<BTreeMap<SocketAddr, OwnedFd>> = Mutex::new(BTreeMap::new());

/// An address where nobody listens for as long as this value lives, but a server that is started there.
pub struct Nobody(SocketAddr);

impl Nobody {
    pub fn new() -> Self {
        Self(Server::refused())
    }

    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

impl Drop for Nobody {
    fn drop(&mut self) {
        NOBODY.lock().unwrap().remove(&self.0);
    }
}

/// A socket with a port of its own, not listened on.
fn bound() -> OwnedFd {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket
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
        let kept = NOBODY.lock().unwrap().remove(&address.parse().unwrap());
        let listener = match kept {
            Some(socket) => {
                listen(&socket, 128).unwrap();
                TcpListener::from(socket)
            }
            None => TcpListener::bind(address).unwrap(),
        };
        Self::start(listener, move |_, _| answer.clone())
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
                if *state.is_over.lock().unwrap() {
                    break;
                }
                *state.connections.lock().unwrap() += 1;
                let (state, script) = (Arc::clone(&state), Arc::clone(&script));
                // A client that goes away is what many tests are about.
                thread::spawn(move || serve(&stream, &state, script.as_ref()).ok());
            }
        });
        Self { address, shared, full: None }
    }

    /// An address that nobody listens on, for as long as the process runs.
    pub fn refused() -> SocketAddr {
        let socket = bound();
        let address = rustix::net::getsockname(&socket).unwrap().try_into().unwrap();
        NOBODY.lock().unwrap().insert(address, socket);
        address
    }

    /// A server that never completes a connect: it accepts nothing and its backlog is full.
    pub fn full_backlog() -> Self {
        let socket = bound();
        listen(&socket, 0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        let mut filling = Vec::new();
        let why = loop {
            match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
                Ok(stream) => filling.push(stream),
                Err(error) => break error,
            }
            assert!(filling.len() < 100, "the backlog has no end");
        };
        assert_eq!(why.kind(), ErrorKind::TimedOut, "{why}");
        Self { address, shared: Arc::default(), full: Some((listener, filling)) }
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

    /// How many requests were under way at the same time.
    pub fn at_once(&self) -> AtOnce {
        *self.shared.at_once.lock().unwrap()
    }

    /// Waits until so many requests have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
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
                state.hang();
                return Ok(());
            }
            // Closing with bytes left unread is what makes a reset.
            Answer::Reset => return stream.peek(&mut [0]).map(drop),
            _ => {}
        }
        let Some(request) = read_request(&mut reader)? else { return Ok(()) };
        let open = (!request.body.is_empty()).then(|| state.open());
        let mut requests = state.requests.lock().unwrap();
        let answer = script(requests.len(), Some(&request));
        requests.push(request);
        state.changed.notify_all();
        drop(requests);
        match answer {
            // The next request may come as soon as the answer is out.
            Answer::Accept => {
                drop(open);
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            }
            Answer::Late(time) => {
                thread::sleep(time);
                drop(open);
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            }
            Answer::Status(status, headers, body) => {
                drop(open);
                write!(
                    out,
                    "HTTP/1.1 {status} Status\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                )?;
            }
            Answer::Hang => state.hang(),
            Answer::HangAfterHeaders => {
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")?;
                state.hang();
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
            Answer::Close | Answer::NeverRead | Answer::Reset => {
                drop(open);
                return stream.shutdown(Shutdown::Both);
            }
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

#[test]
fn where_nobody_listens_nobody_begins_to_but_a_server_of_the_test() {
    let nobody = Nobody::new();
    let address = nobody.address();
    let refused = || TcpStream::connect(address).unwrap_err().kind();
    assert_eq!(refused(), ErrorKind::ConnectionRefused);
    assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    let server = Server::at(&address.to_string(), Answer::Accept);
    TcpStream::connect(address).unwrap();
    drop(server);
    while TcpStream::connect(address).is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
}
