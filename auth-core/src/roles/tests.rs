use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

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

#[test]
fn a_permission_is_two_names_or_stars() {
    for (text, valid) in [
        ("orders:read", true),
        ("a:b", true),
        ("order-lines_2:read", true),
        ("orders:*", true),
        ("*:read", true),
        ("*:*", true),
        ("", false),
        (":", false),
        ("*", false),
        ("orders", false),
        ("orders:", false),
        (":read", false),
        ("orders:read:own", false),
        ("orders:re*", false),
        ("ord*:read", false),
        ("**:read", false),
        ("Orders:read", false),
        ("orders:read ", false),
        ("örders:read", false),
    ] {
        assert_eq!(text.parse::<Permission>().is_ok(), valid, "{text:?}");
    }
    let long = "x".repeat(64);
    assert!(format!("{long}:{long}").parse::<Permission>().is_ok());
    assert!(format!("{long}x:read").parse::<Permission>().is_err());
}

#[test]
fn no_permission_is_matched_by_a_part_of_its_name() {
    for (holder, asked, covers) in [
        ("orders:read", "orders:read", true),
        ("orders:*", "orders:read", true),
        ("*:read", "orders:read", true),
        ("*:*", "orders:read", true),
        ("orders:read", "orders:*", false),
        ("orders:read", "orders:read-all", false),
        ("order:read", "orders:read", false),
        ("orders:*", "orders-archive:read", false),
    ] {
        let (holder, asked) = (id::<Permission>(holder), id::<Permission>(asked));
        assert_eq!(holder.covers(&asked), covers, "{holder} {asked}");
    }
}

#[test]
fn scopes_are_tokens_with_spaces_between() {
    let scopes: Scopes = id(" openid  orders:read openid");
    assert_eq!(scopes.as_str(), "openid orders:read");
    assert!(scopes.contains("openid") && !scopes.contains("open") && !scopes.contains(""));
    assert_eq!(
        scopes.permissions().collect::<Vec<_>>(),
        [id("orders:read")]
    );
    assert!(id::<Scopes>("").is_empty() && Scopes::default().iter().next().is_none());
    for text in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "a\u{7f}"] {
        assert!(text.parse::<Scopes>().is_err(), "{text:?}");
    }
    assert!(Scopes::try_from(vec!["a b"]).is_err());
    // Few or many, each is there once, in the place where it came first.
    for count in [1, 5, 6, 20, 500] {
        let names: Vec<_> = (0..count).map(|number| format!("s{number}")).collect();
        let repeated = [
            names.clone(),
            vec![String::new()],
            names.clone(),
            names.clone(),
        ];
        let scopes = Scopes::try_from(repeated.concat()).unwrap();
        assert_eq!(scopes.as_str(), names.join(" "));
    }
}

