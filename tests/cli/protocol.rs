//! One contract for every protocol: what is sent arrives, what is not taken waits, and nothing goes another's way.

use std::fs;
use std::io::Read;

use serde_json::Value;

use crate::env::{self, TestEnv, undelivered};
use crate::outbox::age_breaker;
use crate::server::{Answer, Nobody, Request, Server};

const PROTOCOLS: [&str; 4] = ["jsonline", "loki", "ndjson", "otlp"];

/// Where a protocol's records go below the base URL.
fn path(protocol: &str) -> &'static str {
    match protocol {
        "jsonline" => "/insert/jsonline?_stream_fields=service",
        "loki" => "/loki/api/v1/push",
        "ndjson" => "/",
        _ => "/v1/logs",
    }
}

/// Whether a request asks without sending records.
fn is_check(request: &Request) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    request.line.contains("debug=1") || ["", "{\"streams\":[]}", "{\"resourceLogs\":[]}"].contains(&&*body)
}

/// What the protocol's server answers to such a request; Loki's is a refusal.
fn yes(protocol: &str) -> Answer {
    match protocol {
        "loki" => Answer::Status(422, "", "error at least one valid stream is required for ingestion\n"),
        "otlp" => Answer::Status(200, "Content-Type: application/json\r\n", "{\"partialSuccess\":{}}"),
        _ => Answer::Accept,
    }
}

/// The messages of a request, in the order of their time.
fn messages(protocol: &str, request: &Request) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if protocol == "jsonline" || protocol == "ndjson" {
        let name = if protocol == "ndjson" { "message" } else { "_msg" };
        return request.records().iter().map(|record| text(&record[name])).collect();
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let mut found: Vec<(String, String)> = Vec::new();
    if protocol == "loki" {
        for value in list(&body["streams"]).iter().flat_map(|stream| list(&stream["values"])) {
            found.push((text(&value[0]), text(&value[1])));
        }
    } else {
        let scopes =
            list(&body["resourceLogs"]).iter().flat_map(|one| list(&one["scopeLogs"])).collect::<Vec<_>>();
        for record in scopes.iter().flat_map(|scope| list(&scope["logRecords"])) {
            found.push((text(&record["timeUnixNano"]), text(&record["body"]["stringValue"])));
        }
    }
    found.sort();
    found.into_iter().map(|(_, message)| message).collect()
}

/// The messages of all requests but checks.
fn all(protocol: &str, server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| !is_check(request))
        .flat_map(|request| messages(protocol, request))
        .collect()
}

/// A server that says yes to checks, and judges everything else.
fn judging(protocol: &'static str, judge: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
    Server::judging(move |_, request| match request {
        Some(request) if is_check(request) => yes(protocol),
        Some(request) => judge(request),
        None => Answer::Accept,
    })
}

fn env_for(protocol: &str, url: &str) -> TestEnv {
    TestEnv::new().with("VLOG_URL", url).with("VLOG_PROTOCOL", protocol)
}

/// The same, where no time-out comes.
fn patient_env_for(protocol: &str, url: &str) -> TestEnv {
    env_for(protocol, url).with("VLOG_TIMEOUT", "30s")
}

