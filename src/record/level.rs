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

/// Every accepted spelling, in lower case. Three letters are zerolog's and tracing's way, four that of .NET, log15
/// and logrus on a terminal; `fine` and `severe` are Java's, `dpanic` is zap's, `success` loguru's, `silly` npm's.
const SPELLINGS: [(&str, Level); 40] = [
    ("trace", Level::Trace),
    ("trc", Level::Trace),
    ("trac", Level::Trace),
    ("trce", Level::Trace),
    ("finer", Level::Trace),
    ("finest", Level::Trace),
    ("silly", Level::Trace),
    ("debug", Level::Debug),
    ("dbg", Level::Debug),
    ("debu", Level::Debug),
    ("dbug", Level::Debug),
    ("fine", Level::Debug),
    ("verbose", Level::Debug),
    ("info", Level::Info),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("informational", Level::Info),
    ("notice", Level::Info),
    ("success", Level::Info),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("wrn", Level::Warn),
    ("error", Level::Error),
    ("err", Level::Error),
    ("erro", Level::Error),
    ("eror", Level::Error),
    ("fail", Level::Error),
    ("severe", Level::Error),
    ("fatal", Level::Fatal),
    ("fata", Level::Fatal),
    ("ftl", Level::Fatal),
    ("critical", Level::Fatal),
    ("crit", Level::Fatal),
    ("alert", Level::Fatal),
    ("emerg", Level::Fatal),
    ("emergency", Level::Fatal),
    ("panic", Level::Fatal),
    ("pani", Level::Fatal),
    ("pnc", Level::Fatal),
    ("dpanic", Level::Fatal),
];

/// The length of `informational`.
const LONGEST: usize = 13;

/// For each first letter: one bit for each length of a spelling that begins with it, one for each second letter, and one for
/// each place in the table.
static LETTERS: [(u16, u32, u64); 26] = letters();

const fn letters() -> [(u16, u32, u64); 26] {
    let mut letters = [(0, 0, 0); 26];
    let mut at = 0;
    while at < SPELLINGS.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            let spelling = SPELLINGS[at].0.as_bytes();
            let (lengths, seconds, places) = &mut letters[(spelling[0] - b'a') as usize];
            *lengths |= 1 << spelling.len();
            *seconds |= 1 << (spelling[1] - b'a');
            *places |= 1 << at;
        }
        at += 1;
    }
    letters
}

/// The places of the spellings that a word may be, by its length and its first two letters; most are none by that.
fn candidates(word: &[u8]) -> u64 {
    let &[first, second, ..] = word else { return 0 };
    let letter = |byte: u8| byte.to_ascii_lowercase().wrapping_sub(b'a');
    let Some((lengths, seconds, places)) = LETTERS.get(usize::from(letter(first))) else { return 0 };
    let second = letter(second);
    let may_be = word.len() <= LONGEST
        && lengths & (1 << word.len()) != 0
        && second < 26
        && seconds & (1 << second) != 0;
    if may_be { *places } else { 0 }
}

impl Level {
    /// Reads a level in any spelling and any case; `None` if it is no level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let mut places = candidates(text.as_bytes());
        while places != 0 {
            let (spelling, level) = SPELLINGS.get(places.trailing_zeros() as usize)?;
            if spelling.eq_ignore_ascii_case(text) {
                return Some(*level);
            }
            places &= places - 1;
        }
        None
    }

    /// Syslog's severities: 0 is the worst, 7 is `debug` (RFC 5424, 6.2.1).
    #[must_use]
    pub fn from_syslog(severity: u64) -> Option<Self> {
        Some(match severity {
            0..=2 => Self::Fatal,
            3 => Self::Error,
            4 => Self::Warn,
            5 | 6 => Self::Info,
            7 => Self::Debug,
            _ => return None,
        })
    }

    /// The numbers of bunyan and pino: 10 is `trace`, 60 is `fatal`, and those between count as the level below.
    #[must_use]
    pub fn from_bunyan(number: u64) -> Option<Self> {
        Some(match number {
            10..=19 => Self::Trace,
            20..=29 => Self::Debug,
            30..=39 => Self::Info,
            40..=49 => Self::Warn,
            50..=59 => Self::Error,
            60..=99 => Self::Fatal,
            _ => return None,
        })
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
