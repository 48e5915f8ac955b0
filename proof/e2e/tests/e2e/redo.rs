//! Names of customers do not stay in the journal: a live server destroys the redo of the rows it changed once the
//! file of rows has them for good, and starts, verifies and backs up as before.

use crate::json::list;
use crate::server::{Server, run, until};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What nothing else in the journal says.
const SURNAME: &str = "Beeblebrox-Prefect";
/// The keeper looks once a second.
const SOON: Duration = Duration::from_secs(60);

fn segments(journal: &Path) -> Vec<std::path::PathBuf> {
    let names = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        names.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    segments.sort();
    segments
}

fn names_in(segment: &Path) -> usize {
    let bytes = fs::read(segment).unwrap();
    bytes.windows(SURNAME.len()).filter(|part| *part == SURNAME.as_bytes()).count()
}

#[test]
fn a_live_server_destroys_what_no_file_needs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = server.client();
    let journal = folder.path().join("data/journal");
    let mut made = 0;
    while segments(&journal).len() < 2 {
        let body = format!(r#"{{"login":"zaphod {made}","name":"Zaphod {SURNAME}"}}"#);
        client.post("/clients", &body).ok(201);
        made += 1;
    }
    let first = segments(&journal).remove(0);
    until(SOON, "the redo of the first segment to go", || names_in(&first) == 0);
    println!("{made} customers, then their names were gone from the first segment");
    let (code, out, err) = run(folder.path(), "verify");
    assert_eq!(code, 0, "{out}{err}");
    let (code, out, err) = run(folder.path(), "backup copy");
    assert_eq!(code, 0, "{out}{err}");
    let server = server.again();
    let listed = server.client().get("/v1/customers?limit=2").ok(200);
    assert_eq!(list(&listed, "data").len(), 2, "{listed}");
    drop(server);
    let (code, out, err) = run(folder.path(), "restore copy --data-dir restored");
    assert_eq!(code, 0, "{out}{err}");
}
