use super::*;

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_tokens() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    for (media_type, body) in [
        (
            "application/json",
            json!({ "refresh_token": token }).to_string(),
        ),
        (
            "application/x-www-form-urlencoded",
            format!("grant_type=refresh_token&refresh_token={token}&client_id=web"),
        ),
    ] {
        let request = Request::post("/auth/refresh").header(CONTENT_TYPE, media_type);
        let request = request.body(TestBody::new([Bytes::from(body)])).unwrap();
        let response = fixture.ask(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(varies(&response), ["sec-fetch-site", "origin"]);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key(SET_COOKIE));
        let said = value(&response);
        assert_ne!(text(&said, "refresh_token"), token);
        assert_eq!(
            said,
            json!({
                "access_token": "access token of ann",
                "token_type": "Bearer",
                "expires_in": 600,
                "refresh_token": said["refresh_token"],
                "refresh_expires_in": 14 * 24 * 60 * 60,
                "session_id": first.session().to_string(),
                "scope": "orders:read orders:write",
            })
        );
    }
}

#[tokio::test]
async fn a_copied_token_ends_the_session_and_its_access_tokens() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    let second = value(&fixture.refresh(token).await);
    fixture.clock.advance(Duration::from_secs(11));
    fixture.events.take();
    let marks = Marks::default().session(first.session());
    assert_eq!(
        fixture.revocations.check(&marks, fixture.clock.now()),
        Ok(())
    );

    for token in [token, text(&second, "refresh_token")] {
        let response = fixture.refresh(token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let said = value(&response);
        assert_eq!(text(&said, "error"), "invalid_grant");
        assert_eq!(
            text(&said, "type"),
            "urn:problem-type:portcullis:invalid-grant"
        );
        let media_type = &response.headers()[CONTENT_TYPE];
        assert_eq!(media_type, "application/problem+json");
        let challenge = &response.headers()[WWW_AUTHENTICATE];
        assert_eq!(challenge, "Bearer realm=\"session\"");
    }
    let events = fixture.events.take();
    let reused = events.iter().filter(|kind| **kind == EventKind::TokenReuse);
    assert_eq!(reused.count(), 1, "{events:?}");
    assert!(
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    );
}

// AUTH case 12
#[tokio::test]
async fn an_account_that_cannot_be_read_costs_nobody_the_session() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    *fixture.account.lock().unwrap() = Account::Unreadable;
    let response = fixture.refresh(token).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");

    *fixture.account.lock().unwrap() = Account::Fine;
    let response = fixture.refresh(token).await;
    assert_eq!(response.status(), StatusCode::OK);

    // One that was disabled has no session any more.
    *fixture.account.lock().unwrap() = Account::Disabled;
    let token = value(&response);
    let response = fixture.refresh(text(&token, "refresh_token")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    // The cookie that the browser may have is another one.
    assert!(!response.headers().contains_key(SET_COOKIE));
    let ended = Marks::default().session(first.session());
    assert!(
        fixture
            .revocations
            .check(&ended, fixture.clock.now())
            .is_err()
    );
}

#[tokio::test]
async fn what_is_no_refresh_is_refused_in_the_words_of_rfc_6749() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret();
    for (body, status, error) in [
        (json!({}), 422, "invalid_request"),
        (json!([]), 422, "invalid_request"),
        (json!({ "refresh_token": 7 }), 422, "invalid_request"),
        (
            json!({ "refresh_token": token, "token": token }),
            422,
            "invalid_request",
        ),
        (
            json!({ "refresh_token": token, "client_id": "" }),
            422,
            "invalid_request",
        ),
        (
            json!({ "refresh_token": token, "grant_type": "password" }),
            400,
            "unsupported_grant_type",
        ),
        (
            json!({ "refresh_token": token, "scope": "users:write" }),
            400,
            "invalid_scope",
        ),
        (
            json!({ "refresh_token": "rt_garbage" }),
            401,
            "invalid_grant",
        ),
        (
            json!({ "refresh_token": token, "client_id": "other" }),
            401,
            "invalid_grant",
        ),
    ] {
        let response = fixture.ask(post("/auth/refresh", &body)).await;
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(text(&value(&response), "error"), error, "{body}");
        assert!(
            !response
                .body()
                .windows(token.len())
                .any(|part| part == token.as_bytes())
        );
    }
    let large = post(
        "/auth/refresh",
        &json!({ "refresh_token": "x".repeat(20_000) }),
    );
    assert_eq!(
        fixture.ask(large).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let mut plain = post("/auth/refresh", &json!({}));
    let media_type = HeaderValue::from_static("text/plain");
    plain.headers_mut().insert(CONTENT_TYPE, media_type);
    assert_eq!(
        fixture.ask(plain).await.status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let cut = Request::post("/auth/refresh").body(TestBody::new([Bytes::from("{")]).then_fail());
    assert_eq!(
        fixture.ask(cut.unwrap()).await.status(),
        StatusCode::BAD_REQUEST
    );
    // None of this has cost the session anything.
    assert_eq!(fixture.refresh(token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_form_is_answered_as_rfc_6749_has_it() {
    let fixture = Fixture::new().await;
    let ask = async |body: &str| {
        let request = Request::post("/auth/refresh");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = TestBody::new([Bytes::from(body.to_owned())]);
        fixture.ask(request.body(body).unwrap()).await
    };
    for (body, error) in [
        (
            "grant_type=refresh_token&refresh_token=rt_x",
            "invalid_grant",
        ),
        ("grant_type=refresh_token", "invalid_request"),
        (
            "grant_type=password&refresh_token=rt_x",
            "unsupported_grant_type",
        ),
    ] {
        let response = ask(body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(varies(&response), ["sec-fetch-site", "origin"]);
        // Its clients know no problems, and one of a type has one status.
        let said = value(&response);
        let names: Vec<_> = said.as_object().unwrap().keys().collect();
        assert_eq!(names, ["error", "error_description"]);
        assert_eq!(text(&said, "error"), error);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_half_done() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    *fixture.account.lock().unwrap() = Account::Slow;
    let body = json!({ "refresh_token": issued.refresh_token().expose_secret() });
    let mut asked = Box::pin(fixture.ask(post("/auth/refresh", &body)));
    let begun = || {
        fixture
            .events
            .0
            .lock()
            .unwrap()
            .contains(&EventKind::SessionRenewed)
    };
    while !begun() {
        let polled = std::future::poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        tokio::task::yield_now().await;
    }
    drop(asked);
    *fixture.account.lock().unwrap() = Account::Disabled;
    let marks = Marks::default().session(issued.session());
    let ended = || {
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    };
    tokio::time::timeout(Duration::from_secs(20), async {
        while !ended() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_token_says_itself_whose_it_is_where_all_tenants_share_an_endpoint() {
    let mut fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let token = issued.refresh_token().expose_secret().to_owned();
    let elsewhere = |endpoints: TokenEndpoints| {
        endpoints.tenant_with(|_| Some("globex".parse().expect("it is a name")))
    };
    let one = fixture.endpoints.clone();
    for other in [elsewhere(one.clone()), one.clone().tenant_with(|_| None)] {
        fixture.endpoints = other;
        let response = fixture.refresh(&token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }

    fixture.endpoints = elsewhere(one).all_tenants();
    let response = fixture.refresh(&token).await;
    assert_eq!(response.status(), StatusCode::OK);
    let next = text(&value(&response), "refresh_token").to_owned();
    let revoked = fixture
        .ask(post("/auth/revoke", &json!({ "token": next })))
        .await;
    assert_eq!(revoked.status(), StatusCode::OK);
    let response = fixture.refresh(&next).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
