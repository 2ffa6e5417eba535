//! Torture: random verbs under random faults, signals and limits, for a while; what was promised is checked after each
//! round.
//!
//! `TORTURE_SECONDS` is how long (default 120), `TORTURE_SEED` repeats the choices of a run, though not what the
//! scheduler does. The promises: every process ends, in time, with status 0 (or its command's) and nothing else on stdout;
//! no process is left, and none spins; each record is delivered, or counted as dropped, or told as lost; none comes at
//! another server than its own; and only what was in a request that was cut, or whose sender was killed, comes twice.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::missing_panics_doc, clippy::format_collect)]

mod random;
mod server;
mod work;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use serde_json::Value;

use random::Random;
use server::{Came, Mood, Server};
use work::{End, Setting, Verb, Work};

/// No process takes longer on its own, however many run beside it.
const LONGEST: Duration = Duration::from_secs(60);

/// The most of the processors that one takes.
const MOST_CPU: Duration = Duration::from_secs(8);

/// Signals, and how often each is chosen. After the last six a process promises nothing for its records.
const SIGNALS: [Signal; 12] = [
    Signal::SIGSTOP,
    Signal::SIGSTOP,
    Signal::SIGCONT,
    Signal::SIGCONT,
    Signal::SIGCHLD,
    Signal::SIGCHLD,
    Signal::SIGKILL,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGPIPE,
    Signal::SIGQUIT,
];