#[test]
fn a_catalogue_with_a_typing_error_is_not_built() {
    let chain = |length: usize| {
        let role = |level: usize| match level {
            0 => Role::new("r0").allows(["a:b"]),
            _ => Role::new(format!("r{level}")).includes([format!("r{}", level - 1)]),
        };
        let builder = Roles::builder().permissions(["a:b"]);
        // The deepest last, so that nothing is known of what is below it.
        (0..length)
            .rev()
            .fold(builder, |builder, level| builder.role(role(level)))
    };
    assert!(chain(8).build().is_ok());
    let forth = (0..8).fold(Roles::builder().permissions(["a:b"]), |builder, level| {
        builder.role(match level {
            0 => Role::new("r0").allows(["a:b"]),
            _ => Role::new(format!("r{level}")).includes([format!("r{}", level - 1)]),
        })
    });
    assert!(forth.clone().build().is_ok());
    let base = || Roles::builder().permissions(["orders:read"]);
    use RolesErrorKind as Kind;
    for (builder, kind, text) in [
        (
            base().permissions(["orders"]),
            Kind::InvalidPermission,
            "`orders` is no permission: a permission is written resource:action, with a-z, 0-9, _ and -, or * for all",
        ),
        (
            base().permissions(["orders:*"]),
            Kind::Wildcard,
            "`orders:*` stands for several permissions: the catalogue lists each one",
        ),
        (
            base().role(Role::new("Editor")),
            Kind::InvalidName,
            "`Editor` cannot be the name of a role: it has 1 to 64 of a-z, 0-9, _ and -",
        ),
        (
            base().role(Role::new("a")).role(Role::new("a")),
            Kind::DuplicateRole,
            "there are two roles `a`",
        ),
        (
            base().role(Role::new("a").allows(["orders:raed"])),
            Kind::UnknownPermission,
            "role `a`: the catalogue has no permission `orders:raed`",
        ),
        (
            base().role(Role::new("a").allows(["users:*"])),
            Kind::UnknownPermission,
            "role `a`: the catalogue has no permission `users:*`",
        ),
        (
            base().role(Role::new("a").includes(["b"])),
            Kind::UnknownRole,
            "role `a`: the catalogue has no role `b`",
        ),
        (
            base().role(Role::new("a").includes(["a"])),
            Kind::Cycle,
            "role `a`: it includes itself by way of `a`",
        ),
        (
            base()
                .role(Role::new("a").includes(["b"]))
                .role(Role::new("b").includes(["c"]))
                .role(Role::new("c").includes(["b"])),
            Kind::Cycle,
            "role `c`: it includes itself by way of `b`",
        ),
        (
            chain(9),
            Kind::TooDeep,
            "role `r1`: what `r0` includes is more than 8 roles deep",
        ),
        (
            forth.role(Role::new("r8").includes(["r7"])),
            Kind::TooDeep,
            "role `r8`: what `r7` includes is more than 8 roles deep",
        ),
        (
            base().permissions((0..4096).map(|n| format!("p{n}:read"))),
            Kind::TooMany,
            "a catalogue has 4096 permissions and 4096 roles at most",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (kind, text));
    }
    // A long chain is refused, and not followed to its end.
    assert_eq!(chain(4000).build().unwrap_err().kind(), Kind::TooDeep);
}

#[test]
fn roles_allow_what_they_list_and_include() {
    let roles = shop();
    assert_eq!(
        names(&roles.access(["viewer"])),
        ["orders:read", "users:read"]
    );
    let editor = roles.access(["editor"]);
    assert_eq!(
        names(&editor),
        ["orders:read", "orders:write", "users:read"]
    );
    assert!(editor.may(&id("orders:*")) && !editor.may(&id("*:write")));
    assert!(!editor.may(&id("orders:delete")) && !editor.may(&id("nothing:*")));
    assert!(editor.includes(&roles.access(["viewer"])) && editor.includes(&editor));
    assert!(!roles.access(["viewer"]).includes(&editor));
    assert!(roles.access(["stranger"]).is_empty());
    assert!(roles.access([""; 0]).is_empty());
    assert_eq!(
        format!("{:?}", roles.access(["viewer"])),
        r#"Access {"orders:read", "users:read"}"#
    );
}

#[test]
fn a_role_in_one_tenant_says_nothing_in_another() {
    let roles = shop();
    let (ann, bob): (SubjectId, SubjectId) = (id("ann"), id("bob"));
    let (acme, globex): (TenantId, TenantId) = (id("acme"), id("globex"));
    let grants = [
        Grant::new(ann.clone(), "viewer", Reach::Tenant(acme.clone())),
        Grant::new(ann.clone(), "editor", Reach::Tenant(globex.clone())),
        Grant::new(bob.clone(), "admin", Reach::Global),
    ];
    let here = |subject: &SubjectId, tenant: &TenantId| roles.effective(&grants, subject, tenant);
    assert!(!here(&ann, &acme).may(&id("orders:write")));
    assert!(here(&ann, &globex).may(&id("orders:write")));
    assert!(here(&bob, &id("initech")).may(&id("users:write")));
    assert!(here(&id("eve"), &acme).is_empty());
}

