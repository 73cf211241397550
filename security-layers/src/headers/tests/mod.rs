mod csp;
mod policy;
mod presets;
mod service;
mod values;

use http::{HeaderMap, HeaderValue, Request, Response};
use portcullis_layer_core::origin::{ConnectionScheme, Scheme};
use tower::{Layer, ServiceExt, service_fn};

use super::{CspNonce, SecurityHeadersLayer};

/// The headers of an answer to a request by `scheme`, of which the handler had set `handler`, and the handler's nonce.
fn answer(
    layer: &SecurityHeadersLayer,
    scheme: Scheme,
    handler: &[(&'static str, &'static str)],
) -> (HeaderMap, Option<CspNonce>) {
    let service = layer.layer(service_fn(|request: Request<()>| async move {
        let mut response = Response::new(CspNonce::of(&request).cloned());
        for (name, value) in handler {
            response
                .headers_mut()
                .append(*name, HeaderValue::from_static(value));
        }
        Ok::<_, std::convert::Infallible>(response)
    }));
    let mut request = Request::new(());
    request.extensions_mut().insert(ConnectionScheme(scheme));
    let Ok(response) = now(service.oneshot(request));
    let (head, nonce) = response.into_parts();
    (head.headers, nonce)
}

/// The headers as lines, in the order in which they are sent, without the nonce.
fn lines(
    layer: &SecurityHeadersLayer,
    scheme: Scheme,
    handler: &[(&'static str, &'static str)],
) -> Vec<String> {
    let (headers, nonce) = answer(layer, scheme, handler);
    headers
        .iter()
        .map(|(name, value)| {
            let line = format!("{name}: {}", value.to_str().unwrap());
            match &nonce {
                Some(nonce) => line.replace(nonce.as_str(), "NONCE"),
                None => line,
            }
        })
        .collect()
}

/// Runs a future that never waits.
fn now<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}
