//! Credentials behind the name of their scheme, in prose or a header: `Bearer VALUE`.

use super::bytes::{is_blank, is_newline, is_token68};
use super::{Hit, Pass};

/// Schemes that may stand in any text. A value of eight bytes or more is taken for a credential where it does not look
/// like prose.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
const MIN_VALUE_BYTES: usize = 8;

/// A bearer token of so many bytes is one even if it has letters only.
const MIN_BEARER_BYTES: usize = 20;

/// The credential behind a scheme; the pass stands at the blank or newline between them.
pub(super) fn scheme(pass: &mut Pass) -> Option<Hit> {
    let hay = pass.hay;
    if pass.word.1 != pass.at {
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

/// Whether a value has digits, or more capitals than `TypeScript`: words of prose have neither.
fn is_mixed(value: &[u8]) -> bool {
    let capitals = value.iter().skip(1).filter(|byte| byte.is_ascii_uppercase()).count();
    capitals > 1 || value.iter().any(u8::is_ascii_digit)
}
