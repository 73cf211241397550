//! Refresh tokens: see the table in `fuzz/README.md`.
#![no_main]

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::audit;
use portcullis_auth_core::id::{ClientId, SessionId, TenantId};
use portcullis_auth_core::jwt::{Algorithm, Algorithms, SigningKey, SigningRing, TokenIssuer};
use portcullis_auth_core::refresh::{
    Family, Login, MemoryStore, Nonce, RefreshKeys, RefreshRequest, RefreshService, RefreshToken,
};
use portcullis_auth_core::roles::Scopes;
use portcullis_auth_core::time::{Clock, Timestamp};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::RingPolicy;
use serde_json::Value;

#[path = "shared/ready.rs"]
mod ready;

static KEYS: LazyLock<RefreshKeys> = LazyLock::new(|| {
    let key = "7b1e0c5a93d2f4684fa6c81d3e90b7527b1e0c5a93d2f4684fa6c81d3e90b753";
    let key = SecretBytes::from_hex(key).expect("it is hexadecimal");
    RefreshKeys::new(1, &key).expect("it is strong")
});

static FAMILY: LazyLock<Arc<Family>> = LazyLock::new(|| {
    Arc::new(Family {
        id: SessionId::from_bytes([0xab; 16]),
        tenant: "acme".parse().expect("an id"),
        subject: "u-1".parse().expect("an id"),
        client: "web".parse().expect("an id"),
        key_id: 1,
        nonce: Nonce::from_bytes([7; 32]),
        created_at: Timestamp::MIN,
        expires_at: Timestamp::MAX,
        scopes: Scopes::default(),
        amr: Scopes::default(),
        acr: None,
        auth_time: Timestamp::MIN,
        dpop_jkt: None,
        user_agent: None,
        ip: None,
    })
});

/// Whether the text is a token of the family. If so it is one that we would write.
fn is_authentic(text: &str) -> bool {
    let Ok(token) = RefreshToken::parse(text) else {
        return false;
    };
    assert_eq!(text.len(), 81, "{text:?}");
    let verified = KEYS.verify(&token, FAMILY.clone());
    let Some(authentic) = verified.expect("the key is there") else {
        return false;
    };
    let written = KEYS.token(&FAMILY, authentic.generation());
    assert_eq!(written.expect("the key is there").expose_secret(), text);
    true
}

/// A session with tokens that are JWTs, signed with a key that the attacker has.
struct Signed {
    service: RefreshService,
    tenant: TenantId,
    client: ClientId,
    ours: String,
    claims: Value,
}

const SIGNING: &[u8] = b"\x0f\x81\xa3\x5c\x92\xee\x47\x10\xb6\x3d\x78\xc1\x05\xfa\x29\xd4\x6b\x9e\x33\xe0\x57\x88\x1c\xcd\x44\xf7\x02\xb9\x6e\xa5\x90\x1b";

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let rings = [Algorithm::EdDsa, Algorithm::Hs256].map(|algorithm| {
        let policy = RingPolicy::settings(15 * DAY, Duration::ZERO).build();
        let algorithms = Algorithms::new([algorithm]).expect("there is one");
        let ring = SigningRing::new("token", policy.expect("it is a policy"), algorithms);
        let key = match algorithm {
            Algorithm::Hs256 => SigningKey::from_secret(algorithm, "k", SIGNING),
            _ => SigningKey::generate(algorithm),
        };
        ring.publish(key.expect("it is a key"), Noon.now())
            .expect("it is the first");
        ring
    });
    let [ring, refresh_ring] = rings;
    let issuer = TokenIssuer::settings("https://id.example", "https://api.example", ring);
    let issuer = issuer.refresh_ring(refresh_ring).build();
    let store = Arc::new(MemoryStore::new(NonZeroUsize::MIN));
    let service = RefreshService::builder(store, KEYS.clone())
        .signed(issuer.expect("it has keys"))
        .clock(Arc::new(Noon));
    let service = ready::now(service.start()).expect("there are no sessions");
    let (tenant, client): (TenantId, ClientId) = (FAMILY.tenant.clone(), FAMILY.client.clone());
    let login = Login::new(tenant.clone(), FAMILY.subject.clone(), client.clone());
    let login = ready::now(service.login(&login, 0, &audit::Context::default()));
    let login = login.expect("nothing has happened to them");
    let ours = login.refresh_token().expose_secret().to_owned();
    let payload = ours.split('.').nth(1).expect("it is a JWT");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("we wrote it");
    let claims = serde_json::from_slice(&payload).expect("we wrote it");
    let signed = Signed {
        service,
        tenant,
        client,
        ours,
        claims,
    };
    assert!(signed.is_good(&signed.ours));
    assert!(signed.is_good(&signed.sign(signed.claims.to_string().as_bytes())));
    signed
});

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_790_000_000).expect("it is in range")
    }
}

