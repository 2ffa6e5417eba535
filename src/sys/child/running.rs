//! A command that runs: started with its streams in hand, waited for, given the signals that come for it.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgid, tcgetpgrp};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGPROF, SIGQUIT, SIGSYS, SIGTERM,
    SIGTRAP, SIGTSTP, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU,
};
use signal_hook::low_level::raise;

use super::relay::{Pump, Stdin, Tap, Target, feed};
use super::{Command, CommandEnd, Ended, NotRun};
use crate::sys::poll::{Countdown, PollFlags, ready};
use crate::sys::signals::{Ignored, Inbox, without_signals};

/// Signals that concern the command and not vlog: each is passed on whenever it comes.
const PASSED_ON: [i32; 14] = [
    SIGHUP, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGABRT, SIGIO, SIGCONT,
    SIGXCPU, SIGTRAP, SIGSYS,
];

/// Signals that a terminal sends to all processes in its foreground, so that the command has them already.
const OF_TERMINAL: [i32; 4] = [SIGINT, SIGQUIT, SIGTSTP, SIGWINCH];

/// Signals that, once the command is over, ask vlog to end too.
const END: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What is then left for the last bytes on their way to a slow reader.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// The same if the command was asked to end, and did; longer than the pipes are read that its children hold.
const LAST_WORDS_OF_ENDED: Duration = Duration::from_secs(1);

/// Why there is no running command.
#[derive(Debug)]
pub enum StartError {
    /// It cannot be run.
    Command(NotRun),
    /// Descriptors or threads ran out; it was not tried.
    Setup(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Setup(error)
    }
}

/// A command that runs, or will.
pub struct Running {
    pumps: Vec<Arc<Pump>>,
    start: OnceLock<(Pid, Instant)>,
    end: OnceLock<CommandEnd>,
}

/// All that a command needs to be started.
pub struct Ready {
    /// What will run.
    pub running: Arc<Running>,
    inbox: Inbox,
    /// What becomes the command's descriptors 0, 1 and 2; without the first it has vlog's own.
    stdin: Option<PipeReader>,
    stdout: PipeWriter,
    stderr: PipeWriter,
    /// What is to be written to its stdin.
    fed: Option<(PipeWriter, Arc<Vec<u8>>)>,
}

/// Makes pipes for a command's stdout and stderr, and catches the signals that come for it from now on.
///
/// # Errors
/// Descriptors ran out.
pub fn prepare(stdin: Stdin, (stdout, stderr): (Tap, Tap), ignored: Ignored) -> io::Result<Ready> {
    let inbox = inbox(ignored)?;
    let (from_stdout, to_stdout) = io::pipe()?;
    let (from_stderr, to_stderr) = io::pipe()?;
    let pumps = vec![
        Arc::new(Pump::new(Target::Stdout, stdout, from_stdout)?),
        Arc::new(Pump::new(Target::Stderr, stderr, from_stderr)?),
    ];
    let (stdin, fed) = match stdin {
        Stdin::Inherit => (None, None),
        Stdin::Feed(bytes) => {
            let (from, to) = io::pipe()?;
            (Some(from), Some((to, bytes)))
        }
    };
    let running = Arc::new(Running { pumps, start: OnceLock::new(), end: OnceLock::new() });
    Ok(Ready { running, inbox, stdin, stdout: to_stdout, stderr: to_stderr, fed })
}

impl Ready {
    /// Starts `command`. The signals that came for it meanwhile lie in the box.
    ///
    /// # Errors
    /// The command cannot be run, or there are no threads for its streams.
    pub fn start(self, command: &Command) -> Result<(Arc<Running>, Inbox), StartError> {
        // A PIPE that a thread causes itself stays with that thread, so that it is not taken for one that was sent.
        without_signals(|| {
            for pump in &self.running.pumps {
                let name = pump.target().name().to_owned();
                let pump = Arc::clone(pump);
                thread::Builder::new().name(name).spawn(move || pump.run(true))?;
            }
            if let Some((to, bytes)) = self.fed {
                thread::Builder::new().name("stdin".to_owned()).spawn(move || feed(&to, &bytes))?;
            }
            Ok::<_, io::Error>(())
        })?;
        let mut streams: Vec<(BorrowedFd, i32)> = vec![(self.stdout.as_fd(), 1), (self.stderr.as_fd(), 2)];
        streams.extend(self.stdin.iter().map(|stdin| (stdin.as_fd(), 0)));
        let start = Instant::now();
        let pid = command.spawn(&streams).map_err(|error| match error {
            // Without vlog's own descriptors and threads it may work.
            Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN | Errno::ENOMEM => StartError::Setup(error.into()),
            error => StartError::Command(error.into()),
        })?;
        let _ = self.running.start.set((pid, start));
        Ok((self.running, self.inbox))
    }
}

/// Catches all signals that concern a command, but for those that were ignored: it ignores them too.
fn inbox(ignored: Ignored) -> io::Result<Inbox> {
    let inbox = Inbox::of(PASSED_ON.into_iter().chain(OF_TERMINAL), ignored)?;
    // What a process ignores, it cannot wait for.
    inbox.catch(SIGCHLD)?;
    Ok(inbox)
}

