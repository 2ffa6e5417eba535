//! Names that tell of a secret: of fields, variables and headers, and of files.

use super::shapes::is_dotted;

/// Longer names are looked at from here on only.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// A name that ends so is about a secret, and holds none: `token_count`, `password_file`.
const HARMLESS: [&str; 16] = [
    "count", "type", "limit", "usage", "budget", "file", "path", "url", "uri", "endpoint", "expires",
    "expiry", "ttl", "length", "size", "policy",
];

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
    let of = [
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
    let keys = |text: &str| {
        let before = text.strip_suffix('s').unwrap_or(text);
        let before = before.strip_suffix("key").map(|before| before.trim_end_matches('_'));
        before.is_some_and(|before| of.iter().any(|kind| before.ends_with(kind)))
    };
    let mut end = 0;
    for part in flat.split('_') {
        end += part.len();
        let secret = match part {
            "cookie" | "cookies" | "jwt" | "pwd" | "secrets" => true,
            // Counts, mostly, but for these.
            "tokens" => {
                has(&["auth_tokens", "api_tokens", "access_tokens", "refresh_tokens", "secret_tokens"])
            }
            _ => {
                part.ends_with("token")
                    || part.ends_with("auth")
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

/// Whether a text names, as one of its words, a file that holds secrets: `.env`, `.env.local`, `x.pem`, `id_rsa`,
/// `credentials`. The text may be a path or a command line.
#[must_use]
pub fn names_secret_file(text: &str) -> bool {
    let between = |char: char| char.is_whitespace() || "\"'`=;:|&<>()[]{},@/\\".contains(char);
    let lower = text.to_ascii_lowercase();
    [".docker/config.json", ".kube/config"].iter().any(|path| lower.contains(path))
        || lower.split(between).any(is_secret_file)
}

/// Whether that name, in lower case, is of a file that holds secrets, or of a copy of it.
fn is_secret_file(name: &str) -> bool {
    let whole =
        [".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", ".vault-token", "kubeconfig"];
    let starts = [".env", ".git-credentials", "secrets.", "kubeconfig."];
    let keys = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
    let ends = ["env", "pem", "key", "p12", "pfx", "jks", "keystore", "ppk", "kdbx", "kubeconfig"];
    let copies = [
        "bak",
        "backup",
        "old",
        "orig",
        "save",
        "swp",
        "tmp",
        "copy",
        "local",
        "dev",
        "development",
        "test",
        "staging",
        "prod",
        "production",
    ];
    let mut name = name.trim_end_matches('~');
    let starts_so = starts.iter().any(|start| name.starts_with(start));
    while let Some((original, _)) = name.rsplit_once('.').filter(|(_, copy)| copies.contains(copy)) {
        name = original.trim_end_matches('~');
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let account = ["service-account", "service_account", "serviceaccount"];
    extension != "pub"
        && (starts_so
            || whole.contains(&name)
            || ends.contains(&extension)
            || name.split('.').next().is_some_and(|first| first.ends_with("credentials"))
            || keys.iter().any(|key| name.contains(key))
            || (extension == "json" && account.iter().any(|part| stem.contains(part))))
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
            "/home/ana/.aws/credentials",
            "credentials.json",
            "{\"path\":\".env\"}",
            "prod.env",
            "server.key",
            "cat<.env",
            "x.pem.bak",
            "prod.env.bak",
            "prod.env.local",
            "old_id_rsa_2",
            "credentials~",
            "aws_credentials",
            "my-service-account.json",
            "~/.kube/config",
            "kubeconfig",
            "/home/ana/.docker/config.json",
            ".netrc",
            ".npmrc",
            ".pypirc",
            ".pgpass",
            "file:///x/.env",
        ] {
            assert!(names_secret_file(text), "{text}");
        }
        for text in [
            "",
            "docker/config.json",
            "key.rs.bak",
            "local",
            "account.json",
            "src/env.rs",
            "environment",
            "id_rsa.pub",
            "credential.rs",
            "key",
            "cargo test",
            "monkey.rs",
        ] {
            assert!(!names_secret_file(text), "{text}");
        }
    }
}