// AUTH case 43
#[test]
fn a_token_for_reading_does_not_write_whatever_its_owner_may() {
    let roles = shop();
    let principal = somebody(&["editor"])
        .scopes(id("orders:read"))
        .authorized(&roles);
    let check = |permission| {
        let requirement = roles.require(permission).unwrap();
        requirement.check(&principal, Some(&id("acme")), NOW)
    };
    assert_eq!(check("orders:read"), Ok(()));
    let scope = Some("orders:write".into());
    assert_eq!(check("orders:write"), Err(Shortfall::Rights { scope }));
}

// AUTH case 44
#[test]
fn a_token_of_one_tenant_is_refused_in_the_path_of_another() {
    let roles = shop();
    let principal = somebody(&["admin"]).authorized(&roles);
    let (acme, globex): (TenantId, TenantId) = (id("acme"), id("globex"));
    let needs = roles.require("orders:read").unwrap();
    let check = |needs: &Requirement, tenant| needs.check(&principal, tenant, NOW);
    assert_eq!(check(&needs, Some(&acme)), Ok(()));
    // Whether the requirement speaks of tenants or not.
    assert_eq!(check(&needs, Some(&globex)), Err(Shortfall::Tenant));
    assert_eq!(check(&needs, None), Ok(()));
    assert_eq!(check(&needs.clone().tenant(), None), Err(Shortfall::Tenant));
    assert_eq!(check(&needs.tenant(), Some(&acme)), Ok(()));
    let stateless = Principal::new("https://other.example", id("u-1"));
    let anyone = Requirement::default();
    assert_eq!(anyone.check(&stateless, None, NOW), Ok(()));
    assert_eq!(
        anyone.check(&stateless, Some(&acme), NOW),
        Err(Shortfall::Tenant)
    );
}

#[test]
fn everything_that_is_required_must_hold() {
    let roles = shop();
    let needs = roles
        .require("orders:read")
        .unwrap()
        .permission(&roles, &id("users:read"))
        .unwrap()
        .scope("billing")
        .unwrap()
        .role("viewer");
    let denied = Err(Shortfall::Rights {
        scope: Some("orders:read users:read billing".into()),
    });
    let check = |principal: Principal| needs.check(&principal.authorized(&roles), None, NOW);
    let all = || somebody(&["viewer"]).scopes(id("orders:read users:read billing"));
    assert_eq!(check(all()), Ok(()));
    assert_eq!(check(all().scopes(id("orders:read users:read"))), denied);
    assert_eq!(check(all().scopes(id("orders:read billing"))), denied);
    assert_eq!(check(all().roles(["admin"])), denied);
    assert_eq!(check(somebody(&["viewer"])), denied);
    // A principal whose rights were never worked out has none.
    assert_eq!(needs.check(&all(), None, NOW), denied);
    assert_eq!(
        Requirement::default()
            .role("admin")
            .check(&all(), None, NOW),
        Err(Shortfall::Rights { scope: None })
    );
    for scope in ["", "a b", "a\"b"] {
        assert!(Requirement::default().scope(scope).is_err(), "{scope:?}");
    }
}

#[test]
fn a_requirement_of_an_older_catalogue_asks_for_the_same_permission() {
    let old = shop();
    let new = Roles::builder()
        .permissions(["orders:write", "users:write", "orders:read"])
        .role(Role::new("editor").allows(["orders:write"]))
        .build()
        .unwrap();
    let principal = somebody(&["editor"]).authorized(&new);
    let check = |text| {
        old.require(text)
            .unwrap()
            .check(&principal, None, NOW)
            .is_ok()
    };
    assert!(check("orders:write"));
    assert!(!check("orders:read") && !check("users:write") && !check("*:*"));
    let (old, new) = (old.access(["editor"]), new.access(["editor"]));
    assert!(old.includes(&new) && !new.includes(&old));
    assert_eq!(names(&old.and(&new)), ["orders:write"]);
    assert_eq!(names(&new.and(&old)), ["orders:write"]);
}

