//! One JSON line per request, to a writer that throws it away.

use std::io;

use tower::ServiceBuilder;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::{BARE, Case, Drive, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "access_log";
    const LINE: &str = "one line";
    vec![
        Case::new(LAYER, LINE, BARE, || drive(handler(), request)),
        Case::new(LAYER, LINE, "tower-http", tower_http),
    ]
}

fn tower_http() -> Drive {
    let layer = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    let mut requests = drive(
        ServiceBuilder::new().layer(layer).service(handler()),
        request,
    );
    let subscriber = tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .with_writer(io::sink),
        )
        .with(Targets::new().with_target("tower_http", Level::INFO));
    let subscriber = tracing::Dispatch::new(subscriber);
    // Around this stack only, so that no other one pays for a subscriber that it did not ask for.
    Box::new(move |times| tracing::dispatcher::with_default(&subscriber, || requests(times)))
}
