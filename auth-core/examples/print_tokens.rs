//! Issues an access token with each algorithm and prints what others need to verify it, a JSON object a line: for judges
//! from outside.

use std::error::Error;
use std::time::Duration;

use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer,
};
use portcullis_auth_core::time::{Clock as _, SystemClock};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::RingPolicy;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    const ISSUER: &str = "https://id.example";
    const AUDIENCE: &str = "https://api.example";
    let now = SystemClock.now();
    let longest = Duration::from_secs(24 * 60 * 60);
    for algorithm in Algorithm::ALL.iter().copied() {
        let policy = RingPolicy::settings(longest, Duration::from_secs(30)).build()?;
        let ring = SigningRing::new("access_token", policy, Algorithms::new([algorithm])?);
        let secret = SecretBytes::generate(64)?;
        let key = if algorithm.is_symmetric() {
            SigningKey::from_secret(algorithm, "shared", secret.expose_secret())?
        } else {
            SigningKey::generate(algorithm)?
        };
        ring.publish(key, now)?;
        let mut jwks: Value = serde_json::from_str(ring.jwks(now).json())?;
        if algorithm.is_symmetric() {
            // A published secret is none; this one is gone when the program ends.
            let k = secret.to_base64url();
            jwks = json!({"keys": [{"kty": "oct", "kid": "shared", "alg": algorithm.as_str(), "k": k.expose_secret()}]});
        }
        let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, ring).build()?;
        let (subject, tenant, client) = ("u-1".parse()?, "acme".parse()?, "app".parse()?);
        let token = NewToken::access(&subject, &tenant, &client, SessionId::generate())
            .scopes(["orders:read"])
            .amr(["pwd"])
            .auth_time(now);
        let token = issuer.issue(&token, now)?;
        let line = json!({
            "alg": algorithm.as_str(), "issuer": ISSUER, "audience": AUDIENCE, "jwks": jwks,
            "token": token.token.expose_secret(),
        });
        println!("{line}");
    }
    Ok(())
}
