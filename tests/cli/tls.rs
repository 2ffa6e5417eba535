//! https: who is trusted, and that its failures are like any other.
//!
//! The certificates below `tls/` are of a CA made for these tests; its key was thrown away.

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

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tls").join(name)
}

/// A server that speaks TLS and takes everything; its port, and how many requests came.
fn serve() -> (u16, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_file(file("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
    let (port, _) = serve();
    let env = TestEnv::new().with("VLOG_URL", &format!("https://127.0.0.2:{port}"));
    let ca = file("ca.pem");
    env.run(&["send", "-v", "m", "--ca-file", ca.to_str().unwrap()])
        .kept_the_promise()
        .saying("1 record kept in the outbox");
}

#[test]
fn a_ca_file_without_a_certificate_is_told_and_ignored() {
    let env = TestEnv::new();
    let key = file("key.pem");
    let finished = env.run(&["send", "m", "--ca-file", key.to_str().unwrap()]).kept_the_promise();
    finished.saying("holds no certificate in PEM form");
}
