//! A queue of bounded size between threads, and what else they tell each other under its lock.
//!
//! It counts bytes. A thread asks [`Contents::is_full`] before it puts something in, and decides itself how long to wait
//! for room. One item may go over the limit, so that an item of any size finds room.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// The queue: its [`Contents`] behind a lock, and a way to wait for changes of them.
pub struct Queue<T, S> {
    queue: Mutex<Contents<T, S>>,
    changed: Condvar,
}

/// What a queue holds, and what its threads tell each other beside it.
pub struct Contents<T, S> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    limit: usize,
    taken: u64,
    /// What the threads tell each other.
    pub state: S,
}

/// A locked queue.
pub struct Locked<'a, T, S> {
    shared: &'a Queue<T, S>,
    queue: MutexGuard<'a, Contents<T, S>>,
}

impl<T, S: Default> Queue<T, S> {
    /// Empty, and full once it holds `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let queue = Contents { items: VecDeque::new(), bytes: 0, limit, taken: 0, state: S::default() };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }
}

impl<T, S> Queue<T, S> {
    /// Locks it.
    pub fn lock(&self) -> Locked<'_, T, S> {
        Locked { shared: self, queue: self.queue.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Locks it unless that takes longer than `time`: for a thread that has panicked, perhaps while it held the lock.
    pub fn lock_within(&self, time: Duration) -> Option<Locked<'_, T, S>> {
        let start = Instant::now();
        loop {
            match self.queue.try_lock() {
                Ok(queue) => return Some(Locked { shared: self, queue }),
                Err(TryLockError::Poisoned(error)) => {
                    return Some(Locked { shared: self, queue: error.into_inner() });
                }
                Err(TryLockError::WouldBlock) if start.elapsed() >= time => return None,
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Wakes all that wait, since something has changed.
    pub fn wake(&self) {
        self.changed.notify_all();
    }
}

impl<T, S> Locked<'_, T, S> {
    /// Lets go of the lock until something changes, for `time` at most if that is given.
    #[must_use]
    pub fn wait(self, time: Option<Duration>) -> Self {
        let Self { shared, queue } = self;
        let queue = match time {
            None => shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            Some(time) => shared.changed.wait_timeout(queue, time).unwrap_or_else(PoisonError::into_inner).0,
        };
        Self { shared, queue }
    }

    /// Puts an item of so many bytes in, and wakes all that wait.
    pub fn put(&mut self, item: T, bytes: usize) {
        self.queue.bytes += bytes;
        self.queue.items.push_back((item, bytes));
        self.shared.wake();
    }

    /// Takes the oldest item, and wakes all that wait.
    pub fn take(&mut self) -> Option<T> {
        let (item, bytes) = self.queue.items.pop_front()?;
        self.queue.bytes -= bytes;
        self.queue.taken += 1;
        self.shared.wake();
        Some(item)
    }

    /// Changes what the threads tell each other, and wakes all that wait.
    pub fn set(&mut self, change: impl FnOnce(&mut S)) {
        change(&mut self.queue.state);
        self.shared.wake();
    }
}

impl<T, S> Deref for Locked<'_, T, S> {
    type Target = Contents<T, S>;

    fn deref(&self) -> &Contents<T, S> {
        &self.queue
    }
}

impl<T, S> DerefMut for Locked<'_, T, S> {
    fn deref_mut(&mut self) -> &mut Contents<T, S> {
        &mut self.queue
    }
}

impl<T, S> Contents<T, S> {
    /// Whether it holds as much as it should.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many items were taken out so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// What it holds, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|(item, _)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_its_limit_and_counts_what_is_taken() {
        let shared: Queue<&str, ()> = Queue::new(3);
        let mut queue = shared.lock();
        queue.put("ab", 2);
        assert!(!queue.is_full());
        queue.put("longer", 6);
        assert!(queue.is_full());
        assert_eq!((queue.iter().copied().collect::<Vec<_>>(), queue.bytes()), (vec!["ab", "longer"], 8));
        assert_eq!((queue.take(), queue.take(), queue.take()), (Some("ab"), Some("longer"), None));
        assert_eq!((queue.is_empty(), queue.bytes(), queue.taken()), (true, 0, 2));
    }

    #[test]
    fn who_waits_is_woken_by_each_change() {
        let shared: Queue<u8, bool> = Queue::new(1);
        let long = Some(Duration::from_secs(60));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut queue = shared.lock();
                while queue.is_empty() {
                    queue = queue.wait(long);
                }
                let taken = queue.take();
                while !queue.state {
                    queue = queue.wait(long);
                }
                taken
            });
            shared.lock().put(7, 1);
            shared.lock().set(|ended| *ended = true);
            assert_eq!(waiting.join().unwrap(), Some(7));
        });
    }

    #[test]
    fn a_lock_that_is_held_for_ever_is_given_up() {
        let shared: Queue<u8, ()> = Queue::new(1);
        let held = shared.lock();
        assert!(shared.lock_within(Duration::from_millis(20)).is_none());
        drop(held);
        assert!(shared.lock_within(Duration::ZERO).is_some());
    }
}
