//! What an agent tells its hook, to what is logged of it. The wire types of all agents are known here and nowhere else.
//!
//! Of a payload leave: the event's name, identifiers that are listed below and look like some, numbers, booleans, and the
//! size of everything else. Free text (prompts, commands, output, messages) leaves only if it was asked for, but for the
//! one line of a notification; all of it redacted, and none of it if the payload names a file with secrets. Every field is
//! optional and may be of any type; events that nobody knows are fine. Nothing here does input or output.

mod clean;
mod decision;
mod known;

use std::borrow::Cow;

use serde_json::Value;

/// Looks up a variable of the environment; never gives an empty text.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;
use crate::intake::json::{Found, Kind, Scan, Want, read};
use crate::intake::redact::{Known, before_cut, is_secret_name, names_secret_file};
use crate::record::item::Item;
use crate::record::level::Level;

use clean::{MAX_VALUE_BYTES, cut};
pub use clean::{clean_items, clean_text};
pub use decision::{Decision, decision};
use known::{
    ALIASES, Class, ENDINGS, EVENTS, FILE_KEYS, FILE_NAMES, OTHER_EVENTS, RESERVED, SHELLS,
    TASK_NOTIFICATION, TOOLS, class, is_file_field,
};

/// What is kept of such a value until it is redacted. What is left of it then may be a good deal shorter.
const KEPT_BYTES: usize = 32 * 1024;

/// The most that all included values may take as JSON, so that a record fits on one line of the server's.
const MAX_INCLUDED_BYTES: usize = 128 * 1024;

/// An identifier is no longer; nor is a path, in the second case.
const MAX_TOKEN_BYTES: usize = 128;
const MAX_PATH_BYTES: usize = 1024;

/// How a command ended stands so near the end of its text.
const ENDING_BYTES: usize = 512;

/// What the command line and the environment add to a payload.
pub struct Given<'a> {
    /// The event's name, for payloads without one.
    pub event: Option<String>,
    /// Fields to be logged with their text.
    pub include: Vec<String>,
    /// The environment: Claude Code tells in it that it has started this process, and for which session.
    pub env: Variables<'a>,
    /// Values of its secrets.
    pub known: Known,
}

/// What is logged of a payload.
#[derive(Debug, Default)]
pub struct Event {
    /// Secrets that are known by their value.
    pub known: Known,
    /// The agent, if it can be told; also the record's service then.
    pub harness: Option<&'static str>,
    /// One line for a person.
    pub message: String,
    /// `error` for failures, `warn` for denials, else `info`.
    pub level: Option<Level>,
    /// The record's fields.
    pub fields: Vec<Item>,
    /// How many secrets were taken out.
    pub redacted: usize,
    /// What was wrong with the payload.
    pub mistakes: Vec<String>,
}

/// What must be kept of the value at a path for [`event`].
#[must_use]
pub fn plan(path: &[String], include: &[String]) -> (Want, bool) {
    let Some((first, inner)) = path.split_first() else { return (Want::Size, true) };
    let name = dotted(first, inner);
    let name = name.as_ref();
    let includes = !include.is_empty();
    let is_included = || include.iter().any(|wanted| normal_path(wanted) == name);
    let class = class(name);
    let most = match class {
        _ if includes && (is_included() || is_file_field(name)) => Some(KEPT_BYTES),
        Some(Class::Line) => Some(KEPT_BYTES),
        Some(Class::Failure | Class::Sign) => Some(MAX_PATH_BYTES),
        // With room for the quotes, and for a byte too many.
        Some(Class::Path) => Some(MAX_PATH_BYTES + 3),
        Some(Class::Token | Class::Name) => Some(MAX_TOKEN_BYTES + 3),
        Some(Class::Opening) => Some(MAX_TOKEN_BYTES),
        Some(Class::Ending) => return (Want::End(ENDING_BYTES), false),
        Some(Class::Parent) | None => None,
    };
    let is_parent = matches!(name, "tool_input" | "tool_response" | "tool_response.file");
    let goes_on = matches!(class, Some(Class::Parent | Class::Failure))
        || (includes && (is_parent || include.iter().any(|wanted| is_inside(&normal_path(wanted), name))));
    (most.map_or(Want::Size, Want::Text), goes_on)
}

