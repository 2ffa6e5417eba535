//! Secrets that options of a command line carry: `--password VALUE`, `-u USER:PASSWORD`.

use super::bytes::{is_dotted, is_newline, is_quote, is_space, is_url};
use super::haystack::Haystack;
use super::names::{MAX_NAME_BYTES, MIN_NAME_BYTES, is_secret_name, needs};
use super::value::{MAX_REJECTED_BYTES, is_password, secret};
use super::{Hit, Pass, name, program};

/// Options whose value is `user:password`.
const USERS: [&str; 4] = ["u", "U", "user", "proxy-user"];

/// Switches of curl that may stand before its `u`: `-sSu`.
const CURL_SWITCHES: &str = "sSfLkvigGIOjJNZ";
const MAX_SWITCHES: usize = 8;

/// The most bytes between an option and its value; in a list of arguments quotes and a comma.
const MAX_GAP_BYTES: usize = 16;

/// The most bytes in a quoted part of a value.
const MAX_QUOTED_BYTES: usize = 256;

/// A use of options for secrets: whether an option is of it, and where such a one has its secret.
struct Use {
    fits: fn(&Flag) -> bool,
    hit: fn(&Flag) -> Option<Hit>,
}

/// The uses of options for secrets; the first that fits decides.
const USES: [Use; 5] = [
    Use { fits: has_user_attached, hit: attached_user },
    Use { fits: names_user, hit: user },
    Use { fits: names_secret, hit: secret_value },
    Use { fits: names_maybe, hit: maybe_secret },
    Use { fits: program::may_carry, hit: program::password },
];

/// What an option carries; the pass stands at its dash.
pub(super) fn option(pass: &mut Pass) -> Option<Hit> {
    let (hay, at) = (pass.hay, pass.at);
    // Not the dash of `non-token`, and only the first of several.
    if !hay.begins_word(at) {
        return None;
    }
    let flag = Flag::new(hay, at);
    USES.iter().find(|known| (known.fits)(&flag)).and_then(|known| (known.hit)(&flag))
}

/// An option.
pub(super) struct Flag<'a> {
    pub(super) hay: Haystack<'a>,
    pub(super) name: &'a str,
    /// Start and end of the name.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_short: bool,
    /// Where the value begins that stands apart; `None` where there is none.
    pub(super) value: Option<usize>,
}

impl<'a> Flag<'a> {
    fn new(hay: Haystack<'a>, at: usize) -> Self {
        let start = hay.skip(at, |byte| byte == b'-');
        let end = hay.skip(start, is_url);
        // The quotes are those of a list of arguments: `"-u","user:password"`.
        let is_gap = |byte: u8| is_space(byte) || b"\"',\\".contains(&byte);
        let from = hay.skip(end + usize::from(hay.byte(end) == Some(b'=')), is_gap);
        let is_near = from > end && from <= end + MAX_GAP_BYTES && !hay.is_marked(from);
        let name = name(hay, start, end);
        Self { hay, name, start, end, is_short: start == at + 1, value: is_near.then_some(from) }
    }

    /// Where the value that begins at `from` ends: at its quote, or where a shell's word does.
    pub(super) fn end_of_value(&self, from: usize) -> usize {
        match self.hay.before(from, 1).filter(|byte| matches!(byte, b'"' | b'\'')) {
            Some(quote) => {
                let rest = self.hay.rest(from);
                let escapes =
                    |at: usize| rest.get(at + 1).is_some_and(|next| is_quote(*next) || *next == b'\\');
                let mut bytes = rest.iter().enumerate();
                let end = bytes.position(|(at, byte)| *byte == quote || (*byte == b'\\' && escapes(at)));
                from + end.unwrap_or(rest.len())
            }
            None => shell_word(self.hay, from),
        }
    }

    /// Where the user's name ends, if that is near.
    fn attached_colon(&self) -> usize {
        let window = self.hay.bytes(self.end, self.end + MAX_NAME_BYTES);
        let is_part = |byte: &&u8| is_dotted(**byte) || matches!(**byte, b'@' | b'+');
        self.end + window.iter().take_while(is_part).count()
    }
}

/// `-uUSER:`, where the colon is not that of a URL.
fn has_user_attached(flag: &Flag) -> bool {
    let colon = flag.attached_colon();
    flag.is_short
        && flag.name.starts_with('u')
        && colon > flag.start + 1
        && flag.hay.byte(colon) == Some(b':')
        && !flag.hay.starts(colon, "://")
}

