use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

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
