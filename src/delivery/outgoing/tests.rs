//! The queue without senders: the tests do what those would do.

use std::thread;

use super::*;

const LONG: Duration = Duration::from_secs(9);

fn batch(records: u64) -> Batch {
    Batch { lines: vec![b'x'; QUEUE_BYTES / 4], records }
}

#[track_caller]
fn take(queue: &Outgoing) {
    assert!(matches!(queue.next(LONG), Order::Deliver(..)));
}

/// What the sender does when the server has said something, or nothing in time.
fn answer(queue: &Outgoing, delivered: bool) {
    queue.end_wait(Sender::First, delivered, Doing::Nothing);
}

/// A queue that is full while one batch is with the server.
fn full() -> Outgoing {
    let queue = Outgoing::new();
    assert!(queue.offer(batch(1)).is_ok());
    take(&queue);
    for _ in 0..4 {
        assert!(queue.offer(batch(1)).is_ok());
    }
    queue
}

/// A queue that is full while each of two batches is with the server.
fn full_with_two() -> Outgoing {
    let queue = full();
    assert!(queue.next_if_full(LONG).is_some());
    assert!(queue.offer(batch(1)).is_ok());
    queue
}

fn make_overdue(queue: &Outgoing, sender: Sender) {
    let mut queue = queue.0.lock();
    let Doing::Delivering(_, since) = queue.state.of(sender) else { panic!("it delivers nothing") };
    *since = Instant::now().checked_sub(OVERDUE).unwrap();
}

/// Whether the second sender finds something to do within 100 ms; if not, the queue is closed.
fn second_takes(queue: &Outgoing) -> bool {
    thread::scope(|scope| {
        let taking = scope.spawn(|| queue.next_if_full(LONG).is_some());
        let start = Instant::now();
        while !taking.is_finished() && start.elapsed() < Duration::from_millis(100) {
            thread::sleep(Duration::from_millis(5));
        }
        if !taking.is_finished() {
            queue.0.lock().set(|sending| sending.end = Some(Instant::now()));
        }
        taking.join().unwrap()
    })
}

#[test]
fn a_full_queue_waits_for_a_server_that_answers() {
    let queue = full();
    thread::scope(|scope| {
        let offering = scope.spawn(|| queue.offer(batch(10)).is_ok());
        answer(&queue, true);
        take(&queue);
        assert!(offering.join().unwrap());
    });
    assert_eq!(queue.0.lock().iter().count(), 4);
}

#[test]
fn a_full_queue_gives_back_what_comes_when_an_answer_is_overdue() {
    let queue = full();
    make_overdue(&queue, Sender::First);
    assert_eq!(queue.offer(batch(10)).unwrap_err().records, 10);
}

#[test]
fn a_time_out_is_no_answer_but_a_refusal_is() {
    let queue = full();
    let is_waited_for = || !queue.0.lock().state.left().is_zero();
    make_overdue(&queue, Sender::First);
    answer(&queue, false);
    assert!(!is_waited_for());
    take(&queue);
    answer(&queue, false);
    assert!(!is_waited_for(), "what fails at once is no answer to what was waited for in vain");
    take(&queue);
    answer(&queue, true);
    assert!(is_waited_for());
    take(&queue);
    answer(&queue, false);
    assert!(is_waited_for());
}

#[test]
fn of_two_requests_the_oldest_counts() {
    for overdue in [Sender::First, Sender::Second] {
        let queue = full_with_two();
        make_overdue(&queue, overdue);
        assert_eq!(queue.offer(batch(10)).unwrap_err().records, 10);
        queue.end_wait(overdue, true, Doing::Nothing);
        assert!(!queue.0.lock().state.left().is_zero());
    }
}

#[test]
fn an_answer_to_one_of_two_requests_shows_that_the_server_takes_records() {
    let queue = full_with_two();
    make_overdue(&queue, Sender::First);
    answer(&queue, false);
    assert!(queue.0.lock().state.left().is_zero());
    queue.end_wait(Sender::Second, true, Doing::Nothing);
    assert!(!queue.0.lock().state.left().is_zero());
}

