//! Servers and clients over real sockets, for the tests of whole stacks.
//!
//! Three servers take any layer: [`serve::hyper()`], [`serve::axum()`] and [`serve::tonic()`]. Each listens
//! on a free loopback port and ends when its [`Server`](serve::Server) is dropped. [`client`] speaks
//! HTTP/1.1 and HTTP/2 to them and hands back what came over the wire, trailers included; [`wire`] writes what
//! no client would. [`refusal`] asserts that an answer is the refusal that its caller can read. [`accounts`] issues tokens.

pub mod accounts;
pub mod client;
#[cfg(test)]
mod features;
pub mod program;
mod readme;
pub mod refusal;
pub mod serve;
pub mod wire;
