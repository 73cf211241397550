//! The layers around the routes, outermost first, and why in this order.
//!
//! | layer | why there |
//! |---|---|
//! | origin | all layers inside agree on who the client is and whom to believe |
//! | request id | every answer carries one, whoever gives it, and so does every log line |
//! | observe | sees each request once, refused or not, and its answer to the end |
//! | mask | outside of all that answers, and before what prints or compresses headers of secrets |
//! | security headers | outside of all that answers, so that refusals and panics have them too |
//! | panic | a panic is an answer by the time that it is counted and given its headers |
//! | health, metrics | before everything that could redirect, refuse or limit a probe |
//! | host, https | a redirect names only a host that is ours; no work for who should not be here |
//! | rate, concurrency | no quota is spent on them, and nothing dear happens before it |
//! | limits | next to the handlers whose requests they bound |
//! | auth | around each handler that needs it: see [`routes`](crate::routes) |

#[cfg(test)]
mod tests;

use std::convert::Infallible;

use axum::Router;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use portcullis_layer_core::endpoint::{EndpointLayer, EndpointService};
use portcullis_layer_core::origin::OriginLayer;
use portcullis_observability_layers::access_log::AccessLog;
use portcullis_observability_layers::admin::{Admin, BuildInfo, LogLevel};
use portcullis_observability_layers::health::Health;
use portcullis_observability_layers::metrics::Metrics;
use portcullis_observability_layers::observe::{MatchedRouteLayer, ObserveLayer};
use portcullis_observability_layers::panic::CatchPanicLayer;
use portcullis_observability_layers::request_id::RequestIdLayer;
use portcullis_security_layers::headers::SecurityHeadersLayer;
use portcullis_security_layers::host::HostLayer;
use portcullis_security_layers::https::{HttpsLayer, Redirect};
use portcullis_security_layers::ip_filter::IpFilterLayer;
use portcullis_security_layers::limits::{
    BodyDeadlineLayer, BodyLimitLayer, ContentTypeLayer, HeaderLimitLayer, UriLimitLayer,
};
use portcullis_security_layers::mask::{MaskCollector, MaskLayer};
use portcullis_security_layers::paths::Paths;
use portcullis_security_layers::rate_limit::{
    ConcurrencyLimitLayer, Key, MissingKey, RateLimitCollector, RateLimitLayer, RateLimiter, Rule,
};
use portcullis_security_layers::refusals::Refusals;
use tower::{Service, ServiceBuilder};

use crate::accounts::{REFRESH, REVOKE};
use crate::redaction::known;
use crate::settings::{Https, Settings};

/// Settings that do not fit together.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// What is told of the build, in `build_info` and at `/build`.
const BUILD: [(&str, &str); 1] = [("version", env!("CARGO_PKG_VERSION"))];

/// Answered outside of the router, which names all other routes.
const PROBES: [&str; 5] = ["/health", "/live", "/ready", "/startup", "/metrics"];

/// Whoever is to see operators' numbers and switches comes from the machine or its own networks.
const OPERATORS: &str = "127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7";

/// What the stacks share, and what knows how the server is.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) log: AccessLog,
    mask: MaskLayer,
}

impl Watch {
    pub(crate) fn new(health: Health, log: AccessLog) -> Result<Self, Error> {
        let metrics = Metrics::new();
        metrics.build_info(BUILD)?;
        let lines = log.clone();
        // Not what clients keep here: a document is theirs, byte for byte, and has a length and an ETag.
        let mask = MaskLayer::new()
            .known_secrets(known().clone())
            .media_types("text/*, */*+json".parse()?);
        let masked = MaskCollector::new(&mask);
        metrics.register_with(|registry| {
            registry.register_collector(Box::new(lines));
            registry.register_collector(Box::new(masked));
        });
        Ok(Self {
            health,
            metrics,
            log,
            mask,
        })
    }
}

/// What the public sees of `routes`.
pub(crate) fn public<B>(
    settings: &Settings,
    routes: Router,
    watch: &Watch,
) -> Result<
    impl Service<
        Request<B>,
        Response = Response<impl Body<Data = Bytes, Error: Into<Error>> + Send + 'static>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static,
    Error,
>
where
    B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    let Watch {
        health,
        metrics,
        log,
        mask,
    } = watch;
    let observe = ObserveLayer::new().routes(PROBES);
    Ok(ServiceBuilder::new()
        .layer(OriginLayer::new(settings.origin.clone()))
        .layer(RequestIdLayer::new().trusted_proxies(settings.trusted_proxies.clone()))
        .layer(observe.sink(metrics.http()).sink(log.clone()))
        .layer(mask.clone())
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(health.layer())
        .layer(EndpointLayer::new(metrics.endpoint()))
        .service(guarded(settings, routes, metrics)?))
}

