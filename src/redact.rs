//! Secrets in text: known by their shape, or by the name that they are given.
//!
//! One pass over the text, in linear time whatever it holds: each matcher looks at a run of bytes once. A secret becomes
//! `[REDACTED:class]`, the rest stays as it is. Rather too much is taken for a secret than too little: of a value, what
//! follows up to the next blank or quote goes with it. Nothing here does input or output.
//!
//! Redact a text before it is cut. Where that cannot be, cut it with [`before_cut`], for half a secret has no shape.

use std::borrow::Cow;

use crate::record::floor_char_boundary;

/// A known beginning of a secret: what it is called, which bytes follow, and how many of them at least.
struct Shape {
    prefix: &'static str,
    class: &'static str,
    rest: fn(u8) -> bool,
    least: usize,
    /// Whether it may follow a letter, because nothing else looks like it.
    anywhere: bool,
}

const fn shape(prefix: &'static str, class: &'static str, rest: fn(u8) -> bool, least: usize) -> Shape {
    Shape { prefix, class, rest, least, anywhere: true }
}

/// As [`shape`], for prefixes that may be the end of a word.
const fn word(prefix: &'static str, class: &'static str, rest: fn(u8) -> bool, least: usize) -> Shape {
    Shape { prefix, class, rest, least, anywhere: false }
}

/// The shapes that gitleaks' rules and the services' own pages give. The least lengths are below those of real ones, for
/// a longer key of tomorrow is caught as well, and a shorter one does no harm. Longer prefixes come before shorter.
const SHAPES: [Shape; 55] = [
    shape("github_pat_", "github-token", is_word, 22),
    shape("ghp_", "github-token", is_word, 20),
    shape("gho_", "github-token", is_word, 20),
    shape("ghu_", "github-token", is_word, 20),
    shape("ghs_", "github-token", is_word, 20),
    shape("ghr_", "github-token", is_word, 20),
    shape("glpat-", "gitlab-token", is_url, 16),
    shape("gldt-", "gitlab-token", is_url, 16),
    shape("glrt-", "gitlab-token", is_url, 16),
    shape("glptt-", "gitlab-token", is_url, 16),
    shape("xoxa-", "slack-token", is_url, 10),
    shape("xoxb-", "slack-token", is_url, 10),
    shape("xoxe-", "slack-token", is_url, 10),
    shape("xoxe.", "slack-token", is_dotted, 10),
    shape("xoxo-", "slack-token", is_url, 10),
    shape("xoxp-", "slack-token", is_url, 10),
    shape("xoxr-", "slack-token", is_url, 10),
    shape("xoxs-", "slack-token", is_url, 10),
    word("xapp-", "slack-token", is_url, 10),
    shape("hooks.slack.com/", "slack-webhook", is_path, 8),
    shape("discord.com/api/webhooks/", "discord-webhook", is_path, 8),
    shape("sk-ant-", "anthropic-key", is_url, 10),
    shape("sk-proj-", "openai-key", is_url, 12),
    shape("sk-svcacct-", "openai-key", is_url, 12),
    shape("sk-admin-", "openai-key", is_url, 12),
    shape("sk-or-v1-", "openrouter-key", is_url, 12),
    word("sk-", "openai-key", is_url, 20),
    shape("sk_live_", "stripe-key", is_word, 10),
    shape("sk_test_", "stripe-key", is_word, 10),
    shape("sk_prod_", "stripe-key", is_word, 10),
    shape("rk_live_", "stripe-key", is_word, 10),
    shape("rk_test_", "stripe-key", is_word, 10),
    shape("rk_prod_", "stripe-key", is_word, 10),
    shape("whsec_", "stripe-key", is_base64, 10),
    shape("AIza", "google-key", is_url, 30),
    word("ya29.", "google-token", is_dotted, 20),
    shape("GOCSPX-", "google-key", is_url, 20),
    shape("npm_", "npm-token", is_alphanumeric, 30),
    shape("hf_", "huggingface-token", is_alphanumeric, 30),
    shape("sbp_", "supabase-key", is_word, 30),
    shape("dop_v1_", "digitalocean-token", is_word, 30),
    shape("doo_v1_", "digitalocean-token", is_word, 30),
    shape("dor_v1_", "digitalocean-token", is_word, 30),
    word("hvs.", "vault-token", is_url, 20),
    word("hvb.", "vault-token", is_url, 20),
    shape("SG.", "sendgrid-key", is_dotted, 40),
    word("pypi-AgEI", "pypi-token", is_url, 20),
    shape("gsk_", "groq-key", is_alphanumeric, 30),
    word("xai-", "xai-key", is_alphanumeric, 30),
    shape("shpat_", "shopify-token", is_word, 30),
    shape("dckr_pat_", "docker-token", is_url, 20),
    shape("glsa_", "grafana-token", is_word, 30),
    shape("AGE-SECRET-KEY-1", "age-key", is_alphanumeric, 50),
    shape("lin_api_", "linear-key", is_alphanumeric, 30),
    shape("rubygems_", "rubygems-key", is_alphanumeric, 40),
];

