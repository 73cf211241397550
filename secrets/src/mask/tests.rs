use std::borrow::Cow;

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;
use crate::SecretBytes;

type Mask = fn(&str) -> Cow<'static, str>;
/// Puts a secret into a value.
type Around<'a> = &'a dyn Fn(&str) -> String;

const ALL: [(&str, Mask); 15] = [
    ("password", password),
    ("api_key", api_key),
    ("token", token),
    ("jwt", jwt),
    ("jwt_ids", jwt_ids),
    ("email", email),
    ("email_and_domain", email_and_domain),
    ("url", url),
    ("connection_string", connection_string),
    ("card", card),
    ("phone", phone),
    ("ip", ip),
    ("authorization", authorization),
    ("cookie", cookie),
    ("set_cookie", set_cookie),
];

#[track_caller]
fn check(mask: Mask, cases: &[(&str, &str)]) {
    for (value, masked) in cases {
        assert_eq!(mask(value), *masked, "{value}");
        assert_eq!(mask(masked), *masked, "{value}, masked twice");
    }
}

#[test]
fn nothing_is_shown_of_a_password() {
    check(
        password,
        &[("", REDACTED), ("hunter2", REDACTED), ("123456", REDACTED)],
    );
}

#[test]
fn api_keys_show_their_public_part() {
    let secret = "k".repeat(49);
    for (key, masked) in [
        (
            format!("acme_live_4fzT0aBc9Q2x_{secret}"),
            "acme_live_4fzT0aBc9Q2x_***",
        ),
        (
            format!("ab_test_4fzT0aBc9Q2x_{secret}"),
            "ab_test_4fzT0aBc9Q2x_***",
        ),
        // Not quite of our form: brand, environment, id, secret.
        (format!("a_live_4fzT0aBc9Q2x_{secret}"), "a_li***"),
        (format!("Acme_live_4fzT0aBc9Q2x_{secret}"), "Acme***"),
        (format!("acme_prod_4fzT0aBc9Q2x_{secret}"), "acme***"),
        (format!("acme_live_4fzT0aBc9Q2_{secret}"), "acme***"),
        (format!("acme_live_4fzT0aBc9Q2x_{secret}k"), "acme***"),
        (
            format!("acme_live_4fzT0aBc9Q2x_{}", secret.replace('k', "-")),
            "acme***",
        ),
    ] {
        check(api_key, &[(&key, masked)]);
    }
    check(
        api_key,
        &[
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_***"),
            ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "github_pat_***"),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_***"),
            ("AKIAIOSFODNN7EXAMPLE", "AKIA***"),
            ("sk-ant-api03-abcdef", "sk-ant-***"),
            ("sk-abcdef", "sk-***"),
            ("xoxb-1234-5678-abcdef", "xoxb-***"),
            ("0123456789abcdef0123456789abcdef", "0123***"),
            ("0123456789abcdef", REDACTED),
            ("", REDACTED),
        ],
    );
}

#[test]
fn tokens_show_their_start_if_they_are_long() {
    check(
        token,
        &[
            ("abcdefghijklmnopqrstuvwx", "abcd***"),
            ("abcdefghijklmnopqrstuvw", REDACTED),
            ("abcdefghijkl nopqrstuvwx", REDACTED),
            ("abcdéfghijklmnopqrstuvwxyz", REDACTED),
            ("abcd\u{301}efghijklmnopqrstuvwxyz", REDACTED),
            ("abcdefghijklmnopqrstuvwxyz\n", REDACTED),
            ("", REDACTED),
        ],
    );
}

#[test]
fn a_tag_is_the_start_of_the_hmac() {
    // RFC 4231 test case 2: key "Jefe", 5bdcc146bf60754e….
    let key = LogKey::new(&SecretBytes::from(&b"Jefe"[..]));
    assert_eq!(key.tag("what do ya want for nothing?"), "tok:5bdcc146");
    assert_eq!(key.tag("tok:5bdcc146"), "tok:5bdcc146");
    assert_ne!(key.tag("tok:5bdcc14"), "tok:5bdcc14");
    assert_ne!(key.tag("tok:5BDCC146"), "tok:5BDCC146");
    assert_ne!(
        LogKey::generate().unwrap().tag("a"),
        LogKey::generate().unwrap().tag("a")
    );
    assert_eq!(format!("{key:?}"), "LogKey([REDACTED])");
}

