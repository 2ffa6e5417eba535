//! vlog's hooks put into the text of a settings file, and taken out again; pure.
//!
//! Every byte that is not vlog's stays as it is, and what was put in and is taken out again leaves the text as it was.
//! A text that is not plain JSON, comments and all, is not touched.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::agents::Agent;

/// The text with a hook for each of the agent's events that runs `command`. Where vlog is there already it is left, but
/// one at another path is put right.
///
/// # Errors
/// The text is not plain JSON, or something in it is no place for hooks.
pub fn add(text: &str, agent: &Agent, command: &str) -> Result<String, String> {
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Ok(agent.block(command));
    }
    let file = Object::whole(text)?;
    let mut edits = Vec::new();
    let mut members = Vec::new();
    if agent.has_version && file.member("version").is_none() {
        members.push(("\"version\": 1".to_owned(), Vec::new()));
    }
    let item = |event: &str| format!("\"{event}\": [{}]", agent.hook(event, command));
    if let Some(hooks) = file.member("hooks") {
        let hooks = Object::read(text, hooks.clone()).ok_or("its \"hooks\" are no object")?;
        let mut missing = Vec::new();
        for event in agent.events {
            let Some(list) = hooks.member(event) else {
                missing.push((item(event), Vec::new()));
                continue;
            };
            let list = List::read(text, list.clone()).ok_or(format!("its hooks for {event} are no list"))?;
            let standing: Vec<_> = list.items.iter().filter_map(|item| own(text, item.clone())).collect();
            match standing.first() {
                Some(own) if own.is_plain && own.command != command => {
                    edits.push((own.hook.clone(), bare_hook(agent, event, command)));
                }
                Some(_) => {}
                None => edits.push(list.append(text, &[(agent.hook(event, command), Vec::new())])),
            }
        }
        if !missing.is_empty() {
            edits.push(hooks.append(text, &missing));
        }
    } else {
        members.push(("\"hooks\": ".to_owned(), agent.events.iter().map(|event| item(event)).collect()));
    }
    if !members.is_empty() {
        edits.push(file.append(text, &members));
    }
    Ok(edited(text, edits))
}

/// The text without vlog's hooks; `None` if nothing is left in it.
///
/// # Errors
/// The text is not plain JSON.
pub fn remove(text: &str) -> Result<Option<String>, String> {
    let file = Object::whole(text)?;
    let Some(hooks) = file.member("hooks").and_then(|hooks| Object::read(text, hooks.clone())) else {
        return Ok(Some(text.to_owned()));
    };
    let mut edits = Vec::new();
    let mut emptied = vec![false; hooks.members.len()];
    for (member, is_emptied) in hooks.members.iter().zip(&mut emptied) {
        let Some(list) = List::read(text, member.value.clone()) else { continue };
        let (inner, is_gone) = without_own(text, &list);
        *is_emptied = is_gone;
        edits.extend(inner);
    }
    if emptied.iter().any(|is_emptied| *is_emptied) && emptied.iter().all(|is_emptied| *is_emptied) {
        let is_hooks = |member: &Member| member.name == "hooks";
        let gone: Vec<_> = file.members.iter().map(is_hooks).collect();
        if file.members.iter().all(|member| is_hooks(member) || member.name == "version") {
            return Ok(None);
        }
        return Ok(Some(edited(text, cuts(&file.spans(), &gone, &file.inside))));
    }
    // What is in a member that goes as a whole is cut with it.
    let outer = cuts(&hooks.spans(), &emptied, &hooks.inside);
    edits.retain(|(range, _)| !outer.iter().any(|(cut, _)| cut.start <= range.start && range.end <= cut.end));
    edits.extend(outer);
    Ok(Some(edited(text, edits)))
}

