//! Another program as vlog's child: started as a shell would, and ended as it ended.
//!
//! Nothing here knows of logging, so that nothing that goes wrong there reaches the command. The child gets what
//! the caller gave vlog: environment, directory, process group, signal mask, the signals that were ignored.

mod collect;
mod relay;
mod running;
mod script;

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawnp};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, execvp};
use signal_hook::low_level::{emulate_default_handler, raise};

pub use collect::Tail;
pub use collect::{Captured, Collected, collect};
pub use relay::{Stdin, Tap, Target};
pub use running::{Ready, StartError, linger, prepare};
pub use script::missing_script;

/// What runs a file that is neither a program nor begins with `#!`.
const SHELL: &str = "/bin/sh";

/// A shell's status for a command that is not there.
const NOT_FOUND: u8 = 127;

/// A shell's status for a command that is there and cannot be run.
const CANNOT_RUN: u8 = 126;

/// The status of a command that could not write its output, as most have it.
const UNWRITTEN: u8 = 1;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Code(u8),
    /// By this signal.
    Signal(i32),
    /// It could not be run at all.
    NotRun(NotRun),
}

/// Why a command could not be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun {
    /// The status that a shell would give: 126 or 127.
    pub code: u8,
    /// The kernel's word for it.
    pub why: String,
}

impl From<Errno> for NotRun {
    fn from(error: Errno) -> Self {
        let missing = matches!(error, Errno::ENOENT | Errno::ENOTDIR);
        Self { code: if missing { NOT_FOUND } else { CANNOT_RUN }, why: error.desc().to_owned() }
    }
}

impl Ended {
    /// Whether all went well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }

    /// The exit status, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        match self {
            Self::Code(code) | Self::NotRun(NotRun { code, .. }) => Some(*code),
            Self::Signal(_) => None,
        }
    }

    /// The name of the signal that ended it, as `SIGTERM`.
    #[must_use]
    pub fn signal(&self) -> Option<String> {
        let Self::Signal(number) = self else { return None };
        let name = Signal::try_from(*number).map(|signal| signal.as_str().to_owned());
        Some(name.unwrap_or_else(|_| format!("signal {number}")))
    }

    /// Ends this process in the same way, as far as it can: by the same signal, but without a second core dump, or
    /// with the status to leave `main` with.
    pub fn pass(&self) -> ExitCode {
        let Self::Signal(number) = *self else { return ExitCode::from(self.code().unwrap_or_default()) };
        // A pipe in core_pattern gets a dump however small the limit, but not of a process that must not be dumped.
        let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_dumpable(false);
        if emulate_default_handler(number).is_err() {
            // One that signal-hook has no name for; nothing here handles it.
            let _ = raise(number);
        } else if let Some(shell) = Self::killer(number) {
            // SIGIO ends a process on Linux, but signal-hook ignores it. A shell in this process's place has no
            // handler for it and can end by it.
            let _ = shell.exec();
        }
        ExitCode::from(u8::try_from(128 + number).unwrap_or(u8::MAX))
    }
}

impl Ended {
    /// A shell that ends by this signal.
    fn killer(number: i32) -> Option<Command> {
        Command::new(&[SHELL.into(), "-c".into(), format!("kill -{number} $$; exit {}", 128 + number).into()])
    }
}

impl fmt::Display for Ended {
    /// What follows the command's name in a sentence.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with {code}"),
            Self::Signal(_) => write!(f, "was ended by {}", self.signal().unwrap_or_default()),
            Self::NotRun(not_run) => write!(f, "could not be run: {}", not_run.why),
        }
    }
}

/// How a command ended, and when.
#[derive(Debug, Clone)]
pub struct CommandEnd {
    /// How.
    pub ended: Ended,
    /// How long it ran.
    pub time: Duration,
    /// What could not be written of its output, and why: a sentence for each stream.
    pub unwritten: Vec<String>,
    /// Whether vlog was asked to end now too.
    pub hurried: bool,
}

impl CommandEnd {
    /// The end of a command that was never started.
    #[must_use]
    pub fn not_run(why: NotRun) -> Self {
        Self { ended: Ended::NotRun(why), time: Duration::ZERO, unwritten: Vec::new(), hurried: false }
    }

    /// Whether all went well, and all output is where it belongs.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.ended.is_success() && self.unwritten.is_empty()
    }

    /// The status to end with where that can be no signal.
    #[must_use]
    pub fn code(&self) -> u8 {
        let unwritten = if self.unwritten.is_empty() { 0 } else { UNWRITTEN };
        self.ended.code().map_or(u8::MAX, |code| if code == 0 { unwritten } else { code })
    }

    /// Ends this process in the same way, as [`Ended::pass`] does; but a success whose output could not be written
    /// is a failure, as it would be if the command had met the error itself.
    pub fn pass(&self) -> ExitCode {
        if self.ended.code().is_some() { ExitCode::from(self.code()) } else { self.ended.pass() }
    }
}

/// A command and its arguments, word for word.
#[derive(Debug, Clone)]
pub struct Command {
    words: Vec<CString>,
}

