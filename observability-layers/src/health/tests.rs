use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use portcullis_layer_core::endpoint::{EndpointLayer, EndpointService};
use portcullis_layer_core::testing::{Mock, TestBody, body, contract};
use proptest::prelude::*;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A dependency that can be switched off, and knows how often it was asked.
#[derive(Clone, Default)]
struct Dependency {
    down: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Dependency {
    fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn check(&self, name: &str) -> Check {
        let this = self.clone();
        Check::new(name, move || {
            this.asked.fetch_add(1, Ordering::SeqCst);
            let down = this.down.load(Ordering::SeqCst);
            async move { if down { Err("down") } else { Ok(()) } }
        })
    }
}

fn request(method: Method, path: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// Status and body of a probe, whose answer is checked to come at once and never to be kept.
async fn probe(health: &Health, path: &str) -> (u16, String) {
    let asked = Instant::now();
    let mut service = EndpointService::new(HealthEndpoint::new(health.clone()));
    let response = contract::send(&mut service, request(Method::GET, path)).await;
    let response = response.unwrap();
    assert_eq!(asked.elapsed(), Duration::ZERO, "a probe never waits");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let status = response.status().as_u16();
    let body = body::conforms(response.into_body()).await;
    let body = String::from_utf8(body.data).unwrap();
    // The probes have a way of their own to what the snapshot says.
    let snapshot = health.snapshot();
    let expected = match path {
        "/live" => snapshot.status(Group::Liveness),
        "/ready" => snapshot.status(Group::Readiness),
        "/startup" => snapshot.status(Group::Startup),
        _ => snapshot.overall(),
    };
    let expected = format!(r#"{{"status":"{}"}}"#, expected.as_str());
    assert_eq!(body, expected, "{path}");
    (status, body)
}

async fn code(health: &Health, path: &str) -> u16 {
    probe(health, path).await.0
}

async fn detail(health: &Health) -> Value {
    let mut service = EndpointService::new(HealthDetail::new(health.clone()));
    let response = contract::send(&mut service, request(Method::GET, "/health")).await;
    let body = body::conforms(response.unwrap().into_body()).await;
    serde_json::from_slice(&body.data).unwrap()
}

/// Lets the tasks that are due run.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn layer_keeps_the_contract() {
    contract::is_a_layer::<EndpointLayer<HealthEndpoint>, Mock>();
    let (health, _guard) = Health::start([]).unwrap();
    contract::keeps(&health.layer(), || request(Method::GET, "/elsewhere")).await;
}

#[tokio::test(start_paused = true)]
async fn service_without_checks_is_well_from_the_start() {
    let (health, _guard) = Health::start([]).unwrap();
    for path in ["/health", "/live", "/ready", "/startup"] {
        let expected = (200, r#"{"status":"pass"}"#.to_owned());
        assert_eq!(probe(&health, path).await, expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn probes_follow_the_checks() {
    let (database, cache) = (Dependency::default(), Dependency::default());
    let (health, _guard) =
        Health::start([database.check("database"), cache.check("cache").warning()]).unwrap();
    assert_eq!(code(&health, "/ready").await, 503, "nothing is known yet");
    assert_eq!(code(&health, "/live").await, 200);
    settle().await;
    assert_eq!(probe(&health, "/ready").await.1, r#"{"status":"pass"}"#);

    cache.set_down(true);
    sleep(12 * SECOND).await;
    for path in ["/ready", "/health"] {
        let expected = (200, r#"{"status":"warn"}"#.to_owned());
        assert_eq!(probe(&health, path).await, expected, "{path}");
    }

    database.set_down(true);
    sleep(12 * SECOND).await;
    for (path, expected) in [
        ("/ready", 503),
        ("/health", 503),
        ("/live", 200),
        ("/startup", 200),
    ] {
        assert_eq!(code(&health, path).await, expected, "{path}");
    }
    assert_eq!(probe(&health, "/ready").await.1, r#"{"status":"fail"}"#);

    database.set_down(false);
    sleep(12 * SECOND).await;
    assert_eq!(code(&health, "/ready").await, 200);
}

#[tokio::test(start_paused = true)]
async fn hung_check_times_out_and_hangs_nothing_else() {
    let good = Dependency::default();
    let (health, _guard) = Health::start([
        Check::new("stuck", pending::<Result<(), String>>).timeout(3 * SECOND),
        good.check("good"),
    ])
    .unwrap();
    settle().await;
    assert_eq!(health.snapshot().checks()[0].state(), CheckState::Pending);
    sleep(3 * SECOND).await;
    let snapshot = health.snapshot();
    let [stuck, good] = snapshot.checks() else {
        panic!("two checks");
    };
    assert_eq!(stuck.state(), CheckState::Failing);
    assert_eq!(stuck.error(), Some("no answer within 3s"));
    assert_eq!(stuck.latency(), Some(3 * SECOND));
    assert_eq!(good.state(), CheckState::Passing);
    assert_eq!(code(&health, "/ready").await, 503);
}

#[tokio::test(start_paused = true)]
async fn panicking_check_fails_and_is_asked_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let at_once = move || {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        assert!(call > 0, "the first call");
        async { Ok::<_, String>(()) }
    };
    let later = async || -> Result<(), String> { panic!("while polled") };
    let (health, _guard) =
        Health::start([Check::new("at once", at_once), Check::new("later", later)]).unwrap();
    settle().await;
    let snapshot = health.snapshot();
    let errors: Vec<_> = snapshot.checks().iter().map(CheckReport::error).collect();
    assert_eq!(
        errors,
        [
            Some("the check panicked: the first call"),
            Some("the check panicked: while polled"),
        ]
    );
    sleep(2 * SECOND).await;
    let snapshot = health.snapshot();
    assert_eq!(snapshot.checks()[0].state(), CheckState::Passing);
    assert!(snapshot.checks()[1].failures() > 1);
}

// The panic ended the task of the check, which was stale from then on until the process was restarted.
#[tokio::test(start_paused = true)]
async fn hung_check_that_panics_when_it_is_cut_off_is_asked_again() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("while dropped")
        }
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let hangs_once = move || {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                let _bomb = Bomb;
                pending::<()>().await;
            }
            Ok::<_, String>(())
        }
    };
    let (health, _guard) = Health::start([Check::new("hung", hangs_once).timeout(SECOND)]).unwrap();
    sleep(SECOND + SECOND / 10).await;
    assert_eq!(
        health.snapshot().checks()[0].error(),
        Some("the check panicked: while dropped")
    );
    sleep(2 * SECOND).await;
    assert_eq!(health.snapshot().checks()[0].state(), CheckState::Passing);
}

#[tokio::test(start_paused = true)]
async fn startup_passes_once_and_for_good() {
    let migrations = Dependency::default();
    migrations.set_down(true);
    let check = migrations.check("migrations");
    let (health, _guard) = Health::start([check.groups([Group::Startup])]).unwrap();
    settle().await;
    for (path, expected) in [("/startup", 503), ("/ready", 503), ("/live", 200)] {
        assert_eq!(code(&health, path).await, expected, "{path}");
    }
    migrations.set_down(false);
    // Asked every second until it has passed, not every ten.
    sleep(Duration::from_millis(1_200)).await;
    assert_eq!(code(&health, "/startup").await, 200);
    assert_eq!(code(&health, "/ready").await, 200);

    migrations.set_down(true);
    sleep(12 * SECOND).await;
    assert_eq!(code(&health, "/startup").await, 200);
    assert_eq!(code(&health, "/ready").await, 200);
    assert_eq!(code(&health, "/health").await, 503);
}

#[tokio::test(start_paused = true)]
async fn liveness_has_no_dependencies_unless_it_is_given_some() {
    let deadlock = Dependency::default();
    deadlock.set_down(true);
    let check = deadlock.check("deadlock").groups([Group::Liveness]);
    let (health, _guard) = Health::start([check]).unwrap();
    assert_eq!(code(&health, "/live").await, 200, "not known to be dead");
    settle().await;
    assert_eq!(code(&health, "/live").await, 503);
    assert_eq!(code(&health, "/ready").await, 200);
}

#[tokio::test(start_paused = true)]
async fn drain_switch_turns_readiness_off_and_on_but_not_liveness() {
    let (health, _guard) = Health::start([]).unwrap();
    let switch = health.drain_switch();
    switch.drain();
    assert!(switch.is_draining());
    for (path, expected) in [
        ("/ready", 503),
        ("/health", 503),
        ("/live", 200),
        ("/startup", 200),
    ] {
        assert_eq!(code(&health, path).await, expected, "{path}");
    }
    switch.resume();
    assert_eq!(code(&health, "/ready").await, 200);
}

#[tokio::test(start_paused = true)]
async fn results_are_cached_and_probes_ask_nothing() {
    let database = Dependency::default();
    let (health, _guard) = Health::start([database.check("database")]).unwrap();
    settle().await;
    for _ in 0..1_000 {
        assert_eq!(code(&health, "/ready").await, 200);
    }
    assert_eq!(database.asked(), 1);
    sleep(100 * SECOND).await;
    let asked = database.asked();
    assert!((10..=12).contains(&asked), "{asked} times in 100 seconds");
}

#[tokio::test(start_paused = true)]
async fn dropped_guard_ends_the_tasks_and_their_results_go_stale() {
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&alive);
    let hanging = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let guard = Alive(Arc::clone(&counted));
        async move {
            let _guard = guard;
            pending::<Result<(), String>>().await
        }
    };
    let database = Dependency::default();
    let (health, guard) = Health::start([
        database.check("database"),
        Check::new("hanging", hanging).warning(),
    ])
    .unwrap();
    let mut watch = health.watch();
    settle().await;
    assert_eq!(code(&health, "/ready").await, 200);
    assert_eq!(alive.load(Ordering::SeqCst), 1);

    drop(guard);
    assert_eq!(code(&health, "/ready").await, 503);
    let seen = watch.changed().await.unwrap();
    assert_eq!(seen.checks()[0].state(), CheckState::Stale);
    settle().await;
    assert_eq!(alive.load(Ordering::SeqCst), 0, "a hanging check was left");
    let asked = database.asked();
    sleep(3600 * SECOND).await;
    assert_eq!(database.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn watch_sees_changes_and_only_changes() {
    let database = Dependency::default();
    let (health, guard) = Health::start([database.check("database").tag("storage")]).unwrap();
    let mut watch = health.watch();
    let seen = watch.changed().await.unwrap();
    assert_eq!(seen.tagged("storage"), Some(Status::Pass));
    assert_eq!(seen.tagged("unknown"), None);

    let quiet = tokio::time::timeout(600 * SECOND, watch.changed()).await;
    assert!(quiet.is_err(), "60 equal answers are no change");

    database.set_down(true);
    let seen = watch.changed().await.unwrap();
    assert_eq!(seen.tagged("storage"), Some(Status::Fail));
    health.drain_switch().drain();
    assert!(watch.changed().await.unwrap().is_draining());

    drop(guard);
    assert_eq!(
        watch.changed().await.unwrap().checks()[0].state(),
        CheckState::Stale
    );
    drop(health);
    assert!(watch.changed().await.is_none(), "nobody is left");
}

#[tokio::test(start_paused = true)]
async fn public_answer_says_a_word_and_the_detail_says_all() {
    let secret = "cannot reach db.internal:5432 ".repeat(20);
    let failing = move || {
        let secret = secret.clone();
        async move {
            sleep(Duration::from_millis(25)).await;
            Err::<(), _>(secret)
        }
    };
    let (health, _guard) = Health::start([Check::new("database", failing).tag("storage")]).unwrap();
    sleep(SECOND / 2).await;
    let (_, public) = probe(&health, "/health").await;
    assert_eq!(public, r#"{"status":"fail"}"#);

    let detail = detail(&health).await;
    assert_eq!(detail["status"], "fail");
    assert_eq!(detail["draining"], false);
    let check = &detail["checks"][0];
    assert_eq!(check["name"], "database");
    assert_eq!(check["state"], "failing");
    assert_eq!(check["criticality"], "critical");
    assert_eq!(check["groups"], serde_json::json!(["readiness"]));
    assert_eq!(check["tags"], serde_json::json!(["storage"]));
    assert_eq!(check["latency_ms"], 25.0);
    assert!(check["age_ms"].as_f64().is_some_and(|age| age > 400.0));
    assert_eq!(check["consecutive_failures"], 1);
    let error = check["error"].as_str().unwrap();
    assert!(error.starts_with("cannot reach db.internal:5432"));
    assert_eq!(error.len(), 256);
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_like_get_and_other_methods_are_refused() {
    let (health, _guard) = Health::start([]).unwrap();
    let probes = EndpointService::new(HealthEndpoint::new(health.clone()));
    let detail = EndpointService::new(HealthDetail::new(health));
    for (method, expected) in [
        (Method::GET, StatusCode::OK),
        (Method::HEAD, StatusCode::OK),
        (Method::POST, StatusCode::METHOD_NOT_ALLOWED),
        (Method::PUT, StatusCode::METHOD_NOT_ALLOWED),
        (Method::DELETE, StatusCode::METHOD_NOT_ALLOWED),
        (Method::OPTIONS, StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let ask = || request(method.clone(), "/health");
        let answers = [
            contract::send(&mut probes.clone(), ask()).await.unwrap(),
            contract::send(&mut detail.clone(), ask()).await.unwrap(),
        ];
        for answer in answers {
            assert_eq!(answer.status(), expected, "{method}");
            let allow = answer
                .headers()
                .get(ALLOW)
                .map(|allow| allow.to_str().unwrap());
            let refused = expected == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(allow, refused.then_some("GET, HEAD"), "{method}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn paths_are_configurable_and_wrong_ones_are_refused() {
    let (health, _guard) = Health::start([]).unwrap();
    let endpoint = HealthEndpoint::new(health)
        .path(Probe::Live, "/healthz/live")
        .unwrap();
    let mut service = EndpointService::new(endpoint.clone());
    for (path, expected) in [
        ("/healthz/live", StatusCode::OK),
        ("/live", StatusCode::NOT_FOUND),
        ("/ready", StatusCode::OK),
        ("/ready/", StatusCode::NOT_FOUND),
        ("/READY", StatusCode::NOT_FOUND),
    ] {
        let response = contract::send(&mut service, request(Method::GET, path)).await;
        assert_eq!(response.unwrap().status(), expected, "{path}");
    }
    for wrong in ["", "live", "/live?x=1", "/with space", "/ready"] {
        let error = endpoint.clone().path(Probe::Live, wrong).unwrap_err();
        let expected = format!("{wrong:?} is no path for an endpoint, or already another one's");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_settings_do_not_start() {
    let check = |name: &str| Dependency::default().check(name);
    let many = || (0..=MAX_CHECKS).map(|n| check(&n.to_string())).collect();
    let tagged = || (0..=MAX_TAGS).fold(check("a"), |check, n| check.tag(n.to_string()));
    let long = "x".repeat(65);
    for (checks, kind, text) in [
        (
            vec![check("")],
            ErrorKind::Name,
            r#"the names of check "" and of its tags must have 1 to 64 bytes"#.to_owned(),
        ),
        (
            vec![check(&long)],
            ErrorKind::Name,
            format!("the names of check {long:?} and of its tags must have 1 to 64 bytes"),
        ),
        (
            vec![check("a").tag("")],
            ErrorKind::Name,
            r#"the names of check "a" and of its tags must have 1 to 64 bytes"#.to_owned(),
        ),
        (
            vec![check("a"), check("a")],
            ErrorKind::DuplicateName,
            r#"two checks have the name "a""#.to_owned(),
        ),
        (
            vec![check("a").timeout(Duration::ZERO)],
            ErrorKind::Time,
            r#"timeout and interval of check "a" must be between a millisecond and a day"#
                .to_owned(),
        ),
        (
            vec![check("a").interval(Duration::MAX)],
            ErrorKind::Time,
            r#"timeout and interval of check "a" must be between a millisecond and a day"#
                .to_owned(),
        ),
        (
            vec![check("a").groups([])],
            ErrorKind::NoGroup,
            r#"check "a" is in no group"#.to_owned(),
        ),
        (
            vec![tagged()],
            ErrorKind::TooManyTags,
            r#"check "a" has more than 16 tags"#.to_owned(),
        ),
        (
            many(),
            ErrorKind::TooManyChecks,
            "there are more than 64 checks".to_owned(),
        ),
    ] {
        let error = Health::start(checks).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn start_outside_of_a_runtime_is_an_error_and_no_panic() {
    let error = Health::start([]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
    assert_eq!(
        error.to_string(),
        "health checks need a tokio runtime to run on, with time enabled"
    );
}

// The tasks panicked where nobody looked, and the service was never ready.
#[test]
fn start_in_a_runtime_without_time_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let started = runtime.unwrap().block_on(async { Health::start([]) });
    assert_eq!(started.unwrap_err().kind(), ErrorKind::NoRuntime);
}

fn report(state: CheckState, criticality: Criticality, group: Group) -> CheckReport {
    CheckReport {
        name: String::new(),
        state,
        criticality,
        groups: vec![group],
        tags: Vec::new(),
        error: None,
        latency: None,
        age: None,
        failures: 0,
    }
}

fn a_report() -> impl Strategy<Value = CheckReport> {
    let states = [
        CheckState::Pending,
        CheckState::Passing,
        CheckState::Failing,
        CheckState::Stale,
    ];
    let groups = [Group::Liveness, Group::Readiness, Group::Startup];
    let criticality = [Criticality::Critical, Criticality::Warning];
    (
        prop::sample::select(states.to_vec()),
        prop::sample::select(criticality.to_vec()),
        prop::sample::select(groups.to_vec()),
    )
        .prop_map(|(state, criticality, group)| report(state, criticality, group))
}

proptest! {
    #[test]
    fn one_bad_check_is_never_outvoted(
        checks in prop::collection::vec(a_report(), 0..10),
        started: bool,
        draining: bool,
    ) {
        let snapshot = Snapshot { started, draining, checks };
        let bad = |check: &CheckReport| {
            check.criticality == Criticality::Critical && check.state != CheckState::Passing
        };
        let of = |group: Group| {
            let in_group = move |check: &&CheckReport| check.groups.contains(&group);
            snapshot.checks.iter().filter(in_group)
        };
        let fails = |group| snapshot.status(group) == Status::Fail;
        prop_assert_eq!(
            fails(Group::Readiness),
            draining || !started || of(Group::Readiness).any(bad)
        );
        prop_assert_eq!(fails(Group::Startup), !started);
        prop_assert_eq!(
            fails(Group::Liveness),
            of(Group::Liveness).any(|check| bad(check) && check.state != CheckState::Pending)
        );
        prop_assert_eq!(
            snapshot.overall() == Status::Fail,
            draining || !started || snapshot.checks.iter().any(bad)
        );
    }
}
