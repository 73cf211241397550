//! The layers around the routes, outermost first, and why in this order.
//!
//! | layer | why there |
//! |---|---|
//! | origin | all layers inside agree on who the client is and whom to believe |
//! | request id | every answer carries one, whoever gives it, and so does every log line |
//! | observe | sees each request once, refused or not, and its answer to the end |
//! | security headers | outside of all that answers, so that refusals and panics have them too |
//! | panic | a panic is an answer by the time that it is counted and given its headers |
//! | health, metrics | before everything that could redirect, refuse or limit a probe |
//! | host, https | a redirect names only a host that is ours; no work for who should not be here |
//! | rate, concurrency | no quota is spent on them, and nothing dear happens before it |
//! | limits | next to the handlers whose requests they bound |

use std::convert::Infallible;

use axum::Router;
use bytes::Bytes;
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
use portcullis_security_layers::rate_limit::{
    ConcurrencyLimitLayer, Key, RateLimitCollector, RateLimitLayer, RateLimiter, Rule,
};
use portcullis_security_layers::refusals::Refusals;
use tower::{Service, ServiceBuilder};

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
}

impl Watch {
    pub(crate) fn new(health: Health, log: AccessLog) -> Result<Self, Error> {
        let metrics = Metrics::new();
        metrics.build_info(BUILD)?;
        let lines = log.clone();
        metrics.register_with(|registry| registry.register_collector(Box::new(lines)));
        Ok(Self {
            health,
            metrics,
            log,
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
    } = watch;
    let observe = ObserveLayer::new().routes(PROBES);
    Ok(ServiceBuilder::new()
        .layer(OriginLayer::new(settings.origin.clone()))
        .layer(RequestIdLayer::new().trusted_proxies(settings.trusted_proxies.clone()))
        .layer(observe.sink(metrics.http()).sink(log.clone()))
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
        .layer(ContentTypeLayer::new("application/json".parse()?).count_in(&refusals))
        .layer(BodyLimitLayer::new(settings.max_body).count_in(&refusals))
        .layer(BodyDeadlineLayer::new(settings.body_timeout)?.count_in(&refusals));
    let mut router = routes.layer(limits);
    if let Some(max) = settings.concurrency_limit {
        let layer = ConcurrencyLimitLayer::new(max, Key::client_ip());
        counted = counted.concurrency("concurrency".parse()?, &layer);
        router = router.layer(layer);
    }
    if let Some(quota) = settings.rate_limit {
        let limiter = RateLimiter::from(Rule::new(quota, Key::client_ip()));
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
        .layer(SecurityHeadersLayer::strict())
        .layer(CatchPanicLayer::new())
        .layer(IpFilterLayer::new().allow(OPERATORS.parse()?))
        .layer(hosts)
        .service(EndpointService::new(admin)))
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http::{Request, StatusCode};
    use http_body_util::BodyExt as _;
    use portcullis_observability_layers::metrics::Format;
    use tower::ServiceExt as _;

    use super::*;
    use crate::redaction::{known, redactor};
    use crate::settings::{LogFilter, LogFormat, Task};

    fn settings() -> Settings {
        let arguments = ["reference-server", "--database-url=sqlite::memory:"];
        match crate::settings::read(arguments.map(Into::into), []) {
            Ok(Task::Serve(settings)) => *settings,
            other => panic!("{other:?}"),
        }
    }

    const STARTED_AGAIN: &str = "PORTCULLIS_TEST_PANIC";
    const SECRETS: [&str; 3] = ["hunter2hunter2", "c2VjcmV0LWtleQ", "kT7mq2Lx9Zp4wVbN"];

    /// What this process prints when handlers panic with secrets in their words.
    async fn panic_and_print() {
        let [_, _, own] = SECRETS;
        known()
            .insert("own", own.as_bytes(), std::time::Instant::now())
            .unwrap();
        redactor().install_panic_hook();
        let LogFilter(filter) = "trace".parse().unwrap();
        let _level = crate::telemetry::start(filter, LogFormat::Json);
        let (health, _checks) = Health::start([]).unwrap();
        let (log, flush) = AccessLog::builder("test")
            .redact(redactor().clone())
            .start(std::io::stdout())
            .unwrap();
        let watch = Watch::new(health, log).unwrap();
        async fn bug() {
            let [password, key, own] = SECRETS;
            panic!("postgres://app:{password}@db/app answered {{\"api_key\":\"{key}\"}} to {own}");
        }
        async fn failed() {
            let [password, ..] = SECRETS;
            let parsed = password.parse::<std::net::IpAddr>();
            parsed
                .map_err(|error| format!("{error} in password={password}"))
                .unwrap();
        }
        let routes = Router::new()
            .route("/bug", get(bug))
            .route("/failed", get(failed));
        let stack = public(&settings(), routes, &watch).unwrap();
        for path in ["/bug", "/failed"] {
            let request = Request::get(path).header("host", "localhost");
            let request = request.body(axum::body::Body::empty()).unwrap();
            let answer = stack.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            drop(answer.into_body().collect().await.map_err(Into::into));
        }
        drop(flush);
    }

    // In a process of its own, because a hook is for all threads.
    #[test]
    fn a_panic_is_printed_without_the_secrets_in_its_words() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        if std::env::var_os(STARTED_AGAIN).is_some() {
            return runtime.block_on(panic_and_print());
        }
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "stack::tests::a_panic_is_printed_without_the_secrets_in_its_words",
                "--nocapture",
            ])
            .env(STARTED_AGAIN, "1")
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{out}{err}");
        for secret in SECRETS {
            assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
        }
        // The standard error has them from the hook, and the log from the layer that answered.
        let words = "postgres://***@db/app answered";
        for printed in [&out, &err] {
            assert!(
                printed.contains(words) && printed.contains("password=[REDACTED]"),
                "{printed}"
            );
        }
        let panicked = out
            .lines()
            .filter(|line| line.contains("\"target\":\"portcullis::panic\""));
        assert_eq!(panicked.count(), 2, "{out}");
        let answered = out
            .lines()
            .filter(|line| line.contains("\"service\":\"test\""));
        assert_eq!(answered.count(), 2, "{out}");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_like_any_other_and_says_nothing_of_itself() {
        let (health, _checks) = Health::start([]).unwrap();
        let (log, _flush) = AccessLog::builder("test").start(std::io::sink()).unwrap();
        let watch = Watch::new(health, log).unwrap();
        async fn bug() {
            panic!("hunter2");
        }
        let routes = Router::new().route("/bug", get(bug));
        let stack = public(&settings(), routes, &watch).unwrap();

        let request = Request::get("/bug").header("host", "localhost");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = stack.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(Into::into)
            .unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(body.contains(&id) && !body.contains("hunter2"), "{body}");

        let format = Format::negotiate(&http::HeaderMap::new());
        let numbers = watch.metrics.encode(format);
        let panicked = r#"http_requests_unfinished_total{outcome="panicked"} 1"#;
        assert!(numbers.contains(panicked), "{numbers}");
    }
}
