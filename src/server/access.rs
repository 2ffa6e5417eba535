//! How a server is reached, and as whom: headers, credentials, certificates, proxy.

use std::fmt;

/// How a server is reached: credentials, headers, certificates, proxy.
#[derive(Debug, Default, Clone)]
pub struct Access {
    /// Headers of every request, credentials and tenant among them.
    pub headers: Vec<(String, Secret)>,
    /// Trust these certificates only: PEM text.
    pub ca: Option<Vec<u8>>,
    /// Trust every certificate.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "there is none to trust"))]
    pub insecure: bool,
    /// A proxy's URL.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it, as in `NO_PROXY`.
    pub no_proxy: Vec<String>,
}

impl Access {
    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let is = |(known, _): &&(String, Secret)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(is).map(|(_, value)| value.expose())
    }

    /// Adds headers. The last of one name wins, as names are the server's to compare without case.
    pub fn extend(&mut self, headers: impl IntoIterator<Item = (String, Secret)>) {
        for (name, value) in headers {
            self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            self.headers.push((name, value));
        }
    }
}

/// A text that must not be shown. It has no way to text but [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("(redacted)")
    }
}
