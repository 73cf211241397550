//! One JSON line per request, to a writer that throws it away.

use std::io;
use std::num::NonZeroUsize;

use portcullis_observability_layers::access_log::{AccessLog, FlushGuard};
use tower::ServiceBuilder;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, HttpMakeClassifier, TraceLayer};
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::{BARE, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "access_log";
    const LINE: &str = "one line";
    vec![
        Case::new(LAYER, LINE, BARE, || drive(handler(), request)),
        Case::new(LAYER, LINE, OURS, ours),
        Case::new(LAYER, LINE, "tower-http", tower_http),
    ]
}

fn ours() -> Drive {
    let (log, writer) = log();
    let layer = log.layer().routes(["/users/42"]);
    let requests = drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    );
    written(requests, log, writer)
}

/// A log whose buffer holds more than a loop without pauses makes until the writer's next turn.
pub(crate) fn log() -> (AccessLog, FlushGuard) {
    AccessLog::builder("api")
        .queue_bytes(const { NonZeroUsize::new(64 << 20).expect("it is not zero") })
        .start(io::sink())
        .expect("a thread can be had")
}

/// Makes sure that what was measured is writing and not dropping.
pub(crate) fn written(mut requests: Drive, log: AccessLog, writer: FlushGuard) -> Drive {
    Box::new(move |times| {
        let _running = &writer;
        requests(times);
        assert_eq!(log.dropped(), 0, "the writer could not keep up");
    })
}

fn tower_http() -> Drive {
    let layer = peer();
    subscribed(drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    ))
}

/// A span and an event per request, at the level that is written.
pub(crate) fn peer() -> TraceLayer<HttpMakeClassifier> {
    TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO))
}

/// Runs `requests` under a subscriber that writes the peer's spans and events as JSON. It is for
/// these requests only, so that no other stack pays for it.
pub(crate) fn subscribed(mut requests: Drive) -> Drive {
    let subscriber = tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .with_writer(io::sink),
        )
        .with(Targets::new().with_target("tower_http", Level::INFO));
    let subscriber = Dispatch::new(subscriber);
    Box::new(move |times| tracing::dispatcher::with_default(&subscriber, || requests(times)))
}
