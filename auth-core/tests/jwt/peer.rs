//! The library that most others use is content with our tokens, and we are with its.

use jsonwebtoken::{DecodingKey, Validation};
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind,
};
use portcullis_secrets::rotate::RingPolicy;
use serde_json::Value;

use crate::support::{AUDIENCE, ISSUER, Key, claims, now, refusal, verifier};
use portcullis_auth_core::jwt::Profile;

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

#[test]
fn the_peer_accepts_what_we_issue_by_what_we_publish() {
    for algorithm in ALGORITHMS {
        let policy = RingPolicy::settings(
            std::time::Duration::from_secs(86_400),
            std::time::Duration::from_secs(30),
        );
        let algorithms = Algorithms::new([algorithm]).unwrap();
        let ring = SigningRing::new("access_token", policy.build().unwrap(), algorithms);
        ring.publish(SigningKey::generate(algorithm).unwrap(), now())
            .unwrap();
        let ours = TokenIssuer::settings(ISSUER, AUDIENCE, ring.clone())
            .build()
            .unwrap();
        let token = NewToken::access(
            &"u-1".parse().unwrap(),
            &"acme".parse().unwrap(),
            &"app".parse().unwrap(),
            SessionId::generate(),
        );
        let token = ours.issue(&token, now()).unwrap();
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(ring.jwks(now()).json()).unwrap();
        let header = jsonwebtoken::decode_header(token.token.expose_secret()).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let jwk = set.find(&header.kid.unwrap()).unwrap();
        let mut validation = Validation::new(header.alg);
        // Its clock is the system's.
        validation.validate_exp = false;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        let key = DecodingKey::from_jwk(jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(token.token.expose_secret(), &key, &validation);
        assert_eq!(read.unwrap().claims["sub"], "u-1", "{algorithm}");
        assert!(ours.issuer(TokenKind::Access).is_some());
    }
}

#[test]
fn we_accept_what_the_peer_signs() {
    for algorithm in ALGORITHMS {
        let key = Key::generate(algorithm);
        let mut header = jsonwebtoken::Header::new(key.algorithm);
        header.typ = Some("at+jwt".into());
        header.kid = Some(key.ours.id().into());
        let token = jsonwebtoken::encode(&header, &claims(), &key.theirs).unwrap();
        let settings = portcullis_auth_core::jwt::Issuer::settings(
            ISSUER,
            AUDIENCE,
            Profile::Own(TokenKind::Access),
            key.set(),
        );
        let issuer = settings
            .algorithms(Algorithms::new([algorithm]).unwrap())
            .build()
            .unwrap();
        assert_eq!(refusal(&verifier(issuer), &token), None, "{algorithm}");
    }
}
