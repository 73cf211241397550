//! Lines as they are found in logs.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::Failure;
use crate::redact::{CUT, LONGEST_LINE, Redactor};

const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvZSJ9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[test]
fn secrets_are_taken_out_of_lines() {
    let lines: &[(&str, &str)] = &[
        // Assignments.
        ("password=hunter2", "password=[REDACTED]"),
        (
            "login password=hunter2 user=joe",
            "login password=[REDACTED] user=joe",
        ),
        ("password: hunter2", "password: [REDACTED]"),
        (
            "DB_PASSWORD='hunter 2' next",
            "DB_PASSWORD='[REDACTED]' next",
        ),
        ("PGPASSWORD=a,b;c&d psql", "PGPASSWORD=[REDACTED] psql"),
        (
            "passwd = \"hunter 2\" port = 5",
            "passwd = \"[REDACTED]\" port = 5",
        ),
        (
            "Server=db;Password=p;Database=y",
            "Server=db;Password=[REDACTED];Database=y",
        ),
        (
            "{user=joe, password=hunter2, port=1}",
            "{user=joe, password=[REDACTED], port=1}",
        ),
        ("user=joe,token=abc,n=1", "user=joe,token=[REDACTED],n=1"),
        (":password=>\"x\"", ":password=>\"[REDACTED]\""),
        ("(token=abc)", "(token=[REDACTED])"),
        (
            "connecting (token: abc), retry",
            "connecting (token: [REDACTED]), retry",
        ),
        ("secret := \"abc\"", "secret := \"[REDACTED]\""),
        (
            "user[password]=hunter2&x=1",
            "user[password]=[REDACTED]&x=1",
        ),
        ("secret:token: abc", "secret:[REDACTED]: [REDACTED]"),
        ("api key: abc", "api key: [REDACTED]"),
        ("token=[\"a\", \"b\"] n=1", "token=[REDACTED] n=1"),
        ("{'pin': 1234}", "{'pin': [REDACTED]}"),
        (
            "[\"--api-key\", \"abc\", \"--dry\"]",
            "[\"--api-key\", \"[REDACTED]\", \"--dry\"]",
        ),
        (
            "tool --password hunter2 --dry-run",
            "tool --password [REDACTED] --dry-run",
        ),
        ("tool --token=abc -v", "tool --token=[REDACTED] -v"),
        (
            "[(\"password\", \"x\"), (\"n\", \"1\")]",
            "[(\"password\", \"[REDACTED]\"), (\"n\", \"1\")]",
        ),
        // How Rust shows things.
        (
            "Config { password: \"a\\\"b\", port: 1 }",
            "Config { password: \"[REDACTED]\", port: 1 }",
        ),
        (
            "password: Some(\"hunter2\"), port: 1",
            "password: [REDACTED], port: 1",
        ),
        ("secret: Secret(\"a)b\"), n: 1", "secret: [REDACTED], n: 1"),
        (
            "credentials: Credentials { user: \"u\", key: \"v\" }, n: 1",
            "credentials: [REDACTED], n: 1",
        ),
        ("token: b\"abc\", n: 1", "token: b\"[REDACTED]\", n: 1"),
        ("secret: [104, 117], n: 1", "secret: [REDACTED], n: 1"),
        (
            "password: Some(\n    \"hunter2\",\n),\nport: 1",
            "password: [REDACTED],\nport: 1",
        ),
        ("password: None, token: null", "password: None, token: null"),
        // JSON in text, as deep as it is escaped.
        (
            r#"{"password":"hunter2","n":1}"#,
            r#"{"password":"[REDACTED]","n":1}"#,
        ),
        (
            r#"{"password":"a\"b\\","n":1}"#,
            r#"{"password":"[REDACTED]","n":1}"#,
        ),
        (r#"{"pin":1234,"n":1}"#, r#"{"pin":"[REDACTED]","n":1}"#),
        (r#"{"a":{"pin":1234}}"#, r#"{"a":{"pin":"[REDACTED]"}}"#),
        (r#""{\"pin\":1234}""#, r#""{\"pin\":\"[REDACTED]\"}""#),
        (
            r#"body="{\"password\":\"hun\\\"ter2\",\"n\":1}""#,
            r#"body="{\"password\":\"[REDACTED]\",\"n\":1}""#,
        ),
        (
            r#""{\"a\":\"{\\\"token\\\":\\\"abc\\\"}\"}""#,
            r#""{\"a\":\"{\\\"token\\\":\\\"[REDACTED]\\\"}\"}""#,
        ),
        (
            r#"msg="login password=abc" n=1"#,
            r#"msg="login password=[REDACTED]" n=1"#,
        ),
        (
            r#"{"msg":"say \"password=abc\" n=1"}"#,
            r#"{"msg":"say \"password=[REDACTED]\" n=1"}"#,
        ),
        (
            r#"{"msg":"password=abc\nnext"}"#,
            r#"{"msg":"password=[REDACTED]"}"#,
        ),
        (
            r#"{"otp": [1,2], "n": 1}"#,
            r#"{"otp": "[REDACTED]", "n": 1}"#,
        ),
        // URLs and queries.
        (
            "GET /cb?code=abc&state=x HTTP/1.1",
            "GET /cb?code=***&state=x HTTP/1.1",
        ),
        (
            "GET /a?x=1&access_token=abc#f",
            "GET /a?x=1&access_token=***#f",
        ),
        ("url=\"/a?sig=abc\" n=1", "url=\"/a?sig=***\" n=1"),
        (
            "/login?next=%2Fa%3Ftoken%3Dabc%26x%3D1&y=2",
            "/login?next=%2Fa%3Ftoken%3D***%26x%3D1&y=2",
        ),
        (
            "?data=%7B%22password%22%3A%22hunter2%22%7D",
            "?data=%7B%22password%22%3A%22[REDACTED]%22%7D",
        ),
        (
            "postgres://app:pa55@db:5432/app",
            "postgres://***@db:5432/app",
        ),
        ("redis://:pa55@cache", "redis://***@cache"),
        ("https://u:p@ss@host/x", "https://***@host/x"),
        ("amqp://u:p/w?x@host", "amqp://***@host"),
        ("https://u:qp:/C/up@ss@host/x", "https://***@host/x"),
        ("https://u:p@ss/w@host/x", "https://***@host/x"),
        (
            "amqp://u:pa55@h1/a,amqp://u:pa55@h2/a",
            "amqp://***@h1/a,amqp://***@h2/a",
        ),
        ("https://u:p@[::1]:8080/", "https://***@[::1]:8080/"),
        // Headers.
        (
            "Authorization: Bearer abc.def-1",
            "Authorization: Bearer ***",
        ),
        (
            "authorization=Bearer abc path=/x",
            "authorization=Bearer *** path=/x",
        ),
        (
            "Authorization: Digest username=\"a\", response=\"b\"",
            "Authorization: Digest ***",
        ),
        ("Authorization: Custom a b c", "Authorization: [REDACTED]"),
        (
            "proxy-authorization: Basic dXNlcjpwYXNz",
            "proxy-authorization: Basic ***",
        ),
        (
            r#"{"authorization": "Bearer abc", "n": "1"}"#,
            r#"{"authorization": "Bearer ***", "n": "1"}"#,
        ),
        (
            r#"{"authorization": "abc", "n": "1"}"#,
            r#"{"authorization": "[REDACTED]", "n": "1"}"#,
        ),
        ("Cookie: a=b; c=d", "Cookie: [REDACTED]"),
        ("cookie=sid=abc; b=c path=/x", "cookie=[REDACTED] path=/x"),
        (
            "set-cookie: sid=abc; Path=/; HttpOnly",
            "set-cookie: [REDACTED]",
        ),
        // Tokens by their form.
        (
            "sent Bearer mF_9.B5f-4.1JqM to api",
            "sent Bearer *** to api",
        ),
        ("got 'Basic dXNlcjpwYXNz'", "got 'Basic ***'"),
        // The padding before a quote that closes was taken for the sign of a parameter.
        ("got \"Basic dXNlcjpwYXM=\"", "got \"Basic ***\""),
        (
            "path (b\"/ Basic dXNlcjpwYQ==\"): invalid",
            "path (b\"/ Basic ***\"): invalid",
        ),
        ("[\"Bearer dXNlcjpwYXM=\",1]", "[\"Bearer ***\",1]"),
        (
            "GET /a/ghp_0123456789abcdefghijABCDEFGHIJ123456",
            "GET /a/ghp_***",
        ),
        (
            "github_pat_11ABCDEFG0123456789_abcdef done",
            "github_pat_*** done",
        ),
        (
            "charge by sk_live_4eC39HqLyjWDarjtT1zdp7dc.",
            "charge by sk_live_***.",
        ),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA***"),
        ("xoxb-123456789012-abcdef", "xoxb-***"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstuv", "AIza***"),
        ("glpat-abcDEF123456_-789012", "glpat-***"),
        ("npm_0123456789abcdefghijABCDEFGHIJ123456", "npm_***"),
        (
            "https://hooks.slack.com/services/T0/B0/abcdef",
            "https://hooks.slack.com/services/***",
        ),
        (
            "SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg x",
            "SG.*** x",
        ),
        (
            "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
            "sk-***",
        ),
        (
            "\\nsk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
            "\\nsk-***",
        ),
        (
            "%3Dsk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
            "%3Dsk-***",
        ),
        // Cards.
        ("card 4111111111111111 ok", "card ***1111 ok"),
        ("card 4111 1111 1111 1111 2024", "card ***1111 2024"),
        ("card 5500-0000-0000-0004", "card ***0004"),
        ("card=%204111111111111111", "card=%20***1111"),
        ("amex 3782 822463 10005", "amex ***0005"),
        (
            "13: 4222222222222, 19: 6205500000000000004",
            "13: ***2222, 19: ***0004",
        ),
        ("1234 4242 4242 4242 4242", "1234 ***4242"),
        // Colours.
        (
            "\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0mhunter2 \x1b[3mn\x1b[0m=1",
            "\x1b[3mpassword\x1b[0m\x1b[2m=\x1b[0m[REDACTED] \x1b[3mn\x1b[0m=1",
        ),
        (
            "token=\x1b[31mabc\x1b[0m",
            "token=\x1b[31m[REDACTED]\x1b[0m",
        ),
        // Several.
        (
            "user=joe password=a token=b https://u:p@h/?key=c Bearer abc123",
            "user=joe password=[REDACTED] token=[REDACTED] https://***@h/?key=*** Bearer ***",
        ),
        ("Zoë=1 password=ümläut→ ñ", "Zoë=1 password=[REDACTED] ñ"),
    ];
    let redactor = Redactor::new();
    for (line, expected) in lines {
        assert_eq!(redactor.redact(line), *expected, "{line}");
        assert_eq!(redactor.redact(expected), *expected, "again: {line}");
    }
}

#[test]
fn lines_without_secrets_are_not_touched() {
    let lines = [
        "",
        "GET /users/42 200 in 3 ms",
        "2024-05-01T10:20:30.123456Z  INFO app::auth::token: refreshed 3 sessions",
        "token_count=12 max_tokens=4096 secret_version=3 cookie_consent=true token_type=Bearer",
        "token_type=Bearer expires_in=3600 session_id=018f3a5b-7c1d-7e2f-8a3b-4c5d6e7f8091",
        "id=550e8400-e29b-41d4-a716-446655440000",
        "trace=4bf92f3577b34da6a3ce929d0e0e4736 span=00f067aa0ba902b7",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "bearer token authentication is required",
        "WWW-Authenticate: Bearer realm=\"api\", error=\"invalid_token\"",
        "Bearer error_description=\"the token expired\"",
        "basic information about Basic training, basic realm=\"x\"",
        "ring bearer",
        "the secret of the token is its signature",
        "token",
        "token:",
        "token: \"\"",
        "password=",
        "assert token == other, secret != other",
        "use auth::token::Kind; see secret://vault/path",
        "http://localhost:8080/a@b?c=d",
        "http://[::1]:8080/x@y",
        "https://example.com/@scope/pkg?page=2&sort=asc",
        "https://host/path@2x.png?mail=a@b",
        "mongodb://h1:27017,h2:27017/a?mail=a@b",
        "std::io://x",
        "spinning design encode keyboard authors shopping pinned",
        "monkey=1 sort_key=name zip_code=12345",
        "elapsed=0.4111111111111111 score 0.5555555555554444",
        "at 1700000000000 and 1700000000000000000 ns, order 12345678901234567",
        "4111111111111112 is no card, 41111111111111111111 neither, a4111111111111111b is a hash",
        "2024-01-15 10234567 items",
        "eyJ is how JSON objects begin, eyJhbGciOiJIUzI1NiJ9 is one",
        "task-01HZXABCDEFGHJKMNPQRSTVWXYZ0123456789abcdefghijk disk-0123456789",
        "npm_config_registry=x ghp_short sk_live_ AKIA",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "joe@example.com wrote to ann@example.org",
        "password=[REDACTED] ?token=*** Bearer *** eyJ*** https://***@host/",
        "naïve ünïcödé → 日本語 🦀",
    ];
    let redactor = Redactor::new();
    for line in lines {
        match redactor.redact(line) {
            Cow::Borrowed(clean) => assert!(std::ptr::eq(clean, line)),
            Cow::Owned(changed) if changed == line => panic!("copied: {line}"),
            Cow::Owned(changed) => panic!("changed: {line}\n     to: {changed}"),
        }
    }
}

#[test]
fn a_jwt_is_found_wherever_it_stands() {
    let redactor = Redactor::new();
    for (before, after) in [
        ("", ""),
        ("a ", " b"),
        ("\\n", "\\n"),
        ("x=", ","),
        ("%20", "."),
        ("/", "/y"),
    ] {
        assert_eq!(
            redactor.redact(&format!("{before}{JWT}{after}")),
            format!("{before}eyJ***{after}")
        );
    }
    let unsigned = &JWT[..JWT.rfind('.').unwrap()];
    assert_eq!(redactor.redact(unsigned), "eyJ***");
    let encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..abcdefgh.ijkl.mnop";
    assert_eq!(redactor.redact(encrypted), "eyJ***");
}

#[test]
fn a_private_key_is_found_in_one_line_or_many() {
    let redactor = Redactor::new();
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        for line_feed in ["\n", "\r\n", "\\n", " "] {
            let body =
                vec!["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"; 20].join(line_feed);
            let key =
                format!("-----BEGIN {label}-----{line_feed}{body}{line_feed}-----END {label}-----");
            assert_eq!(
                redactor.redact(&format!("key: {key} end")),
                "key: [REDACTED] end"
            );
            assert_eq!(redactor.redact(&key[..key.len() - 40]), "[REDACTED]");
        }
    }
}

#[test]
fn email_addresses_are_redacted_if_asked() {
    let redactor = Redactor::builder().emails().build().unwrap();
    for (text, expected) in [
        ("to joe.doe+x@example.com.", "to j***@example.com."),
        ("<a@example.co.uk>", "<***@example.co.uk>"),
        (
            "a@b @handle x@localhost 3@ @",
            "a@b @handle x@localhost 3@ @",
        ),
        ("https://joe:x@example.com", "https://***@example.com"),
    ] {
        assert_eq!(redactor.redact(text), expected);
        assert_eq!(redactor.redact(expected), expected);
    }
}

#[test]
fn own_prefixes_are_known_once_told() {
    let token = "key acme_live_0123456789ab_secret, acme_live_short";
    assert!(matches!(Redactor::new().redact(token), Cow::Borrowed(_)));
    let redactor = Redactor::builder()
        .prefixes(["acme_live_"])
        .build()
        .unwrap();
    assert_eq!(redactor.redact(token), "key acme_live_***, acme_live_short");
}

#[test]
fn bytes_that_are_not_text_are_kept() {
    let redactor = Redactor::new();
    let redacted = redactor.redact_bytes(b"\xff\xfe password=\xf0\x9f n=\xff token=abc\xff\n");
    assert_eq!(
        &*redacted,
        b"\xff\xfe password=[REDACTED] n=\xff token=[REDACTED]\n"
    );
    assert!(matches!(
        redactor.redact_bytes(b"\xff\x00\x80"),
        Cow::Borrowed(b"\xff\x00\x80")
    ));
}

#[test]
fn a_long_line_is_cut_behind_a_word_and_marked() {
    let redactor = Redactor::new();
    let short = "a password=x b";
    let long = format!("{}token=abc", "word ".repeat(LONGEST_LINE / 5));
    let text = format!("{short}\n{long}\n{short}");
    let redacted = redactor.redact(&text);
    let lines: Vec<_> = redacted.split('\n').collect();
    assert_eq!(lines[0], "a password=[REDACTED] b");
    assert_eq!(lines[2], lines[0]);
    assert!(lines[1].ends_with(&format!("word {CUT}")));
    assert!(lines[1].len() <= LONGEST_LINE + CUT.len());
    assert!(long.starts_with(lines[1].strip_suffix(CUT).unwrap()));
    assert_eq!(redactor.redact(&redacted), redacted);
}

#[test]
fn a_line_is_never_cut_inside_of_a_character() {
    let redactor = Redactor::new();
    for shift in 0..4 {
        let text = format!("{}{}", "x".repeat(shift), "🦀".repeat(LONGEST_LINE / 4 + 1));
        let redacted = redactor.redact(&text);
        let kept = redacted.strip_suffix(CUT).unwrap();
        assert!(text.starts_with(kept));
        assert!(LONGEST_LINE - kept.len() < 4);
        assert_eq!(redactor.redact(&redacted), redacted);
    }
}

#[test]
fn a_line_that_would_grow_too_long_is_cut_before() {
    let redactor = Redactor::new();
    for length in [LONGEST_LINE / 2, LONGEST_LINE * 2] {
        let redacted = redactor.redact(&"pin=1 ".repeat(length / 6)).into_owned();
        let kept = redacted.strip_suffix(CUT).unwrap();
        assert!(kept.len() <= LONGEST_LINE, "{}", kept.len());
        assert!(kept.starts_with("pin=[REDACTED] pin=[REDACTED] "));
        assert_eq!(redactor.redact(&redacted), redacted);
    }
}

#[test]
fn many_short_lines_are_not_cut() {
    let text = "a clean line\n".repeat(LONGEST_LINE / 6);
    assert!(matches!(Redactor::new().redact(&text), Cow::Borrowed(_)));
}

#[test]
fn an_error_is_printed_with_its_causes_and_without_their_secrets() {
    let io = Failure("refused https://u:p@db/", None);
    let pool = Failure("pool: refused https://u:p@db/", Some(Box::new(io)));
    let error = Failure("cannot start with password=hunter2", Some(Box::new(pool)));
    assert_eq!(
        Redactor::new().redact_error(&error),
        "cannot start with password=[REDACTED]: pool: refused https://***@db/"
    );
}

#[test]
fn an_error_without_end_is_printed_up_to_some_cause() {
    #[derive(Debug)]
    struct Own;
    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("again")
        }
    }
    impl Error for Own {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }
    assert_eq!(Redactor::new().redact_error(&Own), "again");
}

/// Each of these made a reader start again at each hit while it was written.
#[test]
fn no_text_takes_more_than_its_length() {
    let redactor = Redactor::builder().emails().build().unwrap();
    let pieces = [
        "token=",
        "token:",
        "token",
        "token=(",
        "token=(\n",
        "token='",
        "token=\"",
        "\"token\":\"\\",
        "pin=1 ",
        "eyJ",
        "eyJaaaaaaaa",
        "eyJaaaaaaaa.",
        "://",
        "://a:b",
        "://u:p@",
        "://u:p/w@",
        "://u:p@h/w@",
        "Bearer ",
        "Bearer a",
        "basic a",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "ghp_",
        "glpat-",
        "4 ",
        "4-4 ",
        "4",
        "4111 ",
        "@",
        "a@a.",
        "cookie=a; ",
        "authorization: a",
        "authorization: digest ",
        "\x1b[",
        "\x1b[0m",
        "token\x1b[0m",
        "\\",
        "token=\\",
        "?code=",
        "?code%3d",
        "%22",
        "token%22%3a%22",
        "token='\\'",
        "token=''",
        "token=`",
        "token=&quot;",
        "code=",
        "code=a&code",
        "code%3d",
        "token=\\u0022",
        "token:\n ",
        "authorization: bearer\n ",
        "token\\u003d",
        "token%253d",
        "token=%2522",
        "token=\"a\"b",
        "token=a\"b",
        "token[0]=",
        "token[",
        "\"token\",\"value\":",
        "[[\"token\",\"",
        "Token(\"",
        "<token>",
        "<token ",
        "<token><![CDATA[",
        "<a:token>b",
        "&lt;token&gt;",
        "%3Ctoken%3E",
        "form-data; name=\"token\"",
        "form-data; name=\"token\"\r\n\r\n",
        "form-data; name=\"token\"\\r\\n\\r\\n",
        "cookie=\"a",
        "cookie: a=\"b\"; ",
        "authorization: bearer \"",
        "bearer \"",
        "%3a%2f%2f",
        "%3a%2f%2fa%3a",
        "%3a%2f%2fa%3ab%2fc%40",
        "%253a%252f%252fa%2540",
        ":\\/\\/a:b",
        "password '",
        "identified by ''",
        "_live_",
        "_live_0123456789ab_",
        "$argon2",
        "$5$",
    ];
    let length = LONGEST_LINE;
    for piece in pieces {
        let text = piece.repeat(length / piece.len());
        let clock = std::time::Instant::now();
        let once = redactor.redact(&text);
        // A tenth of a second is what the worst of them takes here. What is read again at each of its
        // pieces takes hundreds of times that: no measure of speed, but an end to waiting.
        assert!(
            clock.elapsed().as_secs() < 10,
            "{piece:?} took {:?}",
            clock.elapsed()
        );
        assert!(redactor.redact(&once) == once, "{piece:?}");
    }
}