/// Whether a shape begins with these two bytes; most texts have none such.
fn may_begin(first: u8, second: u8) -> bool {
    match first {
        b'A' => matches!(second, b'3' | b'B' | b'C' | b'G' | b'I' | b'K' | b'S'),
        b'G' => second == b'O',
        b'S' => second == b'G',
        b'd' => matches!(second, b'c' | b'i' | b'o'),
        b'g' => matches!(second, b'h' | b'i' | b'l' | b's'),
        b'h' => matches!(second, b'f' | b'o' | b'v'),
        b'l' => second == b'i',
        b'n' => second == b'p',
        b'e' | b'p' => second == b'y',
        b'r' => matches!(second, b'k' | b'u'),
        b's' => matches!(second, b'b' | b'h' | b'k'),
        b'w' => second == b'h',
        b'x' => matches!(second, b'a' | b'o'),
        b'y' => second == b'a',
        _ => false,
    }
}

/// Beginnings of an AWS key id; sixteen capitals and digits follow. The first has a free fourth letter.
const AWS: [&str; 5] = ["A3T", "AKIA", "ASIA", "ABIA", "ACCA"];

/// What stands in the place of a secret, with its class and a bracket.
const MARK: &str = "[REDACTED:";

/// How much of a text without blanks may be half of a secret.
const MAX_TOKEN_BYTES: usize = 4096;

/// Longer names are looked at from here on only.
const MAX_NAME_BYTES: usize = 64;

/// A name that ends so is about a secret, and holds none: `token_count`, `password_file`.
const HARMLESS: [&str; 16] = [
    "count", "type", "limit", "usage", "budget", "file", "path", "url", "uri", "endpoint", "expires",
    "expiry", "ttl", "length", "size", "policy",
];

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_dotted(byte: u8) -> bool {
    is_url(byte) || byte == b'.'
}

fn is_base64(byte: u8) -> bool {
    is_url(byte) || matches!(byte, b'+' | b'/' | b'=')
}

/// `token68` of RFC 9110, which all authentication schemes use.
fn is_token68(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~')
}

fn is_path(byte: u8) -> bool {
    is_dotted(byte) || byte == b'/'
}

/// Whether a field or variable of that name holds a secret: `password`, `DB_PASSWORD`, `apiKey`, `x-api-key`,
/// `Authorization`; not `author`, `max_tokens`, `tokenizer`, `monkey`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let from = name.len().saturating_sub(MAX_NAME_BYTES);
    let bytes = name.as_bytes().get(from..).unwrap_or_default();
    // Words in lower case with `_` between them, `apiKey` being two.
    let mut flat = Vec::with_capacity(bytes.len() + 8);
    let mut previous = b'_';
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() {
            if byte.is_ascii_uppercase() && previous.is_ascii_lowercase() {
                flat.push(b'_');
            }
            flat.push(byte.to_ascii_lowercase());
        } else {
            flat.push(b'_');
        }
        previous = byte;
    }
    let flat = String::from_utf8(flat).unwrap_or_default();
    if flat.rsplit('_').next().is_some_and(|last| HARMLESS.contains(&last)) {
        return false;
    }
    let has = |parts: &[&str]| parts.iter().any(|part| flat.contains(part));
    // Long enough to stand for themselves, also inside `dbpassword`.
    if has(&["passw", "passphrase", "passcode", "credential", "authorization", "bearer"]) {
        return true;
    }
    let of =
        ["api", "access", "private", "secret", "signing", "encryption", "master", "account", "shared", "ssh"];
    let keys = |text: &str| {
        let before = text.strip_suffix('s').unwrap_or(text);
        let before = before.strip_suffix("key").map(|before| before.trim_end_matches('_'));
        before.is_some_and(|before| of.iter().any(|kind| before.ends_with(kind)))
    };
    let mut end = 0;
    for part in flat.split('_') {
        end += part.len();
        let secret = match part {
            "auth" | "oauth" | "xauth" | "cookie" | "cookies" | "jwt" | "pwd" | "secrets" => true,
            // Counts, mostly, but for these.
            "tokens" => {
                has(&["auth_tokens", "api_tokens", "access_tokens", "refresh_tokens", "secret_tokens"])
            }
            _ => {
                part.ends_with("token")
                    || part.ends_with("pwd")
                    || part.ends_with("secret")
                    || (part.starts_with("secret") && !part.starts_with("secretar"))
                    || keys(flat.get(..end).unwrap_or_default())
            }
        };
        if secret {
            return true;
        }
        end += 1;
    }
    false
}

/// Whether a text names, as one of its words, a file that holds secrets: `.env`, `.env.local`, `x.pem`, `id_rsa`,
/// `credentials`. The text may be a path or a command line.
#[must_use]
pub fn names_secret_file(text: &str) -> bool {
    let between = |char: char| char.is_whitespace() || "\"'`=;:|&<>()[]{},@/\\".contains(char);
    text.split(between).any(is_secret_file)
}

