//! Somebody who issues tokens and API keys, and what the layers need to believe them.

use std::sync::Arc;
use std::time::Duration;

use portcullis_auth_core::api_key::{
    ApiKeys, CreatedKey, Environment, KeyFormat, MemoryStore, NewApiKey, Owners, Peppers,
};
use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::{SessionId, SubjectId, TenantId};
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::principal::Principal;
use portcullis_auth_core::revocation::Revocations;
use portcullis_auth_core::roles::{Access, Role, Roles};
use portcullis_auth_core::store::Answer;
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::Clock as _;
use portcullis_secrets::rotate::RingPolicy;
use portcullis_secrets::{SecretBytes, SecretString};
use portcullis_security_layers::auth::{ApiKeyScheme, AuthLayer, Bearer};

const ISSUER: &str = "https://accounts.example";

/// The issuer of one service, whose clock stands still. There are the permissions `orders:read` and `orders:write`; a
/// `viewer` may read, an `editor` both.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accounts {
    /// The clock that all of it goes by.
    pub clock: ManualClock,
    /// What may be asked for.
    pub roles: Roles,
    /// The keys that sign the tokens.
    pub ring: SigningRing,
    /// Signs the tokens.
    pub issuer: TokenIssuer,
    /// Ends tokens before they expire.
    pub revocations: Revocations,
    /// The API keys. Who owns one is an editor.
    pub keys: ApiKeys,
}

/// Everybody is an editor.
#[derive(Debug)]
struct Editors(Roles);

impl Owners for Editors {
    fn rights<'a>(&'a self, _: &'a TenantId, _: &'a SubjectId) -> Answer<'a, Option<Access>> {
        Box::pin(async { Ok(Some(self.0.access(["editor"]))) })
    }
}

impl Default for Accounts {
    fn default() -> Self {
        let clock = ManualClock::default();
        let roles = Roles::builder()
            .permissions(["orders:read", "orders:write"])
            .role(Role::new("viewer").allows(["orders:read"]))
            .role(Role::new("editor").allows(["orders:*"]))
            .build()
            .expect("the roles allow what there is");
        let (day, leeway) = (Duration::from_secs(86_400), Duration::from_secs(30));
        let policy = RingPolicy::settings(day, leeway).build();
        let policy = policy.expect("keys outlive their tokens");
        let ring = SigningRing::new("access_token", policy, Algorithms::own());
        let key = SigningKey::generate(Algorithm::EdDsa).expect("there are random bytes");
        ring.publish(key, clock.now()).expect("it is the first");
        let issuer = TokenIssuer::settings(ISSUER, "https://api.example", ring.clone());
        let issuer = issuer.build().expect("the names differ");
        let pepper = SecretBytes::generate(32).expect("there are random bytes");
        let keys = ApiKeys::builder(
            KeyFormat::new("acme", Environment::Live).expect("it is a brand"),
            Peppers::new(1, pepper).expect("it is long enough"),
            ISSUER,
            MemoryStore::new(),
            Editors(roles.clone()),
        );
        Self {
            revocations: Revocations::builder(&issuer).clock(clock.clone()).local(),
            keys: keys.clock(clock.clone()).build(),
            clock,
            roles,
            ring,
            issuer,
        }
    }
}

impl Accounts {
    /// Takes the API keys, and the tokens, that are issued here.
    ///
    /// # Panics
    ///
    /// Never: there is one issuer.
    #[must_use]
    pub fn scheme(&self) -> (ApiKeyScheme, Bearer) {
        let verifier = Verifier::new(self.issuer.issuer(TokenKind::Access));
        let bearer = Bearer::new(verifier.expect("it is one issuer"))
            .roles(self.roles.clone())
            .revocations(self.revocations.clone())
            .clock(Arc::new(self.clock.clone()));
        (ApiKeyScheme::new(self.keys.clone()), bearer)
    }

    /// Lets nobody in who has neither.
    pub fn required(&self) -> AuthLayer<(ApiKeyScheme, Bearer)> {
        AuthLayer::required(self.scheme()).clock(Arc::new(self.clock.clone()))
    }

    /// A token of `ann` at `acme`, who has this role and signed in with a password just now.
    ///
    /// # Panics
    ///
    /// If no key signs.
    pub fn token(&self, role: &str, session: SessionId) -> SecretString {
        self.token_with(session, |token| token.roles([role]))
    }

    /// A token of `ann` at `acme` that says what `change` adds.
    ///
    /// # Panics
    ///
    /// If no key signs.
    pub fn token_with(
        &self,
        session: SessionId,
        change: impl FnOnce(NewToken) -> NewToken,
    ) -> SecretString {
        let (ann, acme, web) = ("ann".parse(), "acme".parse(), "web".parse());
        let (ann, acme) = (ann.expect("it is an id"), acme.expect("it is an id"));
        let token = NewToken::access(&ann, &acme, &web.expect("it is an id"), session);
        let token = token.amr(["pwd"]).auth_time(self.clock.now());
        let issued = self.issuer.issue(&change(token), self.clock.now());
        issued.expect("a key signs").token
    }

    /// A key of `ann` at `acme` that has this scope.
    ///
    /// # Panics
    ///
    /// If there is no such scope.
    pub async fn key(&self, scope: &str) -> CreatedKey {
        let new = NewApiKey::new("a test", scope.parse().expect("it is a scope"));
        let (ann, context) = (self.ann(), Context::default());
        let created = self.keys.create(new, &ann, &context).await;
        created.expect("an editor may make one")
    }

    /// Ends a key.
    ///
    /// # Panics
    ///
    /// If there is no such key.
    pub async fn revoke_key(&self, key: &CreatedKey) {
        let (ann, context) = (self.ann(), Context::default());
        let acme = "acme".parse().expect("it is an id");
        let revoked = self.keys.revoke(&acme, key.key.id, &ann, &context).await;
        assert!(revoked.expect("the store answers"), "there is the key");
    }

    fn ann(&self) -> Principal {
        Principal::new(ISSUER, "ann".parse().expect("it is an id"))
            .tenant("acme".parse().expect("it is an id"))
            .roles(["editor"])
            .authorized(&self.roles)
    }
}
