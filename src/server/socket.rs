//! Bytes to and from a server, until a deadline: name lookup, connect, write, read.
//!
//! ureq drives these parts through its `unversioned` API. They replace its own for three reasons: its resolver
//! starts a thread even for an IP address; its socket grants a reader that trickles a fresh timeout for each
//! write; and neither can be woken by a signal. Here every wait is one poll(2) on the socket and on the signal
//! pipe, bounded by what is left of one [`Deadline`], whatever the other side does.
//!
//! Invariant: no call blocks past the deadline, or past the longest pause allowed between two bytes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout, config::Config};

use crate::sys::poll::{PollFlags, ready};

/// The longest wait for a connection, all addresses of the host together.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The most addresses of a host that are tried; as many as ureq has room for.
const MAX_ADDRESSES: usize = 16;

/// What a request in flight still gets when a signal asks to end.
const STOP_GRACE: Duration = Duration::from_millis(250);

/// How long a server that closes a connection without a word is asked whether it speaks TLS.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// A TLS record with a client hello of no bytes, which every TLS server answers with an alert.
const EMPTY_HELLO: [u8; 9] = [0x16, 3, 1, 0, 4, 1, 0, 0, 0];

/// What is written at once at the least, but for the end of a request: each write wakes the server, and of a batch of
/// `pipe` it should be woken a few times only.
const PACKET_BYTES: usize = 64 * 1024;

/// The instant after which nothing waits any more; `None` never comes.
pub type Deadline = Option<Instant>;

/// What bounds the waits of the request in flight. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    bounds: Mutex<Bounds>,
    /// Becomes readable when a signal asks to stop waiting.
    cancel: Option<UnixStream>,
    /// What the answer is for: once its other end is closed nobody wants the rest.
    reader: Option<OwnedFd>,
    stopped: AtomicBool,
    abandoned: AtomicBool,
    connections: AtomicUsize,
    /// The first byte that came over the newest connection; 0 if none did.
    first_byte: AtomicU8,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bounds {
    deadline: Deadline,
    idle: Option<Duration>,
    /// The other side of the newest connection.
    peer: Option<SocketAddr>,
    /// Whether it was looked at once more after the deadline.
    looked: bool,
}

impl Waits {
    /// No bounds yet; once `cancel` is readable every wait ends soon.
    pub fn new(cancel: Option<UnixStream>) -> Self {
        Self(Arc::new(Inner { cancel, ..Inner::default() }))
    }

    /// No bounds yet; once `reader`, a pipe, has nobody at its other end, every wait ends.
    pub fn for_reader(reader: Option<OwnedFd>) -> Self {
        Self(Arc::new(Inner { reader, ..Inner::default() }))
    }

    /// What ends every wait, for others that are to end with these.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn cancel(&self) -> io::Result<Option<UnixStream>> {
        self.0.cancel.as_ref().map(UnixStream::try_clone).transpose()
    }

    /// Sets the bounds of the next request: one for the whole of it, one for each pause between two bytes.
    pub fn set(&self, deadline: Deadline, idle: Option<Duration>) {
        let mut bounds = self.lock();
        *bounds = Bounds { deadline, idle, peer: bounds.peer, looked: false };
    }

    /// What the other side speaks instead of what was spoken to it, by the first byte that it sent.
    #[must_use]
    pub fn stranger(&self, is_https: bool) -> Option<&'static str> {
        let speaks = speech(self.0.first_byte.load(Ordering::Relaxed))?;
        (speaks != if is_https { "https" } else { "http" }).then_some(speaks)
    }

    /// Whether the other side of the newest connection, which has closed it without a word, speaks TLS. It is asked with a
    /// greeting that holds nothing, so that nothing but a failure comes of it.
    #[must_use]
    pub fn expects_tls(&self) -> bool {
        let ask = || -> Option<bool> {
            let peer = self.lock().peer?;
            let left = self.next_wait().ok()?.unwrap_or(PROBE_TIMEOUT).min(PROBE_TIMEOUT);
            let mut stream = TcpStream::connect_timeout(&peer, left).ok()?;
            stream.set_read_timeout(Some(left)).ok()?;
            stream.write_all(&EMPTY_HELLO).ok()?;
            let mut first = [0];
            stream.read_exact(&mut first).ok()?;
            Some(speech(first[0]) == Some("https"))
        };
        self.0.first_byte.load(Ordering::Relaxed) == 0 && ask().unwrap_or(false)
    }

    /// Notes a new connection.
    fn connected(&self, stream: &TcpStream) {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.0.first_byte.store(0, Ordering::Relaxed);
        self.lock().peer = stream.peer_addr().ok();
    }

    /// Notes the first byte of an answer.
    fn answered(&self, bytes: &[u8]) {
        if let Some(first) = bytes.first().filter(|_| self.0.first_byte.load(Ordering::Relaxed) == 0) {
            self.0.first_byte.store(*first, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bounds> {
        self.0.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first look after the deadline. What came while this process was stopped has come in time.
    fn may_look_again(&self) -> bool {
        !std::mem::replace(&mut self.lock().looked, true)
    }

    /// The longest that the next wait may take: `None` is for ever, `Err` says that the time is over.
    fn next_wait(&self) -> Result<Option<Duration>, Error> {
        let Bounds { deadline, idle, .. } = *self.lock();
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(Error::Timeout(Timeout::Global));
        }
        Ok(left.into_iter().chain(idle).min())
    }

    /// Waits until the stream is ready for what `flags` ask, or has failed. A signal shortens what is left.
    fn wait(&self, stream: &TcpStream, flags: PollFlags) -> Result<(), Error> {
        loop {
            let stopped = self.is_stopped();
            let left = match self.next_wait() {
                Err(_) if self.may_look_again() => Some(Duration::ZERO),
                Err(_) if stopped => return Err(stopped_by_signal()),
                left => left?,
            };
            let mut fds = vec![(stream.as_fd(), flags)];
            let cancel = self.0.cancel.as_ref().filter(|_| !stopped);
            fds.extend(cancel.map(|fd| (fd.as_fd(), PollFlags::POLLIN)));
            // Errors and hang-ups are reported without being asked for. No client has a signal pipe too.
            let reader = self.0.reader.as_ref();
            fds.extend(reader.map(|fd| (fd.as_fd(), PollFlags::empty())));
            match ready(&fds, left)?.as_slice() {
                [true, ..] => return Ok(()),
                [_, true] if reader.is_some() => {
                    self.0.abandoned.store(true, Ordering::Relaxed);
                    return Err(Error::Io(io::ErrorKind::BrokenPipe.into()));
                }
                [_, true] => self.stop(),
                _ if stopped => return Err(stopped_by_signal()),
                _ => return Err(Error::Timeout(Timeout::Global)),
            }
        }
    }

    /// Leaves a healthy server the time to answer, and no more.
    fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        let mut bounds = self.lock();
        let soon = Instant::now() + STOP_GRACE;
        bounds.deadline = Some(bounds.deadline.map_or(soon, |deadline| deadline.min(soon)));
    }

    /// Whether a signal has asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Whether nobody reads the answer any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }
}

/// What a server speaks whose first byte is this: a TLS alert or handshake (RFC 8446, 5.1), or `HTTP/`.
fn speech(first: u8) -> Option<&'static str> {
    match first {
        0x15 | 0x16 => Some("https"),
        b'H' => Some("http"),
        _ => None,
    }
}

