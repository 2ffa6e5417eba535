//! The shapes of secrets: how the tokens of known services begin, and of which bytes they are. What they are looked up by
//! is computed from the table.

use super::bytes::{
    is_alphanumeric, is_base64, is_crypt, is_dotted, is_graphic, is_hex, is_padded, is_path, is_percent,
    is_token68, is_url, is_word,
};

/// A way in which tokens begin and go on.
pub(super) struct Shape {
    pub(super) class: &'static str,
    /// Which bytes follow the prefix, and how many of them at least.
    pub(super) rest: fn(u8) -> bool,
    pub(super) least: usize,
    pub(super) look: Condition,
    /// The prefixes, with a blank between two.
    prefixes: &'static str,
}

/// What else must hold where a prefix is seen.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Condition {
    /// Nothing: no word has such a prefix in it.
    Any,
    /// A word begins there.
    Word,
    /// A word begins there, and there is a digit behind the prefix, unlike in most names.
    Digits,
}

use Condition::{Any, Digits, Word};

const fn shape(
    class: &'static str,
    rest: fn(u8) -> bool,
    least: usize,
    look: Condition,
    prefixes: &'static str,
) -> Shape {
    Shape { class, rest, least, look, prefixes }
}

/// The shapes in the rules of gitleaks, betterleaks, Nosey Parker and Kingfisher, and on the services' own pages. The
/// least lengths are at or below those of real tokens, so that tomorrow's are known as well. Of several prefixes that fit
/// the longest counts.
#[rustfmt::skip]
pub(super) const SHAPES: &[Shape] = &[
    shape("github-token", is_word, 22, Any, "github_pat_"),
    shape("github-token", is_dotted, 20, Any, "ghp_ gho_ ghu_ ghs_ ghr_"),
    shape("gitlab-token", is_dotted, 16, Any, "glpat- gldt- glrt- glptt- glcbt- glimt- gloas- glffct- glagent- glsoat- glft- glwt- GR1348941"),
    shape("slack-token", is_dotted, 24, Digits, "xoxa- xoxb- xoxc- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs-"),
    shape("slack-token", is_percent, 24, Any, "xoxd-"),
    shape("slack-token", is_url, 10, Word, "xapp-"),
    shape("slack-webhook", is_path, 8, Any, "hooks.slack.com/"),
    shape("discord-webhook", is_path, 8, Any, "discord.com/api/webhooks/ discordapp.com/api/webhooks/"),
    shape("teams-webhook", is_percent, 8, Any, "webhook.office.com/webhookb2/ outlook.office.com/webhook/"),
    shape("zapier-webhook", is_path, 8, Any, "hooks.zapier.com/hooks/"),
    shape("anthropic-key", is_url, 10, Any, "sk-ant-"),
    shape("openai-key", is_url, 12, Any, "sk-proj- sk-svcacct- sk-admin-"),
    shape("openai-key", is_url, 20, Digits, "sk-"),
    shape("openrouter-key", is_url, 12, Any, "sk-or-v1-"),
    shape("stripe-key", is_base64, 10, Any, "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_"),
    shape("google-key", is_url, 30, Any, "AIza"),
    shape("google-key", is_url, 20, Any, "GOCSPX-"),
    shape("google-key", is_url, 30, Word, "AQ.Ab"),
    shape("google-token", is_dotted, 20, Word, "ya29."),
    shape("google-token", is_url, 30, Word, "1//0"),
    shape("npm-token", is_alphanumeric, 30, Any, "npm_"),
    shape("huggingface-token", is_alphanumeric, 30, Word, "hf_ api_org_"),
    shape("supabase-key", is_word, 30, Any, "sbp_"),
    shape("digitalocean-token", is_word, 30, Any, "dop_v1_ doo_v1_ dor_v1_"),
    shape("vault-token", is_url, 20, Word, "hvs. hvb. hvr."),
    shape("sendgrid-key", is_token68, 40, Any, "SG."),
    shape("pypi-token", is_url, 20, Word, "pypi-AgE"),
    shape("groq-key", is_alphanumeric, 30, Any, "gsk_"),
    shape("xai-key", is_url, 30, Word, "xai-"),
    shape("shopify-token", is_word, 30, Any, "shpat_ shpca_ shppa_ shpss_"),
    shape("docker-token", is_url, 20, Any, "dckr_pat_ dckr_oat_ SWMTKN-1- SWMKEY-1-"),
    shape("grafana-token", is_base64, 30, Any, "glsa_ glc_ eyJrIjoi"),
    shape("age-key", is_alphanumeric, 50, Any, "AGE-SECRET-KEY-1"),
    shape("linear-key", is_alphanumeric, 30, Any, "lin_api_"),
    shape("rubygems-key", is_alphanumeric, 40, Any, "rubygems_"),
    shape("private-key", is_base64, 20, Any, "LS0tLS1CRUdJTi"),
    shape("aws-key", is_base64, 80, Word, "ABSK"),
    shape("aws-key", is_base64, 20, Any, "bedrock-api-key-"),
    shape("aws-key", is_url, 30, Any, "amzn.mws."),
    shape("twilio-key", is_hex, 32, Word, "SK"),
    shape("atlassian-token", is_base64, 100, Word, "ATATT3 ATCTT3"),
    shape("django-key", is_graphic, 40, Word, "django-insecure-"),
    shape("password-hash", is_crypt, 30, Any, "$1$ $apr1$ $2a$ $2b$ $2y$ $5$ $6$ $y$ $argon2i$ $argon2d$ $argon2id$"),
    // Services whose tokens are seen more rarely: by alphabet and length.
    shape("token", is_padded, 12, Digits, "rzp_live_ rzp_test_ thog-key- NRBR- NRJS- AIK_CI_ AIK_SECRET_ FLWSECK_TEST- FLWSECK- Mid-server- Mid-client- ramp_sec_ sm_aat_ sm_pat_ sm_sat_ tskey- VF.DM. odt_ flb_live_ unkey_ apify_api_ aio_"),
    shape("token", is_padded, 20, Digits, "spu- pgar_ bb_pr_ figp_ figo_ figr_ salad_cloud_ scp-live- scp-test- alcht_ ptr_ rh-api- nfp_ NF- codemagic_ sqco_ sq0ige- sq0idb- ATBB supernotes_sk- bkct_ AIK_CLIENT_ ABGA- CCIPAT_ CCIPRJ_ CCDB1_ CLOJARS_ cfxk_ csk- csa_ dnkey- ddp_ ddo_ dvc_server_ dvc_client_ dvc_mobile_ cog_ duffel_test_ duffel_live_ essu_ figd_ figu_ HRKU- ico- lsv2_pt_ lsv2_sk_ lip_ mlsn. mercury_production_ mergify_application_key_ mdb_sa_sk_ napi_ NRAK- NRII- NRIQ- NRRA- NRAA- ntn_ nvapi- pplx- pcsk_ pina_ phx_ phc_ PMAK- pnu_ pul- rdme_ rnd_ rpa_ r8_ rootly_ samsara_api_ shippo_live_ shippo_test_ sgp_ slk_ sqp_ sqa_ squ_ sq0atp- sq0csp- sq0idp- sb_secret_ tk-us- tss_ tgp_v1_ tfp_ ucat_ vtwn_ vck_ vca_ vcr_ vci_ vcp_ waka_ wandb_v1_ zpka_ xkeysib- xsmtpsib- p8e- da2- jina_ tvly- CFPAT- cfat_ cfut_ cfk_ storecove_ shltm_ pat-na1- pat-eu1- prf_ ak_live_ px-api- px-dep- LTAI STS. bkua_ bkaa_ os_v2_ pdl_live_ pdl_sdbx_ persona_production_ persona_sandbox_ apikey_ access-sandbox- access-development- access-production- cnvca s-s4t2 pri_ BBFF- ion_ api_live. api_live_ api_sandbox. key- PRD- db- API- BSA A3- dapi lk_ polar_ bkaj_ bkar_"),
    shape("token", is_padded, 32, Digits, "sk_ pk_ live_ secret_ AQVN KEY0 EZAK EZTK oy2 AAAAAAAAAAAAAAAAAAAA"),
    shape("token", is_url, 60, Digits, "key_ v1.0- AKC"),
    shape("token", is_dotted, 40, Digits, "dp. dt0c01. dt0s01. hawk. pat. sat. na1. tkn.v1_ wrka- wrkaeu- pk. sk. tk."),
    shape("token", is_dotted, 64, Digits, "pat sc_ sl. 1000."),
    shape("token", is_token68, 30, Digits, "ops_eyJ apk_ fo1_ fm1_ fm1a_ fm1r_ fm2_ fio-u- sntrys_ sntryu_ pscale_tkn_ pscale_oauth_ pscale_pw_ t1.9 sha256~ EAA CAIS b_"),
    shape("token", is_path, 30, Digits, "configcat-sdk-1/"),
    shape("token", is_base64, 16, Digits, "endr+ BBDC-"),
    shape("token", is_alphanumeric, 30, Digits, "test_ live_"),
    shape("token", is_url, 32, Digits, "sdk- mob- web_ k_"),
    shape("vault-token", is_alphanumeric, 24, Digits, "s. b. r."),
    shape("token", is_graphic, 30, Any, "AstraCS: $krb5asrep$ $krb5tgs$"),
    shape("token", is_url, 30, Any, "aact_prod_ aact_hmlg_"),
];

