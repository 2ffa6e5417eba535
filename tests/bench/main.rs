//! The benchmark: what vlog costs, beside a floor that does the same with nothing around it.
//!
//! Both run in turn in the same run, so the ratios hold on any machine; the absolute figures do not. Nothing is
//! asserted. `VLOG_BENCH_BIN` names the binary to measure, by default the one built with this file.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)]
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SENDS: usize = 500;
const LINES: usize = 1_000_000;
const ROWS: usize = 500_000;
const WAITING: usize = 100_000;
const PAYLOAD: &str = r#"{"session_id":"7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114","transcript_path":"/home/ana/.claude/projects/-home-ana-shop/7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114.jsonl","cwd":"/home/ana/shop","prompt_id":"2d5c8a10-77de-4c0b-9f2c-6b1f0a9d3e55","permission_mode":"default","effort":{"level":"high"},"hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"cargo test -p tax","description":"Run tax tests"},"tool_response":{"stdout":"test result: ok. 12 passed; 0 failed","stderr":"","interrupted":false},"tool_use_id":"toolu_01Hq7VbN3xKpR5sYt8ZwLmDc","duration_ms":4187}"#;

fn main() {
    let binary = env::var("VLOG_BENCH_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_vlog").to_owned());
    println!("binary: {} KiB", std::fs::metadata(&binary).unwrap().len() / 1024);
    let sink = serve();
    // First, so that the memory told is theirs.
    local(&binary);
    send(&binary, sink);
    for (kind, line) in KINDS {
        pipe(&binary, sink, kind, line, &[]);
    }
    let [_, (kind, line), _] = KINDS;
    pipe(&binary, sink, &format!("{kind}, --redact,"), line, &["--redact"]);
    hook(&binary, sink);
    query(&binary, sink);
    instructions(&binary, sink);
    let _ = std::fs::remove_dir_all(home());
}

/// A command with nothing in its environment but the server and a home.
fn vlog(binary: &str, sink: SocketAddr) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("VLOG_URL", format!("http://{sink}")).env("HOME", home());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A home of the bench's own: without one it would be that of whoever runs it.
fn home() -> PathBuf {
    let home = env::temp_dir().join(format!("vlog-bench-home-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    home
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// `vlog send` beside `true` and one POST from here.
fn send(binary: &str, sink: SocketAddr) {
    let body = "{\"_time\":\"2026-11-20T10:00:00Z\",\"level\":\"info\",\"_msg\":\"observation stored\"}\n";
    let floor = || {
        Command::new("true").env_clear().status().unwrap();
        post(sink, body);
    };
    let work = || {
        vlog(binary, sink).args(["send", "observation stored", "service=nmem-capture"]).status().unwrap();
    };
    let (mut floors, mut works) = (Vec::new(), Vec::new());
    for _ in 0..SENDS {
        floors.push(timed(floor));
        works.push(timed(work));
    }
    let (floor, work) = (median(floors), median(works));
    println!("send: {work:?}, floor (true, and a POST) {floor:?}: {:.2}x", ratio(work, floor));
}

/// Lines for `pipe`, with a number in each where the `#` is.
const KINDS: [(&str, &str); 3] = [
    (
        "plain",
        "# a line of one hundred bytes, as programs write them when all is well                     ok",
    ),
    (
        "level",
        "2026-11-20 10:00:00,123 INFO shop.billing a line with time, level and logger, and number # in it",
    ),
    (
        "JSON",
        r#"{"level":"info","ts":1795168800.123,"caller":"server/http.go:12","msg":"request handled","method":"GET","path":"/items/#","status":200,"ms":7}"#,
    ),
];
/// `vlog hook` beside `vlog send`, with a payload as an agent sends it.
fn hook(binary: &str, sink: SocketAddr) {
    let send = || {
        vlog(binary, sink).args(["send", "observation stored", "service=nmem-capture"]).status().unwrap();
    };
    let hook = || {
        let mut child = vlog(binary, sink).arg("hook").stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PAYLOAD.as_bytes()).unwrap();
        child.wait().unwrap();
    };
    let (mut sends, mut hooks) = (Vec::new(), Vec::new());
    for _ in 0..SENDS {
        sends.push(timed(send));
        hooks.push(timed(hook));
    }
    let (send, hook) = (median(sends), median(hooks));
    println!("hook: {hook:?}, send {send:?}: {:.2}x", ratio(hook, send));
}

/// `vlog pipe` beside `cat`.
fn pipe(binary: &str, sink: SocketAddr, kind: &str, line: &str, args: &[&str]) {
    let file = env::temp_dir().join(format!("vlog-bench-{}", std::process::id()));
    let mut lines = std::io::BufWriter::new(File::create(&file).unwrap());
    for n in 0..LINES {
        writeln!(lines, "{}", line.replace('#', &format!("{n:08}"))).unwrap();
    }
    lines.flush().unwrap();
    let through = |command: &mut Command| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::copy(&mut File::open(&file).unwrap(), &mut stdin).unwrap();
        drop(stdin);
        child.wait().unwrap();
    };
    let (mut floors, mut works) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        floors.push(timed(|| through(&mut Command::new("cat"))));
        works.push(timed(|| through(vlog(binary, sink).arg("pipe").args(args))));
    }
    let (floor, work) = (median(floors), median(works));
    let rate = LINES as f64 / work.as_secs_f64();
    println!("pipe: {rate:.0} {kind} lines/s into a sink, floor (cat) {floor:?}: {:.1}x", ratio(work, floor));
    std::fs::remove_file(&file).unwrap();
}