/// Whether `longer` is a path that begins with `name`.
fn is_inside(longer: &str, name: &str) -> bool {
    longer.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

/// The path as text, the first name in the one spelling.
fn dotted<'a>(first: &'a str, inner: &[String]) -> Cow<'a, str> {
    let mut name = normal(first);
    for next in inner {
        let name = name.to_mut();
        name.push('.');
        name.push_str(if next == "resultType" { "result_type" } else { next });
    }
    name
}

/// A path as a person writes it.
fn normal_path(text: &str) -> String {
    let (first, inner) = text.split_once('.').unwrap_or((text, ""));
    let inner: Vec<String> = inner.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    dotted(first, &inner).into_owned()
}

/// The one spelling of a field's name: `toolArgs` and `tool-args` are `tool_input`.
fn normal(name: &str) -> Cow<'_, str> {
    let alias =
        |name: &str| ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, name)| Cow::Borrowed(*name));
    if !name.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return alias(name).unwrap_or(Cow::Borrowed(name));
    }
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_small = false;
    for char in name.chars() {
        if char.is_ascii_uppercase() && after_small {
            out.push('_');
        }
        after_small = char.is_ascii_lowercase();
        out.push(if char == '-' { '_' } else { char.to_ascii_lowercase() });
    }
    alias(&out).unwrap_or(Cow::Owned(out))
}

/// Makes an event of what was found in a payload.
#[must_use]
pub fn event(scan: &Scan, given: &Given) -> Event {
    let fields: Vec<_> = scan.fields.iter().map(Field::new).collect();
    let payload = Payload { fields: &fields };
    let mut event = Event { known: given.known.clone(), fields: Vec::with_capacity(32), ..Event::default() };
    let (name, raw) = payload.names(given);
    event.harness = payload.harness(&raw, given);
    event.level = Some(payload.level(&name));
    if let Some(what) = mistake(scan) {
        // What a script with an event of its own prints may be anything.
        if given.event.is_none() {
            event.mistakes.push(format!("the payload {what}"));
        }
        event.number("payload_bytes", scan.bytes);
    }
    event.text("hook", &name);
    if raw != name {
        event.text("hook_raw", &raw);
    }
    event.text("harness", event.harness.unwrap_or("unknown"));
    if payload.token("session_id").is_none()
        && let Some(session) =
            payload.session().or_else(|| (given.env)("CLAUDE_CODE_SESSION_ID").filter(|text| is_token(text)))
    {
        event.text("session_id", &session);
    }
    // Such events have names of their own.
    let own = (raw != name).then(|| squeezed(&raw));
    let tool = own.and_then(|own| TOOLS.iter().find(|(known, _)| *known == own)).map(|(_, tool)| *tool);
    if let Some(tool) = tool.filter(|_| payload.find("tool_name").is_none()) {
        event.text("tool_name", tool);
    }
    // Of what names a file with secrets nothing is shown but the name.
    let read_all = || fields.iter().map(|field| read_kept(field.found)).collect::<Vec<_>>();
    let mut kept = if given.include.is_empty() { Vec::new() } else { read_all() };
    let withheld = fields.iter().zip(&kept).any(|(field, kept)| field.names_secret_file(kept));
    let mut room = MAX_INCLUDED_BYTES;
    let mut is_withheld = false;
    for (at, field) in fields.iter().enumerate() {
        if given.include.iter().any(|wanted| normal_path(wanted) == field.name)
            && let Some(kept) = kept.get_mut(at).map(Value::take)
        {
            if withheld && !FILE_NAMES.contains(&field.last()) {
                is_withheld = true;
            } else if event.include(field, kept, &mut room) {
                continue;
            }
        }
        event.field(field, &name, &payload);
    }
    if is_withheld {
        event.text("vlog_withheld", "it names a file with secrets");
    }
    if let Some(code) = payload.exit_code() {
        event.fields.push(Item { key: "exit_code".to_owned(), value: code.into() });
    }
    if payload.is_task_notification() {
        event.text("prompt_kind", "task-notification");
    }
    if scan.more > 0 {
        event.number("more_fields", scan.more);
    }
    event.message = event.line(&name, tool, &payload);
    event
}

/// What is wrong with the payload, if anything is.
fn mistake(scan: &Scan) -> Option<&'static str> {
    match scan.kind {
        Some(Kind::Object) if scan.complete => None,
        Some(Kind::Object) => Some("is cut off, or no JSON from some place on"),
        Some(Kind::NotObject) => Some("is no JSON object"),
        Some(Kind::NotJson) => Some("is no JSON"),
        Some(Kind::Empty) | None => Some("is empty"),
    }
}

