//! Names of fields, variables and headers that tell of a secret.

use super::bytes::{is_base64, is_dotted, is_hex, is_token68};
use super::value::MAX_REJECTED_BYTES;

/// Of longer names only so many bytes at the end count; names of secrets have at least three.
pub(super) const MAX_NAME_BYTES: usize = 64;
pub(super) const MIN_NAME_BYTES: usize = 3;

/// Last words of names that are about a secret and hold none: `token_count`, `password_file`, `userauth_request`.
const HARMLESS: [&str; 39] = [
    "count",
    "type",
    "limit",
    "usage",
    "budget",
    "file",
    "path",
    "url",
    "uri",
    "endpoint",
    "expires",
    "expiry",
    "ttl",
    "length",
    "size",
    "policy",
    "name",
    "names",
    "request",
    "response",
    "plugin",
    "handler",
    "provider",
    "method",
    "mode",
    "enabled",
    "required",
    "start",
    "end",
    "index",
    "status",
    "error",
    "fail",
    "failed",
    "failure",
    "descriptor",
    "format",
    "prompt",
    "variable",
];

/// Parts that tell of a secret anywhere in a name, also in `dbpassword`.
const ANYWHERE: [&str; 6] = ["passw", "passphrase", "passcode", "credential", "authorization", "bearer"];

/// Words that tell of a secret.
const WORDS: [&str; 5] = ["cookie", "cookies", "jwt", "pwd", "secrets"];

/// Ends of such words: `authtoken`, `mysqlpwd`.
const ENDS: [&str; 4] = ["token", "auth", "pwd", "secret"];

/// What stands before `key` or `keys` in the name of a secret one.
const KEYS: [&str; 11] = [
    "api",
    "auth",
    "access",
    "private",
    "secret",
    "signing",
    "encryption",
    "master",
    "account",
    "shared",
    "ssh",
];

/// `tokens` are mostly counted, except these.
const TOKENS: [&str; 5] = ["auth_tokens", "api_tokens", "access_tokens", "refresh_tokens", "secret_tokens"];

/// Whether a field or variable of that name holds a secret: `password`, `DB_PASSWORD`, `apiKey`, `x-api-key`,
/// `Authorization`; not `author`, `max_tokens`, `tokenizer`, `monkey`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let flat = flat(name);
    let has = |parts: &[&str]| parts.iter().any(|part| flat.contains(part));
    if flat.rsplit('_').next().is_some_and(|last| HARMLESS.contains(&last))
        || flat.ends_with("credentials_id")
        || flat.ends_with("secrets_id")
    {
        return false;
    }
    let mut end = 0;
    has(&ANYWHERE)
        || flat.split('_').any(|word| {
            end += word.len() + 1;
            is_secret_word(word)
                || (word == "tokens" && has(&TOKENS))
                || is_secret_key(flat.get(..end - 1).unwrap_or_default())
        })
}

/// The words of a name in lower case with `_` between them, `apiKey` being two.
fn flat(name: &str) -> String {
    let from = name.len().saturating_sub(MAX_NAME_BYTES);
    let bytes = name.as_bytes().get(from..).unwrap_or_default();
    let mut flat = String::with_capacity(bytes.len() + 8);
    let mut previous = b'_';
    for &byte in bytes {
        if byte.is_ascii_uppercase() && previous.is_ascii_lowercase() {
            flat.push('_');
        }
        flat.push(if byte.is_ascii_alphanumeric() { char::from(byte.to_ascii_lowercase()) } else { '_' });
        previous = byte;
    }
    flat
}

fn is_secret_word(word: &str) -> bool {
    WORDS.contains(&word)
        || ENDS.iter().any(|end| word.ends_with(end))
        || (word.starts_with("secret") && !word.starts_with("secretar"))
}

/// Whether a name, up to one of its words, ends with a kind of secret key: `api_key`, `sshkeys`.
fn is_secret_key(name: &str) -> bool {
    let singular = name.strip_suffix('s').unwrap_or(name);
    let before = singular.strip_suffix("key").map(|before| before.trim_end_matches('_'));
    before.is_some_and(|before| KEYS.iter().any(|kind| before.ends_with(kind)))
}

/// Last words of names that hold a password if the value looks like one: `DB_PASS`, `pw`, `GITHUB_PAT`.
const PASSES: [&str; 6] = ["pass", "pw", "pwds", "creds", "cred", "pat"];

