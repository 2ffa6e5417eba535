//! The shapes of secrets: how the tokens of known services begin, and of which bytes they are. What is looked up by is
//! computed from the tables.

use super::bytes::{is_alphanumeric, is_base64, is_dotted, is_path, is_url, is_word};

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

/// The shapes in gitleaks' rules and on the services' own pages. The least lengths are below those of real tokens, so that
/// tomorrow's are known as well. Longer prefixes come before shorter ones.
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

/// Beginnings of an AWS key id; sixteen capitals and digits follow. The first has a free fourth letter.
pub(super) const AWS: [&str; 5] = ["A3T", "AKIA", "ASIA", "ABIA", "ACCA"];

/// How a JSON web token begins, and its second part.
pub(super) const JWT: &str = "eyJ";

/// For each first byte of a shape, the second bytes that may follow, as bits by their last five bits: most texts have
/// no such pair.
#[allow(clippy::indexing_slicing, reason = "computed when vlog is compiled; a slip stops the compiler")]
static SECONDS: [u32; 256] = {
    let mut index = [0; 256];
    let mut at = 0;
    while at < SHAPES.len() {
        add(&mut index, SHAPES[at].prefix);
        at += 1;
    }
    at = 0;
    while at < AWS.len() {
        add(&mut index, AWS[at]);
        at += 1;
    }
    add(&mut index, JWT);
    index
};

#[allow(clippy::indexing_slicing, reason = "computed when vlog is compiled; a slip stops the compiler")]
const fn add(index: &mut [u32; 256], prefix: &str) {
    let bytes = prefix.as_bytes();
    index[bytes[0] as usize] |= 1 << (bytes[1] & 31);
}

/// Whether a shape may begin with these two bytes.
pub(super) fn may_begin(first: u8, second: u8) -> bool {
    SECONDS.get(usize::from(first)).is_some_and(|seconds| seconds & (1 << (second & 31)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_in_the_index() {
        let prefixes = SHAPES.iter().map(|shape| shape.prefix).chain(AWS).chain([JWT]);
        for prefix in prefixes {
            let bytes = prefix.as_bytes();
            assert!(may_begin(bytes[0], bytes[1]), "{prefix}");
        }
        assert!(!may_begin(b' ', b' ') && !may_begin(b'q', b'u') && !may_begin(0xff, 0xff));
    }
}
