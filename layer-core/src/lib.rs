//! What every Portcullis layer shares.

pub mod body;
pub mod clock;
pub mod endpoint;
pub mod future;
pub mod origin;
pub mod refusal;
pub mod request_id;
#[cfg(feature = "testing")]
pub mod testing;