fn jwt_of(header: &str, payload: &str) -> String {
    let encode = |json: &str| SecretBytes::from(json.as_bytes()).to_base64url();
    format!(
        "{}.{}.c2lnbmF0dXJl",
        encode(header).expose_secret(),
        encode(payload).expose_secret()
    )
}

#[test]
fn jwts_show_that_they_are_jwts() {
    for (header, payload, plain, with_ids) in [
        (
            r#"{"alg":"EdDSA","kid":"2024-07"}"#,
            r#"{"sub":"joe","jti":"7Yk2"}"#,
            "eyJ***",
            "eyJ*** kid=2024-07 jti=7Yk2",
        ),
        (
            r#"{"alg":"EdDSA"}"#,
            r#"{"jti":"7Yk2"}"#,
            "eyJ***",
            "eyJ*** jti=7Yk2",
        ),
        (
            r#"{"alg":"EdDSA","kid":"2024-07"}"#,
            r#"{"jti":7}"#,
            "eyJ***",
            "eyJ*** kid=2024-07",
        ),
        (r#"{"kid":"a b"}"#, r#"{"jti":"a\nb"}"#, "eyJ***", "eyJ***"),
        (r#"{"kid":""}"#, "no json", "eyJ***", "eyJ***"),
        (r#" { "alg" : "none" } "#, "{}", "eyJ***", "eyJ***"),
        ("[1]", "{}", REDACTED, REDACTED),
    ] {
        let token = jwt_of(header, payload);
        check(jwt, &[(&token, plain)]);
        check(jwt_ids, &[(&token, with_ids)]);
    }
    let long = jwt_of(&format!(r#"{{"kid":"{}"}}"#, "k".repeat(65)), "{}");
    check(jwt_ids, &[(&long, "eyJ***")]);
    let deep = jwt_of(
        &format!(r#"{{"a":{}1{}}}"#, "[".repeat(9999), "]".repeat(9999)),
        "{}",
    );
    assert_eq!(jwt(&deep), format!("{}***", &deep[..4]));
    let token = jwt_of("{}", "{}");
    let unsecured = token.trim_end_matches(|c| c != '.');
    check(
        jwt,
        &[
            (unsecured, "eyJ***"),
            ("a.b", REDACTED),
            ("eyJ*** kid=a\nb", REDACTED),
        ],
    );
    // Five parts are an encrypted token, of which the header says no more.
    let encrypted = format!("{token}.a.b");
    assert_eq!(jwt(&encrypted), "e30.***");
}

#[test]
fn emails_show_the_first_character() {
    let long = format!("{}@example.com", "a".repeat(242));
    let longest = &long[..254];
    assert_eq!(email(longest), format!("a***@{}", &longest[243..]));
    check(
        email,
        &[
            ("joanna@example.com", "j***@example.com"),
            ("j@example.com", "***@example.com"),
            ("J.Doe+tag@mail.example.co.uk", "J***@mail.example.co.uk"),
            ("jo@[2001:db8::1]", "j***@[2001:db8::1]"),
            ("жанна@пример.рф", "ж***@пример.рф"),
            ("e\u{301}va@example.com", "e\u{301}***@example.com"),
            ("👩‍🚀x@example.com", "***@example.com"),
            ("e\u{301}@example.com", "***@example.com"),
            ("joanna", REDACTED),
            ("a@b@c", REDACTED),
            ("@example.com", REDACTED),
            ("joanna@", REDACTED),
            ("jo anna@example.com", REDACTED),
            ("joanna@example.com\n", REDACTED),
            ("joanna@exa<mple", REDACTED),
            ("jo\u{600}@example.com", REDACTED),
            (&format!("{long}x"), REDACTED),
            ("", REDACTED),
        ],
    );
    check(
        email_and_domain,
        &[
            ("joanna@example.com", "j***@e***.com"),
            ("joanna@mail.example.co.uk", "j***@m***.uk"),
            ("joanna@localhost", "j***@l***"),
            ("joanna@e.com", "j***@***.com"),
            ("joanna@192.0.2.1", "j***@1***"),
            ("j@пример.рф", "***@п***"),
            ("joanna", REDACTED),
        ],
    );
    // The mask of an address of just the longest length, with a short local part, would no longer be one.
    let domain = format!("{}.com", "d".repeat(247));
    assert_eq!(email(&format!("ab@{domain}")), REDACTED);
}

#[test]
fn urls_lose_user_info_sensitive_values_and_fragment() {
    check(
        url,
        &[
            ("https://example.com/a/b?c=d", "https://example.com/a/b?c=d"),
            (
                "https://joe:pw@example.com:8443/a",
                "https://***@example.com:8443/a",
            ),
            ("https://token@example.com", "https://***@example.com"),
            ("https://a@b@example.com", "https://***@example.com"),
            (
                "https://[2001:db8::1]:8443/a?sig=x",
                "https://[2001:db8::1]:8443/a?sig=***",
            ),
            (
                "https://example.com/cb#access_token=9f86",
                "https://example.com/cb",
            ),
            ("/reset?token=9f86&lang=en", "/reset?token=***&lang=en"),
            ("?code=9f86&state=1", "?code=***&state=1"),
            ("?a=1;password=9f86;b=2", "?a=1;password=***;b=2"),
            (
                "?Api-Key=9f86&user[password]=9f86&x%5Fapi%5Fkey=9f86",
                "?Api-Key=***&user[password]=***&x%5Fapi%5Fkey=***",
            ),
            (
                "?token_count=7&key_id=3&max_tokens=9&next=/a",
                "?token_count=7&key_id=3&max_tokens=9&next=/a",
            ),
            ("?token=a=b&token", "?token=***&token"),
            (
                "postgres://u:p@h1:5432,h2:5432/db",
                "postgres://***@h1:5432,h2:5432/db",
            ),
            (
                "https://medium.com/@user/post",
                "https://medium.com/@user/post",
            ),
            (
                "https://example.com/mail/joe@example.com",
                "https://example.com/mail/joe@example.com",
            ),
            ("file:///etc/passwd", "file:///etc/passwd"),
            ("//joe:pw@example.com/a", "//***@example.com/a"),
            // A URL in a parameter.
            ("/go?to=https%3A%2F%2Fjoe%3Apw%40example.com", "/go?to=***"),
            (
                "/go?to=https%3A%2F%2Fexample.com%2F%3Fa%3D1",
                "/go?to=https%3A%2F%2Fexample.com%2F%3Fa%3D1",
            ),
            ("/go?to=https://example.com/?token=9f86", "/go?to=***"),
            // Passwords that are not escaped as they should be.
            ("redis://:p/w@cache:6379", "redis://***"),
            ("redis://u:12/34@cache", "redis://***"),
            ("amqp://u:12#34@cache", "amqp://***"),
            ("amqp://u:12?34@cache", "amqp://***"),
            ("amqp://u:1/2?34@cache", "amqp://***"),
            (
                "http://localhost:8080/a?to=joe@example.com",
                "http://localhost:8080/a?to=joe@example.com",
            ),
            ("redis://:p\\w@cache", "redis://***"),
            ("redis://:p w@cache", "redis://***"),
            ("redis://:pässword@cache", "redis://***"),
            ("redis://cache:pw", "redis://***"),
            // No URLs.
            ("mailto:joe@example.com", "mailto:***"),
            ("data:text/plain,secret", "data:***"),
            ("joe:pw@example.com", "***"),
            ("joe@example.com", "***"),
            ("a b", "***"),
            ("a\nb", "***"),
            ("", ""),
            ("***", "***"),
        ],
    );
}

#[test]
fn nested_urls_end_somewhere() {
    let nested = "a://h?u=".repeat(100_000);
    assert_eq!(url(&nested), "a://h?u=***");
}

#[test]
fn connection_strings_lose_passwords() {
    check(
        connection_string,
        &[
            (
                "Server=db;Database=orders;User Id=app;Password=9f86;",
                "Server=db;Database=orders;User Id=app;Password=***;",
            ),
            (
                "server=db;PWD={9f;86};encrypt=yes",
                "server=db;PWD=***;encrypt=yes",
            ),
            (
                "server=db;pwd=\"9f\"\";86\";encrypt=yes",
                "server=db;pwd=***;encrypt=yes",
            ),
            ("Server = db ; Password = 9f86", "Server=db;Password=***"),
            (
                "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=9f86=",
                "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=***",
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=9f86==;EndpointSuffix=core.windows.net",
                "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=***;EndpointSuffix=core.windows.net",
            ),
            (
                "host=db port=5432 password='9f 8\\'6' sslmode=require",
                "host=db port=5432 password=*** sslmode=require",
            ),
            (
                "host=db  password  =  9f86\tsslpassword=9f86",
                "host=db password=*** sslpassword=***",
            ),
            (
                "postgresql://app:9f86@db:5432/orders?sslpassword=9f86",
                "postgresql://***@db:5432/orders?sslpassword=***",
            ),
            (
                "mongodb+srv://app:9f86@cluster.example.net/db",
                "mongodb+srv://***@cluster.example.net/db",
            ),
            (
                "jdbc:postgresql://db/orders?user=app&password=9f86",
                "jdbc:postgresql://db/orders?user=app&password=***",
            ),
            (
                "jdbc:sqlserver://db:1433;user=app;password={9f;86}",
                "jdbc:sqlserver://db:1433;user=app;password=***",
            ),
            // A password that holds what separates, without quotes.
            ("Password=9f;86;Server=db", "Password=***;***;Server=db"),
            ("host=db password=9f 86", "host=db password=*** ***"),
            // Values that hold what they should not.
            ("Server=joe:pw@db", "Server=***"),
            ("Url=https://joe:pw@db/;Timeout=3", "Url=***;Timeout=3"),
            (
                "Props=\"a=b;password=9f86\";Timeout=3",
                "Props=***;Timeout=3",
            ),
            ("jdbc:oracle:thin:app/9f86@db:1521", "jdbc:***"),
            ("app:9f86@tcp(db:3306)/orders", "***"),
            ("db:6379,password=9f86,ssl=True", "***"),
            ("Password='9f86", "Password=***"),
            // Found by the property test: what masked these once masked them further the second time.
            ("#https://", "***"),
            ("::1='a b=;", "*** b=***"),
            ("; jti='", "jti=***;"),
            ("9f86", "***"),
            ("", "***"),
            (" ; ", "***"),
        ],
    );
}

#[test]
fn numbers_show_their_last_digits() {
    check(
        card,
        &[
            ("4242424242424242", "***4242"),
            ("4242-4242-4242-4242", "***4242"),
            ("378282246310005", "***0005"),
            ("4222222222222", "***2222"),
            ("4242424242424241", REDACTED),
            ("424242424242", REDACTED),
            ("42424242424242424242", REDACTED),
            ("4242.4242.4242.4242", REDACTED),
            ("４２４２４２４２４２４２４２４２", REDACTED),
            ("", REDACTED),
        ],
    );
    check(
        phone,
        &[
            ("+49 (30) 901820", "***20"),
            ("555-0199", "***99"),
            ("110", REDACTED),
            ("+1234567890123456", REDACTED),
            ("555-0199 ext", REDACTED),
        ],
    );
    check(
        ip,
        &[
            ("203.0.113.77", "203.0.113.0/24"),
            ("203.0.113.77:8080", "203.0.113.0/24"),
            ("2001:db8:7:8::9", "2001:db8:7::/48"),
            ("[2001:db8:7:8::9]:443", "2001:db8:7::/48"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("::1", "::/48"),
            ("203.0.113", REDACTED),
            ("localhost", REDACTED),
        ],
    );
}

#[test]
fn headers_show_schemes_names_and_attributes() {
    check(
        authorization,
        &[
            ("Bearer 9f86", "Bearer ***"),
            ("basic am9lOnB3", "basic ***"),
            ("Digest username=\"joe\", response=\"9f86\"", "Digest ***"),
            ("9f86", REDACTED),
            ("9f86 d081", REDACTED),
            ("Bearer", REDACTED),
            ("", REDACTED),
        ],
    );
    check(
        cookie,
        &[
            ("a=1; b=2", "a=***; b=***"),
            ("a=1;;b=\"x;y\"", "a=***; b=***; ***"),
            ("a=b=c", "a=***"),
            ("9f86; a=1", "***; a=***"),
            ("ä=1", "***"),
            ("=9f86", "***"),
            ("", HIDDEN),
        ],
    );
    check(
        set_cookie,
        &[
            (
                "id=9f86; Path=/; Domain=.example.com; Max-Age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly; SameSite=Lax",
                "id=***; Path=/; Domain=.example.com; Max-Age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; HttpOnly; SameSite=Lax",
            ),
            ("id=\"9f;86\"; Path=/", "id=***; ***; Path=/"),
            (
                "id=9f86; Secure=9f86; Max-Age=x; SameSite=; note=9f86",
                "id=***; ***; ***; SameSite=; ***",
            ),
            ("9f86", "***"),
            ("", HIDDEN),
        ],
    );
}

/// Values near to what is masked, and others.
fn value() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("https://"),
        Just("jdbc:"),
        Just("mailto:"),
        Just("user:pass"),
        Just("@"),
        Just("host"),
        Just(":8080"),
        Just("/"),
        Just("?"),
        Just("#"),
        Just("&"),
        Just(";"),
        Just("="),
        Just("password"),
        Just("token="),
        Just("'"),
        Just("\""),
        Just("{"),
        Just("}"),
        Just("\\"),
        Just(" "),
        Just("\t"),
        Just("\n"),
        Just("%"),
        Just("%40"),
        Just("***"),
        Just("[REDACTED]"),
        Just("eyJ"),
        Just("eyJ*** kid="),
        Just(" jti="),
        Just("e30.e30."),
        Just("."),
        Just("acme_live_4fzT0aBc9Q2x_"),
        Just("ghp_"),
        Just("sk-"),
        Just("tok:0123abcd"),
        Just("Bearer "),
        Just("Path=/"),
        Just("4242424242424242"),
        Just("+49 30"),
        Just("203.0.113.7"),
        Just("::1"),
        Just("[::1]"),
        Just("/24"),
        Just("é"),
        Just("\u{301}"),
        Just("👩‍🚀"),
        Just("\u{600}"),
        Just("\u{345}"),
        Just("abcdefghijklmnopqrstuvwxyz"),
    ];
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mask_is_its_own_mask(value in value()) {
        for (name, mask) in ALL {
            let once = mask(&value);
            prop_assert_eq!(mask(&once), once.clone(), "{} of {:?}", name, value);
        }
        let key = LogKey::new(&SecretBytes::from(&[7; 32][..]));
        prop_assert_eq!(key.tag(&key.tag(&value)), key.tag(&value));
    }

    #[test]
    fn a_mask_is_one_line(value in value()) {
        for (name, mask) in ALL {
            let masked = mask(&value);
            prop_assert!(!masked.contains(char::is_control), "{} of {:?}: {:?}", name, value, masked);
        }
    }

    #[test]
    fn a_mask_shows_whole_characters(value in value()) {
        let characters: Vec<_> = value.graphemes(true).collect();
        for mask in [email, email_and_domain, token] {
            for shown in mask(&value).graphemes(true).filter(|shown| !"*[REDACTED].".contains(shown)) {
                prop_assert!(characters.contains(&shown), "{shown:?} of {value:?}");
            }
        }
    }

    #[test]
    fn a_mask_does_not_depend_on_the_length_of_the_secret(
        short in "[a-z0-9]{24}",
        long in "[a-zA-Z0-9]{30,400}",
    ) {
        let long = &format!("{}{long}", &short[..4]);
        let cut = |secret: &str| secret[..secret.len().min(200)].to_owned();
        let cases: [(Mask, Around<'_>); 13] = [
            (password, &str::to_owned),
            (token, &str::to_owned),
            (api_key, &|secret| format!("ghp_{secret}")),
            (jwt, &|secret| format!("e30.e30.{secret}")),
            (jwt_ids, &|secret| format!("eyJraWQiOiJrIn0.{secret}.{secret}")),
            (email, &|secret| format!("{}@example.com", cut(secret))),
            (email_and_domain, &|secret| format!("joe@{}.com", cut(secret))),
            (url, &|secret| format!("https://{secret}@example.com/?key={secret}&a=1#{secret}")),
            (connection_string, &|secret| format!("host=db password={secret}")),
            (connection_string, &|secret| format!("Server=db;Pwd='{secret}';")),
            (authorization, &|secret| format!("Bearer {secret}")),
            (cookie, &|secret| format!("id={secret}; theme=1")),
            (set_cookie, &|secret| format!("id={secret}; HttpOnly")),
        ];
        for (mask, of) in cases {
            prop_assert_eq!(mask(&of(&short)), mask(&of(long)));
        }
    }
}
