//! Tower layers that watch and answer for the service's health.

#[cfg(feature = "access-log")]
pub mod access_log;
#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "health")]
pub mod health;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "observe")]
pub mod observe;
#[cfg(feature = "panic")]
pub mod panic;
#[cfg(feature = "request-id")]
pub mod request_id;
#[cfg(feature = "shutdown")]
pub mod shutdown;

#[cfg(any(feature = "health", feature = "panic"))]
mod unwind;
