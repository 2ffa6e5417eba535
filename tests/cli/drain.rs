//! Taking what waits out of the outbox: what goes along with other calls, full disks, entries of other versions, the
//! cap, and an end to everything.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::env::{self, TestEnv, undelivered};
use crate::outbox::{age_breaker, messages};
use crate::server::{Answer, Request, Server};

/// A server that answers 503 until it is sent a record with "gate", and then does what `judge` says.
fn gated(judge: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
    let open = AtomicBool::new(false);
    Server::judging(move |_, request| {
        let Some(request) = request else { return Answer::Accept };
        if String::from_utf8_lossy(&request.body).contains("gate") {
            open.store(true, Ordering::Relaxed);
        }
        if open.load(Ordering::Relaxed) { judge(request) } else { Answer::Status(503, "", "busy") }
    })
}

/// The messages that a gated server has taken.
fn taken(server: &Server) -> Vec<String> {
    let all = messages(server);
    let gate = all.iter().position(|text| text.contains("gate")).unwrap_or(all.len());
    all[gate..].to_vec()
}

/// Runs a script with a small disk of its own at `$DISK`; `None` where that is not allowed.
fn with_small_disk(env: &TestEnv, size: &str, script: &str) -> Option<env::Finished> {
    let disk = env.home.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let script = format!(
        "unshare -m sh -c 'mount -t tmpfs -o size={size},mode=0700 none $DISK || exit 77; {script}' || exit $?"
    );
    let mut command = env.shell(&script);
    let finished = env::finish(command.env("DISK", &disk).env("VLOG_OUTBOX", disk.join("outbox")));
    if finished.status == Some(77) || finished.stderr.contains("unshare") {
        env::skip(&format!("this needs a file system of its own: {}", finished.stderr));
        return None;
    }
    Some(finished)
}

#[test]
fn on_a_full_disk_every_record_is_delivered_once() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "seq -f \"line %g xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" 1200 | vlog pipe; \
        cat /dev/zero > $DISK/fill 2>/dev/null; \
        for n in gate 1 2 3; do vlog send $n; done; vlog flush --fail; echo $?; ls $DISK/outbox";
    let Some(finished) = with_small_disk(&env, "400k", script) else { return };
    let (status, files) = finished.text().split_once('\n').unwrap();
    assert_eq!(status, "0", "{finished:?}");
    assert!(!files.contains("jsonl"), "{files}");
    let mut found: Vec<_> = taken(&server).into_iter().filter(|text| text.starts_with("line")).collect();
    let count = found.len();
    found.sort();
    found.dedup();
    assert_eq!((count, found.len()), (1200, 1200));
}

