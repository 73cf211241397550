//! Ways to write a secret under its name that were not seen at first. Each line showed `x9secret`.

use crate::redact::Redactor;

fn assert_redacted(lines: &[(&str, &str)]) {
    let redactor = Redactor::new();
    for (line, expected) in lines {
        assert_eq!(redactor.redact(line), *expected, "{line}");
        assert_eq!(redactor.redact(expected), *expected, "again: {line}");
    }
}

#[test]
fn elements_of_xml_are_values() {
    assert_redacted(&[
        (
            "<password>x9secret</password>",
            "<password>[REDACTED]</password>",
        ),
        (
            "<wsse:Password Type=\"#PasswordText\">\n  x9 secret\n</wsse:Password><n>1</n>",
            "<wsse:Password Type=\"#PasswordText\">\n  [REDACTED]\n</wsse:Password><n>1</n>",
        ),
        (
            "<token><![CDATA[x9<secret]]></token>",
            "<token><![CDATA[[REDACTED]]]></token>",
        ),
        (
            "&lt;pin&gt;x9secret&lt;/pin&gt;",
            "&lt;pin&gt;[REDACTED]&lt;/pin&gt;",
        ),
        (
            r#"{"body":"\u003capiKey\u003ex9secret\u003c/apiKey\u003e"}"#,
            r#"{"body":"\u003capiKey\u003e[REDACTED]\u003c/apiKey\u003e"}"#,
        ),
        (
            "?x=%3Cpin%3Ex9secret%3C%2Fpin%3E&n=1",
            "?x=%3Cpin%3E[REDACTED]%3C%2Fpin%3E&n=1",
        ),
        (
            "<user password=\"x9secret\" pin='x9secret'/>",
            "<user password=\"[REDACTED]\" pin='[REDACTED]'/>",
        ),
        (
            "<add key=\"DbPassword\" value=\"x9secret\" />",
            "<add key=\"DbPassword\" value=\"[REDACTED]\" />",
        ),
        // What is no text, and what is no element.
        (
            "<credentials><n>1</n></credentials>",
            "<credentials><n>1</n></credentials>",
        ),
        ("<token/> a <b>1</b>", "<token/> a <b>1</b>"),
        ("Vec<Token> is sent, a < b", "Vec<Token> is sent, a < b"),
        ("Option<Secret> <b>bold</b>", "Option<Secret> <b>bold</b>"),
    ]);
}

#[test]
fn parts_of_forms_are_values() {
    let form = |secret: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\njoe\r\n\
             --b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{secret}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"token\"; filename=\"t\"\r\nContent-Type: text/plain\r\n\r\n{secret}\r\n--b--\r\n"
        )
    };
    let (dirty, clean) = (form("x9\r\nsecret"), form("[REDACTED]"));
    assert_redacted(&[
        (&dirty, &clean),
        (&dirty.replace("\r\n", "\n"), &clean.replace("\r\n", "\n")),
        (&format!("{dirty:?}"), &format!("{clean:?}")),
        (
            "form-data; name=\"pin\"\r\n\r\nx9secret",
            "form-data; name=\"pin\"\r\n\r\n[REDACTED]",
        ),
        // A part without a body, and one of another name.
        (
            "form-data; name=\"pin\"\r\nform-data; name=\"n\"\r\n\r\n1",
            "form-data; name=\"pin\"\r\nform-data; name=\"n\"\r\n\r\n1",
        ),
    ]);
}

