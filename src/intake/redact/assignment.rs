//! Secrets by their name: `name=VALUE`, `"name": "VALUE"`, `["name", "VALUE"]`, `<name>VALUE</name>`, and
//! `"name": "NAME", "value": "VALUE"`.

use super::bytes::{is_blank, is_dotted, is_newline, is_quote, is_url};
use super::haystack::Haystack;
use super::names::{MAX_NAME_BYTES, MIN_NAME_BYTES, Needs, needs};
use super::value::{TYPES, indented, is_reference, secret, value};
use super::{Hit, Pass, is_header, is_name_name, is_secret_name, is_value_name, name, url};

/// The most blanks and quotes between a name and its separator, as in a table, or a name and the value of its neighbour.
const MAX_GAP_BYTES: usize = 64;

/// What the signatures of URLs that let anybody in are called.
const SIGNATURES: [&str; 4] = ["sig", "signature", "x-amz-signature", "x-goog-signature"];

/// What a Kubernetes secret says of itself, and how far from its data it is looked for.
const KIND: &str = "kind: Secret";
const MAX_KIND_BYTES: usize = 512;

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
    after_separator(pass, pass.at).or_else(|| login(pass))
}

/// What `sha256:` and the schemes of other addresses begin with, which have no password before their `@`.
const ADDRESSES: [&str; 5] = ["npm", "pkg", "mailto", "acct", "sha"];

/// The password of `DOMAIN/USER:PASSWORD@HOST` without a scheme; the pass stands at the colon.
fn login(pass: &Pass) -> Option<Hit> {
    let (hay, start) = (pass.hay, pass.at + 1);
    if pass.word.1 != pass.at || hay.byte(pass.at) != Some(b':') {
        return None;
    }
    let window = hay.bytes(start, start + MAX_GAP_BYTES);
    let length = window
        .iter()
        .position(|byte| !byte.is_ascii_graphic() || is_quote(*byte) || b"@/:,".contains(byte))?;
    let end = start + length;
    let password = hay.bytes(start, end);
    let has = |kind: fn(&u8) -> bool| password.iter().any(kind);
    let is_odd = has(u8::is_ascii_uppercase) || has(|byte| b"!#$%^&*~?+=".contains(byte));
    let is_password = length >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && is_odd;
    let is_address =
        ADDRESSES.iter().any(|known| pass.name().eq_ignore_ascii_case(known) || hay.starts(end + 1, known));
    let is_host =
        hay.byte(end) == Some(b'@') && hay.byte(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric());
    (is_host && is_password && !is_address).then_some(Hit::new(start, end, "basic-auth"))
}

/// What follows a separator that ends at `last`: a bot's token, or the value of the name before it.
fn after_separator(pass: &mut Pass, last: usize) -> Option<Hit> {
    let hay = pass.hay;
    let gap = hay.bytes(pass.word.1, pass.at);
    let is_gap = |byte: &u8| is_quote(*byte) || b"\\ \t]):?+|".contains(byte);
    if pass.word.0 == pass.word.1 || gap.len() > MAX_GAP_BYTES || !gap.iter().all(is_gap) {
        return None;
    }
    let (start, end) = named_by(hay, pass.word);
    let name = name(hay, start, end);
    if let Some(hit) = bot_token(hay, name, end, pass.at) {
        return Some(hit);
    }
    let in_query = matches!(hay.before(start, 1), Some(b'?' | b'&' | b'#'));
    if is_value_name(name) {
        let is_secret = pass.named.take().is_some_and(|until| until >= pass.at);
        return if is_secret { value(hay, "password", last, in_query) } else { None };
    }
    if is_name_name(name) && !is_spaced_key(hay, name, start) {
        pass.named = named(hay, last);
        let is_random = |hit: &Hit| Needs::Random.fits(hay.text(hit.start, hit.end));
        let is_key = pass.named.is_none() && name.eq_ignore_ascii_case("key");
        return if is_key { value(hay, name, last, in_query).filter(is_random) } else { None };
    }
    let is_directory = matches!(name, "PWD" | "OLDPWD") && hay.byte(pass.at + 1) == Some(b'/');
    if is_directory {
        return None;
    }
    if name.len() >= MIN_NAME_BYTES && is_secret_name(name) || is_spaced_key(hay, name, start) {
        return value(hay, name, last, in_query);
    }
    if hay.byte(pass.at) == Some(b':') && matches!(name, "data" | "stringData") {
        return kubernetes(hay, pass.at);
    }
    if name == "p" && hay.before(start, 1) == Some(b'/') && hay.before(start, 2).is_none_or(is_blank) {
        return windows_password(hay, start, last);
    }
    let is_signature = in_query && SIGNATURES.iter().any(|known| name.eq_ignore_ascii_case(known));
    let needs = if is_signature || (in_query && name.eq_ignore_ascii_case("key")) {
        Some(Needs::Key)
    } else {
        needs(name)
    }?;
    value(hay, name, last, in_query).filter(|hit| needs.fits(hay.text(hit.start, hit.end)))
}

