use serde_json::{Value, json};

use super::{MAX_BYTES, MAX_DETAIL, Rejected, Schema, Violation};
use crate::domain::document::Document;

fn document(value: &Value) -> Document {
    Document::parse(value.to_string().as_bytes()).unwrap()
}

fn schema(value: &Value) -> Schema {
    Schema::compile(&document(value)).unwrap()
}

fn refused(value: &Value) -> Violation {
    Schema::compile(&document(value)).unwrap_err()
}

fn violations(schema: &Schema, value: &Value) -> Vec<(String, String)> {
    match schema.check(&document(value)) {
        Ok(()) => Vec::new(),
        Err(Rejected::Violations(list)) => {
            list.into_iter().map(|v| (v.pointer, v.detail)).collect()
        }
        Err(Rejected::TooCostly) => panic!("too costly"),
    }
}

#[test]
fn violations_name_their_place_and_keep_the_value_to_themselves() {
    let schema = schema(&json!({
        "type": "object",
        "required": ["port"],
        "properties": {
            "port": {"type": "integer", "maximum": 65535},
            "a/b~c": {"items": {"type": "string", "maxLength": 3}},
        },
    }));
    assert_eq!(
        violations(&schema, &json!({"port": 80, "a/b~c": ["x"]})),
        []
    );
    assert_eq!(
        violations(&schema, &json!({"port": 70_000, "a/b~c": ["x", "hunter2"]})),
        [
            (
                "/a~1b~0c/1".to_owned(),
                "value is longer than 3 characters".to_owned()
            ),
            (
                "/port".to_owned(),
                "value is greater than the maximum of 65535".to_owned()
            ),
        ]
    );
    assert_eq!(
        violations(&schema, &json!({})),
        [(String::new(), "\"port\" is a required property".to_owned())]
    );
}

#[test]
fn the_list_of_violations_is_bounded() {
    let schema =
        schema(&json!({"items": {"const": "x".repeat(500), "enum": (0..500).collect::<Vec<_>>()}}));
    let list = violations(&schema, &json!(vec!["no"; 100]));
    assert_eq!(list.len(), 50);
    let longest = list.iter().map(|(_, detail)| detail.chars().count()).max();
    assert_eq!(longest, Some(301));

    let all = violations(&schema, &json!(vec!["no"; 30_000]));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, "");
}

#[test]
fn nothing_outside_the_schema_is_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/s.json", listener.local_addr().unwrap());
    for (reference, pointer) in [
        (json!({"$ref": url}), "/$ref"),
        (json!({"$ref": "file:///etc/hostname"}), "/$ref"),
        (json!({"$ref": "other.json"}), "/$ref"),
        (json!({"$ref": "//host/x"}), "/$ref"),
        (
            json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
            "/$ref",
        ),
        (json!({"$ref": "#name"}), "/$ref"),
        (json!({"$ref": 1}), "/$ref"),
        (
            json!({"items": {"$dynamicRef": "#x"}}),
            "/items/$dynamicRef",
        ),
        (json!({"items": {"$id": url}}), "/items/$id"),
        (
            json!({"properties": {"a/b": {"$anchor": "x"}}}),
            "/properties/a~1b/$anchor",
        ),
        (json!({"$schema": url}), "/$schema"),
        (
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            "/$schema",
        ),
    ] {
        assert_eq!(refused(&reference).pointer, pointer, "{reference}");
    }
    let untouched = listener.accept().unwrap_err();
    assert_eq!(untouched.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_library_itself_has_no_way_out() {
    // Behind the check above: should it ever miss a form of reference, this is what it meets.
    let remote = json!({"$ref": "http://127.0.0.1:9/s.json"});
    let local = json!({"$ref": "file:///etc/hostname"});
    for schema in [remote, local] {
        assert!(jsonschema::options().offline().build(&schema).is_err());
    }
}

#[test]
fn faults_of_a_schema_are_told_with_their_place() {
    for (value, pointer) in [
        (json!([]), ""),
        (json!("x"), ""),
        (json!({"type": "objekt"}), "/type"),
        (
            json!({"properties": {"a": {"minimum": "1"}}}),
            "/properties/a/minimum",
        ),
        (json!({"$ref": "#/$defs/none"}), "/$ref"),
        (json!({"$ref": "#/%ff"}), "/$ref"),
        // What a linear engine cannot do is refused when the schema comes in.
        (json!({"pattern": "(a)\\1"}), "/pattern"),
        (json!({"pattern": "(?=a)"}), "/pattern"),
        (json!({"pattern": "(((a{100}){100}){100})"}), "/pattern"),
        (
            json!({"patternProperties": {"(": {}}}),
            "/patternProperties/(",
        ),
    ] {
        assert_eq!(refused(&value).pointer, pointer, "{value}");
    }
    let long = json!({"description": "x".repeat(MAX_BYTES)});
    assert_eq!(refused(&long).pointer, "");
}

#[test]
fn references_into_the_schema_work() {
    let list = schema(&json!({
        "$id": "https://example.com/list",
        "$ref": "#/$defs/a%20node",
        "$defs": {"a node": {
            "type": "object",
            "properties": {"next": {"$ref": "#/$defs/a%20node"}, "value": {"type": "integer"}},
        }},
    }));
    assert_eq!(
        violations(&list, &json!({"value": 1, "next": {"value": 2}})),
        []
    );
    let wrong = violations(&list, &json!({"next": {"next": {"value": "x"}}}));
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].0, "/next/next/value");
}