/// `vlog query` beside reading the same answer from the socket.
fn query(binary: &str, sink: SocketAddr) {
    let floor = || {
        let mut stream = TcpStream::connect(sink).unwrap();
        let head = "POST /select/logsql/query HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    };
    let work = || {
        vlog(binary, sink).args(["query", "*", "-n", "0"]).status().unwrap();
    };
    let (mut floors, mut works) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        floors.push(timed(floor));
        works.push(timed(work));
    }
    let (floor, work) = (median(floors), median(works));
    let rate = ROWS as f64 / work.as_secs_f64();
    println!(
        "query: {rate:.0} rows/s to /dev/null, floor (read from the socket) {floor:?}: {:.2}x",
        ratio(work, floor)
    );
}

/// `vlog query --local` over records that wait, beside reading their bytes.
fn local(binary: &str) {
    let waiting = home().join("waiting");
    let in_outbox = || {
        let mut command = vlog(binary, "127.0.0.1:1".parse().unwrap());
        command.env("VLOG_OUTBOX", &waiting).env("VLOG_OUTBOX_MAX", "1GiB");
        command
    };
    let mut child = in_outbox().args(["pipe", "-s", "shop"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for n in 0..WAITING {
        let level = if n % 10 == 0 { "ERROR" } else { "INFO" };
        let word = if n % 7 == 0 { "timeout" } else { "handled" };
        writeln!(stdin, "{level} request {word} path=/items/{} user={} of {n:08}", n % 500, n % 97).unwrap();
    }
    drop(stdin);
    child.wait().unwrap();
    let files = || std::fs::read_dir(&waiting).unwrap().map(|entry| entry.unwrap().path());
    let bytes: u64 = files().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    let floor = || {
        files().for_each(|path| {
            std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
        });
    };
    println!("local: {WAITING} records of {} bytes", bytes / WAITING as u64);
    for (name, args) in LOCAL_QUERIES {
        let (mut floors, mut works) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            floors.push(timed(floor));
            works.push(timed(|| {
                let mut query = in_outbox();
                query.args(["query", "--local", "-o", "json"]).args(*args).stderr(Stdio::null());
                assert!(query.status().unwrap().success());
            }));
        }
        let (floor, work) = (median(floors), median(works));
        let rate = bytes as f64 / work.as_secs_f64() / 1e6;
        println!("local: {work:?} for {name}, {rate:.0} MB/s, floor (read the entries) {floor:?}");
    }
    let used = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN).unwrap();
    println!("local: {} KiB at most, of them and of the pipe before", used.max_rss());
}

/// Queries of the outbox.
const LOCAL_QUERIES: &[(&str, &[&str])] = &[
    ("a word", &["timeout"]),
    ("a field", &["level:error"]),
    ("a regexp", &["_msg:~`items/4[0-9]{2}`"]),
    ("stats by", &["* | stats by (level) count() n"]),
    ("--histogram", &["--histogram", "--since", "1d"]),
];

/// Instructions of one `send` and of one `hook`, the same on every run of one binary.
fn instructions(binary: &str, sink: SocketAddr) {
    let payload = env::temp_dir().join(format!("vlog-bench-{}.json", std::process::id()));
    std::fs::write(&payload, PAYLOAD).unwrap();
    for args in [&["send", "observation stored", "service=nmem-capture"][..], &["hook"]] {
        let counted = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", binary])
            .args(args)
            .stdin(File::open(&payload).unwrap())
            .env_clear()
            .env("PATH", env::var("PATH").unwrap_or_default())
            .env("VLOG_URL", format!("http://{sink}"))
            .env("HOME", home())
            .output();
        let Ok(output) = counted else {
            println!("instructions: skipped, there is no valgrind here");
            break;
        };
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = text.lines().find_map(|line| line.split("refs:").nth(1));
        println!("instructions: {} for one {}", count.unwrap_or("valgrind said nothing").trim(), args[0]);
    }
    std::fs::remove_file(&payload).unwrap();
}

fn ratio(work: Duration, floor: Duration) -> f64 {
    work.as_secs_f64() / floor.as_secs_f64()
}

fn post(sink: SocketAddr, body: &str) {
    let mut stream = TcpStream::connect(sink).unwrap();
    let length = body.len();
    write!(stream, "POST /insert/jsonline HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let _ = stream.read(&mut [0; 1024]).unwrap();
}

/// A server that takes every insert at once and answers every query with many rows.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is none of the benchmark's business.
            thread::spawn(move || answer(&stream).ok());
        }
    });
    address
}

fn answer(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, stream);
    loop {
        let (mut length, mut line, mut is_query) = (0, String::new(), false);
        while reader.read_line(&mut line)? > 2 {
            is_query |= line.contains("/select/");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let mut out = stream;
        if is_query {
            let row = "{\"_time\":\"2026-11-20T10:00:00Z\",\"_msg\":\"a row of some two hundred bytes, as a server \
                       gives them\",\"_stream\":\"{service=\\\"x\\\"}\",\"host\":\"here\",\"level\":\"info\",\"service\":\"x\"}\n";
            let chunk = row.repeat(500);
            write!(
                out,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                row.len() * ROWS
            )?;
            for _ in 0..ROWS / 500 {
                out.write_all(chunk.as_bytes())?;
            }
            return Ok(());
        }
        out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}
