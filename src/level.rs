//! Severity: the six levels that vlog sends, and every spelling that it understands.

/// How bad it is; ordered from harmless to fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Step by step.
    Trace,
    /// For the one who debugs.
    Debug,
    /// Worth knowing; the default.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// Nothing goes on.
    Fatal,
}

/// Every accepted spelling, in lower case.
const SPELLINGS: [(&str, Level); 21] = [
    ("trace", Level::Trace),
    ("trc", Level::Trace),
    ("debug", Level::Debug),
    ("dbg", Level::Debug),
    ("info", Level::Info),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("wrn", Level::Warn),
    ("error", Level::Error),
    ("err", Level::Error),
    ("severe", Level::Error),
    ("fatal", Level::Fatal),
    ("critical", Level::Fatal),
    ("crit", Level::Fatal),
    ("alert", Level::Fatal),
    ("emerg", Level::Fatal),
    ("panic", Level::Fatal),
];

impl Level {
    /// Reads a level in any spelling and any case; `None` if it is no level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let known = SPELLINGS.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(text.trim()));
        known.map(|&(_, level)| level)
    }

    /// Every spelling, in lower case, of this level and of those that are worse.
    pub fn spellings_or_worse(self) -> impl Iterator<Item = &'static str> {
        SPELLINGS.iter().filter(move |(_, level)| *level >= self).map(|&(spelling, _)| spelling)
    }

    /// The name as it is stored: lower case, because `LogsQL` words are case-sensitive.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read_in_any_case() {
        for (spelling, level) in SPELLINGS {
            assert_eq!(Level::parse(spelling), Some(level), "{spelling}");
            assert_eq!(Level::parse(&spelling.to_uppercase()), Some(level), "{spelling}");
        }
        assert_eq!(Level::parse(" Warning\n"), Some(Level::Warn));
    }

    #[test]
    fn names_are_spellings_of_themselves() {
        for (_, level) in SPELLINGS {
            assert_eq!(Level::parse(level.name()), Some(level));
        }
    }

    #[test]
    fn other_words_are_no_levels() {
        for text in ["", " ", "loud", "errors", "5", "info!"] {
            assert_eq!(Level::parse(text), None, "{text}");
        }
    }

    #[test]
    fn levels_are_ordered_by_severity() {
        assert!(Level::Trace < Level::Debug && Level::Debug < Level::Info && Level::Info < Level::Warn);
        assert!(Level::Warn < Level::Error && Level::Error < Level::Fatal);
    }
}
