use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::{any, prop_assert, proptest};
use tokio::sync::Semaphore;

use super::envelope::{decrypt, encrypt};
use super::{Answer, Envelope, KeyService, Kms, LocalKeys};
use crate::SecretBytes;
use crate::source::SourceErrorKind::{
    Ambiguous, Empty, Malformed, NotFound, TooLarge, Undecryptable,
};
use crate::source::{
    Chain, FileSource, Loading, MAX_BYTES, SecretSource, SourceError, SourceErrorKind,
};

fn key(byte: u8) -> SecretBytes {
    SecretBytes::from(vec![byte; 32])
}

fn bytes(text: &[u8]) -> SecretBytes {
    SecretBytes::from(text)
}

fn local() -> Kms {
    Kms::new(LocalKeys::new("one", key(1)).unwrap())
}

#[derive(Debug)]
struct Text(String);

impl SecretSource for Text {
    fn load(&self) -> Loading<'_> {
        Box::pin(async { Ok(bytes(self.0.as_bytes()).into()) })
    }
}

async fn open(kms: &Kms, name: &str, envelope: &str) -> Result<Vec<u8>, SourceErrorKind> {
    let source = Envelope::new(name, Text(envelope.to_owned()), kms);
    let loaded = source.load().await.map_err(|error| error.kind())?;
    Ok(loaded.value().expose_secret().to_vec())
}

#[tokio::test]
async fn what_is_sealed_is_opened_under_its_name_only() {
    let kms = local();
    let envelope = kms.seal("a", &bytes(b"secret \0 bytes")).await.unwrap();
    assert!(!envelope.contains("secret") && envelope.is_ascii());
    assert_eq!(
        open(&kms, "a", &envelope).await.unwrap(),
        b"secret \0 bytes"
    );
    assert_eq!(open(&kms, "b", &envelope).await, Err(Undecryptable));
    let again = kms.seal("a", &bytes(b"secret \0 bytes")).await.unwrap();
    assert_ne!(envelope, again, "keys and nonces are drawn anew");
    let version = async |envelope: &str| {
        Envelope::new("a", Text(envelope.to_owned()), &kms)
            .load()
            .await
            .unwrap()
            .version()
    };
    assert_eq!(version(&envelope).await, version(&again).await);
}

#[tokio::test]
async fn old_master_keys_still_decrypt() {
    let old = local().seal("a", &bytes(b"secret")).await.unwrap();
    let keys = LocalKeys::new("two", key(2))
        .unwrap()
        .also("one", key(1))
        .unwrap();
    assert!(format!("{keys:?}").contains("two"));
    let kms = Kms::new(keys);
    assert_eq!(open(&kms, "a", &old).await.unwrap(), b"secret");
    let new = kms.seal("a", &bytes(b"secret")).await.unwrap();
    assert_eq!(
        open(&local(), "a", &new).await,
        Err(Undecryptable),
        "the old key alone does not"
    );
    let impostor = Kms::new(LocalKeys::new("one", key(3)).unwrap());
    assert_eq!(open(&impostor, "a", &old).await, Err(Undecryptable));

    let keys = || LocalKeys::new("one", key(1)).unwrap();
    assert_eq!(keys().also("one", key(2)).unwrap_err().kind(), Ambiguous);
    assert_eq!(
        keys().also("short", bytes(b"short")).unwrap_err().kind(),
        Malformed
    );
}

#[tokio::test]
async fn what_was_changed_is_refused_in_each_part() {
    let kms = local();
    let envelope = kms.seal("a", &bytes(b"secret")).await.unwrap();
    let parts: Vec<_> = envelope.split('.').collect();
    for changed in 1..parts.len() {
        let decoded = URL_SAFE_NO_PAD.decode(parts[changed]).unwrap();
        for index in 0..decoded.len() {
            let mut decoded = decoded.clone();
            decoded[index] ^= 1;
            let encoded = URL_SAFE_NO_PAD.encode(&decoded);
            let mut parts = parts.clone();
            parts[changed] = &encoded;
            assert_eq!(
                open(&kms, "a", &parts.join(".")).await,
                Err(Undecryptable),
                "part {changed} byte {index}"
            );
        }
    }
    let [format, id, wrapped, sealed] = parts[..] else {
        panic!("{envelope}");
    };
    let others = [
        String::new(),
        "portcullis-envelope-2.a.b.c".to_owned(),
        format!("{format}.{id}.{wrapped}"),
        format!("{envelope}.{sealed}"),
        format!("{format}.{id}.{wrapped}."),
        format!("{format}.{id}..{sealed}"),
        format!("{format}.{id}.{wrapped}.{sealed}="),
        format!("{format}.!.{wrapped}.{sealed}"),
        format!(" {envelope}"),
    ];
    for other in others {
        assert_eq!(open(&kms, "a", &other).await, Err(Malformed), "{other}");
    }
}

