//! Credentials behind a word and a blank: the name of their scheme, `Bearer VALUE`, or that of a secret, `secret VALUE`.

use super::bytes::{is_blank, is_newline, is_quote, is_space, is_token68};
use super::names::{MIN_NAME_BYTES, Needs, ends_weakly, is_secret_name, needs};
use super::value::secret;
use super::{Hit, Pass};

/// Schemes that may stand in any text. A value of eight bytes or more is taken for a credential where it does not look
/// like prose.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
const MIN_VALUE_BYTES: usize = 8;

/// A bearer token of so many bytes is one even if it has letters only.
const MIN_BEARER_BYTES: usize = 20;

/// A value behind the name of a secret is no word of prose if it is so long and has letters and digits.
const MIN_SPOKEN_BYTES: usize = 16;

/// What stands before a password on the same line, in a netrc file and in commands: `login ana password VALUE`.
const LOGINS: [&str; 4] = ["login ", "machine ", "nmcli ", " ssid "];
const MAX_LINE_BYTES: usize = 128;

/// The credential behind a scheme; the pass stands at the blank or newline between them.
pub(super) fn scheme(pass: &mut Pass) -> Option<Hit> {
    let hay = pass.hay;
    // Most words are longer or shorter than the names of schemes, which is cheap to see.
    if pass.word.1 != pass.at || !(5..=7).contains(&(pass.word.1 - pass.word.0)) {
        return None;
    }
    let scheme = SCHEMES.into_iter().find(|scheme| pass.name().eq_ignore_ascii_case(scheme))?;
    let is_bearer = scheme == "bearer";
    let mut start = hay.skip(pass.at, is_blank);
    if is_bearer && hay.byte(start).is_some_and(is_newline) {
        start = hay.skip(hay.next_line(start), is_blank);
    }
    let end = hay.skip(start, is_token68);
    let value = hay.bytes(start, end);
    let enough =
        value.len() >= MIN_VALUE_BYTES && (is_mixed(value) || (is_bearer && value.len() >= MIN_BEARER_BYTES));
    (enough && value.iter().any(u8::is_ascii_alphabetic)).then_some(Hit::new(start, end, "authorization"))
}

/// The value behind the name of a secret; the pass stands at the blank between them.
pub(super) fn spoken(pass: &mut Pass) -> Option<Hit> {
    let (hay, at) = (pass.hay, pass.at);
    if pass.word.1 != at {
        return None;
    }
    let from = hay.skip(at, |byte| byte == b' ');
    let quote = hay.byte(from).filter(|byte| is_quote(*byte));
    let start = from + usize::from(quote.is_some());
    // Behind other names only a long value is one, which few words are.
    let is_short = hay.bytes(start, start + MIN_SPOKEN_BYTES).iter().any(|byte| is_space(*byte));
    if is_short && !matches!(at - pass.word.0, 2 | 3 | 8 | 9) {
        return None;
    }
    let end = hay.find(start, |byte| is_space(byte) || is_quote(byte));
    let value = hay.bytes(start, end);
    let name = pass.name();
    if name.eq_ignore_ascii_case("password") || name.eq_ignore_ascii_case("by") {
        let line = hay.text_before(pass.word.0, MAX_LINE_BYTES);
        let line = line.rsplit('\n').next().unwrap_or_default();
        // SQL's `IDENTIFIED BY 'VALUE'` and `PASSWORD 'VALUE'`.
        let is_sql = quote == Some(b'\'') && hay.byte(end) == quote;
        let is_by = name.len() > 2 || line.trim_end().to_ascii_lowercase().ends_with("identified");
        let is_login = name.len() > 2 && LOGINS.iter().any(|login| line.contains(login));
        if is_by && (is_sql || is_login) && !hay.is_marked(start) {
            return secret(hay, start, end);
        }
    }
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    let is_long = value.len() >= MIN_SPOKEN_BYTES && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let is_plain = is_long && value.iter().all(|byte| is_token68(*byte)) && !value.starts_with(b"/");
    let is_named = || {
        let needs = || needs(name).is_some_and(|needs| needs.fits(hay.text(start, end)));
        let is_random = || ends_weakly(name) && Needs::Random.fits(hay.text(start, end));
        name.len() >= MIN_NAME_BYTES && (is_secret_name(name) || needs() || is_random())
    };
    if is_plain && is_named() { secret(hay, start, end) } else { None }
}

/// Whether a value has digits, or more capitals than `TypeScript`: words of prose have neither.
fn is_mixed(value: &[u8]) -> bool {
    let capitals = value.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    capitals > 1 || value.iter().any(u8::is_ascii_digit)
}
