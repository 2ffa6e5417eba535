//! What stdout can show: how wide it is, whether in colour, in which characters.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use crate::sys::env::Env;

/// What is known of stdout.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether stdout is a terminal.
    pub is_watched: bool,
    /// Cells of a line; `None` if it has no end.
    pub width: Option<usize>,
    /// Lines, if it is a terminal that says so.
    pub height: Option<usize>,
    /// Whether the locale is one of UTF-8.
    pub unicode: bool,
    colorful: bool,
}

impl Terminal {
    /// Asks the terminal, and the environment where that says nothing.
    #[must_use]
    pub fn new(env: Env) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0);
        let columns = || env("COLUMNS")?.trim().parse().ok().filter(|columns| *columns > 0);
        Self {
            is_watched: is_terminal,
            width: size.map(|size| size.ws_col.into()).or_else(columns),
            height: size.map(|size| size.ws_row.into()).filter(|rows| *rows > 0),
            unicode: is_utf8(env),
            colorful: is_colorful(env, is_terminal),
        }
    }

    /// Whether to print in colour, asked for `always`, `never` or nothing certain.
    #[must_use]
    pub fn color(&self, asked: Option<bool>) -> bool {
        asked.unwrap_or(self.colorful)
    }
}

/// The cells of a line of a terminal, if it says so.
pub fn columns(terminal: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}

/// The first of the variables that is set decides, as in setlocale(3).
fn is_utf8(env: Env) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name)).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// `NO_COLOR` (no-color.org) goes before `CLICOLOR_FORCE` (bixense.com/clicolors).
fn is_colorful(env: Env, is_terminal: bool) -> bool {
    if env("NO_COLOR").is_some() {
        false
    } else if env("CLICOLOR_FORCE").is_some_and(|text| text != "0") {
        true
    } else {
        is_terminal && env("TERM").is_none_or(|name| name != "dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_first_locale_variable_decides() {
        for (variables, expected) in [
            (&[("LANG", "en_US.UTF-8")][..], true),
            (&[("LC_CTYPE", "C.utf8")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")], false),
            (&[("LANG", "de_DE@euro")], false),
            (&[], false),
        ] {
            assert_eq!(is_utf8(&env(variables)), expected, "{variables:?}");
        }
    }

    #[test]
    fn colour_is_for_terminals_unless_the_environment_says_otherwise() {
        for (variables, is_terminal, expected) in [
            (&[][..], true, true),
            (&[], false, false),
            (&[("TERM", "dumb")], true, false),
            (&[("NO_COLOR", "1")], true, false),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false),
        ] {
            assert_eq!(is_colorful(&env(variables), is_terminal), expected, "{variables:?}");
        }
    }
}
