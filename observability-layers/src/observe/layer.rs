use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::{Request, request};
use portcullis_layer_core::clock::{Clock, SystemClock};
use portcullis_layer_core::origin::OriginPolicy;
use tower_layer::Layer;

use super::exchange::{Observer, Watcher};
use super::{Observe, Record, RoutePattern, Sink, SinkFn};

/// Watches requests for one or more [sinks](Sink). See the [module docs](super) for an example.
///
/// `K` is the sinks, as nested pairs; `C` is the clock.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct ObserveLayer<K = (), C = SystemClock> {
    sink: K,
    clock: C,
    settings: Settings,
}

impl ObserveLayer {
    /// Tells nobody yet: add a [`sink`](Self::sink). Reads the system's clock, believes no proxy,
    /// and knows the routes that extensions name.
    pub fn new() -> Self {
        Self {
            sink: (),
            clock: SystemClock,
            settings: Settings::default(),
        }
    }
}

impl Default for ObserveLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, C> ObserveLayer<K, C> {
    /// Adds a sink, which is told after those that were added before.
    pub fn sink<N: Sink>(self, sink: N) -> ObserveLayer<(K, N), C> {
        ObserveLayer {
            sink: (self.sink, sink),
            clock: self.clock,
            settings: self.settings,
        }
    }

    /// Adds a closure that reads the records. It must neither block nor panic, see [`Sink`].
    pub fn sink_with<F>(self, read: F) -> ObserveLayer<(K, SinkFn<F>), C>
    where
        F: Fn(&Record<'_>) + Send + Sync + 'static,
    {
        self.sink(SinkFn(Arc::new(read)))
    }

    /// Asks `route` for the template of each request, before the other sources but the response;
    /// `None` leaves it to them.
    pub fn route_with<F>(mut self, route: F) -> Self
    where
        F: Fn(&request::Parts) -> Option<RoutePattern> + Send + Sync + 'static,
    {
        self.settings.route_with = Some(Arc::new(route));
        self
    }

    /// The paths that are routes without parameters, so that they are their own template: gRPC
    /// methods (`/helloworld.Greeter/SayHello`), or the fixed paths of a service without a router.
    pub fn routes<I>(mut self, paths: I) -> Self
    where
        I: IntoIterator<Item: Into<Arc<str>>>,
    {
        self.settings.routes = Arc::new(paths.into_iter().map(Into::into).collect());
        self
    }

    /// Whom to believe about the client's address, where no `OriginLayer` further out has found it.
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        self.settings.origin = policy;
        self
    }

    /// Reads the time from `clock`.
    pub fn clock<D: Clock>(self, clock: D) -> ObserveLayer<K, D> {
        ObserveLayer {
            sink: self.sink,
            clock,
            settings: self.settings,
        }
    }
}

impl<S, K: Sink + Clone, C: Clock> Layer<S> for ObserveLayer<K, C> {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        let observer = Arc::new(Observer {
            settings: self.settings.clone(),
            fields: self.sink.fields(),
            watch: Watcher {
                sink: self.sink.clone(),
                clock: self.clock.clone(),
            },
        });
        Observe { inner, observer }
    }
}

pub(super) type RouteWith = dyn Fn(&request::Parts) -> Option<RoutePattern> + Send + Sync;

/// What does not depend on the sinks.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) route_with: Option<Arc<RouteWith>>,
    routes: Arc<HashSet<Arc<str>>>,
    pub(super) origin: OriginPolicy,
}

impl Settings {
    /// The template that is known without asking a closure.
    pub(super) fn known_route<B>(&self, request: &Request<B>) -> Option<RoutePattern> {
        if !self.routes.is_empty()
            && let Some(path) = self.routes.get(request.uri().path())
        {
            return Some(RoutePattern::from_shared(Arc::clone(path)));
        }
        let named = request.extensions().get::<RoutePattern>().cloned();
        #[cfg(feature = "axum")]
        let named = named.or_else(|| RoutePattern::matched(request.extensions()));
        named
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("routes", &self.routes)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
