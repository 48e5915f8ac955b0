//! What differs from run to run gets a name: ids `<acc1>`, `<ent1>` … in the order in which they appear, the same
//! id always the same name; times `<time>`, request ids `<req>`, cursors `<cursor>`, transaction numbers `<uuid>`.

const PREFIXES: [&str; 7] = ["acc_", "ent_", "hold_", "req_", "key_", "job_", "pay_"];
/// Where the source system's routes show an entry's id, and the characters of a UUID.
const NUMBER: (&str, usize) = ("\"transactionNumber\":\"", 36);
/// Characters of an id after its prefix.
const ID: usize = 26;
/// `2026-11-21T09:00:00.000000Z`
const TIME: &[u8] = b"0000-00-00T00:00:00.000000Z";

/// Remembers what was named.
#[derive(Default)]
pub struct Mask {
    names: Vec<(String, String)>,
    cursor: String,
}

impl Mask {
    /// The text with names in the places of what differs.
    pub fn hide(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = if let Some((id, name)) = self.id(rest) {
                out.push_str(&name);
                id
            } else if is_time(rest.as_bytes()) {
                out.push_str("<time>");
                TIME.len()
            } else if rest.starts_with(NUMBER.0) {
                out.push_str(NUMBER.0);
                out.push_str("<uuid>");
                (NUMBER.0.len() + NUMBER.1).min(rest.len())
            } else if let Some(cursor) = rest.strip_prefix("\"next_cursor\":\"") {
                let length = cursor.find('"').unwrap_or(cursor.len());
                self.cursor = cursor[..length].to_owned();
                out.push_str("\"next_cursor\":\"<cursor>");
                rest.len() - cursor.len() + length
            } else {
                out.push(first);
                first.len_utf8()
            };
            rest = &rest[taken..];
        }
        out
    }

    /// The text with what was named in the places of its names.
    pub fn show(&self, text: &str) -> String {
        let text = text.replace("<cursor>", &self.cursor);
        self.names.iter().fold(text, |text, (id, name)| text.replace(name.as_str(), id))
    }

    fn id(&mut self, text: &str) -> Option<(usize, String)> {
        let prefix = PREFIXES.iter().find(|prefix| text.starts_with(**prefix))?;
        let end = prefix.len() + ID;
        let id = text
            .get(..end)
            .filter(|id| id[prefix.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
        let word = prefix.trim_end_matches('_');
        if word == "req" {
            return Some((end, "<req>".to_owned()));
        }
        let known = self.names.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone());
        let name = known.unwrap_or_else(|| {
            let number = self.names.iter().filter(|(_, name)| name[1..].starts_with(word)).count() + 1;
            let name = format!("<{word}{number}>");
            self.names.push((id.to_owned(), name.clone()));
            name
        });
        Some((end, name))
    }
}

fn is_time(text: &[u8]) -> bool {
    let fits = |(shape, byte): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { shape == byte };
    text.len() >= TIME.len() && text.starts_with(b"20") && TIME.iter().zip(text).all(fits)
}

#[test]
fn names_stand_for_ids() {
    let mut mask = Mask::default();
    let id = |digit: &str| format!("acc_{}", digit.repeat(26));
    let text = format!("{} {} {} 2026-11-21T09:00:00.000001Z", id("0"), id("1"), id("0"));
    assert_eq!(mask.hide(&text), "<acc1> <acc2> <acc1> <time>");
    assert_eq!(mask.show("<acc2>"), id("1"));
}
