//! Reads settings from where they may stand, and collects where they come from and what was wrong with them.

use std::borrow::Cow;

use anyhow::Result;

use super::file::{self, SettingsFile};
use super::home::Folders;
use super::route::DEFAULT_URL;
use crate::cli::values::parse_switch;
use crate::server::endpoint::Endpoint;
use crate::sys::env::Env;

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The setting, as `status` calls it.
    pub setting: &'static str,
    /// The flag or variable, or file and line.
    pub source: Cow<'static, str>,
    /// Why its value could not be used, if it could not; never the value itself.
    pub wrong: Option<String>,
}

/// The text of a setting.
pub(super) struct SettingText {
    pub(super) text: String,
    /// The flag or variable.
    pub(super) name: &'static str,
    /// File and line, if it stands in one.
    place: Option<String>,
    /// How far its source is from the command line: 0 for that and the environment, then one for each settings file.
    pub(super) distance: usize,
}

impl SettingText {
    /// Of the command line.
    pub(super) fn of_flag(name: &'static str, text: &str) -> Self {
        Self { text: text.to_owned(), name, place: None, distance: 0 }
    }

    /// As messages call it.
    fn called(&self) -> Cow<'static, str> {
        let in_file = |place| Cow::Owned(format!("{} in {place}", self.name));
        self.place.as_ref().map_or(Cow::Borrowed(self.name), in_file)
    }

    /// As `status` shows it.
    fn source(&self) -> Cow<'static, str> {
        self.place.clone().map_or(Cow::Borrowed(self.name), Cow::Owned)
    }
}

/// What is at stake with a setting that has no substitute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stake {
    /// Where records go, and whose they are: without it nobody can tell.
    Where,
    /// How they get there: they are kept for there.
    How,
}

/// A setting without substitute cannot be read; why is noted.
pub(super) struct Unreadable;

