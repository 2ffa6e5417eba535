//! `query --local` answers as the server does: the same records are asked for in the outbox and, once they are
//! delivered, in a real VictoriaLogs.
//!
//! `VLOG_REAL_QUERIES=TEXT` asks only the queries that hold this text, or whose theme does.

mod compare;
mod queries;
mod records;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;

use crate::env::{Env, finish};
use crate::server::{Server, text};
use compare::Verdict;
use queries::{How, Query};

/// What a side says to a query.
pub enum Answer {
    /// JSON lines.
    Rows(String),
    /// Why there is none.
    Refused(String),
}

/// Both sides, with the same records.
struct Sides {
    server: Server,
    env: Env,
    /// What waited in the outbox before all of it was delivered.
    outbox: PathBuf,
}

impl Sides {
    /// `None` where there is no server.
    fn new() -> Option<Self> {
        let mut server = Server::start_in("UTC", &["-retentionPeriod=100y", "-loggerLevel=ERROR"])?;
        let env = Env::new(&server).with("VLOG_OUTBOX_MAX", "67108864").with("TZ", "America/New_York");
        let outbox = env.home().join("kept");
        server.stop();
        for group in records::groups(Timestamp::now()) {
            let mut command = env.vlog();
            command.args(["pipe", "--parse", "json"]).env("VLOG_STREAM_FIELDS", group.stream_fields);
            finish(&mut command, group.lines).in_silence();
        }
        copy(&env.home().join(".local/state/vlog/outbox"), &outbox);
        server.start_again();
        env.run(&["flush", "--fail"]).in_silence();
        let count = server.rows("* | stats count() n");
        assert_eq!(text(&count[0], "n"), records::COUNT.to_string());
        Some(Self { server, env, outbox })
    }

    /// What the outbox answers.
    fn local(&self, query: &str) -> Answer {
        let mut command = self.env.vlog();
        command.args(["query", "--local", "--fail", "-o", "json", "-n", "0", "--", query]);
        self.told(command)
    }

    /// What `vlog query` says to these arguments, of the outbox or of the server.
    fn asked(&self, is_local: bool, args: &[&str]) -> Answer {
        let mut command = self.env.vlog();
        command.args(["query", "--fail", "-o", "json"]).args(args);
        if is_local {
            command.arg("--local");
        }
        self.told(command)
    }

    fn told(&self, mut command: std::process::Command) -> Answer {
        let finished = finish(command.env("VLOG_OUTBOX", &self.outbox), "");
        match finished.status {
            Some(0) => Answer::Rows(finished.text().to_owned()),
            Some(1) if finished.stdout.is_empty() => Answer::Refused(finished.stderr),
            _ => panic!("{finished:?}"),
        }
    }

    /// What the server answers.
    fn remote(&self, query: &str) -> Answer {
        let answer = self.server.answer(&[("query", query)]);
        let body = String::from_utf8(answer.body).unwrap();
        if answer.status == 200 { Answer::Rows(body) } else { Answer::Refused(body) }
    }

    fn judge(&self, query: &Query) -> Verdict {
        let remote = self.remote(&query.text);
        match (self.local(&query.text), remote) {
            (Answer::Refused(why), Answer::Refused(_)) => Verdict::of_refusal(&why),
            (Answer::Refused(why), Answer::Rows(_)) if matches!(query.how, How::NeedsServer) => {
                Verdict::of_local_refusal(&why)
            }
            (Answer::Refused(why), Answer::Rows(_)) => Verdict::Different(format!("refused locally: {why}")),
            (Answer::Rows(_), Answer::Refused(why)) => {
                Verdict::Different(format!("the server refuses: {why}"))
            }
            (Answer::Rows(local), Answer::Rows(remote)) => self.weigh(query, &local, &remote),
        }
    }

    /// The server's answers to some queries vary: of what has no one order it takes the first that comes.
    fn weigh(&self, query: &Query, local: &str, remote: &str) -> Verdict {
        let rows = |query: &str| match self.remote(query) {
            Answer::Rows(rows) => rows,
            Answer::Refused(why) => panic!("{query}: {why}"),
        };
        let verdict = compare::compare(&query.how, local, remote, rows);
        if !matches!(verdict, Verdict::Different(_)) {
            return verdict;
        }
        let mut varies = false;
        for _ in 0..5 {
            let again = rows(&query.text);
            let verdict = compare::compare(&query.how, local, &again, rows);
            if !matches!(verdict, Verdict::Different(_)) {
                return verdict;
            }
            varies |= matches!(compare::compare(&query.how, &again, remote, rows), Verdict::Different(_));
        }
        if varies { Verdict::Varies } else { verdict }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// The verdict on each of these, by all processors.
fn judge_all<Q: Sync>(queries: &[Q], judge: impl Fn(&Q) -> Verdict + Sync) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        while let Some((at, query)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            queries.get(at).map(|query| (at, query))
        } {
            verdicts.push((at, judge(query)));
        }
        verdicts
    };
    let mut verdicts: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    verdicts.sort_by_key(|(at, _)| *at);
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

#[test]
fn the_outbox_answers_as_the_server_does() {
    let Some(sides) = Sides::new() else { return };
    let start = Instant::now();
    let only = std::env::var("VLOG_REAL_QUERIES").unwrap_or_default();
    let mut queries = queries::all();
    queries.retain(|query| query.theme.contains(&only) || query.text.contains(&only));
    let verdicts = judge_all(&queries, |query| sides.judge(query));

    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| wanted(verdict)).count();
    let summary = format!(
        "{} queries over {} records in {:.0?}: {} equal, {} equal in finding nothing, {} refused by both, {} refused locally only, {} that the server answers in several ways, {} different\n",
        queries.len(),
        records::COUNT,
        start.elapsed(),
        count(|verdict| matches!(verdict, Verdict::Equal)),
        count(|verdict| matches!(verdict, Verdict::Nothing)),
        count(|verdict| matches!(verdict, Verdict::RefusedByBoth)),
        count(|verdict| matches!(verdict, Verdict::RefusedLocally)),
        count(|verdict| matches!(verdict, Verdict::Varies)),
        count(|verdict| matches!(verdict, Verdict::Different(_))),
    );
    // Not by a macro: the harness would keep it to itself.
    std::io::stderr().write_all(summary.as_bytes()).unwrap();
    let different = queries.iter().zip(&verdicts).filter_map(|(query, verdict)| match verdict {
        Verdict::Different(how) => Some(format!("{}: {}\n    {how}", query.theme, query.text)),
        _ => None,
    });
    let different: Vec<_> = different.collect();
    assert!(different.is_empty(), "{}\n{summary}", different.join("\n"));
    assert!(!only.is_empty() || queries.len() >= 600, "{summary}");
}

#[test]
fn options_mean_the_same_in_the_outbox_and_on_the_server() {
    let Some(sides) = Sides::new() else { return };
    let verdicts =
        judge_all(queries::ARGUMENTS, |args| match (sides.asked(true, args), sides.asked(false, args)) {
            (Answer::Rows(local), Answer::Rows(remote)) => {
                compare::compare(&How::Ordered, &local, &remote, |_| String::new())
            }
            (Answer::Refused(why), Answer::Refused(_)) => Verdict::of_refusal(&why),
            (Answer::Refused(why), _) | (_, Answer::Refused(why)) => Verdict::Different(why),
        });
    for (args, verdict) in queries::ARGUMENTS.iter().zip(verdicts) {
        assert!(!matches!(verdict, Verdict::Different(_)), "{args:?}: {verdict:?}");
    }
}
