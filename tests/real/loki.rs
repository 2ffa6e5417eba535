//! Against a real Loki, the program named by `LOKI_BIN`, or `loki` on the path: by its push API and by OpenTelemetry's.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::env::Env;
use crate::http;
use crate::server::{free_port, named};

/// A running Loki with tenants; it ends with this value.
struct Loki {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Loki {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            eprintln!("Loki's log:\n{log}");
        }
    }
}

impl Loki {
    /// Starts it; `None`, and a line on stderr, where there is no such program.
    fn start() -> Option<Self> {
        let program = named("loki", "LOKI_BIN")?;
        let (port, grpc, folder) = (free_port(), free_port(), TempDir::new().unwrap());
        let data = folder.path().join("data").display().to_string();
        // What is older than three hours is asked of the ingester too.
        let config = format!(
            "auth_enabled: true\n\
             server: {{http_listen_address: 127.0.0.1, http_listen_port: {port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}, log_level: warn}}\n\
             common: {{path_prefix: {data}, instance_addr: 127.0.0.1, replication_factor: 1, ring: {{kvstore: {{store: inmemory}}}}, storage: {{filesystem: {{chunks_directory: {data}/chunks, rules_directory: {data}/rules}}}}}}\n\
             schema_config: {{configs: [{{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]}}\n\
             querier: {{query_ingesters_within: 0}}\n\
             limits_config: {{max_entries_limit_per_query: 100000}}\n\
             analytics: {{reporting_enabled: false}}\n"
        );
        fs::write(folder.path().join("config.yaml"), config).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg(format!("-config.file={}", folder.path().join("config.yaml").display()))
            // Some of its files lie where it was started.
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let loki = Self { child, port, folder };
        // It answers some time before it can take anything.
        let env = loki.env("push", "nobody");
        let end = Instant::now() + Duration::from_secs(120);
        while env.run(&["send", "--fail", "--no-outbox", "m"]).status != Some(0) {
            assert!(Instant::now() < end, "Loki does not come up");
            thread::sleep(Duration::from_millis(200));
        }
        Some(loki)
    }

    /// Commands that send to it as this tenant.
    fn env(&self, api: &str, tenant: &str) -> Env {
        let (protocol, path) = if api == "push" { ("loki", "") } else { ("otlp", "/otlp") };
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        Env::for_url(&url)
            .with("VLOG_PROTOCOL", protocol)
            .with("VLOG_TENANT", tenant)
            .with("VLOG_TIMEOUT", "30s")
    }

    /// The lines that a query finds in the last days, in the order of their time, with what belongs to each.
    fn found(&self, tenant: &str, query: &str) -> Vec<(String, Value)> {
        let form = [("query", query), ("since", "120h"), ("limit", "100000"), ("direction", "forward")];
        let headers = format!("X-Scope-OrgID: {tenant}\r\n");
        let answer = http::post(self.port, "/loki/api/v1/query_range", &headers, &form).unwrap();
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let mut rows: Vec<(String, String, Value)> = Vec::new();
        for stream in body["data"]["result"].as_array().unwrap() {
            for value in stream["values"].as_array().unwrap() {
                let text = |at: usize| value[at].as_str().unwrap().to_owned();
                rows.push((text(0), text(1), stream["stream"].clone()));
            }
        }
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.into_iter().map(|(_, line, stream)| (line, stream)).collect()
    }

    /// Has it write down what is old: its ingester is not asked for that.
    fn flush(&self) {
        http::post(self.port, "/flush", "", &[]).unwrap();
    }