#[test]
fn a_second_is_needed_once_and_only_beside_a_full_queue() {
    let queue = Outgoing::new();
    for _ in 0..4 {
        assert!(!queue.needs_second());
        assert!(queue.offer(batch(1)).is_ok());
    }
    assert!(!queue.needs_second(), "the first does not wait for an answer yet");
    take(&queue);
    assert!(!queue.needs_second());
    assert!(queue.offer(batch(1)).is_ok());
    assert!(queue.needs_second());
    assert!(!queue.needs_second());
}

#[test]
fn the_second_takes_from_a_full_queue_of_a_server_that_takes_records() {
    assert!(second_takes(&full()));
    let not_full = full();
    drop(not_full.0.lock().take());
    assert!(!second_takes(&not_full));
    let overdue = full();
    make_overdue(&overdue, Sender::First);
    assert!(!second_takes(&overdue));
    let failing = full();
    failing.0.lock().state.failing = true;
    assert!(!second_takes(&failing));
    let ended = full();
    ended.0.lock().state.end = Some(Instant::now() + LONG);
    assert!(ended.next_if_full(LONG).is_none());
}

#[test]
fn closing_gives_back_what_the_sender_does_not_have_in_order() {
    let queue = full();
    queue.0.lock().put(batch(7), 1);
    let left: Vec<_> = queue.close(Instant::now()).iter().map(|batch| batch.records).collect();
    assert_eq!(left, [1, 1, 1, 1, 7]);
    assert!(matches!(queue.next(LONG), Order::End));
}

#[test]
fn what_the_sender_has_in_hand_is_its_own_however_long_it_takes() {
    let queue = full();
    assert_eq!(queue.close(Instant::now()).len(), 4);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| queue.wait_for_senders());
        thread::sleep(Duration::from_millis(300));
        answer(&queue, false);
        assert_eq!(waiting.join().unwrap(), 0);
    });
    assert!(queue.close(Instant::now()).is_empty());
}

#[test]
fn a_sender_that_hangs_is_not_waited_for_for_ever_and_its_batch_is_counted() {
    let queue = full();
    let start = Instant::now();
    assert_eq!((queue.close(start).len(), queue.wait_for_senders()), (4, 1));
    assert!(start.elapsed() >= LAST_PUT, "{:?}", start.elapsed());
}

#[test]
fn two_that_hang_are_both_counted() {
    let queue = full_with_two();
    assert_eq!((queue.close(Instant::now()).len(), queue.wait_for_senders()), (4, 2));
}

#[test]
fn of_two_what_the_one_had_that_is_gone_comes_back_and_the_other_keeps_its_own() {
    for gone in [Sender::First, Sender::Second] {
        let queue = full_with_two();
        queue.lose(gone);
        assert_eq!(queue.close(Instant::now()).len(), 5);
        assert_eq!(queue.0.lock().state.being_delivered(), 1);
        assert!(queue.close(Instant::now()).is_empty());
        assert!(matches!(queue.next(LONG), Order::End) && queue.next_if_full(LONG).is_none());
    }
}

#[test]
fn what_a_sender_had_that_is_gone_comes_back_first() {
    let queue = full();
    queue.0.lock().put(batch(7), 1);
    queue.lose(Sender::First);
    let left: Vec<_> = queue.close(Instant::now() + LONG).iter().map(|batch| batch.records).collect();
    assert_eq!(left, [1, 1, 1, 1, 1, 7]);
    assert_eq!((queue.wait_for_senders(), queue.offer(batch(3)).unwrap_err().records), (0, 3));
}

#[test]
fn the_sender_takes_nothing_after_the_end_and_loses_nothing_either() {
    let queue = full();
    queue.0.lock().state.end = Some(Instant::now());
    assert!(matches!(queue.next(LONG), Order::End));
    assert_eq!(queue.close(Instant::now()).len(), 4);
}

#[test]
fn without_a_sender_everything_comes_back_and_nothing_waits() {
    let queue = Outgoing::new();
    queue.0.lock().state.first = Doing::Gone(None);
    assert_eq!(queue.offer(batch(3)).unwrap_err().records, 3);
    assert!(queue.close(Instant::now() + LONG).is_empty());
}

#[test]
fn an_idle_sender_looks_after_the_outbox() {
    assert!(matches!(Outgoing::new().next(LONG), Order::Drain));
}
