use portcullis_auth_core::password::{Account, PasswordHash};
use portcullis_auth_core::refresh::RevokeReason;
use portcullis_auth_core::revocation::{
    Marks, Revocations, SqliteStore as RevocationStore, TokenLife,
};
use portcullis_auth_core::time::{Clock as _, SystemClock};

use super::{
    Changed, Created, Deleted, Ending, Head, Location, NewUser, NotALocation, Store, User,
    UserChange,
};
use crate::domain::document::Document;
use crate::domain::email::Email;
use crate::domain::name::Name;
use crate::domain::page::Page;
use crate::domain::project::ProjectName;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn project(text: &str) -> ProjectName {
    ProjectName::new("default".parse().unwrap(), name(text))
}

fn document(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

fn page<K>(after: Option<K>, limit: u32) -> Page<K> {
    Page { after, limit }
}

async fn store() -> Store {
    let store = Store::open(&Location::parse("sqlite::memory:").unwrap())
        .await
        .unwrap();
    store
        .create_project(&project("p"), "", 1)
        .await
        .unwrap()
        .unwrap();
    store
}

async fn head(store: &Store) -> Head {
    store
        .head(&project("p"), &name("c"))
        .await
        .unwrap()
        .unwrap()
}

/// Writes on top of the present state.
async fn write(store: &Store, text: &str) -> u64 {
    let seen = head(store).await;
    let (p, c, text) = (project("p"), name("c"), document(text));
    let written = store.write_document(&p, &c, &seen, &text, 2).await;
    written.unwrap().unwrap().version
}

#[test]
fn urls_are_told_apart() {
    assert!(Location::parse("sqlite::memory:").is_ok());
    assert_eq!(
        Location::parse("sqlite:/a/b.db").unwrap().to_string(),
        "/a/b.db"
    );
    assert_eq!(
        Location::parse("sqlite://b.db").unwrap().to_string(),
        "b.db"
    );
    for (url, why) in [
        ("postgres://u:secret@h/d", NotALocation::Unsupported),
        ("postgresql://h/d", NotALocation::Unsupported),
        ("mysql://h/d", NotALocation::Malformed),
        ("/a/b.db", NotALocation::Malformed),
        ("sqlite:x?mode=upside-down", NotALocation::Malformed),
        // Each connection would have a database of its own, and all but one of them no tables.
        ("sqlite:", NotALocation::Malformed),
        ("sqlite://", NotALocation::Malformed),
        ("sqlite:?mode=rwc", NotALocation::Malformed),
        ("", NotALocation::Malformed),
    ] {
        assert_eq!(Location::parse(url).unwrap_err(), why, "{url}");
    }
}

#[tokio::test]
async fn projects_are_created_once_and_deleted_empty() {
    let store = store().await;
    assert_eq!(
        store
            .create_project(&project("p"), "again", 9)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store
            .project(&project("p"))
            .await
            .unwrap()
            .unwrap()
            .description,
        ""
    );

    write(&store, "1").await;
    assert_eq!(
        store.delete_project(&project("p")).await.unwrap(),
        Deleted::NotEmpty
    );
    assert!(store.delete_config(&head(&store).await).await.unwrap());
    assert_eq!(
        store.delete_project(&project("p")).await.unwrap(),
        Deleted::Yes
    );
    assert_eq!(
        store.delete_project(&project("p")).await.unwrap(),
        Deleted::NotFound
    );
    assert_eq!(store.head(&project("p"), &name("c")).await.unwrap(), None);
}

#[tokio::test]
async fn versions_are_kept_as_they_were_written() {
    let store = store().await;
    assert_eq!(write(&store, "{\"n\": 1.00}").await, 1);
    assert_eq!(write(&store, "\"é\"").await, 2);
    let (p, c) = (project("p"), name("c"));
    let (now, text) = store.document(&p, &c, None).await.unwrap().unwrap();
    assert_eq!((now.version, now.bytes, text.as_str()), (2, 4, "\"é\""));
    let (_, text) = store.document(&p, &c, Some(1)).await.unwrap().unwrap();
    assert_eq!(text, "{\"n\": 1.00}");
    for missing in [0, 3, u64::MAX] {
        assert_eq!(store.document(&p, &c, Some(missing)).await.unwrap(), None);
    }

    let listed = store.versions(&p, &c, &page(None, 50)).await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|v| (v.version, v.bytes))
            .collect::<Vec<_>>(),
        [(2, 4), (1, 11)]
    );
    assert_eq!(listed[0], now);
    let older = store.versions(&p, &c, &page(Some(2), 50)).await.unwrap();
    assert_eq!(older, listed[1..]);
}

