//! Refusals = slugs = pages: every declared slug has a page `api/problems/<code>.md` with its status and a true
//! example, every page a slug, every slug one status and title, and some code that answers with it.
//! Slugs are declared as `Slug { code: "…", status: … }` or as rows `NAME "code" 422 "Title"` of `slugs!`.

use crate::finding::Finding;
use crate::source::Source;
use crate::tree::Tree;
use crate::words::{after_match, identifier, is_word, places, skip_space};
use std::collections::{BTreeMap, BTreeSet};

const RULE: &str = "slugs";
const PAGES: &str = "api/problems/";

/// A declared slug.
#[derive(Debug)]
struct Declared {
    path: String,
    line: usize,
    name: String,
    code: String,
    status: String,
    title: String,
}

/// Compares declarations, pages and uses.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let sources =
        || tree.sources.iter().filter(|source| !source.is_test && !source.path.starts_with("xtask/"));
    let declared: Vec<Declared> = sources().flat_map(declarations).collect();
    let mut findings = Vec::new();
    let mut first: BTreeMap<&str, &Declared> = BTreeMap::new();
    for slug in &declared {
        let other = first.entry(&slug.code).or_insert(slug);
        if (&other.status, &other.title) != (&slug.status, &slug.title) {
            let what = format!("{} is declared otherwise in {}:{}", slug.code, other.path, other.line);
            findings.push(found(slug, what, "a slug has one status and one title"));
        }
        findings.extend(page_of(tree, slug));
        let uses: usize = sources().map(|source| places(&source.code, &slug.name).len()).sum();
        if uses < 2 {
            let remedy = "answer with it, or remove the slug and its page";
            findings.push(found(slug, format!("nothing answers with {}", slug.code), remedy));
        }
    }
    let known: BTreeSet<&str> = declared.iter().map(|slug| slug.code.as_str()).collect();
    let pages =
        tree.texts.keys().filter_map(|path| Some((path, path.strip_prefix(PAGES)?.strip_suffix(".md")?)));
    for (path, code) in pages.filter(|(_, code)| *code != "README" && !known.contains(code)) {
        let what = format!("no slug is declared as {code}");
        findings.push(Finding::new(path, 1, RULE, what, "declare it, or remove the page"));
    }
    findings
}

fn found(slug: &Declared, what: String, remedy: &str) -> Finding {
    Finding::new(&slug.path, slug.line, RULE, what, remedy)
}

fn page_of(tree: &Tree, slug: &Declared) -> Option<Finding> {
    let path = format!("{PAGES}{}.md", slug.code);
    let Some(page) = tree.texts.get(&path) else {
        let remedy = format!("write {path}: cause, members, remedy, example");
        return Some(found(slug, format!("{} has no page", slug.code), &remedy));
    };
    let remedy = match () {
        () if !page.starts_with(&format!("# {}\n", slug.code)) => format!("open it with `# {}`", slug.code),
        () if !page.contains(&format!("HTTP {}", slug.status)) => format!("name `HTTP {}`", slug.status),
        () => return example(page).map(|json| example_fault(&path, slug, json))?,
    };
    Some(Finding::new(&path, 1, RULE, "the page does not fit its slug", remedy))
}

/// The page's example, if it has one.
fn example(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("```json\n")?;
    rest.split("```").next()
}

fn example_fault(path: &str, slug: &Declared, json: &str) -> Option<Finding> {
    let fault = match serde_json::from_str::<serde_json::Value>(json) {
        Err(error) => format!("the example is no JSON: {error}"),
        Ok(problem) => {
            let told = |key: &str, value: &str| problem[key].as_str() == Some(value);
            let status = problem["status"].as_u64().map(|status| status.to_string());
            let page = format!("/problems/{}", slug.code);
            let fits = told("type", &page) && told("code", &slug.code) && told("title", &slug.title);
            if fits && status.as_ref() == Some(&slug.status) {
                return None;
            }
            "the example is of another slug".to_owned()
        }
    };
    let remedy = format!("give it type, code, status {} and title {:?}", slug.status, slug.title);
    Some(Finding::new(path, 1, RULE, fault, remedy))
}

