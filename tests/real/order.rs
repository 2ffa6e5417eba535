//! Many lines through one pipe: all there, in order, none twice, in little memory.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{self, Running};
use crate::env::Env;
use crate::server::{Server, text};

/// The promise: 32 MiB.
const MAX_MEMORY_KIB: u64 = 32 * 1024;

#[test]
fn half_a_million_lines_arrive_in_order_and_none_twice() {
    let Some(server) = Server::start() else { return };
    all_arrive(&server, 500_000);
    if std::env::var("VLOG_REAL_LONG").is_ok_and(|value| value == "1") {
        all_arrive(&server, 2_000_000);
    }
}

fn line(n: u32) -> String {
    format!("line {n} of a program that has much to tell")
}

fn all_arrive(server: &Server, count: u32) {
    let env = Env::new(server);
    let service = format!("seq-{count}");
    let mut command = env.vlog();
    command.args(["pipe", "--fail", "-v", "-s", &service]);
    let mut vlog = child::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdin = vlog.stdin.take().unwrap();
    let mut chunk = String::new();
    for n in 1..=count {
        writeln!(chunk, "{}", line(n)).unwrap();
        if n % 1000 == 0 || n == count {
            stdin.write_all(chunk.as_bytes()).unwrap();
            chunk.clear();
        }
    }
    // stdin is still open, so vlog cannot have ended, and the last batch goes out by its age.
    let arrived = || server.rows(&format!("service:={service} | stats count() n"));
    let end = Instant::now() + Duration::from_secs(120);
    while text(&arrived()[0], "n") != count.to_string() && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    let memory = peak_memory_kib(&vlog);
    drop(stdin);
    let output = vlog.wait_with_output().unwrap();
    let said = format!("vlog: {count} records delivered to {}\n", server.url());
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), said));
    assert!(output.stdout.is_empty());

    let numbers = "stats count() n, count_uniq(_msg) u, count_uniq(_time) t";
    let found = &server.rows(&format!("service:={service} | {numbers}"))[0];
    let count_text = count.to_string();
    assert_eq!([text(found, "n"), text(found, "u"), text(found, "t")], [count_text.as_str(); 3]);
    assert_in_order(&env, &service, count);
    if let Some(memory) = memory {
        assert!(memory <= MAX_MEMORY_KIB, "{memory} KiB at most for {count} lines");
    }
}

/// Reads all lines back as they come and compares them one by one.
fn assert_in_order(env: &Env, service: &str, count: u32) {
    let query = format!("service:={service} | sort by (_time) | fields _msg");
    let mut command = env.vlog();
    command.args(["query", "--fail", &query]).stdin(Stdio::null());
    let mut vlog = child::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut rows = BufReader::new(vlog.stdout.take().unwrap());
    let mut row = String::new();
    let mut n = 0;
    while rows.read_line(&mut row).unwrap() > 0 {
        n += 1;
        let found: Value = serde_json::from_str(&row).unwrap();
        assert_eq!(found["_msg"], line(n));
        row.clear();
    }
    let output = vlog.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    assert_eq!(n, count);
}

/// The most memory that a child has had at once; `None` where the system does not tell.
fn peak_memory_kib(child: &Running) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB").unwrap().parse().unwrap())
}
