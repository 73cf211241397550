//! A secret inside of something that is printed: settings, error chains, panics, log lines, spans.

use std::error::Error;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use portcullis_secrets::{ApiKeySecret, Password, Secret, SecretBytes, SecretString};
use tracing_subscriber::fmt::format::FmtSpan;

const CANARY: &str = "canary-7Hq2vX9sLw";

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug` alone")]
struct Config {
    name: &'static str,
    token: SecretString,
    password: Option<Password>,
    key: Result<SecretBytes, String>,
    api_keys: Vec<Arc<ApiKeySecret>>,
    parsed: Secret<Vec<u8>>,
}

fn config() -> Config {
    Config {
        name: "primary",
        token: CANARY.into(),
        password: Some(CANARY.into()),
        key: Ok(CANARY.as_bytes().into()),
        api_keys: vec![Arc::new(CANARY.into())],
        parsed: Secret::new(CANARY.into()),
    }
}

#[track_caller]
fn assert_clean(text: &str) {
    let bytes = format!("{:?}", CANARY.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    assert!(!text.contains("canary") && !text.contains(bytes), "{text}");
    assert!(
        text.contains("[REDACTED]"),
        "nothing was printed at all: {text}"
    );
}

#[test]
fn settings_that_hold_secrets_can_be_printed() {
    for text in [format!("{:?}", config()), format!("{:#?}", config())] {
        assert_clean(&text);
        assert!(text.contains("primary"));
    }
}

/// An error as they are often written: it derives `Debug` over what it was working on.
#[derive(Debug)]
struct Failed {
    with: Config,
    source: Option<Box<Self>>,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed with {:?}", self.with.token)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

fn failed() -> Failed {
    let inner = Failed {
        with: config(),
        source: None,
    };
    Failed {
        with: config(),
        source: Some(Box::new(inner)),
    }
}

#[test]
fn an_error_chain_shows_no_secret() {
    let error = io::Error::other(failed());
    assert_clean(&format!("{error:?}"));
    let mut next: Option<&dyn Error> = Some(&error);
    while let Some(error) = next {
        assert_clean(&error.to_string());
        next = error.source();
    }
}

#[test]
fn a_panic_shows_no_secret() {
    let good = || Ok::<_, ()>(config());
    let bad = || Err::<(), _>(failed());
    let said = Arc::new(Mutex::new(Vec::new()));
    let before = panic::take_hook();
    let hook = said.clone();
    panic::set_hook(Box::new(move |info| {
        hook.lock().unwrap().push(info.to_string());
    }));
    let panics: [&dyn Fn(); 5] = [
        &|| panic!("{:?}", config()),
        &|| {
            good().unwrap_err();
        },
        &|| {
            bad().unwrap();
        },
        &|| assert!(config().token.ct_matches("another"), "{:?}", config().token),
        &|| {
            let secret = SecretString::from(CANARY);
            secret.expose(|_| panic!("while {secret:?} was exposed"));
        },
    ];
    for code in panics {
        panic::catch_unwind(AssertUnwindSafe(code)).unwrap_err();
    }
    panic::set_hook(before);
    let said = said.lock().unwrap();
    assert_eq!(said.len(), panics.len());
    for text in said.iter() {
        assert_clean(text);
    }
}

#[test]
fn spans_and_events_show_no_secret() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let token = SecretString::from(CANARY);
        let span = tracing::info_span!("login", ?token, later = tracing::field::Empty);
        span.record("later", tracing::field::debug(config()));
        let _entered = span.enter();
        tracing::info!(?token, "starting with {:?}", config());
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for line in text.lines() {
        assert_clean(line);
    }
}
