//! Whom a request comes from: by tokens that are seen for the first time or were seen before, and by API keys.
//!
//! The layer remembers tokens, its peers do not. So that it does not remember those of a first sight, it is given room for
//! an eighth of the tokens that go round: each has been forgotten when its turn comes again. That they are remembered and
//! forgotten is part of what is measured.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{self, Ready};
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use jwt_authorizer::{IntoLayer as _, JwtAuthorizer};
use portcullis_auth_core::api_key::{
    ApiKeys, Environment, KeyFormat, MemoryStore, NewApiKey, Owners, Peppers,
};
use portcullis_auth_core::audit;
use portcullis_auth_core::id::{SessionId, SubjectId, TenantId};
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::principal::Principal;
use portcullis_auth_core::roles::{Access, Role, Roles};
use portcullis_auth_core::store::Answer;
use portcullis_auth_core::time::{Clock as _, SystemClock};
use portcullis_secrets::SecretBytes;
use portcullis_secrets::rotate::RingPolicy;
use portcullis_security_layers::auth::{ApiKeyLayer, ApiKeyScheme, Bearer, BearerLayer};
use serde::Deserialize;
use tower::ServiceBuilder;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;
use tower_service::Service;

use crate::{BARE, Body, Case, Drive, Handler, OURS, drive, handler, request};

const ISSUER: &str = "https://accounts.example.com";
const API: &str = "https://api.example.com";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How many tokens go round, each for the first time.
pub(crate) const TOKENS: usize = 512;
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(TOKENS / 8).expect("it is not zero");
/// The cases of one algorithm: as many functions, since a case is built by one that captures nothing.
macro_rules! algorithm {
    ($algorithm:ident, $first:literal, $seen:literal) => {{
        const KIND: Algorithm = Algorithm::$algorithm;
        [
            Case::new(LAYER, $first, BARE, || bare(Tokens::new(KIND, TOKENS))),
            Case::new(LAYER, $first, OURS, || ours(Tokens::new(KIND, TOKENS))),
            Case::new(LAYER, $first, "jsonwebtoken", || by_hand(KIND)),
            Case::new(LAYER, $first, "jwt-authorizer", || authorizer(KIND)),
            Case::new(LAYER, $first, "tower-oauth2-resource-server", || {
                resource_server(KIND)
            }),
            Case::new(LAYER, $seen, BARE, || bare(Tokens::new(KIND, 1))),
            Case::new(LAYER, $seen, OURS, || ours(Tokens::new(KIND, 1))),
        ]
    }};
}

const LAYER: &str = "auth";

pub(crate) fn cases() -> Vec<Case> {
    const KEY: &str = "an api key, seen before";
    const REFUSED: &str = "refused, a forged token";
    let mut cases = [
        algorithm!(Hs256, "HS256, first sight", "HS256, seen before"),
        algorithm!(EdDsa, "EdDSA, first sight", "EdDSA, seen before"),
        algorithm!(Es256, "ES256, first sight", "ES256, seen before"),
        algorithm!(Rs256, "RS256, first sight", "RS256, seen before"),
    ]
    .concat();
    cases.extend([
        Case::new(LAYER, KEY, BARE, || {
            let key = HeaderValue::try_from("acme_live_".to_owned());
            let key = key.expect("it is ASCII");
            drive(handler(), with(X_API_KEY, vec![key]))
        }),
        Case::new(LAYER, KEY, OURS, api_key),
        Case::new(LAYER, REFUSED, BARE, || bare(Tokens::forged())),
        Case::new(LAYER, REFUSED, OURS, || ours(Tokens::forged())),
    ]);
    cases
}

/// Tokens of one key, and who believes them.
pub(crate) struct Tokens {
    issuer: TokenIssuer,
    jwk: String,
    headers: Vec<HeaderValue>,
}

impl Tokens {
    /// Each is the first of its session.
    pub(crate) fn new(algorithm: Algorithm, count: usize) -> Self {
        let (key, jwk) = key(algorithm);
        let (day, leeway) = (Duration::from_secs(86_400), Duration::from_secs(30));
        let policy = RingPolicy::settings(day, leeway).build();
        let policy = policy.expect("keys outlive their tokens");
        let algorithms = Algorithms::new([algorithm]).expect("it is one");
        let ring = SigningRing::new("access_token", policy, algorithms);
        ring.publish(key, SystemClock.now())
            .expect("it is for the algorithm of the ring");
        let issuer = TokenIssuer::settings(ISSUER, API, ring)
            // Longer than any bench takes.
            .lifetime(TokenKind::Access, Duration::from_secs(3600))
            .build()
            .expect("the names differ");
        let headers = (0..count).map(|_| token(&issuer)).collect();
        Self {
            issuer,
            jwk,
            headers,
        }
    }

