use std::collections::BTreeSet;

use http::{Method, StatusCode};

use crate::support::{OPENAPI, Server};

#[tokio::test]
async fn pages_need_nothing_but_themselves_and_their_nonce() {
    let server = Server::start().await;
    let mut nonces = BTreeSet::new();
    for path in ["/", "/docs", "/docs"] {
        let page = server.get(path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        let (_, nonce) = policy.split_once("'nonce-").unwrap();
        let (nonce, _) = nonce.split_once('\'').unwrap();
        let html = page.text();
        assert_eq!(
            html.matches(&format!("<style nonce=\"{nonce}\">")).count(),
            1
        );
        let scripts = html.matches("<script").count();
        let known = html.matches(&format!("<script nonce=\"{nonce}\">")).count();
        assert_eq!((scripts, known), if path == "/" { (1, 1) } else { (0, 0) });
        // Base64 may look like anything.
        let html = html.replace(nonce, "");
        nonces.insert(nonce.to_owned());
        for outside in ["src=", "//", "style=", "@import", "url(", "{nonce}"] {
            assert!(!html.contains(outside), "{path} has {outside}");
        }
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert_eq!(nonces.len(), 3);
}

// What a browser makes of it is seen by tests/judges/chromium.
#[tokio::test]
async fn the_page_that_signs_in_keeps_no_token_and_takes_no_handler_from_its_text() {
    let server = Server::start().await;
    let page = server.nobody(&Method::GET, "/").send().await;
    let html = page.text();
    for kept in [
        "localStorage",
        "sessionStorage",
        "document.cookie",
        "indexedDB",
    ] {
        assert!(!html.contains(kept), "{kept}");
    }
    for unsafe_ in [
        "innerHTML",
        "insertAdjacentHTML",
        "eval(",
        "javascript:",
        " onclick",
        " onsubmit",
    ] {
        assert!(!html.contains(unsafe_), "{unsafe_}");
    }
    // Without its script, which shows it, a form must not put a password into the address.
    assert_eq!(
        html.matches("<form").count(),
        html.matches("method=\"post\"").count()
    );
    assert_eq!(
        html.matches("<form").count(),
        html.matches(" hidden>\n<h2").count() - 1
    );
    for field in ["username", "current-password", "one-time-code"] {
        assert!(
            html.contains(&format!("autocomplete=\"{field}\"")),
            "{field}"
        );
    }
    // Every field has a name that is read out.
    for field in html.split("<input id=\"").skip(1) {
        let (id, _) = field.split_once('"').unwrap();
        assert!(html.contains(&format!("<label for=\"{id}\">")), "{id}");
    }
}

#[tokio::test]
async fn the_description_names_exactly_what_there_is() {
    let server = Server::start().await;
    let served = server.get("/openapi.json").await;
    assert_eq!(served.value(), *OPENAPI);
    for (template, item) in OPENAPI["paths"].as_object().unwrap() {
        let path = template.replace("{version}", "1").replace(['{', '}'], "");
        let methods = ["GET", "PUT", "POST", "PATCH", "DELETE"];
        let described = methods
            .iter()
            .filter(|method| item.get(method.to_lowercase()).is_some());
        let mut described: BTreeSet<&str> = described.copied().collect();
        if described.contains("GET") {
            described.insert("HEAD");
        }
        let refused = server.request(&Method::TRACE, &path).send().await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = refused.header("allow").split(',').map(str::trim);
        assert_eq!(allowed.collect::<BTreeSet<_>>(), described, "{path}");
    }
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    fn walk(value: &serde_json::Value) {
        if let Some(target) = value.get("$ref").and_then(serde_json::Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(OPENAPI.pointer(pointer).is_some(), "{target}");
        }
        match value {
            serde_json::Value::Array(list) => list.iter().for_each(walk),
            serde_json::Value::Object(map) => map.values().for_each(walk),
            _ => {}
        }
    }
    walk(&OPENAPI);
    assert_eq!(OPENAPI["info"]["version"], env!("CARGO_PKG_VERSION"));
}
