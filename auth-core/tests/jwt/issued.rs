//! Tokens of our own, from the ring of keys to the verifier.

use std::time::Duration;

use portcullis_auth_core::id::{ClientId, SessionId, SubjectId, TenantId};
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, IssueErrorKind, JwtErrorKind, KeySource, Lookup, NewToken, SigningKey,
    SigningRing, SigningRingError, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::time::Timestamp;
use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::{KeyState, RingPolicy};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, ISSUER, now};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ring(algorithms: Algorithms) -> SigningRing {
    let policy = RingPolicy::settings(DAY, Duration::from_secs(30))
        .build()
        .unwrap();
    SigningRing::new("access_token", policy, algorithms)
}

fn filled(algorithm: Algorithm) -> SigningRing {
    let ring = ring(Algorithms::own());
    ring.publish(SigningKey::generate(algorithm).unwrap(), now())
        .unwrap();
    ring
}

fn refresh_ring() -> SigningRing {
    let policy = RingPolicy::settings(30 * DAY, Duration::from_secs(30))
        .build()
        .unwrap();
    let ring = SigningRing::new("refresh_token", policy, Algorithms::own());
    ring.publish(SigningKey::generate(Algorithm::EdDsa).unwrap(), now())
        .unwrap();
    ring
}

struct Who {
    subject: SubjectId,
    tenant: TenantId,
    client: ClientId,
    session: SessionId,
}

fn who() -> Who {
    Who {
        subject: "u-1".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        client: "app".parse().unwrap(),
        session: SessionId::generate(),
    }
}

impl Who {
    fn access(&self) -> NewToken {
        NewToken::access(&self.subject, &self.tenant, &self.client, self.session)
    }

    fn of_each_kind(&self) -> [(TokenKind, NewToken); 5] {
        let Self {
            subject,
            tenant,
            client,
            session,
        } = self;
        [
            (TokenKind::Access, self.access()),
            (
                TokenKind::Refresh,
                NewToken::refresh(subject, tenant, client, *session, 3),
            ),
            (TokenKind::Mfa, NewToken::mfa(subject, tenant, client)),
            (TokenKind::Reset, NewToken::reset(subject, tenant)),
            (
                TokenKind::Logout,
                NewToken::logout(subject, tenant, client, *session),
            ),
        ]
    }
}

fn verifier(issuer: &TokenIssuer, kind: TokenKind) -> Verifier {
    Verifier::new(issuer.issuer(kind)).unwrap()
}

#[test]
fn each_kind_of_token_passes_for_itself_and_for_no_other() {
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, filled(Algorithm::EdDsa))
        .refresh_ring(refresh_ring())
        .build()
        .unwrap();
    for (kind, token) in who().of_each_kind() {
        let issued = issuer.issue(&token, now()).unwrap();
        assert_eq!(issued.expires, now().plus(issuer.lifetime(kind)));
        for other in TokenKind::ALL {
            let judged = verifier(&issuer, other).verify(issued.token.expose_secret(), now());
            match judged {
                Ok(verified) => {
                    assert_eq!(other, kind);
                    assert_eq!(verified.claims().token_id(), Some(&*issued.id));
                    assert_eq!(verified.claims().audiences(), [issuer.audience(kind)]);
                    assert_eq!(verified.claims().tenant(), Some("acme"));
                }
                Err(error) => {
                    assert_ne!(other, kind, "{error:?}");
                    assert_eq!(error.kind(), JwtErrorKind::Type);
                }
            }
        }
    }
}

