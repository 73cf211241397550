use std::num::NonZeroU32;
use std::sync::{Condvar, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use portcullis_secrets::SecretBytes;

use super::super::{ForeignScheme, Normalization, PasswordErrorKind, UnreadableHash};
use super::turns::QUEUE;
use super::*;

const PASSWORD: &str = "correct horse battery staple";
const CHEAP: HashParams = HashParams::danger_cheapest();

/// Costs that can be told apart and still take no time.
fn params(memory_kib: u32, passes: u32) -> HashParams {
    HashParams::within_limits(memory_kib, passes, 1).unwrap()
}

fn hasher(params: HashParams) -> Hasher {
    Hasher::settings(params).build().unwrap()
}

fn password() -> Password {
    Password::from(PASSWORD)
}

async fn rehash_of(hasher: &Hasher, stored: &PasswordHash) -> Option<PasswordHash> {
    match hasher.verify(&password(), Some(stored)).await.unwrap() {
        Match::Right { rehash: None } => None,
        Match::Right { rehash: Some(job) } => Some(job.hash().await.unwrap()),
        Match::Wrong => panic!("{}", stored.as_str()),
    }
}

#[tokio::test]
async fn a_hash_matches_its_password_and_has_a_salt_of_its_own() {
    let hasher = hasher(CHEAP);
    let first = hasher.hash(&password()).await.unwrap();
    let second = hasher.hash(&password()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(rehash_of(&hasher, &first).await, None);
    let wrong = hasher.verify(&Password::from("guess"), Some(&first)).await;
    assert!(matches!(wrong, Ok(Match::Wrong)));
    let info = first.info().unwrap();
    assert_eq!(info.params(), Some(CHEAP));
    assert_eq!(info.algorithm(), crate::password::Algorithm::Argon2id);
}

// AUTH case 31
#[tokio::test]
async fn a_hash_of_4_gib_is_rejected_before_anything_is_computed() {
    let hasher = hasher(CHEAP);
    let stored = hasher.hash(&password()).await.unwrap();
    let made = hasher.stats();
    let greedy = PasswordHash::new(stored.as_str().replace("m=8", "m=4194304"));
    let error = hasher.verify(&password(), Some(&greedy)).await.unwrap_err();
    assert_eq!(error.kind(), PasswordErrorKind::ParamsRejected);
    assert_eq!(hasher.stats(), made);
}

/// Holds each hash until it is let go, and remembers how many it held at once.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<(Mutex<Held>, Condvar)>);

#[derive(Debug, Default)]
struct Held {
    open: bool,
    running: usize,
    most: usize,
    finished: usize,
}

impl ForeignScheme for Gate {
    fn verify(&self, _: &Password, _: &str) -> Result<bool, UnreadableHash> {
        let (held, changed) = &*self.0;
        let mut held = held.lock().unwrap();
        held.running += 1;
        held.most = held.most.max(held.running);
        changed.notify_all();
        // Not for ever, or a test that fails would not end.
        let waited = changed.wait_timeout_while(held, PATIENCE, |held| !held.open);
        held = waited.unwrap().0;
        held.running -= 1;
        held.finished += 1;
        changed.notify_all();
        Ok(true)
    }
}

/// Longer than anything takes on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

impl Gate {
    fn hasher(&self, concurrency: u32) -> Hasher {
        Hasher::settings(CHEAP)
            .concurrency(NonZeroU32::new(concurrency).unwrap())
            .scheme("gate", self.clone())
            .build()
            .unwrap()
    }

    async fn until(&self, reached: impl Fn(&Held) -> bool + Send + 'static) {
        let gate = self.clone();
        let wait = move || {
            let (held, changed) = &*gate.0;
            let held = held.lock().unwrap();
            let waited = changed.wait_timeout_while(held, PATIENCE, |held| !reached(held));
            let (held, waited) = waited.unwrap();
            drop(held);
            assert!(!waited.timed_out(), "it does not happen");
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    fn open(&self) {
        let (held, changed) = &*self.0;
        held.lock().unwrap().open = true;
        changed.notify_all();
    }
}

// AUTH case 32
#[tokio::test]
async fn clients_that_hang_up_never_start_more_than_4_hashes() {
    let gate = Gate::default();
    let hasher = gate.hasher(4);
    let stored = PasswordHash::new("{gate}");
    let login = || {
        let (hasher, stored) = (hasher.clone(), stored.clone());
        tokio::spawn(async move { hasher.verify(&password(), Some(&stored)).await })
    };
    for _ in 0..10 {
        let clients: Vec<_> = (0..20).map(|_| login()).collect();
        gate.until(|held| held.running == 4).await;
        for client in &clients {
            client.abort();
        }
        for client in clients {
            match client.await {
                Err(gone) => assert!(gone.is_cancelled()),
                Ok(served) => assert_eq!(served.unwrap_err().kind(), PasswordErrorKind::Busy),
            }
        }
        // Those who waited have gone; those whose hashes are being made still count.
        assert_eq!(hasher.stats().pending, 4);
    }
    gate.open();
    let last = hasher.verify(&password(), Some(&stored)).await;
    assert!(matches!(last, Ok(Match::Right { .. })));
    gate.until(|held| held.finished == 5).await;
    assert_eq!(gate.0.0.lock().unwrap().most, 4);
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_to_come_again() {
    let gate = Gate::default();
    let hasher = gate.hasher(1);
    let stored = PasswordHash::new("{gate}");
    let login = || {
        let (hasher, stored) = (hasher.clone(), stored.clone());
        tokio::spawn(async move { hasher.verify(&password(), Some(&stored)).await })
    };
    let first = login();
    gate.until(|held| held.running == 1).await;
    let waiting: Vec<_> = (0..QUEUE).map(|_| login()).collect();
    while hasher.stats().pending < 1 + QUEUE as usize {
        tokio::task::yield_now().await;
    }
    // The queue is full: at once.
    let before = tokio::time::Instant::now();
    let full = hasher.hash(&password()).await.unwrap_err();
    assert_eq!(full.kind(), PasswordErrorKind::Busy);
    assert_eq!(full.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(before.elapsed(), Duration::ZERO);
    // In the queue: after two seconds.
    tokio::time::advance(Duration::from_millis(1999)).await;
    assert!(waiting.iter().all(|client| !client.is_finished()));
    tokio::time::advance(Duration::from_millis(2)).await;
    for client in waiting {
        let error = client.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), PasswordErrorKind::Busy);
    }
    assert_eq!(hasher.stats().refused, 1 + u64::from(QUEUE));
    gate.open();
    assert!(first.await.unwrap().is_ok());
}

// AUTH case 33: by the work that is done, which the time follows.
#[tokio::test]
async fn a_name_that_is_unknown_costs_what_a_wrong_password_costs() {
    let hasher = hasher(params(64, 2));
    let known = hasher.hash(&password()).await.unwrap();
    let wrong = Password::from("Tr0ub4dor&3");
    let mut before = hasher.stats();
    for stored in [None, Some(&known), None, Some(&known)] {
        let verdict = hasher.verify(&wrong, stored).await;
        assert!(matches!(verdict, Ok(Match::Wrong)));
        let after = hasher.stats();
        assert_eq!(after.filled_kib - before.filled_kib, 128);
        assert_eq!(after.hashes - before.hashes, 1);
        before = after;
    }
}

/// Run with `--ignored --nocapture` on a machine that does nothing else.
// AUTH case 33: by the clock.
#[tokio::test]
#[ignore = "it measures time"]
async fn a_name_that_is_unknown_takes_as_long_as_a_wrong_password() {
    let hasher = hasher(HashParams::OWASP);
    let known = hasher.hash(&password()).await.unwrap();
    let cheap = Hasher::settings(params(4096, 1)).build().unwrap();
    let cheap = cheap.hash(&password()).await.unwrap();
    let bcrypt = PasswordHash::new("$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG");
    let wrong = Password::from("Tr0ub4dor&3");
    let stored = [None, Some(&known), Some(&cheap), Some(&bcrypt)];
    let mut samples = stored.map(|_| Vec::new());
    for _ in 0..500 {
        for (stored, samples) in stored.iter().zip(&mut samples) {
            let start = std::time::Instant::now();
            hasher.verify(&wrong, *stored).await.unwrap();
            samples.push(start.elapsed());
        }
    }
    let medians = samples.map(|mut samples| {
        samples.sort();
        samples[samples.len() / 2].as_secs_f64()
    });
    println!("medians in seconds: unknown, known, cheaper, bcrypt: {medians:?}");
    for median in medians {
        assert!((median / medians[0] - 1.0).abs() < 0.05, "{medians:?}");
    }
}

#[tokio::test]
async fn a_cheaper_hash_costs_the_same_when_the_password_is_wrong() {
    let present = hasher(params(64, 3));
    let wrong = Password::from("Tr0ub4dor&3");
    for (memory, passes) in [(8, 1), (64, 1), (32, 3), (64, 2), (192, 1)] {
        let cheaper = hasher(params(memory, passes));
        let stored = cheaper.hash(&password()).await.unwrap();
        let before = present.stats().filled_kib;
        let verdict = present.verify(&wrong, Some(&stored)).await;
        assert!(matches!(verdict, Ok(Match::Wrong)));
        assert_eq!(
            present.stats().filled_kib - before,
            192,
            "{memory} {passes}"
        );
    }
    // No filler when it is right: whoever knows the password may know how old its hash is.
    let stored = hasher(params(8, 1)).hash(&password()).await.unwrap();
    let before = present.stats().filled_kib;
    assert!(matches!(
        present.verify(&password(), Some(&stored)).await,
        Ok(Match::Right { .. })
    ));
    assert_eq!(present.stats().filled_kib - before, 8);
}

// AUTH case 35
#[tokio::test]
async fn the_length_is_looked_at_before_anything_else() {
    let hasher = hasher(CHEAP);
    let stored = hasher.hash(&password()).await.unwrap();
    let made = hasher.stats();
    for long in [0, 1025, 1 << 20] {
        let text = Password::from("x".repeat(long));
        for error in [
            hasher.hash(&text).await.unwrap_err(),
            hasher.verify(&text, Some(&stored)).await.unwrap_err(),
            hasher.verify(&text, None).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), PasswordErrorKind::Length, "{long}");
        }
    }
    assert_eq!(hasher.stats(), made);
    for allowed in ["x".repeat(1024), " ".into(), " ".repeat(20), "\0".into()] {
        let text = Password::from(allowed);
        let stored = hasher.hash(&text).await.unwrap();
        let verdict = hasher.verify(&text, Some(&stored)).await;
        assert!(matches!(verdict, Ok(Match::Right { .. })));
    }
}

// AUTH case 36
#[tokio::test]
async fn one_character_is_one_however_it_is_typed_unless_told_otherwise() {
    let composed = Password::from("caf\u{e9} con leche");
    let decomposed = Password::from("cafe\u{301} con leche");
    let nfc = hasher(CHEAP);
    let raw = Hasher::settings(CHEAP).normalization(Normalization::None);
    let raw = raw.build().unwrap();

    let stored = nfc.hash(&decomposed).await.unwrap();
    for hasher in [&nfc, &raw] {
        for typed in [&composed, &decomposed] {
            // What is stored says how it was made, whatever is set now. Nor is it made anew for that.
            let verdict = hasher.verify(typed, Some(&stored)).await.unwrap();
            assert!(matches!(verdict, Match::Right { rehash: None }));
        }
    }

    // Not even with a hash that is made anew for another reason.
    let dearer = Hasher::settings(params(64, 2)).normalization(Normalization::None);
    let dearer = dearer.build().unwrap();
    let verdict = dearer.verify(&decomposed, Some(&stored)).await.unwrap();
    let Match::Right { rehash: Some(job) } = verdict else {
        panic!("it costs less than it should");
    };
    let dearer = job.hash().await.unwrap();
    assert!(dearer.as_str().starts_with("$argon2id$"));
    let verdict = raw.verify(&composed, Some(&dearer)).await;
    assert!(matches!(verdict, Ok(Match::Right { .. })));

    let stored = raw.hash(&decomposed).await.unwrap();
    assert!(stored.as_str().starts_with("{raw}$argon2id$"));
    for hasher in [&nfc, &raw] {
        let verdict = hasher.verify(&composed, Some(&stored)).await;
        assert!(matches!(verdict, Ok(Match::Wrong)));
    }
    let verdict = raw.verify(&decomposed, Some(&stored)).await.unwrap();
    assert!(matches!(verdict, Match::Right { rehash: None }));
    let verdict = nfc.verify(&decomposed, Some(&stored)).await.unwrap();
    let Match::Right { rehash: Some(job) } = verdict else {
        panic!("{verdict:?}");
    };
    let normal = job.hash().await.unwrap();
    let verdict = nfc.verify(&composed, Some(&normal)).await;
    assert!(matches!(verdict, Ok(Match::Right { rehash: None })));
}

#[tokio::test]
async fn a_hash_is_made_anew_for_any_cost_below_the_present_one_and_never_lowered() {
    let present = hasher(params(64, 2));
    for ((memory, passes), expected) in [
        ((64, 2), None),
        ((128, 3), None),
        ((32, 2), Some((64, 2))),
        ((64, 1), Some((64, 2))),
        // Stronger in one way and weaker in the other: the better of both.
        ((256, 1), Some((256, 2))),
        ((32, 5), Some((64, 5))),
    ] {
        let stored = hasher(params(memory, passes)).hash(&password()).await;
        let new = rehash_of(&present, &stored.unwrap()).await;
        let costs = new
            .as_ref()
            .map(|new| new.info().unwrap().params().unwrap());
        let expected = expected.map(|(memory, passes)| params(memory, passes));
        assert_eq!(costs, expected, "{memory} {passes}");
        if let Some(new) = new {
            assert_eq!(rehash_of(&present, &new).await, None);
        }
    }
}

#[tokio::test]
async fn a_hash_is_made_anew_for_its_algorithm_version_and_lengths() {
    let hasher = hasher(CHEAP);
    // By argon2-cffi, bcrypt and passlib, of the same password.
    for stored in [
        "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$vmoqB/wxwTd/4jHFM8XsQVEKt1SGi0QK70i3v40h2uU",
        "$argon2i$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$x/Yd6+dOKGkiHup1XvPL1tYW1OKl754mItFYjwPMb90",
        "{md5}$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$AxVrL/RtRmDzjrf+17bWe56coji4AyTJDillQkG3G7A",
        "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
        "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI",
        "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g",
    ] {
        let new = rehash_of(&hasher, &PasswordHash::new(stored)).await;
        let new = new.unwrap_or_else(|| panic!("{stored}"));
        assert!(new.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
        assert_eq!(rehash_of(&hasher, &new).await, None, "{stored}");
    }
    for (salt, output) in [(8, 32), (15, 32), (16, 16), (16, 31)] {
        let (salt, mut hash) = (vec![7; salt], vec![0; output]);
        let made = argon2::Params::new(8, 1, 1, Some(output)).unwrap();
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, made)
            .hash_password_into(password().expose_secret().as_bytes(), &salt, &mut hash)
            .unwrap();
        let [salt, hash] = [salt, hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        let stored = format!("$argon2id$v=19$m=8,t=1,p=1${salt}${hash}");
        let new = rehash_of(&hasher, &PasswordHash::new(stored)).await;
        assert!(new.is_some(), "{salt} {hash}");
    }
    let same = "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$XdTJKPvVpEdCNu922dgwQXj+XfOITS04PpG3cDMn5sE";
    assert_eq!(rehash_of(&hasher, &PasswordHash::new(same)).await, None);
}

#[tokio::test]
async fn peppers_are_replaced_while_it_runs_and_their_hashes_follow() {
    let secret = || Arc::new(SecretBytes::generate(32).unwrap());
    let id = |id: &str| id.parse::<crate::password::PepperId>().unwrap();
    let (one, two) = (secret(), secret());
    let hasher = hasher(CHEAP);
    let bare = hasher.hash(&password()).await.unwrap();

    hasher
        .set_peppers(Peppers::new(id("k1"), one.clone()).unwrap())
        .unwrap();
    let first = rehash_of(&hasher, &bare).await.unwrap();
    assert_eq!(first.info().unwrap().pepper(), Some(&id("k1")));

    // Known to all before it is used by any.
    let known = Peppers::new(id("k1"), one.clone()).unwrap();
    let clone = hasher.clone();
    clone
        .set_peppers(known.and(id("k2"), two.clone()).unwrap())
        .unwrap();
    assert_eq!(rehash_of(&hasher, &first).await, None);

    let used = Peppers::new(id("k2"), two.clone()).unwrap();
    hasher
        .set_peppers(used.and(id("k1"), one).unwrap())
        .unwrap();
    let second = rehash_of(&hasher, &first).await.unwrap();
    assert_eq!(second.info().unwrap().pepper(), Some(&id("k2")));

    hasher
        .set_peppers(Peppers::new(id("k2"), two).unwrap())
        .unwrap();
    assert_eq!(rehash_of(&hasher, &second).await, None);
    let made = hasher.stats();
    let error = hasher.verify(&password(), Some(&first)).await.unwrap_err();
    assert_eq!(error.kind(), PasswordErrorKind::PepperUnknown);
    assert_eq!(error.pepper(), Some(&id("k1")));
    assert_eq!(hasher.stats(), made);
}

#[tokio::test]
async fn a_wrapped_digest_opens_to_its_password_and_is_made_anew() {
    let hasher = hasher(CHEAP);
    for (digest, digits) in [
        (LegacyDigest::Md5, "9CC2AE8A1BA7A93DA39B46FC1019C481"),
        (
            LegacyDigest::Sha1,
            "abf7aad6438836dbe526aa231abde2d0eef74d42",
        ),
    ] {
        let stored = hasher.wrap(digest, digits).await.unwrap();
        let new = rehash_of(&hasher, &stored).await.unwrap();
        assert!(new.as_str().starts_with("$argon2id$"));
        // What was stolen of the old table opens nothing.
        let digits = Password::from(digits.to_lowercase());
        let verdict = hasher.verify(&digits, Some(&stored)).await;
        assert!(matches!(verdict, Ok(Match::Wrong)));
    }
    for (digest, digits) in [
        (
            LegacyDigest::Md5,
            "abf7aad6438836dbe526aa231abde2d0eef74d42",
        ),
        (LegacyDigest::Sha1, ""),
        (LegacyDigest::Md5, "9cc2ae8a1ba7a93da39b46fc1019c48x"),
    ] {
        let error = hasher.wrap(digest, digits).await.unwrap_err();
        assert_eq!(error.kind(), PasswordErrorKind::Malformed, "{digits}");
    }
}

#[tokio::test]
async fn a_hash_that_takes_more_memory_takes_the_turns_of_several() {
    let gate = Gate::default();
    let hasher = Hasher::settings(CHEAP)
        .concurrency(NonZeroU32::new(2).unwrap())
        .patience(Duration::ZERO)
        .scheme("gate", gate.clone())
        .build()
        .unwrap();
    let large = Hasher::settings(params(1024, 1)).build().unwrap();
    let large = large.hash(&password()).await.unwrap();
    assert_eq!(rehash_of(&hasher, &large).await, None);

    let held = hasher.clone();
    let held = tokio::spawn(async move {
        let stored = PasswordHash::new("{gate}");
        held.verify(&password(), Some(&stored)).await
    });
    gate.until(|held| held.running == 1).await;
    // One of two turns is taken: enough for a usual hash, not for a large one.
    assert!(hasher.hash(&password()).await.is_ok());
    let error = hasher.verify(&password(), Some(&large)).await.unwrap_err();
    assert_eq!(error.kind(), PasswordErrorKind::Busy);
    gate.open();
    held.await.unwrap().unwrap();
}

#[derive(Debug)]
struct Panics;

impl ForeignScheme for Panics {
    fn verify(&self, _: &Password, hash: &str) -> Result<bool, UnreadableHash> {
        match hash {
            "panic" => panic!("a scheme of the caller's"),
            _ => Err(UnreadableHash),
        }
    }
}

#[tokio::test]
async fn a_scheme_that_fails_or_panics_is_no_wrong_password_and_keeps_no_turn() {
    let hasher = Hasher::settings(CHEAP).scheme("x", Panics).build().unwrap();
    for (stored, kind) in [
        ("{x}panic", PasswordErrorKind::Stopped),
        ("{x}else", PasswordErrorKind::Malformed),
    ] {
        let stored = PasswordHash::new(stored);
        let error = hasher.verify(&password(), Some(&stored)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    assert_eq!(hasher.stats().pending, 0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let settings = || Hasher::settings(HashParams::OWASP);
    assert!(settings().memory_budget(19_455).build().is_err());
    let one = settings().memory_budget(19_456).build().unwrap();
    assert_eq!(one.stats().concurrency, 1);
    let many = settings().concurrency(NonZeroU32::MAX).build().unwrap();
    assert_eq!(many.stats().concurrency, 13);
    for name in ["", "a b", "raw", "md5", "sha1", "a}"] {
        assert!(settings().scheme(name, Panics).build().is_err(), "{name}");
    }
    let twice = settings().scheme("a", Panics).scheme("a", Panics);
    assert!(twice.build().is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let hasher = hasher(CHEAP);
    let shown = format!("{hasher:?}");
    assert!(shown.contains("concurrency"), "{shown}");
    assert!(
        !shown.contains("salt") && !shown.contains("output"),
        "{shown}"
    );
    let hash = PasswordHash::new("$argon2id$..");
    assert_eq!(format!("{hash:?}"), "PasswordHash([REDACTED])");
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&hasher);
}