#[test]
fn levels_count_kinds_of_factors() {
    let level = |methods: &str| Aal::from_amr(methods.split_whitespace());
    for (methods, expected) in [
        ("", None),
        ("user geo rba", None),
        ("pwd", Some(Aal::One)),
        ("pwd pin", Some(Aal::One)),
        ("hwk", Some(Aal::One)),
        ("otp sms hwk", Some(Aal::One)),
        ("pwd otp", Some(Aal::Two)),
        ("mfa", Some(Aal::Two)),
        ("swk fpt", Some(Aal::Two)),
        ("pwd hwk", Some(Aal::Three)),
        ("sc pin", Some(Aal::Three)),
        ("hwk face", Some(Aal::Three)),
        ("PWD OTP", None),
    ] {
        assert_eq!(level(methods), expected, "{methods}");
    }
    assert_eq!(somebody(&[]).acr("aal2").aal(), Some(Aal::Two));
    assert_eq!(somebody(&[]).acr("gold").amr(["pwd"]).aal(), Some(Aal::One));
    assert_eq!(somebody(&[]).aal(), None);
}

#[test]
fn old_or_weak_authentication_has_to_be_done_again() {
    let ten_minutes = Duration::from_secs(600);
    let needs = Requirement::default().aal(Aal::Two).max_age(ten_minutes);
    let step_up = Err(Shortfall::StepUp {
        acr: Some("aal2"),
        max_age: Some(ten_minutes),
    });
    let check = |methods: &[&'static str], at| {
        let principal = somebody(&[]).amr(methods.iter().copied());
        let principal = match at {
            Some(at) => principal.auth_time(at),
            None => principal,
        };
        needs.check(&principal, None, NOW)
    };
    let second = Duration::from_secs(1);
    assert_eq!(check(&["pwd", "otp"], Some(NOW.minus(ten_minutes))), Ok(()));
    assert_eq!(
        check(&["pwd", "otp"], Some(NOW.minus(ten_minutes + second))),
        step_up
    );
    assert_eq!(check(&["pwd", "otp"], None), step_up);
    assert_eq!(check(&["pwd"], Some(NOW)), step_up);
    // Another machine's clock is ahead.
    assert_eq!(check(&["pwd", "hwk"], Some(NOW.plus(second))), Ok(()));
    // Who may not do it anyway is not made to sign in again.
    let roles = shop();
    let admins = roles.require("users:write").unwrap().aal(Aal::Two);
    let principal = somebody(&["viewer"]).authorized(&roles);
    assert!(matches!(
        admins.check(&principal, None, NOW),
        Err(Shortfall::Rights { .. })
    ));
}

/// A catalogue as it is written down, for the model: names and nothing compiled.
#[derive(Clone, Debug)]
struct Plain {
    permissions: BTreeSet<String>,
    /// Of each role: what it allows, and which roles before it in the order it includes.
    roles: Vec<(BTreeSet<String>, BTreeSet<usize>)>,
}

impl Plain {
    fn build(&self) -> Roles {
        let builder = Roles::builder().permissions(self.permissions.iter());
        let roles = self.roles.iter().enumerate();
        let builder = roles.fold(builder, |builder, (index, (allows, includes))| {
            let includes = includes.iter().map(|of| format!("r{of}"));
            builder.role(
                Role::new(format!("r{index}"))
                    .allows(allows)
                    .includes(includes),
            )
        });
        builder.build().unwrap()
    }

