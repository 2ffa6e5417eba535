//! Private keys in PEM: from `-----BEGIN ... PRIVATE KEY-----` to the line that ends them.

use super::haystack::Haystack;
use super::{Hit, Pass};

pub(super) const BEGIN: &str = "-----BEGIN ";
pub(super) const END: &str = "-----END ";
const DASHES: &[u8] = b"-----";

/// The most bytes in a label such as `RSA PRIVATE KEY`, with the dashes behind it.
const MAX_LABEL_BYTES: usize = 64;

/// Whether a private key begins in a text and does not end there.
#[must_use]
pub fn opens_key(text: &str) -> bool {
    text.rfind(BEGIN).is_some_and(|at| {
        let body = after_label(Haystack::new(text), at + BEGIN.len());
        body.is_some_and(|body| !text.get(body..).unwrap_or_default().contains(END))
    })
}

/// What a text has behind the end of a private key; `None` where no key ends.
#[must_use]
pub fn after_key(text: &str) -> Option<&str> {
    let tail = text.find(END)? + END.len();
    text.get(after_label(Haystack::new(text), tail).unwrap_or(tail)..)
}

/// A key from its first line on, to its end or the text's. Where only the end of a key is in the text, all before it,
/// unless that has been looked at.
pub(super) fn private_key(pass: &mut Pass) -> Option<Hit> {
    let (hay, at) = (pass.hay, pass.at);
    if hay.starts(at, END) {
        let start = if pass.form.is_behind_key { at } else { pass.done };
        return Some(Hit::new(start, after_label(hay, at + END.len())?, "private-key"));
    }
    if !hay.starts(at, BEGIN) {
        return None;
    }
    let body = after_label(hay, at + BEGIN.len())?;
    let end = match hay.text_from(body).find(END) {
        Some(found) => {
            let tail = body + found + END.len();
            after_label(hay, tail).unwrap_or(tail)
        }
        // The rest is on other lines.
        None if pass.form.is_object => pass.place.end_of_string(hay, at),
        None => hay.len(),
    };
    Some(Hit::new(at, end, "private-key"))
}

/// Where the label that begins at `from` ends, dashes included, if it is that of a private key.
fn after_label(hay: Haystack, from: usize) -> Option<usize> {
    let window = hay.bytes(from, from + MAX_LABEL_BYTES);
    let length = window.windows(DASHES.len()).position(|part| part == DASHES)?;
    let label = window.get(..length)?;
    let is_private = label.windows(11).any(|part| part.eq_ignore_ascii_case(b"private key"));
    is_private.then_some(from + length + DASHES.len())
}
