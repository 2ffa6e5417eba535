//! Names of files that hold secrets.

/// Ends of paths.
const PATHS: [&str; 2] = [".docker/config.json", ".kube/config"];

/// Names, and how names begin and go on.
const NAMES: [&str; 11] = [
    ".env",
    ".envrc",
    "_netrc",
    ".netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".htpasswd",
    ".vault-token",
    "kubeconfig",
    ".git-credentials",
];
const BEGINNINGS: [&str; 4] = [".env.", ".envrc.", ".git-credentials", "kubeconfig."];

/// Extensions of files of settings, where `secrets.` before one is a file and no module of Python.
const SETTINGS: [&str; 8] = ["yml", "yaml", "json", "toml", "ini", "txt", "xml", "properties"];

/// Extensions of files that show what others look like.
const EXAMPLES: [&str; 6] = ["example", "sample", "template", "dist", "tmpl", "schema"];

/// What stands before `.key` and `.env` where that is a property.
const ROOTS: [&str; 34] = [
    "process", "meta", "self", "this", "event", "evt", "e", "ev", "entry", "item", "row", "node", "obj",
    "object", "it", "kv", "pair", "field", "attr", "args", "props", "input", "data", "config", "c", "k", "v",
    "x", "a", "b", "s", "r", "el", "window",
];

/// What names of private keys contain.
const KEYS: [&str; 4] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];

const EXTENSIONS: [&str; 10] =
    ["env", "pem", "key", "p12", "pfx", "jks", "keystore", "ppk", "kdbx", "kubeconfig"];

/// What the names of Google's key files contain, which are JSON.
const ACCOUNTS: [&str; 3] = ["service-account", "service_account", "serviceaccount"];

/// Extensions of copies.
const COPIES: [&str; 15] = [
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

/// Whether a text names, as one of its words, a file that holds secrets: `.env`, `.env.local`, `x.pem`, `id_rsa`,
/// `credentials`. The text may be a path or a command line.
#[must_use]
pub fn names_secret_file(text: &str) -> bool {
    let between = |char: char| char.is_whitespace() || "\"'`=;:|&<>()[]{},@/\\".contains(char);
    let lower = text.to_ascii_lowercase();
    PATHS.iter().any(|path| lower.contains(path)) || lower.split(between).any(is_secret_file)
}

/// Whether that name, in lower case, is of a file that holds secrets, or of a copy of it.
fn is_secret_file(name: &str) -> bool {
    let original = original(name);
    let (stem, extension) = original.rsplit_once('.').unwrap_or((original, ""));
    // `.[].key` and `event.key` are properties.
    let is_property = matches!(extension, "key" | "env")
        && (stem.is_empty() && extension == "key"
            || stem.rsplit('.').next().is_some_and(|last| ROOTS.contains(&last)));
    extension != "pub"
        && !EXAMPLES.contains(&extension)
        && !is_property
        && (BEGINNINGS.iter().any(|start| name.starts_with(start))
            || NAMES.contains(&original)
            || (stem == "secrets" && SETTINGS.contains(&extension))
            || EXTENSIONS.contains(&extension)
            || original.split('.').next().is_some_and(|first| first.ends_with("credentials"))
            || KEYS.iter().any(|key| original.contains(key))
            || (extension == "json" && ACCOUNTS.iter().any(|part| stem.contains(part))))
}

/// The name without what marks a copy: `x.pem` of `x.pem.bak~`.
fn original(name: &str) -> &str {
    let mut name = name.trim_end_matches('~');
    while let Some((original, _)) = name.rsplit_once('.').filter(|(_, copy)| COPIES.contains(copy)) {
        name = original.trim_end_matches('~');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "secrets.yaml",
            ".env.production",
            "cat tls/self-signed.key",
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
            "jq '.[].key' x.json",
            "console.log(process.env.HOME, process.env)",
            "grep event.key src",
            "self.key = key",
            "cp .env.example .env.sample",
            "secrets.token_hex(8) ${{ secrets.TOKEN }}",
            ".envoy.yaml",
        ] {
            assert!(!names_secret_file(text), "{text}");
        }
    }
}