/// The routes behind the layers that may refuse, some of which a setting turns off.
fn guarded(settings: &Settings, routes: Router, metrics: &Metrics) -> Result<Router, Error> {
    let refusals = Refusals::new();
    let mut counted = RateLimitCollector::new();
    let limits = ServiceBuilder::new()
        .layer(UriLimitLayer::default().count_in(&refusals))
        .layer(HeaderLimitLayer::default().count_in(&refusals))
        .layer(
            ContentTypeLayer::new("application/json".parse()?)
                .paths(
                    Paths::new([REFRESH, REVOKE])?,
                    "application/json, application/x-www-form-urlencoded".parse()?,
                )
                .count_in(&refusals),
        )
        .layer(BodyLimitLayer::new(settings.max_body).count_in(&refusals))
        .layer(BodyDeadlineLayer::new(settings.body_timeout)?.count_in(&refusals));
    let mut router = routes.layer(limits);
    if let Some(max) = settings.concurrency_limit {
        let layer = ConcurrencyLimitLayer::new(max, Key::client_ip());
        counted = counted.concurrency("concurrency".parse()?, &layer);
        router = router.layer(layer);
    }
    let all = settings
        .rate_limit
        .map(|quota| Rule::new(quota, Key::client_ip()));
    let signing_in = match settings.auth_rate_limit {
        Some(quota) => Some(
            Rule::new(quota, Key::with(about_signing_in).and(Key::client_ip()))
                .name("auth".parse()?)
                .missing_key(MissingKey::Skip),
        ),
        None => None,
    };
    let rules: Vec<_> = all.into_iter().chain(signing_in).collect();
    if !rules.is_empty() {
        let limiter = RateLimiter::new(rules)?;
        counted = counted.limiter("requests".parse()?, &limiter);
        router = router.layer(RateLimitLayer::from_shared(limiter).count_in(&refusals));
    }
    let hosts = &settings.allowed_hosts;
    let https = match settings.https {
        Https::Off => None,
        Https::Redirect => Some(HttpsLayer::redirect(Redirect::to_same_host(hosts.clone()))),
        Https::Require => Some(HttpsLayer::refuse()),
    };
    if let Some(layer) = https {
        router = router.layer(layer.count_in(&refusals));
    }
    let router = router
        .layer(HostLayer::new(hosts.clone()).count_in(&refusals))
        .layer(MatchedRouteLayer::new());
    metrics.register_with(|registry| {
        registry.register_collector(Box::new(refusals));
        registry.register_collector(Box::new(counted));
    });
    Ok(router)
}

/// What costs a password's hash, or tells a guess from another, has a limit of its own. Tokens that nobody can guess are given
/// back or renewed under the limit of all requests: many tabs and many people may be behind one address.
fn about_signing_in(request: &Parts) -> Option<()> {
    let path = request.uri.path();
    let guesses = path.starts_with("/api/v1/auth/") && ![REFRESH, REVOKE].contains(&path);
    guesses.then_some(())
}

/// What operators see, on a listener of their own.
pub(crate) fn operators<B>(
    settings: &Settings,
    watch: &Watch,
    log_level: LogLevel,
) -> Result<
    impl Service<
        Request<B>,
        Response = Response<impl Body<Data = Bytes, Error: Into<Error>> + Send + 'static>,
        Error = Infallible,
        Future: Send,
    > + Clone
    + Send
    + 'static,
    Error,
>
where
    B: Body<Data = Bytes, Error: Into<Error>> + Send + 'static,
{
    let admin = Admin::new(&watch.health)
        .with(BuildInfo::new(BUILD))
        .with(log_level)
        .with(watch.metrics.endpoint());
    // A page in an operator's browser must not read what is here under a name that was made to
    // point here. Scrapers call by address, and what they read is public anyway.
    let hosts = HostLayer::new(settings.allowed_hosts.clone()).exempt("/metrics".parse()?);
    Ok(ServiceBuilder::new()
        .layer(OriginLayer::new(settings.origin.clone()))
        .layer(RequestIdLayer::new().trusted_proxies(settings.trusted_proxies.clone()))
        .layer(
            watch
                .log
                .layer()
                .routes(["/health", "/drain", "/build", "/log-level", "/metrics"]),
        )
        .layer(watch.mask.clone())
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(IpFilterLayer::new().allow(OPERATORS.parse()?))
        .layer(hosts)
        .service(EndpointService::new(admin)))
}
