//! TLS with a private authority: a server of this test's own, whose certificate is for 127.0.0.1 alone.

use crate::house::{MIGRATIONS, schema, server};
use kernel::SystemClock;
use platform_store::Error;
use platform_store::postgres::RowStore;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A server that is stopped again, whatever happens.
struct Server {
    folder: PathBuf,
    url: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proof/services/postgres.sh")
}

impl Server {
    fn start(folder: &Path) -> Self {
        let started = ran(Command::new(script()).arg("start").arg(folder));
        let url = String::from_utf8(started.stdout).unwrap().trim().to_owned();
        Self { folder: folder.to_owned(), url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(script()).arg("stop").arg(&self.folder).status();
    }
}

/// An authority, by name.
fn authority(folder: &Path, name: &str) {
    let subject = format!("/CN={name}");
    let made =
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(made).args(["-subj", &subject]);
    openssl.args(["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"]);
    ran(openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]));
}

/// A certificate of the server, signed by an authority, where the server looks for it.
fn certify(folder: &Path, server: &Server) {
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args([
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]);
    ran(openssl.args(["-subj", "/CN=database", "-keyout", "server.key", "-out", "server.csr"]));
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["x509", "-req", "-in", "server.csr", "-days", "2", "-CAcreateserial"]);
    openssl.args(["-CA", "ours.pem", "-CAkey", "ours.key", "-extfile", "names", "-out", "server.crt"]);
    ran(&mut openssl);
    let data = server.folder.join("data");
    for name in ["server.crt", "server.key"] {
        ran(Command::new("install").args(["-m", "600"]).arg(folder.join(name)).arg(data.join(name)));
        ran(Command::new("chown").arg("--reference").arg(data.join("postgresql.conf")).arg(data.join(name)));
    }
}

async fn run(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.simple_query(sql).await.unwrap();
}

async fn open(url: &str, name: &'static str) -> Result<RowStore, String> {
    let store = RowStore::open(url, name, &MIGRATIONS, Arc::new(SystemClock::default())).await;
    store.map_err(|fault| format!("{fault}: {:?}", fault.source()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_for_its_servers_alone() {
    if server().is_none() {
        return;
    }
    if Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "openssl makes this test's certificates");
        eprintln!("NOT RUN: openssl makes this test's certificates");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The server may run as another user, who has to get to its directory.
    ran(Command::new("chmod").arg("755").arg(folder.path()));
    let server = Server::start(&folder.path().join("pg"));
    ["ours", "others"].into_iter().for_each(|name| authority(folder.path(), name));
    certify(folder.path(), &server);
    run(&server.url, "ALTER SYSTEM SET ssl = on").await;
    run(&server.url, "SELECT pg_reload_conf()").await;

    let name = schema("tls");
    let with = |authority: &str| {
        let path = folder.path().join(format!("{authority}.pem"));
        format!("{}?sslmode=verify-full&sslrootcert={}", server.url, path.display())
    };
    let store = open(&with("ours"), name).await.unwrap();
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let read: Result<Option<bool>, Error> =
        store.read(move |reader| reader.row(encrypted, [], |row| row.get(0))).await;
    assert_eq!(read.unwrap(), Some(true));
    let stranger = open(&with("others"), name).await.map(drop).unwrap_err();
    assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    let misnamed = open(&with("ours").replace("127.0.0.1", "localhost"), name).await.map(drop).unwrap_err();
    assert!(misnamed.contains("NotValidForName"), "{misnamed}");
    let system = open(&format!("{}?sslmode=verify-full", server.url), name).await.map(drop).unwrap_err();
    assert!(system.contains("UnknownIssuer") || system.contains("no authority"), "{system}");
}
