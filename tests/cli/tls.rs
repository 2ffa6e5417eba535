//! https: who is trusted, and that its failures are like any other.
//!
//! Of the certificates below `tls/`, `cert.pem` is signed by `ca.pem`, whose key was thrown away. `self.pem` is as
//! `openssl req -x509` makes it, self-signed and calling itself a CA; `other.pem` has the same name and another key,
//! `expired.pem` the same key and is over.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::env::TestEnv;
use crate::server::{Answer, Server};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tls").join(name)
}

/// A server that speaks TLS and takes everything; its port, and how many requests came.
fn serve() -> (u16, Arc<AtomicUsize>) {
    serve_with("cert.pem", "key.pem")
}

fn serve_with(certificate: &str, key: &str) -> (u16, Arc<AtomicUsize>) {
    serve_at("127.0.0.1:0", certificate, key)
}

fn serve_at(address: &str, certificate: &str, key: &str) -> (u16, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_file(file(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(file(key)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A client that does not trust us goes away in the handshake.
            if tls.read(&mut [0; 8192]).is_ok_and(|read| read > 0) {
                taken.fetch_add(1, Ordering::SeqCst);
                let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    (port, count)
}

#[test]
fn a_private_ca_is_trusted_when_it_is_named() {
    let (port, count) = serve();
    let ca = file("ca.pem");
    for host in ["localhost", "127.0.0.1"] {
        let env = TestEnv::new().with("VLOG_URL", &format!("https://{host}:{port}"));
        env.run(&["send", "--fail", "m", "--ca-file", ca.to_str().unwrap()]).in_silence();
        env.run_with(&["pipe", "--fail", "--ca-file", ca.to_str().unwrap()], "m\n").in_silence();
        env.with("VLOG_CA_FILE", ca.to_str().unwrap()).run(&["query", "--fail", "*"]).in_silence();
    }
    assert_eq!(count.load(Ordering::SeqCst), 6);
}

#[test]
fn a_stranger_is_not_trusted_unless_asked() {
    let (port, count) = serve();
    let env = TestEnv::new().with("VLOG_URL", &format!("https://localhost:{port}"));
    env.run(&["send", "-v", "m"]).kept_the_promise().saying("invalid peer certificate");
    assert_eq!(env.run(&["send", "--fail", "m"]).status, Some(1));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    env.run(&["send", "--fail", "--insecure", "--no-outbox", "m"]).in_silence();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_certificate_for_another_name_is_not_accepted() {
    let (port, count) = serve_at("127.0.0.2:0", "cert.pem", "key.pem");
    let env = TestEnv::new().with("VLOG_URL", &format!("https://127.0.0.2:{port}"));
    let ca = file("ca.pem");
    env.run(&["send", "-v", "m", "--ca-file", ca.to_str().unwrap()])
        .kept_the_promise()
        .saying("invalid peer certificate: it is for another name; 1 record kept in the outbox");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn a_ca_file_without_a_certificate_is_told_and_ignored() {
    let env = TestEnv::new();
    let key = file("key.pem");
    let finished = env.run(&["send", "m", "--ca-file", key.to_str().unwrap()]).kept_the_promise();
    finished.saying("holds no certificate in PEM form");
}

/// Sends a record that must not leave, and asserts that it is kept and why.
#[track_caller]
fn kept_for(env: &TestEnv, arguments: &[&str], why: &str) {
    let all = [&["send", "-v", "m"], arguments].concat();
    let finished = env.run(&all).kept_the_promise().saying("1 record kept in the outbox").saying(why);
    assert!(!finished.stderr.contains("t0ken"), "{finished:?}");
}

#[test]
fn a_self_signed_certificate_that_calls_itself_a_ca_works_when_it_is_named() {
    let (port, count) = serve_with("self.pem", "self-key.pem");
    let named = file("self.pem");
    for host in ["localhost", "127.0.0.1"] {
        let env = TestEnv::new().with("VLOG_URL", &format!("https://{host}:{port}"));
        env.run(&["send", "--fail", "m", "--ca-file", named.to_str().unwrap()]).in_silence();
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_self_signed_certificate_vouches_for_its_name_its_dates_and_itself_only() {
    let untrusted = "nobody who is trusted here has signed it; --ca-file names who has";
    let own = "it is a CA's own, as self-signed ones are; --ca-file must name it";
    for (certificate, key, named, host, why) in [
        ("self.pem", "self-key.pem", "self.pem", "127.0.0.2", "it is for another name"),
        ("expired.pem", "self-key.pem", "expired.pem", "localhost", "it has expired"),
        ("self.pem", "self-key.pem", "expired.pem", "localhost", own),
        ("self.pem", "self-key.pem", "other.pem", "localhost", own),
        ("self.pem", "self-key.pem", "ca.pem", "localhost", own),
        ("cert.pem", "key.pem", "self.pem", "localhost", untrusted),
    ] {
        let address = if host == "127.0.0.2" { "127.0.0.2:0" } else { "127.0.0.1:0" };
        let (port, count) = serve_at(address, certificate, key);
        let env =
            TestEnv::new().with("VLOG_URL", &format!("https://{host}:{port}")).with("VLOG_TOKEN", "t0ken");
        let why = format!("invalid peer certificate: {why}; 1 record kept");
        kept_for(&env, &["--ca-file", file(named).to_str().unwrap()], &why);
        assert_eq!(count.load(Ordering::SeqCst), 0, "{certificate} {named} {host}");
    }
    let (port, count) = serve_with("self.pem", "self-key.pem");
    let env = TestEnv::new().with("VLOG_URL", &format!("https://localhost:{port}"));
    kept_for(&env, &[], own);
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn http_in_the_place_of_https_and_the_reverse_is_told() {
    // As Go's server answers to what is no request.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut came = [0; 4096];
            let read = stream.read(&mut came).unwrap_or(0);
            assert!(!String::from_utf8_lossy(&came[..read]).contains("t0ken"));
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request");
        }
    });
    let env = TestEnv::new().with("VLOG_URL", &format!("https://{address}")).with("VLOG_TOKEN", "t0ken");
    kept_for(&env, &[], &format!("the server at {address} speaks http, not https"));
    env.run(&["query", "m"]).saying(&format!("the server at {address} speaks http, not https"));

    let (port, count) = serve();
    let env = TestEnv::new().with("VLOG_URL", &format!("http://127.0.0.1:{port}"));
    kept_for(&env, &[], &format!("the server at 127.0.0.1:{port} speaks https, not http"));
    env.run(&["query", "m"]).saying(&format!("the server at 127.0.0.1:{port} speaks https, not http"));
    assert_eq!(count.load(Ordering::SeqCst), 0);
    for words in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html>The plain HTTP request was sent to HTTPS port</html>",
    ] {
        let server = Server::new(Answer::Status(400, "", words));
        let env = TestEnv::for_server(&server);
        kept_for(&env, &[], "speaks https, not http");
        assert!(env.run(&["status"]).text().contains("speaks https, not http"));
    }
}

/// A server that expects TLS, and closes without a word when it gets something else.
#[test]
fn a_server_that_expects_tls_and_says_nothing_is_known_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = [0];
            let _ = stream.read(&mut first);
            if first == [0x16] {
                let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 50]);
            }
        }
    });
    let env = TestEnv::new().with("VLOG_URL", &format!("http://{address}"));
    kept_for(&env, &[], "speaks https, not http");
}

#[test]
fn a_redirect_to_another_host_is_told_and_not_followed() {
    let other = Server::new(Answer::Accept);
    let place: &'static str = Box::leak(format!("Location: {}/x?t0ken\r\n", other.url()).into_boxed_str());
    let server = Server::new(Answer::Status(301, place, ""));
    let env = TestEnv::for_server(&server).with("VLOG_TOKEN", "t0ken");
    kept_for(&env, &[], &format!("a redirect to {}/x; use that URL", other.url()));
    assert_eq!(other.connections(), 0);
}
