//! `vlog hook --settings`, `--install` and `--uninstall`: vlog's hooks in the settings of an agent.
//!
//! The file is replaced as a whole or not at all; what it held before stays beside it. Where it cannot be changed
//! safely it stays as it is, and what a person may paste is printed.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::agents::Agent;
use super::merge;
use crate::cli::config::Folders;
use crate::sys::cause::cause;
use crate::sys::env::Env;
use crate::sys::stderr;
use crate::sys::stdio;

/// Behind the name of the file that was there before.
const BEFORE: &str = ".before-vlog";

/// How often another program may change the file in between.
const ATTEMPTS: usize = 3;

/// No settings file is larger.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What is to be done with an agent's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Print what belongs there.
    Print,
    /// Put it there.
    Install,
    /// Take it out.
    Uninstall,
}

/// Does it for the agent of that name, and says on stderr what was done; whether that worked.
#[must_use]
pub fn run(action: Action, name: &str, env: Env) -> bool {
    let done = Agent::find(name).and_then(|agent| match action {
        Action::Print => print(agent).map(|()| Vec::new()),
        Action::Install => install(agent, env),
        Action::Uninstall => uninstall(agent, env),
    });
    let what = match action {
        Action::Print => "print the settings",
        Action::Install => "install the hooks",
        Action::Uninstall => "take the hooks out",
    };
    match &done {
        Ok(lines) => lines.iter().for_each(|line| stderr::say(line)),
        Err(why) => stderr::say(&format!("could not {what}: {why}")),
    }
    done.is_ok()
}

fn print(agent: &Agent) -> Result<(), String> {
    stdio::write_all(agent.block(&own_command()).as_bytes()).map_err(|error| cause(&error))
}

fn install(agent: &Agent, env: Env) -> Result<Vec<String>, String> {
    let path = path(agent, env)?;
    let shown = path.display();
    let changed =
        rewrite(&path, |text| merge::add(text, agent, &own_command()).map(Some)).map_err(|why| {
            // For whoever puts it there by hand.
            let printed = print(agent).is_ok();
            let paste = if printed { "; what belongs there is printed, to be pasted" } else { "" };
            format!("{shown}: {why}; it was not changed{paste}")
        })?;
    let mut lines = vec![match changed {
        Changed::Nothing => format!("{shown} has the hooks already"),
        Changed::Made => format!("hooks for {} events are in {shown}", agent.events.len()),
        Changed::Replaced | Changed::Removed => format!(
            "hooks for {} events are in {shown}; what it was before is in {}",
            agent.events.len(),
            with_suffix(&path, BEFORE).display()
        ),
    }];
    lines.extend(agent.advice.map(str::to_owned));
    if agent.name == "copilot" && Path::new(".claude/settings.json").is_file() {
        lines.push(
            "Copilot also runs the hooks of a project's .claude/settings.json; with vlog in both, each event is logged twice"
                .to_owned(),
        );
    }
    Ok(lines)
}

fn uninstall(agent: &Agent, env: Env) -> Result<Vec<String>, String> {
    let path = path(agent, env)?;
    let shown = path.display();
    let changed =
        rewrite(
            &path,
            |text| {
                if text.trim().is_empty() { Ok(Some(text.to_owned())) } else { merge::remove(text) }
            },
        );
    Ok(vec![match changed.map_err(|why| format!("{shown}: {why}; it was not changed"))? {
        Changed::Nothing | Changed::Made => format!("{shown} has no hooks of vlog"),
        Changed::Replaced => format!("the hooks are out of {shown}"),
        Changed::Removed => format!("removed {shown}, which had nothing else in it"),
    }])
}

/// The agent's file, behind all symbolic links.
fn path(agent: &Agent, env: Env) -> Result<PathBuf, String> {
    let folders = Folders::new(env);
    let home = folders.home().map(PathBuf::as_path);
    let path = agent.path(env, home).ok_or("there is no home directory of yours")?;
    match fs::symlink_metadata(&path) {
        Ok(_) => fs::canonicalize(&path).map_err(|error| format!("{}: {}", path.display(), cause(&error))),
        Err(_) => Ok(path),
    }
}

