use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::SourceErrorKind::{
    Ambiguous, BadName, ByteOrderMark, Dangling, Empty, Incomplete, NotAFile, NotFound, NotUtf8,
    Nul, TooLarge, Unavailable,
};
use super::*;

type Outcome<'a> = Result<&'a [u8], SourceErrorKind>;

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The secret, or why there is none.
async fn outcome(source: impl SecretSource) -> Result<Vec<u8>, SourceErrorKind> {
    match source.load().await {
        Ok(loaded) => Ok(loaded.value().expose_secret().to_vec()),
        Err(error) => Err(error.kind()),
    }
}

/// Delivers what it is told to and counts how often it is asked.
#[derive(Clone, Debug)]
struct Told(
    Result<&'static str, SourceErrorKind>,
    Option<Lease>,
    Arc<AtomicUsize>,
);

impl Told {
    fn new(outcome: Result<&'static str, SourceErrorKind>) -> Self {
        Self(outcome, None, Arc::default())
    }
}

impl SecretSource for Told {
    fn load(&self) -> Loading<'_> {
        self.2.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            let value = self
                .0
                .map_err(|kind| SourceError::new(kind, "told source"))?;
            Ok(Versioned::from(SecretBytes::from(value.as_bytes())).lease(self.1))
        })
    }
}

