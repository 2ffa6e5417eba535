//! Secrets that are known by their value: those of variables of the environment with secret names. They are taken out
//! wherever they stand, whatever they look like.

use std::borrow::Cow;

use super::names::needs;
use super::{MARK, is_secret_name, redact};
use crate::record::json_string;

/// Shorter values are found by chance, in bytes; so are longer ones of one kind of letters or digits only.
const MIN_VALUE_BYTES: usize = 8;
const MIN_PLAIN_BYTES: usize = 12;

/// Values that are secrets.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Long ones first, for one may be part of another.
    values: Vec<String>,
}

impl Known {
    /// The values of those variables whose names are those of secrets, but for short and common ones, paths, and what a
    /// variable of another name has as well.
    #[must_use]
    pub fn new(variables: &[(String, String)]) -> Self {
        // What the value tells is cheaper to see.
        let is_secret = |(name, value): &&(String, String)| {
            is_telling(value) && (is_secret_name(name) || needs(name).is_some_and(|needs| needs.fits(value)))
        };
        let (named, others): (Vec<_>, Vec<_>) = variables.iter().partition(is_secret);
        let mut values = Vec::new();
        for (_, value) in named {
            if !others.iter().any(|(_, other)| other == value) {
                values.push(value.clone());
                // As it stands in JSON.
                let escaped = json_string(value);
                let escaped = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
                if escaped != value {
                    values.push(escaped.to_owned());
                }
            }
        }
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    /// As [`redact`], and without these values. `count` of the result tells of both.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        match self.take_out(text) {
            (Cow::Borrowed(text), _) => redact(text),
            (Cow::Owned(text), count) => {
                let (clean, more) = redact(&text);
                (Cow::Owned(clean.into_owned()), count + more)
            }
        }
    }

    /// The text without these values, and how many there were.
    pub(super) fn take_out<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let mut count = 0;
        let mut clean = Cow::Borrowed(text);
        for value in &self.values {
            let found = clean.matches(value.as_str()).count();
            if found > 0 {
                count += found;
                clean = Cow::Owned(clean.replace(value.as_str(), &format!("{MARK}environment]")));
            }
        }
        (clean, count)
    }
}

/// Whether a value is long enough, and odd enough, to stand for itself.
fn is_telling(value: &str) -> bool {
    let is_plain = ["a", "A", "0"].iter().any(|kind| {
        value.bytes().all(|byte| match *kind {
            "a" => byte.is_ascii_lowercase(),
            "A" => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_digit(),
        })
    });
    let least = if is_plain { MIN_PLAIN_BYTES } else { MIN_VALUE_BYTES };
    value.len() >= least && !value.starts_with(['/', '~', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(variables: &[(&str, &str)]) -> Known {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Known::new(&variables)
    }

    #[test]
    fn values_of_secret_variables_go_wherever_they_stand() {
        let known = known(&[
            ("DB_PASSWORD", "hunter-two"),
            ("X_TOKEN", "hunter-two-more"),
            ("A_SECRET", "a\"b\\c-d-e-f"),
        ]);
        for (text, expected) in [
            ("say hunter-two!", "say [REDACTED:environment]!"),
            ("xhunter-two-morex", "x[REDACTED:environment]x"),
            ("{\"a\":\"a\\\"b\\\\c-d-e-f\"}", "{\"a\":\"[REDACTED:environment]\"}"),
            ("password=hunter-two", "password=[REDACTED:environment]"),
        ] {
            let (clean, count) = known.redact(text);
            assert_eq!((clean.as_ref(), count), (expected, 1), "{text}");
            assert_eq!(known.redact(&clean), (Cow::Borrowed(clean.as_ref()), 0), "{text}");
        }
        assert_eq!(known.redact("plain"), (Cow::Borrowed("plain"), 0));
    }

    #[test]
    fn short_and_common_values_are_left() {
        let known = known(&[
            ("A_TOKEN", "true"),
            ("B_TOKEN", "1"),
            ("C_AUTH", "disabled"),
            ("D_SECRET", "20261121"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1"),
            ("E_PASSWORD", "ana-maria"),
            ("LOGNAME", "ana-maria"),
            ("TOKEN_COUNT", "a-long-value-1"),
            ("PATH", "/usr/bin"),
        ]);
        assert!(known.values.is_empty(), "{:?}", known.values);
    }
}
