use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RANGE,
    SET_COOKIE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use portcullis_layer_core::testing::body::{Collected, conforms};
use portcullis_layer_core::testing::{Mock, MockError, TestBody, contract};
use tower_layer::Layer as _;

use super::super::{MaskBody, MaskLayer, MaskStats};
use super::{SECRETS, fields, known};
use crate::recorder::Recorder;

const SECRET: &str = SECRETS[1];

fn layer() -> MaskLayer {
    MaskLayer::new()
        .known_secrets(known())
        .fields(fields(&["password"]))
}

fn request() -> Request<TestBody> {
    Request::new(TestBody::empty())
}

fn body(chunks: &[&str]) -> TestBody {
    TestBody::new(
        chunks
            .iter()
            .map(|chunk| Bytes::copy_from_slice(chunk.as_bytes())),
    )
}

/// What becomes of a response with these headers and this body.
async fn answer(
    layer: &MaskLayer,
    headers: &[(http::HeaderName, &'static str)],
    body: fn() -> TestBody,
) -> Response<MaskBody<TestBody>> {
    let headers = headers.to_vec();
    let mock = Mock::answering(move |_| {
        let mut response = Response::new(body());
        for (name, value) in &headers {
            response
                .headers_mut()
                .append(name, HeaderValue::from_static(value));
        }
        response
    });
    let mut service = layer.layer(mock);
    contract::send(&mut service, request()).await.unwrap()
}

async fn collected(response: Response<MaskBody<TestBody>>) -> Collected<MockError> {
    conforms(response.into_body()).await
}

const JSON: (http::HeaderName, &str) = (CONTENT_TYPE, "application/json");

#[tokio::test]
async fn the_contract_is_kept_whether_or_not_bodies_are_searched() {
    for layer in [MaskLayer::new(), layer()] {
        contract::keeps(&layer, request).await;
    }
}

#[tokio::test]
async fn secrets_and_fields_are_masked_across_chunks_and_trailers_stay_last() {
    let layer = layer();
    let make = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-end", HeaderValue::from_static("1"));
        body(&[
            "{\"pass",
            "word\":",
            "{\"a\"",
            ":[1",
            "]},\"text\":\"a 8392",
            "01746592",
            "817 b\",\"n\":83920",
        ])
        .with_trailers(trailers)
    };
    let response = answer(&layer, &[JSON, (CONTENT_LENGTH, "66")], make).await;
    assert_eq!(response.headers().get(CONTENT_LENGTH), None);
    assert_eq!(response.body().size_hint().exact(), None);
    let collected = collected(response).await;
    assert_eq!(
        String::from_utf8(collected.data).unwrap(),
        r#"{"password":"[REDACTED]","text":"a [REDACTED] b","n":83920"#,
    );
    assert_eq!(collected.trailers.unwrap()["x-end"], "1");
    let stats = layer.stats();
    assert_eq!((stats.scanned, stats.secrets, stats.fields), (1, 1, 1));
}

#[tokio::test]
async fn what_a_body_says_of_its_end_and_length_is_true() {
    let make: [fn() -> TestBody; 5] = [
        || body(&["{\"a\":8392"]),
        || body(&["{\"a\":8392"]).unsized_(),
        || body(&["", "", "{\"a\":\"x", "", "\"}", ""]),
        || body(&["{\"password\":\"", "xxxxxxxx", "xxxxxxxx"]),
        || body(&["8392", "01746592", "817"]),
    ];
    for make in make {
        let response = answer(&layer(), &[JSON], make).await;
        assert!(!response.body().is_end_stream());
        // Checks the hints against what comes.
        conforms(response.into_body()).await;
    }
    // The last chunk waits for nothing, because its body says that it is the last one.
    let response = answer(&layer(), &[JSON], || body(&["[8392"])).await;
    let mut response = pin!(response.into_body());
    let frame = poll_fn(|cx| response.as_mut().poll_frame(cx)).await;
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "[8392");
    assert!(response.is_end_stream());
    assert_eq!(response.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn a_body_that_fails_ends_without_what_may_be_a_secret() {
    let response = answer(&layer(), &[JSON], || {
        body(&["[\"x", "y n4x#Rq9&"]).then_fail()
    })
    .await;
    let mut body = pin!(response.into_body());
    let mut data = Vec::new();
    loop {
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            Some(Ok(frame)) => data.extend(frame.into_data().unwrap()),
            Some(Err(MockError)) => break,
            None => panic!("the error was lost"),
        }
    }
    assert_eq!(data, b"[\"xy ");
    assert!(poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
}

#[tokio::test]
async fn what_is_not_searched_keeps_its_head_and_its_length() {
    let headers = [
        (CONTENT_LENGTH, "15"),
        (ETAG, "\"v1\""),
        (
            http::HeaderName::from_static("content-digest"),
            "sha-256=:x:",
        ),
    ];
    let make = || body(&[SECRET]);
    let nothing_to_do = MaskLayer::new();
    let only_fields = MaskLayer::new().fields(fields(&["password"]));
    let nothing_known = MaskLayer::new().known_secrets(Default::default());
    for (layer, content_type) in [
        (&nothing_to_do, "application/json"),
        (&only_fields, "text/html"),
        (&nothing_known, "text/html"),
        (&layer(), "image/png"),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .cloned()
            .chain([(CONTENT_TYPE, content_type)])
            .collect();
        let response = answer(layer, &headers, make).await;
        for (name, value) in &headers {
            assert_eq!(response.headers()[name], value, "{content_type}");
        }
        assert_eq!(response.body().size_hint().exact(), Some(15));
        assert_eq!(collected(response).await.data, SECRET.as_bytes());
        assert_eq!(layer.stats(), MaskStats::default());
    }
    // Too short for any secret.
    let response = answer(&MaskLayer::new().known_secrets(known()), &headers, || {
        body(&["hello"])
    })
    .await;
    assert_eq!(response.headers()[CONTENT_LENGTH], "15");
    assert_eq!(response.body().size_hint().exact(), Some(5));

    // And what is searched keeps its tag only.
    let response = answer(&layer(), &headers, make).await;
    assert_eq!(response.headers().len(), 1);
    assert_eq!(response.headers()[ETAG], "\"v1\"");
    assert_eq!(collected(response).await.data, b"[REDACTED]");
}

#[tokio::test]
async fn an_answer_without_a_body_tells_no_length_of_another() {
    for (length, expected) in [("0", Some("0")), ("1000", None)] {
        let response = answer(&layer(), &[JSON, (CONTENT_LENGTH, length)], TestBody::empty).await;
        let left = response.headers().get(CONTENT_LENGTH);
        assert_eq!(left.map(HeaderValue::as_bytes), expected.map(str::as_bytes));
        assert!(response.body().is_end_stream());
    }
    let png = [(CONTENT_TYPE, "image/png"), (CONTENT_LENGTH, "1000")];
    let response = answer(&layer(), &png, TestBody::empty).await;
    assert_eq!(response.headers()[CONTENT_LENGTH], "1000");
}

#[tokio::test]
async fn what_cannot_be_seen_is_left_as_it_is_and_counted() {
    let recorder = Recorder::default();
    let _default = tracing::subscriber::set_default(recorder.clone());
    let layer = layer();
    let make = || body(&["\"password\":1,", SECRET]);
    let length = (CONTENT_LENGTH, "28");
    for headers in [
        &[JSON, (CONTENT_ENCODING, "gzip"), length.clone()][..],
        &[
            JSON,
            (CONTENT_ENCODING, "identity"),
            (CONTENT_ENCODING, "br"),
            length.clone(),
        ],
        &[(CONTENT_TYPE, "application/grpc+json"), length.clone()],
        &[(CONTENT_TYPE, "application/grpc-web-text"), length.clone()],
        // Not even text.
        &[
            (CONTENT_TYPE, "image/png"),
            (CONTENT_ENCODING, "gzip"),
            length.clone(),
        ],
    ] {
        let response = answer(&layer, headers, make).await;
        assert_eq!(response.headers()[CONTENT_LENGTH], "28");
        assert_eq!(collected(response).await.data.len(), 28);
    }

    let mock = Mock::answering(move |_| {
        let mut response = Response::new(make());
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response
    });
    let response = contract::send(&mut layer.layer(mock), request())
        .await
        .unwrap();
    assert_eq!(collected(response).await.data.len(), 28);

    let stats = layer.stats();
    assert_eq!((stats.compressed, stats.grpc, stats.partial), (2, 2, 1));
    assert_eq!((stats.scanned, stats.secrets, stats.fields), (0, 0, 0));
    // The operator is told once.
    let events = recorder.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(
        events[0].contains("layer_misconfigured") && events[0].contains("inside of compression")
    );

    let response = answer(&layer, &[JSON, (CONTENT_ENCODING, "Identity")], make).await;
    assert_eq!(
        collected(response).await.data,
        b"\"password\":\"[REDACTED]\",\"[REDACTED]\""
    );
}

#[tokio::test]
async fn a_secret_on_its_way_out_is_an_event_without_the_secret() {
    let recorder = Recorder::default();
    let _default = tracing::subscriber::set_default(recorder.clone());
    let layer = layer();
    for _ in 0..100 {
        collected(answer(&layer, &[JSON], || body(&[SECRET, ",", SECRET])).await).await;
    }
    assert_eq!(layer.stats().secrets, 200);
    let events = recorder.take();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains("event=\"secret_in_response\""));
    assert!(!events[0].contains(SECRET));
}

#[tokio::test]
async fn sensitive_headers_are_marked_on_both_ways() {
    let layer = MaskLayer::new().sensitive_headers([http::HeaderName::from_static("x-pin")]);
    let mock = Mock::answering(|request| {
        for name in ["authorization", "x-pin"] {
            assert!(request.headers[name].is_sensitive());
        }
        assert!(!request.headers["accept"].is_sensitive());
        let mut response = Response::new(TestBody::empty());
        for cookie in ["a=1", "b=2"] {
            response
                .headers_mut()
                .append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        response
    });
    let mut request = request();
    for name in ["authorization", "x-pin", "accept"] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("s3cr3t"));
    }
    let response = contract::send(&mut layer.layer(mock), request)
        .await
        .unwrap();
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(cookies.iter().all(|cookie| cookie.is_sensitive()));
}