/// What takes vlog's hooks out of the list of an event, and whether the list is empty then.
fn without_own(text: &str, list: &List) -> (Vec<Edit>, bool) {
    let mut edits = Vec::new();
    let mut gone = Vec::new();
    for item in &list.items {
        let group = Object::read(text, item.clone()).and_then(|group| group.member("hooks").cloned());
        let is_gone = if let Some(inner) = group.and_then(|hooks| List::read(text, hooks)) {
            let own: Vec<_> = inner.items.iter().map(|hook| own(text, hook.clone()).is_some()).collect();
            let all = own.contains(&true) && !own.contains(&false);
            if !all {
                edits.extend(cuts(&inner.items, &own, &inner.inside));
            }
            all
        } else {
            own(text, item.clone()).is_some()
        };
        gone.push(is_gone);
    }
    let all = gone.contains(&true) && !gone.contains(&false);
    if !all {
        edits.extend(cuts(&list.items, &gone, &list.inside));
    }
    (edits, all)
}

/// A hook of vlog's own.
struct Own {
    /// Where it stands.
    hook: Range<usize>,
    command: String,
    /// Whether nobody has added to it.
    is_plain: bool,
}

/// vlog's hook, if `place` is one or a group with one in it. One that runs a command of its own, a guard, is somebody
/// else's.
fn own(text: &str, place: Range<usize>) -> Option<Own> {
    let object = Object::read(text, place.clone())?;
    if let Some(list) = object.member("hooks").and_then(|hooks| List::read(text, hooks.clone())) {
        return list.items.into_iter().find_map(|hook| own(text, hook));
    }
    let string = |name: &str| object.member(name).and_then(|value| read::<String>(text, value.clone()));
    let command = string("command").or_else(|| string("bash"))?;
    let arguments = object.member("args").and_then(|value| read::<Vec<String>>(text, value.clone()));
    let (program, rest) = program(&command);
    let mut words: Vec<_> = rest.split_ascii_whitespace().map(str::to_owned).collect();
    let has_arguments = arguments.is_some();
    words.extend(arguments.unwrap_or_default());
    let is_own = program.rsplit('/').next() == Some("vlog")
        && words.first().is_some_and(|word| word == "hook")
        && !words.iter().any(|word| word == "--");
    let is_plain = words.len() == 1;
    // The form with `args`, which only Claude Code knows, is put right as one at another path is.
    let command = if has_arguments { String::new() } else { command };
    is_own.then_some(Own { hook: place, command, is_plain })
}

/// The program that a command of a shell begins with, and what follows.
fn program(command: &str) -> (&str, &str) {
    let command = command.trim_start();
    for quote in ['\'', '"'] {
        if let Some(quoted) = command.strip_prefix(quote) {
            return quoted.split_once(quote).unwrap_or((quoted, ""));
        }
    }
    command.split_once(' ').unwrap_or((command, ""))
}

/// The hook without the group around it.
fn bare_hook(agent: &Agent, event: &str, command: &str) -> String {
    let hook = agent.hook(event, command);
    let bare = hook.strip_prefix("{\"hooks\": [").and_then(|hook| hook.strip_suffix("]}"));
    bare.unwrap_or(&hook).to_owned()
}

/// A place in the text and what to put there.
type Edit = (Range<usize>, String);

/// The text with all edits made; they do not overlap.
fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// What cuts the marked items out of a list, each with the comma and the blanks that came with it.
fn cuts(items: &[Range<usize>], gone: &[bool], inside: &Range<usize>) -> Vec<Edit> {
    let mut cuts = Vec::new();
    let mut kept_end = None;
    let mut run_start = None;
    for (item, gone) in items.iter().zip(gone) {
        if *gone {
            run_start.get_or_insert(item.start);
            continue;
        }
        if let Some(start) = run_start.take() {
            cuts.push((start..item.start, String::new()));
        }
        kept_end = Some(item.end);
    }
    if let (Some(_), Some(last)) = (run_start, items.last()) {
        let cut = kept_end.map_or(inside.clone(), |end| end..last.end);
        cuts.push((cut, String::new()));
    }
    cuts
}

/// A member of an object, by its places in the text.
struct Member {
    name: String,
    name_start: usize,
    value: Range<usize>,
}