#[tokio::test]
async fn a_write_on_top_of_a_past_state_does_not_happen() {
    let store = store().await;
    let (p, c) = (project("p"), name("c"));
    let nothing = head(&store).await;
    write(&store, "1").await;
    let first = head(&store).await;
    write(&store, "2").await;
    let second = head(&store).await;

    for stale in [&nothing, &first] {
        let lost = store
            .write_document(&p, &c, stale, &document("3"), 3)
            .await
            .unwrap();
        assert_eq!(lost, None);
        assert!(
            !store
                .write_schema(&p, &c, stale, &document("{}"), 3)
                .await
                .unwrap()
        );
        assert!(!store.delete_config(stale).await.unwrap());
    }
    assert_eq!(head(&store).await, second);

    // Deleted and made again: the same number, and another state all the same.
    assert!(store.delete_config(&second).await.unwrap());
    write(&store, "4").await;
    let lost = store
        .write_document(&p, &c, &first, &document("3"), 3)
        .await
        .unwrap();
    assert_eq!(lost, None);
}

#[tokio::test]
async fn a_document_is_never_written_past_a_schema_that_nobody_checked() {
    let store = store().await;
    let (p, c) = (project("p"), name("c"));
    let unchecked = head(&store).await;
    assert!(
        store
            .write_schema(&p, &c, &unchecked, &document("{}"), 1)
            .await
            .unwrap()
    );
    let lost = store
        .write_document(&p, &c, &unchecked, &document("1"), 2)
        .await
        .unwrap();
    assert_eq!(lost, None);

    let seen = head(&store).await;
    assert_eq!((seen.etag(), seen.schema()), (None, Some("{}")));
    assert!(
        store
            .write_schema(&p, &c, &seen, &document("true"), 3)
            .await
            .unwrap()
    );
    let lost = store
        .write_document(&p, &c, &seen, &document("1"), 4)
        .await
        .unwrap();
    assert_eq!(lost, None);

    // And the other way round: a schema is set for the document that it was tried on.
    let seen = head(&store).await;
    write(&store, "1").await;
    assert!(
        !store
            .write_schema(&p, &c, &seen, &document("{}"), 5)
            .await
            .unwrap()
    );
    assert!(!store.delete_schema(&seen).await.unwrap());
}

#[tokio::test]
async fn a_schema_without_a_document_leaves_nothing_behind() {
    let store = store().await;
    let (p, c) = (project("p"), name("c"));
    let nothing = head(&store).await;
    store
        .write_schema(&p, &c, &nothing, &document("{}"), 1)
        .await
        .unwrap();
    let listed = store.configs(&p, &page(None, 50)).await.unwrap();
    assert_eq!((listed[0].has_schema, &listed[0].revision), (true, &None));
    assert!(store.delete_schema(&head(&store).await).await.unwrap());
    assert_eq!(head(&store).await, nothing);

    write(&store, "1").await;
    let seen = head(&store).await;
    store
        .write_schema(&p, &c, &seen, &document("{}"), 3)
        .await
        .unwrap();
    assert!(store.delete_schema(&head(&store).await).await.unwrap());
    assert_eq!(head(&store).await, seen);
}

