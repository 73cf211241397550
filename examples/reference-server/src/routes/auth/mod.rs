//! `/api/v1/auth`: making an account, signing in, and what keeps both safe.

pub(super) mod login;
pub(super) mod logout;
pub(super) mod mfa;
pub(super) mod password;
pub(super) mod register;
