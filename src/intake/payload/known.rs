//! What agents call things: events, tools, fields, and which of these may leave.

/// Claude Code's events, after which those of the others are named.
pub(super) const EVENTS: [&str; 33] = [
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "PreModelSwitch",
    "PostModelSwitch",
    "PermissionRequest",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeCreate",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "DirectoryAdded",
    "MessageDisplay",
];

/// What the other agents call the same; letters and digits in lower case.
pub(super) const OTHER_EVENTS: [(&str, &str); 23] = [
    ("beforetool", "PreToolUse"),
    ("beforeshellexecution", "PreToolUse"),
    ("beforemcpexecution", "PreToolUse"),
    ("beforereadfile", "PreToolUse"),
    ("beforetabfileread", "PreToolUse"),
    ("toolexecutebefore", "PreToolUse"),
    ("aftertool", "PostToolUse"),
    ("aftershellexecution", "PostToolUse"),
    ("aftermcpexecution", "PostToolUse"),
    ("afterfileedit", "PostToolUse"),
    ("aftertabfileedit", "PostToolUse"),
    ("toolexecuteafter", "PostToolUse"),
    ("beforesubmitprompt", "UserPromptSubmit"),
    ("userpromptsubmitted", "UserPromptSubmit"),
    ("beforeagent", "UserPromptSubmit"),
    ("agentstop", "Stop"),
    ("afteragent", "Stop"),
    ("agentturncomplete", "Stop"),
    ("sessionidle", "Stop"),
    ("precompress", "PreCompact"),
    ("erroroccurred", "StopFailure"),
    ("sessionerror", "StopFailure"),
    ("sessioncreated", "SessionStart"),
];

/// Cursor has events of their own for some tools.
pub(super) const TOOLS: [(&str, &str); 6] = [
    ("beforeshellexecution", "Shell"),
    ("aftershellexecution", "Shell"),
    ("beforereadfile", "Read"),
    ("beforetabfileread", "Read"),
    ("afterfileedit", "Write"),
    ("aftertabfileedit", "Write"),
];

/// What may leave of a field without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// All of it, if it is a number or a boolean, or looks like an identifier: letters, digits and some punctuation, no blanks.
    Token,
    /// All of it, if it looks like a path.
    Path,
    /// Some of what is in it.
    Parent,
    /// Nothing: it tells which agent it is, or is a person's address, or comes with every event.
    Sign,
    /// All of it as the record's message, in one event.
    Line,
    /// Whether it is an identifier; else a status or a class of errors at its beginning.
    Failure,
    /// The event's name.
    Name,
    /// Its size; its beginning tells who has written it.
    Opening,
    /// Nothing: how the command ended is told at its end.
    Ending,
}

/// The fields that are known: the short before the long, which makes looking one up cheap, then by the alphabet.
pub(super) const FIELDS: [(&str, Class); 102] = [
    ("cwd", Class::Path),
    ("mode", Class::Token),
    ("name", Class::Token),
    ("type", Class::Name),
    ("error", Class::Failure),
    ("event", Class::Token),
    ("model", Class::Token),
    ("action", Class::Token),
    ("client", Class::Token),
    ("effort", Class::Parent),
    ("prompt", Class::Opening),
    ("reason", Class::Token),
    ("source", Class::Token),
    ("status", Class::Token),
    ("message", Class::Line),
    ("new_cwd", Class::Path),
    ("old_cwd", Class::Path),
    ("pricing", Class::Token),
    ("task_id", Class::Token),
    ("trigger", Class::Token),
    ("turn_id", Class::Token),
    ("agent_id", Class::Token),
    ("to_model", Class::Token),
    ("cache_ttl", Class::Token),
    ("directory", Class::Path),
    ("file_path", Class::Path),
    ("hook_name", Class::Name),
    ("prompt_id", Class::Token),
    ("team_name", Class::Token),
    ("thread_id", Class::Token),
    ("timestamp", Class::Token),
    ("tool_name", Class::Token),
    ("agent_type", Class::Token),
    ("error.name", Class::Token),
    ("from_model", Class::Token),
    ("mcp_server", Class::Parent),
    ("message_id", Class::Token),
    ("session_id", Class::Token),
    ("tool_input", Class::Parent),
    ("user_email", Class::Sign),
    ("duration_ms", Class::Token),
    ("load_reason", Class::Token),
    ("memory_type", Class::Token),
    ("project_dir", Class::Path),
    ("result_type", Class::Token),
    ("stop_reason", Class::Token),
    ("subagent_id", Class::Token),
    ("tool_use_id", Class::Token),
    ("command_name", Class::Token),
    ("effort.level", Class::Token),
    ("failure_type", Class::Token),
    ("is_interrupt", Class::Token),
    ("tool_call_id", Class::Token),
    ("composer_mode", Class::Token),
    ("generation_id", Class::Token),
    ("subagent_type", Class::Token),
    ("teammate_name", Class::Token),
    ("tool_response", Class::Parent),
    ("worktree_name", Class::Token),
    ("worktree_path", Class::Path),
    ("client_version", Class::Token),
    ("command_source", Class::Token),
    ("context_tokens", Class::Token),
    ("cursor_version", Class::Token),
    ("elicitation_id", Class::Token),
    ("expansion_type", Class::Token),
    ("trigger_source", Class::Token),
    ("conversation_id", Class::Token),
    ("hook_event_name", Class::Name),
    ("mcp_server.name", Class::Token),
    ("mcp_server_name", Class::Token),
    ("permission_mode", Class::Token),
    ("requested_model", Class::Token),
    ("transcript_path", Class::Sign),
    ("parent_file_path", Class::Path),
    ("stop_hook_active", Class::Token),
    ("mcp_server.source", Class::Token),
    ("notification_type", Class::Token),
    ("parent_session_id", Class::Token),
    ("trigger_file_path", Class::Path),
    ("tool_response.error", Class::Failure),
    ("tool_input.file_path", Class::Path),
    ("tool_response.status", Class::Token),
    ("agent_transcript_path", Class::Sign),
    ("tool_response.agentId", Class::Token),
    ("tool_response.isAsync", Class::Token),
    ("tool_input.subagent_type", Class::Token),
    ("tool_response.error.type", Class::Token),
    ("tool_response.llmContent", Class::Ending),
    ("tool_response.interrupted", Class::Token),
    ("tool_response.result_type", Class::Token),
    ("tool_response.totalTokens", Class::Token),
    ("tool_response.userModified", Class::Token),
    ("tool_response.resolvedModel", Class::Token),
    ("tool_input.run_in_background", Class::Token),
    ("tool_response.timedOutAfterMs", Class::Token),
    ("tool_response.totalDurationMs", Class::Token),
    ("tool_response.backgroundTaskId", Class::Token),
    ("tool_response.textResultForLlm", Class::Ending),
    ("tool_response.totalToolUseCount", Class::Token),
    ("tool_response.text_result_for_llm", Class::Ending),
    ("tool_response.returnCodeInterpretation", Class::Token),
];

