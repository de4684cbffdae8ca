//! [`Answer`]: a value that a task or another thread gives, and a future awaits.

use alloc::sync::Arc;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::lock::Lock;

enum State<T> {
    Nothing,
    Awaited(Waker),
    Given(T),
}

/// A future of a value. Of one that nobody gives it never ends.
pub(crate) struct Answer<T>(Arc<Lock<State<T>>>);

/// Who gives the value.
pub(crate) struct Giver<T>(Arc<Lock<State<T>>>);

pub(crate) fn channel<T>() -> (Giver<T>, Answer<T>) {
    let state = Arc::new(Lock::new(State::Nothing));
    (Giver(state.clone()), Answer(state))
}

impl<T> Giver<T> {
    pub(crate) fn give(self, value: T) {
        let before = self
            .0
            .with(|state| mem::replace(state, State::Given(value)));
        if let State::Awaited(waker) = before {
            waker.wake();
        }
    }
}

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0
            .with(|state| match mem::replace(state, State::Nothing) {
                State::Given(value) => Poll::Ready(value),
                State::Nothing | State::Awaited(_) => {
                    *state = State::Awaited(context.waker().clone());
                    Poll::Pending
                }
            })
    }
}
