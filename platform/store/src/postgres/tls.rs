//! How a URL says that a connection is encrypted, in the words of PostgreSQL's own clients.
//!
//! | `sslmode` | what happens |
//! |---|---|
//! | missing, `disable`, `allow`, `prefer` | nothing is encrypted; for this machine and networks of one's own |
//! | `require`, `verify-ca`, `verify-full` | TLS; the server's certificate is from an authority that is trusted, and for its name |
//!
//! Trusted are the authorities of the system, or those in the file that `sslrootcert` names (PEM). The two weaker
//! modes are as strict as `verify-full`: encryption towards a server that anybody may be protects nobody.

use crate::error::Error;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to reach a database.
pub struct Target {
    /// Where, and as whom.
    pub config: Config,
    /// How TLS is spoken; not at all without.
    pub tls: Option<MakeRustlsConnect>,
}

/// Reads a URL. A driver's name in it (`postgresql+psycopg://`) is passed over.
pub fn target(url: &str) -> Result<Target, Error> {
    let wrong = |what: String| Error::Database { doing: "reading a database's URL".to_owned(), what };
    let Some((plain, mode, roots)) = take_apart(url) else {
        return Err(wrong("it does not begin with postgresql:// or postgres://".to_owned()));
    };
    let mut config: Config = plain.parse().map_err(Error::postgres("reading a database's URL"))?;
    if config.get_ssl_mode() != SslMode::Prefer {
        // Nothing that is said of TLS may be passed over.
        let what = "it says sslmode where it is not looked for; escape ? and @ in the password (%3F, %40)";
        return Err(wrong(what.to_owned()));
    }
    match mode.as_deref() {
        None | Some("disable" | "allow" | "prefer") => {
            config.ssl_mode(SslMode::Disable);
            Ok(Target { config, tls: None })
        }
        Some("require" | "verify-ca" | "verify-full") => {
            config.ssl_mode(SslMode::Require);
            let tls = client(roots.as_deref()).map_err(wrong)?;
            Ok(Target { config, tls: Some(MakeRustlsConnect::new(tls)) })
        }
        Some(other) => Err(wrong(format!(
            "sslmode={other} is none of disable, allow, prefer, require, verify-ca and verify-full"
        ))),
    }
}

/// The URL without a driver's name and without what is said of TLS; the mode; the file of authorities.
fn take_apart(url: &str) -> Option<(String, Option<String>, Option<String>)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "postgresql" | "postgres") && !scheme.starts_with("postgresql+") {
        return None;
    }
    let url = format!("postgresql://{rest}");
    // A password may have a question mark.
    let host = url.rfind('@').unwrap_or(0);
    let Some(mark) = url[host..].find('?').map(|place| host + place) else { return Some((url, None, None)) };
    let (place, query) = (&url[..mark], &url[mark + 1..]);
    let (mut mode, mut roots, mut others) = (None, None, Vec::new());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => roots = Some(unescape(value)),
            _ => others.push(part),
        }
    }
    let rest = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    Some((format!("{place}{rest}"), mode, roots))
}

/// A path out of a URL.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn client(roots: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|fault| format!("TLS cannot be spoken: {fault}"))?;
    Ok(builder.with_root_certificates(authorities(roots)?).with_no_client_auth())
}

fn authorities(roots: Option<&str>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(path) => {
            let unread = |fault| format!("sslrootcert={path} cannot be read as PEM: {fault}");
            for certificate in CertificateDer::pem_file_iter(path).map_err(unread)? {
                let certificate = certificate.map_err(unread)?;
                store.add(certificate).map_err(|fault| format!("sslrootcert={path}: {fault}"))?;
            }
        }
        None => {
            // Some of a system's many may be unreadable; what counts is that there are any.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    match store.is_empty() {
        true => Err("no authority is trusted: name a file of them, sslrootcert=/path/to/ca.pem".to_owned()),
        false => Ok(store),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let rows = [
            ("postgresql+psycopg://a:b@c/d", ("postgresql://a:b@c/d", None, None)),
            ("postgresql://c/d?sslmode=require", ("postgresql://c/d", Some("require"), None)),
            (
                "postgresql://c/d?application_name=x&sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-full",
                ("postgresql://c/d?application_name=x", Some("verify-full"), Some("/etc/ca.pem")),
            ),
            ("postgres://u:pa?ss@h/d?sslmode=require", ("postgresql://u:pa?ss@h/d", Some("require"), None)),
            ("postgresql://c/d?sslrootcert=/a%zz", ("postgresql://c/d", None, Some("/a%zz"))),
        ];
        for (url, (plain, mode, roots)) in rows {
            let (found, of, by) = take_apart(url).unwrap();
            assert_eq!((&*found, of.as_deref(), by.as_deref()), (plain, mode, roots), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let said = |url: &str| target(url).map(drop).unwrap_err().to_string();
        assert!(said("postgresql://c/d?sslmode=always").contains("sslmode=always is none of"));
        assert!(said("host=h dbname=d sslmode=require").contains("does not begin with"));
        // What follows the last @ is looked at: here that hides the mode, which must not be lost.
        assert!(target("postgresql://u:p@h/d?sslmode=require&application_name=a@b").is_err());
        let missing = "postgresql://c/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem";
        assert!(said(missing).contains("/nowhere/ca.pem cannot be read"));
    }
}
