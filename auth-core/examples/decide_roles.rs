//! Decides what somebody may do, by policies that are read from standard input: one JSON object a line, and for each a line
//! with a JSON list of answers.
//!
//! ```json
//! {"permissions": ["orders:read"], "roles": {"viewer": {"allows": ["*:read"], "includes": []}},
//!  "grants": [["ann", "viewer", "acme"], ["bob", "viewer", null]],
//!  "asks": [["ann", "acme", null, "orders:read"], ["ann", "acme", "openid orders:write", "orders:read"]]}
//! ```
//!
//! A grant is a subject, a role and a tenant, `null` for all tenants. A question is a subject, a tenant, the scopes of a token,
//! `null` for one that is not restricted, and a permission. A judge of the project reads the answers (`tests/judges/rbac`).

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead as _, Write as _};

use portcullis_auth_core::roles::{Grant, Permission, Reach, Role, Roles, Scopes};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let policy: BTreeMap<String, Value> = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut out, &answers(&policy)?)?;
        writeln!(out)?;
    }
    Ok(())
}

fn answers(policy: &BTreeMap<String, Value>) -> Result<Vec<bool>, Box<dyn Error>> {
    let field = |name: &str| {
        policy
            .get(name)
            .ok_or_else(|| format!("there are no {name}"))
    };
    let mut builder = Roles::builder().permissions(texts(field("permissions")?)?);
    for (name, role) in field("roles")?.as_object().ok_or("roles are an object")? {
        let role = Role::new(name)
            .allows(texts(&role["allows"])?)
            .includes(texts(&role["includes"])?);
        builder = builder.role(role);
    }
    let roles = builder.build()?;

    let mut grants = Vec::new();
    for grant in list(field("grants")?)? {
        let reach = match grant[2].as_str() {
            Some(tenant) => Reach::Tenant(tenant.parse()?),
            None => Reach::Global,
        };
        grants.push(Grant::new(
            text(&grant[0])?.parse()?,
            text(&grant[1])?,
            reach,
        ));
    }

    let mut answers = Vec::new();
    for ask in list(field("asks")?)? {
        let subject = text(&ask[0])?.parse()?;
        let tenant = text(&ask[1])?.parse()?;
        let mut access = roles.effective(&grants, &subject, &tenant);
        if let Some(scopes) = ask[2].as_str() {
            access = access.within(&scopes.parse::<Scopes>()?);
        }
        answers.push(access.may(&text(&ask[3])?.parse::<Permission>()?));
    }
    Ok(answers)
}

fn list(value: &Value) -> Result<&[Value], &'static str> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or("a list is missing")
}

fn text(value: &Value) -> Result<&str, &'static str> {
    value.as_str().ok_or("a text is missing")
}

fn texts(value: &Value) -> Result<Vec<&str>, &'static str> {
    list(value)?.iter().map(text).collect()
}
