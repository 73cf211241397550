use std::fmt;
use std::net::IpAddr;

use crate::audit::Context;
use crate::id::{ClientId, TenantId};

/// By which proof a session is to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grant {
    /// A password, or anything else that somebody chose and others can guess.
    Password,
    /// A link or code that was sent to the owner, and is too long to guess.
    MagicLink,
    /// A passkey, or another signature with a key of the owner's.
    Passkey,
    /// The second factor after a first: guesses at it are counted where it is checked.
    SecondFactor,
    /// A recovery of the account.
    Recovery,
    /// A device code that its owner confirmed elsewhere (RFC 8628).
    DeviceCode,
    /// Another token (RFC 8693).
    TokenExchange,
    /// An API key is to be made.
    ApiKey,
}

impl Grant {
    /// As events write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::MagicLink => "magic_link",
            Self::Passkey => "passkey",
            Self::SecondFactor => "second_factor",
            Self::Recovery => "recovery",
            Self::DeviceCode => "device_code",
            Self::TokenExchange => "token_exchange",
            Self::ApiKey => "api_key",
        }
    }
}

/// Somebody wants to sign in.
///
/// `Debug` shows neither the identifier, as people type passwords there, nor the cookie.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) grant: Grant,
    pub(super) identifier: Option<&'a str>,
    pub(super) device: Option<&'a str>,
    pub(super) client: Option<&'a ClientId>,
    pub(super) context: Option<&'a Context>,
    pub(super) challenged: bool,
}

impl<'a> Attempt<'a> {
    /// With a password, for whatever was typed as a name. It need not exist.
    ///
    /// Give it as accounts are looked up by it: two texts that find the same account must not have two counters. Surrounding
    /// white space, letter case and compatibility forms (NFKC) make no difference here in any case.
    #[must_use]
    pub fn password(tenant: &'a TenantId, identifier: &'a str) -> Self {
        Self::with(tenant, Grant::Password).identifier(identifier)
    }

    /// With a proof that cannot be guessed. Only its address can hold it back: see the [module docs](super).
    ///
    /// A [`Grant::Password`] of this form is one for an identifier that nobody told, and all of these share a counter.
    #[must_use]
    pub fn with(tenant: &'a TenantId, grant: Grant) -> Self {
        Self {
            tenant,
            grant,
            identifier: None,
            device: None,
            client: None,
            context: None,
            challenged: false,
        }
    }

    /// Sets for whom. With a proof that cannot be guessed it tells whose row of failures ends by a success.
    #[must_use]
    pub fn identifier(self, identifier: &'a str) -> Self {
        let identifier = Some(identifier);
        Self { identifier, ..self }
    }

    /// Sets the value of the cookie [`DEVICE_COOKIE`](super::DEVICE_COOKIE), if the request has it. One that is not valid
    /// counts as none.
    #[must_use]
    pub fn device(self, cookie: Option<&'a str>) -> Self {
        Self {
            device: cookie,
            ..self
        }
    }

    /// Sets which program acts, for the events.
    #[must_use]
    pub fn client(self, client: &'a ClientId) -> Self {
        let client = Some(client);
        Self { client, ..self }
    }

    /// Sets from where it was asked. Without an address in it, nothing is counted by address.
    #[must_use]
    pub fn context(self, context: &'a Context) -> Self {
        let context = Some(context);
        Self { context, ..self }
    }

    /// Says that the second step was taken which [`Decision::ChallengeRequired`](super::Decision::ChallengeRequired) asked
    /// for. Pauses and limits stay.
    #[must_use]
    pub fn challenge_passed(self) -> Self {
        Self {
            challenged: true,
            ..self
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.context?.ip_ref().map(|ip| ip.to_canonical())
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("tenant", self.tenant)
            .field("grant", &self.grant)
            .field("client", &self.client)
            .field("context", &self.context)
            .field("challenged", &self.challenged)
            .finish_non_exhaustive()
    }
}
