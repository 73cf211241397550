use std::borrow::Cow;

use crate::redact::Redactor;

#[test]
fn json_keeps_all_but_its_secrets() {
    let redactor = Redactor::new();
    let documents = [
        (
            r#" { "user" : "joe", "password" : "x\"y", "n": 1.50e+10, "a":[1,2.0,-0] } "#,
            r#" { "user" : "joe", "password" : "[REDACTED]", "n": 1.50e+10, "a":[1,2.0,-0] } "#,
        ),
        (
            r#"{"pin":1234,"otp":true,"token":null,"cvv":-1.5e3}"#,
            r#"{"pin":"[REDACTED]","otp":"[REDACTED]","token":null,"cvv":"[REDACTED]"}"#,
        ),
        (
            r#"{"credentials":{"user":"u","list":[1,"",{"a":false}]},"z":1,"a":2}"#,
            r#"{"credentials":{"user":"[REDACTED]","list":["[REDACTED]","",{"a":"[REDACTED]"}]},"z":1,"a":2}"#,
        ),
        // Names and values are what they say, not how they are written.
        (
            r#"{"pass\u0077ord":"x"}"#,
            r#"{"pass\u0077ord":"[REDACTED]"}"#,
        ),
        (
            r#"{"url":"https:\/\/u:p@host\/"}"#,
            r#"{"url":"https://***@host/"}"#,
        ),
        (
            r#"{"m":"\ud83e\udd80 token=a\u0062c \ud83e"}"#,
            "{\"m\":\"🦀 token=[REDACTED] \u{fffd}\"}",
        ),
        (
            r#"{"m":"a\tb\u0001\"\\ password=x"}"#,
            r#"{"m":"a\tb\u0001\"\\ password=[REDACTED]"}"#,
        ),
        // JSON in JSON.
        (
            r#"{"body":"{\"password\":\"a\\\"b\",\"n\":1}"}"#,
            r#"{"body":"{\"password\":\"[REDACTED]\",\"n\":1}"}"#,
        ),
        (
            r#"["4111111111111111",4111111111111111,41]"#,
            r#"["***1111","***1111",41]"#,
        ),
        (
            r#"{"ghp_0123456789abcdefghijABCDEFGHIJ123456":1}"#,
            r#"{"ghp_***":1}"#,
        ),
        (
            "{\"token\":\"a\"}\n{\"token\":\"b\"}\n",
            "{\"token\":\"[REDACTED]\"}\n{\"token\":\"[REDACTED]\"}\n",
        ),
        (r#""Bearer abc123""#, r#""Bearer ***""#),
    ];
    for (json, expected) in documents {
        let redacted = redactor.redact_json(json);
        assert_eq!(redacted, expected);
        assert_eq!(redactor.redact_json(&redacted), expected);
        let lines = serde_json::Deserializer::from_str(&redacted).into_iter::<serde_json::Value>();
        assert!(
            lines.into_iter().all(|document| document.is_ok()),
            "{redacted}"
        );
    }
}

#[test]
fn json_without_secrets_is_borrowed() {
    let redactor = Redactor::new();
    for json in [
        "",
        " ",
        "{}",
        "[]",
        "[[],{}]",
        "1",
        "\"\"",
        "null",
        r#"{"token_count":3,"max_tokens":4096,"a":"b\n\u00e9","token":"","pin":null}"#,
    ] {
        assert!(
            matches!(redactor.redact_json(json), Cow::Borrowed(clean) if clean == json),
            "{json}"
        );
    }
}

#[test]
fn what_is_not_json_is_redacted_as_text() {
    let redactor = Redactor::new();
    let deep = "[".repeat(200) + "\"token=a\"";
    for (text, expected) in [
        ("password=hunter2 n=1", "password=[REDACTED] n=1"),
        (r#"{"password":"hunter2""#, r#"{"password":"[REDACTED]""#),
        (r#"{"password":"hunter2"#, r#"{"password":"[REDACTED]"#),
        (r#"{"password":hunter2}"#, r#"{"password":"[REDACTED]"}"#),
        (r#"{"a":1,}"#, r#"{"a":1,}"#),
        (r#"{"a":01} token=x"#, r#"{"a":01} token=[REDACTED]"#),
        (r#"["a" "token=x"]"#, r#"["a" "token=[REDACTED]"]"#),
        ("\"token=x\n\"", "\"token=[REDACTED]\n\""),
        (r#""\x token=x""#, r#""\x token=[REDACTED]""#),
        (&deep, &deep.replace("=a", "=[REDACTED]")),
    ] {
        assert_eq!(redactor.redact_json(text), expected);
        assert_eq!(redactor.redact_json(expected), expected);
    }
}

#[test]
fn queries_and_forms_keep_their_names() {
    let redactor = Redactor::new();
    for (query, expected) in [
        ("", ""),
        ("a=1&b=2&&c", "a=1&b=2&&c"),
        (
            "user=joe&password=hun+ter%202&x=1",
            "user=joe&password=***&x=1",
        ),
        ("code=abc&state=y&API-KEY=z", "code=***&state=y&API-KEY=***"),
        ("pass%77ord=x&tok+en=y", "pass%77ord=***&tok+en=***"),
        ("user[password]=x", "user[password]=***"),
        (
            "user[password][]=x&pin[0]=y",
            "user[password][]=***&pin[0]=***",
        ),
        ("password2=x&a[b]=c", "password2=***&a[b]=c"),
        ("next=https%3A%2F%2Fu%3Ap%40host%2F&n=1", "next=***&n=1"),
        ("q=%7B%22password%22%3A%22x%22%7D", "q=***"),
        ("password=&token", "password=&token"),
        ("token_count=3&max_tokens=4", "token_count=3&max_tokens=4"),
        ("AKIAIOSFODNN7EXAMPLE&x=1", "AKIA***&x=1"),
    ] {
        let redacted = redactor.redact_query(query);
        assert_eq!(redacted, expected);
        assert_eq!(
            matches!(redacted, Cow::Borrowed(_)),
            query == expected,
            "{query}"
        );
        assert_eq!(redactor.redact_query(expected), expected);
    }
}

#[test]
fn urls_lose_user_fragment_and_secret_parameters() {
    let redactor = Redactor::new();
    for (url, expected) in [
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("https://joe@example.com/", "https://***@example.com/"),
        (
            "https://joe:x@example.com?key=1#access_token=2",
            "https://***@example.com?key=***",
        ),
        ("/cb?code=1&state=2", "/cb?code=***&state=2"),
        ("/a@b/c", "/a@b/c"),
        ("/a?to=https://h/", "/a?to=https://h/"),
        ("mailto:joe@h", "***@h"),
        ("joe:x@h/a", "***@h/a"),
        ("//joe:x@h/a", "//***@h/a"),
        // Passwords that forgot to be escaped.
        ("https://joe:x/y@h/a", "https://***@h/a"),
        ("https://joe:x?y@h/a?b=c", "https://***@h/a?b=c"),
        ("https://joe:x#y@h/a", "https://***@h/a"),
        ("https://joe:x:/y/z@x@h/a", "https://***@h/a"),
        ("https://joe:x/y@x/z@h/a", "https://***@h/a"),
        ("https://joe:x@x/y@h/a", "https://***@h/a"),
        ("https://joe:x@x?y@h/a", "https://***@h/a"),
        ("https://joe:x@x#y@h/a", "https://***@h/a"),
        ("https://joe:x/y z@h/a", "https://***@h/a"),
        ("https://joe:123456/x@h/a", "https://***@h/a"),
        ("redis://:12/34@h/0", "redis://***@h/0"),
        ("joe:x/y@tcp(h:3306)/a", "***@tcp(h:3306)/a"),
        ("joe:x@x/y@h,https://joe:x@h/a", "***@h,https://***@h/a"),
        ("https://DOMAIN\\joe:x/y@h/a", "https://***@h/a"),
        (
            "https://joe:x@h/@a/b?mail=a@b",
            "https://***@h/@a/b?mail=a@b",
        ),
        // What is redacted in a host is no password the next time.
        ("https://pin:123/x@y", "https://***/x@y"),
        ("https://joe:x@pin:123/y", "https://***@***/y"),
        // Nobody's.
        (
            "https://h/path@2x.png?mail=a@b",
            "https://h/path@2x.png?mail=a@b",
        ),
        (
            "https://h:8443/path@2x.png?mail=a@b",
            "https://h:8443/path@2x.png?mail=a@b",
        ),
        (
            "mongodb://h1:27017,h2:27017/a?mail=a@b",
            "mongodb://h1:27017,h2:27017/a?mail=a@b",
        ),
        ("https://[::1]:80/a@b", "https://[::1]:80/a@b"),
        (
            "https://h/sk_live_4eC39HqLyjWDarjtT1zdp7dc/x",
            "https://h/sk_live_***/x",
        ),
        ("https://***@h/?token=***", "https://***@h/?token=***"),
    ] {
        let redacted = redactor.redact_url(url);
        assert_eq!(redacted, expected);
        assert_eq!(
            matches!(redacted, Cow::Borrowed(_)),
            url == expected,
            "{url}"
        );
        assert_eq!(redactor.redact_url(expected), expected);
    }
}

#[test]
fn headers_keep_schemes_names_of_cookies_and_attributes() {
    let redactor = Redactor::new();
    for (name, value, expected) in [
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("authorization", "Basic dXNlcjpwYXNz", "Basic ***"),
        (
            "authorization",
            "Digest username=\"a\", response=\"b\"",
            "Digest ***",
        ),
        ("proxy-authorization", "abc", "[REDACTED]"),
        // What stands before a space may be a token.
        ("authorization", "x9secret abc", "[REDACTED]"),
        ("cookie", "a=\"b\"; x9secret", "a=***; ***"),
        ("set-cookie", "a=b; x9secret", "a=***; ***"),
        ("cookie", "a=b; theme=dark;c", "a=***; theme=***; ***"),
        (
            "Set-Cookie",
            "sid=abc; Path=/; HttpOnly",
            "sid=***; Path=/; HttpOnly",
        ),
        ("x-api-key", "abc", "[REDACTED]"),
        ("x-auth-token", "", ""),
        (
            "referer",
            "https://a/?token=b&c=d",
            "https://a/?token=***&c=d",
        ),
        ("accept", "text/html, */*;q=0.8", "text/html, */*;q=0.8"),
        (
            "www-authenticate",
            "Bearer realm=\"api\"",
            "Bearer realm=\"api\"",
        ),
    ] {
        let redacted = redactor.redact_header(name, value.as_bytes());
        assert_eq!(std::str::from_utf8(&redacted), Ok(expected), "{name}");
        assert_eq!(
            matches!(redacted, Cow::Borrowed(_)),
            value == expected,
            "{name}"
        );
        assert_eq!(
            redactor.redact_header(name, expected.as_bytes()),
            expected.as_bytes()
        );
    }
    let headers = [("host", "h"), ("cookie", "a=b")];
    let redacted: Vec<_> = redactor.redact_headers(headers).collect();
    assert_eq!(
        redacted,
        [("host", b"h".into()), ("cookie", b"a=***".into())]
    );
}

// Found by the fuzz target: a cookie that is no text was hidden, and what hid it was taken for a cookie.
#[test]
fn a_header_that_is_no_text_is_hidden_once() {
    let redactor = Redactor::new();
    for name in ["cookie", "set-cookie", "authorization", "x-api-key"] {
        let hidden = redactor.redact_header(name, b"\xde").into_owned();
        assert_eq!(hidden, b"[REDACTED]", "{name}");
        assert_eq!(redactor.redact_header(name, &hidden), hidden, "{name}");
    }
}
