//! Why the system refused something, in words. All messages take them from here.

use std::io;

/// What went wrong, to stand in the middle of a sentence: `no such file or directory`. Without the error's number, which
/// tells a reader nothing.
#[must_use]
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // Not `I/O error`.
        (Some(first), Some('a'..='z')) => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_has_no_number_and_begins_as_a_sentence_goes_on() {
        assert_eq!(cause(&io::Error::from_raw_os_error(2)), "no such file or directory");
        assert_eq!(cause(&io::Error::other("I/O error (os error 5)")), "I/O error");
        assert_eq!(cause(&io::Error::other("")), "");
    }
}