/// A place in the table.
#[derive(Clone, Copy)]
struct Place {
    row: u8,
    start: u16,
    length: u8,
}

/// What the table is looked up by: the prefixes in the order of a number that is made of their first two bytes, and where
/// those of each number begin. Most pairs of bytes have none.
struct Index {
    places: [Place; COUNT],
    from: [u16; BUCKETS + 1],
}

const BUCKETS: usize = 1024;

/// The number of two bytes; letters have the same in both cases.
const fn bucket(first: u8, second: u8) -> usize {
    (first as usize & 31) << 5 | (second as usize & 31)
}

const COUNT: usize = count();

static INDEX: Index = index();

/// The prefix that begins at `start` or behind it; `None` at the end of the row.
#[allow(clippy::indexing_slicing, reason = "computed when vlog is compiled; a slip stops the compiler")]
const fn prefix(row: usize, mut start: usize) -> Option<(usize, usize)> {
    let bytes = SHAPES[row].prefixes.as_bytes();
    while start < bytes.len() && bytes[start] == b' ' {
        start += 1;
    }
    let mut end = start;
    while end < bytes.len() && bytes[end] != b' ' {
        end += 1;
    }
    if start == end { None } else { Some((start, end)) }
}

const fn count() -> usize {
    let (mut row, mut count) = (0, 0);
    while row < SHAPES.len() {
        let mut at = 0;
        while let Some((_, end)) = prefix(row, at) {
            at = end;
            count += 1;
        }
        row += 1;
    }
    count
}

