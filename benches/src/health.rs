//! What every request pays for the probes' paths: finding out that it is not for one of them.

use portcullis_observability_layers::health::Health;
use tokio::runtime::Builder;
use tower::ServiceBuilder;

use crate::{BARE, Case, Drive, OURS, drive, handler, request};

pub(crate) fn cases() -> Vec<Case> {
    const LAYER: &str = "health";
    const MISS: &str = "another path";
    vec![
        Case::new(LAYER, MISS, BARE, || drive(handler(), request)),
        Case::new(LAYER, MISS, OURS, ours),
    ]
}

fn ours() -> Drive {
    // Without checks nothing runs in the background, so the runtime is needed to start only.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be had");
    let (health, guard) = {
        let _entered = runtime.enter();
        Health::start([]).expect("there is no check whose settings could be wrong")
    };
    let service = ServiceBuilder::new()
        .layer(health.layer())
        .service(handler());
    let mut requests = drive(service, request);
    Box::new(move |times| {
        let _alive = (&runtime, &guard);
        requests(times);
    })
}
