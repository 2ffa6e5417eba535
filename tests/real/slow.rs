//! A server that stands still: vlog does not.

use std::time::Duration;

use crate::env::{Env, finish};
use crate::server::{Server, texts};

/// The two seconds of the promise, and what a process takes.
const DEADLINE: Duration = Duration::from_millis(2500);

#[test]
fn a_frozen_server_costs_two_seconds_and_nothing_else() {
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
        assert!(finished.time < DEADLINE, "{finished:?}");
    }
    env.send(["after", "-s", "x"]);
    env.pipe(&["-s", "x"], "after that\n");
    assert_eq!(texts(&server.rows_of("x"), "_msg"), ["before", "after", "after that"]);
}
