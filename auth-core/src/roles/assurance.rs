/// How sure it is who signed in: the authenticator assurance levels of NIST SP 800-63B-4.
///
/// Reckoned from the claim `amr` (RFC 8176), so it says of what kinds the factors were and nothing of how well they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aal {
    /// One factor.
    One,
    /// Two factors of different kinds, or `mfa`, which says the same.
    Two,
    /// Two factors of different kinds, one of them hardware (`hwk`, `sc`).
    Three,
}

#[derive(PartialEq)]
enum Factor {
    Knowledge,
    Possession,
    Hardware,
    Inherence,
}

impl Aal {
    /// As the claim `acr` and the parameter `acr_values` (RFC 9470) name it: `aal1`, `aal2`, `aal3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "aal1",
            Self::Two => "aal2",
            Self::Three => "aal3",
        }
    }

    /// The level that such a name means; none for other names.
    #[must_use]
    pub fn from_acr(acr: &str) -> Option<Self> {
        [Self::One, Self::Two, Self::Three]
            .into_iter()
            .find(|level| level.as_str() == acr)
    }

    /// The level that these methods of authentication amount to. What is not a factor (`geo`, `rba`, `user`) counts nothing,
    /// and neither does the same kind twice: a password and a PIN are one.
    #[must_use]
    pub fn from_amr<M: AsRef<str>>(methods: impl IntoIterator<Item = M>) -> Option<Self> {
        let (mut knows, mut has, mut hardware, mut is, mut several) =
            (false, false, false, false, false);
        for method in methods {
            several |= method.as_ref() == "mfa";
            match factor(method.as_ref()) {
                Some(Factor::Knowledge) => knows = true,
                Some(Factor::Possession) => has = true,
                Some(Factor::Hardware) => hardware = true,
                Some(Factor::Inherence) => is = true,
                None => {}
            }
        }
        let kinds = u8::from(knows) + u8::from(has || hardware) + u8::from(is);
        match kinds {
            2.. if hardware => Some(Self::Three),
            2.. => Some(Self::Two),
            _ if several => Some(Self::Two),
            1 => Some(Self::One),
            _ => None,
        }
    }
}

/// RFC 8176 section 2.
fn factor(method: &str) -> Option<Factor> {
    match method {
        "pwd" | "pin" | "kba" => Some(Factor::Knowledge),
        "otp" | "sms" | "tel" | "swk" | "pop" => Some(Factor::Possession),
        "hwk" | "sc" => Some(Factor::Hardware),
        "face" | "fpt" | "iris" | "retina" | "vbm" => Some(Factor::Inherence),
        _ => None,
    }
}