/// An object in the text.
struct Object {
    members: Vec<Member>,
    /// What is between its braces.
    inside: Range<usize>,
}

/// A list in the text.
struct List {
    items: Vec<Range<usize>>,
    /// What is between its brackets.
    inside: Range<usize>,
}

impl Object {
    /// The object that the whole text is.
    fn whole(text: &str) -> Result<Self, String> {
        let plain = text.trim_start_matches('\u{feff}');
        let value: &RawValue =
            serde_json::from_str(plain).map_err(|error| format!("it is not plain JSON: {error}"))?;
        Self::read(text, place(text, value)).ok_or_else(|| "it is no JSON object".to_owned())
    }

    /// The object at `place`; `None` if there is none, or a name comes twice in it.
    fn read(text: &str, place: Range<usize>) -> Option<Self> {
        let ObjectMembers(members) = read(text, place.clone())?;
        let members: Vec<_> = members
            .into_iter()
            .map(|(name, value)| {
                let (name_place, value) = (self::place(text, name), self::place(text, value));
                let name = serde_json::from_str(name.get()).ok()?;
                Some(Member { name, name_start: name_place.start, value })
            })
            .collect::<Option<_>>()?;
        let mut names: Vec<_> = members.iter().map(|member: &Member| member.name.as_str()).collect();
        names.sort_unstable();
        let is_clear = names.windows(2).all(|pair| pair.first() != pair.get(1));
        is_clear.then(|| Self { members, inside: place.start + 1..place.end - 1 })
    }

    fn member(&self, name: &str) -> Option<&Range<usize>> {
        self.members.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    fn spans(&self) -> Vec<Range<usize>> {
        self.members.iter().map(|member| member.name_start..member.value.end).collect()
    }

    /// What puts members at its end.
    fn append(&self, text: &str, new: &[New]) -> Edit {
        append(text, &self.inside, self.members.last().map(|member| member.value.end), new)
    }
}

impl List {
    fn read(text: &str, place: Range<usize>) -> Option<Self> {
        let Items(items) = read(text, place.clone())?;
        let items = items.into_iter().map(|item| self::place(text, item)).collect();
        Some(Self { items, inside: place.start + 1..place.end - 1 })
    }