/// Where the name begins and ends that is given a value: the last word, or the one before it where that is a type as in
/// `var token string =` or the dot of `$token .=`.
fn named_by(hay: Haystack, word: (usize, usize)) -> (usize, usize) {
    let text = hay.text(word.0, word.1);
    if text != "." && !TYPES.contains(&text) {
        return word;
    }
    let window = hay.bytes(word.0.saturating_sub(MAX_NAME_BYTES), word.0);
    let gap = window.iter().rev().take_while(|byte| b" \t:&*?".contains(byte)).count();
    let length = window.iter().rev().skip(gap).take_while(|byte| is_dotted(**byte)).count();
    if gap == 0 || length == 0 { word } else { (word.0 - gap - length, word.0 - gap) }
}

/// `API key: VALUE`
fn is_spaced_key(hay: Haystack, name: &str, start: usize) -> bool {
    if !name.eq_ignore_ascii_case("key") {
        return false;
    }
    let window = hay.bytes(start.saturating_sub(12), start);
    let before = hay.text(start - window.len(), start).trim_end_matches(' ').to_ascii_lowercase();
    hay.before(start, 1) == Some(b' ')
        && ["api", "access", "secret", "private"].iter().any(|kind| before.ends_with(kind))
}

/// The values of a Kubernetes secret; the colon of its `data:` stands at `at`.
fn kubernetes(hay: Haystack, at: usize) -> Option<Hit> {
    let line = hay.skip(at + 1, is_blank);
    if !hay.byte(line).is_some_and(is_newline) {
        return None;
    }
    let start = hay.next_line(line);
    // Only what may be that of a secret is walked to its end.
    let end = indented(hay, start);
    // Not `kind: SecretStore`.
    let has_kind = |from: usize, to: usize| {
        let is_kind = |at: usize| hay.starts(at, KIND) && !hay.byte(at + KIND.len()).is_some_and(is_url);
        (from..to.min(hay.len())).any(is_kind)
    };
    let is_secret = end > start
        && (has_kind(at.saturating_sub(MAX_KIND_BYTES), at) || has_kind(end, end + MAX_KIND_BYTES));
    let first = hay.skip(start, is_blank);
    let has_value = |line: &str| {
        let value = line.split_once(':').map_or(line, |(_, value)| value).trim_matches([' ', '"', '\'']);
        !value.is_empty() && !is_reference(value)
    };
    let is_known = hay.is_marked(first) || !hay.text(first, end).lines().any(has_value);
    (is_secret && !is_known).then_some(Hit::new(first, end, "secret"))
}

/// `/u:USER /p:PASSWORD`, in this order or the other; the separator of the `p` that begins at `start` ends at `last`.
fn windows_password(hay: Haystack, start: usize, last: usize) -> Option<Hit> {
    let end = hay.find(last, is_newline);
    let from = start.saturating_sub(MAX_GAP_BYTES);
    let line = hay.bytes(from, end.min(start + MAX_GAP_BYTES));
    if line.windows(3).any(|part| part == b"/u:") { value(hay, "password", last, false) } else { None }
}

/// A Telegram bot's number and its token; the name that ends at `end` is the number, the separator stands at `colon`.
fn bot_token(hay: Haystack, name: &str, end: usize, colon: usize) -> Option<Hit> {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    if digits < MIN_BOT_DIGITS {
        return None;
    }
    let stop = hay.skip(colon + 1, is_url);
    let has = |kind: fn(&u8) -> bool| hay.bytes(colon, stop).iter().any(kind);
    // Those of today begin with `AA`.
    let is_old = || stop - colon == 36 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_token = stop - colon > MIN_BOT_TOKEN_BYTES && (hay.starts(colon, ":AA") || is_old());
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