/// Whether that is the name of a file that holds secrets.
fn is_secret_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let whole =
        ["credentials", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", ".vault-token"];
    let starts = [
        ".env",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "credentials.",
        ".git-credentials",
        "secrets.",
    ];
    let ends = ["env", "pem", "key", "p12", "pfx", "jks", "keystore", "ppk", "kdbx"];
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension != "pub"
        && (whole.contains(&name.as_str())
            || starts.iter().any(|start| name.starts_with(start))
            || ends.contains(&extension))
}

/// The text with every secret replaced, and how many there were.
#[must_use]
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    let mut pass =
        Pass { text, bytes: text.as_bytes(), at: 0, word: (0, 0), out: String::new(), done: 0, count: 0 };
    pass.run();
    if pass.count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    pass.out.push_str(text.get(pass.done..).unwrap_or_default());
    (Cow::Owned(pass.out), pass.count)
}

/// The beginning of a text that was cut at its end, less the word that may be half of a secret.
#[must_use]
pub fn before_cut(text: &str) -> &str {
    let blank = text.rfind(char::is_whitespace).unwrap_or(0);
    // No token is longer, but for those that are known by their beginning.
    let end = floor_char_boundary(text, text.len().saturating_sub(MAX_TOKEN_BYTES)).max(blank);
    text.get(..end).unwrap_or_default()
}

/// A secret: where it is in the text, and what it is called.
type Hit = (usize, usize, &'static str);

/// A pass over a text.
struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The last run of bytes that a name may have.
    word: (usize, usize),
    out: String,
    /// Up to here the text is in `out`.
    done: usize,
    count: usize,
}

