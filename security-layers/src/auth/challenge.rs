//! The `WWW-Authenticate` values of a protected space (RFC 9110 11.6.1, RFC 6750 section 3).

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

/// The name of what is protected, as clients may show it to people.
///
/// Printable ASCII without quotes and backslashes, 1 to 128 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(Arc<str>);

/// A text that cannot be a [`Realm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRealm(());

impl fmt::Display for InvalidRealm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a realm has 1 to 128 printable ASCII characters, without quotes and backslashes",
        )
    }
}

impl Error for InvalidRealm {}

impl Realm {
    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Realm {
    type Err = InvalidRealm;

    fn from_str(text: &str) -> Result<Self, InvalidRealm> {
        if (1..=128).contains(&text.len()) && text.chars().all(is_plain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidRealm(()))
        }
    }
}

/// What RFC 6750 section 3 lets stand between the quotes of an attribute.
fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && !matches!(char, '"' | '\\')
}

/// A scheme by which a protected space can be entered: the first word of its challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemeName {
    /// `Bearer` (RFC 6750).
    Bearer,
    /// `ApiKey`, which no registry knows; it tells a person which header is missing.
    ApiKey,
}

impl SchemeName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::ApiKey => "ApiKey",
        }
    }
}

/// What all answers of a protected space have in common. A clone shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Space(Arc<Protected>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Protected {
    realm: Realm,
    schemes: Vec<SchemeName>,
}

/// What a challenge says beyond the realm.
#[derive(Clone, Copy, Debug)]
pub(super) enum Complaint<'a> {
    /// Nothing: there were no credentials, and so no error (RFC 6750 3.1).
    None,
    InvalidRequest,
    InvalidToken,
    InsufficientScope(Option<&'a str>),
    StepUp {
        acr: Option<&'a str>,
        max_age: Option<Duration>,
    },
}

impl Space {
    pub(super) fn new(realm: Realm, schemes: impl Into<Vec<SchemeName>>) -> Self {
        let schemes = schemes.into();
        Self(Arc::new(Protected { realm, schemes }))
    }

    /// Of a stack that protects nothing, and so challenges nobody.
    pub(super) fn nowhere() -> Self {
        Self::new(Realm("".into()), [])
    }

    pub(super) fn realm(mut self, realm: Realm) -> Self {
        Arc::make_mut(&mut self.0).realm = realm;
        self
    }

    /// One value for each scheme. Only `Bearer` has attributes for errors.
    pub(super) fn challenges(&self, complaint: Complaint<'_>) -> impl Iterator<Item = HeaderValue> {
        self.0.schemes.iter().filter_map(move |scheme| {
            let realm = self.0.realm.as_str();
            let mut text = format!("{} realm=\"{realm}\"", scheme.as_str());
            if *scheme == SchemeName::Bearer {
                complaint.write(&mut text);
            }
            // All that is written is printable.
            HeaderValue::try_from(text).ok()
        })
    }
}

impl Complaint<'_> {
    fn write(self, text: &mut String) {
        let mut attribute = |name: &str, value: &str| {
            for part in [", ", name, "=\"", value, "\""] {
                text.push_str(part);
            }
        };
        match self {
            Self::None => {}
            Self::InvalidRequest => attribute("error", "invalid_request"),
            Self::InvalidToken => {
                attribute("error", "invalid_token");
                // The same for every fault: which check failed helps only who tries to get around it.
                attribute("error_description", "the access token is not valid");
            }
            Self::InsufficientScope(scope) => {
                attribute("error", "insufficient_scope");
                if let Some(scope) = scope {
                    attribute("scope", scope);
                }
            }
            Self::StepUp { acr, max_age } => {
                attribute("error", "insufficient_user_authentication");
                attribute(
                    "error_description",
                    "a stronger or more recent sign-in is needed",
                );
                if let Some(acr) = acr {
                    attribute("acr_values", acr);
                }
                if let Some(max_age) = max_age {
                    attribute("max_age", &max_age.as_secs().to_string());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_have_the_form_that_clients_parse() {
        let realm: Realm = "orders".parse().unwrap();
        let both = Space::new(realm, [SchemeName::Bearer, SchemeName::ApiKey]);
        let said = |complaint| both.challenges(complaint).collect::<Vec<_>>();
        let hour = Duration::from_secs(3600);
        for (complaint, attributes) in [
            (Complaint::None, ""),
            (Complaint::InvalidRequest, r#", error="invalid_request""#),
            (
                Complaint::InvalidToken,
                r#", error="invalid_token", error_description="the access token is not valid""#,
            ),
            (
                Complaint::InsufficientScope(Some("orders:write")),
                r#", error="insufficient_scope", scope="orders:write""#,
            ),
            (
                Complaint::StepUp {
                    acr: Some("aal2"),
                    max_age: Some(hour),
                },
                r#", error="insufficient_user_authentication", error_description="a stronger or more recent sign-in is needed", acr_values="aal2", max_age="3600""#,
            ),
        ] {
            let bearer = format!(r#"Bearer realm="orders"{attributes}"#);
            assert_eq!(
                said(complaint),
                [bearer.as_str(), r#"ApiKey realm="orders""#]
            );
        }
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        for (text, valid) in [
            ("orders", true),
            ("Orders of ACME, Inc.", true),
            ("", false),
            ("a\"b", false),
            ("a\\b", false),
            ("a\nb", false),
            ("é", false),
            (&"x".repeat(129), false),
        ] {
            assert_eq!(text.parse::<Realm>().is_ok(), valid, "{text:?}");
        }
    }
}
