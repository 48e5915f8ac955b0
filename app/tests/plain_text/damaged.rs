//! Files that are no texts, or texts with something in them that none should have: each layout says clearly what
//! it took and what it did not.

use super::server::run;

/// A good entry of each layout, what stands before all entries, and where a text can be put into it.
const LAYOUTS: [(&str, &str, &str); 5] = [
    ("journal", "", "2024-01-01 TEXT\n  assets:a  1 EUR\n  income:b\n"),
    ("beancount", "", "2024-01-01 * \"TEXT\"\n  Assets:A  1 EUR\n  Income:B\n"),
    (
        "ndjson",
        "",
        "{\"description\":\"TEXT\",\"postings\":[{\"account\":\"a\",\"direction\":\"debit\",\"amount\":\"1\",\"currency\":\"EUR\"},{\"account\":\"b\",\"direction\":\"credit\",\"amount\":\"1\",\"currency\":\"EUR\"}]}\n",
    ),
    ("csv", "entry,account,amount,currency,description\n", "1,a,1,EUR,TEXT\n1,b,-1,EUR,TEXT\n"),
    ("mapped", "date,amount,what\n", "2024-01-01,1,TEXT\n"),
];

const MAPPING: &str = "[columns]\ndate = \"date\"\namount = \"amount\"\ndescription = \"what\"\n\
                       [values]\naccount = \"a\"\ncounter_account = \"b\"\ncurrency = \"EUR\"\n";

/// What an import of these bytes says, and why the first block was not taken.
fn import(layout: &str, bytes: &[u8]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.toml"), MAPPING).unwrap();
    std::fs::write(folder.path().join(format!("a.{layout}")), bytes).unwrap();
    let mapping = if layout == "mapped" { "--mapping m.toml" } else { "" };
    let done = run(folder.path(), &format!("ledger import a.{layout} {mapping}"));
    (done.code, done.out, done.err)
}

#[test]
fn every_layout_says_clearly_what_it_took() {
    for (layout, head, entry) in LAYOUTS {
        let with = |text: &[u8]| {
            let mut bytes = head.as_bytes().to_vec();
            for piece in entry.split_inclusive("TEXT") {
                bytes.extend(piece.trim_end_matches("TEXT").as_bytes());
                if piece.ends_with("TEXT") {
                    bytes.extend(text);
                }
            }
            bytes
        };
        let good = with(b"bread");
        let text = String::from_utf8(good.clone()).unwrap();
        let one = |bytes: &[u8], what: &str| {
            let (code, out, err) = import(layout, bytes);
            assert_eq!(
                (code, out.as_str()),
                (0, "1 posted, 0 already there, 0 rejected\n"),
                "{layout} {what}: {err}"
            );
        };
        one(&good, "as it is");
        one(text.trim_end().as_bytes(), "without the last line feed");
        one(text.replace('\n', "\r\n").as_bytes(), "with carriage returns");
        one(format!("\u{feff}{text}").as_bytes(), "with a byte order mark");
        one(&with("ünïcode".as_bytes()), "beyond ASCII");

        let bad = |bytes: &[u8], what: &str| {
            let (code, out, err) = import(layout, bytes);
            assert_eq!((code, out.is_empty()), (1, false), "{layout} {what}: {out} {err}");
            assert!(err.contains(what) && err.contains("put into"), "{layout} {what}: {err}");
            assert!(err.len() < 20_000, "{layout} {what}: {}", err.len());
        };
        bad(&with(b"\xff\xfe"), "the text is not UTF-8");
        bad(&with(&vec![b'y'; 10 << 20]), "longer than a megabyte");
        // A byte 0 behind the bytes by which a file is judged.
        let mut late = head.as_bytes().to_vec();
        late.extend(vec![b'\n'; 10_000]);
        late.extend(&with(b"b\0d")[head.len()..]);
        bad(&late, if layout == "ndjson" { "control character" } else { "NUL" });

        let refused = |bytes: &[u8], what: &str| {
            let (code, out, err) = import(layout, bytes);
            assert_eq!((code, out.as_str()), (1, ""), "{layout} {what}: {err}");
            assert!(err.contains(what), "{layout} {what}: {err}");
        };
        refused(b"\x7fELF\x02\x01\0\0\0", "is no text: it has a byte 0 near its start");
        refused(&text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(), "is no text");
        refused(b"\xff\xfe2\x00", "is UTF-16; convert it to UTF-8 first");
    }
}

#[test]
fn a_file_without_entries_is_no_mistake_and_one_without_a_heading_is() {
    for (layout, head, _) in LAYOUTS {
        let (code, out, err) = import(layout, head.as_bytes());
        assert_eq!((code, out.as_str()), (0, "0 posted, 0 already there, 0 rejected\n"), "{layout}: {err}");
    }
    assert!(import("csv", b"").2.contains("FILE: has no heading"));
    assert!(import("mapped", b"\n\n").2.contains("file.skip_lines: the file ends before its first row"));
}
