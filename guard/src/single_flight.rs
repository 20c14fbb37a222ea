//! One piece of work for each key, however many wait for it.
//!
//! `futures_util::future::Shared` over a oneshot channel does the same and needs atomics and `std`;
//! nobody here waits for a value, and there is one thread.

use core::cell::RefCell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ports::Spawn;

#[derive(Debug, Default)]
struct State {
    has_ended: bool,
    waiting: Vec<Waker>,
}

/// The end of a piece of work, for whoever waits for it.
#[derive(Clone, Debug, Default)]
pub struct Flight(Rc<RefCell<State>>);

impl Future for Flight {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if state.has_ended {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}

impl Flight {
    fn end(&self) {
        let waiting = {
            let mut state = self.0.borrow_mut();
            state.has_ended = true;
            core::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The work that is under way. It is spawned: a waiter that gives up does not stop it.
#[derive(Debug)]
pub struct Flights<K>(Rc<RefCell<BTreeMap<K, Flight>>>);

impl<K> Clone for Flights<K> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<K: Ord + Clone + 'static> Flights<K> {
    /// The work under way for `key`, or `work` begun now.
    pub fn join<F: Future<Output = ()> + 'static>(
        &self,
        spawn: &impl Spawn,
        key: &K,
        work: impl FnOnce() -> F,
    ) -> Flight {
        if let Some(running) = self.running(key) {
            return running;
        }
        let flight = Flight::default();
        self.0.borrow_mut().insert(key.clone(), flight.clone());
        let (flights, own, key, work) = (Rc::clone(&self.0), flight.clone(), key.clone(), work());
        spawn.spawn(async move {
            work.await;
            // Whoever asks from now on begins again.
            flights.borrow_mut().remove(&key);
            own.end();
        });
        flight
    }

    /// The work that is under way for `key`.
    pub fn running(&self, key: &K) -> Option<Flight> {
        self.0.borrow().get(key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    #[derive(Default)]
    struct Tasks(RefCell<Vec<LocalBoxFuture<'static, ()>>>);

    impl Spawn for Tasks {
        fn spawn(&self, work: impl Future<Output = ()> + 'static) {
            self.0.borrow_mut().push(work.boxed_local());
        }
    }

    impl Tasks {
        fn run(&self) {
            for task in self.0.take() {
                assert_eq!(task.now_or_never(), Some(()));
            }
        }
    }

    #[test]
    fn many_wait_for_one_and_the_next_begins_again() {
        let (tasks, flights, begun) = (Tasks::default(), Flights::default(), Rc::new(Cell::new(0)));
        let join = |key: u8| {
            let begun = Rc::clone(&begun);
            flights.join(&tasks, &key, move || async move { begun.set(begun.get() + 1) })
        };
        // The first one gives up: the others wait for the same.
        drop(join(1));
        let (mut second, other) = (join(1), join(2));
        assert!(
            flights.running(&1).is_some()
                && flights.running(&2).is_some()
                && flights.running(&3).is_none()
        );
        assert_eq!((&mut second).now_or_never(), None);
        tasks.run();
        assert_eq!(
            (begun.get(), second.now_or_never(), other.now_or_never()),
            (2, Some(()), Some(()))
        );
        assert!(flights.running(&1).is_none());
        let third = join(1);
        tasks.run();
        assert_eq!((begun.get(), third.now_or_never()), (3, Some(())));
    }
}
