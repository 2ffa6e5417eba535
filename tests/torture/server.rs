//! A server whose faults change while requests are under way, and the ledger of what it was sent.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What the server does just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes everything.
    Well,
    /// 503, and nothing is taken.
    Busy,
    /// 429 with `Retry-After`, and nothing is taken.
    TooMany,
    /// Takes it, and answers after this many milliseconds.
    Late(u64),
    /// Says nothing for as long as this mood lasts.
    Frozen,
    /// Closes as soon as somebody connects.
    Closed,
    /// Closes when half of the body has come.
    CutRequest,
    /// Takes it, and closes without an answer.
    CutAnswer,
    /// Takes it, and closes in the middle of the answer.
    HalfAnswer,
    /// Answers with bytes that are not HTTP.
    Garbage,
}

impl Mood {
    pub const FAULTS: [Self; 11] = [
        Self::Well,
        Self::Busy,
        Self::TooMany,
        Self::Late(50),
        Self::Late(1500),
        Self::Frozen,
        Self::Closed,
        Self::CutRequest,
        Self::CutAnswer,
        Self::HalfAnswer,
        Self::Garbage,
    ];
}

/// How often a record came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Came {
    /// In requests that were taken and answered in time.
    pub answered: u32,
    /// In requests that were taken, and whose answer was cut, late or none.
    pub cut: u32,
}

/// An answer that takes longer may come when the client has given up.
const IN_TIME: Duration = Duration::from_millis(300);

/// How long anything waits for a mood to change; longer than any client waits.
const LONGEST: Duration = Duration::from_secs(20);

/// A running server; it serves until the process ends.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    ledger: Arc<Mutex<HashMap<String, Came>>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            mood: Arc::new(Mutex::new(Mood::Well)),
            ledger: Arc::default(),
        };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                // A client that goes away is what this is about.
                thread::spawn(move || server.serve(&stream).ok());
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Every record that came since the last time, by its mark.
    pub fn take_ledger(&self) -> HashMap<String, Came> {
        std::mem::take(&mut *self.ledger.lock().unwrap())
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(LONGEST))?;
        let mut reader = BufReader::new(stream);
        let mut out = stream;
        loop {
            if self.mood() == Mood::Closed {
                return stream.shutdown(Shutdown::Both);
            }
            let Some(body) = self.body(&mut reader)? else { return stream.shutdown(Shutdown::Both) };
            let start = Instant::now();
            // What is frozen thaws with the next mood.
            while self.mood() == Mood::Frozen && start.elapsed() < LONGEST {
                thread::sleep(Duration::from_millis(10));
            }
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            match self.mood() {
                Mood::Busy => out.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")?,
                Mood::TooMany => out.write_all(
                    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
                )?,
                Mood::Well => {
                    let sent = start.elapsed() < IN_TIME && out.write_all(ok).is_ok();
                    self.take(&body, sent);
                    if !sent {
                        return out.write_all(ok).and_then(|()| stream.shutdown(Shutdown::Both));
                    }
                }
                Mood::Late(milliseconds) => {
                    thread::sleep(Duration::from_millis(milliseconds));
                    self.take(&body, false);
                    out.write_all(ok)?;
                }
                Mood::HalfAnswer => {
                    self.take(&body, false);
                    out.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")?;
                    return stream.shutdown(Shutdown::Both);
                }
                Mood::Garbage => {
                    out.write_all(b"\0\xff this is not HTTP\r\n\r\n")?;
                    return stream.shutdown(Shutdown::Both);
                }
                Mood::CutAnswer => {
                    self.take(&body, false);
                    return stream.shutdown(Shutdown::Both);
                }
                Mood::Frozen | Mood::Closed | Mood::CutRequest => return stream.shutdown(Shutdown::Both),
            }
        }
    }

    /// The body of the next request; `None` if there is none, or the mood is to cut it.
    fn body(&self, reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        let (first, rest) = body.split_at_mut(length / 2);
        reader.read_exact(first)?;
        if self.mood() == Mood::CutRequest {
            return Ok(None);
        }
        reader.read_exact(rest)?;
        Ok(Some(body))
    }

    fn take(&self, body: &[u8], in_time: bool) {
        let mut ledger = self.ledger.lock().unwrap();
        for mark in marks(&String::from_utf8_lossy(body)) {
            let came = ledger.entry(mark.to_owned()).or_default();
            *(if in_time { &mut came.answered } else { &mut came.cut }) += 1;
        }
    }
}

/// The marks in a text: `mark:ROUND.PROCESS.NUMBER.SERVER;`. Each record has one.
pub fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split("mark:").skip(1).filter_map(|rest| Some(rest.split_once(';')?.0))
}