fn declarations(source: &Source) -> Vec<Declared> {
    let code = &source.code;
    let mut declared = Vec::new();
    for at in places(code, "Slug {") {
        let (start, end) = (at + 5, after_match(code, at + 5));
        if source.in_test(at) {
            continue;
        }
        let texts = (field(source, start, end, "code"), field(source, start, end, "title"));
        if let ((Some(slug), Some(title)), Some(status)) = (texts, number(code, start, end, "status")) {
            let (path, line, name) = (source.path.clone(), source.line(at), static_name(code, at));
            declared.push(Declared { path, line, name, code: slug, status, title });
        }
    }
    for at in places(code, "slugs! {") {
        let (start, end) = (at + 7, after_match(code, at + 7));
        declared.extend(rows(source, start, end));
    }
    declared
}

/// The text of a string field between two places.
fn field(source: &Source, start: usize, end: usize, name: &str) -> Option<String> {
    let at = start + places(&source.code[start..end], name).first()? + name.len();
    let quote = skip_space(&source.code, skip_space(&source.code, at) + 1);
    Some(source.literals.iter().find(|literal| literal.at == quote + 1)?.text.clone())
}

fn number(code: &str, start: usize, end: usize, name: &str) -> Option<String> {
    let at = start + places(&code[start..end], name).first()? + name.len() + 1;
    let digits = identifier(code, skip_space(code, at));
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.to_owned())
}

/// The name before `: Slug = Slug {`.
fn static_name(code: &str, at: usize) -> String {
    let colon = code[..at].rfind(':').unwrap_or(at);
    let start = code[..colon].bytes().rposition(|byte| !is_word(byte)).map_or(0, |place| place + 1);
    code[start..colon].to_owned()
}

/// Rows `NAME "code" 422 "Title"` of the macro.
fn rows(source: &Source, start: usize, end: usize) -> Vec<Declared> {
    let literals: Vec<_> =
        source.literals.iter().filter(|literal| (start..end).contains(&literal.at)).collect();
    let mut declared = Vec::new();
    for pair in literals.windows(2) {
        let [literal, title] = pair else { continue };
        let before = source.code[start..literal.at - 1].trim_end();
        let name_start = before.bytes().rposition(|byte| !is_word(byte)).map_or(0, |place| place + 1);
        let name = &before[name_start..];
        let after = literal.at + literal.text.len() + 1;
        let status = identifier(&source.code, skip_space(&source.code, after));
        if name.starts_with(|letter: char| letter.is_ascii_uppercase()) && status.parse::<u16>().is_ok() {
            declared.push(Declared {
                path: source.path.clone(),
                line: source.line(literal.at),
                name: name.to_owned(),
                code: literal.text.clone(),
                status: status.to_owned(),
                title: title.text.replace("\\\"", "\""),
            });
        }
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "pub static GONE: Slug = Slug { code: \"gone\", status: 410, title: \"x\" };\n\
                          slugs! {\n    LATE \"late\" 409 \"Too \\\"late\\\"\"\n    LOST \"lost\" 404 \"Lost\"\n}\n\
                          fn f() { (&GONE, &LATE, &LOST) }\n";

    const LATE: &str = "# late\n\nHTTP 409.\n```json\n{\"type\":\"/problems/late\",\"code\":\"late\",\"status\":409,\
                        \"title\":\"Too \\\"late\\\"\"}\n```\n";

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn slugs_and_pages_agree() {
        let pages = [
            ("a/src/refusal.rs", SOURCE),
            ("api/problems/gone.md", "# gone\n\nHTTP 410.\n"),
            ("api/problems/late.md", LATE),
            ("api/problems/lost.md", "# lost\n\nHTTP 404.\n"),
        ];
        assert!(said(&pages).is_empty());
    }

    #[test]
    fn every_disagreement_is_found() {
        let more = "pub static GONE_TOO: Slug = Slug { code: \"gone\", status: 404, title: \"y\" };\n";
        let example = "# gone\n\nHTTP 410.\n```json\n{\"code\":\"late\"}\n```\n";
        let found = said(&[
            ("a/src/refusal.rs", SOURCE),
            ("b/src/refusal.rs", more),
            ("api/problems/gone.md", example),
            ("api/problems/late.md", "# lately\n\nHTTP 409.\n"),
            ("api/problems/other.md", "# other\n"),
        ]);
        assert_eq!(
            found,
            [
                "the example is of another slug",
                "the page does not fit its slug",
                "lost has no page",
                "gone is declared otherwise in a/src/refusal.rs:1",
                "the page does not fit its slug",
                "nothing answers with gone",
                "no slug is declared as other",
            ]
        );
    }
}