/// What a shell sets before a process. Below them not even the start of a program is certain.
const LIMITS: [&str; 6] = ["", "", "", "ulimit -n 24;", "ulimit -v 60000;", "ulimit -f 64; trap '' XFSZ;"];

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (seed, seconds) = (number("TORTURE_SEED").unwrap_or(now), number("TORTURE_SECONDS").unwrap_or(120));
    let binary = std::env::var("VLOG_TORTURE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_vlog").to_owned());
    println!("torture for {seconds} s; again with TORTURE_SEED={seed}");
    let small = SmallDisk::mount();
    if small.is_none() {
        println!("SKIPPED: full disks, since no small file system can be mounted here");
    }
    let mut torture =
        Torture { binary, servers: [Server::start(), Server::start()], small, total: Total::default() };
    let mut random = Random(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut round = 0;
    while Instant::now() < end && torture.total.found.is_empty() {
        torture.round(round, &mut random);
        round += 1;
    }
    let Total { processes, promised, delivered, dropped, lost, twice, longest, cpu, found } = &torture.total;
    println!(
        "{round} rounds, {processes} processes, {promised} records promised: {delivered} delivered, {dropped} counted as dropped, \
         {lost} told as lost; {twice} twice, in requests that were cut; longest {:.1} s, most CPU {:.2} s",
        longest.as_secs_f64(),
        cpu.as_secs_f64()
    );
    for what in found {
        println!("FOUND in round {}: {what}", round - 1);
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A file system of a few hundred kilobytes, in a mount namespace or with the rights to mount; it goes with this value.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=600k,mode=700", "tmpfs"]).arg(folder.path());
        let status = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// What was seen in all rounds.
#[derive(Default)]
struct Total {
    processes: usize,
    promised: usize,
    delivered: usize,
    dropped: u64,
    lost: u64,
    twice: usize,
    longest: Duration,
    cpu: Duration,
    /// Promises that were broken.
    found: Vec<String>,
}

struct Torture {
    binary: String,
    servers: [Server; 2],
    small: Option<SmallDisk>,
    total: Total,
}

/// What a round does.
struct Round {
    number: u64,
    home: tempfile::TempDir,
    outbox: PathBuf,
    cap: &'static str,
    limits: &'static str,
    processes: u64,
    faults: bool,
    signals: bool,
    vanishing: bool,
}

impl Round {
    fn new(number: u64, small: Option<&SmallDisk>, random: &mut Random) -> Self {
        let home = tempfile::tempdir().unwrap();
        let on_small =
            small.filter(|_| random.once_in(5)).map(|disk| disk.0.path().join(format!("r{number}")));
        let outbox = on_small.unwrap_or_else(|| home.path().join("outbox"));
        Self {
            number,
            home,
            outbox,
            cap: random.pick(&["300K", "4M", "256M"]),
            limits: random.pick(&LIMITS),
            processes: random.pick(&[1, 5, 20, 50]),
            faults: !random.once_in(4),
            signals: random.once_in(2),
            vanishing: random.once_in(6),
        }
    }

    /// Where the outbox is put for a while in a round where it vanishes.
    fn elsewhere(&self) -> PathBuf {
        self.outbox.with_extension("elsewhere")
    }

    fn variables(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("HOME", text(self.home.path())),
            ("VLOG_CONFIG", "off".to_owned()),
            ("VLOG_OUTBOX", text(&self.outbox)),
            ("VLOG_OUTBOX_MAX", self.cap.to_owned()),
            ("VLOG_TORTURE", self.mark()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// What its processes have in their environment.
    fn mark(&self) -> String {
        format!("{}-{}", std::process::id(), self.number)
    }

    fn describe(&self) -> String {
        let yes = |flag: bool, name: &str| if flag { format!(", {name}") } else { String::new() };
        format!(
            "{:>2} processes, cap {:>4}{}{}{}{}{}",
            self.processes,
            self.cap,
            yes(!self.limits.is_empty(), self.limits.trim_end_matches(';')),
            yes(!self.outbox.starts_with(self.home.path()), "small disk"),
            yes(self.faults, "faults"),
            yes(self.signals, "signals"),
            yes(self.vanishing, "outbox vanishing"),
        )
    }
}

impl Torture {
    fn round(&mut self, number: u64, random: &mut Random) {
        let round = Round::new(number, self.small.as_ref(), random);
        let before = self.total.promised;
        old_entries(&round, &self.servers[0].url(), random);
        let ended = self.run(&round, random);
        self.servers.iter().for_each(|server| server.be(Mood::Well));
        self.nobody_is_left(&round);
        let dropped = self.settle(&round);
        self.account(&round, &ended, dropped);
        println!("round {number}: {}: {} records", round.describe(), self.total.promised - before);
        if self.total.found.is_empty() {
            let _ = fs::remove_dir_all(&round.outbox);
            let _ = fs::remove_dir_all(round.elsewhere());
        } else {
            println!("what it left is in {}", round.home.keep().display());
        }
    }

    /// Starts the processes of a round, and does to them what it does until all have ended.
    fn run(&mut self, round: &Round, random: &mut Random) -> Vec<(Work, End)> {
        let setting = Setting {
            binary: &self.binary,
            variables: round.variables(),
            limits: round.limits,
            folder: round.home.path(),
        };
        let (mut running, mut ended) = (Vec::new(), Vec::new());
        let mut left = 0..round.processes;
        while !running.is_empty() || !left.is_empty() {
            if let Some(n) = left.next() {
                let server = usize::try_from(random.below(2)).unwrap();
                let url = self.servers[server].url();
                running.push(Work::start(&setting, &format!("{}.{n}", round.number), server, &url, random));
            }
            thread::sleep(Duration::from_millis(random.below(if left.is_empty() { 60 } else { 10 })));
            self.disturb(round, &mut running, random);
            let mut index = 0;
            while index < running.len() {
                let work: &mut Work = &mut running[index];
                if let Some(end) = work.end() {
                    let work = running.swap_remove(index);
                    ended.push((work, end));
                } else if work.time() > LONGEST {
                    self.total.found.push(format!("{:?} does not end", work.verb));
                    work.kill();
                    running.swap_remove(index);
                } else {
                    index += 1;
                }
            }
        }
        if round.vanishing && !round.outbox.exists() {
            let _ = fs::rename(round.elsewhere(), &round.outbox);
        }
        ended
    }

    /// One fault, one signal, one loss of the outbox, or nothing.
    fn disturb(&self, round: &Round, running: &mut [Work], random: &mut Random) {
        if round.faults && random.once_in(3) {
            self.servers[usize::try_from(random.below(2)).unwrap()].be(random.pick(&Mood::FAULTS));
        }
        if round.signals && random.once_in(2) && !running.is_empty() {
            let index = usize::try_from(random.below(running.len() as u64)).unwrap();
            running[index].signal(random.pick(&SIGNALS));
        }
        // What is stopped goes on in the end.
        if random.once_in(20) {
            for work in running.iter_mut() {
                work.signal(Signal::SIGCONT);
            }
        }
        if round.vanishing && random.once_in(5) {
            let _ = fs::rename(&round.outbox, round.elsewhere())
                .or_else(|_| fs::rename(round.elsewhere(), &round.outbox));
        }
    }

    /// Waits for what was detached, and complains of what does not end.
    fn nobody_is_left(&mut self, round: &Round) {
        let mark = format!("VLOG_TORTURE={}", round.mark());
        let start = Instant::now();
        while start.elapsed() < LONGEST {
            if living(&mark).is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.total.found.push(format!("left running: {:?}", living(&mark)));
    }

    /// Delivers what waits, as a user would once the server is well; how many records the outbox says it dropped.
    fn settle(&mut self, round: &Round) -> u64 {
        let mut dropped = 0;
        for outbox in [round.outbox.clone(), round.elsewhere()].into_iter().filter(|path| path.is_dir()) {
            for server in &self.servers {
                let vlog = |words: &[&str]| {
                    let mut command = Command::new(&self.binary);
                    command.env_clear().envs(round.variables()).env("VLOG_OUTBOX", &outbox);
                    command.env("VLOG_URL", server.url()).args(words).stdin(Stdio::null()).output().unwrap()
                };
                let flushed =
                    (0..20).any(|_| vlog(&["flush", "--fail", "--timeout", "20s"]).status.success());
                if !flushed {
                    let output = vlog(&["flush", "--fail", "-v"]);
                    self.total
                        .found
                        .push(format!("flush fails: {}", String::from_utf8_lossy(&output.stderr)));
                }
            }
            let mut status = Command::new(&self.binary);
            dropped += dropped_of(status.env_clear().envs(round.variables()).env("VLOG_OUTBOX", &outbox));
        }
        dropped
    }

    /// Holds what was promised against what came.
    fn account(&mut self, round: &Round, ended: &[(Work, End)], dropped: u64) {
        let came = self.servers.each_ref().map(Server::take_ledger);
        let total = &mut self.total;
        let (mut missing, mut lost) = (Vec::new(), 0);
        for (work, end) in ended {
            total.processes += 1;
            total.longest = total.longest.max(end.time);
            total.cpu = total.cpu.max(end.cpu);
            total.found.extend(wrong(work, end));
            if work.is_ended {
                continue;
            }
            // A command that cannot be logged runs without a log, and that is told.
            let unlogged = end.stderr.contains("; it runs all the same");
            lost += if unlogged { work.marks.len() as u64 } else { told_lost(&end.stderr) };
            total.promised += work.marks.len();
            for mark in &work.marks {
                let server = usize::from(mark.ends_with(".1"));
                if came[server].contains_key(mark) {
                    total.delivered += 1;
                } else {
                    missing.push(mark.clone());
                }
            }
        }
        if missing.len() as u64 > dropped + lost {
            total.found.push(format!(
                "{} records are missing, the outbox dropped {dropped}, {lost} were told as lost: {:?}",
                missing.len(),
                &missing[..missing.len().min(5)]
            ));
        }
        total.dropped += dropped;
        total.lost += lost;
        for (server, ledger) in came.iter().enumerate() {
            let strangers: Vec<_> =
                ledger.keys().filter(|mark| usize::from(mark.ends_with(".1")) != server).take(3).collect();
            if !strangers.is_empty() {
                total.found.push(format!("server {server} got records of the other: {strangers:?}"));
            }
            let twice: Vec<_> = ledger.iter().filter(|(_, came)| came.answered + came.cut > 1).collect();
            total.twice += twice.len();
            // A sender that was killed, or could not note what was delivered, could not know of the answer.
            let excused = round.signals || round.vanishing || !round.limits.is_empty();
            let uncut: Vec<_> = twice.iter().filter(|(_, came)| is_twice_uncut(**came)).take(3).collect();
            if !excused && !uncut.is_empty() {
                total.found.push(format!("twice, though no answer was cut: {uncut:?}"));
            }
        }
    }
}

fn is_twice_uncut(came: Came) -> bool {
    came.answered > 1
}

/// What one process has done that it must not do.
fn wrong(work: &Work, end: &End) -> Vec<String> {
    let mut found = Vec::new();
    if end.cpu > MOST_CPU {
        found.push(format!("{:?} took {:?} of the processors", work.verb, end.cpu));
    }
    if end.stderr.contains("panicked") {
        found.push(format!("{:?} panicked: {}", work.verb, end.stderr));
    }
    if !work.is_ended {
        if end.status != Some(0) {
            found.push(format!("{:?} ended with {:?}: {}", work.verb, end.status, end.stderr));
        }
        if !matches!(work.verb, Verb::Status | Verb::Query) && end.stdout != work.expected_output() {
            let shown: String = end.stdout.chars().take(200).collect();
            found.push(format!("{:?} wrote {} bytes: {shown}", work.verb, end.stdout.len()));
        }
    }
    found
}

/// The records that messages say are lost: "3 records lost", and of several counts in a line the last, which is of all.
fn told_lost(stderr: &str) -> u64 {
    let of_line = |line: &str| {
        let (before, _) = line.rsplit_once(" record lost").or_else(|| line.rsplit_once(" records lost"))?;
        before.rsplit(' ').next()?.parse::<u64>().ok()
    };
    stderr.lines().filter_map(of_line).sum()
}

/// What `status` says the outbox dropped.
fn dropped_of(status: &mut Command) -> u64 {
    let output = status.args(["status", "--json"]).stdin(Stdio::null()).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    found["outbox"]["dropped"].as_u64().unwrap_or(0)
}

/// Processes that have this in their environment.
fn living(mark: &str) -> HashMap<String, String> {
    let is_one = |folder: &Path| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let all = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = all.filter(|folder| is_one(folder));
    found
        .map(|folder| {
            let command = fs::read_to_string(folder.join("cmdline")).unwrap_or_default();
            (folder.display().to_string(), command.replace('\0', " "))
        })
        .collect()
}

/// Now and then leaves entries of another time, of another version and of nobody in the outbox.
fn old_entries(round: &Round, url: &str, random: &mut Random) {
    if !random.once_in(3) {
        return;
    }
    fs::create_dir_all(&round.outbox).unwrap();
    let foreign = "{\"vlog_outbox\":99,\"url\":\"http://127.0.0.1:1\"}\n{\"_msg\":\"of a later version\"}\n";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let year = 365 * 24 * 3600 * 1_000_000_000_u128;
    for (index, time) in [now - 10 * year, now + 10 * year].into_iter().enumerate() {
        let header = format!(
            "{{\"vlog_outbox\":1,\"protocol\":\"jsonline\",\"url\":\"{url}\",\"tenant\":\"0:0\",\"host\":\"x\",\"stream_fields\":[]}}"
        );
        let line = format!("{{\"_msg\":\"mark:{}.v1.{index}.0;\"}}", round.number);
        let name = format!("{time:020}-1-0123456789abcdef.0123456789abcdef.0123456789abcdef.jsonl");
        let _ = fs::write(round.outbox.join(name), format!("{header}\n{line}\n"));
    }
    let name = format!("{now:020}-2-0123456789abcdef.0123456789abcdef.0123456789abcdef.jsonl");
    let _ = fs::write(round.outbox.join(name), foreign);
    let _ = fs::write(round.outbox.join("notes.txt"), "not an entry\n");
}
