//! The body reader: every fault at once, each at its place; what cannot be read at all says where it stops.

use platform_http::json::{Document, MapLimits, Reader};

const MAP: MapLimits = MapLimits { entries: 3, key_bytes: 8, value_bytes: 8 };

/// Reads a body as an imaginary command and returns its faults as `pointer code`.
fn faults(body: &str) -> Vec<String> {
    let document = Document::parse(body.as_bytes()).expect("readable JSON");
    let reader = Reader::new();
    read(&reader, &document);
    let faults = reader.into_result().map(|()| Vec::new()).unwrap_or_else(|problem| problem.faults);
    faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect()
}

fn read(reader: &Reader, document: &Document<'_>) {
    let body = reader.object(document.root());
    body.text("path", 10);
    body.choice("type", &[("asset", 1), ("liability", 2)]);
    body.optional_integer("version");
    body.flag("dry_run");
    body.map("metadata", MAP);
    for item in body.items("postings", 1..=3) {
        let posting = reader.object(item);
        posting.decimal("amount");
        posting.optional_parsed("currency", 16, kernel::AssetCode::parse);
        posting.finish();
    }
    body.finish();
}

#[test]
fn every_fault_is_found_at_its_place() {
    let rows: &[(&str, &[&str])] = &[
        (r#"{"path":"a","type":"asset","postings":[{"amount":"1"}]}"#, &[]),
        (r#"{"postings":[{"amount":1.50,"currency":"EUR"}],"type":"asset","path":"a","version":null}"#, &[]),
        (r#"{"p\u0061th":"\u00e4","type":"asset","postings":[{"amount":-1e9}]}"#, &[]),
        ("[]", &[" wrong-type"]),
        ("7", &[" wrong-type"]),
        ("{}", &["/path missing-field", "/type missing-field", "/postings missing-field"]),
        (
            r#"{"path":7,"type":"x","version":1.5,"dry_run":"yes","metadata":[],"postings":{}}"#,
            &[
                "/path wrong-type",
                "/type invalid-value",
                "/version invalid-value",
                "/dry_run wrong-type",
                "/metadata wrong-type",
                "/postings wrong-type",
            ],
        ),
        (
            r#"{"path":"12345678901","type":null,"version":-1,"postings":[],"a/b~c":1}"#,
            &[
                "/path too-long",
                "/type wrong-type",
                "/version invalid-value",
                "/postings too-few",
                "/a~1b~0c unknown-field",
            ],
        ),
        (
            r#"{"path":"a","type":"asset","version":18446744073709551616,"postings":[{"amount":true},7,{"currency":"eur","x":0}]}"#,
            &[
                "/version invalid-value",
                "/postings/0/amount wrong-type",
                "/postings/1 wrong-type",
                "/postings/2/amount missing-field",
                "/postings/2/currency invalid-value",
                "/postings/2/x unknown-field",
            ],
        ),
        (
            r#"{"path":"a","type":"asset","postings":[{"amount":1},{"amount":1},{"amount":1},{"amount":1}]}"#,
            &["/postings too-many"],
        ),
        (
            r#"{"path":"a","path":"b","p\u0061th":"c","type":"asset","postings":[{"amount":1,"amount":2}],"x":1,"x":2}"#,
            &[
                "/path duplicate-field",
                "/path duplicate-field",
                "/x duplicate-field",
                "/postings/0/amount duplicate-field",
            ],
        ),
        (
            r#"{"path":"a\u0000b","type":"asset","postings":[{"amount":1}],"metadata":{"":"v","long-key-x":"v","k":"\u0000"}}"#,
            &[
                "/path invalid-value",
                "/metadata/long-key-x too-long",
                "/metadata/ invalid-value",
                "/metadata/k invalid-value",
            ],
        ),
        (
            r#"{"path":"a","type":"asset","postings":[{"amount":1}],"metadata":{"k":"v","k":"w"}}"#,
            &["/metadata/k duplicate-field"],
        ),
        (
            r#"{"path":"a","type":"asset","postings":[{"amount":1}],"metadata":{"a":"","b":"","c":"","d":""}}"#,
            &["/metadata too-many"],
        ),
    ];
    for (body, expected) in rows {
        let (mut found, mut expected) =
            (faults(body), expected.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{body}");
    }
}

#[test]
fn unreadable_bodies_say_where_they_stop() {
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let rows: &[(&[u8], i64, i64, &str)] = &[
        (b"{\"a\":1,\n  \"b\" 2}", 2, 7, "':' was expected"),
        (b"{\"a\":NaN}", 1, 6, "a value was expected"),
        (b"{\"a\":Infinity}", 1, 6, "a value was expected"),
        (b"{\"a\":-Infinity}", 1, 7, "a digit was expected"),
        (b"{\"a\":\"\xff\"}", 1, 7, "not UTF-8"),
        (b"{\"a\":\"\x00\"}", 1, 7, "control character"),
        (b"\xef\xbb\xbf{}", 1, 1, "a value was expected"),
        (b"{\"a\":1", 1, 7, "',' or '}' was expected"),
        (b"{} x", 1, 4, "more text"),
        (deep.as_bytes(), 1, 33, "nested deeper"),
    ];
    for (body, line, column, what) in rows {
        let problem = Document::parse(body).unwrap_err();
        let text = String::from_utf8_lossy(body);
        assert_eq!(problem.slug.code, "invalid-json");
        assert!(problem.detail.contains(what), "{text}: {}", problem.detail);
        assert_eq!(problem.data, [("line", (*line).into()), ("column", (*column).into())], "{text}");
    }
    assert_eq!(Document::parse(b"").unwrap_err().slug.code, "invalid-json");
}

#[test]
fn numbers_keep_their_text() {
    let digits = "9".repeat(400);
    let body = format!(r#"{{"a":{digits},"b":"{digits}","c":0.10,"d":1e400,"e":"NaN","f":{digits}}}"#);
    let document = Document::parse(body.as_bytes()).unwrap();
    let reader = Reader::new();
    let object = reader.object(document.root());
    let texts = ["a", "b", "c", "d", "e"].map(|name| object.decimal(name));
    assert_eq!(texts, [&*digits, &*digits, "0.10", "1e400", "NaN"]);
    object.integer("f");
    object.finish();
    let problem = reader.into_result().unwrap_err();
    assert_eq!(problem.faults.len(), 1, "{:?}", problem.faults);
    assert_eq!(problem.faults[0].pointer, "/f");
}

#[test]
fn texts_are_unescaped() {
    let document = Document::parse(br#"["a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00z"]"#).unwrap();
    let reader = Reader::new();
    let texts: Vec<_> = reader.items(document.root(), 0..=1).map(|item| reader.text(item, 100)).collect();
    assert_eq!(texts, ["a\"\\/\u{8}\u{c}\n\r\t\u{e4}\u{1f600}z"]);
}

#[test]
fn an_element_of_a_batch_has_faults_of_its_own() {
    let document = Document::parse(br#"{"commands":[{"path":"a"},{"path":1}]}"#).unwrap();
    let whole = Reader::new();
    let body = whole.object(document.root());
    let faults: Vec<_> = body
        .items("commands", 1..=10)
        .map(|command| {
            let reader = Reader::new();
            let object = reader.object(command);
            object.text("path", 10);
            object.finish();
            reader.into_result().map_err(|problem| problem.faults[0].pointer.clone())
        })
        .collect();
    assert_eq!(faults, [Ok(()), Err("/commands/1/path".to_owned())]);

    let line = Document::parse(br#"{"path":1}"#).unwrap();
    let reader = Reader::under("/commands/17");
    reader.object(line.root()).text("path", 10);
    assert_eq!(reader.into_problem().faults[0].pointer, "/commands/17/path");
}

#[test]
fn changes_tell_null_from_absent() {
    let document = Document::parse(br#"{"metadata":{"a":null,"b":"x"},"description":null}"#).unwrap();
    let reader = Reader::new();
    let body = reader.object(document.root());
    assert_eq!(body.map_changes("metadata", MAP), [("a".into(), None), ("b".into(), Some("x".into()))]);
    assert!(body.given("description").is_some_and(|value| value.is_null()));
    assert!(body.given("assets").is_none());
    body.finish();
    assert!(reader.into_result().is_ok());
}

#[test]
fn hostile_bodies_stay_cheap() {
    let many_fields: String = (0..100_000).map(|index| format!("\"f{index}\":1,")).collect();
    assert_eq!(faults(&format!("{{{many_fields}\"z\":1}}")), [" too-many"]);
    let bad = "{\"x\":1},".repeat(100_000);
    let document = format!("[{bad}{{}}]");
    let document = Document::parse(document.as_bytes()).unwrap();
    let reader = Reader::new();
    for item in reader.items(document.root(), 0..=200_000) {
        reader.object(item).finish();
    }
    assert_eq!(reader.into_problem().faults.len(), 100);
}
