//! Secrets by their name: `name=VALUE`, `"name": "VALUE"`, `["name", "VALUE"]`, `<name>VALUE</name>`, and
//! `"name": "NAME", "value": "VALUE"`.

use super::bytes::{is_quote, is_url};
use super::haystack::Haystack;
use super::names::{MAX_NAME_BYTES, MIN_NAME_BYTES};
use super::value::{secret, value};
use super::{Hit, Pass, is_header, is_name_name, is_secret_name, is_value_name, name, url};

/// The most blanks and quotes between a name and its separator, as in a table, or a name and the value of its neighbour.
const MAX_GAP_BYTES: usize = 64;

/// The least digits of a Telegram bot's number, the most, and the least bytes of the token behind its colon.
const MIN_BOT_DIGITS: usize = 8;
const MAX_BOT_DIGITS: usize = 10;
const MIN_BOT_TOKEN_BYTES: usize = 30;

/// What follows `%3D` or `%3A`, which are a separator; the pass stands at the `%`.
pub(super) fn escaped_separator(pass: &mut Pass) -> Option<Hit> {
    let code = pass.hay.bytes(pass.at + 1, pass.at + 3);
    let is_separator = code.eq_ignore_ascii_case(b"3d") || code.eq_ignore_ascii_case(b"3a");
    if is_separator { after_separator(pass, pass.at + 2) } else { None }
}

/// What follows the `:` or `=` at which the pass stands.
pub(super) fn separator(pass: &mut Pass) -> Option<Hit> {
    if pass.hay.starts(pass.at, "://") {
        return url::userinfo(pass.hay, pass.at + 3);
    }
    after_separator(pass, pass.at)
}

/// What follows a separator that ends at `last`: a bot's token, or the value of the name before it.
fn after_separator(pass: &mut Pass, last: usize) -> Option<Hit> {
    let (hay, (start, end)) = (pass.hay, pass.word);
    let gap = hay.bytes(end, pass.at);
    let is_gap = |byte: &u8| is_quote(*byte) || b"\\ \t]):?".contains(byte);
    if start == end || gap.len() > MAX_GAP_BYTES || !gap.iter().all(is_gap) {
        return None;
    }
    let name = name(hay, start, end);
    if let Some(hit) = bot_token(hay, name, end, pass.at) {
        return Some(hit);
    }
    if name.len() < MIN_NAME_BYTES {
        return None;
    }
    let in_query = matches!(hay.before(start, 1), Some(b'?' | b'&' | b'#'));
    if is_value_name(name) {
        let is_secret = pass.named.take().is_some_and(|until| until >= pass.at);
        return if is_secret { value(hay, "password", last, in_query) } else { None };
    }
    if is_name_name(name) {
        pass.named = named(hay, last);
        return None;
    }
    let is_directory = matches!(name, "PWD" | "OLDPWD") && hay.byte(pass.at + 1) == Some(b'/');
    if is_directory || !is_secret_name(name) {
        return None;
    }
    value(hay, name, last, in_query)
}

/// A Telegram bot's number and its token; the name that ends at `end` is the number, the separator stands at `colon`.
fn bot_token(hay: Haystack, name: &str, end: usize, colon: usize) -> Option<Hit> {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    if digits < MIN_BOT_DIGITS || !hay.starts(colon, ":AA") {
        return None;
    }
    let stop = hay.skip(colon + 1, is_url);
    let is_token = stop - colon > MIN_BOT_TOKEN_BYTES;
    is_token.then_some(Hit::new(end - digits.min(MAX_BOT_DIGITS), stop, "telegram-token"))
}

/// Up to where a `value` is the secret's, if the separator that ends at `last` is followed by the name of a secret.
fn named(hay: Haystack, last: usize) -> Option<usize> {
    let from = hay.skip(last, |byte| b":=>\"'`\\ ".contains(&byte));
    let window = hay.bytes(from, from + MAX_NAME_BYTES);
    let length = window.iter().position(|byte| !is_url(*byte)).unwrap_or(window.len());
    let is_secret = from - last <= MAX_GAP_BYTES && is_secret_name(hay.text(from, from + length));
    is_secret.then_some(from + length + MAX_GAP_BYTES)
}

/// `["password", "VALUE"]`, and the value of a header in any list; the pass stands at the comma.
pub(super) fn list(pass: &mut Pass) -> Option<Hit> {
    let (hay, (start, end)) = (pass.hay, pass.word);
    let is_quoting = |byte: &u8| is_quote(*byte) || *byte == b'\\';
    let closing = hay.bytes(end, pass.at);
    if start == end || closing.is_empty() || closing.len() > 8 || !closing.iter().all(is_quoting) {
        return None;
    }
    let window = hay.bytes(start.saturating_sub(9), start);
    let opening = window.iter().rev().take_while(|byte| is_quoting(byte)).count();
    let name = pass.name();
    if opening == 0 || name.len() < MIN_NAME_BYTES || !is_secret_name(name) {
        return None;
    }
    let hit = value(hay, name, pass.at, false)?;
    let after = hay.skip(hit.end, |byte| is_quoting(&byte) || byte == b' ');
    let is_pair = matches!(window.iter().rev().nth(opening), Some(b'[' | b'('))
        && matches!(hay.byte(after), None | Some(b']' | b')'));
    let is_quoted = hay.before(hit.start, 1).is_some_and(is_quote);
    let is_key = hay.byte(after) == Some(b':');
    (is_quoted && !is_key && (is_pair || is_header(name))).then_some(hit)
}

/// `<password>VALUE</password>`; the pass stands at the first `>`.
pub(super) fn element(pass: &mut Pass) -> Option<Hit> {
    let (hay, (start, end)) = (pass.hay, pass.word);
    let is_tag = start < end && end == pass.at && matches!(hay.before(start, 1), Some(b'<' | b':'));
    if !is_tag || !is_secret_name(pass.name()) {
        return None;
    }
    let from = pass.at + 1;
    let close = hay.find(from, |byte| byte == b'<');
    let is_element = hay.starts(close, "</") || hay.starts(close, "<\\/");
    if is_element && !hay.is_marked(from) { secret(hay, from, close) } else { None }
}
