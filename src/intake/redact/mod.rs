//! Secrets in text, known by their shape or by the name they are given, are replaced by `[REDACTED:class]`.
//!
//! One pass, in linear time whatever the text holds: some bytes tell that a secret may begin or follow there ([`RULES`]),
//! and the matchers of that byte look. Errs towards redacting: of a value everything up to the next blank or quote goes.
//! Nothing here does input or output.
//!
//! Redact a text before it is cut. Where that cannot be, cut it with [`before_cut`]: half a secret has no shape.

mod assignment;
mod bytes;
mod cut;
mod escapes;
mod files;
mod haystack;
mod known;
mod names;
mod object;
mod option;
mod private_key;
mod program;
mod quotes;
mod repeated;
mod scheme;
mod shapes;
mod stream;
mod token;
mod url;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::intake::text::lines::without_ansi;

pub use cut::{after_cut, before_cut};
pub use files::names_secret_file;
pub use known::Known;
pub use names::{is_header, is_name_name, is_only_secret_name, is_secret_name, is_value_name};
pub use private_key::{after_key, opens_key};
pub use stream::Redactor;

use bytes::is_dotted;
use escapes::without_escapes;
use haystack::Haystack;
use names::MAX_NAME_BYTES;
use object::ObjectPlace;

/// What stands in the place of a secret, followed by its class and a bracket.
const MARK: &str = "[REDACTED:";

/// A secret: where it is in the text, and what it is called.
#[derive(Clone, Copy)]
struct Hit {
    start: usize,
    end: usize,
    class: &'static str,
}

impl Hit {
    const fn new(start: usize, end: usize, class: &'static str) -> Self {
        Self { start, end, class }
    }
}

/// Looks for a secret at the place where a pass stands.
type Matcher = fn(&mut Pass<'_>) -> Option<Hit>;

/// The bytes at which something may be found, and who looks there, in this order.
const RULES: [(&[u8], &[Matcher]); 8] = [
    (b":=", &[assignment::separator]),
    (b"%", &[assignment::escaped_separator]),
    (b">", &[assignment::element]),
    (b",", &[assignment::list]),
    (b"-", &[private_key::private_key, token::mailchimp, option::option]),
    (b" ", &[scheme::scheme, scheme::spoken]),
    (b"\t\r\n", &[scheme::scheme]),
    (b"|", &[program::echoed]),
];

/// For each byte the row of [`RULES`] that has it, counted from 1; 0 for a byte that only a token may begin with.
#[allow(clippy::indexing_slicing, reason = "computed when vlog is compiled; a slip stops the compiler")]
static RULE_OF: [u8; 256] = {
    let mut index = [0; 256];
    let mut row = 0_u8;
    while (row as usize) < RULES.len() {
        let bytes = RULES[row as usize].0;
        let mut at = 0;
        while at < bytes.len() {
            index[bytes[at] as usize] = row + 1;
            at += 1;
        }
        row += 1;
    }
    index
};

/// What a text is.
#[derive(Clone, Copy, Default)]
struct Form {
    /// It is a line of JSON, and should stay one.
    is_object: bool,
    /// The lines of a private key before its end have been taken out.
    is_behind_key: bool,
}

/// The text with every secret replaced, and how many there were. Colours go too, and escapes of plain characters are
/// read, because both may hide where a word begins.
#[must_use]
pub fn redact(text: &str) -> (Cow<'_, str>, usize) {
    redact_as(text, Form::default())
}

fn redact_as(text: &str, form: Form) -> (Cow<'_, str>, usize) {
    match readable(text) {
        Cow::Borrowed(text) => pass(text, form),
        Cow::Owned(plain) => {
            let (clean, count) = pass(&plain, form);
            (Cow::Owned(if count == 0 { plain } else { clean.into_owned() }), count)
        }
    }
}

/// A text of which more follows, up to about `cut`, without its secrets; and the rest of it, to be put before what
/// follows.
fn redact_up_to(text: &str, cut: usize) -> (String, String) {
    let text = readable(text);
    let mut pass = Pass::new(&text, Form::default());
    pass.run(cut);
    let (done, at) = (pass.done, pass.at);
    pass.out.push_str(pass.hay.text(done, at));
    (pass.out, pass.hay.text_from(at).to_owned())
}

/// The text without what may hide where a word begins.
fn readable(text: &str) -> Cow<'_, str> {
    match without_escapes(text) {
        Cow::Borrowed(text) => without_ansi(text),
        Cow::Owned(plain) => Cow::Owned(without_ansi(&plain).into_owned()),
    }
}

