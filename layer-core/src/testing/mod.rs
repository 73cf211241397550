//! The contract kit: what every layer of the family promises, as assertions that any layer author can run.
//!
//! [`contract::keeps`] drives a layer around a [`Mock`] service that panics when it is called
//! without having been polled ready, that counts its calls and knows which of its futures and
//! bodies are still alive. [`contract::refuses`] shows a layer a request that it must not let
//! through, in each [`Protocol`](crate::refusal::Protocol). [`body::conforms`] checks one body.
//! All of them panic with a sentence where a promise is broken: they are for tests.
//!
//! ```
//! use portcullis_layer_core::testing::{Mock, TestBody, contract};
//! use tower_layer::Identity;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! contract::is_a_layer::<Identity, Mock>();
//! contract::keeps(&Identity::new(), || http::Request::new(TestBody::empty())).await;
//! # });
//! # Ok::<_, std::io::Error>(())
//! ```

pub mod body;
mod clock;
pub mod contract;
mod mock;
#[cfg(test)]
mod tests;

pub use self::body::TestBody;
pub use self::clock::ManualClock;
pub use self::mock::{Mock, MockError, MockFuture, Probe};