impl Command {
    /// `None` without any word.
    #[must_use]
    pub fn new(words: &[OsString]) -> Option<Self> {
        let words: Vec<_> = words.iter().map(|word| c_string(word)).collect();
        (!words.is_empty()).then_some(Self { words })
    }

    fn program(&self) -> &OsStr {
        self.words.first().map_or(OsStr::new(""), |word| OsStr::from_bytes(word.to_bytes()))
    }

    /// The command as it was named.
    #[must_use]
    pub fn path(&self) -> String {
        self.program().to_string_lossy().into_owned()
    }

    /// The command's name, without its path.
    #[must_use]
    pub fn name(&self) -> String {
        let program = self.program();
        Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
    }

    /// Starts it with `streams` in the place of the descriptors 0, 1 and 2; what is not named there is inherited, and
    /// so is everything else.
    fn spawn(&self, streams: &[(BorrowedFd, i32)]) -> Result<Pid, Errno> {
        let mut actions = PosixSpawnFileActions::init()?;
        for (from, to) in streams {
            actions.add_dup2(from.as_raw_fd(), *to)?;
        }
        let attributes = PosixSpawnAttr::init()?;
        let variable = |(name, value): (OsString, OsString)| {
            c_string(&OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat()))
        };
        let variables: Vec<_> = std::env::vars_os().map(variable).collect();
        let spawn = |words: &[CString]| {
            let program = words.first().ok_or(Errno::ENOENT)?;
            posix_spawnp(program, &actions, &attributes, words, &variables)
        };
        match spawn(&self.words) {
            Err(Errno::ENOEXEC) => spawn(&self.as_script()),
            result => result,
        }
    }

    /// Puts the command into this process's place. Returns only if that is not possible.
    #[must_use]
    pub fn exec(&self) -> NotRun {
        let exec = |words: &[CString]| match words.first().map(|program| execvp(program, words)) {
            Some(Err(error)) => error,
            _ => Errno::ENOENT,
        };
        let error = match exec(&self.words) {
            Errno::ENOEXEC => exec(&self.as_script()),
            error => error,
        };
        error.into()
    }

    /// The same for a shell, since the kernel does not know what the file is.
    fn as_script(&self) -> Vec<CString> {
        let path = find(self.program(), &std::env::var_os("PATH").unwrap_or_default());
        let arguments = self.words.iter().skip(1).cloned();
        [c_string(OsStr::new(SHELL)), c_string(&path)].into_iter().chain(arguments).collect()
    }
}

/// Where a shell finds `program`; never a word that looks like an option.
fn find(program: &OsStr, path: &OsStr) -> OsString {
    let folders = std::env::split_paths(path);
    let found = folders.map(|folder| Path::new(".").join(folder).join(program)).find(|file| {
        let is_program = |data: std::fs::Metadata| data.is_file() && data.permissions().mode() & 0o111 != 0;
        file.metadata().is_ok_and(is_program)
    });
    match found {
        Some(found) if !program.as_bytes().contains(&b'/') => found.into_os_string(),
        _ if program.as_bytes().starts_with(b"-") => Path::new(".").join(program).into_os_string(),
        _ => program.to_owned(),
    }
}

/// No word of a command line or of the environment has a NUL in it.
fn c_string(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        let told = |ended: Ended| format!("{ended}, {:?}, {:?}", ended.code(), ended.signal());
        assert_eq!(told(Ended::Code(3)), "ended with 3, Some(3), None");
        assert_eq!(told(Ended::Signal(11)), "was ended by SIGSEGV, None, Some(\"SIGSEGV\")");
        assert_eq!(told(Ended::Signal(40)), "was ended by signal 40, None, Some(\"signal 40\")");
        let missing = Ended::NotRun(Errno::ENOENT.into());
        assert_eq!(told(missing), "could not be run: No such file or directory, Some(127), None");
    }

    #[test]
    fn statuses_are_those_of_a_shell() {
        for (error, code) in [
            (Errno::ENOENT, 127),
            (Errno::ENOTDIR, 127),
            (Errno::EACCES, 126),
            (Errno::E2BIG, 126),
            (Errno::EISDIR, 126),
        ] {
            assert_eq!(NotRun::from(error).code, code, "{error}");
        }
    }

    #[test]
    fn a_script_is_looked_for_where_a_shell_looks() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for (place, mode) in [(&first, 0o644), (&second, 0o755)] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("job"), "").unwrap();
            std::fs::set_permissions(place.join("job"), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([&first, &second]).unwrap();
        assert_eq!(find(OsStr::new("job"), &path), second.join("job"));
        assert_eq!(find(OsStr::new("a/job"), &path), "a/job");
        assert_eq!(find(OsStr::new("./job"), &path), "./job");
        assert_eq!(find(OsStr::new("-x/job"), &path), "./-x/job");
        assert_eq!(find(OsStr::new("/a/job"), &path), "/a/job");
    }

    #[test]
    fn a_command_is_called_by_its_file() {
        let name = |word: &str| Command::new(&[word.into()]).unwrap().name();
        assert_eq!(name("/usr/local/bin/backup.sh"), "backup.sh");
        assert_eq!(name("backup.sh"), "backup.sh");
        assert_eq!(name(".."), "..");
        assert!(Command::new(&[]).is_none());
    }
}
