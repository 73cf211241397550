//! An issuer that does as it is told, and a clock that goes with tokio's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_auth_core::audit::Event;
use portcullis_auth_core::id::SessionId;
use portcullis_auth_core::jwks::{
    Document, Endpoint, Fetch, FetchErrorKind, Fetching, Jwks, JwksSettings,
};
use portcullis_auth_core::jwt::{
    Algorithm, Algorithms, Issuer, JwksDocument, KeySource, Lookup, NewToken, Profile, SigningKey,
    SigningRing, TokenIssuer, TokenKind, Verifier,
};
use portcullis_auth_core::testing::Recorder;
use portcullis_auth_core::time::{Clock, Timestamp};
use portcullis_secrets::rotate::RingPolicy;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const PLACE: &str = "https://id.example/jwks.json";

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Tells the time of tokio's clock, which tests pause and move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paused(Instant);

impl Paused {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_secs(1_790_000_000).unwrap();
        start.plus(self.0.elapsed())
    }
}

/// What the issuer does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Serve(String),
    ServeFor(String, &'static str),
    Fail(FetchErrorKind),
    Hang,
    Panic,
    /// Serves when the semaphore lets it.
    Gate(Arc<Semaphore>, String),
}

/// The issuer. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server(Arc<State>);

#[derive(Debug, Default)]
struct State {
    answers: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Server {
    pub(crate) fn new(answer: Answer) -> Self {
        let server = Self::default();
        server.set(PLACE, answer);
        server
    }

    pub(crate) fn set(&self, place: &str, answer: Answer) {
        let mut answers = self.0.answers.lock().unwrap();
        answers.insert(place.to_owned(), answer);
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.asked.lock().unwrap())
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.0.most_under_way.load(Ordering::SeqCst)
    }

    /// How many hold it.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fetch for Server {
    fn fetch<'a>(&'a self, from: &'a Endpoint) -> Fetching<'a> {
        self.0.asked.lock().unwrap().push(from.to_string());
        let answer = self.0.answers.lock().unwrap().get(from.as_str()).cloned();
        Box::pin(async move {
            let now = self.0.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most_under_way.fetch_max(now, Ordering::SeqCst);
            let _under_way = UnderWay(&self.0.under_way);
            match answer.unwrap_or(Answer::Fail(FetchErrorKind::Status(404))) {
                Answer::Serve(body) => Ok(Document::new(body)),
                Answer::ServeFor(body, line) => Ok(Document::new(body).cache_control(line)),
                Answer::Fail(kind) => Err(kind.into()),
                Answer::Hang => std::future::pending().await,
                Answer::Panic => panic!("a fetcher with a bug"),
                Answer::Gate(gate, body) => {
                    gate.acquire().await.unwrap().forget();
                    Ok(Document::new(body))
                }
            }
        })
    }
}

/// The issuer's side: its ring.
pub(crate) struct Theirs {
    pub(crate) ring: SigningRing,
    issuer: TokenIssuer,
}

impl Theirs {
    pub(crate) fn new(now: Timestamp) -> Self {
        let theirs = Self::without_key();
        theirs.publish(now);
        theirs
    }

    pub(crate) fn without_key() -> Self {
        let policy = RingPolicy::settings(seconds(24 * 60 * 60), seconds(30));
        let ring = SigningRing::new("access_token", policy.build().unwrap(), Algorithms::own());
        let issuer = TokenIssuer::settings(ISSUER, AUDIENCE, ring.clone());
        let issuer = issuer.build().unwrap();
        Self { ring, issuer }
    }

    pub(crate) fn publish(&self, now: Timestamp) {
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
        self.ring.publish(key, now).unwrap();
    }

    pub(crate) fn jwks(&self, now: Timestamp) -> String {
        self.ring.jwks(now).json().to_owned()
    }

    pub(crate) fn token(&self, now: Timestamp) -> String {
        let (subject, tenant) = ("u-1".parse().unwrap(), "acme".parse().unwrap());
        let client = "web".parse().unwrap();
        let token = NewToken::access(&subject, &tenant, &client, SessionId::generate());
        let issued = self.issuer.issue(&token, now).unwrap();
        issued.token.expose_secret().to_owned()
    }
}

/// A key, and the set of it and of others.
pub(crate) fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDsa).unwrap()
}

pub(crate) fn set(keys: &[&SigningKey]) -> String {
    let keys = keys.iter().map(|key| key.verifying_key());
    JwksDocument::new(keys).json().to_owned()
}

/// A client with a clock and a record of its events.
pub(crate) struct Ours {
    pub(crate) keys: Jwks,
    pub(crate) clock: Paused,
    pub(crate) events: Recorder,
}

impl Ours {
    pub(crate) fn new(server: &Server) -> Self {
        Self::with(server, |settings| settings)
    }

    pub(crate) fn with(server: &Server, set: impl FnOnce(JwksSettings) -> JwksSettings) -> Self {
        let place = Endpoint::https(PLACE).unwrap();
        Self::start(set(Jwks::at(ISSUER, &place, server.clone())))
    }

    pub(crate) fn start(settings: JwksSettings) -> Self {
        let (clock, events) = (Paused::start(), Recorder::default());
        let settings = settings.clock(clock).audit(events.clone());
        let keys = settings.start().unwrap();
        Self {
            keys,
            clock,
            events,
        }
    }

    pub(crate) async fn loaded(server: &Server) -> Self {
        let ours = Self::new(server);
        assert!(ours.keys.loaded().await);
        server.asked();
        ours.events.take();
        ours
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn find(&self, id: &str) -> Lookup {
        self.keys.find(Some(id), Algorithm::EdDsa, self.now())
    }

    pub(crate) fn finds(&self, key: &SigningKey) -> bool {
        matches!(self.find(key.id()), Lookup::Found(found) if found.id() == Some(key.id()))
    }

    /// As a verifier does it: what is stale after it was refreshed is unknown.
    pub(crate) async fn look(&self, id: &str) -> Lookup {
        let now = self.now();
        match self.keys.find(Some(id), Algorithm::EdDsa, now) {
            Lookup::Stale => {
                self.keys.refresh(Some(id), now).await;
                self.keys.find(Some(id), Algorithm::EdDsa, now)
            }
            other => other,
        }
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let profile = Profile::Own(TokenKind::Access);
        let issuer = Issuer::settings(ISSUER, AUDIENCE, profile, self.keys.clone());
        Verifier::new([issuer.build().unwrap()]).unwrap()
    }

    /// The names and the reasons of the events since the last time.
    pub(crate) fn told(&self) -> Vec<(&'static str, Option<&'static str>)> {
        let named = |event: &Event| {
            assert_eq!(event.subject_ref(), Some(ISSUER));
            (event.kind().as_str(), event.reason_ref())
        };
        self.events.take().iter().map(named).collect()
    }
}

/// Lets all tasks run until each waits for something. The time stands still.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Moves the time, and lets all tasks see it.
pub(crate) async fn advance(by: Duration) {
    // Tasks that have not run yet would start to wait at the new time.
    settle().await;
    tokio::time::advance(by).await;
    settle().await;
}
