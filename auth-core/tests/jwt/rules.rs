//! What a token of ours must be like: AUTH 2.1.

use std::time::Duration;

use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, Issuer, JwtErrorKind, KeySource, Lookup, Profile, TokenKind, Verifier,
};
use portcullis_auth_core::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, ISSUER, Key, base64url, claims, now, own, refusal, verifier, with};

struct Table {
    key: Key,
    verifier: Verifier,
}

impl Table {
    fn new() -> Self {
        let key = Key::generate(Algorithm::EdDsa);
        let verifier = verifier(own(key.set()));
        Self { key, verifier }
    }

    fn claims(&self, changes: &Value) -> Option<JwtErrorKind> {
        let token = self.key.sign(&self.key.header(), &with(claims(), changes));
        refusal(&self.verifier, &token)
    }

    fn header(&self, changes: &Value) -> Option<JwtErrorKind> {
        let token = self.key.sign(&with(self.key.header(), changes), &claims());
        refusal(&self.verifier, &token)
    }
}

#[test]
fn a_token_that_says_all_it_should_is_accepted_and_read() {
    let table = Table::new();
    let more = json!({"scope": "orders:read orders:write", "amr": ["pwd", "otp"], "acr": "aal2",
        "auth_time": now().as_secs() - 60, "sep": 3, "roles": ["editor"], "x": {"y": 1}});
    let token = table.key.sign(&table.key.header(), &with(claims(), &more));
    let token = table.verifier.verify(&token, now()).unwrap();
    let claims = token.claims();
    assert_eq!(&**token.issuer(), ISSUER);
    assert_eq!(claims.issuer(), ISSUER);
    assert_eq!(claims.subject(), "u-1");
    assert_eq!(claims.audiences(), [AUDIENCE]);
    assert_eq!(token.expires(), now().plus(Duration::from_secs(600)));
    assert_eq!(claims.expires(), Some(token.expires()));
    assert_eq!(claims.issued_at(), Some(now()));
    assert_eq!(claims.not_before(), None);
    assert_eq!(claims.token_id(), Some("t-1"));
    assert_eq!(
        claims.session().unwrap().to_string(),
        "0191f2d0-1111-7abc-8def-000000000001",
    );
    assert_eq!(claims.client(), Some("app"));
    assert_eq!(claims.tenant(), Some("acme"));
    assert_eq!(claims.scopes().unwrap(), ["orders:read", "orders:write"]);
    assert_eq!(claims.amr(), ["pwd", "otp"]);
    assert_eq!(claims.acr(), Some("aal2"));
    assert_eq!(
        claims.auth_time(),
        Some(now().minus(Duration::from_secs(60)))
    );
    assert_eq!(claims.epoch(), Some(3));
    assert_eq!(claims.roles(), ["editor"]);
    assert_eq!(claims.json("x"), Some(r#"{"y":1}"#));
}

// AUTH case 18
#[test]
fn issuer_and_audience_must_be_there_and_of_their_form() {
    let table = Table::new();
    for iss in [
        json!(null),
        json!(42),
        json!(["x", ISSUER]),
        json!([ISSUER]),
        json!(""),
        json!("https://id.example/"),
        json!("https://ID.example"),
        json!({"iss": ISSUER}),
    ] {
        let refused = table.claims(&json!({ "iss": iss }));
        assert_eq!(refused, Some(JwtErrorKind::Issuer), "{iss}");
    }
    for aud in [
        json!(null),
        json!(42),
        json!([]),
        json!(""),
        json!([42, AUDIENCE]),
        json!([[AUDIENCE]]),
        json!(true),
        json!({}),
        json!("https://api.example/"),
        json!(["https://other.example"]),
    ] {
        let refused = table.claims(&json!({ "aud": aud }));
        assert_eq!(refused, Some(JwtErrorKind::Audience), "{aud}");
    }
    // `null` in the payload, which `with` cannot write.
    let text = claims().to_string();
    for (name, value, expected) in [
        ("iss", ISSUER, JwtErrorKind::Issuer),
        ("aud", AUDIENCE, JwtErrorKind::Audience),
    ] {
        let text = text.replace(
            &format!(r#""{name}":"{value}""#),
            &format!(r#""{name}":null"#),
        );
        let token = table.key.sign_text(&table.key.header().to_string(), &text);
        assert_eq!(refusal(&table.verifier, &token), Some(expected));
    }
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["https://other.example", AUDIENCE]),
    ] {
        assert_eq!(table.claims(&json!({ "aud": aud })), None, "{aud}");
    }
}

// AUTH case 19
#[test]
fn times_are_checked_to_the_second() {
    let table = Table::new();
    let now = now().as_secs();
    for (changes, expected) in [
        (json!({"nbf": now + 31}), Some(JwtErrorKind::NotBefore)),
        (json!({"nbf": now + 30}), None),
        (
            json!({"nbf": 1_790_000_030.5}),
            Some(JwtErrorKind::NotBefore),
        ),
        (json!({"nbf": "now"}), Some(JwtErrorKind::NotBefore)),
        (json!({"iat": now + 31}), Some(JwtErrorKind::IssuedAt)),
        (json!({"iat": now + 30}), None),
        (json!({"iat": null}), Some(JwtErrorKind::IssuedAt)),
        (
            json!({"iat": now.to_string()}),
            Some(JwtErrorKind::IssuedAt),
        ),
        (json!({"iat": -1}), Some(JwtErrorKind::IssuedAt)),
        (json!({"exp": now - 30}), Some(JwtErrorKind::Expired)),
        (json!({"exp": now - 29}), None),
        (json!({"exp": 1e19}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": u64::MAX}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": -1}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": "123"}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": [now + 600]}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": true}), Some(JwtErrorKind::Expiry)),
        (json!({"exp": null}), Some(JwtErrorKind::Expiry)),
        (
            json!({"exp": 253_402_300_800_i64}),
            Some(JwtErrorKind::Expiry),
        ),
        (json!({"exp": 1_790_000_600.5}), None),
        (json!({"exp": now + 86_400}), None),
        (json!({"exp": now + 86_401}), Some(JwtErrorKind::Lifetime)),
    ] {
        assert_eq!(table.claims(&changes), expected, "{changes}");
    }
}

#[test]
fn subject_and_the_claims_of_ours_are_required() {
    let table = Table::new();
    for (changes, expected) in [
        (json!({"sub": null}), Some(JwtErrorKind::Subject)),
        (json!({"sub": ""}), Some(JwtErrorKind::Subject)),
        (json!({"sub": 7}), Some(JwtErrorKind::Subject)),
        (json!({"sub": "x".repeat(256)}), Some(JwtErrorKind::Subject)),
        (json!({"sub": "x".repeat(255)}), None),
        (json!({"jti": null}), Some(JwtErrorKind::MissingClaim)),
        (json!({"jti": ""}), Some(JwtErrorKind::MissingClaim)),
        (json!({"client_id": null}), Some(JwtErrorKind::MissingClaim)),
        (
            json!({"client_id": null, "azp": "app"}),
            Some(JwtErrorKind::MissingClaim),
        ),
        (json!({"tenant": null}), Some(JwtErrorKind::MissingClaim)),
        (
            json!({"tenant": ["acme"]}),
            Some(JwtErrorKind::MissingClaim),
        ),
        (json!({"sid": null}), Some(JwtErrorKind::MissingClaim)),
        (json!({"sid": "no uuid"}), Some(JwtErrorKind::MissingClaim)),
    ] {
        assert_eq!(table.claims(&changes), expected, "{changes}");
    }
}

// AUTH case 20
#[test]
fn headers_that_mean_something_else_are_refused() {
    let table = Table::new();
    for (changes, expected) in [
        (json!({"crit": ["exp"], "exp": 1}), JwtErrorKind::Extension),
        (json!({"crit": []}), JwtErrorKind::Extension),
        (
            json!({"crit": ["b64"], "b64": false}),
            JwtErrorKind::Extension,
        ),
        (json!({"b64": false}), JwtErrorKind::Extension),
        (json!({"b64": true}), JwtErrorKind::Extension),
        (json!({"zip": "DEF"}), JwtErrorKind::Extension),
        (json!({"enc": "A256GCM"}), JwtErrorKind::Extension),
        (json!({"typ": "JWT"}), JwtErrorKind::Type),
        (json!({"typ": "logout+jwt"}), JwtErrorKind::Type),
        (json!({"typ": "rt+jwt"}), JwtErrorKind::Type),
        (json!({"typ": "mfa+jwt"}), JwtErrorKind::Type),
        (json!({"typ": "reset+jwt"}), JwtErrorKind::Type),
        (json!({"typ": "at+jwt "}), JwtErrorKind::Type),
        (json!({"typ": "text/at+jwt"}), JwtErrorKind::Type),
        (json!({"typ": "application/"}), JwtErrorKind::Type),
        (json!({"typ": ""}), JwtErrorKind::Type),
        (json!({"typ": ["at+jwt"]}), JwtErrorKind::Type),
        (json!({"typ": null}), JwtErrorKind::Type),
        (json!({"alg": null}), JwtErrorKind::Algorithm),
        (json!({"alg": "none"}), JwtErrorKind::Algorithm),
        (json!({"alg": "eddsa"}), JwtErrorKind::Algorithm),
        (json!({"alg": ["EdDSA"]}), JwtErrorKind::Algorithm),
        (json!({"alg": "ES384"}), JwtErrorKind::Algorithm),
        (json!({"alg": "ES256"}), JwtErrorKind::UnknownKey),
        (json!({"kid": 7}), JwtErrorKind::KeyId),
        (json!({"kid": ""}), JwtErrorKind::KeyId),
        (json!({"kid": "a b"}), JwtErrorKind::KeyId),
        (json!({"kid": "../../etc/passwd\u{0}"}), JwtErrorKind::KeyId),
        (json!({"kid": "' OR 1=1"}), JwtErrorKind::KeyId),
        (json!({"kid": "x".repeat(129)}), JwtErrorKind::KeyId),
        (json!({"kid": "x".repeat(128)}), JwtErrorKind::UnknownKey),
    ] {
        assert_eq!(table.header(&changes), Some(expected), "{changes}");
    }
    for accepted in [
        json!({}),
        json!({"typ": "AT+JWT"}),
        json!({"typ": "Application/at+JWT"}),
        json!({"cty": "anything", "x5t": "anything"}),
        json!({"kid": null}),
    ] {
        assert_eq!(table.header(&accepted), None, "{accepted}");
    }
    // As PHP writes it.
    let header = table.key.header().to_string();
    let escaped = header.replace("at+jwt", r"application\/at+jwt");
    let token = table.key.sign_text(&escaped, &claims().to_string());
    assert_eq!(refusal(&table.verifier, &token), None);
}

#[test]
fn without_a_key_id_there_must_be_one_key_only() {
    let (one, two) = (
        Key::generate(Algorithm::Es256),
        Key::generate(Algorithm::Es256),
    );
    let set = |keys: &[&Key]| {
        let keys = keys.iter().map(|key| key.ours.verifying_key().clone());
        portcullis_auth_core::jwt::KeySet::new(keys).unwrap()
    };
    let token = one.sign(&with(one.header(), &json!({"kid": null})), &claims());
    assert_eq!(refusal(&verifier(own(set(&[&one]))), &token), None);
    assert_eq!(
        refusal(&verifier(own(set(&[&one, &two]))), &token),
        Some(JwtErrorKind::UnknownKey),
    );
}

// AUTH case 22
#[test]
fn members_that_come_twice_are_refused() {
    let table = Table::new();
    let (header, payload) = (table.key.header().to_string(), claims().to_string());
    let twice = |text: &str, member: &str| format!("{{{member},{}", &text[1..]);
    for (header, payload) in [
        (
            header.clone(),
            twice(&twice(&payload, r#""role":"user""#), r#""role":"admin""#),
        ),
        (header.clone(), twice(&payload, r#""sub":"u-2""#)),
        (header.clone(), twice(&payload, r#""\u0073ub":"u-2""#)),
        (header.clone(), twice(&payload, r#""x":{"y":1,"y":2}"#)),
        (twice(&header, r#""kid":"other""#), payload.clone()),
        (twice(&header, r#""alg":"none""#), payload.clone()),
        (
            twice(&twice(&header, r#""a":1"#), r#""a":1"#),
            payload.clone(),
        ),
    ] {
        let token = table.key.sign_text(&header, &payload);
        let refused = refusal(&table.verifier, &token);
        assert_eq!(
            refused,
            Some(JwtErrorKind::DuplicateMember),
            "{header} {payload}"
        );
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    let table = Table::new();
    let (header, payload) = (table.key.header().to_string(), claims().to_string());
    for (header, payload) in [
        (header.clone(), format!("[{payload}]")),
        (header.clone(), format!("{payload} x")),
        (header.clone(), "\"text\"".into()),
        (header.clone(), String::new()),
        (format!("\u{feff}{header}"), payload.clone()),
        (String::new(), payload.clone()),
    ] {
        let token = table.key.sign_text(&header, &payload);
        let refused = refusal(&table.verifier, &token);
        assert_eq!(refused, Some(JwtErrorKind::Malformed), "{header} {payload}");
    }
}

#[test]
fn size_and_form_are_looked_at_first() {
    let table = Table::new();
    let token = table.key.sign(&table.key.header(), &claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for (token, expected) in [
        (String::new(), JwtErrorKind::Malformed),
        ("..".into(), JwtErrorKind::Malformed),
        (signed.into(), JwtErrorKind::Malformed),
        (format!("{token}."), JwtErrorKind::Malformed),
        (format!(".{token}"), JwtErrorKind::Malformed),
        (format!("{token}.x.y"), JwtErrorKind::Malformed),
        (format!(" {token}"), JwtErrorKind::Malformed),
        (format!("{token}\n"), JwtErrorKind::Signature),
        (format!("{token}="), JwtErrorKind::Signature),
        (format!("{signed}."), JwtErrorKind::Signature),
        (format!("{signed}=.{signature}"), JwtErrorKind::Malformed),
        (token.replace('.', "\u{2024}"), JwtErrorKind::Malformed),
        ("a".repeat(8193), JwtErrorKind::TooLarge),
        (
            format!("{signed}.{}", "A".repeat(5000)),
            JwtErrorKind::Signature,
        ),
    ] {
        assert_eq!(refusal(&table.verifier, &token), Some(expected), "{token}");
    }
    let padded = |len: usize| {
        let token = table.key.sign(
            &table.key.header(),
            &with(claims(), &json!({"pad": "x".repeat(len)})),
        );
        (token.len(), refusal(&table.verifier, &token))
    };
    // 6 bits a character: the largest token of this form has 8191 or 8192 bytes.
    let accepted = (5600..5900)
        .map(padded)
        .take_while(|(_, refused)| refused.is_none())
        .last();
    assert!((8190..=8192).contains(&accepted.unwrap().0), "{accepted:?}");
}

// AUTH case 23
#[test]
fn a_key_verifies_tokens_of_its_own_issuer_only() {
    let (a, b) = (
        Key::generate(Algorithm::Es256),
        Key::generate(Algorithm::Es256),
    );
    let named = |name: &str, key: &Key| {
        Issuer::settings(name, AUDIENCE, Profile::Own(TokenKind::Access), key.set())
            .build()
            .unwrap()
    };
    let both = Verifier::new([
        named("https://a.example", &a),
        named("https://b.example", &b),
    ])
    .unwrap();
    let from =
        |iss: &str, key: &Key| key.sign(&key.header(), &with(claims(), &json!({"iss": iss})));
    assert_eq!(refusal(&both, &from("https://a.example", &a)), None);
    assert_eq!(refusal(&both, &from("https://b.example", &b)), None);
    assert_eq!(
        refusal(&both, &from("https://b.example", &a)),
        Some(JwtErrorKind::UnknownKey),
    );
    let nameless = a.sign(
        &with(a.header(), &json!({"kid": null})),
        &with(claims(), &json!({"iss": "https://b.example"})),
    );
    assert_eq!(refusal(&both, &nameless), Some(JwtErrorKind::Signature));
    assert_eq!(
        refusal(&both, &from("https://c.example", &a)),
        Some(JwtErrorKind::Issuer)
    );
}

// What a header says is remembered from the last token that was accepted; whether it fits is not.
#[test]
fn a_header_that_was_accepted_is_judged_anew_for_each_token() {
    let (a, b) = (
        Key::generate(Algorithm::Es256),
        Key::generate(Algorithm::Es256),
    );
    let named = |name: &str, kind, keys: &Key| {
        Issuer::settings(name, AUDIENCE, Profile::Own(kind), keys.set())
    };
    let ed_only = Algorithms::new([Algorithm::EdDsa]).unwrap();
    let settings = [
        named(ISSUER, TokenKind::Access, &a),
        named("https://keys.example", TokenKind::Access, &b),
        named("https://kinds.example", TokenKind::Refresh, &a),
        named("https://algorithms.example", TokenKind::Access, &a).algorithms(ed_only),
    ];
    let verifier = Verifier::new(settings.map(|settings| settings.build().unwrap())).unwrap();
    let nameless = with(a.header(), &json!({"kid": null}));
    for (header, with_other_keys) in [
        (a.header(), JwtErrorKind::UnknownKey),
        (nameless, JwtErrorKind::Signature),
    ] {
        for (iss, expected) in [
            ("https://keys.example", with_other_keys),
            ("https://kinds.example", JwtErrorKind::Type),
            ("https://algorithms.example", JwtErrorKind::Algorithm),
        ] {
            assert_eq!(refusal(&verifier, &a.sign(&header, &claims())), None);
            let token = a.sign(&header, &with(claims(), &json!({ "iss": iss })));
            assert_eq!(refusal(&verifier, &token), Some(expected), "{header} {iss}");
        }
        let forged = b.sign(&header, &claims());
        assert_eq!(refusal(&verifier, &forged), Some(JwtErrorKind::Signature));
    }
}

// AUTH case 24; that nothing is fetched is plain from there being nothing here that could fetch.
#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let (ours, theirs) = (
        Key::generate(Algorithm::Es256),
        Key::generate(Algorithm::Es256),
    );
    let jwk: Value = serde_json::from_str(&theirs.ours.verifying_key().to_jwk().unwrap()).unwrap();
    let verifier = verifier(own(ours.set()));
    for brought in [
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/jwks.json"}),
        json!({"x5u": "https://evil.example/certificate.pem"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        for kid in [json!(null), json!(ours.ours.id()), json!(theirs.ours.id())] {
            let header = with(with(theirs.header(), &brought), &json!({ "kid": kid }));
            let refused = refusal(&verifier, &theirs.sign(&header, &claims()));
            assert!(
                matches!(
                    refused,
                    Some(JwtErrorKind::Signature | JwtErrorKind::UnknownKey)
                ),
                "{header} {refused:?}",
            );
        }
        // Signed by the right key it is accepted, with a note; the strict refuse it.
        let token = ours.sign(&with(ours.header(), &brought), &claims());
        let accepted = verifier.verify(&token, now()).unwrap();
        let event = accepted
            .embedded_key_event(now(), &Default::default())
            .unwrap();
        assert_eq!(event.kind().as_str(), "jwt_key_ignored");
        assert_eq!(event.key_id_ref(), Some("t-1"));
        let strict = verifier.clone().strict_headers();
        assert_eq!(refusal(&strict, &token), Some(JwtErrorKind::EmbeddedKey));
    }
    let plain = verifier
        .verify(&ours.sign(&ours.header(), &claims()), now())
        .unwrap();
    assert!(
        plain
            .embedded_key_event(now(), &Default::default())
            .is_none()
    );
}

#[test]
fn a_refusal_is_told_to_the_operator_and_to_nobody_else() {
    let table = Table::new();
    let error = table.verifier.verify("a.b.c", now()).unwrap_err();
    assert_eq!(error.to_string(), "the token is not valid");
    let event = error.event(now(), &Default::default());
    assert_eq!(event.kind().as_str(), "jwt_rejected");
    assert_eq!(event.reason_ref(), Some("malformed"));
}

/// Learns its key when it is asked to.
#[derive(Debug)]
struct Late {
    key: portcullis_auth_core::jwt::VerifyingKey,
    asked: std::sync::atomic::AtomicUsize,
    learns: bool,
}

impl KeySource for Late {
    fn find(&self, _: Option<&str>, _: Algorithm, _: Timestamp) -> Lookup {
        use std::sync::atomic::Ordering::SeqCst;
        if self.learns && self.asked.load(SeqCst) > 0 {
            Lookup::Found(self.key.clone())
        } else {
            Lookup::Stale
        }
    }

    fn refresh<'a>(
        &'a self,
        id: Option<&'a str>,
        _: Timestamp,
    ) -> portcullis_auth_core::jwt::Refresh<'a> {
        Box::pin(async move {
            assert_eq!(id, self.key.id());
            self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        })
    }

    fn version(&self) -> u64 {
        7
    }
}

#[tokio::test]
async fn keys_that_may_be_had_are_asked_for_once() {
    let key = Key::generate(Algorithm::EdDsa);
    for learns in [true, false] {
        let source = std::sync::Arc::new(Late {
            key: key.ours.verifying_key().clone(),
            asked: 0.into(),
            learns,
        });
        let verifier = verifier(own(source.clone()));
        let token = key.sign(&key.header(), &claims());
        let asked = || source.asked.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(refusal(&verifier, &token), Some(JwtErrorKind::StaleKeys));
        assert_eq!(asked(), 0);
        let judged = verifier.verify_or_refresh(&token, now()).await;
        assert_eq!(asked(), 1);
        assert_eq!(judged.is_ok(), learns);
        assert_eq!(verifier.version(), 7);
    }
}

#[derive(Debug)]
struct Down;

impl KeySource for Down {
    fn find(&self, _: Option<&str>, _: Algorithm, _: Timestamp) -> Lookup {
        Lookup::Unavailable(Duration::from_secs(5))
    }
}

#[test]
fn keys_that_cannot_be_had_are_not_the_fault_of_the_token() {
    let key = Key::generate(Algorithm::EdDsa);
    let token = key.sign(&key.header(), &claims());
    let error = verifier(own(Down)).verify(&token, now()).unwrap_err();
    assert!(error.is_unavailable());
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert_eq!(
        error.to_string(),
        "the keys of the token's issuer are not available"
    );
    // What is wrong anyway is wrong all the same.
    let forged = format!("{}.e30.", base64url(r#"{"alg":"none"}"#));
    assert!(
        !verifier(own(Down))
            .verify(&forged, now())
            .unwrap_err()
            .is_unavailable()
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    use portcullis_auth_core::jwt::KeySet;
    let settings =
        |name, audience, profile| Issuer::settings(name, audience, profile, KeySet::default());
    let own = Profile::Own(TokenKind::Access);
    let azure = |tenants: &[&str]| {
        Profile::AzureTemplate(tenants.iter().map(ToString::to_string).collect())
    };
    for (settings, expected) in [
        (settings("", "a", own.clone()), "an issuer must have a name"),
        (
            settings("i", "", own.clone()),
            "an audience must have a name",
        ),
        (
            settings("i", "a", own.clone()).audience(""),
            "an audience must have a name",
        ),
        (
            settings("i", "a", own.clone()).leeway(Duration::from_secs(301)),
            "a leeway is 300 s at most",
        ),
        (
            settings("i", "a", own.clone()).max_lifetime(Duration::ZERO),
            "tokens must be valid for a second at least",
        ),
        (
            settings("https://sts.example/", "a", azure(&["t"])),
            "the name of an issuer for several tenants has {tenantid} once",
        ),
        (
            settings("{tenantid}{tenantid}", "a", azure(&["t"])),
            "the name of an issuer for several tenants has {tenantid} once",
        ),
        (
            settings("{tenantid}", "a", azure(&[])),
            "the tenants that are allowed must be named",
        ),
        (
            settings("{tenantid}", "a", azure(&[""])),
            "the tenants that are allowed must be named",
        ),
    ] {
        assert_eq!(settings.build().unwrap_err().to_string(), expected);
    }
    let issuer = settings("i", "a", own)
        .leeway(Duration::from_secs(300))
        .build()
        .unwrap();
    assert_eq!(
        Verifier::new([issuer.clone(), issuer])
            .unwrap_err()
            .to_string(),
        "two issuers must not have the same name",
    );
    assert_eq!(
        Verifier::new([]).unwrap_err().to_string(),
        "there must be at least one issuer",
    );
}
