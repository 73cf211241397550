//! Decisions about identity, without a framework: who is this, by which proof, and what may they do.
//!
//! Every decision is a function of what it is given, the time included; services around them read a
//! [`Clock`](time::Clock) and ask stores. Nothing here knows tower or HTTP bodies: the layers and endpoints that ask for these
//! decisions are in `portcullis-security-layers`.
//!
//! # A sign-in
//!
//! Four modules in a row: `throttle` lets the attempt through, `password` compares, `refresh` begins the session, `jwt` signs the
//! access token.
//!
#![cfg_attr(
    all(
        feature = "jwt",
        feature = "password",
        feature = "refresh",
        feature = "throttle"
    ),
    doc = "```"
)]
#![cfg_attr(
    not(all(
        feature = "jwt",
        feature = "password",
        feature = "refresh",
        feature = "throttle"
    )),
    doc = "```ignore"
)]
//! use std::collections::HashMap;
//! use std::error::Error;
//! use std::num::NonZeroUsize;
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use portcullis_auth_core::audit::{Context, TracingSink};
//! use portcullis_auth_core::id::{ClientId, TenantId};
//! use portcullis_auth_core::jwt::{
//!     Algorithm, Algorithms, NewToken, SigningKey, SigningRing, TokenIssuer, TokenKind, Verifier,
//! };
//! use portcullis_auth_core::password::{
//!     Account, Candidate, ContextWords, HashParams, Hasher, MemoryResetStore, PasswordHash, PasswordPolicy, PasswordStore,
//!     Passwords, Stored, Verdict,
//! };
//! use portcullis_auth_core::refresh::{Login, MemoryStore, RefreshKeys, RefreshService};
//! use portcullis_auth_core::store::Answer;
//! use portcullis_auth_core::throttle::{Attempt, AuthGate, Decision, DeviceKeys};
//! use portcullis_auth_core::time::{Clock, SystemClock};
//! use portcullis_secrets::rotate::RingPolicy;
//! use portcullis_secrets::{Password, SecretBytes, SecretString};
//!
//! /// Your table of users, by their address of mail.
//! #[derive(Debug, Default)]
//! struct Users(Mutex<HashMap<String, (Account, PasswordHash)>>);
//!
//! impl Users {
//!     fn find(&self, email: &str) -> Option<(Account, PasswordHash)> {
//!         self.0.lock().unwrap().get(email).cloned()
//!     }
//!
//!     /// `UPDATE users SET hash = new WHERE id = account AND (old IS NULL OR hash = old)`
//!     fn replace(&self, account: &Account, old: Option<&PasswordHash>, new: &PasswordHash) -> bool {
//!         let mut users = self.0.lock().unwrap();
//!         let row = users.values_mut().find(|(own, hash)| own == account && old.is_none_or(|old| hash == old));
//!         row.map(|(_, hash)| *hash = new.clone()).is_some()
//!     }
//! }
//!
//! impl PasswordStore for Users {
//!     fn rehash<'a>(&'a self, of: &'a Account, old: &'a PasswordHash, new: &'a PasswordHash) -> Answer<'a, bool> {
//!         Box::pin(async move { Ok(self.replace(of, Some(old), new)) })
//!     }
//!
//!     // A real one raises the subject's epoch in the same transaction, so that sessions of before end.
//!     fn change<'a>(&'a self, of: &'a Account, old: Option<&'a PasswordHash>, new: &'a PasswordHash) -> Answer<'a, bool> {
//!         Box::pin(async move { Ok(self.replace(of, old, new)) })
//!     }
//! }
//!
//! /// What a sign-in asks, in this order. All of them can be cloned and shared.
//! struct SignIn {
//!     gate: AuthGate,
//!     users: Arc<Users>,
//!     passwords: Passwords,
//!     sessions: RefreshService,
//!     tokens: TokenIssuer,
//! }
//!
//! /// What the client hears.
//! enum Outcome {
//!     /// `200`
//!     SignedIn { access: SecretString, refresh: String },
//!     /// `401`, the same for whatever was wrong.
//!     Wrong,
//!     /// `429` with `Retry-After`.
//!     Later(u64),
//! }
//!
//! impl SignIn {
//!     async fn attempt(
//!         &self, tenant: &TenantId, email: &str, password: &Password, context: &Context,
//!     ) -> Result<Outcome, Box<dyn Error>> {
//!         // Charged before anything is looked up, for names that exist and for others.
//!         let permit = match self.gate.begin(&Attempt::password(tenant, email).context(context)).await {
//!             Decision::Permit(permit) => permit,
//!             Decision::Limited(limited) => return Ok(Outcome::Later(limited.retry_after_secs())),
//!             Decision::ChallengeRequired => return Ok(Outcome::Later(60)), // or a link by mail: see `throttle`
//!         };
//!
//!         // Nobody costs what somebody costs.
//!         let found = self.users.find(email);
//!         let nobody = Account { tenant: tenant.clone(), subject: "nobody".parse()? };
//!         let account = found.as_ref().map_or(&nobody, |(account, _)| account);
//!         let checked = async {
//!             // Read before the password is: if that is changed meanwhile, this sign-in comes to nothing.
//!             let epoch = self.sessions.epoch(tenant, &account.subject).await?;
//!             let stored = found.as_ref().map(|(account, hash)| Stored { account, hash });
//!             let verdict = self.passwords.verify(password, stored, context).await?;
//!             Ok::<_, Box<dyn Error>>((epoch, verdict))
//!         };
//!         let (epoch, verified) = match checked.await {
//!             Ok((epoch, Verdict::Right(verified))) => (epoch, verified),
//!             Ok((_, Verdict::Wrong)) => {
//!                 permit.failed("wrong_password", found.as_ref().map(|(account, _)| &account.subject));
//!                 return Ok(Outcome::Wrong);
//!             }
//!             // Nothing was compared, since a store is down or too many others are being compared: `503`.
//!             Err(error) => {
//!                 permit.withdrawn().await;
//!                 return Err(error);
//!             }
//!         };
//!         // Here a second factor is asked for (`totp`), and an account is refused that is disabled: not before.
//!
//!         let client: ClientId = "web".parse()?;
//!         let login = Login::new(tenant.clone(), account.subject.clone(), client).amr("pwd".parse()?);
//!         let session = self.sessions.login(&login, epoch, context).await?;
//!         permit.succeeded(session.subject(), Some(session.session())).await;
//!         let token = NewToken::access(session.subject(), session.tenant(), session.client(), session.session())
//!             .roles(["editor"])
//!             .amr(session.amr().iter())
//!             .auth_time(session.auth_time())
//!             .epoch(session.epoch());
//!         let access = self.tokens.issue(&token, SystemClock.now())?.token;
//!
//!         // A better hash than the stored one. Nobody waits for it, and nothing is lost if it fails.
//!         if let Some(rehash) = verified.rehash {
//!             let (passwords, account, context) = (self.passwords.clone(), account.clone(), context.clone());
//!             tokio::spawn(async move { passwords.rehash(&account, rehash, &context).await });
//!         }
//!         let refresh = session.refresh_token().expose_secret().to_owned();
//!         Ok(Outcome::SignedIn { access, refresh })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! // Each secret is another, comes from where secrets are kept, and is the same in all instances.
//! let secret = || SecretBytes::generate(32);
//! let policy = RingPolicy::settings(Duration::from_secs(24 * 60 * 60), Duration::from_secs(30)).build()?;
//! let ring = SigningRing::new("access_token", policy, Algorithms::own());
//! ring.publish(SigningKey::generate(Algorithm::EdDsa)?, SystemClock.now())?;
//!
//! // The memory stores are for one instance. Others are in `sqlite`, `postgres` and `redis`.
//! let many = NonZeroUsize::new(100_000).ok_or("zero")?;
//! let users = Arc::new(Users::default());
//! let passwords = Passwords::new(
//!     Hasher::settings(HashParams::OWASP).build()?,
//!     PasswordPolicy::single_factor(),
//!     users.clone(),
//!     Arc::new(MemoryResetStore::new(many)),
//!     Arc::new(SystemClock),
//!     Arc::new(TracingSink),
//! );
//! let store = Arc::new(MemoryStore::new(many));
//! let service = SignIn {
//!     gate: AuthGate::new(&secret()?, DeviceKeys::new(1, &secret()?)?)?,
//!     users: users.clone(),
//!     passwords: passwords.clone(),
//!     sessions: RefreshService::builder(store, RefreshKeys::new(1, &secret()?)?).start().await?,
//!     tokens: TokenIssuer::settings("https://id.example", "https://api.example", ring).build()?,
//! };
//!
//! // Ann registers.
//! let (tenant, context) = ("acme".parse()?, Context::default());
//! let right = Password::from("correct horse battery staple");
//! let words = ContextWords::new().email("ann@example.com").app("Acme");
//! let hash = passwords.choose(Candidate { password: &right, words: &words }).await?;
//! let ann = Account { tenant, subject: "u-17".parse()? };
//! users.0.lock().unwrap().insert("ann@example.com".into(), (ann.clone(), hash));
//!
//! // She signs in, and whoever gets the access token knows her by it.
//! let signed_in = service.attempt(&ann.tenant, "ann@example.com", &right, &context).await?;
//! let Outcome::SignedIn { access, refresh } = signed_in else { panic!("it is her password") };
//! let verifier = Verifier::new(service.tokens.issuer(TokenKind::Access))?;
//! let verified = verifier.verify(access.expose_secret(), SystemClock.now())?;
//! assert_eq!(verified.claims().subject(), "u-17");
//! assert!(refresh.starts_with("rt_"));
//!
//! // Somebody guesses, for a name that there is and for one that there is not: five times each, and then not at all.
//! let guess = Password::from("Tr0ub4dor&3");
//! for name in ["ann@example.com", "bob@example.com"] {
//!     for _ in 0..5 {
//!         let wrong = service.attempt(&ann.tenant, name, &guess, &context).await?;
//!         assert!(matches!(wrong, Outcome::Wrong));
//!     }
//!     let held_back = service.attempt(&ann.tenant, name, &guess, &context).await?;
//!     assert!(matches!(held_back, Outcome::Later(seconds) if (29..=30).contains(&seconds)));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The modules
//!
//! | module | the question that it answers |
//! |---|---|
//! | `throttle` | May another attempt to sign in be made now? Asked before anything is checked. |
//! | `password` | Is it the password? May it be chosen? What is stored of it? |
//! | `totp` | Is the second factor right, and right for the first time? With recovery codes. |
//! | `refresh` | Does a refresh token go on, is it a harmless repetition, or was it stolen? |
//! | `jwt` | May a signed token be believed? Issues our own. |
//! | `jwks` | With which keys do others sign? |
//! | `revocation` | Has an access token ended before it expires? |
//! | `api_key` | Is an API key genuine, and what does it open? |
//! | `roles`, `principal` | Who is it, and what may they do in this tenant? |
//! | [`id`], [`time`], [`audit`], [`store`] | What all of these have in common. |
//!
//! All are made alike. A decision is a pure function with the time as an argument. A store is a trait whose methods each are one
//! atomic step, with an implementation in memory, such in databases where many instances share it, and a suite
//! (`testing::store_conformance`) that your own has to pass. A service ties them to a [clock](time::Clock) and to
//! [events](audit); it is what layers and endpoints hold.
//!
//! # What holds everywhere
//!
//! - An outage is no answer. A [`StoreError`](store::StoreError) never means that a credential is wrong: answer `503`, and the
//!   client keeps what it has.
//! - Who asks hears little, the operator all: one text for every wrong credential, and an [event](audit::Event) with the
//!   reason. No event, error or `Debug` shows a credential.
//! - Whoever does not exist takes as long as who does.
//! - A tenant is part of every name: the same in two tenants is two people, with two counters. Only addresses are counted over
//!   all tenants, since whoever asks can make these up.
//! - Keys have ids, so that they can be replaced while the service runs: the new one is known everywhere before it is used,
//!   the old one until nothing needs it. Never use one key for two purposes.
//!
//! # What it does not do
//!
//! It has no table of accounts and sends no mail. It reads no requests: which address a client has, where its credential
//! stands and whether another site sent it is for the layers to know. It has no OAuth server, and no passkeys.
//!
//! # Features
//!
//! None is on by default; `full` is all of them. A feature adds items and never changes behaviour.
//!
//! | feature | adds | brings in |
//! |---|---|---|
//! | `api-key` | the module `api_key`, with `roles` | `crc32fast`, `hmac`, `ipnet`, `sha2`, `tokio` with `rt` |
//! | `jwks` | the module `jwks`, with `jwt`: keys of other issuers, OpenID Connect discovery | `arc-swap`, `tokio` with `rt`, `sync`, `time` |
//! | `jwks-reqwest` | `jwks::ReqwestFetch`, with `jwks` | `reqwest` with `rustls` |
//! | `jwt` | the module: signed tokens, their keys, the JWKS document | `aws-lc-rs`, `arc-swap`, `serde`, `serde_json` |
//! | `password` | the module: hashing, policy, imported hashes, breach filter, reset tokens | `argon2`, `bcrypt`, `pbkdf2`, `scrypt`, `md-5`, `sha1`, `sha2`, `xorf`, `unicode-normalization`, `tokio` with `rt`, `sync`, `time` |
//! | `password-zxcvbn` | `PasswordPolicy::zxcvbn`, a longer list, with `password` | `zxcvbn` with `regex`, `fancy-regex`, `time` |
//! | `refresh` | the module, with `revocation` and `roles` | `crc32fast`, `hmac`, `sha2` |
//! | `revocation` | the module | `sha2`, `tokio` with `sync`, `time` |
//! | `roles` | the modules `roles` and `principal` | nothing |
//! | `throttle` | the module | `hmac`, `sha2`, `unicode-normalization`, `tokio` with `time` |
//! | `totp` | the module | `chacha20poly1305`, `hmac`, `sha1`, `sha2` |
//! | `postgres` | a `PostgresStore` for `api-key`, `refresh`, `revocation`, `throttle`, `totp` | `sqlx` with `postgres`, `tokio` with `sync`, `time` |
//! | `redis` | a `RedisStore` for `refresh`, `revocation`, `throttle` | `redis`, `tokio` with `rt`, `sync`, `time` |
//! | `sqlite` | a `SqliteStore` for the same modules | `sqlx` with `sqlite`, `tokio` with `sync`, `time` |
//! | `testing` | the module `testing`: a clock that stands still; what stores must pass | `tokio` with `rt` |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "api-key")]
pub mod api_key;
pub mod audit;
pub mod id;
#[cfg(feature = "jwks")]
pub mod jwks;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "password")]
pub mod password;
#[cfg(feature = "roles")]
pub mod principal;
#[cfg(feature = "refresh")]
pub mod refresh;
#[cfg(feature = "revocation")]
pub mod revocation;
#[cfg(any(feature = "api-key", feature = "throttle", feature = "totp"))]
mod ring;
#[cfg(feature = "roles")]
pub mod roles;
#[cfg(all(
    any(feature = "postgres", feature = "sqlite"),
    any(
        feature = "api-key",
        feature = "refresh",
        feature = "revocation",
        feature = "throttle",
        feature = "totp"
    )
))]
mod sql;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "throttle")]
pub mod throttle;
pub mod time;
#[cfg(feature = "totp")]
pub mod totp;

#[cfg(all(doctest, feature = "jwt", feature = "password", feature = "roles"))]
#[doc = include_str!("../README.md")]
struct Readme;
