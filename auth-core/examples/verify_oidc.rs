//! Verifies access tokens of an OpenID provider, a line of standard input each: for judges from outside.
//!
//! ```text
//! cargo run -p portcullis-auth-core --features jwks-reqwest --example verify_oidc -- https://id.example https://api.example
//! ```
//!
//! Answers `valid SUBJECT`, `invalid REASON` or `unavailable SECONDS`. The provider may be on this machine without TLS.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use portcullis_auth_core::jwks::{Endpoint, Jwks, ReqwestFetch};
use portcullis_auth_core::jwt::{Algorithm, Algorithms, Issuer, Profile, Verifier};
use portcullis_auth_core::time::{Clock as _, SystemClock};

// Standard input is read where nothing else runs: the task that reads keys has threads of its own.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(issuer), Some(audience)) = (arguments.next(), arguments.next()) else {
        return Err("usage: verify_oidc ISSUER AUDIENCE".into());
    };
    let every = Algorithm::ALL.iter().copied();
    let algorithms = Algorithms::new(every.filter(|algorithm| !algorithm.is_symmetric()))?;
    let provider = Endpoint::https_or_loopback(&issuer)?;
    let keys = Jwks::discover(&provider, ReqwestFetch::new()?)
        .algorithms(algorithms.clone())
        // So that whoever looks on does not have to wait for half a minute.
        .cooldown(Duration::from_secs(1))
        .start()?;
    let issuer = Issuer::settings(&issuer, &audience, Profile::Rfc9068, keys)
        .algorithms(algorithms)
        .build()?;
    let verifier = Verifier::new([issuer])?;
    for token in io::stdin().lock().lines() {
        let verdict = match verifier.verify_or_refresh(&token?, SystemClock.now()).await {
            Ok(verified) => format!("valid {}", verified.claims().subject()),
            Err(error) => match error.retry_after() {
                Some(wait) => format!("unavailable {}", wait.as_secs()),
                None => format!("invalid {}", error.kind().as_str()),
            },
        };
        let mut output = io::stdout().lock();
        writeln!(output, "{verdict}")?;
        output.flush()?;
    }
    Ok(())
}
