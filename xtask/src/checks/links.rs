//! Links of Markdown files to files of the tree resolve. Links into the web are not followed.

use crate::finding::Finding;
use crate::tree::Tree;

/// Checks every Markdown file; code is skipped.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".md")) {
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                for target in targets(line).into_iter().filter(|target| !resolves(tree, path, target)) {
                    let what = format!("the link to {target} leads nowhere");
                    let remedy = "name a file of the tree, relative to this one";
                    findings.push(Finding::new(path, index + 1, "links", what, remedy));
                }
            }
        }
    }
    findings
}

/// What `[…](target)` names, outside inline code.
fn targets(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
    let starts = prose.match_indices("](").map(|(at, _)| at + 2);
    starts
        .filter_map(|start| {
            let rest = &prose[start..];
            Some(rest[..rest.find(')')?].split(' ').next().unwrap_or_default().to_owned())
        })
        .collect()
}

fn resolves(tree: &Tree, from: &str, target: &str) -> bool {
    let file = target.split('#').next().unwrap_or(target);
    if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
        return true;
    }
    let mut rooms: Vec<&str> = from.split('/').collect();
    rooms.pop();
    for room in file.trim_end_matches('/').split('/') {
        match room {
            "" => rooms.clear(),
            "." => {}
            ".." => {
                if rooms.pop().is_none() {
                    return false;
                }
            }
            name => rooms.push(name),
        }
    }
    rooms.is_empty() || tree.paths.contains(&rooms.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::places;

    #[test]
    fn dead_links_are_found() {
        let text = "[a](b/c.md#d) [e](https://x.y) `[f](g)` [h](../a/b) [i](#j)\n```\n[k](l)\n```\n[m](gone.md)\n\
                    [n](../../up.md)\n";
        let files = [("a/README.md", text), ("a/b/c.md", "")];
        assert_eq!(places(check, &files), ["a/README.md:5 links", "a/README.md:6 links"]);
    }
}
