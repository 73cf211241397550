use super::*;

// AUTH case 7
#[tokio::test]
async fn any_token_can_be_given_back_and_nothing_is_told_of_it() {
    let fixture = Fixture::new().await;
    let first = fixture.login().await;
    let token = first.refresh_token().expose_secret();
    let second = value(&fixture.refresh(token).await);
    let third = value(&fixture.refresh(text(&second, "refresh_token")).await);
    for token in [token, token, "rt_garbage", ""] {
        let response = fixture
            .ask(post("/auth/revoke", &json!({ "token": token })))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_empty());
    }
    let response = fixture.refresh(text(&third, "refresh_token")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let ended = Marks::default().session(first.session());
    assert!(
        fixture
            .revocations
            .check(&ended, fixture.clock.now())
            .is_err()
    );
    // That the access tokens ended was told once, however often the token was given back.
    let told = fixture.events.take();
    let revoked = told.iter().filter(|kind| **kind == EventKind::TokenRevoked);
    assert_eq!(revoked.count(), 2, "{told:?}");
    let two = json!({ "token": token, "refresh_token": text(&second, "refresh_token") });
    let two = fixture.ask(post("/auth/revoke", &two)).await;
    assert_eq!(two.status(), StatusCode::BAD_REQUEST);
    let nothing = fixture.ask(post("/auth/revoke", &json!({}))).await;
    assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(value(&nothing)["errors"][0]["pointer"], "/token");
}

