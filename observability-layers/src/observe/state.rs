//! The state of an exchange, and where it is kept.

use std::cell::RefCell;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Version};
use portcullis_layer_core::request_id::RequestId;

use super::policy::Progress;
use super::{Outcome, RoutePattern, Subject, TraceContext};

/// What is known of a request that is under way.
pub(super) struct State {
    pub(super) started: Instant,
    pub(super) progress: Progress,
    /// `None` until the end has been seen.
    pub(super) outcome: Option<Outcome>,
    /// The service or the body is running. Still so in `drop` means that it panicked, also where
    /// somebody has caught the panic by then.
    pub(super) running: bool,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) route: Option<RoutePattern>,
    pub(super) request_bytes: Option<u64>,
    pub(super) time_to_headers: Option<Duration>,
    pub(super) client_ip: Option<IpAddr>,
    pub(super) trace: Option<TraceContext>,
    pub(super) path: Option<PathAndQuery>,
    pub(super) request_id: Option<RequestId>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) subject: Option<Subject>,
}

impl State {
    fn new(started: Instant) -> Self {
        Self {
            started,
            progress: Progress::default(),
            outcome: None,
            running: false,
            method: Method::GET,
            version: Version::HTTP_11,
            route: None,
            request_bytes: None,
            time_to_headers: None,
            client_ip: None,
            trace: None,
            path: None,
            request_id: None,
            user_agent: None,
            subject: None,
        }
    }

    /// As after `new`, field by field: most of them are empty, and writing all of them costs more.
    fn clear(&mut self) {
        let Self {
            started: _,
            progress: _,
            outcome,
            running,
            method,
            version: _,
            route,
            request_bytes,
            time_to_headers,
            client_ip,
            trace,
            path,
            request_id,
            user_agent,
            subject,
        } = self;
        *outcome = None;
        *running = false;
        // Of any length that the client chose.
        *method = Method::GET;
        *route = None;
        *request_bytes = None;
        *time_to_headers = None;
        *client_ip = None;
        *trace = None;
        *path = None;
        *request_id = None;
        *user_agent = None;
        *subject = None;
    }
}

/// A state in a box that goes round: each thread keeps those of finished requests for the next ones,
/// so that after the first few no request allocates.
pub(super) struct Loan(Option<Box<State>>);

/// How many of them a thread keeps.
const SPARE: usize = 64;

const _: () = assert!(SPARE * size_of::<State>() <= 32 * 1_024);

thread_local! {
    #[expect(clippy::vec_box, reason = "it is the boxes that are kept")]
    static SPARES: RefCell<Vec<Box<State>>> = const { RefCell::new(Vec::new()) };
}

impl Loan {
    pub(super) fn new(started: Instant) -> Self {
        // A thread that is ending may have no place for spares any more.
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop());
        Self(Some(match spare {
            Ok(Some(mut spare)) => {
                spare.started = started;
                spare
            }
            _ => Box::new(State::new(started)),
        }))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(mut state) = self.0.take() else {
            return;
        };
        state.clear();
        // Without the place, the box is just freed.
        let _kept = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(state);
            }
        });
    }
}

impl Deref for Loan {
    type Target = State;

    fn deref(&self) -> &State {
        self.0.as_deref().expect("it is given back in `drop` only")
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut State {
        let state = self.0.as_deref_mut();
        state.expect("it is given back in `drop` only")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The method stayed in the box: up to 64 times a thread, as much text as a client may send.
    #[test]
    fn nothing_of_a_request_is_kept_after_it() {
        let mut loan = Loan::new(Instant::now());
        loan.method = Method::from_bytes(&[b'M'; 10_000]).unwrap();
        loan.user_agent = Some(HeaderValue::from_static("agent"));
        drop(loan);
        let kept = SPARES.with_borrow_mut(Vec::pop).unwrap();
        assert_eq!((&kept.method, &kept.user_agent), (&Method::GET, &None));
    }
}