#[test]
fn a_member_can_name_another() {
    assert_redacted(&[
        (
            r#"[{"name":"DB_PASSWORD","value":"x9secret"},{"name":"a","value":"b"}]"#,
            r#"[{"name":"DB_PASSWORD","value":"[REDACTED]"},{"name":"a","value":"b"}]"#,
        ),
        (
            "HeaderField { name: \"x-api-key\", value: \"x9secret\" }",
            "HeaderField { name: \"x-api-key\", value: \"[REDACTED]\" }",
        ),
        (
            "<input name=\"password\" value='x9secret'>",
            "<input name=\"password\" value='[REDACTED]'>",
        ),
        (
            r#"[["set-cookie","a=x9secret"],["x-api-key", "x9secret"],["host","a"]]"#,
            r#"[["set-cookie","[REDACTED]"],["x-api-key", "[REDACTED]"],["host","a"]]"#,
        ),
        // Words in a row name nothing.
        (
            r#"missing ["password","email"]"#,
            r#"missing ["password","email"]"#,
        ),
        (
            r#"{"a":"b","token","value"}"#,
            r#"{"a":"b","token","value"}"#,
        ),
    ]);
    let redactor = Redactor::new();
    for (json, expected) in [
        (
            r#"{"name":"pass\u0077ord","Value":{"a":["x9secret",1]},"n":1}"#,
            r#"{"name":"pass\u0077ord","Value":{"a":["[REDACTED]","[REDACTED]"]},"n":1}"#,
        ),
        (
            r#"{"headers":[["cookie","a=x9secret"],["host","a"]],"n":["pin",1]}"#,
            r#"{"headers":[["cookie","[REDACTED]"],["host","a"]],"n":["pin",1]}"#,
        ),
        (
            r#"{"field":"password","error":"short","value":"x9secret"}"#,
            r#"{"field":"password","error":"short","value":"[REDACTED]"}"#,
        ),
        (
            r#"{"n":"--pin","args":["a","--password","x9secret","--n"]}"#,
            r#"{"n":"--pin","args":["a","--password","[REDACTED]","--n"]}"#,
        ),
        (
            r#"[{"name":"pin","a":{"value":1},"b":["value"]},"value"]"#,
            r#"[{"name":"pin","a":{"value":1},"b":["value"]},"value"]"#,
        ),
        (
            r#"[{"name":"pin"},{"value":"b"}]"#,
            r#"[{"name":"pin"},{"value":"b"}]"#,
        ),
        (r#"{"a":"pin"}{"value":1}"#, r#"{"a":"pin"}{"value":1}"#),
    ] {
        assert_eq!(redactor.redact_json(json), expected);
        assert_eq!(redactor.redact_json(expected), expected);
    }
}

#[test]
fn names_can_be_numbered_and_indexed() {
    assert_redacted(&[
        ("password2=x9secret", "password2=[REDACTED]"),
        ("password[]=x9secret&n=1", "password[]=[REDACTED]&n=1"),
        ("a[token][0]=x9secret", "a[token][0]=[REDACTED]"),
        (
            "a%5Btoken%5D%5B0%5D=x9secret",
            "a%5Btoken%5D%5B0%5D=[REDACTED]",
        ),
        (
            "env[\"PASSWORD\"] = 'x9secret'",
            "env[\"PASSWORD\"] = '[REDACTED]'",
        ),
        ("my-token[4711]: started", "my-token[4711]: started"),
        ("token123=a", "token123=a"),
    ]);
}

#[test]
fn values_can_be_on_the_next_line() {
    assert_redacted(&[
        (
            "Authorization: Bearer\r\n x9secret\r\nHost: a",
            "Authorization: Bearer\r\n ***\r\nHost: a",
        ),
        (
            "X-Api-Key:\r\n\tx9secret\r\nHost: a",
            "X-Api-Key:\r\n\t[REDACTED]\r\nHost: a",
        ),
        (
            "password:\n  'x9 secret'\nn: 1",
            "password:\n  '[REDACTED]'\nn: 1",
        ),
        // A map, and nothing.
        (
            "token:\n  ttl: 5\n  \"n\": 1",
            "token:\n  ttl: 5\n  \"n\": 1",
        ),
        ("token:\nn: 1", "token:\nn: 1"),
        (
            "Authorization: Bearer\r\nHost: a",
            "Authorization: [REDACTED]\r\nHost: a",
        ),
    ]);
}

#[test]
fn signs_and_quotes_can_be_escaped() {
    assert_redacted(&[
        (
            "/?next=%2Fa%3Fnext%3D%252Fb%253Ftoken%253Dx9secret%2526n%253D1&m=2",
            "/?next=%2Fa%3Fnext%3D%252Fb%253Ftoken%253D***%2526n%253D1&m=2",
        ),
        (
            "?a=%257B%2522pin%2522%253A%2522x9secret%2522%257D",
            "?a=%257B%2522pin%2522%253A%2522[REDACTED]%2522%257D",
        ),
        (
            r#""/a?x=1\u0026code=x9secret\u0026n=1""#,
            r#""/a?x=1\u0026code=***\u0026n=1""#,
        ),
        (
            r"?code\u003dx9secret\u0026n\u003d1",
            r"?code\u003d***\u0026n\u003d1",
        ),
        (
            r"\u0022pin\u0022:\u0022x9 secret\u0022,",
            r"\u0022pin\u0022:\u0022[REDACTED]\u0022,",
        ),
        (
            "{&quot;pin&quot;:&quot;x9 secret&quot;}",
            "{&quot;pin&quot;:&quot;[REDACTED]&quot;}",
        ),
        ("pin&#61;x9secret n", "pin&#61;[REDACTED] n"),
        (r"password='it\'s x9secret' n", "password='[REDACTED]' n"),
        ("password='it''s x9secret' n", "password='[REDACTED]' n"),
        ("password: `x9 secret` n", "password: `[REDACTED]` n"),
        ("password=ab\"x9secret n", "password=[REDACTED] n"),
        ("password=\"ab\"x9secret\" n", "password=\"[REDACTED]\" n"),
        ("cookie: a=\"x9 secret\"; b=c", "cookie: [REDACTED]"),
        (
            "Authorization: Bearer \"x9secret\" n",
            "Authorization: Bearer \"***\" n",
        ),
        (
            "sent Bearer \"x9secretx9secret\" n",
            "sent Bearer \"***\" n",
        ),
    ]);
}

#[test]
fn a_query_can_be_without_its_question_mark() {
    assert_redacted(&[
        (
            "query=\"code=x9secret&state=a\"",
            "query=\"code=***&state=a\"",
        ),
        (
            "url.query=key=x9secret&n=1&sig=x9secret n=2",
            "url.query=key=***&n=1&sig=*** n=2",
        ),
        ("code%3Dx9secret%26state%3Da", "code%3D***%26state%3Da"),
        ("code=5 key=a && b=c", "code=5 key=a && b=c"),
        ("status_code=500&", "status_code=500&"),
    ]);
}

#[test]
fn urls_can_be_parts_of_others() {
    assert_redacted(&[
        (
            "/?to=https%3A%2F%2Fu%3Ax9secret%40h%2F%40a%3Ab",
            "/?to=https%3A%2F%2F***%40h%2F%40a%3Ab",
        ),
        (
            "/?to=https%3A%2F%2Fu%3Ax9secret%2Fx9secret%40x9secret%40h%2Fa",
            "/?to=https%3A%2F%2F***%40h%2Fa",
        ),
        (
            "/?to=https%3A%2F%2Fh%3A80%2Fa%40b%26mail=a%40b",
            "/?to=https%3A%2F%2Fh%3A80%2Fa%40b%26mail=a%40b",
        ),
        (
            "https%253A%252F%252Fu%253Ax9secret%2540h%252F",
            "https%253A%252F%252F***%2540h%252F",
        ),
        (
            r#"{"url":"https:\/\/u:x9secret@h\/","n":1}"#,
            r#"{"url":"https:\/\/***@h\/","n":1}"#,
        ),
        (
            r#"{"url":"https:\/\/u:x9secret\/x9secret@h\/","to":"https:\/\/h:80\/a@b"}"#,
            r#"{"url":"https:\/\/***@h\/","to":"https:\/\/h:80\/a@b"}"#,
        ),
        ("https://x9secretx9secretx9@h/", "https://***@h/"),
        (
            "ssh://git@h/ https%3A%2F%2Fgit%40h",
            "ssh://git@h/ https%3A%2F%2Fgit%40h",
        ),
    ]);
}

#[test]
fn types_statements_keys_and_hashes_are_recognised() {
    let own = format!("acme_live_4fzT0aBc9Q2x_{}", "k".repeat(49));
    assert_redacted(&[
        (
            "Some(Password(\"x9secret\"))",
            "Some(Password(\"[REDACTED]\"))",
        ),
        (
            r#""AccessToken(\"x9secret\")""#,
            r#""AccessToken(\"[REDACTED]\")""#,
        ),
        ("InvalidToken(\"expired\")", "InvalidToken(\"expired\")"),
        (
            "check_token(\"login\") Token(3)",
            "check_token(\"login\") Token(3)",
        ),
        (
            "ALTER ROLE app PASSWORD 'x9secret';",
            "ALTER ROLE app PASSWORD '[REDACTED]';",
        ),
        (
            "IDENTIFIED WITH caching_sha2_password BY 'x9''secret' n",
            "IDENTIFIED WITH caching_sha2_password BY '[REDACTED]' n",
        ),
        (
            "hash: \"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27hA\"",
            "hash: \"$argon2***\"",
        ),
        (
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$2b$***",
        ),
        ("$5$ or $6$ or $argon2id$", "$5$ or $6$ or $argon2id$"),
        (&own, "acme_live_4fzT0aBc9Q2x_***"),
    ]);
}