fn pass(text: &str, form: Form) -> (Cow<'_, str>, usize) {
    let mut pass = Pass::new(text, form);
    pass.run(usize::MAX);
    if pass.count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    pass.out.push_str(pass.hay.text_from(pass.done));
    let (out, more) = repeated::take_out(pass.out, pass.hay, &pass.values);
    (Cow::Owned(out), pass.count + more)
}

/// A pass over a text.
struct Pass<'a> {
    hay: Haystack<'a>,
    at: usize,
    /// Start and end of the last run of bytes that names are made of.
    word: (usize, usize),
    /// After `"name": "DB_PASSWORD"`: up to where a `value` is taken for the secret.
    named: Option<usize>,
    /// The text up to `done`, without its secrets.
    out: String,
    done: usize,
    count: usize,
    /// Start and end of the first secrets that may stand elsewhere without their names.
    values: Vec<(usize, usize)>,
    form: Form,
    /// Where it is in an object.
    place: ObjectPlace,
}

/// So far behind the place where a pass should stop it does stop, if no word begins there.
const MAX_OVERRUN_BYTES: usize = 2048;

impl<'a> Pass<'a> {
    fn new(text: &'a str, form: Form) -> Self {
        Self {
            hay: Haystack::new(text),
            at: 0,
            word: (0, 0),
            named: None,
            out: String::new(),
            done: 0,
            count: 0,
            values: Vec::new(),
            form,
            place: ObjectPlace::default(),
        }
    }

    /// Goes on to the end, or to where a word begins at `until` or behind it.
    fn run(&mut self, until: usize) {
        while let Some(byte) = self.hay.byte(self.at) {
            if self.at >= until && self.may_stop(until) {
                return;
            }
            if let Some(hit) = self.look(byte) {
                self.take(hit);
                continue;
            }
            if is_dotted(byte) {
                if self.word.1 != self.at {
                    self.word = (self.at, self.at);
                }
                self.word.1 = self.at + 1;
            }
            self.at += 1;
        }
    }

    fn may_stop(&self, until: usize) -> bool {
        let is_boundary = self.hay.byte(self.at).is_some_and(|byte| !(0x80..0xc0).contains(&byte));
        let begins = self.hay.before(self.at, 1).is_some_and(|byte| b" \t\n,;{".contains(&byte))
            && self.hay.byte(self.at).is_some_and(|byte| is_dotted(byte) || bytes::is_quote(byte));
        begins || (is_boundary && self.at >= until.saturating_add(MAX_OVERRUN_BYTES))
    }

    /// The secret that the byte in hand tells of.
    fn look(&mut self, byte: u8) -> Option<Hit> {
        let row = RULE_OF.get(usize::from(byte)).copied().unwrap_or_default();
        match usize::from(row).checked_sub(1).and_then(|row| RULES.get(row)) {
            Some((_, matchers)) => matchers.iter().find_map(|matcher| matcher(self)),
            None if token::may_begin(self.hay, self.at, byte) => token::token(self.hay, self.at),
            None => None,
        }
    }

    fn take(&mut self, Hit { start, mut end, class }: Hit) {
        // Empty where `start` lies before `done`: secrets within a private key were taken before its end was seen.
        self.out.push_str(self.hay.text(self.done, start));
        if self.form.is_object {
            end = self.place.replace(self.hay, (start, end), class, &mut self.out);
        } else {
            self.out.extend([MARK, class, "]"]);
        }
        self.count += 1;
        repeated::remember(&mut self.values, self.hay, (start, end), class);
        self.done = end;
        self.at = end;
        self.word = (end, end);
    }

    /// The last word as a name: see [`name`].
    fn name(&self) -> &str {
        name(self.hay, self.word.0, self.word.1)
    }
}

/// The name that a run of bytes holds, without the `n` of a `\n` before it; of long ones the last bytes.
fn name(hay: Haystack<'_>, start: usize, end: usize) -> &str {
    let is_escape =
        hay.before(start, 1) == Some(b'\\') && matches!(hay.byte(start), Some(b'n' | b'r' | b't'));
    let from = (start + usize::from(is_escape)).max(end.saturating_sub(MAX_NAME_BYTES));
    hay.text(from, end)
}
