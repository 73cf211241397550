//! What the IP filter tells the audit log.
//!
//! One test, in a process of its own: an event that another thread registers at the same moment would be switched off
//! for all of them, because `tracing` keeps one verdict per place in the source.
#![cfg(feature = "ip-filter")]
#![expect(clippy::unwrap_used, reason = "in a test that is a failure")]

use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request};
use portcullis_layer_core::origin::PeerAddr;
use portcullis_layer_core::request_id::RequestId;
use portcullis_layer_core::testing::{Mock, TestBody, contract};
use portcullis_security_layers::ip_filter::IpFilterLayer;
use tower_layer::Layer;

/// Keeps the fields of each audit event, as text.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Events {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "portcullis::audit"
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut fields = Fields(format!("{} ", event.metadata().level()));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0.trim_end().to_owned());
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

fn request(peer: &str) -> Request<TestBody> {
    let mut request = Request::new(TestBody::empty());
    let peer = PeerAddr(peer.parse().unwrap());
    request.extensions_mut().insert(peer);
    request
}

#[tokio::test]
async fn each_refused_client_is_an_event() {
    let events = Events::default();
    let _guard = tracing::subscriber::set_default(events.clone());
    let office = IpFilterLayer::new().allow("192.0.2.0/24".parse().unwrap());
    let mut service = office.layer(Mock::ok());

    let mut refused = request("198.51.100.1:9");
    let id = RequestId::new(HeaderValue::from_static("abc-1")).unwrap();
    refused.extensions_mut().insert(id);
    let anonymous = Request::new(TestBody::empty());
    for request in [refused, anonymous, request("192.0.2.1:9")] {
        contract::send(&mut service, request).await.unwrap();
    }
    let seen = events.0.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            r#"WARN event="authz_fail" outcome="blocked" reason="ip_not_allowed" ip=198.51.100.1 request_id="abc-1""#,
            r#"WARN event="authz_fail" outcome="blocked" reason="ip_unknown""#,
        ]
    );
}
