//! A new context's name and its spellings, and the placeholders in templates that stand for them.

use crate::words::places;

/// Longest name: what still fits a line wherever it is filled in.
const MAX_LENGTH: usize = 32;

/// Words that name something else to the compiler or to the database.
const RESERVED: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in",
    "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "self", "sqlite", "static", "std", "struct", "super", "test", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A name in snake case, such as `gift_cards`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name; what is wrong with it is said in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let snake = text
            .split('_')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
        if !snake {
            return Err(format!(
                "{text:?} is no name of a context: it is lower-case words joined by `_`, such as gift_cards"
            ));
        }
        if text.len() > MAX_LENGTH {
            return Err(format!("{text:?} is longer than {MAX_LENGTH} letters"));
        }
        if RESERVED.contains(&text) {
            return Err(format!("{text:?} means something to the compiler or the database; choose another"));
        }
        Ok(Self(text.to_owned()))
    }

    /// `gift_cards`: folder, crate, scopes, tables.
    pub fn snake(&self) -> &str {
        &self.0
    }

    /// `gift-cards`: routes and slugs.
    pub fn kebab(&self) -> String {
        self.0.replace('_', "-")
    }

    /// `GiftCards`: types and shapes.
    pub fn type_name(&self) -> String {
        self.0.split('_').map(capitalised).collect()
    }

    /// `Gift cards`: headings, and the group of routes.
    fn title(&self) -> String {
        capitalised(&self.0.replace('_', " "))
    }

    /// A number that tells this context's cursors from others': FNV-1a of the name.
    fn cursor(&self) -> String {
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let digits = format!("{hash:016x}");
        format!("0x{}_{}_{}_{}", &digits[..4], &digits[4..8], &digits[8..12], &digits[12..])
    }

    /// A template's text with every placeholder filled; one that stands for nothing is a fault.
    pub fn fill(&self, template: &str) -> Result<String, String> {
        let spellings = [
            ("{{name}}", self.0.clone()),
            ("{{NAME}}", self.0.to_uppercase()),
            ("{{kebab}}", self.kebab()),
            ("{{Type}}", self.type_name()),
            ("{{Title}}", self.title()),
            ("{{cursor}}", self.cursor()),
        ];
        let filled =
            spellings.iter().fold(template.to_owned(), |text, (mark, word)| text.replace(mark, word));
        match places(&filled, "{{").first() {
            Some(&at) => {
                let rest: String = filled[at..].chars().take_while(|letter| *letter != '\n').collect();
                Err(format!("a placeholder stands for nothing: {rest}"))
            }
            None => Ok(filled),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_words() {
        for good in ["parcels", "gift_cards", "a"] {
            assert_eq!(Name::parse(good).map(|name| name.0), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", "lower-case words"),
            ("Parcels", "lower-case words"),
            ("gift-cards", "lower-case words"),
            ("gift__cards", "lower-case words"),
            ("_gifts", "lower-case words"),
            ("gifts_", "lower-case words"),
            ("gifts2", "lower-case words"),
            ("gïfts", "lower-case words"),
            ("../gifts", "lower-case words"),
            ("match", "means something"),
            ("sqlite", "means something"),
            ("a_name_that_is_longer_than_any_line", "longer"),
        ] {
            let fault = Name::parse(bad).expect_err(bad);
            assert!(fault.contains(why), "{bad}: {fault}");
        }
    }

    #[test]
    fn placeholders_are_filled_or_told() {
        let name = Name::parse("gift_cards").expect("it is a name");
        let filled = name.fill("{{name}} {{NAME}} {{kebab}} {{Type}} {{Title}}");
        assert_eq!(filled.as_deref(), Ok("gift_cards GIFT_CARDS gift-cards GiftCards Gift cards"));
        assert_eq!(name.cursor().len(), "0x0000_0000_0000_0000".len());
        assert_eq!(
            name.fill("a\nb {{size}} c\nd"),
            Err("a placeholder stands for nothing: {{size}} c".to_owned())
        );
    }
}
