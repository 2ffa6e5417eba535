//! What is still done after a panic. A panic never unwinds (`panic = "abort"`), so it is done in the panic hook.
//!
//! The hook is installed once, at the start: a thread that has panicked never leaves it, and as long as it is in
//! there, no other hook can be installed. What the hook does is looked up when it runs, in [`Promises`], which the process changes
//! as it goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{panic, process, thread};

use crate::sys::stderr::{self, Report};

/// What the main thread still does, and the status to exit with.
type LastDuty = Arc<dyn Fn() -> u8 + Send + Sync>;

/// What another thread still does before it is parked.
type Duty = Arc<dyn Fn() + Send + Sync>;

/// What this process does after a panic. Clones share it.
#[derive(Clone)]
pub struct Promises(Arc<Duties>);

struct Duties {
    verbose: AtomicBool,
    main: Mutex<LastDuty>,
    threads: Mutex<Vec<(&'static str, Duty)>>,
}

impl Promises {
    /// Installs the panic hook. After a panic in the calling thread it does `main` and exits with the status that this
    /// gives. Any other thread does what was promised for it, and is parked: the main thread goes on without it.
    #[allow(clippy::exit, reason = "a panic hook must not return to the thread that panicked")]
    pub fn install(verbose: bool, main: impl Fn() -> u8 + Send + Sync + 'static) -> Self {
        let (main, threads) = (Mutex::new(Arc::new(main) as LastDuty), Mutex::default());
        let promises = Self(Arc::new(Duties { verbose: AtomicBool::new(verbose), main, threads }));
        let (of_hook, main_thread) = (promises.clone(), thread::current().id());
        panic::set_hook(Box::new(move |panic| {
            Report::new(of_hook.0.verbose.load(Ordering::Relaxed)).trouble(&stderr::bug(panic));
            let thread = thread::current();
            if thread.id() == main_thread {
                let duty = Arc::clone(&lock(&of_hook.0.main));
                process::exit(i32::from(duty()));
            }
            if let Some(duty) = thread.name().and_then(|name| of_hook.of_thread(name)) {
                duty();
            }
            loop {
                thread::park();
            }
        }));
        promises
    }

    /// From now on the main thread does this instead of what was promised before.
    pub fn main(&self, duty: impl Fn() -> u8 + Send + Sync + 'static) {
        *lock(&self.0.main) = Arc::new(duty);
    }

    /// From now on a thread of this name does this.
    pub fn thread(&self, name: &'static str, duty: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.threads).push((name, Arc::new(duty)));
    }

    /// Whether a panic is told even if stderr is not a terminal.
    pub fn set_verbose(&self, verbose: bool) {
        self.0.verbose.store(verbose, Ordering::Relaxed);
    }

    fn of_thread(&self, name: &str) -> Option<Duty> {
        let threads = lock(&self.0.threads);
        threads.iter().rev().find(|(known, _)| *known == name).map(|(_, duty)| Arc::clone(duty))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
