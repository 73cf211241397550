//! Against a server on a loopback port that answers as Vault's HTTP API is documented to.

mod fake;
mod terms;
#[cfg(feature = "vault-tls")]
mod tls;
mod wire;

use serde_json::Value;

use self::fake::{Fake, LOGIN, text};
use super::{Login, Vault};
use crate::source::SourceErrorKind::{BadName, Dangling, Empty, Malformed, NotFound};
use crate::source::{FileSource, SecretSource};

#[tokio::test]
async fn a_field_or_all_of_them() {
    let fake = Fake::start();
    let vault = fake.vault();
    let secret = || vault.kv2("secret", "app").unwrap();
    assert_eq!(text(&secret().field("key")).await.unwrap(), "the \"key\" é");
    let all: Value = serde_json::from_str(&text(&secret()).await.unwrap()).unwrap();
    assert_eq!(all["other"], "another");
    assert_eq!(secret().load().await.unwrap().lease_ref(), None);
    for (field, kind) in [
        ("absent", Dangling),
        ("number", Malformed),
        ("empty", Empty),
    ] {
        assert_eq!(text(&secret().field(field)).await, Err(kind), "{field}");
    }
    let cases = [
        ("secret", "none", NotFound),
        ("secret", "deleted", Dangling),
        ("elsewhere", "app", Dangling),
    ];
    for (mount, path, kind) in cases {
        assert_eq!(
            text(&vault.kv2(mount, path).unwrap()).await,
            Err(kind),
            "{mount}/{path}"
        );
    }
    assert_eq!(
        fake.log().iter().filter(|line| **line == LOGIN).count(),
        1,
        "one login serves all"
    );
}

#[test]
fn a_token_travels_in_clear_on_this_machine_only() {
    let login = || Login::kubernetes("role");
    for url in [
        "http://127.0.0.1:8200",
        "http://127.0.0.1:8200/",
        "http://[::1]:8200",
        "http://localhost:8100",
    ] {
        assert!(Vault::new(url, login()).is_ok(), "{url}");
    }
    let others = [
        "http://10.0.0.1:8200",
        "http://vault:8200",
        "http://localhost.evil.example:8200",
        "http://127.0.0.1",
        "http://user:pw@127.0.0.1:8200",
        "http://127.0.0.1:8200/base",
        "https://127.0.0.1:8200",
        "127.0.0.1:8200",
        "",
    ];
    for url in others {
        let error = Vault::new(url, login()).unwrap_err();
        assert_eq!(error.kind(), Malformed, "{url}");
        assert!(!error.to_string().contains("pw"));
    }
}

#[test]
fn a_path_is_only_a_path() {
    let vault = Vault::new("http://127.0.0.1:8200", Login::kubernetes("role")).unwrap();
    assert!(vault.credentials("database/creds/app").is_ok());
    for path in [
        "",
        "/",
        "a//b",
        "a/",
        "/a",
        "a/../b",
        "./a",
        "a?b",
        "a#b",
        "a%2fb",
        "a b",
        "a\r\nx: y",
        "é",
        "a\\b",
    ] {
        assert_eq!(
            vault.credentials(path).unwrap_err().kind(),
            BadName,
            "{path:?}"
        );
        assert_eq!(
            vault.kv2("secret", path).unwrap_err().kind(),
            BadName,
            "{path:?}"
        );
    }
    assert_eq!(
        vault.clone().namespace("a\r\nb: c").unwrap_err().kind(),
        BadName
    );
    assert!(!format!("{vault:?}").contains("hvs."));
}

#[tokio::test]
async fn a_login_without_its_secret_is_not_a_missing_secret() {
    let fake = Fake::start();
    let nowhere = || FileSource::new("/nowhere");
    let ways = [
        Login::token(nowhere()),
        Login::app_role("role", nowhere()),
        Login::kubernetes("role").service_account(nowhere()),
    ];
    for way in ways {
        let source = Vault::new(&fake.url, way)
            .unwrap()
            .kv2("secret", "app")
            .unwrap();
        assert_eq!(text(&source).await, Err(Dangling), "{source:?}");
    }
    assert_eq!(fake.log(), [""; 0]);
    let odd = Login::kubernetes("role").mount("../sys");
    assert_eq!(Vault::new(&fake.url, odd).unwrap_err().kind(), BadName);
}
