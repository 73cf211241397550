use std::error::Error;
use std::fmt;
use std::future::poll_fn;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use portcullis_layer_core::refusal::GrpcCode;
use tower_service::Service;

/// Asks for each of `routes` without credentials, and fails unless every one is refused for that: with 401, or as gRPC with
/// `UNAUTHENTICATED`. For the tests of a service.
///
/// A layer that was added too early leaves routes open that were added after it, and no test with credentials sees it. A
/// request has `Host: localhost` and no content, so that its credentials are the first thing to be missing; layers that refuse
/// it for something else (a host that is not known, plain http) are better left out. A route of which nobody knows whether it
/// is protected, since the service fails or has nothing there, is named as well.
///
/// ```
/// # use std::convert::Infallible;
/// # use http::{Method, Request, Response};
/// # use portcullis_security_layers::auth::{AuthLayer, Knock, Presented, Scheme, SchemeName, Verdict};
/// # use tower::{Layer, service_fn};
/// # #[derive(Debug)]
/// # struct Passwords;
/// # impl Scheme for Passwords {
/// #     fn names(&self) -> Vec<SchemeName> {
/// #         vec![SchemeName::Bearer]
/// #     }
/// #     fn check(&self, _: Presented<'_>, _: &Knock<'_>) -> Option<Verdict> {
/// #         None
/// #     }
/// # }
/// use portcullis_security_layers::auth::assert_routes_protected;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let routes = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
/// let auth = AuthLayer::required(Passwords).exempt("/health, /orders/*".parse()?);
/// let service = auth.layer(routes);
/// assert_routes_protected(&service, [(Method::GET, "/orders")]).await?;
///
/// let all = [(Method::GET, "/orders"), (Method::GET, "/orders/17")];
/// let error = assert_routes_protected(&service, all).await.unwrap_err();
/// assert_eq!(error.to_string(), "not refused without credentials: GET /orders/17 (200 OK)");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// With all routes that were not refused, and when there is no route at all: then nothing was found out.
pub async fn assert_routes_protected<S, P, ReqBody, ResBody>(
    service: &S,
    routes: impl IntoIterator<Item = (Method, P)>,
) -> Result<(), UnprotectedRoutes>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: fmt::Display> + Clone,
    P: AsRef<str>,
    ReqBody: Default,
{
    let mut asked = false;
    let mut open = Vec::new();
    for (method, path) in routes {
        asked = true;
        let path = path.as_ref();
        if let Err(answer) = refused(service.clone(), &method, path).await {
            open.push(OpenRoute {
                method,
                path: path.to_owned(),
                answer,
            });
        }
    }
    if asked && open.is_empty() {
        Ok(())
    } else {
        Err(UnprotectedRoutes(open))
    }
}

/// What came instead of a refusal.
async fn refused<S, ReqBody, ResBody>(
    mut service: S,
    method: &Method,
    path: &str,
) -> Result<(), String>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error: fmt::Display>,
    ReqBody: Default,
{
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .body(ReqBody::default())
        .map_err(|error| error.to_string())?;
    let failed = |error: S::Error| format!("failed: {error}");
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)?;
    let (head, _) = service.call(request).await.map_err(failed)?.into_parts();
    let grpc = head.headers.get("grpc-status");
    let unauthenticated = HeaderValue::from(GrpcCode::Unauthenticated as u16);
    match (head.status, grpc) {
        (StatusCode::UNAUTHORIZED, _) => Ok(()),
        (StatusCode::OK, Some(code)) if *code == unauthenticated => Ok(()),
        (status, Some(code)) => Err(format!("{status}, grpc-status {code:?}")),
        (status, None) => Err(status.to_string()),
    }
}

/// Routes that were not refused without credentials, in the order in which they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnprotectedRoutes(Vec<OpenRoute>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct OpenRoute {
    method: Method,
    path: String,
    answer: String,
}

impl UnprotectedRoutes {
    /// The method and the path of each; empty if no route was asked for.
    pub fn routes(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.0.iter().map(|open| (&open.method, &*open.path))
    }
}

impl fmt::Display for UnprotectedRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no route was asked for");
        }
        f.write_str("not refused without credentials: ")?;
        for (at, open) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let OpenRoute {
                method,
                path,
                answer,
            } = open;
            write!(f, "{comma}{method} {path} ({answer})")?;
        }
        Ok(())
    }
}

impl Error for UnprotectedRoutes {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::service_fn;

    use super::*;

    /// Nobody is known on `/closed` and below `/grpc`, and the rest is open.
    async fn answer(request: Request<()>) -> Result<Response<()>, Infallible> {
        assert_eq!(request.headers()[header::HOST], "localhost");
        assert_eq!(request.headers().len(), 1);
        let mut response = Response::new(());
        let code = match request.uri().path() {
            "/closed" if request.method() != Method::DELETE => {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                None
            }
            "/grpc.Closed/Get" => Some("16"),
            "/grpc.Open/Get" => Some("0"),
            "/forbidden" => {
                *response.status_mut() = StatusCode::FORBIDDEN;
                None
            }
            _ => None,
        };
        if let Some(code) = code {
            let code = HeaderValue::from_static(code);
            response.headers_mut().insert("grpc-status", code);
        }
        Ok(response)
    }

    #[tokio::test]
    async fn all_open_routes_are_found_and_no_others() {
        let service = service_fn(answer);
        let closed = [(Method::GET, "/closed"), (Method::POST, "/grpc.Closed/Get")];
        assert_eq!(
            assert_routes_protected(&service, closed.clone()).await,
            Ok(())
        );
        let open = [
            (Method::GET, "/"),
            (Method::DELETE, "/closed"),
            (Method::POST, "/grpc.Open/Get"),
            // Who is known may be forbidden something, and it is not known of anybody here.
            (Method::PUT, "/forbidden"),
            (Method::GET, "no path"),
        ];
        let all = closed.into_iter().chain(open.clone());
        let error = assert_routes_protected(&service, all).await.unwrap_err();
        let found: Vec<_> = error.routes().map(|(m, path)| (m.clone(), path)).collect();
        assert_eq!(found, open);
        assert_eq!(
            error.to_string(),
            "not refused without credentials: GET / (200 OK), DELETE /closed (200 OK), \
             POST /grpc.Open/Get (200 OK, grpc-status \"0\"), PUT /forbidden (403 Forbidden), \
             GET no path (invalid uri character)"
        );
    }

    #[tokio::test]
    async fn a_service_that_fails_protects_nothing_and_no_routes_are_not_enough() {
        let failing = async |_: Request<()>| Err::<Response<()>, _>("it is down");
        let failing = service_fn(failing);
        let error = assert_routes_protected(&failing, [(Method::GET, "/closed")]).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "not refused without credentials: GET /closed (failed: it is down)"
        );
        let none: [(Method, &str); 0] = [];
        let error = assert_routes_protected(&service_fn(answer), none).await;
        let error = error.unwrap_err();
        assert_eq!(error.routes().count(), 0);
        assert_eq!(error.to_string(), "no route was asked for");
    }
}