fn stopped_by_signal() -> Error {
    Error::Io(io::Error::new(io::ErrorKind::Interrupted, "stopped by a signal"))
}

/// Names to addresses. `localhost` and literal addresses need neither a lookup nor a thread.
#[derive(Debug)]
pub struct Names(pub Waits);

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let mut found = self.empty();
        if host.eq_ignore_ascii_case("localhost") {
            // IPv4 first: VictoriaLogs listens on it only, unless -enableTCP6 is given.
            found.push((Ipv4Addr::LOCALHOST, port).into());
            found.push((Ipv6Addr::LOCALHOST, port).into());
        } else if let Ok(address) = host.parse::<IpAddr>() {
            found.push((address, port).into());
        } else {
            for address in self.look_up(host.to_owned(), port)?.into_iter().take(MAX_ADDRESSES) {
                found.push(address);
            }
        }
        Ok(found)
    }
}

impl Names {
    /// getaddrinfo(3) knows no deadline, so it runs in a thread that is left behind when the time is over.
    fn look_up(&self, host: String, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let (answer, addresses) = mpsc::sync_channel(1);
        let lookup = move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            // An error here means that nobody waits any more.
            let _ = answer.send(found);
        };
        std::thread::Builder::new().name("lookup".to_owned()).spawn(lookup)?;
        let found = match self.0.next_wait()? {
            Some(left) => addresses.recv_timeout(left).map_err(|_| Error::Timeout(Timeout::Resolve))?,
            None => addresses.recv().map_err(|_| Error::HostNotFound)?,
        };
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            _ => Err(Error::HostNotFound),
        }
    }
}

/// Opens a [`Socket`] unless an earlier connector of the chain, the proxy's, has one already.
#[derive(Debug)]
pub struct Sockets(pub Waits);

impl<In: Transport> Connector<In> for Sockets {
    type Out = Either<In, Socket>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(open) = chained {
            return Ok(Some(Either::A(open)));
        }
        let mut last = Error::HostNotFound;
        let until = Instant::now() + CONNECT_TIMEOUT;
        for (done, address) in details.addrs.iter().enumerate() {
            // What is left is shared by the addresses still to try, so that a dead first one leaves time.
            let to_try = u32::try_from(details.addrs.len() - done).unwrap_or(1);
            let share = until.saturating_duration_since(Instant::now()) / to_try;
            let share = self.0.next_wait()?.map_or(share, |left| left.min(share));
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    self.0.connected(&stream);
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    let config = details.config;
                    let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
                    return Ok(Some(Either::B(Socket {
                        stream,
                        buffers,
                        unsent: Vec::new(),
                        waits: self.0.clone(),
                    })));
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    last = Error::Timeout(Timeout::Connect);
                }
                Err(error) => last = Error::Io(error),
            }
        }
        Err(last)
    }
}

/// A TCP connection that waits no longer than its [`Waits`].
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    /// What waits for more, so that the head of a request and a small body leave in one packet.
    unsent: Vec<u8>,
    waits: Waits,
}

impl Socket {
    /// Writes what has waited.
    fn flush(&mut self) -> Result<(), Error> {
        let written = self.write(&self.unsent);
        self.unsent.clear();
        written
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match (&self.stream).write(rest) {
                Ok(0) => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waits.wait(&self.stream, PollFlags::POLLOUT)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Ok(())
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        self.unsent.extend_from_slice(self.buffers.output().get(..amount).unwrap_or_default());
        if self.unsent.len() < PACKET_BYTES { Ok(()) } else { self.flush() }
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        self.flush()?;
        loop {
            self.waits.wait(&self.stream, PollFlags::POLLIN)?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(read) => {
                    self.waits.answered(self.buffers.input_append_buf().get(..read).unwrap_or_default());
                    self.buffers.input_appended(read);
                    return Ok(read > 0);
                }
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    fn is_open(&mut self) -> bool {
        let probe = self.stream.peek(&mut [0]);
        probe.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}
