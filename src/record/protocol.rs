//! The protocols by name, as `--protocol` and the entries of the outbox have them. What each means is `server/protocol`.

/// How records are sent to their server. They wait in the outbox as the same JSON lines whatever it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// VictoriaLogs' JSON lines.
    #[default]
    Jsonline,
    /// Loki's push API with JSON; VictoriaLogs has it too.
    Loki,
    /// One JSON object per line, for a plain HTTP log source such as Vector's.
    Ndjson,
    /// OpenTelemetry logs over HTTP with JSON.
    Otlp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jsonline, Self::Loki, Self::Ndjson, Self::Otlp];

    /// The name, which entries of the outbox remember: it never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonline => "jsonline",
            Self::Loki => "loki",
            Self::Ndjson => "ndjson",
            Self::Otlp => "otlp",
        }
    }

    /// The protocol of that name, in whatever case; `None` if there is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name.trim()))
    }
}
