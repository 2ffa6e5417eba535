//! Tokens of a known shape, whatever stands around them.

use super::Hit;
use super::bytes::{is_alphanumeric, is_url};
use super::haystack::Haystack;
use super::shapes::{AWS, JWT, SHAPES, Shape, may_begin};

/// The length of an AWS key id.
const AWS_BYTES: usize = 20;

/// A token that begins at `at`.
pub(super) fn token(hay: Haystack, at: usize) -> Option<Hit> {
    if !may_begin(hay.byte(at)?, hay.byte(at + 1)?) {
        return None;
    }
    jwt(hay, at).or_else(|| aws(hay, at)).or_else(|| shaped(hay, at))
}

/// The token of the first shape whose prefix stands at `at`.
fn shaped(hay: Haystack, at: usize) -> Option<Hit> {
    let shape = SHAPES.iter().find(|shape| hay.starts(at, shape.prefix))?;
    if !shape.anywhere && !hay.begins_word(at) {
        return None;
    }
    let start = at + shape.prefix.len();
    let end = hay.skip(start, shape.rest);
    let is_token = end - start >= shape.least && !is_only_words(shape, hay.bytes(start, end));
    is_token.then_some(Hit::new(at, end, shape.class))
}

/// `sk-learn-and-other-words` is a name; keys have digits or capitals.
fn is_only_words(shape: &Shape, rest: &[u8]) -> bool {
    shape.prefix == "sk-"
        && rest.iter().all(|byte| byte.is_ascii_lowercase() || !byte.is_ascii_alphanumeric())
}

fn aws(hay: Haystack, at: usize) -> Option<Hit> {
    let in_key = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    AWS.iter().find(|prefix| hay.starts(at, prefix))?;
    let is_whole = hay.skip(at, in_key) == at + AWS_BYTES;
    // `prod-AKIA...`: a dash ends a word here.
    let is_apart = !hay.before(at, 1).is_some_and(is_alphanumeric);
    (is_whole && (is_apart || hay.begins_word(at))).then_some(Hit::new(at, at + AWS_BYTES, "aws-key"))
}

/// Three parts of base64 with dots between them; the last may be empty, or cut off.
fn jwt(hay: Haystack, at: usize) -> Option<Hit> {
    if !hay.starts(at, JWT) || !hay.begins_word(at) {
        return None;
    }
    let head = hay.skip(at, is_url);
    let is_pair = hay.byte(head) == Some(b'.') && hay.starts(head + 1, JWT);
    if head - at < 8 || !is_pair {
        return None;
    }
    let body = hay.skip(head + 1, is_url);
    let end = if hay.byte(body) == Some(b'.') { hay.skip(body + 1, is_url) } else { body };
    Some(Hit::new(at, end, "jwt"))
}
