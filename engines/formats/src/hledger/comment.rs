//! Comments and the tags in them: a word, a colon, and a value up to a comma or the line's end.

use crate::model::Tag;

/// Adds what one line of comment says: its tags, and the text around them as a line of its own.
pub(super) fn read(line: &str, tags: &mut Vec<Tag>, text: &mut String) {
    let mut around = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once(':') {
        let name = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let free = &before[..before.len() - name.len()];
        if name.is_empty() {
            join(&mut around, before);
            around.push(':');
            rest = behind;
            continue;
        }
        join(&mut around, free);
        let (value, behind) = behind.split_once(',').unwrap_or((behind, ""));
        tags.push((name.to_owned(), value.trim().to_owned()));
        rest = behind;
    }
    join(&mut around, rest);
    let around = around.trim().trim_end_matches(',').trim_end();
    if around.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(around);
}

fn join(text: &mut String, piece: &str) {
    let piece = piece.trim();
    if !piece.is_empty() && !text.is_empty() {
        text.push(' ');
    }
    text.push_str(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_stand_between_words() {
        for (line, around, tags) in [
            (" bought food", "bought food", ""),
            (" bought food, kind:groceries", "bought food", "kind=groceries;"),
            (" a:, b: x y ,c", "c", "a=;b=x y;"),
            (" see http://x.org", "see", "http=//x.org;"),
            (" : odd", ": odd", ""),
            ("", "", ""),
        ] {
            let (mut found, mut text) = (Vec::new(), String::new());
            read(line, &mut found, &mut text);
            let found: String = found.iter().map(|(name, value)| format!("{name}={value};")).collect();
            assert_eq!((text.as_str(), found.as_str()), (around, tags), "{line:?}");
        }
    }
}
