use super::*;

#[tokio::test]
async fn the_key_set_is_public_and_short_lived() {
    let mut fixture = Fixture::new().await;
    let (longest, leeway) = (Duration::from_secs(600), Duration::from_secs(30));
    let policy = RingPolicy::settings(longest, leeway).build().unwrap();
    let ring = SigningRing::new("access_token", policy, Algorithms::own());
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    ring.publish(key, fixture.clock.now()).unwrap();
    let hidden = fixture
        .endpoints
        .clone()
        .jwks("/auth/refresh", ring.clone());
    assert!(hidden.is_err());
    fixture.endpoints = fixture
        .endpoints
        .jwks("/.well-known/jwks.json", ring)
        .unwrap();

    let get = || Request::get("/.well-known/jwks.json");
    let response = fixture.ask(get().body(TestBody::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=300");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/jwk-set+json");
    let keys = value(&response);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    // AUTH case 29
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(keys["keys"][0].get(private).is_none(), "{private}");
    }
    let etag = &response.headers()[ETAG];
    for (known, status) in [(etag.as_bytes(), 304), (b"*", 304), (b"\"other\"", 200)] {
        let request = get().header(IF_NONE_MATCH, HeaderValue::from_bytes(known).unwrap());
        let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{known:?}");
        assert_eq!(response.body().is_empty(), status == 304);
        assert!(!response.headers().contains_key(VARY));
    }
}

#[tokio::test]
async fn other_paths_pass_and_other_methods_do_not() {
    let fixture = Fixture::new().await;
    for (method, path, status) in [
        (Method::GET, "/auth/refresh", 405),
        (Method::PUT, "/auth/revoke", 405),
        (Method::POST, "/auth/sessions", 405),
        (Method::DELETE, "/auth/sessions/nonsense", 404),
        (Method::GET, "/auth/sessions/nonsense", 404),
        (Method::POST, "/auth/sessions/nonsense", 405),
        (Method::POST, "/auth/refreshing", 418),
        (Method::GET, "/auth/sessionsfoo", 418),
        (Method::GET, "/.well-known/jwks.json", 418),
    ] {
        let request = Request::builder().method(method.clone()).uri(path);
        let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers().contains_key(ALLOW), status == 405);
    }
}