    /// One whose signature is that of another.
    fn forged() -> Self {
        let mut tokens = Self::new(Algorithm::Hs256, 2);
        let parts = |header: &HeaderValue| {
            let text = header.to_str().expect("a token is ASCII");
            let (signed, signature) = text.rsplit_once('.').expect("a token has three parts");
            (signed.to_owned(), signature.to_owned())
        };
        let (signed, _) = parts(&tokens.headers[0]);
        let (_, signature) = parts(&tokens.headers[1]);
        let forged = HeaderValue::try_from(format!("{signed}.{signature}"));
        tokens.headers = vec![forged.expect("both were ASCII")];
        tokens
    }

    pub(crate) fn layer(&self) -> BearerLayer {
        let verifier = Verifier::new(self.issuer.issuer(TokenKind::Access));
        let verifier = verifier.expect("it is one issuer");
        let bearer = Bearer::new(verifier)
            .roles(roles())
            .cache_capacity(REMEMBERED);
        BearerLayer::required(bearer)
    }

    /// The peer that takes any body.
    pub(crate) fn resource_server(&self) -> OAuth2ResourceServer<Claims> {
        let claims = ClaimsValidationSpec::new()
            .iss(ISSUER)
            .aud(&vec![API.to_owned()])
            .exp(true);
        let tenant = TenantConfiguration::static_builder(self.jwks())
            .claims_validation(claims)
            .allowed_algorithms(&[self.algorithm()])
            .build()
            .expect("the set is well-formed");
        let server = OAuth2ResourceServer::builder().add_tenant(tenant).build();
        runtime().block_on(server).expect("there is a tenant")
    }

    pub(crate) fn requests(self) -> impl Fn() -> Request<Body> + 'static {
        with(AUTHORIZATION, self.headers)
    }

    fn jwks(&self) -> String {
        format!(r#"{{"keys":[{}]}}"#, self.jwk)
    }

    fn jwk(&self) -> Jwk {
        serde_json::from_str(&self.jwk).expect("the key is well-formed")
    }

    /// In the peers' type.
    fn algorithm(&self) -> jsonwebtoken::Algorithm {
        let algorithm = self.jwk().common.key_algorithm;
        let algorithm = algorithm.expect("the key says what it is for");
        algorithm.try_into().expect("it signs")
    }
}

/// A key that signs, and how others read it.
fn key(algorithm: Algorithm) -> (SigningKey, String) {
    if algorithm == Algorithm::Hs256 {
        let secret = SecretBytes::generate(32).expect("the system has random bytes");
        let secret = secret.expose_secret();
        let key = SigningKey::from_secret(algorithm, "a", secret).expect("it is long enough");
        let k = URL_SAFE_NO_PAD.encode(secret);
        let jwk = format!(r#"{{"kty":"oct","kid":"a","alg":"HS256","k":"{k}"}}"#);
        return (key, jwk);
    }
    let key = SigningKey::generate(algorithm).expect("the system has random bytes");
    let jwk = key.verifying_key().to_jwk().expect("it has a public half");
    (key, jwk)
}

fn token(issuer: &TokenIssuer) -> HeaderValue {
    let client = "web".parse().expect("it is an id");
    let token = NewToken::access(&subject(), &tenant(), &client, SessionId::generate())
        .scopes(["orders:read", "orders:write"])
        .roles(["editor"]);
    let token = issuer
        .issue(&token, SystemClock.now())
        .expect("a key signs");
    let header = format!("Bearer {}", token.token.expose_secret());
    HeaderValue::try_from(header).expect("a token is ASCII")
}

fn subject() -> SubjectId {
    "u-17".parse().expect("it is an id")
}

fn tenant() -> TenantId {
    "acme".parse().expect("it is an id")
}

fn roles() -> Roles {
    Roles::builder()
        .permissions(["orders:read", "orders:write"])
        .role(Role::new("editor").allows(["orders:*"]))
        .build()
        .expect("the role allows what there is")
}

/// Requests with one of these values after the other.
fn with(name: HeaderName, values: Vec<HeaderValue>) -> impl Fn() -> Request<Body> + 'static {
    let next = Cell::new(0);
    move || {
        let value = values[next.get()].clone();
        next.set((next.get() + 1) % values.len());
        let mut request = request();
        request.headers_mut().insert(name.clone(), value);
        request
    }
}

