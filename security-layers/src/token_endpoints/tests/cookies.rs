use super::*;

fn with_cookie(token: &str, headers: &[(&'static str, &'static str)]) -> Request<TestBody> {
    let mut request = Request::post("/auth/refresh").header(COOKIE, format!("__Host-rt={token}"));
    for (name, value) in headers {
        request = request.header(HeaderName::from_static(name), *value);
    }
    request.body(TestBody::empty()).unwrap()
}

#[tokio::test]
async fn a_cookie_is_exchanged_for_the_next_one_on_our_own_pages_only() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret();
    for foreign in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
    ] {
        let response = fixture.ask(with_cookie(token, foreign)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{foreign:?}");
        assert_eq!(fixture.events.take(), [EventKind::MaliciousCsrf]);
        assert!(!response.headers().contains_key(SET_COOKIE));
    }
    for own in [
        ("sec-fetch-site", "same-origin"),
        ("origin", "https://app.example"),
    ] {
        let response = fixture.ask(with_cookie(token, &[own])).await;
        assert_eq!(response.status(), StatusCode::OK, "{own:?}");
        assert!(value(&response).get("refresh_token").is_none());
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-rt=rt_"), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Strict"));
        assert_eq!(varies(&response), ["sec-fetch-site", "origin"]);
    }
    // Beside a cookie of a sibling host that is no text.
    let mut beside = with_cookie(token, &[("sec-fetch-site", "same-origin")]);
    let cookies = HeaderValue::try_from(format!("a=é; __Host-rt={token}")).unwrap();
    beside.headers_mut().insert(COOKIE, cookies);
    assert_eq!(fixture.ask(beside).await.status(), StatusCode::OK);
    // One of another client is good there.
    let mut other = post("/auth/refresh", &json!({ "client_id": "other" }));
    for (name, header) in with_cookie(token, &[("sec-fetch-site", "same-origin")]).headers() {
        other.headers_mut().insert(name, header.clone());
    }
    let response = fixture.ask(other).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!response.headers().contains_key(SET_COOKIE));
    // One that is good for nothing goes; one beside another token is nobody's.
    let own = [("sec-fetch-site", "same-origin")];
    let response = fixture.ask(with_cookie("rt_garbage", &own)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[SET_COOKIE],
        "__Host-rt=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
    );
    let mut both = post("/auth/refresh", &json!({ "refresh_token": token }));
    let cookie = HeaderValue::try_from(format!("__Host-rt={token}")).unwrap();
    both.headers_mut().insert(COOKIE, cookie);
    assert_eq!(fixture.ask(both).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_cookie_that_was_copied_is_taken_from_the_thief_and_from_its_owner() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let first = issued.refresh_token().expose_secret();
    let own = [("sec-fetch-site", "same-origin")];
    let renewed = fixture.ask(with_cookie(first, &own)).await;
    let cookie = renewed.headers()[SET_COOKIE].to_str().unwrap();
    let (pair, _) = cookie.split_once(';').unwrap();
    let second = pair.strip_prefix("__Host-rt=").unwrap();
    fixture.clock.advance(Duration::from_secs(11));
    // The one ends the session, the other finds it ended.
    for token in [first, second] {
        let response = fixture.ask(with_cookie(token, &own)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            response.headers()[SET_COOKIE],
            "__Host-rt=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
        );
    }
}

#[tokio::test]
async fn a_cookie_that_cannot_be_judged_is_kept() {
    let mut fixture = Fixture::new().await;
    let store = Arc::new(MemoryStore::new(NonZeroUsize::MIN));
    // Two that share a store, of which neither has heard of the other's key.
    let start = async |key_id| {
        let keys = RefreshKeys::new(key_id, &SecretBytes::generate(32).unwrap()).unwrap();
        let service = RefreshService::builder(store.clone(), keys);
        service.start().await.unwrap()
    };
    let (here, there) = (start(1).await, start(2).await);
    fixture.service = here.clone();
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret();
    for (service, status) in [(there, 503), (here, 200)] {
        let tokens = Tokens(Arc::clone(&fixture.account));
        let (acme, web) = ("acme".parse().unwrap(), "web".parse().unwrap());
        let endpoints = TokenEndpoints::new(service, tokens, acme, web);
        fixture.endpoints = endpoints.cookie(CookieScope::Host, []).unwrap();
        let request = with_cookie(token, &[("sec-fetch-site", "same-origin")]);
        let response = fixture.ask(request).await;
        assert_eq!(response.status(), status);
        let headers = response.headers();
        assert_eq!(headers.contains_key(RETRY_AFTER), status == 503);
        assert_eq!(headers.contains_key(SET_COOKIE), status == 200);
    }
}

#[tokio::test]
async fn a_cookie_goes_where_the_endpoint_is() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let endpoints = fixture
        .endpoints
        .clone()
        .cookie(CookieScope::Endpoint, [])
        .unwrap();
    let endpoints = endpoints.paths("/refresh", "/revoke", "/sessions").unwrap();
    let again = endpoints.clone().cookie(CookieScope::Endpoint, []).unwrap();
    for endpoints in [&endpoints, &again] {
        let cookie = endpoints.set_cookie(&issued).unwrap();
        assert!(cookie.to_str().unwrap().contains("; Path=/refresh; "));
    }
    for (refresh, revoke, sessions) in [("/a", "/a", "/b"), ("/a", "/b", "/b"), ("/a", "/b", "/a")]
    {
        assert!(endpoints.clone().paths(refresh, revoke, sessions).is_err());
    }
}

#[tokio::test]
async fn a_sign_in_sets_the_cookie_that_the_endpoint_reads() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let cookie = fixture.endpoints.set_cookie(&issued).unwrap();
    let (pair, _) = cookie.to_str().unwrap().split_once(';').unwrap();
    let request = Request::post("/auth/refresh")
        .header(COOKIE, pair)
        .header("sec-fetch-site", "same-origin");
    let response = fixture.ask(request.body(TestBody::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let cleared = fixture.endpoints.clear_cookie().unwrap();
    assert!(cleared.to_str().unwrap().contains("Max-Age=0"));
}