/// The sources of settings, and what was found out about them.
pub(super) struct Sources<'a> {
    pub(super) env: Env<'a>,
    pub(super) folders: Folders<'a>,
    /// The caller's before the machine's.
    pub(super) files: Vec<SettingsFile>,
    /// The server that is to be told the secrets of the files, and of which files it is.
    server: Option<(String, Vec<bool>)>,
    pub(super) mistakes: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) origins: Vec<Origin>,
    /// What is wrong with the first setting that says where records go and cannot be read.
    pub(super) unknown: Option<String>,
    /// The same of those that say how.
    pub(super) held: Option<String>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(env: Env<'a>) -> Self {
        let folders = Folders::new(env);
        let (mut files, mut warnings, mut origins) = (Vec::new(), Vec::new(), Vec::new());
        let mut unknown = None;
        for read in file::all(env, &folders) {
            match read {
                Ok(mut file) => {
                    warnings.append(&mut file.warnings);
                    files.push(file);
                }
                Err((path, why)) => {
                    let why = format!("could not use the settings file {}: {why}", path.display());
                    let source = Cow::Owned(path.display().to_string());
                    origins.push(Origin { setting: "config", source, wrong: Some(why.clone()) });
                    unknown.get_or_insert(why);
                }
            }
        }
        Self {
            env,
            folders,
            files,
            server: None,
            mistakes: Vec::new(),
            warnings,
            origins,
            unknown,
            held: None,
        }
    }

    /// The flag if it is there and good, else the variable if it is.
    pub(super) fn first<T>(
        &mut self,
        setting: &'static str,
        (flag, text): (&'static str, Option<&str>),
        variable: &'static str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        text.and_then(|text| self.flag(setting, flag, text, &read))
            .or_else(|| self.variable(setting, variable, read))
    }

    pub(super) fn flag<T>(
        &mut self,
        setting: &'static str,
        name: &'static str,
        text: &str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        self.note(setting, &SettingText::of_flag(name, text), read(text))
            .map_err(|why| self.mistakes.push(why))
            .ok()
    }

    /// A setting of the environment or of a file.
    pub(super) fn variable<T>(
        &mut self,
        setting: &'static str,
        name: &'static str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Option<T> {
        let value = self.find(&[name])?;
        let note = self.note(setting, &value, read(&value.text));
        note.map_err(|why| self.warnings.push(format!("{why}; it is ignored"))).ok()
    }

    pub(super) fn switch(
        &mut self,
        setting: &'static str,
        (flag, given): (&'static str, bool),
        variable: &'static str,
    ) -> bool {
        if given {
            self.note_flag(setting, flag);
            return true;
        }
        self.variable(setting, variable, parse_switch).unwrap_or(false)
    }

    /// A switch of the command line.
    pub(super) fn note_flag(&mut self, setting: &'static str, flag: &'static str) {
        self.origins.push(Origin { setting, source: Cow::Borrowed(flag), wrong: None });
    }

    /// The value of a setting that has no substitute; the first that cannot be read is remembered.
    pub(super) fn needed<T>(
        &mut self,
        stake: Stake,
        setting: &'static str,
        value: &SettingText,
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<T, Unreadable> {
        self.note(setting, value, read(&value.text)).map_err(|why| {
            if value.name.starts_with("--") {
                self.mistakes.push(why.clone());
            }
            let first = match stake {
                Stake::Where => &mut self.unknown,
                Stake::How => &mut self.held,
            };
            first.get_or_insert(why);
            Unreadable
        })
    }

    /// The flag if it is given, else the first of these variables in the environment, else in a file.
    pub(super) fn flag_or(
        &self,
        flag: &'static str,
        text: Option<&str>,
        variables: &[&'static str],
    ) -> Option<SettingText> {
        text.map(|text| SettingText::of_flag(flag, text)).or_else(|| self.find(variables))
    }

    /// The first of these variables that is set: in the environment, else in the first file that has one.
    fn find(&self, names: &[&'static str]) -> Option<SettingText> {
        self.find_in(names, |_| true)
    }

    /// The same of what is meant for one server only: nothing of a file that is about another one. That is noted.
    pub(super) fn find_private(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
    ) -> Option<SettingText> {
        let found = self.find(names)?;
        let Some((server, is_of_file)) = &self.server else { return Some(found) };
        let may = |at: usize| is_of_file.get(at).copied().unwrap_or(false);
        let usable = self.find_in(names, may);
        if found.distance > 0 && usable.as_ref().is_none_or(|usable| usable.distance != found.distance) {
            let wrong = format!("{} is not for {server}, so it is not used", found.called());
            self.warnings.push(wrong.clone());
            self.origins.push(Origin { setting, source: found.source(), wrong: Some(wrong) });
        }
        usable
    }

    fn find_in(&self, names: &[&'static str], may: impl Fn(usize) -> bool) -> Option<SettingText> {
        let of_environment = names.iter().find_map(|name| {
            let text = (self.env)(name)?;
            Some(SettingText { text, name, place: None, distance: 0 })
        });
        of_environment.or_else(|| {
            let files = self.files.iter().enumerate().filter(|(at, _)| may(*at));
            files.into_iter().find_map(|(at, file)| {
                names.iter().find_map(|name| {
                    let (text, line) = file.get(name)?;
                    let place = Some(format!("{}:{line}", file.path.display()));
                    Some(SettingText { text: text.to_owned(), name, place, distance: at + 1 })
                })
            })
        })
    }

    /// From here on credentials of files that are about another server than this one are left out. A file is about the
    /// servers that it names, with those behind it filling in what it leaves out, as if there were no flag and no variable.
    pub(super) fn keep_secrets_from(&mut self, server: &Endpoint) {
        if self.files.is_empty() {
            return;
        }
        let is_about = |at: usize| {
            let named = |name| self.files.iter().skip(at).find_map(|file| Some(file.get(name)?.0));
            let urls = [Some(named("VLOG_URL").unwrap_or(DEFAULT_URL)), named("VLOG_QUERY_URL")];
            let is_same = |url| Endpoint::parse(url).is_ok_and(|known| known.is_same_server(server));
            urls.into_iter().flatten().any(is_same)
        };
        let is_of_file: Vec<_> = (0..self.files.len()).map(is_about).collect();
        self.server = Some((server.to_string(), is_of_file));
    }

    /// Notes where a value comes from, or what is wrong with it, which is the error.
    fn note<T>(&mut self, setting: &'static str, value: &SettingText, read: Result<T>) -> Result<T, String> {
        let read = read.map_err(|error| format!("could not use {}: {error:#}", value.called()));
        self.origins.push(Origin { setting, source: value.source(), wrong: read.as_ref().err().cloned() });
        read
    }
}