/// What stands before `key` in names of keys that are no secrets.
const PLAIN_KEYS: [&str; 22] = [
    "primary",
    "foreign",
    "public",
    "pub",
    "cache",
    "sort",
    "partition",
    "row",
    "object",
    "idempotency",
    "routing",
    "index",
    "map",
    "unique",
    "shard",
    "hash",
    "registry",
    "sha",
    "host",
    "translation",
    "lock",
    "known",
];

/// What a value must be for a name that often holds something else.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Needs {
    /// Six bytes or more that are not a plain word.
    Password,
    /// Sixteen bytes or more of letters and digits.
    Key,
    /// Twenty bytes or more of letters and digits that take turns, and no hash.
    Random,
}

/// What the value of a name must be to be a secret, if the name alone does not tell.
pub(super) fn needs(name: &str) -> Option<Needs> {
    let tail = name.get(name.len().saturating_sub(5)..).unwrap_or(name).to_ascii_lowercase();
    if !["key", "pass", "pw", "pwds", "cred", "creds", "pat"].iter().any(|end| tail.ends_with(end)) {
        return None;
    }
    let flat = flat(name);
    let (before, last) = flat.rsplit_once('_').unwrap_or(("", &flat));
    if PASSES.contains(&last) || matches!(last, "upw" | "opw") {
        return Some(Needs::Password);
    }
    let kind = last.strip_suffix("key").map(|kind| if kind.is_empty() { before } else { kind })?;
    let is_plain = kind.is_empty() || PLAIN_KEYS.iter().any(|plain| kind.ends_with(plain));
    (!is_plain && name.len() > 3 && !matches!(kind, "mon" | "don" | "tur" | "hot")).then_some(Needs::Key)
}

impl Needs {
    /// Whether a value is what is needed.
    pub(super) fn fits(self, value: &str) -> bool {
        let has = |kind: fn(&u8) -> bool| value.bytes().any(|byte| kind(&byte));
        match self {
            // Not looked at twice, so that a pass takes linear time.
            _ if value.len() > MAX_REJECTED_BYTES => true,
            Self::Password => {
                value.len() >= 6
                    && !has(u8::is_ascii_whitespace)
                    && has(u8::is_ascii_alphabetic)
                    && (has(u8::is_ascii_digit) || has(u8::is_ascii_punctuation))
            }
            Self::Random => {
                let turns = value.as_bytes().windows(2).filter(|pair| is_turn(pair)).count();
                value.len() >= 20
                    && turns >= 4
                    && value.bytes().all(is_base64)
                    && !value.split(['-', '_']).any(|part| part.len() >= 8 && part.bytes().all(is_hex))
            }
            Self::Key => {
                value.len() >= 16
                    && value.bytes().all(|byte| is_token68(byte) || byte == b'%')
                    && !value.starts_with(['/', '.'])
                    && has(u8::is_ascii_alphabetic)
                    && has(u8::is_ascii_digit)
            }
        }
    }
}

/// Whether that is a letter beside a digit.
fn is_turn(pair: &[u8]) -> bool {
    let is = |kind: fn(&u8) -> bool| pair.iter().any(kind);
    is(u8::is_ascii_digit) && is(u8::is_ascii_alphabetic)
}

/// Last words of names that are secret only if the value looks random: `BANNER KEY VALUE`.
const WEAK_ENDS: [&str; 4] = ["key", "access", "private", "secret"];

/// Whether a name ends with a word that is that of a secret only if the value looks random.
pub(super) fn ends_weakly(name: &str) -> bool {
    let tail = name.get(name.len().saturating_sub(7)..).unwrap_or(name).to_ascii_lowercase();
    WEAK_ENDS.iter().any(|end| tail.ends_with(end))
}

/// Whether that is a header all of whose value is secret.
#[must_use]
pub fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

/// Whether a field of that name tells the name of its neighbour, the value: `{"name": "DB_PASSWORD", "value": ...}`.
#[must_use]
pub fn is_name_name(name: &str) -> bool {
    ["name", "key", "header", "variable", "field"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a field of that name is such a value.
#[must_use]
pub fn is_value_name(name: &str) -> bool {
    ["value", "val"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a text is the name of a secret and nothing else: `Authorization`, not a sentence about it.
#[must_use]
pub fn is_only_secret_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && text.bytes().all(is_dotted) && is_secret_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
