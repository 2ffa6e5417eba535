//! Children of tests, all of which end, and how long they may take on a machine that is busy.

use std::io::{self, Read};
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

/// No child runs longer: what has not ended by then never does.
const LONGEST: Duration = Duration::from_secs(300);

/// What takes so long on an idle machine may take on this one: twice that, and more where more than one process wants
/// each of its processors. That still tells a deadline from none.
pub fn within(time: Duration) -> Duration {
    // "2.28 5.49 5.75 3/180 5371": of the last minute, and how many run right now.
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut fields = text.split([' ', '/']);
    let minute: f64 = fields.next().and_then(|field| field.parse().ok()).unwrap_or(0.0);
    let running: f64 = fields.nth(2).and_then(|field| field.parse().ok()).unwrap_or(0.0);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    time.mul_f64(2.0 * (minute.max(running) / f64::from(u32::try_from(processors).unwrap())).max(1.0))
}

/// Children begin with the signals of a shell in the foreground, also where these tests run in the background or under
/// nohup: exec(2) leaves ignored what is ignored, and makes a default of what is handled.
pub fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD, SIGWINCH] {
            if ignored & (1 << (signal - 1)) != 0 {
                signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).unwrap();
            }
        }
    });
}

/// A child that ends: with this value, or after [`LONGEST`].
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Gone once it is known to have ended.
    watch: Option<Sender<()>>,
}

impl Running {
    pub fn new(child: Child) -> Self {
        let (watch, ended) = channel::<()>();
        let id = child.id().to_string();
        thread::spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
            }
        });
        Self { child, watch: Some(watch) }
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        self.watch = None;
        status
    }

    /// Waits for its end, and for the end of what it and its children write.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.child.stdin.take());
        let outputs = [self.child.stdout.take().map(read_all), self.child.stderr.take().map(read_all)];
        // A child of the child may hold them longer.
        let [stdout, stderr] = outputs.map(|output| {
            output
                .map_or_else(Vec::new, |output| output.recv_timeout(LONGEST).expect("the output has no end"))
        });
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, all) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        send.send(bytes)
    });
    all
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.watch.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Starts a command as it is.
pub fn start(command: &mut Command) -> Running {
    Running::new(command.spawn().unwrap())
}

#[test]
fn a_child_ends_with_the_value_that_stands_for_it() {
    let child = start(Command::new("sleep").arg("200"));
    let folder = format!("/proc/{}", child.id());
    let is_there = std::path::Path::new(&folder).exists();
    drop(child);
    assert!(is_there || !std::path::Path::new("/proc/self").exists());
    assert!(!std::path::Path::new(&folder).exists());
}