/// Letters and digits in lower case.
fn squeezed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect()
}

/// Whether that looks like an identifier, or one word of a list.
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@/+#~".contains(&byte);
    // Names of agents and models may be in any script.
    let is_any = |char: char| char.is_alphanumeric() || (char.is_ascii() && is_part(char as u8));
    !text.is_empty()
        && text.len() <= MAX_TOKEN_BYTES
        && (text.bytes().all(is_part) || text.chars().all(is_any))
}

/// Whether that looks like a path: from a root, on one line.
fn is_path(text: &str) -> bool {
    let drive =
        text.as_bytes().get(1) == Some(&b':') && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    let rooted = text.starts_with(['/', '~', '\\', '.']) || drive;
    rooted && text.len() <= MAX_PATH_BYTES && !text.contains(char::is_control)
}

/// A field of a payload under its one name.
struct Field<'a> {
    name: Cow<'a, str>,
    found: &'a Found,
    /// Its value if that is a short scalar, kept whole.
    value: Value,
}

impl<'a> Field<'a> {
    fn new(found: &'a Found) -> Self {
        let name = dotted(&found.name, &found.inner);
        let is_scalar = !matches!(found.first, b'{' | b'[') && (!found.cut || name == "error");
        Self { name, found, value: if is_scalar { read(&found.raw) } else { Value::Null } }
    }

    /// Whether it says nothing: an empty text, list or object.
    fn is_empty(&self) -> bool {
        match self.found.first {
            b'"' => self.found.bytes == 0,
            b'[' | b'{' => self.found.bytes <= 2,
            _ => false,
        }
    }

    /// The innermost name.
    fn last(&self) -> &str {
        self.found.inner.last().unwrap_or(&self.found.name)
    }

    /// Whether it names a file with secrets, or may do so where it was cut.
    fn names_secret_file(&self, kept: &Value) -> bool {
        let is_of_file = is_file_field(&self.name)
            || FILE_NAMES.contains(&self.last())
            || class(&self.name) == Some(Class::Path);
        // What is inside an object has been looked at apart.
        let is_unknown = is_of_file && self.found.cut && self.found.first != b'{';
        is_unknown || names_file_inside(kept, is_of_file)
    }
}

/// Whether a value has a path or a command in it that names a file with secrets. Of a list all is such if the list is.
fn names_file_inside(value: &Value, is_of_file: bool) -> bool {
    match value {
        Value::String(text) => is_of_file && names_secret_file(text),
        Value::Object(map) => {
            map.iter().any(|(key, value)| names_file_inside(value, FILE_KEYS.contains(&key.as_str())))
        }
        Value::Array(list) => list.iter().any(|value| names_file_inside(value, is_of_file)),
        _ => false,
    }
}

/// What was kept of a value, without what may be half of a secret.
fn read_kept(found: &Found) -> Value {
    if found.cut {
        read(before_cut(&String::from_utf8_lossy(&found.raw)).as_bytes())
    } else {
        read(&found.raw)
    }
}

/// The fields of a payload.
struct Payload<'a> {
    fields: &'a [Field<'a>],
}