#[tokio::test]
async fn a_file_is_its_content_without_one_line_end() {
    let longest = vec![b'x'; MAX_BYTES];
    let too_long = vec![b'x'; MAX_BYTES + 1];
    let cases: [(&[u8], Outcome<'_>, Outcome<'_>); 17] = [
        // The content, what it is as text, what it is as bytes.
        (b"secret", Ok(b"secret"), Ok(b"secret")),
        (b"secret\n", Ok(b"secret"), Ok(b"secret\n")),
        (b"secret\r\n", Ok(b"secret"), Ok(b"secret\r\n")),
        (b"secret\n\n", Ok(b"secret\n"), Ok(b"secret\n\n")),
        (b"secret\r\n\r\n", Ok(b"secret\r\n"), Ok(b"secret\r\n\r\n")),
        (b"secret\r", Ok(b"secret\r"), Ok(b"secret\r")),
        (b" secret \n", Ok(b" secret "), Ok(b" secret \n")),
        (b"\n", Err(Empty), Ok(b"\n")),
        (b"\r\n", Err(Empty), Ok(b"\r\n")),
        (b"", Err(Empty), Err(Empty)),
        (b"se\0cret", Err(Nul), Ok(b"se\0cret")),
        (
            b"\xef\xbb\xbfsecret",
            Err(ByteOrderMark),
            Ok(b"\xef\xbb\xbfsecret"),
        ),
        (b"\xff\xfes\0", Err(ByteOrderMark), Ok(b"\xff\xfes\0")),
        (b"\xfe\xff\0s", Err(ByteOrderMark), Ok(b"\xfe\xff\0s")),
        (b"secr\xe9t", Err(NotUtf8), Ok(b"secr\xe9t")),
        (&longest, Ok(&longest), Ok(&longest)),
        (&too_long, Err(TooLarge), Err(TooLarge)),
    ];
    let directory = temporary();
    let path = directory.path().join("file");
    for (content, text, binary) in cases {
        fs::write(&path, content).unwrap();
        let text = text.map(<[u8]>::to_vec);
        let binary = binary.map(<[u8]>::to_vec);
        assert_eq!(outcome(FileSource::new(&path)).await, text, "{content:?}");
        assert_eq!(
            outcome(FileSource::new(&path).binary()).await,
            binary,
            "{content:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_read() {
    let directory = temporary();
    assert_eq!(
        outcome(FileSource::new(directory.path())).await,
        Err(NotAFile)
    );
    assert_eq!(
        outcome(FileSource::new(directory.path().join("none"))).await,
        Err(NotFound)
    );
    let beneath_a_file = directory.path().join("file/beneath");
    fs::write(directory.path().join("file"), "x").unwrap();
    assert_eq!(
        outcome(FileSource::new(beneath_a_file)).await,
        Err(SourceErrorKind::Io)
    );
    #[cfg(target_os = "linux")]
    assert_eq!(outcome(FileSource::new("/dev/zero")).await, Err(NotAFile));
}

#[test]
fn a_file_can_be_read_without_a_runtime() {
    let directory = temporary();
    let path = directory.path().join("file");
    fs::write(&path, "secret\n").unwrap();
    let source = FileSource::new(&path);
    assert_eq!(source.read().unwrap().value().expose_secret(), b"secret");
    let mut loading = source.load();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(loading.as_mut().poll(&mut context).is_ready());
}

#[cfg(unix)]
#[tokio::test]
async fn a_strict_source_refuses_a_file_that_others_may_read_or_write() {
    use std::os::unix::fs::PermissionsExt;
    let directory = temporary();
    let path = directory.path().join("file");
    fs::write(&path, "secret").unwrap();
    let open = [
        (0o400, false),
        (0o600, false),
        (0o711, false),
        (0o640, true),
        (0o604, true),
        (0o620, true),
        (0o666, true),
    ];
    for (mode, open) in open {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let strict = outcome(FileSource::new(&path).strict()).await;
        assert_eq!(
            strict == Err(SourceErrorKind::Permissions),
            open,
            "{mode:o}"
        );
        let directory = Directory::new(directory.path()).strict();
        assert_eq!(outcome(directory.secret("file").unwrap()).await, strict);
        assert_eq!(
            outcome(FileSource::new(&path)).await.as_deref(),
            Ok(&b"secret"[..])
        );
    }
}

#[tokio::test]
async fn the_environment_is_read_once() {
    let variable = |value: Option<&'static [u8]>| {
        EnvSource::look_up("TOKEN", |name| {
            assert_eq!(name, "TOKEN");
            value.map(os_string)
        })
    };
    assert_eq!(outcome(variable(None)).await, Err(NotFound));
    assert_eq!(outcome(variable(Some(b""))).await, Err(Empty));
    // A variable has no line end by accident.
    assert_eq!(outcome(variable(Some(b"a\n"))).await, Ok(b"a\n".to_vec()));
    #[cfg(unix)]
    assert_eq!(outcome(variable(Some(b"\xff"))).await, Err(NotUtf8));

    let asked = AtomicUsize::new(0);
    let source = EnvSource::look_up("TOKEN", |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        Some("secret".into())
    });
    for _ in 0..3 {
        assert_eq!(
            source.load().await.unwrap().value().expose_secret(),
            b"secret"
        );
    }
    assert_eq!(asked.into_inner(), 1);
    assert!(!format!("{source:?}").contains("secret"));
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[tokio::test]
async fn a_variable_may_name_a_file_instead() {
    let directory = temporary();
    let path = directory.path().join("file");
    fs::write(&path, "from the file\n").unwrap();
    let path = path.to_str().unwrap();
    let missing = directory.path().join("missing");
    let missing = missing.to_str().unwrap();
    let cases = [
        // TOKEN, TOKEN_FILE, outcome.
        (None, None, Err(NotFound)),
        (Some("value"), None, Ok("value")),
        (None, Some(path), Ok("from the file")),
        (Some("value"), Some(path), Err(Ambiguous)),
        (Some(""), Some(path), Err(Ambiguous)),
        (None, Some(""), Err(Empty)),
        // The operator said that it is there: a chain must not go on.
        (None, Some(missing), Err(Dangling)),
    ];
    for (value, file, expected) in cases {
        let source = EnvSource::look_up_or_file("TOKEN", |name| match name {
            "TOKEN" => value.map(OsString::from),
            "TOKEN_FILE" => file.map(OsString::from),
            other => panic!("{other} was asked for"),
        });
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(outcome(source).await, expected, "{value:?} {file:?}");
    }

    // The variable is read once, the file each time.
    let source =
        EnvSource::look_up_or_file("TOKEN", |name| (name == "TOKEN_FILE").then(|| path.into()));
    assert_eq!(
        source.load().await.unwrap().value().expose_secret(),
        b"from the file"
    );
    fs::write(path, "another").unwrap();
    assert_eq!(
        source.load().await.unwrap().value().expose_secret(),
        b"another"
    );
}

#[tokio::test]
async fn a_name_stays_inside_of_its_directory() {
    let directory = temporary();
    fs::write(directory.path().join("key"), "secret").unwrap();
    let secrets = Directory::new(directory.path().join("."));
    assert_eq!(
        outcome(secrets.secret("key").unwrap()).await,
        Ok(b"secret".to_vec())
    );
    let long = "x".repeat(256);
    for name in [
        "",
        ".",
        "..",
        "../key",
        "a/b",
        "/etc/passwd",
        "..data",
        ".hidden",
        "a\\b",
        "c:d",
        "a\nb",
        "a\0b",
        &long,
    ] {
        assert_eq!(
            secrets.secret(name).unwrap_err().kind(),
            BadName,
            "{name:?}"
        );
        assert_eq!(
            secrets.group(["key", name]).unwrap_err().kind(),
            BadName,
            "{name:?}"
        );
    }
    let nowhere = Directory::new("/nowhere");
    assert_eq!(outcome(nowhere.secret("key").unwrap()).await, Err(NotFound));
    assert_eq!(
        nowhere
            .group(["a", "b"])
            .unwrap()
            .load()
            .await
            .unwrap_err()
            .kind(),
        NotFound
    );
}

#[tokio::test]
async fn a_chain_ends_at_what_is_found_and_at_any_error() {
    let cases = [
        // The outcomes of three sources, that of the chain, and how many of them are asked.
        ([Ok("a"), Ok("b"), Ok("c")], Ok("a"), 1),
        ([Err(NotFound), Ok("b"), Ok("c")], Ok("b"), 2),
        ([Err(NotFound), Err(NotFound), Ok("c")], Ok("c"), 3),
        (
            [Err(NotFound), Err(NotFound), Err(NotFound)],
            Err(NotFound),
            3,
        ),
        ([Err(Unavailable), Ok("b"), Ok("c")], Err(Unavailable), 1),
        ([Err(NotFound), Err(Empty), Ok("c")], Err(Empty), 2),
        ([Err(Dangling), Ok("b"), Ok("c")], Err(Dangling), 1),
    ];
    for (outcomes, expected, asked) in cases {
        let sources = outcomes.map(Told::new);
        let chain = sources.iter().cloned().fold(Chain::new(), Chain::then);
        assert_eq!(
            outcome(chain).await,
            expected.map(|text: &str| text.as_bytes().to_vec())
        );
        let counts = sources.map(|source| source.2.load(Ordering::SeqCst));
        assert_eq!(counts.iter().sum::<usize>(), asked, "{outcomes:?}");
    }
    assert_eq!(outcome(Chain::new()).await, Err(NotFound));
}

#[tokio::test]
async fn a_group_is_whole_or_an_error() {
    let group = |a, b| {
        let source = GroupSource::new("database");
        source
            .secret("user", Told::new(a))
            .secret("password", Told::new(b))
    };
    let whole = group(Ok("app"), Ok("secret")).load().await.unwrap();
    assert_eq!(
        whole.value().names().collect::<Vec<_>>(),
        ["user", "password"]
    );
    assert_eq!(
        whole.value().get("password").unwrap().expose_secret(),
        b"secret"
    );
    assert!(whole.value().get("other").is_none());
    assert!(!format!("{whole:?} {:?}", whole.value()).contains("app"));
    let kind = async |a, b| group(a, b).load().await.unwrap_err().kind();
    assert_eq!(kind(Err(NotFound), Ok("secret")).await, Incomplete);
    assert_eq!(kind(Ok("app"), Err(NotFound)).await, Incomplete);
    assert_eq!(kind(Err(NotFound), Err(NotFound)).await, NotFound);
    assert_eq!(kind(Ok("app"), Err(Unavailable)).await, Unavailable);
}

#[tokio::test]
async fn a_group_has_the_shortest_lease_of_its_members() {
    let seconds = Duration::from_secs;
    let leased = |valid_for, renew_after| {
        let mut source = Told::new(Ok("x"));
        source.1 = Some(Lease {
            valid_for: seconds(valid_for),
            renew_after: seconds(renew_after),
        });
        source
    };
    let source = GroupSource::new("leased");
    let source = source
        .secret("a", Told::new(Ok("x")))
        .secret("b", leased(60, 40))
        .secret("c", leased(90, 20));
    let lease = source.load().await.unwrap().lease_ref().unwrap();
    assert_eq!(
        (lease.valid_for, lease.renew_after),
        (seconds(60), seconds(20))
    );
}

#[test]
fn versions_tell_contents_apart_and_not_more() {
    let lists: [&[&[u8]]; 6] = [
        &[],
        &[b""],
        &[b"ab"],
        &[b"a", b"b"],
        &[b"b", b"a"],
        &[b"ab", b""],
    ];
    for (i, one) in lists.iter().enumerate() {
        for (j, other) in lists.iter().enumerate() {
            assert_eq!(
                Version::of(one) == Version::of(other),
                i == j,
                "{one:?} {other:?}"
            );
        }
    }
    assert_eq!(Version::of(&[b"secret"]).to_string().len(), 32);
}

#[test]
fn an_error_says_which_source_and_what_is_wrong() {
    let error = FileSource::new("/no\nwhere").read().unwrap_err();
    assert_eq!(error.to_string(), r#"file "/no\nwhere" does not exist"#);
    let error = SourceError::io("file \"x\"", std::io::Error::other("disk on fire"));
    assert_eq!(error.to_string(), r#"file "x" could not be read"#);
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "disk on fire"
    );
}

/// A volume as Kubernetes lays it out, with one generation.
#[cfg(unix)]
fn volume(root: &Path, generation: &str, files: &[(&str, &str)]) {
    fs::create_dir(root.join(generation)).unwrap();
    for (name, content) in files {
        fs::write(root.join(generation).join(name), content).unwrap();
    }
    let link = root.join("..data_tmp");
    std::os::unix::fs::symlink(generation, &link).unwrap();
    fs::rename(link, root.join("..data")).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_group_is_of_one_generation_of_a_volume() {
    let root = temporary();
    let root = root.path();
    volume(root, "..one", &[("user", "app1"), ("password", "secret1")]);
    for name in ["user", "password"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), root.join(name)).unwrap();
    }
    let group = Directory::new(root).group(["user", "password"]).unwrap();
    let loaded = group.load().await.unwrap();
    assert_eq!(
        loaded.value().get("password").unwrap().expose_secret(),
        b"secret1"
    );

    volume(root, "..two", &[("user", "app2"), ("password", "secret2")]);
    fs::remove_dir_all(root.join("..one")).unwrap();
    let reloaded = group.load().await.unwrap();
    assert_eq!(
        reloaded.value().get("user").unwrap().expose_secret(),
        b"app2"
    );
    assert_ne!(reloaded.version(), loaded.version());

    // A swap to a generation that is gone by now: what could not be read is no proof that there is no such secret.
    volume(root, "..three", &[("user", "app3")]);
    assert_eq!(group.load().await.unwrap_err().kind(), Incomplete);
}

#[test]
fn each_source_names_the_files_that_it_reads() {
    let [one, other] = ["/run/secrets/one", "/run/secrets/other"].map(PathBuf::from);
    let (file, directory) = (FileSource::new(&one), Directory::docker());
    let only = std::slice::from_ref(&one);
    assert_eq!(file.files(), only);
    assert_eq!(directory.secret("one").unwrap().files(), only);
    let both = [one.clone(), other.clone()];
    assert_eq!(directory.group(["one", "other"]).unwrap().files(), both);
    let variables = |name: &str| (name == "KEY_FILE").then(|| one.clone().into_os_string());
    let variable = EnvSource::look_up_or_file("KEY", variables);
    assert_eq!(variable.files(), only);
    assert_eq!(
        EnvSource::look_up("KEY", |_| None).files(),
        [""; 0].map(PathBuf::from)
    );

    // What comes later in a chain counts once what comes before it is gone, and the other way round.
    let other = Arc::new(FileSource::new(&other));
    let chain = Chain::new().then(variable).then(other.clone());
    assert_eq!(chain.files(), both);
    let group = GroupSource::new("both").secret("one", file);
    let group = group.secret("other", Box::new(other));
    assert_eq!(group.files(), both);
}
