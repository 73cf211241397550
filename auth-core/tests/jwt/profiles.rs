//! Access tokens of others.

use std::time::Duration;

use portcullis_auth_core::jwt::{Algorithm, Issuer, JwtErrorKind, Profile, Verifier};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, ISSUER, Key, claims, issuer, now, refusal, verifier, with};

fn judge(profile: &Profile, cases: &[(Value, Value, Option<JwtErrorKind>)]) {
    let key = Key::generate(Algorithm::Rs256);
    let verifier = verifier(issuer(profile.clone(), key.set()));
    for (header, payload, expected) in cases {
        let token = key.sign(&with(key.header(), header), &with(claims(), payload));
        let refused = refusal(&verifier, &token);
        assert_eq!(refused, *expected, "{profile:?} {header} {payload}");
    }
}

/// None of these is about us.
fn foreign() -> Value {
    json!({"client_id": null, "sid": null, "tenant": null, "jti": null, "iat": null})
}

#[test]
fn rfc_9068_wants_its_type_and_its_claims() {
    judge(
        &Profile::Rfc9068,
        &[
            (json!({}), json!({"sid": null, "tenant": null}), None),
            (json!({"typ": "application/at+jwt"}), json!({}), None),
            (json!({"typ": "JWT"}), json!({}), Some(JwtErrorKind::Type)),
            (json!({"typ": null}), json!({}), Some(JwtErrorKind::Type)),
            (
                json!({}),
                json!({"client_id": null}),
                Some(JwtErrorKind::MissingClaim),
            ),
            (
                json!({}),
                json!({"jti": null}),
                Some(JwtErrorKind::MissingClaim),
            ),
            (
                json!({}),
                json!({"iat": null}),
                Some(JwtErrorKind::IssuedAt),
            ),
        ],
    );
}

#[test]
fn an_id_token_is_no_access_token() {
    judge(
        &Profile::GenericOidc,
        &[
            (json!({"typ": null}), foreign(), None),
            (json!({"typ": "JWT"}), foreign(), None),
            (json!({"typ": "jwt"}), foreign(), None),
            (json!({"typ": "at+jwt"}), foreign(), None),
            (
                json!({"typ": "logout+jwt"}),
                foreign(),
                Some(JwtErrorKind::Type),
            ),
            (
                json!({"typ": "dpop+jwt"}),
                foreign(),
                Some(JwtErrorKind::Type),
            ),
            (
                json!({}),
                json!({"nonce": "n"}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({}),
                json!({"at_hash": "h"}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({}),
                json!({"c_hash": 7}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({}),
                json!({"aud": "https://other.example"}),
                Some(JwtErrorKind::Audience),
            ),
            // Valid for too long already, whenever it was issued.
            (
                json!({}),
                json!({"iat": null, "exp": now().as_secs() + 86_431}),
                Some(JwtErrorKind::Lifetime),
            ),
        ],
    );
}

// The sum of both overflowed, and that panicked.
#[test]
fn a_lifetime_without_end_has_no_end() {
    let key = Key::generate(Algorithm::Rs256);
    let settings = Issuer::settings(ISSUER, AUDIENCE, Profile::GenericOidc, key.set());
    let endless = settings.max_lifetime(Duration::MAX).build().unwrap();
    for iat in [json!(null), json!(now().as_secs())] {
        let payload = with(claims(), &json!({"iat": iat, "exp": 253_402_300_799_u64}));
        let verifier = verifier(endless.clone());
        let token = key.sign(&key.header(), &payload);
        assert_eq!(refusal(&verifier, &token), None);
    }
}

#[test]
fn cognito_names_the_client_instead_of_an_audience() {
    let access = json!({"aud": null, "client_id": AUDIENCE, "token_use": "access"});
    judge(
        &Profile::Cognito,
        &[
            (json!({"typ": null}), access.clone(), None),
            (
                json!({}),
                with(access.clone(), &json!({"token_use": "id"})),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({}),
                json!({"aud": null, "client_id": AUDIENCE}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({}),
                with(access.clone(), &json!({"client_id": "other"})),
                Some(JwtErrorKind::Audience),
            ),
            (
                json!({}),
                json!({"aud": AUDIENCE, "client_id": null, "token_use": "access"}),
                Some(JwtErrorKind::Audience),
            ),
        ],
    );
}

#[test]
fn keycloak_says_bearer_in_the_payload() {
    judge(
        &Profile::Keycloak,
        &[
            (
                json!({"typ": "JWT"}),
                json!({"typ": "Bearer", "nonce": "n"}),
                None,
            ),
            (
                json!({"typ": "JWT"}),
                json!({"typ": "ID"}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({"typ": "JWT"}),
                json!({"typ": "Refresh"}),
                Some(JwtErrorKind::NotAccessToken),
            ),
            (
                json!({"typ": "JWT"}),
                json!({}),
                Some(JwtErrorKind::NotAccessToken),
            ),
        ],
    );
}

#[test]
fn entra_puts_an_allowed_tenant_into_the_name_of_the_issuer() {
    const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
    let key = Key::generate(Algorithm::Rs256);
    let tenants = Profile::AzureTemplate(vec!["t-1".into(), "t-2".into()]);
    let azure = Issuer::settings(TEMPLATE, AUDIENCE, tenants, key.set())
        .build()
        .unwrap();
    let verifier = Verifier::new([azure]).unwrap();
    for (iss, tid, expected) in [
        ("https://login.example/t-1/v2.0", json!("t-1"), None),
        ("https://login.example/t-2/v2.0", json!("t-2"), None),
        (
            "https://login.example/t-3/v2.0",
            json!("t-3"),
            Some(JwtErrorKind::Tenant),
        ),
        (
            "https://login.example/t-1/v2.0",
            json!("t-2"),
            Some(JwtErrorKind::Issuer),
        ),
        (
            "https://login.example/t-1/v2.0",
            json!(null),
            Some(JwtErrorKind::Tenant),
        ),
        (
            "https://login.example/t-1/v2.0",
            json!(["t-1"]),
            Some(JwtErrorKind::Tenant),
        ),
        (
            "https://login.example/t-1/x/v2.0",
            json!("t-1"),
            Some(JwtErrorKind::Issuer),
        ),
        (
            "https://login.example/v2.0",
            json!("t-1"),
            Some(JwtErrorKind::Issuer),
        ),
        (TEMPLATE, json!("{tenantid}"), Some(JwtErrorKind::Tenant)),
        (ISSUER, json!("t-1"), Some(JwtErrorKind::Issuer)),
    ] {
        let payload = with(claims(), &json!({"iss": iss, "tid": tid}));
        let token = key.sign(&with(key.header(), &json!({"typ": "JWT"})), &payload);
        assert_eq!(refusal(&verifier, &token), expected, "{iss} {tid}");
        if expected.is_none() {
            let accepted = verifier.verify(&token, now()).unwrap();
            assert_eq!(
                (&**accepted.issuer(), accepted.claims().issuer()),
                (TEMPLATE, iss)
            );
        }
    }
}
