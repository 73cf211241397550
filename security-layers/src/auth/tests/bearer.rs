use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use portcullis_auth_core::audit::Context;
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, Issuer, JwtErrorKind, KeySource, Lookup, NewToken, Profile, Refresh,
    SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::revocation::Revocations;
use portcullis_auth_core::testing::ManualClock;
use portcullis_auth_core::time::Timestamp;
use portcullis_secrets::SecretString;
use portcullis_secrets::rotate::RingPolicy;

use super::*;

const ISSUER: &str = "https://accounts.example";
const API: &str = "https://api.example";

struct Fixture {
    clock: ManualClock,
    ring: SigningRing,
    issuer: TokenIssuer,
    events: Events,
    bearer: Bearer,
    session: SessionId,
}

impl Fixture {
    fn new() -> Self {
        let clock = ManualClock::default();
        let (longest, leeway) = (Duration::from_secs(86_400), Duration::from_secs(30));
        let policy = RingPolicy::settings(longest, leeway).build().unwrap();
        let ring = SigningRing::new("access_token", policy, Algorithms::own());
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        ring.publish(key, clock.now()).unwrap();
        let issuer = TokenIssuer::settings(ISSUER, API, ring.clone());
        let issuer = issuer.build().unwrap();
        let verifier = Verifier::new(issuer.issuer(TokenKind::Access)).unwrap();
        let events = Events::default();
        let bearer = Bearer::new(verifier)
            .roles(roles())
            .clock(Arc::new(clock.clone()))
            .audit(Arc::new(events.clone()));
        Self {
            clock,
            ring,
            issuer,
            events,
            bearer,
            session: SessionId::generate(),
        }
    }

    fn token(&self, change: impl FnOnce(NewToken) -> NewToken) -> SecretString {
        let (ann, acme, web) = ("ann".parse(), "acme".parse(), "web".parse());
        let token = NewToken::access(&ann.unwrap(), &acme.unwrap(), &web.unwrap(), self.session);
        let token = change(token.roles(["editor"]));
        self.issuer.issue(&token, self.clock.now()).unwrap().token
    }

    fn layer(&self) -> BearerLayer {
        BearerLayer::required(self.bearer.clone()).report_subject()
    }

    async fn status(&self, token: &SecretString) -> StatusCode {
        ask(&self.layer(), bearer(token.expose_secret()))
            .await
            .status()
    }
}

#[tokio::test]
async fn a_token_says_who_it_is_and_what_they_may_do() {
    let fixture = Fixture::new();
    let all = fixture.token(|token| token);
    let reads = fixture.token(|token| token.scopes(["orders:read"]));
    contract::keeps(&fixture.layer(), || bearer(all.expose_secret())).await;

    let response = ask(&fixture.layer(), bearer(all.expose_secret())).await;
    let ann = Subject::new().with_user("ann").with_tenant("acme");
    assert_eq!(response.extensions().get(), Some(&ann));
    // AUTH case 43
    for (token, permission, status) in [
        (&all, "orders:write", 200),
        (&reads, "orders:read", 200),
        (&reads, "orders:write", 403),
    ] {
        let require = RequireLayer::new(roles().require(permission).unwrap());
        let stack = Stack::new(require, fixture.layer());
        let response = ask(&stack, bearer(token.expose_secret())).await;
        assert_eq!(response.status(), status, "{permission}");
    }
}

#[tokio::test]
async fn a_token_that_was_seen_before_is_believed_until_it_expires_and_no_longer() {
    let fixture = Fixture::new();
    let token = fixture.token(|token| token);
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    fixture.clock.advance(Duration::from_secs(599));
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    // What is remembered ends with `exp`; the token itself is good for a leeway more.
    fixture.clock.advance(Duration::from_secs(1 + 29));
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.status(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        fixture.events.kinds(),
        [(EventKind::JwtRejected, Some("expired"))]
    );
    assert_eq!(fixture.bearer.tally().of("expired"), 1);
}