impl Payload<'_> {
    /// The last field of that name that is not null.
    fn find(&self, name: &str) -> Option<&Field<'_>> {
        self.fields.iter().rev().find(|field| field.name == name && field.found.first != b'n')
    }

    fn string(&self, name: &str) -> Option<&str> {
        self.find(name)?.value.as_str()
    }

    fn token(&self, name: &str) -> Option<&str> {
        self.string(name).filter(|text| is_token(text))
    }

    /// The event's name as Claude Code has it, if it knows the event, and as it came.
    fn names(&self, given: &Given) -> (String, String) {
        let own = ["hook_event_name", "hook_name", "type"].iter().find_map(|name| self.token(name));
        let raw = own.or(given.event.as_deref().filter(|name| !name.is_empty())).unwrap_or("unknown");
        if EVENTS.contains(&raw) {
            return (raw.to_owned(), raw.to_owned());
        }
        let squeezed = squeezed(raw);
        let same = EVENTS.into_iter().find(|name| name.eq_ignore_ascii_case(&squeezed));
        let other = || OTHER_EVENTS.iter().find(|(name, _)| *name == squeezed).map(|(_, name)| *name);
        (same.or_else(other).unwrap_or(raw).to_owned(), raw.to_owned())
    }

    /// Which agent has sent this, by what only its payloads have.
    fn harness(&self, raw: &str, given: &Given) -> Option<&'static str> {
        let has = |name: &str| self.find(name).is_some();
        let is_named = |names: &[&str]| self.fields.iter().any(|field| names.contains(&field.last()));
        let transcript = self.string("transcript_path").unwrap_or_default();
        let gemini = [
            "BeforeTool",
            "AfterTool",
            "BeforeAgent",
            "AfterAgent",
            "BeforeModel",
            "AfterModel",
            "PreCompress",
        ];
        let opening = matches!(raw, "SessionStart" | "SessionEnd" | "Notification");
        let has_model = has("model") && !matches!(raw, "SessionStart" | "PreModelSwitch" | "PostModelSwitch");
        if has("cursor_version") || has("conversation_id") || has("workspace_roots") {
            Some("cursor")
        } else if has("thread_id") || transcript.contains("/.codex/") {
            Some("codex")
        } else if transcript.contains("/.claude/") {
            Some("claude-code")
        } else if gemini.contains(&raw) || raw == "BeforeToolSelection" || transcript.contains("/.gemini/") {
            Some("gemini")
        } else if is_named(&["sessionId", "toolName", "toolArgs", "toolResult", "tool_result"]) {
            Some("copilot")
        } else if has("timestamp") {
            Some(if opening && has("transcript_path") { "gemini" } else { "copilot" })
        } else if (has("turn_id") && raw != "MessageDisplay") || has_model {
            Some("codex")
        } else if has("hook_event_name") || (given.env)("CLAUDECODE").is_some() {
            Some("claude-code")
        } else {
            None
        }
    }

    /// The session's name, for agents that call it otherwise.
    fn session(&self) -> Option<String> {
        ["thread_id", "conversation_id"].iter().find_map(|name| self.token(name)).map(str::to_owned)
    }

    fn level(&self, name: &str) -> Level {
        let result =
            self.token("tool_response.result_type").or_else(|| self.token("result_type")).unwrap_or_default();
        let has_failed = matches!(name, "PostToolUseFailure" | "StopFailure")
            || matches!(result, "failure" | "error")
            || self
                .find("tool_response.error")
                .is_some_and(|field| field.found.bytes > 0 && field.found.first != b'f')
            || (name == "Stop" && self.token("status") == Some("error"))
            || self.exit_code().is_some();
        if has_failed {
            Level::Error
        } else if name == "PermissionDenied" || matches!(result, "denied" | "rejected") {
            Level::Warn
        } else {
            Level::Info
        }
    }

    /// What the event is about, in a word.
    fn subject(&self, name: &str) -> Option<&str> {
        let names: &[&str] = match name {
            "SessionStart" | "ConfigChange" | "DirectoryAdded" => &["source"],
            "SessionEnd" => &["reason"],
            "Setup" | "PreCompact" | "PostCompact" => &["trigger"],
            "InstructionsLoaded" => &["load_reason"],
            "UserPromptExpansion" => &["command_name"],
            "SubagentStart" | "SubagentStop" => &["agent_type", "subagent_type"],
            "StopFailure" => &["error", "error.name"],
            "TaskCreated" | "TaskCompleted" => &["task_id"],
            "TeammateIdle" => &["teammate_name"],
            "PreModelSwitch" | "PostModelSwitch" => &["to_model"],
            "Elicitation" | "ElicitationResult" => &["mcp_server_name"],
            "FileChanged" => &["event"],
            "WorktreeCreate" => &["name"],
            "Notification" => &["notification_type"],
            "UserPromptSubmit" if self.is_task_notification() => return Some("task-notification"),
            _ => &["tool_name"],
        };
        names.iter().find_map(|name| self.token(name))
    }

    /// How a tool has failed, without what it printed: `Exit code 1`, `ENOENT`, `TypeError`.
    fn failure(&self) -> Option<ToolFailure> {
        if let Some(code) = self.exit_code() {
            return Some(ToolFailure::Code(code));
        }
        if let Some(class) = self.token("tool_response.error.type") {
            return Some(ToolFailure::Class(class.to_owned()));
        }
        let text = self.string("error")?;
        let first = text.lines().next().unwrap_or_default();
        if let Some(code) = first.strip_prefix("Exit code ") {
            return code.trim().parse().ok().map(ToolFailure::Code);
        }
        let class = first.split([':', ' ']).next().unwrap_or_default();
        let is_name =
            class.len() <= 40 && class.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
        let is_class =
            class.ends_with("Error") || class.ends_with("Exception") || class.len() > 4 && is_errno(class);
        (is_name && is_class).then(|| ToolFailure::Class(class.to_owned()))
    }

    /// The status of a command that has failed, for agents that tell it in the text of its output only.
    fn exit_code(&self) -> Option<i64> {
        let tool = self.token("tool_name")?.to_ascii_lowercase();
        if !SHELLS.contains(&tool.as_str()) {
            return None;
        }
        let after = |(name, before): &(&str, &str)| {
            let end = String::from_utf8_lossy(&self.find(name)?.found.raw).into_owned();
            let (_, after) = end.rsplit_once(before)?;
            let digits = after.find(|char: char| !char.is_ascii_digit())?;
            after.get(..digits)?.parse().ok()
        };
        ENDINGS.iter().find_map(after).filter(|code| *code != 0)
    }

    /// Whether a prompt was not typed, but tells that a task in the background has ended.
    fn is_task_notification(&self) -> bool {
        let opening = self.find("prompt").map(|field| read(&field.found.raw));
        opening.is_some_and(|text| text.as_str().is_some_and(|text| text.starts_with(TASK_NOTIFICATION)))
    }

    /// Whether the tool goes on after this.
    fn is_in_background(&self) -> bool {
        self.token("tool_response.backgroundTaskId").is_some()
            || self.find("tool_response.isAsync").is_some_and(|field| field.value == true)
    }
}

