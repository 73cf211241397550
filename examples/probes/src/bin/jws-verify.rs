//! Judges the signatures of messages: lines of JSON in, one verdict for each out. See the README.

use std::collections::HashSet;
use std::io::{self, BufRead, Write};

use portcullis_auth_core::jwt::{Jwk, Jws, VerifyingKey};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Case<'a> {
    alg: Option<String>,
    #[serde(borrow)]
    jwk: &'a RawValue,
    jws: String,
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let verdict = if verifies(&line).is_some() {
            "valid"
        } else {
            "invalid"
        };
        writeln!(output, "{} {verdict}", name(&line))?;
        output.flush()?;
    }
}

/// The `tcId` of a line, as it is written there.
fn name(line: &[u8]) -> String {
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    match line.get("tcId") {
        Some(Value::String(name)) => name.clone(),
        Some(name @ Value::Number(_)) => name.to_string(),
        _ => "-".into(),
    }
}

/// `None` for every reason there is not to believe the message.
fn verifies(line: &[u8]) -> Option<()> {
    let case: Case<'_> = serde_json::from_slice(line).ok()?;
    let jws = Jws::parse(&case.jws).ok()?;
    let named = case.alg.filter(|alg| !alg.is_empty());
    if named.is_some_and(|alg| alg != jws.algorithm().as_str()) {
        return None;
    }
    // Some write the key as a string.
    let quoted: Option<String> = serde_json::from_str(case.jwk.get()).ok();
    let jwk = quoted.as_deref().unwrap_or(case.jwk.get());
    let key = match serde_json::from_str::<Set<'_>>(jwk) {
        Ok(set) => choose(&set, &jws)?,
        Err(_) => read(jwk, &jws)?,
    };
    let named = jws.key_id().zip(key.id());
    if named.is_some_and(|(wanted, id)| wanted != id) {
        return None;
    }
    jws.verify(&key).ok().map(drop)
}

fn read(jwk: &str, jws: &Jws<'_>) -> Option<VerifyingKey> {
    let jwk = Jwk::parse(jwk).ok()?.danger_allow_weak_secret();
    jwk.verifying_key(&[jws.algorithm()]).ok()
}

/// The one key of a set that the message can mean.
fn choose(set: &Set<'_>, jws: &Jws<'_>) -> Option<VerifyingKey> {
    let mut names = HashSet::new();
    let mut symmetric = HashSet::new();
    for jwk in &set.keys {
        // What cannot be read is not used either.
        let Ok(jwk) = Jwk::parse(jwk.get()) else {
            continue;
        };
        symmetric.insert(jwk.is_symmetric());
        if jwk.id().is_some_and(|id| !names.insert(id.to_owned())) {
            return None;
        }
    }
    if symmetric.len() > 1 {
        return None;
    }
    let mut fitting = set
        .keys
        .iter()
        .filter_map(|jwk| read(jwk.get(), jws))
        .filter(|key| jws.key_id().is_none() || jws.key_id() == key.id());
    fitting.next().filter(|_| fitting.next().is_none())
}
