//! TLS to a server, with rustls: which certificates are trusted, and what a failure means in words.
//!
//! Trusted are the Mozilla roots or, where a CA file is given, what is in there and nothing else. Of a certificate in that
//! file that calls itself a CA, as `openssl req -x509` makes it, a server may make use itself, as with curl: its dates and
//! its name are checked as ever, and it is compared byte by byte, so that it vouches for no other by this rule.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use super::access::Access;

/// Speaks TLS over the connection of the connector before it, if the URL asks for it.
#[derive(Debug)]
pub struct Tls {
    ca: Option<Vec<u8>>,
    insecure: bool,
    /// Made for the first connection: it takes longer than everything else that a call does.
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub fn new(access: &Access) -> Self {
        Self { ca: access.ca.clone(), insecure: access.insecure, config: OnceLock::new() }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Verifier::new(self.ca.as_deref(), self.insecure, &provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsSocket>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(open) = chained else { return Ok(None) };
        // The connection to a proxy comes through here too.
        if !details.needs_tls() || open.is_tls() {
            return Ok(Some(Either::A(open)));
        }
        let host = details.uri.host().unwrap_or_default();
        let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']'));
        let name = name.map_err(|_| Error::Tls("no certificate can have such a host name"))?.to_owned();
        let connection = self.config().and_then(|config| ClientConnection::new(config, name));
        let mut tls = connection.map_err(io::Error::other)?;
        let mut socket = TransportAdapter::new(open.boxed(), details.current_time.clone());
        tls.complete_io(&mut socket)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsSocket { buffers, stream: StreamOwned::new(tls, socket) })))
    }
}

/// A TLS connection. What bounds its waits is the socket below.
pub struct TlsSocket {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsSocket {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("TlsSocket")
    }
}

impl Transport for TlsSocket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Decides whether a server is who it says it is.
#[derive(Debug)]
struct Verifier {
    /// The usual rules; `None` accepts every certificate.
    rules: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of the CA file.
    named: Vec<CertificateDer<'static>>,
    schemes: Vec<SignatureScheme>,
}

impl Verifier {
    fn new(ca: Option<&[u8]>, insecure: bool, provider: &Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let named: Vec<_> =
            ca.into_iter().flat_map(CertificateDer::pem_slice_iter).filter_map(Result::ok).collect();
        let mut roots = RootCertStore::empty();
        match ca {
            Some(_) => drop(roots.add_parsable_certificates(named.iter().cloned())),
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let rules = if insecure {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            Some(builder.build().map_err(|error| rustls::Error::General(error.to_string()))?)
        };
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Ok(Self { rules, named, schemes })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(rules) = &self.rules else { return Ok(ServerCertVerified::assertion()) };
        match rules.verify_server_cert(certificate, others, name, ocsp, now) {
            // webpki says so after it has looked at the dates, and before it looks at the name.
            Err(error) if is_ca_in_use(&error) && self.named.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let accept = || Ok(HandshakeSignatureValid::assertion());
        self.rules
            .as_ref()
            .map_or_else(accept, |rules| rules.verify_tls12_signature(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let accept = || Ok(HandshakeSignatureValid::assertion());
        self.rules
            .as_ref()
            .map_or_else(accept, |rules| rules.verify_tls13_signature(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// Whether a server's own certificate was refused for being that of a CA.
fn is_ca_in_use(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// What a TLS failure means, if it is one that has better words than rustls'.
pub fn why_refused(error: &io::Error) -> Option<String> {
    let error: &rustls::Error = error.get_ref()?.downcast_ref()?;
    let why = match error {
        error if is_ca_in_use(error) => "it is a CA's own, as self-signed ones are; --ca-file must name it",
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet, or this machine's clock is wrong"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name"
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "nobody who is trusted here has signed it; --ca-file names who has"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("invalid peer certificate: {why}"))
}
