//! How many requests of a key may be under way at once.

mod body;
mod error;
mod future;
mod layer;
mod permits;
mod service;
#[cfg(test)]
mod tests;

pub use self::body::PermitBody;
pub use self::error::TooManyInFlight;
pub use self::future::PermitFuture;
pub use self::layer::ConcurrencyLimitLayer;
pub use self::permits::ConcurrencyStats;
pub use self::service::ConcurrencyLimit;