    /// The lines of a query, once there are so many.
    fn lines_when(&self, tenant: &str, query: &str, count: usize) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let found: Vec<_> = self.found(tenant, query).into_iter().map(|(line, _)| line).collect();
            if found.len() >= count || Instant::now() > end {
                return found;
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn loki_finds_everything_that_was_sent_in_order_and_once() {
    let Some(loki) = Loki::start() else { return };
    for (api, label) in [("push", "service"), ("otlp", "service_name")] {
        let env = loki.env(api, "first");
        let query = |service: &str| format!("{{{label}=\"{service}\"}}");
        let lines: Vec<_> = (0..5000).map(|n| format!("line {n}")).collect();
        let service = format!("many-{api}");
        env.pipe(&["-s", &service], lines.join("\n"));
        assert_eq!(loki.lines_when("first", &query(&service), 5000), lines, "{api}");

        // Tenants are apart, and whoever names none is refused and keeps his records.
        let service = format!("tenant-{api}");
        loki.env(api, "second").send(["of the second", "-s", &service]);
        assert_eq!(loki.lines_when("second", &query(&service), 1), ["of the second"]);
        assert!(loki.found("first", &query(&service)).is_empty());
        let nobody = loki.env(api, "first").with("VLOG_TENANT", "");
        let refused = nobody.run(&["send", "m", "-v"]);
        assert!(refused.stderr.contains("it wants a tenant: set VLOG_TENANT; 1 record kept"), "{refused:?}");
    }
}

#[test]
fn loki_has_labels_metadata_levels_and_types() {
    let Some(loki) = Loki::start() else { return };
    let words = ["m", "-l", "warn", "n:=1.50", "user.id=x", "trace_id=0123456789abcdef0123456789abcdef"];
    for (api, label) in [("push", "service"), ("otlp", "service_name")] {
        let env = loki.env(api, "first");
        env.send(words.into_iter().chain(["-s", api]));
        let query = format!("{{{label}=\"{api}\"}}");
        assert_eq!(loki.lines_when("first", &query, 1), ["m"]);
        let (_, stream) = loki.found("first", &query).remove(0);
        let n = if api == "push" { "1.50" } else { "1.5" };
        for (name, value) in [("n", n), ("user_id", "x"), ("trace_id", "0123456789abcdef0123456789abcdef")] {
            assert_eq!(stream[name], value, "{api}: {stream}");
        }
        assert_eq!(stream[if api == "push" { "level" } else { "severity_text" }], "warn");

        // More than its limits allow is not lost.
        let wide: Vec<_> = (0..300).map(|n| format!("field{n}={n}")).collect();
        let wide: Vec<_> = wide.iter().map(String::as_str).collect();
        if api == "push" {
            env.send(["wide", "-s", "wide"].into_iter().chain(wide));
            let lines = loki.lines_when("first", "{service=\"wide\"}", 1);
            assert!(
                lines[0].starts_with("wide {\"field") && lines[0].contains("\"field299\":\"299\"}"),
                "{lines:?}"
            );
        }
    }
}

#[test]
fn loki_takes_what_comes_late_and_finds_it_in_order() {
    let Some(loki) = Loki::start() else { return };
    let env = loki.env("push", "first");
    env.send(["now", "-s", "late"]);
    for ago in ["3 days ago", "2 hours ago", "71 hours ago", "70 hours ago"] {
        env.send([ago, "-s", "late", "-t", ago]);
    }
    loki.flush();
    let found = loki.lines_when("first", "{service=\"late\"}", 5);
    assert_eq!(found, ["3 days ago", "71 hours ago", "70 hours ago", "2 hours ago", "now"]);

    // By OpenTelemetry a service of its own takes them.
    loki.env("otlp", "first").send(["old", "-s", "late-otlp", "-t", "3 days ago"]);
    loki.flush();
    assert_eq!(loki.lines_when("first", "{service_name=\"late-otlp\"}", 1), ["old"]);
}

#[test]
fn what_loki_refuses_is_put_aside_and_holds_back_nothing() {
    let Some(loki) = Loki::start() else { return };
    let env = loki.env("push", "first");
    let soon = env.shell("date -u -d '+2 seconds' +%FT%T.%NZ");
    let soon = soon.text().trim();
    // One is older than a week; without a time of their own those behind it would have its time.
    let input: String = (0..50)
        .map(|n| match n {
            20 => "{\"time\":\"2020-01-01T00:00:00Z\",\"msg\":\"too old\"}\n".to_owned(),
            21 => format!("{{\"time\":\"{soon}\",\"msg\":\"line 21\"}}\n"),
            n => format!("line {n}\n"),
        })
        .collect();
    let mut command = env.vlog();
    let finished = crate::env::finish(command.args(["pipe", "-v", "-s", "some", "--time", "line"]), input);
    assert!(finished.stderr.contains("1 record put aside"), "{finished:?}");
    let lines: Vec<_> = (0..50).filter(|n| *n != 20).map(|n| format!("line {n}")).collect();
    assert_eq!(loki.lines_when("first", "{service=\"some\"}", 49), lines, "each once");
}
