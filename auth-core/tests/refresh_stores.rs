//! The stores of this crate keep to what every store has to: the public suite, against real servers.
#![cfg(all(feature = "refresh", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod refresh_support;

mod memory {
    portcullis_auth_core::store_conformance!(crate::refresh_support::memory);
}

#[cfg(feature = "sqlite")]
mod sqlite {
    portcullis_auth_core::store_conformance!(crate::refresh_support::sqlite);
}

#[cfg(feature = "postgres")]
mod postgres {
    portcullis_auth_core::store_conformance!(crate::refresh_support::postgres);
}

// AUTH case 13
#[cfg(feature = "postgres")]
mod postgres_where_repeatable_read_is_the_default {
    portcullis_auth_core::store_conformance!(crate::refresh_support::postgres_repeatable_read);
}

#[cfg(feature = "redis")]
mod redis {
    portcullis_auth_core::store_conformance!(crate::refresh_support::redis);
}
