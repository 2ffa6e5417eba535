//! Where programs keep their state and their settings: the XDG directories, and the caller's home.
//!
//! Invariant: a directory counts only if it is the caller's own or root's, and root's only for root. Otherwise root, by
//! sudo(8) with another user's `HOME`, would make directories there that this user cannot use, or heed what that user wrote.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sys::env::Env;

/// The directories of the caller.
pub struct Folders<'a> {
    env: Env<'a>,
    home: OnceCell<Option<PathBuf>>,
}

impl<'a> Folders<'a> {
    /// Those of this environment.
    #[must_use]
    pub fn new(env: Env<'a>) -> Self {
        Self { env, home: OnceCell::new() }
    }

    /// Where programs keep their state.
    pub(super) fn state(&self) -> Option<PathBuf> {
        let of_service = || (self.env)("STATE_DIRECTORY")?.split(':').next().map(PathBuf::from);
        self.xdg("XDG_STATE_HOME").or_else(of_service).or_else(|| Some(self.home()?.join(".local/state")))
    }

    /// Where programs find their settings.
    pub(super) fn config(&self) -> Option<PathBuf> {
        self.xdg("XDG_CONFIG_HOME").or_else(|| Some(self.home()?.join(".config")))
    }

    fn xdg(&self, name: &str) -> Option<PathBuf> {
        self.path(name).filter(|path| is_usable(path))
    }

    /// `HOME`, or where that cannot be used the home directory in `/etc/passwd`.
    pub fn home(&self) -> Option<&PathBuf> {
        let named = || self.path("HOME").filter(|home| is_usable(home));
        let find = || named().or_else(|| home_of_user(&fs::read_to_string("/etc/passwd").ok()?));
        self.home.get_or_init(find).as_ref()
    }

    /// The XDG specification has relative paths ignored.
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.env)(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

/// Whether it, or what it will be made in, is the caller's own or root's.
fn is_usable(folder: &Path) -> bool {
    let owner = folder.ancestors().find_map(|folder| Some(fs::metadata(folder).ok()?.uid()));
    owner.is_some_and(is_trusted)
}

/// Whether what belongs to this user may decide for the caller: the caller and root.
pub(super) fn is_trusted(owner: u32) -> bool {
    owner == 0 || owner == nix::unistd::geteuid().as_raw()
}

/// The home directory that passwd(5) names for the caller.
fn home_of_user(passwd: &str) -> Option<PathBuf> {
    let user = nix::unistd::geteuid().to_string();
    let homes = passwd.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        fields.get(2).filter(|id| **id == user).and(fields.get(5).copied())
    });
    homes.map(PathBuf::from).find(|home| home.is_absolute() && is_usable(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_looked_up_by_the_user() {
        let me = nix::unistd::geteuid();
        let passwd = format!("nobody:x:4000000000:1::/nonexistent:/bin/false\nme:x:{me}:0:me:/usr:/bin/sh\n");
        assert_eq!(home_of_user(&passwd), Some(PathBuf::from("/usr")));
        assert_eq!(home_of_user("nobody:x:4000000000:1::/usr:/bin/false\n"), None);
        assert_eq!(home_of_user(""), None);
    }
}
