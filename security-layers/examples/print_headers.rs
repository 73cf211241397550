//! Prints the headers of each preset as the layer sends them: one line `preset TAB scheme TAB name TAB value` a header.
//!
//! The judges of the project read it (`tests/judges`), and it shows at a glance what a preset is.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write as _};

use http::{Request, Response};
use portcullis_layer_core::origin::{ConnectionScheme, Scheme};
use portcullis_security_layers::headers::SecurityHeadersLayer;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for (preset, layer) in [
        ("classic", SecurityHeadersLayer::classic()),
        ("strict", SecurityHeadersLayer::strict()),
        ("web", SecurityHeadersLayer::web()),
        ("owasp", SecurityHeadersLayer::owasp()),
        ("isolated", SecurityHeadersLayer::isolated()),
    ] {
        for scheme in [Scheme::Http, Scheme::Https] {
            let service = layer.layer(service_fn(|_: Request<()>| async {
                Ok::<_, Infallible>(Response::new(()))
            }));
            let request = Request::builder()
                .extension(ConnectionScheme(scheme))
                .body(())?;
            let response = service.oneshot(request).await?;
            for (name, value) in response.headers() {
                writeln!(out, "{preset}\t{scheme}\t{name}\t{}", value.to_str()?)?;
            }
        }
    }
    Ok(())
}