#[tokio::test]
async fn listings_go_on_after_the_cursor() {
    let store = store().await;
    for text in ["a", "b.1", "b"] {
        store.create_project(&project(text), "", 1).await.unwrap();
    }
    let names = |after, limit| {
        let store = &store;
        async move {
            let tenant = "default".parse().unwrap();
            let projects = store.projects(&tenant, &page(after, limit)).await.unwrap();
            projects.into_iter().map(|p| p.name).collect::<Vec<_>>()
        }
    };
    assert_eq!(names(None, 50).await, ["a", "b", "b.1", "p"]);
    assert_eq!(names(None, 2).await, ["a", "b", "b.1"]);
    assert_eq!(names(Some(name("b")), 2).await, ["b.1", "p"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_that_saw_the_same_state_one_wins() {
    let directory = std::env::temp_dir().join(format!("portcullis-store-{}", std::process::id()));
    let store = Store::open(&Location::file(&directory.join("race.db")))
        .await
        .unwrap();
    store.create_project(&project("p"), "", 1).await.unwrap();
    for round in 1..=10 {
        let seen = head(&store).await;
        let writers = (0..16).map(|writer| {
            let (store, seen) = (store.clone(), seen.clone());
            tokio::spawn(async move {
                let (p, c, text) = (
                    project("p"),
                    name("c"),
                    document(&format!("[{round},{writer}]")),
                );
                let written = store.write_document(&p, &c, &seen, &text, 1).await;
                written.unwrap().is_some()
            })
        });
        let mut won = 0;
        for writer in writers.collect::<Vec<_>>() {
            won += usize::from(writer.await.unwrap());
        }
        let newest = store
            .document(&project("p"), &name("c"), None)
            .await
            .unwrap()
            .unwrap()
            .0;
        assert_eq!((won, newest.version), (1, round));
    }
    store.close().await;
    std::fs::remove_dir_all(directory).unwrap();
}

// The server started, was ready, and answered every change with 500.
#[tokio::test]
async fn a_database_that_can_only_be_read_is_refused_at_the_start() {
    let name = format!("portcullis-store-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    Store::open(&Location::file(&path))
        .await
        .unwrap()
        .close()
        .await;
    let readable = Location::parse(&format!("sqlite:{}?mode=ro", path.display())).unwrap();
    let error = Store::open(&readable).await.unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(error.contains("cannot be written to"), "{error}");
}

#[tokio::test]
async fn a_project_is_of_one_tenant_and_no_other_sees_it() {
    let store = store().await;
    store
        .create_tenant(&"acme".parse().unwrap(), 1)
        .await
        .unwrap();
    let other = ProjectName::new("acme".parse().unwrap(), name("p"));
    write(&store, "1").await;
    assert_eq!(store.project(&other).await.unwrap(), None);
    assert_eq!(store.head(&other, &name("c")).await.unwrap(), None);
    assert_eq!(
        store.document(&other, &name("c"), None).await.unwrap(),
        None
    );
    assert_eq!(
        store.delete_project(&other).await.unwrap(),
        Deleted::NotFound
    );
    let seen = Head::default();
    let lost = store
        .write_document(&other, &name("d"), &seen, &document("2"), 3)
        .await;
    assert_eq!(lost.unwrap(), None);
    assert!(
        !store
            .write_schema(&other, &name("d"), &seen, &document("{}"), 3)
            .await
            .unwrap()
    );

    // The same name is another project there.
    let made = store.create_project(&other, "theirs", 2).await.unwrap();
    assert_eq!(made.unwrap().description, "theirs");
    let all = page(None, 50);
    assert_eq!(store.configs(&other, &all).await.unwrap(), []);
    assert_eq!(
        store
            .versions(&other, &name("c"), &page(None, 50))
            .await
            .unwrap(),
        []
    );
    let theirs = store
        .projects(&"acme".parse().unwrap(), &page(None, 50))
        .await;
    assert_eq!(theirs.unwrap().len(), 1);
}

// The tables are made anew, and what was in them has to be there afterwards, with the numbers it had.
#[tokio::test]
async fn what_an_older_version_kept_belongs_to_the_default_tenant() {
    let directory = std::env::temp_dir().join(format!("portcullis-upgrade-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let location = Location::file(&directory.join("old.db"));
    let options = location.options.clone().create_if_missing(true);
    let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let mut first = super::migrator();
    first.migrations.to_mut().truncate(1);
    first.run(&old).await.unwrap();
    for statement in [
        "INSERT INTO projects VALUES (7, 'p', 'old', 1)",
        "INSERT INTO configs VALUES (9, 7, 'c', 1, 'd', NULL, NULL, 1)",
        "INSERT INTO versions VALUES (9, 1, '{}', 'd', 1)",
        "INSERT INTO configs VALUES (12, 7, 'gone', 1, 'd', NULL, NULL, 1)",
        "DELETE FROM configs WHERE id = 12",
    ] {
        sqlx::query(statement).execute(&old).await.unwrap();
    }
    old.close().await;

    let store = Store::open(&location).await.unwrap();
    let (_, text) = store
        .document(&project("p"), &name("c"), None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text, "{}");
    let kept = store.project(&project("p")).await.unwrap().unwrap();
    assert_eq!(kept.description, "old");
    let new = store
        .head(&project("p"), &name("new"))
        .await
        .unwrap()
        .unwrap();
    let written = store
        .write_document(&project("p"), &name("new"), &new, &document("1"), 2)
        .await;
    assert!(written.unwrap().is_some());
    // An id that was somebody's is nobody else's.
    let (id,): (i64,) = sqlx::query_as("SELECT id FROM configs WHERE name = 'new'")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert!(id > 12, "{id}");
    store.close().await;
    std::fs::remove_dir_all(directory).unwrap();
}

// A login read the password and then the epoch. Changed in between, an old password began a session that lived on.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_read_with_the_epoch_that_it_belongs_to() {
    let directory = std::env::temp_dir().join(format!("portcullis-epoch-{}", std::process::id()));
    let store = Store::open(&Location::file(&directory.join("epoch.db")))
        .await
        .unwrap();
    let account = user(&store, "ann@example.com").await;
    let writer = tokio::spawn({
        let (store, account) = (store.clone(), account.clone());
        async move {
            for epoch in 1..=100 {
                let hash = PasswordHash::new(epoch.to_string());
                let ending = ending();
                let changed = store.change_password(&account, None, &hash, &ending);
                assert!(changed.await.unwrap().is_some());
            }
        }
    });
    loop {
        let last = writer.is_finished();
        let (user, epoch) = store
            .credentials(&account.tenant, "ann@example.com")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(user.password.as_str(), epoch.to_string());
        if last {
            assert_eq!(epoch, 100);
            break;
        }
    }
    writer.await.unwrap();
    store.close().await;
    std::fs::remove_dir_all(directory).unwrap();
}

/// Somebody who may do everything in the tenant `default`, and whose password is "0".
async fn user(store: &Store, email: &str) -> Account {
    let account = Account {
        tenant: "default".parse().unwrap(),
        subject: email.parse().unwrap(),
    };
    let user = NewUser {
        account: &account,
        email: &Email::parse(email).unwrap(),
        password: &PasswordHash::new("0"),
        roles: &["admin"],
    };
    assert_eq!(store.create_user(&user, 1).await.unwrap(), Created::Yes);
    account
}

fn ending() -> Ending {
    let now = SystemClock.now();
    Ending {
        except: None,
        reason: RevokeReason::Administrator,
        now,
        until: now.plus(std::time::Duration::from_secs(600)),
    }
}

/// The epoch of somebody's sessions, and whether a process that starts now takes access tokens of the first one.
async fn standing(store: &Store, account: &Account) -> (i64, bool) {
    let life = TokenLife::new(std::time::Duration::from_secs(600));
    let revocations = Revocations::builder(life).shared(RevocationStore::new(store.pool()));
    revocations.sync().await.unwrap();
    let marks = Marks::default().subject(&account.tenant, &account.subject, 0);
    let epoch = sqlx::query_scalar("SELECT epoch FROM auth_refresh_subject WHERE subject = $1")
        .bind(account.subject.as_str())
        .fetch_optional(&store.pool)
        .await
        .unwrap();
    let taken = revocations.check(&marks, SystemClock.now()).is_ok();
    (epoch.unwrap_or(0), taken)
}

// They were two steps: after a crash between them, tokens with the rights of before were good for as long as they lasted.
#[tokio::test]
async fn what_takes_something_away_ends_tokens_in_the_same_step() {
    for change in ["roles", "disabled", "password", "account", "sessions"] {
        let store = store().await;
        let ann = user(&store, "ann@example.com").await;
        user(&store, "bob@example.com").await;
        let done = async || -> super::Result<()> {
            let shrinks = |_: &User, _: &User| true;
            let mut wanted = UserChange::default();
            match change {
                "password" => {
                    let new = PasswordHash::new("1");
                    store.change_password(&ann, None, &new, &ending()).await?;
                }
                "account" => {
                    store.delete_user(&ann, &ending()).await?;
                }
                "sessions" => {
                    store.end_sessions(&ann, &ending()).await?;
                }
                "roles" => {
                    wanted.roles = Some(Vec::new());
                    store.change_user(&ann, &wanted, shrinks, &ending()).await?;
                }
                _ => {
                    wanted.disabled = Some(true);
                    store.change_user(&ann, &wanted, shrinks, &ending()).await?;
                }
            }
            Ok(())
        };
        // The last write of all fails.
        let prevent = "CREATE TRIGGER prevent BEFORE INSERT ON auth_revocations
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
        sqlx::query(prevent).execute(&store.pool).await.unwrap();
        done().await.unwrap_err();
        let kept = store
            .user(&ann.tenant, &ann.subject)
            .await
            .unwrap()
            .unwrap();
        assert!(kept.is_enabled() && kept.roles == ["admin"], "{change}");
        assert_eq!(kept.password.as_str(), "0", "{change}");
        assert_eq!(standing(&store, &ann).await, (0, true), "{change}");

        sqlx::query("DROP TRIGGER prevent")
            .execute(&store.pool)
            .await
            .unwrap();
        done().await.unwrap();
        let (epoch, taken) = standing(&store, &ann).await;
        assert!(epoch > 0 && !taken, "{change}");
    }
}

#[tokio::test]
async fn more_rights_end_nothing() {
    let store = store().await;
    let ann = user(&store, "ann@example.com").await;
    let (more, ending) = (UserChange::default(), ending());
    let changed = store.change_user(&ann, &more, |_, _| false, &ending);
    let changed = changed.await.unwrap();
    assert!(matches!(changed, Changed::Yes { ended: None, .. }));
    assert_eq!(standing(&store, &ann).await, (0, true));
}

// Hashes of passwords and sealed secrets, in a file that everybody on the machine could read.
#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_a_database_wherever_it_lies() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = std::env::temp_dir().join(format!("portcullis-mode-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&directory, everybody).unwrap();
    let location = Location::file(&directory.join("open.db"));
    let store = Store::open(&location).await.unwrap();
    user(&store, "ann@example.com").await;
    let files = || {
        let files = std::fs::read_dir(&directory).unwrap();
        let files = files.map(|file| {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode();
            (file.file_name().into_string().unwrap(), mode & 0o777)
        });
        files.collect::<std::collections::BTreeMap<_, _>>()
    };
    let expected = ["open.db", "open.db-shm", "open.db-wal"].map(|file| (file.to_owned(), 0o600));
    assert_eq!(files(), expected.into());
    store.close().await;

    // Who opened it to others meant to.
    let path = directory.join("open.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    Store::open(&location).await.unwrap().close().await;
    assert_eq!(files()["open.db"], 0o640);
    std::fs::remove_dir_all(directory).unwrap();
}
