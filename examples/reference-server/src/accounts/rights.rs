//! Who may do what: three roles, each with all that the one before it has.

use portcullis_auth_core::roles::{Role, Roles, RolesError};

/// Reads. What strangers become where they may register.
pub(crate) const VIEWER: &str = "viewer";
/// Also changes configurations.
pub(crate) const EDITOR: &str = "editor";
/// Also deletes them, and looks after the tenant's accounts.
pub(crate) const ADMIN: &str = "admin";

/// From what everybody has to what few have.
pub(crate) const ROLES: [&str; 3] = [VIEWER, EDITOR, ADMIN];

/// The highest of an account's roles, which has what the others have; `none` without any.
pub(crate) fn highest(roles: &[String]) -> &'static str {
    let given = |role: &&str| roles.iter().any(|given| given == role);
    ROLES.into_iter().rev().find(given).unwrap_or("none")
}

pub(super) fn catalogue() -> Result<Roles, RolesError> {
    let of = |role, actions: &[&str]| {
        let allowed = actions.iter().flat_map(|action| {
            ["projects", "configs"].map(|resource| format!("{resource}:{action}"))
        });
        Role::new(role).allows(allowed)
    };
    let resources = ["projects", "configs"];
    let actions = ["read", "write", "delete"];
    let permissions = resources
        .into_iter()
        .flat_map(|resource| actions.map(|action| format!("{resource}:{action}")));
    let others = [
        "apikeys:read",
        "apikeys:write",
        "users:read",
        "users:write",
        "audit:read",
    ];
    Roles::builder()
        .permissions(permissions)
        .permissions(others)
        .role(of(VIEWER, &["read"]).allows(["apikeys:read", "apikeys:write"]))
        .role(of(EDITOR, &["write"]).includes([VIEWER]))
        .role(
            of(ADMIN, &["delete"])
                .includes([EDITOR])
                .allows(["users:*", "audit:read"]),
        )
        .build()
}

#[cfg(test)]
mod tests {
    use super::{ROLES, catalogue, highest};

    #[test]
    fn each_role_has_what_the_one_before_it_has_and_more() {
        let catalogue = catalogue().unwrap();
        let allowed = ROLES.map(|role| {
            let access = catalogue.access([role]);
            let names = access.permissions().map(ToString::to_string);
            names.collect::<Vec<_>>()
        });
        assert_eq!(
            allowed[0],
            [
                "projects:read",
                "configs:read",
                "apikeys:read",
                "apikeys:write"
            ]
        );
        for pair in allowed.windows(2) {
            assert!(
                pair[0]
                    .iter()
                    .all(|permission| pair[1].contains(permission))
            );
            assert!(pair[0].len() < pair[1].len());
        }
        assert_eq!(allowed[2].len(), catalogue.permissions().count());
    }

    #[test]
    fn of_several_roles_the_highest_counts() {
        let of = |roles: &[&str]| {
            let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
            highest(&roles)
        };
        assert_eq!(of(&["admin", "editor", "viewer"]), "admin");
        assert_eq!(of(&["viewer", "editor"]), "editor");
        assert_eq!(of(&[]), "none");
    }
}
