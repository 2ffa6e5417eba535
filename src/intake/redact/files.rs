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

/// Ends of options that are given a key or a certificate, or a file that is written: such a file is not shown.
const OPTIONS: &str = "key keyfile key-file key_file cert certfile cert-file certificate cacert cafile keystore ks \
                       keyout out outfile signer credentials-file";

/// Programs that show what is in a file, or may. What they are given is one even if its name alone does not tell.
const SHOWING: &str = "cat head tail less more bat grep rg sed awk vi vim nano code strings xxd base64 source jq yq cp \
                       mv scp curl tee echo printf";

/// Whether a text names, as one of its words, a file that holds secrets: `.env`, `.env.local`, `x.pem`, `id_rsa`,
/// `credentials`. The text may be a path or a command line; one that only uses a key, as `ssh -i` does, shows none.
#[must_use]
pub fn names_secret_file(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let text = lower.as_str();
    let is_command = text.trim().contains(char::is_whitespace);
    let is_shown = || words(text).any(|(_, word)| SHOWING.split(' ').any(|known| known == word));
    let is_file = |(at, word): (usize, &str)| {
        if !is_secret_file(word) {
            return false;
        }
        let (before, after) =
            (text.get(..at).unwrap_or_default(), text.get(at + word.len()..).unwrap_or_default());
        let is_path = before.ends_with(['/', '\\', '~']) || word.contains('.');
        // `config credentials`, `x.key=value`
        let is_word = !is_path && !is_shown();
        let is_property =
            word.rsplit('.').next() == Some("key") && !before.ends_with('/') && after.starts_with(['=', ':']);
        !(is_command && (is_word || is_property || is_given(before, word)))
    };
    PATHS.iter().any(|path| text.contains(path)) || words(text).any(is_file)
}

/// The words that may be names, each with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let between = |char: char| char.is_whitespace() || "\"'`=;:|&<>()[]{},@/\\".contains(char);
    text.split(between).map(|word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// Whether the file of that name, before which that stands, is the value of an option that shows nothing of it.
fn is_given(before: &str, name: &str) -> bool {
    let is_part = |char: char| !char.is_whitespace() && !"=\"'".contains(char);
    let option = before.trim_end_matches(is_part).trim_end_matches(['=', ' ', '"', '\'']);
    let option = option.rsplit(char::is_whitespace).next().unwrap_or_default();
    let option = option.rsplit(['"', '\'']).next().unwrap_or_default();
    // Programs print what their environment is.
    let is_environment = name.split('.').any(|part| part == "env");
    let is_known = |end: &str| option.ends_with(end);
    option.starts_with('-') && !is_environment && (option == "-i" || OPTIONS.split_whitespace().any(is_known))
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
            "cat credentials",
            "openssl rsa -in tls.key -out new.key",
            "docker run --env-file .env web",
            "echo x > server.pem",
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
            "ssh -i ~/.ssh/id_ed25519 web-1",
            "curl --cert client.pem --key key.pem https://example.com",
            "openssl genrsa -out x.key 2048",
            "serve --ssl-key=tls/x.key",
            "gcloud container clusters get-credentials web",
            "kind export kubeconfig",
            "helm set section.key=value x",
        ] {
            assert!(!names_secret_file(text), "{text}");
        }
    }
}
