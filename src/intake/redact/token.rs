//! Tokens of a known shape, whatever stands around them.

use super::bytes::{is_alphanumeric, is_dotted, is_hex, is_token68, is_url};
use super::haystack::Haystack;
use super::shapes::{AWS, Condition, JWT, Shape, has_prefix, shapes};
use super::value::is_placeholder;
use super::{Hit, Pass};

/// The length of an AWS key id.
const AWS_BYTES: usize = 20;

/// Tokens that are known by what stands in their middle: what, how many bytes of which kind before it, and at least how
/// many behind it.
struct Middle {
    class: &'static str,
    mark: &'static str,
    before: usize,
    rest: fn(u8) -> bool,
    least: usize,
}

const MIDDLES: [Middle; 3] = [
    Middle { class: "terraform-token", mark: ".atlasv1.", before: 14, rest: is_url, least: 40 },
    Middle { class: "salesforce-token", mark: "!AQ", before: 15, rest: is_dotted, least: 80 },
    Middle { class: "azure-secret", mark: "Q~", before: 4, rest: is_token68, least: 31 },
];

/// Whether a token may begin at `at`, where that byte is. Most begin none, which is cheap to see.
#[inline]
pub(super) fn may_begin(hay: Haystack, at: usize, first: u8) -> bool {
    has_prefix(first, hay.byte(at + 1).unwrap_or_default())
        || matches!(first, b'M' | b'N' | b'O' | b'.' | b'Q' | b'!' | b'A')
}

/// A token that begins at `at`.
pub(super) fn token(hay: Haystack, at: usize) -> Option<Hit> {
    match hay.byte(at)? {
        b'e' => jwt(hay, at).or_else(|| shaped(hay, at)),
        b'A' => aws(hay, at).or_else(|| shaped(hay, at)),
        b'M' | b'N' | b'O' => discord(hay, at).or_else(|| shaped(hay, at)),
        b'.' | b'Q' | b'!' => middle(hay, at).or_else(|| shaped(hay, at)),
        _ => shaped(hay, at),
    }
}

/// The token of the longest prefix that stands at `at`.
fn shaped(hay: Haystack, at: usize) -> Option<Hit> {
    let fits = shapes(hay.rest(at)).filter_map(|(shape, length)| {
        let end = end(hay, at, shape, at + length)?;
        Some((length, Hit::new(at, end, shape.class)))
    });
    fits.max_by_key(|(length, _)| *length).map(|(_, hit)| hit)
}

/// Where a token of that shape ends whose prefix stands from `at` to `start`.
fn end(hay: Haystack, at: usize, shape: &Shape, start: usize) -> Option<usize> {
    if shape.look != Condition::Any && !hay.begins_word(at) {
        return None;
    }
    let mut end = hay.skip(start, shape.rest);
    // The full stop of a sentence.
    while end > start && hay.before(end, 1) == Some(b'.') {
        end -= 1;
    }
    let is_token = end - start >= shape.least
        && (shape.look != Condition::Digits || hay.bytes(start, end).iter().any(u8::is_ascii_digit))
        && !is_placeholder(hay.text(start, end));
    is_token.then_some(end)
}

fn aws(hay: Haystack, at: usize) -> Option<Hit> {
    let in_key = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    AWS.iter().find(|prefix| hay.starts(at, prefix))?;
    let window = hay.bytes(at, at + AWS_BYTES + 1);
    let is_whole = window.iter().take_while(|byte| in_key(**byte)).count() == AWS_BYTES;
    // `prod-AKIA...`: a dash ends a word here.
    let is_apart = !hay.before(at, 1).is_some_and(is_alphanumeric);
    (is_whole && (is_apart || hay.begins_word(at))).then_some(Hit::new(at, at + AWS_BYTES, "aws-key"))
}

/// Parts of base64 with dots between them: a header and a body that are JSON and a signature, which may be empty or cut
/// off; or, encrypted, a header and four parts.
fn jwt(hay: Haystack, at: usize) -> Option<Hit> {
    if !hay.starts(at, JWT) || !hay.begins_word(at) {
        return None;
    }
    let head = hay.skip(at, is_url);
    if head - at < 8 || hay.byte(head) != Some(b'.') {
        return None;
    }
    let mut end = hay.skip(head + 1, is_url);
    let mut dots = 1;
    while dots < 4 && hay.byte(end) == Some(b'.') {
        end = hay.skip(end + 1, is_url);
        dots += 1;
    }
    if hay.starts(head + 1, JWT) {
        let body = hay.skip(head + 1, is_url);
        let end = if hay.byte(body) == Some(b'.') { hay.skip(body + 1, is_url) } else { body };
        return Some(Hit::new(at, end, "jwt"));
    }
    (dots == 4 && end - head > 64).then_some(Hit::new(at, end, "jwt"))
}

/// The token of a Discord bot: its number in base64, six bytes, and at least 27, with dots between them.
fn discord(hay: Haystack, at: usize) -> Option<Hit> {
    if !hay.begins_word(at) {
        return None;
    }
    let head = hay.skip(at, is_url);
    let middle = hay.skip(head + 1, is_url);
    let end = hay.skip(middle + 1, is_url);
    let is_token = (23..=28).contains(&(head - at))
        && hay.byte(head) == Some(b'.')
        && middle == head + 7
        && hay.byte(middle) == Some(b'.')
        && end > middle + 27;
    is_token.then_some(Hit::new(at, end, "discord-token"))
}

/// A token whose middle stands at `at`.
fn middle(hay: Haystack, at: usize) -> Option<Hit> {
    let known = MIDDLES.iter().find(|known| hay.starts(at, known.mark))?;
    let start = at.checked_sub(known.before)?;
    let rest = at + known.mark.len();
    let end = hay.skip(rest, known.rest);
    let is_token = end >= rest + known.least && hay.bytes(start, at).iter().all(|byte| is_token68(*byte));
    is_token.then_some(Hit::new(start, end, known.class))
}

/// The key of Mailchimp, 32 hex digits, `-us` and a number; the pass stands at the dash.
pub(super) fn mailchimp(pass: &mut Pass) -> Option<Hit> {
    let (hay, at) = (pass.hay, pass.at);
    let start = at.checked_sub(32)?;
    let end = hay.skip(at + 3, |byte| byte.is_ascii_digit());
    let is_key =
        hay.starts(at, "-us") && end > at + 3 && hay.bytes(start, at).iter().all(|byte| is_hex(*byte));
    is_key.then_some(Hit::new(start, end, "mailchimp-key"))
}
