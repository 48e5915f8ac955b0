//! Where the binary is: `CONCORD_BIN`, or beside this test's own target folder, built first if missing or stale.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// What the binary is made of.
const SOURCES: [&str; 6] = ["app", "contexts", "kernel", "platform", "api", "Cargo.lock"];

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The binary under test.
pub fn concord() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| std::env::var_os("CONCORD_BIN").map_or_else(built, PathBuf::from))
}

fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // target/<profile>/deps/e2e-…
    let profile = own.parent().and_then(Path::parent).unwrap();
    let binary = profile.join("concord");
    if !is_fresh(&binary) {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--locked", "--package", "concord", "--target-dir"]);
        build.arg(profile.parent().unwrap()).current_dir(root());
        match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => {}
            Some(name) => drop(build.args(["--profile", name])),
        }
        assert!(build.status().unwrap().success(), "cargo build --package concord failed");
    }
    assert!(binary.is_file(), "{} is missing", binary.display());
    binary
}

/// Whether nothing it is made of is younger. With `cargo test --workspace` it always is.
fn is_fresh(binary: &Path) -> bool {
    let Ok(made) = binary.metadata().and_then(|meta| meta.modified()) else { return false };
    SOURCES.iter().all(|source| newest(&root().join(source)) <= made)
}

fn newest(path: &Path) -> SystemTime {
    let Ok(meta) = path.metadata() else { return SystemTime::UNIX_EPOCH };
    if !meta.is_dir() {
        return meta.modified().unwrap();
    }
    let inside = std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
    let counts = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name != "tests" && name != "target" && (path.is_dir() || name != "README.md")
    };
    inside.filter(counts).map(|path| newest(&path)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}