/// What became of a file.
enum Changed {
    /// It was as it should be.
    Nothing,
    /// There was none.
    Made,
    /// The one before is beside it.
    Replaced,
    /// Nothing was left in it.
    Removed,
}

/// Changes the text of a file as `how` says; `None` removes it. If another program writes it meanwhile, what that wrote is
/// changed.
fn rewrite(path: &Path, how: impl Fn(&str) -> Result<Option<String>, String>) -> Result<Changed, String> {
    for _ in 0..ATTEMPTS {
        let before = read(path)?;
        let new = how(before.as_deref().unwrap_or_default())?;
        if new.as_deref().unwrap_or_default() == before.as_deref().unwrap_or_default() {
            return Ok(Changed::Nothing);
        }
        let is_done = match (&before, &new) {
            (Some(before), Some(new)) => {
                let mode = fs::metadata(path).map_or(0o600, |file| file.permissions().mode() & 0o777);
                write(&with_suffix(path, BEFORE), before, mode, || true).and_then(|_| {
                    write(path, new, mode, || read(path).is_ok_and(|now| now.as_ref() == Some(before)))
                })
            }
            (None, Some(new)) => make_folder(path)
                .and_then(|()| write(path, new, 0o600, || read(path).is_ok_and(|now| now.is_none()))),
            (_, None) => fs::remove_file(path).map(|()| true),
        };
        if is_done.map_err(|error| cause(&error))? {
            return Ok(match (before, new) {
                (None, _) => Changed::Made,
                (Some(_), Some(_)) => Changed::Replaced,
                (Some(_), None) => Changed::Removed,
            });
        }
    }
    Err("another program keeps changing it".to_owned())
}

/// What is in the file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, String> {
    let folder = path.ancestors().find_map(|folder| fs::metadata(folder).ok());
    if folder.is_some_and(|file| file.uid() != nix::unistd::geteuid().as_raw()) {
        return Err("it is another user's; run this as that user".to_owned());
    }
    let file = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| cause(&error))?,
    };
    if !file.is_file() || file.len() > MAX_BYTES {
        return Err("it is no settings file".to_owned());
    }
    if file.permissions().mode() & 0o200 == 0 {
        return Err("it is read-only".to_owned());
    }
    let text = fs::read_to_string(path).map_err(|error| cause(&error))?;
    Ok(Some(text))
}

/// Writes a file beside the one at `path` and puts it in its place, if `is_due` still holds then; whether it did.
fn write(path: &Path, text: &str, mode: u32, is_due: impl Fn() -> bool) -> std::io::Result<bool> {
    let new = with_suffix(path, &format!(".{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file: File| {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map(|()| is_due());
    let done = match written {
        Ok(true) => fs::rename(&new, path).map(|()| true),
        other => other,
    };
    if !matches!(done, Ok(true)) {
        let _ = fs::remove_file(&new);
    }
    done
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The command of a hook for a shell: this binary by its path, since an agent's PATH may be another.
fn own_command() -> String {
    let path = std::env::current_exe().ok().and_then(|path| path.to_str().map(str::to_owned));
    let path = path.unwrap_or_else(|| "vlog".to_owned());
    let is_plain = path.chars().all(|char| char.is_alphanumeric() || "/._-+@,:".contains(char));
    let path = if is_plain { path } else { format!("'{}'", path.replace('\'', r"'\''")) };
    format!("{path} hook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_writes_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "1").unwrap();
        let calls = std::cell::Cell::new(0);
        let add = |text: &str| {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                fs::write(&path, "2").unwrap();
            }
            Ok(Some(format!("{text} and more")))
        };
        assert!(matches!(rewrite(&path, add), Ok(Changed::Replaced)));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), calls.get()), ("2 and more", 2));
        let meddle = |text: &str| {
            fs::write(&path, format!("{text}x")).unwrap();
            Ok(Some("new".to_owned()))
        };
        assert!(rewrite(&path, meddle).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "2 and morexxx");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
