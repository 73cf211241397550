use std::future::poll_fn;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::thread;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use portcullis_layer_core::refusal::{Caller, GrpcCode};
use portcullis_layer_core::testing::{Mock, MockError, TestBody, body, contract};
use tower_layer::Layer;
use tower_service::Service;

use super::super::key::{Key, MissingKey};
use super::super::tests::{keys, n};
use super::permits::Permits;
use super::{ConcurrencyLimitLayer, TooManyInFlight};
use crate::refusals::Refusals;

fn by_user(max: u32) -> ConcurrencyLimitLayer {
    ConcurrencyLimitLayer::new(n(max), Key::header(HeaderName::from_static("user")))
}

fn get(user: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    let value = HeaderValue::from_str(user).unwrap();
    request.headers_mut().insert("user", value);
    request
}

fn in_flight<R>(layer: &ConcurrencyLimitLayer<R>) -> (u64, usize) {
    let stats = layer.stats();
    (stats.in_flight, stats.active_keys)
}

#[tokio::test]
async fn keeps_the_contract() {
    contract::is_a_layer::<ConcurrencyLimitLayer, Mock>();
    let layer = by_user(1);
    contract::keeps(&layer, || get("a")).await;
    assert_eq!(in_flight(&layer), (0, 0), "all permits are back");

    let held = contract::send(&mut layer.layer(Mock::ok()), get("a"))
        .await
        .unwrap();
    let code = GrpcCode::ResourceExhausted;
    contract::refuses(&layer, || get("a"), StatusCode::TOO_MANY_REQUESTS, code).await;
    drop(held);
    assert_eq!(in_flight(&layer), (0, 0));
    assert_eq!(layer.stats().refused, 4);
}

