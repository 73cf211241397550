use std::time::Duration;

#[cfg(feature = "jwt")]
use crate::jwt::{Issuer, TokenIssuer, TokenKind, Verifier};
use crate::time::Timestamp;

/// The leeway that verifiers grant if nobody says otherwise.
const LEEWAY: Duration = Duration::from_secs(30);

/// For how long somebody accepts an access token, counted from when it is issued: for as long a revocation is remembered.
///
/// Said too short, revoked tokens come back. So it is best taken from whoever issues or verifies the tokens that are revoked:
#[cfg_attr(feature = "jwt", doc = "```")]
#[cfg_attr(not(feature = "jwt"), doc = "```ignore")]
/// use std::time::Duration;
///
/// use portcullis_auth_core::jwt::{Algorithms, SigningRing, TokenIssuer, TokenKind};
/// use portcullis_auth_core::revocation::{Revocations, TokenLife};
/// # use portcullis_secrets::rotate::RingPolicy;
///
/// # let hour = Duration::from_secs(60 * 60);
/// # let policy = RingPolicy::settings(24 * hour, Duration::from_secs(30)).build()?;
/// # let ring = SigningRing::new("access_token", policy, Algorithms::own());
/// let issuer = TokenIssuer::settings("https://id.example", "https://api.example", ring)
///     .lifetime(TokenKind::Access, hour)
///     .build()?;
/// let revocations = Revocations::builder(&issuer).local();
/// assert_eq!(TokenLife::from(&issuer), TokenLife::new(hour));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TokenLife {
    lifetime: Duration,
    pub(super) leeway: Duration,
}

impl TokenLife {
    /// That of tokens which expire `lifetime` after they were issued, at verifiers that accept them for 30 seconds more.
    pub const fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            leeway: LEEWAY,
        }
    }

    /// Sets for how long after their end the most generous verifier accepts tokens.
    pub const fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// When the last token that was issued before `now` is accepted by nobody any more. The leeway counts twice: verifiers
    /// grant it, and the clocks of those who issue may be ahead by as much.
    pub(super) fn last_end(self, now: Timestamp) -> Timestamp {
        now.plus(self.lifetime).plus(self.leeway).plus(self.leeway)
    }
}

/// That of the access tokens that it issues now. Tokens of before their lifetime was shortened are accepted until their own
/// end: until that is over, say it by [`TokenLife::new`], or take it from the [`Verifier`].
#[cfg(feature = "jwt")]
impl From<&TokenIssuer> for TokenLife {
    fn from(issuer: &TokenIssuer) -> Self {
        let leeway = issuer.issuer(TokenKind::Access);
        let leeway = leeway.map_or(LEEWAY, |verified| verified.leeway());
        Self::new(issuer.lifetime(TokenKind::Access)).leeway(leeway)
    }
}

/// The longest that it accepts of any issuer, whatever tokens say: [`max_lifetime`](crate::jwt::IssuerSettings::max_lifetime),
/// which is 24 hours by default. For the tokens of others, who may change how long theirs are valid.
#[cfg(feature = "jwt")]
impl From<&Verifier> for TokenLife {
    fn from(verifier: &Verifier) -> Self {
        let longest = |of: fn(&Issuer) -> Duration| {
            let issuers = verifier.issuers().iter();
            issuers.map(of).max().unwrap_or_default()
        };
        Self::new(longest(Issuer::max_lifetime)).leeway(longest(Issuer::leeway))
    }
}
