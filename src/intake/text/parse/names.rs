//! What loggers call the message, the level, the time and the service: one table, the best name first.

/// What a field of a well-known name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The message, whatever the type of its value.
    Message,
    /// The message if it is text.
    Text,
    /// A level: a word, or the number of bunyan and pino.
    Level,
    /// Syslog's severity.
    Severity,
    /// A letter of `MongoDB`, if its other names are there too.
    Letter,
    /// The time; kept under another name if it cannot be read.
    Time,
    /// The time if it can be read as one; otherwise a field as any other.
    MaybeTime,
    /// The service.
    Service,
}

/// The names of pino, bunyan, winston, zap, slog, logrus, zerolog, tracing, structlog, python-json-logger, hclog, Serilog,
/// .NET, log4j, Docker, the journal, `MongoDB`, Google Cloud, ECS, GELF, Monolog and OpenTelemetry. Where a line has
/// several names for one thing, the first of the table wins.
const NAMES: [(&str, Role); 65] = [
    ("_msg", Role::Message),
    ("message", Role::Message),
    ("msg", Role::Message),
    ("MESSAGE", Role::Text),
    ("fields.message", Role::Text),
    ("short_message", Role::Text),
    ("log", Role::Text),
    ("event", Role::Text),
    ("Message", Role::Text),
    ("@message", Role::Text),
    ("@m", Role::Text),
    ("RenderedMessage", Role::Text),
    ("@mt", Role::Text),
    ("textPayload", Role::Text),
    ("jsonPayload.message", Role::Text),
    ("logEvent.message", Role::Text),
    ("body", Role::Text),
    ("Body", Role::Text),
    ("body.stringValue", Role::Text),
    ("level", Role::Level),
    ("lvl", Role::Level),
    ("severity", Role::Level),
    ("log.level", Role::Level),
    ("levelname", Role::Level),
    ("level_name", Role::Level),
    ("loglevel", Role::Level),
    ("log_level", Role::Level),
    ("@level", Role::Level),
    ("PRIORITY", Role::Severity),
    ("LogLevel", Role::Level),
    ("Level", Role::Level),
    ("LEVEL", Role::Level),
    ("Severity", Role::Level),
    ("SEVERITY", Role::Level),
    ("@l", Role::Level),
    ("SeverityText", Role::Level),
    ("severityText", Role::Level),
    ("severity_text", Role::Level),
    ("metadata.level", Role::Level),
    ("logEvent.level", Role::Level),
    ("s", Role::Letter),
    ("_time", Role::Time),
    ("time", Role::Time),
    ("ts", Role::Time),
    ("timestamp", Role::Time),
    ("@timestamp", Role::Time),
    ("datetime", Role::Time),
    ("asctime", Role::Time),
    ("__REALTIME_TIMESTAMP", Role::Time),
    ("Timestamp", Role::Time),
    ("@t", Role::Time),
    ("t", Role::MaybeTime),
    ("t.$date", Role::MaybeTime),
    ("timeMillis", Role::MaybeTime),
    ("timeUnixNano", Role::MaybeTime),
    ("observedTimeUnixNano", Role::MaybeTime),
    ("instant.epochSecond", Role::MaybeTime),
    ("eventTime", Role::MaybeTime),
    ("time_unix_nano", Role::MaybeTime),
    ("service.name", Role::Service),
    ("resource.service.name", Role::Service),
    ("resource.attributes.service.name", Role::Service),
    ("Resource.service.name", Role::Service),
    ("resource.labels.service_name", Role::Service),
    ("labels.service", Role::Service),
];

/// Names beside which a number below 10 is syslog's severity; elsewhere such numbers mean anything.
const SYSLOG_COMPANY: [&str; 4] = ["short_message", "facility", "PRIORITY", "_PID"];

/// The names beside which `s` is a level.
const MONGODB_COMPANY: [&str; 2] = ["c", "id"];

/// Fields that say what happened where there is no message.
pub const KINDS: [&str; 3] = ["type", "event", "subtype"];

/// A line of words with one of these is logfmt.
pub const OF_LOGFMT: [&str; 9] = ["msg", "message", "level", "lvl", "severity", "ts", "time", "t", "_msg"];

/// For each first byte, one bit for the rank of each name that begins with it.
static RANKS: [u128; 128] = ranks();

const fn ranks() -> [u128; 128] {
    let mut ranks = [0; 128];
    let mut at = 0;
    while at < NAMES.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            ranks[NAMES[at].0.as_bytes()[0] as usize] |= 1 << at;
        }
        at += 1;
    }
    ranks
}

/// The role of a name, and its rank among the names: the lowest wins.
#[must_use]
pub fn role(name: &str) -> Option<(usize, Role)> {
    let mut ranks = *RANKS.get(usize::from(*name.as_bytes().first()?))?;
    while ranks != 0 {
        let rank = ranks.trailing_zeros() as usize;
        let (known, role) = NAMES.get(rank)?;
        if *known == name {
            return Some((rank, *role));
        }
        ranks &= ranks - 1;
    }
    None
}

/// Whether a field of this name holds a level, wherever it stands.
#[must_use]
pub fn is_level_name(name: &str) -> bool {
    matches!(role(name), Some((_, Role::Level | Role::Severity)))
}

/// Whether a line that has such names is one of syslog.
pub fn is_of_syslog(has: impl Fn(&str) -> bool) -> bool {
    SYSLOG_COMPANY.iter().any(|name| has(name))
}

/// Whether a line that has such names is one of `MongoDB`.
pub fn is_of_mongodb(has: impl Fn(&str) -> bool) -> bool {
    MONGODB_COMPANY.iter().all(|name| has(name))
}
