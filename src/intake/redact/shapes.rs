//! The shapes of secrets: how the tokens of known services begin, and of which bytes they are.

/// A known beginning of a secret: what it is called, which bytes follow, and how many of them at least.
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    pub(super) class: &'static str,
    pub(super) rest: fn(u8) -> bool,
    pub(super) least: usize,
    /// Whether it may follow a letter, because nothing else looks like it.
    pub(super) anywhere: bool,
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
pub(super) const SHAPES: [Shape; 57] = [
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
    shape("xoxc-", "slack-token", is_url, 10),
    shape("xoxd-", "slack-token", is_path, 10),
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
pub(super) fn may_begin(first: u8, second: u8) -> bool {
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
pub(super) const AWS: [&str; 5] = ["A3T", "AKIA", "ASIA", "ABIA", "ACCA"];

pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_dotted(byte: u8) -> bool {
    is_url(byte) || byte == b'.'
}

pub(super) fn is_base64(byte: u8) -> bool {
    is_url(byte) || matches!(byte, b'+' | b'/' | b'=')
}

/// `token68` of RFC 9110, which all authentication schemes use.
pub(super) fn is_token68(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'.' | b'~')
}

pub(super) fn is_path(byte: u8) -> bool {
    is_dotted(byte) || byte == b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_is_forgotten() {
        for shape in &SHAPES {
            let bytes = shape.prefix.as_bytes();
            assert!(may_begin(bytes[0], bytes[1]), "{}", shape.prefix);
        }
    }
}