#[tokio::test]
async fn ranges_are_ignored_where_bodies_are_masked_unless_they_are_allowed() {
    for (layer, arrive) in [
        (layer(), false),
        (layer().byte_ranges(true), true),
        (MaskLayer::new(), true),
    ] {
        let mock = Mock::answering(move |request| {
            assert_eq!(request.headers.contains_key(RANGE), arrive);
            assert!(request.headers.contains_key(AUTHORIZATION));
            let mut response = Response::new(TestBody::empty());
            response
                .headers_mut()
                .insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            response
        });
        let mut request = request();
        for (name, value) in [(RANGE, "bytes=0-9"), (AUTHORIZATION, "x")] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        let response = contract::send(&mut layer.layer(mock), request)
            .await
            .unwrap();
        assert_eq!(response.headers().contains_key(ACCEPT_RANGES), arrive);
    }
}

#[tokio::test]
async fn a_body_that_has_begun_is_searched_for_the_secrets_of_its_beginning() {
    let known = known();
    let layer = MaskLayer::new().known_secrets(known.clone());
    let make = || body(&["a 8392", "01746592817 b Qm3$Tz8pLk5!"]);
    let before = answer(&layer, &[], make).await;
    let mut before = pin!(before.into_body());
    let frame = poll_fn(|cx| before.as_mut().poll_frame(cx)).await;
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "a ");

    let now = Instant::now();
    for secret in SECRETS {
        known.retire(secret, now);
    }
    known.forget_expired(now + std::time::Duration::from_secs(25 * 3600));
    known.insert("new", b"Qm3$Tz8pLk5!", now).unwrap();
    let mut data = Vec::new();
    while let Some(frame) = poll_fn(|cx| before.as_mut().poll_frame(cx)).await {
        data.extend(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(data, b"[REDACTED] b Qm3$Tz8pLk5!");
    let after = answer(&layer, &[], make).await;
    assert_eq!(
        collected(after).await.data,
        b"a 839201746592817 b [REDACTED]"
    );
}

#[tokio::test]
async fn other_media_types_are_searched_if_it_is_said_so() {
    let layer = layer().media_types("application/vnd.log".parse().unwrap());
    for (content_type, expected) in [
        ("application/vnd.log", "[REDACTED]"),
        ("text/plain", SECRET),
    ] {
        let response = answer(&layer, &[(CONTENT_TYPE, content_type)], || body(&[SECRET])).await;
        assert_eq!(collected(response).await.data, expected.as_bytes());
    }
}

/// Gives its chunks without a moment of rest, and counts how often it was asked.
struct Chunks(VecDeque<Bytes>);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Frame::data).map(Ok))
    }
}