#[tokio::test]
async fn a_clone_with_other_settings_does_not_go_by_what_the_first_one_remembers() {
    let fixture = Fixture::new();
    let token = fixture.token(|token| token);
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    let revocations = Revocations::builder(&fixture.issuer)
        .clock(fixture.clock.clone())
        .local();
    let context = Context::default();
    let ended = revocations.revoke_session(fixture.session, &context);
    ended.await.unwrap();
    for stricter in [
        fixture.bearer.clone().principal_with(|_| None),
        fixture.bearer.clone().revocations(revocations),
    ] {
        let layer = BearerLayer::required(stricter);
        let response = ask(&layer, bearer(token.expose_secret())).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_was_seen_before_ends_with_its_session_its_subject_and_its_key() {
    let mut fixture = Fixture::new();
    let revocations = Revocations::builder(&fixture.issuer)
        .clock(fixture.clock.clone())
        .local();
    fixture.bearer = fixture.bearer.revocations(revocations.clone());
    let context = Context::default();

    let token = fixture.token(|token| token);
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    let ended = revocations.revoke_session(fixture.session, &context);
    ended.await.unwrap();
    assert_eq!(fixture.status(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.bearer.tally().of("revoked"), 1);

    fixture.session = SessionId::generate();
    let (none, old, new) = (
        fixture.token(|token| token),
        fixture.token(|token| token.epoch(1)),
        fixture.token(|token| token.epoch(2)),
    );
    assert_eq!(fixture.status(&none).await, StatusCode::OK);
    assert_eq!(fixture.status(&old).await, StatusCode::OK);
    let (acme, ann) = ("acme".parse().unwrap(), "ann".parse().unwrap());
    let ended = revocations.revoke_subject(&acme, &ann, 2, &context);
    ended.await.unwrap();
    assert_eq!(fixture.status(&none).await, StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.status(&old).await, StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.status(&new).await, StatusCode::OK);

    let key = fixture.ring.signing(fixture.clock.now()).unwrap();
    fixture.ring.revoke(key.id(), fixture.clock.now()).unwrap();
    assert_eq!(fixture.status(&new).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_of_another_issuer_ends_by_that_issuers_name_whatever_its_id_looks_like() {
    let mut fixture = Fixture::new();
    let issuer = Issuer::settings(ISSUER, API, Profile::Rfc9068, fixture.ring.clone());
    let issuer = issuer.algorithms(Algorithms::own()).build().unwrap();
    let revocations = Revocations::builder(&fixture.issuer)
        .clock(fixture.clock.clone())
        .local();
    fixture.bearer = Bearer::new(Verifier::new([issuer]).unwrap())
        .roles(roles())
        .clock(Arc::new(fixture.clock.clone()))
        .revocations(revocations.clone());
    let (token, session) = (fixture.token(|token| token), fixture.session.to_string());
    let context = Context::default();
    let other = revocations.revoke_foreign_session("https://other.example", &session, &context);
    other.await.unwrap();
    assert_eq!(fixture.status(&token).await, StatusCode::OK);
    let ended = revocations.revoke_foreign_session(ISSUER, &session, &context);
    ended.await.unwrap();
    assert_eq!(fixture.status(&token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn no_token_of_another_kind_or_issuer_opens_the_api() {
    let fixture = Fixture::new();
    let (ann, acme, web) = (
        "ann".parse().unwrap(),
        "acme".parse().unwrap(),
        "web".parse().unwrap(),
    );
    let now = fixture.clock.now();
    // AUTH case 20
    for token in [
        NewToken::mfa(&ann, &acme, &web),
        NewToken::reset(&ann, &acme),
    ] {
        let token = fixture.issuer.issue(&token, now).unwrap().token;
        assert_eq!(fixture.status(&token).await, StatusCode::UNAUTHORIZED);
    }
    let stranger = Fixture::new().token(|token| token);
    assert_eq!(fixture.status(&stranger).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        fixture.status(&"garbage".to_owned().into()).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn principals_can_be_made_by_another_rule() {
    let mut fixture = Fixture::new();
    let token = fixture.token(|token| token.claim("https://example/team", "red").unwrap());
    let other = fixture.token(|token| token);
    fixture.bearer = fixture.bearer.principal_with(|token| {
        let team = token.claims().text("https://example/team")?;
        Some(Principal::new(ISSUER, team.parse().ok()?))
    });
    let response = ask(&fixture.layer(), bearer(token.expose_secret())).await;
    let subject = response.extensions().get::<Subject>().unwrap();
    assert_eq!(subject.user(), Some("red"));
    assert_eq!(fixture.status(&other).await, StatusCode::UNAUTHORIZED);
    assert_eq!(fixture.bearer.tally().of("no_principal"), 1);
}

/// Keys that are read after a while, if at all.
#[derive(Debug)]
struct Distant {
    ring: SigningRing,
    reads: AtomicUsize,
    /// There is nobody who knows them.
    down: bool,
}

impl KeySource for Distant {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup {
        if self.down {
            Lookup::Unavailable(Duration::from_secs(7))
        } else if self.reads.load(Ordering::SeqCst) == 0 {
            Lookup::Stale
        } else {
            self.ring.find(id, algorithm, now)
        }
    }

    fn refresh<'a>(&'a self, _: Option<&'a str>, _: Timestamp) -> Refresh<'a> {
        Box::pin(async {
            tokio::task::yield_now().await;
            self.reads.fetch_add(1, Ordering::SeqCst);
        })
    }
}

#[tokio::test]
async fn a_request_waits_for_keys_that_can_be_had_and_is_told_when_they_cannot() {
    for (down, status) in [
        (false, StatusCode::OK),
        (true, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let fixture = Fixture::new();
        let token = fixture.token(|token| token);
        let keys = Distant {
            ring: fixture.ring.clone(),
            reads: AtomicUsize::new(0),
            down,
        };
        let own = Profile::Own(TokenKind::Access);
        let issuer = Issuer::settings(ISSUER, API, own, keys).build().unwrap();
        let bearer_scheme = Bearer::new(Verifier::new([issuer]).unwrap());
        let layer = BearerLayer::required(bearer_scheme.clock(Arc::new(fixture.clock.clone())));
        let response = ask(&layer, bearer(token.expose_secret())).await;
        assert_eq!(response.status(), status);
        if down {
            assert_eq!(response.headers()[RETRY_AFTER], "7");
        } else {
            contract::keeps(&layer, || bearer(token.expose_secret())).await;
        }
    }
}

#[test]
fn each_fault_of_a_token_is_counted() {
    let tally = Fixture::new().bearer.tally();
    for kind in JwtErrorKind::ALL {
        tally.count(kind.as_str());
        assert_eq!(tally.of(kind.as_str()), 1, "{kind:?}");
    }
}

/// A key that is taken back, and time that passes, while a token waits for it.
#[derive(Debug)]
struct Going {
    ring: SigningRing,
    clock: ManualClock,
    wait: Duration,
    asked: AtomicUsize,
    version: AtomicU64,
}

impl KeySource for Going {
    fn find(&self, id: Option<&str>, algorithm: Algorithm, now: Timestamp) -> Lookup {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => Lookup::Stale,
            1 => {
                let found = self.ring.find(id, algorithm, now);
                self.version.fetch_add(1, Ordering::SeqCst);
                found
            }
            _ => Lookup::Unknown,
        }
    }

    fn refresh<'a>(&'a self, _: Option<&'a str>, _: Timestamp) -> Refresh<'a> {
        Box::pin(async { self.clock.advance(self.wait) })
    }

    fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }
}

impl Going {
    /// `asked` is how often they were asked before: the first time they are old, the next time they go after the answer.
    fn layer(fixture: &Fixture, asked: usize, wait: Duration) -> BearerLayer {
        let keys = Self {
            ring: fixture.ring.clone(),
            clock: fixture.clock.clone(),
            wait,
            asked: AtomicUsize::new(asked),
            version: AtomicU64::new(0),
        };
        let own = Profile::Own(TokenKind::Access);
        let issuer = Issuer::settings(ISSUER, API, own, keys).build().unwrap();
        let scheme = Bearer::new(Verifier::new([issuer]).unwrap());
        BearerLayer::required(scheme.clock(Arc::new(fixture.clock.clone())))
    }
}

#[tokio::test]
async fn a_token_that_waits_is_judged_by_what_holds_afterwards() {
    for (wait, first) in [(5, StatusCode::UNAUTHORIZED), (1, StatusCode::OK)] {
        let fixture = Fixture::new();
        let token = fixture.token(|token| token);
        let layer = Going::layer(&fixture, 0, Duration::from_secs(wait));
        // Two seconds of its leeway are left.
        fixture.clock.advance(Duration::from_secs(600 + 28));
        for status in [first, StatusCode::UNAUTHORIZED] {
            let response = ask(&layer, bearer(token.expose_secret())).await;
            assert_eq!(response.status(), status, "{wait}");
        }
    }
}

#[tokio::test]
async fn a_key_that_goes_while_a_token_is_judged_takes_along_what_is_remembered() {
    for asked in [0, 1] {
        let fixture = Fixture::new();
        let token = fixture.token(|token| token);
        let layer = Going::layer(&fixture, asked, Duration::ZERO);
        for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
            let response = ask(&layer, bearer(token.expose_secret())).await;
            assert_eq!(response.status(), status, "{asked}");
        }
    }
}

#[tokio::test]
async fn what_another_issuer_says_of_tenants_and_roles_is_not_about_ours() {
    let fixture = Fixture::new();
    let token = fixture.token(|token| token);
    let keys = fixture.ring.clone();
    let theirs = Issuer::settings(ISSUER, API, Profile::Rfc9068, keys)
        .build()
        .unwrap();
    let scheme = Bearer::new(Verifier::new([theirs]).unwrap()).roles(roles());
    let layer = BearerLayer::required(scheme.clock(Arc::new(fixture.clock.clone())));
    let read = RequireLayer::new(roles().require("orders:read").unwrap());
    let stack = Stack::new(read, layer.report_subject());
    let response = ask(&stack, bearer(token.expose_secret())).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let somebody = Subject::new().with_user("ann");
    assert_eq!(response.extensions().get(), Some(&somebody));
}