#[allow(clippy::indexing_slicing, reason = "computed when vlog is compiled; a slip stops the compiler")]
#[allow(clippy::cast_possible_truncation, reason = "a table of fewer rows, and of shorter ones")]
const fn index() -> Index {
    let mut index = Index { places: [Place { row: 0, start: 0, length: 0 }; COUNT], from: [0; BUCKETS + 1] };
    // A counting sort: how many have each number, then where those of each number begin, then all of them.
    let mut row = 0;
    while row < SHAPES.len() {
        let bytes = SHAPES[row].prefixes.as_bytes();
        let mut at = 0;
        while let Some((start, end)) = prefix(row, at) {
            at = end;
            index.from[bucket(bytes[start], bytes[start + 1]) + 1] += 1;
        }
        row += 1;
    }
    let mut number = 0;
    while number < BUCKETS {
        index.from[number + 1] += index.from[number];
        number += 1;
    }
    let mut next = index.from;
    row = 0;
    while row < SHAPES.len() {
        let bytes = SHAPES[row].prefixes.as_bytes();
        let mut at = 0;
        while let Some((start, end)) = prefix(row, at) {
            at = end;
            let number = bucket(bytes[start], bytes[start + 1]);
            let place = Place { row: row as u8, start: start as u16, length: (end - start) as u8 };
            index.places[next[number] as usize] = place;
            next[number] += 1;
        }
        row += 1;
    }
    index
}

/// Where the prefixes stand in the index that may begin with these two bytes.
#[inline]
fn bounds(first: u8, second: u8) -> (usize, usize) {
    let number = bucket(first, second);
    let from = |at: usize| INDEX.from.get(at).copied().map_or(0, usize::from);
    (from(number), from(number + 1))
}

/// Whether a prefix may begin with these two bytes.
#[inline]
pub(super) fn has_prefix(first: u8, second: u8) -> bool {
    let (from, to) = bounds(first, second);
    from < to
}

/// The shapes with a prefix at the beginning of a text, each with the length of that prefix.
pub(super) fn shapes(text: &[u8]) -> impl Iterator<Item = (&'static Shape, usize)> {
    let [first, second] = [0, 1].map(|at| text.get(at).copied().unwrap_or_default());
    let (from, to) = bounds(first, second);
    let places = INDEX.places.get(from..to).unwrap_or_default();
    places.iter().filter_map(move |place| {
        let shape = SHAPES.get(usize::from(place.row))?;
        let (start, length) = (usize::from(place.start), usize::from(place.length));
        text.starts_with(shape.prefixes.as_bytes().get(start..start + length)?).then_some((shape, length))
    })
}

/// How a JSON web token begins.
pub(super) const JWT: &str = "eyJ";

/// Beginnings of an AWS key id; sixteen capitals and digits follow. The first has a free fourth letter.
pub(super) const AWS: [&str; 5] = ["A3T", "AKIA", "ASIA", "ABIA", "ACCA"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_in_the_index() {
        let mut count = 0;
        for row in SHAPES {
            for prefix in row.prefixes.split(' ') {
                let found = shapes(prefix.as_bytes())
                    .any(|(shape, length)| shape.class == row.class && length == prefix.len());
                assert!(found && prefix.len() > 1, "{prefix}");
                count += 1;
            }
        }
        assert_eq!(count, COUNT);
        for text in ["", " ", "quite", "\u{ff}"] {
            assert_eq!(shapes(text.as_bytes()).count(), 0);
        }
    }
}
