//! The demo plays to its end, says what happened, and leaves nothing behind.

use crate::server::command;
use serde_json::Value;

#[test]
fn the_demo_plays_and_proves_its_books() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = command(folder.path(), "demo --operations 1000 --json");
    let output = demo.env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["holds"], true, "{told}");
    let statuses: Vec<u64> =
        told["examples"].as_array().unwrap().iter().filter_map(|one| one["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 201, 400, 201, 201, 201, 400, 201, 201]);
    let asked: u64 = told["day"].as_array().unwrap().iter().filter_map(|row| row["asked"].as_u64()).sum();
    assert_eq!(asked, 1000);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something is left");
}
