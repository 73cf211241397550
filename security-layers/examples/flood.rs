//! Floods a rate limit with made-up clients and shows that neither its memory nor its latency grows, and that
//! a client who was limited before stays limited: `flood [CLIENTS]`, 10 million unless told.
//!
//! Exits with an error if a promise does not hold. The times it prints are for the reader: they belong to
//! the machine and its mood.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use portcullis_layer_core::origin::PeerAddr;
use portcullis_security_layers::rate_limit::{Key, Quota, RateLimitLayer, RateLimiter, Rule};
use tower::{Layer, Service, service_fn};

const VICTIM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn main() -> Result<(), Box<dyn Error>> {
    let clients: u32 = std::env::args()
        .nth(1)
        .map_or(Ok(10_000_000), |n| n.parse())?;
    // One request of a made-up client does not limit it, and leaves it busy for the whole run.
    let quota: Quota = "1/h,burst=2".parse()?;
    let limiter = RateLimiter::from(Rule::new(quota, Key::client_ip()));
    let mut service = RateLimitLayer::from_shared(limiter.clone()).layer(service_fn(greet));

    while ask(&mut service, VICTIM)? != StatusCode::TOO_MANY_REQUESTS {}
    let memory_before = resident_bytes();
    let started = Instant::now();
    let mut nanos = Vec::with_capacity(clients as usize);
    for client in 0..clients {
        // 10.0.0.0 and up, past the 16 million addresses of 10/8 if asked for more.
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)).wrapping_add(client));
        let asked = Instant::now();
        ask(&mut service, address)?;
        nanos.push(u32::try_from(asked.elapsed().as_nanos()).unwrap_or(u32::MAX));
        if client % 1_000 == 0 && ask(&mut service, VICTIM)? != StatusCode::TOO_MANY_REQUESTS {
            return Err(format!("the limited client was let through after {client} others").into());
        }
    }
    let took = started.elapsed();

    nanos.sort_unstable();
    let share = |per_mille: usize| {
        nanos
            .get(nanos.len() * per_mille / 1_000)
            .copied()
            .unwrap_or(0)
    };
    let stats = limiter.stats();
    let rule = &stats.rules[0];
    println!("clients               {clients} in {took:.1?}");
    println!(
        "nanoseconds a request p50 {} p99 {} p99.9 {}",
        share(500),
        share(990),
        share(999)
    );
    println!(
        "keys remembered       {} (evicted {}, overflowed {})",
        rule.active_keys, rule.evicted, rule.overflowed
    );
    if let (Some(before), Some(after)) = (memory_before, resident_bytes()) {
        // The measured times themselves are touched as they come in: four bytes each.
        let grown = after.saturating_sub(before).saturating_sub(nanos.len() * 4);
        println!("memory grown by       {} KiB", grown / 1024);
        if grown > 8 << 20 {
            return Err("the memory of the limiter grew with its clients".into());
        }
    }
    if rule.active_keys > 131_072 {
        return Err(format!("{} keys are more than the capacity", rule.active_keys).into());
    }
    Ok(())
}

async fn greet(_: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::new(Empty::new()))
}

/// Sends one request. Nothing here waits, so the future is done when it is first polled.
fn ask<S, B>(service: &mut S, client: Ipv4Addr) -> Result<StatusCode, Box<dyn Error>>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut request = Request::new(());
    request
        .extensions_mut()
        .insert(PeerAddr((client, 40_000).into()));
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => Ok(response.status()),
        Poll::Pending => Err("the limiter waited".into()),
    }
}

/// The memory that this process holds, where the system tells.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
