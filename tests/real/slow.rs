//! A server that stands still: vlog does not.

use std::time::Duration;

use crate::child::within;
use crate::env::{Env, finish};
use crate::server::{Server, texts};

/// The two seconds of the promise, and what a process takes.
const DEADLINE: Duration = Duration::from_millis(2500);

#[test]
fn a_frozen_server_costs_one_wait_and_no_record() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server);
    env.send(["before", "-s", "x"]);
    server.signal("STOP");
    let sent = env.run(&["send", "meanwhile"]);
    let piped = finish(env.vlog().arg("pipe"), "meanwhile\n".repeat(10));
    let failed = env.run(&["send", "meanwhile", "--fail", "-v"]);
    server.signal("CONT");
    for finished in [&sent, &piped] {
        finished.in_silence();
    }
    assert_eq!(failed.status, Some(1), "{failed:?}");
    assert!(failed.stderr.starts_with("vlog: could not "), "{failed:?}");
    for finished in [&sent, &piped, &failed] {
        assert!(finished.time < within(DEADLINE), "{finished:?}");
    }
    // Asked for, it is tried at once; before, the breaker kept the others from waiting too.
    let flushed = env.run(&["flush", "--fail"]);
    assert_eq!(flushed.status, Some(0), "{flushed:?}");
    // The request that was cut may have arrived after all.
    let count = texts(&server.rows_of("vlog"), "_msg").len();
    assert!((12..=13).contains(&count), "{count} records");
    env.send(["after", "-s", "x"]);
    env.pipe(&["-s", "x"], "after that\n");
    assert_eq!(texts(&server.rows_of("x"), "_msg"), ["before", "after", "after that"]);
}