/// `ENOENT`, `EACCES`.
fn is_errno(word: &str) -> bool {
    word.starts_with('E') && word.chars().all(|char| char.is_ascii_uppercase())
}

/// How a tool has failed.
enum ToolFailure {
    Code(i64),
    Class(String),
}

impl Event {
    /// Adds a text, redacted and cut.
    fn text(&mut self, name: impl Into<String>, text: &str) {
        let text = self.clean(text);
        self.fields.push(Item { key: name.into(), value: Value::String(text) });
    }

    fn number(&mut self, name: impl Into<String>, number: u64) {
        self.fields.push(Item { key: name.into(), value: number.into() });
    }

    /// Adds what leaves of a field in any case.
    fn field(&mut self, field: &Field, event: &str, payload: &Payload) {
        let name = field.name.as_ref();
        let is_nested = !field.found.inner.is_empty();
        let class = class(name);
        let mut key = if RESERVED.contains(&name) || name.starts_with('_') || name.starts_with("vlog_") {
            format!("payload_{}", name.trim_start_matches('_'))
        } else {
            name.to_owned()
        };
        // A secret as a name is known in its own spelling only.
        if class.is_none()
            && let (Cow::Owned(clean), count) = self.known.redact(&field.found.name)
        {
            self.redacted += count;
            key = clean;
        }
        if name == "tool_response.error.type" {
            "error_class".clone_into(&mut key);
        }
        match (&field.value, class) {
            (Value::Null, _) if field.found.first == b'n' => return,
            // Most things are not so.
            (Value::Bool(false), _) if is_nested => return,
            _ if field.is_empty() => return,
            (_, Some(Class::Sign)) => return,
            (Value::String(text), Some(Class::Name)) if is_token(text) => return,
            // A reason is free text in other events.
            (Value::String(text), Some(Class::Token))
                if is_token(text) && (name != "reason" || event == "SessionEnd") =>
            {
                return self.text(key, text);
            }
            (Value::String(text), Some(Class::Failure)) if event == "StopFailure" && is_token(text) => {
                return self.text(key, text);
            }
            (Value::String(text), Some(Class::Path)) if is_path(text) => return self.text(key, text),
            (Value::Number(_) | Value::Bool(_), None) if is_nested => return,
            (Value::Number(_) | Value::Bool(_), _) if class.is_some() || !is_secret_name(name) => {
                self.fields.push(Item { key, value: field.value.clone() });
                return;
            }
            _ => {}
        }
        // What has been told already.
        let is_told = matches!(name, "effort" | "mcp_server")
            && payload.fields.iter().any(|part| is_inside(&part.name, name));
        if is_nested || is_told || (name == "message" && event == "Notification") {
            return;
        }
        if name == "error"
            && let Some(failure) = payload.failure()
        {
            match failure {
                ToolFailure::Code(code) => {
                    self.fields.push(Item { key: "exit_code".to_owned(), value: code.into() });
                }
                ToolFailure::Class(class) => self.text("error_class", &class),
            }
        }
        self.number(format!("{key}_bytes"), field.found.bytes);
    }

