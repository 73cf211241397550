use std::time::Duration;

use super::*;

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