#[test]
fn on_a_full_disk_the_oldest_go_and_are_counted() {
    let env = TestEnv::new();
    let script = "seq -f \"line %g xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" 3000 | vlog pipe -v; vlog send last; \
        cat $DISK/outbox/*.jsonl; vlog status --json";
    let Some(finished) = with_small_disk(&env, "300k", script) else { return };
    let lines: Vec<Value> = finished.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (status, lines) = lines.split_last().unwrap();
    let dropped = status["outbox"]["dropped"].as_u64().unwrap();
    let kept: Vec<_> = lines.iter().filter_map(|line| line["_msg"].as_str()).collect();
    let numbered = kept.iter().filter(|text| text.starts_with("line")).count() as u64;
    assert!(dropped > 0 && numbered + dropped == 3000, "{numbered} kept, {dropped} dropped");
    assert_eq!(kept.last(), Some(&"last"));
    assert!(kept.iter().any(|text| text.starts_with("line 3000 ")));
    assert!(finished.stderr.contains(&format!("{dropped} records dropped from it")), "{}", finished.stderr);
}

#[test]
fn what_cannot_be_taken_out_is_not_sent_and_a_flush_says_so() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    let script = "for n in 1 2 3; do vlog send $n; done; mount -o remount,ro $DISK; vlog send gate; vlog flush; \
        vlog flush -v --fail; echo $?";
    let Some(finished) = with_small_disk(&env, "300k", script) else { return };
    assert_eq!((finished.text(), taken(&server)), ("1\n", vec!["gate".to_owned()]));
    let finished = finished.saying("could not empty the outbox: ");
    assert!(
        finished.stderr.contains("read-only file system; 0 records delivered, 3 records left"),
        "{finished:?}"
    );
}

#[test]
fn an_entry_that_cannot_be_removed_is_delivered_once() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "kept"]).in_silence();
    // Root may remove what it likes; strace(1) sees to it that it may not.
    let script = "for n in gate 1 2; do strace -f -o /dev/null -e inject=unlink,unlinkat:error=EACCES vlog send $n; \
        done; strace -f -o /dev/null -e inject=unlink,unlinkat:error=EACCES vlog flush -v --fail";
    let finished = env::finish(&mut env.shell(script));
    if finished.status == Some(127) || finished.stderr.contains("ptrace") {
        env::skip("this needs strace(1)");
        return;
    }
    finished.kept_the_promise().saying("nothing waits in the outbox");
    assert_eq!(taken(&server), ["gate", "kept", "1", "2"]);
    assert_eq!(env.entries().len(), 1);
    assert_eq!(env.status()["outbox"]["records"], 0);
    env.run(&["send", "more", "--url", "http://127.0.0.1:1"]).in_silence();
}

#[test]
fn a_flush_ends_when_a_refused_record_cannot_be_put_aside() {
    let server = gated(|request| {
        let is_bad = String::from_utf8_lossy(&request.body).contains("bad");
        if is_bad { Answer::Status(400, "", "a bad record") } else { Answer::Accept }
    });
    let env = TestEnv::for_server(&server);
    for text in ["one", "bad", "two"] {
        env.run(&["send", text]).in_silence();
    }
    fs::write(env.outbox().join("rejected"), "").unwrap();
    env.run(&["send", "gate"]).in_silence();
    let before = server.requests().len();
    let flushed = env.run(&["flush", "--fail", "-v"]).saying("it could not be put aside: ");
    assert_eq!((flushed.status, env.waiting()), (Some(1), vec!["bad".to_owned(), "two".to_owned()]));
    assert!(server.requests().len() - before < 10, "{} requests", server.requests().len() - before);
    fs::remove_file(env.outbox().join("rejected")).unwrap();
    env.run(&["flush"]).in_silence();
    assert!(env.waiting().is_empty() && taken(&server).contains(&"two".to_owned()));
}

#[test]
fn a_slow_server_is_found_again_after_a_hang() {
    let slow = Answer::Late(Duration::from_millis(700));
    let server = Server::scripted(move |n| if n == 0 { Answer::Hang } else { slow.clone() });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "hangs"]).in_silence();
    age_breaker(&env, 31);
    // Half a second is too short for it; the next probe may take a whole one.
    env.run(&["send", "-v", "first probe"]).saying("no answer within 5").kept_the_promise();
    env.run(&["send", "-v", "paused"]).saying("no answer lately");
    age_breaker(&env, 31);
    env.run(&["send", "--fail", "second probe"]).in_silence();
    env.run(&["send", "--fail", "healthy"]).in_silence();
    env.run(&["flush", "--fail"]).in_silence();
    assert!(env.waiting().is_empty());
}

#[test]
fn a_probe_that_is_refused_leaves_no_pause() {
    let server = Server::scripted(|n| if n == 0 { Answer::Hang } else { Answer::Status(503, "", "busy") });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "hangs", "--timeout", "600ms"]).in_silence();
    age_breaker(&env, 31);
    for n in 0..3 {
        env.run(&["send", "-v", &n.to_string()]).kept_the_promise().saying("503");
    }
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn after_a_slow_delivery_something_goes_along_too() {
    for late in [0, 150, 400] {
        for (verb, input) in
            [(&["send", "gate"][..], ""), (&["pipe"], "gate\n"), (&["run", "--", "echo", "gate"], "")]
        {
            let server = gated(move |_| Answer::Late(Duration::from_millis(late)));
            let env = TestEnv::for_server(&server);
            env.run(&["send", "kept"]).in_silence();
            assert_eq!(env.run_with(verb, input).status, Some(0));
            assert!(env.waiting().is_empty(), "{verb:?} at {late} ms: {:?}", env.waiting());
            assert!(taken(&server).contains(&"kept".to_owned()));
        }
    }
}

#[test]
fn a_hook_takes_no_more_along_than_it_has_time_for() {
    let server = gated(|_| Answer::Late(Duration::from_millis(400)));
    let env = TestEnv::for_server(&server);
    env.run(&["send", "kept"]).in_silence();
    env.run_with(&["hook"], "{\"hook_event_name\":\"gate\"}").in_silence();
    assert_eq!((env.waiting(), server.requests().len()), (vec!["kept".to_owned()], 2));
}

#[test]
fn after_a_time_out_the_next_request_is_half_as_large() {
    let sizes =
        |server: &Server| server.requests().iter().map(|request| request.body.len()).collect::<Vec<_>>();
    let server = gated(|request| if request.body.len() > 10_000 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    let lines: String = (0..250).map(|n| format!("{n} {}\n", "x".repeat(50))).collect();
    env.run_with(&["pipe"], lines).in_silence();
    env.run(&["send", "gate"]).in_silence();
    for _ in 0..3 {
        env.run(&["flush", "--timeout", "300ms"]).in_silence();
    }
    assert!(env.waiting().is_empty(), "{:?}", sizes(&server));
    let mut found: Vec<_> = taken(&server).into_iter().collect();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 251);
}

/// An entry as version 0.1.0 wrote it.
fn entry_of_version_1(env: &TestEnv, url: &str, lines: &str) -> std::path::PathBuf {
    let header = json!({"vlog_outbox": 1, "protocol": "jsonline", "url": url, "tenant": "0:0",
        "host": hostname(), "stream_fields": ["service"]});
    let fnv = |text: &str| {
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, mix)
    };
    let server = fnv(&format!("jsonline\n{url}\n0:0\n{}", hostname()));
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("{nanoseconds:020}-1-0123456789abcdef.{server:016x}.{:016x}.jsonl", fnv("service"));
    fs::create_dir_all(env.outbox()).unwrap();
    let path = env.outbox().join(name);
    fs::write(&path, format!("{header}\n{lines}")).unwrap();
    path
}

fn hostname() -> String {
    let name = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

#[test]
fn entries_of_version_0_1_0_are_delivered_once_also_in_parts() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    let lines: String = (0..1000).map(|n| format!("{{\"_msg\":\"{n} {}\"}}\n", "x".repeat(60))).collect();
    entry_of_version_1(&env, &server.url(), &format!("{lines}{{\"_msg\":\"to"));
    assert_eq!(env.status()["outbox"]["records"], 1001, "a torn line is not told from a whole one");
    env.run(&["send", "gate"]).in_silence();
    let first = taken(&server).len() - 1;
    assert!(first > 100 && first < 1000, "{first}");
    // Whoever has basic authentication now had none of it in the entry.
    let flush = env::finish(env.vlog().args(["flush", "--fail"]).env("VLOG_USER", "ana"));
    flush.in_silence();
    let mut found = taken(&server);
    found.sort();
    found.dedup();
    assert_eq!((found.len(), taken(&server).len(), env.entries().len()), (1001, 1001, 0));
}

#[test]
fn entries_of_a_later_version_or_another_protocol_are_left_alone_and_told() {
    for (from, to) in [("\"vlog_outbox\":2", "\"vlog_outbox\":3"), ("\"jsonline\"", "\"carrier pigeon\"")] {
        let server = gated(|_| Answer::Accept);
        let env = TestEnv::for_server(&server);
        env.run(&["send", "of the future"]).in_silence();
        let entry = env.entries().pop().unwrap();
        let text = fs::read_to_string(&entry).unwrap();
        fs::write(&entry, text.replacen(from, to, 1)).unwrap();
        env.run(&["send", "gate"]).in_silence();
        let flushed =
            env.run(&["flush", "-v", "--fail"]).saying("1 entry damaged, or of another version of vlog");
        assert_eq!(flushed.status, Some(1));
        assert_eq!((taken(&server), env.entries().len()), (vec!["gate".to_owned()], 1));
        assert_eq!(env.status()["outbox"]["foreign_files"], 1);
        // It is not appended to either.
        env.run(&["send", "m", "--no-outbox"]).in_silence();
        assert!(fs::read_to_string(&entry).unwrap().contains(to));
    }
}

#[test]
fn what_is_over_six_days_old_is_sent_only_when_asked_for() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "old"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let text = fs::read_to_string(&entry).unwrap();
    let at = text.find("\"since\":\"").unwrap() + 9;
    let since: u64 = text[at..at + 20].parse().unwrap();
    let aged = format!("{:020}", since - 6 * 24 * 3600 * 1_000_000_000 - 1_000_000_000);
    fs::write(&entry, text.replacen(&text[at..at + 20], &aged, 1)).unwrap();
    // A young record does not wait together with an old one.
    env.run(&["send", "young"]).in_silence();
    assert_eq!(env.entries().len(), 2);
    env.run(&["send", "gate"]).in_silence();
    env.run(&["flush", "--fail", "-v"]).saying("1 entry over 6 days old left for vlog flush --old");
    assert_eq!(
        (taken(&server), env.waiting()),
        (vec!["gate".to_owned(), "young".into()], vec!["old".to_owned()])
    );
    assert_eq!((env.status()["outbox"]["older_than_6_days"].as_u64(), env.waiting().len()), (Some(1), 1));
    env.run(&["flush", "--old", "--fail", "-v"]).kept_the_promise().saying("1 record delivered");
}

#[test]
fn a_cap_that_is_too_small_for_a_record_is_told() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1K");
    env.run(&["send", "m"]).kept_the_promise().saying("1 record lost: the outbox may take 1024 bytes only");
    assert!(env.waiting().is_empty());
}

#[test]
fn what_is_no_entry_counts_nothing() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1M");
    env.run(&["send", "0"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let suffix = entry.to_str().unwrap().rsplit_once("open").unwrap().1.to_owned();
    let huge = env.outbox().join(format!("00000000000000000001-1-0000000000000001{suffix}"));
    let mut content = fs::read(&entry).unwrap();
    content.resize(17_000_000, b'x');
    fs::write(&huge, content).unwrap();
    let _ = fs::remove_file(env.outbox().join("bytes"));
    for n in 1..5 {
        env.run(&["send", &n.to_string()]).in_silence();
    }
    let kept = undelivered(&entry).unwrap();
    assert_eq!(kept.lines().count(), 5, "{kept}");
    assert!(huge.exists());
    assert_eq!(env.status()["outbox"]["dropped"], 0);
}

#[test]
fn puts_at_the_cap_at_once_drop_no_more_than_they_need() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1M");
    let message = "x".repeat(200_000);
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let (env, message) = (&env, &message);
            scope.spawn(move || {
                for n in 0..8 {
                    env.run_with(&["send", "-"], format!("{sender}.{n} {message}")).kept_the_promise();
                }
            });
        }
    });
    let used: u64 = env.entries().iter().map(|path| fs::metadata(path).unwrap().blocks() * 512).sum();
    let dropped = env.status()["outbox"]["dropped"].as_u64().unwrap();
    // Each is an entry of its own, and five have room.
    assert_eq!((env.waiting().len() as u64, dropped), (5, 59), "{used} bytes");
}

#[test]
fn a_run_that_fills_the_whole_cap_spares_the_disk() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1M").with("VLOG_VERBOSE", "1");
    let lines =
        "a line of a hundred bytes or so, of which there are far too many in this loop, again and again\n";
    let finished = env.run_with(&["pipe"], lines.repeat(60_000)).kept_the_promise();
    let status = env.status();
    let (kept, dropped) = (env.waiting().len() as u64, status["outbox"]["dropped"].as_u64().unwrap());
    // One of them says how many.
    assert_eq!(kept - 1 + dropped, 60_000, "{finished:?}");
    assert!(finished.stderr.contains(&format!("{dropped} records dropped")), "{finished:?}");
}

#[test]
fn ten_thousand_entries_are_delivered_in_time_and_do_not_slow_a_send() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "100M");
    let first = entry_of_version_1(&env, &server.url(), "");
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let header = fs::read_to_string(&first).unwrap();
    let start: u64 = name[..20].parse().unwrap();
    for n in 0..10_000_u64 {
        let name = format!("{:020}{}", start + n, &name[20..]);
        fs::write(env.outbox().join(name), format!("{header}{{\"_msg\":\"{n}\"}}\n")).unwrap();
    }
    let time = env.run(&["send", "closed"]).in_silence().time;
    assert!(time < crate::env::within(Duration::from_secs(1)), "{time:?}");
    env.run(&["send", "gate"]).in_silence();
    let start = Instant::now();
    let flushed = env.run(&["flush", "--fail"]);
    assert_eq!(flushed.status, Some(0), "{flushed:?}");
    // Where each entry is looked for in the whole list, it takes minutes.
    assert!(start.elapsed() < crate::env::within(Duration::from_secs(20)), "{:?}", start.elapsed());
    assert_eq!((taken(&server).len(), env.entries().len()), (10_002, 0));
}

#[test]
fn an_answer_that_came_while_vlog_was_stopped_has_come_in_time() {
    let server = Server::new(Answer::Late(Duration::from_millis(300)));
    let env = TestEnv::for_server(&server);
    let child = env::spawn(env.vlog().args(["send", "m", "--fail", "--timeout", "1s"]));
    server.wait_for(1);
    env::signal(&child, "STOP");
    std::thread::sleep(Duration::from_millis(1500));
    env::signal(&child, "CONT");
    let finished = env::wait(child);
    assert_eq!((finished.status, finished.stderr.as_str(), env.waiting().len()), (Some(0), "", 0));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_long_run_that_has_delivered_in_between_keeps_each_outage_whole() {
    let server = gated(|request| {
        let is_down = String::from_utf8_lossy(&request.body).contains("outage");
        if is_down { Answer::Status(503, "", "busy") } else { Answer::Accept }
    });
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "600K");
    let mut child = env::spawn(env.vlog().args(["pipe", "gate=1"]).stdin(std::process::Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    for n in 0..4 {
        let lines: String = (0..2000).map(|line| format!("outage {n} {line} {}\n", "x".repeat(40))).collect();
        stdin.write_all(lines.as_bytes()).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while env.waiting().iter().filter(|text| text.starts_with(&format!("outage {n} "))).count() < 2000 {
            assert!(Instant::now() < end, "outage {n}: {} wait", env.waiting().len());
            std::thread::sleep(Duration::from_millis(50));
        }
        // The server takes this one; what was kept is out of the way.
        stdin.write_all(b"between\n").unwrap();
        std::thread::sleep(Duration::from_millis(1300));
        for entry in env.entries() {
            let _ = fs::remove_file(entry);
        }
        let _ = fs::remove_file(env.outbox().join("bytes"));
    }
    drop(stdin);
    env::wait(child).in_silence();
    assert_eq!(env.status()["outbox"]["dropped"], 0);
}

#[test]
fn a_message_larger_than_the_outbox_is_kept_as_far_as_it_goes_and_told() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "1M");
    env.run(&["send", "before"]).in_silence();
    let finished = env.run_with(&["send", "-"], "x".repeat(3_000_000)).kept_the_promise();
    // One came before.
    let waiting = env.waiting().len() - 1;
    let lost = 12 - waiting;
    assert!(waiting >= 3, "{waiting}");
    let told = format!(
        "{waiting} records kept in the outbox, {lost} records lost: the outbox may take 1048576 bytes"
    );
    finished.saying(&told);
}

#[test]
fn a_large_message_is_not_left_to_the_outbox_by_detach() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server).with("VLOG_OUTBOX_MAX", "1M");
    env.run_with(&["send", "--detach", "-"], "x".repeat(3_000_000)).in_silence();
    assert_eq!((server.records().len(), env.waiting().len()), (12, 0));
}

#[test]
fn at_the_cap_the_oldest_records_go_whatever_their_stream_is() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "12K");
    for n in 0..6 {
        env.run(&["send", &n.to_string(), "--stream-fields", &format!("f{n}")]).in_silence();
    }
    let mut waiting = env.waiting();
    waiting.sort();
    assert_eq!(waiting, ["3", "4", "5"]);
}

#[test]
fn files_that_are_no_entries_push_nothing_out_at_the_cap() {
    let env = TestEnv::new().with("VLOG_OUTBOX_MAX", "100K");
    env.run(&["send", "0"]).in_silence();
    let entry = env.entries().pop().unwrap();
    let suffix = entry.to_str().unwrap().rsplit_once("open").unwrap().1.to_owned();
    for (n, start) in ["garbage\n", "{\"vlog_outbox\":3,\"protocol\":\"jsonline\"}\n"].iter().enumerate() {
        let path = env.outbox().join(format!("0000000000000000000{n}-1-0000000000000001{suffix}"));
        fs::write(path, format!("{start}{}", "x".repeat(200_000))).unwrap();
    }
    let _ = fs::remove_file(env.outbox().join("bytes"));
    for n in 1..6 {
        env.run(&["send", &n.to_string()]).in_silence();
    }
    assert_eq!(undelivered(&entry).unwrap().lines().count(), 6);
    let status = env.status();
    assert_eq!((&status["outbox"]["dropped"], &status["outbox"]["foreign_files"]), (&json!(0), &json!(2)));
}

#[test]
fn a_pipe_does_not_try_again_and_again_what_cannot_be_put_aside() {
    let server = gated(|request| {
        let is_bad = String::from_utf8_lossy(&request.body).contains("bad");
        if is_bad { Answer::Status(400, "", "a bad record") } else { Answer::Accept }
    });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "bad"]).in_silence();
    fs::write(env.outbox().join("rejected"), "").unwrap();
    let script = "{ echo gate; for n in 1 2 3; do sleep 1.2; echo $n; done; } | vlog pipe";
    env::finish(&mut env.shell(script));
    let bad =
        server.requests().iter().filter(|r| String::from_utf8_lossy(&r.body).contains("\"bad\"")).count();
    assert!(bad <= 3, "{bad} requests with it");
    assert_eq!(env.waiting(), ["bad"]);
}

#[test]
fn few_descriptors_are_enough_to_flush_many_entries() {
    let server = gated(|_| Answer::Accept);
    let env = TestEnv::for_server(&server);
    let first = entry_of_version_1(&env, &server.url(), "{\"_msg\":\"x\"}\n");
    let (text, name) = (fs::read_to_string(&first).unwrap(), first.file_name().unwrap().to_str().unwrap());
    for n in 100..200 {
        fs::write(env.outbox().join(format!("{}{n}{}", &name[..17], &name[20..])), &text).unwrap();
    }
    env.run(&["send", "gate"]).in_silence();
    let finished = env::finish(&mut env.shell("ulimit -n 16; vlog flush -v --fail"));
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(env.entries().is_empty());
}

#[test]
fn a_status_that_finds_the_server_ends_the_pause() {
    let server = Server::scripted(|n| if n == 0 { Answer::Hang } else { Answer::Accept });
    let env = TestEnv::for_server(&server);
    env.run(&["send", "one", "--timeout", "600ms"]).in_silence();
    assert_eq!(env.status()["outbox"]["next_try"], "with the next call");
    env.run(&["send", "two", "--fail"]).in_silence();
}

#[test]
fn a_pause_is_not_what_went_wrong_last() {
    let server = Server::new(Answer::Hang);
    let env = TestEnv::for_server(&server);
    env.run(&["send", "one", "--timeout", "600ms"]).in_silence();
    env.run(&["send", "two"]).in_silence();
    let error = env.status()["outbox"]["last_error"].as_str().unwrap().to_owned();
    assert!(error.contains("no answer within"), "{error}");
}
