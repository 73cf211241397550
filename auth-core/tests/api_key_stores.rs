//! The stores of API keys do all that is asked of one, on real databases.
#![cfg(all(feature = "api-key", feature = "testing"))]

mod pools;

pools::stores_conform!(api_key);

#[cfg(any(feature = "postgres", feature = "sqlite"))]
#[tokio::test]
async fn a_database_that_cannot_be_reached_is_unavailable() {
    use portcullis_auth_core::api_key::ApiKeyStore;
    use portcullis_auth_core::store::StoreErrorKind;

    let id = "0123456789AB".parse().unwrap();
    #[cfg(feature = "postgres")]
    {
        // The port of discard, where nothing listens.
        let pool = sqlx::PgPool::connect_lazy("postgres://nobody:secret@127.0.0.1:9/none").unwrap();
        let store = portcullis_auth_core::api_key::PostgresStore::new(pool);
        let store = store.deadline(std::time::Duration::from_millis(50));
        let error = store.find(id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(!format!("{store:?} {error:?}").contains("secret"));
    }
    #[cfg(feature = "sqlite")]
    {
        let pool = sqlx::SqlitePool::connect_lazy("sqlite:/nowhere/at/all.db").unwrap();
        let store = portcullis_auth_core::api_key::SqliteStore::new(pool);
        let store = store.deadline(std::time::Duration::from_millis(50));
        let error = store.find(id).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }
}
