use std::io::{self, Write};
use std::time::Instant;

use serde_json::Value;

use crate::redact::{CUT, KnownSecrets, LONGEST_LINE, RedactingWriter, Redactor};

const KEY_LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n";

/// Writes `text` in pieces of `size` bytes.
fn written(text: &[u8], size: usize) -> String {
    let mut out = Vec::new();
    let mut writer = RedactingWriter::new(Redactor::new(), &mut out);
    for piece in text.chunks(size) {
        writer.write_all(piece).unwrap();
    }
    drop(writer);
    String::from_utf8(out).unwrap()
}

fn private_key(lines: usize) -> String {
    let body = KEY_LINE.repeat(lines);
    format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n")
}

#[test]
fn it_makes_no_difference_how_a_text_is_cut_into_writes() {
    let key = private_key(20);
    let text = format!(
        "ready\n{{\"password\":\"a\\\"b\",\"n\":1.0}}\nlogin password=hunter2 é\n\nkey {key}after token=abc\nAuthorization: Bearer abc\nlast pin=1"
    );
    let expected = "ready\n{\"password\":\"[REDACTED]\",\"n\":1.0}\nlogin password=[REDACTED] é\n\nkey [REDACTED]\nafter token=[REDACTED]\nAuthorization: Bearer ***\nlast pin=[REDACTED]";
    for size in 1..text.len() {
        assert_eq!(written(text.as_bytes(), size), expected, "{size}");
    }
}

#[test]
fn a_known_secret_is_found_split_escaped_encoded_and_in_a_key_of_many_lines() {
    const SECRET: &str = "vK8#qd/Lm2\"x7Zp";
    let known = KnownSecrets::new();
    known
        .insert("db", SECRET.as_bytes(), Instant::now())
        .unwrap();
    let redactor = Redactor::builder().known_secrets(known).build().unwrap();
    let json =
        serde_json::json!({ "m": format!("tried {SECRET} with a \\ and a \"quote\""), "n": 1 });
    let nested = serde_json::json!({ "body": json.to_string() });
    let key = private_key(20);
    let lines = format!(
        "split {SECRET} here\n{json}\n{nested}\n/a?b=vK8%23qd%2FLm2%22x7Zp&c=d\n{key}end\n"
    );
    for size in 1..lines.len() {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(redactor.clone(), &mut out);
        for piece in lines.as_bytes().chunks(size) {
            writer.write_all(piece).unwrap();
        }
        drop(writer);
        let out = String::from_utf8(out).unwrap();
        let out: Vec<_> = out.lines().collect();
        assert_eq!(out[0], "split [REDACTED] here");
        let document: Value = serde_json::from_str(out[1]).unwrap();
        assert_eq!(document["m"], "tried [REDACTED] with a \\ and a \"quote\"");
        assert_eq!(document["n"], 1);
        let document: Value = serde_json::from_str(out[2]).unwrap();
        let document: Value = serde_json::from_str(document["body"].as_str().unwrap()).unwrap();
        assert_eq!(document["m"], "tried [REDACTED] with a \\ and a \"quote\"");
        assert_eq!(out[3..], ["/a?b=[REDACTED]&c=d", "[REDACTED]", "end"]);
    }
}

#[test]
fn a_line_that_begins_a_key_takes_no_others_with_it() {
    let text = "got -----BEGIN PRIVATE KEY----- from joe\nlevel=info a line\nanother\n";
    let expected = "got [REDACTED]\nlevel=info a line\nanother\n";
    for size in [1, 7, text.len()] {
        assert_eq!(written(text.as_bytes(), size), expected);
    }
    // A key that ends with the output.
    let text = format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{KEY_LINE}");
    assert_eq!(written(text.as_bytes(), 5), "[REDACTED]\n");
}

#[test]
fn a_value_in_brackets_is_found_over_several_lines() {
    let config = |password, otp| {
        let lines = [
            "INFO Config {",
            "    key: Some(\n        \"a\",\n    ),",
            password,
            "    pins: [\n        1,\n    ],",
            otp,
            "}\nnext\n",
        ];
        lines.join("\n")
    };
    let expected = config("    password: [REDACTED],", "    otp: [REDACTED],");
    let config = config(
        "    password: Some(\n        \"x9secret\",\n    ),",
        "    otp: [\n        1234,\n    ],",
    );
    for size in [1, 7, config.len()] {
        assert_eq!(written(config.as_bytes(), size), expected);
    }
    // Brackets that nobody closes take nothing with them.
    let text = "token: Some(\n  \"x9secret\"\nlevel=info\n";
    assert!(written(text.as_bytes(), 5).ends_with("level=info\n"));
}

#[test]
fn no_more_than_a_long_line_is_held_back() {
    let mut out = Vec::new();
    let mut writer = RedactingWriter::new(Redactor::new(), &mut out);
    for _ in 0..LONGEST_LINE {
        writer.write_all(b"word ").unwrap();
    }
    writer.write_all(b"end of it\nnext token=abc\n").unwrap();
    assert!(writer.held.is_empty());
    drop(writer);
    let out = String::from_utf8(out).unwrap();
    let (long, next) = out.split_once('\n').unwrap();
    assert!(
        long.ends_with(CUT) && long.len() <= LONGEST_LINE + CUT.len(),
        "{}",
        long.len()
    );
    assert_eq!(next, "next token=[REDACTED]\n");

    // The same in one piece.
    let line = format!("{}\nnext token=abc\n", "word ".repeat(LONGEST_LINE));
    assert_eq!(written(line.as_bytes(), line.len()), out);

    // And a key without an end.
    let text = format!("-----BEGIN PRIVATE KEY-----\n{}", KEY_LINE.repeat(3000));
    let out = written(text.as_bytes(), 100);
    assert!(out.starts_with("[REDACTED]\n"));
}

#[test]
fn complete_lines_are_written_at_once_and_not_before() {
    let mut writer = RedactingWriter::new(Redactor::new(), Vec::new());
    writer.write_all(b"one\ntwo\npass").unwrap();
    assert_eq!(writer.get_ref(), b"one\ntwo\n");
    writer.flush().unwrap();
    assert_eq!(writer.get_ref(), b"one\ntwo\n");
    writer.write_all(b"word=x\n").unwrap();
    assert_eq!(writer.get_ref(), b"one\ntwo\npassword=[REDACTED]\n");
}

#[test]
fn an_error_of_the_output_is_passed_on() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let mut writer = RedactingWriter::new(Redactor::new(), Full);
    assert_eq!(writer.write(b"held").unwrap(), 4);
    assert_eq!(
        writer.write(b"\n").unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(
        writer.flush().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
}