#[test]
fn an_access_token_says_what_it_was_given() {
    let who = who();
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, filled(Algorithm::Es256))
        .build()
        .unwrap();
    let token = who
        .access()
        .scopes(["orders:read", "orders:write"])
        .roles(["editor"])
        .amr(["pwd", "otp"])
        .acr("aal2")
        .auth_time(now())
        .epoch(7)
        .claim("https://example.com/plan", json!({"name": "pro"}))
        .unwrap();
    let issued = issuer.issue(&token, now()).unwrap();
    let verified = verifier(&issuer, TokenKind::Access)
        .verify(issued.token.expose_secret(), now())
        .unwrap();
    let said: Value = serde_json::from_str(verified.claims().as_json()).unwrap();
    let seconds = now().as_secs();
    assert_eq!(
        said,
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "tenant": "acme", "client_id": "app",
            "sid": who.session.to_string(), "jti": &*issued.id, "iat": seconds, "exp": seconds + 600,
            "scope": "orders:read orders:write", "roles": ["editor"], "amr": ["pwd", "otp"],
            "acr": "aal2", "auth_time": seconds, "sep": 7,
            "https://example.com/plan": {"name": "pro"},
        }),
    );
    assert_eq!(verified.claims().session(), Some(who.session));
    assert_eq!(format!("{issued:?}").matches("REDACTED").count(), 1);
    assert!(!format!("{issued:?}").contains("eyJ"));
    for name in ["iss", "exp", "sub", "gen", "typ"] {
        let refused = who.access().claim(name, 7).unwrap_err();
        assert_eq!(refused.to_string(), "the claim has a meaning of its own");
    }
}

#[cfg(feature = "roles")]
#[test]
fn a_principal_is_whom_a_token_speaks_of_and_without_rights() {
    use portcullis_auth_core::principal::Principal;

    let who = who();
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, filled(Algorithm::EdDsa))
        .build()
        .unwrap();
    let verifier = verifier(&issuer, TokenKind::Access);
    let principal = |token: NewToken| {
        let token = issuer.issue(&token, now()).unwrap().token;
        Principal::from_token(&verifier.verify(token.expose_secret(), now()).unwrap())
    };
    let token = who.access().scopes(["orders:read"]).roles(["editor"]);
    let token = token.amr(["pwd", "otp"]).acr("aal2").auth_time(now());
    let full = principal(token).unwrap();
    assert_eq!(
        (full.issuer_ref(), full.subject_ref()),
        (ISSUER, &who.subject)
    );
    assert_eq!(full.tenant_ref(), Some(&who.tenant));
    assert_eq!(full.session_ref(), Some(who.session));
    assert_eq!(full.client_ref(), Some(&who.client));
    assert!(full.token_id_ref().is_some_and(|id| !id.is_empty()));
    assert_eq!(full.scopes_ref().unwrap().as_str(), "orders:read");
    assert!(full.roles_ref().eq(["editor"]) && full.amr_ref().eq(["pwd", "otp"]));
    assert_eq!(full.acr_ref(), Some("aal2"));
    assert_eq!(full.auth_time_ref(), Some(now()));
    assert!(full.access_ref().is_none());
    let bare = principal(who.access()).unwrap();
    assert!(bare.scopes_ref().is_none() && bare.acr_ref().is_none());
    assert!(bare.roles_ref().chain(bare.amr_ref()).next().is_none());
    // Scopes that nobody could ask for are not taken for none.
    assert!(principal(who.access().scopes(["a\"b"])).is_none());
}

#[test]
fn a_token_is_issued_within_a_second_and_valid_for_whole_seconds() {
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, filled(Algorithm::EdDsa))
        .lifetime(TokenKind::Access, Duration::from_millis(10_900))
        .build()
        .unwrap();
    assert_eq!(issuer.lifetime(TokenKind::Access), Duration::from_secs(10));
    let late = now().plus(Duration::from_millis(999));
    let issued = issuer.issue(&who().access(), late).unwrap();
    assert_eq!(issued.expires, now().plus(Duration::from_secs(10)));
    let verifier = verifier(&issuer, TokenKind::Access);
    let verified = verifier.verify(issued.token.expose_secret(), late).unwrap();
    assert_eq!(verified.expires(), issued.expires);
    assert_eq!(verified.claims().issued_at(), Some(now()));
}

#[test]
fn a_shared_secret_signs_where_it_is_allowed_alone() {
    let ring = ring(Algorithms::new([Algorithm::Hs256]).unwrap());
    let secret = SecretBytes::generate(32).unwrap();
    let key =
        || SigningKey::from_secret(Algorithm::Hs256, "2026-1", secret.expose_secret()).unwrap();
    ring.publish(key(), now()).unwrap();
    assert_eq!(ring.jwks(now()).json(), r#"{"keys":[]}"#);
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, ring)
        .build()
        .unwrap();
    let token = issuer.issue(&who().access(), now()).unwrap();
    let verifier = verifier(&issuer, TokenKind::Access);
    assert!(verifier.verify(token.token.expose_secret(), now()).is_ok());
    assert_eq!(
        filled(Algorithm::EdDsa).publish(key(), now()),
        Err(SigningRingError::Algorithm(Algorithm::Hs256)),
    );
}

