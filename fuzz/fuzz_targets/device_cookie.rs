//! Cookies of trusted devices: see the table in `fuzz/README.md`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis_auth_core::id::{SubjectId, TenantId};
use portcullis_auth_core::throttle::{Attempt, AuthGate, Decision, DeviceKeys};
use portcullis_secrets::SecretBytes;

#[path = "shared/ready.rs"]
mod ready;

struct World {
    gate: AuthGate,
    tenant: TenantId,
    subject: SubjectId,
    genuine: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SecretBytes::generate(32).expect("there is randomness");
    let devices = DeviceKeys::new(1, &key).expect("the key is random");
    let gate = AuthGate::new(&key, devices).expect("the key is random");
    let tenant = "acme".parse().expect("it is an identifier");
    let subject = "u-1".parse().expect("it is an identifier");
    let cookie = gate.trust_device(&Attempt::password(&tenant, "ann"), &subject);
    let cookie = cookie.expect("there is randomness");
    let genuine = cookie.value().expose_secret().to_owned();
    World {
        gate,
        tenant,
        subject,
        genuine,
    }
});

fn is_trusted(name: &str, cookie: &str) -> bool {
    let world = &*WORLD;
    let attempt = Attempt::password(&world.tenant, name).device(Some(cookie));
    let Decision::Permit(permit) = ready::now(world.gate.begin(&attempt)) else {
        panic!("all charges are given back");
    };
    let trusted = permit.trusted_device();
    ready::now(permit.withdrawn());
    trusted
}

fuzz_target!(|data: &[u8]| {
    let world = &*WORLD;
    let text = String::from_utf8_lossy(data);
    assert_eq!(is_trusted("ann", &text), text == world.genuine);
    assert!(is_trusted(" Ann ", &world.genuine));
    // The genuine one with something put in place of what it has there, before it and behind it.
    let at = text.len() % world.genuine.len();
    let (head, tail) = world.genuine.split_at(at);
    let rest = tail.get(text.len()..).unwrap_or_default();
    for changed in [
        format!("{head}{text}{rest}"),
        format!("{text}{}", world.genuine),
        format!("{}{text}", world.genuine),
    ] {
        assert_eq!(is_trusted("ann", &changed), changed == world.genuine);
    }
    // And for whoever else: the folded name is what counts.
    let another = format!("{text}!");
    assert!(!is_trusted(&another, &world.genuine));
    // What is trusted stays the same device, and what is not becomes a new one.
    let attempt = Attempt::password(&world.tenant, &another).device(Some(&text));
    let cookie = world.gate.trust_device(&attempt, &world.subject);
    let cookie = cookie.expect("there is randomness");
    assert!(is_trusted(&another, cookie.value().expose_secret()));
});
