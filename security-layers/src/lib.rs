//! Tower layers that refuse, redirect or harden.

#[cfg(feature = "headers")]
pub mod headers;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "https")]
pub mod https;
#[cfg(feature = "ip-filter")]
pub mod ip_filter;
#[cfg(feature = "limits")]
pub mod limits;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
#[cfg(any(feature = "https", feature = "limits"))]
pub mod refusals;