// AUTH case 29
#[test]
fn a_token_signed_just_before_its_key_is_superseded_is_good_until_its_end() {
    let ring = filled(Algorithm::Es256);
    let first = ring.signing(now()).unwrap().id().to_owned();
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, ring.clone())
        .lifetime(TokenKind::Access, DAY)
        .build()
        .unwrap();
    // The second key is published a day ahead; before it signs it verifies and is published.
    let lead = now().plus(29 * DAY);
    ring.publish(SigningKey::generate(Algorithm::EdDsa).unwrap(), lead)
        .unwrap();
    assert_eq!(ring.verifying(lead).len(), 2);
    assert_eq!(ring.signing(lead).unwrap().id(), first);
    let superseded = now().plus(30 * DAY);
    let last = superseded.minus(Duration::from_millis(1));
    let token = issuer.issue(&who().access(), last).unwrap();
    assert_eq!(ring.state(&first, superseded), Some(KeyState::Retiring));
    assert_ne!(ring.signing(superseded).unwrap().id(), first);
    let verifier = verifier(&issuer, TokenKind::Access);
    let judged = |at: Timestamp| verifier.verify(token.token.expose_secret(), at);
    let end = token.expires.plus(Duration::from_secs(30));
    assert!(judged(superseded).is_ok());
    assert!(judged(end.minus(Duration::from_millis(1))).is_ok());
    assert_eq!(judged(end).unwrap_err().kind(), JwtErrorKind::Expired);
    // Long after, the key is gone.
    let later = superseded.plus(2 * DAY);
    ring.advance(later);
    assert_eq!(ring.state(&first, later), None);
    assert_eq!(judged(later).unwrap_err().kind(), JwtErrorKind::UnknownKey);
}

