//! Who and what decisions are about. Parsed once; what is here can be logged, stored and compared as it is.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The most bytes of an identifier (RFC 9068 has no limit; OpenID Connect Core 2 has this one for `sub`).
const MAX_BYTES: usize = 255;

/// A text that cannot be an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId(&'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidId {}

/// Whether a character lets a text look like another line, or like another text: control characters, and of those that are
/// none the separators of lines, at which some viewers break, and what changes the direction of writing.
pub(crate) fn forges_lines(char: char) -> bool {
    let directs =
        matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || directs
}

fn text(text: &str) -> Result<Arc<str>, InvalidId> {
    match text {
        "" => Err(InvalidId("an identifier must not be empty")),
        _ if text.len() > MAX_BYTES => Err(InvalidId("an identifier has 255 bytes at most")),
        _ if text.chars().any(forges_lines) => {
            Err(InvalidId("an identifier has no control characters"))
        }
        _ => Ok(text.into()),
    }
}

macro_rules! text_id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        ///
        /// 1 to 255 bytes, as OpenID Connect Core 2 has it for `sub`, without control characters, nor such as break lines or
        /// change the direction of writing; any other text is an [`InvalidId`]. Compared byte by byte. A clone shares the text.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// As it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(id: &str) -> Result<Self, InvalidId> {
                text(id).map(Self)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A tenant: whose data it is. Subjects, sessions, keys and throttles all belong to exactly one.
    TenantId
}

text_id! {
    /// A user or a service, unique within its tenant (own accounts) or its issuer (others' tokens).
    SubjectId
}

text_id! {
    /// The program that acts for a subject (`client_id`, RFC 6749 2.2).
    ClientId
}

/// An id that is made here.
macro_rules! uuid_id {
    ($(#[$docs:meta])* $name:ident, $invalid:literal) => {
        $(#[$docs])*
        ///
        /// It is no secret and opens nothing: lists and logs show it. A UUID of version 7 (RFC 9562 5.7), so that rows of
        /// stores lie in the order in which they were made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new one.
            #[must_use]
            pub fn generate() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            /// The one with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(uuid::Uuid::from_bytes(bytes))
            }

            /// Its bytes, as stores keep them.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::id::InvalidId;

            /// Reads the form that `Display` writes, and no other: one thing must not have two names.
            fn from_str(id: &str) -> Result<Self, Self::Err> {
                $crate::id::uuid(id, $invalid).map(Self)
            }
        }
    };
}
#[cfg(feature = "totp")]
pub(crate) use uuid_id;

pub(crate) fn uuid(id: &str, invalid: &'static str) -> Result<Uuid, InvalidId> {
    let mut text = [0; Hyphenated::LENGTH];
    match Uuid::try_parse(id) {
        Ok(uuid) if uuid.hyphenated().encode_lower(&mut text) == id => Ok(uuid),
        _ => Err(InvalidId(invalid)),
    }
}

uuid_id! {
    /// A login and all tokens that come of it: the claim `sid`, and the id of a refresh token's family.
    SessionId, "a session id is a hyphenated lower-case uuid"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_a_short_text_that_can_be_printed() {
        for (id, valid) in [
            ("a", true),
            ("auth0|5f7c8ec7c33c6c004bbafe82", true),
            ("Zoë", true),
            (&"x".repeat(255), true),
            (&"x".repeat(256), false),
            ("", false),
            ("a\nb", false),
            ("a\u{85}b", false),
            ("a\u{2028}b", false),
            ("a\u{202e}b", false),
        ] {
            assert_eq!(id.parse::<SubjectId>().is_ok(), valid, "{id:?}");
        }
    }

    #[test]
    fn a_session_has_one_name() {
        let session = SessionId::generate();
        let name = session.to_string();
        assert_eq!(name.parse(), Ok(session));
        assert_eq!(SessionId::from_bytes(*session.as_bytes()), session);
        for other in [
            name.to_uppercase(),
            name.replace('-', ""),
            format!("{{{name}}}"),
        ] {
            assert!(other.parse::<SessionId>().is_err(), "{other}");
        }
        assert_ne!(SessionId::generate(), session);
    }
}
