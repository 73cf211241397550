//! What every Portcullis layer shares, for the layers of this family and for your own.
//!
//! | module | what it holds |
//! |---|---|
//! | [`origin`] | who sent a request, over which scheme, to which authority, and whom to believe about it |
//! | [`refusal`] | saying no as an RFC 9457 problem, a gRPC status or a grpc-web trailer frame |
//! | [`body`], [`future`] | the response body and future of a layer that may answer early |
//! | [`endpoint`] | fixed paths that a layer answers itself |
//! | [`request_id`] | the identity of a request, as all layers read it |
//! | [`subject`] | on whose behalf a request is made |
//! | [`clock`] | time as a parameter |
#![cfg_attr(
    feature = "testing",
    doc = "| [`testing`] | the layer contract as assertions: a watchful inner service, body conformance, a manual clock |"
)]
#![cfg_attr(
    not(feature = "testing"),
    doc = "| `testing` | with the feature of that name: the layer contract as assertions |"
)]
//!
//! # The layer contract
//!
//! A layer of the family takes any `http::Request<ReqBody>` and any response body of
//! [`Bytes`](bytes::Bytes), with any error, and boxes nothing on the path of an accepted request.
//! Its `poll_ready` forwards, and its `call` uses the instance that was polled. A request that it
//! refuses never reaches the inner service. A future or body that is dropped leaves no trace. It
//! never overwrites a header that the handler set, unless told to. The `testing` feature checks this.
//!
//! # Features
//!
//! None is on by default. A feature adds items and never changes behaviour.
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `axum` | the peer address from axum's `ConnectInfo` | `axum` without its features but `tokio` |
//! | `tonic` | the peer address from tonic's connection info | `tonic` with `server` and `transport` |
//! | `testing` | the contract kit | nothing |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod body;
pub mod clock;
pub mod endpoint;
pub mod future;
pub mod origin;
pub mod refusal;
pub mod request_id;
pub mod subject;
#[cfg(feature = "testing")]
pub mod testing;
