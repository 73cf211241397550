use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::super::{
    Allowlist, ClearSiteData, Feature, Hsts, PermissionsPolicy, ReportingEndpoints, SiteData,
};

#[test]
fn hsts_says_preload_only_if_the_preload_list_would_take_it() {
    let hsts = |seconds| Hsts::new(Duration::from_secs(seconds));
    assert_eq!(hsts(0).to_string(), "max-age=0");
    assert_eq!(
        Hsts::new(Duration::from_millis(1999)).to_string(),
        "max-age=1"
    );
    let preloaded = hsts(31_536_000).include_subdomains().preload().unwrap();
    assert_eq!(
        preloaded.to_string(),
        "max-age=31536000; includeSubDomains; preload"
    );
    for (refused, text) in [
        (
            hsts(31_535_999).include_subdomains(),
            "the preload list takes a max-age of 31536000 seconds or more, not 31535999",
        ),
        (
            hsts(31_536_000),
            "the preload list takes only policies that include subdomains",
        ),
    ] {
        assert_eq!(refused.preload().unwrap_err().to_string(), text);
    }
}

#[test]
fn clear_site_data_names_each_kind_once() {
    assert_eq!(
        ClearSiteData::logout().header_value(),
        r#""cache","cookies","storage""#
    );
    let all = ClearSiteData::new(SiteData::All).and(SiteData::All);
    assert_eq!(all.header_value(), r#""*""#);
}

#[test]
fn permissions_name_each_feature_once_and_where_it_was_first_set() {
    let video = "https://video.example.com";
    let policy = PermissionsPolicy::new()
        .feature(Feature::CAMERA, Allowlist::own())
        .deny([Feature::USB, Feature::CAMERA])
        .feature(Feature::FULLSCREEN, Allowlist::everybody())
        .feature(
            Feature::AUTOPLAY,
            Allowlist::none()
                .origin(video)
                .and_then(|list| list.origin("https://*.example.org:8443"))
                .and_then(|list| list.origin(video))
                .unwrap(),
        );
    assert_eq!(
        policy.to_string(),
        r#"camera=(), usb=(), fullscreen=*, autoplay=("https://video.example.com" "https://*.example.org:8443")"#
    );
}

#[test]
fn origins_and_feature_names_are_checked() {
    for bad in [
        "",
        "example.com",
        "https://",
        "https://*",
        "https://example.com/",
        "https://example.com/a",
        "https://example.com\" *",
        "https://example.com https://example.org",
        "self",
    ] {
        let error = Allowlist::own().origin(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{bad:?} is not an origin such as https://example.com")
        );
    }
    for bad in ["", "Camera", "1", "-a", "a b", "a=b", "a,b", "ä", "a;b"] {
        assert!(Feature::new(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Feature::new("camera"), Ok(Feature::CAMERA));
}

#[test]
fn endpoints_are_https_or_on_the_page_s_own_origin() {
    let endpoint = |uri| {
        let endpoints = ReportingEndpoints::new().endpoint("csp", uri);
        endpoints.map(|endpoints| endpoints.to_string())
    };
    for good in [
        "/reports",
        "https://r.example/a?b=c&d=%20",
        "https://[2001:db8::1]:8443/",
    ] {
        assert_eq!(endpoint(good), Ok(format!("csp=\"{good}\"")));
    }
    for bad in [
        "",
        "reports",
        "//r.example/",
        "http://r.example/",
        "https://",
        "https:///a",
        "https://r.example/\"",
        "https://r.example/a, b",
        "https://r.example/a;b",
        "https://r.example/#a",
        "/a b",
        "/ä",
        "/a\r\nb",
    ] {
        assert!(endpoint(bad).is_err(), "{bad:?}");
    }
    for bad in ["", "Csp", "1", "a b", "a=b", "ä", "-a"] {
        assert!(
            ReportingEndpoints::new().endpoint(bad, "/").is_err(),
            "{bad:?}"
        );
    }
    let two = ReportingEndpoints::new()
        .endpoint("a", "/a")
        .and_then(|endpoints| endpoints.endpoint("b", "/b"))
        .and_then(|endpoints| endpoints.endpoint("a", "/c"));
    assert_eq!(two.unwrap().to_string(), r#"a="/c", b="/b""#);
}

fn dictionary(text: &str) -> Result<Dictionary, TestCaseError> {
    Parser::new(text)
        .parse()
        .map_err(|error| TestCaseError::fail(format!("{text:?}: {error}")))
}

fn allowlist() -> impl Strategy<Value = Allowlist> {
    let start = prop_oneof![
        Just(Allowlist::none()),
        Just(Allowlist::own()),
        Just(Allowlist::everybody()),
    ];
    let origin = prop_oneof![
        "https://[a-z]{1,8}\\.example(:[0-9]{1,4})?",
        any::<String>(),
    ];
    (start, vec(origin, 0..3)).prop_map(|(start, origins)| {
        origins.iter().fold(start, |list, origin| {
            list.clone().origin(origin).unwrap_or(list)
        })
    })
}

fn feature() -> impl Strategy<Value = Feature> {
    prop_oneof!["[a-z]{1,3}(-[a-z0-9]{1,3})?", any::<String>()]
        .prop_map(|name| Feature::new(&name).unwrap_or(Feature::CAMERA))
}

proptest! {
    #[test]
    fn every_permissions_policy_is_a_structured_dictionary(
        entries in vec((feature(), allowlist()), 0..8),
    ) {
        let policy = entries.iter().fold(PermissionsPolicy::new(), |policy, (feature, allowed)| {
            policy.feature(feature.clone(), allowed.clone())
        });
        let text = policy.to_string();
        let parsed = dictionary(&text)?;
        for (feature, _) in &entries {
            // What was set last counts.
            let last = entries.iter().rev().find(|(name, _)| name == feature);
            let expected = last.map(|(_, allowed)| allowed.to_string()).unwrap_or_default();
            let found = match &parsed[feature.as_str()] {
                ListEntry::Item(item) => match &item.bare_item {
                    BareItem::Token(token) => token.as_str().to_owned(),
                    other => format!("{other:?}"),
                },
                ListEntry::InnerList(list) => {
                    let items: Vec<_> = list.items.iter().map(|item| match &item.bare_item {
                        BareItem::Token(token) => token.as_str().to_owned(),
                        BareItem::String(text) => format!("\"{}\"", text.as_str()),
                        other => format!("{other:?}"),
                    }).collect();
                    format!("({})", items.join(" "))
                }
            };
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_list_of_endpoints_is_a_structured_dictionary(
        entries in vec((any::<String>(), any::<String>(), "[a-z]{1,4}", "/[!-~]{0,8}"), 0..6),
    ) {
        let mut endpoints = ReportingEndpoints::new();
        for (odd_name, odd_uri, name, uri) in &entries {
            for (name, uri) in [(odd_name, odd_uri), (odd_name, uri), (name, odd_uri), (name, uri)] {
                endpoints = endpoints.clone().endpoint(name, uri).unwrap_or(endpoints);
            }
        }
        for (_, entry) in &dictionary(&endpoints.to_string())? {
            let ListEntry::Item(item) = entry else {
                return Err(TestCaseError::fail("an endpoint is a list"));
            };
            prop_assert!(matches!(item.bare_item, BareItem::String(_)));
        }
    }
}
