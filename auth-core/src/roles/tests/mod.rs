mod catalogue;
mod decisions;
mod properties;

use super::*;
use crate::id::{SubjectId, TenantId};
use crate::principal::Principal;
use crate::time::Timestamp;

const NOW: Timestamp = match Timestamp::from_secs(1_790_000_000) {
    Some(now) => now,
    None => Timestamp::MIN,
};

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn shop() -> Roles {
    Roles::builder()
        .permissions(["orders:read", "orders:write", "users:read", "users:write"])
        .role(Role::new("viewer").allows(["*:read"]))
        .role(
            Role::new("editor")
                .includes(["viewer"])
                .allows(["orders:*"]),
        )
        .role(Role::new("admin").allows(["*:*"]))
        .build()
        .unwrap()
}

fn somebody(roles: &[&'static str]) -> Principal {
    Principal::new("https://accounts.example.com", id("u-1"))
        .tenant(id("acme"))
        .roles(roles.iter().copied())
}

fn names(access: &Access) -> Vec<&str> {
    access.permissions().map(Permission::as_str).collect()
}
