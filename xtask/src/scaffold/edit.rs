//! Edits of files that are there: a line above a mark, or among lines that are sorted. An edit that does not find
//! its place says so, and nothing is written.

use super::name::Name;
use std::collections::BTreeMap;

/// One edit, its text filled in.
#[derive(Debug)]
pub struct Edit {
    /// The file, from the workspace's root.
    pub file: String,
    place: Place,
    lines: Vec<String>,
}

/// Where the lines go.
#[derive(Debug)]
enum Place {
    /// Above the only line that is this mark.
    Above(String),
    /// Among the lines that begin so, after the last that sorts before.
    Among(String),
}

impl Edit {
    /// Reads all edits of a list.
    pub fn list(text: &str, name: &Name) -> Result<Vec<Self>, String> {
        let table: toml::Table = text.parse().map_err(|error| format!("the list of edits: {error}"))?;
        let edits = table.get("edit").and_then(toml::Value::as_array);
        edits.into_iter().flatten().map(|edit| Self::read(edit, name)).collect()
    }

    fn read(edit: &toml::Value, name: &Name) -> Result<Self, String> {
        let field = |key: &str| edit.get(key).and_then(toml::Value::as_str);
        let missing = |key: &str| format!("an edit has no `{key}`: {edit}");
        let file = field("file").ok_or_else(|| missing("file"))?.to_owned();
        let place = match (field("above"), field("among")) {
            (Some(mark), None) => Place::Above(mark.to_owned()),
            (None, Some(beginning)) => Place::Among(beginning.to_owned()),
            _ => return Err(missing("above` or `among")),
        };
        let text = name.fill(field("text").ok_or_else(|| missing("text"))?)?;
        Ok(Self { file, place, lines: text.lines().map(str::to_owned).collect() })
    }

    /// What the edit inserts.
    #[cfg(test)]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The text with the lines in it.
    fn apply(&self, text: &str) -> Result<String, String> {
        let lines: Vec<&str> = text.lines().collect();
        let at = match &self.place {
            Place::Above(mark) => {
                let found: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].trim() == mark).collect();
                match found.as_slice() {
                    [only] => *only,
                    [] => return Err(format!("{} has no line `{mark}`", self.file)),
                    many => return Err(format!("{} has {} lines `{mark}`", self.file, many.len())),
                }
            }
            Place::Among(beginning) => {
                let mut among = (0..lines.len()).filter(|&at| lines[at].starts_with(beginning.as_str()));
                let first = among.clone().next();
                let before =
                    among.rfind(|&at| self.lines.first().is_some_and(|own| lines[at] < own.as_str()));
                match (before, first) {
                    (Some(before), _) => before + 1,
                    (None, Some(first)) => first,
                    (None, None) => {
                        return Err(format!("{} has no line that begins with `{beginning}`", self.file));
                    }
                }
            }
        };
        let own = self.lines.iter().map(String::as_str);
        let all = lines[..at].iter().copied().chain(own).chain(lines[at..].iter().copied());
        Ok(all.map(|line| format!("{line}\n")).collect())
    }
}

/// The files as all edits leave them; `read` gives a file's text. Every edit without a place is told.
pub fn apply_all(
    edits: &[Edit],
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut faults = Vec::new();
    for edit in edits {
        let before = match texts.get(&edit.file) {
            Some(text) => Ok(text.clone()),
            None => read(&edit.file),
        };
        match before.and_then(|text| edit.apply(&text)) {
            Ok(after) => {
                texts.insert(edit.file.clone(), after);
            }
            Err(fault) => faults.push(fault),
        }
    }
    faults.dedup();
    if faults.is_empty() { Ok(texts) } else { Err(faults.join("\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(list: &str, text: &str) -> Result<String, String> {
        let name = Name::parse("parcels").expect("it is a name");
        let edits = Edit::list(list, &name)?;
        apply_all(&edits, |_| Ok(text.to_owned())).map(|texts| texts["a"].clone())
    }

    const ABOVE: &str = "[[edit]]\nfile = \"a\"\nabove = \"// here\"\ntext = \"  {{name}}\"\n";
    const AMONG: &str = "[[edit]]\nfile = \"a\"\namong = \"- \"\ntext = \"- {{name}}\"\n";

    #[test]
    fn lines_go_above_their_mark() {
        assert_eq!(applied(ABOVE, "x\n  // here\ny\n").as_deref(), Ok("x\n  parcels\n  // here\ny\n"));
        assert_eq!(applied(ABOVE, "x // here\n"), Err("a has no line `// here`".to_owned()));
        assert_eq!(applied(ABOVE, "// here\n// here\n"), Err("a has 2 lines `// here`".to_owned()));
    }

    #[test]
    fn lines_go_among_the_sorted() {
        assert_eq!(applied(AMONG, "x\n- a\n- z\ny\n").as_deref(), Ok("x\n- a\n- parcels\n- z\ny\n"));
        assert_eq!(applied(AMONG, "x\n- q\n- z\n").as_deref(), Ok("x\n- parcels\n- q\n- z\n"));
        assert_eq!(applied(AMONG, "- a\n- b\ny\n").as_deref(), Ok("- a\n- b\n- parcels\ny\n"));
        assert_eq!(applied(AMONG, "x\n"), Err("a has no line that begins with `- `".to_owned()));
    }

    #[test]
    fn a_list_says_what_it_lacks() {
        assert!(
            applied("[[edit]]\nfile = \"a\"\ntext = \"b\"\n", "").is_err_and(|fault| fault.contains("above"))
        );
        let both = format!("{ABOVE}\n{AMONG}");
        assert_eq!(
            applied(&both, "x\n"),
            Err("a has no line `// here`\n  a has no line that begins with `- `".to_owned())
        );
    }
}