// It was answered as if it had ended, and lived on.
#[tokio::test]
async fn an_access_token_that_is_given_back_by_its_client_ends_its_session() {
    let mut fixture = Fixture::new().await;
    let (laptop, phone) = (fixture.login().await, fixture.login().await);
    let session = laptop.session();
    // At the endpoint of another tenant.
    let own = fixture.endpoints.clone();
    fixture.endpoints = own.clone().tenant_with(|_| "globex".parse().ok());
    let given_back = json!({ "token": format!("of web {session}") });
    let response = fixture.ask(post("/auth/revoke", &given_back)).await;
    assert_eq!(response.status(), StatusCode::OK);
    fixture.endpoints = own;
    for (token, ends) in [
        (format!("of other {session}"), false),
        (format!("of web {}", SessionId::generate()), false),
        (format!("of web {session}"), true),
        (format!("of web {session}"), true),
    ] {
        let response = fixture
            .ask(post("/auth/revoke", &json!({ "token": token })))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_empty());
        let marks = Marks::default().session(session);
        let ended = fixture.revocations.check(&marks, fixture.clock.now());
        assert_eq!(ended.is_err(), ends, "{token}");
    }
    let told = fixture.events.take();
    let revoked = told.iter().filter(|kind| **kind == EventKind::TokenRevoked);
    assert_eq!(revoked.count(), 2, "{told:?}");
    for (issued, status) in [(laptop, 401), (phone, 200)] {
        let response = fixture
            .refresh(issued.refresh_token().expose_secret())
            .await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_only() {
    let fixture = Fixture::new().await;
    let (laptop, phone) = (fixture.login().await, fixture.login().await);
    let tablet = fixture.login().await;
    let minute = Duration::from_secs(60);
    let ann = || fixture.ann(laptop.session(), minute);

    let response = fixture.ask(by(Method::GET, "/auth/sessions", ann())).await;
    assert_eq!(response.status(), StatusCode::OK);
    let listed = value(&response);
    let listed = listed["items"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    let current: Vec<_> = listed
        .iter()
        .filter(|session| session["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(text(current[0], "id"), laptop.session().to_string());
    assert_eq!(text(current[0], "created_at"), "2026-09-21T14:13:20.000Z");

    let path = format!("/auth/sessions/{}", phone.session());
    let response = fixture.ask(by(Method::GET, &path, ann())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(listed.contains(&value(&response)));
    let bob = Principal::new(ISSUER, "bob".parse().unwrap());
    let bob = bob
        .tenant("acme".parse().unwrap())
        .session(SessionId::generate());
    let bob = Authenticated::from(bob.auth_time(fixture.clock.now()));
    let response = fixture.ask(by(Method::GET, &path, bob.clone())).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    for (caller, status) in [
        (bob, StatusCode::NOT_FOUND),
        (
            fixture.ann(laptop.session(), 11 * minute),
            StatusCode::UNAUTHORIZED,
        ),
        (ann(), StatusCode::NO_CONTENT),
        (ann(), StatusCode::NOT_FOUND),
    ] {
        let response = fixture.ask(by(Method::DELETE, &path, caller)).await;
        assert_eq!(response.status(), status);
    }
    for (caller, status) in [
        (
            fixture.ann(laptop.session(), 11 * minute),
            StatusCode::UNAUTHORIZED,
        ),
        (ann(), StatusCode::NO_CONTENT),
    ] {
        let request = by(Method::DELETE, "/auth/sessions", caller);
        assert_eq!(fixture.ask(request).await.status(), status);
    }
    for (session, alive) in [(&laptop, true), (&phone, false), (&tablet, false)] {
        let marks = Marks::default().session(session.session());
        let judged = fixture.revocations.check(&marks, fixture.clock.now());
        assert_eq!(judged.is_ok(), alive);
        let response = fixture
            .refresh(session.refresh_token().expose_secret())
            .await;
        assert_eq!(response.status().is_success(), alive);
    }
    // Nobody, and a key, have no sessions.
    let nobody = Request::get("/auth/sessions")
        .body(TestBody::empty())
        .unwrap();
    let response = fixture.ask(nobody).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let key = Principal::new(ISSUER, "ann".parse().unwrap());
    let key = Authenticated::from(key.tenant("acme".parse().unwrap()));
    let response = fixture.ask(by(Method::GET, "/auth/sessions", key)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
}

#[tokio::test]
async fn everybody_may_sign_out_and_other_sessions_end_with_all_sign_ins_under_way() {
    let fixture = Fixture::new().await;
    let (laptop, phone) = (fixture.login().await, fixture.login().await);
    let hour = Duration::from_secs(3600);
    let (tenant, subject) = (laptop.tenant(), laptop.subject());
    let epoch = fixture.service.epoch(tenant, subject).await.unwrap();
    let request = by(
        Method::DELETE,
        "/auth/sessions",
        fixture.ann(laptop.session(), hour / 60),
    );
    assert_eq!(fixture.ask(request).await.status(), StatusCode::NO_CONTENT);
    let marks = Marks::default().session(phone.session());
    assert!(
        fixture
            .revocations
            .check(&marks, fixture.clock.now())
            .is_err()
    );
    // A thief who had read the epoch before.
    let login = Login::new(tenant.clone(), subject.clone(), "web".parse().unwrap());
    let late = fixture
        .service
        .login(&login, epoch, &Context::default())
        .await;
    assert!(late.is_err());

    fixture.events.take();
    let own = format!("/auth/sessions/{}", laptop.session());
    let request = by(Method::DELETE, &own, fixture.ann(laptop.session(), hour));
    assert_eq!(fixture.ask(request).await.status(), StatusCode::NO_CONTENT);
    assert!(fixture.events.take().contains(&EventKind::SessionLogout));
}

#[tokio::test]
async fn somebody_of_another_issuer_is_somebody_else() {
    let fixture = Fixture::new().await;
    let issued = fixture.login().await;
    let own = format!("/auth/sessions/{}", issued.session());
    for (method, path) in [
        (Method::GET, "/auth/sessions"),
        (Method::DELETE, "/auth/sessions"),
        (Method::DELETE, &own),
    ] {
        // The same name, and an id that she may have heard of.
        let ann = fixture.ann_of("https://other.example", issued.session(), Duration::ZERO);
        let response = fixture.ask(by(method, path, ann)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let token = issued.refresh_token().expose_secret();
    assert_eq!(fixture.refresh(token).await.status(), StatusCode::OK);
}