#[tokio::test]
async fn a_key_has_so_many_requests_under_way_and_no_more() {
    let layer = by_user(2);
    let mut service = layer.layer(Mock::ok());
    let mut clone = layer.clone().layer(Mock::ok());
    let first = contract::send(&mut service, get("a")).await.unwrap();
    let second = contract::send(&mut clone, get("a")).await.unwrap();
    let third = contract::send(&mut service, get("a")).await.unwrap();
    let other = contract::send(&mut service, get("b")).await.unwrap();
    let statuses = [&first, &second, &third, &other].map(|answer| answer.status().as_u16());
    assert_eq!(statuses, [200, 200, 429, 200]);
    assert_eq!(in_flight(&layer), (3, 2));

    let (head, refusal) = third.into_parts();
    assert_eq!(
        head.extensions
            .get::<TooManyInFlight>()
            .unwrap()
            .policy()
            .as_str(),
        "concurrency"
    );
    let problem = String::from_utf8(body::conforms(refusal).await.data).unwrap();
    assert!(problem.contains("#quota-exceeded"), "{problem}");
    assert!(
        problem.contains("\"violated-policies\":[\"concurrency\"]"),
        "{problem}"
    );

    drop(first);
    assert_eq!(in_flight(&layer), (2, 2));
    assert_eq!(
        contract::send(&mut service, get("a"))
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    drop((second, other));
    assert_eq!(
        in_flight(&layer),
        (0, 0),
        "a key without requests is forgotten"
    );
}

#[tokio::test]
async fn a_permit_comes_back_with_the_end_of_the_body() {
    let layer = by_user(1);
    let response = contract::send(&mut layer.layer(Mock::ok()), get("a"))
        .await
        .unwrap();
    let mut body = pin!(response.into_body());
    while poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_some() {
        assert_eq!(in_flight(&layer), (1, 1));
    }
    assert_eq!(in_flight(&layer), (0, 0), "though the body is still there");
}

#[tokio::test]
async fn a_permit_comes_back_when_body_or_service_fail() {
    let layer = by_user(1);
    let failing = Mock::answering(|_| Response::new(TestBody::empty().then_fail()));
    let response = contract::send(&mut layer.layer(failing), get("a"))
        .await
        .unwrap();
    let mut body = pin!(response.into_body());
    assert!(
        poll_fn(|cx| body.as_mut().poll_frame(cx))
            .await
            .is_some_and(|frame| frame.is_err())
    );
    assert_eq!(in_flight(&layer), (0, 0));

    let failed = contract::send(&mut layer.layer(Mock::failing()), get("a")).await;
    assert_eq!(failed.err(), Some(MockError));
    assert_eq!(in_flight(&layer), (0, 0));
}

#[tokio::test]
async fn a_permit_comes_back_when_future_or_body_are_dropped() {
    let layer = by_user(1);
    let mut service = layer.layer(Mock::hanging());
    let ready = Service::<Request<TestBody>>::poll_ready;
    poll_fn(|cx| ready(&mut service, cx)).await.unwrap();
    {
        let mut future = pin!(service.call(get("a")));
        assert!(
            future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(in_flight(&layer), (1, 1));
    }
    assert_eq!(in_flight(&layer), (0, 0));

    let hanging = Mock::answering(|_| Response::new(TestBody::empty().then_hang()));
    let response = contract::send(&mut layer.layer(hanging), get("a"))
        .await
        .unwrap();
    assert_eq!(in_flight(&layer), (1, 1));
    drop(response);
    assert_eq!(in_flight(&layer), (0, 0));
}

#[tokio::test]
async fn settings_do_what_they_say() {
    let global = || ConcurrencyLimitLayer::new(n(1), Key::global());
    let refusals = Refusals::new();
    let status = async |layer: &ConcurrencyLimitLayer, request| {
        contract::send(&mut layer.layer(Mock::ok()), request)
            .await
            .unwrap()
    };

    let named = global()
        .name("uploads".parse().unwrap())
        .count_in(&refusals);
    let held = status(&named, get("a")).await;
    let refused = status(&named, get("a")).await;
    let reason = refused.extensions().get::<TooManyInFlight>().unwrap();
    assert_eq!(reason.policy().as_str(), "uploads");
    assert_eq!(reason.to_string(), "too many requests are under way");
    assert_eq!(refusals.count("concurrency_limit", "too_many_in_flight"), 1);
    drop(held);

    let exempt = global().exempt("/".parse().unwrap());
    let held = status(&exempt, get("a")).await;
    assert_eq!(status(&exempt, get("a")).await.status(), StatusCode::OK);
    assert_eq!(in_flight(&exempt), (0, 0));
    drop(held);

    for (missing, expected) in [
        (MissingKey::Shared, [200, 429]),
        (MissingKey::Skip, [200, 200]),
        (MissingKey::BadRequest, [400, 400]),
        (MissingKey::Forbidden, [403, 403]),
    ] {
        let layer = by_user(1).missing_key(missing);
        let first = status(&layer, Request::new(TestBody::empty())).await;
        let second = status(&layer, Request::new(TestBody::empty())).await;
        assert_eq!(
            [first, second].map(|answer| answer.status().as_u16()),
            expected
        );
    }

    let layer = global().reject_with(|reason: &TooManyInFlight, _: &Caller| {
        Response::new(Bytes::from(reason.policy().to_string()))
    });
    let held = contract::send(&mut layer.layer(Mock::ok()), get("a"))
        .await
        .unwrap();
    let refused = contract::send(&mut layer.layer(Mock::ok()), get("a"))
        .await
        .unwrap();
    assert_eq!(
        body::conforms(refused.into_body()).await.data,
        b"concurrency"
    );
    drop(held);
}

#[test]
fn keys_beyond_the_capacity_share_a_count() {
    let permits = Permits::new(n(2), keys(16));
    // All of the first sixteenth, which has room for one key.
    let mut held: Vec<_> = (1..=6).map(|key| permits.acquire(key)).collect();
    assert_eq!(
        held.iter().flatten().count(),
        3,
        "one of the first key, two of all others"
    );
    let stats = permits.stats();
    assert_eq!(
        (stats.active_keys, stats.in_flight, stats.refused),
        (1, 3, 3)
    );
    held.push(permits.acquire(1));
    assert_eq!(
        held.iter().flatten().count(),
        4,
        "the first key has one more"
    );
    drop(held);
    let stats = permits.stats();
    assert_eq!((stats.active_keys, stats.in_flight), (0, 0));
    assert!(permits.acquire(9).is_some(), "there is room again");
}

#[test]
fn threads_never_hold_more_than_the_most_and_leave_nothing() {
    let (threads, max) = (8, 3);
    let permits = Permits::new(n(max), keys(64));
    let (held, most) = (AtomicU32::new(0), AtomicU32::new(0));
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for _ in 0..5000 {
                    if let Some(permit) = permits.acquire(7) {
                        let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                }
            });
        }
    });
    let most = most.into_inner();
    assert!((1..=max).contains(&most), "{most}");
    let stats = permits.stats();
    assert_eq!((stats.active_keys, stats.in_flight), (0, 0));
}