#[test]
fn circles_are_refused() {
    for value in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}}),
    ] {
        let detail = refused(&value).detail;
        assert!(
            detail.contains("without going into the document"),
            "{detail}"
        );
    }
}

/// `n` definitions; each says `twice` of the next one, and the last one is `end`.
fn doubling(n: usize, end: &Value, twice: impl Fn(Value) -> Value) -> Value {
    let mut defs = serde_json::Map::new();
    for i in 0..n {
        let next = json!({"$ref": format!("#/$defs/{}", i + 1)});
        defs.insert(i.to_string(), twice(next));
    }
    defs.insert(n.to_string(), end.clone());
    json!({"$ref": "#/$defs/0", "$defs": defs})
}

#[test]
fn references_that_multiply_at_one_value_are_refused() {
    let end = json!({"type": "null"});
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let bomb = doubling(40, &end, |next| json!({keyword: [next.clone(), next]}));
        assert_eq!(
            refused(&bomb).detail,
            "its references multiply beyond measure"
        );
    }
}

#[test]
fn references_that_multiply_along_the_document_are_refused_with_the_document() {
    let twice = schema(&json!({
        "properties": {"a": {"$ref": "#"}},
        "patternProperties": {"^a": {"$ref": "#"}},
        "not": {"const": 1},
    }));
    let nested = |depth: usize| {
        let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        Document::parse(text.as_bytes()).unwrap()
    };
    assert!(matches!(
        twice.check(&nested(5)),
        Err(Rejected::Violations(_))
    ));
    assert_eq!(twice.check(&nested(60)), Err(Rejected::TooCostly));

    // A tree, on the other hand, visits each value once.
    let tree = schema(&json!({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}));
    assert_eq!(tree.check(&nested(60)), Ok(()));
}