/// What may leave of the field of that name.
pub(super) fn class(name: &str) -> Option<Class> {
    let at = FIELDS
        .binary_search_by(|(known, _)| known.len().cmp(&name.len()).then_with(|| (*known).cmp(name)))
        .ok()?;
    FIELDS.get(at).map(|(_, class)| *class)
}

/// Tools that run a command, and tell at the end of their text how it ended.
pub(super) const SHELLS: [&str; 4] = ["run_shell_command", "bash", "shell", "powershell"];

/// Where they tell it, and what stands before its status: Gemini CLI and Copilot.
pub(super) const ENDINGS: [(&str, &str); 3] = [
    ("tool_response.llmContent", "\\nExit Code: "),
    ("tool_response.text_result_for_llm", " completed with exit code "),
    ("tool_response.textResultForLlm", " completed with exit code "),
];

/// What a prompt begins with that nobody has typed: a task in the background has ended.
pub(super) const TASK_NOTIFICATION: &str = "<task-notification>";

/// Where a payload says which file it is about, or its tool's input does: names of files, and commands.
pub(super) const FILE_KEYS: [&str; 29] = [
    "absolute_path",
    "args",
    "attachments",
    "cmd",
    "command",
    "file",
    "fileName",
    "filePath",
    "filePaths",
    "file_name",
    "file_path",
    "file_paths",
    "filename",
    "files",
    "glob",
    "notebook_path",
    "path",
    "paths",
    "pattern",
    "relativePath",
    "relative_path",
    "script",
    "source_path",
    "targetFile",
    "target_file",
    "target_path",
    "uri",
    "uris",
    "url",
];

/// Whether a payload's field may name the file that it is about.
pub(super) fn is_file_field(name: &str) -> bool {
    matches!(name, "tool_input" | "tool_response.filePath" | "tool_response.file.filePath")
        || FILE_KEYS.contains(&name.strip_prefix("tool_input.").unwrap_or(name))
}

/// Names of fields that hold a path and nothing else; these leave even if the file holds secrets.
pub(super) const FILE_NAMES: [&str; 5] = ["file_path", "filePath", "path", "notebook_path", "absolute_path"];

/// What the fields of some agents are called by the others.
pub(super) const ALIASES: [(&str, &str); 5] = [
    ("tool_args", "tool_input"),
    ("tool_result", "tool_response"),
    ("tool", "tool_name"),
    ("args", "tool_input"),
    ("duration", "duration_ms"),
];

/// Names that mean something else in a record.
pub(super) const RESERVED: [&str; 6] = ["service", "level", "host", "hook", "hook_raw", "harness"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_the_order_in_which_they_are_looked_up() {
        let key = |entry: &(&'static str, Class)| (entry.0.len(), entry.0);
        assert!(FIELDS.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
        for (name, known) in FIELDS {
            assert_eq!(class(name), Some(known), "{name}");
            let first = name.split('.').next().unwrap();
            let leads = name == first || matches!(class(first), Some(Class::Parent | Class::Failure));
            assert!(leads, "{name} is in something that is not entered");
        }
        assert_eq!(class("delta"), None);
    }
}