#[tokio::test]
async fn what_cannot_be_loaded_is_not_sealed() {
    let kms = local();
    let kind = async |secret: Vec<u8>| kms.seal("a", &secret.into()).await.unwrap_err().kind();
    assert_eq!(kind(Vec::new()).await, Empty);
    assert_eq!(kind(vec![0; MAX_BYTES]).await, TooLarge);
    let envelope = kms.seal("a", &vec![0; 48_000].into()).await.unwrap();
    assert_eq!(open(&kms, "a", &envelope).await.unwrap().len(), 48_000);
}

#[tokio::test]
async fn a_chain_goes_on_without_an_envelope_and_not_with_a_bad_one() {
    let kms = local();
    let chain = |first: Envelope<Text>| Chain::new().then(first).then(Text("default".into()));
    let missing = Envelope::new("a", FileSource::new("/nowhere"), &kms);
    assert_eq!(missing.load().await.unwrap_err().kind(), NotFound);
    let envelope = kms.seal("b", &bytes(b"secret")).await.unwrap();
    let bad = chain(Envelope::new("a", Text(envelope), &kms));
    assert_eq!(bad.load().await.unwrap_err().kind(), Undecryptable);
    let unknown = Kms::new(LocalKeys::new("two", key(1)).unwrap())
        .seal("a", &bytes(b"secret"))
        .await
        .unwrap();
    assert_eq!(
        chain(Envelope::new("a", Text(unknown), &kms))
            .load()
            .await
            .unwrap_err()
            .kind(),
        Undecryptable
    );
}

/// Answers when it is let, and remembers how many waited at the same time.
#[derive(Clone, Debug)]
struct Slow(Arc<(AtomicUsize, AtomicUsize, Semaphore)>);

impl KeyService for Slow {
    fn wrap_key<'a>(&'a self, _: &'a SecretBytes, _: &'a str) -> Answer<'a, (String, Vec<u8>)> {
        Box::pin(async { Ok(("slow".to_owned(), vec![0])) })
    }

    fn unwrap_key<'a>(&'a self, _: &'a str, _: &'a [u8], _: &'a str) -> Answer<'a, SecretBytes> {
        Box::pin(async {
            let (now, most, gate) = &*self.0;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
            now.fetch_sub(1, Ordering::SeqCst);
            Err(SourceError::new(NotFound, "slow key"))
        })
    }
}

#[tokio::test]
async fn four_requests_are_under_way_at_most() {
    let slow = Slow(Arc::new((
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        Semaphore::new(0),
    )));
    let kms = Kms::new(slow.clone());
    let envelope = kms.seal("a", &bytes(b"secret")).await.unwrap();
    let loads: Vec<_> = (0..10)
        .map(|_| {
            let (kms, envelope) = (kms.clone(), envelope.clone());
            tokio::spawn(async move { open(&kms, "a", &envelope).await })
        })
        .collect();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.0.0.load(Ordering::SeqCst), 4);
    slow.0.2.add_permits(10);
    for load in loads {
        assert_eq!(
            load.await.unwrap(),
            Err(Undecryptable),
            "a key that is not there is no secret that is not there"
        );
    }
    assert_eq!(slow.0.1.load(Ordering::SeqCst), 4);
}

proptest! {
    #[test]
    fn any_message_comes_back_and_no_garbage_does(message in any::<Vec<u8>>(), garbage in any::<Vec<u8>>()) {
        let sealed = encrypt(&key(1), "context", &SecretBytes::from(&message[..])).unwrap();
        let opened = decrypt(&key(1), "context", &sealed).unwrap();
        prop_assert!(opened.ct_matches(&message));
        prop_assert!(decrypt(&key(1), "context", &garbage).is_err());
    }
}