impl Pass<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.byte(self.at) {
            let hit = match byte {
                b':' | b'=' => self.after_separator(),
                b'-' if self.byte(self.at + 1) == Some(b'-') => self.private_key().or_else(|| self.option()),
                b'-' => self.option(),
                b' ' => self.scheme(),
                _ if may_begin(byte, self.byte(self.at + 1).unwrap_or_default()) => self.shaped(self.at),
                _ => None,
            };
            if let Some(hit) = hit {
                self.take(hit);
                continue;
            }
            if is_dotted(byte) {
                if self.word.1 != self.at {
                    self.word = (self.at, self.at);
                }
                self.word.1 = self.at + 1;
            }
            self.at += 1;
        }
    }

    fn take(&mut self, (start, end, class): Hit) {
        // The end of a private key may lie behind secrets that were taken from its middle.
        self.out.push_str(self.text.get(self.done..start).unwrap_or_default());
        self.out.push_str(MARK);
        self.out.push_str(class);
        self.out.push(']');
        self.count += 1;
        self.done = end;
        self.at = end;
        self.word = (end, end);
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Where the run of such bytes that begins at `at` ends.
    fn run_of(&self, at: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.rest(at);
        at + rest.iter().position(|byte| !class(*byte)).unwrap_or(rest.len())
    }

    /// Whether no word goes on at `at`. After `\n` as it stands in JSON, and after `%3D`, one begins.
    fn begins_word(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.byte(at));
        let Some(last) = before(1).filter(|byte| is_url(*byte)) else { return true };
        (matches!(last, b'n' | b'r' | b't') && before(2) == Some(b'\\'))
            || (before(3) == Some(b'%') && last.is_ascii_hexdigit())
    }

    /// A secret of a known shape that begins at `at`.
    fn shaped(&self, at: usize) -> Option<Hit> {
        let first = self.byte(at)?;
        if !may_begin(first, self.byte(at + 1)?) {
            return None;
        }
        let rest = self.rest(at);
        if first == b'e' {
            return self.jwt(at);
        }
        if let Some(hit) = self.aws(at) {
            return Some(hit);
        }
        let begins = |prefix: &[u8]| {
            prefix.get(1) == rest.get(1) && prefix.first() == Some(&first) && rest.starts_with(prefix)
        };
        let shape = SHAPES.iter().find(|shape| begins(shape.prefix.as_bytes()))?;
        if !shape.anywhere && !self.begins_word(at) {
            return None;
        }
        let start = at + shape.prefix.len();
        let end = self.run_of(start, shape.rest);
        if end - start < shape.least {
            return None;
        }
        // `sk-learn-and-other-words` is a name; keys have digits or capitals.
        let plain = |byte: &u8| byte.is_ascii_lowercase() || !byte.is_ascii_alphanumeric();
        if shape.prefix == "sk-" && self.bytes.get(start..end).unwrap_or_default().iter().all(plain) {
            return None;
        }
        Some((at, end, shape.class))
    }

    fn aws(&self, at: usize) -> Option<Hit> {
        let rest = self.rest(at);
        AWS.iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?;
        let key = rest.get(..20)?;
        let sound = key.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let ends = !rest.get(20).is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (sound && ends && self.begins_word(at)).then_some((at, at + 20, "aws-key"))
    }

    /// Three parts of base64 with dots between them; the last may be empty, or cut off.
    fn jwt(&self, at: usize) -> Option<Hit> {
        if !self.rest(at).starts_with(b"eyJ") || !self.begins_word(at) {
            return None;
        }
        let head = self.run_of(at, is_url);
        let body = self.run_of(head + 1, is_url);
        let is_pair = self.byte(head) == Some(b'.') && self.rest(head + 1).starts_with(b"eyJ");
        if head - at < 8 || !is_pair {
            return None;
        }
        let end = if self.byte(body) == Some(b'.') { self.run_of(body + 1, is_url) } else { body };
        Some((at, end, "jwt"))
    }

    /// `-----BEGIN PRIVATE KEY-----` to its end, or to that of the text; a text that begins within one, from its
    /// beginning.
    fn private_key(&self) -> Option<Hit> {
        let label = |from: usize| {
            // Labels are short; a line of dashes is none.
            let window = self.bytes.get(from..self.bytes.len().min(from + 64))?;
            let length = window.windows(5).position(|part| part == b"-----")?;
            let label = window.get(..length)?;
            label
                .windows(11)
                .any(|part| part.eq_ignore_ascii_case(b"private key"))
                .then_some(from + length + 5)
        };
        let rest = self.rest(self.at);
        if rest.starts_with(b"-----END ") {
            let end = label(self.at + 9)?;
            return Some((self.done, end, "private-key"));
        }
        if !rest.starts_with(b"-----BEGIN ") {
            return None;
        }
        let body = label(self.at + 11)?;
        let found = self.text.get(body..).unwrap_or_default().find("-----END ");
        let end = found.map_or(self.text.len(), |at| {
            let tail = body + at + 9;
            label(tail).unwrap_or(tail)
        });
        Some((self.at, end, "private-key"))
    }

    /// What follows `=` or `:`, the byte in hand: the value of a secret name, a bot's token, or a password in a URL.
    fn after_separator(&self) -> Option<Hit> {
        let (start, end) = self.word;
        let between = self.bytes.get(end..self.at)?;
        if self.rest(self.at).starts_with(b"://") {
            return self.userinfo(self.at + 3);
        }
        let is_glue = |byte: &u8| {
            matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b' ' | b'\t' | b']' | b')' | b':' | b'?')
        };
        if start == end || between.len() > 8 || !between.iter().all(is_glue) {
            return None;
        }
        let name = self.name(start, end);
        // A bot's number, and its token.
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        if self.byte(self.at) == Some(b':') && digits >= 8 {
            let token = self.run_of(self.at + 1, is_url);
            if self.rest(self.at + 1).starts_with(b"AA") && token - self.at > 30 {
                return Some((end - digits.min(10), token, "telegram-token"));
            }
        }
        // `C:\...`, `http:` and most words are no secret names, which is cheap to see.
        if name.len() < 3 || !is_secret_name(name) {
            return None;
        }
        let is_directory = matches!(name, "PWD" | "OLDPWD") && self.byte(self.at + 1) == Some(b'/');
        if is_directory { None } else { self.value(name, self.at) }
    }

    /// The name that a run of bytes holds: not the `n` of a `\n` before it, and no more than the last bytes.
    fn name(&self, start: usize, end: usize) -> &str {
        let escaped = start.checked_sub(1).and_then(|at| self.byte(at)) == Some(b'\\');
        let skip = usize::from(escaped && matches!(self.byte(start), Some(b'n' | b'r' | b't')));
        let from = (start + skip).max(end.saturating_sub(MAX_NAME_BYTES));
        self.text.get(from..end).unwrap_or_default()
    }

    /// The value that a secret name is given after the separator at `at`.
    fn value(&self, name: &str, at: usize) -> Option<Hit> {
        let mut start = self.run_of(at, |byte| matches!(byte, b'=' | b':' | b'>' | b' ' | b'\t'));
        if self.rest(start).starts_with(MARK.as_bytes()) {
            return None;
        }
        start = self.run_of(start, |byte| matches!(byte, b'[' | b'(' | b' '));
        let spaced = start > at + 1;
        // Quotes in JSON in JSON have several backslashes.
        let quoted = self.run_of(start, |byte| byte == b'\\');
        let quote = self.byte(quoted).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        if let Some(quote) = quote {
            if self.rest(quoted + 1).starts_with(MARK.as_bytes()) {
                return None;
            }
            let end = self.closing(quoted + 1, quote, quoted - start);
            return self.valued(quoted + 1, end);
        }
        let lower = name.to_ascii_lowercase();
        let is_header = ["authorization", "cookie"].iter().any(|header| lower.ends_with(header));
        let ends = |byte: u8| matches!(byte, b'"' | b'\'' | b'`' | b'\n' | b'\r');
        let end = if is_header && spaced {
            self.run_of(start, |byte| !ends(byte))
        } else {
            self.run_of(start, |byte| !ends(byte) && !byte.is_ascii_whitespace() && !b"&;<>|".contains(&byte))
        };
        let end = if self.byte(end.wrapping_sub(1)) == Some(b'\\') && end > start { end - 1 } else { end };
        // "invalid token: expected a name" is prose.
        let value = self.bytes.get(start..end).unwrap_or_default();
        let is_weak =
            matches!(lower.as_str(), "token" | "auth" | "secret" | "credential" | "credentials" | "cookie");
        let is_prose =
            value.len() < 16 && value.iter().all(|byte| byte.is_ascii_alphabetic() || b".,!?".contains(byte));
        let goes_on =
            self.byte(end) == Some(b' ') && self.byte(end + 1).is_some_and(|byte| byte.is_ascii_alphabetic());
        if is_weak && spaced && is_prose && goes_on {
            return None;
        }
        self.valued(start, end)
    }

    /// Where the quoted text ends that begins at `at`, after a quote with so many backslashes before it. Quotes within it
    /// have more.
    fn closing(&self, at: usize, quote: u8, backslashes: usize) -> usize {
        let mut run = 0;
        let rest = self.rest(at);
        let end = rest.iter().position(|&byte| {
            let ends = byte == quote && (run <= backslashes || (backslashes == 0 && run % 2 == 0));
            if !ends {
                run = if byte == b'\\' { run + 1 } else { 0 };
            }
            ends
        });
        end.map_or(self.text.len(), |end| at + end - run.min(backslashes))
    }

    /// A value as a secret, unless it says that there is none, or was taken already.
    fn valued(&self, start: usize, end: usize) -> Option<Hit> {
        let value = self.text.get(start..end).filter(|value| !value.trim().is_empty())?;
        let none = ["true", "false", "null", "none", "nil", "undefined", "{", "[", "{}", "[]", "***"];
        let bare = value.trim_end_matches([',', ')', '}', ']']);
        if none.iter().any(|word| bare.eq_ignore_ascii_case(word)) || bare.is_empty() {
            return None;
        }
        // The shape says more than the name, if it is all there is.
        let shaped = self.shaped(start).filter(|(_, shaped, _)| *shaped >= end);
        Some(shaped.unwrap_or((start, end, "secret")))
    }

    /// `user:password` before the `@` of a URL's authority.
    fn userinfo(&self, start: usize) -> Option<Hit> {
        let ends = |byte: u8| byte.is_ascii_whitespace() || b"/?#\"'`<>\\".contains(&byte);
        let end = self.run_of(start, |byte| !ends(byte));
        let authority = self.bytes.get(start..end)?;
        let at = authority.iter().rposition(|byte| *byte == b'@')?;
        let colon = authority.iter().position(|byte| *byte == b':')?;
        let is_mark = authority.starts_with(MARK.as_bytes());
        (!is_mark && colon < at && colon + 1 < at).then_some((start, start + at, "url-credentials"))
    }

    /// `--password VALUE`, `-u USER:PASSWORD`; the byte in hand is the dash.
    fn option(&self) -> Option<Hit> {
        // Not the dash of `non-token`, nor a later one of several.
        if !self.begins_word(self.at) {
            return None;
        }
        let start = self.run_of(self.at, |byte| byte == b'-');
        let end = self.run_of(start, is_url);
        let name = self.name(start, end);
        // The quotes are those of a list of arguments: `"-u","user:password"`.
        let is_gap = |byte: u8| byte.is_ascii_whitespace() || b"\"',\\".contains(&byte);
        let mut from = self.run_of(end, is_gap);
        if self.byte(end) == Some(b'=') {
            from = self.run_of(end + 1, is_gap);
        }
        if from == end || from > end + 16 {
            return None;
        }
        let quote = self.byte(from - 1).filter(|byte| matches!(byte, b'"' | b'\''));
        let stop = || match quote {
            Some(quote) => self.run_of(from, |byte| byte != quote && byte != b'\\'),
            None => self.run_of(from, |byte| !byte.is_ascii_whitespace() && !b"\"'".contains(&byte)),
        };
        if self.rest(from).starts_with(MARK.as_bytes()) {
            return None;
        }
        if matches!(name, "u" | "U" | "user" | "proxy-user") {
            // Looked for before the end is, so that no run is walked twice.
            let window = self.bytes.get(from..self.bytes.len().min(from + MAX_NAME_BYTES))?;
            let colon = from + window.iter().position(|byte| *byte == b':' || byte.is_ascii_whitespace())?;
            if colon == from || self.byte(colon) != Some(b':') || self.rest(colon).starts_with(b"://") {
                return None;
            }
            let stop = stop();
            let is_id = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
            let ids = is_id(window.get(..colon - from)?) && is_id(self.bytes.get(colon + 1..stop)?);
            return (!ids).then_some((from, stop, "basic-auth"));
        }
        let is_value =
            !matches!(self.byte(from), Some(b'-')) && !self.rest(from).starts_with(MARK.as_bytes());
        let flag = is_value && self.byte(end) != Some(b'=') && name.len() >= 3 && is_secret_name(name);
        if flag { self.valued(from, stop()) } else { None }
    }

    /// `Bearer VALUE`, `Basic VALUE`, `token VALUE`, where it does not look like prose. The byte in hand is the blank.
    fn scheme(&self) -> Option<Hit> {
        if self.word.1 != self.at {
            return None;
        }
        let name = self.name(self.word.0, self.word.1);
        let scheme =
            ["bearer", "basic", "token"].into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme))?;
        let start = self.run_of(self.at, |byte| byte == b' ');
        let end = self.run_of(start, is_token68);
        let value = self.bytes.get(start..end)?;
        // Words of prose have no digits, and one capital at most besides the first: TypeScript.
        let capitals = value.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
        let mixed = capitals > 1 || value.iter().any(u8::is_ascii_digit);
        let enough = value.len() >= 8 && (mixed || (scheme == "bearer" && value.len() >= 20));
        (enough && value.iter().any(u8::is_ascii_alphabetic)).then_some((start, end, "authorization"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made-up secrets, in halves so that nobody's scanner takes them for real ones.
    fn secrets() -> Vec<(&'static str, String)> {
        let list = [
            ("aws-key", "AKIA", "IOSFODNN7EXAMPLE"),
            ("aws-key", "ASIA", "IOSFODNN7EXAMPLE"),
            ("aws-key", "A3TX", "IOSFODNN7EXAMPLE"),
            ("github-token", "ghp_", "0123456789abcdefghijABCDEFGHIJ012345"),
            ("github-token", "gho_", "0123456789abcdefghijABCDEFGHIJ012345"),
            (
                "github-token",
                "github_pat_",
                "11AAAAAAA0123456789abc_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghijABCDEFGHIJ0123",
            ),
            ("gitlab-token", "glpat-", "0123456789abcdefghij"),
            ("slack-token", "xoxb-", "012345678901-012345678901-abcdefghijklmnopqrstuvwx"),
            ("slack-webhook", "hooks.slack.com/", "services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
            ("anthropic-key", "sk-ant-", "api03-abcdefghij0123456789-_AA"),
            ("openai-key", "sk-proj-", "abcdefghij0123456789"),
            ("openai-key", "sk-", "abcdefghijABCDEFGHIJ0123456789abcdefghij01234567"),
            ("openrouter-key", "sk-or-v1-", "0123456789abcdef0123456789abcdef"),
            ("stripe-key", "sk_live_", "0123456789abcdefghijABCD"),
            ("stripe-key", "rk_live_", "0123456789abcdefghijABCD"),
            ("stripe-key", "whsec_", "0123456789abcdefghijABCDEFGHIJ01"),
            ("google-key", "AIza", "SyA0123456789abcdefghijABCDEFGHIJ01"),
            ("npm-token", "npm_", "0123456789abcdefghijABCDEFGHIJ012345"),
            ("huggingface-token", "hf_", "abcdefghijABCDEFGHIJabcdefghijABCD"),
            ("supabase-key", "sbp_", "0123456789abcdef0123456789abcdef01234567"),
            (
                "digitalocean-token",
                "dop_v1_",
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            ),
            ("vault-token", "hvs.", "CAESIJ0123456789abcdefghij"),
            ("sendgrid-key", "SG.", "0123456789abcdefghijAB.0123456789abcdefghijABCDEFGHIJ0123456789abc"),
            ("telegram-token", "0123456789:", "AAabcdefghij0123456789ABCDEFGHIJ012"),
            ("jwt", "eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.0123456789abcdefghijABCDEFGHIJ"),
        ];
        list.iter().map(|(class, first, second)| (*class, format!("{first}{second}"))).collect()
    }

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        assert_eq!(redact(text).0, expected, "{text}");
    }

    #[track_caller]
    fn stays(text: &str) {
        assert_eq!(redact(text), (Cow::Borrowed(text), 0));
    }

    #[test]
    fn no_shape_is_forgotten() {
        for shape in &SHAPES {
            let bytes = shape.prefix.as_bytes();
            assert!(may_begin(bytes[0], bytes[1]), "{}", shape.prefix);
        }
    }

    #[test]
    fn every_shape_is_known_wherever_it_stands() {
        for (class, secret) in secrets() {
            let mark = format!("[REDACTED:{class}]");
            for (before, after) in [
                ("", ""),
                ("text ", " more"),
                ("\"", "\","),
                ("ключ ", ", ключ"),
                ("curl https://x/?k=", "&n=1"),
                ("\\n", "\\n"),
                ("a%3D", "%26"),
                ("(", ")."),
                ("X=", "\nY=1"),
            ] {
                let text = format!("{before}{secret}{after}");
                let (found, count) = redact(&text);
                assert_eq!(found, format!("{before}{mark}{after}"), "{secret}");
                assert_eq!(count, 1);
            }
        }
    }

    #[test]
    fn private_keys_go_with_all_that_is_in_them() {
        let head = concat!("-----BEGIN RSA PRI", "VATE KEY-----");
        let tail = concat!("-----END RSA PRI", "VATE KEY-----");
        becomes(&format!("a\n{head}\nMIIE\nabc\n{tail}\nb"), "a\n[REDACTED:private-key]\nb");
        becomes(&format!("a {head}\\nMIIE"), "a [REDACTED:private-key]");
        becomes(&format!("MIIE\nabc\n{tail}\nb"), "[REDACTED:private-key]\nb");
        becomes(
            &format!("{{\"private_key\":\"{head}\\nMIIE\\n{tail}\\n\"}}"),
            "{\"private_key\":\"[REDACTED:secret]\"}",
        );
        stays("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----");
        stays("-----------------------------------------");
    }

    #[test]
    fn values_with_secret_names_go() {
        becomes("password=hunter2", "password=[REDACTED:secret]");
        becomes("DB_PASSWORD = 'hunter 2' next", "DB_PASSWORD = '[REDACTED:secret]' next");
        becomes("{\"apiKey\": \"hunter2\", \"n\": 1}", "{\"apiKey\": \"[REDACTED:secret]\", \"n\": 1}");
        becomes(r#"{\"token\":\"hunter2\",\"n\":1}"#, r#"{\"token\":\"[REDACTED:secret]\",\"n\":1}"#);
        becomes("{'client_secret': 'hunter2'}", "{'client_secret': '[REDACTED:secret]'}");
        becomes("secret: hunter2\nb: c", "secret: [REDACTED:secret]\nb: c");
        becomes("env PGPASSWORD=hunter2 psql", "env PGPASSWORD=[REDACTED:secret] psql");
        becomes("x?access_token=hunter2&n=1", "x?access_token=[REDACTED:secret]&n=1");
        becomes("mysql --password hunter2 db", "mysql --password [REDACTED:secret] db");
        becomes("cli --api-key=hunter2 --n 1", "cli --api-key=[REDACTED:secret] --n 1");
        becomes("[\"--password\",\"hunter2\"]", "[\"--password\",\"[REDACTED:secret]\"]");
        becomes("password => \"hunter2\"", "password => \"[REDACTED:secret]\"");
        becomes("pwd: [\"hunter2\"]", "pwd: [\"[REDACTED:secret]\"]");
        becomes("password=\"never closed hunter2", "password=\"[REDACTED:secret]");
        let nested = r#"{\\\"token\\\":\\\"hunter \\\\\\\"2\\\",\\\"n\\\":1}"#;
        becomes(nested, r#"{\\\"token\\\":\\\"[REDACTED:secret]\\\",\\\"n\\\":1}"#);
        becomes(r#"password="a\"b\\" c"#, r#"password="[REDACTED:secret]" c"#);
        becomes("line\\nauth=hunter2", "line\\nauth=[REDACTED:secret]");
        let (class, secret) = secrets().swap_remove(3);
        becomes(&format!("token={secret}"), &format!("token=[REDACTED:{class}]"));
    }

    #[test]
    fn credentials_of_http_go() {
        becomes("-H 'Authorization: Bearer abc.def' x", "-H 'Authorization: [REDACTED:secret]' x");
        becomes("Cookie: a=b; c=d\r\nHost: x", "Cookie: [REDACTED:secret]\r\nHost: x");
        becomes("x-api-key: hunter2", "x-api-key: [REDACTED:secret]");
        becomes("sent bearer abcdef0123456789", "sent bearer [REDACTED:authorization]");
        becomes("Basic dXNlcjpwYXNz", "Basic [REDACTED:authorization]");
        becomes("token 0123abcd", "token [REDACTED:authorization]");
        becomes("curl -u ana:hunter2 http://x", "curl -u [REDACTED:basic-auth] http://x");
        becomes("curl -u \"ana:hunter 2\" x", "curl -u \"[REDACTED:basic-auth]\" x");
        becomes("curl --user=ana:hunter2 x", "curl --user=[REDACTED:basic-auth] x");
        becomes("[\"curl\",\"-u\",\"ana:hunter2\"]", "[\"curl\",\"-u\",\"[REDACTED:basic-auth]\"]");
        becomes("postgres://ana:hunter2@db:5432/x", "postgres://[REDACTED:url-credentials]@db:5432/x");
        becomes("https://ana:p@ss@host", "https://[REDACTED:url-credentials]@host");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "",
            "commit d95733a0123456789abcdef0123456789abcdef01",
            "7b3e0f52-9c41-4d1e-8a6f-2f0c5d9be114",
            "toolu_01Hq7VbN3xKpR5sYt8ZwLmDc",
            "author: Ana, key=value, monkey=1, tokenizer: fast",
            "max_tokens=4096 input_tokens: 12, token_count=3",
            "SyntaxError: invalid token: expected a name",
            "the token expired yesterday, basic TypeScript, bearer authentication",
            "sk-learn-contrib-imbalanced-and-more task-management-for-everyone",
            "https://example.com:8080/a@b http://host/path?x=1 git@github.com:x/y.git ssh://git@host/x",
            "PWD=/home/ana/shop",
            "password_file=/run/x password=\nnext line",
            "docker run -u 1000:1000 -u ana image",
            "password: null, token: true",
            "src/author.rs:12:34: error: mismatched types",
            "10:00:00 2026-11-20T10:00:00Z",
            "C:\\Users\\ana",
            "the auth: failed for all of them",
            "primary_key=id public_key: x authorized_keys",
        ] {
            stays(text);
        }
    }

    #[test]
    fn redacting_twice_changes_nothing() {
        let both = |(_, secret): (&str, String)| format!("{secret} token={secret} ");
        let mut text = secrets().into_iter().map(both).collect::<Vec<_>>().concat();
        text.push_str("password=a Authorization: Bearer b\n--token c -u d:e https://f:g@h");
        let once = redact(&text).0.into_owned();
        assert_eq!(redact(&once), (Cow::Borrowed(once.as_str()), 0));
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "password",
            "Passwd",
            "DB_PASSWORD",
            "dbpassword",
            "pgpassword",
            "mysql_pwd",
            "secret",
            "clientSecret",
            "secretKey",
            "token",
            "accessToken",
            "authtoken",
            "GITHUB_TOKEN",
            "api_key",
            "apiKey",
            "APIKEY",
            "x-api-key",
            "access_key_id",
            "privateKey",
            "private-key",
            "credentials",
            "auth",
            "basic_auth",
            "Authorization",
            "Set-Cookie",
            "refresh_tokens",
            "passphrase",
            "signing_key",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "author",
            "authors",
            "key",
            "monkey",
            "tokens",
            "max_tokens",
            "context_tokens",
            "tokenizer",
            "secretary",
            "session_id",
            "compass",
            "pass",
            "cwd",
            "keyboard",
            "token_count",
            "primary_key",
            "authority",
            "public_key",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret_name(&format!("{}password", "x".repeat(1000))));
    }

    #[test]
    fn files_with_secrets_are_known() {
        for text in [
            ".env",
            "/home/ana/.env.local",
            "cat .envrc | head",
            "C:\\x\\.env",
            "a.pem",
            "~/.ssh/id_rsa",
            "id_ed25519",
            "/root/.aws/credentials",
            "credentials.json",
            "{\"path\":\".env\"}",
            "prod.env",
            "server.key",
            "cat<.env",
        ] {
            assert!(names_secret_file(text), "{text}");
        }
        for text in
            ["", "src/env.rs", "environment", "id_rsa.pub", "credential.rs", "key", "cargo test", "monkey.rs"]
        {
            assert!(!names_secret_file(text), "{text}");
        }
    }

    #[test]
    fn half_a_secret_does_not_outlive_a_cut() {
        assert_eq!(before_cut("a b AKI"), "a b");
        assert_eq!(before_cut("AKI"), "");
        let long = "x".repeat(10_000);
        assert_eq!(before_cut(&long).len(), 10_000 - MAX_TOKEN_BYTES);
        assert_eq!(before_cut(&"ж".repeat(5000)).len(), 5904);
    }

    /// Pieces that the matchers look for, in every order that a small generator comes upon.
    #[test]
    fn hostile_text_is_taken_in_linear_time() {
        let pieces = [
            "sk-",
            "ghp_",
            "AKIA",
            "eyJ",
            "eyJaaaaaaaaaa.",
            "-u,",
            "-u ",
            "a://",
            ":",
            "=",
            "token",
            "password",
            "\"",
            "'",
            "\\",
            "\\n",
            "-----BEGIN ",
            "-----END ",
            "PRIVATE KEY-----",
            "-----",
            "bearer ",
            "://",
            "@",
            " ",
            "\n",
            "x",
            "[",
            "[REDACTED:",
            "--token,",
            "1:1,",
            "ж",
            "\u{0}",
            "AA",
            "0123456789:",
            "%3D",
            ")",
            "true",
            "hooks.slack.com/",
        ];
        let mut seed = 7_u64;
        let mut random = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % most
        };
        let start = std::time::Instant::now();
        for _ in 0..20_000 {
            let text: String = (0..random(30)).map(|_| pieces[random(pieces.len())]).collect();
            let (_, count) = redact(&text);
            assert!(count <= text.len() && before_cut(&text).len() <= text.len());
            let _ = names_secret_file(&text);
        }
        for first in pieces {
            for second in pieces {
                let _ = redact(&format!("{first}{second}").repeat(5_000));
            }
            let _ = redact(&format!("{first}{}", "a-".repeat(100_000)));
        }
        // It takes a second or two; in quadratic time it would be an hour.
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }
}
