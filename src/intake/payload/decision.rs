//! What a guard decides by the JSON that it prints, in the words of all agents.

use crate::intake::json::{Found, Kind, Scanner, Want, read};

/// A decision that holds the agent up. What lets it go on is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// `deny`: the call is not made.
    Deny,
    /// `block`: the same, or the agent goes on where it wanted to stop.
    Block,
    /// `continue` is false: the agent stops.
    Stop,
    /// `ask`: the user decides.
    Ask,
}

impl Decision {
    /// The word for it, as agents have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Block => "block",
            Self::Stop => "stop",
            Self::Ask => "ask",
        }
    }

    /// The word for what it did, before `by`.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Deny => "denied",
            Self::Block => "blocked",
            Self::Stop => "stopped",
            Self::Ask => "put to the user",
        }
    }
}

/// Where agents look for a decision: Claude Code and Codex, the same for a permission request, Claude Code and Gemini,
/// Copilot, Copilot for a permission request, Cursor, all but Copilot.
const PATHS: [&[&str]; 7] = [
    &["hookSpecificOutput", "permissionDecision"],
    &["hookSpecificOutput", "decision", "behavior"],
    &["decision"],
    &["permissionDecision"],
    &["behavior"],
    &["permission"],
    &["continue"],
];

/// No word of a decision is longer as JSON.
const MAX_WORD_BYTES: usize = 16;

/// The decision in what a guard has printed: the strictest of several.
#[must_use]
pub fn decision(stdout: &[u8]) -> Option<Decision> {
    let plan = |path: &[String]| {
        let leads_to =
            |wanted: &[&str]| wanted.len() >= path.len() && wanted.iter().zip(path).all(|(a, b)| a == b);
        let is_wanted = PATHS.iter().any(|wanted| leads_to(wanted) && wanted.len() == path.len());
        let leads_on = PATHS.iter().any(|wanted| leads_to(wanted) && wanted.len() > path.len());
        (if is_wanted { Want::Text(MAX_WORD_BYTES) } else { Want::Size }, leads_on)
    };
    let mut scanner = Scanner::new(&plan);
    scanner.feed(stdout);
    let scan = scanner.finish();
    if scan.kind != Some(Kind::Object) || !scan.complete {
        return None;
    }
    let of = |found: &Found| {
        let value = read(&found.raw);
        if found.name == "continue" && found.inner.is_empty() {
            return (value == false).then_some(Decision::Stop);
        }
        match value.as_str()? {
            "deny" => Some(Decision::Deny),
            "block" => Some(Decision::Block),
            "ask" => Some(Decision::Ask),
            _ => None,
        }
    };
    // Fields are found that nobody has asked for, too.
    let is_asked = |found: &&Found| {
        let path = || std::iter::once(&found.name).chain(&found.inner);
        PATHS.iter().any(|wanted| wanted.iter().copied().eq(path().map(String::as_str)))
    };
    let decisions: Vec<_> = scan.fields.iter().filter(is_asked).filter_map(of).collect();
    [Decision::Deny, Decision::Block, Decision::Stop, Decision::Ask]
        .into_iter()
        .find(|decision| decisions.contains(decision))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_all_agents_are_known() {
        for (printed, expected) in [
            (
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny"}}"#,
                Decision::Deny,
            ),
            (r#" {"hookSpecificOutput":{"permissionDecision":"ask"}}"#, Decision::Ask),
            (r#"{"hookSpecificOutput":{"decision":{"behavior":"deny","message":"no"}}}"#, Decision::Deny),
            (r#"{"decision":"block","reason":"allow"}"#, Decision::Block),
            (r#"{"decision":"deny"}"#, Decision::Deny),
            (r#"{"permissionDecision":"deny","permissionDecisionReason":"x"}"#, Decision::Deny),
            (r#"{"behavior":"deny"}"#, Decision::Deny),
            (r#"{"permission":"ask","userMessage":"x"}"#, Decision::Ask),
            (r#"{"continue":false,"stopReason":"x"}"#, Decision::Stop),
            (r#"{"continue":false,"hookSpecificOutput":{"permissionDecision":"deny"}}"#, Decision::Deny),
        ] {
            assert_eq!(decision(printed.as_bytes()), Some(expected), "{printed}");
        }
    }

    #[test]
    fn what_lets_the_agent_go_on_is_no_decision() {
        for printed in [
            "",
            "deny",
            "{}",
            r#"{"hookSpecificOutput":{"permissionDecision":"allow"}}"#,
            r#"{"continue":true,"decision":"approve"}"#,
            r#"{"continue":"false"}"#,
            r#"{"hookSpecificOutput":{"additionalContext":"deny","updatedInput":{"decision":"block"}}}"#,
            r#"{"reason":"deny","hookSpecificOutput":"deny"}"#,
            r#"{"decision":"block""#,
            r#"["deny"]"#,
        ] {
            assert_eq!(decision(printed.as_bytes()), None, "{printed}");
        }
    }
}