/// `-uUSER:PASSWORD`
fn attached_user(flag: &Flag) -> Option<Hit> {
    let (from, colon) = (flag.start + 1, flag.attached_colon());
    let stop = flag.hay.find(colon + 1, |byte| is_space(byte) || is_quote(byte));
    let is_pair = stop > colon + 1 && !is_ids(flag.hay.bytes(from, stop));
    is_pair.then_some(Hit::new(from, stop, "basic-auth"))
}

fn names_user(flag: &Flag) -> bool {
    let is_curl = |switches: &str| {
        switches.len() <= MAX_SWITCHES && switches.chars().all(|switch| CURL_SWITCHES.contains(switch))
    };
    USERS.contains(&flag.name) || (flag.is_short && flag.name.strip_suffix('u').is_some_and(is_curl))
}

/// `-u USER:PASSWORD`, `-U DOMAIN\USER%PASSWORD`
fn user(flag: &Flag) -> Option<Hit> {
    let (hay, from) = (flag.hay, flag.value?);
    // The colon is looked for nearby first, so that no run is walked twice.
    let window = hay.bytes(from, from + MAX_NAME_BYTES);
    let colon = from + window.iter().position(|byte| matches!(byte, b':' | b'%') || is_space(*byte))?;
    let is_pair =
        matches!(hay.byte(colon), Some(b':' | b'%')) && colon > from && hay.byte(from) != Some(b'+');
    if !is_pair || hay.starts(colon, "://") {
        return None;
    }
    let stop = flag.end_of_value(from);
    let (name, password) = (hay.text(from, colon), hay.text(colon + 1, stop));
    // `-u root:root` is a user and a group.
    let is_group =
        is_ids(hay.bytes(from, stop)) || (name == password && name == "root") || !is_password(password);
    (!is_group).then_some(Hit::new(from, stop, "basic-auth"))
}

fn names_secret(flag: &Flag) -> bool {
    // What follows `=` is found as an assignment. `--secret-id NAME` is that of AWS, `--password-stdin` has no value.
    !matches!(flag.name, "secret-id" | "password-stdin")
        && flag.hay.byte(flag.end) != Some(b'=')
        && flag.name.len() >= MIN_NAME_BYTES
        && is_secret_name(flag.name)
}

/// `--password VALUE`
fn secret_value(flag: &Flag) -> Option<Hit> {
    let from = flag.value?;
    let stop = flag.end_of_value(from);
    let value = flag.hay.bytes(from, stop);
    // Another option, unless it is long and has digits.
    let is_option = value.len() <= MAX_REJECTED_BYTES
        && value.starts_with(b"-")
        && (value.len() < 7 || value.starts_with(b"--") || !value.iter().any(u8::is_ascii_digit));
    if is_option { None } else { secret(flag.hay, from, stop) }
}

fn names_maybe(flag: &Flag) -> bool {
    flag.hay.byte(flag.end) != Some(b'=') && flag.name.len() > 1 && needs(flag.name).is_some()
}

/// `--pass VALUE`, `--key VALUE`, where the value looks like one.
fn maybe_secret(flag: &Flag) -> Option<Hit> {
    let needs = needs(flag.name)?;
    secret_value(flag).filter(|hit| needs.fits(flag.hay.text(hit.start, hit.end)))
}

/// Where the word of a shell ends that begins at `from`; quotes in it may hold blanks.
fn shell_word(hay: Haystack, from: usize) -> usize {
    let mut at = from;
    loop {
        let end = hay.find(at, |byte| is_space(byte) || matches!(byte, b'"' | b'\''));
        let Some(quote) = hay.byte(end).filter(|byte| is_quote(*byte)) else { return end };
        let opens = hay.byte(end + 1).is_some_and(|byte| !is_space(byte) && !b",;:)]}\\".contains(&byte));
        let window = hay.bytes(end + 1, end + 1 + MAX_QUOTED_BYTES);
        let close = window.iter().position(|byte| *byte == quote || is_newline(*byte));
        match close.map(|close| end + 1 + close).filter(|close| hay.byte(*close) == Some(quote)) {
            Some(close) if opens => at = close + 1,
            _ => return end,
        }
    }
}

/// Whether that is the numbers of a user and a group: `-u 1000:1000`.
fn is_ids(pair: &[u8]) -> bool {
    pair.iter().all(|byte| byte.is_ascii_digit() || *byte == b':')
}
