//! A lock for work that waits in between. One thread, so nothing more is needed; `futures_util`'s
//! needs `std` and costs 1.8 KB of brotli.

use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Whose turn it is.
#[derive(Clone, Debug, Default)]
pub struct Turn(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    waiting: VecDeque<Waker>,
}

/// A turn that is taken; dropping it hands it on.
#[derive(Debug)]
pub struct Taken(Turn);

impl Turn {
    /// Waits until nobody else has it.
    pub async fn take(&self) -> Taken {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if state.is_taken {
                state.waiting.push_back(context.waker().clone());
                return Poll::Pending;
            }
            state.is_taken = true;
            Poll::Ready(())
        })
        .await;
        Taken(self.clone())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.0.borrow_mut();
            state.is_taken = false;
            core::mem::take(&mut state.waiting)
        };
        // All of them: whoever gave up meanwhile would keep it to itself.
        waiting.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn one_after_the_other() {
        let turn = Turn::default();
        let first = turn.take().now_or_never();
        assert!(first.is_some());
        let mut second = Box::pin(turn.take());
        assert!((&mut second).now_or_never().is_none());
        // One that gives up keeps nobody waiting.
        assert!(turn.take().now_or_never().is_none());
        drop(first);
        assert!((&mut second).now_or_never().is_some());
    }
}