impl Signed {
    fn sign(&self, payload: &[u8]) -> String {
        let (header, _) = self.ours.split_once('.').expect("it is a JWT");
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING);
        let signature = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn is_good(&self, text: &str) -> bool {
        let request = RefreshRequest::new(text, &self.tenant, &self.client);
        let context = audit::Context::default();
        ready::now(self.service.refresh(&request, &context)).is_ok()
    }

    /// Nothing that is made up or changed refreshes, nor ends the session, whoever has signed it.
    fn check(&self, data: &[u8]) {
        assert!(!self.is_good(&String::from_utf8_lossy(data)));
        assert!(!self.is_good(&self.sign(data)));

        if let Some((at, bytes)) = data.split_first_chunk::<2>() {
            let mut changed = self.ours.clone().into_bytes();
            let at = usize::from(u16::from_be_bytes(*at)) % changed.len();
            changed.splice(at..at + 1, bytes.iter().copied());
            let changed = String::from_utf8_lossy(&changed);
            assert!(changed == self.ours || !self.is_good(&changed), "{changed}");
        }

        // Another generation, another id.
        let (generation, id) = data.split_first_chunk().unwrap_or((&[0; 4], data));
        let generation = u32::from_be_bytes(*generation);
        for (name, value) in [
            ("gen", generation.into()),
            ("jti", String::from_utf8_lossy(id).into()),
            ("jti", URL_SAFE_NO_PAD.encode(id).into()),
        ] {
            let mut claims = self.claims.clone();
            claims[name] = value;
            let text = self.sign(claims.to_string().as_bytes());
            assert!(claims == self.claims || !self.is_good(&text), "{claims}");
        }
        let sessions = self.service.sessions(&self.tenant, &FAMILY.subject, None);
        assert_eq!(ready::now(sessions).expect("it is there").len(), 1);
    }
}

fuzz_target!(|data: &[u8]| {
    SIGNED.check(data);
    is_authentic(&String::from_utf8_lossy(data));

    // Whatever is in it, with a checksum that is right: it has the form, and is not ours.
    let mut content = [0; 58];
    for (byte, given) in content.iter_mut().zip(data) {
        *byte = *given;
    }
    content[0] = 1;
    let crc = crc32fast::hash(&content[..54]);
    content[54..].copy_from_slice(&crc.to_be_bytes());
    let text = format!("rt_{}", URL_SAFE_NO_PAD.encode(content));
    assert!(RefreshToken::parse(&text).is_ok(), "{text}");
    let ours = KEYS.token(&FAMILY, 9).expect("the key is there");
    // A seed may hold one of ours, whole.
    assert_eq!(is_authentic(&text), text == ours.expose_secret(), "{text}");

    // Ours, with anything changed and the checksum put right.
    assert!(is_authentic(ours.expose_secret()));
    let mut changed = URL_SAFE_NO_PAD
        .decode(&ours.expose_secret()[3..])
        .expect("we wrote it");
    let unchanged = changed.clone();
    for (byte, given) in changed[..54].iter_mut().zip(data) {
        *byte ^= *given;
    }
    let crc = crc32fast::hash(&changed[..54]);
    changed[54..].copy_from_slice(&crc.to_be_bytes());
    let text = format!("rt_{}", URL_SAFE_NO_PAD.encode(&changed));
    assert_eq!(is_authentic(&text), changed == unchanged, "{text}");
});
