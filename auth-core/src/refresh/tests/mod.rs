mod decide;
mod memory;
mod policy;
mod token;

use std::sync::Arc;
use std::time::Duration;

use portcullis_secrets::SecretBytes;

use super::{Family, Nonce, RefreshKeys, RefreshPolicy, RefreshToken, Rotate, State};
use crate::id::SessionId;
use crate::time::Timestamp;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn start() -> Timestamp {
    Timestamp::from_secs(1_790_000_000).unwrap()
}

fn keys() -> RefreshKeys {
    let key = "c2f3a9d14b7e60588d21f0e6b39c7a45c2f3a9d14b7e60588d21f0e6b39c7a47";
    RefreshKeys::new(1, &SecretBytes::from_hex(key).unwrap()).unwrap()
}

fn family() -> Arc<Family> {
    Arc::new(Family {
        id: SessionId::from_bytes([0xab; 16]),
        tenant: "acme".parse().unwrap(),
        subject: "u-1".parse().unwrap(),
        client: "web".parse().unwrap(),
        key_id: 1,
        nonce: Nonce::from_bytes([7; 32]),
        created_at: start(),
        expires_at: start().plus(30 * DAY),
        scopes: "a b".parse().unwrap(),
        amr: "pwd".parse().unwrap(),
        acr: None,
        auth_time: start(),
        dpop_jkt: None,
        user_agent: None,
        ip: None,
    })
}

fn state(family: &Family, generation: u32, rotated_at: Timestamp) -> State {
    State {
        generation,
        rotated_at: Some(rotated_at),
        idle_expires_at: rotated_at.plus(14 * DAY).min(family.expires_at),
        ..State::new(family, 3, &RefreshPolicy::default())
    }
}

fn request(family: &Arc<Family>, generation: u32, policy: RefreshPolicy) -> Rotate {
    let text = keys().token(family, generation).unwrap();
    let token = RefreshToken::parse(text.expose_secret()).unwrap();
    let token = keys().verify(&token, family.clone()).unwrap().unwrap();
    Rotate::new(token, family.tenant.clone(), family.client.clone(), policy)
}
