use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_auth_core::api_key::{
    ApiKeys, Environment, KeyFormat, MemoryStore, NewApiKey, Owners, Peppers,
};
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SubjectId, TenantId};
use portcullis_auth_core::roles::Access;
use portcullis_auth_core::store::{Answer, StoreErrorKind};
use portcullis_layer_core::origin::PeerAddr;
use portcullis_secrets::{ApiKeySecret, SecretBytes};

use super::*;

/// Everybody is an editor, as long as the accounts can be read.
#[derive(Clone, Debug, Default)]
struct Accounts(Arc<AtomicBool>);

impl Owners for Accounts {
    fn rights<'a>(&'a self, _: &'a TenantId, _: &'a SubjectId) -> Answer<'a, Option<Access>> {
        let down = self.0.load(Ordering::SeqCst);
        Box::pin(async move {
            match down {
                true => Err(StoreErrorKind::Unavailable.into()),
                false => Ok(Some(roles().access(["editor"]))),
            }
        })
    }
}

fn keys(accounts: &Accounts) -> ApiKeys {
    ApiKeys::builder(
        KeyFormat::new("acme", Environment::Live).unwrap(),
        Peppers::new(1, SecretBytes::generate(32).unwrap()).unwrap(),
        "https://accounts.example",
        MemoryStore::new(),
        accounts.clone(),
    )
    .build()
}

async fn key(keys: &ApiKeys, new: NewApiKey) -> ApiKeySecret {
    let (editor, context) = (principal("editor"), Context::default());
    keys.create(new, &editor, &context).await.unwrap().secret
}

fn reading() -> NewApiKey {
    NewApiKey::new("a reader", "orders:read".parse().unwrap())
}

fn with_key(key: &str) -> Request<TestBody> {
    let mut request = anonymous();
    let value = HeaderValue::try_from(key).unwrap();
    request.headers_mut().insert("x-api-key", value);
    request
}

#[tokio::test]
async fn a_key_lets_its_owner_in_by_either_header_within_its_scopes() {
    let keys = keys(&Accounts::default());
    let key = key(&keys, reading()).await;
    let scheme = ApiKeyScheme::new(keys);
    let tally = scheme.tally();
    let layer = ApiKeyLayer::required(scheme);
    contract::keeps(&layer, || with_key(key.expose_secret())).await;
    contract::keeps(&layer, || bearer(key.expose_secret())).await;
    let may = |permission| RequireLayer::new(roles().require(permission).unwrap());
    for (permission, status) in [("orders:read", 200), ("orders:write", 403)] {
        let stack = Stack::new(may(permission), layer.clone());
        let response = ask(&stack, with_key(key.expose_secret())).await;
        assert_eq!(response.status(), status, "{permission}");
    }
    assert!(tally.of("valid") > 10);
    assert_eq!(tally.of("malformed"), 0);
}

// AUTH case 41
#[tokio::test]
async fn whatever_is_not_a_live_key_is_refused_in_the_same_words() {
    let accounts = Accounts::default();
    let keys = keys(&accounts);
    let revoked = key(&keys, reading()).await;
    let id = keys.format().parse(revoked.expose_secret()).unwrap();
    let owner = principal("editor");
    let (acme, context) = ("acme".parse().unwrap(), Context::default());
    keys.revoke(&acme, id, &owner, &context).await.unwrap();
    let live = key(&keys, reading()).await;
    let mut mistyped = live.expose_secret().to_owned();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == 'a' { 'b' } else { 'a' });
    let (_, unknown) = keys.format().generate().unwrap();

    let scheme = ApiKeyScheme::new(keys);
    let tally = scheme.tally();
    let layer = ApiKeyLayer::required(scheme);
    for (text, result) in [
        (mistyped.as_str(), "malformed"),
        ("acme_live_", "malformed"),
        (unknown.expose_secret(), "unknown"),
        (revoked.expose_secret(), "revoked"),
    ] {
        let response = ask(&layer, with_key(text)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{result}");
        assert!(challenges(response.headers())[1].contains("invalid_token"));
        assert!(tally.of(result) > 0, "{result}");
    }
    // Nobody can tell whether this one is still good.
    accounts.0.store(true, Ordering::SeqCst);
    let response = ask(&layer, with_key(live.expose_secret())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    assert_eq!(tally.of("unavailable"), 1);
}

#[tokio::test]
async fn a_key_is_good_from_its_networks_and_for_its_tenant_only() {
    let keys = keys(&Accounts::default());
    let office = reading().networks(["192.0.2.0/24".parse().unwrap()]);
    let key = key(&keys, office).await;
    let layer = ApiKeyLayer::required(ApiKeyScheme::new(keys));
    let from = |peer: &str, tenant: &str| {
        let mut request = with_key(key.expose_secret());
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(PeerAddr(peer));
        let tenant = RequestTenant(tenant.parse().unwrap());
        request.extensions_mut().insert(tenant);
        request
    };
    for (peer, tenant, status) in [
        ("192.0.2.7:1", "acme", 200),
        ("198.51.100.1:1", "acme", 403),
        ("192.0.2.7:1", "globex", 401),
    ] {
        let response = ask(&layer, from(peer, tenant)).await;
        assert_eq!(response.status(), status, "{peer} {tenant}");
    }
}

#[test]
fn each_judgement_of_a_key_is_counted() {
    use portcullis_auth_core::api_key::VerifyErrorKind;

    let tally = ApiKeyScheme::new(keys(&Accounts::default())).tally();
    for kind in VerifyErrorKind::ALL {
        tally.count(kind.as_str());
        assert_eq!(tally.of(kind.as_str()), 1, "{kind:?}");
    }
}
