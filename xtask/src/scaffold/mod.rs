//! `cargo xtask new-context NAME`: a context that compiles, migrates, answers over HTTP and is tested, and is wired.
//! What it writes stands in `xtask/templates`. It plans first: a name that is taken or a mark that is missing stops
//! it before anything is written. Leaves out: whatever has to be built to be known; it prints those commands.

mod edit;
mod name;
#[cfg(test)]
mod tests;

use crate::words;
use edit::Edit;
use name::Name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the templates are, from the workspace's root.
const TEMPLATES: &str = "xtask/templates";
/// How a template's file ends; the rest is the name of what is made of it.
const ENDING: &str = ".tmpl";
/// Files of every context that a crate of the same name would hide.
const MODULES: &[&str] = &["http", "model", "refusal", "rules", "store"];

/// What is to be written, by path from the workspace's root.
#[derive(Debug)]
pub struct Plan {
    /// New files.
    pub files: BTreeMap<String, String>,
    /// Files that are there, as they will be.
    pub edited: BTreeMap<String, String>,
    /// What to tell afterwards.
    pub next: String,
}

/// Makes a context and returns what to tell.
pub fn new_context(root: &Path, name: &str) -> Result<String, String> {
    let plan = plan(root, name)?;
    for (path, text) in plan.files.iter().chain(&plan.edited) {
        write(&root.join(path), text)?;
    }
    let told = |verb: &str, paths: &BTreeMap<String, String>| -> String {
        paths.keys().map(|path| format!("{verb} {path}\n")).collect()
    };
    Ok(format!("{}{}\n{}", told("made   ", &plan.files), told("changed", &plan.edited), plan.next))
}

/// What making this context means. Nothing is written.
pub fn plan(root: &Path, name: &str) -> Result<Plan, String> {
    let name = Name::parse(name)?;
    let templates = root.join(TEMPLATES);
    let mut files = BTreeMap::new();
    for (folder, to) in
        [("context", format!("contexts/{}", name.snake())), ("problems", "api/problems".into())]
    {
        for (path, template) in read_folder(&templates.join(folder))? {
            let path = name.fill(path.trim_end_matches(ENDING))?;
            if path.ends_with(".rs") && words::contains(&template, &name.type_name()) {
                return Err(taken(
                    &name,
                    &format!("its type would be a second `{}` in {path}", name.type_name()),
                ));
            }
            files.insert(format!("{to}/{path}"), name.fill(&template)?);
        }
    }
    check_free(root, &name, files.keys())?;
    let edits = Edit::list(&read(&templates.join("edits.toml"))?, &name)?;
    let edited = edit::apply_all(&edits, |file| read(&root.join(file)))
        .map_err(|faults| format!("nothing was written, for a new context has no place:\n  {faults}"))?;
    let next = name.fill(&read(&templates.join("next.txt"))?)?;
    Ok(Plan { files, edited, next })
}

fn taken(name: &Name, why: &str) -> String {
    format!("a context cannot be named {}: {why}", name.snake())
}

/// Refuses a name that something has already: a folder, a crate, a module or field of the program, a route, a prefix.
fn check_free<'a>(root: &Path, name: &Name, paths: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let refuse = |why: String| Err(taken(name, &why));
    let (snake, kebab) = (name.snake(), name.kebab());
    if root.join("contexts").join(snake).exists() {
        return refuse(format!("contexts/{snake} is there already"));
    }
    if let Some(path) = paths.into_iter().find(|path| root.join(path).exists()) {
        return refuse(format!("{path} is there already"));
    }
    let manifest: toml::Table =
        read(&root.join("Cargo.toml"))?.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let used = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies")?.as_table());
    let mut crates = used.into_iter().flat_map(toml::Table::keys).map(|key| key.replace('-', "_"));
    if snake == "concord" || snake == "xtask" || crates.any(|other| other == snake) {
        return refuse("a crate has the name".to_owned());
    }
    let module = root.join("app/src").join(snake);
    if MODULES.contains(&snake) || module.exists() || module.with_extension("rs").exists() {
        return refuse("a module has the name".to_owned());
    }
    if read(&root.join("app/src/wiring.rs"))?.contains(&format!("pub {snake}: ")) {
        return refuse("a field of app/src/wiring.rs has the name".to_owned());
    }
    let described = read(&root.join("api/openapi.json"))?;
    if [format!("\"/v1/{kebab}\""), format!("\"/v1/{kebab}/")].iter().any(|path| described.contains(path)) {
        return refuse(format!("the route /v1/{kebab} belongs to another"));
    }
    if read(&root.join("kernel/src/id.rs"))?.contains(&format!("= \"{snake}\";")) {
        return refuse("ids of another kind have the prefix".to_owned());
    }
    Ok(())
}

/// Every file of a folder, by path from there.
fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut texts = BTreeMap::new();
    let mut waiting: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        if path.is_dir() {
            for item in std::fs::read_dir(&path).map_err(failed)? {
                waiting.push(item.map_err(failed)?.path());
            }
        } else if path.to_string_lossy().ends_with(ENDING) {
            let inside = path.strip_prefix(folder).expect("it was found there");
            texts.insert(inside.to_string_lossy().into_owned(), read(&path)?);
        }
    }
    Ok(texts)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error| format!("cannot write {}: {error}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    std::fs::write(path, text).map_err(failed)
}