#[test]
fn the_dearest_check_that_is_let_through_ends_and_fits_on_a_small_stack() {
    // As high as it may be: a chain of definitions that goes on into the only item.
    let chain = |n: usize| {
        doubling(
            n,
            &json!({"items": {"$ref": "#/$defs/0"}, "type": "array"}),
            |next| json!({"allOf": [next]}),
        )
    };
    let nested = |depth: usize| {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        Document::parse(text.as_bytes()).unwrap()
    };
    let run = move || {
        let high = schema(&chain(5));
        let outcomes = (1..64).map(|depth| high.check(&nested(depth)));
        let passed = outcomes.take_while(Result::is_ok).count();
        assert!((10..60).contains(&passed), "{passed}");
        // One definition after another, as many as there is room for.
        let text = doubling(
            4_000,
            &json!({"type": "array"}),
            |next| json!({"allOf": [next]}),
        );
        let long = schema(&text);
        assert_eq!(long.check(&nested(1)), Err(Rejected::TooCostly));
    };
    // Tokio's blocking threads have two MiB, and so has this one.
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_pattern_takes_linear_time() {
    let slow = schema(&json!({"pattern": "^(a+)+$"}));
    let text = format!("{}b", "a".repeat(200_000));
    assert_eq!(violations(&slow, &json!(text)).len(), 1);
}

#[test]
fn patterns_are_bounded_in_number_and_in_what_they_read() {
    let alternatives = |n: usize| json!({"anyOf": vec![json!({"pattern": "x"}); n]});
    assert_eq!(refused(&alternatives(101)).pointer, "");
    let named = |n: usize| {
        let patterns: serde_json::Map<_, _> =
            (0..n).map(|i| (format!("^{i}$"), json!({}))).collect();
        json!({"patternProperties": patterns})
    };
    assert_eq!(refused(&named(101)).pointer, "");

    let hundred = schema(&alternatives(100));
    assert_eq!(
        hundred.check(&document(&json!("x".repeat(600_000)))),
        Ok(())
    );
    let more = document(&json!("x".repeat(700_000)));
    assert_eq!(hundred.check(&more), Err(Rejected::TooCostly));
}

#[test]
fn a_schema_that_takes_the_name_of_another_is_still_itself() {
    let named = schema(&json!({
        "$id": "https://json-schema.org/draft/2020-12/schema",
        "additionalProperties": {"$ref": "#/$defs/number"},
        "$defs": {"number": {"type": "number"}},
    }));
    assert_eq!(violations(&named, &json!({"a": 1})), []);
    assert_eq!(violations(&named, &json!({"a": "x"})).len(), 1);
}

// One document of 1 MB made the list of its violations 30 GB long before it was cut to 50, and the
// server was killed.
#[test]
fn long_names_do_not_multiply_with_violations() {
    let schema = schema(&json!({"additionalProperties": {"items": {"type": "string"}}}));
    let unlisted = "the document violates its schema, and is too large to say where";
    let long = "k".repeat(1_000_000);
    assert_eq!(
        violations(&schema, &json!({ long.as_str(): vec![1; 30_000] })),
        [(String::new(), unlisted.to_owned())]
    );
    // Few enough to be listed, and still each of them names less than the whole pointer.
    let told = violations(&schema, &json!({ "a": { long.as_str(): 1 }, "b": [1] }));
    assert_eq!(
        told,
        [(
            "/b/0".to_owned(),
            "value is not of type \"string\"".to_owned()
        )]
    );
    let told = violations(&schema, &json!({ long.as_str(): [1] }));
    assert_eq!(
        told,
        [(String::new(), "value is not of type \"string\"".to_owned())]
    );
}

// Eleven thousand members below a name of 100 KB took 2.4 GB to compile: each has a pointer of its own.
#[test]
fn long_names_do_not_multiply_with_subschemas() {
    let members: serde_json::Map<_, _> = (0..11_000).map(|i| (i.to_string(), json!({}))).collect();
    let long = "k".repeat(100_000);
    for keyword in ["properties", "$defs", "dependentRequired"] {
        let value = json!({"properties": {long.as_str(): {keyword: members}}});
        assert_eq!(
            refused(&value).detail,
            "its names are too long for how much they hold"
        );
    }
    let short = json!({"properties": {"k": {"properties": members}}});
    assert!(Schema::compile(&document(&short)).is_ok());
}

// Counting the characters of a string of 9 MB twelve thousand times was 24,000 steps; 200 times 4.5 MB took 7 s.
#[test]
fn keywords_that_read_from_end_to_end_are_counted_by_the_byte() {
    for keyword in [
        json!({"maxLength": 9}),
        json!({"format": "uri"}),
        json!({"uniqueItems": true}),
    ] {
        let schema = schema(&json!({"items": {"allOf": vec![keyword; 12_000]}}));
        let long = json!([["k".repeat(9_000_000)]]);
        assert_eq!(schema.check(&document(&long)), Err(Rejected::TooCostly));
        assert_eq!(schema.check(&document(&json!([[]]))), Ok(()));
    }
}

#[test]
fn what_is_told_holds_no_secret_that_was_a_name() {
    let url = "postgres://app:hunter2@db/~x";
    let violation = Violation::member(url, "there is no such member");
    assert_eq!(violation.pointer, "/postgres:~1~1***@db~1~0x");
    let same = Violation::new("/a~1b~0c/token/0", "x");
    assert_eq!(same.pointer, "/a~1b~0c/token/0");
    // The bound falls into the middle of the secret, half of which would not be recognised.
    let detail = format!("{} {url}", "x".repeat(MAX_DETAIL - 20));
    let cut = Violation::new("", &detail).detail;
    assert!(
        cut.contains("postgres://***@") && !cut.contains("hunter2"),
        "{cut}"
    );

    let schema = schema(&json!({"properties": {"a": {}}, "additionalProperties": false}));
    let told = violations(&schema, &json!({url: 1}));
    assert!(told[0].1.contains("postgres://***@db"), "{told:?}");
    assert!(!told[0].1.contains("hunter2"), "{told:?}");
}
