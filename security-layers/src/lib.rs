//! Tower layers that refuse, redirect or harden.

#[cfg(any(feature = "host", feature = "https"))]
pub mod allowed_hosts;
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
#[cfg(any(feature = "host", feature = "https", feature = "rate-limit"))]
pub mod paths;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
#[cfg(any(feature = "host", feature = "https", feature = "ip-filter", feature = "limits", feature = "rate-limit"))]
pub mod refusals;