// AUTH case 29, the second half
#[test]
fn the_published_document_has_public_members_only() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es384, Algorithm::EdDsa] {
        let ring = ring(Algorithms::new([algorithm]).unwrap());
        ring.publish(SigningKey::generate(algorithm).unwrap(), now())
            .unwrap();
        let document = ring.jwks(now());
        let read: Value = serde_json::from_str(document.json()).unwrap();
        let key = read["keys"][0].as_object().unwrap();
        for name in key.keys() {
            let public = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];
            assert!(public.contains(&name.as_str()), "{name}");
        }
        assert_eq!(key["kid"], ring.signing(now()).unwrap().id());
        assert_eq!(key["alg"], algorithm.as_str());
        assert!(document.etag().len() == 45 && document.etag().starts_with('"'));
    }
    let ring = filled(Algorithm::EdDsa);
    let before = ring.jwks(now());
    assert_eq!(ring.clone().jwks(now()), before);
    let lead = now().plus(29 * DAY);
    ring.publish(SigningKey::generate(Algorithm::EdDsa).unwrap(), lead)
        .unwrap();
    let after = ring.jwks(lead);
    assert_ne!(after.etag(), before.etag());
    let read: Value = serde_json::from_str(after.json()).unwrap();
    assert_eq!(read["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn a_revoked_key_is_out_at_once() {
    let ring = filled(Algorithm::EdDsa);
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, ring.clone())
        .build()
        .unwrap();
    let verifier = verifier(&issuer, TokenKind::Access);
    let token = issuer.issue(&who().access(), now()).unwrap();
    let id = ring.signing(now()).unwrap().id().to_owned();
    let version = verifier.version();
    ring.revoke(&id, now()).unwrap();
    assert_ne!(verifier.version(), version);
    let judged = verifier.verify(token.token.expose_secret(), now());
    assert_eq!(judged.unwrap_err().kind(), JwtErrorKind::UnknownKey);
    assert_eq!(ring.jwks(now()).json(), r#"{"keys":[]}"#);
    let refused = issuer.issue(&who().access(), now()).unwrap_err();
    assert_eq!(refused.kind(), IssueErrorKind::NoKey);
    assert_eq!(refused.to_string(), "there is no key to sign tokens with");
    // The next one is due at once.
    assert!(ring.due(now()).is_some());
    ring.publish(SigningKey::generate(Algorithm::EdDsa).unwrap(), now())
        .unwrap();
    assert!(issuer.issue(&who().access(), now()).is_ok());
    assert!(ring.revoke("unknown", now()).is_err());
}

#[test]
fn several_instances_share_the_keys_that_were_stored() {
    let one = ring(Algorithms::own());
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let pem = key.to_pem().unwrap();
    let times = one.publish(key, now()).unwrap();
    let two = ring(Algorithms::own());
    let stored = || SigningKey::from_pem(Algorithm::Es256, pem.expose_secret()).unwrap();
    two.insert(stored(), times, now()).unwrap();
    assert!(two.insert(stored(), times, now()).is_err());
    assert_eq!(one.jwks(now()), two.jwks(now()));
    let issued = TokenIssuer::settings(ISSUER, AUDIENCE, one)
        .build()
        .unwrap();
    let token = issued.issue(&who().access(), now()).unwrap();
    let other = TokenIssuer::settings(ISSUER, AUDIENCE, two)
        .build()
        .unwrap();
    let verifier = verifier(&other, TokenKind::Access);
    assert!(verifier.verify(token.token.expose_secret(), now()).is_ok());
}

#[test]
fn a_ring_finds_keys_by_name_and_algorithm() {
    let ring = filled(Algorithm::EdDsa);
    let id = ring.signing(now()).unwrap().id().to_owned();
    let found = |id, algorithm| matches!(ring.find(id, algorithm, now()), Lookup::Found(_));
    assert!(found(Some(&id), Algorithm::EdDsa));
    assert!(found(None, Algorithm::EdDsa));
    assert!(!found(Some(&id), Algorithm::Es256));
    assert!(!found(None, Algorithm::Es256));
    assert!(!found(Some("other"), Algorithm::EdDsa));
    assert!(!format!("{ring:?}").contains("PRIVATE"));
}

#[test]
fn a_token_that_no_verifier_would_take_is_not_issued() {
    let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, filled(Algorithm::EdDsa))
        .build()
        .unwrap();
    let large = who().access().claim("x", "y".repeat(8000)).unwrap();
    assert_eq!(
        issuer.issue(&large, now()).unwrap_err().kind(),
        IssueErrorKind::TooLarge
    );
    let refresh = NewToken::refresh(
        &who().subject,
        &who().tenant,
        &who().client,
        who().session,
        0,
    );
    assert_eq!(
        issuer.issue(&refresh, now()).unwrap_err().kind(),
        IssueErrorKind::NoKey
    );
    assert!(issuer.issuer(TokenKind::Refresh).is_none());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let ring = filled(Algorithm::EdDsa);
    let settings = || TokenIssuer::settings(ISSUER, AUDIENCE, ring.clone());
    let long = Duration::from_secs(86_401);
    for (settings, expected) in [
        (
            TokenIssuer::settings("", AUDIENCE, ring.clone()),
            "an issuer and its audiences must have names",
        ),
        (
            settings().audience(TokenKind::Mfa, AUDIENCE),
            "each kind of token must have its own audience",
        ),
        (
            settings().refresh_ring(ring.clone()),
            "refresh tokens must have keys of their own",
        ),
        (
            settings().lifetime(TokenKind::Access, Duration::ZERO),
            "tokens are valid for a second at least, and all but refresh tokens for 24 hours at most",
        ),
        (
            settings().lifetime(TokenKind::Access, long),
            "tokens are valid for a second at least, and all but refresh tokens for 24 hours at most",
        ),
        (
            settings()
                .refresh_ring(refresh_ring())
                .lifetime(TokenKind::Refresh, 31 * DAY),
            "keys must verify until the last token that they signed has expired",
        ),
        (
            settings()
                .refresh_ring(refresh_ring())
                .lifetime(TokenKind::Refresh, Duration::MAX),
            "keys must verify until the last token that they signed has expired",
        ),
    ] {
        assert_eq!(settings.build().unwrap_err().to_string(), expected);
    }
}
