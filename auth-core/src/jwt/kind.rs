use std::fmt;

/// What a token of ours is for. Each kind has its own `typ` and its own `aud`, so that none passes for another (RFC 8725
/// section 3.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind must be thought about everywhere"
)]
pub enum TokenKind {
    /// Opens the API (RFC 9068).
    Access,
    /// Gets new access tokens, and only that.
    Refresh,
    /// Says that the first factor was right; the second is still to come.
    Mfa,
    /// Lets a password be set anew.
    Reset,
    /// Tells others that a session has ended (OpenID Connect Back-Channel Logout).
    Logout,
}

impl TokenKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Access,
        Self::Refresh,
        Self::Mfa,
        Self::Reset,
        Self::Logout,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Mfa => "mfa",
            Self::Reset => "reset",
            Self::Logout => "logout",
        }
    }

    /// What its header has for `typ`.
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::Mfa => "mfa+jwt",
            Self::Reset => "reset+jwt",
            Self::Logout => "logout+jwt",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a header says of its token. Media types are compared without regard to case, and `application/` may be left out
/// (RFC 7515 section 4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Absent,
    Jwt,
    Own(TokenKind),
    Other,
}

impl Type {
    pub(super) fn of(typ: &str) -> Self {
        const PREFIX: &str = "application/";
        let name = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => name,
            _ => typ,
        };
        let own = TokenKind::ALL
            .into_iter()
            .find(|kind| name.eq_ignore_ascii_case(kind.typ()));
        match own {
            Some(kind) => Self::Own(kind),
            None if name.eq_ignore_ascii_case("jwt") => Self::Jwt,
            None => Self::Other,
        }
    }
}