    /// What puts items at its end.
    fn append(&self, text: &str, new: &[New]) -> Edit {
        append(text, &self.inside, self.items.last().map(|item| item.end), new)
    }
}

/// Something to put into an object or a list: its text, and the members of the object that it ends with, if it has any.
type New = (String, Vec<String>);

/// What puts `new` behind the last of what is between brackets: on lines of their own, further in than the brackets, but
/// in a text of one line, if there is something before.
fn append(text: &str, inside: &Range<usize>, last_end: Option<usize>, new: &[New]) -> Edit {
    let before = text.get(..inside.start).unwrap_or_default();
    let within = text.get(inside.clone()).unwrap_or_default();
    let unit = indentation(text);
    // The line of the closing bracket, if that is first on it, or else that of the opening one.
    let closing =
        within.rfind('\n').and_then(|at| within.get(at + 1..)).filter(|line| line.trim().is_empty());
    let line = before.rsplit('\n').next().unwrap_or_default();
    let outer =
        closing.unwrap_or_else(|| line.get(..line.len() - line.trim_start().len()).unwrap_or_default());
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let is_in_one_line = last_end.is_some() && !within.contains('\n');
    let (start, end) = if is_in_one_line {
        (" ".to_owned(), String::new())
    } else {
        (format!("{newline}{outer}{unit}"), format!("{newline}{outer}"))
    };
    let lines = |new: &New| match new {
        (text, members) if members.is_empty() => text.clone(),
        (text, members) if is_in_one_line => format!("{text}{{{}}}", members.join(", ")),
        (text, members) => {
            let members: Vec<_> = members.iter().map(|member| format!("{start}{unit}{member}")).collect();
            format!("{text}{{{}{start}}}", members.join(","))
        }
    };
    let new: Vec<_> = new.iter().map(|new| format!("{start}{}", lines(new))).collect();
    match last_end {
        Some(at) => (at..at, format!(",{}", new.join(","))),
        None => (inside.clone(), format!("{}{end}", new.join(","))),
    }
}

/// What a level of the text is indented by: as its first indented line is.
fn indentation(text: &str) -> &str {
    let blanks = |line: &'_ str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let line = text.lines().find(|line| blanks(line) > 0 && !line.trim().is_empty());
    line.and_then(|line| line.get(..blanks(line))).unwrap_or("  ")
}

/// Where in `text` a part of it stands.
fn place(text: &str, part: &RawValue) -> Range<usize> {
    let start = (part.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.get().len()
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, place: Range<usize>) -> Option<T> {
    serde_json::from_str(text.get(place)?).ok()
}

struct ObjectMembers<'a>(Vec<(&'a RawValue, &'a RawValue)>);
struct Items<'a>(Vec<&'a RawValue>);

impl<'a> Deserialize<'a> for Items<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

impl<'a> Deserialize<'a> for ObjectMembers<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

/// Takes the members of an object in their order, raw.
struct Pairs;

impl<'a> Visitor<'a> for Pairs {
    type Value = ObjectMembers<'a>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = members.next_entry()? {
            pairs.push(pair);
        }
        Ok(ObjectMembers(pairs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const COMMAND: &str = "/opt/vlog hook";

    fn agent(name: &str) -> &'static Agent {
        Agent::find(name).unwrap()
    }

    /// What an agent would read: each of its events with the command of the last hook for it.
    fn last_commands(text: &str, agent: &Agent) -> Vec<String> {
        let file: Value = serde_json::from_str(text).unwrap();
        let last = |event: &&str| {
            let entry = file["hooks"][*event].as_array().unwrap().last().unwrap();
            let hook = if entry["hooks"].is_array() { &entry["hooks"][0] } else { entry };
            hook["command"].as_str().unwrap().to_owned()
        };
        agent.events.iter().map(last).collect()
    }

    #[test]
    fn what_is_put_in_and_taken_out_again_leaves_every_byte_as_it_was() {
        for text in [
            "{\n  \"model\": \"opus\"\n}\n",
            "{\n\t\"a\": [1, 2],\n\t\"hooks\": {\n\t\t\"Stop\": [\n\t\t\t{\"hooks\": [{\"type\": \"command\", \"command\": \"say done\"}]}\n\t\t]\n\t}\n}",
            "{ \"hooks\" : { \"PreToolUse\" : [ { \"matcher\":\"Bash\" , \"hooks\":[{\"command\":\"g\"}] } ] } , \"z\":1.50 }",
            "{\"a\":{}}",
            "\u{feff}{\r\n    \"a\": \"\\u00e9\",\r\n    \"b\": 1e5\r\n}\r\n",
            "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"command\": \"vlog hook -- guard\"}]}]}}",
            "{\"hooks\": {\"Stop\": [{\"command\": \"x\"}]}, \"version\": 1}",
        ] {
            for agent in &super::super::agents::AGENTS {
                let added = add(text, agent, COMMAND).unwrap();
                assert!(
                    last_commands(added.trim_start_matches('\u{feff}'), agent).iter().all(|c| c == COMMAND),
                    "{added}"
                );
                assert_eq!(add(&added, agent, COMMAND).as_deref(), Ok(added.as_str()), "{added}");
                // A version that was put in stays.
                if !agent.has_version || text.contains("version") {
                    assert_eq!(remove(&added).unwrap().as_deref(), Some(text), "{added}");
                }
            }
        }
    }

    #[test]
    fn what_is_put_in_looks_like_the_rest() {
        let added = add(
            "{\n    \"model\": \"opus\",\n    \"hooks\": {\n        \"Stop\": []\n    }\n}\n",
            agent("gemini"),
            COMMAND,
        );
        let hook = r#"[{"hooks": [{"type": "command", "command": "/opt/vlog hook", "timeout": 7000}]}]"#;
        let expected = format!(
            "{{\n    \"model\": \"opus\",\n    \"hooks\": {{\n        \"Stop\": [],\n        \"SessionStart\": {hook},\n        \"BeforeAgent\": {hook},\n"
        );
        assert!(added.as_ref().unwrap().starts_with(&expected), "{added:?}");
        let added = add("{\n  \"a\": 1\n}\n", agent("cursor"), COMMAND).unwrap();
        let start = "{\n  \"a\": 1,\n  \"version\": 1,\n  \"hooks\": {\n    \"sessionStart\": [{\"type\": \"command\",";
        assert!(added.starts_with(start) && added.ends_with("}]\n  }\n}\n"), "{added}");
        assert_eq!(add(" \n", agent("codex"), COMMAND), Ok(agent("codex").block(COMMAND)));
    }

    #[test]
    fn a_hook_at_another_path_is_put_right_and_one_with_additions_is_left() {
        for (old, new) in [
            (r#"{"type": "command", "command": "/old/vlog", "args": ["hook"], "timeout": 5}"#, true),
            (r#"{"type": "command", "command": "'/o l d/vlog' hook"}"#, true),
            (r#"{"type": "command", "command": "vlog hook env=prod"}"#, false),
        ] {
            let text = format!("{{\"hooks\": {{\"Stop\": [{{\"matcher\": \"*\", \"hooks\": [{old}]}}]}}}}");
            let added = add(&text, agent("claude"), COMMAND).unwrap();
            let file: Value = serde_json::from_str(&added).unwrap();
            let stops = file["hooks"]["Stop"].as_array().unwrap();
            assert_eq!((stops.len(), &stops[0]["matcher"]), (1, &Value::from("*")), "{old}");
            assert_eq!(stops[0]["hooks"][0]["command"] == COMMAND, new, "{added}");
            assert_eq!(add(&added, agent("claude"), COMMAND), Ok(added.clone()));
            assert_eq!(remove(&added), Ok(None));
        }
    }

    #[test]
    fn only_vlogs_hooks_are_taken_out() {
        let text = r#"{"hooks": {"Stop": [{"hooks": [{"command": "a"}, {"command": "/x/vlog hook"}]}], "SessionEnd": [{"hooks": [{"command": "/x/vlog hook"}]}], "PreToolUse": [{"hooks": [{"command": "vlog hook -- guard"}]}]}}"#;
        let rest = r#"{"hooks": {"Stop": [{"hooks": [{"command": "a"}]}], "PreToolUse": [{"hooks": [{"command": "vlog hook -- guard"}]}]}}"#;
        assert_eq!(remove(text), Ok(Some(rest.to_owned())));
        let other = r#"{"hooks": {"Stop": [{"command": "devlog hook"}, {"command": "vlog send hook"}], "X": []}, "y": 2}"#;
        assert_eq!(remove(other), Ok(Some(other.to_owned())));
        for agent in &super::super::agents::AGENTS {
            assert_eq!(remove(&agent.block(COMMAND)), Ok(None), "{}", agent.name);
        }
        assert_eq!(
            remove(&add("{\"z\": 1}", agent("claude"), COMMAND).unwrap()),
            Ok(Some("{\"z\": 1}".to_owned()))
        );
    }

    #[test]
    fn what_is_not_plain_json_is_refused() {
        for text in [
            "{ // a comment\n}",
            "{\"a\": 1,}",
            "[features]\nhooks = true\n",
            "{\"hooks\": {\"Stop\": [",
            "[]",
            "{\"hooks\": []}",
            "{\"hooks\": {\"Stop\": \"x\"}}",
            "{\"hooks\": {}, \"hooks\": {}}",
        ] {
            assert!(add(text, agent("claude"), COMMAND).is_err(), "{text}");
        }
        assert!(remove("{ // a comment\n}").is_err());
    }
}
