use axum::body::Body;
use http::Method;
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_security_layers::auth::assert_routes_protected;
use serde_json::Value;

use super::pages::OPENAPI;
use super::{App, router};
use crate::accounts::Accounts;
use crate::accounts::audit::AuditTrail;
use crate::settings::{Settings, Task};
use crate::stack::{self, Watch};
use crate::store::Store;

/// What everybody may ask for. To add a line here is to open a door.
const PUBLIC: [(&str, &str); 15] = [
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/mfa/totp/verify"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/revoke"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/openid-configuration"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/health"),
    ("GET", "/live"),
    ("GET", "/ready"),
    ("GET", "/startup"),
    ("GET", "/metrics"),
];

fn settings() -> Settings {
    let arguments = [
        "reference-server",
        "--database-url=sqlite::memory:",
        "--rate-limit=off",
        "--auth-rate-limit=off",
        "--concurrency-limit=off",
    ];
    match crate::settings::read(arguments.map(Into::into), []) {
        Ok(Task::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

/// Every operation that the description has; a test over sockets compares it with what the router takes.
fn described() -> Vec<(Method, String)> {
    let api: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let members = item.as_object().unwrap().keys();
        let methods = members.filter(|name| *name != "parameters");
        methods.map(move |method| {
            let method = method.to_uppercase().parse().unwrap();
            (method, path.replace(['{', '}'], ""))
        })
    });
    operations.collect()
}

#[tokio::test]
async fn nobody_gets_in_without_credentials_but_where_everybody_may() {
    let mut settings = settings();
    let store = Store::open(&settings.database).await.unwrap();
    let (health, _checks) = super::Health::start([]).unwrap();
    let (audit, _writer) = AuditTrail::start(store.clone());
    let accounts = Accounts::open(&mut settings, store.clone(), "http://localhost", audit);
    let accounts = accounts.await.unwrap();
    let app = App {
        store,
        endpoints: accounts.token_endpoints().unwrap(),
        accounts,
        health: health.clone(),
    };
    let (log, _flush) = AccessLog::builder("test").start(std::io::sink()).unwrap();
    let watch = Watch::new(health, log).unwrap();
    let service = stack::public::<Body>(&settings, router(app).unwrap(), &watch).unwrap();

    let is_public = |(method, path): &(Method, String)| PUBLIC.contains(&(method.as_str(), path));
    let (public, protected): (Vec<_>, Vec<_>) = described().into_iter().partition(is_public);
    assert_eq!(public.len(), PUBLIC.len(), "the list has what there is not");
    let refused = assert_routes_protected(&service, protected).await;
    assert!(refused.is_ok(), "{refused:?}");

    // A list that names what is protected would hide that it is open one day.
    let open = assert_routes_protected(&service, public.clone()).await;
    let open = open.unwrap_err();
    let open: Vec<_> = open.routes().collect();
    let public: Vec<_> = public.iter().map(|(m, path)| (m, path.as_str())).collect();
    assert_eq!(open, public);
}