    fn role_allows(&self, role: usize, permission: &str) -> bool {
        let Some((allows, includes)) = self.roles.get(role) else {
            return false;
        };
        allows.iter().any(|pattern| matches(pattern, permission))
            || includes.iter().any(|of| self.role_allows(*of, permission))
    }
}

/// Written apart from the crate's own.
fn matches(pattern: &str, permission: &str) -> bool {
    let pattern = pattern.split(':').collect::<Vec<_>>();
    let permission = permission.split(':').collect::<Vec<_>>();
    pattern.len() == 2
        && pattern
            .iter()
            .zip(permission)
            .all(|(pattern, name)| *pattern == "*" || *pattern == name)
}

fn plain() -> impl Strategy<Value = Plain> {
    let permission = "[ab]{1,2}:[xy]{1,2}";
    let permissions = proptest::collection::btree_set(permission, 1..20);
    permissions.prop_flat_map(|permissions| {
        let known = permissions.iter().cloned().collect::<Vec<_>>();
        let allowed = (proptest::sample::select(known), 0..4).prop_map(|(text, stars)| {
            let (resource, action) = text.split_once(':').unwrap();
            match stars {
                0 => format!("{resource}:*"),
                1 => format!("*:{action}"),
                _ => text,
            }
        });
        let role = (
            proptest::collection::btree_set(allowed, 0..4),
            proptest::collection::btree_set(0..7_usize, 0..3),
        );
        proptest::collection::vec(role, 1..8).prop_map(move |mut roles| {
            for (index, (_, includes)) in roles.iter_mut().enumerate() {
                includes.retain(|of| *of < index);
            }
            Plain {
                permissions: permissions.clone(),
                roles,
            }
        })
    })
}

proptest! {
    #[test]
    fn bits_agree_with_names(
        plain in plain(),
        grants in proptest::collection::vec(("[st]", 0..9_usize, "[pqg]"), 0..6),
        scopes in proptest::option::of(proptest::collection::vec("[ab]{1,2}:[xy]{1,2}|\\*:[xy]|[ab]:\\*|openid", 0..4)),
        asked in "[ab]{1,2}:[xy]{1,2}",
    ) {
        let roles = plain.build();
        let given = grants.iter().map(|(subject, role, reach)| {
            let reach = match &**reach {
                "g" => Reach::Global,
                tenant => Reach::Tenant(id(tenant)),
            };
            Grant::new(id(subject), format!("r{role}"), reach)
        });
        let given = given.collect::<Vec<_>>();
        let access = roles.effective(&given, &id("s"), &id("p"));
        let access = match &scopes {
            Some(scopes) => access.within(&Scopes::try_from(scopes.clone()).unwrap()),
            None => access,
        };
        let model = |permission: &str| {
            plain.permissions.contains(permission)
                && grants.iter().any(|(subject, role, reach)| {
                    subject == "s" && reach != "q" && plain.role_allows(*role, permission)
                })
                && scopes.as_ref().is_none_or(|scopes| {
                    scopes.iter().any(|scope| matches(scope, permission))
                })
        };
        prop_assert_eq!(access.may(&id(&asked)), model(&asked));
        let expected = roles.permissions().map(Permission::as_str).filter(|text| model(text));
        prop_assert_eq!(names(&access), expected.collect::<Vec<_>>());

        let principal = Principal::new("i", id("s")).access(access);
        let by_name = roles.permissions().map(|known| (known, model(known.as_str())));
        for (known, may) in by_name.collect::<BTreeMap<_, _>>() {
            let requirement = roles.require(known.as_str()).unwrap();
            prop_assert_eq!(requirement.check(&principal, None, NOW).is_ok(), may);
        }
    }

    #[test]
    fn what_is_read_is_written_alike(text in "\\PC{0,12}|[a-z*]{0,3}:[a-z*]{0,3}") {
        if let Ok(permission) = text.parse::<Permission>() {
            prop_assert_eq!(permission.to_string(), text);
            prop_assert!(permission.covers(&permission));
        }
    }
}