    /// Adds the text of a field that was asked for; `false` if there is no room for it.
    fn include(&mut self, field: &Field, value: Value, room: &mut usize) -> bool {
        let before = self.redacted;
        let value = self.clean_whole(field.last(), value);
        let length = value.to_string().len();
        let key = if RESERVED.contains(&field.name.as_ref()) {
            format!("payload_{}", field.name)
        } else {
            field.name.to_string()
        };
        if length > *room {
            self.redacted = before;
            return false;
        }
        *room -= length;
        let is_whole = !field.found.cut && field.found.bytes <= MAX_VALUE_BYTES as u64;
        if !is_whole {
            self.number(format!("{key}_bytes"), field.found.bytes);
        }
        self.fields.push(Item { key, value });
        true
    }

    /// What happened, in a line.
    fn line(&mut self, name: &str, tool: Option<&str>, payload: &Payload) -> String {
        if name == "Notification"
            && let Some(field) = payload.find("message")
            && let Value::String(text) = read_kept(field.found)
        {
            let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
            return self.clean(&format!("{name}: {}", line.trim()));
        }
        let name = if name == "unknown" { "unknown event" } else { name };
        let mut line = name.to_owned();
        if let Some(subject) = payload.subject(name).or(tool) {
            line.push(' ');
            line.push_str(subject);
        }
        if payload.is_in_background() {
            line.push_str(" in the background");
        }
        if let Some(failure) = payload.failure().filter(|_| name != "StopFailure") {
            line.push_str(": ");
            match failure {
                ToolFailure::Code(code) => line.extend(["exit code ", &code.to_string()]),
                ToolFailure::Class(class) => line.push_str(&class),
            }
        }
        // Counted with the fields already.
        cut(&self.known.redact(&line).0).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        for (name, expected) in [
            ("session_id", "session_id"),
            ("sessionId", "session_id"),
            ("sessionID", "session_id"),
            ("thread-id", "thread_id"),
            ("toolArgs", "tool_input"),
            ("toolResult", "tool_response"),
            ("last-assistant-message", "last_assistant_message"),
            ("", ""),
        ] {
            assert_eq!(normal(name), expected);
        }
        assert_eq!(normal_path("toolResult.resultType"), "tool_response.result_type");
        assert_eq!(normal_path("tool_input.filePath"), "tool_input.filePath");
    }

    #[test]
    fn events_of_all_agents_have_the_names_of_one() {
        let named = |raw: &str| {
            let given = Given {
                event: Some(raw.to_owned()),
                include: Vec::new(),
                env: &|_| None,
                known: Known::default(),
            };
            Payload { fields: &[] }.names(&given).0
        };
        for (raw, expected) in [
            ("PreToolUse", "PreToolUse"),
            ("preToolUse", "PreToolUse"),
            ("pre-tool-use", "PreToolUse"),
            ("BeforeTool", "PreToolUse"),
            ("tool.execute.after", "PostToolUse"),
            ("afterMCPExecution", "PostToolUse"),
            ("beforeSubmitPrompt", "UserPromptSubmit"),
            ("userPromptSubmitted", "UserPromptSubmit"),
            ("agentStop", "Stop"),
            ("agent-turn-complete", "Stop"),
            ("PreCompress", "PreCompact"),
            ("errorOccurred", "StopFailure"),
            ("AfterModel", "AfterModel"),
            ("pre-commit", "pre-commit"),
            ("", "unknown"),
        ] {
            assert_eq!(named(raw), expected, "{raw}");
        }
    }

    #[test]
    fn identifiers_and_paths_are_told_from_free_text() {
        for text in
            ["default", "claude-opus-5", "mcp__memory__x", "plugin:name", "2026-11-20T10:00:00Z", "агент"]
        {
            assert!(is_token(text), "{text}");
        }
        for text in ["", "two words", "line\n", "{\"a\":1}", "why?", &"x".repeat(129)] {
            assert!(!is_token(text), "{text}");
        }
        for text in ["/home/ana/My Files", "~/x", "C:\\x", "./x", "\\\\host\\share"] {
            assert!(is_path(text), "{text}");
        }
        for text in ["", "some words", "/x\n/y", &format!("/{}", "x".repeat(1024))] {
            assert!(!is_path(text), "{text}");
        }
    }
}
