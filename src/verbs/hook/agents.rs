//! The agents whose settings vlog knows: where these lie, which events are worth a record, and how a hook is written.
//!
//! Checked with Claude Code 2.1.197 and 2.1.330, Codex 0.169, Gemini CLI 0.61 and Copilot CLI 1.0.102; Cursor by its
//! documentation.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::sys::env::Env;

/// What an agent may wait for its hook, in seconds: more than vlog takes at most for a payload and its delivery.
const WAIT: u32 = 7;

/// The same at the end of a session, which waits for all its hooks together.
const WAIT_AT_END: u32 = 2;

/// An agent.
#[derive(Debug)]
pub struct Agent {
    /// Its name on the command line.
    pub name: &'static str,
    /// The variable that names its directory, if it has one.
    variable: Option<&'static str>,
    /// Its directory, below the home directory.
    folder: &'static str,
    /// The file in it that its hooks are in.
    file: &'static str,
    /// Whether the file begins with its version, which is 1.
    pub has_version: bool,
    /// Whether an event has groups of hooks, or just hooks.
    has_groups: bool,
    /// In how many parts of a second it counts.
    per_second: u32,
    /// The events, with names that its older versions know too.
    pub events: &'static [&'static str],
    /// What is left for a person to do.
    pub advice: Option<&'static str>,
}

/// What most of them have in common, as Claude Code does it.
const USUAL: Agent = Agent {
    name: "",
    variable: None,
    folder: "",
    file: "hooks.json",
    has_version: false,
    has_groups: true,
    per_second: 1,
    events: &[],
    advice: None,
};

/// All of them.
pub const AGENTS: [Agent; 5] = [
    Agent {
        name: "claude",
        variable: Some("CLAUDE_CONFIG_DIR"),
        folder: ".claude",
        file: "settings.json",
        // Not `PreCompact`: the user is shown its hook. `SessionStart` tells of a compaction too.
        events: &[
            "SessionStart",
            "UserPromptSubmit",
            "PostToolUse",
            "PostToolUseFailure",
            "PermissionRequest",
            "PermissionDenied",
            "Notification",
            "SubagentStart",
            "SubagentStop",
            "Stop",
            "StopFailure",
            "SessionEnd",
        ],
        ..USUAL
    },
    Agent {
        name: "codex",
        variable: Some("CODEX_HOME"),
        folder: ".codex",
        events: &[
            "SessionStart",
            "UserPromptSubmit",
            "PostToolUse",
            "PermissionRequest",
            "SubagentStart",
            "SubagentStop",
            "Stop",
            "StopFailure",
            "Interrupt",
            "SessionEnd",
        ],
        advice: Some("Codex runs hooks once they are trusted: type /hooks in it, then t"),
        ..USUAL
    },
    Agent {
        name: "cursor",
        folder: ".cursor",
        has_version: true,
        has_groups: false,
        events: &[
            "sessionStart",
            "beforeSubmitPrompt",
            "postToolUse",
            "postToolUseFailure",
            "subagentStart",
            "subagentStop",
            "stop",
            "sessionEnd",
        ],
        ..USUAL
    },
    Agent {
        name: "gemini",
        folder: ".gemini",
        file: "settings.json",
        per_second: 1000,
        // Not `PreCompress`, which comes before every call of the model.
        events: &["SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "Notification", "SessionEnd"],
        ..USUAL
    },
    Agent {
        name: "copilot",
        variable: Some("COPILOT_HOME"),
        folder: ".copilot",
        // It reads every file there, so vlog has one of its own.
        file: "hooks/vlog.json",
        has_version: true,
        has_groups: false,
        // In this spelling the payload names its event.
        events: &[
            "SessionStart",
            "UserPromptSubmit",
            "PostToolUse",
            "PostToolUseFailure",
            "PermissionRequest",
            "SubagentStart",
            "SubagentStop",
            "Stop",
            "ErrorOccurred",
            "Notification",
            "SessionEnd",
        ],
        ..USUAL
    },
];

impl Agent {
    /// The agent of that name.
    ///
    /// # Errors
    /// There is none; the text names those that there are.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        let wanted = name.to_ascii_lowercase();
        let wanted = wanted.strip_suffix("-code").or(wanted.strip_suffix("-cli")).unwrap_or(&wanted);
        AGENTS.iter().find(|agent| agent.name == wanted).ok_or_else(|| {
            let names = AGENTS.each_ref().map(|agent| agent.name).join(", ");
            if name.is_empty() {
                format!("which agent? one of {names}")
            } else {
                format!("'{name}' is none of {names}")
            }
        })
    }

    /// The file that its hooks are in; `None` if there is no home directory.
    #[must_use]
    pub fn path(&self, env: Env, home: Option<&Path>) -> Option<PathBuf> {
        let named = self.variable.and_then(env).map(PathBuf::from);
        Some(named.or_else(|| Some(home?.join(self.folder)))?.join(self.file))
    }

    /// A hook for `event` that runs `command`, as one line of JSON.
    #[must_use]
    pub fn hook(&self, event: &str, command: &str) -> String {
        let wait = if event.eq_ignore_ascii_case("SessionEnd") { WAIT_AT_END } else { WAIT };
        let (command, wait) = (Value::from(command), wait * self.per_second);
        let hook = format!(r#"{{"type": "command", "command": {command}, "timeout": {wait}}}"#);
        if self.has_groups { format!(r#"{{"hooks": [{hook}]}}"#) } else { hook }
    }

    /// All that belongs into the file, with a line for each event.
    #[must_use]
    pub fn block(&self, command: &str) -> String {
        let line = |event: &&str| format!("    \"{event}\": [{}]", self.hook(event, command));
        let lines: Vec<_> = self.events.iter().map(line).collect();
        let version = if self.has_version { "  \"version\": 1,\n" } else { "" };
        format!("{{\n{version}  \"hooks\": {{\n{}\n  }}\n}}\n", lines.join(",\n"))
    }
}