#[test]
fn clean_chunks_come_out_as_they_went_in() {
    let chunks: Vec<_> = (0..10)
        .map(|index| Bytes::from(format!("{{\"id\":{index},\"name\":\"some more of it\"}}\n")))
        .collect();
    let (mut head, ()) = Response::builder()
        .header(CONTENT_TYPE, "application/x-ndjson")
        .body(())
        .unwrap()
        .into_parts();
    let layer = layer();
    let scan = layer
        .policy
        .response(&mut head, &SizeHint::default(), false);
    assert!(scan.is_some());
    let mut body = pin!(MaskBody::new(Chunks(chunks.clone().into()), scan));
    let mut cx = Context::from_waker(Waker::noop());
    for chunk in chunks {
        let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) else {
            panic!("a chunk is there");
        };
        let data = frame.into_data().unwrap();
        assert_eq!((data.as_ptr(), data.len()), (chunk.as_ptr(), chunk.len()));
    }
    assert!(matches!(
        body.as_mut().poll_frame(&mut cx),
        Poll::Ready(None)
    ));
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn a_scrape_shows_what_was_counted() {
    use super::super::MaskCollector;

    let layer = layer();
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(MaskCollector::new(&layer)));
    collected(
        answer(&layer, &[JSON], || {
            body(&["{\"password\":1,\"a\":", SECRET])
        })
        .await,
    )
    .await;
    answer(&layer, &[JSON, (CONTENT_ENCODING, "zstd")], || body(&["x"])).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "mask_responses_total{outcome=\"scanned\"} 1",
        "mask_responses_total{outcome=\"compressed\"} 1",
        "mask_responses_total{outcome=\"grpc\"} 0",
        "mask_responses_total{outcome=\"partial\"} 0",
        "mask_replacements_total{kind=\"secret\"} 1",
        "mask_replacements_total{kind=\"field\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}