fn body(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// The records that were put aside.
fn aside(env: &TestEnv) -> Vec<String> {
    let all = fs::read_dir(env.outbox().join("rejected")).into_iter().flatten().flatten();
    all.flat_map(|entry| undelivered(&entry.path()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn what_is_sent_arrives() {
    for protocol in PROTOCOLS {
        let server = judging(protocol, |_| Answer::Status(204, "", ""));
        let env = env_for(protocol, &server.url());
        env.run(&["send", "--fail", "one", "a=1"]).in_silence();
        env.run_with(&["pipe", "--fail"], "two\nERROR three\n{\"msg\":\"four\"}\n").in_silence();
        env.run_with(&["hook"], "{\"hook_event_name\":\"Stop\"}").in_silence();
        assert_eq!(env.run(&["run", "--", "echo", "six"]).text(), "six\n");
        let found = all(protocol, &server);
        assert_eq!(found[..5], ["one", "two", "ERROR three", "four", "Stop"], "{protocol}");
        assert_eq!(found[5], "six", "{protocol}");
        for request in server.requests() {
            assert_eq!(request.line, format!("POST {} HTTP/1.1", path(protocol)));
            assert!(!request.headers["content-type"].contains("form"));
        }
    }
}

#[test]
fn a_url_may_be_the_base_or_the_whole() {
    for (protocol, tail) in [
        ("jsonline", "/insert/jsonline"),
        ("loki", "/loki/api/v1/push"),
        ("ndjson", ""),
        ("otlp", "/v1/logs"),
    ] {
        let server = judging(protocol, |_| Answer::Accept);
        for url in [
            format!("{}/a/b", server.url()),
            format!("{}/a/b{tail}", server.url()),
            format!("{}/a/b{tail}/", server.url()),
        ] {
            env_for(protocol, &url).run(&["send", "--fail", "m"]).in_silence();
        }
        for request in server.requests() {
            let expected = format!("/a/b{}", if protocol == "ndjson" { "" } else { path(protocol) });
            assert_eq!(request.line, format!("POST {expected} HTTP/1.1"));
        }
    }
}

#[test]
fn what_waited_for_an_outage_to_end_goes_its_own_way_only() {
    for (at, protocol) in PROTOCOLS.into_iter().enumerate() {
        let nobody = Nobody::new();
        let env = env_for(protocol, &format!("http://{}", nobody.address()));
        env.run(&["send", "-v", "one"]).kept_the_promise().saying("1 record kept in the outbox");
        env.run_with(&["pipe"], "two\nthree\n").in_silence();
        let entry = fs::read_to_string(&env.entries()[0]).unwrap();
        assert!(entry.contains(&format!("\"protocol\":\"{protocol}\"")), "{entry}");
        let server = Server::at(&nobody.address().to_string(), Answer::Status(204, "", ""));

        // Another protocol at the same URL takes nothing along.
        let other = PROTOCOLS[(at + 1) % PROTOCOLS.len()];
        env.run(&["send", "--protocol", other, "other"]).in_silence();
        env.run(&["flush", "--protocol", other]).in_silence();
        assert_eq!(
            (server.requests().len(), messages(other, &server.requests()[0])),
            (1, vec!["other".to_owned()])
        );

        env.run(&["flush", "-v", "--fail"]).kept_the_promise().saying("3 records delivered");
        let found: Vec<_> =
            server.requests()[1..].iter().flat_map(|request| messages(protocol, request)).collect();
        assert_eq!(found, ["one", "two", "three"], "{protocol}");
        assert!(env.entries().is_empty());
    }
}

#[test]
fn wrong_credentials_keep_records_until_they_are_right() {
    for protocol in PROTOCOLS {
        let server = Server::judging(|_, request| {
            let given = request.and_then(|request| request.headers.get("authorization").cloned());
            if given.as_deref() == Some("Bearer right") {
                Answer::Accept
            } else {
                Answer::Status(401, "", "go away")
            }
        });
        let env = env_for(protocol, &server.url()).with("VLOG_TOKEN", "wrong");
        env.run(&["send", "-v", "one"]).kept_the_promise().saying("401");
        assert_eq!(env.status()["server"]["accepting"], false);
        let env = env.with("VLOG_TOKEN", "right");
        env.run(&["send", "--fail", "two"]).in_silence();
        assert_eq!(env.status()["server"]["accepting"], true);
        let right = server
            .requests()
            .into_iter()
            .filter(|request| request.headers["authorization"] == "Bearer right");
        let found: Vec<_> = right
            .filter(|request| !is_check(request))
            .flat_map(|request| messages(protocol, &request))
            .collect();
        assert_eq!(found, ["two", "one"], "{protocol}");
    }
}

#[test]
fn a_tenant_is_its_own_destination() {
    for (protocol, header, right, wrong) in [
        ("jsonline", "accountid", "5", "6"),
        ("loki", "x-scope-orgid", "team-a", "team-b"),
        ("otlp", "x-scope-orgid", "team-a", "team-b"),
    ] {
        let server = Server::judging(move |_, request| {
            let given = request.and_then(|request| request.headers.get(header).cloned());
            match given.as_deref() {
                Some(tenant) if tenant == right => {
                    request.filter(|request| is_check(request)).map_or(Answer::Accept, |_| yes(protocol))
                }
                Some(_) => Answer::Status(403, "", "not this one"),
                None => Answer::Status(401, "", "no org id"),
            }
        });
        let env = env_for(protocol, &server.url());
        if protocol != "jsonline" {
            env.run(&["send", "-v", "of nobody"])
                .kept_the_promise()
                .saying("it wants a tenant: set VLOG_TENANT");
        }
        env.run(&["send", "-v", "of the wrong one", "--tenant", wrong])
            .kept_the_promise()
            .saying("1 record kept");
        env.run(&["send", "--fail", "of the right one", "--tenant", right]).in_silence();
        env.run(&["flush", "--fail", "--tenant", right]).in_silence();
        let last = server.requests().pop().unwrap();
        assert_eq!(
            (last.headers[header].as_str(), messages(protocol, &last)),
            (right, vec!["of the right one".to_owned()])
        );
        let status = env.with("VLOG_TENANT", right).status();
        assert_eq!(
            (&status["settings"]["tenant"]["value"], &status["server"]["accepting"]),
            (&Value::from(if protocol == "jsonline" { "5:0" } else { right }), &Value::from(true))
        );
    }
    // Without tenants in the protocol nobody can tell where it was to go.
    let server = Server::new(Answer::Accept);
    let env = env_for("ndjson", &server.url());
    env.run(&["send", "m", "--tenant", "5"]).kept_the_promise().saying("ndjson has no tenants");
    assert_eq!((server.connections(), aside(&env).len()), (0, 1));
}

#[test]
fn large_and_wide_records_arrive_whole() {
    let line = "0123456789".repeat(60_000);
    let fields: Vec<_> = (0..300).map(|n| format!("field{n}=value{n}")).collect();
    for protocol in PROTOCOLS {
        let server = judging(protocol, |_| Answer::Accept);
        let env = env_for(protocol, &server.url());
        env.run_with(&["pipe", "--fail"], format!("{line}\n")).in_silence();
        assert_eq!(all(protocol, &server).concat(), line, "{protocol}");
        let words = ["send", "--fail", "wide"]
            .into_iter()
            .chain(fields.iter().map(String::as_str))
            .collect::<Vec<_>>();
        env.run(&words).in_silence();
        let wide = body(&server.requests().pop().unwrap());
        for field in [0, 127, 128, 299] {
            assert!(
                wide.contains(&format!("field{field}")) && wide.contains(&format!("value{field}")),
                "{protocol}: {field}"
            );
        }
    }
}

#[test]
fn one_bad_record_holds_back_no_good_ones() {
    for protocol in PROTOCOLS {
        let server = judging(protocol, |request| {
            if body(request).contains("bad") { Answer::Status(400, "", "one is bad") } else { Answer::Accept }
        });
        let env = env_for(protocol, &server.url());
        let lines: Vec<_> =
            (0..40).map(|n| if n == 13 { "bad".to_owned() } else { format!("line {n}") }).collect();
        env.run_with(&["pipe", "-v"], lines.join("\n")).kept_the_promise().saying("1 record put aside");
        let taken = server
            .requests()
            .into_iter()
            .filter(|request| !is_check(request) && !body(request).contains("bad"));
        let mut found: Vec<_> = taken.flat_map(|request| messages(protocol, &request)).collect();
        found.sort();
        let mut good: Vec<_> = lines.into_iter().filter(|line| line != "bad").collect();
        good.sort();
        assert_eq!(found, good, "{protocol}: each once");
        let aside = aside(&env);
        assert!(aside.len() == 1 && aside[0].contains("bad"), "{protocol}: {aside:?}");
        assert!(env.entries().is_empty());
    }
}

#[test]
fn where_the_path_is_wrong_nothing_is_rejected() {
    for protocol in PROTOCOLS {
        let server = Server::new(Answer::Status(400, "", "unsupported path requested"));
        let env = env_for(protocol, &server.url());
        env.run_with(&["pipe", "-v"], "a\nb\n").kept_the_promise().saying("2 records kept in the outbox");
        assert_eq!((aside(&env).len(), server.requests().len()), (0, 2), "{protocol}");
    }
}

/// A server that takes all but bad records, and no request without any.
fn wanting_records(protocol: &'static str) -> Server {
    Server::judging(move |_, request| match request {
        Some(request) if is_check(request) => Answer::Status(400, "", "no payload found"),
        Some(request) if messages(protocol, request).iter().any(|text| text.contains("bad")) => {
            Answer::Status(400, "", "one is bad")
        }
        _ => Answer::Accept,
    })
}

/// The messages of the requests that such a server has taken, sorted.
fn taken(protocol: &str, server: &Server) -> Vec<String> {
    let requests = server.requests().into_iter().filter(|request| !is_check(request));
    let all = requests.map(|request| messages(protocol, &request));
    let mut taken: Vec<_> =
        all.filter(|texts| !texts.iter().any(|text| text.contains("bad"))).flatten().collect();
    taken.sort();
    taken
}

#[test]
fn where_a_request_without_records_is_refused_a_bad_record_still_holds_back_no_good_ones() {
    for protocol in ["ndjson", "otlp"] {
        for bad in [vec![0], vec![39], vec![0, 20, 39], vec![5, 6, 30], (0..39).step_by(2).collect()] {
            let server = wanting_records(protocol);
            let env = patient_env_for(protocol, &server.url());
            env.run(&["send", "--fail", "line before"]).in_silence();
            let line = |n| if bad.contains(&n) { format!("bad {n}") } else { format!("line {n:02}") };
            env.run_with(&["pipe"], (0..40).map(|n| line(n) + "\n").collect::<String>()).in_silence();
            let mut good: Vec<_> = (0..40).filter(|n| !bad.contains(n)).map(line).collect();
            good.push("line before".to_owned());
            assert_eq!(taken(protocol, &server), good, "{protocol} {bad:?}: each once");
            assert_eq!((aside(&env).len(), env.waiting().len()), (bad.len(), 0), "{protocol} {bad:?}");
        }
    }
}

#[test]
fn where_a_request_without_records_is_refused_a_lone_bad_record_waits_for_a_good_one() {
    for protocol in ["ndjson", "otlp"] {
        let server = wanting_records(protocol);
        let env = patient_env_for(protocol, &server.url());
        env.run(&["send", "-v", "bad"]).kept_the_promise().saying("one is bad; 1 record kept in the outbox");
        env.run(&["flush"]).in_silence();
        assert_eq!((aside(&env).len(), env.waiting().len()), (0, 1), "{protocol}");
        // What goes along with a record has a quarter of a second, which may not do on a busy machine.
        for _ in 0..20 {
            if aside(&env).is_empty() {
                env.run(&["send", "--fail", "good"]).in_silence();
            }
        }
        assert_eq!((aside(&env).len(), env.waiting().len()), (1, 0), "{protocol}");
        assert!(taken(protocol, &server).iter().all(|text| text == "good"), "{protocol}");
    }
}

#[test]
fn a_server_that_begins_to_refuse_everything_rejects_nothing_and_is_not_asked_for_long() {
    for protocol in PROTOCOLS {
        let server = Server::scripted(|n| {
            if n == 0 { Answer::Accept } else { Answer::Status(400, "", "inserts are switched off") }
        });
        let env = patient_env_for(protocol, &server.url());
        env.run(&["send", "--fail", "one"]).in_silence();
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        env.run_with(&["pipe"], lines).in_silence();
        assert_eq!((aside(&env).len(), env.waiting().len()), (0, 1000), "{protocol}");
        // By halves from a thousand records to one, its neighbour, and the check.
        let requests = server.requests().len();
        assert!(requests <= 20, "{protocol}: {requests} requests");
    }
}

/// A collector that takes all but bad records, and says how many those were.
fn picky() -> Server {
    judging("otlp", |request| {
        match messages("otlp", request).iter().filter(|message| message.contains("bad")).count() {
            0 => Answer::Accept,
            1 => Answer::Status(
                200,
                "",
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\",\"errorMessage\":\"bad\"}}",
            ),
            2 => Answer::Status(
                200,
                "",
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"2\",\"errorMessage\":\"bad\"}}",
            ),
            _ => Answer::Status(
                200,
                "",
                "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"bad\"}}",
            ),
        }
    })
}

#[test]
fn of_a_partial_success_the_refused_are_found_and_little_is_repeated() {
    for bad in [vec![0], vec![63], vec![20], vec![5, 40], vec![31, 32], vec![7, 8, 50]] {
        let server = picky();
        let env = env_for("otlp", &server.url());
        let line = |n| if bad.contains(&n) { format!("bad {n}") } else { format!("good {n}") };
        let lines: Vec<_> = (0..64).map(line).collect();
        let finished = env.run_with(&["pipe", "-v"], lines.join("\n")).kept_the_promise();
        assert!(finished.stderr.contains("put aside"), "{finished:?}");
        let found = all("otlp", &server);
        for line in &lines {
            assert!(found.contains(line), "{line} is lost");
        }
        assert_eq!(aside(&env).iter().filter(|line| line.contains("bad")).count(), bad.len());
        assert_eq!((aside(&env).len(), env.entries().len()), (bad.len(), 0));
        // Only first halves are sent again: what the second ones hold follows from the numbers.
        let most = 64 + 64 * bad.len();
        assert!(found.len() <= most, "{} records for {bad:?}", found.len());
    }
}

#[test]
fn what_loki_refuses_of_a_batch_that_it_has_otherwise_stored_is_found_in_few_requests() {
    for bad in [vec![0], vec![511], vec![100, 101], vec![3, 200, 400]] {
        // It stores what is good of a batch and refuses the batch; what comes again it has already.
        let server = judging("loki", |request| {
            if body(request).contains("bad") {
                Answer::Status(400, "", "entry for stream '{service=\"vlog\"}' has timestamp too old")
            } else {
                Answer::Status(204, "", "")
            }
        });
        let env = patient_env_for("loki", &server.url());
        let line = |n| if bad.contains(&n) { format!("bad {n}") } else { format!("good {n}") };
        let lines: Vec<_> = (0..512).map(line).collect();
        env.run_with(&["pipe"], lines.join("\n")).in_silence();
        let found = all("loki", &server);
        assert!(lines.iter().all(|line| found.contains(line)), "{bad:?}");
        assert_eq!((aside(&env).len(), env.entries().len()), (bad.len(), 0));
        // Both halves at each cut, beside the first request and the check. Halves of bytes are not quite halves of
        // lines, so nine cuts may become eleven.
        let requests = server.requests().len();
        assert!(requests <= 2 + 22 * bad.len(), "{bad:?}: {requests} requests");
    }
}

#[test]
fn too_many_requests_keep_records_for_later() {
    for protocol in PROTOCOLS {
        for headers in ["", "Retry-After: 1\r\n"] {
            let server = Server::judging(move |n, request| match request {
                Some(request) if is_check(request) => yes(protocol),
                _ if n == 0 => Answer::Status(429, headers, "slow down"),
                _ => Answer::Accept,
            });
            let env = env_for(protocol, &server.url());
            env.run(&["send", "-v", "one"]).kept_the_promise().saying("429");
            assert_eq!(env.waiting(), ["one"]);
            env.run(&["flush", "--fail"]).in_silence();
            assert_eq!(all(protocol, &server), ["one", "one"], "{protocol}");
            assert!(env.entries().is_empty() && aside(&env).is_empty());
        }
    }
}

/// A server that answers its first push with this, and takes everything from then on.
fn busy_once(protocol: &'static str, status: u16, headers: &'static str) -> Server {
    Server::judging(move |n, request| match request {
        Some(request) if is_check(request) => yes(protocol),
        _ if n == 0 => Answer::Status(status, headers, "slow down"),
        _ => Answer::Accept,
    })
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it_from_every_call() {
    for protocol in PROTOCOLS {
        for status in [429, 503] {
            let server = busy_once(protocol, status, "Retry-After: 200\r\n");
            let env = env_for(protocol, &server.url());
            env.run(&["send", "-v", "one"]).kept_the_promise().saying(&status.to_string());
            env.run(&["send", "-v", "two"])
                .kept_the_promise()
                .saying("it asked for a pause, next try in ")
                .saying("1 record kept in the outbox");
            env.run_with(&["pipe"], "three\n").in_silence();
            env.run_with(&["hook"], "{\"hook_event_name\":\"Stop\"}").in_silence();
            assert_eq!((server.requests().len(), env.waiting().len()), (1, 4), "{protocol} {status}");
            let next = env.status()["outbox"]["next_try"].as_str().unwrap().to_owned();
            assert!(next.starts_with("in "), "{next}");
            age_breaker(&env, 201);
            env.run(&["send", "--fail", "five"]).in_silence();
            assert_eq!(all(protocol, &server), ["one", "five", "one", "two", "three", "Stop"], "{protocol}");
            assert!(env.entries().is_empty() && aside(&env).is_empty());
        }
    }
}

#[test]
fn without_a_pause_to_come_the_next_call_tries_again() {
    for protocol in PROTOCOLS {
        for headers in [
            "",
            "Retry-After: 0\r\n",
            "Retry-After: soon\r\n",
            "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        ] {
            let server = busy_once(protocol, 429, headers);
            let env = env_for(protocol, &server.url());
            env.run(&["send", "one"]).in_silence();
            env.run(&["send", "--fail", "two"]).in_silence();
            assert_eq!(all(protocol, &server), ["one", "two", "one"], "{protocol}: {headers}");
        }
    }
    // Of another status it says nothing about the next request.
    let server = busy_once("jsonline", 500, "Retry-After: 200\r\n");
    let env = env_for("jsonline", &server.url());
    env.run(&["send", "one"]).in_silence();
    env.run(&["send", "--fail", "two"]).in_silence();
}

#[test]
fn no_pause_is_longer_than_five_minutes() {
    for headers in ["Retry-After: 31536000\r\n", "Retry-After: Thu, 31 Dec 2099 23:59:59 GMT\r\n"] {
        let server = busy_once("jsonline", 503, headers);
        let env = env_for("jsonline", &server.url());
        env.run(&["send", "one"]).in_silence();
        age_breaker(&env, 200);
        env.run(&["send", "-v", "two"]).kept_the_promise().saying("it asked for a pause");
        age_breaker(&env, 101);
        env.run(&["send", "--fail", "three"]).in_silence();
        assert_eq!(all("jsonline", &server), ["one", "three", "one", "two"]);
    }
}

#[test]
fn a_dry_run_prints_the_request_of_the_protocol() {
    for protocol in PROTOCOLS {
        let env = env_for(protocol, "http://192.0.2.1:9").with("VLOG_TOKEN", "s3cret");
        let finished = env.run(&["send", "--dry-run", "hello"]);
        let text = finished.text();
        assert!(text.starts_with(&format!("POST {} HTTP/1.1\n", path(protocol))), "{text}");
        assert!(text.contains("hello") && text.ends_with('\n') && !text.contains("s3cret"), "{text}");
    }
    let finished = env_for("loki", "http://192.0.2.1").run(&["send", "--dry-run", "m", "--tenant", "team-a"]);
    assert!(finished.text().contains("X-Scope-OrgID: team-a\n"), "{finished:?}");
}

#[test]
fn a_protocol_that_there_is_not_sends_nothing() {
    let server = Server::new(Answer::Accept);
    let env = TestEnv::for_server(&server);
    let finished =
        env::finish(env.vlog().args(["send", "m"]).env("VLOG_PROTOCOL", "pigeon")).kept_the_promise();
    finished.saying("could not use VLOG_PROTOCOL: 'pigeon' is no protocol");
    env.run(&["send", "m", "--protocol", ""]).kept_the_promise().saying("1 record put aside");
    assert_eq!((server.connections(), aside(&env).len()), (0, 2));
    env.run(&["flush", "--rejected", "--fail", "--protocol", "ndjson"]).in_silence();
    assert_eq!(all("ndjson", &server), ["m", "m"]);
}

#[test]
fn only_victoria_logs_is_asked() {
    let server = Server::new(Answer::Accept);
    for (protocol, instead) in [("loki", "logcli"), ("ndjson", "collector"), ("otlp", "collector")] {
        let env = env_for(protocol, &server.url());
        let finished = env.run(&["query", "--fail", "x"]);
        assert_eq!((finished.status, server.connections()), (Some(1), 0));
        finished.saying("vlog reads VictoriaLogs only").saying(instead).saying("VLOG_QUERY_URL");
    }
    let env = env_for("loki", "http://192.0.2.1").with("VLOG_QUERY_URL", &server.url());
    env.run(&["query", "--fail", "x"]).in_silence();
    env_for("loki", "http://192.0.2.1").run(&["query", "--fail", "x", "--url", &server.url()]).in_silence();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_waits_for_any_protocol_is_found_in_the_outbox() {
    for protocol in PROTOCOLS {
        let nobody = Nobody::new();
        let env = env_for(protocol, &format!("http://{}", nobody.address()));
        env.run(&["send", "kept", "n=1"]).in_silence();
        let finished = env.run(&["query", "--local", "--fail", "n:=1"]);
        assert!(finished.text().contains("\"_msg\":\"kept\""), "{protocol}: {finished:?}");
        assert_eq!((finished.status, finished.text().lines().count()), (Some(0), 1), "{protocol}");
    }
}

/// A proxy whose tunnels all lead to itself: what another machine would be sent comes here.
fn tunnel(judge: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static) -> Server {
    Server::judging(move |n, request| match request {
        Some(request) if !request.line.starts_with("CONNECT ") => judge(n, request),
        _ => Answer::Accept,
    })
}

fn unzipped(request: &Request) -> Request {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(request.body.as_slice()).read_to_end(&mut body).unwrap();
    Request { body, ..request.clone() }
}

#[test]
fn large_bodies_to_another_machine_are_compressed() {
    let lines: Vec<_> = (0..900).map(|n| format!("line {n}")).collect();
    for protocol in PROTOCOLS {
        let server = tunnel(|_, _| Answer::Accept);
        let env = env_for(protocol, "http://logs.invalid").with("http_proxy", &server.url());
        env.run(&["send", "--fail", "small"]).in_silence();
        env.run_with(&["pipe", "--fail"], lines.join("\n")).in_silence();
        let requests: Vec<_> =
            server.requests().into_iter().filter(|request| request.line.starts_with("POST")).collect();
        let is_gzip =
            |request: &&Request| request.headers.get("content-encoding").is_some_and(|text| text == "gzip");
        assert!(!is_gzip(&&requests[0]) && requests.iter().filter(is_gzip).count() >= 1, "{protocol}");
        let sent = requests
            .iter()
            .map(|request| if is_gzip(&request) { unzipped(request) } else { request.clone() });
        let found: Vec<_> = sent.flat_map(|request| messages(protocol, &request)).collect();
        assert_eq!(found[1..], lines, "{protocol}");
        assert!(requests.iter().filter(is_gzip).all(|request| request.body.len() < 64 * 1024));
    }
    // Not to this machine.
    let server = judging("jsonline", |_| Answer::Accept);
    env_for("jsonline", &server.url()).run_with(&["pipe", "--fail"], lines.join("\n")).in_silence();
    assert!(server.requests().iter().all(|request| !request.headers.contains_key("content-encoding")));
}

#[test]
fn a_server_that_takes_nothing_compressed_gets_it_plain_from_then_on() {
    let server = tunnel(|_, request| {
        if request.headers.contains_key("content-encoding") {
            Answer::Status(415, "", "no such encoding")
        } else {
            Answer::Accept
        }
    });
    let env = env_for("jsonline", "http://logs.invalid").with("http_proxy", &server.url());
    let lines: Vec<_> = (0..3000).map(|n| format!("line {n}")).collect();
    env.run_with(&["pipe", "--fail"], lines.join("\n")).in_silence();
    let requests = server.requests();
    let refused = requests.iter().filter(|request| request.headers.contains_key("content-encoding")).count();
    let taken = requests.iter().filter(|request| {
        request.line.starts_with("POST") && !request.headers.contains_key("content-encoding")
    });
    let found: Vec<_> = taken.flat_map(|request| messages("jsonline", request)).collect();
    assert_eq!((refused, found), (1, lines));
}