impl Running {
    /// Waits for the command, then for the last of its output: until [`super::relay`] has passed it all on, or until
    /// vlog is asked to end.
    pub fn wait(&self, inbox: &mut Inbox) -> CommandEnd {
        let Some((pid, start)) = self.start.get().copied() else {
            // It was not started.
            return CommandEnd { hurried: true, ..CommandEnd::not_run(Errno::ECHILD.into()) };
        };
        // A caller that blocks it would never be woken; the command has its mask already.
        let _ = SigSet::from(Signal::SIGCHLD).thread_unblock();
        let mut was_told = false;
        let ended = loop {
            for signal in inbox.take() {
                was_told |= pass_on(pid, signal) && END.contains(&signal);
            }
            if let Some(ended) = reap(pid) {
                break ended;
            }
            if ready(&[(inbox.as_fd(), PollFlags::POLLIN)], None).is_err() {
                // No memory for poll(2).
                thread::sleep(Duration::from_millis(10));
            }
        };
        let time = start.elapsed();
        // What has come up to now was about the command.
        inbox.take();
        self.pumps.iter().for_each(|pump| pump.command_ended());
        let mut countdown = was_told.then(|| Countdown::new(LAST_WORDS_OF_ENDED));
        let hurried = !self.pumps.iter().all(|pump| linger(inbox, pump.done(), &mut countdown, LAST_WORDS));
        let unwritten = self.pumps.iter().filter_map(|pump| pump.unwritten()).collect();
        let end = CommandEnd { ended, time, unwritten, hurried };
        let _ = self.end.set(end.clone());
        end
    }

    /// The same after a panic in the main thread. `None` if nothing was started so far.
    pub fn wait_again(&self, ignored: Ignored) -> Option<CommandEnd> {
        let (pid, start) = *self.start.get()?;
        if let Some(end) = self.end.get() {
            return Some(end.clone());
        }
        if let Ok(mut inbox) = inbox(ignored) {
            return Some(self.wait(&mut inbox));
        }
        loop {
            if let Some(ended) = reap(pid) {
                let unwritten = self.pumps.iter().filter_map(|pump| pump.unwritten()).collect();
                return Some(CommandEnd { ended, time: start.elapsed(), unwritten, hurried: true });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Goes on with a stream after its thread has panicked.
    pub fn carry_on(&self, target: Target) {
        self.pumps.iter().filter(|pump| pump.target() == target).for_each(|pump| pump.run(false));
    }
}

/// Gives a command a signal that came for it, unless it has it already; whether it was given.
fn pass_on(pid: Pid, signal: i32) -> bool {
    let has_it_already = OF_TERMINAL.contains(&signal) && is_in_foreground(Some(pid));
    if signal == SIGCHLD || has_it_already {
        return false;
    }
    // It may have ended, but it keeps its number until it is waited for.
    Signal::try_from(signal).is_ok_and(|signal| kill(pid, signal).is_ok())
}

/// How a command has ended, if it has. If it was stopped at the terminal (Ctrl-Z), stops too, so that the
/// shell takes over.
fn reap(pid: Pid) -> Option<Ended> {
    match waitpid(pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
        Ok(WaitStatus::Exited(_, code)) => Some(Ended::Code(u8::try_from(code).unwrap_or(u8::MAX))),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some(Ended::Signal(signal as i32)),
        Ok(WaitStatus::Stopped(..)) if is_in_foreground(None) => {
            let _ = raise(Signal::SIGSTOP as i32);
            None
        }
        Ok(_) | Err(Errno::EINTR) => None,
        // Ended by a real-time signal, which nix does not know.
        Err(Errno::EINVAL) => Some(Ended::Signal(REAL_TIME)),
        // Other code of this process has waited for it; its status is gone.
        Err(_) => Some(Ended::Code(u8::MAX)),
    }
}

/// The first real-time signal, for any of them.
const REAL_TIME: i32 = 34;

/// Waits until `done` is readable, as long as the countdown lasts if there is any, and no longer than `hurry` once
/// vlog is asked to end. Whether it is.
pub fn linger(
    inbox: &mut Inbox,
    done: BorrowedFd,
    countdown: &mut Option<Countdown>,
    hurry: Duration,
) -> bool {
    loop {
        let fds = [(done, PollFlags::POLLIN), (inbox.as_fd(), PollFlags::POLLIN)];
        let found = match countdown {
            Some(countdown) => countdown.step(|time| ready(&fds, Some(time))),
            None => ready(&fds, None),
        };
        if found.is_err() {
            // No memory for poll(2).
            thread::sleep(Duration::from_millis(10));
        }
        if found.is_ok_and(|found| found.first() == Some(&true)) {
            return true;
        }
        if countdown.is_some_and(Countdown::is_over) {
            return false;
        }
        for signal in inbox.take() {
            if END.contains(&signal) {
                countdown.get_or_insert(Countdown::new(hurry)).shorten(hurry);
            } else if signal == SIGTSTP {
                let _ = raise(Signal::SIGSTOP as i32);
            }
        }
    }
}

/// Whether a process, or this one, is in the foreground of the terminal. A command may have left the group that it was
/// started in, as timeout(1) does.
fn is_in_foreground(pid: Option<Pid>) -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else { return false };
    tcgetpgrp(&terminal).is_ok_and(|group| getpgid(pid).is_ok_and(|own| own == group))
}
