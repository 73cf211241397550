//! Futures that are never waited for.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The result of a future that a store in memory never lets wait.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).as_mut().poll(&mut cx) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("a store in memory does not wait"),
    }
}
