//! More than one node, and what stands in front of one: a cluster, vlagent, TLS, credentials, a path prefix, Loki's API.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::env::Env;
use crate::server::{Server, free_port, named, text, texts};

/// The rows of a service, once there are so many: what a cluster takes is found a while later.
#[track_caller]
fn rows_when(env: &Env, service: &str, count: usize) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let query = format!("service:={service} | sort by (_time)");
        let found = env.run(&["query", "-o", "raw", "--fields", "_msg", &query]);
        let rows: Vec<_> = found.text().lines().map(str::to_owned).collect();
        if rows.len() >= count || Instant::now() > end {
            assert_eq!(rows.len(), count, "{found:?}");
            return rows;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_cluster_takes_records_at_one_address_and_is_asked_at_another() {
    let Some(first) = Server::start() else { return };
    let second = Server::start().unwrap();
    let storages = |server: &Server| server.url().trim_start_matches("http://").to_owned();
    let nodes = format!("-storageNode={},{}", storages(&first), storages(&second));
    let insert = Server::start_with(&[&nodes, "-select.disable"]).unwrap();
    let select = Server::start_with(&[&nodes, "-insert.disable"]).unwrap();
    let env = Env::new(&insert).with("VLOG_QUERY_URL", &select.url()).with("VLOG_TIMEOUT", "20s");
    let lines: Vec<_> = (0..3000).map(|n| format!("line {n}")).collect();
    env.pipe(&["-s", "many"], lines.join("\n"));
    assert_eq!(rows_when(&env, "many", 3000), lines);
    assert!(first.rows_of("many").len() < 3000 && second.rows_of("many").len() < 3000, "both have some");

    // Tenants are kept apart by all of them.
    env.send(["m", "-s", "five", "--tenant", "5:6"]);
    let of_five = Env::new(&insert).with("VLOG_QUERY_URL", &select.url()).with("VLOG_TENANT", "5:6");
    assert_eq!(rows_when(&of_five, "five", 1), ["m"]);
    assert_eq!(env.run(&["query", "service:=five"]).text(), "");

    // A storage node that hangs for a while costs nothing but time.
    first.signal("STOP");
    for n in 0..30 {
        env.run(&["send", &format!("thawed {n}"), "-s", "thawed", "--timeout", "1s"]);
    }
    first.signal("CONT");
    assert!(env.run(&["flush", "--fail"]).status == Some(0));
    let mut found: Vec<_> = {
        let end = Instant::now() + Duration::from_secs(90);
        loop {
            let found = env.run(&["query", "-n", "0", "-o", "raw", "service:=thawed"]);
            let mut found: Vec<_> = found.text().lines().map(str::to_owned).collect();
            found.sort();
            found.dedup();
            if found.len() == 30 || Instant::now() > end {
                break found;
            }
            thread::sleep(Duration::from_millis(500));
        }
    };
    found.sort();
    let mut expected: Vec<_> = (0..30).map(|n| format!("thawed {n}")).collect();
    expected.sort();
    assert_eq!(found, expected, "nothing is lost");
}

#[test]
fn two_tenants_with_credentials_behind_a_path_prefix_are_apart() {
    let options = ["-http.pathPrefix=/logs/here", "-httpAuth.username=me", "-httpAuth.password=s3cret"];
    let Some(server) = Server::start_with(&options) else { return };
    let env = Env::new(&server).with("VLOG_USER", "me").with("VLOG_PASSWORD", "wrong");
    let refused = env.run(&["send", "first", "-s", "x", "-v", "--tenant", "1"]);
    assert!(refused.stderr.contains("401") && !refused.stderr.contains("wrong"), "{refused:?}");
    let env = env.with("VLOG_PASSWORD", "s3cret");
    env.send(["second", "-s", "x", "--tenant", "1"]);
    env.send(["third", "-s", "x", "--tenant", "2"]);
    server.flush();
    let found = |tenant: &str| {
        env.run(&["query", "-o", "raw", "service:=x | sort by (_time)", "--tenant", tenant]).text().to_owned()
    };
    assert_eq!([found("1"), found("2"), found("3")], ["first\nsecond\n", "third\n", ""]);
}

#[test]
fn tls_by_a_certificate_that_is_named_works_and_the_wrong_scheme_is_told() {
    let tls = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tls");
    let path = |name: &str| tls.join(name).to_str().unwrap().to_owned();
    for (certificate, key, ca) in
        [("cert.pem", "key.pem", "ca.pem"), ("self.pem", "self-key.pem", "self.pem")]
    {
        let options = [
            "-tls".to_owned(),
            format!("-tlsCertFile={}", path(certificate)),
            format!("-tlsKeyFile={}", path(key)),
        ];
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let Some(server) = Server::start_with(&options) else { return };
        let https = server.url().replace("http:", "https:");
        let env = Env::new(&server)
            .with("VLOG_URL", &https)
            .with("VLOG_CA_FILE", &path(ca))
            .with("VLOG_TIMEOUT", "10s");
        env.send(["by TLS", "-s", "x"]);
        env.pipe(&["-s", "x"], "one\ntwo\n");
        assert_eq!(rows_when(&env, "x", 3), ["by TLS", "one", "two"]);
        let plain = env.with("VLOG_URL", &server.url()).run(&["send", "m", "-v"]);
        assert!(plain.stderr.contains("speaks https, not http; 1 record kept"), "{plain:?}");
    }
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("VLOG_URL", &server.url().replace("http:", "https:"));
    let finished = env.run(&["send", "m", "-v"]);
    assert!(finished.stderr.contains("speaks http, not https; 1 record kept"), "{finished:?}");
}

#[test]
fn victoria_logs_takes_what_loki_takes() {
    let Some(server) = Server::start() else { return };
    let env = Env::new(&server).with("VLOG_PROTOCOL", "loki").with("VLOG_QUERY_URL", &server.url());
    let env = env.with("VLOG_URL", &format!("{}/insert/loki/api/v1/push", server.url()));
    env.send(["{\"a\":1}", "-s", "x", "-l", "warn", "n:=5", "a.b=c"]);
    env.pipe(&["-s", "many"], (0..5000).map(|n| format!("line {n}\n")).collect::<String>());
    let row = server.row_of("x");
    let expected =
        [("_msg", "{\"a\":1}"), ("_stream", "{level=\"warn\",service=\"x\"}"), ("n", "5"), ("a_b", "c")];
    for (name, value) in expected {
        assert_eq!(text(&row, name), value, "{row:#?}");
    }
    let lines: Vec<_> = (0..5000).map(|n| format!("line {n}")).collect();
    assert_eq!(texts(&server.rows_of("many"), "_msg"), lines);
    assert!(env.run(&["status"]).text().contains("accepting                 true"));

    env.send(["m", "-s", "tenant", "--tenant", "12:3"]);
    let found = server.answer_for("AccountID: 12\r\nProjectID: 3\r\n", &[("query", "service:=tenant")]);
    assert_eq!(String::from_utf8(found.body).unwrap().lines().count(), 1);
}

/// A vlagent that hands on what it takes.
struct Agent {
    child: Child,
    _folder: TempDir,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn vlagent_hands_records_on() {
    let Some(server) = Server::start() else { return };
    let Some(program) = named("vlagent", "VLAGENT_BIN") else { return };
    let (port, folder) = (free_port(), TempDir::new().unwrap());
    let child = Command::new(program)
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg(format!("-remoteWrite.url={}/internal/insert", server.url()))
        .arg(format!("-remoteWrite.tmpDataPath={}", folder.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _agent = Agent { child, _folder: folder };
    let env =
        Env::new(&server).with("VLOG_URL", &format!("http://127.0.0.1:{port}")).with("VLOG_TIMEOUT", "10s");
    let end = Instant::now() + Duration::from_secs(30);
    while env.run(&["status", "--fail"]).status != Some(0) {
        assert!(Instant::now() < end, "vlagent does not come up");
        thread::sleep(Duration::from_millis(50));
    }
    let lines: Vec<_> = (0..2000).map(|n| format!("line {n}")).collect();
    env.pipe(&["-s", "many"], lines.join("\n"));
    let asking = env.with("VLOG_QUERY_URL", &server.url());
    assert_eq!(rows_when(&asking, "many", 2000), lines);
}