/// Lets all tokens go round once: what comes after that is the same for ever.
pub(crate) fn warm(mut drive: Drive) -> Drive {
    drive(TOKENS as u64);
    drive
}

fn bare(tokens: Tokens) -> Drive {
    warm(drive(handler(), tokens.requests()))
}

fn ours(tokens: Tokens) -> Drive {
    let service = ServiceBuilder::new()
        .layer(tokens.layer())
        .service(handler());
    warm(drive(service, tokens.requests()))
}

/// What handlers get of the peers.
#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "a handler would read them")]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    tenant: String,
    client_id: String,
    sid: String,
    jti: String,
    scope: String,
    roles: Vec<String>,
}

/// The few lines that a service has where it uses no layer.
struct ByHand {
    inner: Handler<Body>,
    key: DecodingKey,
    validation: Validation,
}

impl Service<Request<Body>> for ByHand {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let header = request.headers().get(AUTHORIZATION);
        let header = header.and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        let decode = |token| jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        match token.and_then(|token| decode(token).ok()) {
            Some(token) => {
                request.extensions_mut().insert(token.claims);
                self.inner.call(request)
            }
            None => {
                let mut response = Response::new(Body::default());
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                future::ready(Ok(response))
            }
        }
    }
}

fn by_hand(algorithm: Algorithm) -> Drive {
    let tokens = Tokens::new(algorithm, TOKENS);
    let mut validation = Validation::new(tokens.algorithm());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[API]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let service = ByHand {
        inner: handler(),
        key: DecodingKey::from_jwk(&tokens.jwk()).expect("the key is well-formed"),
        validation,
    };
    drive(service, tokens.requests())
}

fn authorizer(algorithm: Algorithm) -> Drive {
    let tokens = Tokens::new(algorithm, TOKENS);
    let validation = jwt_authorizer::Validation::new().iss(&[ISSUER]).aud(&[API]);
    let authorizer = JwtAuthorizer::<Claims>::from_jwks_text(&tokens.jwks())
        .validation(validation)
        .build();
    let authorizer = runtime().block_on(authorizer);
    let layer = authorizer.expect("the set is well-formed").into_layer();
    let handler = Handler::<jwt_authorizer_axum::body::Body>::new(HeaderMap::new());
    drive(
        ServiceBuilder::new().layer(layer).service(handler),
        tokens.requests(),
    )
}

fn resource_server(algorithm: Algorithm) -> Drive {
    let tokens = Tokens::new(algorithm, TOKENS);
    let layer = tokens.resource_server().into_layer();
    drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        tokens.requests(),
    )
}

/// Everybody is an editor.
#[derive(Debug)]
struct Accounts(Roles);

impl Owners for Accounts {
    fn rights<'a>(&'a self, _: &'a TenantId, _: &'a SubjectId) -> Answer<'a, Option<Access>> {
        Box::pin(async { Ok(Some(self.0.access(["editor"]))) })
    }
}

fn api_key() -> Drive {
    let secret = SecretBytes::generate(32).expect("the system has random bytes");
    let keys = ApiKeys::builder(
        KeyFormat::new("acme", Environment::Live).expect("it is a brand"),
        Peppers::new(1, secret).expect("it is long enough"),
        ISSUER,
        MemoryStore::new(),
        Accounts(roles()),
    )
    .build();
    let runtime = runtime();
    let key = runtime.block_on(async {
        let ann = Principal::new(ISSUER, subject())
            .tenant(tenant())
            .roles(["editor"])
            .authorized(&roles());
        let new = NewApiKey::new("a bench", "orders:read".parse().expect("it is a scope"));
        let context = audit::Context::default();
        let created = keys.create(new, &ann, &context).await;
        let key = created.expect("an editor may read").secret;
        let verified = keys.verify(key.expose_secret(), None, &context).await;
        verified.expect("it was made a moment ago");
        HeaderValue::try_from(key.expose_secret()).expect("a key is ASCII")
    });
    let service = ServiceBuilder::new()
        .layer(ApiKeyLayer::required(ApiKeyScheme::new(keys)))
        .service(handler());
    let mut drive = drive(service, with(X_API_KEY, vec![key]));
    Box::new(move |times| {
        // Every 30 s somebody is asked for the key again.
        let _entered = runtime.enter();
        drive(times);
    })
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime needs nothing")
}
