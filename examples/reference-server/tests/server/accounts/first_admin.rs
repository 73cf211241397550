use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use crate::support::{Directory, Server, command};

/// Runs `create-admin` with an input; returns its code, output and errors.
pub(super) async fn create(
    arguments: &[&str],
    input: impl AsRef<[u8]>,
) -> (Option<i32>, String, String) {
    let all = [&["create-admin"], arguments].concat();
    let mut child = command(all)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without having read it.
    drop(stdin.write_all(input.as_ref()).await);
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn the_first_administrator_is_made_while_the_server_runs_or_not() {
    let directory = Directory::new();
    let database = directory.database();
    let email = "--email=root@example.com";
    let (code, out, err) = create(&[&database, email], "nine green night trains\n").await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.starts_with("root@example.com may do everything in the tenant default; "),
        "{out}"
    );

    let server = Server::with(&[&database]).await;
    let tokens = server
        .login("root@example.com", "nine green night trains")
        .await;
    let said = super::claims(&super::access_token(&tokens));
    assert_eq!(said["roles"], serde_json::json!(["admin"]));

    // Beside the running server, with the line end of another system, and in a tenant of its own.
    let other = [&database, "--email=root@acme.example", "--tenant=acme"];
    let (code, _, err) = create(&other, "nine green night trains\r\n").await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let body = serde_json::json!({
        "email": "root@acme.example", "password": "nine green night trains", "tenant": "acme"
    });
    let tokens = super::post(&server, super::LOGIN, &body).await.value();
    assert_eq!(
        super::claims(&super::access_token(&tokens))["tenant"],
        "acme"
    );

    let (code, out, err) = create(&[&database, email], "ten green night trains\n").await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("has an account with this address"), "{err}");
    server
        .login("root@example.com", "nine green night trains")
        .await;
}

#[tokio::test]
async fn a_weak_password_is_refused_with_sentences_and_leaves_nothing_behind() {
    let directory = Directory::new();
    let database = directory.database();
    let email = "--email=root@example.com";
    let (code, out, err) = create(&[&database, email], "P4ssw0rd! 2026\n").await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert_eq!(
        err,
        "error: the password has fewer than 15 characters\nerror: the password is one of those that are tried first\n"
    );
    for (arguments, input, sentence) in [
        (&[database.as_str(), email][..], "", "there is no password"),
        (&[&database, email], "\n", "there is no password"),
        (
            &[&database],
            "nine green night trains\n",
            "--email is missing",
        ),
        (
            &[&database, "--email=root"],
            "x\n",
            "an e-mail address is expected",
        ),
        (
            &["--database-url=sqlite::memory:", email],
            "x\n",
            "a database in memory",
        ),
    ] {
        let (code, _, err) = create(arguments, input).await;
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(sentence), "{err}");
    }
    let (code, _, err) = create(&[&database, email], b"nine green \xff night trains\n").await;
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("the input cannot be read"), "{err}");
    assert!(!directory.path().exists());
}
