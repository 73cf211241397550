use super::*;

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
